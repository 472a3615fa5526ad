/* SPDX-License-Identifier: Apache-2.0
 *
 * Making certificates. What was made is read again, so that none leaves here that another could not read.
 */
#include <string.h>

#include <openssl/rand.h>

#include "session/memory.h"
#include "ssh/key/certificate.h"

#define NONCE_SIZE 32

/* What a certificate is to say. */
struct terms {
    int kind;
    uint64_t serial;
    const char *key_id;
    const char *const *principals;
    size_t principal_count;
    uint64_t valid_after;
    uint64_t valid_before;
    struct reader critical;
    struct reader extensions;
};

static void put_key(struct writer *w, const sessile_key *key)
{
    struct reader r = reader_of(key->blob, key->blob_size);
    uint8_t *nonce;

    get_sub32(&r); /* the type's name: the certificate has its own */
    put_text32(w, key->type->certificate_name);
    put_u32(w, NONCE_SIZE);
    if ((nonce = put_room(w, NONCE_SIZE)) != NULL && RAND_bytes(nonce, NONCE_SIZE) != 1)
        w->failed = 1;
    put_bytes(w, r.data, r.left);
}

static void put_terms(struct writer *w, const struct terms *terms)
{
    size_t begin;

    put_u64(w, terms->serial);
    put_u32(w, (uint32_t)terms->kind);
    put_text32(w, terms->key_id);
    begin = put_begin32(w);
    for (size_t i = 0; i < terms->principal_count; i++)
        put_text32(w, terms->principals[i]);
    put_end32(w, begin);
    put_u64(w, terms->valid_after);
    put_u64(w, terms->valid_before);
    put_sized32(w, terms->critical.data, terms->critical.left);
    put_sized32(w, terms->extensions.data, terms->extensions.left);
    put_u32(w, 0); /* reserved */
}

/* The signature is made apart: it is for what w holds, and w may move. */
static int put_signature(struct writer *w, const sessile_key *authority, const struct key_algorithm *algorithm)
{
    struct writer signature = {0};
    int code = key_sign(authority, algorithm, w->data, w->size, &signature);

    if (!code)
        put_sized32(w, signature.data, signature.size);
    writer_free(&signature);
    return code;
}

static int make(const sessile_key *key, const sessile_key *authority, const struct key_algorithm *algorithm,
                const struct terms *terms, sessile_key **out)
{
    struct writer w = {0};
    int code;

    put_key(&w, key);
    put_terms(&w, terms);
    put_sized32(&w, authority->blob, authority->blob_size);
    code = w.failed ? SESSILE_ERR_MEMORY : put_signature(&w, authority, algorithm);
    if (!code)
        code = w.failed ? SESSILE_ERR_MEMORY : key_from_blob(w.data, w.size, out, NULL);
    if (!code && (code = key_set_comment(*out, key->comment, strlen(key->comment))) != 0) {
        sessile_key_free(*out);
        *out = NULL;
    }
    writer_free(&w);
    return code;
}

static const struct key_algorithm *algorithm_for(const sessile_key *authority, const char *name)
{
    const struct key_algorithm *algorithm =
        name ? key_algorithm_find(name, strlen(name)) : key_algorithm_best(authority->type);

    if (!algorithm || algorithm->type != authority->type || algorithm->certificate || algorithm->insecure)
        return NULL;
    return algorithm;
}

static int usable(const struct terms *terms)
{
    if ((!terms->principals && terms->principal_count) || terms->principal_count > CERTIFICATE_PRINCIPALS_MAX)
        return 0;
    for (size_t i = 0; i < terms->principal_count; i++)
        if (!terms->principals[i])
            return 0;
    return terms->valid_after < terms->valid_before && (terms->critical.data || !terms->critical.left) &&
           (terms->extensions.data || !terms->extensions.left);
}

int sessile_certificate_sign(sessile_key *key, sessile_key *authority, const char *algorithm, int kind, uint64_t serial,
                             const char *key_id, const char *const *principals, size_t principal_count,
                             uint64_t valid_after, uint64_t valid_before, const void *critical, size_t critical_size,
                             const void *extensions, size_t extensions_size, sessile_key **out)
{
    const struct terms terms = {kind,
                                serial,
                                key_id ? key_id : "",
                                principals,
                                principal_count,
                                valid_after,
                                valid_before,
                                reader_of(critical, critical_size),
                                reader_of(extensions, extensions_size)};
    const struct key_algorithm *chosen;

    if (!out)
        return SESSILE_ERR_ARGUMENT;
    *out = NULL;
    if (!key || !authority || !authority->is_private || !usable(&terms) ||
        !(chosen = algorithm_for(authority, algorithm)))
        return SESSILE_ERR_ARGUMENT;
    return key_done(NULL, make(key, authority, chosen, &terms, out));
}
