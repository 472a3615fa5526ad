/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's requests: what each operation puts into its fields, and what may be read of an answer while it is told. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

sessile_sftp_request *sessile_sftp_request_new(sessile_sftp *sftp, sessile_on_sftp_reply reply, void *app)
{
    sessile_sftp_request *request;

    if (!sftp || sftp->freed || sftp->role != SESSILE_CLIENT || !(request = mem_zalloc(sizeof *request)))
        return NULL;
    request->sftp = sftp;
    request->reply = reply;
    request->app = app;
    request->slot = NO_SLOT;
    request->refs = 1;
    sftp_ref(sftp);
    return request;
}

static void request_unref(sessile_sftp_request *request)
{
    if (--request->refs > 0)
        return;
    sftp_unref(request->sftp);
    mem_free(request);
}

void sessile_sftp_request_free(sessile_sftp_request *request)
{
    if (!request || request->freed)
        return;
    request->freed = 1;
    if (!request->sftp->freed)
        client_forget(request->sftp, request->slot);
    request->slot = NO_SLOT;
    request_unref(request);
}

void request_tell(sessile_sftp_request *request, const struct request_answer *answer, int result,
                  const struct status *status)
{
    sessile_sftp *sftp = request->sftp;
    const struct request_answer *before = request->answer;

    request->slot = NO_SLOT;
    request->result = result;
    request->status = *status;
    if (sftp->freed || !request->reply)
        return;
    request->refs++;
    request->answer = answer;
    request->cursor_index = 0;
    request->cursor = answer ? answer->bytes : reader_of(NULL, 0);
    sftp_result(sftp, request->reply(request, request->app), "reply");
    request->answer = before;
    request_unref(request);
}

/* ---- submitting ---- */

static struct reader bytes_of(const void *data, size_t size)
{
    return reader_of(data, size);
}

static int submit_live(sessile_sftp_request *request, const struct op *op, const struct fields *f)
{
    sessile_sftp *sftp = request->sftp;
    int result = sftp_live(sftp);

    if (result < 0)
        return result;
    if (request->slot != NO_SLOT || request->freed || !sftp->hello)
        return SESSILE_ERR_MISUSE;
    if (!sessile_sftp_supports(sftp, op->operation))
        return SESSILE_ERR_UNSUPPORTED;
    if ((result = fields_check(op, f)) < 0)
        return result;
    sftp_enter(sftp);
    request->op = op;
    request->result = SESSILE_OK;
    memset(&request->status, 0, sizeof request->status);
    return sftp_leave(sftp, client_submit(sftp, op, f, request, NULL, &request->slot));
}

static int submit(sessile_sftp_request *request, int operation, const struct fields *f)
{
    if (!request)
        return SESSILE_ERR_ARGUMENT;
    return submit_live(request, op_find(operation), f);
}

static int submit_path(sessile_sftp_request *request, int operation, const void *path, size_t size)
{
    struct fields f = {.path = {bytes_of(path, size)}};

    return path || !size ? submit(request, operation, &f) : SESSILE_ERR_ARGUMENT;
}

static int submit_path_attrs(sessile_sftp_request *request, int operation, const void *path, size_t size,
                             const sessile_sftp_attrs *attrs)
{
    struct fields f = {.path = {bytes_of(path, size)}, .attrs = attrs_of(attrs)};

    return path || !size ? submit(request, operation, &f) : SESSILE_ERR_ARGUMENT;
}

static int submit_two(sessile_sftp_request *request, int operation, const void *from, size_t from_size, const void *to,
                      size_t to_size)
{
    struct fields f = {.path = {bytes_of(from, from_size), bytes_of(to, to_size)}};

    return (from || !from_size) && (to || !to_size) ? submit(request, operation, &f) : SESSILE_ERR_ARGUMENT;
}

