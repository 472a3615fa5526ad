/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's client: an engine without streams. A unit is a message of the agent's, a length of 4 bytes and so much
 * more. Requests wait in a list for their answers, which come in order: an answer to nothing ends the session.
 *
 * Nothing secret passes here: what is to be signed is sent, and signatures come back.
 */
#ifndef SSH_AGENT_AGENT_H
#define SSH_AGENT_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/agent.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "session/engine.h"
#include "ssh/key/key.h"

/* Of a message, without its length, in either direction. */
#define AGENT_MESSAGE_MAX 262144
#define AGENT_DATA_MAX 131072
#define AGENT_REQUESTS_MAX 64
#define AGENT_KEYS_MAX 2048

/* Message numbers (draft-ietf-sshm-ssh-agent, section 6.1). */
#define AGENT_FAILURE 5
#define AGENT_SUCCESS 6
#define AGENT_REQUEST_IDENTITIES 11
#define AGENT_IDENTITIES_ANSWER 12
#define AGENT_SIGN_REQUEST 13
#define AGENT_SIGN_RESPONSE 14
#define AGENT_REMOVE_IDENTITY 18
#define AGENT_REMOVE_ALL_IDENTITIES 19
#define AGENT_EXTENSION 27
#define AGENT_EXTENSION_FAILURE 28

struct agent_request {
    struct agent_request *next;
    int number;
    int type;                              /* AGENT_* */
    const struct key_algorithm *algorithm; /* of a signature, not of certificates */
    sessile_question *question;            /* kept: the signature is its answer; or NULL */
    int certificate;                       /* the key was asked for by its certificate */
};

struct agent {
    sessile_session *session;
    struct agent_request *first;
    struct agent_request **last;
    size_t count;
    int numbers; /* how many were given */
    int ending;  /* by the application: what was asked is still answered */
    /* The reply that is being told, while its notice runs. */
    const struct agent_request *told;
    int result;
    struct reader keys; /* behind their count */
    size_t key_count;
    struct reader signature;
};

extern const struct engine agent_engine;

/* The agent of a session that can be asked, for a caller inside the guard. 0 or what requests return. */
int agent_of(sessile_session *session, struct agent **agent);

/* Append a message, from its number on, and wait for the answer to it: type is its number. The request is the list's.
 * Frees w. asked: may be NULL. Returns the request's number, ERR_LIMIT or ERR_MEMORY. */
int agent_ask(struct agent *agent, struct writer *w, int type, struct agent_request **asked);
/* The fields of a SIGN_REQUEST. */
void agent_put_sign(struct writer *w, const void *blob, size_t blob_size, const struct key_algorithm *algorithm,
                    const void *data, size_t size);
void agent_request_free(struct agent_request *request);

/* Handle a message of the agent's. 0, or a negative code after session_fail(). */
int agent_reply(struct agent *agent, struct reader message);

/* The answer to a request that was for a question. signature: empty where the agent refused. Frees the request. */
void agent_answered(struct agent *agent, struct agent_request *request, struct reader signature);
/* Refuse the questions that no answer can come for any more, and forget all requests. */
void agent_give_up(struct agent *agent);

#endif
