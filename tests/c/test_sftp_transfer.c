/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files between an SFTP client and a server in memory: in order, whole, from anywhere on, paused, stopped, and
 * with a file or a server that does not do as it said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sessile/sessile.h>

#include "failing.h"
#include "sftp_pair.h"

struct scene {
    struct sftp_pair pair;
    sessile_sftp_request *request;
    sessile_sftp_transfer *transfer;
    uint8_t handle[256];
    size_t handle_size;
    int done;
    int result;
    int status;
    uint64_t next;               /* that the sink expects, or the source has */
    uint64_t end;                /* of the source */
    uint64_t pause;              /* at that many bytes, once */
    uint64_t stop;               /* in the callback, at that many; 0: never */
    uint64_t hole;               /* the source skips this much at its start */
    uint64_t seen;               /* by progress */
    sessile_sftp_request *after; /* done closes the file with it */
    int fail;                    /* what the sink or source returns at the end */
    int wrong;                   /* a byte was not what it should be */
    size_t most;                 /* that a source is asked for */
};

static int on_handle(sessile_sftp_request *request, void *app)
{
    struct scene *s = app;
    const void *data;

    if (sessile_sftp_request_handle(request, &data, &s->handle_size) == 0)
        memcpy(s->handle, data, s->handle_size);
    return 0;
}

static int on_done(sessile_sftp_transfer *transfer, void *app)
{
    struct scene *s = app;

    s->done++;
    s->result = sessile_sftp_transfer_result(transfer);
    s->status = sessile_sftp_transfer_status(transfer);
    if (s->after)
        return sessile_sftp_close(s->after, s->handle, s->handle_size);
    return 0;
}

static int on_progress(sessile_sftp_transfer *transfer, void *app)
{
    struct scene *s = app;

    s->wrong |= sessile_sftp_transfer_position(transfer) <= s->seen;
    s->seen = sessile_sftp_transfer_position(transfer);
    return 0;
}

static int on_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    struct scene *s = app;

    s->wrong |= offset != s->next || size == 0;
    for (size_t i = 0; i < size; i++)
        s->wrong |= ((const uint8_t *)data)[i] != sftp_byte(offset + i);
    s->next += size;
    if (s->stop && s->next >= s->stop)
        sessile_sftp_transfer_stop(transfer);
    if (s->pause && s->next >= s->pause) {
        s->pause = 0;
        return SESSILE_SFTP_PAUSE;
    }
    return s->fail;
}

static int on_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    struct scene *s = app;
    size_t part = s->end - s->next < size ? (size_t)(s->end - s->next) : size;

    s->wrong |= offset != s->next;
    if (s->pause && s->next >= s->pause) {
        s->pause = 0;
        return SESSILE_ERR_BUSY;
    }
    if (s->fail && !part)
        return s->fail;
    if (s->stop && s->next >= s->stop)
        sessile_sftp_transfer_stop(transfer);
    if (s->hole) {
        sessile_sftp_transfer_skip(transfer, s->hole);
        s->next += s->hole;
        s->hole = 0;
        part = s->end - s->next < size ? (size_t)(s->end - s->next) : size;
    }
    if (s->most && part > s->most)
        part = s->most;
    for (size_t i = 0; i < part; i++)
        ((uint8_t *)data)[i] = sftp_byte(s->next + i);
    s->next += part;
    return (int)part;
}

static void scene_open(struct scene *s, size_t portion, size_t size)
{
    memset(s, 0, sizeof *s);
    s->pair.portion = portion;
    s->pair.quiet = 1;
    sftp_pair_open(&s->pair);
    sftp_store(&s->pair, "f", NULL, size);
    s->request = sessile_sftp_request_new(s->pair.client.sftp, on_handle, s);
    s->transfer = sessile_sftp_transfer_new(s->pair.client.sftp, on_done, s);
    sessile_sftp_transfer_set_progress(s->transfer, on_progress);
    sessile_sftp_open(s->request, "f", 1, SESSILE_SFTP_FLAG_READ | SESSILE_SFTP_FLAG_WRITE, NULL);
    sftp_pair_run(&s->pair);
}

