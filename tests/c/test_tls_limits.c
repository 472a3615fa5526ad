/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounds: what a peer can make a session do or hold, what a held wire and unread data lead to, and what an idle session
 * costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_raw.h"
#include "tls_two.h"

#define FOR_BOTH(version) for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++)

static void remake(int version)
{
    two_teardown(NULL);
    configs_make(&client, &server, version);
}

static size_t held(void)
{
    return failing_bytes(FAILING_OURS) + failing_bytes(FAILING_OPENSSL);
}

/* ---- floods ---- */

static void raw_client(struct raw *raw)
{
    raw_init(raw, SESSILE_CLIENT, server);
    raw_start(raw, HOST, NULL);
    assert_true(raw->ready && raw->end->ready);
}

static void flood_of_key_updates(struct raw *raw, int requested)
{
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(SSL_key_update(raw->ssl, requested ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
                         1);
        assert_int_equal(SSL_do_handshake(raw->ssl), 1);
    }
    raw_run(raw);
}

static void key_updates_are_answered_in_bounds(void **state)
{
    struct raw raw;
    size_t sent;
    size_t before;

    (void)state;
    raw_client(&raw);
    before = failing_bytes(FAILING_OURS);
    sent = raw.moved;
    flood_of_key_updates(&raw, 1);
    assert_false(raw.end->closed);
    assert_true(raw.moved - sent < 65536);
    assert_int_equal(failing_bytes(FAILING_OURS), before);
    end_write(raw.end, "alive", 5);
    raw_write(&raw, "and well", 8);
    raw_run(&raw);
    assert_true(end_got(raw.end, "and well"));
    assert_int_equal(raw.data.size, 5);
    raw_free(&raw);
}

/* Half closed: what arrives is taken, nothing goes out behind close_notify. */
static void nothing_follows_close_notify(void **state)
{
    struct raw raw;
    size_t sent;

    (void)state;
    raw_client(&raw);
    assert_int_equal(sessile_stream_end(raw.end->stream), SESSILE_OK);
    raw_run(&raw);
    sent = raw.moved;
    flood_of_key_updates(&raw, 1);
    raw_write(&raw, "still talking", 13);
    raw_run(&raw);
    assert_true(end_got(raw.end, "still talking"));
    assert_int_equal(raw.moved, sent);
    assert_int_equal(SSL_shutdown(raw.ssl), 1);
    raw_run(&raw);
    assert_int_equal(raw.end->closed, 1);
    assert_int_equal(raw.end->error, SESSILE_OK);
    raw_free(&raw);
}

static void a_flood_of_tickets_is_bounded(void **state)
{
    struct raw raw;
    size_t before;

    (void)state;
    raw_init(&raw, SESSILE_SERVER, client);
    raw_start(&raw, NULL, NULL);
    assert_true(raw.ready && raw.end->ready);
    before = held();
    for (int i = 0; i < 300; i++) {
        assert_int_equal(SSL_new_session_ticket(raw.ssl), 1);
        assert_int_equal(SSL_do_handshake(raw.ssl), 1);
        raw_run(&raw);
    }
    assert_int_equal(raw.end->tickets, 302);
    assert_false(raw.end->closed);
    assert_true(held() < before + 8192);
    raw_free(&raw);
}

static void renegotiation_is_refused_and_the_session_goes_on(void **state)
{
    struct raw raw;

    (void)state;
    remake(SESSILE_TLS_1_2);
    raw_client(&raw);
    assert_int_equal(SSL_renegotiate(raw.ssl), 1);
    (void)SSL_do_handshake(raw.ssl);
    raw_flush(&raw);
    assert_false(raw.end->closed);
    end_write(raw.end, "no", 2);
    assert_int_equal(raw.end->pending.size, 0);
    raw_run(&raw); /* the peer does not live with that */
    assert_int_equal(raw.alert, SSL_AD_NO_RENEGOTIATION);
    assert_failed(raw.end, SESSILE_ERR_PEER);
    raw_free(&raw);
}

static void a_server_that_asks_for_renegotiation_is_refused(void **state)
{
    struct raw raw;

    (void)state;
    remake(SESSILE_TLS_1_2);
    raw_init(&raw, SESSILE_SERVER, client);
    raw_start(&raw, NULL, NULL);
    assert_true(raw.ready);
    assert_int_equal(SSL_renegotiate(raw.ssl), 1);
    (void)SSL_do_handshake(raw.ssl);
    raw_flush(&raw);
    assert_false(raw.end->closed);
    raw_run(&raw);
    assert_int_equal(raw.alert, SSL_AD_NO_RENEGOTIATION);
    raw_free(&raw);
}

