/* SPDX-License-Identifier: Apache-2.0
 *
 * The question about the peer's certificate, on either side and in either version: answered at once, later, never, and
 * when nobody needs the answer any more. Nothing is believed before the yes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509_vfy.h>

#include "tls_configs.h"
#include "tls_pair.h"

/* The sides, and in which version: every test runs for each. */
static const struct way {
    int asking;
    int version;
} ways[] = {
    {SESSILE_CLIENT, SESSILE_TLS_1_2},
    {SESSILE_CLIENT, SESSILE_TLS_1_3},
    {SESSILE_SERVER, SESSILE_TLS_1_2},
    {SESSILE_SERVER, SESSILE_TLS_1_3},
};
#define FOR_EACH_WAY(way) for (const struct way *way = ways; way < ways + sizeof ways / sizeof ways[0]; way++)

static sessile_tls_config *client;
static sessile_tls_config *server;

static struct tls_end *asking_end(struct tls_pair *pair, const struct way *way)
{
    return way->asking == SESSILE_CLIENT ? &pair->client : &pair->server;
}

static void ask(const struct way *way, int when)
{
    MUST(sessile_tls_config_ask_peer(way->asking == SESSILE_CLIENT ? client : server, when));
}

/* Configs for a way: the side that is asked about shows a certificate that is trusted or not. */
static void make(const struct way *way, int trusted)
{
    client = config_client();
    server = config_server_of(trusted || way->asking == SESSILE_SERVER ? configs_pki.ed25519 : configs_pki.stranger);
    MUST(sessile_tls_config_set_versions(server, way->version, way->version));
    if (way->asking == SESSILE_CLIENT)
        return;
    config_show(client, trusted ? configs_pki.client : configs_pki.client_stranger);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
}

static void drop(struct tls_pair *pair)
{
    pair_free(pair);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static struct tls_end *run(struct tls_pair *pair, const struct way *way, enum answer answer)
{
    struct tls_end *end = asking_end(pair, way);

    pair_init(pair, client, server);
    end->answer = answer;
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
    return end;
}

static void make_and_run(struct tls_pair *pair, const struct way *way, int trusted, int when, enum answer answer)
{
    make(way, trusted);
    ask(way, when);
    run(pair, way, answer);
}

static void talk(struct tls_pair *pair)
{
    end_write(&pair->client, "ping", 4);
    end_write(&pair->server, "pong", 4);
    pair_run(pair);
    assert_true(end_got(&pair->server, "ping") && end_got(&pair->client, "pong"));
}

/* ---- at once ---- */

static void an_untrusted_peer_is_asked_about_and_accepted(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 0, SESSILE_TLS_ASK_UNTRUSTED, ANSWER_ACCEPT);
        end = asking_end(&pair, way);
        assert_ready(&pair);
        assert_int_equal(end->questions, 1);
        assert_true(sessile_tls_verify_code(end->session) != X509_V_OK);
        talk(&pair);
        drop(&pair);
    }
}

static void a_trusted_peer_is_not_asked_about(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_UNTRUSTED, ANSWER_REFUSE);
        assert_ready(&pair);
        assert_int_equal(asking_end(&pair, way)->questions, 0);
        drop(&pair);
    }
}

static void a_trusted_peer_is_asked_about_where_always(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_ACCEPT);
        end = asking_end(&pair, way);
        assert_ready(&pair);
        assert_int_equal(end->questions, 1);
        assert_int_equal(sessile_tls_verify_code(end->session), X509_V_OK);
        talk(&pair);
        drop(&pair);
    }
}

static void check_refused(struct tls_pair *pair, const struct way *way)
{
    struct tls_end *end = asking_end(pair, way);

    assert_failed(end, SESSILE_ERR_REFUSED);
    assert_contains(sessile_session_error_text(end->session), "the application refused the peer's certificate");
    assert_false(end->ready);
    assert_int_equal(end->tickets + pair->client.tickets, 0);
    assert_int_equal(end->data.size, 0);
    assert_true(end->peer->closed && end->peer->error != SESSILE_OK);
}

