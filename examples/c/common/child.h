/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that are started for somebody on the network: with pipes, or at a terminal of their own.
 */
#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The environment a child is to have. */
struct environment {
    char **entries; /* "NAME=value", NULL at the end */
    size_t count;
};

/* Replaces what has the same name. Returns 0, or -1 where there are too many. */
int environment_set(struct environment *environment, const char *name, const char *value);
void environment_free(struct environment *environment);

struct terminal_request {
    int columns;
    int rows;
    int width;
    int height;
    uint8_t *modes;
    size_t modes_size;
};

struct child {
    pid_t pid;
    int in;  /* the child reads this */
    int out; /* the child's output; the same terminal as in */
    int err; /* -1 with a terminal */
};

/* Start the user's shell: with a command, or NULL to be one. Everything in environment is all that it gets. terminal:
 * NULL for pipes. 0, or -1 with errno. The descriptors do not block. */
int child_start(struct child *child, const char *command, const struct terminal_request *terminal,
                struct environment *environment);
/* What this user's environment is at least. */
void child_environment(struct environment *environment);
void child_set_size(int terminal, int columns, int rows, int width, int height);

/* Signals by their names in RFC 4254, section 6.10; 0 and NULL for one that has none. */
int signal_number(const char *name);
const char *signal_name(int number);

#endif
