/* SPDX-License-Identifier: Apache-2.0
 *
 * The oracle's half that calls: every function that an application uses, with what must come of it. A write inside
 * another writes what is behind it; if that is taken, the one on the stack must have been taken whole.
 */
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_MOST ((size_t)1 << 20)
#define REST_MOST ((size_t)256 * 1024)
#define BUSY_MOST ((size_t)6 * 1024 * 1024)

/* ---- the wire ---- */

/* The other side's FIN. What is still to come is lost. */
void peer_wire_ends(struct peer *peer)
{
    if (!peer->comm.session)
        return;
    peer->comm.wire_ended = 1;
    peer->comm.wire.size = peer->comm.arrived;
    sessile_session_receive_end(peer->comm.session);
}

/* ---- the stream ---- */

static void wrote(struct peer *peer, const struct frame *frame, int result)
{
    size_t next = frame_leave(frame, result);

    if (frame->outer)
        frame->outer->next = next;
    else
        peer->written = next;
    if (result < 0 || frame->start + (size_t)result == frame->end)
        peer->short_write = 0;
}

void peer_write(struct peer *peer, size_t size)
{
    struct frame frame = {.outer = peer->writing};
    unsigned held = peer->comm.held, ready = peer->ready;
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;
    uint8_t *data;
    int result;

    frame.start = frame.outer ? frame.outer->next : peer->written;
    if (!stream || frame.start + size > WRITTEN_MOST)
        return;
    frame.end = frame.next = frame.start + size;
    if (frame.end > peer->written_most)
        peer->written_most = frame.end;
    expect((data = malloc(size ? size : 1)));
    for (size_t i = 0; i < size; i++)
        data[i] = watch_byte(peer->role, frame.start + i);
    peer->writing = &frame;
    peer->short_write = peer->short_write || (!peer->ended && size);
    result = sessile_stream_write(stream, data, size);
    peer->writing = frame.outer;
    fuzz_spoil(data, size);
    expect(result <= (int)size && (result <= 0 || (ready && !held)));
    if (peer->comm.session)
        wrote(peer, &frame, result);
}

void peer_end_stream(struct peer *peer)
{
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;

    if (stream && sessile_stream_end(stream) == SESSILE_OK)
        peer->ended = 1;
}

void peer_set_manual(struct peer *peer, int on)
{
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;

    if (!stream)
        return;
    if (!on) {
        peer->manual = 0;
        peer->unread = 0;
    }
    if (sessile_stream_set_manual(stream, on) == SESSILE_OK && peer->comm.session)
        peer->manual = on != 0;
}

void peer_consume(struct peer *peer, size_t size)
{
    sessile_stream *stream = peer->comm.session ? sessile_session_stream(peer->comm.session) : NULL;

    if (!stream)
        return;
    if (size > peer->unread) {
        expect(sessile_stream_consumed(stream, peer->unread + 1) == SESSILE_ERR_ARGUMENT);
        return;
    }
    peer->unread -= size;
    sessile_stream_consumed(stream, size);
}

/* ---- the session ---- */

static void peer_reset(struct peer *peer, struct peers *peers, int role, struct peer *other)
{
    memset(peer, 0, sizeof *peer);
    peer->peers = peers;
    peer->role = role;
    peer->other = other;
    peer->fails = MOMENTS;
    peer->comm.has_resume = 1;
    expect((peer->comm.session = sessile_session_create(peer, watch_send, watch_comm_close)));
    expect(sessile_session_set_resume(peer->comm.session, watch_resume) == 0);
    expect(sessile_session_set_release(peer->comm.session, watch_release) == 0);
}

void peers_renew(struct peers *peers)
{
    struct peer *pair = peers->pool + 2 * peers->generation;

    if (peers->generation == GENERATIONS)
        return;
    peers->generation++;
    peers->peer[0] = pair;
    peers->peer[1] = pair + 1;
    peer_reset(pair, peers, SESSILE_CLIENT, pair + 1);
    peer_reset(pair + 1, peers, SESSILE_SERVER, pair);
}

