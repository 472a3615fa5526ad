/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole sessions without memory: each allocation of ours fails in turn, once, or it and all that follow; and of
 * libcrypto's every one or every few, as the scenario says. What comes of it is what was wanted; or an error that
 * sticks at an end that was short of memory, or a call that said so, or a question that was taken for refused. Never
 * somebody let in who should not be, never a wrong byte to the other end, and nothing of ours is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "sanitized.h"
#include "ssh_story.h"
#include "ssh_trust.h"

#ifdef SANITIZED
#define SLOWER 5
#else
#define SLOWER 1
#endif

static sessile_ssh_config *client, *server;

struct scenario {
    const char *name;
    void (*configs)(void);
    void (*before)(struct ssh_pair *pair);
    int never_ready; /* -1, or the role of the end that must not become ready */
    size_t step;     /* of the indices of libcrypto's allocations */
};

/* ---- configs ---- */

static void story(void)
{
    client = ssh_story_client("aes128-gcm@openssh.com");
    server = ssh_story_server("aes128-gcm@openssh.com");
}

static void compressed_story(void)
{
    client = ssh_story_client("aes256-ctr hmac-sha2-256");
    server = ssh_story_server("aes256-ctr hmac-sha2-256");
    SSH_MUST(sessile_ssh_config_set_algorithms(client, SESSILE_SSH_COMPRESSION, "zlib@openssh.com"));
    SSH_MUST(sessile_ssh_config_set_algorithms(server, SESSILE_SSH_COMPRESSION, "zlib@openssh.com"));
}

static sessile_key *certified(const char *name)
{
    sessile_key *certificate =
        trust_certificate(name, "ed25519 ca", (struct trust_terms){.kind = SESSILE_CERTIFICATE_USER});
    sessile_key *key = NULL;

    SSH_MUST(sessile_key_with_certificate(trust_key(name), certificate, &key));
    sessile_key_free(certificate);
    return key;
}

/* A certificate that is revoked by its authority, and the plain key as well. */
static void revoked_key(void)
{
    char text[1024];
    sessile_krl *krl = NULL;
    sessile_key *key = certified("ed25519 user");

    snprintf(text, sizeof text, "%s\n%s\n", trust_line("ed25519 ca"), trust_line("ed25519 user"));
    SSH_MUST(sessile_krl_read(text, strlen(text), &krl, NULL, 0));
    client = ssh_client_config(NULL);
    server = ssh_server_config(NULL);
    SSH_MUST(sessile_ssh_config_add_user_key(client, key));
    SSH_MUST(sessile_ssh_config_set_krl(server, krl));
    SSH_MUST(sessile_ssh_config_set_auth_methods(server, "publickey"));
    sessile_krl_free(krl);
    sessile_key_free(key);
}

static void certificate(void)
{
    sessile_key *key = certified("ecdsa user");

    client = ssh_client_config("chacha20-poly1305@openssh.com");
    server = ssh_server_config("chacha20-poly1305@openssh.com");
    SSH_MUST(sessile_ssh_config_add_user_key(client, key));
    sessile_key_free(key);
}

static void at_that_time(struct ssh_pair *pair)
{
    pair->time = TRUST_NOW;
    pair->client.hook = pair->server.hook = NULL;
    pair->client.answers[SESSILE_QUESTION_SSH_AUTHENTICATE] = SSH_NO;
}

static void refuse_users(struct ssh_pair *pair)
{
    pair->server.answers[SESSILE_QUESTION_SSH_USER] = SSH_NO;
}

static void refuse_responses(struct ssh_pair *pair)
{
    pair->server.answers[SESSILE_QUESTION_SSH_RESPONSES] = SSH_NO;
    pair->server.rounds = 100; /* as often as it tries */
}

static void refuse_host(struct ssh_pair *pair)
{
    pair->client.answers[SESSILE_QUESTION_SSH_HOST_KEY] = SSH_NO;
}

static const struct scenario scenarios[] = {
    {"a whole session", story, NULL, -1, 7},
    {"a compressed one", compressed_story, NULL, -1, 13},
    {"a certificate", certificate, at_that_time, -1, 7},
    {"a revoked key", revoked_key, at_that_time, SESSILE_SERVER, 5},
    {"users that are refused", story, refuse_users, SESSILE_SERVER, 11},
    {"a last step that is refused", story, refuse_responses, SESSILE_SERVER, 11},
    {"a host that is refused", story, refuse_host, SESSILE_CLIENT, 5},
};

/* ---- one run ---- */

/* An end fails for want of memory, or because its peer did; a refusal may be what became of a question. libcrypto has
 * places where it says "the signature is wrong", or "there is no such cipher", for "there was no memory to look". */
static int may_be(int error, int which)
{
    static const int errors[] = {
        SESSILE_OK,        SESSILE_ERR_MEMORY,  SESSILE_ERR_CRYPTO,    SESSILE_ERR_PEER,    SESSILE_ERR_REFUSED,
        SESSILE_ERR_LIMIT, SESSILE_ERR_DROPPED, SESSILE_ERR_TRUNCATED, SESSILE_ERR_ABORTED,
    };

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i] == error)
            return 1;
    return which == FAILING_OPENSSL && (error == SESSILE_ERR_VERIFY || error == SESSILE_ERR_NEGOTIATION);
}

