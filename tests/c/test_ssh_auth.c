/* SPDX-License-Identifier: Apache-2.0
 *
 * How users authenticate: each method, alone and together, with answers now, later and never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "ssh_pair.h"
#include "ssh_trust.h"

static sessile_ssh_config *client_config, *server_config;
static struct ssh_pair pair;

/* A pair to be set further; methods: the server's policy, NULL for the default. */
static void prepare(const char *methods)
{
    client_config = ssh_client_config(NULL);
    server_config = ssh_server_config(NULL);
    SSH_MUST(sessile_ssh_config_insecure_any_host_key(client_config, 1));
    if (methods)
        SSH_MUST(sessile_ssh_config_set_auth_methods(server_config, methods));
    ssh_pair_init(&pair, client_config, server_config);
    pair.time = TRUST_NOW;
}

static void run(void)
{
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    ssh_pair_run(&pair);
}

static void done(void)
{
    ssh_pair_free(&pair);
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
}

static void add_user_key(sessile_key *key)
{
    SSH_MUST(sessile_ssh_config_add_user_key(client_config, key));
}

static void assert_log(const struct ssh_peer *peer, const char *log)
{
    assert_string_equal(journal_text(&peer->log), log);
}

static const char *methods_of(const struct ssh_peer *peer)
{
    return sessile_ssh_info(peer->session, SESSILE_SSH_INFO_METHODS);
}

/* A step that is refused is nobody's fault: the client may go on, and here gives up. */
static void assert_gave_up(void)
{
    assert_ssh_failed(&pair.client, SESSILE_ERR_REFUSED, "");
    assert_ssh_failed(&pair.server, SESSILE_ERR_PEER, "14: no more authentication methods");
    assert_false(pair.client.ready || pair.server.ready);
}

/* ---- none ---- */

static void none_is_asked_about_only_where_the_policy_names_it(void **state)
{
    (void)state;
    prepare("none");
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(none) ready");
    assert_string_equal(methods_of(&pair.server), "none");
    done();
    prepare(NULL);
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(password) ready");
    done();
}

/* ---- password ---- */

static int see_password(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && *ssh_item(peer->question, SESSILE_ITEM_PASSWORD, 0))
        journal_add(&peer->log, "is:%s", ssh_item(peer->question, SESSILE_ITEM_PASSWORD, 0));
    return 0;
}

static void a_password_arrives_as_it_was_given(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.password = "p\xc3\xa4sswort";
    pair.server.hook = see_password;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.server, "user(password) is:p\xc3\xa4sswort ready");
    assert_string_equal(sessile_ssh_info(pair.server.session, SESSILE_SSH_INFO_USER), "alice");
    done();
}

/* A client that asks until its third password is right. */
static int third_password(struct ssh_peer *peer, enum ssh_event event)
{
    static const char *const passwords[] = {"one", "two", "three"};

    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        size_t tried = sessile_question_count(peer->question, SESSILE_ITEM_TRIED);

        assert_true(tried < 3);
        for (size_t i = 0; i < tried; i++)
            assert_string_equal(ssh_item(peer->question, SESSILE_ITEM_TRIED, i), "password");
        assert_string_equal(ssh_item(peer->question, SESSILE_ITEM_PARTIAL, 0), "0");
        assert_string_equal(ssh_item(peer->question, SESSILE_ITEM_METHOD, 1), "password");
        peer->password = passwords[tried];
    }
    return 0;
}

static int accept_three(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION)
        peer->answers[SESSILE_QUESTION_SSH_USER] =
            strcmp(ssh_item(peer->question, SESSILE_ITEM_PASSWORD, 0), "three") == 0 ? SSH_YES : SSH_NO;
    return 0;
}

static void a_wrong_password_may_be_followed_by_another(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.hook = third_password;
    pair.server.hook = accept_three;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how how how ready");
    done();
}

