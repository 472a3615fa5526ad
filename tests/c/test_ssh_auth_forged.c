/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication against a peer that does not play by the rules: a client that wants in without being let in, a server
 * that wants a client to believe it is, or to give away what it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "ssh_attack.h"
#include "ssh_open.h"
#include "ssh_trust.h"

#define CHACHA "chacha20-poly1305@openssh.com"
#define SERVICE "ssh-connection"
#define HOST_BOUND "publickey-hostbound-v00@openssh.com"

static struct attack a;

/* ---- a client's requests ---- */

static void on_server(sessile_ssh_config *server)
{
    attack_begin(&a, SESSILE_SERVER, ATTACK_AUTH, NULL, server);
    attack_said(&a);
}

static sessile_ssh_config *server_with(const char *methods)
{
    sessile_ssh_config *config = ssh_server_config(CHACHA);

    if (methods)
        SSH_MUST(sessile_ssh_config_set_auth_methods(config, methods));
    return config;
}

/* The next message but banners is this one; FAILURE has this list and says so of partial success. */
static void assert_failure(const char *list, int partial)
{
    struct reader r = attack_until(&a, MSG_USERAUTH_FAILURE);
    struct reader methods = get_sub32(&r);

    assert_true(reader_is(&methods, list));
    assert_int_equal(get_u8(&r), partial);
    assert_int_equal(attack_next(&a), -1);
}

static void requests_are_answered_by_failure_or_success(void **state)
{
    (void)state;
    on_server(server_with("publickey,password password"));
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "none");
    assert_failure("publickey,password", 0);
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "gssapi-with-mic");
    assert_failure("publickey,password", 0);
    attack_send(&a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", SERVICE, "password", 0, "x");
    assert_int_equal(attack_next(&a), MSG_USERAUTH_SUCCESS);
    assert_true(a.victim->ready);
    attack_send(&a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", SERVICE, "password", 0, "y");
    assert_null(strstr(attack_said(&a), "USERAUTH_SUCCESS USERAUTH"));
    assert_attack_alive(&a); /* RFC 4252, section 5.3: ignored */
    attack_end(&a);
}

/* The user or the service changed in the midst of it (CVE-2023-46446). */
static void the_user_stays_who_was_named(void **state)
{
    (void)state;
    on_server(server_with("publickey,password"));
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "none");
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "mallory\033", SERVICE, "none");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "\"mallory\\x1b\", after one for \"alice\"", 2);
    attack_end(&a);
    on_server(NULL);
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", "ssh-agent", "none");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "service \"ssh-agent\"", 7);
    attack_end(&a);
    on_server(NULL);
    attack_send(&a, "bd", MSG_USERAUTH_REQUEST, "al\0ice", (size_t)6);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "", 2);
    attack_end(&a);
}

static void only_ssh_userauth_may_be_asked_for(void **state)
{
    static const char *const services[] = {"ssh-connection", "", "ssh-userauth2"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        attack_begin(&a, SESSILE_SERVER, ATTACK_SERVICE, NULL, NULL);
        attack_send(&a, "bs", MSG_SERVICE_REQUEST, services[i]);
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "before authentication", 7);
        attack_end(&a);
    }
    attack_begin(&a, SESSILE_SERVER, ATTACK_AUTH, NULL, NULL);
    attack_send(&a, "bs", MSG_SERVICE_REQUEST, "ssh-connection");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "before authentication", 7);
    attack_end(&a);
    attack_begin(&a, SESSILE_SERVER, ATTACK_SERVICE, NULL, NULL);
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "none");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "does not take", 2);
    assert_int_equal(a.victim->questions, 0);
    attack_end(&a);
}

