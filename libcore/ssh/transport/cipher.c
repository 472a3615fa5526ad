/* SPDX-License-Identifier: Apache-2.0
 *
 * The ciphers, best first: AES-GCM (RFC 5647, with OpenSSH's names) is the fastest where the processor knows AES, and
 * nothing in it depends on the sequence number; then ChaCha20-Poly1305 (OpenSSH's PROTOCOL.chacha20poly1305); then
 * AES-CTR (RFC 4344), which takes a MAC. A new cipher is a row here, and a file where its functions are new. */
#include <string.h>

#include <openssl/err.h>

#include "ssh/transport/packet.h"

/* RFC 4344, section 3.2: 2^(L/4) blocks, of L = 128 bits. */
#define AES_BLOCKS (UINT64_C(1) << 32)

static const struct cipher ciphers[] = {
    {"aes128-gcm@openssh.com", "AES-128-GCM", 16, 12, 16, 16, AES_BLOCKS, &cipher_gcm},
    {"aes256-gcm@openssh.com", "AES-256-GCM", 32, 12, 16, 16, AES_BLOCKS, &cipher_gcm},
    {"chacha20-poly1305@openssh.com", "ChaCha20", 64, 0, 8, 16, 0, &cipher_chacha},
    {"aes128-ctr", "AES-128-CTR", 16, 16, 16, 0, AES_BLOCKS, &cipher_ctr},
    {"aes192-ctr", "AES-192-CTR", 24, 16, 16, 0, AES_BLOCKS, &cipher_ctr},
    {"aes256-ctr", "AES-256-CTR", 32, 16, 16, 0, AES_BLOCKS, &cipher_ctr},
};

#define CIPHERS (sizeof ciphers / sizeof ciphers[0])

/* A libcrypto may leave some out, as FIPS providers do. */
static int cipher_is_here(const struct cipher *cipher)
{
    EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, cipher->algorithm, NULL);

    EVP_CIPHER_free(evp);
    if (!evp)
        ERR_clear_error();
    return evp != NULL;
}

const struct cipher *cipher_find(const char *name, size_t size)
{
    for (size_t i = 0; i < CIPHERS; i++)
        if (strlen(ciphers[i].name) == size && memcmp(ciphers[i].name, name, size) == 0)
            return cipher_is_here(&ciphers[i]) ? &ciphers[i] : NULL;
    return NULL;
}

const struct cipher *cipher_at(size_t index)
{
    for (size_t i = 0; i < CIPHERS; i++)
        if (cipher_is_here(&ciphers[i]) && index-- == 0)
            return &ciphers[i];
    return NULL;
}

int cipher_context(EVP_CIPHER_CTX **context, const char *algorithm, const uint8_t *key, const uint8_t *iv,
                   int direction)
{
    EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, algorithm, NULL);
    int ok;

    *context = EVP_CIPHER_CTX_new();
    ok = evp && *context && EVP_CipherInit_ex2(*context, evp, key, iv, direction == DIRECTION_OUT, NULL) == 1;
    EVP_CIPHER_free(evp);
    if (ok)
        return SESSILE_OK;
    EVP_CIPHER_CTX_free(*context);
    *context = NULL;
    return SESSILE_ERR_CRYPTO;
}
