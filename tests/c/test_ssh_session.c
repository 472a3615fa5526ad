/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole SSH sessions through the public API: a client and a server of our own, from the first line to the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_story.h"
#include "ssh_trust.h"

#define BULK ((size_t)3 << 20)

/* Configs of this test, made by open_pair() and friends. */
static sessile_ssh_config *client_config, *server_config;

static void use_configs(const char *cipher)
{
    client_config = ssh_client_config(cipher);
    server_config = ssh_server_config(cipher);
}

static void drop_configs(void)
{
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
    client_config = server_config = NULL;
}

static void open_pair(struct ssh_pair *pair)
{
    use_configs(NULL);
    ssh_pair_open(pair, client_config, server_config);
}

static void close_pair(struct ssh_pair *pair)
{
    ssh_pair_free(pair);
    drop_configs();
}

static uint8_t *bulk_bytes(void)
{
    uint8_t *data = need_memory(malloc(BULK));
    uint32_t state = 7;

    for (size_t i = 0; i < BULK; i++)
        data[i] = (uint8_t)(random_next(&state) >> 8);
    return data;
}

/* ---- from beginning to end ---- */

static void tell(const char *cipher, const char *compression, const char *kex)
{
    struct ssh_pair pair;

    client_config = ssh_story_client(cipher);
    server_config = ssh_story_server(cipher);
    if (compression) {
        SSH_MUST(sessile_ssh_config_set_algorithms(client_config, SESSILE_SSH_COMPRESSION, compression));
        SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_COMPRESSION, compression));
    }
    if (kex) {
        SSH_MUST(sessile_ssh_config_set_algorithms(client_config, SESSILE_SSH_KEX, kex));
        SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_KEX, kex));
    }
    ssh_story_init(&pair, client_config, server_config);
    ssh_story_tell(&pair);
    close_pair(&pair);
}

static void a_session_is_told_from_beginning_to_end(void **state)
{
    (void)state;
    tell(NULL, NULL, NULL);
}

/* Each name of a list that this build has. */
static void for_each_name(int kind, void (*call)(const char *name))
{
    char list[4096];
    int size = sessile_ssh_algorithms(kind, list, sizeof list - 1);
    size_t count = 0;

    assert_true(size > 0 && size < (int)sizeof list);
    list[size] = 0;
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        call(name);
        count++;
    }
    assert_true(count > 1);
}

static void tell_cipher(const char *name)
{
    tell(name, NULL, NULL);
}

static void tell_mac(const char *name)
{
    char both[128];

    snprintf(both, sizeof both, "aes128-ctr %s", name);
    tell(both, NULL, NULL);
}

static void every_cipher_and_mac_carries_a_session(void **state)
{
    (void)state;
    for_each_name(SESSILE_SSH_CIPHERS, tell_cipher);
    for_each_name(SESSILE_SSH_MACS, tell_mac);
}

static void a_compressed_session_is_the_same(void **state)
{
    (void)state;
    tell(NULL, "zlib@openssh.com", NULL);
    tell("aes256-ctr hmac-sha2-256", "zlib@openssh.com", NULL);
}

