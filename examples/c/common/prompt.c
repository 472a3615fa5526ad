/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompts. The terminal is put back as it was whatever happens, a signal that stops the loop included: its owner then
 * drops the prompt.
 */
#include "common/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/ssh_options.h"
#include "common/util.h"

static void prompt_close(struct prompt *prompt)
{
    if (prompt->terminal.loop == NULL) {
        return;
    }
    watch_close(&prompt->terminal);
    if (prompt->silent) {
        tcsetattr(prompt->terminal.fd, TCSAFLUSH, &prompt->before);
        (void)!write(prompt->terminal.fd, "\n", 1);
    }
    close(prompt->terminal.fd);
}

static void prompt_finish(void *owner)
{
    struct prompt *prompt = owner;
    char line[sizeof prompt->line];
    int whole = prompt->size > 0 && prompt->line[prompt->size - 1] == '\n';
    if (prompt->loop == NULL) {
        return;
    }
    memcpy(line, prompt->line, prompt->size);
    line[prompt->size > 0 ? prompt->size - 1 : 0] = 0;
    prompt_drop(prompt);
    prompt->done(prompt->owner, whole ? line : NULL);
    explicit_bzero(line, sizeof line);
}

void prompt_drop(struct prompt *prompt)
{
    prompt_close(prompt);
    explicit_bzero(prompt->line, sizeof prompt->line);
    prompt->loop = NULL;
}

/* One byte at a time: what follows the line is not for us. */
static void on_terminal(struct watch *watch, uint32_t events, void *owner)
{
    struct prompt *prompt = owner;
    char c;
    (void)events;
    ssize_t n = read(watch->fd, &c, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (n == 1) {
        prompt->line[prompt->size++] = c;
    }
    if (n <= 0 || c == '\n' || prompt->size == sizeof prompt->line) {
        prompt_finish(prompt);
    }
}

static void show(int fd, const char *text)
{
    FILE *file = fdopen(dup(fd), "w");
    if (file != NULL) {
        print_escaped(file, text, strlen(text));
        fclose(file);
    }
}

static void be_silent(struct prompt *prompt, int fd)
{
    if (tcgetattr(fd, &prompt->before) == 0) {
        struct termios modes = prompt->before;
        modes.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        prompt->silent = tcsetattr(fd, TCSAFLUSH, &modes) == 0;
    }
}

void prompt_ask(struct prompt *prompt, struct loop *loop, const char *text, int echo, prompt_done done, void *owner)
{
    memset(prompt, 0, sizeof *prompt);
    prompt->loop = loop;
    prompt->done = done;
    prompt->owner = owner;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        loop_later(loop, prompt_finish, prompt);
        return;
    }
    if (!echo) {
        be_silent(prompt, fd);
    }
    show(fd, text);
    watch_open(&prompt->terminal, loop, fd, on_terminal, prompt);
    watch_want(&prompt->terminal, EPOLLIN);
}

struct waiting {
    struct loop *loop;
    char *line;
};

static void on_waited(void *owner, const char *line)
{
    struct waiting *waiting = owner;
    waiting->line = line == NULL ? NULL : need_string(line);
    loop_stop(waiting->loop);
}

char *prompt_wait(struct loop *loop, const char *text, int echo)
{
    struct prompt prompt;
    struct waiting waiting = {.loop = loop};
    prompt_ask(&prompt, loop, text, echo, on_waited, &waiting);
    loop_run(loop);
    loop->stop = 0;
    prompt_drop(&prompt);
    return waiting.line;
}
