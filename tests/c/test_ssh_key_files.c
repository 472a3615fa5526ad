/* SPDX-License-Identifier: Apache-2.0
 *
 * Private key files: what ssh-keygen wrote is read, what is written is read again, and nothing that is cut short,
 * changed or too large is believed in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <sessile/session.h>

#include "failing.h"
#include "ssh/key/armor.h"
#include "ssh/key/bcrypt_pbkdf.h"
#include "ssh/key/key.h"
#include "ssh_key_made.h"

#define FILE_ROOM 16384
#define PASSPHRASE "correct horse"
#define CHECK 0x5e551e

/* ssh-keygen's: one Ed25519 key in five files, and an ECDSA key. */
static const char file_plain[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                                 "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
                                 "QyNTUxOQAAACBnrqCvZ+li+prFpcE1RFeRmt91mejE5hRsXIQ8L6ELbAAAAJh6W0ZOeltG\n"
                                 "TgAAAAtzc2gtZWQyNTUxOQAAACBnrqCvZ+li+prFpcE1RFeRmt91mejE5hRsXIQ8L6ELbA\n"
                                 "AAAEA5mvpIyzANZpfXeoOaELPgDD0rRRcm97Q04RVAvvwMvWeuoK9n6WL6msWlwTVEV5Ga\n"
                                 "33WZ6MTmFGxchDwvoQtsAAAAD2ZpeHR1cmVAZXhhbXBsZQECAwQFBg==\n"
                                 "-----END OPENSSH PRIVATE KEY-----\n";
static const char file_ctr[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                               "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCPOTX3RB\n"
                               "KRYXyKfz3zWaGkAAAAAgAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIGeuoK9n6WL6msWl\n"
                               "wTVEV5Ga33WZ6MTmFGxchDwvoQtsAAAAoCl0T/IQaVGegU2dCJytth/rfLIze8zHdyUsF9\n"
                               "mqqAOFeJfWF/zn7Q0zAFKLIDN3SqqiEC5z7mP/5juxkcpCAAobWpGvtsz8ZrEB7LRHcHdc\n"
                               "DBhl+rpH4rZQqIeiW5i8/vyTC38tlDiBlwlnMlyUZ0lk/GXAAuEfiGh7rHXEF32sv3XVkP\n"
                               "/IWbMkjv8W+CPdpFoR5/9RkwxIWyckaqKZngc=\n"
                               "-----END OPENSSH PRIVATE KEY-----\n";
static const char file_gcm[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                               "b3BlbnNzaC1rZXktdjEAAAAAFmFlczI1Ni1nY21Ab3BlbnNzaC5jb20AAAAGYmNyeXB0AA\n"
                               "AAGAAAABBcc1eCCaBlb1e7AZOrpDs4AAAAAgAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAA\n"
                               "IGeuoK9n6WL6msWlwTVEV5Ga33WZ6MTmFGxchDwvoQtsAAAAoOfFmsyVMapJt2AOWmi5wI\n"
                               "uw+0iRTcceZOMkTGY4uej3zUGmLX9RAo7wc41Fhv+q4yZlxiLqrjiPGEO/rgUmVT9khhEg\n"
                               "ilfweG97mMwoZQ7sYfQyKPcHrXmngYm7DZwF+vhDBRlb+yBU1AA3GC5b3eT030NiJrrV5T\n"
                               "bmTl7A9L9i5WUERpUkpKji3hwqoo7Oyfb9JlL2c5g5T+2bS2dOJbB+F8zzT2BLr+bw1ySR\n"
                               "qeeX\n"
                               "-----END OPENSSH PRIVATE KEY-----\n";
static const char file_chacha20[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                                    "b3BlbnNzaC1rZXktdjEAAAAAHWNoYWNoYTIwLXBvbHkxMzA1QG9wZW5zc2guY29tAAAABm\n"
                                    "JjcnlwdAAAABgAAAAQw1/18Ueai7z06OHctZOdlAAAAAIAAAABAAAAMwAAAAtzc2gtZWQy\n"
                                    "NTUxOQAAACBnrqCvZ+li+prFpcE1RFeRmt91mejE5hRsXIQ8L6ELbAAAAJi9X1ZDSVIhrY\n"
                                    "A2JQyk8zYXi6C294uHKy1HA71UMYOYLsQNbL4TY7C9NQ0kcUTDfKNOPuQSvfARNkvRU29t\n"
                                    "mAZpvpDS43xiolJmPjOmOfiPwJ2Q18XpPnq1KkW7JYdv1LA9Vw4UUqL0/8biyEGvNGXmqM\n"
                                    "OUUNyK84tbfpP4FjqzuXoAffA4LYJuS0mH3EkKgyJkpkKg6cBZQGUml9YslHhJ/nZ0/yh5\n"
                                    "Sgg=\n"
                                    "-----END OPENSSH PRIVATE KEY-----\n";
static const char file_cbc[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
                               "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jYmMAAAAGYmNyeXB0AAAAGAAAABDZb8oYki\n"
                               "6g3SLc1iCNO6rCAAAAAgAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIGeuoK9n6WL6msWl\n"
                               "wTVEV5Ga33WZ6MTmFGxchDwvoQtsAAAAoKC3jrbwxQj3V7CdYYhMs+r/phWGz/hnJVF8ZS\n"
                               "5hhB6q3xxWuZ6qiio8oMiECdpSHh90PMgAd/xICtJRjzR4E2z97zGQbr3M53cVdEYueH6X\n"
                               "fb+O1DrGbPK+EaoM4v0LOsSgDt2ujORzzE2zkWx5a7QzAoO838qGh0bx8XWnd1SZ6IDXtA\n"
                               "gTbv8yZZe6NUhxo0p0+Y0Jx6SbOI2JlTaLN4k=\n"
                               "-----END OPENSSH PRIVATE KEY-----\n";
static const char file_sec1[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                "Proc-Type: 4,ENCRYPTED\n"
                                "DEK-Info: AES-128-CBC,FDA406B1233D9EEAD61D4B74A6E8B4F1\n"
                                "\n"
                                "mfP7jzXpx6Zz5VZAEw0Cy9VsDEh2/cX4PN7seK+eCsI6SAiraEsDekr522Gd3beo\n"
                                "7PNtD6NLoUdrtctIpHP3VU+8mOoIOS8/G5vPj38b+t9BumPR9QhXPcQQUCLx/D8e\n"
                                "dA5YzzoZDnE7B9jW0AtFIWAdD6qc7Zikyq/AuzAuUSk=\n"
                                "-----END EC PRIVATE KEY-----\n";
static const char line_ed25519[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGeuoK9n6WL6msWlwTVEV5Ga33WZ6MTmFGxchDwvoQts fixture@example\n";
static const char line_p256[] =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGIhDoQdVhH2tK/vPQUWH7eGAw2X"
    "OvZy/ZIC1PMx7v23itugDAMlKFZRaqQQnJ3KK4bitjX1YebWhHFsLYFPvPk= \n";

/* ---- Reading and writing ---- */

struct outcome {
    sessile_key *key;
    int code;
    char text[256];
};

static struct outcome attempt(const void *data, size_t size, const char *passphrase)
{
    struct outcome o = {NULL, 0, "untouched"};

    o.code =
        sessile_key_read(data, size, passphrase, passphrase ? strlen(passphrase) : 0, &o.key, o.text, sizeof o.text);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(o.code <= 0);
    assert_true((o.code == 0) == (o.key != NULL));
    assert_true((o.code == 0) == (o.text[0] == 0));
    return o;
}

static sessile_key *must_read(const void *data, size_t size, const char *passphrase)
{
    struct outcome o = attempt(data, size, passphrase);

    if (o.code)
        print_error("%d: %s\n", o.code, o.text);
    assert_int_equal(o.code, 0);
    return o.key;
}

/* The error, and words of its sentence. */
static void must_fail(const void *data, size_t size, const char *passphrase, int code, const char *words)
{
    struct outcome o = attempt(data, size, passphrase);

    if (o.code != code || !strstr(o.text, words))
        print_error("%d: %s\n", o.code, o.text);
    assert_int_equal(o.code, code);
    assert_non_null(strstr(o.text, words));
}

static size_t must_write(sessile_key *key, int format, const char *passphrase, const char *cipher, char *file)
{
    int size =
        sessile_key_write(key, format, passphrase, passphrase ? strlen(passphrase) : 0, cipher, 1, file, FILE_ROOM);

    assert_in_range(size, 1, FILE_ROOM);
    assert_int_equal(ERR_peek_error(), 0);
    return (size_t)size;
}

/* The private half is there, and is the one that fits. */
static void assert_signs(sessile_key *key, sessile_key *public_key)
{
    uint8_t signature[4096];
    int size = sessile_key_sign(key, NULL, "data", 4, signature, sizeof signature);

    assert_in_range(size, 1, sizeof signature);
    assert_int_equal(sessile_key_verify(public_key, NULL, "data", 4, signature, (size_t)size), 0);
}

static void files_of_ssh_keygen_are_read(void **state)
{
    static const struct {
        const char *file;
        const char *passphrase;
        const char *line;
        const char *comment;
    } rows[] = {
        {file_plain, NULL, line_ed25519, "fixture@example"},
        {file_plain, "not needed", line_ed25519, "fixture@example"},
        {file_ctr, PASSPHRASE, line_ed25519, "fixture@example"},
        {file_gcm, PASSPHRASE, line_ed25519, "fixture@example"},
        {file_cbc, PASSPHRASE, line_ed25519, "fixture@example"},
        {file_chacha20, PASSPHRASE, line_ed25519, "fixture@example"},
        {file_sec1, PASSPHRASE, line_p256, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sessile_key *key = must_read(rows[i].file, strlen(rows[i].file), rows[i].passphrase), *public_key;

        assert_int_equal(sessile_key_read_public(rows[i].line, strlen(rows[i].line), &public_key, NULL, 0), 0);
        assert_true(sessile_key_equal(key, public_key));
        assert_true(sessile_key_is_private(key));
        assert_string_equal(sessile_key_comment(key), rows[i].comment);
        assert_signs(key, public_key);
        sessile_key_free(key);
        sessile_key_free(public_key);
    }
}

static void a_missing_or_wrong_passphrase_is_told_as_such(void **state)
{
    static const char *const files[] = {file_ctr, file_gcm, file_cbc, file_chacha20, file_sec1};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        must_fail(files[i], strlen(files[i]), NULL, SESSILE_ERR_PASSPHRASE, "there is no passphrase");
        must_fail(files[i], strlen(files[i]), "", SESSILE_ERR_PASSPHRASE, "there is no passphrase");
        must_fail(files[i], strlen(files[i]), "wrong", SESSILE_ERR_PASSPHRASE, "with this passphrase");
    }
}

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        int format;
        const char *passphrase;
        const char *cipher;
        const char *starts;
    } rows[] = {
        {SESSILE_KEY_OPENSSH, NULL, NULL,
         "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"},
        {SESSILE_KEY_OPENSSH, "", NULL,
         "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"},
        {SESSILE_KEY_OPENSSH, PASSPHRASE, NULL,
         "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI"},
        {SESSILE_KEY_OPENSSH, PASSPHRASE, "aes256-ctr", "-----BEGIN OPENSSH"},
        {SESSILE_KEY_OPENSSH, PASSPHRASE, "aes256-gcm@openssh.com", "-----BEGIN OPENSSH"},
        {SESSILE_KEY_OPENSSH, PASSPHRASE, "chacha20-poly1305@openssh.com", "-----BEGIN OPENSSH"},
        {SESSILE_KEY_PKCS8, NULL, NULL, "-----BEGIN PRIVATE KEY-----\n"},
        {SESSILE_KEY_PKCS8, PASSPHRASE, NULL, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"},
        {SESSILE_KEY_PEM, NULL, NULL, ""},
    };
    static char file[FILE_ROOM];

    (void)state;
    for (size_t t = 0; t < MADE; t++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            sessile_key *again;
            size_t size;

            if (rows[i].format == SESSILE_KEY_PEM && t == MADE_ED25519)
                continue;
            size = must_write(made[t], rows[i].format, rows[i].passphrase, rows[i].cipher, file);
            assert_memory_equal(file, rows[i].starts, strlen(rows[i].starts));
            assert_int_equal(file[size - 1], '\n');
            again = must_read(file, size, rows[i].passphrase);
            assert_true(sessile_key_equal(made[t], again));
            assert_string_equal(sessile_key_comment(again), rows[i].format == SESSILE_KEY_OPENSSH ? MADE_COMMENT : "");
            assert_signs(again, made[t]);
            sessile_key_free(again);
        }
}

static void a_size_that_is_too_small_is_answered_with_the_length(void **state)
{
    char file[FILE_ROOM] = {0};
    int size = sessile_key_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, 0, NULL, 0, NULL, 0);

    (void)state;
    assert_in_range(size, 1, FILE_ROOM);
    assert_int_equal(
        sessile_key_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, 0, NULL, 0, file, (size_t)size - 1), size);
    assert_int_equal(file[0], 0);
    assert_int_equal(sessile_key_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, 0, NULL, 0, file, (size_t)size),
                     size);
    assert_memory_equal(file, "-----BEGIN", 10);
}

static int write_nothing(sessile_key *key, int format, const char *passphrase, const char *cipher, int rounds)
{
    return sessile_key_write(key, format, passphrase, passphrase ? strlen(passphrase) : 0, cipher, rounds, NULL, 0);
}

static void unusable_parameters_are_refused(void **state)
{
    static const char long_passphrase[1026] = {0};
    sessile_key *public_key, *key;
    char file[64];

    (void)state;
    assert_int_equal(sessile_key_read_public(line_p256, strlen(line_p256), &public_key, NULL, 0), 0);
    assert_int_equal(write_nothing(public_key, SESSILE_KEY_OPENSSH, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    sessile_key_free(public_key);
    assert_int_equal(write_nothing(NULL, SESSILE_KEY_OPENSSH, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], 0, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], SESSILE_KEY_OPENSSH, PASSPHRASE, "none", 0),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], SESSILE_KEY_OPENSSH, PASSPHRASE, "aes256-cbc", 0),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], SESSILE_KEY_OPENSSH, PASSPHRASE, NULL, -1),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], SESSILE_KEY_OPENSSH, PASSPHRASE, NULL, 1025),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(write_nothing(made[MADE_ED25519], SESSILE_KEY_PEM, NULL, NULL, 0), SESSILE_ERR_UNSUPPORTED);
    assert_int_equal(write_nothing(made[MADE_P256], SESSILE_KEY_PEM, PASSPHRASE, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(
        sessile_key_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, long_passphrase, 1025, NULL, 0, NULL, 0),
        SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, 0, NULL, 0, NULL, 1),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_read(file_ctr, strlen(file_ctr), long_passphrase, 1025, &key, file, sizeof file),
                     SESSILE_ERR_ARGUMENT);
    assert_non_null(strstr(file, "1025"));
    assert_int_equal(sessile_key_read(NULL, 1, NULL, 0, &key, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_read(file_plain, strlen(file_plain), NULL, 0, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
}

/* ---- openssh-key-v1 by hand ---- */

/* A file's fields: what is not said is as it should be. */
struct envelope {
    const char *magic;
    const char *cipher;
    const char *kdf;
    const char *options;
    size_t options_size;
    int count; /* of keys, beyond one */
    int other_public;
    const char *public_type;
    int check;  /* added to the second check number */
    size_t cut; /* bytes off the end of the private part */
    const char *padding;
    size_t comment_size;
    const char *tail;
};

static void put_default(struct writer *w, const char *given, const char *standard)
{
    put_text32(w, given ? given : standard);
}

static void put_private_part(struct writer *w, const struct envelope *e)
{
    static const char comment[KEY_COMMENT_MAX + 1] = "x";
    size_t begin = put_begin32(w);
    uint8_t padding = 0;

    put_u32(w, CHECK);
    put_u32(w, CHECK + (uint32_t)e->check);
    key_write_private(made[MADE_ED25519], w);
    put_sized32(w, comment, e->comment_size);
    if (e->padding)
        put_bytes(w, e->padding, strlen(e->padding));
    while (!e->padding && (w->size - begin) % 16)
        put_u8(w, ++padding);
    w->size -= e->cut;
    put_end32(w, begin);
}

static void put_envelope(struct writer *w, const struct envelope *e)
{
    struct writer blob = {0};

    put_bytes(w, e->magic ? e->magic : "openssh-key-v1", 15);
    put_default(w, e->cipher, "none");
    put_default(w, e->kdf, "none");
    put_sized32(w, e->options, e->options_size);
    put_u32(w, (uint32_t)(1 + e->count));
    if (e->public_type) {
        put_text32(&blob, e->public_type);
        put_sized32(w, blob.data, blob.size);
    } else {
        put_sized32(w, made[e->other_public ? MADE_P256 : MADE_ED25519]->blob,
                    made[e->other_public ? MADE_P256 : MADE_ED25519]->blob_size);
    }
    put_private_part(w, e);
    put_bytes(w, e->tail ? e->tail : "", e->tail ? strlen(e->tail) : 0);
    writer_free(&blob);
}

static void assert_envelope(const struct envelope *e, const char *passphrase, int code, const char *words)
{
    struct writer w = {0}, text = {0};

    put_envelope(&w, e);
    armor_write(&text, "OPENSSH PRIVATE KEY", w.data, w.size, ARMOR_WIDTH);
    assert_int_equal(text.failed, 0);
    if (code)
        must_fail(text.data, text.size, passphrase, code, words);
    else
        sessile_key_free(must_read(text.data, text.size, passphrase));
    writer_free(&w);
    writer_free(&text);
}

#define SALT "\0\0\0\4salt"
#define OPTIONS(text) .options = (text), .options_size = sizeof(text) - 1
#define SEALED .cipher = "aes256-ctr", .kdf = "bcrypt"

static void each_field_of_openssh_key_v1_is_checked(void **state)
{
    static const struct {
        struct envelope e;
        int code;
        const char *words;
    } rows[] = {
        {{.comment_size = 0}, 0, ""},
        {{.comment_size = KEY_COMMENT_MAX}, 0, ""},
        {{.comment_size = KEY_COMMENT_MAX + 1}, SESSILE_ERR_ARGUMENT, "comment has 1025 bytes"},
        {{.magic = "openssh-key-v2"}, SESSILE_ERR_ARGUMENT, "does not begin with 'openssh-key-v1'"},
        {{.magic = "openssh-key-v1\n"}, SESSILE_ERR_ARGUMENT, "does not begin"},
        {{.cipher = "3des-cbc", .kdf = "bcrypt", OPTIONS(SALT "\0\0\0\1")},
         SESSILE_ERR_UNSUPPORTED,
         "cipher '3des-cbc'"},
        {{.cipher = "", .kdf = "bcrypt", OPTIONS(SALT "\0\0\0\1")}, SESSILE_ERR_UNSUPPORTED, "cipher ''"},
        {{.cipher = "aes256-ctr", .kdf = "scrypt\n"}, SESSILE_ERR_UNSUPPORTED, "derivation 'scrypt\\x0a'"},
        {{.cipher = "aes256-ctr"}, SESSILE_ERR_ARGUMENT, "do not fit together"},
        {{.kdf = "bcrypt", OPTIONS(SALT "\0\0\0\1")}, SESSILE_ERR_ARGUMENT, "do not fit together"},
        {{OPTIONS("x")}, SESSILE_ERR_ARGUMENT, "do not fit together"},
        {{SEALED, OPTIONS("")}, SESSILE_ERR_ARGUMENT, "salt or rounds"},
        {{SEALED, OPTIONS(SALT)}, SESSILE_ERR_ARGUMENT, "salt or rounds"},
        {{SEALED, OPTIONS("\0\0\0\0\0\0\0\1")}, SESSILE_ERR_ARGUMENT, "salt or rounds"},
        {{SEALED, OPTIONS(SALT "\0\0\0\1x")}, SESSILE_ERR_ARGUMENT, "salt or rounds"},
        {{SEALED, OPTIONS(SALT "\0\0\0\0")}, SESSILE_ERR_ARGUMENT, "0 rounds"},
        {{SEALED, OPTIONS(SALT "\0\0\4\1")}, SESSILE_ERR_ARGUMENT, "1025 rounds of bcrypt, and 1 to 1024"},
        {{SEALED, OPTIONS(SALT "\377\377\377\377")}, SESSILE_ERR_ARGUMENT, "4294967295 rounds"},
        {{.count = -1}, SESSILE_ERR_UNSUPPORTED, "0 private keys"},
        {{.count = 1}, SESSILE_ERR_UNSUPPORTED, "2 private keys"},
        {{.other_public = 1}, SESSILE_ERR_ARGUMENT, "do not belong together"},
        {{.public_type = "ssh-dss"}, SESSILE_ERR_UNSUPPORTED, "'ssh-dss'"},
        {{.public_type = "ssh-ed25519-cert-v01@openssh.com"}, SESSILE_ERR_UNSUPPORTED, "certificate"},
        {{.public_type = "sk-ssh-ed25519@openssh.com"}, SESSILE_ERR_UNSUPPORTED, "security key"},
        {{.public_type = "sk-ssh-ed25519@openssh.com", SEALED, OPTIONS(SALT "\0\0\0\1")},
         SESSILE_ERR_UNSUPPORTED,
         "security key"},
        {{.check = 1}, SESSILE_ERR_ARGUMENT, "check numbers"},
        {{.cut = 1}, SESSILE_ERR_ARGUMENT, "no whole blocks"},
        {{.cut = 16}, SESSILE_ERR_ARGUMENT, "comment is cut short"},
        {{.tail = "x"}, SESSILE_ERR_ARGUMENT, "does not end where"},
        {{.cipher = "aes256-gcm@openssh.com", .kdf = "bcrypt", OPTIONS(SALT "\0\0\0\1")},
         SESSILE_ERR_ARGUMENT,
         "does not end where"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_envelope(&rows[i].e, PASSPHRASE, rows[i].code, rows[i].words);
}

static void padding_counts_from_one(void **state)
{
    struct envelope e = {0};
    struct writer w = {0};
    size_t over;

    (void)state;
    put_private_part(&w, &e);
    for (over = 0; w.data[w.size - 1 - over] != 1; over++)
        continue;
    over++; /* that many bytes of padding */
    writer_free(&w);
    assert_in_range(over, 1, 15);
    for (size_t wrong = 0; wrong < over; wrong++) {
        char padding[16] = "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17";

        padding[over] = 0;
        e.padding = padding;
        assert_envelope(&e, NULL, 0, "");
        padding[wrong]++;
        assert_envelope(&e, NULL, SESSILE_ERR_ARGUMENT, "1, 2, 3");
    }
}

/* ---- Around the block ---- */

static void other_files_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *words;
    } rows[] = {
        {"", SESSILE_ERR_ARGUMENT, "no line that begins"},
        {"\n\n", SESSILE_ERR_ARGUMENT, "no line that begins"},
        {line_ed25519, SESSILE_ERR_ARGUMENT, "public key"},
        {"PuTTY-User-Key-File-3: ssh-ed25519\n", SESSILE_ERR_UNSUPPORTED, "PuTTY"},
        {"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", SESSILE_ERR_UNSUPPORTED, "ssh.com"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "cut short"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "cut short"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "begin"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n!\n-----END OPENSSH PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "base64"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", SESSILE_ERR_ARGUMENT, "no private key"},
        {"-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", SESSILE_ERR_UNSUPPORTED,
         "'DSA PRIVATE"},
        {"-----BEGIN \x1b PRIVATE KEY-----\nAAAA\n-----END \x1b PRIVATE KEY-----\n", SESSILE_ERR_UNSUPPORTED,
         "'\\x1b PRIV"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "malformed"},
        {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT, "malformed"},
        {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
         "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n-----END EC PRIVATE KEY-----\n",
         SESSILE_ERR_ARGUMENT, "malformed"},
        {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
         "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
         SESSILE_ERR_PASSPHRASE, "with this passphrase"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", SESSILE_ERR_ARGUMENT,
         ""},
        {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: FOO,00\n\nAAAA\n-----END EC PRIVATE "
         "KEY-----\n",
         SESSILE_ERR_UNSUPPORTED, "PEM header"},
        {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
         SESSILE_ERR_UNSUPPORTED, "PEM header"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        must_fail(rows[i].text, strlen(rows[i].text), PASSPHRASE, rows[i].code, rows[i].words);
}

static void text_around_an_openssh_key_is_refused(void **state)
{
    char text[2048];
    int size;

    (void)state;
    size = snprintf(text, sizeof text, "\r\n \n%s\n\t\r\n", file_plain);
    sessile_key_free(must_read(text, (size_t)size, NULL));
    size = snprintf(text, sizeof text, "words\n%s", file_plain);
    must_fail(text, (size_t)size, NULL, SESSILE_ERR_ARGUMENT, "around");
    size = snprintf(text, sizeof text, "%s\nwords", file_plain);
    must_fail(text, (size_t)size, NULL, SESSILE_ERR_ARGUMENT, "around");
    size = snprintf(text, sizeof text, "%s%s", file_plain, file_plain);
    must_fail(text, (size_t)size, NULL, SESSILE_ERR_ARGUMENT, "around");
}

static void line_ends_may_have_carriage_returns(void **state)
{
    static const char *const files[] = {file_plain, file_sec1};

    (void)state;
    for (size_t n = 0; n < sizeof files / sizeof files[0]; n++) {
        struct writer w = {0};

        for (const char *at = files[n]; *at; at++)
            put_bytes(&w, *at == '\n' ? "\r\n" : at, *at == '\n' ? 2 : 1);
        sessile_key_free(must_read(w.data, w.size, PASSPHRASE));
        writer_free(&w);
    }
}

static void a_file_has_a_greatest_size(void **state)
{
    size_t size = KEY_FILE_MAX;
    char *text = malloc(size + 1);

    (void)state;
    assert_non_null(text);
    memset(text, '\n', size + 1);
    memcpy(text, file_plain, strlen(file_plain));
    sessile_key_free(must_read(text, size, NULL));
    must_fail(text, size + 1, NULL, SESSILE_ERR_ARGUMENT, "262145 bytes, and at most 262144");
    free(text);
}

/* ---- Files that are cut short or changed ---- */

/* How the files are written that are spoilt below, and what a changed byte in them may give. */
enum change { NOTHING, SAME, ANOTHER };
static const struct form {
    int format;
    size_t type;
    const char *passphrase;
    const char *cipher;
    enum change change;
} forms[] = {
    {SESSILE_KEY_OPENSSH, MADE_ED25519, NULL, NULL, SAME}, /* with another comment */
    {SESSILE_KEY_OPENSSH, MADE_P384, NULL, NULL, SAME},
    {SESSILE_KEY_OPENSSH, MADE_RSA, NULL, NULL, SAME},
    {SESSILE_KEY_OPENSSH, MADE_ED25519, PASSPHRASE, "aes256-gcm@openssh.com", NOTHING},
    {SESSILE_KEY_OPENSSH, MADE_ED25519, PASSPHRASE, "chacha20-poly1305@openssh.com", NOTHING},
    {SESSILE_KEY_OPENSSH, MADE_ED25519, PASSPHRASE, "aes256-ctr", SAME},
    {SESSILE_KEY_PKCS8, MADE_ED25519, NULL, NULL, ANOTHER}, /* only a seed, and each is a key */
    {SESSILE_KEY_PKCS8, MADE_P256, NULL, NULL, SAME},
    {SESSILE_KEY_PEM, MADE_P256, NULL, NULL, SAME},
    {SESSILE_KEY_PEM, MADE_RSA, NULL, NULL, SAME},
};
#define FORMS (sizeof forms / sizeof forms[0])

static size_t write_form(const struct form *form, char *file)
{
    return must_write(made[form->type], form->format, form->passphrase, form->cipher, file);
}

static void no_truncated_text_is_read(void **state)
{
    static char file[FILE_ROOM];

    (void)state;
    for (size_t n = 0; n < FORMS; n++) {
        size_t size = write_form(&forms[n], file);

        /* The last newline may be missing. */
        sessile_key_free(must_read(file, size - 1, forms[n].passphrase));
        for (size_t cut = 0; cut < size - 1; cut++) {
            char *exact = malloc(cut ? cut : 1);

            assert_non_null(exact);
            memcpy(exact, file, cut);
            must_fail(exact, cut, forms[n].passphrase, SESSILE_ERR_ARGUMENT, "");
            free(exact);
        }
    }
}

/* What is inside of the armor, to be changed and put back. */
struct inside {
    struct writer data;
    char label[64];
};

static void open_form(const struct form *form, struct inside *in)
{
    static char file[FILE_ROOM];
    struct armor armor;

    memset(in, 0, sizeof *in);
    assert_int_equal(armor_find(reader_of(file, write_form(form, file)), &armor), 0);
    assert_int_equal(armor_read(&armor, &in->data), 0);
    memcpy(in->label, armor.label.data, armor.label.left);
}

static void assert_change(const struct inside *in, size_t size, const struct form *form, enum change allowed)
{
    struct writer text = {0};
    struct outcome o;

    armor_write(&text, in->label, in->data.data, size, ARMOR_WIDTH_PEM);
    assert_int_equal(text.failed, 0);
    o = attempt(text.data, text.size, form->passphrase);
    assert_int_not_equal(o.code, SESSILE_ERR_MEMORY);
    assert_true(o.code < 0 || allowed != NOTHING);
    if (!o.code && allowed == SAME) {
        assert_true(sessile_key_equal(o.key, made[form->type]));
        assert_signs(o.key, made[form->type]);
    }
    sessile_key_free(o.key);
    writer_free(&text);
}

static void no_truncated_content_is_read(void **state)
{
    (void)state;
    for (size_t n = 0; n < FORMS; n++) {
        struct inside in;

        open_form(&forms[n], &in);
        for (size_t cut = 0; cut < in.data.size; cut++)
            assert_change(&in, cut, &forms[n], NOTHING);
        writer_free(&in.data);
    }
}

static void a_changed_byte_gives_an_error_or_the_same_key(void **state)
{
    (void)state;
    for (size_t n = 0; n < FORMS; n++) {
        size_t step = forms[n].type == MADE_RSA ? 19 : 1; /* RSA's files are long, and slow to check */
        struct inside in;

        open_form(&forms[n], &in);
        for (size_t i = 0; i < in.data.size; i += step) {
            uint8_t before = in.data.data[i];

            in.data.data[i] ^= (uint8_t)(1 << i % 8);
            assert_change(&in, in.data.size, &forms[n], forms[n].change);
            in.data.data[i] = before;
        }
        writer_free(&in.data);
    }
}

/* ---- Without memory ---- */

struct scarce {
    const char *file;
    size_t size;
    const char *passphrase;
    struct form form;
};

static int read_scarce(const struct scarce *s)
{
    sessile_key *key = NULL;
    char text[128];
    int r = sessile_key_read(s->file, s->size, s->passphrase, s->passphrase ? strlen(s->passphrase) : 0, &key, text,
                             sizeof text);

    assert_true((r == 0) == (key != NULL));
    sessile_key_free(key);
    return r;
}

static int write_scarce(const struct scarce *s)
{
    static char file[FILE_ROOM];
    int r;

    file[0] = 0;
    r = sessile_key_write(made[s->form.type], s->form.format, s->passphrase, s->passphrase ? strlen(s->passphrase) : 0,
                          s->form.cipher, 1, file, sizeof file);
    assert_true((r > 0) == (file[0] != 0));
    return r < 0 ? r : 0;
}

/* Each allocation of ours fails once, and each third of libcrypto's: an error, or libcrypto could do without. */
static void starve(int (*job)(const struct scarce *), const struct scarce *s, int which)
{
    size_t ours = failing_blocks(FAILING_OURS), hits = 0, step = which == FAILING_OURS ? 1 : 3;

    assert_int_equal(job(s), 0); /* what libcrypto fetches once and keeps is there now */
    for (;; hits += step) {
        int r, hit;

        failing_at(which, hits, 0);
        r = job(s);
        hit = failing_hit();
        failing_off();
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(failing_blocks(FAILING_OURS), ours);
        if (!hit) {
            assert_int_equal(r, 0);
            break;
        }
        if (which == FAILING_OURS)
            assert_int_equal(r, SESSILE_ERR_MEMORY);
    }
    assert_true(hits || which == FAILING_OPENSSL);
}

static void each_failed_allocation_is_survived(void **state)
{
    static char file[FILE_ROOM];

    (void)state;
    for (size_t n = 0; n < FORMS; n++) {
        struct scarce s = {file, write_form(&forms[n], file), forms[n].passphrase, forms[n]};

        starve(read_scarce, &s, FAILING_OURS);
        starve(write_scarce, &s, FAILING_OURS);
        starve(read_scarce, &s, FAILING_OPENSSL);
        starve(write_scarce, &s, FAILING_OPENSSL);
    }
}

/* ---- Secrets ---- */

#define HEAD 16

/* What no freed block may have: the key's seed, and a line of its base64. */
static struct {
    uint8_t seed[32];
    char line[40];
    size_t found;
    size_t freed;
} watched;

static void *watching_malloc(size_t size)
{
    uint8_t *block = malloc(HEAD + size);

    if (!block)
        return NULL;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void watching_free(void *memory)
{
    uint8_t *block = (uint8_t *)memory - HEAD;
    size_t size;

    memcpy(&size, block, sizeof size);
    watched.freed++;
    if (memmem(memory, size, watched.seed, sizeof watched.seed) ||
        memmem(memory, size, watched.line, sizeof watched.line))
        watched.found++;
    free(block);
}

static void *watching_realloc(void *memory, size_t size)
{
    void *moved = watching_malloc(size);
    size_t before;

    if (!moved)
        return NULL;
    memcpy(&before, (uint8_t *)memory - HEAD, sizeof before);
    memcpy(moved, memory, before < size ? before : size);
    watching_free(memory);
    return moved;
}

/* file: openssh-key-v1, not encrypted. */
static void watch_for(const char *file, size_t size)
{
    struct writer data = {0};
    struct armor armor;

    assert_int_equal(armor_find(reader_of(file, size), &armor), 0);
    assert_int_equal(armor_read(&armor, &data), 0);
    /* type, public key and the private key's length stand before the seed, in the private part. */
    memcpy(watched.seed, data.data + 15 + 8 + 8 + 4 + 4 + 55 + 4 + 8 + 15 + 36 + 4, sizeof watched.seed);
    memcpy(watched.line, armor.after.data - strlen("-----END OPENSSH PRIVATE KEY-----\n") - 2 * 77,
           sizeof watched.line);
    writer_free(&data);
}

static void what_is_freed_holds_no_private_key(void **state)
{
    static char plain[FILE_ROOM], sealed[FILE_ROOM], pkcs8[FILE_ROOM];
    size_t size = must_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, NULL, plain);

    (void)state;
    watch_for(plain, size);
    assert_int_equal(sessile_set_allocator(watching_malloc, watching_realloc, watching_free), SESSILE_OK);
    sessile_key_free(must_read(plain, size, NULL));
    must_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, NULL, NULL, sealed);
    sessile_key_free(
        must_read(sealed, must_write(made[MADE_ED25519], SESSILE_KEY_OPENSSH, PASSPHRASE, NULL, sealed), PASSPHRASE));
    sessile_key_free(must_read(pkcs8, must_write(made[MADE_ED25519], SESSILE_KEY_PKCS8, NULL, NULL, pkcs8), NULL));
    assert_true(watched.freed > 10);
    assert_int_equal(watched.found, 0);
    /* The watch works. */
    watching_free(memcpy(watching_malloc(size), plain, size));
    assert_int_equal(watched.found, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_ssh_keygen_are_read),
        cmocka_unit_test(a_missing_or_wrong_passphrase_is_told_as_such),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_size_that_is_too_small_is_answered_with_the_length),
        cmocka_unit_test(unusable_parameters_are_refused),
        cmocka_unit_test(each_field_of_openssh_key_v1_is_checked),
        cmocka_unit_test(padding_counts_from_one),
        cmocka_unit_test(other_files_are_told_apart),
        cmocka_unit_test(text_around_an_openssh_key_is_refused),
        cmocka_unit_test(line_ends_may_have_carriage_returns),
        cmocka_unit_test(a_file_has_a_greatest_size),
        cmocka_unit_test(no_truncated_text_is_read),
        cmocka_unit_test(no_truncated_content_is_read),
        cmocka_unit_test(a_changed_byte_gives_an_error_or_the_same_key),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };
    const struct CMUnitTest last[] = {cmocka_unit_test(what_is_freed_holds_no_private_key)};

    failing_install();
    if (cmocka_run_group_tests(tests, make_keys, free_keys))
        return 1;
    return cmocka_run_group_tests(last, make_keys, NULL);
}
