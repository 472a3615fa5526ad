/* SPDX-License-Identifier: Apache-2.0
 *
 * Open sessions in the clear, and their messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/reader.h"
#include "session/guard.h"
#include "session/memory.h"
#include "ssh/ssh.h"
#include "ssh_open.h"

#define PADDING_MIN 4
#define BLOCK 8

static sessile_key *host_key(size_t index)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256"};
    static sessile_key *keys[2];

    if (!keys[index] && sessile_key_generate(types[index], 0, NULL, &keys[index]) < 0)
        abort();
    return keys[index];
}

sessile_ssh_config *open_config(int role)
{
    sessile_ssh_config *config = sessile_ssh_config_new(role);

    if (!config)
        return NULL;
    for (size_t i = 0; role == SESSILE_SERVER && i < 2; i++)
        if (sessile_ssh_config_add_host_key(config, host_key(i)) < 0)
            abort();
    return config;
}

/* Skip what needs keys and a user. The peer is one of our kind, and has said so in the same words. */
static void jump(const struct wire *wire)
{
    struct guard g;
    struct ssh *ssh;

    assert_int_equal(ssh_guard(&g, wire->session, &ssh), 0);
    ssh->phase = SSH_AUTH;
    ssh->transport.peer_ident = mem_copy(wire->sent, wire->sent_size - 2);
    ssh->transport.session_id_size = 32;
    memset(ssh->transport.session_id, 7, 32);
    ssh->transport.host_key_name = "ssh-ed25519";
    ssh->host_key = sessile_key_keep(host_key(0));
    ssh_enter(ssh, SSH_OPEN);
    ssh->transport.out.sequence = 0; /* what this has sent nobody hears */
    guard_leave(&g, 0);
}

void open_start(struct open_side *open, int role, sessile_ssh_config *config)
{
    open_start_with(open, role, config, recorder_callbacks());
}

void open_start_with(struct open_side *open, int role, sessile_ssh_config *config, sessile_callbacks *callbacks)
{
    sessile_session *session;
    int result;

    memset(open, 0, sizeof *open);
    if (!config)
        config = open_config(role);
    side_open(&open->side, 0);
    sessile_callbacks_free(open->side.callbacks);
    open->side.callbacks = callbacks;
    session = open->side.wire.session;
    if (role == SESSILE_SERVER)
        result = sessile_ssh_accept(session, config, open->side.callbacks, &open->side.recorder);
    else
        result = sessile_ssh_connect(session, config, "host.example", 22, "user", open->side.callbacks,
                                     &open->side.recorder);
    sessile_ssh_config_free(config);
    assert_int_equal(result, 0);
    jump(&open->side.wire);
    open->read = open->side.wire.sent_size;
    journal_free(&open->side.journal);
}

void open_done(struct open_side *open)
{
    const char *fault = side_done(&open->side);

    if (fault)
        fail_msg("%s", fault);
}

/* ---- messages ---- */

void open_put_values(struct writer *w, const char *format, va_list arguments)
{
    const void *data;

    for (; *format; format++)
        switch (*format) {
        case 'b':
            put_u8(w, (uint8_t)va_arg(arguments, int));
            break;
        case 'u':
            put_u32(w, va_arg(arguments, unsigned));
            break;
        case 's':
            put_text32(w, va_arg(arguments, const char *));
            break;
        case 'd':
            data = va_arg(arguments, const void *);
            put_sized32(w, data, va_arg(arguments, size_t));
            break;
        case 'r':
            data = va_arg(arguments, const void *);
            put_bytes(w, data, va_arg(arguments, size_t));
            break;
        default:
            abort();
        }
    if (w->failed)
        abort();
}

void open_put(struct writer *w, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    open_put_values(w, format, arguments);
    va_end(arguments);
}

size_t open_packet(const void *payload, size_t size, uint8_t *out)
{
    size_t padding = BLOCK - (5 + size) % BLOCK;
    struct writer w = writer_in(out, size + 32);

    if (padding < PADDING_MIN)
        padding += BLOCK;
    put_u32(&w, (uint32_t)(1 + size + padding));
    put_u8(&w, (uint8_t)padding);
    put_bytes(&w, payload, size);
    put_bytes(&w, "paddingpadding", padding);
    return w.size;
}

