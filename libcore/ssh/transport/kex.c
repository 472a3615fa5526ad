/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow of one key exchange (RFC 4253, sections 7 and 8): KEXINIT from both sides, the method's messages, NEWKEYS
 * from both sides. Either side may begin; who gets the other's KEXINIT first answers with its own.
 *
 * What makes it safe: a client sends NEWKEYS only once the server has proved to have its host key and that is trusted;
 * keys are made before NEWKEYS is sent; a direction changes its keys at its NEWKEYS and not before; and each message of
 * the method is taken once, when it is due. Everything of an exchange is wiped when it ends, however it does. */
#include <string.h>

#include <openssl/crypto.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/config.h"
#include "ssh/connection/connection.h"
#include "ssh/transport/kex.h"

static const struct question_kind sign_kind = {SESSILE_QUESTION_SSH_SIGN, 1, UINT64_C(1) << SESSILE_ITEM_SIGNATURE};

/* ---- life ---- */

static void secret_free(struct kex *kex)
{
    if (kex->method && kex->method->release)
        kex->method->release(kex->state);
    kex->state = NULL;
    writer_free(&kex->secret);
    writer_free(&kex->own);
}

void kex_free(struct ssh *ssh)
{
    struct kex *kex = ssh->transport.kex;

    ssh->transport.kex = NULL;
    if (!kex)
        return;
    secret_free(kex);
    mem_free(kex->own_init);
    EVP_MD_CTX_free(kex->hash);
    EVP_MD_free(kex->digest);
    BN_free(kex->p);
    BN_free(kex->g);
    sessile_key_free(kex->host_key);
    mem_wipe_free(kex, sizeof *kex);
}

enum kex_stage kex_stage(const struct ssh *ssh)
{
    const struct kex *kex = ssh->transport.kex;

    if (!kex || !kex->peer_sent)
        return KEX_STAGE_NONE;
    return kex->due ? KEX_STAGE_METHOD : KEX_STAGE_NEWKEYS;
}

int kex_sending(const struct ssh *ssh)
{
    const struct kex *kex = ssh->transport.kex;

    return kex && kex->own_sent && !kex->own_newkeys;
}

int kex_drops_guess(struct ssh *ssh)
{
    struct kex *kex = ssh->transport.kex;
    int drops = kex && kex->drop_guess;

    if (kex)
        kex->drop_guess = 0;
    return drops;
}

/* ---- failing ---- */

int kex_fail(struct ssh *ssh, const struct kex *kex, int code, const char *what)
{
    const char *method = kex->method ? kex->method->name : "key exchange";

    if (code == SESSILE_ERR_MEMORY)
        return ssh_no_memory(ssh, method);
    if (code == SESSILE_ERR_PROTOCOL)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, code, "%s: %s is not acceptable: %s", method, what,
                        kex->why ? kex->why : "libcrypto refuses it");
    return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, code, "%s: libcrypto failed at %s", method, what);
}

/* ---- keys ---- */

static int use_keys(struct ssh *ssh, struct kex *kex, int direction)
{
    struct kex_keys *keys = direction == DIRECTION_OUT ? &kex->out : &kex->in;
    struct packet_material material = {keys->key, keys->iv, keys->mac_key};
    int result = packet_use(ssh, direction, kex->ciphers[direction], kex->macs[direction], kex->compressions[direction],
                            &material);

    OPENSSL_cleanse(keys, sizeof *keys);
    return result;
}

static void note_result(struct ssh *ssh, const struct kex *kex)
{
    struct transport *t = &ssh->transport;

    t->kex_name = kex->method->name;
    t->host_key_name = kex->host_key_algorithm->name;
    if (!t->session_id_size) {
        memcpy(t->session_id, kex->exchange_hash, kex->exchange_hash_size);
        t->session_id_size = (uint8_t)kex->exchange_hash_size;
    }
    if (ssh->host_key)
        return; /* the application may have borrowed it; host-bound authentication is bound to the first as well */
    ssh->host_key = sessile_key_keep(kex->host_key);
    t->host_key_certified = kex->host_key_algorithm->certificate != 0;
}

/* The exchange has succeeded, as far as this side is concerned. */
static int send_newkeys(struct ssh *ssh, struct kex *kex)
{
    static const uint8_t message[] = {MSG_NEWKEYS};
    int result = kex_keys_make(ssh, kex);

    secret_free(kex);
    if (result < 0)
        return kex_fail(ssh, kex, result, "the keys");
    note_result(ssh, kex);
    if ((result = ssh_send(ssh, message, sizeof message)) < 0 || (result = use_keys(ssh, kex, DIRECTION_OUT)) < 0)
        return result;
    kex->own_newkeys = 1;
    return ssh->phase == SSH_KEX ? ext_info_send(ssh) : ssh_send_waiting(ssh);
}

