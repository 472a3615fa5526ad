/* SPDX-License-Identifier: Apache-2.0
 *
 * Own certificates and keys of a TLS config, in all their forms, and the passphrases that open them.
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

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls_material.h"

/* ---- certificates and keys ---- */

static void certificates_of_several_types_live_in_one_config(void **state)
{
    const struct credential *all[] = {&material.rsa, &material.below, &material.ed25519};
    const int chains[] = {0, 1, 0};
    sessile_tls_config *config = material_server();
    STACK_OF(X509) *chain;
    X509 *wanted;
    int found;

    (void)state;
    for (int i = 0; i < 3; i++)
        material_set_credential(config, all[i]);
    assert_config_fine(config, sessile_tls_config_check(config));
    for (int i = 0; i < 3; i++) {
        wanted = material_x509(all[i]->pki);
        found = 0;
        for (long op = SSL_CERT_SET_FIRST; SSL_CTX_set_current_cert(config->ctx, op) == 1; op = SSL_CERT_SET_NEXT) {
            if (X509_cmp(SSL_CTX_get0_certificate(config->ctx), wanted) != 0)
                continue;
            found = 1;
            assert_int_equal(X509_check_private_key(wanted, SSL_CTX_get0_privatekey(config->ctx)), 1);
            chain = NULL;
            SSL_CTX_get0_chain_certs(config->ctx, &chain);
            assert_int_equal(chain ? sk_X509_num(chain) : 0, chains[i]);
        }
        assert_true(found);
        X509_free(wanted);
    }
    sessile_tls_config_free(config);
}

static void certificate_of_the_same_type_replaces_the_first(void **state)
{
    sessile_tls_config *config = material_ready_server();
    X509 *wanted = material_x509(material.ec2.pki);

    (void)state;
    material_set_credential(config, &material.ec2);
    assert_int_equal(config->identity_count, 1);
    assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(config->ctx), wanted), 0);
    X509_free(wanted);
    sessile_tls_config_free(config);
}

static void der_is_taken_for_certificate_and_key(void **state)
{
    sessile_tls_config *config = material_server();
    size_t certificate_size, key_size;
    uint8_t *certificate = pki_certificate_der(material.rsa.pki, &certificate_size);
    uint8_t *key = pki_key_der(material.rsa.pki, &key_size);

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_certificate(config, certificate, certificate_size));
    assert_config_fine(config, sessile_tls_config_set_key(config, key, key_size));
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
    config = material_server();
    assert_config_failed(config, sessile_tls_config_set_certificate(config, certificate, certificate_size - 1),
                         SESSILE_ERR_ARGUMENT, "certificate");
    certificate = realloc(certificate, certificate_size + 1);
    certificate[certificate_size] = 0;
    assert_config_failed(config, sessile_tls_config_set_certificate(config, certificate, certificate_size + 1),
                         SESSILE_ERR_ARGUMENT, "certificate");
    assert_config_failed(config, sessile_tls_config_set_key(config, key, key_size - 1), SESSILE_ERR_ARGUMENT, "key");
    free(certificate);
    free(key);
    sessile_tls_config_free(config);
}

static void old_key_forms_are_taken(void **state)
{
    const struct credential *all[] = {&material.rsa, &material.ec};
    sessile_tls_config *config = material_server();
    char *key;

    (void)state;
    for (int i = 0; i < 2; i++) {
        key = pki_key_pem_old(all[i]->pki);
        assert_config_fine(config, material_set_certificate(config, all[i]));
        assert_config_fine(config, material_set_key(config, key));
        free(key);
    }
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
}

static void one_file_may_have_certificate_and_key(void **state)
{
    sessile_tls_config *config = material_server();
    char both[8192];

    (void)state;
    snprintf(both, sizeof both, "a comment\n%s\n%s", material.below.key, material.below.certificate);
    assert_config_fine(config, sessile_tls_config_set_certificate(config, both, strlen(both)));
    assert_config_fine(config, sessile_tls_config_set_key(config, both, strlen(both)));
    assert_int_equal(sk_X509_num(config->identities[0].chain), 1);
    sessile_tls_config_free(config);
}

