/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that are sealed with the right keys (RFC 8446, section 5.2) and say what no client says: nothing, half
 * messages, messages of the wrong kind, at the wrong time, too often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tls_configs.h"
#include "tls_pair.h"
#include "tls_raw.h"

#define ALERT 21
#define HANDSHAKE 22
#define DATA 23

static sessile_tls_config *client;
static sessile_tls_config *server;

/* A client whose own libssl has had its say: what follows is made here. */
static struct forger {
    struct raw raw;
    uint8_t key[16];
    uint8_t iv[12];
    uint64_t number;
} forger;

static void expand(const uint8_t secret[32], const char *label, uint8_t *out, size_t size)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char[]){"tls13 "}, 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)label, strlen(label)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, (char[]){""}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    assert_int_equal(EVP_KDF_derive(ctx, out, size, parameters), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* "CLIENT_TRAFFIC_SECRET_0 <random> <secret>" of the key log. */
static void find_secret(struct tls_end *end, uint8_t secret[32])
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *at;

    bytes_add(&end->keys, "", 1);
    at = strstr((char *)end->keys.data, label);
    assert_non_null(at);
    at += strlen(label) + 65;
    for (int i = 0; i < 32; i++) {
        char digits[3] = {at[2 * i], at[2 * i + 1], 0};

        secret[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

static int setup(void **state)
{
    uint8_t secret[32];

    (void)state;
    configs_make(&client, &server, SESSILE_TLS_1_3);
    MUST(sessile_tls_config_set_ciphersuites(server, "TLS_AES_128_GCM_SHA256"));
    raw_init(&forger.raw, SESSILE_CLIENT, server);
    forger.raw.end->keylog = 1;
    raw_start(&forger.raw, HOST, NULL);
    assert_true(forger.raw.ready && forger.raw.end->ready);
    find_secret(forger.raw.end, secret);
    expand(secret, "key", forger.key, sizeof forger.key);
    expand(secret, "iv", forger.iv, sizeof forger.iv);
    forger.number = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    raw_free(&forger.raw);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    return 0;
}

/* A record of this type with these bytes, and padding. type 0: none at all. */
static void forge_padded(int type, const void *data, size_t size, size_t padding)
{
    static uint8_t record[5 + 20000];
    uint8_t inner[17000] = {0};
    size_t inner_size = size + (type ? 1 : 0) + padding;
    uint8_t iv[12];
    int written;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (size)
        memcpy(inner, data, size);
    inner[size] = (uint8_t)type;
    memcpy(iv, forger.iv, sizeof iv);
    for (int i = 0; i < 8; i++)
        iv[11 - i] ^= (uint8_t)(forger.number >> (8 * i));
    forger.number++;
    memcpy(record, (uint8_t[]){23, 3, 3, (uint8_t)((inner_size + 16) >> 8), (uint8_t)(inner_size + 16)}, 5);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, forger.key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &written, record, 5), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, record + 5, &written, inner, (int)inner_size), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, record + 5 + inner_size, &written), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + inner_size), 1);
    EVP_CIPHER_CTX_free(ctx);
    end_inject(forger.raw.end, record, 5 + inner_size + 16);
}

static void forge(int type, const void *data, size_t size)
{
    forge_padded(type, data, size, 0);
}

static void arrive(void)
{
    pair_run(&forger.raw.pair);
}

static void refused_with(int alert)
{
    arrive();
    assert_failed(forger.raw.end, SESSILE_ERR_PROTOCOL);
    raw_run(&forger.raw);
    assert_int_equal(forger.raw.alert, alert);
}

static int still_well(void)
{
    size_t before = forger.raw.end->data.size;

    forge(DATA, "well", 4);
    arrive();
    return !forger.raw.end->closed && forger.raw.end->data.size == before + 4;
}

/* ---- data ---- */

static void a_forged_record_is_a_record(void **state)
{
    (void)state;
    forge(DATA, "data", 4);
    arrive();
    assert_true(end_got(forger.raw.end, "data"));
    forge(ALERT, "\x01\x00", 2);
    arrive();
    assert_int_equal(forger.raw.end->ended, 1);
}

static void padding_is_no_data(void **state)
{
    (void)state;
    forge_padded(DATA, "padded", 6, 2000);
    forge_padded(DATA, "more", 4, 16300);
    arrive();
    assert_true(end_got(forger.raw.end, "paddedmore"));
}

static void a_record_of_padding_alone_is_refused(void **state)
{
    (void)state;
    forge_padded(0, NULL, 0, 100);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
}

static void too_much_in_a_record_is_refused(void **state)
{
    static const uint8_t data[16385];

    (void)state;
    forge(DATA, data, 16384);
    arrive();
    assert_int_equal(forger.raw.end->data.size, 16384);
    forge(DATA, data, 16385);
    refused_with(SSL_AD_RECORD_OVERFLOW);
}

static void empty_records_are_endured_but_not_for_ever(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        forge(DATA, NULL, 0);
    assert_true(still_well());
    assert_true(end_got(forger.raw.end, "well"));
    for (int i = 0; i < 1000; i++)
        forge(DATA, NULL, 0);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
    assert_int_equal(forger.raw.end->data.size, 0);
}

/* ---- messages ---- */

static const uint8_t key_update[] = {24, 0, 0, 1, 0};

static void a_message_in_pieces_is_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key_update; i++)
        forge(HANDSHAKE, key_update + i, 1);
    arrive();
    assert_false(forger.raw.end->closed);
    end_write(forger.raw.end, "answer", 6);
    assert_int_equal(forger.raw.end->pending.size, 0);
}

static void data_inside_a_message_is_refused(void **state)
{
    (void)state;
    forge(HANDSHAKE, key_update, 2);
    forge(DATA, "in between", 10);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
    assert_int_equal(forger.raw.end->data.size, 0);
}

