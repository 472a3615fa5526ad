/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: those of ssh-keygen are read and checked, those made here too; and whatever is not in order, not for
 * whom, when or whence it must be, or not signed, is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "ssh/key/certificate.h"
#include "ssh/key/types.h"
#include "ssh_key_material.h"

#define USER SESSILE_CERTIFICATE_USER
#define HOST SESSILE_CERTIFICATE_HOST
#define NOW 1700000000
#define FOREVER UINT64_MAX
/* 2020 to 2040. */
#define AFTER 1577836800
#define BEFORE 2208988800

static char why[256];

static sessile_key *read_key(const char *text)
{
    sessile_key *key;

    assert_int_equal(sessile_key_read_public(text, strlen(text), &key, why, sizeof why), 0);
    return key;
}

static sessile_key *new_key(const char *type)
{
    sessile_key *key;

    assert_int_equal(sessile_key_generate(type, strcmp(type, "ssh-rsa") ? 0 : 2048, "made", &key), 0);
    return key;
}

static int check(sessile_key *key, int kind, const char *principal, const char *address, int64_t now)
{
    int r = sessile_certificate_check(key, kind, principal, address, now, why, sizeof why);

    assert_int_equal(r == 0, why[0] == 0);
    assert_int_equal(ERR_peek_error(), 0);
    return r;
}

static void refuse(sessile_key *key, int kind, const char *principal, const char *address, int64_t now,
                   const char *part)
{
    assert_int_equal(check(key, kind, principal, address, now), SESSILE_ERR_VERIFY);
    if (!strstr(why, part))
        fail_msg("'%s' is not in: %s", part, why);
}

/* ---- Those of ssh-keygen ---- */

static void option_is(sessile_key *key, int critical, const char *name, const char *value)
{
    char room[128];
    int length = sessile_certificate_option(key, critical, name, NULL, 0);

    if (!value) {
        assert_int_equal(length, SESSILE_ERR_ARGUMENT);
        return;
    }
    assert_int_equal(length, strlen(value));
    assert_int_equal(sessile_certificate_option(key, critical, name, room, sizeof room), length);
    assert_memory_equal(room, value, strlen(value));
}

static void fields_are_what_ssh_keygen_put_in(void **state)
{
    sessile_key *authority = read_key(material_ca_ed25519);
    (void)state;

    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].certificate);

        assert_int_equal(sessile_certificate_kind(key), USER);
        assert_int_equal(sessile_certificate_serial(key), 7);
        assert_int_equal(strncmp(sessile_certificate_key_id(key), "id ", 3), 0);
        assert_int_equal(sessile_certificate_valid_after(key), AFTER);
        assert_int_equal(sessile_certificate_valid_before(key), BEFORE);
        assert_int_equal(sessile_certificate_principal_count(key), 2);
        assert_string_equal(sessile_certificate_principal(key, 0), "alice");
        assert_string_equal(sessile_certificate_principal(key, 1), "bob");
        assert_null(sessile_certificate_principal(key, 2));
        assert_true(sessile_key_equal(sessile_certificate_authority(key), authority));
        option_is(key, 1, "force-command", "/bin/true");
        option_is(key, 1, "source-address", "10.0.0.0/8,2001:db8::/32");
        option_is(key, 0, "force-command", NULL);
        option_is(key, 0, "permit-user-rc", "");
        option_is(key, 0, "permit-pty", NULL);
        option_is(key, 1, "permit-user-rc", NULL);
        sessile_key_free(key);
    }
    sessile_key_free(authority);
}

static void a_key_without_certificate_has_no_fields(void **state)
{
    sessile_key *key = read_key(material_keys[0].line);
    (void)state;

    assert_int_equal(sessile_certificate_kind(key), 0);
    assert_int_equal(sessile_certificate_serial(key), 0);
    assert_string_equal(sessile_certificate_key_id(key), "");
    assert_int_equal(sessile_certificate_principal_count(key), 0);
    assert_null(sessile_certificate_principal(key, 0));
    assert_null(sessile_certificate_authority(key));
    option_is(key, 1, "force-command", NULL);
    assert_int_equal(check(key, USER, NULL, NULL, NOW), SESSILE_ERR_ARGUMENT);
    sessile_key_free(key);
}

