/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a session believes: names, addresses, dates, trust, revocation lists, stapled OCSP, pre-shared keys, and what is
 * called insecure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/x509_vfy.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_two.h"

#define DAY 86400

static void replace_server(const struct pki *pki)
{
    sessile_tls_config_free(server);
    server = config_server_of(pki);
}

static void start(struct tls_pair *pair, const char *host, int64_t now)
{
    pair_init(pair, client, server);
    pair->host = host;
    pair->time = now;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static void accepted(const char *host, int64_t now)
{
    struct tls_pair pair;

    start(&pair, host, now);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_verify_code(pair.client.session), X509_V_OK);
    assert_string_equal(sessile_tls_verify_text(pair.client.session), "ok");
    pair_free(&pair);
}

static void refused(const char *host, int64_t now, const char *words, const char *alert)
{
    struct tls_pair pair;

    start(&pair, host, now);
    assert_failed(&pair.client, SESSILE_ERR_VERIFY);
    assert_contains(sessile_session_error_text(pair.client.session), words);
    assert_false(pair.client.ready || pair.server.ready);
    assert_failed(&pair.server, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair.server.session), alert);
    pair_free(&pair);
}

/* ---- names and dates ---- */

static void the_certificate_must_be_for_the_name(void **state)
{
    (void)state;
    accepted(HOST, 0);
    accepted("A.Example", 0);
    accepted("a.example.", 0);
    accepted("x.b.example", 0);
    refused("c.example", 0, "hostname mismatch (62)", "bad_certificate");
    refused("x.y.b.example", 0, "hostname mismatch", "bad_certificate");
    refused("b.example", 0, "hostname mismatch", "bad_certificate");
}

static void the_certificate_must_be_for_the_address(void **state)
{
    (void)state;
    accepted("127.0.0.1", 0);
    accepted("::1", 0);
    accepted("0:0:0:0:0:0:0:1", 0);
    refused("127.0.0.2", 0, "IP address mismatch (64)", "bad_certificate");
    refused("::2", 0, "IP address mismatch", "bad_certificate");
}

static void an_expired_certificate_is_refused(void **state)
{
    struct pki *pki = pki_expired(configs_pki.ca, "ed25519", HOST);

    (void)state;
    replace_server(pki);
    refused(HOST, 0, "certificate has expired (10)", "certificate_expired");
    pki_free(pki);
}

static void the_time_is_what_the_caller_says(void **state)
{
    int64_t now = time(NULL);

    (void)state;
    accepted(HOST, now);
    refused(HOST, now + 30 * DAY, "certificate has expired", "certificate_expired");
    refused(HOST, now - 30 * DAY, "not yet valid", "bad_certificate");
}

static void the_time_may_be_said_until_the_certificate_arrives(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    assert_int_equal(sessile_session_set_time(pair.client.session, time(NULL) + 30 * DAY), SESSILE_OK);
    pair_run(&pair);
    assert_failed(&pair.client, SESSILE_ERR_VERIFY);
    pair_free(&pair);
}

static void a_server_looks_at_its_own_time(void **state)
{
    struct tls_pair pair;

    (void)state;
    config_show(client, configs_pki.client);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    pair_init(&pair, client, server);
    pair.server_time = time(NULL) + 30 * DAY;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_VERIFY);
    assert_contains(sessile_session_error_text(pair.client.session), "certificate_expired");
    pair_free(&pair);
}

/* ---- trust ---- */

static void an_authority_that_is_not_trusted_is_refused(void **state)
{
    (void)state;
    replace_server(configs_pki.stranger);
    refused(HOST, 0, "not trusted for a.example: unable to get local issuer", "unknown_ca");
}

static void another_trusted_authority_is_accepted(void **state)
{
    (void)state;
    replace_server(configs_pki.stranger);
    config_trust(client, configs_pki.other_ca);
    accepted(HOST, 0);
}

static void a_client_certificate_is_no_servers(void **state)
{
    struct pki_spec spec = {.key_type = "ed25519", .names = HOST, .usage = PKI_CLIENT};
    struct pki *pki = pki_issue(configs_pki.ca, &spec);

    (void)state;
    replace_server(pki);
    refused(HOST, 0, "unsuitable certificate purpose", "unsupported_certificate");
    pki_free(pki);
}

