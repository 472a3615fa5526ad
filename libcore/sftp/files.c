/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's open files. A handle is a place in the table and the number that the opening had among all of this
 * conversation's, so that it fits one file, once. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

#define FILES_FIRST 8

uint32_t file_of(const sessile_sftp *sftp, struct reader handle)
{
    const struct server *s = &sftp->server;
    uint32_t place = get_u32(&handle);
    uint64_t serial = get_u64(&handle);

    if (!reader_done(&handle) || !serial || place >= s->capacity || s->files[place].serial != serial ||
        s->files[place].closed)
        return NO_FILE;
    return place;
}

static uint32_t free_place(struct server *s)
{
    size_t capacity = s->capacity ? s->capacity * 2 : FILES_FIRST;
    struct file *files;

    for (uint32_t i = 0; s->open < s->capacity && i < s->capacity; i++)
        if (!s->files[i].serial)
            return i;
    if (!(files = mem_realloc(s->files, capacity * sizeof *files)))
        return NO_FILE;
    memset(files + s->capacity, 0, (capacity - s->capacity) * sizeof *files);
    s->files = files;
    s->capacity = capacity;
    return (uint32_t)s->open;
}

uint32_t file_open(sessile_sftp *sftp, uint64_t number, int directory)
{
    struct server *s = &sftp->server;
    uint32_t place;

    if (s->open >= s->file_limit || (place = free_place(s)) == NO_FILE)
        return NO_FILE;
    s->files[place].number = number;
    s->files[place].serial = ++s->serials;
    s->files[place].directory = directory != 0;
    s->open++;
    return place;
}

void file_put_handle(const sessile_sftp *sftp, uint32_t file, struct writer *w)
{
    put_u32(w, FILE_HANDLE_SIZE);
    put_u32(w, file);
    put_u64(w, sftp->server.files[file].serial);
}

void file_use(sessile_sftp *sftp, uint32_t file)
{
    sftp->server.files[file].busy++;
}

void file_unuse(sessile_sftp *sftp, uint32_t file)
{
    struct file *f = &sftp->server.files[file];
    sessile_sftp_job *closing = f->closing;

    if (--f->busy > 0 || !closing)
        return;
    f->closing = NULL;
    server_deliver(closing);
}

void file_release(sessile_sftp *sftp, uint32_t file)
{
    struct file *f = &sftp->server.files[file];
    uint64_t number = f->number;

    memset(f, 0, sizeof *f);
    sftp->server.open--;
    if (sftp->release)
        sftp->release(sftp, number, sftp->app);
}

void files_end(sessile_sftp *sftp)
{
    for (uint32_t i = 0; i < sftp->server.capacity; i++)
        if (sftp->server.files[i].serial)
            file_release(sftp, i);
}

void server_free(sessile_sftp *sftp)
{
    mem_free(sftp->server.files);
}
