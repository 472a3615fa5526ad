/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session offers once it is ready: keying material, channel bindings, key updates, the key log, traces, counters
 * and sizes of records. */
#include <ctype.h>
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

static void open_pair(struct tls_pair *pair, int version)
{
    configs_make(&client, &server, version);
    pair_open(pair, client, server);
}

static void drop(struct tls_pair *pair)
{
    pair_free(pair);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void talk(struct tls_pair *pair)
{
    end_write(&pair->client, "ping", 4);
    end_write(&pair->server, "pong", 4);
    pair_run(pair);
    assert_true(end_got(&pair->server, "ping") && end_got(&pair->client, "pong"));
}

/* ---- keying material ---- */

static void both_ends_export_the_same(void **state)
{
    struct tls_pair pair;
    uint8_t a[64];
    uint8_t b[64];

    (void)state;
    FOR_BOTH(version)
    {
        open_pair(&pair, version);
        assert_int_equal(sessile_tls_export(pair.client.session, "EXPORTER-test", "ctx", 3, a, 64), SESSILE_OK);
        assert_int_equal(sessile_tls_export(pair.server.session, "EXPORTER-test", "ctx", 3, b, 64), SESSILE_OK);
        assert_memory_equal(a, b, 64);
        assert_int_equal(sessile_tls_export(pair.server.session, "EXPORTER-test", "cty", 3, b, 64), SESSILE_OK);
        assert_memory_not_equal(a, b, 64);
        assert_int_equal(sessile_tls_export(pair.server.session, "EXPORTER-tesu", "ctx", 3, b, 64), SESSILE_OK);
        assert_memory_not_equal(a, b, 64);
        drop(&pair);
    }
}

static void no_context_is_not_an_empty_one_in_1_2(void **state)
{
    struct tls_pair pair;
    uint8_t a[32];
    uint8_t b[32];

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_2);
    assert_int_equal(sessile_tls_export(pair.client.session, "EXPORTER-test", NULL, 0, a, 32), SESSILE_OK);
    assert_int_equal(sessile_tls_export(pair.client.session, "EXPORTER-test", "", 0, b, 32), SESSILE_OK);
    assert_memory_not_equal(a, b, 32);
    drop(&pair);
}

static void an_export_needs_a_label_and_room(void **state)
{
    struct tls_pair pair;
    uint8_t *room = malloc(8161);
    sessile_session *s;

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_3);
    s = pair.client.session;
    assert_int_equal(sessile_tls_export(s, NULL, NULL, 0, room, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 0, NULL, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 0, room, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 1, room, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 0, room, 8161), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 0, room, 8160), SESSILE_OK);
    talk(&pair);
    free(room);
    drop(&pair);
}

/* ---- channel bindings ---- */

static int bindings_equal(struct tls_pair *pair, int kind)
{
    uint8_t a[64];
    uint8_t b[64];
    int size = sessile_tls_channel_binding(pair->client.session, kind, a, sizeof a);

    assert_int_equal(sessile_tls_channel_binding(pair->server.session, kind, b, sizeof b), size);
    if (size > 0)
        assert_memory_equal(a, b, (size_t)size);
    return size;
}

static void both_ends_have_the_same_bindings(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        client = config_client();
        server = config_server_of(configs_pki.ec);
        MUST(sessile_tls_config_set_versions(server, version, version));
        pair_open(&pair, client, server);
        assert_int_equal(bindings_equal(&pair, SESSILE_TLS_BINDING_UNIQUE),
                         version == SESSILE_TLS_1_2 ? 12 : SESSILE_ERR_UNSUPPORTED);
        assert_int_equal(bindings_equal(&pair, SESSILE_TLS_BINDING_EXPORTER), 32);
        drop(&pair);
    }
}

