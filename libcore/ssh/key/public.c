/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys and certificates as text: the line of an id_*.pub file, RFC 4716, and PEM.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/base64.h"
#include "ssh/key/certificate.h"

/* A piece of text that is being taken apart. */
struct text {
    const char *at;
    size_t size;
};

static void skip(struct text *text, size_t size)
{
    text->at += size;
    text->size -= size;
}

/* The next line, without its end; "" at the end of the text. */
static struct text next_line(struct text *text)
{
    const char *newline = text->size ? memchr(text->at, '\n', text->size) : NULL;
    struct text line = {text->at, newline ? (size_t)(newline - text->at) : text->size};

    skip(text, line.size + (newline != NULL));
    if (line.size && line.at[line.size - 1] == '\r')
        line.size--;
    return line;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(struct text *text)
{
    while (text->size && is_blank(text->at[0]))
        skip(text, 1);
    while (text->size && (is_blank(text->at[text->size - 1]) || text->at[text->size - 1] == '\r'))
        text->size--;
}

static struct text next_word(struct text *text)
{
    struct text word = {text->at, 0};

    while (word.size < text->size && !is_blank(word.at[word.size]))
        word.size++;
    skip(text, word.size);
    trim(text);
    return word;
}

static int starts_with(struct text text, const char *prefix)
{
    size_t length = strlen(prefix);

    return text.size >= length && !memcmp(text.at, prefix, length);
}

/* ---- Lines ---- */

static int comment_fits(sessile_key *key, struct text comment, struct key_error *error)
{
    int code = key_set_comment(key, comment.at, comment.size);

    return code == SESSILE_ERR_ARGUMENT
               ? key_fail(error, code, "the key's comment has %zu bytes, and at most %d are allowed", comment.size,
                          KEY_COMMENT_MAX)
               : code;
}

static int from_base64(struct text base64, sessile_key **key, struct key_error *error)
{
    struct writer w = {0};
    int code;

    *key = NULL;
    if (base64_get(&w, base64.at, base64.size) < 0)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "the key is not in base64");
    else
        code = w.failed ? SESSILE_ERR_MEMORY : key_from_blob(w.data, w.size, key, error);
    writer_free(&w);
    return code;
}

static const char *wire_name(const sessile_key *key)
{
    return key->certificate ? key->type->certificate_name : key->type->name;
}

/* What is in the base64 must be what the line says. */
static int check_line(sessile_key *key, struct text type, struct text comment, struct key_error *error)
{
    char shown[128];

    if (strlen(wire_name(key)) != type.size || memcmp(wire_name(key), type.at, type.size) != 0)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the line says '%s', and its key is of the type %s",
                        text_escape(shown, sizeof shown, type.at, type.size), wire_name(key));
    return comment_fits(key, comment, error);
}

int key_from_line(const char *text, size_t size, sessile_key **key, struct key_error *error)
{
    struct text rest = {text, size}, type, base64;
    int certificate, code;
    char shown[128];

    *key = NULL;
    trim(&rest);
    type = next_word(&rest);
    base64 = next_word(&rest);
    if (!key_type_find(type.at, type.size, &certificate))
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "'%s' is no key type that is known",
                        text_escape(shown, sizeof shown, type.at, type.size));
    if ((code = from_base64(base64, key, error)) != 0)
        return code;
    if ((code = check_line(*key, type, rest, error)) != 0) {
        sessile_key_free(*key);
        *key = NULL;
    }
    return code;
}

/* ---- RFC 4716 ---- */

#define RFC4716_BEGIN "---- BEGIN SSH2 PUBLIC KEY ----"
#define RFC4716_END "---- END SSH2 PUBLIC KEY ----"
#define RFC4716_LINE 68
#define RFC4716_HEADER_LINE 72

/* A header, which goes on in the next line after a backslash. */
static void take_header(struct text *text, struct text line, struct writer *header)
{
    while (line.size && line.at[line.size - 1] == '\\' && text->size) {
        put_bytes(header, line.at, line.size - 1);
        line = next_line(text);
    }
    put_bytes(header, line.at, line.size);
}

