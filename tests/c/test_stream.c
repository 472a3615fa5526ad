/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: writing against bounds and against a wire that is held, credit, callbacks of their own, and handles that
 * outlive their session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "toy.h"

#define HELD_LIMIT 65536
#define UNREAD_LIMIT 65536
#define MEGABYTE 1048576

static uint8_t megabyte[MEGABYTE];

static sessile_stream *stream_of(struct side *side)
{
    return sessile_session_stream(side->wire.session);
}

/* ---- writing ---- */

static void a_write_before_ready_takes_nothing_and_writable_follows(void **state)
{
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_CLIENT);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), 0);
    assert_int_equal(sessile_stream_end(stream_of(&side)), SESSILE_ERR_MISUSE);
    toy_arrive(&side, TOY_READY, "");
    assert_string_equal(journal_text(&side.journal), "ready writable");
    assert_null(side_done(&side));
}

static void writable_follows_no_write_that_was_taken_whole(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), 3);
    assert_int_equal(sessile_stream_write(stream_of(&side), "", 0), 0);
    assert_int_equal(sessile_stream_write(stream_of(&side), NULL, 0), 0);
    assert_int_equal(sessile_stream_write(stream_of(&side), NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_stream_write(NULL, "abc", 3), SESSILE_ERR_ARGUMENT);
    assert_string_equal(journal_text(&side.journal), "send(6)");
    assert_null(side_done(&side));
}

static int write_in_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    int *taken = wire->app;

    (void)buffer, (void)size;
    if (strcmp(callback, "send") == 0 && *taken < 0)
        *taken = sessile_stream_write(sessile_session_stream(wire->session), "inner", 5);
    return 0;
}

/* The outer write is between two of its pieces: what is written inside must not come in the middle. */
static void a_write_inside_the_send_of_a_write_takes_nothing(void **state)
{
    struct side side;
    int taken = -1;

    (void)state;
    toy_open_ready(&side, 0);
    side.wire.hook = write_in_send;
    side.wire.app = &taken;
    assert_int_equal(sessile_stream_write(stream_of(&side), megabyte, sizeof megabyte), sizeof megabyte);
    assert_int_equal(taken, 0);
    assert_string_equal(journal_text(&side.journal), "writable");
    taken = -1;
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), 3);
    assert_int_equal(taken, 5);
    assert_null(side_done(&side));
}

static int hold_in_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    return strcmp(callback, "send") == 0 ? sessile_session_hold(wire->session, 1) : 0;
}

static void a_large_write_stops_where_send_holds(void **state)
{
    struct side side;
    int taken;

    (void)state;
    toy_open_ready(&side, 0);
    side.wire.hook = hold_in_send;
    taken = sessile_stream_write(stream_of(&side), megabyte, sizeof megabyte);
    assert_in_range(taken, 1, 262144);
    assert_int_equal(side.wire.sends, 1);
    assert_int_equal(sessile_stream_write(stream_of(&side), megabyte, sizeof megabyte), 0);
    assert_string_equal(journal_text(&side.journal), "");
    side.wire.hook = NULL;
    assert_int_equal(sessile_session_hold(side.wire.session, 0), 0);
    assert_string_equal(journal_text(&side.journal), "writable");
    assert_null(side_done(&side));
}

static int end_in_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    if (strcmp(callback, "send") == 0)
        sessile_stream_end(wire->app);
    return 0;
}

