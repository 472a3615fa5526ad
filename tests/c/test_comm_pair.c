/* SPDX-License-Identifier: Apache-2.0
 *
 * pair and over_stream: sessions joined in memory, and sessions in sessions; and all of the helpers where memory runs
 * out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "comm_sides.h"

/* ---- pair ---- */

static void pair_needs_both_places(void **state)
{
    sessile_session *session = (sessile_session *)big;
    (void)state;
    assert_int_equal(sessile_pair(NULL, &session), SESSILE_ERR_ARGUMENT);
    assert_null(session);
    assert_int_equal(sessile_pair(&session, NULL), SESSILE_ERR_ARGUMENT);
}

static void pair_carries_data_both_ways_and_ends_cleanly(void **state)
{
    struct two two;
    (void)state;
    two_shake_hands(&two);
    side_send(&two.client, big, BIG);
    side_send(&two.server, big, 1000);
    assert_got(&two.server, big, BIG);
    assert_got(&two.client, big, 1000);
    assert_int_equal(sessile_stream_end(two.client.stream), 0);
    assert_int_equal(two.client.error, 0);
    assert_int_equal(two.server.error, 0);
    assert_int_equal(two.client.closed + two.server.closed, 2);
    two_free(&two);
}

static size_t depth_seen;
static uintptr_t depth_start;
static int balls;

static int hit_back(struct side *side)
{
    char here;
    uintptr_t at = (uintptr_t)&here;
    size_t depth = depth_start > at ? depth_start - at : at - depth_start;
    depth_seen = depth > depth_seen ? depth : depth_seen;
    side->got_size = 0;
    return balls-- > 0 && sessile_stream_write(side->stream, "ping", 4) != 4 ? -1 : 0;
}

static void pair_ping_pong_has_bounded_depth(void **state)
{
    struct two two;
    size_t early;
    (void)state;
    two_shake_hands(&two);
    two.client.on_data = two.server.on_data = hit_back;
    depth_start = (uintptr_t)&two;
    depth_seen = 0;
    balls = 100;
    assert_int_equal(sessile_stream_write(two.client.stream, "ping", 4), 4);
    early = depth_seen;
    balls = 100000;
    assert_int_equal(sessile_stream_write(two.client.stream, "ping", 4), 4);
    assert_true(balls < 0);
    assert_int_equal(depth_seen, early);
    two_free(&two);
}

static void pair_freed_end_closes_the_other(void **state)
{
    struct two two;
    (void)state;
    for (int server_first = 0; server_first < 2; server_first++) {
        two_shake_hands(&two);
        struct side *first = server_first ? &two.server : &two.client;
        struct side *second = first->other;
        side_free(first);
        assert_int_equal(second->closed, 1);
        assert_int_equal(second->error, SESSILE_ERR_TRUNCATED);
        assert_int_equal(first->closed, 0);
        side_free(second);
    }
    sessile_session *sessions[2];
    assert_int_equal(sessile_pair(&sessions[0], &sessions[1]), 0);
    sessile_session_free(sessions[1]);
    sessile_session_free(sessions[0]);
}

/* An end whose wire was said to be gone calls no close any more: its release tells the other. */
static void pair_freed_end_closes_the_other_after_a_close_of_its_own(void **state)
{
    struct two two;
    (void)state;
    two_shake_hands(&two);
    sessile_session_close(two.client.session);
    assert_int_equal(two.client.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(two.server.closed, 0);
    side_free(&two.client);
    assert_int_equal(two.server.closed, 1);
    assert_int_equal(two.server.error, SESSILE_ERR_TRUNCATED);
    two_free(&two);
}

static int free_both(struct side *side)
{
    sessile_session *own = side->session;
    sessile_session *others = side->other->session;
    side->session = side->other->session = NULL;
    sessile_session_free(others);
    sessile_session_free(own);
    return 0;
}

static int free_other(struct side *side)
{
    sessile_session *others = side->other->session;
    side->other->session = NULL;
    sessile_session_free(others);
    return 0;
}

static int free_own(struct side *side)
{
    sessile_session *own = side->session;
    side->session = NULL;
    sessile_session_free(own);
    return 0;
}

static void pair_may_be_freed_from_inside(void **state)
{
    static int (*const ways[])(struct side *) = {free_both, free_other, free_own};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct two two;
        two_shake_hands(&two);
        two.server.on_data = ways[i];
        side_send(&two.client, big, 300000);
        assert_true(two.server.got_size > 0);
        two_free(&two);
    }
}

