/* SPDX-License-Identifier: Apache-2.0
 *
 * Ed25519 by default: its keys are made fast and its signatures all have one length, so that two runs of a handshake
 * have flights of the same sizes. */
#include "tls_configs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct configs_pki configs_pki;

void configs_must(int result, const char *call, const char *file, int line)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, call, sessile_error_name(result));
    abort();
}

int configs_open(void **state)
{
    struct configs_pki *p = &configs_pki;

    (void)state;
    p->ca = pki_new("ed25519");
    p->other_ca = pki_new("ed25519");
    p->rsa = pki_server(p->ca, "rsa", HOST_NAMES);
    p->ec = pki_server(p->ca, "ec", HOST_NAMES);
    p->ed25519 = pki_server(p->ca, "ed25519", HOST_NAMES);
    p->stranger = pki_server(p->other_ca, "ed25519", HOST_NAMES);
    p->client = pki_client(p->ca, "ed25519", "a client");
    p->client_stranger = pki_client(p->other_ca, "ed25519", "a stranger");
    return 0;
}

int configs_close(void **state)
{
    struct configs_pki *p = &configs_pki;

    (void)state;
    pki_free(p->rsa);
    pki_free(p->ec);
    pki_free(p->ed25519);
    pki_free(p->stranger);
    pki_free(p->client);
    pki_free(p->client_stranger);
    pki_free(p->ca);
    pki_free(p->other_ca);
    memset(p, 0, sizeof *p);
    return 0;
}

void config_show(sessile_tls_config *config, const struct pki *pki)
{
    char *chain = pki_chain_pem(pki);
    char *key = pki_key_pem(pki, NULL);

    MUST(sessile_tls_config_set_certificate(config, chain, strlen(chain)));
    MUST(sessile_tls_config_set_key(config, key, strlen(key)));
    free(chain);
    free(key);
}

void config_trust(sessile_tls_config *config, const struct pki *authority)
{
    char *pem = pki_certificate_pem(authority);

    MUST(sessile_tls_config_trust(config, pem, strlen(pem)));
    free(pem);
}

static sessile_tls_config *config_new(int role)
{
    sessile_tls_config *config = sessile_tls_config_new(role);

    MUST(config ? 0 : SESSILE_ERR_MEMORY);
    MUST(sessile_tls_config_insecure_keylog(config));
    return config;
}

sessile_tls_config *config_server_of(const struct pki *pki)
{
    sessile_tls_config *config = config_new(SESSILE_SERVER);

    config_show(config, pki);
    return config;
}

sessile_tls_config *config_server(void)
{
    return config_server_of(configs_pki.ed25519);
}

sessile_tls_config *config_client(void)
{
    sessile_tls_config *config = config_new(SESSILE_CLIENT);

    config_trust(config, configs_pki.ca);
    return config;
}

void configs_make(sessile_tls_config **client, sessile_tls_config **server, int version)
{
    *client = config_client();
    *server = config_server();
    if (!version)
        return;
    MUST(sessile_tls_config_set_versions(*client, version, version));
    MUST(sessile_tls_config_set_versions(*server, version, version));
}
