/* SPDX-License-Identifier: Apache-2.0
 *
 * What protects a packet (RFC 4253, section 6), for the files that do it: packet.c (keys, limits), seal.c, open.c, and
 * the ciphers, MACs and compressions they use.
 *
 * A packet is a length field of 4 bytes; that many bytes: the padding's length, payload, padding; and a tag. There are
 * four ways to protect it, told apart by what a direction has (protection_of()). Contexts of libcrypto are made once
 * for each set of keys, and started again for each packet.
 */
#ifndef SSH_TRANSPORT_PACKET_H
#define SSH_TRANSPORT_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "ssh/transport/transport.h"

#define LENGTH_SIZE 4
#define PADDING_MIN 4
#define PADDING_MAX 255
#define TAG_MAX 64
/* A packet this small is decrypted on the stack. */
#define PACKET_SMALL 1280
/* RFC 4344, section 3.1: new keys after 2^31 packets; sequence numbers repeat after 2^32. */
#define PACKETS_MOST (UINT64_C(1) << 32)

/* A packet to be sealed in place: room for all of it, of which the plaintext of the middle is still elsewhere. */
struct sealing {
    uint8_t *packet;     /* the length field, in the clear, and behind it: */
    size_t lead;         /* plaintext, in place */
    const uint8_t *bulk; /* then this plaintext */
    size_t bulk_size;
    size_t trail; /* then plaintext, in place; then room for the tag */
};

/* What follows the length field. */
static inline size_t sealing_size(const struct sealing *s)
{
    return s->lead + s->bulk_size + s->trail;
}

/* A cipher for packets. Functions return 0, ERR_MEMORY or ERR_CRYPTO; libcrypto's error queue is left as it may be. */
struct cipher_functions {
    int (*make)(void **state, const struct cipher *cipher, const struct packet_material *material, int direction);
    void (*release)(void *state);
    /* Ciphers with a tag: decrypt the length field; NULL where it is in the clear. */
    int (*length)(void *state, uint32_t sequence, const uint8_t in[LENGTH_SIZE], uint8_t out[LENGTH_SIZE]);
    /* The whole packet, length field and tag included. */
    int (*seal)(void *state, uint32_t sequence, const struct sealing *s);
    /* A packet of LENGTH_SIZE + size bytes and its tag; size bytes go to out. ERR_VERIFY: the tag is wrong. */
    int (*open)(void *state, uint32_t sequence, const uint8_t *packet, size_t size, uint8_t *out);
    /* Ciphers without a tag: the next size bytes, into the same place or another. */
    int (*crypt)(void *state, const uint8_t *in, size_t size, uint8_t *out);
};

extern const struct cipher_functions cipher_gcm;
extern const struct cipher_functions cipher_chacha;
extern const struct cipher_functions cipher_ctr;

/* A context with its key, and with its iv where that is not NULL. 0, ERR_MEMORY, ERR_CRYPTO. */
int cipher_context(EVP_CIPHER_CTX **context, const char *algorithm, const uint8_t *key, const uint8_t *iv,
                   int direction);

/* ---- MACs ---- */

struct span {
    const uint8_t *data;
    size_t size;
};

int mac_make(void **state, const struct mac *mac, const uint8_t *key);
void mac_release(void *state);
/* The tag of the sequence number and the spans. */
int mac_sum(void *state, uint32_t sequence, const struct span *spans, size_t count, uint8_t tag[TAG_MAX]);

/* ---- Compression ---- */

int zip_make(void **zip, int direction);
void zip_release(void *zip);
/* The most that zip_deflate() makes of size bytes. */
size_t zip_bound(size_t size);
/* Compress the spans as one payload into room of zip_bound(): *size bytes. */
int zip_deflate(void *zip, const struct span *spans, size_t count, uint8_t *out, size_t room, size_t *size);
/* ERR_PROTOCOL: that is no zlib data; ERR_LIMIT: it is more than room; ERR_MEMORY. */
int zip_inflate(void *zip, const uint8_t *data, size_t data_size, uint8_t *out, size_t room, size_t *size);

/* ---- One direction ---- */

enum protection {
    PROTECTION_NONE,
    PROTECTION_AEAD,
    PROTECTION_ETM, /* encrypt, then MAC: the length field is in the clear */
    PROTECTION_EAM  /* encrypt, and MAC the plaintext: the length field is in the first block */
};
enum protection protection_of(const struct direction *d);
/* What lengths are a multiple of, and whether the length field counts in that. */
size_t packet_block(const struct direction *d);
size_t packet_tag(const struct direction *d);
size_t packet_counted(const struct direction *d);
/* One packet of size bytes is done. 0 or a negative code: the session is over. */
int packet_count(struct ssh *ssh, int direction, size_t size);
/* Whether its keys can take one more. */
int packet_may(struct ssh *ssh, int direction);
/* libcrypto or the allocator failed while doing that: nothing more is sent. Leaves libcrypto's error queue clean.
 * Returns the code. */
int packet_failed(struct ssh *ssh, int code, const char *doing);

/* ---- Opening ---- */

struct opened {
    const uint8_t *payload; /* until opened_done(), or the next packet */
    size_t size;
    size_t used; /* of small */
    uint8_t small[PACKET_SMALL];
};

/* Take one packet apart. Its size; 0 where it is not complete; or a negative code: the session is over. Whatever it
 * returns, opened_done() follows. */
int packet_open(struct ssh *ssh, const uint8_t *data, size_t size, struct opened *opened);
void opened_done(struct opened *opened);

#endif