static const char *peer_fault(const struct ssh_peer *peer, int which)
{
    if (peer->closed && !may_be(peer->error, which))
        return "an end failed for another reason";
    if (peer->closed && sessile_session_error(peer->session) != peer->error)
        return "the error did not stick";
    if (peer->role == SESSILE_SERVER && peer->ready && peer->questions < 2)
        return "a user was let in without being asked about";
    return NULL;
}

/* A session that stands still is not over: then the application was told, by a call, and ends it. */
static void end_all(struct ssh_pair *pair)
{
    failing_off();
    if (pair->client.session && !pair->client.closed)
        sessile_session_end(pair->client.session);
    if (pair->server.session && !pair->server.closed)
        sessile_session_end(pair->server.session);
    ssh_pair_run(pair);
}

static const char *run_fault(const struct scenario *scenario, const struct ssh_pair *pair, int which, int right)
{
    const struct ssh_peer *never = scenario->never_ready == SESSILE_CLIENT ? &pair->client : &pair->server;
    const char *fault = peer_fault(&pair->client, which);

    if (!fault)
        fault = peer_fault(&pair->server, which);
    if (fault)
        return fault;
    if (scenario->never_ready >= 0 && never->ready)
        return "somebody was let in who should not be";
    if (!failing_hit() && scenario->never_ready < 0 && !right)
        return "nothing failed, and it was not told";
    return NULL;
}

static int told(const struct scenario *scenario, const struct ssh_pair *pair)
{
    return scenario->before == at_that_time ? pair->client.ready && pair->server.ready : !ssh_story_fault(pair);
}

static void describe(const struct ssh_pair *pair)
{
    print_error("client: %s | %s\n", journal_text(&pair->client.log),
                pair->client.session ? sessile_session_error_text(pair->client.session) : "");
    print_error("server: %s | %s\n", journal_text(&pair->server.log),
                pair->server.session ? sessile_session_error_text(pair->server.session) : "");
}

/* Returns whether an allocation failed. which: -1 for none. */
static int run_once(const struct scenario *scenario, int which, size_t index, int forever)
{
    size_t before = failing_blocks(FAILING_OURS);
    struct ssh_pair pair;
    const char *fault;
    int right, hit;

    ssh_story_init(&pair, client, server);
    if (scenario->before)
        scenario->before(&pair);
    if (which >= 0)
        failing_at(which, index, forever);
    else
        failing_off();
    if (ssh_pair_start(&pair) == SESSILE_OK)
        ssh_pair_run(&pair);
    hit = failing_hit();
    right = told(scenario, &pair);
    fault = run_fault(scenario, &pair, which, right);
    end_all(&pair);
    if (!fault && pair.client.session && pair.server.session && pair.client.started == 0 && pair.server.started == 0 &&
        !(pair.client.closed && pair.server.closed))
        fault = "an end cannot be ended";
    if (fault) {
        describe(&pair);
        fail_msg("%s, %s allocation %zu%s: %s", scenario->name, which == FAILING_OURS ? "our" : "libcrypto's", index,
                 forever ? " and all that follow" : "", fault);
    }
    ssh_pair_free(&pair);
    if (failing_blocks(FAILING_OURS) != before)
        fail_msg("%s, %s allocation %zu: %zu blocks are left", scenario->name, which ? "libcrypto's" : "our", index,
                 failing_blocks(FAILING_OURS) - before);
    return hit;
}

static void play_all(const struct scenario *scenario)
{
    size_t step = scenario->step * SLOWER, i;

    scenario->configs();
    SSH_MUST(sessile_ssh_config_check(client));
    SSH_MUST(sessile_ssh_config_check(server));
    run_once(scenario, -1, 0, 0); /* what libcrypto makes once it has now */
    for (i = 0; run_once(scenario, FAILING_OURS, i, 0); i++)
        ;
    assert_true(i > 20);
    for (i = 0; run_once(scenario, FAILING_OURS, i, 1); i++)
        ;
    for (i = 0; run_once(scenario, FAILING_OPENSSL, i, 0); i += step)
        ;
    if (i < 50) /* 3.5 needs fewer than 3.0 */
        fail_msg("%s: libcrypto has allocated %zu times at most", scenario->name, i);
    for (i = 0; run_once(scenario, FAILING_OPENSSL, i, 1); i += step * 3)
        ;
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        play_all(&scenarios[i]);
}

/* ---- what is held ---- */

static void many_sessions_leave_nothing_of_libcryptos_behind(void **state)
{
    size_t before = 0;

    (void)state;
    story();
    SSH_MUST(sessile_ssh_config_check(client));
    SSH_MUST(sessile_ssh_config_check(server));
    for (int i = 0; i < 20; i++) {
        run_once(&scenarios[0], -1, 0, 0);
        if (i == 4)
            before = failing_blocks(FAILING_OPENSSL);
    }
    assert_in_range(failing_blocks(FAILING_OPENSSL), 1, before + 2);
    sessile_ssh_config_free(client);
    sessile_ssh_config_free(server);
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
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(many_sessions_leave_nothing_of_libcryptos_behind),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
