/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: how they open, carry data, and end, in both roles; and what a peer may not do with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ssh_open.h"

#define WINDOW 2097152u
#define PACKET 32768u

enum {
    OPEN = 90,
    CONFIRMATION,
    FAILURE,
    ADJUST,
    DATA,
    EXTENDED,
    END, /* EOF */
    CLOSE,
    REQUEST,
    ACCEPTED,
    REFUSED
};

static struct open_side server, client;
static uint8_t large[65536];

static int teardown(void **state)
{
    (void)state;
    if (server.side.wire.session || server.side.callbacks)
        open_done(&server);
    if (client.side.wire.session || client.side.callbacks)
        open_done(&client);
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    return 0;
}

/* The client opens channel 7 of its own, our 0, and runs something in it. */
static sessile_stream *served_session(void)
{
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, 0u, PACKET);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_told(&server, "question(11,0) stream question(12,0)");
    return server.side.recorder.stream;
}

/* The server confirms channel 0 of ours as its 9. */
static sessile_stream *opened_session(void)
{
    sessile_stream *stream;

    open_start(&client, SESSILE_CLIENT, NULL);
    stream = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_non_null(stream);
    assert_sent(&client, "bsuuu", OPEN, "session", 0u, WINDOW, PACKET);
    assert_true(arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET) > 0);
    assert_told(&client, "request(1)");
    return stream;
}

/* ---- opening ---- */

static void session_channel_opens_without_a_window_and_gets_one_with_its_program(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    assert_string_equal(sessile_ssh_stream_type(stream), "session");
    assert_true(arrive(&server, "bud", DATA, 0u, "hello", (size_t)5) > 0);
    assert_told(&server, "data(5)");
    assert_silent(&server);
}

static void data_before_the_program_is_granted_is_a_violation(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_ACCEPT;
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_int_equal(arrive(&server, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_DATA with 1 bytes for channel 0, whose window has 0");
    sessile_question_free(server.side.recorder.question);
}

static void data_for_a_channel_that_is_not_decided_is_a_violation(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "a", 80u, "o", 1u);
    assert_silent(&server);
    assert_int_equal(arrive(&server, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "channel 0, which is not open yet");
    assert_told(&server, "question(11,0) withdrawn(11) closed(ERR_PROTOCOL)");
    sessile_question_free(server.side.recorder.question);
}

static void unknown_channel_types_are_refused_without_a_question(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsuuusu", OPEN, "tun@openssh.com", 3u, 1000u, PACKET, "more", 5u);
    assert_sent(&server, "buuss", FAILURE, 3u, 3u, "unknown channel type", "");
    arrive(&server, "bsuuususu", OPEN, "forwarded-tcpip", 3u, 1000u, PACKET, "a", 1u, "b", 2u);
    assert_sent(&server, "buuss", FAILURE, 3u, 3u, "unknown channel type", "");
    assert_told(&server, "");
    open_start(&client, SESSILE_CLIENT, NULL);
    arrive(&client, "bsuuu", OPEN, "session", 3u, 1000u, PACKET);
    assert_sent(&client, "buuss", FAILURE, 3u, 3u, "unknown channel type", "");
    arrive(&client, "bsuuusu", OPEN, "direct-streamlocal@openssh.com", 3u, 1000u, PACKET, "/x", 0u);
    assert_sent(&client, "buuss", FAILURE, 3u, 3u, "unknown channel type", "");
    assert_told(&client, "");
}

static void refusal_gives_its_reason_and_frees_the_number(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_REFUSE; /* with 42 */
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 7u, 42u, "not allowed", "");
    server.side.recorder.answer = ANSWER_NONE;
    arrive(&server, "bsuuu", OPEN, "session", 8u, 1000u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 8u, 1u, "not allowed", "");
    server.side.recorder.answer = ANSWER_ACCEPT;
    arrive(&server, "bsuuu", OPEN, "session", 9u, 1000u, PACKET);
    assert_sent(&server, "buuuu", CONFIRMATION, 9u, 0u, 0u, PACKET);
    assert_told(&server, "question(11,0) question(11,0) question(11,0) stream");
}

static void tiny_packets_are_no_way_to_open_a_channel(void **state)
{
    static const unsigned sizes[] = {0, 1, 255};

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    for (size_t i = 0; i < 3; i++) {
        arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, sizes[i]);
        assert_sent(&server, "buuss", FAILURE, 7u, 4u, "out of resources", "");
    }
    assert_told(&server, "");
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, 256u);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, 0u, PACKET);
}

