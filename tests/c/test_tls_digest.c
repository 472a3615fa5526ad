/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of a TLS config: the same for the same content, another for any other; and sealing by several threads at
 * once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "tls_material.h"

/* ---- the digest ---- */

static sessile_tls_config *digested(int role, void (*fill)(sessile_tls_config *))
{
    sessile_tls_config *config = sessile_tls_config_new(role);

    assert_non_null(config);
    if (fill)
        fill(config);
    if (role == SESSILE_SERVER && !config->identity_count)
        material_set_credential(config, &material.ec);
    return config;
}

static void fill_trust(sessile_tls_config *config)
{
    assert_config_fine(config, material_trust(config, material.ca_pem));
}

static void fill_other_trust(sessile_tls_config *config)
{
    assert_config_fine(config, material_trust(config, material.other_ca_pem));
}

static void fill_two_trusts(sessile_tls_config *config)
{
    fill_trust(config);
    fill_other_trust(config);
}

static void fill_system(sessile_tls_config *config)
{
    fill_trust(config);
    assert_config_fine(config, sessile_tls_config_trust_system(config));
}

static void fill_no_verify(sessile_tls_config *config)
{
    fill_trust(config);
    assert_config_fine(config, sessile_tls_config_insecure_no_verify(config));
}

static void fill_no_host_check(sessile_tls_config *config)
{
    fill_trust(config);
    assert_config_fine(config, sessile_tls_config_insecure_no_host_check(config));
}

static void fill_depth(sessile_tls_config *config)
{
    fill_trust(config);
    assert_config_fine(config, sessile_tls_config_set_verify_depth(config, 3));
}

static void fill_crl_of(sessile_tls_config *config, int all_levels)
{
    fill_trust(config);
    assert_config_fine(config, sessile_tls_config_add_crl(config, material.crl, strlen(material.crl), all_levels));
}

static void fill_crl(sessile_tls_config *config)
{
    fill_crl_of(config, 0);
}

static void fill_crl_all(sessile_tls_config *config)
{
    fill_crl_of(config, 1);
}

static void fill_other_certificate(sessile_tls_config *config)
{
    material_set_credential(config, &material.ec2);
}

static void fill_chain(sessile_tls_config *config)
{
    material_set_credential(config, &material.below);
}

static void fill_request(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_client_certificate(config, SESSILE_TLS_CLIENT_REQUEST));
}

static void fill_require(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_client_certificate(config, SESSILE_TLS_CLIENT_REQUIRE));
}

static void fill_ask(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_ask_peer(config, SESSILE_TLS_ASK_ALWAYS));
}

static void fill_ask_hello(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_ask_hello(config, 1));
}

static void fill_versions(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_versions(config, SESSILE_TLS_1_3, SESSILE_TLS_1_3));
}

static void fill_ciphers(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_ciphers(config, "ECDHE+AESGCM"));
}

static void fill_suites(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_ciphersuites(config, "TLS_AES_256_GCM_SHA384"));
}

static void fill_groups(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_groups(config, "P-256"));
}

static void fill_sigalgs(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_sigalgs(config, "ECDSA+SHA256"));
}

static void fill_alpn(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_alpn(config, "h2"));
}

static void fill_psk(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_add_psk(config, "me", "0123456789abcdef", 16));
}

static void fill_other_psk(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_add_psk(config, "me", "0123456789abcdeF", 16));
}

static void fill_psk_of_another(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_add_psk(config, "you", "0123456789abcdef", 16));
}

static void fill_ocsp(sessile_tls_config *config)
{
    assert_config_fine(config, sessile_tls_config_set_ocsp(config, SESSILE_TLS_OCSP_REQUIRE));
}

static void fill_failures(sessile_tls_config *config)
{
    fill_trust(config);
    assert_int_not_equal(sessile_tls_config_set_alpn(config, ","), 0);
    assert_int_not_equal(sessile_tls_config_set_groups(config, "nonesuch"), 0);
    assert_int_not_equal(material_trust(config, "junk"), 0);
}

