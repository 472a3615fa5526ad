/* SPDX-License-Identifier: Apache-2.0
 *
 * sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com (OpenSSH's PROTOCOL.u2f): keys in a FIDO token,
 * which signs not the data but what says of itself: for which application, whether a person was there, and how often it
 * has signed. Such keys are only verified here.
 */
#include <string.h>

#include "session/memory.h"
#include "ssh/key/types.h"

#define APPLICATION_MAX 1024
#define HASH_SIZE 32

static int read_application(sessile_key *key, struct reader *r, struct key_error *error)
{
    struct reader name = get_sub32(r);

    if (r->failed || name.left == 0 || name.left > APPLICATION_MAX || memchr(name.data, 0, name.left))
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        "a security key's application is cut short, empty, over %d bytes "
                        "or no text",
                        APPLICATION_MAX);
    key->application = mem_copy(name.data, name.left);
    return key->application ? 0 : SESSILE_ERR_MEMORY;
}

static int sk_ed25519_read_public(sessile_key *key, struct reader *r, struct key_error *error)
{
    int code = ed25519_read_public(key, r, error);

    return code ? code : read_application(key, r, error);
}

static void sk_ed25519_write_public(const sessile_key *key, struct writer *w)
{
    ed25519_write_public(key, w);
    put_text32(w, key->application);
}

static int sk_ecdsa_read_public(sessile_key *key, struct reader *r, struct key_error *error)
{
    int code = ecdsa_read_public(key, r, error);

    return code ? code : read_application(key, r, error);
}

static void sk_ecdsa_write_public(const sessile_key *key, struct writer *w)
{
    ecdsa_write_public(key, w);
    put_text32(w, key->application);
}

int security_key_signed(const sessile_key *key, uint8_t flags, uint32_t counter, const void *data, size_t size,
                        uint8_t out[KEY_SK_SIGNED])
{
    struct writer w = writer_in(out, KEY_SK_SIGNED);
    uint8_t hash[HASH_SIZE];

    if (EVP_Digest(key->application, strlen(key->application), hash, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    put_bytes(&w, hash, sizeof hash);
    put_u8(&w, flags);
    put_u32(&w, counter);
    if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    put_bytes(&w, hash, sizeof hash);
    return w.failed ? -1 : 0;
}

const struct key_type key_type_sk_ed25519 = {
    .name = "sk-ssh-ed25519@openssh.com",
    .certificate_name = "sk-ssh-ed25519-cert-v01@openssh.com",
    .label = "ED25519-SK",
    .security_key = 1,
    .read_public = sk_ed25519_read_public,
    .write_public = sk_ed25519_write_public,
    .verify = ed25519_verify,
};

const struct key_type key_type_sk_ecdsa = {
    .name = "sk-ecdsa-sha2-nistp256@openssh.com",
    .certificate_name = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    .label = "ECDSA-SK",
    .curve = "nistp256",
    .security_key = 1,
    .read_public = sk_ecdsa_read_public,
    .write_public = sk_ecdsa_write_public,
    .verify = ecdsa_verify,
};
