/* SPDX-License-Identifier: Apache-2.0
 *
 * What is agreed on: versions, ciphers, groups, signature algorithms, application protocols, record sizes, tickets and
 * OCSP, and what the application is asked. libssl changes parts of an SSL_CTX even where it refuses a list, so lists
 * are tried on a spare one first.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "session/memory.h"
#include "tls/config.h"

/* ---- versions ---- */

static int known_version(int version)
{
    return version == SESSILE_TLS_1_2 || version == SESSILE_TLS_1_3;
}

int sessile_tls_config_set_versions(sessile_tls_config *config, int lowest, int highest)
{
    int r = tls_config_open(config);
    long before;

    if (r)
        return r;
    if (!known_version(lowest) || !known_version(highest) || lowest > highest)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT,
                               "the versions 0x%04x to 0x%04x are no range of 0x0303 (TLS 1.2) and 0x0304 (TLS 1.3)",
                               (unsigned)lowest, (unsigned)highest);
    before = SSL_CTX_get_min_proto_version(config->ctx);
    if (SSL_CTX_set_min_proto_version(config->ctx, lowest) != 1 ||
        SSL_CTX_set_max_proto_version(config->ctx, highest) != 1) {
        SSL_CTX_set_min_proto_version(config->ctx, before);
        return tls_config_fail(config, SESSILE_ERR_UNSUPPORTED, "libssl does not have these versions");
    }
    tls_config_digest_number(config, "versions", (uint64_t)lowest << 16 | (uint64_t)highest);
    return 0;
}

/* ---- lists in openssl's syntax ---- */

typedef int (*apply_list)(SSL_CTX *ctx, const char *list);

static int apply_ciphers(SSL_CTX *ctx, const char *list)
{
    return SSL_CTX_set_cipher_list(ctx, list);
}

static int apply_ciphersuites(SSL_CTX *ctx, const char *list)
{
    return SSL_CTX_set_ciphersuites(ctx, list);
}

static int apply_groups(SSL_CTX *ctx, const char *list)
{
    return SSL_CTX_set1_groups_list(ctx, list) == 1;
}

static int apply_sigalgs(SSL_CTX *ctx, const char *list)
{
    return SSL_CTX_set1_sigalgs_list(ctx, list) == 1;
}

/* Integrity alone is no cipher. */
static int all_encrypt(const SSL_CTX *ctx)
{
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        if (SSL_CIPHER_get_cipher_nid(sk_SSL_CIPHER_value(ciphers, i)) == NID_undef)
            return 0;
    return 1;
}

/* Whether libssl takes the list, found out where nothing can break. */
static int try_list(sessile_tls_config *config, const char *what, apply_list apply, const char *list)
{
    SSL_CTX *spare = SSL_CTX_new(TLS_method());
    int r = 0;

    if (!spare)
        return tls_config_no_memory(config);
    if (apply(spare, list) != 1)
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "libssl does not take these %s", what);
    else if (!all_encrypt(spare))
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "some of these %s do not encrypt", what);
    SSL_CTX_free(spare);
    return r;
}

static int set_list(sessile_tls_config *config, const char *what, apply_list apply, const char *list)
{
    int level = SSL_CTX_get_security_level(config->ctx);
    int r = try_list(config, what, apply, list);

    if (r)
        return r;
    if (apply(config->ctx, list) != 1) {
        SSL_CTX_set_security_level(config->ctx, level);
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "libssl does not take these %s", what);
    }
    tls_config_digest(config, what, list, strlen(list));
    ERR_clear_error();
    return 0;
}

static int open_list(sessile_tls_config *config, const char *what, const char *list)
{
    int r = tls_config_open(config);

    if (!r && (!list || !*list))
        r = tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the list of %s is empty", what);
    return r;
}

/* Anonymous and plaintext ciphers are struck from any list: they would undo what is promised without saying insecure.
 */
