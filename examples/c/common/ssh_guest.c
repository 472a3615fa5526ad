/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's life: taken, authenticated in time, served, over (its session has closed), gone (its wire has too).
 */
#include "common/ssh_guest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"

#define LOGIN_SECONDS 60.0

int guest_may(const struct ssh_guest *guest, int what)
{
    return guest->grant == NULL || sessile_grant_allows(guest->grant, what);
}

/* ---- the session's callbacks ---- */

static int on_question(sessile_question *question, void *app)
{
    struct ssh_guest *guest = app;
    struct shell *shell;
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_USER:
    case SESSILE_QUESTION_SSH_RESPONSES:
        login_question(guest, question);
        break;
    case SESSILE_QUESTION_SSH_CHANNEL:
        visit_channel(guest, question);
        break;
    case SESSILE_QUESTION_SSH_FORWARD:
        visit_forward(guest, question);
        break;
    case SESSILE_QUESTION_SSH_REQUEST:
        shell = shell_find(guest->server, sessile_question_stream(question));
        if (shell != NULL) {
            shell_question(shell, question);
        }
        break;
    default:
        break; /* which refuses it */
    }
    return 0;
}

static int on_stream(sessile_stream *stream, void *app)
{
    const struct ssh_guest *guest = app;
    struct shell *shell = shell_find(guest->server, stream);
    if (shell != NULL) {
        shell_opened(shell);
    }
    return 0;
}

static int on_ready(sessile_session *session, void *app)
{
    struct ssh_guest *guest = app;
    timer_stop(&guest->timer, guest->server->loop);
    if (guest->server->options.verbose > 0) {
        ssh_facts(stderr, session);
    }
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct ssh_guest *guest = app;
    const struct ssh_options *options = &guest->server->options;
    (void)session;
    if (kind == SESSILE_NOTICE_SSH_KEYLOG && options->keylog != NULL) {
        file_append_line(options->keylog, data, size);
    } else if (kind == SESSILE_NOTICE_SSH_DISCONNECT && options->verbose > 0) {
        warn("%s: the client ends: %s", guest->address, (const char *)data);
    } else if (kind == SESSILE_NOTICE_SSH_REKEYED && options->verbose > 0) {
        warn("%s: new keys", guest->address);
    }
    return 0;
}

/* ---- the end ---- */

static void guest_free(void *owner)
{
    struct ssh_guest *guest = owner;
    struct ssh_server *server = guest->server;
    struct ssh_guest **link = &server->guests;
    while (*link != guest) {
        link = &(*link)->next;
    }
    *link = guest->next;
    sessile_grant_free(guest->grant);
    free(guest);
    if (server->on_done != NULL) {
        server->on_done(server);
    }
}

static void guest_check_gone(struct ssh_guest *guest)
{
    if (guest->wire == NULL && guest->session == NULL && !guest->over) {
        guest->over = 1;
        loop_later(guest->server->loop, guest_free, guest);
    }
}

static void on_wire_gone(void *owner)
{
    struct ssh_guest *guest = owner;
    guest->wire = NULL;
    guest_check_gone(guest);
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct ssh_guest *guest = app;
    timer_stop(&guest->timer, guest->server->loop);
    for (struct shell *shell = guest->server->shells; shell != NULL; shell = shell->next) {
        shell->guest = shell->guest == guest ? NULL : shell->guest;
    }
    visit_end(guest);
    if (error != 0 && guest->server->options.verbose > 0) {
        const char *text = sessile_session_error_text(session);
        warn("%s: %s: %s", guest->address, sessile_error_name(error),
             *text != 0 ? text : sessile_error_describe(error));
    }
    guest->session = NULL;
    sessile_session_free(session);
    guest_check_gone(guest);
}

static void on_login_timeout(void *owner)
{
    struct ssh_guest *guest = owner;
    if (guest->server->options.verbose > 0) {
        warn("%s: not authenticated in time", guest->address);
    }
    sessile_session_abort(guest->session);
}

/* ---- the server ---- */

static void on_children(struct watch *watch, uint32_t events, void *owner)
{
    (void)events;
    watch_signal_take(watch);
    shell_reap(owner);
}

void ssh_server_start(struct ssh_server *server)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_stream(callbacks, on_stream);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    server->callbacks = callbacks;
    watch_signal(&server->children, server->loop, SIGCHLD, on_children, server);
}

void ssh_server_take(struct ssh_server *server, int fd)
{
    struct ssh_guest *guest = need_alloc(sizeof *guest);
    memset(guest, 0, sizeof *guest);
    guest->server = server;
    guest->next = server->guests;
    server->guests = guest;
    socket_peer(fd, guest->address, sizeof guest->address, &guest->port);
    guest->wire = wire_open(server->loop, fd, fd, &guest->session);
    wire_set_linger(guest->wire);
    wire_on_gone(guest->wire, on_wire_gone, guest);
    ssh_session_prepare(&server->options, guest->session);
    timer_start(&guest->timer, server->loop, LOGIN_SECONDS, on_login_timeout, guest);
    sessile_session *session = guest->session;
    int r = sessile_ssh_accept(session, server->config, server->callbacks, guest);
    if (r != 0) {
        die("a session cannot begin: %s", sessile_error_describe(r));
    }
    sessile_ssh_set_peer_address(session, guest->address);
}

void ssh_server_end(struct ssh_server *server)
{
    struct ssh_guest *next;
    for (struct ssh_guest *guest = server->guests; guest != NULL; guest = next) {
        next = guest->next;
        if (guest->session != NULL) {
            sessile_ssh_disconnect(guest->session, 11, "the server goes down");
        }
    }
}

int ssh_server_is_empty(const struct ssh_server *server)
{
    return server->guests == NULL && server->shells == NULL;
}

void ssh_server_free(struct ssh_server *server)
{
    server->on_done = NULL;
    for (struct ssh_guest *guest = server->guests; guest != NULL; guest = guest->next) {
        if (guest->session != NULL) {
            sessile_session_abort(guest->session);
        }
        if (guest->wire != NULL) {
            wire_cut(guest->wire);
        }
    }
    loop_drain(server->loop);
    shell_free_all(server);
    watch_close(&server->children);
    close(server->children.fd);
    sessile_callbacks_free(server->callbacks);
    sessile_ssh_config_free(server->config);
    sessile_authorized_keys_free(server->authorized_keys);
    sessile_authorized_keys_free(server->authorities);
    sessile_known_hosts_free(server->hosts);
    free(server->passwords);
}
