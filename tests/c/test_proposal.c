/* SPDX-License-Identifier: Apache-2.0
 *
 * A comms layer typed from the proposal's page: its three calls and two callbacks, by its own names. It is C and C++;
 * proposal_cxx.cpp compiles it as the latter. */
#include <sessile/proposal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "toy.h"

/* ---- the comms layer: two channels whose bytes lie in between until they are carried over ---- */

struct channel {
    ssl_session *session;
    unsigned char in[4096]; /* arrived and not taken */
    size_t in_size;
    unsigned char out[4096]; /* sent and not carried over yet */
    size_t out_size;
    int closed;
};

static int send_data(void *handle, void *buffer, size_t size)
{
    struct channel *channel = (struct channel *)handle;

    if (size > sizeof channel->out - channel->out_size)
        return -1;
    memcpy(channel->out + channel->out_size, buffer, size);
    channel->out_size += size;
    return 0;
}

static void close_channel(void *handle)
{
    struct channel *channel = (struct channel *)handle;

    channel->closed++;
}

static void open_channel(struct channel *channel)
{
    memset(channel, 0, sizeof *channel);
    channel->session = session_create(channel, send_data, close_channel);
}

/* New bytes arrive: what was not taken before is put in front of them. */
static int deliver(struct channel *channel, const unsigned char *data, size_t size)
{
    int taken;

    memcpy(channel->in + channel->in_size, data, size);
    channel->in_size += size;
    taken = session_receive(channel->session, channel->in, channel->in_size);
    if (taken > 0) {
        channel->in_size -= (size_t)taken;
        memmove(channel->in, channel->in + taken, channel->in_size);
    }
    return taken;
}

/* Carry over all that was sent, in steps of this many bytes, until both are silent. */
static void carry(struct channel *from, struct channel *to, size_t step)
{
    unsigned char data[sizeof from->out];
    size_t size;

    while (from->out_size || to->out_size) {
        size = from->out_size < step ? from->out_size : step;
        memcpy(data, from->out, size);
        from->out_size -= size;
        memmove(from->out, from->out + size, from->out_size);
        if (size && deliver(to, data, size) < 0)
            return;
        struct channel *other = from;
        from = to;
        to = other;
    }
}

/* ---- the application ---- */

static int note_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct journal *journal = (struct journal *)app;

    (void)stream;
    journal_add(journal, "%.*s", (int)size, (const char *)data);
    return 0;
}

static void note_closed(sessile_session *session, int error, void *app)
{
    struct journal *journal = (struct journal *)app;

    (void)session;
    journal_add(journal, "closed(%s)", sessile_error_name(error));
}

static sessile_callbacks *note_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    sessile_callbacks_set_data(callbacks, note_data);
    sessile_callbacks_set_closed(callbacks, note_closed);
    return callbacks;
}

/* ---- tests ---- */

static void a_comms_layer_from_the_page_carries_a_session(void **state)
{
    sessile_callbacks *callbacks = note_callbacks();
    struct channel client;
    struct channel server;
    struct journal journal;

    (void)state;
    for (size_t step = 1; step < 20; step++) {
        memset(&journal, 0, sizeof journal);
        open_channel(&client);
        open_channel(&server);
        toy_start(server.session, SESSILE_SERVER, callbacks, &journal);
        toy_start(client.session, SESSILE_CLIENT, callbacks, &journal);
        carry(&client, &server, step);
        assert_int_equal(sessile_stream_write(sessile_session_stream(client.session), "question", 8), 8);
        carry(&client, &server, step);
        assert_int_equal(sessile_stream_write(sessile_session_stream(server.session), "answer", 6), 6);
        assert_int_equal(sessile_session_end(client.session), 0);
        carry(&server, &client, step);
        assert_string_equal(journal_text(&journal), "question closed(OK) closed(OK)");
        assert_int_equal(client.closed, 1);
        assert_int_equal(server.closed, 1);
        sessile_session_free(client.session);
        sessile_session_free(server.session);
        journal_free(&journal);
    }
    sessile_callbacks_free(callbacks);
}

static void an_unsolicited_closure_is_told_with_the_proposals_name(void **state)
{
    sessile_callbacks *callbacks = note_callbacks();
    struct journal journal;
    struct channel server;
    unsigned char bytes[] = {'H', 0, 0, 'D'};

    (void)state;
    memset(&journal, 0, sizeof journal);
    open_channel(&server);
    toy_start(server.session, SESSILE_SERVER, callbacks, &journal);
    assert_int_equal(deliver(&server, bytes, sizeof bytes), 3);
    session_close(server.session);
    assert_string_equal(journal_text(&journal), "closed(ERR_TRUNCATED)");
    assert_int_equal(server.closed, 0);
    assert_int_equal(deliver(&server, bytes, sizeof bytes), -1);
    sessile_session_free(server.session);
    sessile_callbacks_free(callbacks);
    journal_free(&journal);
}

static void the_proposals_functions_can_be_pointed_to(void **state)
{
    ssl_session *(*create)(void *, comm_send_data, comm_close) = session_create;
    int (*receive)(ssl_session *, void *, size_t) = session_receive;
    void (*closed)(ssl_session *) = session_close;
    struct channel channel;
    char byte = 'x';

    (void)state;
    memset(&channel, 0, sizeof channel);
    assert_null(create(&channel, NULL, close_channel));
    channel.session = create(&channel, send_data, NULL);
    assert_int_equal(receive(channel.session, &byte, 1), 0);
    closed(channel.session);
    assert_int_equal(receive(channel.session, &byte, 1), -1);
    sessile_session_free(channel.session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comms_layer_from_the_page_carries_a_session),
        cmocka_unit_test(an_unsolicited_closure_is_told_with_the_proposals_name),
        cmocka_unit_test(the_proposals_functions_can_be_pointed_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
