/* SPDX-License-Identifier: Apache-2.0
 *
 * The insides of the connection layer, for the files of this folder only.
 *
 * A channel belongs to two: to the table of numbers, until both sides have sent CLOSE (or its opening was refused), and
 * to its stream, until the session core lets that go. Whoever is last frees it. A channel whose stream is gone is one
 * that this side has aborted: what still arrives for it is dropped.
 *
 * Each direction of a channel is a half with a state of its own. channel_move() alone changes it, and only along its
 * table; what is to follow from a change is decided afterwards, from the two states.
 */
#ifndef SSH_CONNECTION_CHANNEL_H
#define SSH_CONNECTION_CHANNEL_H

#include "session/guard.h"
#include "ssh/connection/connection.h"
#include "ssh/connection/fields.h"
#include "ssh/connection/replies.h"

/* The largest piece of data in one message: what we take and what we send. */
#define CHANNEL_PACKET 32768
/* A peer that takes less than this in one message would have us wrap every few bytes in a packet of their own. */
#define CHANNEL_PACKET_LEAST 256
/* Windows, in bytes: at first, and what every channel up to the limit can count on. */
#define WINDOW_FIRST 2097152
#define WINDOW_LEAST 32768
/* Our own requests without an answer, for one channel and for the session. */
#define ASKED_MAX 32
#define WISHES_MAX 32
#define FORWARDS_MAX 256
/* Messages in a row that say nothing: empty data, windows that grow by 0, a second exit status. */
#define EMPTY_MAX 1024
#define HOST_TEXT_MAX 255
#define PATH_TEXT_MAX 4096
#define NAME_TEXT_MAX 256

/* Reasons to refuse a channel (RFC 4254, section 5.1). */
#define OPEN_PROHIBITED 1
#define OPEN_CONNECT_FAILED 2
#define OPEN_UNKNOWN_TYPE 3
#define OPEN_SHORTAGE 4

enum channel_side { CHANNEL_IN, CHANNEL_OUT };
enum half {
    HALF_SHUT, /* the channel is being opened */
    HALF_OPEN,
    HALF_EOF,    /* EOF has passed */
    HALF_CLOSED, /* CLOSE has passed */
    HALVES
};

/* A session channel's one program: shell, exec or subsystem. */
enum program { PROGRAM_NONE, PROGRAM_ASKED, PROGRAM_GRANTED };

struct channel;

struct channel_type {
    const char *name;
    uint8_t taker; /* the role that the other one opens it to */
    struct field fields[FIELDS_MAX];
    /* Whether the taker has asked for such channels, and the opener may open one. NULL: needs no asking. */
    int (*wanted)(struct ssh *ssh, const struct field_value *values);
    /* One was opened. NULL: nothing to note. */
    void (*opened)(struct ssh *ssh);
};

extern const struct channel_type type_session;
extern const struct channel_type type_direct_tcp;
extern const struct channel_type type_direct_unix;
extern const struct channel_type type_forwarded_tcp;
extern const struct channel_type type_forwarded_unix;
extern const struct channel_type type_x11;
extern const struct channel_type type_agent;

/* What only some channels have: made when it is needed. */
struct channel_notes {
    int64_t exit_status; /* negative: none */
    char *exit_signal;
    char *exit_message;
    char *signal;
    uint32_t terminal[4]; /* columns, rows, width, height */
    uint32_t open_reason;
    uint32_t break_length;
    uint8_t core_dumped;
    uint8_t xon_xoff;
    char *open_text;
};

struct channel {
    struct ssh *ssh;
    sessile_stream *stream; /* NULL once that is gone */
    const struct channel_type *type;
    struct replies requests; /* the peer's, that are not answered */
    struct channel_notes *notes;
    uint64_t asked; /* our own without an answer, the oldest lowest: 2 bits each, enum asked */
    uint32_t id;
    uint32_t peer_id;
    uint32_t peer_window; /* what may still be sent */
    uint32_t peer_packet;
    uint32_t window; /* all that the peer may have under way: given, unread and due */
    uint32_t given;  /* what it may still send */
    uint8_t in;      /* enum half */
    uint8_t out;
    uint8_t asked_count;
    uint8_t environment; /* env requests so far */
    uint8_t program;     /* enum program */
    uint8_t turns;       /* half windows that were used since the window last grew */
    unsigned listed : 1; /* in the table */
    unsigned ours : 1;   /* opened by this side */
    unsigned x11 : 1;    /* X11 forwarding was asked for and granted; for one connection alone */
    unsigned x11_single : 1;
    unsigned agent : 1;
    unsigned command : 1; /* shell or exec was granted: its end has a status */
    unsigned exit_sent : 1;
    unsigned exit_come : 1;
};

