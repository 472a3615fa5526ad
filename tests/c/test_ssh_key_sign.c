/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of every algorithm: made, checked, and refused where anything about them is not as it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "ssh/key/types.h"

static const char message[] = "what is signed";

static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                    "ssh-rsa"};
#define TYPES (sizeof types / sizeof types[0])
#define RSA 4

/* A key of each type. */
static struct {
    sessile_key *keys[TYPES];
    sessile_key *others[TYPES];
} fixture;

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        int bits = i == RSA ? 2048 : 0;

        assert_int_equal(sessile_key_generate(types[i], bits, NULL, &fixture.keys[i]), 0);
        assert_int_equal(sessile_key_generate(types[i], bits, NULL, &fixture.others[i]), 0);
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        sessile_key_free(fixture.keys[i]);
        sessile_key_free(fixture.others[i]);
    }
    return 0;
}

static sessile_key *key_for(const struct key_algorithm *algorithm)
{
    for (size_t i = 0; i < TYPES; i++)
        if (!strcmp(types[i], algorithm->type->name))
            return fixture.keys[i];
    return NULL;
}

struct signature {
    uint8_t data[KEY_SIGNATURE_MAX];
    size_t size;
};

static void sign(sessile_key *key, const char *algorithm, struct signature *signature)
{
    int bound = sessile_key_sign(key, algorithm, message, sizeof message, NULL, 0);
    int r = sessile_key_sign(key, algorithm, message, sizeof message, signature->data, sizeof signature->data);

    assert_true(r > 0 && r <= bound);
    signature->size = (size_t)r;
}

static int verify(sessile_key *key, const char *algorithm, const struct signature *signature)
{
    uint8_t *copy = malloc(signature->size ? signature->size : 1);
    int r;

    assert_non_null(copy);
    memcpy(copy, signature->data, signature->size);
    r = sessile_key_verify(key, algorithm, message, sizeof message, copy, signature->size);
    assert_int_equal(ERR_peek_error(), 0);
    free(copy);
    return r;
}

/* ---- Each algorithm ---- */

static void every_algorithm_signs_what_it_verifies(void **state)
{
    const struct key_algorithm *algorithm;
    size_t count = 0;
    (void)state;

    for (size_t i = 0; (algorithm = key_algorithm_at(i)) != NULL; i++) {
        sessile_key *key = key_for(algorithm);
        struct signature made;

        if (!key || algorithm->certificate)
            continue;
        count++;
        sign(key, algorithm->name, &made);
        assert_int_equal(verify(key, algorithm->name, &made), 0);
        assert_int_equal(verify(key, NULL, &made), algorithm->insecure ? SESSILE_ERR_VERIFY : 0);
        assert_int_equal(sessile_key_verify(key, algorithm->name, "another", 7, made.data, made.size),
                         SESSILE_ERR_VERIFY);
        made.data[7] ^= 1; /* in the algorithm's name */
        assert_int_equal(verify(key, algorithm->name, &made), SESSILE_ERR_VERIFY);
        assert_int_equal(verify(key, NULL, &made), SESSILE_ERR_VERIFY);
    }
    assert_int_equal(count, 7);
}

static void a_changed_bit_a_missing_or_another_byte_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        struct signature made, bad;

        sign(fixture.keys[i], NULL, &made);
        for (size_t at = 0; at < made.size; at++) {
            bad = made;
            bad.data[at] ^= 1;
            assert_int_equal(verify(fixture.keys[i], NULL, &bad), SESSILE_ERR_VERIFY);
            bad = made;
            bad.size = at;
            assert_int_equal(verify(fixture.keys[i], NULL, &bad), SESSILE_ERR_VERIFY);
        }
        bad = made;
        bad.data[bad.size++] = 0;
        assert_int_equal(verify(fixture.keys[i], NULL, &bad), SESSILE_ERR_VERIFY);
        assert_int_equal(verify(fixture.others[i], NULL, &made), SESSILE_ERR_VERIFY);
        assert_int_equal(verify(fixture.keys[(i + 1) % TYPES], NULL, &made), SESSILE_ERR_VERIFY);
    }
}

