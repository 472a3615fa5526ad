/* SPDX-License-Identifier: Apache-2.0
 *
 * Open files and directories. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

void files_opened_free(struct opened *opened)
{
    if (!opened)
        return;
    if (opened->directory)
        closedir(opened->directory);
    else if (opened->fd >= 0)
        close(opened->fd);
    free(opened);
}

static void answer_opened(sessile_sftp_job *job, int fd, DIR *directory)
{
    struct opened *opened = calloc(1, sizeof *opened);

    if (!opened) {
        if (directory)
            closedir(directory);
        else
            close(fd);
        files_fail(job, ENOMEM);
        return;
    }
    opened->fd = fd;
    opened->directory = directory;
    if (sessile_sftp_answer_handle(job, (uintptr_t)opened) == SESSILE_ERR_LIMIT)
        files_opened_free(opened);
}

/* ---- opening ---- */

static int open_flags(int flags)
{
    int read = flags & SESSILE_SFTP_FLAG_READ, write = flags & (SESSILE_SFTP_FLAG_WRITE | SESSILE_SFTP_FLAG_APPEND);
    int mode = write ? read ? O_RDWR : O_WRONLY : O_RDONLY;

    if (flags & SESSILE_SFTP_FLAG_APPEND)
        mode |= O_APPEND;
    if (flags & SESSILE_SFTP_FLAG_CREATE)
        mode |= O_CREAT;
    if (flags & SESSILE_SFTP_FLAG_TRUNCATE)
        mode |= O_TRUNC;
    return flags & SESSILE_SFTP_FLAG_EXCLUSIVE ? mode | O_EXCL : mode;
}

static mode_t wanted_mode(sessile_sftp_job *job, mode_t otherwise)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    mode_t mode = otherwise;

    if (attrs && sessile_sftp_job_attrs(job, attrs) == 0 &&
        sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_PERMISSIONS))
        mode = (mode_t)sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_PERMISSIONS) & 0777;
    sessile_sftp_attrs_free(attrs);
    return mode;
}

void files_do_open(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    struct stat facts;
    int fd = sessile_files_open(files, path, open_flags(sessile_sftp_job_flags(job)), wanted_mode(job, 0666));

    if (fd < 0) {
        files_fail(job, errno);
        return;
    }
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        close(fd);
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, "Not a regular file");
        return;
    }
    answer_opened(job, fd, NULL);
}

void files_do_opendir(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    int fd = sessile_files_open(files, path, O_RDONLY | O_DIRECTORY, 0), error;
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

    if (!directory) {
        error = errno;
        if (fd >= 0)
            close(fd);
        files_fail(job, error);
        return;
    }
    answer_opened(job, fd, directory);
}

/* ---- reading and writing ---- */

