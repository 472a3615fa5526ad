/* SPDX-License-Identifier: Apache-2.0
 *
 * The authentication methods there are, and the simplest of them: none (RFC 4252, section 5.2). */
#include "ssh/auth/method.h"

#include <string.h>

static const struct auth_method *const methods[] = {
    &auth_none, &auth_password, &auth_publickey, &auth_publickey_host_bound, &auth_kbdint, &auth_hostbased,
};

const struct auth_method *auth_method_find(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strlen(methods[i]->name) == size && memcmp(methods[i]->name, name, size) == 0)
            return methods[i];
    return NULL;
}

/* ---- none ---- */

static int none_request(struct ssh *ssh, struct reader *r)
{
    if (!reader_done(r))
        return SESSILE_OK;
    return server_ask(ssh, server_question(ssh, &auth_user_kind));
}

static int none_answered(struct ssh *ssh, sessile_question *question)
{
    return question_outcome(question) == QUESTION_ACCEPTED ? server_success(ssh) : server_failure(ssh);
}

static int none_begin(struct ssh *ssh, sessile_question *question)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    (void)question;
    client_put_request(ssh, &w, "none");
    return ssh_send_message(ssh, &w);
}

const struct auth_method auth_none = {
    .name = "none",
    .request = none_request,
    .server_answered = none_answered,
    .begin = none_begin,
};
