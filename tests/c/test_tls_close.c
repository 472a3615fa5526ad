/* SPDX-License-Identifier: Apache-2.0
 *
 * How sessions end: half closes, graceful ends, aborts, detaching with exactly what is not TLS left over, and what a
 * wire that is gone means. */
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

static void make(int version)
{
    configs_make(&client, &server, version);
}

static void drop(struct tls_pair *pair)
{
    pair_free(pair);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void open_pair(struct tls_pair *pair, int version)
{
    make(version);
    pair_open(pair, client, server);
}

static const char *after_ready(const struct tls_end *end)
{
    const char *at = end->log;

    for (const char *next; (next = strstr(at, "ready")) || (next = strstr(at, "ticket"));)
        at = next + 5 + (*next == 't');
    return *at ? at + 1 : at;
}

/* ---- half closes ---- */

static void each_direction_ends_on_its_own(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        open_pair(&pair, version);
        end_write(&pair.client, "bye", 3);
        assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
        assert_int_equal(sessile_stream_write(pair.client.stream, "x", 1), SESSILE_ERR_CLOSED);
        assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_ERR_CLOSED);
        pair_run(&pair);
        assert_true(pair.server.ended && end_got(&pair.server, "bye"));
        assert_false(pair.client.closed || pair.server.closed);
        end_write(&pair.server, "not yet", 7);
        pair_run(&pair);
        assert_true(end_got(&pair.client, "not yet"));
        assert_int_equal(sessile_stream_end(pair.server.stream), SESSILE_OK);
        pair_run(&pair);
        assert_string_equal(after_ready(&pair.client), "data:7 end comm_close stream_closed:OK closed:OK");
        assert_string_equal(after_ready(&pair.server), "data:3 end comm_close stream_closed:OK closed:OK");
        drop(&pair);
    }
}

static void without_an_end_callback_a_session_ends_by_itself(void **state)
{
    struct tls_pair pair;

    (void)state;
    make(0);
    pair_init(&pair, client, server);
    pair.server.no_end = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
    pair_run(&pair);
    assert_string_equal(after_ready(&pair.server), "comm_close stream_closed:OK closed:OK");
    assert_string_equal(after_ready(&pair.client), "end comm_close stream_closed:OK closed:OK");
    drop(&pair);
}

static void both_may_end_at_once(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        open_pair(&pair, version);
        assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
        assert_int_equal(sessile_stream_end(pair.server.stream), SESSILE_OK);
        pair_run(&pair);
        assert_int_equal(pair.client.error, SESSILE_OK);
        assert_int_equal(pair.server.error, SESSILE_OK);
        assert_int_equal(pair.client.closed + pair.server.closed, 2);
        drop(&pair);
    }
}

static int end_here(struct tls_end *end, enum event event)
{
    if (event == EVENT_DATA)
        assert_int_equal(sessile_stream_end(end->stream), SESSILE_OK);
    return 0;
}

static void a_stream_may_be_ended_inside_its_data(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    pair.server.hook = end_here;
    end_write(&pair.client, "enough?", 7);
    pair_run(&pair);
    assert_true(pair.client.ended && !pair.client.closed);
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
    pair_run(&pair);
    assert_int_equal(pair.server.closed, 1);
    assert_int_equal(pair.server.error, SESSILE_OK);
    drop(&pair);
}

/* ---- graceful ends and aborts ---- */

static void end_drops_what_still_arrives(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        open_pair(&pair, version);
        assert_int_equal(sessile_session_end(pair.client.session), SESSILE_OK);
        end_write(&pair.server, "too late", 8);
        pair_run(&pair);
        assert_int_equal(pair.client.data.size, 0);
        assert_false(pair.client.closed);
        assert_int_equal(pair.client.taken, pair.client.wire.size);
        assert_int_equal(sessile_session_end(pair.server.session), SESSILE_OK);
        pair_run(&pair);
        assert_string_equal(after_ready(&pair.client), "comm_close stream_closed:OK closed:OK");
        drop(&pair);
    }
}

