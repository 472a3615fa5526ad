/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client has forwarded: -L and -D listen here, -R has the server listen.
 */
#include <stdlib.h>
#include <string.h>

#include "common/socks.h"
#include "common/ssh_client.h"
#include "common/util.h"

#define FIELDS_MOST 4

/* ---- "[bind:]port:host:port" ---- */

struct spec {
    const char *option;
    const char *text;
    char *copy;
    char *fields[FIELDS_MOST];
    size_t count;
    size_t at;
};

/* Fields are separated by colons; an address in brackets is one. */
static void spec_split(struct spec *spec, const char *option, const char *text)
{
    memset(spec, 0, sizeof *spec);
    spec->option = option;
    spec->text = text;
    char *at = spec->copy = need_string(text);
    while (at != NULL) {
        if (spec->count == FIELDS_MOST) {
            die("%s %s: too many colons; an IPv6 address needs brackets", option, text);
        }
        char *start = at;
        char *bracket = *at == '[' ? strchr(at, ']') : NULL;
        if (bracket != NULL) {
            *bracket = 0;
            start++;
            at = bracket + 1;
        }
        at = strchr(at, ':');
        if (at != NULL) {
            *at++ = 0;
        }
        spec->fields[spec->count++] = start;
    }
}

static const char *spec_next(struct spec *spec)
{
    if (spec->at == spec->count) {
        die("%s %s: something is missing", spec->option, spec->text);
    }
    return spec->fields[spec->at++];
}

static int spec_port(struct spec *spec, unsigned long lowest)
{
    return (int)number_parse(spec->option, spec_next(spec), lowest, 65535);
}

static void spec_end(struct spec *spec)
{
    if (spec->at != spec->count) {
        die("%s %s: \"%s\" is too much", spec->option, spec->text, spec->fields[spec->at]);
    }
    free(spec->copy);
}

/* where: how many fields belong to whom connections go to. */
static void spec_bound(struct spec *spec, struct address *bound, size_t where)
{
    if (spec->fields[0][0] == '/') {
        bound->path = need_string(spec_next(spec));
        return;
    }
    bound->host = need_string(spec->count == where + 2 ? spec_next(spec) : "localhost");
    if (strcmp(bound->host, "*") == 0) {
        *bound->host = 0;
    }
    bound->port = spec_port(spec, 0);
}

static void spec_target(struct spec *spec, struct address *address)
{
    const char *first = spec_next(spec);
    if (*first == '/') {
        address->path = need_string(first);
    } else {
        address->host = need_string(first);
        address->port = spec_port(spec, 1);
    }
}

void tunnels_parse(struct forward *forward, const char *option, const char *text)
{
    struct spec spec;
    spec_split(&spec, option, text);
    spec_bound(&spec, &forward->bound, spec.fields[spec.count - 1][0] == '/' ? 1 : 2);
    spec_target(&spec, &forward->target.address);
    spec_end(&spec);
    forward->target.kind = forward->target.address.path != NULL ? TARGET_UNIX : TARGET_TCP;
}

void tunnels_parse_socks(struct forward *forward, const char *text)
{
    struct spec spec;
    spec_split(&spec, "-D", text);
    spec_bound(&spec, &forward->bound, 0);
    spec_end(&spec);
    forward->target.kind = TARGET_NONE;
}

void tunnels_parse_stdio(struct target *target, const char *text)
{
    struct spec spec;
    spec_split(&spec, "-W", text);
    spec_target(&spec, &target->address);
    spec_end(&spec);
    target->kind = target->address.path != NULL ? TARGET_UNIX : TARGET_TCP;
}

/* ---- listening here ---- */

static void on_failed(const struct target *target, const char *text)
{
    const struct address *address = &target->address;
    if (address->path != NULL) {
        warn("%s: no channel: %s", address->path, text);
    } else {
        warn("%s port %d: no channel: %s", address->host, address->port, text);
    }
}

static void on_connection(struct listener *listener, int fd)
{
    struct forward *forward = listener->owner;
    struct ssh_client *client = forward->client;
    sessile_session *session = client_last(client)->session;
    if (forward->target.kind == TARGET_NONE) {
        socks_take(client->loop, session, fd, on_failed);
    } else {
        forward_connection(client->loop, session, &forward->target, fd, NULL, 0, NULL, on_failed);
    }
}

static int listen_here(struct ssh_client *client, struct forward *forward)
{
    char error[NET_ERROR_SIZE];
    char host[NET_HOST_SIZE];
    const struct address *bound = &forward->bound;
    struct sockets sockets;
    int port;
    int r = bound->path != NULL ? net_listen_unix(&sockets, bound->path, error, sizeof error)
                                : net_listen(&sockets, bound->host, bound->port, error, sizeof error);
    if (r != 0) {
        warn("%s", error);
        return -1;
    }
    if (bound->path == NULL && bound->port == 0) {
        socket_name(sockets.fds[0], host, sizeof host, &port);
        fprintf(stderr, "Listening on port %d.\n", port);
    }
    forward->listener = listener_open(client->loop, &sockets, on_connection, forward);
    forward->listener->bound.path = bound->path == NULL ? NULL : need_string(bound->path);
    return 0;
}

/* ---- having the server listen ---- */

static int ask_remote(sessile_session *session, const struct forward *forward)
{
    const struct address *bound = &forward->bound;
    int r = bound->path != NULL ? sessile_ssh_forward_unix(session, bound->path)
                                : sessile_ssh_forward_tcp(session, bound->host, bound->port);
    if (r < 0) {
        warn("-R: %s", sessile_error_describe(r));
    }
    return r;
}

int tunnels_start(struct ssh_client *client)
{
    for (size_t i = 0; i < client->local_count; i++) {
        client->locals[i].client = client;
        if (listen_here(client, &client->locals[i]) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < client->remote_count; i++) {
        if (ask_remote(client_last(client)->session, &client->remotes[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The server answers in the order that it was asked. */
void tunnels_notice(struct ssh_client *client, int kind, const char *text)
{
    if (client->remotes_answered == client->remote_count) {
        return;
    }
    struct address *bound = &client->remotes[client->remotes_answered++].bound;
    if (kind == SESSILE_NOTICE_SSH_FORWARD_REFUSED) {
        warn("the server does not listen on %s", text);
        client_end(client, STATUS_FAILED);
    } else if (bound->path == NULL && bound->port == 0) {
        const char *blank = strrchr(text, ' ');
        bound->port = blank == NULL ? 0 : number_of(blank + 1);
        fprintf(stderr, "The server listens on port %d.\n", bound->port);
    }
}

static const struct forward *find_remote(const struct ssh_client *client, const char *path, int port)
{
    for (size_t i = 0; i < client->remote_count; i++) {
        const struct address *bound = &client->remotes[i].bound;
        if (*path != 0 ? bound->path != NULL && strcmp(bound->path, path) == 0
                       : bound->path == NULL && bound->port == port) {
            return &client->remotes[i];
        }
    }
    return NULL;
}

void tunnels_question(struct ssh_client *client, sessile_question *question)
{
    const struct forward *forward =
        find_remote(client, item_text(question, SESSILE_ITEM_PATH), item_number(question, SESSILE_ITEM_PORT));
    if (forward == NULL) {
        sessile_question_refuse(question, 0);
        return;
    }
    const struct address *address = &forward->target.address;
    forward_channel(client->loop, question, address->host, address->port, address->path);
}

void tunnels_end(struct ssh_client *client)
{
    for (size_t i = 0; i < client->local_count; i++) {
        listener_close(client->locals[i].listener);
        client->locals[i].listener = NULL;
    }
    socks_end(client_last(client)->session);
}
