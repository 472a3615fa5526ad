/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of SSH's key exchange share: two sessions whose bytes pass through the test's hands, one to one or changed
 * on the way while they are in the clear; and one session against a peer that the test makes up, packet by packet.
 */
#ifndef TESTS_SSH_KEX_H
#define TESTS_SSH_KEX_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#include "codec/reader.h"
#include "codec/writer.h"

#define KEX_LOG 4096
#define KEX_PAYLOAD 70000
#define KEX_SEEN 24
#define KEX_KEPT 4

/* A payload that was sent in the clear. */
struct kex_seen {
    uint8_t *data;
    size_t size;
};

struct kex_end {
    struct kex_pair *pair;
    struct kex_end *peer;
    int role;
    sessile_session *session;
    sessile_ssh_config *config; /* borrowed */
    /* What its peer has sent, and how much of it has arrived. */
    uint8_t *in;
    size_t in_size;
    size_t in_capacity;
    size_t shown;
    /* What it has sent: the identification line passes, then packets, until NEWKEYS has. */
    uint8_t *out;
    size_t out_size;
    size_t out_capacity;
    int ident_out;
    int keyed;
    char ident[256];
    struct kex_seen seen[KEX_SEEN];
    size_t seen_count;
    size_t sent_total;
    /* Called for each payload it sends in the clear; may change it, in room of KEX_PAYLOAD, or set *size to 0. */
    void (*packet)(struct kex_end *end, uint8_t *payload, size_t *size);
    /* Called for each question; NULL: those of authentication are kept, others refused. */
    int (*question)(struct kex_end *end, sessile_question *question);
    sessile_question *kept[KEX_KEPT]; /* by kex_keep(), in order */
    size_t kept_count;
    void *app;
    char log[KEX_LOG]; /* what happened: words */
    int closed;
    int error;
    int gone; /* the comms layer's close was called */
    char *keylog;
};

struct kex_pair {
    struct kex_end client;
    struct kex_end server;
    size_t step; /* bytes that arrive at once; 0: all */
    const char *host;
    int port;
};

/* pair: zeroed but for what the test wants otherwise. */
void kex_open(struct kex_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server);
/* Begin both: what connect and accept return, the first error. */
int kex_start(struct kex_pair *pair);
/* Let everything arrive, until nothing moves. */
void kex_run(struct kex_pair *pair);
void kex_free_pair(struct kex_pair *pair);
/* Both are past their first key exchange, and agree on what it was. */
int kex_agreed(struct kex_pair *pair);
/* The phase of a session (enum ssh_phase). */
int kex_phase(const struct kex_end *end);
/* Note a word. */
void kex_note(struct kex_end *end, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keep a question in end->kept, as the next. */
int kex_keep(struct kex_end *end, sessile_question *question);
int kex_accept(struct kex_end *end, sessile_question *question);
/* Accept everything: authenticates the user with a password. */
int kex_answer_all(struct kex_end *end, sessile_question *question);
/* An end's first payload of that number that was sent in the clear; a reader that has failed where there is none. */
struct reader kex_seen(const struct kex_end *end, int number);
void kex_assert_failed(const struct kex_end *end, int error, const char *text);

/* ---- one session, and a peer made by hand: pair->client or pair->server has no session ---- */

/* Only the session of this role begins. */
void kex_open_one(struct kex_pair *pair, int role, sessile_ssh_config *config);
struct kex_end *kex_lone(struct kex_pair *pair);
/* The made-up peer sends: its line; a payload in a packet. kex_run() delivers. */
void kex_say_ident(struct kex_pair *pair);
void kex_say(struct kex_pair *pair, const void *payload, size_t size);
void kex_say_writer(struct kex_pair *pair, struct writer *w);

/* Lists for a KEXINIT; NULL: what suits every session. */
struct kex_lists {
    const char *methods;
    const char *host_keys;
    const char *ciphers;
    const char *macs;
    const char *compression;
    int guess;
};
void kex_put_init(struct writer *w, const struct kex_lists *lists);
/* The line, and KEXINIT. */
void kex_say_hello(struct kex_pair *pair, const struct kex_lists *lists);

#endif