static void certificates_of_every_key_type_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_KEYS; i++) {
        sessile_key *key = read_key(material_keys[i].certificate);

        assert_int_equal(check(key, USER, "alice", "10.1.2.3", NOW), 0);
        assert_int_equal(check(key, USER, "bob", "2001:db8::1", NOW), 0);
        assert_int_equal(check(key, USER, NULL, "::ffff:10.0.0.1", NOW), 0);
        refuse(key, HOST, "alice", "10.1.2.3", NOW, "is for a user, not for a host");
        sessile_key_free(key);
    }
}

static void certificates_by_every_algorithm_pass_but_sha1(void **state)
{
    (void)state;
    for (size_t i = 0; i < MATERIAL_BY; i++) {
        sessile_key *key = read_key(material_by[i].certificate), *authority = read_key(material_by[i].authority);

        assert_true(sessile_key_equal(sessile_certificate_authority(key), authority));
        if (i + 1 < MATERIAL_BY)
            assert_int_equal(check(key, USER, "alice", NULL, NOW), 0);
        else
            refuse(key, USER, "alice", NULL, NOW, "no good signature");
        sessile_key_free(authority);
        sessile_key_free(key);
    }
}

static void hosts_certificates_pass_for_their_names(void **state)
{
    sessile_key *key = read_key(material_host);
    (void)state;

    assert_int_equal(sessile_certificate_kind(key), HOST);
    assert_true(sessile_certificate_serial(key) == UINT64_MAX);
    assert_int_equal(sessile_certificate_valid_after(key), 0);
    assert_true(sessile_certificate_valid_before(key) == UINT64_MAX);
    assert_int_equal(check(key, HOST, "host.example", NULL, NOW), 0);
    assert_int_equal(check(key, HOST, "www.example", "10.0.0.1", 0), 0);
    assert_int_equal(check(key, HOST, "www.example", NULL, INT64_MAX), 0);
    refuse(key, HOST, "other.example", NULL, NOW, "is not for 'other.example'");
    refuse(key, HOST, "host.example.", NULL, NOW, "is not for");
    refuse(key, HOST, "", NULL, NOW, "is not for ''");
    refuse(key, USER, "host.example", NULL, NOW, "is for a host, not for a user");
    assert_int_equal(check(key, 0, NULL, NULL, NOW), SESSILE_ERR_ARGUMENT);
    assert_int_equal(check(key, 3, NULL, NULL, NOW), SESSILE_ERR_ARGUMENT);
    sessile_key_free(key);
}

static void time_principal_and_address_must_fit(void **state)
{
    sessile_key *key = read_key(material_keys[0].certificate);
    (void)state;

    assert_int_equal(check(key, USER, "alice", "10.1.2.3", AFTER), 0);
    refuse(key, USER, "alice", "10.1.2.3", AFTER - 1, "is not valid before 1577836800, and it is 1577836799");
    assert_int_equal(check(key, USER, "alice", "10.1.2.3", BEFORE - 1), 0);
    refuse(key, USER, "alice", "10.1.2.3", BEFORE, "was valid until 2208988800, and it is 2208988800");
    refuse(key, USER, "alice", "10.1.2.3", -1, "the time is not known");
    refuse(key, USER, "alic", "10.1.2.3", NOW, "is not for 'alic'");
    refuse(key, USER, "Alice", "10.1.2.3", NOW, "is not for 'Alice'");
    refuse(key, USER, "ali\x1b", "10.1.2.3", NOW, "is not for 'ali\\x1b'");
    refuse(key, USER, "alice", "11.1.2.3", NOW, "is not for the address");
    refuse(key, USER, "alice", "2001:db9::", NOW, "is not for the address");
    refuse(key, USER, "alice", NULL, NOW, "the peer's is not known");
    refuse(key, USER, "alice", "localhost", NOW, "the peer's is not known");
    refuse(key, USER, "alice", "", NOW, "the peer's is not known");
    sessile_key_free(key);
}

static void no_principals_means_for_nobody(void **state)
{
    sessile_key *key = read_key(material_nobody);
    (void)state;

    assert_int_equal(check(key, USER, NULL, NULL, NOW), 0);
    refuse(key, USER, "alice", NULL, NOW, "has no principals");
    refuse(key, USER, "", NULL, NOW, "has no principals");
    sessile_key_free(key);
}

