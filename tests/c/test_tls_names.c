/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's choice of a config by the name that a client asks for, and by a question about its hello: what is chosen
 * brings everything of its own along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_raw.h"

static sessile_tls_config *client;
static sessile_tls_config *server; /* the default: knows no protocol, TLS 1.2 and 1.3 */
static sessile_tls_config *other;  /* has the RSA certificate */

static int setup(void **state)
{
    (void)state;
    configs_make(&client, &server, 0);
    other = config_server_of(configs_pki.rsa);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    sessile_tls_config_free(other);
    return 0;
}

static void run(struct tls_pair *pair, const char *host)
{
    pair_init(pair, client, server);
    pair->host = host;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static int shows(struct tls_pair *pair, const struct pki *pki)
{
    uint8_t seen[4096];
    size_t size;
    uint8_t *der = pki_certificate_der(pki, &size);
    int got = sessile_tls_peer_certificate(pair->client.session, 0, seen, sizeof seen);
    int same = got == (int)size && !memcmp(seen, der, size);

    free(der);
    return same;
}

static int chosen_for(const char *host)
{
    struct tls_pair pair;
    int others;

    run(&pair, host);
    assert_ready(&pair);
    assert_string_equal(sessile_tls_sni(pair.server.session), host);
    assert_string_equal(sessile_tls_sni(pair.client.session), host);
    others = shows(&pair, configs_pki.rsa);
    assert_true(others || shows(&pair, configs_pki.ed25519));
    pair_free(&pair);
    return others;
}

static void an_exact_name_chooses_its_config(void **state)
{
    (void)state;
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    assert_true(chosen_for("x.b.example"));
    assert_true(chosen_for("X.B.Example"));
    assert_false(chosen_for("y.b.example"));
    assert_false(chosen_for(HOST));
}

static void a_wildcard_stands_for_one_label_and_exact_names_come_first(void **state)
{
    sessile_tls_config *exact = config_server();

    (void)state;
    MUST(sessile_tls_config_add_host(server, "*.b.example", other));
    MUST(sessile_tls_config_add_host(server, "exact.b.example", exact));
    sessile_tls_config_free(exact);
    MUST(sessile_tls_config_insecure_no_host_check(client));
    assert_true(chosen_for("any.b.example"));
    assert_false(chosen_for("exact.b.example"));
    assert_false(chosen_for("two.any.b.example"));
    assert_false(chosen_for("b.example"));
}

static void an_address_asks_for_no_name(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, "127.0.0.1");
    assert_ready(&pair);
    assert_string_equal(sessile_tls_sni(pair.server.session), "");
    assert_true(shows(&pair, configs_pki.ed25519));
    pair_free(&pair);
}

static void refused_name(const char *host, const char *words)
{
    struct tls_pair pair;

    run(&pair, host);
    assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
    assert_contains(sessile_session_error_text(pair.server.session), words);
    assert_failed(&pair.client, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair.client.session), "unrecognized_name (112)");
    pair_free(&pair);
}

static void a_required_name_must_be_there(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    MUST(sessile_tls_config_require_host(server, 1));
    run(&pair, "x.b.example");
    assert_ready(&pair);
    pair_free(&pair);
    refused_name("y.b.example", "not served");
    refused_name("127.0.0.1", "no name");
}

/* ---- everything comes along ---- */

static void the_chosen_config_brings_its_client_verification(void **state)
{
    struct tls_pair pair;

    (void)state;
    config_trust(other, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(other, SESSILE_TLS_CLIENT_REQUIRE));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, HOST);
    assert_ready(&pair);
    pair_free(&pair);
    run(&pair, "x.b.example");
    assert_failed(&pair.server, SESSILE_ERR_VERIFY);
    assert_failed(&pair.client, SESSILE_ERR_PEER);
    pair_free(&pair);
}

static void the_chosen_config_brings_its_trust(void **state)
{
    struct tls_pair pair;

    (void)state;
    config_show(client, configs_pki.client);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    config_trust(other, configs_pki.other_ca);
    MUST(sessile_tls_config_set_client_certificate(other, SESSILE_TLS_CLIENT_REQUIRE));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, HOST);
    assert_ready(&pair);
    pair_free(&pair);
    run(&pair, "x.b.example");
    assert_failed(&pair.server, SESSILE_ERR_VERIFY);
    pair_free(&pair);
}

