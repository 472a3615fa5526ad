/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading certificates, CRLs and keys for a config: from memory, or through OpenSSL's stores. Each function returns 0,
 * or an error with the config's text set and nothing in its outputs.
 *
 * A passphrase is asked for with no frame of libcrypto's on the stack: the first attempt only finds out that one is
 * needed. The application may do as it likes meanwhile, so the caller holds a reference of its own to the config, and
 * looks at it only afterwards.
 */
#ifndef TLS_LOAD_H
#define TLS_LOAD_H

#include "tls/config.h"

/* One or more certificates in PEM, or one in DER. Never an empty list. */
int load_certificates(sessile_tls_config *config, const void *data, size_t size, STACK_OF(X509) **certificates);
/* One or more CRLs in PEM, or one in DER. Never an empty list. */
int load_crls(sessile_tls_config *config, const void *data, size_t size, STACK_OF(X509_CRL) **crls);
int load_key(sessile_tls_config *config, const void *data, size_t size, EVP_PKEY **key);
/* Both are there, and chain, which may be empty, has the other certificates. */
int load_pkcs12(sessile_tls_config *config, const void *data, size_t size, EVP_PKEY **key, X509 **certificate,
                STACK_OF(X509) **chain);

int load_certificates_file(sessile_tls_config *config, const char *path, STACK_OF(X509) **certificates);
int load_key_file(sessile_tls_config *config, const char *path, EVP_PKEY **key);
/* *key is NULL or *certificates empty where the store has none; never both. */
int load_uri(sessile_tls_config *config, const char *uri, EVP_PKEY **key, STACK_OF(X509) **certificates);
/* Whether path is a directory that can be read. */
int load_directory(sessile_tls_config *config, const char *path);

#endif
