/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes: versions, kinds of certificate, client certificates, application protocols, flights, and what can be
 * asked about a session once it is ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_two.h"

static void set_versions(sessile_tls_config *config, int version)
{
    MUST(sessile_tls_config_set_versions(config, version, version));
}

static void replace_server(const struct pki *pki)
{
    sessile_tls_config_free(server);
    server = config_server_of(pki);
}

/* Both say something and hear it, then both end. */
static void talk_and_end(struct tls_pair *pair)
{
    end_write(&pair->client, "ping", 4);
    pair_run(pair);
    end_write(&pair->server, "pong!", 5);
    pair_run(pair);
    assert_true(end_got(&pair->server, "ping") && end_got(&pair->client, "pong!"));
    assert_int_equal(sessile_session_end(pair->client.session), SESSILE_OK);
    pair_run(pair);
    assert_int_equal(sessile_session_end(pair->server.session), SESSILE_OK);
    pair_run(pair);
    assert_int_equal(pair->client.closed, 1);
    assert_int_equal(pair->server.closed, 1);
    assert_int_equal(pair->client.error, SESSILE_OK);
    assert_int_equal(pair->server.error, SESSILE_OK);
}

static void full_handshake(const struct pki *pki, int version, const char *name)
{
    struct tls_pair pair;

    replace_server(pki);
    set_versions(server, version);
    pair_open(&pair, client, server);
    assert_string_equal(sessile_tls_version(pair.client.session), name);
    assert_string_equal(sessile_tls_version(pair.server.session), name);
    assert_string_equal(sessile_tls_cipher(pair.client.session), sessile_tls_cipher(pair.server.session));
    assert_int_equal(sessile_tls_verify_code(pair.client.session), 0);
    assert_int_equal(sessile_tls_resumed(pair.client.session), 0);
    talk_and_end(&pair);
    pair_free(&pair);
}

static void every_key_type_makes_a_session_in_every_version(void **state)
{
    struct configs_pki *p = &configs_pki;

    (void)state;
    full_handshake(p->rsa, SESSILE_TLS_1_2, "TLSv1.2");
    full_handshake(p->rsa, SESSILE_TLS_1_3, "TLSv1.3");
    full_handshake(p->ec, SESSILE_TLS_1_2, "TLSv1.2");
    full_handshake(p->ec, SESSILE_TLS_1_3, "TLSv1.3");
    full_handshake(p->ed25519, SESSILE_TLS_1_2, "TLSv1.2");
    full_handshake(p->ed25519, SESSILE_TLS_1_3, "TLSv1.3");
}

static void the_newest_common_version_is_chosen(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_open(&pair, client, server);
    assert_string_equal(sessile_tls_version(pair.client.session), "TLSv1.3");
    pair_free(&pair);
}

static void no_common_version_fails_both(void **state)
{
    struct tls_pair pair;

    (void)state;
    set_versions(client, SESSILE_TLS_1_2);
    set_versions(server, SESSILE_TLS_1_3);
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
    assert_failed(&pair.client, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair.client.session), "protocol_version (70)");
    pair_free(&pair);
}

static void no_common_cipher_fails_both(void **state)
{
    struct tls_pair pair;

    (void)state;
    set_versions(client, SESSILE_TLS_1_2);
    MUST(sessile_tls_config_set_ciphers(client, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    MUST(sessile_tls_config_set_ciphers(server, "ECDHE-ECDSA-CHACHA20-POLY1305"));
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
    assert_failed(&pair.client, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair.client.session), "handshake_failure (40)");
    pair_free(&pair);
}

static void the_configured_cipher_and_group_are_used(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_ciphersuites(client, "TLS_CHACHA20_POLY1305_SHA256"));
    MUST(sessile_tls_config_set_groups(server, "P-384"));
    pair_open(&pair, client, server);
    assert_string_equal(sessile_tls_cipher(pair.client.session), "TLS_CHACHA20_POLY1305_SHA256");
    assert_string_equal(sessile_tls_group(pair.client.session), "secp384r1");
    assert_string_equal(sessile_tls_group(pair.server.session), "secp384r1");
    pair_free(&pair);
}

