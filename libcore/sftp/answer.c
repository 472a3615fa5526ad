/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to jobs: each goes out as one message, and the job is done. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

/* Of names, what every client takes in one message. */
#define NAMES_LIMIT ((size_t)32768)
#define NAMES_HEAD 9
#define DATA_HEAD 13

/* ---- the end of a job ---- */

static void job_unlink(sessile_sftp_job *job)
{
    struct server *s = &job->sftp->server;

    if (job->prev)
        job->prev->next = job->next;
    else
        s->jobs = job->next;
    if (job->next)
        job->next->prev = job->prev;
    job->prev = job->next = NULL;
    s->job_count--;
}

void job_done(sessile_sftp_job *job)
{
    sessile_sftp *sftp = job->sftp;
    uint32_t files[2] = {job->files[0], job->files[1]};

    job->open = 0;
    job_unlink(job);
    writer_free(&job->names);
    job->files[0] = job->files[1] = NO_FILE;
    if (job->op->operation == SESSILE_SFTP_CLOSE && files[0] != NO_FILE) {
        file_release(sftp, files[0]);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (files[i] != NO_FILE)
            file_unuse(sftp, files[i]);
}

void job_unref(sessile_sftp_job *job)
{
    if (--job->refs > 0)
        return;
    if (job->open) {
        job->refs++;
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, NULL);
        job->refs--;
    }
    if (job->open) /* there is no memory to say so */
        job_done(job);
    sftp_unref(job->sftp);
    mem_free(job->copy);
    mem_free(job);
}

/* ---- sending ---- */

static struct writer answer_in(uint8_t *room, size_t size, const sessile_sftp_job *job, int type)
{
    struct writer w = writer_in(room, size);

    put_u8(&w, (uint8_t)type);
    put_u32(&w, job->id);
    return w;
}

/* 0 where the job can be answered so. */
static int answer_may(const sessile_sftp_job *job, enum answer kind)
{
    if (!job)
        return SESSILE_ERR_ARGUMENT;
    if (!job->open)
        return SESSILE_ERR_GONE;
    return job->op->answer == kind ? SESSILE_OK : SESSILE_ERR_MISUSE;
}

static int answer_send(sessile_sftp_job *job, struct writer *w, const void *data, size_t size)
{
    sessile_sftp *sftp = job->sftp;
    int result;

    sftp_enter(sftp);
    job->refs++;
    job_take_room_back(job);
    result = out_message(sftp, w, data, size);
    if (result < 0)
        sftp_fail(sftp, result, "no memory for an answer");
    else
        job_done(job);
    job_unref(job);
    return sftp_leave(sftp, result);
}

static void put_status(struct writer *w, int status, const char *text)
{
    put_u32(w, (uint32_t)status);
    put_text32(w, text ? text : sessile_sftp_status_text(status));
    put_text32(w, "en");
}

int server_status(sessile_sftp *sftp, uint32_t id, int status, const char *text)
{
    uint8_t room[256];
    struct writer w = writer_in(room, sizeof room);
    int result;

    put_u8(&w, MSG_STATUS);
    put_u32(&w, id);
    put_status(&w, status, text);
    result = out_message(sftp, &w, NULL, 0);
    return result < 0 ? sftp_fail(sftp, result, "no memory for an answer") : result;
}

int sessile_sftp_answer_status(sessile_sftp_job *job, int status, const char *words)
{
    uint8_t room[256];
    struct writer w;

    if (!job || status < 0 || (words && strlen(words) > TEXT_SIZE))
        return SESSILE_ERR_ARGUMENT;
    if (!job->open)
        return SESSILE_ERR_GONE;
    if (status == SESSILE_SFTP_STATUS_OK && job->op->answer != ANSWER_STATUS && job->op->answer != ANSWER_ANY)
        return SESSILE_ERR_MISUSE;
    w = answer_in(room, sizeof room, job, MSG_STATUS);
    put_status(&w, status, words);
    return answer_send(job, &w, NULL, 0);
}

int sessile_sftp_answer_handle(sessile_sftp_job *job, uint64_t file)
{
    uint8_t room[32];
    struct writer w;
    uint32_t place;
    int result = answer_may(job, ANSWER_HANDLE);

    if (result < 0)
        return result;
    place = file_open(job->sftp, file, job->op->operation == SESSILE_SFTP_OPENDIR);
    if (place == NO_FILE) {
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, "Too many open files");
        return SESSILE_ERR_LIMIT;
    }
    w = answer_in(room, sizeof room, job, MSG_HANDLE);
    file_put_handle(job->sftp, place, &w);
    return answer_send(job, &w, NULL, 0);
}

