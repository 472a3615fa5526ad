/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys leave nothing behind: allocators of libsessile's and of libcrypto's look at each block when it goes, for
 * the private numbers as files have them and as libcrypto does, the other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include <sessile/session.h>

#include "ssh/key/types.h"

/* As much of a number as nothing else has by accident. */
#define PIECE 16
#define PIECES 16

static struct {
    uint8_t pieces[PIECES][PIECE];
    size_t count;
    size_t found;
} secret;

/* ---- Allocators that look ---- */

union head {
    size_t size;
    max_align_t align;
};

static void *looking_alloc(size_t size)
{
    union head *block = malloc(sizeof *block + size);

    if (!block)
        return NULL;
    block->size = size;
    return block + 1;
}

static void looking_free(void *memory)
{
    union head *block = memory;

    if (!memory)
        return;
    for (size_t i = 0; i < secret.count; i++)
        if (memmem(memory, block[-1].size, secret.pieces[i], PIECE))
            secret.found++;
    free(block - 1);
}

static void *looking_realloc(void *memory, size_t size)
{
    union head *block = memory;
    void *moved = looking_alloc(size);

    if (moved && memory) {
        memcpy(moved, memory, block[-1].size < size ? block[-1].size : size);
        looking_free(memory);
    }
    return moved;
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? looking_alloc(size) : NULL;
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size)
        return looking_realloc(memory, size);
    looking_free(memory);
    return NULL;
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    looking_free(memory);
}

/* ---- What they look for ---- */

/* A piece from the middle of a big-endian number, in both directions. */
static void look_for(const uint8_t *number, size_t size)
{
    const uint8_t *piece = number + size / 2 - PIECE / 2;

    assert_true(size >= PIECE && secret.count + 2 <= PIECES);
    memcpy(secret.pieces[secret.count++], piece, PIECE);
    for (size_t i = 0; i < PIECE; i++)
        secret.pieces[secret.count][i] = piece[PIECE - 1 - i];
    secret.count++;
}

static void look_for_number(const sessile_key *key, const char *name)
{
    uint8_t room[KEY_RSA_MAX / 8];
    BIGNUM *number = key_number_of(key->pkey, name);

    assert_non_null(number);
    look_for(room, (size_t)BN_bn2bin(number, room));
    BN_clear_free(number);
}

static void look_for_secrets_of(const sessile_key *key)
{
    uint8_t seed[32];
    size_t size = sizeof seed;

    secret.count = secret.found = 0;
    if (key->type->curve) {
        look_for_number(key, OSSL_PKEY_PARAM_PRIV_KEY);
    } else if (EVP_PKEY_is_a(key->pkey, "RSA")) {
        look_for_number(key, OSSL_PKEY_PARAM_RSA_D);
        look_for_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
        look_for_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
        look_for_number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1);
        look_for_number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
        look_for_number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    } else {
        assert_int_equal(EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, seed, size, &size), 1);
        look_for(seed, size);
    }
    assert_true(secret.count >= 2);
}

/* ---- Tests ---- */

static void private_keys_are_wiped(void **state)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};
    static const char *const names[] = {"alice"};
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        sessile_key *key, *again, *certificate;
        uint8_t signature[KEY_SIGNATURE_MAX];
        struct writer w = {0};
        struct reader r;

        assert_int_equal(sessile_key_generate(types[i], i == 4 ? 2048 : 0, "comment", &key), 0);
        look_for_secrets_of(key);
        key_write_private(key, &w);
        r = reader_of(w.data, w.size);
        assert_int_equal(key_read_private(&r, &again, NULL), 0);
        writer_free(&w);
        assert_true(sessile_key_sign(again, NULL, "x", 1, signature, sizeof signature) > 0);
        assert_int_equal(sessile_certificate_sign(key, again, NULL, SESSILE_CERTIFICATE_USER, 1, "id", names, 1, 0,
                                                  UINT64_MAX, NULL, 0, NULL, 0, &certificate),
                         0);
        sessile_key_free(certificate);
        sessile_key_free(again);
        assert_int_equal(key_from_pkey(key->pkey, 1, &again, NULL), 0);
        sessile_key_free(again);
        sessile_key_free(key);
        assert_int_equal(secret.found, 0);
    }
}

/* Refused halfway: what was read so far goes too. */
static void what_was_read_of_a_bad_key_is_wiped(void **state)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"};
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        struct writer w = {0};
        sessile_key *key, *none;
        struct reader r;

        assert_int_equal(sessile_key_generate(types[i], i == 2 ? 2048 : 0, "comment", &key), 0);
        look_for_secrets_of(key);
        key_write_private(key, &w);
        w.data[w.size - 1] ^= 1;
        r = reader_of(w.data, w.size);
        assert_int_equal(key_read_private(&r, &none, NULL), SESSILE_ERR_ARGUMENT);
        writer_free(&w);
        sessile_key_free(key);
        assert_int_equal(secret.found, 0);
    }
}

/* It would be seen, too. */
static void what_is_not_wiped_is_found(void **state)
{
    struct writer w = {0};
    sessile_key *key;
    char *copy;
    (void)state;

    assert_int_equal(sessile_key_generate("ssh-ed25519", 0, NULL, &key), 0);
    look_for_secrets_of(key);
    key_write_private(key, &w);
    copy = looking_alloc(w.size);
    assert_non_null(copy);
    memcpy(copy, w.data, w.size);
    looking_free(copy);
    assert_int_equal(secret.found, 1);
    writer_free(&w);
    sessile_key_free(key);
    assert_int_equal(secret.found, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_keys_are_wiped),
        cmocka_unit_test(what_was_read_of_a_bad_key_is_wiped),
        cmocka_unit_test(what_is_not_wiped_is_found),
    };

    if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) != 1 ||
        sessile_set_allocator(looking_alloc, looking_realloc, looking_free) != SESSILE_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
