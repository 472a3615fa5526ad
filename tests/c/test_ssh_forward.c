/* SPDX-License-Identifier: Apache-2.0
 *
 * Forwarding, both roles: what is asked for and granted, and the channels that come of it; those that nobody has asked
 * for are refused, and a server opens none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ssh_open.h"

#define WINDOW 2097152u
#define PACKET 32768u

enum { GLOBAL = 80, SUCCESS, DENIED };
enum { OPEN = 90, CONFIRMATION, FAILURE, ADJUST, DATA, EXTENDED, END, CLOSE, REQUEST, ACCEPTED, REFUSED };

static struct open_side server, client;

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

static int note_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct recorder *recorder = app;

    (void)session;
    journal_add(recorder->journal, "%d[%.*s]", kind, (int)size, (const char *)data);
    return 0;
}

/* A client whose notices are noted with their text. */
static sessile_session *start_client(void)
{
    sessile_callbacks *callbacks = recorder_callbacks();
    sessile_ssh_config *config = open_config(SESSILE_CLIENT);

    sessile_callbacks_set_notice(callbacks, note_notice);
    open_start_with(&client, SESSILE_CLIENT, config, callbacks);
    return client.side.wire.session;
}

/* A connection from outside arrives at the server's listener: refused without a question, or accepted. */
static void assert_forwarded(const char *host, unsigned port, int taken)
{
    arrive(&client, "bsuuususu", OPEN, "forwarded-tcpip", 9u, 1000u, PACKET, host, port, "192.0.2.1", 5000u);
    if (!taken) {
        assert_sent(&client, "buuss", FAILURE, 9u, 1u, "not allowed", "");
        assert_told(&client, "");
        return;
    }
    assert_sent(&client, "buuuu", CONFIRMATION, 9u, 0u, WINDOW, PACKET);
    assert_told(&client, "question(11,0) stream");
    arrive(&client, "bu", CLOSE, 0u);
    assert_sent(&client, "bu", CLOSE, 9u);
    assert_told(&client, "end stream_closed(OK)");
}

/* ---- the client ---- */

static void channels_come_only_for_what_was_granted(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    assert_forwarded("localhost", 8080, 0);
    assert_int_equal(sessile_ssh_forward_tcp(session, "localhost", 8080), 0);
    assert_sent(&client, "bsbsu", GLOBAL, "tcpip-forward", 1, "localhost", 8080u);
    assert_forwarded("localhost", 8080, 0); /* not yet */
    arrive(&client, "b", SUCCESS);
    assert_told(&client, "8[localhost 8080]");
    assert_forwarded("localhost", 8080, 1);
    assert_forwarded("LOCALHOST", 8080, 1);
    assert_forwarded("127.0.0.1", 8080, 1);
    assert_forwarded("localhost", 8081, 0);
    assert_forwarded("localhost", 0, 0);
    assert_forwarded("10.0.0.1", 8080, 0);
}

static void refused_forwarding_takes_no_channels(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    assert_int_equal(sessile_ssh_forward_tcp(session, "", 8080), 0);
    assert_sent(&client, "bsbsu", GLOBAL, "tcpip-forward", 1, "", 8080u);
    arrive(&client, "b", DENIED);
    assert_told(&client, "9[ 8080]");
    assert_forwarded("", 8080, 0);
    assert_int_equal(sessile_ssh_cancel_tcp(session, "", 8080), SESSILE_ERR_ARGUMENT);
}

static void port_zero_is_matched_by_the_port_that_was_chosen(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    assert_int_equal(sessile_ssh_forward_tcp(session, "a", 0), 0);
    assert_int_equal(sessile_ssh_forward_tcp(session, "b", 0), 0);
    assert_sent(&client, "bsbsu", GLOBAL, "tcpip-forward", 1, "a", 0u);
    assert_sent(&client, "bsbsu", GLOBAL, "tcpip-forward", 1, "b", 0u);
    arrive(&client, "bu", SUCCESS, 40001u);
    arrive(&client, "bu", SUCCESS, 40002u);
    assert_told(&client, "8[a 40001] 8[b 40002]");
    assert_forwarded("a", 40001, 1);
    assert_forwarded("b", 40002, 1);
    assert_forwarded("a", 40002, 0);
    assert_forwarded("b", 40001, 0);
    assert_forwarded("a", 0, 0);
}

