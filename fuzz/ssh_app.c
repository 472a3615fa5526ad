/* SPDX-License-Identifier: Apache-2.0
 *
 * The oracle's half that calls: every function that an application uses, with what must come of it. A write inside
 * another on the same flow writes what is behind it; if that is taken, the one on the stack must have been taken whole.
 */
#include "ssh_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ssh/connection/channel.h"

#define WRITTEN_MOST ((size_t)1 << 19)
#define BUSY_MOST ((size_t)12 * 1024 * 1024)

size_t ssh_amount(uint8_t arg)
{
    static const size_t sizes[] = {0,     1,     5,     16,    100,   512,    1500,   4096,
                                   16384, 32768, 32769, 40000, 65536, 100000, 150000, 300000};

    return arg < 128 ? arg : sizes[arg & 15] + (arg >> 4 & 7);
}

void ssh_watch_open(struct ssh_watch *watch)
{
    watch->budget = 1500;
    watch->benign = watch->whole = 1;
    watch->callbacks = ssh_watch_callbacks();
    watch->stream_callbacks = ssh_watch_callbacks();
}

void ssh_watch_close(struct ssh_watch *watch)
{
    sessile_callbacks_free(watch->callbacks);
    sessile_callbacks_free(watch->stream_callbacks);
}

/* ---- the wire ---- */

static void act_deliver(struct ssh_app *app, uint8_t arg)
{
    comm_arrive(&app->comm, ssh_amount(arg));
    comm_offer(&app->comm);
}

static void act_deliver_all(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    comm_arrive(&app->comm, app->comm.wire.size);
    comm_offer(&app->comm);
}

static void act_arrive(struct ssh_app *app, uint8_t arg)
{
    comm_arrive(&app->comm, ssh_amount(arg));
}

/* Both ways, a while. */
static void act_pump(struct ssh_app *app, uint8_t arg)
{
    for (unsigned i = 0; i < (arg & 7) + 1u; i++) {
        act_deliver_all(app, 0);
        if (app->other)
            act_deliver_all(app->other, 0);
    }
}

/* One byte at a time. */
static void act_trickle(struct ssh_app *app, uint8_t arg)
{
    for (unsigned i = 0; i < arg && app->comm.session; i++)
        act_deliver(app, 1);
}

static void act_hold(struct ssh_app *app, uint8_t arg)
{
    comm_hold(&app->comm, arg & 1);
}

static void act_pause(struct ssh_app *app, uint8_t arg)
{
    comm_pause(&app->comm, arg & 1);
}

static void act_wire_gone(struct ssh_app *app, uint8_t arg)
{
    if (app->comm.session && !app->closed)
        app->watch->benign = 0;
    if (arg & 1 && app->comm.session) {
        app->comm.wire.size = app->comm.arrived;
        app->comm.wire_ended = 1;
        sessile_session_receive_end(app->comm.session);
    } else {
        comm_wire_gone(&app->comm);
    }
}

static void act_corrupt(struct ssh_app *app, uint8_t arg)
{
    size_t left = app->comm.wire.size - app->comm.arrived;

    if (!left)
        return;
    app->watch->benign = 0;
    app->comm.wire.data[app->comm.arrived + ssh_amount(arg) % left] ^= (uint8_t)(1u << (arg & 7));
}

/* ---- streams ---- */

static struct flow *flow_now(struct ssh_app *app)
{
    struct flow *flow = &app->flows[app->current % FLOWS];

    return app->comm.session && flow->stream ? flow : NULL;
}

static void act_select(struct ssh_app *app, uint8_t arg)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        app->current = (arg + i) % FLOWS;
        if (app->flows[app->current].stream)
            return;
    }
}

static void wrote(struct flow *flow, struct way *way, const struct frame *frame, int result)
{
    size_t next = frame_leave(frame, result);

    if (frame->outer)
        frame->outer->next = next;
    else
        way->written = next;
    if (result < 0 || frame->start + (size_t)result == frame->end)
        flow->short_write = 0;
}

