/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an end: made, running, over; entering and settling. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

/* ---- memory ---- */

void sftp_ref(sessile_sftp *sftp)
{
    sftp->refs++;
}

static void sftp_destroy(sessile_sftp *sftp)
{
    client_free(sftp);
    server_free(sftp);
    hello_free(sftp);
    queue_free(&sftp->in);
    queue_free(&sftp->later);
    queue_free(&sftp->out);
    queue_free(&sftp->going);
    mem_free(sftp);
}

void sftp_unref(sessile_sftp *sftp)
{
    if (--sftp->refs == 0)
        sftp_destroy(sftp);
}

sessile_sftp *sessile_sftp_new(int role, void *app)
{
    sessile_sftp *sftp;

    if ((role != SESSILE_CLIENT && role != SESSILE_SERVER) || !(sftp = mem_zalloc(sizeof *sftp)))
        return NULL;
    sftp->refs = 1;
    sftp->role = role;
    sftp->app = app;
    sftp->need = 4;
    sftp->client.free = NO_SLOT;
    sftp->server.file_limit = 256;
    sftp->server.job_limit = 64;
    sftp->limits[SESSILE_SFTP_LIMIT_MESSAGE] = role == SESSILE_SERVER ? MESSAGE_LIMIT : DATA_SAFE + MESSAGE_SLACK;
    sftp->limits[SESSILE_SFTP_LIMIT_READ] = role == SESSILE_SERVER ? DATA_LIMIT : DATA_SAFE;
    sftp->limits[SESSILE_SFTP_LIMIT_WRITE] = sftp->limits[SESSILE_SFTP_LIMIT_READ];
    return sftp;
}

/* ---- errors ---- */

int sftp_fail(sessile_sftp *sftp, int code, const char *format, ...)
{
    va_list args;

    if (sftp->error || sftp->over)
        return code;
    sftp->error = code;
    va_start(args, format);
    vsnprintf(sftp->text, sizeof sftp->text, format, args);
    va_end(args);
    return code;
}

int sftp_result(sessile_sftp *sftp, int result, const char *callback)
{
    if (result >= 0)
        return SESSILE_OK;
    return sftp_fail(sftp, SESSILE_ERR_CALLBACK, "the callback %s returned %d", callback, result);
}

int sftp_over(const sessile_sftp *sftp)
{
    return sftp->over || sftp->error || sftp->freed;
}

int sftp_live(const sessile_sftp *sftp)
{
    if (sftp->freed)
        return SESSILE_ERR_GONE;
    if (sftp_over(sftp) || sftp->ending)
        return SESSILE_ERR_CLOSED;
    return sftp->started ? SESSILE_OK : SESSILE_ERR_MISUSE;
}

int sessile_sftp_error(sessile_sftp *sftp)
{
    return sftp ? sftp->error : SESSILE_ERR_ARGUMENT;
}

const char *sessile_sftp_error_text(sessile_sftp *sftp)
{
    return sftp ? sftp->text : "";
}

/* ---- the end ---- */

static void end_everything(sessile_sftp *sftp, int error)
{
    if (sftp->role == SESSILE_CLIENT)
        requests_end(sftp, error);
    else
        jobs_end(sftp);
}

static void tell_closed(sessile_sftp *sftp)
{
    int error = sftp->error;

    if (sftp->told)
        return;
    sftp->told = 1;
    if (!sftp->freed && sftp->closed)
        sftp->closed(sftp, error, sftp->app);
    over_finish(sftp, error);
}

static void finish(sessile_sftp *sftp)
{
    sftp->over = 1;
    sftp->ending = 0;
    end_everything(sftp, sftp->error ? sftp->error : SESSILE_ERR_ABORTED);
    queue_free(&sftp->in);
    queue_free(&sftp->later);
    if (!sftp->writing) {
        queue_free(&sftp->out);
        queue_free(&sftp->going);
    }
    tell_closed(sftp);
}

