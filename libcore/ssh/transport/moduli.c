/* SPDX-License-Identifier: Apache-2.0
 *
 * A moduli file has a group on each line: time, type, tests, tries, size in bits less one, generator, and the modulus
 * in hexadecimal. Taken are safe primes that somebody has tested for primality; what a line says of itself is checked
 * as far as that is cheap. The text is walked twice, to count the groups of the best size and to take one of them, so
 * that nothing is kept but the text. */
#include "ssh/transport/moduli.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "ssh/key/key.h"

#define FIELDS 7
#define FIELD_TYPE 1
#define FIELD_TESTS 2
#define FIELD_SIZE 4
#define FIELD_GENERATOR 5
#define FIELD_MODULUS 6
#define TYPE_SAFE 2
#define TEST_COMPOSITE 1
/* Hexadecimal digits of the largest modulus, 16384 bits. */
#define DIGITS_MAX 4096
#define NUMBER_LIMIT 65536

struct field {
    const char *text;
    size_t size;
};

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The fields of a line; 0 where there are not seven, or it is a comment. */
static int split(const char *line, size_t size, struct field fields[FIELDS])
{
    size_t at = 0, count = 0;

    for (;;) {
        size_t begin;

        while (at < size && is_blank(line[at]))
            at++;
        if (at == size)
            return count == FIELDS;
        if (count == FIELDS || line[at] == '#')
            return 0;
        for (begin = at; at < size && !is_blank(line[at]); at++)
            ;
        fields[count++] = (struct field){line + begin, at - begin};
    }
}

