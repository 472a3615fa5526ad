/* SPDX-License-Identifier: Apache-2.0
 *
 * A peer that says anything, properly encrypted: a session of the library's own that shakes hands, and from its first
 * keys on seals whatever payload it is told to. What arrives then it opens and drops, but for the messages of a key
 * exchange, in which it takes part as long as it is asked to.
 */
#ifndef FUZZ_SSH_ALLY_H
#define FUZZ_SSH_ALLY_H

#include "ssh_app.h"

struct ssh;

struct ssh_ally {
    struct ssh_app *app; /* its victim */
    sessile_session *session;
    struct ssh *ssh;
    sessile_callbacks *callbacks;
    struct bytes in;
    size_t taken;
    int keyed;     /* it has keys, and says what it is told */
    int exchanges; /* takes part in key exchanges */
};

/* The victim's session is open and not started; its carry and carrier are the ally's from here on. */
void ssh_ally_open(struct ssh_ally *ally, struct ssh_app *app);
void ssh_ally_close(struct ssh_ally *ally);
/* Start both, and let them shake hands. */
void ssh_ally_meet(struct ssh_ally *ally);
/* Take what the victim has sent. */
void ssh_ally_take(struct ssh_ally *ally);
/* Seal a payload and send it. */
void ssh_ally_say(struct ssh_ally *ally, const void *payload, size_t size);
void ssh_ally_rekey(struct ssh_ally *ally);

#endif
