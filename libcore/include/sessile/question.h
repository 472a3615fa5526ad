/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions: every decision that the configuration leaves open, answered on the spot or later.
 *
 * The question callback accepts or refuses before it returns, or keeps the question (sessile_question_keep) and answers
 * later. A question that is neither answered nor kept, or is dropped, or meets no callback, or whose session ends
 * first, is refused.
 *
 * TLS_PEER, both roles. Asked when the peer's certificate is not trusted by the config, or always: see
 *   sessile_tls_config_ask_peer(). To read: CERTIFICATE, HOST, VERIFY_CODE, VERIFY_TEXT, RESUMED. To give: nothing.
 *   Blocks receive. Refusal: the session fails with ERR_REFUSED.
 *
 * TLS_HELLO, servers. Asked when a client hello has arrived: see sessile_tls_config_ask_hello(). To read: SNI, ALPN,
 *   VERSION, CIPHER. To give: ALPN, and a config by sessile_tls_question_use_config(). Blocks receive. Refusal: the
 *   session fails with ERR_REFUSED.
 *
 * SSH_HOST_KEY, clients. The server's host key is not known, or there are no known hosts in the config. To read: HOST,
 *   PORT, KEY (wire form; a certificate where it is one), FINGERPRINT. To give: nothing. Blocks receive. Refusal: the
 *   session fails with ERR_REFUSED. Where the host is known by another key, nobody is asked: it fails with ERR_VERIFY.
 *
 * SSH_HOST_KEYS, clients that ask for it (sessile_ssh_config_ask_new_host_keys). The server has proven to have these
 *   keys as well. To read: HOST, PORT, KEY (each new one), OLD_KEY (each known one that it no longer has). To give:
 *   nothing; accepting or refusing only notes it. Does not block.
 *
 * SSH_AUTHENTICATE, clients. The configured keys are tried, or there are none: how to go on? To read: USER, METHOD
 * (each that can continue), PARTIAL ("1" where the last one succeeded and more is needed, else "0"), TRIED (methods
 * that were refused, each time). To give: METHOD ("password", "keyboard-interactive", "publickey", "hostbased" or
 * "none"), and PASSWORD for the first; a key, by sessile_ssh_question_use_key(), for publickey and hostbased; for
 * hostbased HOST (this machine's name) and USER (on it). Giving PASSWORD alone means "password". Blocks receive.
 * Refusal: the session ends with ERR_REFUSED.
 *
 * SSH_PASSWORD_CHANGE, clients. The server wants another password (RFC 4252, section 8). To read: USER, PROMPT. To
 * give: PASSWORD (the old one), NEW_PASSWORD. Blocks. Refusal: SSH_AUTHENTICATE is asked again.
 *
 * SSH_PROMPTS, clients. keyboard-interactive (RFC 4256). To read: USER, NAME, INSTRUCTION, PROMPT (each), ECHO ("1" or
 *   "0", for each). To give: RESPONSE, as many times as there are prompts, in order. Blocks. Refusal: SSH_AUTHENTICATE
 * is asked again. Prompts are the server's words: escape them before they reach a terminal.
 *
 * SSH_SIGN, both roles. A signature by a key of which only the public half is here. To read: KEY, ALGORITHM, DATA. To
 *   give: SIGNATURE (the whole blob, RFC 4253 section 6.6), which is checked. Blocks. Refusal: a server fails the
 * session; a client goes on with its next key.
 *
 * SSH_USER, servers. A user's step of authentication. To read: USER, METHOD, SERVICE, and for
 *   "none": nothing more;
 *   "password": PASSWORD, and NEW_PASSWORD where the client changes it;
 *   "publickey": KEY, ALGORITHM, FINGERPRINT, VERIFIED ("0": would this key do? "1": its signature is good), and STATUS
 *     for what a security key says with its signature ("touched", "verified"). A certificate is in force, for users and
 *     not revoked; whether its authority is trusted, and one of its principals may log in as USER, is for the answer to
 *     decide: sessile_authorized_keys_match() and sessile_authorities_match() do (trust.h);
 *   "keyboard-interactive": nothing more: the first round;
 *   "hostbased": KEY, ALGORITHM, HOST (without a dot at its end), HOST_USER; the signature is good, and a certificate
 * is in force, for HOST and not revoked: sessile_known_hosts_check() knows whether its authority is trusted. To give:
 * for "password", PROMPT with a refusal asks the client for a new one; for "keyboard-interactive" NAME, INSTRUCTION,
 * PROMPT, ECHO ("1" or "0" for each): accepting with prompts asks them, accepting without authenticates. Blocks.
 * Refusal: the step failed. A key is asked twice, once without and once with its signature: what was said the first
 * time counts for nothing the second.
 *
 * SSH_RESPONSES, servers. The answers to prompts. To read: USER, RESPONSE (each). To give: as before, another round.
 *   Accepting without prompts authenticates. Blocks. Refusal: the step failed.
 *
 * SSH_CHANNEL. The peer opens a channel (RFC 4254, section 5.1); the question's stream is it. To read: TYPE, and for
 *   "direct-tcpip" and "forwarded-tcpip" HOST, PORT, ORIGIN, ORIGIN_PORT; for the -streamlocal@openssh.com ones PATH;
 * for "x11" ORIGIN, ORIGIN_PORT. A type that is not known is refused without being asked; forwarded-*, x11 and agent
 *   channels nobody asked for as well. Does not block. Accepted, the stream callback follows. Refusal: the channel is
 *   not opened; reason: RFC 4254, section 5.1 (0: ADMINISTRATIVELY_PROHIBITED).
 *
 * SSH_REQUEST, servers. A request on a session channel, the question's stream. To read: TYPE ("pty-req", "env",
 *   "shell", "exec", "subsystem", "x11-req", "auth-agent-req@openssh.com"), and TERM, COLUMNS, ROWS, WIDTH, HEIGHT,
 *   MODES; NAME and VALUE; COMMAND; NAME (subsystem); SINGLE, PROTOCOL, COOKIE, SCREEN. The first yes to shell, exec or
 *   subsystem opens the client's window. Does not block; answers go out in order. Refusal: the request failed.
 *
 * SSH_FORWARD, servers. The client asks for remote forwarding. To read: TYPE ("tcpip-forward", "cancel-tcpip-forward",
 *   "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com"), HOST and PORT, or PATH. To give:
 * PORT, the one that was chosen where 0 was asked for. Does not block. Refusal: the request failed.
 *
 * Keeping a question that blocks receive needs the comms layer's resume callback.
 */