/* paramiko asks for the service anew before each attempt. */
static void the_service_may_be_asked_for_again_until_the_end(void **state)
{
    (void)state;
    on_server(server_with("password"));
    for (int i = 0; i < 2; i++) {
        attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "none");
        assert_failure("password", 0);
        attack_send(&a, "bs", MSG_SERVICE_REQUEST, "ssh-userauth");
        assert_int_equal(attack_next(&a), MSG_SERVICE_ACCEPT);
    }
    attack_send(&a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", SERVICE, "password", 0, "secret");
    assert_int_equal(attack_next(&a), MSG_USERAUTH_SUCCESS);
    attack_send(&a, "bs", MSG_SERVICE_REQUEST, "ssh-userauth");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "does not take", 2);
    attack_end(&a);
}

static void a_client_that_answers_before_it_is_asked_is_refused(void **state)
{
    (void)state;
    on_server(NULL);
    attack_send(&a, "bus", MSG_USERAUTH_INFO_RESPONSE, 1u, "1234");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "was asked nothing", 2);
    attack_end(&a);
    on_server(NULL); /* what it was asked once counts for no other time */
    a.victim->rounds = 1;
    attack_send(&a, "bsssss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "keyboard-interactive", "", "");
    attack_until(&a, MSG_USERAUTH_60);
    attack_send(&a, "bsss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "none");
    attack_send(&a, "buss", MSG_USERAUTH_INFO_RESPONSE, 2u, "1234", "blue");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "was asked nothing", 2);
    assert_int_equal(ssh_peer_saw(a.victim, "responses"), 0);
    attack_end(&a);
}

static void responses_are_as_many_as_prompts(void **state)
{
    static const unsigned counts[] = {0, 1, 3, 0x7fffffff, 0x80000000, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        on_server(NULL);
        a.victim->rounds = 1;
        attack_send(&a, "bsssss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "keyboard-interactive", "", "");
        attack_until(&a, MSG_USERAUTH_60);
        attack_send(&a, "buss", MSG_USERAUTH_INFO_RESPONSE, counts[i], "1", "2");
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "responses to 2 prompts", 2);
        assert_int_equal(ssh_peer_saw(a.victim, "responses"), 0);
        attack_end(&a);
    }
}

/* ---- a client's keys ---- */

struct forged {
    const char *method;
    const char *user; /* in what is signed */
    const char *algorithm;
    const char *shown; /* the key in the request */
    const char *signs; /* the key that signs */
    int is_signed;     /* the boolean in what is signed */
    uint8_t session_id[64];
    size_t session_id_size;
    const char *host_key; /* host-bound */
};

static struct forged right(void)
{
    struct forged f = {"publickey", "alice", "ssh-ed25519", "ed25519 user", "ed25519 user", 1, {0}, 32, "ed25519 host"};

    memcpy(f.session_id, a.ssh->transport.session_id, 32);
    return f;
}

static void put_key(struct writer *w, const char *name)
{
    uint8_t blob[1024];
    int size = sessile_key_blob(trust_key(name), 0, blob, sizeof blob);

    put_sized32(w, blob, (size_t)size);
}

static void put_request(struct writer *w, const struct forged *f, const char *user, int is_signed)
{
    open_put(w, "bsssbs", MSG_USERAUTH_REQUEST, user, SERVICE, f->method, is_signed, f->algorithm);
    put_key(w, f->shown);
    if (strcmp(f->method, HOST_BOUND) == 0)
        put_key(w, f->host_key);
}

/* A request with a signature, for "alice". */
static struct writer forge(const struct forged *f)
{
    struct writer w = {0}, data = {0};
    uint8_t signature[1024];
    int size;

    put_sized32(&data, f->session_id, f->session_id_size);
    put_request(&data, f, f->user, f->is_signed);
    size = sessile_key_sign(trust_key(f->signs), NULL, data.data, data.size, signature, sizeof signature);
    assert_true(size > 0);
    put_request(&w, f, "alice", 1);
    put_sized32(&w, signature, (size_t)size);
    writer_free(&data);
    return w;
}