void files_do_read(sessile_sftp_job *job, const struct opened *opened)
{
    uint64_t offset = sessile_sftp_job_offset(job, 0);
    size_t length = (size_t)sessile_sftp_job_length(job);
    void *room = sessile_sftp_answer_room(job, length);
    ssize_t n;

    if (!room || offset > INT64_MAX) {
        files_fail(job, room ? EINVAL : ENOMEM);
        return;
    }
    do
        n = pread(opened->fd, room, length, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        files_fail(job, errno);
    else
        sessile_sftp_answer_filled(job, (size_t)n);
}

void files_do_write(sessile_sftp_job *job, const struct opened *opened)
{
    uint64_t offset = sessile_sftp_job_offset(job, 0);
    const uint8_t *data;
    size_t size;
    ssize_t n;

    if (sessile_sftp_job_data(job, (const void **)&data, &size) < 0 || offset > (uint64_t)INT64_MAX - size) {
        files_fail(job, EINVAL);
        return;
    }
    while (size > 0) {
        n = pwrite(opened->fd, data, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            files_fail(job, errno);
            return;
        }
        data += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
}

void files_do_copy(sessile_sftp_job *job)
{
    const struct opened *from = (struct opened *)(uintptr_t)sessile_sftp_job_file(job, 0);
    const struct opened *to = (struct opened *)(uintptr_t)sessile_sftp_job_file(job, 1);
    off_t in = (off_t)(sessile_sftp_job_offset(job, 0) & INT64_MAX);
    off_t out = (off_t)(sessile_sftp_job_offset(job, 1) & INT64_MAX);
    uint64_t left = sessile_sftp_job_length(job) ? sessile_sftp_job_length(job) : UINT64_MAX;
    ssize_t n = 1;

    while (left > 0 && n > 0) {
        n = copy_file_range(from->fd, &in, to->fd, &out, left < 1u << 30 ? (size_t)left : 1u << 30, 0);
        if (n < 0) {
            files_fail(job, errno);
            return;
        }
        left -= (uint64_t)n;
    }
    sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
}

/* ---- listing ---- */

static void mode_text(mode_t mode, char text[11])
{
    static const char letters[] = "rwxrwxrwx";

    text[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : S_ISFIFO(mode) ? 'p' : '?';
    for (int i = 0; i < 9; i++)
        text[i + 1] = mode & 0400u >> i ? letters[i] : '-';
    text[10] = 0;
}

/* A line as ls -l has it, up to the name. */
static size_t long_line(char *room, size_t size, const struct stat *facts, const char *name)
{
    char mode[11], when[32] = "";
    struct tm local;
    int n;

    mode_text(facts->st_mode, mode);
    if (localtime_r(&facts->st_mtime, &local))
        strftime(when, sizeof when, time(NULL) - facts->st_mtime < 182 * 86400 ? "%b %e %H:%M" : "%b %e  %Y", &local);
    n = snprintf(room, size, "%s %3lu %-8lu %-8lu %8llu %s %s", mode, (unsigned long)facts->st_nlink,
                 (unsigned long)facts->st_uid, (unsigned long)facts->st_gid, (unsigned long long)facts->st_size, when,
                 name);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Returns whether there was room for it. */
static int list_entry(sessile_sftp_job *job, const struct opened *opened, sessile_sftp_attrs *attrs)
{
    char line[512];
    struct stat facts;
    const char *name = opened->next->d_name;
    const char *behind = strcmp(name, "..") == 0 ? "." : name; /* the root's is outside */
    size_t size;

    if (fstatat(dirfd(opened->directory), behind, &facts, AT_SYMLINK_NOFOLLOW) < 0)
        return 1; /* it is gone already */
    files_attrs(attrs, &facts);
    size = long_line(line, sizeof line, &facts, name);
    return sessile_sftp_answer_add_name(job, name, strlen(name), line, size, attrs) == 0;
}

void files_do_readdir(sessile_sftp_job *job, struct opened *opened)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();

    for (int count = 0; attrs && count < 200; count++) {
        if (!opened->next)
            opened->next = readdir(opened->directory);
        if (!opened->next || !list_entry(job, opened, attrs))
            break;
        opened->next = NULL;
    }
    sessile_sftp_attrs_free(attrs);
    sessile_sftp_answer_names(job);
}

/* ---- attributes ---- */

static uint64_t attr(const sessile_sftp_attrs *attrs, int which)
{
    return sessile_sftp_attrs_get(attrs, which);
}

static int set_size(const char *link, uint64_t size)
{
    int fd = open(link, O_WRONLY | O_CLOEXEC | O_NONBLOCK), result, error;

    if (fd < 0)
        return -1;
    result = size > INT64_MAX ? (errno = EFBIG, -1) : ftruncate(fd, (off_t)size);
    error = errno;
    close(fd);
    errno = error;
    return result;
}

static int set_times(const char *link, const sessile_sftp_attrs *attrs)
{
    struct timespec times[2] = {{.tv_sec = (time_t)attr(attrs, SESSILE_SFTP_ATTR_ATIME)},
                                {.tv_sec = (time_t)attr(attrs, SESSILE_SFTP_ATTR_MTIME)}};

    return utimensat(AT_FDCWD, link, times, 0);
}

/* A descriptor's own link leads to just what it is open on. */
int files_set_attrs(int fd, const sessile_sftp_attrs *attrs)
{
    char link[32];
    int result = 0;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_SIZE))
        result = set_size(link, attr(attrs, SESSILE_SFTP_ATTR_SIZE));
    if (result == 0 && sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_UID))
        result = chown(link, (uid_t)attr(attrs, SESSILE_SFTP_ATTR_UID), (gid_t)attr(attrs, SESSILE_SFTP_ATTR_GID));
    if (result == 0 && sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_PERMISSIONS))
        result = chmod(link, (mode_t)attr(attrs, SESSILE_SFTP_ATTR_PERMISSIONS) & 07777);
    if (result == 0 && sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_ATIME))
        result = set_times(link, attrs);
    return result;
}
