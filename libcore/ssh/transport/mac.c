/* SPDX-License-Identifier: Apache-2.0
 *
 * MACs, best first: HMAC with SHA-2 (RFC 6668) and SHA-1 (RFC 4253, section 6.4), over the ciphertext (OpenSSH's
 * PROTOCOL, section 1.6) or over the plaintext. Each covers the sequence number and the packet. */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "ssh/transport/packet.h"

static const struct mac macs[] = {
    {"hmac-sha2-256-etm@openssh.com", "SHA256", 32, 32, 1},
    {"hmac-sha2-512-etm@openssh.com", "SHA512", 64, 64, 1},
    {"hmac-sha2-256", "SHA256", 32, 32, 0},
    {"hmac-sha2-512", "SHA512", 64, 64, 0},
    {"hmac-sha1-etm@openssh.com", "SHA1", 20, 20, 1},
    {"hmac-sha1", "SHA1", 20, 20, 0},
};

#define MACS (sizeof macs / sizeof macs[0])

static int mac_is_here(const struct mac *mac)
{
    EVP_MD *md = EVP_MD_fetch(NULL, mac->digest, NULL);

    EVP_MD_free(md);
    if (!md)
        ERR_clear_error();
    return md != NULL;
}

const struct mac *mac_find(const char *name, size_t size)
{
    for (size_t i = 0; i < MACS; i++)
        if (strlen(macs[i].name) == size && memcmp(macs[i].name, name, size) == 0)
            return mac_is_here(&macs[i]) ? &macs[i] : NULL;
    return NULL;
}

const struct mac *mac_at(size_t index)
{
    for (size_t i = 0; i < MACS; i++)
        if (mac_is_here(&macs[i]) && index-- == 0)
            return &macs[i];
    return NULL;
}

static int mac_start(EVP_MAC_CTX *context, const struct mac *mac, const uint8_t *key)
{
    char digest[16];
    OSSL_PARAM parameters[2];

    snprintf(digest, sizeof digest, "%s", mac->digest);
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    parameters[1] = OSSL_PARAM_construct_end();
    return EVP_MAC_init(context, key, mac->key_size, parameters) == 1 &&
           EVP_MAC_CTX_get_mac_size(context) == mac->tag_size;
}

int mac_make(void **state, const struct mac *mac, const uint8_t *key)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

    EVP_MAC_free(hmac);
    if (context && mac_start(context, mac, key)) {
        *state = context;
        return SESSILE_OK;
    }
    EVP_MAC_CTX_free(context);
    return SESSILE_ERR_CRYPTO;
}

void mac_release(void *state)
{
    EVP_MAC_CTX_free(state);
}

int mac_sum(void *state, uint32_t sequence, const struct span *spans, size_t count, uint8_t tag[TAG_MAX])
{
    uint8_t number[4] = {(uint8_t)(sequence >> 24), (uint8_t)(sequence >> 16), (uint8_t)(sequence >> 8),
                         (uint8_t)sequence};
    size_t size;
    int ok = EVP_MAC_init(state, NULL, 0, NULL) == 1 && EVP_MAC_update(state, number, sizeof number) == 1;

    for (size_t i = 0; ok && i < count; i++)
        ok = !spans[i].size || EVP_MAC_update(state, spans[i].data, spans[i].size) == 1;
    return ok && EVP_MAC_final(state, tag, &size, TAG_MAX) == 1 ? SESSILE_OK : SESSILE_ERR_CRYPTO;
}
