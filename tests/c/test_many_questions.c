/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions with many streams: what is delivered beside data, credit, and questions about one stream, which may go away
 * with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/engine.h"
#include "toy_many.h"

#define MEGABYTE 1048576

static void open_with(struct side *side, size_t count, int answer)
{
    many_side(side, 1);
    side->recorder.answer = answer;
    for (size_t i = 0; i < count; i++)
        assert_non_null(many_open(side->wire.session, 0));
}

static struct many_stream *state_of(struct side *side, uint32_t number)
{
    return many_of(side->wire.session)->streams[number];
}

/* A session of which one callback is not set. */
static void open_without(struct side *side, int (*clear)(sessile_callbacks *callbacks))
{
    memset(side, 0, sizeof *side);
    side_open(side, 1);
    assert_int_equal(clear(side->callbacks), 0);
    assert_int_equal(many_start(side->wire.session, side->callbacks, &side->recorder), 0);
    assert_non_null(many_open(side->wire.session, 0));
}

static int clear_stderr(sessile_callbacks *callbacks)
{
    return sessile_callbacks_set_stderr(callbacks, NULL);
}

static int clear_request(sessile_callbacks *callbacks)
{
    return sessile_callbacks_set_request(callbacks, NULL);
}

static int clear_both(sessile_callbacks *callbacks)
{
    return clear_stderr(callbacks) | clear_request(callbacks);
}

/* ---- the second flow, and requests ---- */

static void the_second_flow_and_requests_have_callbacks_of_their_own(void **state)
{
    struct side side;

    (void)state;
    open_with(&side, 1, ANSWER_NONE);
    many_arrive(&side, MANY_STDERR, 0, "error");
    many_arrive(&side, MANY_REQUEST, 0, "\x05");
    many_arrive(&side, MANY_DATA, 0, "abc");
    assert_string_equal(journal_text(&side.journal), "stderr(5) request(5) data(3)");
    assert_int_equal(state_of(&side, 0)->automatic, 8);
    assert_int_equal(state_of(&side, 0)->consumed, 0);
    assert_null(side_done(&side));
}

static void they_go_to_the_streams_own_callbacks(void **state)
{
    struct journal journal = {0};
    struct recorder other = {.journal = &journal};
    sessile_callbacks *callbacks = recorder_callbacks();
    struct side side;

    (void)state;
    open_without(&side, clear_both);
    assert_non_null(many_open(side.wire.session, 0));
    assert_int_equal(sessile_stream_set_callbacks(state_of(&side, 1)->stream, callbacks, &other), 0);
    many_arrive(&side, MANY_STDERR, 0, "a");
    many_arrive(&side, MANY_STDERR, 1, "bc");
    many_arrive(&side, MANY_REQUEST, 0, "\x01");
    many_arrive(&side, MANY_REQUEST, 1, "\x02");
    assert_string_equal(journal_text(&side.journal), "");
    assert_string_equal(journal_text(&journal), "stderr(2) request(2)");
    sessile_callbacks_free(callbacks);
    journal_free(&journal);
    recorder_free(&other);
    assert_null(side_done(&side));
}

static void what_nobody_listens_for_is_dropped_and_consumed(void **state)
{
    struct side side;

    (void)state;
    open_without(&side, clear_stderr);
    many_arrive(&side, MANY_STDERR, 0, "error");
    assert_int_equal(state_of(&side, 0)->automatic, 5);
    assert_int_equal(state_of(&side, 0)->consumed, 0);
    assert_int_equal(sessile_stream_set_manual(state_of(&side, 0)->stream, 1), 0);
    many_arrive(&side, MANY_STDERR, 0, "error");
    assert_int_equal(state_of(&side, 0)->automatic, 5);
    assert_int_equal(state_of(&side, 0)->consumed, 5);
    assert_int_equal(sessile_stream_consumed(state_of(&side, 0)->stream, 1), SESSILE_ERR_ARGUMENT);
    assert_string_equal(journal_text(&side.journal), "send(11)");
    assert_null(side_done(&side));
    open_without(&side, clear_request);
    many_arrive(&side, MANY_REQUEST, 0, "\x05");
    assert_string_equal(journal_text(&side.journal), "");
    assert_null(side_done(&side));
}