int sessile_sftp_answer_attrs(sessile_sftp_job *job, const sessile_sftp_attrs *attrs)
{
    uint8_t room[64];
    struct writer w;
    int result = answer_may(job, ANSWER_ATTRS);

    if (result < 0)
        return result;
    if (!attrs)
        return SESSILE_ERR_ARGUMENT;
    w = answer_in(room, sizeof room, job, MSG_ATTRS);
    attrs_put(&attrs->attrs, &w);
    return answer_send(job, &w, NULL, 0);
}

/* ---- data ---- */

static int answer_extended(sessile_sftp_job *job, const void *data, size_t size)
{
    uint8_t room[16];
    struct writer w;

    if (!job->open)
        return SESSILE_ERR_GONE;
    if (size > EXTENDED_LIMIT)
        return SESSILE_ERR_ARGUMENT;
    w = answer_in(room, sizeof room, job, MSG_EXTENDED_REPLY);
    return answer_send(job, &w, size ? data : (const uint8_t *)"", size);
}

int sessile_sftp_answer_data(sessile_sftp_job *job, const void *data, size_t size)
{
    uint8_t room[16];
    struct writer w;
    int result;

    if (!job || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if (job->op->answer == ANSWER_ANY)
        return answer_extended(job, data, size);
    if ((result = answer_may(job, ANSWER_DATA)) < 0)
        return result;
    if (size > job->fields.length)
        return SESSILE_ERR_ARGUMENT;
    if (!size)
        return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_EOF, NULL);
    w = answer_in(room, sizeof room, job, MSG_DATA);
    put_u32(&w, (uint32_t)size);
    return answer_send(job, &w, data, size);
}

/* What was produced meanwhile goes behind. */
static void room_settle(sessile_sftp_job *job)
{
    sessile_sftp *sftp = job->sftp;
    struct queue meanwhile = sftp->out;

    sftp->out = job->lent;
    memset(&job->lent, 0, sizeof job->lent);
    job->is_lent = 0;
    if (meanwhile.size && queue_append(&sftp->out, meanwhile.data + meanwhile.start, meanwhile.size) < 0)
        sftp_fail(sftp, SESSILE_ERR_MEMORY, "no memory for what is to be sent");
    queue_free(&meanwhile);
}

void job_take_room_back(sessile_sftp_job *job)
{
    if (!job->is_lent)
        return;
    job->lent.size -= DATA_HEAD + job->lent_size;
    room_settle(job);
}

void *sessile_sftp_answer_room(sessile_sftp_job *job, size_t size)
{
    uint8_t *room;

    if (answer_may(job, ANSWER_DATA) < 0 || !size || size > job->fields.length || job->is_lent)
        return NULL;
    if (!(room = queue_room(&job->sftp->out, DATA_HEAD + size)))
        return NULL;
    job->lent = job->sftp->out;
    memset(&job->sftp->out, 0, sizeof job->sftp->out);
    job->lent_size = size;
    job->is_lent = 1;
    return room + DATA_HEAD;
}

static void room_fill(sessile_sftp_job *job, size_t size)
{
    struct queue *q = &job->lent;
    struct writer w = writer_in(q->data + q->start + q->size - DATA_HEAD - job->lent_size, DATA_HEAD);

    put_u32(&w, (uint32_t)(DATA_HEAD - 4 + size));
    put_u8(&w, MSG_DATA);
    put_u32(&w, job->id);
    put_u32(&w, (uint32_t)size);
    q->size -= job->lent_size - size;
    room_settle(job);
}

int sessile_sftp_answer_filled(sessile_sftp_job *job, size_t size)
{
    sessile_sftp *sftp;
    int result = answer_may(job, ANSWER_DATA);

    if (result < 0)
        return result;
    if (!job->is_lent)
        return SESSILE_ERR_MISUSE;
    if (size > job->lent_size)
        return SESSILE_ERR_ARGUMENT;
    if (!size)
        return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_EOF, NULL);
    sftp = job->sftp;
    sftp_enter(sftp);
    job->refs++;
    room_fill(job, size);
    job_done(job);
    job_unref(job);
    return sftp_leave(sftp, SESSILE_OK);
}

