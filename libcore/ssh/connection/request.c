/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that arrive for a channel (RFC 4254, sections 5.4 and 6; RFC 4335; OpenSSH's PROTOCOL, 2.1).
 *
 * What is known is a table: its fields, who takes it, and whether it is a question to the application or something to
 * tell it. What is not in the table is refused. Answers go out in the order of the requests. The first yes to a session
 * channel's program opens the client's window: until then it has no credit, so that nothing has to be stored behind an
 * open question. */
#include "ssh/connection/channel.h"

#include "session/memory.h"

#define ENVIRONMENT_MAX 128
#define MODES_MAX 1024
#define COOKIE_MAX 1024
#define VALUE_MAX 32768
#define MESSAGE_MAX 4096

#define CLIENT (1u << SESSILE_CLIENT)
#define SERVER (1u << SESSILE_SERVER)

struct request_type {
    const char *name;
    uint8_t takers;
    struct field fields[FIELDS_MAX];
    /* Something to tell: returns REQUEST_*, or a negative code. NULL: a question. */
    int (*take)(struct channel *channel, const struct field_value *values);
    /* A question: whether it may be asked at all (NULL: yes), that it is, and what its answer does. */
    int (*may)(const struct channel *channel);
    void (*asked)(struct channel *channel);
    void (*answered)(struct channel *channel, const struct reply *reply, int accepted);
};

static const struct question_kind kind_request = {.kind = SESSILE_QUESTION_SSH_REQUEST};

/* ---- questions ---- */

static void set_terminal(struct channel *channel, const uint32_t sizes[4])
{
    struct channel_notes *notes = channel_notes(channel);

    for (size_t i = 0; notes && i < 4; i++)
        notes->terminal[i] = sizes[i];
}

static void pty_answered(struct channel *channel, const struct reply *reply, int accepted)
{
    if (accepted)
        set_terminal(channel, reply->numbers);
}

static int env_may(const struct channel *channel)
{
    return channel->environment < ENVIRONMENT_MAX;
}

static void env_asked(struct channel *channel)
{
    channel->environment++;
}

static int program_may(const struct channel *channel)
{
    return channel->program == PROGRAM_NONE;
}

static void program_asked(struct channel *channel)
{
    channel->program = PROGRAM_ASKED;
}

static void program_answered(struct channel *channel, const struct reply *reply, int accepted)
{
    (void)reply;
    channel->program = accepted ? PROGRAM_GRANTED : PROGRAM_NONE;
    if (accepted)
        window_credit(channel);
}

/* A command's end has a status, which the client is told before its channel closes. */
static void command_answered(struct channel *channel, const struct reply *reply, int accepted)
{
    channel->command = accepted != 0;
    program_answered(channel, reply, accepted);
}

static int x11_may(const struct channel *channel)
{
    return !channel->x11;
}

static void x11_answered(struct channel *channel, const struct reply *reply, int accepted)
{
    if (!accepted)
        return; /* what an earlier one was granted stays */
    channel->x11 = 1;
    channel->x11_single = reply->numbers[0] != 0;
}

static void agent_answered(struct channel *channel, const struct reply *reply, int accepted)
{
    (void)reply;
    channel->agent = channel->agent || accepted;
}

/* ---- what is told ---- */

static int take_window_change(struct channel *channel, const struct field_value *values)
{
    uint32_t sizes[4];
    int result;

    for (size_t i = 0; i < 4; i++)
        sizes[i] = values[i].number;
    set_terminal(channel, sizes);
    if (session_over(channel->ssh->session))
        return SESSILE_ERR_MEMORY;
    result = stream_call_request(channel->stream, SESSILE_SSH_WINDOW_CHANGE);
    return result < 0 ? result : REQUEST_DONE;
}

static int take_signal(struct channel *channel, const struct field_value *values)
{
    struct channel_notes *notes = channel_notes(channel);
    char *name = notes ? escaped_copy(channel->ssh, &values[0].text) : NULL;
    int result;

    if (!name)
        return SESSILE_ERR_MEMORY;
    mem_free(notes->signal);
    notes->signal = name;
    result = stream_call_request(channel->stream, SESSILE_SSH_SIGNAL);
    return result < 0 ? result : REQUEST_DONE;
}

static int take_break(struct channel *channel, const struct field_value *values)
{
    struct channel_notes *notes;
    int result;

    if (channel->program != PROGRAM_GRANTED)
        return REQUEST_DENIED;
    if (!(notes = channel_notes(channel)))
        return SESSILE_ERR_MEMORY;
    notes->break_length = values[0].number;
    result = stream_call_request(channel->stream, SESSILE_SSH_BREAK);
    return result < 0 ? result : REQUEST_DONE;
}

static int take_xon_xoff(struct channel *channel, const struct field_value *values)
{
    struct channel_notes *notes = channel_notes(channel);
    int result;

    if (!notes)
        return SESSILE_ERR_MEMORY;
    notes->xon_xoff = values[0].number != 0;
    result = stream_call_request(channel->stream, SESSILE_SSH_XON_XOFF);
    return result < 0 ? result : REQUEST_DONE;
}

static int take_end_of_write(struct channel *channel, const struct field_value *values)
{
    int result = stream_call_request(channel->stream, SESSILE_SSH_END_OF_WRITE);

    (void)values;
    return result < 0 ? result : REQUEST_DONE;
}

static const struct request_type types[] = {
    {.name = "pty-req",
     .takers = SERVER,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_TERM, NAME_TEXT_MAX},
                {FIELD_NUMBER, SESSILE_ITEM_COLUMNS, 0},
                {FIELD_NUMBER, SESSILE_ITEM_ROWS, 0},
                {FIELD_NUMBER, SESSILE_ITEM_WIDTH, 0},
                {FIELD_NUMBER, SESSILE_ITEM_HEIGHT, 0},
                {FIELD_BYTES, SESSILE_ITEM_MODES, MODES_MAX}},
     .answered = pty_answered},
    {.name = "env",
     .takers = SERVER,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_NAME, NAME_TEXT_MAX}, {FIELD_TEXT, SESSILE_ITEM_VALUE, VALUE_MAX}},
     .may = env_may,
     .asked = env_asked},
    {.name = "shell", .takers = SERVER, .may = program_may, .asked = program_asked, .answered = command_answered},
    {.name = "exec",
     .takers = SERVER,
     .fields = {{FIELD_BYTES, SESSILE_ITEM_COMMAND, VALUE_MAX}},
     .may = program_may,
     .asked = program_asked,
     .answered = command_answered},
    {.name = "subsystem",
     .takers = SERVER,
     .fields = {{FIELD_TEXT, SESSILE_ITEM_NAME, NAME_TEXT_MAX}},
     .may = program_may,
     .asked = program_asked,
     .answered = program_answered},
    {.name = "x11-req",
     .takers = SERVER,
     .fields = {{FIELD_BOOLEAN, SESSILE_ITEM_SINGLE, 0},
                {FIELD_TEXT, SESSILE_ITEM_PROTOCOL, NAME_TEXT_MAX},
                {FIELD_TEXT, SESSILE_ITEM_COOKIE, COOKIE_MAX},
                {FIELD_NUMBER, SESSILE_ITEM_SCREEN, 0}},
     .may = x11_may,
     .answered = x11_answered},
    {.name = "auth-agent-req@openssh.com", .takers = SERVER, .answered = agent_answered},
    {.name = "window-change",
     .takers = SERVER,
     .fields = {{FIELD_NUMBER, 0, 0}, {FIELD_NUMBER, 0, 0}, {FIELD_NUMBER, 0, 0}, {FIELD_NUMBER, 0, 0}},
     .take = take_window_change},
    {.name = "signal", .takers = CLIENT | SERVER, .fields = {{FIELD_TEXT, 0, NAME_TEXT_MAX}}, .take = take_signal},
    {.name = "break", .takers = SERVER, .fields = {{FIELD_NUMBER, 0, 0}}, .take = take_break},
    {.name = "xon-xoff", .takers = CLIENT, .fields = {{FIELD_BOOLEAN, 0, 0}}, .take = take_xon_xoff},
    {.name = "eow@openssh.com", .takers = CLIENT | SERVER, .take = take_end_of_write},
    {.name = "exit-status", .takers = CLIENT, .fields = {{FIELD_NUMBER, 0, 0}}, .take = exit_take_status},
    {.name = "exit-signal",
     .takers = CLIENT,
     .fields = {{FIELD_TEXT, 0, NAME_TEXT_MAX},
                {FIELD_BOOLEAN, 0, 0},
                {FIELD_BYTES, 0, MESSAGE_MAX},
                {FIELD_BYTES, 0, NAME_TEXT_MAX}},
     .take = exit_take_signal},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

