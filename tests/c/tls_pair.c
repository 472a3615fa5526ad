/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire: bytes are appended by send and shown by pair_run(). An offer that was not all taken is repeated when more
 * is shown or when resume has asked for it, never otherwise: a session that forgets to ask stands still, and its test
 * fails. */
#include "tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_configs.h"

void bytes_add(struct tls_bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
    }
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_clear(struct tls_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

__attribute__((format(printf, 2, 3))) static void note(char *log, const char *format, ...)
{
    size_t used = strlen(log);
    va_list arguments;

    if (used && used + 1 < PAIR_LOG)
        log[used++] = ' ';
    va_start(arguments, format);
    vsnprintf(log + used, PAIR_LOG - used, format, arguments);
    va_end(arguments);
}

static int call_hook(struct tls_end *end, enum event event)
{
    return end->hook ? end->hook(end, event) : 0;
}

/* ---- the comms layer ---- */

static int on_send(void *handle, void *buffer, size_t size)
{
    struct tls_end *end = handle;
    struct tls_pair *pair = end->pair;
    size_t start = end->peer->wire.size;

    assert_false(end->sending);
    assert_false(end->comm_closed || end->released || end->eof);
    assert_true(size > 0);
    if (end->send_fails)
        return -1;
    end->peer->last = start;
    bytes_add(&end->peer->wire, buffer, size);
    if (pair->flip && end->peer->role == pair->flip_role && pair->flip_at >= start && pair->flip_at - start < size)
        end->peer->wire.data[pair->flip_at] ^= pair->flip;
    memset(buffer, 0xee, size); /* the callee may */
    if (end->flights < PAIR_FLIGHTS)
        end->flight_sizes[end->flights] = size;
    end->flights++;
    end->sending = 1;
    call_hook(end, EVENT_SEND);
    end->sending = 0;
    return 0;
}

static void on_comm_close(void *handle)
{
    struct tls_end *end = handle;

    assert_false(end->comm_closed || end->eof || end->closed || end->stream_closed || end->released);
    assert_true(!end->sending || !end->session); /* only freeing is as immediate as that */
    end->comm_closed = 1;
    note(end->log, "comm_close");
}

static void on_resume(void *handle)
{
    struct tls_end *end = handle;

    assert_false(end->comm_closed || end->released || end->sending);
    end->again = 1;
    call_hook(end, EVENT_RESUME);
}

static void on_release(void *handle)
{
    struct tls_end *end = handle;

    assert_false(end->released);
    end->released = 1;
}

/* ---- the application ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct tls_end *end = app;

    assert_ptr_equal(session, end->session);
    assert_false(end->ready || end->closed);
    end->ready = 1;
    note(end->log, "ready");
    return call_hook(end, EVENT_READY);
}

static void answer_now(struct tls_end *end, sessile_question *question)
{
    if (end->answer == ANSWER_ACCEPT)
        sessile_question_accept(question);
    else if (end->answer == ANSWER_REFUSE)
        sessile_question_refuse(question, end->reason);
    else if (end->answer == ANSWER_DROP)
        sessile_question_free(sessile_question_keep(question));
    if (end->answer == ANSWER_KEEP)
        end->question = sessile_question_keep(question);
    else
        end->question = NULL;
}

static int on_question(sessile_question *question, void *app)
{
    struct tls_end *end = app;
    int result;

    assert_true(end->session && !end->closed);
    end->questions++;
    end->question = question;
    note(end->log, "question:%d", sessile_question_kind(question));
    result = call_hook(end, EVENT_QUESTION);
    if (end->question == question)
        answer_now(end, question);
    return result;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct tls_end *end = app;

    assert_non_null(end->session);
    assert_ptr_equal(question, end->question);
    end->withdrawn++;
    note(end->log, "withdrawn");
    return call_hook(end, EVENT_WITHDRAWN);
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct tls_end *end = app;

    assert_ptr_equal(session, end->session);
    if (kind == SESSILE_NOTICE_TLS_TICKET) {
        end->tickets++;
        bytes_clear(&end->ticket);
        bytes_add(&end->ticket, data, size);
        note(end->log, "ticket");
    } else {
        bytes_add(&end->keys, data, size);
        bytes_add(&end->keys, "\n", 1);
    }
    return call_hook(end, EVENT_NOTICE);
}

static void write_pending(struct tls_end *end)
{
    int taken = 0;

    while (end->session && end->pending.size) {
        taken = sessile_stream_write(end->stream, end->pending.data, end->pending.size);
        if (taken <= 0)
            return;
        end->pending.size -= (size_t)taken;
        memmove(end->pending.data, end->pending.data + taken, end->pending.size);
    }
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct tls_end *end = app;

    assert_true(end->session && end->ready && !end->ended && !end->closed && size > 0);
    assert_ptr_equal(stream, end->stream);
    bytes_add(&end->data, data, size);
    note(end->log, "data:%zu", size);
    if (end->echo)
        end_write(end, data, size);
    return call_hook(end, EVENT_DATA);
}

static int on_end(sessile_stream *stream, void *app)
{
    struct tls_end *end = app;

    assert_ptr_equal(stream, end->stream);
    assert_false(!end->session || end->ended || end->closed);
    end->ended = 1;
    note(end->log, "end");
    return call_hook(end, EVENT_END);
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct tls_end *end = app;

    assert_ptr_equal(stream, end->stream);
    assert_non_null(end->session);
    end->writable++;
    write_pending(end);
    return call_hook(end, EVENT_WRITABLE);
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct tls_end *end = app;

    assert_true(!end->stream || stream == end->stream);
    assert_false(!end->session || end->stream_closed || end->closed);
    end->stream_closed = 1;
    end->stream_error = error;
    note(end->log, "stream_closed:%s", sessile_error_name(error));
    call_hook(end, EVENT_STREAM_CLOSED);
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct tls_end *end = app;

    assert_ptr_equal(session, end->session);
    assert_true(end->stream_closed && !end->closed);
    end->closed = 1;
    end->error = error;
    assert_int_equal(sessile_session_error(session), error);
    note(end->log, "closed:%s", sessile_error_name(error));
    call_hook(end, EVENT_CLOSED);
}

static void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                     void *app)
{
    struct tls_end *end = app;

    (void)size, (void)phase;
    assert_ptr_equal(session, end->session);
    if (direction || strcmp(message, "change_cipher_spec") != 0) /* not every libssl tells of one that arrives */
        note(end->trace, "%c%s", direction ? '>' : '<', message);
    call_hook(end, EVENT_TRACE);
}