static int fail_in(struct recorder *recorder, const char *callback)
{
    return strcmp(callback, recorder->app) == 0 ? -5 : 0;
}

static void each_of_these_callbacks_can_fail_the_session(void **state)
{
    static char names[][8] = {"stderr", "request", "stream"};
    static const char types[] = {MANY_STDERR, MANY_REQUEST, MANY_OPEN};
    char text[64];
    struct side side;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        open_with(&side, 1, ANSWER_ACCEPT);
        side.recorder.hook = fail_in;
        side.recorder.app = names[i];
        assert_int_equal(many_arrive(&side, types[i], i == 2, "x"), -1);
        assert_int_equal(side.recorder.error, SESSILE_ERR_CALLBACK);
        snprintf(text, sizeof text, "the %s callback returned -5", names[i]);
        assert_string_equal(sessile_session_error_text(side.wire.session), text);
        assert_null(side_done(&side));
    }
}

/* ---- credit ---- */

static void both_flows_count_as_unread_and_consumed_tells_the_engine(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    open_with(&side, 2, ANSWER_NONE);
    stream = state_of(&side, 0)->stream;
    assert_int_equal(sessile_stream_set_manual(stream, 1), 0);
    many_arrive(&side, MANY_DATA, 0, "abc");
    many_arrive(&side, MANY_STDERR, 0, "defgh");
    many_arrive(&side, MANY_DATA, 1, "another");
    assert_int_equal(sessile_stream_consumed(stream, 9), SESSILE_ERR_ARGUMENT);
    assert_int_equal(side.wire.sends, 0);
    assert_int_equal(sessile_stream_consumed(stream, 0), 0);
    assert_int_equal(side.wire.sends, 0);
    assert_int_equal(sessile_stream_consumed(stream, 6), 0);
    assert_memory_equal(side.wire.sent, "K\0\10\0\0\0\0\0\0\0\6", 11);
    assert_int_equal(sessile_stream_set_manual(stream, 0), 0);
    assert_int_equal(state_of(&side, 0)->consumed, 8);
    assert_int_equal(state_of(&side, 0)->automatic, 0);
    assert_int_equal(state_of(&side, 1)->automatic, 7);
    assert_int_equal(sessile_stream_set_manual(stream, 0), 0);
    assert_int_equal(side.wire.sends, 2);
    assert_null(side_done(&side));
}

static int switch_credit(struct recorder *recorder, const char *callback)
{
    return strcmp(callback, "data") == 0 ? sessile_stream_set_manual(recorder->stream, *(int *)recorder->app) : 0;
}

/* What is delivered comes back once, whatever the callback does. */
static void credit_can_change_hands_inside_the_callback(void **state)
{
    struct side side;
    int on;

    (void)state;
    for (on = 0; on <= 1; on++) {
        open_with(&side, 1, ANSWER_NONE);
        assert_int_equal(sessile_stream_set_manual(state_of(&side, 0)->stream, !on), 0);
        side.recorder.hook = switch_credit;
        side.recorder.app = &on;
        many_arrive(&side, MANY_DATA, 0, "abc");
        assert_int_equal(state_of(&side, 0)->consumed, on ? 0 : 3);
        assert_int_equal(state_of(&side, 0)->automatic, on ? 3 : 0);
        assert_null(side_done(&side));
    }
}

static void an_engine_hears_of_consumed_bytes_while_the_session_lives(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    open_with(&side, 1, ANSWER_NONE);
    stream = sessile_stream_keep(state_of(&side, 0)->stream);
    assert_int_equal(sessile_stream_set_manual(stream, 1), 0);
    many_arrive(&side, MANY_DATA, 0, "abc");
    sessile_session_enter(side.wire.session);
    sessile_session_abort(side.wire.session);
    assert_int_equal(sessile_stream_consumed(stream, 1), 0);
    assert_int_equal(sessile_stream_set_manual(stream, 0), 0);
    assert_int_equal(many_stream_of(stream)->consumed, 0);
    sessile_session_leave(side.wire.session);
    assert_int_equal(side.wire.sends, 0);
    sessile_stream_free(stream);
    assert_null(side_done(&side));
}

