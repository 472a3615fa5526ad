/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: sealed bytes that the calls on the stack have produced and the outermost one will send. It starts as a
 * small room on the outermost frame's stack, moves to the heap when it grows, and is gone when the session is at rest.
 */
#include <string.h>

#include "session/core.h"
#include "session/memory.h"

static int outbox_grow(struct outbox *box, size_t capacity)
{
    uint8_t *data;

    if (box->on_heap)
        data = mem_realloc(box->data, capacity);
    else if ((data = mem_alloc(capacity)) && box->size)
        memcpy(data, box->data, box->size);
    if (!data)
        return -1;
    box->data = data;
    box->capacity = capacity;
    box->on_heap = 1;
    return 0;
}

size_t outbox_room(const sessile_session *s)
{
    return outbox_left(s);
}

uint8_t *outbox_extend(sessile_session *s, size_t size)
{
    struct outbox *box = &s->outbox;
    size_t capacity = box->capacity < 2048 ? 4096 : box->capacity * 2;
    uint8_t *at;

    if (size > box->capacity - box->size) {
        if (capacity < box->size + size)
            capacity = box->size + size;
        if (outbox_grow(box, capacity) < 0)
            return NULL;
    }
    at = box->data + box->size;
    box->size += size;
    return at;
}

void outbox_reserve(sessile_session *s, size_t size)
{
    struct outbox *box = &s->outbox;

    if (size > box->capacity - box->size)
        (void)outbox_grow(box, box->size + size);
}

int outbox_keep(sessile_session *s)
{
    return outbox_grow(&s->outbox, 4096);
}

void outbox_clear(sessile_session *s)
{
    s->outbox.size = 0;
}

void outbox_release(sessile_session *s)
{
    if (s->outbox.on_heap)
        mem_free(s->outbox.data);
    memset(&s->outbox, 0, sizeof s->outbox);
}
