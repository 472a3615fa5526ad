/* SPDX-License-Identifier: Apache-2.0
 *
 * Resumption: it works and is told; it ends where the host, the config or the keys are others; and what the application
 * has to decide on is asked again, with no ticket before the yes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_raw.h"

#define FOR_BOTH(version) for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++)

static sessile_tls_config *client;
static sessile_tls_config *server;
static struct tls_bytes ticket;

static void make(int version)
{
    configs_make(&client, &server, version);
}

static void drop(void)
{
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    bytes_clear(&ticket);
}

/* A full handshake, whose ticket is kept. */
static void meet_with(sessile_tls_config *its_client, sessile_tls_config *its_server, const char *host)
{
    struct tls_pair pair;

    pair_init(&pair, its_client, its_server);
    pair.host = host;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_resumed(pair.client.session), 0);
    bytes_clear(&ticket);
    bytes_add(&ticket, pair.client.ticket.data, pair.client.ticket.size);
    pair_free(&pair);
}

static void meet(void)
{
    meet_with(client, server, HOST);
    assert_true(ticket.size > 0);
}

static void start_with(struct tls_pair *pair, sessile_tls_config *its_client, sessile_tls_config *its_server,
                       const char *host)
{
    pair_init(pair, its_client, its_server);
    pair->host = host;
    pair->ticket = ticket.data;
    pair->ticket_size = ticket.size;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static int resumes_with(sessile_tls_config *its_client, sessile_tls_config *its_server, const char *host)
{
    struct tls_pair pair;
    int resumed;

    start_with(&pair, its_client, its_server, host);
    assert_ready(&pair);
    resumed = sessile_tls_resumed(pair.client.session);
    assert_int_equal(sessile_tls_resumed(pair.server.session), resumed);
    end_write(&pair.client, "hello", 5);
    pair_run(&pair);
    assert_true(end_got(&pair.server, "hello"));
    pair_free(&pair);
    return resumed;
}

static int resumes(void)
{
    return resumes_with(client, server, HOST);
}

/* ---- it works ---- */

static void a_session_is_resumed_and_says_so(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        meet();
        assert_true(resumes());
        drop();
    }
}

static void a_resumed_session_brings_a_ticket_for_the_next(void **state)
{
    struct tls_pair pair;

    (void)state;
    make(SESSILE_TLS_1_3);
    meet();
    for (int i = 0; i < 3; i++) {
        start_with(&pair, client, server, HOST);
        assert_ready(&pair);
        assert_int_equal(sessile_tls_resumed(pair.client.session), 1);
        assert_int_equal(pair.client.tickets, 1);
        bytes_clear(&ticket);
        bytes_add(&ticket, pair.client.ticket.data, pair.client.ticket.size);
        pair_free(&pair);
    }
    drop();
}

static void both_know_each_other_after_a_resumption(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        config_show(client, configs_pki.client);
        config_trust(server, configs_pki.ca);
        MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
        meet();
        start_with(&pair, client, server, HOST);
        assert_ready(&pair);
        assert_int_equal(sessile_tls_resumed(pair.server.session), 1);
        assert_int_equal(sessile_tls_peer_count(pair.client.session), 1);
        assert_int_equal(sessile_tls_peer_count(pair.server.session), 1);
        assert_int_equal(sessile_tls_verify_code(pair.server.session), 0);
        assert_string_equal(sessile_tls_sni(pair.server.session), HOST);
        pair_free(&pair);
        drop();
    }
}

static void as_many_tickets_come_as_are_configured(void **state)
{
    static const int counts[] = {0, 1, 2, 16};
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        make(SESSILE_TLS_1_3);
        MUST(sessile_tls_config_set_ticket_count(server, counts[i]));
        pair_open(&pair, client, server);
        assert_int_equal(pair.client.tickets, counts[i]);
        pair_free(&pair);
        drop();
    }
}

static void no_tickets_means_no_resumption_in_1_2_either(void **state)
{
    struct raw raw;

    (void)state;
    make(SESSILE_TLS_1_2);
    MUST(sessile_tls_config_set_ticket_count(server, 0));
    meet_with(client, server, HOST);
    assert_int_equal(ticket.size, 0);
    raw_init(&raw, SESSILE_CLIENT, server);
    SSL_CTX_set_options(raw.ctx, SSL_OP_NO_TICKET); /* by session id, then */
    raw_start(&raw, HOST, NULL);
    assert_true(raw.ready);
    assert_int_equal(raw.tickets, 0);
    raw_free(&raw);
    drop();
}

/* ---- what it is tied to ---- */

static void a_ticket_is_not_offered_to_another_host(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        meet();
        assert_false(resumes_with(client, server, "x.b.example"));
        assert_false(resumes_with(client, server, "127.0.0.1"));
        assert_true(resumes());
        drop();
    }
}