static void write_on(struct ssh_app *app, unsigned number, size_t size)
{
    struct flow *flow = flow_now(app);
    struct way *way = flow ? &flow->ways[number] : NULL;
    struct frame frame = {.outer = way ? way->writing : NULL};
    struct channel *channel = flow ? stream_state(flow->stream) : NULL;
    unsigned held = app->comm.held, ready = app->ready;
    uint8_t *data;
    int result;

    if (!flow || app->watch->written + size > WRITTEN_MOST)
        return;
    frame.start = frame.outer ? frame.outer->next : way->written;
    frame.end = frame.next = frame.start + size;
    expect((data = malloc(size ? size : 1)));
    for (size_t i = 0; i < size; i++)
        data[i] = ssh_watch_byte(channel ? channel->peer_id : 0, (int)number, frame.start + i);
    way->writing = &frame;
    flow->short_write = flow->short_write || (!flow->ended && size);
    result =
        number ? sessile_ssh_write_stderr(flow->stream, data, size) : sessile_stream_write(flow->stream, data, size);
    way->writing = frame.outer;
    fuzz_spoil(data, size);
    expect(result <= (int)size && (result <= 0 || (ready && !held)));
    if (result > 0)
        app->watch->written += (size_t)result;
    wrote(flow, way, &frame, result);
}

static void act_write(struct ssh_app *app, uint8_t arg)
{
    write_on(app, 0, ssh_amount(arg));
}

static void act_write_stderr(struct ssh_app *app, uint8_t arg)
{
    write_on(app, 1, ssh_amount(arg));
}

static sessile_stream *open_one(struct ssh_app *app, unsigned kind)
{
    sessile_session *session = app->comm.session;

    switch (kind) {
    case 1:
        return sessile_ssh_open_tcp(session, "b.test", 80, "127.0.0.1", 4000, NULL, NULL);
    case 2:
        return sessile_ssh_open_unix(session, "/run/socket", NULL, NULL);
    case 3:
        return sessile_ssh_open_forwarded_tcp(session, "", 2222, "127.0.0.1", 4000, NULL, NULL);
    case 4:
        return sessile_ssh_open_forwarded_unix(session, "/run/socket", NULL, NULL);
    case 5:
        return sessile_ssh_open_x11(session, "127.0.0.1", 6010, NULL, NULL);
    case 6:
        return sessile_ssh_open_agent(session, NULL, NULL);
    case 7:
        return sessile_ssh_open_session(session, app->watch->stream_callbacks, app);
    default:
        return sessile_ssh_open_session(session, NULL, NULL);
    }
}

static void act_open(struct ssh_app *app, uint8_t arg)
{
    sessile_stream *stream = app->comm.session ? open_one(app, arg & 7) : NULL;
    struct flow *flow = stream ? ssh_app_flow(app, stream) : NULL;

    if (!flow)
        return;
    expect(sessile_stream_session(stream) == app->comm.session);
    app->current = (unsigned)(flow - app->flows);
}

static int request_one(sessile_stream *stream, uint8_t arg)
{
    static const uint8_t modes[] = {128, 0, 0, 0x96, 0, 0};

    switch (arg & 15) {
    case 0:
        return sessile_ssh_request_exec(stream, "echo", 4);
    case 1:
        return sessile_ssh_request_shell(stream);
    case 2:
        return sessile_ssh_request_pty(stream, "xterm", 80, 24, 0, 0, modes, sizeof modes);
    case 3:
        return sessile_ssh_request_env(stream, "LANG", "C");
    case 4:
        return sessile_ssh_request_subsystem(stream, "sftp");
    case 5:
        return sessile_ssh_request_agent(stream);
    case 6:
        return sessile_ssh_request_x11(stream, arg >> 4 & 1, "MIT-MAGIC-COOKIE-1", "00112233", 0);
    case 7:
        return sessile_ssh_window_change(stream, 100, 50, 0, 0);
    case 8:
        return sessile_ssh_send_signal(stream, "TERM");
    case 9:
        return sessile_ssh_send_break(stream, 500);
    case 10:
        return sessile_ssh_send_exit_status(stream, arg);
    case 11:
        return sessile_ssh_send_exit_signal(stream, "SEGV", 1, "it fell over");
    case 12:
        return sessile_ssh_send_xon_xoff(stream, 1);
    case 13:
        return sessile_ssh_send_end_of_write(stream);
    default:
        return sessile_ssh_request_exec(stream, "", 0);
    }
}

static void act_request(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);

    if (flow)
        expect(request_one(flow->stream, arg) <= 0);
}

