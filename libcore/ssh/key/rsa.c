/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh-rsa keys, with the signatures of RFC 8332 (rsa-sha2-256, rsa-sha2-512) and of RFC 4253 (ssh-rsa, by SHA-1):
 * PKCS#1 version 1.5. The modulus and the exponent are bounded before libcrypto sees them: their sizes are what a
 * verification costs.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/key/types.h"

#define EXPONENT_MAX 8
#define DEFAULT_BITS 3072

/* The numbers of a key, as openssh-key-v1 has them, and what follows from them. */
enum { N, E, D, IQMP, P, Q, DP, DQ, NUMBERS };
static const char *const names[NUMBERS] = {
    [N] = OSSL_PKEY_PARAM_RSA_N,          [E] = OSSL_PKEY_PARAM_RSA_E,
    [D] = OSSL_PKEY_PARAM_RSA_D,          [IQMP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    [P] = OSSL_PKEY_PARAM_RSA_FACTOR1,    [Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
    [DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1, [DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
};
struct numbers {
    BIGNUM *at[NUMBERS];
};

static void numbers_free(struct numbers *numbers)
{
    for (size_t i = 0; i < NUMBERS; i++)
        BN_clear_free(numbers->at[i]);
}

static int rsa_is(const struct key_type *type, const EVP_PKEY *pkey)
{
    (void)type;
    return EVP_PKEY_is_a(pkey, "RSA");
}

/* An mpint of the key's, of at most KEY_RSA_MAX bits and not 0. */
static int read_number(struct reader *r, struct numbers *numbers, int which, struct key_error *error)
{
    struct reader number = get_mpint(r);

    if (r->failed || number.left == 0)
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        "the RSA key is cut short, or one of its numbers is 0, negative or not in its shortest form");
    if (number.left > KEY_RSA_MAX / 8)
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        "a number of the RSA key has %zu bytes, and at most %d are allowed", number.left,
                        KEY_RSA_MAX / 8);
    if (!(numbers->at[which] = BN_bin2bn(number.data, (int)number.left, NULL)))
        return key_openssl_failure(SESSILE_ERR_MEMORY);
    BN_set_flags(numbers->at[which], BN_FLG_CONSTTIME);
    return 0;
}

static int read_numbers(struct reader *r, struct numbers *numbers, const int *order, size_t count,
                        struct key_error *error)
{
    int code = 0;

    for (size_t i = 0; !code && i < count; i++)
        code = read_number(r, numbers, order[i], error);
    return code;
}

static int check_public(const struct numbers *numbers, struct key_error *error)
{
    const BIGNUM *n = numbers->at[N], *e = numbers->at[E];
    int bits = BN_num_bits(n);

    if (bits < KEY_RSA_MIN || bits > KEY_RSA_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the RSA modulus has %d bits, and %d to %d are allowed", bits,
                        KEY_RSA_MIN, KEY_RSA_MAX);
    if (!BN_is_odd(n))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the RSA modulus is an even number");
    if (BN_num_bytes(e) > EXPONENT_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the RSA exponent has %d bytes, and at most %d are allowed",
                        BN_num_bytes(e), EXPONENT_MAX);
    if (!BN_is_odd(e) || BN_is_one(e))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the RSA exponent is an even number or 1");
    return 0;
}

static int make_pkey(sessile_key *key, const struct numbers *numbers, int selection)
{
    struct key_params params = {0};

    for (size_t i = 0; i < NUMBERS; i++)
        if (numbers->at[i])
            key_params_number(&params, names[i], numbers->at[i]);
    return key_params_make(&params, "RSA", selection, &key->pkey);
}

static int rsa_read_public(sessile_key *key, struct reader *r, struct key_error *error)
{
    static const int order[] = {E, N};
    struct numbers numbers = {{NULL}};
    int code = read_numbers(r, &numbers, order, 2, error);

    if (!code)
        code = check_public(&numbers, error);
    if (!code)
        code = make_pkey(key, &numbers, EVP_PKEY_PUBLIC_KEY);
    numbers_free(&numbers);
    return code;
}

static void put_of(struct writer *w, const EVP_PKEY *pkey, int which)
{
    BIGNUM *number = key_number_of(pkey, names[which]);

    if (number)
        key_put_number(w, number);
    else
        w->failed = 1;
    BN_clear_free(number);
}

static void rsa_write_public(const sessile_key *key, struct writer *w)
{
    put_of(w, key->pkey, E);
    put_of(w, key->pkey, N);
}

/* ---- The private half ---- */

/* product = a * b mod m is 1. */
static int is_inverse(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BIGNUM *product, BN_CTX *context)
{
    return BN_mod_mul(product, a, b, m, context) == 1 && BN_is_one(product);
}

/* The modulus is p * q, the coefficient fits. Whether p and q are primes is not asked: who made the key can make it bad
 * in more ways than can be found. */
static int factors_fit(const struct numbers *numbers, BIGNUM *scratch, BN_CTX *context)
{
    BIGNUM *const *at = numbers->at;

    return BN_is_odd(at[P]) && BN_is_odd(at[Q]) && !BN_is_one(at[P]) && !BN_is_one(at[Q]) &&
           BN_mul(scratch, at[P], at[Q], context) == 1 && BN_cmp(scratch, at[N]) == 0 && BN_cmp(at[IQMP], at[P]) < 0 &&
           is_inverse(at[IQMP], at[Q], at[P], scratch, context);
}

/* Make d mod (factor - 1), and look whether it undoes e. */
static int exponent_fits(struct numbers *numbers, int factor, int which, BIGNUM *scratch, BN_CTX *context)
{
    BIGNUM *const *at = numbers->at;
    BIGNUM *less = BN_dup(at[factor]), *exponent = BN_new();
    int fits = 0;

    numbers->at[which] = exponent;
    if (less && exponent) {
        BN_set_flags(less, BN_FLG_CONSTTIME);
        BN_set_flags(exponent, BN_FLG_CONSTTIME);
        fits = BN_sub_word(less, 1) == 1 && BN_mod(exponent, at[D], less, context) == 1 &&
               is_inverse(exponent, at[E], less, scratch, context);
    }
    BN_clear_free(less);
    return fits;
}

static int complete(struct numbers *numbers, struct key_error *error)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *scratch = BN_new();
    int r = 0;

    ERR_clear_error();
    if (!context || !scratch)
        r = SESSILE_ERR_MEMORY;
    else if (!factors_fit(numbers, scratch, context) || !exponent_fits(numbers, P, DP, scratch, context) ||
             !exponent_fits(numbers, Q, DQ, scratch, context))
        r = ERR_peek_error() ? key_openssl_failure(SESSILE_ERR_ARGUMENT) : SESSILE_ERR_ARGUMENT;
    BN_clear_free(scratch);
    BN_CTX_free(context);
    return r == SESSILE_ERR_ARGUMENT ? key_fail(error, r, "the numbers of the RSA key do not belong together") : r;
}

static int rsa_read_private(sessile_key *key, struct reader *r, struct key_error *error)
{
    static const int order[] = {N, E, D, IQMP, P, Q};
    struct numbers numbers = {{NULL}};
    int code = read_numbers(r, &numbers, order, 6, error);

    if (!code)
        code = check_public(&numbers, error);
    if (!code)
        code = complete(&numbers, error);
    if (!code)
        code = make_pkey(key, &numbers, EVP_PKEY_KEYPAIR);
    numbers_free(&numbers);
    return code;
}

static void rsa_write_private(const sessile_key *key, struct writer *w)
{
    for (int which = N; which <= Q; which++)
        put_of(w, key->pkey, which);
}

/* ---- Signatures ---- */

static int rsa_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r);