static void tries_are_limited(void **state)
{
    (void)state;
    for (int tries = 1; tries <= 3; tries++) {
        prepare(NULL);
        SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, tries));
        pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_NO;
        run();
        assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "failed to authenticate");
        assert_ssh_failed(&pair.client, SESSILE_ERR_PEER, "14:");
        assert_int_equal(ssh_peer_saw(&pair.server, "user"), tries);
        done();
    }
    prepare(NULL);
    assert_int_equal(sessile_ssh_config_set_auth_tries(server_config, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_ssh_config_set_auth_tries(server_config, 101), SESSILE_ERR_ARGUMENT);
    run();
    done();
}

/* A server that wants another password than the first. */
static int want_change(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *question = peer->question;

    if (event != SSH_QUESTION || sessile_question_count(question, SESSILE_ITEM_NEW_PASSWORD))
        return see_password(peer, event);
    sessile_question_put(question, SESSILE_ITEM_PROMPT, "It has expired.", 15);
    sessile_question_refuse(question, 0);
    peer->question = NULL;
    return 0;
}

/* One that wants another whatever it is given. */
static int never_content(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION) {
        sessile_question_put(peer->question, SESSILE_ITEM_PROMPT, "Another one.", 12);
        sessile_question_refuse(peer->question, 0);
        peer->question = NULL;
    }
    return 0;
}

static void demands_for_a_change_are_tries(void **state)
{
    (void)state;
    for (int tries = 1; tries <= 3; tries++) {
        prepare(NULL);
        SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, tries));
        pair.server.hook = never_content;
        run();
        assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "failed to authenticate");
        assert_int_equal(ssh_peer_saw(&pair.server, "user"), tries);
        assert_int_equal(ssh_peer_saw(&pair.client, "change"), tries - 1);
        assert_false(pair.client.ready);
        done();
    }
}

static int see_change(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_PASSWORD_CHANGE)
        journal_add(&peer->log, "%s", ssh_item(peer->question, SESSILE_ITEM_PROMPT, 0));
    return 0;
}

static void a_password_may_have_to_be_changed(void **state)
{
    (void)state;
    prepare(NULL);
    pair.server.hook = want_change;
    pair.client.hook = see_change;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how change It has expired. ready");
    assert_log(&pair.server, "user(password) user(password) is:secret ready");
    done();
}

/* Once the change is refused, the client is asked anew, and may do something else. */
static int choose_kbdint_next(struct ssh_peer *peer, enum ssh_event event)
{
    int again = ssh_peer_saw(peer, "how") > 1;

    if (event == SSH_QUESTION)
        peer->method = again ? "keyboard-interactive" : NULL;
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE && again)
        assert_string_equal(ssh_item(peer->question, SESSILE_ITEM_TRIED, 0), "password");
    return 0;
}

static void a_change_that_is_refused_leads_to_the_next_method(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.hook = choose_kbdint_next;
    pair.client.answers[SESSILE_QUESTION_SSH_PASSWORD_CHANGE] = SSH_NO;
    pair.server.rounds = 1;
    pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_KEEP;
    run();
    assert_non_null(pair.server.question);
    sessile_question_put(pair.server.question, SESSILE_ITEM_PROMPT, "new", 3);
    pair.server.answers[SESSILE_QUESTION_SSH_USER] = SSH_YES;
    assert_int_equal(ssh_refuse(&pair.server, 0), SESSILE_OK);
    ssh_pair_run(&pair);
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how change how prompts ready");
    done();
}

/* What a flight's length tells: nothing of the password in it, up to a bound. */
static void lengths_of_passwords_are_hidden(void **state)
{
    char password[101];
    size_t size = 0;

    (void)state;
    for (size_t length = 0; length <= 100; length += 20) {
        memset(password, 'x', length);
        password[length] = 0;
        prepare(NULL);
        pair.client.password = password;
        run();
        assert_ssh_ready(&pair);
        if (size)
            assert_int_equal(pair.client.flight_sizes[pair.client.flights - 1], size);
        size = pair.client.flight_sizes[pair.client.flights - 1];
        done();
    }
}

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

