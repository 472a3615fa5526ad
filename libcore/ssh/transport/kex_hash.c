/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange hash (RFC 4253 section 8, RFC 4419 section 3, RFC 5656 section 4) and the keys that come from it
 * (section 7.2). One hash context serves all of it. What of the exchange is hashed is hashed as soon as it is known,
 * so that neither KEXINIT has to be kept. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/transport/kex.h"

/* A context that could not be begun is not to be touched again: libcrypto crashes. */
static void hash_bytes(struct kex *kex, const void *data, size_t size)
{
    if (size && !kex->hash_failed && EVP_DigestUpdate(kex->hash, data, size) != 1)
        kex->hash_failed = 1;
}

static unsigned hash_final(struct kex *kex, uint8_t out[KEX_DIGEST_MAX])
{
    unsigned size = 0;

    if (!kex->hash_failed && (EVP_DigestFinal_ex(kex->hash, out, &size) != 1 || !size))
        kex->hash_failed = 1;
    return kex->hash_failed ? 0 : size;
}

static void hash_u32(struct kex *kex, size_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

    hash_bytes(kex, bytes, sizeof bytes);
}

static void hash_string(struct kex *kex, const void *data, size_t size)
{
    hash_u32(kex, size);
    hash_bytes(kex, data, size);
}

/* As an mpint: no leading zeros but one where the first bit is set. */
static void hash_number(struct kex *kex, const uint8_t *data, size_t size)
{
    static const uint8_t zero = 0;
    size_t sign;

    for (; size && *data == 0; size--)
        data++;
    sign = size && *data & 0x80 ? 1 : 0;
    hash_u32(kex, size + sign);
    hash_bytes(kex, &zero, sign);
    hash_bytes(kex, data, size);
}

static int hash_bignum(struct kex *kex, const BIGNUM *number)
{
    size_t size = (size_t)BN_num_bytes(number);
    uint8_t *room = mem_alloc(size);

    if (!room)
        return SESSILE_ERR_MEMORY;
    if (BN_bn2binpad(number, room, (int)size) < 0)
        kex->hash_failed = 1;
    else
        hash_number(kex, room, size);
    mem_free(room);
    return SESSILE_OK;
}

static void hash_public(struct kex *kex, const struct reader *value)
{
    if (kex->method->public_is_mpint)
        hash_number(kex, value->data, value->left);
    else
        hash_string(kex, value->data, value->left);
}

static void hash_secret(struct kex *kex)
{
    if (kex->method->secret_is_string)
        hash_string(kex, kex->secret.data, kex->secret.size);
    else
        hash_number(kex, kex->secret.data, kex->secret.size);
}

static void hash_start(struct kex *kex)
{
    if (EVP_DigestInit_ex2(kex->hash, kex->digest, NULL) != 1)
        kex->hash_failed = 1;
}

static int hash_result(const struct kex *kex)
{
    return kex->hash_failed ? key_openssl_failure(SESSILE_ERR_CRYPTO) : SESSILE_OK;
}

/* ---- the exchange hash ---- */

static int hash_new(struct kex *kex)
{
    ERR_clear_error();
    kex->digest = EVP_MD_fetch(NULL, kex->method->digest, NULL);
    kex->hash = EVP_MD_CTX_new();
    if (!kex->digest || !kex->hash)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    hash_start(kex);
    return hash_result(kex);
}

int kex_hash_begin(const struct ssh *ssh, struct kex *kex, const uint8_t *peer_init, size_t peer_init_size)
{
    uint8_t room[IDENT_MAX];
    struct writer own = writer_in(room, sizeof room);
    const char *peer = ssh->transport.peer_ident;
    int client = ssh->role == SESSILE_CLIENT, result;

    ident_own(ssh, &own);
    if ((result = own.failed ? SESSILE_ERR_MEMORY : hash_new(kex)) < 0) {
        writer_free(&own);
        return result;
    }
    if (client)
        hash_string(kex, own.data, own.size);
    hash_string(kex, peer, strlen(peer));
    if (!client)
        hash_string(kex, own.data, own.size);
    if (client)
        hash_string(kex, kex->own_init, kex->own_init_size);
    hash_string(kex, peer_init, peer_init_size);
    if (!client)
        hash_string(kex, kex->own_init, kex->own_init_size);
    writer_free(&own);
    return hash_result(kex);
}

int kex_hash_end(struct kex *kex, const struct reader *host_key, const struct reader *client,
                 const struct reader *server)
{
    ERR_clear_error();
    hash_string(kex, host_key->data, host_key->left);
    if (kex->method->group_exchange) {
        for (size_t i = 0; i < 3; i++)
            hash_u32(kex, kex->sizes[i]);
        if (hash_bignum(kex, kex->p) < 0 || hash_bignum(kex, kex->g) < 0)
            return SESSILE_ERR_MEMORY;
    }
    hash_public(kex, client);
    hash_public(kex, server);
    hash_secret(kex);
    kex->exchange_hash_size = hash_final(kex, kex->exchange_hash);
    return hash_result(kex);
}

/* ---- keys ---- */

/* K1 = HASH(K || H || letter || session id), K2 = HASH(K || H || K1), K3 = HASH(K || H || K1 || K2), ... */
static void derive(struct kex *kex, const uint8_t *session_id, size_t session_id_size, char letter, uint8_t *out,
                   size_t size)
{
    uint8_t block[KEX_DIGEST_MAX];
    size_t have = 0;
    size_t block_size;

    while (have < size && !kex->hash_failed) {
        hash_start(kex);
        hash_secret(kex);
        hash_bytes(kex, kex->exchange_hash, kex->exchange_hash_size);
        if (have) {
            hash_bytes(kex, out, have);
        } else {
            hash_bytes(kex, &letter, 1);
            hash_bytes(kex, session_id, session_id_size);
        }
        block_size = hash_final(kex, block);
        if (block_size > size - have)
            block_size = size - have;
        memcpy(out + have, block, block_size);
        have += block_size;
    }
    OPENSSL_cleanse(block, sizeof block);
}

static int keys_fit(const struct cipher *cipher, const struct mac *mac)
{
    return cipher->key_size <= KEX_KEY_MAX && cipher->iv_size <= KEX_IV_MAX && (!mac || mac->key_size <= KEX_KEY_MAX);
}

int kex_keys_make(const struct ssh *ssh, struct kex *kex)
{
    const struct transport *t = &ssh->transport;
    const uint8_t *id = t->session_id_size ? t->session_id : kex->exchange_hash;
    size_t id_size = t->session_id_size ? t->session_id_size : kex->exchange_hash_size;

    ERR_clear_error();
    for (int direction = DIRECTION_IN; direction <= DIRECTION_OUT; direction++) {
        const struct cipher *cipher = kex->ciphers[direction];
        const struct mac *mac = kex->macs[direction];
        struct kex_keys *keys = direction == DIRECTION_OUT ? &kex->out : &kex->in;
        int from_server = (ssh->role == SESSILE_SERVER) == (direction == DIRECTION_OUT);

        if (!keys_fit(cipher, mac))
            return SESSILE_ERR_CRYPTO;
        derive(kex, id, id_size, from_server ? 'B' : 'A', keys->iv, cipher->iv_size);
        derive(kex, id, id_size, from_server ? 'D' : 'C', keys->key, cipher->key_size);
        if (mac)
            derive(kex, id, id_size, from_server ? 'F' : 'E', keys->mac_key, mac->key_size);
    }
    return hash_result(kex);
}
