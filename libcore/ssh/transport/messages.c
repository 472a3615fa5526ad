/* SPDX-License-Identifier: Apache-2.0
 *
 * The message table: which role may take which message in which phase, and who handles it. What is in no row, or in a
 * row that leaves the phase out, is answered by UNIMPLEMENTED or refused, and no handler ever sees it.
 *
 * Sources: RFC 4250 section 4.1.2, RFC 4253 sections 7.1, 9 and 11, RFC 4252 sections 5.1, 5.3 and 6, RFC 8308 section
 * 2.4, OpenSSH's PROTOCOL sections 1.9 and 1.10.
 */
#include <string.h>

#include "session/error.h"
#include "ssh/auth/auth.h"
#include "ssh/connection/connection.h"
#include "ssh/ssh.h"

/* Columns: where a message is taken. A key exchange of a session that is under way is a column of its own: what comes
 * then is the same before and after authentication. */
#define IN_FIRST 1u   /* before the first KEXINIT */
#define IN_METHOD 2u  /* the method's messages are expected */
#define IN_NEWKEYS 4u /* NEWKEYS is expected */
#define IN_SERVICE 8u
#define IN_AUTH 16u
#define IN_OPEN 32u
#define IN_KEX (IN_METHOD | IN_NEWKEYS)
#define IN_ALL (IN_FIRST | IN_KEX | IN_SERVICE | IN_AUTH | IN_OPEN)

#define CLIENT (1u << SESSILE_CLIENT)
#define SERVER (1u << SESSILE_SERVER)
#define BOTH (CLIENT | SERVER)

struct message {
    uint8_t number;
    const char *name;
    uint8_t roles;   /* who takes it */
    uint8_t taken;   /* IN_*, handled */
    uint8_t ignored; /* IN_*, taken and dropped */
    uint8_t unknown; /* IN_*, answered by UNIMPLEMENTED: what a peer may think that we know */
    int (*handler)(struct ssh *ssh, struct reader *r);
};

static int recv_method(struct ssh *ssh, struct reader *r);

static const struct message messages[] = {
    {MSG_DISCONNECT, "DISCONNECT", BOTH, IN_ALL, 0, 0, basic_recv_disconnect},
    {MSG_IGNORE, "IGNORE", BOTH, IN_ALL, 0, 0, basic_recv_ignore},
    {MSG_UNIMPLEMENTED, "UNIMPLEMENTED", BOTH, IN_ALL, 0, 0, basic_recv_unimplemented},
    {MSG_DEBUG, "DEBUG", BOTH, IN_ALL, 0, 0, basic_recv_debug},
    {MSG_SERVICE_REQUEST, "SERVICE_REQUEST", SERVER, IN_SERVICE | IN_AUTH, 0, 0, auth_recv_service_request},
    {MSG_SERVICE_ACCEPT, "SERVICE_ACCEPT", CLIENT, IN_SERVICE, 0, 0, auth_recv_service_accept},
    {MSG_EXT_INFO, "EXT_INFO", BOTH, IN_SERVICE | IN_AUTH, 0, 0, ext_info_recv},
    {MSG_KEXINIT, "KEXINIT", BOTH, IN_FIRST | IN_SERVICE | IN_AUTH | IN_OPEN, 0, 0, kex_recv_init},
    {MSG_NEWKEYS, "NEWKEYS", BOTH, IN_NEWKEYS, 0, 0, kex_recv_newkeys},
    {MSG_KEX_INIT, "KEX_INIT", SERVER, IN_METHOD, 0, 0, recv_method},
    {MSG_KEX_REPLY, "KEX_REPLY", CLIENT, IN_METHOD, 0, 0, recv_method},
    {MSG_KEX_GEX_INIT, "KEX_DH_GEX_INIT", SERVER, IN_METHOD, 0, 0, recv_method},
    {MSG_KEX_GEX_REPLY, "KEX_DH_GEX_REPLY", CLIENT, IN_METHOD, 0, 0, recv_method},
    {MSG_KEX_GEX_REQUEST, "KEX_DH_GEX_REQUEST", SERVER, IN_METHOD, 0, 0, recv_method},
    {MSG_USERAUTH_REQUEST, "USERAUTH_REQUEST", SERVER, IN_AUTH, IN_OPEN, 0, auth_recv_request},
    {MSG_USERAUTH_FAILURE, "USERAUTH_FAILURE", CLIENT, IN_AUTH, 0, 0, auth_recv_failure},
    {MSG_USERAUTH_SUCCESS, "USERAUTH_SUCCESS", CLIENT, IN_AUTH, 0, 0, auth_recv_success},
    {MSG_USERAUTH_BANNER, "USERAUTH_BANNER", CLIENT, IN_AUTH, 0, 0, auth_recv_banner},
    {MSG_USERAUTH_60, "USERAUTH_60", CLIENT, IN_AUTH, 0, 0, auth_recv_60},
    {MSG_USERAUTH_INFO_RESPONSE, "USERAUTH_INFO_RESPONSE", SERVER, IN_AUTH, 0, 0, auth_recv_info_response},
    {MSG_GLOBAL_REQUEST, "GLOBAL_REQUEST", BOTH, IN_OPEN, 0, 0, connection_recv_global_request},
    {MSG_REQUEST_SUCCESS, "REQUEST_SUCCESS", BOTH, IN_OPEN, 0, 0, connection_recv_request_success},
    {MSG_REQUEST_FAILURE, "REQUEST_FAILURE", BOTH, IN_OPEN, 0, 0, connection_recv_request_failure},
    {MSG_CHANNEL_OPEN, "CHANNEL_OPEN", BOTH, IN_OPEN, 0, 0, connection_recv_open},
    {MSG_CHANNEL_OPEN_CONFIRMATION, "CHANNEL_OPEN_CONFIRMATION", BOTH, IN_OPEN, 0, 0,
     connection_recv_open_confirmation},
    {MSG_CHANNEL_OPEN_FAILURE, "CHANNEL_OPEN_FAILURE", BOTH, IN_OPEN, 0, 0, connection_recv_open_failure},
    {MSG_CHANNEL_WINDOW_ADJUST, "CHANNEL_WINDOW_ADJUST", BOTH, IN_OPEN, 0, 0, connection_recv_window_adjust},
    {MSG_CHANNEL_DATA, "CHANNEL_DATA", BOTH, IN_OPEN, 0, 0, connection_recv_data},
    {MSG_CHANNEL_EXTENDED_DATA, "CHANNEL_EXTENDED_DATA", BOTH, IN_OPEN, 0, 0, connection_recv_extended_data},
    {MSG_CHANNEL_EOF, "CHANNEL_EOF", BOTH, IN_OPEN, 0, 0, connection_recv_eof},
    {MSG_CHANNEL_CLOSE, "CHANNEL_CLOSE", BOTH, IN_OPEN, 0, 0, connection_recv_close},
    {MSG_CHANNEL_REQUEST, "CHANNEL_REQUEST", BOTH, IN_OPEN, 0, 0, connection_recv_request},
    {MSG_CHANNEL_SUCCESS, "CHANNEL_SUCCESS", BOTH, IN_OPEN, 0, 0, connection_recv_success},
    {MSG_CHANNEL_FAILURE, "CHANNEL_FAILURE", BOTH, IN_OPEN, 0, 0, connection_recv_failure},
    {MSG_PING, "PING", BOTH, IN_OPEN, 0, IN_SERVICE | IN_AUTH, basic_recv_ping},
    {MSG_PONG, "PONG", BOTH, IN_OPEN, 0, IN_SERVICE | IN_AUTH, basic_recv_pong},
};