static void send_writer(struct writer *w)
{
    attack_put_bytes(&a, w->data, w->size);
    writer_free(w);
    attack_run(&a);
}

static void send_forged(const struct forged *f)
{
    struct writer w = forge(f);

    send_writer(&w);
}

static void a_good_signature_is_asked_about(void **state)
{
    struct forged f;

    (void)state;
    for (int bound = 0; bound <= 1; bound++) {
        on_server(NULL);
        f = right();
        f.method = bound ? HOST_BOUND : "publickey";
        send_forged(&f);
        assert_int_equal(attack_next(&a), MSG_USERAUTH_SUCCESS);
        assert_string_equal(journal_text(&a.victim->log), "user(publickey,signed) ready");
        assert_string_equal(sessile_ssh_info(a.victim->session, SESSILE_SSH_INFO_METHODS), "publickey");
        attack_end(&a);
    }
}

/* The two first steps are names of one length. */
static void a_step_that_succeeded_leads_on_its_own_way_only(void **state)
{
    struct forged f;

    (void)state;
    on_server(server_with("publickey,password hostbased,keyboard-interactive"));
    f = right();
    send_forged(&f);
    assert_failure("password", 1);
    attack_send(&a, "bsssss", MSG_USERAUTH_REQUEST, "alice", SERVICE, "keyboard-interactive", "", "");
    assert_failure("password", 0);
    assert_string_equal(journal_text(&a.victim->log), "user(publickey,signed)");
    attack_end(&a);
}

static void assert_refused_unasked(void)
{
    assert_failure("publickey,password,keyboard-interactive", 0);
    assert_int_equal(a.victim->questions, 0);
    assert_attack_alive(&a);
    attack_end(&a);
}

static void a_signature_over_anything_else_is_refused_unasked(void **state)
{
    struct forged f;

    (void)state;
    on_server(NULL);
    f = right();
    f.signs = "ed25519 other";
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL);
    f = right();
    f.user = "root";
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL);
    f = right();
    f.is_signed = 0;
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL);
    f = right();
    f.session_id[31] ^= 1;
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL);
    f = right();
    f.session_id_size = 0;
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL);
    f = right();
    f.algorithm = "ecdsa-sha2-nistp256"; /* not the key's */
    send_forged(&f);
    assert_refused_unasked();
}

/* PROTOCOL, section 3.1: what is signed names the server's host key, so that nobody can pass it on. */
static void a_signature_that_is_bound_to_another_host_is_refused(void **state)
{
    struct forged f;
    struct writer w = {0};

    (void)state;
    on_server(NULL);
    f = right();
    f.method = HOST_BOUND;
    f.host_key = "ed25519 other";
    send_forged(&f);
    assert_refused_unasked();
    on_server(NULL); /* nor is it asked about before there is a signature */
    put_request(&w, &f, "alice", 0);
    send_writer(&w);
    assert_refused_unasked();
}

static void a_signature_of_another_session_is_refused(void **state)
{
    struct forged f;
    struct writer kept;

    (void)state;
    on_server(NULL);
    f = right();
    kept = forge(&f);
    attack_end(&a);
    on_server(NULL);
    send_writer(&kept);
    assert_refused_unasked();
}

/* CVE-2024-45337: a server application that takes the key it was asked about first for the one that signed. */
static int only_the_first_key(struct ssh_peer *peer, enum ssh_event event)
{
    char fingerprint[64] = "";

    if (event != SSH_QUESTION)
        return 0;
    fingerprint[sessile_key_fingerprint(trust_key("ed25519 user"), SESSILE_FINGERPRINT_SHA256, fingerprint, 63)] = 0;
    peer->answers[SESSILE_QUESTION_SSH_USER] =
        strcmp(fingerprint, ssh_item(peer->question, SESSILE_ITEM_FINGERPRINT, 0)) == 0 ? SSH_YES : SSH_NO;
    return 0;
}