static void the_end_point_is_the_certificates_hash(void **state)
{
    struct pki *authority = pki_new("ec");
    struct pki *leaf = pki_server(authority, "ec", HOST);
    struct tls_pair pair;
    uint8_t expected[32];
    uint8_t seen[64];

    (void)state;
    pki_fingerprint(leaf, expected);
    client = config_client();
    config_trust(client, authority);
    server = config_server_of(leaf);
    pair_open(&pair, client, server);
    assert_int_equal(bindings_equal(&pair, SESSILE_TLS_BINDING_SERVER_END_POINT), 32);
    sessile_tls_channel_binding(pair.client.session, SESSILE_TLS_BINDING_SERVER_END_POINT, seen, sizeof seen);
    assert_memory_equal(seen, expected, 32);
    assert_int_equal(sessile_tls_channel_binding(pair.client.session, 0, seen, sizeof seen), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_channel_binding(pair.client.session, SESSILE_TLS_BINDING_EXPORTER, seen, 63),
                     SESSILE_ERR_ARGUMENT);
    drop(&pair);
    pki_free(leaf);
    pki_free(authority);
}

static void a_signature_without_a_hash_has_no_end_point(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    assert_int_equal(bindings_equal(&pair, SESSILE_TLS_BINDING_SERVER_END_POINT), SESSILE_ERR_UNSUPPORTED);
    drop(&pair);
}

/* The server has two certificates, and cannot know from a ticket which of them the client has seen. */
static void bindings_never_differ_after_a_resumption(void **state)
{
    struct pki *authority = pki_new("ec");
    struct pki *ec = pki_server(authority, "ec", HOST);
    struct pki *rsa = pki_server(authority, "rsa", HOST);
    struct tls_pair first;
    struct tls_pair second;

    (void)state;
    FOR_BOTH(version)
    {
        client = config_client();
        config_trust(client, authority);
        server = config_server_of(ec);
        config_show(server, rsa);
        MUST(sessile_tls_config_set_versions(client, version, version));
        MUST(sessile_tls_config_set_sigalgs(client, "ECDSA+SHA256:ed25519"));
        pair_open(&first, client, server);
        assert_int_equal(bindings_equal(&first, SESSILE_TLS_BINDING_SERVER_END_POINT), 32);
        pair_init(&second, client, server);
        second.ticket = first.client.ticket.data;
        second.ticket_size = first.client.ticket.size;
        assert_int_equal(pair_start(&second), SESSILE_OK);
        pair_run(&second);
        assert_ready(&second);
        assert_int_equal(sessile_tls_resumed(second.server.session), 1);
        assert_int_equal(bindings_equal(&second, SESSILE_TLS_BINDING_UNIQUE),
                         version == SESSILE_TLS_1_2 ? 12 : SESSILE_ERR_UNSUPPORTED);
        assert_int_equal(bindings_equal(&second, SESSILE_TLS_BINDING_EXPORTER), 32);
        assert_int_equal(sessile_tls_channel_binding(second.server.session, SESSILE_TLS_BINDING_SERVER_END_POINT,
                                                     (uint8_t[64]){0}, 64),
                         SESSILE_ERR_UNSUPPORTED);
        pair_free(&second);
        drop(&first);
    }
    pki_free(ec);
    pki_free(rsa);
    pki_free(authority);
}

/* ---- key updates ---- */

static void either_end_changes_its_keys(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_3);
    for (int requested = 0; requested < 2; requested++) {
        assert_int_equal(sessile_tls_key_update(pair.client.session, requested), SESSILE_OK);
        pair_run(&pair);
        talk(&pair);
        assert_int_equal(sessile_tls_key_update(pair.server.session, requested), SESSILE_OK);
        pair_run(&pair);
        talk(&pair);
    }
    /* Both at once, and without a word in between. */
    assert_int_equal(sessile_tls_key_update(pair.client.session, 1), SESSILE_OK);
    assert_int_equal(sessile_tls_key_update(pair.client.session, 1), SESSILE_OK);
    assert_int_equal(sessile_tls_key_update(pair.server.session, 1), SESSILE_OK);
    talk(&pair);
    drop(&pair);
}

