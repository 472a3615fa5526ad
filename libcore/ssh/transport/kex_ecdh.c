/* SPDX-License-Identifier: Apache-2.0
 *
 * ecdh-sha2-nistp256, 384 and 521 (RFC 5656, section 4). Points come uncompressed; libcrypto takes none that is not on
 * the curve, and these curves have no others of small order. */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "ssh/key/types.h"
#include "ssh/transport/kex.h"

#define POINT_UNCOMPRESSED 4

struct curve {
    const char *group;
    size_t point_size;
};

static const struct curve nistp256 = {"P-256", 65};
static const struct curve nistp384 = {"P-384", 97};
static const struct curve nistp521 = {"P-521", 133};

static int put_point(EVP_PKEY *pair, const struct curve *curve, struct writer *own)
{
    uint8_t *room = put_room(own, curve->point_size);
    size_t size = 0;

    if (!room || EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, room, curve->point_size, &size) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    return size == curve->point_size ? SESSILE_OK : SESSILE_ERR_CRYPTO;
}

static int begin(const struct kex_method *method, struct kex *kex, struct writer *own, void **state)
{
    const struct curve *curve = method->parameter;
    EVP_PKEY_CTX *context;
    EVP_PKEY *pair;
    int result;

    (void)kex;
    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context && (EVP_PKEY_keygen_init(context) != 1 || EVP_PKEY_CTX_set_group_name(context, curve->group) != 1)) {
        EVP_PKEY_CTX_free(context);
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    }
    result = kex_pair_make(context, &pair);
    *state = pair; /* the flow's to release, also on failure */
    return result < 0 ? result : put_point(pair, curve, own);
}

static int complete(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer,
                    size_t peer_size, struct writer *secret)
{
    const struct curve *curve = method->parameter;
    struct key_params params = {.count = 0};
    EVP_PKEY *key;
    int result;

    if (peer_size != curve->point_size || peer[0] != POINT_UNCOMPRESSED) {
        kex->why = "it is not an uncompressed point of the curve's size";
        return SESSILE_ERR_PROTOCOL;
    }
    key_params_text(&params, OSSL_PKEY_PARAM_GROUP_NAME, curve->group);
    key_params_octets(&params, OSSL_PKEY_PARAM_PUB_KEY, peer, peer_size);
    if ((result = key_params_make(&params, "EC", EVP_PKEY_PUBLIC_KEY, &key)) == SESSILE_OK)
        result = kex_pair_derive(kex, state, key, secret);
    else if (result == SESSILE_ERR_ARGUMENT) {
        kex->why = "it is not a point on the curve";
        result = SESSILE_ERR_PROTOCOL;
    }
    EVP_PKEY_free(key);
    return result;
}

const struct kex_method kex_method_ecdh_256 = {
    .name = "ecdh-sha2-nistp256",
    .digest = "SHA256",
    .parameter = &nistp256,
    .begin = begin,
    .complete = complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_ecdh_384 = {
    .name = "ecdh-sha2-nistp384",
    .digest = "SHA384",
    .parameter = &nistp384,
    .begin = begin,
    .complete = complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_ecdh_521 = {
    .name = "ecdh-sha2-nistp521",
    .digest = "SHA512",
    .parameter = &nistp521,
    .begin = begin,
    .complete = complete,
    .release = kex_pair_release,
};