static void a_key_that_was_asked_about_lets_no_other_in(void **state)
{
    struct forged f;
    struct writer w = {0};

    (void)state;
    on_server(NULL);
    a.victim->hook = only_the_first_key;
    f = right();
    put_request(&w, &f, "alice", 0);
    send_writer(&w);
    attack_until(&a, MSG_USERAUTH_60);
    f.shown = f.signs = "ed25519 other";
    send_forged(&f);
    assert_failure("publickey,password,keyboard-interactive", 0);
    assert_false(a.victim->ready);
    assert_null(sessile_ssh_user_key(a.victim->session));
    assert_string_equal(journal_text(&a.victim->log), "user(publickey) user(publickey,signed)");
    attack_end(&a);
}

static void a_request_during_a_question_waits_and_another_abandons_it(void **state)
{
    (void)state;
    on_server(NULL);
    a.victim->answers[SESSILE_QUESTION_SSH_USER] = SSH_KEEP;
    attack_put(&a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", SERVICE, "password", 0, "first");
    attack_send(&a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", SERVICE, "password", 0, "second");
    assert_int_equal(a.victim->questions, 1);
    ssh_refuse(a.victim, 0);
    attack_run(&a);
    assert_int_equal(a.victim->questions, 2);
    assert_string_equal(ssh_item(a.victim->question, SESSILE_ITEM_PASSWORD, 0), "second");
    ssh_accept(a.victim);
    assert_has(attack_said(&a), "USERAUTH_FAILURE USERAUTH_SUCCESS");
    attack_end(&a);
}

/* ---- security keys (OpenSSH's PROTOCOL.u2f) ---- */

#define APPLICATION "ssh:"

static void digest(const void *data, size_t size, uint8_t out[32])
{
    assert_int_equal(EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL), 1);
}

/* What a token signs: hashes of both, with flags and a counter in between. */
static void token_sign(EVP_PKEY *key, const struct writer *message, uint8_t flags, uint8_t signature[64])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct writer w = {0};
    uint8_t hash[32];
    size_t size = 64;

    digest(APPLICATION, strlen(APPLICATION), hash);
    put_bytes(&w, hash, sizeof hash);
    put_u8(&w, flags);
    put_u32(&w, 7);
    digest(message->data, message->size, hash);
    put_bytes(&w, hash, sizeof hash);
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, w.data, w.size), 1);
    EVP_MD_CTX_free(context);
    writer_free(&w);
}

static void put_token_request(struct writer *w, EVP_PKEY *key)
{
    static const char name[] = "sk-ssh-ed25519@openssh.com";
    struct writer blob = {0};
    uint8_t point[32];
    size_t size = sizeof point;

    assert_int_equal(EVP_PKEY_get_raw_public_key(key, point, &size), 1);
    open_put(&blob, "sds", name, point, size, APPLICATION);
    open_put(w, "bsssbsd", MSG_USERAUTH_REQUEST, "alice", SERVICE, "publickey", 1, name, blob.data, blob.size);
    writer_free(&blob);
}

static void send_token(uint8_t flags)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct writer w = {0}, data = {0}, blob = {0};
    uint8_t signature[64];

    assert_non_null(key);
    put_sized32(&data, a.ssh->transport.session_id, 32);
    put_token_request(&data, key);
    token_sign(key, &data, flags, signature);
    open_put(&blob, "sdbu", "sk-ssh-ed25519@openssh.com", signature, sizeof signature, flags, 7u);
    put_token_request(&w, key);
    put_sized32(&w, blob.data, blob.size);
    send_writer(&w);
    writer_free(&data);
    writer_free(&blob);
    EVP_PKEY_free(key);
}

