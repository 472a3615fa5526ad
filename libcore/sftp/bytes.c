/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes in and out: queues, messages cut from what arrives, messages put into what is sent. */
#include <limits.h>
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

/* ---- queues ---- */

static int queue_grow(struct queue *queue, size_t size)
{
    size_t capacity = queue->capacity ? queue->capacity : 256;
    uint8_t *data;

    if (size > SIZE_MAX / 4 - queue->size)
        return SESSILE_ERR_MEMORY;
    while (capacity < queue->size + size)
        capacity *= 2;
    if (!(data = mem_alloc(capacity)))
        return SESSILE_ERR_MEMORY;
    if (queue->data)
        memcpy(data, queue->data + queue->start, queue->size);
    mem_free(queue->data);
    queue->data = data;
    queue->start = 0;
    queue->capacity = capacity;
    return SESSILE_OK;
}

uint8_t *queue_room(struct queue *queue, size_t size)
{
    uint8_t *at;

    if (queue->capacity - queue->start - queue->size < size && queue->start) {
        memmove(queue->data, queue->data + queue->start, queue->size);
        queue->start = 0;
    }
    if ((!queue->data || queue->capacity - queue->size < size) && queue_grow(queue, size) < 0)
        return NULL;
    at = queue->data + queue->start + queue->size;
    queue->size += size;
    return at;
}

int queue_append(struct queue *queue, const void *data, size_t size)
{
    uint8_t *at = queue_room(queue, size);

    if (!at)
        return SESSILE_ERR_MEMORY;
    if (size)
        memcpy(at, data, size);
    return SESSILE_OK;
}

void queue_drop(struct queue *queue, size_t size)
{
    queue->start += size;
    queue->size -= size;
    if (!queue->size)
        queue->start = 0;
}

void queue_free(struct queue *queue)
{
    mem_free(queue->data);
    memset(queue, 0, sizeof *queue);
}

/* ---- out ---- */

size_t out_size(const sessile_sftp *sftp)
{
    return sftp->out.size + sftp->going.size;
}

int out_message(sessile_sftp *sftp, struct writer *w, const void *data, size_t data_size)
{
    size_t whole = 4 + w->size + (data ? data_size : 0);
    uint8_t *room = w->failed ? NULL : queue_room(&sftp->out, whole);
    struct writer out;

    if (room) {
        out = writer_in(room, whole);
        put_u32(&out, (uint32_t)(w->size + data_size));
        put_bytes(&out, w->data, w->size);
        if (data)
            put_bytes(&out, data, data_size);
    }
    writer_free(w);
    return room ? SESSILE_OK : SESSILE_ERR_MEMORY;
}

static int out_write(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    int taken;

    if (sftp->stream)
        return sessile_stream_write(sftp->stream, data, size);
    taken = sftp->send(sftp, data, size, sftp->app);
    return taken > 0 && (size_t)taken > size ? SESSILE_ERR_CALLBACK : taken;
}

static void out_next(sessile_sftp *sftp)
{
    struct queue empty = sftp->going;

    sftp->going = sftp->out;
    sftp->out = empty;
}

/* It may become writable again before a short write has returned, and says so just once. */
static int out_piece(sessile_sftp *sftp)
{
    int taken;

    sftp->writable = 0;
    taken = out_write(sftp, sftp->going.data + sftp->going.start, sftp->going.size);
    if (taken < 0) {
        if (!sftp->gone)
            sftp_fail(sftp, SESSILE_ERR_COMM, "%zu bytes could not be sent: %s", sftp->going.size,
                      sessile_error_name(taken));
        return taken;
    }
    queue_drop(&sftp->going, (size_t)taken);
    sftp->blocked = sftp->going.size && !sftp->writable;
    return taken;
}

int out_flush(sessile_sftp *sftp)
{
    int any = 0;

    if (sftp->writing || sftp->gone || sftp->error || !sftp->started)
        return 0;
    sftp->writing = 1;
    while (out_size(sftp) && !sftp->blocked && !sftp->gone && !sftp->freed) {
        if (!sftp->going.size)
            out_next(sftp);
        if (out_piece(sftp) < 0)
            break;
        any = 1;
    }
    sftp->writing = 0;
    return any;
}

