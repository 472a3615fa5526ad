/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw targets' comms layer and application. Held to here: receive takes what it was offered and no more, keeps and
 * changes none of it, is -1 exactly where the session has failed; closed comes once and last.
 */
#include "feed.h"

#include <string.h>

#define ITEMS 48 /* SESSILE_ITEM_*, and what is none */

static int on_send(void *handle, void *buffer, size_t size)
{
    struct feed *feed = handle;

    expect(size && !feed->wire_closed);
    memset(buffer, 0xcc, size);
    return 0;
}

static void on_comm_close(void *handle)
{
    struct feed *feed = handle;

    expect(!feed->wire_closed);
    feed->wire_closed = 1;
}

static void on_resume(void *handle)
{
    struct feed *feed = handle;

    expect(!feed->wire_closed && !feed->closed);
    feed->resumed = 1;
}

static void read_items(sessile_question *question)
{
    const void *data;
    size_t size;

    for (int item = 0; item < ITEMS; item++)
        for (size_t i = 0; i < sessile_question_count(question, item); i++) {
            expect(sessile_question_get(question, item, i, &data, &size) == 0);
            expect(((const uint8_t *)data)[size] == 0);
        }
    expect(sessile_question_get(question, ITEMS, 0, &data, &size) == SESSILE_ERR_ARGUMENT);
}

static void give_alpn(sessile_question *question)
{
    const void *data;
    size_t size;

    if (sessile_question_get(question, SESSILE_ITEM_ALPN, 0, &data, &size) == 0)
        expect(sessile_question_put(question, SESSILE_ITEM_ALPN, data, size) == 0);
}

static void answer(struct feed *feed, sessile_question *question)
{
    if (sessile_question_kind(question) == SESSILE_QUESTION_TLS_HELLO && feed->answers & FEED_ALPN)
        give_alpn(question);
    if (sessile_question_kind(question) == SESSILE_QUESTION_TLS_HELLO && feed->answers & FEED_CONFIG && feed->other)
        expect(sessile_tls_question_use_config(question, feed->other) == 0);
    if (feed->answers & FEED_REFUSE)
        expect(sessile_question_refuse(question, 0) == 0);
    else
        expect((feed->accept ? feed->accept(question, feed->answers >> 2) : sessile_question_accept(question)) == 0);
    expect(sessile_question_accept(question) == SESSILE_ERR_GONE);
}

static int on_question(sessile_question *question, void *app)
{
    struct feed *feed = app;

    /* Several are open at once only where none of them blocks. */
    expect(!feed->closed && (!feed->kept || feed->ready));
    read_items(question);
    if (feed->answers & FEED_KEEP && !feed->kept)
        expect((feed->kept = sessile_question_keep(question)));
    else
        answer(feed, question);
    return 0;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct feed *feed = app;

    expect(question == feed->kept && sessile_question_accept(question) == SESSILE_ERR_GONE);
    return 0;
}

static int on_ready(sessile_session *session, void *app)
{
    struct feed *feed = app;

    expect(session == feed->session && !feed->ready && !feed->closed);
    feed->ready = 1;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct feed *feed = app;

    (void)data;
    expect(stream && size && !feed->closed);
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct feed *feed = app;

    expect(!feed->closed && error == sessile_session_error(session));
    expect(!error || sessile_session_error_text(session)[0]);
    feed->closed = 1;
}

void feed_open(struct feed *feed, uint8_t answers, sessile_tls_config *other)
{
    memset(feed, 0, sizeof *feed);
    feed->base = fuzz_memory_bytes();
    feed->answers = answers;
    feed->other = other;
    expect((feed->session = sessile_session_create(feed, on_send, on_comm_close)));
    expect(sessile_session_set_resume(feed->session, on_resume) == 0);
}

sessile_callbacks *feed_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    expect(callbacks);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

static void offer(struct feed *feed)
{
    size_t size = feed->arrived.size - feed->taken;
    uint8_t *copy = fuzz_copy(feed->arrived.data + feed->taken, size);
    int failed = sessile_session_error(feed->session) != 0;
    int result;

    feed->resumed = 0;
    result = sessile_session_receive(feed->session, copy, size);
    expect(result >= -1 && result <= (int)size);
    expect(!failed || result == -1);
    expect((result == -1) == (sessile_session_error(feed->session) != 0));
    expect(!memcmp(copy, feed->arrived.data + feed->taken, size));
    expect(sessile_session_want(feed->session) <= sessile_session_want_max(feed->session));
    expect(!feed->ceiling || feed->ready || fuzz_memory_bytes() - feed->base <= feed->ceiling);
    fuzz_spoil(copy, size);
    if (result > 0)
        feed->taken += (size_t)result;
}

/* A question is answered when the next piece arrives, and what it held back is offered again. */
static void answer_kept(struct feed *feed)
{
    sessile_question *question = feed->kept;

    if (!question)
        return;
    feed->kept = NULL;
    if (sessile_question_session(question) && sessile_session_error(feed->session) == 0)
        answer(feed, question);
    sessile_question_free(question);
}

static size_t piece(uint8_t pattern, unsigned number)
{
    static const size_t sizes[] = {1, 5, 6, 2, 100, 4, 17, 1400};

    return pattern ? sizes[(pattern * 7u + number * (pattern >> 3) + number) & 7] : SIZE_MAX;
}

void feed_bytes(struct feed *feed, const uint8_t *data, size_t size, uint8_t pattern)
{
    size_t part;

    for (unsigned number = 0; size && !feed->closed; number++) {
        part = piece(pattern, number) < size ? piece(pattern, number) : size;
        bytes_append(&feed->arrived, data, part);
        data += part;
        size -= part;
        offer(feed);
        answer_kept(feed);
        if (feed->resumed)
            offer(feed);
    }
}

void feed_close(struct feed *feed)
{
    sessile_session_close(feed->session);
    answer_kept(feed);
    while (feed->resumed && !feed->closed)
        offer(feed);
    answer_kept(feed);
    expect(feed->closed);
    expect(sessile_session_receive(feed->session, "", 0) == (sessile_session_error(feed->session) ? -1 : 0));
    sessile_session_free(feed->session);
    bytes_free(&feed->arrived);
}
