/* SPDX-License-Identifier: Apache-2.0
 *
 * Global requests (RFC 4254, section 4), in and out. Replies carry no number: each belongs to the oldest request that
 * has none, so that the order is all, on both sides. */
#include "ssh/connection/channel.h"

#include "session/memory.h"

static int take_no_more_sessions(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted)
{
    (void)type;
    (void)r;
    (void)wanted;
    ssh->connection->no_more_sessions = 1;
    return REQUEST_DONE;
}

static int take_keepalive(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted)
{
    (void)ssh;
    (void)type;
    (void)wanted;
    get_rest(r);
    return REQUEST_DONE;
}

static const struct global_type types[] = {
    {.name = "tcpip-forward",
     .taker = 1u << SESSILE_SERVER,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_HOST, HOST_TEXT_MAX}, {FIELD_PORT, SESSILE_ITEM_PORT, 0}},
     .reply = forward_put_port},
    {.name = "cancel-tcpip-forward",
     .taker = 1u << SESSILE_SERVER,
     .cancels = 1,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_HOST, HOST_TEXT_MAX}, {FIELD_PORT, SESSILE_ITEM_PORT, 0}}},
    {.name = "streamlocal-forward@openssh.com",
     .taker = 1u << SESSILE_SERVER,
     .is_path = 1,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_PATH, PATH_TEXT_MAX}}},
    {.name = "cancel-streamlocal-forward@openssh.com",
     .taker = 1u << SESSILE_SERVER,
     .is_path = 1,
     .cancels = 1,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_PATH, PATH_TEXT_MAX}}},
    {.name = "no-more-sessions@openssh.com", .taker = 1u << SESSILE_SERVER, .take = take_no_more_sessions},
    {.name = "keepalive@openssh.com", .taker = 1u << SESSILE_CLIENT | 1u << SESSILE_SERVER, .take = take_keepalive},
    {.name = "hostkeys-00@openssh.com", .taker = 1u << SESSILE_CLIENT, .take = host_keys_recv},
    {.name = "hostkeys-prove-00@openssh.com",
     .taker = 1u << SESSILE_SERVER,
     .take = host_keys_recv_prove,
     .reply = host_keys_put_proofs},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

static const struct global_type *type_find(const struct ssh *ssh, const struct reader *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].taker & 1u << ssh->role && reader_is(name, types[i].name))
            return &types[i];
    return NULL;
}

/* ---- the peer's ---- */

static int send_bare(struct ssh *ssh, int number)
{
    uint8_t payload[1] = {(uint8_t)number};

    return ssh_send(ssh, payload, sizeof payload);
}

static int global_reply(void *owner, const struct reply *reply)
{
    struct ssh *ssh = owner;
    const struct global_type *type = reply ? reply->type : NULL;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (!reply)
        return send_bare(ssh, MSG_REQUEST_FAILURE);
    put_u8(&w, MSG_REQUEST_SUCCESS);
    if (!type || !type->reply || type->reply(ssh, reply, &w) == SESSILE_OK)
        return ssh_send_message(ssh, &w);
    writer_free(&w);
    return send_bare(ssh, MSG_REQUEST_FAILURE);
}

int global_answer(struct ssh *ssh)
{
    return replies_send(&ssh->connection->requests, global_reply, ssh);
}

static int global_deny(struct ssh *ssh, int wanted)
{
    int result = replies_refuse(&ssh->connection->requests, wanted, global_reply, ssh);

    if (result == SESSILE_ERR_LIMIT && !session_over(ssh->session))
        return ssh_fail(ssh, DISCONNECT_PROTOCOL_ERROR, SESSILE_ERR_LIMIT,
                        "the peer sent more than %d global requests behind one that is not answered yet",
                        REPLIES_BEHIND_MAX);
    return result;
}

static int global_grant(struct ssh *ssh, int wanted)
{
    struct reply *reply;

    if (!wanted)
        return SESSILE_OK;
    if (!(reply = replies_add(&ssh->connection->requests, NULL, 1)))
        return global_deny(ssh, wanted);
    reply->outcome = QUESTION_ACCEPTED;
    return global_answer(ssh);
}

