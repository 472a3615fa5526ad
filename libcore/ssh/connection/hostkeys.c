/* SPDX-License-Identifier: Apache-2.0
 *
 * Further host keys (OpenSSH's PROTOCOL, 2.5): a server announces all that it has, and proves to have them where it is
 * asked; a client that wants to know has the new ones proven, and asks the application about them once.
 *
 * Nothing here makes a key trusted: the application may note what it was told, for another session. */
#include "ssh/connection/channel.h"

#include <string.h>

#include "ssh/key/key.h"

#define PROVE "hostkeys-prove-00@openssh.com"
/* Announced keys that are looked at, known ones that are compared with them, and requests that are signed. */
#define ANNOUNCED_MAX 32
#define KNOWN_MAX 64
#define PROOFS_MAX 4

/* Kinds of keys in a wish. */
#define KEY_NEW 0
#define KEY_OLD 1

static const struct question_kind kind_host_keys = {.kind = SESSILE_QUESTION_SSH_HOST_KEYS};

/* What is signed to prove a key in this session. */
static void put_challenge(struct writer *w, const struct ssh *ssh, const void *blob, size_t size)
{
    put_text32(w, PROVE);
    put_sized32(w, ssh->transport.session_id, ssh->transport.session_id_size);
    put_sized32(w, blob, size);
}

/* ---- the server's side ---- */

static int can_prove(const sessile_key *key)
{
    return key->is_private && !key->type->security_key;
}

int host_keys_announce(struct ssh *ssh)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    const sessile_ssh_config *config = ssh->config;
    size_t count = 0;

    global_begin(&w, "hostkeys-00@openssh.com", 0);
    for (size_t i = 0; i < config->host_key_count; i++)
        if (can_prove(config->host_keys[i])) {
            put_sized32(&w, config->host_keys[i]->blob, config->host_keys[i]->blob_size);
            count++;
        }
    if (count)
        return ssh_send_message(ssh, &w);
    writer_free(&w);
    return SESSILE_OK;
}

static int own_key(const sessile_ssh_config *config, const struct reader *blob)
{
    for (size_t i = 0; i < config->host_key_count; i++)
        if (can_prove(config->host_keys[i]) && blob->left == config->host_keys[i]->blob_size &&
            memcmp(blob->data, config->host_keys[i]->blob, blob->left) == 0)
            return (int)i;
    return -1;
}

int host_keys_recv_prove(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted)
{
    struct connection *c = ssh->connection;
    uint8_t which[REPLY_KEYS];
    struct reply *reply;
    struct reader blob;
    size_t count = 0;
    int key = 0;

    while (key >= 0 && count < REPLY_KEYS && r->left) {
        blob = get_sub32(r);
        key = r->failed ? -1 : own_key(ssh->config, &blob);
        which[count++] = (uint8_t)key;
    }
    if (r->failed)
        return REQUEST_DENIED;
    if (key < 0 || !count || r->left || !wanted || c->proofs >= PROOFS_MAX ||
        !(reply = replies_add(&c->requests, type, wanted))) {
        get_rest(r);
        return REQUEST_DENIED;
    }
    c->proofs++;
    memcpy(reply->keys, which, count);
    reply->outcome = QUESTION_ACCEPTED;
    return global_answer(ssh) < 0 ? SESSILE_ERR_CLOSED : REQUEST_WAITS;
}

/* The hash that was negotiated, where the host key of this session is of the same type; RSA knows two. */
static const struct key_algorithm *proof_algorithm(const struct ssh *ssh, const sessile_key *key)
{
    const char *name = ssh->transport.host_key_name;
    const struct key_algorithm *used = name ? key_algorithm_find(name, strlen(name)) : NULL;

    if (used && used->type == key->type && !used->insecure)
        return key_algorithm_find(used->signature, strlen(used->signature));
    return key_algorithm_best(key->type);
}

static int put_proof(const struct ssh *ssh, const sessile_key *key, struct writer *w)
{
    const struct key_algorithm *algorithm = proof_algorithm(ssh, key);
    struct writer challenge = {0}, signature = {0};
    int result = SESSILE_ERR_CRYPTO;

    put_challenge(&challenge, ssh, key->blob, key->blob_size);
    if (algorithm && !challenge.failed)
        result = key_sign(key, algorithm, challenge.data, challenge.size, &signature);
    if (result == SESSILE_OK)
        put_sized32(w, signature.data, signature.size);
    writer_free(&challenge);
    writer_free(&signature);
    return result;
}