static int answers_update(int requested)
{
    struct tls_pair pair;
    int answered;

    configs_make(&client, &server, SESSILE_TLS_1_3);
    pair_init(&pair, client, server);
    pair.client.traced = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_key_update(pair.client.session, requested), SESSILE_OK);
    pair_run(&pair);
    talk(&pair);
    assert_contains(pair.client.trace, ">key_update");
    answered = strstr(pair.client.trace, "<key_update") != NULL;
    drop(&pair);
    return answered;
}

/* libssl answers when it next has data to send, which is soon enough (RFC 8446, section 4.6.3). */
static void a_requested_update_is_answered_and_another_is_not(void **state)
{
    (void)state;
    assert_true(answers_update(1));
    assert_false(answers_update(0));
}

/* As many as one likes are refused where a batch or a held wire has its share. */
static void key_updates_are_bounded_like_everything(void **state)
{
    struct tls_pair pair;
    uint64_t sent;
    int result = SESSILE_OK;

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_3);
    assert_int_equal(sessile_session_enter(pair.client.session), SESSILE_OK);
    for (int i = 0; i < 40000 && result == SESSILE_OK; i++)
        result = sessile_tls_key_update(pair.client.session, 0);
    assert_int_equal(result, SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_session_leave(pair.client.session), SESSILE_OK);
    drop(&pair);
    open_pair(&pair, SESSILE_TLS_1_3);
    sent = sessile_session_counter(pair.client.session, SESSILE_COUNT_SENT);
    assert_int_equal(sessile_session_hold(pair.client.session, 1), SESSILE_OK);
    result = SESSILE_OK;
    for (int i = 0; i < 40000 && result == SESSILE_OK; i++)
        result = sessile_tls_key_update(pair.client.session, 0);
    assert_int_equal(result, SESSILE_ERR_LIMIT);
    assert_true(sessile_session_counter(pair.client.session, SESSILE_COUNT_SENT) - sent < 65536 + 128);
    drop(&pair);
}

static void count_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                        void *app)
{
    (void)session, (void)direction, (void)message, (void)size, (void)phase;
    ++*(int *)app;
}

static void tracing_may_begin_late(void **state)
{
    struct tls_pair pair;
    int traced = 0;

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_3);
    assert_int_equal(sessile_session_set_trace(pair.client.session, count_trace, &traced), SESSILE_OK);
    assert_int_equal(sessile_tls_key_update(pair.client.session, 0), SESSILE_OK);
    assert_int_equal(traced, 1);
    drop(&pair);
}

static void there_is_no_key_update_in_1_2_nor_after_the_end(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, SESSILE_TLS_1_2);
    assert_int_equal(sessile_tls_key_update(pair.client.session, 0), SESSILE_ERR_UNSUPPORTED);
    talk(&pair);
    drop(&pair);
    open_pair(&pair, SESSILE_TLS_1_3);
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
    assert_int_equal(sessile_tls_key_update(pair.client.session, 0), SESSILE_ERR_CLOSED);
    drop(&pair);
}

/* ---- the key log ---- */

static const char *next_line(const char *line)
{
    return strchr(line, '\n') + 1;
}

/* "LABEL <64 digits> <64 or 96 digits>" */
static int is_key_line(const char *line)
{
    size_t label = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0");
    size_t random = label < 5 || line[label] != ' ' ? 0 : strspn(line + label + 1, "0123456789abcdef");
    size_t secret = random == 64 ? strspn(line + label + 66, "0123456789abcdef") : 0;

    return (secret == 64 || secret == 96) && line[label + 66 + secret] == '\n';
}

static int count_lines(struct tls_end *end)
{
    int count = 0;

    bytes_add(&end->keys, "", 1);
    for (const char *line = (char *)end->keys.data; *line; line = next_line(line)) {
        assert_true(is_key_line(line));
        count++;
    }
    return count;
}

static void log_keys(struct tls_pair *pair, int version, int on)
{
    configs_make(&client, &server, version);
    pair_init(pair, client, server);
    pair->client.keylog = on;
    pair->server.keylog = on;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
    assert_ready(pair);
}

