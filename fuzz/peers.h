/* SPDX-License-Identifier: Apache-2.0
 *
 * Two TLS sessions joined in memory, with everything that a comms layer and an application may do to them, and an
 * oracle that watches both sides of each. What callbacks do beyond watching is chosen by reactions: operations that
 * wait for the next callback of a kind.
 */
#ifndef FUZZ_PEERS_H
#define FUZZ_PEERS_H

#include "comm.h"
#include "setup.h"

enum moment {
    ON_SEND,
    ON_COMM_CLOSE,
    ON_RESUME,
    ON_RELEASE,
    ON_READY,
    ON_QUESTION,
    ON_WITHDRAWN,
    ON_NOTICE,
    ON_DATA,
    ON_END,
    ON_WRITABLE,
    ON_STREAM_CLOSED,
    ON_CLOSED,
    ON_TRACE,
    MOMENTS
};

struct peers;

struct peer {
    struct peers *peers;
    int role;
    struct comm comm;
    sessile_stream *stream; /* kept, or NULL */
    struct peer *other;
    struct reaction reactions[MOMENTS];
    enum moment fails; /* whose next callback fails; MOMENTS: none */
    enum answer answer;

    /* The stream from this peer, and to it. */
    size_t written;
    size_t written_most; /* with what writes on the stack may have taken */
    struct frame *writing;
    size_t delivered;
    size_t unread;

    int error;
    unsigned batch;
    unsigned started : 1;
    unsigned manual : 1;
    unsigned sending : 1;
    unsigned ready : 1;
    unsigned ended : 1;    /* this side writes no more */
    unsigned ending : 1;   /* and drops what arrives */
    unsigned detached : 2; /* DETACHING while the call is on the stack */
    unsigned got_end : 1;
    unsigned short_write : 1;
    unsigned released : 1;
    unsigned stream_closed : 1;
    unsigned closed : 1;
    size_t leftover; /* bytes on the wire that are not the session's */
};

#define DETACHING 2
#define KEPT_MOST 8
#define GENERATIONS 3

struct peers {
    struct peer pool[2 * GENERATIONS];
    struct peer *peer[2];
    unsigned generation;
    unsigned client; /* config numbers */
    unsigned server;
    sessile_callbacks *callbacks;
    sessile_callbacks *stream_callbacks;
    void (*perform)(struct peers *, struct peer *, struct step);
    unsigned depth;
    unsigned budget; /* operations that may still be performed */
    int eager;       /* resume is followed at once where it may be */
    int quiet;       /* no reactions, no failures */
    int benign;      /* nothing was done that may end a session with an error */
    sessile_question *kept[KEPT_MOST];
    struct bytes ticket;
    size_t blocks;
};

void peers_open(struct peers *peers, unsigned client, unsigned server, unsigned options);
/* Two new sessions, once both are freed. */
void peers_renew(struct peers *peers);
/* Let everything come to its end, and judge it. Frees all. */
void peers_finish(struct peers *peers);

void peer_start(struct peer *peer);
void peer_write(struct peer *peer, size_t size);
void peer_free(struct peer *peer);
void peer_enter(struct peer *peer);
void peer_leave(struct peer *peer);
void peer_set_manual(struct peer *peer, int on);
void peer_consume(struct peer *peer, size_t size);
void peer_end_stream(struct peer *peer);
void peer_end(struct peer *peer);
void peer_detach(struct peer *peer);
void peer_wire_ends(struct peer *peer);
void peer_answer_kept(struct peers *peers, unsigned index, unsigned how);
/* What must hold whenever nothing of the session is on the stack. */
void peer_check(struct peer *peer);

/* callbacks (watch.c) */
int watch_send(void *handle, void *buffer, size_t size);
void watch_comm_close(void *handle);
void watch_resume(void *handle);
void watch_release(void *handle);
void watch_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                 void *app);
sessile_callbacks *watch_callbacks(void);
/* The byte at a position of what a role writes. */
uint8_t watch_byte(int role, size_t position);

#endif