int host_keys_put_proofs(struct ssh *ssh, const struct reply *reply, struct writer *w)
{
    int result = SESSILE_OK;

    for (size_t i = 0; result == SESSILE_OK && i < REPLY_KEYS && reply->keys[i] != REPLY_NO_KEY; i++)
        result = put_proof(ssh, ssh->config->host_keys[reply->keys[i]], w);
    return result;
}

/* ---- the client's side ---- */

/* Whether this client could use such a key at all. */
static int is_usable(const struct ssh *ssh, sessile_key *key)
{
    const struct key_algorithm *algorithm;
    const char *list = ssh->config->lists[SESSILE_SSH_HOST_KEYS];

    if (key->type->security_key || (ssh->config->krl && sessile_krl_revokes(ssh->config->krl, key) != 0))
        return 0;
    for (size_t i = 0; (algorithm = key_algorithm_at(i)); i++)
        if (algorithm->type == key->type && !algorithm->certificate &&
            names_have(list, algorithm->name, strlen(algorithm->name)))
            return 1;
    return 0;
}

static int is_new(const struct ssh *ssh, sessile_key *key)
{
    char why[2];
    int status;

    if (ssh->host_key && sessile_key_equal(ssh->host_key, key))
        return 0;
    if (!ssh->config->known_hosts)
        return 1;
    status =
        sessile_known_hosts_check(ssh->config->known_hosts, ssh->host, ssh->port, key, -1, NULL, NULL, why, sizeof why);
    return status == SESSILE_HOST_UNKNOWN || status == SESSILE_HOST_OTHER || status == SESSILE_HOST_CHANGED;
}

static void keys_put(struct writer *keys, int kind, const sessile_key *key)
{
    put_u8(keys, (uint8_t)kind);
    put_sized32(keys, key->blob, key->blob_size);
}

/* What the server has announced. */
struct announced {
    sessile_key *keys[ANNOUNCED_MAX];
    size_t count;
};

static void announced_free(struct announced *announced)
{
    while (announced->count)
        sessile_key_free(announced->keys[--announced->count]);
}

/* Keys of types that are not known are passed over. 0, or ERR_MEMORY. */
static int announced_read(struct announced *announced, struct reader *r)
{
    struct key_error error = {NULL, 0};
    struct reader blob;
    sessile_key *key;

    announced->count = 0;
    while (r->left && announced->count < ANNOUNCED_MAX) {
        blob = get_sub32(r);
        if (r->failed)
            break;
        key = NULL;
        if (key_from_plain_blob(blob.data, blob.left, &key, &error) == SESSILE_ERR_MEMORY)
            return SESSILE_ERR_MEMORY;
        if (key)
            announced->keys[announced->count++] = key;
    }
    if (!r->failed)
        get_rest(r);
    return SESSILE_OK;
}

static int announced_has(const struct announced *announced, sessile_key *key)
{
    for (size_t i = 0; i < announced->count; i++)
        if (sessile_key_equal(announced->keys[i], key))
            return 1;
    return 0;
}

/* How many are new. */
static size_t collect_new(const struct ssh *ssh, const struct announced *announced, struct writer *keys)
{
    size_t count = 0;

    for (size_t i = 0; i < announced->count; i++)
        if (is_usable(ssh, announced->keys[i]) && is_new(ssh, announced->keys[i])) {
            keys_put(keys, KEY_NEW, announced->keys[i]);
            count++;
        }
    return count;
}

static void collect_old(const struct ssh *ssh, const struct announced *announced, struct writer *keys)
{
    sessile_key *key;

    for (size_t i = 0; ssh->config->known_hosts && i < KNOWN_MAX; i++) {
        if (sessile_known_hosts_key(ssh->config->known_hosts, ssh->host, ssh->port, i, &key) < 0)
            return;
        if (!announced_has(announced, key))
            keys_put(keys, KEY_OLD, key);
        sessile_key_free(key);
    }
}

