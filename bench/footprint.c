/* SPDX-License-Identifier: Apache-2.0
 *
 * How much: heap of an idle connection, allocations and copied bytes per record, and what feeding byte by byte costs.
 *
 * Memory is counted by count.c, copies by copies.h, which makes this program slow, and is why it is one of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copies.h"
#include "count.h"
#include "ways.h"

#define PAIRS 64
#define RECORDS 64
#define FEED_BYTES 65536
#define FEED_ROUNDS 21

static const struct way *const ways[] = {&way_sessile, &way_raw, &way_raw_released, &way_memory, &way_memory_released};
#define WAYS (sizeof ways / sizeof ways[0])

static const size_t sizes[] = {64, 1024, 16384};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* ---- heap of an idle connection ---- */

struct idle {
    double client;
    double server;
    double server_own; /* of it, what libsessile allocated */
};

static uint8_t payload[RECORD_SIZE * RECORDS];

/* A handshake with tickets, then a request and its echo. */
static struct pair *open_and_exchange(const struct way *way)
{
    struct pair *pair = way->open(way, 0);

    way->set_echo(pair, 1);
    way->push(pair, CLIENT, payload, 1000);
    must(way->received(pair, SERVER) == 1000 && way->received(pair, CLIENT) == 1000);
    return pair;
}

static struct idle measure_idle(const struct way *way)
{
    struct pair *pairs[PAIRS];
    struct idle idle;
    long long all;
    long long own;

    way->close(open_and_exchange(way)); /* what libcrypto makes once is not a connection's */
    for (size_t i = 0; i < PAIRS; i++)
        pairs[i] = open_and_exchange(way);
    all = count_live();
    for (size_t i = 0; i < PAIRS; i++)
        way->close_end(pairs[i], CLIENT);
    idle.client = (double)(all - count_live()) / PAIRS;
    all = count_live();
    own = count.live[COUNT_SESSILE];
    for (size_t i = 0; i < PAIRS; i++)
        way->close(pairs[i]);
    idle.server = (double)(all - count_live()) / PAIRS;
    idle.server_own = (double)(own - count.live[COUNT_SESSILE]) / PAIRS;
    return idle;
}

/* ---- allocations and copies per record ---- */

struct per_record {
    double own; /* allocations, by libsessile */
    double openssl;
};

static struct per_record measure_allocations(const struct way *way, size_t size)
{
    struct pair *pair = open_and_exchange(way);
    unsigned long long before[COUNT_OWNERS];
    struct per_record result;

    way->set_echo(pair, 0);
    way->push(pair, CLIENT, payload, size);
    before[COUNT_SESSILE] = count.allocations[COUNT_SESSILE];
    before[COUNT_OPENSSL] = count.allocations[COUNT_OPENSSL];
    for (int i = 0; i < RECORDS; i++)
        way->push(pair, CLIENT, payload, size);
    result.own = (double)(count.allocations[COUNT_SESSILE] - before[COUNT_SESSILE]) / RECORDS;
    result.openssl = (double)(count.allocations[COUNT_OPENSSL] - before[COUNT_OPENSSL]) / RECORDS;
    way->close(pair);
    return result;
}

struct copies {
    double out; /* bytes per byte of payload */
    double in;
};

/* The wire keeps what the client sends, so that each direction stands alone. Its own copy is taken off again. */
static struct copies measure_copies(const struct way *way)
{
    struct pair *pair = open_and_exchange(way);
    struct copies copies;
    size_t wire;
    size_t out;

    way->set_echo(pair, 0);
    way->hold(pair);
    copied = 0;
    way->push(pair, CLIENT, payload, sizeof payload);
    out = copied;
    copied = 0;
    wire = way->feed(pair, SIZE_MAX);
    copies.in = (double)copied / (double)sizeof payload;
    copies.out = (double)(out - (way == &way_sessile ? wire : 0)) / (double)sizeof payload;
    must(way->received(pair, SERVER) == sizeof payload + 1000);
    way->close(pair);
    return copies;
}

/* ---- byte by byte ---- */

