/* SPDX-License-Identifier: Apache-2.0
 *
 * One key exchange, from the first KEXINIT to the last NEWKEYS (RFC 4253, sections 7 and 8), and what a method of it
 * has to offer. A method is a file and a row in methods.c; the exchange itself (messages, exchange hash, host key,
 * key derivation) is common to all.
 */
#ifndef SSH_TRANSPORT_KEX_H
#define SSH_TRANSPORT_KEX_H

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "ssh/key/key.h"
#include "ssh/ssh.h"

/* Functions that return int return 0 or an error, and say nothing to anybody: what the flow in kex.c fails with. Those
 * with a struct ssh have failed the session where they return one. */

struct kex_method {
    const char *name;
    const char *digest;     /* libcrypto's name for the exchange hash: "SHA256" */
    int insecure;           /* not unless it is asked for */
    int public_is_mpint;    /* DH: public values are mpints; else strings */
    int secret_is_string;   /* hybrids hash K as a string (draft-ietf-sshm-mlkem-hybrid-kex) */
    int group_exchange;     /* RFC 4419: the group comes first */
    const void *parameter;  /* the curve, the group */
    int (*available)(void); /* NULL: always */
    /* Make a key pair. Its public value goes to own. *state: the method's, freed by release. */
    int (*begin)(const struct kex_method *method, struct kex *kex, struct writer *own, void **state);
    /* The peer's public value has come: the shared secret. */
    int (*complete)(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer,
                    size_t peer_size, struct writer *secret);
    /* Server: both in one, where they are not the same as a client's. NULL: they are. */
    int (*respond)(const struct kex_method *method, struct kex *kex, const uint8_t *peer, size_t peer_size,
                   struct writer *own, struct writer *secret);
    void (*release)(void *state);
};
/* They return 0; ERR_PROTOCOL where the peer's value is not acceptable, with kex->why set; ERR_MEMORY; ERR_CRYPTO. A
 * writer that failed is the flow's to find. */

/* NULL: not known, or not in this libcrypto. */
const struct kex_method *kex_method_find(const char *name, size_t size);
/* Those that this libcrypto has, in order of preference, the insecure ones last; NULL past the end. */
const struct kex_method *kex_method_at(size_t index);

/* ---- One exchange ---- */

#define KEX_COOKIE 16
#define KEX_DIGEST_MAX 64
#define KEX_KEY_MAX 64
#define KEX_IV_MAX 16
#define KEX_NOTE 160

/* The keys of one direction. */
struct kex_keys {
    uint8_t key[KEX_KEY_MAX];
    uint8_t iv[KEX_IV_MAX];
    uint8_t mac_key[KEX_KEY_MAX];
};

struct kex {
    const struct kex_method *method;
    const struct key_algorithm *host_key_algorithm;
    const struct cipher *ciphers[2]; /* by direction */
    const struct mac *macs[2];
    const struct compression *compressions[2];
    uint8_t *own_init; /* our KEXINIT, until the peer's is here */
    size_t own_init_size;
    uint8_t cookie[KEX_COOKIE];
    EVP_MD *digest;
    EVP_MD_CTX *hash;
    int hash_failed;
    uint32_t sizes[3]; /* group exchange: minimum, preferred, maximum, as the client sent them */
    BIGNUM *p;
    BIGNUM *g;
    void *state;          /* client: method's */
    struct writer own;    /* our public value */
    struct writer secret; /* K, without its length */
    uint8_t exchange_hash[KEX_DIGEST_MAX];
    unsigned exchange_hash_size;
    sessile_key *host_key; /* server: what it signs with; client: what the peer signed with */
    struct kex_keys in;    /* until the peer's NEWKEYS */
    struct kex_keys out;   /* until ours */
    const char *why;       /* what is wrong with the peer's value; static */
    char note[KEX_NOTE];   /* client: what is wrong with the host's certificate */
    uint8_t due;           /* the method's message that the peer has to send next; 0: none */
    unsigned own_sent : 1; /* our KEXINIT */
    unsigned peer_sent : 1;
    unsigned own_newkeys : 1;
    unsigned drop_guess : 1;
    unsigned asked : 1; /* a question is open */
};

