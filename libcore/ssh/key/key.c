/* SPDX-License-Identifier: Apache-2.0
 *
 * A key's life: made from its wire form, from a private file's fields, or from one of libcrypto's keys, then shared and
 * never changed. Every way in ends in the type's own read_public or read_private, where all checks are.
 */
#include "ssh/key/key.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/certificate.h"

/* ---- Errors and answers ---- */

struct key_error key_error_of(char *text, size_t room)
{
    struct key_error error = {text, text ? room : 0};

    if (error.room)
        text[0] = 0;
    return error;
}

void key_say(struct key_error *error, const char *format, ...)
{
    va_list arguments;

    if (error && error->room) {
        va_start(arguments, format);
        vsnprintf(error->text, error->room, format, arguments);
        va_end(arguments);
    }
}

int key_done(struct key_error *error, int code)
{
    ERR_clear_error();
    if (code < 0 && error && error->room && !error->text[0])
        snprintf(error->text, error->room, "%s", sessile_error_describe(code));
    return code;
}

int key_openssl_failure(int code)
{
    unsigned long error = ERR_peek_last_error();

    if (!error || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        code = SESSILE_ERR_MEMORY;
    ERR_clear_error();
    return code;
}

int key_give(struct writer *w, int code, void *data, size_t size)
{
    if (code >= 0)
        code = w->failed ? SESSILE_ERR_MEMORY : w->size > INT_MAX ? SESSILE_ERR_LIMIT : (int)w->size;
    if (code > 0 && (size_t)code <= size)
        memcpy(data, w->data, w->size);
    writer_free(w);
    return code;
}

/* ---- Life ---- */

sessile_key *key_new(const struct key_type *type)
{
    sessile_key *key = mem_zalloc(sizeof *key);

    if (!key)
        return NULL;
    atomic_init(&key->refs, 1);
    key->type = type;
    if ((key->comment = mem_string("")) != NULL)
        return key;
    mem_free(key);
    return NULL;
}

sessile_key *sessile_key_keep(sessile_key *key)
{
    if (key)
        atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void sessile_key_free(sessile_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    certificate_free(key->certificate);
    mem_free(key->comment);
    mem_free(key->application);
    mem_free(key->blob);
    mem_free(key);
}

int key_set_comment(sessile_key *key, const void *text, size_t size)
{
    char *copy;

    if (size > KEY_COMMENT_MAX)
        return SESSILE_ERR_ARGUMENT;
    if (!(copy = mem_copy(text, size)))
        return SESSILE_ERR_MEMORY;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)copy[i] < ' ' || copy[i] == 127)
            copy[i] = '?';
    mem_free(key->comment);
    key->comment = copy;
    return 0;
}

/* The end of all making: hand over a complete key, or free what there is of it. */
static int finish(sessile_key *made, int code, sessile_key **key)
{
    if (code) {
        sessile_key_free(made);
        made = NULL;
    }
    *key = made;
    return code;
}

/* ---- Public keys ---- */

static int set_blob(sessile_key *key, struct writer *w)
{
    if (w->failed) {
        writer_free(w);
        return SESSILE_ERR_MEMORY;
    }
    key->blob = w->data;
    key->blob_size = w->size;
    return 0;
}

int key_read_fields(sessile_key *key, struct reader *r, struct key_error *error)
{
    struct reader before = *r;
    struct writer w = {0};
    int code = key->type->read_public(key, r, error);

    if (code)
        return code;
    put_text32(&w, key->type->name);
    put_bytes(&w, before.data, before.left - r->left);
    return set_blob(key, &w);
}

static const struct key_type *read_type(struct reader *r, int *is_certificate, int *code, struct key_error *error)
{
    struct reader name = get_sub32(r);
    const struct key_type *type = key_type_find((const char *)name.data, name.left, is_certificate);
    char shown[128];

    if (r->failed)
        *code = key_fail(error, SESSILE_ERR_ARGUMENT, "the key is too short for the name of its type");
    else if (!type)
        *code = key_fail(error, SESSILE_ERR_UNSUPPORTED, "the key type '%s' is not known",
                         text_escape(shown, sizeof shown, name.data, name.left));
    return type;
}

