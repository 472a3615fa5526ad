/* SPDX-License-Identifier: Apache-2.0
 *
 * Session ticket keys: tickets are sealed and opened here as libssl does it, through the callback's contract.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "tls_material.h"

struct sealed_ticket {
    unsigned char name[16], iv[EVP_MAX_IV_LENGTH], text[64], mac[32];
    int size;
};

static const char ticket_text[] = "a session";

static void finish_mac(EVP_MAC_CTX *mac, const struct sealed_ticket *ticket, unsigned char out[32])
{
    size_t size;

    assert_int_equal(EVP_MAC_update(mac, ticket->text, (size_t)ticket->size), 1);
    assert_int_equal(EVP_MAC_final(mac, out, &size, 32), 1);
    assert_int_equal(size, 32);
}

static EVP_MAC_CTX *new_mac(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

    assert_non_null(mac);
    EVP_MAC_free(hmac);
    return mac;
}

static struct sealed_ticket seal_ticket(sessile_tls_tickets *tickets)
{
    struct sealed_ticket ticket = {.size = 0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = new_mac();
    int more;

    assert_int_equal(tls_tickets_key(tickets, ticket.name, ticket.iv, cipher, mac, 1), 1);
    assert_int_equal(EVP_CIPHER_CTX_get_nid(cipher), NID_aes_256_cbc);
    assert_int_equal(
        EVP_EncryptUpdate(cipher, ticket.text, &ticket.size, (const unsigned char *)ticket_text, sizeof ticket_text),
        1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, ticket.text + ticket.size, &more), 1);
    ticket.size += more;
    finish_mac(mac, &ticket, ticket.mac);
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    return ticket;
}

/* What the callback returned; a ticket that it has a key for must open. */
static int open_ticket(sessile_tls_tickets *tickets, struct sealed_ticket *ticket)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = new_mac();
    unsigned char digest[32], text[96];
    int size, more, r = tls_tickets_key(tickets, ticket->name, ticket->iv, cipher, mac, 0);

    if (r > 0) {
        finish_mac(mac, ticket, digest);
        assert_memory_equal(digest, ticket->mac, 32);
        assert_int_equal(EVP_DecryptUpdate(cipher, text, &size, ticket->text, ticket->size), 1);
        assert_int_equal(EVP_DecryptFinal_ex(cipher, text + size, &more), 1);
        assert_int_equal(size + more, sizeof ticket_text);
        assert_memory_equal(text, ticket_text, sizeof ticket_text);
    }
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    assert_int_equal(ERR_peek_error(), 0);
    return r;
}

static void tickets_open_with_the_last_four_keys(void **state)
{
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    struct sealed_ticket ticket = seal_ticket(tickets), newer;

    (void)state;
    assert_int_equal(open_ticket(tickets, &ticket), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sessile_tls_tickets_rotate(tickets), 0);
        newer = seal_ticket(tickets);
        assert_memory_not_equal(newer.name, ticket.name, 16);
        assert_int_equal(open_ticket(tickets, &newer), 1);
        assert_int_equal(open_ticket(tickets, &ticket), 2);
    }
    assert_int_equal(sessile_tls_tickets_rotate(tickets), 0);
    assert_int_equal(open_ticket(tickets, &ticket), 0);
    assert_int_equal(open_ticket(tickets, &newer), 2);
    sessile_tls_tickets_free(tickets);
}

static void tickets_of_other_keys_are_unknown(void **state)
{
    sessile_tls_tickets *tickets = sessile_tls_tickets_new(), *other = sessile_tls_tickets_new();
    struct sealed_ticket ticket = seal_ticket(other);

    (void)state;
    assert_int_equal(open_ticket(tickets, &ticket), 0);
    sessile_tls_tickets_free(other);
    sessile_tls_tickets_free(tickets);
}

