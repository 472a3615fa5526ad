/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a client believes: the known hosts, certificates of hosts, revoked keys, the question, and that nothing is sent
 * before it is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh/ssh.h"
#include "ssh_kex.h"
#include "ssh_trust.h"

#define HOST "host.example"

static sessile_ssh_config *client;
static sessile_ssh_config *server;

static int configs_open(void **state)
{
    (void)state;
    client = sessile_ssh_config_new(SESSILE_CLIENT);
    server = sessile_ssh_config_new(SESSILE_SERVER);
    return 0;
}

static int configs_close(void **state)
{
    (void)state;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
    return 0;
}

static void server_has(const char *key)
{
    assert_int_equal(sessile_ssh_config_add_host_key(server, trust_key(key)), 0);
}

static void server_has_certificate(const char *key, const char *authority, struct trust_terms terms)
{
    sessile_key *certificate, *both;

    terms.kind = SESSILE_CERTIFICATE_HOST;
    certificate = trust_certificate(key, authority, terms);
    assert_int_equal(sessile_key_with_certificate(trust_key(key), certificate, &both), 0);
    assert_int_equal(sessile_ssh_config_add_host_key(server, both), 0);
    sessile_key_free(certificate);
    sessile_key_free(both);
}

static void client_knows(const char *lines)
{
    char *text = trust_text(lines);
    sessile_known_hosts *known;

    assert_int_equal(sessile_known_hosts_read(text, strlen(text), NULL, &known, NULL, 0), 0);
    assert_int_equal(sessile_ssh_config_set_known_hosts(client, known), 0);
    sessile_known_hosts_free(known);
    free(text);
}

static void run_at(struct kex_pair *pair, int64_t now)
{
    kex_open(pair, client, server);
    assert_int_equal(kex_start(pair), 0);
    if (now >= 0)
        assert_int_equal(sessile_session_set_time(pair->client.session, now), 0);
    kex_run(pair);
}

static void run(struct kex_pair *pair)
{
    run_at(pair, -1);
}

static int was_asked(const struct kex_pair *pair)
{
    return strstr(pair->client.log, "HOST_KEY") != NULL;
}

static void assert_believed_unasked(struct kex_pair *pair)
{
    if (!kex_agreed(pair))
        print_error("%s\n", sessile_session_error_text(pair->client.session));
    assert_true(kex_agreed(pair));
    assert_false(was_asked(pair));
}

static void assert_not_believed(struct kex_pair *pair, int code, const char *text)
{
    kex_assert_failed(&pair->client, code, text);
    assert_true(kex_seen(&pair->client, MSG_NEWKEYS).failed);
    assert_null(sessile_ssh_host_key(pair->client.session));
    assert_int_equal(sessile_ssh_session_id(pair->client.session, NULL, 0), SESSILE_ERR_MISUSE);
    assert_non_null(strstr(pair->server.log, "disconnect(9"));
}

/* ---- the question ---- */

static int text_is(sessile_question *question, int item, const char *text)
{
    const void *data;
    size_t size;

    return sessile_question_get(question, item, 0, &data, &size) == 0 && size == strlen(text) &&
           memcmp(data, text, size) == 0;
}

static int check_items(struct kex_end *end, sessile_question *question)
{
    uint8_t blob[1024];
    char fingerprint[128];
    const void *data;
    size_t data_size;
    int size;

    if (sessile_question_kind(question) != SESSILE_QUESTION_SSH_HOST_KEY)
        return kex_keep(end, question);
    assert_true(text_is(question, SESSILE_ITEM_HOST, HOST));
    assert_true(text_is(question, SESSILE_ITEM_PORT, "2222"));
    size = sessile_key_fingerprint(trust_key("ed25519 host"), SESSILE_FINGERPRINT_SHA256, fingerprint,
                                   sizeof fingerprint - 1);
    fingerprint[size] = 0;
    assert_true(text_is(question, SESSILE_ITEM_FINGERPRINT, fingerprint));
    size = sessile_key_blob(trust_key("ed25519 host"), 0, blob, sizeof blob);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_KEY, 0, &data, &data_size), 0);
    assert_int_equal(data_size, size);
    assert_memory_equal(data, blob, data_size);
    return sessile_question_accept(question);
}

