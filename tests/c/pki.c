/* SPDX-License-Identifier: Apache-2.0
 *
 * Test certificates out of libcrypto. Serial numbers are random, and so are the names of authorities made by pki_new():
 * two of them never pass for one another.
 */
#include "pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct pki {
    unsigned refs;
    struct pki *issuer; /* NULL where self-signed */
    EVP_PKEY *key;
    X509 *certificate;
};

static _Noreturn void fail(const char *what, int line)
{
    fprintf(stderr, "pki.c:%d: %s\n", line, what);
    ERR_print_errors_fp(stderr);
    abort();
}

#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail(#condition, __LINE__);                                                                                \
    } while (0)

/* ---- keys ---- */

static EVP_PKEY *make_key(const char *type)
{
    if (!strcmp(type, "rsa"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (!strcmp(type, "rsa3072"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
    if (!strcmp(type, "ec"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (!strcmp(type, "p384"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    if (!strcmp(type, "ed25519"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return NULL;
}

static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

/* ---- certificates ---- */

static void set_serial(X509 *certificate)
{
    BIGNUM *serial = BN_new();

    must(serial && BN_rand(serial, 120, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY));
    must(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)));
    BN_free(serial);
}

static void set_subject(X509 *certificate, const struct pki_spec *spec)
{
    char name[64] = "Sessile Test";

    if (spec->common_name)
        snprintf(name, sizeof name, "%s", spec->common_name);
    else if (spec->names)
        snprintf(name, sizeof name, "%.*s", (int)strcspn(spec->names, ","), spec->names);
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    (const unsigned char *)name, -1, -1, 0));
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static int is_address(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

    ERR_clear_error();
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

static void add_names(X509 *certificate, const char *names)
{
    size_t room = 6 * strlen(names) + 6, length;
    char *value = calloc(1, room);
    char name[256];

    must(value);
    for (; *names; names += length + (names[length] == ',')) {
        length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        snprintf(value + strlen(value), room - strlen(value), "%s%s:%s", *value ? "," : "",
                 is_address(name) ? "IP" : "DNS", name);
    }
    add_extension(certificate, certificate, NID_subject_alt_name, value);
    free(value);
}

static void add_padding(X509 *certificate, size_t size)
{
    ASN1_IA5STRING *comment = ASN1_IA5STRING_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;
    unsigned char *der = NULL;
    char *filler = malloc(size);
    int length;

    must(filler && comment && value);
    memset(filler, 'x', size);
    must(ASN1_STRING_set(comment, filler, (int)size));
    must((length = i2d_ASN1_IA5STRING(comment, &der)) > 0);
    must(ASN1_OCTET_STRING_set(value, der, length));
    extension = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, value);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(value);
    ASN1_IA5STRING_free(comment);
    free(filler);
}

static void add_usage(X509 *certificate, X509 *issuer, int usage)
{
    char extended[64] = "";

    if (usage & PKI_CA) {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
    } else {
        add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    }
    if (usage & PKI_SERVER)
        strcat(extended, ",serverAuth");
    if (usage & PKI_CLIENT)
        strcat(extended, ",clientAuth");
    if (usage & PKI_OCSP)
        strcat(extended, ",OCSPSigning");
    if (*extended)
        add_extension(certificate, issuer, NID_ext_key_usage, extended + 1);
}

static void fill(X509 *certificate, X509 *issuer, const struct pki_spec *spec, EVP_PKEY *key)
{
    must(X509_set_version(certificate, X509_VERSION_3));
    set_serial(certificate);
    set_subject(certificate, spec);
    must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)));
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), spec->not_before ? spec->not_before : -3600));
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), spec->not_after ? spec->not_after : 86400));
    must(X509_set_pubkey(certificate, key));
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    add_usage(certificate, issuer, spec->usage ? spec->usage : PKI_SERVER | PKI_CLIENT);
    if (spec->names)
        add_names(certificate, spec->names);
    if (spec->padding)
        add_padding(certificate, spec->padding);
}

struct pki *pki_issue(struct pki *issuer, const struct pki_spec *spec)
{
    struct pki *pki = calloc(1, sizeof *pki);
    EVP_PKEY *signer;