static void the_chosen_config_brings_its_versions_ciphers_and_protocols(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_versions(other, SESSILE_TLS_1_2, SESSILE_TLS_1_2));
    MUST(sessile_tls_config_set_ciphers(other, "ECDHE-RSA-CHACHA20-POLY1305"));
    MUST(sessile_tls_config_set_alpn(other, "b"));
    MUST(sessile_tls_config_set_alpn(server, "a"));
    MUST(sessile_tls_config_set_alpn(client, "a,b"));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, HOST);
    assert_ready(&pair);
    assert_string_equal(sessile_tls_version(pair.client.session), "TLSv1.3");
    assert_string_equal(sessile_tls_alpn(pair.client.session), "a");
    pair_free(&pair);
    run(&pair, "x.b.example");
    assert_ready(&pair);
    assert_string_equal(sessile_tls_version(pair.client.session), "TLSv1.2");
    assert_string_equal(sessile_tls_cipher(pair.client.session), "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
    assert_string_equal(sessile_tls_alpn(pair.client.session), "b");
    assert_string_equal(sessile_tls_alpn(pair.server.session), "b");
    pair_free(&pair);
}

static void the_chosen_config_may_refuse_what_the_default_takes(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_versions(client, SESSILE_TLS_1_2, SESSILE_TLS_1_2));
    MUST(sessile_tls_config_set_versions(other, SESSILE_TLS_1_3, SESSILE_TLS_1_3));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, "x.b.example");
    assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
    assert_contains(sessile_session_error_text(pair.client.session), "protocol_version (70)");
    pair_free(&pair);
}

static void a_retried_hello_meets_the_chosen_config_too(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_groups(client, "X25519:P-384"));
    MUST(sessile_tls_config_set_groups(other, "P-384"));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    run(&pair, "x.b.example");
    assert_ready(&pair);
    assert_int_equal(pair.client.flights, 3);
    assert_true(shows(&pair, configs_pki.rsa));
    assert_string_equal(sessile_tls_group(pair.server.session), "secp384r1");
    pair_free(&pair);
}

/* A client that asks for one name, is chosen a config and asked to say hello again, and then asks for another. */
static void a_second_hello_cannot_change_the_name(void **state)
{
    struct raw raw;

    (void)state;
    MUST(sessile_tls_config_set_groups(other, "P-384"));
    MUST(sessile_tls_config_add_host(server, "x.b.example", other));
    for (int changes = 0; changes < 2; changes++) {
        raw_init(&raw, SESSILE_CLIENT, server);
        SSL_CTX_set1_groups_list(raw.ctx, "X25519:P-384");
        raw.pair.no_eof = 1;
        raw_prepare(&raw, "x.b.example", NULL);
        assert_int_equal(SSL_do_handshake(raw.ssl), -1);
        if (changes)
            assert_int_equal(SSL_set_tlsext_host_name(raw.ssl, HOST), 1);
        raw_run(&raw);
        assert_int_equal(raw.end->ready, !changes);
        if (changes) {
            assert_failed(raw.end, SESSILE_ERR_PROTOCOL);
            assert_int_equal(raw.alert, SSL_AD_ILLEGAL_PARAMETER);
        }
        raw_free(&raw);
    }
}

/* ---- the question ---- */

static sessile_tls_config *config_to_use;
static const char *protocol_to_put;
static const char *items_seen;

static int item_is(sessile_question *question, int item, size_t index, const char *text)
{
    const void *data;
    size_t size;

    return sessile_question_get(question, item, index, &data, &size) == SESSILE_OK && size == strlen(text) &&
           !memcmp(data, text, size + 1);
}

static void check_items(sessile_question *question)
{
    assert_int_equal(sessile_question_kind(question), SESSILE_QUESTION_TLS_HELLO);
    assert_true(item_is(question, SESSILE_ITEM_SNI, 0, HOST));
    assert_int_equal(sessile_question_count(question, SESSILE_ITEM_SNI), 1);
    assert_int_equal(sessile_question_count(question, SESSILE_ITEM_ALPN), 2);
    assert_true(item_is(question, SESSILE_ITEM_ALPN, 0, "a") && item_is(question, SESSILE_ITEM_ALPN, 1, "bc"));
    assert_int_equal(sessile_question_count(question, SESSILE_ITEM_VERSION), 2);
    assert_true(item_is(question, SESSILE_ITEM_VERSION, 0, "TLSv1.3"));
    assert_true(sessile_question_count(question, SESSILE_ITEM_CIPHER) > 2);
    assert_true(item_is(question, SESSILE_ITEM_CIPHER, 0, "TLS_AES_256_GCM_SHA384"));
    assert_int_equal(sessile_question_count(question, SESSILE_ITEM_CERTIFICATE), 0);
    items_seen = "all";
}

