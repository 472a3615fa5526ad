/* SPDX-License-Identifier: Apache-2.0
 *
 * Key exchanges that succeed: each method, each kind of host key, in whatever pieces the bytes arrive, with the
 * signature made elsewhere, and again while a session is under way. The exchange hash and the keys are computed a
 * second time here, from the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "ssh/transport/kex.h"
#include "ssh_kex.h"
#include "ssh_trust.h"

static sessile_ssh_config *client;
static sessile_ssh_config *server;

static void must(int result, const sessile_ssh_config *config)
{
    if (result < 0)
        print_error("%s: %s\n", sessile_error_name(result),
                    sessile_ssh_config_error_text((sessile_ssh_config *)(uintptr_t)config));
    assert_true(result >= 0);
}

static int configs_open(void **state)
{
    (void)state;
    client = sessile_ssh_config_new(SESSILE_CLIENT);
    server = sessile_ssh_config_new(SESSILE_SERVER);
    must(sessile_ssh_config_insecure_any_host_key(client, 1), client);
    return 0;
}

static int configs_close(void **state)
{
    (void)state;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
    return 0;
}

static void server_has(const char *key)
{
    must(sessile_ssh_config_add_host_key(server, trust_key(key)), server);
}

static void use_methods(const char *list)
{
    must(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_KEX, list), client);
    must(sessile_ssh_config_set_algorithms(server, SESSILE_SSH_KEX, list), server);
}

static void use_ciphers(const char *ciphers)
{
    must(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_CIPHERS, ciphers), client);
}

static void open_pair(struct kex_pair *pair)
{
    kex_open(pair, client, server);
    must(kex_start(pair), client);
    kex_run(pair);
}

static void assert_agreed(struct kex_pair *pair)
{
    if (!kex_agreed(pair))
        print_error("client: %s\nserver: %s\n", sessile_session_error_text(pair->client.session),
                    sessile_session_error_text(pair->server.session));
    assert_true(kex_agreed(pair));
}

static int info_is(const struct kex_end *end, int info, const char *text)
{
    return strcmp(sessile_ssh_info(end->session, info), text) == 0;
}

/* ---- each method ---- */

static void play_method(const struct kex_method *method, size_t step)
{
    struct kex_pair pair = {.step = step};

    configs_open(NULL);
    server_has("ed25519 host");
    must(sessile_ssh_config_insecure_compatible(client), client);
    must(sessile_ssh_config_insecure_compatible(server), server);
    use_methods(method->name);
    open_pair(&pair);
    assert_agreed(&pair);
    assert_true(info_is(&pair.client, SESSILE_SSH_INFO_KEX, method->name));
    assert_true(info_is(&pair.server, SESSILE_SSH_INFO_KEX, method->name));
    assert_true(info_is(&pair.client, SESSILE_SSH_INFO_STRICT, "1"));
    assert_true(info_is(&pair.client, SESSILE_SSH_INFO_HOST_KEY, "ssh-ed25519"));
    assert_true(sessile_key_equal(sessile_ssh_host_key(pair.client.session), trust_key("ed25519 host")));
    assert_true(sessile_key_equal(sessile_ssh_host_key(pair.server.session), trust_key("ed25519 host")));
    assert_int_equal(sessile_ssh_session_id(pair.client.session, NULL, 0),
                     EVP_MD_get_size(EVP_get_digestbyname(method->digest)));
    assert_null(ssh_of(pair.client.session)->transport.kex);
    assert_null(ssh_of(pair.server.session)->transport.kex);
    kex_free_pair(&pair);
    configs_close(NULL);
}

static void each_method_leads_to_the_same_keys_on_both_sides(void **state)
{
    size_t count = 0;

    (void)state;
    for (; kex_method_at(count); count++)
        play_method(kex_method_at(count), 0);
    assert_true(count >= 10);
}

static void each_method_takes_its_bytes_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; kex_method_at(i); i++)
        play_method(kex_method_at(i), 1);
}

static void the_hybrid_comes_first_where_libcrypto_has_it(void **state)
{
    EVP_KEM *kem = EVP_KEM_fetch(NULL, "ML-KEM-768", NULL);
    const char *first = kem ? "mlkem768x25519-sha256" : "curve25519-sha256";
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    open_pair(&pair);
    assert_agreed(&pair);
    assert_true(info_is(&pair.client, SESSILE_SSH_INFO_KEX, first));
    assert_int_equal(kex_method_find("mlkem768x25519-sha256", 21) != NULL, kem != NULL);
    EVP_KEM_free(kem);
    kex_free_pair(&pair);
}

