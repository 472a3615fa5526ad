/* SPDX-License-Identifier: Apache-2.0
 *
 * Big-endian reads with one bounds check. */
#include "codec/reader.h"

struct reader reader_of(const void *data, size_t size)
{
    struct reader r = {data, size, 0};

    return r;
}

const uint8_t *get_bytes(struct reader *r, size_t size)
{
    const uint8_t *at = r->data;

    if (r->failed || size > r->left) {
        r->failed = 1;
        r->left = 0;
        return NULL;
    }
    if (size) { /* an empty reader may have no data at all */
        r->data += size;
        r->left -= size;
    }
    return at;
}

static uint64_t get_number(struct reader *r, size_t size)
{
    const uint8_t *at = get_bytes(r, size);
    uint64_t value = 0;

    for (size_t i = 0; at && i < size; i++)
        value = value << 8 | at[i];
    return value;
}

uint8_t get_u8(struct reader *r)
{
    return (uint8_t)get_number(r, 1);
}

uint16_t get_u16(struct reader *r)
{
    return (uint16_t)get_number(r, 2);
}

uint32_t get_u32(struct reader *r)
{
    return (uint32_t)get_number(r, 4);
}

uint64_t get_u64(struct reader *r)
{
    return get_number(r, 8);
}

static struct reader get_sub(struct reader *r, size_t size)
{
    const uint8_t *at = get_bytes(r, size);
    struct reader sub = reader_of(at, r->failed ? 0 : size);

    sub.failed = r->failed;
    return sub;
}

struct reader get_sub8(struct reader *r)
{
    return get_sub(r, get_u8(r));
}

struct reader get_sub16(struct reader *r)
{
    return get_sub(r, get_u16(r));
}

struct reader get_sub32(struct reader *r)
{
    return get_sub(r, get_u32(r));
}

struct reader get_mpint(struct reader *r)
{
    struct reader sub = get_sub32(r);

    if (sub.failed || sub.left == 0)
        return sub;
    if (sub.data[0] & 0x80 || (sub.data[0] == 0 && (sub.left == 1 || !(sub.data[1] & 0x80)))) {
        r->failed = sub.failed = 1;
        r->left = sub.left = 0;
        return sub;
    }
    if (sub.data[0] == 0)
        get_u8(&sub);
    return sub;
}

int reader_done(const struct reader *r)
{
    return !r->failed && r->left == 0;
}
