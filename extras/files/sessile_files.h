/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a Linux system for SFTP, confined to a directory: a library beside libsessile, which has no files.
 *
 * A client's "/" is that directory, the root, and so is where it begins. Nothing outside it is read or changed,
 * whatever paths, links and renames there are, others' at the same moment included: every path is resolved from the
 * root's descriptor by openat2(RESOLVE_BENEATH), or, where the system has none, name by name without following links.
 * Links that lead out of the root, absolute ones among them, can be listed and removed, not followed. Mount points
 * inside are part of it. Devices, sockets and pipes are not opened.
 *
 * Calls go straight to the file system, and may block as long as that does. A client acts as the process's user.
 */
#ifndef SESSILE_FILES_H
#define SESSILE_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <sessile/sftp.h>
#include <sessile/sftp_server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A root. Any number of conversations may use it. */
typedef struct sessile_files sessile_files;
/* A conversation that is served from it. */
typedef struct sessile_files_guest sessile_files_guest;

/* read_only: not 0 where nothing may be changed. NULL, with errno. */
sessile_files *sessile_files_new(const char *root, int read_only);
/* After all its guests. NULL is ignored. */
void sessile_files_free(sessile_files *files);

/* The conversation is over: as sessile_sftp_set_closed(). The guest can be freed here. */
typedef void (*sessile_files_closed)(sessile_files_guest *guest, int error, void *app);
/* A server for one client, not started: attach it to a stream, or start it over bytes, by sessile_files_sftp(). NULL:
 * no memory. */
sessile_files_guest *sessile_files_guest_new(sessile_files *files, sessile_files_closed closed, void *app);
/* Over bytes: what sends them. app is the guest's. To be set before sessile_sftp_start(). */
sessile_sftp *sessile_files_sftp(sessile_files_guest *guest);
void *sessile_files_app(sessile_files_guest *guest);
void sessile_files_guest_free(sessile_files_guest *guest);

/* ---- paths beneath a root, for other servers of files. path: the client's bytes with a NUL behind. Each returns a
 * descriptor, or 0, or -1 with errno: EXDEV where it would lead out ---- */

/* flags: as of open(2); O_CLOEXEC, O_NOCTTY and O_NONBLOCK are added. */
int sessile_files_open(sessile_files *files, const char *path, int flags, mode_t mode);
/* The directory that a path's last name is in, as a descriptor; *name: that name, inside path's normal form, which is
 * written to room. */
int sessile_files_parent(sessile_files *files, const char *path, char *room, size_t size, const char **name);
/* The path from the root on, without ".", ".." and "//", beginning with '/': -1 with ENAMETOOLONG. */
int sessile_files_normal(const char *path, char *room, size_t size);
/* Resolve name by name without openat2(), as on a system that has none: for tests. */
void sessile_files_without_openat2(sessile_files *files, int on);

#ifdef __cplusplus
}
#endif

#endif
