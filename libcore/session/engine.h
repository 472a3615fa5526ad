/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the session core meets a protocol engine: one table of functions. The core knows no protocol, an engine no
 * wire.
 *
 * The core calls an engine only inside the guard (guard.h), one unit at a time, and decides between units whether more
 * may be taken: an engine never loops over units. An engine calls the application only through the functions below,
 * when no library of its own is on the stack, and looks at session_over() after each, since anything may have happened
 * in it.
 */
#ifndef SESSION_ENGINE_H
#define SESSION_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/question.h>
#include <sessile/session.h>
#include <sessile/stream.h>

#define ENGINE_FULL 1
#define ENGINE_DONE 2

struct engine {
    const char *name;
    /* Take one unit from the start of data. Returns its size; 0 where it is not complete, with session_need() called;
     * or a negative code after session_fail(). */
    int (*unit)(sessile_session *session, const uint8_t *data, size_t size);
    /* Whether it takes nothing, for a reason of its own: 0, ENGINE_FULL (for now: unread data over its limit) or
     * ENGINE_DONE (never again: the peer has ended). */
    int (*full)(const sessile_session *session);
    /* The answer to a question that blocked is there (also right after its callback returned). */
    void (*answered)(sessile_session *session, sessile_question *question);
    /* Append sealed units for as much of data as fits into outbox_room(). Returns bytes taken, or a negative code after
     * session_fail(). */
    int (*write)(sessile_stream *stream, const uint8_t *data, size_t size);
    /* Whether write would take anything, but for the outbox and hold. */
    int (*writable)(const sessile_stream *stream);
    int (*end_stream)(sessile_stream *stream);
    int (*abort_stream)(sessile_stream *stream);
    /* Graceful end; detach where the wire is to be left open. */
    int (*end)(sessile_session *session, int detach);
    /* The wire closed with left bytes untaken: call session_finish(), or session_fail() with ERR_DROPPED or
     * ERR_TRUNCATED. */
    void (*wire_gone)(sessile_session *session, size_t left);
    /* How one stream ended, given how the session did. */
    int (*stream_verdict)(const sessile_stream *stream, int error);
    /* Tracing was turned on. May be NULL. */
    void (*traced)(sessile_session *session);
    /* At rest: give back what an idle session does not need. */
    void (*rest)(sessile_session *session);
    /* Free the state: the session is over and no frame of the engine is on the stack. */
    void (*destroy)(sessile_session *session);
    size_t want_max;
    int single_stream; /* the session has one stream for all its life */
};

/* ---- the session, for engines ---- */

/* Choose the engine, once. ERR_MISUSE where there is one. */
int session_set_engine(sessile_session *session, const struct engine *engine, void *state);
const struct engine *session_engine(const sessile_session *session);
void *session_state(const sessile_session *session);
/* Give the session its callbacks and let it take bytes. */
void session_start(sessile_session *session, sessile_callbacks *callbacks, void *app);

/* The first fatal error: sticks, and no unit is taken any more. Returns code. */
int session_fail(sessile_session *session, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A clean end: nothing more is taken; the wire is closed once the outbox is out. */
void session_finish(sessile_session *session);
/* Failed, finished or freed. */
int session_over(const sessile_session *session);
/* How many bytes from the start of the untaken data the next unit needs. */
void session_need(sessile_session *session, size_t need);
/* Seconds since 1970, or -1 where the caller brought no time. */
int64_t session_time(const sessile_session *session);
/* The session was ended by the application (end): what arrives is dropped. */
int session_ending(const sessile_session *session);

/* ---- the outbox ---- */

/* Whether the wire is held and has taken as much of what the application did not write as it shall. */
int session_owes_too_much(const sessile_session *session);
/* How many bytes may still be produced by this call. */
size_t outbox_room(const sessile_session *session);
/* Room for exactly size bytes at the end, to be filled at once; NULL where there is no memory. */
uint8_t *outbox_extend(sessile_session *session, size_t size);
/* Make sure that size bytes can be appended without moving what is there. A hint: fails silently. */
void outbox_reserve(sessile_session *session, size_t size);
/* Drop what was not sent yet. */
void outbox_clear(sessile_session *session);

/* ---- calling the application ---- */

/* Each returns 0, or a negative code after which the session is over. */
int session_call_ready(sessile_session *session);
int session_call_notice(sessile_session *session, int kind, const void *data, size_t size);
int stream_deliver(sessile_stream *stream, const void *data, size_t size);
int stream_deliver_end(sessile_stream *stream);

/* ---- streams ---- */

/* A stream of this session, which owns it until the end. NULL: no memory. */
sessile_stream *stream_new(sessile_session *session);
sessile_session *stream_session(const sessile_stream *stream);
size_t stream_unread(const sessile_stream *stream);
/* The unread limit of a stream in manual credit. */
#define STREAM_UNREAD_LIMIT 65536

/* ---- questions (question.c) ---- */

/* What the core knows of a kind of question; an engine has a constant of these for each. */
struct question_kind {
    int kind;      /* SESSILE_QUESTION_* */
    int blocks;    /* receive takes nothing while it is open */
    unsigned puts; /* the items that may be put with the answer: bit 1 << SESSILE_ITEM_* */
};
/* The most questions that may be open in one session. */
#define QUESTIONS_OPEN_LIMIT 64
/* stream: what it is about, or NULL. NULL: no memory, or too many are open. */
sessile_question *question_new(sessile_session *session, const struct question_kind *kind, sessile_stream *stream);
/* Add an item to be read; data is copied. Where there is no memory the question is refused without being asked. */
void question_add(sessile_question *question, int item, const void *data, size_t size);
/* Engine's own data with the answer, such as a config; release is called with it when the question is freed. */
void question_set_answer(sessile_question *question, void *answer, void (*release)(void *));
void *question_answer(const sessile_question *question);
/* What was put with the answer, or NULL. */
const void *question_given(const sessile_question *question, int item, size_t *size);
/* Ask: calls the question callback. The outcome comes by engine->answered, before ask returns or later, unless the
 * session is over by then. A NULL question is refused. Takes the caller's reference over. */
#define QUESTION_OPEN 0
#define QUESTION_ACCEPTED 1
#define QUESTION_REFUSED 2
void session_ask(sessile_session *session, sessile_question *question);
int question_outcome(const sessile_question *question);
int question_reason(const sessile_question *question);
sessile_session *question_session(const sessile_question *question);
/* Whether it can still be answered. */
int question_is_open(const sessile_question *question);

/* ---- tracing ---- */

int session_traced(const sessile_session *session);
/* Note a message, at any time; session_trace_flush() tells the application, at rest. message, phase: static. */
void session_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase);
void session_trace_flush(sessile_session *session);

#endif
