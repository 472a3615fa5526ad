/* SPDX-License-Identifier: Apache-2.0
 *
 * A toy engine with many streams: what the session core promises about streams that come and go, their turns, their
 * second flow and their questions can be tested with it, without a protocol worth the name. It is ready from the start.
 *
 * A unit is one of the toy's (type, length, payload) whose payload begins with a stream's number (4 bytes). Units for a
 * stream that is not there are ignored.
 */
#ifndef TESTS_TOY_MANY_H
#define TESTS_TOY_MANY_H

#include "toy.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MANY_HEADER (TOY_HEADER + 4)

/* Types of unit, and what a session does when it receives one. */
#define MANY_OPEN 'O'     /* the peer opens the stream: asks OPEN; sends YES, or NO and forgets it */
#define MANY_DATA 'D'     /* delivers what follows */
#define MANY_STDERR 'X'   /* the same on the second flow */
#define MANY_END 'E'      /* the peer has ended it */
#define MANY_CLOSE 'C'    /* the stream is over */
#define MANY_LOSE 'L'     /* the same, and the application is not told */
#define MANY_GRANT 'W'    /* as many bytes more may be written as follow */
#define MANY_REQUEST 'R'  /* a request: the byte that follows */
#define MANY_ASK 'Q'      /* asks about the stream; sends YES or NO */
#define MANY_BLOCK 'B'    /* the same, and blocks */
#define MANY_WITHDRAW 'V' /* takes back what was asked last */
/* What is only sent. */
#define MANY_YES 'Y'      /* with the notes that were given, each with a comma behind it */
#define MANY_NO 'N'       /* with the reason, one byte */
#define MANY_CONSUMED 'K' /* with a number of bytes */

/* Questions; their items. */
#define MANY_QUESTION_OPEN 201
#define MANY_QUESTION_ASK 202
#define MANY_QUESTION_BLOCK 203
#define MANY_ITEM_TEXT 1   /* what followed */
#define MANY_ITEM_NUMBER 2 /* the stream's number */
#define MANY_ITEM_NAME 3   /* the unit's name */
#define MANY_ITEM_NOTE 40  /* to give */
#define MANY_ITEM_OTHER 63 /* to give */

struct many {
    sessile_session *session;
    struct many_stream **streams; /* by number; NULL where there is none */
    size_t count;                 /* the first number that was never used */
    size_t capacity;
    sessile_stream *asking; /* what the question being asked is about */
    int asking_kind;
    int waits;         /* set by a test: the whole session cannot write */
    size_t looks;      /* calls of writable */
    size_t verdicts;   /* calls of stream_verdict */
    size_t answers;    /* calls of answered */
    size_t helds;      /* calls of held */
    int held;          /* what it was last told */
    size_t *destroyed; /* counts states that were destroyed; never NULL */
    size_t destroyed_here;
};

struct many_stream {
    struct many *many;
    sessile_stream *stream;
    sessile_question *question; /* the last one, while it is open */
    uint32_t number;
    size_t window;    /* bytes that may be written */
    size_t consumed;  /* bytes that came back by hand */
    size_t automatic; /* bytes that needed no hand */
};

/* Start. Returns 0 or an error. */
int many_start(sessile_session *session, sessile_callbacks *callbacks, void *app);
/* The session's state, valid until it is freed. */
struct many *many_of(sessile_session *session);
/* Open a stream from this side: its number is the next one. Borrowed. NULL: no memory, or the session is over. */
sessile_stream *many_open(sessile_session *session, size_t window);
/* A stream's state, valid until it is closed and the outermost call has returned. */
struct many_stream *many_stream_of(sessile_stream *stream);
/* sessile_stream_write() for the second flow. */
int many_write_stderr(sessile_stream *stream, const void *data, size_t size);

/* Write a unit to out, which has room for MANY_HEADER + size bytes. Returns its size. */
size_t many_put(uint8_t *out, char type, uint32_t number, const void *data, size_t size);
void many_add(struct toy_script *script, char type, uint32_t number, const char *text);

/* side_open() and many_start(); side is zeroed first. */
void many_side(struct side *side, int one_journal);
/* The same with so many streams opened from this side, one journal for all, and many_note() as the application's hook.
 */
void many_side_with(struct side *side, sessile_stream **streams, size_t count, size_t window);
/* A recorder's hook: what is told about a stream is noted with its number, such as "writable #0". */
int many_note(struct recorder *recorder, const char *callback);
/* One unit with a text arrives. Returns what receive returned. */
int many_arrive(struct side *side, char type, uint32_t number, const char *text);
/* A GRANT arrives, with that many bytes. */
int many_grant(struct side *side, uint32_t number, size_t size);

#ifdef __cplusplus
}
#endif

#endif