/* Ending the second stream sends nothing: that it is ended is known to the core alone. */
static void a_large_write_stops_where_the_stream_is_ended_inside(void **state)
{
    struct side side;
    int taken;

    (void)state;
    for (int second = 0; second <= 1; second++) {
        memset(&side, 0, sizeof side);
        side_open(&side, 0);
        assert_int_equal(toy_start_two(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
        toy_arrive(&side, TOY_HELLO, "");
        side.wire.hook = end_in_send;
        side.wire.app = second ? toy_of(side.wire.session)->second : toy_of(side.wire.session)->stream;
        taken = sessile_stream_write(side.wire.app, megabyte, sizeof megabyte);
        assert_in_range(taken, 1, 262144);
        assert_string_equal(journal_text(&side.journal), "ready");
        assert_null(side_done(&side));
    }
}

/* ---- ending ---- */

static void a_half_closed_stream_still_receives(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    toy_open_ready(&side, 1);
    stream = stream_of(&side);
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_int_equal(sessile_stream_end(stream), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_stream_write(stream, "abc", 3), SESSILE_ERR_CLOSED);
    toy_arrive(&side, TOY_DATA, "still");
    toy_arrive(&side, TOY_END, "");
    assert_string_equal(journal_text(&side.journal), "send(3) data(5) end close stream_closed(OK) closed(OK)");
    assert_null(stream_of(&side));
    assert_null(side_done(&side));
}

static void nothing_can_be_written_after_the_end_of_the_session(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    toy_open_ready(&side, 0);
    sessile_session_end(side.wire.session);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), SESSILE_ERR_CLOSED);
    assert_null(side_done(&side));
    toy_open_ready(&side, 0);
    sessile_session_detach(side.wire.session);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), SESSILE_ERR_CLOSED);
    assert_null(side_done(&side));
    toy_open_ready(&side, 0);
    stream = sessile_stream_keep(stream_of(&side));
    assert_int_equal(sessile_stream_abort(stream), 0);
    assert_int_equal(side.recorder.error, SESSILE_ERR_ABORTED);
    assert_int_equal(sessile_stream_abort(stream), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_stream_write(stream, "abc", 3), SESSILE_ERR_CLOSED);
    sessile_stream_free(stream);
    assert_null(side_done(&side));
}

/* As in TLS, the peer's end is answered; but what the application is still waiting to write comes before. */
static void an_end_that_nobody_listens_for_ends_this_side_after_what_waits_to_be_written(void **state)
{
    struct side side = {0};
    sessile_session *session;

    (void)state;
    side_open(&side, 1);
    session = side.wire.session;
    assert_int_equal(sessile_callbacks_set_end(side.callbacks, NULL), 0);
    assert_int_equal(toy_start(session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    toy_arrive(&side, TOY_HELLO, "");
    sessile_session_hold(session, 1);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), 0);
    toy_arrive(&side, TOY_END, "");
    assert_string_equal(journal_text(&side.journal), "ready send(3)");
    sessile_session_hold(session, 0);
    assert_string_equal(journal_text(&side.journal),
                        "ready send(3) writable send(3) close stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

static void data_that_nobody_listens_for_fails_the_session(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 1);
    assert_int_equal(sessile_callbacks_set_data(side.callbacks, NULL), 0);
    assert_int_equal(toy_start(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    toy_arrive(&side, TOY_HELLO, "");
    assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_MISUSE);
    assert_null(side_done(&side));
}

/* ---- hold ---- */

static void a_held_wire_takes_a_bounded_amount_of_replies(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;
    int taken;

    (void)state;
    toy_open_ready(&side, 0);
    for (int i = 0; i < 300; i++)
        toy_add_echo(&script, 1000);
    assert_int_equal(sessile_session_hold(side.wire.session, 1), 0);
    taken = wire_arrive(&side.wire, script.data, script.size);
    assert_in_range(taken, 1, script.size - 1);
    assert_in_range(side.wire.sent_size, 1, HELD_LIMIT + 1003);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), 0);
    assert_int_equal(sessile_session_hold(side.wire.session, 1), 0);
    assert_int_equal(wire_offer(&side.wire), 0);
    assert_int_equal(side.wire.resumes, 0);
    assert_int_equal(sessile_session_hold(side.wire.session, 0), 0);
    assert_int_equal(side.wire.resumes, 1);
    assert_int_equal(side.wire.sent_size, 300 * 1003);
    assert_string_equal(journal_text(&side.journal), "data(3)");
    assert_null(side_done(&side));
}

static void each_hold_allows_replies_anew(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    toy_add_echo(&script, HELD_LIMIT);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(sessile_session_hold(side.wire.session, 1), 0);
        assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
        assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), 0);
        assert_int_equal(sessile_session_hold(side.wire.session, 0), 0);
        assert_int_equal(side.recorder.size, 3 * i);
    }
    assert_null(side_done(&side));
}

static void a_batch_does_not_widen_the_bound_of_a_held_wire(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    for (int i = 0; i < 300; i++)
        toy_add_echo(&script, 1000);
    sessile_session_hold(side.wire.session, 1);
    sessile_session_enter(side.wire.session);
    wire_arrive(&side.wire, script.data, script.size);
    sessile_session_leave(side.wire.session);
    assert_in_range(side.wire.sent_size, 1, HELD_LIMIT + 1003);
    assert_null(side_done(&side));
}

