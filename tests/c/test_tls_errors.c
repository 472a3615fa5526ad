/* SPDX-License-Identifier: Apache-2.0
 *
 * What is no TLS, and TLS that was tampered with: a clear error at once where that can be told from the first bytes, an
 * alert where libssl sends one, and never a session that the two ends see differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_two.h"

#define FOR_BOTH(version) for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++)

static void remake(int version)
{
    two_teardown(NULL);
    configs_make(&client, &server, version);
}

/* ---- first bytes ---- */

static const struct first {
    const char *bytes;
    size_t size;
    const char *words;
} firsts[] = {
    {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 36, "it looks like plain HTTP: the peer sent 'GET / HTTP/1.1"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, "plain HTTP"},
    {"HTTP/1.1 400 Bad Request\r\n", 26, "plain HTTP"},
    {"SSH-2.0-OpenSSH_9.2\r\n", 21, "it looks like SSH"},
    {"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11, "SSLv2 ClientHello: the peer sent '\\x80.\\x01"},
    {"220 mail.example ESMTP\r\n", 24, "not a TLS record"},
    {"\x00\x00\x00\x00\x00\x00", 6, "not a TLS record"},
    {"\x16\x02\x00\x00\x05", 5, "not a TLS record"},
    {"\x18\x03\x03\x00\x05", 5, "not a TLS record"},
    {"\xff\xff\xff\xff\xff", 5, "not a TLS record"},
    {"\x16\x03\x01\xff\xff", 5, "65535 bytes, more than the limit of 16384"},
    {"\x16\x03\x01\x40\x01", 5, "16385 bytes, more than the limit of 16384"},
};

static struct tls_end *feed_first(struct tls_pair *pair, int role, const struct first *first, enum wire_policy policy)
{
    struct tls_end *end = role == SESSILE_CLIENT ? &pair->client : &pair->server;

    pair_init(pair, role == SESSILE_CLIENT ? client : NULL, role == SESSILE_SERVER ? server : NULL);
    pair->policy = policy;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    end_inject(end, first->bytes, first->size);
    pair_run(pair);
    return end;
}

static void what_is_no_tls_fails_at_once(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
            end = feed_first(&pair, role, &firsts[i], WIRE_WHOLE);
            assert_failed(end, SESSILE_ERR_PROTOCOL);
            assert_contains(sessile_session_error_text(end->session), firsts[i].words);
            pair_free(&pair);
        }
}

static void what_is_no_tls_fails_byte_by_byte_too(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
            end = feed_first(&pair, role, &firsts[i], WIRE_BYTES);
            assert_failed(end, SESSILE_ERR_PROTOCOL);
            assert_true(end->shown <= 5); /* the header tells: nothing is waited for */
            pair_free(&pair);
        }
}

static const uint8_t *last_record(const struct tls_end *to, size_t *size)
{
    size_t at = 0;
    size_t next = 0;

    while (next < to->wire.size) {
        at = next;
        next += 5 + (size_t)(to->wire.data[at + 3] << 8 | to->wire.data[at + 4]);
    }
    *size = next - at;
    return to->wire.data + at;
}

static void an_overlong_record_is_answered_with_an_alert(void **state)
{
    static const uint8_t record_overflow[] = {21, 3, 1, 0, 2, 2, 22};
    struct tls_pair pair;
    const uint8_t *record;
    size_t size;

    (void)state;
    feed_first(&pair, SESSILE_SERVER, &firsts[10], WIRE_WHOLE);
    record = last_record(&pair.client, &size);
    assert_int_equal(size, sizeof record_overflow);
    assert_int_equal(record[0], 21);
    assert_memory_equal(record + 3, record_overflow + 3, 4);
    pair_free(&pair);
}

static void an_overlong_record_is_answered_with_a_sealed_alert_later(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        pair_open(&pair, client, server);
        end_inject(&pair.server, "\x17\x03\x03\xff\xff", 5);
        pair_run(&pair);
        assert_failed(&pair.server, SESSILE_ERR_PROTOCOL);
        assert_contains(sessile_session_error_text(pair.server.session), "65535 bytes, more than the limit");
        assert_failed(&pair.client, SESSILE_ERR_PEER);
        assert_contains(sessile_session_error_text(pair.client.session), "record_overflow (22)");
        pair_free(&pair);
    }
}

static void bytes_that_are_no_record_fail_a_ready_session(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        pair_open(&pair, client, server);
        end_inject(&pair.server, "HTTP", 4);
        pair_run(&pair);
        assert_failed(&pair.server, SESSILE_ERR_PROTOCOL);
        pair_free(&pair);
    }
}