/* ---- client certificates ---- */

static void run_mutual(const struct pki *shown, int mode, int version, struct tls_pair *pair)
{
    if (shown)
        config_show(client, shown);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, mode));
    set_versions(server, version);
    pair_init(pair, client, server);
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static void trusted_client(int version)
{
    struct tls_pair pair;
    uint8_t *der;
    uint8_t seen[4096];
    size_t size;

    run_mutual(configs_pki.client, SESSILE_TLS_CLIENT_REQUIRE, version, &pair);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_peer_count(pair.server.session), 1);
    assert_int_equal(sessile_tls_verify_code(pair.server.session), 0);
    assert_string_equal(sessile_tls_verify_text(pair.server.session), "ok");
    der = pki_certificate_der(configs_pki.client, &size);
    assert_int_equal(sessile_tls_peer_certificate(pair.server.session, 0, NULL, 0), size);
    assert_int_equal(sessile_tls_peer_certificate(pair.server.session, 0, seen, sizeof seen), size);
    assert_memory_equal(seen, der, size);
    assert_int_equal(sessile_tls_peer_certificate(pair.server.session, 0, seen, size - 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_peer_certificate(pair.server.session, 1, seen, sizeof seen), SESSILE_ERR_ARGUMENT);
    free(der);
    talk_and_end(&pair);
    pair_free(&pair);
}

static void a_trusted_client_certificate_is_accepted(void **state)
{
    trusted_client(SESSILE_TLS_1_2);
    two_teardown(state);
    two_setup(state);
    trusted_client(SESSILE_TLS_1_3);
}

static void untrusted_client(const struct pki *shown, int mode, int version, const char *alert)
{
    struct tls_pair pair;

    run_mutual(shown, mode, version, &pair);
    assert_failed(&pair.server, SESSILE_ERR_VERIFY);
    assert_failed(&pair.client, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(pair.client.session), alert);
    assert_false(pair.server.ready);
    pair_free(&pair);
}

static void an_untrusted_client_certificate_is_refused(void **state)
{
    untrusted_client(configs_pki.client_stranger, SESSILE_TLS_CLIENT_REQUIRE, SESSILE_TLS_1_2, "unknown_ca");
    two_teardown(state);
    two_setup(state);
    untrusted_client(configs_pki.client_stranger, SESSILE_TLS_CLIENT_REQUEST, SESSILE_TLS_1_3, "unknown_ca");
}

static void a_missing_client_certificate_is_refused_where_required(void **state)
{
    untrusted_client(NULL, SESSILE_TLS_CLIENT_REQUIRE, SESSILE_TLS_1_2, "handshake_failure");
    two_teardown(state);
    two_setup(state);
    untrusted_client(NULL, SESSILE_TLS_CLIENT_REQUIRE, SESSILE_TLS_1_3, "certificate_required");
}

static void missing_but_requested(int version)
{
    struct tls_pair pair;

    run_mutual(NULL, SESSILE_TLS_CLIENT_REQUEST, version, &pair);
    assert_ready(&pair);
    assert_int_equal(sessile_tls_peer_count(pair.server.session), 0);
    assert_string_equal(sessile_tls_verify_text(pair.server.session), "no certificate");
    pair_free(&pair);
}

static void a_missing_client_certificate_is_accepted_where_requested(void **state)
{
    missing_but_requested(SESSILE_TLS_1_2);
    two_teardown(state);
    two_setup(state);
    missing_but_requested(SESSILE_TLS_1_3);
}

static void a_client_certificate_that_nobody_asks_for_is_not_shown(void **state)
{
    struct tls_pair pair;

    (void)state;
    config_show(client, configs_pki.client);
    pair_open(&pair, client, server);
    assert_int_equal(sessile_tls_peer_count(pair.server.session), 0);
    pair_free(&pair);
}