static void scene_done(struct scene *s)
{
    assert_int_equal(s->wrong, 0);
    sessile_sftp_request_free(s->request);
    sessile_sftp_transfer_free(s->transfer);
    sftp_pair_done(&s->pair);
}

static int get(struct scene *s, uint64_t offset, uint64_t length)
{
    s->next = s->seen = offset;
    return sessile_sftp_get(s->transfer, s->handle, s->handle_size, offset, length, on_sink);
}

static int put(struct scene *s, uint64_t offset, uint64_t end)
{
    s->next = s->seen = offset;
    s->end = end;
    return sessile_sftp_put(s->transfer, s->handle, s->handle_size, offset, on_source);
}

static void whole(struct scene *s, uint64_t end)
{
    sftp_pair_run(&s->pair);
    assert_int_equal(s->done, 1);
    assert_int_equal(s->result, 0);
    assert_int_equal(s->next, end);
    assert_int_equal(sessile_sftp_transfer_position(s->transfer), end);
    s->done = 0;
}

static const size_t sizes[] = {0, 1, 261119, 261120, 261121, 3000000};
static const size_t portions[] = {0, 32768, 1000};

static void a_file_is_got_whole(void **state)
{
    struct scene s;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t p = 0; p < 3; p++)
            for (int expected = 0; expected < 4; expected++) {
                scene_open(&s, portions[p], sizes[i]);
                if (expected)
                    sessile_sftp_transfer_set_expected(s.transfer, sizes[i] + (uint64_t)expected - 2);
                assert_int_equal(get(&s, 0, UINT64_MAX), 0);
                assert_int_equal(get(&s, 0, UINT64_MAX), SESSILE_ERR_MISUSE);
                whole(&s, sizes[i]);
                scene_done(&s);
            }
}

static void a_part_is_got_and_no_more(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0, 1000000);
    assert_int_equal(get(&s, 5, 300000), 0);
    whole(&s, 300005);
    assert_int_equal(get(&s, 5, 0), 0);
    whole(&s, 5);
    assert_int_equal(get(&s, 999999, 5), 0); /* beyond the end */
    whole(&s, 1000000);
    assert_int_equal(get(&s, 1000001, UINT64_MAX), 0);
    whole(&s, 1000001);
    assert_int_equal(get(&s, 1, UINT64_MAX - 0), 0);
    whole(&s, 1000000);
    assert_int_equal(get(&s, 2, UINT64_MAX - 1), SESSILE_ERR_ARGUMENT);
    scene_done(&s);
}

static void a_server_may_give_less_each_time(void **state)
{
    struct scene s;

    (void)state;
    for (size_t less = 1; less < 40000; less = less * 3 + 1) {
        scene_open(&s, 0, 3000 + less * 20);
        s.pair.short_reads = less;
        assert_int_equal(get(&s, 0, UINT64_MAX), 0);
        whole(&s, 3000 + less * 20);
        scene_done(&s);
    }
}

static void a_sink_that_pauses_is_given_nothing_until_it_resumes(void **state)
{
    struct scene s;
    size_t held;

    (void)state;
    scene_open(&s, 32768, 5000000);
    assert_int_equal(sessile_sftp_transfer_set_window(s.transfer, 1 << 20), 0);
    s.pause = 1;
    held = failing_bytes(FAILING_OURS);
    assert_int_equal(get(&s, 0, UINT64_MAX), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.done, 0);
    assert_in_range(s.next, 1, 32768);
    assert_true(failing_bytes(FAILING_OURS) - held < (size_t)3 << 20);
    assert_int_equal(sessile_sftp_transfer_resume(s.transfer), 0);
    whole(&s, 5000000);
    scene_done(&s);
}