static void confirmation_with_a_tiny_packet_fails(void **state)
{
    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_int_equal(arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 1000u, 0u), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "a maximum packet of 0");
}

static void channels_are_limited_on_both_sides(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_SERVER);

    (void)state;
    sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_CHANNELS, 2);
    open_start(&server, SESSILE_SERVER, config);
    arrive(&server, "bsuuu", OPEN, "session", 1u, 1000u, PACKET);
    arrive(&server, "bsuuu", OPEN, "session", 2u, 1000u, PACKET);
    arrive(&server, "bsuuu", OPEN, "session", 3u, 1000u, PACKET);
    assert_sent(&server, "buuuu", CONFIRMATION, 1u, 0u, 0u, PACKET);
    assert_sent(&server, "buuuu", CONFIRMATION, 2u, 1u, 0u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 3u, 4u, "out of resources", "");
    arrive(&server, "bu", CLOSE, 0u);
    assert_sent(&server, "bu", CLOSE, 1u);
    arrive(&server, "bsuuu", OPEN, "session", 4u, 1000u, PACKET);
    assert_sent(&server, "buuuu", CONFIRMATION, 4u, 0u, 0u, PACKET);
    config = open_config(SESSILE_CLIENT);
    sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_CHANNELS, 1);
    open_start(&client, SESSILE_CLIENT, config);
    assert_non_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    assert_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
}

static void undecided_channels_are_limited(void **state)
{
    sessile_question *kept[64];

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    for (unsigned i = 0; i < 64; i++) {
        arrive(&server, "bsuuu", OPEN, "session", i, 1000u, PACKET);
        kept[i] = server.side.recorder.question;
    }
    assert_silent(&server);
    arrive(&server, "bsuuu", OPEN, "session", 64u, 1000u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 64u, 4u, "out of resources", "");
    sessile_question_accept(kept[3]);
    assert_sent(&server, "buuuu", CONFIRMATION, 3u, 3u, 0u, PACKET);
    for (unsigned i = 0; i < 64; i++)
        sessile_question_free(kept[i]);
    sessile_session_set_counters(server.side.wire.session, 0); /* comes to rest: what was dropped is refused */
    for (unsigned i = 0; i < 63; i++) {
        uint8_t payload[OPEN_PAYLOAD_MAX];

        assert_true(open_next(&server, payload) > 0);
        assert_int_equal(payload[0], FAILURE);
    }
    assert_silent(&server);
}

static void question_about_a_channel_says_what_it_is(void **state)
{
    static const struct {
        int item;
        const char *value;
    } items[] = {{SESSILE_ITEM_TYPE, "direct-tcpip"},
                 {SESSILE_ITEM_HOST, "db.example"},
                 {SESSILE_ITEM_PORT, "5432"},
                 {SESSILE_ITEM_ORIGIN, "10.1.2.3"},
                 {SESSILE_ITEM_ORIGIN_PORT, "40000"}};
    const void *data;
    size_t size;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "db.example", 5432u, "10.1.2.3", 40000u);
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        assert_int_equal(sessile_question_get(server.side.recorder.question, items[i].item, 0, &data, &size), 0);
        assert_string_equal(data, items[i].value);
    }
    assert_non_null(sessile_question_stream(server.side.recorder.question));
    sessile_question_accept(server.side.recorder.question);
    sessile_question_free(server.side.recorder.question);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, WINDOW, PACKET);
    assert_told(&server, "question(11,0) stream");
    assert_true(arrive(&server, "bud", DATA, 0u, "x", (size_t)1) > 0);
    assert_told(&server, "data(1)");
}

