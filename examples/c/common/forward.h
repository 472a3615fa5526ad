/* SPDX-License-Identifier: Apache-2.0
 *
 * Forwarding, for both roles: a connection that was taken becomes a channel, and a channel that the peer opens becomes
 * a connection.
 */
#ifndef COMMON_FORWARD_H
#define COMMON_FORWARD_H

#include <sessile/question.h>
#include <sessile/session.h>

#include "common/net.h"

/* Whom a channel is opened to. */
enum target_kind {
    TARGET_NONE,           /* -D: whoever asks says where to */
    TARGET_TCP,            /* direct-tcpip */
    TARGET_UNIX,           /* direct-streamlocal@openssh.com */
    TARGET_FORWARDED_TCP,  /* what a server was asked to listen on: address is that */
    TARGET_FORWARDED_UNIX, /* the same for a path */
    TARGET_AGENT           /* the client's agent */
};

struct target {
    enum target_kind kind;
    struct address address;
};

void target_free(struct target *target);

/* Told when a channel could not be opened; text: the peer's reason, escaped. May be NULL. */
typedef void (*forward_failed)(const struct target *target, const char *text);

/* Open a channel for a connection, whose bytes go through it from when it is open; fd is taken over. said: bytes of the
 * connection that were read already. answer: called with whether the channel could be opened, before any byte of it
 * goes to fd; may be NULL. */
typedef void (*forward_answer)(int fd, int opened);
void forward_connection(struct loop *loop, sessile_session *session, const struct target *target, int fd,
                        const void *said, size_t said_size, forward_answer answer, forward_failed failed);

/* Answer a question about a channel by connecting: to host and port, or to path where host is NULL. */
void forward_channel(struct loop *loop, sessile_question *question, const char *host, int port, const char *path);

/* The items of a question as text and as a number; "" and 0 where there is none. */
const char *item_text(sessile_question *question, int item);
int item_number(sessile_question *question, int item);

#endif