static void a_refused_peer_is_out_trusted_or_not(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_REFUSE);
        check_refused(&pair, way);
        drop(&pair);
        make_and_run(&pair, way, 0, SESSILE_TLS_ASK_UNTRUSTED, ANSWER_REFUSE);
        check_refused(&pair, way);
        drop(&pair);
    }
}

static void no_answer_is_a_refusal(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_NOT);
        check_refused(&pair, way);
        drop(&pair);
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_DROP);
        check_refused(&pair, way);
        drop(&pair);
        make(way, 1);
        ask(way, SESSILE_TLS_ASK_ALWAYS);
        pair_init(&pair, client, server);
        end = asking_end(&pair, way);
        end->no_question = 1;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        pair_run(&pair);
        check_refused(&pair, way);
        drop(&pair);
    }
}

static void a_refusal_counts_where_verification_is_off(void **state)
{
    struct tls_pair pair;

    (void)state;
    FOR_EACH_WAY(way)
    {
        if (way->asking == SESSILE_SERVER)
            continue;
        make(way, 0);
        ask(way, SESSILE_TLS_ASK_ALWAYS);
        MUST(sessile_tls_config_insecure_no_verify(client));
        run(&pair, way, ANSWER_REFUSE);
        check_refused(&pair, way);
        drop(&pair);
    }
}

static const struct {
    int reason;
    const char *alert;
} alerts[] = {
    {0, "bad_certificate (42)"},      {42, "bad_certificate (42)"},     {43, "unsupported_certificate (43)"},
    {44, "certificate_revoked (44)"}, {45, "certificate_expired (45)"}, {48, "unknown_ca (48)"},
    {9999, "bad_certificate (42)"},   {-1, "bad_certificate (42)"},
};

static void a_client_refuses_with_the_alert_of_its_choice(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++)
        for (int w = 0; w < 2; w++) {
            make(&ways[w], 1);
            ask(&ways[w], SESSILE_TLS_ASK_ALWAYS);
            pair_init(&pair, client, server);
            pair.client.answer = ANSWER_REFUSE;
            pair.client.reason = alerts[i].reason;
            assert_int_equal(pair_start(&pair), SESSILE_OK);
            pair_run(&pair);
            check_refused(&pair, &ways[w]);
            assert_failed(&pair.server, SESSILE_ERR_PEER);
            assert_contains(sessile_session_error_text(pair.server.session), alerts[i].alert);
            drop(&pair);
        }
}

static int failing(struct tls_end *end, enum event event)
{
    (void)end;
    return event == EVENT_QUESTION ? -7 : 0;
}

static void a_failing_callback_fails_the_session(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make(way, 1);
        ask(way, SESSILE_TLS_ASK_ALWAYS);
        pair_init(&pair, client, server);
        end = asking_end(&pair, way);
        end->hook = failing;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        pair_run(&pair);
        assert_failed(end, SESSILE_ERR_CALLBACK);
        assert_false(end->ready);
        drop(&pair);
    }
}

/* ---- what is asked ---- */

static int item_is(sessile_question *question, int item, const char *text)
{
    const void *data;
    size_t size;

    return sessile_question_count(question, item) == 1 &&
           sessile_question_get(question, item, 0, &data, &size) == SESSILE_OK && size == strlen(text) &&
           !memcmp(data, text, size + 1);
}

static void check_certificate(sessile_question *question, const struct pki *pki)
{
    const void *data;
    size_t size;
    size_t expected;
    uint8_t *der = pki_certificate_der(pki, &expected);

    assert_int_equal(sessile_question_count(question, SESSILE_ITEM_CERTIFICATE), 1);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_CERTIFICATE, 0, &data, &size), SESSILE_OK);
    assert_int_equal(size, expected);
    assert_memory_equal(data, der, size);
    assert_int_equal(sessile_question_get(question, SESSILE_ITEM_CERTIFICATE, 1, &data, &size), SESSILE_ERR_ARGUMENT);
    free(der);
}