/* Both sides have new keys. */
static int finish(struct ssh *ssh)
{
    int result;

    kex_free(ssh);
    if (ssh->phase == SSH_KEX)
        return ssh_enter(ssh, SSH_SERVICE);
    if ((result = ssh_send_waiting(ssh)) < 0 || (ssh->phase == SSH_OPEN && (result = connection_rekeyed(ssh)) < 0))
        return result;
    return session_call_notice(ssh->session, SESSILE_NOTICE_SSH_REKEYED, NULL, 0);
}

int kex_recv_newkeys(struct ssh *ssh, struct reader *r)
{
    struct kex *kex = ssh->transport.kex;
    int result;

    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    if (!kex->own_newkeys)
        return ssh_protocol(ssh, "the peer sent NEWKEYS (%d) before this side did", MSG_NEWKEYS);
    if ((result = use_keys(ssh, kex, DIRECTION_IN)) < 0)
        return result;
    return finish(ssh);
}

/* ---- the method, client ---- */

static void put_public(struct writer *w, const struct kex *kex)
{
    if (kex->method->public_is_mpint)
        put_mpint(w, kex->own.data, kex->own.size);
    else
        put_sized32(w, kex->own.data, kex->own.size);
}

static struct reader get_public(struct reader *r, const struct kex *kex)
{
    return kex->method->public_is_mpint ? get_mpint(r) : get_sub32(r);
}

static int send_public(struct ssh *ssh, struct kex *kex, uint8_t number, uint8_t due)
{
    struct writer w = {0};
    int result = kex->method->begin(kex->method, kex, &kex->own, &kex->state);

    if (result == SESSILE_OK && kex->own.failed)
        result = SESSILE_ERR_MEMORY;
    if (result < 0)
        return kex_fail(ssh, kex, result, "our public value");
    put_u8(&w, number);
    put_public(&w, kex);
    kex->due = due;
    return ssh_send_message(ssh, &w);
}

static int recv_group(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    int result = kex_gex_recv_group(ssh, kex, r);

    if (result < 0 || !reader_done(r))
        return result;
    return send_public(ssh, kex, MSG_KEX_GEX_INIT, MSG_KEX_GEX_REPLY);
}

/* The first one says which server the session id belongs to: an agent may want to know. */
static int keep_signature(struct ssh *ssh, const struct reader *signature)
{
    if (ssh->host_signature)
        return SESSILE_OK;
    if (!(ssh->host_signature = mem_copy(signature->data, signature->left)))
        return ssh_no_memory(ssh, "the host key's signature");
    ssh->host_signature_size = signature->left;
    return SESSILE_OK;
}

/* The key must be what the negotiated algorithm is for, and the signature made with just that algorithm. */
static int verify(struct ssh *ssh, struct kex *kex, const struct reader *blob, const struct reader *signature)
{
    const struct key_algorithm *algorithm = kex->host_key_algorithm;
    char text[KEX_NOTE] = "";
    struct key_error error = {text, sizeof text};
    int result = key_from_blob(blob->data, blob->left, &kex->host_key, &error);

    if (result == SESSILE_ERR_MEMORY || result == SESSILE_ERR_CRYPTO) /* which is not the server's doing */
        return kex_fail(ssh, kex, result, "reading the server's host key");
    if (result < 0)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_PROTOCOL, "the server's host key: %s", text);
    if (!key_algorithm_fits(algorithm, kex->host_key) || !algorithm->certificate != !kex->host_key->certificate)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_PROTOCOL,
                        "the server's host key is a %s%s, and %s was negotiated",
                        kex->host_key->certificate ? "certificate for " : "", kex->host_key->type->name,
                        algorithm->name);
    result = key_verify(kex->host_key, algorithm, kex->exchange_hash, kex->exchange_hash_size, signature->data,
                        signature->left, NULL);
    if (result == SESSILE_OK)
        return keep_signature(ssh, signature);
    return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_VERIFY,
                    "the server's signature over the key exchange is not good (%s)", algorithm->name);
}

