/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client may have forwarded. Nothing without --allow-forward, and nothing that its key's line forbids.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ssh_guest.h"
#include "common/util.h"

#define LISTENERS_MOST 32

static int may_open(const struct ssh_guest *guest, const char *host, int port)
{
    return guest->server->allow_forward &&
           (guest->grant == NULL || sessile_grant_allows_open(guest->grant, host, port));
}

/* Where a client that asks for an address has connections taken. */
static const char *listen_host(const struct ssh_guest *guest, const char *asked)
{
    if (!guest->server->gateway_ports) {
        return "localhost";
    }
    return *asked != 0 ? asked : "*";
}

static int may_listen(const struct ssh_guest *guest, const char *host, int port)
{
    return guest->server->allow_forward &&
           (guest->grant == NULL || sessile_grant_allows_listen(guest->grant, host, port));
}

static int may_use_paths(const struct ssh_guest *guest)
{
    return guest->server->allow_forward && guest_may(guest, SESSILE_GRANT_PORT_FORWARDING);
}

/* ---- channels ---- */

void visit_channel(struct ssh_guest *guest, sessile_question *question)
{
    const char *type = item_text(question, SESSILE_ITEM_TYPE);
    const char *host = item_text(question, SESSILE_ITEM_HOST);
    int port = item_number(question, SESSILE_ITEM_PORT);
    if (strcmp(type, "session") == 0) {
        shell_new(guest, sessile_question_stream(question));
        sessile_question_accept(question);
    } else if (strcmp(type, "direct-tcpip") == 0 && may_open(guest, host, port)) {
        forward_channel(guest->server->loop, question, host, port, NULL);
    } else if (strcmp(type, "direct-streamlocal@openssh.com") == 0 && may_use_paths(guest)) {
        forward_channel(guest->server->loop, question, NULL, 0, item_text(question, SESSILE_ITEM_PATH));
    } else {
        sessile_question_refuse(question, 0);
    }
}

/* ---- listening for the client ---- */

static void on_connection(struct listener *listener, int fd)
{
    struct ssh_guest *guest = listener->owner;
    struct target target = {.kind = TARGET_FORWARDED_TCP, .address = listener->bound};
    if (listener->bound.path != NULL) {
        target.kind = TARGET_FORWARDED_UNIX;
    }
    forward_connection(guest->server->loop, guest->session, &target, fd, NULL, 0, NULL, NULL);
}

static void add_listener(struct ssh_guest *guest, const struct sockets *sockets, const char *host, int port,
                         const char *path)
{
    struct listener *listener = listener_open(guest->server->loop, sockets, on_connection, guest);
    listener->bound.host = host == NULL ? NULL : need_string(host);
    listener->bound.port = port;
    listener->bound.path = path == NULL ? NULL : need_string(path);
    listener->next = guest->listeners;
    guest->listeners = listener;
}

static int has_room(const struct ssh_guest *guest)
{
    int count = 0;
    for (const struct listener *listener = guest->listeners; listener != NULL; listener = listener->next) {
        count++;
    }
    return count < LISTENERS_MOST;
}

static void forget_listener(struct ssh_guest *guest, const char *host, int port, const char *path)
{
    for (struct listener **link = &guest->listeners; *link != NULL; link = &(*link)->next) {
        struct listener *listener = *link;
        const struct address *bound = &listener->bound;
        int same = path != NULL ? bound->path != NULL && strcmp(bound->path, path) == 0
                                : bound->host != NULL && bound->port == port && strcmp(bound->host, host) == 0;
        if (same) {
            *link = listener->next;
            listener_close(listener);
            return;
        }
    }
}

