/* SPDX-License-Identifier: Apache-2.0
 *
 * One job over one session: fetch a file, make an HTTP request, join stdin and stdout to the peer, or only shake hands.
 * What the stream does not take at once waits in `pending`; while anything does, stdin is not read.
 */
#include "common/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sessile/question.h>
#include <sessile/stream.h>

#include "common/facts.h"
#include "common/fetch_http.h"
#include "common/tofu.h"
#include "common/util.h"

struct fetch {
    const struct fetch_options *options;
    struct loop *loop;
    struct wire *wire;
    sessile_session *session;
    sessile_stream *stream;
    struct watch input; /* stdin */
    struct http_reader http;
    struct tofu tofu;
    int output;
    char *pending;
    size_t pending_start;
    size_t pending_size;
    unsigned long long bytes;
    double begin;
    int status;
    unsigned ready : 1;
    unsigned ticket : 1;
    unsigned input_ended : 1;
    unsigned ended : 1;
    unsigned writing : 1;
    unsigned again : 1;
};

int fetch_option(struct fetch_options *options, int option, const char *argument)
{
    switch (option) {
    case FETCH_OPTION_NAME:
        options->name = argument;
        return 1;
    case FETCH_OPTION_GET:
        options->get = argument;
        return 1;
    case FETCH_OPTION_HTTP:
        options->http = argument;
        return 1;
    case 'o':
        options->output = argument;
        return 1;
    case FETCH_OPTION_SEND_STDIN:
        options->send_stdin = 1;
        return 1;
    case FETCH_OPTION_SESSION_OUT:
        options->session_out = argument;
        return 1;
    case FETCH_OPTION_SESSION_IN:
        options->session_in = argument;
        return 1;
    case FETCH_OPTION_BUFFER:
        options->feed = number_parse("--buffer", argument, 1, LOOP_SCRATCH);
        return 1;
    case FETCH_OPTION_JSON:
        options->json = 1;
        return 1;
    case 'v':
        options->verbose = 1;
        return 1;
    default:
        return 0;
    }
}

/* ---- out ---- */

static void fetch_end(struct fetch *fetch)
{
    if (!fetch->ended && fetch->session != NULL) {
        fetch->ended = 1;
        sessile_stream_end(fetch->stream);
    }
}

/* writable may come before a short write has returned, and says so just once. */
static void fetch_flush(struct fetch *fetch)
{
    fetch->again = 1;
    if (fetch->writing) {
        return;
    }
    fetch->writing = 1;
    while (fetch->again && fetch->pending_size > 0 && fetch->session != NULL) {
        fetch->again = 0;
        int taken = sessile_stream_write(fetch->stream, fetch->pending + fetch->pending_start, fetch->pending_size);
        fetch->pending_start += taken > 0 ? (size_t)taken : 0;
        fetch->pending_size -= taken > 0 ? (size_t)taken : 0;
    }
    fetch->writing = 0;
    if (fetch->session == NULL) {
        return;
    }
    if (fetch->pending_size == 0 && fetch->input_ended) {
        fetch_end(fetch);
    }
    int reading = fetch->options->send_stdin && fetch->pending_size == 0 && !fetch->input_ended;
    watch_want(&fetch->input, reading ? EPOLLIN : 0);
}

static void fetch_write(struct fetch *fetch, const void *data, size_t size)
{
    fetch->pending = need_realloc(fetch->pending, size);
    memcpy(fetch->pending, data, size);
    fetch->pending_start = 0;
    fetch->pending_size = size;
    fetch_flush(fetch);
}

static void on_input(struct watch *watch, uint32_t events, void *owner)
{
    struct fetch *fetch = owner;
    (void)events;
    ssize_t n = read(watch->fd, fetch->loop->scratch, LOOP_SCRATCH);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        fetch_write(fetch, fetch->loop->scratch, (size_t)n);
        return;
    }
    fetch->input_ended = 1;
    fetch_flush(fetch);
}

/* ---- the job ---- */

static void fetch_request(struct fetch *fetch)
{
    const struct fetch_options *options = fetch->options;
    char text[4096];
    int n = 0;
    if (options->get != NULL) {
        n = snprintf(text, sizeof text, "%s\n", options->get);
    } else if (options->http != NULL) {
        n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sessile-example\r\n"
                     "Accept: */*\r\nConnection: close\r\n\r\n",
                     options->http, options->name != NULL ? options->name : "localhost");
    }
    if (n >= (int)sizeof text) {
        die("the request is longer than %zu bytes", sizeof text);
    }
    if (n > 0) {
        fetch_write(fetch, text, (size_t)n);
    }
}

/* Without anything to fetch, the handshake was the job; where a session is to be kept, its ticket may come later. */
static void fetch_maybe_end(struct fetch *fetch)
{
    const struct fetch_options *options = fetch->options;
    int job = options->get != NULL || options->http != NULL || options->send_stdin;
    if (!job && fetch->ready && (options->session_out == NULL || fetch->ticket)) {
        fetch_end(fetch);
    }
}

static int fetch_output(struct fetch *fetch, const void *data, size_t size)
{
    fetch->bytes += size;
    if (size > 0 && write_all(fetch->output, data, size) != 0) {
        warn("%s: %s", fetch->options->output != NULL ? fetch->options->output : "stdout", strerror(errno));
        return -1;
    }
    return 0;
}

static int fetch_http(struct fetch *fetch, const char *data, size_t size)
{
    while (size > 0) {
        const char *body;
        size_t body_size;
        size_t used = http_read(&fetch->http, data, size, &body, &body_size);
        if (fetch_output(fetch, body, body_size) != 0) {
            return -1;
        }
        if (fetch->http.state == HTTP_FAILED) {
            warn("the server's answer is no HTTP that this program understands");
            return -1;
        }
        if (fetch->http.state == HTTP_DONE) {
            fetch_end(fetch);
            return 0;
        }
        data += used;
        size -= used;
    }
    return 0;
}

