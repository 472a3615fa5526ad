/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent answers: which message may answer which request is a table. A reply is read to its end before anybody
 * is told, and what is told of it is borrowed from the bytes on the wire. */
#include "session/guard.h"
#include "session/memory.h"
#include "ssh/agent/agent.h"

#include <string.h>

/* ---- reading ---- */

static int read_nothing(struct agent *a, const struct agent_request *request, struct reader *r)
{
    (void)a, (void)request, (void)r;
    return SESSILE_OK;
}

static int read_refusal(struct agent *a, const struct agent_request *request, struct reader *r)
{
    (void)request, (void)r;
    a->result = SESSILE_ERR_REFUSED;
    return SESSILE_OK;
}

static int read_keys(struct agent *a, const struct agent_request *request, struct reader *r)
{
    uint32_t count = get_u32(r);

    (void)request;
    if (count > AGENT_KEYS_MAX)
        return session_fail(a->session, SESSILE_ERR_PROTOCOL, "the agent lists %u keys, and the limit is %d", count,
                            AGENT_KEYS_MAX);
    a->keys = *r;
    a->key_count = count;
    while (count-- && !r->failed) {
        get_sub32(r);
        get_sub32(r);
    }
    return SESSILE_OK;
}

/* An agent that does not know the flags makes another signature than the one asked for. */
static int read_signature(struct agent *a, const struct agent_request *request, struct reader *r)
{
    struct reader blob = get_sub32(r);
    struct reader whole = blob;
    struct reader name = get_sub32(&blob);
    const char *wanted = request->algorithm->signature;

    a->signature = whole;
    if (blob.failed || name.left != strlen(wanted) || memcmp(name.data, wanted, name.left) != 0 ||
        whole.left > KEY_SIGNATURE_MAX) {
        a->result = SESSILE_ERR_REFUSED;
        a->signature = reader_of(NULL, 0);
    }
    return SESSILE_OK;
}

static const struct agent_answer {
    int request;
    int reply;
    int (*read)(struct agent *a, const struct agent_request *request, struct reader *r);
} answers[] = {
    {AGENT_REQUEST_IDENTITIES, AGENT_IDENTITIES_ANSWER, read_keys},
    {AGENT_REQUEST_IDENTITIES, AGENT_FAILURE, read_refusal},
    {AGENT_SIGN_REQUEST, AGENT_SIGN_RESPONSE, read_signature},
    {AGENT_SIGN_REQUEST, AGENT_FAILURE, read_refusal},
    {AGENT_REMOVE_IDENTITY, AGENT_SUCCESS, read_nothing},
    {AGENT_REMOVE_IDENTITY, AGENT_FAILURE, read_refusal},
    {AGENT_REMOVE_ALL_IDENTITIES, AGENT_SUCCESS, read_nothing},
    {AGENT_REMOVE_ALL_IDENTITIES, AGENT_FAILURE, read_refusal},
    {AGENT_EXTENSION, AGENT_SUCCESS, read_nothing},
    {AGENT_EXTENSION, AGENT_FAILURE, read_refusal},
    {AGENT_EXTENSION, AGENT_EXTENSION_FAILURE, read_refusal},
};

static const struct agent_answer *answer_find(int request, int reply)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].request == request && answers[i].reply == reply)
            return &answers[i];
    return NULL;
}

static int agent_read(struct agent *a, const struct agent_request *request, struct reader *r)
{
    int type = get_u8(r);
    const struct agent_answer *answer = answer_find(request->type, type);

    if (!answer)
        return session_fail(a->session, SESSILE_ERR_PROTOCOL, "the agent answered a request of type %d with type %d",
                            request->type, type);
    if (answer->read(a, request, r) < 0)
        return SESSILE_ERR_FAILED;
    if (!reader_done(r))
        return session_fail(a->session, SESSILE_ERR_PROTOCOL,
                            "the agent's answer of type %d to a request of type %d is malformed", type, request->type);
    return SESSILE_OK;
}

/* ---- telling ---- */

static void agent_forget_reply(struct agent *a)
{
    a->told = NULL;
    a->result = SESSILE_OK;
    a->keys = reader_of(NULL, 0);
    a->key_count = 0;
    a->signature = reader_of(NULL, 0);
}

static struct agent_request *agent_take_request(struct agent *a)
{
    struct agent_request *request = a->first;

