/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracing. Messages are noted where they pass, which may be inside a callback of libssl's, and told at rest. */
#include "session/core.h"
#include "session/guard.h"
#include "session/memory.h"

/* One unit leads to few messages: beyond this, they are not told. */
#define TRACE_LIMIT 256

int session_traced(const sessile_session *s)
{
    return s->tracer != NULL;
}

void session_trace(sessile_session *s, int direction, const char *message, size_t size, const char *phase)
{
    struct tracer *tracer = s->tracer;
    struct trace_entry *entries;
    size_t capacity;

    if (!tracer || tracer->count == TRACE_LIMIT)
        return;
    if (tracer->count == tracer->capacity) {
        capacity = tracer->capacity ? tracer->capacity * 2 : 16;
        if (!(entries = mem_realloc(tracer->entries, capacity * sizeof *entries)))
            return;
        tracer->entries = entries;
        tracer->capacity = capacity;
    }
    tracer->entries[tracer->count++] = (struct trace_entry){direction, message, size, phase};
}

void session_trace_flush(sessile_session *s)
{
    struct tracer *tracer = s->tracer;

    if (!tracer || tracer->flushing)
        return;
    tracer->flushing = 1;
    for (size_t i = 0; i < tracer->count && tracer == s->tracer && tracer->call && !s->freed; i++) {
        struct trace_entry entry = tracer->entries[i];

        tracer->call(s, entry.direction, entry.message, entry.size, entry.phase, tracer->app);
    }
    tracer->count = 0;
    tracer->flushing = 0;
    if (!tracer->call)
        tracer_free(s);
}

void tracer_free(sessile_session *s)
{
    if (s->tracer)
        mem_free(s->tracer->entries);
    mem_free(s->tracer);
    s->tracer = NULL;
}

int sessile_session_set_trace(sessile_session *s, sessile_on_trace trace, void *app)
{
    struct guard g;
    int result = guard_enter_live(&g, s);

    if (result < 0)
        return result;
    if (!s->tracer && trace && !(s->tracer = mem_zalloc(sizeof *s->tracer)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    if (s->tracer) {
        s->tracer->call = trace;
        s->tracer->app = app;
        if (!trace && !s->tracer->flushing)
            tracer_free(s);
        else if (trace && s->engine && s->engine->traced)
            s->engine->traced(s);
    }
    return guard_leave(&g, SESSILE_OK);
}
