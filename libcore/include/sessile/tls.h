/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS 1.2 (RFC 5246) and 1.3 (RFC 8446), client and server, on OpenSSL's libssl.
 *
 * A config says what a session may do. It is filled once, cannot be changed once it is used, and is shared by any
 * number of sessions in any number of threads. Verification is on by default. There is no renegotiation, no compression
 * and no early data. Signing is synchronous, also where the key is held by a provider (OSSL_STORE URIs): libssl cannot
 * suspend it.
 */
#ifndef SESSILE_TLS_H
#define SESSILE_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What TLS sessions have in common. Reference counted: sessions and other configs hold what they use. */
typedef struct sessile_tls_config sessile_tls_config;
/* Session ticket keys of servers: thread-safe, shared by configs, rotated while in use. Reference counted. */
typedef struct sessile_tls_tickets sessile_tls_tickets;

/* ---- Config ----
 *
 * Setters copy what they are given. They return 0 or an error, and then sessile_tls_config_error_text() says more;
 * ERR_MISUSE once the config is in use. Not thread-safe until then. */

/* role: SESSILE_CLIENT or SESSILE_SERVER. NULL: no memory, or no such role. A client verifies the server against the
 * system's trust unless told otherwise; a server asks for no client certificate. TLS 1.2 and 1.3, libssl's default
 * ciphers. */
SESSILE_API sessile_tls_config *sessile_tls_config_new(int role);
/* Give the caller's reference back. NULL is ignored. */
SESSILE_API void sessile_tls_config_free(sessile_tls_config *config);
/* What the last failed call on this config was about; "" where none failed. Valid until the next call on it. */
SESSILE_API const char *sessile_tls_config_error_text(sessile_tls_config *config);
/* Check that the config is complete (a server has a certificate and its key, or a PSK), and make it immutable. Connect
 * and accept do this too; calling it earlier shows the error where it is made. */
SESSILE_API int sessile_tls_config_check(sessile_tls_config *config);

/* Own certificate and key. A server may have one of each key type (RSA, ECDSA, Ed25519): set each certificate, then its
 * key. data: PEM with the chain in order, own first, or one DER certificate. At most 1 MiB. */
SESSILE_API int sessile_tls_config_set_certificate(sessile_tls_config *config, const void *data, size_t size);
SESSILE_API int sessile_tls_config_set_certificate_file(sessile_tls_config *config, const char *path);
/* data: a private key in PEM (PKCS#8, encrypted or not, PKCS#1, SEC1) or DER. Belongs to the certificate set last;
 * ERR_ARGUMENT where it does not fit. */
SESSILE_API int sessile_tls_config_set_key(sessile_tls_config *config, const void *data, size_t size);
SESSILE_API int sessile_tls_config_set_key_file(sessile_tls_config *config, const char *path);
/* A PKCS#12 bundle: key, certificate, chain. */
SESSILE_API int sessile_tls_config_set_pkcs12(sessile_tls_config *config, const void *data, size_t size);
/* Key and certificates from an OSSL_STORE URI: file:, or pkcs11: where a provider for it is loaded. */
SESSILE_API int sessile_tls_config_set_uri(sessile_tls_config *config, const char *uri);

/* The passphrase for what is loaded next. data, size: copied, wiped; size 0 takes it away. At most 1024 bytes. */
SESSILE_API int sessile_tls_config_set_passphrase(sessile_tls_config *config, const void *data, size_t size);
/* Asks for a passphrase when an encrypted key needs one and none is set. buffer, size: to be filled; not terminated.
 * Returns the length, or a negative number to give up. Called once per load, when libcrypto is not on the stack. */
typedef int (*sessile_tls_passphrase)(void *buffer, size_t size, void *app);
SESSILE_API int sessile_tls_config_set_passphrase_callback(sessile_tls_config *config,
                                                           sessile_tls_passphrase passphrase, void *app);

