/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ways have in common: one certificate for all, a growing buffer, and giving up. */
#include "ways.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "../tests/c/pki.h"

void must_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    ERR_print_errors_fp(stderr);
    exit(1);
}

struct identity make_identity(void)
{
    struct identity identity;
    struct pki *authority = pki_new("ec");
    struct pki *server = pki_server(authority, "ec", HOST);

    identity.authority = pki_certificate_pem(authority);
    identity.chain = pki_chain_pem(server);
    identity.key = pki_key_pem(server, NULL);
    pki_free(server);
    pki_free(authority);
    return identity;
}

void free_identity(struct identity *identity)
{
    free(identity->authority);
    free(identity->chain);
    free(identity->key);
}

uint8_t *flight_extend(struct flight *flight, size_t size)
{
    size_t capacity = flight->capacity ? flight->capacity : 4096;

    while (capacity < flight->size + size)
        capacity *= 2;
    if (capacity != flight->capacity) {
        flight->data = realloc(flight->data, capacity);
        must(flight->data != NULL);
        flight->capacity = capacity;
    }
    flight->size += size;
    return flight->data + flight->size - size;
}
