/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening channels (RFC 4254, section 5.1), both sides of it.
 *
 * What a peer may open is a table of types. One that is not in it, or is not for this role, is refused without a
 * question, and so is one that this side has not asked for. The rest is asked, and the channel takes nothing until
 * there is an answer. A session channel is confirmed with a window of 0: see request.c. */
#include "ssh/connection/channel.h"

#include <string.h>

#include "session/memory.h"

const struct channel_type type_session = {.name = "session", .taker = SESSILE_SERVER};
const struct channel_type type_direct_tcp = {
    .name = "direct-tcpip",
    .taker = SESSILE_SERVER,
    .fields = {{FIELD_TEXT, SESSILE_ITEM_HOST, HOST_TEXT_MAX},
               {FIELD_PORT, SESSILE_ITEM_PORT, 0},
               {FIELD_TEXT, SESSILE_ITEM_ORIGIN, HOST_TEXT_MAX},
               {FIELD_PORT, SESSILE_ITEM_ORIGIN_PORT, 0}},
};
const struct channel_type type_direct_unix = {
    .name = "direct-streamlocal@openssh.com",
    .taker = SESSILE_SERVER,
    .fields = {{FIELD_TEXT, SESSILE_ITEM_PATH, PATH_TEXT_MAX}, {FIELD_BYTES, 0, PATH_TEXT_MAX}, {FIELD_NUMBER, 0, 0}},
};
const struct channel_type type_forwarded_tcp = {
    .name = "forwarded-tcpip",
    .taker = SESSILE_CLIENT,
    .fields = {{FIELD_TEXT, SESSILE_ITEM_HOST, HOST_TEXT_MAX},
               {FIELD_PORT, SESSILE_ITEM_PORT, 0},
               {FIELD_TEXT, SESSILE_ITEM_ORIGIN, HOST_TEXT_MAX},
               {FIELD_PORT, SESSILE_ITEM_ORIGIN_PORT, 0}},
    .wanted = forward_tcp_wanted,
};
const struct channel_type type_forwarded_unix = {
    .name = "forwarded-streamlocal@openssh.com",
    .taker = SESSILE_CLIENT,
    .fields = {{FIELD_TEXT, SESSILE_ITEM_PATH, PATH_TEXT_MAX}, {FIELD_BYTES, 0, PATH_TEXT_MAX}},
    .wanted = forward_unix_wanted,
};
const struct channel_type type_x11 = {
    .name = "x11",
    .taker = SESSILE_CLIENT,
    .fields = {{FIELD_TEXT, SESSILE_ITEM_ORIGIN, HOST_TEXT_MAX}, {FIELD_PORT, SESSILE_ITEM_ORIGIN_PORT, 0}},
    .wanted = forward_x11_wanted,
    .opened = forward_x11_opened,
};
const struct channel_type type_agent = {
    .name = "auth-agent@openssh.com",
    .taker = SESSILE_CLIENT,
    .wanted = forward_agent_wanted,
};

static const struct channel_type *const types[] = {
    &type_session,        &type_direct_tcp, &type_direct_unix, &type_forwarded_tcp,
    &type_forwarded_unix, &type_x11,        &type_agent,
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

static const struct question_kind kind_channel = {.kind = SESSILE_QUESTION_SSH_CHANNEL};

static const struct channel_type *type_find(const struct ssh *ssh, const struct reader *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i]->taker == ssh->role && reader_is(name, types[i]->name))
            return types[i];
    return NULL;
}

/* ---- the peer opens ---- */

/* What an OPEN says of every type. */
struct opening {
    uint32_t peer_id;
    uint32_t window;
    uint32_t packet;
};

static const char *reason_text(uint32_t reason)
{
    return reason == OPEN_UNKNOWN_TYPE     ? "unknown channel type"
           : reason == OPEN_SHORTAGE       ? "out of resources"
           : reason == OPEN_CONNECT_FAILED ? "connect failed"
                                           : "not allowed";
}

static int send_failure(struct ssh *ssh, uint32_t peer_id, uint32_t reason)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, MSG_CHANNEL_OPEN_FAILURE);
    put_u32(&w, peer_id);
    put_u32(&w, reason);
    put_text32(&w, reason_text(reason));
    put_text32(&w, "");
    return ssh_send_message(ssh, &w);
}

