/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client and server against each other: every operation, in any portions, answered now or later, cancelled,
 * freed in any callback, and with memory that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sessile/sessile.h>

#include "failing.h"
#include "sftp_pair.h"

/* What one request brought. */
struct brought {
    int calls;
    int result;
    int status;
    char text[256];
    uint8_t bytes[4096]; /* a handle, data, or names with '|' behind each */
    size_t size;
    size_t names;
    uint64_t vfs;
    sessile_sftp_attrs *attrs;
    void (*then)(struct brought *brought, sessile_sftp_request *request);
    struct sftp_pair *pair;
};

static void bring_names(struct brought *b, sessile_sftp_request *request)
{
    const void *data;
    size_t size;

    b->names = sessile_sftp_request_name_count(request);
    for (size_t i = 0; i < b->names; i++) {
        if (sessile_sftp_request_name(request, i, &data, &size) < 0 || b->size + size + 1 > sizeof b->bytes)
            return;
        memcpy(b->bytes + b->size, data, size);
        b->bytes[b->size + size] = '|';
        b->size += size + 1;
    }
}

static int on_reply(sessile_sftp_request *request, void *app)
{
    struct brought *b = app;
    const void *data = NULL;
    size_t size = 0;

    b->calls++;
    b->size = 0;
    b->result = sessile_sftp_request_result(request);
    b->status = sessile_sftp_request_status(request);
    snprintf(b->text, sizeof b->text, "%s", sessile_sftp_request_text(request));
    if (sessile_sftp_request_handle(request, &data, &size) == 0 ||
        sessile_sftp_request_data(request, &data, &size) == 0) {
        b->size = size < sizeof b->bytes ? size : sizeof b->bytes;
        memcpy(b->bytes, data, b->size);
    }
    bring_names(b, request);
    b->vfs = sessile_sftp_request_vfs(request, SESSILE_SFTP_VFS_NAMEMAX);
    if (b->attrs)
        sessile_sftp_request_attrs(request, 0, b->attrs);
    if (b->then)
        b->then(b, request);
    return 0;
}

static int bytes_are(const struct brought *b, const char *text)
{
    return b->size == strlen(text) && memcmp(b->bytes, text, b->size) == 0;
}

struct scene {
    struct sftp_pair pair;
    struct brought b;
    sessile_sftp_request *request;
    uint8_t handle[256];
    size_t handle_size;
};

static void scene_open_with(struct scene *s, size_t portion, void (*setup)(sessile_sftp *server))
{
    memset(s, 0, sizeof *s);
    s->pair.portion = portion;
    s->pair.setup = setup;
    sftp_pair_open(&s->pair);
    assert_int_equal(s->pair.client.ready, 1);
    assert_int_equal(s->pair.server.ready, 1);
    s->b.attrs = sessile_sftp_attrs_new();
    s->b.pair = &s->pair;
    s->request = sessile_sftp_request_new(s->pair.client.sftp, on_reply, &s->b);
    assert_non_null(s->request);
}

static void scene_open(struct scene *s, size_t portion)
{
    scene_open_with(s, portion, NULL);
}

static void scene_done(struct scene *s)
{
    sessile_sftp_request_free(s->request);
    sftp_pair_done(&s->pair);
    sessile_sftp_attrs_free(s->b.attrs);
}

/* It was submitted; run, and it must bring this. */
#define run(s, call)                                                                                                   \
    do {                                                                                                               \
        int calls = (s)->b.calls;                                                                                      \
        assert_int_equal(call, 0);                                                                                     \
        sftp_pair_run(&(s)->pair);                                                                                     \
        assert_int_equal((s)->b.calls, calls + 1);                                                                     \
    } while (0)

#define fine(s, call)                                                                                                  \
    do {                                                                                                               \
        run(s, call);                                                                                                  \
        assert_int_equal((s)->b.result, 0);                                                                            \
    } while (0)

#define refused(s, expected, call)                                                                                     \
    do {                                                                                                               \
        run(s, call);                                                                                                  \
        assert_int_equal((s)->b.result, SESSILE_ERR_REFUSED);                                                          \
        assert_int_equal((s)->b.status, expected);                                                                     \
    } while (0)

