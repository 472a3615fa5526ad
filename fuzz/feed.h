/* SPDX-License-Identifier: Apache-2.0
 *
 * One session whose peer is the fuzz input: bytes arrive in pieces, and nothing that the session sends is answered.
 */
#ifndef FUZZ_FEED_H
#define FUZZ_FEED_H

#include "support.h"

struct feed {
    sessile_session *session;
    struct bytes arrived;
    size_t taken;
    sessile_question *kept;
    uint8_t answers; /* bits: keep questions, refuse them, give a config or an application protocol with them */
    sessile_tls_config *other; /* the config to give, or NULL */
    /* Before the session is started: how questions are accepted, NULL for TLS; and how much memory the session may hold
     * between calls before it is ready, 0 where that is not looked at. */
    int (*accept)(sessile_question *question, unsigned how);
    size_t ceiling;
    size_t base; /* what was allocated before there was a session */
    int ready;
    int resumed;
    int closed;
    int wire_closed;
};

#define FEED_KEEP 1u
#define FEED_REFUSE 2u
#define FEED_CONFIG 4u
#define FEED_ALPN 8u

void feed_open(struct feed *feed, uint8_t answers, sessile_tls_config *other);
/* Callbacks for connect and accept; app is the feed. The caller frees them. */
sessile_callbacks *feed_callbacks(void);
/* Hand the bytes in, in pieces whose sizes follow from pattern; 0: all at once. */
void feed_bytes(struct feed *feed, const uint8_t *data, size_t size, uint8_t pattern);
/* The wire closes; the session is freed. */
void feed_close(struct feed *feed);

#endif