static void a_ticket_is_not_offered_under_another_clients_config(void **state)
{
    sessile_tls_config *other;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        other = config_client();
        MUST(sessile_tls_config_set_versions(other, version, version));
        meet();
        assert_true(resumes_with(other, server, HOST)); /* the same content */
        sessile_tls_config_free(other);
        other = config_client();
        MUST(sessile_tls_config_set_versions(other, version, version));
        config_trust(other, configs_pki.other_ca);
        assert_false(resumes_with(other, server, HOST));
        sessile_tls_config_free(other);
        drop();
    }
}

static void what_was_not_verified_is_not_resumed_where_it_must_be(void **state)
{
    sessile_tls_config *careless;
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        sessile_tls_config_free(server);
        server = config_server_of(configs_pki.stranger);
        careless = config_client();
        MUST(sessile_tls_config_set_versions(careless, version, version));
        MUST(sessile_tls_config_insecure_no_verify(careless));
        meet_with(careless, server, HOST);
        start_with(&pair, client, server, HOST);
        assert_failed(&pair.client, SESSILE_ERR_VERIFY);
        pair_free(&pair);
        sessile_tls_config_free(careless);
        drop();
    }
}

static void another_servers_ticket_leads_to_a_full_handshake(void **state)
{
    sessile_tls_config *other;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        other = config_server();
        meet();
        assert_false(resumes_with(client, other, HOST));
        sessile_tls_config_free(other);
        drop();
    }
}

static sessile_tls_config *server_with(sessile_tls_tickets *tickets, int version)
{
    sessile_tls_config *config = config_server();

    MUST(sessile_tls_config_set_versions(config, version, version));
    MUST(sessile_tls_config_set_tickets(config, tickets));
    return config;
}

static void shared_keys_resume_where_the_content_is_the_same(void **state)
{
    sessile_tls_tickets *tickets;
    sessile_tls_config *same;
    sessile_tls_config *different;

    (void)state;
    FOR_BOTH(version)
    {
        tickets = sessile_tls_tickets_new();
        client = config_client();
        server = server_with(tickets, version);
        same = server_with(tickets, version);
        different = server_with(tickets, version);
        MUST(sessile_tls_config_set_alpn(different, "h2"));
        meet();
        assert_true(resumes_with(client, same, HOST));
        assert_false(resumes_with(client, different, HOST));
        sessile_tls_tickets_free(tickets);
        sessile_tls_config_free(same);
        sessile_tls_config_free(different);
        drop();
    }
}

/* CVE-2025-23419: a ticket of a name without client certificates opens one that requires them. libssl's own client
 * offers anything anywhere. */
static void cross_over(int version, int shared)
{
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    sessile_tls_config *open = config_server();
    sessile_tls_config *closed = config_server();
    struct raw first;
    struct raw second;

    server = config_server();
    config_trust(closed, configs_pki.other_ca); /* the raw client's certificate is not from there */
    MUST(sessile_tls_config_set_client_certificate(closed, SESSILE_TLS_CLIENT_REQUIRE));
    if (shared) {
        MUST(sessile_tls_config_set_tickets(open, tickets));
        MUST(sessile_tls_config_set_tickets(closed, tickets));
        MUST(sessile_tls_config_set_tickets(server, tickets));
    }
    MUST(sessile_tls_config_add_host(server, "open.b.example", open));
    MUST(sessile_tls_config_add_host(server, "closed.b.example", closed));
    raw_init(&first, SESSILE_CLIENT, server);
    SSL_CTX_set_max_proto_version(first.ctx, version);
    raw_start(&first, "open.b.example", NULL);
    assert_true(first.ready && first.session);
    raw_init(&second, SESSILE_CLIENT, server);
    SSL_CTX_set_max_proto_version(second.ctx, version);
    raw_start(&second, "closed.b.example", first.session);
    assert_false(second.end->ready);
    assert_failed(second.end, SESSILE_ERR_VERIFY);
    raw_free(&second);
    raw_init(&second, SESSILE_CLIENT, server);
    SSL_CTX_set_max_proto_version(second.ctx, version);
    raw_start(&second, "open.b.example", first.session);
    assert_true(second.ready && second.end->ready);
    assert_int_equal(sessile_tls_resumed(second.end->session), 1);
    raw_free(&first);
    raw_free(&second);
    sessile_tls_tickets_free(tickets);
    sessile_tls_config_free(server);
    sessile_tls_config_free(open);
    sessile_tls_config_free(closed);
}

static void a_ticket_does_not_cross_from_name_to_name(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        cross_over(version, 0);
        cross_over(version, 1);
    }
}

/* ---- keys ---- */