static void a_missing_intermediate_is_refused(void **state)
{
    struct pki *middle = pki_intermediate(configs_pki.ca, "ed25519", "middle", 0);
    struct pki *leaf = pki_server(middle, "ed25519", HOST);
    char *certificate = pki_certificate_pem(leaf);
    char *key = pki_key_pem(leaf, NULL);

    (void)state;
    replace_server(leaf);
    accepted(HOST, 0);
    sessile_tls_config_free(server);
    server = sessile_tls_config_new(SESSILE_SERVER);
    MUST(sessile_tls_config_set_certificate(server, certificate, strlen(certificate)));
    MUST(sessile_tls_config_set_key(server, key, strlen(key)));
    refused(HOST, 0, "unable to get local issuer", "unknown_ca");
    free(certificate);
    free(key);
    pki_free(leaf);
    pki_free(middle);
}

static void no_verify_believes_anyone_and_says_so(void **state)
{
    struct tls_pair pair;

    (void)state;
    replace_server(configs_pki.stranger);
    MUST(sessile_tls_config_insecure_no_verify(client));
    start(&pair, "whatever.example", 0);
    assert_ready(&pair);
    assert_true(sessile_tls_verify_code(pair.client.session) != X509_V_OK);
    pair_free(&pair);
    start(&pair, NULL, 0);
    assert_ready(&pair);
    pair_free(&pair);
}

static void no_host_check_still_verifies_the_chain(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_insecure_no_host_check(client));
    accepted("c.example", 0);
    accepted("127.0.0.2", 0);
    start(&pair, NULL, 0);
    assert_ready(&pair);
    pair_free(&pair);
    replace_server(configs_pki.stranger);
    refused("c.example", 0, "unable to get local issuer", "unknown_ca");
}

/* ---- revocation lists ---- */

static void add_crl(const struct pki *revoked, long next_update)
{
    char *crl = pki_crl_pem(configs_pki.ca, revoked, next_update);

    MUST(sessile_tls_config_add_crl(client, crl, strlen(crl), 0));
    free(crl);
}

static void a_certificate_that_is_not_on_the_list_is_accepted(void **state)
{
    (void)state;
    add_crl(configs_pki.rsa, DAY);
    accepted(HOST, 0);
}

static void a_revoked_certificate_is_refused(void **state)
{
    (void)state;
    add_crl(configs_pki.ed25519, DAY);
    refused(HOST, 0, "certificate revoked (23)", "certificate_revoked");
}

static void an_old_list_is_no_list(void **state)
{
    (void)state;
    add_crl(NULL, DAY);
    refused(HOST, time(NULL) + DAY + 3600, "expired", "certificate_expired");
}

/* ---- stapled OCSP ---- */

static void staple(int status, struct pki *signer, long this_update, long next_update)
{
    size_t size;
    uint8_t *response = pki_ocsp(configs_pki.ed25519, signer, status, this_update, next_update, &size);

    MUST(sessile_tls_config_set_ocsp_response(server, response, size));
    free(response);
}

static void ask_for_ocsp(int mode, int version)
{
    MUST(sessile_tls_config_set_ocsp(client, mode));
    MUST(sessile_tls_config_set_versions(client, version, version));
}

static void a_good_response_is_accepted(void **state)
{
    (void)state;
    staple(PKI_OCSP_GOOD, configs_pki.ca, -60, DAY);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, SESSILE_TLS_1_3);
    accepted(HOST, 0);
}

static void a_good_response_is_accepted_in_1_2(void **state)
{
    (void)state;
    staple(PKI_OCSP_GOOD, configs_pki.ca, -60, DAY);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, SESSILE_TLS_1_2);
    accepted(HOST, 0);
}

static void a_revoked_response_is_refused_however_it_was_asked_for(void **state)
{
    (void)state;
    staple(PKI_OCSP_REVOKED, configs_pki.ca, -60, DAY);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUEST, SESSILE_TLS_1_3);
    refused(HOST, 0, "revoked", "bad_certificate_status_response");
}

