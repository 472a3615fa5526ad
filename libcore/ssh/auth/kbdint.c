/* SPDX-License-Identifier: Apache-2.0
 *
 * keyboard-interactive (RFC 4256): rounds of prompts and responses, as many as the server likes. */
#include "ssh/auth/method.h"

#include <stdio.h>

#define ITEM(name) (UINT64_C(1) << SESSILE_ITEM_##name)
#define SUBMETHODS_MAX 1024

/* ---- server ---- */

static int kbdint_request(struct ssh *ssh, struct reader *r)
{
    get_text(r, AUTH_NAME_MAX);  /* the language, which RFC 4256 deprecates */
    get_text(r, SUBMETHODS_MAX); /* a hint */
    if (!reader_done(r))
        return SESSILE_OK;
    return server_ask(ssh, server_question(ssh, &auth_user_kind));
}

static void put_given(struct writer *w, sessile_question *question, int item)
{
    size_t size;
    const void *data = question_given(question, item, &size);

    put_sized32(w, data, size);
}

/* INFO_REQUEST (section 3.2). A prompt without ECHO is not shown as it is typed. */
static int send_prompts(struct ssh *ssh, sessile_question *question, size_t count)
{
    struct writer w = {0};

    put_u8(&w, MSG_USERAUTH_60);
    put_given(&w, question, SESSILE_ITEM_NAME);
    put_given(&w, question, SESSILE_ITEM_INSTRUCTION);
    put_text32(&w, "");
    put_u32(&w, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        size_t size, echo_size;
        const void *prompt = question_given_at(question, SESSILE_ITEM_PROMPT, i, &size);
        const char *echo = question_given_at(question, SESSILE_ITEM_ECHO, i, &echo_size);

        put_sized32(&w, prompt, size);
        put_u8(&w, echo && echo_size == 1 && *echo == '1');
    }
    ssh->auth->prompts = (unsigned)count;
    return ssh_send_message(ssh, &w);
}

static int kbdint_server_answered(struct ssh *ssh, sessile_question *question)
{
    size_t count = question_given_count(question, SESSILE_ITEM_PROMPT);

    if (question_outcome(question) != QUESTION_ACCEPTED)
        return server_failure(ssh);
    if (count > AUTH_PROMPTS_MAX)
        return server_failure(ssh); /* no client takes them */
    return count ? send_prompts(ssh, question, count) : server_success(ssh);
}

int kbdint_recv_response(struct ssh *ssh, struct reader *r)
{
    uint32_t count = get_u32(r);
    sessile_question *question;

    if (!r->failed && count != ssh->auth->prompts)
        return ssh_protocol(ssh, "USERAUTH_INFO_RESPONSE has %lu responses to %u prompts", (unsigned long)count,
                            ssh->auth->prompts);
    question = server_question(ssh, &auth_responses_kind);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct reader response = get_text(r, AUTH_TEXT_MAX);

        question_add(question, SESSILE_ITEM_RESPONSE, response.data, response.left);
    }
    if (!reader_done(r)) {
        question_discard(question);
        return SESSILE_OK;
    }
    ssh->auth->prompts = 0;
    return server_ask(ssh, question);
}

/* ---- client ---- */

static const struct question_kind prompts_kind = {SESSILE_QUESTION_SSH_PROMPTS, 1, ITEM(RESPONSE)};

static int kbdint_begin(struct ssh *ssh, sessile_question *question)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    (void)question;
    client_put_request(ssh, &w, "keyboard-interactive");
    put_text32(&w, "");
    put_text32(&w, "");
    return ssh_send_message(ssh, &w);
}

static int send_responses(struct ssh *ssh, sessile_question *question, size_t count)
{
    struct writer w = {0};

    put_u8(&w, MSG_USERAUTH_INFO_RESPONSE);
    put_u32(&w, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const void *response = question_given_at(question, SESSILE_ITEM_RESPONSE, i, &size);

        put_sized32(&w, response, size);
    }
    ssh->auth->prompts = 0;
    return ssh_send_message(ssh, &w);
}

static void add_prompts(sessile_question *question, struct reader *r, uint32_t count)
{
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct reader prompt = get_text(r, AUTH_TEXT_MAX);
        int echo = get_u8(r) != 0;

        question_add(question, SESSILE_ITEM_PROMPT, prompt.data, prompt.left);
        question_add_text(question, SESSILE_ITEM_ECHO, echo ? "1" : "0");
    }
}

static int kbdint_recv_60(struct ssh *ssh, struct reader *r)
{
    struct reader name = get_text(r, AUTH_TEXT_MAX);
    struct reader instruction = get_text(r, AUTH_TEXT_MAX);
    sessile_question *question;
    uint32_t count;

    get_sub32(r);
    count = get_u32(r);
    if (!r->failed && count > AUTH_PROMPTS_MAX)
        return ssh_protocol(ssh, "USERAUTH_INFO_REQUEST has %lu prompts, and at most %d are taken",
                            (unsigned long)count, AUTH_PROMPTS_MAX);
    if (reader_done(r) && !name.left && !instruction.left && !count)
        return send_responses(ssh, NULL, 0); /* there is nothing to show */
    question = client_question(ssh, &prompts_kind);
    question_add(question, SESSILE_ITEM_NAME, name.data, name.left);
    question_add(question, SESSILE_ITEM_INSTRUCTION, instruction.data, instruction.left);
    add_prompts(question, r, count);
    if (!reader_done(r)) {
        question_discard(question);
        return SESSILE_OK;
    }
    ssh->auth->prompts = count;
    return client_ask(ssh, question);
}

static int kbdint_client_answered(struct ssh *ssh, sessile_question *question)
{
    size_t count = question_given_count(question, SESSILE_ITEM_RESPONSE);

    if (question_outcome(question) != QUESTION_ACCEPTED)
        return client_give_up(ssh);
    if (count != ssh->auth->prompts)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_ARGUMENT,
                        "%zu responses were given to %u prompts", count, ssh->auth->prompts);
    return send_responses(ssh, question, count);
}

const struct auth_method auth_kbdint = {
    .name = "keyboard-interactive",
    .request = kbdint_request,
    .server_answered = kbdint_server_answered,
    .begin = kbdint_begin,
    .recv_60 = kbdint_recv_60,
    .client_answered = kbdint_client_answered,
};