static void chosen_ports_that_cannot_be_fail(void **state)
{
    (void)state;
    sessile_ssh_forward_tcp(start_client(), "a", 0);
    assert_int_equal(arrive(&client, "bu", SUCCESS, 0u), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "port 0 was chosen");
    open_done(&client);
    sessile_ssh_forward_tcp(start_client(), "a", 0);
    assert_int_equal(arrive(&client, "bu", SUCCESS, 65536u), -1);
    open_done(&client);
    sessile_ssh_forward_tcp(start_client(), "a", 0);
    assert_int_equal(arrive(&client, "b", SUCCESS), -1);
    assert_failed_with(&client, SESSILE_ERR_PROTOCOL, "REQUEST_SUCCESS: it is cut short");
}

static void wildcards_are_reached_by_any_address(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    sessile_ssh_forward_tcp(session, "", 8080);
    arrive(&client, "b", SUCCESS);
    client.read = client.side.wire.sent_size;
    journal_free(&client.side.journal);
    assert_forwarded("", 8080, 1);
    assert_forwarded("203.0.113.5", 8080, 1);
    assert_forwarded("203.0.113.5", 8081, 0);
}

static void cancelled_forwarding_takes_no_more_channels(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    sessile_ssh_forward_tcp(session, "h", 1);
    arrive(&client, "b", SUCCESS);
    client.read = client.side.wire.sent_size;
    journal_free(&client.side.journal);
    assert_int_equal(sessile_ssh_forward_tcp(session, "h", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_cancel_tcp(session, "h", 2), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_cancel_tcp(session, "h", 1), 0);
    assert_sent(&client, "bsbsu", GLOBAL, "cancel-tcpip-forward", 1, "h", 1u);
    assert_int_equal(sessile_ssh_cancel_tcp(session, "h", 1), SESSILE_ERR_ARGUMENT);
    assert_forwarded("h", 1, 1); /* it may have been under way */
    arrive(&client, "b", DENIED);
    assert_forwarded("h", 1, 1);
    assert_int_equal(sessile_ssh_cancel_tcp(session, "h", 1), 0);
    arrive(&client, "b", SUCCESS);
    client.read = client.side.wire.sent_size;
    assert_forwarded("h", 1, 0);
}

static void paths_are_forwarded_as_ports_are(void **state)
{
    sessile_session *session = start_client();

    (void)state;
    assert_int_equal(sessile_ssh_forward_unix(session, "/run/s"), 0);
    assert_sent(&client, "bsbs", GLOBAL, "streamlocal-forward@openssh.com", 1, "/run/s");
    arrive(&client, "b", SUCCESS);
    assert_told(&client, "8[/run/s]");
    arrive(&client, "bsuuuss", OPEN, "forwarded-streamlocal@openssh.com", 9u, 1000u, PACKET, "/run/t", "");
    assert_sent(&client, "buuss", FAILURE, 9u, 1u, "not allowed", "");
    arrive(&client, "bsuuuss", OPEN, "forwarded-streamlocal@openssh.com", 9u, 1000u, PACKET, "/run/s", "x");
    assert_sent(&client, "buuuu", CONFIRMATION, 9u, 0u, WINDOW, PACKET);
    assert_int_equal(sessile_ssh_cancel_unix(session, "/run/s"), 0);
    assert_sent(&client, "bsbs", GLOBAL, "cancel-streamlocal-forward@openssh.com", 1, "/run/s");
    assert_int_equal(sessile_ssh_forward_unix(session, ""), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_forward_tcp(session, "h", 65536), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_forward_tcp(session, NULL, 1), SESSILE_ERR_ARGUMENT);
}

/* ---- the server ---- */

static void listen(const char *host, unsigned port, const char *chosen, int yes)
{
    server.side.recorder.answer = ANSWER_KEEP;
    assert_true(arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, host, port) > 0);
    if (chosen)
        assert_int_equal(sessile_question_put(server.side.recorder.question, SESSILE_ITEM_PORT, chosen, strlen(chosen)),
                         0);
    if (yes)
        sessile_question_accept(server.side.recorder.question);
    else
        sessile_question_refuse(server.side.recorder.question, 0);
    sessile_question_free(server.side.recorder.question);
    journal_free(&server.side.journal);
}

