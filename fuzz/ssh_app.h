/* SPDX-License-Identifier: Apache-2.0
 *
 * An application and a comms layer around one SSH session, with everything that they may do, and an oracle that watches
 * what the session does. Two of them joined make a pair (ssh_api.c); one alone may have a peer of another kind
 * (ssh_packets.c). What callbacks do beyond watching is chosen by reactions: operations that wait for the next callback
 * of a kind.
 */
#ifndef FUZZ_SSH_APP_H
#define FUZZ_SSH_APP_H

#include "comm.h"
#include "ssh_setup.h"

enum moment {
    ON_SEND,
    ON_COMM_CLOSE,
    ON_RESUME,
    ON_RELEASE,
    ON_READY,
    ON_QUESTION,
    ON_WITHDRAWN,
    ON_NOTICE,
    ON_STREAM,
    ON_DATA,
    ON_REQUEST,
    ON_END,
    ON_WRITABLE,
    ON_STREAM_CLOSED,
    ON_CLOSED,
    ON_TRACE,
    MOMENTS
};

/* What is written on a stream, or arrives on one: its data, and its stderr. */
struct way {
    size_t written;
    struct frame *writing;
    size_t delivered;
};

struct flow {
    sessile_stream *stream; /* NULL once it is gone */
    struct way ways[2];
    size_t unread;
    uint32_t in_salt; /* the channel's number here, and the peer's: they tell the bytes of channels apart */
    unsigned kept : 1;
    unsigned opened : 1;
    unsigned manual : 1;
    unsigned ended : 1;
    unsigned got_end : 1;
    unsigned short_write : 1;
    unsigned closed : 1;
    unsigned deaf : 1; /* what arrives cannot be judged */
};

#define FLOWS 24
#define KEPT_MOST 16

struct ssh_app {
    int role;
    unsigned config;
    struct comm comm;
    struct ssh_app *other; /* the application at the other end, or NULL */
    /* Where what the session sends goes, and the wire's end with it. */
    void (*carry)(struct ssh_app *app, const void *data, size_t size);
    void *carrier;
    struct reaction reactions[MOMENTS];
    enum moment fails; /* whose next callback fails; MOMENTS: none */
    enum answer answer;
    unsigned how; /* it is answered */
    struct ssh_watch *watch;

    struct flow flows[FLOWS];
    unsigned current; /* flow that operations are about */
    sessile_question *kept[KEPT_MOST];
    int error;
    unsigned batch;
    unsigned started : 1;
    unsigned sending : 1;
    unsigned ready : 1;
    unsigned ending : 1;
    unsigned detached : 1;
    unsigned released : 1;
    unsigned closed : 1;
};

/* What both ends of a run share. */
struct ssh_watch {
    void (*perform)(struct ssh_app *app, struct step step);
    sessile_callbacks *callbacks;
    sessile_callbacks *stream_callbacks;
    unsigned depth;
    unsigned budget; /* operations that may still be performed */
    size_t written;  /* bytes, by all */
    size_t arrived;
    int whole;  /* nothing was done that may lose data */
    int eager;  /* resume is followed at once where it may be */
    int quiet;  /* no reactions, no failures, and every answer is yes */
    int benign; /* nothing was done that may end a session with an error */
};

void ssh_watch_open(struct ssh_watch *watch);
void ssh_watch_close(struct ssh_watch *watch);
/* app: zeroed but for what the caller sets before: role, config, watch, other, carry, carrier. */
void ssh_app_open(struct ssh_app *app);
void ssh_app_start(struct ssh_app *app);
/* Free the session and whatever is kept. */
void ssh_app_close(struct ssh_app *app);

/* ---- operations: of what, with a byte that says the rest ---- */

#define SSH_ACTS 33
void ssh_app_act(struct ssh_app *app, unsigned act, uint8_t arg);
/* Acts that others name. */
#define ACT_REACT 0
#define ACT_WRITE 4
size_t ssh_amount(uint8_t arg);

/* What must hold whenever nothing of the session is on the stack. */
void ssh_app_check(struct ssh_app *app);
/* One step towards rest, brakes off: 1 where there was something to do. */
int ssh_app_advance(struct ssh_app *app);
/* Nothing that could be taken lies there, and whoever waits for writable could not write. */
void ssh_app_judge_rest(struct ssh_app *app);

/* ---- ssh_watch.c ---- */

int ssh_watch_send(void *handle, void *buffer, size_t size);
void ssh_watch_comm_close(void *handle);
void ssh_watch_resume(void *handle);
void ssh_watch_release(void *handle);
void ssh_watch_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                     void *app);
sessile_callbacks *ssh_watch_callbacks(void);
/* The flow of a stream; one that is met for the first time gets a place. NULL: there is none left. */
struct flow *ssh_app_flow(struct ssh_app *app, sessile_stream *stream);
void ssh_app_meet(struct ssh_app *app, sessile_question *question, enum answer answer, unsigned how);
/* The byte at a position of what is written to a channel, by its number at the reader. */
uint8_t ssh_watch_byte(uint32_t salt, int way, size_t position);

#endif
