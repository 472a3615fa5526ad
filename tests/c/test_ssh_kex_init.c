/* SPDX-License-Identifier: Apache-2.0
 *
 * KEXINIT: what is negotiated from whatever lists a peer sends, guesses, strict key exchange, and the order in which a
 * client names the host keys that it knows. The peer is made by hand; that a session has agreed is seen from what it
 * sends next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh/ssh.h"
#include "ssh_kex.h"
#include "ssh_trust.h"

#define STRICT_C ",kex-strict-c-v00@openssh.com"
#define STRICT_S ",kex-strict-s-v00@openssh.com"

static sessile_ssh_config *client;
static sessile_ssh_config *server;

static int configs_open(void **state)
{
    (void)state;
    client = sessile_ssh_config_new(SESSILE_CLIENT);
    server = sessile_ssh_config_new(SESSILE_SERVER);
    assert_int_equal(sessile_ssh_config_insecure_any_host_key(client, 1), 0);
    assert_int_equal(sessile_ssh_config_add_host_key(server, trust_key("ed25519 host")), 0);
    assert_int_equal(sessile_ssh_config_add_host_key(server, trust_key("ecdsa host")), 0);
    return 0;
}

static int configs_close(void **state)
{
    (void)state;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
    return 0;
}

static void say_public(struct kex_pair *pair)
{
    static const uint8_t base_point[32] = {9};
    struct writer w = {0};

    put_u8(&w, MSG_KEX_INIT);
    put_sized32(&w, base_point, sizeof base_point);
    kex_say_writer(pair, &w);
    kex_run(pair);
}

/* A server met by a client with these lists, and its public value. */
static void meet_server(struct kex_pair *pair, const struct kex_lists *lists)
{
    kex_open_one(pair, SESSILE_SERVER, server);
    kex_say_hello(pair, lists);
    if (!pair->server.closed)
        say_public(pair);
}

static int server_replied(const struct kex_pair *pair)
{
    return !kex_seen(&pair->server, MSG_KEX_REPLY).failed && !kex_seen(&pair->server, MSG_NEWKEYS).failed;
}

/* The name of the host key in the server's reply. */
static int reply_is_by(const struct kex_pair *pair, const char *type)
{
    struct reader r = kex_seen(&pair->server, MSG_KEX_REPLY), blob, name;

    get_u8(&r);
    blob = get_sub32(&r);
    name = get_sub32(&blob);
    return reader_is(&name, type);
}

static void assert_replied(struct kex_pair *pair)
{
    if (!server_replied(pair))
        print_error("%s\n", sessile_session_error_text(pair->server.session));
    assert_true(server_replied(pair));
}

/* ---- lists ---- */

static void the_clients_order_decides(void **state)
{
    struct kex_lists lists = {.host_keys = "ssh-unknown,ecdsa-sha2-nistp256,ssh-ed25519",
                              .methods = "sntrup761x25519-sha512,curve25519-sha256,ecdh-sha2-nistp256"};
    struct kex_pair pair = {.step = 0};

    (void)state;
    meet_server(&pair, &lists);
    assert_replied(&pair);
    assert_true(reply_is_by(&pair, "ecdsa-sha2-nistp256"));
    assert_string_equal(sessile_ssh_info(pair.server.session, SESSILE_SSH_INFO_KEX), "curve25519-sha256");
    kex_free_pair(&pair);
}

static void lists_of_any_shape_are_taken_for_what_is_in_them(void **state)
{
    static char many[16384 + 1];
    static const struct kex_lists rows[] = {
        {.methods = ",,curve25519-sha256,"},
        {.methods = "curve25519-sha256,"},
        {.methods = "\xff\xfe,\x01,curve25519-sha256"},
        {.methods = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,curve25519-sha256"}, /* 65 */
        {.methods = many},
        {.macs = ""}, /* AEAD: none is negotiated */
        {.macs = "hmac-other"},
        {.compression = "zlib,none"},
        {.host_keys = "ssh-ed25519,,,"},
        {.methods = "ext-info-c,kex-strict-s-v00@openssh.com,kex-strict-c-v00@openssh.com,curve25519-sha256"},
    };

    (void)state;
    memset(many, ',', sizeof many - 1);
    memcpy(many + sizeof many - 18, "curve25519-sha256", 17);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};

        meet_server(&pair, &rows[i]);
        assert_replied(&pair);
        kex_free_pair(&pair);
    }
}