    must(pki);
    pki->refs = 1;
    must(pki->key = make_key(spec->key_type ? spec->key_type : "ec"));
    must(pki->certificate = X509_new());
    pki->issuer = issuer;
    if (issuer)
        issuer->refs++;
    fill(pki->certificate, issuer ? issuer->certificate : pki->certificate, spec, pki->key);
    signer = issuer ? issuer->key : pki->key;
    must(X509_sign(pki->certificate, signer, digest_for(signer)));
    return pki;
}

struct pki *pki_new(const char *key_type)
{
    struct pki_spec spec = {.key_type = key_type, .usage = PKI_CA};
    unsigned char number[8];
    char name[64];

    must(RAND_bytes(number, sizeof number) == 1);
    snprintf(name, sizeof name, "Sessile Test CA %02x%02x%02x%02x%02x%02x%02x%02x", number[0], number[1], number[2],
             number[3], number[4], number[5], number[6], number[7]);
    spec.common_name = name;
    return pki_issue(NULL, &spec);
}

struct pki *pki_server(struct pki *issuer, const char *key_type, const char *names)
{
    return pki_issue(issuer, &(struct pki_spec){.key_type = key_type, .names = names, .usage = PKI_SERVER});
}

struct pki *pki_expired(struct pki *issuer, const char *key_type, const char *names)
{
    return pki_issue(issuer, &(struct pki_spec){.key_type = key_type,
                                                .names = names,
                                                .usage = PKI_SERVER | PKI_CLIENT,
                                                .not_before = -7200,
                                                .not_after = -3600});
}

struct pki *pki_client(struct pki *issuer, const char *key_type, const char *common_name)
{
    return pki_issue(issuer, &(struct pki_spec){.key_type = key_type, .common_name = common_name, .usage = PKI_CLIENT});
}

struct pki *pki_intermediate(struct pki *issuer, const char *key_type, const char *common_name, size_t padding)
{
    return pki_issue(
        issuer,
        &(struct pki_spec){.key_type = key_type, .common_name = common_name, .usage = PKI_CA, .padding = padding});
}

struct pki *pki_long_chain(struct pki *issuer, const char *key_type, const char *names, int count, size_t padding)
{
    struct pki *above = issuer, *next;
    char name[64];

    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "Sessile Test Intermediate %d", i + 1);
        next = pki_intermediate(above, key_type, name, padding);
        if (above != issuer)
            pki_free(above);
        above = next;
    }
    next = pki_server(above, key_type, names);
    if (above != issuer)
        pki_free(above);
    return next;
}

void pki_free(struct pki *pki)
{
    if (!pki || --pki->refs)
        return;
    pki_free(pki->issuer);
    EVP_PKEY_free(pki->key);
    X509_free(pki->certificate);
    free(pki);
}

/* ---- forms ---- */

/* The contents of a memory BIO, which is freed. */
static char *take_text(BIO *bio, size_t *size)
{
    char *data = NULL, *copy;
    long length = BIO_get_mem_data(bio, &data);

    must(length > 0 && (copy = malloc((size_t)length + 1)));
    memcpy(copy, data, (size_t)length);
    copy[length] = 0;
    if (size)
        *size = (size_t)length;
    BIO_free(bio);
    return copy;
}

static BIO *memory_bio(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    must(bio);
    return bio;
}

char *pki_certificate_pem(const struct pki *pki)
{
    BIO *bio = memory_bio();

    must(PEM_write_bio_X509(bio, pki->certificate));
    return take_text(bio, NULL);
}

char *pki_chain_pem(const struct pki *pki)
{
    BIO *bio = memory_bio();

    must(PEM_write_bio_X509(bio, pki->certificate));
    for (const struct pki *above = pki->issuer; above && above->issuer; above = above->issuer)
        must(PEM_write_bio_X509(bio, above->certificate));
    return take_text(bio, NULL);
}

