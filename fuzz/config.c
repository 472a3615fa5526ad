/* SPDX-License-Identifier: Apache-2.0
 *
 * What a config is told: certificates, keys, bundles, CRLs, OCSP responses, and texts, in any order, and then a
 * session with it. Input: role; then which setter, a size of two bytes, that many bytes, and so on. Setters that read
 * files or URIs are left out: an input must not choose what is opened.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static int passphrase(void *buffer, size_t size, void *app)
{
    (void)app;
    expect(size >= 4);
    memcpy(buffer, "fuzz", 4);
    return 4;
}

typedef int set_data(sessile_tls_config *, const void *, size_t);
typedef int set_text(sessile_tls_config *, const char *);
typedef int set_number(sessile_tls_config *, int);

static int set_crl(sessile_tls_config *config, const void *data, size_t size)
{
    return sessile_tls_config_add_crl(config, data, size, size & 1);
}

static int add_psk(sessile_tls_config *config, const char *identity)
{
    return sessile_tls_config_add_psk(config, identity, fuzz_psk, sizeof fuzz_psk);
}

static int add_key(sessile_tls_config *config, const void *data, size_t size)
{
    return sessile_tls_config_add_psk(config, "identity", data, size);
}

static int set_tickets(sessile_tls_config *config, const void *data, size_t size)
{
    sessile_tls_tickets *tickets = sessile_tls_tickets_new();
    int result;

    expect(tickets);
    result = sessile_tls_tickets_add(tickets, data, size);
    expect((result == 0) == (size == 80));
    if (result == 0)
        result = sessile_tls_config_set_tickets(config, tickets);
    expect(sessile_tls_tickets_rotate(tickets) == 0);
    sessile_tls_tickets_free(tickets);
    return 0;
}

static int set_versions(sessile_tls_config *config, int bits)
{
    return sessile_tls_config_set_versions(config, 0x0300 | (bits & 7), 0x0300 | (bits >> 3 & 7));
}

static int set_fragment(sessile_tls_config *config, int bits)
{
    return sessile_tls_config_set_max_send_fragment(config, (size_t)bits * 64);
}

static int set_record(sessile_tls_config *config, int bits)
{
    return sessile_tls_config_set_max_fragment(config, (size_t)bits * 64);
}

/* A name for another config of the same role. */
static int add_host(sessile_tls_config *config, const char *name)
{
    sessile_tls_config *other = sessile_tls_config_new(SESSILE_SERVER);
    int result;

    expect(other && sessile_tls_config_add_psk(other, FUZZ_PSK_NAME, fuzz_psk, sizeof fuzz_psk) == 0);
    result = sessile_tls_config_add_host(config, name, other);
    sessile_tls_config_free(other);
    return result;
}

static const struct {
    set_data *data;
    set_text *text;
    set_number *number;
} setters[] = {
    {.data = sessile_tls_config_set_certificate},
    {.data = sessile_tls_config_set_key},
    {.data = sessile_tls_config_set_pkcs12},
    {.data = sessile_tls_config_trust},
    {.data = set_crl},
    {.data = sessile_tls_config_set_ocsp_response},
    {.data = sessile_tls_config_set_passphrase},
    {.data = add_key},
    {.data = set_tickets},
    {.text = sessile_tls_config_set_alpn},
    {.text = add_host},
    {.text = add_psk},
    {.text = sessile_tls_config_set_ciphers},
    {.text = sessile_tls_config_set_ciphersuites},
    {.text = sessile_tls_config_set_groups},
    {.text = sessile_tls_config_set_sigalgs},
    {.number = sessile_tls_config_set_client_certificate},
    {.number = sessile_tls_config_ask_peer},
    {.number = sessile_tls_config_set_ocsp},
    {.number = sessile_tls_config_set_ticket_count},
    {.number = sessile_tls_config_set_verify_depth},
    {.number = sessile_tls_config_ask_hello},
    {.number = set_versions},
    {.number = set_fragment},
    {.number = set_record},
};
#define SETTERS (sizeof setters / sizeof setters[0])

/* Behind data is a NUL byte. */
static int set(sessile_tls_config *config, unsigned which, const uint8_t *data, size_t size)
{
    if (setters[which].data)
        return setters[which].data(config, data, size);
    if (setters[which].text)
        return setters[which].text(config, (const char *)data);
    return setters[which].number(config, size ? data[0] : -1);
}

/* One setter with its argument. */
static void step(sessile_tls_config *config, struct input *input)
{
    unsigned which = input_u8(input) % SETTERS;
    size_t size = input_u16(input), taken;
    const uint8_t *at = input_bytes(input, size, &taken);
    uint8_t *copy = malloc(taken + 1);
    int result;

    expect(copy);
    if (taken)
        memcpy(copy, at, taken);
    copy[taken] = 0;
    result = set(config, which, copy, taken);
    fuzz_spoil(copy, taken + 1);
    expect(result <= 0);
    expect(result == 0 || sessile_tls_config_error_text(config)[0]);
}

static int quiet_send(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer;
    expect(size);
    return 0;
}

/* The host comes from the input too. */
static void use(sessile_tls_config *config, int role, struct input *input)
{
    sessile_session *session = sessile_session_create(NULL, quiet_send, NULL);
    char host[300] = "";
    size_t size = 0;
    const uint8_t *at = input_bytes(input, sizeof host - 1, &size);

    expect(session);
    if (size)
        memcpy(host, at, size);
    if (role == SESSILE_CLIENT)
        sessile_tls_connect(session, config, size ? host : FUZZ_HOST, NULL, NULL);
    else
        sessile_tls_accept(session, config, NULL, NULL);
    sessile_session_close(session);
    sessile_session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    sessile_tls_config *config;
    size_t blocks;
    int role, result;

    fuzz_begin();
    role = input_u8(&input) & 1;
    blocks = fuzz_memory_blocks();
    expect((config = sessile_tls_config_new(role)));
    sessile_tls_config_set_passphrase_callback(config, passphrase, NULL);
    if (role == SESSILE_CLIENT) /* or it would read the system's trust, which takes long */
        expect(sessile_tls_config_trust(config, fuzz_keys()->authority, strlen(fuzz_keys()->authority)) == 0);
    for (int i = input_u8(&input) & 7; i >= 0; i--)
        step(config, &input);
    result = sessile_tls_config_check(config);
    expect(result == 0 || sessile_tls_config_error_text(config)[0]);
    expect(result != 0 || sessile_tls_config_set_alpn(config, "late") == SESSILE_ERR_MISUSE);
    use(config, role, &input);
    sessile_tls_config_free(config);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
