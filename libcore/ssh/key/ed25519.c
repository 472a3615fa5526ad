/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh-ed25519 (RFC 8709): keys of 32 bytes, signatures of 64.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "session/memory.h"
#include "ssh/key/types.h"

#define PUBLIC_SIZE 32
#define SEED_SIZE 32
#define SIGNATURE_SIZE 64

static int ed25519_is(const struct key_type *type, const EVP_PKEY *pkey)
{
    (void)type;
    return EVP_PKEY_is_a(pkey, "ED25519");
}

/* A string of this size, or NULL with the error told. */
static const uint8_t *read_fixed(struct reader *r, size_t size, const char *what, struct key_error *error)
{
    struct reader string = get_sub32(r);

    if (!r->failed && string.left == size)
        return get_bytes(&string, size);
    key_say(error, "an Ed25519 %s has %zu bytes instead of %zu", what, string.left, size);
    return NULL;
}

int ed25519_read_public(sessile_key *key, struct reader *r, struct key_error *error)
{
    const uint8_t *point = read_fixed(r, PUBLIC_SIZE, "public key", error);

    if (!point)
        return SESSILE_ERR_ARGUMENT;
    key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point, PUBLIC_SIZE);
    return key->pkey ? 0 : key_openssl_failure(SESSILE_ERR_CRYPTO);
}

void ed25519_write_public(const sessile_key *key, struct writer *w)
{
    uint8_t point[PUBLIC_SIZE];
    size_t size = sizeof point;

    if (EVP_PKEY_get_raw_public_key(key->pkey, point, &size) != 1)
        w->failed = 1;
    put_sized32(w, point, size);
}

/* The seed makes the public key: what the file says of it must be the same, in both places. */
static int ed25519_read_private(sessile_key *key, struct reader *r, struct key_error *error)
{
    const uint8_t *point = read_fixed(r, PUBLIC_SIZE, "public key", error), *both;
    uint8_t real[PUBLIC_SIZE];
    size_t size = sizeof real;

    if (!point || !(both = read_fixed(r, SEED_SIZE + PUBLIC_SIZE, "private key", error)))
        return SESSILE_ERR_ARGUMENT;
    if (!(key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, both, SEED_SIZE)) ||
        EVP_PKEY_get_raw_public_key(key->pkey, real, &size) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (CRYPTO_memcmp(real, point, sizeof real) || CRYPTO_memcmp(real, both + SEED_SIZE, sizeof real))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the halves of the Ed25519 key do not belong together");
    return 0;
}

/* EVP_PKEY_get_raw_private_key() would leave the seed in memory that it frees. */
static void ed25519_write_private(const sessile_key *key, struct writer *w)
{
    uint8_t both[SEED_SIZE + PUBLIC_SIZE];
    size_t seed = SEED_SIZE, point = PUBLIC_SIZE;

    if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, both, seed, &seed) != 1 ||
        EVP_PKEY_get_raw_public_key(key->pkey, both + SEED_SIZE, &point) != 1)
        w->failed = 1;
    put_sized32(w, both + SEED_SIZE, PUBLIC_SIZE);
    put_sized32(w, both, sizeof both);
    mem_wipe(both, sizeof both);
}

static int ed25519_sign(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct writer *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_SIZE];
    size_t length = sizeof signature;
    int r = 0;

    (void)digest;
    if (!context)
        return key_openssl_failure(SESSILE_ERR_MEMORY);
    if (EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) != 1 ||
        EVP_DigestSign(context, signature, &length, data, size) != 1)
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    else
        put_bytes(out, signature, length);
    EVP_MD_CTX_free(context);
    return r;
}

int ed25519_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r)
{
    const uint8_t *signature = get_bytes(r, SIGNATURE_SIZE);
    EVP_MD_CTX *context;
    int good;

    (void)digest;
    if (!signature || !(context = EVP_MD_CTX_new()))
        return SESSILE_ERR_VERIFY;
    good = EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
           EVP_DigestVerify(context, signature, SIGNATURE_SIZE, data, size) == 1;
    EVP_MD_CTX_free(context);
    return good ? 0 : SESSILE_ERR_VERIFY;
}

static int ed25519_generate(sessile_key *key, int bits)
{
    if (bits)
        return SESSILE_ERR_ARGUMENT;
    key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return key->pkey ? 0 : key_openssl_failure(SESSILE_ERR_CRYPTO);
}

const struct key_type key_type_ed25519 = {
    .name = "ssh-ed25519",
    .certificate_name = "ssh-ed25519-cert-v01@openssh.com",
    .label = "ED25519",
    .is = ed25519_is,
    .read_public = ed25519_read_public,
    .write_public = ed25519_write_public,
    .read_private = ed25519_read_private,
    .write_private = ed25519_write_private,
    .sign = ed25519_sign,
    .verify = ed25519_verify,
    .generate = ed25519_generate,
};
