/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH-2 sessions (RFC 4250 to 4254 and OpenSSH's extensions): our own engine on libcrypto, client and server. There is
 * no GSSAPI, no CBC cipher, no DSA key and no group1 key exchange.
 *
 * A config holds what many sessions share: algorithms, host keys, limits, what is trusted. It is filled by setters,
 * then used: from the first connect, accept or sessile_ssh_config_check() on it cannot be changed (ERR_MISUSE). What it
 * leaves open is asked: see question.h.
 *
 * Setters return 0; ERR_ARGUMENT with a text; ERR_MISUSE once used; ERR_UNSUPPORTED; ERR_MEMORY. data, size: copied.
 */
#ifndef SESSILE_SSH_H
#define SESSILE_SSH_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "key.h"
#include "session.h"
#include "trust.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reference counted; sessions hold the one they use. */
typedef struct sessile_ssh_config sessile_ssh_config;

/* ---- Config ---- */

/* role: SESSILE_CLIENT or SESSILE_SERVER. With the default algorithms, no keys, and nothing trusted. NULL: no memory,
 * or no such role. */
SESSILE_API sessile_ssh_config *sessile_ssh_config_new(int role);
SESSILE_API void sessile_ssh_config_free(sessile_ssh_config *config);
/* What the last setter or check that failed found wrong. Valid until the next call with the config. */
SESSILE_API const char *sessile_ssh_config_error_text(sessile_ssh_config *config);
/* Seal the config, as connect and accept do: 0; ERR_ARGUMENT with a text (a server without a host key that its lists
 * allow); ERR_MEMORY. */
SESSILE_API int sessile_ssh_config_check(sessile_ssh_config *config);

/* Kinds of algorithm lists. */
#define SESSILE_SSH_KEX 1
/* Host key signatures. */
#define SESSILE_SSH_HOST_KEYS 2
#define SESSILE_SSH_CIPHERS 3
#define SESSILE_SSH_MACS 4
#define SESSILE_SSH_COMPRESSION 5
/* Signatures of users' keys: what a server accepts, what a client uses. */
#define SESSILE_SSH_USER_KEYS 6
/* Signatures of authorities under certificates. */
#define SESSILE_SSH_CA_SIGNATURES 7

/* Set a list: names separated by commas, in order of preference; or, with OpenSSH's syntax, "+names" (append to the
 * list as it is), "-names" (remove; * and ? are wildcards), "^names" (put first). ERR_ARGUMENT for a name that this
 * build does not know, and where nothing is left. Both directions of ciphers, MACs and compression share a list. */
SESSILE_API int sessile_ssh_config_set_algorithms(sessile_ssh_config *config, int kind, const char *list);
/* The list as it is. Valid until it is set again; "" for a kind that does not exist. */
SESSILE_API const char *sessile_ssh_config_algorithms(sessile_ssh_config *config, int kind);
/* Everything that this build has for a kind, separated by commas, what is insecure included. Writes at most size bytes;
 * returns the length of the whole text (where that is more than size nothing was written), or ERR_ARGUMENT. */
SESSILE_API int sessile_ssh_algorithms(int kind, void *data, size_t size);
/* Presets: they replace all lists. default: what a current OpenSSH offers, as far as this libcrypto has it. hardened:
 * no NIST curves for key exchange, no SHA-1, 2048-bit groups or encrypt-and-MAC: what ssh-audit finds nothing against.
 * insecure_compatible: default plus ssh-rsa (SHA-1) and diffie-hellman-group14-sha1 at its end, for old gear. */
SESSILE_API int sessile_ssh_config_use_default(sessile_ssh_config *config);
SESSILE_API int sessile_ssh_config_use_hardened(sessile_ssh_config *config);
SESSILE_API int sessile_ssh_config_insecure_compatible(sessile_ssh_config *config);
/* Fail with ERR_NEGOTIATION where the peer does not offer strict key exchange (OpenSSH's PROTOCOL, 1.10). */
SESSILE_API int sessile_ssh_config_require_strict_kex(sessile_ssh_config *config, int on);

/* What the identification line says behind "SSH-2.0-": printable US-ASCII without blanks and minus signs, at most 100
 * bytes. The default is "Sessile_" and the version. */
SESSILE_API int sessile_ssh_config_set_software(sessile_ssh_config *config, const char *software);
/* New keys after that many bytes, or packets, in one direction. 0: the default (1 GiB, 2^31; never more than RFC 4344
 * and the cipher allow). */
SESSILE_API int sessile_ssh_config_set_rekey(sessile_ssh_config *config, uint64_t bytes, uint64_t packets);
/* Group exchange (RFC 4419). Sizes in bits, 2048 to 8192: the client's minimum, preferred and maximum; a server
 * takes no request below minimum. */
SESSILE_API int sessile_ssh_config_set_group_sizes(sessile_ssh_config *config, int minimum, int preferred, int maximum);
/* Server: the text of a moduli file (moduli(5)). Without it, the groups of RFC 3526 are used. */
SESSILE_API int sessile_ssh_config_set_moduli(sessile_ssh_config *config, const void *data, size_t size);

/* Server: a host key: private, or public where each signature is a question (SSH_SIGN). With a certificate, it is
 * offered with and without it. key: held. One of each type. */
SESSILE_API int sessile_ssh_config_add_host_key(sessile_ssh_config *config, sessile_key *key);
/* Server: text for users to read before authentication, UTF-8, at most 16 KiB. */
SESSILE_API int sessile_ssh_config_set_banner(sessile_ssh_config *config, const void *data, size_t size);
/* Server: which methods together authenticate a user: lists separated by blanks, methods in a list by commas, each list
 * one way in: "publickey,password publickey,keyboard-interactive". All are offered as the list allows; default: any
 * one of "publickey password keyboard-interactive". "none" and "hostbased" are offered only where they are named. */
SESSILE_API int sessile_ssh_config_set_auth_methods(sessile_ssh_config *config, const char *methods);
/* Server: attempts that may fail before the session ends with ERR_LIMIT: 1 to 100, default 6. */
SESSILE_API int sessile_ssh_config_set_auth_tries(sessile_ssh_config *config, int tries);
/* Server: security keys need not be touched (insecure), or must verify their user. */
SESSILE_API int sessile_ssh_config_insecure_no_touch(sessile_ssh_config *config, int on);
SESSILE_API int sessile_ssh_config_require_user_verification(sessile_ssh_config *config, int on);

/* Client: host keys that are trusted (trust.h). held. A host key that it knows is accepted without a question; a
 * revoked one, or another than the known, fails with ERR_VERIFY and no question; an unknown one is asked
 * (SSH_HOST_KEY). */
SESSILE_API int sessile_ssh_config_set_known_hosts(sessile_ssh_config *config, sessile_known_hosts *known_hosts);
/* Client: any host key is accepted. Whoever sits on the wire can read and change everything. */
SESSILE_API int sessile_ssh_config_insecure_any_host_key(sessile_ssh_config *config, int on);
/* Client: a key of the user's, tried in the order given before any question is asked: private, or public where the
 * signature is a question (SSH_SIGN). key: held. At most 64. */
SESSILE_API int sessile_ssh_config_add_user_key(sessile_ssh_config *config, sessile_key *key);
/* Client: take the server's word for further host keys it proves to have (hostkeys-00@openssh.com): each is asked
 * (SSH_HOST_KEYS) once; not where any host key will do. Off by default. */
SESSILE_API int sessile_ssh_config_ask_new_host_keys(sessile_ssh_config *config, int on);

/* Both: revoked keys (trust.h): host keys and authorities on a client, users' keys and authorities on a server. held.
 */
SESSILE_API int sessile_ssh_config_set_krl(sessile_ssh_config *config, sessile_krl *krl);

/* Limits. */
/* Bytes that the session may hold for all its channels: windows, what waits during a rekey. Default 64 MiB. */
#define SESSILE_SSH_LIMIT_MEMORY 1
/* Channels open at once, default 1024. */
#define SESSILE_SSH_LIMIT_CHANNELS 2
/* The largest window of a channel in bytes, default 16 MiB; windows start at 2 MiB and grow by use. */
#define SESSILE_SSH_LIMIT_WINDOW 3
/* Packets that are taken before authentication, default 1000. A key exchange that the peer begins, but for the first,
 * is counted as 50. */
#define SESSILE_SSH_LIMIT_EARLY_PACKETS 4
SESSILE_API int sessile_ssh_config_set_limit(sessile_ssh_config *config, int limit, uint64_t value);
/* Let sessions give key log lines (SESSILE_NOTICE_SSH_KEYLOG, Wireshark's format). Whoever has them can read them. */
SESSILE_API int sessile_ssh_config_insecure_keylog(sessile_ssh_config *config, int on);

/* ---- Sessions ---- */

/* Begin as a client. Returns at once; ready follows when the user is authenticated.
 * host: the name or address that the host key is looked up by, at most 253 bytes; port: for the look-up as well, 22 for
 * none in particular. user: UTF-8, at most 255 bytes. callbacks: held, NULL for none. Returns 0, ERR_MISUSE where the
 * session has a protocol already, ERR_ARGUMENT, or what sessile_ssh_config_check() returns. Callbacks: send. */
SESSILE_API int sessile_ssh_connect(sessile_session *session, sessile_ssh_config *config, const char *host, int port,
                                    const char *user, sessile_callbacks *callbacks, void *app);
/* Begin as a server: ready follows when a user is authenticated. Callbacks: send; resume, and what that leads to. */
SESSILE_API int sessile_ssh_accept(sessile_session *session, sessile_ssh_config *config, sessile_callbacks *callbacks,
                                   void *app);
/* Server, after accept: the peer's address as text, for certificates' source-address. */
SESSILE_API int sessile_ssh_set_peer_address(sessile_session *session, const char *address);

/* What was negotiated. Text is valid until the session takes bytes, or is freed; "" while there is none. What the peer
 * said is as it said it, without NUL bytes: escape it before it reaches a terminal. */
#define SESSILE_SSH_INFO_KEX 1
#define SESSILE_SSH_INFO_HOST_KEY 2
#define SESSILE_SSH_INFO_CIPHER_OUT 3
#define SESSILE_SSH_INFO_CIPHER_IN 4
/* "" with an AEAD cipher. */
#define SESSILE_SSH_INFO_MAC_OUT 5
#define SESSILE_SSH_INFO_MAC_IN 6
#define SESSILE_SSH_INFO_COMPRESSION_OUT 7
#define SESSILE_SSH_INFO_COMPRESSION_IN 8
/* The peer's identification line without its end: "SSH-2.0-OpenSSH_10.0". */
#define SESSILE_SSH_INFO_PEER 9
/* The user being authenticated, then the one that is. */
#define SESSILE_SSH_INFO_USER 10
/* The method, or the methods separated by commas, that authenticated the user. */
#define SESSILE_SSH_INFO_METHODS 11
/* The methods that can continue, as the server said last (client). */
#define SESSILE_SSH_INFO_CAN_CONTINUE 12
/* The peer's server-sig-algs (RFC 8308). */
#define SESSILE_SSH_INFO_SIGNATURES 13
/* "1" with strict key exchange, else "0". */
#define SESSILE_SSH_INFO_STRICT 14
SESSILE_API const char *sessile_ssh_info(sessile_session *session, int info);
/* The session id (the first exchange hash), at most 64 bytes: its length; ERR_MISUSE before there is one. */
SESSILE_API int sessile_ssh_session_id(sessile_session *session, void *data, size_t size);
/* Client: the host key that the server proved to have, borrowed; server: the one it used. NULL before. */
SESSILE_API sessile_key *sessile_ssh_host_key(sessile_session *session);
/* Client: the server's signature over the session id, as sessile_agent_bind() takes it: its length (where that is more
 * than size, nothing was written); ERR_MISUSE before there is one. */
SESSILE_API int sessile_ssh_host_signature(sessile_session *session, void *data, size_t size);
/* Server: the key (with its certificate) that authenticated the user, borrowed, or NULL; the last one where a policy
 * asked for several. */
SESSILE_API sessile_key *sessile_ssh_user_key(sessile_session *session);

/* Start a key exchange now. Returns 0 (also while one is on); ERR_MISUSE before the first is complete; ERR_CLOSED. */
SESSILE_API int sessile_ssh_rekey(sessile_session *session);
/* Ask the peer for a sign of life (keepalive@openssh.com): SESSILE_NOTICE_SSH_ALIVE follows. Returns 0; ERR_MISUSE
 * before ready; ERR_LIMIT where too many are unanswered. */
SESSILE_API int sessile_ssh_keepalive(sessile_session *session);
/* Send IGNORE with size bytes, at most 32768 (RFC 4253, section 11.2), or DEBUG with a text. */
SESSILE_API int sessile_ssh_send_ignore(sessile_session *session, size_t size);
SESSILE_API int sessile_ssh_send_debug(sessile_session *session, const char *text, int always_display);
/* End with a reason (RFC 4253, section 11.1) and a description, instead of sessile_session_end()'s
 * BY_APPLICATION. */
SESSILE_API int sessile_ssh_disconnect(sessile_session *session, int reason, const char *description);

/* Answer an SSH_AUTHENTICATE question with a key, which is held: private, or public where the signature is to be asked.
 * Returns 0, ERR_ARGUMENT, ERR_GONE. */
SESSILE_API int sessile_ssh_question_use_key(sessile_question *question, sessile_key *key);

/* ---- Channels ---- */

/* Open a channel. The stream is borrowed, as any is; until SESSILE_SSH_OPENED it takes no data and no request. Where
 * the peer refuses, its closed follows with ERR_REFUSED, and sessile_ssh_open_reason() and _text() say why. callbacks,
 * app: the stream's own, or NULL for the session's. NULL: the session is not ready, or over; too many channels; no
 * memory; an argument that cannot be. */
SESSILE_API sessile_stream *sessile_ssh_open_session(sessile_session *session, sessile_callbacks *callbacks, void *app);
/* direct-tcpip (RFC 4254, section 7.2). host, port: where the server shall connect to. origin: from where, for the
 * server's logs. */
SESSILE_API sessile_stream *sessile_ssh_open_tcp(sessile_session *session, const char *host, int port,
                                                 const char *origin, int origin_port, sessile_callbacks *callbacks,
                                                 void *app);
/* direct-streamlocal@openssh.com */
SESSILE_API sessile_stream *sessile_ssh_open_unix(sessile_session *session, const char *path,
                                                  sessile_callbacks *callbacks, void *app);
/* Server: forwarded-tcpip (section 7.2), forwarded-streamlocal@openssh.com. Only for what the client asked to be
 * forwarded and was allowed; else NULL. */
SESSILE_API sessile_stream *sessile_ssh_open_forwarded_tcp(sessile_session *session, const char *bound_host,
                                                           int bound_port, const char *origin, int origin_port,
                                                           sessile_callbacks *callbacks, void *app);
SESSILE_API sessile_stream *sessile_ssh_open_forwarded_unix(sessile_session *session, const char *path,
                                                            sessile_callbacks *callbacks, void *app);
/* Server: an X11 channel (section 6.3.2), or one to the client's agent (auth-agent@openssh.com), where a session of the
 * client's has asked for it and was allowed. */
SESSILE_API sessile_stream *sessile_ssh_open_x11(sessile_session *session, const char *origin, int origin_port,
                                                 sessile_callbacks *callbacks, void *app);
SESSILE_API sessile_stream *sessile_ssh_open_agent(sessile_session *session, sessile_callbacks *callbacks, void *app);

/* The channel type's name, such as "session". "" where the stream is none of SSH's. */
SESSILE_API const char *sessile_ssh_stream_type(sessile_stream *stream);
/* Why the peer refused to open it: a reason (RFC 4254, section 5.1; 0: it did not) and its text, escaped. To be read
 * while the stream's closed runs; afterwards 0 and "". */
SESSILE_API int sessile_ssh_open_reason(sessile_stream *stream);
SESSILE_API const char *sessile_ssh_open_text(sessile_stream *stream);

/* Write to the stream's stderr (extended data 1): as sessile_stream_write(). */
SESSILE_API int sessile_ssh_write_stderr(sessile_stream *stream, const void *data, size_t size);

/* Requests on a session channel that is open, client. Each is answered by SESSILE_SSH_ACCEPTED or SESSILE_SSH_REFUSED,
 * in order. Return 0; ERR_MISUSE where the stream is not an open session channel; ERR_ARGUMENT; ERR_LIMIT where too
 * much waits; ERR_CLOSED. Callbacks: send. */
/* term: TERM's value. columns, rows: characters; width, height: pixels, 0 for unknown. modes: encoded terminal modes
 * (section 8), NULL and 0 for none. */
SESSILE_API int sessile_ssh_request_pty(sessile_stream *stream, const char *term, int columns, int rows, int width,
                                        int height, const void *modes, size_t modes_size);
SESSILE_API int sessile_ssh_request_env(sessile_stream *stream, const char *name, const char *value);
SESSILE_API int sessile_ssh_request_shell(sessile_stream *stream);
SESSILE_API int sessile_ssh_request_exec(sessile_stream *stream, const void *command, size_t size);
SESSILE_API int sessile_ssh_request_subsystem(sessile_stream *stream, const char *name);
SESSILE_API int sessile_ssh_request_agent(sessile_stream *stream);
SESSILE_API int sessile_ssh_request_x11(sessile_stream *stream, int single, const char *protocol, const char *cookie,
                                        int screen);
/* These have no answer, but for break. */
SESSILE_API int sessile_ssh_window_change(sessile_stream *stream, int columns, int rows, int width, int height);
/* name: without SIG, such as "TERM". Either role may send it to its peer. */
SESSILE_API int sessile_ssh_send_signal(sessile_stream *stream, const char *name);
/* RFC 4335. length in milliseconds. */
SESSILE_API int sessile_ssh_send_break(sessile_stream *stream, int length);
/* Server: how the command (shell or exec) ended. Once for each stream, before or after the stream is ended: when both
 * are done, the channel is closed. A server that has no such thing to tell aborts the stream when all is written, or
 * else the channel stays open; one without an end callback needs neither, its side ends with the client's. */
SESSILE_API int sessile_ssh_send_exit_status(sessile_stream *stream, int64_t status);
SESSILE_API int sessile_ssh_send_exit_signal(sessile_stream *stream, const char *name, int core_dumped,
                                             const char *message);
/* Server: whether the client may do flow control with ^S and ^Q. */
SESSILE_API int sessile_ssh_send_xon_xoff(sessile_stream *stream, int client_can_do);
/* Tell that nothing more will be read (eow@openssh.com): the peer need not send. Only to OpenSSH's kind; others: 0, and
 * nothing is sent. */
SESSILE_API int sessile_ssh_send_end_of_write(sessile_stream *stream);

/* What the request callback is called with: something came for a stream. */
/* The channel that this side opened is open. */
#define SESSILE_SSH_OPENED 1
/* The answer to the oldest request without one. */
#define SESSILE_SSH_ACCEPTED 2
#define SESSILE_SSH_REFUSED 3
/* Read these by the getters below, in the callback or later, until the stream's closed has returned. */
#define SESSILE_SSH_EXIT_STATUS 4
#define SESSILE_SSH_EXIT_SIGNAL 5
#define SESSILE_SSH_WINDOW_CHANGE 6
#define SESSILE_SSH_SIGNAL 7
#define SESSILE_SSH_BREAK 8
#define SESSILE_SSH_XON_XOFF 9
/* The peer reads no more: what is written goes nowhere. */
#define SESSILE_SSH_END_OF_WRITE 10

/* The exit status, 0 to 2^32-1; ERR_GONE while there is none. */
SESSILE_API int64_t sessile_ssh_exit_status(sessile_stream *stream);
/* The signal that ended the command, without SIG; "" for none; and what was said of it, escaped. */
SESSILE_API const char *sessile_ssh_exit_signal(sessile_stream *stream);
SESSILE_API const char *sessile_ssh_exit_message(sessile_stream *stream);
/* 1 where it dumped core, by what the exit-signal said. */
SESSILE_API int sessile_ssh_exit_core_dumped(sessile_stream *stream);
/* The length of the last break that arrived, in milliseconds as sent (RFC 4335), and what the last xon-xoff said: 1
 * where the client may do flow control. 0 while there was none. */
SESSILE_API int sessile_ssh_break_length(sessile_stream *stream);
SESSILE_API int sessile_ssh_xon_xoff(sessile_stream *stream);
/* The last signal that arrived. */
SESSILE_API const char *sessile_ssh_signal(sessile_stream *stream);
/* The terminal's size, from pty-req and window-change; 0 while unknown. */
#define SESSILE_SSH_COLUMNS 1
#define SESSILE_SSH_ROWS 2
#define SESSILE_SSH_WIDTH 3
#define SESSILE_SSH_HEIGHT 4
SESSILE_API int sessile_ssh_terminal(sessile_stream *stream, int dimension);

/* Client: have the server refuse any further session channel (no-more-sessions@openssh.com), so that whoever takes this
 * side over later can start nothing. Returns 0; ERR_MISUSE before ready; ERR_CLOSED. */
SESSILE_API int sessile_ssh_no_more_sessions(sessile_session *session);

/* ---- Forwarding ---- */

/* Client: ask the server to listen and open a channel for each connection (tcpip-forward, section 7.1). host: ""
 * for all addresses, "localhost" or an address. port: 0 has the server choose. NOTICE_SSH_FORWARDED or
 * NOTICE_SSH_FORWARD_REFUSED follows, in the order asked. Channels that arrive for it are questions (SSH_CHANNEL);
 * others are refused. Returns 0; ERR_MISUSE before ready; ERR_ARGUMENT; ERR_LIMIT; ERR_CLOSED. */
SESSILE_API int sessile_ssh_forward_tcp(sessile_session *session, const char *host, int port);
SESSILE_API int sessile_ssh_forward_unix(sessile_session *session, const char *path);
/* Ask it to stop; channels that are open stay. port: the one it listens on. */
SESSILE_API int sessile_ssh_cancel_tcp(sessile_session *session, const char *host, int port);
SESSILE_API int sessile_ssh_cancel_unix(sessile_session *session, const char *path);

#ifdef __cplusplus
}
#endif

#endif
