/* SPDX-License-Identifier: Apache-2.0
 *
 * Key revocation lists: what each kind of section revokes, and what makes a list unusable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "codec/writer.h"
#include "failing.h"
#include "harness.h"
#include "ssh_trust.h"

static char error[256];

/* ---- making lists ---- */

static void put_header(struct writer *w, const char *comment)
{
    put_u64(w, 0x5353484b524c0a00u);
    put_u32(w, 1);
    put_u64(w, 42);
    put_u64(w, TRUST_NOW);
    put_u64(w, 0);
    put_text32(w, "");
    put_text32(w, comment);
}

static void put_blob(struct writer *w, const char *name)
{
    uint8_t blob[1024];
    int size = sessile_key_blob(trust_key(name), 0, blob, sizeof blob);

    assert_true(size > 0);
    put_sized32(w, blob, (size_t)size);
}

static void put_digest(struct writer *w, const char *name, const EVP_MD *digest)
{
    uint8_t blob[1024], out[EVP_MAX_MD_SIZE];
    unsigned length;
    int size = sessile_key_blob(trust_key(name), 0, blob, sizeof blob);

    assert_int_equal(EVP_Digest(blob, (size_t)size, out, &length, digest, NULL), 1);
    put_sized32(w, out, length);
}

static size_t begin(struct writer *w, int type)
{
    put_u8(w, (uint8_t)type);
    return put_begin32(w);
}

/* A section of certificates, of one authority or of all. */
static size_t begin_certificates(struct writer *w, const char *authority)
{
    size_t section = begin(w, 1);

    if (authority)
        put_blob(w, authority);
    else
        put_text32(w, "");
    put_text32(w, "");
    return section;
}

static void put_extension(struct writer *w, int type, int critical)
{
    size_t section = begin(w, type);

    put_text32(w, "new@example");
    put_u8(w, (uint8_t)critical);
    put_text32(w, "contents");
    put_end32(w, section);
}

/* ---- asking ---- */

static sessile_krl *read_list(struct writer *w)
{
    sessile_krl *krl = NULL;
    int result = sessile_krl_read(w->data, w->size, &krl, error, sizeof error);

    if (result < 0)
        fail_msg("%s", error);
    assert_string_equal(error, "");
    writer_free(w);
    *w = (struct writer){0};
    return krl;
}

static void refuse_list(struct writer *w, int code, const char *why)
{
    sessile_krl *krl = (sessile_krl *)(uintptr_t)1;

    assert_int_equal(sessile_krl_read(w->data, w->size, &krl, error, sizeof error), code);
    assert_null(krl);
    if (!strstr(error, why))
        fail_msg("'%s' is not in: %s", why, error);
    writer_free(w);
    *w = (struct writer){0};
}

static int revokes_serial(sessile_krl *krl, const char *authority, uint64_t serial)
{
    sessile_key *certificate = trust_certificate("ed25519 a", authority, (struct trust_terms){.serial = serial});
    int result = sessile_krl_revokes(krl, certificate);

    sessile_key_free(certificate);
    return result;
}

/* ---- what is revoked ---- */

static void an_empty_list_revokes_nothing(void **state)
{
    struct writer w = {0};
    sessile_krl *krl;

    (void)state;
    put_header(&w, "a \x1b comment");
    krl = read_list(&w);
    assert_int_equal(sessile_krl_version(krl), 42);
    assert_int_equal(sessile_krl_generated(krl), TRUST_NOW);
    assert_string_equal(sessile_krl_comment(krl), "a \\x1b comment");
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 0);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", 7), 0);
    assert_int_equal(sessile_krl_revokes(krl, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_krl_revokes(NULL, trust_key("ed25519 a")), SESSILE_ERR_ARGUMENT);
    assert_ptr_equal(sessile_krl_keep(krl), krl);
    sessile_krl_free(krl);
    sessile_krl_free(krl);
    sessile_krl_free(NULL);
}

