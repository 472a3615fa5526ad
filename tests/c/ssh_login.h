/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of authentication begin with: a pair of sessions, and what came of them. Each program has its own. */
#ifndef SSH_LOGIN_H
#define SSH_LOGIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ssh_pair.h"
#include "ssh_trust.h"

static sessile_ssh_config *client_config, *server_config;
static struct ssh_pair pair;

/* A pair to be set further; methods: the server's policy, NULL for the default. */
static inline void prepare(const char *methods)
{
    client_config = ssh_client_config(NULL);
    server_config = ssh_server_config(NULL);
    SSH_MUST(sessile_ssh_config_insecure_any_host_key(client_config, 1));
    if (methods)
        SSH_MUST(sessile_ssh_config_set_auth_methods(server_config, methods));
    ssh_pair_init(&pair, client_config, server_config);
    pair.time = TRUST_NOW;
}

static inline void run(void)
{
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    ssh_pair_run(&pair);
}

static inline void done(void)
{
    ssh_pair_free(&pair);
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
}

static inline void add_user_key(sessile_key *key)
{
    SSH_MUST(sessile_ssh_config_add_user_key(client_config, key));
}

static inline void assert_log(const struct ssh_peer *peer, const char *log)
{
    assert_string_equal(journal_text(&peer->log), log);
}

static inline const char *methods_of(const struct ssh_peer *peer)
{
    return sessile_ssh_info(peer->session, SESSILE_SSH_INFO_METHODS);
}

/* A step that is refused is nobody's fault: the client may go on, and here gives up. */
static inline void assert_gave_up(void)
{
    assert_ssh_failed(&pair.client, SESSILE_ERR_REFUSED, "");
    assert_ssh_failed(&pair.server, SESSILE_ERR_PEER, "14: no more authentication methods");
    assert_false(pair.client.ready || pair.server.ready);
}

static inline int use_key(struct ssh_peer *peer, enum ssh_event event)
{
    if (event == SSH_QUESTION && sessile_question_kind(peer->question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        assert_int_equal(sessile_ssh_question_use_key(peer->question, NULL), SESSILE_ERR_ARGUMENT);
        assert_int_equal(sessile_ssh_question_use_key(peer->question, trust_key("ed25519 other")), SESSILE_OK);
        assert_int_equal(sessile_ssh_question_use_key(peer->question, peer->app), SESSILE_OK);
        peer->method = "publickey";
    }
    return 0;
}

static inline int choose_hostbased(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *question = peer->question;

    if (event == SSH_QUESTION && sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE) {
        sessile_ssh_question_use_key(question, peer->app);
        /* With the root, as OpenSSH writes it: the server's question is without it. */
        sessile_question_put(question, SESSILE_ITEM_HOST, "desk.example.", 13);
        sessile_question_put(question, SESSILE_ITEM_USER, "al", 2);
        peer->method = "hostbased";
    }
    return 0;
}

#endif
