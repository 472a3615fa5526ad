/* SPDX-License-Identifier: Apache-2.0
 *
 * A header in front of every block holds its size, so that what is held can be told. Atomic, since tests with threads
 * use it too. */
#include "failing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <sessile/session.h>

union header {
    size_t size;
    max_align_t align;
};

struct account {
    atomic_size_t count;
    atomic_size_t blocks;
    atomic_size_t bytes;
    atomic_size_t peak;
    size_t fail_at; /* SIZE_MAX: never */
    int forever;
};

static struct account accounts[2] = {{.fail_at = SIZE_MAX}, {.fail_at = SIZE_MAX}};
static atomic_int hit;

static int account_refuses(struct account *a)
{
    size_t index = atomic_fetch_add(&a->count, 1);

    if (index != a->fail_at && !(a->forever && index > a->fail_at))
        return 0;
    atomic_store(&hit, 1);
    return 1;
}

static void account_add(struct account *a, size_t size)
{
    size_t bytes = atomic_fetch_add(&a->bytes, size) + size;

    atomic_fetch_add(&a->blocks, 1);
    if (bytes > atomic_load(&a->peak))
        atomic_store(&a->peak, bytes);
}

static void account_remove(struct account *a, size_t size)
{
    atomic_fetch_sub(&a->bytes, size);
    atomic_fetch_sub(&a->blocks, 1);
}

static void *counted_alloc(struct account *a, size_t size)
{
    union header *block = account_refuses(a) ? NULL : malloc(sizeof *block + size);

    if (!block)
        return NULL;
    block->size = size;
    account_add(a, size);
    return block + 1;
}

static void counted_free(struct account *a, void *memory)
{
    union header *block = memory;

    if (!memory)
        return;
    account_remove(a, block[-1].size);
    free(block - 1);
}

/* Always moves, so that whoever keeps the old address is found out. */
static void *counted_realloc(struct account *a, void *memory, size_t size)
{
    union header *block = memory;
    void *moved = counted_alloc(a, size);

    if (moved && memory) {
        memcpy(moved, memory, block[-1].size < size ? block[-1].size : size);
        counted_free(a, memory);
    }
    return moved;
}

static void *our_alloc(size_t size)
{
    return counted_alloc(&accounts[FAILING_OURS], size);
}

static void *our_realloc(void *memory, size_t size)
{
    return counted_realloc(&accounts[FAILING_OURS], memory, size);
}

static void our_free(void *memory)
{
    counted_free(&accounts[FAILING_OURS], memory);
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? counted_alloc(&accounts[FAILING_OPENSSL], size) : NULL;
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    counted_free(&accounts[FAILING_OPENSSL], memory);
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    if (size)
        return counted_realloc(&accounts[FAILING_OPENSSL], memory, size);
    openssl_free(memory, file, line);
    return NULL;
}

void failing_install(void)
{
    if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) == 1 &&
        sessile_set_allocator(our_alloc, our_realloc, our_free) == SESSILE_OK)
        return;
    fputs("failing.c: an allocator could not be installed\n", stderr);
    abort();
}

void failing_at(int which, size_t index, int forever)
{
    failing_off();
    accounts[which].fail_at = index;
    accounts[which].forever = forever;
}

void failing_off(void)
{
    for (int i = 0; i < 2; i++) {
        accounts[i].fail_at = SIZE_MAX;
        accounts[i].forever = 0;
        atomic_store(&accounts[i].count, 0);
    }
    atomic_store(&hit, 0);
}

size_t failing_count(int which)
{
    return atomic_load(&accounts[which].count);
}

int failing_hit(void)
{
    return atomic_load(&hit);
}

size_t failing_blocks(int which)
{
    return atomic_load(&accounts[which].blocks);
}

size_t failing_bytes(int which)
{
    return atomic_load(&accounts[which].bytes);
}

size_t failing_peak(int which)
{
    return atomic_load(&accounts[which].peak);
}

void failing_peak_reset(void)
{
    for (int i = 0; i < 2; i++)
        atomic_store(&accounts[i].peak, atomic_load(&accounts[i].bytes));
}
