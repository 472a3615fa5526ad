/* SPDX-License-Identifier: Apache-2.0
 *
 * The application side of a session: the callbacks, and the calls that both engines share.
 *
 * The order at the end of a session is: the last send, the comms layer's close, each stream's closed, the session's
 * closed, once each. sessile_session_free() cuts this short: no callback of the application runs in it or after it.
 */
#ifndef SESSILE_SESSION_H
#define SESSILE_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Callbacks. app is what was given with the callbacks object, for the session or for the stream. Those that return int
 * return 0 to go on; a negative number fails the session with ERR_CALLBACK. */
typedef int (*sessile_on_session)(sessile_session *session, void *app);
typedef int (*sessile_on_question)(sessile_question *question, void *app);
typedef int (*sessile_on_stream)(sessile_stream *stream, void *app);
/* data, size: lent for the duration of the callback; size is at least 1. */
typedef int (*sessile_on_data)(sessile_stream *stream, const void *data, size_t size, void *app);
/* request: one of SESSILE_SSH_* as listed with SESSILE_SSH_OPENED (ssh.h). */
typedef int (*sessile_on_request)(sessile_stream *stream, int request, void *app);
/* kind: one of SESSILE_NOTICE_*. data, size: lent for the duration of the callback. */
typedef int (*sessile_on_notice)(sessile_session *session, int kind, const void *data, size_t size, void *app);
/* error: 0 for a clean end, ERR_DROPPED, ERR_TRUNCATED, or what made the session fail. */
typedef void (*sessile_on_closed)(sessile_session *session, int error, void *app);
typedef void (*sessile_on_stream_closed)(sessile_stream *stream, int error, void *app);

/* A new callbacks object with nothing set, or NULL (no memory). Reference counted: sessions and streams that use it
 * hold it; the caller gives its own reference back with sessile_callbacks_free(), at any time. It cannot be changed
 * once a session or a stream uses it: the setters then return ERR_MISUSE. */
SESSILE_API sessile_callbacks *sessile_callbacks_new(void);
SESSILE_API void sessile_callbacks_free(sessile_callbacks *callbacks);

/* The session is ready for application data: the peer is authenticated as far as the config asks for. */
SESSILE_API int sessile_callbacks_set_ready(sessile_callbacks *callbacks, sessile_on_session ready);
/* A decision is needed (question.h). Not set: every question is refused. */
SESSILE_API int sessile_callbacks_set_question(sessile_callbacks *callbacks, sessile_on_question question);
/* A kept question is no longer of interest; answering it returns ERR_GONE. */
SESSILE_API int sessile_callbacks_set_withdrawn(sessile_callbacks *callbacks, sessile_on_question withdrawn);
/* Something to know and nothing to decide. */
SESSILE_API int sessile_callbacks_set_notice(sessile_callbacks *callbacks, sessile_on_notice notice);
/* The session is over. It stays valid until it is freed. */
SESSILE_API int sessile_callbacks_set_closed(sessile_callbacks *callbacks, sessile_on_closed closed);
/* Bytes arrived on a stream. Not set: bytes that arrive fail the session with ERR_MISUSE, since nothing may be lost. */
SESSILE_API int sessile_callbacks_set_data(sessile_callbacks *callbacks, sessile_on_data data);
/* The peer opened a stream, and a question about it was answered with yes (SSH). Not set: the stream has the session's
 * callbacks. */
SESSILE_API int sessile_callbacks_set_stream(sessile_callbacks *callbacks, sessile_on_stream stream);
/* Bytes arrived on a stream's second flow (SSH's stderr). Not set: they are dropped, and count as consumed. */
SESSILE_API int sessile_callbacks_set_stderr(sessile_callbacks *callbacks, sessile_on_data call);
/* Something other than data came for a stream (SSH). Not set: ignored. */
SESSILE_API int sessile_callbacks_set_request(sessile_callbacks *callbacks, sessile_on_request request);
/* The peer will send no more on this stream. Not set: the stream is ended on this side too, as soon as no write that
 * was taken short is waiting. */
SESSILE_API int sessile_callbacks_set_end(sessile_callbacks *callbacks, sessile_on_stream end);
/* sessile_stream_write() took less than it was given before, and can take more now. Where send lifts a hold in the
 * midst of a write, this may come before that write has returned: note it then, and go on when it has. */
SESSILE_API int sessile_callbacks_set_writable(sessile_callbacks *callbacks, sessile_on_stream writable);
/* The stream is over. The handle is valid for the duration of the callback, or longer where it is kept. */
SESSILE_API int sessile_callbacks_set_stream_closed(sessile_callbacks *callbacks, sessile_on_stream_closed closed);

/* Kinds of notice. */
/* TLS client: a session to resume later, for sessile_tls_resume(). Secret: it contains keys. */
#define SESSILE_NOTICE_TLS_TICKET 1
/* TLS: a line for a key log file, without newline, after sessile_tls_insecure_keylog(). Secret. */
#define SESSILE_NOTICE_TLS_KEYLOG 2

/* SSH: lines for a key log file, after sessile_ssh_config_insecure_keylog(). Secret. */
#define SESSILE_NOTICE_SSH_KEYLOG 3
/* SSH client: the server's banner, text of at most 16 KiB in the server's words: escape it before it reaches a terminal
 * (RFC 4252, section 5.4). */
