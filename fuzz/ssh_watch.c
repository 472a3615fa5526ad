/* SPDX-License-Identifier: Apache-2.0
 *
 * The oracle's half that is called: every callback of the wire's and of the application's, and what it must find. Then
 * the reactions of the moment run, and may do anything, freeing included: nothing is looked at after them but the
 * application, which outlives its session.
 */
#include "ssh_app.h"

#include <string.h>

#include "ssh/connection/channel.h"

#define DEPTH_MOST 8
#define HELD_MOST ((size_t)512 * 1024)
#define SENT_MOST ((size_t)1024 * 1024)

static void react(struct ssh_app *app, enum moment moment)
{
    struct ssh_watch *watch = app->watch;
    struct reaction now = app->reactions[moment];

    if (watch->quiet || watch->depth >= DEPTH_MOST)
        return;
    if (!now.lasting)
        app->reactions[moment].count = 0;
    watch->depth++;
    for (unsigned i = 0; i < now.count; i++)
        watch->perform(app, now.steps[i]);
    watch->depth--;
}

static int verdict(struct ssh_app *app, enum moment moment)
{
    react(app, moment);
    if (app->watch->quiet || app->fails != moment)
        return 0;
    app->fails = MOMENTS;
    app->watch->benign = 0;
    return -1;
}

uint8_t ssh_watch_byte(uint32_t salt, int way, size_t position)
{
    return (uint8_t)(position * 131 + (position >> 8) * 7 + salt * 85 + (unsigned)way * 29);
}

/* ---- the wire ---- */

int ssh_watch_send(void *handle, void *buffer, size_t size)
{
    struct ssh_app *app = handle;
    int result;

    expect(app->comm.session && !app->sending && !app->batch && size);
    expect(!app->comm.wire_closed && !app->comm.wire_gone && !app->closed && !app->released);
    expect(size <= SENT_MOST);
    if (app->comm.held)
        expect((app->comm.sent_held += size) <= HELD_MOST);
    app->carry(app, buffer, size);
    memset(buffer, 0xcc, size);
    app->sending = 1;
    result = verdict(app, ON_SEND);
    app->sending = 0;
    return result;
}

void ssh_watch_comm_close(void *handle)
{
    struct ssh_app *app = handle;

    expect(!app->comm.wire_closed && !app->comm.wire_gone && !app->closed && !app->released);
    expect(!app->detached || !app->comm.session || sessile_session_error(app->comm.session));
    expect(!app->sending || !app->comm.session);
    app->comm.wire_closed = 1;
    react(app, ON_COMM_CLOSE);
}

void ssh_watch_resume(void *handle)
{
    struct ssh_app *app = handle;

    expect(app->comm.session && !app->comm.wire_closed && !app->closed && !app->released && app->comm.has_resume);
    expect(!app->batch && !app->sending);
    app->comm.resumed = 1;
    react(app, ON_RESUME);
    if (app->watch->eager && app->comm.session && app->comm.resumed && !app->comm.receiving)
        comm_offer(&app->comm);
}

void ssh_watch_release(void *handle)
{
    struct ssh_app *app = handle;

    expect(!app->comm.session && !app->released);
    app->released = 1;
    react(app, ON_RELEASE);
}

void ssh_watch_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                     void *app)
{
    expect(session == ((struct ssh_app *)app)->comm.session && (direction == 0 || direction == 1));
    expect(*message && *phase && size);
    react(app, ON_TRACE);
}

/* ---- questions ---- */

void ssh_app_meet(struct ssh_app *app, sessile_question *question, enum answer answer, unsigned how)
{
    switch (answer) {
    case ANSWER_YES:
        ssh_fuzz_accept(question, how);
        break;
    case ANSWER_NO:
        app->watch->benign = 0;
        sessile_question_refuse(question, how & 3 ? (int)how : 0);
        break;
    default:
        app->watch->benign = 0;
    }
}