static int is_comment(struct text header)
{
    static const char name[] = "comment:";

    for (size_t i = 0; i < sizeof name - 1; i++)
        if (i >= header.size || ((unsigned char)header.at[i] | 32) != ((unsigned char)name[i] | 32))
            return 0;
    return 1;
}

/* The quotes around a comment are no part of it. */
static void take_comment(struct text header, struct writer *comment)
{
    skip(&header, strlen("comment:"));
    trim(&header);
    if (header.size >= 2 && header.at[0] == '"' && header.at[header.size - 1] == '"') {
        header.at++;
        header.size -= 2;
    }
    put_bytes(comment, header.at, header.size);
}

static void read_header(struct text *text, struct text line, struct writer *comment)
{
    struct writer header = {0};

    take_header(text, line, &header);
    if (header.failed)
        comment->failed = 1;
    else if (is_comment((struct text){(const char *)header.data, header.size}))
        take_comment((struct text){(const char *)header.data, header.size}, comment);
    writer_free(&header);
}

/* ---- What stands between a line of BEGIN and one of END ---- */

/* Lines of base64 up to the line end, which must come. comment: where headers may stand in front of them, else NULL. */
static int read_body(struct text *text, const char *end, struct writer *body, struct writer *comment)
{
    while (text->size) {
        struct text line = next_line(text);

        trim(&line);
        if (line.size == strlen(end) && starts_with(line, end))
            return 0;
        if (comment && !body->size && line.size && memchr(line.at, ':', line.size))
            read_header(text, line, comment);
        else
            put_bytes(body, line.at, line.size);
    }
    return -1;
}

static int read_rfc4716(struct text *text, sessile_key **key, struct key_error *error)
{
    struct writer body = {0}, comment = {0};
    int code = 0;

    if (read_body(text, RFC4716_END, &body, &comment) < 0)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "the line '" RFC4716_END "' is missing");
    if (!code && (body.failed || comment.failed))
        code = SESSILE_ERR_MEMORY;
    if (!code)
        code = from_base64((struct text){(const char *)body.data, body.size}, key, error);
    if (!code && (code = comment_fits(*key, (struct text){(const char *)comment.data, comment.size}, error)) != 0) {
        sessile_key_free(*key);
        *key = NULL;
    }
    writer_free(&body);
    writer_free(&comment);
    return code;
}

/* ---- PEM ---- */

static EVP_PKEY *parse_spki(const unsigned char **data, long size)
{
    return d2i_PUBKEY(NULL, data, size);
}

static EVP_PKEY *parse_pkcs1(const unsigned char **data, long size)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, data, size);
}

static const struct pem {
    const char *begin;
    const char *end;
    EVP_PKEY *(*parse)(const unsigned char **data, long size);
} pems[] = {
    {"-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", parse_spki},
    {"-----BEGIN RSA PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----", parse_pkcs1},
};

static int from_der(const struct pem *pem, const struct writer *der, sessile_key **key, struct key_error *error)
{
    const unsigned char *at = der->data;
    EVP_PKEY *pkey;
    int code;

    ERR_clear_error();
    if (!der->size || !(pkey = pem->parse(&at, (long)der->size))) {
        code = der->size ? key_openssl_failure(SESSILE_ERR_ARGUMENT) : SESSILE_ERR_ARGUMENT;
        return code == SESSILE_ERR_ARGUMENT ? key_fail(error, code, "what the PEM text holds is no public key") : code;
    }
    if (at != der->data + der->size)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "bytes follow the public key in the PEM text");
    else
        code = key_from_pkey(pkey, 0, key, error);
    EVP_PKEY_free(pkey);
    return code;
}

static int read_pem(const struct pem *pem, struct text *text, sessile_key **key, struct key_error *error)
{
    struct writer body = {0}, der = {0};
    int code = 0;

    if (read_body(text, pem->end, &body, NULL) < 0)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "the line '%s' is missing", pem->end);
    else if (!body.failed && base64_get(&der, (const char *)body.data, body.size) < 0)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "the PEM text is not in base64");
    else
        code = body.failed || der.failed ? SESSILE_ERR_MEMORY : from_der(pem, &der, key, error);
    writer_free(&body);
    writer_free(&der);
    return code;
}

/* ---- Reading any of them ---- */

