/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client whose server is the test: whatever is not the answer to what was asked ends it, in any portions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sessile/sessile.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "sftp_pair.h"

struct client {
    struct sftp_lone lone;
    sessile_sftp_request *request;
    sessile_sftp_transfer *transfer;
    int replies;
    int result;
    int status;
    char text[256];
    int done;
    size_t got;
    size_t portion;
};

static int on_reply(sessile_sftp_request *request, void *app)
{
    struct client *c = app;

    c->replies++;
    c->result = sessile_sftp_request_result(request);
    c->status = sessile_sftp_request_status(request);
    strncpy(c->text, sessile_sftp_request_text(request), sizeof c->text - 1);
    return 0;
}

static int on_done(sessile_sftp_transfer *transfer, void *app)
{
    struct client *c = app;

    c->done++;
    c->result = sessile_sftp_transfer_result(transfer);
    return 0;
}

static int on_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    struct client *c = app;

    (void)transfer, (void)data;
    assert_int_equal(offset, c->got);
    c->got += size;
    return 0;
}

/* ---- what the server says ---- */

static void say(struct client *c, const void *data, size_t size)
{
    size_t portion = c->portion ? c->portion : size, part;
    uint8_t *copy;

    for (size_t at = 0; at < size; at += part) {
        part = size - at < portion ? size - at : portion;
        copy = need_memory(malloc(part));
        memcpy(copy, (const uint8_t *)data + at, part);
        sessile_sftp_receive(c->lone.sftp, copy, part);
        free(copy);
    }
}

static void say_message(struct client *c, struct writer *body)
{
    struct writer w = {0};

    put_sized32(&w, body->data, body->size);
    say(c, w.data, w.size);
    writer_free(&w);
    writer_free(body);
}

static struct writer message(int type, uint32_t id)
{
    struct writer w = {0};

    put_u8(&w, (uint8_t)type);
    put_u32(&w, id);
    return w;
}

static void say_version(struct client *c, uint32_t version, const char *extension)
{
    struct writer w = {0};

    put_u8(&w, 2);
    put_u32(&w, version);
    if (extension) {
        put_text32(&w, extension);
        put_text32(&w, "1");
    }
    say_message(c, &w);
}

/* The id of the last request that was sent. */
static uint32_t asked_id(const struct client *c)
{
    struct reader r = reader_of(c->lone.sent, c->lone.size), m = {0};

    while (r.left && !r.failed)
        m = get_sub32(&r);
    get_u8(&m);
    return get_u32(&m);
}

static void client_open(struct client *c, size_t portion)
{
    memset(c, 0, sizeof *c);
    c->portion = portion;
    sftp_lone_open(&c->lone, SESSILE_CLIENT);
    assert_int_equal(c->lone.size, 9);
    assert_memory_equal(c->lone.sent, "\0\0\0\5\1\0\0\0\3", 9);
    c->request = sessile_sftp_request_new(c->lone.sftp, on_reply, c);
    c->transfer = sessile_sftp_transfer_new(c->lone.sftp, on_done, c);
}

static void client_ready(struct client *c, size_t portion)
{
    client_open(c, portion);
    assert_int_equal(sessile_sftp_stat(c->request, "a", 1), SESSILE_ERR_MISUSE);
    say_version(c, 3, NULL);
    assert_int_equal(c->lone.ready, 1);
}

static void client_done(struct client *c)
{
    sessile_sftp_request_free(c->request);
    sessile_sftp_transfer_free(c->transfer);
    sftp_lone_done(&c->lone);
}

static void must_fail(struct client *c, int error, const char *text)
{
    assert_int_equal(c->lone.closed, 1);
    assert_int_equal(c->lone.error, error);
    assert_int_equal(sessile_sftp_error(c->lone.sftp), error);
    if (!strstr(sessile_sftp_error_text(c->lone.sftp), text))
        fail_msg("\"%s\" does not say \"%s\"", sessile_sftp_error_text(c->lone.sftp), text);
}

/* ---- the first message ---- */

static void a_version_that_is_not_ours_ends_it(void **state)
{
    static const uint32_t versions[] = {0, 2, 4, 6, 0xffffffff};
    struct client c;

    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        client_open(&c, 0);
        say_version(&c, versions[i], NULL);
        must_fail(&c, SESSILE_ERR_NEGOTIATION, "speaks version");
        client_done(&c);
    }
}

