/* SPDX-License-Identifier: Apache-2.0
 *
 * bcrypt_pbkdf, OpenBSD's function from a passphrase to a key: PBKDF2's shape with bcrypt in the place of HMAC. The one
 * primitive that libcrypto does not have; Blowfish's rounds and SHA-512 are libcrypto's.
 */
#ifndef SSH_KEY_BCRYPT_PBKDF_H
#define SSH_KEY_BCRYPT_PBKDF_H

#include <stddef.h>
#include <stdint.h>

#define BCRYPT_SALT_MAX 1024
#define BCRYPT_KEY_MAX 1024
/* A round of a key file's 48 bytes takes some 8 ms: ten seconds for a file at the limit. */
#define BCRYPT_ROUNDS_MAX 1024

/* Fills key. 0; ERR_ARGUMENT where a size or rounds is 0 or over its limit; ERR_CRYPTO; ERR_UNSUPPORTED where libcrypto
 * was built without Blowfish. On failure key is zeroed. */
int bcrypt_pbkdf(const void *passphrase, size_t passphrase_size, const void *salt, size_t salt_size, uint32_t rounds,
                 uint8_t *key, size_t key_size);

#endif
