/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's engine: the session core's table of functions, and how a session becomes one. */
#include "session/guard.h"
#include "session/memory.h"
#include "ssh/agent/agent.h"

#define LENGTH_SIZE 4

/* ---- in ---- */

/* What a length announces, as soon as it is there. */
static int agent_check_length(const struct agent *a, uint32_t length)
{
    if (length == 0)
        return session_fail(a->session, SESSILE_ERR_PROTOCOL, "the agent sent a message without a type");
    if (length > AGENT_MESSAGE_MAX)
        return session_fail(a->session, SESSILE_ERR_PROTOCOL,
                            "the agent sent a message of %u bytes, over the limit of %d", length, AGENT_MESSAGE_MAX);
    if (!a->first)
        return session_fail(a->session, SESSILE_ERR_PROTOCOL,
                            "the agent sent a message of %u bytes without being asked", length);
    return SESSILE_OK;
}

static int agent_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    struct agent *a = session_state(session);
    struct reader r = reader_of(data, size);
    uint32_t length = get_u32(&r);

    session_need(session, LENGTH_SIZE);
    if (r.failed)
        return 0;
    if (agent_check_length(a, length) < 0)
        return SESSILE_ERR_FAILED;
    if (r.left < length) {
        session_need(session, LENGTH_SIZE + (size_t)length);
        return 0;
    }
    if (agent_reply(a, reader_of(r.data, length)) < 0)
        return SESSILE_ERR_FAILED;
    if (!a->first && a->ending && !session_over(session))
        session_finish(session);
    return (int)(LENGTH_SIZE + length);
}

static int agent_full(const sessile_session *session)
{
    (void)session;
    return 0;
}

/* ---- the end ---- */

/* What was asked is still answered. */
static int agent_end(sessile_session *session, int detach)
{
    struct agent *a = session_state(session);

    (void)detach;
    if (session_over(session))
        return SESSILE_ERR_CLOSED;
    a->ending = 1;
    if (!a->first)
        session_finish(session);
    return SESSILE_OK;
}

static void agent_wire_gone(sessile_session *session, size_t left)
{
    const struct agent *a = session_state(session);

    if (left)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed after %zu bytes of a message of the agent's",
                     left);
    else if (a->first)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed with %zu requests to the agent unanswered",
                     a->count);
    else
        session_finish(session);
}

static void agent_rest(sessile_session *session)
{
    if (session_over(session))
        agent_give_up(session_state(session));
}

static void agent_destroy(sessile_session *session)
{
    struct agent *a = session_state(session);

    agent_give_up(a);
    mem_free(a);
}

/* There are neither streams nor questions of its own: what is for those is never called. */
const struct engine agent_engine = {
    .name = "agent",
    .unit = agent_unit,
    .full = agent_full,
    .end = agent_end,
    .wire_gone = agent_wire_gone,
    .rest = agent_rest,
    .destroy = agent_destroy,
    .want_max = LENGTH_SIZE + AGENT_MESSAGE_MAX,
};

/* ---- the beginning ---- */

int agent_of(sessile_session *session, struct agent **agent)
{
    *agent = session_engine(session) == &agent_engine ? session_state(session) : NULL;
    if (!*agent)
        return SESSILE_ERR_MISUSE;
    return session_over(session) || (*agent)->ending ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

static int agent_start(sessile_session *session, sessile_callbacks *callbacks, void *app)
{
    struct agent *a;

    if (session_over(session) || session_engine(session))
        return SESSILE_ERR_MISUSE;
    if (!(a = mem_zalloc(sizeof *a)))
        return SESSILE_ERR_MEMORY;
    a->session = session;
    a->last = &a->first;
    session_set_engine(session, &agent_engine, a);
    session_start(session, callbacks, app);
    session_need(session, LENGTH_SIZE);
    session_call_ready(session);
    return SESSILE_OK;
}

int sessile_agent_connect(sessile_session *session, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    return guard_leave(&g, agent_start(session, callbacks, app));
}
