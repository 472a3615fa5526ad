/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys without memory: each allocation of each function, libsessile's and libcrypto's, fails once. There is no half key
 * then, nothing leaks, and a signature that could not be checked is not good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "failing.h"
#include "ssh/key/types.h"
#include "ssh_key_material.h"

/* What the operations work on. */
static struct {
    sessile_key *keys[5];
    sessile_key *certificate;
    uint8_t signature[5][KEY_SIGNATURE_MAX];
    size_t signature_size[5];
    struct writer private[5];
    const char *text;
    size_t index;
} given;

/* Returns 0 or more, or what failed. */
typedef int (*operation)(void);

/* A key is there where nothing failed; it is freed. */
static int freed(int r, sessile_key **key)
{
    assert_int_equal(r < 0, *key == NULL);
    sessile_key_free(*key);
    return r;
}

static int read_text(void)
{
    sessile_key *key = NULL;
    char why[100];
    int r = sessile_key_read_public(given.text, strlen(given.text), &key, why, sizeof why);

    assert_int_equal(r < 0, why[0] != 0);
    return freed(r, &key);
}

static int read_private(void)
{
    struct reader r = reader_of(given.private[given.index].data, given.private[given.index].size);
    sessile_key *key = NULL;

    return key_done(NULL, freed(key_read_private(&r, &key, NULL), &key));
}

static int convert(void)
{
    sessile_key *key = NULL;

    return key_done(NULL, freed(key_from_pkey(given.keys[given.index]->pkey, 1, &key, NULL), &key));
}

static int generate(void)
{
    sessile_key *key = NULL;

    return freed(sessile_key_generate(given.keys[given.index]->type->name, 0, "comment", &key), &key);
}

static int sign(void)
{
    uint8_t room[KEY_SIGNATURE_MAX];

    return sessile_key_sign(given.keys[given.index], NULL, "x", 1, room, sizeof room);
}

static int verify(void)
{
    return sessile_key_verify(given.keys[given.index], NULL, "x", 1, given.signature[given.index],
                              given.signature_size[given.index]);
}

static int write_line(void)
{
    char room[4096];

    return sessile_key_write_public(given.keys[given.index], SESSILE_KEY_LINE, room, sizeof room);
}

static int write_rfc4716(void)
{
    char room[4096];

    return sessile_key_write_public(given.keys[given.index], SESSILE_KEY_RFC4716, room, sizeof room);
}

static int write_pem(void)
{
    char room[4096];

    return sessile_key_write_public(given.keys[given.index], SESSILE_KEY_PUBLIC_PEM, room, sizeof room);
}

static int fingerprint(void)
{
    char room[100];

    return sessile_key_fingerprint(given.keys[given.index], SESSILE_FINGERPRINT_SHA256, room, sizeof room);
}

static int randomart(void)
{
    char room[1000];

    return sessile_key_randomart(given.keys[given.index], SESSILE_FINGERPRINT_SHA256, room, sizeof room);
}

static int make_certificate(void)
{
    static const char *const names[] = {"alice", "bob"};
    sessile_key *key = NULL;

    int r = sessile_certificate_sign(given.keys[given.index], given.keys[0], NULL, SESSILE_CERTIFICATE_USER, 1, "id",
                                     names, 2, 0, UINT64_MAX, NULL, 0, NULL, 0, &key);

    return freed(r, &key);
}

static int join(void)
{
    sessile_key *key = NULL;

    return freed(sessile_key_with_certificate(given.keys[0], given.certificate, &key), &key);
}

static int check(void)
{
    return sessile_certificate_check(given.certificate, SESSILE_CERTIFICATE_USER, "alice", NULL, 1, NULL, 0);
}

/* ---- Each with every allocation failing ---- */

/* With libcrypto's failures the code may be another, and it may do without what it asked for. */
static void fail_each(operation run, int which, int code)
{
    size_t index, ours;

    failing_off();
    assert_true(run() >= 0); /* once before: libcrypto keeps what it has looked up */
    for (index = 0;; index++) {
        int r;

        ours = failing_blocks(FAILING_OURS);
        failing_at(which, index, 0);
        r = run();
        if (!failing_hit()) {
            assert_true(r >= 0);
            break;
        }
        failing_off();
        if (which == FAILING_OURS)
            assert_int_equal(r, code);
        assert_int_equal(failing_blocks(FAILING_OURS), ours);
        assert_int_equal(ERR_peek_error(), 0);
    }
    failing_off();
    assert_true(index > 0 || which == FAILING_OURS);
}

