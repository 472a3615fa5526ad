/* SPDX-License-Identifier: Apache-2.0
 *
 * However the wire cuts what goes over it, the same happens: the same events in the same order, the same data, the same
 * totals. Every scenario runs whole first, and then a byte at a time, cut in every flight at every offset, and in
 * portions at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"

static sessile_tls_config *client;
static sessile_tls_config *server;
static struct tls_bytes ticket;

/* ---- scenarios: configs, what is set before the start, and what is said afterwards ---- */

struct scenario {
    const char *name;
    void (*configs)(void);
    void (*before)(struct tls_pair *pair); /* may be NULL */
    void (*script)(struct tls_pair *pair);
    size_t step; /* of the offsets at which flights are cut */
};

static const char words[] = "some words that fit into one record";

static void say_much(struct tls_pair *pair, size_t size)
{
    static uint8_t block[20000];

    end_write(&pair->client, words, sizeof words);
    pair_run(pair);
    end_write(&pair->server, block, size);
    pair_run(pair);
    end_write(&pair->client, words, 5);
    end_write(&pair->client, words, 7);
    pair_run(pair);
}

static void say(struct tls_pair *pair)
{
    say_much(pair, 700);
}

static void end_both(struct tls_pair *pair)
{
    sessile_stream_end(pair->client.stream);
    pair_run(pair);
    end_write(&pair->server, words, 3);
    pair_run(pair);
    sessile_session_end(pair->server.session);
    pair_run(pair);
}

static void say_and_end(struct tls_pair *pair)
{
    say(pair);
    end_both(pair);
}

static void say_much_and_end(struct tls_pair *pair)
{
    say_much(pair, 20000);
    end_both(pair);
}

static void update_and_end(struct tls_pair *pair)
{
    sessile_tls_key_update(pair->client.session, 1);
    say(pair);
    sessile_tls_key_update(pair->server.session, 0);
    say_and_end(pair);
}

static void just_run(struct tls_pair *pair)
{
    pair_run(pair);
}

static void detach_both(struct tls_pair *pair)
{
    pair->no_eof = 1;
    say(pair);
    sessile_session_detach(pair->client.session);
    pair_run(pair);
    sessile_session_detach(pair->server.session);
    end_inject(&pair->client, "plain", 5);
    pair_run(pair);
}

static void mutual(int version)
{
    configs_make(&client, &server, version);
    config_show(client, configs_pki.client);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    MUST(sessile_tls_config_set_alpn(client, "a,b"));
    MUST(sessile_tls_config_set_alpn(server, "b"));
}

static void mutual_1_2(void)
{
    mutual(SESSILE_TLS_1_2);
}

static void mutual_1_3(void)
{
    mutual(SESSILE_TLS_1_3);
}

static void simple(void)
{
    configs_make(&client, &server, 0);
}

static void retried(void)
{
    simple();
    MUST(sessile_tls_config_set_groups(client, "X25519:P-384"));
    MUST(sessile_tls_config_set_groups(server, "P-384"));
}

static void chosen(void)
{
    sessile_tls_config *other = config_server();

    retried();
    MUST(sessile_tls_config_set_alpn(other, "c"));
    MUST(sessile_tls_config_add_host(server, HOST, other));
    MUST(sessile_tls_config_ask_hello(server, 1));
    sessile_tls_config_free(other);
}

static void asking(int version)
{
    mutual(version);
    MUST(sessile_tls_config_ask_peer(client, SESSILE_TLS_ASK_ALWAYS));
    MUST(sessile_tls_config_ask_peer(server, SESSILE_TLS_ASK_ALWAYS));
}

static void asking_1_2(void)
{
    asking(SESSILE_TLS_1_2);
}

static void asking_1_3(void)
{
    asking(SESSILE_TLS_1_3);
}

static void refuse(struct tls_pair *pair)
{
    pair->server.answer = ANSWER_REFUSE;
}

static void ask_for_another(struct tls_pair *pair)
{
    pair->host = "c.example";
}

static void no_protocol(void)
{
    simple();
    MUST(sessile_tls_config_set_alpn(client, "a"));
    MUST(sessile_tls_config_set_alpn(server, "b"));
}

static void long_chain(void)
{
    struct pki *pki = pki_long_chain(configs_pki.ca, "ed25519", HOST, 2, 9000);

    client = config_client();
    server = config_server_of(pki);
    pki_free(pki);
}

static void small_records(void)
{
    mutual(SESSILE_TLS_1_3);
    MUST(sessile_tls_config_set_max_fragment(client, 512));
}

static void resumable(int version)
{
    struct tls_pair pair;

    configs_make(&client, &server, version);
    pair_open(&pair, client, server);
    bytes_clear(&ticket);
    bytes_add(&ticket, pair.client.ticket.data, pair.client.ticket.size);
    pair_free(&pair);
}

static void resumable_1_2(void)
{
    resumable(SESSILE_TLS_1_2);
}

static void resumable_1_3(void)
{
    resumable(SESSILE_TLS_1_3);
}

static void resume(struct tls_pair *pair)
{
    pair->ticket = ticket.data;
    pair->ticket_size = ticket.size;
}

