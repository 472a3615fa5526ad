/* SPDX-License-Identifier: Apache-2.0
 *
 * One SSH session, for the files of this folder: what the layers share. Transport knows packets and keys, auth knows
 * users, connection knows channels; each has a header of its own, and this file says how they meet.
 *
 * Bytes in: engine.c's unit -> ident.c or packet.c -> message_dispatch(): may this role take this message now? -> the
 * handler, which gets a reader of what stands behind the number. Bytes out: ssh_send() and ssh_send_data(): at once, or
 * behind a key exchange that is on. A handler returns 0, or a negative code after ssh_fail(); the dispatcher checks
 * that it has read to the end (get_rest() where it does not care), and that the session is not over.
 */
#ifndef SSH_SSH_H
#define SSH_SSH_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/comm.h>
#include <sessile/question.h>
#include <sessile/session.h>
#include <sessile/ssh.h>
#include <sessile/stream.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "session/engine.h"
#include "ssh/config.h"
#include "ssh/transport/transport.h"

struct auth;
struct connection;

enum ssh_phase {
    SSH_IDENT,   /* the peer's identification line has not come */
    SSH_KEX,     /* the first key exchange */
    SSH_SERVICE, /* protected; the service is to be asked for */
    SSH_AUTH,    /* a user authenticates */
    SSH_OPEN     /* channels */
};

struct ssh {
    sessile_session *session;
    sessile_ssh_config *config; /* held */
    uint8_t role;               /* SESSILE_CLIENT, SESSILE_SERVER */
    uint8_t phase;              /* enum ssh_phase: changed by ssh_enter() alone */
    uint16_t port;              /* client: for known_hosts */
    uint32_t early_packets;     /* taken before authentication */
    struct transport transport;
    struct auth *auth;             /* from SSH_SERVICE until SSH_OPEN */
    struct connection *connection; /* from SSH_OPEN on */
    char *host;                    /* client */
    char *user;                    /* client: from connect on; server: once it is named */
    char *methods;                 /* what authenticated the user, or, on a client, has so far */
    char *can_continue;            /* client: what the server said last */
    char *peer_address;            /* server, where it was told */
    sessile_key *host_key;         /* held */
    uint8_t *host_signature;       /* client: the server's over the session id */
    size_t host_signature_size;
    sessile_key *user_key; /* server: held */
};

struct guard;
struct ssh *ssh_of(sessile_session *session);
/* Enter a session for a public call: ERR_ARGUMENT, ERR_GONE, ERR_BUSY; ERR_MISUSE where it is not an SSH session;
 * ERR_CLOSED where it is over. *ssh is set on success, and guard_leave() is the caller's to call. */
int ssh_guard(struct guard *guard, sessile_session *session, struct ssh **ssh);
/* The same for getters, also of a session that is over: calls nobody back. */
int ssh_guard_quiet(struct guard *guard, sessile_session *session, struct ssh **ssh);
struct ssh *ssh_of_stream(const sessile_stream *stream);

/* The one place that changes the phase; only to the next. SSH_OPEN frees auth, makes the connection, and calls ready. 0
 * or a negative code: the session is over. */
int ssh_enter(struct ssh *ssh, enum ssh_phase phase);

