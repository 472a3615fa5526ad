/* SPDX-License-Identifier: Apache-2.0
 *
 * libssl itself as the other end of a session, for what a well-behaved end never does: tickets at the wrong place,
 * renegotiation, floods, half messages.
 */
#ifndef TESTS_TLS_RAW_H
#define TESTS_TLS_RAW_H

#include <openssl/ssl.h>

#include "tls_pair.h"

struct raw {
    struct tls_pair pair; /* one of its ends has no session: that is the raw one */
    struct tls_end *end;  /* the session's */
    SSL_CTX *ctx;
    SSL *ssl;
    size_t moved; /* of what the session sent */
    int role;     /* of the raw end */
    int ready;
    int closed;     /* close_notify came, or an error */
    int reason;     /* of the error, SSL_R_* */
    int alert;      /* the last one that came, or -1 */
    size_t tickets; /* sessions that may be resumed, told so far */
    SSL_SESSION *session;
    struct tls_bytes data;
};

/* config: the session's, borrowed. The raw end verifies nothing and shows the Ed25519 certificate where it is the
 * server. raw->ctx may be set further, and the pair too, before raw_start(). */
void raw_init(struct raw *raw, int role, sessile_tls_config *config);
/* name: a raw client asks for it; may be NULL. session: it offers it; may be NULL. */
void raw_prepare(struct raw *raw, const char *name, SSL_SESSION *session);
/* The same, and raw_run(). */
void raw_start(struct raw *raw, const char *name, SSL_SESSION *session);
/* Move bytes and let libssl read until nothing moves any more. */
void raw_run(struct raw *raw);
/* Move what libssl has written, and let it read nothing. */
void raw_flush(struct raw *raw);
void raw_free(struct raw *raw);

/* Application data. */
void raw_write(struct raw *raw, const void *data, size_t size);

#endif
