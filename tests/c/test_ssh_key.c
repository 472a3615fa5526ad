/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys: lines, wire form, RFC 4716, PEM, fingerprints; what is refused; private fields. Against what ssh-keygen
 * made and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/key/base64.h"
#include "ssh/key/types.h"
#include "ssh_key_material.h"

static char why[256];

static sessile_key *read_key(const char *text)
{
    sessile_key *key;
    int r = sessile_key_read_public(text, strlen(text), &key, why, sizeof why);

    if (r)
        fail_msg("%d: %s", r, why);
    assert_string_equal(why, "");
    return key;
}

/* The text is refused with this code, and the sentence says part. */
static void refuse_text(const char *text, int code, const char *part)
{
    sessile_key *key = (sessile_key *)(uintptr_t)1;

    assert_int_equal(sessile_key_read_public(text, strlen(text), &key, why, sizeof why), code);
    assert_null(key);
    if (!strstr(why, part))
        fail_msg("'%s' is not in: %s", part, why);
    assert_int_equal(ERR_peek_error(), 0);
}

static void refuse_blob(const struct writer *w, int code, const char *part)
{
    sessile_key *key = (sessile_key *)(uintptr_t)1;
    uint8_t *copy = malloc(w->size ? w->size : 1);

    assert_non_null(copy);
    assert_false(w->failed);
    memcpy(copy, w->data, w->size);
    assert_int_equal(sessile_key_from_blob(copy, w->size, &key, why, sizeof why), code);
    assert_null(key);
    if (!strstr(why, part))
        fail_msg("'%s' is not in: %s", part, why);
    assert_int_equal(ERR_peek_error(), 0);
    free(copy);
}

/* What a function that writes has to write, in the caller's own memory; it asks for the length first. */
#define WRITTEN(out, call)                                                                                             \
    do {                                                                                                               \
        void *data = NULL;                                                                                             \
        size_t size = 0;                                                                                               \
        int whole = call;                                                                                              \
                                                                                                                       \
        assert_true(whole >= 0);                                                                                       \
        assert_non_null((out) = data = calloc(1, (size_t)whole + 1));                                                  \
        size = (size_t)whole;                                                                                          \
        assert_int_equal(call, whole);                                                                                 \
        if (whole) {                                                                                                   \
            memset(data, 'x', size--);                                                                                 \
            assert_int_equal(call, whole);                                                                             \
            assert_int_equal(((char *)data)[0], 'x');                                                                  \
            size++;                                                                                                    \
            assert_int_equal(call, whole);                                                                             \
        }                                                                                                              \
    } while (0)

/* ---- What ssh-keygen made ---- */

static void keys_are_what_ssh_keygen_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        const struct material_key *made = &material_keys[i];
        sessile_key *key = read_key(made->line);
        char *text;

        assert_string_equal(sessile_key_type(key), made->type);
        assert_int_equal(sessile_key_bits(key), made->bits);
        assert_string_equal(sessile_key_comment(key), made->comment);
        assert_false(sessile_key_is_private(key));
        assert_false(sessile_key_has_certificate(key));
        WRITTEN(text, sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, data, size));
        assert_string_equal(text, made->sha256);
        free(text);
        WRITTEN(text, sessile_key_fingerprint(key, SESSILE_FINGERPRINT_MD5, data, size));
        assert_string_equal(text, made->md5);
        free(text);
        WRITTEN(text, sessile_key_randomart(key, SESSILE_FINGERPRINT_SHA256, data, size));
        assert_string_equal(text, made->picture);
        free(text);
        assert_int_equal(sessile_key_fingerprint(key, 3, NULL, 0), SESSILE_ERR_ARGUMENT);
        assert_int_equal(sessile_key_randomart(key, 0, NULL, 0), SESSILE_ERR_ARGUMENT);
        sessile_key_free(key);
    }
}

static void certificates_have_the_fingerprint_of_their_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].certificate), *plain = read_key(material_keys[i].line);
        char *text;

        assert_string_equal(sessile_key_type(key), material_keys[i].type);
        assert_true(sessile_key_has_certificate(key));
        assert_true(sessile_key_equal(key, plain));
        WRITTEN(text, sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, data, size));
        assert_string_equal(text, material_keys[i].sha256);
        free(text);
        WRITTEN(text, sessile_key_randomart(key, SESSILE_FINGERPRINT_SHA256, data, size));
        assert_string_equal(text, material_keys[i].certificate_picture);
        free(text);
        sessile_key_free(key);
        sessile_key_free(plain);
    }
}

