/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness comes from a small generator through libcrypto's old hook for it, the only one that covers every user of
 * randomness in one process. Keys are Ed25519: quick, and signatures of one size.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "support.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "pki.h"

const uint8_t fuzz_psk[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

_Noreturn void fuzz_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, what);
    abort();
}

/* ---- randomness ---- */

static uint64_t random_state;

static int random_bytes(unsigned char *out, int size)
{
    uint64_t mixed;

    for (int i = 0; i < size; i++) {
        random_state += 0x9e3779b97f4a7c15u;
        mixed = (random_state ^ (random_state >> 30)) * 0xbf58476d1ce4e5b9u;
        out[i] = (unsigned char)(mixed >> 56);
    }
    return 1;
}

static int random_status(void)
{
    return 1;
}

uint64_t fuzz_random(uint64_t state)
{
    uint64_t before = random_state;

    random_state = state;
    return before;
}

/* ---- memory ---- */

static struct {
    size_t blocks;
    size_t bytes;
    unsigned after;
    unsigned failing;
} memory;

static int memory_fails(void)
{
    if (!memory.failing)
        return 0;
    if (memory.after) {
        memory.after--;
        return 0;
    }
    memory.failing--;
    return 1;
}

static void *watched_alloc(size_t size)
{
    void *block = memory_fails() ? NULL : malloc(size);

    if (block) {
        memory.blocks++;
        memory.bytes += malloc_usable_size(block);
        memset(block, 0xa5, size);
    }
    return block;
}

static void watched_free(void *block)
{
    if (block) {
        memory.blocks--;
        memory.bytes -= malloc_usable_size(block);
    }
    free(block);
}

/* Always moves, so that a pointer into the old block is found out. */
static void *watched_realloc(void *block, size_t size)
{
    size_t old = block ? malloc_usable_size(block) : 0;
    void *moved = watched_alloc(size);

    if (moved && block) {
        memcpy(moved, block, old < size ? old : size);
        watched_free(block);
    }
    return moved;
}

size_t fuzz_memory_blocks(void)
{
    return memory.blocks;
}

size_t fuzz_memory_bytes(void)
{
    return memory.bytes;
}

void fuzz_memory_fail(unsigned after, unsigned count)
{
    memory.after = after;
    memory.failing = count;
}

void fuzz_begin(void)
{
    static const RAND_METHOD method = {NULL, random_bytes, NULL, NULL, random_bytes, random_status};
    static int begun;

    if (!begun) {
        begun = 1;
        expect(RAND_set_rand_method(&method) == 1);
        expect(sessile_set_allocator(watched_alloc, watched_realloc, watched_free) == SESSILE_OK);
        fuzz_keys();
    }
    fuzz_random(FUZZ_RANDOM);
    fuzz_memory_fail(0, 0);
}

/* ---- input ---- */

uint8_t input_u8(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

uint16_t input_u16(struct input *input)
{
    unsigned high = input_u8(input);

    return (uint16_t)(high << 8 | input_u8(input));
}

const uint8_t *input_bytes(struct input *input, size_t size, size_t *taken)
{
    const uint8_t *at = input->data;

    *taken = size < input->size ? size : input->size;
    input->data += *taken;
    input->size -= *taken;
    return at;
}

/* ---- bytes ---- */

void bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (!size)
        return;
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->data = realloc(bytes->data, bytes->capacity);
        expect(bytes->data);
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

uint8_t *fuzz_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    expect(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

void fuzz_spoil(uint8_t *data, size_t size)
{
    memset(data, 0xdd, size);
    free(data);
}

/* ---- identities ---- */

static void make_keys(struct fuzz_keys *keys)
{
    struct pki *authority = pki_new("ed25519"), *stranger = pki_new("ed25519");
    struct pki *server = pki_server(authority, "ed25519", FUZZ_HOST ",*.b.test,127.0.0.1");
    struct pki *client = pki_client(authority, "ed25519", "fuzz client");

    keys->authority = pki_certificate_pem(authority);
    keys->stranger = pki_certificate_pem(stranger);
    keys->server.chain = pki_chain_pem(server);
    keys->server.key = pki_key_pem(server, NULL);
    keys->client.chain = pki_chain_pem(client);
    keys->client.key = pki_key_pem(client, NULL);
    keys->ocsp = pki_ocsp(server, authority, PKI_OCSP_GOOD, -60, 3600, &keys->ocsp_size);
    pki_free(client);
    pki_free(server);
    pki_free(stranger);
    pki_free(authority);
}

const struct fuzz_keys *fuzz_keys(void)
{
    static struct fuzz_keys keys;

    if (!keys.authority)
        make_keys(&keys);
    return &keys;
}
