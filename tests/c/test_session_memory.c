/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole session with each of its allocations failing in turn: what comes out is right, or an error that sticks, and
 * never anything in between; nothing leaks. And what a session holds when it is idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "toy.h"

static uint8_t large[300000];

/* What a run has shown. */
struct outcome {
    struct side side;
    int started;
    int written;
    int refused;
    int misreported; /* a call said that it failed, and nothing shows for it */
    int error;
};

static int put_note(struct recorder *recorder, const char *callback)
{
    sessile_question *question = recorder->question;

    if (strcmp(callback, "question") != 0)
        return 0;
    if (sessile_question_count(question, TOY_ITEM_TEXT) != 1)
        recorder->fault = "a question was asked without what it is about";
    if (sessile_question_put(question, TOY_ITEM_NOTE, "note", 4) < 0)
        sessile_question_refuse(question, 0);
    else
        sessile_question_accept(question);
    return 0;
}

static void run_units(struct outcome *o, const struct feeding *feeding)
{
    struct toy_script script = {.size = 0};

    toy_add(&script, TOY_HELLO, "");
    toy_add(&script, TOY_DATA, "first");
    toy_add(&script, TOY_WONDER, "why?");
    toy_add(&script, TOY_ASK, "may I?");
    toy_add_echo(&script, 3000);
    toy_add(&script, TOY_DATA, "second");
    wire_feed(&o->side.wire, script.data, script.size, feeding);
}

static void run_batch(struct outcome *o)
{
    sessile_session *session = o->side.wire.session;

    sessile_session_enter(session);
    sessile_stream_write(sessile_session_stream(session), "batched", 7);
    toy_arrive(&o->side, TOY_DATA, "third");
    sessile_session_leave(session);
}

static void run_session(struct outcome *o, const struct feeding *feeding)
{
    sessile_session *session = o->side.wire.session;
    sessile_stream *stream;

    sessile_session_set_counters(session, 1);
    sessile_session_set_trace(session, recorder_trace, &o->side.recorder);
    o->side.recorder.answer = ANSWER_NONE;
    o->side.recorder.hook = put_note;
    o->started = toy_start_two(session, SESSILE_SERVER, o->side.callbacks, &o->side.recorder) == 0;
    run_units(o, feeding);
    o->refused = toy_of(session) && toy_of(session)->refusals;
    run_batch(o);
    stream = sessile_stream_keep(sessile_session_stream(session));
    o->written = sessile_stream_write(stream, large, sizeof large);
    if (o->written == SESSILE_ERR_FAILED && !sessile_session_error(session))
        o->misreported = 1;
    sessile_stream_end(stream);
    sessile_stream_free(stream);
    toy_arrive(&o->side, TOY_END, "");
    wire_close(&o->side.wire);
    o->error = sessile_session_error(session);
}

/* A fresh session, in which the allocation of this index fails. Whether there was one. */
static int run(struct outcome *o, const struct feeding *feeding, size_t index, int forever)
{
    memset(o, 0, sizeof *o);
    failing_at(FAILING_OURS, index, forever);
    side_open(&o->side, 0);
    o->side.wire.plain = 1;
    if (o->side.wire.session && o->side.callbacks)
        run_session(o, feeding);
    else
        o->error = SESSILE_ERR_MEMORY;
    return failing_hit();
}

static void close_run(struct outcome *o, size_t blocks)
{
    failing_off();
    assert_null(side_done(&o->side));
    assert_int_equal(failing_blocks(FAILING_OURS), blocks);
}

static void assert_right(const struct outcome *o, const struct outcome *model)
{
    assert_int_equal(o->written, sizeof large);
    assert_int_equal(o->side.recorder.size, model->side.recorder.size);
    assert_memory_equal(o->side.recorder.data, model->side.recorder.data, model->side.recorder.size);
    assert_int_equal(o->side.recorder.closed, 1);
    if (o->refused) /* a question may be refused for lack of memory: NO instead of YES */
        return;
    assert_int_equal(o->side.wire.sent_size, model->side.wire.sent_size);
    assert_memory_equal(o->side.wire.sent, model->side.wire.sent, model->side.wire.sent_size);
}

static void assert_sticky(const struct outcome *o)
{
    sessile_session *session = o->side.wire.session;

    if (!session || !o->side.callbacks)
        return;
    if (o->started) {
        assert_int_equal(o->side.recorder.closed, 1);
        assert_int_equal(o->side.recorder.error, o->error);
    }
    assert_true(o->error == SESSILE_ERR_MEMORY || o->error == SESSILE_ERR_REFUSED || !o->started);
    assert_int_equal(sessile_session_error(session), o->error);
    if (o->error) {
        assert_true(strlen(sessile_session_error_text(session)) > 0);
        assert_int_equal(sessile_session_receive(session, "A\0\0", 3), -1);
    }
}

