/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions: a reaction to bytes, over a stream or over
 * bytes of the caller's. This header has what both roles share, and the client; sftp_transfer.h moves whole files,
 * sftp_server.h serves.
 *
 * A handle (sessile_sftp) is one end. A client's requests are objects: each is submitted, answered by its callback, and
 * can then be submitted again. Any number may be under way, up to 4096. Names are bytes, neither ended by NUL nor
 * checked for an encoding, and what the server says of them is its own word: escape it before it reaches a terminal.
 *
 * Any function may be called inside any callback, the ones that free included. A handle, its requests, transfers and
 * jobs, and its stream's session belong to one thread at a time. What is produced inside a callback goes out when the
 * outermost call returns.
 */
#ifndef SESSILE_SFTP_H
#define SESSILE_SFTP_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One end of a conversation. */
typedef struct sessile_sftp sessile_sftp;
/* A client's request, and the answer to it. */
typedef struct sessile_sftp_request sessile_sftp_request;
/* What is known or wanted of a file. */
typedef struct sessile_sftp_attrs sessile_sftp_attrs;

/* Callbacks. app is what was given with the object. Those that return int return 0 to go on; a negative number fails
 * the end with ERR_CALLBACK. */
typedef int (*sessile_on_sftp)(sessile_sftp *sftp, void *app);
typedef void (*sessile_on_sftp_closed)(sessile_sftp *sftp, int error, void *app);
/* data, size: lent for the call. Returns how many bytes were taken, 0 to size, or a negative number where no more can
 * be. What was not taken is kept and given again after sessile_sftp_writable(). */
typedef int (*sessile_on_sftp_send)(sessile_sftp *sftp, const void *data, size_t size, void *app);
typedef int (*sessile_on_sftp_reply)(sessile_sftp_request *request, void *app);

/* ---- an end ---- */

/* A new end. role: SESSILE_CLIENT or SESSILE_SERVER. NULL: no memory, or another role. */
SESSILE_API sessile_sftp *sessile_sftp_new(int role, void *app);
/* Free it at any time. Requests that are not answered get no callback any more. A server's open files are released
 * (sftp_server.h) and nothing else is called. The stream is left as it is, and bytes that arrive on it are dropped.
 * Objects made of it stay valid and answer ERR_GONE. NULL is ignored. */
SESSILE_API void sessile_sftp_free(sessile_sftp *sftp);

/* Ready: a client has the server's version and extensions; a server the client's. */
SESSILE_API int sessile_sftp_set_ready(sessile_sftp *sftp, sessile_on_sftp ready);
/* Over: called once, after the answers to what was under way. error: 0 where the peer ended with nothing under way or
 * this side did; ERR_TRUNCATED; ERR_GONE where the stream's session was freed; or what made it fail. A server can still
 * tell an exit status here: its stream is ended when this returns. */
SESSILE_API int sessile_sftp_set_closed(sessile_sftp *sftp, sessile_on_sftp_closed closed);
/* A call returned ERR_LIMIT before, and there is room again; or, over bytes, sessile_sftp_room() is not 0 any more. */
SESSILE_API int sessile_sftp_set_resume(sessile_sftp *sftp, sessile_on_sftp resume);

/* Run over a stream, which is kept, gets callbacks of its own and is put in manual credit; a client begins at once. The
 * stream's session needs a resume callback. It is ended with the conversation, and not before. Returns 0; ERR_MISUSE
 * where the end runs already; as sessile_stream_set_callbacks() and sessile_stream_set_manual(); ERR_MEMORY.
 * Callbacks: send. */
SESSILE_API int sessile_sftp_attach(sessile_sftp *sftp, sessile_stream *stream);
/* Run over bytes of the caller's, such as a pipe to a server program. Returns 0 or ERR_MISUSE. Callbacks: send. */
SESSILE_API int sessile_sftp_start(sessile_sftp *sftp, sessile_on_sftp_send send);
/* Bytes that arrived. All are taken; what cannot be handled yet is kept. Returns 0; ERR_FAILED once it has failed;
 * ERR_CLOSED; ERR_LIMIT where more would be kept than sessile_sftp_room() allows: nothing was taken then.
 * Callbacks: all. */