static const struct {
    int role;
    void (*fill)(sessile_tls_config *);
} contents[] = {
    {SESSILE_CLIENT, NULL},
    {SESSILE_CLIENT, fill_trust},
    {SESSILE_CLIENT, fill_other_trust},
    {SESSILE_CLIENT, fill_two_trusts},
    {SESSILE_CLIENT, fill_system},
    {SESSILE_CLIENT, fill_no_verify},
    {SESSILE_CLIENT, fill_no_host_check},
    {SESSILE_CLIENT, fill_depth},
    {SESSILE_CLIENT, fill_crl},
    {SESSILE_CLIENT, fill_crl_all},
    {SESSILE_CLIENT, fill_ocsp},
    {SESSILE_SERVER, NULL},
    {SESSILE_SERVER, fill_other_certificate},
    {SESSILE_SERVER, fill_chain},
    {SESSILE_SERVER, fill_request},
    {SESSILE_SERVER, fill_require},
    {SESSILE_SERVER, fill_ask},
    {SESSILE_SERVER, fill_ask_hello},
    {SESSILE_SERVER, fill_versions},
    {SESSILE_SERVER, fill_ciphers},
    {SESSILE_SERVER, fill_suites},
    {SESSILE_SERVER, fill_groups},
    {SESSILE_SERVER, fill_sigalgs},
    {SESSILE_SERVER, fill_alpn},
    {SESSILE_SERVER, fill_psk},
    {SESSILE_SERVER, fill_other_psk},
    {SESSILE_SERVER, fill_psk_of_another},
};

#define CONTENTS (sizeof contents / sizeof *contents)

static void digest_tells_contents_apart(void **state)
{
    sessile_tls_config *configs[CONTENTS], *again;

    (void)state;
    for (size_t i = 0; i < CONTENTS; i++) {
        configs[i] = digested(contents[i].role, contents[i].fill);
        again = digested(contents[i].role, contents[i].fill);
        assert_true(material_same_digest(configs[i], again));
        sessile_tls_config_free(again);
        for (size_t k = 0; k < i; k++)
            if (material_same_digest(configs[i], configs[k]))
                fail_msg("contents %zu and %zu have the same digest", i, k);
    }
    for (size_t i = 0; i < CONTENTS; i++)
        sessile_tls_config_free(configs[i]);
}

static void digest_knows_nothing_of_what_failed(void **state)
{
    sessile_tls_config *plain = digested(SESSILE_CLIENT, fill_trust), *failed = digested(SESSILE_CLIENT, fill_failures);

    (void)state;
    assert_true(material_same_digest(plain, failed));
    sessile_tls_config_free(plain);
    sessile_tls_config_free(failed);
}

static void digest_is_of_directories_too(void **state)
{
    sessile_tls_config *a = material_client(), *b = material_client();

    (void)state;
    assert_config_fine(a, sessile_tls_config_trust_dir(a, "/tmp"));
    assert_config_fine(b, sessile_tls_config_trust_dir(b, "/usr"));
    assert_false(material_same_digest(a, b));
    sessile_tls_config_free(a);
    sessile_tls_config_free(b);
}

/* ---- threads ---- */

#define THREADS 4

static pthread_barrier_t barrier;

static void *seal_in_thread(void *config)
{
    pthread_barrier_wait(&barrier);
    return (void *)(intptr_t)sessile_tls_config_check(config);
}

static void threads_may_seal_at_the_same_time(void **state)
{
    pthread_t threads[THREADS];
    sessile_tls_config *config, *alone = material_ready_server();
    void *result;

    (void)state;
    for (int round = 0; round < 20; round++) {
        config = material_ready_server();
        assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, seal_in_thread, config), 0);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_int_equal((intptr_t)result, 0);
        }
        pthread_barrier_destroy(&barrier);
        assert_true(material_same_digest(config, alone));
        sessile_tls_config_free(config);
    }
    sessile_tls_config_free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_tells_contents_apart),
        cmocka_unit_test(digest_knows_nothing_of_what_failed),
        cmocka_unit_test(digest_is_of_directories_too),
        cmocka_unit_test(threads_may_seal_at_the_same_time),
    };

    return cmocka_run_group_tests_name("tls digest", tests, material_make, material_drop);
}
