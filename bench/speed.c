/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast: throughput, messages and handshakes, both ends in one thread, Sessile against bare libssl in the same
 * process and run.
 *
 * A row is measured in many short rounds. In each, every way does the same amount of work, one after the other, and who
 * goes first moves on by one from round to round. A ratio is the median of the rounds' own ratios, so that what slows
 * the machine for a while slows both sides of it. CPU time counts; wall time is in the JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rounds.h"
#include "ways.h"

#define WAYS 5

static const struct way *const ways[WAYS] = {&way_sessile, &way_raw, &way_raw_released, &way_memory,
                                             &way_memory_shared};

enum work { STREAM, PING_PONG, HANDSHAKE, RESUMPTION };

struct row {
    const char *name;
    const char *unit;
    double scale; /* of one operation in that unit, per second */
    enum work work;
    size_t size;
    double goal; /* of the ratio to raw */
};

#define MIB (1024.0 * 1024.0)
#define BULK(text, bytes, least)                                                                                       \
    {                                                                                                                  \
        "write " text, "MiB/s", (bytes) / MIB, STREAM, bytes, least                                                    \
    }

static const struct row rows[] = {
    BULK("64 B", 64, 0.90),
    BULK("1 KiB", 1024, 0.90),
    BULK("16 KiB", 16384, 0.97),
    BULK("64 KiB", 65536, 0.97),
    BULK("1 MiB", 1048576, 0.97),
    {"ping-pong 64 B", "thousand round trips/s", 0.001, PING_PONG, 64, 0.90},
    {"full handshake", "handshakes/s", 1, HANDSHAKE, 0, 1.0},
    {"resumption", "handshakes/s", 1, RESUMPTION, 0, 1.0},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct result {
    const struct row *row;
    size_t operations; /* in one round */
    struct spread rate[WAYS];
    struct spread wall_rate[WAYS];
    struct spread ratio[WAYS]; /* Sessile's rate to this way's */
};

static uint8_t payload[1048576];

/* ---- work ---- */

static void exchange(const struct way *way, struct pair *pair, const struct row *row, size_t operations)
{
    for (size_t i = 0; i < operations; i++)
        way->push(pair, CLIENT, payload, row->size);
}

static void shake(const struct way *way, const struct row *row, size_t operations)
{
    for (size_t i = 0; i < operations; i++)
        way->close(way->open(way, row->work == RESUMPTION));
}

/* pair: NULL where connections are what is measured. */
static struct elapsed run_once(const struct way *way, struct pair *pair, const struct row *row, size_t operations)
{
    uint64_t before = pair ? way->received(pair, SERVER) : 0;
    uint64_t echoed = pair ? way->received(pair, CLIENT) : 0;
    struct elapsed start = elapsed_since((struct elapsed){0, 0});
    struct elapsed took;

    if (pair)
        exchange(way, pair, row, operations);
    else
        shake(way, row, operations);
    took = elapsed_since(start);
    if (pair)
        must(way->received(pair, SERVER) - before == operations * row->size);
    if (row->work == PING_PONG)
        must(way->received(pair, CLIENT) - echoed == operations * row->size);
    return took;
}

static struct pair *open_for(const struct way *way, const struct row *row)
{
    struct pair *pair = way->open(way, 0); /* also leaves the ticket that a first resumption needs */

    if (row->work == STREAM || row->work == PING_PONG) {
        way->set_echo(pair, row->work == PING_PONG);
        return pair;
    }
    way->close(pair);
    return NULL;
}

/* Warms up, and finds how many operations fill a round. */
static size_t calibrate(const struct way *way, struct pair *pair, const struct row *row, double seconds)
{
    size_t operations = 1;

    while (run_once(way, pair, row, operations).cpu < seconds)
        operations *= 2;
    return operations;
}

static struct result measure(const struct row *row, size_t rounds, double seconds)
{
    static double rates[WAYS][ROUNDS_MAX];
    static double wall_rates[WAYS][ROUNDS_MAX];
    static double ratios[WAYS][ROUNDS_MAX];
    struct result result = {.row = row};
    struct pair *pairs[WAYS];
    struct elapsed took;
    size_t w;

    for (w = 0; w < WAYS; w++) {
        pairs[w] = open_for(ways[w], row);
        result.operations = calibrate(ways[w], pairs[w], row, seconds);
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < WAYS; i++) {
            w = (round + i) % WAYS;
            took = run_once(ways[w], pairs[w], row, result.operations);
            rates[w][round] = (double)result.operations * row->scale / took.cpu;
            wall_rates[w][round] = (double)result.operations * row->scale / took.wall;
        }
        for (w = 0; w < WAYS; w++)
            ratios[w][round] = rates[0][round] / rates[w][round];
    }
    for (w = 0; w < WAYS; w++) {
        result.rate[w] = spread_of(rates[w], rounds);
        result.wall_rate[w] = spread_of(wall_rates[w], rounds);
        result.ratio[w] = spread_of(ratios[w], rounds);
        if (pairs[w])
            ways[w]->close(pairs[w]);
    }
    return result;
}

