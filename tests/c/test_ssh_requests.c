/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests on session channels, both roles: what is asked and told, in which order it is answered, and what a peer may
 * not do with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ssh_open.h"

#define WINDOW 2097152u
#define PACKET 32768u

enum { OPEN = 90, CONFIRMATION, FAILURE, ADJUST, DATA, EXTENDED, END, CLOSE, REQUEST, ACCEPTED, REFUSED };

static struct open_side server, client;
static uint8_t large[40000];

static int teardown(void **state)
{
    (void)state;
    if (server.side.callbacks)
        open_done(&server);
    if (client.side.callbacks)
        open_done(&client);
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    return 0;
}

/* The client's session channel 7, our 0. */
static sessile_stream *served(void)
{
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.wire.plain = 1;
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, 0u, PACKET);
    assert_told(&server, "question(11,0) stream");
    return server.side.recorder.stream;
}

/* Our session channel 0, the server's 9. */
static sessile_stream *opened(void)
{
    sessile_stream *stream;

    open_start(&client, SESSILE_CLIENT, NULL);
    client.side.wire.plain = 1;
    stream = sessile_ssh_open_session(client.side.wire.session, NULL, NULL);
    assert_true(arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET) > 0);
    client.read = client.side.wire.sent_size;
    assert_told(&client, "request(1)");
    return stream;
}

static void assert_item(int item, const char *value)
{
    const void *data = NULL;
    size_t size;

    assert_int_equal(sessile_question_get(server.side.recorder.question, item, 0, &data, &size), 0);
    assert_int_equal(size, strlen(value));
    assert_memory_equal(data, value, size);
}

static sessile_question *last_kept(void)
{
    return server.side.recorder.question;
}

static void answer(sessile_question *question, int yes)
{
    if (yes)
        assert_int_equal(sessile_question_accept(question), 0);
    else
        assert_int_equal(sessile_question_refuse(question, 0), 0);
    sessile_question_free(question);
}

/* ---- questions ---- */

static void pty_request_is_asked_with_all_it_says(void **state)
{
    sessile_stream *stream = served();

    (void)state;
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busbsuuuud", REQUEST, 0u, "pty-req", 1, "xterm", 80u, 24u, 640u, 480u, "\1\2\0", (size_t)3);
    assert_item(SESSILE_ITEM_TYPE, "pty-req");
    assert_item(SESSILE_ITEM_TERM, "xterm");
    assert_item(SESSILE_ITEM_COLUMNS, "80");
    assert_item(SESSILE_ITEM_ROWS, "24");
    assert_item(SESSILE_ITEM_WIDTH, "640");
    assert_item(SESSILE_ITEM_HEIGHT, "480");
    assert_int_equal(sessile_question_count(last_kept(), SESSILE_ITEM_MODES), 1);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_COLUMNS), 0);
    answer(last_kept(), 1);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_COLUMNS), 80);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_ROWS), 24);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_WIDTH), 640);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_HEIGHT), 480);
    assert_int_equal(sessile_ssh_terminal(stream, 5), 0);
    arrive(&server, "busbuuuu", REQUEST, 0u, "window-change", 0, 100u, 50u, 0u, 0xffffffffu);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_COLUMNS), 100);
    assert_int_equal(sessile_ssh_terminal(stream, SESSILE_SSH_HEIGHT), INT32_MAX);
    assert_told(&server, "question(12,0) request(6)");
    assert_silent(&server);
}

static void each_request_is_asked_with_its_items(void **state)
{
    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busbss", REQUEST, 0u, "env", 1, "LANG", "C");
    assert_item(SESSILE_ITEM_NAME, "LANG");
    assert_item(SESSILE_ITEM_VALUE, "C");
    answer(last_kept(), 0);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbbssu", REQUEST, 0u, "x11-req", 1, 1, "MIT-MAGIC-COOKIE-1", "00ff", 3u);
    assert_item(SESSILE_ITEM_SINGLE, "1");
    assert_item(SESSILE_ITEM_PROTOCOL, "MIT-MAGIC-COOKIE-1");
    assert_item(SESSILE_ITEM_COOKIE, "00ff");
    assert_item(SESSILE_ITEM_SCREEN, "3");
    answer(last_kept(), 1);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    arrive(&server, "busb", REQUEST, 0u, "auth-agent-req@openssh.com", 1);
    assert_item(SESSILE_ITEM_TYPE, "auth-agent-req@openssh.com");
    answer(last_kept(), 1);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    arrive(&server, "busbs", REQUEST, 0u, "subsystem", 1, "sftp");
    assert_item(SESSILE_ITEM_NAME, "sftp");
    answer(last_kept(), 0);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbs", REQUEST, 0u, "exec", 1, "ls -l");
    assert_item(SESSILE_ITEM_COMMAND, "ls -l");
    answer(last_kept(), 1);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_silent(&server);
}

