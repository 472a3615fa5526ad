/* SPDX-License-Identifier: Apache-2.0
 *
 * Both ends of a TLS session in one process and in memory: no descriptor at all. Moves some megabytes from the client
 * to the server, and tells what happened.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sessile/pair.h>
#include <sessile/stream.h>

#include "common/facts.h"
#include "common/tls_options.h"
#include "common/util.h"

#define BLOCK_SIZE 65536

struct side {
    sessile_session *session;
    sessile_stream *stream;
    unsigned long long bytes; /* received */
    int wrong;
    int ready;
    int over;
    int error;
};

struct program {
    struct tls_options tls;
    const char *name;
    unsigned long megabytes;
    int json;
};

enum { OPTION_MEGABYTES = 1, OPTION_NAME, OPTION_JSON };

static const struct option long_options[] = {
    {"megabytes", required_argument, NULL, OPTION_MEGABYTES},
    {"name", required_argument, NULL, OPTION_NAME},
    {"stats-json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    TLS_LONG_OPTIONS,
    TLS_SERVER_LONG_OPTIONS,
    TLS_CLIENT_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: tls_memory [OPTIONS]\n"
    "Two TLS sessions back to back in memory. Without --cert and --key they share a key (PSK).\n\n"
    "  --megabytes N        how much to move from client to server (64)\n"
    "  --name HOST          who the server must be (memory.example)\n"
    "  --stats-json         print the client's facts as one line of JSON, on stderr\n"
    "  --cert F --key F     the server's certificate and key\n"
    "  --ca F               whom the client believes\n" TLS_COMMON_HELP "\n" STATUS_HELP;

static void parse(struct program *program, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_MEGABYTES:
            program->megabytes = number_parse("--megabytes", optarg, 0, 1000000);
            break;
        case OPTION_NAME:
            program->name = optarg;
            break;
        case OPTION_JSON:
            program->json = 1;
            break;
        case 'h':
            fputs(help, stdout);
            exit(STATUS_OK);
        default:
            if (!tls_option(&program->tls, option, optarg)) {
                die("try --help");
            }
        }
    }
    if (optind < argc) {
        die("what is \"%s\"? Try --help", argv[optind]);
    }
    if (program->tls.certificates[0] == NULL && program->tls.psk_count == 0) {
        tls_option(&program->tls, TLS_OPTION_PSK, "memory:000102030405060708090a0b0c0d0e0f");
    }
}

/* ---- the sessions' callbacks ---- */

static int on_ready(sessile_session *session, void *app)
{
    struct side *side = app;
    (void)session;
    side->ready = 1;
    return 0;
}

/* What moves: this block, again and again. */
static unsigned char block[BLOCK_SIZE];

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct side *side = app;
    const unsigned char *rest = data;
    (void)stream;
    while (size > 0) {
        size_t at = (size_t)(side->bytes % BLOCK_SIZE);
        size_t n = BLOCK_SIZE - at < size ? BLOCK_SIZE - at : size;
        side->wrong |= memcmp(rest, block + at, n) != 0;
        side->bytes += n;
        rest += n;
        size -= n;
    }
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct side *side = app;
    side->over = 1;
    side->error = error;
    if (error != 0) {
        warn("%s: %s", sessile_error_name(error), sessile_session_error_text(session));
    }
}

static sessile_callbacks *side_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

/* The client's config knows nothing of the server's certificate but whom to believe. */
static struct tls_options client_options(const struct tls_options *tls)
{
    struct tls_options options = *tls;
    memset(options.certificates, 0, sizeof options.certificates);
    memset(options.keys, 0, sizeof options.keys);
    return options;
}

static void start(const struct program *program, struct side *client, struct side *server)
{
    struct tls_options options = client_options(&program->tls);
    sessile_tls_config *configs[2] = {tls_options_config(&options, SESSILE_CLIENT),
                                      tls_options_config(&program->tls, SESSILE_SERVER)};
    sessile_callbacks *callbacks = side_callbacks();
    if (sessile_pair(&client->session, &server->session) != 0) {
        die("no memory for a pair of sessions");
    }
    sessile_session_set_counters(client->session, 1);
    sessile_session_set_counters(server->session, 1);
    int r = sessile_tls_accept(server->session, configs[1], callbacks, server);
    if (r == 0) {
        r = sessile_tls_connect(client->session, configs[0], program->name, callbacks, client);
    }
    if (r != 0) {
        die("a session does not start: %s", sessile_error_name(r));
    }
    client->stream = sessile_session_stream(client->session);
    server->stream = sessile_session_stream(server->session);
    sessile_callbacks_free(callbacks);
    sessile_tls_config_free(configs[0]);
    sessile_tls_config_free(configs[1]);
}

/* In memory nothing has to be waited for: a write returns when the other end has received it. */
static int move(struct side *client, unsigned long megabytes)
{
    unsigned long long done = 0;
    unsigned long long left = (unsigned long long)megabytes * 1024 * 1024;
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (unsigned char)(i * 167 + (i >> 8));
    }
    while (left > 0) {
        size_t at = (size_t)(done % BLOCK_SIZE);
        size_t size = left < BLOCK_SIZE - at ? (size_t)left : BLOCK_SIZE - at;
        int taken = sessile_stream_write(client->stream, block + at, size);
        if (taken <= 0) {
            return -1;
        }
        done += (unsigned long long)taken;
        left -= (unsigned long long)taken;
    }
    return 0;
}

static void report(const struct program *program, struct side *client, struct side *server, double handshake,
                   double seconds)
{
    double megabytes = (double)server->bytes / 1e6;
    printf("handshake  %.2f ms, both ends\n", handshake * 1000);
    printf("moved      %.1f MB in %.3f s: %.0f MB/s, sealed and opened\n", megabytes, seconds,
           seconds > 0 ? megabytes / seconds : 0);
    printf("client\n");
    facts_list(stdout, client->session, client->error);
    printf("server\n");
    facts_list(stdout, server->session, server->error);
    if (program->json) {
        int status = status_of(client->error);
        facts_json(stderr, client->session, client->error, status, server->bytes, seconds);
    }
}

int main(int argc, char **argv)
{
    struct program program;
    struct side client;
    struct side server;
    memset(&program, 0, sizeof program);
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    program.megabytes = 64;
    program.name = "memory.example";
    program_name = "tls_memory";
    parse(&program, argc, argv);
    double begin = seconds_now();
    start(&program, &client, &server);
    double handshake = seconds_now() - begin;
    int status = STATUS_SESSION;
    if (client.ready && server.ready && move(&client, program.megabytes) == 0) {
        double seconds = seconds_now() - begin - handshake;
        sessile_stream_end(client.stream);
        report(&program, &client, &server, handshake, seconds);
        int whole = !server.wrong && server.bytes == (unsigned long long)program.megabytes * 1024 * 1024;
        status = !whole ? STATUS_CONTENT : client.over && server.over ? status_of(client.error) : STATUS_SESSION;
    } else if (client.error != 0) {
        status = status_of(client.error);
    }
    sessile_session_free(client.session);
    sessile_session_free(server.session);
    return status;
}