static void keep(struct ssh_app *app, sessile_question *question)
{
    size_t i = 0;

    while (i < KEPT_MOST && app->kept[i])
        i++;
    if (i == KEPT_MOST || !sessile_question_keep(question)) {
        app->watch->benign = 0;
        return;
    }
    app->kept[i] = question;
    if (app->answer == ANSWER_KEEP_YES)
        ssh_fuzz_accept(question, app->how);
    if (app->answer != ANSWER_DROP)
        return;
    app->kept[i] = NULL;
    app->watch->benign = 0;
    sessile_question_free(question);
}

static int blocks(int kind)
{
    return kind < SESSILE_QUESTION_SSH_CHANNEL && kind != SESSILE_QUESTION_SSH_HOST_KEYS;
}

static int on_question(sessile_question *question, void *context)
{
    struct ssh_app *app = context;
    enum answer answer = app->watch->quiet ? ANSWER_YES : app->answer;

    expect(sessile_question_session(question) == app->comm.session && app->comm.session && !app->closed);
    /* But for another host key at rekey, nothing that blocks is asked once the session is ready. */
    expect(!app->ready || !blocks(sessile_question_kind(question)) ||
           sessile_question_kind(question) == SESSILE_QUESTION_SSH_HOST_KEY ||
           sessile_question_kind(question) == SESSILE_QUESTION_SSH_SIGN);
    ssh_fuzz_read(question);
    react(app, ON_QUESTION);
    if (app->comm.session && answer <= ANSWER_NO)
        ssh_app_meet(app, question, answer, app->how);
    else if (app->comm.session && answer == ANSWER_IGNORE)
        app->watch->benign = 0;
    else if (app->comm.session)
        keep(app, question);
    if (app->watch->quiet || app->fails != ON_QUESTION)
        return 0;
    app->fails = MOMENTS;
    app->watch->benign = 0;
    return -1;
}

static int on_withdrawn(sessile_question *question, void *context)
{
    struct ssh_app *app = context;

    expect(app->comm.session && !app->closed && sessile_question_accept(question) == SESSILE_ERR_GONE);
    react(app, ON_WITHDRAWN);
    return 0;
}

/* ---- the session ---- */

static int on_ready(sessile_session *session, void *context)
{
    struct ssh_app *app = context;

    expect(session == app->comm.session && !app->ready && !app->closed);
    app->ready = 1;
    return verdict(app, ON_READY);
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *context)
{
    struct ssh_app *app = context;
    const volatile uint8_t *bytes = data;

    (void)kind;
    expect(session == app->comm.session && !app->closed);
    for (size_t i = 0; i < size; i++)
        (void)bytes[i];
    return verdict(app, ON_NOTICE);
}

static void on_closed(sessile_session *session, int error, void *context)
{
    struct ssh_app *app = context;

    expect(session == app->comm.session && !app->closed && !app->sending);
    expect(error == sessile_session_error(session) && (!app->error || app->error == error));
    expect(!error || sessile_session_error_text(session)[0]);
    for (unsigned i = 0; i < FLOWS; i++)
        expect(!app->flows[i].stream || app->flows[i].closed);
    app->closed = 1;
    react(app, ON_CLOSED);
}

/* ---- streams ---- */

static struct flow *find(struct ssh_app *app, sessile_stream *stream)
{
    for (unsigned i = 0; i < FLOWS; i++)
        if (app->flows[i].stream == stream)
            return &app->flows[i];
    return NULL;
}

struct flow *ssh_app_flow(struct ssh_app *app, sessile_stream *stream)
{
    struct flow *flow = find(app, stream);
    struct channel *channel;

    if (flow)
        return flow;
    for (unsigned i = 0; i < FLOWS && !flow; i++)
        if (!app->flows[i].stream && !app->flows[i].ways[0].writing && !app->flows[i].ways[1].writing)
            flow = &app->flows[i];
    if (!flow)
        return NULL;
    memset(flow, 0, sizeof *flow);
    flow->stream = stream;
    channel = stream_state(stream);
    if (channel)
        flow->in_salt = channel->id;
    else
        flow->deaf = 1;
    return flow;
}

static void check_stream(const struct ssh_app *app, sessile_stream *stream)
{
    expect(app->comm.session && sessile_stream_session(stream) == app->comm.session && !app->closed);
}