static void answers_go_out_in_the_order_of_the_requests(void **state)
{
    sessile_question *first, *second;

    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busbss", REQUEST, 0u, "env", 1, "A", "1");
    first = last_kept();
    arrive(&server, "busbss", REQUEST, 0u, "env", 0, "B", "2"); /* nobody wants to hear of it */
    sessile_question_free(last_kept());
    arrive(&server, "busbss", REQUEST, 0u, "env", 1, "C", "3");
    second = last_kept();
    arrive(&server, "busb", REQUEST, 0u, "unknown@example", 1);
    arrive(&server, "busb", REQUEST, 0u, "unknown@example", 0);
    arrive(&server, "busb", REQUEST, 0u, "unknown@example", 1);
    assert_silent(&server);
    answer(second, 1);
    assert_silent(&server);
    answer(first, 0);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_silent(&server);
}

static void waiting_requests_are_limited_and_keep_their_order(void **state)
{
    sessile_question *kept[32];

    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    for (int i = 0; i < 32; i++) {
        arrive(&server, "busbss", REQUEST, 0u, "env", 1, "A", "1");
        kept[i] = last_kept();
    }
    journal_free(&server.side.journal);
    for (int i = 0; i < 5; i++)
        arrive(&server, "busbss", REQUEST, 0u, "env", 1, "A", "1");
    assert_told(&server, "");
    assert_silent(&server);
    for (int i = 31; i >= 0; i--)
        answer(kept[i], 1);
    for (int i = 0; i < 32; i++)
        assert_sent(&server, "bu", ACCEPTED, 7u);
    for (int i = 0; i < 5; i++)
        assert_sent(&server, "bu", REFUSED, 7u);
    assert_silent(&server);
}

static void refusals_behind_an_open_question_are_limited(void **state)
{
    sessile_question *kept;

    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    kept = last_kept();
    for (int i = 0; i < 1024; i++)
        assert_true(arrive(&server, "busb", REQUEST, 0u, "unknown", 1) > 0);
    assert_true(arrive(&server, "busb", REQUEST, 0u, "unknown", 0) > 0);
    assert_int_equal(arrive(&server, "busb", REQUEST, 0u, "unknown", 1), -1);
    assert_failed_with(&server, SESSILE_ERR_LIMIT, "more than 1024 requests for channel 0");
    sessile_question_free(kept);
}

static void channel_runs_one_program(void **state)
{
    (void)state;
    served();
    server.side.recorder.answer = ANSWER_REFUSE;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&server, "bu", REFUSED, 7u);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busbs", REQUEST, 0u, "exec", 1, "a");
    arrive(&server, "busbs", REQUEST, 0u, "exec", 1, "b");
    answer(last_kept(), 1);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbs", REQUEST, 0u, "subsystem", 1, "c");
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_told(&server, "question(12,0) question(12,0)");
}

static void too_long_and_too_many_are_refused_unasked(void **state)
{
    (void)state;
    served();
    arrive(&server, "busbds", REQUEST, 0u, "env", 1, large, (size_t)257, "v");
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbsd", REQUEST, 0u, "env", 1, "N", large, (size_t)32769);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbsd", REQUEST, 0u, "env", 1, "N", "a\0b", (size_t)3);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbsuuuud", REQUEST, 0u, "pty-req", 1, "xterm", 0u, 0u, 0u, 0u, large, (size_t)1025);
    assert_sent(&server, "bu", REFUSED, 7u);
    arrive(&server, "busbd", REQUEST, 0u, "exec", 1, large, (size_t)32769);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_told(&server, "");
    for (int i = 0; i < 128; i++) {
        arrive(&server, "busbss", REQUEST, 0u, "env", 1, "N", "v");
        assert_sent(&server, "bu", ACCEPTED, 7u);
    }
    journal_free(&server.side.journal);
    arrive(&server, "busbss", REQUEST, 0u, "env", 1, "N", "v");
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_told(&server, "");
}

