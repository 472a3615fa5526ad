/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files. A transfer is a list of pieces in the file's order, each a read or a write that is under way or has come
 * before its turn.
 *
 * A get hands the first piece's bytes to the sink as they arrive and keeps what arrives of the others. A piece that
 * came short is asked for again from where it ended, and ends and failures wait until everything before them is
 * delivered. What lies between the position and the next byte to ask for is the window, so memory is bounded by it.
 *
 * A put has its source fill messages right where they wait to be sent, as long as little waits. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

#define WINDOW_DEFAULT ((size_t)16 << 20)
#define WINDOW_LEAST ((size_t)32 << 10)
#define WINDOW_MOST ((size_t)1 << 30)
#define CHUNKS_FIRST 8
#define CHUNK_LEAST 512
/* Of a WRITE, before its data and beside its handle: length, type, id, handle, offset, length of the data. */
#define WRITE_HEAD 25

struct piece {
    sessile_sftp_transfer *transfer;
    struct piece *next;
    uint64_t offset;
    uint32_t length;
    uint32_t have;  /* of it arrived */
    uint32_t given; /* to the sink */
    uint32_t slot;  /* NO_SLOT: not under way */
    uint8_t *data;  /* what arrived and waits, from the piece's start; NULL: nothing */
    struct status status;
    int result;
    unsigned done : 1; /* it brings no more; result and status say why */
};

struct sessile_sftp_transfer {
    sessile_sftp *sftp;
    sessile_sftp_transfer *next;
    unsigned refs;
    sessile_on_sftp_transfer done;
    sessile_on_sftp_transfer progress;
    sessile_on_sftp_sink sink;
    sessile_on_sftp_source source;
    void *app;
    uint8_t handle[HANDLE_LIMIT];
    size_t handle_size;
    struct piece *first;
    struct piece **last;
    uint64_t position;
    uint64_t ask;      /* the next byte to ask for, or to send */
    uint64_t end;      /* of what is wanted; UINT64_MAX: the file's */
    uint64_t expected; /* UINT64_MAX: not known */
    uint64_t flying;   /* bytes written and not acknowledged */
    size_t window;     /* as it is now */
    size_t window_most;
    size_t chunk;
    size_t again; /* pieces that came short */
    int result;
    struct status status;
    unsigned running : 1;
    unsigned paused : 1;
    unsigned sourcing : 1;   /* the source is on the stack */
    unsigned ended : 1;      /* the source has no more */
    unsigned delivering : 1; /* the sink is on the stack */
    unsigned freed : 1;
    unsigned turn : 1;
};

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

static void transfer_unref(sessile_sftp_transfer *t)
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

/* Over; who started it is told. The reference of the list goes. */
static void transfer_finish(sessile_sftp_transfer *t, int result, const struct status *status)
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

static void transfer_moved(sessile_sftp_transfer *t)
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

static struct piece *piece_new(sessile_sftp_transfer *t, uint64_t offset, size_t length)
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

static void piece_add(struct piece *piece)
{
    sessile_sftp_transfer *t = piece->transfer;

    *t->last = piece;
    t->last = &piece->next;
}

static void piece_pop(sessile_sftp_transfer *t)
{
    struct piece *piece = t->first;

    t->first = piece->next;
    if (!t->first)
        t->last = &t->first;
    piece_free(piece);
}

static void no_memory(sessile_sftp_transfer *t)
{
    transfer_finish(t, SESSILE_ERR_MEMORY, NULL);
}

/* ---- get: what arrives ---- */

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

/* Deliver what can be; then the first piece is one that is waited for. */
static void get_advance(sessile_sftp_transfer *t)
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

static void get_answered(struct piece *piece, const struct status *status, int result)
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

/* ---- put: what is acknowledged ---- */

static void put_advance(sessile_sftp_transfer *t)
{
    uint64_t before = t->position;

    while (t->first && t->first->done)
        piece_pop(t);
    t->position = t->first ? t->first->offset : t->ask;
    if (t->position != before)
        transfer_moved(t);
}

static void put_answered(struct piece *piece, const struct status *status, int result)
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

static int get_ask(sessile_sftp_transfer *t)
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

static int put_ask(sessile_sftp_transfer *t)
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
