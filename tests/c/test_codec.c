/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader and the writer. One table says what each kind of field looks like in bytes, for both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "failing.h"

static uint64_t read_u8(struct reader *r)
{
    return get_u8(r);
}

static uint64_t read_u16(struct reader *r)
{
    return get_u16(r);
}

static uint64_t read_u32(struct reader *r)
{
    return get_u32(r);
}

static uint64_t read_u64(struct reader *r)
{
    return get_u64(r);
}

static void write_u8(struct writer *w, uint64_t value)
{
    put_u8(w, (uint8_t)value);
}

static void write_u16(struct writer *w, uint64_t value)
{
    put_u16(w, (uint16_t)value);
}

static void write_u32(struct writer *w, uint64_t value)
{
    put_u32(w, (uint32_t)value);
}

static void write_u64(struct writer *w, uint64_t value)
{
    put_u64(w, value);
}

static const struct {
    size_t size;
    uint64_t (*read)(struct reader *r);
    void (*write)(struct writer *w, uint64_t value);
    uint64_t value;
    const char *bytes;
} fields[] = {
    {1, read_u8, write_u8, 0, "\x00"},
    {1, read_u8, write_u8, 0xff, "\xff"},
    {2, read_u16, write_u16, 0x0102, "\x01\x02"},
    {2, read_u16, write_u16, 0xffff, "\xff\xff"},
    {4, read_u32, write_u32, 0x01020304, "\x01\x02\x03\x04"},
    {4, read_u32, write_u32, 0xfffefdfc, "\xff\xfe\xfd\xfc"},
    {8, read_u64, write_u64, 0x0102030405060708, "\x01\x02\x03\x04\x05\x06\x07\x08"},
    {8, read_u64, write_u64, UINT64_MAX - 1, "\xff\xff\xff\xff\xff\xff\xff\xfe"},
};

#define FIELDS (sizeof fields / sizeof fields[0])

/* The bytes are at the end of their block: reading one more is an error that a sanitizer sees. */
static uint8_t *exact_copy(const char *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

static void numbers_are_read_big_endian(void **state)
{
    struct reader r;
    uint8_t *bytes;

    (void)state;
    for (size_t i = 0; i < FIELDS; i++) {
        bytes = exact_copy(fields[i].bytes, fields[i].size);
        r = reader_of(bytes, fields[i].size);
        assert_false(reader_done(&r));
        assert_int_equal(fields[i].read(&r), fields[i].value);
        assert_true(reader_done(&r));
        free(bytes);
    }
}

static void a_number_cut_short_is_zero_and_fails_all_that_follows(void **state)
{
    struct reader r;
    uint8_t *bytes;

    (void)state;
    for (size_t i = 0; i < FIELDS; i++)
        for (size_t size = 0; size < fields[i].size; size++) {
            bytes = exact_copy(fields[i].bytes, size);
            r = reader_of(bytes, size);
            assert_int_equal(fields[i].read(&r), 0);
            assert_true(r.failed);
            assert_int_equal(r.left, 0);
            assert_int_equal(get_u8(&r), 0);
            assert_null(get_bytes(&r, 0));
            assert_false(reader_done(&r));
            free(bytes);
        }
}

static void numbers_are_written_big_endian(void **state)
{
    struct writer w;

    (void)state;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!fields[i].write)
            continue;
        memset(&w, 0, sizeof w);
        fields[i].write(&w, fields[i].value);
        assert_int_equal(w.size, fields[i].size);
        assert_memory_equal(w.data, fields[i].bytes, fields[i].size);
        writer_free(&w);
    }
}

static void bytes_are_borrowed_from_where_they_are(void **state)
{
    const uint8_t data[] = "abcdef";
    struct reader r = reader_of(data, 6);

    (void)state;
    assert_ptr_equal(get_bytes(&r, 2), data);
    assert_ptr_equal(get_bytes(&r, 0), data + 2);
    assert_ptr_equal(get_bytes(&r, 4), data + 2);
    assert_true(reader_done(&r));
    assert_null(get_bytes(&r, 1));
    r = reader_of(data, 6);
    assert_null(get_bytes(&r, SIZE_MAX));
    assert_true(r.failed);
    r = reader_of(NULL, 0);
    assert_true(reader_done(&r));
    assert_null(get_bytes(&r, 0));
    assert_true(reader_done(&r)); /* nothing of nothing is no failure */
}

static void what_follows_a_length_is_a_reader_of_its_own(void **state)
{
    static const struct {
        struct reader (*get)(struct reader *r);
        size_t prefix;
        const char *bytes;
    } lengths[] = {
        {get_sub8, 1,
         "\x03"
         "abc!"},
        {get_sub16, 2,
         "\x00\x03"
         "abc!"},
        {get_sub32, 4,
         "\x00\x00\x00\x03"
         "abc!"},
    };
    struct reader r;
    struct reader sub;
    uint8_t *bytes;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t size = 0; size <= lengths[i].prefix + 4; size++) {
            bytes = exact_copy(lengths[i].bytes, size);
            r = reader_of(bytes, size);
            sub = lengths[i].get(&r);
            assert_int_equal(sub.failed, size < lengths[i].prefix + 3);
            assert_int_equal(r.failed, sub.failed);
            assert_int_equal(sub.left, sub.failed ? 0 : 3);
            if (!sub.failed)
                assert_memory_equal(get_bytes(&sub, 3), "abc", 3);
            assert_int_equal(r.left, size > lengths[i].prefix + 3);
            free(bytes);
        }
    r = reader_of("\xff\xff\xff\xff", 4);
    sub = get_sub32(&r);
    assert_true(sub.failed);
}

