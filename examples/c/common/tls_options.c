/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to a config. Files are read here or by the library's loaders, before any session exists.
 */
#include "common/tls_options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define PSK_SIZE 256

static void add(const char **list, size_t *count, const char *option, const char *argument)
{
    if (*count == TLS_OPTIONS_MOST) {
        die("%s: at most %d of them", option, TLS_OPTIONS_MOST);
    }
    list[(*count)++] = argument;
}

static const char **tls_option_place(struct tls_options *options, int option)
{
    switch (option) {
    case TLS_OPTION_CERT:
        return &options->certificates[0];
    case TLS_OPTION_KEY:
        return &options->keys[0];
    case TLS_OPTION_CERT2:
        return &options->certificates[1];
    case TLS_OPTION_KEY2:
        return &options->keys[1];
    case TLS_OPTION_CA:
        return &options->ca;
    case TLS_OPTION_CLIENT_CA:
        return &options->client_ca;
    case TLS_OPTION_VERIFY_CLIENT:
        return &options->verify_client;
    case TLS_OPTION_ALPN:
        return &options->alpn;
    case TLS_OPTION_TLS:
        return &options->versions;
    case TLS_OPTION_GROUPS:
        return &options->groups;
    case TLS_OPTION_OCSP:
        return &options->ocsp;
    case TLS_OPTION_KEYLOG:
        return &options->keylog;
    case TLS_OPTION_TICKETS:
        return &options->ticket_count;
    default:
        return NULL;
    }
}

int tls_option(struct tls_options *options, int option, const char *argument)
{
    const char **place = tls_option_place(options, option);
    if (place != NULL) {
        *place = argument;
        return 1;
    }
    switch (option) {
    case TLS_OPTION_INSECURE:
        options->insecure = 1;
        return 1;
    case TLS_OPTION_TOFU:
        options->tofu = 1;
        return 1;
    case TLS_OPTION_HOST:
        add(options->hosts, &options->host_count, "--host", argument);
        return 1;
    case TLS_OPTION_PSK:
        add(options->psks, &options->psk_count, "--psk", argument);
        return 1;
    case TLS_OPTION_CIPHERS:
        add(options->ciphers, &options->cipher_count, "--ciphers", argument);
        return 1;
    default:
        return 0;
    }
}

/* what: the option and its argument, for the message. */
static void must(sessile_tls_config *config, int r, const char *what, const char *argument)
{
    if (r == 0) {
        return;
    }
    const char *text = sessile_tls_config_error_text(config);
    die("%s %s: %s (%s)", what, argument, *text != 0 ? text : sessile_error_describe(r), sessile_error_name(r));
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == 0 ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return found == NULL ? -1 : (int)(found - digits);
}

/* Returns how many bytes the hex digits stand for, or 0. */
static size_t hex_bytes(const char *hex, uint8_t *bytes, size_t room)
{
    size_t size = strlen(hex) / 2;
    if (strlen(hex) % 2 != 0 || size > room) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return size;
}

static void config_psk(sessile_tls_config *config, const char *text)
{
    uint8_t key[PSK_SIZE];
    char *identity = need_string(text);
    char *colon = strrchr(identity, ':');
    size_t size = colon == NULL ? 0 : hex_bytes(colon + 1, key, sizeof key);
    if (size == 0) {
        die("--psk %s: ID:HEX is expected, up to %d bytes in hex digits", text, PSK_SIZE);
    }
    identity[strlen(identity) - 2 * size - 1] = 0;
    must(config, sessile_tls_config_add_psk(config, identity, key, size), "--psk", identity);
    free(identity);
}

static void config_versions(sessile_tls_config *config, const char *versions)
{
    int lowest = strcmp(versions, "1.3") == 0 ? SESSILE_TLS_1_3 : SESSILE_TLS_1_2;
    int highest = strcmp(versions, "1.2") == 0 ? SESSILE_TLS_1_2 : SESSILE_TLS_1_3;
    if (strcmp(versions, "1.2") != 0 && strcmp(versions, "1.3") != 0 && strcmp(versions, "any") != 0) {
        die("--tls %s: 1.2, 1.3 or any is expected", versions);
    }
    must(config, sessile_tls_config_set_versions(config, lowest, highest), "--tls", versions);
}

static void config_ciphers(sessile_tls_config *config, const char *list)
{
    int r = strncmp(list, "TLS_", 4) == 0 ? sessile_tls_config_set_ciphersuites(config, list)
                                          : sessile_tls_config_set_ciphers(config, list);
    must(config, r, "--ciphers", list);
}

static void config_certificate(sessile_tls_config *config, const char *certificate, const char *key)
{
    if (certificate == NULL && key == NULL) {
        return;
    }
    if (certificate == NULL || key == NULL) {
        die("a certificate and its key come together: --cert and --key");
    }
    must(config, sessile_tls_config_set_certificate_file(config, certificate), "certificate", certificate);
    if (strncmp(key, "pkcs11:", 7) == 0 || strncmp(key, "file:", 5) == 0) {
        must(config, sessile_tls_config_set_uri(config, key), "--key", key);
        return;
    }
    must(config, sessile_tls_config_set_key_file(config, key), "key", key);
}

