/* SPDX-License-Identifier: Apache-2.0
 *
 * Without memory: each allocation of ours, and of libssl's and libcrypto's, fails in turn. What comes of it is what was
 * wanted, or an error that sticks, at both ends; never a session that hangs, never a peer believed who should not be;
 * and nothing of ours is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "tls_configs.h"
#include "tls_pair.h"

static sessile_tls_config *client;
static sessile_tls_config *server;
static struct tls_bytes ticket;

struct scenario {
    const char *name;
    void (*configs)(void);
    void (*before)(struct tls_pair *pair);
    int never_ready; /* -1, or the role of the end that must not become ready */
    size_t step;     /* of the indices of libssl's and libcrypto's allocations */
};

/* ---- configs ---- */

static void plain(void)
{
    configs_make(&client, &server, SESSILE_TLS_1_3);
}

static void plain_1_2(void)
{
    configs_make(&client, &server, SESSILE_TLS_1_2);
}

static void mutual(void)
{
    plain_1_2();
    config_show(client, configs_pki.client);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
}

static void unknown_server(void)
{
    client = config_client();
    server = config_server_of(configs_pki.stranger);
}

static void revoked_server(void)
{
    char *crl = pki_crl_pem(configs_pki.ca, configs_pki.ed25519, 86400);

    plain();
    MUST(sessile_tls_config_add_crl(client, crl, strlen(crl), 0));
    free(crl);
}

static void unknown_client(void)
{
    plain();
    config_show(client, configs_pki.client_stranger);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
}

static void refused_client(void)
{
    unknown_client();
    MUST(sessile_tls_config_ask_peer(server, SESSILE_TLS_ASK_UNTRUSTED));
}

static void wanted_response(void)
{
    plain();
    MUST(sessile_tls_config_set_ocsp(client, SESSILE_TLS_OCSP_REQUIRE));
}

static void many_things(void)
{
    sessile_tls_config *other = config_server();
    struct tls_pair pair;

    plain();
    MUST(sessile_tls_config_set_alpn(client, "a,b"));
    MUST(sessile_tls_config_set_alpn(other, "b"));
    MUST(sessile_tls_config_add_host(server, HOST, other));
    MUST(sessile_tls_config_ask_hello(server, 1));
    MUST(sessile_tls_config_ask_peer(client, SESSILE_TLS_ASK_ALWAYS));
    sessile_tls_config_free(other);
    pair_open(&pair, client, server);
    bytes_clear(&ticket);
    bytes_add(&ticket, pair.client.ticket.data, pair.client.ticket.size);
    pair_free(&pair);
}

static void resume_and_log(struct tls_pair *pair)
{
    pair->ticket = ticket.data;
    pair->ticket_size = ticket.size;
    pair->client.traced = pair->server.traced = 1;
}

static void wrong_host(struct tls_pair *pair)
{
    pair->host = "c.example";
}

static void refuse(struct tls_pair *pair)
{
    pair->server.answer = ANSWER_REFUSE;
}

static const struct scenario scenarios[] = {
    {"1.3", plain, NULL, -1, 1},
    {"1.2 with client certificates", mutual, NULL, -1, 11},
    {"a server that is not trusted", unknown_server, NULL, SESSILE_CLIENT, 3},
    {"a server with another name", plain_1_2, wrong_host, SESSILE_CLIENT, 3},
    {"a server that is revoked", revoked_server, NULL, SESSILE_CLIENT, 5},
    {"a server without an OCSP response", wanted_response, NULL, SESSILE_CLIENT, 7},
    {"a client that is not trusted", unknown_client, NULL, SESSILE_SERVER, 5},
    {"a client that is refused", refused_client, refuse, SESSILE_SERVER, 11},
    {"names, questions, resumption, traces", many_things, resume_and_log, -1, 11},
};

/* ---- one run ---- */

static uint8_t block[3000];

static void play(struct tls_pair *pair)
{
    pair_run(pair);
    if (!pair_ready(pair))
        return;
    end_write(&pair->client, block, sizeof block);
    pair_run(pair);
    end_write(&pair->server, block, 100);
    pair_run(pair);
    sessile_session_end(pair->client.session);
    pair_run(pair);
    sessile_session_end(pair->server.session);
    pair_run(pair);
}