/* Whether the peer's end can be answered with ours. */
static void check_end(sessile_sftp *sftp)
{
    int under_way = sftp->role == SESSILE_CLIENT ? sftp->client.busy > 0 : !sftp->hello;

    if (!sftp->in_ended || sftp->ending || sftp_over(sftp) || (sftp->role == SESSILE_SERVER && server_full(sftp)))
        return;
    if (sftp->in.size || sftp->client.incoming_left)
        sftp_fail(sftp, SESSILE_ERR_TRUNCATED, "the peer ended %zu bytes into a message", sftp->in.size);
    else if (under_way || !sftp->hello)
        sftp_fail(sftp, SESSILE_ERR_TRUNCATED, "the peer ended with %zu requests under way", sftp->client.busy);
    else if (sftp->role == SESSILE_CLIENT || server_idle(sftp))
        sftp->ending = 1;
}

/* What an idle end does not need goes back. */
static void rest(sessile_sftp *sftp)
{
    if (sftp->client.busy || sftp->client.transfers || sftp->server.job_count || sftp->writing || sftp->taking)
        return;
    if (!sftp->out.size)
        queue_free(&sftp->out);
    if (!sftp->going.size)
        queue_free(&sftp->going);
    if (!sftp->in.size)
        queue_free(&sftp->in);
}

static int call_resume(sessile_sftp *sftp)
{
    if (!sftp->wants_room || sftp_over(sftp) || out_size(sftp) > OUT_MARK || sftp->client.busy >= SLOTS_LIMIT / 2 ||
        (sftp->role == SESSILE_SERVER && server_full(sftp)))
        return 0;
    sftp->wants_room = 0;
    if (!sftp->resume)
        return 0;
    sftp_result(sftp, sftp->resume(sftp, sftp->app), "resume");
    return 1;
}

static int settle_step(sessile_sftp *sftp)
{
    int any = out_flush(sftp);

    any |= in_go_on(sftp);
    if (!sftp_over(sftp) && !sftp->ending)
        any |= transfers_pump(sftp);
    any |= call_resume(sftp);
    over_credit(sftp);
    check_end(sftp);
    any |= out_size(sftp) && !sftp->blocked && !sftp->writing && !sftp->gone;
    return any && !sftp->error && !sftp->freed;
}

static void settle(sessile_sftp *sftp)
{
    while (settle_step(sftp))
        ;
    if (sftp->over)
        return;
    if (sftp->error || (sftp->ending && !out_size(sftp)))
        finish(sftp);
    else if (sftp->started)
        rest(sftp);
}

void sftp_enter(sessile_sftp *sftp)
{
    sftp->depth++;
    sftp->refs++;
}

int sftp_leave(sessile_sftp *sftp, int result)
{
    if (sftp->depth == 1 && !sftp->freed)
        settle(sftp);
    sftp->depth--;
    sftp_unref(sftp);
    return result;
}

void sessile_sftp_free(sessile_sftp *sftp)
{
    if (!sftp || sftp->freed)
        return;
    sftp->freed = 1;
    sftp->told = 1;
    sftp->over = 1;
    sftp_enter(sftp);
    end_everything(sftp, SESSILE_ERR_GONE);
    over_free(sftp);
    sftp_leave(sftp, SESSILE_OK);
    sftp_unref(sftp);
}

int sessile_sftp_end(sessile_sftp *sftp)
{
    int result;

    if (!sftp)
        return SESSILE_ERR_ARGUMENT;
    if ((result = sftp_live(sftp)) < 0)
        return result;
    sftp_enter(sftp);
    sftp->ending = 1;
    end_everything(sftp, SESSILE_ERR_ABORTED);
    return sftp_leave(sftp, SESSILE_OK);
}

void sftp_in_ended(sessile_sftp *sftp)
{
    sftp->in_ended = 1;
}

