/* SPDX-License-Identifier: Apache-2.0
 *
 * A comms layer around one session, with an oracle that watches what it takes. One that offers bytes while a receive of
 * the same session is on the stack offers those behind it; if they are taken, the one on the stack must have taken all
 * of its own.
 */
#ifndef FUZZ_COMM_H
#define FUZZ_COMM_H

#include "support.h"

/* How a question is met. */
enum answer { ANSWER_YES, ANSWER_NO, ANSWER_KEEP, ANSWER_IGNORE, ANSWER_DROP, ANSWER_KEEP_YES, ANSWERS };

/* An operation that waits for a callback, and what waits for one kind of them. */
struct step {
    uint8_t op;
    uint8_t arg;
};

#define REACTION_STEPS 4
struct reaction {
    struct step steps[REACTION_STEPS];
    unsigned count;
    unsigned lasting;
};

/* A receive, or a write, on the stack. Positions are counted from the start of the flow. */
struct frame {
    struct frame *outer;
    size_t start;
    size_t end;
    size_t next; /* where a call inside this one goes on */
};

/* Leave a call: where the flow goes on for the call around it. */
size_t frame_leave(const struct frame *frame, int result);

struct comm {
    sessile_session *session; /* NULL once freed */

    /* The wire's bytes to this end: taken, arrived, sent by the other. */
    struct bytes wire;
    size_t arrived;
    size_t taken;
    size_t offered; /* at least once */
    struct frame *receiving;
    int resumed;    /* resume asks for an offer that was not made yet */
    unsigned calls; /* how often pause was called */

    size_t sent_held;
    unsigned has_resume : 1;
    unsigned held : 1;
    unsigned paused : 1;
    unsigned wire_closed : 1; /* by the session */
    unsigned wire_gone : 1;   /* told to the session */
    unsigned wire_ended : 1;  /* in the direction to the session */
};

void comm_arrive(struct comm *comm, size_t size);
void comm_offer(struct comm *comm);
void comm_wire_gone(struct comm *comm);
void comm_hold(struct comm *comm, int on);
void comm_pause(struct comm *comm, int on);

#endif