static void a_file_is_put_whole(void **state)
{
    struct scene s;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t p = 0; p < 3; p++) {
            scene_open(&s, portions[p], 0);
            s.most = p == 1 ? 7777 : 0;
            s.pair.server.most = p == 2 ? 100000 : 0; /* a wire that pushes back */
            assert_int_equal(put(&s, 0, sizes[i]), 0);
            whole(&s, sizes[i]);
            assert_int_equal(s.pair.store[0].size, sizes[i]);
            for (size_t at = 0; at < sizes[i]; at++)
                s.wrong |= s.pair.store[0].data[at] != sftp_byte(at);
            scene_done(&s);
        }
}

static void a_put_waits_for_its_source_and_leaves_holes(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0, 0);
    s.hole = 500000;
    s.pause = 700000;
    assert_int_equal(sessile_sftp_transfer_skip(s.transfer, 5), SESSILE_ERR_MISUSE);
    assert_int_equal(put(&s, 0, 2000000), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.done, 0);
    assert_in_range(s.next, 700000, 1999999);
    assert_int_equal(sessile_sftp_transfer_position(s.transfer), s.next);
    sessile_sftp_transfer_resume(s.transfer);
    whole(&s, 2000000);
    for (size_t at = 0; at < 2000000; at++)
        s.wrong |= s.pair.store[0].data[at] != (at < 500000 ? 0 : sftp_byte(at));
    scene_done(&s);
}

/* ---- what goes wrong ---- */

static void a_callback_that_fails_or_stops_ends_it(void **state)
{
    struct scene s;

    (void)state;
    for (int way = 0; way < 4; way++) {
        scene_open(&s, 1000, 1000000);
        s.fail = way < 2 ? -7 : 0;
        s.stop = way < 2 ? 0 : 600000;
        assert_int_equal(way % 2 ? put(&s, 0, 1000000) : get(&s, 0, UINT64_MAX), 0);
        sftp_pair_run(&s.pair);
        assert_int_equal(s.done, 1);
        assert_int_equal(s.result, way < 2 ? SESSILE_ERR_CALLBACK : SESSILE_ERR_ABORTED);
        assert_int_equal(s.pair.client.closed, 0);
        assert_int_equal(sessile_sftp_transfer_stop(s.transfer), SESSILE_ERR_MISUSE);
        s.fail = 0;
        s.stop = 0;
        s.done = 0;
        assert_int_equal(get(&s, 0, 10), 0); /* the end goes on */
        whole(&s, 10);
        scene_done(&s);
    }
}

static uint64_t refuse_from;

static int refuse_far(struct sftp_pair *pair, sessile_sftp_job *job)
{
    int operation = sessile_sftp_job_operation(job);

    (void)pair;
    if ((operation != SESSILE_SFTP_READ && operation != SESSILE_SFTP_WRITE) ||
        sessile_sftp_job_offset(job, 0) < refuse_from)
        return 0;
    sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_FAILURE, "disk full");
    return 1;
}

static void a_failure_comes_after_what_is_before_it(void **state)
{
    struct scene s;

    (void)state;
    refuse_from = 600000;
    scene_open(&s, 0, 2000000);
    s.pair.hook = refuse_far;
    assert_int_equal(get(&s, 0, UINT64_MAX), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.result, SESSILE_ERR_REFUSED);
    assert_int_equal(s.status, SESSILE_SFTP_STATUS_FAILURE);
    assert_string_equal(sessile_sftp_transfer_text(s.transfer), "disk full");
    assert_int_equal(s.next, 783360); /* three whole pieces */
    assert_int_equal(sessile_sftp_transfer_position(s.transfer), s.next);
    assert_int_equal(put(&s, 0, 2000000), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.result, SESSILE_ERR_REFUSED);
    assert_int_equal(sessile_sftp_transfer_position(s.transfer), 783360);
    scene_done(&s);
}

/* Answers the second read before the first, each time. */
static sessile_sftp_job *waiting;

