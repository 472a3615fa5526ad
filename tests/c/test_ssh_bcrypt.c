/* SPDX-License-Identifier: Apache-2.0
 *
 * bcrypt_pbkdf against the vectors of OpenBSD's and pyca's tests; Blowfish's start values against libcrypto's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/blowfish.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <sessile/error.h>

#include "failing.h"
#include "ssh/key/bcrypt_pbkdf.h"
#include "ssh/key/blowfish_pi.h"

#define BYTES(text) (text), sizeof(text) - 1

struct vector {
    const char *passphrase;
    size_t passphrase_size;
    const char *salt;
    size_t salt_size;
    uint32_t rounds;
    const char *key; /* hexadecimal */
};

static const char prose[] =
    "Lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod tempor incididunt ut "
    "labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat "
    "cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum.";

static const struct vector vectors[] = {
    {BYTES("password"), BYTES("salt"), 4, "5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9"},
    {BYTES("password"), BYTES("\0"), 4, "c12b566235eee04c212598970a579a67"},
    {BYTES("\0"), BYTES("salt"), 4, "6051be18c2f4f82cbf0efee5471b4bb9"},
    {BYTES("password\0"), BYTES("salt\0"), 4, "7410e44cf4fa07bfaac8a928b1727fac001375e7bf7384370f48efd121743050"},
    {BYTES("pass\0wor"), BYTES("sa\0l"), 4, "c2bffd9db38f6569efef4372f4de83c0"},
    {BYTES("pass\0word"), BYTES("sa\0lt"), 4, "4ba4ac3925c0e8d7f0cdb6bb1684a56f"},
    {BYTES("password"), BYTES("salt"), 4,
     "5ba4bfc60c7ac272931458407f4c1c4936ea356c55125c5a279b791d65bf9842d49d7e1b572a9052715ebfa9421e7e94"},
    {BYTES("password"), BYTES("salt"), 8,
     "e1367ec5151a33faac4cc1c144cd23fa15d5548493ecc99b9b5d9c0d3b27bec76227ea66088b849b20ab7aa478010246e74bba51723fefa9"
     "f9474d6508845e8d"},
    {BYTES("password"), BYTES("salt"), 42, "833cf0dcf56db65608e8f0dc0ce882bd"},
    {BYTES(prose), BYTES("salis\0"), 8, "10978b07253df57f71a162eb0e8ad30a"},
    {BYTES("\x0d\xb3\xac\x94\xb3\xee\x53\x28\x4f\x4a\x22\x89\x3b\x3c\x24\xae"),
     BYTES("\x3a\x62\xf0\xf0\xdb\xce\xf8\x23\xcf\xcc\x85\x48\x56\xea\x10\x28"), 8, "204438175eee7ce136c91b49a67923ff"},
    {BYTES("\x0d\xb3\xac\x94\xb3\xee\x53\x28\x4f\x4a\x22\x89\x3b\x3c\x24\xae"),
     BYTES("\x3a\x62\xf0\xf0\xdb\xce\xf8\x23\xcf\xcc\x85\x48\x56\xea\x10\x28"), 8,
     "2054b9fff34e3721440334746828e9ed38de4b72e0a69adc170a13b5e8d646385ea4034ae6d26600ee2332c5ed40ad557c86e3403fbb30e4"
     "e1dc1ae06b99a071368f518d2c426651c9e7e437fd6c915b1bbfc3a4cea71491490ea7afb7dd0290a678a4f441128db1792eab2776b21eb4"
     "238e0715add4127dff44e4b3e4cc4c4f9970083f3f74bd698873fdf648844f75c9bf7f9e0c4d9e5d89a7783997492966616707611cb901de"
     "31a19726b6e08c3a8001661f2d5c9dcc33b4aa072f90dd0b3f548d5eeba4211397e2fb062e526e1d68f46a4ce256185b4badc2685fbe78e1"
     "c7657b59f83ab9ab80cf9318d6add1f5933f12d6f36182c8e8115f68030a1244"},
    {BYTES("\xe1\xbd\x88\xce\xb4\xcf\x85\xcf\x83\xcf\x83\xce\xb5\xcf\x8d\xcf\x82"),
     BYTES("\xce\xa4\xce\xb7\xce\xbb\xce\xad\xce\xbc\xce\xb1\xcf\x87\xce\xbf\xcf\x82"), 8,
     "43666c9b09ef33ed8c27e8e8f3e2d8e6"},
};

