/* SPDX-License-Identifier: Apache-2.0
 *
 * What bounds packets: counters that must not repeat, keys that must change, messages that wait for a key exchange, the
 * outbox's room; and what is allocated, held at rest, and left when there is no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include <cmocka.h>

#include "failing.h"
#include "session/core.h"
#include "session/memory.h"
#include "ssh/transport/kex.h"
#include "ssh_end.h"

#define NUMBER MSG_CHANNEL_DATA

static const uint8_t *bytes; /* a payload */
static uint8_t raw[RAW_ROOM];
static uint8_t got[RAW_ROOM];

static int set_up(void **state)
{
    (void)state;
    bytes = end_bytes();
    return 0;
}

/* ---- counters ---- */

static void sequence_numbers_wrap_under_keys(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        keys.sequence = e.ssh.transport.out.sequence = e.ssh.transport.in.sequence = UINT32_MAX;
        for (int k = 0; k < 2; k++) {
            assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
            end_sealed(&e, &keys, 9);
        }
        assert_int_equal(e.ssh.transport.out.sequence, 1);
        raw_keys_free(&keys);
        end_close(&e);
    }
}

static void sequence_numbers_do_not_wrap_before_keys(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;

    (void)state;
    end_open(&e);
    raw_keys_init(&keys, NULL, NULL);
    e.ssh.transport.in.sequence = UINT32_MAX - 1;
    end_takes(&e, raw, raw_seal_payload(&keys, bytes, 9, raw), 9);
    assert_int_equal(end_take(&e, raw, raw_seal_payload(&keys, bytes, 9, raw)), SESSILE_ERR_LIMIT);
    end_close(&e);

    end_open(&e);
    e.ssh.transport.out.sequence = UINT32_MAX - 1;
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), SESSILE_ERR_LIMIT);
    end_close(&e);
}

static void keys_are_not_used_for_more_packets_than_there_are_numbers(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;
    size_t size, sent;

    (void)state;
    raw_keys_init(&keys, end_suite(0)->cipher, NULL);
    end_open_with(&e, end_suite(0));
    size = raw_seal_payload(&keys, bytes, 9, raw);
    e.ssh.transport.in.packets = PACKETS_MOST - 1;
    end_takes(&e, raw, size, 9);
    size = raw_seal_payload(&keys, bytes, 9, raw);
    assert_int_equal(end_take(&e, raw, size), SESSILE_ERR_LIMIT);
    end_close(&e);

    end_open_with(&e, end_suite(0));
    e.ssh.transport.out.packets = PACKETS_MOST - 1;
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
    end_clear(&e);
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), SESSILE_ERR_LIMIT);
    end_sent(&e, &sent);
    assert_int_equal(sent, 0);
    end_close(&e);
    raw_keys_free(&keys);
}

/* The counter of 8 bytes goes through zero, and leaves the 4 before it alone. */
static void a_gcm_counter_goes_through_zero(void **state)
{
    struct packet_material material;
    struct raw_keys keys;
    struct ssh_end e;

    (void)state;
    end_open(&e);
    raw_keys_init(&keys, "aes128-gcm@openssh.com", NULL);
    memset(keys.iv, 0xff, 12);
    material = (struct packet_material){keys.key, keys.iv, NULL};
    assert_int_equal(packet_use(&e.ssh, DIRECTION_OUT, cipher_find(keys.cipher, strlen(keys.cipher)), NULL,
                                compression_find("none", 4), &material),
                     0);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
        end_sealed(&e, &keys, 9);
    }
    assert_memory_equal(keys.iv, "\xff\xff\xff\xff\0\0\0\0\0\0\0\2", 12);
    end_close(&e);
}

static void new_keys_reset_the_sequence_number_where_strict(void **state)
{
    struct ssh_end e;

    (void)state;
    for (unsigned strict = 0; strict < 2; strict++) {
        end_open_with(&e, end_suite(0));
        e.ssh.transport.strict = strict & 1;
        for (int k = 0; k < 3; k++)
            assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
        assert_int_equal(e.ssh.transport.out.packets, 3);
        assert_int_equal(end_use(&e, DIRECTION_OUT, "aes128-ctr", "hmac-sha2-256", "none"), 0);
        assert_int_equal(e.ssh.transport.out.sequence, strict ? 0 : 3);
        assert_int_equal(e.ssh.transport.out.packets, 0);
        assert_int_equal(e.ssh.transport.out.bytes, 0);
        end_close(&e);
    }
}

