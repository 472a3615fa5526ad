/* SPDX-License-Identifier: Apache-2.0
 *
 * The server side of the examples: one guest for each connection. What a guest does with the bytes is one of three
 * small services, each of which sees the unread input and makes output; guest.c does the rest, in bounded memory: input
 * is read by credit given back as it is used, output is written as far as the stream takes it and continued when it is
 * writable.
 */
#ifndef COMMON_GUEST_H
#define COMMON_GUEST_H

#include <stdint.h>
#include <sys/types.h>

#include <sessile/stream.h>
#include <sessile/tls.h>

#include "common/wire.h"

#define GUEST_HEAD_SIZE 512

struct guest;

/* One step of a service, when all its output so far is out. Returns whether another step makes sense now. */
typedef int (*guest_service)(struct guest *guest);

int guest_echo(struct guest *guest);
int guest_files(struct guest *guest);
int guest_http(struct guest *guest);

struct server {
    struct loop *loop;
    sessile_tls_config *config;
    sessile_callbacks *callbacks;
    guest_service service;
    int directory; /* -1: none */
    int verbose;
    int quiet;
    const char *keylog;
    size_t feed; /* 0: as it comes */
    struct guest *guests;
    unsigned long count;
    unsigned long done;
    void (*on_done)(struct server *server); /* a guest has gone; may be NULL */
};

struct guest {
    struct server *server;
    struct wire *wire;        /* NULL once it is gone */
    sessile_session *session; /* NULL once it is over */
    sessile_stream *stream;
    uint8_t *input;
    size_t input_size;
    size_t input_capacity;
    char head[GUEST_HEAD_SIZE]; /* goes out before the file */
    size_t head_start;
    size_t head_size;
    int file; /* -1: none */
    off_t file_offset;
    off_t file_left;
    unsigned peer_ended : 1;
    unsigned last : 1;  /* nothing follows what is going out now */
    unsigned ended : 1; /* our direction is closed */
    unsigned busy : 1;
    unsigned again : 1;
    unsigned left : 1; /* the server's list */
    struct guest *next;
    struct guest *previous;
};

/* Fill in callbacks; the rest is the caller's to set before. */
void server_start(struct server *server);
/* Serve one connection. */
void server_take(struct server *server, int in, int out);
/* End all connections gracefully, or cut them. */
void server_end(struct server *server);
void server_free(struct server *server);

/* For services. */
/* size bytes of the input are done with. */
void guest_used(struct guest *guest, size_t size);
/* Open a regular file below the server's directory; no link is followed, no ".." accepted. 0, or -1. */
int guest_open(struct guest *guest, const char *path);
/* Close our direction when all is out. */
void guest_end(struct guest *guest);
/* Give up on this connection: the other side sees it cut short. */
void guest_abort(struct guest *guest);

#endif
