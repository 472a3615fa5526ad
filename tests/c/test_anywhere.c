/* SPDX-License-Identifier: Apache-2.0
 *
 * Any function may be called from inside any callback. First each action once inside each callback of a scenario that
 * meets them all; then actions in a random order, several deep. Whatever they do, the session ends in the right order,
 * nothing is called twice or too late, data comes in order, and no memory is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "toy.h"

#define KEPT 16

struct scene {
    struct side side;
    struct toy_script script; /* on its way, and how much of it has arrived */
    size_t fed;
    sessile_question *kept[KEPT];
    const char *fault;
    size_t asked;
    uint32_t seed;     /* not 0: random actions */
    int budget;        /* of random actions */
    int depth;         /* of actions on the stack */
    uint8_t next;      /* byte to arrive */
    const char *where; /* the callback to act in, its count-down, and what to do */
    int nth;
    size_t what;
    int freed;
    int detached;
    int read_gone; /* whether the wire is closed depends on what had arrived */
    int failing;   /* the result to return from the callback */
};

static uint8_t large[300000];

static sessile_session *session_of(struct scene *s)
{
    return s->side.wire.session;
}

static sessile_stream *stream_of(struct scene *s)
{
    return sessile_session_stream(session_of(s));
}

/* ---- actions: each is called with a session that is not freed ---- */

static void act_nothing(struct scene *s)
{
    (void)s;
}

static void act_free(struct scene *s)
{
    sessile_session *session = session_of(s);

    s->freed = 1;
    sessile_session_free(session);
}

static void act_end(struct scene *s)
{
    sessile_session_end(session_of(s));
}

static void act_abort(struct scene *s)
{
    sessile_session_abort(session_of(s));
}

static void act_detach(struct scene *s)
{
    s->detached |= sessile_session_detach(session_of(s)) == 0;
}

static void act_fail(struct scene *s)
{
    s->failing = -3;
}

static void act_write(struct scene *s)
{
    sessile_stream_write(stream_of(s), "abc", 3);
}

static void act_write_large(struct scene *s)
{
    sessile_stream_write(stream_of(s), large, sizeof large);
}

static void act_stream_end(struct scene *s)
{
    sessile_stream_end(stream_of(s));
}

static void act_stream_abort(struct scene *s)
{
    sessile_stream_abort(stream_of(s));
}

static void act_pause(struct scene *s)
{
    sessile_session_pause(session_of(s), 1);
}

static void act_go_on(struct scene *s)
{
    sessile_session_pause(session_of(s), 0);
}

static void act_hold(struct scene *s)
{
    sessile_session_hold(session_of(s), 1);
}

static void act_let_go(struct scene *s)
{
    sessile_session_hold(session_of(s), 0);
}

static void act_enter(struct scene *s)
{
    sessile_session_enter(session_of(s));
}

static void act_leave(struct scene *s)
{
    sessile_session_leave(session_of(s));
}

static void act_batch(struct scene *s)
{
    sessile_session_enter(session_of(s));
    act_write(s);
    if (!s->freed)
        sessile_session_leave(session_of(s));
}

static void act_wire_close(struct scene *s)
{
    wire_close(&s->side.wire);
}

static void act_receive_end(struct scene *s)
{
    s->read_gone |= sessile_session_receive_end(session_of(s)) == 0;
}

static void add_unit(struct scene *s, char type)
{
    char byte[2] = {(char)s->next, 0};

    if (s->fed == s->script.size)
        s->fed = s->script.size = 0;
    if (type == TOY_DATA)
        s->next = s->next == 'z' ? 'a' : (uint8_t)(s->next + 1);
    if (type == TOY_ECHO)
        toy_add_echo(&s->script, 70000);
    else
        toy_add(&s->script, type, byte);
}

/* A unit arrives, and with it all that was on its way. */
static void arrive(struct scene *s, char type, int nested)
{
    uint8_t data[sizeof s->script.data];
    size_t size;

    add_unit(s, type);
    size = s->script.size - s->fed;
    memcpy(data, s->script.data + s->fed, size);
    s->fed = s->script.size;
    if (nested)
        wire_arrive_nested(&s->side.wire, data, size);
    else
        wire_arrive(&s->side.wire, data, size);
}

