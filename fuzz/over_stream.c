/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS in TLS over a pair in memory, and any order of calls on the four sessions. Input: configs of the outer and the
 * inner sessions; then two-byte operations, some of which wait for the next data, writable or closed callback of an
 * inner session. Held to: the inner streams' bytes, one closed each, no memory kept, and where nothing was broken off,
 * all bytes there and four clean ends.
 */
#include <stdlib.h>
#include <string.h>

#include "setup.h"

#define WRITTEN_MOST ((size_t)512 * 1024)
#define DEPTH_MOST 6

enum moment { ON_DATA, ON_WRITABLE, ON_READY, ON_CLOSED, MOMENTS };

struct world;

struct end {
    struct world *world;
    struct end *other;
    sessile_session *outer; /* NULL once freed */
    sessile_session *inner;
    uint8_t reactions[MOMENTS][2];
    unsigned batch[2];
    int role;
    int writing;
    int ended;
    int closed[2];
    size_t written;
    size_t most;
    size_t delivered;
};

struct world {
    struct end ends[2];
    unsigned depth;
    unsigned budget;
    int benign;
    int quiet;
};

static void perform(struct end *end, uint8_t op, uint8_t arg);

static void react(struct end *end, enum moment moment)
{
    struct world *world = end->world;
    uint8_t op = end->reactions[moment][0];

    if (world->quiet || world->depth >= DEPTH_MOST || !op)
        return;
    if (!(op & 0x40))
        end->reactions[moment][0] = 0;
    world->depth++;
    perform(end, op, end->reactions[moment][1]);
    world->depth--;
}

static uint8_t pattern(int role, size_t position)
{
    return (uint8_t)(position * 7 + (position >> 8) + (size_t)role);
}

/* ---- the inner sessions' callbacks ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct end *end = app;

    expect(session == end->inner);
    react(end, ON_READY);
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct end *end = app;

    expect(end->inner && sessile_stream_session(stream) == end->inner && !end->closed[0]);
    expect(end->delivered + size <= end->other->most);
    for (size_t i = 0; i < size; i++)
        expect(((const uint8_t *)data)[i] == pattern(end->other->role, end->delivered + i));
    end->delivered += size;
    react(end, ON_DATA);
    return 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    const struct end *end = app;

    expect(end->inner && sessile_stream_session(stream) == end->inner);
    return 0;
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct end *end = app;

    (void)stream;
    expect(end->inner && !end->ended);
    react(end, ON_WRITABLE);
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct end *end = app;

    expect(session == end->inner && !end->closed[0] && error == sessile_session_error(session));
    end->closed[0] = 1;
    react(end, ON_CLOSED);
}

static void on_outer_closed(sessile_session *session, int error, void *app)
{
    struct end *end = app;

    (void)error;
    expect(session == end->outer && !end->closed[1]);
    end->closed[1] = 1;
}

/* ---- operations ---- */

static void op_write(struct end *end, size_t size)
{
    sessile_stream *stream = end->inner ? sessile_session_stream(end->inner) : NULL;
    size_t start = end->written;
    uint8_t *data;
    int taken;

    if (!stream || end->writing || start + size > WRITTEN_MOST)
        return;
    end->most = start + size;
    expect((data = malloc(size + 1)));
    for (size_t i = 0; i < size; i++)
        data[i] = pattern(end->role, start + i);
    end->writing = 1;
    taken = sessile_stream_write(stream, data, size);
    end->writing = 0;
    fuzz_spoil(data, size + 1);
    expect(taken <= (int)size);
    if (taken > 0)
        end->written = start + (size_t)taken;
    expect(end->world->benign == 0 || end->other->delivered <= end->written);
}

static void op_end(struct end *end, int graceful)
{
    sessile_stream *stream = end->inner ? sessile_session_stream(end->inner) : NULL;

    if (!stream)
        return;
    if (graceful) { /* what arrives from here on is dropped */
        end->world->benign = 0;
        end->ended |= sessile_session_end(end->inner) == 0;
    } else {
        end->ended |= sessile_stream_end(stream) == 0;
    }
}

static void op_free(struct end *end, int outer)
{
    sessile_session *session = outer ? end->outer : end->inner;

    if (session && !end->closed[outer])
        end->world->benign = 0;
    if (outer)
        end->outer = NULL;
    else
        end->inner = NULL;
    sessile_session_free(session);
}

static void op_batch(struct end *end, int outer, int enter)
{
    sessile_session *session = outer ? end->outer : end->inner;

    if (!session || (!enter && !end->batch[outer]))
        return;
    if (enter) {
        end->batch[outer]++;
        expect(sessile_session_enter(session) == 0);
    } else {
        end->batch[outer]--;
        expect(sessile_session_leave(session) == 0);
    }
}

static void op_stop(struct end *end, int how)
{
    sessile_session *session = how & 1 ? end->outer : end->inner;

    if (!session)
        return;
    end->world->benign = 0;
    if (how & 2)
        sessile_session_end(session);
    else if (how & 4)
        sessile_session_close(session);
    else
        sessile_session_abort(session);
}

static void op_manual(struct end *end, int on)
{
    sessile_stream *stream = end->inner ? sessile_session_stream(end->inner) : NULL;

    if (stream)
        sessile_stream_set_manual(stream, on);
}

static void op_pause(struct end *end, int outer, int on)
{
    sessile_session *session = outer ? end->outer : end->inner;

    if (session)
        expect(sessile_session_pause(session, on) == 0);
}

