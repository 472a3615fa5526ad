/* SPDX-License-Identifier: Apache-2.0
 *
 * A job to system calls: one small function for each operation, by a table. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "files.h"

/* ---- answers ---- */

static int status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
        return SESSILE_SFTP_STATUS_NO_SUCH_FILE;
    case EACCES:
    case EPERM:
    case EXDEV:
    case EROFS:
        return SESSILE_SFTP_STATUS_PERMISSION_DENIED;
    default:
        return SESSILE_SFTP_STATUS_FAILURE;
    }
}

void files_fail(sessile_sftp_job *job, int error)
{
    sessile_sftp_answer_status(job, status_of(error), error == EXDEV ? "It leads out of the root" : strerror(error));
}

static void answer(sessile_sftp_job *job, int result)
{
    if (result < 0)
        files_fail(job, errno);
    else
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
}

void files_attrs(sessile_sftp_attrs *attrs, const struct stat *facts)
{
    sessile_sftp_attrs_clear(attrs);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_SIZE, (uint64_t)facts->st_size);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_UID, facts->st_uid);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_GID, facts->st_gid);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_PERMISSIONS, facts->st_mode);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_ATIME, (uint32_t)facts->st_atime);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_MTIME, (uint32_t)facts->st_mtime);
}

static void answer_facts(sessile_sftp_job *job, int result, const struct stat *facts)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();

    if (result < 0 || !attrs) {
        files_fail(job, result < 0 ? errno : ENOMEM);
    } else {
        files_attrs(attrs, facts);
        sessile_sftp_answer_attrs(job, attrs);
    }
    sessile_sftp_attrs_free(attrs);
}

static void answer_name(sessile_sftp_job *job, const char *name, size_t size)
{
    sessile_sftp_answer_add_name(job, name, size, NULL, 0, NULL);
    sessile_sftp_answer_names(job);
}

static void answer_vfs(sessile_sftp_job *job, int result, const struct statvfs *vfs)
{
    const uint64_t numbers[] = {vfs->f_bsize,  vfs->f_frsize,
                                vfs->f_blocks, vfs->f_bfree,
                                vfs->f_bavail, vfs->f_files,
                                vfs->f_ffree,  vfs->f_favail,
                                vfs->f_fsid,   (vfs->f_flag & ST_RDONLY ? 1 : 0) | (vfs->f_flag & ST_NOSUID ? 2 : 0),
                                vfs->f_namemax};

    if (result < 0) {
        files_fail(job, errno);
        return;
    }
    for (int i = 0; i <= SESSILE_SFTP_VFS_NAMEMAX; i++)
        sessile_sftp_answer_set_vfs(job, i, numbers[i]);
    sessile_sftp_answer_vfs(job);
}

/* ---- what a job is about ---- */

/* The client's path, whole: it has no NUL, and libsessile bounds it. */
int files_path(sessile_sftp_job *job, size_t index, char room[FILES_PATH])
{
    const void *data;
    size_t size;

    if (sessile_sftp_job_path(job, index, &data, &size) < 0 || size >= FILES_PATH) {
        files_fail(job, ENAMETOOLONG);
        return -1;
    }
    memcpy(room, data, size);
    room[size] = 0;
    return 0;
}

static struct opened *opened_of(sessile_sftp_job *job)
{
    return (struct opened *)(uintptr_t)sessile_sftp_job_file(job, 0);
}

/* A name in a directory that is open, so that what is done to it is done there. */
struct place {
    char room[FILES_PATH];
    const char *name;
    int fd;
};

static int place_open(sessile_files *files, struct place *place, const char *path)
{
    place->fd = sessile_files_parent(files, path, place->room, sizeof place->room, &place->name);
    return place->fd < 0 ? -1 : 0;
}

/* errno stays. */
static void place_close(const struct place *place)
{
    int error = errno;

    if (place->fd >= 0)
        close(place->fd);
    errno = error;
}

/* ---- operations on one path ---- */

static int stat_path(sessile_files *files, const char *path, struct stat *facts)
{
    int fd = sessile_files_open(files, path, O_PATH, 0), result, error;

    if (fd < 0)
        return -1;
    result = fstat(fd, facts);
    error = errno;
    close(fd);
    errno = error;
    return result;
}

static void do_stat(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    struct stat facts;
    int result = stat_path(files, path, &facts);

    answer_facts(job, result, &facts);
}

