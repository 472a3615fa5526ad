/* SPDX-License-Identifier: Apache-2.0
 *
 * A config's life: made with safe defaults, filled by setters that open it and may fail it, sealed once, freed with its
 * last reference. Sealing is what makes it safe to share: all that can change afterwards is the reference count and the
 * note.
 */
#include "tls/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "session/memory.h"

/* ---- made and freed ---- */

/* RFC 8879, which libssl has from 3.2 on; an older one ignores the bits. */
#ifndef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
#define SSL_OP_NO_TX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 32)
#define SSL_OP_NO_RX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 33)
#endif

/* Resumption is ours: a server keeps no sessions, a client hands them out as tickets. */
static void set_defaults(SSL_CTX *ctx, int role)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
    /* A chain is what was given, not what could be built from the trust store. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, role == SESSILE_CLIENT ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                                               : SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, role == SESSILE_CLIENT ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

static SSL_CTX *new_context(int role)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (!ctx)
        return NULL;
    set_defaults(ctx, role);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_max_proto_version(ctx, 0) != 1 ||
        SSL_CTX_set_max_early_data(ctx, 0) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    tls_engine_install(ctx, role);
    return ctx;
}

static int prepare(sessile_tls_config *config)
{
    if (!(config->lock = CRYPTO_THREAD_lock_new()) || !(config->digesting = EVP_MD_CTX_new()))
        return SESSILE_ERR_MEMORY;
    if (EVP_DigestInit_ex(config->digesting, EVP_sha256(), NULL) != 1)
        return SESSILE_ERR_CRYPTO;
    if (!(config->anchors = sk_X509_new_null()) || !(config->crls = sk_X509_CRL_new_null()))
        return SESSILE_ERR_MEMORY;
    return (config->ctx = new_context(config->role)) ? 0 : SESSILE_ERR_MEMORY;
}

sessile_tls_config *sessile_tls_config_new(int role)
{
    sessile_tls_config *config;
    int r;

    if ((role != SESSILE_CLIENT && role != SESSILE_SERVER) || !(config = mem_zalloc(sizeof *config)))
        return NULL;
    atomic_init(&config->refs, 1);
    atomic_init(&config->sealed, 0);
    atomic_init(&config->note, NULL);
    config->role = role;
    config->verify = config->host_check = role == SESSILE_CLIENT;
    config->ticket_count = 2;
    config->max_send_fragment = SSL3_RT_MAX_PLAIN_LENGTH;
    r = prepare(config);
    ERR_clear_error();
    if (r) {
        sessile_tls_config_free(config);
        return NULL;
    }
    tls_config_digest_number(config, "role", (uint64_t)role);
    return config;
}

sessile_tls_config *tls_config_keep(sessile_tls_config *config)
{
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void sessile_tls_config_free(sessile_tls_config *config)
{
    if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1)
        return;
    tls_credentials_free(config);
    tls_trust_free(config);
    tls_hosts_free(config);
    tls_psks_free(config);
    sessile_tls_tickets_free(config->tickets);
    mem_free(config->alpn);
    mem_free(config->ocsp_response);
    EVP_MD_CTX_free(config->digesting);
    SSL_CTX_free(config->ctx);
    CRYPTO_THREAD_lock_free(config->lock);
    mem_free(config);
    ERR_clear_error();
}

/* ---- errors ---- */

const char *sessile_tls_config_error_text(sessile_tls_config *config)
{
    const char *note;

    if (!config)
        return "";
    note = atomic_load(&config->note);
    return note ? note : config->text;
}

int tls_config_open(sessile_tls_config *config)
{
    if (!config)
        return SESSILE_ERR_ARGUMENT;
    if (atomic_load(&config->sealed)) {
        atomic_store(&config->note, "the config is in use and cannot be changed any more");
        return SESSILE_ERR_MISUSE;
    }
    atomic_store(&config->note, NULL);
    config->text[0] = 0;
    ERR_clear_error();
    return 0;
}

int tls_config_open_role(sessile_tls_config *config, int role)
{
    int r = tls_config_open(config);

    if (r || config->role == role)
        return r;
    return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "this setting is for a %s, and the config is a %s's",
                           role == SESSILE_CLIENT ? "client" : "server", role == SESSILE_CLIENT ? "server" : "client");
}

/* The words of an error without its number, library and function: what follows the fourth colon. */
static void append_reason(char *text, size_t size, unsigned long error, const char *data)
{
    char buffer[160];
    const char *reason = buffer;
    size_t used = strlen(text);

    ERR_error_string_n(error, buffer, sizeof buffer);
    for (int colons = 0; colons < 4 && strchr(reason, ':'); colons++)
        reason = strchr(reason, ':') + 1;
    if (data && *data)
        snprintf(text + used, size - used, ": %s (%s)", reason, data);
    else
        snprintf(text + used, size - used, ": %s", reason);
}

