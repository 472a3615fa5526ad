/* SPDX-License-Identifier: Apache-2.0
 *
 * Session channels: a program for each, its descriptors on a pump. When it has ended and its output is out, how it
 * ended is told, and then the stream is ended, which closes the channel. A program whose channel is closed before is
 * hung up.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/ssh_guest.h"
#include "common/util.h"

#define RETRY_SECONDS 0.05

/* ---- life ---- */

/* It is in no list any more. */
static void shell_free(struct shell *shell)
{
    timer_stop(&shell->timer, shell->server->loop);
    environment_free(&shell->environment);
    if (shell->terminal != NULL) {
        free(shell->terminal->modes);
    }
    free(shell->terminal);
    free(shell);
}

static void shell_unlink(const struct shell *shell)
{
    struct shell **link = &shell->server->shells;
    while (*link != shell) {
        link = &(*link)->next;
    }
    *link = shell->next;
}

static void shell_try_free(struct shell *shell)
{
    if (shell->pump == NULL && shell->pid == 0) {
        struct ssh_server *server = shell->server;
        shell_unlink(shell);
        shell_free(shell);
        if (server->on_done != NULL) {
            server->on_done(server);
        }
    }
}

static void shell_signal(const struct shell *shell, int number)
{
    if (shell->pid > 0 && number > 0) {
        kill(-shell->pid, number);
    }
}

/* ---- how it ended ---- */

static int send_end(const struct shell *shell)
{
    if (WIFEXITED(shell->status)) {
        return sessile_ssh_send_exit_status(shell->stream, WEXITSTATUS(shell->status));
    }
    const char *name = signal_name(WTERMSIG(shell->status));
    if (name == NULL) {
        return sessile_ssh_send_exit_status(shell->stream, 128 + WTERMSIG(shell->status));
    }
    return sessile_ssh_send_exit_signal(shell->stream, name, WCOREDUMP(shell->status), "");
}

static void shell_tell(void *owner)
{
    struct shell *shell = owner;
    if (shell->stream == NULL || !shell->untold || !shell->pump->drained) {
        return;
    }
    if (send_end(shell) == SESSILE_ERR_LIMIT) {
        timer_start(&shell->timer, shell->server->loop, RETRY_SECONDS, shell_tell, shell);
        return;
    }
    shell->untold = 0;
    if (shell->stream != NULL) {
        sessile_stream_end(shell->stream);
    }
}

void shell_reap(struct ssh_server *server)
{
    struct shell *next;
    for (struct shell *shell = server->shells; shell != NULL; shell = next) {
        next = shell->next;
        if (shell->pid > 0 && waitpid(shell->pid, &shell->status, WNOHANG) == shell->pid) {
            shell->pid = 0;
            shell->untold = 1;
            shell_tell(shell);
            shell_try_free(shell);
        }
    }
}

/* ---- the pump's hooks ---- */

static int shell_terminal(const struct shell *shell)
{
    const struct source *source = &shell->pump->sources[0];
    return shell->terminal != NULL && source->open ? source->watch.fd : -1;
}

static void shell_resize(const struct shell *shell)
{
    int fd = shell_terminal(shell);
    if (fd >= 0) {
        child_set_size(fd, sessile_ssh_terminal(shell->stream, SESSILE_SSH_COLUMNS),
                       sessile_ssh_terminal(shell->stream, SESSILE_SSH_ROWS),
                       sessile_ssh_terminal(shell->stream, SESSILE_SSH_WIDTH),
                       sessile_ssh_terminal(shell->stream, SESSILE_SSH_HEIGHT));
    }
}

static void on_request(struct pump *pump, int request)
{
    struct shell *shell = pump->owner;
    if (request == SESSILE_SSH_WINDOW_CHANGE) {
        shell_resize(shell);
    } else if (request == SESSILE_SSH_SIGNAL) {
        shell_signal(shell, signal_number(sessile_ssh_signal(shell->stream)));
    } else if (request == SESSILE_SSH_BREAK) {
        shell_signal(shell, SIGINT); /* what a line's break is to its terminal */
    }
}

static void on_drained(struct pump *pump)
{
    shell_tell(pump->owner);
}

static void on_closed(struct pump *pump, int error)
{
    struct shell *shell = pump->owner;
    (void)error;
    shell->stream = NULL;
    shell_signal(shell, SIGHUP);
    pump_cut(pump);
}

static void on_gone(struct pump *pump)
{
    struct shell *shell = pump->owner;
    shell->pump = NULL;
    shell_try_free(shell);
}

static const struct pump_hooks shell_hooks = {
    .request = on_request,
    .drained = on_drained,
    .closed = on_closed,
    .gone = on_gone,
};

struct shell *shell_new(struct ssh_guest *guest, sessile_stream *stream)
{
    struct shell *shell = need_alloc(sizeof *shell);
    memset(shell, 0, sizeof *shell);
    shell->server = guest->server;
    shell->guest = guest;
    shell->stream = stream;
    shell->pump = pump_new(guest->server->loop, &shell_hooks, shell);
    child_environment(&shell->environment);
    shell->next = guest->server->shells;
    guest->server->shells = shell;
    return shell;
}

struct shell *shell_find(struct ssh_server *server, sessile_stream *stream)
{
    struct shell *shell = server->shells;
    while (shell != NULL && (shell->stream != stream || stream == NULL)) {
        shell = shell->next;
    }
    return shell;
}

void shell_free_all(struct ssh_server *server)
{
    struct shell *next;
    for (struct shell *shell = server->shells; shell != NULL; shell = next) {
        next = shell->next;
        shell_signal(shell, SIGHUP);
        shell_free(shell);
    }
    server->shells = NULL;
}

