/* SPDX-License-Identifier: Apache-2.0
 *
 * The ally's own session never leaves the phase in which a service is to be asked for. */
#include "ssh_ally.h"

#include <string.h>

#include "session/guard.h"
#include "ssh/ssh.h"
#include "ssh/transport/packet.h"

static void carry(struct ssh_app *app, const void *data, size_t size)
{
    struct ssh_ally *ally = app->carrier;

    bytes_append(&ally->in, data, size);
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct ssh_app *app = ((struct ssh_ally *)handle)->app;

    if (app->comm.session && !app->comm.wire_closed && !app->comm.wire_gone && !app->comm.wire_ended)
        bytes_append(&app->comm.wire, buffer, size);
    return 0;
}

static int on_question(sessile_question *question, void *ally)
{
    (void)ally;
    ssh_fuzz_accept(question, 0);
    return 0;
}

void ssh_ally_open(struct ssh_ally *ally, struct ssh_app *app)
{
    memset(ally, 0, sizeof *ally);
    ally->app = app;
    ally->exchanges = 1;
    app->carry = carry;
    app->carrier = ally;
    expect((ally->callbacks = sessile_callbacks_new()));
    sessile_callbacks_set_question(ally->callbacks, on_question);
    expect((ally->session = sessile_session_create(ally, on_send, NULL)));
}

void ssh_ally_close(struct ssh_ally *ally)
{
    sessile_session_free(ally->session);
    sessile_callbacks_free(ally->callbacks);
    bytes_free(&ally->in);
}

static void start(struct ssh_ally *ally)
{
    unsigned suite = ally->app->config & (SSH_SETUP_SUITE | SSH_SETUP_KEX);
    int role = !ally->app->role, result;

    if (role == SESSILE_CLIENT)
        result = sessile_ssh_connect(ally->session, ssh_setup(role, suite), SSH_FUZZ_HOST, 22, SSH_FUZZ_USER,
                                     ally->callbacks, ally);
    else
        result = sessile_ssh_accept(ally->session, ssh_setup(role, suite), ally->callbacks, ally);
    expect(result == 0);
    ally->ssh = ssh_of(ally->session);
}

/* One unit at a time, so that none is taken behind the one that makes it keyed. Returns 0 where there is none. */
static int shake(struct ssh_ally *ally)
{
    size_t left = ally->in.size - ally->taken, want = sessile_session_want(ally->session);
    int result;

    if (!want || want > left)
        return 0;
    result = sessile_session_receive(ally->session, ally->in.data + ally->taken, want);
    if (result < 0)
        return 0;
    ally->taken += (size_t)result;
    ally->keyed = ally->ssh->phase >= SSH_SERVICE;
    return result || sessile_session_want(ally->session) > want;
}

static void look_at(struct ssh_ally *ally, const uint8_t *payload, size_t size)
{
    if (size && payload[0] >= MSG_KEXINIT && payload[0] < MSG_USERAUTH_REQUEST && ally->exchanges)
        message_dispatch(ally->ssh, payload, size);
    if (size && payload[0] == MSG_USERAUTH_SUCCESS && !ally->ssh->transport.authenticated)
        packet_authenticated(ally->ssh);
}

static int open_one(struct ssh_ally *ally)
{
    struct opened opened;
    struct guard g;
    int taken;

    if (sessile_session_error(ally->session))
        return 0;
    expect(guard_enter(&g, ally->session) == 0);
    taken = packet_open(ally->ssh, ally->in.data + ally->taken, ally->in.size - ally->taken, &opened);
    if (taken > 0) {
        ally->taken += (size_t)taken;
        look_at(ally, opened.payload, opened.size);
    }
    opened_done(&opened);
    guard_leave(&g, 0);
    return taken > 0;
}

void ssh_ally_take(struct ssh_ally *ally)
{
    while (ally->taken < ally->in.size && (ally->keyed ? open_one(ally) : shake(ally)))
        ;
}

void ssh_ally_meet(struct ssh_ally *ally)
{
    struct ssh_app *app = ally->app;
    size_t before;

    start(ally);
    ssh_app_start(app);
    do {
        before = app->comm.wire.size + ally->in.size;
        comm_arrive(&app->comm, app->comm.wire.size);
        comm_offer(&app->comm);
        ssh_ally_take(ally);
    } while (app->comm.wire.size + ally->in.size > before);
}

void ssh_ally_say(struct ssh_ally *ally, const void *payload, size_t size)
{
    struct guard g;

    if (!ally->keyed || !size || size > PAYLOAD_MAX || sessile_session_error(ally->session))
        return;
    expect(guard_enter(&g, ally->session) == 0);
    packet_seal(ally->ssh, payload, size, NULL, 0);
    if (*(const uint8_t *)payload == MSG_USERAUTH_SUCCESS && !ally->ssh->transport.authenticated)
        packet_authenticated(ally->ssh);
    guard_leave(&g, 0);
}

void ssh_ally_rekey(struct ssh_ally *ally)
{
    sessile_ssh_rekey(ally->session);
}