static void server_grants_what_the_application_does(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    listen("Host", 2000, NULL, 0);
    assert_sent(&server, "b", DENIED);
    assert_null(sessile_ssh_open_forwarded_tcp(session, "Host", 2000, "o", 1, NULL, NULL));
    listen("Host", 2000, NULL, 1);
    assert_sent(&server, "b", SUCCESS);
    assert_null(sessile_ssh_open_forwarded_tcp(session, "Host", 2001, "o", 1, NULL, NULL));
    assert_null(sessile_ssh_open_forwarded_tcp(session, "other", 2000, "o", 1, NULL, NULL));
    assert_silent(&server);
    /* It is named as the client has named it. */
    assert_non_null(sessile_ssh_open_forwarded_tcp(session, "hOST", 2000, "192.0.2.1", 5, NULL, NULL));
    assert_sent(&server, "bsuuususu", OPEN, "forwarded-tcpip", 0u, WINDOW, PACKET, "Host", 2000u, "192.0.2.1", 5u);
    assert_true(arrive(&server, "buuuu", CONFIRMATION, 0u, 4u, 0u, PACKET) > 0);
    assert_told(&server, "request(1)");
}

static void port_zero_needs_the_port_that_was_chosen(void **state)
{
    static const char *const bad[] = {NULL, "", "0", "65536", "x", "12x", "99999999999999999999"};

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        listen("h", 0, bad[i], 1);
        assert_sent(&server, "b", DENIED);
    }
    listen("h", 0, "40000", 1);
    assert_sent(&server, "bu", SUCCESS, 40000u);
    assert_non_null(sessile_ssh_open_forwarded_tcp(server.side.wire.session, "h", 40000, "o", 1, NULL, NULL));
    listen("h", 0, "40000", 1); /* a port is one listener's */
    assert_sent(&server, "bsuuususu", OPEN, "forwarded-tcpip", 0u, WINDOW, PACKET, "h", 40000u, "o", 1u);
    assert_sent(&server, "b", DENIED);
}

static void only_what_is_listened_on_is_cancelled(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    arrive(&server, "bsbsu", GLOBAL, "cancel-tcpip-forward", 1, "h", 1u);
    assert_sent(&server, "b", DENIED);
    assert_told(&server, "");
    listen("h", 1, NULL, 1);
    assert_sent(&server, "b", SUCCESS);
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 1u); /* is there already */
    assert_sent(&server, "b", DENIED);
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 65536u);
    assert_sent(&server, "b", DENIED);
    assert_told(&server, "");
    server.side.recorder.answer = ANSWER_ACCEPT;
    arrive(&server, "bsbsu", GLOBAL, "cancel-tcpip-forward", 1, "h", 1u);
    assert_sent(&server, "b", SUCCESS);
    assert_told(&server, "question(13,0)");
    assert_null(sessile_ssh_open_forwarded_tcp(session, "h", 1, "o", 1, NULL, NULL));
}

