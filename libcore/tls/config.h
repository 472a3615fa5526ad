/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS config: an SSL_CTX and what libssl keeps no room for. Filled by setters, then sealed: complete, digested,
 * immutable, shared among threads. The engine (engine.c, handshake.c) only reads it.
 *
 * A setter prepares everything that can fail before it changes anything, so that a failed one leaves the config as it
 * was. What libssl or libcrypto cannot take back (trust) is gathered in lists, and given to the SSL_CTX when the config
 * is sealed.
 */
#ifndef TLS_CONFIG_H
#define TLS_CONFIG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <sessile/error.h>
#include <sessile/tls.h>

#include "codec/writer.h"

#define TLS_DIGEST_SIZE 32
#define TLS_CONFIG_TEXT_SIZE 320
#define TLS_IDENTITIES_MAX 8
#define TLS_PSKS_MAX 1024
#define TLS_PASSPHRASE_MAX 1024
/* Of one certificate chain, key or PKCS#12 bundle. */
#define TLS_CREDENTIAL_MAX 1048576
#define TLS_OCSP_RESPONSE_MAX 65536

/* An own certificate of one key type. */
struct tls_identity {
    X509 *certificate;
    STACK_OF(X509) *chain; /* without certificate */
    EVP_PKEY *key;         /* NULL until it is set; then all three are in the SSL_CTX */
};

struct tls_psk {
    char *identity;
    uint8_t *key;
    size_t key_size;
};

struct tls_host {
    char *name; /* lower case, without a trailing dot; "*.example.org" for a wildcard */
    sessile_tls_config *config;
};

struct sessile_tls_config {
    atomic_size_t refs;
    int role;
    atomic_int sealed;
    CRYPTO_RWLOCK *lock; /* around sealing, so that two threads may be the first */
    SSL_CTX *ctx;

    int verify;      /* client: 0 after insecure_no_verify */
    int host_check;  /* client: 0 after insecure_no_host_check */
    int trust_given; /* any trust setter succeeded: the system's is not used for want of another */
    int client_mode; /* SESSILE_TLS_CLIENT_* */
    int ask_peer;    /* SESSILE_TLS_ASK_* */
    int ask_hello;
    int require_host;
    int keylog;
    int suites_given; /* sessile_tls_config_set_ciphersuites() */
    int ocsp;         /* SESSILE_TLS_OCSP_* */
    int ticket_count;
    size_t max_send_fragment;

    struct tls_identity identities[TLS_IDENTITIES_MAX];
    size_t identity_count;
    struct tls_identity *identity; /* the one whose certificate was set last, or NULL */

    /* Trust, until it is sealed into the SSL_CTX's store. */
    STACK_OF(X509) *anchors;
    STACK_OF(X509_CRL) *crls;
    char **directories;
    size_t directory_count;
    int system_trust; /* asked for */

    uint8_t *alpn; /* wire form: length, name, ... */
    size_t alpn_size;
    uint8_t *ocsp_response;
    size_t ocsp_response_size;
    struct tls_psk *psks;
    size_t psk_count;
    struct tls_host *hosts; /* sorted by name */
    size_t host_count;
    sessile_tls_tickets *tickets; /* server: never NULL once sealed */

    /* Passphrase for what is loaded next; a NUL byte stands behind it. */
    char *passphrase;
    size_t passphrase_size;
    sessile_tls_passphrase passphrase_callback;
    void *passphrase_app;

    /* A running digest of everything that decides who is trusted and what is agreed on; final once sealed. Tickets and
     * exported sessions carry it, so that no session resumes under a config with other content. */
    EVP_MD_CTX *digesting;
    int digest_failed;
    uint8_t digest[TLS_DIGEST_SIZE];

    char text[TLS_CONFIG_TEXT_SIZE];
    /* Goes before text where it is not NULL. A sealed config belongs to many threads: only this is set then. */
    _Atomic(const char *) note;
};

/* handshake.c: install libssl's callbacks on a new SSL_CTX. */
void tls_engine_install(SSL_CTX *ctx, int role);
/* The same for a config whose sessions may give key log lines. libssl writes them for whoever listens, at a twentieth
 * of the cost of a handshake: for others nobody does. */
void tls_engine_install_keylog(SSL_CTX *ctx);

/* config.c: one more reference. */
sessile_tls_config *tls_config_keep(sessile_tls_config *config);
/* Seal for use by role. Thread-safe. 0 or an error with sessile_tls_config_error_text() set. */
int tls_config_seal(sessile_tls_config *config, int role);
/* Begin a setter: ERR_ARGUMENT for NULL, ERR_MISUSE where sealed; clears the text and OpenSSL's error queue. */
int tls_config_open(sessile_tls_config *config);
/* The same for a setter of one role: ERR_ARGUMENT where the config is the other's. */
int tls_config_open_role(sessile_tls_config *config, int role);
/* Fail a setter: format the text, append and drain OpenSSL's error queue where it has something, return code, or
 * ERR_MEMORY where that is what the queue says. */
int tls_config_fail(sessile_tls_config *config, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int tls_config_no_memory(sessile_tls_config *config);
/* Add a setting to the running digest. */
void tls_config_digest(sessile_tls_config *config, const char *setting, const void *data, size_t size);
void tls_config_digest_number(sessile_tls_config *config, const char *setting, uint64_t number);

/* credentials.c: whether every certificate has its key. 0 or an error with the text set. */
int tls_credentials_check(sessile_tls_config *config);
void tls_credentials_free(sessile_tls_config *config);

/* trust.c: make the SSL_CTX's store of what was gathered. 0 or an error with the text set; may be repeated. */
int tls_trust_seal(sessile_tls_config *config);
/* Whether the system's trust is used, asked for or not. */
int tls_trust_system(const sessile_tls_config *config);
/* Write the certificates' DER, for the digest. 0 or an error with the text set. */
int tls_describe_certificates(sessile_tls_config *config, const STACK_OF(X509) *certificates, struct writer *w);
void tls_trust_free(sessile_tls_config *config);

/* hosts.c: the config for a name that a client asked for (lower or upper case, trailing dot or not), or NULL. */
sessile_tls_config *tls_config_find_host(const sessile_tls_config *config, const char *name, size_t size);
void tls_hosts_free(sessile_tls_config *config);

/* psk.c: make the SSL_CTX prefer what pre-shared keys go with; and the key of an identity, or NULL. */
int tls_psks_seal(sessile_tls_config *config);
const struct tls_psk *tls_config_find_psk(const sessile_tls_config *config, const char *identity);
void tls_psks_free(sessile_tls_config *config);

/* tickets.c: one more reference; and libssl's ticket key callback, SSL_CTX_set_tlsext_ticket_key_evp_cb's contract,
 * over the tickets object that is given. */
sessile_tls_tickets *tls_tickets_keep(sessile_tls_tickets *tickets);
int tls_tickets_key(sessile_tls_tickets *tickets, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int sealing);

/* ocsp.c: check a stapled response (DER) for the leaf of chain, issued by one of chain or by one in store. now: seconds
 * since 1970, or a negative number for libcrypto's clock. 0, or an error code with a static text in *why. */
int tls_ocsp_check(const unsigned char *der, size_t size, STACK_OF(X509) *chain, X509_STORE *store, int64_t now,
                   const char **why);

#endif
