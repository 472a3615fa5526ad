/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS config: what its setters take and refuse, what they leave in the SSL_CTX, and sealing. Handshakes are tested
 * elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls_material.h"

/* ---- made, used, freed ---- */

static void new_refuses_an_unknown_role(void **state)
{
    (void)state;
    assert_null(sessile_tls_config_new(-1));
    assert_null(sessile_tls_config_new(77));
    sessile_tls_config_free(NULL);
    assert_string_equal(sessile_tls_config_error_text(NULL), "");
    assert_int_equal(sessile_tls_config_check(NULL), SESSILE_ERR_ARGUMENT);
}

static void defaults_are_safe(void **state)
{
    sessile_tls_config *client = material_client(), *server = material_server();
    uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;

    (void)state;
    assert_int_equal(SSL_CTX_get_options(server->ctx) & options, options);
    assert_int_equal(SSL_CTX_get_min_proto_version(client->ctx), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_max_early_data(server->ctx), 0);
    assert_int_equal(SSL_CTX_get_verify_mode(client->ctx), SSL_VERIFY_PEER);
    assert_int_equal(SSL_CTX_get_verify_mode(server->ctx), SSL_VERIFY_NONE);
    assert_int_equal(SSL_CTX_get_session_cache_mode(server->ctx), SSL_SESS_CACHE_OFF);
    assert_int_equal(SSL_CTX_get_session_cache_mode(client->ctx), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    assert_true(X509_VERIFY_PARAM_get_hostflags(SSL_CTX_get0_param(client->ctx)) &
                X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    assert_true(client->verify && client->host_check);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void client_is_complete_at_once(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
}

static void server_needs_a_certificate_or_a_psk(void **state)
{
    sessile_tls_config *config = material_server();

    (void)state;
    assert_config_failed(config, sessile_tls_config_check(config), SESSILE_ERR_ARGUMENT, "certificate");
    /* Not sealed by the failure. */
    assert_config_fine(config, sessile_tls_config_add_psk(config, "me", "0123456789abcdef", 16));
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
}

static void certificate_without_its_key_is_not_complete(void **state)
{
    sessile_tls_config *config = material_ready_server();

    (void)state;
    assert_config_fine(config, material_set_certificate(config, &material.rsa));
    assert_config_failed(config, sessile_tls_config_check(config), SESSILE_ERR_ARGUMENT, "RSA certificate has no key");
    assert_config_fine(config, material_set_key(config, material.rsa.key));
    assert_config_fine(config, sessile_tls_config_check(config));
    sessile_tls_config_free(config);
}

static void sealing_for_the_other_role_is_misuse(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_failed(config, tls_config_seal(config, SESSILE_SERVER), SESSILE_ERR_MISUSE, "client");
    assert_config_fine(config, sessile_tls_config_insecure_no_verify(config));
    assert_config_fine(config, tls_config_seal(config, SESSILE_CLIENT));
    assert_config_failed(config, tls_config_seal(config, SESSILE_SERVER), SESSILE_ERR_MISUSE, "client");
    sessile_tls_config_free(config);
}

static void sealing_makes_tickets_and_wipes_the_passphrase(void **state)
{
    sessile_tls_config *config = material_ready_server();

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_passphrase(config, "open sesame", 11));
    assert_null(config->tickets);
    assert_config_fine(config, sessile_tls_config_check(config));
    assert_non_null(config->tickets);
    assert_null(config->passphrase);
    sessile_tls_config_free(config);
}

static sessile_tls_config *sealed_for_misuse;

#define assert_misuse(call) assert_config_failed(sealed_for_misuse, call, SESSILE_ERR_MISUSE, "in use")

static void every_setter_is_misuse_once_sealed(void **state)
{
    sessile_tls_config *c = sealed_for_misuse = material_ready_server(), *other = material_ready_server();
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();

    (void)state;
    assert_config_fine(c, sessile_tls_config_check(c));
    assert_misuse(material_set_certificate(c, &material.ec));
    assert_misuse(sessile_tls_config_set_certificate_file(c, "/dev/null"));
    assert_misuse(material_set_key(c, material.ec.key));
    assert_misuse(sessile_tls_config_set_key_file(c, "/dev/null"));
    assert_misuse(sessile_tls_config_set_pkcs12(c, "x", 1));
    assert_misuse(sessile_tls_config_set_uri(c, "file:/dev/null"));
    assert_misuse(sessile_tls_config_set_passphrase(c, "x", 1));
    assert_misuse(sessile_tls_config_set_passphrase_callback(c, NULL, NULL));
    assert_misuse(sessile_tls_config_trust_system(c));
    assert_misuse(material_trust(c, material.ca_pem));
    assert_misuse(sessile_tls_config_trust_file(c, "/dev/null"));
    assert_misuse(sessile_tls_config_trust_dir(c, "/"));
    assert_misuse(sessile_tls_config_add_crl(c, "x", 1, 0));
    assert_misuse(sessile_tls_config_set_verify_depth(c, 1));
    assert_misuse(sessile_tls_config_set_client_certificate(c, SESSILE_TLS_CLIENT_REQUIRE));
    assert_misuse(sessile_tls_config_ask_peer(c, SESSILE_TLS_ASK_ALWAYS));
    assert_misuse(sessile_tls_config_ask_hello(c, 1));
    assert_misuse(sessile_tls_config_set_versions(c, SESSILE_TLS_1_3, SESSILE_TLS_1_3));
    assert_misuse(sessile_tls_config_set_ciphers(c, "HIGH"));
    assert_misuse(sessile_tls_config_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256"));
    assert_misuse(sessile_tls_config_set_groups(c, "P-256"));
    assert_misuse(sessile_tls_config_set_sigalgs(c, "ECDSA+SHA256"));
    assert_misuse(sessile_tls_config_set_alpn(c, "h2"));
    assert_misuse(sessile_tls_config_add_host(c, "a.example", other));
    assert_misuse(sessile_tls_config_require_host(c, 1));
    assert_misuse(sessile_tls_config_set_tickets(c, tickets));
    assert_misuse(sessile_tls_config_set_ticket_count(c, 1));
    assert_misuse(sessile_tls_config_set_ocsp_response(c, "x", 1));
    assert_misuse(sessile_tls_config_set_ocsp(c, SESSILE_TLS_OCSP_REQUIRE));
    assert_misuse(sessile_tls_config_add_psk(c, "me", "0123456789abcdef", 16));
    assert_misuse(sessile_tls_config_set_max_send_fragment(c, 512));
    assert_misuse(sessile_tls_config_set_max_fragment(c, 512));
    assert_misuse(sessile_tls_config_insecure_no_verify(c));
    assert_misuse(sessile_tls_config_insecure_no_host_check(c));
    sessile_tls_tickets_free(tickets);
    sessile_tls_config_free(other);
    sessile_tls_config_free(c);
}

static void every_setter_refuses_null(void **state)
{
    (void)state;
    assert_int_equal(sessile_tls_config_set_certificate(NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_set_key(NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_set_uri(NULL, "file:x"), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_trust(NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_set_alpn(NULL, "h2"), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_add_host(NULL, "a.example", NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_set_ticket_count(NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_tls_config_insecure_no_verify(NULL), SESSILE_ERR_ARGUMENT);
}

static void setters_of_one_role_refuse_the_other(void **state)
{
    sessile_tls_config *client = material_client(), *server = material_server(), *host = material_ready_server();
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    int code = SESSILE_ERR_ARGUMENT;

    (void)state;
    assert_config_failed(client, sessile_tls_config_set_client_certificate(client, 2), code, "server");
    assert_config_failed(client, sessile_tls_config_ask_hello(client, 1), code, "server");
    assert_config_failed(client, sessile_tls_config_add_host(client, "a.example", host), code, "server");
    assert_config_failed(client, sessile_tls_config_require_host(client, 1), code, "server");
    assert_config_failed(client, sessile_tls_config_set_tickets(client, tickets), code, "server");
    assert_config_failed(client, sessile_tls_config_set_ticket_count(client, 1), code, "server");
    assert_config_failed(client, sessile_tls_config_set_ocsp_response(client, "x", 1), code, "server");
    assert_config_failed(server, sessile_tls_config_set_ocsp(server, SESSILE_TLS_OCSP_REQUEST), code, "client");
    assert_config_failed(server, sessile_tls_config_set_max_fragment(server, 512), code, "client");
    assert_config_failed(server, sessile_tls_config_insecure_no_verify(server), code, "client");
    assert_config_failed(server, sessile_tls_config_insecure_no_host_check(server), code, "client");
    sessile_tls_tickets_free(tickets);
    sessile_tls_config_free(host);
    sessile_tls_config_free(server);
    sessile_tls_config_free(client);
}

/* ---- what is agreed on ---- */

static void versions_are_a_range_of_two(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_versions(config, SESSILE_TLS_1_3, SESSILE_TLS_1_3));
    assert_int_equal(SSL_CTX_get_min_proto_version(config->ctx), TLS1_3_VERSION);
    assert_config_fine(config, sessile_tls_config_set_versions(config, SESSILE_TLS_1_2, SESSILE_TLS_1_2));
    assert_int_equal(SSL_CTX_get_min_proto_version(config->ctx), TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_get_max_proto_version(config->ctx), TLS1_2_VERSION);
    assert_config_failed(config, sessile_tls_config_set_versions(config, SESSILE_TLS_1_3, SESSILE_TLS_1_2),
                         SESSILE_ERR_ARGUMENT, "0x0304 to 0x0303");
    assert_config_failed(config, sessile_tls_config_set_versions(config, 0x0302, SESSILE_TLS_1_3), SESSILE_ERR_ARGUMENT,
                         "0x0302");
    assert_config_failed(config, sessile_tls_config_set_versions(config, SESSILE_TLS_1_2, 0), SESSILE_ERR_ARGUMENT,
                         "0x0000");
    assert_int_equal(SSL_CTX_get_max_proto_version(config->ctx), TLS1_2_VERSION);
    sessile_tls_config_free(config);
}

static int has_cipher(sessile_tls_config *config, const char *name)
{
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(config->ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        if (!strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)), name))
            return 1;
    return 0;
}

static void ciphers_are_chosen_by_list(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_ciphers(config, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_true(has_cipher(config, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_false(has_cipher(config, "ECDHE-ECDSA-AES256-GCM-SHA384"));
    assert_config_failed(config, sessile_tls_config_set_ciphers(config, "NONESUCH"), SESSILE_ERR_ARGUMENT, "ciphers");
    assert_config_failed(config, sessile_tls_config_set_ciphers(config, ""), SESSILE_ERR_ARGUMENT, "empty");
    assert_config_failed(config, sessile_tls_config_set_ciphers(config, NULL), SESSILE_ERR_ARGUMENT, "empty");
    assert_true(has_cipher(config, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_config_fine(config, sessile_tls_config_set_ciphersuites(config, "TLS_CHACHA20_POLY1305_SHA256"));
    assert_true(has_cipher(config, "TLS_CHACHA20_POLY1305_SHA256"));
    assert_false(has_cipher(config, "TLS_AES_128_GCM_SHA256"));
    assert_config_failed(config, sessile_tls_config_set_ciphersuites(config, "TLS_NONESUCH"), SESSILE_ERR_ARGUMENT,
                         "suites");
    assert_config_failed(config, sessile_tls_config_set_ciphersuites(config, ""), SESSILE_ERR_ARGUMENT, "empty");
    assert_true(has_cipher(config, "TLS_CHACHA20_POLY1305_SHA256"));
    sessile_tls_config_free(config);
}

static void anonymous_and_plaintext_ciphers_are_never_chosen(void **state)
{
    sessile_tls_config *config = material_client();
    STACK_OF(SSL_CIPHER) *ciphers;
    int level = SSL_CTX_get_security_level(config->ctx);

    (void)state;
    assert_config_failed(config, sessile_tls_config_set_ciphers(config, "aNULL:@SECLEVEL=0"), SESSILE_ERR_ARGUMENT,
                         "ciphers");
    assert_config_failed(config, sessile_tls_config_set_ciphers(config, "eNULL:@SECLEVEL=0"), SESSILE_ERR_ARGUMENT,
                         "ciphers");
    assert_int_equal(SSL_CTX_get_security_level(config->ctx), level);
    assert_config_fine(config, sessile_tls_config_set_ciphers(config, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"));
    ciphers = SSL_CTX_get_ciphers(config->ctx);
    assert_true(sk_SSL_CIPHER_num(ciphers) > 10);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        assert_int_not_equal(SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(ciphers, i)), NID_auth_null);
        assert_int_not_equal(SSL_CIPHER_get_cipher_nid(sk_SSL_CIPHER_value(ciphers, i)), NID_undef);
    }
    sessile_tls_config_free(config);
}

static void groups_and_sigalgs_are_chosen_by_list(void **state)
{
    sessile_tls_config *config = material_client();

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_groups(config, "X25519:P-256"));
    assert_config_failed(config, sessile_tls_config_set_groups(config, "nonesuch"), SESSILE_ERR_ARGUMENT, "groups");
    assert_config_failed(config, sessile_tls_config_set_groups(config, NULL), SESSILE_ERR_ARGUMENT, "empty");
    assert_config_fine(config, sessile_tls_config_set_sigalgs(config, "ECDSA+SHA256:ed25519"));
    assert_config_failed(config, sessile_tls_config_set_sigalgs(config, "nonesuch"), SESSILE_ERR_ARGUMENT, "signature");
    assert_config_failed(config, sessile_tls_config_set_sigalgs(config, ""), SESSILE_ERR_ARGUMENT, "empty");
    sessile_tls_config_free(config);
}

static void alpn_takes_the_wire_form(void **state)
{
    const int roles[] = {SESSILE_CLIENT, SESSILE_SERVER};
    sessile_tls_config *config;
    char list[512];

    (void)state;
    for (int i = 0; i < 2; i++) {
        config = sessile_tls_config_new(roles[i]);
        assert_config_fine(config, sessile_tls_config_set_alpn(config, "h2,http/1.1"));
        assert_int_equal(config->alpn_size, 12);
        assert_memory_equal(config->alpn, "\2h2\10http/1.1", 12);
        memset(list, 'x', 255);
        list[255] = 0;
        assert_config_fine(config, sessile_tls_config_set_alpn(config, list));
        assert_int_equal(config->alpn_size, 256);
        assert_int_equal(config->alpn[0], 255);
        sessile_tls_config_free(config);
    }
}

static void alpn_refuses_what_is_no_list(void **state)
{
    const char *wrong[] = {"", ",", "h2,", ",h2", "h2,,h3", "h2, h3", "h2\n", "h\377"};
    sessile_tls_config *config = material_client();
    char *list = malloc(70000);

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_alpn(config, "h2"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_config_failed(config, sessile_tls_config_set_alpn(config, wrong[i]), SESSILE_ERR_ARGUMENT, "protocol");
    assert_config_failed(config, sessile_tls_config_set_alpn(config, NULL), SESSILE_ERR_ARGUMENT, "protocol");
    memset(list, 'x', 70000);
    list[256] = 0;
    assert_config_failed(config, sessile_tls_config_set_alpn(config, list), SESSILE_ERR_ARGUMENT, "255");
    for (int i = 0; i < 70000; i++)
        list[i] = i % 2 ? ',' : 'x';
    list[65533] = 0;
    assert_config_failed(config, sessile_tls_config_set_alpn(config, list), SESSILE_ERR_ARGUMENT, "65534");
    assert_int_equal(config->alpn_size, 3);
    free(list);
    sessile_tls_config_free(config);
}

static void fragment_sizes_are_limited(void **state)
{
    const size_t wrong[] = {0, 511, 513, 8192, 16384};
    sessile_tls_config *config = material_client();

    (void)state;
    assert_int_equal(config->max_send_fragment, 16384);
    assert_config_failed(config, sessile_tls_config_set_max_send_fragment(config, 511), SESSILE_ERR_ARGUMENT, "511");
    assert_config_failed(config, sessile_tls_config_set_max_send_fragment(config, 16385), SESSILE_ERR_ARGUMENT,
                         "16385");
    assert_config_fine(config, sessile_tls_config_set_max_send_fragment(config, 512));
    assert_config_fine(config, sessile_tls_config_set_max_send_fragment(config, 16384));
    assert_config_fine(config, sessile_tls_config_set_max_send_fragment(config, 1000));
    assert_int_equal(config->max_send_fragment, 1000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_config_failed(config, sessile_tls_config_set_max_fragment(config, wrong[i]), SESSILE_ERR_ARGUMENT,
                             "4096");
    for (size_t size = 512; size <= 4096; size *= 2)
        assert_config_fine(config, sessile_tls_config_set_max_fragment(config, size));
    sessile_tls_config_free(config);
}

static void ticket_count_is_limited_and_zero_turns_tickets_off(void **state)
{
    sessile_tls_config *config = material_server();

    (void)state;
    assert_int_equal(config->ticket_count, 2);
    assert_config_failed(config, sessile_tls_config_set_ticket_count(config, -1), SESSILE_ERR_ARGUMENT, "-1");
    assert_config_failed(config, sessile_tls_config_set_ticket_count(config, 17), SESSILE_ERR_ARGUMENT, "17");
    assert_config_fine(config, sessile_tls_config_set_ticket_count(config, 0));
    assert_int_equal(SSL_CTX_get_num_tickets(config->ctx), 0);
    assert_true(SSL_CTX_get_options(config->ctx) & SSL_OP_NO_TICKET);
    assert_config_fine(config, sessile_tls_config_set_ticket_count(config, 16));
    assert_int_equal(SSL_CTX_get_num_tickets(config->ctx), 16);
    assert_false(SSL_CTX_get_options(config->ctx) & SSL_OP_NO_TICKET);
    sessile_tls_config_free(config);
}

static void modes_refuse_other_numbers(void **state)
{
    sessile_tls_config *client = material_client(), *server = material_server();

    (void)state;
    for (int when = SESSILE_TLS_ASK_NEVER; when <= SESSILE_TLS_ASK_ALWAYS; when++) {
        assert_config_fine(client, sessile_tls_config_ask_peer(client, when));
        assert_int_equal(client->ask_peer, when);
    }
    assert_config_failed(client, sessile_tls_config_ask_peer(client, 3), SESSILE_ERR_ARGUMENT, "3");
    assert_config_failed(client, sessile_tls_config_ask_peer(client, -1), SESSILE_ERR_ARGUMENT, "-1");
    for (int mode = SESSILE_TLS_OCSP_REQUIRE; mode >= SESSILE_TLS_OCSP_NONE; mode--) {
        assert_config_fine(client, sessile_tls_config_set_ocsp(client, mode));
        assert_int_equal(client->ocsp, mode);
        assert_int_equal(SSL_CTX_get_tlsext_status_type(client->ctx), mode ? TLSEXT_STATUSTYPE_ocsp : -1);
    }
    assert_config_failed(client, sessile_tls_config_set_ocsp(client, 3), SESSILE_ERR_ARGUMENT, "3");
    assert_config_fine(server, sessile_tls_config_ask_hello(server, 5));
    assert_int_equal(server->ask_hello, 1);
    assert_config_fine(server, sessile_tls_config_require_host(server, 5));
    assert_int_equal(server->require_host, 1);
    sessile_tls_config_free(server);
    sessile_tls_config_free(client);
}

static void ocsp_response_must_parse(void **state)
{
    sessile_tls_config *config = material_server();
    size_t size;
    uint8_t *response = pki_ocsp(material.ec.pki, material.ca, PKI_OCSP_GOOD, -60, 3600, &size);
    uint8_t *large = calloc(1, 65537);

    (void)state;
    assert_config_fine(config, sessile_tls_config_set_ocsp_response(config, response, size));
    assert_config_failed(config, sessile_tls_config_set_ocsp_response(config, response, size - 1), SESSILE_ERR_ARGUMENT,
                         "no OCSP response");
    assert_config_failed(config, sessile_tls_config_set_ocsp_response(config, large, 65537), SESSILE_ERR_ARGUMENT,
                         "65537");
    assert_config_failed(config, sessile_tls_config_set_ocsp_response(config, NULL, 1), SESSILE_ERR_ARGUMENT, "bytes");
    assert_config_failed(config, sessile_tls_config_set_ocsp_response(config, response, 0), SESSILE_ERR_ARGUMENT,
                         "0 bytes");
    assert_int_equal(config->ocsp_response_size, size);
    assert_memory_equal(config->ocsp_response, response, size);
    free(large);
    free(response);
    sessile_tls_config_free(config);
}

/* ---- pre-shared keys ---- */

static void psk_sizes_are_limited(void **state)
{
    sessile_tls_config *config = material_server();
    uint8_t key[257] = {1};
    char identity[130];

    (void)state;
    memset(identity, 'i', sizeof identity);
    identity[129] = 0;
    assert_config_failed(config, sessile_tls_config_add_psk(config, identity, key, 32), SESSILE_ERR_ARGUMENT, "129");
    assert_config_failed(config, sessile_tls_config_add_psk(config, "", key, 32), SESSILE_ERR_ARGUMENT, "0 bytes");
    assert_config_failed(config, sessile_tls_config_add_psk(config, NULL, key, 32), SESSILE_ERR_ARGUMENT, "identity");
    assert_config_failed(config, sessile_tls_config_add_psk(config, "me", key, 15), SESSILE_ERR_ARGUMENT, "15 bytes");
    assert_config_failed(config, sessile_tls_config_add_psk(config, "me", key, 257), SESSILE_ERR_ARGUMENT, "257 bytes");
    assert_config_failed(config, sessile_tls_config_add_psk(config, "me", NULL, 32), SESSILE_ERR_ARGUMENT, "PSK");
    assert_config_fine(config, sessile_tls_config_add_psk(config, identity + 1, key, 16));
    assert_config_fine(config, sessile_tls_config_add_psk(config, "i", key, 256));
    assert_config_failed(config, sessile_tls_config_add_psk(config, "i", key, 16), SESSILE_ERR_ARGUMENT, "already");
    assert_int_equal(config->psk_count, 2);
    assert_int_equal(tls_config_find_psk(config, "i")->key_size, 256);
    assert_null(tls_config_find_psk(config, "ii"));
    sessile_tls_config_free(config);
}

static void psks_are_at_most_1024(void **state)
{
    sessile_tls_config *config = material_server();
    uint8_t key[16] = {1};
    char identity[16];

    (void)state;
    for (int i = 0; i < 1024; i++) {
        snprintf(identity, sizeof identity, "device %d", i);
        assert_config_fine(config, sessile_tls_config_add_psk(config, identity, key, sizeof key));
    }
    assert_config_failed(config, sessile_tls_config_add_psk(config, "one more", key, sizeof key), SESSILE_ERR_LIMIT,
                         "1024");
    assert_string_equal(tls_config_find_psk(config, "device 1023")->identity, "device 1023");
    sessile_tls_config_free(config);
}

/* ---- hosts ---- */

static sessile_tls_config *find(sessile_tls_config *config, const char *name)
{
    return tls_config_find_host(config, name, strlen(name));
}

static void hosts_are_found_by_name(void **state)
{
    sessile_tls_config *config = material_ready_server(), *a = material_ready_server(), *b = material_ready_server(),
                       *wild = material_ready_server();

    (void)state;
    assert_config_fine(config, sessile_tls_config_add_host(config, "b.example", b));
    assert_config_fine(config, sessile_tls_config_add_host(config, "*.example", wild));
    assert_config_fine(config, sessile_tls_config_add_host(config, "A.Example.", a));
    assert_ptr_equal(find(config, "a.example"), a);
    assert_ptr_equal(find(config, "A.EXAMPLE"), a);
    assert_ptr_equal(find(config, "b.example."), b);
    assert_ptr_equal(find(config, "c.example"), wild);
    assert_ptr_equal(find(config, "c.eXample."), wild);
    assert_null(find(config, "example"));
    assert_null(find(config, "c.d.example"));
    assert_null(find(config, ".example"));
    assert_null(find(config, "*.example"));
    assert_null(find(config, "c.example.."));
    assert_null(find(config, "c_d.example"));
    assert_null(find(config, ""));
    assert_null(tls_config_find_host(config, "a.example\0.evil", 15));
    assert_ptr_equal(tls_config_find_host(config, "a.example,", 9), a);
    sessile_tls_config_free(a);
    sessile_tls_config_free(b);
    sessile_tls_config_free(wild);
    assert_ptr_equal(find(config, "a.example")->identities[0].certificate, SSL_CTX_get0_certificate(a->ctx));
    sessile_tls_config_free(config);
}

static void host_names_are_checked(void **state)
{
    const char *wrong[] = {
        "",         ".",     "*",         "*.",        "a..b",     ".a",       "-a.example",    "a-.example",
        "a_b.test", "a.*.b", "a*.b.test", "*a.b.test", "*.*.test", "a b.test", "\303\244.test", "a.example.."};
    sessile_tls_config *config = material_ready_server(), *other = material_ready_server();
    char name[256];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_config_failed(config, sessile_tls_config_add_host(config, wrong[i], other), SESSILE_ERR_ARGUMENT,
                             "labels");
    assert_config_failed(config, sessile_tls_config_add_host(config, NULL, other), SESSILE_ERR_ARGUMENT, "labels");
    memset(name, 'a', sizeof name);
    name[63] = 0;
    assert_config_fine(config, sessile_tls_config_add_host(config, name, other));
    name[63] = 'a';
    name[64] = 0;
    assert_config_failed(config, sessile_tls_config_add_host(config, name, other), SESSILE_ERR_ARGUMENT, "63");
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = 0;
    assert_config_fine(config, sessile_tls_config_add_host(config, name, other));
    name[253] = 'a';
    name[254] = 0;
    assert_config_failed(config, sessile_tls_config_add_host(config, name, other), SESSILE_ERR_ARGUMENT, "253");
    assert_config_fine(config, sessile_tls_config_add_host(config, "xn--bcher-kva.example", other));
    assert_config_failed(config, sessile_tls_config_add_host(config, "XN--bcher-kva.example", other),
                         SESSILE_ERR_ARGUMENT, "already");
    sessile_tls_config_free(other);
    sessile_tls_config_free(config);
}

static void host_configs_are_sealed_and_must_be_complete(void **state)
{
    sessile_tls_config *config = material_ready_server(), *other = material_server(), *client = material_client();

    (void)state;
    assert_config_failed(config, sessile_tls_config_add_host(config, "a.example", other), SESSILE_ERR_ARGUMENT,
                         "a.example: a server needs a certificate");
    assert_config_failed(config, sessile_tls_config_add_host(config, "a.example", client), SESSILE_ERR_MISUSE,
                         "client's");
    assert_config_failed(config, sessile_tls_config_add_host(config, "a.example", NULL), SESSILE_ERR_ARGUMENT, "NULL");
    assert_config_failed(config, sessile_tls_config_add_host(config, "a.example", config), SESSILE_ERR_ARGUMENT, "own");
    assert_null(find(config, "a.example"));
    material_set_credential(other, &material.ec);
    assert_config_fine(config, sessile_tls_config_add_host(config, "a.example", other));
    assert_config_failed(other, sessile_tls_config_set_alpn(other, "h2"), SESSILE_ERR_MISUSE, "in use");
    /* So none can come to hold itself. */
    assert_config_failed(other, sessile_tls_config_add_host(other, "a.example", config), SESSILE_ERR_MISUSE, "in use");
    sessile_tls_config_free(client);
    sessile_tls_config_free(other);
    sessile_tls_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_refuses_an_unknown_role),
        cmocka_unit_test(defaults_are_safe),
        cmocka_unit_test(client_is_complete_at_once),
        cmocka_unit_test(server_needs_a_certificate_or_a_psk),
        cmocka_unit_test(certificate_without_its_key_is_not_complete),
        cmocka_unit_test(sealing_for_the_other_role_is_misuse),
        cmocka_unit_test(sealing_makes_tickets_and_wipes_the_passphrase),
        cmocka_unit_test(every_setter_is_misuse_once_sealed),
        cmocka_unit_test(every_setter_refuses_null),
        cmocka_unit_test(setters_of_one_role_refuse_the_other),
        cmocka_unit_test(versions_are_a_range_of_two),
        cmocka_unit_test(ciphers_are_chosen_by_list),
        cmocka_unit_test(anonymous_and_plaintext_ciphers_are_never_chosen),
        cmocka_unit_test(groups_and_sigalgs_are_chosen_by_list),
        cmocka_unit_test(alpn_takes_the_wire_form),
        cmocka_unit_test(alpn_refuses_what_is_no_list),
        cmocka_unit_test(fragment_sizes_are_limited),
        cmocka_unit_test(ticket_count_is_limited_and_zero_turns_tickets_off),
        cmocka_unit_test(modes_refuse_other_numbers),
        cmocka_unit_test(ocsp_response_must_parse),
        cmocka_unit_test(psk_sizes_are_limited),
        cmocka_unit_test(psks_are_at_most_1024),
        cmocka_unit_test(hosts_are_found_by_name),
        cmocka_unit_test(host_names_are_checked),
        cmocka_unit_test(host_configs_are_sealed_and_must_be_complete),
    };

    return cmocka_run_group_tests_name("tls config", tests, material_make, material_drop);
}
