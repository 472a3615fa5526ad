/* SPDX-License-Identifier: Apache-2.0
 *
 * What the layers of one SSH session share: its phases and its failures. */
#include "ssh/ssh.h"

#include <stdarg.h>
#include <stdio.h>

#include "session/memory.h"
#include "ssh/auth/auth.h"
#include "ssh/connection/connection.h"
#include "ssh/key/certificate.h"

#define FAILURE_TEXT 480

struct ssh *ssh_of(sessile_session *session)
{
    return session_state(session);
}

struct ssh *ssh_of_stream(const sessile_stream *stream)
{
    return session_state(stream_session(stream));
}

static int open_session(struct ssh *ssh)
{
    int result;

    auth_free(ssh);
    if ((result = packet_authenticated(ssh)) < 0 || (result = connection_start(ssh)) < 0 ||
        (result = session_call_ready(ssh->session)) < 0)
        return result;
    return ssh->transport.want_rekey && !session_over(ssh->session) ? kex_begin(ssh) : SESSILE_OK;
}

int ssh_enter(struct ssh *ssh, enum ssh_phase phase)
{
    if (phase != ssh->phase + 1u)
        return session_fail(ssh->session, SESSILE_ERR_PROTOCOL, "the phase %s cannot follow %s", phase_name(phase),
                            phase_name(ssh->phase));
    ssh->phase = (uint8_t)phase;
    if (phase == SSH_SERVICE)
        return auth_start(ssh);
    if (phase == SSH_OPEN)
        return open_session(ssh);
    return SESSILE_OK;
}

/* What a peer is told: it need not know more than that. */
static const char *disconnect_text(int reason)
{
    switch (reason) {
    case DISCONNECT_KEY_EXCHANGE_FAILED:
        return "key exchange failed";
    case DISCONNECT_MAC_ERROR:
        return "corrupted packet";
    case DISCONNECT_COMPRESSION_ERROR:
        return "compression error";
    case DISCONNECT_SERVICE_NOT_AVAILABLE:
        return "service not available";
    case DISCONNECT_VERSION_NOT_SUPPORTED:
        return "protocol version not supported";
    case DISCONNECT_HOST_KEY_NOT_VERIFIABLE:
        return "host key not verifiable";
    case DISCONNECT_NO_MORE_AUTH_METHODS:
        return "no more authentication methods";
    case DISCONNECT_BY_APPLICATION:
        return "ended by the application";
    default:
        return "protocol error";
    }
}

int ssh_fail(struct ssh *ssh, int reason, int code, const char *format, ...)
{
    char text[FAILURE_TEXT];
    va_list arguments;

    if (session_over(ssh->session))
        return session_fail(ssh->session, code, "%s", "");
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (reason)
        basic_send_disconnect(ssh, reason, disconnect_text(reason));
    return session_fail(ssh->session, code, "%s", text);
}

int ssh_protocol(struct ssh *ssh, const char *format, ...)
{
    char text[FAILURE_TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ssh_fail(ssh, DISCONNECT_PROTOCOL_ERROR, SESSILE_ERR_PROTOCOL, "%s", text);
}

int ssh_no_memory(struct ssh *ssh, const char *what)
{
    return session_fail(ssh->session, SESSILE_ERR_MEMORY, "no memory for %s", what);
}

int ssh_authority_allowed(const struct ssh *ssh, const sessile_key *key)
{
    struct reader signature, name;

    if (!key->certificate)
        return 0;
    signature = key->certificate->signature;
    name = get_sub32(&signature);
    return name.left && names_have(ssh->config->lists[SESSILE_SSH_CA_SIGNATURES], (const char *)name.data, name.left);
}
