/* SPDX-License-Identifier: Apache-2.0
 *
 * A session's life over the toy engine: what receive takes, what the caller is told to bring, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "session/engine.h"
#include "toy.h"

#define GIB ((size_t)1 << 30)

/* ---- before the protocol is chosen ---- */

static int send_nothing(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

static void create_refuses_a_missing_send(void **state)
{
    (void)state;
    assert_null(sessile_session_create(NULL, NULL, NULL));
}

static void create_sends_nothing_and_bytes_wait_until_the_protocol_is_chosen(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 1);
    assert_int_equal(toy_arrive(&side, TOY_HELLO, ""), 0);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(sessile_session_want_max(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "");
    assert_int_equal(toy_start(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    assert_string_equal(journal_text(&side.journal), "resume ready send(3)");
    assert_int_equal(side.wire.kept_size, 0);
    assert_int_equal(sessile_session_want_max(side.wire.session), TOY_MAX);
    assert_null(side_done(&side));
}

static void choosing_the_protocol_resumes_nobody_who_was_not_refused(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_CLIENT);
    assert_string_equal(journal_text(&side.wire_journal), "send(3)");
    assert_int_equal(toy_start(side.wire.session, SESSILE_SERVER, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_null(side_done(&side));
}

static void a_session_without_a_protocol_can_be_closed_ended_and_aborted(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 1);
    wire_close(&side.wire);
    assert_int_equal(sessile_session_error(side.wire.session), SESSILE_ERR_DROPPED);
    assert_null(side_done(&side));
    side_open(&side, 1);
    assert_int_equal(sessile_session_detach(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_end(side.wire.session), 0);
    assert_int_equal(sessile_session_error(side.wire.session), SESSILE_ERR_ABORTED);
    assert_string_equal(journal_text(&side.journal), "close");
    assert_null(side_done(&side));
    side_open(&side, 1);
    assert_int_equal(sessile_session_abort(side.wire.session), 0);
    assert_int_equal(sessile_session_abort(side.wire.session), SESSILE_ERR_CLOSED);
    assert_int_equal(toy_start(side.wire.session, SESSILE_SERVER, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_string_equal(journal_text(&side.journal), "close");
    assert_null(side_done(&side));
}

static void a_wire_that_closes_on_waiting_bytes_is_judged_once_they_are_taken(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 0);
    toy_arrive(&side, TOY_HELLO, "");
    toy_arrive(&side, TOY_END, "");
    wire_close(&side.wire);
    assert_int_equal(toy_start(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    assert_string_equal(journal_text(&side.journal), "ready end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

/* ---- what receive takes ---- */

static void fill_script(struct toy_script *script)
{
    script->size = 0;
    toy_add(script, TOY_HELLO, "");
    toy_add(script, TOY_DATA, "first");
    toy_add_echo(script, 10);
    toy_add(script, TOY_NOTICE, "note");
    toy_add(script, TOY_DATA, "a longer second piece of data");
    toy_add(script, TOY_ASK, "may I?");
    toy_add(script, TOY_DATA, "third");
    toy_add(script, TOY_END, "");
}

#define SCRIPT_EVENTS "ready data(5) notice(7,4) data(29) question(101,6) data(5) end"

static void assert_script_ran(struct side *side)
{
    assert_string_equal(journal_text(&side->journal), SCRIPT_EVENTS);
    assert_int_equal(side->recorder.size, 39);
    assert_memory_equal(side->recorder.data, "firsta longer second piece of datathird", 39);
    assert_int_equal(side->wire.sent_size, 3 + 13 + 3);
    assert_int_equal(side->wire.kept_size, 0);
    assert_null(side_done(side));
}

static void feeding_in_any_way_leads_to_the_same_events(void **state)
{
    struct feeding feeding = {.way = FEED_WHOLE};
    struct toy_script script;
    struct side side;

    (void)state;
    fill_script(&script);
    for (feeding.way = FEED_WHOLE; feeding.way <= FEED_BYTES; feeding.way++) {
        toy_open(&side, SESSILE_SERVER);
        wire_feed(&side.wire, script.data, script.size, &feeding);
        assert_script_ran(&side);
    }
    feeding.way = FEED_SPLIT;
    for (feeding.split = 1; feeding.split < script.size; feeding.split++) {
        toy_open(&side, SESSILE_SERVER);
        wire_feed(&side.wire, script.data, script.size, &feeding);
        assert_script_ran(&side);
    }
    feeding.way = FEED_RANDOM;
    for (feeding.seed = 1; feeding.seed < 50; feeding.seed++) {
        toy_open(&side, SESSILE_SERVER);
        wire_feed(&side.wire, script.data, script.size, &feeding);
        assert_script_ran(&side);
    }
}

/* The units' ends, from the script itself. */
static size_t whole_units(const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (size - at >= TOY_HEADER && size - at - TOY_HEADER >= (size_t)(data[at + 1] << 8 | data[at + 2]))
        at += TOY_HEADER + (size_t)(data[at + 1] << 8 | data[at + 2]);
    return at;
}

static void receive_takes_all_whole_units_and_want_is_what_the_next_one_needs(void **state)
{
    struct toy_script script;
    struct side side;
    size_t whole;
    size_t want;

    (void)state;
    fill_script(&script);
    script.size -= TOY_HEADER; /* END: nothing is wanted after it */
    for (size_t size = 0; size <= script.size; size++) {
        whole = whole_units(script.data, size);
        want = TOY_HEADER;
        if (size - whole >= TOY_HEADER)
            want += (size_t)(script.data[whole + 1] << 8 | script.data[whole + 2]);
        toy_open(&side, SESSILE_SERVER);
        assert_int_equal(wire_arrive(&side.wire, script.data, size), whole);
        assert_int_equal(side.wire.kept_size, size - whole);
        assert_int_equal(sessile_session_want(side.wire.session), want);
        assert_true(want <= sessile_session_want_max(side.wire.session));
        assert_null(side_done(&side));
    }
}

static void receive_takes_nothing_behind_the_peers_end(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    toy_add(&script, TOY_END, "");
    toy_add(&script, TOY_DATA, "plain text again");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), TOY_HEADER);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(side.wire.resumes, 0);
    assert_null(side_done(&side));
}

static void receive_refuses_bytes_that_are_not_there(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    assert_int_equal(sessile_session_receive(side.wire.session, NULL, 1), -1);
    assert_int_equal(sessile_session_receive(NULL, "x", 1), -1);
    assert_int_equal(sessile_session_error(side.wire.session), 0);
    assert_int_equal(sessile_session_receive(side.wire.session, NULL, 0), 0);
    assert_null(side_done(&side));
}

/* Units of 1 GiB: the second one ends behind INT_MAX. It is never looked at, so no memory is touched. */
static void receive_takes_at_most_int_max_and_asks_for_the_rest(void **state)
{
    uint8_t *huge = mmap(NULL, 4 * GIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct side side;
    sessile_session *session;

    (void)state;
    assert_ptr_not_equal(huge, MAP_FAILED);
    toy_open_ready(&side, 0);
    session = side.wire.session;
    toy_of(session)->fixed = GIB;
    sessile_session_set_counters(session, 1);
    assert_int_equal(sessile_session_receive(session, huge, 4 * GIB), GIB);
    assert_int_equal(side.wire.resumes, 1);
    assert_int_equal(sessile_session_receive(session, huge, 3 * GIB), GIB);
    assert_int_equal(side.wire.resumes, 2);
    assert_int_equal(sessile_session_counter(session, SESSILE_COUNT_TAKEN), 2 * GIB);
    toy_of(session)->fixed = INT_MAX;
    assert_int_equal(sessile_session_receive(session, huge, INT_MAX), INT_MAX);
    assert_int_equal(side.wire.resumes, 2);
    assert_null(side_done(&side));
    munmap(huge, 4 * GIB);
}

static size_t looked_at(size_t units, size_t payload)
{
    static uint8_t unit[TOY_MAX];
    static const uint8_t zeros[4096];
    struct feeding feeding = {.way = FEED_BYTES};
    struct side side;
    size_t size = toy_put(unit, TOY_DATA, zeros, payload);
    size_t looked;

    toy_open_ready(&side, 0);
    side.wire.plain = 1;
    toy_of(side.wire.session)->looked = 0;
    toy_of(side.wire.session)->calls = 0;
    for (size_t i = 0; i < units; i++)
        wire_feed(&side.wire, unit, size, &feeding);
    assert_int_equal(side.recorder.size, units * payload);
    assert_true(toy_of(side.wire.session)->calls <= units * (size + 1));
    looked = toy_of(side.wire.session)->looked;
    assert_null(side_done(&side));
    return looked;
}

/* Each byte is looked at once, and a header once more for each byte that arrives. */
static void feeding_byte_by_byte_is_linear(void **state)
{
    (void)state;
    assert_true(looked_at(1, 4000) <= 4 * 4003);
    assert_true(looked_at(4, 1000) <= 4 * 4 * 1003);
    assert_true(looked_at(4, 4000) <= 4 * 4 * 4003);
}

/* ---- failing ---- */

static void the_first_error_sticks_with_its_text(void **state)
{
    struct side side;
    sessile_session *session;

    (void)state;
    toy_open_ready(&side, 1);
    session = side.wire.session;
    assert_string_equal(sessile_session_error_text(session), "");
    assert_int_equal(toy_arrive(&side, TOY_FAIL, "12345"), -1);
    assert_string_equal(journal_text(&side.journal), "close stream_closed(ERR_PROTOCOL) closed(ERR_PROTOCOL)");
    assert_int_equal(sessile_session_abort(session), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_session_end(session), SESSILE_ERR_CLOSED);
    sessile_session_close(session);
    assert_int_equal(sessile_session_receive(session, "DDD", 3), -1);
    assert_int_equal(sessile_session_want(session), 0);
    assert_int_equal(sessile_session_error(session), SESSILE_ERR_PROTOCOL);
    assert_string_equal(sessile_session_error_text(session), "the peer sent FAIL with 5 bytes");
    assert_int_equal(side.recorder.closed, 1);
    assert_null(side_done(&side));
}

static int fail_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)wire, (void)buffer, (void)size;
    return strcmp(callback, "send") == 0 ? -1 : 0;
}

static void a_failing_send_ends_the_session(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.wire.hook = fail_send;
    toy_add_echo(&script, 20);
    toy_add(&script, TOY_DATA, "data");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), -1);
    assert_string_equal(journal_text(&side.journal), "data(4) send(23) close stream_closed(ERR_COMM) closed(ERR_COMM)");
    assert_string_equal(sessile_session_error_text(side.wire.session), "the comms layer's send failed for 23 bytes");
    assert_null(side_done(&side));
}

static void a_failing_send_does_not_hide_what_failed_before(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    side.wire.hook = fail_send;
    toy_add_echo(&script, 20);
    toy_add(&script, TOY_FAIL, "");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_PROTOCOL);
    assert_string_equal(sessile_session_error_text(side.wire.session), "the peer sent FAIL with 0 bytes");
    assert_null(side_done(&side));
}

static int fail_all(struct recorder *recorder, const char *callback)
{
    return recorder->app == NULL || strcmp(recorder->app, callback) == 0 ? -5 : 0;
}

static void a_negative_result_of_any_callback_fails_the_session(void **state)
{
    static const char *const names[] = {"ready", "data", "notice", "question", "end"};
    struct toy_script script;
    struct side side;
    char text[64];

    (void)state;
    fill_script(&script);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        toy_open(&side, SESSILE_SERVER);
        side.recorder.hook = fail_all;
        side.recorder.app = (void *)(uintptr_t)names[i];
        snprintf(text, sizeof text, "the %s callback returned -5", names[i]);
        assert_int_equal(wire_arrive(&side.wire, script.data, script.size), -1);
        assert_int_equal(side.recorder.error, SESSILE_ERR_CALLBACK);
        assert_string_equal(sessile_session_error_text(side.wire.session), text);
        assert_int_equal(side.wire.closes, 1);
        assert_null(side_done(&side));
    }
}

/* ---- ending ---- */

static void ending_sends_drops_what_arrives_and_closes_when_the_peer_has_ended(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    assert_int_equal(sessile_session_end(side.wire.session), 0);
    assert_int_equal(sessile_session_end(side.wire.session), 0);
    toy_add(&script, TOY_DATA, "dropped");
    toy_add(&script, TOY_END, "");
    toy_add(&script, TOY_DATA, "not ours");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 13);
    assert_string_equal(journal_text(&side.journal), "send(3) close stream_closed(OK) closed(OK)");
    assert_int_equal(sessile_session_end(side.wire.session), SESSILE_ERR_CLOSED);
    assert_int_equal(wire_offer(&side.wire), 0);
    assert_null(side_done(&side));
}

static void both_streams_close_before_the_session(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 1);
    assert_int_equal(toy_start_two(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    toy_arrive(&side, TOY_HELLO, "");
    assert_int_equal(sessile_session_abort(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "ready send(3) close stream_closed(ERR_ABORTED) "
                                                     "stream_closed(ERR_ABORTED) closed(ERR_ABORTED)");
    assert_null(side_done(&side));
}

static void abort_sends_nothing_more(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    sessile_session_enter(side.wire.session);
    sessile_stream_write(sessile_session_stream(side.wire.session), "abc", 3);
    assert_int_equal(sessile_session_abort(side.wire.session), 0);
    sessile_session_leave(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "close stream_closed(ERR_ABORTED) closed(ERR_ABORTED)");
    assert_null(side_done(&side));
}

static void free_calls_close_only_where_nobody_has_closed(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "close release");
    assert_null(side_done(&side));
    toy_open_ready(&side, 1);
    wire_close(&side.wire);
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_DROPPED) closed(ERR_DROPPED) release");
    assert_null(side_done(&side));
    toy_open_ready(&side, 1);
    assert_int_equal(sessile_session_detach(side.wire.session), 0);
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "send(3) release");
    assert_null(side_done(&side));
}

