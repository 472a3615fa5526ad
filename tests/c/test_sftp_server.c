/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP server whose client is the test: requests that are malformed end it, and forged handles, overlong paths and
 * what was not offered are refused without a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sessile/sessile.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "sftp_pair.h"

static int jobs;
static int released;

static int on_job(sessile_sftp_job *job, void *app)
{
    (void)app;
    jobs++;
    switch (sessile_sftp_job_operation(job)) {
    case SESSILE_SFTP_OPEN:
    case SESSILE_SFTP_OPENDIR:
        sessile_sftp_answer_handle(job, 5);
        break;
    case SESSILE_SFTP_READ:
        assert_true(sessile_sftp_job_length(job) <= 261120);
        assert_int_equal(sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL), SESSILE_ERR_MISUSE);
        assert_int_equal(sessile_sftp_answer_handle(job, 5), SESSILE_ERR_MISUSE);
        assert_int_equal(sessile_sftp_answer_names(job), SESSILE_ERR_MISUSE);
        sessile_sftp_answer_data(job, "x", 1);
        break;
    default:
        sessile_sftp_answer_status(job, SESSILE_SFTP_STATUS_OK, NULL);
    }
    return 0;
}

static void on_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    (void)sftp, (void)app;
    assert_int_equal(file, 5);
    released++;
}

static void say(struct sftp_lone *lone, const void *data, size_t size, size_t portion)
{
    size_t part;

    for (size_t at = 0; at < size; at += part) {
        part = portion && size - at > portion ? portion : size - at;
        sessile_sftp_receive(lone->sftp, (const uint8_t *)data + at, part);
    }
}

static void say_message(struct sftp_lone *lone, struct writer *body)
{
    struct writer w = {0};

    put_sized32(&w, body->data, body->size);
    say(lone, w.data, w.size, 0);
    writer_free(&w);
    writer_free(body);
}

static struct writer request(int type, uint32_t id)
{
    struct writer w = {0};

    put_u8(&w, (uint8_t)type);
    put_u32(&w, id);
    return w;
}

static void server_open(struct sftp_lone *lone)
{
    memset(lone, 0, sizeof *lone);
    jobs = released = 0;
    sftp_lone_open(lone, SESSILE_SERVER);
    sessile_sftp_set_job(lone->sftp, on_job);
    sessile_sftp_set_release(lone->sftp, on_release);
    say(lone, "\0\0\0\5\1\0\0\0\3", 9, 0);
    assert_int_equal(lone->ready, 1);
    sftp_lone_clear(lone);
}

/* The status of the one answer, which is to this id; -1 where it is none. */
static int answer_status(struct sftp_lone *lone, uint32_t id)
{
    struct reader r = reader_of(lone->sent, lone->size), m = get_sub32(&r);
    int type = get_u8(&m);

    assert_int_equal(get_u32(&m), id);
    assert_true(reader_done(&r) && !m.failed);
    return type == 101 ? (int)get_u32(&m) : -1;
}

static void answer_handle(struct sftp_lone *lone, uint8_t handle[12])
{
    struct reader r = reader_of(lone->sent, lone->size), m = get_sub32(&r), h;

    assert_int_equal(get_u8(&m), 102);
    get_u32(&m);
    h = get_sub32(&m);
    assert_int_equal(h.left, 12);
    memcpy(handle, h.data, 12);
    sftp_lone_clear(lone);
}

static void open_as(struct sftp_lone *lone, int type, uint8_t handle[12])
{
    struct writer w = request(type, 9);

    put_text32(&w, "a");
    if (type == SESSILE_SFTP_OPEN) {
        put_u32(&w, 1);
        put_u32(&w, 0);
    }
    say_message(lone, &w);
    answer_handle(lone, handle);
}

static int read_with(struct sftp_lone *lone, const void *handle, size_t size, uint32_t length)
{
    struct writer w = request(SESSILE_SFTP_READ, 3);

    sftp_lone_clear(lone);
    put_sized32(&w, handle, size);
    put_u64(&w, 0);
    put_u32(&w, length);
    say_message(lone, &w);
    return answer_status(lone, 3);
}

static int close_with(struct sftp_lone *lone, const void *handle, size_t size)
{
    struct writer w = request(SESSILE_SFTP_CLOSE, 4);

    sftp_lone_clear(lone);
    put_sized32(&w, handle, size);
    say_message(lone, &w);
    return answer_status(lone, 4);
}

