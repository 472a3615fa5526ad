/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchanges that must not succeed: public values that are none, groups that are no good, messages that are not due,
 * replies changed on the way. Whatever it is, no NEWKEYS follows from the side that has seen it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>

#include "ssh/ssh.h"
#include "ssh_kex.h"
#include "ssh_trust.h"

static sessile_ssh_config *client;
static sessile_ssh_config *server;

static int configs_open(void **state)
{
    (void)state;
    client = sessile_ssh_config_new(SESSILE_CLIENT);
    server = sessile_ssh_config_new(SESSILE_SERVER);
    assert_int_equal(sessile_ssh_config_insecure_any_host_key(client, 1), 0);
    assert_int_equal(sessile_ssh_config_add_host_key(server, trust_key("ed25519 host")), 0);
    return 0;
}

static int configs_close(void **state)
{
    (void)state;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
    return 0;
}

static void assert_no_keys(const struct kex_end *end)
{
    assert_true(kex_seen(end, MSG_NEWKEYS).failed);
    assert_int_equal(ssh_of(end->session)->transport.session_id_size, 0);
}

/* ---- public values, to a server ---- */

static size_t point_of(uint8_t *out, uint8_t form, size_t size, uint8_t filling)
{
    out[0] = form;
    memset(out + 1, filling, size - 1);
    return size;
}

/* A public value as a string or mpint, to a server with just that method. */
static void send_value(struct kex_pair *pair, const char *method, const uint8_t *value, size_t size, int as_number)
{
    struct kex_lists lists = {.methods = method};
    struct writer w = {0};

    kex_open_one(pair, SESSILE_SERVER, server);
    kex_say_hello(pair, &lists);
    put_u8(&w, MSG_KEX_INIT);
    if (as_number)
        put_mpint(&w, value, size);
    else
        put_sized32(&w, value, size);
    kex_say_writer(pair, &w);
    kex_run(pair);
}

static void assert_value_refused(const char *method, const uint8_t *value, size_t size, int as_number, const char *text)
{
    struct kex_pair pair = {.step = 0};
    struct reader r;

    send_value(&pair, method, value, size, as_number);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, text);
    r = kex_seen(&pair.server, MSG_DISCONNECT);
    get_u8(&r);
    assert_int_equal(get_u32(&r), DISCONNECT_KEY_EXCHANGE_FAILED);
    assert_no_keys(&pair.server);
    kex_free_pair(&pair);
}

static void assert_value_taken(const char *method, const uint8_t *value, size_t size, int as_number)
{
    struct kex_pair pair = {.step = 0};

    send_value(&pair, method, value, size, as_number);
    assert_false(kex_seen(&pair.server, MSG_NEWKEYS).failed);
    kex_free_pair(&pair);
}

static void x25519_values_of_small_order_or_other_lengths_are_refused(void **state)
{
    static const char method[] = "curve25519-sha256";
    uint8_t value[33] = {0};

    (void)state;
    assert_value_refused(method, value, 32, 0, "no shared secret");
    value[0] = 1;
    assert_value_refused(method, value, 32, 0, "no shared secret");
    memset(value, 0xff, sizeof value); /* p - 1, of order 2, and with the bit that does not count */
    value[0] = 0xec;
    assert_value_refused(method, value, 32, 0, "no shared secret");
    value[0] = 9;
    assert_value_refused(method, value, 31, 0, "32 bytes");
    assert_value_refused(method, value, 33, 0, "32 bytes");
    assert_value_refused(method, value, 0, 0, "32 bytes");
    memset(value, 0, sizeof value);
    value[0] = 9;
    assert_value_taken(method, value, 32, 0);
}

static void points_off_the_curve_or_in_other_forms_are_refused(void **state)
{
    static const struct {
        const char *method;
        size_t size;
    } rows[] = {{"ecdh-sha2-nistp256", 65}, {"ecdh-sha2-nistp384", 97}, {"ecdh-sha2-nistp521", 133}};
    uint8_t value[200];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_value_refused(rows[i].method, value, point_of(value, 4, rows[i].size, 1), 0, "not a point on the curve");
        assert_value_refused(rows[i].method, value, point_of(value, 4, rows[i].size, 0), 0, "not a point on the curve");
        assert_value_refused(rows[i].method, value, point_of(value, 4, rows[i].size, 0xff), 0, "not a point");
        assert_value_refused(rows[i].method, value, point_of(value, 6, rows[i].size, 1), 0, "uncompressed");
        assert_value_refused(rows[i].method, value, point_of(value, 2, rows[i].size / 2 + 1, 1), 0, "uncompressed");
        assert_value_refused(rows[i].method, value, point_of(value, 0, 1, 0), 0, "uncompressed");
        assert_value_refused(rows[i].method, value, 0, 0, "uncompressed");
    }
}

