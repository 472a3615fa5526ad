/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside transfers: a list of pieces in the file's order, each a read or a write that is under way or has come before
 * its turn. transfer.c has what both directions share, get.c and put.c have each its own. */
#ifndef SFTP_TRANSFER_H
#define SFTP_TRANSFER_H

#include "sftp/sftp.h"

struct piece {
    sessile_sftp_transfer *transfer;
    struct piece *next;
    uint64_t offset;
    uint32_t length;
    uint32_t have;  /* of it arrived */
    uint32_t given; /* to the sink */
    uint32_t slot;  /* NO_SLOT: not under way */
    uint8_t *data;  /* what arrived and waits, from the piece's start; NULL: nothing */
    struct status status;
    int result;
    unsigned done : 1; /* it brings no more; result and status say why */
};

struct sessile_sftp_transfer {
    sessile_sftp *sftp;
    sessile_sftp_transfer *next;
    unsigned refs;
    sessile_on_sftp_transfer done;
    sessile_on_sftp_transfer progress;
    sessile_on_sftp_sink sink;
    sessile_on_sftp_source source;
    void *app;
    uint8_t handle[HANDLE_LIMIT];
    size_t handle_size;
    struct piece *first;
    struct piece **last;
    uint64_t position;
    uint64_t ask;      /* the next byte to ask for, or to send */
    uint64_t end;      /* of what is wanted; UINT64_MAX: the file's */
    uint64_t expected; /* UINT64_MAX: not known */
    uint64_t flying;   /* bytes written and not acknowledged */
    size_t window;     /* as it is now */
    size_t window_most;
    size_t chunk;
    size_t again; /* pieces that came short */
    int result;
    struct status status;
    unsigned running : 1;
    unsigned paused : 1;
    unsigned sourcing : 1;   /* the source is on the stack */
    unsigned ended : 1;      /* the source has no more */
    unsigned delivering : 1; /* the sink is on the stack */
    unsigned freed : 1;
    unsigned turn : 1;
};

/* ---- transfer.c ---- */

void transfer_unref(sessile_sftp_transfer *t);
/* Over; who started it is told. The reference of the list goes. */
void transfer_finish(sessile_sftp_transfer *t, int result, const struct status *status);
/* The position is another. */
void transfer_moved(sessile_sftp_transfer *t);
struct piece *piece_new(sessile_sftp_transfer *t, uint64_t offset, size_t length);
void piece_add(struct piece *piece);
/* The first one is done with. */
void piece_pop(sessile_sftp_transfer *t);

/* ---- get.c ---- */

/* Deliver what can be; then the first piece is one that is waited for. */
void get_advance(sessile_sftp_transfer *t);
void get_answered(struct piece *piece, const struct status *status, int result);
/* Whether anything was asked for, or an error. */
int get_ask(sessile_sftp_transfer *t);

/* ---- put.c ---- */

void put_answered(struct piece *piece, const struct status *status, int result);
/* Whether anything was sent, or an error. */
int put_ask(sessile_sftp_transfer *t);

#endif