static void do_lstat(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    struct stat facts;
    struct place place;
    int result = place_open(files, &place, path);

    if (result < 0 && errno == EBUSY) {
        do_stat(files, job, path);
        return;
    }
    if (result == 0)
        result = fstatat(place.fd, place.name, &facts, AT_SYMLINK_NOFOLLOW);
    place_close(&place);
    answer_facts(job, result, &facts);
}

static void set_attrs(sessile_files *files, sessile_sftp_job *job, const char *path, int flags)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    int fd = sessile_files_open(files, path, O_PATH | flags, 0), result = -1, error;

    if (fd >= 0 && attrs && sessile_sftp_job_attrs(job, attrs) == 0)
        result = files_set_attrs(fd, attrs);
    error = errno;
    if (fd >= 0)
        close(fd);
    sessile_sftp_attrs_free(attrs);
    errno = error;
    answer(job, result);
}

static void do_setstat(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    set_attrs(files, job, path, 0);
}

static void do_lsetstat(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    set_attrs(files, job, path, O_NOFOLLOW);
}

static void do_unlink(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    struct place place;
    int flags = sessile_sftp_job_operation(job) == SESSILE_SFTP_RMDIR ? AT_REMOVEDIR : 0;
    int result = place_open(files, &place, path);

    if (result == 0)
        result = unlinkat(place.fd, place.name, flags);
    place_close(&place);
    answer(job, result);
}

static void do_mkdir(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    struct place place;
    mode_t mode = 0777;
    int result = place_open(files, &place, path);

    if (attrs && sessile_sftp_job_attrs(job, attrs) == 0 &&
        sessile_sftp_attrs_has(attrs, SESSILE_SFTP_ATTR_PERMISSIONS))
        mode = (mode_t)sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_PERMISSIONS) & 0777;
    sessile_sftp_attrs_free(attrs);
    if (result == 0)
        result = mkdirat(place.fd, place.name, mode);
    place_close(&place);
    answer(job, result);
}

static void do_readlink(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    char target[FILES_PATH];
    struct place place;
    ssize_t n = place_open(files, &place, path);

    if (n == 0)
        n = readlinkat(place.fd, place.name, target, 4096);
    place_close(&place);
    if (n < 0)
        files_fail(job, errno);
    else
        answer_name(job, target, (size_t)n);
}

static void do_realpath(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    char room[FILES_PATH];

    (void)files;
    if (sessile_sftp_job_operation(job) == SESSILE_SFTP_EXPAND_PATH && path[0] == '~') {
        if (path[1] && path[1] != '/') {
            sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, "There are no other homes here");
            return;
        }
        path++;
    }
    if (sessile_files_normal(path, room, sizeof room) < 0)
        files_fail(job, errno);
    else
        answer_name(job, room, strlen(room));
}

static void do_home(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    (void)files, (void)path;
    answer_name(job, "/", 1);
}

static void do_statvfs(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    struct statvfs vfs = {0};
    int fd = sessile_files_open(files, path, O_PATH, 0), result, error;

    result = fd < 0 ? -1 : fstatvfs(fd, &vfs);
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    answer_vfs(job, result, &vfs);
}

/* ---- on two paths ---- */

static int rename_new(const struct place *from, const struct place *to)
{
    struct stat facts;
    int result = renameat2(from->fd, from->name, to->fd, to->name, RENAME_NOREPLACE);

    if (result == 0 || (errno != EINVAL && errno != ENOSYS))
        return result;
    if (fstatat(to->fd, to->name, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from->fd, from->name, to->fd, to->name);
}

static int join(int operation, const struct place *from, const struct place *to)
{
    if (operation == SESSILE_SFTP_HARDLINK)
        return linkat(from->fd, from->name, to->fd, to->name, 0);
    if (operation == SESSILE_SFTP_POSIX_RENAME)
        return renameat(from->fd, from->name, to->fd, to->name);
    return rename_new(from, to);
}

static void do_two(sessile_files *files, sessile_sftp_job *job, const char *path)
{
    char second[FILES_PATH];
    struct place from = {.fd = -1}, to = {.fd = -1};
    int result;

    if (files_path(job, 1, second) < 0)
        return;
    result = place_open(files, &from, path);
    if (result == 0)
        result = place_open(files, &to, second);
    if (result == 0)
        result = join(sessile_sftp_job_operation(job), &from, &to);
    place_close(&from);
    place_close(&to);
    answer(job, result);
}

static void do_symlink(sessile_files *files, sessile_sftp_job *job, const char *target)
{
    char link[FILES_PATH];
    struct place place;
    int result;

    if (files_path(job, 1, link) < 0)
        return;
    result = place_open(files, &place, link);
    if (result == 0)
        result = symlinkat(target, place.fd, place.name);
    place_close(&place);
    answer(job, result);
}

/* ---- on open files ---- */

static int opened_fd(const struct opened *opened)
{
    return opened->directory ? dirfd(opened->directory) : opened->fd;
}

static void do_fstat(sessile_sftp_job *job)
{
    struct stat facts;
    int result = fstat(opened_fd(opened_of(job)), &facts);

    answer_facts(job, result, &facts);
}

static void do_fsetstat(sessile_sftp_job *job)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    int result = -1;

    errno = ENOMEM;
    if (attrs && sessile_sftp_job_attrs(job, attrs) == 0)
        result = files_set_attrs(opened_fd(opened_of(job)), attrs);
    sessile_sftp_attrs_free(attrs);
    answer(job, result);
}