static void both_ends_know_what_was_negotiated(void **state)
{
    static const struct {
        int info;
        const char *is;
    } infos[] = {
        {SESSILE_SSH_INFO_KEX, "curve25519-sha256"},
        {SESSILE_SSH_INFO_HOST_KEY, "ssh-ed25519"},
        {SESSILE_SSH_INFO_CIPHER_OUT, "aes256-ctr"},
        {SESSILE_SSH_INFO_CIPHER_IN, "aes256-ctr"},
        {SESSILE_SSH_INFO_MAC_OUT, "hmac-sha2-256-etm@openssh.com"},
        {SESSILE_SSH_INFO_MAC_IN, "hmac-sha2-256-etm@openssh.com"},
        {SESSILE_SSH_INFO_COMPRESSION_OUT, "none"},
        {SESSILE_SSH_INFO_COMPRESSION_IN, "none"},
        {SESSILE_SSH_INFO_USER, "alice"},
        {SESSILE_SSH_INFO_METHODS, "password"},
        {SESSILE_SSH_INFO_STRICT, "1"},
    };
    uint8_t ids[2][64];
    struct ssh_pair pair;

    (void)state;
    use_configs("aes256-ctr");
    SSH_MUST(sessile_ssh_config_set_algorithms(client_config, SESSILE_SSH_MACS, "hmac-sha2-256-etm@openssh.com"));
    SSH_MUST(sessile_ssh_config_set_software(server_config, "Test_1"));
    ssh_pair_open(&pair, client_config, server_config);
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        assert_string_equal(sessile_ssh_info(pair.client.session, infos[i].info), infos[i].is);
        assert_string_equal(sessile_ssh_info(pair.server.session, infos[i].info), infos[i].is);
    }
    assert_string_equal(sessile_ssh_info(pair.client.session, SESSILE_SSH_INFO_PEER), "SSH-2.0-Test_1");
    assert_string_equal(sessile_ssh_info(pair.client.session, SESSILE_SSH_INFO_CAN_CONTINUE),
                        "publickey,password,keyboard-interactive");
    assert_has(sessile_ssh_info(pair.client.session, SESSILE_SSH_INFO_SIGNATURES), "ssh-ed25519");
    assert_string_equal(sessile_ssh_info(pair.client.session, 99), "");
    assert_int_equal(sessile_ssh_session_id(pair.client.session, ids[0], 64), 32);
    assert_int_equal(sessile_ssh_session_id(pair.server.session, ids[1], 64), 32);
    assert_memory_equal(ids[0], ids[1], 32);
    assert_true(sessile_key_equal(sessile_ssh_host_key(pair.client.session), trust_key("ed25519 host")));
    assert_null(sessile_ssh_user_key(pair.server.session));
    close_pair(&pair);
}

static void messages_are_traced_in_their_order(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;

    (void)state;
    use_configs(NULL);
    ssh_pair_init(&pair, client_config, server_config);
    pair.client.traced = pair.server.traced = 1;
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_ssh_ready(&pair);
    flow = ssh_peer_exec(&pair.client, "x");
    ssh_flow_write(flow, "y", 1);
    ssh_pair_run(&pair);
    assert_has(journal_text(&pair.server.trace),
               "<identification >KEXINIT <KEXINIT <KEX_INIT >KEX_REPLY >NEWKEYS >EXT_INFO <NEWKEYS <SERVICE_REQUEST "
               ">SERVICE_ACCEPT <USERAUTH_REQUEST >USERAUTH_FAILURE <USERAUTH_REQUEST >USERAUTH_SUCCESS");
    assert_has(journal_text(&pair.client.trace), "<EXT_INFO <SERVICE_ACCEPT >USERAUTH_REQUEST <USERAUTH_FAILURE "
                                                 ">USERAUTH_REQUEST <USERAUTH_SUCCESS");
    assert_has(journal_text(&pair.server.trace), "<CHANNEL_REQUEST");
    close_pair(&pair);
}

/* ---- the host key ---- */

static void start(struct ssh_pair *pair)
{
    assert_int_equal(ssh_pair_start(pair), SESSILE_OK);
    ssh_pair_run(pair);
}

static void a_host_key_that_is_refused_ends_both(void **state)
{
    static const enum ssh_answer answers[] = {SSH_NO, SSH_NOT, SSH_DROP};
    struct ssh_pair pair;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        use_configs(NULL);
        ssh_pair_init(&pair, client_config, server_config);
        pair.client.answers[SESSILE_QUESTION_SSH_HOST_KEY] = answers[i];
        start(&pair);
        assert_ssh_failed(&pair.client, SESSILE_ERR_REFUSED, "host key");
        assert_ssh_failed(&pair.server, SESSILE_ERR_PEER, "9: host key not verifiable");
        assert_int_equal(ssh_peer_saw(&pair.server, "user"), 0);
        close_pair(&pair);
    }
}

