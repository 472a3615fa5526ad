/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client has under way. An id is a place in a table and how often the place was given, so that an answer to what
 * was never asked, or was answered, finds nothing. What the answer may be follows from the operation alone. Of what
 * nobody wants any more, the place stays until the answer came, and what it opened is closed. */
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "sftp/sftp.h"

#define NAME_LEAST 12 /* two lengths and flags */
#define SLOTS_FIRST 16

/* ---- places ---- */

static int slots_grow(struct client *c)
{
    uint32_t capacity = c->capacity ? c->capacity * 2 : SLOTS_FIRST;
    struct slot *slots = mem_realloc(c->slots, capacity * sizeof *slots);

    if (!slots)
        return SESSILE_ERR_MEMORY;
    memset(slots + c->capacity, 0, (capacity - c->capacity) * sizeof *slots);
    for (uint32_t i = c->capacity; i < capacity; i++)
        slots[i].next = i + 1 < capacity ? i + 1 : NO_SLOT;
    c->free = c->capacity;
    c->slots = slots;
    c->capacity = capacity;
    return SESSILE_OK;
}

int client_take_slot(sessile_sftp *sftp, uint32_t *slot)
{
    struct client *c = &sftp->client;

    if (c->busy >= SLOTS_LIMIT)
        return SESSILE_ERR_LIMIT;
    if (c->free == NO_SLOT && slots_grow(c) < 0)
        return SESSILE_ERR_MEMORY;
    *slot = c->free;
    c->free = c->slots[*slot].next;
    c->slots[*slot].serial++;
    c->busy++;
    return SESSILE_OK;
}

void client_drop_slot(sessile_sftp *sftp, uint32_t slot)
{
    struct client *c = &sftp->client;
    struct slot *s = &c->slots[slot];

    s->op = NULL;
    s->request = NULL;
    s->piece = NULL;
    s->next = c->free;
    c->free = slot;
    c->busy--;
}

uint32_t client_id(const sessile_sftp *sftp, uint32_t slot)
{
    return (uint32_t)sftp->client.slots[slot].serial << 16 | slot;
}

static uint32_t slot_of(const sessile_sftp *sftp, uint32_t id)
{
    const struct client *c = &sftp->client;
    uint32_t slot = id & 0xffff;

    return slot < c->capacity && c->slots[slot].op && c->slots[slot].serial == id >> 16 ? slot : NO_SLOT;
}

void client_forget(sessile_sftp *sftp, uint32_t slot)
{
    struct client *c = &sftp->client;

    if (slot == NO_SLOT)
        return;
    if (c->incoming && c->incoming_slot == slot)
        c->incoming = NULL;
    c->slots[slot].request = NULL;
    c->slots[slot].piece = NULL;
}

void client_free(sessile_sftp *sftp)
{
    mem_free(sftp->client.slots);
}

/* ---- asking ---- */

static int client_room(sessile_sftp *sftp)
{
    if (sftp->client.busy < SLOTS_LIMIT && out_size(sftp) <= OUT_LIMIT)
        return SESSILE_OK;
    sftp->wants_room = 1;
    return SESSILE_ERR_LIMIT;
}

static int client_send(sessile_sftp *sftp, const struct op *op, const struct fields *f, uint32_t id)
{
    uint8_t room[512];
    struct writer w = writer_in(room, sizeof room);
    int extended = op->operation >= SESSILE_SFTP_EXTENDED;

    put_u8(&w, extended ? SESSILE_SFTP_EXTENDED : (uint8_t)op->operation);
    put_u32(&w, id);
    if (op->extension)
        put_text32(&w, op->extension);
    else if (extended)
        put_sized32(&w, f->path[0].data, f->path[0].left);
    fields_put(op, f, &w);
    if (op->operation == SESSILE_SFTP_WRITE)
        return out_message(sftp, &w, f->data.data ? f->data.data : (const uint8_t *)"", f->data.left);
    return out_message(sftp, &w, NULL, 0);
}

int client_submit(sessile_sftp *sftp, const struct op *op, const struct fields *f, sessile_sftp_request *request,
                  struct piece *piece, uint32_t *slot)
{
    uint32_t place;
    struct slot *s;
    int result = client_room(sftp);

    if (result < 0 || (result = client_take_slot(sftp, &place)) < 0)
        return result;
    s = &sftp->client.slots[place];
    if ((result = client_send(sftp, op, f, client_id(sftp, place))) < 0) {
        client_drop_slot(sftp, place);
        return result;
    }
    s->op = op;
    s->request = request;
    s->piece = piece;
    s->asked = op->answer == ANSWER_OWNERS ? (uint32_t)(f->path[0].left / 4) : f->length;
    s->more = (uint32_t)(f->path[1].left / 4);
    if (slot)
        *slot = place;
    return SESSILE_OK;
}

int client_ask_limits(sessile_sftp *sftp)
{
    static const struct fields none;

    return client_submit(sftp, op_find(SESSILE_SFTP_LIMITS), &none, NULL, NULL, NULL);
}

