/* SPDX-License-Identifier: Apache-2.0
 *
 * Forwarding: what a client has asked the server to listen on (RFC 4254, section 7.1; OpenSSH's PROTOCOL, 2.4), and X11
 * and agent forwarding, which belong to a session channel. Both roles keep a list of what was granted: a client takes
 * no channel for anything else, a server opens none. */
#include "ssh/connection/channel.h"

#include <stdio.h>
#include <string.h>

#include "session/memory.h"

#define PORT_MAX 65535

struct forward {
    struct forward *next;
    uint32_t port;  /* the one that is listened on; 0: not known yet, or a path */
    uint32_t asked; /* the one that was asked for */
    uint8_t is_path;
    uint8_t granted;
    uint8_t cancelling;
    size_t size;
    char name[]; /* host or path */
};

static const struct question_kind kind_forward = {.kind = SESSILE_QUESTION_SSH_FORWARD,
                                                  .puts = (uint64_t)1 << SESSILE_ITEM_PORT};

/* ---- the list ---- */

static struct forward *forward_new(const void *name, size_t size, uint32_t port, int is_path)
{
    struct forward *forward = mem_zalloc(sizeof *forward + size + 1);

    if (!forward)
        return NULL;
    if (size)
        memcpy(forward->name, name, size);
    forward->size = size;
    forward->port = forward->asked = port;
    forward->is_path = is_path != 0;
    return forward;
}

static void forward_add(struct connection *c, struct forward *forward)
{
    forward->next = c->forwards;
    c->forwards = forward;
}

static void forward_remove(struct connection *c, struct forward *forward)
{
    struct forward **at = &c->forwards;

    while (*at && *at != forward)
        at = &(*at)->next;
    if (*at)
        *at = forward->next;
    mem_free(forward);
}

void forward_free_all(struct connection *c)
{
    while (c->forwards)
        forward_remove(c, c->forwards);
}

