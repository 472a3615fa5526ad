/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows are counted in the order in which an end knows of them: 0 is the command, 1 the forwarded channel. */
#include "ssh_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_trust.h"

#define COMMAND "tell a story"
#define INPUT "once upon a time"
#define OUTPUT "there was a session"
#define COMPLAINT "that never touched the wire"
#define MORE "and all was well"
#define GREETING "hello from outside"
#define REPLY "hello from inside"
#define STATUS 7
#define BANNER "Beware of the dog.\n"

static void use_cipher(sessile_ssh_config *config, const char *cipher)
{
    char name[64];
    const char *mac = cipher ? strchr(cipher, ' ') : NULL;

    if (!cipher)
        return;
    snprintf(name, sizeof name, "%.*s", mac ? (int)(mac - cipher) : (int)strlen(cipher), cipher);
    SSH_MUST(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_CIPHERS, name));
    if (mac)
        SSH_MUST(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_MACS, mac + 1));
}

sessile_ssh_config *ssh_story_server(const char *cipher)
{
    sessile_ssh_config *config = ssh_server_config(NULL);

    use_cipher(config, cipher);
    SSH_MUST(sessile_ssh_config_set_auth_methods(config, "publickey,password,keyboard-interactive"));
    SSH_MUST(sessile_ssh_config_set_banner(config, BANNER, strlen(BANNER)));
    return config;
}

sessile_ssh_config *ssh_story_client(const char *cipher)
{
    sessile_ssh_config *config = ssh_client_config(NULL);

    use_cipher(config, cipher);
    SSH_MUST(sessile_ssh_config_add_user_key(config, trust_key("ed25519 user")));
    return config;
}

void ssh_story_init(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server)
{
    ssh_pair_init(pair, client, server);
    pair->client.hook = pair->server.hook = ssh_story_hook;
    pair->server.rounds = 2;
}

static size_t index_of(const struct ssh_peer *peer)
{
    return (size_t)(peer->flow - peer->flows);
}

/* ---- the client ---- */

static void client_opened(struct ssh_peer *peer)
{
    sessile_stream *stream = peer->flow->stream;

    sessile_session_enter(peer->session);
    sessile_ssh_request_pty(stream, "xterm", 80, 24, 0, 0, NULL, 0);
    sessile_ssh_request_env(stream, "LANG", "C");
    sessile_ssh_request_exec(stream, COMMAND, strlen(COMMAND));
    sessile_session_leave(peer->session);
}

static void client_request(struct ssh_peer *peer)
{
    if (peer->request == SESSILE_SSH_OPENED)
        client_opened(peer);
    else if (peer->request == SESSILE_SSH_ACCEPTED && ssh_peer_saw(peer, "accepted") == 3)
        ssh_flow_write(peer->flow, INPUT, strlen(INPUT));
}

/* The command's first word brings new keys; what is written then waits for them. */
static void client_data(struct ssh_peer *peer)
{
    struct ssh_flow *flow = peer->flow;

    if (index_of(peer) != 0) {
        ssh_flow_write(flow, REPLY, strlen(REPLY));
        ssh_flow_end(flow);
    } else if (flow->data.size == strlen(OUTPUT)) {
        sessile_ssh_rekey(peer->session);
        sessile_ssh_window_change(flow->stream, 132, 50, 0, 0);
        sessile_ssh_send_signal(flow->stream, "USR1");
        ssh_flow_write(flow, MORE, strlen(MORE));
        ssh_flow_end(flow);
        sessile_ssh_keepalive(peer->session);
    }
}

static void client_closed(struct ssh_peer *peer)
{
    int closed = 0;

    for (size_t i = 0; i < peer->flow_count; i++)
        closed += peer->flows[i].closed;
    if (closed == 2 && !sessile_session_error(peer->session))
        sessile_session_end(peer->session);
}