static void broken_chain_is_refused_whole(void **state)
{
    sessile_tls_config *config = material_ready_server();
    X509 *before = SSL_CTX_get0_certificate(config->ctx);
    size_t size = strlen(material.below.certificate);

    (void)state;
    assert_config_failed(config, sessile_tls_config_set_certificate(config, material.below.certificate, size - 60),
                         SESSILE_ERR_ARGUMENT, "certificate");
    assert_config_failed(config, sessile_tls_config_set_certificate(config, "no certificate", 14), SESSILE_ERR_ARGUMENT,
                         "certificate");
    assert_config_failed(config, sessile_tls_config_set_certificate(config, material.ec.key, strlen(material.ec.key)),
                         SESSILE_ERR_ARGUMENT, "certificate");
    assert_config_failed(config, sessile_tls_config_set_certificate(config, NULL, 1), SESSILE_ERR_ARGUMENT, "empty");
    assert_config_failed(config, sessile_tls_config_set_certificate(config, "", 0), SESSILE_ERR_ARGUMENT, "empty");
    assert_ptr_equal(SSL_CTX_get0_certificate(config->ctx), before);
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
}

static void certificate_is_limited_to_a_mebibyte(void **state)
{
    sessile_tls_config *config = material_server();
    size_t length = strlen(material.ec.certificate);
    char *data = malloc(1048577);

    (void)state;
    memset(data, '\n', 1048577);
    memcpy(data, material.ec.certificate, length);
    assert_config_failed(config, sessile_tls_config_set_certificate(config, data, 1048577), SESSILE_ERR_ARGUMENT,
                         "1048577");
    assert_config_fine(config, sessile_tls_config_set_certificate(config, data, 1048576));
    memcpy(data, material.ec.key, strlen(material.ec.key));
    assert_config_failed(config, sessile_tls_config_set_key(config, data, 1048577), SESSILE_ERR_ARGUMENT, "1048576");
    free(data);
    sessile_tls_config_free(config);
}

static void key_must_fit_the_certificate_set_last(void **state)
{
    sessile_tls_config *config = material_server();

    (void)state;
    assert_config_failed(config, material_set_key(config, material.ec.key), SESSILE_ERR_MISUSE, "certificate");
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_failed(config, material_set_key(config, material.ec2.key), SESSILE_ERR_ARGUMENT, "does not belong");
    assert_config_failed(config, material_set_key(config, material.rsa.key), SESSILE_ERR_ARGUMENT, "does not belong");
    assert_config_failed(config, sessile_tls_config_set_key(config, "junk", 4), SESSILE_ERR_ARGUMENT, "key");
    assert_config_failed(config, sessile_tls_config_set_key(config, NULL, 4), SESSILE_ERR_ARGUMENT, "empty");
    assert_null(SSL_CTX_get0_privatekey(config->ctx));
    assert_config_fine(config, material_set_key(config, material.ec.key));
    sessile_tls_config_free(config);
}

static void files_are_read_by_path(void **state)
{
    sessile_tls_config *config = material_server();
    char certificate[128], key[128];

    (void)state;
    strcpy(certificate, material_write("certificate.pem", material.below.certificate));
    strcpy(key, material_write("key.pem", material.below.key));
    assert_config_fine(config, sessile_tls_config_set_certificate_file(config, certificate));
    assert_config_fine(config, sessile_tls_config_set_key_file(config, key));
    assert_int_equal(sk_X509_num(config->identities[0].chain), 1);
    assert_config_failed(config, sessile_tls_config_set_certificate_file(config, key), SESSILE_ERR_ARGUMENT,
                         "certificate");
    assert_config_failed(config, sessile_tls_config_set_key_file(config, certificate), SESSILE_ERR_ARGUMENT, "key");
    assert_config_failed(config, sessile_tls_config_set_key_file(config, material_path("missing")),
                         SESSILE_ERR_ARGUMENT, "No such file");
    assert_config_failed(config, sessile_tls_config_set_certificate_file(config, ""), SESSILE_ERR_ARGUMENT, "path");
    assert_config_failed(config, sessile_tls_config_set_key_file(config, NULL), SESSILE_ERR_ARGUMENT, "path");
    assert_config_fine(config, sessile_tls_config_check(config));
    unlink(certificate);
    unlink(key);
    sessile_tls_config_free(config);
}

