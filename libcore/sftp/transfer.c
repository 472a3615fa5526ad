/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files: what both directions share. What lies between the position and the next byte to ask for is the window,
 * so memory is bounded by it. Transfers take turns. */
#include <string.h>

#include "session/memory.h"
#include "sftp/transfer.h"

#define WINDOW_DEFAULT ((size_t)16 << 20)
#define WINDOW_LEAST ((size_t)32 << 10)
#define WINDOW_MOST ((size_t)1 << 30)
#define CHUNKS_FIRST 8

/* ---- life ---- */

sessile_sftp_transfer *sessile_sftp_transfer_new(sessile_sftp *sftp, sessile_on_sftp_transfer done, void *app)
{
    sessile_sftp_transfer *t;

    if (!sftp || sftp->freed || sftp->role != SESSILE_CLIENT || !(t = mem_zalloc(sizeof *t)))
        return NULL;
    t->sftp = sftp;
    t->refs = 1;
    t->done = done;
    t->app = app;
    t->window_most = WINDOW_DEFAULT;
    t->expected = UINT64_MAX;
    t->last = &t->first;
    sftp_ref(sftp);
    return t;
}

void transfer_unref(sessile_sftp_transfer *t)
{
    if (--t->refs > 0)
        return;
    sftp_unref(t->sftp);
    mem_free(t);
}

static void piece_free(struct piece *piece)
{
    client_forget(piece->transfer->sftp, piece->slot);
    mem_free(piece->data);
    mem_free(piece);
}

static void pieces_free(sessile_sftp_transfer *t)
{
    struct piece *piece;

    while ((piece = t->first)) {
        t->first = piece->next;
        piece_free(piece);
    }
    t->last = &t->first;
    t->again = 0;
    t->flying = 0;
}

static void transfer_unlink(sessile_sftp_transfer *t)
{
    sessile_sftp_transfer **link = &t->sftp->client.transfers;

    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    t->next = NULL;
    t->running = 0;
}

void transfer_finish(sessile_sftp_transfer *t, int result, const struct status *status)
{
    static const struct status none;

    if (!t->running)
        return;
    t->status = status ? *status : none;
    t->result = result;
    pieces_free(t);
    transfer_unlink(t);
    if (!t->freed && !t->sftp->freed && t->done)
        sftp_result(t->sftp, t->done(t, t->app), "done");
    transfer_unref(t);
}

void sessile_sftp_transfer_free(sessile_sftp_transfer *t)
{
    if (!t || t->freed)
        return;
    t->freed = 1;
    transfer_finish(t, SESSILE_ERR_ABORTED, NULL);
    transfer_unref(t);
}

void transfers_end(sessile_sftp *sftp, int error)
{
    sessile_sftp_transfer *t;

    /* Nothing is under way any more. */
    for (t = sftp->client.transfers; t; t = t->next)
        for (struct piece *piece = t->first; piece; piece = piece->next)
            piece->slot = NO_SLOT;
    while ((t = sftp->client.transfers))
        transfer_finish(t, error, NULL);
}

/* ---- what it is told ---- */

void transfer_moved(sessile_sftp_transfer *t)
{
    if (t->progress && t->running && !t->sftp->freed)
        sftp_result(t->sftp, t->progress(t, t->app), "progress");
}

int sessile_sftp_transfer_set_progress(sessile_sftp_transfer *t, sessile_on_sftp_transfer progress)
{
    if (!t)
        return SESSILE_ERR_ARGUMENT;
    t->progress = progress;
    return SESSILE_OK;
}

int sessile_sftp_transfer_set_window(sessile_sftp_transfer *t, size_t window)
{
    if (!t || window < WINDOW_LEAST || window > WINDOW_MOST)
        return SESSILE_ERR_ARGUMENT;
    t->window_most = window;
    if (t->window > window)
        t->window = window;
    return SESSILE_OK;
}

int sessile_sftp_transfer_set_expected(sessile_sftp_transfer *t, uint64_t size)
{
    if (!t)
        return SESSILE_ERR_ARGUMENT;
    t->expected = size;
    return SESSILE_OK;
}

uint64_t sessile_sftp_transfer_position(sessile_sftp_transfer *t)
{
    return t ? t->position : 0;
}

