/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions and extensions (section 4). A client says INIT and is ready with the server's VERSION; limits are asked for
 * right then, so that whatever is opened afterwards finds them known. */
#include <string.h>

#include "session/memory.h"
#include "sftp/sftp.h"

int hello_init(sessile_sftp *sftp)
{
    uint8_t room[8];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, MSG_INIT);
    put_u32(&w, SFTP_VERSION);
    return out_message(sftp, &w, NULL, 0);
}

/* ---- extensions ---- */

void hello_free(sessile_sftp *sftp)
{
    for (size_t i = 0; i < sftp->extension_count; i++) {
        mem_free(sftp->extensions[i].name);
        mem_free(sftp->extensions[i].value);
    }
    mem_free(sftp->extensions);
}

/* Only with the version that is known here it is what is known here. */
static int extension_operation(const struct extension *extension)
{
    const struct op *op = op_of_extension(extension->name, extension->name_size);

    return op && extension->value_size == strlen(op->version) &&
                   memcmp(extension->value, op->version, extension->value_size) == 0
               ? op->operation
               : 0;
}

static int extension_add(sessile_sftp *sftp, const void *name, size_t name_size, const void *value, size_t value_size)
{
    struct extension *list = mem_realloc(sftp->extensions, (sftp->extension_count + 1) * sizeof *list);
    struct extension *extension;

    if (!list)
        return SESSILE_ERR_MEMORY;
    sftp->extensions = list;
    extension = &list[sftp->extension_count];
    extension->name = mem_copy(name, name_size);
    extension->name_size = name_size;
    extension->value = mem_copy(value, value_size);
    extension->value_size = value_size;
    if (!extension->name || !extension->value) {
        mem_free(extension->name);
        mem_free(extension->value);
        return SESSILE_ERR_MEMORY;
    }
    extension->operation = extension_operation(extension);
    sftp->extension_count++;
    return SESSILE_OK;
}

static int extensions_read(sessile_sftp *sftp, struct reader *r)
{
    struct reader name, value;

    while (r->left && !r->failed) {
        name = get_sub32(r);
        value = get_sub32(r);
        if (r->failed || sftp->role == SESSILE_SERVER || sftp->extension_count == EXTENSIONS_LIMIT)
            continue;
        if (extension_add(sftp, name.data, name.left, value.data, value.left) < 0)
            return sftp_fail(sftp, SESSILE_ERR_MEMORY, "no memory for the server's extensions");
    }
    return SESSILE_OK;
}

static const struct extension *extension_at(const sessile_sftp *sftp, size_t index)
{
    return sftp && index < sftp->extension_count ? &sftp->extensions[index] : NULL;
}

size_t sessile_sftp_extension_count(sessile_sftp *sftp)
{
    return sftp ? sftp->extension_count : 0;
}

int sessile_sftp_extension_name(sessile_sftp *sftp, size_t index, const void **data, size_t *size)
{
    const struct extension *extension = extension_at(sftp, index);

    if (!extension || !data || !size)
        return SESSILE_ERR_ARGUMENT;
    *data = extension->name;
    *size = extension->name_size;
    return SESSILE_OK;
}

int sessile_sftp_extension_value(sessile_sftp *sftp, size_t index, const void **data, size_t *size)
{
    const struct extension *extension = extension_at(sftp, index);

    if (!extension || !data || !size)
        return SESSILE_ERR_ARGUMENT;
    *data = extension->value;
    *size = extension->value_size;
    return SESSILE_OK;
}

int sessile_sftp_supports(sessile_sftp *sftp, int operation)
{
    if (!sftp || !op_find(operation))
        return 0;
    if (operation <= SESSILE_SFTP_EXTENDED)
        return 1;
    for (size_t i = 0; i < sftp->extension_count; i++)
        if (sftp->extensions[i].operation == operation)
            return 1;
    return 0;
}