static void keep_handle(struct scene *s)
{
    s->handle_size = s->b.size;
    memcpy(s->handle, s->b.bytes, s->b.size);
}

static void open_file(struct scene *s, const char *path, int flags)
{
    fine(s, sessile_sftp_open(s->request, path, strlen(path), flags, NULL));
    keep_handle(s);
}

#define READ_WRITE (SESSILE_SFTP_FLAG_READ | SESSILE_SFTP_FLAG_WRITE)

static void every_file_operation(size_t portion)
{
    struct scene s;

    scene_open(&s, portion);
    refused(&s, SESSILE_SFTP_STATUS_NO_SUCH_FILE, sessile_sftp_open(s.request, "a", 1, SESSILE_SFTP_FLAG_READ, NULL));
    assert_string_equal(s.b.text, "No such file");
    open_file(&s, "a", READ_WRITE | SESSILE_SFTP_FLAG_CREATE);
    fine(&s, sessile_sftp_write(s.request, s.handle, s.handle_size, 3, "hello", 5));
    fine(&s, sessile_sftp_read(s.request, s.handle, s.handle_size, 4, 100));
    assert_true(bytes_are(&s.b, "ello"));
    refused(&s, SESSILE_SFTP_STATUS_EOF, sessile_sftp_read(s.request, s.handle, s.handle_size, 8, 1));
    fine(&s, sessile_sftp_fstat(s.request, s.handle, s.handle_size));
    assert_int_equal(sessile_sftp_attrs_get(s.b.attrs, SESSILE_SFTP_ATTR_SIZE), 8);
    assert_int_equal(sessile_sftp_attrs_get(s.b.attrs, SESSILE_SFTP_ATTR_PERMISSIONS), 0100644);
    assert_int_equal(sessile_sftp_attrs_has(s.b.attrs, SESSILE_SFTP_ATTR_UID), 0);
    sessile_sftp_attrs_clear(s.b.attrs);
    sessile_sftp_attrs_set(s.b.attrs, SESSILE_SFTP_ATTR_SIZE, 2);
    fine(&s, sessile_sftp_fsetstat(s.request, s.handle, s.handle_size, s.b.attrs));
    sessile_sftp_attrs_clear(s.b.attrs);
    fine(&s, sessile_sftp_stat(s.request, "a", 1));
    assert_int_equal(sessile_sftp_attrs_get(s.b.attrs, SESSILE_SFTP_ATTR_SIZE), 2);
    fine(&s, sessile_sftp_fsync(s.request, s.handle, s.handle_size));
    fine(&s, sessile_sftp_fstatvfs(s.request, s.handle, s.handle_size));
    assert_int_equal(s.b.vfs, (uint64_t)SESSILE_SFTP_VFS_NAMEMAX << 40 | 7);
    fine(&s, sessile_sftp_copy_data(s.request, s.handle, s.handle_size, 0, 1, s.handle, s.handle_size, 9));
    fine(&s, sessile_sftp_close(s.request, s.handle, s.handle_size));
    assert_int_equal(s.pair.released, 1);
    refused(&s, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 1));
    refused(&s, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_close(s.request, s.handle, s.handle_size));
    assert_int_equal(s.pair.released, 1);
    scene_done(&s);
}

