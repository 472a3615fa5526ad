/* SPDX-License-Identifier: Apache-2.0
 *
 * A comms layer on non-blocking descriptors: a socket, or a pipe for each direction. It reads while the session's inbox
 * has room, queues what the system does not take yet, holds the session while that queue is long, and closes the
 * descriptors when the session is done with them and everything is out.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stddef.h>

#include <sessile/comm.h>

#include "common/loop.h"

struct wire;

/* Take over two descriptors, or one twice, and make a session on them, which the caller frees; the wire frees itself
 * after that. Dies where there is no memory. */
struct wire *wire_open(struct loop *loop, int in, int out, sessile_session **session);
/* Hand in at most this many bytes at once (default: all that was read). */
void wire_set_feed(struct wire *wire, size_t size);
/* After our last byte, wait a moment for the peer to close first, so that what is on its way still gets there. Sockets
 * only. */
void wire_set_linger(struct wire *wire);
/* Called once, when the descriptors are closed. */
void wire_on_gone(struct wire *wire, void (*gone)(void *owner), void *owner);
/* The address and port of a socket's own end. */
void wire_name(const struct wire *wire, char *host, size_t size, int *port);
/* Drop the queue and close the descriptors. */
void wire_cut(struct wire *wire);

#endif