static sessile_callbacks *make_callbacks(const struct tls_end *end)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    if (!callbacks)
        return NULL;
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, end->no_question ? NULL : on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_data(callbacks, end->no_data ? NULL : on_data);
    sessile_callbacks_set_end(callbacks, end->no_end ? NULL : on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

/* ---- a pair's life ---- */

void pair_init(struct tls_pair *pair, sessile_tls_config *client, sessile_tls_config *server)
{
    memset(pair, 0, sizeof *pair);
    pair->client_config = client;
    pair->server_config = server;
    pair->host = HOST;
    pair->client.pair = pair->server.pair = pair;
    pair->client.peer = &pair->server;
    pair->server.peer = &pair->client;
    pair->client.role = SESSILE_CLIENT;
    pair->server.role = SESSILE_SERVER;
}

static int end_prepare(struct tls_end *end, int64_t time)
{
    int result = SESSILE_OK;

    end->session = sessile_session_create(end, on_send, on_comm_close);
    if (!end->session)
        return SESSILE_ERR_MEMORY;
    sessile_session_set_release(end->session, on_release);
    if (!end->no_resume)
        sessile_session_set_resume(end->session, on_resume);
    if (time)
        sessile_session_set_time(end->session, time);
    if (end->traced)
        result = sessile_session_set_trace(end->session, on_trace, end);
    if (result == SESSILE_OK && end->keylog)
        result = sessile_tls_insecure_keylog(end->session, 1);
    return result < 0 ? result : sessile_session_set_counters(end->session, 1);
}

static int end_begin(struct tls_end *end)
{
    struct tls_pair *pair = end->pair;
    sessile_callbacks *callbacks = make_callbacks(end);
    int result = callbacks ? SESSILE_OK : SESSILE_ERR_MEMORY;

    if (result == SESSILE_OK && end->role == SESSILE_CLIENT && pair->ticket)
        result = sessile_tls_resume(end->session, pair->ticket, pair->ticket_size);
    if (result == SESSILE_OK)
        result = end->role == SESSILE_CLIENT
                     ? sessile_tls_connect(end->session, pair->client_config, pair->host, callbacks, end)
                     : sessile_tls_accept(end->session, pair->server_config, callbacks, end);
    sessile_callbacks_free(callbacks);
    if (end->session)
        end->stream = sessile_stream_keep(sessile_session_stream(end->session));
    end->started = result;
    return result;
}

int pair_start(struct tls_pair *pair)
{
    int result = SESSILE_OK;

    if (pair->client_config)
        result = end_prepare(&pair->client, pair->time);
    if (result == SESSILE_OK && pair->server_config)
        result = end_prepare(&pair->server, pair->server_time);
    if (result == SESSILE_OK && pair->server_config)
        result = end_begin(&pair->server);
    if (result == SESSILE_OK && pair->client_config)
        result = end_begin(&pair->client);
    return result;
}

static void end_free(struct tls_end *end)
{
    end_free_session(end);
    sessile_stream_free(end->stream);
    bytes_clear(&end->wire);
    bytes_clear(&end->data);
    bytes_clear(&end->pending);
    bytes_clear(&end->ticket);
    bytes_clear(&end->keys);
}

void pair_free(struct tls_pair *pair)
{
    end_free(&pair->client);
    end_free(&pair->server);
}

void pair_open(struct tls_pair *pair, sessile_tls_config *client, sessile_tls_config *server)
{
    pair_init(pair, client, server);
    assert_int_equal(pair_start(pair), SESSILE_OK);
    pair_run(pair);
    assert_ready(pair);
}

int pair_ready(const struct tls_pair *pair)
{
    return pair->client.ready && pair->server.ready;
}

/* ---- moving bytes ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static size_t wire_show(struct tls_end *end)
{
    struct tls_pair *pair = end->pair;
    size_t hidden = end->wire.size - end->shown;
    size_t more = hidden;

    if (pair->policy == WIRE_BYTES && more)
        more = 1;
    else if (pair->policy == WIRE_RANDOM && more)
        more = next_random(&pair->seed) % 3 ? 1 + next_random(&pair->seed) % more : 0;
    else if (pair->policy == WIRE_CUT && pair->cut_role == end->role && end->shown < pair->cut)
        more = pair->cut - end->shown < more ? pair->cut - end->shown : more;
    else if (pair->policy == WIRE_FLIGHTS && end->shown < end->last + pair->cut)
        more = end->last + pair->cut - end->shown < more ? end->last + pair->cut - end->shown : more;
    end->shown += more;
    return hidden;
}

static void end_offer(struct tls_end *end)
{
    size_t size = end->shown - end->taken;
    size_t want = sessile_session_want(end->session);
    uint8_t *copy = malloc(size ? size : 1);
    int taken;

    assert_non_null(copy);
    memcpy(copy, end->wire.data + end->taken, size);
    taken = sessile_session_receive(end->session, copy, size);
    assert_memory_equal(copy, end->wire.data + end->taken, size);
    free(copy);
    assert_true(taken >= -1 && taken <= (int)size);
    if (want == 0 || size < want)
        assert_true(taken <= 0);
    if (taken < 0)
        end->refusing = 1;
    else
        end->taken += (size_t)taken;
}

static int end_move(struct tls_end *end)
{
    size_t hidden;

    if (!end->session || end->started < 0 || end->refusing || end->eof)
        return 0;
    hidden = wire_show(end);
    if (!hidden && !end->again)
        return 0;
    end->again = 0;
    if (end->shown > end->taken && !end->comm_closed)
        end_offer(end);
    return 1;
}

static int end_move_eof(struct tls_end *end)
{
    if (!end->session || end->pair->no_eof || end->eof || end->comm_closed || !end->peer->comm_closed)
        return 0;
    end_wire_gone(end);
    return 1;
}

void pair_run(struct tls_pair *pair)
{
    int moved;

    do {
        moved = end_move(&pair->server);
        moved |= end_move(&pair->client);
        if (!moved)
            moved = end_move_eof(&pair->server) || end_move_eof(&pair->client);
    } while (moved);
}

void end_write(struct tls_end *end, const void *data, size_t size)
{
    bytes_add(&end->pending, data, size);
    write_pending(end);
}

void end_inject(struct tls_end *end, const void *data, size_t size)
{
    bytes_add(&end->wire, data, size);
}

void end_wire_gone(struct tls_end *end)
{
    end->eof = 1;
    sessile_session_close(end->session);
}

void end_free_session(struct tls_end *end)
{
    sessile_session *session = end->session;

    end->session = NULL; /* no callback of the application's may follow */
    sessile_session_free(session);
}