static int use_key(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        assert_int_equal(sessile_ssh_question_use_key(peer->question, NULL), SESSILE_ERR_ARGUMENT);
        assert_int_equal(sessile_ssh_question_use_key(peer->question, trust_key("ed25519 other")), SESSILE_OK);
        assert_int_equal(sessile_ssh_question_use_key(peer->question, peer->app), SESSILE_OK);
        peer->method = "publickey";
    }
    return 0;
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

/* ---- keyboard-interactive ---- */

static void there_may_be_many_rounds(void **state)
{
    (void)state;
    for (int rounds = 0; rounds <= 20; rounds += 10) {
        prepare(NULL);
        pair.client.method = "keyboard-interactive";
        pair.server.rounds = rounds;
        run();
        assert_ssh_ready(&pair);
        assert_int_equal(ssh_peer_saw(&pair.client, "prompts"), rounds);
        assert_int_equal(ssh_peer_saw(&pair.server, "responses"), rounds);
        done();
    }
}

static int see_prompts(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *q = peer->question;

    if (event != SSH_QUESTION || sessile_question_kind(q) != SESSILE_QUESTION_SSH_PROMPTS)
        return 0;
    journal_add(&peer->log, "%s/%s%s/%s%s", ssh_item(q, SESSILE_ITEM_NAME, 0), ssh_item(q, SESSILE_ITEM_PROMPT, 0),
                ssh_item(q, SESSILE_ITEM_ECHO, 0), ssh_item(q, SESSILE_ITEM_PROMPT, 1),
                ssh_item(q, SESSILE_ITEM_ECHO, 1));
    return 0;
}

static int see_responses(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *q = peer->question;

    if (event == SSH_QUESTION && sessile_question_kind(q) == SESSILE_QUESTION_SSH_RESPONSES)
        journal_add(&peer->log, "%s,%s", ssh_item(q, SESSILE_ITEM_RESPONSE, 0), ssh_item(q, SESSILE_ITEM_RESPONSE, 1));
    return 0;
}

static void prompts_and_responses_arrive_in_their_order(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.method = "keyboard-interactive";
    pair.client.hook = see_prompts;
    pair.server.hook = see_responses;
    pair.server.rounds = 1;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how prompts Login/Code: 0/Colour: 1 ready");
    assert_log(&pair.server, "user(keyboard-interactive) responses 1234,blue ready");
    done();
}

static int password_after_prompts(struct ssh_peer *peer, enum ssh_event event)
{
    int again = ssh_peer_saw(peer, "how") > 1;

    if (event == SSH_QUESTION)
        peer->method = again ? NULL : "keyboard-interactive";
    if (event == SSH_QUESTION && again)
        assert_string_equal(ssh_item(peer->question, SESSILE_ITEM_TRIED, 0), "keyboard-interactive");
    return 0;
}

static void prompts_that_are_refused_lead_to_the_next_method(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.hook = password_after_prompts;
    pair.client.answers[SESSILE_QUESTION_SSH_PROMPTS] = SSH_NO;
    pair.server.rounds = 1;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how prompts how ready");
    assert_log(&pair.server, "user(keyboard-interactive) user(password) ready");
    done();
}

static int one_response_too_few(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *question = peer->question;

    if (event == SSH_QUESTION && sessile_question_kind(question) == SESSILE_QUESTION_SSH_PROMPTS) {
        sessile_question_put(question, SESSILE_ITEM_RESPONSE, "1", 1);
        sessile_question_accept(question);
        peer->question = NULL;
    }
    return 0;
}

static void responses_must_be_as_many_as_prompts(void **state)
{
    (void)state;
    prepare(NULL);
    pair.client.method = "keyboard-interactive";
    pair.client.hook = one_response_too_few;
    pair.server.rounds = 1;
    run();
    assert_ssh_failed(&pair.client, SESSILE_ERR_ARGUMENT, "1 responses were given to 2 prompts");
    assert_true(pair.server.closed && !pair.server.ready);
    done();
}

