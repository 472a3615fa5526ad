/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that this side sends for a session channel (RFC 4254, section 6). Which kinds are unanswered is two bits for
 * each, so that an answer is known to be for X11 or agent forwarding, and nothing else is kept of them. */
#include "ssh/connection/channel.h"

#include <string.h>

#define VALUE_MAX 32768
#define MODES_MAX 1024
#define COOKIE_MAX 1024
#define ASKED_BITS 2
#define ASKED_MASK 3u

_Static_assert(ASKED_MAX *ASKED_BITS <= 64, "one number holds all that are unanswered");

void request_begin(struct writer *w, const struct channel *channel, const char *name, int want_reply)
{
    put_u8(w, MSG_CHANNEL_REQUEST);
    put_u32(w, channel->peer_id);
    put_text32(w, name);
    put_u8(w, want_reply != 0);
}

/* Enter for a request on a session channel of this side's own, or, with any_role, of the peer's as well. */
static int request_guard(struct guard *g, sessile_stream *stream, int any_role, struct channel **channel)
{
    int result = channel_guard(g, stream, channel);

    if (result < 0)
        return result;
    if ((*channel)->type != &type_session || (*channel)->out == HALF_SHUT || (!any_role && !(*channel)->ours))
        return guard_leave(g, SESSILE_ERR_MISUSE);
    if ((*channel)->out == HALF_CLOSED)
        return guard_leave(g, SESSILE_ERR_CLOSED);
    return connection_is_full((*channel)->ssh) ? guard_leave(g, SESSILE_ERR_LIMIT) : SESSILE_OK;
}

/* The same for one that wants an answer. */
static int asking_guard(struct guard *g, sessile_stream *stream, struct channel **channel)
{
    int result = request_guard(g, stream, 0, channel);

    if (result == SESSILE_OK && (*channel)->asked_count >= ASKED_MAX)
        return guard_leave(g, SESSILE_ERR_LIMIT);
    return result;
}

static int send_asking(struct guard *g, struct channel *channel, enum asked kind, struct writer *w)
{
    channel->asked |= (uint64_t)kind << channel->asked_count * ASKED_BITS;
    channel->asked_count++;
    return guard_leave(g, ssh_send_message(channel->ssh, w));
}

static int text_fits(const char *text, size_t most)
{
    return text && strlen(text) <= most;
}

static int size_fits(int size)
{
    return size >= 0;
}

static void put_size(struct writer *w, int size)
{
    put_u32(w, (uint32_t)size);
}

int sessile_ssh_request_pty(sessile_stream *stream, const char *term, int columns, int rows, int width, int height,
                            const void *modes, size_t modes_size)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!text_fits(term, NAME_TEXT_MAX) || !size_fits(columns) || !size_fits(rows) || !size_fits(width) ||
        !size_fits(height) || modes_size > MODES_MAX || (!modes && modes_size))
        return SESSILE_ERR_ARGUMENT;
    if ((result = asking_guard(&g, stream, &channel)) < 0)
        return result;
    request_begin(&w, channel, "pty-req", 1);
    put_text32(&w, term);
    put_size(&w, columns);
    put_size(&w, rows);
    put_size(&w, width);
    put_size(&w, height);
    put_sized32(&w, modes, modes_size);
    return send_asking(&g, channel, ASKED_OTHER, &w);
}

int sessile_ssh_request_env(sessile_stream *stream, const char *name, const char *value)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!text_fits(name, NAME_TEXT_MAX) || !*name || !text_fits(value, VALUE_MAX))
        return SESSILE_ERR_ARGUMENT;
    if ((result = asking_guard(&g, stream, &channel)) < 0)
        return result;
    request_begin(&w, channel, "env", 1);
    put_text32(&w, name);
    put_text32(&w, value);
    return send_asking(&g, channel, ASKED_OTHER, &w);
}

/* A request of a name, and of one string where there is one. */
static int request_simple(sessile_stream *stream, const char *name, const void *data, size_t size, enum asked kind)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result = asking_guard(&g, stream, &channel);

    if (result < 0)
        return result;
    request_begin(&w, channel, name, 1);
    if (data)
        put_sized32(&w, data, size);
    return send_asking(&g, channel, kind, &w);
}

int sessile_ssh_request_shell(sessile_stream *stream)
{
    return request_simple(stream, "shell", NULL, 0, ASKED_OTHER);
}

int sessile_ssh_request_exec(sessile_stream *stream, const void *command, size_t size)
{
    if ((!command && size) || size > VALUE_MAX)
        return SESSILE_ERR_ARGUMENT;
    return request_simple(stream, "exec", command ? command : "", size, ASKED_OTHER);
}

int sessile_ssh_request_subsystem(sessile_stream *stream, const char *name)
{
    if (!text_fits(name, NAME_TEXT_MAX) || !*name)
        return SESSILE_ERR_ARGUMENT;
    return request_simple(stream, "subsystem", name, strlen(name), ASKED_OTHER);
}

