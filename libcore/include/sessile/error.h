/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes. Every function that can fail returns 0 or a positive number for success and one of these for failure,
 * but for the proposal's own three calls (comm.h), which keep its 0 and -1.
 *
 * Three kinds are kept apart: what the caller did (MISUSE, ARGUMENT, BUSY, GONE, CLOSED), what the peer did (PROTOCOL,
 * PEER, NEGOTIATION, VERIFY, TRUNCATED, DROPPED), and what happened here (MEMORY, CRYPTO, COMM, CALLBACK, LIMIT).
 */
#ifndef SESSILE_ERROR_H
#define SESSILE_ERROR_H

#include <stddef.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SESSILE_OK 0
/* The session has failed: sessile_session_error() says how. */
#define SESSILE_ERR_FAILED -1
/* The call is not allowed in this state. The session is as it was. */
#define SESSILE_ERR_MISUSE -2
/* A parameter is not usable. The object is as it was. */
#define SESSILE_ERR_ARGUMENT -3
/* The allocator returned NULL. */
#define SESSILE_ERR_MEMORY -4
/* Another thread is inside this session at the moment. */
#define SESSILE_ERR_BUSY -5
/* A kept stream or question has outlived its session, or a question its cause. */
#define SESSILE_ERR_GONE -6
/* This direction, or the whole session, has ended already. */
#define SESSILE_ERR_CLOSED -7
/* A limit of ours was reached; the text names it. */
#define SESSILE_ERR_LIMIT -8
/* A callback of the application returned a negative number. */
#define SESSILE_ERR_CALLBACK -9
/* The comms layer's send returned -1. */
#define SESSILE_ERR_COMM -10
/* The peer sent what the protocol forbids. */
#define SESSILE_ERR_PROTOCOL -11
/* The peer ended the session with an error of its own (a fatal TLS alert). */
#define SESSILE_ERR_PEER -12
/* The peers have no version, cipher, group, signature or application protocol in common. */
#define SESSILE_ERR_NEGOTIATION -13
/* The peer did not prove to be who it must be. */
#define SESSILE_ERR_VERIFY -14
/* A question was refused. */
#define SESSILE_ERR_REFUSED -15
/* The wire closed between two units with nothing open. */
#define SESSILE_ERR_DROPPED -16
/* The wire closed where the protocol had more to say. Data may be missing. */
#define SESSILE_ERR_TRUNCATED -17
/* The session was aborted on this side, or ended before it was ready. */
#define SESSILE_ERR_ABORTED -18
/* libssl or libcrypto failed for a reason that is not the peer's. */
#define SESSILE_ERR_CRYPTO -19
/* This build, or the libcrypto it runs on, does not have what was asked for. */
#define SESSILE_ERR_UNSUPPORTED -20
/* A key file is encrypted, and the passphrase is missing or wrong. */
#define SESSILE_ERR_PASSPHRASE -21

/* The code's short name, such as "ERR_PROTOCOL", for logs. Static; "ERR_UNKNOWN" for a number that is no code. */
SESSILE_API const char *sessile_error_name(int code);
/* A sentence about the code in general. Static. What happened in one session: sessile_session_error_text(). */
SESSILE_API const char *sessile_error_describe(int code);

/* Every public constant by number, for bindings that cannot read headers: index 0 up to sessile_constant_count() - 1.
 * Names are static, without the prefix SESSILE_. An index out of range gives NULL and 0. */
SESSILE_API size_t sessile_constant_count(void);
SESSILE_API const char *sessile_constant_name(size_t index);
SESSILE_API int sessile_constant_value(size_t index);

#ifdef __cplusplus
}
#endif

#endif