SESSILE_API int sessile_sftp_receive(sessile_sftp *sftp, const void *data, size_t size);
/* How many bytes can be handed in now. 0: stop reading until resume. */
SESSILE_API size_t sessile_sftp_room(sessile_sftp *sftp);
/* No more will arrive. Returns 0 or ERR_CLOSED. Callbacks: all. */
SESSILE_API int sessile_sftp_receive_end(sessile_sftp *sftp);
/* send took less than it was given before, and can take more. Callbacks: all. */
SESSILE_API int sessile_sftp_writable(sessile_sftp *sftp);

/* End gracefully: nothing more is asked or answered; what was produced still goes out, and then the stream is ended.
 * Requests under way get ERR_ABORTED. Returns 0 or ERR_CLOSED. Callbacks: all. */
SESSILE_API int sessile_sftp_end(sessile_sftp *sftp);
/* The first fatal error, 0 while there is none, and what happened in one line, the peer's bytes escaped. */
SESSILE_API int sessile_sftp_error(sessile_sftp *sftp);
SESSILE_API const char *sessile_sftp_error_text(sessile_sftp *sftp);

/* What the peer said with its version: names such as "posix-rename@openssh.com", and what is behind each. Lent until
 * the end is freed. Return 0, or ERR_ARGUMENT beyond the last (at most 64 are kept). */
SESSILE_API size_t sessile_sftp_extension_count(sessile_sftp *sftp);
SESSILE_API int sessile_sftp_extension_name(sessile_sftp *sftp, size_t index, const void **data, size_t *size);
SESSILE_API int sessile_sftp_extension_value(sessile_sftp *sftp, size_t index, const void **data, size_t *size);
/* Whether an operation, SESSILE_SFTP_* below, can be asked of the server, or is served: 1 or 0. */
SESSILE_API int sessile_sftp_supports(sessile_sftp *sftp, int operation);

/* Limits, in bytes but for HANDLES. A client's: the server's as far as it told (limits@openssh.com), or safe values.
 * 0 for a number that is none. */
#define SESSILE_SFTP_LIMIT_MESSAGE 0
#define SESSILE_SFTP_LIMIT_READ 1
#define SESSILE_SFTP_LIMIT_WRITE 2
/* Open files and directories. 0: not told. */
#define SESSILE_SFTP_LIMIT_HANDLES 3
SESSILE_API uint64_t sessile_sftp_limit(sessile_sftp *sftp, int limit);

/* ---- operations: what a request is, and what a server's job is. Numbers below 200 are those on the wire ---- */
#define SESSILE_SFTP_OPEN 3
#define SESSILE_SFTP_CLOSE 4
#define SESSILE_SFTP_READ 5
#define SESSILE_SFTP_WRITE 6
#define SESSILE_SFTP_LSTAT 7
#define SESSILE_SFTP_FSTAT 8
#define SESSILE_SFTP_SETSTAT 9
#define SESSILE_SFTP_FSETSTAT 10
#define SESSILE_SFTP_OPENDIR 11
#define SESSILE_SFTP_READDIR 12
#define SESSILE_SFTP_REMOVE 13
#define SESSILE_SFTP_MKDIR 14
#define SESSILE_SFTP_RMDIR 15
#define SESSILE_SFTP_REALPATH 16
#define SESSILE_SFTP_STAT 17
#define SESSILE_SFTP_RENAME 18
#define SESSILE_SFTP_READLINK 19
#define SESSILE_SFTP_SYMLINK 20
/* An extension that is not known here. */
#define SESSILE_SFTP_EXTENDED 200
#define SESSILE_SFTP_POSIX_RENAME 201
#define SESSILE_SFTP_STATVFS 202
#define SESSILE_SFTP_FSTATVFS 203
#define SESSILE_SFTP_HARDLINK 204
#define SESSILE_SFTP_FSYNC 205
#define SESSILE_SFTP_LSETSTAT 206
#define SESSILE_SFTP_LIMITS 207
#define SESSILE_SFTP_EXPAND_PATH 208
#define SESSILE_SFTP_COPY_DATA 209
#define SESSILE_SFTP_HOME_DIRECTORY 210
#define SESSILE_SFTP_USERS_GROUPS 211

