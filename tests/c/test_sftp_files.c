/* SPDX-License-Identifier: Apache-2.0
 *
 * Files served from a directory: what a client can do there, and that nothing leads out of it, by paths, by links, or
 * by renames at the same moment; with openat2() and without. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sessile_files.h>

#include "harness.h"

/* A folder with root/ and, beside it, secret and out/. */
struct place {
    char folder[64];
    char root[80];
    sessile_files *files;
};

static void make_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_link(const struct place *p, const char *target, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", p->root, name);
    assert_int_equal(symlink(target, path), 0);
}

static void make_folder(const char *folder, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void place_open(struct place *p, int without)
{
    strcpy(p->folder, "/tmp/sessile-files-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->root, sizeof p->root, "%s/root", p->folder);
    make_folder(p->folder, "root");
    make_folder(p->folder, "out");
    make_file(p->folder, "secret", "secret");
    make_file(p->folder, "out/file", "secret");
    make_file(p->root, "inside", "inside");
    make_folder(p->root, "sub");
    make_file(p->root, "sub/deep", "deep");
    p->files = sessile_files_new(p->root, 0);
    assert_non_null(p->files);
    sessile_files_without_openat2(p->files, without);
}

static void place_close(struct place *p)
{
    char command[128];

    sessile_files_free(p->files);
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    assert_int_equal(system(command), 0);
}

static int opens(const struct place *p, const char *path)
{
    int fd = sessile_files_open(p->files, path, O_RDONLY, 0);

    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

/* ---- paths ---- */

static void a_path_is_made_normal(void **state)
{
    static const char *const cases[][2] = {
        {"", "/"},           {"/", "/"},
        {".", "/"},          {"..", "/"},
        {"../../x", "/x"},   {"a//b/./c", "/a/b/c"},
        {"/a/../b", "/b"},   {"a/../../../b", "/b"},
        {"/a/b/..", "/a"},   {"...", "/..."},
        {"a/..b", "/a/..b"}, {"a/", "/a"},
    };
    char room[64], small[4];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sessile_files_normal(cases[i][0], room, sizeof room), 0);
        assert_string_equal(room, cases[i][1]);
    }
    assert_int_equal(sessile_files_normal("abcd", small, sizeof small), -1);
    assert_int_equal(sessile_files_normal("ab", small, sizeof small), 0);
}

static void no_path_leads_out(void **state)
{
    struct place p;

    (void)state;
    for (int without = 0; without < 2; without++) {
        place_open(&p, without);
        make_link(&p, "/etc/passwd", "absolute");
        make_link(&p, "../secret", "up");
        make_link(&p, "..", "parent");
        make_link(&p, "../out", "beside");
        make_link(&p, "/proc/self/root", "magic");
        make_link(&p, "sub", "within");
        assert_true(opens(&p, "inside"));
        assert_true(opens(&p, "/sub/deep"));
        assert_true(opens(&p, "../../../inside"));
        assert_int_equal(opens(&p, "within/deep"), !without);
        assert_false(opens(&p, "../secret"));
        assert_false(opens(&p, "absolute"));
        assert_false(opens(&p, "up"));
        assert_false(opens(&p, "parent/secret"));
        assert_false(opens(&p, "beside/file"));
        assert_false(opens(&p, "magic/etc/passwd"));
        assert_false(opens(&p, "/etc/passwd"));
        place_close(&p);
    }
}

static void nothing_is_made_outside(void **state)
{
    struct place p;
    struct stat facts;
    char path[128], room[4200];
    const char *name;

    (void)state;
    for (int without = 0; without < 2; without++) {
        place_open(&p, without);
        make_link(&p, "../out", "beside");
        make_link(&p, "../out/made", "dangling");
        assert_true(sessile_files_open(p.files, "beside/made", O_WRONLY | O_CREAT, 0600) < 0);
        assert_true(sessile_files_open(p.files, "dangling", O_WRONLY | O_CREAT, 0600) < 0);
        assert_true(sessile_files_parent(p.files, "beside/made", room, sizeof room, &name) < 0);
        assert_true(sessile_files_parent(p.files, "/", room, sizeof room, &name) < 0);
        snprintf(path, sizeof path, "%s/out/made", p.folder);
        assert_int_equal(stat(path, &facts), -1);
        place_close(&p);
    }
}

/* ---- a race ---- */

struct race {
    struct place place;
    atomic_int stop;
};

/* sub is a folder inside at one moment, a link out at the next. */
static void *swap(void *app)
{
    struct race *race = app;
    char sub[128], link[128], other[128];

    snprintf(sub, sizeof sub, "%s/sub", race->place.root);
    snprintf(link, sizeof link, "%s/link", race->place.root);
    snprintf(other, sizeof other, "%s/other", race->place.root);
    while (!atomic_load(&race->stop)) {
        rename(sub, other);
        rename(link, sub);
        rename(sub, link);
        rename(other, sub);
    }
    return NULL;
}

static void a_rename_at_the_same_moment_leads_nowhere(void **state)
{
    struct race race;
    pthread_t thread;
    struct stat secret, facts;
    char path[128];
    unsigned opened = 0;

    (void)state;
    for (int without = 0; without < 2; without++) {
        memset(&race, 0, sizeof race);
        place_open(&race.place, without);
        make_file(race.place.folder, "out/deep", "secret");
        snprintf(path, sizeof path, "%s/out/deep", race.place.folder);
        assert_int_equal(stat(path, &secret), 0);
        make_link(&race.place, "../out", "link");
        assert_int_equal(pthread_create(&thread, NULL, swap, &race), 0);
        for (int i = 0; i < 20000; i++) {
            int fd = sessile_files_open(race.place.files, "sub/deep", O_RDONLY, 0);

            if (fd < 0)
                continue;
            assert_int_equal(fstat(fd, &facts), 0);
            assert_int_not_equal(facts.st_ino, secret.st_ino);
            close(fd);
            opened++;
        }
        atomic_store(&race.stop, 1);
        pthread_join(thread, NULL);
        place_close(&race.place);
    }
    assert_true(opened > 0);
}

/* ---- over SFTP: a client and the server, in memory ---- */

struct talk {
    struct place place;
    sessile_sftp *client;
    sessile_files_guest *guest;
    sessile_sftp_request *request;
    uint8_t *wire[2]; /* to the client, to the server */
    size_t size[2];
    int result;
    int status;
    uint8_t handle[64];
    size_t handle_size;
    char bytes[512];
    size_t byte_count;
    uint64_t mode;
};

static int put_on(struct talk *t, int to, const void *data, size_t size)
{
    t->wire[to] = need_memory(realloc(t->wire[to], t->size[to] + size));
    memcpy(t->wire[to] + t->size[to], data, size);
    t->size[to] += size;
    return (int)size;
}

static int client_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    (void)sftp;
    return put_on(app, 1, data, size);
}

