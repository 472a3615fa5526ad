/* SPDX-License-Identifier: Apache-2.0
 *
 * EVP alone. Contexts are made once; a packet costs what libcrypto asks for it. Data goes from where it is into the
 * packet, and out of the packet to another place, as in a session. */
#include "ssh_bare.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "ways.h"

#define LENGTH 4
#define HEAD 10 /* padding_length, and CHANNEL_DATA's number, channel and length */
#define LEAST 4 /* bytes of padding */
#define TAG 32
#define COPY_MOST 4096
#define ROOM (65536 + 1024)

struct bare_packet {
    const struct bare_kind *kind;
    EVP_CIPHER_CTX *out;
    EVP_CIPHER_CTX *in;
    EVP_CIPHER_CTX *length; /* ChaCha20's other key */
    EVP_MAC_CTX *mac;
    uint64_t sequence;
    uint8_t packet[ROOM];
    uint8_t plain[ROOM];
};

struct bare_kind {
    const char *name;
    const char *cipher;
    const char *mac;
    size_t block;
    void (*pass)(struct bare_packet *bare, const uint8_t *data, size_t size, size_t length);
};

static const uint8_t secret[64] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static size_t length_of(const struct bare_packet *bare, size_t size)
{
    size_t least = HEAD + size + LEAST;

    return (least + bare->kind->block - 1) / bare->kind->block * bare->kind->block;
}

static void update(EVP_CIPHER_CTX *context, uint8_t *out, const uint8_t *in, size_t size)
{
    int done;

    must(EVP_CipherUpdate(context, out, &done, in, (int)size) == 1);
}

/* Head, data, padding: a small packet is put together first, which is cheaper than two more calls. */
static void encrypt(struct bare_packet *bare, const uint8_t *data, size_t size, size_t length)
{
    static const uint8_t zeros[256];
    uint8_t *at = bare->packet + LENGTH;

    memset(at, 0, HEAD);
    if (size < COPY_MOST) {
        memcpy(at + HEAD, data, size);
        memset(at + HEAD + size, 0, length - HEAD - size);
        update(bare->out, at, at, length);
        return;
    }
    update(bare->out, at, at, HEAD);
    update(bare->out, at + HEAD, data, size);
    update(bare->out, at + HEAD + size, zeros, length - HEAD - size);
}

/* ---- AES-GCM ---- */

static void pass_gcm(struct bare_packet *bare, const uint8_t *data, size_t size, size_t length)
{
    uint8_t iv[12] = {0}, *tag = bare->packet + LENGTH + length;
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, 16), OSSL_PARAM_END};
    int done;

    memcpy(iv + 4, &bare->sequence, sizeof bare->sequence);
    must(EVP_CipherInit_ex2(bare->out, NULL, NULL, iv, 1, NULL) == 1);
    update(bare->out, NULL, bare->packet, LENGTH);
    encrypt(bare, data, size, length);
    must(EVP_CipherFinal_ex(bare->out, tag, &done) == 1);
    must(EVP_CIPHER_CTX_get_params(bare->out, params) == 1);
    must(EVP_CipherInit_ex2(bare->in, NULL, NULL, iv, 0, params) == 1);
    update(bare->in, NULL, bare->packet, LENGTH);
    update(bare->in, bare->plain, bare->packet + LENGTH, length);
    must(EVP_CipherFinal_ex(bare->in, bare->plain + length, &done) == 1);
}

/* ---- ChaCha20-Poly1305, as SSH has it ---- */

/* The first block of the stream is the tag's key; the data's are those behind it. */
static void chacha_begin(EVP_CIPHER_CTX *context, const uint8_t iv[16], uint8_t key[64])
{
    static const uint8_t zeros[64];

    must(EVP_CipherInit_ex2(context, NULL, NULL, iv, -1, NULL) == 1);
    update(context, key, zeros, sizeof zeros);
}

static void chacha_tag(struct bare_packet *bare, const uint8_t *key, size_t length, uint8_t tag[16])
{
    size_t done;

    must(EVP_MAC_init(bare->mac, key, 32, NULL) == 1);
    must(EVP_MAC_update(bare->mac, bare->packet, LENGTH + length) == 1);
    must(EVP_MAC_final(bare->mac, tag, &done, 16) == 1);
}

static void chacha_length(struct bare_packet *bare, const uint8_t iv[16])
{
    must(EVP_CipherInit_ex2(bare->length, NULL, NULL, iv, -1, NULL) == 1);
    update(bare->length, bare->packet, bare->packet, LENGTH);
}

static void pass_chacha(struct bare_packet *bare, const uint8_t *data, size_t size, size_t length)
{
    uint8_t iv[16] = {0}, sealed[16], opened[16], key[64];

    memcpy(iv + 8, &bare->sequence, sizeof bare->sequence);
    chacha_length(bare, iv);
    chacha_begin(bare->out, iv, key);
    encrypt(bare, data, size, length);
    chacha_tag(bare, key, length, sealed);
    chacha_begin(bare->in, iv, key);
    chacha_tag(bare, key, length, opened);
    must(memcmp(sealed, opened, sizeof sealed) == 0);
    chacha_length(bare, iv);
    update(bare->in, bare->plain, bare->packet + LENGTH, length);
}