#ifndef SESSILE_QUESTION_H
#define SESSILE_QUESTION_H

#include <stddef.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds. */
#define SESSILE_QUESTION_TLS_PEER 1
#define SESSILE_QUESTION_TLS_HELLO 2
#define SESSILE_QUESTION_SSH_HOST_KEY 3
#define SESSILE_QUESTION_SSH_HOST_KEYS 4
#define SESSILE_QUESTION_SSH_AUTHENTICATE 5
#define SESSILE_QUESTION_SSH_PASSWORD_CHANGE 6
#define SESSILE_QUESTION_SSH_PROMPTS 7
#define SESSILE_QUESTION_SSH_SIGN 8
#define SESSILE_QUESTION_SSH_USER 9
#define SESSILE_QUESTION_SSH_RESPONSES 10
#define SESSILE_QUESTION_SSH_CHANNEL 11
#define SESSILE_QUESTION_SSH_REQUEST 12
#define SESSILE_QUESTION_SSH_FORWARD 13

/* Items. Text items are UTF-8 or ASCII and are followed by a NUL byte that their size does not count. */
/* A certificate in DER, index 0 the peer's own, then what it sent with it, in its order. */
#define SESSILE_ITEM_CERTIFICATE 1
/* The name or address that the client connects to. */
#define SESSILE_ITEM_HOST 2
/* The outcome of libcrypto's verification as a decimal number (X509_V_*, "0" for success). */
#define SESSILE_ITEM_VERIFY_CODE 3
/* The same in words. */
#define SESSILE_ITEM_VERIFY_TEXT 4
/* "1" where an earlier session is being resumed, "0" else. */
#define SESSILE_ITEM_RESUMED 5
/* The name that the client asks for (RFC 6066, section 3). Absent where it sent none. */
#define SESSILE_ITEM_SNI 6
/* Application protocols (RFC 7301): to read, those the client offers, in its order; to give, the one to choose. */
#define SESSILE_ITEM_ALPN 7
/* Protocol versions that the client offers, such as "TLSv1.3". */
#define SESSILE_ITEM_VERSION 8
/* Cipher suites that the client offers and this libssl knows, by their standard names. */
#define SESSILE_ITEM_CIPHER 9
/* Numbers are decimal text. */
#define SESSILE_ITEM_PORT 10
/* A public key or certificate in SSH wire form (sessile_key_from_blob). */
#define SESSILE_ITEM_KEY 11
#define SESSILE_ITEM_OLD_KEY 12
/* "SHA256:..." */
#define SESSILE_ITEM_FINGERPRINT 13
/* What a security key did: "touched", "verified". */
#define SESSILE_ITEM_STATUS 14
#define SESSILE_ITEM_USER 15
/* An authentication method (RFC 4252). */
#define SESSILE_ITEM_METHOD 16
#define SESSILE_ITEM_PARTIAL 17
#define SESSILE_ITEM_TRIED 18
/* Secret, UTF-8. */
#define SESSILE_ITEM_PASSWORD 19
#define SESSILE_ITEM_NEW_PASSWORD 20
/* The peer's words, not escaped, as NAME and INSTRUCTION are. */
#define SESSILE_ITEM_PROMPT 21
/* "1" where what is typed may be seen. */
#define SESSILE_ITEM_ECHO 22
#define SESSILE_ITEM_NAME 23
#define SESSILE_ITEM_INSTRUCTION 24
/* Secret. */
#define SESSILE_ITEM_RESPONSE 25
/* A signature algorithm's name. */
#define SESSILE_ITEM_ALGORITHM 26
/* What is to be signed. */
#define SESSILE_ITEM_DATA 27
#define SESSILE_ITEM_SIGNATURE 28
#define SESSILE_ITEM_SERVICE 29
#define SESSILE_ITEM_VERIFIED 30
#define SESSILE_ITEM_HOST_USER 31
/* The type of a channel or request. */
#define SESSILE_ITEM_TYPE 32
#define SESSILE_ITEM_ORIGIN 33
#define SESSILE_ITEM_ORIGIN_PORT 34
#define SESSILE_ITEM_PATH 35
#define SESSILE_ITEM_TERM 36
#define SESSILE_ITEM_COLUMNS 37
#define SESSILE_ITEM_ROWS 38
#define SESSILE_ITEM_WIDTH 39
#define SESSILE_ITEM_HEIGHT 40
/* Encoded terminal modes (RFC 4254, section 8). */
#define SESSILE_ITEM_MODES 41
#define SESSILE_ITEM_VALUE 42
#define SESSILE_ITEM_COMMAND 43
#define SESSILE_ITEM_SINGLE 44
#define SESSILE_ITEM_PROTOCOL 45
#define SESSILE_ITEM_COOKIE 46
#define SESSILE_ITEM_SCREEN 47

