/* SPDX-License-Identifier: Apache-2.0
 *
 * The pump. What is read is written to the stream at once; what the stream does not take is kept, and the source is not
 * read again until that is gone. What arrives is written at once; what the descriptor does not take is queued, and
 * counts as unread until it is out, so that the queue is never longer than the stream's window.
 */
#include "common/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sessile/ssh.h>

#include "common/util.h"

static sessile_callbacks *shared_callbacks;

/* ---- the end ---- */

static void pump_free(void *owner)
{
    struct pump *pump = owner;
    if (pump->hooks->gone != NULL) {
        pump->hooks->gone(pump);
    }
    for (int i = 0; i < 2; i++) {
        free(pump->sources[i].rest);
        free(pump->sinks[i].queue);
    }
    free(pump);
}

static void pump_try_free(struct pump *pump)
{
    if (pump->stream == NULL && !pump->over && !pump->sinks[0].open && !pump->sinks[1].open) {
        pump->over = 1;
        loop_later(pump->loop, pump_free, pump);
    }
}

static void source_close(struct source *source)
{
    if (source->open) {
        source->open = 0;
        watch_close(&source->watch);
        close(source->watch.fd);
    }
}

static void sink_close(struct sink *sink)
{
    if (!sink->open) {
        return;
    }
    sink->open = 0;
    watch_close(&sink->watch);
    (void)shutdown(sink->watch.fd, SHUT_WR); /* for a socket, whose other half is read on */
    close(sink->watch.fd);
    free(sink->queue);
    sink->queue = NULL;
    sink->start = sink->size = sink->capacity = 0;
}

/* ---- from descriptors to the stream ---- */

static int source_write(struct source *source, const void *data, size_t size)
{
    sessile_stream *stream = source->pump->stream;
    return source->second ? sessile_ssh_write_stderr(stream, data, size) : sessile_stream_write(stream, data, size);
}

static int source_is_done(const struct source *source)
{
    return !source->open && source->size == 0;
}

static void pump_check_drained(struct pump *pump)
{
    if (pump->stream == NULL || pump->drained || !source_is_done(&pump->sources[0]) ||
        !source_is_done(&pump->sources[1])) {
        return;
    }
    pump->drained = 1;
    if (pump->hooks->drained != NULL) {
        pump->hooks->drained(pump);
    } else if (pump->joined && pump->sinks[0].broken) {
        sessile_stream_abort(pump->stream);
    } else {
        sessile_stream_end(pump->stream);
    }
}

static void source_drop(struct source *source)
{
    source->size = 0;
    source_close(source);
}

static void source_keep(struct source *source, const char *data, size_t size)
{
    char *rest = need_alloc(size);
    memcpy(rest, data, size);
    free(source->rest);
    source->rest = rest;
    source->start = 0;
    source->size = size;
}

static void source_offer(struct source *source, const char *data, size_t size)
{
    int taken = source_write(source, data, size);
    if (source->pump->stream == NULL) {
        return;
    }
    if (taken < 0) {
        source_drop(source);
    } else if ((size_t)taken < size) {
        source_keep(source, data + taken, size - (size_t)taken);
        watch_want(&source->watch, 0);
    }
}

static void source_flush(struct source *source)
{
    struct pump *pump = source->pump;
    while (source->size > 0) {
        int taken = source_write(source, source->rest + source->start, source->size);
        if (pump->stream == NULL) {
            return;
        }
        if (taken < 0) {
            source_drop(source);
        } else if (taken == 0) {
            return;
        } else {
            source->start += (size_t)taken;
            source->size -= (size_t)taken;
        }
    }
    free(source->rest);
    source->rest = NULL;
    if (source->open) {
        watch_want(&source->watch, EPOLLIN);
    }
}

