/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast SSH is: both ends in one thread, against what libcrypto alone needs for the same packets, and for the same
 * handshakes. Rounds alternate, and ratios are medians of the rounds' own, as in speed.c.
 */
#include <stdio.h>
#include <string.h>

#include "rounds.h"
#include "ssh_bare.h"
#include "ssh_ends.h"

#define GCM "aes128-gcm@openssh.com"
#define CHACHA "chacha20-poly1305@openssh.com"
#define MIB (1024.0 * 1024.0)
#define PACKET 32768

enum side { SESSILE, BARE, WAYS };
enum work { STREAM, PING_PONG, HANDSHAKE };

struct row {
    const char *name;
    const char *unit;
    double scale; /* of one operation in that unit, per second */
    enum work work;
    size_t size;
    const char *cipher;
    const char *mac;
    double goal; /* of the ratio; 0: none */
};

static const struct row rows[] = {
    {"aes128-gcm 64 B", "MiB/s", 64 / MIB, STREAM, 64, GCM, NULL, 0},
    {"aes128-gcm 1 KiB", "MiB/s", 1024 / MIB, STREAM, 1024, GCM, NULL, 0},
    {"aes128-gcm 8 KiB", "MiB/s", 8192 / MIB, STREAM, 8192, GCM, NULL, 0},
    {"aes128-gcm 32 KiB", "MiB/s", PACKET / MIB, STREAM, PACKET, GCM, NULL, 0.90},
    {"aes128-gcm 256 KiB", "MiB/s", 8 * PACKET / MIB, STREAM, 8 * PACKET, GCM, NULL, 0},
    {"chacha20-poly1305 32 KiB", "MiB/s", PACKET / MIB, STREAM, PACKET, CHACHA, NULL, 0},
    {"aes128-ctr+etm 32 KiB", "MiB/s", PACKET / MIB, STREAM, PACKET, "aes128-ctr", "hmac-sha2-256-etm@openssh.com", 0},
    {"echo 64 B", "thousand echoes/s", 0.001, PING_PONG, 64, GCM, NULL, 0},
    {"handshake, publickey", "handshakes/s", 1, HANDSHAKE, 0, GCM, NULL, 0.75},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct stage {
    const struct row *row;
    struct ssh_setup setup;
    struct ssh_ends ends;
    struct bare_packet *bare;
};

struct result {
    const struct row *row;
    size_t operations[WAYS]; /* in one round */
    struct spread rate[WAYS];
    struct spread wall_rate[WAYS];
    struct spread ratio;
};

static uint8_t payload[8 * PACKET];

/* ---- work ---- */

static void run_sessile(struct stage *stage, size_t operations)
{
    struct ssh_ends ends;

    for (size_t i = 0; i < operations; i++) {
        if (stage->row->work != HANDSHAKE) {
            ssh_ends_push(&stage->ends, CLIENT, payload, stage->row->size);
            continue;
        }
        ssh_ends_open(&ends, &stage->setup);
        ssh_ends_close(&ends);
    }
}

static void run_bare(struct stage *stage, size_t operations)
{
    size_t times = stage->row->work == PING_PONG ? 2 : 1;

    for (size_t i = 0; i < operations * times; i++) {
        if (stage->row->work == HANDSHAKE)
            bare_handshake();
        for (size_t done = 0; done < stage->row->size; done += PACKET)
            bare_pass(stage->bare, payload + done, stage->row->size - done < PACKET ? stage->row->size - done : PACKET);
    }
}

static struct elapsed run_once(struct stage *stage, enum side way, size_t operations)
{
    uint64_t before = stage->ends.ends[SERVER].received;
    struct elapsed start = elapsed_since((struct elapsed){0, 0});
    struct elapsed took;

    if (way == SESSILE)
        run_sessile(stage, operations);
    else
        run_bare(stage, operations);
    took = elapsed_since(start);
    if (way == SESSILE && stage->row->work != HANDSHAKE)
        must(stage->ends.ends[SERVER].received - before == operations * stage->row->size);
    return took;
}

static void open_stage(struct stage *stage, const struct row *row)
{
    struct ssh_choice choice = {"curve25519-sha256", row->cipher, row->mac, 0};

    *stage = (struct stage){.row = row};
    ssh_setup_make(&stage->setup, &choice);
    stage->bare = bare_new(row->cipher);
    if (row->work == HANDSHAKE)
        return;
    ssh_ends_open(&stage->ends, &stage->setup);
    ssh_ends_channel(&stage->ends);
    stage->ends.ends[SERVER].echo = row->work == PING_PONG;
}

static void close_stage(struct stage *stage)
{
    if (stage->row->work != HANDSHAKE)
        ssh_ends_close(&stage->ends);
    ssh_setup_free(&stage->setup);
    bare_free(stage->bare);
}

/* Warms up, and finds how many operations fill a round. */
static size_t calibrate(struct stage *stage, enum side way, double seconds)
{
    size_t operations = 1;

    while (run_once(stage, way, operations).cpu < seconds)
        operations *= 2;
    return operations;
}

static struct result measure(const struct row *row, const struct options *options)
{
    static double rates[WAYS][ROUNDS_MAX], wall_rates[WAYS][ROUNDS_MAX], ratios[ROUNDS_MAX];
    struct result result = {.row = row};
    struct stage stage;

    open_stage(&stage, row);
    for (enum side way = 0; way < WAYS; way++)
        result.operations[way] = calibrate(&stage, way, options->seconds);
    for (size_t round = 0; round < options->rounds; round++) {
        for (unsigned i = 0; i < WAYS; i++) {
            enum side way = (enum side)((round + i) % WAYS);
            struct elapsed took = run_once(&stage, way, result.operations[way]);

            rates[way][round] = (double)result.operations[way] * row->scale / took.cpu;
            wall_rates[way][round] = (double)result.operations[way] * row->scale / took.wall;
        }
        ratios[round] = rates[SESSILE][round] / rates[BARE][round];
    }
    for (enum side way = 0; way < WAYS; way++) {
        result.rate[way] = spread_of(rates[way], options->rounds);
        result.wall_rate[way] = spread_of(wall_rates[way], options->rounds);
    }
    result.ratio = spread_of(ratios, options->rounds);
    close_stage(&stage);
    return result;
}

/* ---- telling ---- */

static void print_head(size_t rounds)
{
    printf("SSH, curve25519-sha256, Ed25519 keys; both ends in one thread. bare: libcrypto alone, for the same packets "
           "or\nhandshakes. Medians of %zu alternating rounds, by CPU time; in brackets the least and the most.\n\n",
           rounds);
    printf("%-26s %10s %10s   %-22s %s\n", "", "sessile", "bare", "ratio", "goal");
}

static void print_result(const struct result *r)
{
    printf("%-26s %10.1f %10.1f   %.3f (%.2f to %.2f)   ", r->row->name, r->rate[SESSILE].median, r->rate[BARE].median,
           r->ratio.median, r->ratio.least, r->ratio.most);
    if (r->row->goal > 0)
        printf("%.2f   %s\n", r->row->goal, r->row->unit);
    else
        printf("       %s\n", r->row->unit);
    fflush(stdout);
}

static void write_result(FILE *file, const struct result *r)
{
    static const char *const names[WAYS] = {"sessile", "bare"};

    fprintf(file, "    {\"name\": \"%s\", \"unit\": \"%s\", \"goal\": %.2f", r->row->name, r->row->unit, r->row->goal);
    for (enum side way = 0; way < WAYS; way++) {
        fprintf(file, ",\n     \"%s\": {\"operations_per_round\": %zu, ", names[way], r->operations[way]);
        write_spread(file, "rate_cpu", &r->rate[way]);
        fprintf(file, ", ");
        write_spread(file, "rate_wall", &r->wall_rate[way]);
        fprintf(file, "}");
    }
    fprintf(file, ",\n     ");
    write_spread(file, "sessile_to_bare", &r->ratio);
    fprintf(file, "}");
}

static void write_json(const char *path, const struct result *results, size_t count, size_t rounds)
{
    FILE *file = open_json(path);

    fprintf(file, "{\n  \"rounds\": %zu,\n  \"rows\": [\n", rounds);
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
    struct result results[ROWS];
    size_t count = 0;

    memset(payload, 0x5a, sizeof payload);
    print_head(options.rounds);
    for (size_t i = 0; i < ROWS; i++) {
        if (!strstr(rows[i].name, options.only))
            continue;
        results[count] = measure(&rows[i], &options);
        print_result(&results[count++]);
    }
    if (options.json)
        write_json(options.json, results, count, options.rounds);
    return 0;
}