static void request_that_is_cut_short_is_not_asked(void **state)
{
    (void)state;
    served();
    assert_int_equal(arrive(&server, "busbsu", REQUEST, 0u, "pty-req", 1, "xterm", 80u), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_REQUEST: it is cut short");
    assert_told(&server, "stream_closed(ERR_PROTOCOL) closed(ERR_PROTOCOL)");
    open_done(&server);
    served();
    assert_int_equal(arrive(&server, "busbb", REQUEST, 0u, "shell", 1, 1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "bytes follow its last field");
    assert_told(&server, "stream_closed(ERR_PROTOCOL) closed(ERR_PROTOCOL)");
}

static void requests_on_other_channels_are_refused(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 1u, "o", 1u);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, WINDOW, PACKET);
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_told(&server, "question(11,0) stream");
}

static void close_withdraws_what_is_undecided(void **state)
{
    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    arrive(&server, "bu", CLOSE, 0u);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_told(&server, "question(12,0) end withdrawn(12) stream_closed(OK)");
    assert_int_equal(sessile_question_accept(last_kept()), SESSILE_ERR_GONE);
    sessile_question_free(last_kept());
    assert_silent(&server);
}

static void nothing_is_answered_after_our_close(void **state)
{
    sessile_stream *stream = served();

    (void)state;
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    arrive(&server, "bu", END, 0u);
    sessile_stream_end(stream);
    assert_sent(&server, "bu", END, 7u);
    assert_sent(&server, "bu", CLOSE, 7u);
    answer(last_kept(), 1);
    assert_silent(&server);
    arrive(&server, "bu", CLOSE, 0u);
    assert_silent(&server);
}

static int abort_in_hook(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "question") == 0)
        sessile_stream_abort(sessile_question_stream(recorder->question));
    if (strcmp(callback, "request") == 0)
        sessile_stream_abort(recorder->stream);
    return 0;
}

static void stream_may_be_aborted_where_it_is_asked_or_told_about(void **state)
{
    (void)state;
    served();
    server.side.recorder.hook = abort_in_hook;
    server.side.recorder.answer = ANSWER_NONE;
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_silent(&server);
    assert_told(&server, "question(12,0) stream_closed(ERR_ABORTED)");
    open_done(&server);
    served();
    server.side.recorder.hook = abort_in_hook;
    arrive(&server, "busbs", REQUEST, 0u, "signal", 1, "HUP");
    assert_sent(&server, "bu", CLOSE, 7u);
    assert_silent(&server);
}

static sessile_question *both[2];
static int answers[2];

static int answer_both_in_hook(struct recorder *recorder, const char *callback)
{
    (void)recorder;
    if (strcmp(callback, "withdrawn") == 0)
        for (int i = 0; i < 2; i++)
            answers[i] = sessile_question_accept(both[i]);
    return 0;
}

static void no_question_is_answered_while_others_of_its_stream_are_withdrawn(void **state)
{
    (void)state;
    for (int aborted = 0; aborted < 2; aborted++) {
        const char *end = aborted ? "withdrawn(12) withdrawn(12) stream_closed(ERR_ABORTED)"
                                  : "end withdrawn(12) withdrawn(12) stream_closed(OK)";
        sessile_stream *stream = served();

        server.side.recorder.answer = ANSWER_KEEP;
        arrive(&server, "busbss", REQUEST, 0u, "env", 1, "A", "1");
        both[0] = last_kept();
        arrive(&server, "busb", REQUEST, 0u, "shell", 1);
        both[1] = last_kept();
        assert_told(&server, "question(12,0) question(12,0)");
        answers[0] = answers[1] = 0;
        server.side.recorder.hook = answer_both_in_hook;
        if (aborted)
            assert_int_equal(sessile_stream_abort(stream), 0);
        else
            arrive(&server, "bu", CLOSE, 0u);
        assert_int_equal(answers[0], SESSILE_ERR_GONE);
        assert_int_equal(answers[1], SESSILE_ERR_GONE);
        assert_sent(&server, "bu", CLOSE, 7u);
        assert_silent(&server);
        assert_told(&server, end);
        sessile_question_free(both[0]);
        sessile_question_free(both[1]);
        open_done(&server);
    }
    memset(&server, 0, sizeof server);
}