static void do_fstatvfs(sessile_sftp_job *job)
{
    struct statvfs vfs = {0};
    int result = fstatvfs(opened_fd(opened_of(job)), &vfs);

    answer_vfs(job, result, &vfs);
}

static void do_owners(sessile_sftp_job *job)
{
    for (int group = 0; group < 2; group++)
        for (size_t i = 0; i < sessile_sftp_job_id_count(job, group); i++) {
            uint32_t id = (uint32_t)sessile_sftp_job_id(job, group, i);
            const struct passwd *user = group ? NULL : getpwuid(id);
            const struct group *owners = group ? getgrgid(id) : NULL;
            const char *name = user ? user->pw_name : owners ? owners->gr_name : "";

            sessile_sftp_answer_add_name(job, name, strlen(name), NULL, 0, NULL);
        }
    sessile_sftp_answer_names(job);
}

static int do_with_opened(sessile_sftp_job *job)
{
    struct opened *opened = opened_of(job);

    switch (sessile_sftp_job_operation(job)) {
    case SESSILE_SFTP_READ:
        files_do_read(job, opened);
        return 1;
    case SESSILE_SFTP_WRITE:
        files_do_write(job, opened);
        return 1;
    case SESSILE_SFTP_READDIR:
        files_do_readdir(job, opened);
        return 1;
    case SESSILE_SFTP_CLOSE:
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
        return 1;
    case SESSILE_SFTP_FSTAT:
        do_fstat(job);
        return 1;
    case SESSILE_SFTP_FSETSTAT:
        do_fsetstat(job);
        return 1;
    case SESSILE_SFTP_FSTATVFS:
        do_fstatvfs(job);
        return 1;
    case SESSILE_SFTP_FSYNC:
        answer(job, fsync(opened_fd(opened)));
        return 1;
    case SESSILE_SFTP_COPY_DATA:
        files_do_copy(job);
        return 1;
    case SESSILE_SFTP_USERS_GROUPS:
        do_owners(job);
        return 1;
    default:
        return 0;
    }
}

static const struct {
    int operation;
    void (*operate)(sessile_files *files, sessile_sftp_job *job, const char *path);
} operations[] = {
    {SESSILE_SFTP_OPEN, files_do_open},     {SESSILE_SFTP_OPENDIR, files_do_opendir},
    {SESSILE_SFTP_STAT, do_stat},           {SESSILE_SFTP_LSTAT, do_lstat},
    {SESSILE_SFTP_SETSTAT, do_setstat},     {SESSILE_SFTP_LSETSTAT, do_lsetstat},
    {SESSILE_SFTP_REMOVE, do_unlink},       {SESSILE_SFTP_RMDIR, do_unlink},
    {SESSILE_SFTP_MKDIR, do_mkdir},         {SESSILE_SFTP_READLINK, do_readlink},
    {SESSILE_SFTP_REALPATH, do_realpath},   {SESSILE_SFTP_EXPAND_PATH, do_realpath},
    {SESSILE_SFTP_HOME_DIRECTORY, do_home}, {SESSILE_SFTP_STATVFS, do_statvfs},
    {SESSILE_SFTP_RENAME, do_two},          {SESSILE_SFTP_POSIX_RENAME, do_two},
    {SESSILE_SFTP_HARDLINK, do_two},        {SESSILE_SFTP_SYMLINK, do_symlink},
};

void files_job(sessile_files *files, sessile_sftp_job *job)
{
    char path[FILES_PATH];

    if (do_with_opened(job) || files_path(job, 0, path) < 0)
        return;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (operations[i].operation == sessile_sftp_job_operation(job)) {
            operations[i].operate(files, job, path);
            return;
        }
    sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_UNSUPPORTED, NULL);
}
