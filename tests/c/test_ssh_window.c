/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: when they are given back, what keeps them from it, how they grow, and what a peer may not do with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "codec/reader.h"
#include "ssh_open.h"

#define WINDOW 2097152u
#define PACKET 32768u
#define HALF (WINDOW / 2)

enum { OPEN = 90, CONFIRMATION, FAILURE, ADJUST, DATA, EXTENDED, END, CLOSE, REQUEST, ACCEPTED };

static struct open_side server, client;
static uint8_t large[4194304];

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

/* The client opens direct-tcpip as its 7, our 0. */
static sessile_stream *served(sessile_ssh_config *config)
{
    open_start(&server, SESSILE_SERVER, config);
    server.side.wire.plain = 1;
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 7u, 1000u, PACKET, "h", 1u, "o", 1u);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, WINDOW, PACKET);
    journal_free(&server.side.journal);
    return server.side.recorder.stream;
}

static void data_arrives(unsigned packets)
{
    for (unsigned i = 0; i < packets; i++)
        assert_true(arrive(&server, "bud", DATA, 0u, large, (size_t)PACKET) > 0);
}

/* What the window was made larger by, in so many messages. */
static uint32_t given(unsigned *messages)
{
    static uint8_t payload[OPEN_PAYLOAD_MAX];
    uint32_t sum = 0;
    size_t size;

    *messages = 0;
    while ((size = open_next(&server, payload)) > 0) {
        struct reader r = reader_of(payload, size);

        assert_int_equal(get_u8(&r), ADJUST);
        get_u32(&r);
        sum += get_u32(&r);
        ++*messages;
    }
    return sum;
}

static void window_comes_back_when_half_of_it_is_used(void **state)
{
    (void)state;
    served(NULL);
    data_arrives(HALF / PACKET - 1);
    assert_silent(&server);
    data_arrives(1);
    assert_sent(&server, "buu", ADJUST, 7u, HALF);
    data_arrives(HALF / PACKET);
    assert_sent(&server, "buu", ADJUST, 7u, HALF);
    assert_silent(&server);
}

static void data_beyond_the_window_fails(void **state)
{
    sessile_stream *stream = served(NULL);

    (void)state;
    assert_int_equal(sessile_stream_set_manual(stream, 1), 0);
    data_arrives(WINDOW / PACKET);
    assert_silent(&server);
    assert_int_equal(arrive(&server, "bud", DATA, 0u, "x", (size_t)1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL,
                       "CHANNEL_DATA with 1 bytes for channel 0, whose window has 0 left");
}

static void message_larger_than_the_packet_size_fails(void **state)
{
    (void)state;
    served(NULL);
    assert_int_equal(arrive(&server, "bud", DATA, 0u, large, (size_t)PACKET + 1), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "we take 32768 in one message");
}

static void window_sum_over_32_bits_fails(void **state)
{
    (void)state;
    served(NULL);
    assert_true(arrive(&server, "buu", ADJUST, 0u, 0xffffffffu - 1000u) > 0);
    assert_int_equal(arrive(&server, "buu", ADJUST, 0u, 1u), -1);
    assert_failed_with(&server, SESSILE_ERR_PROTOCOL, "CHANNEL_WINDOW_ADJUST by 1 for channel 0");
}

static void unread_data_keeps_its_window(void **state)
{
    sessile_stream *stream = served(NULL);

    (void)state;
    sessile_stream_set_manual(stream, 1);
    data_arrives(HALF / PACKET);
    assert_silent(&server);
    assert_int_equal(sessile_stream_consumed(stream, HALF - 1), 0);
    assert_silent(&server);
    assert_int_equal(sessile_stream_consumed(stream, 1), 0);
    assert_sent(&server, "buu", ADJUST, 7u, HALF);
    data_arrives(WINDOW / PACKET);
    assert_silent(&server);
    assert_int_equal(sessile_stream_consumed(stream, WINDOW / 16 - 1), 0);
    assert_silent(&server);
    assert_int_equal(sessile_stream_consumed(stream, 1), 0);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW / 16); /* nothing was left: less than a half will do */
    assert_int_equal(sessile_stream_set_manual(stream, 0), 0);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW - WINDOW / 16);
}

