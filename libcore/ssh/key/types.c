/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of key types. */
#include "ssh/key/types.h"

#include <string.h>

static const struct key_type *const types[] = {
    &key_type_ed25519,    &key_type_ecdsa_256, &key_type_ecdsa_384, &key_type_ecdsa_521,
    &key_type_sk_ed25519, &key_type_sk_ecdsa,  &key_type_rsa,
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

static int is_name(const char *known, const char *name, size_t size)
{
    return strlen(known) == size && !memcmp(known, name, size);
}

const struct key_type *key_type_find(const char *name, size_t size, int *is_certificate)
{
    *is_certificate = 0;
    for (size_t i = 0; size && i < TYPE_COUNT; i++) {
        *is_certificate = is_name(types[i]->certificate_name, name, size);
        if (*is_certificate || is_name(types[i]->name, name, size))
            return types[i];
    }
    return NULL;
}

const struct key_type *key_type_at(size_t index)
{
    return index < TYPE_COUNT ? types[index] : NULL;
}
