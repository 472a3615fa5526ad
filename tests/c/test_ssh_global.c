/* SPDX-License-Identifier: Apache-2.0
 *
 * Global requests: replies in their order, signs of life, and further host keys, both roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "codec/reader.h"
#include "ssh/key/key.h"
#include "ssh/ssh.h"
#include "ssh_open.h"

enum { GLOBAL = 80, SUCCESS, DENIED };

static struct open_side server, client;
static uint8_t payload[OPEN_PAYLOAD_MAX];

static int teardown(void **state)
{
    (void)state;
    if (server.side.callbacks)
        open_done(&server);
    if (client.side.callbacks)
        open_done(&client);
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    return 0;
}

/* ---- the peer's ---- */

static void unknown_requests_are_denied_where_an_answer_is_wanted(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    open_start(&client, SESSILE_CLIENT, NULL);
    arrive(&server, "bsbs", GLOBAL, "what@example", 1, "more");
    assert_sent(&server, "b", DENIED);
    arrive(&server, "bsb", GLOBAL, "what@example", 0);
    assert_silent(&server);
    arrive(&client, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 1u); /* a server's to take */
    assert_sent(&client, "b", DENIED);
    assert_told(&server, "");
    assert_told(&client, "");
    assert_int_equal(arrive(&server, "bs", GLOBAL, "what@example"), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "GLOBAL_REQUEST: it is cut short");
}

static void keepalive_is_answered(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsb", GLOBAL, "keepalive@openssh.com", 1);
    assert_sent(&server, "b", SUCCESS);
    arrive(&server, "bsb", GLOBAL, "keepalive@openssh.com", 0);
    assert_silent(&server);
}

static void replies_keep_the_order_of_the_requests(void **state)
{
    sessile_question *first, *second;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "a", 0u);
    first = server.side.recorder.question;
    arrive(&server, "bsb", GLOBAL, "keepalive@openssh.com", 1);
    arrive(&server, "bsbs", GLOBAL, "streamlocal-forward@openssh.com", 1, "/s");
    second = server.side.recorder.question;
    arrive(&server, "bsb", GLOBAL, "what@example", 1);
    sessile_question_accept(second);
    assert_silent(&server);
    assert_int_equal(sessile_question_put(first, SESSILE_ITEM_PORT, "4711", 4), 0);
    sessile_question_accept(first);
    assert_sent(&server, "bu", SUCCESS, 4711u);
    assert_sent(&server, "b", SUCCESS);
    assert_sent(&server, "b", SUCCESS);
    assert_sent(&server, "b", DENIED);
    assert_silent(&server);
    sessile_question_free(first);
    sessile_question_free(second);
}

static void replies_behind_an_open_question_are_limited(void **state)
{
    int result = 1, count = 0;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.wire.plain = 1;
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "a", 0u);
    for (; result > 0 && count < 5000; count++)
        result = arrive(&server, "bsb", GLOBAL, count % 2 ? "what@example" : "keepalive@openssh.com", 1);
    assert_int_equal(result, -1);
    assert_failed_with(&server, SESSILE_ERR_LIMIT, "more than 1024 global requests");
    assert_true(open_next(&server, payload) > 0);
    assert_int_equal(payload[0], 1); /* DISCONNECT, and no answer before it */
    sessile_question_free(server.side.recorder.question);
}

static void replies_nobody_asked_for_fail(void **state)
{
    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    assert_int_equal(arrive(&client, "b", SUCCESS), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "REQUEST_SUCCESS, and nothing was asked");
    open_start(&server, SESSILE_SERVER, NULL);
    assert_int_equal(arrive(&server, "b", DENIED), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "REQUEST_FAILURE, and nothing was asked");
}

/* ---- ours ---- */