static void a_host_key_may_be_accepted_later(void **state)
{
    struct ssh_pair pair;

    (void)state;
    use_configs(NULL);
    ssh_pair_init(&pair, client_config, server_config);
    pair.client.answers[SESSILE_QUESTION_SSH_HOST_KEY] = SSH_KEEP;
    start(&pair);
    assert_non_null(pair.client.question);
    assert_string_equal(ssh_item(pair.client.question, SESSILE_ITEM_HOST, 0), "host.example");
    assert_string_equal(ssh_item(pair.client.question, SESSILE_ITEM_PORT, 0), "22");
    assert_int_equal(sessile_session_want(pair.client.session), 0);
    assert_int_equal(ssh_accept(&pair.client), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_ssh_ready(&pair);
    close_pair(&pair);
}

static void nothing_is_answered_where_nobody_is_asked(void **state)
{
    sessile_ssh_config *known;
    struct ssh_pair pair;
    int role;

    (void)state;
    for (role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        use_configs(NULL);
        known = role == SESSILE_CLIENT ? client_config : NULL;
        if (known)
            SSH_MUST(sessile_ssh_config_insecure_any_host_key(known, 1));
        ssh_pair_init(&pair, client_config, server_config);
        for (int i = 0; i < SSH_KINDS; i++)
            (role == SESSILE_CLIENT ? &pair.client : &pair.server)->answers[i] = SSH_NOT;
        start(&pair);
        assert_false(pair.client.ready || pair.server.ready);
        assert_true(pair.client.closed && pair.server.closed);
        close_pair(&pair);
    }
}

/* ---- the end ---- */

static void an_end_is_clean_on_both_sides(void **state)
{
    struct ssh_pair pair;

    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        open_pair(&pair);
        sessile_session_end(role == SESSILE_CLIENT ? pair.client.session : pair.server.session);
        ssh_pair_run(&pair);
        assert_ssh_ended(&pair.client);
        assert_ssh_ended(&pair.server);
        close_pair(&pair);
    }
}