static void openings_that_cannot_be_are_refused(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 65536u, "o", 1u);
    assert_sent(&server, "buuss", FAILURE, 7u, 1u, "not allowed", "");
    arrive(&server, "bsuuudusu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h\0st", (size_t)4, 1u, "o", 1u);
    assert_sent(&server, "buuss", FAILURE, 7u, 1u, "not allowed", "");
    arrive(&server, "bsuuudusu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, large, (size_t)256, 1u, "o", 1u);
    assert_sent(&server, "buuss", FAILURE, 7u, 1u, "not allowed", "");
    assert_told(&server, "");
    assert_int_equal(arrive(&server, "bsuuusu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 1u), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_OPEN: it is cut short");
}

static void no_more_sessions_means_no_more(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsb", 80, "no-more-sessions@openssh.com", 1);
    assert_sent(&server, "b", 81);
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 7u, 1u, "not allowed", "");
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 1u, "o", 1u);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, WINDOW, PACKET);
}

static void client_opens_each_type_with_its_fields(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    session = client.side.wire.session;
    assert_non_null(sessile_ssh_open_tcp(session, "host", 80, "origin", 9, NULL, NULL));
    assert_sent(&client, "bsuuususu", OPEN, "direct-tcpip", 0u, WINDOW, PACKET, "host", 80u, "origin", 9u);
    assert_non_null(sessile_ssh_open_unix(session, "/run/x", NULL, NULL));
    assert_sent(&client, "bsuuussu", OPEN, "direct-streamlocal@openssh.com", 1u, WINDOW, PACKET, "/run/x", "", 0u);
    assert_null(sessile_ssh_open_tcp(session, "", 80, "o", 9, NULL, NULL));
    assert_null(sessile_ssh_open_tcp(session, "h", 65536, "o", 9, NULL, NULL));
    assert_null(sessile_ssh_open_unix(session, "", NULL, NULL));
    assert_null(sessile_ssh_open_forwarded_tcp(session, "h", 1, "o", 1, NULL, NULL));
    assert_null(sessile_ssh_open_x11(session, "h", 1, NULL, NULL));
    assert_null(sessile_ssh_open_agent(session, NULL, NULL));
    assert_silent(&client);
}

static void server_opens_nothing_that_was_not_asked_for(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    assert_null(sessile_ssh_open_session(session, NULL, NULL));
    assert_null(sessile_ssh_open_tcp(session, "host", 80, "origin", 9, NULL, NULL));
    assert_null(sessile_ssh_open_forwarded_tcp(session, "h", 1, "o", 1, NULL, NULL));
    assert_null(sessile_ssh_open_forwarded_unix(session, "/x", NULL, NULL));
    assert_null(sessile_ssh_open_x11(session, "h", 1, NULL, NULL));
    assert_null(sessile_ssh_open_agent(session, NULL, NULL));
    assert_silent(&server);
}

static int note_why(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "stream_closed") == 0)
        journal_add(recorder->journal, "%d:%s", sessile_ssh_open_reason(recorder->stream),
                    sessile_ssh_open_text(recorder->stream));
    return 0;
}

static void refused_opening_says_why(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    client.side.recorder.hook = note_why;
    stream = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    sessile_stream_keep(stream);
    assert_int_equal(sessile_stream_write(stream, "x", 1), 0);
    assert_int_equal(sessile_stream_end(stream), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_request_shell(stream), SESSILE_ERR_MISUSE);
    arrive(&client, "buuss", FAILURE, 0u, 2u, "no\x1b[31m", "en");
    assert_told(&client, "stream_closed(ERR_REFUSED) 2:no\\x1b[31m");
    assert_string_equal(sessile_ssh_open_text(stream), "");
    assert_int_equal(sessile_stream_write(stream, "x", 1), SESSILE_ERR_CLOSED);
    sessile_stream_free(stream);
    assert_int_equal(arrive(&client, "buuss", FAILURE, 0u, 2u, "again", ""), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_OPEN_FAILURE for channel 0, which is not being opened");
}

static void confirmations_nobody_waits_for_fail(void **state)
{
    (void)state;
    opened_session();
    assert_int_equal(arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 0u, PACKET), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_OPEN_CONFIRMATION for channel 0");
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    assert_int_equal(arrive(&server, "buuuu", CONFIRMATION, 0u, 9u, 0u, PACKET), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "which is not being opened");
    sessile_question_free(server.side.recorder.question);
}

/* ---- messages for no channel ---- */

static void messages_for_channels_that_are_not_there_fail(void **state)
{
    static const int numbers[] = {ADJUST, DATA, EXTENDED, END, CLOSE, REQUEST, ACCEPTED, REFUSED};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        open_start(&server, SESSILE_SERVER, NULL);
        assert_int_equal(arrive(&server, "bu", numbers[i], 5u), -1);
        assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "for channel 5, which is not there");
        open_done(&server);
        open_start(&client, SESSILE_CLIENT, NULL);
        sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
        assert_int_equal(arrive(&client, "bu", numbers[i], 0u), -1);
        assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "for channel 0, which is not open yet");
        open_done(&client);
    }
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
}