/* ---- application protocols ---- */

static void run_alpn(const char *offered, const char *known, int version, struct tls_pair *pair)
{
    if (offered)
        MUST(sessile_tls_config_set_alpn(client, offered));
    if (known)
        MUST(sessile_tls_config_set_alpn(server, known));
    set_versions(server, version);
    pair_init(pair, client, server);
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
}

static void agree_on_alpn(void **state, const char *offered, const char *known, const char *chosen)
{
    struct tls_pair pair;

    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        run_alpn(offered, known, version, &pair);
        assert_ready(&pair);
        assert_string_equal(sessile_tls_alpn(pair.client.session), chosen);
        assert_string_equal(sessile_tls_alpn(pair.server.session), chosen);
        pair_free(&pair);
        two_teardown(state);
        two_setup(state);
    }
}

static void the_server_picks_a_protocol_by_its_preference(void **state)
{
    agree_on_alpn(state, "http/1.1,h2", "h2,http/1.1", "h2");
    agree_on_alpn(state, "http/1.1", "h2,http/1.1", "http/1.1");
}

static void without_offer_or_knowledge_there_is_no_protocol(void **state)
{
    agree_on_alpn(state, NULL, "h2", "");
    agree_on_alpn(state, "h2", NULL, "");
}

static void no_common_protocol_is_an_alert(void **state)
{
    struct tls_pair pair;

    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        run_alpn("h2", "http/1.1", version, &pair);
        assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION);
        assert_failed(&pair.client, SESSILE_ERR_PEER);
        assert_contains(sessile_session_error_text(pair.client.session), "no_application_protocol (120)");
        pair_free(&pair);
        two_teardown(state);
        two_setup(state);
    }
}

/* ---- flights ---- */

static void a_long_chain_goes_in_one_send(void **state)
{
    struct pki *pki = pki_long_chain(configs_pki.ca, "ed25519", HOST, 3, 3000);
    struct tls_pair pair;

    for (int version = SESSILE_TLS_1_2; version <= SESSILE_TLS_1_3; version++) {
        replace_server(pki);
        set_versions(server, version);
        pair_open(&pair, client, server);
        assert_int_equal(sessile_tls_peer_count(pair.client.session), 4);
        assert_int_equal(pair.server.flights, 2);
        assert_int_equal(pair.client.flights, 2);
        assert_true(pair.server.flight_sizes[0] > 9000);
        talk_and_end(&pair);
        pair_free(&pair);
        two_teardown(state);
        two_setup(state);
    }
    pki_free(pki);
}

static void a_chain_larger_than_a_record_still_goes_in_one_send(void **state)
{
    struct pki *pki = pki_long_chain(configs_pki.ca, "ed25519", HOST, 3, 12000);
    struct tls_pair pair;

    (void)state;
    replace_server(pki);
    pair_open(&pair, client, server);
    assert_int_equal(pair.server.flights, 2);
    assert_true(pair.server.flight_sizes[0] > 36000);
    pair_free(&pair);
    pki_free(pki);
}

static void a_hello_retry_request_is_one_more_flight(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_groups(client, "X25519:P-384"));
    MUST(sessile_tls_config_set_groups(server, "P-384"));
    pair_init(&pair, client, server);
    pair.client.traced = 1;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_run(&pair);
    assert_ready(&pair);
    assert_int_equal(pair.client.flights, 3);
    assert_int_equal(pair.server.flights, 3);
    assert_contains(pair.client.trace, ">client_hello <server_hello >change_cipher_spec >client_hello <server_hello");
    pair_free(&pair);
}

