/* SPDX-License-Identifier: Apache-2.0
 *
 * The application of one end of a pair: it notes what happens, and answers as the test has set it to. */
#include "ssh_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_peer.h"

#define SIGNATURE_MAX 1024

void ssh_bytes_add(struct ssh_bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = (bytes->size + size) * 2;
        bytes->data = need_memory(realloc(bytes->data, bytes->capacity));
    }
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void ssh_bytes_clear(struct ssh_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

int ssh_bytes_are(const struct ssh_bytes *bytes, const char *text)
{
    return bytes->size == strlen(text) && (!bytes->size || memcmp(bytes->data, text, bytes->size) == 0);
}

int ssh_peer_hook(struct ssh_peer *peer, enum ssh_event event)
{
    return peer->hook ? peer->hook(peer, event) : 0;
}

/* ---- flows ---- */

static size_t flow_index(const struct ssh_peer *peer)
{
    return (size_t)(peer->flow - peer->flows);
}

struct ssh_flow *ssh_peer_opened(struct ssh_peer *peer, sessile_stream *stream)
{
    struct ssh_flow *flow = &peer->flows[peer->flow_count];

    if (!stream)
        return NULL;
    assert_true(peer->flow_count < SSH_FLOWS);
    peer->flow_count++;
    memset(flow, 0, sizeof *flow);
    flow->stream = sessile_stream_keep(stream);
    flow->exit_status = -1;
    return flow;
}

static int is_known(const struct ssh_peer *peer, const sessile_stream *stream)
{
    for (size_t i = 0; i < peer->flow_count; i++)
        if (peer->flows[i].stream == stream)
            return 1;
    return 0;
}

/* Of a stream that is not over. */
static void find_flow(struct ssh_peer *peer, const sessile_stream *stream)
{
    peer->flow = NULL;
    for (size_t i = 0; i < peer->flow_count; i++)
        if (peer->flows[i].stream == stream)
            peer->flow = &peer->flows[i];
    assert_non_null(peer->flow);
    assert_false(peer->flow->closed || peer->closed);
    assert_non_null(peer->session);
}

static void flow_push(struct ssh_flow *flow)
{
    int taken = 0;

    if (flow->complaint &&
        (taken = sessile_ssh_write_stderr(flow->stream, flow->complaint, strlen(flow->complaint))) > 0)
        flow->complaint += taken;
    if (flow->complaint && *flow->complaint)
        return;
    flow->complaint = NULL;
    while (flow->pending.size && !flow->closed) {
        taken = sessile_stream_write(flow->stream, flow->pending.data, flow->pending.size);
        if (taken <= 0)
            return;
        flow->pending.size -= (size_t)taken;
        memmove(flow->pending.data, flow->pending.data + taken, flow->pending.size);
    }
    if (flow->ends && !flow->closed) {
        flow->ends = 0;
        sessile_stream_end(flow->stream);
    }
}

void ssh_flow_write(struct ssh_flow *flow, const void *data, size_t size)
{
    ssh_bytes_add(&flow->pending, data, size);
    flow_push(flow);
}

void ssh_flow_end(struct ssh_flow *flow)
{
    flow->ends = 1;
    flow_push(flow);
}

/* ---- questions ---- */

const char *ssh_item(sessile_question *question, int item, size_t index)
{
    const void *data;
    size_t size;

    return sessile_question_get(question, item, index, &data, &size) == SESSILE_OK ? data : "";
}

static int put(sessile_question *question, int item, const char *text)
{
    return sessile_question_put(question, item, text, strlen(text));
}

static int give_authenticate(struct ssh_peer *peer, sessile_question *question)
{
    if (peer->method)
        return put(question, SESSILE_ITEM_METHOD, peer->method);
    return put(question, SESSILE_ITEM_PASSWORD, peer->password ? peer->password : "secret");
}

static int give_change(sessile_question *question)
{
    int result = put(question, SESSILE_ITEM_PASSWORD, "secret");

    return result < 0 ? result : put(question, SESSILE_ITEM_NEW_PASSWORD, "better");
}

static int give_responses(sessile_question *question)
{
    int result = SESSILE_OK;

    for (size_t i = 0; i < sessile_question_count(question, SESSILE_ITEM_PROMPT) && result == SESSILE_OK; i++)
        result = put(question, SESSILE_ITEM_RESPONSE, i ? "blue" : "1234");
    return result;
}

static int give_round(struct ssh_peer *peer, sessile_question *question)
{
    static const struct {
        int item;
        const char *text;
    } items[] = {
        {SESSILE_ITEM_NAME, "Login"},      {SESSILE_ITEM_PROMPT, "Code: "}, {SESSILE_ITEM_ECHO, "0"},
        {SESSILE_ITEM_PROMPT, "Colour: "}, {SESSILE_ITEM_ECHO, "1"},
    };
    int result = SESSILE_OK;

    if (peer->rounds <= 0 || strcmp(ssh_item(question, SESSILE_ITEM_METHOD, 0), "keyboard-interactive") != 0)
        return result;
    peer->rounds--;
    for (size_t i = 0; i < sizeof items / sizeof items[0] && result == SESSILE_OK; i++)
        result = put(question, items[i].item, items[i].text);
    return result;
}

static int give_signature(struct ssh_peer *peer, sessile_question *question)
{
    uint8_t signature[SIGNATURE_MAX];
    const void *data;
    size_t size;
    int made;

    if (!peer->sign_with || sessile_question_get(question, SESSILE_ITEM_DATA, 0, &data, &size) < 0)
        return SESSILE_OK;
    made = sessile_key_sign(peer->sign_with, ssh_item(question, SESSILE_ITEM_ALGORITHM, 0), data, size, signature,
                            sizeof signature);
    return made < 0 ? made : sessile_question_put(question, SESSILE_ITEM_SIGNATURE, signature, (size_t)made);
}

int ssh_give(struct ssh_peer *peer, sessile_question *question)
{
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_AUTHENTICATE:
        return give_authenticate(peer, question);
    case SESSILE_QUESTION_SSH_PASSWORD_CHANGE:
        return give_change(question);
    case SESSILE_QUESTION_SSH_PROMPTS:
        return give_responses(question);
    case SESSILE_QUESTION_SSH_SIGN:
        return give_signature(peer, question);
    case SESSILE_QUESTION_SSH_USER:
    case SESSILE_QUESTION_SSH_RESPONSES:
        return give_round(peer, question);
    case SESSILE_QUESTION_SSH_FORWARD:
        return strcmp(ssh_item(question, SESSILE_ITEM_PORT, 0), "0") == 0 ? put(question, SESSILE_ITEM_PORT, "4711")
                                                                          : SESSILE_OK;
    default:
        return SESSILE_OK;
    }
}