static void numbers_far_out_are_not_there_either(void **state)
{
    (void)state;
    served_session();
    assert_int_equal(arrive(&server, "bu", END, 0xffffffffu), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_EOF for channel 4294967295, which is not there");
}

static void messages_for_a_closed_channel_fail(void **state)
{
    (void)state;
    served_session();
    arrive(&server, "bu", CLOSE, 0u);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_told(&server, "end stream_closed(OK)");
    assert_int_equal(arrive(&server, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_DATA for channel 0, which is not there");
}

/* ---- the end ---- */

static void both_ends_close_the_channel_once(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    arrive(&server, "bu", END, 0u);
    assert_told(&server, "end");
    assert_silent(&server);
    assert_int_equal(sessile_stream_write(stream, "bye", 3), 3);
    assert_int_equal(sessile_ssh_send_exit_status(stream, 0), 0);
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_sent(&server, "bud", DATA, 7u, "bye", (size_t)3);
    assert_sent(&server, "busbu", REQUEST, 7u, "exit-status", 0, 0u);
    assert_sent(&server, "bu", END, 7u);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_told(&server, "");
    assert_int_equal(sessile_stream_end(stream), SESSILE_ERR_CLOSED);
    arrive(&server, "bu", CLOSE, 0u);
    assert_told(&server, "stream_closed(OK)");
    assert_silent(&server);
}

static void client_leaves_the_close_of_a_session_to_the_server(void **state)
{
    sessile_stream *stream = opened_session();

    (void)state;
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_sent(&client, "bu", END, 9u);
    assert_int_equal(sessile_stream_write(stream, "x", 1), SESSILE_ERR_CLOSED);
    arrive(&client, "bud", DATA, 0u, "late", (size_t)4);
    arrive(&client, "bu", END, 0u);
    assert_told(&client, "data(4) end");
    assert_silent(&client);
    arrive(&client, "busbu", REQUEST, 0u, "exit-status", 0, 5u);
    arrive(&client, "bu", CLOSE, 0u);
    assert_sent(&client, "bu", CLOSE, 9u);
    assert_told(&client, "request(4) stream_closed(OK)");
}

static void server_closes_once_the_end_of_the_program_is_told(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_sent(&server, "bu", END, 7u);
    assert_silent(&server);
    assert_int_equal(sessile_ssh_send_exit_status(stream, 3), 0);
    assert_sent(&server, "busbu", REQUEST, 7u, "exit-status", 0, 3u);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_true(arrive(&server, "bud", DATA, 0u, "late", (size_t)4) > 0);
    assert_told(&server, "");
    arrive(&server, "bu", CLOSE, 0u);
    assert_told(&server, "end stream_closed(OK)");
    assert_silent(&server);
}

static void server_has_a_program_s_end_to_tell_after_both_ends(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    arrive(&server, "bu", END, 0u);
    assert_told(&server, "end");
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_sent(&server, "bu", END, 7u);
    assert_silent(&server);
    assert_int_equal(sessile_ssh_send_exit_status(stream, 3), 0);
    assert_sent(&server, "busbu", REQUEST, 7u, "exit-status", 0, 3u);
    assert_sent(&server, "bu", CLOSE, 7u);
    arrive(&server, "bu", CLOSE, 0u);
    assert_told(&server, "stream_closed(OK)");
    assert_silent(&server);
}

static void server_that_tells_no_program_s_end_aborts(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    assert_int_equal(sessile_stream_end(stream), 0);
    assert_sent(&server, "bu", END, 7u);
    arrive(&server, "bu", END, 0u);
    assert_told(&server, "end");
    assert_silent(&server);
    assert_int_equal(sessile_stream_abort(stream), 0);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_told(&server, "stream_closed(ERR_ABORTED)");
}

static void other_channels_are_closed_by_whoever_ends_last(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    stream = sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);
    arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET);
    client.read = client.side.wire.sent_size;
    sessile_stream_end(stream);
    assert_sent(&client, "bu", END, 9u);
    arrive(&client, "bu", END, 0u);
    assert_sent(&client, "bu", CLOSE, 9u);
    assert_told(&client, "request(1) end");
    arrive(&client, "bu", CLOSE, 0u);
    assert_told(&client, "stream_closed(OK)");
    assert_silent(&client);
}

static void close_without_eof_is_an_end_too(void **state)
{
    (void)state;
    opened_session();
    arrive(&client, "bud", DATA, 0u, "all", (size_t)3);
    arrive(&client, "bu", CLOSE, 0u);
    assert_sent(&client, "bu", CLOSE, 9u);
    assert_told(&client, "data(3) end stream_closed(OK)");
    assert_silent(&client);
}

static void data_after_eof_and_a_second_eof_fail(void **state)
{
    (void)state;
    served_session();
    arrive(&server, "bu", END, 0u);
    assert_int_equal(arrive(&server, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_DATA for channel 0 after CHANNEL_EOF");
    opened_session();
    arrive(&client, "bu", END, 0u);
    assert_int_equal(arrive(&client, "bu", END, 0u), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_EOF for channel 0, a second time");
}

static void abort_closes_at_once_and_drops_what_crosses(void **state)
{
    sessile_stream *stream = opened_session();

    (void)state;
    sessile_stream_keep(stream);
    assert_int_equal(sessile_stream_abort(stream), 0);
    assert_sent(&client, "bu", CLOSE, 9u);
    assert_told(&client, "stream_closed(ERR_ABORTED)");
    assert_int_equal(sessile_stream_abort(stream), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_stream_write(stream, "x", 1), SESSILE_ERR_CLOSED);
    assert_true(arrive(&client, "bud", DATA, 0u, "lost", (size_t)4) > 0);
    assert_true(arrive(&client, "buud", EXTENDED, 0u, 1u, "lost", (size_t)4) > 0);
    assert_true(arrive(&client, "buu", ADJUST, 0u, 5u) > 0);
    assert_true(arrive(&client, "busbu", REQUEST, 0u, "exit-status", 1, 1u) > 0);
    assert_true(arrive(&client, "busb", REQUEST, 0u, "unknown", 1) > 0);
    assert_true(arrive(&client, "bu", END, 0u) > 0);
    assert_silent(&client);
    /* Its number is not used again before the peer has closed it too. */
    assert_non_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    assert_sent(&client, "bsuuu", OPEN, "session", 1u, WINDOW, PACKET);
    assert_true(arrive(&client, "bu", CLOSE, 0u) > 0);
    assert_silent(&client);
    assert_non_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    assert_sent(&client, "bsuuu", OPEN, "session", 0u, WINDOW, PACKET);
    assert_told(&client, "");
    sessile_stream_free(stream);
}

static void dropped_data_counts_against_the_window_still(void **state)
{
    sessile_stream *stream = opened_session();

    (void)state;
    sessile_stream_abort(stream);
    for (unsigned i = 0; i < WINDOW / PACKET; i++)
        assert_true(arrive(&client, "bud", DATA, 0u, large, (size_t)PACKET) > 0);
    assert_int_equal(arrive(&client, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "whose window has 0 left");
}

static void abort_of_an_opening_closes_when_it_is_confirmed(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    stream = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_sent(&client, "bsuuu", OPEN, "session", 0u, WINDOW, PACKET);
    assert_int_equal(sessile_stream_abort(stream), 0);
    assert_told(&client, "stream_closed(ERR_ABORTED)");
    arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 0u, PACKET);
    assert_sent(&client, "bu", CLOSE, 9u);
    arrive(&client, "bu", CLOSE, 0u);
    stream = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_sent(&client, "bsuuu", OPEN, "session", 0u, WINDOW, PACKET);
    sessile_stream_abort(stream);
    arrive(&client, "buuss", FAILURE, 0u, 1u, "", "");
    assert_told(&client, "stream_closed(ERR_ABORTED)");
    assert_silent(&client);
}

static int abort_in_question(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "question") == 0)
        sessile_stream_abort(sessile_question_stream(recorder->question));
    return 0;
}

static void abort_in_the_question_refuses_the_channel(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_NONE;
    server.side.recorder.hook = abort_in_question;
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    assert_sent(&server, "buuss", FAILURE, 7u, 1u, "not allowed", "");
    assert_silent(&server);
    assert_told(&server, "question(11,0)");
}

/* ---- how it ends with the session ---- */

static void streams_end_as_their_session_does(void **state)
{
    (void)state;
    opened_session();
    wire_close(&client.side.wire);
    assert_told(&client, "stream_closed(ERR_TRUNCATED) closed(ERR_TRUNCATED)");
    open_done(&client);
    opened_session();
    arrive(&client, "bu", END, 0u);
    wire_close(&client.side.wire);
    assert_told(&client, "end stream_closed(OK) closed(ERR_TRUNCATED)");
    open_done(&client);
    opened_session();
    sessile_session_abort(client.side.wire.session);
    assert_told(&client, "stream_closed(ERR_ABORTED) closed(ERR_ABORTED)");
    open_done(&client);
    open_start(&client, SESSILE_CLIENT, NULL);
    wire_close(&client.side.wire);
    assert_told(&client, "closed(ERR_DROPPED)");
}

static const char *free_in;

static int free_in_callback(struct recorder *recorder, const char *callback)
{
    (void)recorder;
    if (strcmp(callback, free_in) == 0) {
        sessile_session_free(server.side.wire.session);
        server.side.wire.session = NULL;
    }
    return 0;
}

static void session_may_be_freed_in_every_callback(void **state)
{
    static const char *const callbacks[] = {"question", "stream", "data", "stderr", "request", "end", "stream_closed"};

    (void)state;
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        open_start(&server, SESSILE_SERVER, NULL);
        server.side.wire.plain = 1;
        server.side.recorder.hook = free_in_callback;
        free_in = callbacks[i];
        for (int step = 0; server.side.wire.session && step < 6; step++)
            if (step == 0)
                arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
            else if (step == 1)
                arrive(&server, "busb", REQUEST, 0u, "shell", 1);
            else if (step == 2)
                arrive(&server, "bud", DATA, 0u, "x", (size_t)1);
            else if (step == 3)
                arrive(&server, "busbuuuu", REQUEST, 0u, "window-change", 0, 1u, 2u, 3u, 4u);
            else if (step == 4)
                arrive(&server, "bu", END, 0u);
            else
                arrive(&server, "bu", CLOSE, 0u);
        open_done(&server);
    }
    memset(&server, 0, sizeof server);
}

/* ---- data ---- */

static void write_goes_out_in_pieces_the_peer_takes(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    stream = sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);
    arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 700u, 300u);
    client.read = client.side.wire.sent_size;
    assert_int_equal(sessile_stream_write(stream, large, 1000), 700);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)300);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)300);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)100);
    assert_int_equal(sessile_stream_write(stream, large, 1), 0);
    assert_told(&client, "request(1)");
    arrive(&client, "buu", ADJUST, 0u, 10u);
    assert_told(&client, "writable");
    assert_int_equal(sessile_stream_write(stream, large, 1000), 10);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)10);
    assert_silent(&client);
}

