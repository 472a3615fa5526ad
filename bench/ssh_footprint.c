/* SPDX-License-Identifier: Apache-2.0
 *
 * How much SSH takes: heap of an idle session; of a server's before its user is authenticated, at rest and at its peak
 * in a key exchange; allocations and copied bytes for each packet; and what feeding byte by byte costs. Counted by
 * count.c and copies.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copies.h"
#include "count.h"
#include "rounds.h"
#include "ssh_ends.h"

#define PAIRS 64
#define WRITES 64
#define PACKET 32768 /* the largest piece of data in one */
#define FEED_BYTES 65536
#define FEED_ROUNDS 11
#define GCM "aes128-gcm@openssh.com"
#define IDLE_GOAL 6144
#define REST_GOAL 65536
#define PEAK_GOAL 131072

static const struct suite {
    const char *cipher;
    const char *mac;
} suites[] = {
    {GCM, NULL},
    {"aes256-gcm@openssh.com", NULL},
    {"chacha20-poly1305@openssh.com", NULL},
    {"aes128-ctr", "hmac-sha2-256-etm@openssh.com"},
};
#define SUITES (sizeof suites / sizeof suites[0])

static const char *const methods[] = {"curve25519-sha256",
                                      "ecdh-sha2-nistp256",
                                      "ecdh-sha2-nistp521",
                                      "diffie-hellman-group14-sha256",
                                      "diffie-hellman-group16-sha512",
                                      "diffie-hellman-group18-sha512",
                                      "diffie-hellman-group-exchange-sha256",
                                      "mlkem768x25519-sha256"};
#define METHODS (sizeof methods / sizeof methods[0])

static const size_t sizes[] = {64, 1024, PACKET, 8 * PACKET};
#define SIZES (sizeof sizes / sizeof sizes[0])

static uint8_t payload[8 * PACKET];

/* ---- idle ---- */

struct idle {
    double client;
    double server;
    double server_own; /* of it, what libsessile allocated */
    double channel;    /* what a channel adds to the server */
};

static struct idle measure_idle(const struct suite *suite)
{
    static struct ssh_ends ends[PAIRS];
    struct ssh_setup setup;
    struct idle idle;
    long long before, own, all;

    ssh_setup_make(&setup, &(struct ssh_choice){"curve25519-sha256", suite->cipher, suite->mac, 0});
    ssh_ends_open(&ends[0], &setup); /* what libcrypto makes once is not a session's */
    ssh_ends_close(&ends[0]);
    before = count_live();
    own = count.live[COUNT_SESSILE];
    for (size_t i = 0; i < PAIRS; i++)
        ssh_ends_open(&ends[i], &setup);
    all = count_live();
    for (size_t i = 0; i < PAIRS; i++)
        ssh_end_close(&ends[i].ends[CLIENT]);
    idle.client = (double)(all - count_live()) / PAIRS;
    idle.server = (double)(count_live() - before) / PAIRS;
    idle.server_own = (double)(count.live[COUNT_SESSILE] - own) / PAIRS;
    for (size_t i = 0; i < PAIRS; i++)
        ssh_end_close(&ends[i].ends[SERVER]);
    for (size_t i = 0; i < PAIRS; i++) {
        ssh_ends_open(&ends[i], &setup);
        ssh_ends_channel(&ends[i]);
        ssh_ends_push(&ends[i], CLIENT, payload, 1000);
    }
    for (size_t i = 0; i < PAIRS; i++)
        ssh_end_close(&ends[i].ends[CLIENT]);
    idle.channel = (double)(count_live() - before) / PAIRS - idle.server;
    for (size_t i = 0; i < PAIRS; i++)
        ssh_end_close(&ends[i].ends[SERVER]);
    ssh_setup_free(&setup);
    return idle;
}

/* ---- before authentication ---- */

struct early {
    int known;      /* this libcrypto has the method */
    long long rest; /* the most between calls */
    long long peak; /* the most at any time */
};

static int known(const char *method)
{
    char list[1024] = "";
    int size = sessile_ssh_algorithms(SESSILE_SSH_KEX, list, sizeof list - 1);

    must(size > 0 && size < (int)sizeof list);
    return strstr(list, method) != NULL;
}

/* Each call's memory is its own session's: what one end takes is handed over while the other is at rest. */
static void take_watched(struct ssh_ends *ends, struct early *early, long long *server)
{
    long long before = count_live();

    count.peak = before;
    ssh_ends_take(&ends->ends[SERVER]);
    if (*server + count.peak - before > early->peak)
        early->peak = *server + count.peak - before;
    *server += count_live() - before;
    if (!ends->ends[SERVER].ready && *server > early->rest)
        early->rest = *server;
}

static struct early measure_early(const char *method)
{
    struct ssh_setup setup;
    struct ssh_ends ends;
    struct early early = {.known = known(method)};
    long long server;

