/* SPDX-License-Identifier: Apache-2.0
 *
 * Key revocation lists (OpenSSH's PROTOCOL.krl). The bytes are kept as they came, checked from end to end when they are
 * read, with a table of what is where: a list takes little more memory than its file, and a look-up goes through it
 * once. What cannot be understood makes the whole list unusable: half of a revocation list lets the rest in. */
#include <string.h>

#include <openssl/evp.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/certificate.h"
#include "ssh/trust/trust.h"

#define KRL_MAGIC 0x5353484b524c0a00u
#define KRL_VERSION 1
#define KRL_PARTS_MAX 65536

#define SECTION_CERTIFICATES 1
#define SECTION_KEYS 2
#define SECTION_SHA1 3
#define SECTION_SIGNATURE 4
#define SECTION_SHA256 5
#define SECTION_SERIALS 0x20
#define SECTION_RANGE 0x21
#define SECTION_BITMAP 0x22
#define SECTION_KEY_IDS 0x23
#define SECTION_CERT_EXTENSION 0x39
#define SECTION_EXTENSION 255

/* A section, or one of those within a section of certificates. */
struct krl_part {
    int type;
    struct reader authority; /* whose certificates; empty: everybody's */
    struct reader data;
};

struct sessile_krl {
    atomic_size_t refs;
    uint8_t *bytes;
    struct krl_part *parts;
    size_t count;
    size_t capacity;
    uint64_t version;
    uint64_t generated;
    char *comment;
};

/* ---- reading ---- */

static int krl_add(sessile_krl *krl, int type, struct reader authority, struct reader data, struct key_error *error)
{
    size_t capacity = krl->capacity ? krl->capacity * 2 : 8;
    struct krl_part *parts = krl->parts;

    if (krl->count == KRL_PARTS_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the list has more than %d sections", KRL_PARTS_MAX);
    if (krl->count == krl->capacity) {
        if (!(parts = mem_realloc(parts, capacity * sizeof *parts)))
            return SESSILE_ERR_MEMORY;
        krl->parts = parts;
        krl->capacity = capacity;
    }
    parts[krl->count++] = (struct krl_part){type, authority, data};
    return SESSILE_OK;
}

/* Strings of one length, or of any but none. */
static int strings_are_good(struct reader r, size_t length)
{
    struct reader one;

    while (r.left) {
        one = get_sub32(&r);
        if (r.failed || (length ? one.left != length : !one.left))
            return 0;
    }
    return 1;
}

static int range_is_good(struct reader r)
{
    uint64_t low = get_u64(&r);
    uint64_t high = get_u64(&r);

    return reader_done(&r) && low <= high;
}

/* The last number of a bitmap is a number. */
static int bitmap_is_good(struct reader r)
{
    uint64_t first = get_u64(&r);
    struct reader bits = get_mpint(&r);
    uint64_t last = bits.left ? (uint64_t)bits.left * 8 - 1 : 0;

    for (unsigned top = bits.left ? bits.data[0] : 0x80; !(top & 0x80); top <<= 1)
        last--;
    return reader_done(&r) && first <= UINT64_MAX - last;
}

static int serials_are_good(struct reader r)
{
    return r.left % 8 == 0;
}

static int texts_are_good(struct reader r)
{
    return strings_are_good(r, 0);
}

static int sha1_are_good(struct reader r)
{
    return strings_are_good(r, 20);
}

static int sha256_are_good(struct reader r)
{
    return strings_are_good(r, 32);
}

static const struct krl_section {
    int type;
    int certificates; /* stands within a section of certificates */
    const char *name;
    int (*is_good)(struct reader r);
} sections[] = {
    {SECTION_KEYS, 0, "keys", texts_are_good},
    {SECTION_SHA1, 0, "SHA-1 fingerprints", sha1_are_good},
    {SECTION_SHA256, 0, "SHA-256 fingerprints", sha256_are_good},
    {SECTION_SERIALS, 1, "serial numbers", serials_are_good},
    {SECTION_RANGE, 1, "a range of serial numbers", range_is_good},
    {SECTION_BITMAP, 1, "a bitmap of serial numbers", bitmap_is_good},
    {SECTION_KEY_IDS, 1, "key ids", texts_are_good},
};

static int krl_data_section(sessile_krl *krl, int type, int certificates, struct reader authority, struct reader data,
                            struct key_error *error)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (sections[i].type == type && sections[i].certificates == certificates)
            return sections[i].is_good(data)
                       ? krl_add(krl, type, authority, data, error)
                       : key_fail(error, SESSILE_ERR_ARGUMENT, "the section of %s is malformed", sections[i].name);
    return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the list has a section of type %d, which is not known", type);
}

static int krl_extension(struct reader data, struct key_error *error)
{
    struct reader name = get_sub32(&data);
    uint8_t critical = get_u8(&data);
    char shown[64];

    get_sub32(&data);
    if (!reader_done(&data))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "an extension is malformed");
    if (!critical)
        return SESSILE_OK;
    return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the extension '%s' is critical, and is not known",
                    text_escape(shown, sizeof shown, name.data, name.left));
}

