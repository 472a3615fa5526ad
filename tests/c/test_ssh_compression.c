/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib@openssh.com: what is compressed comes back, against zlib itself as the peer; it begins with authentication and
 * anew with new keys; what decompresses to too much ends at once. And what is freed, compressed or not, holds nothing
 * of what was sent: an allocator looks at each block as it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <cmocka.h>

#include "session/core.h"
#include "session/memory.h"
#include "ssh/transport/kex.h"
#include "ssh_end.h"

#define CIPHER "aes128-gcm@openssh.com"
#define ZLIB "zlib@openssh.com"

static uint8_t raw[RAW_ROOM];
static uint8_t got[RAW_ROOM];

/* ---- an allocator that looks, and fails ---- */

#define HEAD 16

static const char secret[] = "the words that nobody else may read: xyzzy";
static size_t freed_with_secret;
static size_t blocks;
static size_t count;
static size_t peak;
static size_t fail_at = SIZE_MAX;

static void *looking_malloc(size_t size)
{
    uint8_t *block = count++ == fail_at ? NULL : malloc(HEAD + size);

    if (!block)
        return NULL;
    blocks++;
    peak = size > peak ? size : peak;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void looking_free(void *memory)
{
    size_t size;

    memcpy(&size, (const uint8_t *)memory - HEAD, sizeof size);
    if (memmem(memory, size, secret, sizeof secret - 1))
        freed_with_secret++;
    blocks--;
    free((uint8_t *)memory - HEAD);
}

static void *looking_realloc(void *memory, size_t size)
{
    void *moved = looking_malloc(size);
    size_t before;

    if (!moved)
        return NULL;
    memcpy(&before, (const uint8_t *)memory - HEAD, sizeof before);
    memcpy(moved, memory, before < size ? before : size);
    looking_free(memory);
    return moved;
}

/* ---- the peer: zlib itself, and packets by hand ---- */

struct peer {
    struct raw_keys in;
    struct raw_keys out;
    z_stream inflate;
    z_stream deflate;
};

static void peer_open(struct peer *p)
{
    memset(p, 0, sizeof *p);
    raw_keys_init(&p->in, CIPHER, NULL);
    raw_keys_init(&p->out, CIPHER, NULL);
    assert_int_equal(inflateInit(&p->inflate), Z_OK);
    assert_int_equal(deflateInit(&p->deflate, 9), Z_OK);
}

static void peer_close(struct peer *p)
{
    inflateEnd(&p->inflate);
    deflateEnd(&p->deflate);
    raw_keys_free(&p->in);
    raw_keys_free(&p->out);
}

/* Reads the packet in the outbox into got: the size of its payload. */
static size_t peer_reads(struct peer *p, struct ssh_end *e)
{
    static uint8_t payload[RAW_ROOM];
    size_t sent, used;
    const uint8_t *data = end_sent(e, &sent);
    long size = raw_open(&p->in, data, sent, payload, &used);

    assert_true(size > 0);
    assert_int_equal(used, sent);
    p->inflate.next_in = payload;
    p->inflate.avail_in = (uInt)size;
    p->inflate.next_out = got;
    p->inflate.avail_out = sizeof got;
    assert_int_equal(inflate(&p->inflate, Z_SYNC_FLUSH), Z_OK);
    assert_int_equal(p->inflate.avail_in, 0);
    end_clear(e);
    return sizeof got - p->inflate.avail_out;
}

/* A packet in raw; its size. */
static size_t peer_seals(struct peer *p, const void *data, size_t size, int flush)
{
    static uint8_t payload[RAW_ROOM];

    p->deflate.next_in = (Bytef *)(uintptr_t)data;
    p->deflate.avail_in = (uInt)size;
    p->deflate.next_out = payload;
    p->deflate.avail_out = sizeof payload - 500;
    deflate(&p->deflate, flush);
    assert_int_equal(p->deflate.avail_in, 0);
    return raw_seal_payload(&p->out, payload, sizeof payload - 500 - p->deflate.avail_out, raw);
}

static void open_compressed(struct ssh_end *e)
{
    end_open(e);
    assert_int_equal(end_use(e, DIRECTION_IN, CIPHER, NULL, ZLIB), 0);
    assert_int_equal(end_use(e, DIRECTION_OUT, CIPHER, NULL, ZLIB), 0);
    assert_int_equal(packet_authenticated(&e->ssh), 0);
}

static void assert_fails(struct ssh_end *e, size_t size, int code, const char *text)
{
    assert_int_equal(end_take(e, raw, size), code);
    assert_int_equal(end_error(e), code);
    assert_non_null(strstr(end_text(e), text));
    opened_done(&end_opened);
}

/* ---- there and back ---- */

/* Text, noise, zeros, and all of it in turns. */
static size_t sample(int kind, uint8_t *out, size_t size)
{
    const uint8_t *noise = end_bytes();

    for (size_t i = 0; i < size; i++)
        out[i] = kind == 0   ? (uint8_t)secret[i % 37]
                 : kind == 1 ? noise[i]
                 : kind == 2 ? 0
                             : (i / 1500 % 2 ? noise[i] : (uint8_t)(i % 7));
    return size;
}

static void what_is_compressed_comes_back(void **state)
{
    static const size_t sizes[] = {1, 2, 9, 60, 300, 1100, 1300, 8192, 32768, PAYLOAD_MAX};
    static uint8_t payload[PAYLOAD_MAX];
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    for (int round = 0; round < 3; round++)
        for (int kind = 0; kind < 4; kind++)
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                size_t size = sample(kind, payload, sizes[i]), head = size > 9 ? 9 : 1;

                assert_int_equal(packet_seal(&e.ssh, payload, head, payload + head, size - head), 0);
                assert_true(e.ssh.session->outbox.size <= packet_size(&e.ssh, size));
                assert_true(e.ssh.session->outbox.size <= PACKET_MAX);
                assert_int_equal(peer_reads(&p, &e), size);
                assert_memory_equal(got, payload, size);

                size = peer_seals(&p, payload, size, Z_PARTIAL_FLUSH);
                assert_int_equal(end_take(&e, raw, size), size);
                assert_int_equal(end_opened.size, sizes[i]);
                assert_memory_equal(end_opened.payload, payload, sizes[i]);
                opened_done(&end_opened);
            }
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

static void what_compresses_takes_less(void **state)
{
    static uint8_t payload[32768];
    struct ssh_end e;

    (void)state;
    open_compressed(&e);
    sample(0, payload, sizeof payload);
    assert_int_equal(packet_seal(&e.ssh, payload, 9, payload + 9, sizeof payload - 9), 0);
    assert_true(e.ssh.session->outbox.size < 500);
    end_close(&e);
}

static void data_fills_the_room_there_is_and_no_more_compressed_as_well(void **state)
{
    struct ssh_end e;
    size_t room, sent = 0;

    (void)state;
    open_compressed(&e);
    while ((room = ssh_data_room(&e.ssh, 9)) > 0) {
        assert_int_equal(ssh_send_data(&e.ssh, end_bytes(), 9, end_bytes(), room), 0);
        end_sent(&e, &sent);
        assert_true(sent <= OUTBOX_LIMIT);
    }
    assert_true(sent > OUTBOX_LIMIT - 2000);
    end_close(&e);
}

/* ---- when ---- */

static void compression_begins_with_authentication(void **state)
{
    struct raw_keys keys;
    struct ssh_end e;
    struct peer p;

    (void)state;
    end_open(&e);
    assert_int_equal(end_use(&e, DIRECTION_IN, CIPHER, NULL, ZLIB), 0);
    assert_int_equal(end_use(&e, DIRECTION_OUT, CIPHER, NULL, ZLIB), 0);
    raw_keys_init(&keys, CIPHER, NULL);
    peer_open(&p);
    assert_int_equal(packet_seal(&e.ssh, end_bytes(), 100, NULL, 0), 0);
    end_sealed(&e, &p.in, 100);
    end_takes(&e, raw, raw_seal_payload(&p.out, end_bytes(), 100, raw), 100);
    assert_int_equal(packet_authenticated(&e.ssh), 0);
    assert_int_equal(packet_seal(&e.ssh, end_bytes(), 100, NULL, 0), 0);
    assert_int_equal(peer_reads(&p, &e), 100);
    assert_memory_equal(got, end_bytes(), 100);
    end_takes(&e, raw, peer_seals(&p, end_bytes(), 100, Z_PARTIAL_FLUSH), 100);
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

static void new_keys_begin_a_new_stream_at_once(void **state)
{
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    for (int round = 0; round < 2; round++) {
        peer_open(&p);
        p.in.sequence = e.ssh.transport.out.sequence;
        assert_int_equal(packet_seal(&e.ssh, end_bytes(), 100, NULL, 0), 0);
        assert_int_equal(peer_reads(&p, &e), 100);
        peer_close(&p);
        assert_int_equal(end_use(&e, DIRECTION_OUT, CIPHER, NULL, ZLIB), 0);
    }
    assert_int_equal(end_use(&e, DIRECTION_OUT, CIPHER, NULL, "none"), 0);
    raw_keys_init(&p.in, CIPHER, NULL);
    assert_int_equal(packet_seal(&e.ssh, end_bytes(), 100, NULL, 0), 0);
    end_sealed(&e, &p.in, 100);
    end_close(&e);
}

static void names_are_found_whole_and_plain_zlib_is_not_known(void **state)
{
    (void)state;
    assert_string_equal(compression_find(ZLIB, strlen(ZLIB))->name, ZLIB);
    assert_int_equal(compression_find("none", 4)->none, 1);
    assert_null(compression_find("zlib", 4));
    assert_null(compression_find("", 0));
    assert_string_equal(compression_at(0)->name, "none");
    assert_string_equal(compression_at(1)->name, ZLIB);
    assert_null(compression_at(2));
}

/* ---- what a peer may not ---- */

static void a_bomb_ends_at_once(void **state)
{
    static uint8_t zeros[1 << 20];
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    peak = 0;
    assert_fails(&e, peer_seals(&p, zeros, sizeof zeros, Z_PARTIAL_FLUSH), SESSILE_ERR_LIMIT,
                 "decompresses to too much");
    assert_true(peak <= PACKET_MAX);
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

/* A payload may not be larger than a packet: to the byte. */
static void a_payload_may_decompress_to_what_fits_in_a_packet(void **state)
{
    static uint8_t zeros[PACKET_MAX];
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    zeros[0] = MSG_CHANNEL_DATA;
    assert_true(end_take(&e, raw, peer_seals(&p, zeros, PACKET_MAX - 1, Z_PARTIAL_FLUSH)) > 0);
    assert_int_equal(end_opened.size, PACKET_MAX - 1);
    assert_fails(&e, peer_seals(&p, zeros, PACKET_MAX, Z_PARTIAL_FLUSH), SESSILE_ERR_LIMIT, "decompresses to too much");
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

static void what_is_no_compressed_data_fails(void **state)
{
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    assert_fails(&e, raw_seal_payload(&p.out, end_bytes(), 100, raw), SESSILE_ERR_PROTOCOL, "is no compressed data");
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

static void a_stream_that_ends_fails(void **state)
{
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    assert_fails(&e, peer_seals(&p, end_bytes(), 100, Z_FINISH), SESSILE_ERR_PROTOCOL, "is no compressed data");
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

static void a_payload_of_nothing_fails(void **state)
{
    struct ssh_end e;
    struct peer p;

    (void)state;
    open_compressed(&e);
    peer_open(&p);
    /* Only zlib's header. */
    assert_fails(&e, raw_seal_payload(&p.out, "\x78\x9c", 2, raw), SESSILE_ERR_PROTOCOL, "decompresses to nothing");
    packet_rest(&e.ssh);
    peer_close(&p);
    end_close(&e);
}

/* ---- memory ---- */

/* Everything that ever holds plaintext: zlib's windows, what is inflated, scratch, what waits. */
static void what_is_freed_holds_nothing_that_was_sent(void **state)
{
    static uint8_t payload[40000];
    const char *compressions[] = {"none", ZLIB};

    (void)state;
    memcpy(payload, end_bytes(), sizeof payload); /* noise is stored as it is, what is in it too */
    memcpy(payload + 5000, secret, sizeof secret - 1);
    memcpy(payload + sizeof payload - 1000, secret, sizeof secret - 1); /* which stays in zlib's windows */
    freed_with_secret = 0;
    for (int i = 0; i < 2; i++) {
        struct ssh_end e, peer;
        size_t before = blocks, sent;
        const uint8_t *data;
        struct kex *kex;
        int taken;

        end_open(&e);
        end_open(&peer);
        assert_int_equal(end_use(&e, DIRECTION_OUT, CIPHER, NULL, compressions[i]), 0);
        assert_int_equal(end_use(&peer, DIRECTION_IN, CIPHER, NULL, compressions[i]), 0);
        assert_int_equal(packet_authenticated(&e.ssh), 0);
        assert_int_equal(packet_authenticated(&peer.ssh), 0);

        kex = mem_zalloc(sizeof *kex);
        assert_non_null(kex);
        kex->own_sent = 1;
        e.ssh.transport.kex = kex;
        assert_int_equal(ssh_send(&e.ssh, payload, 20000), 0);
        assert_int_equal(ssh_send(&e.ssh, payload, sizeof payload), 0);
        mem_free(kex);
        e.ssh.transport.kex = NULL;
        assert_int_equal(ssh_send_waiting(&e.ssh), 0);

        data = end_sent(&e, &sent);
        taken = packet_open(&peer.ssh, data, sent, &end_opened);
        assert_int_equal(end_opened.size, 20000);
        assert_memory_equal(end_opened.payload, payload, 20000);
        assert_true(packet_open(&peer.ssh, data + taken, sent - (size_t)taken, &end_opened) > 0);
        assert_memory_equal(end_opened.payload, payload, sizeof payload);
        packet_rest(&peer.ssh);
        end_close(&e);
        end_close(&peer);
        assert_int_equal(blocks, before);
    }
    assert_int_equal(freed_with_secret, 0);
    looking_free(memcpy(looking_malloc(sizeof secret), secret, sizeof secret)); /* the allocator does look */
    assert_int_equal(freed_with_secret, 1);
}

/* Compression begins, a packet goes, a packet comes: each allocation fails in turn. */
static void without_memory_the_session_fails_and_nothing_is_left(void **state)
{
    struct peer p;

    (void)state;
    for (size_t index = 0, failed = 1; failed; index++) {
        struct ssh_end e;
        size_t size, before = blocks;
        int result;

        end_open(&e);
        peer_open(&p);
        assert_int_equal(end_use(&e, DIRECTION_IN, CIPHER, NULL, ZLIB), 0);
        assert_int_equal(end_use(&e, DIRECTION_OUT, CIPHER, NULL, ZLIB), 0);
        size = peer_seals(&p, end_bytes(), 40000, Z_PARTIAL_FLUSH);
        count = 0;
        fail_at = index;
        result = packet_authenticated(&e.ssh);
        if (result == 0)
            result = packet_seal(&e.ssh, end_bytes(), 9, end_bytes(), 5000);
        if (result == 0 && (result = end_take(&e, raw, size)) > 0)
            result = 0;
        fail_at = SIZE_MAX;
        failed = count > index;
        assert_int_equal(result, failed ? SESSILE_ERR_MEMORY : 0);
        assert_int_equal(end_error(&e), result);
        opened_done(&end_opened);
        packet_rest(&e.ssh);
        peer_close(&p);
        end_close(&e);
        assert_int_equal(blocks, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compressed_comes_back),
        cmocka_unit_test(what_compresses_takes_less),
        cmocka_unit_test(data_fills_the_room_there_is_and_no_more_compressed_as_well),
        cmocka_unit_test(compression_begins_with_authentication),
        cmocka_unit_test(new_keys_begin_a_new_stream_at_once),
        cmocka_unit_test(names_are_found_whole_and_plain_zlib_is_not_known),
        cmocka_unit_test(a_bomb_ends_at_once),
        cmocka_unit_test(a_payload_may_decompress_to_what_fits_in_a_packet),
        cmocka_unit_test(what_is_no_compressed_data_fails),
        cmocka_unit_test(a_stream_that_ends_fails),
        cmocka_unit_test(a_payload_of_nothing_fails),
        cmocka_unit_test(what_is_freed_holds_nothing_that_was_sent),
        cmocka_unit_test(without_memory_the_session_fails_and_nothing_is_left),
    };

    sessile_set_allocator(looking_malloc, looking_realloc, looking_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
