/* SPDX-License-Identifier: Apache-2.0
 *
 * Diffie-Hellman in prime groups: the fixed ones of RFC 3526 (RFC 4253 section 8, RFC 8268), and the one that group
 * exchange has chosen, in kex->p and kex->g. A public value is taken between 1 and p - 1, both excluded. */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "ssh/key/types.h"
#include "ssh/transport/kex.h"

/* Bits of a private exponent in a group of group exchange: twice the strength of any key that is derived. Libcrypto
 * knows what suits a fixed group. */
#define EXPONENT_BITS 512

/* The group, with a public value in it unless that is NULL. */
static int make_key(const struct kex_method *method, const struct kex *kex, const BIGNUM *public_value, EVP_PKEY **key)
{
    struct key_params params = {.count = 0};
    int selection = public_value ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEY_PARAMETERS;

    if (method->group_exchange) {
        key_params_number(&params, OSSL_PKEY_PARAM_FFC_P, kex->p);
        key_params_number(&params, OSSL_PKEY_PARAM_FFC_G, kex->g);
    } else {
        key_params_text(&params, OSSL_PKEY_PARAM_GROUP_NAME, method->parameter);
    }
    if (public_value)
        key_params_number(&params, OSSL_PKEY_PARAM_PUB_KEY, public_value);
    return key_params_make(&params, "DH", selection, key);
}

static int make_pair(const struct kex_method *method, EVP_PKEY *group, EVP_PKEY **pair)
{
    int bits = EXPONENT_BITS;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits), OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *context;

    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_pkey(NULL, group, NULL);
    if (context && (EVP_PKEY_keygen_init(context) != 1 ||
                    (method->group_exchange && EVP_PKEY_CTX_set_params(context, params) != 1))) {
        EVP_PKEY_CTX_free(context);
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    }
    return kex_pair_make(context, pair);
}

static int put_public(const EVP_PKEY *pair, struct writer *own)
{
    BIGNUM *value = key_number_of(pair, OSSL_PKEY_PARAM_PUB_KEY);

    if (!value)
        return key_openssl_failure(SESSILE_ERR_MEMORY);
    key_put_padded(own, value, (size_t)BN_num_bytes(value));
    BN_free(value);
    return SESSILE_OK;
}

int dh_begin(const struct kex_method *method, struct kex *kex, struct writer *own, void **state)
{
    EVP_PKEY *group = NULL, *pair = NULL;
    int result = make_key(method, kex, NULL, &group);

    if (result == SESSILE_OK)
        result = make_pair(method, group, &pair);
    else if (result == SESSILE_ERR_ARGUMENT)
        result = SESSILE_ERR_CRYPTO;
    EVP_PKEY_free(group);
    *state = pair; /* the flow's to release, also on failure */
    return result < 0 ? result : put_public(pair, own);
}

/* 1 < value < p - 1 */
static int check_range(struct kex *kex, const EVP_PKEY *pair, const BIGNUM *value)
{
    BIGNUM *p = key_number_of(pair, OSSL_PKEY_PARAM_FFC_P);
    int result = p && BN_sub_word(p, 1) == 1 ? SESSILE_OK : SESSILE_ERR_MEMORY;

    if (result == SESSILE_OK && (BN_cmp(value, BN_value_one()) <= 0 || BN_cmp(value, p) >= 0)) {
        kex->why = "it is not between 1 and p - 1";
        result = SESSILE_ERR_PROTOCOL;
    }
    BN_free(p);
    ERR_clear_error();
    return result;
}

int dh_complete(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer, size_t peer_size,
                struct writer *secret)
{
    BIGNUM *value = BN_bin2bn(peer, (int)peer_size, NULL);
    EVP_PKEY *key = NULL;
    int result = value ? check_range(kex, state, value) : key_openssl_failure(SESSILE_ERR_MEMORY);

    if (result == SESSILE_OK)
        result = make_key(method, kex, value, &key);
    if (result == SESSILE_OK)
        result = kex_pair_derive(kex, state, key, secret);
    else if (result == SESSILE_ERR_ARGUMENT)
        result = SESSILE_ERR_CRYPTO;
    EVP_PKEY_free(key);
    BN_free(value);
    return result;
}

const struct kex_method kex_method_group14_sha256 = {
    .name = "diffie-hellman-group14-sha256",
    .digest = "SHA256",
    .public_is_mpint = 1,
    .parameter = "modp_2048",
    .begin = dh_begin,
    .complete = dh_complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_group16_sha512 = {
    .name = "diffie-hellman-group16-sha512",
    .digest = "SHA512",
    .public_is_mpint = 1,
    .parameter = "modp_4096",
    .begin = dh_begin,
    .complete = dh_complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_group18_sha512 = {
    .name = "diffie-hellman-group18-sha512",
    .digest = "SHA512",
    .public_is_mpint = 1,
    .parameter = "modp_8192",
    .begin = dh_begin,
    .complete = dh_complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_group14_sha1 = {
    .name = "diffie-hellman-group14-sha1",
    .digest = "SHA1",
    .insecure = 1,
    .public_is_mpint = 1,
    .parameter = "modp_2048",
    .begin = dh_begin,
    .complete = dh_complete,
    .release = kex_pair_release,
};