static void limits_ask_for_new_keys_unless_an_exchange_is_on(void **state)
{
    struct ssh_end e;

    (void)state;
    for (int limit = 0; limit < 3; limit++)
        for (int exchange = 0; exchange < 2; exchange++) {
            end_open_with(&e, end_suite(0));
            if (limit == 0)
                e.config.rekey_packets = 3;
            else if (limit == 1)
                e.config.rekey_bytes = 3 * 36 - 1; /* 4, and two blocks */
            else
                e.ssh.transport.out.bytes = (UINT64_C(1) << 36) - 3 * 36; /* 2^32 blocks */
            e.ssh.transport.kex = exchange ? mem_zalloc(sizeof(struct kex)) : NULL;
            for (int k = 0; k < 3; k++) {
                assert_false(packet_wants_rekey(&e.ssh, DIRECTION_OUT));
                assert_int_equal(e.ssh.transport.want_rekey, 0);
                assert_int_equal(packet_seal(&e.ssh, bytes, 20, NULL, 0), 0);
            }
            assert_true(packet_wants_rekey(&e.ssh, DIRECTION_OUT));
            assert_false(packet_wants_rekey(&e.ssh, DIRECTION_IN));
            assert_int_equal(e.ssh.transport.want_rekey, !exchange);
            mem_free(e.ssh.transport.kex);
            e.ssh.transport.kex = NULL;
            end_close(&e);
        }
}

static void what_is_received_counts_as_well(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;

    (void)state;
    end_open_with(&e, end_suite(0));
    raw_keys_init(&keys, end_suite(0)->cipher, NULL);
    e.config.rekey_packets = 2;
    end_takes(&e, raw, raw_seal_payload(&keys, bytes, 9, raw), 9);
    assert_int_equal(e.ssh.transport.want_rekey, 0);
    end_takes(&e, raw, raw_seal_payload(&keys, bytes, 9, raw), 9);
    assert_int_equal(e.ssh.transport.want_rekey, 1);
    end_close(&e);
}

/* ---- sending ---- */

/* An exchange of which our KEXINIT is out. */
static struct kex *begin_exchange(struct ssh_end *e)
{
    struct kex *kex = mem_zalloc(sizeof *kex);

    kex->own_sent = 1;
    e->ssh.transport.kex = kex;
    return kex;
}

static void end_exchange(struct ssh_end *e)
{
    mem_free(e->ssh.transport.kex);
    e->ssh.transport.kex = NULL;
}

static void send_number(struct ssh_end *e, uint8_t number, int expected)
{
    uint8_t message[40] = {number, number};

    assert_int_equal(ssh_send(&e->ssh, message, sizeof message), expected);
}