/* A global request that a role takes. */
struct global_type {
    const char *name;
    uint8_t taker;
    uint8_t is_path; /* of forwardings: a path, not a host and a port */
    uint8_t cancels;
    struct field fields[FIELDS_MAX];
    /* Returns REQUEST_*, or a negative code. NULL: a forwarding, with fields. */
    int (*take)(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted);
    /* What follows the number in a reply that grants it. NULL: nothing. 0; a negative code: it is denied after all. */
    int (*reply)(struct ssh *ssh, const struct reply *reply, struct writer *w);
};

struct wish;
struct forward;

/* What a session holds for its channels. Small, as most sessions are idle. */
struct connection {
    struct channel **slots; /* by number; a free one holds the next free one's number, see table.c */
    uint32_t capacity;
    uint32_t free_slot;
    uint32_t count;   /* channels */
    uint16_t empties; /* EMPTY_MAX */
    uint8_t wish_count;
    uint8_t proofs;          /* hostkeys-prove-00 requests answered */
    uint64_t windows;        /* the sum of all channels' */
    struct replies requests; /* the peer's global requests that are not answered */
    struct wish *wishes;     /* ours, in order */
    struct forward *forwards;
    unsigned no_more_sessions : 1;
    unsigned host_keys_seen : 1;
};

/* ---- table.c ---- */

/* Give a channel a number. 0, or ERR_MEMORY. */
int table_add(struct connection *connection, struct channel *channel);
struct channel *table_find(const struct connection *connection, uint32_t id);
/* Its number is free again, and its window the session's. */
void table_remove(struct connection *connection, struct channel *channel);
/* Walk all: *at is 0 at first; NULL at the end. */
struct channel *table_next(const struct connection *connection, uint32_t *at);
/* Free what is left, channels without a stream, and the table. */
void table_free(struct connection *connection);

/* ---- channel.c ---- */

/* A channel with a number and a stream. NULL: no memory. */
struct channel *channel_new(struct ssh *ssh, const struct channel_type *type, int ours);
/* Free it if neither table nor stream has it. */
void channel_release(struct channel *channel);
/* Change a half. 0, or -1 where its state does not lead there: nothing has changed. */
int channel_move(struct channel *channel, enum channel_side side, enum half to);
/* The channel that a message is for: 0, or a negative code after ssh_fail() where it has none that may have messages.
 */
int channel_get(struct ssh *ssh, struct reader *r, const char *message, struct channel **channel);
/* Send a message of a number and the peer's channel alone: EOF, CLOSE, SUCCESS, FAILURE. */
int channel_send(struct channel *channel, int number);
/* Send CLOSE where this side is done with the channel. */
int channel_close_if_due(struct channel *channel);
/* It is out of the table, and its stream is over. */
void channel_finish(struct channel *channel, int error);
/* NULL: the session has failed for want of memory. */
struct channel_notes *channel_notes(struct channel *channel);
/* Enter a session for a public call on a stream that is a channel: 0, or an error. A getter's, which finds NULL where
 * there is nothing left to get, has left again then. */
int channel_guard(struct guard *guard, sessile_stream *stream, struct channel **channel);
struct channel *channel_look(struct guard *guard, sessile_stream *stream);
/* One more message that says nothing. 0, or a negative code: too many in a row. */
int channel_count_empty(struct ssh *ssh, const char *what);
/* The application has too much waiting for the end of a key exchange. */
int connection_is_full(const struct ssh *ssh);
/* A text of the peer's, escaped, at most 1024 bytes of it. NULL: no memory, the session has failed. */
char *escaped_copy(struct ssh *ssh, const struct reader *text);

/* ---- window.c ---- */