static void the_question_tells_all_about_the_peer(void **state)
{
    struct tls_pair pair;
    sessile_question *q;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 0, SESSILE_TLS_ASK_UNTRUSTED, ANSWER_KEEP);
        q = asking_end(&pair, way)->question;
        assert_int_equal(sessile_question_kind(q), SESSILE_QUESTION_TLS_PEER);
        assert_ptr_equal(sessile_question_session(q), asking_end(&pair, way)->session);
        check_certificate(q, way->asking == SESSILE_CLIENT ? configs_pki.stranger : configs_pki.client_stranger);
        if (way->asking == SESSILE_CLIENT)
            assert_true(item_is(q, SESSILE_ITEM_HOST, HOST));
        else
            assert_int_equal(sessile_question_count(q, SESSILE_ITEM_HOST), 0);
        assert_true(item_is(q, SESSILE_ITEM_VERIFY_CODE, "20"));
        assert_true(item_is(q, SESSILE_ITEM_VERIFY_TEXT, X509_verify_cert_error_string(20)));
        assert_true(item_is(q, SESSILE_ITEM_RESUMED, "0"));
        assert_int_equal(sessile_question_put(q, SESSILE_ITEM_ALPN, "x", 1), SESSILE_ERR_ARGUMENT);
        assert_int_equal(sessile_tls_question_use_config(q, server), SESSILE_ERR_ARGUMENT);
        end_refuse(asking_end(&pair, way), 0);
        drop(&pair);
    }
}

/* ---- later ---- */

/* Nothing of the peer's is believed: not ready, nothing written, nothing taken. */
static void check_open(struct tls_end *end)
{
    uint8_t byte = 0x17;

    assert_non_null(end->question);
    assert_false(end->ready || end->closed);
    assert_int_equal(sessile_session_want(end->session), 0);
    assert_int_equal(sessile_session_receive(end->session, &byte, 1), 0);
    assert_int_equal(sessile_stream_write(end->stream, "x", 1), 0);
    assert_int_equal(sessile_stream_end(end->stream), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_detach(end->session), SESSILE_ERR_MISUSE);
    assert_string_equal(sessile_tls_version(end->session), "");
    assert_int_equal(end->data.size, 0);
}

static void a_kept_question_is_accepted_later(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 0, SESSILE_TLS_ASK_UNTRUSTED, ANSWER_KEEP);
        end = asking_end(&pair, way);
        if (end->peer->ready) /* it may speak already; nobody hears it */
            end_write(end->peer, "too early", 9);
        pair_run(&pair);
        check_open(end);
        assert_int_equal(pair.client.tickets, 0);
        assert_int_equal(end_accept(end), SESSILE_OK);
        pair_run(&pair);
        assert_ready(&pair);
        end->data.size = 0;
        talk(&pair);
        drop(&pair);
    }
}