static void one_that_is_being_decided_is_not_asked_for_twice(void **state)
{
    sessile_question *first;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.recorder.answer = ANSWER_KEEP;
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 1u);
    first = server.side.recorder.question;
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "H", 1u);
    arrive(&server, "bsbsu", GLOBAL, "cancel-tcpip-forward", 1, "h", 1u);
    assert_told(&server, "question(13,0)");
    assert_null(sessile_ssh_open_forwarded_tcp(server.side.wire.session, "h", 1, "o", 1, NULL, NULL));
    assert_silent(&server);
    sessile_question_accept(first);
    sessile_question_free(first);
    assert_sent(&server, "b", SUCCESS);
    assert_sent(&server, "b", DENIED);
    assert_sent(&server, "b", DENIED);
    assert_non_null(sessile_ssh_open_forwarded_tcp(server.side.wire.session, "h", 1, "o", 1, NULL, NULL));
}

/* A cancel that comes too late is none of what is asked for since. */
static void a_second_cancel_leaves_the_next_one_alone(void **state)
{
    sessile_question *cancels[2], *next;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    listen("h", 1, NULL, 1);
    assert_sent(&server, "b", SUCCESS);
    server.side.recorder.answer = ANSWER_KEEP;
    for (int i = 0; i < 2; i++) {
        arrive(&server, "bsbsu", GLOBAL, "cancel-tcpip-forward", 1, "h", 1u);
        cancels[i] = server.side.recorder.question;
    }
    sessile_question_accept(cancels[0]);
    assert_sent(&server, "b", SUCCESS);
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 1u);
    next = server.side.recorder.question;
    sessile_question_accept(cancels[1]);
    assert_sent(&server, "b", DENIED);
    sessile_question_accept(next);
    assert_sent(&server, "b", SUCCESS);
    assert_non_null(sessile_ssh_open_forwarded_tcp(server.side.wire.session, "h", 1, "o", 1, NULL, NULL));
    sessile_question_free(cancels[0]);
    sessile_question_free(cancels[1]);
    sessile_question_free(next);
}

static void server_forwards_paths(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    arrive(&server, "bsbs", GLOBAL, "streamlocal-forward@openssh.com", 1, "/s");
    assert_sent(&server, "b", SUCCESS);
    assert_null(sessile_ssh_open_forwarded_unix(session, "/S", NULL, NULL));
    assert_non_null(sessile_ssh_open_forwarded_unix(session, "/s", NULL, NULL));
    assert_sent(&server, "bsuuuss", OPEN, "forwarded-streamlocal@openssh.com", 0u, WINDOW, PACKET, "/s", "");
    arrive(&server, "bsbs", GLOBAL, "cancel-streamlocal-forward@openssh.com", 1, "/s");
    assert_sent(&server, "b", SUCCESS);
    assert_null(sessile_ssh_open_forwarded_unix(session, "/s", NULL, NULL));
}

static void listeners_are_limited(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.wire.plain = 1;
    for (unsigned i = 1; i <= 256; i++) {
        arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", i);
        assert_sent(&server, "b", SUCCESS);
    }
    arrive(&server, "bsbsu", GLOBAL, "tcpip-forward", 1, "h", 257u);
    assert_sent(&server, "b", DENIED);
}

/* ---- X11 and agents ---- */

/* Open our channel 0, and have requests of it granted. */
static sessile_stream *client_with_session(void)
{
    sessile_session *session = start_client();
    sessile_stream *stream = sessile_ssh_open_session(session, NULL, NULL);

    assert_true(arrive(&client, "buuuu", CONFIRMATION, 0u, 9u, 1000u, PACKET) > 0);
    return stream;
}

static void settle(void)
{
    client.read = client.side.wire.sent_size;
    journal_free(&client.side.journal);
}

