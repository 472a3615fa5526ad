/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker does: a file is opened, moved and closed; a directory is listed, and what is in it becomes more tasks.
 * A file that cannot be moved is told and counted, and the others go on.
 */
#include "common/sftp_tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sessile/error.h>

#include "common/ssh_options.h"
#include "common/util.h"

static void worker_next(struct worker *worker);

/* ---- tasks ---- */

void sftp_tasks_add(struct sftp_tasks *tasks, enum task_kind kind, const char *remote, const char *local)
{
    struct task *task = need_alloc(sizeof *task);
    task->kind = kind;
    task->remote = need_string(remote);
    task->local = local != NULL ? need_string(local) : NULL;
    task->next = NULL;
    *tasks->last = task;
    tasks->last = &task->next;
}

static void task_free(struct task *task)
{
    if (task != NULL) {
        free(task->remote);
        free(task->local);
        free(task);
    }
}

static char *join_path(const char *folder, const char *name, size_t size)
{
    size_t before = strlen(folder);
    char *path = need_alloc(before + size + 2);
    memcpy(path, folder, before);
    path[before] = '/';
    memcpy(path + before + 1, name, size);
    path[before + 1 + size] = 0;
    return path;
}

static void add_child(struct worker *worker, const char *name, size_t size)
{
    const struct task *task = worker->task;
    char *remote = join_path(task->remote, name, size);
    char *local = join_path(task->local, name, size);
    sftp_tasks_add(worker->tasks, task->kind, remote, local);
    free(remote);
    free(local);
}

/* ---- telling ---- */

static void complain(struct worker *worker, const char *path, const char *text)
{
    worker->failed = 1;
    fprintf(stderr, "%s: ", program_name);
    print_escaped(stderr, path, strlen(path));
    fprintf(stderr, ": %s\n", text);
}

static const char *why(const struct worker *worker)
{
    int result = sessile_sftp_request_result(worker->request);
    const char *text = sessile_sftp_request_text(worker->request);
    if (result != SESSILE_ERR_REFUSED) {
        return sessile_error_describe(result);
    }
    return *text != 0 ? text : sessile_sftp_status_text(sessile_sftp_request_status(worker->request));
}

static void over(void *owner)
{
    struct worker *worker = owner;
    struct sftp_tasks *tasks = worker->tasks;
    if (worker->fd >= 0) {
        close(worker->fd);
    }
    worker->fd = -1;
    tasks->failures += worker->failed != 0;
    task_free(worker->task);
    worker->task = NULL;
    tasks->busy--;
    worker_next(worker);
}

/* Submitted or not, the worker goes on. */
static void submitted(struct worker *worker, int result, void (*then)(struct worker *worker))
{
    worker->then = then;
    if (result < 0) {
        complain(worker, worker->task->remote, sessile_error_describe(result));
        over(worker);
    }
}

static int on_reply(sessile_sftp_request *request, void *app)
{
    struct worker *worker = app;
    (void)request;
    worker->then(worker);
    return 0;
}

/* ---- the end of a file ---- */

static void closed(struct worker *worker)
{
    if (sessile_sftp_request_result(worker->request) != 0 && !worker->failed) {
        complain(worker, worker->task->remote, why(worker));
    }
    over(worker);
}

static void close_remote(struct worker *worker)
{
    submitted(worker, sessile_sftp_close(worker->request, worker->handle, worker->handle_size), closed);
}

static void keep_handle(struct worker *worker)
{
    const void *data;
    if (sessile_sftp_request_handle(worker->request, &data, &worker->handle_size) == 0) {
        memcpy(worker->handle, data, worker->handle_size);
    }
}

static int on_progress(sessile_sftp_transfer *transfer, void *app)
{
    struct worker *worker = app;
    uint64_t position = sessile_sftp_transfer_position(transfer);
    worker->tasks->bytes += position - worker->reached;
    worker->reached = position;
    return 0;
}

