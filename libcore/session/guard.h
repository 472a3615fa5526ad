/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard around every call on a session. It lets one thread in, and when the outermost frame leaves it brings the
 * session to rest: what was produced is sent, in one loop that never nests, and what waited for rest is done. So a send
 * is never inside a send of the same session, and two sessions that call each other need bounded stack.
 */
#ifndef SESSION_GUARD_H
#define SESSION_GUARD_H

#include <stdint.h>

#include <sessile/export.h>

/* A flight this small needs no memory: it is built on the outermost frame's stack. Two rooms, because one may be on its
 * way out while the next is being written. */
#define GUARD_ROOM 1152

struct guard {
    sessile_session *session;
    int outermost;
    int quiet; /* only looks: does not bring the session to rest */
    int rested;
    uint8_t room[2][GUARD_ROOM];
};

/* 0, ERR_ARGUMENT (no session) or ERR_BUSY. */
int guard_enter(struct guard *guard, sessile_session *session);
/* The same for a call of the application side that is of no use once the session is freed: ERR_GONE. */
int guard_enter_live(struct guard *guard, sessile_session *session);
/* For getters: calls nobody back when it leaves. */
int guard_enter_quiet(struct guard *guard, sessile_session *session);
/* Returns result. Where session is no longer referred to it is gone afterwards. */
int guard_leave(struct guard *guard, int result);
/* Whether this call may send now: it is the outermost, and no batch is open. */
int guard_may_send(const struct guard *guard);
/* Send what is in the outbox, if anything. Only where guard_may_send(). */
void guard_flush(struct guard *guard);
/* What guard_leave() does first, once: send, and do all that is due at rest, resume included. */
void guard_to_rest(struct guard *guard);
/* Do all that is due at rest, but for resume. */
void guard_settle(struct guard *guard);

#endif
