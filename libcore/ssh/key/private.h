/* SPDX-License-Identifier: Apache-2.0
 *
 * Private key files by their format: private.c looks which it is.
 */
#ifndef SSH_KEY_PRIVATE_H
#define SSH_KEY_PRIVATE_H

#include "ssh/key/armor.h"
#include "ssh/key/key.h"

#define KEY_PASSPHRASE_MAX 1024

/* size 0: none. */
struct passphrase {
    const void *data;
    size_t size;
};

#define OPENSSH_LABEL "OPENSSH PRIVATE KEY"
/* armor: the block with this label. */
int openssh_read(const struct armor *armor, const struct passphrase *passphrase, sessile_key **key,
                 struct key_error *error);
/* cipher: NULL for the default. rounds: 0 for the default. */
int openssh_write(const sessile_key *key, const struct passphrase *passphrase, const char *cipher, int rounds,
                  struct writer *out);

/* text: has a block of another label, and perhaps more of them. */
int pem_read(struct reader text, const struct passphrase *passphrase, sessile_key **key, struct key_error *error);
/* format: SESSILE_KEY_PKCS8 or SESSILE_KEY_PEM. */
int pem_write(const sessile_key *key, int format, const struct passphrase *passphrase, struct writer *out);

/* The one answer to a file that is encrypted and cannot be opened. */
int passphrase_fail(const struct passphrase *passphrase, struct key_error *error);

#endif
