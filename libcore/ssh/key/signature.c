/* SPDX-License-Identifier: Apache-2.0
 *
 * Signature blobs (RFC 4253, section 6.6): the algorithm's name and the algorithm's own string; behind those of
 * security keys, flags and counter.
 */
#include <string.h>

#include <openssl/err.h>

#include "ssh/key/types.h"

/* Beyond libcrypto's own form of a signature: names, lengths, and signs. */
#define FRAME_MAX 64

static const EVP_MD *digest_of(const struct key_algorithm *algorithm)
{
    return algorithm->digest ? algorithm->digest() : NULL;
}

int key_sign(const sessile_key *key, const struct key_algorithm *algorithm, const void *data, size_t size,
             struct writer *out)
{
    size_t begin;
    int r;

    if (!key->is_private || !key->type->sign || !key_algorithm_fits(algorithm, key))
        return SESSILE_ERR_ARGUMENT;
    put_text32(out, algorithm->signature);
    begin = put_begin32(out);
    if ((r = key->type->sign(key, digest_of(algorithm), data, size, out)) < 0)
        return r;
    put_end32(out, begin);
    return out->failed ? SESSILE_ERR_MEMORY : 0;
}

/* r: behind the inner signature. */
static int verify_security_key(const sessile_key *key, const struct key_algorithm *algorithm, const void *data,
                               size_t size, struct reader *inner, struct reader *r, int *sk_flags)
{
    uint8_t flags = get_u8(r);
    uint32_t counter = get_u32(r);
    uint8_t said[KEY_SK_SIGNED];

    if (!reader_done(r) || security_key_signed(key, flags, counter, data, size, said) < 0 ||
        key->type->verify(key, digest_of(algorithm), said, sizeof said, inner) < 0)
        return SESSILE_ERR_VERIFY;
    *sk_flags = flags;
    return 0;
}

static int verify_blob(const sessile_key *key, const struct key_algorithm *algorithm, const void *data, size_t size,
                       struct reader r, int *sk_flags)
{
    struct reader name = get_sub32(&r), inner = get_sub32(&r);
    size_t length = strlen(algorithm->signature);
    int code;

    if (r.failed || name.left != length || memcmp(name.data, algorithm->signature, length) != 0)
        return SESSILE_ERR_VERIFY;
    if (key->type->security_key)
        code = verify_security_key(key, algorithm, data, size, &inner, &r, sk_flags);
    else
        code = key->type->verify(key, digest_of(algorithm), data, size, &inner);
    return code || !reader_done(&inner) || !reader_done(&r) ? SESSILE_ERR_VERIFY : 0;
}

int key_verify(const sessile_key *key, const struct key_algorithm *algorithm, const void *data, size_t size,
               const void *signature, size_t signature_size, int *sk_flags)
{
    int flags = 0, r = SESSILE_ERR_VERIFY;

    if (signature_size <= KEY_SIGNATURE_MAX && key_algorithm_fits(algorithm, key))
        r = verify_blob(key, algorithm, data, size, reader_of(signature, signature_size), &flags);
    if (sk_flags)
        *sk_flags = r ? 0 : flags;
    ERR_clear_error();
    return r;
}

/* ---- Public functions ---- */

static const struct key_algorithm *algorithm_named(const sessile_key *key, const char *name)
{
    const struct key_algorithm *algorithm = key_algorithm_find(name, strlen(name));

    return algorithm && key_algorithm_fits(algorithm, key) ? algorithm : NULL;
}

int sessile_key_sign(sessile_key *key, const char *algorithm, const void *message, size_t message_size, void *data,
                     size_t size)
{
    const struct key_algorithm *chosen;
    struct writer w = {0};

    if (!key || (!message && message_size) || (!data && size) || !key->is_private)
        return SESSILE_ERR_ARGUMENT;
    if (!(chosen = algorithm ? algorithm_named(key, algorithm) : key_algorithm_best(key->type)))
        return SESSILE_ERR_ARGUMENT;
    if (!size)
        return EVP_PKEY_get_size(key->pkey) + FRAME_MAX;
    return key_done(NULL, key_give(&w, key_sign(key, chosen, message, message_size, &w), data, size));
}

int sessile_key_verify(sessile_key *key, const char *algorithm, const void *message, size_t message_size,
                       const void *signature, size_t signature_size)
{
    const struct key_algorithm *chosen;
    int flags;

    if (!key || (!message && message_size) || !signature)
        return SESSILE_ERR_ARGUMENT;
    chosen = algorithm ? algorithm_named(key, algorithm) : key_algorithm_of_signature(key, signature, signature_size);
    if (!chosen)
        return algorithm ? SESSILE_ERR_ARGUMENT : SESSILE_ERR_VERIFY;
    if (key_verify(key, chosen, message, message_size, signature, signature_size, &flags) < 0)
        return SESSILE_ERR_VERIFY;
    return key->type->security_key && !(flags & KEY_SK_PRESENCE) ? SESSILE_ERR_VERIFY : 0;
}
