/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the session core meets a protocol engine: one table of functions. The core knows no protocol, an engine no
 * wire.
 *
 * The core calls an engine only inside the guard (guard.h), one unit at a time, and decides between units whether more
 * may be taken: an engine never loops over units. An engine calls the application only through the functions below,
 * when no library of its own is on the stack, and looks at session_over() after each, and at stream_open() where it
 * goes on with a stream, since anything may have happened in it. What it may rely on: until the outermost call on the
 * session leaves the engine, no stream that was closed meanwhile is freed, nor its state, nor the session's.
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

/* What writable says. */
#define ENGINE_WRITABLE 1
#define ENGINE_WAITS 0
#define ENGINE_BLOCKED -1

/* A stream's flows. */
#define STREAM_DATA 0
#define STREAM_STDERR 1

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
    /* Append sealed units for as much of data as fits into outbox_room(). flow: STREAM_DATA or STREAM_STDERR. Returns
     * bytes taken, or a negative code after session_fail(). */
    int (*write)(sessile_stream *stream, int flow, const uint8_t *data, size_t size);
    /* Whether write would take anything, but for the outbox and hold: ENGINE_WRITABLE; ENGINE_WAITS, the whole session
     * cannot write for now (at rest it is asked again, of one stream); or ENGINE_BLOCKED, this stream cannot until
     * stream_unblocked() says so (it is not asked before). O(1). */
    int (*writable)(const sessile_stream *stream);
    int (*end_stream)(sessile_stream *stream);
    int (*abort_stream)(sessile_stream *stream);
    /* Bytes of a stream that were unread are consumed: by hand, because manual credit was turned off, or because stderr
     * was dropped in manual credit. May be NULL. */
    void (*consumed)(sessile_stream *stream, size_t size);
    /* hold was turned on or off, while the session is not over. May be NULL. */
    void (*held)(sessile_session *session, int on);
    /* Free a stream's state, once: it has left its session, its closed callback has run, and no frame of the engine is
     * on the stack. stream_state() is NULL from then on. May be NULL. */
    void (*stream_destroy)(void *state);
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

/* Each returns 0, or a negative code after which the session is over. On a stream that is closed they do nothing. */
int session_call_ready(sessile_session *session);
int session_call_notice(sessile_session *session, int kind, const void *data, size_t size);
int stream_deliver(sessile_stream *stream, const void *data, size_t size);
int stream_deliver_end(sessile_stream *stream);
/* It counts as unread like data. Without a stderr callback: dropped, and consumed. */
int stream_deliver_stderr(sessile_stream *stream, const void *data, size_t size);
/* The stream callback, for one that the peer opened; the request callback. */
int session_call_stream(sessile_stream *stream);
int stream_call_request(sessile_stream *stream, int request);

/* ---- streams ---- */

/* A stream of this session, which owns it until stream_close() or the end. state: the engine's, see
 * engine->stream_destroy. NULL: no memory, or the session is over. A function that hands a new stream to the
 * application keeps it across guard_leave(), where it may end, and returns NULL if stream_open() says so. */
sessile_stream *stream_new(sessile_session *session, void *state);
void *stream_state(const sessile_stream *stream);
/* The peer has opened it, and the application is still asked: until session_call_stream() it can write nothing, and is
 * not told that the stream is over; its release runs instead. */
void stream_set_unseen(sessile_stream *stream);
/* The stream is over: its open questions are withdrawn, it leaves the session, and its closed callback runs (told) or
 * its release does (not told, or unseen). error: as for closed. Of no effect on one that is closed, or where the
 * session is over, whose end closes it. */
void stream_close(sessile_stream *stream, int error, int told);
/* What made engine->writable say ENGINE_BLOCKED has passed. O(1), at any time. */
void stream_unblocked(sessile_stream *stream);
/* Whether this side has ended it; whether manual credit is on; whether it is still part of its session.
 * What is delivered while manual credit is on comes back by engine->consumed; else it is consumed when it is delivered.
 * Ask before delivering: the callback may change it. */
int stream_ended(const sessile_stream *stream);
int stream_manual(const sessile_stream *stream);
int stream_open(const sessile_stream *stream);
/* In end_stream: whether it is called because nobody listens for the peer's end, and not by the application. */
int stream_ends_itself(const sessile_stream *stream);
/* sessile_stream_write() for a flow. Both flows have one writable. */
int stream_write_flow(sessile_stream *stream, int flow, const void *data, size_t size);
/* The comms layer has set hold. */
int session_held(const sessile_session *session);
sessile_session *stream_session(const sessile_stream *stream);
size_t stream_unread(const sessile_stream *stream);
/* The unread limit of a stream in manual credit. */
#define STREAM_UNREAD_LIMIT 65536

/* ---- questions (question.c) ---- */

/* What the core knows of a kind of question; an engine has a constant of these for each. */
struct question_kind {
    int kind;      /* SESSILE_QUESTION_* */
    int blocks;    /* receive takes nothing while it is open */
    uint64_t puts; /* the items that may be put with the answer: bit 1 << SESSILE_ITEM_* */
};
/* The most questions that may be open in one session; what may be given with an answer is 256 items, 1 MiB in all. */
#define QUESTIONS_OPEN_LIMIT 64
/* stream: what it is about, or NULL. NULL: no memory, too many are open, or the session is over. */
sessile_question *question_new(sessile_session *session, const struct question_kind *kind, sessile_stream *stream);
/* Give a question back that is not asked after all. NULL is ignored. */
void question_discard(sessile_question *question);
/* Add an item to be read; a NULL question is ignored, here and below; data is copied. Where there is no memory the
 * question is refused without being asked. */
void question_add(sessile_question *question, int item, const void *data, size_t size);
/* Engine's own data with the answer, such as a config; release is called with it when the question is freed. */
void question_set_answer(sessile_question *question, void *answer, void (*release)(void *));
void *question_answer(const sessile_question *question);
/* What was put with the answer, or NULL. */
const void *question_given(const sessile_question *question, int item, size_t *size);
/* The same where it was put several times: index from 0. */
const void *question_given_at(const sessile_question *question, int item, size_t index, size_t *size);
size_t question_given_count(const sessile_question *question, int item);
/* A text item, a number as decimal text. */
void question_add_text(sessile_question *question, int item, const char *text);
void question_add_number(sessile_question *question, int item, uint64_t number);
/* A note of the engine's on it, such as which request it is about: found again in answered. 0 at first. */
void question_set_note(sessile_question *question, uintptr_t note);
uintptr_t question_note(const sessile_question *question);
/* Its cause has gone away: refused without engine->answered, and whoever kept it is told. The handle is the engine's no
 * more. Of no effect once it is answered. */
void question_withdraw(sessile_question *question);
sessile_stream *question_stream(const sessile_question *question);
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