static void nothing_in_common_is_told_with_both_lists(void **state)
{
    static const struct {
        struct kex_lists lists;
        const char *text;
    } rows[] = {
        {{.methods = ""}, "(key exchange): ours \""},
        {{.methods = "curve25519-sha25"}, "the peer's \"curve25519-sha25\""},
        {{.methods = "\x1b[2J"}, "the peer's \"\\x1b[2J\""},
        {{.methods = "diffie-hellman-group14-sha1"}, "(key exchange)"},
        {{.methods = "kex-strict-s-v00@openssh.com"}, "(key exchange)"},
        {{.host_keys = "ssh-rsa"}, "(host key): ours \"ssh-ed25519,ecdsa-sha2-nistp256\", the peer's \"ssh-rsa\""},
        {{.ciphers = "aes128-cbc"}, "(cipher, client to server)"},
        {{.ciphers = "aes128-ctr", .macs = "hmac-md5"}, "(MAC, client to server)"},
        {{.ciphers = "aes128-ctr", .macs = ""}, "(MAC, client to server)"},
        {{.compression = "zlib"}, "(compression, client to server)"},
        {{.compression = ""}, "(compression, client to server)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};
        struct reader r;

        meet_server(&pair, &rows[i].lists);
        kex_assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION, rows[i].text);
        r = kex_seen(&pair.server, MSG_DISCONNECT);
        get_u8(&r);
        assert_int_equal(get_u32(&r), DISCONNECT_KEY_EXCHANGE_FAILED);
        kex_free_pair(&pair);
    }
}

static void a_list_that_is_too_long_is_refused(void **state)
{
    static char much[16385 + 1];
    const struct kex_lists lists = {.host_keys = much};
    struct kex_pair pair = {.step = 0};

    (void)state;
    memset(much, 'a', sizeof much - 1);
    meet_server(&pair, &lists);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "the list of algorithms (host key) has 16385 bytes");
    kex_free_pair(&pair);
}

static void a_kexinit_of_the_wrong_length_is_refused(void **state)
{
    const struct kex_lists lists = {.guess = 0};
    struct writer w = {0};

    (void)state;
    kex_put_init(&w, &lists);
    put_u8(&w, 0);
    for (size_t size = 1; size <= w.size; size++) {
        struct kex_pair pair = {.step = 0};

        if (size == w.size - 1) /* just right */
            continue;
        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_ident(&pair);
        kex_say(&pair, w.data, size);
        kex_run(&pair);
        kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "KEXINIT");
        kex_free_pair(&pair);
    }
    writer_free(&w);
}

static void a_second_kexinit_in_the_midst_of_an_exchange_is_refused(void **state)
{
    const struct kex_lists lists = {.guess = 0};
    struct kex_pair pair = {.step = 0};
    struct writer w = {0};

    (void)state;
    kex_open_one(&pair, SESSILE_SERVER, server);
    kex_say_hello(&pair, &lists);
    kex_put_init(&w, &lists);
    kex_say_writer(&pair, &w);
    kex_run(&pair);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "KEXINIT (20)");
    kex_free_pair(&pair);
}

/* ---- guesses ---- */

static void say_garbage(struct kex_pair *pair)
{
    static const uint8_t message[] = {MSG_KEX_INIT, 1, 2, 3};

    kex_say(pair, message, sizeof message);
    kex_run(pair);
}

static void a_wrong_guess_is_dropped_once(void **state)
{
    /* The server likes another method, or another host key, best. */
    static const struct kex_lists rows[] = {
        {.methods = "ecdh-sha2-nistp256,curve25519-sha256", .host_keys = "ssh-ed25519", .guess = 1},
        {.methods = "none-such,curve25519-sha256", .guess = 1},
    };

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(server, SESSILE_SSH_KEX, "curve25519-sha256"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kex_pair pair = {.step = 0};

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, &rows[i]);
        say_garbage(&pair);
        assert_int_equal(pair.server.closed, 0);
        say_public(&pair);
        assert_replied(&pair);
        kex_free_pair(&pair);

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, &rows[i]);
        say_garbage(&pair);
        say_garbage(&pair);
        kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "KEX_INIT");
        kex_free_pair(&pair);
    }
}

static void a_guess_of_another_host_key_is_wrong_too(void **state)
{
    const struct kex_lists lists = {.host_keys = "ecdsa-sha2-nistp256", .guess = 1};
    struct kex_pair pair = {.step = 0};

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(server, SESSILE_SSH_KEX, "curve25519-sha256"), 0);
    kex_open_one(&pair, SESSILE_SERVER, server);
    kex_say_hello(&pair, &lists);
    say_public(&pair); /* good, and yet dropped */
    assert_true(kex_seen(&pair.server, MSG_KEX_REPLY).failed);
    say_public(&pair);
    assert_replied(&pair);
    kex_free_pair(&pair);
}

