/* SPDX-License-Identifier: Apache-2.0
 *
 * From a client's message to a job: read to the end, checked, and refused here where no application needs to be asked.
 */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

#define FILES_MOST 65536
#define JOBS_MOST 1024

int server_full(const sessile_sftp *sftp)
{
    return sftp->server.job_count >= sftp->server.job_limit || out_size(sftp) > OUT_MARK;
}

int server_idle(const sessile_sftp *sftp)
{
    return sftp->server.job_count == 0;
}

int sessile_sftp_set_read_only(sessile_sftp *sftp, int on)
{
    if (!sftp || sftp->role != SESSILE_SERVER || sftp->started)
        return SESSILE_ERR_MISUSE;
    sftp->server.read_only = on != 0;
    return SESSILE_OK;
}

int sessile_sftp_set_limits(sessile_sftp *sftp, size_t files, size_t jobs)
{
    if (!sftp || sftp->role != SESSILE_SERVER || sftp->started)
        return SESSILE_ERR_MISUSE;
    if (!files || files > FILES_MOST || !jobs || jobs > JOBS_MOST)
        return SESSILE_ERR_ARGUMENT;
    sftp->server.file_limit = files;
    sftp->server.job_limit = jobs;
    return SESSILE_OK;
}

/* ---- jobs ---- */

static void job_link(sessile_sftp_job *job)
{
    struct server *s = &job->sftp->server;

    job->next = s->jobs;
    if (job->next)
        job->next->prev = job;
    s->jobs = job;
    s->job_count++;
    job->open = 1;
}

/* All it has came from the stack; what is kept of it is copied then. */
static sessile_sftp_job *job_new(sessile_sftp *sftp, const sessile_sftp_job *draft)
{
    sessile_sftp_job *job = mem_alloc(sizeof *job);

    if (!job) {
        sftp_fail(sftp, SESSILE_ERR_MEMORY, "no memory for a request");
        return NULL;
    }
    *job = *draft;
    job->refs = 1;
    sftp_ref(sftp);
    job_link(job);
    for (int i = 0; i < 2; i++)
        if (job->files[i] != NO_FILE && job->op->operation != SESSILE_SFTP_CLOSE)
            file_use(sftp, job->files[i]);
    return job;
}

void server_deliver(sessile_sftp_job *job)
{
    sessile_sftp *sftp = job->sftp;

    job->told = 1;
    if (sftp->job && !sftp_over(sftp))
        sftp_result(sftp, sftp->job(job, sftp->app), "job");
    job_unref(job);
}

/* The handle is not good any more, and the job waits until all others on the file are done. */
static void server_close(sessile_sftp *sftp, sessile_sftp_job *job)
{
    struct file *file = &sftp->server.files[job->files[0]];

    file->closed = 1;
    if (!file->busy) {
        server_deliver(job);
        return;
    }
    file->closing = job;
}

void jobs_end(sessile_sftp *sftp)
{
    sessile_sftp_job *job;

    while ((job = sftp->server.jobs)) {
        job->refs++;
        job_take_room_back(job);
        for (int i = 0; i < 2; i++)
            job->files[i] = NO_FILE;
        job_done(job);
        if (!job->told)
            job->refs--; /* a CLOSE that waited */
        else if (job->copy && !sftp->freed && sftp->withdrawn)
            sftp->withdrawn(job, sftp->app);
        job_unref(job);
    }
    files_end(sftp);
}

/* ---- checks ---- */

/* Directories are read with READDIR, files with READ; either can be asked about. */
static int kind_fits(const struct op *op, const struct file *file)
{
    switch (op->operation) {
    case SESSILE_SFTP_READ:
    case SESSILE_SFTP_WRITE:
    case SESSILE_SFTP_COPY_DATA:
        return !file->directory;
    case SESSILE_SFTP_READDIR:
        return file->directory;
    default:
        return 1;
    }
}

static int find_files(sessile_sftp *sftp, sessile_sftp_job *draft)
{
    int count = 0;

    for (const char *field = draft->op->layout; *field; field++) {
        if (*field != 'h')
            continue;
        draft->files[count] = file_of(sftp, draft->fields.handle[count]);
        if (draft->files[count] == NO_FILE || !kind_fits(draft->op, &sftp->server.files[draft->files[count]]))
            return 0;
        draft->numbers[count] = sftp->server.files[draft->files[count]].number;
        count++;
    }
    return 1;
}

