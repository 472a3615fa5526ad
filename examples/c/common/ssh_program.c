/* SPDX-License-Identifier: Apache-2.0
 *
 * A program on the server, joined to stdin, stdout and stderr; or a connection from there (-W), joined to two of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/ssh_client.h"
#include "common/tty_modes.h"
#include "common/util.h"

/* ---- our own descriptors ---- */

/* A pipe is opened anew, so that it need not block and whoever shares it does not notice. */
static int own(int fd, int flags)
{
    struct stat facts;
    char path[32];
    int copy = -1;
    if (fstat(fd, &facts) == 0 && S_ISFIFO(facts.st_mode)) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        copy = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    }
    if (copy < 0) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    if (copy < 0) {
        die("descriptor %d: %s", fd, strerror(errno));
    }
    return copy;
}

static int own_stdin(const struct ssh_client *client)
{
    int fd = client->no_stdin ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    return fd >= 0 ? fd : own(STDIN_FILENO, O_RDONLY);
}

/* ---- the terminal ---- */

static void on_resized(struct watch *watch, uint32_t events, void *owner)
{
    const struct ssh_client *client = owner;
    struct winsize size;
    (void)events;
    watch_signal_take(watch);
    if (client->main != NULL && client->main->stream != NULL && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        sessile_ssh_window_change(client->main->stream, size.ws_col, size.ws_row, size.ws_xpixel, size.ws_ypixel);
    }
}

static void be_raw(struct ssh_client *client)
{
    if (client->terminal <= 0 || client->no_stdin || tcgetattr(STDIN_FILENO, &client->modes) != 0) {
        return;
    }
    struct termios modes = client->modes;
    cfmakeraw(&modes);
    client->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &modes) == 0;
    watch_signal(&client->resized, client->loop, SIGWINCH, on_resized, client);
}

void program_restore_terminal(struct ssh_client *client)
{
    if (client->raw) {
        client->raw = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &client->modes);
    }
    if (client->resized.loop != NULL) {
        watch_close(&client->resized);
        close(client->resized.fd);
    }
}

static int request_terminal(sessile_stream *stream)
{
    uint8_t encoded[TTY_MODES_SIZE];
    struct termios modes;
    struct winsize size = {.ws_col = 80, .ws_row = 24};
    const char *term = getenv("TERM");
    size_t n = 0;
    (void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
    if (tcgetattr(STDIN_FILENO, &modes) == 0) {
        n = tty_modes_put(&modes, encoded);
    }
    return sessile_ssh_request_pty(stream, term != NULL ? term : "vt100", size.ws_col, size.ws_row, size.ws_xpixel,
                                   size.ws_ypixel, n > 0 ? encoded : NULL, n);
}

/* ---- what is asked for ---- */

static void asked(struct ssh_client *client, enum request request, int result)
{
    if (result < 0) {
        warn("a request cannot be sent: %s", sessile_error_describe(result));
        sessile_stream_abort(client->main->stream);
        return;
    }
    client->requests[client->requests_sent++] = request;
}

/* Room is kept for what matters more. */
static void ask_environment(struct ssh_client *client)
{
    for (char **entry = environ; *entry != NULL && client->requests_sent < REQUESTS_MOST - 2; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL || (strncmp(*entry, "LANG=", 5) != 0 && strncmp(*entry, "LC_", 3) != 0)) {
            continue;
        }
        char *name = need_string(*entry);
        name[equals - *entry] = 0;
        asked(client, REQUEST_ENVIRONMENT, sessile_ssh_request_env(client->main->stream, name, equals + 1));
        free(name);
    }
}

static int request_program(const struct ssh_client *client, sessile_stream *stream)
{
    if (client->subsystem != NULL) {
        return sessile_ssh_request_subsystem(stream, client->subsystem);
    }
    if (client->command != NULL) {
        return sessile_ssh_request_exec(stream, client->command, strlen(client->command));
    }
    return sessile_ssh_request_shell(stream);
}

static void ask_for_all(struct ssh_client *client)
{
    sessile_stream *stream = client->main->stream;
    sessile_session *session = sessile_stream_session(stream);
    sessile_session_enter(session); /* one flight */
    if (client->forward_agent) {
        asked(client, REQUEST_AGENT, sessile_ssh_request_agent(stream));
    }
    if (client->terminal > 0) {
        asked(client, REQUEST_TERMINAL, request_terminal(stream));
    }
    ask_environment(client);
    asked(client, REQUEST_PROGRAM, request_program(client, stream));
    sessile_session_leave(session);
}

