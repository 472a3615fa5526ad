/* SPDX-License-Identifier: Apache-2.0
 *
 * How users authenticate: none, passwords, prompts, several steps; with answers now, later and never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "ssh_login.h"
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
        cmocka_unit_test(there_may_be_many_rounds),
        cmocka_unit_test(prompts_and_responses_arrive_in_their_order),
        cmocka_unit_test(prompts_that_are_refused_lead_to_the_next_method),
        cmocka_unit_test(responses_must_be_as_many_as_prompts),
        cmocka_unit_test(a_prompt_that_could_not_be_put_lets_nobody_in),
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
