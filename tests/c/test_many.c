/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions with many streams: streams that come and end while others go on, and what becomes of their handles and their
 * states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "session/engine.h"
#include "toy_many.h"

#define CALL_LIMIT 262144

static void forget(struct side *side)
{
    journal_free(&side->journal);
    side->wire.sent_size = 0;
    side->wire.sends = 0;
    side->wire.largest = 0;
}

/* ---- the end of one stream ---- */

static void streams_end_one_by_one_and_the_rest_in_the_order_opened(void **state)
{
    static const struct {
        uint32_t first, second;
        const char *told;
    } orders[] = {
        {0, 1,
         "stream_closed(OK) #0 stream_closed(OK) #1 close stream_closed(ERR_ABORTED) #2 "
         "stream_closed(ERR_ABORTED) #3 closed(ERR_ABORTED)"},
        {2, 1,
         "stream_closed(OK) #2 stream_closed(OK) #1 close stream_closed(ERR_ABORTED) #0 "
         "stream_closed(ERR_ABORTED) #3 closed(ERR_ABORTED)"},
        {3, 0,
         "stream_closed(OK) #3 stream_closed(OK) #0 close stream_closed(ERR_ABORTED) #1 "
         "stream_closed(ERR_ABORTED) #2 closed(ERR_ABORTED)"},
    };
    sessile_stream *streams[4];
    struct side side;

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        many_side_with(&side, streams, 4, 0);
        many_arrive(&side, MANY_CLOSE, orders[i].first, "");
        many_arrive(&side, MANY_CLOSE, orders[i].second, "");
        many_arrive(&side, MANY_DATA, orders[i].second, "late");
        sessile_session_abort(side.wire.session);
        assert_string_equal(journal_text(&side.journal), orders[i].told);
        assert_int_equal(many_of(side.wire.session)->verdicts, 2);
        assert_null(side_done(&side));
    }
}

static void a_stream_opened_after_others_have_closed_comes_last(void **state)
{
    sessile_stream *streams[2];
    struct side side;

    (void)state;
    many_side_with(&side, streams, 2, 0);
    many_arrive(&side, MANY_CLOSE, 1, "");
    assert_non_null(many_open(side.wire.session, 0));
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_non_null(many_open(side.wire.session, 0));
    forget(&side);
    sessile_session_end(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "close stream_closed(OK) #2 stream_closed(OK) #3 closed(OK)");
    assert_null(many_open(side.wire.session, 0));
    assert_null(side_done(&side));
}

static void a_kept_stream_that_has_closed_answers_closed_and_then_gone(void **state)
{
    static const int answers[] = {SESSILE_ERR_CLOSED, SESSILE_ERR_GONE};
    sessile_stream *stream;
    struct side side;

    (void)state;
    many_side_with(&side, &stream, 1, 100);
    sessile_stream_keep(stream);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_ptr_equal(sessile_stream_session(stream), side.wire.session);
    for (int i = 0; i <= 1; i++) {
        assert_int_equal(sessile_stream_write(stream, "abc", 3), answers[i]);
        assert_int_equal(many_write_stderr(stream, "abc", 3), answers[i]);
        assert_int_equal(sessile_stream_end(stream), answers[i]);
        assert_int_equal(sessile_stream_abort(stream), answers[i]);
        assert_int_equal(sessile_stream_set_manual(stream, 1), answers[i]);
        assert_int_equal(sessile_stream_consumed(stream, 0), answers[i]);
        assert_int_equal(sessile_stream_set_callbacks(stream, NULL, NULL), answers[i]);
        assert_int_equal(sessile_stream_set_release(stream, NULL), answers[i]);
        if (i == 0)
            assert_null(side_done(&side));
    }
    assert_null(sessile_stream_session(stream));
    sessile_stream_free(stream);
}

