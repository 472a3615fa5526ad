/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode (RFC 4344, section 4): one stream over all packets of a set of keys. The MAC is another's. */
#include "ssh/transport/packet.h"

static int ctr_make(void **state, const struct cipher *cipher, const struct packet_material *material, int direction)
{
    EVP_CIPHER_CTX *context;
    int result = cipher_context(&context, cipher->algorithm, material->key, material->iv, direction);

    if (result == SESSILE_OK)
        *state = context;
    return result;
}

static void ctr_release(void *state)
{
    EVP_CIPHER_CTX_free(state);
}

static int ctr_crypt(void *state, const uint8_t *in, size_t in_size, uint8_t *out)
{
    int size;

    if (!in_size || EVP_CipherUpdate(state, out, &size, in, (int)in_size) == 1)
        return SESSILE_OK;
    return SESSILE_ERR_CRYPTO;
}

const struct cipher_functions cipher_ctr = {
    .make = ctr_make,
    .release = ctr_release,
    .crypt = ctr_crypt,
};
