/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire: bytes are appended by send and shown by ssh_pair_run(). An offer that was not all taken is repeated when
 * more is shown or when resume has asked for it, never otherwise: a session that forgets to ask stands still, and its
 * test fails. */
#include "ssh_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_peer.h"
#include "ssh_trust.h"

/* ---- configs ---- */

void ssh_must(int result, const char *call, const char *file, int line)
{
    if (result >= 0)
        return;
    print_error("%s: %s\n", call, sessile_error_name(result));
    _assert_true(0, call, file, line);
}

static sessile_ssh_config *make_config(int role, const char *cipher)
{
    sessile_ssh_config *config = sessile_ssh_config_new(role);

    assert_non_null(config);
    SSH_MUST(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_KEX, "curve25519-sha256"));
    if (cipher)
        SSH_MUST(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_CIPHERS, cipher));
    return config;
}

sessile_ssh_config *ssh_server_config(const char *cipher)
{
    sessile_ssh_config *config = make_config(SESSILE_SERVER, cipher);

    SSH_MUST(sessile_ssh_config_add_host_key(config, trust_key("ed25519 host")));
    return config;
}

sessile_ssh_config *ssh_client_config(const char *cipher)
{
    return make_config(SESSILE_CLIENT, cipher);
}

/* ---- the comms layer ---- */

static int on_send(void *handle, void *buffer, size_t size)
{
    struct ssh_peer *peer = handle;
    struct ssh_bytes *wire = &peer->other->wire;

    assert_false(peer->sending);
    assert_false(peer->comm_closed || peer->released || peer->eof);
    assert_true(size > 0);
    if (peer->send_fails)
        return -1;
    peer->other->last = wire->size;
    ssh_bytes_add(wire, buffer, size);
    memset(buffer, 0xee, size); /* the callee may */
    if (peer->flights < SSH_FLIGHTS)
        peer->flight_sizes[peer->flights] = size;
    peer->flights++;
    peer->sending = 1;
    ssh_peer_hook(peer, SSH_SEND);
    peer->sending = 0;
    return 0;
}

static void on_comm_close(void *handle)
{
    struct ssh_peer *peer = handle;

    assert_false(peer->comm_closed || peer->eof || peer->closed || peer->released);
    assert_true(!peer->sending || !peer->session); /* only freeing is as immediate as that */
    peer->comm_closed = 1;
    journal_add(&peer->log, "comm_close");
}

static void offer(struct ssh_peer *peer);

/* Once the wire is gone there is no later: the session is judged when this returns. */
static void on_resume(void *handle)
{
    struct ssh_peer *peer = handle;

    assert_false(peer->comm_closed || peer->released || peer->sending);
    peer->again = 1;
    ssh_peer_hook(peer, SSH_RESUME);
    if (peer->eof && peer->session && peer->shown > peer->taken)
        offer(peer);
}

static void on_release(void *handle)
{
    struct ssh_peer *peer = handle;

    assert_false(peer->released);
    peer->released = 1;
}

/* ---- life ---- */

static void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                     void *app)
{
    struct ssh_peer *peer = app;

    (void)size, (void)phase;
    assert_ptr_equal(session, peer->session);
    journal_add(&peer->trace, "%c%s", direction ? '>' : '<', message);
}

void ssh_pair_init(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server)
{
    memset(pair, 0, sizeof *pair);
    pair->client =
        (struct ssh_peer){.pair = pair, .other = &pair->server, .role = SESSILE_CLIENT, .config = client, .random = 11};
    pair->server =
        (struct ssh_peer){.pair = pair, .other = &pair->client, .role = SESSILE_SERVER, .config = server, .random = 12};
    pair->user = "alice";
    pair->seed = 1;
}

static int create(struct ssh_peer *peer)
{
    peer->session = sessile_session_create(peer, on_send, on_comm_close);
    if (!peer->session)
        return SESSILE_ERR_MEMORY;
    sessile_session_set_release(peer->session, on_release);
    if (!peer->no_resume)
        sessile_session_set_resume(peer->session, on_resume);
    return SESSILE_OK;
}

static int prepare(struct ssh_peer *peer)
{
    ssh_peer_turn(peer);
    if (!peer->session && create(peer) < 0)
        return SESSILE_ERR_MEMORY;
    if (peer->pair->time)
        sessile_session_set_time(peer->session, peer->pair->time);
    return peer->traced ? sessile_session_set_trace(peer->session, on_trace, peer) : SESSILE_OK;
}