static int answering(struct tls_end *end, enum event event)
{
    if (event != EVENT_QUESTION)
        return 0;
    if (items_seen)
        check_items(end->question);
    if (config_to_use)
        assert_int_equal(sessile_tls_question_use_config(end->question, config_to_use), SESSILE_OK);
    if (protocol_to_put)
        assert_int_equal(
            sessile_question_put(end->question, SESSILE_ITEM_ALPN, protocol_to_put, strlen(protocol_to_put)),
            SESSILE_OK);
    return 0;
}

static int setup_question(void **state)
{
    setup(state);
    config_to_use = NULL;
    protocol_to_put = NULL;
    items_seen = NULL;
    MUST(sessile_tls_config_set_alpn(client, "a,bc"));
    MUST(sessile_tls_config_ask_hello(server, 1));
    return 0;
}

static void ask(struct tls_pair *pair, enum answer answer)
{
    pair_init(pair, client, server);
    pair->server.answer = answer;
    pair->server.hook = answering;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static size_t names_told, ciphers_told;

static int counting(struct tls_end *end, enum event event)
{
    if (event != EVENT_QUESTION)
        return 0;
    names_told = sessile_question_count(end->question, SESSILE_ITEM_ALPN);
    ciphers_told = sessile_question_count(end->question, SESSILE_ITEM_CIPHER);
    return 0;
}

static uint8_t *put_number(uint8_t *at, size_t value, int bytes)
{
    while (bytes-- > 0)
        *at++ = (uint8_t)(value >> 8 * bytes);
    return at;
}

/* One record: the same cipher a thousand times, and as many application protocols of name_size bytes as fit. */
static size_t make_large_hello(uint8_t *record, size_t name_size)
{
    enum { CIPHERS = 1000, NAMES = 12000 };
    size_t body = 2 + 32 + 1 + 2 + 2 * CIPHERS + 2 + 2 + 4 + 2 + NAMES;
    uint8_t *at = record;

    at = put_number(at, 0x160301, 3);
    at = put_number(at, 4 + body, 2);
    at = put_number(at, 1, 1);
    at = put_number(at, body, 3);
    at = put_number(at, 0x0303, 2);
    memset(at, 7, 33);
    at[32] = 0; /* no session id */
    at = put_number(at + 33, (size_t)2 * CIPHERS, 2);
    for (int i = 0; i < CIPHERS; i++)
        at = put_number(at, 0x1301, 2);
    at = put_number(at, 0x0100, 2);
    at = put_number(at, 4 + 2 + NAMES, 2);
    at = put_number(at, 16, 2);
    at = put_number(at, 2 + NAMES, 2);
    at = put_number(at, NAMES, 2);
    memset(at, 'a', NAMES);
    for (size_t i = 0; i < NAMES; i += 1 + name_size)
        at[i] = (uint8_t)name_size;
    return (size_t)(at - record) + NAMES;
}

static void a_question_tells_a_bounded_part_of_a_hello(void **state)
{
    static uint8_t record[16384];
    struct tls_pair pair;

    (void)state;
    for (size_t name_size = 0; name_size < 2; name_size++) {
        pair_init(&pair, NULL, server);
        pair.server.hook = counting;
        pair.server.answer = ANSWER_REFUSE;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        end_inject(&pair.server, record, make_large_hello(record, name_size));
        pair_run(&pair);
        assert_int_equal(pair.server.questions, 1);
        assert_int_equal(names_told, name_size ? 256 : 0);
        assert_int_equal(ciphers_told, 256);
        assert_failed(&pair.server, SESSILE_ERR_REFUSED);
        pair_free(&pair);
    }
}

static void an_accepted_hello_goes_on_with_its_config(void **state)
{
    struct tls_pair pair;

    (void)state;
    items_seen = "none";
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_int_equal(pair.server.questions, 1);
    assert_string_equal(items_seen, "all");
    assert_true(shows(&pair, configs_pki.ed25519));
    pair_free(&pair);
}

static void a_retried_hello_is_asked_about_once(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_groups(client, "X25519:P-384"));
    MUST(sessile_tls_config_set_groups(server, "P-384"));
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_int_equal(pair.server.questions, 1);
    assert_int_equal(pair.client.flights, 3);
    pair_free(&pair);
}

static void check_refused_hello(struct tls_pair *pair, const char *alert)
{
    assert_failed(&pair->server, SESSILE_ERR_REFUSED);
    assert_failed(&pair->client, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair->client.session), alert);
    assert_int_equal(pair->server.questions, 1);
    pair_free(pair);
}