static void a_ticket_opens_with_the_last_three_keys_before(void **state)
{
    sessile_tls_tickets *tickets;

    (void)state;
    FOR_BOTH(version)
    {
        tickets = sessile_tls_tickets_new();
        client = config_client();
        server = server_with(tickets, version);
        meet();
        for (int i = 0; i < 3; i++) {
            assert_int_equal(sessile_tls_tickets_rotate(tickets), SESSILE_OK);
            assert_true(resumes());
        }
        assert_int_equal(sessile_tls_tickets_rotate(tickets), SESSILE_OK);
        assert_false(resumes());
        sessile_tls_tickets_free(tickets);
        drop();
    }
}

static void two_processes_share_a_key(void **state)
{
    uint8_t key[80];
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    sessile_tls_tickets *elsewhere = sessile_tls_tickets_new();
    sessile_tls_config *other;

    (void)state;
    memset(key, 0x5a, sizeof key);
    assert_int_equal(sessile_tls_tickets_add(tickets, key, sizeof key), SESSILE_OK);
    assert_int_equal(sessile_tls_tickets_add(elsewhere, key, sizeof key), SESSILE_OK);
    client = config_client();
    server = server_with(tickets, SESSILE_TLS_1_3);
    other = server_with(elsewhere, SESSILE_TLS_1_3);
    meet();
    assert_true(resumes_with(client, other, HOST));
    sessile_tls_tickets_free(tickets);
    sessile_tls_tickets_free(elsewhere);
    sessile_tls_config_free(other);
    drop();
}

/* ---- damaged tickets ---- */

static void truncated_and_foreign_tickets_are_refused(void **state)
{
    sessile_session *session = sessile_session_create(NULL, (sessile_comm_send)abort, NULL);
    uint8_t *longer;

    (void)state;
    make(0);
    meet();
    for (size_t size = 0; size < ticket.size; size++)
        assert_int_equal(sessile_tls_resume(session, ticket.data, size), SESSILE_ERR_ARGUMENT);
    longer = calloc(1, ticket.size + 1);
    memcpy(longer, ticket.data, ticket.size);
    assert_int_equal(sessile_tls_resume(session, longer, ticket.size + 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_resume(session, "no ticket at all", 16), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_resume(session, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_resume(NULL, ticket.data, ticket.size), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_resume(session, ticket.data, ticket.size), SESSILE_OK);
    sessile_session_free(session);
    free(longer);
    drop();
}

/* Whatever is damaged: a full handshake, or none; never a session that one end sees otherwise than the other. */
static void try_damaged(size_t at)
{
    struct tls_pair pair;

    ticket.data[at] ^= 0x10;
    pair_init(&pair, client, server);
    pair.ticket = ticket.data;
    pair.ticket_size = ticket.size;
    if (pair_start(&pair) == SESSILE_OK) {
        pair_run(&pair);
        assert_true(pair_ready(&pair) || (pair.client.closed && pair.server.closed));
        if (pair_ready(&pair))
            assert_int_equal(sessile_tls_resumed(pair.client.session), sessile_tls_resumed(pair.server.session));
        else
            assert_true(pair.client.error != SESSILE_OK && pair.server.error != SESSILE_OK);
    }
    pair_free(&pair);
    ticket.data[at] ^= 0x10;
}

static void a_damaged_ticket_harms_nobody(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        meet();
        for (size_t i = (size_t)version % 3; i < ticket.size; i += 3)
            try_damaged(i);
        assert_true(resumes());
        drop();
    }
}

/* ---- questions ---- */

static void make_asking(int asking, int version, int when)
{
    make(version);
    config_show(client, configs_pki.client_stranger);
    if (asking == SESSILE_CLIENT) {
        MUST(sessile_tls_config_ask_peer(client, when));
        return;
    }
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    MUST(sessile_tls_config_ask_peer(server, when));
}

static int is_resumption(struct tls_end *end, enum event event)
{
    const void *data = "";
    size_t size;

    if (event == EVENT_QUESTION) {
        sessile_question_get(end->question, SESSILE_ITEM_RESUMED, 0, &data, &size);
        assert_string_equal(data, "1");
        assert_int_equal(sessile_question_count(end->question, SESSILE_ITEM_CERTIFICATE), 1);
    }
    return 0;
}

static struct tls_end *resume_asking(struct tls_pair *pair, int asking, enum answer answer)
{
    struct tls_end *end = asking == SESSILE_CLIENT ? &pair->client : &pair->server;

    pair_init(pair, client, server);
    pair->ticket = ticket.data;
    pair->ticket_size = ticket.size;
    end->answer = answer;
    end->hook = is_resumption;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
    assert_int_equal(end->questions, 1);
    return end;
}

static void resumption_asks_again(int asking, int version, int when)
{
    struct tls_pair pair;
    struct tls_end *end;

    make_asking(asking, version, when);
    meet();
    end = resume_asking(&pair, asking, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_resumed(end->session), 1);
    pair_free(&pair);
    end = resume_asking(&pair, asking, ANSWER_REFUSE);
    assert_failed(end, SESSILE_ERR_REFUSED);
    assert_false(end->ready);
    pair_free(&pair);
    end = resume_asking(&pair, asking, ANSWER_KEEP);
    assert_false(end->ready);
    assert_int_equal(pair.client.tickets, 0);
    assert_int_equal(end_accept(end), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    pair_free(&pair);
    drop();
}

static void a_resumption_asks_again(void **state)
{
    (void)state;
    resumption_asks_again(SESSILE_CLIENT, SESSILE_TLS_1_2, SESSILE_TLS_ASK_ALWAYS);
    resumption_asks_again(SESSILE_CLIENT, SESSILE_TLS_1_3, SESSILE_TLS_ASK_ALWAYS);
    resumption_asks_again(SESSILE_SERVER, SESSILE_TLS_1_3, SESSILE_TLS_ASK_ALWAYS);
    resumption_asks_again(SESSILE_SERVER, SESSILE_TLS_1_3, SESSILE_TLS_ASK_UNTRUSTED);
}

static void a_resumption_asks_again_about_an_untrusted_server(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        client = config_client();
        server = config_server_of(configs_pki.stranger);
        MUST(sessile_tls_config_set_versions(client, version, version));
        MUST(sessile_tls_config_ask_peer(client, SESSILE_TLS_ASK_UNTRUSTED));
        meet();
        resume_asking(&pair, SESSILE_CLIENT, ANSWER_REFUSE);
        assert_failed(&pair.client, SESSILE_ERR_REFUSED);
        pair_free(&pair);
        drop();
    }
}

/* What a client holds at any time before the yes, and after a no, does not resume: it is asked about as if new. */
static void leaves_nothing(int version, int accept_late)
{
    struct raw raw;
    struct raw again;
    SSL_SESSION *held;

    make_asking(SESSILE_SERVER, version, SESSILE_TLS_ASK_ALWAYS);
    raw_init(&raw, SESSILE_CLIENT, server);
    raw.end->answer = ANSWER_KEEP;
    raw_start(&raw, HOST, NULL);
    assert_non_null(raw.end->question);
    assert_false(raw.end->ready);
    assert_int_equal(raw.tickets, 0);
    held = SSL_get1_session(raw.ssl);
    assert_int_equal(accept_late ? end_accept(raw.end) : end_refuse(raw.end, 0), SESSILE_OK);
    raw_run(&raw);
    assert_int_equal(raw.tickets, accept_late && version == SESSILE_TLS_1_3 ? 2 : 0);
    raw_init(&again, SESSILE_CLIENT, server);
    again.end->answer = ANSWER_REFUSE;
    if (SSL_SESSION_is_resumable(held) || version == SESSILE_TLS_1_2)
        raw_start(&again, HOST, held);
    else
        raw_start(&again, HOST, NULL);
    assert_int_equal(again.end->questions, 1);
    assert_failed(again.end, SESSILE_ERR_REFUSED);
    SSL_SESSION_free(held);
    raw_free(&raw);
    raw_free(&again);
    drop();
}

static void a_deferred_client_certificate_leaves_no_ticket_before_the_yes(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        leaves_nothing(version, 0);
        leaves_nothing(version, 1);
    }
}

