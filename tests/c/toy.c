/* SPDX-License-Identifier: Apache-2.0
 *
 * The toy engine. It keeps to the same rules as a real one: one unit at a time, session_over() after each callback, and
 * no byte of the caller's is kept. */
#include "toy.h"

#include <string.h>

#include "codec/reader.h"
#include "session/engine.h"
#include "session/guard.h"
#include "session/memory.h"

#define PIECE 16384

static const struct question_kind toy_ask = {TOY_QUESTION_ASK, 1, 1u << TOY_ITEM_NOTE};
static const struct question_kind toy_wonder = {TOY_QUESTION_WONDER, 0, 1u << TOY_ITEM_NOTE};

size_t toy_put(uint8_t *out, char type, const void *data, size_t size)
{
    out[0] = (uint8_t)type;
    out[1] = (uint8_t)(size >> 8);
    out[2] = (uint8_t)size;
    if (size)
        memcpy(out + TOY_HEADER, data, size);
    return TOY_HEADER + size;
}

size_t toy_put_echo(uint8_t *out, uint32_t size)
{
    const uint8_t number[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};

    return toy_put(out, TOY_ECHO, number, sizeof number);
}

static void toy_trace(struct toy *t, int direction, const char *message, size_t size)
{
    session_trace(t->session, direction, message, size, t->ready ? "open" : "hello");
    session_trace_flush(t->session);
}

static int toy_emit(struct toy *t, char type, const void *data, size_t size)
{
    uint8_t *room = outbox_extend(t->session, TOY_HEADER + size);

    if (!room)
        return session_fail(t->session, SESSILE_ERR_MEMORY, "no memory for a unit of %zu bytes", size);
    toy_put(room, type, data, size);
    return SESSILE_OK;
}

/* ---- in: a handler for each type ---- */

static void toy_on_ready(struct toy *t, struct reader *r)
{
    (void)r;
    t->ready = 1;
    session_call_ready(t->session);
}

static void toy_on_hello(struct toy *t, struct reader *r)
{
    if (toy_emit(t, TOY_READY, NULL, 0) == SESSILE_OK)
        toy_on_ready(t, r);
}

static void toy_on_data(struct toy *t, struct reader *r)
{
    if (r->left)
        stream_deliver(t->stream, r->data, r->left);
}

static void toy_on_second(struct toy *t, struct reader *r)
{
    if (r->left && t->second)
        stream_deliver(t->second, r->data, r->left);
}

static void toy_on_end(struct toy *t, struct reader *r)
{
    (void)r;
    t->got_end = 1;
    if (!session_ending(t->session))
        stream_deliver_end(t->stream);
    if (t->sent_end && !session_over(t->session))
        session_finish(t->session);
}

static void toy_on_fail(struct toy *t, struct reader *r)
{
    session_fail(t->session, SESSILE_ERR_PROTOCOL, "the peer sent FAIL with %zu bytes", r->left);
}

static void toy_on_echo(struct toy *t, struct reader *r)
{
    static const uint8_t filler[65535];
    uint32_t size = get_u32(r);
    uint32_t piece;

    for (; size && !session_over(t->session); size -= piece) {
        piece = size < sizeof filler ? size : (uint32_t)sizeof filler;
        toy_emit(t, TOY_ANSWER, filler, piece);
    }
}

static void toy_on_nothing(struct toy *t, struct reader *r)
{
    (void)t, (void)r;
}

static void toy_question(struct toy *t, struct reader *r, const struct question_kind *kind)
{
    sessile_question *question = question_new(t->session, kind, t->stream);

    t->blocks = kind->blocks;
    question_add(question, TOY_ITEM_TEXT, r->data, r->left);
    session_ask(t->session, question);
}

static void toy_on_ask(struct toy *t, struct reader *r)
{
    toy_question(t, r, &toy_ask);
}

static void toy_on_wonder(struct toy *t, struct reader *r)
{
    toy_question(t, r, &toy_wonder);
}

static void toy_on_notice(struct toy *t, struct reader *r)
{
    session_call_notice(t->session, 7, r->data, r->left);
}

static const struct {
    char type;
    const char *name;
    void (*handle)(struct toy *t, struct reader *r);
} toy_units[] = {
    {TOY_HELLO, "HELLO", toy_on_hello},     {TOY_READY, "READY", toy_on_ready}, {TOY_DATA, "DATA", toy_on_data},
    {TOY_SECOND, "SECOND", toy_on_second},  {TOY_END, "END", toy_on_end},       {TOY_FAIL, "FAIL", toy_on_fail},
    {TOY_ECHO, "ECHO", toy_on_echo},        {TOY_ASK, "ASK", toy_on_ask},       {TOY_WONDER, "WONDER", toy_on_wonder},
    {TOY_NOTICE, "NOTICE", toy_on_notice},  {TOY_YES, "YES", toy_on_nothing},   {TOY_NO, "NO", toy_on_nothing},
    {TOY_ANSWER, "ANSWER", toy_on_nothing},
};