static void during_a_key_exchange_messages_wait_in_order_but_those_that_may_go(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;
    size_t sent, used;
    const uint8_t *data;

    (void)state;
    end_open_with(&e, end_suite(0));
    raw_keys_init(&keys, end_suite(0)->cipher, NULL);
    begin_exchange(&e);
    assert_false(ssh_sends_data(&e.ssh));
    assert_int_equal(ssh_data_room(&e.ssh, 9), 0);
    for (unsigned number = 1; number < 256; number++)
        send_number(&e, (uint8_t)number, 0);
    data = end_sent(&e, &sent);
    for (unsigned number = 1; number < 50; number++) {
        if (number == MSG_SERVICE_REQUEST || number == MSG_SERVICE_ACCEPT)
            continue;
        assert_int_equal(raw_open(&keys, data, sent, got, &used), 40);
        assert_int_equal(got[0], number);
        data += used;
        sent -= used;
    }
    assert_int_equal(sent, 0);
    end_clear(&e);

    end_exchange(&e);
    assert_false(ssh_sends_data(&e.ssh)); /* not ahead of what waits */
    send_number(&e, 80, 0);
    send_number(&e, MSG_EXT_INFO, 0); /* which follows NEWKEYS at once */
    data = end_sent(&e, &sent);
    assert_int_equal(raw_open(&keys, data, sent, got, &used), 40);
    assert_int_equal(got[0], MSG_EXT_INFO);
    assert_int_equal(used, sent);
    end_clear(&e);
    assert_int_equal(ssh_send_waiting(&e.ssh), 0);
    data = end_sent(&e, &sent);
    for (unsigned number = 5; number < 257; number = number == 6 ? 50 : number + 1) {
        assert_int_equal(raw_open(&keys, data, sent, got, &used), 40);
        assert_int_equal(got[0], number == 256 ? 80 : number);
        data += used;
        sent -= used;
    }
    assert_int_equal(sent, 0);
    assert_null(e.ssh.transport.waiting.data);
    assert_true(ssh_sends_data(&e.ssh));
    end_close(&e);
}

static void what_waits_is_bounded(void **state)
{
    struct ssh_end e;
    size_t size = 4 + 1000, fits = WAITING_MAX / size;

    (void)state;
    end_open_with(&e, end_suite(0));
    begin_exchange(&e);
    for (size_t i = 0; i < fits; i++)
        assert_int_equal(ssh_send(&e.ssh, bytes, 1000), 0);
    assert_true(e.ssh.transport.waiting.size <= WAITING_MAX);
    assert_int_equal(ssh_send(&e.ssh, bytes, 1000), SESSILE_ERR_LIMIT);
    assert_non_null(strstr(end_text(&e), "262144"));
    end_exchange(&e);
    end_close(&e);
}

static void after_disconnect_nothing_is_sent(void **state)
{
    struct ssh_end e;
    size_t sent;

    (void)state;
    end_open_with(&e, end_suite(0));
    e.ssh.transport.disconnected = 1;
    assert_int_equal(ssh_send(&e.ssh, bytes, 9), 0);
    assert_int_equal(ssh_send_data(&e.ssh, bytes, 9, bytes, 9), 0);
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
    end_sent(&e, &sent);
    assert_int_equal(sent, 0);
    assert_int_equal(e.ssh.transport.out.sequence, 0);
    end_close(&e);
}

static void a_session_that_is_over_seals_nothing(void **state)
{
    struct ssh_end e;
    size_t sent;

    (void)state;
    end_open_with(&e, end_suite(0));
    session_fail(e.ssh.session, SESSILE_ERR_CALLBACK, "over");
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), SESSILE_ERR_CALLBACK);
    end_sent(&e, &sent);
    assert_int_equal(sent, 0);
    end_close(&e);
}

static void data_fills_the_room_there_is_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct ssh_end e;
        size_t room, sent = 0, packets = 0;

        end_open_with(&e, end_suite(i));
        while ((room = ssh_data_room(&e.ssh, 9)) > 0) {
            assert_true(room <= PAYLOAD_MAX - 9);
            assert_int_equal(ssh_send_data(&e.ssh, bytes, 9, bytes, room), 0);
            end_sent(&e, &sent);
            assert_true(sent <= OUTBOX_LIMIT);
            packets++;
        }
        assert_true(sent > OUTBOX_LIMIT - 200);
        assert_in_range(packets, 5, 6);
        end_close(&e);
    }
}

static void a_writer_that_failed_fails_the_session(void **state)
{
    struct ssh_end e;
    struct writer w = {0};

    (void)state;
    end_open_with(&e, end_suite(0));
    put_u8(&w, NUMBER);
    w.failed = 1;
    assert_int_equal(ssh_send_message(&e.ssh, &w), SESSILE_ERR_MEMORY);
    assert_null(w.data);
    end_close(&e);
}

/* ---- memory ---- */

