/* SPDX-License-Identifier: Apache-2.0
 *
 * Any function may be called from inside any callback: each of them, in each callback of each end, at each of the first
 * times it comes and at some later ones, in the midst of a whole session. The callbacks of the pair check that nothing
 * comes out of order, twice, or after the end.
 *
 * And what is bounded: a batch is one send, and a peer that never reads costs little. */
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

/* Which times a callback comes: the first ones, and then some. */
#ifdef SANITIZED
#define ALL_TIMES 2
#define STEP 9
#else
#define ALL_TIMES 4
#define STEP 5
#endif

static sessile_ssh_config *client_config, *server_config;

static void use_story(void)
{
    client_config = ssh_story_client(NULL);
    server_config = ssh_story_server(NULL);
}

static void drop_configs(void)
{
    sessile_ssh_config_free(client_config);
    sessile_ssh_config_free(server_config);
}

/* ---- what is called ---- */

static void do_free(struct ssh_peer *peer)
{
    ssh_peer_free_session(peer);
}

static void do_free_other(struct ssh_peer *peer)
{
    if (peer->other->session)
        ssh_peer_free_session(peer->other);
}

static void do_wire_gone(struct ssh_peer *peer)
{
    if (!peer->comm_closed)
        ssh_peer_wire_gone(peer);
}

static void do_end(struct ssh_peer *peer)
{
    sessile_session_end(peer->session);
}

static void do_abort(struct ssh_peer *peer)
{
    sessile_session_abort(peer->session);
}

static void do_disconnect(struct ssh_peer *peer)
{
    sessile_ssh_disconnect(peer->session, 4, "from inside a callback");
}

static void do_abort_stream(struct ssh_peer *peer)
{
    if (peer->flow_count)
        sessile_stream_abort(peer->flows[0].stream);
}

static void do_end_stream(struct ssh_peer *peer)
{
    if (peer->flow_count)
        sessile_stream_end(peer->flows[0].stream);
}

static void do_rekey(struct ssh_peer *peer)
{
    sessile_ssh_rekey(peer->session);
}

static void do_rekey_both(struct ssh_peer *peer)
{
    sessile_ssh_rekey(peer->session);
    if (peer->other->session)
        sessile_ssh_rekey(peer->other->session);
}

static void do_pause(struct ssh_peer *peer)
{
    sessile_session_pause(peer->session, 1);
}

static void do_hold(struct ssh_peer *peer)
{
    sessile_session_hold(peer->session, 1);
}

static void do_hold_and_let_go(struct ssh_peer *peer)
{
    sessile_session_hold(peer->session, 1);
    sessile_session_hold(peer->session, 0);
}

static void do_ignore(struct ssh_peer *peer)
{
    sessile_session_enter(peer->session);
    sessile_ssh_send_ignore(peer->session, 100);
    sessile_ssh_send_debug(peer->session, "from inside a callback", 0);
    sessile_session_leave(peer->session);
}

static void do_move_other(struct ssh_peer *peer)
{
    if (!peer->other->sending)
        ssh_peer_move(peer->other);
    ssh_peer_turn(peer);
}

static void do_free_callbacks(struct ssh_peer *peer)
{
    for (size_t i = 0; i < peer->flow_count; i++)
        sessile_stream_set_callbacks(peer->flows[i].stream, NULL, NULL);
}

/* What is expected of the session after it. */
enum outcome {
    GOES_ON, /* it is told to its end */
    MAY_END, /* it is told so far, or to its end */
    IS_OVER, /* this end is */
    IS_FREED,
};

static const struct action {
    const char *name;
    void (*call)(struct ssh_peer *peer);
    enum outcome outcome;
} actions[] = {
    {"free", do_free, IS_FREED},
    {"free the other", do_free_other, MAY_END},
    {"close", do_wire_gone, IS_OVER},
    {"end", do_end, IS_OVER},
    {"abort", do_abort, IS_OVER},
    {"disconnect", do_disconnect, IS_OVER},
    {"abort a stream", do_abort_stream, MAY_END},
    {"end a stream", do_end_stream, MAY_END},
    {"rekey", do_rekey, GOES_ON},
    {"rekey both", do_rekey_both, GOES_ON},
    {"pause", do_pause, GOES_ON},
    {"hold", do_hold, GOES_ON},
    {"hold and let go", do_hold_and_let_go, GOES_ON},
    {"ignore in a batch", do_ignore, GOES_ON},
    {"receive of the other", do_move_other, GOES_ON},
    {"set callbacks", do_free_callbacks, GOES_ON},
    {"a negative result", NULL, IS_OVER},
};

