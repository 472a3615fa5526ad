/* SPDX-License-Identifier: Apache-2.0
 *
 * A toy engine: the smallest protocol that makes use of everything the session core offers, so that each of the core's
 * promises can be tested with exact control and without cryptography. Not secure in any sense.
 *
 * A unit is a type (1 byte), the payload's length (2 bytes, big-endian) and the payload.
 */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TOY_HEADER 3
#define TOY_MAX (TOY_HEADER + 65535)

/* Types of unit, and what a session does when it receives one. */
#define TOY_HELLO 'H'  /* sends READY, and is ready */
#define TOY_READY 'R'  /* is ready */
#define TOY_DATA 'D'   /* delivers the payload */
#define TOY_SECOND 'd' /* delivers it on the second stream */
#define TOY_END 'E'    /* the peer has ended; over, once this side has too */
#define TOY_FAIL 'F'   /* fails with ERR_PROTOCOL */
#define TOY_ECHO 'P'   /* sends ANSWER units with as many bytes as the payload says (4 bytes): protocol replies */
#define TOY_ANSWER 'A' /* nothing */
#define TOY_ASK 'Q'    /* asks a question that blocks; sends YES, or fails with ERR_REFUSED */
#define TOY_WONDER 'N' /* asks one that does not; sends YES or NO */
#define TOY_YES 'Y'    /* nothing */
#define TOY_NO 'Z'     /* nothing */
#define TOY_NOTICE 'O' /* a notice of kind 7 */

/* The questions: kinds, and the items. */
#define TOY_QUESTION_ASK 101
#define TOY_QUESTION_WONDER 102
#define TOY_ITEM_TEXT 1 /* the payload; to read */
#define TOY_ITEM_NOTE 2 /* to give; sent with YES */

struct toy {
    sessile_session *session;
    sessile_stream *stream;
    sessile_stream *second; /* NULL but after toy_start_two() */
    int ready;
    int heard;
    int got_end;
    int sent_end;
    int blocks;       /* the question being asked */
    size_t fixed;     /* not 0: every unit has this size and is not looked at */
    size_t calls;     /* of unit */
    size_t looked;    /* bytes that unit has looked at */
    size_t rests;     /* calls of rest */
    int *destroyed;   /* may be NULL: counts calls of destroy */
    int last_outcome; /* of a question */
    int last_reason;
    int refusals;
};

/* Start the toy protocol. A client sends HELLO at once. Returns 0 or an error. */
int toy_start(sessile_session *session, int role, sessile_callbacks *callbacks, void *app);
/* The same with two streams. */
int toy_start_two(sessile_session *session, int role, sessile_callbacks *callbacks, void *app);
/* The session's state, valid until it is freed. */
struct toy *toy_of(sessile_session *session);

/* Write a unit to out, which has room for TOY_HEADER + size bytes. Returns its size. */
size_t toy_put(uint8_t *out, char type, const void *data, size_t size);
/* An ECHO unit, of TOY_HEADER + 4 bytes. */
size_t toy_put_echo(uint8_t *out, uint32_t size);

/* Units in a row. */
struct toy_script {
    uint8_t data[4096];
    size_t size;
};
/* Add a unit with a text as payload, or with an ECHO's number. */
void toy_add(struct toy_script *script, char type, const char *text);
void toy_add_echo(struct toy_script *script, uint32_t size);

/* side_open() and toy_start(); side is zeroed first. */
void toy_open(struct side *side, int role);
/* A server that is ready, with both journals and what was sent forgotten. */
void toy_open_ready(struct side *side, int one_journal);
/* One unit with a text arrives. Returns what receive returned. */
int toy_arrive(struct side *side, char type, const char *text);

#ifdef __cplusplus
}
#endif

#endif