static void every_path_operation(size_t portion)
{
    static const uint8_t ids[] = {0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 9};
    struct scene s;

    scene_open(&s, portion);
    sftp_store(&s.pair, "a", "x", 1);
    sftp_store(&s.pair, "b\xff\n", "x", 1);
    fine(&s, sessile_sftp_lstat(s.request, "a", 1));
    fine(&s, sessile_sftp_setstat(s.request, "a", 1, s.b.attrs));
    fine(&s, sessile_sftp_lsetstat(s.request, "a", 1, s.b.attrs));
    fine(&s, sessile_sftp_opendir(s.request, "", 0));
    keep_handle(&s);
    fine(&s, sessile_sftp_readdir(s.request, s.handle, s.handle_size));
    assert_true(bytes_are(&s.b, "a|b\xff\n|"));
    refused(&s, SESSILE_SFTP_STATUS_EOF, sessile_sftp_readdir(s.request, s.handle, s.handle_size));
    refused(&s, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 1));
    fine(&s, sessile_sftp_close(s.request, s.handle, s.handle_size));
    fine(&s, sessile_sftp_rename(s.request, "a", 1, "c", 1));
    fine(&s, sessile_sftp_posix_rename(s.request, "c", 1, "a", 1));
    fine(&s, sessile_sftp_remove(s.request, "x", 1));
    fine(&s, sessile_sftp_mkdir(s.request, "d", 1, NULL));
    fine(&s, sessile_sftp_rmdir(s.request, "d", 1));
    fine(&s, sessile_sftp_symlink(s.request, "target", 6, "link", 4));
    fine(&s, sessile_sftp_hardlink(s.request, "old", 3, "new", 3));
    fine(&s, sessile_sftp_realpath(s.request, ".", 1));
    assert_true(bytes_are(&s.b, ".|"));
    fine(&s, sessile_sftp_readlink(s.request, "l", 1));
    fine(&s, sessile_sftp_expand_path(s.request, "~/x", 3));
    assert_true(bytes_are(&s.b, "~/x|"));
    fine(&s, sessile_sftp_home_directory(s.request, "me", 2));
    fine(&s, sessile_sftp_statvfs(s.request, "/", 1));
    fine(&s, sessile_sftp_users_groups(s.request, ids, sizeof ids, 2));
    assert_true(bytes_are(&s.b, "u1|u256|g9|"));
    fine(&s, sessile_sftp_users_groups(s.request, ids, sizeof ids, 0));
    assert_true(bytes_are(&s.b, "g1|g256|g9|"));
    fine(&s, sessile_sftp_extended(s.request, "echo@sessile.test", "ping", 4));
    assert_true(bytes_are(&s.b, "ping"));
    assert_non_null(strstr(journal_text(&s.pair.journal), "20 <target> <link> 204 <old> <new>"));
    scene_done(&s);
}

static void every_operation_is_answered(void **state)
{
    (void)state;
    every_file_operation(0);
    every_path_operation(0);
}

static void any_portions_do(void **state)
{
    (void)state;
    for (size_t portion = 1; portion < 40; portion++) {
        every_file_operation(portion);
        every_path_operation(portion);
    }
}

/* ---- what is not possible ---- */

static void a_caller_s_mistakes_change_nothing(void **state)
{
    static const char nul[] = "a\0b";
    static char longest[4097];
    struct scene s;

    (void)state;
    memset(longest, 'a', sizeof longest);
    scene_open(&s, 0);
    assert_int_equal(sessile_sftp_stat(s.request, nul, 3), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_stat(s.request, longest, 4097), SESSILE_ERR_ARGUMENT);
    fine(&s, sessile_sftp_realpath(s.request, longest, 4096));
    assert_int_equal(sessile_sftp_stat(NULL, "a", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_stat(s.request, NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_close(s.request, longest, 257), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_read(s.request, "h", 1, 0, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_read(s.request, "h", 1, 0, 1 << 20), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_write(s.request, "h", 1, 0, longest, 1 << 20), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_open(s.request, "a", 1, 64, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_users_groups(s.request, longest, 3, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_users_groups(s.request, longest, 8, 3), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_extended(s.request, "limits@openssh.com", NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), 0);
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), SESSILE_ERR_MISUSE);
    sftp_pair_run(&s.pair);
    assert_int_equal(sessile_sftp_start(s.pair.client.sftp, NULL), SESSILE_ERR_ARGUMENT);
    assert_null(sessile_sftp_request_new(s.pair.server.sftp, NULL, NULL));
    assert_null(sessile_sftp_new(7, NULL));
    assert_int_equal(sessile_sftp_serve(s.pair.server.sftp, SESSILE_SFTP_FSYNC), SESSILE_ERR_MISUSE);
    scene_done(&s);
}

static void offer_fsync(sessile_sftp *server)
{
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_FSYNC), 0);
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_FSYNC), 0);
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_READ), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_serve_extended(server, "fsync@openssh.com", "2"), SESSILE_ERR_ARGUMENT);
}