static void an_unknown_host_is_asked_about(void **state)
{
    static const char *const rows[] = {
        NULL, "", "other.example {ed25519 host}\n", HOST " {rsa host}\n", /* at another port */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.port = 2222};

        configs_open(NULL);
        server_has("ed25519 host");
        if (rows[i])
            client_knows(rows[i]);
        pair.client.question = check_items;
        run(&pair);
        assert_true(was_asked(&pair));
        assert_true(kex_agreed(&pair));
        assert_true(sessile_key_equal(sessile_ssh_host_key(pair.client.session), trust_key("ed25519 host")));
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void a_refused_or_unanswered_question_ends_the_session(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    run(&pair);
    assert_true(was_asked(&pair));
    assert_not_believed(&pair, SESSILE_ERR_REFUSED, "was not accepted");
    kex_free_pair(&pair);
}

static void nothing_is_sent_until_the_answer_comes(void **state)
{
    (void)state;
    for (int accept = 0; accept < 2; accept++) {
        struct kex_pair pair = {.step = 0};
        size_t sent, seen;

        configs_open(NULL);
        server_has("ed25519 host");
        pair.client.question = kex_keep;
        run(&pair);
        assert_non_null(pair.client.kept[0]);
        sent = pair.client.sent_total;
        seen = pair.client.seen_count;
        kex_run(&pair);
        assert_int_equal(pair.client.sent_total, sent);
        assert_int_equal(pair.client.seen[seen - 1].data[0] == MSG_NEWKEYS, 0);
        assert_int_equal(sessile_session_want(pair.client.session), 0);
        assert_null(sessile_ssh_host_key(pair.client.session));
        if (accept)
            assert_int_equal(sessile_question_accept(pair.client.kept[0]), 0);
        else
            assert_int_equal(sessile_question_refuse(pair.client.kept[0], 0), 0);
        kex_run(&pair);
        if (accept)
            assert_true(kex_agreed(&pair));
        else
            assert_not_believed(&pair, SESSILE_ERR_REFUSED, "was not accepted");
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void a_peer_that_goes_while_the_question_is_open_gets_nothing(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    pair.client.question = kex_keep;
    run(&pair);
    sessile_session_abort(pair.server.session);
    kex_run(&pair);
    assert_int_equal(sessile_question_accept(pair.client.kept[0]), 0);
    kex_run(&pair);
    assert_int_not_equal(pair.client.error, 0);
    assert_null(strstr(pair.client.log, "ready"));
    kex_free_pair(&pair);
}

/* ---- known hosts ---- */

static void a_known_key_is_believed_without_a_question(void **state)
{
    static const char *const rows[] = {HOST " {ed25519 host}\n", "*.example {ed25519 host}\n",
                                       HOST " {ed25519 old}\n" HOST " {ed25519 host}\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has("ed25519 host");
        client_knows(rows[i]);
        run(&pair);
        assert_believed_unasked(&pair);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void the_key_that_is_known_is_asked_for_among_several(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    server_has("rsa host");
    client_knows(HOST " {rsa host}\n");
    run(&pair);
    assert_believed_unasked(&pair);
    assert_string_equal(sessile_ssh_info(pair.client.session, SESSILE_SSH_INFO_HOST_KEY), "rsa-sha2-512");
    kex_free_pair(&pair);
}

static int answer_unseen(struct kex_end *end, sessile_question *question)
{
    return kex_accept(end, question);
}

static void another_or_a_revoked_key_is_refused_without_a_question(void **state)
{
    static const struct {
        const char *lines;
        const char *text;
    } rows[] = {
        {HOST " {ed25519 other}\n", "is not the one that is known"},
        {HOST " {rsa host}\n", "is not the one that is known"}, /* of another type */
        {"@revoked * {ed25519 host}\n", "marked as revoked"},
        {HOST " {ed25519 host}\n@revoked " HOST " {ed25519 host}\n", "marked as revoked"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has("ed25519 host");
        client_knows(rows[i].lines);
        pair.client.question = answer_unseen;
        run(&pair);
        assert_false(was_asked(&pair));
        assert_not_believed(&pair, SESSILE_ERR_VERIFY, rows[i].text);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void any_key_is_believed_where_the_config_says_so(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    client_knows(HOST " {ed25519 other}\n");
    assert_int_equal(sessile_ssh_config_insecure_any_host_key(client, 1), 0);
    run(&pair);
    assert_believed_unasked(&pair);
    kex_free_pair(&pair);
}

static void client_revokes(const char *lines)
{
    char *text = trust_text(lines);
    sessile_krl *krl;

    assert_int_equal(sessile_krl_read(text, strlen(text), &krl, NULL, 0), 0);
    assert_int_equal(sessile_ssh_config_set_krl(client, krl), 0);
    sessile_krl_free(krl);
    free(text);
}

static void a_key_in_the_revocation_list_is_refused_even_where_any_will_do(void **state)
{
    (void)state;
    for (int any = 0; any < 2; any++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has("ed25519 host");
        client_knows(HOST " {ed25519 host}\n");
        client_revokes("{ed25519 host}\n");
        assert_int_equal(sessile_ssh_config_insecure_any_host_key(client, any), 0);
        run(&pair);
        assert_not_believed(&pair, SESSILE_ERR_VERIFY, "is revoked");
        kex_free_pair(&pair);
        configs_close(NULL);
    }
    configs_open(NULL);
    {
        struct kex_pair pair = {.step = 0};

        server_has("ed25519 host");
        client_knows(HOST " {ed25519 host}\n");
        client_revokes("{ed25519 other}\n");
        run(&pair);
        assert_believed_unasked(&pair);
        kex_free_pair(&pair);
    }
    configs_close(NULL);
}

/* ---- certificates ---- */

#define CA_LINE "@cert-authority " HOST " {ed25519 ca}\n"

static void a_certificate_by_a_trusted_authority_is_believed(void **state)
{
    struct trust_terms terms = {.principal = HOST, .before = TRUST_NOW + 100};
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_certificate("ed25519 host", "ed25519 ca", terms);
    client_knows(CA_LINE);
    run_at(&pair, TRUST_NOW);
    assert_believed_unasked(&pair);
    assert_true(sessile_key_has_certificate(sessile_ssh_host_key(pair.client.session)));
    kex_free_pair(&pair);
}

static void a_certificate_that_does_not_hold_says_why(void **state)
{
    static const struct {
        const char *authority;
        struct trust_terms terms;
        int64_t now;
        const char *text;
    } rows[] = {
        {"ed25519 ca", {.principal = HOST, .before = TRUST_NOW}, TRUST_NOW, "certificate: "},
        {"ed25519 ca", {.principal = HOST, .before = TRUST_NOW + 100}, -1, "the time is not known"},
        {"ed25519 ca", {.principal = "other.example"}, TRUST_NOW, "certificate: "},
        {"ed25519 rogue", {.principal = HOST}, TRUST_NOW, "authority is not trusted"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has_certificate("ed25519 host", rows[i].authority, rows[i].terms);
        client_knows(CA_LINE);
        run_at(&pair, rows[i].now);
        assert_true(was_asked(&pair)); /* the key itself is unknown */
        assert_not_believed(&pair, SESSILE_ERR_REFUSED, rows[i].text);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void an_authoritys_signature_must_be_of_the_configs_algorithms(void **state)
{
    struct trust_terms terms = {.principal = HOST};

    (void)state;
    for (int known = 0; known < 2; known++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has_certificate("ed25519 host", "ed25519 ca", terms);
        client_knows(known ? CA_LINE HOST " {ed25519 host}\n" : CA_LINE);
        assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_CA_SIGNATURES, "-ssh-ed25519"), 0);
        run_at(&pair, TRUST_NOW);
        if (known)
            assert_believed_unasked(&pair); /* for the sake of its key */
        else
            assert_not_believed(&pair, SESSILE_ERR_REFUSED, "not one of the config's");
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void a_certificate_by_a_revoked_authority_is_refused(void **state)
{
    struct trust_terms terms = {.principal = HOST};
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_certificate("ed25519 host", "ed25519 ca", terms);
    client_knows(CA_LINE);
    client_revokes("{ed25519 ca}\n");
    run_at(&pair, TRUST_NOW);
    assert_not_believed(&pair, SESSILE_ERR_VERIFY, "is revoked");
    kex_free_pair(&pair);
}

static int keys_close(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

#define WITH_CONFIGS(test) cmocka_unit_test_setup_teardown(test, configs_open, configs_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_host_is_asked_about),
        WITH_CONFIGS(a_refused_or_unanswered_question_ends_the_session),
        cmocka_unit_test(nothing_is_sent_until_the_answer_comes),
        WITH_CONFIGS(a_peer_that_goes_while_the_question_is_open_gets_nothing),
        cmocka_unit_test(a_known_key_is_believed_without_a_question),
        WITH_CONFIGS(the_key_that_is_known_is_asked_for_among_several),
        cmocka_unit_test(another_or_a_revoked_key_is_refused_without_a_question),
        WITH_CONFIGS(any_key_is_believed_where_the_config_says_so),
        cmocka_unit_test(a_key_in_the_revocation_list_is_refused_even_where_any_will_do),
        WITH_CONFIGS(a_certificate_by_a_trusted_authority_is_believed),
        cmocka_unit_test(a_certificate_that_does_not_hold_says_why),
        cmocka_unit_test(an_authoritys_signature_must_be_of_the_configs_algorithms),
        WITH_CONFIGS(a_certificate_by_a_revoked_authority_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, keys_close);
}