static void refused_x11_leaves_what_was_granted(void **state)
{
    sessile_question *first;

    (void)state;
    served();
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "busbbssu", REQUEST, 0u, "x11-req", 1, 0, "MIT-MAGIC-COOKIE-1", "00ff", 0u);
    first = last_kept();
    arrive(&server, "busbbssu", REQUEST, 0u, "x11-req", 1, 0, "MIT-MAGIC-COOKIE-1", "00ff", 0u);
    assert_null(sessile_ssh_open_x11(server.side.wire.session, "o", 1, NULL, NULL));
    answer(first, 1);
    answer(last_kept(), 0);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_non_null(sessile_ssh_open_x11(server.side.wire.session, "o", 1, NULL, NULL));
}

/* ---- what is told ---- */

static void signals_and_breaks_are_told(void **state)
{
    sessile_stream *stream = served();

    (void)state;
    arrive(&server, "busbs", REQUEST, 0u, "signal", 0, "TE\x1bRM");
    assert_told(&server, "request(7)");
    assert_string_equal(sessile_ssh_signal(stream), "TE\\x1bRM");
    arrive(&server, "busbs", REQUEST, 0u, "signal", 0, "INT");
    assert_string_equal(sessile_ssh_signal(stream), "INT");
    arrive(&server, "busbu", REQUEST, 0u, "break", 1, 500u);
    assert_sent(&server, "bu", REFUSED, 7u); /* nothing runs yet */
    arrive(&server, "busb", REQUEST, 0u, "shell", 0);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW);
    arrive(&server, "busbu", REQUEST, 0u, "break", 1, 500u);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    arrive(&server, "busb", REQUEST, 0u, "eow@openssh.com", 0);
    assert_told(&server, "request(7) question(12,0) request(8) request(10)");
}

static void exit_status_is_told_once(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    assert_true(sessile_ssh_exit_status(stream) == SESSILE_ERR_GONE);
    arrive(&client, "bu", END, 0u);
    arrive(&client, "busbu", REQUEST, 0u, "exit-status", 0, 0xffffffffu);
    assert_told(&client, "end request(4)");
    assert_true(sessile_ssh_exit_status(stream) == 4294967295);
    arrive(&client, "busbu", REQUEST, 0u, "exit-status", 0, 1u);
    arrive(&client, "busbsbss", REQUEST, 0u, "exit-signal", 0, "KILL", 0, "", "");
    assert_told(&client, "");
    assert_true(sessile_ssh_exit_status(stream) == 4294967295);
    assert_string_equal(sessile_ssh_exit_signal(stream), "");
}

static void exit_signal_is_told_once_and_escaped(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(arrive(&client, "busbsbss", REQUEST, 0u, "exit-signal", 0, "SEGV", 1, "core\x07", "en") > 0);
    assert_told(&client, "request(5)");
    assert_string_equal(sessile_ssh_exit_signal(stream), "SEGV");
    assert_string_equal(sessile_ssh_exit_message(stream), "core\\x07");
    assert_true(sessile_ssh_exit_status(stream) == SESSILE_ERR_GONE);
}

