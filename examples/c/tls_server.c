/* SPDX-License-Identifier: Apache-2.0
 *
 * A TLS server on TCP with one thread and epoll: echo, files, or HTTP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/net.h"
#include "common/serve_options.h"
#include "common/util.h"

#define GRACE_SECONDS 1.0

struct program {
    struct server server;
    struct loop *loop;
    struct listener *listener;
    struct tls_options tls;
    const char *listen;
    const char *port_file;
    unsigned long once; /* stop after so many connections; 0: never */
    unsigned long taken;
};

enum { OPTION_LISTEN = 1, OPTION_ONCE, OPTION_PORT_FILE, OPTION_BUFFER, OPTION_QUIET, OPTION_HELP };

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"once", required_argument, NULL, OPTION_ONCE},
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"buffer", required_argument, NULL, OPTION_BUFFER},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"http", required_argument, NULL, SERVE_OPTION_HTTP},
    SERVE_LONG_OPTIONS,
    TLS_LONG_OPTIONS,
    TLS_SERVER_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: tls_server --cert FILE --key FILE [OPTIONS]\n"
    "Serves TLS on TCP. Prints \"listening on ADDRESS:PORT\" first; SIGTERM ends it.\n\n"
    "  --listen HOST:PORT   where to listen (127.0.0.1:0: a port of the system's choice)\n" SERVE_HELP
    "  --http DIR           serve the files below DIR by HTTP/1.1\n"
    "  --once N             end after N connections\n"
    "  --port-file FILE     write the port's number there\n"
    "  --buffer BYTES       hand in this many bytes at a time, such as 1\n"
    "  --quiet, --verbose   nothing, or a line for each connection\n"
    "\nTLS:\n" TLS_SERVER_HELP TLS_COMMON_HELP "\n" STATUS_HELP;

static void parse(struct program *program, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_LISTEN:
            program->listen = optarg;
            break;
        case OPTION_ONCE:
            program->once = number_parse("--once", optarg, 1, 1000000000);
            break;
        case OPTION_PORT_FILE:
            program->port_file = optarg;
            break;
        case OPTION_BUFFER:
            program->server.feed = number_parse("--buffer", optarg, 1, LOOP_SCRATCH);
            break;
        case OPTION_QUIET:
            program->server.quiet = 1;
            break;
        case 'v':
            program->server.verbose = 1;
            break;
        case 'h':
            fputs(help, stdout);
            exit(STATUS_OK);
        default:
            if (!tls_option(&program->tls, option, optarg) && !serve_option(&program->server, option, optarg)) {
                die("try --help");
            }
        }
    }
    if (optind < argc) {
        die("what is \"%s\"? Try --help", argv[optind]);
    }
}

/* ---- listening ---- */

static void listen_on(const char *where, struct sockets *sockets)
{
    char error[NET_ERROR_SIZE];
    char *host = need_string(where);
    char *port = strrchr(host, ':');
    if (port == NULL) {
        die("--listen %s: HOST:PORT is expected", where);
    }
    *port++ = 0;
    char *name = host[0] == '[' ? host + 1 : host;
    name[strcspn(name, "]")] = 0;
    if (net_listen(sockets, name, (int)number_parse("--listen", port, 0, 65535), error, sizeof error) != 0) {
        die("--listen %s", error);
    }
    free(host);
}

static void stop_listening(struct program *program)
{
    listener_close(program->listener);
    program->listener = NULL;
}

static void on_connection(struct listener *listener, int fd)
{
    struct program *program = listener->owner;
    program->taken++;
    server_take(&program->server, fd, fd);
    if (program->taken == program->once) {
        stop_listening(program);
    }
}

static void on_done(struct server *server)
{
    struct program *program = (struct program *)server; /* its first member */
    if (program->listener == NULL && server->count == 0) {
        loop_stop(program->loop);
    }
}

/* ---- the end ---- */

static void on_grace_over(void *owner)
{
    loop_stop(owner);
}

/* A signal has come: close_notify for everybody, and a moment for their answers. */
static void end_gracefully(struct program *program)
{
    struct timer timer;
    struct loop *loop = program->loop;
    stop_listening(program);
    loop->stop = 0;
    timer_start(&timer, loop, GRACE_SECONDS, on_grace_over, loop);
    server_end(&program->server);
    if (program->server.count > 0) {
        loop_run(loop);
    }
    timer_stop(&timer, loop);
}

int main(int argc, char **argv)
{
    static struct loop loop;
    static struct program program;
    struct sockets sockets;
    program_name = "tls_server";
    program.server.directory = -1;
    program.listen = "127.0.0.1:0";
    parse(&program, argc, argv);
    program.loop = &loop;
    loop_init(&loop);
    loop_stop_on_signals(&loop);
    serve_start(&program.server, &loop, &program.tls);
    program.server.on_done = on_done;
    listen_on(program.listen, &sockets);
    program.listener = listener_open(&loop, &sockets, on_connection, &program);
    net_announce(&sockets, program.port_file);
    loop_run(&loop);
    end_gracefully(&program);
    server_free(&program.server);
    loop_free(&loop);
    return STATUS_OK;
}