static void act_end_stream(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);

    (void)arg;
    if (!flow)
        return;
    if (sessile_stream_end(flow->stream) == SESSILE_OK)
        flow->ended = 1;
}

static void act_abort_stream(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);

    (void)arg;
    app->watch->whole = 0;
    if (flow)
        sessile_stream_abort(flow->stream);
}

static void set_manual(struct ssh_app *app, struct flow *flow, int on)
{
    if (!on) {
        flow->manual = 0;
        flow->unread = 0;
    }
    if (sessile_stream_set_manual(flow->stream, on) == SESSILE_OK && app->comm.session)
        flow->manual = on != 0;
}

static void act_manual(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);

    if (flow)
        set_manual(app, flow, arg & 1);
}

static void act_consume(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);
    size_t size = flow && arg == 255 ? flow->unread : ssh_amount(arg);

    if (!flow || flow->closed)
        return;
    if (size > flow->unread) {
        expect(sessile_stream_consumed(flow->stream, flow->unread + 1) < 0);
        return;
    }
    flow->unread -= size;
    sessile_stream_consumed(flow->stream, size);
}

static void act_stream(struct ssh_app *app, uint8_t arg)
{
    struct flow *flow = flow_now(app);

    if (!flow)
        return;
    if (arg & 1 && !flow->kept) {
        sessile_stream_keep(flow->stream);
        flow->kept = 1;
    } else if (arg & 2 && flow->kept) {
        sessile_stream_free(flow->stream);
        flow->kept = 0;
        if (flow->closed)
            flow->stream = NULL;
    }
    if (arg & 4 && flow->stream)
        sessile_stream_set_callbacks(flow->stream, arg & 8 ? app->watch->stream_callbacks : NULL, app);
}

/* ---- questions ---- */

static void act_question(struct ssh_app *app, uint8_t arg)
{
    app->answer = (enum answer)(arg % 8 < ANSWERS ? arg % 8 : ANSWER_YES);
    app->how = arg >> 3;
    if (!app->ready && app->how % 5 > 1) /* a method that the server does not have, or not alone */
        app->watch->benign = 0;
}

static void answer_kept(struct ssh_app *app, unsigned index, unsigned how)
{
    sessile_question *question = app->kept[index % KEPT_MOST];

    if (!question)
        return;
    app->kept[index % KEPT_MOST] = NULL;
    if (how % 4 == 1)
        sessile_question_refuse(question, 0);
    else if (how % 4 != 2)
        ssh_fuzz_accept(question, app->how);
    app->watch->benign = app->watch->benign && how % 4 != 1 && how % 4 != 2;
    if (how % 4 == 3)
        expect(sessile_question_accept(question) == SESSILE_ERR_GONE);
    sessile_question_free(question);
}

static void act_answer(struct ssh_app *app, uint8_t arg)
{
    answer_kept(app, arg >> 2, arg);
}

/* ---- the session ---- */

void ssh_app_open(struct ssh_app *app)
{
    app->fails = MOMENTS;
    app->comm.has_resume = 1;
    expect((app->comm.session = sessile_session_create(app, ssh_watch_send, ssh_watch_comm_close)));
    expect(sessile_session_set_resume(app->comm.session, ssh_watch_resume) == 0);
    expect(sessile_session_set_release(app->comm.session, ssh_watch_release) == 0);
}

void ssh_app_start(struct ssh_app *app)
{
    sessile_ssh_config *config = ssh_setup(app->role, app->config);
    int result;

    if (!app->comm.session || app->started || app->closed)
        return;
    app->started = 1;
    if (!(app->config & SSH_SETUP_SMALL))
        sessile_session_set_time(app->comm.session, SSH_FUZZ_TIME);
    if (app->role == SESSILE_CLIENT)
        result = sessile_ssh_connect(app->comm.session, config, SSH_FUZZ_HOST, 22, SSH_FUZZ_USER, app->watch->callbacks,
                                     app);
    else
        result = sessile_ssh_accept(app->comm.session, config, app->watch->callbacks, app);
    expect(result == 0 || !app->watch->benign);
    if (result != 0)
        app->started = 0;
}

