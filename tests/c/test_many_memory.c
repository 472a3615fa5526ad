/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions with many streams: the same however the bytes arrive; each allocation failing in turn; and a session as the
 * wire of another, of which one stream is the tunnel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "toy_many.h"

#define STREAMS 6

struct run {
    struct side side;
    sessile_question *kept;
    int started;
    size_t opened;
    size_t destroyed;
};

/* The first question is kept, the others answered with notes. */
static int answer(struct recorder *recorder, const char *callback)
{
    struct run *run = recorder->app;

    if (strcmp(callback, "question") != 0)
        return 0;
    if (sessile_question_count(recorder->question, MANY_ITEM_NUMBER) != 1)
        recorder->fault = "a question was asked without what it is about";
    if (!run->kept && sessile_question_kind(recorder->question) == MANY_QUESTION_ASK)
        run->kept = sessile_question_keep(recorder->question);
    else if (sessile_question_put(recorder->question, MANY_ITEM_NOTE, "note", 4) < 0)
        sessile_question_refuse(recorder->question, 1);
    else
        sessile_question_accept(recorder->question);
    return 0;
}

static void add_scenario(struct toy_script *script)
{
    many_add(script, MANY_OPEN, 2, "may I?");
    many_add(script, MANY_DATA, 0, "data");
    many_add(script, MANY_ASK, 1, "kept, and withdrawn");
    many_add(script, MANY_BLOCK, 0, "blocks");
    many_add(script, MANY_STDERR, 1, "stderr");
    many_add(script, MANY_REQUEST, 0, "\x07");
    many_add(script, MANY_CLOSE, 1, "");
    many_add(script, MANY_OPEN, STREAMS - 1, "");
    many_add(script, MANY_END, 0, "");
    many_add(script, MANY_DATA, 0, "late");
}

static void run_scenario(struct run *run, const struct feeding *feeding)
{
    struct toy_script script = {.size = 0};
    sessile_session *session = run->side.wire.session;
    sessile_stream *stream;

    if (!session || many_start(session, run->side.callbacks, &run->side.recorder) != 0)
        return;
    run->started = 1;
    many_of(session)->destroyed = &run->destroyed;
    for (int i = 0; i < 2; i++)
        if ((stream = many_open(session, 0))) {
            sessile_stream_set_manual(stream, 1);
            sessile_stream_write(stream, "waits", 5);
        }
    add_scenario(&script);
    wire_feed(&run->side.wire, script.data, script.size, feeding);
    many_arrive(&run->side, MANY_GRANT, 0, "0123456789"); /* writable comes at rest: it would show how bytes arrived */
    if ((stream = many_open(session, 5000)))
        sessile_stream_write(stream, script.data, 3000);
    for (size_t i = 0; i < many_of(session)->count; i++)
        run->opened += many_of(session)->streams[i] != NULL;
}

/* A fresh session, in which the allocation of this index fails. Whether there was one. */
static int run(struct run *run, const struct feeding *feeding, size_t index, int forever)
{
    memset(run, 0, sizeof *run);
    failing_at(FAILING_OURS, index, forever);
    side_open(&run->side, 0);
    run->side.wire.plain = 1;
    run->side.recorder.hook = answer;
    run->side.recorder.app = run;
    if (run->side.callbacks)
        run_scenario(run, feeding);
    return failing_hit();
}

static void close_run(struct run *run, size_t blocks)
{
    sessile_session *session = run->side.wire.session;

    failing_off();
    sessile_session_end(session);
    if (session && sessile_session_error(session))
        assert_int_equal(sessile_session_error(session), run->started ? SESSILE_ERR_MEMORY : SESSILE_ERR_ABORTED);
    sessile_question_free(run->kept);
    assert_null(side_done(&run->side));
    assert_int_equal(failing_blocks(FAILING_OURS), blocks);
}