static void data_behind_an_open_question_arrives_after_the_yes(void **state)
{
    struct tls_pair pair;

    (void)state;
    make_and_run(&pair, &ways[3], 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
    assert_true(pair.client.ready && !pair.server.ready);
    end_write(&pair.client, "early", 5);
    pair_run(&pair);
    assert_int_equal(pair.server.data.size, 0);
    assert_true(pair.server.shown > pair.server.taken);
    assert_int_equal(end_accept(&pair.server), SESSILE_OK);
    pair_run(&pair);
    assert_true(end_got(&pair.server, "early"));
    assert_int_equal(pair.server.shown, pair.server.taken);
    drop(&pair);
}

static void data_behind_a_refused_question_is_never_seen(void **state)
{
    struct tls_pair pair;

    (void)state;
    make_and_run(&pair, &ways[3], 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
    end_write(&pair.client, "early", 5);
    pair_run(&pair);
    assert_int_equal(end_refuse(&pair.server, 0), SESSILE_OK);
    pair_run(&pair);
    check_refused(&pair, &ways[3]);
    drop(&pair);
}

static void a_kept_question_is_refused_or_dropped_later(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        assert_int_equal(end_refuse(end, 44), SESSILE_OK);
        pair_run(&pair);
        check_refused(&pair, way);
        drop(&pair);
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        sessile_question_free(end->question);
        assert_int_equal(sessile_session_hold(end->session, 0), SESSILE_OK); /* any call brings it to rest */
        pair_run(&pair);
        check_refused(&pair, way);
        drop(&pair);
    }
}

static void a_question_is_answered_once(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        assert_int_equal(sessile_question_accept(end->question), SESSILE_OK);
        assert_int_equal(sessile_question_refuse(end->question, 0), SESSILE_ERR_GONE);
        assert_int_equal(sessile_question_accept(end->question), SESSILE_ERR_GONE);
        sessile_question_free(end->question);
        pair_run(&pair);
        assert_ready(&pair);
        drop(&pair);
    }
}

static int answer_twice(struct tls_end *end, enum event event)
{
    if (event != EVENT_QUESTION)
        return 0;
    assert_int_equal(sessile_question_refuse(end->question, 0), SESSILE_OK);
    assert_int_equal(sessile_question_accept(end->question), SESSILE_ERR_GONE);
    assert_false(end->closed); /* it goes on when the callback returns */
    return 0;
}

static void the_first_answer_within_the_callback_counts(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make(way, 1);
        ask(way, SESSILE_TLS_ASK_ALWAYS);
        pair_init(&pair, client, server);
        end = asking_end(&pair, way);
        end->hook = answer_twice;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        pair_run(&pair);
        check_refused(&pair, way);
        drop(&pair);
    }
}

static int accept_in_send(struct tls_end *end, enum event event)
{
    if (event == EVENT_SEND && end->peer->question)
        end_accept(end->peer);
    return 0;
}

static void a_question_may_be_answered_inside_the_peers_send(void **state)
{
    struct tls_pair pair;

    (void)state;
    make(&ways[3], 1);
    ask(&ways[3], SESSILE_TLS_ASK_ALWAYS);
    run(&pair, &ways[3], ANSWER_KEEP);
    pair.client.hook = accept_in_send;
    end_write(&pair.client, "now", 3);
    pair_run(&pair);
    assert_ready(&pair);
    assert_true(end_got(&pair.server, "now"));
    drop(&pair);
}

/* ---- nobody needs the answer any more ---- */

static void check_gone(struct tls_end *end, int code)
{
    sessile_question *q = end->question;

    assert_int_equal(end->withdrawn, 1);
    assert_int_equal(sessile_question_accept(q), SESSILE_ERR_GONE);
    assert_int_equal(sessile_question_refuse(q, 0), SESSILE_ERR_GONE);
    assert_failed(end, code);
    end_free_session(end);
    assert_null(sessile_question_session(q));
    assert_int_equal(sessile_question_accept(q), SESSILE_ERR_GONE);
    assert_true(sessile_question_count(q, SESSILE_ITEM_CERTIFICATE) == 1);
    sessile_question_free(q);
    end->question = NULL;
}

static void a_question_ends_with_its_session(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        assert_int_equal(sessile_session_abort(end->session), SESSILE_OK);
        check_gone(end, SESSILE_ERR_ABORTED);
        drop(&pair);
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        assert_int_equal(sessile_session_end(end->session), SESSILE_OK);
        check_gone(end, SESSILE_ERR_ABORTED);
        drop(&pair);
    }
}

static void a_question_outlives_a_freed_session(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        end_free_session(end);
        assert_int_equal(end->withdrawn, 0);
        assert_int_equal(sessile_question_accept(end->question), SESSILE_ERR_GONE);
        sessile_question_free(end->question);
        drop(&pair);
    }
}

