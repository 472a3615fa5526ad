/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys in PEM: PKCS#1 and SEC 1, with the encryption that their headers name, and PKCS#8 (RFC 5958), plain or
 * encrypted. libcrypto decodes. Nothing is ever asked of a person, and what a hostile file could make a key derivation
 * cost is looked at first.
 */
#include "ssh/key/private.h"

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "session/error.h"
#include "session/memory.h"

/* A few seconds each. scrypt: its N times r times p; libcrypto itself bounds its memory. */
#define ITERATIONS_MAX 5000000
#define SCRYPT_WORK_MAX (1u << 22)

/* What is written: PBES2 with PBKDF2-HMAC-SHA256 and aes-256-cbc, which everybody can read. */
#define ITERATIONS 600000
#define SALT_SIZE 16

/* One PEM block: its label, and its data after base64, which header may say to be encrypted. */
struct block {
    struct reader label;
    char *header; /* NULL: none */
    struct writer data;
};

static void block_free(struct block *block)
{
    mem_free(block->header);
    writer_free(&block->data);
}

/* ---- The cost of an encrypted PKCS#8 ---- */

static int number_within(const ASN1_INTEGER *number, uint64_t limit)
{
    uint64_t value = 0;

    return number && ASN1_INTEGER_get_uint64(&value, number) == 1 && value <= limit;
}

static int scrypt_is_affordable(const ASN1_TYPE *parameters)
{
    SCRYPT_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), parameters);
    uint64_t n = 0, r = 0, parallel = 0;
    int good = p && ASN1_INTEGER_get_uint64(&n, p->costParameter) == 1 &&
               ASN1_INTEGER_get_uint64(&r, p->blockSize) == 1 &&
               ASN1_INTEGER_get_uint64(&parallel, p->parallelizationParameter) == 1;

    SCRYPT_PARAMS_free(p);
    return good && n <= SCRYPT_WORK_MAX && r <= SCRYPT_WORK_MAX && n * r <= SCRYPT_WORK_MAX &&
           parallel <= SCRYPT_WORK_MAX && n * r * parallel <= SCRYPT_WORK_MAX;
}

static int pbkdf2_is_affordable(const ASN1_TYPE *parameters)
{
    PBKDF2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), parameters);
    int good = p && number_within(p->iter, ITERATIONS_MAX);

    PBKDF2PARAM_free(p);
    return good;
}

static int pbes2_is_affordable(const ASN1_TYPE *parameters)
{
    PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameters);
    int kdf = p ? OBJ_obj2nid(p->keyfunc->algorithm) : NID_undef;
    int good = 0;

    if (kdf == NID_id_pbkdf2)
        good = pbkdf2_is_affordable(p->keyfunc->parameter);
    else if (kdf == NID_id_scrypt)
        good = scrypt_is_affordable(p->keyfunc->parameter);
    PBE2PARAM_free(p);
    return good;
}

static int pbe_is_affordable(const ASN1_TYPE *parameters)
{
    PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), parameters);
    int good = p && number_within(p->iter, ITERATIONS_MAX);

    PBEPARAM_free(p);
    return good;
}

static int check_cost(const X509_SIG *sealed, struct key_error *error)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *name = NULL;
    const void *value = NULL;
    int type = 0;

    X509_SIG_get0(sealed, &algorithm, NULL);
    X509_ALGOR_get0(&name, &type, &value, algorithm);
    if (algorithm->parameter && (OBJ_obj2nid(name) == NID_pbes2 ? pbes2_is_affordable(algorithm->parameter)
                                                                : pbe_is_affordable(algorithm->parameter)))
        return 0;
    return key_fail(error, SESSILE_ERR_ARGUMENT,
                    "the private key's encryption is not known, or costs more than %d iterations", ITERATIONS_MAX);
}

/* ---- Reading ---- */

static int malformed(struct key_error *error)
{
    return key_fail(error, SESSILE_ERR_ARGUMENT,
                    "the private key is malformed, or of a kind that libcrypto does not know");
}

/* What libcrypto could not decode. */
static int undecoded(struct key_error *error)
{
    return key_openssl_failure(SESSILE_ERR_ARGUMENT) == SESSILE_ERR_MEMORY ? SESSILE_ERR_MEMORY : malformed(error);
}

/* Takes pkey, which may be NULL: what libcrypto decoded from der, up to at. */
static int take(EVP_PKEY *pkey, const unsigned char *at, const struct writer *der, EVP_PKEY **out,
                struct key_error *error)
{
    if (!pkey)
        return undecoded(error);
    if (at == der->data + der->size) {
        *out = pkey;
        return 0;
    }
    EVP_PKEY_free(pkey);
    return malformed(error);
}