static int swap_reads(struct sftp_pair *pair, sessile_sftp_job *job)
{
    sessile_sftp_job *first = waiting;
    uint8_t *data;
    size_t size;

    if (sessile_sftp_job_operation(job) != SESSILE_SFTP_READ || sessile_sftp_job_offset(job, 0) >= 2000000)
        return 0;
    if (!first) {
        waiting = sessile_sftp_job_keep(job);
        return 1;
    }
    waiting = NULL;
    data = pair->store[0].data + sessile_sftp_job_offset(job, 0);
    sessile_sftp_answer_data(job, data, (size_t)sessile_sftp_job_length(job));
    data = pair->store[0].data + sessile_sftp_job_offset(first, 0);
    size = (size_t)sessile_sftp_job_length(first);
    sessile_sftp_answer_data(first, data, size);
    sessile_sftp_job_free(first);
    return 1;
}

static void answers_in_another_order_are_delivered_in_the_file_s(void **state)
{
    struct scene s;

    (void)state;
    for (size_t p = 0; p < 3; p++) {
        scene_open(&s, portions[p], 4177920);
        s.pair.hook = swap_reads;
        waiting = NULL;
        assert_int_equal(get(&s, 0, 2088960), 0);
        whole(&s, 2088960);
        scene_done(&s);
    }
}

static int shrink(struct sftp_pair *pair, sessile_sftp_job *job)
{
    if (sessile_sftp_job_operation(job) == SESSILE_SFTP_READ && sessile_sftp_job_offset(job, 0) > 500000)
        pair->store[0].size = 600000;
    return 0;
}

static int grow(struct sftp_pair *pair, sessile_sftp_job *job)
{
    if (sessile_sftp_job_operation(job) == SESSILE_SFTP_READ && sessile_sftp_job_offset(job, 0) > 500000)
        pair->store[0].size = 1000000;
    return 0;
}

static void a_file_that_changes_its_size_is_got_as_it_is(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 1000, 1000000);
    sessile_sftp_transfer_set_expected(s.transfer, 1000000);
    s.pair.hook = shrink;
    assert_int_equal(get(&s, 0, UINT64_MAX), 0);
    whole(&s, 600000);
    scene_done(&s);
    scene_open(&s, 1000, 1000000);
    s.pair.store[0].size = 600000;
    sessile_sftp_transfer_set_expected(s.transfer, 600000);
    s.pair.hook = grow;
    assert_int_equal(get(&s, 0, UINT64_MAX), 0);
    whole(&s, 1000000);
    scene_done(&s);
}

static void a_wire_that_breaks_leaves_a_position_to_go_on_from(void **state)
{
    struct scene s;

    (void)state;
    for (int way = 0; way < 2; way++) {
        scene_open(&s, 0, 3000000);
        assert_int_equal(way ? put(&s, 0, 3000000) : get(&s, 0, UINT64_MAX), 0);
        if (!way) { /* half of what is under way comes */
            s.pair.server.sftp ? sessile_sftp_receive(s.pair.server.sftp, s.pair.server.wire, s.pair.server.size) : 0;
            s.pair.server.size = 0;
            sessile_sftp_receive(s.pair.client.sftp, s.pair.client.wire, 700001);
        }
        sessile_sftp_receive_end(s.pair.client.sftp);
        assert_int_equal(s.done, 1);
        assert_int_equal(s.result, SESSILE_ERR_TRUNCATED);
        assert_int_equal(s.pair.client.error, SESSILE_ERR_TRUNCATED);
        if (!way)
            assert_int_equal(s.next, 700001 - 3 * 13);
        assert_int_equal(sessile_sftp_transfer_position(s.transfer), way ? 0 : s.next);
        scene_done(&s);
    }
}

static void what_done_asks_for_goes_out_at_once(void **state)
{
    struct scene s;

    (void)state;
    for (int way = 0; way < 2; way++) {
        scene_open(&s, 0, 300000);
        s.after = s.request;
        assert_int_equal(way ? put(&s, 0, 300000) : get(&s, 0, 300000), 0);
        whole(&s, 300000);
        assert_int_equal(s.pair.released, 1);
        scene_done(&s);
    }
}

