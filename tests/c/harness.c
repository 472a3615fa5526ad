/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared parts of the session tests. Their own memory comes from malloc(), which no test makes fail. */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *need_memory(void *memory)
{
    if (!memory) {
        fputs("the test has no memory\n", stderr);
        abort();
    }
    return memory;
}

static void grow(uint8_t **data, size_t *capacity, size_t size)
{
    if (size <= *capacity)
        return;
    *capacity = size < 64 ? 64 : size * 2;
    *data = need_memory(realloc(*data, *capacity));
}

uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* ---- journal ---- */

void journal_add(struct journal *journal, const char *format, ...)
{
    char word[256];
    va_list arguments;
    int length;

    if (!journal)
        return;
    va_start(arguments, format);
    length = vsnprintf(word, sizeof word, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof word)
        length = (int)strlen(word);
    if (journal->size + (size_t)length + 2 > journal->capacity) {
        journal->capacity = (journal->size + (size_t)length + 2) * 2;
        journal->text = need_memory(realloc(journal->text, journal->capacity));
    }
    if (journal->size)
        journal->text[journal->size++] = ' ';
    memcpy(journal->text + journal->size, word, (size_t)length + 1);
    journal->size += (size_t)length;
}

const char *journal_text(const struct journal *journal)
{
    return journal->text ? journal->text : "";
}

void journal_free(struct journal *journal)
{
    free(journal->text);
    memset(journal, 0, sizeof *journal);
}

/* ---- wire: the comms callbacks ---- */

static void wire_fault(struct wire *wire, const char *fault)
{
    if (!wire->fault)
        wire->fault = fault;
}

static int wire_hook(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    return wire->hook ? wire->hook(wire, callback, buffer, size) : 0;
}

static void wire_check(struct wire *wire, const char *fault)
{
    if (wire->closes || wire->gone || wire->releases)
        wire_fault(wire, fault);
}

/* What the hook leads to must not write to the bytes that are lent to it. */
static int wire_hook_send(struct wire *wire, void *buffer, size_t size)
{
    void *copy = need_memory(malloc(size ? size : 1));
    int result;

    memcpy(copy, buffer, size);
    result = wire_hook(wire, "send", buffer, size);
    if (memcmp(copy, buffer, size) != 0)
        wire_fault(wire, "the bytes changed during send");
    free(copy);
    return result;
}

static int wire_send(void *handle, void *buffer, size_t size)
{
    struct wire *wire = handle;
    int result;

    wire_check(wire, "send after the end of the wire");
    if (wire->sending)
        wire_fault(wire, "send inside send");
    if (!size)
        wire_fault(wire, "send of nothing");
    wire->sends++;
    if (size > wire->largest)
        wire->largest = size;
    if (!wire->forget) {
        grow(&wire->sent, &wire->sent_capacity, wire->sent_size + size);
        memcpy(wire->sent + wire->sent_size, buffer, size);
    }
    wire->sent_size += size;
    journal_add(wire->journal, "send(%zu)", size);
    wire->sending = 1;
    result = wire_hook_send(wire, buffer, size);
    wire->sending = 0;
    memset(buffer, 0xee, size); /* the callee may overwrite */
    return result;
}

static void wire_closed(void *handle)
{
    struct wire *wire = handle;

    wire_check(wire, "close after the end of the wire");
    wire->closes++;
    journal_add(wire->journal, "close");
    wire_hook(wire, "close", NULL, 0);
}

static void wire_resume(void *handle)
{
    struct wire *wire = handle;

    if (wire->closes || wire->releases)
        wire_fault(wire, "resume after the end of the wire");
    wire->resumes++;
    journal_add(wire->journal, "resume");
    wire_hook(wire, "resume", NULL, 0);
    if (wire->session)
        wire_offer(wire);
}

static void wire_release(void *handle)
{
    struct wire *wire = handle;

    if (wire->releases)
        wire_fault(wire, "release twice");
    wire->releases++;
    journal_add(wire->journal, "release");
    wire_hook(wire, "release", NULL, 0);
    wire->session = NULL;
}

void wire_open(struct wire *wire, struct journal *journal)
{
    wire->journal = journal;
    wire->session = sessile_session_create(wire, wire_send, wire_closed);
    if (!wire->session)
        return;
    sessile_session_set_resume(wire->session, wire_resume);
    sessile_session_set_release(wire->session, wire_release);
}

