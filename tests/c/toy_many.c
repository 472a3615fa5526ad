/* SPDX-License-Identifier: Apache-2.0
 *
 * The toy engine with many streams. It relies on what the core promises: after a callback it goes on with a stream's
 * state although the stream may have been closed in it. */
#include "toy_many.h"

#include <string.h>

#include "codec/reader.h"
#include "session/engine.h"
#include "session/guard.h"
#include "session/memory.h"

#define PIECE 16384
#define PUTS ((uint64_t)1 << MANY_ITEM_NOTE | (uint64_t)1 << MANY_ITEM_OTHER)

static const struct question_kind many_kinds[] = {
    {MANY_QUESTION_OPEN, 0, PUTS},
    {MANY_QUESTION_ASK, 0, PUTS},
    {MANY_QUESTION_BLOCK, 1, PUTS},
};

size_t many_put(uint8_t *out, char type, uint32_t number, const void *data, size_t size)
{
    const uint8_t name[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    toy_put(out, type, name, sizeof name);
    out[1] = (uint8_t)((size + 4) >> 8);
    out[2] = (uint8_t)(size + 4);
    if (size)
        memmove(out + MANY_HEADER, data, size);
    return MANY_HEADER + size;
}

static int many_emit(struct many *m, char type, uint32_t number, const void *data, size_t size)
{
    uint8_t *room = outbox_extend(m->session, MANY_HEADER + size);

    if (!room)
        return session_fail(m->session, SESSILE_ERR_MEMORY, "no memory for a unit of %zu bytes", size);
    many_put(room, type, number, data, size);
    return SESSILE_OK;
}

/* ---- streams ---- */

static int many_make_room(struct many *m, uint32_t number)
{
    size_t capacity = m->capacity ? m->capacity : 8;
    struct many_stream **streams;

    while (capacity <= number)
        capacity *= 2;
    if (capacity == m->capacity)
        return 0;
    if (!(streams = mem_realloc(m->streams, capacity * sizeof(struct many_stream *))))
        return -1;
    memset(streams + m->capacity, 0, (capacity - m->capacity) * sizeof(struct many_stream *));
    m->streams = streams;
    m->capacity = capacity;
    return 0;
}

static struct many_stream *many_add_stream(struct many *m, uint32_t number, size_t window)
{
    struct many_stream *c = many_make_room(m, number) < 0 ? NULL : mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->many = m;
    c->number = number;
    c->window = window;
    if (!(c->stream = stream_new(m->session, c))) {
        mem_free(c);
        return NULL;
    }
    m->streams[number] = c;
    if (number >= m->count)
        m->count = (size_t)number + 1;
    return c;
}

static void many_close(struct many_stream *c, int error, int told)
{
    c->many->streams[c->number] = NULL;
    stream_close(c->stream, error, told);
}

static void many_stream_destroy(void *state)
{
    struct many_stream *c = state;

    ++*c->many->destroyed;
    mem_wipe_free(c, sizeof *c);
}

/* ---- in: a handler for each type ---- */

static void many_question(struct many_stream *c, struct reader *r, int kind, const char *name)
{
    sessile_question *question = question_new(c->many->session, &many_kinds[kind - MANY_QUESTION_OPEN], c->stream);

    c->many->asking = c->stream;
    c->many->asking_kind = kind;
    c->question = question;
    question_add(question, MANY_ITEM_TEXT, r->data, r->left);
    question_add_number(question, MANY_ITEM_NUMBER, c->number);
    question_add_text(question, MANY_ITEM_NAME, name);
    question_set_note(question, (uintptr_t)c);
    session_ask(c->many->session, question);
}

static void many_on_open(struct many *m, uint32_t number, struct reader *r)
{
    struct many_stream *c = number < m->count && m->streams[number] ? NULL : many_add_stream(m, number, 0);

    if (!c) {
        many_emit(m, MANY_NO, number, "", 1);
        return;
    }
    stream_set_unseen(c->stream);
    many_question(c, r, MANY_QUESTION_OPEN, "OPEN");
}

static void many_on_data(struct many_stream *c, struct reader *r)
{
    int manual = stream_manual(c->stream);

    if (r->left && stream_deliver(c->stream, r->data, r->left) == SESSILE_OK && !manual)
        c->automatic += r->left;
}

static void many_on_stderr(struct many_stream *c, struct reader *r)
{
    int manual = stream_manual(c->stream);

    if (r->left && stream_deliver_stderr(c->stream, r->data, r->left) == SESSILE_OK && !manual)
        c->automatic += r->left;
}

static void many_on_end(struct many_stream *c, struct reader *r)
{
    (void)r;
    stream_deliver_end(c->stream);
}

static void many_on_close(struct many_stream *c, struct reader *r)
{
    (void)r;
    many_close(c, SESSILE_OK, 1);
}

static void many_on_lose(struct many_stream *c, struct reader *r)
{
    (void)r;
    many_close(c, SESSILE_OK, 0);
}

static void many_on_grant(struct many_stream *c, struct reader *r)
{
    c->window += r->left;
    stream_unblocked(c->stream);
}

static void many_on_request(struct many_stream *c, struct reader *r)
{
    stream_call_request(c->stream, get_u8(r));
}

static void many_on_ask(struct many_stream *c, struct reader *r)
{
    many_question(c, r, MANY_QUESTION_ASK, "ASK");
}

static void many_on_block(struct many_stream *c, struct reader *r)
{
    many_question(c, r, MANY_QUESTION_BLOCK, "BLOCK");
}

static void many_on_withdraw(struct many_stream *c, struct reader *r)
{
    sessile_question *question = c->question;

    (void)r;
    c->question = NULL;
    question_withdraw(question);
}

static const struct {
    char type;
    void (*handle)(struct many_stream *c, struct reader *r);
} many_units[] = {
    {MANY_DATA, many_on_data},       {MANY_STDERR, many_on_stderr}, {MANY_END, many_on_end},
    {MANY_CLOSE, many_on_close},     {MANY_LOSE, many_on_lose},     {MANY_GRANT, many_on_grant},
    {MANY_REQUEST, many_on_request}, {MANY_ASK, many_on_ask},       {MANY_WITHDRAW, many_on_withdraw},
    {MANY_BLOCK, many_on_block},
};

static void many_handle(struct many *m, char type, uint32_t number, struct reader *r)
{
    struct many_stream *c = number < m->count ? m->streams[number] : NULL;

    if (type == MANY_OPEN)
        many_on_open(m, number, r);
    for (size_t i = 0; c && i < sizeof many_units / sizeof many_units[0]; i++)
        if (many_units[i].type == type) {
            many_units[i].handle(c, r);
            return;
        }
}

static int many_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    struct many *m = session_state(session);
    struct reader unit = reader_of(data, size);
    struct reader payload;
    uint32_t number;
    char type;

    session_need(session, TOY_HEADER);
    if (size < TOY_HEADER)
        return 0;
    type = (char)get_u8(&unit);
    payload = get_sub16(&unit);
    if (unit.failed) {
        session_need(session, TOY_HEADER + (size_t)(data[1] << 8 | data[2]));
        return 0;
    }
    size = TOY_HEADER + payload.left;
    number = get_u32(&payload);
    if (payload.failed || number > 1000000)
        return session_fail(session, SESSILE_ERR_PROTOCOL, "a unit without a stream's number");
    many_handle(m, type, number, &payload);
    return (int)size;
}