static int submit_handle(sessile_sftp_request *request, int operation, const void *handle, size_t size)
{
    struct fields f = {.handle = {bytes_of(handle, size)}};

    return handle ? submit(request, operation, &f) : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_open(sessile_sftp_request *request, const void *path, size_t path_size, int flags,
                      const sessile_sftp_attrs *attrs)
{
    struct fields f = {.path = {bytes_of(path, path_size)}, .flags = (uint32_t)flags, .attrs = attrs_of(attrs)};

    if ((!path && path_size) || flags < 0 || flags >= SESSILE_SFTP_FLAG_EXCLUSIVE << 1)
        return SESSILE_ERR_ARGUMENT;
    return submit(request, SESSILE_SFTP_OPEN, &f);
}

int sessile_sftp_close(sessile_sftp_request *request, const void *handle, size_t handle_size)
{
    return submit_handle(request, SESSILE_SFTP_CLOSE, handle, handle_size);
}

int sessile_sftp_read(sessile_sftp_request *request, const void *handle, size_t handle_size, uint64_t offset,
                      size_t length)
{
    struct fields f = {.handle = {bytes_of(handle, handle_size)}, .number = {offset}, .length = (uint32_t)length};

    if (!request || !handle || !length || length > request->sftp->limits[SESSILE_SFTP_LIMIT_READ])
        return SESSILE_ERR_ARGUMENT;
    return submit(request, SESSILE_SFTP_READ, &f);
}

int sessile_sftp_write(sessile_sftp_request *request, const void *handle, size_t handle_size, uint64_t offset,
                       const void *data, size_t size)
{
    struct fields f = {.handle = {bytes_of(handle, handle_size)}, .number = {offset}, .data = bytes_of(data, size)};

    if (!request || !handle || (!data && size) || size > request->sftp->limits[SESSILE_SFTP_LIMIT_WRITE])
        return SESSILE_ERR_ARGUMENT;
    return submit(request, SESSILE_SFTP_WRITE, &f);
}

int sessile_sftp_stat(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_STAT, path, path_size);
}

int sessile_sftp_lstat(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_LSTAT, path, path_size);
}

int sessile_sftp_fstat(sessile_sftp_request *request, const void *handle, size_t handle_size)
{
    return submit_handle(request, SESSILE_SFTP_FSTAT, handle, handle_size);
}

int sessile_sftp_setstat(sessile_sftp_request *request, const void *path, size_t path_size,
                         const sessile_sftp_attrs *attrs)
{
    return submit_path_attrs(request, SESSILE_SFTP_SETSTAT, path, path_size, attrs);
}

int sessile_sftp_fsetstat(sessile_sftp_request *request, const void *handle, size_t handle_size,
                          const sessile_sftp_attrs *attrs)
{
    struct fields f = {.handle = {bytes_of(handle, handle_size)}, .attrs = attrs_of(attrs)};

    return handle ? submit(request, SESSILE_SFTP_FSETSTAT, &f) : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_opendir(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_OPENDIR, path, path_size);
}

int sessile_sftp_readdir(sessile_sftp_request *request, const void *handle, size_t handle_size)
{
    return submit_handle(request, SESSILE_SFTP_READDIR, handle, handle_size);
}

int sessile_sftp_remove(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_REMOVE, path, path_size);
}

int sessile_sftp_mkdir(sessile_sftp_request *request, const void *path, size_t path_size,
                       const sessile_sftp_attrs *attrs)
{
    return submit_path_attrs(request, SESSILE_SFTP_MKDIR, path, path_size, attrs);
}

int sessile_sftp_rmdir(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_RMDIR, path, path_size);
}

int sessile_sftp_realpath(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_REALPATH, path, path_size);
}

int sessile_sftp_rename(sessile_sftp_request *request, const void *from, size_t from_size, const void *to,
                        size_t to_size)
{
    return submit_two(request, SESSILE_SFTP_RENAME, from, from_size, to, to_size);
}

int sessile_sftp_posix_rename(sessile_sftp_request *request, const void *from, size_t from_size, const void *to,
                              size_t to_size)
{
    return submit_two(request, SESSILE_SFTP_POSIX_RENAME, from, from_size, to, to_size);
}

int sessile_sftp_readlink(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_READLINK, path, path_size);
}