static void end_before_ready_is_an_abort(void **state)
{
    struct tls_pair pair;

    (void)state;
    make(0);
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    assert_int_equal(sessile_session_end(pair.client.session), SESSILE_OK);
    assert_failed(&pair.client, SESSILE_ERR_ABORTED);
    pair_run(&pair);
    assert_int_equal(pair.server.closed, 1);
    drop(&pair);
}

static void abort_sends_nothing(void **state)
{
    struct tls_pair pair;
    size_t flights;

    (void)state;
    open_pair(&pair, 0);
    flights = pair.client.flights;
    assert_int_equal(sessile_session_abort(pair.client.session), SESSILE_OK);
    assert_int_equal(sessile_session_abort(pair.client.session), SESSILE_ERR_CLOSED);
    assert_int_equal(pair.client.flights, flights);
    assert_failed(&pair.client, SESSILE_ERR_ABORTED);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_TRUNCATED);
    drop(&pair);
    open_pair(&pair, 0);
    assert_int_equal(sessile_stream_abort(pair.server.stream), SESSILE_OK);
    assert_failed(&pair.server, SESSILE_ERR_ABORTED);
    drop(&pair);
}

static void a_batch_that_is_aborted_sends_nothing(void **state)
{
    struct tls_pair pair;
    size_t flights;

    (void)state;
    open_pair(&pair, 0);
    flights = pair.client.flights;
    assert_int_equal(sessile_session_enter(pair.client.session), SESSILE_OK);
    end_write(&pair.client, "never", 5);
    assert_int_equal(sessile_session_abort(pair.client.session), SESSILE_OK);
    assert_int_equal(sessile_session_leave(pair.client.session), SESSILE_OK);
    assert_int_equal(pair.client.flights, flights);
    assert_failed(&pair.client, SESSILE_ERR_ABORTED);
    drop(&pair);
}

/* ---- detaching ---- */

static const char plain[] = "+OK back to plain text\r\n";

static void check_left_over(struct tls_end *end)
{
    assert_int_equal(end->closed, 1);
    assert_int_equal(end->error, SESSILE_OK);
    assert_false(end->comm_closed);
    assert_int_equal(end->wire.size - end->taken, strlen(plain));
    assert_memory_equal(end->wire.data + end->taken, plain, strlen(plain));
}

/* how: everything in one span, or what policy says. */
static void detach_and_speak_plainly(int version, enum wire_policy policy, size_t cut)
{
    struct tls_pair pair;

    make(version);
    pair_init(&pair, client, server);
    pair.no_eof = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_int_equal(sessile_session_detach(pair.server.session), SESSILE_OK);
    pair_run(&pair);
    assert_true(pair.client.ended && !pair.server.closed);
    pair.policy = policy;
    pair.cut_role = SESSILE_SERVER;
    pair.cut = pair.server.wire.size + cut;
    pair.seed = 7;
    end_write(&pair.client, "last words", 10);
    assert_int_equal(sessile_session_detach(pair.client.session), SESSILE_OK);
    end_inject(&pair.server, plain, strlen(plain));
    end_inject(&pair.client, plain, strlen(plain));
    pair_run(&pair);
    check_left_over(&pair.server);
    check_left_over(&pair.client);
    assert_true(end_got(&pair.server, "last words"));
    drop(&pair);
}

static void what_follows_close_notify_is_left_exactly(void **state)
{
    (void)state;
    FOR_BOTH(version)
    {
        detach_and_speak_plainly(version, WIRE_WHOLE, 0);
        detach_and_speak_plainly(version, WIRE_BYTES, 0);
        detach_and_speak_plainly(version, WIRE_RANDOM, 0);
        for (size_t cut = 0; cut < 100; cut += version == SESSILE_TLS_1_3 ? 1 : 5)
            detach_and_speak_plainly(version, WIRE_CUT, cut);
    }
}

static void a_detached_session_may_be_freed_before_it_is_over(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    assert_int_equal(sessile_session_detach(pair.client.session), SESSILE_OK);
    end_free_session(&pair.client);
    assert_false(pair.client.comm_closed);
    assert_true(pair.client.released);
    drop(&pair);
}