/* The size is set where the last bytes were a hole, or the file was longer before. */
static int finish_local(const struct worker *worker)
{
    off_t size = (off_t)sessile_sftp_transfer_position(worker->transfer);
    if (ftruncate(worker->fd, size) != 0) {
        return -1;
    }
    return worker->tasks->preserve && worker->mode != 0 ? fchmod(worker->fd, worker->mode & 0777) : 0;
}

static int on_moved(sessile_sftp_transfer *transfer, void *app)
{
    struct worker *worker = app;
    int result = sessile_sftp_transfer_result(transfer);
    const char *text = sessile_sftp_transfer_text(transfer);
    if (result == SESSILE_ERR_REFUSED && *text != 0) {
        complain(worker, worker->task->remote, text);
    } else if (result != 0) {
        complain(worker, worker->task->local, sessile_error_describe(result));
    }
    if (result == 0 && worker->task->kind == TASK_GET && finish_local(worker) != 0) {
        complain(worker, worker->task->local, strerror(errno));
    }
    worker->tasks->files++;
    close_remote(worker);
    return 0;
}

/* ---- get ---- */

static int is_zero(const uint8_t *data, size_t size)
{
    return size > 0 && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Blocks of zeros are left out: a hole stays one. */
static int on_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    const struct worker *worker = app;
    const uint8_t *at = data;
    (void)transfer;
    if (size >= 4096 && is_zero(at, size)) {
        return 0;
    }
    while (size > 0) {
        ssize_t n = pwrite(worker->fd, at, size, (off_t)offset);
        if (n < 0 && errno != EINTR) {
            complain(app, worker->task->local, strerror(errno));
            return -1;
        }
        n = n < 0 ? 0 : n;
        at += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static void get_opened(struct worker *worker)
{
    struct sftp_tasks *tasks = worker->tasks;
    struct stat facts;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (tasks->resume ? 0 : O_TRUNC);
    if (sessile_sftp_request_result(worker->request) != 0) {
        complain(worker, worker->task->remote, why(worker));
        over(worker);
        return;
    }
    keep_handle(worker);
    worker->fd = open(worker->task->local, flags, 0666);
    if (worker->fd < 0 || fstat(worker->fd, &facts) != 0) {
        complain(worker, worker->task->local, strerror(errno));
        close_remote(worker);
        return;
    }
    worker->offset = worker->reached = tasks->resume ? (uint64_t)facts.st_size : 0;
    if (worker->offset > worker->size) { /* another file */
        worker->offset = worker->reached = 0;
    }
    sessile_sftp_transfer_set_expected(worker->transfer, worker->size);
    submitted(
        worker,
        sessile_sftp_get(worker->transfer, worker->handle, worker->handle_size, worker->offset, UINT64_MAX, on_sink),
        NULL);
}

static void read_directory(struct worker *worker);

static void directory_read(struct worker *worker)
{
    const void *name;
    size_t size;
    if (sessile_sftp_request_result(worker->request) != 0) {
        if (sessile_sftp_request_status(worker->request) != SESSILE_SFTP_STATUS_EOF) {
            complain(worker, worker->task->remote, why(worker));
        }
        close_remote(worker);
        return;
    }
    size_t count = sessile_sftp_request_name_count(worker->request);
    for (size_t i = 0; i < count; i++) {
        if (worker->task->kind == TASK_LIST) {
            sessile_sftp_request_longname(worker->request, i, &name, &size);
            print_escaped(stdout, name, size);
            putchar('\n');
            continue;
        }
        sessile_sftp_request_name(worker->request, i, &name, &size);
        if ((size == 1 && memcmp(name, ".", 1) == 0) || (size == 2 && memcmp(name, "..", 2) == 0)) {
            continue;
        }
        add_child(worker, name, size);
    }
    read_directory(worker);
}

static void read_directory(struct worker *worker)
{
    submitted(worker, sessile_sftp_readdir(worker->request, worker->handle, worker->handle_size), directory_read);
}

static void directory_opened(struct worker *worker)
{
    if (sessile_sftp_request_result(worker->request) != 0) {
        complain(worker, worker->task->remote, why(worker));
        over(worker);
        return;
    }
    keep_handle(worker);
    read_directory(worker);
}

static void open_directory(struct worker *worker)
{
    const char *path = worker->task->remote;
    submitted(worker, sessile_sftp_opendir(worker->request, path, strlen(path)), directory_opened);
}

static void get_directory(struct worker *worker)
{
    if (!worker->tasks->recursive) {
        complain(worker, worker->task->remote, "is a directory (-r takes those along)");
        over(worker);
    } else if (mkdir(worker->task->local, 0777) != 0 && errno != EEXIST) {
        complain(worker, worker->task->local, strerror(errno));
        over(worker);
    } else {
        open_directory(worker);
    }
}

static void get_known(struct worker *worker)
{
    const char *path = worker->task->remote;
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    if (attrs == NULL || sessile_sftp_request_attrs(worker->request, 0, attrs) < 0) {
        sessile_sftp_attrs_free(attrs);
        complain(worker, path, why(worker));
        over(worker);
        return;
    }
    worker->mode = (uint32_t)sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_PERMISSIONS);
    worker->size = sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_SIZE)
                       ? sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_SIZE)
                       : UINT64_MAX;
    sessile_sftp_attrs_free(attrs);
    if (S_ISDIR(worker->mode)) {
        get_directory(worker);
    } else if (worker->mode != 0 && !S_ISREG(worker->mode)) {
        complain(worker, path, "is neither a file nor a directory, and left out");
        over(worker);
    } else {
        submitted(worker, sessile_sftp_open(worker->request, path, strlen(path), SESSILE_SFTP_FLAG_READ, NULL),
                  get_opened);
    }
}

