/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of the wire: clean, dropped and truncated told apart, also where units still wait behind a pause, a question
 * or a held wire; and pausing itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "toy.h"

#define HELD_LIMIT 65536

static int send_nothing(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

/* ---- pausing ---- */

static void pausing_without_a_resume_callback_is_misuse(void **state)
{
    sessile_session *session = sessile_session_create(NULL, send_nothing, NULL);

    (void)state;
    assert_int_equal(toy_start(session, SESSILE_SERVER, NULL, NULL), 0);
    assert_int_equal(sessile_session_pause(session, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_pause(session, 0), 0);
    assert_int_equal(sessile_stream_set_manual(sessile_session_stream(session), 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_receive(session, "H\0\0", 3), 3);
    assert_int_equal(sessile_session_error(session), 0);
    sessile_session_free(session);
}

static void a_paused_session_takes_nothing_and_resumes_when_it_goes_on(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    assert_int_equal(sessile_session_pause(side.wire.session, 1), 0);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), 0);
    assert_int_equal(sessile_session_pause(side.wire.session, 0), 0);
    assert_string_equal(journal_text(&side.journal), "resume data(3)");
    assert_int_equal(sessile_session_pause(side.wire.session, 1), 0);
    assert_int_equal(sessile_session_pause(side.wire.session, 0), 0);
    assert_int_equal(side.wire.resumes, 1);
    assert_null(side_done(&side));
}

static int pause_on_data(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "data") == 0)
        sessile_session_pause(sessile_stream_session(recorder->stream), 1);
    return 0;
}

static void pausing_inside_a_callback_stops_before_the_next_unit(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.recorder.hook = pause_on_data;
    toy_add(&script, TOY_DATA, "abc");
    toy_add(&script, TOY_DATA, "defgh");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 6);
    assert_string_equal(journal_text(&side.journal), "data(3)");
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "data(3) resume data(5)");
    assert_int_equal(side.wire.kept_size, 0);
    assert_null(side_done(&side));
}

static void pausing_inside_resume_leads_to_another_resume(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.recorder.hook = pause_on_data;
    for (int i = 0; i < 3; i++)
        toy_arrive(&side, TOY_DATA, "abc");
    for (int i = 0; i < 3; i++)
        sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "data(3) resume data(3) resume data(3)");
    assert_null(side_done(&side));
}

/* ---- the wire closes ---- */

static void a_wire_that_closes_between_two_units_is_dropped(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    toy_arrive(&side, TOY_DATA, "abc");
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "data(3) stream_closed(ERR_DROPPED) closed(ERR_DROPPED)");
    wire_close(&side.wire);
    assert_int_equal(side.recorder.closed, 1);
    assert_null(side_done(&side));
}

static void a_wire_that_closes_in_a_unit_is_truncated(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    wire_arrive(&side.wire, "D\0\5abcd", 7);
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
    assert_string_equal(sessile_session_error_text(side.wire.session), "the wire closed with 7 bytes left");
    assert_null(side_done(&side));
}

static void a_wire_that_closes_after_the_peers_end_is_clean(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    toy_arrive(&side, TOY_END, "");
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

static int close_on_data(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "data") == 0)
        wire_close(recorder->app);
    return 0;
}

static void a_wire_that_closes_inside_a_callback_is_judged_by_all_that_had_arrived(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.recorder.hook = close_on_data;
    side.recorder.app = &side.wire;
    toy_add(&script, TOY_DATA, "abc");
    toy_add_echo(&script, 5); /* cannot be answered any more */
    toy_add(&script, TOY_END, "");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_string_equal(journal_text(&side.journal), "data(3) end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

/* ---- units that wait when it closes ---- */

static void open_paused_with(struct side *side, const struct toy_script *script)
{
    toy_open_ready(side, 1);
    sessile_session_pause(side->wire.session, 1);
    assert_int_equal(wire_arrive(&side->wire, script->data, script->size), 0);
    wire_close(&side->wire);
    assert_string_equal(journal_text(&side->journal), "");
}

static void the_verdict_waits_for_units_behind_a_pause(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add(&script, TOY_DATA, "abc");
    open_paused_with(&side, &script);
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "resume data(3) stream_closed(ERR_DROPPED) closed(ERR_DROPPED)");
    assert_null(side_done(&side));

    toy_add(&script, TOY_END, "");
    open_paused_with(&side, &script);
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "resume data(3) end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));

    script.size -= 1; /* now END is not whole */
    open_paused_with(&side, &script);
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal),
                        "resume data(3) stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
    assert_null(side_done(&side));
}

static int forget_on_resume(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    if (strcmp(callback, "resume") == 0)
        wire->kept_size = 0;
    return 0;
}

static void units_that_are_given_up_truncate(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add(&script, TOY_DATA, "abc");
    open_paused_with(&side, &script);
    side.wire.hook = forget_on_resume;
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "resume stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
    assert_null(side_done(&side));
}

static void a_session_whose_verdict_waits_can_be_aborted_and_freed(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add(&script, TOY_DATA, "abc");
    open_paused_with(&side, &script);
    assert_int_equal(sessile_stream_write(sessile_session_stream(side.wire.session), "x", 1), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_session_abort(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_ABORTED) closed(ERR_ABORTED)");
    assert_null(side_done(&side));
    open_paused_with(&side, &script);
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "release");
    assert_null(side_done(&side));
}