static void note_question(struct ssh_peer *peer, sessile_question *question)
{
    static const char *const names[SSH_KINDS] = {
        [SESSILE_QUESTION_SSH_HOST_KEY] = "host_key", [SESSILE_QUESTION_SSH_HOST_KEYS] = "host_keys",
        [SESSILE_QUESTION_SSH_AUTHENTICATE] = "how",  [SESSILE_QUESTION_SSH_PASSWORD_CHANGE] = "change",
        [SESSILE_QUESTION_SSH_PROMPTS] = "prompts",   [SESSILE_QUESTION_SSH_SIGN] = "sign",
        [SESSILE_QUESTION_SSH_USER] = "user",         [SESSILE_QUESTION_SSH_RESPONSES] = "responses",
        [SESSILE_QUESTION_SSH_CHANNEL] = "channel",   [SESSILE_QUESTION_SSH_REQUEST] = "request",
        [SESSILE_QUESTION_SSH_FORWARD] = "forward",
    };
    int kind = sessile_question_kind(question);
    const char *what = ssh_item(question, SESSILE_ITEM_TYPE, 0);

    assert_true(kind > 0 && kind < SSH_KINDS && names[kind]);
    if (kind == SESSILE_QUESTION_SSH_USER)
        what = ssh_item(question, SESSILE_ITEM_METHOD, 0);
    journal_add(&peer->log, *what ? "%s(%s%s)" : "%s", names[kind], what,
                strcmp(ssh_item(question, SESSILE_ITEM_VERIFIED, 0), "1") == 0 ? ",signed" : "");
}

static void answer_now(struct ssh_peer *peer, sessile_question *question)
{
    enum ssh_answer answer = peer->answers[sessile_question_kind(question)];

    peer->question = NULL;
    if (answer == SSH_YES && ssh_give(peer, question) == SESSILE_OK) {
        sessile_question_accept(question);
    } else if (answer == SSH_YES || answer == SSH_NO) {
        sessile_question_refuse(question, peer->reason);
    } else if (answer == SSH_DROP) {
        sessile_question_free(sessile_question_keep(question));
    } else if (answer == SSH_KEEP) {
        peer->question = sessile_question_keep(question);
    }
}

static int on_question(sessile_question *question, void *app)
{
    struct ssh_peer *peer = app;
    int result;

    assert_true(peer->session && !peer->closed);
    peer->questions++;
    peer->question = question;
    note_question(peer, question);
    result = ssh_peer_hook(peer, SSH_QUESTION);
    if (peer->question == question)
        answer_now(peer, question);
    return result;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct ssh_peer *peer = app;

    (void)question;
    assert_non_null(peer->session);
    peer->withdrawn++;
    journal_add(&peer->log, "withdrawn");
    return ssh_peer_hook(peer, SSH_WITHDRAWN);
}