char *pki_key_pem(const struct pki *pki, const char *passphrase)
{
    BIO *bio = memory_bio();

    must(PEM_write_bio_PKCS8PrivateKey(bio, pki->key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
                                       passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    return take_text(bio, NULL);
}

char *pki_key_pem_old(const struct pki *pki)
{
    BIO *bio = memory_bio();

    must(PEM_write_bio_PrivateKey_traditional(bio, pki->key, NULL, NULL, 0, NULL, NULL));
    return take_text(bio, NULL);
}

uint8_t *pki_certificate_der(const struct pki *pki, size_t *size)
{
    BIO *bio = memory_bio();

    must(i2d_X509_bio(bio, pki->certificate) == 1);
    return (uint8_t *)take_text(bio, size);
}

uint8_t *pki_key_der(const struct pki *pki, size_t *size)
{
    BIO *bio = memory_bio();

    must(i2d_PrivateKey_bio(bio, pki->key) == 1);
    return (uint8_t *)take_text(bio, size);
}

uint8_t *pki_pkcs12(const struct pki *pki, const char *passphrase, size_t *size)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    BIO *bio = memory_bio();
    PKCS12 *bundle;

    must(chain);
    for (const struct pki *above = pki->issuer; above && above->issuer; above = above->issuer)
        must(sk_X509_push(chain, above->certificate) > 0);
    bundle = PKCS12_create(passphrase, "sessile", pki->key, pki->certificate, chain, 0, 0, 0, 0, 0);
    must(bundle && i2d_PKCS12_bio(bio, bundle) == 1);
    PKCS12_free(bundle);
    sk_X509_free(chain);
    return (uint8_t *)take_text(bio, size);
}

void pki_fingerprint(const struct pki *pki, uint8_t fingerprint[32])
{
    unsigned size = 32;

    must(X509_digest(pki->certificate, EVP_sha256(), fingerprint, &size) == 1);
}

/* ---- revocation ---- */

static void revoke(X509_CRL *crl, const struct pki *pki)
{
    X509_REVOKED *entry = X509_REVOKED_new();

    must(entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(pki->certificate)));
    must(X509_REVOKED_set_revocationDate(entry, X509_getm_notBefore(pki->certificate)));
    must(X509_CRL_add0_revoked(crl, entry));
}

static X509_CRL *make_crl(struct pki *authority, const struct pki *revoked, long next_update)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, next_update < 0 ? next_update - 60 : -60);

    must(crl && time && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
    must(X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->certificate)));
    must(X509_CRL_set1_lastUpdate(crl, time));
    must(X509_gmtime_adj(time, next_update) && X509_CRL_set1_nextUpdate(crl, time));
    ASN1_TIME_free(time);
    if (revoked)
        revoke(crl, revoked);
    must(X509_CRL_sort(crl) && X509_CRL_sign(crl, authority->key, digest_for(authority->key)));
    return crl;
}

char *pki_crl_pem(struct pki *authority, const struct pki *revoked, long next_update)
{
    X509_CRL *crl = make_crl(authority, revoked, next_update);
    BIO *bio = memory_bio();

    must(PEM_write_bio_X509_CRL(bio, crl));
    X509_CRL_free(crl);
    return take_text(bio, NULL);
}

uint8_t *pki_crl_der(struct pki *authority, const struct pki *revoked, long next_update, size_t *size)
{
    X509_CRL *crl = make_crl(authority, revoked, next_update);
    BIO *bio = memory_bio();

    must(i2d_X509_CRL_bio(bio, crl) == 1);
    X509_CRL_free(crl);
    return (uint8_t *)take_text(bio, size);
}

static uint8_t *take_response(OCSP_RESPONSE *response, size_t *size)
{
    BIO *bio = memory_bio();

    must(response && i2d_OCSP_RESPONSE_bio(bio, response) == 1);
    OCSP_RESPONSE_free(response);
    return (uint8_t *)take_text(bio, size);
}

uint8_t *pki_ocsp(const struct pki *about, struct pki *signer, int status, long this_update, long next_update,
                  size_t *size)
{
    const int states[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN};
    const struct pki *issuer = about->issuer ? about->issuer : about;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, about->certificate, issuer->certificate);
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *from = X509_gmtime_adj(NULL, this_update), *until = NULL;
    OCSP_RESPONSE *response;

    must(basic && id && now && from && status >= 0 && status <= PKI_OCSP_UNKNOWN);
    if (next_update)
        must(until = X509_gmtime_adj(NULL, next_update));
    must(OCSP_basic_add1_status(basic, id, states[status], OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                status == PKI_OCSP_REVOKED ? now : NULL, from, until));
    must(OCSP_basic_sign(basic, signer->certificate, signer->key, digest_for(signer->key), NULL, 0));
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(now);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return take_response(response, size);
}

uint8_t *pki_ocsp_try_later(size_t *size)
{
    return take_response(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL), size);
}

void pki_write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    must(file && fwrite(data, 1, size, file) == size);
    must(fclose(file) == 0);
}