/* How a file is opened (section 6.3). */
#define SESSILE_SFTP_FLAG_READ 1
#define SESSILE_SFTP_FLAG_WRITE 2
#define SESSILE_SFTP_FLAG_APPEND 4
#define SESSILE_SFTP_FLAG_CREATE 8
#define SESSILE_SFTP_FLAG_TRUNCATE 16
#define SESSILE_SFTP_FLAG_EXCLUSIVE 32

/* Statuses (section 7). */
#define SESSILE_SFTP_STATUS_OK 0
#define SESSILE_SFTP_STATUS_EOF 1
#define SESSILE_SFTP_STATUS_NO_SUCH_FILE 2
#define SESSILE_SFTP_STATUS_PERMISSION_DENIED 3
#define SESSILE_SFTP_STATUS_FAILURE 4
#define SESSILE_SFTP_STATUS_BAD_MESSAGE 5
#define SESSILE_SFTP_STATUS_NO_CONNECTION 6
#define SESSILE_SFTP_STATUS_CONNECTION_LOST 7
#define SESSILE_SFTP_STATUS_UNSUPPORTED 8
/* A status in words, in general. Static. */
SESSILE_API const char *sessile_sftp_status_text(int status);

/* ---- attributes ---- */

/* A new object without any attribute, or NULL (no memory). Owned by the caller, one reference. Extended attributes are
 * read over, not kept. */
SESSILE_API sessile_sftp_attrs *sessile_sftp_attrs_new(void);
SESSILE_API void sessile_sftp_attrs_free(sessile_sftp_attrs *attrs);
#define SESSILE_SFTP_ATTR_SIZE 0
#define SESSILE_SFTP_ATTR_UID 1
#define SESSILE_SFTP_ATTR_GID 2
/* As st_mode. */
#define SESSILE_SFTP_ATTR_PERMISSIONS 3
/* Seconds since 1970. */
#define SESSILE_SFTP_ATTR_ATIME 4
#define SESSILE_SFTP_ATTR_MTIME 5
/* Whether an attribute is there: 1 or 0. UID and GID travel together, and so do ATIME and MTIME. */
SESSILE_API int sessile_sftp_attrs_has(const sessile_sftp_attrs *attrs, int attr);
/* Its value, 0 where it is not there. */
SESSILE_API uint64_t sessile_sftp_attrs_get(const sessile_sftp_attrs *attrs, int attr);
/* Returns 0, or ERR_ARGUMENT for a value over 2^32-1, but for SIZE. The other one of a pair becomes 0 if it was not
 * there. */
SESSILE_API int sessile_sftp_attrs_set(sessile_sftp_attrs *attrs, int attr, uint64_t value);
SESSILE_API void sessile_sftp_attrs_clear(sessile_sftp_attrs *attrs);

/* ---- a client's requests ---- */

/* A new request. reply: called once for each time that it is submitted; NULL: nobody wants to know. app: the reply's.
 * NULL: no memory, or no client. */
SESSILE_API sessile_sftp_request *sessile_sftp_request_new(sessile_sftp *sftp, sessile_on_sftp_reply reply, void *app);
/* Free it at any time. What is under way is forgotten: the server still does it, a file that it opens is closed, and no
 * callback follows. NULL is ignored. */
SESSILE_API void sessile_sftp_request_free(sessile_sftp_request *request);