/* The first error is the cause, and the later ones are what it led to; but a word of the system's says most. */
static int drain_errors(char *text, size_t size, int code)
{
    size_t length = strlen(text);
    const char *data;
    unsigned long error;
    int flags, said = 0;

    while ((error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            code = SESSILE_ERR_MEMORY;
        if (said == 2 || (said && !ERR_SYSTEM_ERROR(error)))
            continue;
        text[length] = 0;
        append_reason(text, size, error, flags & ERR_TXT_STRING ? data : NULL);
        said = ERR_SYSTEM_ERROR(error) ? 2 : 1;
    }
    return code;
}

int tls_config_fail(sessile_tls_config *config, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(config->text, sizeof config->text, format, arguments);
    va_end(arguments);
    return drain_errors(config->text, sizeof config->text, code);
}

int tls_config_no_memory(sessile_tls_config *config)
{
    return tls_config_fail(config, SESSILE_ERR_MEMORY, "no memory");
}

/* ---- the digest ---- */

static int digest_sized(EVP_MD_CTX *digesting, const void *data, size_t size)
{
    uint64_t length = size;
    uint8_t bytes[8];

    for (int i = 7; i >= 0; i--, length >>= 8)
        bytes[i] = (uint8_t)length;
    return EVP_DigestUpdate(digesting, bytes, sizeof bytes) == 1 && EVP_DigestUpdate(digesting, data, size) == 1;
}

void tls_config_digest(sessile_tls_config *config, const char *setting, const void *data, size_t size)
{
    if (!digest_sized(config->digesting, setting, strlen(setting)) || !digest_sized(config->digesting, data, size))
        config->digest_failed = 1;
}

void tls_config_digest_number(sessile_tls_config *config, const char *setting, uint64_t number)
{
    uint8_t bytes[8];

    for (int i = 7; i >= 0; i--, number >>= 8)
        bytes[i] = (uint8_t)number;
    tls_config_digest(config, setting, bytes, sizeof bytes);
}

/* On a copy, so that a config whose sealing failed can still be mended and sealed. */
static int finish_digest(sessile_tls_config *config)
{
    EVP_MD_CTX *last = EVP_MD_CTX_new();
    int r = 0;

    if (!last)
        return tls_config_no_memory(config);
    if (config->digest_failed || EVP_MD_CTX_copy_ex(last, config->digesting) != 1 ||
        (tls_trust_system(config) && !digest_sized(last, "system", 6)) ||
        EVP_DigestFinal_ex(last, config->digest, NULL) != 1 ||
        /* A client's libssl would compare it with that of a pre-shared key, which has none. */
        (config->role == SESSILE_SERVER &&
         SSL_CTX_set_session_id_context(config->ctx, config->digest, TLS_DIGEST_SIZE) != 1))
        r = tls_config_fail(config, SESSILE_ERR_CRYPTO, "the config could not be digested");
    EVP_MD_CTX_free(last);
    return r;
}

/* ---- sealing ---- */

/* libcrypto reads a certificate's extensions when they are first asked for. That is now, while one thread has them. */
static int read_extensions(sessile_tls_config *config, X509 *certificate)
{
    if (X509_check_purpose(certificate, -1, 0) != 1 && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
        return tls_config_no_memory(config);
    ERR_clear_error(); /* what is malformed shows when it is verified */
    return 0;
}

static int read_all_extensions(sessile_tls_config *config, const STACK_OF(X509) *certificates)
{
    int r = 0;

    for (int i = 0; !r && i < sk_X509_num(certificates); i++)
        r = read_extensions(config, sk_X509_value(certificates, i));
    return r;
}

static int settle_certificates(sessile_tls_config *config)
{
    int r = read_all_extensions(config, config->anchors);

    for (size_t i = 0; !r && i < config->identity_count; i++) {
        r = read_extensions(config, config->identities[i].certificate);
        if (!r)
            r = read_all_extensions(config, config->identities[i].chain);
    }
    return r;
}

static int complete(sessile_tls_config *config)
{
    int r = tls_credentials_check(config);

    if (r)
        return r;
    if (config->role == SESSILE_SERVER && !config->identity_count && !config->psk_count)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT,
                               "a server needs a certificate and its key, or a pre-shared key");
    if (config->role == SESSILE_SERVER && !config->tickets && !(config->tickets = sessile_tls_tickets_new()))
        return tls_config_no_memory(config);
    return 0;
}

static int seal(sessile_tls_config *config)
{
    int r;

    if ((r = tls_config_open(config)) || (r = complete(config)) || (r = settle_certificates(config)) ||
        (r = tls_trust_seal(config)) || (r = tls_psks_seal(config)) || (r = finish_digest(config)))
        return r;
    mem_wipe_free(config->passphrase, config->passphrase_size);
    config->passphrase = NULL;
    config->passphrase_size = 0;
    ERR_clear_error();
    atomic_store(&config->sealed, 1);
    return 0;
}

int tls_config_seal(sessile_tls_config *config, int role)
{
    int r = 0;

    if (config->role != role) {
        atomic_store(&config->note, role == SESSILE_CLIENT ? "the config is a server's, and is used for a client"
                                                           : "the config is a client's, and is used for a server");
        return SESSILE_ERR_MISUSE;
    }
    if (atomic_load(&config->sealed))
        return 0;
    if (!CRYPTO_THREAD_write_lock(config->lock))
        return SESSILE_ERR_CRYPTO;
    if (!atomic_load(&config->sealed))
        r = seal(config);
    CRYPTO_THREAD_unlock(config->lock);
    return r;
}

int sessile_tls_config_check(sessile_tls_config *config)
{
    return config ? tls_config_seal(config, config->role) : SESSILE_ERR_ARGUMENT;
}
