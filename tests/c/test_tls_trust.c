/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a TLS config trusts: tried by verifying certificates with the store and the parameters that sealing left in the
 * SSL_CTX.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls_material.h"

static void trust_is_what_was_given(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, material_trust(config, material.ca_pem));
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    assert_int_equal(material_verify(config, material.expired, NULL), X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_not_equal(material_verify(config, material.other_ca, NULL), X509_V_OK);
    sessile_tls_config_free(config);
}

static void trust_adds_up(void **state)
{
    sessile_tls_config *config = material_client();
    size_t size;
    uint8_t *der = pki_certificate_der(material.ca, &size);
    struct pki *third = pki_new("ec");
    char *third_pem = pki_certificate_pem(third), text[8192];

    (void)state;
    snprintf(text, sizeof text, "%s%s", third_pem, material.other_ca_pem);
    assert_config_fine(config, sessile_tls_config_trust(config, der, size));
    assert_config_fine(config, material_trust(config, text));
    assert_config_failed(config, material_trust(config, "junk"), SESSILE_ERR_ARGUMENT, "certificate");
    assert_config_failed(config, sessile_tls_config_trust(config, NULL, 0), SESSILE_ERR_ARGUMENT, "empty");
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    assert_int_equal(material_verify(config, material.other_ca, NULL), X509_V_OK);
    assert_int_equal(material_verify(config, third, NULL), X509_V_OK);
    free(der);
    free(third_pem);
    pki_free(third);
    sessile_tls_config_free(config);
}

static void trust_file_is_read(void **state)
{
    sessile_tls_config *config = material_client();
    char text[8192];
    const char *path;

    (void)state;
    snprintf(text, sizeof text, "%s%s", material.ca_pem, material.other_ca_pem);
    path = material_write("trust.pem", text);
    assert_config_fine(config, sessile_tls_config_trust_file(config, path));
    unlink(path);
    assert_config_failed(config, sessile_tls_config_trust_file(config, path), SESSILE_ERR_ARGUMENT, "No such file");
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    assert_int_equal(material_verify(config, material.other_ca, NULL), X509_V_OK);
    sessile_tls_config_free(config);
}

static void trust_directory_is_read_when_it_is_needed(void **state)
{
    sessile_tls_config *config = material_client();
    X509 *ca = material_x509(material.ca);
    char directory[128], path[160];

    (void)state;
    strcpy(directory, material_path("trust"));
    assert_config_failed(config, sessile_tls_config_trust_dir(config, directory), SESSILE_ERR_ARGUMENT, "No such file");
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_config_fine(config, sessile_tls_config_trust_dir(config, directory));
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_not_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    snprintf(path, sizeof path, "%s/%08lx.0", directory,
             X509_NAME_hash_ex(X509_get_subject_name(ca), NULL, NULL, NULL));
    pki_write_file(path, material.ca_pem, strlen(material.ca_pem));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    unlink(path);
    rmdir(directory);
    X509_free(ca);
    sessile_tls_config_free(config);
}

static void trust_directory_must_be_one(void **state)
{
    sessile_tls_config *config = material_client();
    const char *path = material_write("trust.pem", material.ca_pem);

    (void)state;
    assert_config_failed(config, sessile_tls_config_trust_dir(config, path), SESSILE_ERR_ARGUMENT, "Not a directory");
    assert_config_failed(config, sessile_tls_config_trust_dir(config, "/tmp:/var"), SESSILE_ERR_ARGUMENT, "colon");
    assert_config_failed(config, sessile_tls_config_trust_dir(config, ""), SESSILE_ERR_ARGUMENT, "path");
    assert_config_failed(config, sessile_tls_config_trust_dir(config, NULL), SESSILE_ERR_ARGUMENT, "path");
    unlink(path);
    sessile_tls_config_free(config);
}

static int verify_by_system(sessile_tls_config *config)
{
    int code;

    assert_config_fine(config, sessile_tls_config_check(config));
    code = material_verify(config, material.ec.pki, NULL);
    sessile_tls_config_free(config);
    return code;
}