static void lines_are_written_as_they_were_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        const char *lines[] = {material_keys[i].line, material_keys[i].certificate};

        for (size_t n = 0; n < 2; n++) {
            sessile_key *key = read_key(lines[n]);
            char *text;

            WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_LINE, data, size));
            assert_string_equal(text, lines[n]);
            free(text);
            sessile_key_free(key);
        }
    }
}

static void keys_come_back_from_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].line), *again;
        char *text;

        WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_RFC4716, data, size));
        again = read_key(text);
        assert_true(sessile_key_equal(key, again));
        assert_string_equal(sessile_key_comment(again), material_keys[i].comment);
        sessile_key_free(again);
        free(text);
        if (strncmp(material_keys[i].type, "sk-", 3) != 0) {
            WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_PUBLIC_PEM, data, size));
            again = read_key(text);
            assert_true(sessile_key_equal(key, again));
            sessile_key_free(again);
            free(text);
        } else {
            assert_int_equal(sessile_key_write_public(key, SESSILE_KEY_PUBLIC_PEM, NULL, 0), SESSILE_ERR_UNSUPPORTED);
        }
        assert_int_equal(sessile_key_write_public(key, 4, NULL, 0), SESSILE_ERR_ARGUMENT);
        sessile_key_free(key);
    }
}

static void files_of_other_forms_hold_the_same_keys(void **state)
{
    static const struct {
        const char *text;
        size_t key;
        int certificate;
        const char *comment;
    } cases[] = {
        {material_rsa_pem, 4, 0, ""},
        {material_rsa_spki, 4, 0, ""},
        {material_p256_spki, 1, 0, ""},
        {material_rfc4716, 0, 0, "256-bit ED25519, converted by somebody@example from OpenSSH"},
        {material_rfc4716_certificate, 0, 1, "256-bit ED25519-CERT, converted by somebody@example from OpenSSH"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sessile_key *key = read_key(cases[i].text), *same = read_key(material_keys[cases[i].key].line);

        assert_true(sessile_key_equal(key, same));
        assert_int_equal(sessile_key_has_certificate(key), cases[i].certificate);
        assert_string_equal(sessile_key_comment(key), cases[i].comment);
        sessile_key_free(key);
        sessile_key_free(same);
    }
}

static void blobs_are_the_wire_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].certificate), *plain = read_key(material_keys[i].line), *again;
        uint8_t *blob, *certificate;
        int length = sessile_key_blob(plain, 0, NULL, 0), longer = sessile_key_blob(key, 1, NULL, 0);

        WRITTEN(blob, sessile_key_blob(key, 0, data, size));
        assert_int_equal(sessile_key_blob(key, 0, NULL, 0), length);
        assert_int_equal(sessile_key_blob(plain, 1, NULL, 0), length);
        assert_int_equal(sessile_key_from_blob(blob, (size_t)length, &again, NULL, 0), 0);
        assert_true(sessile_key_equal(again, plain));
        sessile_key_free(again);
        WRITTEN(certificate, sessile_key_blob(key, 1, data, size));
        assert_true(longer > length);
        assert_int_equal(sessile_key_from_blob(certificate, (size_t)longer, &again, NULL, 0), 0);
        assert_true(sessile_key_has_certificate(again));
        sessile_key_free(again);
        free(blob);
        free(certificate);
        sessile_key_free(key);
        sessile_key_free(plain);
    }
}

/* ---- What is refused ---- */

static void a_blob_cut_short_or_followed_by_bytes_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].certificate), *none;

        for (int certificate = 0; certificate < 2; certificate++) {
            size_t length = (size_t)sessile_key_blob(key, certificate, NULL, 0);
            uint8_t *blob = calloc(1, length + 1), *cut;

            assert_non_null(blob);
            sessile_key_blob(key, certificate, blob, length);
            for (size_t size = 0; size < length; size++) {
                int r;

                assert_non_null(cut = malloc(size ? size : 1));
                memcpy(cut, blob, size);
                r = sessile_key_from_blob(cut, size, &none, why, sizeof why);
                assert_int_equal(r, SESSILE_ERR_ARGUMENT);
                assert_true(why[0]);
                assert_null(none);
                free(cut);
            }
            assert_int_equal(sessile_key_from_blob(blob, length + 1, &none, why, sizeof why), SESSILE_ERR_ARGUMENT);
            assert_non_null(strstr(why, "follow"));
            free(blob);
        }
        sessile_key_free(key);
    }
}

