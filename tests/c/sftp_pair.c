/* SPDX-License-Identifier: Apache-2.0
 *
 * The pair's wire, and the server's answers from its store. */
#include "sftp_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the wire ---- */

static int on_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    struct sftp_side *side = app;
    struct sftp_side *to = side == &side->pair->client ? &side->pair->server : &side->pair->client;

    (void)sftp;
    if (to->most && to->size + size > to->most)
        size = to->size < to->most ? to->most - to->size : 0;
    if (to->size + size > to->capacity) {
        to->capacity = 2 * (to->size + size);
        to->wire = need_memory(realloc(to->wire, to->capacity));
    }
    memcpy(to->wire + to->size, data, size);
    to->size += size;
    return (int)size;
}

static int on_ready(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    ((struct sftp_side *)app)->ready++;
    return 0;
}

static void on_closed(sessile_sftp *sftp, int error, void *app)
{
    struct sftp_side *side = app;

    (void)sftp;
    side->closed++;
    side->error = error;
}

/* Hands a portion on. Returns whether anything happened. */
static int hand_on(struct sftp_pair *pair, struct sftp_side *side, struct sftp_side *from)
{
    size_t part = side->size;
    uint8_t *copy;

    if (!part || !side->sftp || !sessile_sftp_room(side->sftp))
        return 0;
    if (pair->portion && part > pair->portion)
        part = pair->portion;
    copy = need_memory(malloc(part)); /* so that a sanitizer sees whoever keeps it */
    memcpy(copy, side->wire, part);
    memmove(side->wire, side->wire + part, side->size - part);
    side->size -= part;
    sessile_sftp_receive(side->sftp, copy, part);
    free(copy);
    if (side->most && from->sftp)
        sessile_sftp_writable(from->sftp);
    return 1;
}

void sftp_pair_run(struct sftp_pair *pair)
{
    int any;

    do {
        any = hand_on(pair, &pair->server, &pair->client);
        any |= hand_on(pair, &pair->client, &pair->server);
    } while (any);
}

/* ---- the store ---- */

uint8_t sftp_byte(uint64_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static struct stored *store_find(struct sftp_pair *pair, const void *path, size_t size)
{
    for (int i = 0; i < STORE_FILES; i++)
        if (pair->store[i].used && strlen(pair->store[i].path) == size && memcmp(pair->store[i].path, path, size) == 0)
            return &pair->store[i];
    return NULL;
}

static struct stored *store_add(struct sftp_pair *pair, const void *path, size_t size)
{
    for (int i = 0; i < STORE_FILES; i++) {
        struct stored *file = &pair->store[i];

        if (file->used || size >= sizeof file->path)
            continue;
        memset(file, 0, sizeof *file);
        memcpy(file->path, path, size);
        file->used = 1;
        file->permissions = 0100644;
        return file;
    }
    return NULL;
}

static void store_resize(struct stored *file, uint64_t size)
{
    uint8_t *data = need_memory(calloc(1, size + 1));

    if (file->data)
        memcpy(data, file->data, size < file->size ? size : file->size);
    free(file->data);
    file->data = data;
    file->size = size;
}

struct stored *sftp_store(struct sftp_pair *pair, const char *path, const void *data, size_t size)
{
    struct stored *file = store_add(pair, path, strlen(path));

    store_resize(file, size);
    for (size_t i = 0; i < size; i++)
        file->data[i] = data ? ((const uint8_t *)data)[i] : sftp_byte(i);
    return file;
}

/* ---- the server's jobs ---- */

struct asked {
    const char *path;
    size_t size;
    const char *to;
    size_t to_size;
    struct stored *file;
};

static int no_such_file(sessile_sftp_job *job)
{
    return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_NO_SUCH_FILE, NULL);
}

static int fine(sessile_sftp_job *job)
{
    return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
}

static int do_open(struct sftp_pair *pair, sessile_sftp_job *job, const struct asked *asked)
{
    struct stored *file = asked->file;
    int flags = sessile_sftp_job_flags(job);

    if (!file && flags & SESSILE_SFTP_FLAG_CREATE)
        file = store_add(pair, asked->path, asked->size);
    if (!file)
        return no_such_file(job);
    if (flags & SESSILE_SFTP_FLAG_TRUNCATE || !file->data)
        store_resize(file, 0);
    return sessile_sftp_answer_handle(job, (uint64_t)(file - pair->store) + 100);
}

static struct stored *job_stored(struct sftp_pair *pair, sessile_sftp_job *job)
{
    return &pair->store[sessile_sftp_job_file(job, 0) - 100];
}

static int do_read(struct sftp_pair *pair, sessile_sftp_job *job)
{
    const struct stored *file = job_stored(pair, job);
    uint64_t offset = sessile_sftp_job_offset(job, 0);
    size_t length = (size_t)sessile_sftp_job_length(job);
    void *room;

    if (offset >= file->size)
        return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_EOF, NULL);
    if (length > file->size - offset)
        length = (size_t)(file->size - offset);
    if (pair->short_reads && length > pair->short_reads)
        length = pair->short_reads;
    if (length % 2)
        return sessile_sftp_answer_data(job, file->data + offset, length);
    room = sessile_sftp_answer_room(job, length + 0);
    if (!room)
        return SESSILE_ERR_MEMORY;
    memcpy(room, file->data + offset, length);
    return sessile_sftp_answer_filled(job, length);
}