static void all_is_the_same_however_the_bytes_arrive(void **state)
{
    struct toy_script script = {.size = 0};
    struct feeding feeding = {.way = FEED_WHOLE};
    struct run model, other;

    (void)state;
    run(&model, &feeding, SIZE_MAX, 0);
    assert_int_equal(model.opened, 4);
    assert_int_equal(model.destroyed, 1);
    add_scenario(&script);
    for (size_t i = 0; i < script.size + 20; i++) {
        feeding.way = i < script.size ? FEED_SPLIT : i == script.size ? FEED_BYTES : FEED_RANDOM;
        feeding.split = i;
        feeding.seed = (uint32_t)i;
        run(&other, &feeding, SIZE_MAX, 0);
        assert_string_equal(journal_text(&other.side.journal), journal_text(&model.side.journal));
        assert_int_equal(other.side.wire.sent_size, model.side.wire.sent_size);
        assert_memory_equal(other.side.wire.sent, model.side.wire.sent, model.side.wire.sent_size);
        sessile_question_free(other.kept);
        other.kept = NULL;
        assert_null(side_done(&other.side));
    }
    close_run(&model, 0);
}

static void every_allocation_may_fail(void **state)
{
    struct feeding feeding = {.way = FEED_WHOLE};
    struct run o;
    size_t index;

    (void)state;
    for (feeding.way = FEED_WHOLE; feeding.way <= FEED_BYTES; feeding.way++)
        for (int forever = 0; forever <= 1; forever++) {
            for (index = 0; run(&o, &feeding, index, forever); index++)
                close_run(&o, 0);
            close_run(&o, 0);
            assert_true(index > 30);
        }
}

static void a_stream_that_waits_holds_nothing_but_itself(void **state)
{
    struct side side;
    sessile_stream *stream;
    size_t before;
    size_t each;

    (void)state;
    many_side(&side, 0);
    assert_non_null(many_open(side.wire.session, 0));
    before = failing_bytes(FAILING_OURS);
    stream = many_open(side.wire.session, 0);
    each = failing_bytes(FAILING_OURS) - before;
    assert_in_range(each, 1, 160 + sizeof(struct many_stream));
    assert_int_equal(sessile_stream_write(stream, "abc", 3), 0);
    assert_int_equal(failing_bytes(FAILING_OURS), before + each);
    many_arrive(&side, MANY_CLOSE, 1, "");
    assert_int_equal(failing_bytes(FAILING_OURS), before);
    assert_null(side_done(&side));
}

/* ---- a stream among others as a wire ---- */

static void a_tunnel_ends_with_its_stream_and_the_session_goes_on(void **state)
{
    static uint8_t unit[64];
    struct journal journal = {0};
    struct recorder inner_side = {.journal = &journal};
    sessile_callbacks *callbacks = recorder_callbacks();
    uint8_t inner_unit[16];
    sessile_session *inner;
    struct side side;

    (void)state;
    many_side(&side, 0);
    assert_non_null(many_open(side.wire.session, 0));
    inner = sessile_over_stream(many_open(side.wire.session, 0));
    assert_non_null(inner);
    assert_int_equal(toy_start(inner, SESSILE_SERVER, callbacks, &inner_side), 0);
    many_arrive(&side, MANY_STDERR, 1, "is not the wire's, and comes back at once");
    assert_int_equal(many_of(side.wire.session)->streams[1]->consumed, 41);
    wire_arrive(&side.wire, unit, many_put(unit, MANY_DATA, 1, inner_unit, toy_put(inner_unit, TOY_HELLO, NULL, 0)));
    assert_string_equal(journal_text(&journal), "ready");
    assert_int_equal(many_of(side.wire.session)->streams[1]->consumed, 44);
    assert_int_equal(sessile_stream_write(sessile_session_stream(inner), "abc", 3), 0); /* no room: READY waits */
    side.wire.sent_size = 0;
    many_arrive(&side, MANY_GRANT, 1, "0123456789");
    assert_memory_equal(side.wire.sent, "D\0\7\0\0\0\1R\0\0", 10);
    assert_string_equal(journal_text(&journal), "ready writable");
    many_arrive(&side, MANY_CLOSE, 1, "");
    assert_string_equal(journal_text(&journal), "ready writable stream_closed(ERR_DROPPED) closed(ERR_DROPPED)");
    many_arrive(&side, MANY_DATA, 0, "goes on");
    assert_string_equal(journal_text(&side.journal), "data(7)");
    sessile_session_free(inner);
    sessile_callbacks_free(callbacks);
    journal_free(&journal);
    recorder_free(&inner_side);
    assert_null(side_done(&side));
    assert_int_equal(failing_blocks(FAILING_OURS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_the_same_however_the_bytes_arrive),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_stream_that_waits_holds_nothing_but_itself),
        cmocka_unit_test(a_tunnel_ends_with_its_stream_and_the_session_goes_on),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
