/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions: answered at once, later, never, dropped, and after the session is over; what they hold up and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "failing.h"
#include "session/engine.h"
#include "toy.h"

#define ASK "question(101,1)"
#define WONDER "question(102,1)"

static int send_nothing(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

static void open_answering(struct side *side, int answer)
{
    toy_open_ready(side, 1);
    side->recorder.answer = answer;
}

/* ---- at once ---- */

static void a_question_is_accepted_on_the_spot(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_ACCEPT);
    toy_add(&script, TOY_ASK, "?");
    toy_add(&script, TOY_DATA, "abc");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_string_equal(journal_text(&side.journal), ASK " data(3) send(3)");
    assert_int_equal(toy_of(side.wire.session)->last_outcome, QUESTION_ACCEPTED);
    assert_null(side_done(&side));
}

static void a_question_is_refused_on_the_spot_with_its_reason(void **state)
{
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_REFUSE);
    assert_int_equal(toy_arrive(&side, TOY_WONDER, "?"), 4);
    assert_int_equal(toy_of(side.wire.session)->last_reason, 42);
    assert_string_equal(journal_text(&side.journal), WONDER " send(3)");
    assert_memory_equal(side.wire.sent, "Z\0\0", 3);
    assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
    assert_string_equal(sessile_session_error_text(side.wire.session), "the question was refused with reason 42");
    assert_null(side_done(&side));
}

static void a_question_that_is_neither_answered_nor_kept_is_refused(void **state)
{
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_NONE);
    toy_arrive(&side, TOY_WONDER, "?");
    assert_memory_equal(side.wire.sent, "Z\0\0", 3);
    assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
    assert_null(side_done(&side));
}

static void a_question_that_meets_no_callback_is_refused(void **state)
{
    sessile_session *session = sessile_session_create(NULL, send_nothing, NULL);

    (void)state;
    assert_int_equal(toy_start(session, SESSILE_SERVER, NULL, NULL), 0);
    assert_int_equal(sessile_session_receive(session, "N\0\0", 3), 3);
    assert_int_equal(toy_of(session)->last_outcome, QUESTION_REFUSED);
    assert_int_equal(sessile_session_receive(session, "Q\0\0", 3), -1);
    assert_int_equal(sessile_session_error(session), SESSILE_ERR_REFUSED);
    sessile_session_free(session);
}

static int fail_question(struct recorder *recorder, const char *callback)
{
    (void)recorder;
    return strcmp(callback, "question") == 0 ? -1 : 0;
}

static void a_failing_callback_counts_more_than_its_answer(void **state)
{
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_ACCEPT);
    side.recorder.hook = fail_question;
    assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_CALLBACK);
    assert_int_equal(side.wire.sends, 0);
    assert_null(side_done(&side));
}

/* ---- later ---- */

