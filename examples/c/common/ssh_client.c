/* SPDX-License-Identifier: Apache-2.0
 *
 * The way there and back: hop after hop, each a session over a stream of the one before, the first on TCP. The program
 * ends when the main pump is gone, every session is over and the wire is closed.
 */
#include "common/ssh_client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sessile/over_stream.h>

#include "common/util.h"

struct hop *client_last(struct ssh_client *client)
{
    return &client->hops[client->hop_count - 1];
}

/* ---- the end ---- */

static void check_over(struct ssh_client *client)
{
    for (size_t i = 0; i < client->hop_count; i++) {
        if (client->hops[i].session != NULL) {
            return;
        }
    }
    if (client->main == NULL && client->wire == NULL) {
        loop_stop(client->loop);
    }
}

static void end_last_hop(struct ssh_client *client)
{
    size_t i = client->hop_count;
    while (i > 0 && client->hops[i - 1].session == NULL) {
        i--;
    }
    if (i > 0) {
        sessile_session_end(client->hops[i - 1].session);
    }
}

void client_end(struct ssh_client *client, int status)
{
    if (!client->ending) {
        client->ending = 1;
        client->status = status;
        tunnels_end(client);
        end_last_hop(client);
    }
    check_over(client);
}

static void on_wire_gone(void *owner)
{
    struct ssh_client *client = owner;
    client->wire = NULL;
    check_over(client);
}

static void tell_error(struct hop *hop, sessile_session *session, int error)
{
    const char *text = sessile_session_error_text(session);
    if (!hop->client->ending) {
        warn("%s port %d: %s", hop->host, hop->port,
             error == 0   ? "the server has ended the session"
             : *text != 0 ? text
                          : sessile_error_describe(error));
    }
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct hop *hop = app;
    struct ssh_client *client = hop->client;
    if (error != 0 || client->main == NULL) {
        tell_error(hop, session, error);
    }
    hop->session = NULL;
    sessile_session_free(session);
    if (client->main == NULL) {
        client_end(client, STATUS_FAILED);
    }
    end_last_hop(client);
    check_over(client);
}

/* ---- the session's callbacks ---- */

static void hop_over(struct hop *before, struct hop *hop);

static int on_ready(sessile_session *session, void *app)
{
    struct hop *hop = app;
    struct ssh_client *client = hop->client;
    hop->ready = 1;
    if (client->options.verbose > 0) {
        ssh_facts(stderr, session);
    }
    if (hop == client_last(client)) {
        program_start(client);
    } else {
        hop_over(hop, hop + 1);
    }
    return 0;
}

static int on_question(sessile_question *question, void *app)
{
    struct hop *hop = app;
    if (sessile_question_kind(question) != SESSILE_QUESTION_SSH_CHANNEL) {
        return person_question(hop, question);
    }
    if (strcmp(item_text(question, SESSILE_ITEM_TYPE), "auth-agent@openssh.com") == 0) {
        agent_channel(hop->client, question);
    } else {
        tunnels_question(hop->client, question);
    }
    return 0;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    const struct hop *hop = app;
    person_withdrawn(hop->client, question);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    const struct hop *hop = app;
    struct ssh_client *client = hop->client;
    (void)session;
    if (kind == SESSILE_NOTICE_SSH_KEYLOG && client->options.keylog != NULL) {
        file_append_line(client->options.keylog, data, size);
    } else if (kind == SESSILE_NOTICE_SSH_BANNER || kind == SESSILE_NOTICE_SSH_DEBUG) {
        print_escaped(stderr, data, size);
    } else if (kind == SESSILE_NOTICE_SSH_DISCONNECT && !client->ending) {
        fprintf(stderr, "%s: %s says: %.*s\n", program_name, hop->host, (int)size, (const char *)data);
    } else if (kind == SESSILE_NOTICE_SSH_REKEYED && client->options.verbose > 0) {
        warn("%s: new keys", hop->host);
    } else if (kind == SESSILE_NOTICE_SSH_FORWARDED || kind == SESSILE_NOTICE_SSH_FORWARD_REFUSED) {
        tunnels_notice(client, kind, data);
    }
    return 0;
}

static void make_callbacks(struct ssh_client *client)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    client->callbacks = callbacks;
}

/* ---- from hop to hop ---- */

static void hop_begin(struct hop *hop)
{
    struct ssh_client *client = hop->client;
    ssh_session_prepare(&client->options, hop->session);
    int r = sessile_ssh_connect(hop->session, client->config, hop->host, hop->port, hop->user, client->callbacks, hop);
    if (r != 0) {
        die("%s: %s", hop->host, sessile_error_describe(r));
    }
}

static int on_tunnel_request(sessile_stream *stream, int request, void *app)
{
    struct hop *hop = app;
    if (request == SESSILE_SSH_OPENED) {
        hop->session = sessile_over_stream(stream);
        if (hop->session == NULL) {
            die("no memory for a session");
        }
        hop_begin(hop);
    }
    return 0;
}

/* Only a tunnel that was never open comes here: then the stream has other callbacks. */
static void on_tunnel_closed(sessile_stream *stream, int error, void *app)
{
    struct hop *hop = app;
    (void)error;
    warn("%s has no way to %s port %d: %s", (hop - 1)->host, hop->host, hop->port, sessile_ssh_open_text(stream));
    client_end(hop->client, STATUS_FAILED);
}

static void hop_over(struct hop *before, struct hop *hop)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_request(callbacks, on_tunnel_request);
    sessile_callbacks_set_stream_closed(callbacks, on_tunnel_closed);
    if (sessile_ssh_open_tcp(before->session, hop->host, hop->port, "127.0.0.1", 0, callbacks, hop) == NULL) {
        warn("%s: no channel can be opened", before->host);
        client_end(hop->client, STATUS_FAILED);
    }
    sessile_callbacks_free(callbacks);
}

static int first_hop(struct ssh_client *client)
{
    char error[NET_ERROR_SIZE];
    struct hop *hop = &client->hops[0];
    int fd = net_connect(hop->host, hop->port, error, sizeof error);
    if (fd < 0) {
        warn("%s", error);
        return -1;
    }
    client->wire = wire_open(client->loop, fd, fd, &hop->session);
    wire_set_linger(client->wire);
    wire_on_gone(client->wire, on_wire_gone, client);
    hop_begin(hop);
    return 0;
}

/* ---- all of it ---- */

/* A signal, or an end that had to be forced: nothing may call back into what is left. */
static void cut(struct ssh_client *client)
{
    client->ending = 1;
    tunnels_end(client);
    for (size_t i = client->hop_count; i > 0; i--) {
        if (client->hops[i - 1].session != NULL) {
            sessile_session_abort(client->hops[i - 1].session);
        }
    }
    if (client->main != NULL) {
        pump_cut(client->main);
    }
    if (client->wire != NULL) {
        wire_cut(client->wire);
    }
    loop_drain(client->loop);
}

int ssh_client_run(struct ssh_client *client)
{
    client->status = STATUS_FAILED;
    make_callbacks(client);
    if (client->use_agent) {
        agent_open(client);
    }
    person_load(client);
    if (first_hop(client) == 0) {
        loop_run(client->loop);
    }
    cut(client);
    program_restore_terminal(client);
    agent_close(client);
    loop_drain(client->loop);
    sessile_callbacks_free(client->callbacks);
    return client->status;
}
