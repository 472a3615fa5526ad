/* SPDX-License-Identifier: Apache-2.0
 *
 * Forwarding on pumps.
 */
#include "common/forward.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sessile/ssh.h>

#include "common/pump.h"
#include "common/util.h"

#define REASON_CONNECT_FAILED 2 /* RFC 4254, section 5.1 */

const char *item_text(sessile_question *question, int item)
{
    const void *data;
    size_t size;
    return sessile_question_get(question, item, 0, &data, &size) == 0 ? data : "";
}

int item_number(sessile_question *question, int item)
{
    return number_of(item_text(question, item));
}

void target_free(struct target *target)
{
    address_free(&target->address);
}

/* ---- a connection becomes a channel ---- */

struct visitor {
    int fd; /* -1: the pump's */
    struct target target;
    forward_answer answer;
    forward_failed failed;
};

static void visitor_request(struct pump *pump, int request)
{
    struct visitor *visitor = pump->owner;
    if (request != SESSILE_SSH_OPENED) {
        return;
    }
    if (visitor->answer != NULL) {
        visitor->answer(visitor->fd, 1);
    }
    pump_join(pump, visitor->fd);
    visitor->fd = -1;
    pump_begin(pump);
}

static void visitor_closed(struct pump *pump, int error)
{
    struct visitor *visitor = pump->owner;
    (void)error;
    if (visitor->fd < 0) {
        return;
    }
    if (visitor->answer != NULL) {
        visitor->answer(visitor->fd, 0);
    }
    if (visitor->failed != NULL) {
        visitor->failed(&visitor->target, pump->stream == NULL ? "" : sessile_ssh_open_text(pump->stream));
    }
    close(visitor->fd);
    visitor->fd = -1;
}

static void visitor_gone(struct pump *pump)
{
    struct visitor *visitor = pump->owner;
    target_free(&visitor->target);
    free(visitor);
}

static const struct pump_hooks visitor_hooks = {
    .request = visitor_request,
    .closed = visitor_closed,
    .gone = visitor_gone,
};

static sessile_stream *target_open(sessile_session *session, const struct target *target, int fd, struct pump *pump)
{
    const struct address *address = &target->address;
    char origin[NET_HOST_SIZE];
    int origin_port;
    socket_peer(fd, origin, sizeof origin, &origin_port);
    switch (target->kind) {
    case TARGET_TCP:
        return sessile_ssh_open_tcp(session, address->host, address->port, origin, origin_port, pump_callbacks(), pump);
    case TARGET_UNIX:
        return sessile_ssh_open_unix(session, address->path, pump_callbacks(), pump);
    case TARGET_FORWARDED_TCP:
        return sessile_ssh_open_forwarded_tcp(session, address->host, address->port, origin, origin_port,
                                              pump_callbacks(), pump);
    case TARGET_FORWARDED_UNIX:
        return sessile_ssh_open_forwarded_unix(session, address->path, pump_callbacks(), pump);
    case TARGET_AGENT:
        return sessile_ssh_open_agent(session, pump_callbacks(), pump);
    default:
        return NULL;
    }
}

void forward_connection(struct loop *loop, sessile_session *session, const struct target *target, int fd,
                        const void *said, size_t said_size, forward_answer answer, forward_failed failed)
{
    struct visitor *visitor = need_alloc(sizeof *visitor);
    visitor->fd = fd;
    visitor->target = *target;
    visitor->target.address.host = target->address.host == NULL ? NULL : need_string(target->address.host);
    visitor->target.address.path = target->address.path == NULL ? NULL : need_string(target->address.path);
    visitor->answer = answer;
    visitor->failed = failed;
    struct pump *pump = pump_new(loop, &visitor_hooks, visitor);
    pump_say(pump, said, said_size);
    pump_attach(pump, target_open(session, target, fd, pump));
}

/* ---- a channel becomes a connection ---- */

static const struct pump_hooks plain_hooks = {.drained = NULL};

struct caller {
    struct loop *loop;
    sessile_question *question; /* kept */
};

static void on_called(void *owner, int fd, const char *error)
{
    struct caller *caller = owner;
    (void)error;
    sessile_stream *stream = sessile_question_stream(caller->question);
    if (fd < 0) {
        sessile_question_refuse(caller->question, REASON_CONNECT_FAILED);
    } else if (stream == NULL || sessile_question_accept(caller->question) != 0) {
        close(fd);
    } else {
        struct pump *pump = pump_new(caller->loop, &plain_hooks, NULL);
        pump_join(pump, fd);
        pump_take(pump, stream);
    }
    sessile_question_free(caller->question);
    free(caller);
}

void forward_channel(struct loop *loop, sessile_question *question, const char *host, int port, const char *path)
{
    struct caller *caller = need_alloc(sizeof *caller);
    caller->loop = loop;
    caller->question = sessile_question_keep(question);
    if (caller->question == NULL) {
        free(caller); /* which refuses it */
    } else if (host != NULL) {
        dial(loop, host, port, on_called, caller);
    } else {
        dial_unix(loop, path, on_called, caller);
    }
}
