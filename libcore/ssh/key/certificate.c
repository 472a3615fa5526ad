/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: reading, getters, checks. Reading takes only what PROTOCOL.certkeys allows: options in order and each
 * once, an authority that is a plain key. certificate_sign.c makes them.
 */
#include "ssh/key/certificate.h"

#include <stdio.h>
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/address.h"

/* ---- Life ---- */

struct certificate *certificate_keep(struct certificate *certificate)
{
    atomic_fetch_add_explicit(&certificate->refs, 1, memory_order_relaxed);
    return certificate;
}

void certificate_free(struct certificate *certificate)
{
    if (!certificate || atomic_fetch_sub_explicit(&certificate->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < certificate->principal_count; i++)
        mem_free(certificate->principals[i]);
    mem_free(certificate->principals);
    mem_free(certificate->key_id);
    mem_free(certificate->blob);
    sessile_key_free(certificate->authority);
    mem_free(certificate);
}

static struct certificate *certificate_new(const void *data, size_t size)
{
    struct certificate *certificate = mem_zalloc(sizeof *certificate);

    if (!certificate)
        return NULL;
    atomic_init(&certificate->refs, 1);
    certificate->blob_size = size;
    if ((certificate->blob = mem_copy(data, size)) != NULL)
        return certificate;
    mem_free(certificate);
    return NULL;
}

/* ---- Reading ---- */

static int cut_short(struct key_error *error)
{
    return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate is cut short");
}

/* A copy of a string that must be text of at most limit bytes. */
static int read_text(struct reader *r, size_t limit, const char *what, char **out, struct key_error *error)
{
    struct reader text = get_sub32(r);

    if (r->failed)
        return cut_short(error);
    if (text.left > limit)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's %s has %zu bytes, and at most %zu are allowed",
                        what, text.left, limit);
    if (text.left && memchr(text.data, 0, text.left))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's %s has a NUL byte in it", what);
    *out = mem_copy(text.data, text.left);
    return *out ? 0 : SESSILE_ERR_MEMORY;
}

static size_t count_strings(struct reader r)
{
    size_t count = 0;

    for (; r.left && !r.failed; count++)
        get_sub32(&r);
    return count;
}

static int read_principals(struct certificate *certificate, struct reader r, struct key_error *error)
{
    size_t count = count_strings(r);
    int code = 0;

    if (count > CERTIFICATE_PRINCIPALS_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate has %zu principals, and at most %d are allowed",
                        count, CERTIFICATE_PRINCIPALS_MAX);
    if (count && !(certificate->principals = mem_zalloc(count * sizeof *certificate->principals)))
        return SESSILE_ERR_MEMORY;
    while (!code && r.left) {
        char **principal = &certificate->principals[certificate->principal_count];

        code = read_text(&r, CERTIFICATE_PRINCIPAL_MAX, "principal", principal, error);
        if (!code)
            certificate->principal_count++;
        if (!code && !**principal)
            code = key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate has an empty principal");
    }
    return code;
}

/* As strcmp() has it: bytes in order, a shorter name first. */
static int compare(struct reader a, struct reader b)
{
    size_t shorter = a.left < b.left ? a.left : b.left;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

    return order ? order : a.left < b.left ? -1 : a.left > b.left;
}

/* Names in order, each once, each with its data. */
static int check_options(struct reader r, const char *what, struct key_error *error)
{
    struct reader last = {0};
    size_t count = 0;

    if (r.left > CERTIFICATE_OPTIONS_SIZE_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's %s have %zu bytes, and at most %d are allowed",
                        what, r.left, CERTIFICATE_OPTIONS_SIZE_MAX);
    for (; r.left; count++) {
        struct reader name = get_sub32(&r);

        get_sub32(&r);
        if (r.failed)
            return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's %s are cut short", what);
        if (!name.left || memchr(name.data, 0, name.left))
            return key_fail(error, SESSILE_ERR_ARGUMENT, "one of the certificate's %s has no name", what);
        if (count && compare(last, name) >= 0)
            return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's %s are not in order, or one is there twice",
                            what);
        last = name;
    }
    return count <= CERTIFICATE_OPTIONS_MAX
               ? 0
               : key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate has %zu %s, and at most %d are allowed", count,
                          what, CERTIFICATE_OPTIONS_MAX);
}

static int read_terms(struct certificate *certificate, struct reader *r, struct key_error *error)
{
    struct reader principals;
    uint32_t kind;
    int code;

    certificate->serial = get_u64(r);
    kind = get_u32(r);
    if (r->failed)
        return cut_short(error);
    if (kind != SESSILE_CERTIFICATE_USER && kind != SESSILE_CERTIFICATE_HOST)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's kind is %u: neither 1 (user) nor 2 (host)",
                        (unsigned)kind);
    certificate->kind = (int)kind;
    if ((code = read_text(r, CERTIFICATE_KEY_ID_MAX, "key id", &certificate->key_id, error)) != 0)
        return code;
    principals = get_sub32(r);
    if (r->failed)
        return cut_short(error);
    if ((code = read_principals(certificate, principals, error)) != 0)
        return code;
    certificate->valid_after = get_u64(r);
    certificate->valid_before = get_u64(r);
    certificate->critical = get_sub32(r);
    certificate->extensions = get_sub32(r);
    get_sub32(r); /* reserved */
    return r->failed ? cut_short(error) : 0;
}

