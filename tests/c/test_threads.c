/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: different sessions run side by side with callbacks they share; a second thread inside one session is turned
 * away; what may be freed on any thread is. Made to be run under a thread sanitizer as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "failing.h"
#include "toy.h"

#define ROUNDS 300
#define MESSAGES 50

/* ---- different sessions, shared callbacks ---- */

struct talker {
    sessile_session *session;
    struct talker *other;
    int received;
    int closed;
};

static int talker_send(void *handle, void *buffer, size_t size)
{
    struct talker *talker = handle;

    return sessile_session_receive(talker->other->session, buffer, size) == (int)size ? 0 : -1;
}

static void talker_wire_closed(void *handle)
{
    struct talker *talker = handle;

    sessile_session_close(talker->other->session);
}

static int talker_ready(sessile_session *session, void *app)
{
    (void)app;
    return sessile_stream_write(sessile_session_stream(session), "x", 1) == 1 ? 0 : -1;
}

static int talker_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct talker *talker = app;

    if (++talker->received == MESSAGES)
        return sessile_stream_end(stream);
    return sessile_stream_write(stream, data, size) == (int)size ? 0 : -1;
}

static void talker_closed(sessile_session *session, int error, void *app)
{
    struct talker *talker = app;

    (void)session;
    talker->closed = error ? error : 1;
}

static int talk(sessile_callbacks *callbacks)
{
    struct talker talkers[2] = {{.received = 0}};

    for (int i = 0; i < 2; i++) {
        talkers[i].other = &talkers[1 - i];
        talkers[i].session = sessile_session_create(&talkers[i], talker_send, talker_wire_closed);
    }
    toy_start(talkers[1].session, SESSILE_SERVER, callbacks, &talkers[1]);
    toy_start(talkers[0].session, SESSILE_CLIENT, callbacks, &talkers[0]);
    for (int i = 0; i < 2; i++)
        sessile_session_free(talkers[i].session);
    return talkers[0].closed == 1 && talkers[1].closed == 1 && talkers[0].received >= MESSAGES - 1;
}

static void *talk_often(void *callbacks)
{
    for (int i = 0; i < ROUNDS; i++)
        if (!talk(callbacks))
            return NULL;
    return callbacks;
}

static void different_sessions_run_in_parallel_with_the_same_callbacks(void **state)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    pthread_t threads[2];
    void *result;

    (void)state;
    sessile_callbacks_set_ready(callbacks, talker_ready);
    sessile_callbacks_set_data(callbacks, talker_data);
    sessile_callbacks_set_closed(callbacks, talker_closed);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk_often, callbacks), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, callbacks);
    }
    sessile_callbacks_free(callbacks);
}

/* ---- a second thread in the same session ---- */

struct visit {
    struct side *side;
    sessile_session *session;
    sessile_stream *stream;
    sessile_question *question;
    sem_t inside;
    sem_t go_on;
    int free_it;
    const char *fault;
};

static void open_visit(struct visit *visit, struct side *side)
{
    memset(visit, 0, sizeof *visit);
    toy_open_ready(side, 1);
    visit->side = side;
    visit->session = side->wire.session;
    visit->stream = sessile_stream_keep(sessile_session_stream(visit->session));
    side->recorder.answer = ANSWER_KEEP;
    toy_arrive(side, TOY_WONDER, "?");
    visit->question = side->recorder.question;
    sem_init(&visit->inside, 0, 0);
    sem_init(&visit->go_on, 0, 0);
}

static void close_visit(struct visit *visit)
{
    sessile_stream_free(visit->stream);
    sessile_question_free(visit->question);
    sem_destroy(&visit->inside);
    sem_destroy(&visit->go_on);
}

static int wait_inside(struct recorder *recorder, const char *callback)
{
    struct visit *visit = recorder->app;

    if (strcmp(callback, "data") != 0)
        return 0;
    sem_post(&visit->inside);
    sem_wait(&visit->go_on);
    return 0;
}

static void expect(struct visit *visit, int ok, const char *what)
{
    if (!ok)
        visit->fault = what;
}