static void a_revoked_response_is_refused_in_1_2(void **state)
{
    (void)state;
    staple(PKI_OCSP_REVOKED, configs_pki.ca, -60, DAY);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, SESSILE_TLS_1_2);
    refused(HOST, 0, "revoked", "bad_certificate_status_response");
}

static void a_stale_response_is_refused(void **state)
{
    (void)state;
    staple(PKI_OCSP_GOOD, configs_pki.ca, -60, DAY / 2);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUEST, SESSILE_TLS_1_3);
    refused(HOST, time(NULL) + DAY / 2 + 3600, "out of date", "bad_certificate_status_response");
}

static void a_strangers_response_is_refused(void **state)
{
    (void)state;
    staple(PKI_OCSP_GOOD, configs_pki.other_ca, -60, DAY);
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUEST, SESSILE_TLS_1_3);
    refused(HOST, 0, "not signed by a responder", "bad_certificate_status_response");
}

static void a_missing_response_is_refused_where_required(void **state)
{
    (void)state;
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, SESSILE_TLS_1_3);
    refused(HOST, 0, "no OCSP response", "bad_certificate_status_response");
}

static void a_missing_response_is_refused_where_required_in_1_2(void **state)
{
    (void)state;
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, SESSILE_TLS_1_2);
    refused(HOST, 0, "no OCSP response", "bad_certificate_status_response");
}

static void a_missing_response_is_accepted_where_requested(void **state)
{
    (void)state;
    ask_for_ocsp(SESSILE_TLS_OCSP_REQUEST, SESSILE_TLS_1_3);
    accepted(HOST, 0);
}

static void a_required_response_does_not_stop_resumption(void **state)
{
    struct tls_pair first;
    struct tls_pair second;

    staple(PKI_OCSP_GOOD, configs_pki.ca, -60, DAY);
    for (int version = SESSILE_TLS_1_3; version >= SESSILE_TLS_1_2; version--) {
        ask_for_ocsp(SESSILE_TLS_OCSP_REQUIRE, version);
        pair_open(&first, client, server);
        pair_init(&second, client, server);
        second.ticket = first.client.ticket.data;
        second.ticket_size = first.client.ticket.size;
        assert_int_equal(pair_start(&second), SESSILE_OK);
        pair_run(&second);
        assert_ready(&second);
        assert_int_equal(sessile_tls_resumed(second.client.session), 1);
        pair_free(&first);
        pair_free(&second);
        two_teardown(state);
        two_setup(state);
        staple(PKI_OCSP_GOOD, configs_pki.ca, -60, DAY);
    }
}

/* ---- pre-shared keys ---- */

static const uint8_t key[32] = "a key that two have agreed upon";
static const uint8_t wrong_key[32] = "a key that only one has heard of";

/* A client that trusts nobody, and a server that has no certificate. */
static void use_psk(const char *identity, const uint8_t *clients_key, int version)
{
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    client = sessile_tls_config_new(SESSILE_CLIENT);
    server = sessile_tls_config_new(SESSILE_SERVER);
    MUST(sessile_tls_config_add_psk(client, identity, clients_key, sizeof key));
    MUST(sessile_tls_config_add_psk(server, "someone else", wrong_key, sizeof wrong_key));
    MUST(sessile_tls_config_add_psk(server, "me", key, sizeof key));
    MUST(sessile_tls_config_set_versions(client, version, version));
    if (version == SESSILE_TLS_1_2) {
        MUST(sessile_tls_config_set_ciphers(client, "PSK"));
        MUST(sessile_tls_config_set_ciphers(server, "PSK"));
    }
}

static void the_right_pre_shared_key_is_proof(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        use_psk("me", key, version);
        pair_open(&pair, client, server);
        assert_int_equal(sessile_tls_peer_count(pair.client.session), 0);
        end_write(&pair.client, "hello", 5);
        pair_run(&pair);
        assert_true(end_got(&pair.server, "hello"));
        pair_free(&pair);
    }
}