/* kexinit.c */

/* Write our KEXINIT into kex->own_init, and send it. */
int kexinit_send(struct ssh *ssh, struct kex *kex);
/* The peer's has come: fix the algorithms, and in the first exchange whether it is strict. r: behind the number.
 * Where r is not read to its end, nothing was done. */
int kexinit_negotiate(struct ssh *ssh, struct kex *kex, struct reader *r);

/* kex_hash.c */

/* Both KEXINITs are there: hash what comes first, both identification lines and both KEXINITs. */
int kex_hash_begin(const struct ssh *ssh, struct kex *kex, const uint8_t *peer_init, size_t peer_init_size);
/* The rest: the host key as it was sent, the group, the client's public value and the server's, the secret. */
int kex_hash_end(struct kex *kex, const struct reader *host_key, const struct reader *client,
                 const struct reader *server);
/* All keys of both directions (section 7.2), with the session id that will be in force. */
int kex_keys_make(const struct ssh *ssh, struct kex *kex);

/* kex_host_key.c */

/* Client: the server has proved to have kex->host_key, whose wire form is blob. Trusts it, asks, or fails. 1: trusted;
 * 0: a question is open, or was answered and acted upon. */
int kex_host_key_check(struct ssh *ssh, struct kex *kex, const struct reader *blob);
/* Whether the answer accepts it; else the session has failed. */
int kex_host_key_answered(struct ssh *ssh, struct kex *kex, const sessile_question *question);
/* The names that a client would rather have first in its list of host key algorithms, separated by commas: those by
 * which it can know the host. Room is left empty where there are none. */
#define KEX_KNOWN_ROOM 1024
void kex_host_key_known(const struct ssh *ssh, char room[KEX_KNOWN_ROOM]);

/* kex_gex.c: group exchange's messages before the public values. */
int kex_gex_send_request(struct ssh *ssh, struct kex *kex);
int kex_gex_recv_request(struct ssh *ssh, struct kex *kex, struct reader *r);
int kex_gex_recv_group(struct ssh *ssh, struct kex *kex, struct reader *r);
/* Whether a group that a server sent will do: 0, ERR_PROTOCOL with kex->why, or ERR_MEMORY. */
int kex_gex_check(struct kex *kex);

/* keylog.c: tell the application the secret, where the config says so. */
int keylog_tell(struct ssh *ssh, const struct kex *kex);

/* kex.c */
/* Fail for what a method's function returned. what: "the server's public value". */
int kex_fail(struct ssh *ssh, const struct kex *kex, int code, const char *what);

/* ---- What the methods share ---- */

extern const struct kex_method kex_method_mlkem768x25519;
extern const struct kex_method kex_method_curve25519;
extern const struct kex_method kex_method_curve25519_libssh;
extern const struct kex_method kex_method_ecdh_256;
extern const struct kex_method kex_method_ecdh_384;
extern const struct kex_method kex_method_ecdh_521;
extern const struct kex_method kex_method_gex_sha256;
extern const struct kex_method kex_method_group14_sha256;
extern const struct kex_method kex_method_group16_sha512;
extern const struct kex_method kex_method_group18_sha512;
extern const struct kex_method kex_method_group14_sha1;

/* A key pair of a context that was prepared for it; NULL is no memory. Frees the context. */
int kex_pair_make(EVP_PKEY_CTX *context, EVP_PKEY **pair);
/* The shared secret, appended. The peer's value was checked already, as far as that is not derivation's own. */
int kex_pair_derive(struct kex *kex, EVP_PKEY *own, EVP_PKEY *peer, struct writer *secret);
/* An EVP_PKEY as a method's state. */
void kex_pair_release(void *pair);

#define X25519_SIZE 32
int x25519_begin(struct writer *own, EVP_PKEY **pair);
int x25519_complete(struct kex *kex, EVP_PKEY *pair, const uint8_t *peer, size_t peer_size, struct writer *secret);

int dh_begin(const struct kex_method *method, struct kex *kex, struct writer *own, void **state);
int dh_complete(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer, size_t peer_size,
                struct writer *secret);

#endif