static void yes_and_no_are_signs_of_life(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    assert_int_equal(sessile_ssh_keepalive(session), 0);
    assert_int_equal(sessile_ssh_keepalive(session), 0);
    assert_sent(&server, "bsb", GLOBAL, "keepalive@openssh.com", 1);
    assert_sent(&server, "bsb", GLOBAL, "keepalive@openssh.com", 1);
    arrive(&server, "b", DENIED);
    arrive(&server, "b", SUCCESS);
    assert_told(&server, "notice(7,0) notice(7,0)");
    for (int i = 0; i < 32; i++)
        assert_int_equal(sessile_ssh_keepalive(session), 0);
    assert_int_equal(sessile_ssh_keepalive(session), SESSILE_ERR_LIMIT);
    arrive(&server, "b", DENIED);
    assert_int_equal(sessile_ssh_keepalive(session), 0);
}

static void keepalive_before_ready_is_misuse(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_SERVER);
    struct side side = {.callbacks = NULL};

    (void)state;
    side_open(&side, 0);
    assert_int_equal(sessile_ssh_accept(side.wire.session, config, side.callbacks, &side.recorder), 0);
    assert_int_equal(sessile_ssh_keepalive(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_forward_tcp(side.wire.session, "", 1), SESSILE_ERR_MISUSE);
    assert_null(sessile_ssh_open_session(side.wire.session, NULL, NULL));
    sessile_ssh_config_free(config);
    assert_null(side_done(&side));
}

/* ---- host keys ---- */

#define PROVE "hostkeys-prove-00@openssh.com"

/* The server's two host keys, and a stranger's. */
static sessile_key *server_key(size_t index)
{
    return ssh_of(server.side.wire.session)->config->host_keys[index];
}

static void server_announces_all_its_keys_before_it_is_ready(void **state)
{
    struct reader r, packet;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.read = 0; /* from the identification line on */
    r = reader_of(server.side.wire.sent, server.side.wire.sent_size);
    while (get_u8(&r) != '\n')
        ;
    packet = get_sub32(&r);
    get_u8(&packet);
    assert_int_equal(get_u8(&packet), GLOBAL);
    for (int i = -1; i < 2; i++) {
        struct reader field = get_sub32(&packet);

        if (i < 0) {
            assert_true(reader_is(&field, "hostkeys-00@openssh.com"));
            assert_int_equal(get_u8(&packet), 0);
        } else {
            assert_int_equal(field.left, server_key((size_t)i)->blob_size);
            assert_memory_equal(field.data, server_key((size_t)i)->blob, field.left);
        }
    }
    assert_false(packet.failed || r.failed);
    assert_int_equal(r.left, 0);
    server.read = server.side.wire.sent_size;
}

static void assert_proof(struct reader *r, sessile_key *key)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    uint8_t id[32];
    struct reader proof = get_sub32(r);

    memset(id, 7, sizeof id);
    open_put(&w, "sdd", PROVE, id, sizeof id, key->blob, key->blob_size);
    assert_int_equal(sessile_key_verify(key, NULL, w.data, w.size, proof.data, proof.left), 0);
}

static void server_proves_its_keys_in_the_order_asked(void **state)
{
    struct reader r;
    sessile_key *a, *b;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    a = server_key(0);
    b = server_key(1);
    arrive(&server, "bsbdd", GLOBAL, PROVE, 1, b->blob, b->blob_size, a->blob, a->blob_size);
    r = reader_of(payload, open_next(&server, payload));
    assert_int_equal(get_u8(&r), SUCCESS);
    assert_proof(&r, b);
    assert_proof(&r, a);
    assert_true(reader_done(&r));
}

static void server_proves_no_key_that_is_not_its_own(void **state)
{
    sessile_key *a, *stranger;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    a = server_key(0);
    assert_int_equal(sessile_key_generate("ssh-ed25519", 0, NULL, &stranger), 0);
    arrive(&server, "bsbdd", GLOBAL, PROVE, 1, a->blob, a->blob_size, stranger->blob, stranger->blob_size);
    assert_sent(&server, "b", DENIED);
    arrive(&server, "bsb", GLOBAL, PROVE, 1);
    assert_sent(&server, "b", DENIED);
    arrive(&server, "bsbd", GLOBAL, PROVE, 0, a->blob, a->blob_size);
    assert_silent(&server);
    for (int i = 0; i < 4; i++) {
        arrive(&server, "bsbd", GLOBAL, PROVE, 1, a->blob, a->blob_size);
        assert_true(open_next(&server, payload) > 1);
        assert_int_equal(payload[0], SUCCESS);
    }
    arrive(&server, "bsbd", GLOBAL, PROVE, 1, a->blob, a->blob_size);
    assert_sent(&server, "b", DENIED); /* signatures are work: a few are enough */
    sessile_key_free(stranger);
    assert_int_equal(arrive(&server, "bsbu", GLOBAL, PROVE, 1, 100u), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "GLOBAL_REQUEST: it is cut short");
}

