/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS client and a TLS server in memory, with a wire between them that can be cut anywhere and that forgets nothing.
 *
 * The two never call each other: what one sends waits until pair_run() hands it to the other, in the portions that the
 * wire's policy says. Each offer is a block of memory of exactly its size, and must come back unchanged. What the
 * header promises about callbacks (order, at most once, none after close) is checked in every one of them.
 */
#ifndef TESTS_TLS_PAIR_H
#define TESTS_TLS_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

struct tls_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
void bytes_add(struct tls_bytes *bytes, const void *data, size_t size);
void bytes_clear(struct tls_bytes *bytes);

/* How the wire hands out what waits. */
enum wire_policy {
    WIRE_WHOLE,
    WIRE_BYTES,   /* one byte more each time */
    WIRE_CUT,     /* up to the offset cut of what goes to cut_role, then all */
    WIRE_FLIGHTS, /* each send up to the offset cut of its own, then all */
    WIRE_RANDOM,  /* by seed */
};

/* How an end answers its questions. */
enum answer {
    ANSWER_ACCEPT,
    ANSWER_REFUSE, /* with the end's reason */
    ANSWER_KEEP,   /* the test answers, and frees */
    ANSWER_DROP,   /* keep, and free before the callback returns */
    ANSWER_NOT,
};

enum event {
    EVENT_READY,
    EVENT_QUESTION, /* before the end's answer is given */
    EVENT_WITHDRAWN,
    EVENT_NOTICE,
    EVENT_DATA,
    EVENT_END,
    EVENT_WRITABLE,
    EVENT_STREAM_CLOSED,
    EVENT_CLOSED,
    EVENT_SEND,
    EVENT_TRACE,
    EVENT_RESUME,
};

#define PAIR_LOG 4096
#define PAIR_FLIGHTS 64

struct tls_pair;

struct tls_end {
    struct tls_pair *pair;
    struct tls_end *peer;
    int role;
    sessile_session *session; /* NULL once it is freed */
    sessile_stream *stream;   /* kept */
    int started;              /* what connect or accept returned */

    /* To be set before pair_start(). */
    int no_question, no_end, no_data, no_resume; /* no such callback */
    int keylog, traced;
    /* May be set at any time. */
    enum answer answer;
    int reason;
    int (*hook)(struct tls_end *end, enum event event); /* its result is the callback's */
    int send_fails;
    int echo; /* write back what arrives */

    /* The wire to this end. */
    struct tls_bytes wire; /* all that ever came */
    size_t last;           /* where the last flight begins */
    size_t shown;
    size_t taken;
    int again;    /* resume came */
    int refusing; /* receive returned -1 */
    int eof;      /* told that the wire is gone */

    /* What was seen. */
    size_t flights;
    size_t flight_sizes[PAIR_FLIGHTS];
    struct tls_bytes data;
    struct tls_bytes pending; /* to be written when the session is writable */
    int ready, ended, stream_closed, closed, comm_closed, released, questions, withdrawn, tickets, writable;
    int error;        /* as told by closed */
    int stream_error; /* as told by the stream's closed */
    sessile_question *question;
    struct tls_bytes ticket; /* the last */
    struct tls_bytes keys;   /* key log, a line each */
    int sending;
    char log[PAIR_LOG];   /* "ready data:5 end stream_closed:OK closed:OK" */
    char trace[PAIR_LOG]; /* "<client_hello >server_hello ..." */
};

struct tls_pair {
    struct tls_end client;
    struct tls_end server;
    /* To be set before pair_start(). */
    sessile_tls_config *client_config; /* NULL: no such end */
    sessile_tls_config *server_config;
    const char *host;
    const void *ticket; /* for the client to resume */
    size_t ticket_size;
    int64_t time; /* of the client, and of the server; 0: not set */
    int64_t server_time;
    /* At any time. */
    enum wire_policy policy;
    int cut_role;
    size_t cut;
    uint32_t seed;
    int no_eof; /* a closed wire is not told to the other end */
    /* One bit of what goes to flip_role changes on the way, at this offset. flip 0: none does. */
    int flip_role;
    size_t flip_at;
    uint8_t flip;
};

/* The configs are borrowed. */
void pair_init(struct tls_pair *pair, sessile_tls_config *client, sessile_tls_config *server);
/* Create, connect, accept. Returns 0 or the first error. */
int pair_start(struct tls_pair *pair);
/* Hand over until nothing moves any more. */
void pair_run(struct tls_pair *pair);
/* pair_init, pair_start and pair_run: both must be ready then. */
void pair_open(struct tls_pair *pair, sessile_tls_config *client, sessile_tls_config *server);
void pair_free(struct tls_pair *pair);
/* Both are ready. */
int pair_ready(const struct tls_pair *pair);

/* Write all of it, now and whenever the session is writable. */
void end_write(struct tls_end *end, const void *data, size_t size);
/* Bytes from elsewhere, as if the peer had sent them. */
void end_inject(struct tls_end *end, const void *data, size_t size);
/* The wire to this end is gone. */
void end_wire_gone(struct tls_end *end);
void end_free_session(struct tls_end *end);
/* Everything that arrived on the stream is this text, and the text is forgotten. */
int end_got(struct tls_end *end, const char *text);
/* Give a kept question's answer, and its reference back. Returns what the library did. */
int end_accept(struct tls_end *end);
int end_refuse(struct tls_end *end, int reason);

/* With a message that says what happened. */
#define assert_ready(pair) pair_assert_ready((pair), __FILE__, __LINE__)
#define assert_failed(end, code) end_assert_failed((end), (code), __FILE__, __LINE__)
#define assert_contains(text, part) text_assert_contains((text), (part), __FILE__, __LINE__)
void pair_assert_ready(const struct tls_pair *pair, const char *file, int line);
/* The end is closed with this error, which sticks: every function refuses. */
void end_assert_failed(struct tls_end *end, int code, const char *file, int line);
void text_assert_contains(const char *text, const char *part, const char *file, int line);

#endif
