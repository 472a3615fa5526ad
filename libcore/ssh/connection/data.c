/* SPDX-License-Identifier: Apache-2.0
 *
 * Data, both ways (RFC 4254, section 5.2). What arrives is lent to the application from where it was decrypted; what is
 * written is sealed from where the application has it, in messages of 32 KiB. */
#include "ssh/connection/channel.h"

#define STDERR_CODE 1
/* A last piece that is smaller than this waits for the next flight, rather than to be a packet of its own. */
#define PIECE_LEAST 1024
/* More than any packet adds to the data in it. */
#define PACKET_OVERHEAD 128

/* ---- in ---- */

/* Whether a second flow of a channel's is anybody's: a server's, of a program. */
static int takes_stderr(const struct channel *channel, uint32_t code)
{
    return code == STDERR_CODE && channel->ours && channel->type == &type_session;
}

static int recv_data(struct ssh *ssh, struct reader *r, const char *message, int extended)
{
    struct channel *channel;
    struct reader data;
    int result = channel_get(ssh, r, message, &channel);
    uint32_t code = result == SESSILE_OK && extended ? get_u32(r) : 0;

    if (result < 0)
        return result;
    data = get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK;
    if (channel->in != HALF_OPEN)
        return ssh_protocol(ssh, "%s for channel %u after CHANNEL_EOF", message, channel->id);
    if ((result = window_take(channel, data.left, message)) < 0 || !data.left)
        return result;
    if (channel->out == HALF_CLOSED || !channel->stream)
        return SESSILE_OK;
    if (!extended)
        result = stream_deliver(channel->stream, data.data, data.left);
    else if (takes_stderr(channel, code))
        result = stream_deliver_stderr(channel->stream, data.data, data.left);
    return result < 0 || session_over(ssh->session) ? result : window_credit(channel);
}

int connection_recv_data(struct ssh *ssh, struct reader *r)
{
    return recv_data(ssh, r, "CHANNEL_DATA", 0);
}

int connection_recv_extended_data(struct ssh *ssh, struct reader *r)
{
    return recv_data(ssh, r, "CHANNEL_EXTENDED_DATA", 1);
}

/* ---- out ---- */

int channel_writable(const sessile_stream *stream)
{
    const struct channel *channel = stream_state(stream);

    if (channel->out != HALF_OPEN || !channel->peer_window)
        return ENGINE_BLOCKED;
    return ssh_sends_data(channel->ssh) ? ENGINE_WRITABLE : ENGINE_WAITS;
}

static size_t piece_size(const struct channel *channel, size_t head, size_t size)
{
    size_t room = ssh_data_room(channel->ssh, head);
    size_t piece = size;

    if (piece > channel->peer_window)
        piece = channel->peer_window;
    if (piece > channel->peer_packet)
        piece = channel->peer_packet;
    if (piece <= room)
        return piece;
    return room < PIECE_LEAST ? 0 : room;
}

static void put_head(struct writer *w, const struct channel *channel, int flow)
{
    put_u8(w, flow == STREAM_STDERR ? MSG_CHANNEL_EXTENDED_DATA : MSG_CHANNEL_DATA);
    put_u32(w, channel->peer_id);
    if (flow == STREAM_STDERR)
        put_u32(w, STDERR_CODE);
}

static int send_piece(struct channel *channel, int flow, const uint8_t *data, size_t size)
{
    uint8_t room[16];
    struct writer w = writer_in(room, sizeof room);

    put_head(&w, channel, flow);
    put_u32(&w, (uint32_t)size);
    channel->peer_window -= (uint32_t)size;
    return ssh_send_data(channel->ssh, w.data, w.size, data, size);
}

/* One growth of the outbox, rather than several, for what will go into it. */
static void reserve(const struct channel *channel, size_t size)
{
    size_t packet = channel->peer_packet;
    size_t room = outbox_room(channel->ssh->session);

    if (size > channel->peer_window)
        size = channel->peer_window;
    if (size > room)
        size = room;
    size += (size / packet + 1) * PACKET_OVERHEAD;
    if (size > PIECE_LEAST)
        outbox_reserve(channel->ssh->session, size < room ? size : room);
}

int channel_write(sessile_stream *stream, int flow, const uint8_t *data, size_t size)
{
    struct channel *channel = stream_state(stream);
    size_t head = flow == STREAM_STDERR ? 13 : 9;
    size_t done = 0, piece;
    int result;

    reserve(channel, size);
    while (done < size && (piece = piece_size(channel, head, size - done)) > 0) {
        if ((result = send_piece(channel, flow, data + done, piece)) < 0)
            return result;
        done += piece;
    }
    return (int)done;
}

int sessile_ssh_write_stderr(sessile_stream *stream, const void *data, size_t size)
{
    struct guard g;
    struct channel *channel;
    int result = channel_guard(&g, stream, &channel);

    if (result < 0)
        return result;
    if (channel->ours || channel->type != &type_session)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    return guard_leave(&g, stream_write_flow(stream, STREAM_STDERR, data, size));
}