static void a_malformed_version_ends_it(void **state)
{
    static const struct {
        size_t size;
        const char *bytes;
        const char *text;
    } cases[] = {
        {4, "\0\0\0\0", "a message of 0 bytes"},
        {4, "\0\4\0\1", "a message of 262145 bytes"},
        {4, "\xff\xff\xff\xff", "a message of 4294967295 bytes"},
        {5, "\0\0\0\1\2", "VERSION is malformed"},
        {9, "\0\0\0\5\1\0\0\0\3", "the first message is of type 1"},
        {9, "\0\0\0\5\x65\0\0\0\3", "the first message is of type 101"},
        {10, "\0\0\0\6\2\0\0\0\3x", "VERSION is malformed"},
        {13, "\0\0\0\x09\2\0\0\0\3\0\0\0\0", "VERSION is malformed"},
        {17, "\0\0\0\x0d\2\0\0\0\3\0\0\0\1\0\0\0\0", "VERSION is malformed"},
        {17, "Hello, I am ssh\r\n", "a message of 1214606444 bytes"},
    };
    struct client c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client_open(&c, i % 2);
        say(&c, cases[i].bytes, cases[i].size);
        must_fail(&c, SESSILE_ERR_PROTOCOL, cases[i].text);
        client_done(&c);
    }
}

static void more_extensions_than_are_kept_are_read_over(void **state)
{
    struct writer w = {0};
    struct client c;

    (void)state;
    client_open(&c, 0);
    put_u8(&w, 2);
    put_u32(&w, 3);
    for (int i = 0; i < 200; i++) {
        put_text32(&w, "x@y");
        put_text32(&w, "");
    }
    say_message(&c, &w);
    assert_int_equal(c.lone.ready, 1);
    assert_int_equal(sessile_sftp_extension_count(c.lone.sftp), 64);
    client_done(&c);
}

/* ---- limits ---- */

static void silly_limits_do_no_harm(void **state)
{
    struct writer w;
    struct client c;

    (void)state;
    client_open(&c, 1);
    say_version(&c, 3, "limits@openssh.com");
    w = message(201, asked_id(&c));
    put_u64(&w, UINT64_MAX);
    put_u64(&w, UINT64_MAX);
    put_u64(&w, 0);
    put_u64(&w, 3);
    say_message(&c, &w);
    assert_int_equal(sessile_sftp_limit(c.lone.sftp, SESSILE_SFTP_LIMIT_READ), 261120);
    assert_int_equal(sessile_sftp_limit(c.lone.sftp, SESSILE_SFTP_LIMIT_WRITE), 32768);
    assert_int_equal(sessile_sftp_limit(c.lone.sftp, SESSILE_SFTP_LIMIT_HANDLES), 3);
    client_done(&c);
}

/* ---- answers ---- */

#define BAD "malformed"

enum field { END, U32, U64, TEXT, RAW };

struct spoken {
    enum field field;
    uint64_t number;
    const char *text;
};

struct wrong {
    const char *name;
    int operation; /* what is asked */
    int type;      /* what is answered */
    struct spoken fields[8];
    const char *text; /* NULL: it is an answer */
};

static void put_spoken(struct writer *w, const struct spoken *s)
{
    for (; s->field != END; s++) {
        if (s->field == U32)
            put_u32(w, (uint32_t)s->number);
        else if (s->field == U64)
            put_u64(w, s->number);
        else if (s->field == TEXT)
            put_sized32(w, s->text, s->number ? (size_t)s->number : strlen(s->text));
        else
            put_bytes(w, s->text, (size_t)s->number);
    }
}

static void ask(struct client *c, int operation)
{
    int result = SESSILE_ERR_ARGUMENT;

    switch (operation) {
    case SESSILE_SFTP_OPEN:
        result = sessile_sftp_open(c->request, "a", 1, SESSILE_SFTP_FLAG_READ, NULL);
        break;
    case SESSILE_SFTP_READ:
        result = sessile_sftp_read(c->request, "h", 1, 0, 4);
        break;
    case SESSILE_SFTP_READDIR:
        result = sessile_sftp_readdir(c->request, "h", 1);
        break;
    case SESSILE_SFTP_STAT:
        result = sessile_sftp_stat(c->request, "a", 1);
        break;
    case SESSILE_SFTP_REALPATH:
        result = sessile_sftp_realpath(c->request, "a", 1);
        break;
    case SESSILE_SFTP_CLOSE:
        result = sessile_sftp_close(c->request, "h", 1);
        break;
    default:
        break;
    }
    assert_int_equal(result, 0);
}