/* ---- put ---- */

static int on_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    const struct worker *worker = app;
    off_t next = lseek(worker->fd, (off_t)offset, SEEK_DATA);
    if (next > (off_t)offset) {
        sessile_sftp_transfer_skip(transfer, (uint64_t)next - offset);
        offset = (uint64_t)next;
    }
    ssize_t n = pread(worker->fd, data, size, (off_t)offset);
    if (n < 0) {
        complain(app, worker->task->local, strerror(errno));
        return -1;
    }
    return (int)n;
}

static void put_begin(struct worker *worker)
{
    worker->reached = worker->offset;
    submitted(worker,
              sessile_sftp_put(worker->transfer, worker->handle, worker->handle_size, worker->offset, on_source), NULL);
}

static void put_resumed(struct worker *worker)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    worker->offset = 0;
    if (attrs != NULL && sessile_sftp_request_attrs(worker->request, 0, attrs) == 0) {
        worker->offset = sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_SIZE);
    }
    sessile_sftp_attrs_free(attrs);
    if (worker->offset > worker->size) {
        complain(worker, worker->task->remote, "is longer than what is to be put");
        close_remote(worker);
        return;
    }
    put_begin(worker);
}

static void put_opened(struct worker *worker)
{
    if (sessile_sftp_request_result(worker->request) != 0) {
        complain(worker, worker->task->remote, why(worker));
        over(worker);
        return;
    }
    keep_handle(worker);
    worker->offset = 0;
    if (worker->tasks->resume) {
        submitted(worker, sessile_sftp_fstat(worker->request, worker->handle, worker->handle_size), put_resumed);
    } else {
        put_begin(worker);
    }
}

static void put_file(struct worker *worker)
{
    const char *path = worker->task->remote;
    int flags = SESSILE_SFTP_FLAG_WRITE | SESSILE_SFTP_FLAG_CREATE;
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_PERMISSIONS, worker->mode & 0777);
    if (!worker->tasks->resume) {
        flags |= SESSILE_SFTP_FLAG_TRUNCATE;
    }
    submitted(worker, sessile_sftp_open(worker->request, path, strlen(path), flags, attrs), put_opened);
    sessile_sftp_attrs_free(attrs);
}