int sessile_tls_config_set_ciphers(sessile_tls_config *config, const char *list)
{
    static const char never[] = ":!aNULL:!eNULL";
    int r = open_list(config, "ciphers", list);
    size_t length;
    char *whole;

    if (r)
        return r;
    length = strlen(list);
    if (!(whole = mem_alloc(length + sizeof never)))
        return tls_config_no_memory(config);
    memcpy(whole, list, length);
    memcpy(whole + length, never, sizeof never);
    r = set_list(config, "ciphers", apply_ciphers, whole);
    mem_free(whole);
    return r;
}

int sessile_tls_config_set_ciphersuites(sessile_tls_config *config, const char *list)
{
    int r = open_list(config, "cipher suites", list);

    if (!r && !(r = set_list(config, "cipher suites", apply_ciphersuites, list)))
        config->suites_given = 1;
    return r;
}

int sessile_tls_config_set_groups(sessile_tls_config *config, const char *list)
{
    int r = open_list(config, "groups", list);

    return r ? r : set_list(config, "groups", apply_groups, list);
}

int sessile_tls_config_set_sigalgs(sessile_tls_config *config, const char *list)
{
    int r = open_list(config, "signature algorithms", list);

    return r ? r : set_list(config, "signature algorithms", apply_sigalgs, list);
}

/* ---- application protocols ---- */

/* The length of the name at the start of list, or 0 where there is none that could be sent. */
static size_t protocol_length(const char *list)
{
    size_t length = strcspn(list, ",");

    for (size_t i = 0; i < length; i++)
        if (list[i] <= ' ' || list[i] > '~')
            return 0;
    return length <= 255 ? length : 0;
}

/* wire: strlen(list) + 1 bytes, which is what the wire form has, too: a length stands for each comma, and one for the
 * first. */
static int write_protocols(const char *list, uint8_t *wire)
{
    size_t length;

    for (;;) {
        if (!(length = protocol_length(list)))
            return 0;
        *wire++ = (uint8_t)length;
        memcpy(wire, list, length);
        wire += length;
        list += length;
        if (!*list++)
            return 1;
    }
}

static int set_protocols(sessile_tls_config *config, const char *list, uint8_t *wire, size_t size)
{
    if (!write_protocols(list, wire))
        return tls_config_fail(
            config, SESSILE_ERR_ARGUMENT,
            "a protocol's name is 1 to 255 printable characters without blanks, with a comma between two");
    if (config->role == SESSILE_CLIENT && SSL_CTX_set_alpn_protos(config->ctx, wire, (unsigned)size) != 0)
        return tls_config_fail(config, SESSILE_ERR_MEMORY, "libssl does not take these protocols");
    mem_free(config->alpn);
    config->alpn = wire;
    config->alpn_size = size;
    tls_config_digest(config, "alpn", wire, size);
    ERR_clear_error();
    return 0;
}

int sessile_tls_config_set_alpn(sessile_tls_config *config, const char *list)
{
    int r = open_list(config, "protocols", list);
    uint8_t *wire;
    size_t size;

    if (r)
        return r;
    size = strlen(list) + 1;
    if (size > 65533)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT,
                               "the list of protocols needs %zu bytes, and the extension has room for 65533", size);
    if (!(wire = mem_alloc(size)))
        return tls_config_no_memory(config);
    if ((r = set_protocols(config, list, wire, size)) != 0)
        mem_free(wire);
    return r;
}

/* ---- record sizes ---- */

int sessile_tls_config_set_max_send_fragment(sessile_tls_config *config, size_t size)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    if (size < 512 || size > 16384)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the fragment size is %zu, and must be 512 to 16384",
                               size);
    /* The second follows the first down but not up again. */
    if (SSL_CTX_set_max_send_fragment(config->ctx, (long)size) != 1 ||
        SSL_CTX_set_split_send_fragment(config->ctx, (long)size) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "libssl does not take the fragment size %zu", size);
    config->max_send_fragment = size;
    return 0;
}