static int free_in_question(struct tls_end *end, enum event event)
{
    if (event == EVENT_QUESTION) {
        end->question = NULL;
        end_free_session(end);
    }
    return 0;
}

static void the_session_may_be_freed_in_its_question(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make(way, 1);
        ask(way, SESSILE_TLS_ASK_ALWAYS);
        pair_init(&pair, client, server);
        end = asking_end(&pair, way);
        end->hook = free_in_question;
        assert_int_equal(pair_start(&pair), SESSILE_OK);
        pair_run(&pair);
        assert_true(end->comm_closed && end->released && !end->ready);
        assert_true(end->peer->closed && end->peer->error == SESSILE_ERR_TRUNCATED);
        drop(&pair);
    }
}

static void the_wire_may_go_while_a_question_is_open(void **state)
{
    struct tls_pair pair;
    struct tls_end *end;

    (void)state;
    FOR_EACH_WAY(way)
    {
        make_and_run(&pair, way, 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
        end = asking_end(&pair, way);
        end_wire_gone(end);
        if (end->shown > end->taken) { /* units wait: the verdict does too */
            assert_false(end->closed);
            assert_int_equal(end_refuse(end, 0), SESSILE_OK);
            assert_failed(end, SESSILE_ERR_REFUSED);
        } else
            check_gone(end, SESSILE_ERR_TRUNCATED);
        drop(&pair);
    }
}

static int offer_in_resume(struct tls_end *end, enum event event)
{
    size_t size = end->shown - end->taken;

    if (event != EVENT_RESUME)
        return 0;
    assert_int_equal(sessile_session_receive(end->session, end->wire.data + end->taken, size), size);
    end->taken = end->shown;
    return 0;
}

/* A client in TLS 1.3 has the rest of the server's flight waiting, from which it can complete the handshake. */
static void the_verdict_of_a_gone_wire_waits_for_the_answer(void **state)
{
    struct tls_pair pair;

    (void)state;
    make_and_run(&pair, &ways[1], 1, SESSILE_TLS_ASK_ALWAYS, ANSWER_KEEP);
    pair.client.hook = offer_in_resume;
    assert_true(pair.client.shown > pair.client.taken);
    end_wire_gone(&pair.client);
    assert_false(pair.client.closed);
    assert_int_equal(end_accept(&pair.client), SESSILE_OK);
    assert_int_equal(pair.client.taken, pair.client.shown);
    assert_true(pair.client.ready);
    assert_failed(&pair.client, SESSILE_ERR_TRUNCATED);
    drop(&pair);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_untrusted_peer_is_asked_about_and_accepted),
        TEST(a_trusted_peer_is_not_asked_about),
        TEST(a_trusted_peer_is_asked_about_where_always),
        TEST(a_refused_peer_is_out_trusted_or_not),
        TEST(no_answer_is_a_refusal),
        TEST(a_refusal_counts_where_verification_is_off),
        TEST(a_client_refuses_with_the_alert_of_its_choice),
        TEST(a_failing_callback_fails_the_session),
        TEST(the_question_tells_all_about_the_peer),
        TEST(a_kept_question_is_accepted_later),
        TEST(data_behind_an_open_question_arrives_after_the_yes),
        TEST(data_behind_a_refused_question_is_never_seen),
        TEST(a_kept_question_is_refused_or_dropped_later),
        TEST(a_question_is_answered_once),
        TEST(the_first_answer_within_the_callback_counts),
        TEST(a_question_may_be_answered_inside_the_peers_send),
        TEST(a_question_ends_with_its_session),
        TEST(a_question_outlives_a_freed_session),
        TEST(the_session_may_be_freed_in_its_question),
        TEST(the_wire_may_go_while_a_question_is_open),
        TEST(the_verdict_of_a_gone_wire_waits_for_the_answer),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
