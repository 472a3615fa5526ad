/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions with many streams: whose turn it is to write, and what one call may produce. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "toy_many.h"

#define CALL_LIMIT 262144
#define LARGE 300000

static uint8_t large[LARGE];

static void forget(struct side *side)
{
    journal_free(&side->journal);
    side->wire.sent_size = 0;
    side->wire.sends = 0;
    side->wire.largest = 0;
}

static int write_large(struct recorder *recorder, const char *callback)
{
    int *turns = recorder->app;

    many_note(recorder, callback);
    if (strcmp(callback, "writable") == 0 && --*turns >= 0)
        sessile_stream_write(recorder->stream, large, sizeof large);
    return 0;
}

static void streams_that_always_want_to_write_take_turns(void **state)
{
    sessile_stream *streams[3];
    struct side side;
    int turns = 7;

    (void)state;
    many_side_with(&side, streams, 3, 100 * LARGE);
    side.recorder.hook = write_large;
    side.recorder.app = &turns;
    sessile_session_hold(side.wire.session, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sessile_stream_write(streams[(i + 1) % 3], large, 1), 0);
    assert_int_equal(sessile_stream_write(streams[1], large, 1), 0); /* keeps its place */
    sessile_session_hold(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal),
                        "writable #1 send(262144) writable #2 send(262144) writable #0 send(262144) "
                        "writable #1 send(262144) writable #2 send(262144) writable #0 send(262144) "
                        "writable #1 send(262144) writable #2 writable #0 writable #1");
    assert_null(side_done(&side));
}

static void a_blocked_stream_is_not_asked_again_until_it_is_unblocked(void **state)
{
    sessile_stream *streams[2];
    struct side side;
    size_t looks;

    (void)state;
    many_side_with(&side, streams, 2, 0);
    assert_int_equal(sessile_stream_write(streams[0], "abc", 3), 0);
    looks = many_of(side.wire.session)->looks;
    for (int i = 0; i < 100; i++)
        many_arrive(&side, MANY_DATA, 1, "x");
    assert_int_equal(many_of(side.wire.session)->looks, looks);
    forget(&side);
    many_arrive(&side, MANY_GRANT, 0, "12");
    assert_string_equal(journal_text(&side.journal), "writable #0");
    many_arrive(&side, MANY_GRANT, 0, "3"); /* it does not wait for it */
    many_arrive(&side, MANY_GRANT, 1, "3");
    assert_string_equal(journal_text(&side.journal), "writable #0");
    assert_int_equal(sessile_stream_write(streams[0], "abcd", 4), 3);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_string_equal(journal_text(&side.journal), "writable #0 send(10) stream_closed(OK) #0");
    assert_null(side_done(&side));
}

static void a_blocked_stream_holds_up_no_other(void **state)
{
    sessile_stream *streams[3];
    struct side side;

    (void)state;
    many_side_with(&side, streams, 3, 0);
    sessile_session_hold(side.wire.session, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sessile_stream_write(streams[i], "abc", 3), 0);
    many_arrive(&side, MANY_GRANT, 2, "12");
    assert_string_equal(journal_text(&side.journal), "");
    sessile_session_hold(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "writable #2");
    assert_null(side_done(&side));
}

static void a_session_that_cannot_write_is_asked_of_one_stream_and_keeps_the_order(void **state)
{
    sessile_stream *streams[3];
    struct side side;
    struct many *many;

    (void)state;
    many_side_with(&side, streams, 3, 100);
    many = many_of(side.wire.session);
    many->waits = 1;
    for (int i = 2; i >= 0; i--)
        assert_int_equal(sessile_stream_write(streams[i], "abc", 3), 0);
    many->looks = 0;
    many_arrive(&side, MANY_GRANT, 1, "x");
    assert_in_range(many->looks, 1, 2); /* receive comes to rest twice */
    many->waits = 0;
    many_arrive(&side, MANY_GRANT, 1, "x");
    assert_string_equal(journal_text(&side.journal), "writable #2 writable #1 writable #0");
    assert_null(side_done(&side));
}