int arrive(struct open_side *open, const char *format, ...)
{
    static uint8_t room[OPEN_PAYLOAD_MAX], packet[OPEN_PAYLOAD_MAX + 32];
    struct writer w = writer_in(room, sizeof room);
    va_list arguments;

    va_start(arguments, format);
    open_put_values(&w, format, arguments);
    va_end(arguments);
    return wire_arrive(&open->side.wire, packet, open_packet(w.data, w.size, packet));
}

size_t open_next(struct open_side *open, uint8_t *payload)
{
    struct reader r = reader_of(open->side.wire.sent + open->read, open->side.wire.sent_size - open->read);
    struct reader packet;
    size_t padding;

    if (!r.left)
        return 0;
    packet = get_sub32(&r);
    padding = get_u8(&packet);
    if (r.failed || packet.failed || padding >= packet.left)
        abort();
    open->read = open->side.wire.sent_size - r.left;
    memcpy(payload, packet.data, packet.left - padding);
    return packet.left - padding;
}

static void print_bytes(const char *what, const uint8_t *data, size_t size)
{
    fprintf(stderr, "%s (%zu):", what, size);
    for (size_t i = 0; i < size && i < 200; i++)
        fprintf(stderr, data[i] >= 0x20 && data[i] < 0x7f ? " %c" : " %02x", data[i]);
    fputs("\n", stderr);
}

void open_assert_sent(const char *file, int line, struct open_side *open, const char *format, ...)
{
    static uint8_t room[OPEN_PAYLOAD_MAX], payload[OPEN_PAYLOAD_MAX];
    struct writer w = writer_in(room, sizeof room);
    size_t size = open_next(open, payload);
    va_list arguments;

    va_start(arguments, format);
    open_put_values(&w, format, arguments);
    va_end(arguments);
    if (size == w.size && memcmp(payload, w.data, size) == 0)
        return;
    print_bytes("expected", w.data, w.size);
    print_bytes("sent", payload, size);
    fprintf(stderr, "error: \"%s\"\n",
            open->side.wire.session ? sessile_session_error_text(open->side.wire.session) : "freed");
    _fail(file, line);
}

void open_assert_silent(const char *file, int line, struct open_side *open)
{
    static uint8_t payload[OPEN_PAYLOAD_MAX];
    size_t size = open_next(open, payload);

    if (!size)
        return;
    print_bytes("sent", payload, size);
    _fail(file, line);
}

void open_assert_told(const char *file, int line, struct open_side *open, const char *text)
{
    _assert_string_equal(journal_text(&open->side.journal), text, file, line);
    journal_free(&open->side.journal);
}

void open_assert_failed(const char *file, int line, struct open_side *open, int error, const char *part)
{
    sessile_session *session = open->side.wire.session;
    const char *text = sessile_session_error_text(session);

    if (sessile_session_error(session) == error && strstr(text, part))
        return;
    fprintf(stderr, "expected %s, \"%s\"; it is %s, \"%s\"\n", sessile_error_name(error), part,
            sessile_error_name(sessile_session_error(session)), text);
    _fail(file, line);
}

/* ---- two of them ---- */

/* Hand over what was sent and not looked at. */
static int hand_over(struct open_side *from, struct open_side *to)
{
    struct wire *wire = &from->side.wire;
    size_t size = wire->sent_size - from->read;
    uint8_t *data;

    if (!size)
        return 0;
    data = need_memory(malloc(size));
    memcpy(data, wire->sent + from->read, size);
    from->read = wire->sent_size = 0;
    if (to->side.wire.session)
        wire_arrive(&to->side.wire, data, size);
    free(data);
    return 1;
}

void open_pump(struct open_side *client, struct open_side *server)
{
    while (hand_over(client, server) + hand_over(server, client))
        ;
}