static int toy_handle(struct toy *t, char type, struct reader *r)
{
    for (size_t i = 0; i < sizeof toy_units / sizeof toy_units[0]; i++)
        if (toy_units[i].type == type) {
            toy_trace(t, 0, toy_units[i].name, TOY_HEADER + r->left);
            if (!session_over(t->session))
                toy_units[i].handle(t, r);
            return SESSILE_OK;
        }
    return session_fail(t->session, SESSILE_ERR_PROTOCOL, "the peer sent a unit of type 0x%02x", (uint8_t)type);
}

static int toy_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    struct toy *t = session_state(session);
    struct reader unit = reader_of(data, size);
    struct reader payload;
    size_t need = t->fixed ? t->fixed : TOY_HEADER;
    char type;

    t->calls++;
    session_need(session, need);
    if (size < need)
        return 0;
    if (t->fixed)
        return (int)need;
    type = (char)get_u8(&unit);
    payload = get_sub16(&unit);
    t->looked += TOY_HEADER;
    need += (size_t)(data[1] << 8 | data[2]);
    if (unit.failed) {
        session_need(session, need);
        return 0;
    }
    t->looked += payload.left;
    t->heard = 1;
    return toy_handle(t, type, &payload) < 0 ? SESSILE_ERR_FAILED : (int)need;
}

static int toy_full(const sessile_session *session)
{
    const struct toy *t = session_state(session);

    if (t->got_end)
        return ENGINE_DONE;
    return !session_ending(session) && stream_unread(t->stream) >= STREAM_UNREAD_LIMIT ? ENGINE_FULL : 0;
}

static void toy_answered(sessile_session *session, sessile_question *question)
{
    struct toy *t = session_state(session);
    int blocks = question ? sessile_question_kind(question) == TOY_QUESTION_ASK : t->blocks;
    size_t size;
    const void *note = question_given(question, TOY_ITEM_NOTE, &size);

    t->last_outcome = question_outcome(question);
    t->last_reason = question_reason(question);
    t->refusals += t->last_outcome == QUESTION_REFUSED;
    if (t->last_outcome == QUESTION_ACCEPTED)
        toy_emit(t, TOY_YES, note, size);
    else if (blocks)
        session_fail(session, SESSILE_ERR_REFUSED, "the question was refused with reason %d", t->last_reason);
    else
        toy_emit(t, TOY_NO, NULL, 0);
    if (!session_over(session) && session_traced(session))
        toy_trace(t, 1, "ANSWERED", TOY_HEADER + size);
}

/* ---- out ---- */

static int toy_writable(const sessile_stream *stream)
{
    const struct toy *t = session_state(stream_session(stream));

    return t->ready && !t->sent_end ? ENGINE_WRITABLE : ENGINE_WAITS;
}

static int toy_write(sessile_stream *stream, int flow, const uint8_t *data, size_t size)
{
    struct toy *t = session_state(stream_session(stream));
    char type = stream == t->stream ? TOY_DATA : TOY_SECOND;
    size_t done = 0;
    size_t piece;
    size_t room;

    (void)flow;
    outbox_reserve(t->session, size + TOY_HEADER < 4096 ? size + TOY_HEADER : 4096);
    while (done < size && (room = outbox_room(t->session)) > TOY_HEADER) {
        piece = size - done < PIECE ? size - done : PIECE;
        if (piece > room - TOY_HEADER)
            piece = room - TOY_HEADER;
        if (toy_emit(t, type, data + done, piece) < 0)
            return SESSILE_ERR_FAILED;
        done += piece;
    }
    toy_trace(t, 1, "DATA", done);
    return (int)done;
}

static int toy_send_end(struct toy *t)
{
    if (!t->sent_end) {
        t->sent_end = 1;
        if (toy_emit(t, TOY_END, NULL, 0) < 0)
            return SESSILE_ERR_FAILED;
        toy_trace(t, 1, "END", TOY_HEADER);
    }
    if (session_over(t->session))
        return SESSILE_ERR_CLOSED;
    if (t->got_end)
        session_finish(t->session);
    return SESSILE_OK;
}

static int toy_end_stream(sessile_stream *stream)
{
    struct toy *t = session_state(stream_session(stream));

    if (!t->ready)
        return SESSILE_ERR_MISUSE;
    return stream == t->stream ? toy_send_end(t) : SESSILE_OK;
}

static int toy_abort_stream(sessile_stream *stream)
{
    sessile_session *session = stream_session(stream);

    session_fail(session, SESSILE_ERR_ABORTED, "aborted by this side");
    outbox_clear(session);
    return SESSILE_OK;
}

