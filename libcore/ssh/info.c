/* SPDX-License-Identifier: Apache-2.0
 *
 * What was negotiated, for the application. */
#include <string.h>

#include "session/guard.h"
#include "session/memory.h"
#include "ssh/ssh.h"

static const char *name_of_cipher(const struct direction *d)
{
    return d->cipher ? d->cipher->name : "";
}

static const char *name_of_mac(const struct direction *d)
{
    return d->mac ? d->mac->name : "";
}

static const char *name_of_compression(const struct direction *d)
{
    return d->compression ? d->compression->name : "";
}

static const char *info_of(const struct ssh *ssh, int info)
{
    const struct transport *t = &ssh->transport;

    switch (info) {
    case SESSILE_SSH_INFO_KEX:
        return t->kex_name;
    case SESSILE_SSH_INFO_HOST_KEY:
        return t->host_key_name;
    case SESSILE_SSH_INFO_CIPHER_OUT:
        return name_of_cipher(&t->out);
    case SESSILE_SSH_INFO_CIPHER_IN:
        return name_of_cipher(&t->in);
    case SESSILE_SSH_INFO_MAC_OUT:
        return name_of_mac(&t->out);
    case SESSILE_SSH_INFO_MAC_IN:
        return name_of_mac(&t->in);
    case SESSILE_SSH_INFO_COMPRESSION_OUT:
        return name_of_compression(&t->out);
    case SESSILE_SSH_INFO_COMPRESSION_IN:
        return name_of_compression(&t->in);
    case SESSILE_SSH_INFO_PEER:
        return t->peer_ident;
    case SESSILE_SSH_INFO_USER:
        return ssh->user;
    case SESSILE_SSH_INFO_METHODS:
        return ssh->methods;
    case SESSILE_SSH_INFO_CAN_CONTINUE:
        return ssh->can_continue;
    case SESSILE_SSH_INFO_SIGNATURES:
        return t->signatures;
    case SESSILE_SSH_INFO_STRICT:
        return t->strict ? "1" : "0";
    default:
        return "";
    }
}

const char *sessile_ssh_info(sessile_session *session, int info)
{
    struct guard g;
    struct ssh *ssh;
    const char *text;

    if (ssh_guard_quiet(&g, session, &ssh) < 0)
        return "";
    text = info_of(ssh, info);
    guard_leave(&g, 0);
    return text ? text : "";
}

static int give(const uint8_t *bytes, size_t length, void *data, size_t size)
{
    if (!length)
        return SESSILE_ERR_MISUSE;
    if (data && length <= size)
        memcpy(data, bytes, length);
    return (int)length;
}

int sessile_ssh_session_id(sessile_session *session, void *data, size_t size)
{
    struct guard g;
    struct ssh *ssh;
    int result = ssh_guard_quiet(&g, session, &ssh);

    if (result < 0)
        return result;
    return guard_leave(&g, give(ssh->transport.session_id, ssh->transport.session_id_size, data, size));
}

int sessile_ssh_host_signature(sessile_session *session, void *data, size_t size)
{
    struct guard g;
    struct ssh *ssh;
    int result = ssh_guard_quiet(&g, session, &ssh);

    if (result < 0)
        return result;
    return guard_leave(&g, give(ssh->host_signature, ssh->host_signature_size, data, size));
}

static sessile_key *key_of(sessile_session *session, int user)
{
    struct guard g;
    struct ssh *ssh;
    sessile_key *key;

    if (ssh_guard_quiet(&g, session, &ssh) < 0)
        return NULL;
    key = user ? ssh->user_key : ssh->host_key;
    guard_leave(&g, 0);
    return key;
}

sessile_key *sessile_ssh_host_key(sessile_session *session)
{
    return key_of(session, 0);
}

sessile_key *sessile_ssh_user_key(sessile_session *session)
{
    return key_of(session, 1);
}