int ssh_accept(struct ssh_peer *peer)
{
    sessile_question *question = peer->question;
    int result;

    ssh_peer_turn(peer);
    ssh_give(peer, question);
    peer->question = NULL; /* the next may come at once */
    result = sessile_question_accept(question);
    sessile_question_free(question);
    return result;
}

int ssh_refuse(struct ssh_peer *peer, int reason)
{
    sessile_question *question = peer->question;
    int result;

    ssh_peer_turn(peer);
    peer->question = NULL;
    result = sessile_question_refuse(question, reason);
    sessile_question_free(question);
    return result;
}

/* ---- the session ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct ssh_peer *peer = app;

    assert_ptr_equal(session, peer->session);
    assert_false(peer->ready || peer->closed);
    peer->ready = 1;
    journal_add(&peer->log, "ready");
    return ssh_peer_hook(peer, SSH_READY);
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct ssh_peer *peer = app;

    assert_ptr_equal(session, peer->session);
    assert_false(peer->closed);
    peer->notices++;
    if (kind == SESSILE_NOTICE_SSH_REKEYED) {
        peer->rekeyed++;
        journal_add(&peer->log, "rekeyed");
    } else if (kind == SESSILE_NOTICE_SSH_BANNER) {
        ssh_bytes_add(&peer->banner, data, size);
        journal_add(&peer->log, "banner:%zu", size);
    } else {
        journal_add(&peer->log, "notice%d(%.*s)", kind, (int)size, (const char *)data);
    }
    return ssh_peer_hook(peer, SSH_NOTICE);
}

static int on_stream(sessile_stream *stream, void *app)
{
    struct ssh_peer *peer = app;

    assert_true(peer->ready && !peer->closed && !is_known(peer, stream));
    peer->flow = ssh_peer_opened(peer, stream);
    peer->flow->opened = 1;
    journal_add(&peer->log, "stream(%zu):%s", flow_index(peer), sessile_ssh_stream_type(stream));
    return ssh_peer_hook(peer, SSH_STREAM);
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct ssh_peer *peer = app;

    assert_ptr_equal(session, peer->session);
    assert_false(peer->closed);
    for (size_t i = 0; i < peer->flow_count; i++)
        assert_true(peer->flows[i].closed);
    peer->closed = 1;
    peer->error = error;
    assert_int_equal(sessile_session_error(session), error);
    journal_add(&peer->log, "closed:%s", sessile_error_name(error));
    ssh_peer_hook(peer, SSH_CLOSED);
}

/* ---- streams ---- */

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    assert_true(size > 0 && !peer->flow->ended && peer->flow->opened);
    ssh_bytes_add(&peer->flow->data, data, size);
    journal_add(&peer->log, "data(%zu):%zu", flow_index(peer), size);
    if (peer->echo)
        ssh_flow_write(peer->flow, data, size);
    return ssh_peer_hook(peer, SSH_DATA);
}

static int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    assert_true(size > 0 && !peer->flow->ended && peer->flow->opened);
    ssh_bytes_add(&peer->flow->errors, data, size);
    journal_add(&peer->log, "stderr(%zu):%zu", flow_index(peer), size);
    return ssh_peer_hook(peer, SSH_STDERR);
}

static int on_request(sessile_stream *stream, int request, void *app)
{
    static const char *const names[] = {
        "",       "opened", "accepted", "refused", "exit_status",  "exit_signal",
        "window", "signal", "break",    "xon",     "end_of_write",
    };
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    assert_true(request > 0 && request < (int)(sizeof names / sizeof names[0]));
    peer->request = request;
    if (request == SESSILE_SSH_OPENED) {
        assert_false(peer->flow->opened);
        peer->flow->opened = 1;
    } else if (request == SESSILE_SSH_EXIT_STATUS) {
        peer->flow->exit_status = (int)sessile_ssh_exit_status(stream);
    }
    journal_add(&peer->log, "%s(%zu)", names[request], flow_index(peer));
    return ssh_peer_hook(peer, SSH_REQUEST);
}

static int on_end(sessile_stream *stream, void *app)
{
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    assert_false(peer->flow->ended);
    peer->flow->ended = 1;
    journal_add(&peer->log, "end(%zu)", flow_index(peer));
    if (peer->echo) {
        ssh_flow_end(peer->flow);
        sessile_ssh_send_exit_status(stream, 0);
    }
    return ssh_peer_hook(peer, SSH_END);
}

static int on_writable(sessile_stream *stream, void *app)
{
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    flow_push(peer->flow);
    return ssh_peer_hook(peer, SSH_WRITABLE);
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct ssh_peer *peer = app;

    find_flow(peer, stream);
    peer->flow->closed = 1;
    peer->flow->error = error;
    journal_add(&peer->log, "closed(%zu):%s", flow_index(peer), sessile_error_name(error));
    ssh_peer_hook(peer, SSH_STREAM_CLOSED);
}

sessile_callbacks *ssh_peer_callbacks(void)
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
