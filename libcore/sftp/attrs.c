/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of files (draft-ietf-secsh-filexfer-02, section 5). */
#include <string.h>

#include <sessile/error.h>

#include "session/memory.h"
#include "sftp/ops.h"

#define EXTENDED_MOST 64

#define HAS_SIZE 1u
#define HAS_OWNER 2u
#define HAS_PERMISSIONS 4u
#define HAS_TIMES 8u
#define HAS_EXTENDED 0x80000000u
#define HAS_KNOWN (HAS_SIZE | HAS_OWNER | HAS_PERMISSIONS | HAS_TIMES)

/* The flag of each attribute. */
static const uint32_t attr_flags[] = {
    [SESSILE_SFTP_ATTR_SIZE] = HAS_SIZE,   [SESSILE_SFTP_ATTR_UID] = HAS_OWNER,
    [SESSILE_SFTP_ATTR_GID] = HAS_OWNER,   [SESSILE_SFTP_ATTR_PERMISSIONS] = HAS_PERMISSIONS,
    [SESSILE_SFTP_ATTR_ATIME] = HAS_TIMES, [SESSILE_SFTP_ATTR_MTIME] = HAS_TIMES,
};

#define ATTR_COUNT ((int)(sizeof attr_flags / sizeof attr_flags[0]))

void attrs_put(const struct attrs *attrs, struct writer *w)
{
    put_u32(w, attrs->flags);
    if (attrs->flags & HAS_SIZE)
        put_u64(w, attrs->size);
    for (int i = SESSILE_SFTP_ATTR_UID; i < ATTR_COUNT; i++)
        if (attrs->flags & attr_flags[i])
            put_u32(w, attrs->numbers[i - 1]);
}

static void get_extended(struct reader *r)
{
    uint32_t count = get_u32(r);

    if (count > EXTENDED_MOST)
        r->failed = 1;
    while (count-- && !r->failed) {
        get_sub32(r);
        get_sub32(r);
    }
}

void attrs_get(struct attrs *attrs, struct reader *r)
{
    uint32_t flags = get_u32(r);

    memset(attrs, 0, sizeof *attrs);
    if (flags & ~(HAS_KNOWN | HAS_EXTENDED))
        r->failed = 1;
    if (flags & HAS_SIZE)
        attrs->size = get_u64(r);
    for (int i = SESSILE_SFTP_ATTR_UID; i < ATTR_COUNT; i++)
        if (flags & attr_flags[i])
            attrs->numbers[i - 1] = get_u32(r);
    if (flags & HAS_EXTENDED)
        get_extended(r);
    attrs->flags = r->failed ? 0 : flags & HAS_KNOWN;
}

struct attrs attrs_of(const sessile_sftp_attrs *attrs)
{
    static const struct attrs none;

    return attrs ? attrs->attrs : none;
}

/* ---- objects ---- */

sessile_sftp_attrs *sessile_sftp_attrs_new(void)
{
    return mem_zalloc(sizeof(sessile_sftp_attrs));
}

void sessile_sftp_attrs_free(sessile_sftp_attrs *attrs)
{
    mem_free(attrs);
}

void sessile_sftp_attrs_clear(sessile_sftp_attrs *attrs)
{
    if (attrs)
        memset(attrs, 0, sizeof *attrs);
}

int sessile_sftp_attrs_has(const sessile_sftp_attrs *attrs, int attr)
{
    return attrs && attr >= 0 && attr < ATTR_COUNT && (attrs->attrs.flags & attr_flags[attr]) != 0;
}

uint64_t sessile_sftp_attrs_get(const sessile_sftp_attrs *attrs, int attr)
{
    if (!sessile_sftp_attrs_has(attrs, attr))
        return 0;
    return attr == SESSILE_SFTP_ATTR_SIZE ? attrs->attrs.size : attrs->attrs.numbers[attr - 1];
}

int sessile_sftp_attrs_set(sessile_sftp_attrs *attrs, int attr, uint64_t value)
{
    if (!attrs || attr < 0 || attr >= ATTR_COUNT || (attr != SESSILE_SFTP_ATTR_SIZE && value > UINT32_MAX))
        return SESSILE_ERR_ARGUMENT;
    attrs->attrs.flags |= attr_flags[attr];
    if (attr == SESSILE_SFTP_ATTR_SIZE)
        attrs->attrs.size = value;
    else
        attrs->attrs.numbers[attr - 1] = (uint32_t)value;
    return SESSILE_OK;
}
