/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies that are owed to the peer: they go out in the order of its requests, however late the application decides.
 *
 * A request that waits for a decision is an entry. One that is refused at once while others wait is only counted,
 * behind the last of them, so that a peer which asks without end costs nothing but a number, and that number has a
 * bound.
 */
#ifndef SSH_CONNECTION_REPLIES_H
#define SSH_CONNECTION_REPLIES_H

#include <stdint.h>

#include "ssh/ssh.h"

/* Requests that wait at a time, and refusals behind one of them. */
#define REPLIES_MAX 32
#define REPLIES_BEHIND_MAX 1024
#define REPLY_NUMBERS 4
#define REPLY_KEYS 16
#define REPLY_NO_KEY 255

struct reply {
    struct reply *next;
    const void *type;                /* of the request */
    uint8_t outcome;                 /* QUESTION_* */
    uint8_t wanted;                  /* the peer wants to hear of it */
    uint16_t behind;                 /* refusals that follow it */
    uint32_t numbers[REPLY_NUMBERS]; /* of the request, for when it is decided */
    uint8_t keys[REPLY_KEYS];        /* host keys to be proven, by number; REPLY_NO_KEY: no more */
    void *reserved;                  /* what stands in the list of forward.c for this request, until it is answered */
};

struct replies {
    struct reply *first;
};

/* How a reply is sent: reply is NULL for a refusal. 0 or a negative code. */
typedef int (*reply_sender)(void *owner, const struct reply *reply);

/* Add an entry, undecided. NULL: no memory, or too many wait. */
struct reply *replies_add(struct replies *replies, const void *type, int wanted);
/* A request is refused at once. 0; a negative code of the sender's; ERR_LIMIT where too many are owed. */
int replies_refuse(struct replies *replies, int wanted, reply_sender send, void *owner);
/* Send what is decided, up to the first that is not. 0 or a negative code of the sender's. */
int replies_send(struct replies *replies, reply_sender send, void *owner);
void replies_free(struct replies *replies);

#endif