static void an_engine_hears_of_hold_when_it_changes(void **state)
{
    struct many *many;
    struct side side;

    (void)state;
    open_with(&side, 0, ANSWER_NONE);
    many = many_of(side.wire.session);
    sessile_session_hold(side.wire.session, 0);
    assert_int_equal(many->helds, 0);
    sessile_session_hold(side.wire.session, 1);
    sessile_session_hold(side.wire.session, 2);
    assert_int_equal(many->helds, 1);
    assert_int_equal(many->held, 1);
    assert_int_equal(session_held(side.wire.session), 1);
    sessile_session_hold(side.wire.session, 0);
    assert_int_equal(many->helds, 2);
    assert_int_equal(many->held, 0);
    sessile_session_abort(side.wire.session);
    sessile_session_hold(side.wire.session, 1);
    assert_int_equal(many->helds, 2);
    assert_null(side_done(&side));
    memset(&side, 0, sizeof side);
    side_open(&side, 0);
    assert_int_equal(sessile_session_hold(side.wire.session, 1), 0); /* no protocol is chosen */
    assert_null(side_done(&side));
}

/* ---- items ---- */

static void an_item_can_be_given_several_times(void **state)
{
    struct side side;
    sessile_question *question;
    const void *data;
    size_t size;

    (void)state;
    open_with(&side, 1, ANSWER_KEEP);
    many_arrive(&side, MANY_ASK, 0, "?");
    question = side.recorder.question;
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, "one", 3), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_OTHER, "other", 5), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, "", 0), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, "three", 5), 0);
    for (int item = -1; item <= 64; item++)
        if (item != MANY_ITEM_NOTE && item != MANY_ITEM_OTHER)
            assert_int_equal(sessile_question_put(question, item, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(question_given_count(question, MANY_ITEM_NOTE), 3);
    assert_int_equal(question_given_count(question, MANY_ITEM_OTHER), 1);
    assert_string_equal(question_given_at(question, MANY_ITEM_OTHER, 0, &size), "other");
    assert_string_equal(question_given(question, MANY_ITEM_NOTE, &size), "one");
    assert_string_equal(question_given_at(question, MANY_ITEM_NOTE, 2, &size), "three");
    assert_int_equal(size, 5);
    assert_null(question_given_at(question, MANY_ITEM_NOTE, 3, &size));
    assert_int_equal(size, 0);
    assert_int_equal(sessile_question_count(question, MANY_ITEM_NOTE), 0); /* what was given is not read */
    assert_int_equal(sessile_question_get(question, MANY_ITEM_NOTE, 0, &data, &size), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_accept(question), 0);
    assert_memory_equal(side.wire.sent, "Y\0\17\0\0\0\0one,,three,", 18);
    assert_int_equal(question_given_count(NULL, MANY_ITEM_NOTE), 0);
    sessile_question_free(question);
    assert_null(side_done(&side));
}

static void what_is_given_is_limited_in_number_and_in_size(void **state)
{
    struct side side;
    sessile_question *question;
    uint8_t *data = need_memory(calloc(1, MEGABYTE + 1));

    (void)state;
    open_with(&side, 1, ANSWER_KEEP);
    many_arrive(&side, MANY_ASK, 0, "?");
    question = side.recorder.question;
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, MEGABYTE + 1), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, SIZE_MAX), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, MEGABYTE - 300), 0);
    for (int i = 1; i < 256; i++)
        assert_int_equal(sessile_question_put(question, MANY_ITEM_OTHER, data, 1), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, 1), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_question_accept(question), SESSILE_ERR_LIMIT); /* with less than was meant */
    assert_int_equal(sessile_question_refuse(question, 0), 0);
    sessile_question_free(question);
    many_arrive(&side, MANY_ASK, 0, "?");
    question = side.recorder.question;
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, MEGABYTE), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_NOTE, data, SIZE_MAX - 10), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_OTHER, "", 0), 0);
    assert_int_equal(sessile_question_put(question, MANY_ITEM_OTHER, data, 1), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_question_refuse(question, 0), 0);
    sessile_question_free(question);
    assert_null(side_done(&side));
    free(data);
}