static void unread_channel_holds_up_no_other(void **state)
{
    sessile_stream *stream = served(NULL);

    (void)state;
    sessile_stream_set_manual(stream, 1);
    data_arrives(WINDOW / PACKET);
    arrive(&server, "bsuuususu", OPEN, "direct-tcpip", 8u, 1000u, PACKET, "h", 1u, "o", 1u);
    assert_sent(&server, "buuuu", CONFIRMATION, 8u, 1u, WINDOW, PACKET);
    journal_free(&server.side.journal);
    for (unsigned i = 0; i < HALF / PACKET; i++)
        assert_true(arrive(&server, "bud", DATA, 1u, large, (size_t)PACKET) > 0);
    assert_sent(&server, "buu", ADJUST, 8u, HALF);
}

static void held_wire_gives_no_window(void **state)
{
    (void)state;
    served(NULL);
    sessile_session_hold(server.side.wire.session, 1);
    data_arrives(HALF / PACKET + 1);
    assert_silent(&server);
    sessile_session_hold(server.side.wire.session, 0);
    assert_sent(&server, "buu", ADJUST, 7u, HALF + PACKET);
}

static void first_window_of_a_session_waits_for_the_hold_too(void **state)
{
    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    sessile_session_hold(server.side.wire.session, 1);
    arrive(&server, "bsuuu", OPEN, "session", 7u, 1000u, PACKET);
    arrive(&server, "busb", REQUEST, 0u, "shell", 1);
    assert_sent(&server, "buuuu", CONFIRMATION, 7u, 0u, 0u, PACKET);
    assert_sent(&server, "bu", ACCEPTED, 7u);
    assert_silent(&server);
    sessile_session_hold(server.side.wire.session, 0);
    assert_sent(&server, "buu", ADJUST, 7u, WINDOW);
}

static void window_that_is_used_grows_to_its_limit(void **state)
{
    unsigned messages;
    uint32_t window = WINDOW;

    (void)state;
    served(NULL);
    while (window < 16777216u) {
        data_arrives(2 * window / PACKET);
        assert_int_equal(given(&messages), 3 * window); /* what was used, and as much as there was before */
        assert_int_equal(messages, 4);
        window *= 2;
    }
    data_arrives(4 * window / PACKET);
    assert_int_equal(given(&messages), 4 * window);
    assert_int_equal(messages, 8);
}

static void window_grows_no_further_than_the_session_may_hold(void **state)
{
    sessile_ssh_config *config = open_config(SESSILE_SERVER);
    unsigned messages;

    (void)state;
    assert_int_equal(sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_CHANNELS, 1), 0);
    assert_int_equal(sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_MEMORY, 20u << 20), 0);
    served(config);
    data_arrives(4 * 16777216u / PACKET);
    /* 2, 4 and 8 MiB; 8 more would be over half of the 12 that are left. */
    assert_int_equal(given(&messages), 4 * 16777216u + 8388608u - WINDOW);
}

static void slow_reader_has_no_growing_window(void **state)
{
    sessile_stream *stream = served(NULL);
    unsigned messages;

    (void)state;
    sessile_stream_set_manual(stream, 1);
    data_arrives(HALF / PACKET);
    for (int i = 0; i < 32; i++) {
        data_arrives(HALF / PACKET);
        assert_int_equal(sessile_stream_consumed(stream, HALF), 0);
        assert_int_equal(given(&messages), HALF);
    }
}