/* libcrypto 3.0's blinding can be spoiled by an allocation that failed in an earlier signature: what it makes then is
 * no signature, and a wrong RSA signature may give the key away. */
static int check_signature(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size,
                           const uint8_t *signature, size_t length)
{
    struct reader r = reader_of(signature, length);

    if (rsa_verify(key, digest, data, size, &r) == 0)
        return 0;
    ERR_clear_error();
    return SESSILE_ERR_CRYPTO;
}

static int rsa_sign(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct writer *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = (size_t)EVP_PKEY_get_size(key->pkey);
    uint8_t *room = put_room(out, length);
    int r = 0;

    if (!context || !room)
        r = key_openssl_failure(SESSILE_ERR_MEMORY);
    else if (EVP_DigestSignInit_ex(context, NULL, EVP_MD_get0_name(digest), NULL, NULL, key->pkey, NULL) != 1 ||
             EVP_DigestSign(context, room, &length, data, size) != 1)
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_MD_CTX_free(context);
    return r ? r : check_signature(key, digest, data, size, room, length);
}

/* The signature as long as the modulus: RFC 8332, section 3, has it so, and lets shorter ones pass whose signer left
 * out zeros in front. */
static int read_signature(struct reader *r, uint8_t *out, size_t width)
{
    struct writer w = writer_in(out, width);

    if (r->left == 0 || r->left > width)
        return -1;
    for (size_t i = r->left; i < width; i++)
        put_u8(&w, 0);
    put_bytes(&w, r->data, r->left);
    get_bytes(r, r->left);
    return 0;
}

static int rsa_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r)
{
    size_t width = (size_t)EVP_PKEY_get_size(key->pkey);
    uint8_t signature[KEY_RSA_MAX / 8];
    EVP_MD_CTX *context;
    int good;

    if (width > sizeof signature || read_signature(r, signature, width) < 0 || !(context = EVP_MD_CTX_new()))
        return SESSILE_ERR_VERIFY;
    good = EVP_DigestVerifyInit_ex(context, NULL, EVP_MD_get0_name(digest), NULL, NULL, key->pkey, NULL) == 1 &&
           EVP_DigestVerify(context, signature, width, data, size) == 1;
    EVP_MD_CTX_free(context);
    return good ? 0 : SESSILE_ERR_VERIFY;
}

static int rsa_generate(sessile_key *key, int bits)
{
    if (bits && (bits < KEY_RSA_MIN || bits > KEY_RSA_MAX))
        return SESSILE_ERR_ARGUMENT;
    key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(bits ? bits : DEFAULT_BITS));
    return key->pkey ? 0 : key_openssl_failure(SESSILE_ERR_CRYPTO);
}

const struct key_type key_type_rsa = {
    .name = "ssh-rsa",
    .certificate_name = "ssh-rsa-cert-v01@openssh.com",
    .label = "RSA",
    .is = rsa_is,
    .read_public = rsa_read_public,
    .write_public = rsa_write_public,
    .read_private = rsa_read_private,
    .write_private = rsa_write_private,
    .sign = rsa_sign,
    .verify = rsa_verify,
    .generate = rsa_generate,
};