int open_refuse(struct channel *channel, uint32_t reason, int error)
{
    int result;

    if (channel_move(channel, CHANNEL_IN, HALF_CLOSED) < 0 || channel_move(channel, CHANNEL_OUT, HALF_CLOSED) < 0)
        return SESSILE_ERR_CLOSED;
    result = send_failure(channel->ssh, channel->peer_id, reason);
    channel_finish(channel, error);
    return result;
}

static int send_confirmation(struct channel *channel)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    channel->given = channel->type == &type_session ? 0 : channel->window;
    put_u8(&w, MSG_CHANNEL_OPEN_CONFIRMATION);
    put_u32(&w, channel->peer_id);
    put_u32(&w, channel->id);
    put_u32(&w, channel->given);
    put_u32(&w, CHANNEL_PACKET);
    return ssh_send_message(channel->ssh, &w);
}

static void open_confirm(struct channel *channel)
{
    const struct channel_type *type = channel->type;

    channel_move(channel, CHANNEL_IN, HALF_OPEN);
    channel_move(channel, CHANNEL_OUT, HALF_OPEN);
    if (type->opened)
        type->opened(channel->ssh);
    if (send_confirmation(channel) == SESSILE_OK)
        session_call_stream(channel->stream);
}

void open_answered(struct ssh *ssh, sessile_question *question)
{
    struct channel *channel = stream_state(question_stream(question));
    int reason = question_reason(question);
    int accepted = question_outcome(question) == QUESTION_ACCEPTED;

    /* What was good for one connection may have gone to another meanwhile. */
    if (accepted && channel->type->opened && !channel->type->wanted(ssh, NULL))
        accepted = 0;
    if (accepted)
        open_confirm(channel);
    else
        open_refuse(channel, reason > 0 ? (uint32_t)reason : OPEN_PROHIBITED, SESSILE_ERR_REFUSED);
}

static int open_ask(struct channel *channel, const struct field_value *values)
{
    struct ssh *ssh = channel->ssh;
    sessile_question *question = question_new(ssh->session, &kind_channel, channel->stream);

    if (!question)
        return open_refuse(channel, OPEN_SHORTAGE, SESSILE_ERR_LIMIT);
    question_add_text(question, SESSILE_ITEM_TYPE, channel->type->name);
    fields_ask(question, channel->type->fields, values);
    session_ask(ssh->session, question);
    return SESSILE_OK;
}

static int open_new(struct ssh *ssh, const struct channel_type *type, const struct opening *opening,
                    const struct field_value *values)
{
    struct channel *channel = NULL;

    if (ssh->connection->count < ssh->config->limits[SESSILE_SSH_LIMIT_CHANNELS] &&
        opening->packet >= CHANNEL_PACKET_LEAST)
        channel = channel_new(ssh, type, 0);
    if (!channel)
        return send_failure(ssh, opening->peer_id, OPEN_SHORTAGE);
    channel->peer_id = opening->peer_id;
    channel->peer_window = opening->window;
    channel->peer_packet = opening->packet < CHANNEL_PACKET ? opening->packet : CHANNEL_PACKET;
    stream_set_unseen(channel->stream);
    return open_ask(channel, values);
}

int connection_recv_open(struct ssh *ssh, struct reader *r)
{
    struct field_value values[FIELDS_MAX];
    struct reader name = get_sub32(r);
    const struct channel_type *type = type_find(ssh, &name);
    struct opening opening;
    int usable;

    opening.peer_id = get_u32(r);
    opening.window = get_u32(r);
    opening.packet = get_u32(r);
    if (!type) {
        get_rest(r);
        return r->failed ? SESSILE_OK : send_failure(ssh, opening.peer_id, OPEN_UNKNOWN_TYPE);
    }
    usable = fields_read(r, type->fields, values);
    if (!reader_done(r))
        return SESSILE_OK;
    if (!usable || (type == &type_session && ssh->connection->no_more_sessions) ||
        (type->wanted && !type->wanted(ssh, values)))
        return send_failure(ssh, opening.peer_id, OPEN_PROHIBITED);
    return open_new(ssh, type, &opening, values);
}

/* ---- this side opens ---- */

/* The channel that an answer to our OPEN is for. */
static int opening_get(struct ssh *ssh, struct reader *r, const char *message, struct channel **channel)
{
    uint32_t id = get_u32(r);

    *channel = r->failed ? NULL : table_find(ssh->connection, id);
    if (*channel && (*channel)->ours && (*channel)->in == HALF_SHUT)
        return SESSILE_OK;
    if (r->failed)
        ssh_protocol(ssh, "%s is cut short", message);
    else
        ssh_protocol(ssh, "%s for channel %u, which is not being opened", message, id);
    return SESSILE_ERR_PROTOCOL;
}