/* A file was opened for somebody who is gone. */
static void close_orphan(sessile_sftp *sftp, struct reader handle)
{
    struct fields f = {.handle = {handle}};
    int result = client_submit(sftp, op_find(SESSILE_SFTP_CLOSE), &f, NULL, NULL, NULL);

    if (result == SESSILE_ERR_MEMORY)
        sftp_fail(sftp, result, "no memory to close a file that is not wanted any more");
}

/* ---- answers: each reads its fields, and returns whether they are what they can be ---- */

static int get_status(struct status *status, struct reader *r)
{
    struct reader text;
    uint32_t number = get_u32(r);

    status->status = number <= INT32_MAX ? (int)number : INT32_MAX;
    if (r->left) { /* some old servers say the number alone */
        text = get_sub32(r);
        text_escape(status->text, sizeof status->text, text.data, text.left);
        if (r->left)
            get_sub32(r); /* the language */
    }
    return reader_done(r);
}

static int get_handle(struct request_answer *a, struct reader *r)
{
    a->bytes = get_sub32(r);
    return reader_done(r) && a->bytes.left && a->bytes.left <= HANDLE_LIMIT;
}

static int get_data(struct request_answer *a, struct reader *r, const struct slot *slot)
{
    a->bytes = get_sub32(r);
    return reader_done(r) && a->bytes.left && a->bytes.left <= slot->asked;
}

static int get_vfs(struct request_answer *a, struct reader *r)
{
    for (int i = 0; i < VFS_NUMBERS; i++)
        a->vfs[i] = get_u64(r);
    return reader_done(r);
}

/* It leads to nowhere but a file in the directory that was read. */
static int name_is_plain(struct reader name)
{
    return name.left && !memchr(name.data, 0, name.left) && !memchr(name.data, '/', name.left);
}

static int get_names(struct request_answer *a, struct reader *r, const struct slot *slot)
{
    struct reader name;
    struct attrs attrs;
    int good = 1;

    a->count = get_u32(r);
    if (a->count > r->left / NAME_LEAST || (slot->op->answer == ANSWER_NAME && a->count != 1))
        return 0;
    a->bytes = *r;
    for (size_t i = 0; i < a->count && good; i++) {
        name = get_sub32(r);
        get_sub32(r);
        attrs_get(&attrs, r);
        good = !r->failed && name.left <= PATH_LIMIT &&
               (slot->op->answer == ANSWER_NAME ? !name.left || !memchr(name.data, 0, name.left) : name_is_plain(name));
    }
    return good && reader_done(r);
}

/* Names behind their lengths, just so many. */
static int owners_are_good(struct reader names, size_t count)
{
    while (count--)
        get_sub32(&names);
    return reader_done(&names);
}

static int get_owners(struct request_answer *a, struct reader *r, const struct slot *slot)
{
    struct reader users = get_sub32(r), groups = get_sub32(r);

    a->count = (size_t)slot->asked + slot->more;
    a->bytes = users;
    a->more = groups;
    return reader_done(r) && owners_are_good(users, slot->asked) && owners_are_good(groups, slot->more);
}

/* What a server says may be anything; what is used of it is not. */
static uint64_t limit_within(uint64_t told, uint64_t most, uint64_t otherwise)
{
    return told == 0 ? otherwise : told < most ? told : most;
}

static int get_limits(sessile_sftp *sftp, struct reader *r)
{
    uint64_t message = get_u64(r), read = get_u64(r), write = get_u64(r), handles = get_u64(r);

    if (!reader_done(r))
        return 0;
    sftp->limits[SESSILE_SFTP_LIMIT_MESSAGE] = limit_within(message, MESSAGE_LIMIT, DATA_SAFE + MESSAGE_SLACK);
    sftp->limits[SESSILE_SFTP_LIMIT_READ] = limit_within(read, DATA_LIMIT, DATA_SAFE);
    sftp->limits[SESSILE_SFTP_LIMIT_WRITE] = limit_within(write, DATA_LIMIT, DATA_SAFE);
    sftp->limits[SESSILE_SFTP_LIMIT_HANDLES] = handles;
    return 1;
}

static int get_extended(sessile_sftp *sftp, struct request_answer *a, struct reader *r, const struct slot *slot)
{
    switch (slot->op->answer) {
    case ANSWER_VFS:
        return get_vfs(a, r);
    case ANSWER_LIMITS:
        return get_limits(sftp, r);
    case ANSWER_OWNERS:
        return get_owners(a, r, slot);
    default:
        a->bytes = *r;
        return 1;
    }
}

/* The message that brings what an operation asks for. */
static int answer_type(const struct op *op)
{
    static const int types[] = {
        [ANSWER_STATUS] = MSG_STATUS,
        [ANSWER_HANDLE] = MSG_HANDLE,
        [ANSWER_DATA] = MSG_DATA,
        [ANSWER_NAMES] = MSG_NAME,
        [ANSWER_NAME] = MSG_NAME,
        [ANSWER_ATTRS] = MSG_ATTRS,
        [ANSWER_VFS] = MSG_EXTENDED_REPLY,
        [ANSWER_LIMITS] = MSG_EXTENDED_REPLY,
        [ANSWER_OWNERS] = MSG_EXTENDED_REPLY,
        [ANSWER_ANY] = MSG_EXTENDED_REPLY,
    };

    return types[op->answer];
}

