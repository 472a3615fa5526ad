/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of authentication: "none" to learn what the server takes, then the configured keys, then as the
 * application says, until the server is content or the application is not (RFC 4252, section 5). */
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/auth/method.h"

#define ITEM(name) (UINT64_C(1) << SESSILE_ITEM_##name)
#define METHODS_MAX 1024
#define BANNER_MAX 16384
#define TRIED_MAX 4096

static const struct question_kind authenticate_kind = {
    SESSILE_QUESTION_SSH_AUTHENTICATE,
    1,
    ITEM(METHOD) | ITEM(PASSWORD) | ITEM(HOST) | ITEM(USER),
};
static const struct question_kind sign_kind = {SESSILE_QUESTION_SSH_SIGN, 1, ITEM(SIGNATURE)};

void client_put_request(struct ssh *ssh, struct writer *w, const char *method)
{
    put_u8(w, MSG_USERAUTH_REQUEST);
    put_text32(w, ssh->user);
    put_text32(w, AUTH_SERVICE);
    put_text32(w, method);
}

/* ---- asking ---- */

sessile_question *client_question(struct ssh *ssh, const struct question_kind *kind)
{
    sessile_question *question = question_new(ssh->session, kind, NULL);

    if (question)
        question_add_text(question, SESSILE_ITEM_USER, ssh->user);
    return question;
}

int client_ask(struct ssh *ssh, sessile_question *question)
{
    if (!question)
        return ssh_no_memory(ssh, "a question");
    session_ask(ssh->session, question);
    return session_over(ssh->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

static void add_names(sessile_question *question, int item, const char *list)
{
    const char *name;
    size_t at = 0, size;

    while (list && (name = names_next(list, &at, &size)))
        question_add(question, item, name, size);
}

static int ask_how(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;
    sessile_question *question;

    auth->method = NULL;
    if (!ssh->can_continue || !*ssh->can_continue)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_REFUSED,
                        "the server leaves no way to authenticate");
    if ((question = client_question(ssh, &authenticate_kind))) {
        add_names(question, SESSILE_ITEM_METHOD, ssh->can_continue);
        add_names(question, SESSILE_ITEM_TRIED, auth->tried);
        question_add_text(question, SESSILE_ITEM_PARTIAL, auth->partial ? "1" : "0");
    }
    return client_ask(ssh, question);
}

int client_next(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;
    int result;

    signing_clear(auth);
    auth->prompts = 0; /* those that were refused will not be answered */
    if (!auth->none_sent) {
        auth->none_sent = 1;
        auth->method = &auth_none;
        return auth_none.begin(ssh, NULL);
    }
    if (ssh->can_continue && names_have(ssh->can_continue, "publickey", strlen("publickey"))) {
        if ((result = publickey_try_next(ssh)) != 0)
            return result < 0 ? result : SESSILE_OK;
    }
    return ask_how(ssh);
}

int client_chosen(struct ssh *ssh, sessile_question *question)
{
    char escaped[ESCAPED_ROOM];
    size_t size, password_size;
    const char *name = question_given(question, SESSILE_ITEM_METHOD, &size);
    struct reader text;

    if (question_outcome(question) != QUESTION_ACCEPTED)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_REFUSED,
                        "the user \"%s\" is not authenticated, and no way to go on was given (the server takes: %s)",
                        ssh->user, text_escape(escaped, sizeof escaped, ssh->can_continue, strlen(ssh->can_continue)));
    if (!name && question_given(question, SESSILE_ITEM_PASSWORD, &password_size)) {
        name = auth_password.name;
        size = strlen(name);
    }
    if (!name && question_answer(question)) {
        name = auth_publickey.name;
        size = strlen(name);
    }
    text = reader_of(name, size);
    ssh->auth->method = name ? auth_method_find(name, size) : NULL;
    if (!ssh->auth->method || ssh->auth->method == &auth_publickey_host_bound)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_ARGUMENT,
                        "\"%s\" is no authentication method to choose", reader_escape(escaped, &text));
    return ssh->auth->method->begin(ssh, question);
}

/* ---- what was tried ---- */

static int append_name(char **list, const char *name, size_t most)
{
    struct writer w = {0};
    char *longer;

    if (*list && strlen(*list) + strlen(name) + 1 > most)
        return SESSILE_OK; /* it is the application's to wonder by then */
    if (*list) {
        put_bytes(&w, *list, strlen(*list));
        put_u8(&w, ',');
    }
    put_bytes(&w, name, strlen(name));
    longer = w.failed ? NULL : mem_copy(w.data, w.size);
    writer_free(&w);
    if (!longer)
        return SESSILE_ERR_MEMORY;
    mem_free(*list);
    *list = longer;
    return SESSILE_OK;
}

static const char *method_name(const struct auth_method *method)
{
    return method == &auth_publickey_host_bound ? auth_publickey.name : method->name;
}

int client_give_up(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;
    const struct auth_method *method = auth->method;

    auth->method = NULL;
    if (method != &auth_none && append_name(&auth->tried, method_name(method), TRIED_MAX) < 0)
        return ssh_no_memory(ssh, "a method's name");
    return client_next(ssh);
}

/* ---- what the server says ---- */

static int unasked(struct ssh *ssh, int number)
{
    return ssh_protocol(ssh, "the server sent %s (%d), and no request is open", message_name(number), number);
}