static int begin(struct ssh_peer *peer)
{
    sessile_callbacks *callbacks = ssh_peer_callbacks();
    int result = callbacks ? SESSILE_OK : SESSILE_ERR_MEMORY;

    ssh_peer_turn(peer);
    if (result == SESSILE_OK)
        result = peer->role == SESSILE_CLIENT ? sessile_ssh_connect(peer->session, peer->config, "host.example", 22,
                                                                    peer->pair->user, callbacks, peer)
                                              : sessile_ssh_accept(peer->session, peer->config, callbacks, peer);
    sessile_callbacks_free(callbacks);
    if (result == SESSILE_OK && peer->role == SESSILE_SERVER && peer->pair->address)
        result = sessile_ssh_set_peer_address(peer->session, peer->pair->address);
    peer->started = result;
    return result;
}

int ssh_pair_start(struct ssh_pair *pair)
{
    struct ssh_peer *peers[] = {&pair->server, &pair->client};
    int result = SESSILE_OK;

    for (int i = 0; i < 2; i++)
        if (result == SESSILE_OK && peers[i]->config)
            result = prepare(peers[i]);
    for (int i = 0; i < 2; i++)
        if (result == SESSILE_OK && peers[i]->config)
            result = begin(peers[i]);
    return result;
}

static void peer_free(struct ssh_peer *peer)
{
    ssh_peer_free_session(peer);
    for (size_t i = 0; i < peer->flow_count; i++) {
        sessile_stream_free(peer->flows[i].stream);
        ssh_bytes_clear(&peer->flows[i].data);
        ssh_bytes_clear(&peer->flows[i].errors);
        ssh_bytes_clear(&peer->flows[i].pending);
    }
    ssh_bytes_clear(&peer->wire);
    ssh_bytes_clear(&peer->banner);
    journal_free(&peer->log);
    journal_free(&peer->trace);
}

void ssh_pair_free(struct ssh_pair *pair)
{
    peer_free(&pair->client);
    peer_free(&pair->server);
    ssh_random_use(NULL);
}

void ssh_pair_open(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server)
{
    ssh_pair_init(pair, client, server);
    assert_int_equal(ssh_pair_start(pair), SESSILE_OK);
    ssh_pair_run(pair);
    assert_ssh_ready(pair);
}

void ssh_peer_turn(struct ssh_peer *peer)
{
    ssh_random_use(&peer->random);
}

/* ---- moving bytes ---- */

static uint32_t next_random(uint32_t *seed)
{
    return random_next(seed) >> 16;
}

static size_t wire_show(struct ssh_peer *peer)
{
    struct ssh_pair *pair = peer->pair;
    size_t hidden = peer->wire.size - peer->shown;
    size_t more = hidden;

    if (pair->policy == SSH_WIRE_BYTES && more)
        more = 1;
    else if (pair->policy == SSH_WIRE_RANDOM && more)
        more = next_random(&pair->seed) % 3 ? 1 + next_random(&pair->seed) % more : 0;
    else if (pair->policy == SSH_WIRE_CUT && pair->cut_role == peer->role && peer->shown < pair->cut)
        more = pair->cut - peer->shown < more ? pair->cut - peer->shown : more;
    else if (pair->policy == SSH_WIRE_FLIGHTS && peer->shown < peer->last + pair->cut)
        more = peer->last + pair->cut - peer->shown < more ? peer->last + pair->cut - peer->shown : more;
    peer->shown += more;
    return hidden;
}

static void offer(struct ssh_peer *peer)
{
    size_t size = peer->shown - peer->taken;
    size_t want = sessile_session_want(peer->session);
    uint8_t *copy = need_memory(malloc(size ? size : 1));
    int taken;

    memcpy(copy, peer->wire.data + peer->taken, size);
    taken = sessile_session_receive(peer->session, copy, size);
    assert_memory_equal(copy, peer->wire.data + peer->taken, size);
    free(copy);
    assert_true(taken >= -1 && taken <= (int)size);
    if (want == 0 || size < want)
        assert_true(taken <= 0);
    if (taken < 0)
        peer->refusing = 1;
    else
        peer->taken += (size_t)taken;
}

int ssh_peer_move(struct ssh_peer *peer)
{
    size_t hidden;

    if (!peer->session || peer->started < 0 || peer->refusing || peer->eof)
        return 0;
    hidden = wire_show(peer);
    if (!hidden && !peer->again)
        return 0;
    peer->again = 0;
    ssh_peer_turn(peer);
    if (peer->shown > peer->taken && !peer->comm_closed)
        offer(peer);
    return 1;
}

static int move_eof(struct ssh_peer *peer)
{
    if (!peer->session || peer->pair->no_eof || peer->eof || peer->comm_closed || !peer->other->comm_closed)
        return 0;
    ssh_peer_wire_gone(peer);
    return 1;
}

