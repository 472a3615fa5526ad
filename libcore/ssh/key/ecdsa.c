/* SPDX-License-Identifier: Apache-2.0
 *
 * ecdsa-sha2-nistp256, -nistp384 and -nistp521 (RFC 5656): points uncompressed, signatures two mpints.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "session/memory.h"
#include "ssh/key/types.h"

/* The uncompressed point of P-521. */
#define POINT_MAX 133
#define UNCOMPRESSED 4
/* A signature's DER form, for P-521. */
#define DER_MAX 144

static const struct curve {
    const char *name;  /* RFC 5656's */
    const char *group; /* libcrypto's */
    int nid;
    size_t width; /* bytes of a coordinate, and of a number below the group's order */
} curves[] = {
    {"nistp256", "P-256", NID_X9_62_prime256v1, 32},
    {"nistp384", "P-384", NID_secp384r1, 48},
    {"nistp521", "P-521", NID_secp521r1, 66},
};

static const struct curve *curve_of(const struct key_type *type)
{
    size_t i = 0;

    while (strcmp(curves[i].name, type->curve) != 0)
        i++;
    return &curves[i];
}

static int ecdsa_is(const struct key_type *type, const EVP_PKEY *pkey)
{
    const struct curve *curve = curve_of(type);
    char group[32];
    size_t size;

    return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, &size) == 1 &&
           (OBJ_txt2nid(group) == curve->nid || EC_curve_nist2nid(group) == curve->nid);
}

/* The curve's name and a point on it: borrowed, not yet known to be on the curve. NULL with the error told. */
static const uint8_t *read_point(const struct curve *curve, struct reader *r, struct key_error *error)
{
    struct reader name = get_sub32(r), point = get_sub32(r);
    size_t length = strlen(curve->name);
    const uint8_t *at;

    if (r->failed || name.left != length || memcmp(name.data, curve->name, length) != 0) {
        key_say(error, "the key's curve is not %s, which its type says", curve->name);
        return NULL;
    }
    if (point.left != 1 + 2 * curve->width) {
        key_say(error, "a point on %s has %zu bytes instead of %zu", curve->name, point.left, 1 + 2 * curve->width);
        return NULL;
    }
    at = get_bytes(&point, point.left);
    if (at[0] == UNCOMPRESSED)
        return at;
    key_say(error, "the point on %s is not in the uncompressed form", curve->name);
    return NULL;
}

/* scalar: the private half, or NULL. libcrypto refuses a point that is not on the curve. */
static int make_pkey(sessile_key *key, const uint8_t *point, const BIGNUM *scalar, struct key_error *error)
{
    const struct curve *curve = curve_of(key->type);
    struct key_params params = {0};
    int r;

    key_params_text(&params, OSSL_PKEY_PARAM_GROUP_NAME, curve->group);
    key_params_octets(&params, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->width);
    if (scalar)
        key_params_number(&params, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    r = key_params_make(&params, "EC", scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, &key->pkey);
    return r == SESSILE_ERR_ARGUMENT ? key_fail(error, r, "the point is not on the curve %s", curve->name) : r;
}

int ecdsa_read_public(sessile_key *key, struct reader *r, struct key_error *error)
{
    const uint8_t *point = read_point(curve_of(key->type), r, error);

    return point ? make_pkey(key, point, NULL, error) : SESSILE_ERR_ARGUMENT;
}

/* From the coordinates: a key that came from a PEM file may prefer another form of the point. */
void ecdsa_write_public(const sessile_key *key, struct writer *w)
{
    const struct curve *curve = curve_of(key->type);
    BIGNUM *x = key_number_of(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X);
    BIGNUM *y = key_number_of(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y);

    put_text32(w, curve->name);
    put_u32(w, (uint32_t)(1 + 2 * curve->width));
    put_u8(w, UNCOMPRESSED);
    if (x && y) {
        key_put_padded(w, x, curve->width);
        key_put_padded(w, y, curve->width);
    } else {
        w->failed = 1;
    }
    BN_free(x);
    BN_free(y);
}

/* Whether the private half makes the public one, and is below the group's order. */
static int check_pair(const sessile_key *key, struct key_error *error)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    int r = SESSILE_ERR_MEMORY;

    ERR_clear_error();
    if (context && EVP_PKEY_private_check(context) == 1 && EVP_PKEY_pairwise_check(context) == 1)
        r = 0;
    else if (context)
        r = ERR_peek_error() ? key_openssl_failure(SESSILE_ERR_ARGUMENT) : SESSILE_ERR_ARGUMENT;
    EVP_PKEY_CTX_free(context);
    return r == SESSILE_ERR_ARGUMENT ? key_fail(error, r, "the halves of the ECDSA key do not belong together") : r;
}