static void on_source(struct watch *watch, uint32_t events, void *owner)
{
    struct source *source = owner;
    struct pump *pump = source->pump;
    (void)events;
    char *scratch = (char *)pump->loop->scratch;
    ssize_t n = read(watch->fd, scratch, LOOP_SCRATCH);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        source_offer(source, scratch, (size_t)n);
    } else {
        source_close(source); /* A terminal whose other side is closed says EIO. */
    }
    pump_check_drained(pump);
}

void pump_read_from(struct pump *pump, int fd, int flow)
{
    struct source *source = &pump->sources[flow];
    source->open = 1;
    watch_open(&source->watch, pump->loop, fd, on_source, source);
    if (source->size == 0) {
        watch_want(&source->watch, EPOLLIN);
    }
}

void pump_say(struct pump *pump, const void *data, size_t size)
{
    if (size > 0) {
        source_keep(&pump->sources[0], data, size);
    }
}

void pump_begin(struct pump *pump)
{
    source_flush(&pump->sources[0]);
    pump_check_drained(pump);
}

void pump_stop_reading(struct pump *pump)
{
    source_close(&pump->sources[0]);
    source_close(&pump->sources[1]);
    pump_check_drained(pump);
}

/* ---- from the stream to descriptors ---- */

static void pump_consumed(struct pump *pump, size_t size)
{
    if (pump->stream != NULL && size > 0) {
        sessile_stream_consumed(pump->stream, size);
    }
}

static void sink_break(struct sink *sink)
{
    struct pump *pump = sink->pump;
    size_t size = sink->size;
    sink->broken = 1;
    sink_close(sink);
    pump_consumed(pump, size);
    if (pump->stream != NULL) {
        sessile_ssh_send_end_of_write(pump->stream); /* what is no session's stream refuses it */
    }
    pump_try_free(pump);
}

/* Returns how much was written; all, where the sink is closed. */
static size_t sink_write(struct sink *sink, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size && sink->open) {
        ssize_t n = write(sink->watch.fd, data + done, size - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            sink_break(sink);
        }
    }
    return sink->open ? done : size;
}

static void sink_append(struct sink *sink, const char *data, size_t size)
{
    if (sink->start + sink->size + size > sink->capacity) {
        size_t capacity = 2 * (sink->size + size);
        char *queue = need_alloc(capacity);
        if (sink->size > 0) {
            memcpy(queue, sink->queue + sink->start, sink->size);
        }
        free(sink->queue);
        sink->queue = queue;
        sink->start = 0;
        sink->capacity = capacity;
    }
    memcpy(sink->queue + sink->start + sink->size, data, size);
    sink->size += size;
    watch_want(&sink->watch, EPOLLOUT);
}

static void on_sink(struct watch *watch, uint32_t events, void *owner)
{
    struct sink *sink = owner;
    struct pump *pump = sink->pump;
    (void)events;
    size_t done = sink_write(sink, sink->queue + sink->start, sink->size);
    if (!sink->open) {
        return;
    }
    sink->start += done;
    sink->size -= done;
    if (sink->size == 0) {
        sink->start = 0;
        watch_want(watch, 0);
        if (sink->ending) {
            sink_close(sink);
        }
    }
    pump_consumed(pump, done);
    pump_try_free(pump);
}

static void sink_end(struct sink *sink)
{
    sink->ending = 1;
    if (sink->size == 0) {
        sink_close(sink);
    }
}

void pump_write_to(struct pump *pump, int fd, int flow)
{
    struct sink *sink = &pump->sinks[flow];
    sink->open = 1;
    watch_open(&sink->watch, pump->loop, fd, on_sink, sink);
    if (sink->ending) {
        sink_close(sink); /* The peer had nothing to say. */
    }
}

void pump_join(struct pump *pump, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        die("descriptors: %s", strerror(errno));
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    pump->joined = 1;
    pump_read_from(pump, fd, 0);
    pump_write_to(pump, copy, 0);
}

void pump_cut(struct pump *pump)
{
    for (int i = 0; i < 2; i++) {
        size_t size = pump->sinks[i].size;
        sink_close(&pump->sinks[i]);
        pump_consumed(pump, size);
    }
    pump_try_free(pump);
}