static void the_other_curves_point_is_refused(void **state)
{
    struct kex_lists lists = {.methods = "ecdh-sha2-nistp384", .host_keys = "ssh-ed25519"};
    struct kex_pair pair = {.step = 0};
    struct reader r, point;
    uint8_t value[97];

    (void)state; /* a good point of P-384, cut to the size of P-256's */
    assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, "ecdh-sha2-nistp384"), 0);
    kex_open_one(&pair, SESSILE_CLIENT, client);
    kex_say_hello(&pair, &lists);
    r = kex_seen(&pair.client, MSG_KEX_INIT);
    get_u8(&r);
    point = get_sub32(&r);
    assert_int_equal(point.left, sizeof value);
    memcpy(value, point.data, sizeof value);
    kex_free_pair(&pair);
    assert_value_refused("ecdh-sha2-nistp256", value, 65, 0, "not a point on the curve");
    assert_value_taken("ecdh-sha2-nistp384", value, sizeof value, 0);
}

static void numbers_outside_the_group_are_refused(void **state)
{
    static const char method[] = "diffie-hellman-group14-sha256", text[] = "not between 1 and p - 1";
    BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);
    uint8_t value[300];

    (void)state;
    memset(value, 0, sizeof value);
    assert_value_refused(method, value, 0, 1, text);
    value[0] = 1;
    assert_value_refused(method, value, 1, 1, text);
    assert_int_equal(BN_bn2binpad(p, value, 256), 256);
    assert_value_refused(method, value, 256, 1, text);
    value[255] = 0xfe; /* p - 1 */
    assert_value_refused(method, value, 256, 1, text);
    value[255] = 0xfd; /* p - 2 */
    assert_value_taken(method, value, 256, 1);
    memset(value, 0xff, sizeof value);
    assert_value_refused(method, value, 256, 1, text);
    assert_value_refused(method, value, 300, 1, text);
    value[0] = 2;
    assert_value_taken(method, value, 1, 1);
    BN_free(p);
}

static void a_negative_or_padded_number_is_refused(void **state)
{
    static const uint8_t negative[] = {MSG_KEX_INIT, 0, 0, 0, 1, 0x80};
    static const uint8_t padded[] = {MSG_KEX_INIT, 0, 0, 0, 2, 0, 2};
    static const uint8_t longer[] = {MSG_KEX_INIT, 0, 0, 0, 1, 2, 0};
    static const struct {
        const uint8_t *data;
        size_t size;
    } rows[] = {{negative, sizeof negative}, {padded, sizeof padded}, {longer, sizeof longer}};
    const struct kex_lists lists = {.methods = "diffie-hellman-group14-sha256"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct kex_pair pair = {.step = 0};

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, &lists);
        kex_say(&pair, rows[i].data, rows[i].size);
        kex_run(&pair);
        kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "KEX_INIT");
        assert_no_keys(&pair.server);
        kex_free_pair(&pair);
    }
}

static void a_hybrid_value_of_another_length_or_with_a_bad_key_is_refused(void **state)
{
    static uint8_t value[1217];

    (void)state;
    if (!names_have(sessile_ssh_config_algorithms(server, SESSILE_SSH_KEX), "mlkem768x25519-sha256", 21)) {
        struct kex_lists lists = {.methods = "mlkem768x25519-sha256"};
        struct kex_pair pair = {.step = 0};

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, &lists);
        kex_assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION, "(key exchange)");
        kex_free_pair(&pair);
        return;
    }
    value[1184] = 9;
    assert_value_refused("mlkem768x25519-sha256", value, 1215, 0, "1216 bytes");
    assert_value_refused("mlkem768x25519-sha256", value, 1217, 0, "1216 bytes");
    assert_value_refused("mlkem768x25519-sha256", value, 0, 0, "1216 bytes");
    assert_value_taken("mlkem768x25519-sha256", value, 1216, 0);
    memset(value, 0xff, 1184); /* coefficients over the modulus */
    assert_value_refused("mlkem768x25519-sha256", value, 1216, 0, "ML-KEM key");
    memset(value, 0, sizeof value);
    assert_value_refused("mlkem768x25519-sha256", value, 1216, 0, "no shared secret");
}