static void large_windows_are_filled_with_packets_of_32_kib(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    stream = sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);
    arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 0xffffffffu, 0xffffffffu);
    client.read = client.side.wire.sent_size;
    assert_int_equal(sessile_stream_write(stream, large, sizeof large), (int)sizeof large);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)PACKET);
    assert_sent(&client, "bud", DATA, 9u, large, (size_t)PACKET);
    assert_silent(&client);
}

static void stderr_is_the_servers_to_write(void **state)
{
    sessile_stream *stream = served_session();

    (void)state;
    assert_int_equal(sessile_ssh_write_stderr(stream, "oops", 4), 4);
    assert_sent(&server, "buud", EXTENDED, 7u, 1u, "oops", (size_t)4);
    assert_int_equal(sessile_ssh_write_stderr(stream, large, 2000), 996);
    stream = opened_session();
    assert_int_equal(sessile_ssh_write_stderr(stream, "oops", 4), SESSILE_ERR_MISUSE);
    arrive(&client, "buud", EXTENDED, 0u, 1u, "oops", (size_t)4);
    assert_told(&client, "stderr(4)");
    arrive(&client, "buud", EXTENDED, 0u, 2u, "what", (size_t)4);
    assert_told(&client, "");
    arrive(&server, "buud", EXTENDED, 0u, 1u, "from a client", (size_t)13);
    assert_told(&server, "");
}