static int krl_certificates(sessile_krl *krl, struct reader r, struct key_error *error)
{
    struct reader authority = get_sub32(&r);
    struct reader data;
    int result = SESSILE_OK;
    int type;

    get_sub32(&r); /* reserved */
    while (result == SESSILE_OK && !r.failed && r.left) {
        type = get_u8(&r);
        data = get_sub32(&r);
        if (r.failed)
            break;
        result = type == SECTION_CERT_EXTENSION ? krl_extension(data, error)
                                                : krl_data_section(krl, type, 1, authority, data, error);
    }
    return r.failed ? key_fail(error, SESSILE_ERR_ARGUMENT, "a section of certificates is cut short") : result;
}

static int krl_section(sessile_krl *krl, struct reader *r, struct key_error *error)
{
    const struct reader nobody = {0};
    int type = get_u8(r);
    struct reader data = get_sub32(r);

    /* Signatures were never in use, and OpenSSH ignores them: this was the key, and the signature follows. */
    if (type == SECTION_SIGNATURE)
        get_sub32(r);
    if (r->failed)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the list is cut short in a section of type %d", type);
    switch (type) {
    case SECTION_SIGNATURE:
        return SESSILE_OK;
    case SECTION_CERTIFICATES:
        return krl_certificates(krl, data, error);
    case SECTION_EXTENSION:
        return krl_extension(data, error);
    default:
        return krl_data_section(krl, type, 0, nobody, data, error);
    }
}

static int krl_binary(sessile_krl *krl, struct reader r, struct key_error *error)
{
    char shown[1024];
    struct reader comment;
    uint32_t format;
    int result = SESSILE_OK;

    get_u64(&r); /* magic */
    format = get_u32(&r);
    krl->version = get_u64(&r);
    krl->generated = get_u64(&r);
    get_u64(&r);   /* flags */
    get_sub32(&r); /* reserved */
    comment = get_sub32(&r);
    if (r.failed)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the list is cut short in its header");
    if (format != KRL_VERSION)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the list has format %u, and only %d is known", format,
                        KRL_VERSION);
    if (!(krl->comment = mem_string(text_escape(shown, sizeof shown, comment.data, comment.left))))
        return SESSILE_ERR_MEMORY;
    while (result == SESSILE_OK && r.left)
        result = krl_section(krl, &r, error);
    return result;
}

/* ---- a text of keys: turned into a section of keys ---- */

static int put_public_key(struct writer *w, const struct line_key *key, struct line_error *why)
{
    struct key_error error = key_error_of(why->text, sizeof why->text);
    sessile_key *certified;
    int result;

    if (!key->certificate) {
        put_sized32(w, key->blob.data, key->blob.size);
        return SESSILE_OK;
    }
    result = key_from_blob(key->blob.data, key->blob.size, &certified, &error);
    if (result == SESSILE_OK)
        put_sized32(w, certified->blob, certified->blob_size);
    sessile_key_free(certified);
    return result;
}

static int krl_line(void *object, struct span line, size_t number, struct line_error *why)
{
    struct writer *w = object;
    struct line_key key;
    int result = line_check(line, why);

    (void)number;
    if (result < 0)
        return result;
    result = line_take_key(&line, &key, why);
    if (result == SESSILE_OK)
        result = put_public_key(w, &key, why);
    writer_free(&key.blob);
    return w->failed ? SESSILE_ERR_MEMORY : result;
}

static int krl_text(sessile_krl *krl, struct span text, struct key_error *error)
{
    const struct reader nobody = {0};
    struct bad_lines *bad = NULL;
    struct writer w = {0};
    int result = text_read_lines(text, krl_line, &w, &bad);

    if (result == SESSILE_OK && bad)
        result =
            key_fail(error, SESSILE_ERR_ARGUMENT, "line %zu: %s", bad_lines_line(bad, 0), bad_lines_reason(bad, 0));
    if (result == SESSILE_OK && !(krl->comment = mem_string("")))
        result = SESSILE_ERR_MEMORY;
    if (result == SESSILE_OK)
        result = krl_add(krl, SECTION_KEYS, nobody, reader_of(w.data, w.size), error);
    if (result == SESSILE_OK) {
        krl->bytes = w.data;
        w = (struct writer){0};
    }
    bad_lines_free(bad);
    writer_free(&w);
    return result;
}

static int krl_read(sessile_krl *krl, const void *data, size_t size, struct key_error *error)
{
    struct reader r = reader_of(data, size);

    if (size > TRUST_TEXT_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the list has %zu bytes, and the limit is %u", size,
                        TRUST_TEXT_MAX);
    if (get_u64(&r) != KRL_MAGIC)
        return krl_text(krl, (struct span){data, size}, error);
    if (!(krl->bytes = mem_copy(data, size)))
        return SESSILE_ERR_MEMORY;
    return krl_binary(krl, reader_of(krl->bytes, size), error);
}