static void the_state_of_a_kept_stream_is_destroyed_all_the_same(void **state)
{
    sessile_stream *streams[2];
    struct side side;
    size_t destroyed = 0;

    (void)state;
    many_side_with(&side, streams, 2, 0);
    many_of(side.wire.session)->destroyed = &destroyed;
    sessile_stream_keep(streams[0]);
    sessile_stream_keep(streams[1]);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_int_equal(destroyed, 1);
    assert_null(many_stream_of(streams[0]));
    assert_non_null(many_stream_of(streams[1]));
    assert_null(side_done(&side));
    assert_int_equal(destroyed, 2);
    assert_null(many_stream_of(streams[1]));
    sessile_stream_free(streams[0]);
    sessile_stream_free(streams[1]);
}

/* ---- calls from inside callbacks ---- */

struct inside {
    const char *callback; /* where */
    sessile_session *session;
    size_t *destroyed;
    int frees; /* the session; else it ends the stream */
    int ran;
};

static int act_inside(struct recorder *recorder, const char *callback)
{
    struct inside *inside = recorder->app;
    int asked = strcmp(callback, "question") == 0 || strcmp(callback, "withdrawn") == 0;
    sessile_stream *stream = asked ? sessile_question_stream(recorder->question) : recorder->stream;
    int closing = strcmp(callback, "stream_closed") == 0 || strcmp(callback, "withdrawn") == 0;

    if (strcmp(callback, inside->callback) != 0 || inside->ran++)
        return 0;
    if (inside->frees)
        sessile_session_free(inside->session);
    else if (sessile_stream_abort(stream) != (closing ? SESSILE_ERR_CLOSED : 0))
        recorder->fault = "a stream cannot be ended inside its callback";
    if (sessile_stream_write(stream, "x", 1) != (inside->frees ? SESSILE_ERR_GONE : SESSILE_ERR_CLOSED))
        recorder->fault = "a stream that is over takes data";
    if (*inside->destroyed)
        recorder->fault = "a state was destroyed below a frame of the engine";
    return 0;
}

/* Meets each callback about a stream, with the session or the stream ending in one of them. The engine looks at the
 * stream's state after each of them. */
static void run_inside(struct inside *inside)
{
    struct toy_script script = {.size = 0};
    sessile_stream *streams[2];
    size_t destroyed = 0;
    struct side side;

    many_side_with(&side, streams, 2, 0);
    many_of(side.wire.session)->destroyed = inside->destroyed = &destroyed;
    side.recorder.hook = act_inside;
    side.recorder.app = inside;
    inside->session = side.wire.session;
    inside->ran = 0;
    assert_int_equal(sessile_stream_write(streams[1], "x", 1), 0);
    many_add(&script, MANY_OPEN, 2, "may I?");
    many_add(&script, MANY_DATA, 1, "data");
    many_add(&script, MANY_STDERR, 1, "stderr");
    many_add(&script, MANY_REQUEST, 1, "r");
    many_add(&script, MANY_END, 1, "");
    many_add(&script, MANY_GRANT, 1, "12345");
    wire_arrive(&side.wire, script.data, script.size);
    if (side.wire.session)
        many_arrive(&side, MANY_CLOSE, 1, "");
    assert_true(inside->ran > 0);
    assert_null(side_done(&side));
    assert_int_equal(destroyed, 3);
}

static void the_session_or_the_stream_can_end_inside_each_callback(void **state)
{
    static const char *const callbacks[] = {"question", "stream", "data",     "stderr",
                                            "request",  "end",    "writable", "stream_closed"};
    struct inside inside = {.frees = 0};

    (void)state;
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
        for (inside.frees = 0; inside.frees <= 1; inside.frees++) {
            inside.callback = callbacks[i];
            run_inside(&inside);
        }
}

static void note_release(void *app)
{
    ++*(int *)app;
}