/* Submit. path: at most 4096 bytes without a NUL. handle: what an answer brought, at most 256 bytes. attrs: NULL for
 * none. All are read during the call. Return 0; ERR_ARGUMENT; ERR_MISUSE where the request is under way or the end is
 * not ready; ERR_LIMIT where too much is under way or waits to be sent; ERR_UNSUPPORTED where the server did not offer
 * the extension; ERR_CLOSED; ERR_GONE; ERR_MEMORY. Callbacks: send.
 *
 * open, opendir bring a handle; read brings data, readdir names; stat, lstat, fstat attributes; realpath, readlink,
 * expand_path and home_directory one name; statvfs and fstatvfs its numbers. The others bring a status alone. */
SESSILE_API int sessile_sftp_open(sessile_sftp_request *request, const void *path, size_t path_size, int flags,
                                  const sessile_sftp_attrs *attrs);
SESSILE_API int sessile_sftp_close(sessile_sftp_request *request, const void *handle, size_t handle_size);
/* length: at most SESSILE_SFTP_LIMIT_READ. Fewer bytes may come, at least one; at the end STATUS_EOF. */
SESSILE_API int sessile_sftp_read(sessile_sftp_request *request, const void *handle, size_t handle_size,
                                  uint64_t offset, size_t length);
/* size: at most SESSILE_SFTP_LIMIT_WRITE. */
SESSILE_API int sessile_sftp_write(sessile_sftp_request *request, const void *handle, size_t handle_size,
                                   uint64_t offset, const void *data, size_t size);