static void system_trust_is_for_clients_without_another(void **state)
{
    sessile_tls_config *config;
    const char *path = material_write("system.pem", material.ca_pem);

    (void)state;
    assert_int_equal(setenv("SSL_CERT_FILE", path, 1), 0);
    assert_int_equal(verify_by_system(material_client()), X509_V_OK);
    assert_int_not_equal(verify_by_system(material_ready_server()), X509_V_OK);
    config = material_ready_server();
    assert_config_fine(config, sessile_tls_config_trust_system(config));
    assert_int_equal(verify_by_system(config), X509_V_OK);
    config = material_client();
    assert_config_fine(config, material_trust(config, material.other_ca_pem));
    assert_int_not_equal(verify_by_system(config), X509_V_OK);
    config = material_client();
    assert_config_fine(config, material_trust(config, material.other_ca_pem));
    assert_config_fine(config, sessile_tls_config_trust_system(config));
    assert_int_equal(verify_by_system(config), X509_V_OK);
    config = material_client();
    assert_config_fine(config, sessile_tls_config_insecure_no_verify(config));
    assert_int_not_equal(verify_by_system(config), X509_V_OK);
    unsetenv("SSL_CERT_FILE");
    unlink(path);
}

static void crl_revokes_the_peer(void **state)
{
    sessile_tls_config *config = material_client();
    char *crl = pki_crl_pem(material.ca, material.ec.pki, 3600);

    (void)state;
    assert_config_fine(config, material_trust(config, material.ca_pem));
    assert_config_fine(config, sessile_tls_config_add_crl(config, crl, strlen(crl), 0));
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(material_verify(config, material.ec2.pki, NULL), X509_V_OK);
    /* No CRL of the intermediate's is there. */
    assert_int_equal(material_verify(config, material.below.pki, material.intermediate), X509_V_ERR_UNABLE_TO_GET_CRL);
    free(crl);
    sessile_tls_config_free(config);
}

static void crl_that_is_out_of_date_fails_its_certificates(void **state)
{
    sessile_tls_config *config = material_client();
    size_t size;
    uint8_t *crl = pki_crl_der(material.ca, NULL, -60, &size);

    (void)state;
    assert_config_fine(config, material_trust(config, material.ca_pem));
    assert_config_fine(config, sessile_tls_config_add_crl(config, crl, size, 0));
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_ERR_CRL_HAS_EXPIRED);
    free(crl);
    sessile_tls_config_free(config);
}

static void crls_of_all_levels_are_checked_where_asked(void **state)
{
    char *lower = pki_crl_pem(material.intermediate, NULL, 3600);
    char *upper = pki_crl_pem(material.ca, material.intermediate, 3600);
    char both[8192];
    sessile_tls_config *config;

    (void)state;
    snprintf(both, sizeof both, "%s%s", lower, upper);
    for (int all_levels = 0; all_levels < 2; all_levels++) {
        config = material_client();
        assert_config_fine(config, material_trust(config, material.ca_pem));
        assert_config_fine(config, sessile_tls_config_add_crl(config, both, strlen(both), all_levels));
        assert_config_fine(config, sessile_tls_config_check(config));
        assert_int_equal(material_verify(config, material.below.pki, material.intermediate),
                         all_levels ? X509_V_ERR_CERT_REVOKED : X509_V_OK);
        sessile_tls_config_free(config);
    }
    free(lower);
    free(upper);
}

static void crl_must_be_one(void **state)
{
    sessile_tls_config *config = material_client();
    size_t size;
    uint8_t *crl = pki_crl_der(material.ca, NULL, 3600, &size);

    (void)state;
    assert_config_failed(config, sessile_tls_config_add_crl(config, material.ca_pem, strlen(material.ca_pem), 0),
                         SESSILE_ERR_ARGUMENT, "CRL");
    assert_config_failed(config, sessile_tls_config_add_crl(config, crl, size - 1, 0), SESSILE_ERR_ARGUMENT, "CRL");
    assert_config_failed(config, sessile_tls_config_add_crl(config, NULL, 0, 0), SESSILE_ERR_ARGUMENT, "empty");
    /* Nothing that failed turned the check on. */
    assert_config_fine(config, material_trust(config, material.ca_pem));
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
    free(crl);
    sessile_tls_config_free(config);
}