int sessile_ssh_request_agent(sessile_stream *stream)
{
    return request_simple(stream, "auth-agent-req@openssh.com", NULL, 0, ASKED_AGENT);
}

int sessile_ssh_request_x11(sessile_stream *stream, int single, const char *protocol, const char *cookie, int screen)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!text_fits(protocol, NAME_TEXT_MAX) || !text_fits(cookie, COOKIE_MAX) || screen < 0)
        return SESSILE_ERR_ARGUMENT;
    if ((result = asking_guard(&g, stream, &channel)) < 0)
        return result;
    request_begin(&w, channel, "x11-req", 1);
    put_u8(&w, single != 0);
    put_text32(&w, protocol);
    put_text32(&w, cookie);
    put_size(&w, screen);
    return send_asking(&g, channel, single ? ASKED_X11_SINGLE : ASKED_X11, &w);
}

int sessile_ssh_send_break(sessile_stream *stream, int length)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (length < 0)
        return SESSILE_ERR_ARGUMENT;
    if ((result = asking_guard(&g, stream, &channel)) < 0)
        return result;
    request_begin(&w, channel, "break", 1);
    put_size(&w, length);
    return send_asking(&g, channel, ASKED_OTHER, &w);
}

/* ---- without an answer ---- */

int sessile_ssh_window_change(sessile_stream *stream, int columns, int rows, int width, int height)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!size_fits(columns) || !size_fits(rows) || !size_fits(width) || !size_fits(height))
        return SESSILE_ERR_ARGUMENT;
    if ((result = request_guard(&g, stream, 0, &channel)) < 0)
        return result;
    request_begin(&w, channel, "window-change", 0);
    put_size(&w, columns);
    put_size(&w, rows);
    put_size(&w, width);
    put_size(&w, height);
    return guard_leave(&g, ssh_send_message(channel->ssh, &w));
}

int sessile_ssh_send_signal(sessile_stream *stream, const char *name)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!text_fits(name, NAME_TEXT_MAX) || !*name)
        return SESSILE_ERR_ARGUMENT;
    if ((result = request_guard(&g, stream, 1, &channel)) < 0)
        return result;
    request_begin(&w, channel, "signal", 0);
    put_text32(&w, name);
    return guard_leave(&g, ssh_send_message(channel->ssh, &w));
}

int sessile_ssh_send_xon_xoff(sessile_stream *stream, int client_can_do)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result = request_guard(&g, stream, 1, &channel);

    if (result < 0)
        return result;
    if (channel->ours)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    request_begin(&w, channel, "xon-xoff", 0);
    put_u8(&w, client_can_do != 0);
    return guard_leave(&g, ssh_send_message(channel->ssh, &w));
}

/* Some peers end the session over a request that they do not know. */
static int peer_knows_eow(const struct ssh *ssh)
{
    const char *ident = ssh->transport.peer_ident;

    return ident && (strstr(ident, "-OpenSSH") || strstr(ident, "-Sessile"));
}

int sessile_ssh_send_end_of_write(sessile_stream *stream)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result = request_guard(&g, stream, 1, &channel);

    if (result < 0 || !peer_knows_eow(channel->ssh))
        return result < 0 ? result : guard_leave(&g, SESSILE_OK);
    request_begin(&w, channel, "eow@openssh.com", 0);
    return guard_leave(&g, ssh_send_message(channel->ssh, &w));
}

/* ---- answers ---- */

static void note_answer(struct channel *channel, enum asked kind)
{
    if (kind == ASKED_AGENT)
        channel->agent = 1;
    if (kind == ASKED_X11 || kind == ASKED_X11_SINGLE) {
        channel->x11 = 1;
        channel->x11_single = kind == ASKED_X11_SINGLE;
    }
}

static int recv_answer(struct ssh *ssh, struct reader *r, const char *message, int accepted)
{
    struct channel *channel;
    enum asked kind;
    int result = channel_get(ssh, r, message, &channel);

    if (result < 0 || !reader_done(r))
        return result;
    if (!channel->asked_count)
        return ssh_protocol(ssh, "%s for channel %u, for which nothing was asked", message, channel->id);
    kind = (enum asked)(channel->asked & ASKED_MASK);
    channel->asked >>= ASKED_BITS;
    channel->asked_count--;
    if (channel->out == HALF_CLOSED || !channel->stream)
        return SESSILE_OK;
    if (accepted)
        note_answer(channel, kind);
    return stream_call_request(channel->stream, accepted ? SESSILE_SSH_ACCEPTED : SESSILE_SSH_REFUSED);
}

int connection_recv_success(struct ssh *ssh, struct reader *r)
{
    return recv_answer(ssh, r, "CHANNEL_SUCCESS", 1);
}

int connection_recv_failure(struct ssh *ssh, struct reader *r)
{
    return recv_answer(ssh, r, "CHANNEL_FAILURE", 0);
}