static void keys_are_revoked_by_themselves_and_by_fingerprint(void **state)
{
    static const int types[] = {2, 3, 5};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct writer w = {0};
        sessile_krl *krl;
        size_t section;

        put_header(&w, "");
        section = begin(&w, types[i]);
        for (int k = 0; k < 2; k++) {
            const char *name = k ? "ed25519 a" : "ecdsa b";

            if (types[i] == 2)
                put_blob(&w, name);
            else
                put_digest(&w, name, types[i] == 3 ? EVP_sha1() : EVP_sha256());
        }
        put_end32(&w, section);
        krl = read_list(&w);
        assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 1);
        assert_int_equal(sessile_krl_revokes(krl, trust_key("ecdsa b")), 1);
        assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 b")), 0);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 7), 1); /* its key is */
        sessile_krl_free(krl);
    }
}

static void an_authority_that_is_revoked_takes_its_certificates_along(void **state)
{
    struct writer w = {0};
    sessile_krl *krl;
    size_t section;

    (void)state;
    put_header(&w, "");
    section = begin(&w, 2);
    put_blob(&w, "ecdsa ca");
    put_end32(&w, section);
    krl = read_list(&w);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", 7), 1);
    assert_int_equal(revokes_serial(krl, "ecdsa b", 7), 0);
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 0);
    sessile_krl_free(krl);
}

static void serial_numbers_are_revoked_of_one_authority_or_all(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct writer w = {0};
        sessile_krl *krl;
        size_t section, part;

        put_header(&w, "");
        section = begin_certificates(&w, all ? NULL : "ecdsa ca");
        part = begin(&w, 0x20);
        put_u64(&w, 7);
        put_u64(&w, UINT64_MAX);
        put_end32(&w, part);
        part = begin(&w, 0x21);
        put_u64(&w, 100);
        put_u64(&w, 200);
        put_end32(&w, part);
        put_end32(&w, section);
        krl = read_list(&w);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 7), 1);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", UINT64_MAX), 1);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 8), 0);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 99), 0);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 100), 1);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 200), 1);
        assert_int_equal(revokes_serial(krl, "ecdsa ca", 201), 0);
        assert_int_equal(revokes_serial(krl, "ecdsa b", 7), all);
        assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 0);
        sessile_krl_free(krl);
    }
}

static void a_bitmap_counts_from_its_offset(void **state)
{
    static const uint8_t bits[] = {0x02, 0x81}; /* 0, 7 and 9 */
    struct writer w = {0};
    sessile_krl *krl;
    size_t section, part;

    (void)state;
    put_header(&w, "");
    section = begin_certificates(&w, NULL);
    part = begin(&w, 0x22);
    put_u64(&w, 1000);
    put_mpint(&w, bits, sizeof bits);
    put_end32(&w, part);
    part = begin(&w, 0x22);
    put_u64(&w, UINT64_MAX);
    put_mpint(&w, "\x01", 1);
    put_end32(&w, part);
    part = begin(&w, 0x22);
    put_u64(&w, 1);
    put_mpint(&w, NULL, 0);
    put_end32(&w, part);
    put_end32(&w, section);
    krl = read_list(&w);
    for (uint64_t serial = 990; serial < 1030; serial++)
        assert_int_equal(revokes_serial(krl, "ecdsa ca", serial), serial == 1000 || serial == 1007 || serial == 1009);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", 1), 0);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", UINT64_MAX), 1);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", UINT64_MAX - 1), 0);
    sessile_krl_free(krl);
}

static int revokes_unnumbered(sessile_krl *krl)
{
    const char *principal = "alice";
    sessile_key *certificate;
    int result;

    assert_int_equal(sessile_certificate_sign(trust_key("ed25519 a"), trust_key("ecdsa ca"), NULL, 1, 0, "", &principal,
                                              1, 0, UINT64_MAX, NULL, 0, NULL, 0, &certificate),
                     0);
    result = sessile_krl_revokes(krl, certificate);
    sessile_key_free(certificate);
    return result;
}

static void a_certificate_without_a_number_is_revoked_by_none(void **state)
{
    struct writer w = {0};
    sessile_krl *krl;
    size_t section, part;

    (void)state;
    put_header(&w, "");
    section = begin_certificates(&w, NULL);
    part = begin(&w, 0x21);
    put_u64(&w, 0);
    put_u64(&w, UINT64_MAX);
    put_end32(&w, part);
    put_end32(&w, section);
    krl = read_list(&w);
    assert_int_equal(revokes_unnumbered(krl), 0);
    assert_int_equal(revokes_serial(krl, "ecdsa ca", 1), 1);
    sessile_krl_free(krl);
}