/* ---- where ---- */

static struct {
    int role;
    enum ssh_event event;
    int time; /* counts down to 0 */
    const struct action *action;
    int done;
} plan;

static int act(struct ssh_peer *peer, enum ssh_event event)
{
    int result = 0;

    if (peer->role == plan.role && event == plan.event && !plan.done && plan.time-- == 0) {
        plan.done = 1;
        if (plan.action->call)
            plan.action->call(peer);
        else
            result = -1;
    }
    return peer->session ? ssh_story_hook(peer, event) | result : result;
}

/* Pauses and holds end once nothing moves. */
static void let_go(struct ssh_pair *pair)
{
    struct ssh_peer *peers[] = {&pair->client, &pair->server};

    for (int i = 0; i < 2; i++)
        if (peers[i]->session) {
            sessile_session_pause(peers[i]->session, 0);
            sessile_session_hold(peers[i]->session, 0);
        }
    ssh_pair_run(pair);
}

static const char *fault_of(const struct ssh_pair *pair, const struct ssh_peer *peer)
{
    const char *fault = ssh_story_fault(pair);
    int more_keys = pair->client.rekeyed > 1 || pair->server.rekeyed > 1;

    switch (plan.action->outcome) {
    case GOES_ON:
        return fault && more_keys && strstr(fault, "new keys") ? NULL : fault;
    case IS_OVER:
        return peer->closed ? NULL : "it is not over";
    case IS_FREED:
        return peer->released ? NULL : "the handle was not released";
    default:
        return NULL;
    }
}

/* A result matters only where the callback has one. */
static int has_result(enum ssh_event event)
{
    return event != SSH_STREAM_CLOSED && event != SSH_CLOSED && event != SSH_SEND && event != SSH_RESUME &&
           event != SSH_WITHDRAWN;
}

/* Returns whether it came to it. */
static int try_at(int role, enum ssh_event event, int time, const struct action *action)
{
    struct ssh_pair pair;
    const char *fault = NULL;

    if (!action->call && !has_result(event))
        return 0;
    plan.role = role;
    plan.event = event;
    plan.time = time;
    plan.action = action;
    plan.done = 0;
    ssh_story_init(&pair, client_config, server_config);
    pair.client.hook = pair.server.hook = act;
    if (ssh_pair_start(&pair) == SESSILE_OK)
        ssh_pair_run(&pair);
    else
        assert_true(plan.done); /* in the server's first send, before the client began */
    let_go(&pair);
    if (plan.done)
        fault = fault_of(&pair, role == SESSILE_CLIENT ? &pair.client : &pair.server);
    if (fault) {
        print_error("client: %s | %s\n", journal_text(&pair.client.log),
                    sessile_session_error_text(pair.client.session));
        print_error("server: %s | %s\n", journal_text(&pair.server.log),
                    sessile_session_error_text(pair.server.session));
        fail_msg("%s in event %d of role %d, time %d: %s", action->name, event, role, time, fault);
    }
    ssh_pair_free(&pair);
    return plan.done;
}

static void try_all(int role)
{
    size_t tried = 0, blocks = 0;

    use_story();
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        for (int event = 0; event < SSH_EVENTS; event++) {
            blocks = tried ? blocks : failing_blocks(FAILING_OURS);
            for (int time = 0; try_at(role, (enum ssh_event)event, time, &actions[i]);
                 time += time < ALL_TIMES ? 1 : STEP)
                tried++;
            if (tried && blocks && failing_blocks(FAILING_OURS) > blocks + 1) /* the configs' lists, when sealed */
                fail_msg("%s in event %d: %zu blocks are left", actions[i].name, event,
                         failing_blocks(FAILING_OURS) - blocks);
        }
    assert_true(tried > 300);
    drop_configs();
}

static void anything_may_be_called_from_a_clients_callbacks(void **state)
{
    (void)state;
    try_all(SESSILE_CLIENT);
}

static void anything_may_be_called_from_a_servers_callbacks(void **state)
{
    (void)state;
    try_all(SESSILE_SERVER);
}