static int read_whole(sessile_key *key, struct reader *r, struct key_error *error)
{
    int code = key_read_fields(key, r, error);

    if (!code && !reader_done(r))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "%zu bytes follow the %s key", r->left, key->type->name);
    return code;
}

static int from_blob(const void *data, size_t size, int plain, sessile_key **key, struct key_error *error)
{
    struct reader r = reader_of(data, size);
    const struct key_type *type;
    sessile_key *made;
    int certificate, code = 0;

    *key = NULL;
    if (size > KEY_BLOB_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the key has %zu bytes, and at most %d are allowed", size,
                        KEY_BLOB_MAX);
    if (!(type = read_type(&r, &certificate, &code, error)))
        return code;
    if (certificate && plain)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "a certificate stands where a key must");
    if (!(made = key_new(type)))
        return SESSILE_ERR_MEMORY;
    return finish(made, certificate ? certificate_read(made, data, size, error) : read_whole(made, &r, error), key);
}

int key_from_blob(const void *data, size_t size, sessile_key **key, struct key_error *error)
{
    return from_blob(data, size, 0, key, error);
}

int key_from_plain_blob(const void *data, size_t size, sessile_key **key, struct key_error *error)
{
    return from_blob(data, size, 1, key, error);
}

/* ---- Private keys ---- */

/* A key whose pkey is there gets its blob. */
static int make_blob(sessile_key *key)
{
    struct writer w = {0};

    put_text32(&w, key->type->name);
    key->type->write_public(key, &w);
    return set_blob(key, &w);
}

int key_read_private(struct reader *r, sessile_key **key, struct key_error *error)
{
    int certificate, code = 0;
    const struct key_type *type = read_type(r, &certificate, &code, error);
    sessile_key *made;

    *key = NULL;
    if (!type)
        return code;
    if (certificate || !type->read_private)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "private keys of the type %s%s cannot be read", type->name,
                        certificate ? " with a certificate" : "");
    if (!(made = key_new(type)))
        return SESSILE_ERR_MEMORY;
    made->is_private = 1;
    if (!(code = type->read_private(made, r, error)))
        code = make_blob(made);
    return finish(made, code, key);
}

void key_write_private(const sessile_key *key, struct writer *w)
{
    put_text32(w, key->type->name);
    if (key->is_private)
        key->type->write_private(key, w);
    else
        w->failed = 1;
}

/* ---- libcrypto's keys ---- */

static const struct key_type *type_of(const EVP_PKEY *pkey)
{
    const struct key_type *type;
    size_t i = 0;

    while ((type = key_type_at(i++)) != NULL)
        if (type->is && type->is(type, pkey))
            return type;
    return NULL;
}

static int read_again(const struct writer *w, int is_private, sessile_key **key, struct key_error *error)
{
    struct reader r = reader_of(w->data, w->size);

    return is_private ? key_read_private(&r, key, error) : key_from_plain_blob(w->data, w->size, key, error);
}

int key_from_pkey(EVP_PKEY *pkey, int want_private, sessile_key **key, struct key_error *error)
{
    const struct key_type *type = type_of(pkey);
    sessile_key source = {.type = type, .pkey = pkey, .is_private = want_private};
    struct writer w = {0};
    int code;

    *key = NULL;
    if (!type)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the key is of no type that SSH has");
    if (EVP_PKEY_get_bits(pkey) > KEY_RSA_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the key has %d bits, and at most %d are allowed",
                        EVP_PKEY_get_bits(pkey), KEY_RSA_MAX);
    put_text32(&w, type->name);
    (want_private ? type->write_private : type->write_public)(&source, &w);
    code = w.failed ? key_openssl_failure(SESSILE_ERR_ARGUMENT) : read_again(&w, want_private, key, error);
    writer_free(&w);
    return code;
}