static void act_data(struct scene *s)
{
    arrive(s, TOY_DATA, 1);
}

static void act_data_behind(struct scene *s)
{
    arrive(s, TOY_DATA, 0);
}

static void act_echo(struct scene *s)
{
    arrive(s, TOY_ECHO, 1);
}

static void act_ask(struct scene *s)
{
    arrive(s, TOY_ASK, 1);
}

static void act_wonder(struct scene *s)
{
    arrive(s, TOY_WONDER, 1);
}

static void act_notice(struct scene *s)
{
    arrive(s, TOY_NOTICE, 1);
}

static void act_peer_end(struct scene *s)
{
    arrive(s, TOY_END, 1);
}

static void act_peer_fail(struct scene *s)
{
    arrive(s, TOY_FAIL, 1);
}

static sessile_question *take_question(struct scene *s)
{
    sessile_question *question = NULL;

    for (size_t i = 0; i < KEPT && !question; i++) {
        question = s->kept[i];
        s->kept[i] = NULL;
    }
    return question;
}

static void act_accept(struct scene *s)
{
    sessile_question *question = take_question(s);

    sessile_question_accept(question);
    sessile_question_free(question);
}

static void act_refuse(struct scene *s)
{
    sessile_question *question = take_question(s);

    sessile_question_refuse(question, 1);
    sessile_question_free(question);
}

static void act_drop(struct scene *s)
{
    sessile_question_free(take_question(s));
}

static void act_manual(struct scene *s)
{
    sessile_stream_set_manual(stream_of(s), 1);
}

static void act_consume(struct scene *s)
{
    sessile_stream_consumed(stream_of(s), 1);
}

static void act_automatic(struct scene *s)
{
    sessile_stream_set_manual(stream_of(s), 0);
}

static void act_callbacks(struct scene *s)
{
    sessile_callbacks *callbacks = recorder_callbacks();

    sessile_stream_set_callbacks(stream_of(s), callbacks, &s->side.recorder);
    sessile_callbacks_free(callbacks);
}

static void act_trace_off(struct scene *s)
{
    sessile_session_set_trace(session_of(s), NULL, NULL);
}

static void act_trace_on(struct scene *s)
{
    sessile_session_set_trace(session_of(s), recorder_trace, &s->side.recorder);
}

static void act_count(struct scene *s)
{
    sessile_session_set_counters(session_of(s), 1);
}

static void act_look(struct scene *s)
{
    sessile_session *session = session_of(s);
    sessile_stream *stream = sessile_stream_keep(sessile_session_stream(session));

    sessile_session_error(session);
    sessile_session_error_text(session);
    if (sessile_session_want(session) > sessile_session_want_max(session))
        s->fault = "want is more than want_max";
    sessile_session_counter(session, SESSILE_COUNT_TAKEN);
    if (stream && sessile_stream_session(stream) != session)
        s->fault = "the stream has another session";
    sessile_stream_free(stream);
}

static const struct {
    const char *name;
    void (*act)(struct scene *s);
    int final; /* leaves little to do afterwards: rare in random runs */
} actions[] = {
    {"nothing", act_nothing, 0},
    {"free", act_free, 1},
    {"end", act_end, 1},
    {"abort", act_abort, 1},
    {"detach", act_detach, 1},
    {"fail", act_fail, 1},
    {"write", act_write, 0},
    {"write_large", act_write_large, 0},
    {"stream_end", act_stream_end, 1},
    {"stream_abort", act_stream_abort, 1},
    {"pause", act_pause, 0},
    {"go_on", act_go_on, 0},
    {"hold", act_hold, 0},
    {"let_go", act_let_go, 0},
    {"enter", act_enter, 0},
    {"leave", act_leave, 0},
    {"batch", act_batch, 0},
    {"wire_close", act_wire_close, 1},
    {"receive_end", act_receive_end, 1},
    {"data", act_data, 0},
    {"data_behind", act_data_behind, 0},
    {"echo", act_echo, 0},
    {"ask", act_ask, 0},
    {"wonder", act_wonder, 0},
    {"notice", act_notice, 0},
    {"peer_end", act_peer_end, 1},
    {"peer_fail", act_peer_fail, 1},
    {"accept", act_accept, 0},
    {"refuse", act_refuse, 0},
    {"drop", act_drop, 0},
    {"manual", act_manual, 0},
    {"consume", act_consume, 0},
    {"automatic", act_automatic, 0},
    {"callbacks", act_callbacks, 0},
    {"trace_off", act_trace_off, 0},
    {"trace_on", act_trace_on, 0},
    {"count", act_count, 0},
    {"look", act_look, 0},
};

