/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection layer as a whole: its beginning, its end, and what concerns all channels. */
#include "ssh/connection/channel.h"

#include "session/memory.h"

int connection_start(struct ssh *ssh)
{
    if (!(ssh->connection = mem_zalloc(sizeof *ssh->connection)))
        return ssh_no_memory(ssh, "a connection");
    return ssh->role == SESSILE_SERVER ? host_keys_announce(ssh) : SESSILE_OK;
}

void connection_answered(struct ssh *ssh, sessile_question *question)
{
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_CHANNEL:
        open_answered(ssh, question);
        break;
    case SESSILE_QUESTION_SSH_REQUEST:
        request_answered(ssh, question);
        break;
    case SESSILE_QUESTION_SSH_FORWARD:
        forward_answered(ssh, question);
        break;
    default: /* SSH_HOST_KEYS: nothing follows from what is said to it */
        break;
    }
}

int connection_rekeyed(struct ssh *ssh)
{
    return ssh->connection ? window_credit_all(ssh) : SESSILE_OK;
}

int connection_busy(const struct ssh *ssh)
{
    return ssh->connection && ssh->connection->count > 0;
}

void connection_free(struct ssh *ssh)
{
    struct connection *c = ssh->connection;
    struct wish *wish;

    if (!c)
        return;
    ssh->connection = NULL;
    table_free(c);
    replies_free(&c->requests);
    while ((wish = c->wishes)) {
        c->wishes = wish->next;
        wish_free(wish);
    }
    forward_free_all(c);
    mem_free(c);
}
