/* SPDX-License-Identifier: Apache-2.0
 *
 * The API in any order, with a live peer. Input: the client's config, the server's, options; then a program of two-byte
 * operations (what and on whom, an argument), some of which wait for a callback and run inside it. What must hold is in
 * watch.c and peers.c.
 */
#include <string.h>

#include "peers.h"

static size_t amount(uint8_t arg)
{
    static const size_t sizes[] = {0,     1,     5,     16,    100,    512,    1500,   4096,
                                   16384, 16385, 16406, 65536, 100000, 150000, 262144, 300000};

    return arg < 128 ? arg : sizes[arg & 15] + (arg >> 4 & 7);
}

static void op_deliver(struct peer *peer, uint8_t arg)
{
    comm_arrive(&peer->comm, amount(arg));
    comm_offer(&peer->comm);
}

static void op_deliver_all(struct peer *peer, uint8_t arg)
{
    (void)arg;
    comm_arrive(&peer->comm, peer->comm.wire.size);
    comm_offer(&peer->comm);
}

static void op_arrive(struct peer *peer, uint8_t arg)
{
    comm_arrive(&peer->comm, amount(arg));
}

static void op_write(struct peer *peer, uint8_t arg)
{
    peer_write(peer, amount(arg));
}

/* Both ways, a while. */
static void op_pump(struct peer *peer, uint8_t arg)
{
    for (unsigned i = 0; i < (arg & 7) + 1u; i++) {
        op_deliver_all(peer->peers->peer[peer->role], 0);
        op_deliver_all(peer->peers->peer[!peer->role], 0);
    }
}

/* One byte at a time. */
static void op_trickle(struct peer *peer, uint8_t arg)
{
    for (unsigned i = 0; i < arg && peer->comm.session; i++)
        op_deliver(peer, 1);
}

static void op_start(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_start(peer);
}

static void op_end_stream(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_end_stream(peer);
}

static void op_end(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_end(peer);
}

static void op_abort(struct peer *peer, uint8_t arg)
{
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;

    if (!peer->comm.session)
        return;
    peer->peers->benign = 0;
    if (arg & 1 && stream)
        sessile_stream_abort(stream);
    else
        sessile_session_abort(peer->comm.session);
}

static void op_detach(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_detach(peer);
}

static void op_hold(struct peer *peer, uint8_t arg)
{
    comm_hold(&peer->comm, arg & 1);
}

static void op_pause(struct peer *peer, uint8_t arg)
{
    comm_pause(&peer->comm, arg & 1);
}

static void op_enter(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_enter(peer);
}

static void op_leave(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_leave(peer);
}

static void op_question(struct peer *peer, uint8_t arg)
{
    peer->answer = (enum answer)(arg % ANSWERS);
}

static void op_answer_kept(struct peer *peer, uint8_t arg)
{
    peer_answer_kept(peer->peers, arg >> 2, arg);
}

static void op_manual(struct peer *peer, uint8_t arg)
{
    peer_set_manual(peer, arg & 1);
}

static void op_consume(struct peer *peer, uint8_t arg)
{
    peer_consume(peer, arg == 255 ? peer->unread : amount(arg));
}

static void op_wire_gone(struct peer *peer, uint8_t arg)
{
    if (peer->comm.session && !peer->closed)
        peer->peers->benign = 0;
    if (arg & 1)
        peer_wire_ends(peer);
    else
        comm_wire_gone(&peer->comm);
}

static void op_free(struct peer *peer, uint8_t arg)
{
    (void)arg;
    peer_free(peer);
}

static void op_renew(struct peer *peer, uint8_t arg)
{
    struct peers *peers = peer->peers;

    (void)arg;
    if (peers->depth || peers->generation == GENERATIONS)
        return;
    fuzz_memory_fail(0, 0);
    peer_free(peers->peer[0]);
    peer_free(peers->peer[1]);
    for (unsigned i = 0; i < KEPT_MOST; i++)
        peer_answer_kept(peers, i, 0);
    peers_renew(peers);
    peers->benign = setup_agrees(peers->client, peers->server);
}

static void op_fail(struct peer *peer, uint8_t arg)
{
    peer->fails = (enum moment)(arg % (MOMENTS + 1));
}

static void op_fail_memory(struct peer *peer, uint8_t arg)
{
    peer->peers->benign = 0;
    fuzz_memory_fail(arg & 31, (arg >> 5) + 1u);
}

static void op_key_update(struct peer *peer, uint8_t arg)
{
    if (peer->comm.session)
        sessile_tls_key_update(peer->comm.session, arg & 1);
}

static void op_corrupt(struct peer *peer, uint8_t arg)
{
    size_t left = peer->comm.wire.size - peer->comm.arrived;

    if (!left)
        return;
    peer->peers->benign = 0;
    peer->comm.wire.data[peer->comm.arrived + amount(arg) % left] ^= (uint8_t)(1u << (arg & 7));
}

