/* SPDX-License-Identifier: Apache-2.0
 *
 * mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): ML-KEM-768 and X25519 side by side. The client sends its
 * encapsulation key and its X25519 key, the server its ciphertext and its X25519 key; K is the hash of both secrets,
 * and is hashed as a string. ML-KEM is libcrypto's from 3.5 on, and looked up by name. */
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/key/types.h"
#include "ssh/transport/kex.h"

#define MLKEM "ML-KEM-768"
#define MLKEM_PUBLIC 1184
#define MLKEM_CIPHERTEXT 1088
#define MLKEM_SECRET 32
#define DIGEST_SIZE 32

struct pairs {
    EVP_PKEY *mlkem;
    EVP_PKEY *x25519;
};

static int available(void)
{
    EVP_KEM *kem = EVP_KEM_fetch(NULL, MLKEM, NULL);
    int found = kem != NULL;

    EVP_KEM_free(kem);
    ERR_clear_error();
    return found;
}

static void release(void *state)
{
    struct pairs *pairs = state;

    if (!pairs)
        return;
    EVP_PKEY_free(pairs->mlkem);
    EVP_PKEY_free(pairs->x25519);
    mem_free(pairs);
}

static int mlkem_pair(struct writer *own, EVP_PKEY **pair)
{
    EVP_PKEY_CTX *context;
    uint8_t *room;
    size_t size = 0;
    int result;

    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_name(NULL, MLKEM, NULL);
    if (context && EVP_PKEY_keygen_init(context) != 1) {
        EVP_PKEY_CTX_free(context);
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    }
    if ((result = kex_pair_make(context, pair)) < 0)
        return result;
    room = put_room(own, MLKEM_PUBLIC);
    if (!room || EVP_PKEY_get_octet_string_param(*pair, OSSL_PKEY_PARAM_PUB_KEY, room, MLKEM_PUBLIC, &size) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    return size == MLKEM_PUBLIC ? SESSILE_OK : SESSILE_ERR_CRYPTO;
}

static int begin(const struct kex_method *method, struct kex *kex, struct writer *own, void **state)
{
    struct pairs *pairs = mem_zalloc(sizeof *pairs);
    int result;

    (void)method;
    (void)kex;
    *state = pairs; /* the flow's to release, also on failure */
    if (!pairs)
        return SESSILE_ERR_MEMORY;
    result = mlkem_pair(own, &pairs->mlkem);
    return result < 0 ? result : x25519_begin(own, &pairs->x25519);
}

/* both: the secret of ML-KEM with that of X25519 behind it. */
static int combine(const struct writer *both, struct writer *secret)
{
    uint8_t *room = both->failed ? NULL : put_room(secret, DIGEST_SIZE);

    if (!room)
        return SESSILE_ERR_MEMORY;
    if (EVP_Q_digest(NULL, "SHA256", NULL, both->data, both->size, room, NULL) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    return SESSILE_OK;
}

static int decapsulate(EVP_PKEY *pair, const uint8_t *ciphertext, struct writer *both)
{
    EVP_PKEY_CTX *context;
    uint8_t *room = put_room(both, MLKEM_SECRET);
    size_t size = MLKEM_SECRET;
    int result = SESSILE_OK;

    ERR_clear_error();
    context = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    if (!room || !context || EVP_PKEY_decapsulate_init(context, NULL) != 1 ||
        EVP_PKEY_decapsulate(context, room, &size, ciphertext, MLKEM_CIPHERTEXT) != 1)
        result = key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_PKEY_CTX_free(context);
    return result;
}

static int complete(const struct kex_method *method, struct kex *kex, void *state, const uint8_t *peer,
                    size_t peer_size, struct writer *secret)
{
    struct pairs *pairs = state;
    uint8_t room[MLKEM_SECRET + X25519_SIZE];
    struct writer both = writer_in(room, sizeof room);
    struct reader r = reader_of(peer, peer_size);
    const uint8_t *ciphertext = get_bytes(&r, MLKEM_CIPHERTEXT);
    int result;

    (void)method;
    if (r.failed || r.left != X25519_SIZE) {
        kex->why = "it is not 1120 bytes long";
        return SESSILE_ERR_PROTOCOL;
    }
    if ((result = decapsulate(pairs->mlkem, ciphertext, &both)) == SESSILE_OK &&
        (result = x25519_complete(kex, pairs->x25519, r.data, r.left, &both)) == SESSILE_OK)
        result = combine(&both, secret);
    writer_free(&both);
    return result;
}

/* The client's encapsulation key is refused here where it is not one (FIPS 203, section 7.2). */
static int encapsulate(struct kex *kex, const uint8_t *peer, struct writer *own, struct writer *both)
{
    struct key_params params = {.count = 0};
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *key;
    uint8_t *ciphertext = put_room(own, MLKEM_CIPHERTEXT), *room = put_room(both, MLKEM_SECRET);
    size_t size = MLKEM_CIPHERTEXT, room_size = MLKEM_SECRET;
    int result;

    key_params_octets(&params, OSSL_PKEY_PARAM_PUB_KEY, peer, MLKEM_PUBLIC);
    result = key_params_make(&params, MLKEM, EVP_PKEY_PUBLIC_KEY, &key);
    if (result == SESSILE_ERR_ARGUMENT) {
        kex->why = "its ML-KEM key is none";
        return SESSILE_ERR_PROTOCOL;
    }
    ERR_clear_error();
    if (result == SESSILE_OK && (!ciphertext || !room || !(context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) ||
                                 EVP_PKEY_encapsulate_init(context, NULL) != 1 ||
                                 EVP_PKEY_encapsulate(context, ciphertext, &size, room, &room_size) != 1))
        result = key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return result;
}

static int respond(const struct kex_method *method, struct kex *kex, const uint8_t *peer, size_t peer_size,
                   struct writer *own, struct writer *secret)
{
    uint8_t room[MLKEM_SECRET + X25519_SIZE];
    struct writer both = writer_in(room, sizeof room);
    struct reader r = reader_of(peer, peer_size);
    const uint8_t *key = get_bytes(&r, MLKEM_PUBLIC);
    EVP_PKEY *pair = NULL;
    int result;

    (void)method;
    if (r.failed || r.left != X25519_SIZE) {
        kex->why = "it is not 1216 bytes long";
        return SESSILE_ERR_PROTOCOL;
    }
    if ((result = encapsulate(kex, key, own, &both)) == SESSILE_OK &&
        (result = x25519_begin(own, &pair)) == SESSILE_OK &&
        (result = x25519_complete(kex, pair, r.data, r.left, &both)) == SESSILE_OK)
        result = combine(&both, secret);
    EVP_PKEY_free(pair);
    writer_free(&both);
    return result;
}

const struct kex_method kex_method_mlkem768x25519 = {
    .name = "mlkem768x25519-sha256",
    .digest = "SHA256",
    .secret_is_string = 1,
    .available = available,
    .begin = begin,
    .complete = complete,
    .respond = respond,
    .release = release,
};
