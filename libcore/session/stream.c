/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: writing in pieces, delivery, credit, and handles that outlive their session. */
#include <limits.h>

#include "session/core.h"
#include "session/guard.h"
#include "session/memory.h"

sessile_stream *stream_new(sessile_session *s)
{
    sessile_stream *stream = mem_zalloc(sizeof *stream);

    if (!stream)
        return NULL;
    atomic_init(&stream->refs, 1);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    stream->session = s;
    stream->next = s->streams;
    s->streams = stream;
    return stream;
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

    if (result < 0)
        return result;
    if (callbacks)
        callbacks_use(callbacks);
    sessile_callbacks_free(stream->callbacks);
    stream->callbacks = callbacks;
    stream->app = app;
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

/* ---- out ---- */

static int stream_may_write(const sessile_stream *stream)
{
    const sessile_session *s = stream->session;

    return !s->over && !s->held && !stream->writing && outbox_left(s) && s->engine->writable(stream);
}

/* Write as much as bounds let, sending in between where this is the outermost call: sending may be what lifts a bound.
 */
static size_t stream_write_pieces(struct guard *g, sessile_stream *stream, const uint8_t *data, size_t size)
{
    sessile_session *s = g->session;
    size_t done = 0;
    int taken = 0;

    for (;;) {
        if (stream_may_write(stream))
            taken = s->engine->write(stream, data + done, size - done);
        if (taken < 0)
            break;
        done += (size_t)taken;
        taken = 0;
        if (done == size || !guard_may_send(g) || !s->outbox.size)
            break;
        stream->writing = 1;
        guard_flush(g);
        stream->writing = 0;
        if (s->freed || stream->ended)
            break;
    }
    return done;
}

int sessile_stream_write(sessile_stream *stream, const void *data, size_t size)
{
    struct guard g;
    size_t done;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (!data && size)
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    if (stream->session->over || stream->session->wire_gone || stream->session->ending || stream->session->detached ||
        stream->ended)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    if (!size)
        return guard_leave(&g, 0);
    if (size > INT_MAX)
        size = INT_MAX;
    sessile_stream_keep(stream); /* what send leads to may end it */
    done = stream_write_pieces(&g, stream, data, size);
    session_count(stream->session, SESSILE_COUNT_DATA_OUT, done);
    if (done < size)
        stream->wants_write = stream->session->streams_due = 1;
    result = stream->session->error && !done ? SESSILE_ERR_FAILED : (int)done;
    sessile_stream_free(stream);
    return guard_leave(&g, result);
}

static int stream_call_writable(sessile_session *s)
{
    sessile_on_stream call;
    sessile_stream *stream;

    for (stream = s->streams; stream; stream = stream->next)
        if (stream->wants_write && !stream->ended && !s->ending && !s->wire_gone && stream_may_write(stream))
            break;
    if (!stream)
        return 0;
    stream->wants_write = 0;
    call = stream->callbacks ? stream->callbacks->writable : s->callbacks ? s->callbacks->writable : NULL;
    if (call)
        session_result(s, call(stream, stream->callbacks ? stream->app : s->app), "writable");
    return 1;
}

/* Nobody listened when the peer ended: this side ends too, but not before what was to be written is. */
static int stream_end_due(sessile_session *s)
{
    for (sessile_stream *stream = s->streams; stream; stream = stream->next)
        if (stream->ends && !stream->wants_write) {
            stream->ends = 0;
            sessile_stream_end(stream);
            return 1;
        }
    return 0;
}

int stream_settle_step(sessile_session *s)
{
    if (stream_call_writable(s) || stream_end_due(s))
        return 1;
    s->streams_due = 0;
    for (sessile_stream *stream = s->streams; stream; stream = stream->next)
        if (stream->wants_write || stream->ends)
            s->streams_due = 1;
    return 0;
}

int sessile_stream_end(sessile_stream *stream)
{
    struct guard g;
    int result = stream_enter(&g, stream);

    if (result < 0)
        return result;
    if (stream->ended || stream->session->over)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    sessile_stream_keep(stream); /* a trace callback may free the session */
    result = g.session->engine->end_stream(stream);
    if (result == SESSILE_OK)
        stream->ended = 1;
    sessile_stream_free(stream);
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

int stream_deliver(sessile_stream *stream, const void *data, size_t size)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream->callbacks ? stream->callbacks : s->callbacks;

    session_count(s, SESSILE_COUNT_DATA_IN, size);
    if (s->ending)
        return session_result(s, 0, "data");
    if (!callbacks || !callbacks->data)
        return session_fail(s, SESSILE_ERR_MISUSE, "%zu bytes arrived on a stream that has no data callback", size);
    if (stream->manual)
        stream->unread += size;
    return session_result(s, callbacks->data(stream, data, size, stream->callbacks ? stream->app : s->app), "data");
}

int stream_deliver_end(sessile_stream *stream)
{
    sessile_session *s = stream->session;
    sessile_callbacks *callbacks = stream->callbacks ? stream->callbacks : s->callbacks;
    int result = 0;

    if (callbacks && callbacks->end)
        result = session_result(s, callbacks->end(stream, stream->callbacks ? stream->app : s->app), "end");
    else if (!stream->ended)
        stream->ends = s->streams_due = 1;
    return s->over ? SESSILE_ERR_CLOSED : result;
}

sessile_session *stream_session(const sessile_stream *stream)
{
    return stream->session;
}

size_t stream_unread(const sessile_stream *stream)
{
    return stream->unread;
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
        stream->unread = 0;
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
    stream->unread -= size;
    return guard_leave(&g, SESSILE_OK);
}

/* ---- the end ---- */

static sessile_stream *stream_unlink_first(sessile_session *s)
{
    sessile_stream *stream = s->streams;

    if (stream) {
        s->streams = stream->next;
        stream->next = NULL;
        stream->closed = 1;
    }
    return stream;
}

void stream_detach_all(sessile_session *s)
{
    sessile_stream *stream;

    while ((stream = stream_unlink_first(s))) {
        if (stream->release)
            stream->release(stream->app);
        sessile_stream_free(stream);
    }
}

void stream_close_all(sessile_session *s)
{
    sessile_on_stream_closed call;
    sessile_stream *stream;
    int error;

    while (!s->freed && (stream = stream_unlink_first(s))) {
        error = s->engine->stream_verdict(stream, s->error);
        call = stream->callbacks ? stream->callbacks->stream_closed : s->callbacks ? s->callbacks->stream_closed : NULL;
        if (call)
            call(stream, error, stream->callbacks ? stream->app : s->app);
        sessile_stream_free(stream);
    }
}
