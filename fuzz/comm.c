/* SPDX-License-Identifier: Apache-2.0
 *
 * What a comms layer calls, with what must come of it.
 */
#include "comm.h"

#include <string.h>

void comm_arrive(struct comm *comm, size_t size)
{
    size_t left = comm->wire.size - comm->arrived;

    comm->arrived += size < left ? size : left;
}

static const uint8_t *wire_at(const struct comm *comm, size_t position)
{
    return comm->wire.data ? comm->wire.data + position : (const uint8_t *)"";
}

size_t frame_leave(const struct frame *frame, int result)
{
    if (result < 0)
        return frame->start;
    if (frame->next == frame->end)
        return frame->start + (size_t)result;
    expect(frame->start + (size_t)result == frame->end);
    return frame->next;
}

static void offered(struct comm *comm, const struct frame *frame, int result)
{
    size_t next = frame_leave(frame, result);

    expect((result == -1) == (sessile_session_error(comm->session) != 0));
    if (frame->outer)
        frame->outer->next = next;
    else
        comm->taken = next;
    expect(sessile_session_want(comm->session) <= sessile_session_want_max(comm->session));
}

void comm_offer(struct comm *comm)
{
    struct frame frame = {.outer = comm->receiving, .end = comm->arrived, .next = comm->arrived};
    unsigned calls = comm->calls, paused = comm->paused;
    size_t size;
    uint8_t *copy;
    int result;

    if (!comm->session)
        return;
    frame.start = frame.outer ? frame.outer->next : comm->taken;
    size = frame.end - frame.start;
    comm->offered = comm->arrived;
    if (!frame.outer)
        comm->resumed = 0;
    copy = fuzz_copy(wire_at(comm, frame.start), size);
    comm->receiving = &frame;
    result = sessile_session_receive(comm->session, copy, size);
    comm->receiving = frame.outer;
    expect(!memcmp(copy, wire_at(comm, frame.start), size));
    fuzz_spoil(copy, size);
    expect(result >= -1 && result <= (int)size);
    expect(!paused || calls != comm->calls || result <= 0);
    if (comm->session)
        offered(comm, &frame, result);
}

void comm_wire_gone(struct comm *comm)
{
    if (!comm->session || comm->wire_gone)
        return;
    /* Its closing callbacks find this set; after the session's own close it means nothing. */
    comm->wire_gone = !comm->wire_closed;
    comm->wire.size = comm->arrived;
    sessile_session_close(comm->session);
}

void comm_hold(struct comm *comm, int on)
{
    if (!comm->session)
        return;
    comm->held = on != 0;
    if (!on)
        comm->sent_held = 0;
    sessile_session_hold(comm->session, on);
}

void comm_pause(struct comm *comm, int on)
{
    int result;

    if (!comm->session)
        return;
    comm->calls++;
    comm->paused = on && comm->has_resume;
    result = sessile_session_pause(comm->session, on);
    expect(result == (on && !comm->has_resume ? SESSILE_ERR_MISUSE : SESSILE_OK) || !comm->session);
}
