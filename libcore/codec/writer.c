/* SPDX-License-Identifier: Apache-2.0
 *
 * Big-endian writes into one growing buffer. */
#include "codec/writer.h"

#include <string.h>

#include "session/memory.h"

struct writer writer_in(void *room, size_t size)
{
    struct writer w = {room, 0, size, 0, 1};

    return w;
}

static int writer_grow(struct writer *w, size_t size)
{
    size_t capacity = w->capacity ? w->capacity : 64;
    uint8_t *data;

    if (size > SIZE_MAX / 4 - w->size)
        return -1;
    while (capacity < w->size + size)
        capacity *= 2;
    if (!(data = mem_alloc(capacity)))
        return -1;
    if (w->data)
        memcpy(data, w->data, w->size);
    if (w->borrowed)
        mem_wipe(w->data, w->size);
    else
        mem_wipe_free(w->data, w->size);
    w->borrowed = 0;
    w->data = data;
    w->capacity = capacity;
    return 0;
}

uint8_t *put_room(struct writer *w, size_t size)
{
    uint8_t *at;

    if (w->failed || ((!w->data || size > w->capacity - w->size) && writer_grow(w, size) < 0)) {
        w->failed = 1;
        return NULL;
    }
    at = w->data + w->size;
    w->size += size;
    return at;
}

static void put_number(struct writer *w, uint64_t value, size_t size)
{
    uint8_t *at = put_room(w, size);

    for (size_t i = size; at && i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

void put_u8(struct writer *w, uint8_t value)
{
    put_number(w, value, 1);
}

void put_u16(struct writer *w, uint16_t value)
{
    put_number(w, value, 2);
}

void put_u32(struct writer *w, uint32_t value)
{
    put_number(w, value, 4);
}

void put_u64(struct writer *w, uint64_t value)
{
    put_number(w, value, 8);
}

void put_bytes(struct writer *w, const void *data, size_t size)
{
    uint8_t *at = put_room(w, size);

    if (at && size)
        memcpy(at, data, size);
}

void put_sized16(struct writer *w, const void *data, size_t size)
{
    if (size > UINT16_MAX)
        w->failed = 1;
    put_u16(w, (uint16_t)size);
    put_bytes(w, data, size);
}

void put_sized32(struct writer *w, const void *data, size_t size)
{
    if (size > UINT32_MAX)
        w->failed = 1;
    put_u32(w, (uint32_t)size);
    put_bytes(w, data, size);
}

void put_text32(struct writer *w, const char *text)
{
    put_sized32(w, text, strlen(text));
}

void put_mpint(struct writer *w, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size && *at == 0) {
        at++;
        size--;
    }
    if (size && *at & 0x80) {
        put_u32(w, (uint32_t)size + 1);
        put_u8(w, 0);
        put_bytes(w, at, size);
    } else {
        put_sized32(w, at, size);
    }
}

size_t put_begin32(struct writer *w)
{
    put_u32(w, 0);
    return w->size;
}

void put_end32(struct writer *w, size_t begin)
{
    size_t size = w->size - begin;

    if (size > UINT32_MAX)
        w->failed = 1;
    for (size_t i = 1; !w->failed && i <= 4; i++, size >>= 8)
        w->data[begin - i] = (uint8_t)size;
}

void writer_free(struct writer *w)
{
    if (w->borrowed)
        mem_wipe(w->data, w->size);
    else
        mem_wipe_free(w->data, w->size);
    memset(w, 0, sizeof *w);
}
