/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream: an ordered flow of bytes inside a session. A TLS session has one; an SSH session has one per channel. A
 * stream is borrowed: valid until its closed callback has returned, or its session is freed, unless it is kept.
 * A kept stream outlives its session and then answers ERR_GONE.
 */
#ifndef SESSILE_STREAM_H
#define SESSILE_STREAM_H

#include <stddef.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Take a reference. Returns the same stream. */
SESSILE_API sessile_stream *sessile_stream_keep(sessile_stream *stream);
/* Give a reference back. Safe on any thread, calls nothing back. NULL is ignored. */
SESSILE_API void sessile_stream_free(sessile_stream *stream);

/* The session the stream belongs to, or NULL where that is freed. */
SESSILE_API sessile_session *sessile_stream_session(sessile_stream *stream);

/* Give the stream callbacks of its own (data, stderr, request, end, writable, stream_closed), in place of the
 * session's. callbacks is held; NULL goes back to the session's. Returns 0, ERR_GONE or ERR_BUSY. Callbacks: the
 * release that was set before, for the app before. */
SESSILE_API int sessile_stream_set_callbacks(sessile_stream *stream, sessile_callbacks *callbacks, void *app);

typedef void (*sessile_on_stream_release)(void *app);
/* Tell where no closed will come: the session is freed before the stream is closed, or the stream has other callbacks,
 * and app of sessile_stream_set_callbacks() is used no more. Called once, last. Returns 0, ERR_CLOSED, ERR_GONE or
 * ERR_BUSY. */
SESSILE_API int sessile_stream_set_release(sessile_stream *stream, sessile_on_stream_release release);

/* Send application data.
 * data, size: read during the call only. Returns how many bytes were taken, 0 to size (at most INT_MAX); where less
 * than size, because the session is not ready yet, is held, or has reached the bound of what one call may produce, the
 * caller keeps the rest and writable tells when to go on. What was taken has been handed to send when the outermost
 * call returns. ERR_CLOSED after sessile_stream_end() or where the session is over; ERR_GONE; ERR_FAILED where this
 * very write failed the session. Where send lifts the hold itself, writable may come before a short write has
 * returned. Callbacks: send, and all where send calls in. */
SESSILE_API int sessile_stream_write(sessile_stream *stream, const void *data, size_t size);

/* Half close: nothing more will be written; data still arrives. TLS sends close_notify, and the wire is closed
 * when the peer's is there too. Returns 0, ERR_CLOSED, or ERR_MISUSE before the session is ready. Callbacks: send,
 * closed. */
SESSILE_API int sessile_stream_end(sessile_stream *stream);

/* End the stream at once. TLS has one stream: the session is aborted. Returns 0, ERR_CLOSED or ERR_GONE. */
SESSILE_API int sessile_stream_abort(sessile_stream *stream);

/* Credit by hand (on is not 0): data that was delivered counts as unread until sessile_stream_consumed() says
 * otherwise, and a stream with too much unread takes no more. With TLS that is 64 KiB, and the session then takes no
 * more at all; with SSH it is the channel's window (SESSILE_SSH_LIMIT_WINDOW bounds it), and other channels go on. Off
 * (0): counts what is unread as consumed. Returns 0, ERR_GONE, or ERR_MISUSE where the comms layer has set no resume
 * callback. */
SESSILE_API int sessile_stream_set_manual(sessile_stream *stream, int on);
/* size: bytes that the application is done with. Returns 0; ERR_ARGUMENT where that is more than is unread. */
SESSILE_API int sessile_stream_consumed(sessile_stream *stream, size_t size);

#ifdef __cplusplus
}
#endif

#endif