static sessile_key *new_key;

/* A client that wants to know of new keys, and a server's announcement of its present one and a new one. */
static void announced_to(sessile_ssh_config *config)
{
    sessile_key *present;

    open_start(&client, SESSILE_CLIENT, config);
    present = sessile_ssh_host_key(client.side.wire.session);
    if (!new_key)
        assert_int_equal(sessile_key_generate("ecdsa-sha2-nistp384", 0, NULL, &new_key), 0);
    assert_true(arrive(&client, "bsbddd", GLOBAL, "hostkeys-00@openssh.com", 0, present->blob, present->blob_size,
                       "\0\0\0\3new", (size_t)7, new_key->blob, new_key->blob_size) > 0);
}

static void announced(int wants)
{
    sessile_ssh_config *config = open_config(SESSILE_CLIENT);

    sessile_ssh_config_ask_new_host_keys(config, wants);
    announced_to(config);
}

static void sign_challenge(sessile_key *key, const char *name, struct writer *signature)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    uint8_t id[32];

    memset(id, 7, sizeof id);
    open_put(&w, "sdd", name, id, sizeof id, new_key->blob, new_key->blob_size);
    assert_int_equal(key_sign(key, key_algorithm_best(key->type), w.data, w.size, signature), 0);
}

static int note_keys(struct recorder *recorder, const char *callback)
{
    const void *data;
    size_t size;

    if (strcmp(callback, "question") != 0)
        return 0;
    sessile_question_get(recorder->question, SESSILE_ITEM_HOST, 0, &data, &size);
    journal_add(recorder->journal, "%s new:%zu old:%zu", (const char *)data,
                sessile_question_count(recorder->question, SESSILE_ITEM_KEY),
                sessile_question_count(recorder->question, SESSILE_ITEM_OLD_KEY));
    sessile_question_get(recorder->question, SESSILE_ITEM_KEY, 0, &data, &size);
    if (size != new_key->blob_size || memcmp(data, new_key->blob, size) != 0)
        recorder->fault = "another key was asked about";
    return 0;
}

static void client_asks_about_new_keys_when_they_are_proven(void **state)
{
    struct writer signature = {0};

    (void)state;
    announced(1);
    client.side.recorder.hook = note_keys;
    assert_sent(&client, "bsbd", GLOBAL, PROVE, 1, new_key->blob, new_key->blob_size);
    sign_challenge(new_key, PROVE, &signature);
    arrive(&client, "bd", SUCCESS, signature.data, signature.size);
    assert_told(&client, "question(4,0) host.example new:1 old:0");
    writer_free(&signature);
    /* Once for a session. */
    arrive(&client, "bsbd", GLOBAL, "hostkeys-00@openssh.com", 0, new_key->blob, new_key->blob_size);
    assert_silent(&client);
    assert_told(&client, "");
}

static void client_believes_no_proof_that_is_not_one(void **state)
{
    struct writer signature = {0};

    (void)state;
    announced(1);
    sign_challenge(new_key, "hostkeys-prove-01@openssh.com", &signature);
    assert_int_equal(arrive(&client, "bd", SUCCESS, signature.data, signature.size), -1);
    assert_failed_with(&client, SESSILE_ERR_VERIFY, "could not prove");
    assert_told(&client, "closed(ERR_VERIFY)");
    writer_free(&signature);
    open_done(&client);
    announced(1);
    assert_int_equal(arrive(&client, "b", SUCCESS), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "REQUEST_SUCCESS: it is cut short");
    open_done(&client);
    announced(1);
    arrive(&client, "b", DENIED);
    assert_told(&client, "");
}

