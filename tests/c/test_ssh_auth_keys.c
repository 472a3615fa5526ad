/* SPDX-License-Identifier: Apache-2.0
 *
 * How users authenticate with keys: their own, with certificates, a host's; and keys that are revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "ssh_login.h"
/* ---- publickey ---- */

static void keys_are_tried_in_their_order_before_anybody_is_asked(void **state)
{
    (void)state;
    prepare(NULL);
    add_user_key(trust_key("ed25519 user"));
    add_user_key(trust_key("ecdsa user"));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "ready");
    assert_log(&pair.server, "user(publickey) user(publickey,signed) ready");
    assert_true(sessile_key_equal(sessile_ssh_user_key(pair.server.session), trust_key("ed25519 user")));
    assert_string_equal(methods_of(&pair.client), "publickey");
    done();
}

/* A server that takes one key, in the query (1), with the signature (2), or both. */
static struct {
    const char *fingerprint_of;
    int query, signature;
} wanted;

static int take_wanted(struct ssh_peer *peer, enum ssh_event event)
{
    char fingerprint[64] = "";
    int is_signed, length, matches;

    if (event != SSH_QUESTION)
        return 0;
    length = sessile_key_fingerprint(trust_key(wanted.fingerprint_of), SESSILE_FINGERPRINT_SHA256, fingerprint, 63);
    fingerprint[length] = 0;
    matches = strcmp(fingerprint, ssh_item(peer->question, SESSILE_ITEM_FINGERPRINT, 0)) == 0;
    is_signed = *ssh_item(peer->question, SESSILE_ITEM_VERIFIED, 0) == '1';
    peer->answers[SESSILE_QUESTION_SSH_USER] =
        matches && (is_signed ? wanted.signature : wanted.query) ? SSH_YES : SSH_NO;
    return 0;
}

static void a_key_that_would_not_do_is_followed_by_the_next(void **state)
{
    (void)state;
    prepare(NULL);
    wanted.fingerprint_of = "ecdsa user";
    wanted.query = wanted.signature = 1;
    pair.server.hook = take_wanted;
    add_user_key(trust_key("ed25519 user"));
    add_user_key(trust_key("ecdsa user"));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(publickey) user(publickey) user(publickey,signed) ready");
    assert_true(sessile_key_equal(sessile_ssh_user_key(pair.server.session), trust_key("ecdsa user")));
    done();
}

static void what_was_said_to_the_query_counts_for_nothing(void **state)
{
    (void)state;
    prepare(NULL);
    wanted.fingerprint_of = "ed25519 user";
    wanted.query = 1;
    wanted.signature = 0;
    pair.server.hook = take_wanted;
    pair.client.answers[SESSILE_QUESTION_SSH_AUTHENTICATE] = SSH_NO;
    add_user_key(trust_key("ed25519 user"));
    run();
    assert_gave_up();
    assert_null(sessile_ssh_user_key(pair.server.session));
    done();
}

static sessile_key *public_half(const char *name)
{
    uint8_t blob[1024];
    sessile_key *key = NULL;
    int size = sessile_key_blob(trust_key(name), 0, blob, sizeof blob);

    assert_true(size > 0 && size <= (int)sizeof blob);
    assert_int_equal(sessile_key_from_blob(blob, (size_t)size, &key, NULL, 0), SESSILE_OK);
    assert_false(sessile_key_is_private(key));
    return key;
}