static const struct scenario scenarios[] = {
    {"1.2 with client certificates", mutual_1_2, NULL, say_and_end, 1},
    {"1.3 with client certificates", mutual_1_3, NULL, update_and_end, 1},
    {"a retried hello", retried, NULL, say_and_end, 23},
    {"a config by name and question, and a retried hello", chosen, NULL, say_and_end, 23},
    {"questions in 1.2", asking_1_2, NULL, say_and_end, 29},
    {"questions in 1.3", asking_1_3, NULL, say_and_end, 29},
    {"a refused client in 1.2", asking_1_2, refuse, just_run, 31},
    {"a refused client in 1.3", asking_1_3, refuse, just_run, 31},
    {"a wrong host", simple, ask_for_another, just_run, 31},
    {"no common protocol", no_protocol, NULL, just_run, 31},
    {"a long chain and much data", long_chain, NULL, say_much_and_end, 997},
    {"small records", small_records, NULL, say_and_end, 37},
    {"resumption in 1.2", resumable_1_2, resume, say_and_end, 11},
    {"resumption in 1.3", resumable_1_3, resume, say_and_end, 13},
    {"detaching", simple, NULL, detach_both, 31},
};

/* ---- what came of it ---- */

struct outcome {
    char log[PAIR_LOG];
    struct tls_bytes data;
    uint64_t counters[7];
    size_t left; /* untaken */
    int error;
};

static void note(struct outcome *outcome, struct tls_end *end)
{
    memcpy(outcome->log, end->log, sizeof outcome->log);
    bytes_add(&outcome->data, end->data.data, end->data.size);
    for (int i = 0; i < 7; i++)
        outcome->counters[i] = i == SESSILE_COUNT_OFFERED ? 0 : sessile_session_counter(end->session, i);
    outcome->error = sessile_session_error(end->session);
    outcome->left = outcome->error ? 0 : end->wire.size - end->taken; /* a receive that fails does not say */
}

/* What a ticket holds has not always the same size, which its cipher rounds up; all else has. */
static size_t slack(int counter)
{
    return counter == SESSILE_COUNT_TAKEN || counter == SESSILE_COUNT_SENT ? 48 : 0;
}

static void compare(const struct outcome *expected, const struct outcome *seen)
{
    assert_string_equal(seen->log, expected->log);
    assert_int_equal(seen->data.size, expected->data.size);
    if (seen->data.size)
        assert_memory_equal(seen->data.data, expected->data.data, seen->data.size);
    for (int i = 0; i < 7; i++)
        assert_in_range(seen->counters[i] + slack(i), expected->counters[i], expected->counters[i] + 2 * slack(i));
    assert_int_equal(seen->left, expected->left);
    assert_int_equal(seen->error, expected->error);
}

static size_t largest_flight(const struct tls_pair *pair)
{
    size_t largest = 0;

    for (const struct tls_end *end = &pair->client; end; end = end == &pair->client ? &pair->server : NULL)
        for (size_t i = 0; i < end->flights && i < PAIR_FLIGHTS; i++)
            if (end->flight_sizes[i] > largest && end->flight_sizes[i] < 20000)
                largest = end->flight_sizes[i];
    return largest;
}

static size_t run(const struct scenario *scenario, struct outcome outcome[2], enum wire_policy policy, size_t number)
{
    struct tls_pair pair;
    size_t largest;

    pair_init(&pair, client, server);
    pair.policy = policy;
    pair.cut = number;
    pair.seed = (uint32_t)number;
    if (scenario->before)
        scenario->before(&pair);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    scenario->script(&pair);
    note(&outcome[0], &pair.client);
    note(&outcome[1], &pair.server);
    largest = largest_flight(&pair);
    pair_free(&pair);
    return largest;
}

static void run_again(const struct scenario *scenario, const struct outcome expected[2], enum wire_policy policy,
                      size_t number)
{
    static struct outcome seen[2];

    memset(seen, 0, sizeof seen);
    run(scenario, seen, policy, number);
    compare(&expected[0], &seen[0]);
    compare(&expected[1], &seen[1]);
    bytes_clear(&seen[0].data);
    bytes_clear(&seen[1].data);
}

static void run_in_every_way(const struct scenario *scenario)
{
    static struct outcome expected[2];
    size_t largest;

    memset(expected, 0, sizeof expected);
    scenario->configs();
    largest = run(scenario, expected, WIRE_WHOLE, 0);
    assert_true(largest > 0);
    run_again(scenario, expected, WIRE_WHOLE, 0);
    run_again(scenario, expected, WIRE_BYTES, 0);
    for (size_t seed = 1; seed <= 12; seed++)
        run_again(scenario, expected, WIRE_RANDOM, seed);
    for (size_t offset = 1; offset < largest && offset < 1400; offset += scenario->step)
        run_again(scenario, expected, WIRE_FLIGHTS, offset);
    for (size_t offset = 1400; offset < largest; offset += 997)
        run_again(scenario, expected, WIRE_FLIGHTS, offset);
    bytes_clear(&expected[0].data);
    bytes_clear(&expected[1].data);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void the_same_happens_however_it_is_cut(void **state)
{
    const struct scenario *scenario = *state;

    run_in_every_way(scenario);
}

int main(void)
{
    struct CMUnitTest tests[sizeof scenarios / sizeof scenarios[0]];
    int failed;

    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tests[i] = (struct CMUnitTest){scenarios[i].name, the_same_happens_however_it_is_cut, NULL, NULL,
                                       (void *)(uintptr_t)&scenarios[i]};
    failed = cmocka_run_group_tests(tests, configs_open, configs_close);
    bytes_clear(&ticket);
    return failed;
}