static void several_files_at_once(void **state)
{
    struct scene s, other;

    (void)state;
    scene_open(&s, 5000, 2000000);
    memset(&other, 0, sizeof other);
    other.transfer = sessile_sftp_transfer_new(s.pair.client.sftp, on_done, &other);
    assert_int_equal(get(&s, 0, UINT64_MAX), 0);
    assert_int_equal(sessile_sftp_get(other.transfer, s.handle, s.handle_size, 0, 1500000, on_sink), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(other.done, 1);
    assert_int_equal(other.next, 1500000);
    assert_int_equal(other.wrong, 0);
    whole(&s, 2000000);
    sessile_sftp_transfer_free(other.transfer);
    scene_done(&s);
}

static int free_it(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    (void)offset, (void)data, (void)size;
    sessile_sftp_transfer_free(transfer);
    ((struct scene *)app)->transfer = NULL;
    return 0;
}

static int free_all(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    struct scene *s = app;

    (void)transfer, (void)offset;
    memset(data, 1, size);
    sessile_sftp_free(s->pair.client.sftp);
    s->pair.client.sftp = NULL;
    return (int)size;
}

static void anything_may_be_freed_in_a_sink_or_source(void **state)
{
    struct scene s;

    (void)state;
    for (size_t p = 0; p < 3; p++) {
        scene_open(&s, portions[p], 2000000);
        assert_int_equal(sessile_sftp_get(s.transfer, s.handle, s.handle_size, 0, UINT64_MAX, free_it), 0);
        sftp_pair_run(&s.pair);
        assert_null(s.transfer);
        assert_int_equal(s.done, 0);
        scene_done(&s);
        scene_open(&s, portions[p], 2000000);
        assert_int_equal(sessile_sftp_put(s.transfer, s.handle, s.handle_size, 0, free_all), 0);
        assert_int_equal(s.done, 0);
        assert_int_equal(get(&s, 0, 1), SESSILE_ERR_GONE);
        scene_done(&s);
    }
}

static void story(void)
{
    struct scene s;

    scene_open(&s, 100000, 700000);
    if (s.transfer) {
        get(&s, 0, UINT64_MAX);
        sftp_pair_run(&s.pair);
        put(&s, 0, 600000);
        sftp_pair_run(&s.pair);
    }
    scene_done(&s);
}

static void memory_that_fails_ends_it_cleanly(void **state)
{
    size_t blocks = failing_blocks(FAILING_OURS), tried = 0;

    (void)state;
    for (size_t i = 0;; i++) {
        failing_at(FAILING_OURS, i, 0);
        story();
        if (!failing_hit())
            break;
        failing_off();
        assert_int_equal(failing_blocks(FAILING_OURS), blocks);
        tried++;
    }
    failing_off();
    assert_true(tried > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_got_whole),
        cmocka_unit_test(a_part_is_got_and_no_more),
        cmocka_unit_test(a_server_may_give_less_each_time),
        cmocka_unit_test(a_sink_that_pauses_is_given_nothing_until_it_resumes),
        cmocka_unit_test(a_file_is_put_whole),
        cmocka_unit_test(a_put_waits_for_its_source_and_leaves_holes),
        cmocka_unit_test(a_callback_that_fails_or_stops_ends_it),
        cmocka_unit_test(a_failure_comes_after_what_is_before_it),
        cmocka_unit_test(answers_in_another_order_are_delivered_in_the_file_s),
        cmocka_unit_test(a_file_that_changes_its_size_is_got_as_it_is),
        cmocka_unit_test(a_wire_that_breaks_leaves_a_position_to_go_on_from),
        cmocka_unit_test(what_done_asks_for_goes_out_at_once),
        cmocka_unit_test(several_files_at_once),
        cmocka_unit_test(anything_may_be_freed_in_a_sink_or_source),
        cmocka_unit_test(memory_that_fails_ends_it_cleanly),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
