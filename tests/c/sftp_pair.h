/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client and an SFTP server in memory, with bytes between them that can be cut anywhere, and a store of files
 * that the server answers from. The two never call each other: what one sends waits until sftp_pair_run() hands it on.
 */
#ifndef TESTS_SFTP_PAIR_H
#define TESTS_SFTP_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#include "harness.h"

#define STORE_FILES 8
#define STORE_SIZE ((size_t)6 << 20)

struct stored {
    char path[64];
    uint8_t *data;
    uint64_t size;
    uint32_t permissions;
    int used;
};

struct sftp_pair;

struct sftp_side {
    struct sftp_pair *pair;
    sessile_sftp *sftp;
    uint8_t *wire; /* to this side */
    size_t size;
    size_t capacity;
    size_t most; /* how much of it this side's peer may have waiting: 0 is any */
    int closed;
    int error;
    int ready;
};

struct sftp_pair {
    struct sftp_side client;
    struct sftp_side server;
    size_t portion; /* bytes handed on at once; 0: all */
    struct stored store[STORE_FILES];
    struct journal journal; /* of jobs */
    /* Called before a job is answered. Returns 1 where it has dealt with it. */
    int (*hook)(struct sftp_pair *pair, sessile_sftp_job *job);
    void *app;
    void (*setup)(sessile_sftp *server); /* before it starts, in place of offering everything */
    int listed;                          /* entries of the directory that was read */
    int released;                        /* files given back */
    size_t short_reads;                  /* answer READ with at most so many; 0: all */
    int quiet;                           /* no journal */
};

/* Both made and not started. */
void sftp_pair_new(struct sftp_pair *pair);
/* Started, and both ready. */
void sftp_pair_open(struct sftp_pair *pair);
/* Until nothing waits. */
void sftp_pair_run(struct sftp_pair *pair);
/* Ends and frees. */
void sftp_pair_done(struct sftp_pair *pair);
/* A file in the store; data NULL: of size bytes that follow from their place. */
struct stored *sftp_store(struct sftp_pair *pair, const char *path, const void *data, size_t size);
uint8_t sftp_byte(uint64_t offset);

/* ---- one end whose peer is the test ---- */

struct sftp_lone {
    sessile_sftp *sftp;
    uint8_t *sent;
    size_t size;
    size_t capacity;
    int closed;
    int error;
    int ready;
};

void sftp_lone_open(struct sftp_lone *lone, int role);
void sftp_lone_done(struct sftp_lone *lone);
/* Forget what was sent. */
void sftp_lone_clear(struct sftp_lone *lone);

#endif