static int is_beginning(const struct tls_bytes *seen, size_t size)
{
    return seen->size <= size && (!seen->size || !memcmp(seen->data, block, seen->size));
}

static void check(struct tls_pair *pair, const struct scenario *scenario, int started)
{
    struct tls_end *ends[2] = {&pair->client, &pair->server};
    int clean = 1;

    for (int i = 0; i < 2; i++)
        assert_true(scenario->never_ready != ends[i]->role || !ends[i]->ready);
    assert_true(is_beginning(&pair->server.data, sizeof block) && is_beginning(&pair->client.data, 100));
    if (started < 0) { /* told at once, and nothing has begun */
        assert_int_equal(started, SESSILE_ERR_MEMORY);
        return;
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i]->closed, 1);
        clean = clean && ends[i]->error == SESSILE_OK;
        if (ends[i]->error)
            assert_failed(ends[i], ends[i]->error);
    }
    if (clean)
        assert_true(pair->server.data.size == sizeof block && pair->client.data.size == 100);
}

/* Returns whether an allocation was made to fail. */
static int run(const struct scenario *scenario, int which, size_t index, int forever)
{
    struct tls_pair pair;
    size_t blocks = failing_blocks(FAILING_OURS);
    int started;
    int hit;

    pair_init(&pair, client, server);
    if (scenario->before)
        scenario->before(&pair);
    failing_at(which, index, forever);
    started = pair_start(&pair);
    if (started == SESSILE_OK)
        play(&pair);
    hit = failing_hit();
    failing_off();
    check(&pair, scenario, started);
    pair_free(&pair);
    assert_int_equal(failing_blocks(FAILING_OURS), blocks);
    return hit;
}

static void with_every_allocation_failing(void **state)
{
    const struct scenario *scenario = *state;
    size_t index = 0;

    scenario->configs();
    MUST(sessile_tls_config_check(client));
    MUST(sessile_tls_config_check(server));
    run(scenario, FAILING_OURS, SIZE_MAX - 1, 0); /* what is made once */
    while (run(scenario, FAILING_OURS, index, 0))
        run(scenario, FAILING_OURS, index++, 1);
    assert_true(index > 10);
    for (index = 0; run(scenario, FAILING_OPENSSL, index, 0);)
        index += scenario->step;
    assert_true(index > 100);
    for (index = 0; run(scenario, FAILING_OPENSSL, index, 1);)
        index += 101;
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

/* Not every libssl needs memory for it. */
static void a_write_without_memory_fails_and_libssl_rests(void **state)
{
    struct tls_pair pair;
    int taken;

    (void)state;
    for (int which = 0; which < 2; which++) {
        plain();
        pair_open(&pair, client, server);
        failing_at(which, 0, 1);
        taken = sessile_stream_write(pair.client.stream, block, sizeof block);
        if (which == FAILING_OURS || taken != sizeof block) {
            assert_true(taken < 0);
            assert_failed(&pair.client, SESSILE_ERR_MEMORY);
            failing_off();
            assert_failed(&pair.client, SESSILE_ERR_MEMORY);
            pair_run(&pair);
            assert_int_equal(pair.server.error, SESSILE_ERR_TRUNCATED);
        }
        failing_off();
        pair_free(&pair);
        sessile_tls_config_free(client);
        sessile_tls_config_free(server);
    }
}

int main(void)
{
    struct CMUnitTest tests[sizeof scenarios / sizeof scenarios[0] + 1];
    size_t count = sizeof scenarios / sizeof scenarios[0];
    int failed;

    failing_install();
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){scenarios[i].name, with_every_allocation_failing, NULL, NULL,
                                       (void *)(uintptr_t)&scenarios[i]};
    tests[count] = (struct CMUnitTest)cmocka_unit_test(a_write_without_memory_fails_and_libssl_rests);
    failed = cmocka_run_group_tests(tests, configs_open, configs_close);
    bytes_clear(&ticket);
    return failed;
}