/* ---- wire: offering ---- */

static int lend_and_receive(struct wire *wire, const uint8_t *bytes, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + page - 1) / page * page;
    uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *data;
    int taken;

    if (map == MAP_FAILED)
        need_memory(NULL);
    data = map + room - size;
    memcpy(data, bytes, size);
    mprotect(map, room, PROT_READ);
    mprotect(map + room, page, PROT_NONE);
    taken = sessile_session_receive(wire->session, data, size);
    munmap(map, room + page);
    return taken;
}

static int plain_receive(struct wire *wire, const uint8_t *bytes, size_t size)
{
    uint8_t *data = need_memory(malloc(size));
    int taken;

    memcpy(data, bytes, size);
    taken = sessile_session_receive(wire->session, data, size);
    free(data);
    return taken;
}

static int wire_receive(struct wire *wire, const uint8_t *data, size_t size)
{
    int taken = wire->plain ? plain_receive(wire, data, size) : lend_and_receive(wire, data, size);

    if (taken > 0 && (size_t)taken > size) {
        wire_fault(wire, "receive took more than it was offered");
        return 0;
    }
    return taken;
}

static void wire_drop(struct wire *wire, size_t at, size_t size)
{
    wire->kept_size -= size;
    memmove(wire->kept + at, wire->kept + at + size, wire->kept_size - at);
}

static int wire_offer_once(struct wire *wire)
{
    size_t offered = wire->kept_size;
    int taken;

    wire->nested = 0;
    wire->behind = 0;
    taken = wire_receive(wire, wire->kept, offered);
    if (taken >= 0 && wire->nested && (size_t)taken != offered)
        wire_fault(wire, "a nested receive came before what the outer one left");
    if (taken > 0)
        wire_drop(wire, 0, (size_t)taken);
    return taken;
}

int wire_offer(struct wire *wire)
{
    int taken = 0;

    if (wire->offering) {
        wire->again = 1;
        return 0;
    }
    wire->offering = 1;
    do {
        wire->again = 0;
        if (wire->session && wire->kept_size)
            taken = wire_offer_once(wire);
    } while (wire->again);
    wire->offering = 0;
    return taken;
}

static void wire_keep(struct wire *wire, const uint8_t *data, size_t size)
{
    grow(&wire->kept, &wire->kept_capacity, wire->kept_size + size);
    if (size)
        memcpy(wire->kept + wire->kept_size, data, size);
    wire->kept_size += size;
}

int wire_arrive(struct wire *wire, const void *data, size_t size)
{
    wire_keep(wire, data, size);
    wire->behind = 1;
    return wire_offer(wire);
}

int wire_arrive_nested(struct wire *wire, const void *data, size_t size)
{
    size_t at = wire->kept_size;
    int taken;

    if (!wire->offering || wire->behind || !size)
        return wire_arrive(wire, data, size);
    wire_keep(wire, data, size);
    wire->behind = 1; /* for what arrives inside this one */
    taken = wire_receive(wire, data, size);
    wire->behind = taken < 0 || (size_t)taken < size || wire->kept_size > at + size;
    if (taken > 0) {
        wire->nested = 1;
        wire_drop(wire, at, (size_t)taken);
    }
    return taken;
}

void wire_close(struct wire *wire)
{
    wire->gone = 1;
    if (wire->session)
        sessile_session_close(wire->session);
}

const char *wire_done(struct wire *wire)
{
    const char *fault;
    int had_session = wire->session != NULL;

    sessile_session_free(wire->session);
    if (had_session && !wire->releases)
        wire_fault(wire, "no release");
    fault = wire->fault;
    free(wire->sent);
    free(wire->kept);
    memset(wire, 0, sizeof *wire);
    return fault;
}

void wire_feed(struct wire *wire, const void *data, size_t size, const struct feeding *feeding)
{
    const uint8_t *at = data;
    uint32_t seed = feeding->seed ? feeding->seed : 1;
    size_t step = size;

    for (size_t done = 0; done < size && wire->session; done += step) {
        if (feeding->way == FEED_BYTES)
            step = 1;
        else if (feeding->way == FEED_SPLIT)
            step = done ? size - done : feeding->split ? feeding->split : size;
        else if (feeding->way == FEED_RANDOM)
            step = 1 + random_next(&seed) % 40;
        if (step > size - done)
            step = size - done;
        wire_arrive(wire, at + done, step);
    }
}