static void unknown_critical_options_are_refused(void **state)
{
    sessile_key *key = read_key(material_custom);
    (void)state;

    refuse(key, USER, "alice", NULL, NOW, "the critical option 'custom@example', which is not known");
    option_is(key, 1, "custom@example", "yes");
    option_is(key, 0, "login@example", "alice");
    option_is(key, 0, "flag@example", "");
    sessile_key_free(key);
    key = read_key(material_host_critical);
    refuse(key, HOST, "host.example", NULL, NOW, "is for a host and has a critical option");
    sessile_key_free(key);
    key = read_key(material_verify);
    assert_int_equal(check(key, USER, "alice", NULL, NOW), 0);
    option_is(key, 1, "verify-required", "");
    sessile_key_free(key);
}

/* ---- Forged ones ---- */

/* Every byte of a certificate counts: changed, it cannot be read, or its signature is not good. */
static void a_changed_byte_is_refused(void **state)
{
    const char *texts[] = {material_keys[0].certificate, material_by[0].certificate, material_host};
    (void)state;

    for (size_t n = 0; n < 3; n++) {
        sessile_key *key = read_key(texts[n]);
        size_t size = (size_t)sessile_key_blob(key, 1, NULL, 0);
        uint8_t *blob = malloc(size);
        int kind = sessile_certificate_kind(key);
        sessile_key *forged;

        assert_non_null(blob);
        sessile_key_blob(key, 1, blob, size);
        assert_int_equal(check(key, kind, NULL, "10.0.0.1", NOW), 0);
        for (size_t at = 0; at < size; at++) {
            blob[at] ^= 1;
            if (sessile_key_from_blob(blob, size, &forged, NULL, 0) == 0)
                assert_int_equal(check(forged, kind, NULL, "10.0.0.1", NOW), SESSILE_ERR_VERIFY);
            sessile_key_free(forged);
            blob[at] ^= 1;
        }
        free(blob);
        sessile_key_free(key);
    }
}

/* What a forger puts together, and signs with a key of its own. NULL and 0 stand for what is in order. */
struct forgery {
    const char *type;
    const void *key_id;
    size_t key_id_size;
    const void *principals;
    size_t principals_size;
    const void *critical;
    size_t critical_size;
    const void *extensions;
    size_t extensions_size;
    uint32_t kind;
    const sessile_key *shown; /* the authority that the certificate names */
    const char *part;         /* of the sentence */
};

static struct {
    sessile_key *key;
    sessile_key *authority;
} forger;

static int make_forger(void **state)
{
    (void)state;
    forger.key = new_key("ssh-ed25519");
    forger.authority = new_key("ssh-ed25519");
    return 0;
}

static int free_forger(void **state)
{
    (void)state;
    sessile_key_free(forger.key);
    sessile_key_free(forger.authority);
    return 0;
}

static void put_forgery(struct writer *w, const struct forgery *forgery)
{
    static const char alice[] = "\0\0\0\5alice";
    const sessile_key *shown = forgery->shown ? forgery->shown : forger.authority;
    struct reader r = reader_of(forger.key->blob, forger.key->blob_size);
    struct writer signature = {0};
    const uint8_t *blob;
    size_t size;

    get_sub32(&r);
    put_text32(w, forgery->type ? forgery->type : "ssh-ed25519-cert-v01@openssh.com");
    put_text32(w, "nonce");
    put_bytes(w, r.data, r.left);
    put_u64(w, 1);
    put_u32(w, forgery->kind ? forgery->kind : USER);
    put_sized32(w, forgery->key_id, forgery->key_id_size);
    put_sized32(w, forgery->principals ? forgery->principals : alice,
                forgery->principals ? forgery->principals_size : sizeof alice - 1);
    put_u64(w, 0);
    put_u64(w, FOREVER);
    put_sized32(w, forgery->critical, forgery->critical_size);
    put_sized32(w, forgery->extensions, forgery->extensions_size);
    put_u32(w, 0);
    blob = key_wire_blob(shown, 1, &size);
    put_sized32(w, blob, size);
    assert_int_equal(
        key_sign(forger.authority, key_algorithm_best(forger.authority->type), w->data, w->size, &signature), 0);
    put_sized32(w, signature.data, signature.size);
    writer_free(&signature);
    assert_false(w->failed);
}

