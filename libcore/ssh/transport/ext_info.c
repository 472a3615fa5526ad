/* SPDX-License-Identifier: Apache-2.0
 *
 * Extension negotiation (RFC 8308). A server says which signatures it takes, and what of OpenSSH's it knows. A client
 * has nothing to say. no-flow-control is not taken up: it would take away what bounds memory. */
#include <string.h>

#include "ssh/ssh.h"

#include "session/memory.h"
#include "ssh/key/key.h"

#define EXTENSIONS_MAX 64
#define NAME_MAX_SIZE 256
#define VALUE_MAX 16384
/* A server's may come twice: with the first keys, and with USERAUTH_SUCCESS. */
#define CLIENT_TAKES 2

#define SIGNATURES "server-sig-algs"
#define HOST_BOUND "publickey-hostbound@openssh.com"
#define PING "ping@openssh.com"

/* The user keys' algorithms. A client looks here for what signs beside a certificate: rsa-sha2-512, where it has one of
 * rsa-sha2-512-cert-v01@openssh.com. */
static void put_signatures(struct writer *w, const char *list)
{
    size_t begin = put_begin32(w), at = 0, size;
    const char *name;

    put_bytes(w, list, strlen(list));
    while ((name = names_next(list, &at, &size))) {
        const struct key_algorithm *algorithm = key_algorithm_find(name, size);

        if (algorithm && !names_have(list, algorithm->signature, strlen(algorithm->signature))) {
            put_bytes(w, ",", 1);
            put_bytes(w, algorithm->signature, strlen(algorithm->signature));
        }
    }
    put_end32(w, begin);
}

int ext_info_send(struct ssh *ssh)
{
    struct writer w = {0};

    if (ssh->role != SESSILE_SERVER || !ssh->transport.peer_ext_info)
        return SESSILE_OK;
    put_u8(&w, MSG_EXT_INFO);
    put_u32(&w, 3);
    put_text32(&w, SIGNATURES);
    put_signatures(&w, ssh->config->lists[SESSILE_SSH_USER_KEYS]);
    put_text32(&w, HOST_BOUND);
    put_text32(&w, "0");
    put_text32(&w, PING);
    put_text32(&w, "0");
    return ssh_send_message(ssh, &w);
}

static int take_signatures(struct ssh *ssh, const struct reader *value)
{
    struct transport *t = &ssh->transport;

    mem_free(t->signatures);
    if (!(t->signatures = mem_copy(value->data, value->left)))
        return ssh_no_memory(ssh, "the peer's server-sig-algs");
    return SESSILE_OK;
}

static int take_extension(struct ssh *ssh, struct reader *name, struct reader *value)
{
    if (ssh->role != SESSILE_CLIENT)
        return SESSILE_OK;
    if (reader_is(name, SIGNATURES)) {
        if (memchr(value->data, 0, value->left))
            return ssh_protocol(ssh, "EXT_INFO: %s has a NUL byte", SIGNATURES);
        return take_signatures(ssh, value);
    }
    if (reader_is(name, HOST_BOUND))
        ssh->transport.peer_host_bound = reader_is(value, "0") != 0;
    else if (reader_is(name, PING))
        ssh->transport.peer_ping = reader_is(value, "0") != 0;
    return SESSILE_OK;
}

/* As the next packet after the first NEWKEYS, or, from a server, once more before the end of authentication (section
 * 2.4). */
static int in_place(const struct ssh *ssh)
{
    if (ssh->transport.before_last == MSG_NEWKEYS && !ssh->transport.got_ext_info)
        return 1;
    return ssh->role == SESSILE_CLIENT && ssh->phase == SSH_AUTH && ssh->transport.got_ext_info < CLIENT_TAKES;
}

int ext_info_recv(struct ssh *ssh, struct reader *r)
{
    uint32_t count = get_u32(r);
    int result = SESSILE_OK;

    if (!in_place(ssh))
        return ssh_protocol(ssh, "the peer sent EXT_INFO (%d) out of place, in the phase %s", MSG_EXT_INFO,
                            phase_name(ssh->phase));
    if (count > EXTENSIONS_MAX)
        return ssh_protocol(ssh, "EXT_INFO has %lu extensions, and at most %d are taken", (unsigned long)count,
                            EXTENSIONS_MAX);
    ssh->transport.got_ext_info++;
    for (uint32_t i = 0; i < count && !r->failed && result == SESSILE_OK; i++) {
        struct reader name = get_text(r, NAME_MAX_SIZE);
        struct reader value = get_sub32(r);

        if (value.left > VALUE_MAX)
            return ssh_protocol(ssh, "an extension in EXT_INFO has %zu bytes, and at most %d are taken", value.left,
                                VALUE_MAX);
        if (!r->failed)
            result = take_extension(ssh, &name, &value);
    }
    return result;
}