static void texts_and_numbers_are_read_as_text(void **state)
{
    static const struct {
        uint64_t number;
        const char *text;
    } numbers[] = {{0, "0"}, {65535, "65535"}, {4294967295u, "4294967295"}, {UINT64_MAX, "18446744073709551615"}};
    static const struct question_kind kind = {MANY_QUESTION_ASK, 0, 0};
    struct side side;
    sessile_question *question;
    const void *data;
    size_t size;

    (void)state;
    open_with(&side, 1, ANSWER_KEEP);
    many_arrive(&side, MANY_ASK, 0, "?");
    question = side.recorder.question;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        question_add_number(question, MANY_ITEM_NUMBER, numbers[i].number);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(sessile_question_get(question, MANY_ITEM_NUMBER, i + 1, &data, &size), 0);
        assert_string_equal(data, numbers[i].text);
        assert_int_equal(size, strlen(numbers[i].text));
    }
    assert_int_equal(sessile_question_get(question, MANY_ITEM_NAME, 0, &data, &size), 0);
    assert_string_equal(data, "ASK");
    sessile_question_free(question);
    sessile_session_abort(side.wire.session);
    assert_null(question_new(side.wire.session, &kind, NULL)); /* nobody can answer it */
    question_add_number(NULL, MANY_ITEM_NUMBER, 1);
    question_add_text(NULL, MANY_ITEM_NAME, "x");
    question_set_note(NULL, 1);
    assert_int_equal(question_note(NULL), 0);
    assert_null(side_done(&side));
}

/* ---- withdrawn ---- */

static void a_question_can_be_withdrawn_alone(void **state)
{
    struct side side;
    sessile_question *first;

    (void)state;
    open_with(&side, 2, ANSWER_KEEP);
    many_arrive(&side, MANY_ASK, 0, "?");
    first = side.recorder.question;
    many_arrive(&side, MANY_ASK, 1, "?");
    many_arrive(&side, MANY_WITHDRAW, 0, "");
    many_arrive(&side, MANY_WITHDRAW, 0, "");
    assert_int_equal(sessile_question_accept(first), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_put(first, MANY_ITEM_NOTE, "x", 1), SESSILE_ERR_GONE);
    assert_int_equal(many_of(side.wire.session)->answers, 0);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    question_withdraw(side.recorder.question); /* which is answered */
    question_withdraw(NULL);
    assert_string_equal(journal_text(&side.journal), "question(202,1) question(202,1) withdrawn(202) send(7)");
    sessile_question_free(first);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

/* It was answered: nobody waits for it, and nobody is told. */
static int abort_after_yes(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "question") != 0)
        return 0;
    sessile_question_keep(recorder->question);
    return sessile_stream_abort(sessile_question_stream(recorder->question));
}

