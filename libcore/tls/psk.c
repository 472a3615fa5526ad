/* SPDX-License-Identifier: Apache-2.0
 *
 * External pre-shared keys (RFC 8446, section 4.2.11; RFC 4279). The digest has each key's own digest, so that
 * resumption ends where a key changes.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "session/memory.h"
#include "tls/config.h"

#define IDENTITY_MAX 128
#define KEY_MIN 16
#define KEY_MAX 256

const struct tls_psk *tls_config_find_psk(const sessile_tls_config *config, const char *identity)
{
    for (size_t i = 0; i < config->psk_count; i++)
        if (!strcmp(config->psks[i].identity, identity))
            return &config->psks[i];
    return NULL;
}

/* libssl takes a key without a hash of its own for one of SHA-256, and chooses the suite before it looks at the keys.
 */
int tls_psks_seal(sessile_tls_config *config)
{
    static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

    if (config->role != SESSILE_SERVER || !config->psk_count || config->suites_given)
        return 0;
    if (SSL_CTX_set_ciphersuites(config->ctx, suites) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO,
                               "libssl does not take the cipher suites for pre-shared keys");
    return 0;
}

static int check_psk(sessile_tls_config *config, const char *identity, const void *data, size_t size)
{
    size_t length = identity ? strlen(identity) : 0;

    if (!length || length > IDENTITY_MAX)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the PSK identity has %zu bytes, and must have 1 to %d",
                               length, IDENTITY_MAX);
    if (!data || size < KEY_MIN || size > KEY_MAX)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the PSK has %zu bytes, and must have %d to %d",
                               data ? size : 0, KEY_MIN, KEY_MAX);
    if (config->psk_count == TLS_PSKS_MAX)
        return tls_config_fail(config, SESSILE_ERR_LIMIT, "there are %d PSKs already, which is the limit",
                               TLS_PSKS_MAX);
    if (tls_config_find_psk(config, identity))
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "there is a PSK of this identity already");
    return 0;
}

/* Room for one more, with its memory in place. */
static int add_psk(sessile_tls_config *config, const char *identity, const void *data, size_t size)
{
    struct tls_psk *psks = mem_realloc(config->psks, (config->psk_count + 1) * sizeof *psks);
    struct tls_psk *psk;

    if (!psks)
        return tls_config_no_memory(config);
    config->psks = psks;
    psk = &psks[config->psk_count];
    *psk = (struct tls_psk){mem_string(identity), mem_copy(data, size), size};
    if (!psk->identity || !psk->key) {
        mem_free(psk->identity);
        mem_wipe_free(psk->key, size);
        return tls_config_no_memory(config);
    }
    config->psk_count++;
    return 0;
}

int sessile_tls_config_add_psk(sessile_tls_config *config, const char *identity, const void *data, size_t size)
{
    uint8_t digest[32];
    int r = tls_config_open(config);

    if (r || (r = check_psk(config, identity, data, size)))
        return r;
    if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "the PSK could not be digested");
    if (!(r = add_psk(config, identity, data, size))) {
        tls_config_digest(config, "psk identity", identity, strlen(identity));
        tls_config_digest(config, "psk", digest, sizeof digest);
        ERR_clear_error();
    }
    OPENSSL_cleanse(digest, sizeof digest);
    return r;
}

void tls_psks_free(sessile_tls_config *config)
{
    for (size_t i = 0; i < config->psk_count; i++) {
        mem_free(config->psks[i].identity);
        mem_wipe_free(config->psks[i].key, config->psks[i].key_size);
    }
    mem_free(config->psks);
}