#define ACTIONS (sizeof actions / sizeof actions[0])

/* ---- where they are called ---- */

static size_t random_action(struct scene *s)
{
    size_t what = random_next(&s->seed) % ACTIONS;

    return actions[what].final && random_next(&s->seed) % 16 ? 0 : what;
}

static int meet(struct scene *s, const char *callback)
{
    s->failing = 0;
    if (!session_of(s) || (s->freed && strcmp(callback, "close") != 0 && strcmp(callback, "release") != 0))
        s->fault = "a callback after free";
    else if (s->freed)
        return 0;
    else if (s->seed && s->budget > 0 && s->depth < 5 && random_next(&s->seed) % 3 == 0) {
        s->budget--;
        s->depth++;
        actions[random_action(s)].act(s);
        s->depth--;
    } else if (s->where && strcmp(s->where, callback) == 0 && s->nth-- == 0)
        actions[s->what].act(s);
    return s->failing;
}

static int meet_in_wire(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)buffer, (void)size;
    return meet(wire->app, callback);
}

/* Blocking questions are answered at once, others kept; in a random run, either. */
static void settle_question(struct scene *s, sessile_question *question)
{
    int keep = sessile_question_kind(question) == TOY_QUESTION_WONDER;
    size_t at = s->asked++ % KEPT;

    if (s->seed)
        keep = random_next(&s->seed) % 2;
    if (!keep) {
        sessile_question_accept(question);
        return;
    }
    sessile_question_free(s->kept[at]);
    s->kept[at] = sessile_question_keep(question);
}

static int meet_in_recorder(struct recorder *recorder, const char *callback)
{
    struct scene *s = recorder->app;

    if (strcmp(callback, "question") == 0)
        settle_question(s, recorder->question);
    return meet(s, callback);
}

/* ---- the scenario ---- */

static void open_scene(struct scene *s)
{
    s->next = 'a';
    side_open(&s->side, 1);
    s->side.wire.hook = meet_in_wire;
    s->side.wire.app = s;
    s->side.wire.plain = 1;
    s->side.recorder.hook = meet_in_recorder;
    s->side.recorder.app = s;
    s->side.recorder.answer = ANSWER_NONE;
    sessile_session_set_trace(session_of(s), recorder_trace, &s->side.recorder);
    toy_start(session_of(s), SESSILE_SERVER, s->side.callbacks, &s->side.recorder);
}

static void step_units(struct scene *s, int bytes)
{
    static const char types[] = {TOY_HELLO, TOY_DATA, TOY_NOTICE, TOY_ASK, TOY_WONDER, TOY_DATA};
    uint8_t data[sizeof s->script.data];
    size_t size;

    for (size_t i = 0; i < sizeof types; i++)
        add_unit(s, types[i]);
    while (s->fed < s->script.size && !s->freed) {
        size = bytes ? 1 : s->script.size - s->fed;
        memcpy(data, s->script.data + s->fed, size);
        s->fed += size;
        wire_arrive(&s->side.wire, data, size);
    }
}

static void step_hold(struct scene *s)
{
    act_hold(s);
    act_write(s);
    if (!s->freed)
        act_let_go(s);
}

static void step_pause(struct scene *s)
{
    act_pause(s);
    act_data(s);
    if (!s->freed)
        act_go_on(s);
}

static void step_sends(struct scene *s)
{
    act_write_large(s);
    for (int i = 0; i < 3 && !s->freed; i++)
        act_echo(s);
}

static void step_end(struct scene *s)
{
    act_peer_end(s);
    if (!s->freed)
        act_stream_end(s);
}

/* The order of the words, where they are there. */
static void check_order(struct scene *s)
{
    static const char *const order[] = {"close", "stream_closed(", "closed(", "release"};
    const char *at = journal_text(&s->side.journal);
    const char *last = at;
    char word[32];

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        snprintf(word, sizeof word, " %s", order[i]);
        at = strstr(journal_text(&s->side.journal), word);
        if (i == 0 && at && at[6] && at[6] != ' ')
            at = NULL; /* "closed(" */
        if (at && at < last)
            s->fault = "the end is in the wrong order";
        last = at ? at : last;
    }
}

