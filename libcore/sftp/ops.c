/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of operations, and their fields. */
#include "sftp/ops.h"

#include <string.h>

#include <sessile/error.h>

static const struct op ops[] = {
    {SESSILE_SFTP_OPEN, "pfa", ANSWER_HANDLE, 0, NULL, NULL},
    {SESSILE_SFTP_CLOSE, "h", ANSWER_STATUS, 0, NULL, NULL},
    {SESSILE_SFTP_READ, "hnl", ANSWER_DATA, 0, NULL, NULL},
    {SESSILE_SFTP_WRITE, "hnd", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_LSTAT, "p", ANSWER_ATTRS, 0, NULL, NULL},
    {SESSILE_SFTP_FSTAT, "h", ANSWER_ATTRS, 0, NULL, NULL},
    {SESSILE_SFTP_SETSTAT, "pa", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_FSETSTAT, "ha", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_OPENDIR, "p", ANSWER_HANDLE, 0, NULL, NULL},
    {SESSILE_SFTP_READDIR, "h", ANSWER_NAMES, 0, NULL, NULL},
    {SESSILE_SFTP_REMOVE, "p", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_MKDIR, "pa", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_RMDIR, "p", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_REALPATH, "p", ANSWER_NAME, 0, NULL, NULL},
    {SESSILE_SFTP_STAT, "p", ANSWER_ATTRS, 0, NULL, NULL},
    {SESSILE_SFTP_RENAME, "pp", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_READLINK, "p", ANSWER_NAME, 0, NULL, NULL},
    {SESSILE_SFTP_SYMLINK, "pp", ANSWER_STATUS, 1, NULL, NULL},
    {SESSILE_SFTP_EXTENDED, "x", ANSWER_ANY, 1, NULL, NULL},
    {SESSILE_SFTP_POSIX_RENAME, "pp", ANSWER_STATUS, 1, "posix-rename@openssh.com", "1"},
    {SESSILE_SFTP_STATVFS, "p", ANSWER_VFS, 0, "statvfs@openssh.com", "2"},
    {SESSILE_SFTP_FSTATVFS, "h", ANSWER_VFS, 0, "fstatvfs@openssh.com", "2"},
    {SESSILE_SFTP_HARDLINK, "pp", ANSWER_STATUS, 1, "hardlink@openssh.com", "1"},
    {SESSILE_SFTP_FSYNC, "h", ANSWER_STATUS, 0, "fsync@openssh.com", "1"},
    {SESSILE_SFTP_LSETSTAT, "pa", ANSWER_STATUS, 1, "lsetstat@openssh.com", "1"},
    {SESSILE_SFTP_LIMITS, "", ANSWER_LIMITS, 0, "limits@openssh.com", "1"},
    {SESSILE_SFTP_EXPAND_PATH, "p", ANSWER_NAME, 0, "expand-path@openssh.com", "1"},
    {SESSILE_SFTP_COPY_DATA, "hnnhn", ANSWER_STATUS, 1, "copy-data", "1"},
    {SESSILE_SFTP_HOME_DIRECTORY, "p", ANSWER_NAME, 0, "home-directory", "1"},
    {SESSILE_SFTP_USERS_GROUPS, "ii", ANSWER_OWNERS, 0, "users-groups-by-id@openssh.com", "1"},
};

#define OP_COUNT (sizeof ops / sizeof ops[0])

const struct op *op_find(int operation)
{
    for (size_t i = 0; i < OP_COUNT; i++)
        if (ops[i].operation == operation)
            return &ops[i];
    return NULL;
}

const struct op *op_of_extension(const void *name, size_t size)
{
    for (size_t i = 0; i < OP_COUNT; i++)
        if (ops[i].extension && strlen(ops[i].extension) == size && memcmp(ops[i].extension, name, size) == 0)
            return &ops[i];
    return NULL;
}

/* ---- fields ---- */

static int path_is_good(const struct reader *path)
{
    return path->left <= PATH_LIMIT && (!path->left || !memchr(path->data, 0, path->left));
}

int fields_check(const struct op *op, const struct fields *f)
{
    int paths = 0, handles = 0, good = 1;

    for (const char *field = op->layout; *field && good; field++) {
        if (*field == 'p')
            good = path_is_good(&f->path[paths++]);
        else if (*field == 'h')
            good = f->handle[handles++].left <= HANDLE_LIMIT;
        else if (*field == 'i')
            good = f->path[paths].left <= IDS_LIMIT && f->path[paths].left % 4 == 0 && ++paths;
        else if (*field == 'x')
            good = f->data.left <= EXTENDED_LIMIT;
    }
    return good ? SESSILE_OK : SESSILE_ERR_ARGUMENT;
}

static void put_reader(struct writer *w, const struct reader *bytes)
{
    put_sized32(w, bytes->data, bytes->left);
}

void fields_put(const struct op *op, const struct fields *f, struct writer *w)
{
    int paths = 0, handles = 0, numbers = 0;

    for (const char *field = op->layout; *field; field++) {
        if (*field == 'p' || *field == 'i')
            put_reader(w, &f->path[paths++]);
        else if (*field == 'h')
            put_reader(w, &f->handle[handles++]);
        else if (*field == 'n')
            put_u64(w, f->number[numbers++]);
        else if (*field == 'l')
            put_u32(w, f->length);
        else if (*field == 'f')
            put_u32(w, f->flags);
        else if (*field == 'a')
            attrs_put(&f->attrs, w);
        else if (*field == 'd')
            put_u32(w, (uint32_t)f->data.left); /* the bytes follow from elsewhere */
        else
            put_bytes(w, f->data.data, f->data.left);
    }
}

int fields_get(const struct op *op, struct fields *f, struct reader *r)
{
    int paths = 0, handles = 0, numbers = 0;
    size_t left;

    memset(f, 0, sizeof *f);
    for (const char *field = op->layout; *field; field++) {
        if (*field == 'p' || *field == 'i')
            f->path[paths++] = get_sub32(r);
        else if (*field == 'h')
            f->handle[handles++] = get_sub32(r);
        else if (*field == 'n')
            f->number[numbers++] = get_u64(r);
        else if (*field == 'l')
            f->length = get_u32(r);
        else if (*field == 'f')
            f->flags = get_u32(r);
        else if (*field == 'a')
            attrs_get(&f->attrs, r);
        else if (*field == 'd')
            f->data = get_sub32(r);
        else if ((left = r->left))
            f->data = reader_of(get_bytes(r, left), left);
    }
    return reader_done(r);
}
