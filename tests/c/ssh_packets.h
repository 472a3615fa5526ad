/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH packets made and read by hand, with keys that are given: what a peer would send, and what none should. Written
 * from the specifications, on libcrypto's calls alone, so that the library's own packets are not their own judge.
 */
#ifndef TESTS_SSH_PACKETS_H
#define TESTS_SSH_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#define RAW_ROOM 70000
/* A field as it should be. */
#define RAW_RIGHT -1

/* One direction. cipher: an SSH name, NULL for in the clear; mac: NULL with an AEAD. */
struct raw_keys {
    const char *cipher;
    const char *mac;
    uint8_t key[64];
    uint8_t iv[16];
    uint8_t mac_key[64];
    uint32_t sequence;
    void *stream; /* of a cipher without a tag: made by the first packet */
};

struct raw_packet {
    const void *payload;
    size_t size;
    int64_t length;   /* what packet_length says, or RAW_RIGHT */
    int padding;      /* how many bytes of padding there are, or RAW_RIGHT: the fewest that are right */
    int padding_says; /* how many padding_length says, or RAW_RIGHT */
};

/* Key material that can be told apart. */
void raw_keys_init(struct raw_keys *keys, const char *cipher, const char *mac);
void raw_keys_free(struct raw_keys *keys);
/* Makes a packet, whatever it says of itself, and its tag; returns its size. out: RAW_ROOM bytes. */
size_t raw_seal(struct raw_keys *keys, const struct raw_packet *packet, uint8_t *out);
/* The same for a packet with nothing wrong. */
size_t raw_seal_payload(struct raw_keys *keys, const void *payload, size_t size, uint8_t *out);
/* Reads one packet at the start of data: its payload's size, *used bytes of data; -1 where anything is wrong with it.
 * payload: RAW_ROOM bytes. */
long raw_open(struct raw_keys *keys, const uint8_t *data, size_t size, uint8_t *payload, size_t *used);

#endif