/* ---- in ---- */

static int in_full(const sessile_sftp *sftp)
{
    return sftp->role == SESSILE_SERVER && server_full(sftp);
}

static int in_message(sessile_sftp *sftp, struct reader r)
{
    int type = get_u8(&r);

    if (!sftp->hello)
        return hello_receive(sftp, type, &r);
    return sftp->role == SESSILE_CLIENT ? client_message(sftp, type, &r) : server_message(sftp, type, &r);
}

/* A message from the start of data. Returns how many bytes it took; 0: it is not whole; negative: failed. */
static int in_whole(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    struct reader r = reader_of(data, size);
    uint32_t length = get_u32(&r);
    int head;

    if (size < 4) {
        sftp->need = 4;
        return 0;
    }
    if (!length || length > MESSAGE_LIMIT)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "a message of %u bytes: 1 to %d are possible", length,
                         MESSAGE_LIMIT);
    sftp->need = 4 + (size_t)length;
    if (sftp->role == SESSILE_CLIENT && sftp->hello) {
        head = client_stream_head(sftp, data, size, &sftp->need);
        if (head)
            return head;
    }
    if (size < sftp->need)
        return 0;
    head = in_message(sftp, reader_of(r.data, length));
    return head < 0 ? head : 4 + (int)length;
}

/* One step from the start of data: bytes taken, 0 for none, negative: failed. */
static int in_step(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    if (sftp_over(sftp) || sftp->ending)
        return size > INT_MAX ? INT_MAX : (int)size; /* nobody wants it */
    if (!size || in_full(sftp))
        return 0;
    if (sftp->client.incoming_left)
        return client_stream(sftp, data, size);
    return in_whole(sftp, data, size);
}

static size_t in_steps(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    size_t done = 0;
    int taken;

    while (done < size && (taken = in_step(sftp, data + done, size - done)) != 0)
        done = taken < 0 ? size : done + (size_t)taken;
    return done;
}

static int in_keep(sessile_sftp *sftp, struct queue *queue, const uint8_t *data, size_t size)
{
    if (size && queue_append(queue, data, size) < 0)
        return sftp_fail(sftp, SESSILE_ERR_MEMORY, "no memory for %zu bytes that arrived", size);
    return SESSILE_OK;
}

/* Steps through what is kept; new bytes only ever come behind it, and its memory stays until this is done. */
static size_t in_take_kept(sessile_sftp *sftp)
{
    size_t done = in_steps(sftp, sftp->in.data + sftp->in.start, sftp->in.size);

    queue_drop(&sftp->in, done);
    return done;
}

/* Add to what is kept until a step is possible with it, or all there is. */
static size_t in_complete(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    size_t lacks = sftp->need > sftp->in.size ? sftp->need - sftp->in.size : 0;
    size_t part = lacks && lacks < size ? lacks : size;

    return in_keep(sftp, &sftp->in, data, part) < 0 ? size : part;
}

int in_receive(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    size_t done = 0;

    if (sftp->taking)
        return in_keep(sftp, &sftp->later, data, size);
    sftp->taking = 1;
    while (done < size && sftp->in.size) {
        done += in_complete(sftp, data + done, size - done);
        in_take_kept(sftp);
    }
    if (done < size)
        done += in_steps(sftp, data + done, size - done);
    sftp->taking = 0;
    if (done < size)
        in_keep(sftp, &sftp->in, data + done, size - done);
    return SESSILE_OK;
}

int in_go_on(sessile_sftp *sftp)
{
    struct queue later;
    size_t done;

    if (sftp->taking || (!sftp->in.size && !sftp->later.size))
        return 0;
    sftp->taking = 1;
    done = in_take_kept(sftp);
    sftp->taking = 0;
    if (sftp->later.size) {
        later = sftp->later;
        memset(&sftp->later, 0, sizeof sftp->later);
        in_receive(sftp, later.data + later.start, later.size);
        queue_free(&later);
        return 1;
    }
    return done > 0;
}