static void lines_that_are_not_keys_are_refused(void **state)
{
    const char *good = material_keys[0].line + strlen("ssh-ed25519 ");
    char text[4096];
    (void)state;

    refuse_text("", SESSILE_ERR_ARGUMENT, "no key");
    refuse_text("\n\n# only a comment\n", SESSILE_ERR_ARGUMENT, "no key");
    refuse_text("ssh-ed25519", SESSILE_ERR_ARGUMENT, "too short");
    refuse_text("ssh-ed25519 AAAA", SESSILE_ERR_ARGUMENT, "too short");
    refuse_text("ssh-ed25519 AAA", SESSILE_ERR_ARGUMENT, "base64");
    refuse_text("ssh-ed25519 AAAA!AAA", SESSILE_ERR_ARGUMENT, "base64");
    refuse_text("ssh-dss AAAA", SESSILE_ERR_UNSUPPORTED, "'ssh-dss'");
    refuse_text("\x1b[2J AAAA", SESSILE_ERR_UNSUPPORTED, "'\\x1b[2J'");
    refuse_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", SESSILE_ERR_UNSUPPORTED, "PEM");
    snprintf(text, sizeof text, "ssh-rsa %s", good);
    refuse_text(text, SESSILE_ERR_ARGUMENT, "the line says 'ssh-rsa', and its key is of the type ssh-ed25519");
    snprintf(text, sizeof text, "ssh-ed25519-cert-v01@openssh.com %s", good);
    refuse_text(text, SESSILE_ERR_ARGUMENT, "its key is of the type ssh-ed25519");
    snprintf(text, sizeof text, "%.*s %02000d", (int)strcspn(material_keys[0].line, "\n"), material_keys[0].line, 1);
    refuse_text(text, SESSILE_ERR_ARGUMENT, "comment has 2016 bytes, and at most 1024");
    refuse_text(material_rsa_1024, SESSILE_ERR_ARGUMENT, "1024 bits, and 2048 to 16384 are allowed");
    refuse_text(material_rsa_1024_spki, SESSILE_ERR_ARGUMENT, "1024 bits");
}

static void files_that_are_broken_are_refused(void **state)
{
    char text[8192];
    (void)state;

    snprintf(text, sizeof text, "%.100s", material_rfc4716);
    refuse_text(text, SESSILE_ERR_ARGUMENT, "END SSH2 PUBLIC KEY");
    snprintf(text, sizeof text, "%.100s", material_rsa_spki);
    refuse_text(text, SESSILE_ERR_ARGUMENT, "END PUBLIC KEY");
    refuse_text("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", SESSILE_ERR_ARGUMENT, "no public key");
    refuse_text("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", SESSILE_ERR_ARGUMENT, "no public key");
    refuse_text("-----BEGIN PUBLIC KEY-----\n$$$$\n-----END PUBLIC KEY-----\n", SESSILE_ERR_ARGUMENT, "base64");
    refuse_text("---- BEGIN SSH2 PUBLIC KEY ----\n---- END SSH2 PUBLIC KEY ----\n", SESSILE_ERR_ARGUMENT, "too short");
    /* A key with rubbish behind it, which a decoder of DER alone would not see. */
    snprintf(text, sizeof text,
             "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAT8KsmWRvz38Aezg4KCpEnuiiA/Cnob2L4K5EDvIsR3gA\n"
             "-----END PUBLIC KEY-----\n");
    refuse_text(text, SESSILE_ERR_ARGUMENT, "bytes follow");
    /* X25519: a key, but none that signs. */
    refuse_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAT8KsmWRvz38Aezg4KCpEnuiiA/Cnob2L4K5EDvIsR3g=\n"
                "-----END PUBLIC KEY-----\n",
                SESSILE_ERR_UNSUPPORTED, "no type that SSH has");
}

