/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists of algorithms in a config (algorithms.c).
 */
#ifndef SSH_ALGORITHMS_H
#define SSH_ALGORITHMS_H

#include <stddef.h>

/* The name of an algorithm of a kind (SESSILE_SSH_KEX, ...) that this build and this libcrypto have, by number, those
 * that are insecure included; NULL past the end. */
const char *algorithm_at(int kind, size_t index);
int algorithm_known(int kind, const char *name, size_t size);

#endif
