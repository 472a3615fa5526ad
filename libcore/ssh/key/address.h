/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses as text, and blocks of them (CIDR), as the source-address of certificates and the from option of
 * authorized_keys have them. Reads text only: no resolver, no sockets.
 */
#ifndef SSH_KEY_ADDRESS_H
#define SSH_KEY_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

struct address {
    uint8_t bytes[16];
    unsigned bits; /* 32 or 128 */
};

/* An IPv4 or IPv6 address; of the latter those that stand for an IPv4 address become one. A zone behind a percent sign
 * is left out of account. 0, or -1. */
int address_read(struct address *address, const char *text, size_t size);
/* Whether a block, such as "10.0.0.0/8", "2001:db8::/32" or an address alone, has the address in it: 1 or 0; -1 where
 * it is no block, or has bits set beyond its length. */
int address_in_block(const struct address *address, const char *block, size_t size);
/* The same of a list of blocks with commas between them: -1 where one of them is none, or there is none at all. */
int address_in_list(const struct address *address, const char *list, size_t size);

#endif
