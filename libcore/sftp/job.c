/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be asked of a job. What it lends points into what arrived while the job callback runs, and into a copy once
 * the job is kept. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

static void job_copy_fields(sessile_sftp_job *job)
{
    struct reader r = reader_of(job->copy, job->name.left + job->message.left);
    size_t name_size = job->name.left, left = job->message.left;
    uint32_t length = job->fields.length;

    job->name = reader_of(get_bytes(&r, name_size), name_size);
    job->message = r;
    job->message.left = left;
    fields_get(job->op, &job->fields, &r);
    job->fields.length = length;
}

sessile_sftp_job *sessile_sftp_job_keep(sessile_sftp_job *job)
{
    struct writer w;
    size_t size;

    if (!job)
        return NULL;
    if (!job->copy) {
        size = job->name.left + job->message.left;
        if (!(job->copy = mem_alloc(size + 1)))
            return NULL;
        w = writer_in(job->copy, size + 1);
        put_bytes(&w, job->name.data, job->name.left);
        put_bytes(&w, job->message.data, job->message.left);
        job_copy_fields(job);
    }
    job->refs++;
    return job;
}

void sessile_sftp_job_free(sessile_sftp_job *job)
{
    sessile_sftp *sftp;

    if (!job)
        return;
    sftp = job->sftp;
    sftp_enter(sftp);
    job_unref(job);
    sftp_leave(sftp, SESSILE_OK);
}

sessile_sftp *sessile_sftp_job_sftp(sessile_sftp_job *job)
{
    return job && !job->sftp->freed ? job->sftp : NULL;
}

int sessile_sftp_job_operation(sessile_sftp_job *job)
{
    return job ? job->op->operation : SESSILE_ERR_ARGUMENT;
}

static size_t job_paths(const sessile_sftp_job *job)
{
    size_t count = 0;

    for (const char *field = job->op->layout; *field; field++)
        count += *field == 'p';
    return count;
}

static int lend(struct reader bytes, const void **data, size_t *size)
{
    *data = bytes.left ? (const void *)bytes.data : "";
    *size = bytes.left;
    return SESSILE_OK;
}

int sessile_sftp_job_path(sessile_sftp_job *job, size_t index, const void **data, size_t *size)
{
    if (!job || !data || !size)
        return SESSILE_ERR_ARGUMENT;
    if (job->op->operation == SESSILE_SFTP_EXTENDED && !index)
        return lend(job->name, data, size);
    return index < job_paths(job) ? lend(job->fields.path[index], data, size) : SESSILE_ERR_ARGUMENT;
}

uint64_t sessile_sftp_job_file(sessile_sftp_job *job, size_t index)
{
    return job && index < 2 ? job->numbers[index] : 0;
}

uint64_t sessile_sftp_job_offset(sessile_sftp_job *job, size_t index)
{
    if (!job || index > 1)
        return 0;
    if (job->op->operation == SESSILE_SFTP_COPY_DATA)
        return job->fields.number[index ? 2 : 0];
    return index ? 0 : job->fields.number[0];
}

uint64_t sessile_sftp_job_length(sessile_sftp_job *job)
{
    if (!job)
        return 0;
    return job->op->operation == SESSILE_SFTP_COPY_DATA ? job->fields.number[1] : job->fields.length;
}

int sessile_sftp_job_flags(sessile_sftp_job *job)
{
    return job ? (int)(job->fields.flags & 0xffff) : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_job_data(sessile_sftp_job *job, const void **data, size_t *size)
{
    if (!job || !data || !size ||
        (job->op->operation != SESSILE_SFTP_WRITE && job->op->operation != SESSILE_SFTP_EXTENDED))
        return SESSILE_ERR_ARGUMENT;
    return lend(job->fields.data, data, size);
}

int sessile_sftp_job_attrs(sessile_sftp_job *job, sessile_sftp_attrs *attrs)
{
    if (!job || !attrs || !strchr(job->op->layout, 'a'))
        return SESSILE_ERR_ARGUMENT;
    attrs->attrs = job->fields.attrs;
    return SESSILE_OK;
}

size_t sessile_sftp_job_id_count(sessile_sftp_job *job, int group)
{
    if (!job || job->op->operation != SESSILE_SFTP_USERS_GROUPS || group < 0 || group > 1)
        return 0;
    return job->fields.path[group].left / 4;
}

int64_t sessile_sftp_job_id(sessile_sftp_job *job, int group, size_t index)
{
    struct reader r;

    if (index >= sessile_sftp_job_id_count(job, group))
        return SESSILE_ERR_ARGUMENT;
    r = job->fields.path[group];
    get_bytes(&r, index * 4);
    return get_u32(&r);
}
