/* SPDX-License-Identifier: Apache-2.0
 *
 * inbox: a helper for comms layers that do not want to keep untaken bytes themselves. It makes the session, keeps what
 * receive did not take, offers it again with what arrives next or when the session resumes, and costs nothing while
 * everything is taken.
 */
#ifndef SESSILE_INBOX_H
#define SESSILE_INBOX_H

#include <stddef.h>

#include "comm.h"
#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sessile_inbox sessile_inbox;

/* Create a session with an inbox in front of it. handle, send, close: as for sessile_session_create(); the resume and
 * release callbacks of the session are the inbox's own. *session: the session, which the caller frees; the inbox goes
 * with it. NULL: no memory, or a parameter is NULL. */
SESSILE_API sessile_inbox *sessile_inbox_create(void *handle, sessile_comm_send send, sessile_comm_close close,
                                                sessile_session **session);
/* Optional callbacks of the comms layer. room: the inbox, having had no room, has room again: read on. release: see
 * comm.h. */
SESSILE_API void sessile_inbox_set_room(sessile_inbox *inbox, sessile_comm_resume room);
SESSILE_API void sessile_inbox_set_release(sessile_inbox *inbox, sessile_comm_release release);
/* How many bytes may be kept (default 256 KiB, never below what the session wants for one unit). */
SESSILE_API void sessile_inbox_set_limit(sessile_inbox *inbox, size_t limit);
/* Bytes that arrived. Offers them, and keeps what is not taken. Returns 0; ERR_FAILED where the session has failed, and
 * what was kept is dropped; ERR_GONE where it was freed in a callback, and the inbox with it; ERR_CLOSED after
 * sessile_inbox_close(); ERR_MEMORY where bytes were lost, for which the session is aborted; ERR_LIMIT where more would
 * have to be kept than the limit: nothing was taken then. A comms layer that reads at most sessile_inbox_room() bytes
 * never meets that. Once the session has ended cleanly, bytes are still kept, up to the limit. Callbacks: all. */
SESSILE_API int sessile_inbox_receive(sessile_inbox *inbox, const void *data, size_t size);
/* How many bytes can be handed in now. 0: stop reading. */
SESSILE_API size_t sessile_inbox_room(sessile_inbox *inbox);
/* What is kept: after a detach, what followed the end. *data is valid until the next call. Returns the size; 0 inside a
 * callback of a receive, when it is not known yet how much of it is being taken. */
SESSILE_API size_t sessile_inbox_kept(sessile_inbox *inbox, const void **data);
/* Nothing more will arrive, but the wire may still take bytes: sessile_session_receive_end(), after what is kept. */
SESSILE_API void sessile_inbox_receive_end(sessile_inbox *inbox);
/* The wire is gone: sessile_session_close(), after what is kept. */
SESSILE_API void sessile_inbox_close(sessile_inbox *inbox);

#ifdef __cplusplus
}
#endif

#endif