static void nothing_behind_close_notify_is_taken(void **state)
{
    struct tls_pair pair;
    size_t size;

    (void)state;
    open_pair(&pair, 0);
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
    pair_run(&pair);
    size = pair.server.wire.size;
    end_inject(&pair.server, "\x17\x03\x03\x00\x02xx", 7);
    pair_run(&pair);
    assert_int_equal(pair.server.taken, size);
    assert_int_equal(sessile_session_want(pair.server.session), 0);
    end_write(&pair.server, "still here", 10);
    pair_run(&pair);
    assert_true(end_got(&pair.client, "still here"));
    drop(&pair);
}

/* ---- the wire is gone ---- */

static void gone_before_anything(void **state)
{
    struct tls_pair pair;

    (void)state;
    make(0);
    pair_init(&pair, client, server);
    pair.no_eof = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    end_wire_gone(&pair.server);
    end_wire_gone(&pair.client);
    assert_failed(&pair.server, SESSILE_ERR_DROPPED);
    assert_failed(&pair.client, SESSILE_ERR_TRUNCATED);
    assert_false(pair.server.comm_closed || pair.client.comm_closed);
    drop(&pair);
}

/* The client's bytes end after so many of them. */
static int gone_after(int version, size_t bytes, int *heard)
{
    struct tls_pair pair;
    int error;

    make(version);
    pair_init(&pair, client, server);
    pair.no_eof = 1;
    pair.policy = WIRE_CUT;
    pair.cut_role = SESSILE_SERVER;
    pair.cut = bytes;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    if (bytes > pair.server.wire.size)
        bytes = pair.server.wire.size;
    if (bytes) {
        sessile_session_receive(pair.server.session, pair.server.wire.data, bytes);
        *heard = bytes == pair.server.wire.size;
    }
    end_wire_gone(&pair.server);
    error = pair.server.error;
    assert_true(pair.server.closed && !pair.server.ready);
    drop(&pair);
    return error;
}

static void gone_in_the_first_record_or_behind_it(void **state)
{
    int heard = 0;

    (void)state;
    FOR_BOTH(version)
    {
        assert_int_equal(gone_after(version, 0, &heard), SESSILE_ERR_DROPPED);
        for (size_t bytes = 1; !heard; bytes += bytes < 8 ? 1 : 13)
            assert_int_equal(gone_after(version, bytes, &heard), SESSILE_ERR_TRUNCATED);
        heard = 0;
    }
}

static void gone_between_records(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        open_pair(&pair, version);
        end_wire_gone(&pair.client);
        assert_failed(&pair.client, SESSILE_ERR_TRUNCATED);
        assert_contains(sessile_session_error_text(pair.client.session), "without close_notify");
        assert_int_equal(pair.client.stream_error, SESSILE_ERR_TRUNCATED);
        drop(&pair);
    }
}

static void gone_within_a_record(void **state)
{
    struct tls_pair pair;
    size_t taken;

    (void)state;
    open_pair(&pair, 0);
    taken = pair.server.wire.size;
    pair.policy = WIRE_CUT;
    pair.cut_role = SESSILE_SERVER;
    pair.cut = taken + 9;
    end_write(&pair.client, "cut off", 7);
    assert_int_equal(sessile_session_receive(pair.server.session, pair.server.wire.data + taken, 9), 0);
    end_wire_gone(&pair.server);
    assert_failed(&pair.server, SESSILE_ERR_TRUNCATED);
    assert_contains(sessile_session_error_text(pair.server.session), "after 9 bytes");
    assert_int_equal(pair.server.data.size, 0);
    drop(&pair);
}

static void gone_after_a_half_close(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0); /* the peer's close_notify is there: all it had to say is complete */
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_OK);
    pair_run(&pair);
    end_wire_gone(&pair.server);
    assert_failed(&pair.server, SESSILE_ERR_DROPPED);
    assert_int_equal(pair.server.stream_error, SESSILE_OK);
    end_wire_gone(&pair.client); /* it is not */
    assert_failed(&pair.client, SESSILE_ERR_TRUNCATED);
    drop(&pair);
}