static int do_write(struct sftp_pair *pair, sessile_sftp_job *job)
{
    struct stored *file = job_stored(pair, job);
    uint64_t offset = sessile_sftp_job_offset(job, 0);
    const void *data;
    size_t size;

    if (sessile_sftp_job_data(job, &data, &size) < 0 || offset > STORE_SIZE)
        return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, "too far");
    if (offset + size > file->size)
        store_resize(file, offset + size);
    memcpy(file->data + offset, data, size);
    return fine(job);
}

static int do_attrs(sessile_sftp_job *job, const struct stored *file)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    int result;

    if (!file || !attrs) {
        sessile_sftp_attrs_free(attrs);
        return no_such_file(job);
    }
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_SIZE, file->size);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_PERMISSIONS, file->permissions);
    result = sessile_sftp_answer_attrs(job, attrs);
    sessile_sftp_attrs_free(attrs);
    return result;
}

static int do_set_attrs(sessile_sftp_job *job, struct stored *file)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();

    if (!file || sessile_sftp_job_attrs(job, attrs) < 0) {
        sessile_sftp_attrs_free(attrs);
        return no_such_file(job);
    }
    if (sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_SIZE))
        store_resize(file, sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_SIZE));
    if (sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_PERMISSIONS))
        file->permissions = (uint32_t)sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_PERMISSIONS);
    sessile_sftp_attrs_free(attrs);
    return fine(job);
}

static int do_readdir(struct sftp_pair *pair, sessile_sftp_job *job)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();

    for (; pair->listed < STORE_FILES; pair->listed++) {
        const struct stored *file = &pair->store[pair->listed];

        if (!file->used)
            continue;
        sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_SIZE, file->size);
        sessile_sftp_answer_add_name(job, file->path, strlen(file->path), "-rw long", 8, attrs);
    }
    sessile_sftp_attrs_free(attrs);
    return sessile_sftp_answer_names(job);
}

static int do_rename(struct sftp_pair *pair, sessile_sftp_job *job, const struct asked *asked)
{
    struct stored *there = store_find(pair, asked->to, asked->to_size);

    if (!asked->file)
        return no_such_file(job);
    if (there) {
        there->used = 0;
        free(there->data);
        there->data = NULL;
    }
    memset(asked->file->path, 0, sizeof asked->file->path);
    memcpy(asked->file->path, asked->to, asked->to_size);
    return fine(job);
}

static int do_name(sessile_sftp_job *job, const void *name, size_t size)
{
    int result = sessile_sftp_answer_add_name(job, name, size, NULL, 0, NULL);

    return result < 0 ? result : sessile_sftp_answer_names(job);
}

static int do_vfs(sessile_sftp_job *job)
{
    for (int i = 0; i <= SESSILE_SFTP_VFS_NAMEMAX; i++)
        sessile_sftp_answer_set_vfs(job, i, (uint64_t)i << 40 | 7);
    return sessile_sftp_answer_vfs(job);
}

static int do_owners(sessile_sftp_job *job)
{
    char name[32];

    for (int group = 0; group < 2; group++)
        for (size_t i = 0; i < sessile_sftp_job_id_count(job, group); i++) {
            snprintf(name, sizeof name, "%c%u", group ? 'g' : 'u', (unsigned)sessile_sftp_job_id(job, group, i));
            sessile_sftp_answer_add_name(job, name, strlen(name), NULL, 0, NULL);
        }
    return sessile_sftp_answer_names(job);
}

static int do_job(struct sftp_pair *pair, sessile_sftp_job *job, const struct asked *asked)
{
    const void *data;
    size_t size;

    switch (sessile_sftp_job_operation(job)) {
    case SESSILE_SFTP_OPEN:
        return do_open(pair, job, asked);
    case SESSILE_SFTP_OPENDIR:
        pair->listed = 0;
        return sessile_sftp_answer_handle(job, 7);
    case SESSILE_SFTP_READDIR:
        return do_readdir(pair, job);
    case SESSILE_SFTP_READ:
        return do_read(pair, job);
    case SESSILE_SFTP_WRITE:
        return do_write(pair, job);
    case SESSILE_SFTP_STAT:
    case SESSILE_SFTP_LSTAT:
        return do_attrs(job, asked->file);
    case SESSILE_SFTP_FSTAT:
        return do_attrs(job, job_stored(pair, job));
    case SESSILE_SFTP_SETSTAT:
    case SESSILE_SFTP_LSETSTAT:
        return do_set_attrs(job, asked->file);
    case SESSILE_SFTP_FSETSTAT:
        return do_set_attrs(job, job_stored(pair, job));
    case SESSILE_SFTP_RENAME:
    case SESSILE_SFTP_POSIX_RENAME:
        return do_rename(pair, job, asked);
    case SESSILE_SFTP_REALPATH:
    case SESSILE_SFTP_EXPAND_PATH:
    case SESSILE_SFTP_HOME_DIRECTORY:
    case SESSILE_SFTP_READLINK:
        return do_name(job, asked->path, asked->size);
    case SESSILE_SFTP_STATVFS:
    case SESSILE_SFTP_FSTATVFS:
        return do_vfs(job);
    case SESSILE_SFTP_USERS_GROUPS:
        return do_owners(job);
    case SESSILE_SFTP_EXTENDED:
        sessile_sftp_job_data(job, &data, &size);
        return sessile_sftp_answer_data(job, data, size);
    default:
        return fine(job);
    }
}

