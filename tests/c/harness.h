/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of sessions share: a journal of what happened, a recording comms layer, and an application that notes
 * every callback. What goes wrong inside a callback is noted as a fault, since a test cannot be left from there; tests
 * look at it at their end.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- journal: words, separated by blanks ---- */

struct journal {
    char *text;
    size_t size;
    size_t capacity;
};

void journal_add(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "" where nothing was added. */
const char *journal_text(const struct journal *journal);
void journal_free(struct journal *journal);

/* ---- bytes ---- */

/* A small generator of reproducible numbers; state must not be 0. */
uint32_t random_next(uint32_t *state);
/* malloc() that stops the program where there is nothing. */
void *need_memory(void *memory);

/* ---- wire: a comms layer that records ---- */

struct wire {
    sessile_session *session; /* NULL once released */
    struct journal *journal;  /* of comms callbacks; may be NULL */
    /* Called first in each comms callback, with its name: "send", "close", "resume", "release". What it returns is what
     * send returns. */
    int (*hook)(struct wire *wire, const char *callback, void *buffer, size_t size);
    void *app;
    uint8_t *sent; /* everything that was sent */
    size_t sent_size;
    size_t sent_capacity;
    size_t largest; /* send */
    uint8_t *kept;  /* what arrived and was not taken */
    size_t kept_size;
    size_t kept_capacity;
    unsigned sends;
    unsigned closes;
    unsigned resumes;
    unsigned releases;
    unsigned sending : 1;
    unsigned offering : 1;
    unsigned again : 1;
    unsigned behind : 1; /* something waits behind the offer on the stack */
    unsigned nested : 1; /* during the offer on the stack another one was taken: it must have been taken whole */
    unsigned plain : 1;  /* offer malloc'ed bytes: fast */
    unsigned forget : 1; /* do not store what is sent */
    unsigned gone : 1;   /* wire_close() was called */
    const char *fault;   /* what broke a promise of comm.h, or NULL */
};

/* Create a session with this wire. journal: may be NULL. */
void wire_open(struct wire *wire, struct journal *journal);
/* Bytes arrived: keep them, and offer all that is kept. Unless plain, the bytes are offered from memory that cannot be
 * written to, ends where they end, and is unmapped after the call. Returns what receive returned last, or 0 where an
 * offer is on the stack already. */
int wire_arrive(struct wire *wire, const void *data, size_t size);
/* The same, but where an offer is on the stack and nothing waits behind it, offers these bytes alone, at once. Returns
 * what receive returned. */
int wire_arrive_nested(struct wire *wire, const void *data, size_t size);
/* Offer all that is kept. */
int wire_offer(struct wire *wire);
/* The wire is gone. */
void wire_close(struct wire *wire);
/* Free the session, if it is not yet, and the wire's memory. Returns the fault. */
const char *wire_done(struct wire *wire);

/* Ways to have the same bytes arrive. They stop when the session is freed. */
struct feeding {
    int way;      /* FEED_* */
    size_t split; /* FEED_SPLIT: where */
    uint32_t seed;
};
#define FEED_WHOLE 0
#define FEED_BYTES 1
#define FEED_SPLIT 2
#define FEED_RANDOM 3
void wire_feed(struct wire *wire, const void *data, size_t size, const struct feeding *feeding);

/* ---- recorder: an application that notes ---- */

#define ANSWER_ACCEPT 0
#define ANSWER_REFUSE 1
#define ANSWER_KEEP 2
#define ANSWER_NONE 3

struct recorder {
    struct journal *journal;
    /* Called in each callback of the application's after it was noted, with its name: "ready", "question", "withdrawn",
     * "notice", "stream", "data", "stderr", "request", "end", "writable", "stream_closed", "closed", "trace". What it
     * returns is what the callback does. */
    int (*hook)(struct recorder *recorder, const char *callback);
    void *app;
    sessile_session *session; /* of the last callback */
    sessile_stream *stream;
    sessile_question *question; /* the last one; a reference is held after ANSWER_KEEP */
    int answer;
    uint8_t *data; /* all that arrived on streams */
    size_t size;
    size_t capacity;
    int streams_closed;
    int closed;
    int error;         /* given to closed */
    const char *fault; /* a callback after the session's closed, or twice */
};

/* Callbacks with a struct recorder as app, all set. NULL: no memory. */
sessile_callbacks *recorder_callbacks(void);
/* For sessile_session_set_trace(). */
void recorder_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                    void *app);
void recorder_free(struct recorder *recorder);

/* ---- side: one session with all of these ---- */

struct side {
    struct journal wire_journal;
    struct journal journal;
    struct wire wire;
    struct recorder recorder;
    sessile_callbacks *callbacks;
};

/* side: zeroed. The protocol is not chosen yet. one_journal: the wire's callbacks go into journal as well. */
void side_open(struct side *side, int one_journal);
/* Free everything. Returns the first fault. */
const char *side_done(struct side *side);

#ifdef __cplusplus
}
#endif

#endif
