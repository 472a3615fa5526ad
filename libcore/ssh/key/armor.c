/* SPDX-License-Identifier: Apache-2.0
 *
 * Armored text, line by line. */
#include "ssh/key/armor.h"

#include <string.h>

#include <sessile/error.h>

#include "ssh/key/base64.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

static int is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

int text_line(struct reader *text, struct reader *line)
{
    const uint8_t *end = text->left ? memchr(text->data, '\n', text->left) : NULL;
    size_t size = end ? (size_t)(end - text->data) : text->left;

    *line = reader_of(text->data, size);
    if (!text->left)
        return 0;
    get_bytes(text, end ? size + 1 : size);
    if (end && size && line->data[size - 1] == '\r')
        line->left--;
    return 1;
}

int text_starts(struct reader line, const char *prefix, struct reader *behind)
{
    size_t size = strlen(prefix);

    if (line.left < size || memcmp(line.data, prefix, size) != 0)
        return 0;
    get_bytes(&line, size);
    *behind = line;
    return 1;
}

int text_is_blank(struct reader text)
{
    while (text.left)
        if (!is_blank(get_u8(&text)))
            return 0;
    return 1;
}

/* Whether the line is mark, label, five dashes, and at most blanks. */
static int is_mark(struct reader line, const char *mark, struct reader *label)
{
    struct reader rest;

    while (line.left && is_blank(line.data[line.left - 1]))
        line.left--;
    if (!text_starts(line, mark, &rest) || rest.left < sizeof DASHES - 1)
        return 0;
    *label = reader_of(rest.data, rest.left - (sizeof DASHES - 1));
    return memcmp(rest.data + label->left, DASHES, sizeof DASHES - 1) == 0;
}

static int same_label(struct reader a, struct reader b)
{
    return a.left == b.left && (!a.left || memcmp(a.data, b.data, a.left) == 0);
}

static int find_end(struct reader text, struct armor *found)
{
    struct reader line, label;

    found->body = text;
    for (struct reader at = text; text_line(&at, &line);) {
        if (is_mark(line, END, &label) && same_label(label, found->label)) {
            found->body.left = (size_t)(line.data - text.data);
            found->after = at;
            return 0;
        }
        if (is_mark(line, BEGIN, &label))
            break;
    }
    return SESSILE_ERR_ARGUMENT;
}

int armor_find(struct reader text, struct armor *found)
{
    struct reader line;

    memset(found, 0, sizeof *found);
    found->before = text;
    for (struct reader at = text; text_line(&at, &line);)
        if (is_mark(line, BEGIN, &found->label)) {
            found->before.left = (size_t)(line.data - text.data);
            return find_end(at, found);
        }
    return SESSILE_ERR_ARGUMENT;
}

int armor_has_label(const struct armor *armor, const char *label)
{
    return same_label(armor->label, reader_of(label, strlen(label)));
}

static void put_mark(struct writer *out, const char *mark, const char *label)
{
    put_bytes(out, mark, strlen(mark));
    put_bytes(out, label, strlen(label));
    put_bytes(out, DASHES "\n", sizeof DASHES);
}

int armor_read(const struct armor *armor, struct writer *out)
{
    int r = base64_get(out, (const char *)armor->body.data, armor->body.left);

    if (out->failed)
        return SESSILE_ERR_MEMORY;
    return r < 0 ? SESSILE_ERR_ARGUMENT : 0;
}

void armor_write(struct writer *out, const char *label, const void *data, size_t size, size_t width)
{
    put_mark(out, BEGIN, label);
    base64_put(out, data, size, width);
    put_mark(out, END, label);
}