static void agent_channels_come_only_where_agent_forwarding_was_granted(void **state)
{
    sessile_stream *stream = client_with_session();

    (void)state;
    settle();
    arrive(&client, "bsuuu", OPEN, "auth-agent@openssh.com", 5u, 1000u, PACKET);
    assert_sent(&client, "buuss", FAILURE, 5u, 1u, "not allowed", "");
    sessile_ssh_request_agent(stream);
    sessile_ssh_request_env(stream, "A", "1");
    sessile_ssh_request_agent(stream);
    arrive(&client, "bu", REFUSED, 0u);
    arrive(&client, "bu", ACCEPTED, 0u); /* env's */
    settle();
    arrive(&client, "bsuuu", OPEN, "auth-agent@openssh.com", 5u, 1000u, PACKET);
    assert_sent(&client, "buuss", FAILURE, 5u, 1u, "not allowed", "");
    assert_told(&client, "");
    arrive(&client, "bu", ACCEPTED, 0u);
    settle();
    arrive(&client, "bsuuu", OPEN, "auth-agent@openssh.com", 5u, 1000u, PACKET);
    assert_sent(&client, "buuuu", CONFIRMATION, 5u, 1u, WINDOW, PACKET);
    assert_told(&client, "question(11,0) stream");
    arrive(&client, "bu", CLOSE, 0u); /* with the session it ends */
    settle();
    arrive(&client, "bsuuu", OPEN, "auth-agent@openssh.com", 6u, 1000u, PACKET);
    assert_sent(&client, "buuss", FAILURE, 6u, 1u, "not allowed", "");
}

static void x11_channels_come_as_often_as_was_granted(void **state)
{
    sessile_stream *stream = client_with_session();

    (void)state;
    settle();
    arrive(&client, "bsuuusu", OPEN, "x11", 5u, 1000u, PACKET, "o", 6000u);
    assert_sent(&client, "buuss", FAILURE, 5u, 1u, "not allowed", "");
    sessile_ssh_request_x11(stream, 1, "MIT-MAGIC-COOKIE-1", "00", 0);
    arrive(&client, "bu", ACCEPTED, 0u);
    settle();
    arrive(&client, "bsuuusu", OPEN, "x11", 5u, 1000u, PACKET, "o", 6000u);
    assert_sent(&client, "buuuu", CONFIRMATION, 5u, 1u, WINDOW, PACKET);
    arrive(&client, "bsuuusu", OPEN, "x11", 6u, 1000u, PACKET, "o", 6000u);
    assert_sent(&client, "buuss", FAILURE, 6u, 1u, "not allowed", ""); /* it was for one */
    sessile_ssh_request_x11(stream, 0, "MIT-MAGIC-COOKIE-1", "00", 0);
    arrive(&client, "bu", ACCEPTED, 0u);
    settle();
    for (unsigned i = 0; i < 3; i++) {
        arrive(&client, "bsuuusu", OPEN, "x11", 6u + i, 1000u, PACKET, "o", 6000u);
        assert_sent(&client, "buuuu", CONFIRMATION, 6u + i, 2u + i, WINDOW, PACKET);
    }
}

static void one_x11_connection_is_one_though_both_are_undecided(void **state)
{
    sessile_stream *stream = client_with_session();
    sessile_question *first;

    (void)state;
    sessile_ssh_request_x11(stream, 1, "p", "00", 0);
    arrive(&client, "bu", ACCEPTED, 0u);
    settle();
    client.side.recorder.answer = ANSWER_KEEP;
    arrive(&client, "bsuuusu", OPEN, "x11", 5u, 1000u, PACKET, "o", 6000u);
    first = client.side.recorder.question;
    arrive(&client, "bsuuusu", OPEN, "x11", 6u, 1000u, PACKET, "o", 6000u);
    sessile_question_accept(client.side.recorder.question);
    assert_sent(&client, "buuuu", CONFIRMATION, 6u, 2u, WINDOW, PACKET);
    sessile_question_accept(first);
    assert_sent(&client, "buuss", FAILURE, 5u, 1u, "not allowed", "");
    sessile_question_free(client.side.recorder.question);
    sessile_question_free(first);
}