static void detach_delivers_to_the_peers_end_and_leaves_the_rest(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    assert_int_equal(sessile_session_detach(side.wire.session), 0);
    toy_add(&script, TOY_DATA, "last");
    toy_add(&script, TOY_END, "");
    toy_add(&script, TOY_DATA, "plain");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 10);
    assert_string_equal(journal_text(&side.journal), "send(3) data(4) end stream_closed(OK) closed(OK)");
    assert_int_equal(side.wire.kept_size, 8);
    assert_int_equal(sessile_session_receive(side.wire.session, side.wire.kept, 8), 0);
    sessile_session_free(side.wire.session);
    assert_int_equal(side.wire.closes, 0);
    assert_null(side_done(&side));
}

static void detach_needs_a_session_that_is_ready_and_a_wire(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    assert_int_equal(sessile_session_detach(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_error(side.wire.session), 0);
    wire_close(&side.wire);
    assert_int_equal(sessile_session_detach(side.wire.session), SESSILE_ERR_MISUSE);
    assert_null(side_done(&side));
}

/* ---- small things ---- */

static void null_is_an_argument_error_everywhere(void **state)
{
    (void)state;
    sessile_session_free(NULL);
    sessile_session_close(NULL);
    assert_int_equal(sessile_session_want(NULL), 0);
    assert_int_equal(sessile_session_want_max(NULL), 0);
    assert_int_equal(sessile_session_end(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_abort(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_pause(NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_hold(NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_enter(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_leave(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_detach(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_receive_end(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_error(NULL), SESSILE_ERR_ARGUMENT);
    assert_string_equal(sessile_session_error_text(NULL), sessile_error_describe(SESSILE_ERR_ARGUMENT));
    assert_null(sessile_session_stream(NULL));
    assert_int_equal(sessile_session_counter(NULL, 0), 0);
}

static void counters_count_what_passes(void **state)
{
    static const uint64_t expected[] = {11 + 3, 11, 2, 3 + 7, 2, 5, 4};
    struct toy_script script = {.size = 0};
    struct side side;
    sessile_session *session;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    session = side.wire.session;
    assert_int_equal(sessile_session_counter(session, SESSILE_COUNT_OFFERED), 0);
    assert_int_equal(sessile_session_set_counters(session, 1), 0);
    toy_add(&script, TOY_HELLO, "");
    toy_add(&script, TOY_DATA, "12345");
    wire_arrive(&side.wire, script.data, 6);
    wire_arrive(&side.wire, script.data + 6, 5);
    sessile_stream_write(sessile_session_stream(session), "abcd", 4);
    for (int i = 0; i < 7; i++)
        assert_int_equal(sessile_session_counter(session, i), expected[i]);
    assert_int_equal(sessile_session_counter(session, 7), 0);
    assert_int_equal(sessile_session_counter(session, -1), 0);
    sessile_session_set_counters(session, 1);
    assert_int_equal(sessile_session_counter(session, SESSILE_COUNT_TAKEN), 0);
    sessile_session_set_counters(session, 0);
    assert_null(side_done(&side));
}

static int trace_off(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "trace") == 0)
        sessile_session_set_trace(recorder->session, NULL, NULL);
    return 0;
}

static void tracing_tells_each_message_and_can_be_turned_off_from_inside(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    assert_int_equal(sessile_session_set_trace(side.wire.session, recorder_trace, &side.recorder), 0);
    toy_arrive(&side, TOY_HELLO, "");
    toy_arrive(&side, TOY_DATA, "abc");
    sessile_stream_write(sessile_session_stream(side.wire.session), "abcd", 4);
    assert_string_equal(journal_text(&side.journal), "<HELLO(3,hello) ready <DATA(6,open) data(3) >DATA(4,open)");
    journal_free(&side.journal);
    side.recorder.hook = trace_off;
    toy_arrive(&side, TOY_DATA, "abc");
    toy_arrive(&side, TOY_DATA, "abc");
    assert_string_equal(journal_text(&side.journal), "<DATA(6,open) data(3) data(3)");
    assert_null(side_done(&side));
}

static void time_is_brought_by_the_caller(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    assert_int_equal(session_time(side.wire.session), -1);
    assert_int_equal(sessile_session_set_time(side.wire.session, -1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_session_set_time(side.wire.session, 1700000000), 0);
    assert_int_equal(session_time(side.wire.session), 1700000000);
    assert_null(side_done(&side));
}

static void an_idle_session_rests_and_looking_does_not_disturb_it(void **state)
{
    struct side side;
    size_t rests;

    (void)state;
    toy_open_ready(&side, 0);
    rests = toy_of(side.wire.session)->rests;
    sessile_session_want(side.wire.session);
    sessile_session_error(side.wire.session);
    assert_int_equal(toy_of(side.wire.session)->rests, rests);
    toy_arrive(&side, TOY_DATA, "abc");
    assert_int_equal(toy_of(side.wire.session)->rests, rests + 1);
    assert_null(side_done(&side));
}

static void callbacks_cannot_be_changed_once_used(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    assert_int_equal(sessile_callbacks_set_data(side.callbacks, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_callbacks_set_data(NULL, NULL), SESSILE_ERR_ARGUMENT);
    sessile_callbacks_free(side.callbacks); /* the session holds it */
    side.callbacks = NULL;
    toy_arrive(&side, TOY_HELLO, "");
    assert_string_equal(journal_text(&side.journal), "ready");
    assert_null(side_done(&side));
}

static void a_session_needs_no_callbacks(void **state)
{
    sessile_session *session = sessile_session_create(NULL, send_nothing, NULL);

    (void)state;
    assert_int_equal(toy_start(session, SESSILE_SERVER, NULL, NULL), 0);
    assert_int_equal(sessile_session_receive(session, "H\0\0N\0\0O\0\0", 9), 9);
    assert_int_equal(sessile_session_receive(session, "D\0\1x", 4), -1);
    assert_int_equal(sessile_session_error(session), SESSILE_ERR_MISUSE);
    sessile_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_a_missing_send),
        cmocka_unit_test(create_sends_nothing_and_bytes_wait_until_the_protocol_is_chosen),
        cmocka_unit_test(choosing_the_protocol_resumes_nobody_who_was_not_refused),
        cmocka_unit_test(a_session_without_a_protocol_can_be_closed_ended_and_aborted),
        cmocka_unit_test(a_wire_that_closes_on_waiting_bytes_is_judged_once_they_are_taken),
        cmocka_unit_test(feeding_in_any_way_leads_to_the_same_events),
        cmocka_unit_test(receive_takes_all_whole_units_and_want_is_what_the_next_one_needs),
        cmocka_unit_test(receive_takes_nothing_behind_the_peers_end),
        cmocka_unit_test(receive_refuses_bytes_that_are_not_there),
        cmocka_unit_test(receive_takes_at_most_int_max_and_asks_for_the_rest),
        cmocka_unit_test(feeding_byte_by_byte_is_linear),
        cmocka_unit_test(the_first_error_sticks_with_its_text),
        cmocka_unit_test(a_failing_send_ends_the_session),
        cmocka_unit_test(a_failing_send_does_not_hide_what_failed_before),
        cmocka_unit_test(a_negative_result_of_any_callback_fails_the_session),
        cmocka_unit_test(ending_sends_drops_what_arrives_and_closes_when_the_peer_has_ended),
        cmocka_unit_test(both_streams_close_before_the_session),
        cmocka_unit_test(abort_sends_nothing_more),
        cmocka_unit_test(free_calls_close_only_where_nobody_has_closed),
        cmocka_unit_test(detach_delivers_to_the_peers_end_and_leaves_the_rest),
        cmocka_unit_test(detach_needs_a_session_that_is_ready_and_a_wire),
        cmocka_unit_test(null_is_an_argument_error_everywhere),
        cmocka_unit_test(counters_count_what_passes),
        cmocka_unit_test(tracing_tells_each_message_and_can_be_turned_off_from_inside),
        cmocka_unit_test(time_is_brought_by_the_caller),
        cmocka_unit_test(an_idle_session_rests_and_looking_does_not_disturb_it),
        cmocka_unit_test(callbacks_cannot_be_changed_once_used),
        cmocka_unit_test(a_session_needs_no_callbacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