/* part NULL: it can be read and passes. With read: it can be read, and the check says part. */
static void forge(const struct forgery *forgery, int read)
{
    struct writer w = {0};
    sessile_key *key;
    int r;

    put_forgery(&w, forgery);
    r = sessile_key_from_blob(w.data, w.size, &key, why, sizeof why);
    if (!forgery->part || read) {
        if (r)
            fail_msg("%d: %s", r, why);
        if (forgery->part)
            refuse(key, USER, "alice", "10.0.0.1", NOW, forgery->part);
        else
            assert_int_equal(check(key, USER, "alice", "10.0.0.1", NOW), 0);
    } else {
        assert_int_equal(r, SESSILE_ERR_ARGUMENT);
        assert_null(key);
        if (!strstr(why, forgery->part))
            fail_msg("'%s' is not in: %s", forgery->part, why);
    }
    sessile_key_free(key);
    writer_free(&w);
}

#define BYTES(text) text, sizeof text - 1

static void options_must_be_in_order_and_each_once(void **state)
{
    static const struct forgery cases[] = {
        {.extensions = "\0\0\0\1a\0\0\0\0\0\0\0\2aa\0\0\0\0\0\0\0\1b\0\0\0\0", .extensions_size = 28},
        {.extensions = "\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0",
         .extensions_size = 18,
         .part = "extensions are not in order"},
        {.extensions = "\0\0\0\1a\0\0\0\0\0\0\0\1a\0\0\0\0", .extensions_size = 18, .part = "there twice"},
        {.extensions = "\0\0\0\2aa\0\0\0\0\0\0\0\1a\0\0\0\0", .extensions_size = 19, .part = "not in order"},
        {.extensions = "\0\0\0\0\0\0\0\0", .extensions_size = 8, .part = "has no name"},
        {.extensions = "\0\0\0\1\0\0\0\0\0", .extensions_size = 9, .part = "has no name"},
        {.extensions = "\0\0\0\1a", .extensions_size = 5, .part = "extensions are cut short"},
        {.extensions = "\0\0\0\1a\0\0\0\1", .extensions_size = 9, .part = "extensions are cut short"},
        {.critical = "\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0",
         .critical_size = 18,
         .part = "critical options are not in order"},
        {.critical = "\0\0\0\1a\0\0\0\0\0\0\0\1a\0\0\0\0", .critical_size = 18, .part = "there twice"},
        {.critical = "\0", .critical_size = 1, .part = "critical options are cut short"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        forge(&cases[i], 0);
}

static void known_critical_options_must_make_sense(void **state)
{
    static const struct {
        const char *name;
        const char *data;
        size_t size;
        const char *part;
    } cases[] = {
        {"source-address",
         BYTES("\0\0\0\x0a"
               "10.0.0.0/8"),
         NULL},
        {"source-address", BYTES("\0\0\0\0"), "no list of address blocks"},
        {"source-address", BYTES(""), "that is no string"},
        {"source-address", BYTES("10.0.0.0/8"), "that is no string"},
        {"source-address",
         BYTES("\0\0\0\x0a"
               "10.0.0.0/8x"),
         "that is no string"},
        {"source-address",
         BYTES("\0\0\0\x0a"
               "10.0.0.1/8"),
         "no list of address blocks"},
        {"source-address",
         BYTES("\0\0\0\x0b"
               "10.0.0.0/8,"),
         "no list of address blocks"},
        {"source-address",
         BYTES("\0\0\0\x0a"
               "11.0.0.0/8"),
         "not for the address"},
        {"source-address", BYTES("\0\0\0\1*"), "no list of address blocks"},
        {"force-command", BYTES("\0\0\0\2ls"), NULL},
        {"force-command", BYTES("\0\0\0\0"), "no command"},
        {"force-command", BYTES(""), "no command"},
        {"force-command", BYTES("\0\0\0\2l\0"), "no command"},
        {"force-command", BYTES("\0\0\0\1ls"), "no command"},
        {"verify-required", BYTES(""), NULL},
        {"verify-required", BYTES("\0\0\0\0"), "verify-required with data"},
        {"permit-pty", BYTES(""), "'permit-pty', which is not known"},
        {"no-touch-required", BYTES(""), "'no-touch-required', which is not known"},
        {"\x1b[2J", BYTES(""), "'\\x1b[2J', which is not known"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct forgery forgery = {.part = cases[i].part};
        struct writer w = {0};

        put_text32(&w, cases[i].name);
        put_sized32(&w, cases[i].data, cases[i].size);
        forgery.critical = w.data;
        forgery.critical_size = w.size;
        forge(&forgery, 1);
        writer_free(&w);
    }
}

static void fields_are_bounded(void **state)
{
    struct forgery forgery = {0};
    struct writer w = {0};
    char *large = malloc(65000);
    (void)state;

    assert_non_null(large);
    memset(large, 'a', 65000);
    forge(&forgery, 0);
    forgery = (struct forgery){.kind = 3, .part = "kind is 3"};
    forge(&forgery, 0);
    forgery = (struct forgery){.key_id = large, .key_id_size = 4096};
    forge(&forgery, 0);
    forgery = (struct forgery){.key_id = large, .key_id_size = 4097, .part = "key id has 4097 bytes, and at most 4096"};
    forge(&forgery, 0);
    forgery = (struct forgery){.key_id = "a\0b", .key_id_size = 3, .part = "key id has a NUL byte"};
    forge(&forgery, 0);
    forgery = (struct forgery){.principals = "\0\0\0\6alice\0", .principals_size = 10, .part = "has a NUL byte"};
    forge(&forgery, 0);
    forgery = (struct forgery){.principals = "\0\0\0\0", .principals_size = 4, .part = "empty principal"};
    forge(&forgery, 0);
    forgery = (struct forgery){.principals = "\0\0\0\5alic", .principals_size = 8, .part = "cut short"};
    forge(&forgery, 0);
    put_sized32(&w, large, 1025);
    forgery = (struct forgery){.principals = w.data, .principals_size = w.size, .part = "1025 bytes, and at most 1024"};
    forge(&forgery, 0);
    writer_free(&w);
    forgery = (struct forgery){.extensions = large, .extensions_size = 16385, .part = "16385 bytes, and at most 16384"};
    forge(&forgery, 0);
    forgery = (struct forgery){.critical = large, .critical_size = 16385, .part = "16385 bytes, and at most 16384"};
    forge(&forgery, 0);
    forgery = (struct forgery){.type = "ssh-rsa-cert-v01@openssh.com", .part = "RSA key"};
    forge(&forgery, 0);
    free(large);
}

static void principals_and_options_are_counted(void **state)
{
    struct writer principals = {0}, options = {0};
    struct forgery forgery = {0};
    char name[16];
    (void)state;

    put_text32(&principals, "alice");
    for (int i = 1; i < 256; i++)
        put_text32(&principals, "p");
    forgery.principals = principals.data;
    forgery.principals_size = principals.size;
    forge(&forgery, 0);
    put_text32(&principals, "p");
    forgery = (struct forgery){
        .principals = principals.data, .principals_size = principals.size, .part = "257 principals, and at most 256"};
    forge(&forgery, 0);
    for (int i = 0; i < 65; i++) {
        snprintf(name, sizeof name, "x%02d", i);
        put_text32(&options, name);
        put_text32(&options, "");
        forgery = (struct forgery){.extensions = options.data, .extensions_size = options.size};
        if (i == 64)
            forgery.part = "65 extensions, and at most 64";
        if (i >= 63)
            forge(&forgery, 0);
    }
    writer_free(&principals);
    writer_free(&options);
}

/* The authority's key is shown with a certificate of its own: a chain, which SSH does not have. */
static void a_certificate_signs_no_certificate(void **state)
{
    static const char *const names[] = {"alice"};
    struct forgery forgery = {.part = "a certificate stands where a key must"};
    sessile_key *root = new_key("ssh-ed25519"), *certificate, *both;
    (void)state;

    assert_int_equal(sessile_certificate_sign(forger.authority, root, NULL, USER, 1, "chain", names, 1, 0, FOREVER,
                                              NULL, 0, NULL, 0, &certificate),
                     0);
    assert_int_equal(sessile_key_with_certificate(forger.authority, certificate, &both), 0);
    forgery.shown = both;
    forge(&forgery, 0);
    sessile_key_free(both);
    sessile_key_free(certificate);
    sessile_key_free(root);
}

static void a_certificate_in_anothers_name_is_refused(void **state)
{
    struct forgery forgery = {.part = "no good signature of its authority"};
    sessile_key *other = read_key(material_ca_ed25519);
    (void)state;

    forgery.shown = other;
    forge(&forgery, 1);
    sessile_key_free(other);
}

/* A security key signs without anybody's touch. */
static void an_authority_without_presence_is_refused(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags < 2; flags++) {
        struct reader r = reader_of(forger.authority->blob, forger.authority->blob_size);
        struct writer blob = {0}, w = {0};
        struct forgery forgery = {0};
        uint8_t said[KEY_SK_SIGNED];
        sessile_key *token, *key;
        size_t begin, inner;

        get_sub32(&r);
        put_text32(&blob, "sk-ssh-ed25519@openssh.com");
        put_bytes(&blob, r.data, r.left);
        put_text32(&blob, "ssh:");
        assert_int_equal(sessile_key_from_blob(blob.data, blob.size, &token, NULL, 0), 0);
        forgery.shown = token;
        put_forgery(&w, &forgery);
        w.size -= 4 + 83; /* the signature that the key itself has made */
        assert_int_equal(security_key_signed(token, flags, 5, w.data, w.size, said), 0);
        begin = put_begin32(&w);
        put_text32(&w, "sk-ssh-ed25519@openssh.com");
        inner = put_begin32(&w);
        assert_int_equal(forger.authority->type->sign(forger.authority, NULL, said, sizeof said, &w), 0);
        put_end32(&w, inner);
        put_u8(&w, flags);
        put_u32(&w, 5);
        put_end32(&w, begin);
        assert_int_equal(sessile_key_from_blob(w.data, w.size, &key, why, sizeof why), 0);
        if (flags)
            assert_int_equal(check(key, USER, "alice", NULL, NOW), 0);
        else
            refuse(key, USER, "alice", NULL, NOW, "no good signature");
        sessile_key_free(key);
        sessile_key_free(token);
        writer_free(&w);
        writer_free(&blob);
    }
}

/* ---- Those made here ---- */

static const char *const names[] = {"alice", "bob"};

static void certificates_made_here_pass(void **state)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};
    static const char extensions[] = "\0\0\0\x0apermit-pty\0\0\0\0";
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        sessile_key *key = new_key(types[i]), *authority = new_key(types[4 - i]), *made;

        assert_int_equal(sessile_certificate_sign(key, authority, NULL, USER, 42, "the id", names, 2, AFTER, BEFORE,
                                                  NULL, 0, extensions, sizeof extensions - 1, &made),
                         0);
        assert_false(sessile_key_is_private(made));
        assert_true(sessile_key_equal(key, made));
        assert_string_equal(sessile_key_comment(made), "made");
        assert_int_equal(check(made, USER, "bob", NULL, NOW), 0);
        refuse(made, USER, "carol", NULL, NOW, "is not for 'carol'");
        assert_int_equal(sessile_certificate_serial(made), 42);
        assert_string_equal(sessile_certificate_key_id(made), "the id");
        option_is(made, 0, "permit-pty", "");
        assert_true(sessile_key_equal(sessile_certificate_authority(made), authority));
        sessile_key_free(authority);
        assert_int_equal(check(made, USER, "bob", NULL, NOW), 0);
        sessile_key_free(made);
        sessile_key_free(key);
    }
}

