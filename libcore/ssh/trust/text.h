/* SPDX-License-Identifier: Apache-2.0
 *
 * Text files of lines: pieces of a text, without copies, and a log of the lines that could not be read. All walking
 * over the bytes of these files happens in text.c, pattern.c and address.c.
 */
#ifndef SSH_TRUST_TEXT_H
#define SSH_TRUST_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/export.h>

#include "ssh/key/key.h"

#define TRUST_TEXT_MAX (16u << 20)
/* A key of 64 KiB is 86 KiB of base64. */
#define TRUST_LINE_MAX 131072
#define TRUST_BAD_LINES 100

/* A piece of a text that somebody else holds. */
struct span {
    const char *at;
    size_t size;
};

struct span span_of(const char *text);
int span_is(struct span span, const char *text);
/* In any case of letters (US-ASCII). */
int span_is_nocase(struct span span, const char *text);
int span_equal(struct span a, struct span b);
/* Take what is before a separator off the front; all of it where there is none. The separator is dropped. */
struct span span_take(struct span *rest, char separator);
/* Take a word off the front, and the blanks around it. */
struct span span_take_word(struct span *rest);
/* The same for the options of an authorized_keys line: blanks within double quotes belong to it. failed: set where a
 * quote does not end. */
struct span span_take_options(struct span *rest, int *failed);
struct span span_trim(struct span span);
/* Whether text is the start; it is then taken off. */
int span_skip(struct span *span, const char *text);
int span_skip_nocase(struct span *span, const char *text);
/* A decimal number of at most max; -1 where it is none. */
long span_number(struct span span, long max);
char *span_copy(struct span span);
char ascii_lower(char c);

/* Lines that could not be read. */
struct bad_lines {
    size_t count; /* all of them */
    size_t noted;
    struct bad_line {
        size_t line;
        char *reason;
    } list[TRUST_BAD_LINES];
};
/* 0 or ERR_MEMORY. */
int bad_lines_add(struct bad_lines **bad, size_t line, const char *reason);
void bad_lines_free(struct bad_lines *bad);
size_t bad_lines_count(const struct bad_lines *bad);
size_t bad_lines_line(const struct bad_lines *bad, size_t index);
const char *bad_lines_reason(const struct bad_lines *bad, size_t index);

/* What reads one line that is neither empty nor a comment: 0; ERR_ARGUMENT with why filled, for a line to skip; or
 * another error, which ends the reading. */
#define TRUST_WHY 256
struct line_error {
    char text[TRUST_WHY];
};
int line_fail(struct line_error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Refuse what has bytes in it that are no text: a NUL, or another control character than a tab. Not for the comment of
 * a line that may take something away, such as a revoked key: the line would be lost for it. */
int line_check(struct span span, struct line_error *why);
typedef int (*line_reader)(void *object, struct span line, size_t number, struct line_error *why);
/* Read all lines. *bad: made where there are bad ones. Returns 0, or the error that ended it. */
int text_read_lines(struct span text, line_reader read, void *object, struct bad_lines **bad);

/* Take "type base64" of a public key off the front, as its wire form. It is decoded and its fields are counted, no
 * more: these files are for comparing with keys that were checked, and a line must not be lost because libcrypto
 * refuses the key in it, or has no memory for it. */
struct line_key {
    const struct key_type *type; /* NULL: not known here */
    int certificate;
    struct writer blob; /* the caller's to free */
};
/* 0, ERR_ARGUMENT with why filled, ERR_MEMORY. */
int line_take_key(struct span *rest, struct line_key *key, struct line_error *why);
/* The same for a plain key of a known type. */
int line_take_plain_key(struct span *rest, struct line_key *key, struct line_error *why);

#endif