static void client_that_does_not_want_to_know_asks_nothing(void **state)
{
    (void)state;
    announced(0);
    assert_silent(&client);
    assert_told(&client, "");
}

/* Whoever sits on the wire has keys to announce as well. */
static void client_that_takes_any_host_key_learns_no_other(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_CLIENT);

    (void)state;
    sessile_ssh_config_ask_new_host_keys(config, 1);
    sessile_ssh_config_insecure_any_host_key(config, 1);
    announced_to(config);
    assert_silent(&client);
    assert_told(&client, "");
}

static void client_learns_no_key_that_is_revoked(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_CLIENT);
    char line[1024] = "";
    sessile_krl *krl = NULL;
    int size;

    (void)state;
    if (!new_key)
        assert_int_equal(sessile_key_generate("ecdsa-sha2-nistp384", 0, NULL, &new_key), 0);
    size = sessile_known_hosts_line("h", 22, new_key, 0, line, sizeof line);
    assert_true(size > 2 && size <= (int)sizeof line);
    assert_int_equal(sessile_krl_read(line + 2, (size_t)size - 2, &krl, NULL, 0), 0); /* without the host */
    assert_int_equal(sessile_krl_revokes(krl, new_key), 1);
    sessile_ssh_config_ask_new_host_keys(config, 1);
    assert_int_equal(sessile_ssh_config_set_krl(config, krl), 0);
    sessile_krl_free(krl);
    announced_to(config);
    assert_silent(&client);
    assert_told(&client, "");
}

static void known_and_missing_keys_are_told_apart(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_CLIENT);
    sessile_known_hosts *known = NULL;
    char line[2048] = "";
    sessile_key *present;
    int size;

    (void)state;
    if (!new_key)
        assert_int_equal(sessile_key_generate("ecdsa-sha2-nistp384", 0, NULL, &new_key), 0);
    size = sessile_known_hosts_line("host.example", 22, new_key, 0, line, sizeof line);
    assert_true(size > 0);
    assert_int_equal(sessile_known_hosts_read(line, (size_t)size, NULL, &known, NULL, 0), 0);
    sessile_ssh_config_ask_new_host_keys(config, 1);
    sessile_ssh_config_set_known_hosts(config, known);
    sessile_known_hosts_free(known);
    open_start(&client, SESSILE_CLIENT, config);
    present = sessile_ssh_host_key(client.side.wire.session);
    /* The one that is known is announced no more, and there is no other: the application is told at once. */
    arrive(&client, "bsbd", GLOBAL, "hostkeys-00@openssh.com", 0, present->blob, present->blob_size);
    assert_silent(&client);
    assert_told(&client, "question(4,0)");
    assert_int_equal(arrive(&client, "bsbu", GLOBAL, "hostkeys-00@openssh.com", 0, 0xffffffffu) > 0, 1);
}

static int release_keys(void **state)
{
    (void)state;
    sessile_key_free(new_key);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_requests_are_denied_where_an_answer_is_wanted),
        TEST(keepalive_is_answered),
        TEST(replies_keep_the_order_of_the_requests),
        TEST(replies_behind_an_open_question_are_limited),
        TEST(replies_nobody_asked_for_fail),
        TEST(yes_and_no_are_signs_of_life),
        TEST(keepalive_before_ready_is_misuse),
        TEST(server_announces_all_its_keys_before_it_is_ready),
        TEST(server_proves_its_keys_in_the_order_asked),
        TEST(server_proves_no_key_that_is_not_its_own),
        TEST(client_asks_about_new_keys_when_they_are_proven),
        TEST(client_believes_no_proof_that_is_not_one),
        TEST(client_that_does_not_want_to_know_asks_nothing),
        TEST(client_that_takes_any_host_key_learns_no_other),
        TEST(client_learns_no_key_that_is_revoked),
        TEST(known_and_missing_keys_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, release_keys);
}