static void nothing_is_kept_of_a_packet_in_pieces_but_its_length(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++) {
        struct raw_keys keys;
        struct ssh_end e;
        size_t size, blocks;

        end_open_with(&e, end_suite(i));
        raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
        size = raw_seal_payload(&keys, bytes, 20000, raw);
        blocks = failing_blocks(FAILING_OURS);
        assert_int_equal(packet_open(&e.ssh, raw, size - 1, &end_opened), 0);
        assert_int_equal(failing_blocks(FAILING_OURS), blocks);
        assert_int_equal(packet_open(&e.ssh, raw, size, &end_opened), size);
        for (size_t k = 0; k < sizeof e.ssh.transport.in.first; k++) /* the first block is wiped after use */
            assert_int_equal(e.ssh.transport.in.first[k], 0);
        packet_rest(&e.ssh);
        raw_keys_free(&keys);
        end_close(&e);
    }
}

/* Once the outbox has grown, and scratch is there, a packet takes nothing from anybody. Of libcrypto's own, HMAC copies
 * its state for each packet up to 3.1: that is not ours to change. */
static void a_packet_allocates_nothing_in_the_long_run(void **state)
{
    static const size_t sizes[] = {64, 32768};

    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (size_t k = 0; k < 2; k++) {
            struct ssh_end e;
            size_t sent = 0;

            end_open_with(&e, end_suite(i));
            for (int turn = 0; turn < 20; turn++) {
                if (turn == 2)
                    failing_off(); /* counts from here */
                assert_int_equal(packet_seal(&e.ssh, bytes, 9, bytes, sizes[k]), 0);
                end_sent(&e, &sent);
                assert_int_equal(packet_open(&e.ssh, end_sent(&e, &sent), sent, &end_opened), sent);
                opened_done(&end_opened);
                end_clear(&e);
            }
            assert_int_equal(failing_count(FAILING_OURS), 0);
            if (!end_suite(i)->mac)
                assert_int_equal(failing_count(FAILING_OPENSSL), 0);
            packet_rest(&e.ssh);
            end_close(&e);
        }
}

static void at_rest_only_the_ciphers_are_held(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;
    size_t before, openssl, sent, size;

    (void)state;
    end_open(&e);
    raw_keys_init(&keys, "aes128-gcm@openssh.com", NULL);
    before = failing_bytes(FAILING_OURS);
    openssl = failing_bytes(FAILING_OPENSSL);
    assert_int_equal(end_use(&e, DIRECTION_IN, "aes128-gcm@openssh.com", NULL, "none"), 0);
    assert_int_equal(end_use(&e, DIRECTION_OUT, "aes128-gcm@openssh.com", NULL, "none"), 0);
    assert_int_equal(packet_seal(&e.ssh, bytes, 9, bytes, 32768), 0);
    end_sent(&e, &sent);
    size = raw_seal_payload(&keys, bytes, 32768, raw);
    assert_int_equal(packet_open(&e.ssh, raw, size, &end_opened), size);
    assert_true(failing_bytes(FAILING_OURS) > before + sent + 32768);
    packet_rest(&e.ssh);
    outbox_release(e.ssh.session);
    assert_true(failing_bytes(FAILING_OURS) <= before + 64);
    assert_true(failing_bytes(FAILING_OPENSSL) <= openssl + 2560);
    end_close(&e);
}

/* New keys, each allocation failing in turn: the session is over, nothing goes out, nothing stays behind. */
static void without_memory_there_are_no_keys_and_no_plaintext(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (int which = 0; which < 2; which++)
            for (size_t index = 0;; index++) {
                struct ssh_end e;
                size_t ours = failing_blocks(FAILING_OURS), sent;
                int result, hit;

                end_open(&e);
                failing_at(which, index, 0);
                result = end_use(&e, DIRECTION_OUT, end_suite(i)->cipher, end_suite(i)->mac, "none");
                hit = failing_hit();
                failing_off();
                if (result < 0) {
                    assert_true(hit);
                    assert_true(result == SESSILE_ERR_MEMORY || result == SESSILE_ERR_CRYPTO);
                    assert_int_equal(end_error(&e), result);
                    assert_int_equal(packet_seal(&e.ssh, bytes, 9, NULL, 0), 0);
                    end_sent(&e, &sent);
                    assert_int_equal(sent, 0);
                }
                assert_int_equal(ERR_peek_error(), 0);
                end_close(&e);
                assert_int_equal(failing_blocks(FAILING_OURS), ours);
                if (!hit)
                    break;
            }
}