static void an_extension_that_is_not_offered_is_not_asked_for(void **state)
{
    struct scene s;
    sessile_sftp *client;
    const void *data;
    size_t size;

    (void)state;
    scene_open_with(&s, 0, offer_fsync);
    client = s.pair.client.sftp;
    assert_int_equal(sessile_sftp_supports(client, SESSILE_SFTP_FSYNC), 1);
    assert_int_equal(sessile_sftp_supports(client, SESSILE_SFTP_HARDLINK), 0);
    assert_int_equal(sessile_sftp_supports(client, 99), 0);
    assert_int_equal(sessile_sftp_hardlink(s.request, "a", 1, "b", 1), SESSILE_ERR_UNSUPPORTED);
    refused(&s, SESSILE_SFTP_STATUS_UNSUPPORTED, sessile_sftp_extended(s.request, "echo@sessile.test", "x", 1));
    assert_int_equal(sessile_sftp_extension_count(client), 1);
    assert_int_equal(sessile_sftp_extension_name(client, 0, &data, &size), 0);
    assert_memory_equal(data, "fsync@openssh.com", size);
    assert_int_equal(sessile_sftp_extension_value(client, 1, &data, &size), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_limit(client, SESSILE_SFTP_LIMIT_READ), 32768);
    scene_done(&s);
}

static void limits_are_what_the_server_says(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    assert_int_equal(sessile_sftp_limit(s.pair.client.sftp, SESSILE_SFTP_LIMIT_READ), 261120);
    assert_int_equal(sessile_sftp_limit(s.pair.client.sftp, SESSILE_SFTP_LIMIT_HANDLES), 256);
    assert_int_equal(sessile_sftp_limit(s.pair.client.sftp, 4), 0);
    scene_done(&s);
}

/* ---- later, in another order, not at all ---- */

static sessile_sftp_job *kept[8];
static int kept_count;
static int withdrawn_count;

static int keep_reads(struct sftp_pair *pair, sessile_sftp_job *job)
{
    (void)pair;
    if (sessile_sftp_job_operation(job) != SESSILE_SFTP_READ)
        return 0;
    kept[kept_count++] = sessile_sftp_job_keep(job);
    return 1;
}

static int on_withdrawn(sessile_sftp_job *job, void *app)
{
    (void)app;
    withdrawn_count++;
    assert_int_equal(sessile_sftp_answer_status(job, 4, NULL), SESSILE_ERR_GONE);
    return 0;
}

static void jobs_are_answered_in_any_order(void **state)
{
    struct scene s;
    struct brought b[3];
    sessile_sftp_request *requests[3];

    (void)state;
    memset(b, 0, sizeof b);
    scene_open(&s, 1);
    kept_count = 0;
    sftp_store(&s.pair, "a", "0123456789", 10);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    s.pair.hook = keep_reads;
    for (int i = 0; i < 3; i++) {
        requests[i] = sessile_sftp_request_new(s.pair.client.sftp, on_reply, &b[i]);
        assert_int_equal(sessile_sftp_read(requests[i], s.handle, s.handle_size, (uint64_t)i, 1), 0);
    }
    assert_int_equal(sessile_sftp_close(s.request, s.handle, s.handle_size), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(kept_count, 3);
    for (int i = 2; i >= 0; i--) {
        char digit = (char)('0' + sessile_sftp_job_offset(kept[i], 0));

        assert_int_equal(s.pair.released, 0); /* the CLOSE waits for them */
        assert_int_equal(sessile_sftp_answer_data(kept[i], &digit, 1), 0);
        assert_int_equal(sessile_sftp_answer_data(kept[i], &digit, 1), SESSILE_ERR_GONE);
        sessile_sftp_job_free(kept[i]);
        sftp_pair_run(&s.pair);
        assert_int_equal(b[i].calls, 1);
        assert_int_equal(b[i].bytes[0], digit);
        assert_int_equal(digit, '0' + i);
    }
    assert_int_equal(s.pair.released, 1);
    assert_int_equal(s.b.result, 0);
    for (int i = 0; i < 3; i++)
        sessile_sftp_request_free(requests[i]);
    scene_done(&s);
}

static void a_dropped_job_is_a_failure(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    kept_count = 0;
    sftp_store(&s.pair, "a", "0123456789", 10);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    s.pair.hook = keep_reads;
    assert_int_equal(sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 1), 0);
    sftp_pair_run(&s.pair);
    assert_non_null(sessile_sftp_answer_room(kept[0], 1)); /* and never filled */
    sessile_sftp_job_free(kept[0]);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.b.status, SESSILE_SFTP_STATUS_FAILURE);
    scene_done(&s);
}

