/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that were tampered with, and packets that lie: every byte that changed and every length that cannot be is one
 * error in the same words, found before more is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include <cmocka.h>

#include "session/core.h"
#include "ssh_end.h"

static const uint8_t *bytes; /* a payload */
static uint8_t raw[RAW_ROOM];
static uint8_t got[RAW_ROOM];

static int set_up(void **state)
{
    (void)state;
    bytes = end_bytes();
    return 0;
}

static void assert_corrupt(struct ssh_end *e, int taken)
{
    opened_done(&end_opened);
    assert_int_equal(taken, SESSILE_ERR_PROTOCOL);
    assert_int_equal(end_error(e), SESSILE_ERR_PROTOCOL);
    assert_string_equal(end_text(e), "packet 0: bad length or authentication");
    assert_int_equal(ERR_peek_error(), 0);
}

/* ---- what was tampered with ---- */

static void any_byte_that_changed_is_the_same_error(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        size_t size;

        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        size = raw_seal_payload(&keys, bytes, 75, raw);
        /* More follows, so that a length that became larger has its packet. */
        memset(raw + size, 0x55, RAW_ROOM - size);
        for (size_t at = 0; at < size; at++)
            for (unsigned flip = 1; flip < 256; flip = flip == 1 ? 0x80 : 256) {
                struct ssh_end e;

                end_open_with(&e, end_suite(i));
                raw[at] ^= (uint8_t)flip;
                assert_corrupt(&e, packet_open(&e.ssh, raw, RAW_ROOM, &end_opened));
                raw[at] ^= (uint8_t)flip;
                packet_rest(&e.ssh);
                end_close(&e);
            }
        raw_keys_free(&keys);
    }
}

static void a_packet_out_of_its_place_is_the_same_error(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;
        size_t size;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        raw_seal_payload(&keys, bytes, 40, raw);
        size = raw_seal_payload(&keys, bytes, 40, raw); /* the second one comes first */
        memset(raw + size, 0x55, RAW_ROOM - size);
        assert_corrupt(&e, packet_open(&e.ssh, raw, RAW_ROOM, &end_opened));
        raw_keys_free(&keys);
        packet_rest(&e.ssh);
        end_close(&e);
    }
}

/* key: whether the cipher's key differs, or the MAC's. */
static void assert_key_matters(const struct end_suite *suite, int key)
{
    struct raw_keys keys;
    struct ssh_end e;
    size_t size;

    end_open_with(&e, suite);
    raw_keys_init(&keys, suite->cipher, suite->mac);
    (key ? keys.key : keys.mac_key)[3] ^= 1;
    size = raw_seal_payload(&keys, bytes, 40, raw);
    memset(raw + size, 0x55, RAW_ROOM - size);
    assert_corrupt(&e, packet_open(&e.ssh, raw, RAW_ROOM, &end_opened));
    raw_keys_free(&keys);
    packet_rest(&e.ssh);
    end_close(&e);
}

/* Encrypt-then-MAC looks at the MAC alone: its key is what counts. */
static void a_packet_with_another_key_is_the_same_error(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        if (!end_suite(i)->mac || end_suite_hides(end_suite(i)))
            assert_key_matters(end_suite(i), 1);
        if (end_suite(i)->mac)
            assert_key_matters(end_suite(i), 0);
    }
}

/* What was said before the session failed is DISCONNECT, in a packet that its peer can read. */
static void a_bad_packet_is_answered_with_disconnect(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;
    size_t size, sent, used;

    (void)state;
    end_open_with(&e, end_suite(0));
    raw_keys_init(&keys, end_suite(0)->cipher, end_suite(0)->mac);
    size = raw_seal_payload(&keys, bytes, 40, raw);
    raw[20] ^= 1;
    assert_corrupt(&e, packet_open(&e.ssh, raw, size, &end_opened));
    raw_keys_init(&keys, end_suite(0)->cipher, end_suite(0)->mac);
    assert_true(raw_open(&keys, end_sent(&e, &sent), e.ssh.session->outbox.size, got, &used) > 5);
    assert_memory_equal(got, "\1\0\0\0\5", 5); /* DISCONNECT, MAC_ERROR */
    assert_int_equal(used, sent);
    raw_keys_free(&keys);
    end_close(&e);
}

/* ---- lengths that lie ---- */

static const int64_t bad_lengths[] = {0,          1,          4,     5,          6,          7,          9,
                                      13,         15,         17,    0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8,
                                      0xfffffffc, 0xfffffff0, 65536, 65535,      1 << 20};