static void receive_goes_on_where_the_question_that_blocked_is_withdrawn(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    open_with(&side, 2, ANSWER_KEEP);
    many_add(&script, MANY_BLOCK, 0, "?");
    many_add(&script, MANY_DATA, 1, "abc");
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(sessile_session_want(side.wire.session), 0);
    assert_int_equal(sessile_stream_abort(state_of(&side, 0)->stream), 0);
    assert_string_equal(journal_text(&side.journal),
                        "question(203,1) withdrawn(203) stream_closed(ERR_ABORTED) send(7) resume data(3)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
    open_with(&side, 2, ANSWER_ACCEPT); /* and where that is inside its own callback */
    side.recorder.hook = abort_after_yes;
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_int_equal(many_of(side.wire.session)->answers, 0);
    assert_string_equal(journal_text(&side.journal), "question(203,1) stream_closed(ERR_ABORTED) data(3) send(7)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

static void a_stream_takes_its_questions_with_it_and_no_others(void **state)
{
    sessile_question *questions[4];
    struct side side;

    (void)state;
    open_with(&side, 2, ANSWER_KEEP);
    for (uint32_t i = 0; i < 4; i++) {
        many_arrive(&side, MANY_ASK, i % 2, "?");
        questions[i] = side.recorder.question;
    }
    journal_free(&side.journal);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_string_equal(journal_text(&side.journal), "withdrawn(202) withdrawn(202) stream_closed(OK)");
    for (int i = 0; i < 4; i++)
        assert_int_equal(sessile_question_accept(questions[i]), i % 2 ? 0 : SESSILE_ERR_GONE);
    assert_int_equal(many_of(side.wire.session)->answers, 2);
    assert_int_equal(sessile_stream_end(sessile_question_stream(questions[0])), SESSILE_ERR_CLOSED);
    for (int i = 0; i < 4; i++)
        sessile_question_free(questions[i]);
    assert_null(side_done(&side));
}

static int free_all_in_withdrawn(struct recorder *recorder, const char *callback)
{
    sessile_question **questions = recorder->app;

    for (int i = 0; strcmp(callback, "withdrawn") == 0 && i < 3; i++) {
        sessile_question_free(questions[i]);
        questions[i] = NULL;
    }
    return 0;
}

static void questions_can_be_dropped_while_their_stream_withdraws_them(void **state)
{
    sessile_question *questions[3];
    struct side side;

    (void)state;
    open_with(&side, 1, ANSWER_KEEP);
    side.recorder.hook = free_all_in_withdrawn;
    side.recorder.app = questions;
    for (int i = 0; i < 3; i++) {
        many_arrive(&side, MANY_ASK, 0, "?");
        questions[i] = side.recorder.question;
    }
    journal_free(&side.journal);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_string_equal(journal_text(&side.journal), "withdrawn(202) stream_closed(OK)");
    assert_int_equal(many_of(side.wire.session)->answers, 0);
    assert_null(side_done(&side));
}

static void streams_beyond_the_questions_that_may_be_open_are_refused_unasked(void **state)
{
    sessile_question *questions[QUESTIONS_OPEN_LIMIT];
    struct side side;

    (void)state;
    open_with(&side, 0, ANSWER_KEEP);
    for (uint32_t i = 0; i < QUESTIONS_OPEN_LIMIT; i++) {
        many_arrive(&side, MANY_OPEN, i, "");
        questions[i] = side.recorder.question;
    }
    assert_int_equal(side.wire.sends, 0);
    many_arrive(&side, MANY_OPEN, QUESTIONS_OPEN_LIMIT, "");
    assert_memory_equal(side.wire.sent, "N\0\5\0\0\0\100\0", 8);
    assert_int_equal(*many_of(side.wire.session)->destroyed, 1);
    assert_null(state_of(&side, QUESTIONS_OPEN_LIMIT));
    many_arrive(&side, MANY_CLOSE, 5, ""); /* makes room */
    many_arrive(&side, MANY_OPEN, QUESTIONS_OPEN_LIMIT, "");
    assert_non_null(state_of(&side, QUESTIONS_OPEN_LIMIT));
    assert_int_equal(side.wire.sends, 1);
    sessile_question_free(side.recorder.question);
    for (int i = 0; i < QUESTIONS_OPEN_LIMIT; i++)
        sessile_question_free(questions[i]);
    assert_null(side_done(&side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_flow_and_requests_have_callbacks_of_their_own),
        cmocka_unit_test(they_go_to_the_streams_own_callbacks),
        cmocka_unit_test(what_nobody_listens_for_is_dropped_and_consumed),
        cmocka_unit_test(each_of_these_callbacks_can_fail_the_session),
        cmocka_unit_test(both_flows_count_as_unread_and_consumed_tells_the_engine),
        cmocka_unit_test(credit_can_change_hands_inside_the_callback),
        cmocka_unit_test(an_engine_hears_of_consumed_bytes_while_the_session_lives),
        cmocka_unit_test(an_engine_hears_of_hold_when_it_changes),
        cmocka_unit_test(an_item_can_be_given_several_times),
        cmocka_unit_test(what_is_given_is_limited_in_number_and_in_size),
        cmocka_unit_test(texts_and_numbers_are_read_as_text),
        cmocka_unit_test(a_question_can_be_withdrawn_alone),
        cmocka_unit_test(receive_goes_on_where_the_question_that_blocked_is_withdrawn),
        cmocka_unit_test(a_stream_takes_its_questions_with_it_and_no_others),
        cmocka_unit_test(questions_can_be_dropped_while_their_stream_withdraws_them),
        cmocka_unit_test(streams_beyond_the_questions_that_may_be_open_are_refused_unasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
