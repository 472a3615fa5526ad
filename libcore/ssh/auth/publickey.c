/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys (RFC 4252, section 7; RFC 8332; OpenSSH's PROTOCOL, section 3.1 for publickey-hostbound). A client asks
 * whether a key would do, then signs. On a server the two have nothing to do with each other: a signature is checked
 * with the key that comes with it, and that key is asked about again. */
#include <string.h>

#include "session/error.h"
#include "session/guard.h"
#include "session/memory.h"
#include "ssh/auth/method.h"
#include "ssh/key/certificate.h"

#define HOST_BOUND "publickey-hostbound-v00@openssh.com"

void put_signed_head(const struct ssh *ssh, struct writer *w, const char *user, const char *method)
{
    put_sized32(w, ssh->transport.session_id, ssh->transport.session_id_size);
    put_u8(w, MSG_USERAUTH_REQUEST);
    put_text32(w, user);
    put_text32(w, AUTH_SERVICE);
    put_text32(w, method);
}

/* ---- server ---- */

/* What can be said of a key without asking anybody. */
static int key_acceptable(struct ssh *ssh, const struct key_algorithm *algorithm, sessile_key *key)
{
    int result;

    if (!key_algorithm_fits(algorithm, key) || sessile_key_has_certificate(key) != algorithm->certificate)
        return 0;
    if (ssh->config->krl && sessile_krl_revokes(ssh->config->krl, key) != 0)
        return 0;
    if (!algorithm->certificate)
        return 1;
    if (!ssh_authority_allowed(ssh, key))
        return 0;
    result = sessile_certificate_check(key, SESSILE_CERTIFICATE_USER, NULL, ssh->peer_address,
                                       session_time(ssh->session), NULL, 0);
    return result == SESSILE_OK;
}

int publickey_take(struct ssh *ssh, struct reader *algorithm, struct reader *blob, const struct key_algorithm **found,
                   sessile_key **key)
{
    const char *name = (const char *)algorithm->data;
    int result;

    *key = NULL;
    *found = algorithm->left ? key_algorithm_find(name, algorithm->left) : NULL;
    if (!*found || !names_have(ssh->config->lists[SESSILE_SSH_USER_KEYS], name, algorithm->left))
        return 1;
    result = sessile_key_from_blob(blob->data, blob->left, key, NULL, 0);
    if (result == SESSILE_ERR_MEMORY)
        return ssh_no_memory(ssh, "a user's key");
    if (result < 0)
        return 1;
    if (key_acceptable(ssh, *found, *key))
        return SESSILE_OK;
    sessile_key_free(*key);
    *key = NULL;
    return 1;
}

static int key_was_used(const struct auth *auth, const uint8_t *blob, size_t size)
{
    struct reader used = reader_of(auth->used_keys.data, auth->used_keys.size);

    while (used.left) {
        struct reader one = get_sub32(&used);

        if (one.left == size && memcmp(one.data, blob, size) == 0)
            return 1;
    }
    return 0;
}

/* The signature's flags that the config asks for, and the certificate (OpenSSH's PROTOCOL.u2f, PROTOCOL.certkeys). */
static int flags_suffice(const struct ssh *ssh, const sessile_key *key, int flags)
{
    struct reader none;

    if (!key->type->security_key)
        return 1;
    if (!(flags & KEY_SK_PRESENCE) && !ssh->config->no_touch)
        return 0;
    if (flags & KEY_SK_VERIFIED)
        return 1;
    return !ssh->config->user_verification &&
           !(key->certificate && certificate_option(key->certificate, 1, "verify-required", &none));
}

/* What was signed: as the request has it, behind the session id. */
static int signature_good(struct ssh *ssh, const struct key_algorithm *algorithm, sessile_key *key,
                          const struct reader *signature, int bound, int *flags)
{
    struct writer w = {0};
    const uint8_t *blob, *host;
    size_t size, host_size;
    int good;

    put_signed_head(ssh, &w, ssh->user, ssh->auth->method->name);
    put_u8(&w, 1);
    put_text32(&w, algorithm->name);
    blob = key_wire_blob(key, algorithm->certificate, &size);
    put_sized32(&w, blob, size);
    if (bound) {
        host = key_wire_blob(ssh->host_key, ssh->transport.host_key_certified, &host_size);
        put_sized32(&w, host, host_size);
    }
    good = !w.failed && key_verify(key, algorithm, w.data, w.size, signature->data, signature->left, flags) == 0;
    writer_free(&w);
    return good && flags_suffice(ssh, key, *flags);
}

static int ask_about(struct ssh *ssh, const struct key_algorithm *algorithm, sessile_key *key, int is_signed, int flags)
{
    sessile_question *question = server_question(ssh, &auth_user_kind);
    char fingerprint[64];
    int length = sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, fingerprint, sizeof fingerprint);
    size_t size;
    const uint8_t *blob = key_wire_blob(key, algorithm->certificate, &size);

    question_add(question, SESSILE_ITEM_KEY, blob, size);
    question_add_text(question, SESSILE_ITEM_ALGORITHM, algorithm->name);
    question_add(question, SESSILE_ITEM_FINGERPRINT, fingerprint, length > 0 ? (size_t)length : 0);
    question_add_text(question, SESSILE_ITEM_VERIFIED, is_signed ? "1" : "0");
    if (is_signed && flags & KEY_SK_PRESENCE)
        question_add_text(question, SESSILE_ITEM_STATUS, "touched");
    if (is_signed && flags & KEY_SK_VERIFIED)
        question_add_text(question, SESSILE_ITEM_STATUS, "verified");
    ssh->auth->key = key; /* the reference is its now */
    ssh->auth->key_algorithm = algorithm;
    ssh->auth->key_signed = is_signed;
    return server_ask(ssh, question);
}