int end_got(struct tls_end *end, const char *text)
{
    int same = end->data.size == strlen(text) && !memcmp(end->data.data, text, end->data.size);

    end->data.size = 0;
    return same;
}

int end_accept(struct tls_end *end)
{
    sessile_question *question = end->question;
    int result;

    end->question = NULL;
    result = sessile_question_accept(question);
    sessile_question_free(question);
    return result;
}

int end_refuse(struct tls_end *end, int reason)
{
    sessile_question *question = end->question;
    int result;

    end->question = NULL;
    result = sessile_question_refuse(question, reason);
    sessile_question_free(question);
    return result;
}

/* ---- saying what went wrong ---- */

static void end_describe(const struct tls_end *end, const char *name)
{
    print_error("%s: %s | %s\n", name, end->log, end->session ? sessile_session_error_text(end->session) : "(freed)");
}

void pair_assert_ready(const struct tls_pair *pair, const char *file, int line)
{
    if (pair_ready(pair) && !pair->client.closed && !pair->server.closed)
        return;
    end_describe(&pair->client, "client");
    end_describe(&pair->server, "server");
    _assert_true(0, "both are ready", file, line);
}

void end_assert_failed(struct tls_end *end, int code, const char *file, int line)
{
    uint8_t byte = 0;
    int as_told = end->closed == 1 && end->error == code && sessile_session_error(end->session) == code;
    int refuses = sessile_session_receive(end->session, &byte, 1) == -1 &&
                  sessile_stream_write(end->stream, &byte, 1) < 0 && sessile_stream_end(end->stream) < 0 &&
                  sessile_session_end(end->session) == SESSILE_ERR_CLOSED &&
                  sessile_tls_key_update(end->session, 1) < 0 && sessile_session_want(end->session) == 0 &&
                  sessile_session_error(end->session) == code && *sessile_session_error_text(end->session);

    if (!as_told || !refuses)
        end_describe(end, end->role == SESSILE_CLIENT ? "client" : "server");
    _assert_true((LargestIntegralType)as_told, "it has failed with the code", file, line);
    _assert_true((LargestIntegralType)refuses, "the failure sticks", file, line);
}

void text_assert_contains(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    print_error("'%s' is not in '%s'\n", part, text);
    _assert_true(0, "the text contains it", file, line);
}