static void a_text_over_its_limit_is_refused(void **state)
{
    char *text = malloc(KEY_FILE_MAX + 1);
    sessile_key *key;
    (void)state;

    assert_non_null(text);
    memset(text, '\n', KEY_FILE_MAX + 1);
    memcpy(text, material_keys[0].line, strlen(material_keys[0].line));
    assert_int_equal(sessile_key_read_public(text, KEY_FILE_MAX, &key, NULL, 0), 0);
    sessile_key_free(key);
    assert_int_equal(sessile_key_read_public(text, KEY_FILE_MAX + 1, &key, why, sizeof why), SESSILE_ERR_ARGUMENT);
    assert_non_null(strstr(why, "262145 bytes, and at most 262144"));
    assert_int_equal(sessile_key_from_blob(text, KEY_BLOB_MAX + 1, &key, why, sizeof why), SESSILE_ERR_ARGUMENT);
    assert_non_null(strstr(why, "65537 bytes, and at most 65536"));
    free(text);
}

static void arguments_are_checked(void **state)
{
    sessile_key *key = read_key(material_keys[0].line), *none;
    (void)state;

    assert_int_equal(sessile_key_read_public(NULL, 1, &none, why, sizeof why), SESSILE_ERR_ARGUMENT);
    assert_true(why[0]);
    assert_int_equal(sessile_key_read_public("", 0, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_from_blob(NULL, 1, &none, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_blob(key, 0, NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_fingerprint(key, SESSILE_FINGERPRINT_MD5, NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_sign(key, NULL, "x", 1, why, sizeof why), SESSILE_ERR_ARGUMENT);
    assert_false(sessile_key_equal(key, NULL));
    assert_string_equal(sessile_key_type(NULL), "");
    sessile_key_free(NULL);
    assert_ptr_equal(sessile_key_keep(key), key);
    sessile_key_free(key);
    assert_string_equal(sessile_key_type(key), "ssh-ed25519");
    sessile_key_free(key);
}

/* ---- Hostile numbers ---- */

static void put_ones(struct writer *w, size_t bits, int last)
{
    size_t size = (bits + 7) / 8;
    uint8_t *number = malloc(size);

    assert_non_null(number);
    memset(number, 0xff, size);
    number[0] = (uint8_t)(0xff >> (size * 8 - bits));
    number[size - 1] = (uint8_t)(last ? 0xff : 0xfe);
    put_mpint(w, number, size);
    free(number);
}

static void rsa_numbers_are_bounded(void **state)
{
    static const struct {
        const char *exponent;
        size_t exponent_size;
        size_t bits;
        int odd;
        const char *part; /* NULL: taken */
    } cases[] = {
        {"\3", 1, 2048, 1, NULL},
        {"\1\0\1", 3, 16384, 1, NULL},
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, 2048, 1, NULL},
        {"\1\0\1", 3, 2047, 1, "2047 bits"},
        {"\1\0\1", 3, 16385, 1, "2049 bytes, and at most 2048"},
        {"\1\0\1", 3, 65536, 1, "at most 2048"},
        {"\1\0\1", 3, 2048, 0, "modulus is an even number"},
        {"\1", 1, 2048, 1, "exponent is an even number or 1"},
        {"\2", 1, 2048, 1, "exponent is an even number or 1"},
        {"", 0, 2048, 1, "is 0"},
        {"\1\0\0\0\0\0\0\0\1", 9, 2048, 1, "exponent has 9 bytes, and at most 8"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer w = {0};
        sessile_key *key;

        put_text32(&w, "ssh-rsa");
        put_mpint(&w, cases[i].exponent, cases[i].exponent_size);
        put_ones(&w, cases[i].bits, cases[i].odd);
        if (cases[i].part) {
            refuse_blob(&w, SESSILE_ERR_ARGUMENT, cases[i].part);
        } else {
            assert_int_equal(sessile_key_from_blob(w.data, w.size, &key, why, sizeof why), 0);
            assert_int_equal(sessile_key_bits(key), cases[i].bits);
            sessile_key_free(key);
        }
        writer_free(&w);
    }
}

static void numbers_that_are_not_canonical_are_refused(void **state)
{
    static const struct {
        const char *exponent;
        size_t size;
    } cases[] = {{"\0\1\0\1", 4}, {"\x81", 1}, {"\0", 1}, {"\0\0\x81", 3}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer w = {0};

        put_text32(&w, "ssh-rsa");
        put_sized32(&w, cases[i].exponent, cases[i].size);
        put_ones(&w, 2048, 1);
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not in its shortest form");
        writer_free(&w);
    }
}

static void points_that_are_not_on_the_curve_are_refused(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 3; i++) {
        sessile_key *key = read_key(material_keys[i].line);
        size_t length = (size_t)sessile_key_blob(key, 0, NULL, 0);
        size_t point = 2 * ((size_t)(sessile_key_bits(key) + 7) / 8);
        uint8_t *blob = malloc(length);
        struct writer w = {blob, length, length, 0, 1};

        assert_non_null(blob);
        sessile_key_blob(key, 0, blob, length);
        blob[length - 1] ^= 1;
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not on the curve");
        blob[length - 1] ^= 1;
        blob[length - point] ^= 1; /* the abscissa */
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not on the curve");
        memset(blob + length - point, 0xff, point); /* not below the field's prime */
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not on the curve");
        memset(blob + length - point, 0, point);
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not on the curve");
        free(blob);
        sessile_key_free(key);
    }
}

static void points_of_another_form_are_refused(void **state)
{
    sessile_key *key = read_key(material_keys[1].line);
    size_t length;
    const uint8_t *blob = key_wire_blob(key, 0, &length), *point = blob + length - 65;
    static const uint8_t infinity[65] = {0};
    struct writer w = {0};
    uint8_t hybrid[65];
    (void)state;

#define ECDSA_BLOB(curve, bytes, size)                                                                                 \
    (writer_free(&w), put_text32(&w, "ecdsa-sha2-nistp256"), put_text32(&w, curve), put_sized32(&w, bytes, size))
    memcpy(hybrid, point, 65);
    hybrid[0] = (uint8_t)(6 | (point[64] & 1));
    ECDSA_BLOB("nistp256", hybrid, 65);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not in the uncompressed form");
    hybrid[0] = (uint8_t)(2 | (point[64] & 1));
    ECDSA_BLOB("nistp256", hybrid, 33);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "33 bytes instead of 65");
    ECDSA_BLOB("nistp256", infinity, 1);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "1 bytes instead of 65");
    ECDSA_BLOB("nistp256", infinity, 65);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "not in the uncompressed form");
    ECDSA_BLOB("nistp384", point, 65);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "curve is not nistp256");
    writer_free(&w);
    sessile_key_free(key);
}