/* ---- the stream's callbacks ---- */

static int sink_take(struct sink *sink, const void *data, size_t size)
{
    size_t done = sink->size > 0 ? 0 : sink_write(sink, data, size);
    if (done < size) {
        sink_append(sink, (const char *)data + done, size - done);
    }
    pump_consumed(sink->pump, done);
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct pump *pump = app;
    (void)stream;
    return sink_take(&pump->sinks[0], data, size);
}

static int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct pump *pump = app;
    (void)stream;
    return sink_take(&pump->sinks[1], data, size);
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct pump *pump = app;
    (void)stream;
    for (int i = 0; i < 2 && pump->stream != NULL; i++) {
        source_flush(&pump->sources[i]);
    }
    pump_check_drained(pump);
    return 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    struct pump *pump = app;
    (void)stream;
    sink_end(&pump->sinks[0]);
    sink_end(&pump->sinks[1]);
    return 0;
}

static int on_request(sessile_stream *stream, int request, void *app)
{
    struct pump *pump = app;
    (void)stream;
    if (request == SESSILE_SSH_END_OF_WRITE) {
        source_drop(&pump->sources[0]);
        source_drop(&pump->sources[1]);
        pump_check_drained(pump);
    } else if (pump->hooks->request != NULL) {
        pump->hooks->request(pump, request);
    }
    return 0;
}

static void on_closed(sessile_stream *stream, int error, void *app)
{
    struct pump *pump = app;
    (void)stream;
    if (pump->hooks->closed != NULL) {
        pump->hooks->closed(pump, error);
    }
    pump->stream = NULL;
    for (int i = 0; i < 2; i++) {
        source_drop(&pump->sources[i]);
        sink_end(&pump->sinks[i]);
    }
    pump_try_free(pump);
}

static void on_release(void *app)
{
    on_closed(NULL, SESSILE_ERR_GONE, app);
}

/* ---- life ---- */

struct pump *pump_new(struct loop *loop, const struct pump_hooks *hooks, void *owner)
{
    struct pump *pump = need_alloc(sizeof *pump);
    memset(pump, 0, sizeof *pump);
    pump->loop = loop;
    pump->hooks = hooks;
    pump->owner = owner;
    for (int i = 0; i < 2; i++) {
        pump->sources[i].pump = pump;
        pump->sources[i].second = i == 1;
        pump->sinks[i].pump = pump;
    }
    return pump;
}

sessile_callbacks *pump_callbacks(void)
{
    sessile_callbacks *callbacks = shared_callbacks;
    if (callbacks == NULL) {
        callbacks = shared_callbacks = sessile_callbacks_new();
        if (callbacks == NULL) {
            die("no memory for callbacks");
        }
        sessile_callbacks_set_data(callbacks, on_data);
        sessile_callbacks_set_stderr(callbacks, on_stderr);
        sessile_callbacks_set_writable(callbacks, on_writable);
        sessile_callbacks_set_end(callbacks, on_end);
        sessile_callbacks_set_request(callbacks, on_request);
        sessile_callbacks_set_stream_closed(callbacks, on_closed);
    }
    return callbacks;
}

void pump_forget_callbacks(void)
{
    sessile_callbacks_free(shared_callbacks);
    shared_callbacks = NULL;
}

void pump_attach(struct pump *pump, sessile_stream *stream)
{
    pump->stream = stream;
    if (stream == NULL) {
        on_closed(NULL, SESSILE_ERR_REFUSED, pump);
        return;
    }
    sessile_stream_set_manual(stream, 1);
    sessile_stream_set_release(stream, on_release);
}

void pump_take(struct pump *pump, sessile_stream *stream)
{
    int r = sessile_stream_set_callbacks(stream, pump_callbacks(), pump);
    pump_attach(pump, r == 0 ? stream : NULL);
}