static void verify_depth_counts_what_is_between(void **state)
{
    sessile_tls_config *config;

    (void)state;
    for (int depth = 0; depth < 2; depth++) {
        config = material_client();
        assert_config_fine(config, material_trust(config, material.ca_pem));
        assert_config_fine(config, sessile_tls_config_set_verify_depth(config, depth));
        assert_config_fine(config, sessile_tls_config_check(config));
        assert_int_equal(material_verify(config, material.ec.pki, NULL), X509_V_OK);
        assert_int_equal(material_verify(config, material.below.pki, material.intermediate) == X509_V_OK, depth == 1);
        sessile_tls_config_free(config);
    }
    config = material_client();
    assert_config_failed(config, sessile_tls_config_set_verify_depth(config, -1), SESSILE_ERR_ARGUMENT, "-1");
    assert_config_failed(config, sessile_tls_config_set_verify_depth(config, 101), SESSILE_ERR_ARGUMENT, "101");
    assert_config_fine(config, sessile_tls_config_set_verify_depth(config, 100));
    sessile_tls_config_free(config);
}

static void client_certificates_are_asked_for_by_mode(void **state)
{
    const int modes[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
    sessile_tls_config *config;
    const STACK_OF(X509_NAME) *names;
    X509 *ca = material_x509(material.ca);

    (void)state;
    for (int mode = SESSILE_TLS_CLIENT_NONE; mode <= SESSILE_TLS_CLIENT_REQUIRE; mode++) {
        config = material_ready_server();
        assert_config_fine(config, material_trust(config, material.ca_pem));
        assert_config_fine(config, sessile_tls_config_set_client_certificate(config, mode));
        assert_int_equal(SSL_CTX_get_verify_mode(config->ctx), modes[mode]);
        assert_config_fine(config, sessile_tls_config_check(config));
        names = SSL_CTX_get_client_CA_list(config->ctx);
        assert_int_equal(names ? sk_X509_NAME_num(names) : 0, mode != SESSILE_TLS_CLIENT_NONE);
        if (mode != SESSILE_TLS_CLIENT_NONE)
            assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(ca)), 0);
        sessile_tls_config_free(config);
    }
    config = material_server();
    assert_config_failed(config, sessile_tls_config_set_client_certificate(config, 3), SESSILE_ERR_ARGUMENT, "3");
    assert_config_failed(config, sessile_tls_config_set_client_certificate(config, -1), SESSILE_ERR_ARGUMENT, "-1");
    X509_free(ca);
    sessile_tls_config_free(config);
}

static void insecure_setters_do_what_they_say(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, sessile_tls_config_insecure_no_host_check(config));
    assert_int_equal(config->host_check, 0);
    assert_int_equal(config->verify, 1);
    assert_int_equal(SSL_CTX_get_verify_mode(config->ctx), SSL_VERIFY_PEER);
    assert_config_fine(config, sessile_tls_config_insecure_no_verify(config));
    assert_int_equal(config->verify, 0);
    assert_int_equal(SSL_CTX_get_verify_mode(config->ctx), SSL_VERIFY_NONE);
    sessile_tls_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trust_is_what_was_given),
        cmocka_unit_test(trust_adds_up),
        cmocka_unit_test(trust_file_is_read),
        cmocka_unit_test(trust_directory_is_read_when_it_is_needed),
        cmocka_unit_test(trust_directory_must_be_one),
        cmocka_unit_test(system_trust_is_for_clients_without_another),
        cmocka_unit_test(crl_revokes_the_peer),
        cmocka_unit_test(crl_that_is_out_of_date_fails_its_certificates),
        cmocka_unit_test(crls_of_all_levels_are_checked_where_asked),
        cmocka_unit_test(crl_must_be_one),
        cmocka_unit_test(verify_depth_counts_what_is_between),
        cmocka_unit_test(client_certificates_are_asked_for_by_mode),
        cmocka_unit_test(insecure_setters_do_what_they_say),
    };

    return cmocka_run_group_tests_name("tls trust", tests, material_make, material_drop);
}