static void note_job(struct sftp_pair *pair, sessile_sftp_job *job, const struct asked *asked)
{
    if (pair->quiet)
        return;
    journal_add(&pair->journal, "%d", sessile_sftp_job_operation(job));
    if (asked->path)
        journal_add(&pair->journal, "<%.*s>", (int)asked->size, asked->path);
    if (asked->to)
        journal_add(&pair->journal, "<%.*s>", (int)asked->to_size, asked->to);
}

static int on_job(sessile_sftp_job *job, void *app)
{
    struct sftp_pair *pair = ((struct sftp_side *)app)->pair;
    struct asked asked = {0};

    sessile_sftp_job_path(job, 0, (const void **)&asked.path, &asked.size);
    sessile_sftp_job_path(job, 1, (const void **)&asked.to, &asked.to_size);
    if (asked.path)
        asked.file = store_find(pair, asked.path, asked.size);
    note_job(pair, job, &asked);
    if (pair->hook && pair->hook(pair, job))
        return 0;
    do_job(pair, job, &asked);
    return 0;
}

static void on_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    (void)sftp, (void)file;
    ((struct sftp_side *)app)->pair->released++;
}

/* ---- life ---- */

static void side_new(struct sftp_pair *pair, struct sftp_side *side, int role)
{
    side->pair = pair;
    side->sftp = sessile_sftp_new(role, side);
    if (!side->sftp)
        return;
    sessile_sftp_set_ready(side->sftp, on_ready);
    sessile_sftp_set_closed(side->sftp, on_closed);
}

void sftp_pair_new(struct sftp_pair *pair)
{
    side_new(pair, &pair->client, SESSILE_CLIENT);
    side_new(pair, &pair->server, SESSILE_SERVER);
    if (!pair->server.sftp)
        return;
    sessile_sftp_set_job(pair->server.sftp, on_job);
    sessile_sftp_set_release(pair->server.sftp, on_release);
}

void sftp_pair_open(struct sftp_pair *pair)
{
    sftp_pair_new(pair);
    if (pair->setup)
        pair->setup(pair->server.sftp);
    for (int i = SESSILE_SFTP_POSIX_RENAME; !pair->setup && i <= SESSILE_SFTP_USERS_GROUPS; i++)
        sessile_sftp_serve(pair->server.sftp, i);
    if (!pair->setup)
        sessile_sftp_serve_extended(pair->server.sftp, "echo@sessile.test", "4");
    if (pair->server.sftp)
        sessile_sftp_start(pair->server.sftp, on_send);
    if (pair->client.sftp)
        sessile_sftp_start(pair->client.sftp, on_send);
    sftp_pair_run(pair);
}

void sftp_pair_done(struct sftp_pair *pair)
{
    sessile_sftp_free(pair->client.sftp);
    sessile_sftp_free(pair->server.sftp);
    free(pair->client.wire);
    free(pair->server.wire);
    for (int i = 0; i < STORE_FILES; i++)
        free(pair->store[i].data);
    journal_free(&pair->journal);
}

/* ---- a lone end ---- */

static int on_lone_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    struct sftp_lone *lone = app;

    (void)sftp;
    if (lone->size + size > lone->capacity) {
        lone->capacity = 2 * (lone->size + size);
        lone->sent = need_memory(realloc(lone->sent, lone->capacity));
    }
    memcpy(lone->sent + lone->size, data, size);
    lone->size += size;
    return (int)size;
}

static int on_lone_ready(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    ((struct sftp_lone *)app)->ready++;
    return 0;
}

static void on_lone_closed(sessile_sftp *sftp, int error, void *app)
{
    struct sftp_lone *lone = app;

    (void)sftp;
    lone->closed++;
    lone->error = error;
}

void sftp_lone_open(struct sftp_lone *lone, int role)
{
    lone->sftp = sessile_sftp_new(role, lone);
    assert_non_null(lone->sftp);
    sessile_sftp_set_ready(lone->sftp, on_lone_ready);
    sessile_sftp_set_closed(lone->sftp, on_lone_closed);
    assert_int_equal(sessile_sftp_start(lone->sftp, on_lone_send), 0);
}

void sftp_lone_clear(struct sftp_lone *lone)
{
    lone->size = 0;
}

void sftp_lone_done(struct sftp_lone *lone)
{
    sessile_sftp_free(lone->sftp);
    free(lone->sent);
}