static int derive(const struct vector *v, uint32_t rounds, uint8_t *key, size_t size)
{
    return bcrypt_pbkdf(v->passphrase, v->passphrase_size, v->salt, v->salt_size, rounds, key, size);
}

static void published_vectors_are_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t key[BCRYPT_KEY_MAX];
        long size = 0;
        unsigned char *expected = OPENSSL_hexstr2buf(vectors[i].key, &size);

        assert_non_null(expected);
        assert_int_equal(derive(&vectors[i], vectors[i].rounds, key, (size_t)size), 0);
        assert_memory_equal(key, expected, (size_t)size);
        OPENSSL_free(expected);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void each_input_changes_the_key(void **state)
{
    const struct vector *v = &vectors[0];
    uint8_t key[32], other[32];

    (void)state;
    assert_int_equal(derive(v, 4, key, sizeof key), 0);
    assert_int_equal(derive(v, 5, other, sizeof other), 0);
    assert_memory_not_equal(key, other, sizeof key);
    assert_int_equal(bcrypt_pbkdf(BYTES("passworD"), BYTES("salt"), 4, other, sizeof other), 0);
    assert_memory_not_equal(key, other, sizeof key);
    assert_int_equal(bcrypt_pbkdf(BYTES("password"), BYTES("sals"), 4, other, sizeof other), 0);
    assert_memory_not_equal(key, other, sizeof key);
}

static void sizes_and_rounds_are_bounded(void **state)
{
    static const char salt[BCRYPT_SALT_MAX + 1] = "salt";
    static uint8_t key[BCRYPT_KEY_MAX + 1];

    (void)state;
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, BCRYPT_SALT_MAX, 1, key, BCRYPT_KEY_MAX), 0);
    memset(key, 0xff, sizeof key);
    assert_int_equal(bcrypt_pbkdf("", 0, salt, 4, 1, key, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(key[0] | key[31], 0);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, 0, 1, key, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, sizeof salt, 1, key, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, 4, 0, key, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, 4, BCRYPT_ROUNDS_MAX + 1, key, 32), SESSILE_ERR_ARGUMENT);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, 4, 1, key, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(bcrypt_pbkdf(BYTES("p"), salt, 4, 1, key, sizeof key), SESSILE_ERR_ARGUMENT);
}

/* libcrypto's schedule for a key, undone: its last pair of words is encrypted under all before it, so that what it must
 * have started from can only be shown by making the same schedule. */
static void start_values_give_libcryptos_schedule(void **state)
{
    static const uint8_t key[16] = "sixteen bytes...";
    BF_KEY ours, theirs;
    BF_LONG block[2] = {0, 0};

    (void)state;
    BF_set_key(&theirs, sizeof key, key);
    memcpy(ours.P, blowfish_pi, sizeof ours.P);
    memcpy(ours.S, blowfish_pi + 18, sizeof ours.S);
    for (size_t i = 0; i < 18 * 4; i++)
        ours.P[i / 4] ^= (BF_LONG)key[i % sizeof key] << 8 * (3 - i % 4);
    for (size_t i = 0; i < 18 + 1024; i += 2) {
        BF_encrypt(block, &ours);
        memcpy(i < 18 ? &ours.P[i] : &ours.S[i - 18], block, sizeof block);
    }
    assert_memory_equal(&ours, &theirs, sizeof ours);
}

static void no_memory_gives_no_key(void **state)
{
    uint8_t key[32];
    size_t failures = 0;

    (void)state;
    for (size_t index = 0;; index++) {
        int r;

        failing_at(FAILING_OPENSSL, index, 0);
        r = derive(&vectors[0], 2, key, sizeof key);
        if (!failing_hit())
            break;
        failing_off();
        ERR_clear_error();
        failures++;
        if (r < 0)
            assert_int_equal(key[0] | key[1] | key[2] | key[3], 0);
    }
    failing_off();
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_are_met),    cmocka_unit_test(each_input_changes_the_key),
        cmocka_unit_test(sizes_and_rounds_are_bounded), cmocka_unit_test(start_values_give_libcryptos_schedule),
        cmocka_unit_test(no_memory_gives_no_key),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