static void an_open_question_that_blocks_stops_receive_until_it_is_answered(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_add(&script, TOY_ASK, "?");
    toy_add(&script, TOY_DATA, "abc");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 4);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(wire_offer(&side.wire), 0);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    assert_string_equal(journal_text(&side.journal), ASK " send(3) resume data(3)");
    assert_int_equal(sessile_question_accept(side.recorder.question), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_refuse(side.recorder.question, 0), SESSILE_ERR_GONE);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static void an_open_question_that_does_not_block_stops_nothing(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_add(&script, TOY_WONDER, "?");
    toy_add(&script, TOY_DATA, "abc");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_int_equal(sessile_question_refuse(side.recorder.question, 0), 0);
    assert_string_equal(journal_text(&side.journal), WONDER " data(3) send(3)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static void two_questions_are_answered_in_any_order(void **state)
{
    sessile_question *first;
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_arrive(&side, TOY_WONDER, "1");
    first = side.recorder.question;
    toy_arrive(&side, TOY_ASK, "2");
    assert_int_equal(sessile_question_accept(first), 0);
    assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), 0);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    assert_string_equal(journal_text(&side.journal), WONDER " " ASK " send(3) send(3) resume data(3)");
    sessile_question_free(first);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static int answer_in_data(struct recorder *recorder, const char *callback)
{
    return strcmp(callback, "data") == 0 ? sessile_question_accept(recorder->question) : 0;
}

static void a_question_can_be_answered_inside_another_callback(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    side.recorder.hook = answer_in_data;
    toy_add(&script, TOY_WONDER, "?");
    toy_add(&script, TOY_DATA, "abc");
    toy_add(&script, TOY_NOTICE, "n");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_string_equal(journal_text(&side.journal), WONDER " data(3) notice(7,1) send(3)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static int answer_in_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    struct recorder *recorder = wire->app;

    (void)buffer, (void)size;
    if (strcmp(callback, "send") == 0 && wire->sends == 1)
        sessile_question_accept(recorder->question);
    return 0;
}

/* The receive that met the question has not returned when it is answered: what it holds in its hand it takes itself. */
static void an_answer_inside_send_lets_the_receive_on_the_stack_go_on(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    side.wire.hook = answer_in_send;
    side.wire.app = &side.recorder;
    toy_add_echo(&script, 5);
    toy_add(&script, TOY_ASK, "?");
    toy_add(&script, TOY_DATA, "abc");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_int_equal(side.recorder.size, 3);
    assert_int_equal(side.wire.sent_size, 11);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

/* ---- kept, and dropped ---- */

static int keep_without_resume(sessile_question *question, void *app)
{
    *(sessile_question **)app = sessile_question_keep(question);
    return 0;
}

static void a_blocking_question_cannot_be_kept_without_a_resume_callback(void **state)
{
    sessile_session *session = sessile_session_create(NULL, send_nothing, NULL);
    sessile_callbacks *callbacks = sessile_callbacks_new();
    sessile_question *kept = NULL;

    (void)state;
    sessile_callbacks_set_question(callbacks, keep_without_resume);
    assert_int_equal(toy_start(session, SESSILE_SERVER, callbacks, &kept), 0);
    assert_int_equal(sessile_session_receive(session, "N\0\0", 3), 3);
    assert_non_null(kept);
    sessile_question_free(kept);
    assert_int_equal(sessile_session_receive(session, "Q\0\0", 3), -1);
    assert_null(kept);
    assert_int_equal(sessile_session_error(session), SESSILE_ERR_REFUSED);
    sessile_session_free(session);
    sessile_callbacks_free(callbacks);
    assert_null(sessile_question_keep(NULL));
}

static void dropping_a_question_refuses_it_when_the_session_next_rests(void **state)
{
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_arrive(&side, TOY_ASK, "?");
    assert_ptr_equal(sessile_question_keep(side.recorder.question), side.recorder.question);
    sessile_question_free(side.recorder.question);
    sessile_session_hold(side.wire.session, 0);
    assert_int_equal(side.recorder.closed, 0); /* one reference is left */
    sessile_question_free(side.recorder.question);
    assert_int_equal(sessile_session_error(side.wire.session), 0);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(side.recorder.closed, 0); /* who looks calls nobody back */
    sessile_session_hold(side.wire.session, 0);
    assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
    assert_null(side_done(&side));
}

static int drop_in_question(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "question") == 0)
        sessile_question_free(sessile_question_keep(recorder->question));
    return 0;
}

static void a_question_kept_and_dropped_in_its_callback_is_refused(void **state)
{
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_NONE);
    side.recorder.hook = drop_in_question;
    assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
    assert_null(side_done(&side));
}

static void *drop(void *question)
{
    sessile_question_free(question);
    return NULL;
}

static void a_question_dropped_on_another_thread_is_refused(void **state)
{
    struct side side;
    pthread_t thread;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_arrive(&side, TOY_ASK, "?");
    assert_int_equal(pthread_create(&thread, NULL, drop, side.recorder.question), 0);
    pthread_join(thread, NULL);
    assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), -1);
    assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
    assert_null(side_done(&side));
}

static void several_dropped_questions_are_all_refused(void **state)
{
    struct side side;
    sessile_question *questions[5];

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    for (int i = 0; i < 5; i++) {
        toy_arrive(&side, TOY_WONDER, "?");
        questions[i] = side.recorder.question;
    }
    for (int i = 0; i < 4; i++)
        sessile_question_free(questions[i]);
    toy_arrive(&side, TOY_ANSWER, "");
    assert_int_equal(side.wire.sent_size, 12);
    assert_int_equal(sessile_question_accept(questions[4]), 0);
    assert_int_equal(side.wire.sent_size, 15);
    sessile_question_free(questions[4]);
    assert_null(side_done(&side));
}

static void open_questions_are_limited(void **state)
{
    sessile_question *questions[QUESTIONS_OPEN_LIMIT];
    struct side side;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    for (int i = 0; i < QUESTIONS_OPEN_LIMIT; i++) {
        toy_arrive(&side, TOY_WONDER, "?");
        questions[i] = side.recorder.question;
    }
    assert_int_equal(side.wire.sent_size, 0);
    toy_arrive(&side, TOY_WONDER, "?");
    assert_memory_equal(side.wire.sent, "Z\0\0", 3);
    assert_ptr_equal(side.recorder.question, questions[QUESTIONS_OPEN_LIMIT - 1]);
    sessile_question_accept(questions[7]);
    toy_arrive(&side, TOY_WONDER, "?");
    assert_ptr_not_equal(side.recorder.question, questions[QUESTIONS_OPEN_LIMIT - 1]);
    sessile_question_free(side.recorder.question);
    for (int i = 0; i < QUESTIONS_OPEN_LIMIT; i++)
        sessile_question_free(questions[i]);
    assert_null(side_done(&side));
}