int sessile_sftp_symlink(sessile_sftp_request *request, const void *target, size_t target_size, const void *path,
                         size_t path_size)
{
    return submit_two(request, SESSILE_SFTP_SYMLINK, target, target_size, path, path_size);
}

int sessile_sftp_hardlink(sessile_sftp_request *request, const void *from, size_t from_size, const void *to,
                          size_t to_size)
{
    return submit_two(request, SESSILE_SFTP_HARDLINK, from, from_size, to, to_size);
}

int sessile_sftp_fsync(sessile_sftp_request *request, const void *handle, size_t handle_size)
{
    return submit_handle(request, SESSILE_SFTP_FSYNC, handle, handle_size);
}

int sessile_sftp_statvfs(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_STATVFS, path, path_size);
}

int sessile_sftp_fstatvfs(sessile_sftp_request *request, const void *handle, size_t handle_size)
{
    return submit_handle(request, SESSILE_SFTP_FSTATVFS, handle, handle_size);
}

int sessile_sftp_lsetstat(sessile_sftp_request *request, const void *path, size_t path_size,
                          const sessile_sftp_attrs *attrs)
{
    return submit_path_attrs(request, SESSILE_SFTP_LSETSTAT, path, path_size, attrs);
}

int sessile_sftp_expand_path(sessile_sftp_request *request, const void *path, size_t path_size)
{
    return submit_path(request, SESSILE_SFTP_EXPAND_PATH, path, path_size);
}

int sessile_sftp_home_directory(sessile_sftp_request *request, const void *user, size_t user_size)
{
    return submit_path(request, SESSILE_SFTP_HOME_DIRECTORY, user, user_size);
}