/* Trust: whom to believe. Calls add up; a client without any trusts the system's default. */
SESSILE_API int sessile_tls_config_trust_system(sessile_tls_config *config);
/* data: one or more CA certificates in PEM, or one in DER. */
SESSILE_API int sessile_tls_config_trust(sessile_tls_config *config, const void *data, size_t size);
SESSILE_API int sessile_tls_config_trust_file(sessile_tls_config *config, const char *path);
/* path: a directory in openssl rehash's form; read when a certificate is verified. */
SESSILE_API int sessile_tls_config_trust_dir(sessile_tls_config *config, const char *path);
/* Add a certificate revocation list (PEM or DER) and check against CRLs: the peer's own certificate, or (all_levels is
 * not 0) the whole chain. A certificate whose issuer's CRL is missing or out of date is then not trusted. */
SESSILE_API int sessile_tls_config_add_crl(sessile_tls_config *config, const void *data, size_t size, int all_levels);
/* The largest number of certificates between the peer's own and the trusted one: 0 to 100; libssl's default is 100. */
SESSILE_API int sessile_tls_config_set_verify_depth(sessile_tls_config *config, int depth);

/* Server: whether clients show a certificate. REQUIRE is what a server means that authenticates clients by certificate.
 */
#define SESSILE_TLS_CLIENT_NONE 0
#define SESSILE_TLS_CLIENT_REQUEST 1
#define SESSILE_TLS_CLIENT_REQUIRE 2
SESSILE_API int sessile_tls_config_set_client_certificate(sessile_tls_config *config, int mode);

/* Ask the application about the peer's certificate (SESSILE_QUESTION_TLS_PEER): never (the default: what is not trusted
 * fails), where it is not trusted, or always. A resumed session is asked about again. A server sends tickets only after
 * the yes. */
#define SESSILE_TLS_ASK_NEVER 0
#define SESSILE_TLS_ASK_UNTRUSTED 1
#define SESSILE_TLS_ASK_ALWAYS 2
SESSILE_API int sessile_tls_config_ask_peer(sessile_tls_config *config, int when);
/* Server: ask about each client hello (SESSILE_QUESTION_TLS_HELLO), on or off. */
SESSILE_API int sessile_tls_config_ask_hello(sessile_tls_config *config, int on);

/* Versions, inclusive. */
#define SESSILE_TLS_1_2 0x0303
#define SESSILE_TLS_1_3 0x0304
SESSILE_API int sessile_tls_config_set_versions(sessile_tls_config *config, int lowest, int highest);
/* TLS 1.2 ciphers, TLS 1.3 cipher suites, groups and signature algorithms, in openssl's list syntax. */
SESSILE_API int sessile_tls_config_set_ciphers(sessile_tls_config *config, const char *list);
SESSILE_API int sessile_tls_config_set_ciphersuites(sessile_tls_config *config, const char *list);
SESSILE_API int sessile_tls_config_set_groups(sessile_tls_config *config, const char *list);
SESSILE_API int sessile_tls_config_set_sigalgs(sessile_tls_config *config, const char *list);

/* Application protocols (RFC 7301), by preference, separated by commas: "h2,http/1.1". A server picks by its own
 * preference, and refuses a client that offers none of them (alert no_application_protocol); a client that sends no
 * such extension goes on without. */
SESSILE_API int sessile_tls_config_set_alpn(sessile_tls_config *config, const char *list);

/* Server: use another config where the client asks for this name (SNI). name: a host name, or "*." and one, which
 * stands for one label; exact names come first. other is held, brings everything of its own along, and its own names
 * are not looked at. */
SESSILE_API int sessile_tls_config_add_host(sessile_tls_config *config, const char *name, sessile_tls_config *other);
/* Server: refuse (alert unrecognized_name) a client that asks for no name or for one that was not added. */
SESSILE_API int sessile_tls_config_require_host(sessile_tls_config *config, int on);

/* Server: the ticket keys to use; without, the config has keys of its own. tickets is held. */
SESSILE_API int sessile_tls_config_set_tickets(sessile_tls_config *config, sessile_tls_tickets *tickets);
/* Server: how many tickets follow a TLS 1.3 handshake, 0 to 16 (2); 0 turns resumption off for TLS 1.2 too. */
SESSILE_API int sessile_tls_config_set_ticket_count(sessile_tls_config *config, int count);

