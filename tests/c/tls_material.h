/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the TLS config share: certificates that are made once for a program, and short forms of the calls.
 * A failure inside fails the test that runs.
 */
#ifndef TESTS_TLS_MATERIAL_H
#define TESTS_TLS_MATERIAL_H

#include <openssl/x509.h>

#include <sessile/error.h>
#include <sessile/session.h>
#include <sessile/tls.h>

#include "pki.h"
#include "tls/config.h"

struct credential {
    struct pki *pki;
    char *certificate; /* PEM, with the chain */
    char *key;         /* PEM */
};

struct material {
    struct pki *ca, *other_ca, *intermediate, *expired;
    char *ca_pem, *other_ca_pem;
    char *crl;                                      /* the CA's, PEM, empty */
    struct credential ec, ec2, rsa, ed25519, below; /* below: issued by intermediate */
    char directory[64];                             /* for files; empty when the program ends */
};

extern struct material material;

/* A test group's setup and teardown. */
int material_make(void **state);
int material_drop(void **state);
/* A path in the directory. Static: good until the next call but one. */
const char *material_path(const char *name);
/* Write a file in the directory. Returns its path, as above. */
const char *material_write(const char *name, const char *text);
X509 *material_x509(const struct pki *pki);

sessile_tls_config *material_client(void);
sessile_tls_config *material_server(void);
/* With a certificate and its key. */
sessile_tls_config *material_ready_server(void);
int material_set_certificate(sessile_tls_config *config, const struct credential *credential);
int material_set_key(sessile_tls_config *config, const char *key);
void material_set_credential(sessile_tls_config *config, const struct credential *credential);
int material_trust(sessile_tls_config *config, const char *pem);
/* What verifying a certificate with the sealed config's store and parameters gives: X509_V_*. intermediate: may be
 * NULL. */
int material_verify(sessile_tls_config *config, const struct pki *pki, const struct pki *intermediate);
/* Seals both. */
int material_same_digest(sessile_tls_config *a, sessile_tls_config *b);

/* A call failed with code, the text has words in it, and OpenSSL's error queue is clean. */
void assert_config_failed(sessile_tls_config *config, int result, int code, const char *words);
/* A call did not fail, and left no text. */
void assert_config_fine(sessile_tls_config *config, int result);

#endif