SESSILE_API int sessile_sftp_stat(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_lstat(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_fstat(sessile_sftp_request *request, const void *handle, size_t handle_size);
SESSILE_API int sessile_sftp_setstat(sessile_sftp_request *request, const void *path, size_t path_size,
                                     const sessile_sftp_attrs *attrs);
SESSILE_API int sessile_sftp_fsetstat(sessile_sftp_request *request, const void *handle, size_t handle_size,
                                      const sessile_sftp_attrs *attrs);
SESSILE_API int sessile_sftp_opendir(sessile_sftp_request *request, const void *path, size_t path_size);
/* STATUS_EOF after the last. A name that is empty or has '/' or NUL in it fails the end: it would lead out of the
 * directory. "." and ".." are among them. */
SESSILE_API int sessile_sftp_readdir(sessile_sftp_request *request, const void *handle, size_t handle_size);
SESSILE_API int sessile_sftp_remove(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_mkdir(sessile_sftp_request *request, const void *path, size_t path_size,
                                   const sessile_sftp_attrs *attrs);
SESSILE_API int sessile_sftp_rmdir(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_realpath(sessile_sftp_request *request, const void *path, size_t path_size);
/* from is not put in the place of what is at to; posix_rename does that. */
SESSILE_API int sessile_sftp_rename(sessile_sftp_request *request, const void *from, size_t from_size, const void *to,
                                    size_t to_size);
SESSILE_API int sessile_sftp_posix_rename(sessile_sftp_request *request, const void *from, size_t from_size,
                                          const void *to, size_t to_size);
SESSILE_API int sessile_sftp_readlink(sessile_sftp_request *request, const void *path, size_t path_size);
/* Make path a link to target. On the wire in OpenSSH's order, target first, which servers go by. */
SESSILE_API int sessile_sftp_symlink(sessile_sftp_request *request, const void *target, size_t target_size,
                                     const void *path, size_t path_size);
SESSILE_API int sessile_sftp_hardlink(sessile_sftp_request *request, const void *from, size_t from_size, const void *to,
                                      size_t to_size);
SESSILE_API int sessile_sftp_fsync(sessile_sftp_request *request, const void *handle, size_t handle_size);
SESSILE_API int sessile_sftp_statvfs(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_fstatvfs(sessile_sftp_request *request, const void *handle, size_t handle_size);
SESSILE_API int sessile_sftp_lsetstat(sessile_sftp_request *request, const void *path, size_t path_size,
                                      const sessile_sftp_attrs *attrs);
/* As realpath, where "~" and "~user" are understood. */
SESSILE_API int sessile_sftp_expand_path(sessile_sftp_request *request, const void *path, size_t path_size);
SESSILE_API int sessile_sftp_home_directory(sessile_sftp_request *request, const void *user, size_t user_size);
/* Copy length bytes, 0 for all to the end, from one open file to another, or to elsewhere in the same one. */
SESSILE_API int sessile_sftp_copy_data(sessile_sftp_request *request, const void *handle, size_t handle_size,
                                       uint64_t offset, uint64_t length, const void *to, size_t to_size,
                                       uint64_t to_offset);
/* The names of users and groups. ids, id_size: numbers of four bytes, big-endian, the users' first; id_size is in bytes
 * (at most 4096) and user_count says how many are users. Brings a name for each, in the same order; "" for an unknown
 * one. */
SESSILE_API int sessile_sftp_users_groups(sessile_sftp_request *request, const void *ids, size_t id_size,
                                          size_t user_count);
/* An extension that is not known here. name: text. data: what follows the name, at most 32 KiB. Brings what the server
 * answers as data, or a status. */
SESSILE_API int sessile_sftp_extended(sessile_sftp_request *request, const char *name, const void *data, size_t size);

/* ---- the answer ---- */

/* 0; ERR_REFUSED where the server said a status other than OK, EOF included; or why there is no answer. Until it is
 * submitted again. */
SESSILE_API int sessile_sftp_request_result(sessile_sftp_request *request);
/* SESSILE_SFTP_STATUS_*, or another number of the server's, and its words, escaped and cut ("" where it said none). */
SESSILE_API int sessile_sftp_request_status(sessile_sftp_request *request);
SESSILE_API const char *sessile_sftp_request_text(sessile_sftp_request *request);
/* The operation, SESSILE_SFTP_*; 0 before the first. */
SESSILE_API int sessile_sftp_request_operation(sessile_sftp_request *request);

/* While the reply callback runs and not after; else ERR_MISUSE or 0. data: lent for as long. ERR_ARGUMENT where the
 * answer brought none. */
SESSILE_API int sessile_sftp_request_handle(sessile_sftp_request *request, const void **data, size_t *size);
SESSILE_API int sessile_sftp_request_data(sessile_sftp_request *request, const void **data, size_t *size);
SESSILE_API size_t sessile_sftp_request_name_count(sessile_sftp_request *request);
SESSILE_API int sessile_sftp_request_name(sessile_sftp_request *request, size_t index, const void **data, size_t *size);
/* A line as of ls -l, in the server's words. */
SESSILE_API int sessile_sftp_request_longname(sessile_sftp_request *request, size_t index, const void **data,
                                              size_t *size);
/* Attributes, of a name or, with index 0, of the file that was asked about, into an object of the caller's. */
SESSILE_API int sessile_sftp_request_attrs(sessile_sftp_request *request, size_t index, sessile_sftp_attrs *attrs);
/* statvfs: its numbers, as in statvfs(3). */
#define SESSILE_SFTP_VFS_BSIZE 0
#define SESSILE_SFTP_VFS_FRSIZE 1
#define SESSILE_SFTP_VFS_BLOCKS 2
#define SESSILE_SFTP_VFS_BFREE 3
#define SESSILE_SFTP_VFS_BAVAIL 4
#define SESSILE_SFTP_VFS_FILES 5
#define SESSILE_SFTP_VFS_FFREE 6
#define SESSILE_SFTP_VFS_FAVAIL 7
#define SESSILE_SFTP_VFS_FSID 8
/* 1: read-only, 2: no set-uid. */
#define SESSILE_SFTP_VFS_FLAG 9
#define SESSILE_SFTP_VFS_NAMEMAX 10
SESSILE_API uint64_t sessile_sftp_request_vfs(sessile_sftp_request *request, int number);

#ifdef __cplusplus
}
#endif

#endif