static EVP_PKEY *open_info(PKCS8_PRIV_KEY_INFO *info)
{
    EVP_PKEY *pkey = info ? EVP_PKCS82PKEY(info) : NULL;

    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}

static int decode_plain(const struct writer *der, EVP_PKEY **pkey, struct key_error *error)
{
    const unsigned char *at = der->data;
    EVP_PKEY *found = open_info(d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der->size));

    return take(found, at, der, pkey, error);
}

static int decode_typed(const struct writer *der, int type, EVP_PKEY **pkey, struct key_error *error)
{
    const unsigned char *at = der->data;
    EVP_PKEY *found = d2i_PrivateKey(type, NULL, &at, (long)der->size);

    return take(found, at, der, pkey, error);
}

static int open_sealed(const X509_SIG *sealed, const struct passphrase *passphrase, EVP_PKEY **pkey,
                       struct key_error *error)
{
    PKCS8_PRIV_KEY_INFO *info;

    if (!passphrase->size)
        return SESSILE_ERR_PASSPHRASE;
    if (!(info = PKCS8_decrypt(sealed, passphrase->data, (int)passphrase->size)))
        return key_openssl_failure(SESSILE_ERR_PASSPHRASE);
    *pkey = open_info(info);
    return *pkey ? 0 : undecoded(error);
}

static int decode_sealed(const struct writer *der, const struct passphrase *passphrase, EVP_PKEY **pkey,
                         struct key_error *error)
{
    const unsigned char *at = der->data;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)der->size);
    int r;

    if (!sealed)
        r = undecoded(error);
    else if (at != der->data + der->size)
        r = malformed(error);
    else if (!(r = check_cost(sealed, error)))
        r = open_sealed(sealed, passphrase, pkey, error);
    X509_SIG_free(sealed);
    return r;
}

/* A pem_password_cb. */
static int give_passphrase(char *buffer, int size, int writing, void *app)
{
    const struct passphrase *passphrase = app;

    (void)writing;
    if (size < 0 || passphrase->size > (size_t)size)
        return -1;
    memcpy(buffer, passphrase->data, passphrase->size);
    return (int)passphrase->size;
}

/* The encryption of PKCS#1 and SEC 1, undone in place. */
static int undo_header(struct block *block, const struct passphrase *passphrase, struct key_error *error)
{
    EVP_CIPHER_INFO info;
    long size = (long)block->data.size;

    if (PEM_get_EVP_CIPHER_INFO(block->header, &info) != 1 || !info.cipher)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the private key's PEM header is not understood");
    if (!passphrase->size)
        return SESSILE_ERR_PASSPHRASE;
    if (PEM_do_header(&info, block->data.data, &size, give_passphrase, (void *)(uintptr_t)passphrase) != 1)
        return key_openssl_failure(SESSILE_ERR_PASSPHRASE);
    block->data.size = (size_t)size;
    return 0;
}

/* PKCS#1 or SEC 1. One wrong passphrase in 256 leaves something that looks like padding: then it is no DER. */
static int decode_with_header(struct block *block, int type, const struct passphrase *passphrase, EVP_PKEY **pkey,
                              struct key_error *error)
{
    int r;

    if (!block->header)
        return decode_typed(&block->data, type, pkey, error);
    if ((r = undo_header(block, passphrase, error)) < 0)
        return r;
    r = decode_typed(&block->data, type, pkey, error);
    return r == SESSILE_ERR_ARGUMENT ? SESSILE_ERR_PASSPHRASE : r;
}

static int label_is(struct reader label, const char *name)
{
    return label.left == strlen(name) && !memcmp(label.data, name, label.left);
}

static int decode(struct block *block, const struct passphrase *passphrase, EVP_PKEY **pkey, struct key_error *error)
{
    char shown[64];

    if (label_is(block->label, "RSA PRIVATE KEY"))
        return decode_with_header(block, EVP_PKEY_RSA, passphrase, pkey, error);
    if (label_is(block->label, "EC PRIVATE KEY"))
        return decode_with_header(block, EVP_PKEY_EC, passphrase, pkey, error);
    if (!block->header && label_is(block->label, "PRIVATE KEY"))
        return decode_plain(&block->data, pkey, error);
    if (!block->header && label_is(block->label, "ENCRYPTED PRIVATE KEY"))
        return decode_sealed(&block->data, passphrase, pkey, error);
    return key_fail(error, SESSILE_ERR_UNSUPPORTED, "a '%s' of this form cannot be read",
                    text_escape(shown, sizeof shown, block->label.data, block->label.left));
}