static void sha1_is_used_only_by_its_name(void **state)
{
    struct signature made;
    (void)state;

    sign(fixture.keys[RSA], NULL, &made);
    assert_int_equal(verify(fixture.keys[RSA], "rsa-sha2-512", &made), 0);
    assert_int_equal(verify(fixture.keys[RSA], "rsa-sha2-256", &made), SESSILE_ERR_VERIFY);
    assert_int_equal(verify(fixture.keys[RSA], "ssh-rsa", &made), SESSILE_ERR_VERIFY);
    sign(fixture.keys[RSA], "ssh-rsa", &made);
    assert_int_equal(verify(fixture.keys[RSA], NULL, &made), SESSILE_ERR_VERIFY);
    assert_int_equal(verify(fixture.keys[RSA], "rsa-sha2-256", &made), SESSILE_ERR_VERIFY);
    assert_int_equal(verify(fixture.keys[RSA], "ssh-rsa", &made), 0);
}

static void an_algorithm_that_is_not_the_keys_is_an_argument_error(void **state)
{
    static const char *const wrong[] = {
        "", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "none"};
    struct signature made;
    (void)state;

    sign(fixture.keys[0], NULL, &made);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(sessile_key_sign(fixture.keys[0], wrong[i], "x", 1, NULL, 0), SESSILE_ERR_ARGUMENT);
        assert_int_equal(verify(fixture.keys[0], wrong[i], &made), SESSILE_ERR_ARGUMENT);
    }
}

static void nothing_is_written_where_room_is_short(void **state)
{
    uint8_t room[200];
    (void)state;

    memset(room, 'x', sizeof room);
    assert_int_equal(sessile_key_sign(fixture.keys[0], NULL, message, sizeof message, room, 82), 83);
    assert_int_equal(room[0], 'x');
    assert_int_equal(sessile_key_sign(fixture.keys[0], NULL, message, sizeof message, room, 83), 83);
    assert_int_equal(room[0], 0);
    assert_int_equal(room[83], 'x');
    assert_int_equal(sessile_key_sign(fixture.keys[0], NULL, NULL, 0, room, sizeof room), 83);
    assert_int_equal(sessile_key_verify(fixture.keys[0], NULL, NULL, 0, room, 83), 0);
    assert_int_equal(sessile_key_verify(fixture.keys[0], NULL, NULL, 1, room, 83), SESSILE_ERR_ARGUMENT);
}

/* ---- ECDSA's numbers ---- */

static void put_ecdsa(struct signature *out, const void *r, size_t r_size, const void *s, size_t s_size)
{
    struct writer w = writer_in(out->data, sizeof out->data);
    size_t begin;

    put_text32(&w, "ecdsa-sha2-nistp256");
    begin = put_begin32(&w);
    put_sized32(&w, r, r_size);
    put_sized32(&w, s, s_size);
    put_end32(&w, begin);
    assert_false(w.failed);
    out->size = w.size;
}

static void ecdsa_numbers_are_canonical_and_in_range(void **state)
{
    struct signature made, bad;
    struct reader whole, inner, r, s;
    uint8_t longer[40] = {0};
    (void)state;

    sign(fixture.keys[1], NULL, &made);
    whole = reader_of(made.data, made.size);
    get_sub32(&whole);
    inner = get_sub32(&whole);
    r = get_sub32(&inner);
    s = get_sub32(&inner);
    put_ecdsa(&bad, r.data, r.left, s.data, s.left);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), 0);
    memcpy(longer + 1, r.data, r.left); /* a needless zero in front */
    put_ecdsa(&bad, longer, r.left + 1, s.data, s.left);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    put_ecdsa(&bad, "", 0, s.data, s.left);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    put_ecdsa(&bad, r.data, r.left, "", 0);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    put_ecdsa(&bad, "", 0, "", 0);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    put_ecdsa(&bad, "\xff", 1, s.data, s.left); /* negative */
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    memset(longer, 0x7f, sizeof longer);
    put_ecdsa(&bad, longer, 33, s.data, s.left);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    put_ecdsa(&bad, s.data, s.left, r.data, r.left);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
}