static int global_take(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted)
{
    struct field_value values[FIELDS_MAX];
    int usable;

    if (type->take)
        return type->take(ssh, type, r, wanted);
    usable = fields_read(r, type->fields, values);
    if (!reader_done(r))
        return REQUEST_WAITS;
    return usable ? forward_recv(ssh, type, values, wanted) : REQUEST_DENIED;
}

int connection_recv_global_request(struct ssh *ssh, struct reader *r)
{
    struct reader name = get_sub32(r);
    int wanted = get_u8(r) != 0;
    const struct global_type *type = type_find(ssh, &name);
    int result = REQUEST_DENIED;

    if (r->failed)
        return SESSILE_OK;
    if (type)
        result = global_take(ssh, type, r, wanted);
    else
        get_rest(r);
    if (result < 0 || session_over(ssh->session) || !reader_done(r))
        return result < 0 ? result : SESSILE_OK;
    if (result == REQUEST_DENIED)
        return global_deny(ssh, wanted);
    return result == REQUEST_DONE ? global_grant(ssh, wanted) : SESSILE_OK;
}

/* ---- ours ---- */

void global_begin(struct writer *w, const char *name, int want_reply)
{
    put_u8(w, MSG_GLOBAL_REQUEST);
    put_text32(w, name);
    put_u8(w, want_reply != 0);
}

int wish_new(struct ssh *ssh, int (*answered)(struct ssh *ssh, struct wish *wish, struct reader *r), struct wish **wish)
{
    *wish = NULL;
    if (ssh->connection->wish_count >= WISHES_MAX || connection_is_full(ssh))
        return SESSILE_ERR_LIMIT;
    if (!(*wish = mem_zalloc(sizeof **wish)))
        return SESSILE_ERR_MEMORY;
    (*wish)->answered = answered;
    return SESSILE_OK;
}

void wish_free(struct wish *wish)
{
    if (!wish)
        return;
    writer_free(&wish->keys);
    mem_free(wish);
}

int wish_send(struct ssh *ssh, struct wish *wish, struct writer *w)
{
    struct wish **at = &ssh->connection->wishes;

    while (*at)
        at = &(*at)->next;
    *at = wish;
    ssh->connection->wish_count++;
    return ssh_send_message(ssh, w);
}

static int recv_reply(struct ssh *ssh, struct reader *r, const char *message, int accepted)
{
    struct connection *c = ssh->connection;
    struct wish *wish = c->wishes;
    int result;

    if (!wish)
        return ssh_protocol(ssh, "%s, and nothing was asked", message);
    c->wishes = wish->next;
    c->wish_count--;
    result = wish->answered(ssh, wish, accepted ? r : NULL);
    wish_free(wish);
    return result;
}

int connection_recv_request_success(struct ssh *ssh, struct reader *r)
{
    return recv_reply(ssh, r, "REQUEST_SUCCESS", 1);
}

int connection_recv_request_failure(struct ssh *ssh, struct reader *r)
{
    return recv_reply(ssh, r, "REQUEST_FAILURE", 0);
}

/* ---- keepalive ---- */

/* Yes or no: whoever answers is alive. */
static int alive_answered(struct ssh *ssh, struct wish *wish, struct reader *r)
{
    (void)wish;
    if (r)
        get_rest(r);
    return session_call_notice(ssh->session, SESSILE_NOTICE_SSH_ALIVE, NULL, 0);
}

int sessile_ssh_keepalive(sessile_session *session)
{
    struct guard g;
    struct ssh *ssh;
    struct wish *wish;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result = ssh_guard(&g, session, &ssh);

    if (result < 0)
        return result;
    if (ssh->phase != SSH_OPEN)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if ((result = wish_new(ssh, alive_answered, &wish)) < 0)
        return guard_leave(&g, result);
    global_begin(&w, "keepalive@openssh.com", 1);
    return guard_leave(&g, wish_send(ssh, wish, &w));
}

int sessile_ssh_no_more_sessions(sessile_session *session)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result = ssh_guard(&g, session, &ssh);

    if (result < 0)
        return result;
    if (ssh->phase != SSH_OPEN || ssh->role != SESSILE_CLIENT)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    global_begin(&w, "no-more-sessions@openssh.com", 0);
    return guard_leave(&g, ssh_send_message(ssh, &w));
}