static int ecdsa_read_private(sessile_key *key, struct reader *r, struct key_error *error)
{
    const struct curve *curve = curve_of(key->type);
    const uint8_t *point = read_point(curve, r, error);
    struct reader number;
    BIGNUM *scalar;
    int code;

    if (!point)
        return SESSILE_ERR_ARGUMENT;
    number = get_mpint(r);
    if (r->failed || number.left == 0 || number.left > curve->width)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private number of a key on %s has %zu bytes", curve->name,
                        number.left);
    if (!(scalar = BN_bin2bn(number.data, (int)number.left, NULL)))
        return key_openssl_failure(SESSILE_ERR_MEMORY);
    code = make_pkey(key, point, scalar, error);
    BN_clear_free(scalar);
    return code ? code : check_pair(key, error);
}

static void ecdsa_write_private(const sessile_key *key, struct writer *w)
{
    BIGNUM *scalar = key_number_of(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY);

    ecdsa_write_public(key, w);
    if (scalar)
        key_put_number(w, scalar);
    else
        w->failed = 1;
    BN_clear_free(scalar);
}

/* ---- Signatures: libcrypto has them in DER, SSH as two mpints ---- */

static int put_signature(const uint8_t *der, size_t size, struct writer *out)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)size);

    if (!signature)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    key_put_number(out, ECDSA_SIG_get0_r(signature));
    key_put_number(out, ECDSA_SIG_get0_s(signature));
    ECDSA_SIG_free(signature);
    return 0;
}

static int ecdsa_sign(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct writer *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[DER_MAX];
    size_t length = sizeof der;
    int r;

    if (!context)
        return key_openssl_failure(SESSILE_ERR_MEMORY);
    if (EVP_DigestSignInit_ex(context, NULL, EVP_MD_get0_name(digest), NULL, NULL, key->pkey, NULL) == 1 &&
        EVP_DigestSign(context, der, &length, data, size) == 1)
        r = put_signature(der, length, out);
    else
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_MD_CTX_free(context);
    return r;
}

/* An mpint that can be a number below the group's order; libcrypto looks closer. NULL where it cannot. */
static BIGNUM *read_number(struct reader *r, size_t width)
{
    struct reader number = get_mpint(r);

    return r->failed || number.left == 0 || number.left > width ? NULL : BN_bin2bn(number.data, (int)number.left, NULL);
}

static int read_signature(struct reader *in, size_t width, uint8_t der[DER_MAX])
{
    BIGNUM *r = read_number(in, width), *s = read_number(in, width);
    ECDSA_SIG *signature = r && s ? ECDSA_SIG_new() : NULL;
    int length = 0;

    if (signature && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL; /* now the signature's */
        if (i2d_ECDSA_SIG(signature, NULL) <= DER_MAX)
            length = i2d_ECDSA_SIG(signature, &der);
    }
    ECDSA_SIG_free(signature);
    BN_free(r);
    BN_free(s);
    return length;
}

int ecdsa_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r)
{
    uint8_t der[DER_MAX];
    int length = read_signature(r, curve_of(key->type)->width, der), good;
    EVP_MD_CTX *context;

    if (length <= 0 || !(context = EVP_MD_CTX_new()))
        return SESSILE_ERR_VERIFY;
    good = EVP_DigestVerifyInit_ex(context, NULL, EVP_MD_get0_name(digest), NULL, NULL, key->pkey, NULL) == 1 &&
           EVP_DigestVerify(context, der, (size_t)length, data, size) == 1;
    EVP_MD_CTX_free(context);
    return good ? 0 : SESSILE_ERR_VERIFY;
}

static int ecdsa_generate(sessile_key *key, int bits)
{
    if (bits)
        return SESSILE_ERR_ARGUMENT;
    key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve_of(key->type)->group);
    return key->pkey ? 0 : key_openssl_failure(SESSILE_ERR_CRYPTO);
}

#define ECDSA_TYPE(nist)                                                                                               \
    {                                                                                                                  \
        .name = "ecdsa-sha2-" nist, .certificate_name = "ecdsa-sha2-" nist "-cert-v01@openssh.com", .label = "ECDSA",  \
        .curve = nist, .is = ecdsa_is, .read_public = ecdsa_read_public, .write_public = ecdsa_write_public,           \
        .read_private = ecdsa_read_private, .write_private = ecdsa_write_private, .sign = ecdsa_sign,                  \
        .verify = ecdsa_verify, .generate = ecdsa_generate,                                                            \
    }

const struct key_type key_type_ecdsa_256 = ECDSA_TYPE("nistp256");
const struct key_type key_type_ecdsa_384 = ECDSA_TYPE("nistp384");
const struct key_type key_type_ecdsa_521 = ECDSA_TYPE("nistp521");