static int get_answer(sessile_sftp *sftp, int type, struct request_answer *a, struct reader *r, const struct slot *slot)
{
    switch (type) {
    case MSG_HANDLE:
        return get_handle(a, r);
    case MSG_DATA:
        return get_data(a, r, slot);
    case MSG_NAME:
        return get_names(a, r, slot);
    case MSG_ATTRS:
        attrs_get(&a->attrs, r);
        return reader_done(r);
    default:
        return get_extended(sftp, a, r, slot);
    }
}

/* ---- an answer ---- */

/* The place is free before anybody is told. */
static void client_answered(sessile_sftp *sftp, uint32_t place, const struct request_answer *a, int result,
                            const struct status *status)
{
    struct slot slot = sftp->client.slots[place];

    client_drop_slot(sftp, place);
    if (slot.piece)
        piece_answered(slot.piece, status, result);
    else if (slot.request)
        request_tell(slot.request, a, result, status);
    else if (a && slot.op->answer == ANSWER_HANDLE)
        close_orphan(sftp, a->bytes);
}

static int client_status(sessile_sftp *sftp, uint32_t place, struct reader *r)
{
    const struct op *op = sftp->client.slots[place].op;
    struct status status = {0};

    if (!get_status(&status, r))
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "a STATUS for an operation of type %d is malformed",
                         op->operation);
    if (status.status == SESSILE_SFTP_STATUS_OK && op->answer != ANSWER_STATUS && op->answer != ANSWER_ANY)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "an operation of type %d was answered with STATUS OK",
                         op->operation);
    client_answered(sftp, place, NULL, status.status ? SESSILE_ERR_REFUSED : SESSILE_OK, &status);
    return SESSILE_OK;
}

int client_message(sessile_sftp *sftp, int type, struct reader *r)
{
    static const struct status fine;
    struct request_answer a = {0};
    uint32_t id = get_u32(r), place = slot_of(sftp, id);
    const struct slot *slot;

    if (r->failed || place == NO_SLOT)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "an answer of type %d to request %u, which is not under way", type,
                         id);
    if (type == MSG_STATUS)
        return client_status(sftp, place, r);
    slot = &sftp->client.slots[place];
    if (type != answer_type(slot->op))
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "an operation of type %d was answered with type %d",
                         slot->op->operation, type);
    if (!get_answer(sftp, type, &a, r, slot))
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL,
                         "the answer of type %d to an operation of type %d is malformed, or more than was asked for",
                         type, slot->op->operation);
    client_answered(sftp, place, &a, SESSILE_OK, &fine);
    return SESSILE_OK;
}

/* ---- data for transfers ---- */

#define DATA_HEAD 13

int client_stream_head(sessile_sftp *sftp, const uint8_t *data, size_t size, size_t *need)
{
    struct client *c = &sftp->client;
    struct reader r = reader_of(data, size);
    uint32_t length = get_u32(&r), place, left;

    if (get_u8(&r) != MSG_DATA || r.failed || length < DATA_HEAD - 4)
        return 0;
    place = slot_of(sftp, get_u32(&r));
    left = get_u32(&r);
    if (r.failed) {
        *need = DATA_HEAD;
        return 0;
    }
    if (place == NO_SLOT || !c->slots[place].piece || c->slots[place].op->answer != ANSWER_DATA)
        return 0;
    if (left != length - (DATA_HEAD - 4) || !left || left > c->slots[place].asked)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "DATA with %u bytes in a message of %u, where %u were asked for",
                         left, length, c->slots[place].asked);
    c->incoming = c->slots[place].piece;
    c->incoming_slot = place;
    c->incoming_left = left;
    return DATA_HEAD;
}

int client_stream(sessile_sftp *sftp, const uint8_t *data, size_t size)
{
    static const struct status fine;
    struct client *c = &sftp->client;
    size_t part = size < c->incoming_left ? size : c->incoming_left;

    c->incoming_left -= part;
    if (c->incoming)
        piece_data(c->incoming, data, part);
    if (!c->incoming_left && c->slots[c->incoming_slot].op) {
        c->incoming = NULL;
        client_answered(sftp, c->incoming_slot, NULL, SESSILE_OK, &fine);
    }
    return (int)part;
}

/* ---- the end ---- */

void requests_end(sessile_sftp *sftp, int error)
{
    static const struct status none;
    struct client *c = &sftp->client;

    c->incoming = NULL;
    for (uint32_t i = 0; i < c->capacity; i++) {
        sessile_sftp_request *request = c->slots[i].request;

        if (!c->slots[i].op)
            continue;
        client_drop_slot(sftp, i);
        if (request)
            request_tell(request, NULL, error, &none);
    }
    transfers_end(sftp, error);
}