/* The host key that a host-bound request names must be the one that this session's exchange was signed with. */
static int host_key_matches(const struct ssh *ssh, const struct reader *blob)
{
    size_t size;
    const uint8_t *own = key_wire_blob(ssh->host_key, ssh->transport.host_key_certified, &size);

    return blob->left == size && memcmp(blob->data, own, size) == 0;
}

static int publickey_request(struct ssh *ssh, struct reader *r)
{
    int bound = ssh->auth->method == &auth_publickey_host_bound;
    int is_signed = get_u8(r) != 0, flags = 0, result;
    struct reader name = get_text(r, AUTH_NAME_MAX), blob = get_sub32(r), host = {0}, signature = {0};
    const struct key_algorithm *algorithm;
    sessile_key *key;

    if (bound)
        host = get_sub32(r);
    if (is_signed)
        signature = get_sub32(r);
    if (!reader_done(r))
        return SESSILE_OK;
    if ((result = publickey_take(ssh, &name, &blob, &algorithm, &key)) != 0)
        return result < 0 ? result : server_failure(ssh);
    if ((bound && !host_key_matches(ssh, &host)) || key_was_used(ssh->auth, key->blob, key->blob_size) ||
        (is_signed && !signature_good(ssh, algorithm, key, &signature, bound, &flags))) {
        sessile_key_free(key);
        return server_failure(ssh);
    }
    return ask_about(ssh, algorithm, key, is_signed, flags);
}

static int send_ok(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;
    struct writer w = {0};
    size_t size;
    const uint8_t *blob = key_wire_blob(auth->key, auth->key_algorithm->certificate, &size);

    put_u8(&w, MSG_USERAUTH_60);
    put_text32(&w, auth->key_algorithm->name);
    put_sized32(&w, blob, size);
    return ssh_send_message(ssh, &w);
}

static int publickey_server_answered(struct ssh *ssh, sessile_question *question)
{
    struct auth *auth = ssh->auth;

    if (question_outcome(question) != QUESTION_ACCEPTED)
        return server_failure(ssh);
    if (!auth->key_signed)
        return send_ok(ssh);
    put_sized32(&auth->used_keys, auth->key->blob, auth->key->blob_size);
    if (auth->used_keys.failed)
        return ssh_no_memory(ssh, "a user's key");
    return server_success(ssh);
}

/* ---- client ---- */

/* The request without its signature, and what is signed. */
static void prepare(struct ssh *ssh, struct writer *w, const struct auth_method *method, int is_signed)
{
    struct signing *signing = &ssh->auth->signing;
    size_t size;
    const uint8_t *blob = key_wire_blob(signing->key, signing->algorithm->certificate, &size);

    put_u8(w, is_signed != 0);
    put_text32(w, signing->algorithm->name);
    put_sized32(w, blob, size);
    if (method == &auth_publickey_host_bound) {
        blob = key_wire_blob(ssh->host_key, ssh->transport.host_key_certified, &size);
        put_sized32(w, blob, size);
    }
}

