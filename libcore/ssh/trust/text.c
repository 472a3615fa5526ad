/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines, words and numbers of text files. */
#include "ssh/trust/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sessile/error.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/base64.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

char ascii_lower(char c)
{
    static const char small[] = "abcdefghijklmnopqrstuvwxyz";

    if (c < 'A' || c > 'Z')
        return c;
    return small[c - 'A'];
}

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

int span_equal(struct span a, struct span b)
{
    return a.size == b.size && (!a.size || memcmp(a.at, b.at, a.size) == 0);
}

int span_is(struct span span, const char *text)
{
    return span_equal(span, span_of(text));
}

int span_is_nocase(struct span span, const char *text)
{
    return span_skip_nocase(&span, text) && span.size == 0;
}

static void span_drop(struct span *span, size_t size)
{
    span->at += size;
    span->size -= size;
}

static struct span span_split(struct span *rest, size_t size)
{
    struct span front = {rest->at, size};

    span_drop(rest, size);
    return front;
}

struct span span_take(struct span *rest, char separator)
{
    const char *end = rest->size ? memchr(rest->at, separator, rest->size) : NULL;
    struct span front = span_split(rest, end ? (size_t)(end - rest->at) : rest->size);

    if (end)
        span_drop(rest, 1);
    return front;
}

static void span_skip_blanks(struct span *span)
{
    while (span->size && is_blank(span->at[0]))
        span_drop(span, 1);
}

struct span span_take_word(struct span *rest)
{
    struct span word;
    size_t size = 0;

    span_skip_blanks(rest);
    while (size < rest->size && !is_blank(rest->at[size]))
        size++;
    word = span_split(rest, size);
    span_skip_blanks(rest);
    return word;
}

struct span span_take_options(struct span *rest, int *failed)
{
    struct span options;
    size_t size = 0;
    int quoted = 0;

    while (size < rest->size && (quoted || !is_blank(rest->at[size]))) {
        if (rest->at[size] == '\\' && size + 1 < rest->size && rest->at[size + 1] == '"')
            size++;
        else if (rest->at[size] == '"')
            quoted = !quoted;
        size++;
    }
    *failed = quoted;
    options = span_split(rest, size);
    span_skip_blanks(rest);
    return options;
}

struct span span_trim(struct span span)
{
    span_skip_blanks(&span);
    while (span.size && (is_blank(span.at[span.size - 1]) || span.at[span.size - 1] == '\r'))
        span.size--;
    return span;
}

int span_skip(struct span *span, const char *text)
{
    size_t size = strlen(text);

    if (span->size < size || (size && memcmp(span->at, text, size) != 0))
        return 0;
    span_drop(span, size);
    return 1;
}

int span_skip_nocase(struct span *span, const char *text)
{
    size_t size = strlen(text);

    if (span->size < size)
        return 0;
    for (size_t i = 0; i < size; i++)
        if (ascii_lower(span->at[i]) != ascii_lower(text[i]))
            return 0;
    span_drop(span, size);
    return 1;
}

static int span_has_controls(struct span span)
{
    for (size_t i = 0; i < span.size; i++)
        if (((unsigned char)span.at[i] < ' ' && span.at[i] != '\t') || span.at[i] == 127)
            return 1;
    return 0;
}

long span_number(struct span span, long max)
{
    long value = 0;

    if (!span.size || span.size > 9)
        return -1;
    for (size_t i = 0; i < span.size; i++) {
        if (span.at[i] < '0' || span.at[i] > '9')
            return -1;
        value = value * 10 + (span.at[i] - '0');
    }
    return value <= max ? value : -1;
}

char *span_copy(struct span span)
{
    return mem_copy(span.at, span.size);
}

/* ---- lines that could not be read ---- */

int bad_lines_add(struct bad_lines **bad, size_t line, const char *reason)
{
    struct bad_line *at;

    if (!*bad && !(*bad = mem_zalloc(sizeof **bad)))
        return SESSILE_ERR_MEMORY;
    (*bad)->count++;
    if ((*bad)->noted == TRUST_BAD_LINES)
        return SESSILE_OK;
    at = &(*bad)->list[(*bad)->noted];
    if (!(at->reason = mem_string(reason)))
        return SESSILE_ERR_MEMORY;
    at->line = line;
    (*bad)->noted++;
    return SESSILE_OK;
}

