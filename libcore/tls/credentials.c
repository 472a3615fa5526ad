/* SPDX-License-Identifier: Apache-2.0
 *
 * Own certificates and keys. A certificate waits in the config until its key arrives; then certificate, key and chain
 * enter the SSL_CTX in one call that either does all or nothing. One of each key type, as libssl has it.
 */
#include <string.h>

#include <openssl/err.h>

#include "session/memory.h"
#include "tls/config.h"
#include "tls/load.h"

/* ---- identities ---- */

static void release_identity(struct tls_identity *identity)
{
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->chain, X509_free);
    EVP_PKEY_free(identity->key);
    memset(identity, 0, sizeof *identity);
}

void tls_credentials_free(sessile_tls_config *config)
{
    for (size_t i = 0; i < config->identity_count; i++)
        release_identity(&config->identities[i]);
    mem_wipe_free(config->passphrase, config->passphrase_size);
}

static const char *key_type(const X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;

    return type ? type : "";
}

int tls_credentials_check(sessile_tls_config *config)
{
    for (size_t i = 0; i < config->identity_count; i++)
        if (!config->identities[i].key)
            return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the %s certificate has no key",
                                   key_type(config->identities[i].certificate));
    return 0;
}

/* The place of a key type: where there is one already, its certificate is replaced. */
static struct tls_identity *find_place(sessile_tls_config *config, const char *type)
{
    for (size_t i = 0; i < config->identity_count; i++)
        if (!strcmp(key_type(config->identities[i].certificate), type))
            return &config->identities[i];
    return config->identity_count < TLS_IDENTITIES_MAX ? &config->identities[config->identity_count] : NULL;
}

static int is_usable(const EVP_PKEY *key)
{
    return key && EVP_PKEY_get0_type_name(key) && EVP_PKEY_get_security_bits(key) > 0;
}

/* Decoding a certificate keeps quiet about a key that it could not finish: whether for its type or for want of memory
 * is seen when the key is decoded once more. */
static int fail_unusable(sessile_tls_config *config, X509 *certificate)
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    const unsigned char *at = der;
    EVP_PKEY *again = length > 0 ? d2i_PUBKEY(NULL, &at, length) : NULL;
    int usable = is_usable(again);

    EVP_PKEY_free(again);
    OPENSSL_free(der);
    return usable ? tls_config_no_memory(config)
                  : tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the certificate's key is of no known type");
}

static int enter(sessile_tls_config *config, X509 *certificate, EVP_PKEY *key, STACK_OF(X509) *chain)
{
    if (X509_check_private_key(certificate, key) != 1)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the key does not belong to the certificate");
    if (EVP_PKEY_get_size(key) <= 0)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the key has no size");
    if (SSL_CTX_use_cert_and_key(config->ctx, certificate, key, chain, 1) != 1)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "libssl does not accept the certificate");
    return 0;
}

/* Take certificates (own first) and key, which may be NULL, as an identity. The caller keeps both where it fails. */
static int adopt(sessile_tls_config *config, STACK_OF(X509) *certificates, EVP_PKEY *key)
{
    const char *type = key_type(sk_X509_value(certificates, 0));
    struct tls_identity *place = find_place(config, type);
    struct writer w = {0};
    X509 *own;
    int r;

    if (!is_usable(X509_get0_pubkey(sk_X509_value(certificates, 0))))
        return fail_unusable(config, sk_X509_value(certificates, 0));
    if (!place)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "there are certificates of %d key types already",
                               TLS_IDENTITIES_MAX);
    if ((r = tls_describe_certificates(config, certificates, &w)) != 0)
        goto out;
    if (w.size > TLS_CREDENTIAL_MAX) {
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the certificates have %zu bytes, and at most %d are allowed",
                            w.size, TLS_CREDENTIAL_MAX);
        goto out;
    }
    own = sk_X509_shift(certificates);
    if (key && (r = enter(config, own, key, certificates)) != 0) {
        X509_free(own);
        goto out;
    }
    release_identity(place);
    *place = (struct tls_identity){own, certificates, key};
    config->identity = place;
    if (place == &config->identities[config->identity_count])
        config->identity_count++;
    tls_config_digest(config, "certificate", w.data, w.size);
    ERR_clear_error();
out:
    writer_free(&w);
    return r;
}

static int take_certificates(sessile_tls_config *config, STACK_OF(X509) *certificates, EVP_PKEY *key)
{
    int r = adopt(config, certificates, key);

    if (r) {
        sk_X509_pop_free(certificates, X509_free);
        EVP_PKEY_free(key);
    }
    return r;
}

static int take_key(sessile_tls_config *config, EVP_PKEY *key)
{
    struct tls_identity *identity = config->identity;
    int r;

    if (!identity) {
        EVP_PKEY_free(key);
        return tls_config_fail(config, SESSILE_ERR_MISUSE, "a key comes after its certificate, and none is set");
    }
    if ((r = enter(config, identity->certificate, key, identity->chain)) != 0) {
        EVP_PKEY_free(key);
        return r;
    }
    EVP_PKEY_free(identity->key);
    identity->key = key;
    ERR_clear_error();
    return 0;
}