static void messages_that_say_nothing_are_counted(void **state)
{
    (void)state;
    served_session();
    server.side.wire.plain = 1;
    for (int i = 0; i < 1023; i++)
        assert_true(arrive(&server, "bud", DATA, 0u, "", (size_t)0) > 0);
    assert_true(arrive(&server, "bud", DATA, 0u, "x", (size_t)1) > 0);
    for (int i = 0; i < 1023; i++)
        assert_true(arrive(&server, "buu", ADJUST, 0u, 0u) > 0);
    assert_int_equal(arrive(&server, "buud", EXTENDED, 0u, 1u, "", (size_t)0), -1);
    assert_failed_with(&server, SESSILE_ERR_LIMIT, "1024 messages in a row that say nothing");
}

/* ---- many ---- */

static void number_is_free_again_and_found_among_a_thousand(void **state)
{
    static sessile_stream *streams[1024];
    sessile_stream *again;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    client.side.wire.plain = 1;
    for (unsigned i = 0; i < 1024; i++)
        assert_non_null(streams[i] = sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    assert_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    for (unsigned i = 0; i < 1024; i++)
        assert_true(arrive(&client, "buuuu", CONFIRMATION, i, 5000u + i, 100u, PACKET) > 0);
    for (unsigned i = 0; i < 1024; i += 3)
        assert_true(arrive(&client, "bu", CLOSE, i) > 0);
    client.read = client.side.wire.sent_size;
    for (unsigned i = 0; i < 1024; i++)
        if (i % 3) {
            assert_int_equal(sessile_stream_write(streams[i], "x", 1), 1);
            assert_sent(&client, "bud", DATA, 5000u + i, "x", (size_t)1);
        }
    again = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_non_null(again);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(session_channel_opens_without_a_window_and_gets_one_with_its_program),
        TEST(data_before_the_program_is_granted_is_a_violation),
        TEST(data_for_a_channel_that_is_not_decided_is_a_violation),
        TEST(unknown_channel_types_are_refused_without_a_question),
        TEST(refusal_gives_its_reason_and_frees_the_number),
        TEST(tiny_packets_are_no_way_to_open_a_channel),
        TEST(confirmation_with_a_tiny_packet_fails),
        TEST(channels_are_limited_on_both_sides),
        TEST(undecided_channels_are_limited),
        TEST(question_about_a_channel_says_what_it_is),
        TEST(openings_that_cannot_be_are_refused),
        TEST(no_more_sessions_means_no_more),
        TEST(client_opens_each_type_with_its_fields),
        TEST(server_opens_nothing_that_was_not_asked_for),
        TEST(refused_opening_says_why),
        TEST(confirmations_nobody_waits_for_fail),
        TEST(messages_for_channels_that_are_not_there_fail),
        TEST(numbers_far_out_are_not_there_either),
        TEST(messages_for_a_closed_channel_fail),
        TEST(both_ends_close_the_channel_once),
        TEST(client_leaves_the_close_of_a_session_to_the_server),
        TEST(server_closes_once_the_end_of_the_program_is_told),
        TEST(server_has_a_program_s_end_to_tell_after_both_ends),
        TEST(server_that_tells_no_program_s_end_aborts),
        TEST(other_channels_are_closed_by_whoever_ends_last),
        TEST(close_without_eof_is_an_end_too),
        TEST(data_after_eof_and_a_second_eof_fail),
        TEST(abort_closes_at_once_and_drops_what_crosses),
        TEST(dropped_data_counts_against_the_window_still),
        TEST(abort_of_an_opening_closes_when_it_is_confirmed),
        TEST(abort_in_the_question_refuses_the_channel),
        TEST(streams_end_as_their_session_does),
        TEST(session_may_be_freed_in_every_callback),
        TEST(write_goes_out_in_pieces_the_peer_takes),
        TEST(large_windows_are_filled_with_packets_of_32_kib),
        TEST(stderr_is_the_servers_to_write),
        TEST(messages_that_say_nothing_are_counted),
        TEST(number_is_free_again_and_found_among_a_thousand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