static void a_writer_grows_and_keeps_what_it_has(void **state)
{
    struct writer w = {0};
    struct reader r;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++)
        put_u32(&w, i);
    r = reader_of(w.data, w.size);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(get_u32(&r), i);
    assert_true(reader_done(&r));
    assert_false(w.failed);
    writer_free(&w);
    assert_null(w.data);
    assert_int_equal(failing_blocks(FAILING_OURS), 0);
}

static void sized_bytes_carry_their_length(void **state)
{
    static const uint8_t zeros[65536];
    struct writer w = {0};
    struct reader r;

    (void)state;
    put_bytes(&w, NULL, 0);
    put_sized16(&w, "", 0);
    put_sized16(&w, "abc", 3);
    put_sized32(&w, "defg", 4);
    assert_int_equal(w.size, 2 + 5 + 8);
    assert_memory_equal(w.data, "\0\0\0\3abc\0\0\0\4defg", 15);
    r = reader_of(w.data, w.size);
    assert_int_equal(get_sub16(&r).left, 0);
    assert_int_equal(get_sub16(&r).left, 3);
    assert_int_equal(get_sub32(&r).left, 4);
    assert_true(reader_done(&r));
    put_sized16(&w, zeros, 65535);
    assert_false(w.failed);
    put_sized16(&w, zeros, 65536);
    assert_true(w.failed);
    writer_free(&w);
}

static void a_writer_that_failed_stays_failed(void **state)
{
    struct writer w = {0};
    size_t count;

    (void)state;
    for (size_t index = 0; index < 5; index++) {
        failing_at(FAILING_OURS, index, 0);
        for (uint32_t i = 0; i < 300; i++)
            put_u32(&w, i);
        assert_int_equal(w.failed, failing_hit());
        if (w.failed) {
            count = w.size;
            put_u8(&w, 1);
            assert_null(put_room(&w, 1));
            assert_int_equal(w.size, count);
        }
        writer_free(&w);
        failing_off();
    }
    assert_null(put_room(&w, SIZE_MAX / 2));
    assert_true(w.failed);
    writer_free(&w);
    assert_int_equal(failing_blocks(FAILING_OURS), 0);
}

/* ---- mpints (RFC 4251, section 5) ---- */

static const struct {
    const char *name;
    size_t size;
    const char *magnitude;
    size_t encoded;
    const char *bytes;
} mpints[] = {
    {"zero", 0, "", 4, "\0\0\0\0"},
    {"one", 1, "\x01", 5, "\0\0\0\x01\x01"},
    {"the highest of a byte", 1, "\x7f", 5, "\0\0\0\x01\x7f"},
    {"a high bit", 1, "\x80", 6, "\0\0\0\x02\x00\x80"},
    {"the RFC's example", 8, "\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 12, "\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"},
    {"a high bit in front of others", 3, "\xff\x00\x01", 8, "\0\0\0\x04\x00\xff\x00\x01"},
};

static void mpints_are_written_and_read(void **state)
{
    static const uint8_t zeros[] = {0, 0, 0};
    struct writer w = {0};
    struct reader r;
    struct reader magnitude;
    uint8_t *bytes;

    (void)state;
    for (size_t i = 0; i < sizeof mpints / sizeof mpints[0]; i++) {
        put_bytes(&w, zeros, 3);
        put_bytes(&w, mpints[i].magnitude, mpints[i].size);
        bytes = exact_copy((const char *)w.data, w.size);
        for (size_t more = 0; more <= 3; more++) { /* zeros in front that are not written */
            w.size = 0;
            put_mpint(&w, bytes + 3 - more, mpints[i].size + more);
            assert_int_equal(w.size, mpints[i].encoded);
            assert_memory_equal(w.data, mpints[i].bytes, w.size);
        }
        free(bytes);
        for (size_t size = 0; size <= mpints[i].encoded; size++) {
            bytes = exact_copy(mpints[i].bytes, size);
            r = reader_of(bytes, size);
            magnitude = get_mpint(&r);
            assert_int_equal(r.failed, size < mpints[i].encoded);
            assert_int_equal(magnitude.failed, r.failed);
            assert_int_equal(magnitude.left, r.failed ? 0 : mpints[i].size);
            if (magnitude.left)
                assert_memory_equal(magnitude.data, mpints[i].magnitude, mpints[i].size);
            free(bytes);
        }
        w.size = 0;
    }
    writer_free(&w);
}

static void an_mpint_that_is_negative_or_too_long_fails(void **state)
{
    static const struct {
        size_t size;
        const char *bytes;
    } wrong[] = {
        {5, "\0\0\0\x01\x80"},       {6, "\0\0\0\x02\xff\x01"},     {5, "\0\0\0\x01\x00"},
        {6, "\0\0\0\x02\x00\x01"},   {7, "\0\0\0\x03\x00\x00\x80"}, {6, "\0\0\0\x02\x00\x00"},
        {5, "\xff\xff\xff\xff\x01"},
    };
    struct reader r;
    struct reader magnitude;
    uint8_t *bytes;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        bytes = exact_copy(wrong[i].bytes, wrong[i].size);
        r = reader_of(bytes, wrong[i].size);
        magnitude = get_mpint(&r);
        assert_true(r.failed);
        assert_true(magnitude.failed);
        assert_int_equal(magnitude.left, 0);
        assert_int_equal(r.left, 0);
        free(bytes);
    }
}