static void config_common(sessile_tls_config *config, const struct tls_options *options)
{
    if (options->alpn != NULL) {
        must(config, sessile_tls_config_set_alpn(config, options->alpn), "--alpn", options->alpn);
    }
    if (options->versions != NULL) {
        config_versions(config, options->versions);
    }
    for (size_t i = 0; i < options->cipher_count; i++) {
        config_ciphers(config, options->ciphers[i]);
    }
    if (options->keylog != NULL) {
        must(config, sessile_tls_config_insecure_keylog(config), "--keylog", options->keylog);
    }
    if (options->groups != NULL) {
        must(config, sessile_tls_config_set_groups(config, options->groups), "--groups", options->groups);
    }
    for (size_t i = 0; i < options->psk_count; i++) {
        config_psk(config, options->psks[i]);
    }
}

static int mode_of(const char *option, const char *mode)
{
    if (strcmp(mode, "request") != 0 && strcmp(mode, "require") != 0) {
        die("%s %s: request or require is expected", option, mode);
    }
    return strcmp(mode, "require") == 0;
}

static void config_client(sessile_tls_config *config, const struct tls_options *options)
{
    config_certificate(config, options->certificates[0], options->keys[0]);
    if (options->ca != NULL) {
        must(config, sessile_tls_config_trust_file(config, options->ca), "--ca", options->ca);
    }
    if (options->insecure) {
        must(config, sessile_tls_config_insecure_no_verify(config), "--insecure", "");
    }
    if (options->tofu) {
        must(config, sessile_tls_config_ask_peer(config, SESSILE_TLS_ASK_UNTRUSTED), "--tofu", "");
    }
    if (options->ocsp != NULL) {
        int mode = mode_of("--ocsp", options->ocsp) ? SESSILE_TLS_OCSP_REQUIRE : SESSILE_TLS_OCSP_REQUEST;
        must(config, sessile_tls_config_set_ocsp(config, mode), "--ocsp", options->ocsp);
    }
}

static void config_server_ocsp(sessile_tls_config *config, const char *path)
{
    size_t size;
    uint8_t *data = file_load(path, &size);
    must(config, sessile_tls_config_set_ocsp_response(config, data, size), "--ocsp", path);
    free(data);
}

/* All of a server but its certificates and the names it answers to. */
static void config_server(sessile_tls_config *config, const struct tls_options *options)
{
    if (options->client_ca != NULL) {
        must(config, sessile_tls_config_trust_file(config, options->client_ca), "--client-ca", options->client_ca);
    }
    if (options->verify_client != NULL) {
        int require = mode_of("--verify-client", options->verify_client);
        int mode = require ? SESSILE_TLS_CLIENT_REQUIRE : SESSILE_TLS_CLIENT_REQUEST;
        must(config, sessile_tls_config_set_client_certificate(config, mode), "--verify-client",
             options->verify_client);
    }
    if (options->ticket_count != NULL) {
        int count = (int)number_parse("--ticket-count", options->ticket_count, 0, 16);
        must(config, sessile_tls_config_set_ticket_count(config, count), "--ticket-count", options->ticket_count);
    }
}

static sessile_tls_config *config_new(const struct tls_options *options, int role)
{
    sessile_tls_config *config = sessile_tls_config_new(role);
    if (config == NULL) {
        die("no memory for a TLS config");
    }
    config_common(config, options);
    if (role == SESSILE_CLIENT) {
        config_client(config, options);
    } else {
        config_server(config, options);
    }
    return config;
}

/* text: NAME=CERT,KEY */
static void config_host(sessile_tls_config *config, const struct tls_options *options, const char *text)
{
    char *rest = NULL;
    char *copy = need_string(text);
    const char *name = strtok_r(copy, "=", &rest);
    const char *certificate = strtok_r(NULL, ",", &rest);
    const char *key = strtok_r(NULL, "", &rest);
    if (key == NULL) {
        die("--host %s: NAME=CERT,KEY is expected", text);
    }
    sessile_tls_config *other = config_new(options, SESSILE_SERVER);
    config_certificate(other, certificate, key);
    must(config, sessile_tls_config_add_host(config, name, other), "--host", text);
    sessile_tls_config_free(other);
    free(copy);
}

sessile_tls_config *tls_options_config(const struct tls_options *options, int role)
{
    sessile_tls_config *config = config_new(options, role);
    if (role == SESSILE_SERVER) {
        config_certificate(config, options->certificates[0], options->keys[0]);
        config_certificate(config, options->certificates[1], options->keys[1]);
        if (options->ocsp != NULL) {
            config_server_ocsp(config, options->ocsp);
        }
        for (size_t i = 0; i < options->host_count; i++) {
            config_host(config, options, options->hosts[i]);
        }
    }
    must(config, sessile_tls_config_check(config), "TLS", role == SESSILE_SERVER ? "server" : "client");
    return config;
}