static void a_security_key_must_have_been_touched(void **state)
{
    static const struct {
        uint8_t flags;
        int no_touch, verify;
        const char *status; /* NULL: refused */
    } cases[] = {
        {0, 0, 0, NULL}, {1, 0, 0, "touched"}, {4, 0, 0, NULL},       {0, 1, 0, ""},
        {1, 0, 1, NULL}, {5, 0, 1, "touched"}, {4, 1, 1, "verified"}, {0, 1, 1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sessile_ssh_config *server = server_with(NULL);

        SSH_MUST(sessile_ssh_config_insecure_no_touch(server, cases[i].no_touch));
        SSH_MUST(sessile_ssh_config_require_user_verification(server, cases[i].verify));
        on_server(server);
        a.victim->answers[SESSILE_QUESTION_SSH_USER] = SSH_KEEP;
        send_token(cases[i].flags);
        assert_int_equal(a.victim->question != NULL, cases[i].status != NULL);
        if (cases[i].status) {
            assert_string_equal(ssh_item(a.victim->question, SESSILE_ITEM_STATUS, 0), cases[i].status);
            ssh_accept(a.victim);
            assert_true(a.victim->ready);
        } else {
            assert_failure("publickey,password,keyboard-interactive", 0);
        }
        attack_end(&a);
    }
}

/* ---- a server that lies to its client ---- */

/* A client that has sent "none"; it may have a key. */
static void on_client(const char *key)
{
    sessile_ssh_config *client = ssh_client_config(CHACHA);

    if (key)
        SSH_MUST(sessile_ssh_config_add_user_key(client, trust_key(key)));
    attack_begin(&a, SESSILE_CLIENT, ATTACK_AUTH, client, NULL);
    attack_until(&a, MSG_USERAUTH_REQUEST);
}

static void offer_methods(const char *list)
{
    attack_send(&a, "bsb", MSG_USERAUTH_FAILURE, list, 0);
}

static void success_needs_a_request_with_all_it_takes(void **state)
{
    (void)state;
    attack_begin(&a, SESSILE_CLIENT, ATTACK_SERVICE, NULL, NULL); /* before any request */
    attack_send(&a, "b", MSG_USERAUTH_SUCCESS);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "does not take", 2);
    attack_end(&a);
    on_client("ed25519 user"); /* to a key's query */
    offer_methods("publickey");
    attack_until(&a, MSG_USERAUTH_REQUEST);
    attack_send(&a, "b", MSG_USERAUTH_SUCCESS);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "USERAUTH_SUCCESS (52), and no request is open", 2);
    assert_false(a.victim->ready);
    attack_end(&a);
    on_client(NULL); /* with bytes behind it */
    attack_send(&a, "bb", MSG_USERAUTH_SUCCESS, 0);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "bytes follow", 2);
    attack_end(&a);
}

/* While the client is asked nothing moves; once it has given up there is nothing to succeed. */
static void success_during_a_question_waits_for_its_request(void **state)
{
    (void)state;
    on_client(NULL);
    a.victim->answers[SESSILE_QUESTION_SSH_AUTHENTICATE] = SSH_KEEP;
    offer_methods("password");
    attack_send(&a, "b", MSG_USERAUTH_SUCCESS);
    assert_false(a.victim->ready);
    ssh_refuse(a.victim, 0);
    assert_attack_failed(&a, SESSILE_ERR_REFUSED, "no way to go on", 14);
    attack_end(&a);
}

static int change_then_none(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE)
        peer->answers[SESSILE_QUESTION_SSH_AUTHENTICATE] = ssh_peer_saw(peer, "how") > 1 ? SSH_NO : SSH_YES;
    return 0;
}

static void a_server_may_not_answer_what_was_not_asked(void **state)
{
    (void)state;
    on_client(NULL); /* PK_OK to "none" */
    attack_send(&a, "bss", MSG_USERAUTH_60, "ssh-ed25519", "x");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "no request is open", 2);
    attack_end(&a);
    on_client(NULL); /* INFO_REQUEST to a password: it is PASSWD_CHANGEREQ there */
    a.victim->hook = change_then_none;
    offer_methods("password");
    attack_until(&a, MSG_USERAUTH_REQUEST);
    attack_send(&a, "bsssu", MSG_USERAUTH_60, "", "", "", 1u);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "bytes follow", 2);
    attack_end(&a);
}