/* ---- Public functions ---- */

int sessile_key_from_blob(const void *data, size_t size, sessile_key **key, char *error, size_t error_size)
{
    struct key_error why = key_error_of(error, error_size);

    if (!key || (!data && size))
        return key_done(&why, SESSILE_ERR_ARGUMENT);
    return key_done(&why, key_from_blob(data, size, key, &why));
}

static int generate(const struct key_type *type, int bits, const char *comment, sessile_key **key)
{
    sessile_key *made = key_new(type);
    int code = made ? type->generate(made, bits) : SESSILE_ERR_MEMORY;

    if (!code)
        code = make_blob(made);
    if (!code && comment)
        code = key_set_comment(made, comment, strlen(comment));
    if (!code)
        made->is_private = 1;
    return finish(made, code, key);
}

int sessile_key_generate(const char *type, int bits, const char *comment, sessile_key **key)
{
    const struct key_type *found;
    int certificate;

    if (!key)
        return SESSILE_ERR_ARGUMENT;
    *key = NULL;
    if (!type || !(found = key_type_find(type, strlen(type), &certificate)) || certificate || !found->generate)
        return SESSILE_ERR_ARGUMENT;
    return key_done(NULL, generate(found, bits, comment, key));
}

/* A key like another, but for its certificate. */
static int copy_with(const sessile_key *key, struct certificate *certificate, sessile_key *made)
{
    if (EVP_PKEY_up_ref(key->pkey) != 1)
        return SESSILE_ERR_CRYPTO;
    made->pkey = key->pkey;
    made->is_private = key->is_private;
    made->certificate = certificate_keep(certificate);
    if (!(made->blob = mem_copy(key->blob, key->blob_size)))
        return SESSILE_ERR_MEMORY;
    made->blob_size = key->blob_size;
    if (key->application && !(made->application = mem_string(key->application)))
        return SESSILE_ERR_MEMORY;
    return key_set_comment(made, key->comment, strlen(key->comment));
}

int sessile_key_with_certificate(sessile_key *key, sessile_key *certificate, sessile_key **out)
{
    sessile_key *made;

    if (!out)
        return SESSILE_ERR_ARGUMENT;
    *out = NULL;
    if (!key || !certificate || !certificate->certificate || !sessile_key_equal(key, certificate))
        return SESSILE_ERR_ARGUMENT;
    if (!(made = key_new(key->type)))
        return SESSILE_ERR_MEMORY;
    return key_done(NULL, finish(made, copy_with(key, certificate->certificate, made), out));
}

const uint8_t *key_wire_blob(const sessile_key *key, int certificate, size_t *size)
{
    if (certificate && key->certificate) {
        *size = key->certificate->blob_size;
        return key->certificate->blob;
    }
    *size = key->blob_size;
    return key->blob;
}

int sessile_key_blob(sessile_key *key, int certificate, void *data, size_t size)
{
    const uint8_t *blob;
    size_t length;

    if (!key || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    blob = key_wire_blob(key, certificate, &length);
    if (data && length <= size)
        memcpy(data, blob, length);
    return (int)length;
}

const char *sessile_key_type(sessile_key *key)
{
    return key ? key->type->name : "";
}

int sessile_key_bits(sessile_key *key)
{
    if (!key)
        return SESSILE_ERR_ARGUMENT;
    return EVP_PKEY_is_a(key->pkey, "ED25519") ? 256 : EVP_PKEY_get_bits(key->pkey);
}

const char *sessile_key_comment(sessile_key *key)
{
    return key ? key->comment : "";
}

int sessile_key_is_private(sessile_key *key)
{
    return key && key->is_private;
}

int sessile_key_has_certificate(sessile_key *key)
{
    return key && key->certificate;
}

int sessile_key_equal(sessile_key *a, sessile_key *b)
{
    return a && b && a->blob_size == b->blob_size && !memcmp(a->blob, b->blob, a->blob_size);
}
