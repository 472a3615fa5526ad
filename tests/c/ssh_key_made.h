/* SPDX-License-Identifier: Apache-2.0
 *
 * A private key of each type, made for a group of tests.
 */
#ifndef TESTS_SSH_KEY_MADE_H
#define TESTS_SSH_KEY_MADE_H

#include <sessile/key.h>

enum { MADE_ED25519, MADE_P256, MADE_P384, MADE_P521, MADE_RSA, MADE };

#define MADE_COMMENT "a comment"

extern sessile_key *made[MADE];

/* Of a group, for cmocka. */
int make_keys(void **state);
int free_keys(void **state);

#endif
