/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaders. Memory is read through a read-only memory BIO, files and tokens by loaders of libssl's and libcrypto's own:
 * libsessile itself opens nothing.
 */
#include "tls/load.h"

#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "session/memory.h"

/* ---- passphrases ---- */

/* What an attempt to read may open things with, and whether that was needed. */
struct unlock {
    const char *passphrase; /* NULL: none, only note that one is needed */
    size_t size;
    int asked;
};

/* Read what is described by subject. 0 or a code, with OpenSSL's error queue saying more. */
typedef int (*attempt)(void *subject, struct unlock *unlock);

/* A pem_password_cb. */
static int give_passphrase(char *buffer, int size, int writing, void *app)
{
    struct unlock *unlock = app;

    (void)writing;
    unlock->asked = 1;
    if (!unlock->passphrase || size < 0 || unlock->size > (size_t)size)
        return -1;
    memcpy(buffer, unlock->passphrase, unlock->size);
    return (int)unlock->size;
}

static int failed_to_read(sessile_tls_config *config, const char *what, int code, const struct unlock *unlock)
{
    if (code == SESSILE_ERR_MEMORY)
        return tls_config_no_memory(config);
    if (unlock->asked && !unlock->passphrase)
        return tls_config_fail(config, code, "%s is encrypted, and no passphrase is set", what);
    if (unlock->asked)
        return tls_config_fail(config, code, "%s cannot be read with this passphrase", what);
    return tls_config_fail(config, code, "%s cannot be read", what);
}

/* Fills passphrase, of TLS_PASSPHRASE_MAX and one bytes. The application may do anything in its callback, even seal the
 * config. */
static int ask_passphrase(sessile_tls_config *config, char *passphrase, struct unlock *unlock)
{
    int length = config->passphrase_callback(passphrase, TLS_PASSPHRASE_MAX, config->passphrase_app);

    ERR_clear_error();
    if (length < 0 || length > TLS_PASSPHRASE_MAX)
        return tls_config_fail(config, SESSILE_ERR_CALLBACK, "the passphrase callback returned %d of at most %d bytes",
                               length, TLS_PASSPHRASE_MAX);
    passphrase[length] = 0;
    unlock->passphrase = passphrase;
    unlock->size = (size_t)length;
    return 0;
}

static int read_with_callback(sessile_tls_config *config, const char *what, attempt read, void *subject)
{
    char passphrase[TLS_PASSPHRASE_MAX + 1] = {0};
    struct unlock unlock = {NULL, 0, 0};
    int r = ask_passphrase(config, passphrase, &unlock);

    if (!r)
        r = tls_config_open(config);
    if (!r && (r = read(subject, &unlock)) != 0)
        r = failed_to_read(config, what, r, &unlock);
    mem_wipe(passphrase, sizeof passphrase);
    return r;
}

static int read_unlocked(sessile_tls_config *config, const char *what, attempt read, void *subject)
{
    struct unlock unlock = {config->passphrase, config->passphrase_size, 0};
    int r = read(subject, &unlock);

    if (!r) {
        ERR_clear_error();
        return 0;
    }
    if (r == SESSILE_ERR_MEMORY || !unlock.asked || unlock.passphrase || !config->passphrase_callback)
        return failed_to_read(config, what, r, &unlock);
    ERR_clear_error();
    return read_with_callback(config, what, read, subject);
}

/* ---- memory ---- */

struct span {
    const void *data;
    size_t size;
};

static int is_pem(struct span span)
{
    static const char mark[] = "-----BEGIN ";
    const char *at = span.data, *end;

    if (span.size < sizeof mark - 1)
        return 0;
    for (end = at + span.size - (sizeof mark - 1); at && at <= end; at++)
        if (!memcmp(at, mark, sizeof mark - 1))
            return 1;
    return 0;
}

static int check_span(sessile_tls_config *config, const char *what, struct span span, size_t limit)
{
    if (!span.data || !span.size)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s is empty", what);
    if (span.size > limit)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s has %zu bytes, and at most %zu are allowed", what,
                               span.size, limit);
    return 0;
}

