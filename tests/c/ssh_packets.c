/* SPDX-License-Identifier: Apache-2.0
 *
 * One packet at a time, with contexts made for it. What cannot happen stops the program. */
#include "ssh_packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#define TAG 16

static void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "ssh_packets.c: %s\n", what);
    abort();
}

static int is(const char *name, const char *other)
{
    return name && strcmp(name, other) == 0;
}

static int has(const char *name, const char *part)
{
    return name && strstr(name, part);
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void raw_keys_init(struct raw_keys *k, const char *cipher, const char *mac)
{
    memset(k, 0, sizeof *k);
    k->cipher = cipher;
    k->mac = mac;
    for (size_t i = 0; i < sizeof k->key; i++)
        k->key[i] = (uint8_t)(1 + i);
    for (size_t i = 0; i < sizeof k->iv; i++)
        k->iv[i] = (uint8_t)(101 + i);
    for (size_t i = 0; i < sizeof k->mac_key; i++)
        k->mac_key[i] = (uint8_t)(151 + i);
}

void raw_keys_free(struct raw_keys *k)
{
    EVP_CIPHER_CTX_free(k->stream);
    k->stream = NULL;
}

/* ---- the algorithms ---- */

/* AES-GCM over size bytes behind the 4 of the length. Returns whether the tag was right. */
static int gcm(struct raw_keys *k, int sealing, uint8_t *packet, size_t size, uint8_t *tag)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n, right = 1;

    must(EVP_CipherInit_ex(c, has(k->cipher, "128") ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, k->key, k->iv,
                           sealing) == 1 &&
             EVP_CipherUpdate(c, NULL, &n, packet, 4) == 1 &&
             (!size || EVP_CipherUpdate(c, packet + 4, &n, packet + 4, (int)size) == 1),
         "AES-GCM");
    if (!sealing)
        must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1, "AES-GCM, tag");
    right = EVP_CipherFinal_ex(c, packet + 4 + size, &n) == 1;
    if (sealing)
        must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1, "AES-GCM, tag");
    EVP_CIPHER_CTX_free(c);
    for (int i = 11; i >= 4 && ++k->iv[i] == 0; i--)
        ;
    return right;
}

/* Bytes of a ChaCha20 keystream from a block on, onto data. */
static void chacha(const uint8_t *key, uint32_t sequence, uint8_t block, uint8_t *data, size_t size)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t iv[16] = {block};
    int n;

    put32(iv + 12, sequence);
    must(EVP_EncryptInit_ex(c, EVP_chacha20(), NULL, key, iv) == 1 &&
             (!size || EVP_EncryptUpdate(c, data, &n, data, (int)size) == 1),
         "ChaCha20");
    EVP_CIPHER_CTX_free(c);
}

static void poly1305(const struct raw_keys *k, const uint8_t *data, size_t size, uint8_t *tag)
{
    uint8_t key[32] = {0};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
    size_t n;

    chacha(k->key, k->sequence, 0, key, sizeof key);
    must(EVP_MAC_init(c, key, sizeof key, NULL) == 1 && EVP_MAC_update(c, data, size) == 1 &&
             EVP_MAC_final(c, tag, &n, TAG) == 1,
         "Poly1305");
    EVP_MAC_CTX_free(c);
    EVP_MAC_free(mac);
}

static void ctr(struct raw_keys *k, uint8_t *data, size_t size)
{
    const EVP_CIPHER *cipher = is(k->cipher, "aes128-ctr")   ? EVP_aes_128_ctr()
                               : is(k->cipher, "aes192-ctr") ? EVP_aes_192_ctr()
                                                             : EVP_aes_256_ctr();
    int n;

    if (!k->stream) {
        k->stream = EVP_CIPHER_CTX_new();
        must(EVP_EncryptInit_ex(k->stream, cipher, NULL, k->key, k->iv) == 1, "AES-CTR");
    }
    must(!size || EVP_EncryptUpdate(k->stream, data, &n, data, (int)size) == 1, "AES-CTR");
}

static size_t hmac_size(const struct raw_keys *k)
{
    return has(k->mac, "sha2-256") ? 32 : has(k->mac, "sha2-512") ? 64 : 20;
}

static void hmac(const struct raw_keys *k, const uint8_t *data, size_t size, uint8_t *tag)
{
    const EVP_MD *md = hmac_size(k) == 32 ? EVP_sha256() : hmac_size(k) == 64 ? EVP_sha512() : EVP_sha1();
    uint8_t *whole = malloc(4 + size);
    unsigned n;

    must(whole != NULL, "memory");
    put32(whole, k->sequence);
    memcpy(whole + 4, data, size);
    must(HMAC(md, k->mac_key, (int)hmac_size(k), whole, 4 + size, tag, &n) != NULL, "HMAC");
    free(whole);
}

/* ---- the packet ---- */

static size_t tag_size(const struct raw_keys *k)
{
    return k->mac ? hmac_size(k) : k->cipher ? TAG : 0;
}