static int is_refused(const sessile_sftp *sftp, const sessile_sftp_job *draft)
{
    if (!sftp->server.read_only)
        return 0;
    if (draft->op->operation == SESSILE_SFTP_OPEN)
        return draft->fields.flags != SESSILE_SFTP_FLAG_READ;
    return draft->op->changes;
}

/* A status that says no, or -1. */
static int check(sessile_sftp *sftp, sessile_sftp_job *draft, const char **why)
{
    if (fields_check(draft->op, &draft->fields) < 0) {
        *why = "A path or list that is too long, or has a NUL byte";
        return SESSILE_SFTP_STATUS_BAD_MESSAGE;
    }
    if (is_refused(sftp, draft)) {
        *why = "This server is read-only";
        return SESSILE_SFTP_STATUS_PERMISSION_DENIED;
    }
    if (!find_files(sftp, draft)) {
        *why = "Not an open handle of that kind";
        return SESSILE_SFTP_STATUS_FAILURE;
    }
    if (draft->op->operation == SESSILE_SFTP_READ && !draft->fields.length) {
        *why = "A read of no bytes";
        return SESSILE_SFTP_STATUS_BAD_MESSAGE;
    }
    return -1;
}

/* ---- messages ---- */

static int answer_limits(sessile_sftp *sftp, uint32_t id)
{
    uint8_t room[64];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, MSG_EXTENDED_REPLY);
    put_u32(&w, id);
    put_u64(&w, MESSAGE_LIMIT);
    put_u64(&w, DATA_LIMIT);
    put_u64(&w, DATA_LIMIT);
    put_u64(&w, sftp->server.file_limit);
    return out_message(sftp, &w, NULL, 0);
}

static int is_served(const sessile_sftp *sftp, struct reader name)
{
    for (size_t i = 0; i < sftp->extension_count; i++)
        if (sftp->extensions[i].name_size == name.left && name.left &&
            memcmp(sftp->extensions[i].name, name.data, name.left) == 0)
            return 1;
    return 0;
}

/* NULL: there is no such operation here. */
static const struct op *message_op(const sessile_sftp *sftp, int type, struct reader *r, struct reader *name)
{
    const struct op *op;

    if (type < SESSILE_SFTP_EXTENDED)
        return op_find(type);
    if (type > SESSILE_SFTP_EXTENDED)
        return NULL;
    *name = get_sub32(r);
    if (r->failed || !is_served(sftp, *name))
        return NULL;
    op = op_of_extension(name->data, name->left);
    return op ? op : op_find(SESSILE_SFTP_EXTENDED);
}

static int take_job(sessile_sftp *sftp, sessile_sftp_job *draft)
{
    const char *why = NULL;
    int status = check(sftp, draft, &why);
    sessile_sftp_job *job;

    if (status >= 0)
        return server_status(sftp, draft->id, status, why);
    if (draft->op->operation == SESSILE_SFTP_LIMITS)
        return answer_limits(sftp, draft->id);
    if (draft->fields.length > DATA_LIMIT)
        draft->fields.length = DATA_LIMIT;
    if (!(job = job_new(sftp, draft)))
        return SESSILE_ERR_MEMORY;
    if (job->op->operation == SESSILE_SFTP_CLOSE)
        server_close(sftp, job);
    else
        server_deliver(job);
    return SESSILE_OK;
}

int server_message(sessile_sftp *sftp, int type, struct reader *r)
{
    sessile_sftp_job draft = {.sftp = sftp, .id = get_u32(r), .files = {NO_FILE, NO_FILE}};

    if (type == MSG_INIT || r->failed)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL,
                         type == MSG_INIT ? "a second INIT" : "a request of type %d has no id", type);
    draft.op = message_op(sftp, type, r, &draft.name);
    if (r->failed)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "an EXTENDED request is malformed");
    if (!draft.op)
        return server_status(sftp, draft.id, SESSILE_SFTP_STATUS_UNSUPPORTED, NULL);
    draft.message = *r;
    if (!fields_get(draft.op, &draft.fields, r))
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "a request of type %d is malformed", draft.op->operation);
    return take_job(sftp, &draft);
}