/* Set a new channel's window; what it may send at once is the caller's to give. 0, or -1: the session has no more. */
int window_reserve(struct channel *channel);
void window_release(struct channel *channel);
/* Bytes have arrived: 0, or a negative code after ssh_fail(). */
int window_take(struct channel *channel, size_t size, const char *message);
/* Give the peer what is due, if that is worth a message and one may go out. 0 or a negative code. */
int window_credit(struct channel *channel);
/* The same for all channels. */
int window_credit_all(struct ssh *ssh);

/* ---- open.c ---- */

/* The peer's channel is not opened: it and its stream, which the application has not seen, are gone. */
int open_refuse(struct channel *channel, uint32_t reason, int error);
void open_answered(struct ssh *ssh, sessile_question *question);

/* ---- request.c ---- */

enum asked { ASKED_OTHER, ASKED_X11, ASKED_X11_SINGLE, ASKED_AGENT };

void request_answered(struct ssh *ssh, sessile_question *question);
/* Begin a CHANNEL_REQUEST to the peer. */
void request_begin(struct writer *w, const struct channel *channel, const char *name, int want_reply);

/* ---- exit.c: what arrives ---- */

#define REQUEST_DONE 0
#define REQUEST_DENIED 1
#define REQUEST_WAITS 2 /* its answer is seen to */
/* Each returns REQUEST_*, or a negative code. */
int exit_take_status(struct channel *channel, const struct field_value *values);
int exit_take_signal(struct channel *channel, const struct field_value *values);

/* ---- global.c ---- */

/* What this side has asked for, until it is answered. */
struct wish {
    struct wish *next;
    /* r: what follows the number of REQUEST_SUCCESS, to be read to its end; NULL: it was refused. */
    int (*answered)(struct ssh *ssh, struct wish *wish, struct reader *r);
    struct forward *forward;
    struct writer keys; /* hostkeys.c */
};
/* Room for one more: ERR_MEMORY, or ERR_LIMIT where too many are unanswered. */
int wish_new(struct ssh *ssh, int (*answered)(struct ssh *ssh, struct wish *wish, struct reader *r),
             struct wish **wish);
void wish_free(struct wish *wish);
/* Send its request; it waits for its answer. Frees w. */
int wish_send(struct ssh *ssh, struct wish *wish, struct writer *w);
/* Begin a GLOBAL_REQUEST. */
void global_begin(struct writer *w, const char *name, int want_reply);
/* Send the answers that are due. */
int global_answer(struct ssh *ssh);

/* ---- forward.c ---- */

int forward_tcp_wanted(struct ssh *ssh, const struct field_value *values);
int forward_unix_wanted(struct ssh *ssh, const struct field_value *values);
int forward_x11_wanted(struct ssh *ssh, const struct field_value *values);
int forward_agent_wanted(struct ssh *ssh, const struct field_value *values);
void forward_x11_opened(struct ssh *ssh);
/* Server: the host or path as the client wrote it, which is what it knows the forwarding by. NULL: there is none. */
const char *forward_name(struct ssh *ssh, const char *text, int port, int is_path);
/* Server: a request has arrived. Returns REQUEST_*, or a negative code. */
int forward_recv(struct ssh *ssh, const struct global_type *type, const struct field_value *values, int wanted);
int forward_put_port(struct ssh *ssh, const struct reply *reply, struct writer *w);
void forward_answered(struct ssh *ssh, sessile_question *question);
/* Client: the server's answer. r: what follows the number of REQUEST_SUCCESS; NULL: it refused. */
int forward_granted(struct ssh *ssh, struct wish *wish, struct reader *r);
int forward_cancelled(struct ssh *ssh, struct wish *wish, struct reader *r);
void forward_free_all(struct connection *connection);

/* ---- hostkeys.c ---- */

int host_keys_announce(struct ssh *ssh);
/* Client: the server has announced its keys. */
int host_keys_recv(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted);
/* Server: a request for proofs, and its answer. */
int host_keys_recv_prove(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted);
int host_keys_put_proofs(struct ssh *ssh, const struct reply *reply, struct writer *w);
/* Client: the proofs are here. r: as for forward_granted(). */
int host_keys_proven(struct ssh *ssh, struct wish *wish, struct reader *r);

#endif
