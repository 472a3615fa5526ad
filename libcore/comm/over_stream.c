/* SPDX-License-Identifier: Apache-2.0
 *
 * over_stream: a tunnel joins an inner session's inbox to an outer session's stream.
 *
 * In: the stream is in manual credit. Credit goes back while the inner session has room, so that what it does not take
 * stays unread in the outer one, beyond one unit of the inner. What the outer session delivers is taken in all the
 * same: its unread limit bounds it. Out: what the stream does not take is queued, and the inner session held until the
 * queue has drained; then, where the inner session is done with its wire, the stream is ended.
 *
 * The tunnel is shared by the inner session (until its release), the stream (until its closed or release) and the
 * frames on the stack. When the inner session is freed, its queue still goes out, and what arrives from then on is
 * dropped.
 */
#include <sessile/error.h>
#include <sessile/inbox.h>
#include <sessile/over_stream.h>
#include <sessile/session.h>
#include <sessile/stream.h>

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "session/memory.h"

struct tunnel {
    sessile_stream *stream;
    sessile_callbacks *callbacks;
    sessile_session *inner; /* NULL once it is freed */
    sessile_inbox *inbox;
    uint8_t *queue;
    size_t start;
    size_t size;
    size_t capacity;
    size_t unread; /* delivered by the stream, and not given back to it as credit */
    unsigned refs;
    unsigned taking; /* receives of the inner inbox on the stack: its limit is lifted */
    unsigned holding : 1;
    unsigned writing : 1;  /* a write to the stream is on the stack */
    unsigned writable : 1; /* the stream became writable meanwhile */
    unsigned done : 1;     /* the inner session sends no more */
    unsigned ended : 1;    /* and the stream knows */
    unsigned gone : 1;     /* the stream is closed */
};

static void tunnel_drop(struct tunnel *tunnel)
{
    if (--tunnel->refs > 0) {
        return;
    }
    sessile_stream_free(tunnel->stream);
    sessile_callbacks_free(tunnel->callbacks);
    mem_free(tunnel->queue);
    mem_free(tunnel);
}

/* ---- out ---- */

static int queue_append(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
    if (tunnel->start + tunnel->size + size > tunnel->capacity) {
        size_t capacity = 2 * (tunnel->size + size);
        uint8_t *queue = mem_alloc(capacity);
        if (queue == NULL) {
            return -1;
        }
        if (tunnel->size > 0) {
            memcpy(queue, tunnel->queue + tunnel->start, tunnel->size);
        }
        mem_free(tunnel->queue);
        tunnel->queue = queue;
        tunnel->start = 0;
        tunnel->capacity = capacity;
    }
    memcpy(tunnel->queue + tunnel->start + tunnel->size, data, size);
    tunnel->size += size;
    return 0;
}

static void queue_clear(struct tunnel *tunnel)
{
    mem_free(tunnel->queue);
    tunnel->queue = NULL;
    tunnel->start = tunnel->size = tunnel->capacity = 0;
}

/* The stream may become writable again before a short write has returned, and says so just once. */
static int tunnel_write(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
    size_t done = 0;
    int taken;
    tunnel->writing = 1;
    do {
        tunnel->writable = 0;
        taken = sessile_stream_write(tunnel->stream, data + done, size - done);
        done += taken > 0 ? (size_t)taken : 0;
    } while (taken >= 0 && done < size && tunnel->writable);
    tunnel->writing = 0;
    return taken < 0 ? taken : (int)done;
}

static void tunnel_hold(struct tunnel *tunnel, int on)
{
    if (tunnel->inner != NULL && tunnel->holding != (unsigned)on) {
        tunnel->holding = on != 0;
        sessile_session_hold(tunnel->inner, on);
    }
}

/* Once everything is out, end the stream. Before the outer session is ready there is no graceful end. */
static void tunnel_finish(struct tunnel *tunnel)
{
    if (!tunnel->done || tunnel->size > 0 || tunnel->writing) {
        return;
    }
    if (!tunnel->ended && !tunnel->gone) {
        tunnel->ended = 1;
        if (sessile_stream_end(tunnel->stream) == SESSILE_ERR_MISUSE) {
            sessile_stream_abort(tunnel->stream);
        }
    }
}

static void tunnel_flush(struct tunnel *tunnel)
{
    if (tunnel->size > 0) {
        int taken = tunnel_write(tunnel, tunnel->queue + tunnel->start, tunnel->size);
        if (taken < 0 || tunnel->gone) {
            queue_clear(tunnel); /* No wire, nobody to send to: its closed follows. */
        } else {
            tunnel->start += (size_t)taken;
            tunnel->size -= (size_t)taken;
        }
    }
    if (tunnel->size == 0) {
        queue_clear(tunnel);
        tunnel_hold(tunnel, 0);
    }
    tunnel_finish(tunnel);
}

static int tunnel_send(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
    size_t taken = 0;
    if (tunnel->size == 0 && !tunnel->writing) {
        int r = tunnel_write(tunnel, data, size);
        if (r < 0) {
            return -1;
        }
        taken = (size_t)r;
    }
    if (taken == size) {
        return 0;
    }
    if (tunnel->gone || queue_append(tunnel, data + taken, size - taken) != 0) {
        return -1;
    }
    tunnel_hold(tunnel, 1);
    return 0;
}

/* ---- in ---- */

static void tunnel_credit(struct tunnel *tunnel)
{
    if (tunnel->gone || tunnel->taking ||
        (tunnel->inner != NULL && !tunnel->done && sessile_inbox_room(tunnel->inbox) == 0)) {
        return;
    }
    size_t unread = tunnel->unread;
    tunnel->unread = 0;
    sessile_stream_consumed(tunnel->stream, unread);
}