#define STATUS 101
#define HANDLE 102
#define DATA 103
#define NAME 104
#define ATTRS 105
#define REPLY 201
#define T(text)                                                                                                        \
    {                                                                                                                  \
        TEXT, 0, text                                                                                                  \
    }
#define N(number)                                                                                                      \
    {                                                                                                                  \
        U32, number, NULL                                                                                              \
    }
#define R(bytes)                                                                                                       \
    {                                                                                                                  \
        RAW, sizeof bytes - 1, bytes                                                                                   \
    }

static const struct wrong wrongs[] = {
    {"status", SESSILE_SFTP_CLOSE, STATUS, {N(0), T(""), T("")}, NULL},
    {"status without words", SESSILE_SFTP_CLOSE, STATUS, {N(0)}, NULL},
    {"status without language", SESSILE_SFTP_CLOSE, STATUS, {N(4), T("no")}, NULL},
    {"status of nothing", SESSILE_SFTP_CLOSE, STATUS, {R("\0\0")}, BAD},
    {"status with more behind", SESSILE_SFTP_CLOSE, STATUS, {N(0), T("a"), T("b"), R("c")}, BAD},
    {"status with words cut", SESSILE_SFTP_CLOSE, STATUS, {N(0), R("\0\0\0\5abc")}, BAD},
    {"handle for close", SESSILE_SFTP_CLOSE, HANDLE, {T("h")}, "answered with type 102"},
    {"reply for close", SESSILE_SFTP_CLOSE, REPLY, {T("h")}, "answered with type 201"},
    {"unknown type", SESSILE_SFTP_CLOSE, 77, {T("h")}, "answered with type 77"},
    {"handle", SESSILE_SFTP_OPEN, HANDLE, {T("h")}, NULL},
    {"status ok for open", SESSILE_SFTP_OPEN, STATUS, {N(0), T(""), T("")}, "was answered with STATUS OK"},
    {"no handle", SESSILE_SFTP_OPEN, HANDLE, {T("")}, BAD},
    {"handle cut", SESSILE_SFTP_OPEN, HANDLE, {R("\0\0\0\2h")}, BAD},
    {"handle with more", SESSILE_SFTP_OPEN, HANDLE, {T("h"), R("x")}, BAD},
    {"handle of 256", SESSILE_SFTP_OPEN, HANDLE, {{TEXT, 256, NULL}}, NULL},
    {"handle of 257", SESSILE_SFTP_OPEN, HANDLE, {{TEXT, 257, NULL}}, BAD},
    {"data for open", SESSILE_SFTP_OPEN, DATA, {T("h")}, "answered with type 103"},
    {"data", SESSILE_SFTP_READ, DATA, {T("abcd")}, NULL},
    {"short data", SESSILE_SFTP_READ, DATA, {T("a")}, NULL},
    {"no data", SESSILE_SFTP_READ, DATA, {T("")}, BAD},
    {"more data than asked for", SESSILE_SFTP_READ, DATA, {T("abcde")}, "more than was asked for"},
    {"data with more behind", SESSILE_SFTP_READ, DATA, {T("abc"), R("d")}, BAD},
    {"data with a long length",
     SESSILE_SFTP_READ,
     DATA,
     {R("\xff\xff\xff\xff"
        "abcd")},
     BAD},
    {"status ok for read", SESSILE_SFTP_READ, STATUS, {N(0), T(""), T("")}, "was answered with STATUS OK"},
    {"names", SESSILE_SFTP_READDIR, NAME, {N(2), T("a"), T("A"), N(0), T(".."), T("B"), N(0)}, NULL},
    {"no names", SESSILE_SFTP_READDIR, NAME, {N(0)}, NULL},
    {"four billion names", SESSILE_SFTP_READDIR, NAME, {N(0xffffffff), T("a"), T("A"), N(0)}, BAD},
    {"a name more than there is", SESSILE_SFTP_READDIR, NAME, {N(2), T("a"), T("A"), N(0)}, BAD},
    {"a name too few", SESSILE_SFTP_READDIR, NAME, {N(1), T("a"), T("A"), N(0), T("b"), T("B"), N(0)}, BAD},
    {"an empty name", SESSILE_SFTP_READDIR, NAME, {N(1), T(""), T("A"), N(0)}, BAD},
    {"a name with a slash", SESSILE_SFTP_READDIR, NAME, {N(1), T("../x"), T("A"), N(0)}, BAD},
    {"an absolute name", SESSILE_SFTP_READDIR, NAME, {N(1), T("/etc"), T("A"), N(0)}, BAD},
    {"a name with a NUL", SESSILE_SFTP_READDIR, NAME, {N(1), {TEXT, 3, "a\0b"}, T("A"), N(0)}, BAD},
    {"a name of 4097", SESSILE_SFTP_READDIR, NAME, {N(1), {TEXT, 4097, NULL}, T("A"), N(0)}, BAD},
    {"names, unknown attributes", SESSILE_SFTP_READDIR, NAME, {N(1), T("a"), T("A"), N(0x10)}, BAD},
    {"two names for one", SESSILE_SFTP_REALPATH, NAME, {N(2), T("a"), T("A"), N(0), T("b"), T("B"), N(0)}, BAD},
    {"no name for one", SESSILE_SFTP_REALPATH, NAME, {N(0)}, BAD},
    {"one name", SESSILE_SFTP_REALPATH, NAME, {N(1), T("/a/b"), T("A"), N(0)}, NULL},
    {"one name with a NUL", SESSILE_SFTP_REALPATH, NAME, {N(1), {TEXT, 3, "a\0b"}, T("A"), N(0)}, BAD},
    {"attributes", SESSILE_SFTP_STAT, ATTRS, {N(5), {U64, 9, NULL}, N(1)}, NULL},
    {"extended attributes", SESSILE_SFTP_STAT, ATTRS, {N(0x80000000), N(1), T("a"), T("b")}, NULL},
    {"too many extended attributes", SESSILE_SFTP_STAT, ATTRS, {N(0x80000000), N(0xffffffff), T("a"), T("b")}, BAD},
    {"extended attributes cut", SESSILE_SFTP_STAT, ATTRS, {N(0x80000000), N(2), T("a"), T("b")}, BAD},
    {"attributes cut", SESSILE_SFTP_STAT, ATTRS, {N(5), {U64, 9, NULL}}, BAD},
    {"attributes with more", SESSILE_SFTP_STAT, ATTRS, {N(0), N(0)}, BAD},
    {"attributes unknown", SESSILE_SFTP_STAT, ATTRS, {N(0x40)}, BAD},
};

