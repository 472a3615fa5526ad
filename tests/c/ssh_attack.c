/* SPDX-License-Identifier: Apache-2.0
 *
 * The attacker's session takes in its peer's line as any does; after that packets are opened here, and handled only as
 * far as the point that it leads to asks for. Some of what it sends in answer is then taken back: ChaCha20-Poly1305
 * packets depend on the key and the number alone, so that what was never sent leaves no trace. */
#include "ssh_attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/guard.h"
#include "ssh/transport/packet.h"
#include "ssh_open.h"
#include "ssh_trust.h"

#define CHACHA "chacha20-poly1305@openssh.com"

/* ---- sending ---- */

void attack_put_bytes(struct attack *a, const void *payload, size_t size)
{
    struct guard g;

    ssh_peer_turn(a->own);
    assert_int_equal(guard_enter(&g, a->own->session), 0);
    assert_int_equal(packet_seal(a->ssh, payload, size, NULL, 0), 0);
    guard_leave(&g, 0);
}

static void put_format(struct attack *a, const char *format, va_list arguments)
{
    struct writer w = {0};

    open_put_values(&w, format, arguments);
    attack_put_bytes(a, w.data, w.size);
    writer_free(&w);
}

void attack_put(struct attack *a, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_format(a, format, arguments);
    va_end(arguments);
}

void attack_send(struct attack *a, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_format(a, format, arguments);
    va_end(arguments);
    attack_run(a);
}

void attack_run(struct attack *a)
{
    while (ssh_peer_move(a->victim))
        ;
}

void attack_kexinit(struct attack *a)
{
    struct guard g;

    ssh_peer_turn(a->own);
    assert_int_equal(guard_enter(&g, a->own->session), 0);
    assert_int_equal(kex_begin(a->ssh), 0);
    guard_leave(&g, 0);
    attack_run(a);
}

uint32_t attack_sequence(const struct attack *a)
{
    return a->ssh->transport.out.sequence;
}

/* ---- reading ---- */

int attack_next(struct attack *a)
{
    struct ssh_peer *own = a->own;
    struct opened opened;
    struct guard g;
    int taken;

    assert_int_equal(guard_enter_quiet(&g, own->session), 0);
    taken = packet_open(a->ssh, own->wire.data + own->taken, own->wire.size - own->taken, &opened);
    assert_true(taken >= 0);
    if (taken > 0) {
        assert_true(opened.size > 0 && opened.size <= sizeof a->payload);
        memcpy(a->payload, opened.payload, opened.size);
        a->size = opened.size;
    }
    opened_done(&opened);
    guard_leave(&g, 0);
    own->taken += (size_t)taken;
    if (!taken)
        return -1;
    journal_add(&a->said, "%s", message_name(a->payload[0]));
    return a->payload[0];
}

const char *attack_said(struct attack *a)
{
    while (attack_next(a) >= 0)
        ;
    return journal_text(&a->said);
}

struct reader attack_until(struct attack *a, int number)
{
    int next;

    while ((next = attack_next(a)) != number)
        if (next < 0)
            fail_msg("%s was not sent: %s", message_name(number), journal_text(&a->said));
    return reader_of(a->payload + 1, a->size - 1);
}

/* ---- handling ---- */

static void dispatch(struct attack *a)
{
    struct guard g;

    ssh_peer_turn(a->own);
    assert_int_equal(guard_enter(&g, a->own->session), 0);
    assert_int_equal(message_dispatch(a->ssh, a->payload, a->size), 0);
    guard_leave(&g, 0);
}

void attack_handle(struct attack *a)
{
    dispatch(a);
    attack_run(a);
}

static void keep_state(void *state)
{
    (void)state;
}

/* The size of the first packet of a flight that was sealed with these keys. */
static size_t first_packet(const struct direction *keys, const uint8_t *flight)
{
    uint8_t length[LENGTH_SIZE];
    struct reader r;

    if (keys->cipher)
        assert_int_equal(keys->cipher->functions->length(keys->cipher_state, keys->sequence, flight, length), 0);
    else
        memcpy(length, flight, sizeof length);
    r = reader_of(length, sizeof length);
    return LENGTH_SIZE + get_u32(&r) + packet_tag(keys);
}

/* Handle the message, but of what that makes the attacker send only the first packets are sent; its keys for sending
 * stay, and new ones are put by. */
static void handle_keeping(struct attack *a, int packets)
{
    struct direction *out = &a->ssh->transport.out;
    struct direction before = *out;
    struct cipher cipher = {0};
    struct cipher_functions functions;
    size_t at = a->victim->wire.size;

    if (before.cipher) {
        functions = *before.cipher->functions;
        functions.release = keep_state;
        cipher = *before.cipher;
        cipher.functions = &functions;
        out->cipher = &cipher;
    }
    dispatch(a);
    if (out->cipher != (before.cipher ? &cipher : NULL)) {
        a->later = *out;
        a->later.sequence = 0; /* it is strict */
        a->has_later = 1;
    }
    *out = before;
    if (packets)
        a->victim->wire.size = at + first_packet(&before, a->victim->wire.data + at);
    else
        a->victim->wire.size = at;
    out->sequence += (uint32_t)packets;
    attack_run(a);
}

void attack_newkeys(struct attack *a)
{
    assert_true(a->has_later);
    attack_put(a, "b", MSG_NEWKEYS);
    if (a->ssh->transport.out.cipher)
        a->ssh->transport.out.cipher->functions->release(a->ssh->transport.out.cipher_state);
    a->ssh->transport.out = a->later;
    a->has_later = 0;
    attack_run(a);
}