static void an_insecure_method_is_not_in_the_default(void **state)
{
    (void)state;
    for (size_t i = 0; kex_method_at(i); i++)
        assert_int_equal(names_have(sessile_ssh_config_algorithms(client, SESSILE_SSH_KEX), kex_method_at(i)->name,
                                    strlen(kex_method_at(i)->name)),
                         !kex_method_at(i)->insecure);
}

static void two_sessions_back_to_back_exchange_keys(void **state)
{
    sessile_session *a, *b;

    (void)state;
    server_has("ed25519 host");
    assert_int_equal(sessile_pair(&a, &b), 0);
    must(sessile_ssh_accept(b, server, NULL, NULL), server);
    must(sessile_ssh_connect(a, client, "host", 22, "user", NULL, NULL), client);
    assert_true(sessile_ssh_session_id(a, NULL, 0) == 32 || sessile_ssh_session_id(a, NULL, 0) == 64);
    /* Nobody answers the client: it has come as far as authentication. */
    assert_int_equal(sessile_session_error(a), SESSILE_ERR_REFUSED);
    sessile_session_free(a);
    sessile_session_free(b);
}

static void a_servers_moduli_give_the_group(void **state)
{
    BIGNUM *p = BN_get_rfc3526_prime_4096(NULL);
    char *digits = BN_bn2hex(p), line[2048];
    struct kex_pair pair = {.step = 0};
    struct reader r, modulus, generator;

    (void)state; /* the generator tells it from the group that is built in */
    snprintf(line, sizeof line, "# moduli\n20240101000000 2 6 100 4095 5 %s\n", digits);
    server_has("ed25519 host");
    use_methods("diffie-hellman-group-exchange-sha256");
    must(sessile_ssh_config_set_moduli(server, line, strlen(line)), server);
    must(sessile_ssh_config_set_group_sizes(client, 2048, 3072, 8192), client);
    open_pair(&pair);
    assert_agreed(&pair);
    r = kex_seen(&pair.server, MSG_KEX_REPLY);
    get_u8(&r);
    modulus = get_mpint(&r);
    generator = get_mpint(&r);
    assert_true(reader_done(&r));
    assert_int_equal(modulus.left, 512);
    assert_true(reader_is(&generator, "\x05"));
    kex_free_pair(&pair);
    OPENSSL_free(digits);
    BN_free(p);
}

/* ---- each host key ---- */

