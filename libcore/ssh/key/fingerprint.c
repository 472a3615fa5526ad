/* SPDX-License-Identifier: Apache-2.0
 *
 * Fingerprints, and the picture of one: a bishop that starts in the middle of a board moves diagonally, two bits of the
 * hash a step, and each field shows how often it was met.
 */
#include <stdio.h>
#include <string.h>

#include "ssh/key/base64.h"
#include "ssh/key/certificate.h"

struct hash {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned size;
};

/* By hash: SESSILE_FINGERPRINT_*. */
static const char *const names[] = {
    [SESSILE_FINGERPRINT_SHA256] = "SHA256",
    [SESSILE_FINGERPRINT_MD5] = "MD5",
};

static int make_hash(const sessile_key *key, int kind, struct hash *hash)
{
    EVP_MD *digest;
    int good;

    if (kind != SESSILE_FINGERPRINT_SHA256 && kind != SESSILE_FINGERPRINT_MD5)
        return SESSILE_ERR_ARGUMENT;
    if (!(digest = EVP_MD_fetch(NULL, names[kind], NULL)))
        return key_openssl_failure(SESSILE_ERR_UNSUPPORTED);
    good = EVP_Digest(key->blob, key->blob_size, hash->bytes, &hash->size, digest, NULL) == 1;
    EVP_MD_free(digest);
    return good ? 0 : key_openssl_failure(SESSILE_ERR_CRYPTO);
}

static void put_text(struct writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_hex(struct writer *w, const struct hash *hash)
{
    char text[4];

    for (unsigned i = 0; i < hash->size; i++) {
        snprintf(text, sizeof text, ":%02x", hash->bytes[i]);
        put_bytes(w, text, 3);
    }
}

static void put_unpadded(struct writer *w, const struct hash *hash)
{
    put_u8(w, ':');
    base64_put(w, hash->bytes, hash->size, 0);
    while (!w->failed && w->data[w->size - 1] == '=')
        w->size--;
}

int sessile_key_fingerprint(sessile_key *key, int hash, void *data, size_t size)
{
    struct writer w = {0};
    struct hash made = {.size = 0};
    int code;

    if (!key || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if ((code = make_hash(key, hash, &made)) < 0)
        return key_done(NULL, code);
    put_text(&w, names[hash]);
    if (hash == SESSILE_FINGERPRINT_MD5)
        put_hex(&w, &made);
    else
        put_unpadded(&w, &made);
    return key_done(NULL, key_give(&w, 0, data, size));
}

/* ---- The picture ---- */

#define WIDTH 17
#define HEIGHT 9

/* What a field shows, by how often the bishop was there; the last two: where it started, and where it stayed. */
static const char marks[] = " .o+=*BOX@%&#/^SE";
#define START ((uint8_t)(sizeof marks - 3))
#define END ((uint8_t)(sizeof marks - 2))

struct board {
    uint8_t visits[HEIGHT][WIDTH];
    int x;
    int y;
};

static int clamp(int value, int limit)
{
    return value < 0 ? 0 : value < limit ? value : limit - 1;
}

static void move(struct board *board, int right, int down)
{
    uint8_t *visits;

    board->x = clamp(board->x + (right ? 1 : -1), WIDTH);
    board->y = clamp(board->y + (down ? 1 : -1), HEIGHT);
    visits = &board->visits[board->y][board->x];
    if (*visits < START - 1)
        ++*visits;
}

static void walk(struct board *board, const struct hash *hash)
{
    board->x = WIDTH / 2;
    board->y = HEIGHT / 2;
    for (unsigned i = 0; i < hash->size; i++)
        for (int shift = 0; shift < 8; shift += 2)
            move(board, hash->bytes[i] >> shift & 1, hash->bytes[i] >> shift & 2);
    board->visits[HEIGHT / 2][WIDTH / 2] = START;
    board->visits[board->y][board->x] = END;
}

static void put_border(struct writer *w, const char *title)
{
    size_t length = strlen(title), before = (WIDTH - length) / 2;

    put_u8(w, '+');
    for (size_t i = 0; i < WIDTH - length; i++) {
        if (i == before)
            put_text(w, title);
        put_u8(w, '-');
    }
    put_text(w, "+\n");
}

static void put_board(struct writer *w, const struct board *board)
{
    for (size_t y = 0; y < HEIGHT; y++) {
        put_u8(w, '|');
        for (size_t x = 0; x < WIDTH; x++)
            put_u8(w, (uint8_t)marks[board->visits[y][x]]);
        put_text(w, "|\n");
    }
}

/* Type and size, or as much of the type as the border has room for. */
static void make_title(sessile_key *key, char title[WIDTH])
{
    const char *suffix = key->certificate ? "-CERT" : "";
    int length = snprintf(title, WIDTH, "[%s%s %d]", key->type->label, suffix, sessile_key_bits(key));

    if (length >= WIDTH)
        snprintf(title, WIDTH, "[%s%s]", key->type->label, suffix);
}

int sessile_key_randomart(sessile_key *key, int hash, void *data, size_t size)
{
    struct board board = {0};
    struct writer w = {0};
    struct hash made = {.size = 0};
    char title[WIDTH];
    int code;

    if (!key || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if ((code = make_hash(key, hash, &made)) < 0)
        return key_done(NULL, code);
    walk(&board, &made);
    make_title(key, title);
    put_border(&w, title);
    put_board(&w, &board);
    snprintf(title, sizeof title, "[%s]", names[hash]);
    put_border(&w, title);
    return key_done(NULL, key_give(&w, 0, data, size));
}
