/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS client on TCP: fetches a file, makes an HTTP request, joins stdin and stdout to the server, or shakes hands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fetch.h"
#include "common/net.h"
#include "common/util.h"

struct program {
    struct tls_options tls;
    struct fetch_options fetch;
    const char *connect_to;
    char *host;
    char *port;
};

enum { OPTION_CONNECT_TO = 1 };

static const struct option long_options[] = {
    {"connect-to", required_argument, NULL, OPTION_CONNECT_TO},
    {"help", no_argument, NULL, 'h'},
    FETCH_LONG_OPTIONS,
    TLS_LONG_OPTIONS,
    TLS_CLIENT_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] = "Usage: tls_client HOST:PORT [OPTIONS]\n"
                           "Connects by TLS on TCP, does one job, and ends. Without a job it shakes hands and ends.\n\n"
                           "  --connect-to IP:PORT connect there, whatever HOST stands for\n" FETCH_HELP
                           "\nTLS:\n" TLS_CLIENT_HELP TLS_COMMON_HELP "\n" STATUS_HELP;

/* "host:port", "[address]:port" */
static void split(const char *text, char **host, char **port)
{
    char *copy = need_string(text);
    char *colon = strrchr(copy, ':');
    if (colon == NULL || colon == copy || colon[1] == 0) {
        die("%s: HOST:PORT is expected", text);
    }
    *colon = 0;
    number_parse("the port", colon + 1, 1, 65535);
    *port = need_string(colon + 1);
    size_t size = strlen(copy);
    int bracketed = copy[0] == '[' && copy[size - 1] == ']';
    copy[size - (size_t)bracketed] = 0;
    *host = need_string(copy + bracketed);
    free(copy);
}

static void parse(struct program *program, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "o:vh", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            exit(STATUS_OK);
        }
        if (option == OPTION_CONNECT_TO) {
            program->connect_to = optarg;
        } else if (!tls_option(&program->tls, option, optarg) && !fetch_option(&program->fetch, option, optarg)) {
            die("try --help");
        }
    }
    if (optind + 1 != argc) {
        die("one HOST:PORT is expected; try --help");
    }
    split(argv[optind], &program->host, &program->port);
    program->fetch.keylog = program->tls.keylog;
    if (program->fetch.name == NULL) {
        program->fetch.name = program->host;
    }
}

/* A client has nothing else to do until it is connected, so this may block. Returns -1 after a message. */
static int open_connection(const struct program *program)
{
    char error[NET_ERROR_SIZE];
    char *host;
    char *port;
    if (program->connect_to != NULL) {
        split(program->connect_to, &host, &port);
    } else {
        host = need_string(program->host);
        port = need_string(program->port);
    }
    int fd = net_connect(host, number_of(port), error, sizeof error);
    if (fd < 0) {
        warn("%s", error);
    }
    free(host);
    free(port);
    return fd;
}

int main(int argc, char **argv)
{
    static struct loop loop;
    struct program program;
    memset(&program, 0, sizeof program);
    program_name = "tls_client";
    parse(&program, argc, argv);
    sessile_tls_config *config = tls_options_config(&program.tls, SESSILE_CLIENT);
    loop_init(&loop);
    int status = STATUS_CONNECT;
    int fd = open_connection(&program);
    if (fd >= 0) {
        status = fetch_run(&loop, fd, fd, config, &program.fetch);
    }
    loop_free(&loop);
    sessile_tls_config_free(config);
    free(program.host);
    free(program.port);
    return status;
}