static void fail_at_each_index(const struct feeding *feeding, int forever)
{
    struct outcome model;
    struct outcome o;
    size_t failures = 0;
    size_t blocks;

    assert_int_equal(run(&model, feeding, SIZE_MAX, 0), 0);
    assert_int_equal(model.error, 0);
    assert_false(model.refused);
    blocks = failing_blocks(FAILING_OURS);
    for (size_t index = 0; run(&o, feeding, index, forever); index++) {
        assert_false(o.misreported);
        if (o.error || !o.started) {
            assert_sticky(&o);
            failures++;
        } else
            assert_right(&o, &model);
        close_run(&o, blocks);
    }
    assert_right(&o, &model);
    close_run(&o, blocks);
    close_run(&model, 0);
    assert_true(failures > 5);
}

static void every_allocation_of_a_session_may_fail(void **state)
{
    struct feeding feeding = {.way = FEED_WHOLE};

    (void)state;
    for (feeding.way = FEED_WHOLE; feeding.way <= FEED_BYTES; feeding.way++) {
        fail_at_each_index(&feeding, 0);
        fail_at_each_index(&feeding, 1);
    }
}

static void an_idle_session_holds_little_and_no_buffer(void **state)
{
    struct side side;
    size_t before;

    (void)state;
    toy_open_ready(&side, 0);
    before = failing_bytes(FAILING_OURS);
    assert_true(before < 1024);
    assert_int_equal(sessile_stream_write(sessile_session_stream(side.wire.session), large, sizeof large),
                     sizeof large);
    assert_int_equal(failing_bytes(FAILING_OURS), before);
    toy_arrive(&side, TOY_WONDER, "a question that is answered");
    toy_arrive(&side, TOY_DATA, "data");
    assert_int_equal(failing_bytes(FAILING_OURS), before);
    sessile_session_set_trace(side.wire.session, recorder_trace, &side.recorder);
    toy_arrive(&side, TOY_DATA, "data");
    sessile_session_set_trace(side.wire.session, NULL, NULL);
    sessile_session_set_counters(side.wire.session, 1);
    sessile_session_set_counters(side.wire.session, 0);
    assert_int_equal(failing_bytes(FAILING_OURS), before);
    assert_null(side_done(&side));
}

static void small_flights_and_units_need_no_memory(void **state)
{
    struct side side;
    sessile_stream *stream;

    (void)state;
    toy_open_ready(&side, 0);
    stream = sessile_session_stream(side.wire.session);
    failing_at(FAILING_OURS, 0, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(toy_arrive(&side, TOY_DATA, "data"), 7);
        assert_int_equal(sessile_stream_write(stream, large, 600), 600);
    }
    assert_false(failing_hit());
    assert_int_equal(sessile_stream_write(stream, large, 2000), SESSILE_ERR_FAILED);
    assert_true(failing_hit());
    assert_int_equal(side.recorder.error, SESSILE_ERR_MEMORY);
    assert_int_equal(sessile_stream_write(NULL, large, 600), SESSILE_ERR_ARGUMENT);
    failing_off();
    assert_null(side_done(&side));
}

static int open_batch(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "data") != 0)
        return 0;
    sessile_session_enter(sessile_stream_session(recorder->stream));
    return sessile_stream_write(recorder->stream, "kept", 4) == 4 ? 0 : -1;
}

/* The batch's bytes were on the stack of the call that is returning. */
static void a_batch_that_cannot_be_kept_fails_the_session(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    side.recorder.hook = open_batch;
    failing_at(FAILING_OURS, 0, 0);
    assert_int_equal(toy_arrive(&side, TOY_DATA, "data"), 7);
    assert_true(failing_hit());
    failing_off();
    assert_int_equal(sessile_session_error(side.wire.session), SESSILE_ERR_MEMORY);
    assert_int_equal(sessile_session_leave(side.wire.session), 0);
    assert_int_equal(side.wire.sends, 0);
    assert_int_equal(side.recorder.error, SESSILE_ERR_MEMORY);
    assert_null(side_done(&side));
}

static void an_allocator_is_set_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(sessile_set_allocator(malloc, NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_set_allocator(NULL, realloc, free), SESSILE_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_session_may_fail),
        cmocka_unit_test(an_idle_session_holds_little_and_no_buffer),
        cmocka_unit_test(small_flights_and_units_need_no_memory),
        cmocka_unit_test(a_batch_that_cannot_be_kept_fails_the_session),
        cmocka_unit_test(an_allocator_is_set_whole_or_not_at_all),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