/* ---- a message of the peer's that is only half there ---- */

#define FIRST_RECORD (5 + 512 + 17)

/* A server whose tickets do not fit into one record, for a client that negotiated small ones: the next one is made,
 * and not shown yet. */
static int believe(X509_STORE_CTX *store, void *unused)
{
    (void)store, (void)unused;
    return 1;
}

static void open_half(struct raw *raw)
{
    MUST(sessile_tls_config_set_max_fragment(client, 512));
    config_show(client, configs_pki.client);
    raw_init(raw, SESSILE_SERVER, client);
    SSL_CTX_set_verify(raw->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_id_context(raw->ctx, (const uint8_t *)"half", 4);
    SSL_CTX_set_cert_verify_callback(raw->ctx, believe, NULL);
    raw_start(raw, NULL, NULL);
    assert_true(raw->ready && raw->end->ready);
    assert_int_equal(SSL_new_session_ticket(raw->ssl), 1);
    assert_int_equal(SSL_do_handshake(raw->ssl), 1);
}

static void show_first_half(struct raw *raw)
{
    char *data;
    size_t size = (size_t)BIO_get_mem_data(SSL_get_wbio(raw->ssl), &data);

    assert_true(size > FIRST_RECORD + 5);
    end_inject(raw->end, data, FIRST_RECORD);
    pair_run(&raw->pair);
    assert_int_equal(raw->end->taken, raw->end->wire.size);
    assert_false(raw->end->closed);
}

static void show_second_half(struct raw *raw)
{
    char *data;
    size_t size = (size_t)BIO_get_mem_data(SSL_get_wbio(raw->ssl), &data);

    end_inject(raw->end, data + FIRST_RECORD, size - FIRST_RECORD);
    (void)BIO_reset(SSL_get_wbio(raw->ssl));
    raw_run(raw);
}

static void writing_waits_for_the_rest_of_a_message(void **state)
{
    struct raw raw;

    (void)state;
    open_half(&raw);
    show_first_half(&raw);
    end_write(raw.end, "in between", 10);
    assert_false(raw.end->closed);
    assert_int_equal(sessile_tls_key_update(raw.end->session, 1), SESSILE_ERR_MISUSE);
    show_second_half(&raw);
    assert_false(raw.end->closed);
    assert_int_equal(raw.end->pending.size, 0);
    assert_int_equal(raw.data.size, 10);
    assert_int_equal(raw.end->tickets, 3);
    raw_free(&raw);
}

static void ending_waits_for_the_rest_of_a_message(void **state)
{
    struct raw raw;

    (void)state;
    open_half(&raw);
    show_first_half(&raw);
    assert_int_equal(sessile_stream_end(raw.end->stream), SESSILE_OK);
    assert_int_equal(sessile_stream_write(raw.end->stream, "x", 1), SESSILE_ERR_CLOSED);
    assert_false(raw.end->closed);
    show_second_half(&raw);
    assert_true(raw.closed && raw.reason == 0);
    assert_int_equal(SSL_shutdown(raw.ssl), 1);
    raw_run(&raw);
    assert_int_equal(raw.end->closed, 1);
    assert_int_equal(raw.end->error, SESSILE_OK);
    raw_free(&raw);
}

/* ---- hold ---- */

static void a_held_handshake_still_goes_on(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    assert_int_equal(sessile_session_hold(pair.client.session, 1), SESSILE_OK);
    assert_int_equal(sessile_session_hold(pair.server.session, 1), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    end_write(&pair.client, "held", 4);
    pair_run(&pair);
    assert_int_equal(pair.client.pending.size, 4);
    assert_int_equal(pair.server.data.size, 0);
    assert_int_equal(sessile_session_hold(pair.client.session, 0), SESSILE_OK);
    pair_run(&pair);
    assert_true(end_got(&pair.server, "held"));
    assert_int_equal(pair.client.writable, 1);
    pair_free(&pair);
}

/* An echo server whose peer writes and writes and reads nothing. */
static void an_echo_to_a_peer_that_never_reads_is_bounded(void **state)
{
    static uint8_t block[65536];
    struct tls_pair pair;
    size_t before;
    size_t echoed;

    (void)state;
    pair_open(&pair, client, server);
    before = held();
    assert_int_equal(sessile_session_hold(pair.server.session, 1), SESSILE_OK);
    echoed = pair.client.wire.size;
    for (int i = 0; i < 32; i++) {
        assert_int_equal(sessile_stream_write(pair.client.stream, block, sizeof block), sizeof block);
        pair_run(&pair);
        assert_int_equal(sessile_stream_write(pair.server.stream, block, 1), 0);
    }
    assert_int_equal(pair.client.wire.size, echoed);
    assert_true(held() < before + 4096);
    pair_free(&pair);
}

/* ---- credit by hand ---- */

static void unread_data_stops_the_session_at_its_limit(void **state)
{
    static uint8_t block[200000];
    struct tls_pair pair;
    size_t unread;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        pair_open(&pair, client, server);
        assert_int_equal(sessile_stream_set_manual(pair.server.stream, 1), SESSILE_OK);
        end_write(&pair.client, block, sizeof block);
        pair_run(&pair);
        unread = pair.server.data.size;
        assert_true(unread >= 65536 && unread < 65536 + 16384);
        assert_int_equal(sessile_session_want(pair.server.session), 0);
        assert_true(pair.server.taken < pair.server.shown);
        assert_int_equal(sessile_stream_consumed(pair.server.stream, unread + 1), SESSILE_ERR_ARGUMENT);
        assert_int_equal(sessile_stream_consumed(pair.server.stream, unread), SESSILE_OK);
        pair_run(&pair);
        assert_true(pair.server.data.size > unread && pair.server.data.size < 2 * (65536 + 16384));
        assert_int_equal(sessile_stream_set_manual(pair.server.stream, 0), SESSILE_OK);
        pair_run(&pair);
        assert_int_equal(pair.server.data.size, sizeof block);
        pair_free(&pair);
    }
}

static void credit_by_hand_needs_a_resume_callback(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    pair.server.no_resume = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_int_equal(sessile_stream_set_manual(pair.server.stream, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_pause(pair.server.session, 1), SESSILE_ERR_MISUSE);
    pair_free(&pair);
}

static void a_paused_session_takes_nothing_until_it_goes_on(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_open(&pair, client, server);
    assert_int_equal(sessile_session_pause(pair.server.session, 1), SESSILE_OK);
    end_write(&pair.client, "later", 5);
    pair_run(&pair);
    assert_int_equal(pair.server.data.size, 0);
    end_write(&pair.server, "the other way", 13);
    pair_run(&pair);
    assert_true(end_got(&pair.client, "the other way"));
    assert_int_equal(sessile_session_pause(pair.server.session, 0), SESSILE_OK);
    pair_run(&pair);
    assert_true(end_got(&pair.server, "later"));
    pair_free(&pair);
}

static void a_large_write_goes_out_in_pieces_of_whole_records(void **state)
{
    size_t size = 1 << 20;
    uint8_t *block = calloc(1, size);
    struct tls_pair pair;
    size_t flights;

    (void)state;
    pair_open(&pair, client, server);
    flights = pair.client.flights;
    assert_int_equal(sessile_stream_write(pair.client.stream, block, size), size);
    assert_true(pair.client.flights - flights >= 4 && pair.client.flights - flights <= 9);
    for (size_t i = flights; i < pair.client.flights; i++)
        assert_true(pair.client.flight_sizes[i] <= 262144 + 16384);
    pair_run(&pair);
    assert_int_equal(pair.server.data.size, size);
    assert_int_equal(sessile_session_enter(pair.client.session), SESSILE_OK);
    assert_true(sessile_stream_write(pair.client.stream, block, size) <= 262144);
    assert_int_equal(sessile_session_leave(pair.client.session), SESSILE_OK);
    assert_int_equal(pair.client.writable, 1);
    free(block);
    pair_free(&pair);
}

/* ---- what an idle session costs ---- */

static void move(SSL *from, SSL *to)
{
    char *data;
    long size = BIO_get_mem_data(SSL_get_wbio(from), &data);

    if (size > 0)
        BIO_write(SSL_get_rbio(to), data, (int)size);
    (void)BIO_reset(SSL_get_wbio(from));
}

static SSL *bare(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    assert_non_null(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return ssl;
}

/* libssl without anything around it, with its buffers released. */
static void bare_pair(SSL_CTX *clients, SSL_CTX *servers, SSL *pair[2])
{
    char byte;

    pair[0] = bare(clients);
    pair[1] = bare(servers);
    SSL_set_tlsext_host_name(pair[0], HOST);
    SSL_set_connect_state(pair[0]);
    SSL_set_accept_state(pair[1]);
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(pair[0]);
        move(pair[0], pair[1]);
        (void)SSL_do_handshake(pair[1]);
        move(pair[1], pair[0]);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(SSL_read(pair[i], &byte, 1), -1);
        assert_int_equal(SSL_is_init_finished(pair[i]), 1);
        SSL_set_bio(pair[i], NULL, NULL);
        assert_int_equal(SSL_free_buffers(pair[i]), 1);
    }
}

#define PAIRS 20

static size_t cost_of_bare_pairs(int version)
{
    struct raw a;
    struct raw b;
    SSL *pairs[PAIRS][2];
    size_t before;
    size_t cost;

    raw_init(&a, SESSILE_CLIENT, server);
    raw_init(&b, SESSILE_SERVER, client);
    SSL_CTX_set_max_proto_version(a.ctx, version);
    SSL_CTX_sess_set_new_cb(a.ctx, NULL);
    SSL_CTX_set_session_cache_mode(b.ctx, SSL_SESS_CACHE_OFF);
    bare_pair(a.ctx, b.ctx, pairs[0]); /* what is made once */
    before = held();
    for (int i = 1; i < PAIRS; i++)
        bare_pair(a.ctx, b.ctx, pairs[i]);
    cost = held() - before;
    for (int i = 0; i < PAIRS; i++)
        for (int j = 0; j < 2; j++)
            SSL_free(pairs[i][j]);
    raw_free(&a);
    raw_free(&b);
    return cost;
}

static size_t cost_of_pairs(void)
{
    static struct tls_pair pairs[PAIRS];
    size_t before = 0;
    size_t cost;

    for (int i = 0; i < PAIRS; i++) {
        if (i == 1)
            before = held();
        pair_open(&pairs[i], client, server);
        sessile_session_set_counters(pairs[i].client.session, 0);
        sessile_session_set_counters(pairs[i].server.session, 0);
    }
    cost = held() - before;
    for (int i = 0; i < PAIRS; i++)
        pair_free(&pairs[i]);
    return cost;
}

static void an_idle_session_costs_little_more_than_libssls(void **state)
{
    size_t sessions = 2 * (PAIRS - 1);
    size_t ours;
    size_t bares;

    (void)state;
    FOR_BOTH(version)
    {
        remake(version);
        ours = cost_of_pairs();
        bares = cost_of_bare_pairs(version);
        print_message("idle, %#x: %zu bytes a session, libssl alone %zu\n", (unsigned)version, ours / sessions,
                      bares / sessions);
        assert_true(ours < bares + 1024 * sessions);
    }
}

static void data_leaves_nothing_behind(void **state)
{
    static uint8_t block[100000];
    struct tls_pair pair;
    size_t before;

    (void)state;
    pair_open(&pair, client, server);
    end_write(&pair.client, "warm", 4);
    end_write(&pair.server, "warm", 4);
    pair_run(&pair);
    before = held();
    for (int i = 0; i < 3; i++) {
        end_write(&pair.client, block, sizeof block);
        end_write(&pair.server, block, sizeof block);
        pair_run(&pair);
    }
    assert_int_equal(held(), before);
    pair_free(&pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(key_updates_are_answered_in_bounds),
        TEST(nothing_follows_close_notify),
        TEST(a_flood_of_tickets_is_bounded),
        TEST(renegotiation_is_refused_and_the_session_goes_on),
        TEST(a_server_that_asks_for_renegotiation_is_refused),
        TEST(writing_waits_for_the_rest_of_a_message),
        TEST(ending_waits_for_the_rest_of_a_message),
        TEST(a_held_handshake_still_goes_on),
        TEST(an_echo_to_a_peer_that_never_reads_is_bounded),
        TEST(unread_data_stops_the_session_at_its_limit),
        TEST(credit_by_hand_needs_a_resume_callback),
        TEST(a_paused_session_takes_nothing_until_it_goes_on),
        TEST(a_large_write_goes_out_in_pieces_of_whole_records),
        TEST(an_idle_session_costs_little_more_than_libssls),
        TEST(data_leaves_nothing_behind),
    };

    failing_install();
    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
