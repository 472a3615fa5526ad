/* SPDX-License-Identifier: Apache-2.0
 *
 * Where authentication could be less than was meant: policies that are written wrongly, certificates that want more
 * than a signature or are not what they must be, key exchanges that cost a stranger nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "ssh_attack.h"
#include "ssh_open.h"
#include "ssh_trust.h"

#define CHACHA "chacha20-poly1305@openssh.com"
#define SERVICE "ssh-connection"

static struct attack a;

/* ---- policies ---- */

static void a_comma_of_a_policy_stands_between_two_methods(void **state)
{
    static const char *const bad[] = {
        "publickey, password", "publickey ,password", "publickey,,password", "publickey,", ",publickey", ",", "", " ",
    };
    static const char *const good[] = {
        "publickey", "publickey,password", "publickey  password", " publickey ", "publickey,password hostbased",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + sizeof good / sizeof good[0]; i++) {
        size_t bads = sizeof bad / sizeof bad[0];
        sessile_ssh_config *config = ssh_server_config(NULL);

        assert_int_equal(sessile_ssh_config_set_auth_methods(config, i < bads ? bad[i] : good[i - bads]),
                         i < bads ? SESSILE_ERR_ARGUMENT : SESSILE_OK);
        assert_int_equal(*sessile_ssh_config_error_text(config) != 0, i < bads);
        sessile_ssh_config_free(config);
    }
}

/* ---- a host's certificate ---- */

struct voucher {
    sessile_key *key;
    const char *host;
};

static int choose_hostbased(struct ssh_peer *peer, enum ssh_event event)
{
    struct voucher *own = peer->app;
    sessile_question *question = peer->question;

    if (event == SSH_QUESTION && sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        sessile_ssh_question_use_key(question, own->key);
        sessile_question_put(question, SESSILE_ITEM_HOST, own->host, strlen(own->host));
        sessile_question_put(question, SESSILE_ITEM_USER, "al", 2);
        peer->method = "hostbased";
    }
    return 0;
}

/* How often a server is asked about a host that vouches with such a certificate. */
static int asked_about(struct trust_terms terms, const char *host, int64_t time)
{
    struct voucher own = {NULL, host};
    sessile_ssh_config *client = ssh_client_config(NULL), *server = ssh_server_config(NULL);
    sessile_key *certificate = trust_certificate("ed25519 desk", "ed25519 ca", terms);
    struct ssh_pair pair;
    int asked;

    SSH_MUST(sessile_ssh_config_set_auth_methods(server, "hostbased"));
    SSH_MUST(sessile_ssh_config_set_auth_tries(server, 2));
    assert_int_equal(sessile_key_with_certificate(trust_key("ed25519 desk"), certificate, &own.key), SESSILE_OK);
    ssh_pair_init(&pair, client, server);
    pair.time = time;
    pair.client.hook = choose_hostbased;
    pair.client.app = &own;
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    ssh_pair_run(&pair);
    asked = ssh_peer_saw(&pair.server, "user");
    assert_int_equal(pair.server.ready, asked);
    ssh_pair_free(&pair);
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
    sessile_key_free(own.key);
    sessile_key_free(certificate);
    return asked;
}

static void a_host_vouches_by_a_certificate_that_is_in_force_for_it(void **state)
{
    struct trust_terms terms = {.kind = SESSILE_CERTIFICATE_HOST, .principal = "desk.example"};

    (void)state;
    assert_int_equal(asked_about(terms, "desk.example", TRUST_NOW), 1);
    assert_int_equal(asked_about(terms, "desk.example.", TRUST_NOW), 1);
    assert_int_equal(asked_about(terms, "other.example", TRUST_NOW), 0);
    assert_int_equal(asked_about(terms, ".", TRUST_NOW), 0);
    assert_int_equal(asked_about(terms, "desk.example", 0), 0); /* nobody knows what time it is */
    terms.before = TRUST_NOW - 1;
    assert_int_equal(asked_about(terms, "desk.example", TRUST_NOW), 0);
    terms = (struct trust_terms){.kind = SESSILE_CERTIFICATE_USER, .principal = "desk.example"};
    assert_int_equal(asked_about(terms, "desk.example", TRUST_NOW), 0);
}

/* ---- a certificate that wants its user verified (OpenSSH's PROTOCOL.certkeys) ---- */

#define APPLICATION "ssh:"
#define PLAIN_NAME "sk-ssh-ed25519@openssh.com"
#define NAME "sk-ssh-ed25519-cert-v01@openssh.com"

static void put_digest(struct writer *w, const void *data, size_t size)
{
    uint8_t hash[32];

    assert_int_equal(EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL), 1);
    put_bytes(w, hash, sizeof hash);
}