/* ---- certificates and keys ---- */

static int set_certificate(sessile_tls_config *config, const void *data, size_t size)
{
    STACK_OF(X509) *certificates = NULL;
    int r;

    if (size > TLS_CREDENTIAL_MAX)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT,
                               "the certificate has %zu bytes, and at most %d are allowed", size, TLS_CREDENTIAL_MAX);
    r = load_certificates(config, data, size, &certificates);
    return r ? r : take_certificates(config, certificates, NULL);
}

int sessile_tls_config_set_certificate(sessile_tls_config *config, const void *data, size_t size)
{
    int r = tls_config_open(config);

    return r ? r : set_certificate(config, data, size);
}

int sessile_tls_config_set_certificate_file(sessile_tls_config *config, const char *path)
{
    STACK_OF(X509) *certificates = NULL;
    int r = tls_config_open(config);

    if (r || (r = load_certificates_file(config, path, &certificates)))
        return r;
    return take_certificates(config, certificates, NULL);
}

/* The setters below may call the passphrase callback, in which the application may drop its reference. */

static int set_key(sessile_tls_config *config, const void *data, size_t size)
{
    EVP_PKEY *key = NULL;
    int r = load_key(config, data, size, &key);

    return r ? r : take_key(config, key);
}

int sessile_tls_config_set_key(sessile_tls_config *config, const void *data, size_t size)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    r = set_key(tls_config_keep(config), data, size);
    sessile_tls_config_free(config);
    return r;
}

static int set_key_file(sessile_tls_config *config, const char *path)
{
    EVP_PKEY *key = NULL;
    int r = load_key_file(config, path, &key);

    return r ? r : take_key(config, key);
}

int sessile_tls_config_set_key_file(sessile_tls_config *config, const char *path)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    r = set_key_file(tls_config_keep(config), path);
    sessile_tls_config_free(config);
    return r;
}

static int set_pkcs12(sessile_tls_config *config, const void *data, size_t size)
{
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *chain = NULL;
    int r = load_pkcs12(config, data, size, &key, &certificate, &chain);

    if (r)
        return r;
    if (sk_X509_unshift(chain, certificate) > 0)
        return take_certificates(config, chain, key);
    X509_free(certificate);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return tls_config_no_memory(config);
}

int sessile_tls_config_set_pkcs12(sessile_tls_config *config, const void *data, size_t size)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    r = set_pkcs12(tls_config_keep(config), data, size);
    sessile_tls_config_free(config);
    return r;
}

/* A store lists its entries in any order: the key says which certificate is the own one. */
static int put_own_first(sessile_tls_config *config, STACK_OF(X509) *certificates, EVP_PKEY *key)
{
    int own = 0;

    while (own < sk_X509_num(certificates) && X509_check_private_key(sk_X509_value(certificates, own), key) != 1)
        own++;
    ERR_clear_error();
    if (own == sk_X509_num(certificates))
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "none of the certificates belongs to the key");
    /* Cannot fail: the list had room for it before. */
    sk_X509_unshift(certificates, sk_X509_delete(certificates, own));
    return 0;
}

static int set_uri(sessile_tls_config *config, const char *uri)
{
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *certificates = NULL;
    int r = load_uri(config, uri, &key, &certificates);

    if (r)
        return r;
    if (!sk_X509_num(certificates)) {
        sk_X509_free(certificates);
        return take_key(config, key);
    }
    if (!key || !(r = put_own_first(config, certificates, key)))
        return take_certificates(config, certificates, key);
    sk_X509_pop_free(certificates, X509_free);
    EVP_PKEY_free(key);
    return r;
}

int sessile_tls_config_set_uri(sessile_tls_config *config, const char *uri)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    r = set_uri(tls_config_keep(config), uri);
    sessile_tls_config_free(config);
    return r;
}

/* ---- passphrases ---- */

int sessile_tls_config_set_passphrase(sessile_tls_config *config, const void *data, size_t size)
{
    char *passphrase = NULL;
    int r = tls_config_open(config);

    if (r)
        return r;
    if (size > TLS_PASSPHRASE_MAX)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the passphrase has %zu bytes, and at most %d are allowed",
                               size, TLS_PASSPHRASE_MAX);
    if (size && !data)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the passphrase is NULL");
    if (size && !(passphrase = mem_copy(data, size)))
        return tls_config_no_memory(config);
    mem_wipe_free(config->passphrase, config->passphrase_size);
    config->passphrase = passphrase;
    config->passphrase_size = size;
    return 0;
}

int sessile_tls_config_set_passphrase_callback(sessile_tls_config *config, sessile_tls_passphrase passphrase, void *app)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    config->passphrase_callback = passphrase;
    config->passphrase_app = app;
    return 0;
}