int connection_recv_open_confirmation(struct ssh *ssh, struct reader *r)
{
    struct channel *channel;
    int result = opening_get(ssh, r, "CHANNEL_OPEN_CONFIRMATION", &channel);
    uint32_t peer_id = get_u32(r), window = get_u32(r), packet = get_u32(r);

    if (result < 0 || !reader_done(r))
        return result;
    if (packet < CHANNEL_PACKET_LEAST)
        return ssh_protocol(ssh,
                            "CHANNEL_OPEN_CONFIRMATION for channel %u with a maximum packet of %u: we take %d at "
                            "least",
                            channel->id, packet, CHANNEL_PACKET_LEAST);
    channel->peer_id = peer_id;
    channel->peer_window = window;
    channel->peer_packet = packet < CHANNEL_PACKET ? packet : CHANNEL_PACKET;
    channel_move(channel, CHANNEL_IN, HALF_OPEN);
    channel_move(channel, CHANNEL_OUT, HALF_OPEN);
    if (!channel->stream || !stream_open(channel->stream)) { /* aborted meanwhile */
        channel_move(channel, CHANNEL_OUT, HALF_CLOSED);
        return channel_send(channel, MSG_CHANNEL_CLOSE);
    }
    stream_unblocked(channel->stream);
    return stream_call_request(channel->stream, SESSILE_SSH_OPENED);
}

static int note_failure(struct channel *channel, uint32_t reason, const struct reader *text)
{
    struct channel_notes *notes = channel_notes(channel);

    if (!notes || !(notes->open_text = escaped_copy(channel->ssh, text)))
        return SESSILE_ERR_MEMORY;
    notes->open_reason = reason ? reason : OPEN_CONNECT_FAILED;
    return SESSILE_OK;
}

int connection_recv_open_failure(struct ssh *ssh, struct reader *r)
{
    struct channel *channel;
    int result = opening_get(ssh, r, "CHANNEL_OPEN_FAILURE", &channel);
    uint32_t reason = get_u32(r);
    struct reader text = get_sub32(r);

    get_sub32(r); /* its language */
    if (result < 0 || !reader_done(r))
        return result;
    if ((result = note_failure(channel, reason, &text)) < 0)
        return result;
    channel_finish(channel, SESSILE_ERR_REFUSED);
    return SESSILE_OK;
}

/* Enter a session to open a channel. 0, or -1: not entered. */
static int open_begin(struct guard *g, sessile_session *session, const struct channel_type *type, struct ssh **result)
{
    struct ssh *ssh;

    if (ssh_guard(g, session, &ssh) < 0)
        return -1;
    *result = ssh;
    if (ssh->phase == SSH_OPEN && ssh->role != type->taker && !session_ending(session) && !connection_is_full(ssh) &&
        ssh->connection->count < ssh->config->limits[SESSILE_SSH_LIMIT_CHANNELS])
        return 0;
    return guard_leave(g, -1);
}

static int send_open(struct channel *channel, const struct writer *fields)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    channel->given = channel->window;
    put_u8(&w, MSG_CHANNEL_OPEN);
    put_text32(&w, channel->type->name);
    put_u32(&w, channel->id);
    put_u32(&w, channel->window);
    put_u32(&w, CHANNEL_PACKET);
    put_bytes(&w, fields->data, fields->size);
    return ssh_send_message(channel->ssh, &w);
}

/* Open it, and leave the session. Frees fields. */
static sessile_stream *open_end(struct guard *g, struct ssh *ssh, const struct channel_type *type,
                                struct writer *fields, sessile_callbacks *callbacks, void *app)
{
    struct channel *channel = fields->failed ? NULL : channel_new(ssh, type, 1);
    sessile_stream *stream = channel ? sessile_stream_keep(channel->stream) : NULL;
    int open = 0;

    if (stream) {
        if (callbacks)
            sessile_stream_set_callbacks(stream, callbacks, app);
        send_open(channel, fields);
    }
    writer_free(fields);
    guard_leave(g, 0);
    if (stream)
        open = stream_open(stream);
    sessile_stream_free(stream);
    return open ? stream : NULL;
}