void ssh_pair_run(struct ssh_pair *pair)
{
    int moved;

    do {
        moved = ssh_peer_move(&pair->server);
        moved |= ssh_peer_move(&pair->client);
        if (!moved)
            moved = move_eof(&pair->server) || move_eof(&pair->client);
    } while (moved);
}

void ssh_peer_inject(struct ssh_peer *peer, const void *data, size_t size)
{
    ssh_bytes_add(&peer->wire, data, size);
}

void ssh_peer_wire_gone(struct ssh_peer *peer)
{
    peer->eof = 1;
    ssh_peer_turn(peer);
    sessile_session_close(peer->session);
}

void ssh_peer_free_session(struct ssh_peer *peer)
{
    sessile_session *session = peer->session;

    peer->session = NULL; /* no callback of the application's may follow */
    sessile_session_free(session);
}

struct ssh_flow *ssh_peer_exec(struct ssh_peer *peer, const char *command)
{
    struct ssh_flow *flow;

    ssh_peer_turn(peer);
    flow = ssh_peer_opened(peer, sessile_ssh_open_session(peer->session, NULL, NULL));
    assert_non_null(flow);
    ssh_pair_run(peer->pair);
    ssh_peer_turn(peer);
    assert_int_equal(sessile_ssh_request_exec(flow->stream, command, strlen(command)), SESSILE_OK);
    ssh_pair_run(peer->pair);
    return flow;
}

/* ---- saying what went wrong ---- */

int ssh_peer_saw(const struct ssh_peer *peer, const char *word)
{
    const char *at = journal_text(&peer->log);
    size_t size = strlen(word);
    int count = 0;

    while (*at) {
        size_t length = strcspn(at, " ");

        count += length >= size && memcmp(at, word, size) == 0 && (length == size || strchr(":(", at[size]));
        at += length;
        at += strspn(at, " ");
    }
    return count;
}

static void describe(const struct ssh_peer *peer)
{
    print_error("%s: %s | %s\n", peer->role == SESSILE_CLIENT ? "client" : "server", journal_text(&peer->log),
                peer->session ? sessile_session_error_text(peer->session) : "(freed)");
}

void ssh_assert_ready(const struct ssh_pair *pair, const char *file, int line)
{
    if (pair->client.ready && pair->server.ready && !pair->client.closed && !pair->server.closed)
        return;
    describe(&pair->client);
    describe(&pair->server);
    _assert_true(0, "both are ready", file, line);
}

/* Nothing works on a session that is over, and its error stays. */
static int refuses(struct ssh_peer *peer, int code)
{
    sessile_session *session = peer->session;
    uint8_t byte = 0;
    int result = sessile_session_receive(session, &byte, 1) == (code ? -1 : 0) &&
                 sessile_session_end(session) == SESSILE_ERR_CLOSED && sessile_ssh_rekey(session) < 0 &&
                 sessile_ssh_keepalive(session) < 0 && sessile_ssh_send_ignore(session, 1) < 0 &&
                 !sessile_ssh_open_session(session, NULL, NULL) && sessile_session_want(session) == 0 &&
                 sessile_session_error(session) == code;

    for (size_t i = 0; result && i < peer->flow_count; i++)
        result =
            sessile_stream_write(peer->flows[i].stream, &byte, 1) < 0 && sessile_stream_end(peer->flows[i].stream) < 0;
    return result;
}

void ssh_assert_failed(struct ssh_peer *peer, int code, const char *part, const char *file, int line)
{
    int as_told = peer->closed && peer->error == code && sessile_session_error(peer->session) == code;
    int sticks = as_told && refuses(peer, code);

    if (!as_told || !sticks || !strstr(sessile_session_error_text(peer->session), part)) {
        describe(peer);
        describe(peer->other);
    }
    _assert_true((LargestIntegralType)as_told, sessile_error_name(code), file, line);
    _assert_true((LargestIntegralType)sticks, "the failure sticks", file, line);
    ssh_assert_has(sessile_session_error_text(peer->session), part, file, line);
}

void ssh_assert_ended(struct ssh_peer *peer, const char *file, int line)
{
    int ended = peer->closed && peer->error == SESSILE_OK && refuses(peer, SESSILE_OK);

    if (!ended) {
        describe(peer);
        describe(peer->other);
    }
    _assert_true((LargestIntegralType)ended, "it has ended cleanly", file, line);
}

void ssh_assert_has(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    print_error("'%s' is not in '%s'\n", part, text);
    _assert_true(0, "the text has it", file, line);
}
