/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates (OpenSSH's PROTOCOL.certkeys): a public key, whom it is for, when, and under which conditions, signed by
 * another key. Read completely when the key is made, and immutable from then on; the signature is checked by
 * certificate_check().
 */
#ifndef SSH_KEY_CERTIFICATE_H
#define SSH_KEY_CERTIFICATE_H

#include "ssh/key/key.h"

#define CERTIFICATE_PRINCIPALS_MAX 256
#define CERTIFICATE_PRINCIPAL_MAX 1024
#define CERTIFICATE_KEY_ID_MAX 4096
/* Critical options, and extensions: of each so many, in so many bytes. */
#define CERTIFICATE_OPTIONS_MAX 64
#define CERTIFICATE_OPTIONS_SIZE_MAX 16384

struct certificate {
    atomic_size_t refs;
    uint8_t *blob; /* wire form; what is a reader below is a part of it */
    size_t blob_size;
    size_t signed_size; /* how much of it the signature is for */
    int kind;
    uint64_t serial;
    uint64_t valid_after;
    uint64_t valid_before;
    char *key_id;
    char **principals;
    size_t principal_count;
    struct reader critical;
    struct reader extensions;
    struct reader signature;
    sessile_key *authority;
};

/* A new key's certificate and public fields from the certificate's wire form, whose type is the key's. */
int certificate_read(sessile_key *key, const void *data, size_t size, struct key_error *error);
struct certificate *certificate_keep(struct certificate *certificate);
void certificate_free(struct certificate *certificate);

/* The data of an option of this name, as it stands. 0 where there is none. */
int certificate_option(const struct certificate *certificate, int critical, const char *name, struct reader *data);
/* sessile_certificate_check(), inside. address: NULL as there. */
int certificate_check(const sessile_key *key, int kind, const char *principal, const char *address, int64_t now,
                      struct key_error *error);

#endif
