/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups that a server has for group exchange: those of a moduli file (moduli(5)), or those of RFC 3526.
 */
#ifndef SSH_TRANSPORT_MODULI_H
#define SSH_TRANSPORT_MODULI_H

#include <stddef.h>

#include <openssl/bn.h>

/* Choose a group of at least minimum and at most maximum bits: the smallest that has as many as preferred, else the
 * largest; among several of that size, any. text: NULL and 0 for none. *p, *g: the caller's, NULL on failure. 0;
 * ERR_ARGUMENT where none is of such a size; ERR_MEMORY; ERR_CRYPTO. */
int moduli_choose(const char *text, size_t size, unsigned minimum, unsigned preferred, unsigned maximum, BIGNUM **p,
                  BIGNUM **g);

#endif