static int many_full(const sessile_session *session)
{
    (void)session;
    return 0;
}

/* ---- answers ---- */

static void many_send_yes(struct many_stream *c, const sessile_question *question)
{
    char notes[2048];
    size_t used = 0;
    size_t size;

    for (size_t i = 0; i < question_given_count(question, MANY_ITEM_NOTE); i++) {
        const void *note = question_given_at(question, MANY_ITEM_NOTE, i, &size);

        if (size + 1 > sizeof notes - used)
            break;
        memcpy(notes + used, note, size);
        notes[used + size] = ',';
        used += size + 1;
    }
    many_emit(c->many, MANY_YES, c->number, notes, used);
}

static void many_answered(sessile_session *session, sessile_question *question)
{
    struct many *m = session_state(session);
    struct many_stream *c = stream_state(question ? question_stream(question) : m->asking);
    int opens = (question ? sessile_question_kind(question) : m->asking_kind) == MANY_QUESTION_OPEN;
    uint8_t reason = (uint8_t)question_reason(question);

    m->answers++;
    if (question && question_note(question) != (uintptr_t)c)
        session_fail(session, SESSILE_ERR_FAILED, "a question has lost its note");
    if (c->question == question)
        c->question = NULL;
    if (question_outcome(question) == QUESTION_ACCEPTED) {
        many_send_yes(c, question);
        if (opens)
            session_call_stream(c->stream);
        return;
    }
    many_emit(m, MANY_NO, c->number, &reason, 1);
    if (opens)
        many_close(c, SESSILE_ERR_REFUSED, 0);
}

/* ---- out ---- */

static int many_writable(const sessile_stream *stream)
{
    const struct many_stream *c = stream_state(stream);

    c->many->looks++;
    if (c->many->waits)
        return ENGINE_WAITS;
    return c->window ? ENGINE_WRITABLE : ENGINE_BLOCKED;
}

static int many_write(sessile_stream *stream, int flow, const uint8_t *data, size_t size)
{
    struct many_stream *c = stream_state(stream);
    char type = flow == STREAM_STDERR ? MANY_STDERR : MANY_DATA;
    size_t done = 0;
    size_t room;

    while (done < size && c->window && (room = outbox_room(c->many->session)) > MANY_HEADER) {
        size_t piece = size - done < PIECE ? size - done : PIECE;

        piece = piece < c->window ? piece : c->window;
        piece = piece < room - MANY_HEADER ? piece : room - MANY_HEADER;
        if (many_emit(c->many, type, c->number, data + done, piece) < 0)
            return SESSILE_ERR_FAILED;
        c->window -= piece;
        done += piece;
    }
    return (int)done;
}

static int many_end_stream(sessile_stream *stream)
{
    struct many_stream *c = stream_state(stream);

    return many_emit(c->many, MANY_END, c->number, NULL, 0);
}

