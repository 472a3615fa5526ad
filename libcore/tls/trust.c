/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom to believe, and how strictly. What is trusted gathers in the config; sealing makes the SSL_CTX's store of it,
 * because nothing can be taken out of a store again.
 */
#include <string.h>

#include <openssl/err.h>

#include "session/memory.h"
#include "tls/config.h"
#include "tls/load.h"

/* ---- anchors ---- */

int tls_describe_certificates(sessile_tls_config *config, const STACK_OF(X509) *certificates, struct writer *w)
{
    unsigned char *der;
    int length;

    for (int i = 0; i < sk_X509_num(certificates); i++) {
        der = NULL;
        if ((length = i2d_X509(sk_X509_value(certificates, i), &der)) <= 0)
            return tls_config_fail(config, SESSILE_ERR_CRYPTO, "a certificate cannot be encoded");
        put_sized32(w, der, (size_t)length);
        OPENSSL_free(der);
    }
    return w->failed ? tls_config_no_memory(config) : 0;
}

/* Takes certificates over. */
static int add_anchors(sessile_tls_config *config, STACK_OF(X509) *certificates)
{
    struct writer w = {0};
    int r = tls_describe_certificates(config, certificates, &w);

    if (!r && !sk_X509_reserve(config->anchors, sk_X509_num(certificates)))
        r = tls_config_no_memory(config);
    if (!r) {
        while (sk_X509_num(certificates))
            sk_X509_push(config->anchors, sk_X509_shift(certificates));
        config->trust_given = 1;
        tls_config_digest(config, "trust", w.data, w.size);
        ERR_clear_error();
    }
    writer_free(&w);
    sk_X509_pop_free(certificates, X509_free);
    return r;
}

int sessile_tls_config_trust(sessile_tls_config *config, const void *data, size_t size)
{
    STACK_OF(X509) *certificates = NULL;
    int r = tls_config_open(config);

    if (r || (r = load_certificates(config, data, size, &certificates)))
        return r;
    return add_anchors(config, certificates);
}

int sessile_tls_config_trust_file(sessile_tls_config *config, const char *path)
{
    STACK_OF(X509) *certificates = NULL;
    int r = tls_config_open(config);

    if (r || (r = load_certificates_file(config, path, &certificates)))
        return r;
    return add_anchors(config, certificates);
}

static int add_directory(sessile_tls_config *config, const char *path)
{
    char **directories, *copy;

    if (!(copy = mem_string(path)))
        return tls_config_no_memory(config);
    directories = mem_realloc(config->directories, (config->directory_count + 1) * sizeof *directories);
    if (!directories) {
        mem_free(copy);
        return tls_config_no_memory(config);
    }
    config->directories = directories;
    directories[config->directory_count++] = copy;
    config->trust_given = 1;
    tls_config_digest(config, "directory", path, strlen(path));
    return 0;
}

int sessile_tls_config_trust_dir(sessile_tls_config *config, const char *path)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    if (!path)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the path is NULL");
    /* libcrypto would take it for a list of directories. */
    if (strchr(path, ':'))
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the path has a colon");
    r = load_directory(config, path);
    return r ? r : add_directory(config, path);
}

int sessile_tls_config_trust_system(sessile_tls_config *config)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    config->system_trust = config->trust_given = 1;
    return 0;
}

/* ---- CRLs ---- */

static int describe_crls(sessile_tls_config *config, const STACK_OF(X509_CRL) *crls, struct writer *w)
{
    unsigned char *der;
    int length;

    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        der = NULL;
        if ((length = i2d_X509_CRL(sk_X509_CRL_value(crls, i), &der)) <= 0)
            return tls_config_fail(config, SESSILE_ERR_CRYPTO, "a CRL cannot be encoded");
        put_sized32(w, der, (size_t)length);
        OPENSSL_free(der);
    }
    return w->failed ? tls_config_no_memory(config) : 0;
}

/* Takes crls over. */
static int add_crls(sessile_tls_config *config, STACK_OF(X509_CRL) *crls, unsigned long flags)
{
    struct writer w = {0};
    int r = describe_crls(config, crls, &w);

    if (!r && !sk_X509_CRL_reserve(config->crls, sk_X509_CRL_num(crls)))
        r = tls_config_no_memory(config);
    if (!r) {
        while (sk_X509_CRL_num(crls))
            sk_X509_CRL_push(config->crls, sk_X509_CRL_shift(crls));
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(config->ctx), flags);
        tls_config_digest(config, "crl", w.data, w.size);
        tls_config_digest_number(config, "crl flags", flags);
        ERR_clear_error();
    }
    writer_free(&w);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    return r;
}