int sessile_krl_read(const void *data, size_t size, sessile_krl **result, char *error, size_t error_size)
{
    struct key_error report = key_error_of(error, error_size);
    sessile_krl *krl;
    int code;

    if (!result || !data) /* a file that could not be read is no empty list */
        return key_done(&report, SESSILE_ERR_ARGUMENT);
    *result = NULL;
    if (!(krl = mem_zalloc(sizeof *krl)))
        return key_done(&report, SESSILE_ERR_MEMORY);
    atomic_init(&krl->refs, 1);
    code = krl_read(krl, data, size, &report);
    if (code < 0)
        sessile_krl_free(krl);
    else
        *result = krl;
    return key_done(&report, code);
}

/* ---- life ---- */

sessile_krl *sessile_krl_keep(sessile_krl *krl)
{
    if (krl)
        atomic_fetch_add_explicit(&krl->refs, 1, memory_order_relaxed);
    return krl;
}

void sessile_krl_free(sessile_krl *krl)
{
    if (!krl || atomic_fetch_sub_explicit(&krl->refs, 1, memory_order_acq_rel) != 1)
        return;
    mem_free(krl->bytes);
    mem_free(krl->parts);
    mem_free(krl->comment);
    mem_free(krl);
}

uint64_t sessile_krl_version(sessile_krl *krl)
{
    return krl ? krl->version : 0;
}

uint64_t sessile_krl_generated(sessile_krl *krl)
{
    return krl ? krl->generated : 0;
}

const char *sessile_krl_comment(sessile_krl *krl)
{
    return krl ? krl->comment : "";
}

/* ---- asking it ---- */

static int strings_have(struct reader r, const void *data, size_t size)
{
    struct reader one;

    while (r.left) {
        one = get_sub32(&r);
        if (one.left == size && (!size || memcmp(one.data, data, size) == 0))
            return 1;
    }
    return 0;
}

struct digests {
    uint8_t sha1[20];
    uint8_t sha256[32];
};

static int digests_make(const sessile_key *key, struct digests *digests)
{
    if (EVP_Digest(key->blob, key->blob_size, digests->sha1, NULL, EVP_sha1(), NULL) == 1 &&
        EVP_Digest(key->blob, key->blob_size, digests->sha256, NULL, EVP_sha256(), NULL) == 1)
        return SESSILE_OK;
    return key_done(NULL, SESSILE_ERR_CRYPTO);
}

/* 1, 0 or an error. */
static int krl_has_key(const sessile_krl *krl, const sessile_key *key)
{
    const struct krl_part *part;
    struct digests digests;
    int has = digests_make(key, &digests);

    for (size_t i = 0; has == 0 && i < krl->count; i++) {
        part = &krl->parts[i];
        if (part->type == SECTION_KEYS)
            has = strings_have(part->data, key->blob, key->blob_size);
        else if (part->type == SECTION_SHA1)
            has = strings_have(part->data, digests.sha1, sizeof digests.sha1);
        else if (part->type == SECTION_SHA256)
            has = strings_have(part->data, digests.sha256, sizeof digests.sha256);
    }
    return has;
}

static int serials_have(struct reader r, uint64_t serial)
{
    while (r.left)
        if (get_u64(&r) == serial)
            return 1;
    return 0;
}

static int range_has(struct reader r, uint64_t serial)
{
    uint64_t low = get_u64(&r);

    return serial >= low && serial <= get_u64(&r);
}

static int bitmap_has(struct reader r, uint64_t serial)
{
    uint64_t first = get_u64(&r);
    struct reader bits = get_mpint(&r);
    uint64_t bit = serial - first;

    if (serial < first || bit / 8 >= bits.left)
        return 0;
    get_bytes(&bits, bits.left - 1 - (size_t)(bit / 8));
    return get_u8(&bits) >> (bit % 8) & 1;
}

/* 0 stands for no serial number at all. */
static int part_has_certificate(const struct krl_part *part, const struct certificate *certificate)
{
    uint64_t serial = certificate->serial;

    switch (part->type) {
    case SECTION_SERIALS:
        return serial && serials_have(part->data, serial);
    case SECTION_RANGE:
        return serial && range_has(part->data, serial);
    case SECTION_BITMAP:
        return serial && bitmap_has(part->data, serial);
    case SECTION_KEY_IDS:
        return strings_have(part->data, certificate->key_id, strlen(certificate->key_id));
    default:
        return 0;
    }
}

static int krl_has_certificate(const sessile_krl *krl, const struct certificate *certificate)
{
    const sessile_key *authority = certificate->authority;
    const struct reader *whose;

    for (size_t i = 0; i < krl->count; i++) {
        whose = &krl->parts[i].authority;
        if (whose->left &&
            (whose->left != authority->blob_size || memcmp(whose->data, authority->blob, authority->blob_size) != 0))
            continue;
        if (part_has_certificate(&krl->parts[i], certificate))
            return 1;
    }
    return 0;
}

int sessile_krl_revokes(sessile_krl *krl, sessile_key *key)
{
    int revoked;

    if (!krl || !key)
        return SESSILE_ERR_ARGUMENT;
    revoked = krl_has_key(krl, key);
    if (revoked == 0 && key->certificate)
        revoked = krl_has_certificate(krl, key->certificate);
    if (revoked == 0 && key->certificate)
        revoked = krl_has_key(krl, key->certificate->authority);
    return revoked;
}