static int many_abort_stream(sessile_stream *stream)
{
    struct many_stream *c = stream_state(stream);

    if (many_emit(c->many, MANY_CLOSE, c->number, NULL, 0) < 0)
        return SESSILE_ERR_FAILED;
    many_close(c, SESSILE_ERR_ABORTED, 1);
    c->window = 0;
    return SESSILE_OK;
}

static void many_consumed(sessile_stream *stream, size_t size)
{
    struct many_stream *c = stream_state(stream);
    uint8_t number[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};

    c->consumed += size;
    many_emit(c->many, MANY_CONSUMED, c->number, number, sizeof number);
}

static void many_held(sessile_session *session, int on)
{
    struct many *m = session_state(session);

    m->helds++;
    m->held = on;
}

/* ---- the end ---- */

static int many_end(sessile_session *session, int detach)
{
    (void)detach;
    session_finish(session);
    return SESSILE_OK;
}

static void many_wire_gone(sessile_session *session, size_t left)
{
    if (left)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed with %zu bytes left", left);
    else
        session_finish(session);
}

static int many_stream_verdict(const sessile_stream *stream, int error)
{
    const struct many_stream *c = stream_state(stream);

    c->many->verdicts++;
    return error;
}

static void many_rest(sessile_session *session)
{
    (void)session;
}

static void many_destroy(sessile_session *session)
{
    struct many *m = session_state(session);

    mem_free(m->streams);
    mem_free(m);
}

static const struct engine many_engine = {
    .name = "many",
    .unit = many_unit,
    .full = many_full,
    .answered = many_answered,
    .write = many_write,
    .writable = many_writable,
    .end_stream = many_end_stream,
    .abort_stream = many_abort_stream,
    .consumed = many_consumed,
    .held = many_held,
    .stream_destroy = many_stream_destroy,
    .end = many_end,
    .wire_gone = many_wire_gone,
    .stream_verdict = many_stream_verdict,
    .rest = many_rest,
    .destroy = many_destroy,
    .want_max = TOY_MAX,
};

/* ---- for tests ---- */

int many_start(sessile_session *session, sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct many *m;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    if (!(m = mem_zalloc(sizeof *m)))
        return guard_leave(&g, SESSILE_ERR_MEMORY);
    m->session = session;
    m->destroyed = &m->destroyed_here;
    if ((result = session_set_engine(session, &many_engine, m)) < 0) {
        mem_free(m);
        return guard_leave(&g, result);
    }
    session_start(session, callbacks, app);
    session_need(session, TOY_HEADER);
    return guard_leave(&g, SESSILE_OK);
}

struct many *many_of(sessile_session *session)
{
    return session_state(session);
}

sessile_stream *many_open(sessile_session *session, size_t window)
{
    struct guard g;
    struct many_stream *c;
    struct many *m;

    if (guard_enter_live(&g, session) < 0)
        return NULL;
    m = session_state(session);
    c = many_add_stream(m, (uint32_t)m->count, window);
    guard_leave(&g, 0);
    return c ? c->stream : NULL;
}

struct many_stream *many_stream_of(sessile_stream *stream)
{
    return stream_state(stream);
}

int many_write_stderr(sessile_stream *stream, const void *data, size_t size)
{
    return stream_write_flow(stream, STREAM_STDERR, data, size);
}

void many_add(struct toy_script *script, char type, uint32_t number, const char *text)
{
    script->size += many_put(script->data + script->size, type, number, text, strlen(text));
}

void many_side(struct side *side, int one_journal)
{
    memset(side, 0, sizeof *side);
    side_open(side, one_journal);
    many_start(side->wire.session, side->callbacks, &side->recorder);
}

void many_side_with(struct side *side, sessile_stream **streams, size_t count, size_t window)
{
    many_side(side, 1);
    side->recorder.hook = many_note;
    for (size_t i = 0; i < count; i++)
        streams[i] = need_memory(many_open(side->wire.session, window));
}

int many_note(struct recorder *recorder, const char *callback)
{
    static const char *const about_streams[] = {"stream",   "data", "stderr",       "request",
                                                "writable", "end",  "stream_closed"};

    for (size_t i = 0; i < sizeof about_streams / sizeof about_streams[0]; i++)
        if (strcmp(callback, about_streams[i]) == 0)
            journal_add(recorder->journal, "#%u", (unsigned)many_stream_of(recorder->stream)->number);
    return 0;
}

int many_arrive(struct side *side, char type, uint32_t number, const char *text)
{
    struct toy_script script = {.size = 0};

    many_add(&script, type, number, text);
    return wire_arrive(&side->wire, script.data, script.size);
}

int many_grant(struct side *side, uint32_t number, size_t size)
{
    static uint8_t unit[TOY_MAX];
    int taken = 0;

    for (size_t piece; size; size -= piece) {
        piece = size < 60000 ? size : 60000;
        taken = wire_arrive(&side->wire, unit, many_put(unit, MANY_GRANT, number, unit + MANY_HEADER, piece));
    }
    return taken;
}