static void each_host_key_algorithm_proves_the_server(void **state)
{
    static const struct {
        const char *key;
        const char *algorithm;
        const char *authority;
    } rows[] = {
        {"ed25519 host", "ssh-ed25519", NULL},
        {"ecdsa host", "ecdsa-sha2-nistp256", NULL},
        {"rsa host", "rsa-sha2-512", NULL},
        {"rsa host", "rsa-sha2-256", NULL},
        {"ed25519 host", "ssh-ed25519-cert-v01@openssh.com", "ed25519 ca"},
        {"ecdsa host", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ed25519 ca"},
        {"rsa host", "rsa-sha2-256-cert-v01@openssh.com", "ed25519 ca"},
        {"ed25519 host", "ssh-ed25519", "ed25519 ca"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct trust_terms terms = {.kind = SESSILE_CERTIFICATE_HOST, .principal = "host.example"};
        struct kex_pair pair = {.step = 0};
        sessile_key *certificate, *both;

        configs_open(NULL);
        if (rows[i].authority) {
            certificate = trust_certificate(rows[i].key, rows[i].authority, terms);
            assert_int_equal(sessile_key_with_certificate(trust_key(rows[i].key), certificate, &both), 0);
            must(sessile_ssh_config_add_host_key(server, both), server);
            sessile_key_free(certificate);
            sessile_key_free(both);
        } else {
            server_has(rows[i].key);
        }
        must(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_HOST_KEYS, rows[i].algorithm), client);
        open_pair(&pair);
        assert_agreed(&pair);
        assert_true(info_is(&pair.client, SESSILE_SSH_INFO_HOST_KEY, rows[i].algorithm));
        assert_int_equal(sessile_key_has_certificate(sessile_ssh_host_key(pair.client.session)),
                         strstr(rows[i].algorithm, "-cert-") != NULL);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

/* ---- the hash and the keys, computed again ---- */

static size_t unhex(const char *hex, uint8_t *out, size_t room)
{
    size_t size = 0;

    for (; hex[0] && hex[1] && size < room; hex += 2) {
        unsigned value;

        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        out[size++] = (uint8_t)value;
    }
    return size;
}

static void put_payload(struct writer *w, const struct kex_end *end, int number)
{
    struct reader r = kex_seen(end, number);

    assert_false(r.failed);
    put_sized32(w, r.data, r.left);
}

/* Copy a string or mpint as it stands on the wire. */
static void copy_field(struct writer *w, struct reader *r)
{
    struct reader field = get_sub32(r);

    assert_false(r->failed);
    put_sized32(w, field.data, field.left);
}

static void hash_again(struct kex_pair *pair, const struct kex_method *method, const uint8_t *secret,
                       size_t secret_size, uint8_t *id, size_t *id_size)
{
    struct reader first = kex_seen(&pair->client, method->group_exchange ? MSG_KEX_GEX_INIT : MSG_KEX_INIT);
    struct reader reply = kex_seen(&pair->server, method->group_exchange ? MSG_KEX_GEX_REPLY : MSG_KEX_REPLY);
    struct reader request = kex_seen(&pair->client, MSG_KEX_GEX_REQUEST);
    struct reader group = kex_seen(&pair->server, MSG_KEX_REPLY);
    struct writer w = {0};

    put_text32(&w, pair->client.ident);
    put_text32(&w, pair->server.ident);
    put_payload(&w, &pair->client, MSG_KEXINIT);
    put_payload(&w, &pair->server, MSG_KEXINIT);
    get_u8(&reply);
    copy_field(&w, &reply);
    if (method->group_exchange) {
        get_u8(&request);
        put_bytes(&w, request.data, 12);
        get_u8(&group);
        copy_field(&w, &group);
        copy_field(&w, &group);
    }
    get_u8(&first);
    copy_field(&w, &first);
    copy_field(&w, &reply);
    if (method->secret_is_string)
        put_sized32(&w, secret, secret_size);
    else
        put_mpint(&w, secret, secret_size);
    assert_int_equal(EVP_Q_digest(NULL, method->digest, NULL, w.data, w.size, id, id_size), 1);
    writer_free(&w);
}

static void the_key_log_tells_the_secret_that_the_session_id_is_made_of(void **state)
{
    (void)state;
    for (size_t i = 0; kex_method_at(i); i++) {
        const struct kex_method *method = kex_method_at(i);
        struct kex_pair pair = {.step = 0};
        uint8_t cookie[16], secret[1100], id[64], real[64];
        size_t secret_size, id_size = 0;
        struct reader init;

        configs_open(NULL);
        server_has("ed25519 host");
        must(sessile_ssh_config_insecure_compatible(client), client);
        must(sessile_ssh_config_insecure_compatible(server), server);
        use_methods(method->name);
        must(sessile_ssh_config_insecure_keylog(client, 1), client);
        open_pair(&pair);
        assert_agreed(&pair);
        assert_null(pair.server.keylog);
        assert_non_null(pair.client.keylog);
        assert_memory_equal(pair.client.keylog + 32, " SHARED_SECRET ", 15);
        unhex(pair.client.keylog, cookie, sizeof cookie);
        init = kex_seen(&pair.client, MSG_KEXINIT);
        assert_memory_equal(init.data + 1, cookie, sizeof cookie);
        secret_size = unhex(pair.client.keylog + 47, secret, sizeof secret);
        hash_again(&pair, method, secret, secret_size, id, &id_size);
        assert_int_equal(sessile_ssh_session_id(pair.client.session, real, sizeof real), (int)id_size);
        assert_memory_equal(id, real, id_size);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

/* RFC 4253, section 7.2, once more. */
static void key_again(const struct kex *kex, const uint8_t *id, size_t id_size, char letter, uint8_t *out, size_t size)
{
    struct writer all = {0};

    while (all.size < size) {
        struct writer w = {0};
        uint8_t block[64];
        size_t block_size = 0;

        put_mpint(&w, kex->secret.data, kex->secret.size);
        put_bytes(&w, kex->exchange_hash, kex->exchange_hash_size);
        if (all.size)
            put_bytes(&w, all.data, all.size);
        else {
            put_u8(&w, (uint8_t)letter);
            put_bytes(&w, id, id_size);
        }
        assert_int_equal(EVP_Q_digest(NULL, kex->method->digest, NULL, w.data, w.size, block, &block_size), 1);
        put_bytes(&all, block, block_size);
        writer_free(&w);
    }
    if (size)
        memcpy(out, all.data, size);
    writer_free(&all);
}

static void keys_are_those_of_the_rfc_however_long_they_are(void **state)
{
    static const char *const ciphers[] = {"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"};
    static const struct kex_method *const methods[] = {&kex_method_curve25519, &kex_method_group16_sha512,
                                                       &kex_method_group14_sha1};
    uint8_t id[32], again[64], secret[] = {0, 0, 0x81, 2, 3};

    (void)state;
    memset(id, 7, sizeof id);
    for (size_t i = 0; i < 3; i++)
        for (size_t m = 0; m < 3; m++)
            for (int role = 0; role < 2; role++) {
                const struct cipher *cipher = cipher_find(ciphers[i], strlen(ciphers[i]));
                const struct mac *mac = cipher->tag_size ? NULL : mac_find("hmac-sha2-512", 13);
                struct kex kex = {.method = methods[m], .ciphers = {cipher, cipher}, .macs = {mac, mac}};
                struct ssh ssh = {.role = (uint8_t)role};

                kex.digest = EVP_MD_fetch(NULL, kex.method->digest, NULL);
                kex.hash = EVP_MD_CTX_new();
                kex.exchange_hash_size = (unsigned)EVP_MD_get_size(kex.digest);
                memset(kex.exchange_hash, 9, kex.exchange_hash_size);
                put_bytes(&kex.secret, secret, sizeof secret);
                memcpy(ssh.transport.session_id, id, sizeof id);
                ssh.transport.session_id_size = sizeof id;
                assert_int_equal(kex_keys_make(&ssh, &kex), 0);
                key_again(&kex, id, sizeof id, role ? 'D' : 'C', again, cipher->key_size);
                assert_memory_equal(again, kex.out.key, cipher->key_size);
                key_again(&kex, id, sizeof id, role ? 'C' : 'D', again, cipher->key_size);
                assert_memory_equal(again, kex.in.key, cipher->key_size);
                key_again(&kex, id, sizeof id, role ? 'B' : 'A', again, cipher->iv_size);
                assert_memory_equal(again, kex.out.iv, cipher->iv_size);
                key_again(&kex, id, sizeof id, role ? 'E' : 'F', again, mac ? mac->key_size : 0);
                assert_memory_equal(again, kex.in.mac_key, mac ? mac->key_size : 0);
                writer_free(&kex.secret);
                EVP_MD_CTX_free(kex.hash);
                EVP_MD_free(kex.digest);
            }
}

/* ---- the host key's signature, made elsewhere ---- */

static int give_signature(struct kex_end *end, sessile_question *question)
{
    const void *data, *algorithm, *blob;
    size_t size, algorithm_size, blob_size;
    uint8_t signature[1024];
    const char *with = end->app;
    int signature_size;

    if (sessile_question_kind(question) != SESSILE_QUESTION_SSH_SIGN)
        return kex_keep(end, question);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_DATA, 0, &data, &size), 0);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_ALGORITHM, 0, &algorithm, &algorithm_size), 0);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_KEY, 0, &blob, &blob_size), 0);
    assert_int_equal(kex_phase(end), SSH_KEX);
    signature_size = sessile_key_sign(trust_key(with), algorithm, data, size, signature, sizeof signature);
    assert_true(signature_size > 0);
    assert_int_equal(sessile_question_put(question, SESSILE_ITEM_SIGNATURE, signature, (size_t)signature_size), 0);
    return sessile_question_accept(question);
}

