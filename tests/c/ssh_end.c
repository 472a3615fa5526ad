/* SPDX-License-Identifier: Apache-2.0
 *
 * A session and a struct ssh that do not know of each other but for the outbox. */
#include "ssh_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/core.h"

static int no_send(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

void end_open(struct ssh_end *e)
{
    memset(e, 0, sizeof *e);
    e->config.rekey_bytes = UINT64_MAX;
    e->config.rekey_packets = UINT64_MAX;
    e->ssh.config = &e->config;
    e->ssh.phase = SSH_OPEN;
    e->ssh.session = sessile_session_create(NULL, no_send, NULL);
    assert_non_null(e->ssh.session);
}

void end_close(struct ssh_end *e)
{
    packet_free(&e->ssh);
    writer_free(&e->ssh.transport.waiting);
    outbox_release(e->ssh.session);
    sessile_session_free(e->ssh.session);
}

int end_use(struct ssh_end *e, int direction, const char *cipher, const char *mac, const char *compression)
{
    struct raw_keys keys;
    const struct packet_material material = {keys.key, keys.iv, keys.mac_key};

    raw_keys_init(&keys, cipher, mac);
    return packet_use(&e->ssh, direction, cipher_find(cipher, strlen(cipher)), mac ? mac_find(mac, strlen(mac)) : NULL,
                      compression_find(compression, strlen(compression)), &material);
}

const uint8_t *end_sent(struct ssh_end *e, size_t *size)
{
    *size = e->ssh.session->outbox.size;
    return e->ssh.session->outbox.data;
}

void end_clear(struct ssh_end *e)
{
    outbox_clear(e->ssh.session);
}

int end_error(struct ssh_end *e)
{
    return e->ssh.session->error;
}

const char *end_text(struct ssh_end *e)
{
    return e->ssh.session->text ? e->ssh.session->text : "";
}

static const struct end_suite suites[] = {
    {"aes128-gcm@openssh.com", NULL},
    {"aes256-gcm@openssh.com", NULL},
    {"chacha20-poly1305@openssh.com", NULL},
    {"aes128-ctr", "hmac-sha2-256-etm@openssh.com"},
    {"aes128-ctr", "hmac-sha2-512-etm@openssh.com"},
    {"aes128-ctr", "hmac-sha2-256"},
    {"aes128-ctr", "hmac-sha2-512"},
    {"aes128-ctr", "hmac-sha1-etm@openssh.com"},
    {"aes128-ctr", "hmac-sha1"},
    {"aes192-ctr", "hmac-sha2-256-etm@openssh.com"},
    {"aes192-ctr", "hmac-sha2-512-etm@openssh.com"},
    {"aes192-ctr", "hmac-sha2-256"},
    {"aes192-ctr", "hmac-sha2-512"},
    {"aes192-ctr", "hmac-sha1-etm@openssh.com"},
    {"aes192-ctr", "hmac-sha1"},
    {"aes256-ctr", "hmac-sha2-256-etm@openssh.com"},
    {"aes256-ctr", "hmac-sha2-512-etm@openssh.com"},
    {"aes256-ctr", "hmac-sha2-256"},
    {"aes256-ctr", "hmac-sha2-512"},
    {"aes256-ctr", "hmac-sha1-etm@openssh.com"},
    {"aes256-ctr", "hmac-sha1"},
};

const struct end_suite *end_suite(size_t index)
{
    return index < sizeof suites / sizeof suites[0] ? &suites[index] : NULL;
}

int end_suite_hides(const struct end_suite *suite)
{
    return suite->mac && !strstr(suite->mac, "etm");
}

void end_open_with(struct ssh_end *e, const struct end_suite *suite)
{
    end_open(e);
    assert_int_equal(end_use(e, DIRECTION_IN, suite->cipher, suite->mac, "none"), 0);
    assert_int_equal(end_use(e, DIRECTION_OUT, suite->cipher, suite->mac, "none"), 0);
}

const uint8_t *end_bytes(void)
{
    static uint8_t bytes[END_BYTES];
    uint32_t x = 1;

    if (!bytes[0]) {
        bytes[0] = MSG_CHANNEL_DATA;
        for (size_t i = 1; i < sizeof bytes; i++) {
            x = x * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(x >> 24);
        }
    }
    return bytes;
}

struct opened end_opened;

int end_take(struct ssh_end *e, const uint8_t *data, size_t size)
{
    static uint8_t borrowed[RAW_ROOM];
    uint8_t *copy = malloc(size ? size : 1);
    int taken;

    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    taken = packet_open(&e->ssh, copy, size, &end_opened);
    if (taken > 0 && !e->ssh.transport.in.cipher) { /* the payload is in the copy */
        memcpy(borrowed, end_opened.payload, end_opened.size);
        end_opened.payload = borrowed;
    }
    if (size)
        assert_memory_equal(copy, data, size);
    free(copy);
    return taken;
}

void end_takes(struct ssh_end *e, const uint8_t *data, size_t size, size_t payload_size)
{
    assert_int_equal(end_take(e, data, size), size);
    assert_int_equal(end_opened.size, payload_size);
    assert_memory_equal(end_opened.payload, end_bytes(), payload_size);
    opened_done(&end_opened);
}

void end_sealed(struct ssh_end *e, struct raw_keys *keys, size_t payload_size)
{
    static uint8_t payload[RAW_ROOM];
    size_t sent, used;
    const uint8_t *data = end_sent(e, &sent);

    assert_int_equal(raw_open(keys, data, sent, payload, &used), payload_size);
    assert_int_equal(used, sent);
    assert_memory_equal(payload, end_bytes(), payload_size);
    end_clear(e);
}
