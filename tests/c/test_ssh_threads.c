/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with SSH sessions of their own that share configs, which none has used before, and keys with what is known of
 * them. Made to be run under a thread sanitizer as well. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_story.h"
#include "ssh_trust.h"

#define THREADS 4
#define SESSIONS 12

static sessile_ssh_config *client_config, *server_config;
static pthread_barrier_t barrier;

/* A thread has no test of cmocka's to fail: it stops the program. */
static void need(const char *fault)
{
    if (!fault)
        return;
    fprintf(stderr, "test_ssh_threads: %s\n", fault);
    abort();
}

static void *many_sessions(void *seed)
{
    struct ssh_pair pair;

    pthread_barrier_wait(&barrier);
    for (int i = 0; i < SESSIONS; i++) {
        ssh_story_init(&pair, client_config, server_config);
        pair.time = TRUST_NOW;
        pair.policy = SSH_WIRE_RANDOM;
        pair.seed = (uint32_t)(*(int *)seed * SESSIONS + i + 1);
        need(ssh_pair_start(&pair) == SESSILE_OK ? NULL : "sessions begin");
        ssh_pair_run(&pair);
        need(ssh_story_fault(&pair));
        ssh_pair_free(&pair);
    }
    return NULL;
}

/* Known hosts, a revocation list and a certificate: all that a session looks into is shared. */
static void make_configs(void)
{
    char *hosts = trust_text("host.example {ed25519 host}\n");
    sessile_known_hosts *known = NULL;
    sessile_krl *krl = NULL;

    client_config = ssh_story_client(NULL);
    server_config = ssh_story_server(NULL);
    SSH_MUST(sessile_known_hosts_read(hosts, strlen(hosts), NULL, &known, NULL, 0));
    SSH_MUST(sessile_ssh_config_set_known_hosts(client_config, known));
    SSH_MUST(sessile_krl_read(trust_line("ed25519 revoked"), strlen(trust_line("ed25519 revoked")), &krl, NULL, 0));
    SSH_MUST(sessile_ssh_config_set_krl(client_config, krl));
    SSH_MUST(sessile_ssh_config_set_krl(server_config, krl));
    sessile_known_hosts_free(known);
    sessile_krl_free(krl);
    free(hosts);
}

static void threads_share_configs_and_keys(void **state)
{
    pthread_t threads[THREADS];
    int seeds[THREADS];

    (void)state;
    make_configs();
    assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, many_sessions, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&barrier);
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
    trust_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_configs_and_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