static void a_refused_hello_is_an_alert_of_the_applications_choice(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    pair.server.answer = ANSWER_REFUSE;
    pair.server.reason = 112;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    check_refused_hello(&pair, "unrecognized_name (112)");
    ask(&pair, ANSWER_REFUSE);
    check_refused_hello(&pair, "access_denied (49)");
}

static void a_reason_that_is_no_alert_still_refuses(void **state)
{
    static const int reasons[] = {-1, 255, 256, 9999, -2147483647};
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        pair_init(&pair, client, server);
        pair.server.answer = ANSWER_REFUSE;
        pair.server.reason = reasons[i];
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        pair_run(&pair);
        assert_failed(&pair.server, SESSILE_ERR_REFUSED);
        assert_true(pair.client.closed && pair.client.error != SESSILE_OK);
        pair_free(&pair);
    }
}

static void no_answer_is_a_refusal(void **state)
{
    struct tls_pair pair;

    (void)state;
    ask(&pair, ANSWER_NOT);
    check_refused_hello(&pair, "access_denied");
    ask(&pair, ANSWER_DROP);
    check_refused_hello(&pair, "access_denied");
    pair_init(&pair, client, server);
    pair.server.no_question = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_REFUSED);
    pair_free(&pair);
}

static void keeping_needs_a_resume_callback(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    pair.server.no_resume = 1;
    pair.server.answer = ANSWER_KEEP;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_null(pair.server.question);
    assert_failed(&pair.server, SESSILE_ERR_REFUSED);
    pair_free(&pair);
}

static void another_config_may_be_the_answer(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_versions(other, SESSILE_TLS_1_2, SESSILE_TLS_1_2));
    config_to_use = other;
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_true(shows(&pair, configs_pki.rsa));
    assert_string_equal(sessile_tls_version(pair.server.session), "TLSv1.2");
    pair_free(&pair);
}

static void the_answer_overrules_the_name(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_add_host(server, HOST, other));
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_true(shows(&pair, configs_pki.rsa));
    pair_free(&pair);
    config_to_use = server;
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_true(shows(&pair, configs_pki.ed25519));
    pair_free(&pair);
}

static void a_config_of_a_name_may_ask_where_the_default_does_not(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_ask_hello(server, 0));
    MUST(sessile_tls_config_ask_hello(other, 1));
    MUST(sessile_tls_config_add_host(server, HOST, other));
    ask(&pair, ANSWER_REFUSE);
    check_refused_hello(&pair, "access_denied");
}

