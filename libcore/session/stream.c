/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: writing in pieces, delivery, credit, and handles that outlive their session.
 *
 * A session may have very many. No call looks at all of them, but for the session's end: they are doubly linked, and
 * those that have something to do at rest wait for their turn on a list of their own. */
#include <limits.h>

#include "session/core.h"
#include "session/guard.h"
#include "session/memory.h"

sessile_stream *stream_new(sessile_session *s, void *state)
{
    sessile_stream *stream;

    if (s->over || !(stream = mem_zalloc(sizeof *stream)))
        return NULL;
    atomic_init(&stream->refs, 1);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    stream->session = s;
    stream->state = state;
    stream->prev = s->last_stream;
    if (stream->prev)
        stream->prev->next = stream;
    else
        s->streams = stream;
    s->last_stream = stream;
    return stream;
}

static void stream_unlink(sessile_stream *stream)
{
    sessile_session *s = stream->session;

    if (stream->prev)
        stream->prev->next = stream->next;
    else
        s->streams = stream->next;
    if (stream->next)
        stream->next->prev = stream->prev;
    else
        s->last_stream = stream->prev;
    stream->next = stream->prev = NULL;
}

sessile_stream *sessile_stream_keep(sessile_stream *stream)
{
    if (stream)
        atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
    return stream;
}

void sessile_stream_free(sessile_stream *stream)
{
    if (!stream || atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) != 1)
        return;
    sessile_callbacks_free(stream->callbacks);
    session_unref(stream->session);
    mem_free(stream);
}

/* ---- for engines ---- */

sessile_session *stream_session(const sessile_stream *stream)
{
    return stream->session;
}

void *stream_state(const sessile_stream *stream)
{
    return stream->state;
}

size_t stream_unread(const sessile_stream *stream)
{
    return stream->unread;
}

int stream_ended(const sessile_stream *stream)
{
    return stream->ended;
}

int stream_manual(const sessile_stream *stream)
{
    return stream->manual;
}

int stream_open(const sessile_stream *stream)
{
    return !stream->closed;
}

int stream_ends_itself(const sessile_stream *stream)
{
    return stream->ends;
}

void stream_set_unseen(sessile_stream *stream)
{
    stream->unseen = 1;
}

/* ---- the application's handle ---- */

/* Enter the stream's session for a call that needs both. */
static int stream_enter(struct guard *g, sessile_stream *stream)
{
    int result;

    if (!stream)
        return SESSILE_ERR_ARGUMENT;
    result = guard_enter_live(g, stream->session);
    if (result == SESSILE_OK && stream->closed)
        result = guard_leave(g, SESSILE_ERR_CLOSED);
    return result;
}

sessile_session *sessile_stream_session(sessile_stream *stream)
{
    struct guard g;
    sessile_session *session;

    if (!stream || guard_enter_quiet(&g, stream->session) < 0)
        return NULL;
    session = stream->session->freed ? NULL : stream->session;
    guard_leave(&g, 0);
    return session;
}

sessile_stream *sessile_session_stream(sessile_session *s)
{
    struct guard g;
    sessile_stream *stream;

    if (guard_enter_quiet(&g, s) < 0)
        return NULL;
    stream = !s->freed && s->engine && s->engine->single_stream ? s->streams : NULL;
    guard_leave(&g, 0);
    return stream;
}

int sessile_stream_set_callbacks(sessile_stream *stream, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    int result = stream_enter(&g, stream);
    sessile_on_stream_release release;
    void *before;

    if (result < 0)
        return result;
    release = stream->release;
    before = stream->app;
    stream->release = NULL;
    if (callbacks)
        callbacks_use(callbacks);
    sessile_callbacks_free(stream->callbacks);
    stream->callbacks = callbacks;
    stream->app = app;
    if (release)
        release(before);
    return guard_leave(&g, SESSILE_OK);
}

int sessile_stream_set_release(sessile_stream *stream, sessile_on_stream_release release)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    stream->release = release;
    return guard_leave(&g, SESSILE_OK);
}

/* ---- turns ---- */

static void due_remove(sessile_stream *stream)
{
    sessile_session *s = stream->session;

    if (!stream->due)
        return;
    if (stream->prev_due)
        stream->prev_due->next_due = stream->next_due;
    else
        s->due = stream->next_due;
    if (stream->next_due)
        stream->next_due->prev_due = stream->prev_due;
    else
        s->last_due = stream->prev_due;
    stream->next_due = stream->prev_due = NULL;
    stream->due = 0;
}

static void due_add_first(sessile_stream *stream)
{
    sessile_session *s = stream->session;

    if (stream->due)
        return;
    stream->due = 1;
    stream->next_due = s->due;
    if (stream->next_due)
        stream->next_due->prev_due = stream;
    else
        s->last_due = stream;
    s->due = stream;
}

static void due_add_last(sessile_stream *stream)
{
    sessile_session *s = stream->session;

    if (stream->due)
        return;
    stream->due = 1;
    stream->prev_due = s->last_due;
    if (stream->prev_due)
        stream->prev_due->next_due = stream;
    else
        s->due = stream;
    s->last_due = stream;
}

