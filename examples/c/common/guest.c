/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's life: taken, served, over (its session has closed), gone (its wire has too). It is freed when no frame of
 * it is on the stack.
 */
#include "common/guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/facts.h"
#include "common/util.h"

#define PIECE_SIZE 65536
#define LINE_LIMIT 4096

/* ---- services' tools ---- */

void guest_used(struct guest *guest, size_t size)
{
    guest->input_size -= size;
    memmove(guest->input, guest->input + size, guest->input_size);
    if (guest->input_size == 0) {
        free(guest->input);
        guest->input = NULL;
        guest->input_capacity = 0;
    }
    if (guest->session != NULL) {
        sessile_stream_consumed(guest->stream, size);
    }
}

void guest_end(struct guest *guest)
{
    if (!guest->ended && guest->session != NULL) {
        guest->ended = 1;
        sessile_stream_end(guest->stream);
    }
}

void guest_abort(struct guest *guest)
{
    if (guest->session != NULL) {
        sessile_stream_abort(guest->stream);
    }
}

/* One component at a time, so that no link on the way leads out. */
static int open_below(int directory, const char *path)
{
    int at = dup(directory);
    while (at >= 0) {
        size_t size = strcspn(path, "/");
        char name[256];
        if (size == 0 || size >= sizeof name || (size == 1 && path[0] == '.') ||
            (size == 2 && path[0] == '.' && path[1] == '.')) {
            close(at);
            return -1;
        }
        memcpy(name, path, size);
        name[size] = 0;
        int last = path[size] == 0;
        int next = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        close(at);
        if (last) {
            return next;
        }
        at = next;
        path += size + 1;
    }
    return -1;
}

int guest_open(struct guest *guest, const char *path)
{
    struct stat facts;
    int fd = guest->server->directory < 0 ? -1 : open_below(guest->server->directory, path);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        close(fd);
        return -1;
    }
    guest->file = fd;
    guest->file_offset = 0;
    guest->file_left = facts.st_size;
    return 0;
}

static void guest_close_file(struct guest *guest)
{
    if (guest->file >= 0) {
        close(guest->file);
    }
    guest->file = -1;
    guest->file_left = 0;
}

/* ---- output ---- */

/* Returns whether all of it is out. */
static int guest_send_head(struct guest *guest)
{
    size_t left = guest->head_size - guest->head_start;
    if (left == 0) {
        return 1;
    }
    int taken = sessile_stream_write(guest->stream, guest->head + guest->head_start, left);
    guest->head_start += taken > 0 ? (size_t)taken : 0;
    return guest->head_start == guest->head_size;
}

/* What a short write leaves is read from the file again. */
static int guest_send_file(struct guest *guest)
{
    char piece[PIECE_SIZE];
    while (guest->file_left > 0 && guest->session != NULL) {
        size_t size = guest->file_left < PIECE_SIZE ? (size_t)guest->file_left : PIECE_SIZE;
        ssize_t n = pread(guest->file, piece, size, guest->file_offset);
        if (n <= 0) {
            guest_abort(guest); /* It has become shorter than what was promised. */
            return 0;
        }
        int taken = sessile_stream_write(guest->stream, piece, (size_t)n);
        if (taken > 0) {
            guest->file_offset += taken;
            guest->file_left -= taken;
        }
        if (taken < n) {
            return 0;
        }
    }
    guest_close_file(guest);
    return 1;
}

/* Called again from inside itself where a write makes room or credit brings data: then it goes round once more. */
static void guest_advance(struct guest *guest)
{
    guest->again = 1;
    if (guest->busy) {
        return;
    }
    guest->busy = 1;
    while (guest->again && guest->session != NULL) {
        guest->again = 0;
        while (guest->session != NULL && guest_send_head(guest) && guest_send_file(guest) && !guest->ended &&
               guest->server->service(guest)) {
        }
    }
    guest->busy = 0;
}

/* ---- two services ---- */

int guest_echo(struct guest *guest)
{
    if (guest->input_size == 0) {
        if (guest->peer_ended) {
            guest_end(guest);
        }
        return 0;
    }
    int taken = sessile_stream_write(guest->stream, guest->input, guest->input_size);
    if (taken <= 0) {
        return 0;
    }
    int all = (size_t)taken == guest->input_size;
    guest_used(guest, (size_t)taken);
    return all;
}