static void on_answer(struct ssh_client *client, int accepted)
{
    static const char *const names[] = {
        [REQUEST_AGENT] = "agent forwarding",
        [REQUEST_TERMINAL] = "a terminal",
        [REQUEST_PROGRAM] = "a program",
    };
    if (client->requests_answered == client->requests_sent) {
        return;
    }
    enum request request = client->requests[client->requests_answered++];
    if (!accepted && request != REQUEST_ENVIRONMENT) {
        warn("the server refuses %s", names[request]);
    }
    if (request != REQUEST_PROGRAM) {
        return;
    }
    if (accepted) {
        be_raw(client);
        pump_read_from(client->main, own_stdin(client), 0);
    } else {
        sessile_stream_abort(client->main->stream);
    }
}

/* ---- the pump's hooks ---- */

static void on_request(struct pump *pump, int request)
{
    struct ssh_client *client = pump->owner;
    if (request == SESSILE_SSH_OPENED) {
        ask_for_all(client);
    } else if (request == SESSILE_SSH_ACCEPTED || request == SESSILE_SSH_REFUSED) {
        on_answer(client, request == SESSILE_SSH_ACCEPTED);
    } else if (request == SESSILE_SSH_EXIT_STATUS) {
        client->exit_status = (int)(sessile_ssh_exit_status(pump->stream) & 0xff);
    } else if (request == SESSILE_SSH_EXIT_SIGNAL) {
        warn("the program was ended by signal %s", sessile_ssh_exit_signal(pump->stream));
    }
}

static void on_closed(struct pump *pump, int error)
{
    struct ssh_client *client = pump->owner;
    program_restore_terminal(client);
    if (error == SESSILE_ERR_REFUSED && pump->stream != NULL) {
        warn("the server opens no channel: %s", sessile_ssh_open_text(pump->stream));
    }
}

static void on_gone(struct pump *pump)
{
    struct ssh_client *client = pump->owner;
    client->main = NULL;
    client_end(client, client->exit_status);
}

static const struct pump_hooks program_hooks = {.request = on_request, .closed = on_closed, .gone = on_gone};

static void on_stdio_request(struct pump *pump, int request)
{
    struct ssh_client *client = pump->owner;
    if (request == SESSILE_SSH_OPENED) {
        client->exit_status = 0;
        pump_read_from(pump, own_stdin(client), 0);
    }
}

static const struct pump_hooks stdio_hooks = {.request = on_stdio_request, .closed = on_closed, .gone = on_gone};

/* ---- the start ---- */

static void start_stdio(struct ssh_client *client, sessile_session *session)
{
    const struct address *address = &client->stdio.address;
    struct pump *pump = client->main = pump_new(client->loop, &stdio_hooks, client);
    pump_write_to(pump, own(STDOUT_FILENO, O_WRONLY), 0);
    pump_attach(pump, address->path != NULL ? sessile_ssh_open_unix(session, address->path, pump_callbacks(), pump)
                                            : sessile_ssh_open_tcp(session, address->host, address->port, "127.0.0.1",
                                                                   0, pump_callbacks(), pump));
}

static void start_session(struct ssh_client *client, sessile_session *session)
{
    if (client->terminal == 0) {
        client->terminal = client->command == NULL && client->subsystem == NULL && isatty(STDIN_FILENO) ? 1 : -1;
    }
    struct pump *pump = client->main = pump_new(client->loop, &program_hooks, client);
    pump_write_to(pump, own(STDOUT_FILENO, O_WRONLY), 0);
    pump_write_to(pump, own(STDERR_FILENO, O_WRONLY), 1);
    pump_attach(pump, sessile_ssh_open_session(session, pump_callbacks(), pump));
}

void program_start(struct ssh_client *client)
{
    sessile_session *session = client_last(client)->session;
    client->exit_status = STATUS_FAILED;
    if (client->start != NULL) {
        client->start(client, session);
    } else if (tunnels_start(client) != 0) {
        client_end(client, STATUS_FAILED);
    } else if (client->stdio.kind != TARGET_NONE) {
        start_stdio(client, session);
    } else if (!client->no_program) {
        start_session(client, session);
    }
}
