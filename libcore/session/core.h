/* SPDX-License-Identifier: Apache-2.0
 *
 * The insides of a session, for the files of this folder only: engines see engine.h.
 *
 * A session's memory has two parts. The shell (struct sessile_session) lives as long as anything refers to it: the
 * application until sessile_session_free(), each stream and each question. What hangs on it goes when it has been freed
 * and the last frame has left. So a kept handle can always ask its session whether it is gone.
 */
#ifndef SESSION_CORE_H
#define SESSION_CORE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <sessile/comm.h>

#include "session/engine.h"

/* What one call may produce, and from where on an outermost receive sends between two units. */
#define OUTBOX_LIMIT 262144
#define OUTBOX_FLUSH 131072
/* Bytes of protocol replies that go out while the wire is held. */
#define HELD_LIMIT 65536
#define COUNTERS 7

struct outbox {
    uint8_t *data;
    size_t size;
    size_t capacity;
    int on_heap;
};

struct sessile_callbacks {
    atomic_size_t refs;
    atomic_int used;
    sessile_on_session ready;
    sessile_on_question question;
    sessile_on_question withdrawn;
    sessile_on_notice notice;
    sessile_on_closed closed;
    sessile_on_stream stream;
    sessile_on_data data;
    sessile_on_data error_data; /* stderr's: that name is a macro */
    sessile_on_request request;
    sessile_on_stream end;
    sessile_on_stream writable;
    sessile_on_stream_closed stream_closed;
};

/* What waits for writable, or to be ended, is on its session's due list as long as it may go: see stream_next_due(). */
struct sessile_stream {
    atomic_size_t refs;
    sessile_session *session; /* holds a reference to the shell; never NULL */
    void *state;              /* the engine's; NULL once it is destroyed */
    sessile_stream *next;     /* in the order opened; once closed, what is to be freed after it */
    sessile_stream *prev;
    sessile_stream *next_due;
    sessile_stream *prev_due;
    sessile_callbacks *callbacks; /* its own, or NULL for the session's */
    void *app;
    sessile_on_stream_release release;
    size_t unread;
    unsigned manual : 1;
    unsigned writing : 1; /* a write is between two of its pieces: another would come in between */
    unsigned wants_write : 1;
    unsigned due : 1;    /* on the due list */
    unsigned ended : 1;  /* by this side */
    unsigned ends : 1;   /* the peer has ended it, and nobody was there to be told: to be ended, when all is written */
    unsigned unseen : 1; /* the application does not know it yet */
    unsigned closed : 1; /* no longer part of its session */
};

struct question_item {
    int item;
    void *data;
    size_t size;
};

struct question_items {
    struct question_item *list;
    unsigned count;
    unsigned capacity;
};

struct sessile_question {
    atomic_size_t refs;
    atomic_size_t kept; /* references of the application's */
    sessile_session *session;
    sessile_stream *stream; /* held */
    sessile_question *next;
    const struct question_kind *kind;
    int outcome;
    int reason;
    unsigned asking : 1; /* its callback is on the stack */
    unsigned listed : 1; /* its session still waits for it */
    unsigned broken : 1; /* an item is missing for lack of memory */
    struct question_items items;
    struct question_items given;
    int lacking; /* what a put that failed returned: the answer would be less than was meant */
    void *answer;
    void (*release)(void *);
    uintptr_t note;
};

struct trace_entry {
    int direction;
    const char *message;
    size_t size;
    const char *phase;
};

struct tracer {
    sessile_on_trace call;
    void *app;
    struct trace_entry *entries;
    size_t count;
    size_t capacity;
    int flushing;
};

struct sessile_session {
    /* The thread inside (guard.c), or 0; the lowest bit: another thread has freed the session meanwhile. */
    _Atomic(uintptr_t) owner;
    atomic_size_t refs;
    atomic_int question_dropped; /* by another thread: to be refused at rest */
    unsigned batch;

    void *handle;
    sessile_comm_send send;
    sessile_comm_close close;
    sessile_comm_resume resume;
    sessile_comm_release release;

    const struct engine *engine;
    void *state;
    sessile_callbacks *callbacks;
    void *app;
    sessile_stream *streams; /* in the order opened */
    sessile_stream *last_stream;
    sessile_stream *due; /* in the order of their turns */
    sessile_stream *last_due;
    sessile_stream *closed_streams; /* to be freed as soon as no frame of the engine is on the stack */
    sessile_question *questions;
    struct outbox outbox;
    uint64_t *counters;
    struct tracer *tracer;

    char *text;
    int64_t time;
    size_t need;
    size_t left;    /* untaken at the end of the last receive */
    size_t replies; /* sent while held */
    int error;
    unsigned blocking : 8; /* of the open questions; both are bounded by QUESTIONS_OPEN_LIMIT */
    unsigned open_questions : 8;

    unsigned started : 1;
    unsigned over : 1;
    unsigned told : 1; /* the callbacks that end a session have run */
    unsigned ending : 1;
    unsigned freed : 1;
    unsigned destroyed : 1;
    unsigned paused : 1;
    unsigned held : 1;
    unsigned wire_gone : 1;
    unsigned read_gone : 1;   /* nothing more arrives; the wire may still take bytes */
    unsigned wire_closed : 1; /* by our close */
    unsigned detached : 1;
    unsigned receiving : 1; /* a receive is parsing */
    unsigned tail : 1;      /* the outermost receive has not taken all it was offered, and its caller cannot know yet */
    unsigned refused : 1;   /* bytes were refused: resume when they can be taken */
};

/* session.c */
void session_unref(sessile_session *session);
int session_takes(const sessile_session *session);
int session_waits_for_units(const sessile_session *session);
static inline void session_count(sessile_session *session, int counter, size_t amount)
{
    if (session->counters)
        session->counters[counter] += amount;
}
/* Calls the application back for an int callback's result. */
int session_result(sessile_session *session, int result, const char *callback);
/* One step of what is due at rest. 1 where something was done. */
int session_settle_step(sessile_session *session);

static inline size_t outbox_left(const sessile_session *session)
{
    return session->outbox.size < OUTBOX_LIMIT ? OUTBOX_LIMIT - session->outbox.size : 0;
}

/* callbacks.c */
void callbacks_use(sessile_callbacks *callbacks);

/* stream.c */
void stream_detach_all(sessile_session *session);
void stream_close_all(sessile_session *session);
/* Tell one stream that it is writable, or end one: 1, or 0 where there is none. */
int stream_settle_step(sessile_session *session);
/* Free what was closed. Only where no frame of the engine is on the stack. */
void stream_free_closed(sessile_session *session);

/* question.c */
void question_withdraw_all(sessile_session *session, int tell);
void question_withdraw_stream(const sessile_stream *stream);
int question_refuse_dropped(sessile_session *session);

/* outbox.c */
void outbox_release(sessile_session *session);
/* Move what is there to the heap. 0 or -1. */
int outbox_keep(sessile_session *session);

/* trace.c */
void tracer_free(sessile_session *session);

#endif