static void pair_abort_arrives_after_the_data(void **state)
{
    struct two two;
    (void)state;
    two_shake_hands(&two);
    side_send(&two.client, big, 5000);
    assert_int_equal(sessile_session_abort(two.client.session), 0);
    assert_got(&two.server, big, 5000);
    assert_int_equal(two.server.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(two.client.error, SESSILE_ERR_ABORTED);
    two_free(&two);
}

static void pair_holds_a_sender_whose_peer_is_paused(void **state)
{
    struct two two;
    (void)state;
    two_shake_hands(&two);
    assert_int_equal(sessile_session_pause(two.server.session, 1), 0);
    side_send(&two.client, big, BIG);
    assert_int_equal(two.server.got_size, 0);
    assert_in_range(BIG - two.client.out_size, 1, 1024 * 1024);
    assert_int_equal(sessile_session_pause(two.server.session, 0), 0);
    assert_int_equal(two.client.out_size, 0);
    assert_got(&two.server, big, BIG);
    two_free(&two);
}

/* ---- over_stream ---- */

#define DEEPEST 3

/* Level 0 is the outermost; each level above has the one below as its wire. */
struct tower {
    struct two levels[DEEPEST + 1];
    int height;
};

static void two_stack(struct two *two, struct two *below)
{
    memset(two, 0, sizeof *two);
    two->client.other = &two->server;
    two->server.other = &two->client;
    two->client.session = sessile_over_stream(below->client.stream);
    two->server.session = sessile_over_stream(below->server.stream);
    assert_non_null(two->client.session);
    assert_non_null(two->server.session);
    assert_int_equal(side_start(&two->server, SESSILE_SERVER), 0);
    assert_int_equal(side_start(&two->client, SESSILE_CLIENT), 0);
}

static void tower_build(struct tower *tower, int height)
{
    tower->height = height;
    two_shake_hands(&tower->levels[0]);
    for (int i = 1; i <= height; i++) {
        two_stack(&tower->levels[i], &tower->levels[i - 1]);
        assert_int_equal(tower->levels[i].client.ready, 1);
        assert_int_equal(tower->levels[i].server.ready, 1);
    }
}

static void tower_free(struct tower *tower, int from_below)
{
    for (int i = 0; i <= tower->height; i++) {
        two_free(&tower->levels[from_below ? i : tower->height - i]);
    }
}

static void over_stream_needs_a_stream_and_a_resume(void **state)
{
    struct two two;
    sessile_stream *kept;
    (void)state;
    assert_null(sessile_over_stream(NULL));
    two_shake_hands(&two);
    assert_int_equal(sessile_session_set_resume(two.client.session, NULL), 0);
    assert_null(sessile_over_stream(two.client.stream));
    kept = sessile_stream_keep(two.server.stream);
    two_free(&two);
    assert_null(sessile_over_stream(kept));
    sessile_stream_free(kept);
}

static void over_stream_carries_sessions_in_sessions(void **state)
{
    (void)state;
    for (int height = 1; height <= DEEPEST; height++) {
        struct tower tower;
        tower_build(&tower, height);
        struct two *top = &tower.levels[height];
        side_send(&top->client, big, BIG);
        side_send(&top->server, big + 5, 70000);
        assert_got(&top->server, big, BIG);
        assert_got(&top->client, big + 5, 70000);
        assert_int_equal(sessile_stream_end(top->client.stream), 0);
        for (int i = 0; i <= height; i++) {
            assert_int_equal(tower.levels[i].client.closed, 1);
            assert_int_equal(tower.levels[i].client.error, 0);
            assert_int_equal(tower.levels[i].server.error, 0);
        }
        tower_free(&tower, height % 2);
    }
}

static void over_stream_can_be_freed_in_any_order(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct tower tower;
        tower_build(&tower, DEEPEST);
        tower_free(&tower, order);
    }
}

static void over_stream_ends_its_stream_when_freed(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 1);
    side_free(&tower.levels[1].client);
    assert_int_equal(tower.levels[1].server.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(tower.levels[0].client.error, 0);
    assert_int_equal(tower.levels[0].server.error, 0);
    tower_free(&tower, 0);
}

static void over_stream_ends_with_its_stream(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 1);
    assert_int_equal(sessile_session_abort(tower.levels[0].client.session), 0);
    assert_int_equal(tower.levels[1].client.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(tower.levels[1].server.error, SESSILE_ERR_TRUNCATED);
    tower_free(&tower, 0);
}

static void over_stream_inner_may_be_freed_while_it_receives(void **state)
{
    static int (*const ways[])(struct side *) = {free_both, free_other, free_own};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tower tower;
        tower_build(&tower, 2);
        tower.levels[2].server.on_data = ways[i];
        side_send(&tower.levels[2].client, big, 300000);
        assert_true(tower.levels[2].server.got_size > 0);
        tower_free(&tower, 0);
    }
}