static void file_that_is_cut_short_is_refused_whole(void **state)
{
    sessile_tls_config *config = material_server();
    size_t length = strlen(material.below.certificate);
    const char *path = material_path("certificate.pem");

    (void)state;
    /* Within the second certificate: in its text, and where a line of its end is missing. */
    for (size_t cut = 60; cut <= 600; cut += 180) {
        pki_write_file(path, material.below.certificate, length - cut);
        assert_config_failed(config, sessile_tls_config_set_certificate_file(config, path), SESSILE_ERR_ARGUMENT,
                             "no certificate");
    }
    pki_write_file(path, material.below.certificate, length - 10);
    assert_config_failed(config, sessile_tls_config_set_certificate_file(config, path), SESSILE_ERR_ARGUMENT,
                         "no certificate");
    pki_write_file(path, "", 0);
    assert_config_failed(config, sessile_tls_config_set_certificate_file(config, path), SESSILE_ERR_ARGUMENT,
                         "certificate.pem");
    assert_int_equal(config->identity_count, 0);
    unlink(path);
    sessile_tls_config_free(config);
}

static void path_with_a_colon_is_no_uri(void **state)
{
    sessile_tls_config *config = material_server();
    char *home = getcwd(NULL, 0);
    const char *path = material_write("pkcs11:certificate", material.ec.certificate);

    (void)state;
    assert_int_equal(chdir(material.directory), 0);
    assert_config_fine(config, sessile_tls_config_set_certificate_file(config, "pkcs11:certificate"));
    assert_int_equal(chdir(home), 0);
    unlink(path);
    free(home);
    sessile_tls_config_free(config);
}

static void uri_brings_key_and_certificates_in_any_order(void **state)
{
    sessile_tls_config *config = material_server();
    X509 *wanted = material_x509(material.below.pki);
    char *intermediate = pki_certificate_pem(material.intermediate), *own = pki_certificate_pem(material.below.pki);
    char text[8192], uri[160];
    const char *path;

    (void)state;
    snprintf(text, sizeof text, "%s%s%s", intermediate, material.below.key, own);
    path = material_write("bundle.pem", text);
    snprintf(uri, sizeof uri, "file:%s", path);
    assert_config_fine(config, sessile_tls_config_set_uri(config, uri));
    assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(config->ctx), wanted), 0);
    assert_int_equal(sk_X509_num(config->identities[0].chain), 1);
    assert_config_fine(config, sessile_tls_config_check(config));
    unlink(path);
    free(intermediate);
    free(own);
    X509_free(wanted);
    sessile_tls_config_free(config);
}

static void uri_with_only_a_key_serves_the_certificate_set_last(void **state)
{
    sessile_tls_config *config = material_server();
    const char *path = material_write("key.pem", material.ec.key);
    char uri[160];

    (void)state;
    snprintf(uri, sizeof uri, "file:%s", path);
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_fine(config, sessile_tls_config_set_uri(config, uri));
    assert_config_fine(config, sessile_tls_config_check(config));
    unlink(path);
    sessile_tls_config_free(config);
}

static void uri_is_refused_where_nothing_fits(void **state)
{
    sessile_tls_config *config = material_server();
    char text[8192], uri[160];
    const char *path;

    (void)state;
    snprintf(text, sizeof text, "%s%s", material.ec2.key, material.ec.certificate);
    path = material_write("bundle.pem", text);
    snprintf(uri, sizeof uri, "file:%s", path);
    assert_config_failed(config, sessile_tls_config_set_uri(config, uri), SESSILE_ERR_ARGUMENT,
                         "none of the certificates");
    unlink(path);
    assert_config_failed(config, sessile_tls_config_set_uri(config, uri), SESSILE_ERR_ARGUMENT, "No such file");
    assert_config_failed(config, sessile_tls_config_set_uri(config, "nonesuch:key"), SESSILE_ERR_ARGUMENT, "nonesuch");
    assert_config_failed(config, sessile_tls_config_set_uri(config, NULL), SESSILE_ERR_ARGUMENT, "URI");
    assert_int_equal(config->identity_count, 0);
    sessile_tls_config_free(config);
}

/* ---- passphrases ---- */

struct passphrase_app {
    const char *answer; /* NULL: give up */
    int size;           /* what to return, where it is not the answer's length */
    int calls;
    size_t room;
    sessile_tls_config *seal;
    sessile_tls_config *drop;
};

static int give_passphrase(void *buffer, size_t size, void *app)
{
    struct passphrase_app *passphrase = app;

    passphrase->calls++;
    passphrase->room = size;
    if (passphrase->seal)
        assert_int_equal(sessile_tls_config_check(passphrase->seal), 0);
    sessile_tls_config_free(passphrase->drop);
    if (!passphrase->answer)
        return passphrase->size;
    memcpy(buffer, passphrase->answer, strlen(passphrase->answer));
    return (int)strlen(passphrase->answer);
}