/* RFC 1421's lines with a colon, up to an empty one. */
static int split_header(struct armor *armor, struct block *block)
{
    struct reader rest = armor->body, line;

    if (!text_line(&rest, &line) || !memchr(line.data, ':', line.left))
        return 0;
    while (text_line(&rest, &line) && !text_is_blank(line))
        continue;
    block->header = mem_copy(armor->body.data, (size_t)(rest.data - armor->body.data));
    armor->body = rest;
    return block->header ? 0 : SESSILE_ERR_MEMORY;
}

static int read_block(struct armor *armor, const struct passphrase *passphrase, sessile_key **key,
                      struct key_error *error)
{
    struct block block = {armor->label, NULL, {0}};
    EVP_PKEY *pkey = NULL;
    int r = split_header(armor, &block);

    if (!r && (r = armor_read(armor, &block.data)) == SESSILE_ERR_ARGUMENT)
        key_say(error, "the private key is not base64");
    if (!r && !block.data.size)
        r = malformed(error);
    ERR_clear_error();
    if (!r && (r = decode(&block, passphrase, &pkey, error)) == SESSILE_ERR_PASSPHRASE)
        passphrase_fail(passphrase, error);
    if (!r)
        r = key_from_pkey(pkey, 1, key, error);
    EVP_PKEY_free(pkey);
    block_free(&block);
    return r;
}

static int ends_with(struct reader label, const char *end)
{
    size_t size = strlen(end);

    return label.left >= size && !memcmp(label.data + label.left - size, end, size);
}

int pem_read(struct reader text, const struct passphrase *passphrase, sessile_key **key, struct key_error *error)
{
    struct armor armor;

    for (; !armor_find(text, &armor); text = armor.after)
        if (ends_with(armor.label, "PRIVATE KEY"))
            return read_block(&armor, passphrase, key, error);
    return key_fail(error, SESSILE_ERR_ARGUMENT, "the file has no private key");
}

/* ---- Writing ---- */

/* Takes der, of libcrypto's. */
static int put_der(struct writer *out, const char *label, unsigned char *der, int size)
{
    if (size <= 0)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    armor_write(out, label, der, (size_t)size, ARMOR_WIDTH_PEM);
    OPENSSL_clear_free(der, (size_t)size);
    return 0;
}

static int write_typed(const sessile_key *key, struct writer *out)
{
    unsigned char *der = NULL;
    const char *label = NULL;
    int size;

    if (EVP_PKEY_is_a(key->pkey, "RSA"))
        label = "RSA PRIVATE KEY";
    else if (EVP_PKEY_is_a(key->pkey, "EC"))
        label = "EC PRIVATE KEY";
    if (!label)
        return SESSILE_ERR_UNSUPPORTED;
    size = i2d_PrivateKey(key->pkey, &der);
    return put_der(out, label, der, size);
}

static X509_ALGOR *make_encryption(void)
{
    unsigned char salt[SALT_SIZE];

    if (RAND_bytes(salt, sizeof salt) != 1)
        return NULL;
    return PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ITERATIONS, salt, sizeof salt, NULL, NID_hmacWithSHA256);
}

static int write_sealed(PKCS8_PRIV_KEY_INFO *info, const struct passphrase *passphrase, struct writer *out)
{
    X509_ALGOR *encryption = make_encryption();
    X509_SIG *sealed = NULL;
    unsigned char *der = NULL;
    int size = 0;

    if (encryption)
        sealed = PKCS8_set0_pbe(passphrase->data, (int)passphrase->size, info, encryption);
    if (sealed)
        size = i2d_X509_SIG(sealed, &der);
    else
        X509_ALGOR_free(encryption);
    X509_SIG_free(sealed);
    return put_der(out, "ENCRYPTED PRIVATE KEY", der, size);
}

static int write_pkcs8(const sessile_key *key, const struct passphrase *passphrase, struct writer *out)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    unsigned char *der = NULL;
    int size, r;

    if (!info)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (passphrase->size) {
        r = write_sealed(info, passphrase, out);
    } else {
        size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        r = put_der(out, "PRIVATE KEY", der, size);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return r;
}

int pem_write(const sessile_key *key, int format, const struct passphrase *passphrase, struct writer *out)
{
    ERR_clear_error();
    if (format == SESSILE_KEY_PKCS8)
        return write_pkcs8(key, passphrase, out);
    return passphrase->size ? SESSILE_ERR_ARGUMENT : write_typed(key, out);
}
