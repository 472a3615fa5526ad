/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator hook. */
#include "session/memory.h"

#include <stdlib.h>
#include <string.h>

#include <sessile/session.h>

static struct {
    sessile_malloc allocate;
    sessile_realloc reallocate;
    sessile_mfree release;
} hook = {malloc, realloc, free};

int sessile_set_allocator(sessile_malloc allocate, sessile_realloc reallocate, sessile_mfree release)
{
    if (!allocate && !reallocate && !release) {
        hook.allocate = malloc;
        hook.reallocate = realloc;
        hook.release = free;
        return SESSILE_OK;
    }
    if (!allocate || !reallocate || !release)
        return SESSILE_ERR_ARGUMENT;
    hook.allocate = allocate;
    hook.reallocate = reallocate;
    hook.release = release;
    return SESSILE_OK;
}

void *mem_alloc(size_t size)
{
    return hook.allocate(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
    void *memory = mem_alloc(size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *mem_realloc(void *memory, size_t size)
{
    return memory ? hook.reallocate(memory, size ? size : 1) : mem_alloc(size);
}

void mem_free(void *memory)
{
    if (memory)
        hook.release(memory);
}

/* libcrypto's own wipes eight bytes at a time, which shows with a record's worth of data. A call through a pointer that
 * must be read cannot be left out. */
void mem_wipe(void *memory, size_t size)
{
    static void *(*const volatile fill)(void *, int, size_t) = memset;

    if (memory && size)
        fill(memory, 0, size);
}

void mem_wipe_free(void *memory, size_t size)
{
    mem_wipe(memory, size);
    mem_free(memory);
}

void *mem_copy(const void *data, size_t size)
{
    uint8_t *copy;

    if (size == SIZE_MAX || !(copy = mem_alloc(size + 1)))
        return NULL;
    if (size)
        memcpy(copy, data, size);
    copy[size] = 0;
    return copy;
}

char *mem_string(const char *text)
{
    return mem_copy(text, strlen(text));
}