int sessile_sftp_copy_data(sessile_sftp_request *request, const void *handle, size_t handle_size, uint64_t offset,
                           uint64_t length, const void *to, size_t to_size, uint64_t to_offset)
{
    struct fields f = {.handle = {bytes_of(handle, handle_size), bytes_of(to, to_size)},
                       .number = {offset, length, to_offset}};

    return handle && to ? submit(request, SESSILE_SFTP_COPY_DATA, &f) : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_users_groups(sessile_sftp_request *request, const void *ids, size_t id_size, size_t user_count)
{
    struct fields f = {.path = {bytes_of(ids, id_size)}};
    struct reader r = f.path[0];

    if (!ids || id_size % 4 || user_count > id_size / 4)
        return SESSILE_ERR_ARGUMENT;
    f.path[0] = reader_of(get_bytes(&r, user_count * 4), user_count * 4);
    f.path[1] = r;
    return submit(request, SESSILE_SFTP_USERS_GROUPS, &f);
}

int sessile_sftp_extended(sessile_sftp_request *request, const char *name, const void *data, size_t size)
{
    struct fields f = {.data = bytes_of(data, size)};

    if (!name || !*name || strlen(name) > HANDLE_LIMIT || op_of_extension(name, strlen(name)) || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    f.path[0] = bytes_of(name, strlen(name));
    return submit(request, SESSILE_SFTP_EXTENDED, &f);
}

/* ---- the answer ---- */

int sessile_sftp_request_result(sessile_sftp_request *request)
{
    return request ? request->result : SESSILE_ERR_ARGUMENT;
}

int sessile_sftp_request_status(sessile_sftp_request *request)
{
    return request ? request->status.status : SESSILE_SFTP_STATUS_FAILURE;
}

const char *sessile_sftp_request_text(sessile_sftp_request *request)
{
    return request ? request->status.text : "";
}

int sessile_sftp_request_operation(sessile_sftp_request *request)
{
    return request && request->op ? request->op->operation : 0;
}

static int answer_bytes(const sessile_sftp_request *request, enum answer kind, const void **data, size_t *size)
{
    if (!request || !data || !size)
        return SESSILE_ERR_ARGUMENT;
    if (!request->answer)
        return SESSILE_ERR_MISUSE;
    if (!request->op || request->op->answer != kind)
        return SESSILE_ERR_ARGUMENT;
    *data = request->answer->bytes.data;
    *size = request->answer->bytes.left;
    return SESSILE_OK;
}

int sessile_sftp_request_handle(sessile_sftp_request *request, const void **data, size_t *size)
{
    return answer_bytes(request, ANSWER_HANDLE, data, size);
}

int sessile_sftp_request_data(sessile_sftp_request *request, const void **data, size_t *size)
{
    int any = request && request->op && request->op->answer == ANSWER_ANY;

    return answer_bytes(request, any ? ANSWER_ANY : ANSWER_DATA, data, size);
}

size_t sessile_sftp_request_name_count(sessile_sftp_request *request)
{
    return request && request->answer ? request->answer->count : 0;
}

/* Each of these was read once before, to its end. */
struct entry {
    struct reader name;
    struct reader longname;
    struct attrs attrs;
};

static void owner_at(const struct request_answer *a, size_t index, struct entry *entry)
{
    struct reader r = a->bytes;

    while (r.left && index) {
        get_sub32(&r);
        index--;
    }
    if (!r.left)
        r = a->more;
    do
        entry->name = get_sub32(&r);
    while (index--);
}

/* A walk over thousands of names in their order reads each once. */
static int entry_at(sessile_sftp_request *request, size_t index, struct entry *entry)
{
    size_t at = 0;
    struct reader r;

    memset(entry, 0, sizeof *entry);
    if (!request)
        return SESSILE_ERR_ARGUMENT;
    if (!request->answer)
        return SESSILE_ERR_MISUSE;
    if (index >= request->answer->count)
        return SESSILE_ERR_ARGUMENT;
    if (request->op->answer == ANSWER_OWNERS) {
        owner_at(request->answer, index, entry);
        return SESSILE_OK;
    }
    r = request->answer->bytes;
    if (index >= request->cursor_index) {
        r = request->cursor;
        at = request->cursor_index;
    }
    do {
        request->cursor = r;
        entry->name = get_sub32(&r);
        entry->longname = get_sub32(&r);
        attrs_get(&entry->attrs, &r);
    } while (at++ < index);
    request->cursor_index = index;
    return SESSILE_OK;
}

int sessile_sftp_request_name(sessile_sftp_request *request, size_t index, const void **data, size_t *size)
{
    struct entry entry;
    int result = data && size ? entry_at(request, index, &entry) : SESSILE_ERR_ARGUMENT;

    if (result < 0)
        return result;
    *data = entry.name.left ? (const void *)entry.name.data : "";
    *size = entry.name.left;
    return SESSILE_OK;
}

int sessile_sftp_request_longname(sessile_sftp_request *request, size_t index, const void **data, size_t *size)
{
    struct entry entry;
    int result = data && size ? entry_at(request, index, &entry) : SESSILE_ERR_ARGUMENT;

    if (result < 0)
        return result;
    *data = entry.longname.left ? (const void *)entry.longname.data : "";
    *size = entry.longname.left;
    return SESSILE_OK;
}

int sessile_sftp_request_attrs(sessile_sftp_request *request, size_t index, sessile_sftp_attrs *attrs)
{
    struct entry entry;
    int result;

    if (!request || !attrs)
        return SESSILE_ERR_ARGUMENT;
    if (request->answer && request->op->answer == ANSWER_ATTRS) {
        attrs->attrs = request->answer->attrs;
        return index ? SESSILE_ERR_ARGUMENT : SESSILE_OK;
    }
    if ((result = entry_at(request, index, &entry)) < 0)
        return result;
    attrs->attrs = entry.attrs;
    return SESSILE_OK;
}

uint64_t sessile_sftp_request_vfs(sessile_sftp_request *request, int number)
{
    if (!request || !request->answer || number < 0 || number >= VFS_NUMBERS)
        return 0;
    return request->answer->vfs[number];
}

/* ---- statuses ---- */

const char *sessile_sftp_status_text(int status)
{
    static const char *const texts[] = {
        "Success",     "End of file",   "No such file",    "Permission denied",     "Failure",
        "Bad message", "No connection", "Connection lost", "Operation unsupported",
    };

    return status >= 0 && status <= SESSILE_SFTP_STATUS_UNSUPPORTED ? texts[status] : "Unknown status";
}