static const struct request_type *type_find(const struct channel *channel, const struct reader *name)
{
    for (size_t i = 0; channel->type == &type_session && i < TYPE_COUNT; i++)
        if (types[i].takers & 1u << channel->ssh->role && reader_is(name, types[i].name))
            return &types[i];
    return NULL;
}

/* ---- answers ---- */

static int request_reply(void *owner, const struct reply *reply)
{
    struct channel *channel = owner;

    if (channel->out == HALF_CLOSED)
        return SESSILE_OK;
    return channel_send(channel, reply ? MSG_CHANNEL_SUCCESS : MSG_CHANNEL_FAILURE);
}

static int request_deny(struct channel *channel, int wanted)
{
    int result = replies_refuse(&channel->requests, wanted, request_reply, channel);

    if (result == SESSILE_ERR_LIMIT && !session_over(channel->ssh->session))
        return ssh_fail(channel->ssh, DISCONNECT_PROTOCOL_ERROR, SESSILE_ERR_LIMIT,
                        "the peer sent more than %d requests for channel %u behind one that is not answered yet",
                        REPLIES_BEHIND_MAX, channel->id);
    return result;
}

static int request_grant(struct channel *channel, int wanted)
{
    struct reply *reply;

    if (!wanted)
        return SESSILE_OK;
    if (!(reply = replies_add(&channel->requests, NULL, 1)))
        return request_deny(channel, wanted);
    reply->outcome = QUESTION_ACCEPTED;
    return replies_send(&channel->requests, request_reply, channel);
}