static void a_right_guess_is_used(void **state)
{
    const struct kex_lists lists = {.host_keys = "ssh-ed25519", .guess = 1};
    struct kex_pair pair = {.step = 0};

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(server, SESSILE_SSH_KEX, "curve25519-sha256"), 0);
    meet_server(&pair, &lists);
    assert_replied(&pair);
    kex_free_pair(&pair);
}

/* ---- strict key exchange ---- */

static void say_ignore(struct kex_pair *pair)
{
    static const uint8_t message[] = {MSG_IGNORE, 0, 0, 0, 0};

    kex_say(pair, message, sizeof message);
}

static void say_init(struct kex_pair *pair, const struct kex_lists *lists)
{
    struct writer w = {0};

    kex_put_init(&w, lists);
    kex_say_writer(pair, &w);
    kex_run(pair);
}

static void strict_kex_wants_kexinit_first(void **state)
{
    static const struct kex_lists strict = {.methods = "curve25519-sha256" STRICT_C}, loose = {.guess = 0};
    struct kex_pair pair = {.step = 0};

    (void)state;
    kex_open_one(&pair, SESSILE_SERVER, server);
    kex_say_ident(&pair);
    say_ignore(&pair);
    say_init(&pair, &strict);
    kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "strict key exchange: 1 packets came before");
    kex_free_pair(&pair);

    kex_open_one(&pair, SESSILE_SERVER, server);
    kex_say_ident(&pair);
    say_ignore(&pair);
    say_init(&pair, &loose);
    say_public(&pair);
    assert_replied(&pair);
    assert_string_equal(sessile_ssh_info(pair.server.session, SESSILE_SSH_INFO_STRICT), "0");
    kex_free_pair(&pair);
}

static void strict_kex_takes_nothing_else_in_the_exchange(void **state)
{
    static const struct kex_lists strict = {.methods = "curve25519-sha256" STRICT_C}, loose = {.guess = 0};

    (void)state;
    for (int is_strict = 0; is_strict < 2; is_strict++) {
        struct kex_pair pair = {.step = 0};

        kex_open_one(&pair, SESSILE_SERVER, server);
        kex_say_hello(&pair, is_strict ? &strict : &loose);
        say_ignore(&pair);
        kex_run(&pair);
        if (is_strict) {
            kex_assert_failed(&pair.server, SESSILE_ERR_PROTOCOL, "IGNORE");
        } else {
            say_public(&pair);
            assert_replied(&pair);
        }
        kex_free_pair(&pair);
    }
}

static void only_the_peers_own_marker_makes_an_exchange_strict(void **state)
{
    static const struct kex_lists other = {.methods = "curve25519-sha256" STRICT_S};
    struct kex_pair pair = {.step = 0};

    (void)state;
    meet_server(&pair, &other);
    assert_replied(&pair);
    assert_string_equal(sessile_ssh_info(pair.server.session, SESSILE_SSH_INFO_STRICT), "0");
    kex_free_pair(&pair);
}

static void strict_kex_can_be_required(void **state)
{
    static const struct kex_lists strict = {.methods = "curve25519-sha256" STRICT_C}, loose = {.guess = 0};
    struct kex_pair pair = {.step = 0};

    (void)state;
    assert_int_equal(sessile_ssh_config_require_strict_kex(server, 1), 0);
    meet_server(&pair, &loose);
    kex_assert_failed(&pair.server, SESSILE_ERR_NEGOTIATION, "does not know strict key exchange");
    kex_free_pair(&pair);
    meet_server(&pair, &strict);
    assert_replied(&pair);
    kex_free_pair(&pair);
}

/* ---- what we send ---- */

static struct reader sent_list(const struct kex_end *end, size_t index)
{
    struct reader r = kex_seen(end, MSG_KEXINIT), list;

    get_bytes(&r, 17);
    for (size_t i = 0; i <= index; i++)
        list = get_sub32(&r);
    assert_false(r.failed);
    return list;
}

static int ends_with(const struct reader *list, const char *text)
{
    size_t size = strlen(text);

    return list->left > size && memcmp(list->data + list->left - size, text, size) == 0;
}