/* Whether a PEM reader failed only because nothing more is there: else the data is broken, or memory ran out. */
static int at_pem_end(void)
{
    unsigned long error = ERR_peek_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* A failure that libcrypto has no word for is one to find memory, for the word. */
static int unreadable(void)
{
    return ERR_peek_error() ? SESSILE_ERR_ARGUMENT : SESSILE_ERR_MEMORY;
}

/* A list of X509 or X509_CRL, read by the functions of its type. */
struct list_reader {
    void *(*read_pem)(BIO *bio, struct unlock *unlock);
    void *(*read_der)(const unsigned char **data, long size);
    void (*release)(void *item);
};

static int read_list_pem(struct span span, const struct list_reader *reader, OPENSSL_STACK *list)
{
    BIO *bio = BIO_new_mem_buf(span.data, (int)span.size);
    struct unlock unlock = {NULL, 0, 0};
    void *item;
    int r = 0;

    if (!bio)
        return SESSILE_ERR_MEMORY;
    while (!r && (item = reader->read_pem(bio, &unlock)) != NULL) {
        if (OPENSSL_sk_push(list, item) <= 0) {
            reader->release(item);
            r = SESSILE_ERR_MEMORY;
        }
    }
    if (!r && (!OPENSSL_sk_num(list) || !at_pem_end()))
        r = unreadable();
    BIO_free(bio);
    return r;
}

static int read_list_der(struct span span, const struct list_reader *reader, OPENSSL_STACK *list)
{
    const unsigned char *at = span.data;
    void *item = reader->read_der(&at, (long)span.size);

    if (!item)
        return unreadable();
    if (at == (const unsigned char *)span.data + span.size && OPENSSL_sk_push(list, item) > 0)
        return 0;
    reader->release(item);
    return at == (const unsigned char *)span.data + span.size ? SESSILE_ERR_MEMORY : SESSILE_ERR_ARGUMENT;
}

static int read_list(sessile_tls_config *config, const char *what, struct span span, const struct list_reader *reader,
                     OPENSSL_STACK **result)
{
    OPENSSL_STACK *list;
    int r;

    *result = NULL;
    if (!(list = OPENSSL_sk_new_null()))
        return tls_config_no_memory(config);
    r = is_pem(span) ? read_list_pem(span, reader, list) : read_list_der(span, reader, list);
    if (r) {
        OPENSSL_sk_pop_free(list, reader->release);
        return tls_config_fail(config, r, r == SESSILE_ERR_MEMORY ? "no memory for %s" : "%s cannot be read", what);
    }
    ERR_clear_error();
    *result = list;
    return 0;
}

static void *read_pem_certificate(BIO *bio, struct unlock *unlock)
{
    return PEM_read_bio_X509(bio, NULL, give_passphrase, unlock);
}

static void *read_der_certificate(const unsigned char **data, long size)
{
    return d2i_X509(NULL, data, size);
}

static void release_certificate(void *item)
{
    X509_free(item);
}

static const struct list_reader certificate_reader = {read_pem_certificate, read_der_certificate, release_certificate};

static void *read_pem_crl(BIO *bio, struct unlock *unlock)
{
    return PEM_read_bio_X509_CRL(bio, NULL, give_passphrase, unlock);
}

static void *read_der_crl(const unsigned char **data, long size)
{
    return d2i_X509_CRL(NULL, data, size);
}

static void release_crl(void *item)
{
    X509_CRL_free(item);
}

static const struct list_reader crl_reader = {read_pem_crl, read_der_crl, release_crl};

int load_certificates(sessile_tls_config *config, const void *data, size_t size, STACK_OF(X509) **certificates)
{
    struct span span = {data, size};
    OPENSSL_STACK *list = NULL;
    int r = check_span(config, "the certificate", span, INT_MAX);

    if (!r)
        r = read_list(config, "the certificate", span, &certificate_reader, &list);
    *certificates = (STACK_OF(X509) *)list;
    return r;
}

int load_crls(sessile_tls_config *config, const void *data, size_t size, STACK_OF(X509_CRL) **crls)
{
    struct span span = {data, size};
    OPENSSL_STACK *list = NULL;
    int r = check_span(config, "the CRL", span, INT_MAX);

    if (!r)
        r = read_list(config, "the CRL", span, &crl_reader, &list);
    *crls = (STACK_OF(X509_CRL) *)list;
    return r;
}

struct key_load {
    struct span span;
    EVP_PKEY *key;
};

/* PKCS#8, encrypted or not, PKCS#1 or SEC1. */
static int read_der_key(struct key_load *load, struct unlock *unlock)
{
    const unsigned char *at = load->span.data;
    size_t left = load->span.size;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&load->key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
    int ok;

    if (!decoder)
        return SESSILE_ERR_MEMORY;
    ok = OSSL_DECODER_CTX_set_pem_password_cb(decoder, give_passphrase, unlock) == 1 &&
         OSSL_DECODER_from_data(decoder, &at, &left) == 1 && load->key && !left;
    OSSL_DECODER_CTX_free(decoder);
    return ok ? 0 : SESSILE_ERR_ARGUMENT;
}

static int read_key(void *subject, struct unlock *unlock)
{
    struct key_load *load = subject;
    BIO *bio;
    int r;

    if (is_pem(load->span)) {
        if (!(bio = BIO_new_mem_buf(load->span.data, (int)load->span.size)))
            return SESSILE_ERR_MEMORY;
        load->key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, unlock);
        BIO_free(bio);
        return load->key ? 0 : SESSILE_ERR_ARGUMENT;
    }
    if ((r = read_der_key(load, unlock)) != 0) {
        EVP_PKEY_free(load->key);
        load->key = NULL;
    }
    return r;
}

