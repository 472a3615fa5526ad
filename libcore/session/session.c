/* SPDX-License-Identifier: Apache-2.0
 *
 * A session's life: made, started, ended, over; and what both sides may ask and say about it. */
#include <stdarg.h>
#include <stdio.h>

#include "session/core.h"
#include "session/guard.h"
#include "session/memory.h"

#define ERROR_TEXT_LIMIT 512

sessile_session *sessile_session_create(void *handle, sessile_comm_send send, sessile_comm_close close)
{
    sessile_session *s;

    if (!send || !(s = mem_zalloc(sizeof *s)))
        return NULL;
    atomic_init(&s->owner, 0);
    atomic_init(&s->refs, 1);
    atomic_init(&s->question_dropped, 0);
    s->handle = handle;
    s->send = send;
    s->close = close;
    s->time = -1;
    return s;
}

void session_unref(sessile_session *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        mem_free(s);
}

/* ---- for engines ---- */

int session_set_engine(sessile_session *s, const struct engine *engine, void *state)
{
    if (s->engine || s->over)
        return SESSILE_ERR_MISUSE;
    s->engine = engine;
    s->state = state;
    return SESSILE_OK;
}

const struct engine *session_engine(const sessile_session *s)
{
    return s->engine;
}

void *session_state(const sessile_session *s)
{
    return s->state;
}

void session_start(sessile_session *s, sessile_callbacks *callbacks, void *app)
{
    s->callbacks = callbacks;
    s->app = app;
    if (callbacks)
        callbacks_use(callbacks);
    s->started = 1;
}

int session_fail(sessile_session *s, int code, const char *format, ...)
{
    char text[ERROR_TEXT_LIMIT];
    va_list arguments;

    if (s->over)
        return s->error ? s->error : SESSILE_ERR_CLOSED;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    s->over = 1;
    s->error = code;
    s->text = mem_string(text);
    return code;
}

void session_finish(sessile_session *s)
{
    s->over = 1;
}

int session_over(const sessile_session *s)
{
    return s->over;
}

void session_need(sessile_session *s, size_t need)
{
    s->need = need;
}

int64_t session_time(const sessile_session *s)
{
    return s->time;
}

int session_ending(const sessile_session *s)
{
    return s->ending;
}

int session_held(const sessile_session *s)
{
    return s->held;
}

int session_result(sessile_session *s, int result, const char *callback)
{
    if (s->over)
        return s->error ? s->error : SESSILE_ERR_CLOSED;
    if (result < 0)
        return session_fail(s, SESSILE_ERR_CALLBACK, "the %s callback returned %d", callback, result);
    return SESSILE_OK;
}

int session_call_ready(sessile_session *s)
{
    sessile_on_session call = s->callbacks ? s->callbacks->ready : NULL;

    return session_result(s, call ? call(s, s->app) : 0, "ready");
}

int session_call_notice(sessile_session *s, int kind, const void *data, size_t size)
{
    sessile_on_notice call = s->callbacks ? s->callbacks->notice : NULL;

    return session_result(s, call ? call(s, kind, data, size, s->app) : 0, "notice");
}

/* ---- at rest ---- */

static void session_tell_end(sessile_session *s)
{
    sessile_on_closed call = s->callbacks ? s->callbacks->closed : NULL;

    s->told = 1;
    s->refused = 0;
    if (!s->wire_gone && !s->wire_closed && !s->detached) {
        s->wire_closed = 1;
        if (s->close)
            s->close(s->handle);
    }
    s->wire_closed = 1;
    if (!s->freed)
        question_withdraw_all(s, 1);
    if (!s->freed)
        stream_close_all(s);
    if (!s->freed && call)
        call(s, s->error, s->app);
}

static void session_judge(sessile_session *s)
{
    if (s->started)
        s->engine->wire_gone(s, s->left);
    else if (s->left || s->refused)
        session_fail(s, SESSILE_ERR_TRUNCATED, "the wire closed before a protocol was chosen, with bytes waiting");
    else
        session_fail(s, SESSILE_ERR_DROPPED, "the wire closed before a protocol was chosen");
}

/* Whole units that still wait are taken first, if there is a way to ask for them; and a peer that has ended its side in
 * the protocol's own way may end the wire's as well. */