static int send_query(struct ssh *ssh, sessile_key *key, const struct key_algorithm *algorithm)
{
    struct auth *auth = ssh->auth;
    struct writer w = {0};

    signing_clear(auth);
    auth->signing.key = sessile_key_keep(key);
    auth->signing.algorithm = algorithm;
    auth->method = ssh->transport.peer_host_bound ? &auth_publickey_host_bound : &auth_publickey;
    auth->querying = 1;
    client_put_request(ssh, &w, auth->method->name);
    prepare(ssh, &w, auth->method, 0);
    return ssh_send_message(ssh, &w);
}

int publickey_try_next(struct ssh *ssh)
{
    struct auth *auth = ssh->auth;

    while (auth->next_key < ssh->config->user_key_count) {
        sessile_key *key = ssh->config->user_keys[auth->next_key];
        int certificate = !auth->next_is_plain && sessile_key_has_certificate(key);
        const struct key_algorithm *algorithm = client_algorithm(ssh, key, certificate);
        int result;

        auth->next_is_plain = certificate;
        auth->next_key += !certificate;
        if (!algorithm)
            continue;
        result = send_query(ssh, key, algorithm);
        return result < 0 ? result : 1;
    }
    return 0;
}

static int publickey_begin(struct ssh *ssh, sessile_question *question)
{
    sessile_key *key = question_answer(question);
    const char *theirs = ssh->transport.signatures ? ssh->transport.signatures : "it did not say";
    const struct key_algorithm *algorithm;
    char escaped[ESCAPED_ROOM];

    if (!key)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_ARGUMENT,
                        "the method publickey was chosen without a key");
    algorithm = client_algorithm(ssh, key, sessile_key_has_certificate(key));
    if (!algorithm && sessile_key_has_certificate(key))
        algorithm = client_algorithm(ssh, key, 0);
    if (algorithm)
        return send_query(ssh, key, algorithm);
    return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_NEGOTIATION,
                    "no signature algorithm for the user's %s key is common to the config and the server (%s)",
                    key->type->name, text_escape(escaped, sizeof escaped, theirs, strlen(theirs)));
}

/* Some servers name the key's type there (ssh-rsa) instead of the algorithm that was asked about (rsa-sha2-512). What
 * is signed is what was asked about. */
static int names_query(const struct signing *signing, const struct reader *name)
{
    const struct key_type *type = signing->key->type;

    return reader_is(name, signing->algorithm->name) ||
           reader_is(name, signing->algorithm->certificate ? type->certificate_name : type->name);
}

/* PK_OK: the key would do. It must be the one that was asked about. */
static int publickey_recv_60(struct ssh *ssh, struct reader *r)
{
    struct auth *auth = ssh->auth;
    struct signing *signing = &auth->signing;
    struct reader name = get_text(r, AUTH_NAME_MAX), blob = get_sub32(r);
    const char *method = auth->method->name;
    const uint8_t *own;
    size_t size;

    if (!reader_done(r))
        return SESSILE_OK;
    if (!auth->querying || !signing->key)
        return ssh_protocol(ssh, "the server sent USERAUTH_PK_OK (%d), and was not asked", MSG_USERAUTH_60);
    own = key_wire_blob(signing->key, signing->algorithm->certificate, &size);
    if (!names_query(signing, &name) || blob.left != size || memcmp(blob.data, own, size) != 0)
        return ssh_protocol(ssh, "USERAUTH_PK_OK is for another key or algorithm than the one asked about");
    auth->querying = 0;
    client_put_request(ssh, &signing->message, method);
    prepare(ssh, &signing->message, auth->method, 1);
    put_signed_head(ssh, &signing->data, ssh->user, method);
    prepare(ssh, &signing->data, auth->method, 1);
    return client_sign(ssh);
}

static void release_key(void *key)
{
    sessile_key_free(key);
}

int sessile_ssh_question_use_key(sessile_question *question, sessile_key *key)
{
    struct guard g;
    int result;

    if (!question || !key || sessile_question_kind(question) != SESSILE_QUESTION_SSH_AUTHENTICATE)
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, question_session(question))) < 0)
        return result;
    if (!question_is_open(question))
        return guard_leave(&g, SESSILE_ERR_GONE);
    question_set_answer(question, sessile_key_keep(key), release_key);
    return guard_leave(&g, SESSILE_OK);
}

const struct auth_method auth_publickey = {
    .name = "publickey",
    .request = publickey_request,
    .server_answered = publickey_server_answered,
    .begin = publickey_begin,
    .recv_60 = publickey_recv_60,
};

const struct auth_method auth_publickey_host_bound = {
    .name = HOST_BOUND,
    .request = publickey_request,
    .server_answered = publickey_server_answered,
    .recv_60 = publickey_recv_60,
};
