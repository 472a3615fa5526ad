/* SPDX-License-Identifier: Apache-2.0
 *
 * One TLS session, for the files of this folder.
 *
 * Invariants: libssl is entered only through tls_handshake(), tls_read(), tls_write(), tls_send_close() and
 * tls_key_update(); never while a question is open, never after its fatal error (dead), and never with an application
 * callback on its stack: what its callbacks learn is noted here and told once it has been left.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "session/engine.h"
#include "tls/config.h"

enum tls_phase {
    TLS_PREPARED,     /* made before connect or accept, to hold what those need */
    TLS_HANDSHAKE,    /* libssl's handshake goes on with the next record */
    TLS_ASKING_HELLO, /* libssl waits in its client hello callback */
    TLS_ASKING_PEER,  /* a client's libssl waits in its verification callback */
    TLS_CONFIRMING,   /* the handshake is complete; application data waits for the answer about the peer */
    TLS_OPEN
};

struct tls_note; /* notes.c */
struct tls_hello;

struct tls {
    sessile_session *session;
    sessile_stream *stream; /* held */
    SSL *ssl;
    sessile_tls_config *config; /* held; the chosen one */
    enum tls_phase phase;
    int role;

    /* The record that libssl may read now: the caller's own bytes. */
    const uint8_t *window;
    size_t window_left;
    uint8_t *scratch; /* decrypted data, while somebody is inside */
    size_t scratch_used;

    char *host;
    struct tls_note *notes;  /* in order of arrival */
    struct tls_hello *hello; /* server, while a config is being chosen */
    uint8_t *resume;         /* client: what tls_resume brought, until connect */
    size_t resume_size;
    const char *why; /* what a callback of libssl's found wrong; static */
    int why_code;    /* and the session's error for it */
    char *alpn;      /* chosen by the answer to a hello question, then what was negotiated */

    unsigned tickets; /* noted and not told yet */
    int verify_code;
    int peer_outcome; /* QUESTION_* */
    int alert;        /* the alert that a refusal asked for, or 0 */

    unsigned dead : 1;       /* libssl had a fatal error */
    unsigned confirm : 1;    /* the peer's certificate waits for the application's yes */
    unsigned owes_close : 1; /* close_notify goes out when libssl has read a message of the peer's to its end */
    unsigned buffered : 1;   /* libssl may hold a record buffer that its own release leaves out */
    unsigned sent_close : 1; /* close_notify: nothing follows it */
    unsigned got_close : 1;
    unsigned keylog : 1;
    unsigned replaying : 1; /* libssl reads a client hello again */
    unsigned heard : 1;     /* a record has arrived */
};

/* engine.c */
extern const struct engine tls_engine;
/* The TLS state of a session that has not begun, made if there is none. 0, ERR_MISUSE or ERR_MEMORY. */
int tls_prepare(sessile_session *session, struct tls **result);
int tls_send_close(struct tls *t);

/* bio.c */
BIO *tls_bio_new(struct tls *t);
struct tls *tls_of(const SSL *ssl);

/* Have libssl answer a record header that it will refuse, with the alert that is due. */
void tls_refuse_header(struct tls *t, const uint8_t *header, size_t size);

/* record.c: the size of the record at the start of data; 0 where more is needed (said to the session); negative:
 * failed. */
#define TLS_RECORD_MAX (5 + SSL3_RT_MAX_ENCRYPTED_LENGTH)
int tls_record(struct tls *t, const uint8_t *data, size_t size);

/* handshake.c */
int tls_start(struct tls *t);
int tls_handshake(struct tls *t);
void tls_answered(sessile_session *session, sessile_question *question);

/* hello.c */
int tls_hello_callback(SSL *ssl, int *alert, void *unused);
/* Keep a record while the client hello is not complete. 0 or negative (failed). */
int tls_hello_keep(struct tls *t, const uint8_t *record, size_t size);
int tls_hello_prepare(struct tls *t);
int tls_hello_ask(struct tls *t);
int tls_hello_answered(struct tls *t, sessile_question *question);
void tls_hello_free(struct tls *t);

/* verify.c */
/* The address that host is, or NULL. The caller frees it. */
int tls_address_of(const char *host, ASN1_OCTET_STRING **address);
int tls_verify_callback(X509_STORE_CTX *store, void *unused);
int tls_status_callback(SSL *ssl, void *unused);
int tls_peer_ask(struct tls *t);
int tls_peer_answered(struct tls *t, sessile_question *question);
/* The handshake is complete: does it prove who the peer is? 0 or negative (failed). Sets confirm. */
int tls_peer_check(struct tls *t);

/* info.c: the certificates that the peer sent, its own first; borrowed. */
size_t tls_peer_count(const struct tls *t);
X509 *tls_peer(const struct tls *t, size_t index);

/* resume.c */
int tls_new_session_callback(SSL *ssl, SSL_SESSION *ticket);
int tls_ticket_key_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                            int sealing);
/* Offer the session that was brought for this host and config, if it is theirs. 0 or ERR_MEMORY. */
int tls_resume_offer(struct tls *t);

/* notes.c: what libssl's callbacks noted, told when it has been left. tls_tell: 0, or negative where the session is
 * over. */
void tls_note(struct tls *t, int kind, const void *data, size_t size);
void tls_keylog_callback(const SSL *ssl, const char *line);
void tls_message_callback(int sent, int version, int type, const void *data, size_t size, SSL *ssl, void *unused);
int tls_tell(struct tls *t);
void tls_notes_free(struct tls *t);

/* failure.c: turn libssl's error queue into the session's error, and leave it clean. Returns the code. */
int tls_fail(struct tls *t, const char *doing);
/* Note, inside a callback of libssl's, what tls_fail() shall say. */
void tls_why(struct tls *t, int code, const char *why);
const char *tls_alert_name(int alert);

#endif