/* An application that echoes: it keeps what was not taken, pauses, and goes on when writable says so. */
struct echo {
    sessile_session *session;
    uint8_t rest[MEGABYTE];
    size_t size;
    size_t most;
};

static int echo_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct echo *echo = app;
    int taken = echo->size ? 0 : sessile_stream_write(stream, data, size);

    if (taken < 0 || size - (size_t)taken > sizeof echo->rest - echo->size)
        return -1;
    memcpy(echo->rest + echo->size, (const uint8_t *)data + taken, size - (size_t)taken);
    echo->size += size - (size_t)taken;
    if (echo->size > echo->most)
        echo->most = echo->size;
    return echo->size ? sessile_session_pause(sessile_stream_session(stream), 1) : 0;
}

static int echo_writable(sessile_stream *stream, void *app)
{
    struct echo *echo = app;
    int taken = sessile_stream_write(stream, echo->rest, echo->size);

    if (taken < 0)
        return -1;
    echo->size -= (size_t)taken;
    memmove(echo->rest, echo->rest + taken, echo->size);
    return echo->size ? 0 : sessile_session_pause(sessile_stream_session(stream), 0);
}

static int hold_over_mark(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    if (strcmp(callback, "send") == 0 && wire->sent_size > 100000)
        sessile_session_hold(wire->session, 1);
    return 0;
}

static void open_echo(struct side *side, struct echo *echo)
{
    memset(side, 0, sizeof *side);
    side_open(side, 0);
    sessile_callbacks_set_data(side->callbacks, echo_data);
    sessile_callbacks_set_writable(side->callbacks, echo_writable);
    sessile_callbacks_set_ready(side->callbacks, NULL);
    sessile_callbacks_set_end(side->callbacks, NULL);
    sessile_callbacks_set_closed(side->callbacks, NULL);
    sessile_callbacks_set_stream_closed(side->callbacks, NULL);
    assert_int_equal(toy_start(side->wire.session, SESSILE_SERVER, side->callbacks, echo), 0);
    side->wire.hook = hold_over_mark;
    side->wire.plain = 1;
    toy_arrive(side, TOY_HELLO, "");
}

static void an_echo_to_a_peer_that_never_reads_is_bounded(void **state)
{
    static uint8_t unit[TOY_MAX];
    struct echo *echo = need_memory(calloc(1, sizeof *echo));
    struct side side;
    size_t size = toy_put(unit, TOY_DATA, megabyte, 10000);
    size_t total = 0;

    (void)state;
    open_echo(&side, echo);
    while (!side.wire.kept_size && total < 100 * size) {
        wire_arrive(&side.wire, unit, size);
        total += size;
    }
    assert_in_range(total, 100000, 200000);
    assert_in_range(side.wire.sent_size, 100000, 120000);
    assert_in_range(echo->most, 1, 10000);
    wire_offer(&side.wire);
    assert_int_equal(side.wire.kept_size, size);
    for (int i = 0; i < 10; i++) { /* the peer reads after all */
        side.wire.sent_size = 0;
        sessile_session_hold(side.wire.session, 0);
        wire_arrive(&side.wire, unit, size);
    }
    assert_int_equal(echo->size, 0);
    assert_int_equal(side.wire.kept_size, 0);
    assert_null(side_done(&side));
    free(echo);
}

/* ---- credit ---- */