static void the_end_withdraws_jobs_and_answers_requests(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    kept_count = withdrawn_count = 0;
    sessile_sftp_set_withdrawn(s.pair.server.sftp, on_withdrawn);
    sftp_store(&s.pair, "a", "0123456789", 10);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    s.pair.hook = keep_reads;
    assert_int_equal(sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 1), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(sessile_sftp_end(s.pair.server.sftp), 0);
    assert_int_equal(withdrawn_count, 1);
    assert_int_equal(s.pair.server.closed, 1);
    assert_int_equal(s.pair.released, 1);
    assert_int_equal(sessile_sftp_receive_end(s.pair.client.sftp), 0);
    assert_int_equal(s.b.result, SESSILE_ERR_TRUNCATED);
    assert_int_equal(s.pair.client.error, SESSILE_ERR_TRUNCATED);
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), SESSILE_ERR_CLOSED);
    sessile_sftp_free(s.pair.client.sftp);
    s.pair.client.sftp = NULL;
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), SESSILE_ERR_GONE);
    sessile_sftp_job_free(kept[0]);
    scene_done(&s);
}

static void an_idle_end_is_clean_both_ways(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    assert_int_equal(sessile_sftp_receive_end(s.pair.server.sftp), 0);
    assert_int_equal(s.pair.server.closed, 1);
    assert_int_equal(s.pair.server.error, 0);
    assert_int_equal(sessile_sftp_receive_end(s.pair.client.sftp), 0);
    assert_int_equal(s.pair.client.closed, 1);
    assert_int_equal(s.pair.client.error, 0);
    assert_int_equal(sessile_sftp_receive(s.pair.client.sftp, "x", 1), SESSILE_ERR_CLOSED);
    scene_done(&s);
}

static void a_request_that_is_freed_is_forgotten_and_its_file_closed(void **state)
{
    struct scene s;
    sessile_sftp_request *other;
    struct brought b = {0};

    (void)state;
    scene_open(&s, 0);
    sftp_store(&s.pair, "a", "x", 1);
    other = sessile_sftp_request_new(s.pair.client.sftp, on_reply, &b);
    assert_int_equal(sessile_sftp_open(other, "a", 1, SESSILE_SFTP_FLAG_READ, NULL), 0);
    sessile_sftp_request_free(other);
    sftp_pair_run(&s.pair);
    assert_int_equal(b.calls, 0);
    assert_int_equal(s.pair.released, 1);
    scene_done(&s);
}

/* ---- freeing in callbacks ---- */

static void free_request(struct brought *b, sessile_sftp_request *request)
{
    (void)b;
    sessile_sftp_request_free(request);
}

static void free_client(struct brought *b, sessile_sftp_request *request)
{
    (void)request;
    sessile_sftp_free(b->pair->client.sftp);
    b->pair->client.sftp = NULL;
}

static void end_client(struct brought *b, sessile_sftp_request *request)
{
    (void)request;
    assert_int_equal(sessile_sftp_end(b->pair->client.sftp), 0);
}

static void ask_again(struct brought *b, sessile_sftp_request *request)
{
    if (b->calls < 50)
        assert_int_equal(sessile_sftp_stat(request, "a", 1), 0);
}

static void anything_may_be_freed_in_a_reply(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    s.b.then = free_request;
    run(&s, sessile_sftp_realpath(s.request, "a", 1));
    s.request = NULL;
    scene_done(&s);
    scene_open(&s, 0);
    s.b.then = free_client;
    run(&s, sessile_sftp_realpath(s.request, "a", 1));
    scene_done(&s);
    scene_open(&s, 0);
    s.b.then = end_client;
    run(&s, sessile_sftp_realpath(s.request, "a", 1));
    assert_int_equal(s.pair.client.closed, 1);
    assert_int_equal(s.pair.client.error, 0);
    scene_done(&s);
    scene_open(&s, 0);
    s.b.then = ask_again;
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.b.calls, 50);
    scene_done(&s);
}

