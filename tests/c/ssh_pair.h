/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH client and an SSH server in memory, with a wire between them that can be cut anywhere and that forgets
 * nothing.
 *
 * The two never call each other: what one sends waits until ssh_pair_run() hands it to the other, in the portions that
 * the wire's policy says. Each offer is a block of memory of exactly its size, and must come back unchanged. What the
 * headers promise about callbacks (order, at most once, none after close) is checked in every one of them.
 *
 * Each end has a source of random numbers of its own where the program has called ssh_random_install(): then the bytes
 * that an end sends depend on its seed, its calls, and the bytes that it was given, and on nothing else.
 */
#ifndef TESTS_SSH_PAIR_H
#define TESTS_SSH_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#include "harness.h"

struct ssh_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
void ssh_bytes_add(struct ssh_bytes *bytes, const void *data, size_t size);
void ssh_bytes_clear(struct ssh_bytes *bytes);
/* They are this text. */
int ssh_bytes_are(const struct ssh_bytes *bytes, const char *text);

/* How much of what waits is shown to the receiver. What is shown and not taken is offered again, with more behind it.
 */
enum ssh_wire {
    SSH_WIRE_WHOLE,
    SSH_WIRE_BYTES,   /* one byte more each time */
    SSH_WIRE_CUT,     /* up to the offset cut of what goes to cut_role, then all */
    SSH_WIRE_FLIGHTS, /* each send up to the offset cut of its own, then all */
    SSH_WIRE_RANDOM,  /* by seed */
};

/* How an end answers its questions. */
enum ssh_answer {
    SSH_YES,  /* and gives what there is to give: see ssh_give() */
    SSH_NO,   /* with the end's reason */
    SSH_KEEP, /* the test answers, and frees */
    SSH_DROP, /* keep, and free before the callback returns */
    SSH_NOT,
};

enum ssh_event {
    SSH_READY,
    SSH_QUESTION, /* before the end's answer is given */
    SSH_WITHDRAWN,
    SSH_NOTICE,
    SSH_STREAM,
    SSH_DATA,
    SSH_STDERR,
    SSH_REQUEST,
    SSH_END,
    SSH_WRITABLE,
    SSH_STREAM_CLOSED,
    SSH_CLOSED,
    SSH_SEND,
    SSH_RESUME,
};
#define SSH_EVENTS (SSH_RESUME + 1)

#define SSH_KINDS 14 /* of questions */
#define SSH_FLOWS 16
#define SSH_FLIGHTS 512

struct ssh_pair;

/* A stream of an end's. */
struct ssh_flow {
    sessile_stream *stream; /* kept */
    struct ssh_bytes data;
    struct ssh_bytes errors;  /* stderr */
    struct ssh_bytes pending; /* to be written when the stream is writable */
    const char *complaint;    /* to be written to stderr before that; NULL: nothing */
    int opened, ended, closed;
    int ends; /* end it once all is written */
    int error;
    int exit_status; /* -1: none */
};

struct ssh_peer {
    struct ssh_pair *pair;
    struct ssh_peer *other;
    int role;
    sessile_session *session;   /* NULL once it is freed. Set before ssh_pair_start(): its wire is somebody else's */
    sessile_ssh_config *config; /* borrowed; NULL: there is no such end */
    int started;                /* what connect or accept returned */

    /* May be set before ssh_pair_start(). */
    int no_resume, traced;
    /* May be set at any time. */
    enum ssh_answer answers[SSH_KINDS];
    int reason;
    int (*hook)(struct ssh_peer *peer, enum ssh_event event); /* its result is the callback's */
    void *app;                                                /* the test's */
    int rounds;                                               /* server: of keyboard-interactive, yet to be asked */
    const char *method;     /* client: what SSH_AUTHENTICATE is answered with; NULL: a password */
    const char *password;   /* client; NULL: "secret" */
    sessile_key *sign_with; /* SSH_SIGN */
    int echo;               /* write back what arrives */
    int send_fails;
    uint32_t random; /* seed of its random numbers */

    /* The wire to this end. */
    struct ssh_bytes wire; /* all that ever came */
    size_t last;           /* where the last flight begins */
    size_t shown;
    size_t taken;
    int again;    /* resume came */
    int refusing; /* receive returned -1 */
    int eof;      /* told that the wire is gone */