/* ---- AES-CTR, then HMAC ---- */

static void hmac(struct bare_packet *bare, size_t length, uint8_t tag[TAG])
{
    uint8_t sequence[4] = {0};
    size_t done;

    must(EVP_MAC_init(bare->mac, NULL, 0, NULL) == 1);
    must(EVP_MAC_update(bare->mac, sequence, sizeof sequence) == 1);
    must(EVP_MAC_update(bare->mac, bare->packet, LENGTH + length) == 1);
    must(EVP_MAC_final(bare->mac, tag, &done, TAG) == 1);
}

static void pass_ctr(struct bare_packet *bare, const uint8_t *data, size_t size, size_t length)
{
    uint8_t sealed[TAG], opened[TAG];

    encrypt(bare, data, size, length);
    hmac(bare, length, sealed);
    hmac(bare, length, opened);
    must(memcmp(sealed, opened, TAG) == 0);
    update(bare->in, bare->plain, bare->packet + LENGTH, length);
}

/* ---- */

static const struct bare_kind kinds[] = {
    {"aes128-gcm@openssh.com", "AES-128-GCM", NULL, 16, pass_gcm},
    {"chacha20-poly1305@openssh.com", "ChaCha20", "POLY1305", 8, pass_chacha},
    {"aes128-ctr", "AES-128-CTR", "HMAC", 16, pass_ctr},
};

static EVP_CIPHER_CTX *make_cipher(const char *name, int out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    must(cipher && context);
    must(EVP_CipherInit_ex(context, cipher, NULL, secret, secret, out) == 1);
    EVP_CIPHER_free(cipher);
    return context;
}

static EVP_MAC_CTX *make_mac(const char *name)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, name, NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", digest, sizeof digest - 1), OSSL_PARAM_END};

    must(context != NULL);
    if (strcmp(name, "HMAC") == 0)
        must(EVP_MAC_init(context, secret, TAG, params) == 1);
    EVP_MAC_free(mac);
    return context;
}

struct bare_packet *bare_new(const char *cipher)
{
    struct bare_packet *bare = calloc(1, sizeof *bare);

    must(bare != NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, cipher) == 0)
            bare->kind = &kinds[i];
    must(bare->kind != NULL);
    bare->out = make_cipher(bare->kind->cipher, 1);
    bare->in = make_cipher(bare->kind->cipher, 0);
    bare->length = make_cipher("ChaCha20", 1);
    if (bare->kind->mac)
        bare->mac = make_mac(bare->kind->mac);
    return bare;
}

void bare_free(struct bare_packet *bare)
{
    EVP_CIPHER_CTX_free(bare->out);
    EVP_CIPHER_CTX_free(bare->in);
    EVP_CIPHER_CTX_free(bare->length);
    EVP_MAC_CTX_free(bare->mac);
    free(bare);
}

void bare_pass(struct bare_packet *bare, const uint8_t *data, size_t size)
{
    bare->sequence++;
    bare->kind->pass(bare, data, size, length_of(bare, size));
}

/* ---- a handshake's ---- */

static EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, type);

    must(key != NULL);
    return key;
}

static void derive(EVP_PKEY *own, const uint8_t raw[32])
{
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, raw, 32);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    uint8_t shared[32];
    size_t size = sizeof shared;

    must(other && context && EVP_PKEY_derive_init(context) == 1);
    must(EVP_PKEY_derive_set_peer(context, other) == 1 && EVP_PKEY_derive(context, shared, &size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(other);
}

static void agree(void)
{
    EVP_PKEY *keys[2] = {make_key("X25519"), make_key("X25519")};
    uint8_t raw[2][32];
    size_t size = 32;

    for (int i = 0; i < 2; i++)
        must(EVP_PKEY_get_raw_public_key(keys[i], raw[i], &size) == 1);
    for (int i = 0; i < 2; i++) {
        derive(keys[i], raw[!i]);
        EVP_PKEY_free(keys[i]);
    }
}

static void sign_and_verify(EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t message[200] = {0}, signature[64];
    size_t size = sizeof signature;

    must(context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    must(EVP_DigestSign(context, signature, &size, message, sizeof message) == 1);
    EVP_MD_CTX_free(context);
    must((context = EVP_MD_CTX_new()) && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1);
    must(EVP_DigestVerify(context, signature, size, message, sizeof message) == 1);
    EVP_MD_CTX_free(context);
}

void bare_handshake(void)
{
    static EVP_PKEY *keys[2];

    for (int i = 0; i < 2; i++)
        if (!keys[i])
            keys[i] = make_key("ED25519");
    agree();
    sign_and_verify(keys[0]);
    sign_and_verify(keys[1]);
}