static void fail_all(operation run, int code)
{
    fail_each(run, FAILING_OURS, code);
    fail_each(run, FAILING_OPENSSL, code);
}

static void reading_survives(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        given.text = material_keys[i].line;
        fail_all(read_text, SESSILE_ERR_MEMORY);
        given.text = material_keys[i].certificate;
        fail_all(read_text, SESSILE_ERR_MEMORY);
    }
    given.text = material_rfc4716_certificate;
    fail_all(read_text, SESSILE_ERR_MEMORY);
    given.text = material_rsa_pem;
    fail_all(read_text, SESSILE_ERR_MEMORY);
    given.text = material_p256_spki;
    fail_all(read_text, SESSILE_ERR_MEMORY);
}

static void private_keys_survive(void **state)
{
    (void)state;
    for (given.index = 0; given.index < 5; given.index++) {
        fail_all(read_private, SESSILE_ERR_MEMORY);
        fail_all(convert, SESSILE_ERR_MEMORY);
        if (given.index != 4) /* primes are found at random: no two runs allocate the same */
            fail_all(generate, SESSILE_ERR_MEMORY);
    }
}

static void signatures_survive(void **state)
{
    (void)state;
    for (given.index = 0; given.index < 5; given.index++) {
        fail_all(sign, SESSILE_ERR_MEMORY);
        fail_all(verify, SESSILE_ERR_VERIFY);
    }
}

/* No failure makes a bad signature good. */
static void a_bad_signature_stays_bad(void **state)
{
    (void)state;
    for (given.index = 0; given.index < 5; given.index++) {
        given.signature[given.index][given.signature_size[given.index] - 1] ^= 1;
        for (int which = FAILING_OURS; which <= FAILING_OPENSSL; which++)
            for (int forever = 0, more = 1; forever < 2; forever++, more = 1)
                for (size_t at = 0; more; at++) {
                    failing_at(which, at, forever);
                    assert_int_equal(verify(), SESSILE_ERR_VERIFY);
                    more = failing_hit();
                    failing_off();
                }
        given.signature[given.index][given.signature_size[given.index] - 1] ^= 1;
    }
}

static void writing_survives(void **state)
{
    (void)state;
    for (given.index = 0; given.index < 5; given.index++) {
        fail_each(write_line, FAILING_OURS, SESSILE_ERR_MEMORY);
        fail_each(write_rfc4716, FAILING_OURS, SESSILE_ERR_MEMORY);
        fail_all(write_pem, SESSILE_ERR_MEMORY);
        fail_all(fingerprint, SESSILE_ERR_MEMORY);
        fail_all(randomart, SESSILE_ERR_MEMORY);
    }
}

static void certificates_survive(void **state)
{
    (void)state;
    for (given.index = 0; given.index < 5; given.index++)
        fail_all(make_certificate, SESSILE_ERR_MEMORY);
    fail_each(join, FAILING_OURS, SESSILE_ERR_MEMORY);
    fail_all(check, SESSILE_ERR_VERIFY);
}

static int make_given(void **state)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};
    static const char *const names[] = {"alice"};
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        int r;

        assert_int_equal(sessile_key_generate(types[i], i == 4 ? 2048 : 0, "comment", &given.keys[i]), 0);
        r = sessile_key_sign(given.keys[i], NULL, "x", 1, given.signature[i], KEY_SIGNATURE_MAX);
        assert_true(r > 0);
        given.signature_size[i] = (size_t)r;
        key_write_private(given.keys[i], &given.private[i]);
        assert_false(given.private[i].failed);
    }
    assert_int_equal(sessile_certificate_sign(given.keys[0], given.keys[0], NULL, SESSILE_CERTIFICATE_USER, 1, "id",
                                              names, 1, 0, UINT64_MAX, NULL, 0, NULL, 0, &given.certificate),
                     0);
    return 0;
}

static int free_given(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        sessile_key_free(given.keys[i]);
        writer_free(&given.private[i]);
    }
    sessile_key_free(given.certificate);
    assert_int_equal(failing_blocks(FAILING_OURS), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives),   cmocka_unit_test(private_keys_survive),
        cmocka_unit_test(signatures_survive), cmocka_unit_test(a_bad_signature_stays_bad),
        cmocka_unit_test(writing_survives),   cmocka_unit_test(certificates_survive),
    };

    failing_install();
    return cmocka_run_group_tests(tests, make_given, free_given);
}