static void a_forged_record_fails_with_an_alert(void **state)
{
    uint8_t forged[5 + 40] = {0x17, 3, 3, 0, 40};
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        pair_open(&pair, client, server);
        end_inject(&pair.server, forged, sizeof forged);
        pair_run(&pair);
        assert_failed(&pair.server, SESSILE_ERR_PROTOCOL);
        assert_failed(&pair.client, SESSILE_ERR_PEER);
        assert_contains(sessile_session_error_text(pair.client.session), "bad_record_mac (20)");
        pair_free(&pair);
    }
}

static void a_replayed_record_fails(void **state)
{
    struct tls_pair pair;
    const uint8_t *record;
    size_t size;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        pair_open(&pair, client, server);
        end_write(&pair.client, "once", 4);
        pair_run(&pair);
        record = last_record(&pair.server, &size);
        end_inject(&pair.server, memcpy((uint8_t[256]){0}, record, size), size);
        pair_run(&pair);
        assert_true(end_got(&pair.server, "once"));
        assert_failed(&pair.server, SESSILE_ERR_PROTOCOL);
        pair_free(&pair);
    }
}

static void empty_records_and_wrong_contents_fail_or_are_ignored(void **state)
{
    static const struct first records[] = {
        {"\x16\x03\x01\x00\x00", 5, "empty handshake"},
        {"\x15\x03\x01\x00\x00", 5, "empty alert"},
        {"\x14\x03\x01\x00\x00", 5, "empty change_cipher_spec"},
        {"\x17\x03\x01\x00\x00", 5, "empty data"},
        {"\x17\x03\x01\x00\x01x", 6, "data"},
        {"\x14\x03\x01\x00\x01\x01", 6, "change_cipher_spec"},
        {"\x15\x03\x01\x00\x02\x02\x28", 7, "handshake_failure"},
        {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9, "server_hello"},
        {"\x16\x03\x01\x00\x04\x14\x00\x00\x00", 9, "finished"},
        {"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9, "a hello of 16 MiB"},
    };
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    for (int role = 0; role < 2; role++)
        for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
            end = feed_first(&pair, role, &records[i], WIRE_WHOLE);
            assert_false(end->ready);
            if (!end->closed) { /* it waits for more, and for nothing for ever */
                assert_true(sessile_session_want(end->session) >= 5);
                end_wire_gone(end);
                assert_int_equal(end->closed, 1);
                assert_true(end->error != SESSILE_OK);
            }
            pair_free(&pair);
        }
}

/* ---- garbage ---- */

static void garbage_never_succeeds(void **state)
{
    uint32_t seed = 1;
    uint8_t record[5 + 512];
    struct tls_pair pair;
    struct first first = {(char *)record, sizeof record, NULL};

    (void)state;
    for (int i = 0; i < 300; i++) {
        for (size_t at = 0; at < sizeof record; at++)
            record[at] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        if (i % 3) {
            memcpy(record, "\x16\x03\x01\x02\x00", 5);
            memcpy(record + 5, i % 2 ? "\x01\x00\x01\xfc\x03\x03" : "\x02\x00\x01\xfc\x03\x03", 6);
        }
        assert_false(feed_first(&pair, i & 1, &first, WIRE_WHOLE)->ready);
        pair_free(&pair);
    }
}

/* ---- one bit that changes on the way ---- */

/* Nothing that reached an application differs from what was said, and who is ready has the same keys. */
static void check_nothing_wrong(struct tls_pair *pair)
{
    uint8_t a[32];
    uint8_t b[32];

    if (pair_ready(pair)) {
        assert_int_equal(sessile_tls_export(pair->client.session, "EXPORTER-test", NULL, 0, a, 32) |
                             sessile_tls_export(pair->server.session, "EXPORTER-test", NULL, 0, b, 32),
                         pair->client.closed || pair->server.closed ? SESSILE_ERR_CLOSED : SESSILE_OK);
        if (!pair->client.closed && !pair->server.closed)
            assert_memory_equal(a, b, 32);
    }
    assert_true(pair->server.data.size == 0 || end_got(&pair->server, "to the server"));
    assert_true(pair->client.data.size == 0 || end_got(&pair->client, "to the client"));
    for (struct tls_end *end = &pair->client; end; end = end == &pair->client ? &pair->server : NULL)
        if (end->closed)
            assert_failed(end, end->error);
}

/* A length that has grown is waited for, as long as the wire is there. */
static void give_up(struct tls_pair *pair)
{
    for (struct tls_end *end = &pair->client; end; end = end == &pair->client ? &pair->server : NULL)
        if (!end->closed) {
            assert_true(sessile_session_want(end->session) > 0);
            end_wire_gone(end);
        }
}