static int free_outer(struct side *side)
{
    struct side *outer = side->extra;
    sessile_session *session = outer->session;
    outer->session = NULL;
    sessile_session_free(session);
    return 0;
}

static void over_stream_outer_may_be_freed_while_the_inner_receives(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 1);
    tower.levels[1].server.extra = &tower.levels[0].server;
    tower.levels[1].server.on_data = free_outer;
    side_send(&tower.levels[1].client, big, 300000);
    assert_true(tower.levels[1].server.got_size > 0);
    tower_free(&tower, 1);
}

/* What the inner session does not take stays unread in the outer one, whose peer is held in the end. */
static void over_stream_pushes_back(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 2);
    struct two *top = &tower.levels[2];
    assert_int_equal(sessile_session_pause(top->server.session, 1), 0);
    side_send(&top->client, big, BIG);
    assert_int_equal(top->server.got_size, 0);
    assert_in_range(BIG - top->client.out_size, 1, 2 * 1024 * 1024);
    assert_int_equal(sessile_session_pause(top->server.session, 0), 0);
    assert_int_equal(top->client.out_size, 0);
    assert_got(&top->server, big, BIG);
    tower_free(&tower, 0);
}

/* An outer wire that cannot take anything for a while. */
static void over_stream_queues_while_the_outer_is_held(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 1);
    struct two *top = &tower.levels[1];
    assert_int_equal(sessile_session_hold(tower.levels[0].client.session, 1), 0);
    side_send(&top->client, big, BIG);
    assert_in_range(BIG - top->client.out_size, 1, 512 * 1024);
    assert_int_equal(top->server.got_size, 0);
    assert_int_equal(sessile_session_hold(tower.levels[0].client.session, 0), 0);
    assert_int_equal(top->client.out_size, 0);
    assert_got(&top->server, big, BIG);
    tower_free(&tower, 0);
}

