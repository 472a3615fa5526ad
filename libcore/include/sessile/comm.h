/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire side: what a comms layer needs. A comms layer owns a wire (a socket, a pipe, a serial line, another session)
 * and hands in the bytes that arrived; the session hands back the bytes to send. The session never opens, reads, polls,
 * waits or asks for the time.
 *
 * Three calls (create, receive, close) and two callbacks (send, close) are the whole of it; the rest here is optional.
 *
 * Rules that hold for every function of a session, its streams and its questions:
 *
 * - Any of them may be called from inside any callback, on any session, sessile_session_free() included.
 * - send is called at rest, by the outermost call on that session, with everything that the call produced, in one
 *   buffer; never from inside another send of the same session.
 * - One thread at a time: a second thread inside the same session gets ERR_BUSY (receive: -1) and changes nothing.
 */
#ifndef SESSILE_COMM_H
#define SESSILE_COMM_H

#include <stddef.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Have bytes sent over the wire.
 * handle: the comms layer's, as given to sessile_session_create(). buffer, size: the bytes, at least one, lent for the
 * duration of the call; the callee may overwrite them. The callee makes sure that all of them get to the other side: it
 * writes them, or copies them to a queue of its own and later tells the session when that queue grows too long
 * (sessile_session_hold).
 * Returns 0, or -1 when the wire is unusable: the session then ends with ERR_COMM. */
typedef int (*sessile_comm_send)(void *handle, void *buffer, size_t size);

/* The session is done with the wire: close it, after what was given to send has gone out. Called at most once; no
 * callback with this handle follows, but for release. Not called once sessile_session_close() has been. */
typedef void (*sessile_comm_close)(void *handle);

/* Offer again what earlier receives left untaken: the session can take more now. Called at rest, where bytes were
 * refused before. May call sessile_session_receive(). Where it comes while a receive of the same session is still on
 * the stack, that receive's result is not known yet: note it, and offer once that receive has returned. After
 * sessile_session_close(), offer at once: the session is judged when this returns. */
typedef void (*sessile_comm_resume)(void *handle);

/* The session is being freed and will not use the handle again: the handle may be freed here. Called once, last. */
typedef void (*sessile_comm_release)(void *handle);

/* Create a session for a wire that is open. Sends nothing: the protocol is chosen later (sessile_tls_connect,
 * sessile_tls_accept); until then receive takes 0 bytes.
 * handle: opaque, handed to the callbacks. send: must not be NULL. close: may be NULL.
 * Returns the session, which the caller frees with sessile_session_free(), or NULL (no memory, send is NULL). */
SESSILE_API sessile_session *sessile_session_create(void *handle, sessile_comm_send send, sessile_comm_close close);

/* Process bytes that arrived.
 * data, size: all bytes that arrived and were not taken yet, in order. They are read only during the call and never
 * written to; no part of a unit that is not complete is kept.
 * Takes whole units (TLS records) from the start. It takes less than all whole units only where the session is over,
 * paused, full, or a question blocks what comes next; sessile_comm_resume tells when that has passed.
 * Returns how many bytes were taken, 0 to size (at most INT_MAX), and the rest is to be offered again with more behind
 * it; or -1 once the session has failed. A session that has ended cleanly takes 0. Inside a callback during another
 * receive of the same session it takes 0, and resume follows, unless that receive has taken everything that it was
 * offered. Callbacks: all. */
SESSILE_API int sessile_session_receive(sessile_session *session, const void *data, size_t size);

/* The wire is gone: the other side closed it, or it broke. No send and no close follow. The session is over at once,
 * and its closed callback tells clean (0), ERR_DROPPED and ERR_TRUNCATED apart; where whole units still wait
 * behind a question or a pause, it is over once they are taken or given up, and receive stays legal until then.
 * Callbacks: stream closed, closed. */
SESSILE_API void sessile_session_close(sessile_session *session);

/* Nothing more will arrive, but the wire may still take bytes (TCP's FIN). Where the peer has ended its side in the
 * protocol's own way (close_notify), the session goes on sending until it is done with the wire; else this is
 * sessile_session_close(). Returns 0, ERR_GONE or ERR_BUSY. Callbacks: stream closed, closed. */
SESSILE_API int sessile_session_receive_end(sessile_session *session);

/* How many bytes, from the start of the untaken data, make progress possible: a lower bound, in bytes. 0: the session
 * takes nothing now. O(1). */
SESSILE_API size_t sessile_session_want(sessile_session *session);

/* The largest value that sessile_session_want() will have in the life of this session: the size of a buffer that
 * always suffices. 0 before the protocol is chosen. */
SESSILE_API size_t sessile_session_want_max(sessile_session *session);

/* Set the optional third callback. Without it, what needs it (pausing, keeping a question that blocks receive, manual
 * credit) is refused with ERR_MISUSE. NULL takes it away. Returns 0 or ERR_BUSY. */
SESSILE_API int sessile_session_set_resume(sessile_session *session, sessile_comm_resume resume);

/* Set what tells that the handle is no longer used. Returns 0 or ERR_BUSY. */
SESSILE_API int sessile_session_set_release(sessile_session *session, sessile_comm_release release);

/* Say that the comms layer's queue is over its mark (on is not 0) or has drained (0). While on, sessile_stream_write()
 * takes 0, and only a bounded number of bytes of protocol replies goes to send; when it is reached, receive takes 0 as
 * well. Off leads to writable and resume. Returns 0 or an error. Callbacks: off: all. */
SESSILE_API int sessile_session_hold(sessile_session *session, int on);

/* End the session without ever calling the comms layer's close: a TLS session sends close_notify, takes records up to
 * and including the peer's close_notify, and is then over; what follows on the wire is left with the caller, exactly.
 * Returns 0, or ERR_MISUSE before the session is ready. Callbacks: send, stream closed, closed. */
SESSILE_API int sessile_session_detach(sessile_session *session);

#ifdef __cplusplus
}
#endif

#endif