static void a_reason_to_disconnect_arrives_escaped(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    assert_int_equal(sessile_ssh_disconnect(pair.server.session, 0, "x"), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_disconnect(pair.server.session, 12, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_disconnect(pair.server.session, 12, "too \033[31mmany"), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_ssh_ended(&pair.server);
    assert_ssh_failed(&pair.client, SESSILE_ERR_PEER, "12: too ");
    assert_has(journal_text(&pair.client.log), "notice6(12: too ");
    assert_null(strchr(journal_text(&pair.client.log), '\033'));
    close_pair(&pair);
}

static void a_wire_that_goes_away_is_judged_by_what_was_open(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    ssh_peer_wire_gone(&pair.client);
    assert_ssh_failed(&pair.client, SESSILE_ERR_DROPPED, "without DISCONNECT");
    close_pair(&pair);
    open_pair(&pair);
    ssh_peer_exec(&pair.client, "x");
    ssh_peer_wire_gone(&pair.server);
    assert_ssh_failed(&pair.server, SESSILE_ERR_TRUNCATED, "channels open");
    assert_int_equal(pair.server.flows[0].error, SESSILE_ERR_TRUNCATED);
    close_pair(&pair);
    open_pair(&pair);
    ssh_peer_inject(&pair.client, "\0\0\0", 3);
    ssh_peer_move(&pair.client);
    ssh_peer_wire_gone(&pair.client);
    assert_ssh_failed(&pair.client, SESSILE_ERR_TRUNCATED, "3 bytes of a packet");
    close_pair(&pair);
}

/* However far it got: after each portion of the handshake. */
static void a_wire_that_goes_away_in_the_handshake_is_truncated(void **state)
{
    struct ssh_pair pair;
    int moves = 0, over = 0;

    (void)state;
    while (!over) {
        use_configs(NULL);
        ssh_pair_init(&pair, client_config, server_config);
        assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
        for (int i = 0; i < moves; i++)
            ssh_peer_move(i % 2 ? &pair.client : &pair.server);
        over = pair.client.ready && pair.server.ready;
        ssh_peer_wire_gone(&pair.client);
        ssh_peer_wire_gone(&pair.server);
        assert_ssh_failed(&pair.client, pair.client.ready ? SESSILE_ERR_DROPPED : SESSILE_ERR_TRUNCATED, "wire closed");
        assert_ssh_failed(&pair.server, pair.server.ready ? SESSILE_ERR_DROPPED : SESSILE_ERR_TRUNCATED, "wire closed");
        close_pair(&pair);
        moves++;
    }
    assert_true(moves > 5);
}

static void ending_before_ready_is_an_abort(void **state)
{
    struct ssh_pair pair;

    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        struct ssh_peer *peer = role == SESSILE_CLIENT ? &pair.client : &pair.server;

        use_configs(NULL);
        ssh_pair_init(&pair, client_config, server_config);
        pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_KEEP;
        start(&pair);
        assert_non_null(pair.server.question);
        assert_int_equal(sessile_session_detach(peer->session), SESSILE_ERR_MISUSE);
        assert_int_equal(sessile_session_end(peer->session), SESSILE_OK);
        assert_ssh_failed(peer, SESSILE_ERR_ABORTED, "authentication");
        ssh_pair_run(&pair);
        assert_true(peer->other->closed || peer->role == SESSILE_CLIENT);
        sessile_question_free(pair.server.question);
        ssh_pair_run(&pair);
        close_pair(&pair);
    }
}

static void aborting_sends_nothing(void **state)
{
    struct ssh_pair pair;
    size_t flights;

    (void)state;
    open_pair(&pair);
    flights = pair.client.flights;
    assert_int_equal(sessile_session_abort(pair.client.session), SESSILE_OK);
    assert_int_equal(pair.client.flights, flights);
    assert_ssh_failed(&pair.client, SESSILE_ERR_ABORTED, "");
    ssh_pair_run(&pair);
    assert_ssh_failed(&pair.server, SESSILE_ERR_DROPPED, "");
    close_pair(&pair);
}

static void a_send_that_fails_ends_the_session(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    pair.client.send_fails = 1;
    sessile_ssh_send_ignore(pair.client.session, 10);
    assert_ssh_failed(&pair.client, SESSILE_ERR_COMM, "send failed");
    close_pair(&pair);
}

/* ---- new keys ---- */

static void either_side_may_ask_for_new_keys_at_any_time(void **state)
{
    struct ssh_pair pair;
    uint8_t before[64], after[64];

    (void)state;
    open_pair(&pair);
    assert_int_equal(sessile_ssh_session_id(pair.client.session, before, 64), 32);
    for (int i = 1; i <= 9; i++) {
        if (i % 3 != 1) /* one, the other, and both at once */
            assert_int_equal(sessile_ssh_rekey(pair.client.session), SESSILE_OK);
        if (i % 3 != 2)
            assert_int_equal(sessile_ssh_rekey(pair.server.session), SESSILE_OK);
        assert_int_equal(sessile_ssh_rekey(pair.server.session), SESSILE_OK);
        ssh_pair_run(&pair);
        assert_int_equal(pair.client.rekeyed, i);
        assert_int_equal(pair.server.rekeyed, i);
    }
    assert_int_equal(sessile_ssh_session_id(pair.client.session, after, 64), 32);
    assert_memory_equal(before, after, 32);
    sessile_session_end(pair.client.session);
    ssh_pair_run(&pair);
    assert_ssh_ended(&pair.client);
    assert_ssh_ended(&pair.server);
    close_pair(&pair);
}

static void new_keys_may_be_asked_for_while_a_user_authenticates(void **state)
{
    struct ssh_pair pair;

    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
        for (int compressed = 0; compressed <= 1; compressed++) {
            use_configs(NULL);
            if (compressed) {
                SSH_MUST(sessile_ssh_config_set_algorithms(client_config, SESSILE_SSH_COMPRESSION, "zlib@openssh.com"));
                SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_COMPRESSION, "zlib@openssh.com"));
            }
            ssh_pair_init(&pair, client_config, server_config);
            pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_KEEP;
            start(&pair);
            assert_non_null(pair.server.question);
            sessile_ssh_rekey(role == SESSILE_CLIENT ? pair.client.session : pair.server.session);
            if (role == SESSILE_CLIENT) /* the server has not seen it when it answers */
                pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_YES;
            assert_int_equal(ssh_accept(&pair.server), SESSILE_OK);
            ssh_pair_run(&pair);
            assert_ssh_ready(&pair);
            assert_int_equal(pair.client.rekeyed, 1);
            ssh_peer_exec(&pair.client, "x");
            assert_int_equal(ssh_peer_saw(&pair.client, "accepted"), 1);
            close_pair(&pair);
        }
}

static void a_wire_that_goes_away_with_new_keys_on_the_way_is_truncated(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    sessile_ssh_rekey(pair.client.session);
    ssh_peer_move(&pair.server);
    ssh_peer_wire_gone(&pair.client);
    ssh_peer_wire_gone(&pair.server);
    assert_ssh_failed(&pair.client, SESSILE_ERR_TRUNCATED, "during a key exchange");
    assert_ssh_failed(&pair.server, SESSILE_ERR_TRUNCATED, "during a key exchange");
    close_pair(&pair);
}