static void op_stream(struct peer *peer, uint8_t arg)
{
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;

    if (arg & 1 && !peer->stream)
        peer->stream = sessile_stream_keep(stream);
    else if (arg & 2) {
        sessile_stream_free(peer->stream);
        peer->stream = NULL;
    } else if (peer->stream) {
        expect(sessile_stream_session(peer->stream) == peer->comm.session);
        if (!peer->comm.session)
            expect(sessile_stream_end(peer->stream) == SESSILE_ERR_GONE);
    }
    if (stream && arg & 4)
        sessile_stream_set_callbacks(stream, arg & 8 ? peer->peers->stream_callbacks : NULL, peer);
}

static void op_notes(struct peer *peer, uint8_t arg)
{
    if (!peer->comm.session)
        return;
    if (arg & 1)
        sessile_session_set_trace(peer->comm.session, arg & 2 ? watch_trace : NULL, peer);
    if (arg & 4)
        sessile_session_set_counters(peer->comm.session, arg & 8);
    if (arg & 16)
        sessile_tls_insecure_keylog(peer->comm.session, 1);
}

/* What may be read at any time. */
static void op_read(struct peer *peer, uint8_t arg)
{
    sessile_session *session = peer->comm.session;
    uint8_t room[512];

    if (!session)
        return;
    expect(sessile_tls_version(session) && sessile_tls_cipher(session) && sessile_tls_group(session));
    expect(sessile_tls_alpn(session) && sessile_tls_sni(session) && sessile_tls_verify_text(session));
    sessile_tls_resumed(session);
    sessile_tls_verify_code(session);
    sessile_tls_peer_certificate(session, arg & 3, room, sizeof room);
    sessile_tls_export(session, "EXPORTER-fuzz", NULL, 0, room, arg);
    sessile_tls_channel_binding(session, arg & 3, room, sizeof room);
    for (int i = 0; i < 8; i++)
        sessile_session_counter(session, i);
    if (sessile_tls_peer_count(session))
        expect(sessile_tls_peer_certificate(session, 0, NULL, 0) > 0);
}

static void op_time(struct peer *peer, uint8_t arg)
{
    if (!peer->comm.session || !(arg & 1))
        return;
    peer->peers->benign = 0;
    sessile_session_set_time(peer->comm.session, (int64_t)arg << 24);
}

static void op_react(struct peer *peer, uint8_t arg)
{
    (void)peer, (void)arg; /* read with the program: program_step() */
}

static const struct {
    void (*call)(struct peer *, uint8_t);
} ops[] = {{op_react}, {op_deliver},    {op_deliver_all}, {op_pump},        {op_write},   {op_arrive},  {op_trickle},
           {op_start}, {op_end_stream}, {op_end},         {op_abort},       {op_detach},  {op_hold},    {op_pause},
           {op_enter}, {op_leave},      {op_question},    {op_answer_kept}, {op_manual},  {op_consume}, {op_wire_gone},
           {op_free},  {op_renew},      {op_fail},        {op_key_update},  {op_corrupt}, {op_stream},  {op_notes},
           {op_read},  {op_time},       {op_fail_memory}, {op_write}};
#define OPS (sizeof ops / sizeof ops[0])

static void perform(struct peers *peers, struct peer *peer, struct step step)
{
    if (!peers->budget)
        return;
    peers->budget--;
    ops[step.op % OPS].call(step.op & 0x40 ? peer->other : peer, step.arg);
}

/* The next step is added to those that wait for a moment, or takes their place. */
static void program_react(struct peer *peer, uint8_t arg, struct step step)
{
    struct reaction *reaction = &peer->reactions[(arg & 15) % MOMENTS];

    if (!(arg & 0x10))
        reaction->count = 0;
    reaction->lasting = arg >> 5 & 1;
    if (reaction->count < REACTION_STEPS)
        reaction->steps[reaction->count++] = step;
}

static void program_step(struct peers *peers, struct input *input)
{
    struct step step = {input_u8(input), 0};
    struct peer *peer = peers->peer[step.op >> 7];
    struct step later;

    step.arg = input_u8(input);
    if (ops[step.op % OPS].call == op_react) {
        later.op = input_u8(input);
        later.arg = input_u8(input);
        program_react(peer, step.arg, later);
        return;
    }
    perform(peers, peer, step);
    peer_check(peers->peer[0]);
    peer_check(peers->peer[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 2048 ? size : 2048};
    unsigned client, server, options;
    struct peers peers;

    fuzz_begin();
    client = input_u8(&input);
    server = input_u8(&input);
    options = input_u8(&input);
    peers_open(&peers, client, server, options);
    peers.perform = perform;
    if (!(options & 8)) {
        peer_start(peers.peer[0]);
        peer_start(peers.peer[1]);
    }
    while (input.size && peers.budget)
        program_step(&peers, &input);
    peers_finish(&peers);
    return 0;
}
