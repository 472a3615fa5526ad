/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths beneath the root. A path is made normal first, as text, so that ".." is never resolved by the system: it goes
 * up to the root at most. What is left are names and links, and the system keeps those beneath; where it cannot, no
 * link is followed at all. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

#define RENAMES_MOST 100

sessile_files *sessile_files_new(const char *root, int read_only)
{
    sessile_files *files = calloc(1, sizeof *files);

    if (!files)
        return NULL;
    files->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    files->read_only = read_only;
    if (files->root < 0) {
        free(files);
        return NULL;
    }
    return files;
}

void sessile_files_free(sessile_files *files)
{
    if (!files)
        return;
    close(files->root);
    free(files);
}

void sessile_files_without_openat2(sessile_files *files, int on)
{
    files->without_openat2 = on;
}

/* ---- text ---- */

static size_t name_size(const char *path)
{
    return strcspn(path, "/");
}

static size_t drop_last(const char *room, size_t used)
{
    while (used > 0 && room[used - 1] != '/')
        used--;
    return used > 0 ? used - 1 : 0;
}

int sessile_files_normal(const char *path, char *room, size_t size)
{
    size_t used = 0, n;

    for (path += strspn(path, "/"); *path; path += n, path += strspn(path, "/")) {
        n = name_size(path);
        if (n == 1 && path[0] == '.')
            continue;
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            used = drop_last(room, used);
            continue;
        }
        if (used + n + 2 > size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        room[used] = '/';
        memcpy(room + used + 1, path, n);
        used += n + 1;
    }
    if (!used)
        room[used++] = '/';
    room[used] = 0;
    return 0;
}

/* ---- descriptors ---- */

static int open_by_system(const sessile_files *files, const char *path, int flags, mode_t mode)
{
    struct open_how how = {0};

    how.flags = (uint64_t)(unsigned)flags;
    how.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    return (int)syscall(SYS_openat2, files->root, path, &how, sizeof how);
}

/* From directory to directory. Takes over the descriptor from. */
static int step_down(int from, const char *name)
{
    int next = openat(from, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    int error = errno;

    close(from);
    errno = error == ENOTDIR ? ELOOP : error;
    return next;
}

static int open_by_names(const sessile_files *files, const char *path, int flags, mode_t mode)
{
    char name[FILES_PATH];
    int at = fcntl(files->root, F_DUPFD_CLOEXEC, 3), fd, error;
    size_t n;

    while (at >= 0) {
        n = name_size(path);
        memcpy(name, path, n);
        name[n] = 0;
        path += n + strspn(path + n, "/");
        if (!*path)
            break;
        at = step_down(at, name);
    }
    if (at < 0)
        return -1;
    fd = openat(at, name, flags | O_NOFOLLOW, mode);
    error = errno;
    close(at);
    errno = error;
    return fd;
}

/* path: normal. */
static int open_normal(const sessile_files *files, const char *path, int flags, mode_t mode)
{
    const char *relative = path[1] ? path + 1 : ".";
    int fd;

    flags |= O_CLOEXEC;
    if (!(flags & O_PATH))
        flags |= O_NOCTTY | O_NONBLOCK;
    if (!files->without_openat2) {
        for (int tries = 0; (fd = open_by_system(files, relative, flags, mode)) < 0 && errno == EAGAIN; tries++)
            if (tries == RENAMES_MOST) /* somebody renames all the time */
                return -1;
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
    }
    return open_by_names(files, relative, flags, mode);
}

int sessile_files_open(sessile_files *files, const char *path, int flags, mode_t mode)
{
    char room[FILES_PATH];

    if (sessile_files_normal(path, room, sizeof room) < 0)
        return -1;
    return open_normal(files, room, flags, mode);
}

int sessile_files_parent(sessile_files *files, const char *path, char *room, size_t size, const char **name)
{
    char *last;
    int fd;

    if (sessile_files_normal(path, room, size) < 0)
        return -1;
    last = strrchr(room, '/');
    if (!last[1]) { /* the root is in no directory */
        errno = EBUSY;
        return -1;
    }
    *name = last + 1;
    if (last == room)
        return open_normal(files, "/", O_PATH | O_DIRECTORY, 0);
    *last = 0;
    fd = open_normal(files, room, O_PATH | O_DIRECTORY, 0);
    *last = '/';
    return fd;
}