static void names_of_types_are_matched_whole(void **state)
{
    struct writer w = {0};
    (void)state;

    put_text32(&w, "");
    refuse_blob(&w, SESSILE_ERR_UNSUPPORTED, "''");
    writer_free(&w);
    put_sized32(&w, "ssh-ed25519\0", 12);
    refuse_blob(&w, SESSILE_ERR_UNSUPPORTED, "'ssh-ed25519\\x00'");
    writer_free(&w);
    put_text32(&w, "rsa-sha2-512");
    refuse_blob(&w, SESSILE_ERR_UNSUPPORTED, "'rsa-sha2-512'");
    writer_free(&w);
}

static void a_security_key_has_an_application(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {{"", 0}, {"ssh:\0", 5}};
    uint8_t point[32] = {1};
    char *large = calloc(1, 1025);
    struct writer w = {0};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        put_text32(&w, "sk-ssh-ed25519@openssh.com");
        put_sized32(&w, point, sizeof point);
        put_sized32(&w, cases[i].text, cases[i].size);
        refuse_blob(&w, SESSILE_ERR_ARGUMENT, "application");
        writer_free(&w);
    }
    assert_non_null(large);
    memset(large, 'a', 1025);
    put_text32(&w, "sk-ssh-ed25519@openssh.com");
    put_sized32(&w, point, sizeof point);
    put_sized32(&w, large, 1025);
    refuse_blob(&w, SESSILE_ERR_ARGUMENT, "over 1024 bytes");
    writer_free(&w);
    free(large);
}

/* ---- Comments ---- */

static void comments_are_one_line_of_text(void **state)
{
    sessile_key *key, *again;
    char *text;
    (void)state;

    assert_int_equal(sessile_key_generate("ssh-ed25519", 0, "a\nssh-rsa AAAA\x1b[2J\x7f", &key), 0);
    assert_string_equal(sessile_key_comment(key), "a?ssh-rsa AAAA?[2J?");
    WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_LINE, data, size));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
    sessile_key_free(key);
    assert_int_equal(sessile_key_generate("ssh-ed25519", 0, NULL, &key), 0);
    assert_string_equal(sessile_key_comment(key), "");
    WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_RFC4716, data, size));
    assert_null(strstr(text, "Comment"));
    again = read_key(text);
    assert_true(sessile_key_equal(key, again));
    sessile_key_free(again);
    free(text);
    sessile_key_free(key);
}

