/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305). Two keys: the first half of the material is for
 * what follows the length field, the second for the length field alone. The sequence number is the nonce of both. The
 * first block of the former's keystream is Poly1305's key, for this packet only; the tag covers the encrypted length
 * field and what follows it, and is compared before anything else is decrypted. */
#include <openssl/crypto.h>

#include "session/memory.h"
#include "ssh/transport/packet.h"

#define KEY_SIZE 32
#define BLOCK_SIZE 64
#define TAG_SIZE 16
/* libcrypto's: a counter of 8 bytes, little-endian, and a nonce of 8. */
#define IV_SIZE 16

struct chacha {
    EVP_CIPHER_CTX *body;
    EVP_CIPHER_CTX *length;
    EVP_MAC_CTX *mac;
};

static void chacha_release(void *state)
{
    struct chacha *chacha = state;

    if (!chacha)
        return;
    EVP_CIPHER_CTX_free(chacha->body);
    EVP_CIPHER_CTX_free(chacha->length);
    EVP_MAC_CTX_free(chacha->mac);
    mem_free(chacha);
}

static int poly1305_context(EVP_MAC_CTX **context)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);

    *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    return *context ? SESSILE_OK : SESSILE_ERR_CRYPTO;
}

/* Both keystreams are made by encrypting, whatever is done with them. */
static int chacha_make(void **state, const struct cipher *cipher, const struct packet_material *material, int direction)
{
    struct chacha *chacha = mem_zalloc(sizeof *chacha);
    int result;

    (void)direction;
    if (!chacha)
        return SESSILE_ERR_MEMORY;
    if ((result = cipher_context(&chacha->body, cipher->algorithm, material->key, NULL, DIRECTION_OUT)) < 0 ||
        (result = cipher_context(&chacha->length, cipher->algorithm, material->key + KEY_SIZE, NULL, DIRECTION_OUT)) <
            0 ||
        (result = poly1305_context(&chacha->mac)) < 0) {
        chacha_release(chacha);
        return result;
    }
    *state = chacha;
    return SESSILE_OK;
}

static int chacha_begin(EVP_CIPHER_CTX *context, uint32_t sequence)
{
    uint8_t iv[IV_SIZE] = {0};

    for (size_t i = IV_SIZE; i-- > IV_SIZE - 4; sequence >>= 8)
        iv[i] = (uint8_t)sequence;
    return EVP_CipherInit_ex2(context, NULL, NULL, iv, 1, NULL) == 1;
}

static int chacha_crypt(EVP_CIPHER_CTX *context, const uint8_t *in, size_t in_size, uint8_t *out)
{
    int size;

    return !in_size || EVP_CipherUpdate(context, out, &size, in, (int)in_size) == 1;
}

/* Start a packet: afterwards body's keystream is where it is used, and the MAC has its key. */
static int chacha_begin_body(struct chacha *chacha, uint32_t sequence)
{
    uint8_t block[BLOCK_SIZE] = {0};
    int ok = chacha_begin(chacha->body, sequence) && chacha_crypt(chacha->body, block, BLOCK_SIZE, block) &&
             EVP_MAC_init(chacha->mac, block, KEY_SIZE, NULL) == 1;

    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

static int chacha_tag(struct chacha *chacha, const uint8_t *packet, size_t size, uint8_t tag[TAG_SIZE])
{
    size_t tag_size;

    return EVP_MAC_update(chacha->mac, packet, size) == 1 &&
           EVP_MAC_final(chacha->mac, tag, &tag_size, TAG_SIZE) == 1 && tag_size == TAG_SIZE;
}

static int chacha_length(void *state, uint32_t sequence, const uint8_t in[LENGTH_SIZE], uint8_t out[LENGTH_SIZE])
{
    struct chacha *chacha = state;

    if (chacha_begin(chacha->length, sequence) && chacha_crypt(chacha->length, in, LENGTH_SIZE, out))
        return SESSILE_OK;
    return SESSILE_ERR_CRYPTO;
}

static int chacha_seal(void *state, uint32_t sequence, const struct sealing *s)
{
    struct chacha *chacha = state;
    uint8_t *lead = s->packet + LENGTH_SIZE;
    uint8_t *bulk = lead + s->lead;
    uint8_t *trail = bulk + s->bulk_size;

    if (chacha_length(chacha, sequence, s->packet, s->packet) == SESSILE_OK && chacha_begin_body(chacha, sequence) &&
        chacha_crypt(chacha->body, lead, s->lead, lead) && chacha_crypt(chacha->body, s->bulk, s->bulk_size, bulk) &&
        chacha_crypt(chacha->body, trail, s->trail, trail) &&
        chacha_tag(chacha, s->packet, LENGTH_SIZE + sealing_size(s), trail + s->trail))
        return SESSILE_OK;
    return SESSILE_ERR_CRYPTO;
}

static int chacha_open(void *state, uint32_t sequence, const uint8_t *packet, size_t size, uint8_t *out)
{
    struct chacha *chacha = state;
    uint8_t tag[TAG_SIZE];

    if (!chacha_begin_body(chacha, sequence) || !chacha_tag(chacha, packet, LENGTH_SIZE + size, tag))
        return SESSILE_ERR_CRYPTO;
    if (CRYPTO_memcmp(tag, packet + LENGTH_SIZE + size, TAG_SIZE) != 0)
        return SESSILE_ERR_VERIFY;
    return chacha_crypt(chacha->body, packet + LENGTH_SIZE, size, out) ? SESSILE_OK : SESSILE_ERR_CRYPTO;
}

const struct cipher_functions cipher_chacha = {
    .make = chacha_make,
    .release = chacha_release,
    .length = chacha_length,
    .seal = chacha_seal,
    .open = chacha_open,
};
