/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS config without memory: each allocation of each setter fails once, after which the config is as it was or as was
 * wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "failing.h"
#include "tls_material.h"

/* One setter under test: call it on a config, and count what is there afterwards. */
struct setter {
    const char *name;
    int role;
    int (*call)(sessile_tls_config *config);
    size_t (*count)(const sessile_tls_config *config);
    size_t expected;
    /* Reads by a loader of OpenSSL's that does not survive a failed allocation itself: OSSL_STORE frees an object twice
     * (3.0.22), and libssl takes it for the end of the file (3.5.7). */
    int loader;
};

static struct {
    char *key;
    uint8_t *bundle;
    size_t bundle_size;
    char *crl;
    char path[128];
    sessile_tls_config *host;
} scarce;

static int call_certificate(sessile_tls_config *config)
{
    return material_set_certificate(config, &material.below);
}

static size_t count_chain(const sessile_tls_config *config)
{
    return config->identity_count ? (size_t)sk_X509_num(config->identities[0].chain) + 1 : 0;
}

static int call_encrypted_key(sessile_tls_config *config)
{
    int r = config->identity ? 0 : material_set_certificate(config, &material.ec);

    return r ? r : material_set_key(config, scarce.key);
}

static size_t count_key(const sessile_tls_config *config)
{
    return config->identity && config->identity->key && SSL_CTX_get0_privatekey(config->ctx) ? 1 : 0;
}

static int call_bundle(sessile_tls_config *config)
{
    return sessile_tls_config_set_pkcs12(config, scarce.bundle, scarce.bundle_size);
}

static int call_file(sessile_tls_config *config)
{
    return sessile_tls_config_set_certificate_file(config, scarce.path);
}

static int call_trust(sessile_tls_config *config)
{
    return sessile_tls_config_trust(config, material.below.certificate, strlen(material.below.certificate));
}

static int call_trust_file(sessile_tls_config *config)
{
    return sessile_tls_config_trust_file(config, scarce.path);
}

static size_t count_anchors(const sessile_tls_config *config)
{
    return (size_t)sk_X509_num(config->anchors);
}

static int call_crl(sessile_tls_config *config)
{
    return sessile_tls_config_add_crl(config, scarce.crl, strlen(scarce.crl), 1);
}

static size_t count_crls(const sessile_tls_config *config)
{
    return (size_t)sk_X509_CRL_num(config->crls);
}

static int call_directory(sessile_tls_config *config)
{
    return sessile_tls_config_trust_dir(config, material.directory);
}

static size_t count_directories(const sessile_tls_config *config)
{
    return config->directory_count;
}

static int call_ciphers(sessile_tls_config *config)
{
    return sessile_tls_config_set_ciphers(config, "ECDHE-RSA-AES128-GCM-SHA256");
}

static size_t count_ciphers(const sessile_tls_config *config)
{
    return (size_t)sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(config->ctx)) < 6;
}

static int call_alpn(sessile_tls_config *config)
{
    return sessile_tls_config_set_alpn(config, "h2,http/1.1");
}

static size_t count_alpn(const sessile_tls_config *config)
{
    return config->alpn_size;
}

static int call_psk(sessile_tls_config *config)
{
    return sessile_tls_config_add_psk(config, "me", "0123456789abcdef", 16);
}

static size_t count_psks(const sessile_tls_config *config)
{
    return config->psk_count;
}

static int call_host(sessile_tls_config *config)
{
    return sessile_tls_config_add_host(config, "*.example", scarce.host);
}

static size_t count_hosts(const sessile_tls_config *config)
{
    return config->host_count;
}

static int call_new(sessile_tls_config *config)
{
    sessile_tls_config *another = sessile_tls_config_new(config->role);
    int r = tls_config_open(config);

    /* The setters' errors have a text, this one has none: it lends one. */
    if (!another)
        return tls_config_fail(config, SESSILE_ERR_MEMORY, "no config");
    sessile_tls_config_free(another);
    return r;
}

static size_t count_nothing(const sessile_tls_config *config)
{
    (void)config;
    return 0;
}

static int call_check(sessile_tls_config *config)
{
    int r = 0;

    if (!config->trust_given && (r = material_trust(config, material.ca_pem)) != 0)
        return r;
    if (!config->client_mode)
        r = sessile_tls_config_set_client_certificate(config, SESSILE_TLS_CLIENT_REQUIRE);
    if (!r && !config->psk_count)
        r = call_psk(config);
    return r ? r : sessile_tls_config_check(config);
}

static size_t count_sealed(const sessile_tls_config *config)
{
    return (size_t)atomic_load(&config->sealed);
}