static void a_config_that_cannot_serve_is_no_answer(void **state)
{
    sessile_tls_config *empty = sessile_tls_config_new(SESSILE_SERVER);
    struct tls_pair pair;
    sessile_question *q;

    (void)state;
    ask(&pair, ANSWER_KEEP);
    q = pair.server.question;
    assert_int_equal(sessile_tls_question_use_config(q, empty), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_question_use_config(q, client), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_question_use_config(q, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_question_use_config(NULL, other), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_question_put(q, SESSILE_ITEM_SNI, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(end_accept(&pair.server), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_true(shows(&pair, configs_pki.ed25519));
    sessile_tls_config_free(empty);
    pair_free(&pair);
}

static void the_answer_may_choose_the_protocol(void **state)
{
    struct tls_pair pair;

    (void)state;
    protocol_to_put = "bc";
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_string_equal(sessile_tls_alpn(pair.client.session), "bc");
    assert_string_equal(sessile_tls_alpn(pair.server.session), "bc");
    pair_free(&pair);
    config_to_use = other;
    ask(&pair, ANSWER_ACCEPT);
    assert_ready(&pair);
    assert_string_equal(sessile_tls_alpn(pair.server.session), "bc");
    assert_true(shows(&pair, configs_pki.rsa));
    pair_free(&pair);
}

static void a_protocol_that_was_not_offered_cannot_be_chosen(void **state)
{
    static const char *const names[] = {"b", "bcd", "c", ""};
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        protocol_to_put = names[i];
        ask(&pair, ANSWER_ACCEPT);
        assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
        assert_contains(sessile_session_error_text(pair.client.session), "no_application_protocol");
        pair_free(&pair);
    }
}

static void without_an_offer_the_chosen_protocol_is_dropped(void **state)
{
    sessile_tls_config *silent = config_client();
    struct tls_pair pair;

    (void)state;
    protocol_to_put = "bc";
    pair_init(&pair, silent, server);
    pair.server.hook = answering;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_string_equal(sessile_tls_alpn(pair.server.session), "");
    sessile_tls_config_free(silent);
    pair_free(&pair);
}

/* ---- later ---- */

static void a_kept_hello_is_answered_later(void **state)
{
    struct tls_pair pair;

    (void)state;
    ask(&pair, ANSWER_KEEP);
    assert_non_null(pair.server.question);
    assert_int_equal(sessile_session_want(pair.server.session), 0);
    assert_int_equal(sessile_session_receive(pair.server.session, "\x16\x03\x01\x00\x01\x00", 6), 0);
    check_items(pair.server.question);
    assert_int_equal(sessile_tls_question_use_config(pair.server.question, other), SESSILE_OK);
    assert_int_equal(end_accept(&pair.server), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_true(shows(&pair, configs_pki.rsa));
    pair_free(&pair);
}

static void a_kept_hello_is_refused_or_dropped_later(void **state)
{
    struct tls_pair pair;

    (void)state;
    ask(&pair, ANSWER_KEEP);
    assert_int_equal(end_refuse(&pair.server, 40), SESSILE_OK);
    pair_run(&pair);
    check_refused_hello(&pair, "handshake_failure (40)");
    ask(&pair, ANSWER_KEEP);
    sessile_question_free(pair.server.question);
    sessile_session_hold(pair.server.session, 0); /* any call brings it to rest */
    pair_run(&pair);
    check_refused_hello(&pair, "access_denied");
}

static void a_hello_whose_session_died_cannot_be_answered(void **state)
{
    struct tls_pair pair;
    sessile_question *q;

    (void)state;
    ask(&pair, ANSWER_KEEP);
    q = pair.server.question;
    sessile_session_abort(pair.server.session);
    assert_int_equal(pair.server.withdrawn, 1);
    assert_int_equal(sessile_tls_question_use_config(q, other), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_accept(q), SESSILE_ERR_GONE);
    assert_failed(&pair.server, SESSILE_ERR_ABORTED);
    end_free_session(&pair.server);
    assert_int_equal(sessile_question_put(q, SESSILE_ITEM_ALPN, "a", 1), SESSILE_ERR_GONE);
    assert_int_equal(sessile_tls_question_use_config(q, other), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_refuse(q, 0), SESSILE_ERR_GONE);
    check_items(q);
    sessile_question_free(q);
    pair_free(&pair);
}

static int free_in_question(struct tls_end *end, enum event event)
{
    if (event == EVENT_QUESTION) {
        end->question = NULL;
        end_free_session(end);
    }
    return 0;
}

static void the_session_may_be_freed_in_its_question(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    pair.server.hook = free_in_question;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_true(pair.server.comm_closed && pair.server.released);
    assert_failed(&pair.client, SESSILE_ERR_TRUNCATED);
    pair_free(&pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define ASK(name) cmocka_unit_test_setup_teardown(name, setup_question, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exact_name_chooses_its_config),
        TEST(a_wildcard_stands_for_one_label_and_exact_names_come_first),
        TEST(an_address_asks_for_no_name),
        TEST(a_required_name_must_be_there),
        TEST(the_chosen_config_brings_its_client_verification),
        TEST(the_chosen_config_brings_its_trust),
        TEST(the_chosen_config_brings_its_versions_ciphers_and_protocols),
        TEST(the_chosen_config_may_refuse_what_the_default_takes),
        TEST(a_retried_hello_meets_the_chosen_config_too),
        TEST(a_second_hello_cannot_change_the_name),
        ASK(a_question_tells_a_bounded_part_of_a_hello),
        ASK(an_accepted_hello_goes_on_with_its_config),
        ASK(a_retried_hello_is_asked_about_once),
        ASK(a_refused_hello_is_an_alert_of_the_applications_choice),
        ASK(a_reason_that_is_no_alert_still_refuses),
        ASK(no_answer_is_a_refusal),
        ASK(keeping_needs_a_resume_callback),
        ASK(another_config_may_be_the_answer),
        ASK(the_answer_overrules_the_name),
        ASK(a_config_of_a_name_may_ask_where_the_default_does_not),
        ASK(a_config_that_cannot_serve_is_no_answer),
        ASK(the_answer_may_choose_the_protocol),
        ASK(a_protocol_that_was_not_offered_cannot_be_chosen),
        ASK(without_an_offer_the_chosen_protocol_is_dropped),
        ASK(a_kept_hello_is_answered_later),
        ASK(a_kept_hello_is_refused_or_dropped_later),
        ASK(a_hello_whose_session_died_cannot_be_answered),
        ASK(the_session_may_be_freed_in_its_question),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
