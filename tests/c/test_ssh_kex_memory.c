/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchanges without memory: each allocation of ours, and of libcrypto's, fails in turn. What comes of it is the
 * same keys on both sides, or an error that sticks at both; never a client that goes on with a server it has not
 * verified, and nothing is left behind. And what a key exchange holds at its peak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "ssh/ssh.h"
#include "ssh_kex.h"
#include "ssh_trust.h"

#define PEAK_MOST 131072 /* of both ends together, less than what one may hold */

static sessile_ssh_config *client;
static sessile_ssh_config *server;

struct scenario {
    const char *name;
    const char *methods;
    const char *host_key;
    const char *known; /* NULL: the question is accepted */
    int keylog;
    int rekey;
    int refused; /* the client must not get anywhere */
    size_t step; /* of the indices of libcrypto's allocations */
};

static const struct scenario scenarios[] = {
    {"a question", "curve25519-sha256", "ed25519 host", NULL, 1, 0, 0, 1},
    {"a known host", "ecdh-sha2-nistp256", "ecdsa host", "host.example {ecdsa host}\n", 0, 0, 0, 3},
    {"a host with another key", "curve25519-sha256", "ed25519 host", "host.example {ed25519 other}\n", 0, 0, 1, 1},
    {"a fixed group", "diffie-hellman-group14-sha256", "ecdsa host", NULL, 0, 0, 0, 5},
    {"group exchange", "diffie-hellman-group-exchange-sha256", "ed25519 host", NULL, 1, 0, 0, 5},
    {"a rekey", "curve25519-sha256", "ed25519 host", NULL, 0, 1, 0, 5},
    {"the best method", NULL, "ed25519 host", NULL, 0, 0, 0, 7},
};

static void make_configs(const struct scenario *scenario)
{
    sessile_known_hosts *known;
    char *text;

    client = sessile_ssh_config_new(SESSILE_CLIENT);
    server = sessile_ssh_config_new(SESSILE_SERVER);
    assert_int_equal(sessile_ssh_config_add_host_key(server, trust_key(scenario->host_key)), 0);
    assert_int_equal(sessile_ssh_config_set_group_sizes(client, 2048, 2048, 2048), 0);
    if (scenario->methods)
        assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, scenario->methods), 0);
    assert_int_equal(sessile_ssh_config_insecure_keylog(client, scenario->keylog), 0);
    if (scenario->known) {
        text = trust_text(scenario->known);
        assert_int_equal(sessile_known_hosts_read(text, strlen(text), NULL, &known, NULL, 0), 0);
        assert_int_equal(sessile_ssh_config_set_known_hosts(client, known), 0);
        sessile_known_hosts_free(known);
        free(text);
    }
    assert_int_equal(sessile_ssh_config_check(client), 0);
    assert_int_equal(sessile_ssh_config_check(server), 0);
}

static int answer(struct kex_end *end, sessile_question *question)
{
    return sessile_question_kind(question) == SESSILE_QUESTION_SSH_HOST_KEY ? kex_accept(end, question)
                                                                            : kex_keep(end, question);
}

static void play(struct kex_pair *pair, const struct scenario *scenario)
{
    kex_run(pair);
    if (!scenario->rekey || pair->client.closed || pair->server.closed)
        return;
    /* The client is in its question about authentication: the server begins, and the client when it has answered. */
    if (kex_phase(&pair->server) >= SSH_SERVICE)
        sessile_ssh_rekey(pair->server.session);
    kex_run(pair);
}

static void check(struct kex_pair *pair, const struct scenario *scenario, int hit)
{
    struct kex_end *ends[2] = {&pair->client, &pair->server};

    if (scenario->refused) {
        assert_false(kex_agreed(pair));
        assert_true(kex_seen(&pair->client, MSG_NEWKEYS).failed);
        assert_int_equal(pair->client.closed, 1);
        return;
    }
    if (kex_agreed(pair))
        return;
    if (!hit)
        print_error("client: %s\nserver: %s\n", sessile_session_error_text(pair->client.session),
                    sessile_session_error_text(pair->server.session));
    assert_true(hit);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ends[i]->closed, 1);
        assert_int_not_equal(ends[i]->error, 0);
        assert_int_equal(sessile_session_error(ends[i]->session), ends[i]->error);
    }
}

static int run(const struct scenario *scenario, int which, size_t index, int forever)
{
    struct kex_pair pair = {.step = 0};
    size_t blocks = failing_blocks(FAILING_OURS);
    int started, hit;

    pair.client.question = answer;
    kex_open(&pair, client, server);
    failing_at(which, index, forever);
    started = kex_start(&pair);
    if (started == SESSILE_OK)
        play(&pair, scenario);
    hit = failing_hit();
    failing_off();
    if (started < 0)
        assert_int_equal(started, SESSILE_ERR_MEMORY);
    else
        check(&pair, scenario, hit);
    kex_free_pair(&pair);
    assert_int_equal(failing_blocks(FAILING_OURS), blocks);
    return hit;
}

static void with_every_allocation_failing(void **state)
{
    const struct scenario *scenario = *state;
    size_t index = 0;

    make_configs(scenario);
    run(scenario, FAILING_OURS, SIZE_MAX - 1, 0); /* what is made once */
    while (run(scenario, FAILING_OURS, index, 0))
        run(scenario, FAILING_OURS, index++, 1);
    assert_true(index > 10);
    for (index = 0; run(scenario, FAILING_OPENSSL, index, 0);)
        index += scenario->step;
    assert_true(index > 50);
    for (index = 0; run(scenario, FAILING_OPENSSL, index, 1);)
        index += 31;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
}

static void a_key_exchange_holds_little_and_gives_it_back(void **state)
{
    const struct scenario *scenario = *state;
    struct kex_pair pair = {.step = 0};
    size_t before;

    make_configs(scenario);
    run(scenario, FAILING_OURS, SIZE_MAX - 1, 0);
    before = failing_bytes(FAILING_OURS) + failing_bytes(FAILING_OPENSSL);
    failing_peak_reset();
    pair.client.question = answer;
    kex_open(&pair, client, server);
    assert_int_equal(kex_start(&pair), 0);
    kex_run(&pair);
    assert_true(kex_agreed(&pair));
    assert_true(failing_peak(FAILING_OURS) + failing_peak(FAILING_OPENSSL) - before < PEAK_MOST);
    assert_null(ssh_of(pair.client.session)->transport.kex);
    kex_free_pair(&pair);
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
}

static int keys_close(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[sizeof scenarios / sizeof scenarios[0] + 1];
    size_t count = sizeof scenarios / sizeof scenarios[0];

    failing_install();
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){scenarios[i].name, with_every_allocation_failing, NULL, NULL,
                                       (void *)(uintptr_t)&scenarios[i]};
    tests[count] = (struct CMUnitTest){"a_key_exchange_holds_little_and_gives_it_back",
                                       a_key_exchange_holds_little_and_gives_it_back, NULL, NULL,
                                       (void *)(uintptr_t)&scenarios[0]};
    return cmocka_run_group_tests(tests, NULL, keys_close);
}