static void check_data(struct scene *s)
{
    const struct recorder *recorder = &s->side.recorder;

    for (size_t i = 0; i < recorder->size; i++)
        if (recorder->data[i] != 'a' + i % 26)
            s->fault = "data is missing or out of order";
}

static void check_end(struct scene *s)
{
    const struct recorder *recorder = &s->side.recorder;

    if (!s->freed && (recorder->closed != 1 || recorder->streams_closed != 1))
        s->fault = "closed was not called, or more than once";
    if (s->detached && s->side.wire.closes)
        s->fault = "the wire was closed in spite of detach";
    if (!s->freed && !s->detached && !s->read_gone && !s->side.wire.gone && s->side.wire.closes != 1)
        s->fault = "the wire was not closed";
}

/* Lift whatever holds the session up, and end it. */
static void finish(struct scene *s)
{
    s->where = NULL;
    s->budget = 0;
    while (!s->freed && sessile_session_leave(session_of(s)) == 0) {
    }
    if (!s->freed)
        act_let_go(s);
    if (!s->freed)
        act_go_on(s);
    if (!s->freed)
        act_automatic(s);
    while (!s->freed && (s->kept[0] || s->kept[1]))
        act_accept(s);
    if (!s->freed && !s->side.recorder.closed)
        act_abort(s);
}

static const char *close_scene(struct scene *s)
{
    const char *fault;

    finish(s);
    check_end(s);
    check_data(s);
    s->freed = 1;
    sessile_session_free(session_of(s));
    if (s->side.wire.releases != 1)
        s->fault = "release was not called once";
    check_order(s);
    for (size_t i = 0; i < KEPT; i++)
        sessile_question_free(s->kept[i]);
    fault = side_done(&s->side);
    if (!s->fault)
        s->fault = fault;
    if (!s->fault && failing_blocks(FAILING_OURS))
        s->fault = "memory is left";
    return s->fault;
}

static const char *run_scene(struct scene *s, int bytes)
{
    void (*const steps[])(struct scene *) = {step_hold, step_pause, step_sends, step_end};

    open_scene(s);
    step_units(s, bytes);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !s->freed; i++)
        steps[i](s);
    return close_scene(s);
}

/* Returns whether the action was called at all. */
static int try_action(const char *where, int nth, size_t what, int bytes)
{
    struct scene *s = need_memory(calloc(1, sizeof *s));
    int met;

    s->where = where;
    s->nth = nth;
    s->what = what;
    if (run_scene(s, bytes))
        fail_msg("%s inside the %s callback no. %d: %s", actions[what].name, where, nth, s->fault);
    met = s->nth < 0;
    free(s);
    return met;
}

static void each_action_inside_each_callback(void **state)
{
    static const char *const callbacks[] = {"send",   "close",         "resume",    "ready", "question",
                                            "notice", "data",          "withdrawn", "end",   "trace",
                                            "closed", "stream_closed", "writable"};

    (void)state;
    for (int bytes = 0; bytes <= 1; bytes++)
        for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
            for (size_t what = 0; what < ACTIONS; what++)
                for (int nth = 0; nth < 4; nth++)
                    if (!try_action(callbacks[i], nth, what, bytes) && nth == 0)
                        fail_msg("the scenario does not meet the %s callback", callbacks[i]);
}

static void any_actions_in_any_order_and_depth(void **state)
{
    struct scene *s;

    (void)state;
    for (uint32_t seed = 1; seed <= 4000; seed++) {
        s = need_memory(calloc(1, sizeof *s));
        s->seed = seed * 2654435761u | 1;
        s->budget = 60;
        open_scene(s);
        if (seed % 8)
            step_units(s, seed % 3 == 0);
        while (s->budget-- > 0 && !s->freed)
            actions[random_action(s)].act(s);
        if (close_scene(s))
            fail_msg("seed %u: %s", seed, s->fault);
        free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_action_inside_each_callback),
        cmocka_unit_test(any_actions_in_any_order_and_depth),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
