/* SPDX-License-Identifier: Apache-2.0
 *
 * The C side of what export.go and text.go are the Go side of. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"

#include "_cgo_export.h"

int whole(long long number)
{
    if (number > INT_MAX)
        return INT_MAX;
    return number < INT_MIN ? INT_MIN : (int)number;
}

/* ---- Text ---- */

int text_is_whole(const void *text, long long size)
{
    return !text || (size > 0 && memchr(text, '\0', (size_t)size) == (const char *)text + size - 1);
}

int text_is_whole_list(const void *texts, long long size)
{
    return size == 0 || ((const char *)texts)[size - 1] == '\0';
}

const char **text_list(const void *texts, long long size, size_t *count)
{
    const char *text = texts, *end = text + size;
    const char **list = calloc((size_t)size + 1, sizeof *list);

    *count = 0;
    for (; list && text < end; text += strlen(text) + 1)
        list[(*count)++] = text;
    return list;
}

void *text_copy(const char *text, long long *size, long long *room)
{
    size_t length = text ? strlen(text) : 0;
    void *copy = length ? malloc(length) : NULL;

    if (copy)
        memcpy(copy, text, length);
    *size = *room = copy ? (long long)length : 0;
    return copy;
}

/* ---- Callbacks ---- */

#define NUMBER(handle) ((uint64_t)(uintptr_t)(handle))

int on_comm_send(void *handle, void *buffer, size_t size)
{
    return sessileGoBytes(NUMBER(handle), SESSILE_GO_SEND, 0, buffer, size);
}

void on_comm_close(void *handle)
{
    sessileGoEvent(NUMBER(handle), SESSILE_GO_CLOSE, 0, 0);
}

void on_comm_resume(void *handle)
{
    sessileGoEvent(NUMBER(handle), SESSILE_GO_RESUME, 0, 0);
}

int on_ready(sessile_session *session, void *app)
{
    (void)session;
    return sessileGoEvent(NUMBER(app), SESSILE_GO_READY, 0, 0);
}

int on_question(sessile_question *question, void *app)
{
    return sessileGoEvent(NUMBER(app), SESSILE_GO_QUESTION, 0, (uintptr_t)question);
}

int on_withdrawn(sessile_question *question, void *app)
{
    return sessileGoEvent(NUMBER(app), SESSILE_GO_WITHDRAWN, 0, (uintptr_t)question);
}

int on_stream(sessile_stream *stream, void *app)
{
    return sessileGoEvent(NUMBER(app), SESSILE_GO_STREAM, 0, (uintptr_t)stream);
}

int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    (void)session;
    return sessileGoBytes(NUMBER(app), SESSILE_GO_NOTICE, kind, (void *)data, size);
}

void on_closed(sessile_session *session, int error, void *app)
{
    (void)session;
    sessileGoEvent(NUMBER(app), SESSILE_GO_CLOSED, error, 0);
}

int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream;
    return sessileGoBytes(NUMBER(app), SESSILE_GO_DATA, 0, (void *)data, size);
}

int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream;
    return sessileGoBytes(NUMBER(app), SESSILE_GO_STDERR, 0, (void *)data, size);
}

int on_request(sessile_stream *stream, int request, void *app)
{
    (void)stream;
    return sessileGoEvent(NUMBER(app), SESSILE_GO_REQUEST, request, 0);
}

int on_end(sessile_stream *stream, void *app)
{
    (void)stream;
    return sessileGoEvent(NUMBER(app), SESSILE_GO_END, 0, 0);
}

int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    return sessileGoEvent(NUMBER(app), SESSILE_GO_WRITABLE, 0, 0);
}

void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    (void)stream;
    sessileGoEvent(NUMBER(app), SESSILE_GO_STREAM_CLOSED, error, 0);
}

void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app)
{
    (void)session;
    sessileGoTrace(NUMBER(app), direction, (char *)message, size, (char *)phase);
}

int on_passphrase(void *buffer, size_t size, void *app)
{
    return sessileGoPassphrase(NUMBER(app), buffer, size);
}