/* ---- the session ends first ---- */

static int answer_withdrawn(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "withdrawn") == 0 && sessile_question_accept(recorder->question) != SESSILE_ERR_GONE)
        recorder->fault = "a withdrawn question took an answer";
    return 0;
}

static void the_end_of_the_session_withdraws_what_was_kept(void **state)
{
    struct side side;
    sessile_question *question;
    const void *text;
    size_t size;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    side.recorder.hook = answer_withdrawn;
    toy_arrive(&side, TOY_ASK, "?");
    question = side.recorder.question;
    assert_int_equal(sessile_session_abort(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal),
                        ASK " close withdrawn(101) stream_closed(ERR_ABORTED) closed(ERR_ABORTED)");
    assert_int_equal(sessile_question_accept(question), SESSILE_ERR_GONE);
    assert_ptr_equal(sessile_question_session(question), side.wire.session);
    assert_null(side_done(&side));
    assert_null(sessile_question_session(question));
    assert_int_equal(sessile_question_refuse(question, 0), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "x", 1), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_get(question, TOY_ITEM_TEXT, 0, &text, &size), 0);
    assert_string_equal(text, "?");
    assert_ptr_equal(sessile_question_keep(question), question);
    sessile_question_free(question);
    sessile_question_free(question);
}

static void freeing_the_session_withdraws_in_silence(void **state)
{
    struct side side;
    sessile_question *question;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_arrive(&side, TOY_WONDER, "?");
    question = side.recorder.question;
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), WONDER " close release");
    assert_int_equal(sessile_stream_write(sessile_question_stream(question), "abc", 3), SESSILE_ERR_GONE);
    assert_null(side_done(&side));
    sessile_question_free(question);
}

static int end_in_question(struct recorder *recorder, const char *callback)
{
    sessile_session *session;

    if (strcmp(callback, "question") != 0)
        return 0;
    session = sessile_question_session(recorder->question);
    if (recorder->app)
        sessile_session_free(session);
    else
        sessile_session_abort(session);
    return sessile_question_accept(recorder->question) == SESSILE_ERR_GONE ? 0 : -7;
}

static void the_session_can_end_inside_the_questions_callback(void **state)
{
    static const int answers[] = {ANSWER_ACCEPT, ANSWER_KEEP, ANSWER_NONE};
    struct side side;

    (void)state;
    for (int i = 0; i < 6; i++) {
        open_answering(&side, answers[i % 3]);
        side.recorder.hook = end_in_question;
        side.recorder.app = i < 3 ? NULL : &side;
        assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), -1);
        assert_int_equal(side.recorder.error, i < 3 ? SESSILE_ERR_ABORTED : 0);
        assert_int_equal(side.wire.sends, 0);
        if (answers[i % 3] == ANSWER_KEEP)
            sessile_question_free(side.recorder.question);
        assert_null(side_done(&side));
    }
}

/* ---- items ---- */

static void items_are_read_and_given(void **state)
{
    struct side side;
    sessile_question *question;
    const void *text;
    size_t size;

    (void)state;
    open_answering(&side, ANSWER_KEEP);
    toy_arrive(&side, TOY_ASK, "who?");
    question = side.recorder.question;
    assert_int_equal(sessile_question_kind(question), TOY_QUESTION_ASK);
    assert_int_equal(sessile_question_count(question, TOY_ITEM_TEXT), 1);
    assert_int_equal(sessile_question_count(question, TOY_ITEM_NOTE), 0);
    assert_int_equal(sessile_question_get(question, TOY_ITEM_TEXT, 0, &text, &size), 0);
    assert_int_equal(size, 4);
    assert_string_equal(text, "who?");
    assert_int_equal(sessile_question_get(question, TOY_ITEM_TEXT, 1, &text, &size), SESSILE_ERR_ARGUMENT);
    assert_null(text);
    assert_int_equal(sessile_question_get(question, 77, 0, &text, &size), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_get(question, TOY_ITEM_TEXT, 0, NULL, &size), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(question, TOY_ITEM_TEXT, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(question, -1, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(question, 32, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "me", 2), 0);
    assert_int_equal(sessile_question_accept(question), 0);
    assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "x", 1), SESSILE_ERR_GONE);
    assert_int_equal(side.wire.sent_size, 5);
    assert_memory_equal(side.wire.sent, "Y\0\2me", 5);
    sessile_question_free(question);
    assert_null(side_done(&side));
}

