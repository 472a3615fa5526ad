/* SPDX-License-Identifier: Apache-2.0
 *
 * Both hooks: sessile_set_allocator() and CRYPTO_set_mem_functions(). */
#include "count.h"

#include <malloc.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <sessile/sessile.h>

#include "ways.h"

struct count count;

static void *count_new(enum owner owner, void *memory)
{
    count.live[owner] += (long long)malloc_usable_size(memory);
    count.allocations[owner]++;
    if (count_live() > count.peak)
        count.peak = count_live();
    return memory;
}

static void count_gone(enum owner owner, void *memory)
{
    count.live[owner] -= (long long)malloc_usable_size(memory);
}

static void *sessile_alloc(size_t size)
{
    return count_new(COUNT_SESSILE, malloc(size));
}

static void *sessile_resize(void *memory, size_t size)
{
    count_gone(COUNT_SESSILE, memory);
    return count_new(COUNT_SESSILE, realloc(memory, size));
}

static void sessile_release(void *memory)
{
    count_gone(COUNT_SESSILE, memory);
    free(memory);
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return count_new(COUNT_OPENSSL, malloc(size));
}

static void *openssl_resize(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    count_gone(COUNT_OPENSSL, memory);
    return count_new(COUNT_OPENSSL, realloc(memory, size));
}

static void openssl_release(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    count_gone(COUNT_OPENSSL, memory);
    free(memory);
}

void count_begin(void)
{
    must(CRYPTO_set_mem_functions(openssl_alloc, openssl_resize, openssl_release));
    must(sessile_set_allocator(sessile_alloc, sessile_resize, sessile_release) == 0);
}

long long count_live(void)
{
    return count.live[COUNT_SESSILE] + count.live[COUNT_OPENSSL];
}