static void open_asking(struct side *side)
{
    struct toy_script script = {.size = 0};

    toy_add(&script, TOY_ASK, "?");
    toy_add(&script, TOY_DATA, "abc");
    toy_add(&script, TOY_END, "");
    toy_open_ready(side, 1);
    side->recorder.answer = ANSWER_KEEP;
    assert_int_equal(wire_arrive(&side->wire, script.data, script.size), 4);
    wire_close(&side->wire);
    assert_string_equal(journal_text(&side->journal), "question(101,1)");
}

static void the_verdict_waits_for_units_behind_a_question(void **state)
{
    struct side side;

    (void)state;
    open_asking(&side);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    assert_string_equal(journal_text(&side.journal), "question(101,1) resume data(3) end stream_closed(OK) closed(OK)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));

    open_asking(&side);
    assert_int_equal(sessile_question_refuse(side.recorder.question, 0), 0);
    assert_string_equal(journal_text(&side.journal), "question(101,1) stream_closed(ERR_REFUSED) closed(ERR_REFUSED)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

/* Nobody lifts the hold of a wire that is gone. */
static void a_hold_does_not_delay_the_verdict(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    sessile_session_hold(side.wire.session, 1);
    toy_add_echo(&script, HELD_LIMIT);
    toy_add(&script, TOY_END, "");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 7);
    assert_string_equal(journal_text(&side.journal), "");
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

static int receive_more_on_end(struct recorder *recorder, const char *callback)
{
    struct wire *wire = recorder->app;

    if (strcmp(callback, "end") == 0)
        assert_int_equal(sessile_session_receive(wire->session, "more", 4), 0);
    return 0;
}

/* What is behind the peer's end is not taken, ever: it holds up nothing. */
static void bytes_refused_behind_the_peers_end_do_not_delay_the_verdict(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.recorder.hook = receive_more_on_end;
    side.recorder.app = &side.wire;
    toy_arrive(&side, TOY_END, "");
    wire_close(&side.wire);
    assert_string_equal(journal_text(&side.journal), "end stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

static int receive_part_on_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    if (strcmp(callback, "send") == 0 && !wire->app) {
        wire->app = wire;
        assert_int_equal(sessile_session_receive(wire->session, "D\0", 2), 0);
    }
    return 0;
}

/* The replies are sent while the receive is on the stack, however many they are. */
static void a_unit_begun_inside_the_send_of_a_receive_is_not_forgotten(void **state)
{
    struct toy_script script;
    struct side side;

    (void)state;
    for (uint32_t size = 10; size <= 1000000; size *= 10) {
        script.size = 0;
        toy_open_ready(&side, 0);
        side.wire.hook = receive_part_on_send;
        toy_add_echo(&script, size);
        wire_arrive(&side.wire, script.data, script.size);
        wire_close(&side.wire);
        assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
        assert_null(side_done(&side));
    }
}

/* ---- one direction ends ---- */

static void after_the_peers_end_the_wire_may_end_in_one_direction(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    toy_open_ready(&side, 1);
    stream = sessile_session_stream(side.wire.session);
    toy_arrive(&side, TOY_END, "");
    assert_int_equal(sessile_session_receive_end(side.wire.session), 0);
    assert_int_equal(sessile_stream_write(stream, "answer", 6), 6);
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_string_equal(journal_text(&side.journal), "end send(9) send(3) close stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

static void before_the_peers_end_one_direction_is_the_wire(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    wire_arrive(&side.wire, "D\0", 2);
    side.wire.gone = 1;
    assert_int_equal(sessile_session_receive_end(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
    assert_null(side_done(&side));
}

static void one_direction_ends_behind_the_units_that_wait(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    sessile_session_pause(side.wire.session, 1);
    toy_arrive(&side, TOY_END, "");
    assert_int_equal(sessile_session_receive_end(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "");
    sessile_session_pause(side.wire.session, 0);
    assert_string_equal(journal_text(&side.journal), "resume end");
    assert_int_equal(sessile_session_end(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "resume end send(3) close stream_closed(OK) closed(OK)");
    assert_null(side_done(&side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pausing_without_a_resume_callback_is_misuse),
        cmocka_unit_test(a_paused_session_takes_nothing_and_resumes_when_it_goes_on),
        cmocka_unit_test(pausing_inside_a_callback_stops_before_the_next_unit),
        cmocka_unit_test(pausing_inside_resume_leads_to_another_resume),
        cmocka_unit_test(a_wire_that_closes_between_two_units_is_dropped),
        cmocka_unit_test(a_wire_that_closes_in_a_unit_is_truncated),
        cmocka_unit_test(a_wire_that_closes_after_the_peers_end_is_clean),
        cmocka_unit_test(a_wire_that_closes_inside_a_callback_is_judged_by_all_that_had_arrived),
        cmocka_unit_test(the_verdict_waits_for_units_behind_a_pause),
        cmocka_unit_test(units_that_are_given_up_truncate),
        cmocka_unit_test(a_session_whose_verdict_waits_can_be_aborted_and_freed),
        cmocka_unit_test(the_verdict_waits_for_units_behind_a_question),
        cmocka_unit_test(a_hold_does_not_delay_the_verdict),
        cmocka_unit_test(bytes_refused_behind_the_peers_end_do_not_delay_the_verdict),
        cmocka_unit_test(a_unit_begun_inside_the_send_of_a_receive_is_not_forgotten),
        cmocka_unit_test(after_the_peers_end_the_wire_may_end_in_one_direction),
        cmocka_unit_test(before_the_peers_end_one_direction_is_the_wire),
        cmocka_unit_test(one_direction_ends_behind_the_units_that_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
