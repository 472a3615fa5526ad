/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the library of confined files.
 */
#ifndef FILES_FILES_H
#define FILES_FILES_H

#include <dirent.h>

#include <sessile/error.h>
#include <sessile/session.h>

#include "sessile_files.h"

#define FILES_PATH 4200

struct sessile_files {
    int root;
    int read_only;
    int without_openat2;
};

/* An open file or directory: its address is the number that libsessile has of it. */
struct opened {
    int fd;
    DIR *directory; /* NULL: a file */
    struct dirent *next;
};

struct sessile_files_guest {
    sessile_files *files;
    sessile_sftp *sftp;
    sessile_files_closed closed;
    void *app;
};

/* operate.c: do one job. It is answered then. */
void files_job(sessile_files *files, sessile_sftp_job *job);
/* Answer with what errno says. */
void files_fail(sessile_sftp_job *job, int error);
void files_attrs(sessile_sftp_attrs *attrs, const struct stat *facts);
/* A path of a job's, in its normal form. 0 or -1, and the job is answered. */
int files_path(sessile_sftp_job *job, size_t index, char room[FILES_PATH]);

/* opened.c: what is done with open files. */
void files_do_open(sessile_files *files, sessile_sftp_job *job, const char *path);
void files_do_opendir(sessile_files *files, sessile_sftp_job *job, const char *path);
void files_do_read(sessile_sftp_job *job, const struct opened *opened);
void files_do_write(sessile_sftp_job *job, const struct opened *opened);
void files_do_readdir(sessile_sftp_job *job, struct opened *opened);
void files_do_copy(sessile_sftp_job *job);
void files_opened_free(struct opened *opened);
/* Set attributes of what is behind a descriptor, which may be an O_PATH one. 0 or -1 with errno. */
int files_set_attrs(int fd, const sessile_sftp_attrs *attrs);

#endif
