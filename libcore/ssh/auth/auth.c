/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication's life: the service (RFC 4253, section 10), the answers to questions, the end. */
#include "ssh/auth/auth.h"

#include <string.h>

#include "session/memory.h"
#include "ssh/auth/method.h"

#define SERVICE_NAME "ssh-userauth"
#define SERVICE_MAX 64

static int send_service(struct ssh *ssh, uint8_t number)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, number);
    put_text32(&w, SERVICE_NAME);
    return ssh_send_message(ssh, &w);
}

int auth_start(struct ssh *ssh)
{
    if (!(ssh->auth = mem_zalloc(sizeof *ssh->auth)))
        return ssh_no_memory(ssh, "authentication");
    return ssh->role == SESSILE_CLIENT ? send_service(ssh, MSG_SERVICE_REQUEST) : SESSILE_OK;
}

static int send_banner(struct ssh *ssh)
{
    struct writer w = {0};

    if (!ssh->config->banner_size)
        return SESSILE_OK;
    put_u8(&w, MSG_USERAUTH_BANNER);
    put_sized32(&w, ssh->config->banner, ssh->config->banner_size);
    put_text32(&w, "");
    return ssh_send_message(ssh, &w);
}

int auth_recv_service_request(struct ssh *ssh, struct reader *r)
{
    char escaped[ESCAPED_ROOM];
    struct reader name = get_text(r, SERVICE_MAX);
    int result;

    if (!reader_done(r))
        return SESSILE_OK;
    if (!reader_is(&name, SERVICE_NAME))
        return ssh_fail(ssh, DISCONNECT_SERVICE_NOT_AVAILABLE, SESSILE_ERR_PROTOCOL,
                        "SERVICE_REQUEST asks for \"%s\" before authentication", reader_escape(escaped, &name));
    if ((result = send_service(ssh, MSG_SERVICE_ACCEPT)) < 0)
        return result;
    /* Some clients, paramiko among them, ask anew before each attempt. */
    if (ssh->phase == SSH_AUTH)
        return SESSILE_OK;
    if ((result = ssh_enter(ssh, SSH_AUTH)) < 0)
        return result;
    return send_banner(ssh);
}

int auth_recv_service_accept(struct ssh *ssh, struct reader *r)
{
    struct reader name;
    int result;

    /* Some servers leave the name out (RFC 4253, section 10 has it). */
    if (r->left) {
        name = get_text(r, SERVICE_MAX);
        if (!reader_done(r))
            return SESSILE_OK;
        if (!reader_is(&name, SERVICE_NAME))
            return ssh_protocol(ssh, "SERVICE_ACCEPT is for another service than %s", SERVICE_NAME);
    }
    if ((result = ssh_enter(ssh, SSH_AUTH)) < 0)
        return result;
    return client_next(ssh);
}

void auth_answered(struct ssh *ssh, sessile_question *question)
{
    const struct auth_method *method = ssh->auth ? ssh->auth->method : NULL;

    if (!ssh->auth)
        return;
    if (ssh->role == SESSILE_SERVER) {
        if (method)
            method->server_answered(ssh, question);
    } else if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        client_chosen(ssh, question);
    } else if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_SIGN) {
        client_signed(ssh, question);
    } else if (method && method->client_answered) {
        method->client_answered(ssh, question);
    }
}

void auth_free(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;

    if (!auth)
        return;
    signing_clear(auth);
    sessile_key_free(auth->key);
    writer_free(&auth->used_keys);
    mem_free(auth->tried);
    mem_free(auth->done);
    mem_wipe_free(auth, sizeof *auth);
    ssh->auth = NULL;
}