/* ---- names ---- */

static int brings_names(const struct op *op)
{
    return op->answer == ANSWER_NAMES || op->answer == ANSWER_NAME || op->answer == ANSWER_OWNERS;
}

static int names_may(const sessile_sftp_job *job)
{
    if (!job)
        return SESSILE_ERR_ARGUMENT;
    if (!job->open)
        return SESSILE_ERR_GONE;
    return brings_names(job->op) ? SESSILE_OK : SESSILE_ERR_MISUSE;
}

static size_t users_asked(sessile_sftp_job *job)
{
    return sessile_sftp_job_id_count(job, 0);
}

/* How many names the answer takes. */
static size_t names_most(sessile_sftp_job *job)
{
    if (job->op->answer == ANSWER_OWNERS)
        return users_asked(job) + sessile_sftp_job_id_count(job, 1);
    return job->op->answer == ANSWER_NAME ? 1 : NAMES_LIMIT;
}

int sessile_sftp_answer_add_name(sessile_sftp_job *job, const void *name, size_t name_size, const void *longname,
                                 size_t longname_size, const sessile_sftp_attrs *attrs)
{
    struct attrs plain = attrs_of(attrs);
    int owners, result = names_may(job);

    if (result < 0)
        return result;
    if ((!name && name_size) || name_size > PATH_LIMIT || (longname && longname_size > NAMES_LIMIT / 2))
        return SESSILE_ERR_ARGUMENT;
    owners = job->op->answer == ANSWER_OWNERS;
    if (job->name_count >= names_most(job) ||
        (!owners && job->name_count && job->names.size + name_size + longname_size + 64 > NAMES_LIMIT))
        return SESSILE_ERR_LIMIT;
    put_sized32(&job->names, name, name_size);
    if (!owners) {
        put_sized32(&job->names, longname ? longname : name, longname ? longname_size : name_size);
        attrs_put(&plain, &job->names);
    }
    if (++job->name_count == users_asked(job))
        job->users_size = job->names.size;
    return job->names.failed ? SESSILE_ERR_MEMORY : SESSILE_OK;
}

static int answer_owners(sessile_sftp_job *job)
{
    uint8_t room[64];
    struct writer w = answer_in(room, sizeof room, job, MSG_EXTENDED_REPLY);
    struct reader r = reader_of(job->names.data, job->names.size), users;

    users = reader_of(get_bytes(&r, job->users_size), job->users_size);
    put_sized32(&w, users.data, users.left);
    put_sized32(&w, r.data, r.left);
    return answer_send(job, &w, NULL, 0);
}

int sessile_sftp_answer_names(sessile_sftp_job *job)
{
    uint8_t room[32];
    struct writer w;
    int result = names_may(job);

    if (result < 0)
        return result;
    if (job->op->answer != ANSWER_NAMES && job->name_count != names_most(job))
        return SESSILE_ERR_MISUSE;
    if (job->names.failed)
        return SESSILE_ERR_MEMORY;
    if (job->op->answer == ANSWER_OWNERS)
        return answer_owners(job);
    if (!job->name_count)
        return sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_EOF, NULL);
    w = answer_in(room, sizeof room, job, MSG_NAME);
    put_u32(&w, (uint32_t)job->name_count);
    return answer_send(job, &w, job->names.data, job->names.size);
}

/* ---- statvfs ---- */

int sessile_sftp_answer_set_vfs(sessile_sftp_job *job, int number, uint64_t value)
{
    int result = answer_may(job, ANSWER_VFS);

    if (result < 0)
        return result;
    if (number < 0 || number >= VFS_NUMBERS)
        return SESSILE_ERR_ARGUMENT;
    job->vfs[number] = value;
    return SESSILE_OK;
}

int sessile_sftp_answer_vfs(sessile_sftp_job *job)
{
    uint8_t room[128];
    struct writer w;
    int result = answer_may(job, ANSWER_VFS);

    if (result < 0)
        return result;
    w = answer_in(room, sizeof room, job, MSG_EXTENDED_REPLY);
    for (int i = 0; i < VFS_NUMBERS; i++)
        put_u64(&w, job->vfs[i]);
    return answer_send(job, &w, NULL, 0);
}