static int listen_tcp(struct ssh_guest *guest, sessile_question *question)
{
    char error[NET_ERROR_SIZE];
    char name[NET_HOST_SIZE];
    char text[16];
    struct sockets sockets;
    const char *asked = item_text(question, SESSILE_ITEM_HOST);
    const char *host = listen_host(guest, asked);
    int port = item_number(question, SESSILE_ITEM_PORT);
    if (!has_room(guest) || !may_listen(guest, host, port)) {
        return 0;
    }
    if (net_listen(&sockets, host, port, error, sizeof error) != 0) {
        warn("%s wants a port: %s", guest->address, error);
        return 0;
    }
    if (port == 0) {
        socket_name(sockets.fds[0], name, sizeof name, &port);
        snprintf(text, sizeof text, "%d", port);
        sessile_question_put(question, SESSILE_ITEM_PORT, text, strlen(text));
    }
    add_listener(guest, &sockets, asked, port, NULL);
    return 1;
}

static int listen_unix(struct ssh_guest *guest, sessile_question *question)
{
    char error[NET_ERROR_SIZE];
    struct sockets sockets;
    const char *path = item_text(question, SESSILE_ITEM_PATH);
    if (!has_room(guest) || !may_use_paths(guest)) {
        return 0;
    }
    if (net_listen_unix(&sockets, path, error, sizeof error) != 0) {
        warn("%s wants a socket: %s", guest->address, error);
        return 0;
    }
    add_listener(guest, &sockets, NULL, 0, path);
    return 1;
}

static int take_forward(struct ssh_guest *guest, sessile_question *question)
{
    const char *type = item_text(question, SESSILE_ITEM_TYPE);
    if (strcmp(type, "tcpip-forward") == 0) {
        return listen_tcp(guest, question);
    }
    if (strcmp(type, "streamlocal-forward@openssh.com") == 0) {
        return listen_unix(guest, question);
    }
    int is_path = strcmp(type, "cancel-streamlocal-forward@openssh.com") == 0;
    forget_listener(guest, item_text(question, SESSILE_ITEM_HOST), item_number(question, SESSILE_ITEM_PORT),
                    is_path ? item_text(question, SESSILE_ITEM_PATH) : NULL);
    return 1;
}

void visit_forward(struct ssh_guest *guest, sessile_question *question)
{
    if (take_forward(guest, question)) {
        sessile_question_accept(question);
    } else {
        sessile_question_refuse(question, 0);
    }
}

/* ---- the client's agent ---- */

static void on_agent_connection(struct listener *listener, int fd)
{
    struct ssh_guest *guest = listener->owner;
    struct target target = {.kind = TARGET_AGENT};
    forward_connection(guest->server->loop, guest->session, &target, fd, NULL, 0, NULL, NULL);
}

static int listen_for_agent(struct ssh_guest *guest, const char *path)
{
    char error[NET_ERROR_SIZE];
    struct sockets sockets;
    if (net_listen_unix(&sockets, path, error, sizeof error) != 0) {
        return -1;
    }
    struct listener *listener = listener_open(guest->server->loop, &sockets, on_agent_connection, guest);
    listener->bound.path = need_string(path);
    listener->next = guest->listeners;
    guest->listeners = listener;
    return 0;
}

int visit_agent(struct ssh_guest *guest, struct environment *environment)
{
    char directory[] = "/tmp/sessile-XXXXXX";
    char path[sizeof directory + 8];
    if (guest->agent_directory == NULL) {
        if (mkdtemp(directory) == NULL) {
            return -1;
        }
        guest->agent_directory = need_string(directory);
        snprintf(path, sizeof path, "%s/agent", directory);
        if (listen_for_agent(guest, path) != 0) {
            return -1;
        }
    }
    snprintf(path, sizeof path, "%s/agent", guest->agent_directory);
    return environment_set(environment, "SSH_AUTH_SOCK", path);
}

void visit_end(struct ssh_guest *guest)
{
    while (guest->listeners != NULL) {
        struct listener *listener = guest->listeners;
        guest->listeners = listener->next;
        listener_close(listener);
    }
    if (guest->agent_directory != NULL) {
        rmdir(guest->agent_directory);
        free(guest->agent_directory);
        guest->agent_directory = NULL;
    }
}
