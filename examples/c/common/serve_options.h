/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line options that say what a server does with its connections.
 */
#ifndef COMMON_SERVE_OPTIONS_H
#define COMMON_SERVE_OPTIONS_H

#include <getopt.h>

#include "common/guest.h"
#include "common/tls_options.h"

enum {
    SERVE_OPTION_ECHO = 3000,
    SERVE_OPTION_FILES,
    SERVE_OPTION_HTTP,
};

#define SERVE_LONG_OPTIONS                                                                                             \
    {"echo", no_argument, NULL, SERVE_OPTION_ECHO},                                                                    \
    {                                                                                                                  \
        "files", required_argument, NULL, SERVE_OPTION_FILES                                                           \
    }

#define SERVE_HELP                                                                                                     \
    "  --echo               send back what arrives (the default)\n"                                                    \
    "  --files DIR          take a line with a file's name, send the file, close\n"

/* Take one option that getopt_long() found. Returns 0 where it is none of these. Dies where a directory cannot be
 * opened. */
int serve_option(struct server *server, int option, const char *argument);
/* Give the server its loop, config and callbacks. */
void serve_start(struct server *server, struct loop *loop, const struct tls_options *tls);

#endif