static void say_wrong(struct client *c, const struct wrong *wrong, uint32_t id)
{
    static char many[5000];
    struct spoken fields[8];
    struct writer w = message(wrong->type, id);

    memset(many, 'n', sizeof many);
    memcpy(fields, wrong->fields, sizeof fields);
    for (int i = 0; i < 8; i++)
        if (fields[i].field == TEXT && !fields[i].text)
            fields[i].text = many;
    put_spoken(&w, fields);
    say_message(c, &w);
}

static void only_what_answers_is_an_answer(void **state)
{
    struct client c;

    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++)
        for (size_t portion = 0; portion < 4; portion++) {
            const struct wrong *wrong = &wrongs[i];

            client_ready(&c, portion);
            ask(&c, wrong->operation);
            say_wrong(&c, wrong, asked_id(&c));
            if (wrong->text) {
                must_fail(&c, SESSILE_ERR_PROTOCOL, wrong->text);
                assert_int_equal(c.replies, 1);
                assert_int_equal(c.result, SESSILE_ERR_PROTOCOL);
            } else if (c.lone.closed || c.replies != 1) {
                fail_msg("%s: %s", wrong->name, sessile_sftp_error_text(c.lone.sftp));
            }
            client_done(&c);
        }
}

static void an_answer_to_nothing_ends_it(void **state)
{
    struct client c;
    uint32_t id;

    (void)state;
    client_ready(&c, 0);
    ask(&c, SESSILE_SFTP_CLOSE);
    id = asked_id(&c);
    say_wrong(&c, &wrongs[0], id);
    assert_int_equal(c.replies, 1);
    say_wrong(&c, &wrongs[0], id); /* once more */
    must_fail(&c, SESSILE_ERR_PROTOCOL, "which is not under way");
    client_done(&c);
    for (int bit = 0; bit < 32; bit++) {
        client_ready(&c, 0);
        ask(&c, SESSILE_SFTP_CLOSE);
        say_wrong(&c, &wrongs[0], asked_id(&c) ^ 1u << bit);
        must_fail(&c, SESSILE_ERR_PROTOCOL, "which is not under way");
        client_done(&c);
    }
}