    a->first = request->next;
    if (!a->first)
        a->last = &a->first;
    a->count--;
    return request;
}

int agent_reply(struct agent *a, struct reader message)
{
    struct agent_request *request;
    struct reader signature;
    int result;

    agent_forget_reply(a);
    result = agent_read(a, a->first, &message);
    if (result < 0)
        return result;
    request = agent_take_request(a);
    if (request->question) {
        signature = a->signature;
        agent_forget_reply(a);
        agent_answered(a, request, signature);
        return SESSILE_OK;
    }
    a->told = request;
    result = session_call_notice(a->session, SESSILE_NOTICE_AGENT_REPLY, a->signature.data, a->signature.left);
    agent_forget_reply(a);
    agent_request_free(request);
    return result;
}

/* ---- the reply, for whoever is being told ---- */

/* The agent of a session whose reply is being told; NULL: none is. The caller leaves the guard. */
static const struct agent *reply_enter(struct guard *g, sessile_session *session, int *result)
{
    const struct agent *a;

    if ((*result = guard_enter_quiet(g, session)) < 0)
        return NULL;
    a = session_engine(session) == &agent_engine ? session_state(session) : NULL;
    if (a && a->told)
        return a;
    *result = guard_leave(g, SESSILE_ERR_MISUSE);
    return NULL;
}

int sessile_agent_request(sessile_session *session)
{
    struct guard g;
    int result;
    const struct agent *a = reply_enter(&g, session, &result);

    return a ? guard_leave(&g, a->told->number) : result;
}

int sessile_agent_result(sessile_session *session)
{
    struct guard g;
    int result;
    const struct agent *a = reply_enter(&g, session, &result);

    return a ? guard_leave(&g, a->result) : result;
}

size_t sessile_agent_key_count(sessile_session *session)
{
    struct guard g;
    int result;
    const struct agent *a = reply_enter(&g, session, &result);
    size_t count = a ? a->key_count : 0;

    if (a)
        guard_leave(&g, 0);
    return count;
}

/* One of the keys listed. 0 or ERR_ARGUMENT. */
static int reply_key(const struct agent *a, size_t index, struct reader *blob, struct reader *comment)
{
    struct reader r = a->keys;

    if (index >= a->key_count)
        return SESSILE_ERR_ARGUMENT;
    do {
        *blob = get_sub32(&r);
        *comment = get_sub32(&r);
    } while (index--);
    return SESSILE_OK;
}

int sessile_agent_key(sessile_session *session, size_t index, sessile_key **key)
{
    struct guard g;
    struct reader blob, comment;
    int result;
    const struct agent *a;

    if (!key)
        return SESSILE_ERR_ARGUMENT;
    *key = NULL;
    if (!(a = reply_enter(&g, session, &result)))
        return result;
    result = reply_key(a, index, &blob, &comment);
    if (result == SESSILE_OK) {
        result = sessile_key_from_blob(blob.data, blob.left, key, NULL, 0);
        if (result == SESSILE_ERR_ARGUMENT)
            result = SESSILE_ERR_UNSUPPORTED;
    }
    return guard_leave(&g, result);
}

static int reply_give(struct reader r, void *data, size_t size)
{
    if (!data && size)
        return SESSILE_ERR_ARGUMENT;
    if (r.left && r.left <= size)
        memcpy(data, r.data, r.left);
    return (int)r.left;
}

static int reply_give_of_key(sessile_session *session, size_t index, int want_comment, void *data, size_t size)
{
    struct guard g;
    struct reader blob, comment;
    int result;
    const struct agent *a = reply_enter(&g, session, &result);

    if (!a)
        return result;
    result = reply_key(a, index, &blob, &comment);
    return guard_leave(&g, result < 0 ? result : reply_give(want_comment ? comment : blob, data, size));
}

int sessile_agent_key_blob(sessile_session *session, size_t index, void *data, size_t size)
{
    return reply_give_of_key(session, index, 0, data, size);
}

int sessile_agent_key_comment(sessile_session *session, size_t index, void *data, size_t size)
{
    return reply_give_of_key(session, index, 1, data, size);
}

int sessile_agent_signature(sessile_session *session, void *data, size_t size)
{
    struct guard g;
    int result;
    const struct agent *a = reply_enter(&g, session, &result);

    return a ? guard_leave(&g, reply_give(a->signature, data, size)) : result;
}