int sessile_tls_config_set_max_fragment(sessile_tls_config *config, size_t size)
{
    static const size_t sizes[] = {512, 1024, 2048, 4096};
    int r = tls_config_open_role(config, SESSILE_CLIENT);
    uint8_t mode = 0;

    if (r)
        return r;
    for (uint8_t i = 0; i < 4; i++)
        if (size == sizes[i])
            mode = (uint8_t)(TLSEXT_max_fragment_length_512 + i);
    if (!mode)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT,
                               "the fragment size is %zu, and must be 512, 1024, 2048 or 4096", size);
    if (SSL_CTX_set_tlsext_max_fragment_length(config->ctx, mode) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "libssl does not take the fragment size %zu", size);
    tls_config_digest_number(config, "max fragment", size);
    return 0;
}

/* ---- tickets ---- */

int sessile_tls_config_set_tickets(sessile_tls_config *config, sessile_tls_tickets *tickets)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    if (!tickets)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the ticket keys are NULL");
    tls_tickets_keep(tickets);
    sessile_tls_tickets_free(config->tickets);
    config->tickets = tickets;
    return 0;
}

int sessile_tls_config_set_ticket_count(sessile_tls_config *config, int count)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    if (count < 0 || count > 16)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the ticket count is %d, and must be 0 to 16", count);
    if (SSL_CTX_set_num_tickets(config->ctx, (size_t)count) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "libssl does not take the ticket count %d", count);
    if (count)
        SSL_CTX_clear_options(config->ctx, SSL_OP_NO_TICKET);
    else
        SSL_CTX_set_options(config->ctx, SSL_OP_NO_TICKET);
    config->ticket_count = count;
    return 0;
}

/* ---- OCSP ---- */

int sessile_tls_config_set_ocsp_response(sessile_tls_config *config, const void *data, size_t size)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);
    const unsigned char *at = data;
    OCSP_RESPONSE *response;
    uint8_t *copy;

    if (r)
        return r;
    if (!data || !size || size > TLS_OCSP_RESPONSE_MAX)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the OCSP response has %zu bytes, and must have 1 to %d",
                               size, TLS_OCSP_RESPONSE_MAX);
    response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    OCSP_RESPONSE_free(response);
    if (!response || at != (const unsigned char *)data + size)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "this is no OCSP response in DER");
    if (!(copy = mem_copy(data, size)))
        return tls_config_no_memory(config);
    mem_free(config->ocsp_response);
    ERR_clear_error();
    config->ocsp_response = copy;
    config->ocsp_response_size = size;
    return 0;
}

int sessile_tls_config_set_ocsp(sessile_tls_config *config, int mode)
{
    int r = tls_config_open_role(config, SESSILE_CLIENT);

    if (r)
        return r;
    if (mode < SESSILE_TLS_OCSP_NONE || mode > SESSILE_TLS_OCSP_REQUIRE)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "there is no OCSP mode %d", mode);
    /* -1 is libssl's "no status request". */
    if (SSL_CTX_set_tlsext_status_type(config->ctx, mode == SESSILE_TLS_OCSP_NONE ? -1 : TLSEXT_STATUSTYPE_ocsp) != 1)
        return tls_config_fail(config, SESSILE_ERR_CRYPTO, "libssl does not take the OCSP mode %d", mode);
    config->ocsp = mode;
    tls_config_digest_number(config, "ocsp", (uint64_t)mode);
    return 0;
}

/* ---- questions ---- */

int sessile_tls_config_ask_peer(sessile_tls_config *config, int when)
{
    int r = tls_config_open(config);

    if (r)
        return r;
    if (when < SESSILE_TLS_ASK_NEVER || when > SESSILE_TLS_ASK_ALWAYS)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "there is no way %d of asking about the peer", when);
    config->ask_peer = when;
    tls_config_digest_number(config, "ask peer", (uint64_t)when);
    return 0;
}

int sessile_tls_config_ask_hello(sessile_tls_config *config, int on)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    config->ask_hello = on != 0;
    tls_config_digest_number(config, "ask hello", on != 0);
    return 0;
}