static void a_forged_handle_is_no_job(void **state)
{
    static const uint8_t nothing[512];
    struct sftp_lone lone;
    uint8_t handle[12], forged[12];

    (void)state;
    server_open(&lone);
    open_as(&lone, SESSILE_SFTP_OPEN, handle);
    assert_int_equal(jobs, 1);
    for (int bit = 0; bit < 96; bit++) {
        memcpy(forged, handle, 12);
        forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(read_with(&lone, forged, 12, 1), SESSILE_SFTP_STATUS_FAILURE);
        assert_int_equal(close_with(&lone, forged, 12), SESSILE_SFTP_STATUS_FAILURE);
    }
    for (size_t size = 0; size < sizeof nothing; size++)
        if (read_with(&lone, nothing, size, 1) == -1)
            fail_msg("%zu zero bytes are no handle", size);
    for (size_t size = 0; size < 12; size++)
        assert_int_not_equal(read_with(&lone, handle, size, 1), -1);
    assert_int_equal(jobs, 1);
    assert_int_equal(read_with(&lone, handle, 12, 1), -1);
    assert_int_equal(lone.closed, 0);
    sftp_lone_done(&lone);
    assert_int_equal(released, 1);
}

static void a_closed_handle_fits_no_later_file(void **state)
{
    struct sftp_lone lone;
    uint8_t first[12], second[12];

    (void)state;
    server_open(&lone);
    open_as(&lone, SESSILE_SFTP_OPEN, first);
    assert_int_equal(close_with(&lone, first, 12), SESSILE_SFTP_STATUS_OK);
    sftp_lone_clear(&lone);
    open_as(&lone, SESSILE_SFTP_OPEN, second);
    assert_memory_not_equal(first, second, 12);
    assert_int_equal(read_with(&lone, first, 12, 1), SESSILE_SFTP_STATUS_FAILURE);
    assert_int_equal(close_with(&lone, first, 12), SESSILE_SFTP_STATUS_FAILURE);
    assert_int_equal(read_with(&lone, second, 12, 1), -1);
    sftp_lone_done(&lone);
    assert_int_equal(released, 2);
}

static void a_directory_is_not_read_as_a_file(void **state)
{
    struct sftp_lone lone;
    struct writer w;
    uint8_t directory[12], file[12];

    (void)state;
    server_open(&lone);
    open_as(&lone, SESSILE_SFTP_OPENDIR, directory);
    open_as(&lone, SESSILE_SFTP_OPEN, file);
    jobs = 0;
    assert_int_equal(read_with(&lone, directory, 12, 1), SESSILE_SFTP_STATUS_FAILURE);
    sftp_lone_clear(&lone);
    w = request(SESSILE_SFTP_READDIR, 1);
    put_sized32(&w, file, 12);
    say_message(&lone, &w);
    assert_int_equal(answer_status(&lone, 1), SESSILE_SFTP_STATUS_FAILURE);
    assert_int_equal(jobs, 0);
    sftp_lone_done(&lone);
}

static void a_read_is_cut_to_what_can_be_answered(void **state)
{
    struct sftp_lone lone;
    uint8_t handle[12];

    (void)state;
    server_open(&lone);
    open_as(&lone, SESSILE_SFTP_OPEN, handle);
    assert_int_equal(read_with(&lone, handle, 12, 0xffffffff), -1);
    assert_int_equal(read_with(&lone, handle, 12, 0), SESSILE_SFTP_STATUS_BAD_MESSAGE);
    assert_int_equal(jobs, 2);
    sftp_lone_done(&lone);
}

static int stat_with(struct sftp_lone *lone, const void *path, size_t size)
{
    struct writer w = request(SESSILE_SFTP_REMOVE, 8);

    sftp_lone_clear(lone);
    put_sized32(&w, path, size);
    say_message(lone, &w);
    return answer_status(lone, 8);
}

static void an_overlong_path_is_no_job(void **state)
{
    static char path[70000];
    struct sftp_lone lone;

    (void)state;
    memset(path, 'p', sizeof path);
    server_open(&lone);
    assert_int_equal(stat_with(&lone, path, 4096), SESSILE_SFTP_STATUS_OK);
    assert_int_equal(stat_with(&lone, path, 4097), SESSILE_SFTP_STATUS_BAD_MESSAGE);
    assert_int_equal(stat_with(&lone, path, 70000), SESSILE_SFTP_STATUS_BAD_MESSAGE);
    assert_int_equal(stat_with(&lone, "a\0b", 3), SESSILE_SFTP_STATUS_BAD_MESSAGE);
    assert_int_equal(jobs, 1);
    sftp_lone_done(&lone);
}

static void what_is_not_offered_is_unsupported(void **state)
{
    struct sftp_lone lone;
    struct writer w;

    (void)state;
    server_open(&lone);
    for (int type = 21; type < 256; type++) {
        if (type == 200)
            continue;
        sftp_lone_clear(&lone);
        w = request(type, 2);
        say_message(&lone, &w);
        assert_int_equal(answer_status(&lone, 2), SESSILE_SFTP_STATUS_UNSUPPORTED);
    }
    sftp_lone_clear(&lone);
    w = request(200, 2);
    put_text32(&w, "fsync@openssh.com");
    put_text32(&w, "h");
    say_message(&lone, &w);
    assert_int_equal(answer_status(&lone, 2), SESSILE_SFTP_STATUS_UNSUPPORTED);
    assert_int_equal(jobs, 0);
    sftp_lone_done(&lone);
}