static int read_authority(struct certificate *certificate, struct reader *r, struct key_error *error)
{
    struct reader blob = get_sub32(r);
    int code;

    if (r->failed)
        return cut_short(error);
    if ((code = key_from_plain_blob(blob.data, blob.left, &certificate->authority, error)) != 0)
        return code;
    certificate->signed_size = certificate->blob_size - r->left;
    certificate->signature = get_sub32(r);
    if (!reader_done(r))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the certificate's signature is cut short, or bytes follow it");
    if (certificate->signature.left > KEY_SIGNATURE_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        "the certificate's signature has %zu bytes, and at most %d are allowed",
                        certificate->signature.left, KEY_SIGNATURE_MAX);
    return 0;
}

int certificate_read(sessile_key *key, const void *data, size_t size, struct key_error *error)
{
    struct certificate *certificate = certificate_new(data, size);
    struct reader r;
    int code;

    if (!certificate)
        return SESSILE_ERR_MEMORY;
    key->certificate = certificate; /* the key frees it, also on failure */
    r = reader_of(certificate->blob, size);
    get_sub32(&r); /* type */
    get_sub32(&r); /* nonce */
    code = key_read_fields(key, &r, error);
    if (!code)
        code = read_terms(certificate, &r, error);
    if (!code)
        code = check_options(certificate->critical, "critical options", error);
    if (!code)
        code = check_options(certificate->extensions, "extensions", error);
    return code ? code : read_authority(certificate, &r, error);
}

/* ---- Options ---- */

static int is_text(struct reader r, const char *text)
{
    return r.left == strlen(text) && !memcmp(r.data, text, r.left);
}

int certificate_option(const struct certificate *certificate, int critical, const char *name, struct reader *data)
{
    struct reader r = critical ? certificate->critical : certificate->extensions;

    while (r.left) {
        struct reader at = get_sub32(&r);

        *data = get_sub32(&r);
        if (is_text(at, name))
            return 1;
    }
    return 0;
}

/* Nearly all options' data is one string: that, and nothing else, is the value. */
static int is_string(struct reader data, struct reader *value)
{
    *value = get_sub32(&data);
    return reader_done(&data);
}

int sessile_certificate_option(sessile_key *key, int critical, const char *name, void *data, size_t size)
{
    struct reader found, value;

    if (!key || !key->certificate || !name || (!data && size) ||
        !certificate_option(key->certificate, critical, name, &found))
        return SESSILE_ERR_ARGUMENT;
    if (!is_string(found, &value))
        value = found;
    if (value.left && value.left <= size)
        memcpy(data, value.data, value.left);
    return (int)value.left;
}

/* ---- Checks ---- */

/* One check refused it. The certificate's id is in front of every sentence. */
static int refuse(struct key_error *error, const struct certificate *certificate, const char *why)
{
    char shown[128];

    return key_fail(error, SESSILE_ERR_VERIFY, "the certificate '%s' %s",
                    text_escape(shown, sizeof shown, certificate->key_id, strlen(certificate->key_id)), why);
}

static int check_kind(const struct certificate *certificate, int kind, struct key_error *error)
{
    if (certificate->kind == kind)
        return 0;
    return refuse(error, certificate,
                  kind == SESSILE_CERTIFICATE_USER ? "is for a host, not for a user" : "is for a user, not for a host");
}

static int check_time(const struct certificate *certificate, int64_t now, struct key_error *error)
{
    char why[128];

    if (now >= 0 && (uint64_t)now >= certificate->valid_after && (uint64_t)now < certificate->valid_before)
        return 0;
    if (now < 0)
        snprintf(why, sizeof why, "cannot be judged: the time is not known");
    else if ((uint64_t)now < certificate->valid_after)
        snprintf(why, sizeof why, "is not valid before %llu, and it is %lld",
                 (unsigned long long)certificate->valid_after, (long long)now);
    else
        snprintf(why, sizeof why, "was valid until %llu, and it is %lld", (unsigned long long)certificate->valid_before,
                 (long long)now);
    return refuse(error, certificate, why);
}