static void both_say_that_they_know_strict_kex_and_a_client_takes_ext_info(void **state)
{
    struct kex_pair pair = {.step = 0};
    struct reader list;

    (void)state;
    kex_open(&pair, client, server);
    assert_int_equal(kex_start(&pair), 0);
    kex_run(&pair);
    assert_true(kex_agreed(&pair));
    list = sent_list(&pair.client, 0);
    assert_true(ends_with(&list, ",ext-info-c" STRICT_C));
    list = sent_list(&pair.server, 0);
    assert_true(ends_with(&list, STRICT_S));
    list = sent_list(&pair.server, 1);
    assert_true(reader_is(&list, "ssh-ed25519,ecdsa-sha2-nistp256"));
    kex_free_pair(&pair);
}

static int begins_with(const struct reader *list, const char *text)
{
    return list->left >= strlen(text) && memcmp(list->data, text, strlen(text)) == 0;
}

static void a_client_names_first_what_it_knows_the_host_by(void **state)
{
    static const struct {
        const char *text;
        const char *begins;
    } rows[] = {
        {"host.example {rsa host}\n", "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,"
                                      "rsa-sha2-512,rsa-sha2-256,ssh-ed25519-cert"},
        {"other.example {rsa host}\n", "ssh-ed25519-cert-v01@openssh.com,ecdsa"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sessile_ssh_config *config = sessile_ssh_config_new(SESSILE_CLIENT);
        struct kex_lists lists = {.guess = 0};
        struct kex_pair pair = {.step = 0};
        char *text = trust_text(rows[i].text);
        sessile_known_hosts *known;
        struct reader list;

        assert_int_equal(sessile_known_hosts_read(text, strlen(text), NULL, &known, NULL, 0), 0);
        assert_int_equal(sessile_ssh_config_set_known_hosts(config, known), 0);
        kex_open_one(&pair, SESSILE_CLIENT, config);
        kex_say_hello(&pair, &lists);
        list = sent_list(&pair.client, 1);
        if (!begins_with(&list, rows[i].begins))
            print_error("%.*s\n", (int)list.left, (const char *)list.data);
        assert_true(begins_with(&list, rows[i].begins));
        kex_free_pair(&pair);
        sessile_known_hosts_free(known);
        sessile_ssh_config_free(config);
        free(text);
    }
}

static void a_client_is_a_client_of_the_servers_lists(void **state)
{
    static const struct kex_lists lists = {.methods = "curve25519-sha256,ecdh-sha2-nistp384",
                                           .host_keys = "ssh-ed25519,ecdsa-sha2-nistp256"};
    struct kex_pair pair = {.step = 0};
    struct reader r, point;

    (void)state;
    assert_int_equal(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, "ecdh-sha2-nistp384,curve25519-sha256"),
                     0);
    kex_open_one(&pair, SESSILE_CLIENT, client);
    kex_say_hello(&pair, &lists);
    r = kex_seen(&pair.client, MSG_KEX_INIT);
    get_u8(&r);
    point = get_sub32(&r);
    assert_int_equal(point.left, 97);
    kex_free_pair(&pair);
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
        WITH_CONFIGS(the_clients_order_decides),
        WITH_CONFIGS(lists_of_any_shape_are_taken_for_what_is_in_them),
        WITH_CONFIGS(nothing_in_common_is_told_with_both_lists),
        WITH_CONFIGS(a_list_that_is_too_long_is_refused),
        WITH_CONFIGS(a_kexinit_of_the_wrong_length_is_refused),
        WITH_CONFIGS(a_second_kexinit_in_the_midst_of_an_exchange_is_refused),
        WITH_CONFIGS(a_wrong_guess_is_dropped_once),
        WITH_CONFIGS(a_guess_of_another_host_key_is_wrong_too),
        WITH_CONFIGS(a_right_guess_is_used),
        WITH_CONFIGS(strict_kex_wants_kexinit_first),
        WITH_CONFIGS(strict_kex_takes_nothing_else_in_the_exchange),
        WITH_CONFIGS(only_the_peers_own_marker_makes_an_exchange_strict),
        WITH_CONFIGS(strict_kex_can_be_required),
        WITH_CONFIGS(both_say_that_they_know_strict_kex_and_a_client_takes_ext_info),
        WITH_CONFIGS(a_client_names_first_what_it_knows_the_host_by),
        WITH_CONFIGS(a_client_is_a_client_of_the_servers_lists),
    };

    return cmocka_run_group_tests(tests, NULL, keys_close);
}
