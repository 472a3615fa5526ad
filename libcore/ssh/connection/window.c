/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows (RFC 4254, section 5.2). A channel's window is what the peer may have under way, sent or about to be: what it
 * was given and has not used, what the application has not consumed, and what is due to be given again, together.
 *
 * All windows together stay within what the config lets a session hold. Of that, each channel that may still be opened
 * has WINDOW_LEAST set apart; the rest is shared, an eighth of it at most to a channel that opens, up to WINDOW_FIRST.
 *
 * A window is given back when half of it is due: two messages for each turn of it. One whose application has consumed
 * two whole windows, and keeps up, is doubled, out of at most half of what is left. There is no clock here: how long a
 * window took to be used is not known, only that it was, and one that grows without need costs nothing, since what is
 * delivered is not held. What an application holds back in manual credit keeps its window from growing.
 *
 * Grants wait as state, never as messages: while a key exchange is on, and while the wire is held. */
#include "ssh/connection/channel.h"

#define GROW_AFTER 4 /* halves */
#define WINDOW_MAX 0x7fffffffu

static uint64_t limit_of(const struct ssh *ssh, int limit)
{
    return ssh->config->limits[limit];
}

/* What may be shared: what is left, without what is set apart for channels that are not there yet. */
static uint64_t window_spare(const struct ssh *ssh)
{
    const struct connection *c = ssh->connection;
    uint64_t channels = limit_of(ssh, SESSILE_SSH_LIMIT_CHANNELS);
    uint64_t apart = channels > c->count ? (channels - c->count) * WINDOW_LEAST : 0;
    uint64_t memory = limit_of(ssh, SESSILE_SSH_LIMIT_MEMORY);

    return memory > c->windows + apart ? memory - c->windows - apart : 0;
}

static uint32_t window_most(const struct ssh *ssh)
{
    uint64_t most = limit_of(ssh, SESSILE_SSH_LIMIT_WINDOW);

    return most < WINDOW_LEAST ? WINDOW_LEAST : most > WINDOW_MAX ? WINDOW_MAX : (uint32_t)most;
}

int window_reserve(struct channel *channel)
{
    struct ssh *ssh = channel->ssh;
    struct connection *c = ssh->connection;
    uint64_t spare = window_spare(ssh);
    uint64_t size = WINDOW_LEAST + (spare > WINDOW_LEAST ? (spare - WINDOW_LEAST) / 8 : 0);

    if (c->windows + WINDOW_LEAST > limit_of(ssh, SESSILE_SSH_LIMIT_MEMORY))
        return -1;
    if (size > WINDOW_FIRST)
        size = WINDOW_FIRST;
    if (size > window_most(ssh))
        size = window_most(ssh);
    channel->window = (uint32_t)size;
    c->windows += size;
    return 0;
}

void window_release(struct channel *channel)
{
    channel->ssh->connection->windows -= channel->window;
    channel->window = 0;
    channel->given = 0;
}

int window_take(struct channel *channel, size_t size, const char *message)
{
    struct ssh *ssh = channel->ssh;

    if (size > CHANNEL_PACKET)
        return ssh_protocol(ssh, "%s with %zu bytes for channel %u: we take %d in one message", message, size,
                            channel->id, CHANNEL_PACKET);
    if (size > channel->given)
        return ssh_protocol(ssh, "%s with %zu bytes for channel %u, whose window has %u left", message, size,
                            channel->id, channel->given);
    if (!size)
        return channel_count_empty(ssh, message);
    ssh->connection->empties = 0;
    channel->given -= (uint32_t)size;
    return SESSILE_OK;
}

/* ---- giving ---- */

static void window_grow(struct channel *channel)
{
    struct ssh *ssh = channel->ssh;
    uint32_t most = window_most(ssh);
    uint32_t more = channel->window;

    if (stream_unread(channel->stream) > channel->window / 4) {
        channel->turns = 0;
        return;
    }
    if (++channel->turns < GROW_AFTER)
        return;
    channel->turns = 0;
    if (channel->window >= most)
        return;
    if (more > most - channel->window)
        more = most - channel->window;
    if (more > window_spare(ssh) / 2)
        return;
    channel->window += more;
    ssh->connection->windows += more;
}

/* Whether the peer is still to be given a window: not before a session's program was granted, and not when it, or this
 * side, is through with the channel. */
static int window_is_open(const struct channel *channel)
{
    if (channel->in != HALF_OPEN || channel->out == HALF_CLOSED || !channel->stream || !channel->window)
        return 0;
    return channel->ours || channel->type != &type_session || channel->program == PROGRAM_GRANTED;
}

static uint32_t window_due(const struct channel *channel)
{
    size_t held = channel->given + stream_unread(channel->stream);

    return held < channel->window ? (uint32_t)(channel->window - held) : 0;
}

int window_credit(struct channel *channel)
{
    uint8_t room[12];
    struct writer w = writer_in(room, sizeof room);
    uint32_t due;

    if (!window_is_open(channel) || session_held(channel->ssh->session) || !ssh_sends_data(channel->ssh))
        return SESSILE_OK;
    due = window_due(channel);
    if (due < channel->window / 2 && (channel->given || due < channel->window / 16))
        return SESSILE_OK;
    if (due < channel->window) { /* else it is the first */
        window_grow(channel);
        due = window_due(channel);
    }
    put_u8(&w, MSG_CHANNEL_WINDOW_ADJUST);
    put_u32(&w, channel->peer_id);
    put_u32(&w, due);
    channel->given += due;
    return ssh_send_message(channel->ssh, &w);
}

int window_credit_all(struct ssh *ssh)
{
    struct channel *channel;
    uint32_t at = 0;
    int result = SESSILE_OK;

    while (result == SESSILE_OK && (channel = table_next(ssh->connection, &at)))
        result = window_credit(channel);
    return result;
}

void channel_consumed(sessile_stream *stream, size_t size)
{
    (void)size; /* what is unread says it all */
    window_credit(stream_state(stream));
}

void connection_held(sessile_session *session, int on)
{
    struct ssh *ssh = ssh_of(session);

    if (!on && ssh->connection)
        window_credit_all(ssh);
}

/* ---- taking ---- */

int connection_recv_window_adjust(struct ssh *ssh, struct reader *r)
{
    struct channel *channel;
    int result = channel_get(ssh, r, "CHANNEL_WINDOW_ADJUST", &channel);
    uint32_t more = get_u32(r);

    if (result < 0 || !reader_done(r))
        return result;
    if (!more)
        return channel_count_empty(ssh, "CHANNEL_WINDOW_ADJUST by 0");
    if (more > UINT32_MAX - channel->peer_window)
        return ssh_protocol(ssh, "CHANNEL_WINDOW_ADJUST by %u for channel %u: the window would be over 2^32-1", more,
                            channel->id);
    channel->peer_window += more;
    if (channel->stream)
        stream_unblocked(channel->stream);
    return SESSILE_OK;
}