/* The public key of a token, with a certificate that has critical options. */
static void put_certificate(struct writer *w, EVP_PKEY *token, const struct writer *critical)
{
    static const char *const principals[] = {"alice"};
    sessile_key *key = NULL, *certificate = NULL;
    struct writer blob = {0};
    uint8_t point[32], out[2048];
    size_t size = sizeof point;

    assert_int_equal(EVP_PKEY_get_raw_public_key(token, point, &size), 1);
    open_put(&blob, "sds", PLAIN_NAME, point, size, APPLICATION);
    assert_int_equal(sessile_key_from_blob(blob.data, blob.size, &key, NULL, 0), SESSILE_OK);
    assert_int_equal(sessile_certificate_sign(key, trust_key("ed25519 ca"), NULL, SESSILE_CERTIFICATE_USER, 1, "id",
                                              principals, 1, 0, UINT64_MAX, critical->data, critical->size, NULL, 0,
                                              &certificate),
                     SESSILE_OK);
    put_bytes(w, out, (size_t)sessile_key_blob(certificate, 1, out, sizeof out));
    sessile_key_free(certificate);
    sessile_key_free(key);
    writer_free(&blob);
}

static void put_signature(struct writer *w, EVP_PKEY *token, const struct writer *data, uint8_t flags)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct writer said = {0};
    uint8_t signature[64];
    size_t size = sizeof signature;

    put_digest(&said, APPLICATION, strlen(APPLICATION));
    put_u8(&said, flags);
    put_u32(&said, 7);
    put_digest(&said, data->data, data->size);
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, token), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, said.data, said.size), 1);
    open_put(w, "sdbu", PLAIN_NAME, signature, size, flags, 7u);
    EVP_MD_CTX_free(context);
    writer_free(&said);
}

static void send_certified(const struct writer *critical, uint8_t flags)
{
    EVP_PKEY *token = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct writer blob = {0}, request = {0}, data = {0}, signature = {0};

    assert_non_null(token);
    put_certificate(&blob, token, critical);
    open_put(&request, "bsssbsd", MSG_USERAUTH_REQUEST, "alice", SERVICE, "publickey", 1, NAME, blob.data, blob.size);
    put_sized32(&data, a.ssh->transport.session_id, a.ssh->transport.session_id_size);
    put_bytes(&data, request.data, request.size);
    put_signature(&signature, token, &data, flags);
    put_sized32(&request, signature.data, signature.size);
    attack_put_bytes(&a, request.data, request.size);
    attack_run(&a);
    writer_free(&blob);
    writer_free(&request);
    writer_free(&data);
    writer_free(&signature);
    EVP_PKEY_free(token);
}

static void a_certificate_may_want_its_user_verified(void **state)
{
    static const struct {
        int wants;
        uint8_t flags;
        int asked;
    } cases[] = {{0, 1, 1}, {0, 5, 1}, {1, 1, 0}, {1, 4, 0}, {1, 5, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer critical = {0};

        if (cases[i].wants)
            open_put(&critical, "ss", "verify-required", "");
        attack_begin(&a, SESSILE_SERVER, ATTACK_AUTH, NULL, ssh_server_config(CHACHA));
        sessile_session_set_time(a.victim->session, TRUST_NOW);
        send_certified(&critical, cases[i].flags);
        assert_int_equal(ssh_peer_saw(a.victim, "user"), cases[i].asked);
        assert_int_equal(a.victim->ready, cases[i].asked);
        writer_free(&critical);
        attack_end(&a);
    }
}

/* ---- what a server says ---- */

static void the_methods_a_server_takes_are_escaped_in_the_error(void **state)
{
    (void)state;
    attack_begin(&a, SESSILE_CLIENT, ATTACK_AUTH, NULL, NULL);
    a.victim->answers[SESSILE_QUESTION_SSH_AUTHENTICATE] = SSH_NO;
    attack_send(&a, "bsb", MSG_USERAUTH_FAILURE, "pass\033[31mword", 0);
    assert_true(a.victim->closed);
    assert_has(sessile_session_error_text(a.victim->session), "the server takes: pass\\x1b[31mword");
    attack_end(&a);
}

/* ---- key exchanges before authentication ---- */

static void on_server_with_early(uint64_t packets)
{
    sessile_ssh_config *server = ssh_server_config(CHACHA);

    SSH_MUST(sessile_ssh_config_set_limit(server, SESSILE_SSH_LIMIT_EARLY_PACKETS, packets));
    attack_begin(&a, SESSILE_SERVER, ATTACK_AUTH, NULL, server);
}

static void an_exchange_that_a_stranger_begins_counts_for_many_packets(void **state)
{
    (void)state;
    on_server_with_early(45);
    attack_kexinit(&a);
    assert_attack_failed(&a, SESSILE_ERR_LIMIT, "before authentication, the last of them KEXINIT", 2);
    attack_end(&a);
    on_server_with_early(65);
    attack_kexinit(&a);
    assert_false(a.victim->closed);
    attack_until(&a, MSG_KEXINIT);
    attack_end(&a);
    on_server_with_early(45);
    SSH_MUST(sessile_ssh_rekey(a.victim->session)); /* its own is not the stranger's doing */
    attack_kexinit(&a);
    assert_false(a.victim->closed);
    attack_end(&a);
}

static int drop_keys(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comma_of_a_policy_stands_between_two_methods),
        cmocka_unit_test(a_host_vouches_by_a_certificate_that_is_in_force_for_it),
        cmocka_unit_test(a_certificate_may_want_its_user_verified),
        cmocka_unit_test(the_methods_a_server_takes_are_escaped_in_the_error),
        cmocka_unit_test(an_exchange_that_a_stranger_begins_counts_for_many_packets),
    };

    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