static void encrypted_key_opens_with_the_set_passphrase(void **state)
{
    sessile_tls_config *config = material_server();
    char *key = pki_key_pem(material.ec.pki, "open sesame");

    (void)state;
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_ARGUMENT, "no passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "open barley", 11));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_ARGUMENT, "with this passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "open sesame", 11));
    assert_config_fine(config, material_set_key(config, key));
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, NULL, 0));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_ARGUMENT, "no passphrase");
    free(key);
    sessile_tls_config_free(config);
}

static void passphrase_is_limited_to_1024_bytes(void **state)
{
    sessile_tls_config *config = material_server();
    char passphrase[1026], *key;

    (void)state;
    memset(passphrase, 'p', sizeof passphrase);
    assert_config_failed(config, sessile_tls_config_set_passphrase(config, passphrase, 1025), SESSILE_ERR_ARGUMENT,
                         "1025");
    assert_config_failed(config, sessile_tls_config_set_passphrase(config, NULL, 1), SESSILE_ERR_ARGUMENT, "NULL");
    passphrase[1024] = 0;
    key = pki_key_pem(material.ec.pki, passphrase);
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, passphrase, 1024));
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_fine(config, material_set_key(config, key));
    free(key);
    sessile_tls_config_free(config);
}

static void passphrase_callback_is_asked_once_and_only_if_needed(void **state)
{
    sessile_tls_config *config = material_server();
    struct passphrase_app app = {.answer = "open sesame"};
    char *key = pki_key_pem(material.ec.pki, "open sesame");

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_fine(config, material_set_key(config, material.ec.key));
    assert_int_equal(app.calls, 0);
    assert_config_fine(config, material_set_key(config, key));
    assert_int_equal(app.calls, 1);
    assert_int_equal(app.room, 1024);
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "wrong", 5));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_ARGUMENT, "with this passphrase");
    assert_int_equal(app.calls, 1);
    free(key);
    sessile_tls_config_free(config);
}

static void passphrase_callback_may_be_wrong_or_give_up(void **state)
{
    sessile_tls_config *config = material_server();
    struct passphrase_app app = {.answer = "open barley"};
    char *key = pki_key_pem(material.ec.pki, "open sesame");

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_ARGUMENT, "with this passphrase");
    app = (struct passphrase_app){.size = -1};
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_CALLBACK, "-1");
    app = (struct passphrase_app){.size = 1025};
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_CALLBACK, "1025");
    assert_int_equal(app.calls, 1);
    assert_null(config->identities[0].key);
    free(key);
    sessile_tls_config_free(config);
}

static void passphrase_callback_serves_files_uris_and_der(void **state)
{
    sessile_tls_config *config = material_server();
    struct passphrase_app app = {.answer = "open sesame"};
    char *key = pki_key_pem(material.ec.pki, "open sesame");
    char path[128], uri[160], text[8192];

    (void)state;
    strcpy(path, material_write("key.pem", key));
    assert_config_fine(config, material_set_certificate(config, &material.ec));
    assert_config_failed(config, sessile_tls_config_set_key_file(config, path), SESSILE_ERR_ARGUMENT, "no passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_config_fine(config, sessile_tls_config_set_key_file(config, path));
    assert_int_equal(app.calls, 1);
    snprintf(text, sizeof text, "%s%s", key, material.ec.certificate);
    snprintf(uri, sizeof uri, "file:%s", material_write("bundle.pem", text));
    assert_config_fine(config, sessile_tls_config_set_uri(config, uri));
    assert_int_equal(app.calls, 2);
    /* What is not needed is not decrypted. */
    assert_config_fine(config, sessile_tls_config_set_certificate_file(config, uri + strlen("file:")));
    assert_int_equal(app.calls, 2);
    unlink(path);
    unlink(uri + strlen("file:"));
    free(key);
    sessile_tls_config_free(config);
}

static void passphrase_callback_may_seal_or_free_the_config(void **state)
{
    sessile_tls_config *config = material_ready_server();
    struct passphrase_app app = {.answer = "open sesame", .seal = config};
    char *key = pki_key_pem(material.ec.pki, "open sesame");

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_config_failed(config, material_set_key(config, key), SESSILE_ERR_MISUSE, "in use");
    sessile_tls_config_free(config);

    config = material_ready_server();
    app = (struct passphrase_app){.answer = "open sesame", .drop = config};
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_int_equal(material_set_key(config, key), 0);
    free(key);
}

static void pkcs12_brings_everything(void **state)
{
    const char *passphrases[] = {"open sesame", "", NULL};
    struct pki *deep = pki_long_chain(material.intermediate, "ec", "deep.example", 1, 0);
    X509 *wanted = material_x509(deep), *above = material_x509(material.intermediate);
    sessile_tls_config *config;
    uint8_t *bundle;
    size_t size;

    (void)state;
    for (int i = 0; i < 3; i++) {
        config = material_server();
        bundle = pki_pkcs12(deep, passphrases[i], &size);
        if (passphrases[i] && *passphrases[i])
            assert_config_fine(config,
                               sessile_tls_config_set_passphrase(config, passphrases[i], strlen(passphrases[i])));
        assert_config_fine(config, sessile_tls_config_set_pkcs12(config, bundle, size));
        assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(config->ctx), wanted), 0);
        assert_int_equal(sk_X509_num(config->identities[0].chain), 2);
        assert_int_equal(X509_cmp(sk_X509_value(config->identities[0].chain, 1), above), 0);
        assert_config_fine(config, sessile_tls_config_check(config));
        free(bundle);
        sessile_tls_config_free(config);
    }
    X509_free(above);
    X509_free(wanted);
    pki_free(deep);
}

