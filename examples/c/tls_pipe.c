/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS over pipes: the wire is stdin and stdout, or the stdin and stdout of a child process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fetch.h"
#include "common/serve_options.h"
#include "common/util.h"

struct program {
    struct server server;
    struct loop *loop;
    struct tls_options tls;
    struct fetch_options fetch;
    int role; /* -1: not said */
    const char *command;
    pid_t child;
};

enum { OPTION_SERVER = 1, OPTION_CLIENT, OPTION_EXEC, OPTION_SERVE_HTTP };

static const struct option long_options[] = {
    {"server", no_argument, NULL, OPTION_SERVER},
    {"client", no_argument, NULL, OPTION_CLIENT},
    {"exec", required_argument, NULL, OPTION_EXEC},
    {"serve-http", required_argument, NULL, OPTION_SERVE_HTTP},
    {"help", no_argument, NULL, 'h'},
    SERVE_LONG_OPTIONS,
    FETCH_LONG_OPTIONS,
    TLS_LONG_OPTIONS,
    TLS_SERVER_LONG_OPTIONS,
    TLS_CLIENT_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: tls_pipe --server --cert FILE --key FILE [OPTIONS]\n"
    "       tls_pipe --client [--exec COMMAND] [OPTIONS]\n"
    "TLS over stdin and stdout, or, with --exec, over those of a command that the shell runs.\n\n"
    "  --exec COMMAND       the wire is this command's stdin and stdout\n"
    "\nServer:\n" SERVE_HELP "  --serve-http DIR     serve the files below DIR by HTTP/1.1\n" TLS_SERVER_HELP
    "\nClient (without --exec, stdout is the wire: --get and --http need -o):\n" FETCH_HELP TLS_CLIENT_HELP
    "\nBoth:\n" TLS_COMMON_HELP "\n" STATUS_HELP;

static void parse_one(struct program *program, int option)
{
    switch (option) {
    case OPTION_SERVER:
    case OPTION_CLIENT:
        program->role = option == OPTION_SERVER ? SESSILE_SERVER : SESSILE_CLIENT;
        break;
    case OPTION_EXEC:
        program->command = optarg;
        break;
    case 'h':
        fputs(help, stdout);
        exit(STATUS_OK);
    default:
        option = option == OPTION_SERVE_HTTP ? SERVE_OPTION_HTTP : option;
        if (!tls_option(&program->tls, option, optarg) && !fetch_option(&program->fetch, option, optarg) &&
            !serve_option(&program->server, option, optarg)) {
            die("try --help");
        }
    }
}

static void parse(struct program *program, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "o:vh", long_options, NULL)) != -1) {
        parse_one(program, option);
    }
    if (optind < argc) {
        die("what is \"%s\"? Try --help", argv[optind]);
    }
    if (program->role < 0) {
        die("--server or --client? Try --help");
    }
    int output = program->fetch.get != NULL || program->fetch.http != NULL || program->fetch.send_stdin;
    if (program->role == SESSILE_CLIENT && program->command == NULL &&
        ((output && program->fetch.output == NULL) || program->fetch.send_stdin)) {
        die("stdin and stdout are the wire here: use -o FILE, or --exec");
    }
    program->fetch.keylog = program->tls.keylog;
    program->server.verbose = program->fetch.verbose;
    program->server.feed = program->fetch.feed;
}

/* Start the command with a pipe each way. */
static void start(struct program *program, int *in, int *out)
{
    int to[2];
    int from[2];
    if (pipe(to) != 0 || pipe(from) != 0) {
        die("pipe: %s", strerror(errno));
    }
    program->child = fork();
    if (program->child < 0) {
        die("fork: %s", strerror(errno));
    }
    if (program->child == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execl("/bin/sh", "sh", "-c", program->command, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    *in = from[0];
    *out = to[1];
}

static void on_done(struct server *server)
{
    loop_stop(server->loop);
}

static int run_server(struct program *program, int in, int out)
{
    serve_start(&program->server, program->loop, &program->tls);
    program->server.on_done = on_done;
    server_take(&program->server, in, out);
    loop_run(program->loop);
    server_free(&program->server);
    return STATUS_OK;
}

static int run_client(struct program *program, int in, int out)
{
    sessile_tls_config *config = tls_options_config(&program->tls, SESSILE_CLIENT);
    int status = fetch_run(program->loop, in, out, config, &program->fetch);
    sessile_tls_config_free(config);
    return status;
}

int main(int argc, char **argv)
{
    static struct loop loop;
    static struct program program;
    int in = STDIN_FILENO;
    int out = STDOUT_FILENO;
    program_name = "tls_pipe";
    program.role = -1;
    program.server.directory = -1;
    parse(&program, argc, argv);
    program.loop = &loop;
    loop_init(&loop);
    if (program.command != NULL) {
        start(&program, &in, &out);
    }
    int status = program.role == SESSILE_SERVER ? run_server(&program, in, out) : run_client(&program, in, out);
    if (program.child > 0) {
        waitpid(program.child, NULL, 0);
    }
    loop_free(&loop);
    return status;
}