static void certificates_are_made_only_of_what_can_be_read(void **state)
{
    static const char twice[] = "\0\0\0\1a\0\0\0\0\0\0\0\1a\0\0\0\0";
    const char *const hole[] = {"alice", NULL}, *const empty[] = {""};
    const char *many[257];
    sessile_key *rsa = new_key("ssh-rsa"), *public = read_key(material_ca_ed25519), *none = rsa;
    (void)state;

    for (size_t i = 0; i < 257; i++)
        many[i] = "p";
#define SIGN(authority, algorithm, kind, principals, count, after, before, critical, size)                             \
    sessile_certificate_sign(forger.key, authority, algorithm, kind, 1, "id", principals, count, after, before,        \
                             critical, size, NULL, 0, &none)
#define REFUSED(...)                                                                                                   \
    do {                                                                                                               \
        assert_int_equal(SIGN(__VA_ARGS__), SESSILE_ERR_ARGUMENT);                                                     \
        assert_null(none);                                                                                             \
    } while (0)
    REFUSED(public, NULL, USER, names, 2, 0, FOREVER, NULL, 0); /* no private half */
    REFUSED(NULL, NULL, USER, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, "ssh-rsa", USER, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, "ssh-ed25519", USER, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, "rsa-sha2-512-cert-v01@openssh.com", USER, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, 3, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, 0, names, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, USER, NULL, 1, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, USER, hole, 2, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, USER, empty, 1, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, USER, many, 257, 0, FOREVER, NULL, 0);
    REFUSED(rsa, NULL, USER, names, 2, 5, 5, NULL, 0);
    REFUSED(rsa, NULL, USER, names, 2, 0, FOREVER, twice, sizeof twice - 1);
    REFUSED(rsa, NULL, USER, names, 2, 0, FOREVER, NULL, 1);
    assert_int_equal(SIGN(rsa, "rsa-sha2-256", USER, many, 256, 4, 5, NULL, 0), 0);
    assert_int_equal(check(none, USER, "p", NULL, 4), 0);
    sessile_key_free(none);
    assert_int_equal(SIGN(rsa, NULL, HOST, NULL, 0, 0, FOREVER, NULL, 0), 0);
    assert_int_equal(check(none, HOST, NULL, NULL, 4), 0);
    sessile_key_free(none);
    sessile_key_free(public);
    sessile_key_free(rsa);
}

