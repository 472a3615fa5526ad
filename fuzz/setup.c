/* SPDX-License-Identifier: Apache-2.0
 *
 * Configs by number. They stay until the process ends: making one costs more than a handshake.
 */
#include "setup.h"

#include <string.h>

static void set_ask(sessile_tls_config *config, unsigned number)
{
    if (number & SETUP_ASK_ALWAYS)
        expect(sessile_tls_config_ask_peer(config, SESSILE_TLS_ASK_ALWAYS) == 0);
    else if (number & SETUP_ASK)
        expect(sessile_tls_config_ask_peer(config, SESSILE_TLS_ASK_UNTRUSTED) == 0);
}

static void set_identity(sessile_tls_config *config, const struct fuzz_identity *identity)
{
    expect(sessile_tls_config_set_certificate(config, identity->chain, strlen(identity->chain)) == 0);
    expect(sessile_tls_config_set_key(config, identity->key, strlen(identity->key)) == 0);
}

static sessile_tls_config *make_client(unsigned number)
{
    const struct fuzz_keys *keys = fuzz_keys();
    const char *trust = number & SETUP_STRANGER ? keys->stranger : keys->authority;
    sessile_tls_config *config = sessile_tls_config_new(SESSILE_CLIENT);

    expect(config && sessile_tls_config_trust(config, trust, strlen(trust)) == 0);
    expect(sessile_tls_config_insecure_keylog(config) == 0);
    if (number & SETUP_TLS12)
        expect(sessile_tls_config_set_versions(config, SESSILE_TLS_1_2, SESSILE_TLS_1_2) == 0);
    else if (number & SETUP_TLS13)
        expect(sessile_tls_config_set_versions(config, SESSILE_TLS_1_3, SESSILE_TLS_1_3) == 0);
    if (number & SETUP_PSK)
        expect(sessile_tls_config_add_psk(config, FUZZ_PSK_NAME, fuzz_psk, sizeof fuzz_psk) == 0);
    if (number & SETUP_IDENTITY)
        set_identity(config, &keys->client);
    if (number & SETUP_FRAGMENT) {
        expect(sessile_tls_config_set_max_fragment(config, 512) == 0);
        expect(sessile_tls_config_set_ocsp(config, SESSILE_TLS_OCSP_REQUEST) == 0);
    }
    expect(sessile_tls_config_set_alpn(config, "one,two") == 0);
    set_ask(config, number);
    expect(sessile_tls_config_check(config) == 0);
    return config;
}

static void set_hosts(sessile_tls_config *config, unsigned number)
{
    sessile_tls_config *other = setup_server(number & ~SETUP_HOSTS);

    expect(sessile_tls_config_add_host(config, FUZZ_HOST, other) == 0);
    expect(sessile_tls_config_add_host(config, "*.b.test", other) == 0);
}

static sessile_tls_config *make_server(unsigned number)
{
    const struct fuzz_keys *keys = fuzz_keys();
    sessile_tls_config *config = sessile_tls_config_new(SESSILE_SERVER);

    expect(config && sessile_tls_config_trust(config, keys->authority, strlen(keys->authority)) == 0);
    expect(sessile_tls_config_insecure_keylog(config) == 0);
    if (number & SETUP_PSK)
        expect(sessile_tls_config_add_psk(config, FUZZ_PSK_NAME, fuzz_psk, sizeof fuzz_psk) == 0);
    else {
        set_identity(config, &keys->server);
        expect(sessile_tls_config_set_ocsp_response(config, keys->ocsp, keys->ocsp_size) == 0);
    }
    if (number & (SETUP_REQUEST | SETUP_REQUIRE))
        expect(sessile_tls_config_set_client_certificate(
                   config, number & SETUP_REQUIRE ? SESSILE_TLS_CLIENT_REQUIRE : SESSILE_TLS_CLIENT_REQUEST) == 0);
    if (number & SETUP_ASK_HELLO)
        expect(sessile_tls_config_ask_hello(config, 1) == 0);
    if (number & SETUP_NO_TICKETS)
        expect(sessile_tls_config_set_ticket_count(config, 0) == 0);
    expect(sessile_tls_config_set_alpn(config, "two,one") == 0);
    if (number & SETUP_HOSTS)
        set_hosts(config, number);
    set_ask(config, number);
    expect(sessile_tls_config_check(config) == 0);
    return config;
}

sessile_tls_config *setup_client(unsigned number)
{
    static sessile_tls_config *made[256];

    number &= 0xff;
    if (!made[number])
        made[number] = make_client(number);
    return made[number];
}

sessile_tls_config *setup_server(unsigned number)
{
    static sessile_tls_config *made[256];

    number &= 0xff;
    if (!made[number])
        made[number] = make_server(number);
    return made[number];
}

int setup_agrees(unsigned client, unsigned server)
{
    if ((client ^ server) & SETUP_PSK)
        return 0;
    if (client & SETUP_PSK) /* no certificates at all */
        return !(server & (SETUP_REQUEST | SETUP_REQUIRE));
    /* What is stapled comes from an authority that a stranger does not know, and no question is asked about that. */
    if (client & SETUP_STRANGER && (client & SETUP_FRAGMENT || !(client & (SETUP_ASK | SETUP_ASK_ALWAYS))))
        return 0;
    return !(server & SETUP_REQUIRE) || client & SETUP_IDENTITY;
}