static void key_ids_are_revoked(void **state)
{
    struct writer w = {0};
    sessile_key *certificate;
    sessile_krl *krl;
    size_t section, part;

    (void)state;
    put_header(&w, "");
    section = begin_certificates(&w, "ecdsa ca");
    part = begin(&w, 0x23);
    put_text32(&w, "first");
    put_text32(&w, "second");
    put_end32(&w, part);
    put_end32(&w, section);
    krl = read_list(&w);
    certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){.id = "second"});
    assert_int_equal(sessile_krl_revokes(krl, certificate), 1);
    sessile_key_free(certificate);
    certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){.id = "second2"});
    assert_int_equal(sessile_krl_revokes(krl, certificate), 0);
    sessile_key_free(certificate);
    certificate = trust_certificate("ed25519 a", "ecdsa b", (struct trust_terms){.id = "second"});
    assert_int_equal(sessile_krl_revokes(krl, certificate), 0);
    sessile_key_free(certificate);
    sessile_krl_free(krl);
}

/* ---- what is ignored, and what makes a list unusable ---- */

static void signatures_and_extensions_that_are_not_critical_are_ignored(void **state)
{
    struct writer w = {0};
    sessile_krl *krl;
    size_t section;

    (void)state;
    put_header(&w, "");
    put_extension(&w, 255, 0);
    put_u8(&w, 4);
    put_blob(&w, "ecdsa ca");
    put_text32(&w, "no signature at all");
    section = begin_certificates(&w, NULL);
    put_extension(&w, 0x39, 0);
    put_end32(&w, section);
    section = begin(&w, 2);
    put_blob(&w, "ed25519 a");
    put_end32(&w, section);
    krl = read_list(&w);
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 1);
    sessile_krl_free(krl);
}

static void critical_extensions_and_unknown_sections_are_refused(void **state)
{
    struct writer w = {0};
    size_t section;

    (void)state;
    put_header(&w, "");
    put_extension(&w, 255, 1);
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "the extension 'new@example' is critical");
    put_header(&w, "");
    section = begin_certificates(&w, NULL);
    put_extension(&w, 0x39, 1);
    put_end32(&w, section);
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "is critical");
    put_header(&w, "");
    put_end32(&w, begin(&w, 6));
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "type 6");
    put_header(&w, "");
    put_end32(&w, begin(&w, 0x20));
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "type 32");
    put_header(&w, "");
    section = begin_certificates(&w, NULL);
    put_end32(&w, begin(&w, 2));
    put_end32(&w, section);
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "type 2");
    put_u64(&w, 0x5353484b524c0a00u);
    put_u32(&w, 2);
    for (int i = 0; i < 4; i++)
        put_u64(&w, 0);
    refuse_list(&w, SESSILE_ERR_UNSUPPORTED, "format 2");
}