static const struct setter setters[] = {
    {"new", SESSILE_SERVER, call_new, count_nothing, 0, 0},
    {"certificate", SESSILE_SERVER, call_certificate, count_chain, 2, 0},
    {"key", SESSILE_SERVER, call_encrypted_key, count_key, 1, 0},
    {"PKCS#12", SESSILE_SERVER, call_bundle, count_chain, 2, 0},
    {"certificate file", SESSILE_SERVER, call_file, count_chain, 2, 1},
    {"trust", SESSILE_CLIENT, call_trust, count_anchors, 2, 0},
    {"trust file", SESSILE_CLIENT, call_trust_file, count_anchors, 2, 1},
    {"CRL", SESSILE_CLIENT, call_crl, count_crls, 1, 0},
    {"trust directory", SESSILE_CLIENT, call_directory, count_directories, 1, 1},
    {"ciphers", SESSILE_CLIENT, call_ciphers, count_ciphers, 1, 0},
    {"ALPN", SESSILE_CLIENT, call_alpn, count_alpn, 12, 0},
    {"PSK", SESSILE_SERVER, call_psk, count_psks, 1, 0},
    {"host", SESSILE_SERVER, call_host, count_hosts, 1, 0},
    {"check", SESSILE_SERVER, call_check, count_sealed, 1, 0},
};

static int scarce_passphrase(void *buffer, size_t size, void *app)
{
    (void)size;
    (void)app;
    memcpy(buffer, "open sesame", 11);
    return 11;
}

static sessile_tls_config *scarce_config(int role)
{
    sessile_tls_config *config = sessile_tls_config_new(role);

    if (config)
        assert_int_equal(sessile_tls_config_set_passphrase_callback(config, scarce_passphrase, NULL), 0);
    return config;
}

/* Fail one allocation during the call. Whatever it returned, the config is as before or as wanted, and the next call
 * succeeds. */
static void setter_survives(const struct setter *setter, int which, size_t index, size_t before)
{
    sessile_tls_config *config = scarce_config(setter->role);
    int r, hit;

    assert_non_null(config);
    failing_at(which, index, 0);
    r = setter->call(config);
    hit = failing_hit();
    failing_off();
    if (setter->count(config) != (r ? before : setter->expected) || (r && !hit) ||
        (r && !*sessile_tls_config_error_text(config)) || ERR_peek_error())
        fail_msg("%s, allocation %zu: returned %d (%s) with %zu there", setter->name, index, r,
                 sessile_tls_config_error_text(config), setter->count(config));
    if (which == FAILING_OURS && hit)
        assert_int_equal(r, SESSILE_ERR_MEMORY);
    if (r)
        assert_config_fine(config, setter->call(config));
    assert_int_equal(setter->count(config), setter->expected);
    sessile_tls_config_free(config);
}

/* Every allocation of the first ones, and a sample of the others: reading a file takes libcrypto thousands. */
#define EXHAUSTIVE 100

static void setter_survives_all(const struct setter *setter, int which)
{
    sessile_tls_config *config = scarce_config(setter->role);
    size_t before = setter->count(config), count, step;

    failing_off();
    assert_config_fine(config, setter->call(config));
    count = failing_count(which);
    sessile_tls_config_free(config);
    step = count / EXHAUSTIVE + 1;
    for (size_t index = 0; index < count; index += index < EXHAUSTIVE ? 1 : step)
        setter_survives(setter, which, index, before);
}

static void own_allocations_may_fail_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        setter_survives_all(&setters[i], FAILING_OURS);
}

static void allocations_of_openssl_may_fail_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        if (!setters[i].loader)
            setter_survives_all(&setters[i], FAILING_OPENSSL);
}

static void nothing_of_ours_is_left(void **state)
{
    size_t blocks = failing_blocks(FAILING_OURS);
    sessile_tls_config *config;

    (void)state;
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++) {
        config = scarce_config(setters[i].role);
        assert_config_fine(config, setters[i].call(config));
        assert_true(failing_blocks(FAILING_OURS) > blocks);
        sessile_tls_config_free(config);
        assert_int_equal(failing_blocks(FAILING_OURS), blocks);
    }
}

static int make_scarce(void **state)
{
    if (material_make(state))
        return -1;
    scarce.key = pki_key_pem(material.ec.pki, "open sesame");
    scarce.bundle = pki_pkcs12(material.below.pki, "open sesame", &scarce.bundle_size);
    scarce.crl = pki_crl_pem(material.ca, NULL, 3600);
    scarce.host = material_ready_server();
    assert_int_equal(sessile_tls_config_check(scarce.host), 0);
    strcpy(scarce.path, material_write("scarce.pem", material.below.certificate));
    return 0;
}

static int drop_scarce(void **state)
{
    unlink(scarce.path);
    sessile_tls_config_free(scarce.host);
    free(scarce.crl);
    free(scarce.bundle);
    free(scarce.key);
    return material_drop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_allocations_may_fail_one_by_one),
        cmocka_unit_test(allocations_of_openssl_may_fail_one_by_one),
        cmocka_unit_test(nothing_of_ours_is_left),
    };

    failing_install();
    return cmocka_run_group_tests_name("tls config memory", tests, make_scarce, drop_scarce);
}
