/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64. */
#include "ssh/key/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_group(struct writer *w, const uint8_t *in, size_t size)
{
    uint32_t bits = 0;
    char out[4];

    for (size_t i = 0; i < 3; i++)
        bits = bits << 8 | (i < size ? in[i] : 0u);
    for (size_t i = 0; i < 4; i++)
        out[i] = (char)(i <= size ? alphabet[bits >> (18 - 6 * i) & 63] : '=');
    put_bytes(w, out, sizeof out);
}

void base64_put(struct writer *w, const void *data, size_t size, size_t width)
{
    const uint8_t *in = data;
    size_t column = 0;

    for (size_t i = 0; i < size; i += 3) {
        put_group(w, in + i, size - i < 3 ? size - i : 3);
        column += 4;
        if (width && (column == width || i + 3 >= size)) {
            put_u8(w, '\n');
            column = 0;
        }
    }
}

static int value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* What is known of a text that is being read: bits not written yet, digits and padding so far. */
struct decoder {
    uint32_t bits;
    size_t digits;
    size_t padding;
};

static int take_digit(struct decoder *d, struct writer *w, int value)
{
    if (value < 0 || d->padding)
        return -1;
    d->bits = d->bits << 6 | (uint32_t)value;
    d->digits++;
    if (d->digits % 4 != 1)
        put_u8(w, (uint8_t)(d->bits >> (2 * (3 - (d->digits + 3) % 4))));
    return 0;
}

/* Whole groups, and no bits set that belong to no byte. */
static int check_end(const struct decoder *d)
{
    size_t over = d->digits % 4;

    if (over == 1 || (d->digits + d->padding) % 4 || d->padding > 2 || (d->padding && !over))
        return -1;
    if (over)
        return d->bits & (over == 2 ? 15u : 3u) ? -1 : 0;
    return 0;
}

int base64_get(struct writer *w, const char *text, size_t size)
{
    struct decoder d = {0, 0, 0};

    for (size_t i = 0; i < size; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n')
            continue;
        if (text[i] == '=')
            d.padding++;
        else if (take_digit(&d, w, value_of(text[i])) < 0)
            return -1;
    }
    return check_end(&d);
}