static int free_server(struct sftp_pair *pair, sessile_sftp_job *job)
{
    sessile_sftp_free(pair->server.sftp);
    pair->server.sftp = NULL;
    assert_int_equal(sessile_sftp_answer_status(job, 4, NULL), SESSILE_ERR_GONE);
    return 1;
}

static void a_server_may_be_freed_in_a_job(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, 0);
    s.pair.hook = free_server;
    assert_int_equal(sessile_sftp_stat(s.request, "a", 1), 0);
    sftp_pair_run(&s.pair);
    assert_int_equal(s.b.calls, 0);
    scene_done(&s);
}

/* ---- limits ---- */

static void allow_two(sessile_sftp *server)
{
    assert_int_equal(sessile_sftp_set_limits(server, 0, 2), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_set_limits(server, 2, 1025), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_sftp_set_limits(server, 2, 2), 0);
}

static void a_server_takes_no_more_jobs_than_its_limit(void **state)
{
    struct scene s;
    sessile_sftp_request *requests[8];
    struct brought b[8];

    (void)state;
    memset(b, 0, sizeof b);
    kept_count = 0;
    scene_open_with(&s, 0, allow_two);
    sftp_store(&s.pair, "a", "0123456789", 10);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    s.pair.hook = keep_reads;
    for (int i = 0; i < 8; i++) {
        requests[i] = sessile_sftp_request_new(s.pair.client.sftp, on_reply, &b[i]);
        assert_int_equal(sessile_sftp_read(requests[i], s.handle, s.handle_size, (uint64_t)i, 1), 0);
    }
    sftp_pair_run(&s.pair);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(kept_count, i + 2 < 8 ? i + 2 : 8);
        sessile_sftp_job_free(kept[i]);
        sftp_pair_run(&s.pair);
        assert_int_equal(b[i].calls, 1);
    }
    for (int i = 0; i < 8; i++)
        sessile_sftp_request_free(requests[i]);
    scene_done(&s);
}

static void a_server_opens_no_more_files_than_its_limit(void **state)
{
    struct scene s;

    (void)state;
    scene_open_with(&s, 0, allow_two);
    sftp_store(&s.pair, "a", "x", 1);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    refused(&s, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_open(s.request, "a", 1, SESSILE_SFTP_FLAG_READ, NULL));
    assert_string_equal(s.b.text, "Too many open files");
    fine(&s, sessile_sftp_close(s.request, s.handle, s.handle_size));
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    scene_done(&s);
}

static void be_read_only(sessile_sftp *server)
{
    assert_int_equal(sessile_sftp_set_read_only(server, 1), 0);
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_POSIX_RENAME), 0);
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_HARDLINK), 0);
    assert_int_equal(sessile_sftp_serve(server, SESSILE_SFTP_LSETSTAT), 0);
}

static void a_read_only_server_changes_nothing(void **state)
{
    const int denied = SESSILE_SFTP_STATUS_PERMISSION_DENIED;
    struct scene s;

    (void)state;
    scene_open_with(&s, 0, be_read_only);
    sftp_store(&s.pair, "a", "x", 1);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    journal_free(&s.pair.journal);
    memset(&s.pair.journal, 0, sizeof s.pair.journal);
    for (int flags = 0; flags < 64; flags++)
        if (flags != SESSILE_SFTP_FLAG_READ)
            refused(&s, denied, sessile_sftp_open(s.request, "a", 1, flags, NULL));
    refused(&s, denied, sessile_sftp_write(s.request, s.handle, s.handle_size, 0, "y", 1));
    refused(&s, denied, sessile_sftp_setstat(s.request, "a", 1, s.b.attrs));
    refused(&s, denied, sessile_sftp_fsetstat(s.request, s.handle, s.handle_size, s.b.attrs));
    refused(&s, denied, sessile_sftp_lsetstat(s.request, "a", 1, s.b.attrs));
    refused(&s, denied, sessile_sftp_remove(s.request, "a", 1));
    refused(&s, denied, sessile_sftp_mkdir(s.request, "d", 1, NULL));
    refused(&s, denied, sessile_sftp_rmdir(s.request, "d", 1));
    refused(&s, denied, sessile_sftp_rename(s.request, "a", 1, "b", 1));
    refused(&s, denied, sessile_sftp_posix_rename(s.request, "a", 1, "b", 1));
    refused(&s, denied, sessile_sftp_hardlink(s.request, "a", 1, "b", 1));
    refused(&s, denied, sessile_sftp_symlink(s.request, "a", 1, "b", 1));
    assert_string_equal(journal_text(&s.pair.journal), "");
    fine(&s, sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 1));
    scene_done(&s);
}