/* ---- data ---- */

/* What is written comes back, through windows, writes that are taken short, and new keys. */
static void much_data_comes_back_whole(void **state)
{
    static const char *const ciphers[] = {"aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"};
    struct ssh_pair pair;
    struct ssh_flow *flow;
    uint8_t *data = bulk_bytes();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        use_configs(ciphers[i]);
        SSH_MUST(sessile_ssh_config_set_rekey(client_config, i ? (uint64_t)1 << 20 : 0, 0));
        SSH_MUST(sessile_ssh_config_set_rekey(server_config, 0, i ? 64 : 0));
        ssh_pair_open(&pair, client_config, server_config);
        pair.server.echo = 1;
        flow = ssh_peer_exec(&pair.client, "cat");
        ssh_flow_write(flow, data, BULK);
        ssh_flow_end(flow);
        ssh_pair_run(&pair);
        assert_int_equal(flow->data.size, BULK);
        assert_memory_equal(flow->data.data, data, BULK);
        assert_true(flow->closed && flow->error == SESSILE_OK);
        if (i ? pair.client.rekeyed < 2 : pair.client.rekeyed != 0)
            fail_msg("%s: %d new keys", ciphers[i], pair.client.rekeyed);
        close_pair(&pair);
    }
    free(data);
}

static void channels_do_not_mix(void **state)
{
    struct ssh_pair pair;
    char text[16];

    (void)state;
    open_pair(&pair);
    pair.server.echo = 1;
    for (int i = 0; i < SSH_FLOWS; i++)
        ssh_peer_exec(&pair.client, "cat");
    for (int i = 0; i < SSH_FLOWS; i++) {
        snprintf(text, sizeof text, "channel %d", i);
        ssh_flow_write(&pair.client.flows[i], text, strlen(text));
    }
    ssh_pair_run(&pair);
    for (int i = 0; i < SSH_FLOWS; i++) {
        snprintf(text, sizeof text, "channel %d", i);
        assert_true(ssh_bytes_are(&pair.client.flows[i].data, text));
        assert_true(ssh_bytes_are(&pair.server.flows[i].data, text));
    }
    close_pair(&pair);
}

static int note_reason(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_STREAM_CLOSED)
        peer->reason = sessile_ssh_open_reason(peer->flow->stream);
    return 0;
}

static void a_channel_that_is_refused_tells_why(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;

    (void)state;
    open_pair(&pair);
    pair.server.answers[SESSILE_QUESTION_SSH_CHANNEL] = SSH_NO;
    pair.server.reason = 2;
    pair.client.hook = note_reason;
    flow = ssh_peer_opened(&pair.client,
                           sessile_ssh_open_tcp(pair.client.session, "inner", 22, "127.0.0.1", 1, NULL, NULL));
    ssh_pair_run(&pair);
    assert_true(flow->closed && !flow->opened);
    assert_int_equal(flow->error, SESSILE_ERR_REFUSED);
    assert_int_equal(pair.client.reason, 2);
    assert_int_equal(pair.server.flow_count, 0);
    close_pair(&pair);
}

