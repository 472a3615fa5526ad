/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets: what is sealed can be read by whoever has the keys, whole or in pieces. Every cipher with every MAC and of
 * every size, against packets made by hand and by another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "session/core.h"
#include "ssh_end.h"
#include "ssh_packet_vectors.h"

static const uint8_t *bytes; /* a payload */
static uint8_t raw[RAW_ROOM * 2];
static uint8_t got[RAW_ROOM];

static int set_up(void **state)
{
    (void)state;
    bytes = end_bytes();
    return 0;
}

/* ---- the tables ---- */

static void finds_every_algorithm_by_its_whole_name(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        const char *cipher = end_suite(i)->cipher, *mac = end_suite(i)->mac;

        assert_string_equal(cipher_find(cipher, strlen(cipher))->name, cipher);
        assert_null(cipher_find(cipher, strlen(cipher) - 1));
        if (mac) {
            assert_string_equal(mac_find(mac, strlen(mac))->name, mac);
            assert_null(mac_find(mac, strlen(mac) - 1));
        }
    }
    assert_null(cipher_find("aes128-cbc", 10));
    assert_null(cipher_find("none", 4));
    assert_null(cipher_find("", 0));
    assert_null(mac_find("hmac-md5", 8));
    assert_null(mac_find("", 0));
}

static void lists_end_and_begin_with_the_best(void **state)
{
    size_t ciphers = 0, macs = 0;

    (void)state;
    while (cipher_at(ciphers))
        ciphers++;
    while (mac_at(macs))
        macs++;
    assert_int_equal(ciphers, 6);
    assert_int_equal(macs, 6);
    assert_string_equal(cipher_at(0)->name, "aes128-gcm@openssh.com");
    assert_string_equal(mac_at(0)->name, "hmac-sha2-256-etm@openssh.com");
    assert_null(cipher_at(SIZE_MAX));
}

/* ---- packets of others ---- */

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return size;
}

static size_t vector_payload(int index, uint8_t *out)
{
    if (index == 0) {
        memcpy(out, "\x5eSessile", 8);
        return 8;
    }
    out[0] = 2;
    for (int i = 0; i < 40; i++)
        out[1 + i] = (uint8_t)i;
    return 41;
}

static void seals_what_another_implementation_seals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packet_vectors / sizeof packet_vectors[0]; i++) {
        const struct end_suite suite = {packet_vectors[i].cipher, packet_vectors[i].mac};
        struct ssh_end e;

        end_open_with(&e, &suite);
        e.ssh.transport.out.sequence = 5;
        for (int k = 0; k < 2; k++) {
            uint8_t payload[64];
            size_t size = vector_payload(k, payload), expected = unhex(packet_vectors[i].packets[k], raw), sent;

            assert_int_equal(packet_seal(&e.ssh, payload, 1, payload + 1, size - 1), 0);
            assert_memory_equal(end_sent(&e, &sent), raw, expected);
            assert_int_equal(sent, expected);
            end_clear(&e);
        }
        end_close(&e);
    }
}

static void opens_what_another_implementation_seals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packet_vectors / sizeof packet_vectors[0]; i++) {
        const struct end_suite suite = {packet_vectors[i].cipher, packet_vectors[i].mac};
        struct ssh_end e;

        end_open_with(&e, &suite);
        e.ssh.transport.in.sequence = 5;
        for (int k = 0; k < 2; k++) {
            uint8_t payload[64];
            size_t size = vector_payload(k, payload), sealed = unhex(packet_vectors[i].packets[k], raw);

            assert_int_equal(end_take(&e, raw, sealed), sealed);
            assert_int_equal(end_opened.size, size);
            assert_memory_equal(end_opened.payload, payload, size);
            opened_done(&end_opened);
        }
        end_close(&e);
    }
}

/* ---- sizes ---- */

/* All small sizes, and those around every threshold in the code. */
static size_t next_size(size_t size)
{
    static const size_t steps[] = {511,  512,  513,   1023,  1260,  1265,  1270,  1275,       1276, 1280,
                                   1281, 4032, 4094,  4095,  4096,  4097,  4098,  4110,       4159, 4160,
                                   8191, 8192, 16384, 32768, 32769, 35000, 64990, PAYLOAD_MAX};

    if (size < 300)
        return size + 1;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i] > size)
            return steps[i];
    return 0;
}

static void a_peer_reads_what_is_sealed_in_one_part_and_in_two(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        for (size_t size = 1; size; size = next_size(size)) {
            size_t head = size < 9 ? 1 : 9;

            assert_int_equal(packet_seal(&e.ssh, bytes, size, NULL, 0), 0);
            assert_true(e.ssh.session->outbox.size <= packet_size(&e.ssh, size));
            end_sealed(&e, &keys, size);
            assert_int_equal(packet_seal(&e.ssh, bytes, head, bytes + head, size - head), 0);
            end_sealed(&e, &keys, size);
        }
        raw_keys_free(&keys);
        end_close(&e);
    }
}

static void what_a_peer_seals_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        for (size_t size = 1; size; size = next_size(size))
            end_takes(&e, raw, raw_seal_payload(&keys, bytes, size, raw), size);
        raw_keys_free(&keys);
        packet_rest(&e.ssh);
        end_close(&e);
    }
}

static void a_body_may_begin_anywhere_in_a_block(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        for (size_t head = 1; head < 140; head++) {
            assert_int_equal(packet_seal(&e.ssh, bytes, head, bytes + head, 4096 + head % 70), 0);
            end_sealed(&e, &keys, head + 4096 + head % 70);
        }
        raw_keys_free(&keys);
        end_close(&e);
    }
}