void bad_lines_free(struct bad_lines *bad)
{
    for (size_t i = 0; bad && i < bad->noted; i++)
        mem_free(bad->list[i].reason);
    mem_free(bad);
}

size_t bad_lines_count(const struct bad_lines *bad)
{
    return bad ? bad->count : 0;
}

size_t bad_lines_line(const struct bad_lines *bad, size_t index)
{
    return bad && index < bad->noted ? bad->list[index].line : 0;
}

const char *bad_lines_reason(const struct bad_lines *bad, size_t index)
{
    return bad && index < bad->noted ? bad->list[index].reason : NULL;
}

int line_fail(struct line_error *why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return SESSILE_ERR_ARGUMENT;
}

int line_check(struct span span, struct line_error *why)
{
    return span_has_controls(span) ? line_fail(why, "the line has a control character in it") : SESSILE_OK;
}

static int line_read(struct span line, size_t number, line_reader read, void *object, struct line_error *why)
{
    if (line.size > TRUST_LINE_MAX)
        return line_fail(why, "the line has %zu bytes, and the limit is %d", line.size, TRUST_LINE_MAX);
    return read(object, line, number, why);
}

int text_read_lines(struct span text, line_reader read, void *object, struct bad_lines **bad)
{
    struct line_error why;
    struct span line;
    int result;

    for (size_t number = 1; text.size; number++) {
        line = span_trim(span_take(&text, '\n'));
        if (!line.size || line.at[0] == '#')
            continue;
        result = line_read(line, number, read, object, &why);
        if (result == SESSILE_ERR_ARGUMENT)
            result = bad_lines_add(bad, number, why.text);
        if (result < 0)
            return result;
    }
    return SESSILE_OK;
}

/* ---- public keys ---- */

static int blob_is_whole(const struct writer *blob, struct span type)
{
    struct reader r = reader_of(blob->data, blob->size);
    struct reader name = get_sub32(&r);

    return !r.failed && r.left && span_equal(type, (struct span){(const char *)name.data, name.left});
}

static int fields_are_whole(const struct writer *blob)
{
    struct reader r = reader_of(blob->data, blob->size);

    while (r.left && !r.failed)
        get_sub32(&r);
    return reader_done(&r);
}

int line_take_key(struct span *rest, struct line_key *key, struct line_error *why)
{
    struct span type = span_take_word(rest);
    struct span text = span_take_word(rest);

    memset(key, 0, sizeof *key);
    if (!type.size || !text.size)
        return line_fail(why, "a key type and a key in base64 are missing");
    key->type = key_type_find(type.at, type.size, &key->certificate);
    if (base64_get(&key->blob, text.at, text.size) < 0)
        return key->blob.failed ? SESSILE_ERR_MEMORY : line_fail(why, "the key is not in base64");
    if (key->blob.failed)
        return SESSILE_ERR_MEMORY;
    if (key->blob.size > KEY_BLOB_MAX)
        return line_fail(why, "the key has %zu bytes, and the limit is %d", key->blob.size, KEY_BLOB_MAX);
    /* A certificate has numbers among its strings. */
    if (!blob_is_whole(&key->blob, type) || (key->type && !key->certificate && !fields_are_whole(&key->blob)))
        return line_fail(why, "the key is not of the type that the line says, or is cut short");
    return SESSILE_OK;
}

int line_take_plain_key(struct span *rest, struct line_key *key, struct line_error *why)
{
    struct span line = *rest;
    struct span type = span_take_word(&line);
    char shown[64];
    int result = line_take_key(rest, key, why);

    if (result < 0)
        return result;
    if (!key->type)
        return line_fail(why, "the key type '%s' is not known", text_escape(shown, sizeof shown, type.at, type.size));
    return key->certificate ? line_fail(why, "a certificate stands where a key must") : SESSILE_OK;
}