static void server_has_public(const char *name)
{
    const char *line = trust_line(name);
    sessile_key *key;

    assert_int_equal(sessile_key_read_public(line, strlen(line), &key, NULL, 0), 0);
    must(sessile_ssh_config_add_host_key(server, key), server);
    sessile_key_free(key);
}

static void a_signature_can_be_made_elsewhere(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_public("ed25519 host");
    pair.server.question = give_signature;
    pair.server.app = "ed25519 host";
    open_pair(&pair);
    assert_agreed(&pair);
    assert_non_null(strstr(pair.server.log, "SIGN"));
    kex_free_pair(&pair);
}

static void a_signature_can_be_made_elsewhere_and_later(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_public("rsa host");
    pair.server.question = kex_keep;
    pair.server.app = "rsa host";
    open_pair(&pair);
    assert_true(kex_seen(&pair.server, MSG_KEX_REPLY).failed);
    assert_non_null(pair.server.kept[0]);
    give_signature(&pair.server, pair.server.kept[0]);
    kex_run(&pair);
    assert_agreed(&pair);
    kex_free_pair(&pair);
}

static void a_signature_by_another_key_is_not_sent(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_public("ed25519 host");
    pair.server.question = give_signature;
    pair.server.app = "ed25519 other";
    open_pair(&pair);
    kex_assert_failed(&pair.server, SESSILE_ERR_VERIFY, "that was given is not good");
    assert_true(kex_seen(&pair.server, MSG_KEX_REPLY).failed);
    assert_int_equal(pair.client.error, SESSILE_ERR_PEER);
    kex_free_pair(&pair);
}