static void free_session(struct ssh_app *app)
{
    sessile_session *session = app->comm.session;

    if (!session)
        return;
    if (!app->closed)
        app->watch->benign = 0;
    app->comm.session = NULL;
    for (unsigned i = 0; i < FLOWS; i++)
        if (!app->flows[i].kept)
            app->flows[i].stream = NULL;
    sessile_session_free(session);
    expect(app->released && (app->comm.wire_closed || app->comm.wire_gone || app->comm.wire_ended || app->detached));
}

void ssh_app_close(struct ssh_app *app)
{
    free_session(app);
    for (unsigned i = 0; i < KEPT_MOST; i++)
        answer_kept(app, i, 0);
    for (unsigned i = 0; i < FLOWS; i++) {
        if (!app->flows[i].stream)
            continue;
        expect(sessile_stream_write(app->flows[i].stream, "", 0) == SESSILE_ERR_GONE);
        sessile_stream_free(app->flows[i].stream);
    }
    bytes_free(&app->comm.wire);
}

static void act_start(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    ssh_app_start(app);
}

static void act_enter(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    if (!app->comm.session || app->batch >= 8)
        return;
    expect(sessile_session_enter(app->comm.session) == SESSILE_OK);
    app->batch++;
}

static void act_leave(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    if (!app->comm.session)
        return;
    if (!app->batch) {
        expect(sessile_session_leave(app->comm.session) == SESSILE_ERR_MISUSE);
        return;
    }
    app->batch--;
    sessile_session_leave(app->comm.session);
}

static void act_end(struct ssh_app *app, uint8_t arg)
{
    int result;

    if (!app->comm.session)
        return;
    if (!app->ready || !app->other || !app->other->ready || arg & 2)
        app->watch->benign = 0;
    app->ending = 1;
    app->watch->whole = 0;
    result =
        arg & 2 ? sessile_ssh_disconnect(app->comm.session, arg >> 2, "bye") : sessile_session_end(app->comm.session);
    if (result != SESSILE_OK)
        app->ending = 0;
}

static void act_abort(struct ssh_app *app, uint8_t arg)
{
    unsigned before;

    if (!app->comm.session)
        return;
    app->watch->benign = 0;
    if (!(arg & 1)) {
        sessile_session_abort(app->comm.session);
        return;
    }
    before = app->detached;
    app->detached = 1;
    if (sessile_session_detach(app->comm.session) != SESSILE_OK)
        app->detached = before & 1;
}

static void act_free(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    free_session(app);
}

static void act_fails(struct ssh_app *app, uint8_t arg)
{
    app->fails = (enum moment)(arg % (MOMENTS + 1));
}

static void act_rekey(struct ssh_app *app, uint8_t arg)
{
    (void)arg;
    if (app->comm.session)
        sessile_ssh_rekey(app->comm.session);
}

static void act_fail_memory(struct ssh_app *app, uint8_t arg)
{
    app->watch->benign = 0;
    fuzz_memory_fail(arg & 31, (arg >> 5) + 1u);
}

static void act_say(struct ssh_app *app, uint8_t arg)
{
    sessile_session *session = app->comm.session;

    if (!session)
        return;
    switch (arg & 7) {
    case 0:
        sessile_ssh_keepalive(session);
        break;
    case 1:
        sessile_ssh_send_ignore(session, ssh_amount((uint8_t)(arg >> 3 | 0x80)));
        break;
    case 2:
        sessile_ssh_send_debug(session, "debug", arg >> 3 & 1);
        break;
    case 3:
        sessile_ssh_forward_tcp(session, "", arg >> 3 & 1 ? 2222 : 0);
        break;
    case 4:
        sessile_ssh_forward_unix(session, "/run/socket");
        break;
    case 5:
        sessile_ssh_cancel_tcp(session, "", 2222);
        break;
    case 6:
        sessile_ssh_cancel_unix(session, "/run/socket");
        break;
    default:
        if (arg >> 3 == 31)
            sessile_ssh_no_more_sessions(session);
    }
}

