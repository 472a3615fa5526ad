/* SPDX-License-Identifier: Apache-2.0
 *
 * What channels cost, that they cost nothing when they are closed, and what happens where there is no memory for them;
 * and messages of every kind with each of their bytes changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "ssh_open.h"

#define PACKET 32768u

enum { GLOBAL = 80, SUCCESS, DENIED };
enum { OPEN = 90, CONFIRMATION, FAILURE, ADJUST, DATA, EXTENDED, END, CLOSE, REQUEST, ACCEPTED, REFUSED };

static struct open_side server, client;

static void start_both(void)
{
    open_start(&client, SESSILE_CLIENT, NULL);
    open_start(&server, SESSILE_SERVER, NULL);
    client.side.wire.plain = server.side.wire.plain = 1;
}

static void stop_both(void)
{
    open_done(&client);
    open_done(&server);
}

/* ---- cost ---- */

static void one_channel(int abort)
{
    sessile_stream *stream = sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);

    open_pump(&client, &server);
    assert_int_equal(sessile_stream_write(stream, "ping", 4), 4);
    if (abort)
        sessile_stream_abort(stream);
    else
        sessile_stream_end(stream);
    open_pump(&client, &server);
    if (!abort)
        sessile_stream_end(server.side.recorder.stream);
    open_pump(&client, &server);
    journal_free(&client.side.journal);
    journal_free(&server.side.journal);
}

static void hundred_thousand_channels_leave_nothing_behind(void **state)
{
    size_t blocks, bytes;

    (void)state;
    start_both();
    failing_off();
    blocks = failing_blocks(FAILING_OURS);
    bytes = failing_bytes(FAILING_OURS);
    for (int i = 0; i < 100000; i++)
        one_channel(i & 1);
    assert_int_equal(failing_blocks(FAILING_OURS), blocks);
    assert_int_equal(failing_bytes(FAILING_OURS), bytes);
    assert_int_equal(client.side.recorder.streams_closed, 100000);
    assert_int_equal(server.side.recorder.streams_closed, 100000);
    stop_both();
}

static void channel_takes_a_few_hundred_bytes(void **state)
{
    size_t before;

    (void)state;
    start_both();
    before = failing_bytes(FAILING_OURS);
    for (int i = 0; i < 1000; i++) {
        sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);
        open_pump(&client, &server);
    }
    assert_true((failing_bytes(FAILING_OURS) - before) / 2000 < 400);
    stop_both();
}

/* ---- failing allocations ---- */

static int answer_and_note(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "question") != 0)
        return 0;
    (void)sessile_question_put(recorder->question, SESSILE_ITEM_PORT, "4000", 4);
    sessile_question_accept(recorder->question);
    return 0;
}

/* All that channels do, in both roles. Where something fails, what is left of it does. */
static void scenario(void)
{
    sessile_session *session = client.side.wire.session;
    sessile_stream *stream;

    server.side.recorder.answer = ANSWER_NONE;
    server.side.recorder.hook = answer_and_note;
    (void)sessile_ssh_forward_tcp(session, "localhost", 0);
    (void)sessile_ssh_forward_unix(session, "/s");
    (void)sessile_ssh_keepalive(session);
    open_pump(&client, &server);
    stream = sessile_stream_keep(sessile_ssh_open_session(session, NULL, NULL));
    open_pump(&client, &server);
    if (stream) {
        (void)sessile_ssh_request_pty(stream, "xterm", 80, 24, 0, 0, NULL, 0);
        (void)sessile_ssh_request_agent(stream);
        (void)sessile_ssh_request_x11(stream, 0, "p", "c", 0);
        (void)sessile_ssh_request_exec(stream, "command", 7);
        (void)sessile_ssh_send_signal(stream, "INT");
        open_pump(&client, &server);
        (void)sessile_stream_write(stream, "data", 4);
        open_pump(&client, &server);
    }
    sessile_stream_free(stream);
    session = server.side.wire.session;
    (void)sessile_ssh_open_forwarded_tcp(session, "localhost", 4000, "o", 1, NULL, NULL);
    (void)sessile_ssh_open_forwarded_unix(session, "/s", NULL, NULL);
    (void)sessile_ssh_open_agent(session, NULL, NULL);
    (void)sessile_ssh_open_x11(session, "o", 1, NULL, NULL);
    open_pump(&client, &server);
    (void)sessile_ssh_cancel_tcp(client.side.wire.session, "localhost", 4000);
    (void)sessile_ssh_cancel_unix(client.side.wire.session, "/s");
    open_pump(&client, &server);
    wire_close(&client.side.wire);
    wire_close(&server.side.wire);
}

/* No session fails for another reason than memory, or that its peer has. */
static void assert_only_memory(struct open_side *open)
{
    int error = sessile_session_error(open->side.wire.session);

    assert_true(error == SESSILE_ERR_MEMORY || error == SESSILE_ERR_TRUNCATED || error == SESSILE_ERR_DROPPED ||
                error == SESSILE_ERR_PEER || error == SESSILE_ERR_CRYPTO);
}

static void every_allocation_may_fail(void **state)
{
    size_t count, index;

    (void)state;
    start_both();
    failing_off();
    scenario();
    count = failing_count(FAILING_OURS);
    assert_true(count > 100);
    stop_both();
    for (int forever = 0; forever < 2; forever++)
        for (index = 0; index < count; index++) {
            start_both();
            failing_at(FAILING_OURS, index, forever);
            scenario();
            failing_off();
            assert_only_memory(&client);
            assert_only_memory(&server);
            stop_both();
        }
}