static void a_stream_that_has_ended_is_told_nothing_any_more(void **state)
{
    sessile_stream *streams[2];
    struct side side;

    (void)state;
    many_side_with(&side, streams, 2, 0);
    assert_int_equal(sessile_stream_write(streams[0], "abc", 3), 0);
    assert_int_equal(sessile_stream_write(streams[1], "abc", 3), 0);
    assert_int_equal(sessile_stream_end(streams[0]), 0);
    many_arrive(&side, MANY_GRANT, 0, "12");
    many_arrive(&side, MANY_GRANT, 1, "12");
    assert_string_equal(journal_text(&side.journal), "send(7) writable #1");
    assert_null(side_done(&side));
}

/* Even where the wire is held: what ends a stream is a reply. */
static void an_end_that_nobody_listens_for_waits_for_its_own_stream_alone(void **state)
{
    sessile_stream *streams[3];
    struct side side = {0};

    (void)state;
    side_open(&side, 1);
    assert_int_equal(sessile_callbacks_set_end(side.callbacks, NULL), 0);
    assert_int_equal(many_start(side.wire.session, side.callbacks, &side.recorder), 0);
    side.recorder.hook = many_note;
    for (int i = 0; i < 3; i++)
        streams[i] = many_open(side.wire.session, 0);
    sessile_session_hold(side.wire.session, 1);
    assert_int_equal(sessile_stream_write(streams[0], "abc", 3), 0);
    assert_int_equal(sessile_stream_write(streams[1], "abc", 3), 0);
    many_arrive(&side, MANY_END, 1, "");
    assert_string_equal(journal_text(&side.journal), "");
    many_arrive(&side, MANY_END, 2, "");
    assert_string_equal(journal_text(&side.journal), "send(7)");
    assert_int_equal(sessile_stream_write(streams[2], "abc", 3), SESSILE_ERR_CLOSED);
    sessile_session_hold(side.wire.session, 0);
    many_arrive(&side, MANY_GRANT, 1, "12");
    assert_string_equal(journal_text(&side.journal), "send(7) writable #1 send(7)");
    assert_memory_equal(side.wire.sent, "E\0\4\0\0\0\2E\0\4\0\0\0\1", 14);
    assert_null(side_done(&side));
}

static void a_batch_of_many_writes_is_bounded(void **state)
{
    sessile_stream *streams[100];
    struct side side;
    size_t taken = 0;

    (void)state;
    many_side_with(&side, streams, 100, LARGE);
    side.recorder.hook = NULL;
    sessile_session_enter(side.wire.session);
    for (int i = 0; i < 100; i++)
        taken += (size_t)sessile_stream_write(streams[i], large, 10000);
    assert_in_range(taken, CALL_LIMIT / 2, CALL_LIMIT);
    assert_int_equal(side.wire.sends, 0);
    sessile_session_leave(side.wire.session);
    assert_int_equal(side.wire.sends, 1);
    assert_in_range(side.wire.largest, taken, CALL_LIMIT);
    assert_int_equal(strncmp(journal_text(&side.journal), "send(262144) writable", 21), 0);
    assert_int_equal(strlen(journal_text(&side.journal)), strlen("send(262144)") + 74 * strlen(" writable"));
    assert_null(side_done(&side));
}

static void both_flows_of_a_stream_share_its_turn(void **state)
{
    sessile_stream *stream;
    struct side side;

    (void)state;
    many_side_with(&side, &stream, 1, 5);
    assert_int_equal(sessile_stream_write(stream, "ab", 2), 2);
    assert_int_equal(many_write_stderr(stream, "cdef", 4), 3);
    assert_int_equal(sessile_stream_write(stream, "gh", 2), 0);
    assert_memory_equal(side.wire.sent, "D\0\6\0\0\0\0abX\0\7\0\0\0\0cde", 19);
    forget(&side);
    many_arrive(&side, MANY_GRANT, 0, "123");
    assert_string_equal(journal_text(&side.journal), "writable #0");
    assert_null(side_done(&side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_that_always_want_to_write_take_turns),
        cmocka_unit_test(a_blocked_stream_is_not_asked_again_until_it_is_unblocked),
        cmocka_unit_test(a_blocked_stream_holds_up_no_other),
        cmocka_unit_test(a_session_that_cannot_write_is_asked_of_one_stream_and_keeps_the_order),
        cmocka_unit_test(a_stream_that_has_ended_is_told_nothing_any_more),
        cmocka_unit_test(an_end_that_nobody_listens_for_waits_for_its_own_stream_alone),
        cmocka_unit_test(a_batch_of_many_writes_is_bounded),
        cmocka_unit_test(both_flows_of_a_stream_share_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
