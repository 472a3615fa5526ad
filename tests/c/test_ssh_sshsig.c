/* SPDX-License-Identifier: Apache-2.0
 *
 * sshsig: what ssh-keygen signed is verified, what is signed is verified again, and a signature for another message,
 * namespace or key, or with a single byte changed, is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "failing.h"
#include "ssh/key/armor.h"
#include "ssh/key/key.h"
#include "ssh_key_made.h"

#define TEXT_ROOM 8192
#define MESSAGE "message"
#define LABEL "SSH SIGNATURE"

/* ssh-keygen's, of the message and in the namespace "file". */
static const char by_ssh_keygen[] = "-----BEGIN SSH SIGNATURE-----\n"
                                    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgZ66gr2fpYvqaxaXBNURXkZrfdZ\n"
                                    "noxOYUbFyEPC+hC2wAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n"
                                    "OQAAAEDCM2XYzb6qQ4c6sdQt4Duz36+V5+k9KF+fIlCmiamSYectqxPDFZv8uHMavHrwLr\n"
                                    "xS/WtzeNSzGiMcqHtjz/UM\n"
                                    "-----END SSH SIGNATURE-----\n";
static const char line_ed25519[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGeuoK9n6WL6msWlwTVEV5Ga33WZ6MTmFGxchDwvoQts fixture@example\n";

struct outcome {
    sessile_key *signer;
    int code;
    char text[256];
};

static struct outcome attempt(const void *text, size_t size, const char *name_space, const char *message)
{
    struct outcome o = {NULL, 0, "untouched"};

    o.code = sessile_sshsig_verify(text, size, name_space, message, strlen(message), &o.signer, o.text, sizeof o.text);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(o.code <= 0);
    assert_true((o.code == 0) == (o.signer != NULL));
    assert_true((o.code == 0) == (o.text[0] == 0));
    return o;
}

static void must_verify(const void *text, size_t size, const char *name_space, const char *message, sessile_key *signer)
{
    struct outcome o = attempt(text, size, name_space, message);

    if (o.code)
        print_error("%d: %s\n", o.code, o.text);
    assert_int_equal(o.code, 0);
    assert_true(sessile_key_equal(o.signer, signer));
    assert_false(sessile_key_is_private(o.signer));
    assert_int_equal(sessile_key_has_certificate(o.signer), sessile_key_has_certificate(signer));
    sessile_key_free(o.signer);
}

static void must_fail(const void *text, size_t size, const char *name_space, const char *message, int code,
                      const char *words)
{
    struct outcome o = attempt(text, size, name_space, message);

    if (o.code != code || !strstr(o.text, words))
        print_error("%d: %s\n", o.code, o.text);
    assert_int_equal(o.code, code);
    assert_non_null(strstr(o.text, words));
}

static size_t must_sign(sessile_key *key, const char *hash, char *text)
{
    int size = sessile_key_sshsig(key, "file", hash, MESSAGE, strlen(MESSAGE), text, TEXT_ROOM);

    assert_in_range(size, 1, TEXT_ROOM);
    assert_int_equal(ERR_peek_error(), 0);
    return (size_t)size;
}

static void a_signature_of_ssh_keygen_is_verified(void **state)
{
    size_t size = strlen(by_ssh_keygen);
    sessile_key *signer;

    (void)state;
    assert_int_equal(sessile_key_read_public(line_ed25519, strlen(line_ed25519), &signer, NULL, 0), 0);
    must_verify(by_ssh_keygen, size, "file", MESSAGE, signer);
    sessile_key_free(signer);
    must_fail(by_ssh_keygen, size, "file", "messagf", SESSILE_ERR_VERIFY, "does not fit the message");
    must_fail(by_ssh_keygen, size, "file", "", SESSILE_ERR_VERIFY, "does not fit the message");
    must_fail(by_ssh_keygen, size, "fil", MESSAGE, SESSILE_ERR_VERIFY, "for the namespace 'file'");
    must_fail(by_ssh_keygen, size, "files", MESSAGE, SESSILE_ERR_VERIFY, "for the namespace 'file'");
}

static void each_key_type_signs_with_each_hash(void **state)
{
    static const char *const hashes[] = {NULL, "sha512", "sha256"};
    char text[TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < MADE; i++)
        for (size_t n = 0; n < sizeof hashes / sizeof hashes[0]; n++) {
            size_t size = must_sign(made[i], hashes[n], text);

            must_verify(text, size, "file", MESSAGE, made[i]);
            must_fail(text, size, "file", "another", SESSILE_ERR_VERIFY, "");
            must_fail(text, size, "email", MESSAGE, SESSILE_ERR_VERIFY, "");
        }
}

static void an_empty_message_is_signed(void **state)
{
    char text[TEXT_ROOM];
    int size = sessile_key_sshsig(made[MADE_ED25519], "file", NULL, NULL, 0, text, sizeof text);

    (void)state;
    assert_in_range(size, 1, sizeof text);
    must_verify(text, (size_t)size, "file", "", made[MADE_ED25519]);
}

static void asking_for_the_size_gives_enough_room(void **state)
{
    char text[TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        int room = sessile_key_sshsig(made[i], "file", NULL, MESSAGE, strlen(MESSAGE), NULL, 0);

        assert_in_range(room, 1, sizeof text);
        for (int n = 0; n < 32; n++)
            assert_in_range(sessile_key_sshsig(made[i], "file", NULL, MESSAGE, strlen(MESSAGE), text, (size_t)room), 1,
                            room);
    }
}

static int sign_with(sessile_key *key, const char *name_space, const char *hash)
{
    char text[TEXT_ROOM];

    return sessile_key_sshsig(key, name_space, hash, MESSAGE, strlen(MESSAGE), text, sizeof text);
}

static void unusable_parameters_are_refused(void **state)
{
    static char longest[1026];
    sessile_key *public_key, *signer;
    char text[TEXT_ROOM];

    (void)state;
    memset(longest, 'n', sizeof longest - 2);
    assert_true(sign_with(made[MADE_ED25519], longest, NULL) > 0);
    memset(longest, 'n', sizeof longest - 1);
    assert_int_equal(sign_with(made[MADE_ED25519], longest, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sign_with(made[MADE_ED25519], "", NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sign_with(made[MADE_ED25519], NULL, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sign_with(made[MADE_ED25519], "file", "sha1"), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sign_with(made[MADE_ED25519], "file", ""), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sign_with(NULL, "file", NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_sshsig(made[MADE_ED25519], "file", NULL, NULL, 1, text, sizeof text),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_read_public(line_ed25519, strlen(line_ed25519), &public_key, NULL, 0), 0);
    assert_int_equal(sign_with(public_key, "file", NULL), SESSILE_ERR_ARGUMENT);
    sessile_key_free(public_key);
    must_fail(by_ssh_keygen, strlen(by_ssh_keygen), "", MESSAGE, SESSILE_ERR_ARGUMENT, "");
    assert_int_equal(sessile_sshsig_verify(NULL, 1, "file", "", 0, &signer, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sshsig_verify(by_ssh_keygen, 1, "file", "", 0, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
}

/* ---- Signatures by hand ---- */

/* What is not said is as it should be. */
struct fields {
    const char *magic;
    uint32_t version;
    const char *name_space;
    size_t name_space_size;
    const char *reserved;
    const char *hash;
    const char *algorithm; /* RSA's */
    const char *tail;
};

/* The signed structure, with the reserved field and the hash's name as they are. */
static void put_input(struct writer *w, const struct fields *f)
{
    uint8_t digest[SHA512_DIGEST_LENGTH];

    SHA512((const unsigned char *)MESSAGE, strlen(MESSAGE), digest);
    put_bytes(w, "SSHSIG", 6);
    put_text32(w, "file");
    put_text32(w, f->reserved ? f->reserved : "");
    put_text32(w, f->hash ? f->hash : "sha512");
    put_sized32(w, digest, sizeof digest);
}

static void put_frame(struct writer *w, const struct fields *f, const sessile_key *key, const struct writer *signature)
{
    const char *name_space = f->name_space ? f->name_space : "file";

    put_bytes(w, f->magic ? f->magic : "SSHSIG", 6);
    put_u32(w, 1 + f->version);
    put_sized32(w, key->blob, key->blob_size);
    put_sized32(w, name_space, f->name_space ? f->name_space_size : 4);
    put_text32(w, f->reserved ? f->reserved : "");
    put_text32(w, f->hash ? f->hash : "sha512");
    put_sized32(w, signature->data, signature->size);
    put_bytes(w, f->tail ? f->tail : "", f->tail ? strlen(f->tail) : 0);
}

static void assert_frame(const struct fields *f, sessile_key *key, const struct writer *signature, int code,
                         const char *words)
{
    struct writer w = {0}, text = {0};

    put_frame(&w, f, key, signature);
    armor_write(&text, LABEL, w.data, w.size, ARMOR_WIDTH);
    assert_int_equal(text.failed, 0);
    if (code)
        must_fail(text.data, text.size, "file", MESSAGE, code, words);
    else
        must_verify(text.data, text.size, "file", MESSAGE, key);
    writer_free(&w);
    writer_free(&text);
}

static void each_field_is_checked(void **state)
{
    static const struct {
        struct fields f;
        int code;
        const char *words;
    } rows[] = {
        {{.version = 0}, 0, ""},
        {{.algorithm = "rsa-sha2-512"}, 0, ""},
        {{.algorithm = "rsa-sha2-256"}, 0, ""},
        {{.algorithm = "ssh-rsa"}, SESSILE_ERR_VERIFY, "none that a ssh-rsa key may sign with"},
        {{.magic = "SSHSIH"}, SESSILE_ERR_ARGUMENT, "does not begin with 'SSHSIG'"},
        {{.version = 1}, SESSILE_ERR_UNSUPPORTED, "version is 2"},
        {{.version = UINT32_MAX}, SESSILE_ERR_UNSUPPORTED, "version is 0"},
        {{.name_space = "file\0", .name_space_size = 5}, SESSILE_ERR_VERIFY, "'file\\x00'"},
        {{.name_space = ""}, SESSILE_ERR_VERIFY, "namespace ''"},
        {{.reserved = "x"}, SESSILE_ERR_UNSUPPORTED, "reserved field has 1 bytes"},
        {{.hash = "md5"}, SESSILE_ERR_UNSUPPORTED, "hash 'md5'"},
        {{.hash = ""}, SESSILE_ERR_UNSUPPORTED, "hash ''"},
        {{.tail = "x"}, SESSILE_ERR_ARGUMENT, "follows the signature"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = rows[i].f.algorithm ? rows[i].f.algorithm : "rsa-sha2-512";
        struct writer input = {0}, signature = {0};

        put_input(&input, &rows[i].f);
        assert_int_equal(
            key_sign(made[MADE_RSA], key_algorithm_find(name, strlen(name)), input.data, input.size, &signature), 0);
        assert_frame(&rows[i].f, made[MADE_RSA], &signature, rows[i].code, rows[i].words);
        writer_free(&input);
        writer_free(&signature);
    }
}

/* ---- Security keys ---- */

#define SK_TYPE "sk-ssh-ed25519@openssh.com"

/* The public half of an Ed25519 key, as if a token had it. */
static sessile_key *token_key(const sessile_key *like)
{
    uint8_t point[32];
    size_t size = sizeof point;
    struct writer w = {0};
    sessile_key *key;

    assert_int_equal(EVP_PKEY_get_raw_public_key(like->pkey, point, &size), 1);
    put_text32(&w, SK_TYPE);
    put_sized32(&w, point, size);
    put_text32(&w, "ssh:");
    assert_int_equal(key_from_blob(w.data, w.size, &key, NULL), 0);
    writer_free(&w);
    return key;
}

/* What a token signs, and how it says so. */
static void sign_as_token(const sessile_key *like, const struct writer *input, uint8_t flags, struct writer *out)
{
    uint8_t digest[SHA256_DIGEST_LENGTH], raw[64];
    size_t size = sizeof raw;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct writer w = {0};

    put_bytes(&w, SHA256((const unsigned char *)"ssh:", 4, digest), sizeof digest);
    put_u8(&w, flags);
    put_u32(&w, 7);
    put_bytes(&w, SHA256(input->data, input->size, digest), sizeof digest);
    assert_int_equal(EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, like->pkey, NULL), 1);
    assert_int_equal(EVP_DigestSign(context, raw, &size, w.data, w.size), 1);
    EVP_MD_CTX_free(context);
    writer_free(&w);
    put_text32(out, SK_TYPE);
    put_sized32(out, raw, size);
    put_u8(out, flags);
    put_u32(out, 7);
}

static void a_security_key_must_say_that_somebody_was_present(void **state)
{
    static const struct {
        uint8_t flags;
        int code;
    } rows[] = {{KEY_SK_PRESENCE, 0},
                {KEY_SK_PRESENCE | KEY_SK_VERIFIED, 0},
                {0, SESSILE_ERR_VERIFY},
                {KEY_SK_VERIFIED, SESSILE_ERR_VERIFY}};
    const struct fields f = {0};
    sessile_key *token = token_key(made[MADE_ED25519]);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct writer input = {0}, signature = {0};

        put_input(&input, &f);
        sign_as_token(made[MADE_ED25519], &input, rows[i].flags, &signature);
        assert_frame(&f, token, &signature, rows[i].code, "without anybody present");
        writer_free(&input);
        writer_free(&signature);
    }
    sessile_key_free(token);
}

/* ---- Certificates ---- */

static void a_certificate_signs_as_such(void **state)
{
    static const char *const names[] = {"tester"};
    char text[TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        sessile_key *certificate, *both;
        size_t size;

        assert_int_equal(sessile_certificate_sign(made[i], made[MADE_ED25519], NULL, SESSILE_CERTIFICATE_USER, 1, "id",
                                                  names, 1, 0, UINT64_MAX, NULL, 0, NULL, 0, &certificate),
                         0);
        assert_int_equal(sessile_key_with_certificate(made[i], certificate, &both), 0);
        size = must_sign(both, NULL, text);
        must_verify(text, size, "file", MESSAGE, certificate);
        sessile_key_free(both);
        sessile_key_free(certificate);
    }
}

/* ---- Signatures that are cut short or changed ---- */

static void text_around_a_signature_is_refused(void **state)
{
    struct writer w = {0};

    (void)state;
    put_bytes(&w, by_ssh_keygen, strlen(by_ssh_keygen));
    put_bytes(&w, "\r\n ", 3);
    assert_int_equal(attempt(w.data, w.size, "email", MESSAGE).code, SESSILE_ERR_VERIFY);
    put_u8(&w, 'x');
    must_fail(w.data, w.size, "file", MESSAGE, SESSILE_ERR_ARGUMENT, "around");
    writer_free(&w);
    must_fail("", 0, "file", MESSAGE, SESSILE_ERR_ARGUMENT, "there is no 'SSH SIGNATURE'");
    must_fail(line_ed25519, strlen(line_ed25519), "file", MESSAGE, SESSILE_ERR_ARGUMENT, "there is no");
}

static void no_truncated_text_is_verified(void **state)
{
    char text[TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        size_t size = must_sign(made[i], NULL, text);

        must_verify(text, size - 1, "file", MESSAGE, made[i]); /* without the last newline */
        for (size_t cut = 0; cut < size - 1; cut++) {
            char *exact = malloc(cut ? cut : 1);

            assert_non_null(exact);
            memcpy(exact, text, cut);
            must_fail(exact, cut, "file", MESSAGE, SESSILE_ERR_ARGUMENT, "");
            free(exact);
        }
    }
}

static void assert_refused(const struct writer *blob, size_t size)
{
    struct writer text = {0};
    struct outcome o;

    armor_write(&text, LABEL, blob->data, size, ARMOR_WIDTH);
    assert_int_equal(text.failed, 0);
    o = attempt(text.data, text.size, "file", MESSAGE);
    assert_true(o.code < 0);
    assert_int_not_equal(o.code, SESSILE_ERR_MEMORY);
    writer_free(&text);
}

static void no_truncated_or_changed_signature_is_verified(void **state)
{
    char text[TEXT_ROOM];

    (void)state;
    for (size_t n = 0; n < MADE; n++) {
        struct writer blob = {0};
        struct armor armor;

        assert_int_equal(armor_find(reader_of(text, must_sign(made[n], NULL, text)), &armor), 0);
        assert_int_equal(armor_read(&armor, &blob), 0);
        for (size_t i = 0; i < blob.size; i++) {
            assert_refused(&blob, i);
            blob.data[i] ^= (uint8_t)(1 << i % 8);
            assert_refused(&blob, blob.size);
            blob.data[i] ^= (uint8_t)(1 << i % 8);
        }
        writer_free(&blob);
    }
}

/* ---- Without memory ---- */

static int sign_and_verify(sessile_key *key)
{
    char text[TEXT_ROOM];
    sessile_key *signer = NULL;
    int r = sessile_key_sshsig(key, "file", NULL, MESSAGE, strlen(MESSAGE), text, sizeof text);

    if (r > 0)
        r = sessile_sshsig_verify(text, (size_t)r, "file", MESSAGE, strlen(MESSAGE), &signer, NULL, 0);
    assert_true((r == 0) == (signer != NULL));
    sessile_key_free(signer);
    return r;
}

static void starve(sessile_key *key, int which)
{
    size_t ours = failing_blocks(FAILING_OURS);

    assert_int_equal(sign_and_verify(key), 0);
    for (size_t index = 0;; index++) {
        int r, hit;

        failing_at(which, index, 0);
        r = sign_and_verify(key);
        hit = failing_hit();
        failing_off();
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(failing_blocks(FAILING_OURS), ours);
        if (!hit) {
            assert_int_equal(r, 0);
            assert_true(index > 2);
            return;
        }
        if (which == FAILING_OURS)
            assert_int_equal(r, SESSILE_ERR_MEMORY);
    }
}

static void each_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        starve(made[i], FAILING_OURS);
        starve(made[i], FAILING_OPENSSL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_of_ssh_keygen_is_verified),
        cmocka_unit_test(each_key_type_signs_with_each_hash),
        cmocka_unit_test(an_empty_message_is_signed),
        cmocka_unit_test(asking_for_the_size_gives_enough_room),
        cmocka_unit_test(unusable_parameters_are_refused),
        cmocka_unit_test(each_field_is_checked),
        cmocka_unit_test(a_security_key_must_say_that_somebody_was_present),
        cmocka_unit_test(a_certificate_signs_as_such),
        cmocka_unit_test(text_around_a_signature_is_refused),
        cmocka_unit_test(no_truncated_text_is_verified),
        cmocka_unit_test(no_truncated_or_changed_signature_is_verified),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };

    failing_install();
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