/* ---- telling ---- */

static void print_head(size_t rounds)
{
    printf("TLS 1.3, " CIPHER ", certificate P-256; both ends in one thread.\n");
    printf("Medians of %zu alternating rounds, by CPU time; in brackets the least and the most of the rounds.\n\n",
           rounds);
    for (size_t w = 0; w < WAYS; w++)
        printf("  %-14s %s\n", ways[w]->name, ways[w]->what);
    printf("\n%-15s", "");
    for (size_t w = 0; w < WAYS; w++)
        printf(" %13s", ways[w]->name);
    printf("   sessile to: raw       goal  released  memory  shared\n");
}

static void print_result(const struct result *r)
{
    printf("%-15s", r->row->name);
    for (size_t w = 0; w < WAYS; w++)
        printf(" %13.*f", r->rate[w].median < 10 ? 2 : r->rate[w].median < 1000 ? 1 : 0, r->rate[w].median);
    printf("   %.3f (%.2f to %.2f)  %.2f  %.3f     %.3f   %.3f   %s\n", r->ratio[1].median, r->ratio[1].least,
           r->ratio[1].most, r->row->goal, r->ratio[2].median, r->ratio[3].median, r->ratio[4].median, r->row->unit);
    fflush(stdout);
}

static void write_result(FILE *file, const struct result *r)
{
    fprintf(file,
            "    {\"name\": \"%s\", \"unit\": \"%s\", \"operations_per_round\": %zu, \"goal\": %.2f, \"ways\": {\n",
            r->row->name, r->row->unit, r->operations, r->row->goal);
    for (size_t w = 0; w < WAYS; w++) {
        fprintf(file, "      \"%s\": {", ways[w]->name);
        write_spread(file, "rate_cpu", &r->rate[w]);
        fprintf(file, ", ");
        write_spread(file, "rate_wall", &r->wall_rate[w]);
        if (w) {
            fprintf(file, ", ");
            write_spread(file, "sessile_to_this", &r->ratio[w]);
        }
        fprintf(file, "}%s\n", w + 1 < WAYS ? "," : "");
    }
    fprintf(file, "    }}");
}

static void write_json(const char *path, const struct result *results, size_t count, size_t rounds)
{
    FILE *file = open_json(path);

    fprintf(file, "{\n  \"cipher\": \"" CIPHER "\",\n  \"rounds\": %zu,\n  \"rows\": [\n", rounds);
    for (size_t i = 0; i < count; i++) {
        write_result(file, &results[i]);
        fprintf(file, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf(file, "  ]\n}\n");
    must(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct identity identity = make_identity();
    struct result results[ROWS];
    size_t count = 0;

    for (size_t w = 0; w < WAYS; w++)
        ways[w]->set_up(ways[w], &identity);
    free_identity(&identity);
    memset(payload, 0x5a, sizeof payload);
    print_head(options.rounds);
    for (size_t i = 0; i < ROWS; i++) {
        if (!strstr(rows[i].name, options.only))
            continue;
        results[count] = measure(&rows[i], options.rounds, options.seconds);
        print_result(&results[count++]);
    }
    if (options.json)
        write_json(options.json, results, count, options.rounds);
    return 0;
}