/* OCSP stapling (RFC 6066, section 8). Server: data is a DER OCSPResponse to show. */
SESSILE_API int sessile_tls_config_set_ocsp_response(sessile_tls_config *config, const void *data, size_t size);
/* Client: ask for one. What is shown must be valid, fresh and say good; OCSP_REQUIRE refuses a server that shows none.
 */
#define SESSILE_TLS_OCSP_NONE 0
#define SESSILE_TLS_OCSP_REQUEST 1
#define SESSILE_TLS_OCSP_REQUIRE 2
SESSILE_API int sessile_tls_config_set_ocsp(sessile_tls_config *config, int mode);

/* External pre-shared keys (RFC 8446, section 4.2.11; RFC 4279). A client offers the first; a server knows all (at most
 * 1024). In TLS 1.3 they go with suites of SHA-256, which a server that has any prefers unless its suites were set.
 * identity: text of 1 to 128 bytes. data: the key, 16 to 256 bytes. */
SESSILE_API int sessile_tls_config_add_psk(sessile_tls_config *config, const char *identity, const void *data,
                                           size_t size);

/* The largest plaintext of a record that is sent, 512 to 16384 (16384). */
SESSILE_API int sessile_tls_config_set_max_send_fragment(sessile_tls_config *config, size_t size);
/* Client: negotiate a smaller largest record both ways (RFC 6066, section 4): 512, 1024, 2048 or 4096. */
SESSILE_API int sessile_tls_config_set_max_fragment(sessile_tls_config *config, size_t size);

/* Client: believe any certificate at all. Anyone on the path can read and change everything. */
SESSILE_API int sessile_tls_config_insecure_no_verify(sessile_tls_config *config);
/* Client: verify the chain but not whom it names. */
SESSILE_API int sessile_tls_config_insecure_no_host_check(sessile_tls_config *config);

/* Let the sessions of this config that ask for it give key log lines: see sessile_tls_insecure_keylog(). */
SESSILE_API int sessile_tls_config_insecure_keylog(sessile_tls_config *config);

/* ---- Ticket keys ---- */

/* With one random key. NULL: no memory. */
SESSILE_API sessile_tls_tickets *sessile_tls_tickets_new(void);
SESSILE_API void sessile_tls_tickets_free(sessile_tls_tickets *tickets);
/* Make a new random key the one that new tickets are sealed with; the last 3 before still open. Returns 0 or an error.
 */
SESSILE_API int sessile_tls_tickets_rotate(sessile_tls_tickets *tickets);
/* The same with a key of the caller's, to share among processes: 80 random bytes (name 16, AES-256 32, HMAC-SHA-256
 * 32), secret. */
SESSILE_API int sessile_tls_tickets_add(sessile_tls_tickets *tickets, const void *data, size_t size);

/* ---- Sessions ---- */

/* Begin as a client. Returns at once: ready, or closed, follows.
 * host: the server's name, or address, that its certificate must be for, and that it is asked for by (SNI); at most 253
 * bytes. NULL only with a config that does not check it. callbacks: held, NULL for none. app: handed to them. Returns
 * 0; ERR_MISUSE where the session has a protocol already; ERR_ARGUMENT; or what sessile_tls_config_check() returns.
 * Callbacks: send. */
SESSILE_API int sessile_tls_connect(sessile_session *session, sessile_tls_config *config, const char *host,
                                    sessile_callbacks *callbacks, void *app);
/* Begin as a server. Bytes that were refused before are asked for by resume. Callbacks: resume, and what that leads to.
 */
SESSILE_API int sessile_tls_accept(sessile_session *session, sessile_tls_config *config, sessile_callbacks *callbacks,
                                   void *app);

/* Client, before connect: resume an earlier session. data, size: what a SESSILE_NOTICE_TLS_TICKET brought. It is tied
 * to the host and to a config with the same content: with others, connect goes on with a full handshake. Returns 0;
 * ERR_MISUSE; ERR_ARGUMENT where the data is none of ours. */