static void the_session_can_be_freed_where_a_closing_stream_withdraws_a_question(void **state)
{
    struct inside inside = {.callback = "withdrawn"};
    sessile_callbacks *callbacks = sessile_callbacks_new();
    sessile_question *question;
    sessile_stream *streams[2];
    struct side side;
    size_t destroyed;
    int released;

    (void)state;
    for (inside.frees = 0; inside.frees <= 1; inside.frees++) {
        destroyed = 0;
        released = 0;
        many_side_with(&side, streams, 2, 0);
        many_of(side.wire.session)->destroyed = inside.destroyed = &destroyed;
        inside.session = side.wire.session;
        inside.ran = 0;
        side.recorder.hook = act_inside;
        side.recorder.app = &inside;
        side.recorder.answer = ANSWER_KEEP;
        assert_int_equal(sessile_stream_set_callbacks(streams[0], callbacks, &released), 0);
        assert_int_equal(sessile_stream_set_release(streams[0], note_release), 0);
        many_arrive(&side, MANY_ASK, 0, "?");
        question = side.recorder.question;
        many_arrive(&side, MANY_CLOSE, 0, "");
        assert_int_equal(inside.ran, 1);
        assert_int_equal(released, inside.frees);
        sessile_question_free(question);
        assert_null(side_done(&side));
        assert_int_equal(destroyed, 2);
    }
    sessile_callbacks_free(callbacks);
}

static int abort_other(struct recorder *recorder, const char *callback)
{
    sessile_stream **streams = recorder->app;

    many_note(recorder, callback);
    if (strcmp(callback, "stream_closed") == 0 && streams[1] && streams[1] != recorder->stream) {
        sessile_stream_abort(streams[1]);
        streams[1] = NULL;
    }
    return 0;
}

static void one_closed_callback_can_end_another_stream(void **state)
{
    sessile_stream *streams[3];
    struct side side;

    (void)state;
    many_side_with(&side, streams, 3, 0);
    side.recorder.hook = abort_other;
    side.recorder.app = streams;
    many_arrive(&side, MANY_CLOSE, 0, "");
    sessile_session_end(side.wire.session);
    assert_string_equal(journal_text(&side.journal),
                        "stream_closed(OK) #0 stream_closed(ERR_ABORTED) #1 send(7) close stream_closed(OK) #2 "
                        "closed(OK)");
    assert_null(side_done(&side));
}

static int receive_in_closed(struct recorder *recorder, const char *callback)
{
    struct side *side = recorder->app;

    if (strcmp(callback, "stream_closed") != 0)
        return 0;
    stream_close(recorder->stream, SESSILE_OK, 1); /* of no effect */
    if (many_arrive(side, MANY_DATA, 1, "abc") != MANY_HEADER + 3)
        recorder->fault = "a receive inside a callback did not take what it was offered";
    return 0;
}

/* The engine goes on with the state of the stream that it has just closed. */
static void a_receive_inside_a_closed_callback_frees_nothing(void **state)
{
    sessile_stream *streams[2];
    struct side side;

    (void)state;
    many_side_with(&side, streams, 2, 0);
    side.recorder.hook = receive_in_closed;
    side.recorder.app = &side;
    assert_int_equal(sessile_stream_abort(streams[0]), 0);
    assert_string_equal(journal_text(&side.journal), "stream_closed(ERR_ABORTED) data(3) send(7)");
    assert_int_equal(*many_of(side.wire.session)->destroyed, 1);
    side.recorder.hook = NULL;
    assert_null(side_done(&side));
}

static int look_at_destroyed(struct recorder *recorder, const char *callback)
{
    size_t *seen = recorder->app;

    if (strcmp(callback, "data") == 0)
        *seen = *many_stream_of(recorder->stream)->many->destroyed;
    return 0;
}