static void visit_session(struct visit *visit)
{
    sessile_session *session = visit->session;

    expect(visit, sessile_session_receive(session, "D\0\1x", 4) == -1, "receive");
    expect(visit, sessile_session_want(session) == 0, "want");
    expect(visit, sessile_session_want_max(session) == 0, "want_max");
    expect(visit, sessile_session_set_resume(session, NULL) == SESSILE_ERR_BUSY, "set_resume");
    expect(visit, sessile_session_set_release(session, NULL) == SESSILE_ERR_BUSY, "set_release");
    expect(visit, sessile_session_hold(session, 1) == SESSILE_ERR_BUSY, "hold");
    expect(visit, sessile_session_detach(session) == SESSILE_ERR_BUSY, "detach");
    expect(visit, sessile_session_receive_end(session) == SESSILE_ERR_BUSY, "receive_end");
    expect(visit, sessile_session_enter(session) == SESSILE_ERR_BUSY, "enter");
    expect(visit, sessile_session_leave(session) == SESSILE_ERR_BUSY, "leave");
    expect(visit, sessile_session_pause(session, 1) == SESSILE_ERR_BUSY, "pause");
    expect(visit, sessile_session_end(session) == SESSILE_ERR_BUSY, "end");
    expect(visit, sessile_session_abort(session) == SESSILE_ERR_BUSY, "abort");
    expect(visit, sessile_session_error(session) == SESSILE_ERR_BUSY, "error");
    expect(visit, sessile_session_set_time(session, 1) == SESSILE_ERR_BUSY, "set_time");
    expect(visit, sessile_session_set_trace(session, NULL, NULL) == SESSILE_ERR_BUSY, "set_trace");
    expect(visit, sessile_session_set_counters(session, 1) == SESSILE_ERR_BUSY, "set_counters");
    expect(visit, sessile_session_counter(session, 0) == 0, "counter");
    expect(visit, !sessile_session_stream(session), "stream");
    expect(visit, !strcmp(sessile_session_error_text(session), sessile_error_describe(SESSILE_ERR_BUSY)), "text");
    sessile_session_close(session); /* changes nothing either */
}

static void visit_handles(struct visit *visit)
{
    sessile_stream *stream = visit->stream;
    sessile_question *question = visit->question;

    expect(visit, sessile_stream_write(stream, "x", 1) == SESSILE_ERR_BUSY, "write");
    expect(visit, sessile_stream_end(stream) == SESSILE_ERR_BUSY, "stream_end");
    expect(visit, sessile_stream_abort(stream) == SESSILE_ERR_BUSY, "stream_abort");
    expect(visit, sessile_stream_set_manual(stream, 1) == SESSILE_ERR_BUSY, "set_manual");
    expect(visit, sessile_stream_consumed(stream, 0) == SESSILE_ERR_BUSY, "consumed");
    expect(visit, sessile_stream_set_callbacks(stream, NULL, NULL) == SESSILE_ERR_BUSY, "set_callbacks");
    expect(visit, !sessile_stream_session(stream), "stream_session");
    expect(visit, sessile_question_accept(question) == SESSILE_ERR_BUSY, "accept");
    expect(visit, sessile_question_refuse(question, 0) == SESSILE_ERR_BUSY, "refuse");
    expect(visit, sessile_question_put(question, TOY_ITEM_NOTE, "x", 1) == SESSILE_ERR_BUSY, "put");
    expect(visit, !sessile_question_keep(question), "keep");
    expect(visit, !sessile_question_session(question), "question_session");
}

static void *visitor(void *argument)
{
    struct visit *visit = argument;

    sem_wait(&visit->inside);
    visit_session(visit);
    visit_handles(visit);
    if (visit->free_it)
        sessile_session_free(visit->session);
    sem_post(&visit->go_on);
    return NULL;
}

static void run_visit(struct visit *visit)
{
    pthread_t thread;

    visit->side->recorder.hook = wait_inside;
    visit->side->recorder.app = visit;
    assert_int_equal(pthread_create(&thread, NULL, visitor, visit), 0);
    toy_arrive(visit->side, TOY_DATA, "abc");
    pthread_join(thread, NULL);
    assert_null(visit->fault);
}