static void a_key_and_its_certificate_become_one(void **state)
{
    sessile_key *certificate, *both, *other = new_key("ssh-ed25519");
    uint8_t signature[100];
    int length;
    (void)state;

    assert_int_equal(sessile_certificate_sign(forger.key, forger.authority, NULL, USER, 1, NULL, names, 2, 0, FOREVER,
                                              NULL, 0, NULL, 0, &certificate),
                     0);
    assert_int_equal(sessile_key_with_certificate(forger.key, certificate, &both), 0);
    sessile_key_free(certificate);
    assert_true(sessile_key_is_private(both));
    assert_true(sessile_key_has_certificate(both));
    assert_false(sessile_key_has_certificate(forger.key));
    assert_int_equal(check(both, USER, "alice", NULL, NOW), 0);
    length = sessile_key_sign(both, "ssh-ed25519-cert-v01@openssh.com", "x", 1, signature, sizeof signature);
    assert_int_equal(length, 83);
    assert_int_equal(sessile_key_verify(forger.key, NULL, "x", 1, signature, 83), 0);
    assert_int_equal(sessile_key_verify(both, "ssh-ed25519-cert-v01@openssh.com", "x", 1, signature, 83), 0);
    assert_int_equal(sessile_key_verify(forger.key, "ssh-ed25519-cert-v01@openssh.com", "x", 1, signature, 83),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_key_write_public(both, SESSILE_KEY_PUBLIC_PEM, NULL, 0), SESSILE_ERR_UNSUPPORTED);
    assert_int_equal(sessile_key_with_certificate(other, both, &certificate), SESSILE_ERR_ARGUMENT);
    assert_null(certificate);
    assert_int_equal(sessile_key_with_certificate(forger.key, other, &certificate), SESSILE_ERR_ARGUMENT);
    sessile_key_free(both);
    sessile_key_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_what_ssh_keygen_put_in),
        cmocka_unit_test(a_key_without_certificate_has_no_fields),
        cmocka_unit_test(certificates_of_every_key_type_pass),
        cmocka_unit_test(certificates_by_every_algorithm_pass_but_sha1),
        cmocka_unit_test(hosts_certificates_pass_for_their_names),
        cmocka_unit_test(time_principal_and_address_must_fit),
        cmocka_unit_test(no_principals_means_for_nobody),
        cmocka_unit_test(unknown_critical_options_are_refused),
        cmocka_unit_test(a_changed_byte_is_refused),
        cmocka_unit_test(options_must_be_in_order_and_each_once),
        cmocka_unit_test(known_critical_options_must_make_sense),
        cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(principals_and_options_are_counted),
        cmocka_unit_test(a_certificate_signs_no_certificate),
        cmocka_unit_test(a_certificate_in_anothers_name_is_refused),
        cmocka_unit_test(an_authority_without_presence_is_refused),
        cmocka_unit_test(certificates_made_here_pass),
        cmocka_unit_test(certificates_are_made_only_of_what_can_be_read),
        cmocka_unit_test(a_key_and_its_certificate_become_one),
    };

    return cmocka_run_group_tests(tests, make_forger, free_forger);
}
