/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords and their change (RFC 4252, section 8). The packet that carries one is padded (packet.c), so that its
 * length does not tell the password's. */
#include "ssh/auth/method.h"

#define ITEM(name) (UINT64_C(1) << SESSILE_ITEM_##name)

/* ---- server ---- */

static int password_request(struct ssh *ssh, struct reader *r)
{
    int change = get_u8(r) != 0;
    struct reader password = get_text(r, AUTH_TEXT_MAX);
    struct reader changed = {0};
    sessile_question *question;

    if (change)
        changed = get_text(r, AUTH_TEXT_MAX);
    if (!reader_done(r))
        return SESSILE_OK;
    if ((question = server_question(ssh, &auth_user_kind))) {
        question_add(question, SESSILE_ITEM_PASSWORD, password.data, password.left);
        if (change)
            question_add(question, SESSILE_ITEM_NEW_PASSWORD, changed.data, changed.left);
    }
    return server_ask(ssh, question);
}

static int password_server_answered(struct ssh *ssh, sessile_question *question)
{
    struct writer w = {0};
    const void *prompt;
    size_t size;

    if (question_outcome(question) == QUESTION_ACCEPTED)
        return server_success(ssh);
    if (!(prompt = question_given(question, SESSILE_ITEM_PROMPT, &size)))
        return server_failure(ssh);
    if (server_count_failure(ssh) < 0) /* else wrong passwords could be tried without end */
        return SESSILE_ERR_LIMIT;
    put_u8(&w, MSG_USERAUTH_60);
    put_sized32(&w, prompt, size);
    put_text32(&w, "");
    return ssh_send_message(ssh, &w);
}

/* ---- client ---- */

static const struct question_kind change_kind = {
    SESSILE_QUESTION_SSH_PASSWORD_CHANGE,
    1,
    ITEM(PASSWORD) | ITEM(NEW_PASSWORD),
};

static int send_password(struct ssh *ssh, const void *password, size_t size, const void *changed, size_t changed_size)
{
    struct writer w = {0};

    client_put_request(ssh, &w, "password");
    put_u8(&w, changed != NULL);
    put_sized32(&w, password, size);
    if (changed)
        put_sized32(&w, changed, changed_size);
    return ssh_send_message(ssh, &w);
}

static int password_begin(struct ssh *ssh, sessile_question *question)
{
    size_t size;
    const void *password = question_given(question, SESSILE_ITEM_PASSWORD, &size);

    if (!password || size > AUTH_TEXT_MAX)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_ARGUMENT,
                        "the method password was chosen with %s",
                        password ? "a password that is too long" : "no password");
    return send_password(ssh, password, size, NULL, 0);
}

static int password_recv_60(struct ssh *ssh, struct reader *r)
{
    struct reader prompt = get_text(r, AUTH_TEXT_MAX);
    sessile_question *question;

    get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK;
    if ((question = client_question(ssh, &change_kind)))
        question_add(question, SESSILE_ITEM_PROMPT, prompt.data, prompt.left);
    return client_ask(ssh, question);
}

static int password_client_answered(struct ssh *ssh, sessile_question *question)
{
    size_t size, changed_size;
    const void *password = question_given(question, SESSILE_ITEM_PASSWORD, &size);
    const void *changed = question_given(question, SESSILE_ITEM_NEW_PASSWORD, &changed_size);

    if (question_outcome(question) != QUESTION_ACCEPTED || !password || !changed || size > AUTH_TEXT_MAX ||
        changed_size > AUTH_TEXT_MAX)
        return client_give_up(ssh);
    return send_password(ssh, password, size, changed, changed_size);
}

const struct auth_method auth_password = {
    .name = "password",
    .request = password_request,
    .server_answered = password_server_answered,
    .begin = password_begin,
    .recv_60 = password_recv_60,
    .client_answered = password_client_answered,
};