/* It may be there already: what is put into it tells. */
static void directory_made(struct worker *worker)
{
    DIR *directory = opendir(worker->task->local);
    if (directory == NULL) {
        complain(worker, worker->task->local, strerror(errno));
        over(worker);
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            add_child(worker, entry->d_name, strlen(entry->d_name));
        }
    }
    closedir(directory);
    over(worker);
}

static void put_start(struct worker *worker)
{
    struct stat facts;
    const struct task *task = worker->task;
    worker->fd = open(task->local, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (worker->fd < 0 || fstat(worker->fd, &facts) != 0) {
        complain(worker, task->local, strerror(errno));
        over(worker);
        return;
    }
    worker->size = (uint64_t)facts.st_size;
    worker->mode = facts.st_mode;
    if (S_ISREG(facts.st_mode)) {
        put_file(worker);
    } else if (S_ISDIR(facts.st_mode) && worker->tasks->recursive) {
        submitted(worker, sessile_sftp_mkdir(worker->request, task->remote, strlen(task->remote), NULL),
                  directory_made);
    } else {
        complain(worker, task->local, "is no file, and left out");
        over(worker);
    }
}

/* ---- workers ---- */

static void worker_start(struct worker *worker)
{
    struct sftp_tasks *tasks = worker->tasks;
    worker->task = tasks->first;
    tasks->first = worker->task->next;
    if (tasks->first == NULL) {
        tasks->last = &tasks->first;
    }
    tasks->busy++;
    worker->failed = 0;
    if (worker->task->kind == TASK_PUT) {
        put_start(worker);
    } else if (worker->task->kind == TASK_LIST) {
        open_directory(worker);
    } else {
        const char *path = worker->task->remote;
        submitted(worker, sessile_sftp_lstat(worker->request, path, strlen(path)), get_known);
    }
}

/* One that becomes free takes what there is, and wakes the others, who may have had nothing to do. */
static void worker_next(struct worker *worker)
{
    struct sftp_tasks *tasks = worker->tasks;
    if (tasks->starting) {
        return;
    }
    tasks->starting = 1;
    int any = 1;
    while (any && tasks->first != NULL) {
        any = 0;
        for (int i = 0; i < SFTP_WORKERS && tasks->first != NULL; i++) {
            if (tasks->workers[i].task == NULL) {
                worker_start(&tasks->workers[i]);
                any = 1;
            }
        }
    }
    tasks->starting = 0;
    if (tasks->busy == 0 && tasks->first == NULL) {
        tasks->done(tasks);
    }
}

void sftp_tasks_init(struct sftp_tasks *tasks)
{
    tasks->last = &tasks->first;
}

void sftp_tasks_start(struct sftp_tasks *tasks)
{
    for (int i = 0; i < SFTP_WORKERS; i++) {
        struct worker *worker = &tasks->workers[i];
        worker->tasks = tasks;
        worker->fd = -1;
        worker->request = sessile_sftp_request_new(tasks->sftp, on_reply, worker);
        worker->transfer = sessile_sftp_transfer_new(tasks->sftp, on_moved, worker);
        if (worker->request == NULL || worker->transfer == NULL) {
            die("no memory for requests");
        }
        sessile_sftp_transfer_set_progress(worker->transfer, on_progress);
    }
    worker_next(&tasks->workers[0]);
}

void sftp_tasks_free(struct sftp_tasks *tasks)
{
    for (int i = 0; i < SFTP_WORKERS; i++) {
        sessile_sftp_request_free(tasks->workers[i].request);
        sessile_sftp_transfer_free(tasks->workers[i].transfer);
        if (tasks->workers[i].task != NULL && tasks->workers[i].fd >= 0) {
            close(tasks->workers[i].fd);
        }
        task_free(tasks->workers[i].task);
    }
    while (tasks->first != NULL) {
        struct task *task = tasks->first;
        tasks->first = task->next;
        task_free(task);
    }
}