static int toy_end(sessile_session *session, int detach)
{
    struct toy *t = session_state(session);

    if (session_over(session))
        return SESSILE_ERR_CLOSED;
    if (t->ready)
        return toy_send_end(t);
    if (detach)
        return SESSILE_ERR_MISUSE;
    session_fail(session, SESSILE_ERR_ABORTED, "ended by this side before it was ready");
    return SESSILE_OK;
}

/* ---- the end ---- */

static void toy_wire_gone(sessile_session *session, size_t left)
{
    struct toy *t = session_state(session);

    if (t->got_end)
        session_finish(session);
    else if (left)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed with %zu bytes left", left);
    else
        session_fail(session, SESSILE_ERR_DROPPED, "the wire closed between two units");
}

static int toy_stream_verdict(const sessile_stream *stream, int error)
{
    const struct toy *t = session_state(stream_session(stream));

    return t->got_end && (error == SESSILE_ERR_DROPPED || error == SESSILE_ERR_TRUNCATED) ? 0 : error;
}

static void toy_rest(sessile_session *session)
{
    struct toy *t = session_state(session);

    t->rests++;
}

static void toy_destroy(sessile_session *session)
{
    struct toy *t = session_state(session);

    if (t->destroyed)
        ++*t->destroyed;
    sessile_stream_free(t->stream);
    sessile_stream_free(t->second);
    mem_free(t);
}

static const struct engine toy_engine = {
    .name = "toy",
    .unit = toy_unit,
    .full = toy_full,
    .answered = toy_answered,
    .write = toy_write,
    .writable = toy_writable,
    .end_stream = toy_end_stream,
    .abort_stream = toy_abort_stream,
    .end = toy_end,
    .wire_gone = toy_wire_gone,
    .stream_verdict = toy_stream_verdict,
    .rest = toy_rest,
    .destroy = toy_destroy,
    .want_max = TOY_MAX,
    .single_stream = 1,
};

/* ---- the beginning ---- */

static struct toy *toy_new(sessile_session *session, int streams)
{
    struct toy *t = mem_zalloc(sizeof *t);

    if (!t)
        return NULL;
    t->session = session;
    if (session_set_engine(session, &toy_engine, t) < 0) {
        mem_free(t);
        return NULL;
    }
    t->stream = sessile_stream_keep(stream_new(session, NULL));
    if (streams == 2)
        t->second = sessile_stream_keep(stream_new(session, NULL));
    return t;
}

/* From here on the state belongs to the session, which is of no use where a part of it is missing. */
static int toy_begin(sessile_session *session, int role, sessile_callbacks *callbacks, void *app, int streams)
{
    struct guard g;
    struct toy *t;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    if (session_engine(session) || session_over(session))
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if (!(t = toy_new(session, streams)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    if (!t->stream || (streams == 2 && !t->second))
        return guard_leave(&g, session_fail(session, SESSILE_ERR_MEMORY, "no memory for a stream"));
    session_start(session, callbacks, app);
    session_need(session, TOY_HEADER);
    if (role == SESSILE_CLIENT)
        toy_emit(t, TOY_HELLO, NULL, 0);
    return guard_leave(&g, SESSILE_OK);
}

int toy_start(sessile_session *session, int role, sessile_callbacks *callbacks, void *app)
{
    return toy_begin(session, role, callbacks, app, 1);
}

int toy_start_two(sessile_session *session, int role, sessile_callbacks *callbacks, void *app)
{
    return toy_begin(session, role, callbacks, app, 2);
}

struct toy *toy_of(sessile_session *session)
{
    return session_state(session);
}

/* ---- for tests ---- */

void toy_add(struct toy_script *script, char type, const char *text)
{
    script->size += toy_put(script->data + script->size, type, text, strlen(text));
}

void toy_add_echo(struct toy_script *script, uint32_t size)
{
    script->size += toy_put_echo(script->data + script->size, size);
}

void toy_open(struct side *side, int role)
{
    memset(side, 0, sizeof *side);
    side_open(side, 0);
    toy_start(side->wire.session, role, side->callbacks, &side->recorder);
}

void toy_open_ready(struct side *side, int one_journal)
{
    memset(side, 0, sizeof *side);
    side_open(side, one_journal);
    toy_start(side->wire.session, SESSILE_SERVER, side->callbacks, &side->recorder);
    toy_arrive(side, TOY_HELLO, "");
    journal_free(&side->journal);
    journal_free(&side->wire_journal);
    side->wire.sent_size = 0;
    side->wire.sends = 0;
}

int toy_arrive(struct side *side, char type, const char *text)
{
    struct toy_script script = {.size = 0};

    toy_add(&script, type, text);
    return wire_arrive(&side->wire, script.data, script.size);
}
