/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers that are the same each time, in libcrypto's place for them. The method is deprecated and works with
 * all versions of OpenSSL 3; a provider would be ten times as long. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ssh_pair.h"

#include <stdlib.h>

#include <openssl/rand.h>

static _Thread_local uint32_t *current;

static int random_bytes(unsigned char *out, int size)
{
    static _Thread_local uint32_t of_nobody = 1;
    uint32_t *state = current ? current : &of_nobody;

    for (int i = 0; i < size; i++)
        out[i] = (unsigned char)(random_next(state) >> 16);
    return 1;
}

static int random_status(void)
{
    return 1;
}

void ssh_random_install(void)
{
    static const RAND_METHOD method = {.bytes = random_bytes, .pseudorand = random_bytes, .status = random_status};

    if (RAND_set_rand_method(&method) != 1)
        abort();
}

void ssh_random_use(uint32_t *state)
{
    current = state;
}