static void long_comments_are_folded_in_rfc4716(void **state)
{
    char comment[KEY_COMMENT_MAX + 2] = {0};
    (void)state;

    for (size_t length = 50; length <= KEY_COMMENT_MAX; length += length < 160 ? 1 : 432) {
        sessile_key *key, *again;
        char *text;

        memset(comment, 0, sizeof comment);
        memset(comment, 'c', length);
        assert_int_equal(sessile_key_generate("ssh-ed25519", 0, comment, &key), 0);
        WRITTEN(text, sessile_key_write_public(key, SESSILE_KEY_RFC4716, data, size));
        for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
            assert_true(strcspn(at, "\n") <= 72);
        again = read_key(text);
        assert_string_equal(sessile_key_comment(again), comment);
        sessile_key_free(again);
        sessile_key_free(key);
        free(text);
    }
    memset(comment, 'c', KEY_COMMENT_MAX + 1);
    assert_int_equal(sessile_key_generate("ssh-ed25519", 0, comment, &(sessile_key *){NULL}), SESSILE_ERR_ARGUMENT);
}

/* ---- Private fields ---- */

static const char *const private_types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                            "ecdsa-sha2-nistp521", "ssh-rsa"};

static void private_fields_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        sessile_key *key, *again;
        struct writer w = {0};
        struct reader r;

        assert_int_equal(sessile_key_generate(private_types[i], i == 4 ? 2048 : 0, NULL, &key), 0);
        assert_true(sessile_key_is_private(key));
        key_write_private(key, &w);
        assert_false(w.failed);
        r = reader_of(w.data, w.size);
        assert_int_equal(key_read_private(&r, &again, NULL), 0);
        assert_true(reader_done(&r));
        assert_true(sessile_key_equal(key, again));
        assert_true(sessile_key_is_private(again));
        assert_int_equal(EVP_PKEY_eq(key->pkey, again->pkey), 1);
        sessile_key_free(again);
        assert_int_equal(key_from_pkey(key->pkey, 1, &again, NULL), 0);
        assert_true(sessile_key_is_private(again));
        sessile_key_free(again);
        assert_int_equal(key_from_pkey(key->pkey, 0, &again, NULL), 0);
        assert_false(sessile_key_is_private(again));
        assert_true(sessile_key_equal(key, again));
        assert_int_not_equal(key_from_pkey(again->pkey, 1, &(sessile_key *){NULL}, NULL), 0);
        sessile_key_free(again);
        writer_free(&w);
        sessile_key_free(key);
    }
}

/* A changed bit anywhere in the fields makes numbers that do not belong together, or are none. */
static void private_fields_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        sessile_key *key, *none;
        struct writer w = {0};

        assert_int_equal(sessile_key_generate(private_types[i], i == 4 ? 2048 : 0, NULL, &key), 0);
        key_write_private(key, &w);
        for (size_t at = 4 + strlen(private_types[i]); at < w.size; at += i == 4 ? 3 : 1) {
            struct key_error error = key_error_of(why, sizeof why);
            struct reader r = reader_of(w.data, w.size);

            w.data[at] ^= 1;
            assert_int_equal(key_read_private(&r, &none, &error), SESSILE_ERR_ARGUMENT);
            assert_null(none);
            w.data[at] ^= 1;
        }
        for (size_t size = 0; size < w.size; size += 7) {
            struct reader r = reader_of(w.data, size);

            assert_int_equal(key_read_private(&r, &none, NULL), SESSILE_ERR_ARGUMENT);
        }
        assert_int_equal(ERR_peek_error(), 0);
        writer_free(&w);
        sessile_key_free(key);
    }
}

static void security_keys_have_no_private_fields_here(void **state)
{
    struct writer w = {0};
    struct reader r;
    sessile_key *none;
    (void)state;

    put_text32(&w, "sk-ssh-ed25519@openssh.com");
    r = reader_of(w.data, w.size);
    assert_int_equal(key_read_private(&r, &none, NULL), SESSILE_ERR_UNSUPPORTED);
    writer_free(&w);
    put_text32(&w, "ssh-ed25519-cert-v01@openssh.com");
    r = reader_of(w.data, w.size);
    assert_int_equal(key_read_private(&r, &none, NULL), SESSILE_ERR_UNSUPPORTED);
    writer_free(&w);
    assert_int_equal(sessile_key_generate("sk-ssh-ed25519@openssh.com", 0, NULL, &none), SESSILE_ERR_ARGUMENT);
}

