/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks, medians, options. */
#include "rounds.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ways.h"

static double clock_read(clockid_t clock)
{
    struct timespec now;

    must(clock_gettime(clock, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct elapsed elapsed_since(struct elapsed start)
{
    return (struct elapsed){clock_read(CLOCK_PROCESS_CPUTIME_ID) - start.cpu, clock_read(CLOCK_MONOTONIC) - start.wall};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

struct spread spread_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (struct spread){
        .median = count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2,
        .least = values[0],
        .most = values[count - 1],
    };
}

void write_spread(FILE *file, const char *name, const struct spread *spread)
{
    fprintf(file, "\"%s\": {\"median\": %.6g, \"min\": %.6g, \"max\": %.6g}", name, spread->median, spread->least,
            spread->most);
}

FILE *open_json(const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    return file;
}

static const char help[] = "Usage: %s [--rounds N] [--ms N] [--only TEXT] [--json FILE]\n"
                           "\n"
                           "  --rounds N   rounds of each row, 1 to 1000 (41)\n"
                           "  --ms N       how long one way's part of a round takes at least, in milliseconds (10)\n"
                           "  --only TEXT  only rows whose name contains TEXT\n"
                           "  --json FILE  write the figures there too\n";

size_t read_number(const char *text, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value < 1 || value > most) {
        fprintf(stderr, "'%s' is not a number from 1 to %zu\n", text, most);
        exit(2);
    }
    return value;
}

struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"ms", required_argument, NULL, 'm'},
        {"only", required_argument, NULL, 'o'},   {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0}};
    struct options options = {.rounds = 41, .seconds = 0.010, .only = ""};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'r':
            options.rounds = read_number(optarg, ROUNDS_MAX);
            break;
        case 'm':
            options.seconds = (double)read_number(optarg, 10000) / 1000;
            break;
        case 'o':
            options.only = optarg;
            break;
        case 'j':
            options.json = optarg;
            break;
        default:
            fprintf(option == 'h' ? stdout : stderr, help, argv[0]);
            exit(option == 'h' ? 0 : 2);
        }
    }
    return options;
}
