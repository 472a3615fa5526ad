/* SPDX-License-Identifier: Apache-2.0
 *
 * A child is the leader of a session and a process group of its own, so that a signal reaches all that it starts.
 */
#include "common/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/tty_modes.h"
#include "common/util.h"

#define ENVIRONMENT_MOST 128

/* ---- signals ---- */

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE},   {"HUP", SIGHUP},   {"ILL", SIGILL},
    {"INT", SIGINT},   {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},
    {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
};

#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

int signal_number(const char *name)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (strcmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return 0;
}

const char *signal_name(int number)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (signals[i].number == number) {
            return signals[i].name;
        }
    }
    return NULL;
}

/* ---- the environment ---- */

static size_t environment_find(const struct environment *environment, const char *name)
{
    size_t size = strlen(name);
    size_t i = 0;
    while (i < environment->count &&
           (strncmp(environment->entries[i], name, size) != 0 || environment->entries[i][size] != '=')) {
        i++;
    }
    return i;
}

int environment_set(struct environment *environment, const char *name, const char *value)
{
    size_t at = environment_find(environment, name);
    if (at == ENVIRONMENT_MOST) {
        return -1;
    }
    if (environment->entries == NULL) {
        environment->entries = need_alloc((ENVIRONMENT_MOST + 1) * sizeof *environment->entries);
    }
    size_t size = strlen(name) + strlen(value) + 2;
    char *entry = need_alloc(size);
    snprintf(entry, size, "%s=%s", name, value);
    if (at < environment->count) {
        free(environment->entries[at]);
    } else {
        environment->count++;
    }
    environment->entries[at] = entry;
    environment->entries[environment->count] = NULL;
    return 0;
}

void environment_free(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        free(environment->entries[i]);
    }
    free(environment->entries);
    memset(environment, 0, sizeof *environment);
}

static const char *user_shell(const struct passwd *user)
{
    return user != NULL && *user->pw_shell != 0 ? user->pw_shell : "/bin/sh";
}

void child_environment(struct environment *environment)
{
    const struct passwd *user = getpwuid(getuid());
    environment_set(environment, "HOME", user != NULL ? user->pw_dir : "/");
    environment_set(environment, "USER", user != NULL ? user->pw_name : "user");
    environment_set(environment, "LOGNAME", user != NULL ? user->pw_name : "user");
    environment_set(environment, "SHELL", user_shell(user));
    environment_set(environment, "PATH",
                    getuid() == 0 ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                                  : "/usr/local/bin:/usr/bin:/bin");
}

/* ---- the child's side of the fork ---- */

static _Noreturn void child_run(const char *command, struct environment *environment)
{
    const struct passwd *user = getpwuid(getuid());
    const char *shell = user_shell(user);
    const char *name = strrchr(shell, '/') != NULL ? strrchr(shell, '/') + 1 : shell;
    char login[256];
    loop_forget_signals();
    if (user == NULL || chdir(user->pw_dir) != 0) {
        (void)!chdir("/");
    }
    snprintf(login, sizeof login, "-%s", name);
    char *with[] = {(char *)name, "-c", (char *)command, NULL};
    char *without[] = {login, NULL};
    execve(shell, command != NULL ? with : without, environment->entries);
    fprintf(stderr, "%s: %s\n", shell, strerror(errno));
    _exit(127);
}

/* ---- pipes ---- */

static void close_pair(const int pair[2])
{
    if (pair[0] >= 0) {
        close(pair[0]);
        close(pair[1]);
    }
}

static int open_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++) {
        pipes[i][0] = pipes[i][1] = -1;
    }
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) != 0) {
            return -1;
        }
    }
    return 0;
}

static void keep(int *kept, int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *kept = fd;
}

static int start_with_pipes(struct child *child, const char *command, struct environment *environment)
{
    int pipes[3][2];
    child->pid = open_pipes(pipes) == 0 ? fork() : -1;
    if (child->pid == 0) {
        setsid();
        if (dup2(pipes[0][0], 0) < 0 || dup2(pipes[1][1], 1) < 0 || dup2(pipes[2][1], 2) < 0) {
            _exit(127);
        }
        child_run(command, environment);
    }
    if (child->pid < 0) {
        for (int i = 0; i < 3; i++) {
            close_pair(pipes[i]);
        }
        return -1;
    }
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    keep(&child->in, pipes[0][1]);
    keep(&child->out, pipes[1][0]);
    keep(&child->err, pipes[2][0]);
    return 0;
}

/* ---- a terminal ---- */

void child_set_size(int terminal, int columns, int rows, int width, int height)
{
    struct winsize size = {
        .ws_col = (unsigned short)columns,
        .ws_row = (unsigned short)rows,
        .ws_xpixel = (unsigned short)width,
        .ws_ypixel = (unsigned short)height,
    };
    ioctl(terminal, TIOCSWINSZ, &size);
}

static void prepare_terminal(int fd, const struct terminal_request *terminal)
{
    struct termios modes;
    if (tcgetattr(fd, &modes) == 0) {
        tty_modes_get(&modes, terminal->modes, terminal->modes_size);
        tcsetattr(fd, TCSANOW, &modes);
    }
    child_set_size(fd, terminal->columns, terminal->rows, terminal->width, terminal->height);
}

static int start_at_terminal(struct child *child, const char *command, const struct terminal_request *terminal,
                             struct environment *environment)
{
    int master;
    int slave;
    char name[64];
    if (openpty(&master, &slave, name, NULL, NULL) != 0) {
        return -1;
    }
    prepare_terminal(slave, terminal);
    environment_set(environment, "SSH_TTY", name);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    child->out = fcntl(master, F_DUPFD_CLOEXEC, 0);
    child->pid = child->out < 0 ? -1 : fork();
    if (child->pid == 0) {
        setsid();
        if (ioctl(slave, TIOCSCTTY, 0) != 0 || dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0) {
            _exit(127);
        }
        child_run(command, environment);
    }
    close(slave);
    if (child->pid < 0) {
        close(master);
        if (child->out >= 0) {
            close(child->out);
        }
        return -1;
    }
    keep(&child->in, master);
    child->err = -1;
    return 0;
}

int child_start(struct child *child, const char *command, const struct terminal_request *terminal,
                struct environment *environment)
{
    if (terminal != NULL) {
        return start_at_terminal(child, command, terminal, environment);
    }
    return start_with_pipes(child, command, environment);
}