/* ---- the session's callbacks ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct fetch *fetch = app;
    (void)session;
    fetch->ready = 1;
    if (fetch->options->send_stdin) {
        watch_want(&fetch->input, EPOLLIN);
    }
    fetch_request(fetch);
    fetch_maybe_end(fetch);
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct fetch *fetch = app;
    (void)stream;
    return fetch->options->http != NULL ? fetch_http(fetch, data, size) : fetch_output(fetch, data, size);
}

static int on_end(sessile_stream *stream, void *app)
{
    struct fetch *fetch = app;
    (void)stream;
    http_end(&fetch->http);
    fetch->input_ended = 1;
    fetch_flush(fetch);
    return 0;
}

static int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    fetch_flush(app);
    return 0;
}

static int on_question(sessile_question *question, void *app)
{
    struct fetch *fetch = app;
    tofu_ask(&fetch->tofu, fetch->loop, question);
    return 0;
}

static int on_withdrawn(sessile_question *question, void *app)
{
    struct fetch *fetch = app;
    (void)question;
    tofu_drop(&fetch->tofu);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct fetch *fetch = app;
    (void)session;
    const char *path = kind == SESSILE_NOTICE_TLS_KEYLOG ? fetch->options->keylog : fetch->options->session_out;
    if (path == NULL) {
        return 0;
    }
    int r = kind == SESSILE_NOTICE_TLS_KEYLOG ? file_append_line(path, data, size) : file_store(path, data, size);
    if (r != 0) {
        warn("%s: %s", path, strerror(errno));
    }
    if (kind == SESSILE_NOTICE_TLS_TICKET) {
        fetch->ticket = 1;
        fetch_maybe_end(fetch);
    }
    return 0;
}

/* With a length, an HTTP answer is known to be whole, however the server closes. */
static int fetch_status(struct fetch *fetch, int error)
{
    int whole = fetch->options->http != NULL && fetch->http.state == HTTP_DONE;
    int cut = error == SESSILE_ERR_TRUNCATED || error == SESSILE_ERR_DROPPED;
    if (error != 0 && !(whole && cut)) {
        return status_of(error);
    }
    if (fetch->options->http != NULL && (!whole || fetch->http.status / 100 != 2)) {
        warn("HTTP status %d%s", fetch->http.status, whole ? "" : ", and the answer is not whole");
        return STATUS_CONTENT;
    }
    return STATUS_OK;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct fetch *fetch = app;
    double seconds = seconds_now() - fetch->begin;
    if (error != 0) {
        warn("%s: %s", sessile_error_name(error), sessile_session_error_text(session));
    }
    fetch->status = fetch_status(fetch, error);
    if (fetch->options->verbose) {
        facts_list(stderr, session, error);
    }
    if (fetch->options->json) {
        facts_json(stderr, session, error, fetch->status, fetch->bytes, seconds);
    }
    fetch->session = NULL;
    watch_close(&fetch->input);
    tofu_drop(&fetch->tofu);
    sessile_session_free(session);
}

static void on_gone(void *owner)
{
    struct fetch *fetch = owner;
    fetch->wire = NULL;
    loop_stop(fetch->loop);
}

/* ---- running it ---- */

static sessile_callbacks *fetch_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_withdrawn(callbacks, on_withdrawn);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

static void fetch_resume(struct fetch *fetch, const char *path)
{
    size_t size;
    uint8_t *data = file_load(path, &size);
    if (sessile_tls_resume(fetch->session, data, size) != 0) {
        die("%s: not a session that can be resumed", path);
    }
    free(data);
}

static void fetch_begin(struct fetch *fetch, sessile_tls_config *config)
{
    const struct fetch_options *options = fetch->options;
    sessile_callbacks *callbacks = fetch_callbacks();
    sessile_session_set_counters(fetch->session, 1);
    if (options->keylog != NULL) {
        sessile_tls_insecure_keylog(fetch->session, 1);
    }
    if (options->session_in != NULL) {
        fetch_resume(fetch, options->session_in);
    }
    int r = sessile_tls_connect(fetch->session, config, options->name, callbacks, fetch);
    if (r != 0) {
        die("the session does not start: %s (%s)", sessile_error_describe(r), sessile_error_name(r));
    }
    sessile_callbacks_free(callbacks);
    if (fetch->session != NULL) {
        fetch->stream = sessile_session_stream(fetch->session);
    }
}

static int fetch_open_output(const char *path)
{
    int fd = path == NULL ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        die("%s: %s", path == NULL ? "stdout" : path, strerror(errno));
    }
    return fd;
}

int fetch_run(struct loop *loop, int in, int out, sessile_tls_config *config, const struct fetch_options *options)
{
    struct fetch fetch;
    memset(&fetch, 0, sizeof fetch);
    fetch.options = options;
    fetch.loop = loop;
    fetch.status = STATUS_SESSION;
    fetch.output = fetch_open_output(options->output);
    fetch.begin = seconds_now();
    watch_open(&fetch.input, loop, STDIN_FILENO, on_input, &fetch);
    fetch.wire = wire_open(loop, in, out, &fetch.session);
    wire_on_gone(fetch.wire, on_gone, &fetch);
    if (options->feed > 0) {
        wire_set_feed(fetch.wire, options->feed);
    }
    fetch_begin(&fetch, config);
    loop_run(loop);
    if (close(fetch.output) != 0 && fetch.status == STATUS_OK) {
        warn("%s: %s", options->output != NULL ? options->output : "stdout", strerror(errno));
        fetch.status = STATUS_USAGE;
    }
    free(fetch.pending);
    return fetch.status;
}
