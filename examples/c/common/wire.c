/* SPDX-License-Identifier: Apache-2.0
 *
 * The comms layer of the examples. Its life: open; closing (the session is done with it) while the queue drains;
 * perhaps lingering; gone (descriptors closed); and freed once the session has been released too, when no frame is on
 * the stack.
 */
#include "common/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sessile/inbox.h>

#include "common/net.h"
#include "common/util.h"

#define QUEUE_MARK ((size_t)256 * 1024)
#define LINGER_SECONDS 2.0
#define LINGER_BYTES ((size_t)1024 * 1024)

struct wire {
    struct loop *loop;
    struct watch watches[2];
    struct watch *in;
    struct watch *out;        /* the same as in for a socket */
    sessile_session *session; /* NULL once it is freed */
    sessile_inbox *inbox;
    char *queue;
    size_t start;
    size_t size;
    size_t capacity;
    size_t feed;
    size_t lingered;
    struct timer timer;
    void (*on_gone)(void *owner);
    void *owner;
    unsigned holding : 1;
    unsigned linger : 1;
    unsigned end_of_file : 1;
    unsigned broken : 1; /* the peer takes no more */
    unsigned closing : 1;
    unsigned lingering : 1;
    unsigned gone : 1;
};

static void wire_update(struct wire *wire)
{
    if (wire->gone) {
        return;
    }
    int reading = !wire->end_of_file &&
                  (wire->lingering || (!wire->closing && wire->session != NULL && sessile_inbox_room(wire->inbox) > 0));
    uint32_t in = reading ? EPOLLIN : 0;
    uint32_t out = wire->size > 0 ? EPOLLOUT : 0;
    if (wire->in == wire->out) {
        watch_want(wire->in, in | out);
    } else {
        watch_want(wire->in, in);
        watch_want(wire->out, out);
    }
}

/* ---- the end ---- */

static void wire_free(void *owner)
{
    struct wire *wire = owner;
    free(wire->queue);
    free(wire);
}

static void wire_try_free(struct wire *wire)
{
    if (wire->gone && wire->session == NULL) {
        loop_later(wire->loop, wire_free, wire);
    }
}

static void wire_gone(void *owner)
{
    struct wire *wire = owner;
    if (wire->gone) {
        return;
    }
    wire->gone = 1;
    timer_stop(&wire->timer, wire->loop);
    watch_close(wire->in);
    close(wire->in->fd);
    if (wire->out != wire->in) {
        watch_close(wire->out);
        close(wire->out->fd);
    }
    if (wire->on_gone != NULL) {
        wire->on_gone(wire->owner);
    }
    wire_try_free(wire);
}

/* Closing a socket with unread bytes in it makes the system throw away what the peer has not fetched yet. So: end our
 * direction, and wait for the peer to end its own. */
static void wire_finish(struct wire *wire)
{
    if (wire->gone || !wire->closing || wire->size > 0 || wire->lingering) {
        return;
    }
    if (!wire->linger || wire->end_of_file || wire->broken || shutdown(wire->out->fd, SHUT_WR) != 0) {
        wire_gone(wire);
        return;
    }
    wire->lingering = 1;
    timer_start(&wire->timer, wire->loop, LINGER_SECONDS, wire_gone, wire);
    wire_update(wire);
}

void wire_cut(struct wire *wire)
{
    wire->size = 0;
    wire_gone(wire);
}

/* ---- out ---- */

/* The system's write error says little. The reason may wait among the bytes that arrived, so reading goes on until they
 * end. */
static void wire_break(struct wire *wire)
{
    wire->broken = 1;
    wire->size = 0;
    if (wire->end_of_file && wire->session != NULL && !wire->closing) {
        sessile_inbox_close(wire->inbox);
    }
}

static size_t wire_write(struct wire *wire, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size && !wire->broken) {
        ssize_t n = write(wire->out->fd, data + done, size - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            wire_break(wire);
        }
    }
    return wire->broken ? size : done;
}

static void queue_append(struct wire *wire, const char *data, size_t size)
{
    if (wire->start + wire->size + size > wire->capacity) {
        size_t capacity = 2 * (wire->size + size);
        char *queue = need_alloc(capacity);
        if (wire->size > 0) {
            memcpy(queue, wire->queue + wire->start, wire->size);
        }
        free(wire->queue);
        wire->queue = queue;
        wire->start = 0;
        wire->capacity = capacity;
    }
    memcpy(wire->queue + wire->start + wire->size, data, size);
    wire->size += size;
}

