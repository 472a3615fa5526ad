/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKS 4, 4a and 5 (RFC 1928) without authentication: the one request, CONNECT.
 */
#ifndef COMMON_SOCKS_H
#define COMMON_SOCKS_H

#include <sessile/session.h>

#include "common/forward.h"

/* Have the connection, which is taken over, say where to, and open a channel to there. */
void socks_take(struct loop *loop, sessile_session *session, int fd, forward_failed failed);
/* Forget those that have not said it yet: the session is over. */
void socks_end(sessile_session *session);

#endif