/* Keep the question beyond its callback. Returns the question, or NULL where it cannot be kept (the comms layer has no
 * resume callback and this kind blocks receive): it is then refused. Its items stay readable. */
SESSILE_API sessile_question *sessile_question_keep(sessile_question *question);
/* Give the reference back. Safe on any thread, calls nothing back. Dropping the last one of an open question refuses
 * it, with effect from when the session next comes to rest: at the end of the call on its stack, or of the next one.
 * NULL is ignored. */
SESSILE_API void sessile_question_free(sessile_question *question);

/* One of SESSILE_QUESTION_*. */
SESSILE_API int sessile_question_kind(sessile_question *question);
/* The session, or NULL where it is freed. */
SESSILE_API sessile_session *sessile_question_session(sessile_question *question);
/* The stream that it is about, or NULL. */
SESSILE_API sessile_stream *sessile_question_stream(sessile_question *question);

/* How often an item occurs: 0 where it is absent. */
SESSILE_API size_t sessile_question_count(sessile_question *question, int item);
/* Read an item. index: from 0. *data, *size: lent, valid until the question is freed. Returns 0, or ERR_ARGUMENT where
 * there is none. */
SESSILE_API int sessile_question_get(sessile_question *question, int item, size_t index, const void **data,
                                     size_t *size);
/* Give an item with the answer. data, size: copied, and wiped with the question. Returns 0, ERR_ARGUMENT where this
 * kind takes no such item; ERR_LIMIT beyond 256 items, or 1 MiB in all; ERR_GONE; ERR_MEMORY. */
SESSILE_API int sessile_question_put(sessile_question *question, int item, const void *data, size_t size);

/* Answer. The session goes on at once, or, inside the question's callback, when that returns.
 * reason: a TLS alert number (RFC 8446, section 6) or an SSH channel's reason to send where that is possible, or 0.
 * Return 0; ERR_GONE where it was answered or withdrawn before, or the session is over; ERR_BUSY; accept: ERR_MEMORY or
 * ERR_LIMIT where a put has returned that, and the question is as open as before. Callbacks: all. */
SESSILE_API int sessile_question_accept(sessile_question *question);
SESSILE_API int sessile_question_refuse(sessile_question *question, int reason);

#ifdef __cplusplus
}
#endif

#endif
