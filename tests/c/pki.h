/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate authority for tests: keys, certificates, CRLs, OCSP responses and PKCS#12 bundles, made when a test
 * runs. Every function stops the program with a message where it fails, so that tests need not check. What is returned
 * as text or bytes is malloc'ed and freed with free(); text ends with a NUL byte.
 */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <stddef.h>
#include <stdint.h>

/* A key and its certificate. Holds its issuer, so that the authority may be freed first. */
struct pki;

/* Key types: "rsa" (2048 bits), "rsa3072", "ec" (P-256), "p384", "ed25519". */

/* What a certificate is for: basicConstraints, keyUsage and extKeyUsage. */
#define PKI_SERVER 1
#define PKI_CLIENT 2
#define PKI_CA 4
#define PKI_OCSP 8

/* What a certificate says. Zero and NULL stand for what is given in brackets. */
struct pki_spec {
    const char *key_type;    /* ["ec"] */
    const char *common_name; /* [the first of names, else "Sessile Test"] */
    const char *names; /* DNS names and addresses, separated by commas: "a.example,*.b.example,127.0.0.1,::1" [none] */
    int usage;         /* PKI_*, or'ed [PKI_SERVER | PKI_CLIENT] */
    long not_before;   /* seconds from now [-3600] */
    long not_after;    /* seconds from now [86400] */
    size_t padding;    /* bytes of a comment extension, to make a large certificate [none] */
};

/* A self-signed authority. */
struct pki *pki_new(const char *key_type);
/* issuer NULL: self-signed. */
struct pki *pki_issue(struct pki *issuer, const struct pki_spec *spec);
/* pki_issue for the common cases. names: see pki_spec. padding: may be 0. */
struct pki *pki_server(struct pki *issuer, const char *key_type, const char *names);
struct pki *pki_expired(struct pki *issuer, const char *key_type, const char *names);
struct pki *pki_client(struct pki *issuer, const char *key_type, const char *common_name);
struct pki *pki_intermediate(struct pki *issuer, const char *key_type, const char *common_name, size_t padding);
/* A server certificate below count intermediates with padding bytes in each: its chain is longer than count * padding
 * bytes. */
struct pki *pki_long_chain(struct pki *issuer, const char *key_type, const char *names, int count, size_t padding);
void pki_free(struct pki *pki);

/* PEM: the certificate; the certificate and its issuers without the root; the private key (PKCS#8), encrypted where
 * passphrase is not NULL; the private key in its old form (PKCS#1, SEC1; RSA and EC only). */
char *pki_certificate_pem(const struct pki *pki);
char *pki_chain_pem(const struct pki *pki);
char *pki_key_pem(const struct pki *pki, const char *passphrase);
char *pki_key_pem_old(const struct pki *pki);
/* DER. */
uint8_t *pki_certificate_der(const struct pki *pki, size_t *size);
uint8_t *pki_key_der(const struct pki *pki, size_t *size);
/* Key, certificate and issuers without the root. passphrase: may be NULL. */
uint8_t *pki_pkcs12(const struct pki *pki, const char *passphrase, size_t *size);
/* SHA-256 over the certificate's DER. */
void pki_fingerprint(const struct pki *pki, uint8_t fingerprint[32]);

/* The authority's CRL. revoked: may be NULL. next_update: seconds from now. */
char *pki_crl_pem(struct pki *authority, const struct pki *revoked, long next_update);
uint8_t *pki_crl_der(struct pki *authority, const struct pki *revoked, long next_update, size_t *size);

#define PKI_OCSP_GOOD 0
#define PKI_OCSP_REVOKED 1
#define PKI_OCSP_UNKNOWN 2
/* An OCSP response about the certificate of about, as issued by its issuer, signed by signer (the issuer, or one with
 * PKI_OCSP that it issued; its certificate is enclosed). this_update, next_update: seconds from now; next_update 0:
 * none. */
uint8_t *pki_ocsp(const struct pki *about, struct pki *signer, int status, long this_update, long next_update,
                  size_t *size);
/* An OCSP response that only says "try later". */
uint8_t *pki_ocsp_try_later(size_t *size);

/* Write a file whole. */
void pki_write_file(const char *path, const void *data, size_t size);

#endif