/* The limit is lifted for what was delivered, and then shows whether the inner session keeps up. */
static void tunnel_take(struct tunnel *tunnel, const void *data, size_t size)
{
    if (tunnel->inner == NULL || tunnel->done) {
        return;
    }
    tunnel->taking++;
    sessile_inbox_set_limit(tunnel->inbox, INT_MAX);
    sessile_inbox_receive(tunnel->inbox, data, size);
    if (--tunnel->taking == 0 && tunnel->inner != NULL) {
        sessile_inbox_set_limit(tunnel->inbox, 0);
    }
}

/* The wire of the inner session is gone. Its comms close does not follow, so the stream is ended from here. */
static void tunnel_close(struct tunnel *tunnel)
{
    tunnel->done = 1;
    if (tunnel->inner != NULL) {
        sessile_inbox_close(tunnel->inbox);
    }
}

/* ---- the outer stream's callbacks ---- */

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct tunnel *tunnel = app;
    (void)stream;
    tunnel->refs++;
    tunnel->unread += size;
    tunnel_take(tunnel, data, size);
    tunnel_credit(tunnel);
    tunnel_drop(tunnel);
    return 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    struct tunnel *tunnel = app;
    (void)stream;
    tunnel->refs++;
    tunnel_close(tunnel);
    tunnel_finish(tunnel);
    tunnel_drop(tunnel);
    return 0;
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct tunnel *tunnel = app;
    (void)stream;
    tunnel->writable = 1;
    if (!tunnel->writing) {
        tunnel->refs++;
        tunnel_flush(tunnel);
        tunnel_drop(tunnel);
    }
    return 0;
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct tunnel *tunnel = app;
    (void)stream;
    (void)error;
    tunnel->gone = 1;
    tunnel_close(tunnel);
    tunnel_drop(tunnel);
}

/* The outer session is freed, and nothing told so: what still waits to be sent has nowhere to go. */
static void on_stream_release(void *app)
{
    struct tunnel *tunnel = app;
    tunnel->gone = 1;
    queue_clear(tunnel);
    tunnel_close(tunnel);
    tunnel_drop(tunnel);
}

/* ---- the inner session's comms callbacks ---- */

static int on_send(void *handle, void *buffer, size_t size)
{
    struct tunnel *tunnel = handle;
    tunnel->refs++;
    int r = tunnel_send(tunnel, buffer, size);
    tunnel_finish(tunnel); /* The inner session may have been freed meanwhile. */
    tunnel_drop(tunnel);
    return r;
}

static void on_room(void *handle)
{
    struct tunnel *tunnel = handle;
    tunnel->refs++;
    tunnel_credit(tunnel);
    tunnel_drop(tunnel);
}

static void on_close(void *handle)
{
    struct tunnel *tunnel = handle;
    tunnel->refs++;
    tunnel->done = 1;
    tunnel_credit(tunnel);
    tunnel_finish(tunnel);
    tunnel_drop(tunnel);
}

static void on_release(void *handle)
{
    struct tunnel *tunnel = handle;
    tunnel->inner = NULL;
    tunnel->done = 1;
    if (sessile_stream_session(tunnel->stream) == NULL) {
        queue_clear(tunnel);
    }
    tunnel_finish(tunnel);
    tunnel_drop(tunnel);
}

/* ---- public ---- */

static sessile_callbacks *tunnel_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks != NULL) {
        sessile_callbacks_set_data(callbacks, on_data);
        sessile_callbacks_set_end(callbacks, on_end);
        sessile_callbacks_set_writable(callbacks, on_writable);
        sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    }
    return callbacks;
}

/* Take over the stream, which holds a reference to the tunnel from then on. */
static int tunnel_join(struct tunnel *tunnel, sessile_stream *stream)
{
    int r = sessile_stream_set_manual(stream, 0); /* what was unread is nobody's to give back any more */
    if (r == 0) {
        r = sessile_stream_set_manual(stream, 1);
    }
    if (r == 0) {
        r = sessile_stream_set_callbacks(stream, tunnel->callbacks, tunnel);
    }
    if (r == 0) {
        sessile_stream_set_release(stream, on_stream_release);
        tunnel->gone = 0;
        tunnel->refs++;
    }
    return r;
}

sessile_session *sessile_over_stream(sessile_stream *stream)
{
    if (stream == NULL || sessile_stream_session(stream) == NULL) {
        return NULL;
    }
    struct tunnel *tunnel = mem_zalloc(sizeof *tunnel);
    if (tunnel == NULL) {
        return NULL;
    }
    tunnel->refs = 1;
    tunnel->gone = 1;
    tunnel->stream = sessile_stream_keep(stream);
    tunnel->callbacks = tunnel_callbacks();
    tunnel->inbox = tunnel->callbacks == NULL ? NULL : sessile_inbox_create(tunnel, on_send, on_close, &tunnel->inner);
    if (tunnel->inbox == NULL) {
        tunnel_drop(tunnel);
        return NULL;
    }
    /* From here on the inner session holds the tunnel, and frees it. */
    sessile_inbox_set_limit(tunnel->inbox, 0);
    sessile_inbox_set_room(tunnel->inbox, on_room);
    sessile_inbox_set_release(tunnel->inbox, on_release);
    if (tunnel_join(tunnel, stream) != 0) {
        sessile_session_free(tunnel->inner);
        return NULL;
    }
    return tunnel->inner;
}