static size_t forward_count(const struct connection *c)
{
    size_t count = 0;

    for (const struct forward *forward = c->forwards; forward; forward = forward->next)
        count++;
    return count;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int name_is(const struct forward *forward, const char *name, size_t size)
{
    if (forward->size != size)
        return 0;
    for (size_t i = 0; i < size; i++)
        if (forward->is_path ? name[i] != forward->name[i] : lower(name[i]) != lower(forward->name[i]))
            return 0;
    return 1;
}

/* One of exactly that name and port. */
static struct forward *forward_find(const struct connection *c, const char *name, size_t size, uint32_t port,
                                    int is_path)
{
    struct forward *forward = c->forwards;

    while (forward && (forward->is_path != is_path || forward->port != port || !name_is(forward, name, size)))
        forward = forward->next;
    return forward;
}

static int is_any(const struct forward *forward)
{
    return name_is(forward, "", 0) || name_is(forward, "*", 1) || name_is(forward, "0.0.0.0", 7) ||
           name_is(forward, "::", 2);
}

static int text_is(const char *name, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(name, text, size) == 0;
}

/* Peers name a listener by what was asked for, or by the address that somebody has connected to. */
static int is_reached_by(const struct forward *forward, const char *name, size_t size)
{
    if (is_any(forward) || name_is(forward, name, size))
        return 1;
    return name_is(forward, "localhost", 9) && (text_is(name, size, "127.0.0.1") || text_is(name, size, "::1"));
}

/* The one that a channel for this address belongs to: of that name, or one that is reached by it. */
static const struct forward *forward_for(const struct connection *c, const char *name, size_t size, uint32_t port,
                                         int is_path)
{
    const struct forward *forward = forward_find(c, name, size, port, is_path);

    if (forward && forward->granted)
        return forward;
    if (is_path)
        return NULL;
    for (forward = c->forwards; forward; forward = forward->next)
        if (!forward->is_path && forward->granted && forward->port == port && is_reached_by(forward, name, size))
            return forward;
    return NULL;
}

/* ---- channels ---- */

int forward_tcp_wanted(struct ssh *ssh, const struct field_value *values)
{
    return forward_for(ssh->connection, (const char *)values[0].text.data, values[0].text.left, values[1].number, 0) !=
           NULL;
}

int forward_unix_wanted(struct ssh *ssh, const struct field_value *values)
{
    return forward_for(ssh->connection, (const char *)values[0].text.data, values[0].text.left, 0, 1) != NULL;
}

const char *forward_name(struct ssh *ssh, const char *text, int port, int is_path)
{
    const struct forward *forward = forward_for(ssh->connection, text, strlen(text), (uint32_t)port, is_path);

    return forward ? forward->name : NULL;
}

/* A session channel that has X11 forwarding: one without a bound, if there is. */
static struct channel *x11_channel(struct ssh *ssh)
{
    struct channel *channel, *single = NULL;
    uint32_t at = 0;

    while ((channel = table_next(ssh->connection, &at))) {
        if (channel->x11 && !channel->x11_single && channel->out != HALF_CLOSED)
            return channel;
        if (channel->x11 && channel->out != HALF_CLOSED)
            single = channel;
    }
    return single;
}

int forward_x11_wanted(struct ssh *ssh, const struct field_value *values)
{
    (void)values;
    return x11_channel(ssh) != NULL;
}

void forward_x11_opened(struct ssh *ssh)
{
    struct channel *channel = x11_channel(ssh);

    if (channel && channel->x11_single)
        channel->x11 = 0;
}

int forward_agent_wanted(struct ssh *ssh, const struct field_value *values)
{
    struct channel *channel;
    uint32_t at = 0;

    (void)values;
    while ((channel = table_next(ssh->connection, &at)))
        if (channel->agent && channel->out != HALF_CLOSED)
            return 1;
    return 0;
}

/* ---- the server's side ---- */

/* One that is asked for stands in the list until it is answered, so that it is not asked for twice; but a port that the
 * application is to choose is nobody else's. */
static int forward_reserve(struct connection *c, const struct global_type *type, struct reply *reply,
                           const struct reader *name)
{
    uint32_t port = reply->numbers[0];
    struct forward *forward;

    if (type->cancels || (!port && !type->is_path))
        return SESSILE_OK;
    if (!(forward = forward_new(name->data, name->left, port, type->is_path)))
        return SESSILE_ERR_MEMORY;
    forward_add(c, forward);
    reply->reserved = forward;
    return SESSILE_OK;
}

int forward_recv(struct ssh *ssh, const struct global_type *type, const struct field_value *values, int wanted)
{
    struct connection *c = ssh->connection;
    uint32_t port = type->is_path ? 0 : values[1].number;
    struct forward *known =
        forward_find(c, (const char *)values[0].text.data, values[0].text.left, port, type->is_path);
    sessile_question *question;
    struct reply *reply;

    if (type->cancels ? !known || !known->granted : known || forward_count(c) >= FORWARDS_MAX)
        return REQUEST_DENIED;
    if (!(reply = replies_add(&c->requests, type, wanted)))
        return REQUEST_DENIED;
    reply->numbers[0] = port;
    question = question_new(ssh->session, &kind_forward, NULL);
    if (!question || forward_reserve(c, type, reply, &values[0].text) < 0) {
        question_discard(question);
        reply->outcome = QUESTION_REFUSED;
        return global_answer(ssh) < 0 ? SESSILE_ERR_CLOSED : REQUEST_WAITS;
    }
    question_set_note(question, (uintptr_t)reply);
    question_add_text(question, SESSILE_ITEM_TYPE, type->name);
    fields_ask(question, type->fields, values);
    session_ask(ssh->session, question);
    return REQUEST_WAITS;
}

/* The port that the application says it listens on; 0: it said none that can be. */
static uint32_t port_given(const sessile_question *question)
{
    size_t size;
    const char *text = question_given(question, SESSILE_ITEM_PORT, &size);
    uint32_t port = 0;

    for (size_t i = 0; text && i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || port > PORT_MAX)
            return 0;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    return port <= PORT_MAX ? port : 0;
}

/* 1, or 0 where it cannot be after all. */
static int forward_grant(struct ssh *ssh, const struct global_type *type, struct reply *reply, const void *name,
                         size_t size, uint32_t port)
{
    struct connection *c = ssh->connection;
    struct forward *forward = reply->reserved;

    if (forward) {
        forward->granted = 1;
        return 1;
    }
    forward = forward_find(c, name, size, port, type->is_path);
    if (type->cancels) {
        if (!forward || !forward->granted)
            return 0;
        forward_remove(c, forward);
        return 1;
    }
    if (forward || !port || forward_count(c) >= FORWARDS_MAX)
        return 0;
    if (!(forward = forward_new(name, size, port, 0)))
        return 0;
    forward->granted = 1;
    forward_add(c, forward);
    reply->numbers[1] = port;
    return 1;
}

void forward_answered(struct ssh *ssh, sessile_question *question)
{
    struct reply *reply = (struct reply *)question_note(question);
    const struct global_type *type = reply->type;
    int accepted = question_outcome(question) == QUESTION_ACCEPTED;
    uint32_t port = reply->numbers[0];
    const void *name = NULL;
    size_t size = 0;

    sessile_question_get(question, type->is_path ? SESSILE_ITEM_PATH : SESSILE_ITEM_HOST, 0, &name, &size);
    if (!port && !type->is_path && !type->cancels)
        port = port_given(question);
    if (accepted)
        accepted = forward_grant(ssh, type, reply, name, size, port);
    else if (reply->reserved)
        forward_remove(ssh->connection, reply->reserved);
    reply->outcome = accepted ? QUESTION_ACCEPTED : QUESTION_REFUSED;
    global_answer(ssh);
}

int forward_put_port(struct ssh *ssh, const struct reply *reply, struct writer *w)
{
    (void)ssh;
    if (!reply->numbers[0])
        put_u32(w, reply->numbers[1]);
    return SESSILE_OK;
}

/* ---- the client's side ---- */

static int forward_notice(struct ssh *ssh, const struct forward *forward, int kind)
{
    char text[PATH_TEXT_MAX + 16];
    int size;

    if (forward->is_path)
        size = snprintf(text, sizeof text, "%s", forward->name);
    else
        size = snprintf(text, sizeof text, "%s %u", forward->name, forward->port);
    return session_call_notice(ssh->session, kind, text, (size_t)size);
}

int forward_granted(struct ssh *ssh, struct wish *wish, struct reader *r)
{
    struct forward *forward = wish->forward;
    int result;

    if (!r) {
        result = forward_notice(ssh, forward, SESSILE_NOTICE_SSH_FORWARD_REFUSED);
        forward_remove(ssh->connection, forward);
        return result;
    }
    if (!forward->is_path && !forward->port) {
        forward->port = get_u32(r);
        if (!r->failed && (!forward->port || forward->port > PORT_MAX))
            return ssh_protocol(ssh, "REQUEST_SUCCESS to tcpip-forward says that port %u was chosen", forward->port);
    } else
        get_rest(r);
    if (!reader_done(r))
        return SESSILE_OK;
    forward->granted = 1;
    return forward_notice(ssh, forward, SESSILE_NOTICE_SSH_FORWARDED);
}

int forward_cancelled(struct ssh *ssh, struct wish *wish, struct reader *r)
{
    wish->forward->cancelling = 0;
    if (!r)
        return SESSILE_OK;
    get_rest(r);
    forward_remove(ssh->connection, wish->forward);
    return SESSILE_OK;
}

static int client_guard(struct guard *g, sessile_session *session, struct ssh **ssh)
{
    int result = ssh_guard(g, session, ssh);

    if (result == SESSILE_OK && ((*ssh)->phase != SSH_OPEN || (*ssh)->role != SESSILE_CLIENT))
        return guard_leave(g, SESSILE_ERR_MISUSE);
    return result;
}

static int send_forward(struct ssh *ssh, struct wish *wish, const char *name, const struct forward *forward)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    global_begin(&w, name, 1);
    put_text32(&w, forward->name);
    if (!forward->is_path)
        put_u32(&w, forward->port);
    return wish_send(ssh, wish, &w);
}

