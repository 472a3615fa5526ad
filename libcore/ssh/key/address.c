/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and blocks (RFC 4291, section 2.2; RFC 4632). */
#include "ssh/key/address.h"

#include <string.h>

/* A text that is read from its front. */
struct scan {
    const char *at;
    size_t left;
};

static int scan_char(struct scan *s, char c)
{
    if (!s->left || *s->at != c)
        return 0;
    s->at++;
    s->left--;
    return 1;
}

/* A decimal number of up to 3 digits, with no zeros in front, up to limit; -1 else. */
static int scan_decimal(struct scan *s, int limit)
{
    int value = 0, digits = 0;

    while (s->left && *s->at >= '0' && *s->at <= '9' && digits < 4) {
        value = value * 10 + (*s->at - '0');
        digits++;
        scan_char(s, *s->at);
        if (value == 0 && s->left && *s->at >= '0' && *s->at <= '9')
            return -1;
    }
    return digits > 0 && digits < 4 && value <= limit ? value : -1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One to four hexadecimal digits; -1 else. */
static int scan_hex(struct scan *s)
{
    int value = 0, digits = 0;

    while (s->left && hex_value(*s->at) >= 0 && digits < 5) {
        value = value << 4 | hex_value(*s->at);
        digits++;
        scan_char(s, *s->at);
    }
    return digits > 0 && digits < 5 ? value : -1;
}

static int scan_ipv4(struct scan *s, uint8_t *out)
{
    for (int i = 0; i < 4; i++) {
        int value;

        if ((i && !scan_char(s, '.')) || (value = scan_decimal(s, 255)) < 0)
            return -1;
        out[i] = (uint8_t)value;
    }
    return 0;
}

/* The groups of an IPv6 address: how many bytes there are, and where the double colon stands. */
struct groups {
    uint8_t bytes[16];
    size_t used;
    size_t gap; /* 17: none */
};

/* Four bytes at the end may be written as an IPv4 address. */
static int scan_group(struct scan *s, struct groups *groups)
{
    struct scan before = *s;
    int value = scan_hex(s);

    if (s->left && *s->at == '.') {
        *s = before;
        if (groups->used > 12 || scan_ipv4(s, groups->bytes + groups->used) < 0)
            return -1;
        groups->used += 4;
        return s->left ? -1 : 0;
    }
    if (value < 0 || groups->used > 14)
        return -1;
    groups->bytes[groups->used++] = (uint8_t)(value >> 8);
    groups->bytes[groups->used++] = (uint8_t)value;
    return 0;
}

/* What stands between two groups: a colon, or the double one, once. 1 where another group follows. */
static int scan_between(struct scan *s, struct groups *groups)
{
    if (!s->left)
        return 0;
    if (!scan_char(s, ':'))
        return -1;
    if (!scan_char(s, ':'))
        return 1;
    if (groups->gap != 17)
        return -1;
    groups->gap = groups->used;
    return s->left ? 1 : 0;
}

static int scan_groups(struct scan *s, struct groups *groups)
{
    int more = 1;

    if (s->left >= 2 && s->at[0] == ':') /* only the double one may come first */
        more = s->at[1] == ':' ? scan_between(s, groups) : -1;
    while (more == 1)
        more = scan_group(s, groups) < 0 ? -1 : scan_between(s, groups);
    return more;
}

static int read_ipv6(struct address *address, struct scan s)
{
    struct groups groups = {.gap = 17};
    size_t after;

    if (scan_groups(&s, &groups) < 0 || (groups.gap == 17) != (groups.used == 16))
        return -1;
    if (groups.gap == 17)
        groups.gap = 16;
    after = groups.used - groups.gap;
    memset(address->bytes, 0, 16);
    memcpy(address->bytes, groups.bytes, groups.gap);
    memcpy(address->bytes + 16 - after, groups.bytes + groups.gap, after);
    address->bits = 128;
    return 0;
}

static int read_plain(struct address *address, const char *text, size_t size)
{
    struct scan s = {text, size};

    memset(address, 0, sizeof *address);
    if (!size)
        return -1;
    if (memchr(text, ':', size))
        return read_ipv6(address, s);
    if (scan_ipv4(&s, address->bytes) < 0 || s.left)
        return -1;
    address->bits = 32;
    return 0;
}

/* ::ffff:a.b.c.d, which a server sees where IPv4 arrives at a socket of IPv6's. */
static void unmap(struct address *address)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

    if (address->bits != 128 || memcmp(address->bytes, prefix, sizeof prefix) != 0)
        return;
    memmove(address->bytes, address->bytes + 12, 4);
    memset(address->bytes + 4, 0, 12);
    address->bits = 32;
}

int address_read(struct address *address, const char *text, size_t size)
{
    const char *zone = size ? memchr(text, '%', size) : NULL;

    if (zone && (!memchr(text, ':', (size_t)(zone - text)) || zone + 1 == text + size))
        return -1;
    if (read_plain(address, text, zone ? (size_t)(zone - text) : size) < 0)
        return -1;
    unmap(address);
    return 0;
}

static int is_below(const uint8_t *bytes, unsigned bits, unsigned length)
{
    for (unsigned i = length; i < bits; i++)
        if (bytes[i / 8] >> (7 - i % 8) & 1)
            return 0;
    return 1;
}

static int same_prefix(const struct address *a, const struct address *b, unsigned length)
{
    unsigned whole = length / 8, rest = length % 8;

    if (a->bits != b->bits || memcmp(a->bytes, b->bytes, whole) != 0)
        return 0;
    return !rest || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

int address_in_block(const struct address *address, const char *block, size_t size)
{
    const char *slash = size ? memchr(block, '/', size) : NULL;
    struct scan s = {slash ? slash + 1 : NULL, slash ? size - (size_t)(slash - block) - 1 : 0};
    struct address base;
    int length;

    if (read_plain(&base, block, slash ? (size_t)(slash - block) : size) < 0)
        return -1;
    length = slash ? scan_decimal(&s, (int)base.bits) : (int)base.bits;
    if (length < 0 || s.left || !is_below(base.bytes, base.bits, (unsigned)length))
        return -1;
    return same_prefix(address, &base, (unsigned)length);
}

int address_in_list(const struct address *address, const char *list, size_t size)
{
    int found = 0;

    for (;;) {
        const char *comma = size ? memchr(list, ',', size) : NULL;
        size_t length = comma ? (size_t)(comma - list) : size;
        int in = address_in_block(address, list, length);

        if (in < 0)
            return -1;
        found |= in;
        if (!comma)
            return found;
        list = comma + 1;
        size -= length + 1;
    }
}
