/* SPDX-License-Identifier: Apache-2.0
 *
 * Which group a server takes for group exchange: from a moduli file's text, by size, and only what is fit; and from the
 * groups of RFC 3526 where there is no such file, or none in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include <sessile/error.h>

#include "ssh/transport/moduli.h"

#define TEXT_ROOM 65536

static char text[TEXT_ROOM];

/* A line for a number of that many bits: not a prime, which nobody looks at here, but odd. tail tells them apart. */
static void add_line(unsigned type, unsigned tests, unsigned bits, const char *generator, const char *tail)
{
    char digits[4096];
    size_t count = bits / 4, used = strlen(text);

    memset(digits, '5', count);
    digits[0] = 'C';
    memcpy(digits + count - strlen(tail), tail, strlen(tail) + 1);
    snprintf(text + used, sizeof text - used, "20240101000000 %u %u 100 %u %s %s\n", type, tests, bits - 1, generator,
             digits);
}

static unsigned choose(unsigned minimum, unsigned preferred, unsigned maximum, char tail[8])
{
    BIGNUM *p, *g;
    int result = moduli_choose(text, strlen(text), minimum, preferred, maximum, &p, &g);
    unsigned bits;
    char *digits;

    if (result == SESSILE_ERR_ARGUMENT) {
        assert_null(p);
        assert_null(g);
        return 0;
    }
    assert_int_equal(result, SESSILE_OK);
    bits = (unsigned)BN_num_bits(p);
    digits = BN_bn2hex(p);
    snprintf(tail, 8, "%s", digits + strlen(digits) - 4);
    OPENSSL_free(digits);
    BN_free(p);
    BN_free(g);
    return bits;
}

/* The last digits of RFC 3526's primes. */
static int is_fixed(const char *tail)
{
    return strcmp(tail, "FFFF") == 0;
}

static int clear(void **state)
{
    (void)state;
    text[0] = 0;
    return 0;
}

static void the_smallest_that_is_large_enough_is_taken_else_the_largest(void **state)
{
    char tail[8];

    (void)state;
    add_line(2, 6, 4096, "2", "A001");
    add_line(2, 6, 2048, "2", "A003");
    add_line(2, 6, 3072, "5", "A005");
    assert_int_equal(choose(2048, 3072, 8192, tail), 3072);
    assert_string_equal(tail, "A005");
    assert_int_equal(choose(2048, 3000, 8192, tail), 3072);
    assert_int_equal(choose(2048, 2048, 8192, tail), 2048);
    assert_int_equal(choose(2048, 3073, 8192, tail), 4096);
    assert_int_equal(choose(2048, 8192, 8192, tail), 4096);
    assert_int_equal(choose(2048, 3073, 3100, tail), 3072);
    assert_int_equal(choose(2049, 2049, 3000, tail), 0); /* nor has RFC 3526 one */
}

static void any_of_several_of_a_size_is_taken(void **state)
{
    static const char *const tails[] = {"B001", "B003", "B005"};
    unsigned seen[3] = {0, 0, 0};
    char tail[8];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        add_line(2, 6, 2048, "2", tails[i]);
    for (int n = 0; n < 200; n++) {
        assert_int_equal(choose(2048, 2048, 2048, tail), 2048);
        for (size_t i = 0; i < 3; i++)
            seen[i] += strcmp(tail, tails[i]) == 0;
    }
    assert_true(seen[0] > 10 && seen[1] > 10 && seen[2] > 10);
    assert_int_equal(seen[0] + seen[1] + seen[2], 200);
}

static void what_is_not_a_tested_safe_prime_is_passed_over(void **state)
{
    char tail[8];

    (void)state;
    add_line(4, 6, 3072, "2", "C001"); /* Sophie Germain */
    add_line(2, 7, 3072, "2", "C003"); /* composite */
    add_line(2, 0, 3072, "2", "C005"); /* not tested */
    add_line(2, 1, 3072, "2", "C007");
    assert_int_equal(choose(3072, 3072, 3072, tail), 3072);
    assert_true(is_fixed(tail));
    add_line(2, 6, 3072, "2", "C009");
    assert_int_equal(choose(3072, 3072, 3072, tail), 3072);
    assert_string_equal(tail, "C009");
}

