/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's side of authentication: one request at a time (RFC 4252, section 5). Every step is a question; the policy
 * says which steps there are; what fails is counted. */
#include <string.h>

#include "session/memory.h"
#include "ssh/auth/method.h"

#define ITEM(name) (UINT64_C(1) << SESSILE_ITEM_##name)

const struct question_kind auth_user_kind = {
    SESSILE_QUESTION_SSH_USER,
    1,
    ITEM(NAME) | ITEM(INSTRUCTION) | ITEM(PROMPT) | ITEM(ECHO),
};
const struct question_kind auth_responses_kind = {
    SESSILE_QUESTION_SSH_RESPONSES,
    1,
    ITEM(NAME) | ITEM(INSTRUCTION) | ITEM(PROMPT) | ITEM(ECHO),
};

static const char *done_of(const struct ssh *ssh)
{
    return ssh->auth->done ? ssh->auth->done : "";
}

/* The name that policies know the method by. */
static const char *policy_name(const struct auth_method *method)
{
    return method == &auth_publickey_host_bound ? auth_publickey.name : method->name;
}

/* ---- asking ---- */

sessile_question *server_question(struct ssh *ssh, const struct question_kind *kind)
{
    sessile_question *question = question_new(ssh->session, kind, NULL);

    if (!question)
        return NULL;
    question_add_text(question, SESSILE_ITEM_USER, ssh->user);
    question_add_text(question, SESSILE_ITEM_METHOD, policy_name(ssh->auth->method));
    question_add_text(question, SESSILE_ITEM_SERVICE, AUTH_SERVICE);
    return question;
}

int server_ask(struct ssh *ssh, sessile_question *question)
{
    if (!question)
        return server_failure(ssh);
    session_ask(ssh->session, question);
    return session_over(ssh->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

/* ---- outcomes ---- */

static int send_failure(struct ssh *ssh, int partial)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room), list = {0};

    policy_next(ssh->config->auth_methods, done_of(ssh), &list);
    put_u8(&w, MSG_USERAUTH_FAILURE);
    put_sized32(&w, list.data, list.size);
    put_u8(&w, partial != 0);
    w.failed |= list.failed;
    writer_free(&list);
    return ssh_send_message(ssh, &w);
}

static void forget_step(struct auth *auth)
{
    sessile_key_free(auth->key);
    auth->key = NULL;
    auth->prompts = 0;
    auth->method = NULL;
}

int server_failure(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;

    forget_step(auth);
    return server_count_failure(ssh) < 0 ? SESSILE_ERR_LIMIT : send_failure(ssh, 0);
}

int server_count_failure(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;

    if (++auth->failures < ssh->config->auth_tries)
        return SESSILE_OK;
    return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_LIMIT,
                    "the client failed to authenticate %d times (limit: %d)", auth->failures, ssh->config->auth_tries);
}

static int note_done(struct auth *auth, const char *name)
{
    struct writer w = {0};
    char *done;

    if (auth->done) {
        put_bytes(&w, auth->done, strlen(auth->done));
        put_u8(&w, ',');
    }
    put_bytes(&w, name, strlen(name));
    done = w.failed ? NULL : mem_copy(w.data, w.size);
    writer_free(&w);
    if (!done)
        return SESSILE_ERR_MEMORY;
    mem_free(auth->done);
    auth->done = done;
    return SESSILE_OK;
}

static int authenticated(struct ssh *ssh)
{
    static const uint8_t success = MSG_USERAUTH_SUCCESS;
    struct auth *auth = ssh->auth;
    int result;

    ssh->methods = auth->done;
    auth->done = NULL; /* now the session's */
    forget_step(auth);
    if ((result = ssh_send(ssh, &success, sizeof success)) < 0)
        return result;
    return ssh_enter(ssh, SSH_OPEN);
}

int server_success(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;
    struct writer next = {0};
    int more, failed;

    if (auth->key) {
        sessile_key_free(ssh->user_key);
        ssh->user_key = sessile_key_keep(auth->key);
    }
    if (note_done(auth, policy_name(auth->method)) < 0)
        return ssh_no_memory(ssh, "authentication");
    more = policy_next(ssh->config->auth_methods, auth->done, &next);
    failed = next.failed;
    writer_free(&next);
    if (failed)
        return ssh_no_memory(ssh, "authentication");
    if (!more)
        return authenticated(ssh);
    forget_step(auth);
    return send_failure(ssh, 1);
}

/* ---- requests ---- */

/* The user, once named, stays (RFC 4252, section 5 lets a server end the session where it changes). */
static int take_user(struct ssh *ssh, const struct reader *user)
{
    char before[ESCAPED_ROOM], escaped[ESCAPED_ROOM];
    struct reader known;

    if (!ssh->user) {
        ssh->user = mem_copy(user->data ? user->data : (const uint8_t *)"", user->left);
        return ssh->user ? SESSILE_OK : ssh_no_memory(ssh, "the user's name");
    }
    if (reader_is(user, ssh->user))
        return SESSILE_OK;
    known = reader_of(ssh->user, strlen(ssh->user));
    return ssh_protocol(ssh, "USERAUTH_REQUEST is for the user \"%s\", after one for \"%s\"",
                        reader_escape(escaped, user), reader_escape(before, &known));
}

/* The first "none" asks what there is, and costs nothing. */
static int refuse_method(struct ssh *ssh, struct reader *r, int is_none)
{
    get_rest(r);
    if (is_none && !ssh->auth->none_tried) {
        ssh->auth->none_tried = 1;
        forget_step(ssh->auth);
        return send_failure(ssh, 0);
    }
    return server_failure(ssh);
}

int auth_recv_request(struct ssh *ssh, struct reader *r)
{
    char escaped[ESCAPED_ROOM];
    struct reader user = get_text(r, AUTH_USER_MAX);
    struct reader service = get_text(r, AUTH_NAME_MAX);
    struct reader name = get_text(r, AUTH_NAME_MAX);
    const struct auth_method *method;
    int result;

    if (r->failed)
        return SESSILE_OK;
    if (!reader_is(&service, AUTH_SERVICE))
        return ssh_fail(ssh, DISCONNECT_SERVICE_NOT_AVAILABLE, SESSILE_ERR_PROTOCOL,
                        "USERAUTH_REQUEST is for the service \"%s\"", reader_escape(escaped, &service));
    if ((result = take_user(ssh, &user)) < 0)
        return result;
    forget_step(ssh->auth); /* a request abandons what was before it */
    method = name.left ? auth_method_find((const char *)name.data, name.left) : NULL;
    if (!method || !policy_allows(ssh->config->auth_methods, done_of(ssh), policy_name(method)))
        return refuse_method(ssh, r, method == &auth_none);
    ssh->auth->method = method;
    return method->request(ssh, r);
}

int auth_recv_info_response(struct ssh *ssh, struct reader *r)
{
    if (!ssh->auth->prompts || ssh->auth->method != &auth_kbdint)
        return ssh_protocol(ssh, "the peer sent USERAUTH_INFO_RESPONSE (%d), and was asked nothing",
                            MSG_USERAUTH_INFO_RESPONSE);
    return kbdint_recv_response(ssh, r);
}