/* ---- messages that are not due ---- */

static void assert_message_refused(const char *method, const uint8_t *message, size_t size, const char *text)
{
    const struct kex_lists lists = {.methods = method};
    struct kex_pair pair = {.step = 0};

    kex_open_one(&pair, SESSILE_SERVER, server);
    kex_say_hello(&pair, &lists);
    kex_say(&pair, message, size);
    kex_run(&pair);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, text);
    assert_no_keys(&pair.server);
    kex_free_pair(&pair);
}

static void messages_out_of_turn_are_refused(void **state)
{
    static const uint8_t newkeys[] = {MSG_NEWKEYS};
    static const uint8_t request[] = {MSG_KEX_GEX_REQUEST, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 32, 0};
    static const uint8_t old_request[] = {MSG_KEX_INIT, 0, 0, 8, 0};
    static const uint8_t reply[] = {MSG_KEX_REPLY, 0, 0, 0, 0};
    static const uint8_t service[] = {MSG_SERVICE_REQUEST, 0, 0, 0, 0};
    static const char gex[] = "diffie-hellman-group-exchange-sha256";
    uint8_t gex_init[] = {MSG_KEX_GEX_INIT, 0, 0, 0, 1, 2};

    (void)state;
    assert_message_refused("curve25519-sha256", newkeys, sizeof newkeys, "NEWKEYS");
    assert_message_refused("curve25519-sha256", request, sizeof request, "30 is due");
    assert_message_refused("curve25519-sha256", gex_init, sizeof gex_init, "30 is due");
    assert_message_refused("curve25519-sha256", reply, sizeof reply, "KEX_REPLY");
    assert_message_refused("curve25519-sha256", service, sizeof service, "SERVICE_REQUEST");
    assert_message_refused(gex, old_request, sizeof old_request, "34 is due");
    assert_message_refused(gex, gex_init, sizeof gex_init, "34 is due");
}

static void the_methods_message_comes_once(void **state)
{
    uint8_t value[32] = {9};
    struct kex_pair pair = {.step = 0};
    struct writer w = {0};

    (void)state;
    send_value(&pair, "curve25519-sha256", value, sizeof value, 0);
    assert_false(kex_seen(&pair.server, MSG_NEWKEYS).failed);
    put_u8(&w, MSG_KEX_INIT);
    put_sized32(&w, value, sizeof value);
    kex_say_writer(&pair, &w);
    kex_run(&pair);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "KEX_INIT");
    kex_free_pair(&pair);
}

/* ---- group exchange ---- */

static void sizes_that_cannot_be_met_are_refused_by_a_server(void **state)
{
    static const struct {
        uint32_t minimum, preferred, maximum, bits; /* 0: refused */
    } rows[] = {
        {2048, 3072, 8192, 3072},
        {1024, 1024, 2048, 2048},
        {1024, 1024, 1024, 0},
        {4096, 2048, 8192, 0},
        {2048, 8192, 4096, 0},
        {8193, 9000, 10000, 0},
        {1024, 2048, 16384, 2048},
        {2049, 2049, 2100, 0},
        {0, 0xffffffff, 0xffffffff, 8192},
        {0, 0, 0, 0},
    };
    const struct kex_lists lists = {.methods = "diffie-hellman-group-exchange-sha256"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};
        struct writer w = {0};
        struct reader r, p;

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, &lists);
        put_u8(&w, MSG_KEX_GEX_REQUEST);
        put_u32(&w, rows[i].minimum);
        put_u32(&w, rows[i].preferred);
        put_u32(&w, rows[i].maximum);
        kex_say_writer(&pair, &w);
        kex_run(&pair);
        r = kex_seen(&pair.server, MSG_KEX_REPLY);
        if (rows[i].bits) {
            get_u8(&r);
            p = get_mpint(&r);
            assert_int_equal(p.left * 8, rows[i].bits);
        } else {
            assert_true(r.failed);
            kex_assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION, "the client wants a group");
        }
        kex_free_pair(&pair);
    }
}