int load_key(sessile_tls_config *config, const void *data, size_t size, EVP_PKEY **key)
{
    struct key_load load = {{data, size}, NULL};
    int r = check_span(config, "the key", load.span, TLS_CREDENTIAL_MAX);

    if (!r)
        r = read_unlocked(config, "the key", read_key, &load);
    *key = load.key;
    return r;
}

struct bundle_load {
    PKCS12 *bundle;
    EVP_PKEY *key;
    X509 *certificate;
    STACK_OF(X509) *chain;
};

static void release_bundle(struct bundle_load *load)
{
    EVP_PKEY_free(load->key);
    X509_free(load->certificate);
    sk_X509_pop_free(load->chain, X509_free);
    load->key = NULL;
    load->certificate = NULL;
    load->chain = NULL;
}

/* PKCS#12 has no callback that asks: what cannot be opened without a passphrase needs one. */
static int read_bundle(void *subject, struct unlock *unlock)
{
    struct bundle_load *load = subject;

    /* libcrypto takes the passphrase as text, and would look at its beginning only. */
    if (unlock->passphrase && memchr(unlock->passphrase, 0, unlock->size)) {
        unlock->asked = 1;
        return SESSILE_ERR_ARGUMENT;
    }
    if (PKCS12_parse(load->bundle, unlock->passphrase, &load->key, &load->certificate, &load->chain) != 1) {
        unlock->asked = 1;
        return SESSILE_ERR_ARGUMENT;
    }
    if (!load->key || !load->certificate || (!load->chain && !(load->chain = sk_X509_new_null()))) {
        int r = load->key && load->certificate ? SESSILE_ERR_MEMORY : SESSILE_ERR_ARGUMENT;

        release_bundle(load);
        return r;
    }
    return 0;
}

int load_pkcs12(sessile_tls_config *config, const void *data, size_t size, EVP_PKEY **key, X509 **certificate,
                STACK_OF(X509) **chain)
{
    struct bundle_load load = {NULL, NULL, NULL, NULL};
    struct span span = {data, size};
    const unsigned char *at = data;
    int r = check_span(config, "the PKCS#12 bundle", span, TLS_CREDENTIAL_MAX);

    if (!r) {
        load.bundle = d2i_PKCS12(NULL, &at, (long)size);
        if (!load.bundle || at != (const unsigned char *)data + size)
            r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "this is no PKCS#12 bundle");
    }
    if (!r)
        r = read_unlocked(config, "the PKCS#12 bundle", read_bundle, &load);
    PKCS12_free(load.bundle);
    *key = load.key;
    *certificate = load.certificate;
    *chain = load.chain;
    return r;
}

/* ---- stores ---- */

struct store_load {
    const char *uri;
    EVP_PKEY *key; /* the first */
    STACK_OF(X509) *certificates;
};

static int take_certificate(struct store_load *load, const OSSL_STORE_INFO *info)
{
    X509 *certificate = OSSL_STORE_INFO_get1_CERT(info);

    if (certificate && sk_X509_push(load->certificates, certificate) > 0)
        return 0;
    X509_free(certificate);
    return SESSILE_ERR_MEMORY;
}

static int take_entry(struct store_load *load, const OSSL_STORE_INFO *info)
{
    switch (OSSL_STORE_INFO_get_type(info)) {
    case OSSL_STORE_INFO_CERT:
        return take_certificate(load, info);
    case OSSL_STORE_INFO_PKEY:
        if (!load->key && !(load->key = OSSL_STORE_INFO_get1_PKEY(info)))
            return SESSILE_ERR_MEMORY;
        return 0;
    default:
        return 0;
    }
}

static int read_entries(struct store_load *load, OSSL_STORE_CTX *store)
{
    OSSL_STORE_INFO *info;
    int r = 0;

    while (!r && (info = OSSL_STORE_load(store)) != NULL) {
        r = take_entry(load, info);
        OSSL_STORE_INFO_free(info);
    }
    /* The end of a file is an error too, but one that leaves no word in the queue. */
    return !r && (!OSSL_STORE_eof(store) || ERR_peek_error()) ? SESSILE_ERR_ARGUMENT : r;
}

static void release_store(struct store_load *load)
{
    EVP_PKEY_free(load->key);
    sk_X509_pop_free(load->certificates, X509_free);
    load->key = NULL;
    load->certificates = NULL;
}