int sessile_sftp_transfer_result(sessile_sftp_transfer *t)
{
    return t ? t->result : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_transfer_status(sessile_sftp_transfer *t)
{
    return t ? t->status.status : SESSILE_SFTP_STATUS_FAILURE;
}

const char *sessile_sftp_transfer_text(sessile_sftp_transfer *t)
{
    return t ? t->status.text : "";
}

/* ---- the start ---- */

static int transfer_may_begin(const sessile_sftp_transfer *t, const void *handle, size_t handle_size)
{
    int result;

    if (!t || !handle || !handle_size || handle_size > HANDLE_LIMIT)
        return SESSILE_ERR_ARGUMENT;
    if ((result = sftp_live(t->sftp)) < 0)
        return result;
    return t->running || t->freed || !t->sftp->hello ? SESSILE_ERR_MISUSE : SESSILE_OK;
}

static int transfer_begin(sessile_sftp_transfer *t, const void *handle, size_t handle_size, uint64_t offset, int limit)
{
    sessile_sftp *sftp = t->sftp;

    memcpy(t->handle, handle, handle_size);
    t->handle_size = handle_size;
    t->position = t->ask = offset;
    t->chunk = (size_t)sftp->limits[limit];
    t->window = CHUNKS_FIRST * t->chunk < t->window_most ? CHUNKS_FIRST * t->chunk : t->window_most;
    if (t->chunk > t->window)
        t->chunk = t->window;
    t->result = SESSILE_OK;
    memset(&t->status, 0, sizeof t->status);
    t->paused = t->ended = t->turn = 0;
    t->running = 1;
    t->refs++; /* the list's */
    t->next = sftp->client.transfers;
    sftp->client.transfers = t;
    sftp_enter(sftp);
    return sftp_leave(sftp, SESSILE_OK);
}

int sessile_sftp_get(sessile_sftp_transfer *t, const void *handle, size_t handle_size, uint64_t offset, uint64_t length,
                     sessile_on_sftp_sink sink)
{
    int result = transfer_may_begin(t, handle, handle_size);

    if (result < 0)
        return result;
    if (!sink || (length != UINT64_MAX && length > UINT64_MAX - offset))
        return SESSILE_ERR_ARGUMENT;
    t->sink = sink;
    t->source = NULL;
    t->end = length == UINT64_MAX ? UINT64_MAX : offset + length;
    return transfer_begin(t, handle, handle_size, offset, SESSILE_SFTP_LIMIT_READ);
}

int sessile_sftp_put(sessile_sftp_transfer *t, const void *handle, size_t handle_size, uint64_t offset,
                     sessile_on_sftp_source source)
{
    int result = transfer_may_begin(t, handle, handle_size);

    if (result < 0)
        return result;
    if (!source)
        return SESSILE_ERR_ARGUMENT;
    t->source = source;
    t->sink = NULL;
    t->end = UINT64_MAX;
    return transfer_begin(t, handle, handle_size, offset, SESSILE_SFTP_LIMIT_WRITE);
}

int sessile_sftp_transfer_resume(sessile_sftp_transfer *t)
{
    if (!t)
        return SESSILE_ERR_ARGUMENT;
    t->paused = 0;
    if (t->sftp->freed)
        return SESSILE_OK;
    sftp_enter(t->sftp);
    return sftp_leave(t->sftp, SESSILE_OK);
}

int sessile_sftp_transfer_skip(sessile_sftp_transfer *t, uint64_t size)
{
    if (!t)
        return SESSILE_ERR_ARGUMENT;
    if (!t->sourcing || size > UINT64_MAX - t->ask)
        return SESSILE_ERR_MISUSE;
    t->ask += size;
    return SESSILE_OK;
}

int sessile_sftp_transfer_stop(sessile_sftp_transfer *t)
{
    sessile_sftp *sftp;

    if (!t)
        return SESSILE_ERR_ARGUMENT;
    if (!t->running)
        return SESSILE_ERR_MISUSE;
    sftp = t->sftp;
    sftp_enter(sftp);
    transfer_finish(t, SESSILE_ERR_ABORTED, NULL);
    return sftp_leave(sftp, SESSILE_OK);
}

/* ---- pieces ---- */

struct piece *piece_new(sessile_sftp_transfer *t, uint64_t offset, size_t length)
{
    struct piece *piece = mem_zalloc(sizeof *piece);

    if (!piece)
        return NULL;
    piece->transfer = t;
    piece->offset = offset;
    piece->length = (uint32_t)length;
    piece->slot = NO_SLOT;
    return piece;
}

void piece_add(struct piece *piece)
{
    sessile_sftp_transfer *t = piece->transfer;

    *t->last = piece;
    t->last = &piece->next;
}

void piece_pop(sessile_sftp_transfer *t)
{
    struct piece *piece = t->first;

    t->first = piece->next;
    if (!t->first)
        t->last = &t->first;
    piece_free(piece);
}

void piece_answered(struct piece *piece, const struct status *status, int result)
{
    sessile_sftp_transfer *t = piece->transfer;

    t->refs++;
    piece->slot = NO_SLOT;
    if (t->sink)
        get_answered(piece, status, result);
    else
        put_answered(piece, status, result);
    transfer_unref(t);
}

/* ---- all of them, in turn ---- */

static int transfer_pump(sessile_sftp_transfer *t)
{
    int any;

    t->refs++;
    if (t->sink)
        get_advance(t);
    any = !t->running ? 0 : t->sink ? get_ask(t) : put_ask(t);
    if (any < 0) {
        transfer_finish(t, any, NULL);
        any = 0;
    }
    transfer_unref(t);
    return any;
}

static sessile_sftp_transfer *next_in_turn(sessile_sftp *sftp)
{
    sessile_sftp_transfer *t = sftp->client.transfers;

    while (t && t->turn)
        t = t->next;
    return t;
}

int transfers_pump(sessile_sftp *sftp)
{
    sessile_sftp_transfer *t;
    int any = 0;

    for (t = sftp->client.transfers; t; t = t->next)
        t->turn = 0;
    while (!sftp_over(sftp) && !sftp->ending && (t = next_in_turn(sftp))) {
        t->turn = 1;
        any |= transfer_pump(t);
    }
    return any;
}
