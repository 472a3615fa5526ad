/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways that are compared: each carries one TLS connection between two ends in memory, in one thread, and hands over
 * what one end produced before the call returns. All run on the same libssl with the same certificate, versions and
 * ciphers, verify the server's certificate and name, and leave two tickets with the client.
 *
 * Whatever goes wrong in a benchmark stops the program: a figure of a run that did something else is worse than none.
 */
#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <stddef.h>
#include <stdint.h>

#define CLIENT 0
#define SERVER 1

/* The largest plaintext of a record, which is what a reader hands libssl room for. */
#define RECORD_SIZE 16384

/* What both ends are configured with, in PEM. */
#define HOST "bench.example"
#define CIPHER "TLS_AES_128_GCM_SHA256"
struct identity {
    char *authority;
    char *chain;
    char *key;
};

struct pair;

struct way {
    const char *name;
    const char *what;
    /* Make what all connections share. Once, before any other. */
    void (*set_up)(const struct way *way, const struct identity *identity);
    /* Connect two ends and shake hands; the client has its tickets on return. resume: with the last that came. */
    struct pair *(*open)(const struct way *way, int resume);
    /* Free one end, or both. */
    void (*close_end)(struct pair *pair, int end);
    void (*close)(struct pair *pair);
    /* Write from one end; the other has read all of it on return, unless the wire is held. */
    void (*push)(struct pair *pair, int end, const void *data, size_t size);
    /* Have the server write back, from where it reads, what it reads. */
    void (*set_echo)(struct pair *pair, int on);
    /* Application bytes that an end has read. */
    uint64_t (*received)(const struct pair *pair, int end);
    /* Keep what the client sends from now on. NULL for both: this way has none. */
    void (*hold)(struct pair *pair);
    /* Hand what was kept to the server as if step bytes arrived at a time. Returns how many bytes those were. */
    size_t (*feed)(struct pair *pair, size_t step);
    /* For the ways without Sessile: what carries the bytes, and SSL_MODE_*. */
    enum { SPAN, MEMORY, SHARED_MEMORY } wire;
    long mode;
};

extern const struct way way_sessile;
extern const struct way way_raw;
extern const struct way way_raw_released;
extern const struct way way_memory;
extern const struct way way_memory_released;
extern const struct way way_memory_shared;

/* Made anew for each run. Freed with free_identity(). */
struct identity make_identity(void);
void free_identity(struct identity *identity);

#define must(condition) ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__))
_Noreturn void must_fail(const char *condition, const char *file, int line);

/* Bytes that a wire keeps, growing by doubling. Not counted as anybody's copies or memory. */
struct flight {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
uint8_t *flight_extend(struct flight *flight, size_t size);

#endif