static void a_key_is_preferred_to_a_certificate(void **state)
{
    struct tls_pair pair;

    (void)state;
    use_psk("me", key, SESSILE_TLS_1_3);
    config_show(server, configs_pki.ed25519);
    pair_open(&pair, client, server);
    assert_int_equal(sessile_tls_peer_count(pair.client.session), 0);
    pair_free(&pair);
}

static void a_wrong_pre_shared_key_is_none(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        use_psk("me", wrong_key, version);
        start(&pair, HOST, 0);
        assert_false(pair.client.ready || pair.server.ready);
        assert_true(pair.client.closed && pair.server.closed);
        assert_true(pair.client.error != SESSILE_OK && pair.server.error != SESSILE_OK);
        pair_free(&pair);
    }
}

static void an_unknown_identity_is_refused(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        use_psk("you", key, version);
        start(&pair, HOST, 0);
        assert_false(pair.client.ready || pair.server.ready);
        assert_true(pair.client.error != SESSILE_OK && pair.server.error != SESSILE_OK);
        pair_free(&pair);
    }
}

static void a_key_does_not_replace_a_required_certificate(void **state)
{
    struct tls_pair pair;

    (void)state;
    use_psk("me", key, SESSILE_TLS_1_3);
    config_show(server, configs_pki.ed25519);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    start(&pair, HOST, 0);
    assert_false(pair.server.ready);
    assert_true(pair.client.error != SESSILE_OK && pair.server.error != SESSILE_OK);
    pair_free(&pair);
}

/* ---- PKCS#12 ---- */

static void a_bundle_serves_like_its_parts(void **state)
{
    struct pki *middle = pki_intermediate(configs_pki.ca, "ed25519", "middle", 0);
    struct pki *leaf = pki_server(middle, "ec", HOST);
    size_t size;
    uint8_t *bundle = pki_pkcs12(leaf, "secret", &size);

    (void)state;
    sessile_tls_config_free(server);
    server = sessile_tls_config_new(SESSILE_SERVER);
    assert_true(sessile_tls_config_set_pkcs12(server, bundle, size) < 0);
    MUST(sessile_tls_config_set_passphrase(server, "secret", 6));
    MUST(sessile_tls_config_set_pkcs12(server, bundle, size));
    accepted(HOST, 0);
    free(bundle);
    pki_free(leaf);
    pki_free(middle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_certificate_must_be_for_the_name),
        TEST(the_certificate_must_be_for_the_address),
        TEST(an_expired_certificate_is_refused),
        TEST(the_time_is_what_the_caller_says),
        TEST(the_time_may_be_said_until_the_certificate_arrives),
        TEST(a_server_looks_at_its_own_time),
        TEST(an_authority_that_is_not_trusted_is_refused),
        TEST(another_trusted_authority_is_accepted),
        TEST(a_client_certificate_is_no_servers),
        TEST(a_missing_intermediate_is_refused),
        TEST(no_verify_believes_anyone_and_says_so),
        TEST(no_host_check_still_verifies_the_chain),
        TEST(a_certificate_that_is_not_on_the_list_is_accepted),
        TEST(a_revoked_certificate_is_refused),
        TEST(an_old_list_is_no_list),
        TEST(a_good_response_is_accepted),
        TEST(a_good_response_is_accepted_in_1_2),
        TEST(a_revoked_response_is_refused_however_it_was_asked_for),
        TEST(a_revoked_response_is_refused_in_1_2),
        TEST(a_stale_response_is_refused),
        TEST(a_strangers_response_is_refused),
        TEST(a_missing_response_is_refused_where_required),
        TEST(a_missing_response_is_refused_where_required_in_1_2),
        TEST(a_missing_response_is_accepted_where_requested),
        TEST(a_required_response_does_not_stop_resumption),
        TEST(the_right_pre_shared_key_is_proof),
        TEST(a_key_is_preferred_to_a_certificate),
        TEST(a_wrong_pre_shared_key_is_none),
        TEST(an_unknown_identity_is_refused),
        TEST(a_key_does_not_replace_a_required_certificate),
        TEST(a_bundle_serves_like_its_parts),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