static void gone_after_an_end_is_a_drop(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    assert_int_equal(sessile_session_end(pair.client.session), SESSILE_OK);
    end_wire_gone(&pair.client);
    assert_failed(&pair.client, SESSILE_ERR_DROPPED);
    drop(&pair);
}

static void gone_twice_or_after_the_end_changes_nothing(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    sessile_session_end(pair.client.session);
    sessile_session_end(pair.server.session);
    pair_run(&pair);
    assert_int_equal(pair.client.closed, 1);
    sessile_session_close(pair.client.session);
    sessile_session_close(pair.client.session);
    assert_int_equal(pair.client.closed, 1);
    assert_int_equal(sessile_session_error(pair.client.session), SESSILE_OK);
    assert_int_equal(sessile_session_receive(pair.client.session, "x", 1), 0);
    drop(&pair);
}

/* ---- failing wires ---- */

static void a_send_that_fails_ends_the_session(void **state)
{
    struct tls_pair pair;

    (void)state;
    open_pair(&pair, 0);
    pair.client.send_fails = 1;
    end_write(&pair.client, "into the void", 13);
    assert_failed(&pair.client, SESSILE_ERR_COMM);
    assert_true(pair.client.comm_closed);
    drop(&pair);
    make(0);
    pair_init(&pair, client, server);
    pair.client.send_fails = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    assert_failed(&pair.client, SESSILE_ERR_COMM);
    drop(&pair);
}

/* ---- a raw peer ---- */

static void close_notify_in_the_handshake_is_the_peers_doing(void **state)
{
    static const uint8_t close_notify[] = {21, 3, 3, 0, 2, 1, 0};
    struct tls_pair pair;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        pair_init(&pair, client, NULL);
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        end_inject(&pair.client, close_notify, sizeof close_notify);
        pair_run(&pair);
        assert_failed(&pair.client, SESSILE_ERR_PEER);
        assert_contains(sessile_session_error_text(pair.client.session), "close_notify");
        drop(&pair);
    }
}

static void a_raw_peer_sees_close_notify(void **state)
{
    struct raw raw;

    (void)state;
    FOR_BOTH(version)
    {
        make(version);
        raw_init(&raw, SESSILE_CLIENT, server);
        raw_start(&raw, HOST, NULL);
        assert_true(raw.ready);
        assert_int_equal(sessile_session_end(raw.end->session), SESSILE_OK);
        raw_run(&raw);
        assert_true(raw.closed && raw.reason == 0);
        assert_int_equal(SSL_get_shutdown(raw.ssl), SSL_RECEIVED_SHUTDOWN);
        assert_int_equal(SSL_shutdown(raw.ssl), 1);
        raw_run(&raw);
        assert_int_equal(raw.end->closed, 1);
        assert_int_equal(raw.end->error, SESSILE_OK);
        raw_free(&raw);
        sessile_tls_config_free(client);
        sessile_tls_config_free(server);
    }
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_direction_ends_on_its_own),
        TEST(without_an_end_callback_a_session_ends_by_itself),
        TEST(both_may_end_at_once),
        TEST(a_stream_may_be_ended_inside_its_data),
        TEST(end_drops_what_still_arrives),
        TEST(end_before_ready_is_an_abort),
        TEST(abort_sends_nothing),
        TEST(a_batch_that_is_aborted_sends_nothing),
        TEST(what_follows_close_notify_is_left_exactly),
        TEST(a_detached_session_may_be_freed_before_it_is_over),
        TEST(nothing_behind_close_notify_is_taken),
        TEST(gone_before_anything),
        TEST(gone_in_the_first_record_or_behind_it),
        TEST(gone_between_records),
        TEST(gone_within_a_record),
        TEST(gone_after_a_half_close),
        TEST(gone_after_an_end_is_a_drop),
        TEST(gone_twice_or_after_the_end_changes_nothing),
        TEST(a_send_that_fails_ends_the_session),
        TEST(close_notify_in_the_handshake_is_the_peers_doing),
        TEST(a_raw_peer_sees_close_notify),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
