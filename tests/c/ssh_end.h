/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of an SSH session of which the packets alone are alive: keys are given, no message is dispatched. For tests
 * of sealing, opening and sending.
 */
#ifndef TESTS_SSH_END_H
#define TESTS_SSH_END_H

#include <stddef.h>
#include <stdint.h>

#include "ssh/ssh.h"
#include "ssh/transport/packet.h"

#include "ssh_packets.h"

struct ssh_end {
    struct sessile_ssh_config config;
    struct ssh ssh;
};

/* In the phase SSH_OPEN, in the clear, without limits but the protocol's. */
void end_open(struct ssh_end *end);
void end_close(struct ssh_end *end);
/* Use keys, which are those of raw_keys_init(). Returns packet_use()'s result. */
int end_use(struct ssh_end *end, int direction, const char *cipher, const char *mac, const char *compression);
/* What is in the outbox. */
const uint8_t *end_sent(struct ssh_end *end, size_t *size);
void end_clear(struct ssh_end *end);
/* The session's error, and its text. */
int end_error(struct ssh_end *end);
const char *end_text(struct ssh_end *end);
/* Every way that a packet can be protected; NULL past the end. */
struct end_suite {
    const char *cipher;
    const char *mac;
};
const struct end_suite *end_suite(size_t index);
/* Whether its length field is in the first block of ciphertext. */
int end_suite_hides(const struct end_suite *suite);
/* end_open(), and keys in both directions. */
void end_open_with(struct ssh_end *end, const struct end_suite *suite);

/* A payload of reproducible bytes, CHANNEL_DATA by its number; the same each time. */
#define END_BYTES 65536
const uint8_t *end_bytes(void);
/* packet_open() from memory that ends where data ends, and stays as it is. The payload, if any, is in end_opened. */
int end_take(struct ssh_end *end, const uint8_t *data, size_t size);
extern struct opened end_opened;
/* A packet that can be opened: to size bytes of end_bytes(). */
void end_takes(struct ssh_end *end, const uint8_t *data, size_t size, size_t payload_size);
/* What is in the outbox is one packet: of size bytes of end_bytes(). Clears it. */
void end_sealed(struct ssh_end *end, struct raw_keys *keys, size_t payload_size);

#endif