static int server_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    (void)sftp;
    return put_on(sessile_files_app(app), 0, data, size);
}

static int on_reply(sessile_sftp_request *request, void *app)
{
    struct talk *t = app;
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    const void *data;
    size_t size;

    t->result = sessile_sftp_request_result(request);
    t->status = sessile_sftp_request_status(request);
    if (sessile_sftp_request_handle(request, &data, &size) == 0) {
        memcpy(t->handle, data, size);
        t->handle_size = size;
    }
    if (sessile_sftp_request_data(request, &data, &size) == 0 ||
        sessile_sftp_request_name(request, 0, &data, &size) == 0) {
        memcpy(t->bytes, data, size);
        t->byte_count = size;
        t->bytes[size] = 0;
    }
    if (sessile_sftp_request_attrs(request, 0, attrs) == 0)
        t->mode = sessile_sftp_attrs_get(attrs, SESSILE_SFTP_ATTR_PERMISSIONS);
    sessile_sftp_attrs_free(attrs);
    return 0;
}

static void talk_run(struct talk *t)
{
    while (t->size[0] || t->size[1])
        for (int to = 0; to < 2; to++) {
            uint8_t *data = t->wire[to];
            size_t size = t->size[to];

            t->wire[to] = NULL;
            t->size[to] = 0;
            if (size)
                sessile_sftp_receive(to ? sessile_files_sftp(t->guest) : t->client, data, size);
            free(data);
        }
}