static void a_signature_may_come_from_elsewhere(void **state)
{
    static const enum ssh_answer refusals[] = {SSH_NO, SSH_NOT, SSH_DROP};
    sessile_key *key = public_half("ecdsa user");

    (void)state;
    prepare(NULL);
    add_user_key(key);
    pair.client.sign_with = trust_key("ecdsa user");
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "sign ready");
    done();
    for (size_t i = 0; i < 3; i++) { /* refused: the next key */
        prepare(NULL);
        add_user_key(key);
        add_user_key(trust_key("ed25519 user"));
        pair.client.answers[SESSILE_QUESTION_SSH_SIGN] = refusals[i];
        run();
        assert_ssh_ready(&pair);
        assert_true(sessile_key_equal(sessile_ssh_user_key(pair.server.session), trust_key("ed25519 user")));
        done();
    }
    prepare(NULL); /* by another key: never sent */
    add_user_key(key);
    pair.client.sign_with = trust_key("ecdsa other");
    run();
    assert_ssh_failed(&pair.client, SESSILE_ERR_ARGUMENT, "is not good");
    assert_false(pair.server.ready);
    assert_int_equal(ssh_peer_saw(&pair.server, "user(publickey,signed)"), 0);
    done();
    sessile_key_free(key);
}

static void a_key_may_be_the_answer_to_how_to_go_on(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.hook = use_key;
    pair.client.app = trust_key("ed25519 user");
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how ready");
    assert_true(sessile_key_equal(sessile_ssh_user_key(pair.server.session), trust_key("ed25519 user")));
    done();
}

static void a_method_without_what_it_needs_is_the_answers_fault(void **state)
{
    static const char *const methods[] = {
        "publickey", "password", "hostbased", "publickey-hostbound-v00@openssh.com", "gssapi-with-mic", ""};

    (void)state;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        prepare(NULL);
        pair.client.method = methods[i];
        run();
        assert_ssh_failed(&pair.client, SESSILE_ERR_ARGUMENT, "method");
        assert_false(pair.server.ready);
        assert_true(pair.server.closed);
        done();
    }
}

static void a_rsa_key_signs_with_sha2_or_not_at_all(void **state)
{
    (void)state;
    prepare(NULL);
    add_user_key(trust_key("rsa user"));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(publickey) user(publickey,signed) ready");
    done();
    prepare(NULL);
    SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_USER_KEYS, "ssh-ed25519,ssh-rsa"));
    add_user_key(trust_key("rsa user"));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(password) ready"); /* nothing in common: it was not even tried */
    done();
}

/* ---- certificates ---- */

static void with_certificate(struct trust_terms terms, const char *address)
{
    sessile_key *certificate = trust_certificate("ed25519 user", "ed25519 ca", terms), *key = NULL;

    prepare(NULL);
    assert_int_equal(sessile_key_with_certificate(trust_key("ed25519 user"), certificate, &key), SESSILE_OK);
    add_user_key(key);
    pair.address = address;
    sessile_key_free(key);
    sessile_key_free(certificate);
}

static int note_algorithm(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && *ssh_item(peer->question, SESSILE_ITEM_ALGORITHM, 0))
        journal_add(&peer->log, "by:%s", ssh_item(peer->question, SESSILE_ITEM_ALGORITHM, 0));
    return 0;
}

#define CERTIFIED "ssh-ed25519-cert-v01@openssh.com"

static void a_certificate_is_asked_about_as_such(void **state)
{
    (void)state;
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER}, NULL);
    pair.server.hook = note_algorithm;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(publickey) by:" CERTIFIED " user(publickey,signed) by:" CERTIFIED " ready");
    assert_true(sessile_key_has_certificate(sessile_ssh_user_key(pair.server.session)));
    done();
}

/* Then the plain key is tried, and it is that which is asked about. */
static void assert_plain_only(void)
{
    pair.server.hook = note_algorithm;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(publickey) by:ssh-ed25519 user(publickey,signed) by:ssh-ed25519 ready");
    assert_false(sessile_key_has_certificate(sessile_ssh_user_key(pair.server.session)));
    done();
}

static void a_certificate_that_is_not_in_force_is_refused_unasked(void **state)
{
    (void)state;
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER, .before = TRUST_NOW - 1}, NULL);
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_HOST}, NULL);
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER, .address = "10.0.0.0/8"}, "192.0.2.1");
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER, .address = "10.0.0.0/8"}, NULL);
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER}, NULL);
    pair.time = 0; /* nobody knows what time it is */
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER}, NULL);
    SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_CA_SIGNATURES, "rsa-sha2-512"));
    assert_plain_only();
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER, .address = "10.0.0.0/8"}, "10.1.2.3");
    run();
    assert_ssh_ready(&pair);
    assert_true(sessile_key_has_certificate(sessile_ssh_user_key(pair.server.session)));
    done();
}

