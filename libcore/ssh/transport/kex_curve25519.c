/* SPDX-License-Identifier: Apache-2.0
 *
 * curve25519-sha256 (RFC 8731). libcrypto refuses a result of nothing but zeros, as section 3 asks for. */
#include <openssl/err.h>

#include "ssh/transport/kex.h"

int x25519_begin(struct writer *own, EVP_PKEY **pair)
{
    EVP_PKEY_CTX *context;
    uint8_t *room;
    size_t size = X25519_SIZE;
    int result;

    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    if (context && EVP_PKEY_keygen_init(context) != 1) {
        EVP_PKEY_CTX_free(context);
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    }
    if ((result = kex_pair_make(context, pair)) < 0)
        return result;
    room = put_room(own, size);
    if (room && EVP_PKEY_get_raw_public_key(*pair, room, &size) == 1)
        return SESSILE_OK;
    kex_pair_release(*pair);
    *pair = NULL;
    return key_openssl_failure(SESSILE_ERR_CRYPTO);
}

int x25519_complete(struct kex *kex, EVP_PKEY *pair, const uint8_t *peer, size_t peer_size, struct writer *secret)
{
    EVP_PKEY *key;
    int result;

    if (peer_size != X25519_SIZE) {
        kex->why = "it is not 32 bytes long";
        return SESSILE_ERR_PROTOCOL;
    }
    ERR_clear_error();
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, peer_size);
    result = key ? kex_pair_derive(kex, pair, key, secret) : key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_PKEY_free(key);
    return result;
}

static int begin(const struct kex_method *method, struct kex *kex, struct writer *own, void **state)
{
    EVP_PKEY *pair = NULL;
    int result = x25519_begin(own, &pair);

    (void)method;
    (void)kex;
    *state = pair;
    return result;
}

static int complete(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer,
                    size_t peer_size, struct writer *secret)
{
    (void)method;
    return x25519_complete(kex, state, peer, peer_size, secret);
}

const struct kex_method kex_method_curve25519 = {
    .name = "curve25519-sha256",
    .digest = "SHA256",
    .begin = begin,
    .complete = complete,
    .release = kex_pair_release,
};

const struct kex_method kex_method_curve25519_libssh = {
    .name = "curve25519-sha256@libssh.org",
    .digest = "SHA256",
    .begin = begin,
    .complete = complete,
    .release = kex_pair_release,
};