/* ---- changed bytes ---- */

struct message {
    uint8_t data[256];
    size_t size;
};

#define MESSAGES 22
static struct message messages[MESSAGES];
static size_t message_count;

static void message_add(struct writer *w)
{
    assert_true(message_count < MESSAGES && w->size <= sizeof messages[0].data && !w->failed);
    memcpy(messages[message_count].data, w->data, w->size);
    messages[message_count++].size = w->size;
    w->size = 0;
}

static void make_messages(void)
{
    uint8_t room[512];
    struct writer w = writer_in(room, sizeof room);

#define ADD(...) (open_put(&w, __VA_ARGS__), message_add(&w))
    message_count = 0;
    ADD("bsuuususu", OPEN, "direct-tcpip", 8u, 1000u, PACKET, "h", 80u, "o", 1u);
    ADD("bsuuusu", OPEN, "direct-streamlocal@openssh.com", 8u, 1000u, PACKET, "/s", 0u);
    ADD("bsuuuss", OPEN, "forwarded-streamlocal@openssh.com", 8u, 1000u, PACKET, "/s", "");
    ADD("bsuuu", OPEN, "session", 8u, 1000u, PACKET);
    ADD("buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET);
    ADD("buuss", FAILURE, 0u, 1u, "text", "en");
    ADD("buu", ADJUST, 0u, 1000u);
    ADD("bud", DATA, 0u, "data", (size_t)4);
    ADD("buud", EXTENDED, 0u, 1u, "data", (size_t)4);
    ADD("bu", END, 0u);
    ADD("bu", CLOSE, 0u);
    ADD("busbsuuuud", REQUEST, 0u, "pty-req", 1, "xterm", 80u, 24u, 640u, 480u, "\1", (size_t)1);
    ADD("busbbssu", REQUEST, 0u, "x11-req", 1, 1, "p", "c", 0u);
    ADD("busbs", REQUEST, 0u, "exec", 1, "ls");
    ADD("busbu", REQUEST, 0u, "exit-status", 0, 0u);
    ADD("busbsbss", REQUEST, 0u, "exit-signal", 0, "KILL", 1, "why", "");
    ADD("busbuuuu", REQUEST, 0u, "window-change", 0, 1u, 2u, 3u, 4u);
    ADD("bu", ACCEPTED, 0u);
    ADD("bsbsu", GLOBAL, "tcpip-forward", 1, "h", 80u);
    ADD("bsbs", GLOBAL, "hostkeys-00@openssh.com", 0, "none");
    ADD("bsbs", GLOBAL, "hostkeys-prove-00@openssh.com", 1, "none");
    ADD("bu", SUCCESS, 4000u);
#undef ADD
}

/* A session in which most messages mean something: a channel that is open, one that is being opened, a request of ours
 * without an answer. */
static void start_one(struct open_side *open, int role, size_t opening)
{
    sessile_ssh_config *config = open_config(role);

    if (role == SESSILE_CLIENT)
        sessile_ssh_config_ask_new_host_keys(config, 1);
    open_start(open, role, config);
    open->side.wire.plain = 1;
    if (role == SESSILE_CLIENT) {
        sessile_stream *stream = sessile_ssh_open_session(open->side.wire.session, NULL, NULL);

        if (opening)
            return;
        arrive(open, "buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET);
        sessile_ssh_request_shell(stream);
        sessile_ssh_forward_tcp(open->side.wire.session, "h", 0);
    } else if (opening)
        arrive(open, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 80u, "o", 1u);
    else
        arrive(open, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
}

static void one_changed(int role, size_t opening, const struct message *message, size_t at, uint8_t to, size_t size)
{
    struct open_side *open = role == SESSILE_CLIENT ? &client : &server;
    uint8_t changed[sizeof message->data], packet[sizeof message->data + 32];
    int error;

    memcpy(changed, message->data, message->size);
    changed[at] = to;
    start_one(open, role, opening);
    wire_arrive(&open->side.wire, packet, open_packet(changed, size, packet));
    wire_arrive(&open->side.wire, packet, open_packet(changed, size, packet));
    error = sessile_session_error(open->side.wire.session);
    /* Whatever it has become, it is the peer's fault, or none. A peer may end the session, too. */
    assert_true(error == 0 || error == SESSILE_ERR_PROTOCOL || error == SESSILE_ERR_LIMIT ||
                error == SESSILE_ERR_VERIFY || error == SESSILE_ERR_PEER || error == SESSILE_ERR_NEGOTIATION);
    open_done(open);
}

static void changed_bytes_are_the_peers_fault(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    (void)state;
    make_messages();
    for (int role = 0; role < 2; role++)
        for (size_t opening = 0; opening < 2; opening++)
            for (size_t m = 0; m < message_count; m++) {
                for (size_t at = 1; at < messages[m].size; at++)
                    for (size_t v = 0; v < sizeof values; v++)
                        one_changed(role, opening, &messages[m], at, values[v], messages[m].size);
                for (size_t size = 1; size <= messages[m].size; size++)
                    one_changed(role, opening, &messages[m], 0, messages[m].data[0], size);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hundred_thousand_channels_leave_nothing_behind),
        cmocka_unit_test(channel_takes_a_few_hundred_bytes),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(changed_bytes_are_the_peers_fault),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