static void generation_checks_type_and_bits(void **state)
{
    sessile_key *key;
    (void)state;

    assert_int_equal(sessile_key_generate("ssh-dss", 0, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate(NULL, 0, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ssh-ed25519-cert-v01@openssh.com", 0, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ssh-ed25519", 256, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ecdsa-sha2-nistp256", 256, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ssh-rsa", 2047, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ssh-rsa", 16385, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_generate("ssh-rsa", -1, NULL, &key), SESSILE_ERR_ARGUMENT);
    assert_null(key);
    assert_int_equal(sessile_key_generate("ssh-rsa", 0, NULL, &key), 0);
    assert_int_equal(sessile_key_bits(key), 3072);
    sessile_key_free(key);
}

/* ---- Base64 ---- */

static void base64_is_canonical(void **state)
{
    static const struct {
        const char *text;
        const char *data; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"Zm9v\r\nYmFy\n", "foobar"},
        {" Z g = =\t", "f"},
        {"Zg", NULL},
        {"Zg=", NULL},
        {"Zg===", NULL},
        {"Z", NULL},
        {"Zh==", NULL},
        {"Zm9=", NULL},
        {"=", NULL},
        {"====", NULL},
        {"Zg==Zg==", NULL},
        {"Zm9v=", NULL},
        {"Zm9v====", NULL},
        {"Zm-v", NULL},
        {"Zm9v!", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer w = {0};
        int r = base64_get(&w, cases[i].text, strlen(cases[i].text));

        print_message("%s\n", cases[i].text);
        assert_int_equal(r, cases[i].data ? 0 : -1);
        if (r == 0) {
            assert_int_equal(w.size, strlen(cases[i].data));
            assert_memory_equal(w.size ? w.data : (const uint8_t *)"", cases[i].data, w.size);
        }
        writer_free(&w);
    }
}

static void base64_lines_have_their_width(void **state)
{
    uint8_t data[200];
    (void)state;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37);
    for (size_t size = 0; size <= sizeof data; size++) {
        struct writer w = {0}, back = {0};

        base64_put(&w, data, size, 8);
        for (size_t i = 0; i < w.size; i++)
            assert_int_equal(w.data[i] == '\n', i % 9 == 8 || i + 1 == w.size);
        assert_int_equal(base64_get(&back, (const char *)w.data, w.size), 0);
        assert_int_equal(back.size, size);
        if (size)
            assert_memory_equal(back.data, data, size);
        writer_free(&w);
        writer_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_what_ssh_keygen_says),
        cmocka_unit_test(certificates_have_the_fingerprint_of_their_key),
        cmocka_unit_test(lines_are_written_as_they_were_read),
        cmocka_unit_test(keys_come_back_from_every_form),
        cmocka_unit_test(files_of_other_forms_hold_the_same_keys),
        cmocka_unit_test(blobs_are_the_wire_form),
        cmocka_unit_test(a_blob_cut_short_or_followed_by_bytes_is_refused),
        cmocka_unit_test(lines_that_are_not_keys_are_refused),
        cmocka_unit_test(files_that_are_broken_are_refused),
        cmocka_unit_test(a_text_over_its_limit_is_refused),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(rsa_numbers_are_bounded),
        cmocka_unit_test(numbers_that_are_not_canonical_are_refused),
        cmocka_unit_test(points_that_are_not_on_the_curve_are_refused),
        cmocka_unit_test(points_of_another_form_are_refused),
        cmocka_unit_test(names_of_types_are_matched_whole),
        cmocka_unit_test(a_security_key_has_an_application),
        cmocka_unit_test(comments_are_one_line_of_text),
        cmocka_unit_test(long_comments_are_folded_in_rfc4716),
        cmocka_unit_test(private_fields_come_back),
        cmocka_unit_test(private_fields_that_do_not_belong_together_are_refused),
        cmocka_unit_test(security_keys_have_no_private_fields_here),
        cmocka_unit_test(generation_checks_type_and_bits),
        cmocka_unit_test(base64_is_canonical),
        cmocka_unit_test(base64_lines_have_their_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
