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
 * kind takes no such item, ERR_GONE, ERR_MEMORY. */
SESSILE_API int sessile_question_put(sessile_question *question, int item, const void *data, size_t size);

/* Answer. The session goes on at once, or, inside the question's callback, when that returns.
 * reason: a TLS alert number (RFC 8446, section 6) to send where that is possible, or 0.
 * Return 0; ERR_GONE where it was answered or withdrawn before, or the session is over; ERR_BUSY. Callbacks: all. */
SESSILE_API int sessile_question_accept(sessile_question *question);
SESSILE_API int sessile_question_refuse(sessile_question *question, int reason);

#ifdef __cplusplus
}
#endif

#endif