static void no_early_data_is_offered(void **state)
{
    struct tls_pair first;
    struct tls_pair second;
    static const uint8_t early_data[] = {0, 42, 0, 0}; /* extension 42, empty */

    (void)state;
    pair_open(&first, client, server);
    pair_init(&second, client, NULL);
    second.ticket = first.client.ticket.data;
    second.ticket_size = first.client.ticket.size;
    assert_int_equal(pair_start(&second), SESSILE_OK);
    assert_int_equal(second.client.flights, 1);
    assert_null(memmem(second.server.wire.data, second.server.wire.size, early_data, sizeof early_data));
    pair_free(&first);
    pair_free(&second);
}

/* ---- getters ---- */

static void getters_are_empty_before_ready(void **state)
{
    struct tls_pair pair;
    uint8_t data[64];
    sessile_session *s;

    (void)state;
    pair_init(&pair, client, NULL);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    s = pair.client.session;
    assert_string_equal(sessile_tls_version(s), "");
    assert_string_equal(sessile_tls_cipher(s), "");
    assert_string_equal(sessile_tls_group(s), "");
    assert_string_equal(sessile_tls_alpn(s), "");
    assert_string_equal(sessile_tls_sni(s), "");
    assert_string_equal(sessile_tls_verify_text(s), "");
    assert_int_equal(sessile_tls_peer_count(s), 0);
    assert_int_equal(sessile_tls_resumed(s), 0);
    assert_int_equal(sessile_tls_peer_certificate(s, 0, data, sizeof data), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_export(s, "EXPORTER-test", NULL, 0, data, 32), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_channel_binding(s, SESSILE_TLS_BINDING_EXPORTER, data, 64), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_key_update(s, 0), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_stream_write(pair.client.stream, "x", 1), 0);
    assert_int_equal(sessile_stream_end(pair.client.stream), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_detach(s), SESSILE_ERR_MISUSE);
    pair_free(&pair);
}

static void getters_tell_what_was_agreed_on_also_after_the_end(void **state)
{
    struct tls_pair pair;

    (void)state;
    MUST(sessile_tls_config_set_ciphersuites(client, "TLS_AES_128_GCM_SHA256"));
    MUST(sessile_tls_config_set_groups(client, "X25519"));
    pair_open(&pair, client, server);
    talk_and_end(&pair);
    for (struct tls_end *end = &pair.client; end; end = end == &pair.client ? &pair.server : NULL) {
        assert_string_equal(sessile_tls_version(end->session), "TLSv1.3");
        assert_string_equal(sessile_tls_cipher(end->session), "TLS_AES_128_GCM_SHA256");
        assert_string_equal(sessile_tls_group(end->session), "x25519");
        assert_string_equal(sessile_tls_sni(end->session), HOST);
    }
    assert_int_equal(sessile_tls_peer_count(pair.client.session), 1);
    assert_int_equal(sessile_tls_peer_count(pair.server.session), 0);
    pair_free(&pair);
}

static void what_is_written_before_ready_waits_for_writable(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    end_write(&pair.client, "early bird", 10);
    end_write(&pair.server, "early worm", 10);
    assert_int_equal(pair.client.pending.size, 10);
    assert_int_equal(pair.server.pending.size, 10);
    pair_run(&pair);
    assert_ready(&pair);
    assert_true(end_got(&pair.server, "early bird") && end_got(&pair.client, "early worm"));
    assert_int_equal(pair.client.writable, 1);
    pair_free(&pair);
}

static void want_tells_what_the_next_record_needs(void **state)
{
    struct tls_pair pair;
    sessile_session *s = sessile_session_create(NULL, (sessile_comm_send)abort, NULL);
    size_t record;

    (void)state;
    assert_int_equal(sessile_session_want(s), 0);
    assert_int_equal(sessile_session_want_max(s), 0);
    sessile_session_free(s);
    pair_init(&pair, client, server);
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    s = pair.server.session;
    record = pair.server.wire.size;
    assert_int_equal(sessile_session_want(s), 5);
    assert_int_equal(sessile_session_receive(s, pair.server.wire.data, 4), 0);
    assert_int_equal(sessile_session_want(s), 5);
    assert_int_equal(sessile_session_receive(s, pair.server.wire.data, 5), 0);
    assert_int_equal(sessile_session_want(s), record);
    assert_int_equal(sessile_session_receive(s, pair.server.wire.data, record - 1), 0);
    assert_int_equal(sessile_session_want(s), record);
    assert_true(sessile_session_want_max(s) >= 5 + 16384 + 256 && sessile_session_want_max(s) <= 5 + 16384 + 2048);
    pair_run(&pair);
    assert_ready(&pair);
    assert_int_equal(sessile_session_want(s), 5);
    talk_and_end(&pair);
    assert_int_equal(sessile_session_want(s), 0);
    pair_free(&pair);
}