/* What both roles do with the secret: hash it, and log it where that is asked for. */
static int hash_all(struct ssh *ssh, struct kex *kex, const struct reader *host_key, const struct reader *client,
                    const struct reader *server)
{
    int result = kex->secret.failed ? SESSILE_ERR_MEMORY : kex_hash_end(kex, host_key, client, server);

    return result < 0 ? kex_fail(ssh, kex, result, "the exchange hash") : keylog_tell(ssh, kex);
}

static int recv_reply(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    struct reader blob = get_sub32(r), peer = get_public(r, kex), signature = get_sub32(r);
    struct reader own;
    int result;

    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    kex->due = 0;
    own = reader_of(kex->own.data, kex->own.size);
    result = kex->method->complete(kex->method, kex, kex->state, peer.data, peer.left, &kex->secret);
    if (result < 0)
        return kex_fail(ssh, kex, result, "the server's public value");
    if ((result = hash_all(ssh, kex, &blob, &own, &peer)) < 0 || (result = verify(ssh, kex, &blob, &signature)) < 0)
        return result;
    result = kex_host_key_check(ssh, kex, &blob);
    return result > 0 ? send_newkeys(ssh, kex) : result;
}

/* ---- the method, server ---- */

static const uint8_t *host_key_blob(const struct kex *kex, size_t *size)
{
    return key_wire_blob(kex->host_key, kex->host_key_algorithm->certificate, size);
}

static int send_reply(struct ssh *ssh, struct kex *kex, const void *signature, size_t signature_size)
{
    struct writer w = {0};
    size_t size;
    const uint8_t *blob = host_key_blob(kex, &size);
    int result;

    put_u8(&w, kex->method->group_exchange ? MSG_KEX_GEX_REPLY : MSG_KEX_REPLY);
    put_sized32(&w, blob, size);
    put_public(&w, kex);
    put_sized32(&w, signature, signature_size);
    result = ssh_send_message(ssh, &w);
    return result < 0 ? result : send_newkeys(ssh, kex);
}

static int ask_signature(struct ssh *ssh, struct kex *kex)
{
    sessile_question *question = question_new(ssh->session, &sign_kind, NULL);
    size_t size;
    const uint8_t *blob = host_key_blob(kex, &size);

    if (!question)
        return ssh_no_memory(ssh, "the question for a signature");
    question_add(question, SESSILE_ITEM_KEY, blob, size);
    question_add_text(question, SESSILE_ITEM_ALGORITHM, kex->host_key_algorithm->signature);
    question_add(question, SESSILE_ITEM_DATA, kex->exchange_hash, kex->exchange_hash_size);
    kex->asked = 1;
    session_ask(ssh->session, question);
    return SESSILE_OK;
}

static int sign(struct ssh *ssh, struct kex *kex)
{
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    int result;

    if (!kex->host_key->is_private)
        return ask_signature(ssh, kex);
    result = key_sign(kex->host_key, kex->host_key_algorithm, kex->exchange_hash, kex->exchange_hash_size, &w);
    if (result == SESSILE_OK && w.failed)
        result = SESSILE_ERR_MEMORY;
    result = result < 0 ? kex_fail(ssh, kex, result, "our signature") : send_reply(ssh, kex, w.data, w.size);
    writer_free(&w);
    return result;
}

static int respond(struct kex *kex, const struct reader *peer)
{
    const struct kex_method *method = kex->method;
    int result;

    if (method->respond)
        return method->respond(method, kex, peer->data, peer->left, &kex->own, &kex->secret);
    result = method->begin(method, kex, &kex->own, &kex->state);
    return result < 0 ? result : method->complete(method, kex, kex->state, peer->data, peer->left, &kex->secret);
}

static int recv_public(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    const char *algorithm = kex->host_key_algorithm->name;
    struct reader peer = get_public(r, kex), own, host_key;
    const uint8_t *blob;
    size_t size;
    int result;

    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    kex->due = 0;
    kex->host_key = sessile_key_keep(ssh_config_host_key(ssh->config, algorithm, strlen(algorithm)));
    if (!kex->host_key)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_NEGOTIATION, "there is no host key for %s",
                        algorithm);
    if ((result = respond(kex, &peer)) == SESSILE_OK && kex->own.failed)
        result = SESSILE_ERR_MEMORY;
    if (result < 0)
        return kex_fail(ssh, kex, result, "the client's public value");
    blob = host_key_blob(kex, &size);
    host_key = reader_of(blob, size);
    own = reader_of(kex->own.data, kex->own.size);
    result = hash_all(ssh, kex, &host_key, &peer, &own);
    return result < 0 ? result : sign(ssh, kex);
}

