/* SPDX-License-Identifier: Apache-2.0
 *
 * How a program ended (RFC 4254, section 6.10), both roles, and what else a channel remembers of what it was told. A
 * program ends once: what is said of it later is dropped. */
#include "ssh/connection/channel.h"

#include <string.h>

#include "session/memory.h"

static int seen_before(struct channel *channel, const char *what)
{
    if (channel->exit_come)
        return channel_count_empty(channel->ssh, what) < 0 ? SESSILE_ERR_LIMIT : 1;
    channel->exit_come = 1;
    return 0;
}

static int tell(struct channel *channel, int event)
{
    int result = stream_call_request(channel->stream, event);

    if (result == SESSILE_OK && channel->stream && stream_open(channel->stream))
        result = channel_close_if_due(channel);
    return result < 0 ? result : REQUEST_DONE;
}

int exit_take_status(struct channel *channel, const struct field_value *values)
{
    struct channel_notes *notes;
    int seen = seen_before(channel, "exit-status");

    if (seen)
        return seen < 0 ? seen : REQUEST_DENIED;
    if (!(notes = channel_notes(channel)))
        return SESSILE_ERR_MEMORY;
    notes->exit_status = values[0].number;
    return tell(channel, SESSILE_SSH_EXIT_STATUS);
}

int exit_take_signal(struct channel *channel, const struct field_value *values)
{
    struct channel_notes *notes;
    int seen = seen_before(channel, "exit-signal");

    if (seen)
        return seen < 0 ? seen : REQUEST_DENIED;
    if (!(notes = channel_notes(channel)) || !(notes->exit_signal = escaped_copy(channel->ssh, &values[0].text)) ||
        !(notes->exit_message = escaped_copy(channel->ssh, &values[2].text)))
        return SESSILE_ERR_MEMORY;
    notes->core_dumped = values[1].number != 0;
    return tell(channel, SESSILE_SSH_EXIT_SIGNAL);
}

/* ---- telling the client ---- */

/* Enter to tell how a program ended: the channel is a session's that the client opened, and was not told yet. */
static int exit_guard(struct guard *g, sessile_stream *stream, struct channel **channel)
{
    int result = channel_guard(g, stream, channel);

    if (result < 0)
        return result;
    if ((*channel)->ours || (*channel)->type != &type_session || (*channel)->exit_sent || (*channel)->out == HALF_SHUT)
        return guard_leave(g, SESSILE_ERR_MISUSE);
    if ((*channel)->out == HALF_CLOSED)
        return guard_leave(g, SESSILE_ERR_CLOSED);
    return connection_is_full((*channel)->ssh) ? guard_leave(g, SESSILE_ERR_LIMIT) : SESSILE_OK;
}

static int send_exit(struct channel *channel, struct writer *w)
{
    int result = ssh_send_message(channel->ssh, w);

    return result < 0 ? result : channel_close_if_due(channel);
}

int sessile_ssh_send_exit_status(sessile_stream *stream, int64_t status)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (status < 0 || status > UINT32_MAX)
        return SESSILE_ERR_ARGUMENT;
    if ((result = exit_guard(&g, stream, &channel)) < 0)
        return result;
    channel->exit_sent = 1;
    request_begin(&w, channel, "exit-status", 0);
    put_u32(&w, (uint32_t)status);
    return guard_leave(&g, send_exit(channel, &w));
}

int sessile_ssh_send_exit_signal(sessile_stream *stream, const char *name, int core_dumped, const char *message)
{
    struct guard g;
    struct channel *channel;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!name || !*name || strlen(name) > NAME_TEXT_MAX || (message && strlen(message) > PATH_TEXT_MAX))
        return SESSILE_ERR_ARGUMENT;
    if ((result = exit_guard(&g, stream, &channel)) < 0)
        return result;
    channel->exit_sent = 1;
    request_begin(&w, channel, "exit-signal", 0);
    put_text32(&w, name);
    put_u8(&w, core_dumped != 0);
    put_text32(&w, message ? message : "");
    put_text32(&w, "");
    return guard_leave(&g, send_exit(channel, &w));
}

/* ---- getters ---- */

int64_t sessile_ssh_exit_status(sessile_stream *stream)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    int64_t status = channel && channel->notes ? channel->notes->exit_status : -1;

    if (channel)
        guard_leave(&g, 0);
    return status < 0 ? SESSILE_ERR_GONE : status;
}

enum text { TEXT_EXIT_SIGNAL, TEXT_EXIT_MESSAGE, TEXT_SIGNAL };

static const char *text_of(sessile_stream *stream, enum text which)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    const struct channel_notes *notes = channel ? channel->notes : NULL;
    const char *text = NULL;

    if (notes)
        text = which == TEXT_EXIT_SIGNAL    ? notes->exit_signal
               : which == TEXT_EXIT_MESSAGE ? notes->exit_message
                                            : notes->signal;
    if (channel)
        guard_leave(&g, 0);
    return text ? text : "";
}

const char *sessile_ssh_exit_signal(sessile_stream *stream)
{
    return text_of(stream, TEXT_EXIT_SIGNAL);
}

const char *sessile_ssh_exit_message(sessile_stream *stream)
{
    return text_of(stream, TEXT_EXIT_MESSAGE);
}

const char *sessile_ssh_signal(sessile_stream *stream)
{
    return text_of(stream, TEXT_SIGNAL);
}

int sessile_ssh_terminal(sessile_stream *stream, int dimension)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    uint32_t size = 0;

    if (channel && channel->notes && dimension >= SESSILE_SSH_COLUMNS && dimension <= SESSILE_SSH_HEIGHT)
        size = channel->notes->terminal[dimension - SESSILE_SSH_COLUMNS];
    if (channel)
        guard_leave(&g, 0);
    return size > INT32_MAX ? INT32_MAX : (int)size;
}

enum number { NUMBER_CORE_DUMPED, NUMBER_BREAK_LENGTH, NUMBER_XON_XOFF };

static int number_of(sessile_stream *stream, enum number which)
{
    struct guard g;
    struct channel *channel = channel_look(&g, stream);
    const struct channel_notes *notes = channel ? channel->notes : NULL;
    uint32_t number = 0;

    if (notes)
        number = which == NUMBER_CORE_DUMPED    ? notes->core_dumped
                 : which == NUMBER_BREAK_LENGTH ? notes->break_length
                                                : notes->xon_xoff;
    if (channel)
        guard_leave(&g, 0);
    return number > INT32_MAX ? INT32_MAX : (int)number;
}

int sessile_ssh_exit_core_dumped(sessile_stream *stream)
{
    return number_of(stream, NUMBER_CORE_DUMPED);
}

int sessile_ssh_break_length(sessile_stream *stream)
{
    return number_of(stream, NUMBER_BREAK_LENGTH);
}

int sessile_ssh_xon_xoff(sessile_stream *stream)
{
    return number_of(stream, NUMBER_XON_XOFF);
}
