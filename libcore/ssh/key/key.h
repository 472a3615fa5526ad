/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, for the SSH engine. A key type is a file that fills a struct key_type and a row in types.c; a signature
 * algorithm is a row in algorithms.c, so that rsa-sha2-* and certificates' algorithm names resolve in one place.
 */
#ifndef SSH_KEY_KEY_H
#define SSH_KEY_KEY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <sessile/error.h>
#include <sessile/key.h>

#include "codec/reader.h"
#include "codec/writer.h"

#define KEY_BLOB_MAX 65536
#define KEY_FILE_MAX 262144
#define KEY_SIGNATURE_MAX 8192
#define KEY_RSA_MIN 2048
#define KEY_RSA_MAX 16384
#define KEY_COMMENT_MAX 1024

struct certificate; /* certificate.h */

/* Where a message about bad input goes; room 0: nowhere. */
struct key_error {
    char *text;
    size_t room;
};
/* An error of a public function's caller, "" in it so far. */
struct key_error key_error_of(char *text, size_t room);
void key_say(struct key_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The value is code, with the sentence in error. */
#define key_fail(error, code, ...) (key_say(error, __VA_ARGS__), (code))
/* The end of a public function: a failure without a sentence of its own gets the code's, and OpenSSL's error queue is
 * left clean. Returns code. */
int key_done(struct key_error *error, int code);
/* What to return where libcrypto failed: ERR_MEMORY where its error queue says so or nothing, else code. Clears it. */
int key_openssl_failure(int code);
/* What was written where an answer of this size has room for it. Frees w. Returns the length, or code where that is
 * negative, or ERR_MEMORY where w failed. */
int key_give(struct writer *w, int code, void *data, size_t size);

struct key_type {
    const char *name;             /* "ssh-ed25519" */
    const char *certificate_name; /* "ssh-ed25519-cert-v01@openssh.com" */
    const char *label;            /* "ED25519": what a person calls it */
    const char *curve;            /* ECDSA: "nistp256", else NULL */
    int security_key;             /* sk-: the signature has flags and counter */
    /* Whether one of libcrypto's keys is of this type. NULL: sk- types. */
    int (*is)(const struct key_type *type, const EVP_PKEY *pkey);
    /* The public part of a blob, behind the type's name; reads all of its fields and no more. */
    int (*read_public)(sessile_key *key, struct reader *r, struct key_error *error);
    void (*write_public)(const sessile_key *key, struct writer *w);
    /* openssh-key-v1's private fields, behind the type's name, checked to belong together. NULL: sk- types. */
    int (*read_private)(sessile_key *key, struct reader *r, struct key_error *error);
    void (*write_private)(const sessile_key *key, struct writer *w);
    /* The inner signature, without the algorithm's name (the string's content). digest: of the algorithm, or NULL. sk-
     * types: NULL. */
    int (*sign)(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct writer *out);
    /* 0 or ERR_VERIFY. r: the inner signature. data: for sk- types what the security key has signed. */
    int (*verify)(const sessile_key *key, const EVP_MD *digest, const void *data, size_t size, struct reader *r);
    /* Sets pkey. bits: 0 for the default. NULL: sk- types. */
    int (*generate)(sessile_key *key, int bits);
};

struct sessile_key {
    atomic_size_t refs;
    const struct key_type *type;
    EVP_PKEY *pkey; /* public, or both halves; never NULL in a complete key */
    int is_private;
    char *comment;     /* never NULL; one line of text */
    char *application; /* sk- keys */
    uint8_t *blob;     /* public key, wire form, always there */
    size_t blob_size;
    struct certificate *certificate; /* or NULL */
};

/* ---- Making keys: nobody else holds the key yet ---- */

/* One reference, no comment, and nothing else. NULL without memory. */
sessile_key *key_new(const struct key_type *type);
/* Control characters become question marks. 0, ERR_ARGUMENT (over KEY_COMMENT_MAX), ERR_MEMORY. */
int key_set_comment(sessile_key *key, const void *text, size_t size);
/* A public key or certificate from all of its wire form. *key: NULL on failure. 0, ERR_ARGUMENT, ERR_UNSUPPORTED,
 * ERR_MEMORY. */
int key_from_blob(const void *data, size_t size, sessile_key **key, struct key_error *error);
/* The same, but a certificate is refused. */
int key_from_plain_blob(const void *data, size_t size, sessile_key **key, struct key_error *error);
/* The fields of a public key, behind its type's name, into a new key; what follows them is left in r. */
int key_read_fields(sessile_key *key, struct reader *r, struct key_error *error);
/* A private key as openssh-key-v1 has it: type name and fields, not the comment that follows. */
int key_read_private(struct reader *r, sessile_key **key, struct key_error *error);
void key_write_private(const sessile_key *key, struct writer *w);
/* A key of libcrypto's, such as PEM files hold, checked as any other; pkey stays the caller's. want_private: its
 * private half too. */
int key_from_pkey(EVP_PKEY *pkey, int want_private, sessile_key **key, struct key_error *error);
/* "type base64 comment", as lines of id_*.pub, authorized_keys and known_hosts end; no newline in it. */
int key_from_line(const char *text, size_t size, sessile_key **key, struct key_error *error);

/* ---- Types and algorithms ---- */

/* A signature algorithm, by its wire name. */
struct key_algorithm {
    const char *name;      /* "rsa-sha2-512", also "rsa-sha2-512-cert-v01@openssh.com" */
    const char *signature; /* what stands in the signature blob: "rsa-sha2-512" */
    const struct key_type *type;
    const EVP_MD *(*digest)(void); /* NULL: the algorithm has its own */
    int certificate;               /* takes a certificate as key blob */
    int insecure;                  /* ssh-rsa with SHA-1 */
};
/* NULL: not known. */
const struct key_algorithm *key_algorithm_find(const char *name, size_t size);
/* Whether a key can be used with it: type, and for those of certificates whether it has one. */
int key_algorithm_fits(const struct key_algorithm *algorithm, const sessile_key *key);
/* The algorithms by number, in order of preference, the insecure ones last: for lists. NULL past the end. */
const struct key_algorithm *key_algorithm_at(size_t index);
/* The best that is not one for certificates. */
const struct key_algorithm *key_algorithm_best(const struct key_type *type);

/* By name or certificate_name; NULL: not known. */
const struct key_type *key_type_find(const char *name, size_t size, int *is_certificate);
/* NULL past the end. */
const struct key_type *key_type_at(size_t index);

/* ---- Using keys ---- */

/* The blob to send with an algorithm: public key or certificate. Borrowed. */
const uint8_t *key_wire_blob(const sessile_key *key, int certificate, size_t *size);
/* Write the signature blob for data. 0 or an error. */
int key_sign(const sessile_key *key, const struct key_algorithm *algorithm, const void *data, size_t size,
             struct writer *out);
/* What a security key said with its signature. */
#define KEY_SK_PRESENCE 1
#define KEY_SK_VERIFIED 4
/* Check a signature blob: its name must be algorithm->signature, and nothing may follow. sk_flags: may be NULL; for
 * sk- types the flags byte, else 0 (presence is NOT demanded here; sessile_key_verify() does). 0 or ERR_VERIFY. */
int key_verify(const sessile_key *key, const struct key_algorithm *algorithm, const void *data, size_t size,
               const void *signature, size_t signature_size, int *sk_flags);
/* The algorithm by which a signature blob says it was made, where that fits the key and is not insecure; else NULL. */
const struct key_algorithm *key_algorithm_of_signature(const sessile_key *key, const void *signature, size_t size);

#endif