void peers_open(struct peers *peers, unsigned client, unsigned server, unsigned options)
{
    memset(peers, 0, sizeof *peers);
    peers->client = client;
    peers->server = server;
    setup_client(client);
    setup_server(server);
    peers->blocks = fuzz_memory_blocks();
    peers->benign = setup_agrees(client, server);
    peers->eager = (options & 1) != 0;
    peers->budget = 1500;
    peers->callbacks = watch_callbacks();
    peers->stream_callbacks = watch_callbacks();
    peers_renew(peers);
    for (unsigned i = 0; i < 2; i++)
        if (options & 2u << i) {
            peers->peer[i]->comm.has_resume = 0;
            expect(sessile_session_set_resume(peers->peer[i]->comm.session, NULL) == 0);
        }
}

void peer_start(struct peer *peer)
{
    struct peers *peers = peer->peers;
    int result;

    if (!peer->comm.session || peer->started || peer->closed)
        return;
    peer->started = 1;
    if (peer->role == SESSILE_CLIENT && peers->ticket.size)
        sessile_tls_resume(peer->comm.session, peers->ticket.data, peers->ticket.size);
    if (peer->role == SESSILE_CLIENT)
        result =
            sessile_tls_connect(peer->comm.session, setup_client(peers->client), FUZZ_HOST, peers->callbacks, peer);
    else
        result = sessile_tls_accept(peer->comm.session, setup_server(peers->server), peers->callbacks, peer);
    expect(result == 0 || !peers->benign);
    if (result != 0)
        peer->started = 0;
}

void peer_free(struct peer *peer)
{
    sessile_session *session = peer->comm.session;

    if (!session)
        return;
    if (!peer->closed)
        peer->peers->benign = 0;
    peer->comm.session = NULL;
    sessile_session_free(session);
    expect(peer->released &&
           (peer->comm.wire_closed || peer->comm.wire_gone || peer->comm.wire_ended || peer->detached));
}

void peer_enter(struct peer *peer)
{
    if (!peer->comm.session || peer->batch >= 8)
        return;
    expect(sessile_session_enter(peer->comm.session) == SESSILE_OK);
    peer->batch++;
}

void peer_leave(struct peer *peer)
{
    if (!peer->comm.session)
        return;
    if (!peer->batch) {
        expect(sessile_session_leave(peer->comm.session) == SESSILE_ERR_MISUSE);
        return;
    }
    peer->batch--;
    sessile_session_leave(peer->comm.session);
}

void peer_end(struct peer *peer)
{
    if (!peer->comm.session)
        return;
    if (!peer->ready)
        peer->peers->benign = 0;
    if (sessile_session_end(peer->comm.session) == SESSILE_OK)
        peer->ended = peer->ending = 1;
}

void peer_detach(struct peer *peer)
{
    int result;

    if (!peer->comm.session || peer->detached)
        return;
    peer->detached = DETACHING;
    result = sessile_session_detach(peer->comm.session);
    peer->detached = result == SESSILE_OK;
    if (result == SESSILE_OK)
        peer->ended = 1;
}

void peer_answer_kept(struct peers *peers, unsigned index, unsigned how)
{
    sessile_question *question = peers->kept[index % KEPT_MOST];

    if (!question)
        return;
    peers->kept[index % KEPT_MOST] = NULL;
    if (how % 4 == 1)
        sessile_question_refuse(question, 0);
    else if (how % 4 != 2)
        sessile_question_accept(question);
    peers->benign = peers->benign && how % 4 != 1 && how % 4 != 2;
    if (how % 4 == 3)
        expect(sessile_question_accept(question) == SESSILE_ERR_GONE);
    sessile_question_free(question);
}

void peer_check(struct peer *peer)
{
    int error;

    expect(fuzz_memory_bytes() < BUSY_MOST);
    if (!peer->comm.session)
        return;
    error = sessile_session_error(peer->comm.session);
    expect(!peer->error || error == peer->error);
    peer->error = error;
    expect(!peer->closed || !peer->started || sessile_session_receive(peer->comm.session, "x", 1) == (error ? -1 : 0));
}

/* ---- the end ---- */