static void an_id_that_was_used_is_not_used_soon_again(void **state)
{
    struct client c;
    uint32_t first;

    (void)state;
    client_ready(&c, 0);
    ask(&c, SESSILE_SFTP_CLOSE);
    first = asked_id(&c);
    say_wrong(&c, &wrongs[0], first);
    for (int i = 0; i < 1000; i++) {
        ask(&c, SESSILE_SFTP_CLOSE);
        assert_int_not_equal(asked_id(&c), first);
        say_wrong(&c, &wrongs[0], asked_id(&c));
    }
    client_done(&c);
}

static void a_server_s_words_are_escaped(void **state)
{
    struct client c;
    struct writer w;

    (void)state;
    client_ready(&c, 0);
    ask(&c, SESSILE_SFTP_CLOSE);
    w = message(STATUS, asked_id(&c));
    put_u32(&w, 0xfffffff0);
    put_text32(&w, "\033[2Jno\n");
    put_text32(&w, "");
    say_message(&c, &w);
    assert_int_equal(c.result, SESSILE_ERR_REFUSED);
    assert_string_equal(c.text, "\\x1b[2Jno\\x0a");
    client_done(&c);
}

static void a_cut_message_is_a_truncation(void **state)
{
    struct client c;

    (void)state;
    client_ready(&c, 0);
    say(&c, "\0\0\0\5\x65", 5);
    sessile_sftp_receive_end(c.lone.sftp);
    must_fail(&c, SESSILE_ERR_TRUNCATED, "5 bytes into a message");
    client_done(&c);
}

/* ---- data for a transfer ---- */

static void get_and_answer(struct client *c, size_t portion, const char *data, uint32_t length, size_t size)
{
    struct writer w;

    client_ready(c, portion);
    assert_int_equal(sessile_sftp_get(c->transfer, "h", 1, 0, 4, on_sink), 0);
    w = message(DATA, asked_id(c));
    put_u32(&w, length);
    put_bytes(&w, data, size);
    say_message(c, &w);
}

static void data_of_a_transfer_is_checked_before_it_is_handed_on(void **state)
{
    struct client c;

    (void)state;
    for (size_t portion = 0; portion < 20; portion++) {
        get_and_answer(&c, portion, "abcd", 4, 4);
        assert_int_equal(c.done, 1);
        assert_int_equal(c.result, 0);
        assert_int_equal(c.got, 4);
        client_done(&c);
        get_and_answer(&c, portion, "abcde", 5, 5);
        must_fail(&c, SESSILE_ERR_PROTOCOL, "where 4 were asked for");
        assert_int_equal(c.got, 0);
        assert_int_equal(c.done, 1);
        client_done(&c);
        get_and_answer(&c, portion, "abc", 4, 3);
        must_fail(&c, SESSILE_ERR_PROTOCOL, "DATA with 4 bytes");
        client_done(&c);
        get_and_answer(&c, portion, "", 0, 0);
        must_fail(&c, SESSILE_ERR_PROTOCOL, "DATA with 0 bytes");
        client_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_that_is_not_ours_ends_it),
        cmocka_unit_test(a_malformed_version_ends_it),
        cmocka_unit_test(more_extensions_than_are_kept_are_read_over),
        cmocka_unit_test(silly_limits_do_no_harm),
        cmocka_unit_test(only_what_answers_is_an_answer),
        cmocka_unit_test(an_answer_to_nothing_ends_it),
        cmocka_unit_test(an_id_that_was_used_is_not_used_soon_again),
        cmocka_unit_test(a_server_s_words_are_escaped),
        cmocka_unit_test(a_cut_message_is_a_truncation),
        cmocka_unit_test(data_of_a_transfer_is_checked_before_it_is_handed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
