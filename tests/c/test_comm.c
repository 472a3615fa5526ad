/* SPDX-License-Identifier: Apache-2.0
 *
 * inbox: what it keeps, offers and tells, wherever the boundaries of what arrives fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "comm_sides.h"

static void inbox_needs_its_parameters(void **state)
{
    sessile_session *session;
    int handle;
    (void)state;
    assert_null(sessile_inbox_create(&handle, NULL, NULL, &session));
    assert_null(sessile_inbox_create(&handle, port_send, NULL, NULL));
    assert_int_equal(sessile_inbox_receive(NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_inbox_room(NULL), 0);
    sessile_inbox_close(NULL);
}

static void inbox_keeps_nothing_when_everything_is_taken(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, SIZE_MAX / 2);
    side_send(&link.client.side, big, 100000);
    link_pump(&link, SIZE_MAX / 2);
    assert_got(&link.server.side, big, 100000);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, NULL), 0);
    assert_int_equal(sessile_inbox_room(link.server.inbox), 256 * 1024);
    link_free(&link);
}

static void inbox_takes_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 100, 1000, 16384, 16405, 16406, 20000, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct link link;
        link_shake_hands(&link, pieces[i]);
        side_send(&link.client.side, big, 200000);
        side_send(&link.server.side, big + 7, 50000);
        link_pump(&link, pieces[i]);
        assert_got(&link.server.side, big, 200000);
        assert_got(&link.client.side, big + 7, 50000);
        assert_int_equal(sessile_stream_end(link.client.side.stream), 0);
        link_pump(&link, pieces[i]);
        assert_int_equal(link.client.side.error, 0);
        assert_int_equal(link.server.side.error, 0);
        assert_int_equal(link.server.closes, 1);
        link_free(&link);
    }
}

/* Each byte is offered a bounded number of times, however small the pieces: 64 KiB a byte at a time would be 8 records
 * of 8 KiB and 134 million offered bytes if everything kept were offered with each new byte. */
static void inbox_feeding_is_linear(void **state)
{
    (void)state;
    for (size_t size = 65536; size <= 4 * 65536; size *= 4) {
        struct link link;
        link_shake_hands(&link, 1);
        sessile_session_set_counters(link.server.side.session, 1);
        side_send(&link.client.side, big, size);
        link_pump(&link, 1);
        assert_got(&link.server.side, big, size);
        uint64_t offered = sessile_session_counter(link.server.side.session, SESSILE_COUNT_OFFERED);
        assert_true(offered < 2 * size);
        link_free(&link);
    }
}

static void inbox_keeps_what_came_before_the_protocol(void **state)
{
    struct link link;
    const void *data = NULL;
    (void)state;
    link_open(&link);
    assert_int_equal(side_start(&link.client.side, SESSILE_CLIENT), 0);
    size_t hello = link.client.queue_size;
    uint8_t *copy = malloc(hello);
    memcpy(copy, link.client.queue, hello);
    port_feed(&link.server, &link.client, 10);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, &data), hello);
    assert_memory_equal(data, copy, hello);
    free(copy);
    assert_int_equal(side_start(&link.server.side, SESSILE_SERVER), 0);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, &data), 0);
    assert_null(data);
    link_pump(&link, 100);
    assert_int_equal(link.client.side.ready, 1);
    link_free(&link);
}

static void inbox_refuses_what_does_not_fit_and_tells_when_it_does(void **state)
{
    struct link link;
    uint8_t *hello;
    size_t size;
    (void)state;
    link_open(&link);
    assert_int_equal(side_start(&link.client.side, SESSILE_CLIENT), 0);
    hello = link.client.queue;
    size = link.client.queue_size;
    link.client.queue = NULL;
    link.client.queue_size = 0;
    sessile_inbox_set_limit(link.server.inbox, size);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, hello, size - 1), 0);
    assert_int_equal(sessile_inbox_room(link.server.inbox), 1);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, hello + size - 1, 2), SESSILE_ERR_LIMIT);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, NULL), size - 1);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, hello + size - 1, 1), 0);
    assert_int_equal(sessile_inbox_room(link.server.inbox), 0);
    assert_int_equal(link.server.rooms, 0);
    assert_int_equal(side_start(&link.server.side, SESSILE_SERVER), 0);
    assert_int_equal(link.server.rooms, 1);
    assert_true(sessile_inbox_room(link.server.inbox) >= sessile_session_want_max(link.server.side.session));
    free(hello);
    link_pump(&link, 1000);
    assert_int_equal(link.client.side.ready, 1);
    link_free(&link);
}

/* Inside a data callback, hand in the rest of what is on its way. */
static int feed_the_rest(struct side *side)
{
    struct port *port = side->extra;
    struct port *from = side->other->extra;
    if (from->queue_size > 0) {
        port_feed(port, from, 3000);
    }
    return 0;
}