static int release_brakes(struct peer *peer)
{
    int did = peer->batch || peer->comm.held || peer->comm.paused || peer->manual || !peer->started;

    while (peer->comm.session && peer->batch)
        peer_leave(peer);
    if (peer->comm.held)
        comm_hold(&peer->comm, 0);
    if (peer->comm.paused)
        comm_pause(&peer->comm, 0);
    if (peer->manual)
        peer_set_manual(peer, 0);
    if (!peer->started)
        peer_start(peer);
    return did && peer->comm.session && !peer->closed && peer->started;
}

static int advance(struct peer *peer)
{
    size_t offered_before = peer->comm.offered, taken = peer->comm.taken;
    int resumed = peer->comm.resumed;

    if (!peer->comm.session)
        return 0;
    if (release_brakes(peer))
        return 1;
    comm_arrive(&peer->comm, peer->comm.wire.size);
    if (peer->comm.offered < peer->comm.arrived || resumed ||
        (!peer->comm.has_resume && peer->comm.taken < peer->comm.arrived))
        comm_offer(&peer->comm);
    if (peer->comm.offered > offered_before || peer->comm.taken > taken || resumed)
        return 1;
    if (peer->comm.wire_gone || peer->comm.wire_closed ||
        !(peer->other->comm.wire_closed || !peer->other->comm.session))
        return 0;
    comm_wire_gone(&peer->comm);
    return 1;
}

static void run_down(struct peers *peers)
{
    unsigned rounds = 0;
    int did;

    do {
        expect(rounds++ < 20000);
        did = 0;
        for (unsigned i = 0; i < KEPT_MOST; i++) {
            did |= peers->kept[i] != NULL;
            peer_answer_kept(peers, i, 0);
        }
        did |= advance(peers->peer[0]);
        did |= advance(peers->peer[1]);
    } while (did);
}

/* Nothing that could be taken lies there: resume has come for all of it, and writable where it was owed. */
static void judge_rest(const struct peer *peer)
{
    size_t want;

    if (!peer->comm.session || sessile_session_error(peer->comm.session) || peer->closed)
        return;
    want = sessile_session_want(peer->comm.session);
    expect(!want || peer->comm.taken + want > peer->comm.arrived);
    expect(!peer->ready || peer->ended || peer->comm.wire_gone || peer->comm.wire_ended || !peer->short_write);
    if (peer->peers->benign)
        expect(peer->ready && (peer->ending || peer->delivered == peer->other->written));
}

static void judge_end(const struct peer *peer)
{
    if (peer->comm.session && !peer->writing)
        expect(!peer->other->comm.session || peer->delivered <= peer->other->written);
    if (!peer->peers->benign || !peer->comm.session)
        return;
    if (sessile_session_error(peer->comm.session))
        fprintf(stderr, "role %d failed: %s\n", peer->role, sessile_session_error_text(peer->comm.session));
    expect(peer->closed && !sessile_session_error(peer->comm.session));
    expect(peer->comm.taken + peer->leftover == peer->comm.wire.size || !peer->detached);
}

static void release(struct peers *peers)
{
    struct peer *peer;

    for (unsigned i = 0; i < 2 * peers->generation; i++) {
        peer = peers->pool + i;
        peer_free(peer);
        if (peer->stream)
            expect(sessile_stream_write(peer->stream, "", 0) == SESSILE_ERR_GONE);
        sessile_stream_free(peer->stream);
        bytes_free(&peer->comm.wire);
    }
    bytes_free(&peers->ticket);
    sessile_callbacks_free(peers->callbacks);
    sessile_callbacks_free(peers->stream_callbacks);
    expect(fuzz_memory_blocks() == peers->blocks);
}

void peers_finish(struct peers *peers)
{
    peers->quiet = 1;
    fuzz_memory_fail(0, 0);
    run_down(peers);
    judge_rest(peers->peer[0]);
    judge_rest(peers->peer[1]);
    peer_end_stream(peers->peer[0]);
    peer_end_stream(peers->peer[1]);
    run_down(peers);
    expect(fuzz_memory_bytes() < REST_MOST + BUSY_MOST / 4);
    judge_end(peers->peer[0]);
    judge_end(peers->peer[1]);
    release(peers);
}