static void packets_in_the_clear_go_both_ways(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;

    (void)state;
    end_open(&e);
    raw_keys_init(&keys, NULL, NULL);
    for (size_t size = 1; size; size = next_size(size)) {
        assert_int_equal(packet_seal(&e.ssh, bytes, 1, bytes + 1, size - 1), 0);
        end_sealed(&e, &keys, size);
        end_takes(&e, raw, raw_seal_payload(&keys, bytes, size, raw), size);
    }
    assert_int_equal(e.ssh.transport.in.sequence, e.ssh.transport.out.sequence);
    end_close(&e);
}

static void a_payload_over_the_limit_is_not_sealed(void **state)
{
    struct ssh_end e;
    size_t sent;

    (void)state;
    end_open_with(&e, end_suite(0));
    assert_int_equal(packet_seal(&e.ssh, bytes, 1, bytes, PAYLOAD_MAX), SESSILE_ERR_LIMIT);
    end_sent(&e, &sent);
    assert_int_equal(sent, 0);
    end_close(&e);
}

static void the_largest_packet_is_taken_and_no_larger(void **state)
{
    static const struct end_suite all[] = {{"aes128-gcm@openssh.com", NULL}, {"aes128-ctr", "hmac-sha2-256"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t tag = i ? 32 : 16, most = PACKET_MAX - 4 - tag;
        struct raw_packet packet = {bytes, 1, RAW_RIGHT, 4, RAW_RIGHT};
        struct raw_keys keys;
        struct ssh_end e;

        most -= (most + (i ? 4 : 0)) % 16;
        end_open_with(&e, &all[i]);
        raw_keys_init(&keys, all[i].cipher, all[i].mac);
        packet.size = most - 5;
        assert_int_equal(end_take(&e, raw, raw_seal(&keys, &packet, raw)), 4 + most + tag);
        opened_done(&end_opened);
        packet.size += 16;
        assert_int_equal(end_take(&e, raw, raw_seal(&keys, &packet, raw)), SESSILE_ERR_PROTOCOL);
        opened_done(&end_opened);
        raw_keys_free(&keys);
        packet_rest(&e.ssh);
        end_close(&e);
    }
}

static void password_packets_have_one_size(void **state)
{
    static const uint8_t numbers[] = {MSG_USERAUTH_REQUEST, MSG_USERAUTH_INFO_RESPONSE};

    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (size_t k = 0; k < sizeof numbers; k++) {
            struct raw_keys keys;
            struct ssh_end e;
            size_t sent, used, first = 0;

            end_open_with(&e, end_suite(i));
            raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
            for (size_t size = 10; size < 200; size++) {
                uint8_t number = numbers[k];

                assert_int_equal(packet_seal(&e.ssh, &number, 1, bytes, size), 0);
                assert_int_equal(raw_open(&keys, end_sent(&e, &sent), e.ssh.session->outbox.size, got, &used),
                                 size + 1);
                first = first ? first : sent;
                assert_int_equal(sent, first);
                end_clear(&e);
            }
            raw_keys_free(&keys);
            end_close(&e);
        }
}

/* ---- pieces ---- */

/* Offers a packet byte by byte; checks what is wanted meanwhile. */
static void feed(struct ssh_end *e, const uint8_t *data, size_t size)
{
    size_t step = size > 2000 ? 997 : 1, need = 0;

    for (size_t have = 0; have < size; have += step) {
        assert_int_equal(end_take(e, data, have), 0);
        assert_true(e->ssh.session->need > have);
        assert_true(e->ssh.session->need <= size);
        assert_true(e->ssh.session->need >= need);
        need = e->ssh.session->need;
    }
    assert_int_equal(need, size);
}

static void a_packet_in_pieces_is_taken_when_it_is_whole(void **state)
{
    static const size_t sizes[] = {1, 2, 60, 700, 1500, 20000, 3};

    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            size_t size = raw_seal_payload(&keys, bytes, sizes[k], raw);

            feed(&e, raw, size);
            end_takes(&e, raw, size, sizes[k]);
            assert_int_equal(e.ssh.transport.in.remembered, 0);
        }
        raw_keys_free(&keys);
        packet_rest(&e.ssh);
        end_close(&e);
    }
}

static void what_follows_a_packet_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;
        size_t first, second;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        first = raw_seal_payload(&keys, bytes, 33, raw);
        second = raw_seal_payload(&keys, bytes, 5, raw + first);
        assert_int_equal(end_take(&e, raw, first + second), first);
        assert_int_equal(end_opened.size, 33);
        end_takes(&e, raw + first, second, 5);
        raw_keys_free(&keys);
        end_close(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_algorithm_by_its_whole_name),
        cmocka_unit_test(lists_end_and_begin_with_the_best),
        cmocka_unit_test(seals_what_another_implementation_seals),
        cmocka_unit_test(opens_what_another_implementation_seals),
        cmocka_unit_test(a_peer_reads_what_is_sealed_in_one_part_and_in_two),
        cmocka_unit_test(what_a_peer_seals_is_read),
        cmocka_unit_test(a_body_may_begin_anywhere_in_a_block),
        cmocka_unit_test(packets_in_the_clear_go_both_ways),
        cmocka_unit_test(a_payload_over_the_limit_is_not_sealed),
        cmocka_unit_test(the_largest_packet_is_taken_and_no_larger),
        cmocka_unit_test(password_packets_have_one_size),
        cmocka_unit_test(a_packet_in_pieces_is_taken_when_it_is_whole),
        cmocka_unit_test(what_follows_a_packet_is_left),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