static void a_malformed_request_ends_it(void **state)
{
    static const struct {
        size_t size;
        const char *bytes;
        const char *text;
    } cases[] = {
        {9, "\0\0\0\5\1\0\0\0\3", "a second INIT"},
        {8, "\0\0\0\4\3\0\0\0", "has no id"},
        {5, "\0\0\0\1\3", "has no id"},
        {4, "\0\0\0\0", "a message of 0 bytes"},
        {4, "\0\4\0\1", "a message of 262145 bytes"},
        {9, "\0\0\0\5\x11\0\0\0\1", "type 17 is malformed"},
        {13, "\0\0\0\x09\x11\0\0\0\1\0\0\0\2", "type 17 is malformed"},
        {13, "\0\0\0\x09\x11\0\0\0\1\xff\xff\xff\xff", "type 17 is malformed"},
        {15, "\0\0\0\x0b\x11\0\0\0\1\0\0\0\1ab", "type 17 is malformed"},
        {9, "\0\0\0\5\xc8\0\0\0\1", "EXTENDED request is malformed"},
        {18, "\0\0\0\x0e\3\0\0\0\1\0\0\0\1a\0\0\0\1", "type 3 is malformed"},
    };
    struct sftp_lone lone;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t portion = 0; portion < 3; portion++) {
            server_open(&lone);
            say(&lone, cases[i].bytes, cases[i].size, portion);
            assert_int_equal(lone.closed, 1);
            assert_int_equal(lone.error, SESSILE_ERR_PROTOCOL);
            if (!strstr(sessile_sftp_error_text(lone.sftp), cases[i].text))
                fail_msg("\"%s\" does not say \"%s\"", sessile_sftp_error_text(lone.sftp), cases[i].text);
            assert_int_equal(jobs, 0);
            sftp_lone_done(&lone);
        }
}

static void a_request_before_init_ends_it(void **state)
{
    struct sftp_lone lone;

    (void)state;
    memset(&lone, 0, sizeof lone);
    sftp_lone_open(&lone, SESSILE_SERVER);
    say(&lone, "\0\0\0\x0a\x11\0\0\0\1\0\0\0\1a", 14, 0);
    assert_int_equal(lone.error, SESSILE_ERR_PROTOCOL);
    sftp_lone_done(&lone);
    memset(&lone, 0, sizeof lone);
    sftp_lone_open(&lone, SESSILE_SERVER);
    say(&lone, "\0\0\0\5\1\0\0\0\2", 9, 0);
    assert_int_equal(lone.error, SESSILE_ERR_NEGOTIATION);
    sftp_lone_done(&lone);
    memset(&lone, 0, sizeof lone);
    sftp_lone_open(&lone, SESSILE_SERVER); /* a newer client's */
    say(&lone, "\0\0\0\5\1\0\0\0\6", 9, 1);
    assert_int_equal(lone.ready, 1);
    assert_memory_equal(lone.sent, "\0\0\0\5\2\0\0\0\3", 9);
    sftp_lone_done(&lone);
}

static void without_a_job_callback_everything_fails(void **state)
{
    struct sftp_lone lone;

    (void)state;
    server_open(&lone);
    sessile_sftp_set_job(lone.sftp, NULL);
    assert_int_equal(stat_with(&lone, "a", 1), SESSILE_SFTP_STATUS_FAILURE);
    sftp_lone_done(&lone);
}

static int fail_job(sessile_sftp_job *job, void *app)
{
    (void)job, (void)app;
    return -7;
}

static void a_callback_that_fails_ends_it(void **state)
{
    struct sftp_lone lone;
    struct writer w = request(SESSILE_SFTP_REMOVE, 8);

    (void)state;
    server_open(&lone);
    sessile_sftp_set_job(lone.sftp, fail_job);
    put_text32(&w, "a");
    say_message(&lone, &w);
    assert_int_equal(lone.error, SESSILE_ERR_CALLBACK);
    assert_string_equal(sessile_sftp_error_text(lone.sftp), "the callback job returned -7");
    sftp_lone_done(&lone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forged_handle_is_no_job),
        cmocka_unit_test(a_closed_handle_fits_no_later_file),
        cmocka_unit_test(a_directory_is_not_read_as_a_file),
        cmocka_unit_test(a_read_is_cut_to_what_can_be_answered),
        cmocka_unit_test(an_overlong_path_is_no_job),
        cmocka_unit_test(what_is_not_offered_is_unsupported),
        cmocka_unit_test(a_malformed_request_ends_it),
        cmocka_unit_test(a_request_before_init_ends_it),
        cmocka_unit_test(without_a_job_callback_everything_fails),
        cmocka_unit_test(a_callback_that_fails_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
