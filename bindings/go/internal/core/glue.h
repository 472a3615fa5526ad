/* SPDX-License-Identifier: Apache-2.0
 *
 * What the generated wrappers call: arguments that are not what C takes them for, and the library's callbacks, which
 * go to Go (export.go). Nothing here keeps anything between calls. */
#ifndef SESSILE_GO_GLUE_H
#define SESSILE_GO_GLUE_H

#include <stdbool.h>

#include <sessile/sessile.h>

#pragma GCC visibility push(hidden)

/* ---- Arguments ---- */

/* A number of Go's as C has it: the nearest that fits. */
int whole(long long number);

/* Text has one NUL byte, which is its last; NULL is text as well. A list is texts one behind the other. */
int text_is_whole(const void *text, long long size);
int text_is_whole_list(const void *texts, long long size);
/* A list's texts, in memory that the caller frees; NULL without memory. */
const char **text_list(const void *texts, long long size, size_t *count);
/* A copy that the caller frees, without its NUL byte; NULL for no text, and without memory. */
void *text_copy(const char *text, long long *size, long long *room);

/* What a wrapper returns where an argument is no text: an error, or nothing. */
#define NOT_TEXT(result) _Generic((result), long long : SESSILE_ERR_ARGUMENT, default : 0)

/* ---- Callbacks ---- */

int on_comm_send(void *handle, void *buffer, size_t size);
void on_comm_close(void *handle);
void on_comm_resume(void *handle);
int on_ready(sessile_session *session, void *app);
int on_question(sessile_question *question, void *app);
int on_withdrawn(sessile_question *question, void *app);
int on_stream(sessile_stream *stream, void *app);
int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app);
void on_closed(sessile_session *session, int error, void *app);
int on_data(sessile_stream *stream, const void *data, size_t size, void *app);
int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app);
int on_request(sessile_stream *stream, int request, void *app);
int on_end(sessile_stream *stream, void *app);
int on_writable(sessile_stream *stream, void *app);
void on_stream_closed(sessile_stream *stream, int error, void *app);
void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app);
int on_passphrase(void *buffer, size_t size, void *app);

#pragma GCC visibility pop

#endif
