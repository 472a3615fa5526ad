/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of key exchange methods, and what those on libcrypto's key pairs have in common. */
#include <string.h>

#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/transport/kex.h"

static const struct kex_method *const methods[] = {
    &kex_method_mlkem768x25519, &kex_method_curve25519,     &kex_method_curve25519_libssh, &kex_method_ecdh_256,
    &kex_method_ecdh_384,       &kex_method_ecdh_521,       &kex_method_gex_sha256,        &kex_method_group16_sha512,
    &kex_method_group18_sha512, &kex_method_group14_sha256, &kex_method_group14_sha1,
};

#define METHOD_COUNT (sizeof methods / sizeof methods[0])

static int is_available(const struct kex_method *method)
{
    return !method->available || method->available();
}

const struct kex_method *kex_method_find(const char *name, size_t size)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (strlen(methods[i]->name) == size && memcmp(methods[i]->name, name, size) == 0)
            return is_available(methods[i]) ? methods[i] : NULL;
    return NULL;
}

const struct kex_method *kex_method_at(size_t index)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (is_available(methods[i]) && index-- == 0)
            return methods[i];
    return NULL;
}

int kex_pair_make(EVP_PKEY_CTX *context, EVP_PKEY **pair)
{
    int result = SESSILE_OK;

    *pair = NULL;
    if (!context || EVP_PKEY_generate(context, pair) != 1)
        result = key_openssl_failure(context ? SESSILE_ERR_CRYPTO : SESSILE_ERR_MEMORY);
    EVP_PKEY_CTX_free(context);
    return result;
}

/* What libcrypto refuses here depends on the peer: X25519's result of nothing but zeros. */
static int derive(struct kex *kex, EVP_PKEY_CTX *context, struct writer *secret)
{
    size_t size = 0, most;
    uint8_t *room;

    if (EVP_PKEY_derive(context, NULL, &size) != 1 || !(room = put_room(secret, size)))
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    most = size;
    if (EVP_PKEY_derive(context, room, &size) != 1) {
        kex->why = "it leads to no shared secret";
        return key_openssl_failure(SESSILE_ERR_PROTOCOL);
    }
    secret->size -= most - size;
    return SESSILE_OK;
}

int kex_pair_derive(struct kex *kex, EVP_PKEY *own, EVP_PKEY *peer, struct writer *secret)
{
    EVP_PKEY_CTX *context;
    int result;

    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    if (!context || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer_ex(context, peer, 0) != 1)
        result = key_openssl_failure(SESSILE_ERR_CRYPTO);
    else
        result = derive(kex, context, secret);
    EVP_PKEY_CTX_free(context);
    return result;
}

void kex_pair_release(void *pair)
{
    EVP_PKEY_free(pair);
}