static void client_event(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_READY) {
        sessile_ssh_forward_tcp(peer->session, "localhost", 0);
        ssh_peer_opened(peer, sessile_ssh_open_session(peer->session, NULL, NULL));
    } else if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        peer->method =
            strcmp(ssh_item(peer->question, SESSILE_ITEM_METHOD, 0), "password") == 0 ? NULL : "keyboard-interactive";
    } else if (event == SSH_REQUEST) {
        client_request(peer);
    } else if (event == SSH_DATA) {
        client_data(peer);
    } else if (event == SSH_STREAM_CLOSED) {
        client_closed(peer);
    }
}

/* ---- the server ---- */

static void server_input(struct ssh_peer *peer)
{
    struct ssh_flow *flow = peer->flow;

    if (flow->data.size != strlen(INPUT))
        return;
    flow->complaint = COMPLAINT;
    ssh_flow_write(flow, OUTPUT, strlen(OUTPUT));
    ssh_peer_opened(peer,
                    sessile_ssh_open_forwarded_tcp(peer->session, "localhost", 4711, "192.0.2.1", 1234, NULL, NULL));
}

static void server_end(struct ssh_peer *peer)
{
    if (index_of(peer) == 0)
        sessile_ssh_send_exit_status(peer->flow->stream, STATUS);
    ssh_flow_end(peer->flow);
}

static void server_event(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_DATA && index_of(peer) == 0)
        server_input(peer);
    else if (event == SSH_REQUEST && peer->request == SESSILE_SSH_OPENED)
        ssh_flow_write(peer->flow, GREETING, strlen(GREETING));
    else if (event == SSH_END)
        server_end(peer);
}

int ssh_story_hook(struct ssh_peer *peer, enum ssh_event event)
{
    if (peer->role == SESSILE_CLIENT)
        client_event(peer, event);
    else
        server_event(peer, event);
    return 0;
}

/* ---- how it ended ---- */

static const char *streams_fault(const struct ssh_peer *client, const struct ssh_peer *server)
{
    if (client->flow_count != 2 || server->flow_count != 2)
        return "there were not two streams on each side";
    if (!ssh_bytes_are(&server->flows[0].data, INPUT MORE))
        return "the command did not get its input";
    if (!ssh_bytes_are(&client->flows[0].data, OUTPUT) || !ssh_bytes_are(&client->flows[0].errors, COMPLAINT))
        return "the command's output did not arrive";
    if (!ssh_bytes_are(&client->flows[1].data, GREETING) || !ssh_bytes_are(&server->flows[1].data, REPLY))
        return "the forwarded channel's data did not arrive";
    if (client->flows[0].exit_status != STATUS)
        return "the exit status did not arrive";
    for (int i = 0; i < 2; i++)
        if (client->flows[i].error || server->flows[i].error || !client->flows[i].ended || !server->flows[i].ended)
            return "a stream did not end well";
    return NULL;
}

const char *ssh_story_fault(const struct ssh_pair *pair)
{
    const struct ssh_peer *client = &pair->client, *server = &pair->server;
    const char *fault = streams_fault(client, server);

    if (fault)
        return fault;
    if (!client->closed || !server->closed || client->error || server->error)
        return "an end did not end well";
    if (client->rekeyed != 1 || server->rekeyed != 1)
        return "there were no new keys, or too many";
    if (ssh_peer_saw(server, "user") != 4 || ssh_peer_saw(server, "responses") != 2)
        return "the steps of authentication were not asked about";
    if (!ssh_bytes_are(&client->banner, BANNER) || ssh_peer_saw(client, "prompts") != 2)
        return "the client was not told what the server said";
    if (ssh_peer_saw(server, "window") != 1 || ssh_peer_saw(server, "signal") != 1)
        return "a request without an answer did not arrive";
    return ssh_peer_saw(client, "notice7") == 1 ? NULL : "the sign of life did not come";
}

void ssh_story_tell(struct ssh_pair *pair)
{
    const char *fault;

    assert_int_equal(ssh_pair_start(pair), SESSILE_OK);
    ssh_pair_run(pair);
    fault = ssh_story_fault(pair);
    if (!fault)
        return;
    print_error("client: %s | %s\n", journal_text(&pair->client.log), sessile_session_error_text(pair->client.session));
    print_error("server: %s | %s\n", journal_text(&pair->server.log), sessile_session_error_text(pair->server.session));
    fail_msg("%s", fault);
}