/* Or a peer that opens and closes without end would have one long receive hold them all. */
static void a_receive_frees_what_closed_before_it_takes_the_next_unit(void **state)
{
    struct toy_script script = {.size = 0};
    sessile_stream *streams[3];
    struct side side;
    size_t seen = 0;

    (void)state;
    many_side_with(&side, streams, 3, 0);
    side.recorder.hook = look_at_destroyed;
    side.recorder.app = &seen;
    many_add(&script, MANY_CLOSE, 0, "");
    many_add(&script, MANY_CLOSE, 1, "");
    many_add(&script, MANY_DATA, 2, "abc");
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(seen, 2);
    assert_null(side_done(&side));
}

static int close_in_send(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    size_t *seen = wire->app;
    uint8_t unit[MANY_HEADER];

    (void)buffer, (void)size;
    if (strcmp(callback, "send") != 0)
        return 0;
    *seen = *many_of(wire->session)->destroyed;
    wire_arrive(wire, unit, many_put(unit, MANY_CLOSE, (uint32_t)wire->sends, NULL, 0));
    return 0;
}

/* What closes inside the sends of one long write is freed between them, the stream that is written to included. */
static void a_long_write_frees_what_closed_inside_its_sends(void **state)
{
    static uint8_t data[8 * CALL_LIMIT];
    sessile_stream *streams[4];
    struct side side;
    size_t seen = 0;

    (void)state;
    many_side_with(&side, streams, 4, sizeof data);
    side.wire.hook = close_in_send;
    side.wire.app = &seen;
    assert_in_range(sessile_stream_write(streams[3], data, sizeof data), 1, 3 * CALL_LIMIT);
    assert_int_equal(seen, 2); /* in the third send, which closed the stream itself */
    assert_int_equal(*many_of(side.wire.session)->destroyed, 3);
    assert_null(side_done(&side));
}

/* ---- streams that the peer opens ---- */

struct opening {
    sessile_callbacks *callbacks;
    struct recorder *other;
};

static void note_opening_release(void *app)
{
    struct recorder *other = app;

    journal_add(other->journal, "release");
}

static int take_over(struct recorder *recorder, const char *callback)
{
    struct opening *opening = recorder->app;
    sessile_stream *stream;

    if (strcmp(callback, "question") != 0)
        return 0;
    stream = sessile_question_stream(recorder->question);
    sessile_stream_set_callbacks(stream, opening->callbacks, opening->other);
    sessile_stream_set_release(stream, note_opening_release);
    return sessile_stream_write(stream, "early", 5) == 0 ? 0 : -1;
}

static void open_by_peer(struct side *side, struct opening *opening, int answer)
{
    many_side(side, 1);
    side->recorder.answer = answer;
    side->recorder.hook = take_over;
    side->recorder.app = opening;
    many_arrive(side, MANY_OPEN, 0, "");
}

static void a_stream_is_the_applications_from_the_yes_on(void **state)
{
    static const struct {
        int answer;
        const char *session, *stream;
    } rows[] = {
        {ANSWER_ACCEPT, "question(201,0) stream send(7) send(8) close closed(ERR_ABORTED)",
         "writable stream_closed(ERR_ABORTED)"},
        {ANSWER_REFUSE, "question(201,0) send(8) close closed(ERR_ABORTED)", "release"},
        {ANSWER_KEEP, "question(201,0) close withdrawn(201) closed(ERR_ABORTED)", "release"},
    };
    struct journal journal = {0};
    struct recorder other = {.journal = &journal};
    struct opening opening = {recorder_callbacks(), &other};
    struct side side;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_by_peer(&side, &opening, rows[i].answer);
        many_arrive(&side, MANY_GRANT, 0, "12345");
        if (rows[i].answer == ANSWER_ACCEPT)
            assert_int_equal(sessile_stream_write(many_of(side.wire.session)->streams[0]->stream, "x", 1), 1);
        sessile_session_abort(side.wire.session);
        assert_string_equal(journal_text(&side.journal), rows[i].session);
        assert_string_equal(journal_text(&journal), rows[i].stream);
        if (rows[i].answer == ANSWER_KEEP)
            sessile_question_free(side.recorder.question);
        journal_free(&journal);
        assert_null(side_done(&side));
    }
    sessile_callbacks_free(opening.callbacks);
    recorder_free(&other);
}

