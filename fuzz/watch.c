/* SPDX-License-Identifier: Apache-2.0
 *
 * The oracle's half that is called: every callback of the wire's and of the application's, and what it must find. Then
 * the reactions of the moment run, and may do anything, freeing included: nothing here is looked at after them but
 * the peer, which outlives its session.
 */
#include "peers.h"

#include <string.h>

#define DEPTH_MOST 10
#define HELD_MOST ((size_t)512 * 1024)
#define SENT_MOST ((size_t)1024 * 1024)

static void react(struct peer *peer, enum moment moment)
{
    struct peers *peers = peer->peers;
    struct reaction now = peer->reactions[moment];

    if (peers->quiet || peers->depth >= DEPTH_MOST)
        return;
    if (!now.lasting)
        peer->reactions[moment].count = 0;
    peers->depth++;
    for (unsigned i = 0; i < now.count; i++)
        peers->perform(peers, peer, now.steps[i]);
    peers->depth--;
}

static int verdict(struct peer *peer, enum moment moment)
{
    react(peer, moment);
    if (peer->peers->quiet || peer->fails != moment)
        return 0;
    peer->fails = MOMENTS;
    peer->peers->benign = 0;
    return -1;
}

uint8_t watch_byte(int role, size_t position)
{
    return (uint8_t)(position * 131 + (position >> 8) * 7 + (size_t)role * 85);
}

/* ---- the wire ---- */

int watch_send(void *handle, void *buffer, size_t size)
{
    struct peer *peer = handle;
    int result;

    expect(peer->comm.session && !peer->sending && !peer->batch && size);
    expect(!peer->comm.wire_closed && !peer->comm.wire_gone && !peer->closed && !peer->released);
    expect(size <= SENT_MOST);
    if (peer->comm.held)
        expect((peer->comm.sent_held += size) <= HELD_MOST);
    if (!peer->other->comm.wire_closed && !peer->other->comm.wire_gone && !peer->other->comm.wire_ended &&
        peer->other->comm.session)
        bytes_append(&peer->other->comm.wire, buffer, size);
    memset(buffer, 0xcc, size);
    peer->sending = 1;
    result = verdict(peer, ON_SEND);
    peer->sending = 0;
    return result;
}

void watch_comm_close(void *handle)
{
    struct peer *peer = handle;

    expect(!peer->comm.wire_closed && !peer->comm.wire_gone && peer->detached != 1 && !peer->closed && !peer->released);
    expect(!peer->sending || !peer->comm.session);
    peer->comm.wire_closed = 1;
    /* Whoever waits for close_notify behind a detach must leave alone what follows it. */
    if (peer->comm.session && !sessile_session_error(peer->comm.session) && peer->other->detached &&
        !peer->other->closed && !peer->other->comm.wire_ended) {
        bytes_append(&peer->other->comm.wire, "plain text", 10);
        peer->other->leftover = 10;
    }
    react(peer, ON_COMM_CLOSE);
}

void watch_resume(void *handle)
{
    struct peer *peer = handle;

    expect(peer->comm.session && !peer->comm.wire_closed && !peer->closed && !peer->released && peer->comm.has_resume);
    expect(!peer->batch && !peer->sending);
    peer->comm.resumed = 1;
    react(peer, ON_RESUME);
    if (peer->peers->eager && peer->comm.session && peer->comm.resumed && !peer->comm.receiving)
        comm_offer(&peer->comm);
}

void watch_release(void *handle)
{
    struct peer *peer = handle;

    expect(!peer->comm.session && !peer->released);
    peer->released = 1;
    react(peer, ON_RELEASE);
}

void watch_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                 void *app)
{
    struct peer *peer = app;

    expect(session == peer->comm.session && (direction == 0 || direction == 1) && *message && *phase && size);
    react(peer, ON_TRACE);
}