static int text_fits(const char *text, size_t most)
{
    return text && strlen(text) <= most;
}

static int port_is_one(int port)
{
    return port >= 0 && port <= UINT16_MAX;
}

static void put_address(struct writer *w, const char *host, int port)
{
    put_text32(w, host);
    put_u32(w, (uint32_t)port);
}

sessile_stream *sessile_ssh_open_session(sessile_session *session, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    struct writer w = {0};

    if (open_begin(&g, session, &type_session, &ssh) < 0)
        return NULL;
    return open_end(&g, ssh, &type_session, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_tcp(sessile_session *session, const char *host, int port, const char *origin,
                                     int origin_port, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (!text_fits(host, HOST_TEXT_MAX) || !*host || !port_is_one(port) || !text_fits(origin, HOST_TEXT_MAX) ||
        !port_is_one(origin_port) || open_begin(&g, session, &type_direct_tcp, &ssh) < 0)
        return NULL;
    put_address(&w, host, port);
    put_address(&w, origin, origin_port);
    return open_end(&g, ssh, &type_direct_tcp, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_unix(sessile_session *session, const char *path, sessile_callbacks *callbacks,
                                      void *app)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (!text_fits(path, PATH_TEXT_MAX) || !*path || open_begin(&g, session, &type_direct_unix, &ssh) < 0)
        return NULL;
    put_text32(&w, path);
    put_address(&w, "", 0); /* reserved */
    return open_end(&g, ssh, &type_direct_unix, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_forwarded_tcp(sessile_session *session, const char *bound_host, int bound_port,
                                               const char *origin, int origin_port, sessile_callbacks *callbacks,
                                               void *app)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    const char *name;

    if (!text_fits(bound_host, HOST_TEXT_MAX) || !port_is_one(bound_port) || !text_fits(origin, HOST_TEXT_MAX) ||
        !port_is_one(origin_port) || open_begin(&g, session, &type_forwarded_tcp, &ssh) < 0)
        return NULL;
    if (!(name = forward_name(ssh, bound_host, bound_port, 0))) {
        guard_leave(&g, 0);
        return NULL;
    }
    put_address(&w, name, bound_port);
    put_address(&w, origin, origin_port);
    return open_end(&g, ssh, &type_forwarded_tcp, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_forwarded_unix(sessile_session *session, const char *path,
                                                sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (!text_fits(path, PATH_TEXT_MAX) || open_begin(&g, session, &type_forwarded_unix, &ssh) < 0)
        return NULL;
    if (!forward_name(ssh, path, 0, 1)) {
        guard_leave(&g, 0);
        return NULL;
    }
    put_text32(&w, path);
    put_text32(&w, ""); /* reserved */
    return open_end(&g, ssh, &type_forwarded_unix, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_x11(sessile_session *session, const char *origin, int origin_port,
                                     sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    if (!text_fits(origin, HOST_TEXT_MAX) || !port_is_one(origin_port) || open_begin(&g, session, &type_x11, &ssh) < 0)
        return NULL;
    if (!forward_x11_wanted(ssh, NULL)) {
        guard_leave(&g, 0);
        return NULL;
    }
    forward_x11_opened(ssh);
    put_address(&w, origin, origin_port);
    return open_end(&g, ssh, &type_x11, &w, callbacks, app);
}

sessile_stream *sessile_ssh_open_agent(sessile_session *session, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct ssh *ssh;
    struct writer w = {0};

    if (open_begin(&g, session, &type_agent, &ssh) < 0)
        return NULL;
    if (!forward_agent_wanted(ssh, NULL)) {
        guard_leave(&g, 0);
        return NULL;
    }
    return open_end(&g, ssh, &type_agent, &w, callbacks, app);
}

/* ---- what became of it ---- */

const char *sessile_ssh_stream_type(sessile_stream *stream)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    const char *name = channel ? channel->type->name : "";

    if (channel)
        guard_leave(&g, 0);
    return name;
}

int sessile_ssh_open_reason(sessile_stream *stream)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    uint32_t reason = channel && channel->notes ? channel->notes->open_reason : 0;

    if (channel)
        guard_leave(&g, 0);
    return reason > INT32_MAX ? INT32_MAX : (int)reason;
}

const char *sessile_ssh_open_text(sessile_stream *stream)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    const char *text = channel && channel->notes ? channel->notes->open_text : NULL;

    if (channel)
        guard_leave(&g, 0);
    return text ? text : "";
}