static int request_decide(struct channel *channel, struct reply *reply, int accepted)
{
    const struct request_type *type = reply->type;

    reply->outcome = accepted ? QUESTION_ACCEPTED : QUESTION_REFUSED;
    if (type->answered)
        type->answered(channel, reply, accepted);
    if (session_over(channel->ssh->session))
        return SESSILE_ERR_CLOSED;
    return replies_send(&channel->requests, request_reply, channel);
}

void request_answered(struct ssh *ssh, sessile_question *question)
{
    struct channel *channel = stream_state(question_stream(question));
    struct reply *reply = (struct reply *)question_note(question);

    (void)ssh;
    request_decide(channel, reply, question_outcome(question) == QUESTION_ACCEPTED);
}

static void note_numbers(struct reply *reply, const struct request_type *type, const struct field_value *values)
{
    size_t count = 0;

    for (size_t i = 0; i < FIELDS_MAX && type->fields[i].kind != FIELD_END && count < REPLY_NUMBERS; i++)
        if (type->fields[i].kind == FIELD_NUMBER || type->fields[i].kind == FIELD_BOOLEAN)
            reply->numbers[count++] = values[i].number;
}

static int request_ask(struct channel *channel, const struct request_type *type, const struct field_value *values,
                       int wanted)
{
    sessile_session *session = channel->ssh->session;
    sessile_question *question;
    struct reply *reply;

    if ((type->may && !type->may(channel)) || !(reply = replies_add(&channel->requests, type, wanted)))
        return request_deny(channel, wanted);
    note_numbers(reply, type, values);
    if (type->asked)
        type->asked(channel);
    if (!(question = question_new(session, &kind_request, channel->stream)))
        return request_decide(channel, reply, 0);
    question_set_note(question, (uintptr_t)reply);
    question_add_text(question, SESSILE_ITEM_TYPE, type->name);
    fields_ask(question, type->fields, values);
    session_ask(session, question);
    return SESSILE_OK;
}

static int request_take(struct channel *channel, const struct request_type *type, const struct field_value *values,
                        int wanted)
{
    int result = type->take(channel, values);

    if (result < 0 || session_over(channel->ssh->session))
        return result < 0 ? result : SESSILE_OK;
    return result == REQUEST_DONE ? request_grant(channel, wanted) : request_deny(channel, wanted);
}

int connection_recv_request(struct ssh *ssh, struct reader *r)
{
    struct field_value values[FIELDS_MAX];
    const struct request_type *type;
    struct channel *channel;
    struct reader name;
    int wanted, usable, result = channel_get(ssh, r, "CHANNEL_REQUEST", &channel);

    if (result < 0)
        return result;
    name = get_sub32(r);
    wanted = get_u8(r) != 0;
    if (!(type = type_find(channel, &name))) {
        get_rest(r);
        return r->failed ? SESSILE_OK : request_deny(channel, wanted);
    }
    usable = fields_read(r, type->fields, values);
    if (!reader_done(r) || channel->out == HALF_CLOSED || !channel->stream)
        return SESSILE_OK;
    if (!usable)
        return request_deny(channel, wanted);
    return type->take ? request_take(channel, type, values, wanted) : request_ask(channel, type, values, wanted);
}