    if (!early.known)
        return early;
    ssh_setup_make(&setup, &(struct ssh_choice){method, GCM, NULL, 0});
    ssh_ends_open(&ends, &setup);
    ssh_ends_close(&ends);
    ssh_ends_begin(&ends, &setup);
    server = early.rest = 0; /* what create and accept made is found when it is freed */
    while (ends.ends[CLIENT].wire.size || ends.ends[SERVER].wire.size) {
        ssh_ends_take(&ends.ends[CLIENT]);
        take_watched(&ends, &early, &server);
    }
    must(ends.ends[SERVER].ready);
    ssh_end_close(&ends.ends[CLIENT]);
    server -= count_live();
    ssh_end_close(&ends.ends[SERVER]);
    server += count_live(); /* what it had before its first bytes, negative */
    early.rest -= server;
    early.peak -= server;
    ssh_setup_free(&setup);
    return early;
}

/* ---- allocations and copies ---- */

struct per_packet {
    double own; /* allocations, by libsessile */
    double openssl;
};

static void open_with_channel(struct ssh_ends *ends, struct ssh_setup *setup, const struct suite *suite)
{
    ssh_setup_make(setup, &(struct ssh_choice){"curve25519-sha256", suite->cipher, suite->mac, 0});
    ssh_ends_open(ends, setup);
    ssh_ends_channel(ends);
    ssh_ends_push(ends, CLIENT, payload, 1000);
}

static struct per_packet measure_allocations(const struct suite *suite, size_t size)
{
    double packets = (double)WRITES * (double)((size + PACKET - 1) / PACKET);
    unsigned long long before[COUNT_OWNERS];
    struct ssh_setup setup;
    struct ssh_ends ends;
    struct per_packet result;

    open_with_channel(&ends, &setup, suite);
    ssh_ends_push(&ends, CLIENT, payload, size);
    memcpy(before, count.allocations, sizeof before);
    for (int i = 0; i < WRITES; i++)
        ssh_ends_push(&ends, CLIENT, payload, size);
    result.own = (double)(count.allocations[COUNT_SESSILE] - before[COUNT_SESSILE]) / packets;
    result.openssl = (double)(count.allocations[COUNT_OPENSSL] - before[COUNT_OPENSSL]) / packets;
    ssh_ends_close(&ends);
    ssh_setup_free(&setup);
    return result;
}

struct copies {
    double out; /* bytes per byte of data */
    double in;
};

/* The wire keeps what the client sends, so that each direction stands alone. Its own copy is taken off again. */
static struct copies measure_copies(const struct suite *suite, size_t size)
{
    struct ssh_setup setup;
    struct ssh_ends ends;
    struct copies copies;
    double bytes = (double)(sizeof payload / size * size);

    open_with_channel(&ends, &setup, suite);
    ends.ends[SERVER].direct = 0;
    copied = 0;
    for (size_t i = 0; i < sizeof payload / size; i++)
        ssh_ends_push(&ends, CLIENT, payload, size);
    copies.out = ((double)copied - (double)ends.ends[SERVER].wire.size) / bytes;
    copied = 0;
    ssh_ends_take(&ends.ends[SERVER]);
    copies.in = (double)copied / bytes;
    ssh_ends_close(&ends);
    ssh_setup_free(&setup);
    return copies;
}

/* ---- byte by byte ---- */

static double feed_once(const struct suite *suite, size_t size)
{
    struct ssh_setup setup;
    struct ssh_ends ends;
    struct ssh_end *server = &ends.ends[SERVER];
    struct elapsed start;
    double seconds;
    size_t taken = 0;

    open_with_channel(&ends, &setup, suite);
    server->direct = 0;
    ssh_ends_push(&ends, CLIENT, payload, size);
    server->direct = 1;
    start = elapsed_since((struct elapsed){0, 0});
    for (size_t shown = 1; shown <= server->wire.size; shown++)
        taken += (size_t)sessile_session_receive(server->session, server->wire.data + taken, shown - taken);
    seconds = elapsed_since(start).cpu;
    must(taken == server->wire.size && server->received == size + 1000);
    ssh_ends_close(&ends);
    ssh_setup_free(&setup);
    return seconds;
}

struct feeding {
    struct spread nanoseconds; /* a byte, with the fewer bytes */
    struct spread ratio;       /* time for four times the bytes to that: 4 where cost is linear */
};

static struct feeding measure_feeding(const struct suite *suite)
{
    double once[FEED_ROUNDS];
    double ratios[FEED_ROUNDS];

    for (size_t i = 0; i < FEED_ROUNDS; i++) {
        once[i] = feed_once(suite, FEED_BYTES);
        ratios[i] = feed_once(suite, sizeof payload) / once[i];
        once[i] *= 1e9 / FEED_BYTES;
    }
    return (struct feeding){spread_of(once, FEED_ROUNDS), spread_of(ratios, FEED_ROUNDS)};
}

/* ---- telling ---- */

struct results {
    struct idle idle[SUITES];
    struct early early[METHODS];
    struct per_packet packets[SUITES][SIZES];
    struct copies copies[SUITES][SIZES];
    struct feeding feeding[SUITES];
};