static int stream_may_end(const sessile_stream *stream)
{
    return stream->ends && !stream->wants_write && !stream->closed;
}

void stream_unblocked(sessile_stream *stream)
{
    if (stream->wants_write && !stream->closed)
        due_add_last(stream);
}

static int session_may_write(const sessile_session *s)
{
    return !s->over && !s->held && outbox_left(s);
}

static int stream_writable(const sessile_stream *stream)
{
    return stream->unseen ? ENGINE_BLOCKED : stream->session->engine->writable(stream);
}

/* The stream whose turn it is, or NULL. One that is to be ended comes before those that want to write, and needs no
 * wire that takes bytes. One that is blocked leaves the list until its engine says otherwise, so that each look at a
 * stream is paid for by the call that has put it there. */
static sessile_stream *stream_next_due(sessile_session *s)
{
    sessile_stream *stream;
    int may;

    while ((stream = s->due)) {
        if (stream_may_end(stream))
            return stream;
        if (s->ending || s->wire_gone || !session_may_write(s))
            return NULL;
        may = stream_writable(stream);
        if (may != ENGINE_BLOCKED)
            return may == ENGINE_WRITABLE ? stream : NULL;
        due_remove(stream);
    }
    return NULL;
}

static void stream_call_writable(sessile_stream *stream)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream->callbacks ? stream->callbacks : s->callbacks;
    int result = 0;

    stream->wants_write = 0;
    if (callbacks && callbacks->writable)
        result = callbacks->writable(stream, stream->callbacks ? stream->app : s->app);
    session_result(s, result, "writable");
    if (stream_may_end(stream))
        due_add_first(stream);
}

int stream_settle_step(sessile_session *s)
{
    sessile_stream *stream = stream_next_due(s);

    if (!stream)
        return 0;
    due_remove(stream);
    if (stream->wants_write) {
        stream_call_writable(stream);
    } else { /* nobody listened when the peer ended: this side ends too, now that all is written */
        sessile_stream_end(stream);
    }
    return 1;
}

/* ---- out ---- */

/* Write as much as bounds let, sending in between where this is the outermost call: sending may be what lifts a bound.
 */
static size_t stream_write_pieces(struct guard *g, sessile_stream *stream, int flow, const uint8_t *data, size_t size)
{
    sessile_session *s = g->session;
    size_t done = 0;
    int taken = 0;

    for (;;) {
        if (!stream->writing && session_may_write(s) && stream_writable(stream) == ENGINE_WRITABLE)
            taken = s->engine->write(stream, flow, data + done, size - done);
        if (taken < 0)
            break;
        done += (size_t)taken;
        taken = 0;
        if (done == size || !guard_may_send(g) || !s->outbox.size)
            break;
        stream->writing = 1;
        guard_flush(g);
        stream->writing = 0;
        if (stream->closed || stream->ended)
            break;
    }
    return done;
}

static int stream_is_done(const sessile_stream *stream)
{
    const sessile_session *s = stream->session;

    return s->over || s->wire_gone || s->ending || s->detached || stream->ended;
}

int stream_write_flow(sessile_stream *stream, int flow, const void *data, size_t size)
{
    struct guard g;
    size_t done;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (!data && size)
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    if (stream_is_done(stream))
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    if (!size)
        return guard_leave(&g, 0);
    if (size > INT_MAX)
        size = INT_MAX;
    sessile_stream_keep(stream); /* what send leads to may end it */
    done = stream_write_pieces(&g, stream, flow, data, size);
    session_count(g.session, SESSILE_COUNT_DATA_OUT, done);
    if (done < size && !stream->closed && !stream->ended) {
        stream->wants_write = 1;
        due_add_last(stream);
    }
    result = g.session->error && !done ? SESSILE_ERR_FAILED : (int)done;
    sessile_stream_free(stream);
    return guard_leave(&g, result);
}

int sessile_stream_write(sessile_stream *stream, const void *data, size_t size)
{
    return stream_write_flow(stream, STREAM_DATA, data, size);
}

int sessile_stream_end(sessile_stream *stream)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (stream->ended || stream->session->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    result = g.session->engine->end_stream(stream);
    if (result == SESSILE_OK && !stream->closed) {
        stream->ended = 1;
        stream->wants_write = stream->ends = 0;
        due_remove(stream);
    }
    return guard_leave(&g, result);
}

int sessile_stream_abort(sessile_stream *stream)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (stream->session->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    return guard_leave(&g, g.session->engine->abort_stream(stream));
}

/* ---- in ---- */

static sessile_callbacks *stream_callbacks(const sessile_stream *stream)
{
    return stream->callbacks ? stream->callbacks : stream->session->callbacks;
}

static void *stream_app(const sessile_stream *stream)
{
    return stream->callbacks ? stream->app : stream->session->app;
}

