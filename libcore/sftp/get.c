/* SPDX-License-Identifier: Apache-2.0
 *
 * A get hands the first piece's bytes to the sink as they arrive and keeps what arrives of the others. A piece that
 * came short is asked for again from where it ended, and ends and failures wait until everything before them is
 * delivered. */
#include <string.h>

#include "session/memory.h"
#include "sftp/transfer.h"

#define CHUNK_LEAST 512

static void no_memory(sessile_sftp_transfer *t)
{
    transfer_finish(t, SESSILE_ERR_MEMORY, NULL);
}

/* ---- what arrives ---- */

/* Returns whether it still runs. */
static int sink_give(sessile_sftp_transfer *t, const uint8_t *data, size_t size)
{
    uint64_t offset = t->position;
    int result;

    t->refs++;
    t->position += size;
    result = t->sink(t, offset, data, size, t->app);
    if (result > 0)
        t->paused = 1;
    else if (result < 0 && t->running)
        transfer_finish(t, SESSILE_ERR_CALLBACK, NULL);
    transfer_moved(t);
    result = t->running;
    transfer_unref(t);
    return result;
}

static int piece_keep(struct piece *piece, const uint8_t *data, size_t size)
{
    if (!piece->data && !(piece->data = mem_alloc(piece->length))) {
        no_memory(piece->transfer);
        return SESSILE_ERR_MEMORY;
    }
    memcpy(piece->data + piece->have, data, size);
    piece->have += (uint32_t)size;
    return SESSILE_OK;
}

int piece_data(struct piece *piece, const uint8_t *data, size_t size)
{
    sessile_sftp_transfer *t = piece->transfer;

    if (piece != t->first || t->paused || piece->given < piece->have || t->delivering)
        return piece_keep(piece, data, size);
    piece->have += (uint32_t)size;
    piece->given += (uint32_t)size;
    t->refs++;
    t->delivering = 1;
    sink_give(t, data, size);
    t->delivering = 0;
    transfer_unref(t);
    return SESSILE_OK;
}

/* What waits of the first piece. Returns whether there may be more to do. */
static int piece_give(sessile_sftp_transfer *t)
{
    struct piece *piece = t->first;
    uint32_t from = piece->given;
    uint8_t *data = piece->data;
    size_t size = piece->have - from;
    int runs;

    if (from == piece->have)
        return 1;
    if (t->paused)
        return 0;
    piece->given = piece->have;
    piece->data = NULL;
    runs = sink_give(t, data + from, size);
    mem_free(data);
    return runs;
}

void get_advance(sessile_sftp_transfer *t)
{
    struct piece *piece;

    if (t->delivering)
        return;
    t->refs++;
    t->delivering = 1;
    while (t->running && (piece = t->first) && piece_give(t) && t->first == piece) {
        if (piece->done) {
            transfer_finish(t, piece->result, piece->result ? &piece->status : NULL);
            break;
        }
        if (piece->have < piece->length || piece->slot != NO_SLOT)
            break;
        piece_pop(t);
    }
    if (t->running && !t->first && t->ask >= t->end && !t->paused)
        transfer_finish(t, SESSILE_OK, NULL);
    t->delivering = 0;
    transfer_unref(t);
}

void get_answered(struct piece *piece, const struct status *status, int result)
{
    sessile_sftp_transfer *t = piece->transfer;

    if (result == SESSILE_OK && piece->have < piece->length) {
        t->again++;
        if (t->chunk > CHUNK_LEAST && piece->have < t->chunk)
            t->chunk = piece->have > CHUNK_LEAST ? piece->have : CHUNK_LEAST;
    } else if (result != SESSILE_OK) {
        piece->done = 1;
        piece->status = *status;
        piece->result = status->status == SESSILE_SFTP_STATUS_EOF ? SESSILE_OK : result;
    } else if (t->window < t->window_most) {
        t->window = t->window_most - t->window > piece->length ? t->window + piece->length : t->window_most;
    }
    get_advance(t);
}

/* ---- asking ---- */

static int piece_ask(struct piece *piece)
{
    sessile_sftp_transfer *t = piece->transfer;
    struct fields f = {.handle = {reader_of(t->handle, t->handle_size)},
                       .number = {piece->offset + piece->have},
                       .length = piece->length - piece->have};

    return client_submit(t->sftp, op_find(SESSILE_SFTP_READ), &f, NULL, piece, &piece->slot);
}

/* What came short, in the file's order. */
static int get_again(sessile_sftp_transfer *t)
{
    int result = SESSILE_OK;

    for (struct piece *piece = t->first; t->again && piece && result == SESSILE_OK; piece = piece->next) {
        if (piece->slot != NO_SLOT || piece->done || piece->have == piece->length)
            continue;
        if ((result = piece_ask(piece)) == SESSILE_OK)
            t->again--;
    }
    return result;
}

/* How much to ask for next; 0: nothing now. Beyond what is expected there is one piece at a time. */
static size_t get_next(const sessile_sftp_transfer *t)
{
    uint64_t left = t->end - t->ask;
    size_t length = t->chunk;

    if (!left || t->ask - t->position >= t->window || t->ask == UINT64_MAX)
        return 0;
    if (t->ask >= t->expected) {
        if (t->ask > t->expected && t->ask > t->position)
            return 0;
    } else if (t->expected - t->ask < left) {
        left = t->expected - t->ask;
    }
    if (length > left)
        length = (size_t)left;
    return length;
}

int get_ask(sessile_sftp_transfer *t)
{
    struct piece *piece;
    size_t length, again = t->again;
    int result = get_again(t), any = t->again < again;

    while (result == SESSILE_OK && out_size(t->sftp) < OUT_MARK && (length = get_next(t))) {
        if (!(piece = piece_new(t, t->ask, length)))
            return SESSILE_ERR_MEMORY;
        if ((result = piece_ask(piece)) < 0) {
            mem_free(piece);
            break;
        }
        piece_add(piece);
        t->ask += length;
        any = 1;
    }
    return result == SESSILE_ERR_MEMORY ? result : any;
}
