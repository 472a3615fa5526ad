/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions in sessions: SSH through a jump host, TLS in an SSH channel, SSH in TLS. Each is one call on a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_story.h"
#include "ssh_trust.h"
#include "tls_configs.h"

#define BULK 500000

/* ---- an SSH session, and a channel of it for something else ---- */

struct outer {
    struct ssh_pair pair;
    sessile_ssh_config *client, *server;
    sessile_stream *client_stream, *server_stream;
};

static void outer_open(struct outer *outer, const char *cipher)
{
    struct ssh_flow *flow;

    outer->client = ssh_client_config(cipher);
    outer->server = ssh_server_config(cipher);
    ssh_pair_open(&outer->pair, outer->client, outer->server);
    flow = ssh_peer_opened(&outer->pair.client, sessile_ssh_open_tcp(outer->pair.client.session, "inner.example", 22,
                                                                     "127.0.0.1", 1, NULL, NULL));
    assert_non_null(flow);
    ssh_pair_run(&outer->pair);
    assert_true(flow->opened);
    assert_string_equal(sessile_ssh_stream_type(outer->pair.server.flows[0].stream), "direct-tcpip");
    outer->client_stream = flow->stream;
    outer->server_stream = outer->pair.server.flows[0].stream;
    /* its callbacks are now somebody else's: what becomes of it is not told here */
    flow->closed = outer->pair.server.flows[0].closed = 1;
}

static void outer_free(struct outer *outer)
{
    ssh_pair_free(&outer->pair);
    sessile_ssh_config_free(outer->client);
    sessile_ssh_config_free(outer->server);
}

/* The channel is gone, and the session still there. */
static void assert_channel_is_over(struct outer *outer)
{
    assert_ssh_ready(&outer->pair);
    assert_int_equal(sessile_stream_write(outer->client_stream, "x", 1), SESSILE_ERR_CLOSED);
    assert_int_equal(sessile_stream_write(outer->server_stream, "x", 1), SESSILE_ERR_CLOSED);
    sessile_session_end(outer->pair.client.session);
    ssh_pair_run(&outer->pair);
    assert_ssh_ended(&outer->pair.client);
    assert_ssh_ended(&outer->pair.server);
}

/* ---- SSH in SSH ---- */

static void tell_through(enum ssh_wire policy)
{
    sessile_ssh_config *client = ssh_story_client(NULL), *server = ssh_story_server(NULL);
    struct outer outer;
    struct ssh_pair inner;

    outer_open(&outer, NULL);
    outer.pair.policy = policy;
    ssh_story_init(&inner, client, server);
    inner.client.session = sessile_over_stream(outer.client_stream);
    inner.server.session = sessile_over_stream(outer.server_stream);
    assert_non_null(inner.client.session);
    assert_non_null(inner.server.session);
    assert_int_equal(ssh_pair_start(&inner), SESSILE_OK);
    ssh_pair_run(&outer.pair);
    assert_null(ssh_story_fault(&inner));
    assert_channel_is_over(&outer);
    ssh_pair_free(&inner);
    outer_free(&outer);
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
}

static void what_was_unread_before_counts_as_consumed(void **state)
{
    struct outer outer;
    sessile_session *inner;

    (void)state;
    outer_open(&outer, NULL);
    outer.pair.client.flows[0].closed = outer.pair.server.flows[0].closed = 0; /* they are told for now */
    assert_int_equal(sessile_stream_set_manual(outer.server_stream, 1), SESSILE_OK);
    assert_int_equal(sessile_stream_write(outer.client_stream, "before", 6), 6);
    ssh_pair_run(&outer.pair);
    assert_int_equal(sessile_stream_consumed(outer.server_stream, 1), SESSILE_OK);
    inner = sessile_over_stream(outer.server_stream);
    assert_non_null(inner);
    assert_int_equal(sessile_stream_consumed(outer.server_stream, 1), SESSILE_ERR_ARGUMENT);
    sessile_session_free(inner);
    outer_free(&outer);
}

static void ssh_runs_through_a_jump_host(void **state)
{
    (void)state;
    tell_through(SSH_WIRE_WHOLE);
    tell_through(SSH_WIRE_BYTES);
    tell_through(SSH_WIRE_RANDOM);
}

static void the_outer_sessions_end_truncates_the_inner(void **state)
{
    sessile_ssh_config *client = ssh_client_config(NULL), *server = ssh_server_config(NULL);
    struct outer outer;
    struct ssh_pair inner;

    (void)state;
    outer_open(&outer, NULL);
    ssh_pair_init(&inner, client, server);
    inner.client.session = sessile_over_stream(outer.client_stream);
    inner.server.session = sessile_over_stream(outer.server_stream);
    assert_int_equal(ssh_pair_start(&inner), SESSILE_OK);
    ssh_pair_run(&outer.pair);
    assert_ssh_ready(&inner);
    ssh_peer_opened(&inner.client, sessile_ssh_open_session(inner.client.session, NULL, NULL));
    ssh_pair_run(&outer.pair);
    assert_int_equal(inner.client.flows[0].opened, 1);
    sessile_session_abort(outer.pair.server.session);
    ssh_pair_run(&outer.pair);
    assert_ssh_failed(&inner.client, SESSILE_ERR_TRUNCATED, "");
    assert_ssh_failed(&inner.server, SESSILE_ERR_TRUNCATED, "");
    ssh_pair_free(&inner);
    outer_free(&outer);
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
}

/* ---- TLS, as little as it takes ---- */

