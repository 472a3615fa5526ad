/* SPDX-License-Identifier: Apache-2.0
 *
 * What every example program needs: messages, files, numbers, time.
 */
#ifndef COMMON_UTIL_H
#define COMMON_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Exit statuses. --help of each program lists them (STATUS_HELP). */
#define STATUS_OK 0
#define STATUS_USAGE 1
#define STATUS_CONNECT 2
#define STATUS_VERIFY 3
#define STATUS_TRUNCATED 4
#define STATUS_PEER 5
#define STATUS_SESSION 6
#define STATUS_CONTENT 7
#define STATUS_HELP                                                                                                    \
    "Exit status: 0 fine, 1 usage or a local error, 2 no connection, 3 the peer is not trusted,\n"                     \
    "4 the connection was cut short, 5 the peer refused (alert), 6 another failure of the session,\n"                  \
    "7 not the content that was asked for.\n"

/* The program's name, for messages; set by main. */
extern const char *program_name;
/* STATUS_USAGE, unless main sets another. */
extern int failure_status;

/* Print "NAME: message" to stderr. die() then exits with failure_status. Macros, so that compilers and analysers see
 * the format and the exit. */
#define warn(...) (fprintf(stderr, "%s: ", program_name), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define die(...) (warn(__VA_ARGS__), exit(failure_status))

/* malloc and its kin, or die. */
void *need_alloc(size_t size);
void *need_realloc(void *memory, size_t size);
char *need_string(const char *text);
/* Wipe a text and free it. NULL is ignored. */
void secret_free(char *text);

/* The whole file, with a NUL byte behind it; dies where it cannot be read. Freed with free(). */
uint8_t *file_load(const char *path, size_t *size);
/* Replace a file's content; readable by its owner only. 0 or -1 with errno. */
int file_store(const char *path, const void *data, size_t size);
/* Add a line to a file. 0 or -1 with errno. */
int file_append_line(const char *path, const void *line, size_t size);
/* Write all to a blocking descriptor. 0 or -1 with errno. */
int write_all(int fd, const void *data, size_t size);

/* A whole number from lowest to highest, or die with the option's name. */
unsigned long number_parse(const char *option, const char *text, unsigned long lowest, unsigned long highest);
/* A whole number that was checked elsewhere; 0 for what is none. */
int number_of(const char *text);
/* Seconds on a clock that only goes forward. */
double seconds_now(void);
/* The exit status for how a session ended. */
int status_of(int error);

#endif