static void close_notify_inside_a_message_is_no_clean_end(void **state)
{
    (void)state;
    forge(HANDSHAKE, key_update, 4);
    forge(ALERT, "\x01\x00", 2);
    arrive();
    assert_true(forger.raw.end->closed && forger.raw.end->error != SESSILE_OK);
    assert_int_equal(forger.raw.end->ended, 0);
}

static void data_behind_a_key_update_in_one_record_is_refused(void **state)
{
    uint8_t twice[2 * sizeof key_update];

    (void)state;
    memcpy(twice, key_update, sizeof key_update);
    memcpy(twice + sizeof key_update, key_update, sizeof key_update);
    forge(HANDSHAKE, twice, sizeof twice);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
}

static void messages_that_no_client_sends_are_refused(void **state)
{
    static const struct {
        uint8_t message[8];
        size_t size;
        int alert;
    } messages[] = {
        {{0, 0, 0, 0}, 4, SSL_AD_UNEXPECTED_MESSAGE},          /* HelloRequest */
        {{1, 0, 0, 1, 0}, 5, SSL_AD_UNEXPECTED_MESSAGE},       /* ClientHello */
        {{2, 0, 0, 1, 0}, 5, SSL_AD_UNEXPECTED_MESSAGE},       /* ServerHello */
        {{4, 0, 0, 1, 0}, 5, SSL_AD_UNEXPECTED_MESSAGE},       /* NewSessionTicket */
        {{11, 0, 0, 1, 0}, 5, SSL_AD_UNEXPECTED_MESSAGE},      /* Certificate */
        {{20, 0, 0, 1, 0}, 5, SSL_AD_UNEXPECTED_MESSAGE},      /* Finished */
        {{24, 0, 0, 1, 2}, 5, SSL_AD_ILLEGAL_PARAMETER},       /* KeyUpdate: neither 0 nor 1 */
        {{24, 0, 0, 2, 0, 0}, 6, SSL_AD_ILLEGAL_PARAMETER},    /* a long one */
        {{24, 0, 0, 0}, 4, SSL_AD_DECODE_ERROR},               /* an empty one */
        {{24, 255, 255, 255, 0}, 5, SSL_AD_ILLEGAL_PARAMETER}, /* one of 16 MiB */
        {{99, 0, 0, 0}, 4, SSL_AD_UNEXPECTED_MESSAGE},         /* there is none such */
    };

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        forge(HANDSHAKE, messages[i].message, messages[i].size);
        refused_with(messages[i].alert);
        teardown(state);
        setup(state);
    }
}

static void an_empty_message_record_is_refused(void **state)
{
    (void)state;
    forge(HANDSHAKE, NULL, 0);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
}

/* ---- alerts and others ---- */

static void a_fatal_alert_is_the_peers_error(void **state)
{
    (void)state;
    forge(DATA, "last words", 10);
    forge(ALERT, "\x02\x50", 2);
    forge(DATA, "not heard", 9);
    arrive();
    assert_true(end_got(forger.raw.end, "last words"));
    assert_failed(forger.raw.end, SESSILE_ERR_PEER);
    assert_contains(sessile_session_error_text(forger.raw.end->session), "internal_error (80)");
}

static void alerts_of_a_wrong_size_are_refused(void **state)
{
    (void)state;
    forge(ALERT, "\x01", 1);
    arrive();
    assert_failed(forger.raw.end, SESSILE_ERR_PROTOCOL);
    teardown(state);
    setup(state);
    forge(ALERT, "\x01\x00\x01\x00", 4);
    arrive();
    assert_failed(forger.raw.end, SESSILE_ERR_PROTOCOL);
    assert_int_equal(forger.raw.end->ended, 0);
}

static void warnings_are_endured_but_not_for_ever(void **state)
{
    (void)state;
    forge(ALERT, "\x01\x5a", 2); /* user_canceled */
    assert_true(still_well());
    for (int i = 0; i < 1000; i++)
        forge(ALERT, "\x01\x5a", 2);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
}

static void other_contents_are_refused(void **state)
{
    static const int types[] = {1, 20, 24, 255};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        forge(types[i], "\x01", 1);
        refused_with(SSL_AD_UNEXPECTED_MESSAGE);
        teardown(state);
        setup(state);
    }
}

static void a_change_cipher_spec_in_the_clear_is_refused(void **state)
{
    (void)state;
    end_inject(forger.raw.end, "\x14\x03\x03\x00\x01\x01", 6);
    refused_with(SSL_AD_UNEXPECTED_MESSAGE);
}

static void a_record_with_a_number_left_out_is_refused(void **state)
{
    (void)state;
    forger.number++;
    forge(DATA, "the second", 10);
    refused_with(SSL_AD_BAD_RECORD_MAC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_forged_record_is_a_record),
        TEST(padding_is_no_data),
        TEST(a_record_of_padding_alone_is_refused),
        TEST(too_much_in_a_record_is_refused),
        TEST(empty_records_are_endured_but_not_for_ever),
        TEST(a_message_in_pieces_is_a_message),
        TEST(data_inside_a_message_is_refused),
        TEST(close_notify_inside_a_message_is_no_clean_end),
        TEST(data_behind_a_key_update_in_one_record_is_refused),
        TEST(messages_that_no_client_sends_are_refused),
        TEST(an_empty_message_record_is_refused),
        TEST(a_fatal_alert_is_the_peers_error),
        TEST(alerts_of_a_wrong_size_are_refused),
        TEST(warnings_are_endured_but_not_for_ever),
        TEST(other_contents_are_refused),
        TEST(a_change_cipher_spec_in_the_clear_is_refused),
        TEST(a_record_with_a_number_left_out_is_refused),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