void sftp_wire_gone(sessile_sftp *sftp, int error)
{
    sftp->gone = 1;
    sftp->in_ended = 1;
    if (error || sftp->client.busy || out_size(sftp))
        sftp_fail(sftp, error ? error : SESSILE_ERR_TRUNCATED, "the stream was closed");
}

/* ---- over bytes ---- */

int sftp_begin(sessile_sftp *sftp)
{
    sftp->started = 1;
    return sftp->role == SESSILE_CLIENT ? hello_init(sftp) : SESSILE_OK;
}

int sessile_sftp_start(sessile_sftp *sftp, sessile_on_sftp_send send)
{
    if (!sftp || !send)
        return SESSILE_ERR_ARGUMENT;
    if (sftp->started || sftp->freed)
        return SESSILE_ERR_MISUSE;
    sftp->send = send;
    sftp_enter(sftp);
    return sftp_leave(sftp, sftp_begin(sftp));
}

static int end_takes_bytes(const sessile_sftp *sftp)
{
    if (sftp->error)
        return SESSILE_ERR_FAILED;
    if (sftp->over || sftp->in_ended)
        return SESSILE_ERR_CLOSED;
    return sftp->started && !sftp->stream ? SESSILE_OK : SESSILE_ERR_MISUSE;
}

int sessile_sftp_receive(sessile_sftp *sftp, const void *data, size_t size)
{
    int result;

    if (!sftp || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if ((result = end_takes_bytes(sftp)) < 0)
        return result;
    if (size && !sessile_sftp_room(sftp))
        return SESSILE_ERR_LIMIT;
    sftp_enter(sftp);
    in_receive(sftp, data, size);
    result = sftp->error ? SESSILE_ERR_FAILED : SESSILE_OK;
    return sftp_leave(sftp, result);
}

size_t sessile_sftp_room(sessile_sftp *sftp)
{
    size_t kept;

    if (!sftp || sftp_over(sftp) || sftp->in_ended)
        return 0;
    kept = sftp->in.size + sftp->later.size;
    if (sftp->role == SESSILE_SERVER && server_full(sftp) && kept >= IN_LIMIT / 2) {
        sftp->wants_room = 1;
        return 0;
    }
    return kept < IN_LIMIT ? IN_LIMIT - kept : IN_LIMIT / 2;
}

int sessile_sftp_receive_end(sessile_sftp *sftp)
{
    int result;

    if (!sftp)
        return SESSILE_ERR_ARGUMENT;
    if ((result = end_takes_bytes(sftp)) < 0)
        return result == SESSILE_ERR_FAILED ? SESSILE_ERR_CLOSED : result;
    sftp_enter(sftp);
    sftp_in_ended(sftp);
    return sftp_leave(sftp, SESSILE_OK);
}

int sessile_sftp_writable(sessile_sftp *sftp)
{
    if (!sftp)
        return SESSILE_ERR_ARGUMENT;
    if (sftp->over)
        return SESSILE_ERR_CLOSED;
    sftp_enter(sftp);
    sftp->writable = 1;
    sftp->blocked = 0;
    return sftp_leave(sftp, SESSILE_OK);
}

/* ---- callbacks ---- */

#define SETTER(function, type, member)                                                                                 \
    int function(sessile_sftp *sftp, type call)                                                                        \
    {                                                                                                                  \
        if (!sftp)                                                                                                     \
            return SESSILE_ERR_ARGUMENT;                                                                               \
        sftp->member = call;                                                                                           \
        return SESSILE_OK;                                                                                             \
    }

SETTER(sessile_sftp_set_ready, sessile_on_sftp, ready)
SETTER(sessile_sftp_set_closed, sessile_on_sftp_closed, closed)
SETTER(sessile_sftp_set_resume, sessile_on_sftp, resume)
SETTER(sessile_sftp_set_job, sessile_on_sftp_job, job)
SETTER(sessile_sftp_set_withdrawn, sessile_on_sftp_job, withdrawn)
SETTER(sessile_sftp_set_release, sessile_on_sftp_release, release)