/* The inner session is over and freed while its last bytes wait: they still get there. */
static void over_stream_drains_after_the_inner_is_freed(void **state)
{
    struct tower tower;
    (void)state;
    tower_build(&tower, 1);
    struct two *top = &tower.levels[1];
    assert_int_equal(sessile_session_hold(tower.levels[0].client.session, 1), 0);
    side_send(&top->client, big, 100000);
    assert_int_equal(top->client.out_size, 0);
    side_free(&top->client);
    assert_int_equal(top->server.got_size, 0);
    assert_int_equal(sessile_session_hold(tower.levels[0].client.session, 0), 0);
    assert_got(&top->server, big, 100000);
    assert_int_equal(top->server.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(tower.levels[0].client.error, 0);
    tower_free(&tower, 0);
}

/* Both are freed while bytes wait: nothing is left behind, and nobody is told of anything. */
static void over_stream_forgets_what_waits_when_the_outer_is_freed(void **state)
{
    (void)state;
    for (int from_below = 0; from_below < 2; from_below++) {
        struct tower tower;
        tower_build(&tower, 1);
        assert_int_equal(sessile_session_hold(tower.levels[0].client.session, 1), 0);
        side_send(&tower.levels[1].client, big, 100000);
        tower_free(&tower, from_below);
    }
}

static void over_stream_starts_before_the_outer_is_ready(void **state)
{
    struct link link;
    struct two inner;
    (void)state;
    for (size_t piece = 1; piece < 100000; piece *= 50) {
        link_open(&link);
        assert_int_equal(side_start(&link.server.side, SESSILE_SERVER), 0);
        assert_int_equal(side_start(&link.client.side, SESSILE_CLIENT), 0);
        memset(&inner, 0, sizeof inner);
        inner.client.session = sessile_over_stream(link.client.side.stream);
        inner.server.session = sessile_over_stream(link.server.side.stream);
        assert_int_equal(side_start(&inner.client, SESSILE_CLIENT), 0);
        assert_int_equal(side_start(&inner.server, SESSILE_SERVER), 0);
        link_pump(&link, piece);
        assert_int_equal(inner.client.ready, 1);
        side_send(&inner.client, big, 100000);
        link_pump(&link, piece);
        assert_got(&inner.server, big, 100000);
        assert_int_equal(sessile_stream_end(inner.client.stream), 0);
        link_pump(&link, piece);
        assert_int_equal(inner.server.error, 0);
        assert_int_equal(link.server.side.error, 0);
        two_free(&inner);
        link_free(&link);
    }
}

/* ---- memory that runs out ---- */

static long until_failure;

static int fails(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

static void *failing_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *failing_realloc(void *memory, size_t size)
{
    return fails() ? NULL : realloc(memory, size);
}

/* TLS in TLS over a pair: either everything arrives, or somebody says what went wrong. */
static int memory_scenario(void)
{
    struct two outer;
    struct two inner;
    memset(&outer, 0, sizeof outer);
    memset(&inner, 0, sizeof inner);
    int r = sessile_pair(&outer.client.session, &outer.server.session);
    int right =
        r == 0 && side_start(&outer.server, SESSILE_SERVER) == 0 && side_start(&outer.client, SESSILE_CLIENT) == 0;
    if (right) {
        inner.client.session = sessile_over_stream(outer.client.stream);
        inner.server.session = sessile_over_stream(outer.server.stream);
        right = inner.client.session != NULL && inner.server.session != NULL &&
                side_start(&inner.server, SESSILE_SERVER) == 0 && side_start(&inner.client, SESSILE_CLIENT) == 0;
    }
    if (right && inner.client.ready) {
        side_send(&inner.client, big, 300000);
        sessile_stream_end(inner.client.stream);
    }
    int whole = inner.server.got_size == 300000 && memcmp(inner.server.got, big, 300000) == 0;
    int told = !right || sessile_session_error(outer.client.session) != 0 ||
               sessile_session_error(outer.server.session) != 0 || sessile_session_error(inner.client.session) != 0 ||
               sessile_session_error(inner.server.session) != 0;
    assert_true(whole || told);
    assert_true(inner.server.got_size == 0 || memcmp(inner.server.got, big, inner.server.got_size) == 0);
    two_free(&inner);
    two_free(&outer);
    return whole && !told;
}

/* The same by inboxes, a few bytes at a time: what is kept grows through every size. */
static int memory_scenario_in_pieces(void)
{
    struct link link;
    memset(&link, 0, sizeof link);
    int right = port_open(&link.client, &link.server) == 0 && port_open(&link.server, &link.client) == 0 &&
                side_start(&link.server.side, SESSILE_SERVER) == 0 &&
                side_start(&link.client.side, SESSILE_CLIENT) == 0;
    if (right) {
        link_pump(&link, 500);
    }
    if (right && link.client.side.ready) {
        side_send(&link.client.side, big, 40000);
        link_pump(&link, 500);
    }
    int whole = link.server.side.got_size == 40000 && memcmp(link.server.side.got, big, 40000) == 0;
    int told = !right || sessile_session_error(link.client.side.session) != 0 ||
               sessile_session_error(link.server.side.session) != 0;
    assert_true(whole || told);
    side_free(&link.client.side);
    side_free(&link.server.side);
    free(link.client.queue);
    free(link.server.queue);
    return whole && !told;
}

static void fail_every_allocation(int (*scenario)(void))
{
    long index = 0;
    assert_int_equal(sessile_set_allocator(failing_malloc, failing_realloc, free), 0);
    for (;; index++) {
        until_failure = index;
        int right = scenario();
        if (until_failure >= 0) { /* it never came to the one that fails */
            assert_true(right);
            break;
        }
    }
    until_failure = -1;
    assert_int_equal(sessile_set_allocator(NULL, NULL, NULL), 0);
    assert_true(index > 10);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fail_every_allocation(memory_scenario);
    fail_every_allocation(memory_scenario_in_pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair_needs_both_places),
        cmocka_unit_test(pair_carries_data_both_ways_and_ends_cleanly),
        cmocka_unit_test(pair_ping_pong_has_bounded_depth),
        cmocka_unit_test(pair_freed_end_closes_the_other),
        cmocka_unit_test(pair_freed_end_closes_the_other_after_a_close_of_its_own),
        cmocka_unit_test(pair_may_be_freed_from_inside),
        cmocka_unit_test(pair_abort_arrives_after_the_data),
        cmocka_unit_test(pair_holds_a_sender_whose_peer_is_paused),
        cmocka_unit_test(over_stream_needs_a_stream_and_a_resume),
        cmocka_unit_test(over_stream_carries_sessions_in_sessions),
        cmocka_unit_test(over_stream_can_be_freed_in_any_order),
        cmocka_unit_test(over_stream_ends_its_stream_when_freed),
        cmocka_unit_test(over_stream_ends_with_its_stream),
        cmocka_unit_test(over_stream_inner_may_be_freed_while_it_receives),
        cmocka_unit_test(over_stream_outer_may_be_freed_while_the_inner_receives),
        cmocka_unit_test(over_stream_pushes_back),
        cmocka_unit_test(over_stream_queues_while_the_outer_is_held),
        cmocka_unit_test(over_stream_drains_after_the_inner_is_freed),
        cmocka_unit_test(over_stream_forgets_what_waits_when_the_outer_is_freed),
        cmocka_unit_test(over_stream_starts_before_the_outer_is_ready),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_configs, free_configs);
}
