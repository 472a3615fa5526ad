/* SPDX-License-Identifier: Apache-2.0
 *
 * An end on a stream. Credit goes back for what was taken, and, of what is kept, for what is just not whole: what a
 * full server cannot take stays unread, so that the peer's window bounds it. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

void over_credit(sessile_sftp *sftp)
{
    size_t held = 0, credit;

    if (!sftp->stream || sftp->gone || !sftp->unread)
        return;
    if (sftp->role == SESSILE_SERVER && server_full(sftp) && !sftp_over(sftp))
        held = sftp->in.size + sftp->later.size;
    if (held >= sftp->unread)
        return;
    credit = sftp->unread - held;
    sftp->unread = held;
    sessile_stream_consumed(sftp->stream, credit);
}

void over_finish(sessile_sftp *sftp, int error)
{
    if (!sftp->stream || sftp->gone)
        return;
    over_credit(sftp);
    if (error)
        sessile_stream_abort(sftp->stream);
    else
        sessile_stream_end(sftp->stream);
}

/* ---- the stream's callbacks ---- */

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    sessile_sftp *sftp = app;

    (void)stream;
    sftp->unread += size;
    sftp_enter(sftp);
    if (!sftp_over(sftp))
        in_receive(sftp, data, size);
    else
        over_credit(sftp);
    return sftp_leave(sftp, 0);
}

static int on_end(sessile_stream *stream, void *app)
{
    sessile_sftp *sftp = app;

    (void)stream;
    sftp_enter(sftp);
    sftp_in_ended(sftp);
    return sftp_leave(sftp, 0);
}

static int on_writable(sessile_stream *stream, void *app)
{
    sessile_sftp *sftp = app;

    (void)stream;
    sftp_enter(sftp);
    sftp->writable = 1;
    sftp->blocked = 0;
    return sftp_leave(sftp, 0);
}

static void stream_is_gone(sessile_sftp *sftp, int error)
{
    sessile_stream *stream = sftp->stream;

    sftp_enter(sftp);
    sftp_wire_gone(sftp, error);
    sftp_leave(sftp, 0);
    sftp->stream = NULL;
    sessile_stream_free(stream);
    sftp_unref(sftp); /* the stream's */
}

static void on_closed(sessile_stream *stream, int error, void *app)
{
    (void)stream;
    stream_is_gone(app, error);
}

static void on_release(void *app)
{
    stream_is_gone(app, SESSILE_ERR_GONE);
}

static sessile_callbacks *over_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    if (!callbacks)
        return NULL;
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_stream_closed(callbacks, on_closed);
    return callbacks;
}

static int over_join(sessile_sftp *sftp, sessile_stream *stream)
{
    sessile_callbacks *callbacks;
    int result = sessile_stream_set_manual(stream, 1);

    if (result < 0)
        return result;
    if (!(callbacks = over_callbacks()))
        return SESSILE_ERR_MEMORY;
    result = sessile_stream_set_callbacks(stream, callbacks, sftp);
    sessile_callbacks_free(callbacks);
    if (result < 0)
        return result;
    sessile_stream_set_release(stream, on_release);
    sftp->stream = sessile_stream_keep(stream);
    sftp_ref(sftp);
    return SESSILE_OK;
}

int sessile_sftp_attach(sessile_sftp *sftp, sessile_stream *stream)
{
    int result;

    if (!sftp || !stream)
        return SESSILE_ERR_ARGUMENT;
    if (sftp->started || sftp->freed)
        return SESSILE_ERR_MISUSE;
    sftp_enter(sftp);
    result = over_join(sftp, stream);
    if (result == SESSILE_OK)
        result = sftp_begin(sftp);
    return sftp_leave(sftp, result);
}

/* The stream keeps its callbacks, which drop what comes, until it is closed. */
void over_free(sessile_sftp *sftp)
{
    over_credit(sftp);
}
