/* SPDX-License-Identifier: Apache-2.0
 *
 * The client side of an SSH agent (draft-ietf-sshm-ssh-agent, OpenSSH's PROTOCOL.agent): a session of its own over any
 * wire, such as the socket that SSH_AUTH_SOCK names, or a stream. It has no streams.
 *
 * Requests return at once and are numbered. The agent answers in order: for each request the notice callback is called
 * once with SESSILE_NOTICE_AGENT_REPLY, and only while that runs do the functions under "The reply" tell what came. The
 * session is over when the agent closes the wire; requests without an answer then have none.
 */
#ifndef SESSILE_AGENT_H
#define SESSILE_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "key.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An agent's answer. data, size: the signature where one was asked for, else nothing. */
#define SESSILE_NOTICE_AGENT_REPLY 16

/* Begin. callbacks: held, NULL for none; ready is called before this returns. Returns 0; ERR_MISUSE where the session
 * has a protocol already. Callbacks: ready. */
SESSILE_API int sessile_agent_connect(sessile_session *session, sessile_callbacks *callbacks, void *app);

/* ---- Requests: each returns its number, 1 and up, or an error: ERR_ARGUMENT; ERR_MISUSE where the session is none
 * with an agent; ERR_LIMIT where too many are unanswered (64), or the wire takes no more for now; ERR_CLOSED where the
 * session is over or ending; ERR_MEMORY. Callbacks: send. ---- */

/* Which keys it has. */
SESSILE_API int sessile_agent_list(sessile_session *session);
/* Sign. key: public is enough. certificate: not 0 where the agent lists the key by its certificate. algorithm: such as
 * "rsa-sha2-512"; NULL for the type's best. message: at most 128 KiB. A signature that is not made with that algorithm
 * counts as refused. */
SESSILE_API int sessile_agent_sign(sessile_session *session, sessile_key *key, int certificate, const char *algorithm,
                                   const void *message, size_t message_size);
/* Bind this connection to an SSH session (session-bind@openssh.com): the server's host key, the session id, the host
 * key's signature under it in the first key exchange, and whether the agent is being forwarded to that server. */
SESSILE_API int sessile_agent_bind(sessile_session *session, sessile_key *host_key, const void *session_id,
                                   size_t session_id_size, const void *signature, size_t signature_size,
                                   int forwarding);
/* Have it forget one key, or all. */
SESSILE_API int sessile_agent_remove(sessile_session *session, sessile_key *key, int certificate);
SESSILE_API int sessile_agent_remove_all(sessile_session *session);

/* Have the agent answer an open SSH_SIGN question of another session: the question is kept, and accepted with the
 * signature when that comes; it is refused where the agent refuses or goes away. Where the agent does not know a
 * certificate, its key is asked for. Both sessions must be driven by the same thread. No notice is given. Returns 0; as
 * requests do; ERR_GONE where the question is not open any more; ERR_MISUSE where it cannot be kept (its session has no
 * resume callback). Where it fails, the question is as it was. */
SESSILE_API int sessile_agent_answer(sessile_session *session, sessile_question *question);

/* ---- The reply, while its notice runs; at other times ERR_MISUSE, 0 or NULL ---- */

/* The number of the request that it answers. */
SESSILE_API int sessile_agent_request(sessile_session *session);
/* 0, or ERR_REFUSED where the agent said no. */
SESSILE_API int sessile_agent_result(sessile_session *session);
/* The keys that it has: how many; each, the caller's (ERR_UNSUPPORTED for one of a type that is not known here); its
 * wire form; its comment, the agent's bytes as they are: escape them before they reach a terminal. */
SESSILE_API size_t sessile_agent_key_count(sessile_session *session);
SESSILE_API int sessile_agent_key(sessile_session *session, size_t index, sessile_key **key);
SESSILE_API int sessile_agent_key_blob(sessile_session *session, size_t index, void *data, size_t size);
SESSILE_API int sessile_agent_key_comment(sessile_session *session, size_t index, void *data, size_t size);
/* The signature, RFC 4253 section 6.6. */
SESSILE_API int sessile_agent_signature(sessile_session *session, void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