uint64_t sessile_sftp_limit(sessile_sftp *sftp, int limit)
{
    return sftp && limit >= 0 && limit <= SESSILE_SFTP_LIMIT_HANDLES ? sftp->limits[limit] : 0;
}

/* ---- what a server offers ---- */

static int serve(sessile_sftp *sftp, const char *name, const char *value)
{
    if (sftp->role != SESSILE_SERVER || sftp->started)
        return SESSILE_ERR_MISUSE;
    for (size_t i = 0; i < sftp->extension_count; i++)
        if (sftp->extensions[i].name_size == strlen(name) && memcmp(sftp->extensions[i].name, name, strlen(name)) == 0)
            return SESSILE_OK;
    if (sftp->extension_count == EXTENSIONS_LIMIT)
        return SESSILE_ERR_LIMIT;
    return extension_add(sftp, name, strlen(name), value, strlen(value));
}

int sessile_sftp_serve(sessile_sftp *sftp, int operation)
{
    const struct op *op = op_find(operation);

    if (!sftp || !op || !op->extension)
        return SESSILE_ERR_ARGUMENT;
    return serve(sftp, op->extension, op->version);
}

int sessile_sftp_serve_extended(sessile_sftp *sftp, const char *name, const char *value)
{
    if (!sftp || !name || !*name || !value || strlen(name) > HANDLE_LIMIT || strlen(value) > HANDLE_LIMIT ||
        op_of_extension(name, strlen(name)))
        return SESSILE_ERR_ARGUMENT;
    return serve(sftp, name, value);
}

static int server_offer(sessile_sftp *sftp)
{
    struct writer w = {0};

    put_u8(&w, MSG_VERSION);
    put_u32(&w, SFTP_VERSION);
    for (size_t i = 0; i < sftp->extension_count; i++) {
        put_sized32(&w, sftp->extensions[i].name, sftp->extensions[i].name_size);
        put_sized32(&w, sftp->extensions[i].value, sftp->extensions[i].value_size);
    }
    return out_message(sftp, &w, NULL, 0);
}

/* ---- the peer's ---- */

static int hello_check(sessile_sftp *sftp, int type, uint32_t version)
{
    int expected = sftp->role == SESSILE_CLIENT ? MSG_VERSION : MSG_INIT;

    if (type != expected)
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "the first message is of type %d: %s (%d) is expected", type,
                         expected == MSG_INIT ? "INIT" : "VERSION", expected);
    if (version < SFTP_VERSION || (sftp->role == SESSILE_CLIENT && version > SFTP_VERSION))
        return sftp_fail(sftp, SESSILE_ERR_NEGOTIATION, "the peer speaks version %u, and we version %d", version,
                         SFTP_VERSION);
    return SESSILE_OK;
}

static int hello_follow(sessile_sftp *sftp)
{
    int result = SESSILE_OK;

    if (sftp->role == SESSILE_SERVER)
        result = server_offer(sftp);
    else if (sessile_sftp_supports(sftp, SESSILE_SFTP_LIMITS))
        result = client_ask_limits(sftp);
    if (result < 0)
        return sftp_fail(sftp, result, "no memory for the first message");
    if (!sftp->ready)
        return SESSILE_OK;
    return sftp_result(sftp, sftp->ready(sftp, sftp->app), "ready");
}

int hello_receive(sessile_sftp *sftp, int type, struct reader *r)
{
    uint32_t version = get_u32(r);
    int result = hello_check(sftp, type, r->failed ? SFTP_VERSION : version);

    if (result < 0 || (result = extensions_read(sftp, r)) < 0)
        return result;
    if (!reader_done(r))
        return sftp_fail(sftp, SESSILE_ERR_PROTOCOL, "the peer's %s is malformed",
                         sftp->role == SESSILE_CLIENT ? "VERSION" : "INIT");
    sftp->hello = 1;
    return hello_follow(sftp);
}