static int read_store(void *subject, struct unlock *unlock)
{
    struct store_load *load = subject;
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
    OSSL_STORE_CTX *store = NULL;
    int r = SESSILE_ERR_MEMORY;

    if (ui && (load->certificates = sk_X509_new_null())) {
        store = OSSL_STORE_open(load->uri, ui, unlock, NULL, NULL);
        r = store ? read_entries(load, store) : SESSILE_ERR_ARGUMENT;
        OSSL_STORE_close(store);
    }
    if (ui)
        UI_destroy_method(ui);
    if (r)
        release_store(load);
    return r;
}

static int check_place(sessile_tls_config *config, const char *what, const char *place)
{
    if (!place || !*place)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the %s is empty", what);
    return 0;
}

static char *join(const char *first, const char *second)
{
    size_t first_size = strlen(first), second_size = strlen(second);
    char *both = mem_alloc(first_size + second_size + 1);

    if (!both)
        return NULL;
    memcpy(both, first, first_size);
    memcpy(both + first_size, second, second_size + 1);
    return both;
}

int load_key_file(sessile_tls_config *config, const char *path, EVP_PKEY **key)
{
    struct store_load load = {NULL, NULL, NULL};
    int r = check_place(config, "path", path);
    char *place;

    *key = NULL;
    if (r)
        return r;
    if (!(place = join("./", path)))
        return tls_config_no_memory(config);
    /* A path with a colon in it would pass for a URI. */
    load.uri = *path == '/' ? path : place;
    r = read_unlocked(config, path, read_store, &load);
    mem_free(place);
    sk_X509_pop_free(load.certificates, X509_free);
    *key = load.key;
    return !r && !load.key ? tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s has no private key", path) : r;
}

int load_uri(sessile_tls_config *config, const char *uri, EVP_PKEY **key, STACK_OF(X509) **certificates)
{
    struct store_load load = {uri, NULL, NULL};
    int r = check_place(config, "URI", uri);

    if (!r)
        r = read_unlocked(config, uri, read_store, &load);
    if (!r && !load.key && !sk_X509_num(load.certificates)) {
        release_store(&load);
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s has no key and no certificate", uri);
    }
    *key = load.key;
    *certificates = load.certificates;
    return r;
}

/* What a store opens as "path/." is a directory. Its entries are none of our business. */
int load_directory(sessile_tls_config *config, const char *path)
{
    OSSL_STORE_CTX *store;
    char *place;
    int r = check_place(config, "path", path);

    if (r)
        return r;
    if (!(place = join(path, "/.")))
        return tls_config_no_memory(config);
    if (!(store = OSSL_STORE_open(place, NULL, NULL, NULL, NULL)))
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s cannot be read", path);
    OSSL_STORE_close(store);
    ERR_clear_error();
    mem_free(place);
    return r;
}

/* ---- certificate files ---- */

/* A store passes over a certificate that is cut short; libssl's loader does not. It takes PEM, and else DER. */
static int read_certificate_file(SSL_CTX *spare, const char *path)
{
    struct unlock unlock = {NULL, 0, 0};
    int ok;

    SSL_CTX_set_security_level(spare, 0);
    SSL_CTX_set_default_passwd_cb(spare, give_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(spare, &unlock);
    ok = SSL_CTX_use_certificate_chain_file(spare, path) == 1;
    if (!ok && at_pem_end()) {
        ERR_clear_error();
        ok = SSL_CTX_use_certificate_file(spare, path, SSL_FILETYPE_ASN1) == 1;
    }
    return ok;
}

/* The certificates that spare has, own first. NULL: no memory. */
static STACK_OF(X509) *take_certificates(SSL_CTX *spare)
{
    X509 *own = SSL_CTX_get0_certificate(spare);
    STACK_OF(X509) *chain = NULL, *certificates;

    SSL_CTX_get0_chain_certs(spare, &chain);
    certificates = chain ? X509_chain_up_ref(chain) : sk_X509_new_null();
    if (certificates && sk_X509_unshift(certificates, own) > 0) {
        X509_up_ref(own);
        return certificates;
    }
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

int load_certificates_file(sessile_tls_config *config, const char *path, STACK_OF(X509) **certificates)
{
    int r = check_place(config, "path", path);
    SSL_CTX *spare;

    *certificates = NULL;
    if (r)
        return r;
    if (!(spare = SSL_CTX_new(TLS_method())))
        return tls_config_no_memory(config);
    if (!read_certificate_file(spare, path))
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s has no certificate that can be read", path);
    else if (!(*certificates = take_certificates(spare)))
        r = tls_config_no_memory(config);
    SSL_CTX_free(spare);
    ERR_clear_error();
    return r;
}