/* What a server that cannot put its prompt gets to hear. */
static struct {
    int kind;
    size_t index; /* of the allocation */
    int code;
} lost;

static int lose_prompt(struct ssh_peer *peer, enum ssh_event event)
{
    static const char much[(1 << 20) + 1];
    sessile_question *question = peer->question;
    int result;

    if (event != SSH_QUESTION || sessile_question_kind(question) != lost.kind)
        return 0;
    if (lost.code == SESSILE_ERR_MEMORY)
        failing_at(FAILING_OURS, lost.index, 1);
    result =
        sessile_question_put(question, SESSILE_ITEM_PROMPT, much, lost.code == SESSILE_ERR_LIMIT ? sizeof much : 6);
    failing_off();
    assert_int_equal(result, lost.code);
    assert_int_equal(sessile_question_accept(question), lost.code);
    peer->question = NULL; /* left as it is */
    return 0;
}

static void assert_prompt_lost(int kind, size_t index, int code)
{
    lost.kind = kind;
    lost.index = index;
    lost.code = code;
    prepare("keyboard-interactive");
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 1));
    pair.client.method = "keyboard-interactive";
    pair.server.rounds = kind == SESSILE_QUESTION_SSH_RESPONSES;
    pair.server.hook = lose_prompt;
    run();
    assert_int_equal(ssh_peer_saw(&pair.server, "responses"), kind == SESSILE_QUESTION_SSH_RESPONSES);
    assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "failed to authenticate");
    assert_false(pair.server.ready || pair.client.ready);
    done();
}

/* To accept without a prompt is to let in. */
static void a_prompt_that_could_not_be_put_lets_nobody_in(void **state)
{
    static const int kinds[] = {SESSILE_QUESTION_SSH_USER, SESSILE_QUESTION_SSH_RESPONSES};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_prompt_lost(kinds[i], 0, SESSILE_ERR_MEMORY);
        assert_prompt_lost(kinds[i], 1, SESSILE_ERR_MEMORY);
        assert_prompt_lost(kinds[i], 0, SESSILE_ERR_LIMIT);
    }
}

/* ---- hostbased ---- */

static int choose_hostbased(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *question = peer->question;

    if (event == SSH_QUESTION && sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        sessile_ssh_question_use_key(question, peer->app);
        /* With the root, as OpenSSH writes it: the server's question is without it. */
        sessile_question_put(question, SESSILE_ITEM_HOST, "desk.example.", 13);
        sessile_question_put(question, SESSILE_ITEM_USER, "al", 2);
        peer->method = "hostbased";
    }
    return 0;
}

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

/* ---- banners ---- */

static void a_banner_comes_before_authentication(void **state)
{
    char *banner = need_memory(malloc(16385));

    (void)state;
    memset(banner, 'b', 16385);
    prepare(NULL);
    assert_int_equal(sessile_ssh_config_set_banner(server_config, banner, 16385), SESSILE_ERR_ARGUMENT);
    SSH_MUST(sessile_ssh_config_set_banner(server_config, banner, 16384));
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "banner:16384 how ready");
    done();
    free(banner);
}

/* ---- several steps ---- */

static int choose_what_is_left(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        const char *first = ssh_item(peer->question, SESSILE_ITEM_METHOD, 0);

        journal_add(&peer->log, "%s:%s", ssh_item(peer->question, SESSILE_ITEM_PARTIAL, 0), first);
        peer->method = strcmp(first, "password") == 0 ? NULL : first;
    }
    return 0;
}

static void all_steps_of_a_policy_must_succeed(void **state)
{
    (void)state;
    prepare("publickey,password,keyboard-interactive");
    add_user_key(trust_key("ed25519 user"));
    pair.client.hook = choose_what_is_left;
    pair.server.rounds = 1;
    run();
    assert_ssh_ready(&pair);
    assert_log(&pair.client, "how 1:password how 1:keyboard-interactive prompts ready");
    assert_string_equal(methods_of(&pair.server), "publickey,password,keyboard-interactive");
    assert_string_equal(methods_of(&pair.client), "publickey,password,keyboard-interactive");
    done();
}