static int ask(struct ssh *ssh, const struct writer *keys)
{
    sessile_question *question = question_new(ssh->session, &kind_host_keys, NULL);
    struct reader r = reader_of(keys->data, keys->size), blob;
    int kind;

    if (!question)
        return SESSILE_OK; /* nothing depends on it */
    question_add_text(question, SESSILE_ITEM_HOST, ssh->host);
    question_add_number(question, SESSILE_ITEM_PORT, ssh->port);
    while (r.left) {
        kind = get_u8(&r);
        blob = get_sub32(&r);
        question_add(question, kind == KEY_NEW ? SESSILE_ITEM_KEY : SESSILE_ITEM_OLD_KEY, blob.data, blob.left);
    }
    session_ask(ssh->session, question);
    return SESSILE_OK;
}

static int send_prove(struct ssh *ssh, struct wish *wish)
{
    struct writer w = {0};
    struct reader r = reader_of(wish->keys.data, wish->keys.size), blob;
    int kind;

    global_begin(&w, PROVE, 1);
    while (r.left) {
        kind = get_u8(&r);
        blob = get_sub32(&r);
        if (kind == KEY_NEW)
            put_sized32(&w, blob.data, blob.left);
    }
    return wish_send(ssh, wish, &w);
}

/* Have the new ones proven, or ask at once where only old ones are missing. Takes keys. */
static int go_on(struct ssh *ssh, struct writer *keys, size_t new_count)
{
    struct wish *wish = NULL;
    int result = SESSILE_OK;

    if (keys->failed)
        result = ssh_no_memory(ssh, "host keys");
    else if (!new_count && keys->size)
        result = ask(ssh, keys);
    else if (new_count && wish_new(ssh, host_keys_proven, &wish) == SESSILE_OK) {
        wish->keys = *keys;
        return send_prove(ssh, wish);
    }
    writer_free(keys);
    return result;
}

int host_keys_recv(struct ssh *ssh, const struct global_type *type, struct reader *r, int wanted)
{
    struct announced announced;
    struct writer keys = {0};
    size_t new_count = 0;
    int result;

    (void)type;
    (void)wanted;
    if (!ssh->config->ask_new_host_keys || ssh->config->any_host_key || ssh->connection->host_keys_seen) {
        get_rest(r);
        return REQUEST_DONE;
    }
    ssh->connection->host_keys_seen = 1;
    result = announced_read(&announced, r);
    if (result == SESSILE_OK && !r->failed && announced.count) {
        new_count = collect_new(ssh, &announced, &keys);
        collect_old(ssh, &announced, &keys);
    }
    announced_free(&announced);
    if (result < 0)
        return ssh_no_memory(ssh, "the server's host keys");
    if ((result = go_on(ssh, &keys, new_count)) < 0)
        return result;
    return REQUEST_DONE;
}

/* 1: the signature is this key's, for this session. 0: it is not. */
static int proof_is_good(const struct ssh *ssh, const struct reader *blob, const struct reader *signature)
{
    struct key_error error = {NULL, 0};
    const struct key_algorithm *algorithm;
    struct writer challenge = {0};
    sessile_key *key = NULL;
    int good = 0;

    if (key_from_plain_blob(blob->data, blob->left, &key, &error) < 0)
        return 0;
    put_challenge(&challenge, ssh, blob->data, blob->left);
    algorithm = key_algorithm_of_signature(key, signature->data, signature->left);
    if (algorithm && !challenge.failed)
        good = key_verify(key, algorithm, challenge.data, challenge.size, signature->data, signature->left, NULL) ==
               SESSILE_OK;
    writer_free(&challenge);
    sessile_key_free(key);
    return good;
}

int host_keys_proven(struct ssh *ssh, struct wish *wish, struct reader *r)
{
    struct reader keys = reader_of(wish->keys.data, wish->keys.size), blob, signature;
    int kind, good = 1;

    if (!r)
        return SESSILE_OK;
    while (keys.left && good) {
        kind = get_u8(&keys);
        blob = get_sub32(&keys);
        if (kind != KEY_NEW)
            continue;
        signature = get_sub32(r);
        good = !r->failed && proof_is_good(ssh, &blob, &signature);
    }
    if (r->failed)
        return SESSILE_OK;
    if (!good)
        return ssh_fail(ssh, DISCONNECT_HOST_KEY_NOT_VERIFIABLE, SESSILE_ERR_VERIFY,
                        "the server could not prove to have a host key that it has announced");
    return reader_done(r) ? ask(ssh, &wish->keys) : SESSILE_OK;
}