static void connect_refuses_what_is_no_host(void **state)
{
    static const char *const hosts[] = {"", ".", ".a.example", "a b.example", "a\n.example", NULL};
    char longest[256];
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, client, NULL);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        pair.host = hosts[i];
        assert_int_equal(pair_start(&pair), SESSILE_ERR_ARGUMENT);
        assert_int_equal(pair.client.flights, 0);
        pair_free(&pair);
        pair_init(&pair, client, NULL);
    }
    memset(longest, 'a', sizeof longest);
    longest[254] = 0;
    pair.host = longest;
    assert_int_equal(pair_start(&pair), SESSILE_ERR_ARGUMENT);
    pair_free(&pair);
    pair_init(&pair, client, NULL);
    longest[253] = 0;
    pair.host = longest;
    assert_int_equal(pair_start(&pair), SESSILE_OK);
    pair_free(&pair);
}

static void the_key_log_needs_the_configs_leave(void **state)
{
    sessile_tls_config *silent = sessile_tls_config_new(SESSILE_CLIENT);
    struct tls_pair pair;

    (void)state;
    pair_init(&pair, silent, server);
    pair.client.keylog = 1;
    assert_int_equal(pair_start(&pair), SESSILE_ERR_MISUSE);
    pair_free(&pair);
    sessile_tls_config_free(silent);
}

static void a_session_has_one_protocol(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_open(&pair, client, server);
    assert_int_equal(sessile_tls_connect(pair.client.session, client, HOST, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_accept(pair.client.session, server, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_insecure_keylog(pair.client.session, 1), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_accept(pair.server.session, client, NULL, NULL), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_tls_resume(pair.client.session, pair.client.ticket.data, pair.client.ticket.size),
                     SESSILE_ERR_MISUSE);
    talk_and_end(&pair);
    pair_free(&pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_type_makes_a_session_in_every_version),
        TEST(the_newest_common_version_is_chosen),
        TEST(no_common_version_fails_both),
        TEST(no_common_cipher_fails_both),
        TEST(the_configured_cipher_and_group_are_used),
        TEST(a_trusted_client_certificate_is_accepted),
        TEST(an_untrusted_client_certificate_is_refused),
        TEST(a_missing_client_certificate_is_refused_where_required),
        TEST(a_missing_client_certificate_is_accepted_where_requested),
        TEST(a_client_certificate_that_nobody_asks_for_is_not_shown),
        TEST(the_server_picks_a_protocol_by_its_preference),
        TEST(without_offer_or_knowledge_there_is_no_protocol),
        TEST(no_common_protocol_is_an_alert),
        TEST(a_long_chain_goes_in_one_send),
        TEST(a_chain_larger_than_a_record_still_goes_in_one_send),
        TEST(a_hello_retry_request_is_one_more_flight),
        TEST(no_early_data_is_offered),
        TEST(getters_are_empty_before_ready),
        TEST(getters_tell_what_was_agreed_on_also_after_the_end),
        TEST(what_is_written_before_ready_waits_for_writable),
        TEST(want_tells_what_the_next_record_needs),
        TEST(connect_refuses_what_is_no_host),
        TEST(the_key_log_needs_the_configs_leave),
        TEST(a_session_has_one_protocol),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