static void an_open_question_about_a_stream_goes_with_it(void **state)
{
    struct journal journal = {0};
    struct recorder other = {.journal = &journal};
    struct opening opening = {recorder_callbacks(), &other};
    struct side side;

    (void)state;
    open_by_peer(&side, &opening, ANSWER_KEEP);
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_string_equal(journal_text(&side.journal), "question(201,0) withdrawn(201)");
    assert_string_equal(journal_text(&journal), "release");
    assert_int_equal(sessile_question_accept(side.recorder.question), SESSILE_ERR_GONE);
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
    sessile_callbacks_free(opening.callbacks);
    journal_free(&journal);
    recorder_free(&other);
}

static void what_was_written_too_early_is_asked_for_after_the_yes(void **state)
{
    struct journal journal = {0};
    struct recorder other = {.journal = &journal};
    struct opening opening = {recorder_callbacks(), &other};
    struct side side;

    (void)state;
    open_by_peer(&side, &opening, ANSWER_KEEP);
    many_arrive(&side, MANY_GRANT, 0, "12345");
    assert_string_equal(journal_text(&journal), "");
    assert_int_equal(sessile_stream_write(sessile_question_stream(side.recorder.question), "early", 5), 0);
    assert_int_equal(sessile_question_accept(side.recorder.question), 0);
    assert_string_equal(journal_text(&journal), "writable");
    many_arrive(&side, MANY_LOSE, 0, "");
    assert_string_equal(journal_text(&journal), "writable release");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
    sessile_callbacks_free(opening.callbacks);
    journal_free(&journal);
    recorder_free(&other);
}

static void a_stream_without_a_stream_callback_has_the_sessions_callbacks(void **state)
{
    struct side side;

    (void)state;
    memset(&side, 0, sizeof side);
    side_open(&side, 1);
    assert_int_equal(sessile_callbacks_set_stream(side.callbacks, NULL), 0);
    assert_int_equal(many_start(side.wire.session, side.callbacks, &side.recorder), 0);
    many_arrive(&side, MANY_OPEN, 0, "");
    many_arrive(&side, MANY_DATA, 0, "abc");
    many_arrive(&side, MANY_CLOSE, 0, "");
    assert_string_equal(journal_text(&side.journal), "question(201,0) send(7) data(3) stream_closed(OK)");
    assert_int_equal(sessile_callbacks_set_stream(side.callbacks, NULL), SESSILE_ERR_MISUSE);
    assert_null(side_done(&side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_end_one_by_one_and_the_rest_in_the_order_opened),
        cmocka_unit_test(a_stream_opened_after_others_have_closed_comes_last),
        cmocka_unit_test(a_kept_stream_that_has_closed_answers_closed_and_then_gone),
        cmocka_unit_test(the_state_of_a_kept_stream_is_destroyed_all_the_same),
        cmocka_unit_test(the_session_or_the_stream_can_end_inside_each_callback),
        cmocka_unit_test(the_session_can_be_freed_where_a_closing_stream_withdraws_a_question),
        cmocka_unit_test(one_closed_callback_can_end_another_stream),
        cmocka_unit_test(a_receive_inside_a_closed_callback_frees_nothing),
        cmocka_unit_test(a_receive_frees_what_closed_before_it_takes_the_next_unit),
        cmocka_unit_test(a_long_write_frees_what_closed_inside_its_sends),
        cmocka_unit_test(a_stream_is_the_applications_from_the_yes_on),
        cmocka_unit_test(an_open_question_about_a_stream_goes_with_it),
        cmocka_unit_test(what_was_written_too_early_is_asked_for_after_the_yes),
        cmocka_unit_test(a_stream_without_a_stream_callback_has_the_sessions_callbacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