#define MESSAGE_COUNT (sizeof messages / sizeof messages[0])
/* The last number of the transport layer's own, and the range of a key exchange method's. */
#define TRANSPORT_LAST 49
#define METHOD_FIRST 30
/* How many packets a key exchange before authentication counts for, but for the first. */
#define EXCHANGE_COUNTS 50

static const struct message *message_find(int number)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (messages[i].number == number)
            return &messages[i];
    return NULL;
}

const char *message_name(int number)
{
    const struct message *m = message_find(number);

    return m ? m->name : "message";
}

const char *phase_name(enum ssh_phase phase)
{
    static const char *const names[] = {"identification", "first key exchange", "service", "authentication", "open"};

    return names[phase];
}

static unsigned column(enum ssh_phase phase, enum kex_stage stage)
{
    if (stage == KEX_STAGE_METHOD)
        return IN_METHOD;
    if (stage == KEX_STAGE_NEWKEYS)
        return IN_NEWKEYS;
    return phase == SSH_SERVICE ? IN_SERVICE : phase == SSH_AUTH ? IN_AUTH : phase == SSH_OPEN ? IN_OPEN : IN_FIRST;
}

/* A number without a row. What must not be sent at all during a key exchange (RFC 4253, section 7.1) is no question of
 * whether it is known; neither is a method's message where no method runs, nor what user authentication has kept for
 * its methods. */
static enum message_verdict unknown_verdict(unsigned at, int number)
{
    if (number >= METHOD_FIRST && number <= TRANSPORT_LAST)
        return MESSAGE_REFUSE;
    if (at & (IN_FIRST | IN_KEX) && number > TRANSPORT_LAST)
        return MESSAGE_REFUSE;
    return MESSAGE_UNIMPLEMENTED;
}

enum message_verdict message_verdict(int role, enum ssh_phase phase, enum kex_stage stage, int strict, int number)
{
    const struct message *m = message_find(number);
    unsigned at = column(phase, stage);
    int first_strict = strict && phase == SSH_KEX && stage != KEX_STAGE_NONE;