static void without_memory_a_packet_is_not_sealed(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (int which = 0; which < 2; which++)
            for (size_t index = 0;; index++) {
                struct ssh_end e;
                size_t sent;
                int result, hit;

                end_open_with(&e, end_suite(i));
                failing_at(which, index, 0);
                result = packet_seal(&e.ssh, bytes, 9, bytes, 5000);
                hit = failing_hit();
                failing_off();
                end_sent(&e, &sent);
                assert_int_equal(result < 0, hit);
                assert_int_equal(sent != 0, !hit);
                if (hit)
                    assert_int_equal(e.ssh.transport.disconnected, 1);
                assert_int_equal(ERR_peek_error(), 0);
                end_close(&e);
                if (!hit)
                    break;
            }
}

static void without_memory_a_packet_is_not_opened(void **state)
{
    (void)state;
    for (size_t i = 0; end_suite(i); i++)
        for (int which = 0; which < 2; which++)
            for (size_t index = 0;; index++) {
                struct raw_keys keys;
                struct ssh_end e;
                size_t size;
                int taken, hit;

                end_open_with(&e, end_suite(i));
                raw_keys_init(&keys, end_suite(i)->cipher, end_suite(i)->mac);
                size = raw_seal_payload(&keys, bytes, 5000, raw);
                failing_at(which, index, 0);
                taken = packet_open(&e.ssh, raw, size, &end_opened);
                hit = failing_hit();
                failing_off();
                assert_int_equal(taken, hit ? end_error(&e) : (int)size);
                assert_int_equal(end_error(&e) != 0, hit);
                opened_done(&end_opened);
                packet_rest(&e.ssh);
                raw_keys_free(&keys);
                end_close(&e);
                assert_int_equal(ERR_peek_error(), 0);
                if (!hit)
                    break;
            }
}

static void without_memory_a_message_does_not_wait(void **state)
{
    struct ssh_end e;

    (void)state;
    end_open_with(&e, end_suite(0));
    begin_exchange(&e);
    failing_at(FAILING_OURS, 0, 0);
    assert_int_equal(ssh_send(&e.ssh, bytes, 9), SESSILE_ERR_MEMORY);
    failing_off();
    end_exchange(&e);
    end_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_numbers_wrap_under_keys),
        cmocka_unit_test(sequence_numbers_do_not_wrap_before_keys),
        cmocka_unit_test(keys_are_not_used_for_more_packets_than_there_are_numbers),
        cmocka_unit_test(a_gcm_counter_goes_through_zero),
        cmocka_unit_test(new_keys_reset_the_sequence_number_where_strict),
        cmocka_unit_test(limits_ask_for_new_keys_unless_an_exchange_is_on),
        cmocka_unit_test(what_is_received_counts_as_well),
        cmocka_unit_test(during_a_key_exchange_messages_wait_in_order_but_those_that_may_go),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(after_disconnect_nothing_is_sent),
        cmocka_unit_test(a_session_that_is_over_seals_nothing),
        cmocka_unit_test(data_fills_the_room_there_is_and_no_more),
        cmocka_unit_test(a_writer_that_failed_fails_the_session),
        cmocka_unit_test(nothing_is_kept_of_a_packet_in_pieces_but_its_length),
        cmocka_unit_test(a_packet_allocates_nothing_in_the_long_run),
        cmocka_unit_test(at_rest_only_the_ciphers_are_held),
        cmocka_unit_test(without_memory_there_are_no_keys_and_no_plaintext),
        cmocka_unit_test(without_memory_a_packet_is_not_sealed),
        cmocka_unit_test(without_memory_a_packet_is_not_opened),
        cmocka_unit_test(without_memory_a_message_does_not_wait),
    };

    failing_install();
    return cmocka_run_group_tests(tests, set_up, NULL);
}