static int accept_without_signature(struct kex_end *end, sessile_question *question)
{
    return kex_accept(end, question);
}

static void a_signature_that_is_refused_ends_the_session(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has_public("ed25519 host");
    open_pair(&pair); /* nobody answers */
    kex_assert_failed(&pair.server, SESSILE_ERR_REFUSED, "was refused");
    kex_free_pair(&pair);

    pair.server.question = accept_without_signature;
    open_pair(&pair);
    kex_assert_failed(&pair.server, SESSILE_ERR_REFUSED, "was not given");
    kex_free_pair(&pair);
}

/* ---- again ---- */

static size_t count_word(const char *log, const char *word)
{
    size_t count = 0;

    for (const char *at = log; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

static void open_session(struct kex_pair *pair)
{
    pair->client.question = pair->server.question = kex_answer_all;
    open_pair(pair);
    assert_int_equal(kex_phase(&pair->client), SSH_OPEN);
    assert_int_equal(kex_phase(&pair->server), SSH_OPEN);
}

static void assert_rekeyed(struct kex_pair *pair, size_t times)
{
    kex_run(pair);
    assert_agreed(pair);
    assert_int_equal(count_word(pair->client.log, "rekeyed"), times);
    assert_int_equal(count_word(pair->server.log, "rekeyed"), times);
    assert_null(ssh_of(pair->client.session)->transport.kex);
    assert_null(ssh_of(pair->server.session)->transport.kex);
}

static void either_side_or_both_at_once_may_rekey(void **state)
{
    struct kex_pair pair = {.step = 0};
    uint8_t id[64], later[64];
    sessile_key *key;

    (void)state;
    server_has("ed25519 host");
    open_session(&pair);
    sessile_ssh_session_id(pair.client.session, id, sizeof id);
    key = sessile_ssh_host_key(pair.client.session);
    assert_int_equal(sessile_ssh_rekey(pair.client.session), 0);
    assert_rekeyed(&pair, 1);
    assert_int_equal(sessile_ssh_rekey(pair.server.session), 0);
    assert_rekeyed(&pair, 2);
    assert_int_equal(sessile_ssh_rekey(pair.client.session), 0);
    assert_int_equal(sessile_ssh_rekey(pair.client.session), 0); /* it is on */
    assert_int_equal(sessile_ssh_rekey(pair.server.session), 0);
    assert_rekeyed(&pair, 3);
    for (size_t i = 4; i < 40; i++) {
        assert_int_equal(sessile_ssh_rekey(i % 3 ? pair.server.session : pair.client.session), 0);
        assert_rekeyed(&pair, i);
    }
    sessile_ssh_session_id(pair.client.session, later, sizeof later);
    assert_memory_equal(id, later, 32);
    assert_ptr_equal(sessile_ssh_host_key(pair.client.session), key);
    assert_int_equal(count_word(pair.client.log, "HOST_KEY"), 0);
    kex_free_pair(&pair);
}

static void every_method_can_rekey_byte_by_byte_with_messages_in_flight(void **state)
{
    (void)state;
    for (size_t i = 0; kex_method_at(i); i++) {
        struct kex_pair pair = {.step = 1};

        configs_open(NULL);
        server_has("ed25519 host");
        must(sessile_ssh_config_insecure_compatible(client), client);
        must(sessile_ssh_config_insecure_compatible(server), server);
        use_methods(kex_method_at(i)->name);
        use_ciphers("aes128-ctr");
        open_session(&pair);
        assert_int_equal(sessile_ssh_send_ignore(pair.server.session, 1000), 0);
        assert_int_equal(sessile_ssh_rekey(pair.client.session), 0);
        assert_int_equal(sessile_ssh_send_ignore(pair.client.session, 1000), 0);
        assert_rekeyed(&pair, 1);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static int rekey_then_answer(struct kex_end *end, sessile_question *question)
{
    if (!end->app) {
        end->app = end;
        assert_int_equal(sessile_ssh_rekey(end->session), 0);
    }
    return kex_answer_all(end, question);
}

static void a_rekey_during_authentication_lets_it_go_on(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct kex_pair pair = {.step = 0};

        configs_open(NULL);
        server_has("ed25519 host");
        pair.client.question = side ? kex_answer_all : rekey_then_answer;
        pair.server.question = side ? rekey_then_answer : kex_answer_all;
        open_pair(&pair);
        assert_rekeyed(&pair, 1);
        assert_int_equal(kex_phase(&pair.client), SSH_OPEN);
        assert_int_equal(kex_phase(&pair.server), SSH_OPEN);
        kex_free_pair(&pair);
        configs_close(NULL);
    }
}

static void another_host_key_at_a_rekey_is_refused(void **state)
{
    struct kex_pair pair = {.step = 0};
    sessile_key *before;

    (void)state;
    server_has("ed25519 host");
    open_session(&pair);
    before = server->host_keys[0];
    server->host_keys[0] = trust_key("ed25519 other");
    assert_int_equal(sessile_ssh_rekey(pair.client.session), 0);
    kex_run(&pair);
    server->host_keys[0] = before;
    kex_assert_failed(&pair.client, SESSILE_ERR_VERIFY, "another one than in the first key exchange");
    assert_non_null(strstr(pair.server.log, "disconnect(9"));
    kex_free_pair(&pair);
}

static void a_peer_that_goes_away_in_mid_rekey_has_cut_the_session_off(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    open_session(&pair);
    assert_int_equal(sessile_ssh_rekey(pair.client.session), 0);
    sessile_session_close(pair.client.session);
    kex_assert_failed(&pair.client, SESSILE_ERR_TRUNCATED, "key exchange");
    kex_free_pair(&pair);
}

static void a_rekey_comes_by_itself_when_keys_have_served_long_enough(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    must(sessile_ssh_config_set_rekey(client, 100000, 0), client);
    open_session(&pair);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sessile_ssh_send_ignore(pair.client.session, 32000), 0);
        kex_run(&pair);
        assert_int_equal(sessile_ssh_send_ignore(pair.server.session, 32000), 0);
        kex_run(&pair);
    }
    assert_agreed(&pair);
    assert_true(count_word(pair.client.log, "rekeyed") >= 2);
    kex_free_pair(&pair);
}

static void a_server_tells_its_signatures_right_after_its_first_keys(void **state)
{
    struct kex_pair pair = {.step = 0};

    (void)state;
    server_has("ed25519 host");
    open_pair(&pair);
    assert_agreed(&pair);
    assert_true(info_is(&pair.client, SESSILE_SSH_INFO_SIGNATURES,
                        sessile_ssh_config_algorithms(server, SESSILE_SSH_USER_KEYS)));
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
        cmocka_unit_test(each_method_leads_to_the_same_keys_on_both_sides),
        cmocka_unit_test(each_method_takes_its_bytes_one_by_one),
        WITH_CONFIGS(the_hybrid_comes_first_where_libcrypto_has_it),
        WITH_CONFIGS(an_insecure_method_is_not_in_the_default),
        WITH_CONFIGS(two_sessions_back_to_back_exchange_keys),
        WITH_CONFIGS(a_servers_moduli_give_the_group),
        cmocka_unit_test(each_host_key_algorithm_proves_the_server),
        cmocka_unit_test(the_key_log_tells_the_secret_that_the_session_id_is_made_of),
        cmocka_unit_test(keys_are_those_of_the_rfc_however_long_they_are),
        WITH_CONFIGS(a_signature_can_be_made_elsewhere),
        WITH_CONFIGS(a_signature_can_be_made_elsewhere_and_later),
        WITH_CONFIGS(a_signature_by_another_key_is_not_sent),
        WITH_CONFIGS(a_signature_that_is_refused_ends_the_session),
        WITH_CONFIGS(either_side_or_both_at_once_may_rekey),
        cmocka_unit_test(every_method_can_rekey_byte_by_byte_with_messages_in_flight),
        cmocka_unit_test(a_rekey_during_authentication_lets_it_go_on),
        WITH_CONFIGS(another_host_key_at_a_rekey_is_refused),
        WITH_CONFIGS(a_peer_that_goes_away_in_mid_rekey_has_cut_the_session_off),
        WITH_CONFIGS(a_rekey_comes_by_itself_when_keys_have_served_long_enough),
        WITH_CONFIGS(a_server_tells_its_signatures_right_after_its_first_keys),
    };

    return cmocka_run_group_tests(tests, NULL, keys_close);
}
