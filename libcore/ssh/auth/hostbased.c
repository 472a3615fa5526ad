/* SPDX-License-Identifier: Apache-2.0
 *
 * hostbased (RFC 4252, section 9): the client's host vouches for its user by a signature of its own key. */
#include "ssh/auth/method.h"

#include <string.h>

/* What follows the method's name, up to the signature. */
static void put_claim(struct writer *w, const struct key_algorithm *algorithm, const sessile_key *key, const void *host,
                      size_t host_size, const void *user, size_t user_size)
{
    size_t size;
    const uint8_t *blob = key_wire_blob(key, algorithm->certificate, &size);

    put_text32(w, algorithm->name);
    put_sized32(w, blob, size);
    put_sized32(w, host, host_size);
    put_sized32(w, user, user_size);
}

/* ---- server ---- */

static int claim_good(struct ssh *ssh, const struct key_algorithm *algorithm, const sessile_key *key,
                      const struct reader *host, const struct reader *user, const struct reader *signature)
{
    struct writer w = {0};
    int good;

    put_signed_head(ssh, &w, ssh->user, auth_hostbased.name);
    put_claim(&w, algorithm, key, host->data, host->left, user->data, user->left);
    good = !w.failed && key_verify(key, algorithm, w.data, w.size, signature->data, signature->left, NULL) == 0;
    writer_free(&w);
    return good;
}

static int ask_about(struct ssh *ssh, const struct key_algorithm *algorithm, const sessile_key *key,
                     const struct reader *host, const struct reader *user)
{
    sessile_question *question = server_question(ssh, &auth_user_kind);
    size_t size;
    const uint8_t *blob = key_wire_blob(key, algorithm->certificate, &size);

    question_add(question, SESSILE_ITEM_KEY, blob, size);
    question_add_text(question, SESSILE_ITEM_ALGORITHM, algorithm->name);
    question_add(question, SESSILE_ITEM_HOST, host->data, host->left);
    question_add(question, SESSILE_ITEM_HOST_USER, user->data, user->left);
    return server_ask(ssh, question);
}

/* What can be said of a host's key without asking anybody: a certificate is in force, for hosts, and for this one. */
static int key_acceptable(struct ssh *ssh, const struct key_algorithm *algorithm, sessile_key *key,
                          const struct reader *host)
{
    char name[AUTH_HOST_MAX + 1] = "";

    if (!key_algorithm_fits(algorithm, key) || sessile_key_has_certificate(key) != algorithm->certificate)
        return 0;
    if (ssh->config->krl && sessile_krl_revokes(ssh->config->krl, key) != 0)
        return 0;
    if (!algorithm->certificate)
        return 1;
    if (host->left)
        memcpy(name, host->data, host->left);
    return ssh_authority_allowed(ssh, key) &&
           sessile_certificate_check(key, SESSILE_CERTIFICATE_HOST, name, NULL, session_time(ssh->session), NULL, 0) ==
               SESSILE_OK;
}

/* Without the root at its end, which clients write, and neither certificates nor known hosts do. */
static struct reader without_root(struct reader host)
{
    if (host.left && host.data[host.left - 1] == '.')
        host.left--;
    return host;
}

static int take_host_key(struct ssh *ssh, const struct reader *algorithm, const struct reader *blob,
                         const struct reader *host, const struct key_algorithm **found, sessile_key **key)
{
    const char *name = (const char *)algorithm->data;
    int result;

    *key = NULL;
    *found = algorithm->left ? key_algorithm_find(name, algorithm->left) : NULL;
    if (!*found || !names_have(ssh->config->lists[SESSILE_SSH_HOST_KEYS], name, algorithm->left))
        return 1;
    if ((result = sessile_key_from_blob(blob->data, blob->left, key, NULL, 0)) < 0)
        return result == SESSILE_ERR_MEMORY ? ssh_no_memory(ssh, "a host's key") : 1;
    if (key_acceptable(ssh, *found, *key, host))
        return SESSILE_OK;
    sessile_key_free(*key);
    *key = NULL;
    return 1;
}

static int hostbased_request(struct ssh *ssh, struct reader *r)
{
    struct reader name = get_text(r, AUTH_NAME_MAX), blob = get_sub32(r);
    struct reader host = get_text(r, AUTH_HOST_MAX), user = get_text(r, AUTH_USER_MAX);
    struct reader signature = get_sub32(r), plain = without_root(host);
    const struct key_algorithm *algorithm;
    sessile_key *key;
    int result;

    if (!reader_done(r))
        return SESSILE_OK;
    if ((result = take_host_key(ssh, &name, &blob, &plain, &algorithm, &key)) != 0)
        return result < 0 ? result : server_failure(ssh);
    result = claim_good(ssh, algorithm, key, &host, &user, &signature);
    if (result)
        result = ask_about(ssh, algorithm, key, &plain, &user);
    else
        result = server_failure(ssh);
    sessile_key_free(key);
    return result;
}

static int hostbased_server_answered(struct ssh *ssh, sessile_question *question)
{
    return question_outcome(question) == QUESTION_ACCEPTED ? server_success(ssh) : server_failure(ssh);
}

/* ---- client ---- */

static int hostbased_begin(struct ssh *ssh, sessile_question *question)
{
    struct signing *signing = &ssh->auth->signing;
    sessile_key *key = question_answer(question);
    const struct key_algorithm *algorithm;
    size_t host_size, user_size;
    const void *host = question_given(question, SESSILE_ITEM_HOST, &host_size);
    const void *user = question_given(question, SESSILE_ITEM_USER, &user_size);

    if (!key || !host || !user || host_size > AUTH_HOST_MAX || user_size > AUTH_USER_MAX)
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_ARGUMENT,
                        "the method hostbased takes a key, and HOST and USER of at most %d bytes each", AUTH_HOST_MAX);
    if (!(algorithm = client_algorithm(ssh, key, sessile_key_has_certificate(key))))
        return ssh_fail(ssh, DISCONNECT_NO_MORE_AUTH_METHODS, SESSILE_ERR_NEGOTIATION,
                        "no signature algorithm for the host's %s key is common to the config and the server",
                        key->type->name);
    signing_clear(ssh->auth);
    signing->key = sessile_key_keep(key);
    signing->algorithm = algorithm;
    client_put_request(ssh, &signing->message, auth_hostbased.name);
    put_claim(&signing->message, algorithm, key, host, host_size, user, user_size);
    put_signed_head(ssh, &signing->data, ssh->user, auth_hostbased.name);
    put_claim(&signing->data, algorithm, key, host, host_size, user, user_size);
    return client_sign(ssh);
}

const struct auth_method auth_hostbased = {
    .name = "hostbased",
    .request = hostbased_request,
    .server_answered = hostbased_server_answered,
    .begin = hostbased_begin,
};