static void windows_of_many_channels_stay_within_what_a_session_may_hold(void **state)
{
    static uint8_t payload[OPEN_PAYLOAD_MAX];
    uint64_t sum = 0;
    uint32_t window = 0, last = WINDOW;

    (void)state;
    open_start(&server, SESSILE_SERVER, NULL);
    server.side.wire.plain = 1;
    for (unsigned i = 0; i < 1024; i++) {
        struct reader r;

        arrive(&server, "bsuuususu", OPEN, "direct-tcpip", i, 0u, PACKET, "h", 1u, "o", 1u);
        r = reader_of(payload, open_next(&server, payload));
        assert_int_equal(get_u8(&r), CONFIRMATION);
        assert_int_equal(get_u32(&r), i);
        assert_int_equal(get_u32(&r), i);
        window = get_u32(&r);
        assert_true(window >= PACKET && window <= last);
        sum += window;
        last = window;
    }
    assert_int_equal(last, PACKET);
    assert_true(sum <= 64u << 20);
}

/* ---- key exchanges ---- */

static void no_window_is_given_while_keys_are_exchanged(void **state)
{
    static uint8_t payload[OPEN_PAYLOAD_MAX];

    (void)state;
    served(NULL);
    assert_int_equal(sessile_ssh_rekey(server.side.wire.session), 0);
    assert_true(open_next(&server, payload) > 0);
    assert_int_equal(payload[0], 20); /* KEXINIT */
    data_arrives(WINDOW / PACKET);
    assert_silent(&server);
    assert_int_equal(sessile_stream_write(server.side.recorder.stream, "x", 1), 0);
    assert_silent(&server);
}

static int keep_going(struct recorder *recorder, const char *callback)
{
    size_t *done = recorder->app;
    int taken;

    if (strcmp(callback, "writable") != 0 || *done == sizeof large)
        return 0;
    taken = sessile_stream_write(recorder->stream, large + *done, sizeof large - *done);
    *done += taken > 0 ? (size_t)taken : 0;
    return 0;
}

static void data_goes_on_after_new_keys(void **state)
{
    sessile_stream *stream;
    size_t done = 0;
    uint32_t seed = 5;

    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)random_next(&seed);
    open_start(&client, SESSILE_CLIENT, NULL);
    open_start(&server, SESSILE_SERVER, NULL);
    client.side.wire.plain = server.side.wire.plain = 1;
    client.side.recorder.hook = keep_going;
    client.side.recorder.app = &done;
    stream = sessile_ssh_open_tcp(client.side.wire.session, "h", 1, "o", 1, NULL, NULL);
    open_pump(&client, &server);
    assert_int_equal(sessile_ssh_rekey(server.side.wire.session), 0);
    done = (size_t)sessile_stream_write(stream, large, sizeof large);
    assert_true(done > 0);
    assert_int_equal(sessile_ssh_rekey(client.side.wire.session), 0);
    open_pump(&client, &server);
    assert_int_equal(done, sizeof large);
    assert_int_equal(server.side.recorder.size, sizeof large);
    assert_memory_equal(server.side.recorder.data, large, sizeof large);
    assert_non_null(strstr(journal_text(&server.side.journal), "notice(10,0)"));
    assert_string_not_equal(sessile_ssh_info(client.side.wire.session, SESSILE_SSH_INFO_CIPHER_OUT), "");
    sessile_stream_end(stream);
    open_pump(&client, &server);
    assert_non_null(strstr(journal_text(&server.side.journal), " end"));
    memset(large, 0, sizeof large);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(window_comes_back_when_half_of_it_is_used),
        TEST(data_beyond_the_window_fails),
        TEST(message_larger_than_the_packet_size_fails),
        TEST(window_sum_over_32_bits_fails),
        TEST(unread_data_keeps_its_window),
        TEST(unread_channel_holds_up_no_other),
        TEST(held_wire_gives_no_window),
        TEST(first_window_of_a_session_waits_for_the_hold_too),
        TEST(window_that_is_used_grows_to_its_limit),
        TEST(window_grows_no_further_than_the_session_may_hold),
        TEST(slow_reader_has_no_growing_window),
        TEST(windows_of_many_channels_stay_within_what_a_session_may_hold),
        TEST(no_window_is_given_while_keys_are_exchanged),
        TEST(data_goes_on_after_new_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