/* Disconnect reasons (RFC 4253, section 11.1). 0 for ssh_fail(): say nothing to the peer. */
#define DISCONNECT_HOST_NOT_ALLOWED 1
#define DISCONNECT_PROTOCOL_ERROR 2
#define DISCONNECT_KEY_EXCHANGE_FAILED 3
#define DISCONNECT_MAC_ERROR 5
#define DISCONNECT_COMPRESSION_ERROR 6
#define DISCONNECT_SERVICE_NOT_AVAILABLE 7
#define DISCONNECT_VERSION_NOT_SUPPORTED 8
#define DISCONNECT_HOST_KEY_NOT_VERIFIABLE 9
#define DISCONNECT_CONNECTION_LOST 10
#define DISCONNECT_BY_APPLICATION 11
#define DISCONNECT_NO_MORE_AUTH_METHODS 14
/* Send DISCONNECT with the reason and a general text, then fail the session with the precise one. Returns code. */
int ssh_fail(struct ssh *ssh, int reason, int code, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What most of them are: PROTOCOL_ERROR, ERR_PROTOCOL. */
int ssh_protocol(struct ssh *ssh, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ssh_no_memory(struct ssh *ssh, const char *what);

/* Whether a key's certificate is signed by an algorithm that the config's list for authorities has. */
int ssh_authority_allowed(const struct ssh *ssh, const sessile_key *key);

/* ---- Sending (transport/send.c) ---- */

/* Room that suits most messages: struct writer w = writer_in(room, sizeof room). */
#define MESSAGE_ROOM 512

/* Send a message: payload[0] is its number. While a key exchange is on, what may not go out then (RFC 4253,
 * section 7.1) waits, in order, up to a limit: beyond it the session fails with ERR_LIMIT. 0 or a negative code: the
 * session is over. */
int ssh_send(struct ssh *ssh, const void *payload, size_t size);
/* The same for what a writer has; frees the writer. A failed writer fails the session for want of memory. */
int ssh_send_message(struct ssh *ssh, struct writer *w);
/* A message whose last field is body, sealed from where it is: for bulk data. Only where ssh_sends_data(), and body is
 * at most ssh_data_room(). */
int ssh_send_data(struct ssh *ssh, const void *head, size_t head_size, const void *body, size_t body_size);
/* Whether messages of the connection layer go out at once: no key exchange is on. */
int ssh_sends_data(const struct ssh *ssh);
/* The most bytes of body that ssh_send_data() may take now, 0 where none: the outbox's room, one packet. */
size_t ssh_data_room(const struct ssh *ssh, size_t head_size);

/* ---- Messages (transport/messages.c) ---- */

#define MSG_DISCONNECT 1
#define MSG_IGNORE 2
#define MSG_UNIMPLEMENTED 3
#define MSG_DEBUG 4
#define MSG_SERVICE_REQUEST 5
#define MSG_SERVICE_ACCEPT 6
#define MSG_EXT_INFO 7
#define MSG_KEXINIT 20
#define MSG_NEWKEYS 21
#define MSG_KEX_INIT 30  /* KEXDH_INIT, KEX_ECDH_INIT, KEX_HYBRID_INIT */
#define MSG_KEX_REPLY 31 /* and KEX_DH_GEX_GROUP */
#define MSG_KEX_GEX_INIT 32
#define MSG_KEX_GEX_REPLY 33
#define MSG_KEX_GEX_REQUEST 34
#define MSG_USERAUTH_REQUEST 50
#define MSG_USERAUTH_FAILURE 51
#define MSG_USERAUTH_SUCCESS 52
#define MSG_USERAUTH_BANNER 53
#define MSG_USERAUTH_60 60 /* PK_OK, PASSWD_CHANGEREQ, INFO_REQUEST */
#define MSG_USERAUTH_INFO_RESPONSE 61
#define MSG_GLOBAL_REQUEST 80
#define MSG_REQUEST_SUCCESS 81
#define MSG_REQUEST_FAILURE 82
#define MSG_CHANNEL_OPEN 90
#define MSG_CHANNEL_OPEN_CONFIRMATION 91
#define MSG_CHANNEL_OPEN_FAILURE 92
#define MSG_CHANNEL_WINDOW_ADJUST 93
#define MSG_CHANNEL_DATA 94
#define MSG_CHANNEL_EXTENDED_DATA 95
#define MSG_CHANNEL_EOF 96
#define MSG_CHANNEL_CLOSE 97
#define MSG_CHANNEL_REQUEST 98
#define MSG_CHANNEL_SUCCESS 99
#define MSG_CHANNEL_FAILURE 100
#define MSG_PING 192 /* ping@openssh.com */
#define MSG_PONG 193

enum message_verdict { MESSAGE_HANDLE, MESSAGE_IGNORE, MESSAGE_UNIMPLEMENTED, MESSAGE_REFUSE };

/* May a role take a message? Pure: the table's own answer. strict: strict key exchange is in force. */
enum message_verdict message_verdict(int role, enum ssh_phase phase, enum kex_stage stage, int strict, int number);
/* Take one message, number and all. 0 or a negative code: the session is over. */
int message_dispatch(struct ssh *ssh, const uint8_t *payload, size_t size);
/* "CHANNEL_DATA"; "message" for a number that has no name. */
const char *message_name(int number);
const char *phase_name(enum ssh_phase phase);
/* Skip what is left. */
void get_rest(struct reader *r);
/* A string of text from the peer, at most most bytes, without NUL bytes; else the reader fails. */
struct reader get_text(struct reader *r, size_t most);
/* Whether a reader's bytes are that text. */
int reader_is(const struct reader *r, const char *text);
/* The reader's bytes escaped, for error texts. */
#define ESCAPED_ROOM 160
const char *reader_escape(char room[ESCAPED_ROOM], const struct reader *r);

/* ---- Lists of names (ssh/names.c) ---- */

/* The first name of ours that is in theirs too; NULL and *size 0: there is none. */
const char *names_first_common(const char *ours, const char *theirs, size_t theirs_size, size_t *size);
int names_have(const char *list, const char *name, size_t size);
/* Walk a list: *at is 0 at first; NULL at the end. list ends with NUL, here and in names_have(). */
const char *names_next(const char *list, size_t *at, size_t *size);

#endif
