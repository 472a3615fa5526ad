/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the agent (draft-ietf-sshm-ssh-agent, section 3; OpenSSH's PROTOCOL.agent). */
#include <limits.h>
#include <string.h>

#include "session/guard.h"
#include "session/memory.h"
#include "ssh/agent/agent.h"

#define FLAG_RSA_SHA2_256 2
#define FLAG_RSA_SHA2_512 4

/* ---- sending ---- */

void agent_request_free(struct agent_request *request)
{
    if (!request)
        return;
    sessile_question_free(request->question);
    mem_free(request);
}

static int agent_send(struct agent *a, const struct writer *w)
{
    uint8_t *room = outbox_extend(a->session, 4 + w->size);
    struct writer out;

    if (!room)
        return SESSILE_ERR_MEMORY;
    out = writer_in(room, 4 + w->size);
    put_sized32(&out, w->data, w->size);
    return SESSILE_OK;
}

static int agent_ask_with(struct agent *a, const struct writer *w, struct agent_request *request)
{
    if (w->failed || !request)
        return SESSILE_ERR_MEMORY;
    if (a->count >= AGENT_REQUESTS_MAX || a->numbers == INT_MAX || w->size > AGENT_MESSAGE_MAX ||
        w->size + 4 > outbox_room(a->session) || session_owes_too_much(a->session))
        return SESSILE_ERR_LIMIT;
    return agent_send(a, w);
}

int agent_ask(struct agent *a, struct writer *w, int type, struct agent_request **asked)
{
    struct agent_request *request = mem_zalloc(sizeof *request);
    int result = agent_ask_with(a, w, request);

    writer_free(w);
    if (result < 0) {
        mem_free(request);
        return result;
    }
    request->type = type;
    request->number = ++a->numbers;
    *a->last = request;
    a->last = &request->next;
    a->count++;
    if (asked)
        *asked = request;
    return request->number;
}

/* ---- list, remove ---- */

static int agent_ask_plain(sessile_session *session, int type)
{
    struct writer w = {0};
    struct guard g;
    struct agent *a;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    result = agent_of(session, &a);
    if (result == SESSILE_OK) {
        put_u8(&w, (uint8_t)type);
        result = agent_ask(a, &w, type, NULL);
    }
    return guard_leave(&g, result);
}

int sessile_agent_list(sessile_session *session)
{
    return agent_ask_plain(session, AGENT_REQUEST_IDENTITIES);
}

int sessile_agent_remove_all(sessile_session *session)
{
    return agent_ask_plain(session, AGENT_REMOVE_ALL_IDENTITIES);
}

int sessile_agent_remove(sessile_session *session, sessile_key *key, int certificate)
{
    struct writer w = {0};
    struct guard g;
    struct agent *a;
    const uint8_t *blob;
    size_t size;
    int result;

    if (!key || (certificate && !key->certificate))
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, session)) < 0)
        return result;
    result = agent_of(session, &a);
    if (result == SESSILE_OK) {
        blob = key_wire_blob(key, certificate, &size);
        put_u8(&w, AGENT_REMOVE_IDENTITY);
        put_sized32(&w, blob, size);
        result = agent_ask(a, &w, AGENT_REMOVE_IDENTITY, NULL);
    }
    return guard_leave(&g, result);
}

/* ---- sign ---- */

static uint32_t agent_flags(const struct key_algorithm *algorithm)
{
    if (strcmp(algorithm->signature, "rsa-sha2-256") == 0)
        return FLAG_RSA_SHA2_256;
    return strcmp(algorithm->signature, "rsa-sha2-512") == 0 ? FLAG_RSA_SHA2_512 : 0;
}

void agent_put_sign(struct writer *w, const void *blob, size_t blob_size, const struct key_algorithm *algorithm,
                    const void *data, size_t size)
{
    put_u8(w, AGENT_SIGN_REQUEST);
    put_sized32(w, blob, blob_size);
    put_sized32(w, data, size);
    put_u32(w, agent_flags(algorithm));
}

static int agent_sign(struct agent *a, sessile_key *key, int certificate, const struct key_algorithm *algorithm,
                      const void *message, size_t size)
{
    struct agent_request *request;
    struct writer w = {0};
    size_t blob_size;
    const uint8_t *blob = key_wire_blob(key, certificate, &blob_size);
    int result;

    agent_put_sign(&w, blob, blob_size, algorithm, message, size);
    result = agent_ask(a, &w, AGENT_SIGN_REQUEST, &request);
    if (result > 0)
        request->algorithm = algorithm;
    return result;
}

int sessile_agent_sign(sessile_session *session, sessile_key *key, int certificate, const char *name,
                       const void *message, size_t size)
{
    const struct key_algorithm *algorithm;
    struct guard g;
    struct agent *a;
    int result;

    if (!key || (certificate && !key->certificate) || (!message && size) || size > AGENT_DATA_MAX)
        return SESSILE_ERR_ARGUMENT;
    algorithm = name ? key_algorithm_find(name, strlen(name)) : key_algorithm_best(key->type);
    if (!algorithm || !key_algorithm_fits(algorithm, key))
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, session)) < 0)
        return result;
    result = agent_of(session, &a);
    if (result == SESSILE_OK)
        result = agent_sign(a, key, certificate, algorithm, message, size);
    return guard_leave(&g, result);
}

/* ---- session-bind@openssh.com ---- */

int sessile_agent_bind(sessile_session *session, sessile_key *host_key, const void *session_id, size_t session_id_size,
                       const void *signature, size_t signature_size, int forwarding)
{
    struct writer w = {0};
    struct guard g;
    struct agent *a;
    const uint8_t *blob;
    size_t size;
    int result;

    if (!host_key || !session_id || !session_id_size || session_id_size > 64 || !signature ||
        signature_size > KEY_SIGNATURE_MAX)
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, session)) < 0)
        return result;
    result = agent_of(session, &a);
    if (result == SESSILE_OK) {
        blob = key_wire_blob(host_key, host_key->certificate != NULL, &size);
        put_u8(&w, AGENT_EXTENSION);
        put_text32(&w, "session-bind@openssh.com");
        put_sized32(&w, blob, size);
        put_sized32(&w, session_id, session_id_size);
        put_sized32(&w, signature, signature_size);
        put_u8(&w, forwarding ? 1 : 0);
        result = agent_ask(a, &w, AGENT_EXTENSION, NULL);
    }
    return guard_leave(&g, result);
}