static void a_length_that_cannot_be_is_refused_as_soon_as_it_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (size_t k = 0; k < sizeof bad_lengths / sizeof bad_lengths[0]; k++) {
            const struct end_suite *suite = end_suite(i);
            struct raw_packet packet = {bytes, 75, bad_lengths[k], RAW_RIGHT, RAW_RIGHT};
            size_t enough = end_suite_hides(suite) ? 16 : 4;
            struct raw_keys keys;
            struct ssh_end e;

            end_open_with(&e, suite);
            raw_keys_init(&keys, suite->cipher, suite->mac);
            raw_seal(&keys, &packet, raw);
            assert_int_equal(end_take(&e, raw, enough - 1), 0);
            assert_corrupt(&e, end_take(&e, raw, enough));
            raw_keys_free(&keys);
            end_close(&e);
        }
}

static void a_length_in_the_clear_that_cannot_be_is_named(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof bad_lengths / sizeof bad_lengths[0]; k++) {
        struct raw_packet packet = {bytes, 75, bad_lengths[k], RAW_RIGHT, RAW_RIGHT};
        struct raw_keys keys;
        struct ssh_end e;
        char named[64];

        end_open(&e);
        raw_keys_init(&keys, NULL, NULL);
        raw_seal(&keys, &packet, raw);
        assert_int_equal(end_take(&e, raw, 4), SESSILE_ERR_PROTOCOL);
        snprintf(named, sizeof named, "packet_length is %llu,", (unsigned long long)bad_lengths[k]);
        assert_non_null(strstr(end_text(&e), named));
        end_close(&e);
    }
}

/* A length that is possible and wrong, with a tag over what is there: the tag is looked for elsewhere. */
static void a_length_that_is_not_the_packets_is_the_same_error(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (int off = -16; off <= 16; off += 32) {
            const struct end_suite *suite = end_suite(i);
            struct raw_packet packet = {bytes, 75, 0, RAW_RIGHT, RAW_RIGHT};
            struct raw_keys keys;
            struct ssh_end e;
            size_t size;

            packet.length = (end_suite_hides(suite) ? 92 : 80) + off;
            end_open_with(&e, suite);
            raw_keys_init(&keys, suite->cipher, suite->mac);
            size = raw_seal(&keys, &packet, raw);
            memset(raw + size, 0x55, RAW_ROOM - size);
            assert_corrupt(&e, packet_open(&e.ssh, raw, RAW_ROOM, &end_opened));
            raw_keys_free(&keys);
            end_close(&e);
        }
}

/* Sealed by the peer itself: 32 bytes behind the length, or 28 with the length in the first block. */
static int open_padded(const struct end_suite *suite, int says)
{
    int whole = end_suite_hides(suite) ? 28 : 32;
    struct raw_packet packet = {bytes, 8, RAW_RIGHT, whole - 9, says < 0 ? whole + says : says};
    struct raw_keys keys;
    struct ssh_end e;
    size_t size;
    int taken;

    end_open_with(&e, suite);
    raw_keys_init(&keys, suite->cipher, suite->mac);
    size = raw_seal(&keys, &packet, raw);
    taken = end_take(&e, raw, size);
    opened_done(&end_opened);
    raw_keys_free(&keys);
    end_close(&e);
    return taken < 0 ? taken : (int)end_opened.size;
}

static void padding_that_cannot_be_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        const struct end_suite *suite = end_suite(i);

        assert_int_equal(open_padded(suite, 0), SESSILE_ERR_PROTOCOL);
        assert_int_equal(open_padded(suite, 3), SESSILE_ERR_PROTOCOL);
        assert_int_equal(open_padded(suite, 4), end_suite_hides(suite) ? 23 : 27);
        assert_int_equal(open_padded(suite, -2), 1);                    /* a payload of one byte */
        assert_int_equal(open_padded(suite, -1), SESSILE_ERR_PROTOCOL); /* of none */
        assert_int_equal(open_padded(suite, 32), SESSILE_ERR_PROTOCOL);
        assert_int_equal(open_padded(suite, 255), SESSILE_ERR_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_byte_that_changed_is_the_same_error),
        cmocka_unit_test(a_packet_out_of_its_place_is_the_same_error),
        cmocka_unit_test(a_packet_with_another_key_is_the_same_error),
        cmocka_unit_test(a_bad_packet_is_answered_with_disconnect),
        cmocka_unit_test(a_length_that_cannot_be_is_refused_as_soon_as_it_is_there),
        cmocka_unit_test(a_length_in_the_clear_that_cannot_be_is_named),
        cmocka_unit_test(a_length_that_is_not_the_packets_is_the_same_error),
        cmocka_unit_test(padding_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
