/* SPDX-License-Identifier: Apache-2.0
 *
 * However the wire cuts the bytes, a session is the same: the same events in the same order, and, with the same random
 * numbers, the same bytes sent. Told of a whole session, under each way to protect packets.
 *
 * Cuts are at each offset of every flight where flights are that long: long ones have many offsets that are in the
 * midst of the same packet, and of those only some are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sanitized.h"
#include "ssh_story.h"
#include "ssh_trust.h"

#ifdef SANITIZED
#define STEP 7
#define SEEDS 20
#else
#define STEP 3
#define SEEDS 100
#endif
/* Offsets that are all tried: lengths, small packets, tags. */
#define CLOSE 80

static const char *const suites[] = {
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr hmac-sha2-256-etm@openssh.com",
    "aes256-ctr hmac-sha2-512",
};
#define SUITES (sizeof suites / sizeof suites[0])

static sessile_ssh_config *client_config, *server_config;
/* As it is with nothing cut. */
static struct {
    struct ssh_bytes to_client, to_server;
    char *client, *server; /* logs */
    size_t largest;        /* flight */
} whole;

static void use_suite(const char *suite, const char *compression)
{
    client_config = ssh_story_client(suite);
    server_config = ssh_story_server(suite);
    if (compression) {
        SSH_MUST(sessile_ssh_config_set_algorithms(client_config, SESSILE_SSH_COMPRESSION, compression));
        SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_COMPRESSION, compression));
    }
}

static void drop_suite(void)
{
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
    ssh_bytes_clear(&whole.to_client);
    ssh_bytes_clear(&whole.to_server);
    free(whole.client);
    free(whole.server);
    memset(&whole, 0, sizeof whole);
}

static void note_flights(const struct ssh_peer *peer)
{
    assert_true(peer->flights <= SSH_FLIGHTS);
    for (size_t i = 0; i < peer->flights; i++)
        if (peer->flight_sizes[i] > whole.largest)
            whole.largest = peer->flight_sizes[i];
}

static void record(void)
{
    struct ssh_pair pair;

    ssh_story_init(&pair, client_config, server_config);
    ssh_story_tell(&pair);
    ssh_bytes_add(&whole.to_client, pair.client.wire.data, pair.client.wire.size);
    ssh_bytes_add(&whole.to_server, pair.server.wire.data, pair.server.wire.size);
    whole.client = need_memory(strdup(journal_text(&pair.client.log)));
    whole.server = need_memory(strdup(journal_text(&pair.server.log)));
    note_flights(&pair.client);
    note_flights(&pair.server);
    ssh_pair_free(&pair);
}

static int same(const struct ssh_bytes *bytes, const struct ssh_bytes *as)
{
    return bytes->size == as->size && memcmp(bytes->data, as->data, as->size) == 0;
}

static void tell(struct ssh_pair *pair, const char *how, size_t number)
{
    ssh_story_tell(pair);
    if (!same(&pair->client.wire, &whole.to_client) || !same(&pair->server.wire, &whole.to_server))
        print_error("%s %zu: other bytes were sent: %zu and %zu, not %zu and %zu\n", how, number,
                    pair->client.wire.size, pair->server.wire.size, whole.to_client.size, whole.to_server.size);
    assert_string_equal(journal_text(&pair->client.log), whole.client);
    assert_string_equal(journal_text(&pair->server.log), whole.server);
    assert_true(same(&pair->client.wire, &whole.to_client));
    assert_true(same(&pair->server.wire, &whole.to_server));
    ssh_pair_free(pair);
}

static void tell_cut(enum ssh_wire policy, size_t cut, const char *how)
{
    struct ssh_pair pair;

    ssh_story_init(&pair, client_config, server_config);
    pair.policy = policy;
    pair.cut = cut;
    tell(&pair, how, cut);
}

static void one_byte_at_a_time_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        use_suite(suites[i], NULL);
        record();
        tell_cut(SSH_WIRE_BYTES, 0, suites[i]);
        drop_suite();
    }
    use_suite(NULL, "zlib@openssh.com");
    record();
    tell_cut(SSH_WIRE_BYTES, 0, "compressed");
    drop_suite();
}

static void every_flight_cut_at_every_offset_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        use_suite(suites[i], NULL);
        record();
        assert_true(whole.largest > CLOSE);
        for (size_t cut = 1; cut < whole.largest; cut += cut < CLOSE ? 1 + i / 2 * 2 : STEP * 11)
            tell_cut(SSH_WIRE_FLIGHTS, cut, suites[i]);
        drop_suite();
    }
}

/* One cut in all of the wire: what comes before is taken long before the rest. */
static void one_cut_anywhere_is_the_same(void **state)
{
    (void)state;
    use_suite(suites[1], NULL);
    record();
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        size_t size = role == SESSILE_CLIENT ? whole.to_client.size : whole.to_server.size;

        for (size_t cut = 1; cut < size; cut += STEP * 7) {
            struct ssh_pair pair;

            ssh_story_init(&pair, client_config, server_config);
            pair.policy = SSH_WIRE_CUT;
            pair.cut_role = role;
            pair.cut = cut;
            tell(&pair, "cut", cut);
        }
    }
    drop_suite();
}

static void random_portions_are_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        use_suite(suites[i], i % 2 ? "zlib@openssh.com" : NULL);
        record();
        for (uint32_t seed = 1; seed <= SEEDS; seed++) {
            struct ssh_pair pair;

            ssh_story_init(&pair, client_config, server_config);
            pair.policy = SSH_WIRE_RANDOM;
            pair.seed = seed;
            tell(&pair, "seed", seed);
        }
        drop_suite();
    }
}

/* The checks above can fail: another seed gives other bytes. */
static void other_random_numbers_give_other_bytes(void **state)
{
    struct ssh_pair pair;

    (void)state;
    use_suite(NULL, NULL);
    record();
    ssh_story_init(&pair, client_config, server_config);
    pair.client.random = 99;
    ssh_story_tell(&pair);
    assert_false(same(&pair.server.wire, &whole.to_server));
    assert_string_equal(journal_text(&pair.client.log), whole.client);
    ssh_pair_free(&pair);
    drop_suite();
}

static int set_up(void **state)
{
    (void)state;
    ssh_random_install();
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_at_a_time_is_the_same),
        cmocka_unit_test(every_flight_cut_at_every_offset_is_the_same),
        cmocka_unit_test(one_cut_anywhere_is_the_same),
        cmocka_unit_test(random_portions_are_the_same),
        cmocka_unit_test(other_random_numbers_give_other_bytes),
    };

    return cmocka_run_group_tests(tests, set_up, drop_keys);
}