static size_t block_size(const struct raw_keys *k)
{
    return has(k->cipher, "aes") ? 16 : 8;
}

/* Whether the length field counts in what is a multiple of the block. */
static int counts_length(const struct raw_keys *k)
{
    return !k->cipher || (k->mac && !has(k->mac, "etm"));
}

static void protect(struct raw_keys *k, uint8_t *packet, size_t size)
{
    uint8_t *tag = packet + 4 + size;

    if (has(k->cipher, "gcm")) {
        gcm(k, 1, packet, size, tag);
    } else if (has(k->cipher, "chacha")) {
        chacha(k->key + 32, k->sequence, 0, packet, 4);
        chacha(k->key, k->sequence, 1, packet + 4, size);
        poly1305(k, packet, 4 + size, tag);
    } else if (has(k->mac, "etm")) {
        ctr(k, packet + 4, size);
        hmac(k, packet, 4 + size, tag);
    } else if (k->cipher) {
        hmac(k, packet, 4 + size, tag);
        ctr(k, packet, 4 + size);
    }
}

size_t raw_seal(struct raw_keys *k, const struct raw_packet *p, uint8_t *out)
{
    size_t block = block_size(k);
    size_t padding = block - (1 + p->size + (counts_length(k) ? 4 : 0)) % block;
    size_t size;

    if (padding < 4)
        padding += block;
    if (p->padding != RAW_RIGHT)
        padding = (size_t)p->padding;
    size = 1 + p->size + padding;
    must(4 + size + 64 <= RAW_ROOM, "a packet too large");
    put32(out, p->length == RAW_RIGHT ? (uint32_t)size : (uint32_t)p->length);
    out[4] = (uint8_t)(p->padding_says == RAW_RIGHT ? (int)padding : p->padding_says);
    if (p->size)
        memcpy(out + 5, p->payload, p->size);
    for (size_t i = 0; i < padding; i++)
        out[5 + p->size + i] = (uint8_t)(0xa0 + i);
    protect(k, out, size);
    k->sequence++;
    return 4 + size + tag_size(k);
}

size_t raw_seal_payload(struct raw_keys *k, const void *payload, size_t size, uint8_t *out)
{
    struct raw_packet packet = {payload, size, RAW_RIGHT, RAW_RIGHT, RAW_RIGHT};

    return raw_seal(k, &packet, out);
}

/* Whether the length field is in the first block of ciphertext. */
static int hides_length(const struct raw_keys *k)
{
    return k->cipher && counts_length(k);
}

/* plain: the packet, decrypted as far as its length is known from. Decrypts the rest; whether the tag is right. */
static int unprotect(struct raw_keys *k, const uint8_t *data, uint8_t *plain, size_t size)
{
    const uint8_t *theirs = data + 4 + size;
    uint8_t tag[64];

    if (!k->cipher)
        return 1;
    memcpy(tag, theirs, tag_size(k));
    if (has(k->cipher, "gcm"))
        return gcm(k, 0, plain, size, tag);
    if (has(k->cipher, "chacha")) {
        poly1305(k, data, 4 + size, tag);
        chacha(k->key, k->sequence, 1, plain + 4, size);
    } else if (hides_length(k)) {
        ctr(k, plain + 16, size - 12);
        hmac(k, plain, 4 + size, tag);
    } else {
        hmac(k, data, 4 + size, tag);
        ctr(k, plain + 4, size);
    }
    return memcmp(tag, theirs, tag_size(k)) == 0;
}

/* Copies the packet, the length field decrypted. Its size without that and the tag; 0 where it cannot be right. */
static size_t copy_packet(struct raw_keys *k, const uint8_t *data, size_t data_size, uint8_t *plain)
{
    size_t known = hides_length(k) ? 16 : 4;
    size_t size;

    if (data_size < 16)
        return 0;
    memcpy(plain, data, known);
    if (has(k->cipher, "chacha"))
        chacha(k->key + 32, k->sequence, 0, plain, 4);
    else if (hides_length(k))
        ctr(k, plain, 16);
    size = get32(plain);
    if (size < 6 || size > RAW_ROOM || data_size < 4 + size + tag_size(k) ||
        ((counts_length(k) ? 4 : 0) + size) % block_size(k))
        return 0;
    memcpy(plain + known, data + known, 4 + size - known);
    return size;
}

long raw_open(struct raw_keys *k, const uint8_t *data, size_t data_size, uint8_t *payload, size_t *used)
{
    uint8_t *plain = malloc(data_size + 16);
    size_t size;
    long result = -1;

    must(plain != NULL, "memory");
    if ((size = copy_packet(k, data, data_size, plain)) != 0 && unprotect(k, data, plain, size) && plain[4] >= 4 &&
        plain[4] + 2u <= size) {
        result = (long)(size - 1 - plain[4]);
        memcpy(payload, plain + 5, (size_t)result);
        *used = 4 + size + tag_size(k);
        k->sequence++;
    }
    free(plain);
    return result;
}