static void groups_that_will_not_do_are_refused_by_a_client(void **state)
{
    static const struct {
        size_t bytes;
        uint8_t last;
        const char *generator; /* its bytes */
        const char *text;      /* NULL: taken */
    } rows[] = {
        {256, 0x0f, "\x02", NULL},        {256, 0x0e, "\x02", "even"}, {255, 0x0f, "\x02", "its size"},
        {1025, 0x0f, "\x02", "its size"}, {0, 0, "\x02", "its size"},  {256, 0x0f, "\x01", "generator"},
        {256, 0x0f, "", "generator"},
    };
    const struct kex_lists lists = {.methods = "diffie-hellman-group-exchange-sha256"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};
        struct writer w = {0};
        uint8_t p[1025];

        memset(p, 0x91, sizeof p);
        if (rows[i].bytes)
            p[rows[i].bytes - 1] = rows[i].last;
        kex_open_one(&pair, SESSILE_CLIENT, client);
        kex_say_hello(&pair, &lists);
        put_u8(&w, MSG_KEX_REPLY);
        put_mpint(&w, p, rows[i].bytes);
        put_mpint(&w, rows[i].generator, strlen(rows[i].generator));
        kex_say_writer(&pair, &w);
        kex_run(&pair);
        assert_int_equal(kex_seen(&pair.client, MSG_KEX_GEX_INIT).failed, rows[i].text != NULL);
        if (rows[i].text)
            kex_assert_failed(&pair.client, SESSILE_ERR_PROTOCOL, rows[i].text);
        kex_free_pair(&pair);
    }
}

static void a_generator_of_order_two_is_refused_by_a_client(void **state)
{
    const struct kex_lists lists = {.methods = "diffie-hellman-group-exchange-sha256"};
    uint8_t p[256];

    (void)state;
    memset(p, 0xff, sizeof p);
    for (int less = 0; less < 3; less++) { /* g = p, p - 1, p - 2 */
        struct kex_pair pair = {.step = 0};
        struct writer w = {0};

        kex_open_one(&pair, SESSILE_CLIENT, client);
        kex_say_hello(&pair, &lists);
        put_u8(&w, MSG_KEX_REPLY);
        put_mpint(&w, p, sizeof p);
        p[255] = (uint8_t)(0xff - less);
        put_mpint(&w, p, sizeof p);
        p[255] = 0xff;
        kex_say_writer(&pair, &w);
        kex_run(&pair);
        assert_int_equal(kex_seen(&pair.client, MSG_KEX_GEX_INIT).failed, less < 2);
        kex_free_pair(&pair);
    }
}

/* ---- replies changed on the way ---- */

struct change {
    size_t field; /* of the reply: 0 the host key, 1 the public value, 2 the signature */
    size_t at;    /* in it; from its end where end is set */
    int end;
    int code;
    const char *text;
};

static const struct change *change;

static void change_reply(struct kex_end *end, uint8_t *payload, size_t *size)
{
    struct reader r = reader_of(payload, *size), field;

    (void)end;
    if (get_u8(&r) != MSG_KEX_REPLY)
        return;
    for (size_t i = 0; i <= change->field; i++)
        field = get_sub32(&r);
    assert_false(r.failed);
    payload[(size_t)(field.data - payload) + (change->end ? field.left - change->at : change->at)] ^= 1;
}

static void a_reply_that_was_changed_is_not_believed(void **state)
{
    static const struct change changes[] = {
        {0, 1, 1, SESSILE_ERR_VERIFY, "signature over the key exchange"}, /* the key */
        {0, 4, 0, SESSILE_ERR_PROTOCOL, "host key"},                      /* its type's name */
        {1, 3, 0, SESSILE_ERR_VERIFY, "signature over the key exchange"},
        {2, 1, 1, SESSILE_ERR_VERIFY, "signature over the key exchange"},
        {2, 4, 0, SESSILE_ERR_VERIFY, "signature over the key exchange"}, /* its algorithm's name */
    };

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, "curve25519-sha256"), 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct kex_pair pair = {.step = 0};

        change = &changes[i];
        pair.server.packet = change_reply;
        kex_open(&pair, client, server);
        assert_int_equal(kex_start(&pair), 0);
        kex_run(&pair);
        kex_assert_failed(&pair.client, changes[i].code, changes[i].text);
        assert_no_keys(&pair.client);
        assert_int_equal(pair.server.error, SESSILE_ERR_PEER);
        kex_free_pair(&pair);
    }
}