#define SESSILE_NOTICE_SSH_BANNER 4
/* SSH: the peer's DEBUG message that it wants to be displayed, as it is. */
#define SESSILE_NOTICE_SSH_DEBUG 5
/* SSH: the peer ended the session: its reason and description, escaped, such as "2: too many attempts". */
#define SESSILE_NOTICE_SSH_DISCONNECT 6
/* SSH: an answer to sessile_ssh_keepalive(). */
#define SESSILE_NOTICE_SSH_ALIVE 7
/* SSH client: the server listens, "host port" or the path; or it does not. */
#define SESSILE_NOTICE_SSH_FORWARDED 8
#define SESSILE_NOTICE_SSH_FORWARD_REFUSED 9
/* SSH: new keys are in use in both directions. */
#define SESSILE_NOTICE_SSH_REKEYED 10

/* Batch: until the matching leave, nothing is sent and no callback that waits for rest (resume, writable, closed)
 * runs; leave then sends all in one. Nests. What a batch may produce is bounded (256 KiB): writes are taken
 * short beyond. Return 0 or an error; leave without enter is ERR_MISUSE. Callbacks: leave: all. */
SESSILE_API int sessile_session_enter(sessile_session *session);
SESSILE_API int sessile_session_leave(sessile_session *session);

/* Stop taking bytes (on is not 0), or go on (0). Returns 0; ERR_MISUSE where the comms layer has set no resume
 * callback. */
SESSILE_API int sessile_session_pause(sessile_session *session, int on);

/* End gracefully: TLS sends close_notify, drops what still arrives, and closes the wire when the peer's close_notify
 * is there. It waits for that as long as the comms layer lets it: sessile_session_abort() does not. Before the session
 * is ready it ends at once, with ERR_ABORTED. Returns 0 or ERR_CLOSED. Callbacks: send, comm close, stream closed,
 * closed. */
SESSILE_API int sessile_session_end(sessile_session *session);

/* End at once with ERR_ABORTED: nothing more is sent, the wire is closed. Returns 0 or ERR_CLOSED.
 * Callbacks: comm close, stream closed, closed. */
SESSILE_API int sessile_session_abort(sessile_session *session);

/* Free the session, at any time, from inside any callback too. Sends nothing; calls the comms layer's close if neither
 * side has closed, then its release; after it returns, no callback runs. While another thread is inside, it takes
 * effect when that one leaves, and release tells when. Kept streams and questions stay valid handles that answer
 * ERR_GONE. NULL is ignored. */
SESSILE_API void sessile_session_free(sessile_session *session);

/* The first fatal error, which never changes afterwards; 0 while there is none. ERR_BUSY while another thread is
 * inside. */
SESSILE_API int sessile_session_error(sessile_session *session);
/* What happened, in one line: what the peer or the caller did, the message, the value and the limit. The peer's bytes
 * in it are escaped. "" while there is no error. Valid until the session is freed. */
SESSILE_API const char *sessile_session_error_text(sessile_session *session);

/* Tell the time, in seconds since 1970-01-01 UTC, for what depends on it (the validity of certificates). Without it,
 * TLS uses libcrypto's own clock, and SSH accepts no certificate. Returns 0 or an error. */
SESSILE_API int sessile_session_set_time(sessile_session *session, int64_t unix_seconds);

/* The one stream of a session that has just one (TLS), from connect or accept on; else NULL. Borrowed. */
SESSILE_API sessile_stream *sessile_session_stream(sessile_session *session);

/* Tracing: one call per protocol message, when libssl is not on the stack. Off by default and free when off.
 * direction: 0 received, 1 sent. message, phase: static names. size: in bytes, with the message's own header. */
typedef void (*sessile_on_trace)(sessile_session *session, int direction, const char *message, size_t size,
                                 const char *phase, void *app);
/* trace: NULL turns it off. Returns 0 or ERR_BUSY. */
SESSILE_API int sessile_session_set_trace(sessile_session *session, sessile_on_trace trace, void *app);

/* Counters: off by default; on (not 0) starts at zero. Returns 0, ERR_MEMORY or ERR_BUSY. */
SESSILE_API int sessile_session_set_counters(sessile_session *session, int on);
/* Bytes that receive was offered, offered again ones included. */
#define SESSILE_COUNT_OFFERED 0
/* Bytes that receive took. */
#define SESSILE_COUNT_TAKEN 1
/* Whole units that receive took. */
#define SESSILE_COUNT_UNITS 2
/* Bytes given to send. */
#define SESSILE_COUNT_SENT 3
/* Calls of send. */
#define SESSILE_COUNT_SENDS 4
/* Application bytes that arrived on streams. */
#define SESSILE_COUNT_DATA_IN 5
/* Application bytes that streams took. */
#define SESSILE_COUNT_DATA_OUT 6
/* One counter's value; 0 when counters are off or there is no such counter. */
SESSILE_API uint64_t sessile_session_counter(sessile_session *session, int counter);

/* The two ends of a session. */
#define SESSILE_CLIENT 0
#define SESSILE_SERVER 1

/* Memory. All that libsessile itself allocates goes through these (libssl and libcrypto have a hook of their own,
 * CRYPTO_set_mem_functions). Call before anything else; not thread-safe. NULL for all three restores the C library's.
 * Returns 0, or ERR_ARGUMENT where only some are given. */
typedef void *(*sessile_malloc)(size_t size);
typedef void *(*sessile_realloc)(void *memory, size_t size);
typedef void (*sessile_mfree)(void *memory);
SESSILE_API int sessile_set_allocator(sessile_malloc allocate, sessile_realloc reallocate, sessile_mfree release);

/* The version of this library, such as "0.1.0", and the number that changes when the ABI breaks. */
SESSILE_API const char *sessile_version(void);
SESSILE_API int sessile_abi_version(void);

#ifdef __cplusplus
}
#endif

#endif
