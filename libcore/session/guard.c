/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership, and the way to rest. */
#include "session/guard.h"
#include "session/core.h"

#include "session/memory.h"

#if defined(__ELF__)
#define THREAD_MARK static _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_MARK static _Thread_local
#endif

#define FREED_BY_OTHER ((uintptr_t)1)

/* A thread is known by the address of a variable of its own: no thread library is needed. */
static uintptr_t thread_self(void)
{
    THREAD_MARK uint64_t mark;

    return (uintptr_t)&mark;
}

static void guard_open_outbox(struct guard *g)
{
    sessile_session *s = g->session;

    if (s->batch || s->outbox.data)
        return;
    s->outbox.data = g->room[0];
    s->outbox.capacity = GUARD_ROOM;
    s->outbox.on_heap = 0;
}

int guard_enter(struct guard *g, sessile_session *s)
{
    uintptr_t self = thread_self();
    uintptr_t owner = 0;

    if (!s)
        return SESSILE_ERR_ARGUMENT;
    g->session = s;
    g->outermost = 0;
    g->quiet = 0;
    g->rested = 0;
    if ((atomic_load_explicit(&s->owner, memory_order_relaxed) & ~FREED_BY_OTHER) == self)
        return 0;
    if (!atomic_compare_exchange_strong_explicit(&s->owner, &owner, self, memory_order_acquire, memory_order_relaxed))
        return SESSILE_ERR_BUSY;
    g->outermost = 1;
    guard_open_outbox(g);
    return 0;
}

int guard_enter_quiet(struct guard *g, sessile_session *s)
{
    int result = guard_enter(g, s);

    g->quiet = 1;
    return result;
}

int guard_enter_live(struct guard *g, sessile_session *s)
{
    int result = guard_enter(g, s);

    if (result == 0 && s->freed)
        result = guard_leave(g, SESSILE_ERR_GONE);
    return result;
}

int guard_may_send(const struct guard *g)
{
    return g->outermost && !g->session->batch;
}

static int wire_usable(const sessile_session *s)
{
    return !s->freed && !s->wire_gone && !s->wire_closed;
}

void guard_flush(struct guard *g)
{
    sessile_session *s = g->session;
    struct outbox out = s->outbox;

    if (!out.size)
        return;
    if (!wire_usable(s)) {
        s->outbox.size = 0;
        return;
    }
    s->outbox.data = out.data == g->room[0] ? g->room[1] : g->room[0];
    s->outbox.size = 0;
    s->outbox.capacity = GUARD_ROOM;
    s->outbox.on_heap = 0;
    session_count(s, SESSILE_COUNT_SENT, out.size);
    session_count(s, SESSILE_COUNT_SENDS, 1);
    if (s->held)
        s->replies += out.size;
    if (s->send(s->handle, out.data, out.size) != 0 && wire_usable(s)) {
        session_fail(s, SESSILE_ERR_COMM, "the comms layer's send failed for %zu bytes", out.size);
        outbox_clear(s);
    }
    stream_free_closed(s);
    if (!out.on_heap)
        return;
    if (s->outbox.size || s->outbox.on_heap) {
        mem_free(out.data);
        return;
    }
    out.size = 0; /* the next piece goes into the same block */
    s->outbox = out;
}

void guard_settle(struct guard *g)
{
    sessile_session *s = g->session;

    while (!s->freed && !s->batch) {
        if (s->outbox.size)
            guard_flush(g);
        else if (!session_settle_step(s))
            return;
    }
}

static void guard_settle_and_resume(struct guard *g)
{
    sessile_session *s = g->session;

    for (;;) {
        guard_settle(g);
        if (s->freed || s->batch || !s->refused || !s->resume || !session_takes(s))
            return;
        s->refused = 0;
        s->resume(s->handle);
        /* An outermost receive that left something untaken has asked its caller once: more would not be heard. */
        if (s->tail) {
            guard_settle(g);
            return;
        }
    }
}

void guard_to_rest(struct guard *g)
{
    if (g->outermost && !g->session->batch && !g->quiet && !g->rested)
        guard_settle_and_resume(g);
    g->rested = 1;
}

/* Give back what the session holds only while somebody is inside. An open batch keeps its bytes, which must outlive
 * this frame. */
static void guard_rest(struct guard *g)
{
    sessile_session *s = g->session;

    stream_free_closed(s);
    if (s->batch && s->outbox.size && !s->outbox.on_heap && outbox_keep(s) < 0)
        session_fail(s, SESSILE_ERR_MEMORY, "no memory for a batch of %zu bytes", s->outbox.size);
    if (!s->batch || !s->outbox.on_heap || s->freed)
        outbox_release(s);
    if (!g->quiet && !s->batch && !s->freed && s->engine && s->engine->rest)
        s->engine->rest(s);
    s->tail = 0;
}

static void session_destroy(sessile_session *s)
{
    if (s->engine)
        s->engine->destroy(s);
    s->engine = NULL;
    s->state = NULL;
    sessile_callbacks_free(s->callbacks);
    s->callbacks = NULL;
    mem_free(s->text);
    s->text = NULL;
    mem_free(s->counters);
    s->counters = NULL;
    tracer_free(s);
}

int guard_leave(struct guard *g, int result)
{
    sessile_session *s = g->session;
    uintptr_t self;
    int destroyed = 0;

    if (!g->outermost)
        return result;
    guard_to_rest(g);
    for (;;) {
        guard_rest(g);
        if (s->freed && !s->destroyed) {
            s->destroyed = 1;
            session_destroy(s);
            destroyed = 1;
        }
        self = thread_self();
        if (atomic_compare_exchange_strong_explicit(&s->owner, &self, 0, memory_order_acq_rel, memory_order_acquire))
            break;
        /* Another thread has freed the session while this one was inside. */
        atomic_store_explicit(&s->owner, thread_self(), memory_order_relaxed);
        sessile_session_free(s);
    }
    if (destroyed)
        session_unref(s);
    return result;
}

void sessile_session_free(sessile_session *s)
{
    struct guard g;
    uintptr_t owner;

    if (!s)
        return;
    while (guard_enter(&g, s) != 0) {
        owner = atomic_load_explicit(&s->owner, memory_order_relaxed);
        if (owner && atomic_compare_exchange_strong_explicit(&s->owner, &owner, owner | FREED_BY_OTHER,
                                                             memory_order_release, memory_order_relaxed))
            return;
    }
    if (!s->freed) {
        s->freed = 1;
        s->over = 1;
        s->batch = 0;
        outbox_clear(s);
        if (!s->wire_gone && !s->wire_closed && !s->detached && s->close) {
            s->wire_closed = 1;
            s->close(s->handle);
        }
        s->wire_closed = 1;
        if (s->release)
            s->release(s->handle);
        s->release = NULL;
        s->resume = NULL;
        question_withdraw_all(s, 0);
        stream_detach_all(s);
    }
    guard_leave(&g, 0);
}