/* ---- leading there ---- */

/* The victim's line. Who has taken it answers with KEXINIT. */
static void take_line(struct attack *a, int answer)
{
    struct ssh_peer *own = a->own;
    const uint8_t *end = memchr(own->wire.data, '\n', own->wire.size);

    assert_non_null(end);
    ssh_peer_turn(own);
    own->taken = (size_t)(end - own->wire.data + 1);
    if (answer)
        assert_int_equal(sessile_session_receive(own->session, own->wire.data, own->taken), own->taken);
    attack_run(a);
}

/* From both KEXINITs to where the victim, who has sent its own, waits for NEWKEYS. */
static void lead_to_newkeys(struct attack *a)
{
    attack_until(a, MSG_KEXINIT);
    attack_handle(a);
    attack_until(a, a->victim->role == SESSILE_CLIENT ? MSG_KEX_INIT : MSG_KEX_REPLY);
    handle_keeping(a, a->victim->role == SESSILE_CLIENT);
    attack_until(a, MSG_NEWKEYS);
    handle_keeping(a, 0);
}

static void lead_to_auth(struct attack *a)
{
    if (a->victim->role == SESSILE_SERVER) {
        attack_send(a, "bs", MSG_SERVICE_REQUEST, "ssh-userauth");
        attack_until(a, MSG_SERVICE_ACCEPT);
        handle_keeping(a, 0);
        return;
    }
    attack_until(a, MSG_SERVICE_REQUEST);
    attack_handle(a);
}

/* A server accepts "none"; a client is authenticated by whatever it does. */
static void lead_to_open(struct attack *a)
{
    if (a->victim->role == SESSILE_SERVER) {
        attack_send(a, "bsssbs", MSG_USERAUTH_REQUEST, "alice", "ssh-connection", "password", 0, "secret");
        attack_until(a, MSG_USERAUTH_SUCCESS);
        handle_keeping(a, 0);
    } else {
        attack_until(a, MSG_USERAUTH_REQUEST);
        attack_send(a, "b", MSG_USERAUTH_SUCCESS);
        a->ssh->phase = SSH_OPEN; /* nothing of it is used but its keys */
    }
    assert_true(a->victim->ready);
}

void attack_lead(struct attack *a, enum attack_point point)
{
    attack_run(a);
    take_line(a, point != ATTACK_FIRST);
    if (point == ATTACK_FIRST || point == ATTACK_METHOD)
        return;
    lead_to_newkeys(a);
    if (point == ATTACK_NEWKEYS)
        return;
    attack_newkeys(a);
    if (point == ATTACK_SERVICE)
        return;
    lead_to_auth(a);
    if (point == ATTACK_AUTH)
        return;
    lead_to_open(a);
    if (point == ATTACK_OPEN)
        return;
    attack_kexinit(a);
    if (point == ATTACK_AGAIN_NEWKEYS)
        lead_to_newkeys(a);
}

void attack_prepare(struct attack *a, int victim, sessile_ssh_config *client, sessile_ssh_config *server)
{
    memset(a, 0, sizeof *a);
    a->client = client ? client : ssh_client_config(CHACHA);
    a->server = server ? server : ssh_server_config(CHACHA);
    ssh_pair_init(&a->pair, a->client, a->server);
    a->victim = victim == SESSILE_CLIENT ? &a->pair.client : &a->pair.server;
    a->own = a->victim->other;
    assert_int_equal(ssh_pair_start(&a->pair), SESSILE_OK);
    a->ssh = ssh_of(a->own->session);
}

void attack_begin(struct attack *a, int victim, enum attack_point point, sessile_ssh_config *client,
                  sessile_ssh_config *server)
{
    attack_prepare(a, victim, client, server);
    attack_lead(a, point);
}

void attack_end(struct attack *a)
{
    if (a->has_later)
        a->later.cipher->functions->release(a->later.cipher_state);
    ssh_pair_free(&a->pair);
    sessile_ssh_config_free(a->client);
    sessile_ssh_config_free(a->server);
    journal_free(&a->said);
}

/* ---- what became of the victim ---- */

static int disconnect_reason(struct attack *a)
{
    struct reader r;
    int number;

    while ((number = attack_next(a)) >= 0)
        if (number == MSG_DISCONNECT) {
            r = reader_of(a->payload + 1, a->size - 1);
            return (int)get_u32(&r);
        }
    return 0;
}

void attack_assert_failed(struct attack *a, int code, const char *part, int reason, const char *file, int line)
{
    ssh_assert_failed(a->victim, code, part, file, line);
    _assert_int_equal((LargestIntegralType)disconnect_reason(a), (LargestIntegralType)reason, file, line);
    _assert_true((LargestIntegralType)a->victim->comm_closed, "the wire is closed", file, line);
}

void attack_assert_alive(struct attack *a, const char *file, int line)
{
    size_t taken;

    attack_put(a, "bs", MSG_IGNORE, "are you there?");
    attack_run(a);
    taken = a->victim->taken;
    if (a->victim->closed || taken != a->victim->wire.size)
        print_error("%s | %s\n", journal_text(&a->victim->log), sessile_session_error_text(a->victim->session));
    _assert_true(!a->victim->closed, "it is not over", file, line);
    _assert_true(taken == a->victim->wire.size, "it has taken everything", file, line);
}