/* ---- without memory ---- */

static void story(size_t portion)
{
    struct scene s;

    memset(&s, 0, sizeof s);
    s.pair.portion = portion;
    sftp_pair_open(&s.pair);
    s.b.pair = &s.pair;
    s.request = s.pair.client.sftp ? sessile_sftp_request_new(s.pair.client.sftp, on_reply, &s.b) : NULL;
    sessile_sftp_open(s.request, "a", 1, READ_WRITE | SESSILE_SFTP_FLAG_CREATE, NULL);
    sftp_pair_run(&s.pair);
    keep_handle(&s);
    if (s.handle_size) {
        sessile_sftp_write(s.request, s.handle, s.handle_size, 0, "hello", 5);
        sftp_pair_run(&s.pair);
        sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 5);
        sftp_pair_run(&s.pair);
    }
    sessile_sftp_opendir(s.request, "", 0);
    sftp_pair_run(&s.pair);
    keep_handle(&s);
    if (s.handle_size)
        sessile_sftp_readdir(s.request, s.handle, s.handle_size);
    sftp_pair_run(&s.pair);
    scene_done(&s);
}

static void memory_that_fails_ends_it_cleanly(void **state)
{
    size_t blocks = failing_blocks(FAILING_OURS), tried = 0;

    (void)state;
    for (size_t portion = 0; portion < 2; portion++)
        for (size_t i = 0;; i++) {
            failing_at(FAILING_OURS, i, 0);
            story(portion);
            if (!failing_hit())
                break;
            failing_off();
            assert_int_equal(failing_blocks(FAILING_OURS), blocks);
            tried++;
        }
    failing_off();
    assert_true(tried > 30);
}

static void an_idle_end_holds_no_buffers(void **state)
{
    struct scene s;
    size_t before;

    (void)state;
    scene_open(&s, 1);
    before = failing_blocks(FAILING_OURS);
    sftp_store(&s.pair, "a", NULL, 20000);
    open_file(&s, "a", SESSILE_SFTP_FLAG_READ);
    fine(&s, sessile_sftp_read(s.request, s.handle, s.handle_size, 0, 20000));
    /* The table of open files stays, and that of requests, which limits had made, is there already. */
    assert_int_equal(failing_blocks(FAILING_OURS), before + 1);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_answered),
        cmocka_unit_test(any_portions_do),
        cmocka_unit_test(a_caller_s_mistakes_change_nothing),
        cmocka_unit_test(an_extension_that_is_not_offered_is_not_asked_for),
        cmocka_unit_test(jobs_are_answered_in_any_order),
        cmocka_unit_test(a_dropped_job_is_a_failure),
        cmocka_unit_test(the_end_withdraws_jobs_and_answers_requests),
        cmocka_unit_test(an_idle_end_is_clean_both_ways),
        cmocka_unit_test(a_request_that_is_freed_is_forgotten_and_its_file_closed),
        cmocka_unit_test(anything_may_be_freed_in_a_reply),
        cmocka_unit_test(a_server_may_be_freed_in_a_job),
        cmocka_unit_test(a_server_takes_no_more_jobs_than_its_limit),
        cmocka_unit_test(limits_are_what_the_server_says),
        cmocka_unit_test(a_server_opens_no_more_files_than_its_limit),
        cmocka_unit_test(a_read_only_server_changes_nothing),
        cmocka_unit_test(memory_that_fails_ends_it_cleanly),
        cmocka_unit_test(an_idle_end_holds_no_buffers),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