static void change_kexinit(struct kex_end *end, uint8_t *payload, size_t *size)
{
    (void)end;
    (void)size;
    if (payload[0] == MSG_KEXINIT)
        payload[1] ^= 1;
}

static void a_kexinit_that_was_changed_is_found_out(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct kex_pair pair = {.step = 0};

        (side ? &pair.client : &pair.server)->packet = change_kexinit;
        kex_open(&pair, client, server);
        assert_int_equal(kex_start(&pair), 0);
        kex_run(&pair);
        kex_assert_failed(&pair.client, SESSILE_ERR_VERIFY, "signature over the key exchange");
        assert_no_keys(&pair.client);
        kex_free_pair(&pair);
    }
}

/* The server's reply, made anew by somebody with keys of their own. */
static void replace_key(struct kex_end *end, uint8_t *payload, size_t *size)
{
    struct reader r = reader_of(payload, *size), value, signature;
    struct writer w = {0};
    uint8_t blob[1024];
    int blob_size;

    if (get_u8(&r) != MSG_KEX_REPLY)
        return;
    get_sub32(&r);
    value = get_sub32(&r);
    signature = get_sub32(&r);
    blob_size = sessile_key_blob(end->app, 1, blob, sizeof blob);
    assert_true(blob_size > 0);
    put_u8(&w, MSG_KEX_REPLY);
    put_sized32(&w, blob, (size_t)blob_size);
    put_sized32(&w, value.data, value.left);
    put_sized32(&w, signature.data, signature.left);
    memcpy(payload, w.data, w.size);
    *size = w.size;
    writer_free(&w);
}

static void a_key_of_another_kind_than_negotiated_is_refused(void **state)
{
    struct trust_terms terms = {.kind = SESSILE_CERTIFICATE_HOST, .principal = "host.example"};
    sessile_key *certificate = trust_certificate("ed25519 host", "ed25519 ca", terms);
    sessile_key *const keys[] = {trust_key("ecdsa host"), certificate};

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, "curve25519-sha256"), 0);
    for (size_t i = 0; i < 2; i++) {
        struct kex_pair pair = {.step = 0};

        pair.server.packet = replace_key;
        pair.server.app = keys[i];
        kex_open(&pair, client, server);
        assert_int_equal(kex_start(&pair), 0);
        kex_run(&pair);
        kex_assert_failed(&pair.client, SESSILE_ERR_PROTOCOL, "and ssh-ed25519 was negotiated");
        assert_no_keys(&pair.client);
        kex_free_pair(&pair);
    }
    sessile_key_free(certificate);
}

static int keys_close(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

#define WITH_CONFIGS(test) cmocka_unit_test_setup_teardown(test, configs_open, configs_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIGS(x25519_values_of_small_order_or_other_lengths_are_refused),
        WITH_CONFIGS(points_off_the_curve_or_in_other_forms_are_refused),
        WITH_CONFIGS(the_other_curves_point_is_refused),
        WITH_CONFIGS(numbers_outside_the_group_are_refused),
        WITH_CONFIGS(a_negative_or_padded_number_is_refused),
        WITH_CONFIGS(a_hybrid_value_of_another_length_or_with_a_bad_key_is_refused),
        WITH_CONFIGS(messages_out_of_turn_are_refused),
        WITH_CONFIGS(the_methods_message_comes_once),
        WITH_CONFIGS(sizes_that_cannot_be_met_are_refused_by_a_server),
        WITH_CONFIGS(groups_that_will_not_do_are_refused_by_a_client),
        WITH_CONFIGS(a_generator_of_order_two_is_refused_by_a_client),
        WITH_CONFIGS(a_reply_that_was_changed_is_not_believed),
        WITH_CONFIGS(a_kexinit_that_was_changed_is_found_out),
        WITH_CONFIGS(a_key_of_another_kind_than_negotiated_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, keys_close);
}