/* ---- answers ---- */

static int signature_answered(struct ssh *ssh, struct kex *kex, const sessile_question *question)
{
    size_t size;
    const void *signature = question_given(question, SESSILE_ITEM_SIGNATURE, &size);

    if (question_outcome(question) != QUESTION_ACCEPTED || !signature)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_REFUSED, "the host key's signature was %s",
                        signature || question_outcome(question) != QUESTION_ACCEPTED ? "refused" : "not given");
    if (key_verify(kex->host_key, kex->host_key_algorithm, kex->exchange_hash, kex->exchange_hash_size, signature, size,
                   NULL) < 0)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_VERIFY,
                        "the host key's signature that was given is not good (%s)", kex->host_key_algorithm->name);
    return send_reply(ssh, kex, signature, size);
}

void kex_answered(struct ssh *ssh, sessile_question *question)
{
    struct kex *kex = ssh->transport.kex;

    if (!kex || !kex->asked)
        return;
    kex->asked = 0;
    if (ssh->role == SESSILE_SERVER)
        signature_answered(ssh, kex, question);
    else if (kex_host_key_answered(ssh, kex, question) == SESSILE_OK)
        send_newkeys(ssh, kex);
}

/* ---- the method's messages ---- */

/* Which message is due in which role, with and without group exchange. Numbers mean different things in the two: 31
 * is a group in the one and the reply in the other. */
static const struct step {
    uint8_t role;
    uint8_t group_exchange;
    uint8_t number;
    int (*recv)(struct ssh *ssh, struct kex *kex, struct reader *r);
} steps[] = {
    {SESSILE_SERVER, 0, MSG_KEX_INIT, recv_public},
    {SESSILE_CLIENT, 0, MSG_KEX_REPLY, recv_reply},
    {SESSILE_SERVER, 1, MSG_KEX_GEX_REQUEST, kex_gex_recv_request},
    {SESSILE_CLIENT, 1, MSG_KEX_REPLY, recv_group},
    {SESSILE_SERVER, 1, MSG_KEX_GEX_INIT, recv_public},
    {SESSILE_CLIENT, 1, MSG_KEX_GEX_REPLY, recv_reply},
};

int kex_recv_method(struct ssh *ssh, struct reader *r, int number)
{
    struct kex *kex = ssh->transport.kex;

    for (size_t i = 0; number == kex->due && i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].role == ssh->role && steps[i].group_exchange == kex->method->group_exchange &&
            steps[i].number == number)
            return steps[i].recv(ssh, kex, r);
    return ssh_protocol(ssh, "the peer sent message %d in the midst of %s, where %d is due", number, kex->method->name,
                        kex->due);
}

/* The first of them: the client's to send, or to wait for. */
static int start_method(struct ssh *ssh, struct kex *kex)
{
    int group_exchange = kex->method->group_exchange;

    if (ssh->role == SESSILE_SERVER) {
        kex->due = group_exchange ? MSG_KEX_GEX_REQUEST : MSG_KEX_INIT;
        return SESSILE_OK;
    }
    if (!group_exchange)
        return send_public(ssh, kex, MSG_KEX_INIT, MSG_KEX_REPLY);
    kex->due = MSG_KEX_REPLY;
    return kex_gex_send_request(ssh, kex);
}

/* ---- KEXINIT ---- */

int kex_begin(struct ssh *ssh)
{
    struct transport *t = &ssh->transport;

    if (t->kex && t->kex->own_sent)
        return SESSILE_OK;
    if (!t->kex && !(t->kex = mem_zalloc(sizeof *t->kex)))
        return ssh_no_memory(ssh, "a key exchange");
    t->want_rekey = 0;
    return kexinit_send(ssh, t->kex);
}

int kex_recv_init(struct ssh *ssh, struct reader *r)
{
    const uint8_t *payload = r->data - 1; /* the number counts */
    size_t size = r->left + 1;
    struct kex *kex;
    int result;

    if ((result = kex_begin(ssh)) < 0)
        return result;
    kex = ssh->transport.kex;
    if ((result = kexinit_negotiate(ssh, kex, r)) < 0 || !reader_done(r))
        return result;
    if ((result = kex_hash_begin(ssh, kex, payload, size)) < 0)
        return kex_fail(ssh, kex, result, "the exchange hash");
    kex->peer_sent = 1;
    mem_free(kex->own_init);
    kex->own_init = NULL;
    return start_method(ssh, kex);
}
