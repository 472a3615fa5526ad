/* SPDX-License-Identifier: Apache-2.0
 *
 * Serving SFTP. Every request of the client's is a job, given to the job callback, which answers before it returns or
 * keeps the job (sessile_sftp_job_keep) and answers later, in any order. A job that is neither answered nor kept, or is
 * dropped, or meets no callback, is answered with STATUS_FAILURE. INIT and limits are answered here.
 *
 * Open files are the application's, known to the library by one number each (an index, a descriptor, an address), given
 * with the answer to OPEN or OPENDIR. The client gets a handle that names a place in a table and how often places were
 * given: one that is made up, closed, or of the wrong kind is refused before the application hears of it. A CLOSE is a
 * job once every other job on the file is answered; then, and where the conversation ends, release gives the number
 * back, once each.
 *
 * Before it becomes a job, each request has been read to its end: paths have at most 4096 bytes and no NUL, READ asks
 * for at most SESSILE_SFTP_LIMIT_READ. Paths are otherwise the client's bytes: what confines them is the application's
 * business.
 */
#ifndef SESSILE_SFTP_SERVER_H
#define SESSILE_SFTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "sftp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request to be answered. Borrowed: valid until the callback returns, unless it is kept. */
typedef struct sessile_sftp_job sessile_sftp_job;

typedef int (*sessile_on_sftp_job)(sessile_sftp_job *job, void *app);
typedef void (*sessile_on_sftp_release)(sessile_sftp *sftp, uint64_t file, void *app);

/* A job to do. */
SESSILE_API int sessile_sftp_set_job(sessile_sftp *sftp, sessile_on_sftp_job job);
/* A kept job is of no interest any more; answering it returns ERR_GONE. */
SESSILE_API int sessile_sftp_set_withdrawn(sessile_sftp *sftp, sessile_on_sftp_job withdrawn);
/* An open file is of no use any more: the number that was given with the answer. Also called by sessile_sftp_free(). */
SESSILE_API int sessile_sftp_set_release(sessile_sftp *sftp, sessile_on_sftp_release release);

/* Before the end runs (else ERR_MISUSE). */
/* Offer an extension: an operation from SESSILE_SFTP_POSIX_RENAME on. Those that are not offered are no jobs. */
SESSILE_API int sessile_sftp_serve(sessile_sftp *sftp, int operation);
/* Offer an extension that is not known here: its jobs are SESSILE_SFTP_EXTENDED. name and value: text. At most 32. */
SESSILE_API int sessile_sftp_serve_extended(sessile_sftp *sftp, const char *name, const char *value);
/* on (not 0): whatever would change a file is answered with STATUS_PERMISSION_DENIED and no job. */
SESSILE_API int sessile_sftp_set_read_only(sessile_sftp *sftp, int on);
/* Open files at most (default 256, 1 to 65536), and jobs that are not answered (default 64, 1 to 1024): then no more is
 * taken from the stream. */
SESSILE_API int sessile_sftp_set_limits(sessile_sftp *sftp, size_t files, size_t jobs);

/* Keep the job beyond its callback. Returns the job. */
SESSILE_API sessile_sftp_job *sessile_sftp_job_keep(sessile_sftp_job *job);
/* Give the reference back. The last one of a job that is not answered answers it with STATUS_FAILURE. NULL is ignored.
 * Callbacks: send. */
SESSILE_API void sessile_sftp_job_free(sessile_sftp_job *job);
/* The end, or NULL where that is freed. */
SESSILE_API sessile_sftp *sessile_sftp_job_sftp(sessile_sftp_job *job);

/* ---- what is asked ---- */

/* SESSILE_SFTP_*. */
SESSILE_API int sessile_sftp_job_operation(sessile_sftp_job *job);
/* A path, index 0; RENAME, POSIX_RENAME and HARDLINK have where to in index 1; SYMLINK has the link's target in 0 and
 * the link in 1. HOME_DIRECTORY: the user. EXTENDED: the extension's name. Lent until the job is freed. Returns 0 or
 * ERR_ARGUMENT. */