static void lines_that_lie_or_are_none_are_passed_over(void **state)
{
    static const char *const lines[] = {
        "# a comment 2 6 100 3071 2 C5\n",
        "\n",
        "   \t\r\n",
        "20240101000000 2 6 100 3071 2\n",
        "20240101000000 2 6 100 3071 2 ZZ\n",
        "20240101000000 2 6 100 3071 2 -C5\n",
        "20240101000000 2 6 100 3071 2 C5\n",
        "20240101000000 2 6 100 99999999999999999999 2 C5\n",
        "20240101000000 2 6 100 -1 2 C5\n",
        "20240101000000 2 6 100 3071 2 C5 more\n",
        "20240101000000 x 6 100 3071 2 C5\n",
    };
    char tail[8];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        strcat(text, lines[i]);
    add_line(2, 6, 3072, "2", "D000"); /* even */
    add_line(2, 6, 3072, "1", "D001");
    add_line(2, 6, 3072, "0", "D003");
    add_line(2, 6, 3072, "g", "D005");
    for (int n = 0; n < 50; n++) {
        assert_int_equal(choose(3072, 3072, 3072, tail), 3072);
        assert_true(is_fixed(tail));
    }
    add_line(2, 6, 3072, "2", "D007");
    for (int n = 0; n < 50; n++) {
        assert_int_equal(choose(3072, 3072, 3072, tail), 3072);
        assert_string_equal(tail, "D007");
    }
    text[strlen(text) - 1] = 0; /* the last line may end without a newline */
    assert_int_equal(choose(3072, 3072, 3072, tail), 3072);
    assert_string_equal(tail, "D007");
}

static void without_a_file_the_groups_of_the_rfc_are_used(void **state)
{
    static const unsigned sizes[][4] = {
        {2048, 3072, 8192, 3072}, {2048, 2048, 8192, 2048}, {2048, 5000, 8192, 6144}, {2048, 8192, 8192, 8192},
        {2048, 7000, 7000, 6144}, {2048, 2048, 2048, 2048}, {4000, 4000, 5000, 4096}, {2100, 2100, 3000, 0},
    };
    BIGNUM *p, *g;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int result = moduli_choose(NULL, 0, sizes[i][0], sizes[i][1], sizes[i][2], &p, &g);

        assert_int_equal(result, sizes[i][3] ? SESSILE_OK : SESSILE_ERR_ARGUMENT);
        assert_int_equal(p ? BN_num_bits(p) : 0, sizes[i][3]);
        assert_true(!g || BN_is_word(g, 2));
        BN_free(p);
        BN_free(g);
    }
}

static void a_text_of_any_bytes_is_read_to_its_end_and_no_further(void **state)
{
    uint32_t random = 1;
    char tail[8];

    (void)state;
    add_line(2, 6, 2048, "2", "E001");
    for (int n = 0; n < 3000; n++) {
        size_t size = strlen(text);
        char *copy = malloc(size);
        BIGNUM *p, *g;

        assert_non_null(copy);
        memcpy(copy, text, size);
        random = random * 1664525 + 1013904223;
        copy[random % size] = (char)(random >> 24);
        assert_true(moduli_choose(copy, size - random % 7, 2048, 2048, 2048, &p, &g) == SESSILE_OK);
        BN_free(p);
        BN_free(g);
        free(copy);
    }
    assert_int_equal(choose(2048, 2048, 2048, tail), 2048);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_smallest_that_is_large_enough_is_taken_else_the_largest, clear),
        cmocka_unit_test_setup(any_of_several_of_a_size_is_taken, clear),
        cmocka_unit_test_setup(what_is_not_a_tested_safe_prime_is_passed_over, clear),
        cmocka_unit_test_setup(lines_that_lie_or_are_none_are_passed_over, clear),
        cmocka_unit_test_setup(without_a_file_the_groups_of_the_rfc_are_used, clear),
        cmocka_unit_test_setup(a_text_of_any_bytes_is_read_to_its_end_and_no_further, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
