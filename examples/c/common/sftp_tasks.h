/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories on their way between here and an SFTP server: a list of things to do, and workers that each do
 * one at a time, so that many small files do not wait for each other.
 */
#ifndef COMMON_SFTP_TASKS_H
#define COMMON_SFTP_TASKS_H

#include <stdint.h>

#include <sessile/sftp.h>
#include <sessile/sftp_transfer.h>

#define SFTP_WORKERS 16
#define SFTP_HANDLE 256

enum task_kind { TASK_GET, TASK_PUT, TASK_LIST };

struct task {
    enum task_kind kind;
    char *remote;
    char *local;
    struct task *next;
};

struct sftp_tasks;

struct worker {
    struct sftp_tasks *tasks;
    struct task *task; /* NULL: idle */
    sessile_sftp_request *request;
    sessile_sftp_transfer *transfer;
    void (*then)(struct worker *worker); /* what goes on with the answer */
    uint8_t handle[SFTP_HANDLE];
    size_t handle_size;
    int fd; /* -1: none */
    uint64_t size;
    uint64_t offset;
    uint32_t mode;
    uint64_t reached; /* of the transfer, counted already */
    int failed;
};

struct sftp_tasks {
    sessile_sftp *sftp;
    int recursive;
    int resume;
    int preserve;
    struct task *first;
    struct task **last;
    struct worker workers[SFTP_WORKERS];
    int busy;
    int starting;
    uint64_t bytes;
    unsigned long files;
    unsigned long failures;
    void (*done)(struct sftp_tasks *tasks);
    void *owner;
};

/* tasks: zeroed, with sftp, the flags, done and owner. */
void sftp_tasks_init(struct sftp_tasks *tasks);
/* remote and local are copied; local is NULL for TASK_LIST. */
void sftp_tasks_add(struct sftp_tasks *tasks, enum task_kind kind, const char *remote, const char *local);
/* Begin; done is called once nothing is left. The server must be ready. */
void sftp_tasks_start(struct sftp_tasks *tasks);
void sftp_tasks_free(struct sftp_tasks *tasks);

#endif