static void a_client_that_is_not_asked_about_gets_its_tickets(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        config_show(client, configs_pki.client);
        config_trust(server, configs_pki.ca);
        MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
        MUST(sessile_tls_config_ask_peer(server, SESSILE_TLS_ASK_UNTRUSTED));
        meet();
        assert_true(resumes());
        drop();
    }
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_is_resumed_and_says_so),
        TEST(a_resumed_session_brings_a_ticket_for_the_next),
        TEST(both_know_each_other_after_a_resumption),
        TEST(as_many_tickets_come_as_are_configured),
        TEST(no_tickets_means_no_resumption_in_1_2_either),
        TEST(a_ticket_is_not_offered_to_another_host),
        TEST(a_ticket_is_not_offered_under_another_clients_config),
        TEST(what_was_not_verified_is_not_resumed_where_it_must_be),
        TEST(another_servers_ticket_leads_to_a_full_handshake),
        TEST(shared_keys_resume_where_the_content_is_the_same),
        TEST(a_ticket_does_not_cross_from_name_to_name),
        TEST(a_ticket_opens_with_the_last_three_keys_before),
        TEST(two_processes_share_a_key),
        TEST(truncated_and_foreign_tickets_are_refused),
        TEST(a_damaged_ticket_harms_nobody),
        TEST(a_resumption_asks_again),
        TEST(a_resumption_asks_again_about_an_untrusted_server),
        TEST(a_deferred_client_certificate_leaves_no_ticket_before_the_yes),
        TEST(a_client_that_is_not_asked_about_gets_its_tickets),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
