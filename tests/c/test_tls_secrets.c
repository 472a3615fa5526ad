/* SPDX-License-Identifier: Apache-2.0
 *
 * What is freed holds no secret any more: an allocator looks at each block of libsessile's when it goes. And what one
 * record may make libsessile remember is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/engine.h"
#include "tls/tls.h"
#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_two.h"

static const char secret[] = "the words that nobody else may read: xyzzy";

/* ---- an allocator that looks ---- */

#define HEAD 16

static size_t freed_with_secret;

static void *looking_malloc(size_t size)
{
    uint8_t *block = malloc(HEAD + size);

    if (!block)
        return NULL;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void look(const void *memory)
{
    size_t size;

    memcpy(&size, (const uint8_t *)memory - HEAD, sizeof size);
    if (memmem(memory, size, secret, sizeof secret - 1))
        freed_with_secret++;
}

static void looking_free(void *memory)
{
    look(memory);
    free((uint8_t *)memory - HEAD);
}

static void *looking_realloc(void *memory, size_t size)
{
    void *moved = looking_malloc(size);
    size_t before;

    if (!moved)
        return NULL;
    memcpy(&before, (const uint8_t *)memory - HEAD, sizeof before);
    memcpy(moved, memory, before < size ? before : size);
    looking_free(memory);
    return moved;
}

/* ---- data ---- */

static size_t times_seen;

static int seen(struct tls_end *end, enum event event)
{
    (void)end;
    times_seen += event == EVENT_DATA;
    return 0;
}

static void decrypted_data_is_wiped(void **state)
{
    static uint8_t block[3000];
    struct tls_pair pair;

    (void)state;
    memcpy(block + 1000, secret, sizeof secret - 1);
    freed_with_secret = times_seen = 0;
    pair_open(&pair, client, server);
    pair.server.hook = seen;
    end_write(&pair.client, block, sizeof block);
    pair_run(&pair);
    assert_int_equal(times_seen, 1);
    pair_free(&pair);
    assert_int_equal(freed_with_secret, 0);
}

static void a_passphrase_and_a_psk_are_wiped(void **state)
{
    sessile_tls_config *config = sessile_tls_config_new(SESSILE_CLIENT);

    (void)state;
    freed_with_secret = 0;
    MUST(sessile_tls_config_set_passphrase(config, secret, sizeof secret - 1));
    MUST(sessile_tls_config_add_psk(config, "me", secret, sizeof secret - 1));
    sessile_tls_config_free(config);
    assert_int_equal(freed_with_secret, 0);
}

/* It would be seen, too. */
static void what_is_not_wiped_is_found(void **state)
{
    char *memory = looking_malloc(100);

    (void)state;
    freed_with_secret = 0;
    memcpy(memory + 10, secret, sizeof secret);
    looking_free(memory);
    assert_int_equal(freed_with_secret, 1);
}

/* ---- tickets ---- */

/* libssl calls back once for each ticket of a record, and a record may have a thousand. */
static void a_record_full_of_tickets_brings_a_few(void **state)
{
    struct tls_pair pair;
    struct tls *t;
    SSL_SESSION *ticket;
    int before;

    (void)state;
    pair_open(&pair, client, server);
    t = session_state(pair.client.session);
    ticket = SSL_get1_session(t->ssl);
    assert_true(SSL_SESSION_is_resumable(ticket));
    before = pair.client.tickets;
    for (int i = 0; i < 1000; i++)
        tls_new_session_callback(t->ssl, ticket);
    end_write(&pair.server, "hello", 5);
    pair_run(&pair);
    assert_int_equal(pair.client.tickets, before + 16);
    for (int i = 0; i < 3; i++)
        tls_new_session_callback(t->ssl, ticket);
    end_write(&pair.server, "again", 5);
    pair_run(&pair);
    assert_int_equal(pair.client.tickets, before + 19);
    SSL_SESSION_free(ticket);
    pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decrypted_data_is_wiped, two_setup, two_teardown),
        cmocka_unit_test(a_passphrase_and_a_psk_are_wiped),
        cmocka_unit_test(what_is_not_wiped_is_found),
        cmocka_unit_test_setup_teardown(a_record_full_of_tickets_brings_a_few, two_setup, two_teardown),
    };

    sessile_set_allocator(looking_malloc, looking_realloc, looking_free);
    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