static void inbox_nested_receive_keeps_the_order(void **state)
{
    (void)state;
    for (size_t split = 1; split < 60000; split += 1237) {
        struct link link;
        link_shake_hands(&link, 4096);
        link.server.side.on_data = feed_the_rest;
        side_send(&link.client.side, big, 100000);
        assert_true(link.client.queue_size > split);
        /* The first piece, in two, so that the inner receive comes while kept bytes are being read. */
        uint8_t *first = malloc(split);
        memcpy(first, link.client.queue, split);
        memmove(link.client.queue, link.client.queue + split, link.client.queue_size - split);
        link.client.queue_size -= split;
        sessile_inbox_receive(link.server.inbox, first, 1);
        sessile_inbox_receive(link.server.inbox, first + 1, split - 1);
        free(first);
        link_pump(&link, 5000);
        assert_got(&link.server.side, big, 100000);
        link_free(&link);
    }
}

static int free_own_session(struct side *side)
{
    sessile_session_free(side->session);
    return 0;
}

static void inbox_session_may_be_freed_while_it_receives(void **state)
{
    struct link link;
    (void)state;
    for (size_t piece = 1; piece < 100000; piece *= 10) {
        link_shake_hands(&link, 4096);
        link.server.side.on_data = free_own_session;
        side_send(&link.client.side, big, 50000);
        port_feed(&link.server, &link.client, piece);
        assert_int_equal(link.server.received, SESSILE_ERR_GONE);
        assert_int_equal(link.server.closes, 1);
        link_free(&link);
    }
}

static void inbox_leaves_what_follows_a_detached_session(void **state)
{
    static const char plain[] = "MAIL FROM:<a@example.org>\r\n";
    (void)state;
    for (size_t piece = 1; piece < 100; piece += 9) {
        struct link link;
        const void *data;
        link_shake_hands(&link, 1000);
        link.server.side.end_with_peer = 0;
        assert_int_equal(sessile_session_detach(link.server.side.session), 0);
        link_pump(&link, 1000); /* and the client answers with its own close_notify */
        assert_int_equal(link.client.side.error, 0);
        side_send(&link.client.side, plain, 0);
        assert_int_equal(link.server.side.closed, 1);
        assert_int_equal(link.server.side.error, 0);
        assert_int_equal(link.server.closes, 0);
        for (size_t at = 0; at < sizeof plain; at += piece) {
            size_t n = sizeof plain - at < piece ? sizeof plain - at : piece;
            assert_int_equal(sessile_inbox_receive(link.server.inbox, plain + at, n), 0);
        }
        assert_int_equal(sessile_inbox_kept(link.server.inbox, &data), sizeof plain);
        assert_memory_equal(data, plain, sizeof plain);
        link_free(&link);
    }
}

/* The same, with the plain text right behind the close_notify in one span. */
static void inbox_leaves_what_follows_in_the_same_span(void **state)
{
    struct link link;
    const void *data;
    (void)state;
    link_shake_hands(&link, 1000);
    assert_int_equal(sessile_session_detach(link.server.side.session), 0);
    port_feed(&link.client, &link.server, 1000);
    port_send(&link.client, (char[]){"QUIT\r\n"}, 6);
    port_feed(&link.server, &link.client, 1000);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, &data), 6);
    assert_memory_equal(data, "QUIT\r\n", 6);
    link_free(&link);
}

static void inbox_close_tells_of_half_a_record(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    side_send(&link.client.side, "hello", 5);
    link.client.queue_size -= 3;
    port_feed(&link.server, &link.client, 4);
    sessile_inbox_close(link.server.inbox);
    sessile_inbox_close(link.server.inbox);
    assert_int_equal(link.server.side.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(link.server.closes, 0);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, "x", 1), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_inbox_room(link.server.inbox), 0);
    link_free(&link);
}

/* The client says close_notify and closes its direction (FIN), with all of it in one kept piece: the server still
 * answers. The wire may close altogether afterwards. */
static void inbox_ends_in_one_direction_and_the_other_goes_on(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    link.server.side.end_with_peer = 0;
    side_send(&link.client.side, "hello", 5);
    assert_int_equal(sessile_stream_end(link.client.side.stream), 0);
    port_feed(&link.server, &link.client, 7);
    sessile_inbox_receive_end(link.server.inbox);
    sessile_inbox_receive_end(link.server.inbox);
    assert_got(&link.server.side, "hello", 5);
    assert_int_equal(link.server.side.closed, 0);
    assert_int_equal(sessile_stream_write(link.server.side.stream, "and back", 8), 8);
    link_pump(&link, 1000);
    assert_got(&link.client.side, "and back", 8);
    sessile_inbox_close(link.server.inbox);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(link.server.side.error, SESSILE_ERR_DROPPED);
    link_free(&link);
}

