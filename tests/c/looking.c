/* SPDX-License-Identifier: Apache-2.0 */
#include "looking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <sessile/session.h>

#define PIECES_MOST 32

static struct {
    unsigned char pieces[PIECES_MOST][LOOKING_PIECE];
    size_t count;
    size_t found;
} secret;

union head {
    size_t size;
    max_align_t align;
};

void looking_forget(void)
{
    memset(&secret, 0, sizeof secret);
}

void looking_for(const void *piece)
{
    if (secret.count == PIECES_MOST)
        abort();
    memcpy(secret.pieces[secret.count++], piece, LOOKING_PIECE);
}

void looking_in(const void *memory, size_t size)
{
    for (size_t i = 0; i < secret.count; i++)
        if (memmem(memory, size, secret.pieces[i], LOOKING_PIECE))
            secret.found++;
}

size_t looking_found(void)
{
    return secret.found;
}

void *looking_alloc(size_t size)
{
    union head *block = malloc(sizeof *block + size);

    if (!block)
        return NULL;
    memset(block, 0, sizeof *block + size); /* what it was before is no concern of its new owner's */
    block->size = size;
    return block + 1;
}

void looking_free(void *memory)
{
    union head *block = memory;

    if (!memory)
        return;
    looking_in(memory, block[-1].size);
    free(block - 1);
}

void *looking_realloc(void *memory, size_t size)
{
    union head *block = memory;
    void *moved = looking_alloc(size);

    if (moved && memory) {
        memcpy(moved, memory, block[-1].size < size ? block[-1].size : size);
        looking_free(memory);
    }
    return moved;
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? looking_alloc(size) : NULL;
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size)
        return looking_realloc(memory, size);
    looking_free(memory);
    return NULL;
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    looking_free(memory);
}

void looking_install(void)
{
    if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) == 1 &&
        sessile_set_allocator(looking_alloc, looking_realloc, looking_free) == SESSILE_OK)
        return;
    fputs("looking: an allocator could not be set\n", stderr);
    exit(1);
}