/* The group's order added to a number makes the same signature modulo it, which must not count as another one. */
static void ecdsa_numbers_over_the_order_are_refused(void **state)
{
    static const char order[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    struct signature made, bad;
    struct reader whole, inner, r, s;
    BIGNUM *n = NULL, *number = BN_new();
    struct writer w = {0};
    (void)state;

    assert_non_null(number);
    assert_true(BN_hex2bn(&n, order) > 0);
    sign(fixture.keys[1], NULL, &made);
    whole = reader_of(made.data, made.size);
    get_sub32(&whole);
    inner = get_sub32(&whole);
    r = get_sub32(&inner);
    s = get_sub32(&inner);
    assert_non_null(BN_bin2bn(s.data, (int)s.left, number));
    assert_int_equal(BN_add(number, number, n), 1);
    key_put_number(&w, number);
    put_ecdsa(&bad, r.data, r.left, w.data + 4, w.size - 4);
    assert_int_equal(verify(fixture.keys[1], NULL, &bad), SESSILE_ERR_VERIFY);
    writer_free(&w);
    BN_free(number);
    BN_free(n);
}

/* ---- RSA's width ---- */

static void put_rsa(struct signature *out, const void *data, size_t size)
{
    struct writer w = writer_in(out->data, sizeof out->data);

    put_text32(&w, "rsa-sha2-512");
    put_sized32(&w, data, size);
    assert_false(w.failed);
    out->size = w.size;
}

/* One signature of 256 starts with a zero byte: RSA signatures are deterministic, so the messages differ. */
static void rsa_signatures_may_leave_out_zeros_in_front(void **state)
{
    struct signature made, bad;
    uint8_t longer[300] = {0};
    struct reader inner;
    uint32_t number = 0;
    int r;
    (void)state;

    do {
        struct reader whole;

        number++;
        r = sessile_key_sign(fixture.keys[RSA], NULL, &number, sizeof number, made.data, sizeof made.data);
        assert_true(r > 0);
        whole = reader_of(made.data, (size_t)r);
        get_sub32(&whole);
        inner = get_sub32(&whole);
    } while (inner.data[0]);
    put_rsa(&bad, inner.data + 1, inner.left - 1);
    assert_int_equal(sessile_key_verify(fixture.keys[RSA], NULL, &number, sizeof number, bad.data, bad.size), 0);
    put_rsa(&bad, inner.data, inner.left - 1);
    assert_int_equal(sessile_key_verify(fixture.keys[RSA], NULL, &number, sizeof number, bad.data, bad.size),
                     SESSILE_ERR_VERIFY);
    memcpy(longer + 1, inner.data, inner.left);
    put_rsa(&bad, longer, inner.left + 1);
    assert_int_equal(sessile_key_verify(fixture.keys[RSA], NULL, &number, sizeof number, bad.data, bad.size),
                     SESSILE_ERR_VERIFY);
    put_rsa(&bad, "", 0);
    assert_int_equal(sessile_key_verify(fixture.keys[RSA], NULL, &number, sizeof number, bad.data, bad.size),
                     SESSILE_ERR_VERIFY);
}

/* ---- Security keys ---- */

/* The public key of a security key with the point of another. */
static sessile_key *make_security_key(const char *type, sessile_key *of)
{
    struct reader r = reader_of(of->blob, of->blob_size);
    struct writer w = {0};
    sessile_key *key;

    get_sub32(&r);
    put_text32(&w, type);
    put_bytes(&w, r.data, r.left);
    put_text32(&w, "ssh:");
    assert_int_equal(sessile_key_from_blob(w.data, w.size, &key, NULL, 0), 0);
    writer_free(&w);
    return key;
}

/* What a token does. */
static void token_sign(sessile_key *token, sessile_key *secret, uint8_t flags, uint32_t counter, struct signature *out)
{
    struct writer w = writer_in(out->data, sizeof out->data);
    const EVP_MD *digest = secret->type->curve ? EVP_sha256() : NULL;
    uint8_t said[KEY_SK_SIGNED];
    size_t begin;

    assert_int_equal(security_key_signed(token, flags, counter, message, sizeof message, said), 0);
    put_text32(&w, token->type->name);
    begin = put_begin32(&w);
    assert_int_equal(secret->type->sign(secret, digest, said, sizeof said, &w), 0);
    put_end32(&w, begin);
    put_u8(&w, flags);
    put_u32(&w, counter);
    assert_false(w.failed);
    out->size = w.size;
}

static const char *const token_types[] = {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"};

static void security_keys_say_their_flags(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sessile_key *token = make_security_key(token_types[i], fixture.keys[i]);
        const struct key_algorithm *algorithm = key_algorithm_best(token->type);
        struct signature made;

        for (unsigned flags = 0; flags < 256; flags += i ? 51 : 1) {
            int said = -1;

            token_sign(token, fixture.keys[i], (uint8_t)flags, 7 * flags, &made);
            assert_int_equal(key_verify(token, algorithm, message, sizeof message, made.data, made.size, &said), 0);
            assert_int_equal(said, flags);
            /* Without a person's touch the public function refuses. */
            assert_int_equal(verify(token, NULL, &made), flags & KEY_SK_PRESENCE ? 0 : SESSILE_ERR_VERIFY);
            assert_int_equal(verify(token, token_types[i], &made), flags & KEY_SK_PRESENCE ? 0 : SESSILE_ERR_VERIFY);
        }
        assert_int_equal(sessile_key_sign(token, NULL, "x", 1, NULL, 0), SESSILE_ERR_ARGUMENT);
        sessile_key_free(token);
    }
}

static void security_keys_signatures_are_bound_to_all_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sessile_key *token = make_security_key(token_types[i], fixture.keys[i]);
        const struct key_algorithm *algorithm = key_algorithm_best(token->type);
        struct signature made, bad;
        int said;

        token_sign(token, fixture.keys[i], 1, 42, &made);
        assert_int_equal(verify(token, NULL, &made), 0);
        for (size_t at = 0; at < made.size; at++) {
            bad = made;
            bad.data[at] ^= 4;
            said = 99;
            assert_int_equal(key_verify(token, algorithm, message, sizeof message, bad.data, bad.size, &said),
                             SESSILE_ERR_VERIFY);
            assert_int_equal(said, 0);
            bad = made;
            bad.size = at;
            assert_int_equal(verify(token, NULL, &bad), SESSILE_ERR_VERIFY);
        }
        bad = made;
        bad.data[bad.size++] = 0;
        assert_int_equal(verify(token, NULL, &bad), SESSILE_ERR_VERIFY);
        sessile_key_free(token);
    }
}