static void measure(struct results *r)
{
    for (size_t s = 0; s < SUITES; s++) {
        r->idle[s] = measure_idle(&suites[s]);
        for (size_t i = 0; i < SIZES; i++) {
            r->packets[s][i] = measure_allocations(&suites[s], sizes[i]);
            r->copies[s][i] = measure_copies(&suites[s], sizes[i]);
        }
        r->feeding[s] = measure_feeding(&suites[s]);
    }
    for (size_t m = 0; m < METHODS; m++)
        r->early[m] = measure_early(methods[m]);
}

static void print_sessions(const struct results *r)
{
    printf(
        "Heap of an idle authenticated session, libcrypto's part included, in bytes; and what an idle channel adds\n\n"
        "%-38s %9s %9s %14s %9s\n",
        "", "client", "server", "libsessile's", "channel");
    for (size_t s = 0; s < SUITES; s++)
        printf("%-38s %9.0f %9.0f %14.0f %9.0f%s\n", suites[s].cipher, r->idle[s].client, r->idle[s].server,
               r->idle[s].server_own, r->idle[s].channel, s ? "" : "   goal: at most 6144 for a server");
    printf("\nHeap of a server before authentication: the most between calls, and at any time\n\n");
    for (size_t m = 0; m < METHODS; m++)
        if (r->early[m].known)
            printf("%-38s %9lld %9lld   goal: at most %d and %d\n", methods[m], r->early[m].rest, r->early[m].peak,
                   REST_GOAL, PEAK_GOAL);
        else
            printf("%-38s this libcrypto does not have it\n", methods[m]);
}

static void print_packets(const struct results *r)
{
    printf(
        "\nFor each packet that a write makes, sealed and opened: allocations (libsessile's, libcrypto's), and bytes "
        "copied for\neach byte of data (sending, receiving); by the size of the write\n\n%-38s",
        "");
    for (size_t i = 0; i < SIZES; i++)
        printf(" %17zu bytes", sizes[i]);
    printf("\n");
    for (size_t s = 0; s < SUITES; s++) {
        printf("%-38s", suites[s].cipher);
        for (size_t i = 0; i < SIZES; i++)
            printf("  %4.2f %4.2f %5.2f %5.2f ", r->packets[s][i].own, r->packets[s][i].openssl, r->copies[s][i].out,
                   r->copies[s][i].in);
        printf("\n");
    }
    printf("\nReceiving byte by byte: %d bytes, and four times as many (4 is linear)\n\n%-38s %9s %9s\n", FEED_BYTES,
           "", "ns/byte", "ratio");
    for (size_t s = 0; s < SUITES; s++)
        printf("%-38s %9.1f %9.2f\n", suites[s].cipher, r->feeding[s].nanoseconds.median, r->feeding[s].ratio.median);
}

static void write_suite(FILE *file, const struct results *r, size_t s)
{
    fprintf(file,
            "    \"%s\": {\"idle_client_bytes\": %.0f, \"idle_server_bytes\": %.0f, \"idle_server_own_bytes\": %.0f, "
            "\"channel_bytes\": %.0f,\n     ",
            suites[s].cipher, r->idle[s].client, r->idle[s].server, r->idle[s].server_own, r->idle[s].channel);
    for (size_t i = 0; i < SIZES; i++)
        fprintf(file,
                "\"packet_%zu\": {\"allocations\": %.2f, \"allocations_openssl\": %.2f, \"copied_sending\": %.4f, "
                "\"copied_receiving\": %.4f},\n     ",
                sizes[i], r->packets[s][i].own, r->packets[s][i].openssl, r->copies[s][i].out, r->copies[s][i].in);
    write_spread(file, "bytewise_ns", &r->feeding[s].nanoseconds);
    fprintf(file, ", ");
    write_spread(file, "bytewise_ratio_4x", &r->feeding[s].ratio);
    fprintf(file, "}%s\n", s + 1 < SUITES ? "," : "");
}

static void write_json(const char *path, const struct results *r)
{
    const char *comma = "";
    FILE *file = open_json(path);

    fprintf(file, "{\n  \"idle_goal_bytes\": %d, \"rest_goal_bytes\": %d, \"peak_goal_bytes\": %d,\n  \"ciphers\": {\n",
            IDLE_GOAL, REST_GOAL, PEAK_GOAL);
    for (size_t s = 0; s < SUITES; s++)
        write_suite(file, r, s);
    fprintf(file, "  },\n  \"before_authentication\": {");
    for (size_t m = 0; m < METHODS; m++) {
        if (!r->early[m].known)
            continue;
        fprintf(file, "%s\n    \"%s\": {\"rest_bytes\": %lld, \"peak_bytes\": %lld}", comma, methods[m],
                r->early[m].rest, r->early[m].peak);
        comma = ",";
    }
    fprintf(file, "\n  }\n}\n");
    must(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    static struct results results;

    if (argc != 1 && !(argc == 3 && !strcmp(argv[1], "--json"))) {
        fprintf(stderr, "Usage: ssh_footprint [--json FILE]\n");
        return 2;
    }
    count_begin();
    measure(&results);
    print_sessions(&results);
    print_packets(&results);
    if (argc == 3)
        write_json(argv[2], &results);
    return 0;
}
