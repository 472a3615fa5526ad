/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and configs that the tests of the TLS engine share. Whatever fails in here stops the program.
 */
#ifndef TESTS_TLS_CONFIGS_H
#define TESTS_TLS_CONFIGS_H

#include <sessile/tls.h>

#include "pki.h"

/* The servers' certificates are for these. */
#define HOST "a.example"
#define HOST_NAMES "a.example,*.b.example,127.0.0.1,::1"

/* Made by configs_open(). */
struct configs_pki {
    struct pki *ca;
    struct pki *other_ca; /* nobody trusts it, but where a test says so */
    struct pki *rsa;      /* servers, by key type */
    struct pki *ec;
    struct pki *ed25519;
    struct pki *stranger; /* a server's, from other_ca */
    struct pki *client;
    struct pki *client_stranger; /* from other_ca */
};
extern struct configs_pki configs_pki;

/* For cmocka's group setup and teardown. */
int configs_open(void **state);
int configs_close(void **state);

/* Setters must succeed. */
#define MUST(call) configs_must((call), #call, __FILE__, __LINE__)
void configs_must(int result, const char *call, const char *file, int line);

/* Give a config a certificate with its chain and key; trust in an authority. */
void config_show(sessile_tls_config *config, const struct pki *pki);
void config_trust(sessile_tls_config *config, const struct pki *authority);

/* A server with the Ed25519 certificate; with another; a client that trusts ca. Not in use yet: to be set further. */
sessile_tls_config *config_server(void);
sessile_tls_config *config_server_of(const struct pki *pki);
sessile_tls_config *config_client(void);
/* Both, with this version only; 0: no limit. */
void configs_make(sessile_tls_config **client, sessile_tls_config **server, int version);

#endif