/* The key under the security key has signed, but not as a token does. */
static void a_plain_signature_is_none_of_a_security_key(void **state)
{
    sessile_key *token = make_security_key(token_types[0], fixture.keys[0]);
    struct signature made, renamed;
    struct reader r;
    struct writer w = writer_in(renamed.data, sizeof renamed.data);
    (void)state;

    sign(fixture.keys[0], NULL, &made);
    assert_int_equal(verify(token, NULL, &made), SESSILE_ERR_VERIFY);
    r = reader_of(made.data, made.size);
    get_sub32(&r);
    put_text32(&w, token_types[0]);
    put_bytes(&w, r.data, r.left);
    renamed.size = w.size;
    assert_int_equal(verify(token, NULL, &renamed), SESSILE_ERR_VERIFY);
    put_u8(&w, 1);
    put_u32(&w, 1);
    renamed.size = w.size;
    assert_int_equal(verify(token, NULL, &renamed), SESSILE_ERR_VERIFY);
    sessile_key_free(token);
}

/* ---- The table ---- */

static void the_table_of_algorithms_is_consistent(void **state)
{
    const struct key_algorithm *algorithm;
    int seen_insecure = 0;
    (void)state;

    for (size_t i = 0; (algorithm = key_algorithm_at(i)) != NULL; i++) {
        int certificate;

        assert_ptr_equal(key_algorithm_find(algorithm->name, strlen(algorithm->name)), algorithm);
        assert_null(key_algorithm_find(algorithm->name, strlen(algorithm->name) - 1));
        assert_int_equal(algorithm->certificate, strstr(algorithm->name, "-cert-v01@openssh.com") != NULL);
        assert_true(!seen_insecure || algorithm->insecure);
        seen_insecure = algorithm->insecure;
        /* The names of types are algorithms too, but not of RSA's the other way. */
        if (key_type_find(algorithm->name, strlen(algorithm->name), &certificate))
            assert_int_equal(certificate, algorithm->certificate);
        else
            assert_string_equal(algorithm->type->name, "ssh-rsa");
    }
    assert_null(key_algorithm_find("", 0));
    assert_null(key_algorithm_find(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_signs_what_it_verifies),
        cmocka_unit_test(a_changed_bit_a_missing_or_another_byte_is_refused),
        cmocka_unit_test(sha1_is_used_only_by_its_name),
        cmocka_unit_test(an_algorithm_that_is_not_the_keys_is_an_argument_error),
        cmocka_unit_test(nothing_is_written_where_room_is_short),
        cmocka_unit_test(ecdsa_numbers_are_canonical_and_in_range),
        cmocka_unit_test(ecdsa_numbers_over_the_order_are_refused),
        cmocka_unit_test(rsa_signatures_may_leave_out_zeros_in_front),
        cmocka_unit_test(security_keys_say_their_flags),
        cmocka_unit_test(security_keys_signatures_are_bound_to_all_they_say),
        cmocka_unit_test(a_plain_signature_is_none_of_a_security_key),
        cmocka_unit_test(the_table_of_algorithms_is_consistent),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
