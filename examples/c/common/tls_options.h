/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line options that make a TLS config, for both roles.
 */
#ifndef COMMON_TLS_OPTIONS_H
#define COMMON_TLS_OPTIONS_H

#include <getopt.h>

#include <sessile/tls.h>

#define TLS_OPTIONS_MOST 16

struct tls_options {
    const char *certificates[2];
    const char *keys[2];
    const char *ca;
    const char *client_ca;
    const char *verify_client;
    const char *hosts[TLS_OPTIONS_MOST]; /* NAME=CERT,KEY */
    size_t host_count;
    const char *psks[TLS_OPTIONS_MOST]; /* ID:HEX */
    size_t psk_count;
    const char *alpn;
    const char *versions;
    const char *ciphers[TLS_OPTIONS_MOST];
    size_t cipher_count;
    const char *groups;
    const char *ocsp;
    const char *keylog;
    const char *ticket_count;
    int insecure;
    int tofu;
};

enum {
    TLS_OPTION_CERT = 1000,
    TLS_OPTION_KEY,
    TLS_OPTION_CERT2,
    TLS_OPTION_KEY2,
    TLS_OPTION_CA,
    TLS_OPTION_INSECURE,
    TLS_OPTION_TOFU,
    TLS_OPTION_CLIENT_CA,
    TLS_OPTION_VERIFY_CLIENT,
    TLS_OPTION_HOST,
    TLS_OPTION_PSK,
    TLS_OPTION_ALPN,
    TLS_OPTION_TLS,
    TLS_OPTION_CIPHERS,
    TLS_OPTION_GROUPS,
    TLS_OPTION_OCSP,
    TLS_OPTION_KEYLOG,
    TLS_OPTION_TICKETS
};

/* Rows for getopt_long(). */
#define TLS_LONG_OPTIONS                                                                                               \
    {"cert", required_argument, NULL, TLS_OPTION_CERT}, {"key", required_argument, NULL, TLS_OPTION_KEY},              \
        {"psk", required_argument, NULL, TLS_OPTION_PSK}, {"alpn", required_argument, NULL, TLS_OPTION_ALPN},          \
        {"tls", required_argument, NULL, TLS_OPTION_TLS}, {"ciphers", required_argument, NULL, TLS_OPTION_CIPHERS},    \
        {"groups", required_argument, NULL, TLS_OPTION_GROUPS}, {"ocsp", required_argument, NULL, TLS_OPTION_OCSP},    \
    {                                                                                                                  \
        "keylog", required_argument, NULL, TLS_OPTION_KEYLOG                                                           \
    }
#define TLS_CLIENT_LONG_OPTIONS                                                                                        \
    {"ca", required_argument, NULL, TLS_OPTION_CA}, {"insecure", no_argument, NULL, TLS_OPTION_INSECURE},              \
    {                                                                                                                  \
        "tofu", no_argument, NULL, TLS_OPTION_TOFU                                                                     \
    }
#define TLS_SERVER_LONG_OPTIONS                                                                                        \
    {"cert2", required_argument, NULL, TLS_OPTION_CERT2}, {"key2", required_argument, NULL, TLS_OPTION_KEY2},          \
        {"client-ca", required_argument, NULL, TLS_OPTION_CLIENT_CA},                                                  \
        {"verify-client", required_argument, NULL, TLS_OPTION_VERIFY_CLIENT},                                          \
        {"host", required_argument, NULL, TLS_OPTION_HOST},                                                            \
    {                                                                                                                  \
        "ticket-count", required_argument, NULL, TLS_OPTION_TICKETS                                                    \
    }

#define TLS_COMMON_HELP                                                                                                \
    "  --alpn LIST          application protocols, such as h2,http/1.1\n"                                              \
    "  --tls 1.2|1.3|any    protocol versions (any)\n"                                                                 \
    "  --ciphers LIST       in openssl's syntax; a list that begins with TLS_ is for TLS 1.3\n"                        \
    "  --groups LIST        key exchange groups\n"                                                                     \
    "  --psk ID:HEX         a pre-shared key; may be repeated\n"                                                       \
    "  --keylog FILE        append key log lines: whoever has them can read the connection\n"
#define TLS_CLIENT_HELP                                                                                                \
    "  --ca FILE            trust these CA certificates, not the system's\n"                                           \
    "  --insecure           believe any certificate\n"                                                                 \
    "  --tofu               ask on the terminal where the certificate is not trusted\n"                                \
    "  --cert F --key F     a certificate of our own and its key\n"                                                    \
    "  --ocsp request|require   ask for a stapled OCSP response\n"
#define TLS_SERVER_HELP                                                                                                \
    "  --cert F --key F     the certificate (PEM, with its chain) and its key, or a URI for it (pkcs11:, file:)\n"     \
    "  --cert2 F --key2 F   one more, of another key type\n"                                                           \
    "  --host NAME=CERT,KEY another certificate for who asks for NAME; may be repeated\n"                              \
    "  --client-ca F        whom to believe about clients\n"                                                           \
    "  --verify-client request|require   ask clients for a certificate\n"                                              \
    "  --ocsp F             an OCSP response (DER) to staple\n"                                                        \
    "  --ticket-count N     tickets after a handshake (2)\n"

/* Take one option that getopt_long() found. Returns 0 where it is none of these. Arguments are borrowed. */
int tls_option(struct tls_options *options, int option, const char *argument);
/* The config, checked. Dies with the reason where it cannot be made. role: SESSILE_CLIENT or SESSILE_SERVER. */
sessile_tls_config *tls_options_config(const struct tls_options *options, int role);

#endif
