/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in. The loop over units is here, and so is every reason to stop between two of them: an engine sees one unit at
 * a time. Nothing of the caller's bytes is kept, but for how many were left. */
#include <limits.h>

#include "session/core.h"
#include "session/guard.h"

/* A held wire takes a bounded amount of replies; one that is gone holds nothing up any more. */
int session_owes_too_much(const sessile_session *s)
{
    return s->held && !s->wire_gone && s->replies + s->outbox.size >= HELD_LIMIT;
}

/* Whether a unit may be taken now, all reasons but order. */
int session_takes(const sessile_session *s)
{
    return s->started && !s->over && !s->paused && !s->blocking && !session_owes_too_much(s) && !s->engine->full(s);
}

/* Replies to a unit go beyond the outbox's bound, but no further unit is taken then. */
static int receive_may_go_on(const sessile_session *s)
{
    return outbox_left(s) && session_takes(s);
}

/* Take whole units. *stalled: something stopped it before the end or an incomplete unit did. */
static size_t receive_units(struct guard *g, const uint8_t *data, size_t size, int *stalled)
{
    sessile_session *s = g->session;
    size_t taken = 0;
    int unit = 1;

    while (taken < size && unit > 0 && receive_may_go_on(s)) {
        s->receiving = 1;
        unit = s->engine->unit(s, data + taken, size - taken);
        s->receiving = 0;
        if (unit <= 0)
            break;
        taken += (size_t)unit;
        if (g->outermost)
            stream_free_closed(s);
        session_count(s, SESSILE_COUNT_UNITS, 1);
        if (taken < size && s->outbox.size >= OUTBOX_FLUSH && guard_may_send(g)) {
            s->tail = 1;
            guard_flush(g);
            s->tail = 0;
        }
    }
    *stalled = taken < size && unit > 0;
    return taken;
}

/* The peer has ended: what is behind that is not the session's. */
static int receive_is_done(const sessile_session *s)
{
    return s->started && s->engine->full(s) == ENGINE_DONE;
}

/* Whether bytes were refused that will still be asked for. */
int session_waits_for_units(const sessile_session *s)
{
    return s->refused && s->resume && !receive_is_done(s);
}

static void receive_note_left(sessile_session *s, size_t left, int stalled)
{
    s->left = left;
    if (stalled && !s->over && !receive_is_done(s))
        s->refused = 1;
}

/* What brings the session to rest may unblock it: then the caller need not come again for what it holds in its hand. */
static size_t receive_outermost(struct guard *g, const uint8_t *data, size_t size, size_t beyond)
{
    sessile_session *s = g->session;
    size_t taken = 0;
    int stalled = 1;

    s->refused = 0;
    do {
        taken += receive_units(g, data + taken, size - taken, &stalled);
        receive_note_left(s, size - taken + beyond, stalled || beyond);
        s->tail = taken < size || beyond;
        if (guard_may_send(g))
            guard_settle(g);
        s->tail = 0;
    } while (stalled && taken < size && guard_may_send(g) && receive_may_go_on(s));
    s->tail = taken < size || beyond;
    return taken;
}

static size_t receive_nested(struct guard *g, const uint8_t *data, size_t size, size_t beyond)
{
    sessile_session *s = g->session;
    size_t taken;
    int stalled;

    if (s->receiving || s->tail) {
        s->refused = s->refused || size || beyond;
        return 0;
    }
    s->refused = 0;
    taken = receive_units(g, data, size, &stalled);
    receive_note_left(s, size - taken + beyond, stalled || beyond);
    return taken;
}

int sessile_session_receive(sessile_session *s, const void *data, size_t size)
{
    struct guard g;
    size_t beyond = size > INT_MAX ? size - INT_MAX : 0; /* more than the result can say: to be offered again */
    size_t taken = 0;

    if (guard_enter(&g, s) < 0)
        return -1;
    if (s->freed || (s->over && s->error) || (!data && size))
        return guard_leave(&g, -1);
    if (!data)
        data = ""; /* nothing, from nowhere */
    size -= beyond;
    session_count(s, SESSILE_COUNT_OFFERED, size);
    if (s->over)
        return guard_leave(&g, 0);
    taken = g.outermost ? receive_outermost(&g, data, size, beyond) : receive_nested(&g, data, size, beyond);
    session_count(s, SESSILE_COUNT_TAKEN, taken);
    /* What failed the session in here, at rest too, is this call's result; what came after it is not lost: it is not
     * used. */
    guard_to_rest(&g);
    return guard_leave(&g, s->freed || s->error ? -1 : (int)taken);
}

size_t sessile_session_want(sessile_session *s)
{
    struct guard g;
    size_t want = 0;

    if (guard_enter_quiet(&g, s) < 0)
        return 0;
    if (!s->freed && session_takes(s))
        want = s->need;
    guard_leave(&g, 0);
    return want;
}

size_t sessile_session_want_max(sessile_session *s)
{
    struct guard g;
    size_t most = 0;

    if (guard_enter_quiet(&g, s) < 0)
        return 0;
    if (!s->freed && s->started)
        most = s->engine->want_max;
    guard_leave(&g, 0);
    return most;
}