static double cpu_seconds(void)
{
    struct timespec now;

    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double feed_once(const struct way *way, size_t size)
{
    struct pair *pair = open_and_exchange(way);
    double start;
    double seconds;

    way->set_echo(pair, 0);
    way->hold(pair);
    way->push(pair, CLIENT, payload, size);
    start = cpu_seconds();
    way->feed(pair, 1);
    seconds = cpu_seconds() - start;
    must(way->received(pair, SERVER) == size + 1000);
    way->close(pair);
    return seconds;
}

struct feeding {
    double nanoseconds; /* a byte, with the fewer bytes */
    double ratio;       /* time for four times the bytes to that: 4 where cost is linear */
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct feeding measure_feeding(const struct way *way)
{
    double once[FEED_ROUNDS];
    double ratios[FEED_ROUNDS];

    for (size_t i = 0; i < FEED_ROUNDS; i++) {
        once[i] = feed_once(way, FEED_BYTES);
        ratios[i] = feed_once(way, (size_t)4 * FEED_BYTES) / once[i];
    }
    qsort(once, FEED_ROUNDS, sizeof *once, compare);
    qsort(ratios, FEED_ROUNDS, sizeof *ratios, compare);
    return (struct feeding){once[FEED_ROUNDS / 2] * 1e9 / FEED_BYTES, ratios[FEED_ROUNDS / 2]};
}

/* ---- telling ---- */

struct results {
    struct idle idle[WAYS];
    struct per_record records[WAYS][SIZES];
    struct copies copies[2]; /* Sessile, raw */
    struct feeding feeding[2];
};

static void measure(struct results *r)
{
    for (size_t w = 0; w < WAYS; w++) {
        r->idle[w] = measure_idle(ways[w]);
        for (size_t i = 0; i < SIZES; i++)
            r->records[w][i] = measure_allocations(ways[w], sizes[i]);
    }
    for (size_t w = 0; w < 2; w++) {
        r->copies[w] = measure_copies(ways[w]);
        r->feeding[w] = measure_feeding(ways[w]);
    }
}

static void print_idle(const struct results *r)
{
    printf("Heap of an idle connection, after a handshake with two tickets and one exchange, in bytes\n\n");
    printf("%-17s %9s %9s\n", "", "client", "server");
    for (size_t w = 0; w < WAYS; w++)
        printf("%-17s %9.0f %9.0f   %s\n", ways[w]->name, r->idle[w].client, r->idle[w].server, ways[w]->what);
    printf("%-17s %9.0f %9.0f   goal: at most 1024; libsessile's own memory is %.0f of the server's\n\n",
           "sessile adds", r->idle[0].client - r->idle[2].client, r->idle[0].server - r->idle[2].server,
           r->idle[0].server_own);
}

static void print_records(const struct results *r)
{
    printf("Allocations for one record, sealed and opened (libsessile's own, OpenSSL's)\n\n%-17s", "");
    for (size_t i = 0; i < SIZES; i++)
        printf(" %8zu bytes", sizes[i]);
    printf("\n");
    for (size_t w = 0; w < WAYS; w++) {
        printf("%-17s", ways[w]->name);
        for (size_t i = 0; i < SIZES; i++)
            printf("   %4.1f  %5.1f", r->records[w][i].own, r->records[w][i].openssl);
        printf("\n");
    }
    printf("\n");
}

static void print_rest(const struct results *r)
{
    printf("Bytes copied for one byte of payload, in records of %d bytes (libssl's own copies included)\n\n",
           RECORD_SIZE);
    printf("%-17s %9s %9s\n", "", "sending", "receiving");
    for (size_t w = 0; w < 2; w++)
        printf("%-17s %9.3f %9.3f\n", ways[w]->name, r->copies[w].out, r->copies[w].in);
    printf("\nReceiving byte by byte: %d bytes, and four times as many\n\n%-17s %9s %9s\n", FEED_BYTES, "", "ns/byte",
           "ratio");
    for (size_t w = 0; w < 2; w++)
        printf("%-17s %9.1f %9.2f   %s\n", ways[w]->name, r->feeding[w].nanoseconds, r->feeding[w].ratio,
               w ? "" : "4 is linear");
}

static void write_way(FILE *file, const struct results *r, size_t w)
{
    fprintf(file, "    \"%s\": {\"idle_client_bytes\": %.0f, \"idle_server_bytes\": %.0f", ways[w]->name,
            r->idle[w].client, r->idle[w].server);
    for (size_t i = 0; i < SIZES; i++)
        fprintf(file, ", \"allocations_%zu\": {\"libsessile\": %.2f, \"openssl\": %.2f}", sizes[i],
                r->records[w][i].own, r->records[w][i].openssl);
    if (w < 2)
        fprintf(file,
                ", \"copied_sending\": %.4f, \"copied_receiving\": %.4f, \"bytewise_ns\": %.2f, "
                "\"bytewise_ratio_4x\": %.3f",
                r->copies[w].out, r->copies[w].in, r->feeding[w].nanoseconds, r->feeding[w].ratio);
    fprintf(file, "}%s\n", w + 1 < WAYS ? "," : "");
}

static void write_json(const char *path, const struct results *r)
{
    FILE *file = fopen(path, "w");

    if (!file) {
        fprintf(stderr, "footprint: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    fprintf(file, "{\n  \"idle_added_client_bytes\": %.0f,\n  \"idle_added_server_bytes\": %.0f,\n  \"ways\": {\n",
            r->idle[0].client - r->idle[2].client, r->idle[0].server - r->idle[2].server);
    for (size_t w = 0; w < WAYS; w++)
        write_way(file, r, w);
    fprintf(file, "  }\n}\n");
    must(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    struct identity identity;
    struct results results;

    if (argc != 1 && !(argc == 3 && !strcmp(argv[1], "--json"))) {
        fprintf(stderr, "Usage: footprint [--json FILE]\n");
        return 2;
    }
    count_begin();
    identity = make_identity();
    for (size_t w = 0; w < WAYS; w++)
        ways[w]->set_up(ways[w], &identity);
    free_identity(&identity);
    measure(&results);
    print_idle(&results);
    print_records(&results);
    print_rest(&results);
    if (argc == 3)
        write_json(argv[2], &results);
    return 0;
}