/* ---- the application ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct peer *peer = app;

    expect(session == peer->comm.session && !peer->ready && !peer->closed);
    peer->ready = 1;
    return verdict(peer, ON_READY);
}

static void keep(struct peer *peer, sessile_question *question)
{
    struct peers *peers = peer->peers;
    size_t i = 0;

    while (i < KEPT_MOST && peers->kept[i])
        i++;
    if (i == KEPT_MOST || !sessile_question_keep(question)) {
        peers->benign = 0;
        return;
    }
    peers->kept[i] = question;
    if (peer->answer == ANSWER_KEEP_YES)
        sessile_question_accept(question);
    if (peer->answer != ANSWER_DROP)
        return;
    peers->kept[i] = NULL;
    peers->benign = 0;
    sessile_question_free(question);
}

static void meet(struct peer *peer, sessile_question *question)
{
    switch (peer->peers->quiet ? ANSWER_YES : peer->answer) {
    case ANSWER_YES:
        sessile_question_accept(question);
        break;
    case ANSWER_NO:
        sessile_question_refuse(question, 0);
        peer->peers->benign = 0;
        break;
    case ANSWER_IGNORE:
        peer->peers->benign = 0;
        break;
    default:
        keep(peer, question);
    }
}

static int on_question(sessile_question *question, void *app)
{
    struct peer *peer = app;

    expect(sessile_question_session(question) == peer->comm.session && !peer->closed && !peer->ready);
    react(peer, ON_QUESTION);
    if (peer->comm.session)
        meet(peer, question);
    if (peer->peers->quiet || peer->fails != ON_QUESTION)
        return 0;
    peer->fails = MOMENTS;
    peer->peers->benign = 0;
    return -1;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct peer *peer = app;

    expect(peer->comm.session && !peer->closed && sessile_question_accept(question) == SESSILE_ERR_GONE);
    react(peer, ON_WITHDRAWN);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct peer *peer = app;

    expect(session == peer->comm.session && !peer->closed && size);
    if (kind == SESSILE_NOTICE_TLS_TICKET) {
        expect(peer->role == SESSILE_CLIENT);
        peer->peers->ticket.size = 0;
        bytes_append(&peer->peers->ticket, data, size);
    }
    return verdict(peer, ON_NOTICE);
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct peer *peer = app;
    uint8_t wrong = 0;

    expect(sessile_stream_session(stream) == peer->comm.session && peer->comm.session && size);
    expect(peer->ready && !peer->got_end && !peer->stream_closed && !peer->ending);
    expect(peer->delivered + size <= peer->other->written_most);
    for (size_t i = 0; i < size; i++)
        wrong |= ((const uint8_t *)data)[i] ^ watch_byte(peer->other->role, peer->delivered + i);
    expect(!wrong);
    peer->delivered += size;
    if (peer->manual)
        peer->unread += size;
    expect(peer->unread < 65536 + 16384);
    return verdict(peer, ON_DATA);
}

static int on_end(sessile_stream *stream, void *app)
{
    struct peer *peer = app;

    expect(sessile_stream_session(stream) == peer->comm.session && peer->comm.session);
    expect(peer->ready && !peer->got_end && !peer->stream_closed && !peer->ending);
    peer->got_end = 1;
    return verdict(peer, ON_END);
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct peer *peer = app;

    expect(sessile_stream_session(stream) == peer->comm.session && peer->comm.session);
    expect(peer->ready && !peer->ended && !peer->comm.held && !peer->batch && !peer->stream_closed && !peer->sending);
    peer->short_write = 0;
    return verdict(peer, ON_WRITABLE);
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct peer *peer = app;

    (void)error;
    expect(sessile_stream_session(stream) == peer->comm.session && peer->comm.session);
    expect(!peer->stream_closed && !peer->closed && !peer->sending);
    expect(peer->comm.wire_closed || peer->comm.wire_gone || peer->comm.wire_ended || peer->detached);
    expect(sessile_stream_write(stream, "", 1) == SESSILE_ERR_CLOSED);
    peer->stream_closed = 1;
    react(peer, ON_STREAM_CLOSED);
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct peer *peer = app;

    expect(session == peer->comm.session && !peer->closed && peer->stream_closed && !peer->sending);
    expect(error == sessile_session_error(session) && (!peer->error || peer->error == error));
    expect(!error || sessile_session_error_text(session)[0]);
    peer->closed = 1;
    react(peer, ON_CLOSED);
}

sessile_callbacks *watch_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    expect(callbacks);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}
