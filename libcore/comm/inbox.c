/* SPDX-License-Identifier: Apache-2.0
 *
 * inbox: keeps what a session did not take, and offers it again.
 *
 * Bytes are offered in the order in which they arrived: what is kept, then the caller's span, then what came in while
 * an offer was on the stack. The span is offered where it lies; only the unit that straddles two spans is copied. While
 * an offer from the kept bytes is on the stack the session still reads them, so bytes that arrive then go to a buffer
 * of their own. No offer is made while fewer bytes are there than the session wants, so feeding costs the same in all
 * whatever its pieces. A session that takes nothing now is offered all the same, which is cheap: it resumes only where
 * it has refused something.
 *
 * The session may be freed inside any callback. Its release marks the inbox dead, and the last frame frees it.
 */
#include <sessile/error.h>
#include <sessile/inbox.h>
#include <sessile/session.h>

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "session/memory.h"

#define INBOX_LIMIT ((size_t)256 * 1024)
#define INBOX_SMALLEST ((size_t)256)

/* Bytes in order. start grows as they are taken, and goes back to 0 when room is needed or nothing is left. */
struct bytes {
    uint8_t *data;
    size_t start;
    size_t size;
    size_t capacity;
};

struct sessile_inbox {
    sessile_session *session;
    void *handle;
    sessile_comm_send send;
    sessile_comm_close close;
    sessile_comm_resume room;
    sessile_comm_release release;
    struct bytes kept;
    struct bytes late;
    const uint8_t *span; /* of the receive that is on the stack: what is neither taken nor kept */
    size_t span_size;
    size_t limit;
    unsigned frames;
    unsigned offering : 1; /* the loop over offers is on the stack */
    unsigned again : 1;    /* resume came in the meantime */
    unsigned full : 1;     /* the comms layer saw no room, and waits to be told */
    unsigned telling : 1;  /* room is on the stack */
    unsigned closing : 1;  /* the wire is gone; the session is not told yet */
    unsigned half : 1;     /* only the reading side of it is */
    unsigned closed : 1;
    unsigned failed : 1;
    unsigned broken : 1; /* no memory for bytes that had arrived */
    unsigned dead : 1;
};

