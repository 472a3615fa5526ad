/* SPDX-License-Identifier: Apache-2.0
 *
 * The key types, and what their files share: numbers and points in and out of libcrypto's keys. Secrets on the way are
 * in buffers of this layer's own, which are wiped.
 */
#ifndef SSH_KEY_TYPES_H
#define SSH_KEY_TYPES_H

#include <openssl/bn.h>
#include <openssl/params.h>

#include "ssh/key/key.h"

extern const struct key_type key_type_ed25519;
extern const struct key_type key_type_ecdsa_256;
extern const struct key_type key_type_ecdsa_384;
extern const struct key_type key_type_ecdsa_521;
extern const struct key_type key_type_rsa;
extern const struct key_type key_type_sk_ed25519;
extern const struct key_type key_type_sk_ecdsa;

/* ---- params.c: libcrypto's keys from and to numbers ---- */

#define KEY_PARAMS_MAX 10

/* The parameters of a key that is to be made. Zeroed to start with; key_params_make() ends it. */
struct key_params {
    OSSL_PARAM list[KEY_PARAMS_MAX + 1];
    uint8_t *owned[KEY_PARAMS_MAX];
    size_t count;
    int failed;
};
void key_params_number(struct key_params *params, const char *name, const BIGNUM *number);
/* Borrowed until the end. */
void key_params_octets(struct key_params *params, const char *name, const void *data, size_t size);
void key_params_text(struct key_params *params, const char *name, const char *text);
/* Wipe and free what is in params, and make the key. selection: EVP_PKEY_PUBLIC_KEY or EVP_PKEY_KEYPAIR. 0,
 * ERR_MEMORY, or ERR_ARGUMENT where libcrypto refuses the key. */
int key_params_make(struct key_params *params, const char *type, int selection, EVP_PKEY **pkey);

/* A number of a key; the caller's, NULL on failure. */
BIGNUM *key_number_of(const EVP_PKEY *pkey, const char *name);
/* Put a number as an mpint, or with just width bytes. */
void key_put_number(struct writer *w, const BIGNUM *number);
void key_put_padded(struct writer *w, const BIGNUM *number, size_t width);

/* ---- What security keys have in common with others ---- */

int ed25519_read_public(sessile_key *key, struct reader *r, struct key_error *error);
void ed25519_write_public(const sessile_key *key, struct writer *w);
int ed25519_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r);
int ecdsa_read_public(sessile_key *key, struct reader *r, struct key_error *error);
void ecdsa_write_public(const sessile_key *key, struct writer *w);
int ecdsa_verify(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r);

#define KEY_SK_SIGNED 69
/* What a security key signs for data: the hash of its application, flags, counter, the hash of data. 0 or -1. */
int security_key_signed(const sessile_key *key, uint8_t flags, uint32_t counter, const void *data, size_t size,
                        uint8_t out[KEY_SK_SIGNED]);

#endif
