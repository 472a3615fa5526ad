/* SPDX-License-Identifier: Apache-2.0
 *
 * The client side of the examples: one session, one job.
 */
#ifndef COMMON_FETCH_H
#define COMMON_FETCH_H

#include <getopt.h>

#include "common/tls_options.h"
#include "common/wire.h"

struct fetch_options {
    const char *name;   /* who the server must be; NULL: not said */
    const char *get;    /* a file's name for the --files service */
    const char *http;   /* a path for GET */
    const char *output; /* NULL: stdout */
    const char *session_out;
    const char *session_in;
    const char *keylog;
    size_t feed; /* 0: as it comes */
    int send_stdin;
    int verbose;
    int json;
};

enum {
    FETCH_OPTION_NAME = 2000,
    FETCH_OPTION_GET,
    FETCH_OPTION_HTTP,
    FETCH_OPTION_SEND_STDIN,
    FETCH_OPTION_SESSION_OUT,
    FETCH_OPTION_SESSION_IN,
    FETCH_OPTION_BUFFER,
    FETCH_OPTION_JSON
};

#define FETCH_LONG_OPTIONS                                                                                             \
    {"name", required_argument, NULL, FETCH_OPTION_NAME}, {"get", required_argument, NULL, FETCH_OPTION_GET},          \
        {"http", required_argument, NULL, FETCH_OPTION_HTTP}, {"output", required_argument, NULL, 'o'},                \
        {"send-stdin", no_argument, NULL, FETCH_OPTION_SEND_STDIN},                                                    \
        {"session-out", required_argument, NULL, FETCH_OPTION_SESSION_OUT},                                            \
        {"session-in", required_argument, NULL, FETCH_OPTION_SESSION_IN},                                              \
        {"buffer", required_argument, NULL, FETCH_OPTION_BUFFER},                                                      \
        {"stats-json", no_argument, NULL, FETCH_OPTION_JSON},                                                          \
    {                                                                                                                  \
        "verbose", no_argument, NULL, 'v'                                                                              \
    }

#define FETCH_HELP                                                                                                     \
    "  --name HOST          who the server must be, and is asked for by\n"                                             \
    "  --get NAME           ask a --files server for a file\n"                                                         \
    "  --http PATH          ask an HTTP server for a path\n"                                                           \
    "  --send-stdin         stdin to the server, the server to stdout\n"                                               \
    "  -o, --output FILE    where what arrives goes (stdout)\n"                                                        \
    "  --session-out FILE   write a session to resume (secret)\n"                                                      \
    "  --session-in FILE    resume such a session\n"                                                                   \
    "  --buffer BYTES       hand in this many bytes at a time, such as 1\n"                                            \
    "  -v, --verbose        tell what happened, on stderr\n"                                                           \
    "  --stats-json         the same as one line of JSON, on stderr\n"

/* Take one option that getopt_long() found. Returns 0 where it is none of these. Arguments are borrowed. */
int fetch_option(struct fetch_options *options, int option, const char *argument);
/* Do the job over two descriptors, or one twice, and return the exit status. */
int fetch_run(struct loop *loop, int in, int out, sessile_tls_config *config, const struct fetch_options *options);

#endif