static void bytes_free(struct bytes *bytes)
{
    mem_free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

/* Moving costs at most what was taken since the last move, and growing doubles: linear in all. */
static int bytes_reserve(struct bytes *bytes, size_t size)
{
    if (bytes->capacity - bytes->start - bytes->size >= size) {
        return 0;
    }
    if (bytes->start >= bytes->size && bytes->capacity - bytes->size >= size) {
        memmove(bytes->data, bytes->data + bytes->start, bytes->size);
        bytes->start = 0;
        return 0;
    }
    size_t capacity = bytes->capacity > INBOX_SMALLEST / 2 ? bytes->capacity * 2 : INBOX_SMALLEST;
    if (size > SIZE_MAX / 4 || bytes->capacity > SIZE_MAX / 4) {
        return SESSILE_ERR_MEMORY;
    }
    while (capacity - bytes->size < size) {
        capacity *= 2;
    }
    uint8_t *data = mem_alloc(capacity);
    if (data == NULL) {
        return SESSILE_ERR_MEMORY;
    }
    if (bytes->size > 0) {
        memcpy(data, bytes->data + bytes->start, bytes->size);
    }
    mem_free(bytes->data);
    bytes->data = data;
    bytes->start = 0;
    bytes->capacity = capacity;
    return 0;
}

static int bytes_append(struct bytes *bytes, const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    int r = bytes_reserve(bytes, size);
    if (r != 0) {
        return r;
    }
    memcpy(bytes->data + bytes->start + bytes->size, data, size);
    bytes->size += size;
    return 0;
}

/* An idle inbox holds no buffer. */
static void bytes_take(struct bytes *bytes, size_t size)
{
    bytes->start += size;
    bytes->size -= size;
    if (bytes->size == 0) {
        bytes_free(bytes);
    }
}

static size_t inbox_holds(const sessile_inbox *inbox)
{
    return inbox->kept.size + inbox->span_size + inbox->late.size;
}

/* At least one unit must fit, or the session could never go on. */
static size_t inbox_space(const sessile_inbox *inbox)
{
    size_t limit = sessile_session_want_max(inbox->session);
    size_t holds = inbox_holds(inbox);
    if (limit < inbox->limit) {
        limit = inbox->limit;
    }
    return holds < limit ? limit - holds : 0;
}

/* The session is asked only where the limit alone does not suffice. */
static int inbox_fits(const sessile_inbox *inbox, size_t size)
{
    size_t holds = inbox_holds(inbox);
    return (holds <= inbox->limit && size <= inbox->limit - holds) || size <= inbox_space(inbox);
}

static void inbox_enter(sessile_inbox *inbox)
{
    inbox->frames++;
}

static void inbox_leave(sessile_inbox *inbox)
{
    if (--inbox->frames > 0 || !inbox->dead) {
        return;
    }
    bytes_free(&inbox->kept);
    bytes_free(&inbox->late);
    mem_free(inbox);
}

static int inbox_status(sessile_inbox *inbox)
{
    if (inbox->dead) {
        return SESSILE_ERR_GONE;
    }
    if (inbox->broken) {
        return SESSILE_ERR_MEMORY;
    }
    return inbox->failed ? SESSILE_ERR_FAILED : 0;
}

/* Bytes that arrived are lost: the session must not go on as if they had never been. An offer may be on the stack: what
 * it reads stays until that returns. */
static void inbox_break(sessile_inbox *inbox)
{
    inbox->broken = 1;
    sessile_session_abort(inbox->session);
}

/* After a failure nobody has a use for what is left. */
static void inbox_drop(sessile_inbox *inbox)
{
    inbox->span_size = 0;
    bytes_free(&inbox->kept);
    bytes_free(&inbox->late);
}

/* ---- offering ---- */

static size_t offer(sessile_inbox *inbox, const uint8_t *data, size_t size)
{
    int taken = sessile_session_receive(inbox->session, data, size);
    if (taken >= 0) {
        return (size_t)taken;
    }
    /* Not so where another thread is inside the session. */
    inbox->failed = !inbox->dead && sessile_session_error(inbox->session) != SESSILE_ERR_BUSY;
    return 0;
}

static void offer_span(sessile_inbox *inbox)
{
    size_t taken = offer(inbox, inbox->span, inbox->span_size);
    inbox->span += taken;
    inbox->span_size -= taken;
}

/* Complete the kept unit from the span, with no more of it than that takes. */
static size_t offer_kept(sessile_inbox *inbox, size_t want)
{
    if (inbox->kept.size < want) {
        size_t missing = want - inbox->kept.size;
        size_t size = missing < inbox->span_size ? missing : inbox->span_size;
        if (bytes_append(&inbox->kept, inbox->span, size) != 0) {
            inbox_break(inbox);
            return 0;
        }
        inbox->span += size;
        inbox->span_size -= size;
    }
    if (inbox->kept.size < want) {
        return 0;
    }
    size_t taken = offer(inbox, inbox->kept.data + inbox->kept.start, inbox->kept.size);
    bytes_take(&inbox->kept, taken);
    return taken;
}

/* One offer. Returns whether the next one may get further. What is left of a span is no whole unit, or was refused. */
static int inbox_step(sessile_inbox *inbox)
{
    if (inbox->kept.size == 0) {
        if (inbox->span_size > 0) {
            offer_span(inbox);
        }
        return 0;
    }
    size_t want = sessile_session_want(inbox->session);
    size_t taken = offer_kept(inbox, want);
    if (inbox->dead || inbox->broken) {
        return 0;
    }
    return taken > 0 || sessile_session_want(inbox->session) > want;
}

/* Keep what is left of the span, and behind it what came late. Returns whether anything did. */
static int inbox_absorb(sessile_inbox *inbox)
{
    int came = inbox->late.size > 0;
    int r = bytes_append(&inbox->kept, inbox->span, inbox->span_size);
    inbox->span_size = 0;
    if (r == 0 && came) {
        r = bytes_append(&inbox->kept, inbox->late.data + inbox->late.start, inbox->late.size);
    }
    bytes_free(&inbox->late);
    if (r != 0) {
        inbox_break(inbox);
        return 0;
    }
    return came;
}

/* The verdict on how the session ended depends on what was left, so everything is offered before, however short. */
static void inbox_tell_closed(sessile_inbox *inbox)
{
    inbox->closing = 0;
    inbox->closed = 1;
    if (inbox->kept.size > 0) {
        size_t taken = offer(inbox, inbox->kept.data + inbox->kept.start, inbox->kept.size);
        bytes_take(&inbox->kept, taken);
    }
    if (inbox->dead) {
        return;
    }
    if (inbox->half) {
        sessile_session_receive_end(inbox->session);
    } else {
        sessile_session_close(inbox->session);
    }
}

/* The loop over offers: until the session takes no more and nothing came in behind. */
static void inbox_run(sessile_inbox *inbox)
{
    int more = 1;
    inbox->offering = 1;
    while (more) {
        inbox->again = 0;
        while (inbox_step(inbox)) {
        }
        more = !inbox->dead && !inbox->broken && (inbox_absorb(inbox) || inbox->again);
        if (!more && inbox->closing && !inbox->dead) {
            inbox_tell_closed(inbox);
            more = inbox->again && !inbox->dead;
        }
    }
    inbox->offering = 0;
    if (inbox_status(inbox) != 0) {
        inbox_drop(inbox);
    }
}

static void inbox_tell_room(sessile_inbox *inbox)
{
    if (inbox->telling) {
        return;
    }
    inbox->telling = 1;
    while (!inbox->dead && inbox->full && !inbox->closed && inbox_space(inbox) > 0) {
        inbox->full = 0;
        if (inbox->room != NULL) {
            inbox->room(inbox->handle);
        }
    }
    inbox->telling = 0;
}

/* ---- the session's comms callbacks ---- */

static int on_send(void *handle, void *buffer, size_t size)
{
    sessile_inbox *inbox = handle;
    return inbox->send(inbox->handle, buffer, size);
}

static void on_close(void *handle)
{
    sessile_inbox *inbox = handle;
    inbox->close(inbox->handle);
}

static void on_resume(void *handle)
{
    sessile_inbox *inbox = handle;
    if (inbox->offering) {
        inbox->again = 1;
        return;
    }
    inbox_enter(inbox);
    inbox_run(inbox);
    inbox_tell_room(inbox);
    inbox_leave(inbox);
}

static void on_release(void *handle)
{
    sessile_inbox *inbox = handle;
    inbox_enter(inbox);
    inbox->dead = 1;
    if (inbox->release != NULL) {
        inbox->release(inbox->handle);
    }
    inbox_leave(inbox);
}

/* ---- public ---- */

sessile_inbox *sessile_inbox_create(void *handle, sessile_comm_send send, sessile_comm_close close,
                                    sessile_session **session)
{
    if (session == NULL) {
        return NULL;
    }
    *session = NULL;
    sessile_inbox *inbox = send == NULL ? NULL : mem_zalloc(sizeof *inbox);
    if (inbox == NULL) {
        return NULL;
    }
    inbox->handle = handle;
    inbox->send = send;
    inbox->close = close;
    inbox->limit = INBOX_LIMIT;
    inbox->session = sessile_session_create(inbox, on_send, close == NULL ? NULL : on_close);
    if (inbox->session == NULL) {
        mem_free(inbox);
        return NULL;
    }
    sessile_session_set_resume(inbox->session, on_resume);
    sessile_session_set_release(inbox->session, on_release);
    *session = inbox->session;
    return inbox;
}

void sessile_inbox_set_room(sessile_inbox *inbox, sessile_comm_resume room)
{
    inbox->room = room;
}

void sessile_inbox_set_release(sessile_inbox *inbox, sessile_comm_release release)
{
    inbox->release = release;
}

void sessile_inbox_set_limit(sessile_inbox *inbox, size_t limit)
{
    inbox->limit = limit < INT_MAX ? limit : INT_MAX;
}

static int inbox_nested(sessile_inbox *inbox, const uint8_t *data, size_t size)
{
    if (bytes_append(&inbox->late, data, size) != 0) {
        inbox_break(inbox);
    }
    return inbox_status(inbox);
}

int sessile_inbox_receive(sessile_inbox *inbox, const void *data, size_t size)
{
    if (inbox == NULL || (data == NULL && size > 0)) {
        return SESSILE_ERR_ARGUMENT;
    }
    int r = inbox_status(inbox);
    if (r != 0 || size == 0) {
        return r;
    }
    if (inbox->closing || inbox->closed) {
        return SESSILE_ERR_CLOSED;
    }
    if (!inbox_fits(inbox, size)) {
        inbox->full = 1;
        return SESSILE_ERR_LIMIT;
    }
    inbox_enter(inbox);
    if (inbox->offering) {
        r = inbox_nested(inbox, data, size);
    } else {
        inbox->span = data;
        inbox->span_size = size;
        inbox_run(inbox);
        inbox_tell_room(inbox);
        r = inbox_status(inbox);
    }
    inbox_leave(inbox);
    return r;
}

size_t sessile_inbox_room(sessile_inbox *inbox)
{
    if (inbox == NULL || inbox_status(inbox) != 0 || inbox->closing || inbox->closed) {
        return 0;
    }
    size_t space = inbox_space(inbox);
    inbox->full = space == 0;
    return space;
}

size_t sessile_inbox_kept(sessile_inbox *inbox, const void **data)
{
    /* How much of an offer was taken is known when it returns. */
    int known = inbox != NULL && !inbox->offering && inbox->kept.size > 0;
    if (data != NULL) {
        *data = known ? inbox->kept.data + inbox->kept.start : NULL;
    }
    return known ? inbox->kept.size : 0;
}

static void inbox_end(sessile_inbox *inbox)
{
    inbox->closing = 1;
    if (inbox->offering) {
        return; /* The loop does it, after what arrived before. */
    }
    inbox_enter(inbox);
    inbox_run(inbox);
    inbox_leave(inbox);
}

void sessile_inbox_receive_end(sessile_inbox *inbox)
{
    if (inbox == NULL || inbox->dead || inbox->closing || inbox->closed) {
        return;
    }
    inbox->half = 1;
    inbox_end(inbox);
}

void sessile_inbox_close(sessile_inbox *inbox)
{
    if (inbox == NULL || inbox->dead) {
        return;
    }
    if (!inbox->closing && !inbox->closed) {
        inbox_end(inbox);
    } else if (inbox->half) {
        inbox->half = 0;
        if (inbox->closed) {
            sessile_session_close(inbox->session);
        }
    }
}
