/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of trust files share: keys, made once, their lines, and certificates.
 */
#ifndef TESTS_SSH_TRUST_H
#define TESTS_SSH_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#define TRUST_NOW 1767225600 /* 2026-01-01 */

/* Keys by name, made when they are first asked for: "ed25519 a", "ecdsa ca": a type and anything. Not the caller's. */
sessile_key *trust_key(const char *name);
/* "type base64" of a key; not the caller's. */
const char *trust_line(const char *name);
/* Give all of those back. */
void trust_free(void);

/* What a certificate says; what is 0 has a default: serial 1, id "id", valid for ever, for "alice". */
struct trust_terms {
    int kind;
    uint64_t serial;
    const char *id;
    const char *principal;
    int nobody; /* no principals at all */
    uint64_t before;
    const char *command;       /* force-command */
    const char *address;       /* source-address */
    int verify;                /* verify-required */
    const char *extensions[8]; /* without data */
};
/* A certificate for a key by another; the caller's. */
sessile_key *trust_certificate(const char *key, const char *authority, struct trust_terms terms);

/* A text with names of keys in it, "{ed25519 a}", put in as lines; the caller's, to be freed. */
char *trust_text(const char *text);

/* Change some bytes of a copy of data: flipped, cut, doubled. The caller's; *size is what it has then. */
uint8_t *trust_mutate(const void *data, size_t *size, uint32_t *state);

#endif
