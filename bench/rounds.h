/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring in short rounds that alternate, and telling what came of it: what the speed programs share.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stddef.h>
#include <stdio.h>

#define ROUNDS_MAX 1000

struct elapsed {
    double cpu;
    double wall;
};

struct spread {
    double median;
    double least;
    double most;
};

/* Seconds since start; of a zeroed one: the clocks themselves. */
struct elapsed elapsed_since(struct elapsed start);
/* Sorts the values. */
struct spread spread_of(double *values, size_t count);
/* "name": {...} */
void write_spread(FILE *file, const char *name, const struct spread *spread);
/* Stops the program where it cannot be written. */
FILE *open_json(const char *path);

struct options {
    size_t rounds;
    double seconds; /* of a part of a round, at least */
    const char *only;
    const char *json; /* NULL: none */
};

/* --rounds, --ms, --only, --json, --help. */
struct options read_options(int argc, char **argv);
/* A number from a command line, or the end of the program. */
size_t read_number(const char *text, size_t most);

#endif