/* ---- answers from inside other callbacks ---- */

/* Each question is kept, and answered from the next send or notice of either end, whichever comes. */
static int answer_elsewhere(struct ssh_peer *peer, enum ssh_event event)
{
    struct ssh_pair *pair = peer->pair;

    if (event == SSH_SEND && pair->client.question && peer == &pair->server)
        ssh_accept(&pair->client);
    else if (event == SSH_SEND && pair->server.question && peer == &pair->client)
        ssh_accept(&pair->server);
    ssh_peer_turn(peer);
    return ssh_story_hook(peer, event);
}

static void questions_may_be_answered_from_another_sessions_callbacks(void **state)
{
    struct ssh_pair pair;
    int turns = 0;

    (void)state;
    use_story();
    ssh_story_init(&pair, client_config, server_config);
    pair.client.hook = pair.server.hook = answer_elsewhere;
    for (int i = SESSILE_QUESTION_SSH_HOST_KEY; i <= SESSILE_QUESTION_SSH_RESPONSES; i++)
        pair.client.answers[i] = pair.server.answers[i] = SSH_KEEP;
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    ssh_pair_run(&pair);
    while (!pair.client.closed && turns++ < 20) { /* an end that sends nothing while the other asks: give it a reason */
        struct ssh_peer *silent = pair.client.question ? &pair.server : &pair.client;

        if (sessile_ssh_send_ignore(silent->session, 1) == SESSILE_ERR_MISUSE)
            ssh_accept(silent->other); /* before the first keys there is none */
        ssh_pair_run(&pair);
    }
    assert_null(ssh_story_fault(&pair));
    ssh_pair_free(&pair);
    drop_configs();
}

/* ---- bounds ---- */

static void a_peer_that_never_reads_costs_little(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;
    uint8_t block[65536] = {0};
    size_t sent;
    int taken = 0;

    (void)state;
    client_config = ssh_client_config(NULL);
    server_config = ssh_server_config(NULL);
    ssh_pair_open(&pair, client_config, server_config);
    flow = ssh_peer_exec(&pair.client, "cat");
    sent = pair.server.wire.size;
    failing_peak_reset();
    for (int i = 0; i < 1000; i++) {
        int now = sessile_stream_write(flow->stream, block, sizeof block);

        assert_true(now >= 0);
        taken += now;
        if (i == 100)
            sessile_session_hold(pair.client.session, 1); /* as a comms layer does whose queue is over its mark */
    }
    assert_true((size_t)taken <= pair.server.wire.size - sent);
    assert_in_range(taken, 1u << 20, 3u << 20); /* the window, at most */
    assert_true(failing_peak(FAILING_OURS) < failing_bytes(FAILING_OURS) + 400000);
    assert_int_equal(sessile_stream_write(flow->stream, block, 1), 0);
    ssh_pair_free(&pair);
    drop_configs();
}

/* An application that echoes to a peer that sends and never reads: the hold of the server's wire ends it all. */
static void an_echo_to_a_peer_that_never_reads_is_bounded(void **state)
{
    struct ssh_pair pair;
    struct ssh_flow *flow;
    uint8_t block[32768] = {0};
    size_t echoed;

    (void)state;
    client_config = ssh_client_config(NULL);
    server_config = ssh_server_config(NULL);
    ssh_pair_open(&pair, client_config, server_config);
    flow = ssh_peer_exec(&pair.client, "cat");
    sessile_session_hold(pair.server.session, 1);
    echoed = pair.client.wire.size;
    for (int i = 0; i < 500; i++) {
        if (sessile_stream_write(flow->stream, block, sizeof block) < 0)
            break;
        ssh_peer_move(&pair.server);
    }
    assert_in_range(pair.server.flows[0].data.size, 1u << 20, 4u << 20); /* a window, and no more credit */
    assert_true(pair.client.wire.size - echoed < 100000);
    ssh_pair_free(&pair);
    drop_configs();
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
        cmocka_unit_test(anything_may_be_called_from_a_clients_callbacks),
        cmocka_unit_test(anything_may_be_called_from_a_servers_callbacks),
        cmocka_unit_test(questions_may_be_answered_from_another_sessions_callbacks),
        cmocka_unit_test(a_peer_that_never_reads_costs_little),
        cmocka_unit_test(an_echo_to_a_peer_that_never_reads_is_bounded),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
