/* SPDX-License-Identifier: Apache-2.0
 *
 * What SSH is compared with: libcrypto's calls for one packet, and for one handshake, and nothing around them.
 */
#ifndef BENCH_SSH_BARE_H
#define BENCH_SSH_BARE_H

#include <stddef.h>
#include <stdint.h>

/* Packets of CHANNEL_DATA, with the least padding. */
struct bare_packet;

/* cipher: as SSH calls it; with hmac-sha2-256-etm where it has no tag. */
struct bare_packet *bare_new(const char *cipher);
void bare_free(struct bare_packet *bare);
/* Seal a packet with size bytes of data from where they are, then open it to somewhere else. */
void bare_pass(struct bare_packet *bare, const uint8_t *data, size_t size);

/* What both ends of a handshake sign, verify and derive: X25519 twice, an Ed25519 signature by each and its check. */
void bare_handshake(void);

#endif