static sessile_krl *revoke(const char *name)
{
    sessile_krl *krl = NULL;

    assert_int_equal(sessile_krl_read(trust_line(name), strlen(trust_line(name)), &krl, NULL, 0), SESSILE_OK);
    return krl;
}

static void a_revoked_key_or_authority_is_refused_unasked(void **state)
{
    sessile_krl *krl = revoke("ed25519 ca");

    (void)state;
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER}, NULL);
    SSH_MUST(sessile_ssh_config_set_krl(server_config, krl));
    assert_plain_only();
    sessile_krl_free(krl);
    krl = revoke("ed25519 user");
    with_certificate((struct trust_terms){.kind = SESSILE_CERTIFICATE_USER}, NULL);
    SSH_MUST(sessile_ssh_config_set_krl(server_config, krl));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(password) ready");
    done();
    sessile_krl_free(krl);
}

/* ---- hostbased ---- */

static int see_host(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION)
        journal_add(&peer->log, "%s@%s", ssh_item(peer->question, SESSILE_ITEM_HOST_USER, 0),
                    ssh_item(peer->question, SESSILE_ITEM_HOST, 0));
    return 0;
}

static void a_host_may_vouch_for_its_user(void **state)
{
    sessile_key *public = public_half("ed25519 desk");

    (void)state;
    for (int elsewhere = 0; elsewhere <= 1; elsewhere++) {
        prepare("hostbased");
        pair.client.hook = choose_hostbased;
        pair.client.app = elsewhere ? public : trust_key("ed25519 desk");
        pair.client.sign_with = trust_key("ed25519 desk");
        pair.server.hook = see_host;
        run();
        assert_ssh_ready(&pair);
        assert_log(&pair.server, "user(hostbased) al@desk.example ready");
        assert_log(&pair.client, elsewhere ? "how sign ready" : "how ready");
        assert_string_equal(methods_of(&pair.client), "hostbased");
        done();
    }
    prepare(NULL); /* the default policy does not know it */
    pair.client.hook = choose_hostbased;
    pair.client.app = trust_key("ed25519 desk");
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 2));
    run();
    assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "");
    assert_int_equal(ssh_peer_saw(&pair.server, "user"), 0);
    done();
    sessile_key_free(public);
}

static void with_host(sessile_key *key)
{
    prepare("hostbased");
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 1));
    pair.client.hook = choose_hostbased;
    pair.client.app = key;
}

static void assert_host_refused_unasked(void)
{
    run();
    assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "failed to authenticate");
    assert_int_equal(ssh_peer_saw(&pair.client, "how"), 1);
    assert_int_equal(ssh_peer_saw(&pair.server, "user"), 0);
    assert_false(pair.client.ready);
    done();
}

static void assert_host_revoked(sessile_key *key, const char *name)
{
    sessile_krl *krl = revoke(name);

    with_host(key);
    SSH_MUST(sessile_ssh_config_set_krl(server_config, krl));
    sessile_krl_free(krl);
    assert_host_refused_unasked();
}

static void a_host_that_is_revoked_vouches_for_nobody(void **state)
{
    struct trust_terms terms = {.kind = SESSILE_CERTIFICATE_HOST, .principal = "desk.example"};
    sessile_key *certificate = trust_certificate("ed25519 desk", "ed25519 ca", terms), *key = NULL;

    (void)state;
    assert_int_equal(sessile_key_with_certificate(trust_key("ed25519 desk"), certificate, &key), SESSILE_OK);
    with_host(key);
    pair.server.hook = note_algorithm;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(hostbased) by:" CERTIFIED " ready");
    done();
    assert_host_revoked(trust_key("ed25519 desk"), "ed25519 desk");
    assert_host_revoked(key, "ed25519 desk");
    assert_host_revoked(key, "ed25519 ca");
    with_host(key);
    SSH_MUST(sessile_ssh_config_set_algorithms(server_config, SESSILE_SSH_CA_SIGNATURES, "rsa-sha2-512"));
    assert_host_refused_unasked();
    sessile_key_free(key);
    sessile_key_free(certificate);
}