int guest_files(struct guest *guest)
{
    char path[LINE_LIMIT];
    if (guest->last) {
        guest_end(guest);
        return 0;
    }
    const uint8_t *end = guest->input_size == 0 ? NULL : memchr(guest->input, '\n', guest->input_size);
    size_t size = end == NULL ? guest->input_size : (size_t)(end - guest->input);
    if (size >= sizeof path || (end == NULL && guest->peer_ended)) {
        guest_abort(guest);
        return 0;
    }
    if (end == NULL) {
        return 0;
    }
    memcpy(path, guest->input, size);
    path[size] = 0;
    guest_used(guest, size + 1);
    if (strlen(path) != size || guest_open(guest, path) != 0) {
        guest_abort(guest);
        return 0;
    }
    guest->last = 1;
    return 1;
}

/* ---- the session's callbacks ---- */

static int on_ready(sessile_session *session, void *app)
{
    (void)session;
    guest_advance(app);
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct guest *guest = app;
    (void)stream;
    if (guest->input_size + size > guest->input_capacity) {
        guest->input_capacity = 2 * (guest->input_size + size);
        guest->input = need_realloc(guest->input, guest->input_capacity);
    }
    memcpy(guest->input + guest->input_size, data, size);
    guest->input_size += size;
    guest_advance(guest);
    return 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    struct guest *guest = app;
    (void)stream;
    guest->peer_ended = 1;
    guest_advance(guest);
    return 0;
}

static int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    guest_advance(app);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct guest *guest = app;
    (void)session;
    if (kind == SESSILE_NOTICE_TLS_KEYLOG && file_append_line(guest->server->keylog, data, size) != 0) {
        warn("%s: cannot be written", guest->server->keylog);
    }
    return 0;
}

static void guest_free(void *owner)
{
    struct guest *guest = owner;
    guest_close_file(guest);
    free(guest->input);
    free(guest);
}

/* Leave the list, and the world, once the session is over and the wire is gone. */
static void guest_try_free(struct guest *guest)
{
    struct server *server = guest->server;
    if (guest->session != NULL || guest->wire != NULL || guest->left) {
        return;
    }
    guest->left = 1;
    if (guest->next != NULL) {
        guest->next->previous = guest->previous;
    }
    if (guest->previous != NULL) {
        guest->previous->next = guest->next;
    } else {
        server->guests = guest->next;
    }
    server->count--;
    server->done++;
    loop_later(server->loop, guest_free, guest);
    if (server->on_done != NULL) {
        server->on_done(server);
    }
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct guest *guest = app;
    if (guest->server->verbose) {
        facts_line(stdout, session, error);
    } else if (error != 0 && !guest->server->quiet) {
        warn("%s: %s", sessile_error_name(error), sessile_session_error_text(session));
    }
    guest->session = NULL;
    guest->stream = NULL;
    sessile_session_free(session);
    guest_try_free(guest);
}

static void on_gone(void *owner)
{
    struct guest *guest = owner;
    guest->wire = NULL;
    guest_try_free(guest);
}

/* ---- the server ---- */

void server_start(struct server *server)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    server->callbacks = callbacks;
}

static void guest_begin(struct guest *guest, sessile_session *session)
{
    struct server *server = guest->server;
    guest->session = session;
    if (server->verbose) {
        sessile_session_set_counters(session, 1);
    }
    if (server->keylog != NULL) {
        sessile_tls_insecure_keylog(session, 1);
    }
    int r = sessile_tls_accept(session, server->config, server->callbacks, guest);
    if (r != 0) {
        die("a TLS session does not start: %s", sessile_error_name(r));
    }
    guest->stream = sessile_session_stream(session);
    sessile_stream_set_manual(guest->stream, 1);
}

void server_take(struct server *server, int in, int out)
{
    struct guest *guest = need_alloc(sizeof *guest);
    sessile_session *session;
    memset(guest, 0, sizeof *guest);
    guest->server = server;
    guest->file = -1;
    guest->next = server->guests;
    if (guest->next != NULL) {
        guest->next->previous = guest;
    }
    server->guests = guest;
    server->count++;
    guest->wire = wire_open(server->loop, in, out, &session);
    if (server->feed > 0) {
        wire_set_feed(guest->wire, server->feed);
    }
    if (in == out) {
        wire_set_linger(guest->wire);
    }
    wire_on_gone(guest->wire, on_gone, guest);
    guest_begin(guest, session);
}

void server_end(struct server *server)
{
    struct guest *next;
    for (struct guest *guest = server->guests; guest != NULL; guest = next) {
        next = guest->next;
        if (guest->session != NULL) {
            sessile_session_end(guest->session);
        }
    }
}

void server_free(struct server *server)
{
    server->on_done = NULL;
    while (server->guests != NULL) {
        struct guest *guest = server->guests;
        sessile_session *session = guest->session;
        guest->session = NULL;
        sessile_session_free(session);
        if (guest->wire != NULL) {
            wire_cut(guest->wire);
        }
        guest_try_free(guest);
    }
    sessile_callbacks_free(server->callbacks);
    sessile_tls_config_free(server->config);
}
