/* SPDX-License-Identifier: Apache-2.0
 *
 * A line from the person at the terminal, /dev/tty, while the loop goes on.
 */
#ifndef COMMON_PROMPT_H
#define COMMON_PROMPT_H

#include <stddef.h>
#include <termios.h>

#include "common/loop.h"

/* line: without its newline, wiped after the call; NULL: there is no terminal, or nothing was typed to its end. */
typedef void (*prompt_done)(void *owner, const char *line);

struct prompt {
    struct loop *loop; /* NULL: nothing is being asked */
    struct watch terminal;
    struct termios before;
    char line[1024];
    size_t size;
    prompt_done done;
    void *owner;
    unsigned silent : 1; /* the terminal is to be made to echo again */
};

/* text: escaped before it is shown. echo 0: what is typed is not seen. done is called from the loop. */
void prompt_ask(struct prompt *prompt, struct loop *loop, const char *text, int echo, prompt_done done, void *owner);
/* Ask no more; done is not called. */
void prompt_drop(struct prompt *prompt);
/* Ask and wait, for a program that has nothing else to do. The line is the caller's; NULL: none. */
char *prompt_wait(struct loop *loop, const char *text, int echo);

#endif