SESSILE_API int sessile_sftp_job_path(sessile_sftp_job *job, size_t index, const void **data, size_t *size);
/* The number of the open file, index 0; COPY_DATA has where to in index 1. 0 where there is none. */
SESSILE_API uint64_t sessile_sftp_job_file(sessile_sftp_job *job, size_t index);
/* READ, WRITE, COPY_DATA: where. Index 1: where to, of COPY_DATA. */
SESSILE_API uint64_t sessile_sftp_job_offset(sessile_sftp_job *job, size_t index);
/* READ: how much. COPY_DATA: how much, 0 for all. */
SESSILE_API uint64_t sessile_sftp_job_length(sessile_sftp_job *job);
/* OPEN: SESSILE_SFTP_FLAG_*. */
SESSILE_API int sessile_sftp_job_flags(sessile_sftp_job *job);
/* WRITE: the data; EXTENDED: what followed the name. Lent until the job is answered or freed. */
SESSILE_API int sessile_sftp_job_data(sessile_sftp_job *job, const void **data, size_t *size);
/* OPEN, MKDIR and what sets attributes: copied into an object of the caller's. Returns 0 or ERR_ARGUMENT. */
SESSILE_API int sessile_sftp_job_attrs(sessile_sftp_job *job, sessile_sftp_attrs *attrs);
/* USERS_GROUPS: how many users (group 0) or groups (1) are asked about, and which: a number, or ERR_ARGUMENT. */
SESSILE_API size_t sessile_sftp_job_id_count(sessile_sftp_job *job, int group);
SESSILE_API int64_t sessile_sftp_job_id(sessile_sftp_job *job, int group, size_t index);

/* ---- answers. Each returns 0; ERR_GONE where the job was answered or withdrawn; ERR_MISUSE where this is no answer to
 * it: then it is as open as before; ERR_ARGUMENT; ERR_LIMIT; ERR_MEMORY. Callbacks: send, job ---- */

/* Any job. status: SESSILE_SFTP_STATUS_*; OK is no answer to what brings something. words: for the client, NULL for
 * the usual ones. */
SESSILE_API int sessile_sftp_answer_status(sessile_sftp_job *job, int status, const char *words);
/* OPEN, OPENDIR. file: the number to be had back by sessile_sftp_job_file() and release. ERR_LIMIT where too many are
 * open: answered with STATUS_FAILURE, and the number is not the library's. */
SESSILE_API int sessile_sftp_answer_handle(sessile_sftp_job *job, uint64_t file);
/* READ: 1 to the length that was asked for; EXTENDED: any, at most 32 KiB. Copied. Nothing, for READ, is STATUS_EOF. */
SESSILE_API int sessile_sftp_answer_data(sessile_sftp_job *job, const void *data, size_t size);
/* The same for READ without the copy: room for size bytes, at most what was asked for, to be filled at once, with
 * nothing else called in between but sessile_sftp_answer_filled(). NULL: as above. */
SESSILE_API void *sessile_sftp_answer_room(sessile_sftp_job *job, size_t size);
/* size: how many were filled; 0 answers STATUS_EOF. Another answer is possible as well. */
SESSILE_API int sessile_sftp_answer_filled(sessile_sftp_job *job, size_t size);
/* READDIR, REALPATH, READLINK, EXPAND_PATH, HOME_DIRECTORY, USERS_GROUPS: add a name. longname: a line as of ls -l, or
 * NULL; attrs: or NULL. ERR_LIMIT where the answer is full: it goes into the next. */
SESSILE_API int sessile_sftp_answer_add_name(sessile_sftp_job *job, const void *name, size_t name_size,
                                             const void *longname, size_t longname_size,
                                             const sessile_sftp_attrs *attrs);
/* Answer with the names that were added: for READDIR any number, none for STATUS_EOF; for USERS_GROUPS as many as were
 * asked about; else one. */
SESSILE_API int sessile_sftp_answer_names(sessile_sftp_job *job);
/* STAT, LSTAT, FSTAT. */
SESSILE_API int sessile_sftp_answer_attrs(sessile_sftp_job *job, const sessile_sftp_attrs *attrs);
/* STATVFS, FSTATVFS: set each number (SESSILE_SFTP_VFS_*, 0 at first), then answer. */
SESSILE_API int sessile_sftp_answer_set_vfs(sessile_sftp_job *job, int number, uint64_t value);
SESSILE_API int sessile_sftp_answer_vfs(sessile_sftp_job *job);

#ifdef __cplusplus
}
#endif

#endif