/* ---- revocation lists that cannot be asked ---- */

/* Run, and have libcrypto's allocation of that index fail in the move of that number of the end that looks a key up.
 * Returns whether there was one. */
static int fail_in_move(struct ssh_peer *peer, int move, size_t index)
{
    int hit = 0;

    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    for (int moved = 1; moved;) {
        moved = ssh_peer_move(peer->other);
        if (move-- == 0)
            failing_at(FAILING_OPENSSL, index, 0);
        moved += ssh_peer_move(peer);
        hit += failing_hit();
        failing_off();
        moved += move >= 0;
    }
    return hit;
}

/* Who looks up which key, of which method. */
static const struct looked_up {
    int role;
    const char *name;
    const char *method;
} looked_up[] = {
    {SESSILE_CLIENT, "ed25519 host", "publickey"},
    {SESSILE_SERVER, "ed25519 user", "publickey"},
    {SESSILE_SERVER, "ed25519 desk", "hostbased"},
};

static struct ssh_peer *prepare_revoked(const struct looked_up *up, const char *name)
{
    sessile_krl *krl = revoke(name);

    prepare(up->method);
    SSH_MUST(sessile_ssh_config_set_krl(up->role == SESSILE_CLIENT ? client_config : server_config, krl));
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 1));
    if (strcmp(up->method, "publickey") == 0) {
        add_user_key(trust_key("ed25519 user"));
    } else {
        pair.client.hook = choose_hostbased;
        pair.client.app = trust_key("ed25519 desk");
    }
    sessile_krl_free(krl);
    return up->role == SESSILE_CLIENT ? &pair.client : &pair.server;
}

/* Its digests cannot be made then: what the list says of it is not known. */
static void a_revoked_key_is_accepted_at_no_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof looked_up / sizeof looked_up[0]; i++) {
        const struct looked_up *up = &looked_up[i];
        size_t hits = 0;

        for (int move = 0; move < 6; move++)
            for (size_t index = 0, hit = 1; hit; index++) {
                hit = (size_t)fail_in_move(prepare_revoked(up, up->name), move, index);
                hits += hit;
                assert_int_equal(ssh_peer_saw(&pair.server, "user"), 0);
                assert_false(pair.server.ready || pair.client.ready);
                done();
            }
        assert_true(hits > 10);
        prepare_revoked(up, "ed25519 other");
        run();
        assert_ssh_ready(&pair); /* but for that it would be */
        done();
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
        cmocka_unit_test(keys_are_tried_in_their_order_before_anybody_is_asked),
        cmocka_unit_test(a_key_that_would_not_do_is_followed_by_the_next),
        cmocka_unit_test(what_was_said_to_the_query_counts_for_nothing),
        cmocka_unit_test(a_signature_may_come_from_elsewhere),
        cmocka_unit_test(a_key_may_be_the_answer_to_how_to_go_on),
        cmocka_unit_test(a_method_without_what_it_needs_is_the_answers_fault),
        cmocka_unit_test(a_rsa_key_signs_with_sha2_or_not_at_all),
        cmocka_unit_test(a_certificate_is_asked_about_as_such),
        cmocka_unit_test(a_certificate_that_is_not_in_force_is_refused_unasked),
        cmocka_unit_test(a_revoked_key_or_authority_is_refused_unasked),
        cmocka_unit_test(a_host_may_vouch_for_its_user),
        cmocka_unit_test(a_host_that_is_revoked_vouches_for_nobody),
        cmocka_unit_test(a_revoked_key_is_accepted_at_no_failure),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