SESSILE_API int sessile_tls_resume(sessile_session *session, const void *data, size_t size);
/* Before connect or accept, with a config that lets it (sessile_tls_config_insecure_keylog(); connect and accept return
 * ERR_MISUSE else): give key log lines (SSLKEYLOGFILE's format) by SESSILE_NOTICE_TLS_KEYLOG. Whoever has them
 * can read the session. */
SESSILE_API int sessile_tls_insecure_keylog(sessile_session *session, int on);

/* Answer a TLS_HELLO question with another config, which is held; then accept the question. Returns 0, ERR_ARGUMENT,
 * ERR_GONE, or what sessile_tls_config_check() returns. */
SESSILE_API int sessile_tls_question_use_config(sessile_question *question, sessile_tls_config *config);

/* What was negotiated; valid from ready on, until the session is freed. Text is static or the session's; "" where
 * there is none. */
/* "TLSv1.3" */
SESSILE_API const char *sessile_tls_version(sessile_session *session);
/* The standard (IANA) name, "TLS_AES_256_GCM_SHA384". */
SESSILE_API const char *sessile_tls_cipher(sessile_session *session);
/* The key exchange group, "x25519". */
SESSILE_API const char *sessile_tls_group(sessile_session *session);
SESSILE_API const char *sessile_tls_alpn(sessile_session *session);
/* The name that the client asked for. */
SESSILE_API const char *sessile_tls_sni(sessile_session *session);
/* 1 where an earlier session was resumed, else 0. */
SESSILE_API int sessile_tls_resumed(sessile_session *session);
/* The outcome of verifying the peer's certificate (X509_V_*, 0 for success); X509_V_ERR_UNSPECIFIED (1) where it showed
 * none; negative (ERR_MISUSE, ERR_BUSY) where that cannot be said, before ready. And the same in words: "no
 * certificate" where it showed none. */
SESSILE_API int sessile_tls_verify_code(sessile_session *session);
SESSILE_API const char *sessile_tls_verify_text(sessile_session *session);
/* The certificates that the peer sent, its own first, in DER. On a resumed session only its own may be known. */
SESSILE_API size_t sessile_tls_peer_count(sessile_session *session);
/* Writes at most size bytes of certificate index to data. Returns its length in bytes, or ERR_ARGUMENT (no such index,
 * or size is too small; size 0 asks for the length). */
SESSILE_API int sessile_tls_peer_certificate(sessile_session *session, size_t index, void *data, size_t size);

/* Keying material for a protocol above (RFC 5705, RFC 8446 section 7.5).
 * label: by its registration. context: may be NULL (none, which differs from an empty one in TLS 1.2). data, size:
 * filled; at most 8160 bytes. */
SESSILE_API int sessile_tls_export(sessile_session *session, const char *label, const void *context,
                                   size_t context_size, void *data, size_t size);
/* Channel bindings (RFC 5929, RFC 9266). tls-unique: TLS 1.2 only, ERR_UNSUPPORTED on 1.3. tls-server-end-point needs
 * the server's certificate. */
#define SESSILE_TLS_BINDING_UNIQUE 1
#define SESSILE_TLS_BINDING_EXPORTER 2
#define SESSILE_TLS_BINDING_SERVER_END_POINT 3
/* Writes the binding to data, of 64 bytes at least. Returns its length, or an error: ERR_UNSUPPORTED where there is
 * none. tls-unique and tls-exporter need the extended master secret in TLS 1.2 (RFC 7627); tls-server-end-point needs a
 * certificate that both ends know to have been shown, which a server cannot say of a resumed session where it has
 * several, or pre-shared keys. */
SESSILE_API int sessile_tls_channel_binding(sessile_session *session, int kind, void *data, size_t size);
/* Change the keys (RFC 8446, section 4.6.3), and have the peer change its own where request_peer is not 0. TLS 1.3
 * only. Returns 0; ERR_UNSUPPORTED; ERR_MISUSE before ready, and while a message of the peer's has arrived in part;
 * ERR_LIMIT where the batch is full, or the wire is held and has taken its share; ERR_CLOSED. Callbacks: send. */
SESSILE_API int sessile_tls_key_update(sessile_session *session, int request_peer);

#ifdef __cplusplus
}
#endif

#endif
