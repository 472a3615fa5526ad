/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys: RSA's is the smallest that is allowed, since it takes longest to make. */
#include "ssh_key_made.h"

#include <string.h>

static const char *const types[MADE] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};

sessile_key *made[MADE];

int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < MADE; i++)
        if (sessile_key_generate(types[i], i == MADE_RSA ? 2048 : 0, MADE_COMMENT, &made[i]) < 0)
            return -1;
    return 0;
}

int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        sessile_key_free(made[i]);
        made[i] = NULL;
    }
    return 0;
}