static void the_key_log_is_libssls_and_on_request_only(void **state)
{
    struct tls_pair pair;

    (void)state;
    log_keys(&pair, SESSILE_TLS_1_3, 1);
    assert_int_equal(count_lines(&pair.client), 5);
    assert_int_equal(count_lines(&pair.server), 5);
    assert_contains((char *)pair.client.keys.data, "CLIENT_TRAFFIC_SECRET_0 ");
    assert_contains((char *)pair.client.keys.data, "EXPORTER_SECRET ");
    drop(&pair);
    log_keys(&pair, SESSILE_TLS_1_2, 1);
    assert_int_equal(count_lines(&pair.client), 1);
    assert_contains((char *)pair.client.keys.data, "CLIENT_RANDOM ");
    count_lines(&pair.server);
    assert_string_equal((char *)pair.client.keys.data, (char *)pair.server.keys.data);
    drop(&pair);
    log_keys(&pair, SESSILE_TLS_1_3, 0);
    assert_int_equal(pair.client.keys.size + pair.server.keys.size, 0);
    drop(&pair);
}

static struct tls_bytes raw_log;

static void on_raw_keylog(const SSL *ssl, const char *line)
{
    (void)ssl;
    bytes_add(&raw_log, line, strlen(line));
    bytes_add(&raw_log, "\n", 1);
}

