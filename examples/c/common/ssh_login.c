/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may log in: users whose password is in the file, and whoever has a key that is listed or certified. All of them
 * then act as the user that runs the server.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/ssh_guest.h"
#include "common/util.h"

/* ---- passwords ---- */

static int digest_of(const void *data, size_t size, unsigned char digest[32])
{
    return EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* Every line is looked at, and compared by digest: the time it takes tells neither users nor passwords. */
static int password_is_good(const struct ssh_server *server, const char *user, const void *password, size_t size)
{
    unsigned char given[32];
    unsigned char known[32];
    int good = 0;
    size_t user_size = strlen(user);
    if (server->passwords == NULL || !digest_of(password, size, given)) {
        return 0;
    }
    for (const char *line = server->passwords; *line != 0;) {
        size_t line_size = strcspn(line, "\n");
        size_t name_size = strcspn(line, ":\n");
        size_t rest = name_size < line_size ? name_size + 1 : line_size;
        int same = name_size == user_size && memcmp(line, user, user_size) == 0 && name_size < line_size;
        int match = digest_of(line + rest, line_size - rest, known) && CRYPTO_memcmp(given, known, sizeof known) == 0;
        good |= same & match;
        line += line_size + (line[line_size] == '\n');
    }
    OPENSSL_cleanse(given, sizeof given);
    OPENSSL_cleanse(known, sizeof known);
    return good;
}

static int password_item_is_good(const struct ssh_guest *guest, sessile_question *question, int item)
{
    const void *data;
    size_t size;
    return sessile_question_get(question, item, 0, &data, &size) == 0 &&
           password_is_good(guest->server, item_text(question, SESSILE_ITEM_USER), data, size);
}

/* ---- keys ---- */

static int key_is_good(struct ssh_guest *guest, sessile_key *key, const char *user, sessile_grant **grant)
{
    const struct ssh_server *server = guest->server;
    char error[256] = "no key is listed";
    int64_t now = (int64_t)time(NULL);
    int r = SESSILE_ERR_VERIFY;
    if (server->authorized_keys != NULL) {
        r = sessile_authorized_keys_match(server->authorized_keys, key, user, guest->address, NULL, now, grant, error,
                                          sizeof error);
    }
    if (r != 0 && server->authorities != NULL && sessile_key_has_certificate(key)) {
        r = sessile_authorities_match(server->authorities, NULL, key, user, guest->address, NULL, now, grant, error,
                                      sizeof error);
    }
    if (r != 0 && server->options.verbose > 0) {
        warn("%s: a key is not let in: %s", guest->address, error);
    }
    return r == 0;
}

static int was_verified(sessile_question *question)
{
    const void *data;
    size_t size;
    for (size_t i = 0; sessile_question_get(question, SESSILE_ITEM_STATUS, i, &data, &size) == 0; i++) {
        if (strcmp(data, "verified") == 0) {
            return 1;
        }
    }
    return 0;
}

static int publickey_is_good(struct ssh_guest *guest, sessile_question *question)
{
    const void *data;
    size_t size;
    sessile_key *key = NULL;
    sessile_grant *grant = NULL;
    if (sessile_question_get(question, SESSILE_ITEM_KEY, 0, &data, &size) != 0 ||
        sessile_key_from_blob(data, size, &key, NULL, 0) != 0) {
        return 0;
    }
    int signed_for = strcmp(item_text(question, SESSILE_ITEM_VERIFIED), "1") == 0;
    int good = key_is_good(guest, key, item_text(question, SESSILE_ITEM_USER), &grant);
    if (good && signed_for && sessile_grant_needs_verification(grant) && !was_verified(question)) {
        good = 0;
    }
    if (good && signed_for) {
        sessile_grant_free(guest->grant);
        guest->grant = sessile_grant_keep(grant);
    }
    sessile_grant_free(grant);
    sessile_key_free(key);
    return good;
}

/* ---- machines ---- */

/* A machine that is known speaks for its users, each by the name that it has there. */
static int hostbased_is_good(const struct ssh_guest *guest, sessile_question *question)
{
    const void *data;
    size_t size;
    sessile_key *key = NULL;
    if (guest->server->hosts == NULL || sessile_question_get(question, SESSILE_ITEM_KEY, 0, &data, &size) != 0 ||
        sessile_key_from_blob(data, size, &key, NULL, 0) != 0) {
        return 0;
    }
    int status = sessile_known_hosts_check(guest->server->hosts, item_text(question, SESSILE_ITEM_HOST), 0, key,
                                           (int64_t)time(NULL), NULL, NULL, NULL, 0);
    sessile_key_free(key);
    return status == SESSILE_HOST_KNOWN &&
           strcmp(item_text(question, SESSILE_ITEM_HOST_USER), item_text(question, SESSILE_ITEM_USER)) == 0;
}

/* ---- steps ---- */

static int ask_password(const struct ssh_guest *guest, sessile_question *question)
{
    return guest->server->passwords != NULL &&
           sessile_question_put(question, SESSILE_ITEM_PROMPT, "Password: ", 10) == 0 &&
           sessile_question_put(question, SESSILE_ITEM_ECHO, "0", 1) == 0;
}

static int step_is_good(struct ssh_guest *guest, sessile_question *question)
{
    const char *method = item_text(question, SESSILE_ITEM_METHOD);
    if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_RESPONSES) {
        return password_item_is_good(guest, question, SESSILE_ITEM_RESPONSE);
    }
    if (strcmp(method, "password") == 0) {
        return sessile_question_count(question, SESSILE_ITEM_NEW_PASSWORD) == 0 &&
               password_item_is_good(guest, question, SESSILE_ITEM_PASSWORD);
    }
    if (strcmp(method, "publickey") == 0) {
        return publickey_is_good(guest, question);
    }
    if (strcmp(method, "hostbased") == 0) {
        return hostbased_is_good(guest, question);
    }
    return strcmp(method, "keyboard-interactive") == 0 && ask_password(guest, question);
}

void login_question(struct ssh_guest *guest, sessile_question *question)
{
    if (step_is_good(guest, question)) {
        sessile_question_accept(question);
    } else {
        sessile_question_refuse(question, 0);
    }
}