/* What may be read at any time, and notes that may be asked for. */
static void act_read(struct ssh_app *app, uint8_t arg)
{
    sessile_session *session = app->comm.session;
    uint8_t room[512];

    if (!session)
        return;
    for (int i = 0; i < 16; i++)
        expect(sessile_ssh_info(session, i));
    sessile_ssh_session_id(session, room, arg);
    sessile_ssh_host_signature(session, room, sizeof room);
    sessile_ssh_host_key(session);
    sessile_ssh_user_key(session);
    for (int i = 0; i < 8; i++)
        sessile_session_counter(session, i);
    if (arg & 1)
        sessile_session_set_trace(session, arg & 2 ? ssh_watch_trace : NULL, app);
    if (arg & 4)
        sessile_session_set_counters(session, arg & 8);
    if (arg & 16 && app->role == SESSILE_SERVER && app->started)
        sessile_ssh_set_peer_address(session, "192.0.2.1");
}

static void act_react(struct ssh_app *app, uint8_t arg)
{
    (void)app, (void)arg; /* read with the program, by whoever reads that */
}

static void (*const acts[])(struct ssh_app *, uint8_t) = {
    [ACT_REACT] = act_react,
    act_deliver,
    act_deliver_all,
    act_pump,
    [ACT_WRITE] = act_write,
    act_arrive,
    act_select,
    act_open,
    act_request,
    act_end_stream,
    act_abort_stream,
    act_end,
    act_abort,
    act_hold,
    act_pause,
    act_enter,
    act_leave,
    act_question,
    act_answer,
    act_manual,
    act_consume,
    act_free,
    act_fails,
    act_rekey,
    act_corrupt,
    act_stream,
    act_say,
    act_read,
    act_fail_memory,
    act_write_stderr,
    act_trickle,
    act_start,
    act_wire_gone,
};
_Static_assert(sizeof acts / sizeof acts[0] == SSH_ACTS, "as many acts as are told");

void ssh_app_act(struct ssh_app *app, unsigned act, uint8_t arg)
{
    if (!app->watch->budget)
        return;
    app->watch->budget--;
    acts[act % SSH_ACTS](app, arg);
}

void ssh_app_check(struct ssh_app *app)
{
    int error;

    expect(fuzz_memory_bytes() < BUSY_MOST);
    if (!app->comm.session)
        return;
    error = sessile_session_error(app->comm.session);
    expect(!app->error || error == app->error);
    app->error = error;
    expect(!app->closed || !app->started || sessile_session_receive(app->comm.session, "x", 1) == (error ? -1 : 0));
}

/* ---- towards the end ---- */

static int release_brakes(struct ssh_app *app)
{
    int did = app->batch || app->comm.held || app->comm.paused || !app->started;

    while (app->comm.session && app->batch)
        act_leave(app, 0);
    if (app->comm.held)
        comm_hold(&app->comm, 0);
    if (app->comm.paused)
        comm_pause(&app->comm, 0);
    if (!app->started)
        ssh_app_start(app);
    for (unsigned i = 0; i < FLOWS && app->comm.session; i++) {
        did |= app->flows[i].manual && app->flows[i].stream;
        if (app->flows[i].manual && app->flows[i].stream)
            set_manual(app, &app->flows[i], 0);
        app->flows[i].manual = 0;
    }
    return did && app->comm.session && !app->closed && app->started;
}

int ssh_app_advance(struct ssh_app *app)
{
    size_t offered_before = app->comm.offered, taken = app->comm.taken;
    int resumed = app->comm.resumed, did = 0;

    for (unsigned i = 0; i < KEPT_MOST; i++) {
        did |= app->kept[i] != NULL;
        answer_kept(app, i, 0);
    }
    if (!app->comm.session)
        return did;
    if (release_brakes(app))
        return 1;
    comm_arrive(&app->comm, app->comm.wire.size);
    if (app->comm.offered < app->comm.arrived || resumed ||
        (!app->comm.has_resume && app->comm.taken < app->comm.arrived))
        comm_offer(&app->comm);
    return did || app->comm.offered > offered_before || app->comm.taken > taken || resumed;
}

void ssh_app_judge_rest(struct ssh_app *app)
{
    size_t want;

    if (!app->comm.session || sessile_session_error(app->comm.session) || app->closed || app->comm.wire_gone ||
        app->comm.wire_ended)
        return;
    want = sessile_session_want(app->comm.session);
    expect(!want || app->comm.taken + want > app->comm.arrived);
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *flow = &app->flows[i];

        if (flow->stream && !flow->closed && !flow->ended && flow->short_write && stream_state(flow->stream))
            expect(channel_writable(flow->stream) != ENGINE_WRITABLE);
    }
}