/* By the first line that is neither blank nor a comment. */
static int read_text(struct text text, sessile_key **key, struct key_error *error)
{
    struct text line = {NULL, 0};

    while (text.size && (!line.size || line.at[0] == '#')) {
        line = next_line(&text);
        trim(&line);
    }
    if (!line.size || line.at[0] == '#')
        return key_fail(error, SESSILE_ERR_ARGUMENT, "there is no key in the text");
    if (starts_with(line, RFC4716_BEGIN))
        return read_rfc4716(&text, key, error);
    for (size_t i = 0; i < sizeof pems / sizeof pems[0]; i++)
        if (starts_with(line, pems[i].begin))
            return read_pem(&pems[i], &text, key, error);
    if (starts_with(line, "-----BEGIN "))
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the text holds no public key, but something else in PEM");
    return key_from_line(line.at, line.size, key, error);
}

int sessile_key_read_public(const void *data, size_t size, sessile_key **key, char *error, size_t error_size)
{
    struct key_error why = key_error_of(error, error_size);

    if (!key)
        return key_done(&why, SESSILE_ERR_ARGUMENT);
    *key = NULL;
    if (!data && size)
        return key_done(&why, SESSILE_ERR_ARGUMENT);
    if (size > KEY_FILE_MAX)
        return key_done(&why, key_fail(&why, SESSILE_ERR_ARGUMENT, "the text has %zu bytes, and at most %d are allowed",
                                       size, KEY_FILE_MAX));
    return key_done(&why, read_text((struct text){data, size}, key, &why));
}

/* ---- Writing ---- */

static void put_text(struct writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_line(const sessile_key *key, struct writer *w)
{
    size_t size;
    const uint8_t *blob = key_wire_blob(key, 1, &size);

    put_text(w, wire_name(key));
    put_u8(w, ' ');
    base64_put(w, blob, size, 0);
    if (key->comment[0]) {
        put_u8(w, ' ');
        put_text(w, key->comment);
    }
    put_u8(w, '\n');
}

/* No line is longer than RFC4716_HEADER_LINE characters: a backslash at its end takes the header on. */
static void put_comment(const char *comment, struct writer *w)
{
    struct writer header = {0};

    put_text(&header, "Comment: \"");
    put_text(&header, comment);
    put_u8(&header, '"');
    for (size_t i = 0, left; !header.failed && (left = header.size - i) > 0;) {
        size_t now = left > RFC4716_HEADER_LINE ? RFC4716_HEADER_LINE - 1 : left;

        put_bytes(w, header.data + i, now);
        put_text(w, now < left ? "\\\n" : "\n");
        i += now;
    }
    w->failed |= header.failed;
    writer_free(&header);
}

static void put_rfc4716(const sessile_key *key, struct writer *w)
{
    size_t size;
    const uint8_t *blob = key_wire_blob(key, 1, &size);

    put_text(w, RFC4716_BEGIN "\n");
    if (key->comment[0])
        put_comment(key->comment, w);
    base64_put(w, blob, size, RFC4716_LINE);
    put_text(w, RFC4716_END "\n");
}

static int put_pem(const sessile_key *key, struct writer *w)
{
    unsigned char *der = NULL;
    int size;

    if (key->certificate || key->type->security_key)
        return SESSILE_ERR_UNSUPPORTED;
    if ((size = i2d_PUBKEY(key->pkey, &der)) <= 0)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    put_text(w, "-----BEGIN PUBLIC KEY-----\n");
    base64_put(w, der, (size_t)size, 64);
    put_text(w, "-----END PUBLIC KEY-----\n");
    OPENSSL_free(der);
    return 0;
}

int sessile_key_write_public(sessile_key *key, int format, void *data, size_t size)
{
    struct writer w = {0};
    int code = 0;

    if (!key || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if (format == SESSILE_KEY_LINE)
        put_line(key, &w);
    else if (format == SESSILE_KEY_RFC4716)
        put_rfc4716(key, &w);
    else
        code = format == SESSILE_KEY_PUBLIC_PEM ? put_pem(key, &w) : SESSILE_ERR_ARGUMENT;
    return key_done(NULL, key_give(&w, code, data, size));
}
