/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages that mean the same in every phase: DISCONNECT, IGNORE, DEBUG, UNIMPLEMENTED (RFC 4253, section 11), and
 * PING and PONG (OpenSSH's PROTOCOL, section 1.9). */
#include <stdio.h>

#include "ssh/ssh.h"

#include "session/error.h"
#include "session/guard.h"

#define DESCRIPTION_MAX 4096
#define LANGUAGE_MAX 256
#define IGNORE_MAX 32768

/* ---- DISCONNECT ---- */

int basic_recv_disconnect(struct ssh *ssh, struct reader *r)
{
    char escaped[ESCAPED_ROOM], notice[ESCAPED_ROOM + 16];
    uint32_t reason = get_u32(r);
    struct reader description = get_sub32(r);
    int size;

    if (!r->failed && r->left) /* some leave the language out */
        get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    ssh->transport.disconnected = 1;
    size = snprintf(notice, sizeof notice, "%lu: %s", (unsigned long)reason, reader_escape(escaped, &description));
    if (session_call_notice(ssh->session, SESSILE_NOTICE_SSH_DISCONNECT, notice, (size_t)size) < 0)
        return SESSILE_ERR_FAILED;
    if (session_over(ssh->session))
        return SESSILE_ERR_CLOSED;
    if (reason == DISCONNECT_BY_APPLICATION && ssh->phase == SSH_OPEN) {
        session_finish(ssh->session);
        return SESSILE_ERR_CLOSED;
    }
    return session_fail(ssh->session, SESSILE_ERR_PEER, "the peer disconnected in the phase %s: reason %s",
                        phase_name(ssh->phase), notice);
}

void basic_send_disconnect(struct ssh *ssh, int reason, const char *description)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (ssh->phase != SSH_IDENT && !ssh->transport.disconnected) {
        put_u8(&w, MSG_DISCONNECT);
        put_u32(&w, (uint32_t)reason);
        put_text32(&w, description);
        put_text32(&w, "");
        if (!w.failed)
            packet_seal(ssh, w.data, w.size, NULL, 0);
    }
    writer_free(&w);
    ssh->transport.disconnected = 1;
}

int sessile_ssh_disconnect(sessile_session *session, int reason, const char *description)
{
    struct guard g;
    struct ssh *ssh;
    int result;

    if (reason < 1 || !description)
        return SESSILE_ERR_ARGUMENT;
    if ((result = ssh_guard(&g, session, &ssh)) < 0)
        return result;
    basic_send_disconnect(ssh, reason, description);
    if (!session_over(session)) {
        if (ssh->phase == SSH_OPEN)
            session_finish(session);
        else
            session_fail(session, SESSILE_ERR_ABORTED, "ended by this side in the phase %s", phase_name(ssh->phase));
    }
    return guard_leave(&g, SESSILE_OK);
}

/* ---- IGNORE and DEBUG ---- */

int basic_recv_ignore(struct ssh *ssh, struct reader *r)
{
    (void)ssh;
    get_rest(r); /* whatever it is: it may be mere padding */
    return SESSILE_OK;
}

int basic_recv_debug(struct ssh *ssh, struct reader *r)
{
    int always_display = get_u8(r) != 0;
    struct reader text = get_sub32(r);

    get_sub32(r);
    if (!reader_done(r) || !always_display || ssh->phase != SSH_OPEN || !text.left)
        return SESSILE_OK;
    return session_call_notice(ssh->session, SESSILE_NOTICE_SSH_DEBUG, text.data, text.left);
}

static int may_send_basic(struct guard *g, sessile_session *session, struct ssh **ssh)
{
    int result = ssh_guard(g, session, ssh);

    if (result < 0)
        return result;
    if ((*ssh)->phase < SSH_SERVICE) /* strict key exchange forbids them before */
        return guard_leave(g, SESSILE_ERR_MISUSE);
    if (session_owes_too_much(session) || !outbox_room(session))
        return guard_leave(g, SESSILE_ERR_LIMIT);
    return SESSILE_OK;
}

int sessile_ssh_send_ignore(sessile_session *session, size_t size)
{
    struct guard g;
    struct ssh *ssh;
    struct writer w = {0};
    uint8_t *filling;
    int result;

    if (size > IGNORE_MAX)
        return SESSILE_ERR_ARGUMENT;
    if ((result = may_send_basic(&g, session, &ssh)) < 0)
        return result;
    put_u8(&w, MSG_IGNORE);
    put_u32(&w, (uint32_t)size);
    filling = put_room(&w, size);
    for (size_t i = 0; filling && i < size; i++)
        filling[i] = 0;
    return guard_leave(&g, ssh_send_message(ssh, &w));
}

int sessile_ssh_send_debug(sessile_session *session, const char *text, int always_display)
{
    struct guard g;
    struct ssh *ssh;
    struct writer w = {0};
    int result;

    if (!text)
        return SESSILE_ERR_ARGUMENT;
    if ((result = may_send_basic(&g, session, &ssh)) < 0)
        return result;
    put_u8(&w, MSG_DEBUG);
    put_u8(&w, always_display != 0);
    put_text32(&w, text);
    put_text32(&w, "");
    if (w.size > DESCRIPTION_MAX) {
        writer_free(&w);
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    }
    return guard_leave(&g, ssh_send_message(ssh, &w));
}

/* ---- UNIMPLEMENTED ---- */

int basic_recv_unimplemented(struct ssh *ssh, struct reader *r)
{
    uint32_t sequence = get_u32(r);

    if (r->failed || kex_stage(ssh) == KEX_STAGE_NONE)
        return SESSILE_OK; /* what we send unasked is all in RFC 4250: nothing depends on a peer knowing more */
    return ssh_protocol(ssh, "the peer does not know packet %lu, in the midst of a key exchange",
                        (unsigned long)sequence);
}

int basic_send_unimplemented(struct ssh *ssh, uint32_t sequence)
{
    uint8_t room[8];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, MSG_UNIMPLEMENTED);
    put_u32(&w, sequence);
    return ssh_send_message(ssh, &w);
}

/* ---- PING and PONG ---- */

int basic_recv_ping(struct ssh *ssh, struct reader *r)
{
    struct reader data = get_sub32(r);
    struct writer w = {0};

    if (!reader_done(r))
        return SESSILE_OK;
    put_u8(&w, MSG_PONG);
    put_sized32(&w, data.data, data.left);
    return ssh_send_message(ssh, &w);
}

int basic_recv_pong(struct ssh *ssh, struct reader *r)
{
    get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK;
    return ssh_protocol(ssh, "the peer sent PONG (%d), and no PING was sent", MSG_PONG);
}