/* What could not be given may be what the answer was for. */
static void an_answer_that_lacks_an_item_is_not_accepted(void **state)
{
    static const char much[(1 << 20) + 1];
    struct side side;
    sessile_question *question;

    (void)state;
    for (int way = 0; way < 3; way++) { /* without memory for the list, for the item, and too large */
        int code = way < 2 ? SESSILE_ERR_MEMORY : SESSILE_ERR_LIMIT;

        open_answering(&side, ANSWER_KEEP);
        toy_arrive(&side, TOY_ASK, "?");
        question = side.recorder.question;
        assert_int_equal(sessile_question_put(question, 77, much, 1), SESSILE_ERR_ARGUMENT); /* says nothing */
        if (way < 2)
            failing_at(FAILING_OURS, (size_t)way, 1);
        assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, much, way < 2 ? 1 : sizeof much), code);
        failing_off();
        assert_int_equal(sessile_question_accept(question), code);
        assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "x", 1), 0); /* not the same one */
        assert_int_equal(sessile_question_accept(question), code);
        assert_int_equal(side.wire.sent_size, 0);
        if (way == 0)
            assert_int_equal(sessile_question_refuse(question, 0), 0);
        sessile_question_free(question); /* else dropping it refuses it */
        assert_int_equal(toy_arrive(&side, TOY_DATA, "abc"), -1);
        assert_int_equal(side.recorder.error, SESSILE_ERR_REFUSED);
        assert_null(side_done(&side));
    }
    open_answering(&side, ANSWER_KEEP); /* a call that is wrong in itself is no loss */
    toy_arrive(&side, TOY_ASK, "?");
    assert_int_equal(sessile_question_put(side.recorder.question, 77, much, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static void more_items_than_an_answer_has_room_for_are_not_accepted(void **state)
{
    struct side side;
    sessile_question *question;

    (void)state;
    for (int more = 0; more <= 1; more++) {
        open_answering(&side, ANSWER_KEEP);
        toy_arrive(&side, TOY_WONDER, "?");
        question = side.recorder.question;
        for (int i = 0; i < 256; i++)
            assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "x", 1), 0);
        if (more)
            assert_int_equal(sessile_question_put(question, TOY_ITEM_NOTE, "x", 1), SESSILE_ERR_LIMIT);
        assert_int_equal(sessile_question_accept(question), more ? SESSILE_ERR_LIMIT : 0);
        sessile_question_free(question);
        toy_arrive(&side, TOY_ANSWER, "");
        assert_int_equal(side.wire.sent[0], more ? TOY_NO : TOY_YES);
        assert_null(side_done(&side));
    }
}

static void null_is_no_question(void **state)
{
    (void)state;
    assert_int_equal(sessile_question_accept(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_refuse(NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(NULL, TOY_ITEM_NOTE, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_kind(NULL), 0);
    assert_int_equal(sessile_question_count(NULL, TOY_ITEM_TEXT), 0);
    assert_null(sessile_question_session(NULL));
    assert_null(sessile_question_stream(NULL));
    sessile_question_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_accepted_on_the_spot),
        cmocka_unit_test(a_question_is_refused_on_the_spot_with_its_reason),
        cmocka_unit_test(a_question_that_is_neither_answered_nor_kept_is_refused),
        cmocka_unit_test(a_question_that_meets_no_callback_is_refused),
        cmocka_unit_test(a_failing_callback_counts_more_than_its_answer),
        cmocka_unit_test(an_open_question_that_blocks_stops_receive_until_it_is_answered),
        cmocka_unit_test(an_open_question_that_does_not_block_stops_nothing),
        cmocka_unit_test(two_questions_are_answered_in_any_order),
        cmocka_unit_test(a_question_can_be_answered_inside_another_callback),
        cmocka_unit_test(an_answer_inside_send_lets_the_receive_on_the_stack_go_on),
        cmocka_unit_test(a_blocking_question_cannot_be_kept_without_a_resume_callback),
        cmocka_unit_test(dropping_a_question_refuses_it_when_the_session_next_rests),
        cmocka_unit_test(a_question_kept_and_dropped_in_its_callback_is_refused),
        cmocka_unit_test(a_question_dropped_on_another_thread_is_refused),
        cmocka_unit_test(several_dropped_questions_are_all_refused),
        cmocka_unit_test(open_questions_are_limited),
        cmocka_unit_test(the_end_of_the_session_withdraws_what_was_kept),
        cmocka_unit_test(freeing_the_session_withdraws_in_silence),
        cmocka_unit_test(the_session_can_end_inside_the_questions_callback),
        cmocka_unit_test(items_are_read_and_given),
        cmocka_unit_test(an_answer_that_lacks_an_item_is_not_accepted),
        cmocka_unit_test(more_items_than_an_answer_has_room_for_are_not_accepted),
        cmocka_unit_test(null_is_no_question),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