static void a_request_that_is_refused_leaves_the_channel(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;

    (void)state;
    open_pair(&pair);
    pair.server.answers[SESSILE_QUESTION_SSH_REQUEST] = SSH_NO;
    flow = ssh_peer_exec(&pair.client, "no");
    assert_int_equal(ssh_peer_saw(&pair.client, "refused"), 1);
    pair.server.answers[SESSILE_QUESTION_SSH_REQUEST] = SSH_YES;
    assert_int_equal(sessile_ssh_request_exec(flow->stream, "yes", 3), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_int_equal(ssh_peer_saw(&pair.client, "accepted"), 1);
    close_pair(&pair);
}

/* ---- what the comms layer and the application may do ---- */

static void a_held_wire_takes_no_data_until_it_is_let_go(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;

    (void)state;
    open_pair(&pair);
    flow = ssh_peer_exec(&pair.client, "x");
    sessile_session_hold(pair.client.session, 1);
    assert_int_equal(sessile_stream_write(flow->stream, "abc", 3), 0);
    ssh_bytes_add(&flow->pending, "abc", 3);
    ssh_pair_run(&pair);
    assert_int_equal(pair.server.flows[0].data.size, 0);
    sessile_session_hold(pair.client.session, 0);
    ssh_pair_run(&pair);
    assert_true(ssh_bytes_are(&pair.server.flows[0].data, "abc"));
    close_pair(&pair);
}

static void a_paused_session_takes_nothing_until_it_goes_on(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;

    (void)state;
    open_pair(&pair);
    flow = ssh_peer_exec(&pair.client, "x");
    assert_int_equal(sessile_session_pause(pair.server.session, 1), SESSILE_OK);
    ssh_flow_write(flow, "abc", 3);
    ssh_pair_run(&pair);
    assert_int_equal(pair.server.flows[0].data.size, 0);
    assert_int_equal(sessile_session_want(pair.server.session), 0);
    sessile_session_pause(pair.server.session, 0);
    ssh_pair_run(&pair);
    assert_true(ssh_bytes_are(&pair.server.flows[0].data, "abc"));
    close_pair(&pair);
}

static void a_batch_is_one_send(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;
    size_t flights;

    (void)state;
    open_pair(&pair);
    flow = ssh_peer_opened(&pair.client, sessile_ssh_open_session(pair.client.session, NULL, NULL));
    ssh_pair_run(&pair);
    flights = pair.client.flights;
    sessile_session_enter(pair.client.session);
    assert_int_equal(sessile_ssh_request_pty(flow->stream, "xterm", 80, 24, 0, 0, NULL, 0), SESSILE_OK);
    assert_int_equal(sessile_ssh_request_env(flow->stream, "A", "b"), SESSILE_OK);
    assert_int_equal(sessile_ssh_request_exec(flow->stream, "x", 1), SESSILE_OK);
    assert_int_equal(pair.client.flights, flights);
    sessile_session_leave(pair.client.session);
    assert_int_equal(pair.client.flights, flights + 1);
    flights = pair.server.flights;
    ssh_pair_run(&pair);
    assert_int_equal(pair.server.flights, flights + 1);
    assert_int_equal(ssh_peer_saw(&pair.client, "accepted"), 3);
    assert_int_equal(sessile_session_leave(pair.client.session), SESSILE_ERR_MISUSE);
    close_pair(&pair);
}

static void each_step_of_the_handshake_is_one_send(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    /* line and KEXINIT apart, since the peer's line comes in between; the exchange; service; none; password */
    assert_in_range(pair.client.flights, 4, 6);
    assert_in_range(pair.server.flights, 4, 6);
    close_pair(&pair);
}

static void keepalive_ignore_and_debug_arrive(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    assert_int_equal(sessile_ssh_keepalive(pair.client.session), SESSILE_OK);
    assert_int_equal(sessile_ssh_keepalive(pair.server.session), SESSILE_OK);
    assert_int_equal(sessile_ssh_send_ignore(pair.client.session, 32768), SESSILE_OK);
    assert_int_equal(sessile_ssh_send_ignore(pair.client.session, 32769), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_send_debug(pair.client.session, "unseen", 0), SESSILE_OK);
    assert_int_equal(sessile_ssh_send_debug(pair.client.session, "seen", 1), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_has(journal_text(&pair.client.log), "notice7()");
    assert_has(journal_text(&pair.server.log), "notice7()");
    assert_has(journal_text(&pair.server.log), "notice5(seen)");
    assert_null(strstr(journal_text(&pair.server.log), "unseen"));
    close_pair(&pair);
}

/* ---- misuse ---- */

static int no_send(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

static void beginning_takes_arguments_that_can_be(void **state)
{
    sessile_session *session = sessile_session_create(NULL, no_send, NULL);
    char longest[300];

    (void)state;
    use_configs(NULL);
    memset(longest, 'a', sizeof longest);
    longest[256] = 0;
    assert_int_equal(sessile_ssh_connect(session, NULL, "h", 22, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, server_config, "h", 22, "u", NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_accept(session, client_config, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_connect(session, client_config, "", 22, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, client_config, NULL, 22, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, client_config, "h", 65536, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, client_config, "h", -1, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, client_config, "h", 22, longest, NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_connect(session, client_config, longest, 22, "u", NULL, NULL), SESSILE_ERR_ARGUMENT);
    longest[255] = 0;
    assert_int_equal(sessile_ssh_connect(session, client_config, "h", 0, longest, NULL, NULL), SESSILE_OK);
    assert_int_equal(sessile_ssh_connect(session, client_config, "h", 22, "u", NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_accept(session, server_config, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_rekey(session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_send_ignore(session, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_keepalive(session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_session_id(session, longest, 64), SESSILE_ERR_MISUSE);
    assert_null(sessile_ssh_open_session(session, NULL, NULL));
    assert_null(sessile_ssh_host_key(session));
    assert_null(sessile_session_stream(session));
    sessile_session_free(session);
    drop_configs();
}

/* A session that is none of SSH's. */
static void what_is_no_ssh_session_is_refused(void **state)
{
    sessile_session *session = sessile_session_create(NULL, no_send, NULL);

    (void)state;
    assert_int_equal(sessile_ssh_rekey(session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_keepalive(session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_disconnect(session, 2, "x"), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_set_peer_address(session, "192.0.2.1"), SESSILE_ERR_MISUSE);
    assert_string_equal(sessile_ssh_info(session, SESSILE_SSH_INFO_KEX), "");
    assert_null(sessile_ssh_open_session(session, NULL, NULL));
    assert_null(sessile_ssh_user_key(session));
    assert_int_equal(sessile_ssh_rekey(NULL), SESSILE_ERR_ARGUMENT);
    assert_string_equal(sessile_ssh_info(NULL, SESSILE_SSH_INFO_KEX), "");
    sessile_session_free(session);
}

static void a_sealed_config_changes_no_more(void **state)
{
    struct ssh_pair pair;

    (void)state;
    open_pair(&pair);
    assert_int_equal(sessile_ssh_config_set_rekey(client_config, 1, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_config_add_host_key(server_config, trust_key("ecdsa host")), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_config_use_hardened(client_config), SESSILE_ERR_MISUSE);
    close_pair(&pair);
}

static int drop_keys(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_told_from_beginning_to_end),
        cmocka_unit_test(every_cipher_and_mac_carries_a_session),
        cmocka_unit_test(a_compressed_session_is_the_same),
        cmocka_unit_test(both_ends_know_what_was_negotiated),
        cmocka_unit_test(messages_are_traced_in_their_order),
        cmocka_unit_test(a_host_key_that_is_refused_ends_both),
        cmocka_unit_test(a_host_key_may_be_accepted_later),
        cmocka_unit_test(nothing_is_answered_where_nobody_is_asked),
        cmocka_unit_test(an_end_is_clean_on_both_sides),
        cmocka_unit_test(a_reason_to_disconnect_arrives_escaped),
        cmocka_unit_test(a_wire_that_goes_away_is_judged_by_what_was_open),
        cmocka_unit_test(a_wire_that_goes_away_in_the_handshake_is_truncated),
        cmocka_unit_test(ending_before_ready_is_an_abort),
        cmocka_unit_test(aborting_sends_nothing),
        cmocka_unit_test(a_send_that_fails_ends_the_session),
        cmocka_unit_test(either_side_may_ask_for_new_keys_at_any_time),
        cmocka_unit_test(new_keys_may_be_asked_for_while_a_user_authenticates),
        cmocka_unit_test(a_wire_that_goes_away_with_new_keys_on_the_way_is_truncated),
        cmocka_unit_test(much_data_comes_back_whole),
        cmocka_unit_test(channels_do_not_mix),
        cmocka_unit_test(a_channel_that_is_refused_tells_why),
        cmocka_unit_test(a_request_that_is_refused_leaves_the_channel),
        cmocka_unit_test(a_held_wire_takes_no_data_until_it_is_let_go),
        cmocka_unit_test(a_paused_session_takes_nothing_until_it_goes_on),
        cmocka_unit_test(a_batch_is_one_send),
        cmocka_unit_test(each_step_of_the_handshake_is_one_send),
        cmocka_unit_test(keepalive_ignore_and_debug_arrive),
        cmocka_unit_test(beginning_takes_arguments_that_can_be),
        cmocka_unit_test(what_is_no_ssh_session_is_refused),
        cmocka_unit_test(a_sealed_config_changes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