static void wire_flush(struct wire *wire)
{
    size_t done = wire_write(wire, wire->queue + wire->start, wire->size);
    wire->start += done;
    wire->size -= wire->size > done ? done : wire->size;
    if (wire->size == 0) {
        free(wire->queue);
        wire->queue = NULL;
        wire->start = wire->capacity = 0;
        if (wire->holding && wire->session != NULL) {
            wire->holding = 0;
            sessile_session_hold(wire->session, 0);
        }
        wire_finish(wire);
    }
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct wire *wire = handle;
    size_t done = wire->size > 0 ? 0 : wire_write(wire, buffer, size);
    if (wire->broken || done == size) {
        return 0;
    }
    queue_append(wire, (const char *)buffer + done, size - done);
    if (wire->size > QUEUE_MARK && !wire->holding) {
        wire->holding = 1;
        sessile_session_hold(wire->session, 1);
    }
    wire_update(wire);
    return 0;
}

/* ---- in ---- */

static void wire_end_of_file(struct wire *wire)
{
    wire->end_of_file = 1;
    if (wire->lingering) {
        wire_gone(wire);
    } else if (wire->session != NULL && !wire->closing && wire->broken) {
        sessile_inbox_close(wire->inbox);
    } else if (wire->session != NULL && !wire->closing) {
        sessile_inbox_receive_end(wire->inbox);
    }
}

static void wire_hand_in(struct wire *wire, const uint8_t *data, size_t size)
{
    while (size > 0 && wire->session != NULL && !wire->closing) {
        size_t piece = size < wire->feed ? size : wire->feed;
        if (sessile_inbox_receive(wire->inbox, data, piece) != 0) {
            return; /* The session has failed, and its close has been called. */
        }
        data += piece;
        size -= piece;
    }
}

static void wire_read(struct wire *wire)
{
    size_t room = LOOP_SCRATCH;
    if (!wire->lingering) {
        room = wire->session == NULL || wire->closing ? 0 : sessile_inbox_room(wire->inbox);
    }
    if (room == 0 || wire->end_of_file) {
        return;
    }
    ssize_t n = read(wire->in->fd, wire->loop->scratch, room < LOOP_SCRATCH ? room : LOOP_SCRATCH);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        wire_end_of_file(wire);
    } else if (!wire->lingering) {
        wire_hand_in(wire, wire->loop->scratch, (size_t)n);
    } else {
        wire->lingered += (size_t)n;
        if (wire->lingered > LINGER_BYTES) {
            wire_gone(wire);
        }
    }
}

static void on_ready(struct watch *watch, uint32_t events, void *owner)
{
    struct wire *wire = owner;
    if (watch == wire->out && wire->size > 0 && (events & ~(uint32_t)EPOLLIN) != 0) {
        wire_flush(wire);
    }
    if (watch == wire->in && !wire->gone && (events & ~(uint32_t)EPOLLOUT) != 0) {
        wire_read(wire);
    }
    wire_update(wire);
}

static void on_room(void *handle)
{
    wire_update(handle);
}

static void on_close(void *handle)
{
    struct wire *wire = handle;
    wire->closing = 1;
    wire_finish(wire);
    wire_update(wire);
}

static void on_release(void *handle)
{
    struct wire *wire = handle;
    wire->session = NULL;
    wire->inbox = NULL;
    if (wire->gone) {
        wire_try_free(wire);
    } else {
        on_close(wire);
    }
}

/* ---- public ---- */

struct wire *wire_open(struct loop *loop, int in, int out, sessile_session **session)
{
    struct wire *wire = need_alloc(sizeof *wire);
    memset(wire, 0, sizeof *wire);
    wire->loop = loop;
    wire->feed = LOOP_SCRATCH;
    wire->inbox = sessile_inbox_create(wire, on_send, on_close, session);
    if (wire->inbox == NULL) {
        die("no memory for a session");
    }
    wire->session = *session;
    sessile_inbox_set_room(wire->inbox, on_room);
    sessile_inbox_set_release(wire->inbox, on_release);
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    wire->in = &wire->watches[0];
    wire->out = in == out ? wire->in : &wire->watches[1];
    watch_open(wire->in, loop, in, on_ready, wire);
    if (wire->out != wire->in) {
        watch_open(wire->out, loop, out, on_ready, wire);
    }
    wire_update(wire);
    return wire;
}

void wire_set_feed(struct wire *wire, size_t size)
{
    wire->feed = size;
}

void wire_set_linger(struct wire *wire)
{
    wire->linger = 1;
}

void wire_name(const struct wire *wire, char *host, size_t size, int *port)
{
    socket_name(wire->in->fd, host, size, port);
}

void wire_on_gone(struct wire *wire, void (*gone)(void *owner), void *owner)
{
    wire->on_gone = gone;
    wire->owner = owner;
}