/* ---- recorder ---- */

static int recorder_hook(struct recorder *r, const char *callback)
{
    return r->hook ? r->hook(r, callback) : 0;
}

static void recorder_check(struct recorder *r)
{
    if (r->closed && !r->fault)
        r->fault = "a callback after closed";
}

static int on_ready(sessile_session *session, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->session = session;
    journal_add(r->journal, "ready");
    return recorder_hook(r, "ready");
}

static int on_question(sessile_question *question, void *app)
{
    struct recorder *r = app;
    const void *text;
    size_t size;

    recorder_check(r);
    sessile_question_get(question, 1, 0, &text, &size);
    r->question = question;
    journal_add(r->journal, "question(%d,%zu)", sessile_question_kind(question), size);
    if (r->answer == ANSWER_ACCEPT)
        sessile_question_accept(question);
    else if (r->answer == ANSWER_REFUSE)
        sessile_question_refuse(question, 42);
    else if (r->answer == ANSWER_KEEP)
        r->question = sessile_question_keep(question);
    return recorder_hook(r, "question");
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    journal_add(r->journal, "withdrawn(%d)", sessile_question_kind(question));
    return recorder_hook(r, "withdrawn");
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct recorder *r = app;

    (void)data;
    recorder_check(r);
    r->session = session;
    journal_add(r->journal, "notice(%d,%zu)", kind, size);
    return recorder_hook(r, "notice");
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    grow(&r->data, &r->capacity, r->size + size);
    memcpy(r->data + r->size, data, size);
    r->size += size;
    journal_add(r->journal, "data(%zu)", size);
    return recorder_hook(r, "data");
}

static int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct recorder *r = app;

    (void)data;
    recorder_check(r);
    r->stream = stream;
    journal_add(r->journal, "stderr(%zu)", size);
    return recorder_hook(r, "stderr");
}

static int on_stream(sessile_stream *stream, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    journal_add(r->journal, "stream");
    return recorder_hook(r, "stream");
}

static int on_request(sessile_stream *stream, int request, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    journal_add(r->journal, "request(%d)", request);
    return recorder_hook(r, "request");
}

static int on_end(sessile_stream *stream, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    journal_add(r->journal, "end");
    return recorder_hook(r, "end");
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    journal_add(r->journal, "writable");
    return recorder_hook(r, "writable");
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->stream = stream;
    r->streams_closed++;
    journal_add(r->journal, "stream_closed(%s)", sessile_error_name(error));
    recorder_hook(r, "stream_closed");
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct recorder *r = app;

    recorder_check(r);
    r->session = session;
    r->closed++;
    r->error = error;
    journal_add(r->journal, "closed(%s)", sessile_error_name(error));
    recorder_hook(r, "closed");
}

void recorder_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                    void *app)
{
    struct recorder *r = app;

    r->session = session;
    journal_add(r->journal, "%c%s(%zu,%s)", direction ? '>' : '<', message, size, phase);
    recorder_hook(r, "trace");
}

sessile_callbacks *recorder_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    if (!callbacks)
        return NULL;
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_stream(callbacks, on_stream);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_stderr(callbacks, on_stderr);
    sessile_callbacks_set_request(callbacks, on_request);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

void recorder_free(struct recorder *r)
{
    free(r->data);
    r->data = NULL;
}

/* ---- side ---- */

void side_open(struct side *side, int one_journal)
{
    wire_open(&side->wire, one_journal ? &side->journal : &side->wire_journal);
    side->recorder.journal = &side->journal;
    side->callbacks = recorder_callbacks();
}

const char *side_done(struct side *side)
{
    const char *wire_says = wire_done(&side->wire);
    const char *recorder_says = side->recorder.fault;

    sessile_callbacks_free(side->callbacks);
    recorder_free(&side->recorder);
    journal_free(&side->journal);
    journal_free(&side->wire_journal);
    return wire_says ? wire_says : recorder_says;
}
