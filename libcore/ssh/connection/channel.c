/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel's life, but for its opening and its data: its halves, its end, and how public calls reach it. */
#include "ssh/connection/channel.h"

#include "session/error.h"
#include "session/memory.h"

#define ESCAPED_TEXT_MAX 1024

struct channel *channel_new(struct ssh *ssh, const struct channel_type *type, int ours)
{
    struct channel *channel = mem_zalloc(sizeof *channel);

    if (!channel)
        return NULL;
    channel->ssh = ssh;
    channel->type = type;
    channel->ours = ours != 0;
    if (table_add(ssh->connection, channel) == SESSILE_OK) {
        if (window_reserve(channel) == 0 && (channel->stream = stream_new(ssh->session, channel)))
            return channel;
        table_remove(ssh->connection, channel);
    }
    channel_release(channel);
    return NULL;
}

static void notes_free(struct channel_notes *notes)
{
    if (!notes)
        return;
    mem_free(notes->exit_signal);
    mem_free(notes->exit_message);
    mem_free(notes->signal);
    mem_free(notes->open_text);
    mem_free(notes);
}

void channel_release(struct channel *channel)
{
    if (channel->listed || channel->stream)
        return;
    replies_free(&channel->requests);
    notes_free(channel->notes);
    mem_free(channel);
}

void channel_destroy(void *state)
{
    struct channel *channel = state;

    channel->stream = NULL;
    channel_release(channel);
}

struct channel_notes *channel_notes(struct channel *channel)
{
    if (!channel->notes && (channel->notes = mem_zalloc(sizeof *channel->notes)))
        channel->notes->exit_status = -1;
    if (!channel->notes)
        ssh_no_memory(channel->ssh, "what a channel is told");
    return channel->notes;
}

/* ---- the halves ---- */

int channel_move(struct channel *channel, enum channel_side side, enum half to)
{
    static const uint8_t moves[HALVES] = {
        [HALF_SHUT] = 1u << HALF_OPEN | 1u << HALF_CLOSED,
        [HALF_OPEN] = 1u << HALF_EOF | 1u << HALF_CLOSED,
        [HALF_EOF] = 1u << HALF_CLOSED,
        [HALF_CLOSED] = 0,
    };
    uint8_t *half = side == CHANNEL_IN ? &channel->in : &channel->out;

    if (!(moves[*half] & 1u << to))
        return -1;
    *half = (uint8_t)to;
    return 0;
}

int channel_send(struct channel *channel, int number)
{
    uint8_t room[8];
    struct writer w = writer_in(room, sizeof room);

    put_u8(&w, (uint8_t)number);
    put_u32(&w, channel->peer_id);
    return ssh_send_message(channel->ssh, &w);
}

void channel_finish(struct channel *channel, int error)
{
    sessile_stream *stream = channel->stream;

    table_remove(channel->ssh->connection, channel);
    if (stream)
        stream_close(stream, error, 1);
    else
        channel_release(channel);
}

static int channel_send_close(struct channel *channel)
{
    if (channel_move(channel, CHANNEL_OUT, HALF_CLOSED) < 0)
        return SESSILE_OK;
    return channel_send(channel, MSG_CHANNEL_CLOSE);
}

/* Whether this side is done: it has said all, and heard all that matters. On a session channel that is the program's
 * end: a server that has told it need not wait for what the client still has to say, and a client waits until it is
 * told. A server whose command's end is still to be told waits for that, unless nobody there follows the stream. */
static int close_is_due(const struct channel *channel)
{
    if (channel->out != HALF_EOF)
        return 0;
    if (channel->type == &type_session && channel->ours)
        return channel->in == HALF_EOF && channel->exit_come;
    if (channel->exit_sent)
        return 1;
    return channel->in == HALF_EOF && (!channel->command || !channel->stream || stream_ends_itself(channel->stream));
}

int channel_close_if_due(struct channel *channel)
{
    return close_is_due(channel) ? channel_send_close(channel) : SESSILE_OK;
}

int channel_end(sessile_stream *stream)
{
    struct channel *channel = stream_state(stream);
    int result;

    if (channel->out == HALF_SHUT)
        return SESSILE_ERR_MISUSE;
    if (channel_move(channel, CHANNEL_OUT, HALF_EOF) < 0)
        return SESSILE_ERR_CLOSED;
    result = channel_send(channel, MSG_CHANNEL_EOF);
    return result < 0 ? result : channel_close_if_due(channel);
}