/* A server that would have the client sign with a key, or for an algorithm, that it did not ask about. */
static void a_query_is_answered_for_the_key_it_was_about(void **state)
{
    uint8_t other[256], own[256];
    int other_size = sessile_key_blob(trust_key("ed25519 other"), 0, other, sizeof other);
    int own_size = sessile_key_blob(trust_key("ed25519 user"), 0, own, sizeof own);

    (void)state;
    for (int wrong = 0; wrong < 3; wrong++) {
        on_client("ed25519 user");
        offer_methods("publickey");
        attack_until(&a, MSG_USERAUTH_REQUEST);
        attack_send(&a, "bsd", MSG_USERAUTH_60, wrong == 1 ? "ssh-ed25519-cert-v01@openssh.com" : "ssh-ed25519",
                    wrong == 2 ? other : own, (size_t)(wrong == 2 ? other_size : own_size));
        if (!wrong) {
            attack_until(&a, MSG_USERAUTH_REQUEST); /* signed */
            attack_send(&a, "bsd", MSG_USERAUTH_60, "ssh-ed25519", own, (size_t)own_size);
        }
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, wrong ? "another key or algorithm" : "was not asked", 2);
        attack_end(&a);
    }
}

/* By the name of the key's type as well; the signature is by the algorithm that was asked about. */
static void a_query_may_be_answered_by_the_keys_type(void **state)
{
    uint8_t own[2048];
    int size = sessile_key_blob(trust_key("rsa user"), 0, own, sizeof own);
    struct reader r, algorithm;

    (void)state;
    assert_true(size > 0 && size <= (int)sizeof own);
    on_client("rsa user");
    offer_methods("publickey");
    attack_until(&a, MSG_USERAUTH_REQUEST);
    attack_send(&a, "bsd", MSG_USERAUTH_60, "ssh-rsa", own, (size_t)size);
    r = attack_until(&a, MSG_USERAUTH_REQUEST);
    for (int i = 0; i < 3; i++)
        get_sub32(&r); /* user, service, method */
    assert_int_equal(get_u8(&r), 1);
    algorithm = get_sub32(&r);
    assert_int_equal(algorithm.left, strlen("rsa-sha2-512"));
    assert_memory_equal(algorithm.data, "rsa-sha2-512", algorithm.left);
    attack_end(&a);
}

static void prompts_are_bounded_before_anything_is_made_of_them(void **state)
{
    static const unsigned counts[] = {65, 0x7fffffff, 0x80000000, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        on_client(NULL);
        a.victim->method = "keyboard-interactive";
        offer_methods("keyboard-interactive");
        attack_until(&a, MSG_USERAUTH_REQUEST);
        attack_send(&a, "bsssusb", MSG_USERAUTH_60, "", "", "", counts[i], "prompt", 0);
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "and at most 64 are taken", 2);
        assert_int_equal(ssh_peer_saw(a.victim, "prompts"), 0);
        attack_end(&a);
    }
    on_client(NULL); /* fewer than it says */
    a.victim->method = "keyboard-interactive";
    offer_methods("keyboard-interactive");
    attack_until(&a, MSG_USERAUTH_REQUEST);
    attack_send(&a, "bsssusb", MSG_USERAUTH_60, "", "", "", 2u, "prompt", 0);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "cut short", 2);
    assert_int_equal(ssh_peer_saw(a.victim, "prompts"), 0);
    attack_end(&a);
}