int sessile_tls_config_add_crl(sessile_tls_config *config, const void *data, size_t size, int all_levels)
{
    STACK_OF(X509_CRL) *crls = NULL;
    int r = tls_config_open(config);

    if (r || (r = load_crls(config, data, size, &crls)))
        return r;
    return add_crls(config, crls, X509_V_FLAG_CRL_CHECK | (all_levels ? X509_V_FLAG_CRL_CHECK_ALL : 0));
}

/* ---- how strictly ---- */

int sessile_tls_config_set_verify_depth(sessile_tls_config *config, int depth)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    if (depth < 0 || depth > 100)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the verify depth is %d, and must be 0 to 100", depth);
    SSL_CTX_set_verify_depth(config->ctx, depth);
    tls_config_digest_number(config, "verify depth", (uint64_t)depth);
    return 0;
}

int sessile_tls_config_set_client_certificate(sessile_tls_config *config, int mode)
{
    static const int modes[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    if (mode < SESSILE_TLS_CLIENT_NONE || mode > SESSILE_TLS_CLIENT_REQUIRE)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "there is no client certificate mode %d", mode);
    config->client_mode = mode;
    SSL_CTX_set_verify(config->ctx, modes[mode], SSL_CTX_get_verify_callback(config->ctx));
    tls_config_digest_number(config, "client certificate", (uint64_t)mode);
    return 0;
}

int sessile_tls_config_insecure_no_verify(sessile_tls_config *config)
{
    int r = tls_config_open_role(config, SESSILE_CLIENT);

    if (r)
        return r;
    config->verify = 0;
    SSL_CTX_set_verify(config->ctx, SSL_VERIFY_NONE, SSL_CTX_get_verify_callback(config->ctx));
    tls_config_digest(config, "no verify", "", 0);
    return 0;
}

int sessile_tls_config_insecure_no_host_check(sessile_tls_config *config)
{
    int r = tls_config_open_role(config, SESSILE_CLIENT);

    if (r)
        return r;
    config->host_check = 0;
    tls_config_digest(config, "no host check", "", 0);
    return 0;
}

int sessile_tls_config_insecure_keylog(sessile_tls_config *config)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    config->keylog = 1;
    tls_engine_install_keylog(config->ctx);
    return 0;
}

/* ---- sealing ---- */

int tls_trust_system(const sessile_tls_config *config)
{
    return config->system_trust || (config->role == SESSILE_CLIENT && config->verify && !config->trust_given);
}

static int fill_store(sessile_tls_config *config, X509_STORE *store)
{
    for (int i = 0; i < sk_X509_num(config->anchors); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(config->anchors, i)) != 1)
            return tls_config_fail(config, SESSILE_ERR_MEMORY, "a trusted certificate cannot be stored");
    for (int i = 0; i < sk_X509_CRL_num(config->crls); i++)
        if (X509_STORE_add_crl(store, sk_X509_CRL_value(config->crls, i)) != 1)
            return tls_config_fail(config, SESSILE_ERR_MEMORY, "a CRL cannot be stored");
    for (size_t i = 0; i < config->directory_count; i++)
        if (X509_STORE_load_path(store, config->directories[i]) != 1)
            return tls_config_fail(config, SESSILE_ERR_CRYPTO, "the directory %s cannot be used",
                                   config->directories[i]);
    if (tls_trust_system(config) && X509_STORE_set_default_paths(store) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "the system's trust cannot be read");
    return 0;
}

/* Clients with several certificates choose by the names that a server asks for. */
static int name_client_authorities(sessile_tls_config *config)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    X509_NAME *name;

    if (!names)
        return tls_config_no_memory(config);
    for (int i = 0; i < sk_X509_num(config->anchors); i++) {
        name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(config->anchors, i)));
        if (!name || sk_X509_NAME_push(names, name) <= 0) {
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return tls_config_no_memory(config);
        }
    }
    SSL_CTX_set_client_CA_list(config->ctx, names);
    return 0;
}

int tls_trust_seal(sessile_tls_config *config)
{
    X509_STORE *store;
    int r;

    if (!(store = X509_STORE_new()))
        return tls_config_no_memory(config);
    if ((r = fill_store(config, store)) != 0) {
        X509_STORE_free(store);
        return r;
    }
    SSL_CTX_set_cert_store(config->ctx, store);
    return config->client_mode == SESSILE_TLS_CLIENT_NONE ? 0 : name_client_authorities(config);
}

void tls_trust_free(sessile_tls_config *config)
{
    sk_X509_pop_free(config->anchors, X509_free);
    sk_X509_CRL_pop_free(config->crls, X509_CRL_free);
    for (size_t i = 0; i < config->directory_count; i++)
        mem_free(config->directories[i]);
    mem_free(config->directories);
}