struct tls_side {
    sessile_session *session;
    sessile_stream *stream;
    struct ssh_bytes got, pending;
    int ready, closed, error;
    int echo;
};

static int tls_on_ready(sessile_session *session, void *app)
{
    (void)session;
    ((struct tls_side *)app)->ready = 1;
    return 0;
}

static void tls_push(struct tls_side *side)
{
    int taken;

    while (side->pending.size &&
           (taken = sessile_stream_write(side->stream, side->pending.data, side->pending.size)) > 0) {
        side->pending.size -= (size_t)taken;
        memmove(side->pending.data, side->pending.data + taken, side->pending.size);
    }
}

static int tls_on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct tls_side *side = app;

    (void)stream;
    ssh_bytes_add(side->echo ? &side->pending : &side->got, data, size);
    tls_push(side);
    return 0;
}

static int tls_on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    tls_push(app);
    return 0;
}

static void tls_on_closed(sessile_session *session, int error, void *app)
{
    struct tls_side *side = app;

    (void)session;
    side->closed = 1;
    side->error = error;
}

static sessile_tls_config *tls_client, *tls_server;

/* session: with its wire. */
static void tls_open(struct tls_side *side, int role, sessile_session *session)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    assert_non_null(session);
    memset(side, 0, sizeof *side);
    side->session = session;
    side->echo = role == SESSILE_SERVER;
    sessile_callbacks_set_ready(callbacks, tls_on_ready);
    sessile_callbacks_set_data(callbacks, tls_on_data);
    sessile_callbacks_set_writable(callbacks, tls_on_writable);
    sessile_callbacks_set_closed(callbacks, tls_on_closed);
    if (role == SESSILE_CLIENT)
        SSH_MUST(sessile_tls_connect(session, tls_client, HOST, callbacks, side));
    else
        SSH_MUST(sessile_tls_accept(session, tls_server, callbacks, side));
    side->stream = sessile_session_stream(session);
    sessile_callbacks_free(callbacks);
}

static void tls_free(struct tls_side *side)
{
    sessile_session_free(side->session);
    ssh_bytes_clear(&side->got);
    ssh_bytes_clear(&side->pending);
}

static uint8_t *bulk(void)
{
    uint8_t *data = need_memory(malloc(BULK));
    uint32_t state = 3;

    for (size_t i = 0; i < BULK; i++)
        data[i] = (uint8_t)random_next(&state);
    return data;
}

/* ---- TLS in SSH, SSH in TLS ---- */

static void tls_runs_in_a_channel(void **state)
{
    uint8_t *data = bulk();
    struct outer outer;
    struct tls_side client, server;

    (void)state;
    outer_open(&outer, "aes128-gcm@openssh.com");
    tls_open(&server, SESSILE_SERVER, sessile_over_stream(outer.server_stream));
    tls_open(&client, SESSILE_CLIENT, sessile_over_stream(outer.client_stream));
    ssh_pair_run(&outer.pair);
    assert_true(client.ready && server.ready);
    ssh_bytes_add(&client.pending, data, BULK);
    tls_push(&client);
    sessile_ssh_rekey(outer.pair.client.session); /* in the midst of it */
    ssh_pair_run(&outer.pair);
    assert_int_equal(outer.pair.client.rekeyed, 1);
    assert_int_equal(client.got.size, BULK);
    assert_memory_equal(client.got.data, data, BULK);
    sessile_stream_end(client.stream);
    ssh_pair_run(&outer.pair);
    assert_true(client.closed && server.closed);
    assert_int_equal(client.error, SESSILE_OK);
    assert_int_equal(server.error, SESSILE_OK);
    tls_free(&client);
    tls_free(&server);
    assert_channel_is_over(&outer);
    outer_free(&outer);
    free(data);
}

static void ssh_runs_in_tls(void **state)
{
    sessile_ssh_config *ssh_client = ssh_story_client(NULL), *ssh_server = ssh_story_server(NULL);
    sessile_session *first, *second;
    struct tls_side client, server;
    struct ssh_pair inner;

    (void)state;
    assert_int_equal(sessile_pair(&first, &second), SESSILE_OK);
    tls_open(&server, SESSILE_SERVER, second);
    tls_open(&client, SESSILE_CLIENT, first);
    assert_true(client.ready && server.ready);
    ssh_story_init(&inner, ssh_client, ssh_server);
    inner.client.session = sessile_over_stream(client.stream);
    inner.server.session = sessile_over_stream(server.stream);
    assert_int_equal(ssh_pair_start(&inner), SESSILE_OK); /* nothing holds it up: it is over when this returns */
    assert_null(ssh_story_fault(&inner));
    assert_true(client.closed && server.closed);
    assert_int_equal(client.error, SESSILE_OK);
    ssh_pair_free(&inner);
    tls_free(&client);
    tls_free(&server);
    sessile_ssh_config_free(ssh_client);
    sessile_ssh_config_free(ssh_server);
}

static int set_up(void **state)
{
    configs_open(state);
    configs_make(&tls_client, &tls_server, SESSILE_TLS_1_3);
    return 0;
}

static int tear_down(void **state)
{
    sessile_tls_config_free(tls_client);
    sessile_tls_config_free(tls_server);
    trust_free();
    return configs_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_unread_before_counts_as_consumed),
        cmocka_unit_test(ssh_runs_through_a_jump_host),
        cmocka_unit_test(the_outer_sessions_end_truncates_the_inner),
        cmocka_unit_test(tls_runs_in_a_channel),
        cmocka_unit_test(ssh_runs_in_tls),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