static int flipped(int role, size_t at, uint8_t flip)
{
    struct tls_pair pair;
    int well;

    pair_init(&pair, client, server);
    pair.flip_role = role;
    pair.flip_at = at;
    pair.flip = flip;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    end_write(&pair.client, "to the server", 13);
    end_write(&pair.server, "to the client", 13);
    pair_run(&pair);
    well = pair.server.data.size > 0 && pair.client.data.size > 0;
    check_nothing_wrong(&pair);
    if (!well) {
        give_up(&pair);
        assert_true(pair.client.closed && pair.client.error != SESSILE_OK);
        assert_true(pair.server.closed && pair.server.error != SESSILE_OK);
    }
    pair_free(&pair);
    return well;
}

/* How far the wire goes where nothing is changed. */
static size_t length_to(int role)
{
    struct tls_pair pair;
    size_t size;

    pair_open(&pair, client, server);
    size = role == SESSILE_CLIENT ? pair.client.wire.size : pair.server.wire.size;
    pair_free(&pair);
    return size;
}

static void flip_every_byte(int version, int role, size_t limit)
{
    size_t size;
    size_t well = 0;

    remake(version);
    MUST(sessile_tls_config_set_ticket_count(server, 1));
    size = length_to(role);
    for (size_t at = 0; at < size; at++)
        well += (size_t)flipped(role, at, (uint8_t)(1u << at % 8));
    /* Only the version of a record in the clear is not looked at. */
    assert_true(well <= limit);
}

static void a_bit_that_changes_in_1_2_is_noticed(void **state)
{
    (void)state;
    flip_every_byte(SESSILE_TLS_1_2, SESSILE_SERVER, 2);
    flip_every_byte(SESSILE_TLS_1_2, SESSILE_CLIENT, 2);
}

static void a_bit_that_changes_in_1_3_is_noticed(void **state)
{
    (void)state;
    flip_every_byte(SESSILE_TLS_1_3, SESSILE_SERVER, 2);
    flip_every_byte(SESSILE_TLS_1_3, SESSILE_CLIENT, 2);
}

/* ---- the application's errors ---- */

static enum event failing_event;

static int fail_there(struct tls_end *end, enum event event)
{
    (void)end;
    return event == failing_event ? -1 : 0;
}

static void a_callback_that_fails_ends_the_session(void **state)
{
    static const enum event events[] = {EVENT_READY, EVENT_DATA, EVENT_END, EVENT_NOTICE, EVENT_WRITABLE};
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        failing_event = events[i];
        pair_init(&pair, client, server);
        pair.client.hook = fail_there;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        end_write(&pair.client, "x", 1);
        pair_run(&pair);
        if (!pair.server.closed) {
            end_write(&pair.server, "x", 1);
            sessile_stream_end(pair.server.stream);
            pair_run(&pair);
        }
        assert_failed(&pair.client, SESSILE_ERR_CALLBACK);
        assert_contains(sessile_session_error_text(pair.client.session), "returned -1");
        pair_free(&pair);
    }
}

static void data_without_a_callback_is_misuse(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    pair.server.no_data = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    end_write(&pair.client, "x", 1);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_MISUSE);
    pair_free(&pair);
}

static enum event freeing_event;

static int free_there(struct tls_end *end, enum event event)
{
    if (event == freeing_event && end->session)
        end_free_session(end);
    return 0;
}

static void a_session_may_be_freed_in_every_callback(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (int event = EVENT_READY; event <= EVENT_TRACE; event++)
        for (int role = 0; role < 2; role++) {
            struct tls_end *end = role ? &pair.server : &pair.client;

            freeing_event = (enum event)event;
            pair_init(&pair, client, server);
            end->hook = free_there;
            end->traced = end->keylog = 1;
            assert_int_equal(pair_start(&pair), SESSILE_OK);
            if (end->session)
                end_write(end, "x", 1);
            pair_run(&pair);
            if (end->session && end->peer->session) {
                end_write(end->peer, "x", 1);
                sessile_session_end(end->peer->session);
                pair_run(&pair);
            }
            if (end->session)
                sessile_session_end(end->session);
            pair_run(&pair);
            if (event != EVENT_QUESTION && event != EVENT_WITHDRAWN)
                assert_null(end->session);
            assert_int_equal(end->released, end->session == NULL);
            pair_free(&pair);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_tls_fails_at_once),
        TEST(what_is_no_tls_fails_byte_by_byte_too),
        TEST(an_overlong_record_is_answered_with_an_alert),
        TEST(an_overlong_record_is_answered_with_a_sealed_alert_later),
        TEST(bytes_that_are_no_record_fail_a_ready_session),
        TEST(a_forged_record_fails_with_an_alert),
        TEST(a_replayed_record_fails),
        TEST(empty_records_and_wrong_contents_fail_or_are_ignored),
        TEST(garbage_never_succeeds),
        TEST(a_bit_that_changes_in_1_2_is_noticed),
        TEST(a_bit_that_changes_in_1_3_is_noticed),
        TEST(a_callback_that_fails_ends_the_session),
        TEST(data_without_a_callback_is_misuse),
        TEST(a_session_may_be_freed_in_every_callback),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
