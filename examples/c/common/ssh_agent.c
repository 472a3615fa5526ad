/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: a session of its own on the socket that SSH_AUTH_SOCK names. Its keys are public ones to the config, and
 * what is to be signed with them is asked.
 */
#include <stdlib.h>
#include <string.h>

#include "common/ssh_client.h"
#include "common/util.h"

static void add_keys(struct ssh_client *client, sessile_session *agent)
{
    for (size_t i = 0; i < sessile_agent_key_count(agent); i++) {
        sessile_key *key = NULL;
        if (sessile_agent_key(agent, i, &key) == 0) {
            (void)sessile_ssh_config_add_user_key(client->config, key);
        }
        sessile_key_free(key);
    }
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct ssh_client *client = app;
    (void)data;
    (void)size;
    if (kind == SESSILE_NOTICE_AGENT_REPLY && !client->agent_listed) {
        client->agent_listed = 1;
        add_keys(client, session);
        loop_stop(client->loop);
    }
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct ssh_client *client = app;
    (void)error;
    client->agent = NULL;
    sessile_session_free(session);
    if (!client->agent_listed) {
        warn("the agent has closed the connection");
        loop_stop(client->loop);
    }
}

static void on_dialed(void *owner, int fd, const char *error)
{
    struct ssh_client *client = owner;
    if (fd < 0) {
        warn("the agent: %s", error);
        loop_stop(client->loop);
        return;
    }
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    wire_open(client->loop, fd, fd, &client->agent);
    int r = sessile_agent_connect(client->agent, callbacks, client);
    sessile_callbacks_free(callbacks);
    if (r != 0 || sessile_agent_list(client->agent) < 0) {
        die("the agent cannot be asked");
    }
}

void agent_open(struct ssh_client *client)
{
    const char *path = getenv("SSH_AUTH_SOCK");
    if (path == NULL || *path == 0) {
        warn("there is no agent: SSH_AUTH_SOCK is not set");
        return;
    }
    dial_unix(client->loop, path, on_dialed, client);
    loop_run(client->loop);
    client->loop->stop = 0;
}

void agent_close(struct ssh_client *client)
{
    client->agent_listed = 1;
    if (client->agent != NULL) {
        sessile_session_abort(client->agent);
    }
}

/* Tell the agent which session it signs for, so that keys that may be used for some hosts alone can be used for them.
 * An agent that does not know of this refuses, and signs as ever. A connection is bound to one session: the first. */
static void bind_agent(const struct hop *hop)
{
    uint8_t id[64];
    uint8_t signature[16384];
    int id_size = sessile_ssh_session_id(hop->session, id, sizeof id);
    int size = sessile_ssh_host_signature(hop->session, signature, sizeof signature);
    if (id_size > 0 && size > 0 && size <= (int)sizeof signature) {
        (void)sessile_agent_bind(hop->client->agent, sessile_ssh_host_key(hop->session), id, (size_t)id_size, signature,
                                 (size_t)size, 0);
    }
}

void agent_sign(struct hop *hop, sessile_question *question)
{
    struct ssh_client *client = hop->client;
    if (client->agent == NULL) {
        return;
    }
    if (!client->agent_bound) {
        client->agent_bound = 1;
        bind_agent(hop);
    }
    (void)sessile_agent_answer(client->agent, question);
}

void agent_channel(struct ssh_client *client, sessile_question *question)
{
    const char *path = getenv("SSH_AUTH_SOCK");
    if (path != NULL && client->forward_agent) {
        forward_channel(client->loop, question, NULL, 0, path);
    } else {
        sessile_question_refuse(question, 0);
    }
}