/* ---- what is asked of it ---- */

static int take_terminal(struct shell *shell, sessile_question *question)
{
    const void *modes;
    size_t size;
    if (shell->terminal != NULL || !guest_may(shell->guest, SESSILE_GRANT_PTY)) {
        return 0;
    }
    struct terminal_request *terminal = need_alloc(sizeof *terminal);
    terminal->columns = item_number(question, SESSILE_ITEM_COLUMNS);
    terminal->rows = item_number(question, SESSILE_ITEM_ROWS);
    terminal->width = item_number(question, SESSILE_ITEM_WIDTH);
    terminal->height = item_number(question, SESSILE_ITEM_HEIGHT);
    terminal->modes = NULL;
    terminal->modes_size = 0;
    if (sessile_question_get(question, SESSILE_ITEM_MODES, 0, &modes, &size) == 0) {
        terminal->modes = need_alloc(size);
        terminal->modes_size = size;
        memcpy(terminal->modes, modes, size);
    }
    environment_set(&shell->environment, "TERM", item_text(question, SESSILE_ITEM_TERM));
    shell->terminal = terminal;
    return 1;
}

static int take_environment(struct shell *shell, sessile_question *question)
{
    const char *name = item_text(question, SESSILE_ITEM_NAME);
    if (strcmp(name, "LANG") != 0 && strncmp(name, "LC_", 3) != 0 && strcmp(name, "TERM") != 0) {
        return 0;
    }
    return strchr(name, '=') == NULL &&
           environment_set(&shell->environment, name, item_text(question, SESSILE_ITEM_VALUE)) == 0;
}

static int take_agent(struct shell *shell)
{
    shell->agent = shell->server->allow_forward && guest_may(shell->guest, SESSILE_GRANT_AGENT_FORWARDING) &&
                   visit_agent(shell->guest, &shell->environment) == 0;
    return shell->agent;
}

/* ---- programs ---- */

static const char *subsystem_command(const struct ssh_server *server, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < server->subsystem_count; i++) {
        if (strncmp(server->subsystems[i], name, size) == 0 && server->subsystems[i][size] == '=') {
            return server->subsystems[i] + size + 1;
        }
    }
    return NULL;
}

static void describe_connection(struct shell *shell)
{
    const struct ssh_guest *guest = shell->guest;
    char host[NET_HOST_SIZE];
    char text[2 * NET_HOST_SIZE + 32];
    int port;
    wire_name(guest->wire, host, sizeof host, &port);
    snprintf(text, sizeof text, "%s %d %s %d", guest->address, guest->port, host, port);
    environment_set(&shell->environment, "SSH_CONNECTION", text);
    snprintf(text, sizeof text, "%s %d %d", guest->address, guest->port, port);
    environment_set(&shell->environment, "SSH_CLIENT", text);
}

/* The command that is run: the grant's, if it has one, in place of what is asked for. */
static const char *choose_command(struct shell *shell, const char *asked, const char *command)
{
    const char *forced = shell->guest->grant == NULL ? NULL : sessile_grant_command(shell->guest->grant);
    if (forced == NULL) {
        return command;
    }
    if (asked != NULL) {
        environment_set(&shell->environment, "SSH_ORIGINAL_COMMAND", asked);
    }
    return forced;
}

static int run(struct shell *shell, const char *asked, const char *command, const struct terminal_request *terminal)
{
    struct child child;
    describe_connection(shell);
    command = choose_command(shell, asked, command);
    if (child_start(&child, command, terminal, &shell->environment) != 0) {
        warn("a program cannot be started: %s", strerror(errno));
        return 0;
    }
    shell->pid = child.pid;
    pump_write_to(shell->pump, child.in, 0);
    pump_read_from(shell->pump, child.out, 0);
    if (child.err >= 0) {
        pump_read_from(shell->pump, child.err, 1);
    }
    return 1;
}

static int take_subsystem(struct shell *shell, const char *name)
{
    const char *command = subsystem_command(shell->server, name);
    return command != NULL && run(shell, name, command, NULL);
}

static int take_program(struct shell *shell, sessile_question *question, const char *type)
{
    if (strcmp(type, "shell") == 0) {
        return run(shell, NULL, NULL, shell->terminal);
    }
    if (strcmp(type, "subsystem") == 0) {
        return take_subsystem(shell, item_text(question, SESSILE_ITEM_NAME));
    }
    const char *command = item_text(question, SESSILE_ITEM_COMMAND);
    return run(shell, command, command, shell->terminal);
}

static int shell_take(struct shell *shell, sessile_question *question)
{
    const char *type = item_text(question, SESSILE_ITEM_TYPE);
    if (strcmp(type, "pty-req") == 0) {
        return take_terminal(shell, question);
    }
    if (strcmp(type, "env") == 0) {
        return take_environment(shell, question);
    }
    if (strcmp(type, "auth-agent-req@openssh.com") == 0) {
        return take_agent(shell);
    }
    if (strcmp(type, "x11-req") == 0 || shell->pid > 0) {
        return 0;
    }
    return take_program(shell, question, type);
}

void shell_question(struct shell *shell, sessile_question *question)
{
    if (shell->guest != NULL && files_wanted(shell, question)) {
        sessile_question_accept(question);
        files_start(shell, shell->stream);
    } else if (shell->guest != NULL && shell_take(shell, question)) {
        sessile_question_accept(question);
    } else {
        sessile_question_refuse(question, 0);
    }
}

void shell_opened(struct shell *shell)
{
    pump_take(shell->pump, shell->stream);
}
