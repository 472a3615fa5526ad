/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files over a client's SFTP end, as fast as the wire allows: many reads or writes are under way at once, a get's
 * bytes come to a sink in their order, a put's are fetched from a source when they can be sent. The file is opened and
 * closed by the application.
 *
 * Memory: a put holds what waits to be sent (some 1 MiB for the whole end). A get hands bytes on as they arrive; what
 * comes out of order, or while the sink wants none, is kept, and is never more than the window.
 */
#ifndef SESSILE_SFTP_TRANSFER_H
#define SESSILE_SFTP_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "sftp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One file on its way. */
typedef struct sessile_sftp_transfer sessile_sftp_transfer;

/* done, progress. A negative number fails the end with ERR_CALLBACK. */
typedef int (*sessile_on_sftp_transfer)(sessile_sftp_transfer *transfer, void *app);

/* What a sink returns to be given nothing more until sessile_sftp_transfer_resume(). */
#define SESSILE_SFTP_PAUSE 1
/* Bytes of the file. offset: where they belong, each time where the last ones ended. data: lent for the call; all of it
 * counts as taken. Returns 0, SESSILE_SFTP_PAUSE, or a negative number, which ends the transfer with ERR_CALLBACK. */
typedef int (*sessile_on_sftp_sink)(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size,
                                    void *app);
/* Fill data with the file's bytes from offset on. Returns how many, up to size; 0 at the end of the file; ERR_BUSY
 * where there are none for now, until sessile_sftp_transfer_resume(); another negative number ends the transfer with
 * ERR_CALLBACK. It may call sessile_sftp_transfer_skip(), resume and stop, and nothing else of this end's. */
typedef int (*sessile_on_sftp_source)(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size,
                                      void *app);

/* A new transfer, for one file after another. done: called once for each. NULL: no memory, or no client. */
SESSILE_API sessile_sftp_transfer *sessile_sftp_transfer_new(sessile_sftp *sftp, sessile_on_sftp_transfer done,
                                                             void *app);
/* Free it at any time; no callback follows. What is under way is forgotten: to be sure that the server has written
 * nothing later, close the file and wait for the answer. NULL is ignored. */
SESSILE_API void sessile_sftp_transfer_free(sessile_sftp_transfer *transfer);

/* Called when sessile_sftp_transfer_position() has moved. NULL: not at all. Returns 0. */
SESSILE_API int sessile_sftp_transfer_set_progress(sessile_sftp_transfer *transfer, sessile_on_sftp_transfer progress);
/* How many bytes may be under way at once: 32 KiB to 1 GiB, 16 MiB at first. A transfer begins with less and doubles it
 * with each turn of the wire. Returns 0 or ERR_ARGUMENT. */
SESSILE_API int sessile_sftp_transfer_set_window(sessile_sftp_transfer *transfer, size_t window);
/* The size that the file is expected to have, such as stat tells: a get does not ask far beyond it. It may turn out
 * shorter or longer. UINT64_MAX: not known, as at first. Returns 0. */
SESSILE_API int sessile_sftp_transfer_set_expected(sessile_sftp_transfer *transfer, uint64_t size);

/* Fetch an open file from offset on, length bytes or up to its end (UINT64_MAX: just up to its end). handle: as it
 * came. Return 0; ERR_MISUSE where the transfer is under way; ERR_ARGUMENT, ERR_CLOSED, ERR_GONE, ERR_MEMORY.
 * Callbacks: all.
 */
SESSILE_API int sessile_sftp_get(sessile_sftp_transfer *transfer, const void *handle, size_t handle_size,
                                 uint64_t offset, uint64_t length, sessile_on_sftp_sink sink);
/* Write an open file from offset on, what the source has. */
SESSILE_API int sessile_sftp_put(sessile_sftp_transfer *transfer, const void *handle, size_t handle_size,
                                 uint64_t offset, sessile_on_sftp_source source);
/* The sink takes more, or the source has more. Returns 0. Callbacks: all. */
SESSILE_API int sessile_sftp_transfer_resume(sessile_sftp_transfer *transfer);
/* In a source: nothing is written for the next size bytes, a hole. The bytes it then fills in, or the end, come behind
 * it. Where the file ends in a hole, setting its size is up to the application. Returns 0 or ERR_MISUSE. */
SESSILE_API int sessile_sftp_transfer_skip(sessile_sftp_transfer *transfer, uint64_t size);
/* End it at once: done is called with ERR_ABORTED. Returns 0 or ERR_MISUSE. Callbacks: done. */
SESSILE_API int sessile_sftp_transfer_stop(sessile_sftp_transfer *transfer);

/* Up to where the file is done: the sink has all before it, or the server has acknowledged all before it. What a
 * transfer that broke off goes on from. */
SESSILE_API uint64_t sessile_sftp_transfer_position(sessile_sftp_transfer *transfer);
/* How it ended: 0; ERR_REFUSED with the server's status and words; ERR_ABORTED; ERR_CALLBACK; or how the end did. */
SESSILE_API int sessile_sftp_transfer_result(sessile_sftp_transfer *transfer);
SESSILE_API int sessile_sftp_transfer_status(sessile_sftp_transfer *transfer);
SESSILE_API const char *sessile_sftp_transfer_text(sessile_sftp_transfer *transfer);

#ifdef __cplusplus
}
#endif

#endif