static void talk_open(struct talk *t)
{
    memset(t, 0, sizeof *t);
    place_open(&t->place, 0);
    t->client = sessile_sftp_new(SESSILE_CLIENT, t);
    t->guest = sessile_files_guest_new(t->place.files, NULL, t);
    assert_int_equal(sessile_sftp_start(sessile_files_sftp(t->guest), server_send), 0);
    assert_int_equal(sessile_sftp_start(t->client, client_send), 0);
    talk_run(t);
    t->request = sessile_sftp_request_new(t->client, on_reply, t);
}

static void talk_close(struct talk *t)
{
    sessile_sftp_request_free(t->request);
    sessile_sftp_free(t->client);
    sessile_files_guest_free(t->guest);
    free(t->wire[0]);
    free(t->wire[1]);
    place_close(&t->place);
}

#define ask(t, call)                                                                                                   \
    do {                                                                                                               \
        assert_int_equal(call, 0);                                                                                     \
        talk_run(t);                                                                                                   \
    } while (0)
#define fine(t, call)                                                                                                  \
    do {                                                                                                               \
        ask(t, call);                                                                                                  \
        assert_int_equal((t)->result, 0);                                                                              \
    } while (0)
#define refused(t, expected, call)                                                                                     \
    do {                                                                                                               \
        ask(t, call);                                                                                                  \
        assert_int_equal((t)->status, expected);                                                                       \
    } while (0)

#define P(path) path, strlen(path)

static void a_client_works_with_files(void **state)
{
    struct talk t;
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();

    (void)state;
    talk_open(&t);
    fine(&t, sessile_sftp_open(t.request, P("new"),
                               SESSILE_SFTP_FLAG_READ | SESSILE_SFTP_FLAG_WRITE | SESSILE_SFTP_FLAG_CREATE |
                                   SESSILE_SFTP_FLAG_EXCLUSIVE,
                               NULL));
    fine(&t, sessile_sftp_write(t.request, t.handle, t.handle_size, 2, "abc", 3));
    fine(&t, sessile_sftp_read(t.request, t.handle, t.handle_size, 0, 100));
    assert_memory_equal(t.bytes, "\0\0abc", 5);
    refused(&t, SESSILE_SFTP_STATUS_EOF, sessile_sftp_read(t.request, t.handle, t.handle_size, 5, 100));
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_PERMISSIONS, 0600);
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_MTIME, 1000);
    fine(&t, sessile_sftp_fsetstat(t.request, t.handle, t.handle_size, attrs));
    fine(&t, sessile_sftp_stat(t.request, P("new")));
    assert_int_equal(t.mode, 0100600);
    fine(&t, sessile_sftp_fsync(t.request, t.handle, t.handle_size));
    fine(&t, sessile_sftp_fstatvfs(t.request, t.handle, t.handle_size));
    fine(&t, sessile_sftp_copy_data(t.request, t.handle, t.handle_size, 0, 2, t.handle, t.handle_size, 10));
    fine(&t, sessile_sftp_close(t.request, t.handle, t.handle_size));
    refused(&t, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_rename(t.request, P("new"), P("inside")));
    fine(&t, sessile_sftp_posix_rename(t.request, P("new"), P("inside")));
    fine(&t, sessile_sftp_hardlink(t.request, P("inside"), P("second")));
    fine(&t, sessile_sftp_symlink(t.request, P("inside"), P("link")));
    fine(&t, sessile_sftp_readlink(t.request, P("link")));
    assert_string_equal(t.bytes, "inside");
    fine(&t, sessile_sftp_lstat(t.request, P("link")));
    assert_true(S_ISLNK((mode_t)t.mode));
    fine(&t, sessile_sftp_mkdir(t.request, P("d"), NULL));
    refused(&t, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_mkdir(t.request, P("d"), NULL));
    fine(&t, sessile_sftp_rmdir(t.request, P("d")));
    fine(&t, sessile_sftp_remove(t.request, P("second")));
    refused(&t, SESSILE_SFTP_STATUS_NO_SUCH_FILE, sessile_sftp_remove(t.request, P("second")));
    fine(&t, sessile_sftp_realpath(t.request, P("sub/../x")));
    assert_string_equal(t.bytes, "/x");
    fine(&t, sessile_sftp_expand_path(t.request, P("~/x")));
    assert_string_equal(t.bytes, "/x");
    sessile_sftp_attrs_free(attrs);
    talk_close(&t);
}