/* Line by line, in whatever order. */
static void the_key_log_is_the_same_as_the_peers(void **state)
{
    struct raw raw;

    (void)state;
    configs_make(&client, &server, SESSILE_TLS_1_3);
    raw_init(&raw, SESSILE_CLIENT, server);
    SSL_CTX_set_keylog_callback(raw.ctx, on_raw_keylog);
    raw.end->keylog = 1;
    raw_start(&raw, HOST, NULL);
    assert_true(raw.ready);
    assert_int_equal(count_lines(raw.end), 5);
    bytes_add(&raw_log, "", 1);
    for (char *line = (char *)raw.end->keys.data, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = 0;
        assert_contains((char *)raw_log.data, line);
    }
    bytes_clear(&raw_log);
    raw_free(&raw);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

/* ---- traces and counters ---- */

static void trace_to(struct tls_pair *pair, int version)
{
    configs_make(&client, &server, version);
    pair_init(pair, client, server);
    pair->client.traced = pair->server.traced = 1;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
    assert_ready(pair);
    assert_int_equal(sessile_session_end(pair->client.session), SESSILE_OK);
    pair_run(pair);
}

static void the_messages_of_1_3_are_traced(void **state)
{
    struct tls_pair pair;

    (void)state;
    trace_to(&pair, SESSILE_TLS_1_3);
    assert_string_equal(pair.client.trace,
                        ">client_hello <server_hello <encrypted_extensions <certificate "
                        "<certificate_verify <finished >change_cipher_spec >finished <new_session_ticket "
                        "<new_session_ticket >close_notify");
    assert_string_equal(pair.server.trace,
                        "<client_hello >server_hello >change_cipher_spec >encrypted_extensions >certificate "
                        ">certificate_verify >finished <finished >new_session_ticket "
                        ">new_session_ticket <close_notify");
    drop(&pair);
}

static void the_messages_of_1_2_are_traced(void **state)
{
    struct tls_pair pair;

    (void)state;
    trace_to(&pair, SESSILE_TLS_1_2);
    assert_string_equal(pair.server.trace,
                        "<client_hello >server_hello >certificate >server_key_exchange >server_hello_done "
                        "<client_key_exchange <finished >new_session_ticket >change_cipher_spec "
                        ">finished <close_notify");
    drop(&pair);
}

static void a_chosen_config_is_traced_once(void **state)
{
    struct tls_pair pair;
    sessile_tls_config *other = config_server();

    (void)state;
    configs_make(&client, &server, 0);
    MUST(sessile_tls_config_add_host(server, HOST, other));
    pair_init(&pair, client, server);
    pair.server.traced = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_null(strstr(strstr(pair.server.trace, "<client_hello") + 1, "<client_hello"));
    sessile_tls_config_free(other);
    drop(&pair);
}

static void counters_add_up(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    talk(&pair);
    for (struct tls_end *end = &pair.client; end; end = end == &pair.client ? &pair.server : NULL) {
        assert_int_equal(sessile_session_counter(end->session, SESSILE_COUNT_SENT), end->peer->wire.size);
        assert_int_equal(sessile_session_counter(end->session, SESSILE_COUNT_SENDS), end->flights);
        assert_int_equal(sessile_session_counter(end->session, SESSILE_COUNT_TAKEN), end->wire.size);
        assert_int_equal(sessile_session_counter(end->session, SESSILE_COUNT_DATA_IN), 4);
        assert_int_equal(sessile_session_counter(end->session, SESSILE_COUNT_DATA_OUT), 4);
    }
    drop(&pair);
}

/* ---- sizes of records ---- */

/* The largest record in what came over a wire. */
static size_t largest_record(const struct tls_end *to, size_t from)
{
    size_t largest = 0;

    for (size_t at = from; at < to->wire.size; at += 5 + (size_t)(to->wire.data[at + 3] << 8 | to->wire.data[at + 4]))
        if ((size_t)(to->wire.data[at + 3] << 8 | to->wire.data[at + 4]) > largest)
            largest = (size_t)(to->wire.data[at + 3] << 8 | to->wire.data[at + 4]);
    return largest;
}

static void send_20000(struct tls_pair *pair, size_t limit)
{
    static char text[20001];
    size_t to_server = pair->server.wire.size;
    size_t to_client = pair->client.wire.size;

    memset(text, 'x', 20000);
    end_write(&pair->client, text, 20000);
    end_write(&pair->server, text, 20000);
    pair_run(pair);
    assert_true(end_got(&pair->server, text) && end_got(&pair->client, text));
    assert_true(largest_record(&pair->server, to_server) <= limit + 64);
    assert_true(largest_record(&pair->client, to_client) <= limit + 64);
    assert_true(largest_record(&pair->server, to_server) > limit);
    assert_true(largest_record(&pair->client, to_client) > limit);
}

static void a_negotiated_fragment_holds_both_ways(void **state)
{
    static const size_t sizes[] = {512, 1024, 2048, 4096};
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    for (size_t i = 0; i < 4; i++) {
        configs_make(&client, &server, version);
        MUST(sessile_tls_config_set_max_fragment(client, sizes[i]));
        pair_open(&pair, client, server);
        send_20000(&pair, sizes[i]);
        drop(&pair);
    }
}

static void a_configured_fragment_holds_for_what_is_sent(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        configs_make(&client, &server, version);
        MUST(sessile_tls_config_set_max_send_fragment(client, 700));
        MUST(sessile_tls_config_set_max_send_fragment(server, 700));
        pair_open(&pair, client, server);
        send_20000(&pair, 700);
        drop(&pair);
    }
    open_pair(&pair, 0);
    send_20000(&pair, 16384);
    drop(&pair);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ends_export_the_same),
        TEST(no_context_is_not_an_empty_one_in_1_2),
        TEST(an_export_needs_a_label_and_room),
        TEST(both_ends_have_the_same_bindings),
        TEST(the_end_point_is_the_certificates_hash),
        TEST(a_signature_without_a_hash_has_no_end_point),
        TEST(bindings_never_differ_after_a_resumption),
        TEST(either_end_changes_its_keys),
        TEST(a_requested_update_is_answered_and_another_is_not),
        TEST(key_updates_are_bounded_like_everything),
        TEST(tracing_may_begin_late),
        TEST(there_is_no_key_update_in_1_2_nor_after_the_end),
        TEST(the_key_log_is_libssls_and_on_request_only),
        TEST(the_key_log_is_the_same_as_the_peers),
        TEST(the_messages_of_1_3_are_traced),
        TEST(the_messages_of_1_2_are_traced),
        TEST(a_chosen_config_is_traced_once),
        TEST(counters_add_up),
        TEST(a_negotiated_fragment_holds_both_ways),
        TEST(a_configured_fragment_holds_for_what_is_sent),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
