/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with TLS sessions of their own that share configs, which none has used before, and ticket keys that change
 * meanwhile. Made to be run under a thread sanitizer as well. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"

#define THREADS 4
#define SESSIONS 12

static sessile_tls_config *client;
static sessile_tls_config *server;
static sessile_tls_config *other;
static sessile_tls_tickets *tickets;
static pthread_barrier_t start;
static atomic_int resumed;
static atomic_int finished;

/* A thread has no test of cmocka's to fail: it stops the program. */
static void need(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "test_tls_threads: not so: %s\n", what);
    abort();
}

static void one_session(const char *host, struct tls_bytes *ticket)
{
    static const uint8_t block[5000];
    struct tls_pair pair;

    pair_init(&pair, client, server);
    pair.host = host;
    if (ticket->size) {
        pair.ticket = ticket->data;
        pair.ticket_size = ticket->size;
    }
    need(pair_start(&pair) == SESSILE_OK, "sessions begin");
    pair_run(&pair);
    need(pair_ready(&pair), "both are ready");
    pair.server.echo = 1;
    end_write(&pair.client, block, sizeof block);
    pair_run(&pair);
    need(pair.client.data.size == sizeof block, "the data comes back");
    atomic_fetch_add(&resumed, sessile_tls_resumed(pair.client.session));
    bytes_clear(ticket);
    bytes_add(ticket, pair.client.ticket.data, pair.client.ticket.size);
    sessile_session_end(pair.client.session);
    sessile_session_end(pair.server.session);
    pair_run(&pair);
    need(pair.client.closed && !pair.client.error && pair.server.closed && !pair.server.error, "both end");
    pair_free(&pair);
}

static void *many_sessions(void *number)
{
    struct tls_bytes tickets_held[2] = {{0}, {0}};
    static const char *const hosts[] = {HOST, "x.b.example"};

    pthread_barrier_wait(&start);
    for (int i = 0; i < SESSIONS; i++)
        one_session(hosts[(i + *(int *)number) % 2], &tickets_held[(i + *(int *)number) % 2]);
    bytes_clear(&tickets_held[0]);
    bytes_clear(&tickets_held[1]);
    atomic_fetch_add(&finished, 1);
    return NULL;
}

static void *rotate(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&start);
    while (atomic_load(&finished) < THREADS)
        need(sessile_tls_tickets_rotate(tickets) == SESSILE_OK, "keys change");
    return NULL;
}

static void run_threads(int rotating)
{
    pthread_t threads[THREADS + 1];
    int numbers[THREADS];

    atomic_store(&finished, 0);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS + (rotating ? 1 : 0)), 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, many_sessions, &numbers[i]), 0);
    }
    if (rotating)
        assert_int_equal(pthread_create(&threads[THREADS], NULL, rotate, NULL), 0);
    for (int i = 0; i < THREADS + (rotating ? 1 : 0); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
}

static int setup(void **state)
{
    (void)state;
    configs_make(&client, &server, 0);
    other = config_server_of(configs_pki.ec);
    tickets = sessile_tls_tickets_new();
    MUST(sessile_tls_config_set_tickets(server, tickets));
    MUST(sessile_tls_config_set_tickets(other, tickets));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    atomic_store(&resumed, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    sessile_tls_config_free(other);
    sessile_tls_tickets_free(tickets);
    return 0;
}

static void sessions_run_side_by_side_with_shared_configs(void **state)
{
    (void)state;
    run_threads(0);
    assert_int_equal(atomic_load(&resumed), THREADS * (SESSIONS - 2));
}

static void ticket_keys_change_under_way(void **state)
{
    (void)state;
    run_threads(1);
}

static void *drop_question(void *question)
{
    sessile_question_free(question);
    return NULL;
}

static void a_question_may_be_dropped_on_another_thread(void **state)
{
    sessile_tls_config *asking = config_client();
    struct tls_pair pair;
    pthread_t thread;

    (void)state;
    MUST(sessile_tls_config_ask_peer(asking, SESSILE_TLS_ASK_ALWAYS));
    pair_init(&pair, asking, server);
    pair.client.answer = ANSWER_KEEP;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_non_null(pair.client.question);
    assert_int_equal(pthread_create(&thread, NULL, drop_question, pair.client.question), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sessile_session_hold(pair.client.session, 0), SESSILE_OK);
    assert_failed(&pair.client, SESSILE_ERR_REFUSED);
    pair_free(&pair);
    sessile_tls_config_free(asking);
}

static void *drop_session(void *session)
{
    sessile_session_free(session);
    return NULL;
}

static void sessions_may_be_freed_on_another_thread(void **state)
{
    struct tls_pair pair;
    pthread_t thread;
    sessile_session *session;

    (void)state;
    pair_open(&pair, client, server);
    session = pair.client.session;
    pair.client.session = NULL;
    assert_int_equal(pthread_create(&thread, NULL, drop_session, session), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(pair.client.comm_closed && pair.client.released);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_TRUNCATED);
    pair_free(&pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_run_side_by_side_with_shared_configs),
        TEST(ticket_keys_change_under_way),
        TEST(a_question_may_be_dropped_on_another_thread),
        TEST(sessions_may_be_freed_on_another_thread),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