/* A certificate without principals is for nobody here, though PROTOCOL.certkeys once let it be for everybody. */
static int check_principal(const struct certificate *certificate, const char *principal, struct key_error *error)
{
    char shown[128], why[192];

    if (!principal)
        return 0;
    for (size_t i = 0; i < certificate->principal_count; i++)
        if (!strcmp(certificate->principals[i], principal))
            return 0;
    text_escape(shown, sizeof shown, principal, strlen(principal));
    snprintf(why, sizeof why,
             certificate->principal_count ? "is not for '%s'" : "has no principals, and is not for '%s' either", shown);
    return refuse(error, certificate, why);
}

static int check_source_address(const struct certificate *certificate, struct reader data, const char *text,
                                struct key_error *error)
{
    struct address address;
    struct reader list;
    int in;

    if (!is_string(data, &list))
        return refuse(error, certificate, "has a source-address that is no string");
    if (!text || address_read(&address, text, strlen(text)) < 0)
        return refuse(error, certificate, "is bound to source addresses, and the peer's is not known");
    if ((in = address_in_list(&address, (const char *)list.data, list.left)) < 0)
        return refuse(error, certificate, "has a source-address that is no list of address blocks");
    return in ? 0 : refuse(error, certificate, "is not for the address that it comes from");
}

/* The critical options that a user's certificate may have. What they ask for, but for the address, is the session's
 * business. */
static int check_user_option(const struct certificate *certificate, struct reader name, struct reader data,
                             const char *address, struct key_error *error)
{
    struct reader command;
    char shown[128], why[192];

    if (is_text(name, "source-address"))
        return check_source_address(certificate, data, address, error);
    if (is_text(name, "force-command")) {
        if (is_string(data, &command) && command.left && !memchr(command.data, 0, command.left))
            return 0;
        return refuse(error, certificate, "has a force-command that is no command");
    }
    if (is_text(name, "verify-required"))
        return data.left ? refuse(error, certificate, "has a verify-required with data") : 0;
    text_escape(shown, sizeof shown, name.data, name.left);
    snprintf(why, sizeof why, "has the critical option '%s', which is not known", shown);
    return refuse(error, certificate, why);
}

static int check_critical(const struct certificate *certificate, const char *address, struct key_error *error)
{
    struct reader r = certificate->critical;
    int code = 0;

    if (certificate->kind == SESSILE_CERTIFICATE_HOST && r.left)
        return refuse(error, certificate, "is for a host and has a critical option: none is known");
    while (!code && r.left) {
        struct reader name = get_sub32(&r), data = get_sub32(&r);

        code = check_user_option(certificate, name, data, address, error);
    }
    return code;
}

static int check_signature(const struct certificate *certificate, struct key_error *error)
{
    const struct reader *signature = &certificate->signature;

    if (sessile_key_verify(certificate->authority, NULL, certificate->blob, certificate->signed_size, signature->data,
                           signature->left) < 0)
        return refuse(error, certificate, "has no good signature of its authority");
    return 0;
}

/* The signature, which costs most, comes last. */
int certificate_check(const sessile_key *key, int kind, const char *principal, const char *address, int64_t now,
                      struct key_error *error)
{
    const struct certificate *certificate = key->certificate;
    int code = check_kind(certificate, kind, error);

    if (!code)
        code = check_time(certificate, now, error);
    if (!code)
        code = check_principal(certificate, principal, error);
    if (!code)
        code = check_critical(certificate, address, error);
    return code ? code : check_signature(certificate, error);
}

int sessile_certificate_check(sessile_key *key, int kind, const char *principal, const char *address, int64_t now,
                              char *error, size_t error_size)
{
    struct key_error why = key_error_of(error, error_size);

    if (!key || !key->certificate || (kind != SESSILE_CERTIFICATE_USER && kind != SESSILE_CERTIFICATE_HOST))
        return key_done(&why, SESSILE_ERR_ARGUMENT);
    return key_done(&why, certificate_check(key, kind, principal, address, now, &why));
}

/* ---- Getters ---- */

int sessile_certificate_kind(sessile_key *key)
{
    return key && key->certificate ? key->certificate->kind : 0;
}

uint64_t sessile_certificate_serial(sessile_key *key)
{
    return key && key->certificate ? key->certificate->serial : 0;
}

const char *sessile_certificate_key_id(sessile_key *key)
{
    return key && key->certificate ? key->certificate->key_id : "";
}

uint64_t sessile_certificate_valid_after(sessile_key *key)
{
    return key && key->certificate ? key->certificate->valid_after : 0;
}

uint64_t sessile_certificate_valid_before(sessile_key *key)
{
    return key && key->certificate ? key->certificate->valid_before : 0;
}

size_t sessile_certificate_principal_count(sessile_key *key)
{
    return key && key->certificate ? key->certificate->principal_count : 0;
}

const char *sessile_certificate_principal(sessile_key *key, size_t index)
{
    return index < sessile_certificate_principal_count(key) ? key->certificate->principals[index] : NULL;
}

sessile_key *sessile_certificate_authority(sessile_key *key)
{
    return key && key->certificate ? key->certificate->authority : NULL;
}
