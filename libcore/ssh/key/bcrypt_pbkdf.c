/* SPDX-License-Identifier: Apache-2.0
 *
 * Each block of 32 bytes comes from bcrypt over SHA-512 of the passphrase and SHA-512 of the salt with the block's
 * number; each further round hashes the output of the one before as its salt, and all rounds are combined by XOR. The
 * blocks' bytes are dealt out like cards, so that one block alone gives no run of the key.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* BF_encrypt works on a schedule of our own, which EVP cannot */
#include "ssh/key/bcrypt_pbkdf.h"

#include <string.h>

#include <openssl/blowfish.h>
#include <openssl/evp.h>

#include <sessile/error.h>

#include "codec/writer.h"
#include "session/memory.h"

#define HASH_SIZE 64
#define BLOCK_SIZE 32

#ifdef OPENSSL_NO_BF
int bcrypt_pbkdf(const void *passphrase, size_t passphrase_size, const void *salt, size_t salt_size, uint32_t rounds,
                 uint8_t *key, size_t key_size)
{
    (void)passphrase, (void)passphrase_size, (void)salt, (void)salt_size, (void)rounds;
    memset(key, 0, key_size);
    return SESSILE_ERR_UNSUPPORTED;
}
#else

#include "ssh/key/blowfish_pi.h"

/* What is secret while a key is made, in one place to be wiped. */
struct bcrypt {
    uint8_t passphrase[HASH_SIZE];
    uint8_t salt[HASH_SIZE];
    uint32_t passphrase_words[HASH_SIZE / 4];
    uint32_t salt_words[HASH_SIZE / 4];
    uint8_t output[BLOCK_SIZE];
    uint8_t block[BLOCK_SIZE];
    BF_KEY schedule;
};

static int hash(uint8_t digest[HASH_SIZE], const void *data, size_t size)
{
    return EVP_Digest(data, size, digest, NULL, EVP_sha512(), NULL) == 1 ? 0 : SESSILE_ERR_CRYPTO;
}

static void to_words(uint32_t words[HASH_SIZE / 4], const uint8_t bytes[HASH_SIZE])
{
    for (size_t i = 0; i < HASH_SIZE; i += 4)
        words[i / 4] =
            (uint32_t)bytes[i] << 24 | (uint32_t)bytes[i + 1] << 16 | (uint32_t)bytes[i + 2] << 8 | bytes[i + 3];
}

/* One pass of the schedule: the key into the round keys, then all of them and the S-boxes anew from what Blowfish makes
 * of a running block. salt: 16 words that are mixed into that block in turn, or NULL. */
static void expand(BF_KEY *schedule, const uint32_t key[16], const uint32_t *salt)
{
    BF_LONG block[2] = {0, 0};
    size_t at = 0;

    for (size_t i = 0; i < 18; i++)
        schedule->P[i] ^= key[i % 16];
    for (size_t i = 0; i < 18 + 1024; i += 2, at = (at + 2) % 16) {
        BF_LONG *place = i < 18 ? &schedule->P[i] : &schedule->S[i - 18];

        if (salt) {
            block[0] ^= salt[at];
            block[1] ^= salt[at + 1];
        }
        BF_encrypt(block, schedule);
        place[0] = block[0];
        place[1] = block[1];
    }
    mem_wipe(block, sizeof block);
}

static void set_schedule(struct bcrypt *b)
{
    memcpy(b->schedule.P, blowfish_pi, sizeof b->schedule.P);
    memcpy(b->schedule.S, blowfish_pi + 18, sizeof b->schedule.S);
    expand(&b->schedule, b->passphrase_words, b->salt_words);
    for (int i = 0; i < 64; i++) {
        expand(&b->schedule, b->salt_words, NULL);
        expand(&b->schedule, b->passphrase_words, NULL);
    }
}

/* bcrypt with a cost of 6 over the two hashes; its output's words are little-endian, unlike everything else's. */
static void bcrypt(struct bcrypt *b)
{
    static const char text[BLOCK_SIZE + 1] = "OxychromaticBlowfishSwatDynamite";
    BF_LONG words[BLOCK_SIZE / 4];

    to_words(b->salt_words, b->salt);
    set_schedule(b);
    for (size_t i = 0; i < BLOCK_SIZE; i += 4)
        words[i / 4] =
            (BF_LONG)text[i] << 24 | (BF_LONG)text[i + 1] << 16 | (BF_LONG)text[i + 2] << 8 | (BF_LONG)text[i + 3];
    for (size_t i = 0; i < BLOCK_SIZE / 4; i += 2)
        for (int n = 0; n < 64; n++)
            BF_encrypt(words + i, &b->schedule);
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        b->output[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
    mem_wipe(words, sizeof words);
}

/* salt: the file's, with the block's number behind it. */
static int make_block(struct bcrypt *b, const struct writer *salt, uint32_t rounds)
{
    int r = hash(b->salt, salt->data, salt->size);

    memset(b->block, 0, sizeof b->block);
    for (uint32_t round = 0; !r && round < rounds; round++) {
        if (round && (r = hash(b->salt, b->output, sizeof b->output)) < 0)
            break;
        bcrypt(b);
        for (size_t i = 0; i < BLOCK_SIZE; i++)
            b->block[i] ^= b->output[i];
    }
    return r;
}

static int make_key(struct bcrypt *b, const void *salt, size_t salt_size, uint32_t rounds, uint8_t *key,
                    size_t key_size)
{
    size_t blocks = (key_size + BLOCK_SIZE - 1) / BLOCK_SIZE;
    size_t share = (key_size + blocks - 1) / blocks;
    uint8_t room[BCRYPT_SALT_MAX + 4];
    int r = 0;

    for (size_t n = 0; !r && n < blocks; n++) {
        struct writer w = writer_in(room, sizeof room);

        put_bytes(&w, salt, salt_size);
        put_u32(&w, (uint32_t)n + 1);
        r = make_block(b, &w, rounds);
        for (size_t i = 0; i < share && i * blocks + n < key_size; i++)
            key[i * blocks + n] = b->block[i];
    }
    return r;
}

int bcrypt_pbkdf(const void *passphrase, size_t passphrase_size, const void *salt, size_t salt_size, uint32_t rounds,
                 uint8_t *key, size_t key_size)
{
    struct bcrypt b;
    int r = SESSILE_ERR_ARGUMENT;

    memset(key, 0, key_size);
    if (!passphrase_size || !salt_size || salt_size > BCRYPT_SALT_MAX || !key_size || key_size > BCRYPT_KEY_MAX ||
        !rounds || rounds > BCRYPT_ROUNDS_MAX)
        return r;
    if ((r = hash(b.passphrase, passphrase, passphrase_size)) == 0) {
        to_words(b.passphrase_words, b.passphrase);
        r = make_key(&b, salt, salt_size, rounds, key, key_size);
    }
    mem_wipe(&b, sizeof b);
    if (r < 0)
        mem_wipe(key, key_size);
    return r;
}
#endif