static int session_wire_is_judged(const sessile_session *s)
{
    if ((!s->wire_gone && !s->read_gone) || session_waits_for_units(s))
        return 0;
    return s->wire_gone || !s->started || s->engine->full(s) != ENGINE_DONE;
}

int session_settle_step(sessile_session *s)
{
    if (s->tracer && s->tracer->count && !s->tracer->flushing) {
        session_trace_flush(s);
        return 1;
    }
    if (atomic_load_explicit(&s->question_dropped, memory_order_relaxed) && question_refuse_dropped(s))
        return 1;
    if (s->over) {
        if (s->told)
            return 0;
        session_tell_end(s);
        return 1;
    }
    if (session_wire_is_judged(s)) {
        s->wire_gone = 1;
        session_judge(s);
        return 1;
    }
    return stream_settle_step(s);
}

/* ---- the wire side ---- */

void sessile_session_close(sessile_session *s)
{
    struct guard g;

    if (guard_enter(&g, s) != 0)
        return;
    if (!s->freed && !s->wire_closed) {
        s->wire_gone = 1;
        outbox_clear(s);
    }
    guard_leave(&g, 0);
}

int sessile_session_receive_end(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    s->read_gone = 1;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_set_resume(sessile_session *s, sessile_comm_resume resume)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    s->resume = resume;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_set_release(sessile_session *s, sessile_comm_release release)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    s->release = release;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_hold(sessile_session *s, int on)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (!on)
        s->replies = 0;
    if (s->held != (on != 0)) {
        s->held = on != 0;
        if (s->started && !s->over && s->engine->held)
            s->engine->held(s, s->held);
    }
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_detach(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (!s->started || s->wire_closed || s->wire_gone)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if (s->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    s->detached = 1; /* before anything that may end the session */
    result = s->engine->end(s, 1);
    if (result < 0 && !s->over)
        s->detached = 0;
    return guard_leave(&g, result);
}

/* ---- the application side ---- */

int sessile_session_enter(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (s->batch == UINT32_MAX)
        return guard_leave(&g, SESSILE_ERR_LIMIT);
    s->batch++;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_leave(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (!s->batch)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    s->batch--;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_pause(sessile_session *s, int on)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (on && !s->resume)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    s->paused = on != 0;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_end(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (s->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    if (!s->started) {
        session_fail(s, SESSILE_ERR_ABORTED, "ended by this side before a protocol was chosen");
        return guard_leave(&g, SESSILE_OK);
    }
    result = s->engine->end(s, 0);
    if (result == SESSILE_OK)
        s->ending = 1;
    return guard_leave(&g, result);
}

int sessile_session_abort(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (s->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    session_fail(s, SESSILE_ERR_ABORTED, "aborted by this side");
    outbox_clear(s);
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_error(sessile_session *s)
{
    struct guard g;
    int result = guard_enter_quiet(&g, s);

    return result < 0 ? result : guard_leave(&g, s->error);
}

const char *sessile_session_error_text(sessile_session *s)
{
    struct guard g;
    const char *text;

    if (guard_enter_quiet(&g, s) < 0)
        return sessile_error_describe(s ? SESSILE_ERR_BUSY : SESSILE_ERR_ARGUMENT);
    text = s->text ? s->text : s->error ? sessile_error_describe(s->error) : "";
    guard_leave(&g, 0);
    return text;
}

int sessile_session_set_time(sessile_session *s, int64_t unix_seconds)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (unix_seconds < 0)
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    s->time = unix_seconds;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_session_set_counters(sessile_session *s, int on)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    mem_free(s->counters);
    s->counters = on ? mem_zalloc(COUNTERS * sizeof *s->counters) : NULL;
    return guard_leave(&g, on && !s->counters ? SESSILE_ERR_MEMORY : SESSILE_OK);
}

uint64_t sessile_session_counter(sessile_session *s, int counter)
{
    struct guard g;
    uint64_t value = 0;

    if (guard_enter_quiet(&g, s) < 0)
        return 0;
    if (s->counters && counter >= 0 && counter < COUNTERS)
        value = s->counters[counter];
    guard_leave(&g, 0);
    return value;
}