static int forward_ask(sessile_session *session, const char *request, const char *name, int port, int is_path)
{
    struct guard g;
    struct ssh *ssh;
    struct wish *wish;
    struct forward *forward;
    int result = client_guard(&g, session, &ssh);

    if (result < 0)
        return result;
    if ((is_path || port) && forward_find(ssh->connection, name, strlen(name), (uint32_t)port, is_path))
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    if (forward_count(ssh->connection) >= FORWARDS_MAX)
        return guard_leave(&g, SESSILE_ERR_LIMIT);
    if ((result = wish_new(ssh, forward_granted, &wish)) < 0)
        return guard_leave(&g, result);
    if (!(forward = forward_new(name, strlen(name), (uint32_t)port, is_path))) {
        wish_free(wish);
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    }
    forward_add(ssh->connection, forward);
    wish->forward = forward;
    return guard_leave(&g, send_forward(ssh, wish, request, forward));
}

static int forward_cancel(sessile_session *session, const char *request, const char *name, int port, int is_path)
{
    struct guard g;
    struct ssh *ssh;
    struct wish *wish;
    struct forward *forward;
    int result = client_guard(&g, session, &ssh);

    if (result < 0)
        return result;
    forward = forward_find(ssh->connection, name, strlen(name), (uint32_t)port, is_path);
    if (!forward || !forward->granted || forward->cancelling)
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    if ((result = wish_new(ssh, forward_cancelled, &wish)) < 0)
        return guard_leave(&g, result);
    forward->cancelling = 1;
    wish->forward = forward;
    return guard_leave(&g, send_forward(ssh, wish, request, forward));
}

static int host_is_usable(const char *host, int port, int least)
{
    return host && strlen(host) <= HOST_TEXT_MAX && port >= least && port <= PORT_MAX;
}

static int path_is_usable(const char *path)
{
    return path && *path && strlen(path) <= PATH_TEXT_MAX;
}

int sessile_ssh_forward_tcp(sessile_session *session, const char *host, int port)
{
    if (!host_is_usable(host, port, 0))
        return SESSILE_ERR_ARGUMENT;
    return forward_ask(session, "tcpip-forward", host, port, 0);
}

int sessile_ssh_forward_unix(sessile_session *session, const char *path)
{
    if (!path_is_usable(path))
        return SESSILE_ERR_ARGUMENT;
    return forward_ask(session, "streamlocal-forward@openssh.com", path, 0, 1);
}

int sessile_ssh_cancel_tcp(sessile_session *session, const char *host, int port)
{
    if (!host_is_usable(host, port, 1))
        return SESSILE_ERR_ARGUMENT;
    return forward_cancel(session, "cancel-tcpip-forward", host, port, 0);
}

int sessile_ssh_cancel_unix(sessile_session *session, const char *path)
{
    if (!path_is_usable(path))
        return SESSILE_ERR_ARGUMENT;
    return forward_cancel(session, "cancel-streamlocal-forward@openssh.com", path, 0, 1);
}