int stream_deliver(sessile_stream *stream, const void *data, size_t size)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream_callbacks(stream);

    session_count(s, SESSILE_COUNT_DATA_IN, size);
    if (s->ending || stream->closed)
        return session_result(s, 0, "data");
    if (!callbacks || !callbacks->data)
        return session_fail(s, SESSILE_ERR_MISUSE, "%zu bytes arrived on a stream that has no data callback", size);
    if (stream->manual)
        stream->unread += size;
    return session_result(s, callbacks->data(stream, data, size, stream_app(stream)), "data");
}

/* Credit for what was unread, however it came to be consumed. */
static void stream_give_credit(sessile_stream *stream, size_t size)
{
    const sessile_session *s = stream->session;

    stream->unread -= size;
    if (size && s->engine->consumed && !s->over)
        s->engine->consumed(stream, size);
}

int stream_deliver_stderr(sessile_stream *stream, const void *data, size_t size)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream_callbacks(stream);
    int result = 0;

    session_count(s, SESSILE_COUNT_DATA_IN, size);
    if (s->ending || stream->closed)
        return session_result(s, 0, "stderr");
    if (stream->manual)
        stream->unread += size;
    if (callbacks && callbacks->error_data)
        result = callbacks->error_data(stream, data, size, stream_app(stream));
    else if (stream->manual)
        stream_give_credit(stream, size);
    return session_result(s, result, "stderr");
}

int stream_deliver_end(sessile_stream *stream)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream_callbacks(stream);
    int result = 0;

    if (stream->closed)
        return session_result(s, 0, "end");
    if (callbacks && callbacks->end)
        result = session_result(s, callbacks->end(stream, stream_app(stream)), "end");
    else if (!stream->ended) {
        stream->ends = 1;
        if (!stream->wants_write)
            due_add_first(stream);
    }
    return s->over ? SESSILE_ERR_CLOSED : result;
}

int session_call_stream(sessile_stream *stream)
{
    sessile_session *s = stream->session;
    sessile_on_stream call = s->callbacks ? s->callbacks->stream : NULL;

    stream->unseen = 0;
    stream_unblocked(stream);
    return session_result(s, call && !stream->closed ? call(stream, s->app) : 0, "stream");
}

int stream_call_request(sessile_stream *stream, int request)
{
    sessile_callbacks *callbacks = stream_callbacks(stream);
    int result = 0;

    if (callbacks && callbacks->request && !stream->closed)
        result = callbacks->request(stream, request, stream_app(stream));
    return session_result(stream->session, result, "request");
}

int sessile_stream_set_manual(sessile_stream *stream, int on)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (on && !stream->session->resume)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    stream->manual = on != 0;
    if (!on)
        stream_give_credit(stream, stream->unread);
    return guard_leave(&g, SESSILE_OK);
}

int sessile_stream_consumed(sessile_stream *stream, size_t size)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (size > stream->unread)
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    stream_give_credit(stream, size);
    return guard_leave(&g, SESSILE_OK);
}

/* ---- the end ---- */

/* It leaves its session, but its memory and its state stay until nobody below on the stack looks at them any more. */
static void stream_leave(sessile_stream *stream)
{
    sessile_session *s = stream->session;

    stream->closed = 1;
    due_remove(stream);
    stream_unlink(stream);
    stream->next = s->closed_streams;
    s->closed_streams = stream;
}

static void stream_tell_closed(sessile_stream *stream, int error)
{
    sessile_callbacks *callbacks = stream_callbacks(stream);

    if (callbacks && callbacks->stream_closed)
        callbacks->stream_closed(stream, error, stream_app(stream));
}

static void stream_tell_release(sessile_stream *stream)
{
    if (stream->release)
        stream->release(stream->app);
}

void stream_close(sessile_stream *stream, int error, int told)
{
    sessile_session *s = stream->session;

    if (s->over || stream->closed)
        return;
    /* It is closed before its questions' callbacks, and unlinked after them, since they may free the session. */
    stream->closed = 1;
    question_withdraw_stream(stream);
    if (s->freed)
        return;
    stream_leave(stream);
    if (told && !stream->unseen)
        stream_tell_closed(stream, error);
    else
        stream_tell_release(stream);
}

void stream_detach_all(sessile_session *s)
{
    sessile_stream *stream;

    while ((stream = s->streams)) {
        stream_leave(stream);
        stream_tell_release(stream);
    }
}

void stream_close_all(sessile_session *s)
{
    sessile_stream *stream;
    int error;

    while (!s->freed && (stream = s->streams)) {
        error = s->engine->stream_verdict(stream, s->error);
        stream_leave(stream);
        if (stream->unseen)
            stream_tell_release(stream);
        else
            stream_tell_closed(stream, error);
    }
}

void stream_free_closed(sessile_session *s)
{
    sessile_stream *stream;

    while ((stream = s->closed_streams)) {
        s->closed_streams = stream->next;
        stream->next = NULL;
        if (stream->state && s->engine && s->engine->stream_destroy)
            s->engine->stream_destroy(stream->state);
        stream->state = NULL;
        sessile_stream_free(stream);
    }
}