static void server_opens_x11_and_agent_channels_where_they_were_granted(void **state)
{
    sessile_session *session;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    session = server.side.wire.session;
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    server.side.recorder.answer = ANSWER_REFUSE;
    arrive(&server, "busb", REQUEST, 0u, "auth-agent-req@openssh.com", 1);
    arrive(&server, "busbbssu", REQUEST, 0u, "x11-req", 1, 1, "p", "c", 0u);
    assert_null(sessile_ssh_open_agent(session, NULL, NULL));
    assert_null(sessile_ssh_open_x11(session, "o", 1, NULL, NULL));
    server.side.recorder.answer = ANSWER_ACCEPT;
    arrive(&server, "busb", REQUEST, 0u, "auth-agent-req@openssh.com", 1);
    arrive(&server, "busbbssu", REQUEST, 0u, "x11-req", 1, 1, "p", "c", 0u);
    server.read = server.side.wire.sent_size;
    assert_non_null(sessile_ssh_open_agent(session, NULL, NULL));
    assert_sent(&server, "bsuuu", OPEN, "auth-agent@openssh.com", 1u, WINDOW, PACKET);
    assert_non_null(sessile_ssh_open_x11(session, "o", 1, NULL, NULL));
    assert_sent(&server, "bsuuusu", OPEN, "x11", 2u, WINDOW, PACKET, "o", 1u);
    assert_null(sessile_ssh_open_x11(session, "o", 1, NULL, NULL));
}

/* ---- both together ---- */

static int echo(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "data") == 0)
        sessile_stream_write(recorder->stream, recorder->data, recorder->size);
    return 0;
}

static void forwarded_connection_reaches_the_client(void **state)
{
    sessile_stream *stream;

    (void)state;
    open_start(&client, SESSILE_CLIENT, NULL);
    open_start(&server, SESSILE_SERVER, NULL);
    client.side.recorder.hook = echo;
    assert_int_equal(sessile_ssh_forward_tcp(client.side.wire.session, "localhost", 8022), 0);
    open_pump(&client, &server);
    assert_told(&client, "notice(8,14)");
    stream = sessile_ssh_open_forwarded_tcp(server.side.wire.session, "localhost", 8022, "o", 1, NULL, NULL);
    open_pump(&client, &server);
    assert_int_equal(sessile_stream_write(stream, "through", 7), 7);
    open_pump(&client, &server);
    assert_int_equal(server.side.recorder.size, 7);
    assert_memory_equal(server.side.recorder.data, "through", 7);
    sessile_stream_end(stream);
    open_pump(&client, &server);
    sessile_stream_end(client.side.recorder.stream);
    open_pump(&client, &server);
    assert_told(&client, "question(11,0) stream data(7) end stream_closed(OK)");
    assert_told(&server, "question(13,0) request(1) data(7) end stream_closed(OK)");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(channels_come_only_for_what_was_granted),
        TEST(refused_forwarding_takes_no_channels),
        TEST(port_zero_is_matched_by_the_port_that_was_chosen),
        TEST(chosen_ports_that_cannot_be_fail),
        TEST(wildcards_are_reached_by_any_address),
        TEST(cancelled_forwarding_takes_no_more_channels),
        TEST(paths_are_forwarded_as_ports_are),
        TEST(server_grants_what_the_application_does),
        TEST(port_zero_needs_the_port_that_was_chosen),
        TEST(only_what_is_listened_on_is_cancelled),
        TEST(one_that_is_being_decided_is_not_asked_for_twice),
        TEST(a_second_cancel_leaves_the_next_one_alone),
        TEST(server_forwards_paths),
        TEST(listeners_are_limited),
        TEST(agent_channels_come_only_where_agent_forwarding_was_granted),
        TEST(x11_channels_come_as_often_as_was_granted),
        TEST(one_x11_connection_is_one_though_both_are_undecided),
        TEST(server_opens_x11_and_agent_channels_where_they_were_granted),
        TEST(forwarded_connection_reaches_the_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