static void pkcs12_asks_for_its_passphrase(void **state)
{
    sessile_tls_config *config = material_server();
    struct passphrase_app app = {.answer = "open sesame"};
    size_t size;
    uint8_t *bundle = pki_pkcs12(material.ec.pki, "open sesame", &size);

    (void)state;
    assert_config_failed(config, sessile_tls_config_set_pkcs12(config, bundle, size), SESSILE_ERR_ARGUMENT,
                         "no passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "wrong", 5));
    assert_config_failed(config, sessile_tls_config_set_pkcs12(config, bundle, size), SESSILE_ERR_ARGUMENT,
                         "with this passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "open sesame\0more", 16));
    assert_config_failed(config, sessile_tls_config_set_pkcs12(config, bundle, size), SESSILE_ERR_ARGUMENT,
                         "with this passphrase");
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, NULL, 0));
    assert_config_fine(config, sessile_tls_config_set_passphrase_callback(config, give_passphrase, &app));
    assert_config_failed(config, sessile_tls_config_set_pkcs12(config, bundle, size - 1), SESSILE_ERR_ARGUMENT,
                         "PKCS#12");
    assert_int_equal(app.calls, 0);
    assert_config_fine(config, sessile_tls_config_set_pkcs12(config, bundle, size));
    assert_int_equal(app.calls, 1);
    free(bundle);
    sessile_tls_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_several_types_live_in_one_config),
        cmocka_unit_test(certificate_of_the_same_type_replaces_the_first),
        cmocka_unit_test(der_is_taken_for_certificate_and_key),
        cmocka_unit_test(old_key_forms_are_taken),
        cmocka_unit_test(one_file_may_have_certificate_and_key),
        cmocka_unit_test(broken_chain_is_refused_whole),
        cmocka_unit_test(certificate_is_limited_to_a_mebibyte),
        cmocka_unit_test(key_must_fit_the_certificate_set_last),
        cmocka_unit_test(files_are_read_by_path),
        cmocka_unit_test(file_that_is_cut_short_is_refused_whole),
        cmocka_unit_test(path_with_a_colon_is_no_uri),
        cmocka_unit_test(uri_brings_key_and_certificates_in_any_order),
        cmocka_unit_test(uri_with_only_a_key_serves_the_certificate_set_last),
        cmocka_unit_test(uri_is_refused_where_nothing_fits),
        cmocka_unit_test(encrypted_key_opens_with_the_set_passphrase),
        cmocka_unit_test(passphrase_is_limited_to_1024_bytes),
        cmocka_unit_test(passphrase_callback_is_asked_once_and_only_if_needed),
        cmocka_unit_test(passphrase_callback_may_be_wrong_or_give_up),
        cmocka_unit_test(passphrase_callback_serves_files_uris_and_der),
        cmocka_unit_test(passphrase_callback_may_seal_or_free_the_config),
        cmocka_unit_test(pkcs12_brings_everything),
        cmocka_unit_test(pkcs12_asks_for_its_passphrase),
    };

    return cmocka_run_group_tests_name("tls credentials", tests, material_make, material_drop);
}
