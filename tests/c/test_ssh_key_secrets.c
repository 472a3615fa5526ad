/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys leave nothing behind: allocators of libsessile's and of libcrypto's look at each block when it goes, for
 * the private numbers as files have them and as libcrypto does, the other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/core_names.h>

#include <sessile/session.h>

#include "looking.h"
#include "ssh/key/types.h"

/* ---- What they look for ---- */

/* A piece from the middle of a big-endian number, in both directions. */
static void look_for(const uint8_t *number, size_t size)
{
    const uint8_t *piece = number + size / 2 - LOOKING_PIECE / 2;
    uint8_t reversed[LOOKING_PIECE];

    assert_true(size >= LOOKING_PIECE);
    looking_for(piece);
    for (size_t i = 0; i < LOOKING_PIECE; i++)
        reversed[i] = piece[LOOKING_PIECE - 1 - i];
    looking_for(reversed);
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

    looking_forget();
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
        assert_int_equal(looking_found(), 0);
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
        assert_int_equal(looking_found(), 0);
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
    assert_int_equal(looking_found(), 1);
    writer_free(&w);
    sessile_key_free(key);
    assert_int_equal(looking_found(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_keys_are_wiped),
        cmocka_unit_test(what_was_read_of_a_bad_key_is_wiped),
        cmocka_unit_test(what_is_not_wiped_is_found),
    };

    looking_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