static void a_step_out_of_its_order_fails(void **state)
{
    (void)state;
    prepare("keyboard-interactive,password");
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 1));
    run(); /* it begins with a password */
    assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "");
    assert_int_equal(ssh_peer_saw(&pair.server, "user"), 0);
    done();
}

static void two_keys_must_be_different_ones(void **state)
{
    (void)state;
    prepare("publickey,publickey");
    add_user_key(trust_key("ed25519 user"));
    add_user_key(trust_key("ecdsa user"));
    run();
    assert_ssh_ready(&pair);
    assert_string_equal(methods_of(&pair.server), "publickey,publickey");
    done();
    prepare("publickey,publickey");
    add_user_key(trust_key("ed25519 user"));
    pair.client.hook = use_key;
    pair.client.app = trust_key("ed25519 user");
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 2));
    run();
    assert_ssh_failed(&pair.server, SESSILE_ERR_LIMIT, "");
    assert_int_equal(ssh_peer_saw(&pair.server, "user"), 2); /* the first step's */
    done();
}

static void any_of_several_ways_will_do(void **state)
{
    (void)state;
    prepare("publickey,keyboard-interactive password");
    run();
    assert_ssh_ready(&pair);
    assert_string_equal(methods_of(&pair.server), "password");
    done();
    prepare("publickey,keyboard-interactive password");
    add_user_key(trust_key("ed25519 user"));
    pair.client.hook = choose_what_is_left;
    run();
    assert_ssh_ready(&pair);
    assert_string_equal(methods_of(&pair.server), "publickey,keyboard-interactive");
    done();
}

/* ---- answers that come later, or not at all ---- */

/* Everything that can be asked about a user is asked here. */
static void prepare_all(void)
{
    prepare("publickey,password,keyboard-interactive,hostbased");
    add_user_key(trust_key("ed25519 user"));
    pair.server.rounds = 2;
}

static int answer_all(struct ssh_peer *peer, enum ssh_event event)
{
    if (event != SSH_QUESTION || sessile_question_kind(peer->question) != SESSILE_QUESTION_SSH_AUTHENTICATE)
        return 0;
    choose_what_is_left(peer, event);
    if (peer->method && strcmp(peer->method, "hostbased") == 0)
        choose_hostbased(peer, event);
    return 0;
}

static void each_answer_may_come_later(void **state)
{
    int answered = 0;

    (void)state;
    prepare_all();
    pair.client.hook = answer_all;
    pair.client.app = trust_key("ed25519 desk");
    for (int i = 0; i < SSH_KINDS; i++)
        pair.client.answers[i] = pair.server.answers[i] = SSH_KEEP;
    run();
    while (pair.client.question || pair.server.question) {
        struct ssh_peer *peer = pair.client.question ? &pair.client : &pair.server;

        assert_false(pair.client.ready || pair.server.ready);
        assert_int_equal(sessile_session_want(peer->session), 0);
        assert_int_equal(ssh_accept(peer), SESSILE_OK);
        ssh_pair_run(&pair);
        answered++;
    }
    assert_ssh_ready(&pair);
    assert_int_equal(answered, 3 + 2 + 4 + 2 + 1); /* how, prompts; steps with two for the key, rounds, hostbased */
    done();
}