static void short_exit_status_fails(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    assert_int_equal(arrive(&client, "busbr", REQUEST, 0u, "exit-status", 0, "\0\0", (size_t)2), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_REQUEST: it is cut short");
    (void)stream;
}

static void requests_for_the_other_role_are_refused(void **state)
{
    (void)state;
    opened();
    arrive(&client, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&client, "bu", REFUSED, 9u);
    arrive(&client, "busb", REQUEST, 0u, "keepalive@openssh.com", 1);
    assert_sent(&client, "bu", REFUSED, 9u);
    arrive(&client, "busbb", REQUEST, 0u, "xon-xoff", 0, 1);
    assert_told(&client, "request(9)");
    served();
    arrive(&server, "busbu", REQUEST, 0u, "exit-status", 1, 0u);
    assert_sent(&server, "bu", REFUSED, 7u);
    assert_told(&server, "");
}

/* ---- the client's requests ---- */

static void client_sends_each_request(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    assert_int_equal(sessile_ssh_request_pty(stream, "xterm", 80, 24, 1, 2, "\5", 1), 0);
    assert_sent(&client, "busbsuuuud", REQUEST, 9u, "pty-req", 1, "xterm", 80u, 24u, 1u, 2u, "\5", (size_t)1);
    assert_int_equal(sessile_ssh_request_env(stream, "LANG", "C"), 0);
    assert_sent(&client, "busbss", REQUEST, 9u, "env", 1, "LANG", "C");
    assert_int_equal(sessile_ssh_request_x11(stream, 1, "p", "c", 2), 0);
    assert_sent(&client, "busbbssu", REQUEST, 9u, "x11-req", 1, 1, "p", "c", 2u);
    assert_int_equal(sessile_ssh_request_agent(stream), 0);
    assert_sent(&client, "busb", REQUEST, 9u, "auth-agent-req@openssh.com", 1);
    assert_int_equal(sessile_ssh_request_shell(stream), 0);
    assert_sent(&client, "busb", REQUEST, 9u, "shell", 1);
    assert_int_equal(sessile_ssh_request_exec(stream, "ls\0", 3), 0);
    assert_sent(&client, "busbd", REQUEST, 9u, "exec", 1, "ls\0", (size_t)3);
    assert_int_equal(sessile_ssh_request_subsystem(stream, "sftp"), 0);
    assert_sent(&client, "busbs", REQUEST, 9u, "subsystem", 1, "sftp");
    assert_int_equal(sessile_ssh_window_change(stream, 1, 2, 3, 4), 0);
    assert_sent(&client, "busbuuuu", REQUEST, 9u, "window-change", 0, 1u, 2u, 3u, 4u);
    assert_int_equal(sessile_ssh_send_signal(stream, "INT"), 0);
    assert_sent(&client, "busbs", REQUEST, 9u, "signal", 0, "INT");
    assert_int_equal(sessile_ssh_send_break(stream, 7), 0);
    assert_sent(&client, "busbu", REQUEST, 9u, "break", 1, 7u);
    assert_int_equal(sessile_ssh_send_end_of_write(stream), 0);
    assert_sent(&client, "busb", REQUEST, 9u, "eow@openssh.com", 0);
    assert_silent(&client);
}

static void server_sends_what_is_the_servers(void **state)
{
    sessile_stream *stream = served();

    (void)state;
    assert_int_equal(sessile_ssh_send_xon_xoff(stream, 1), 0);
    assert_sent(&server, "busbb", REQUEST, 7u, "xon-xoff", 0, 1);
    assert_int_equal(sessile_ssh_send_exit_signal(stream, "KILL", 1, "why"), 0);
    assert_sent(&server, "busbsbss", REQUEST, 7u, "exit-signal", 0, "KILL", 1, "why", "");
    assert_int_equal(sessile_ssh_send_exit_status(stream, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_request_shell(stream), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_window_change(stream, 1, 2, 3, 4), SESSILE_ERR_MISUSE);
    stream = opened();
    assert_int_equal(sessile_ssh_send_exit_status(stream, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_ssh_send_xon_xoff(stream, 1), SESSILE_ERR_MISUSE);
    assert_silent(&client);
    assert_silent(&server);
}

static void arguments_that_cannot_be_are_refused(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    assert_int_equal(sessile_ssh_request_pty(stream, NULL, 1, 1, 1, 1, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_pty(stream, "x", -1, 1, 1, 1, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_pty(stream, "x", 1, 1, 1, 1, large, 1025), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_env(stream, "", "v"), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_exec(stream, large, 32769), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_subsystem(stream, ""), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_send_exit_status(stream, -1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_send_exit_status(stream, 4294967296), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_request_shell(NULL), SESSILE_ERR_ARGUMENT);
    assert_silent(&client);
}

static void answers_are_told_in_order_and_those_unasked_fail(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    sessile_ssh_request_env(stream, "A", "1");
    sessile_ssh_request_shell(stream);
    arrive(&client, "bu", REFUSED, 0u);
    arrive(&client, "bu", ACCEPTED, 0u);
    assert_told(&client, "request(3) request(2)");
    assert_int_equal(arrive(&client, "bu", ACCEPTED, 0u), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_SUCCESS for channel 0, for which nothing was asked");
    open_done(&client);
    opened();
    assert_int_equal(arrive(&client, "bu", REFUSED, 0u), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "CHANNEL_FAILURE for channel 0, for which nothing was asked");
    served();
    assert_int_equal(arrive(&server, "bu", ACCEPTED, 0u), -1);
}

static void unanswered_requests_are_limited(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    for (int i = 0; i < 32; i++)
        assert_int_equal(sessile_ssh_request_env(stream, "A", "1"), 0);
    assert_int_equal(sessile_ssh_request_env(stream, "A", "1"), SESSILE_ERR_LIMIT);
    arrive(&client, "bu", ACCEPTED, 0u);
    assert_int_equal(sessile_ssh_request_env(stream, "A", "1"), 0);
}

static void too_much_behind_a_key_exchange_is_refused_to_the_caller(void **state)
{
    sessile_stream *stream = opened();
    int result = 0;

    (void)state;
    assert_int_equal(sessile_ssh_rekey(client.side.wire.session), 0);
    for (int i = 0; i < 32 && result == 0; i++)
        result = sessile_ssh_request_exec(stream, large, 32000);
    assert_int_equal(result, SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_ssh_window_change(stream, 1, 1, 1, 1), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_ssh_keepalive(client.side.wire.session), SESSILE_ERR_LIMIT);
    assert_null(sessile_ssh_open_session(client.side.wire.session, NULL, NULL));
    assert_int_equal(sessile_session_error(client.side.wire.session), 0);
}

static void replies_queued_while_the_peer_withholds_its_keys_are_limited(void **state)
{
    int result = 1;
    long count = 0;

    (void)state;
    served();
    assert_int_equal(sessile_ssh_rekey(server.side.wire.session), 0);
    for (; result > 0 && count < 100000; count++)
        result = arrive(&server, "busb", REQUEST, 0u, "unknown", 1);
    assert_int_equal(result, -1);
    assert_failed_with(&server, SESSILE_ERR_LIMIT, "wait for the end of a key exchange");
}

static void getters_of_what_is_gone_say_so(void **state)
{
    sessile_stream *stream = opened();

    (void)state;
    sessile_stream_keep(stream);
    arrive(&client, "busbu", REQUEST, 0u, "exit-status", 0, 3u);
    arrive(&client, "bu", CLOSE, 0u);
    assert_true(sessile_ssh_exit_status(stream) == SESSILE_ERR_GONE);
    assert_int_equal(sessile_ssh_request_shell(stream), SESSILE_ERR_CLOSED);
    sessile_session_free(client.side.wire.session);
    assert_string_equal(sessile_ssh_stream_type(stream), "");
    assert_string_equal(sessile_ssh_signal(stream), "");
    assert_int_equal(sessile_ssh_terminal(stream, 1), 0);
    assert_int_equal(sessile_ssh_open_reason(stream), 0);
    assert_int_equal(sessile_ssh_request_shell(stream), SESSILE_ERR_GONE);
    sessile_stream_free(stream);
    assert_string_equal(sessile_ssh_stream_type(NULL), "");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pty_request_is_asked_with_all_it_says),
        TEST(each_request_is_asked_with_its_items),
        TEST(answers_go_out_in_the_order_of_the_requests),
        TEST(waiting_requests_are_limited_and_keep_their_order),
        TEST(refusals_behind_an_open_question_are_limited),
        TEST(channel_runs_one_program),
        TEST(too_long_and_too_many_are_refused_unasked),
        TEST(request_that_is_cut_short_is_not_asked),
        TEST(requests_on_other_channels_are_refused),
        TEST(close_withdraws_what_is_undecided),
        TEST(nothing_is_answered_after_our_close),
        TEST(stream_may_be_aborted_where_it_is_asked_or_told_about),
        TEST(no_question_is_answered_while_others_of_its_stream_are_withdrawn),
        TEST(refused_x11_leaves_what_was_granted),
        TEST(signals_and_breaks_are_told),
        TEST(exit_status_is_told_once),
        TEST(exit_signal_is_told_once_and_escaped),
        TEST(short_exit_status_fails),
        TEST(requests_for_the_other_role_are_refused),
        TEST(client_sends_each_request),
        TEST(server_sends_what_is_the_servers),
        TEST(arguments_that_cannot_be_are_refused),
        TEST(answers_are_told_in_order_and_those_unasked_fail),
        TEST(unanswered_requests_are_limited),
        TEST(too_much_behind_a_key_exchange_is_refused_to_the_caller),
        TEST(replies_queued_while_the_peer_withholds_its_keys_are_limited),
        TEST(getters_of_what_is_gone_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