int auth_recv_failure(struct ssh *ssh, struct reader *r)
{
    struct auth *auth = ssh->auth;
    struct reader methods = get_text(r, METHODS_MAX);
    int partial = get_u8(r) != 0;
    char *copy;
    int result;

    if (!reader_done(r))
        return SESSILE_OK;
    if (!auth->method)
        return unasked(ssh, MSG_USERAUTH_FAILURE);
    if (!(copy = mem_copy(methods.data, methods.left)))
        return ssh_no_memory(ssh, "the server's list of methods");
    mem_free(ssh->can_continue);
    ssh->can_continue = copy;
    auth->partial = partial;
    if (!partial)
        return client_give_up(ssh);
    result = append_name(&ssh->methods, method_name(auth->method), METHODS_MAX);
    auth->method = NULL;
    return result < 0 ? ssh_no_memory(ssh, "a method's name") : client_next(ssh);
}

int auth_recv_success(struct ssh *ssh, struct reader *r)
{
    const struct auth_method *method = ssh->auth->method;

    if (!reader_done(r))
        return SESSILE_OK;
    /* Success needs a request with all that it takes: not one that was not asked for, nor a query, nor a prompt. */
    if (!method || ssh->auth->prompts || ssh->auth->querying)
        return unasked(ssh, MSG_USERAUTH_SUCCESS);
    if (append_name(&ssh->methods, method_name(method), METHODS_MAX) < 0)
        return ssh_no_memory(ssh, "a method's name");
    return ssh_enter(ssh, SSH_OPEN);
}

int auth_recv_banner(struct ssh *ssh, struct reader *r)
{
    struct reader text = get_sub32(r);

    get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK;
    if (text.left > BANNER_MAX)
        return ssh_protocol(ssh, "USERAUTH_BANNER has %zu bytes, and at most %d are taken", text.left, BANNER_MAX);
    return text.left ? session_call_notice(ssh->session, SESSILE_NOTICE_SSH_BANNER, text.data, text.left) : SESSILE_OK;
}

int auth_recv_60(struct ssh *ssh, struct reader *r)
{
    const struct auth_method *method = ssh->auth->method;

    if (!method || !method->recv_60)
        return unasked(ssh, MSG_USERAUTH_60);
    return method->recv_60(ssh, r);
}

/* ---- signatures ---- */

void signing_clear(struct auth *auth)
{
    sessile_key_free(auth->signing.key);
    writer_free(&auth->signing.message);
    writer_free(&auth->signing.data);
    memset(&auth->signing, 0, sizeof auth->signing);
    auth->querying = 0;
}

const struct key_algorithm *client_algorithm(const struct ssh *ssh, const sessile_key *key, int certificate)
{
    const char *list = ssh->config->lists[SESSILE_SSH_USER_KEYS];
    const char *name, *theirs = ssh->transport.signatures;
    size_t at = 0, size;

    while ((name = names_next(list, &at, &size))) {
        const struct key_algorithm *algorithm = key_algorithm_find(name, size);

        if (!algorithm || algorithm->certificate != certificate || !key_algorithm_fits(algorithm, key))
            continue;
        if (!theirs || names_have(theirs, algorithm->signature, strlen(algorithm->signature)) ||
            names_have(theirs, name, size))
            return algorithm;
    }
    return NULL;
}

static int send_signature(struct ssh *ssh, const void *signature, size_t size)
{
    struct signing *signing = &ssh->auth->signing;
    struct writer w = signing->message;

    memset(&signing->message, 0, sizeof signing->message); /* now w's */
    signing_clear(ssh->auth);
    put_sized32(&w, signature, size);
    return ssh_send_message(ssh, &w);
}

static int ask_signature(struct ssh *ssh)
{
    struct signing *signing = &ssh->auth->signing;
    sessile_question *question = client_question(ssh, &sign_kind);
    size_t size;
    const uint8_t *blob = key_wire_blob(signing->key, signing->algorithm->certificate, &size);

    question_add(question, SESSILE_ITEM_KEY, blob, size);
    question_add_text(question, SESSILE_ITEM_ALGORITHM, signing->algorithm->signature);
    question_add(question, SESSILE_ITEM_DATA, signing->data.data, signing->data.size);
    return client_ask(ssh, question);
}

int client_sign(struct ssh *ssh)
{
    struct signing *signing = &ssh->auth->signing;
    struct writer signature = {0};
    int result;

    if (signing->message.failed || signing->data.failed)
        return ssh_no_memory(ssh, "a signature");
    if (!signing->key->is_private)
        return ask_signature(ssh);
    if ((result = key_sign(signing->key, signing->algorithm, signing->data.data, signing->data.size, &signature)) < 0)
        result = ssh_fail(ssh, DISCONNECT_BY_APPLICATION, result, "a signature by the user's %s key failed",
                          signing->key->type->name);
    else
        result = send_signature(ssh, signature.data, signature.size);
    writer_free(&signature);
    return result;
}

int client_signed(struct ssh *ssh, sessile_question *question)
{
    struct signing *signing = &ssh->auth->signing;
    size_t size;
    const void *signature = question_given(question, SESSILE_ITEM_SIGNATURE, &size);

    if (!signing->key)
        return SESSILE_OK;
    if (question_outcome(question) != QUESTION_ACCEPTED || !signature)
        return client_next(ssh);
    if (key_verify(signing->key, signing->algorithm, signing->data.data, signing->data.size, signature, size, NULL) < 0)
        return ssh_fail(ssh, DISCONNECT_BY_APPLICATION, SESSILE_ERR_ARGUMENT,
                        "the signature that was given for the user's %s key is not good", signing->key->type->name);
    return send_signature(ssh, signature, size);
}
