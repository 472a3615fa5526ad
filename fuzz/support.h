/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share: reading the input, randomness that is the same in every run, keys and certificates made
 * once, and an allocator that counts and fails on demand.
 */
#ifndef FUZZ_SUPPORT_H
#define FUZZ_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

/* What libFuzzer, or standalone.c, calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

_Noreturn void fuzz_fail(const char *what, const char *file, int line);
/* Stop with a report where a promise is broken. */
#define expect(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fuzz_fail(#condition, __FILE__, __LINE__);                                                                 \
    } while (0)

/* Each run begins with this: libcrypto's randomness starts from the same place, so that an input does the same every
 * time (certificates differ from process to process by their dates). */
void fuzz_begin(void);
/* Where libcrypto's randomness goes on; returns where it was. fuzz_begin() sets FUZZ_RANDOM. */
#define FUZZ_RANDOM 1
uint64_t fuzz_random(uint64_t state);

/* ---- input ---- */

struct input {
    const uint8_t *data;
    size_t size;
};

/* 0 after the end. */
uint8_t input_u8(struct input *input);
uint16_t input_u16(struct input *input);
/* At most size bytes; less at the end. *taken: how many. */
const uint8_t *input_bytes(struct input *input, size_t size, size_t *taken);

/* ---- bytes ---- */

struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void bytes_append(struct bytes *bytes, const void *data, size_t size);
void bytes_free(struct bytes *bytes);
/* A block of its own of just this size, so that a sanitizer sees any access beyond. Freed by fuzz_spoil(). */
uint8_t *fuzz_copy(const void *data, size_t size);
/* Overwrite and free: whoever kept a reference sees garbage, and a sanitizer sees them. */
void fuzz_spoil(uint8_t *data, size_t size);

/* ---- memory ---- */

/* What libsessile has allocated and not freed. */
size_t fuzz_memory_blocks(void);
size_t fuzz_memory_bytes(void);
/* Let the next after allocations succeed and the count ones behind them fail. */
void fuzz_memory_fail(unsigned after, unsigned count);

/* ---- identities ---- */

struct fuzz_identity {
    char *chain; /* PEM */
    char *key;
};

struct fuzz_keys {
    char *authority;             /* PEM; issued server and client */
    char *stranger;              /* PEM; issued neither */
    struct fuzz_identity server; /* for a.test, *.b.test and 127.0.0.1 */
    struct fuzz_identity client;
    uint8_t *ocsp; /* about the server's certificate: good */
    size_t ocsp_size;
};

const struct fuzz_keys *fuzz_keys(void);

#define FUZZ_HOST "a.test"
#define FUZZ_PSK_NAME "fuzz"
extern const uint8_t fuzz_psk[32];

#endif