static void a_second_thread_is_turned_away_and_changes_nothing(void **state)
{
    struct visit visit;
    struct side side;

    (void)state;
    open_visit(&visit, &side);
    run_visit(&visit);
    side.recorder.hook = NULL;
    assert_int_equal(sessile_stream_write(visit.stream, "x", 1), 1);
    assert_int_equal(sessile_question_accept(visit.question), 0);
    assert_string_equal(journal_text(&side.journal), "question(102,1) data(3) send(4) send(3)");
    close_visit(&visit);
    assert_null(side_done(&side));
}

static void a_session_freed_by_another_thread_goes_when_the_one_inside_leaves(void **state)
{
    struct visit visit;
    struct side side;
    int destroyed = 0;

    (void)state;
    open_visit(&visit, &side);
    visit.free_it = 1;
    toy_of(visit.session)->destroyed = &destroyed;
    run_visit(&visit);
    assert_string_equal(journal_text(&side.journal), "question(102,1) data(3) close release");
    assert_int_equal(destroyed, 1);
    assert_int_equal(sessile_stream_write(visit.stream, "x", 1), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_accept(visit.question), SESSILE_ERR_GONE);
    close_visit(&visit);
    assert_null(side_done(&side));
    assert_int_equal(failing_blocks(FAILING_OURS), 0);
}

/* ---- freeing on any thread ---- */

static void *free_session(void *session)
{
    sessile_session_free(session);
    return NULL;
}

static void *free_stream(void *stream)
{
    sessile_stream_free(stream);
    return NULL;
}

static void *free_question(void *question)
{
    sessile_question_free(question);
    return NULL;
}

/* Which of the three is the last varies from round to round. */
static void handles_and_sessions_are_freed_on_different_threads_at_once(void **state)
{
    pthread_t threads[3];
    struct side side;
    sessile_stream *stream;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        toy_open_ready(&side, 0);
        stream = sessile_stream_keep(sessile_session_stream(side.wire.session));
        side.recorder.answer = ANSWER_KEEP;
        toy_arrive(&side, TOY_WONDER, "?");
        assert_int_equal(pthread_create(&threads[0], NULL, free_session, side.wire.session), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, free_stream, stream), 0);
        assert_int_equal(pthread_create(&threads[2], NULL, free_question, side.recorder.question), 0);
        for (int k = 0; k < 3; k++)
            pthread_join(threads[k], NULL);
        assert_null(side_done(&side));
        assert_int_equal(failing_blocks(FAILING_OURS), 0);
    }
}

struct dropping {
    sessile_question *questions[32];
    sem_t ready;
};

static void *drop_all(void *argument)
{
    struct dropping *dropping = argument;

    for (int i = 0; i < 32; i++) {
        sem_wait(&dropping->ready);
        sessile_question_free(dropping->questions[i]);
    }
    return NULL;
}

static void questions_are_dropped_while_the_session_goes_on(void **state)
{
    struct dropping dropping;
    struct side side;
    pthread_t thread;

    (void)state;
    for (int round = 0; round < ROUNDS / 10; round++) {
        toy_open_ready(&side, 0);
        side.recorder.answer = ANSWER_KEEP;
        sem_init(&dropping.ready, 0, 0);
        assert_int_equal(pthread_create(&thread, NULL, drop_all, &dropping), 0);
        for (int i = 0; i < 32; i++) {
            toy_arrive(&side, TOY_WONDER, "?");
            dropping.questions[i] = side.recorder.question;
            sem_post(&dropping.ready);
            toy_arrive(&side, TOY_DATA, "abc");
        }
        pthread_join(thread, NULL);
        sem_destroy(&dropping.ready);
        toy_arrive(&side, TOY_DATA, "abc");
        assert_int_equal(side.wire.sent_size, 32 * 3);
        assert_null(side_done(&side));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_sessions_run_in_parallel_with_the_same_callbacks),
        cmocka_unit_test(a_second_thread_is_turned_away_and_changes_nothing),
        cmocka_unit_test(a_session_freed_by_another_thread_goes_when_the_one_inside_leaves),
        cmocka_unit_test(handles_and_sessions_are_freed_on_different_threads_at_once),
        cmocka_unit_test(questions_are_dropped_while_the_session_goes_on),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
