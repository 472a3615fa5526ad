/* SPDX-License-Identifier: Apache-2.0
 *
 * A put has its source fill messages right where they wait to be sent, as long as little waits. */
#include <string.h>

#include "session/memory.h"
#include "sftp/transfer.h"

/* Of a WRITE, before its data and beside its handle: length, type, id, handle, offset, length of the data. */
#define WRITE_HEAD 25

/* ---- what is acknowledged ---- */

static void put_advance(sessile_sftp_transfer *t)
{
    uint64_t before = t->position;

    while (t->first && t->first->done)
        piece_pop(t);
    t->position = t->first ? t->first->offset : t->ask;
    if (t->position != before)
        transfer_moved(t);
}

void put_answered(struct piece *piece, const struct status *status, int result)
{
    sessile_sftp_transfer *t = piece->transfer;

    if (result != SESSILE_OK) {
        transfer_finish(t, result, status);
        return;
    }
    piece->done = 1;
    t->flying -= piece->length;
    put_advance(t);
}

/* ---- sending ---- */

static void write_head(struct queue *queue, const sessile_sftp_transfer *t, uint32_t id, size_t size, size_t room)
{
    size_t head = WRITE_HEAD + t->handle_size;
    struct writer w = writer_in(queue->data + queue->start + queue->size - head - room, head);

    put_u32(&w, (uint32_t)(head - 4 + size));
    put_u8(&w, SESSILE_SFTP_WRITE);
    put_u32(&w, id);
    put_sized32(&w, t->handle, t->handle_size);
    put_u64(&w, t->ask);
    put_u32(&w, (uint32_t)size);
    queue->size -= room - size;
}

/* The source fills the end of what waits to be sent, which nobody else sees meanwhile. Returns bytes, 0 or an error. */
static int source_fill(sessile_sftp_transfer *t, uint32_t id)
{
    sessile_sftp *sftp = t->sftp;
    struct queue queue = sftp->out, meanwhile;
    size_t head = WRITE_HEAD + t->handle_size;
    uint8_t *room = queue_room(&queue, head + t->chunk);
    int taken;

    if (!room) {
        sftp->out = queue;
        return SESSILE_ERR_MEMORY;
    }
    memset(&sftp->out, 0, sizeof sftp->out);
    t->sourcing = 1;
    taken = t->source(t, t->ask, room + head, t->chunk, t->app);
    t->sourcing = 0;
    if (taken > 0 && (size_t)taken <= t->chunk && t->running)
        write_head(&queue, t, id, (size_t)taken, t->chunk);
    else
        queue.size -= head + t->chunk;
    meanwhile = sftp->out;
    sftp->out = queue;
    if (meanwhile.size && queue_append(&sftp->out, meanwhile.data + meanwhile.start, meanwhile.size) < 0)
        sftp_fail(sftp, SESSILE_ERR_MEMORY, "no memory for what is to be sent");
    queue_free(&meanwhile);
    return taken > (int)t->chunk ? SESSILE_ERR_CALLBACK : taken;
}

static void put_sent(sessile_sftp_transfer *t, struct piece *piece, uint32_t place, size_t size)
{
    struct slot *slot = &t->sftp->client.slots[place];

    piece->offset = t->ask;
    piece->length = (uint32_t)size;
    piece->slot = place;
    slot->op = op_find(SESSILE_SFTP_WRITE);
    slot->piece = piece;
    piece_add(piece);
    t->ask += size;
    t->flying += size;
}

/* One message. Returns its bytes; 0: none now, or ended; or an error. */
static int put_piece(sessile_sftp_transfer *t)
{
    struct piece *piece;
    uint32_t place;
    int taken = client_take_slot(t->sftp, &place);

    if (taken < 0)
        return taken == SESSILE_ERR_LIMIT ? 0 : taken;
    if (!(piece = piece_new(t, t->ask, 0))) {
        client_drop_slot(t->sftp, place);
        return SESSILE_ERR_MEMORY;
    }
    taken = source_fill(t, client_id(t->sftp, place));
    if (taken > 0 && t->running) {
        put_sent(t, piece, place, (size_t)taken);
        return taken;
    }
    client_drop_slot(t->sftp, place);
    mem_free(piece);
    t->ended |= taken == 0;
    t->paused |= taken == SESSILE_ERR_BUSY;
    return taken < 0 && taken != SESSILE_ERR_BUSY && taken != SESSILE_ERR_MEMORY ? SESSILE_ERR_CALLBACK
           : taken == SESSILE_ERR_MEMORY                                         ? taken
                                                                                 : 0;
}

int put_ask(sessile_sftp_transfer *t)
{
    int any = 0, taken = 1;

    if (t->sourcing)
        return 0;
    while (taken > 0 && t->running && !t->ended && !t->paused && t->flying < t->window_most &&
           out_size(t->sftp) < OUT_MARK) {
        if ((taken = put_piece(t)) > 0)
            any = 1;
    }
    if (taken < 0)
        return taken;
    if (t->running && t->ended && !t->first) {
        put_advance(t);
        transfer_finish(t, SESSILE_OK, NULL);
    }
    return any;
}