int channel_abort(sessile_stream *stream)
{
    struct channel *channel = stream_state(stream);
    int result = SESSILE_OK;

    if (channel->out == HALF_SHUT && !channel->ours)
        return open_refuse(channel, OPEN_PROHIBITED, SESSILE_ERR_ABORTED);
    if (channel->out != HALF_SHUT)
        result = channel_send_close(channel);
    replies_free(&channel->requests);
    stream_close(stream, SESSILE_ERR_ABORTED, 1);
    return result;
}

/* What the peer had to say is complete with its EOF, or its CLOSE, whatever becomes of the session. */
int channel_verdict(const sessile_stream *stream, int error)
{
    const struct channel *channel = stream_state(stream);
    int complete = channel->in == HALF_EOF || channel->in == HALF_CLOSED;

    if (error == SESSILE_OK || error == SESSILE_ERR_DROPPED || error == SESSILE_ERR_TRUNCATED)
        return complete ? SESSILE_OK : SESSILE_ERR_TRUNCATED;
    return error;
}

int connection_recv_eof(struct ssh *ssh, struct reader *r)
{
    struct channel *channel;
    int result = channel_get(ssh, r, "CHANNEL_EOF", &channel);
    uint32_t id;

    if (result < 0 || !reader_done(r))
        return result;
    id = channel->id;
    if (channel_move(channel, CHANNEL_IN, HALF_EOF) < 0)
        return ssh_protocol(ssh, "CHANNEL_EOF for channel %u, a second time", id);
    if (channel->stream && (result = stream_deliver_end(channel->stream)) < 0)
        return result;
    return table_find(ssh->connection, id) == channel ? channel_close_if_due(channel) : SESSILE_OK;
}

/* The peer says no more, and hears no more: what follows here is for the application alone. */
int connection_recv_close(struct ssh *ssh, struct reader *r)
{
    struct channel *channel;
    int cut, result = channel_get(ssh, r, "CHANNEL_CLOSE", &channel);

    if (result < 0 || !reader_done(r))
        return result;
    cut = channel->in == HALF_OPEN;
    channel_move(channel, CHANNEL_IN, HALF_CLOSED);
    if ((result = channel_send_close(channel)) < 0)
        return result;
    if (cut && channel->stream && (result = stream_deliver_end(channel->stream)) < 0)
        return result;
    channel_finish(channel, SESSILE_OK);
    return SESSILE_OK;
}

/* ---- finding one ---- */

int channel_get(struct ssh *ssh, struct reader *r, const char *message, struct channel **channel)
{
    uint32_t id = get_u32(r);

    *channel = r->failed ? NULL : table_find(ssh->connection, id);
    if (*channel && (*channel)->in != HALF_SHUT)
        return SESSILE_OK;
    if (r->failed)
        ssh_protocol(ssh, "%s is cut short", message);
    else
        ssh_protocol(ssh, "%s for channel %u, which is %s", message, id, *channel ? "not open yet" : "not there");
    return SESSILE_ERR_PROTOCOL;
}

int channel_guard(struct guard *g, sessile_stream *stream, struct channel **channel)
{
    struct ssh *ssh;
    int result = stream ? ssh_guard(g, stream_session(stream), &ssh) : SESSILE_ERR_ARGUMENT;

    if (result < 0)
        return result;
    *channel = stream_state(stream);
    return *channel && stream_open(stream) ? SESSILE_OK : guard_leave(g, SESSILE_ERR_CLOSED);
}

struct channel *channel_look(struct guard *g, sessile_stream *stream)
{
    struct ssh *ssh;
    struct channel *channel;

    if (!stream || ssh_guard_quiet(g, stream_session(stream), &ssh) < 0)
        return NULL;
    channel = stream_state(stream);
    if (!channel)
        guard_leave(g, 0);
    return channel;
}

/* ---- what all share ---- */

int channel_count_empty(struct ssh *ssh, const char *what)
{
    if (++ssh->connection->empties < EMPTY_MAX)
        return SESSILE_OK;
    return ssh_fail(ssh, DISCONNECT_PROTOCOL_ERROR, SESSILE_ERR_LIMIT,
                    "the peer sent %d messages in a row that say nothing, the last of them %s", EMPTY_MAX, what);
}

int connection_is_full(const struct ssh *ssh)
{
    return ssh->transport.waiting.size > WAITING_MAX / 2;
}

char *escaped_copy(struct ssh *ssh, const struct reader *text)
{
    char room[ESCAPED_TEXT_MAX];
    char *copy = mem_string(text_escape(room, sizeof room, text->data, text->left));

    if (!copy)
        ssh_no_memory(ssh, "a text of the peer's");
    return copy;
}