static void inbox_ends_in_one_direction_and_that_is_too_early(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    side_send(&link.client.side, "hello", 5);
    link.client.queue_size -= 3;
    port_feed(&link.server, &link.client, 4);
    sessile_inbox_receive_end(link.server.inbox);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(link.server.side.error, SESSILE_ERR_TRUNCATED);
    sessile_inbox_close(link.server.inbox);
    link_free(&link);
}

static int pause_session(struct side *side)
{
    return sessile_session_pause(side->session, 1);
}

/* The wire closes while records and the peer's close_notify wait behind a pause: they are taken first, and the end is
 * clean. */
static void inbox_close_waits_for_what_is_kept(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    link.server.side.on_data = pause_session;
    side_send(&link.client.side, big, 40000);
    assert_int_equal(sessile_stream_end(link.client.side.stream), 0);
    port_feed(&link.server, &link.client, 1000);
    assert_in_range(link.server.side.got_size, 1, 16384);
    link.server.side.on_data = NULL;
    link.server.side.end_with_peer = 0;
    assert_int_equal(sessile_stream_end(link.server.side.stream), 0);
    sessile_inbox_close(link.server.inbox);
    assert_int_equal(link.server.side.closed, 0);
    assert_int_equal(sessile_session_pause(link.server.side.session, 0), 0);
    assert_got(&link.server.side, big, 40000);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(link.server.side.error, 0);
    link_free(&link);
}

static int feed_the_rest_and_close(struct side *side)
{
    struct port *port = side->extra;
    feed_the_rest(side);
    sessile_inbox_close(port->inbox);
    return 0;
}

/* The wire closes inside a data callback, when more has arrived than what is being read: that comes first. */
static void inbox_close_inside_a_receive_comes_last(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    link.server.side.on_data = feed_the_rest_and_close;
    link.server.side.end_with_peer = 0;
    assert_int_equal(sessile_stream_end(link.server.side.stream), 0);
    side_send(&link.client.side, big, 40000);
    uint8_t *first = malloc(20000);
    memcpy(first, link.client.queue, 20000);
    memmove(link.client.queue, link.client.queue + 20000, link.client.queue_size - 20000);
    link.client.queue_size -= 20000;
    assert_int_equal(sessile_stream_end(link.client.side.stream), 0);
    sessile_inbox_receive(link.server.inbox, first, 20000);
    free(first);
    assert_got(&link.server.side, big, 40000);
    assert_int_equal(link.server.side.closed, 1);
    assert_int_equal(link.server.side.error, 0);
    link_free(&link);
}

static int pause_and_go_on(struct side *side)
{
    sessile_session_pause(side->session, 1);
    return sessile_session_pause(side->session, 0);
}

static void inbox_resumes_in_the_middle_of_a_receive(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    link.server.side.on_data = pause_and_go_on;
    side_send(&link.client.side, big, 100000);
    link_pump(&link, 30000);
    assert_got(&link.server.side, big, 100000);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, NULL), 0);
    link_free(&link);
}

static void inbox_fails_with_its_session(void **state)
{
    struct link link;
    (void)state;
    link_shake_hands(&link, 1000);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, "GET / HTTP/1.0\r\n\r\n", 18), SESSILE_ERR_FAILED);
    assert_int_equal(link.server.closes, 1);
    assert_int_equal(sessile_inbox_receive(link.server.inbox, "x", 1), SESSILE_ERR_FAILED);
    assert_int_equal(sessile_inbox_kept(link.server.inbox, NULL), 0);
    link_free(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox_needs_its_parameters),
        cmocka_unit_test(inbox_keeps_nothing_when_everything_is_taken),
        cmocka_unit_test(inbox_takes_pieces_of_any_size),
        cmocka_unit_test(inbox_feeding_is_linear),
        cmocka_unit_test(inbox_keeps_what_came_before_the_protocol),
        cmocka_unit_test(inbox_refuses_what_does_not_fit_and_tells_when_it_does),
        cmocka_unit_test(inbox_nested_receive_keeps_the_order),
        cmocka_unit_test(inbox_session_may_be_freed_while_it_receives),
        cmocka_unit_test(inbox_leaves_what_follows_a_detached_session),
        cmocka_unit_test(inbox_leaves_what_follows_in_the_same_span),
        cmocka_unit_test(inbox_close_tells_of_half_a_record),
        cmocka_unit_test(inbox_ends_in_one_direction_and_the_other_goes_on),
        cmocka_unit_test(inbox_ends_in_one_direction_and_that_is_too_early),
        cmocka_unit_test(inbox_close_waits_for_what_is_kept),
        cmocka_unit_test(inbox_close_inside_a_receive_comes_last),
        cmocka_unit_test(inbox_resumes_in_the_middle_of_a_receive),
        cmocka_unit_test(inbox_fails_with_its_session),
    };
    return cmocka_run_group_tests(tests, make_configs, free_configs);
}