    if (phase == SSH_IDENT)
        return MESSAGE_REFUSE;
    /* Strict key exchange: nothing but the exchange's own messages, and the end. */
    if (first_strict && (!m || (number != MSG_DISCONNECT && number < MSG_KEXINIT)))
        return MESSAGE_REFUSE;
    if (!m)
        return unknown_verdict(at, number);
    if (!(m->roles & 1u << role))
        return MESSAGE_REFUSE;
    if (m->taken & at)
        return MESSAGE_HANDLE;
    if (m->ignored & at)
        return MESSAGE_IGNORE;
    return m->unknown & at ? MESSAGE_UNIMPLEMENTED : MESSAGE_REFUSE;
}

static int refuse(struct ssh *ssh, int number)
{
    enum kex_stage stage = kex_stage(ssh);

    return ssh_protocol(ssh, "the peer sent %s (%d), which a %s does not take in the phase %s%s", message_name(number),
                        number, ssh->role == SESSILE_CLIENT ? "client" : "server", phase_name(ssh->phase),
                        stage == KEX_STAGE_NONE ? ""
                        : ssh->phase == SSH_KEX ? ", with the exchange under way"
                        : ssh->transport.strict ? ", during a strict key exchange"
                                                : ", during a key exchange");
}

/* Which of a method's messages is due is the method's to say. */
static int recv_method(struct ssh *ssh, struct reader *r)
{
    return kex_recv_method(ssh, r, ssh->transport.last_number);
}

static int handle(struct ssh *ssh, const struct message *m, struct reader *r)
{
    int result = m->handler(ssh, r);

    if (result < 0 || session_over(ssh->session))
        return result < 0 ? result : SESSILE_ERR_CLOSED;
    if (!reader_done(r))
        return ssh_protocol(ssh, "%s: %s", m->name,
                            r->failed ? "it is cut short, or a field is not what it must be"
                                      : "bytes follow its last field");
    return SESSILE_OK;
}

/* Before authentication a peer is a stranger: how much it may have us do is counted. A key exchange that it begins then
 * makes by far the most work, which it need not do itself. */
static int count_early(struct ssh *ssh, int number)
{
    uint64_t limit = ssh->config->limits[SESSILE_SSH_LIMIT_EARLY_PACKETS];

    if (ssh->phase == SSH_OPEN)
        return SESSILE_OK;
    ssh->early_packets += number == MSG_KEXINIT && ssh->phase > SSH_KEX && !ssh->transport.kex ? EXCHANGE_COUNTS : 1;
    if (ssh->early_packets <= limit)
        return SESSILE_OK;
    return ssh_fail(ssh, DISCONNECT_PROTOCOL_ERROR, SESSILE_ERR_LIMIT,
                    "the peer sent more than %llu packets before authentication, the last of them %s (%d)",
                    (unsigned long long)limit, message_name(number), number);
}

int message_dispatch(struct ssh *ssh, const uint8_t *payload, size_t size)
{
    struct reader r = reader_of(payload, size);
    int number = get_u8(&r);
    enum kex_stage stage = kex_stage(ssh);
    enum message_verdict verdict = message_verdict(ssh->role, ssh->phase, stage, ssh->transport.strict, number);
    uint32_t sequence = ssh->transport.in.sequence - 1;
    int result;

    if (session_traced(ssh->session))
        session_trace(ssh->session, 0, message_name(number), size, phase_name(ssh->phase));
    if ((result = count_early(ssh, number)) < 0)
        return result;
    if (stage == KEX_STAGE_METHOD && number >= METHOD_FIRST && number <= TRANSPORT_LAST && kex_drops_guess(ssh))
        return SESSILE_OK;
    if (verdict == MESSAGE_REFUSE)
        return refuse(ssh, number);
    if (verdict == MESSAGE_UNIMPLEMENTED)
        result = basic_send_unimplemented(ssh, sequence);
    else if (verdict == MESSAGE_HANDLE) {
        uint8_t before = ssh->transport.last_number;

        ssh->transport.last_number = (uint8_t)number;
        ssh->transport.before_last = before;
        result = handle(ssh, message_find(number), &r);
    }
    return result;
}

/* ---- what handlers read with ---- */

void get_rest(struct reader *r)
{
    get_bytes(r, r->left);
}

struct reader get_text(struct reader *r, size_t most)
{
    struct reader text = get_sub32(r);

    if (!text.failed && (text.left > most || (text.left && memchr(text.data, 0, text.left)))) {
        r->failed = text.failed = 1;
        r->left = text.left = 0;
    }
    return text;
}

int reader_is(const struct reader *r, const char *text)
{
    size_t size = strlen(text);

    return !r->failed && r->left == size && (size == 0 || memcmp(r->data, text, size) == 0);
}

const char *reader_escape(char room[ESCAPED_ROOM], const struct reader *r)
{
    return text_escape(room, ESCAPED_ROOM, r->data, r->failed ? 0 : r->left);
}
