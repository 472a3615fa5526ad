/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of signature algorithms, the best first. */
#include <string.h>

#include "ssh/key/types.h"

#define CERT "-cert-v01@openssh.com"

static const struct key_algorithm algorithms[] = {
    {"ssh-ed25519" CERT, "ssh-ed25519", &key_type_ed25519, NULL, 1, 0},
    {"ecdsa-sha2-nistp256" CERT, "ecdsa-sha2-nistp256", &key_type_ecdsa_256, EVP_sha256, 1, 0},
    {"ecdsa-sha2-nistp384" CERT, "ecdsa-sha2-nistp384", &key_type_ecdsa_384, EVP_sha384, 1, 0},
    {"ecdsa-sha2-nistp521" CERT, "ecdsa-sha2-nistp521", &key_type_ecdsa_521, EVP_sha512, 1, 0},
    {"sk-ssh-ed25519" CERT, "sk-ssh-ed25519@openssh.com", &key_type_sk_ed25519, NULL, 1, 0},
    {"sk-ecdsa-sha2-nistp256" CERT, "sk-ecdsa-sha2-nistp256@openssh.com", &key_type_sk_ecdsa, EVP_sha256, 1, 0},
    {"rsa-sha2-512" CERT, "rsa-sha2-512", &key_type_rsa, EVP_sha512, 1, 0},
    {"rsa-sha2-256" CERT, "rsa-sha2-256", &key_type_rsa, EVP_sha256, 1, 0},
    {"ssh-ed25519", "ssh-ed25519", &key_type_ed25519, NULL, 0, 0},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", &key_type_ecdsa_256, EVP_sha256, 0, 0},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", &key_type_ecdsa_384, EVP_sha384, 0, 0},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", &key_type_ecdsa_521, EVP_sha512, 0, 0},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", &key_type_sk_ed25519, NULL, 0, 0},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", &key_type_sk_ecdsa, EVP_sha256, 0, 0},
    {"rsa-sha2-512", "rsa-sha2-512", &key_type_rsa, EVP_sha512, 0, 0},
    {"rsa-sha2-256", "rsa-sha2-256", &key_type_rsa, EVP_sha256, 0, 0},
    {"ssh-rsa" CERT, "ssh-rsa", &key_type_rsa, EVP_sha1, 1, 1},
    {"ssh-rsa", "ssh-rsa", &key_type_rsa, EVP_sha1, 0, 1},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

const struct key_algorithm *key_algorithm_find(const char *name, size_t size)
{
    for (size_t i = 0; size && i < ALGORITHM_COUNT; i++)
        if (strlen(algorithms[i].name) == size && !memcmp(algorithms[i].name, name, size))
            return &algorithms[i];
    return NULL;
}

int key_algorithm_fits(const struct key_algorithm *algorithm, const sessile_key *key)
{
    return algorithm->type == key->type && (!algorithm->certificate || key->certificate);
}

const struct key_algorithm *key_algorithm_at(size_t index)
{
    return index < ALGORITHM_COUNT ? &algorithms[index] : NULL;
}

const struct key_algorithm *key_algorithm_best(const struct key_type *type)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].type == type && !algorithms[i].certificate && !algorithms[i].insecure)
            return &algorithms[i];
    return NULL;
}

const struct key_algorithm *key_algorithm_of_signature(const sessile_key *key, const void *signature, size_t size)
{
    struct reader r = reader_of(signature, size), name = get_sub32(&r);
    const struct key_algorithm *algorithm = key_algorithm_find((const char *)name.data, name.left);

    if (!algorithm || algorithm->certificate || algorithm->insecure || !key_algorithm_fits(algorithm, key))
        return NULL;
    return algorithm;
}