static void ticket_keys_are_shared_by_their_bytes(void **state)
{
    sessile_tls_tickets *a = sessile_tls_tickets_new(), *b = sessile_tls_tickets_new();
    struct sealed_ticket ticket, again;
    uint8_t key[80];

    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 7 + 1);
    assert_int_equal(sessile_tls_tickets_add(a, key, 79), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_tickets_add(a, key, 81), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_tickets_add(a, NULL, 80), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_tickets_add(NULL, key, 80), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_tickets_rotate(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_tickets_add(a, key, 80), 0);
    assert_int_equal(sessile_tls_tickets_add(b, key, 80), 0);
    ticket = seal_ticket(a);
    again = seal_ticket(a);
    assert_memory_equal(ticket.name, key, 16);
    assert_memory_not_equal(ticket.iv, again.iv, 16);
    assert_int_equal(open_ticket(b, &ticket), 1);
    sessile_tls_tickets_free(a);
    sessile_tls_tickets_free(b);
    sessile_tls_tickets_free(NULL);
}

static void configs_hold_the_tickets_they_are_given(void **state)
{
    sessile_tls_config *a = material_ready_server(), *b = material_ready_server();
    sessile_tls_tickets *first = sessile_tls_tickets_new(), *tickets = sessile_tls_tickets_new();
    struct sealed_ticket ticket;

    (void)state;
    assert_config_failed(a, sessile_tls_config_set_tickets(a, NULL), SESSILE_ERR_ARGUMENT, "NULL");
    assert_config_fine(a, sessile_tls_config_set_tickets(a, first));
    assert_config_fine(a, sessile_tls_config_set_tickets(a, tickets));
    assert_config_fine(b, sessile_tls_config_set_tickets(b, tickets));
    sessile_tls_tickets_free(first);
    sessile_tls_tickets_free(tickets);
    assert_config_fine(a, sessile_tls_config_check(a));
    assert_ptr_equal(a->tickets, b->tickets);
    ticket = seal_ticket(a->tickets);
    sessile_tls_config_free(a);
    assert_int_equal(open_ticket(b->tickets, &ticket), 1);
    sessile_tls_config_free(b);
}

#define THREADS 4
#define ROUNDS 500

static pthread_barrier_t barrier;

/* How often it went well. Assertions belong to the test's own thread. */
static void *rotate_in_thread(void *tickets)
{
    intptr_t good = 0;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++)
        good += sessile_tls_tickets_rotate(tickets) == 0;
    return (void *)good;
}

/* A key may be gone when it is looked for again, but never be half of one and half of another: what opens has the
 * name's MAC. */
static int seal_and_open(sessile_tls_tickets *tickets, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    unsigned char name[16], iv[EVP_MAX_IV_LENGTH], sealed[32], opened[32];
    size_t size;
    int r;

    if (tls_tickets_key(tickets, name, iv, cipher, mac, 1) != 1 || EVP_MAC_update(mac, name, 16) != 1 ||
        EVP_MAC_final(mac, sealed, &size, 32) != 1)
        return 0;
    if ((r = tls_tickets_key(tickets, name, iv, cipher, mac, 0)) == 0)
        return 1;
    return r > 0 && EVP_MAC_update(mac, name, 16) == 1 && EVP_MAC_final(mac, opened, &size, 32) == 1 &&
           !memcmp(sealed, opened, 32);
}

static void *seal_in_thread(void *tickets)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    intptr_t good = 0;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++)
        good += seal_and_open(tickets, cipher, mac);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(hmac);
    EVP_CIPHER_CTX_free(cipher);
    return (void *)good;
}

static void ticket_keys_rotate_while_they_are_used(void **state)
{
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    pthread_t threads[THREADS];
    void *result;

    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i ? seal_in_thread : rotate_in_thread, tickets), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, ROUNDS);
    }
    pthread_barrier_destroy(&barrier);
    sessile_tls_tickets_free(tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_open_with_the_last_four_keys),
        cmocka_unit_test(tickets_of_other_keys_are_unknown),
        cmocka_unit_test(ticket_keys_are_shared_by_their_bytes),
        cmocka_unit_test(configs_hold_the_tickets_they_are_given),
        cmocka_unit_test(ticket_keys_rotate_while_they_are_used),
    };

    return cmocka_run_group_tests_name("tls tickets", tests, material_make, material_drop);
}