/* Rounds without prompts are answered without asking; the limit on early packets ends that. */
static void endless_rounds_end(void **state)
{
    (void)state;
    on_client(NULL);
    a.victim->method = "keyboard-interactive";
    offer_methods("keyboard-interactive");
    for (int i = 0; i < 1000 && !a.victim->closed; i++)
        attack_send(&a, "bsssu", MSG_USERAUTH_60, "", "", "", 0u);
    assert_attack_failed(&a, SESSILE_ERR_LIMIT, "before authentication", 2);
    attack_end(&a);
}

static void endless_banners_end(void **state)
{
    char banner[16385];

    (void)state;
    memset(banner, 'b', sizeof banner);
    on_client(NULL);
    for (int i = 0; i < 1001 && !a.victim->closed; i++)
        attack_send(&a, "bss", MSG_USERAUTH_BANNER, "hello", "");
    assert_attack_failed(&a, SESSILE_ERR_LIMIT, "before authentication", 2);
    attack_end(&a);
    on_client(NULL);
    attack_send(&a, "bds", MSG_USERAUTH_BANNER, banner, sizeof banner, "");
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "16385 bytes", 2);
    attack_end(&a);
}

static void a_server_that_leaves_no_way_ends_it(void **state)
{
    (void)state;
    on_client(NULL);
    offer_methods("");
    assert_attack_failed(&a, SESSILE_ERR_REFUSED, "no way to authenticate", 14);
    attack_end(&a);
}

/* CVE-2025-14942 and its like: a password leaves only under keys of a server that was proved and accepted. */
static void no_password_leaves_before_the_host_key_is_accepted(void **state)
{
    static const enum attack_point points[] = {ATTACK_FIRST, ATTACK_METHOD, ATTACK_NEWKEYS, ATTACK_SERVICE};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        attack_begin(&a, SESSILE_CLIENT, points[i], NULL, NULL);
        attack_send(&a, "bsb", MSG_USERAUTH_FAILURE, "password", 0);
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "USERAUTH_FAILURE (51), which a client does not take", 2);
        assert_null(strstr(attack_said(&a), "USERAUTH_REQUEST"));
        assert_int_equal(ssh_peer_saw(a.victim, "how"), 0);
        attack_end(&a);
    }
}

static int drop_keys(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_by_failure_or_success),
        cmocka_unit_test(the_user_stays_who_was_named),
        cmocka_unit_test(only_ssh_userauth_may_be_asked_for),
        cmocka_unit_test(the_service_may_be_asked_for_again_until_the_end),
        cmocka_unit_test(a_client_that_answers_before_it_is_asked_is_refused),
        cmocka_unit_test(responses_are_as_many_as_prompts),
        cmocka_unit_test(a_good_signature_is_asked_about),
        cmocka_unit_test(a_step_that_succeeded_leads_on_its_own_way_only),
        cmocka_unit_test(a_signature_over_anything_else_is_refused_unasked),
        cmocka_unit_test(a_signature_that_is_bound_to_another_host_is_refused),
        cmocka_unit_test(a_signature_of_another_session_is_refused),
        cmocka_unit_test(a_key_that_was_asked_about_lets_no_other_in),
        cmocka_unit_test(a_request_during_a_question_waits_and_another_abandons_it),
        cmocka_unit_test(a_security_key_must_have_been_touched),
        cmocka_unit_test(success_needs_a_request_with_all_it_takes),
        cmocka_unit_test(success_during_a_question_waits_for_its_request),
        cmocka_unit_test(a_server_may_not_answer_what_was_not_asked),
        cmocka_unit_test(a_query_is_answered_for_the_key_it_was_about),
        cmocka_unit_test(a_query_may_be_answered_by_the_keys_type),
        cmocka_unit_test(prompts_are_bounded_before_anything_is_made_of_them),
        cmocka_unit_test(endless_rounds_end),
        cmocka_unit_test(endless_banners_end),
        cmocka_unit_test(a_server_that_leaves_no_way_ends_it),
        cmocka_unit_test(no_password_leaves_before_the_host_key_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