/* The question of that index, of both ends', is not answered with yes. Returns whether there was one. */
static int refuse_at(int index, enum ssh_answer answer)
{
    int asked = 0;

    prepare_all();
    SSH_MUST(sessile_ssh_config_set_auth_tries(server_config, 1));
    pair.client.hook = answer_all;
    pair.client.app = trust_key("ed25519 desk");
    for (int i = 0; i < SSH_KINDS; i++)
        pair.client.answers[i] = pair.server.answers[i] = SSH_KEEP;
    run();
    while (pair.client.question || pair.server.question) {
        struct ssh_peer *peer = pair.client.question ? &pair.client : &pair.server;

        if (asked++ != index) {
            ssh_accept(peer);
        } else if (answer == SSH_NO) {
            ssh_refuse(peer, 0);
        } else {
            sessile_question_free(peer->question);
            peer->question = NULL;
            sessile_ssh_send_ignore(peer->session, 1); /* it comes to rest */
        }
        ssh_pair_run(&pair);
        if (asked > index + 1 && peer->role == SESSILE_CLIENT)
            break; /* it is asked how to go on, and could go on for ever */
    }
    return asked > index;
}

static void no_question_that_is_refused_leads_to_success(void **state)
{
    (void)state;
    for (int way = 0; way <= 1; way++)
        for (int index = 0; index < 12; index++) {
            assert_true(refuse_at(index, way ? SSH_NO : SSH_DROP));
            assert_false(pair.server.ready);
            assert_false(pair.client.ready);
            sessile_question_free(pair.client.question);
            sessile_question_free(pair.server.question);
            done();
        }
}

static void a_session_that_ends_takes_its_question_back(void **state)
{
    sessile_question *kept;

    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        struct ssh_peer *peer = role == SESSILE_CLIENT ? &pair.client : &pair.server;

        prepare(NULL);
        peer->answers[role == SESSILE_CLIENT ? SESSILE_QUESTION_SSH_AUTHENTICATE : SESSILE_QUESTION_SSH_USER] =
            SSH_KEEP;
        run();
        kept = peer->question;
        assert_non_null(kept);
        ssh_peer_free_session(peer->other);
        ssh_pair_run(&pair);
        sessile_session_abort(peer->session);
        assert_int_equal(peer->withdrawn, 1);
        assert_int_equal(sessile_question_accept(kept), SESSILE_ERR_GONE);
        assert_int_equal(sessile_question_put(kept, SESSILE_ITEM_PASSWORD, "x", 1) < 0, 1);
        assert_string_equal(ssh_item(kept, SESSILE_ITEM_USER, 0), "alice");
        sessile_question_free(kept);
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
        cmocka_unit_test(none_is_asked_about_only_where_the_policy_names_it),
        cmocka_unit_test(a_password_arrives_as_it_was_given),
        cmocka_unit_test(a_wrong_password_may_be_followed_by_another),
        cmocka_unit_test(tries_are_limited),
        cmocka_unit_test(demands_for_a_change_are_tries),
        cmocka_unit_test(a_password_may_have_to_be_changed),
        cmocka_unit_test(a_change_that_is_refused_leads_to_the_next_method),
        cmocka_unit_test(lengths_of_passwords_are_hidden),
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
        cmocka_unit_test(there_may_be_many_rounds),
        cmocka_unit_test(prompts_and_responses_arrive_in_their_order),
        cmocka_unit_test(prompts_that_are_refused_lead_to_the_next_method),
        cmocka_unit_test(responses_must_be_as_many_as_prompts),
        cmocka_unit_test(a_prompt_that_could_not_be_put_lets_nobody_in),
        cmocka_unit_test(a_host_may_vouch_for_its_user),
        cmocka_unit_test(a_host_that_is_revoked_vouches_for_nobody),
        cmocka_unit_test(a_revoked_key_is_accepted_at_no_failure),
        cmocka_unit_test(a_banner_comes_before_authentication),
        cmocka_unit_test(all_steps_of_a_policy_must_succeed),
        cmocka_unit_test(a_step_out_of_its_order_fails),
        cmocka_unit_test(two_keys_must_be_different_ones),
        cmocka_unit_test(any_of_several_ways_will_do),
        cmocka_unit_test(each_answer_may_come_later),
        cmocka_unit_test(no_question_that_is_refused_leads_to_success),
        cmocka_unit_test(a_session_that_ends_takes_its_question_back),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
