/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH engine: the session core's table of functions, and how a session becomes one of SSH. */
#include <string.h>

#include "session/guard.h"
#include "session/memory.h"
#include "ssh/auth/auth.h"
#include "ssh/connection/connection.h"
#include "ssh/ssh.h"

#define HOST_MAX 253
#define USER_MAX 255
#define ADDRESS_MAX 255
#define PORT_DEFAULT 22

/* ---- in ---- */

/* Compression that begins with authentication does so at one message's place among the others: both sides find it only
 * where no key exchange of ours is on its way at that moment. */
static int rekey_waits(const struct ssh *ssh)
{
    const struct compression *in = ssh->transport.in.compression, *out = ssh->transport.out.compression;

    return ssh->phase < SSH_OPEN && ((in && in->delayed) || (out && out->delayed));
}

static int take_unit(struct ssh *ssh, const uint8_t *data, size_t size)
{
    int taken = ssh->phase == SSH_IDENT ? ident_unit(ssh, data, size) : packet_unit(ssh, data, size);

    if (taken > 0 && ssh->phase == SSH_IDENT)
        session_need(ssh->session, 1); /* the next line may be empty */
    if (taken > 0 && ssh->transport.want_rekey && !ssh->transport.kex && !rekey_waits(ssh) &&
        !session_over(ssh->session) && kex_begin(ssh) < 0)
        return SESSILE_ERR_FAILED;
    return taken;
}

static int engine_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    int taken = take_unit(ssh_of(session), data, size);

    if (session_traced(session))
        session_trace_flush(session);
    return taken;
}

static int engine_full(const sessile_session *session)
{
    (void)session;
    return 0;
}

static void engine_answered(sessile_session *session, sessile_question *question)
{
    struct ssh *ssh = ssh_of(session);

    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_HOST_KEY:
        kex_answered(ssh, question);
        break;
    case SESSILE_QUESTION_SSH_SIGN:
        if (ssh->role == SESSILE_SERVER)
            kex_answered(ssh, question);
        else
            auth_answered(ssh, question);
        break;
    case SESSILE_QUESTION_SSH_CHANNEL:
    case SESSILE_QUESTION_SSH_REQUEST:
    case SESSILE_QUESTION_SSH_FORWARD:
    case SESSILE_QUESTION_SSH_HOST_KEYS:
        connection_answered(ssh, question);
        break;
    default:
        auth_answered(ssh, question);
    }
}

/* ---- the end ---- */

static int engine_end(sessile_session *session, int detach)
{
    struct ssh *ssh = ssh_of(session);

    if (ssh->phase != SSH_OPEN && detach)
        return SESSILE_ERR_MISUSE;
    basic_send_disconnect(ssh, DISCONNECT_BY_APPLICATION, "ended by the application");
    if (ssh->phase == SSH_OPEN)
        session_finish(session);
    else
        session_fail(session, SESSILE_ERR_ABORTED, "ended by this side in the phase %s", phase_name(ssh->phase));
    return SESSILE_OK;
}

static void engine_wire_gone(sessile_session *session, size_t left)
{
    struct ssh *ssh = ssh_of(session);

    if (left)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed with %zu bytes of a packet untaken", left);
    else if (ssh->phase != SSH_OPEN || ssh->transport.kex)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed in the phase %s%s", phase_name(ssh->phase),
                     ssh->phase == SSH_OPEN ? ", during a key exchange" : "");
    else if (connection_busy(ssh))
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed with channels open");
    else
        session_fail(session, SESSILE_ERR_DROPPED, "the wire closed without DISCONNECT");
}

static void engine_rest(sessile_session *session)
{
    packet_rest(ssh_of(session));
}

static void ssh_free(struct ssh *ssh)
{
    auth_free(ssh);
    connection_free(ssh);
    kex_free(ssh);
    packet_free(ssh);
    writer_free(&ssh->transport.waiting);
    mem_free(ssh->transport.peer_ident);
    mem_free(ssh->transport.signatures);
    mem_free(ssh->host);
    mem_free(ssh->user);
    mem_free(ssh->methods);
    mem_free(ssh->can_continue);
    mem_free(ssh->peer_address);
    mem_free(ssh->host_signature);
    sessile_key_free(ssh->host_key);
    sessile_key_free(ssh->user_key);
    sessile_ssh_config_free(ssh->config);
    mem_wipe_free(ssh, sizeof *ssh);
}

static void engine_destroy(sessile_session *session)
{
    ssh_free(ssh_of(session));
}

static const struct engine ssh_engine = {
    .name = "ssh",
    .unit = engine_unit,
    .full = engine_full,
    .answered = engine_answered,
    .write = channel_write,
    .writable = channel_writable,
    .end_stream = channel_end,
    .abort_stream = channel_abort,
    .consumed = channel_consumed,
    .held = connection_held,
    .stream_destroy = channel_destroy,
    .end = engine_end,
    .wire_gone = engine_wire_gone,
    .stream_verdict = channel_verdict,
    .rest = engine_rest,
    .destroy = engine_destroy,
    .want_max = PACKET_MAX,
};

