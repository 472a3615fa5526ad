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

void agent_channel(struct ssh_client *client, sessile_question *question)
{
    const char *path = getenv("SSH_AUTH_SOCK");
    if (path != NULL && client->forward_agent) {
        forward_channel(client->loop, question, NULL, 0, path);
    } else {
        sessile_question_refuse(question, 0);
    }
}