/* A decimal number below NUMBER_LIMIT, else 0. */
static unsigned number_of(struct field field)
{
    unsigned value = 0;

    for (size_t i = 0; i < field.size; i++) {
        if (field.text[i] < '0' || field.text[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(field.text[i] - '0');
        if (value >= NUMBER_LIMIT)
            return 0;
    }
    return value;
}

/* How many bits the group on a line has; 0 where it is none that can be taken. */
static unsigned bits_of(const char *line, size_t size, struct field fields[FIELDS])
{
    unsigned tests, bits;

    if (!split(line, size, fields) || number_of(fields[FIELD_TYPE]) != TYPE_SAFE)
        return 0;
    tests = number_of(fields[FIELD_TESTS]);
    bits = number_of(fields[FIELD_SIZE]);
    if (tests & TEST_COMPOSITE || !(tests & ~(unsigned)TEST_COMPOSITE) || !bits)
        return 0;
    return bits + 1;
}

/* The next line of a text: 0 at its end. */
static int next_line(const char *text, size_t size, size_t *at, struct field *line)
{
    const char *end;

    if (*at >= size)
        return 0;
    end = memchr(text + *at, '\n', size - *at);
    line->text = text + *at;
    line->size = end ? (size_t)(end - line->text) : size - *at;
    *at += line->size + 1;
    return 1;
}

/* Whether a size is nearer to what is asked for than the best one so far. */
static int is_better(unsigned bits, unsigned best, unsigned preferred)
{
    return !best || (best < preferred ? bits > best : bits >= preferred && bits < best);
}

struct choice {
    unsigned minimum;
    unsigned preferred;
    unsigned maximum;
    unsigned best;
    uint32_t count;
};

static int suits(const struct choice *c, unsigned bits)
{
    return bits >= c->minimum && bits <= c->maximum;
}

static void count_groups(const char *text, size_t size, struct choice *c)
{
    struct field line, fields[FIELDS];
    size_t at = 0;

    while (next_line(text, size, &at, &line)) {
        unsigned bits = bits_of(line.text, line.size, fields);

        if (!bits || !suits(c, bits))
            continue;
        if (is_better(bits, c->best, c->preferred)) {
            c->best = bits;
            c->count = 0;
        }
        c->count += bits == c->best;
    }
}

static int read_number(struct field field, BIGNUM **number)
{
    char digits[DIGITS_MAX + 1];

    *number = NULL;
    if (field.size > DIGITS_MAX)
        return SESSILE_ERR_ARGUMENT;
    memcpy(digits, field.text, field.size);
    digits[field.size] = 0;
    if (strspn(digits, "0123456789abcdefABCDEF") != field.size)
        return SESSILE_ERR_ARGUMENT;
    return BN_hex2bn(number, digits) > 0 ? SESSILE_OK : key_openssl_failure(SESSILE_ERR_MEMORY);
}

static int read_group(const struct field fields[FIELDS], unsigned bits, BIGNUM **p, BIGNUM **g)
{
    int result = read_number(fields[FIELD_MODULUS], p);

    *g = NULL;
    if (result == SESSILE_OK)
        result = read_number(fields[FIELD_GENERATOR], g);
    if (result == SESSILE_OK &&
        ((unsigned)BN_num_bits(*p) != bits || !BN_is_odd(*p) || BN_is_zero(*g) || BN_is_one(*g) || BN_cmp(*g, *p) >= 0))
        result = SESSILE_ERR_ARGUMENT;
    if (result == SESSILE_OK)
        return result;
    BN_free(*p);
    BN_free(*g);
    *p = *g = NULL;
    return result;
}

/* The group of the best size with that number; lines that turn out to be nothing hand on to the next, round once. */
static int take_group(const char *text, size_t size, const struct choice *c, uint32_t number, BIGNUM **p, BIGNUM **g)
{
    struct field line, fields[FIELDS];
    int result = SESSILE_ERR_ARGUMENT;

    for (unsigned round = 0; round < 2; round++) {
        size_t at = 0;
        uint32_t skip = round ? 0 : number;

        while (next_line(text, size, &at, &line)) {
            if (bits_of(line.text, line.size, fields) != c->best || (skip && skip--))
                continue;
            if ((result = read_group(fields, c->best, p, g)) != SESSILE_ERR_ARGUMENT)
                return result;
        }
    }
    return result;
}

/* ---- RFC 3526 ---- */

static const struct {
    unsigned bits;
    BIGNUM *(*prime)(BIGNUM *);
} fixed[] = {
    {2048, BN_get_rfc3526_prime_2048}, {3072, BN_get_rfc3526_prime_3072}, {4096, BN_get_rfc3526_prime_4096},
    {6144, BN_get_rfc3526_prime_6144}, {8192, BN_get_rfc3526_prime_8192},
};

#define FIXED_COUNT (sizeof fixed / sizeof fixed[0])

static int take_fixed(struct choice *c, BIGNUM **p, BIGNUM **g)
{
    size_t chosen = 0;

    c->best = 0;
    for (size_t i = 0; i < FIXED_COUNT; i++)
        if (suits(c, fixed[i].bits) && is_better(fixed[i].bits, c->best, c->preferred)) {
            c->best = fixed[i].bits;
            chosen = i;
        }
    if (!c->best)
        return SESSILE_ERR_ARGUMENT;
    *p = fixed[chosen].prime(NULL);
    *g = BN_new();
    if (*p && *g && BN_set_word(*g, 2) == 1)
        return SESSILE_OK;
    BN_free(*p);
    BN_free(*g);
    *p = *g = NULL;
    return key_openssl_failure(SESSILE_ERR_MEMORY);
}

int moduli_choose(const char *text, size_t size, unsigned minimum, unsigned preferred, unsigned maximum, BIGNUM **p,
                  BIGNUM **g)
{
    struct choice c = {minimum, preferred, maximum, 0, 0};
    uint32_t number;
    int result;

    *p = *g = NULL;
    ERR_clear_error();
    count_groups(text, text ? size : 0, &c);
    if (c.count) {
        if (RAND_bytes((unsigned char *)&number, sizeof number) != 1)
            return key_openssl_failure(SESSILE_ERR_CRYPTO);
        result = take_group(text, size, &c, number % c.count, p, g);
        if (result != SESSILE_ERR_ARGUMENT)
            return result;
    }
    return take_fixed(&c, p, g);
}