    /* What was seen. */
    size_t flights; /* that it sent */
    size_t flight_sizes[SSH_FLIGHTS];
    struct ssh_flow flows[SSH_FLOWS];
    size_t flow_count;
    struct ssh_flow *flow; /* of this event */
    int request;           /* of this event */
    int ready, closed, comm_closed, released, questions, withdrawn, notices, rekeyed;
    int error;
    sessile_question *question;
    struct ssh_bytes banner;
    int sending;
    struct journal log;   /* "ready question:user(password) data(0):5" */
    struct journal trace; /* "<KEXINIT >NEWKEYS" */
};

struct ssh_pair {
    struct ssh_peer client;
    struct ssh_peer server;
    /* To be set before ssh_pair_start(). */
    const char *user;
    const char *address; /* of the client, for the server */
    int64_t time;        /* of both; 0: not set */
    /* At any time. */
    enum ssh_wire policy;
    int cut_role;
    size_t cut;
    uint32_t seed;
    int no_eof; /* a closed wire is not told to the other end */
};

/* Configs to begin with; the caller's. A server with an Ed25519 host key; a client that asks about it. Both with few
 * algorithms, so that tests are quick: curve25519, and the cipher (and MAC) given, NULL for the default. */
sessile_ssh_config *ssh_server_config(const char *cipher);
sessile_ssh_config *ssh_client_config(const char *cipher);
#define SSH_MUST(call) ssh_must((call), #call, __FILE__, __LINE__)
void ssh_must(int result, const char *call, const char *file, int line);

/* The configs are borrowed. */
void ssh_pair_init(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server);
/* Create, accept, connect. Returns 0 or the first error. */
int ssh_pair_start(struct ssh_pair *pair);
/* Hand over until nothing moves any more. */
void ssh_pair_run(struct ssh_pair *pair);
/* init, start and run: both must be ready then. */
void ssh_pair_open(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server);
void ssh_pair_free(struct ssh_pair *pair);

/* Before a test calls into an end's session itself, where random numbers are to be that end's. */
void ssh_peer_turn(struct ssh_peer *peer);
/* One offer of what was shown, if there is any. 0: nothing was shown that is not. */
int ssh_peer_move(struct ssh_peer *peer);
/* Bytes from elsewhere, as if the other end had sent them. */
void ssh_peer_inject(struct ssh_peer *peer, const void *data, size_t size);
void ssh_peer_wire_gone(struct ssh_peer *peer);
void ssh_peer_free_session(struct ssh_peer *peer);
/* Take note of a stream that this end has opened; NULL is none. Returns its flow. */
struct ssh_flow *ssh_peer_opened(struct ssh_peer *peer, sessile_stream *stream);
/* Write all of it, now and whenever the stream is writable; then end it, where ends was set. */
void ssh_flow_write(struct ssh_flow *flow, const void *data, size_t size);
void ssh_flow_end(struct ssh_flow *flow);
/* Open a session channel and run a command, to be followed by ssh_pair_run(). */
struct ssh_flow *ssh_peer_exec(struct ssh_peer *peer, const char *command);
/* The question's item as text: "" where there is none. */
const char *ssh_item(sessile_question *question, int item, size_t index);
/* Put with the answer what the end has to give, as SSH_YES does, which refuses where that fails. 0 or an error. */
int ssh_give(struct ssh_peer *peer, sessile_question *question);
/* Give a kept question's answer, and its reference back. Returns what the library did. */
int ssh_accept(struct ssh_peer *peer);
int ssh_refuse(struct ssh_peer *peer, int reason);
/* How often a word, up to its ":" or "(", is in the log. */
int ssh_peer_saw(const struct ssh_peer *peer, const char *word);

/* With a message that says what happened. */
#define assert_ssh_ready(pair) ssh_assert_ready((pair), __FILE__, __LINE__)
#define assert_ssh_failed(peer, code, part) ssh_assert_failed((peer), (code), (part), __FILE__, __LINE__)
#define assert_ssh_ended(peer) ssh_assert_ended((peer), __FILE__, __LINE__)
#define assert_has(text, part) ssh_assert_has((text), (part), __FILE__, __LINE__)
void ssh_assert_ready(const struct ssh_pair *pair, const char *file, int line);
/* The end is closed with this error, and every function refuses. The text has this part. */
void ssh_assert_failed(struct ssh_peer *peer, int code, const char *part, const char *file, int line);
/* The end is closed, cleanly. */
void ssh_assert_ended(struct ssh_peer *peer, const char *file, int line);
void ssh_assert_has(const char *text, const char *part, const char *file, int line);

/* ---- ssh_random.c ---- */

/* From now on libcrypto's random numbers are those of the state that ssh_random_use() named last in this thread (0: a
 * fixed one). Not random at all: the same seed gives the same numbers. */
void ssh_random_install(void);
void ssh_random_use(uint32_t *state);

#endif
