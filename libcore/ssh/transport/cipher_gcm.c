/* SPDX-License-Identifier: Apache-2.0
 *
 * AES-GCM for packets (RFC 5647, as OpenSSH has it): the length field is in the clear and authenticated; the iv is 4
 * fixed bytes and a counter of 8, which goes up by one with each packet. The counter starts anywhere and goes through
 * zero: it would repeat after 2^64 packets, and keys are not used beyond 2^32. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "session/memory.h"
#include "ssh/transport/packet.h"

#define IV_SIZE 12
#define FIXED_SIZE 4
#define TAG_SIZE 16

struct gcm {
    EVP_CIPHER_CTX *context;
    uint8_t iv[IV_SIZE];
};

static void gcm_release(void *state)
{
    struct gcm *gcm = state;

    if (!gcm)
        return;
    EVP_CIPHER_CTX_free(gcm->context);
    mem_wipe_free(gcm, sizeof *gcm);
}

static int gcm_make(void **state, const struct cipher *cipher, const struct packet_material *material, int direction)
{
    struct gcm *gcm = mem_zalloc(sizeof *gcm);
    int result;

    if (!gcm)
        return SESSILE_ERR_MEMORY;
    memcpy(gcm->iv, material->iv, IV_SIZE);
    if ((result = cipher_context(&gcm->context, cipher->algorithm, material->key, NULL, direction)) < 0) {
        gcm_release(gcm);
        return result;
    }
    *state = gcm;
    return SESSILE_OK;
}

static void gcm_next(struct gcm *gcm)
{
    for (size_t i = IV_SIZE; i-- > FIXED_SIZE && ++gcm->iv[i] == 0;)
        ;
}

/* Start a packet: its iv, and its length field. tag: what it shall be, or NULL. */
static int gcm_begin(struct gcm *gcm, const uint8_t *length, uint8_t *tag)
{
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_SIZE),
                               OSSL_PARAM_construct_end()};
    int size;

    return EVP_CipherInit_ex2(gcm->context, NULL, NULL, gcm->iv, !tag, tag ? parameters : NULL) == 1 &&
           EVP_CipherUpdate(gcm->context, NULL, &size, length, LENGTH_SIZE) == 1;
}

static int gcm_crypt(struct gcm *gcm, const uint8_t *in, size_t in_size, uint8_t *out)
{
    int size;

    return !in_size || EVP_CipherUpdate(gcm->context, out, &size, in, (int)in_size) == 1;
}

static int gcm_end(struct gcm *gcm, uint8_t *tag)
{
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_SIZE),
                               OSSL_PARAM_construct_end()};
    int size;

    return EVP_CipherFinal_ex(gcm->context, tag, &size) == 1 &&
           EVP_CIPHER_CTX_get_params(gcm->context, parameters) == 1;
}

static int gcm_seal(void *state, uint32_t sequence, const struct sealing *s)
{
    struct gcm *gcm = state;
    uint8_t *lead = s->packet + LENGTH_SIZE;
    uint8_t *bulk = lead + s->lead;
    uint8_t *trail = bulk + s->bulk_size;

    (void)sequence;
    if (!gcm_begin(gcm, s->packet, NULL) || !gcm_crypt(gcm, lead, s->lead, lead) ||
        !gcm_crypt(gcm, s->bulk, s->bulk_size, bulk) || !gcm_crypt(gcm, trail, s->trail, trail) ||
        !gcm_end(gcm, trail + s->trail))
        return SESSILE_ERR_CRYPTO;
    gcm_next(gcm);
    return SESSILE_OK;
}

static int gcm_open(void *state, uint32_t sequence, const uint8_t *packet, size_t size, uint8_t *out)
{
    struct gcm *gcm = state;
    uint8_t tag[TAG_SIZE];
    int none;

    (void)sequence;
    memcpy(tag, packet + LENGTH_SIZE + size, TAG_SIZE);
    if (!gcm_begin(gcm, packet, tag) || !gcm_crypt(gcm, packet + LENGTH_SIZE, size, out))
        return SESSILE_ERR_CRYPTO;
    if (EVP_CipherFinal_ex(gcm->context, out + size, &none) != 1)
        return SESSILE_ERR_VERIFY;
    gcm_next(gcm);
    return SESSILE_OK;
}

const struct cipher_functions cipher_gcm = {
    .make = gcm_make,
    .release = gcm_release,
    .seal = gcm_seal,
    .open = gcm_open,
};