/* ---- lengths that are known later, and room of the caller's ---- */

static void a_length_is_set_when_what_it_counts_is_there(void **state)
{
    struct writer w = {0};
    size_t outer;
    size_t inner;

    (void)state;
    put_u8(&w, 0xaa);
    outer = put_begin32(&w);
    put_text32(&w, "abc");
    inner = put_begin32(&w);
    put_end32(&w, inner);
    inner = put_begin32(&w);
    for (int i = 0; i < 300; i++)
        put_u8(&w, 7);
    put_end32(&w, inner);
    put_end32(&w, outer);
    put_text32(&w, "");
    assert_false(w.failed);
    assert_int_equal(w.size, 1 + 4 + 7 + 4 + 304 + 4);
    assert_memory_equal(w.data, "\xaa\0\0\x01\x3b\0\0\0\3abc\0\0\0\0\0\0\x01\x2c\7", 21);
    assert_memory_equal(w.data + w.size - 5, "\7\0\0\0\0", 5);
    writer_free(&w);
}

static void a_length_in_a_writer_that_failed_is_not_set(void **state)
{
    struct writer w = {0};
    size_t begin;

    (void)state;
    failing_at(FAILING_OURS, 0, 1);
    begin = put_begin32(&w);
    put_u32(&w, 1);
    put_end32(&w, begin);
    assert_true(failing_hit());
    assert_true(w.failed);
    failing_off();
    writer_free(&w);
    begin = put_begin32(&w);
    failing_at(FAILING_OURS, 0, 1);
    put_bytes(&w, mpints, sizeof mpints);
    put_bytes(&w, mpints, sizeof mpints);
    put_end32(&w, begin);
    assert_true(w.failed);
    failing_off();
    writer_free(&w);
}

static void a_writer_in_room_of_its_callers_leaves_it_wiped(void **state)
{
    static const uint8_t zeros[16];
    uint8_t room[16];
    struct writer w;

    (void)state;
    for (int more = 0; more <= 1; more++) {
        memset(room, 0xff, sizeof room);
        w = writer_in(room, sizeof room);
        failing_at(FAILING_OURS, 0, 1);
        put_bytes(&w, "0123456789abcdef", 16);
        assert_false(failing_hit());
        failing_off();
        assert_ptr_equal(w.data, room);
        if (more) {
            put_u8(&w, 'x');
            assert_ptr_not_equal(w.data, room);
            assert_memory_equal(room, zeros, sizeof room);
            assert_memory_equal(w.data, "0123456789abcdefx", 17);
        }
        assert_false(w.failed);
        writer_free(&w);
        assert_memory_equal(room, zeros, sizeof room);
        assert_null(w.data);
        assert_int_equal(failing_blocks(FAILING_OURS), 0);
    }
    memset(room, 0xff, sizeof room); /* without memory it keeps what it has, and frees nothing */
    w = writer_in(room, sizeof room);
    put_bytes(&w, "0123456789abcdef", 16);
    failing_at(FAILING_OURS, 0, 1);
    put_u8(&w, 'x');
    assert_true(w.failed);
    failing_off();
    writer_free(&w);
    assert_memory_equal(room, zeros, sizeof room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_big_endian),
        cmocka_unit_test(a_number_cut_short_is_zero_and_fails_all_that_follows),
        cmocka_unit_test(numbers_are_written_big_endian),
        cmocka_unit_test(bytes_are_borrowed_from_where_they_are),
        cmocka_unit_test(what_follows_a_length_is_a_reader_of_its_own),
        cmocka_unit_test(a_writer_grows_and_keeps_what_it_has),
        cmocka_unit_test(sized_bytes_carry_their_length),
        cmocka_unit_test(a_writer_that_failed_stays_failed),
        cmocka_unit_test(mpints_are_written_and_read),
        cmocka_unit_test(an_mpint_that_is_negative_or_too_long_fails),
        cmocka_unit_test(a_length_is_set_when_what_it_counts_is_there),
        cmocka_unit_test(a_length_in_a_writer_that_failed_is_not_set),
        cmocka_unit_test(a_writer_in_room_of_its_callers_leaves_it_wiped),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