static size_t amount(uint8_t arg)
{
    return arg < 128 ? arg : (size_t)(arg - 127) * 600;
}

/* Which moment, whether it lasts, and what then: two bytes' worth of choices out of what is left of two bytes. */
static void arm(struct end *end, uint8_t op, uint8_t arg)
{
    uint8_t *reaction = end->reactions[arg % MOMENTS];

    reaction[0] = (uint8_t)((op & 0x40) | (op << 2 & 0x80) | (op >> 1 & 8) | (arg >> 2 & 7));
    reaction[1] = (uint8_t)(arg << 3 | arg >> 5);
}

static void perform(struct end *end, uint8_t op, uint8_t arg)
{
    sessile_session *session;

    if (op & 0x80)
        end = end->other;
    session = arg & 1 ? end->outer : end->inner;
    if (!end->world->budget || !end->world->budget--)
        return;
    switch (op & 15) {
    case 2:
        op_pause(end, arg & 1, arg >> 1 & 1);
        break;
    case 3:
        op_batch(end, arg & 1, arg >> 1 & 1);
        break;
    case 4:
        op_manual(end, arg & 1);
        break;
    case 5:
        op_end(end, arg > 200);
        break;
    case 6:
        op_free(end, arg & 1);
        break;
    case 7:
        op_stop(end, arg);
        break;
    case 8:
        if (session)
            sessile_tls_key_update(session, arg >> 1 & 1);
        break;
    case 9:
        end->world->benign = 0;
        fuzz_memory_fail(arg & 31, (arg >> 5) + 1u);
        break;
    case 10:
    case 11:
        arm(end, op, arg);
        break;
    default:
        op_write(end, amount(arg));
    }
}

/* ---- a run ---- */

static void open_ends(struct world *world, unsigned outer, unsigned inner, sessile_callbacks *callbacks,
                      sessile_callbacks *outer_callbacks)
{
    struct end *end;

    expect(sessile_pair(&world->ends[0].outer, &world->ends[1].outer) == 0);
    for (int i = 1; i >= 0; i--) {
        end = &world->ends[i];
        end->world = world;
        end->role = i;
        end->other = &world->ends[!i];
        if (i)
            expect(sessile_tls_accept(end->outer, setup_server(outer & SETUP_PSK), outer_callbacks, end) == 0);
        else
            expect(sessile_tls_connect(end->outer, setup_client(outer), FUZZ_HOST, outer_callbacks, end) == 0);
    }
    for (int i = 1; i >= 0; i--) {
        end = &world->ends[i];
        expect((end->inner = sessile_over_stream(sessile_session_stream(end->outer))));
        if (i)
            expect(sessile_tls_accept(end->inner, setup_server(inner & SETUP_PSK), callbacks, end) == 0);
        else
            expect(sessile_tls_connect(end->inner, setup_client(inner), FUZZ_HOST, callbacks, end) == 0);
    }
}

static void let_go(struct end *end)
{
    for (int outer = 0; outer < 2; outer++) {
        while (end->batch[outer] && (outer ? end->outer : end->inner))
            op_batch(end, outer, 0);
        op_pause(end, outer, 0);
    }
    op_manual(end, 0);
}

static void judge(const struct world *world)
{
    const struct end *end;

    for (int i = 0; i < 2; i++) {
        end = &world->ends[i];
        expect(!end->inner || (end->closed[0] && sessile_session_error(end->inner) == 0));
        expect(!end->outer || (end->closed[1] && sessile_session_error(end->outer) == 0));
    }
}

static void finish(struct world *world)
{
    struct end *ends = world->ends;

    world->quiet = 1;
    fuzz_memory_fail(0, 0);
    for (int i = 0; i < 4; i++)
        let_go(&ends[i & 1]);
    if (world->benign)
        expect(ends[0].delivered == ends[1].written && ends[1].delivered == ends[0].written);
    op_end(&ends[0], 0);
    op_end(&ends[1], 0);
    if (world->benign)
        judge(world);
    for (int i = 0; i < 4; i++)
        op_free(&ends[i & 1], i >> 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 1024 ? size : 1024};
    sessile_callbacks *callbacks, *outer_callbacks;
    struct world world = {.budget = 600, .benign = 1};
    unsigned outer, inner;
    size_t blocks;
    uint8_t op;

    fuzz_begin();
    /* No questions, and of the rest only what gets along. */
    outer = input_u8(&input) & (SETUP_TLS12 | SETUP_TLS13 | SETUP_PSK);
    inner = input_u8(&input) & (SETUP_TLS12 | SETUP_TLS13 | SETUP_PSK);
    setup_client(outer), setup_client(inner), setup_server(outer & SETUP_PSK), setup_server(inner & SETUP_PSK);
    blocks = fuzz_memory_blocks();
    expect((callbacks = sessile_callbacks_new()) && (outer_callbacks = sessile_callbacks_new()));
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_closed(callbacks, on_closed);
    sessile_callbacks_set_closed(outer_callbacks, on_outer_closed);
    open_ends(&world, outer, inner, callbacks, outer_callbacks);
    while (input.size && world.budget) {
        op = input_u8(&input);
        perform(&world.ends[0], op, input_u8(&input));
    }
    finish(&world);
    sessile_callbacks_free(callbacks);
    sessile_callbacks_free(outer_callbacks);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