/* NULL for a stream that found no place when it began: its past is not known. */
static struct flow *flow_of(struct ssh_app *app, sessile_stream *stream)
{
    check_stream(app, stream);
    return find(app, stream);
}

static struct flow *flow_begin(struct ssh_app *app, sessile_stream *stream)
{
    check_stream(app, stream);
    return ssh_app_flow(app, stream);
}

static int on_stream(sessile_stream *stream, void *context)
{
    struct flow *flow = flow_begin(context, stream);

    expect(!flow || (!flow->opened && !flow->closed));
    if (flow)
        flow->opened = 1;
    return verdict(context, ON_STREAM);
}

static int arrived(struct ssh_app *app, sessile_stream *stream, int way, const uint8_t *data, size_t size)
{
    struct flow *flow = flow_of(app, stream);
    uint8_t wrong = 0;

    expect(size && app->ready && !app->ending);
    app->watch->arrived += size;
    if (!flow)
        return verdict(app, ON_DATA);
    expect(flow->opened && !flow->got_end && !flow->closed);
    for (size_t i = 0; i < size; i++)
        wrong |= data[i] ^ ssh_watch_byte(flow->in_salt, way, flow->ways[way].delivered + i);
    expect(!wrong || flow->deaf || !app->other);
    flow->ways[way].delivered += size;
    if (flow->manual)
        flow->unread += size;
    return verdict(app, ON_DATA);
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *context)
{
    return arrived(context, stream, 0, data, size);
}

static int on_stderr(sessile_stream *stream, const void *data, size_t size, void *context)
{
    return arrived(context, stream, 1, data, size);
}

static void read_notes(sessile_stream *stream)
{
    expect(sessile_ssh_exit_signal(stream) && sessile_ssh_exit_message(stream) && sessile_ssh_signal(stream));
    expect(sessile_ssh_exit_status(stream) <= UINT32_MAX && sessile_ssh_stream_type(stream)[0]);
    sessile_ssh_exit_core_dumped(stream);
    sessile_ssh_break_length(stream);
    sessile_ssh_xon_xoff(stream);
    for (int i = 0; i < 6; i++)
        sessile_ssh_terminal(stream, i);
}

static int on_request(sessile_stream *stream, int request, void *context)
{
    struct flow *flow = request == SESSILE_SSH_OPENED ? flow_begin(context, stream) : flow_of(context, stream);

    expect(request >= SESSILE_SSH_OPENED && request <= SESSILE_SSH_END_OF_WRITE);
    if (flow && request == SESSILE_SSH_OPENED) {
        expect(!flow->opened);
        flow->opened = 1;
    }
    read_notes(stream);
    return verdict(context, ON_REQUEST);
}

static int on_end(sessile_stream *stream, void *context)
{
    struct flow *flow = flow_of(context, stream);

    expect(!flow || (flow->opened && !flow->got_end && !flow->closed));
    if (flow)
        flow->got_end = 1;
    return verdict(context, ON_END);
}

static int on_writable(sessile_stream *stream, void *context)
{
    struct ssh_app *app = context;
    struct flow *flow = flow_of(app, stream);

    expect(app->ready && !app->comm.held && !app->batch && !app->sending);
    expect(!flow || (!flow->ended && !flow->closed));
    if (flow)
        flow->short_write = 0;
    return verdict(app, ON_WRITABLE);
}

static void on_stream_closed(sessile_stream *stream, int error, void *context)
{
    struct ssh_app *app = context;
    struct flow *flow = flow_of(app, stream);

    expect(!flow || !flow->closed);
    expect(sessile_stream_write(stream, "", 1) == SESSILE_ERR_CLOSED);
    if (error == SESSILE_ERR_REFUSED)
        expect(sessile_ssh_open_reason(stream) >= 0 && sessile_ssh_open_text(stream));
    read_notes(stream);
    if (flow)
        flow->closed = 1;
    react(app, ON_STREAM_CLOSED);
    if (flow && flow->stream == stream && !flow->kept)
        flow->stream = NULL;
}

sessile_callbacks *ssh_watch_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    expect(callbacks);
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