static void a_stream_in_manual_credit_stops_at_its_limit(void **state)
{
    static uint8_t unit[TOY_MAX];
    struct side side;
    sessile_stream *stream;
    size_t size = toy_put(unit, TOY_DATA, megabyte, UNREAD_LIMIT / 2);

    (void)state;
    toy_open_ready(&side, 1);
    stream = stream_of(&side);
    assert_int_equal(sessile_stream_consumed(stream, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_stream_set_manual(stream, 1), 0);
    assert_int_equal(wire_arrive(&side.wire, unit, size), size);
    assert_int_equal(wire_arrive(&side.wire, unit, size), size);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(wire_arrive(&side.wire, unit, size), 0);
    assert_int_equal(sessile_stream_consumed(stream, UNREAD_LIMIT + 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(side.wire.resumes, 0);
    assert_int_equal(sessile_stream_consumed(stream, 1), 0);
    assert_string_equal(journal_text(&side.journal), "data(32768) data(32768) resume data(32768)");
    assert_int_equal(wire_arrive(&side.wire, unit, size), 0);
    assert_int_equal(sessile_stream_set_manual(stream, 0), 0);
    assert_int_equal(side.recorder.size, 2 * UNREAD_LIMIT);
    assert_int_equal(sessile_stream_consumed(stream, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(wire_arrive(&side.wire, unit, size), size);
    assert_null(side_done(&side));
}

static int consume(struct recorder *recorder, const char *callback)
{
    return strcmp(callback, "data") == 0 ? sessile_stream_consumed(recorder->stream, 20000) : 0;
}

static void credit_given_back_in_the_callback_never_stops_anything(void **state)
{
    static uint8_t unit[TOY_MAX];
    struct side side;
    size_t size = toy_put(unit, TOY_DATA, megabyte, 20000);

    (void)state;
    toy_open_ready(&side, 0);
    assert_int_equal(sessile_stream_set_manual(stream_of(&side), 1), 0);
    side.recorder.hook = consume;
    for (int i = 0; i < 20; i++)
        assert_int_equal(wire_arrive(&side.wire, unit, size), size);
    assert_null(side_done(&side));
}

/* ---- callbacks and handles ---- */

struct swap {
    sessile_callbacks *callbacks;
    struct recorder *other;
};

static int swap_on_data(struct recorder *recorder, const char *callback)
{
    struct swap *swap = recorder->app;

    if (strcmp(callback, "data") == 0 && swap->callbacks) {
        sessile_stream_set_callbacks(recorder->stream, swap->callbacks, swap->other);
        sessile_callbacks_free(swap->callbacks);
        swap->callbacks = NULL;
    } else if (strcmp(callback, "data") == 0)
        sessile_stream_set_callbacks(recorder->stream, NULL, NULL); /* frees the object whose function this is */
    return 0;
}

static void a_stream_can_change_its_callbacks_from_inside_them(void **state)
{
    struct journal journal = {0};
    struct recorder other = {.journal = &journal, .hook = swap_on_data};
    struct swap swap = {recorder_callbacks(), &other};
    struct side side;

    (void)state;
    other.app = &swap;
    toy_open_ready(&side, 0);
    side.recorder.hook = swap_on_data;
    side.recorder.app = &swap;
    toy_arrive(&side, TOY_DATA, "a");
    toy_arrive(&side, TOY_DATA, "bc");
    side.recorder.hook = NULL;
    toy_arrive(&side, TOY_DATA, "def");
    assert_string_equal(journal_text(&side.journal), "data(1) data(3)");
    assert_string_equal(journal_text(&journal), "data(2)");
    journal_free(&journal);
    recorder_free(&other);
    assert_null(side_done(&side));
}

static void two_streams_have_callbacks_of_their_own(void **state)
{
    struct journal journal = {0};
    struct recorder other = {.journal = &journal};
    sessile_callbacks *callbacks = recorder_callbacks();
    struct side side = {0};
    sessile_stream *second;

    (void)state;
    side_open(&side, 0);
    assert_int_equal(toy_start_two(side.wire.session, SESSILE_SERVER, side.callbacks, &side.recorder), 0);
    second = toy_of(side.wire.session)->second;
    assert_int_equal(sessile_stream_set_callbacks(second, callbacks, &other), 0);
    sessile_callbacks_free(callbacks);
    assert_int_equal(sessile_stream_write(second, "early", 5), 0);
    toy_arrive(&side, TOY_HELLO, "");
    toy_arrive(&side, TOY_DATA, "a");
    toy_arrive(&side, TOY_SECOND, "bc");
    assert_int_equal(sessile_stream_write(second, "xyz", 3), 3);
    assert_memory_equal(side.wire.sent, "R\0\0d\0\3xyz", 9);
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "ready data(1) stream_closed(ERR_DROPPED) closed(ERR_DROPPED)");
    assert_string_equal(journal_text(&journal), "writable data(2) stream_closed(ERR_DROPPED)");
    journal_free(&journal);
    recorder_free(&other);
    assert_null(side_done(&side));
}

static void a_kept_stream_outlives_its_session_and_answers_gone(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    toy_open_ready(&side, 0);
    stream = sessile_stream_keep(stream_of(&side));
    assert_ptr_equal(sessile_stream_session(stream), side.wire.session);
    assert_null(side_done(&side));
    assert_null(sessile_stream_session(stream));
    assert_int_equal(sessile_stream_write(stream, "abc", 3), SESSILE_ERR_GONE);
    assert_int_equal(sessile_stream_end(stream), SESSILE_ERR_GONE);
    assert_int_equal(sessile_stream_abort(stream), SESSILE_ERR_GONE);
    assert_int_equal(sessile_stream_set_manual(stream, 1), SESSILE_ERR_GONE);
    assert_int_equal(sessile_stream_consumed(stream, 0), SESSILE_ERR_GONE);
    assert_int_equal(sessile_stream_set_callbacks(stream, NULL, NULL), SESSILE_ERR_GONE);
    sessile_stream_free(stream);
    sessile_stream_free(NULL);
    assert_null(sessile_stream_keep(NULL));
    assert_null(sessile_stream_session(NULL));
}

static void note_release(void *app)
{
    ++*(int *)app;
}

static void release_is_told_where_no_closed_will_come(void **state)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    struct side side;
    sessile_stream *stream;
    int released = 0;

    (void)state;
    for (int aborted = 0; aborted <= 1; aborted++) {
        toy_open_ready(&side, 0);
        stream = sessile_stream_keep(stream_of(&side));
        assert_int_equal(sessile_stream_set_callbacks(stream, callbacks, &released), 0);
        assert_int_equal(sessile_stream_set_release(stream, note_release), 0);
        if (aborted) {
            sessile_session_abort(side.wire.session);
            assert_int_equal(sessile_stream_set_release(stream, note_release), SESSILE_ERR_CLOSED);
        }
        sessile_session_free(side.wire.session);
        assert_int_equal(released, 1); /* by the first round */
        assert_int_equal(sessile_stream_set_release(stream, note_release), SESSILE_ERR_GONE);
        sessile_stream_free(stream);
        assert_null(side_done(&side));
    }
    sessile_callbacks_free(callbacks);
}

static void the_release_of_callbacks_that_are_replaced_is_told(void **state)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    struct side side;
    sessile_stream *stream;
    int first = 0, second = 0;

    (void)state;
    toy_open_ready(&side, 0);
    stream = stream_of(&side);
    assert_int_equal(sessile_stream_set_callbacks(stream, callbacks, &first), 0);
    assert_int_equal(sessile_stream_set_release(stream, note_release), 0);
    assert_int_equal(sessile_stream_set_callbacks(stream, callbacks, &second), 0);
    assert_int_equal(first, 1);
    assert_int_equal(sessile_stream_set_callbacks(stream, callbacks, &second), 0); /* it was for the first alone */
    assert_int_equal(second, 0);
    assert_int_equal(sessile_stream_set_release(stream, note_release), 0);
    assert_int_equal(sessile_stream_set_callbacks(stream, NULL, NULL), 0);
    sessile_session_free(side.wire.session);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
    sessile_callbacks_free(callbacks);
    assert_null(side_done(&side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_before_ready_takes_nothing_and_writable_follows),
        cmocka_unit_test(writable_follows_no_write_that_was_taken_whole),
        cmocka_unit_test(a_write_inside_the_send_of_a_write_takes_nothing),
        cmocka_unit_test(a_large_write_stops_where_send_holds),
        cmocka_unit_test(a_large_write_stops_where_the_stream_is_ended_inside),
        cmocka_unit_test(a_half_closed_stream_still_receives),
        cmocka_unit_test(nothing_can_be_written_after_the_end_of_the_session),
        cmocka_unit_test(an_end_that_nobody_listens_for_ends_this_side_after_what_waits_to_be_written),
        cmocka_unit_test(data_that_nobody_listens_for_fails_the_session),
        cmocka_unit_test(a_held_wire_takes_a_bounded_amount_of_replies),
        cmocka_unit_test(each_hold_allows_replies_anew),
        cmocka_unit_test(a_batch_does_not_widen_the_bound_of_a_held_wire),
        cmocka_unit_test(an_echo_to_a_peer_that_never_reads_is_bounded),
        cmocka_unit_test(a_stream_in_manual_credit_stops_at_its_limit),
        cmocka_unit_test(credit_given_back_in_the_callback_never_stops_anything),
        cmocka_unit_test(a_stream_can_change_its_callbacks_from_inside_them),
        cmocka_unit_test(two_streams_have_callbacks_of_their_own),
        cmocka_unit_test(release_is_told_where_no_closed_will_come),
        cmocka_unit_test(the_release_of_callbacks_that_are_replaced_is_told),
        cmocka_unit_test(a_kept_stream_outlives_its_session_and_answers_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
