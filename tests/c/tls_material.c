/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and configs for the TLS config's tests.
 */
#include "tls_material.h"

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

struct material material;

static struct credential credential_of(struct pki *pki)
{
    return (struct credential){pki, pki_chain_pem(pki), pki_key_pem(pki, NULL)};
}

static void credential_free(struct credential *credential)
{
    pki_free(credential->pki);
    free(credential->certificate);
    free(credential->key);
}

int material_make(void **state)
{
    (void)state;
    material.ca = pki_new("ec");
    material.other_ca = pki_new("ec");
    material.intermediate = pki_intermediate(material.ca, "ec", "Sessile Test Intermediate", 0);
    material.expired = pki_expired(material.ca, "ec", "old.example");
    material.ca_pem = pki_certificate_pem(material.ca);
    material.other_ca_pem = pki_certificate_pem(material.other_ca);
    material.crl = pki_crl_pem(material.ca, NULL, 3600);
    material.ec = credential_of(pki_server(material.ca, "ec", "a.example"));
    material.ec2 = credential_of(pki_server(material.ca, "ec", "b.example"));
    material.rsa = credential_of(pki_server(material.ca, "rsa", "a.example"));
    material.ed25519 = credential_of(pki_server(material.ca, "ed25519", "a.example"));
    material.below = credential_of(pki_server(material.intermediate, "ec", "a.example"));
    strcpy(material.directory, "/tmp/sessile-tls-XXXXXX");
    return mkdtemp(material.directory) ? 0 : -1;
}

int material_drop(void **state)
{
    (void)state;
    rmdir(material.directory);
    credential_free(&material.ec);
    credential_free(&material.ec2);
    credential_free(&material.rsa);
    credential_free(&material.ed25519);
    credential_free(&material.below);
    free(material.ca_pem);
    free(material.crl);
    free(material.other_ca_pem);
    pki_free(material.expired);
    pki_free(material.intermediate);
    pki_free(material.other_ca);
    pki_free(material.ca);
    return 0;
}

const char *material_path(const char *name)
{
    static char paths[2][128];
    static int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", material.directory, name);
    return paths[turn];
}

const char *material_write(const char *name, const char *text)
{
    const char *path = material_path(name);

    pki_write_file(path, text, strlen(text));
    return path;
}

/* ---- configs ---- */

sessile_tls_config *material_client(void)
{
    sessile_tls_config *config = sessile_tls_config_new(SESSILE_CLIENT);

    assert_non_null(config);
    return config;
}

sessile_tls_config *material_server(void)
{
    sessile_tls_config *config = sessile_tls_config_new(SESSILE_SERVER);

    assert_non_null(config);
    return config;
}

int material_set_certificate(sessile_tls_config *config, const struct credential *credential)
{
    return sessile_tls_config_set_certificate(config, credential->certificate, strlen(credential->certificate));
}

int material_set_key(sessile_tls_config *config, const char *key)
{
    return sessile_tls_config_set_key(config, key, strlen(key));
}

void material_set_credential(sessile_tls_config *config, const struct credential *credential)
{
    assert_int_equal(material_set_certificate(config, credential), 0);
    assert_int_equal(material_set_key(config, credential->key), 0);
}

int material_trust(sessile_tls_config *config, const char *pem)
{
    return sessile_tls_config_trust(config, pem, strlen(pem));
}

sessile_tls_config *material_ready_server(void)
{
    sessile_tls_config *config = material_server();

    material_set_credential(config, &material.ec);
    return config;
}

void assert_config_failed(sessile_tls_config *config, int result, int code, const char *words)
{
    assert_int_equal(result, code);
    if (!strstr(sessile_tls_config_error_text(config), words))
        fail_msg("\"%s\" does not say \"%s\"", sessile_tls_config_error_text(config), words);
    assert_int_equal(ERR_peek_error(), 0);
}

void assert_config_fine(sessile_tls_config *config, int result)
{
    if (result)
        fail_msg("%d: %s", result, sessile_tls_config_error_text(config));
    assert_string_equal(sessile_tls_config_error_text(config), "");
    assert_int_equal(ERR_peek_error(), 0);
}

X509 *material_x509(const struct pki *pki)
{
    size_t size;
    uint8_t *der = pki_certificate_der(pki, &size);
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);

    assert_non_null(certificate);
    free(der);
    return certificate;
}

int material_verify(sessile_tls_config *config, const struct pki *pki, const struct pki *intermediate)
{
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    X509 *certificate = material_x509(pki);
    int code;

    if (intermediate)
        sk_X509_push(untrusted, material_x509(intermediate));
    assert_int_equal(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(config->ctx), certificate, untrusted), 1);
    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(check), SSL_CTX_get0_param(config->ctx));
    X509_verify_cert(check);
    code = X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    sk_X509_pop_free(untrusted, X509_free);
    X509_free(certificate);
    ERR_clear_error();
    return code;
}

int material_same_digest(sessile_tls_config *a, sessile_tls_config *b)
{
    assert_config_fine(a, sessile_tls_config_check(a));
    assert_config_fine(b, sessile_tls_config_check(b));
    return !memcmp(a->digest, b->digest, TLS_DIGEST_SIZE);
}