static void malformed_sections_are_refused(void **state)
{
    static const struct {
        int type;
        int size;
        const char *data;
        const char *why;
    } parts[] = {
        {0x20, 7, "\0\0\0\0\0\0\1", "serial numbers is malformed"},
        {0x21, 8, "\0\0\0\0\0\0\0\1", "a range of serial numbers is malformed"},
        {0x21, 16, "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1", "a range of serial numbers is malformed"},
        {0x21, 17, "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0", "a range of serial numbers is malformed"},
        {0x22, 8, "\0\0\0\0\0\0\0\1", "a bitmap of serial numbers is malformed"},
        {0x22, 13, "\0\0\0\0\0\0\0\1\0\0\0\1\x80", "a bitmap of serial numbers is malformed"},
        {0x22, 13, "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\1\2", "a bitmap of serial numbers is malformed"},
        {0x23, 4, "\0\0\0\1", "key ids is malformed"},
        {0x23, 4, "\0\0\0\0", "key ids is malformed"},
        {0x23, 4, "\xff\xff\xff\xff", "key ids is malformed"},
        {0x39, 4, "\0\0\0\0", "an extension is malformed"},
        {2, 4, "\0\0\0\1", "keys is malformed"},
        {3, 5, "\0\0\0\1x", "SHA-1 fingerprints is malformed"},
        {5, 24, "\0\0\0\24xxxxxxxxxxxxxxxxxxxx", "SHA-256 fingerprints is malformed"},
        {255, 1, "\0", "an extension is malformed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct writer w = {0};
        size_t section = 0, part;

        put_header(&w, "");
        if (parts[i].type >= 0x20 && parts[i].type < 255)
            section = begin_certificates(&w, NULL);
        part = begin(&w, parts[i].type);
        put_bytes(&w, parts[i].data, (size_t)parts[i].size);
        put_end32(&w, part);
        if (section)
            put_end32(&w, section);
        refuse_list(&w, SESSILE_ERR_ARGUMENT, parts[i].why);
    }
}

static void a_list_that_is_cut_short_is_refused(void **state)
{
    struct writer w = {0};
    sessile_krl *krl;
    size_t header, section, part;

    (void)state;
    put_header(&w, "comment");
    header = w.size;
    section = begin_certificates(&w, "ecdsa ca");
    part = begin(&w, 0x23);
    put_text32(&w, "id");
    put_end32(&w, part);
    put_end32(&w, section);
    for (size_t size = 0; size < w.size; size++) {
        int result = sessile_krl_read(w.data, size, &krl, error, sizeof error);

        if (size == 0 || size == header)
            assert_int_equal(result, 0);
        else
            assert_int_equal(result, SESSILE_ERR_ARGUMENT);
        sessile_krl_free(krl);
    }
    writer_free(&w);
}

static void what_is_too_much_is_refused(void **state)
{
    size_t size = (16u << 20) + 1;
    char *data = need_memory(calloc(1, size));
    struct writer w = {0};
    sessile_krl *krl;

    (void)state;
    assert_int_equal(sessile_krl_read(data, size, &krl, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_non_null(strstr(error, "16777216"));
    free(data);
    put_header(&w, "");
    for (int i = 0; i < 65537; i++)
        put_end32(&w, begin(&w, 2));
    refuse_list(&w, SESSILE_ERR_ARGUMENT, "more than 65536 sections");
    assert_int_equal(sessile_krl_read(NULL, 1, &krl, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_krl_read(NULL, 0, &krl, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_krl_read("", 0, NULL, error, sizeof error), SESSILE_ERR_ARGUMENT);
}

/* ---- lists of keys as text ---- */

static void a_text_of_keys_is_a_list_too(void **state)
{
    sessile_key *certificate = trust_certificate("ecdsa b", "ecdsa ca", (struct trust_terms){.serial = 9});
    char *text = trust_text("# revoked\n{ed25519 a} comment\nssh-dss AAAAB3NzaC1kc3MAAAABAQ== old\n");
    char line[2048];
    struct writer w = {0};
    sessile_krl *krl;
    int size = sessile_key_write_public(certificate, SESSILE_KEY_LINE, line, sizeof line);

    (void)state;
    assert_true(size > 0);
    put_bytes(&w, text, strlen(text));
    put_bytes(&w, line, (size_t)size);
    free(text);
    krl = read_list(&w);
    assert_int_equal(sessile_krl_version(krl), 0);
    assert_string_equal(sessile_krl_comment(krl), "");
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 a")), 1);
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ecdsa b")), 1);
    assert_int_equal(sessile_krl_revokes(krl, certificate), 1);
    assert_int_equal(sessile_krl_revokes(krl, trust_key("ed25519 b")), 0);
    sessile_krl_free(krl);
    sessile_key_free(certificate);
}

static void a_text_with_a_line_that_is_no_key_is_refused(void **state)
{
    char *text = trust_text("{ed25519 a}\nssh-ed25519 AAAA\n");
    struct writer w = {0};

    (void)state;
    put_bytes(&w, text, strlen(text));
    free(text);
    refuse_list(&w, SESSILE_ERR_ARGUMENT, "line 2: ");
    put_bytes(&w, "SSHKRL\n", 7);
    refuse_list(&w, SESSILE_ERR_ARGUMENT, "line 1: ");
    text = trust_text("{ed25519 a} \x01\n");
    put_bytes(&w, text, strlen(text));
    free(text);
    refuse_list(&w, SESSILE_ERR_ARGUMENT, "line 1: the line has a control character");
}

/* ---- whatever comes ---- */

/* All kinds of sections. */
static void put_everything(struct writer *w)
{
    size_t section, part;

    put_header(w, "comment");
    section = begin_certificates(w, "ecdsa ca");
    part = begin(w, 0x20);
    put_u64(w, 7);
    put_end32(w, part);
    part = begin(w, 0x21);
    put_u64(w, 100);
    put_u64(w, 200);
    put_end32(w, part);
    part = begin(w, 0x22);
    put_u64(w, 1000);
    put_mpint(w, "\x7f\xff", 2);
    put_end32(w, part);
    part = begin(w, 0x23);
    put_text32(w, "first");
    put_end32(w, part);
    put_extension(w, 0x39, 0);
    put_end32(w, section);
    section = begin(w, 2);
    put_blob(w, "ed25519 a");
    put_end32(w, section);
    section = begin(w, 3);
    put_digest(w, "ed25519 b", EVP_sha1());
    put_end32(w, section);
    section = begin(w, 5);
    put_digest(w, "ed25519 c", EVP_sha256());
    put_end32(w, section);
    put_extension(w, 255, 0);
}

static void mutated_lists_do_no_harm(void **state)
{
    sessile_key *certificate = trust_certificate("ecdsa b", "ecdsa ca", (struct trust_terms){.serial = 1005});
    struct writer w = {0};
    uint32_t random = 3;

    (void)state;
    put_everything(&w);
    for (int i = 0; i < 20000; i++) {
        sessile_krl *krl;
        size_t size = w.size;
        uint8_t *mutated = trust_mutate(w.data, &size, &random);
        int result = sessile_krl_read(mutated, size, &krl, error, sizeof error);

        free(mutated);
        if (result < 0) {
            assert_true(error[0] != 0);
            continue;
        }
        result = sessile_krl_revokes(krl, certificate);
        assert_true(result == 0 || result == 1);
        sessile_krl_free(krl);
    }
    writer_free(&w);
    sessile_key_free(certificate);
}

/* A list without enough memory revokes what it revokes, or is no list, or says that it cannot tell. */
static void without_memory_nothing_is_let_in(void **state)
{
    char *text = trust_text("{ecdsa b}\n{ed25519 c}\n");
    struct writer lists[2] = {{0}, {0}};
    size_t before;
    int hit;

    (void)state;
    put_everything(&lists[0]);
    put_bytes(&lists[1], text, strlen(text));
    free(text);
    before = failing_blocks(FAILING_OURS);
    for (int which = FAILING_OURS; which <= FAILING_OPENSSL; which++)
        for (int list = 0; list < 2; list++)
            for (size_t i = 0;; i++) {
                sessile_krl *krl;
                int revoked = 1;
                int result;

                failing_at(which, i, 0);
                result = sessile_krl_read(lists[list].data, lists[list].size, &krl, error, sizeof error);
                if (result == SESSILE_OK)
                    revoked = sessile_krl_revokes(krl, trust_key("ed25519 c"));
                hit = failing_hit();
                failing_off();
                sessile_krl_free(krl);
                assert_int_equal(failing_blocks(FAILING_OURS), before);
                assert_int_not_equal(revoked, 0);
                if (!hit) {
                    assert_int_equal(revoked, 1);
                    break;
                }
                if (which == FAILING_OURS)
                    assert_int_equal(result, SESSILE_ERR_MEMORY);
            }
    writer_free(&lists[0]);
    writer_free(&lists[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_revokes_nothing),
        cmocka_unit_test(keys_are_revoked_by_themselves_and_by_fingerprint),
        cmocka_unit_test(an_authority_that_is_revoked_takes_its_certificates_along),
        cmocka_unit_test(serial_numbers_are_revoked_of_one_authority_or_all),
        cmocka_unit_test(a_bitmap_counts_from_its_offset),
        cmocka_unit_test(a_certificate_without_a_number_is_revoked_by_none),
        cmocka_unit_test(key_ids_are_revoked),
        cmocka_unit_test(signatures_and_extensions_that_are_not_critical_are_ignored),
        cmocka_unit_test(critical_extensions_and_unknown_sections_are_refused),
        cmocka_unit_test(malformed_sections_are_refused),
        cmocka_unit_test(a_list_that_is_cut_short_is_refused),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_text_of_keys_is_a_list_too),
        cmocka_unit_test(a_text_with_a_line_that_is_no_key_is_refused),
        cmocka_unit_test(mutated_lists_do_no_harm),
        cmocka_unit_test(without_memory_nothing_is_let_in),
    };
    int failed;

    failing_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    trust_free();
    return failed;
}
