/* SPDX-License-Identifier: Apache-2.0
 *
 * Session ticket keys (RFC 5077, section 4): the newest seals, it and the three before open. Used by the handshakes of
 * many threads while another rotates them; a key is copied out of the lock and wiped after use.
 */
#include <stdatomic.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "session/memory.h"
#include "tls/config.h"

#define KEYS_MAX 4
#define NAME_SIZE 16
#define CIPHER_KEY_SIZE 32
#define MAC_KEY_SIZE 32
#define IV_SIZE 16

struct ticket_key {
    uint8_t name[NAME_SIZE];
    uint8_t cipher_key[CIPHER_KEY_SIZE];
    uint8_t mac_key[MAC_KEY_SIZE];
};

struct sessile_tls_tickets {
    atomic_size_t refs;
    CRYPTO_RWLOCK *lock;
    EVP_CIPHER *cipher;
    size_t count;
    struct ticket_key keys[KEYS_MAX]; /* newest first */
};

/* ---- the object ---- */

static int random_key(struct ticket_key *key)
{
    int ok = RAND_bytes(key->name, NAME_SIZE) == 1 && RAND_priv_bytes(key->cipher_key, CIPHER_KEY_SIZE) == 1 &&
             RAND_priv_bytes(key->mac_key, MAC_KEY_SIZE) == 1;

    if (!ok)
        ERR_clear_error();
    return ok;
}

sessile_tls_tickets *sessile_tls_tickets_new(void)
{
    sessile_tls_tickets *tickets = mem_zalloc(sizeof *tickets);

    if (!tickets)
        return NULL;
    atomic_init(&tickets->refs, 1);
    tickets->count = 1;
    if (!(tickets->lock = CRYPTO_THREAD_lock_new()) ||
        !(tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL)) || !random_key(&tickets->keys[0])) {
        ERR_clear_error();
        sessile_tls_tickets_free(tickets);
        return NULL;
    }
    return tickets;
}

sessile_tls_tickets *tls_tickets_keep(sessile_tls_tickets *tickets)
{
    atomic_fetch_add_explicit(&tickets->refs, 1, memory_order_relaxed);
    return tickets;
}

void sessile_tls_tickets_free(sessile_tls_tickets *tickets)
{
    if (!tickets || atomic_fetch_sub_explicit(&tickets->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_CIPHER_free(tickets->cipher);
    CRYPTO_THREAD_lock_free(tickets->lock);
    mem_wipe_free(tickets, sizeof *tickets);
}

/* ---- rotation ---- */

static int push_key(sessile_tls_tickets *tickets, const struct ticket_key *key)
{
    if (!CRYPTO_THREAD_write_lock(tickets->lock))
        return SESSILE_ERR_CRYPTO;
    memmove(&tickets->keys[1], &tickets->keys[0], (KEYS_MAX - 1) * sizeof *key);
    tickets->keys[0] = *key;
    if (tickets->count < KEYS_MAX)
        tickets->count++;
    CRYPTO_THREAD_unlock(tickets->lock);
    return 0;
}

int sessile_tls_tickets_rotate(sessile_tls_tickets *tickets)
{
    struct ticket_key key;
    int r;

    if (!tickets)
        return SESSILE_ERR_ARGUMENT;
    r = random_key(&key) ? push_key(tickets, &key) : SESSILE_ERR_CRYPTO;
    mem_wipe(&key, sizeof key);
    return r;
}

int sessile_tls_tickets_add(sessile_tls_tickets *tickets, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    struct ticket_key key;
    int r;

    if (!tickets || !data || size != NAME_SIZE + CIPHER_KEY_SIZE + MAC_KEY_SIZE)
        return SESSILE_ERR_ARGUMENT;
    memcpy(key.name, bytes, NAME_SIZE);
    memcpy(key.cipher_key, bytes + NAME_SIZE, CIPHER_KEY_SIZE);
    memcpy(key.mac_key, bytes + NAME_SIZE + CIPHER_KEY_SIZE, MAC_KEY_SIZE);
    r = push_key(tickets, &key);
    mem_wipe(&key, sizeof key);
    return r;
}

/* ---- sealing and opening ---- */

/* Copy the key of this name, or the newest where name is NULL. Returns its place, or a negative number. */
static int copy_key(sessile_tls_tickets *tickets, const unsigned char *name, struct ticket_key *key)
{
    int place = 0;

    if (!CRYPTO_THREAD_read_lock(tickets->lock))
        return -1;
    while (name && place < (int)tickets->count && memcmp(tickets->keys[place].name, name, NAME_SIZE) != 0)
        place++;
    if (place < (int)tickets->count)
        *key = tickets->keys[place];
    else
        place = -1;
    CRYPTO_THREAD_unlock(tickets->lock);
    return place;
}

static int start_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};

    return EVP_MAC_init(mac, key->mac_key, MAC_KEY_SIZE, parameters) == 1;
}

static int seal_ticket(sessile_tls_tickets *tickets, const struct ticket_key *key, unsigned char *name,
                       unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, IV_SIZE) != 1 || EVP_EncryptInit_ex2(cipher, tickets->cipher, key->cipher_key, iv, NULL) != 1 ||
        !start_mac(mac, key))
        return -1;
    memcpy(name, key->name, NAME_SIZE);
    return 1;
}

static int open_ticket(sessile_tls_tickets *tickets, const struct ticket_key *key, int place, const unsigned char *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (EVP_DecryptInit_ex2(cipher, tickets->cipher, key->cipher_key, iv, NULL) != 1 || !start_mac(mac, key))
        return -1;
    return place ? 2 : 1;
}

int tls_tickets_key(sessile_tls_tickets *tickets, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int sealing)
{
    struct ticket_key key;
    int place = copy_key(tickets, sealing ? NULL : name, &key);
    int r;

    if (place < 0)
        return sealing ? -1 : 0;
    r = sealing ? seal_ticket(tickets, &key, name, iv, cipher, mac)
                : open_ticket(tickets, &key, place, iv, cipher, mac);
    mem_wipe(&key, sizeof key);
    return r;
}