/* ---- public calls ---- */

int ssh_guard_quiet(struct guard *g, sessile_session *session, struct ssh **ssh)
{
    int result = guard_enter_quiet(g, session);

    if (result < 0)
        return result;
    if (!session_state(session) || session_engine(session) != &ssh_engine)
        return guard_leave(g, SESSILE_ERR_MISUSE);
    *ssh = ssh_of(session);
    return SESSILE_OK;
}

int ssh_guard(struct guard *g, sessile_session *session, struct ssh **ssh)
{
    int result = guard_enter_live(g, session);

    if (result < 0)
        return result;
    result = session_engine(session) != &ssh_engine ? SESSILE_ERR_MISUSE
             : session_over(session)                ? SESSILE_ERR_CLOSED
                                                    : SESSILE_OK;
    if (result < 0) {
        guard_leave(g, result);
        return result;
    }
    *ssh = ssh_of(session);
    return SESSILE_OK;
}

/* ---- beginning ---- */

static struct ssh *ssh_new(sessile_session *session, sessile_ssh_config *config, int role)
{
    struct ssh *ssh = mem_zalloc(sizeof *ssh);

    if (!ssh)
        return NULL;
    ssh->session = session;
    ssh->config = ssh_config_keep(config);
    ssh->role = (uint8_t)role;
    ssh->phase = SSH_IDENT;
    return ssh;
}

static int ssh_begin(struct guard *g, struct ssh *ssh, sessile_callbacks *callbacks, void *app)
{
    int result = session_set_engine(ssh->session, &ssh_engine, ssh);

    if (result < 0) {
        ssh_free(ssh);
        return guard_leave(g, result);
    }
    session_start(ssh->session, callbacks, app);
    session_need(ssh->session, 1);
    if (ident_send(ssh) < 0)
        return guard_leave(g, SESSILE_ERR_MEMORY);
    return guard_leave(g, SESSILE_OK);
}

static int may_begin(struct guard *g, sessile_session *session, sessile_ssh_config *config, int role)
{
    int result;

    if (!config)
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(g, session)) < 0)
        return result;
    if (session_engine(session) || session_over(session))
        return guard_leave(g, SESSILE_ERR_MISUSE);
    if ((result = ssh_config_seal(config, role)) < 0)
        return guard_leave(g, result);
    return SESSILE_OK;
}

static int text_fits(const char *text, size_t most)
{
    return text && *text && strlen(text) <= most;
}

int sessile_ssh_connect(sessile_session *session, sessile_ssh_config *config, const char *host, int port,
                        const char *user, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    int result;

    if (!text_fits(host, HOST_MAX) || !text_fits(user, USER_MAX) || port < 0 || port > UINT16_MAX)
        return SESSILE_ERR_ARGUMENT;
    if ((result = may_begin(&g, session, config, SESSILE_CLIENT)) < 0)
        return result;
    if (!(ssh = ssh_new(session, config, SESSILE_CLIENT)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    ssh->port = port ? (uint16_t)port : PORT_DEFAULT;
    ssh->host = mem_string(host);
    ssh->user = mem_string(user);
    if (!ssh->host || !ssh->user) {
        ssh_free(ssh);
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    }
    return ssh_begin(&g, ssh, callbacks, app);
}

int sessile_ssh_accept(sessile_session *session, sessile_ssh_config *config, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    int result;

    if ((result = may_begin(&g, session, config, SESSILE_SERVER)) < 0)
        return result;
    if (!(ssh = ssh_new(session, config, SESSILE_SERVER)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    return ssh_begin(&g, ssh, callbacks, app);
}

int sessile_ssh_set_peer_address(sessile_session *session, const char *address)
{
    struct guard g;
    struct ssh *ssh;
    char *copy;
    int result;

    if (!text_fits(address, ADDRESS_MAX))
        return SESSILE_ERR_ARGUMENT;
    if ((result = ssh_guard(&g, session, &ssh)) < 0)
        return result;
    if (!(copy = mem_string(address)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    mem_free(ssh->peer_address);
    ssh->peer_address = copy;
    return guard_leave(&g, SESSILE_OK);
}

int sessile_ssh_rekey(sessile_session *session)
{
    struct guard g;
    struct ssh *ssh;
    int result = ssh_guard(&g, session, &ssh);

    if (result < 0)
        return result;
    if (ssh->phase < SSH_SERVICE)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if (rekey_waits(ssh))
        ssh->transport.want_rekey = 1;
    else if (!ssh->transport.kex)
        result = kex_begin(ssh);
    return guard_leave(&g, result);
}