static void a_client_gets_nothing_from_outside(void **state)
{
    const int denied = SESSILE_SFTP_STATUS_PERMISSION_DENIED;
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    struct talk t;
    struct stat facts;
    char path[128];

    (void)state;
    sessile_sftp_attrs_set(attrs, SESSILE_SFTP_ATTR_SIZE, 0);
    talk_open(&t);
    fine(&t, sessile_sftp_symlink(t.request, P("../secret"), P("s")));
    fine(&t, sessile_sftp_symlink(t.request, P("../out"), P("o")));
    refused(&t, denied, sessile_sftp_open(t.request, P("s"), SESSILE_SFTP_FLAG_READ, NULL));
    refused(&t, denied, sessile_sftp_open(t.request, P("o/file"), SESSILE_SFTP_FLAG_READ, NULL));
    refused(&t, denied, sessile_sftp_stat(t.request, P("s")));
    refused(&t, denied, sessile_sftp_setstat(t.request, P("s"), attrs));
    refused(&t, denied, sessile_sftp_lstat(t.request, P("o/file")));
    refused(&t, denied, sessile_sftp_remove(t.request, P("o/file")));
    refused(&t, denied, sessile_sftp_mkdir(t.request, P("o/d"), NULL));
    refused(&t, denied, sessile_sftp_rename(t.request, P("inside"), P("o/inside")));
    refused(&t, denied, sessile_sftp_posix_rename(t.request, P("o/file"), P("file")));
    refused(&t, denied, sessile_sftp_hardlink(t.request, P("o/file"), P("file")));
    refused(&t, denied, sessile_sftp_symlink(t.request, P("x"), P("o/x")));
    refused(&t, denied, sessile_sftp_opendir(t.request, P("o")));
    refused(&t, denied, sessile_sftp_statvfs(t.request, P("o")));
    refused(&t, SESSILE_SFTP_STATUS_NO_SUCH_FILE, sessile_sftp_open(t.request, P("../secret"), 1, NULL));
    refused(&t, SESSILE_SFTP_STATUS_NO_SUCH_FILE, sessile_sftp_lsetstat(t.request, P("s"), attrs));
    fine(&t, sessile_sftp_remove(t.request, P("s")));
    snprintf(path, sizeof path, "%s/secret", t.place.folder);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_size, 6);
    sessile_sftp_attrs_free(attrs);
    talk_close(&t);
}

static void only_regular_files_are_opened(void **state)
{
    struct talk t;
    char path[128];

    (void)state;
    talk_open(&t);
    snprintf(path, sizeof path, "%s/pipe", t.place.root);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(&t, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_open(t.request, P("pipe"), SESSILE_SFTP_FLAG_READ, NULL));
    refused(&t, SESSILE_SFTP_STATUS_FAILURE, sessile_sftp_open(t.request, P("sub"), SESSILE_SFTP_FLAG_READ, NULL));
    talk_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_made_normal),         cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(nothing_is_made_outside),       cmocka_unit_test(a_rename_at_the_same_moment_leads_nowhere),
        cmocka_unit_test(a_client_works_with_files),     cmocka_unit_test(a_client_gets_nothing_from_outside),
        cmocka_unit_test(only_regular_files_are_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
