/* SPDX-License-Identifier: Apache-2.0
 *
 * How many: authenticated SSH pairs, both ends here, alive at once in one process; then each opens a channel and
 * answers an echo. What the process holds is told by the kernel (/proc/self/statm), so that the heap's own losses count
 * too.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rounds.h"
#include "ssh_ends.h"

#define PAIRS_DEFAULT 20000
#define PAIRS_MOST 10000000
#define PARTS 10
#define ECHO_SIZE 64

static const char help[] = "Usage: ssh_pairs [--pairs N] [--json FILE]\n"
                           "\n"
                           "  --pairs N    how many pairs (20000); a million take about 16 GB\n"
                           "  --json FILE  write the figures there too\n";

struct figures {
    size_t pairs;
    double opened; /* CPU seconds, for all */
    double first;  /* of it, the first and the last tenth */
    double last;
    double echoed;
    double resident; /* bytes more than before */
    double after;    /* the same, once all have echoed and closed their channels */
};

static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long all, pages = 0;

    must(file && fscanf(file, "%lu %lu", &all, &pages) == 2);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void echo(struct ssh_ends *ends, const uint8_t *text)
{
    ssh_ends_channel(ends);
    ends->ends[SERVER].echo = 1;
    ssh_ends_push(ends, CLIENT, text, ECHO_SIZE);
    must(ends->ends[CLIENT].received == ECHO_SIZE);
    ssh_ends_channel_close(ends);
}

/* Cost of the first tenth and of the last: the same, where it does not grow with the number of sessions. */
static void open_all(struct ssh_ends *ends, const struct ssh_setup *setup, struct figures *f)
{
    struct elapsed start = elapsed_since((struct elapsed){0, 0});
    double before = 0;

    for (size_t i = 0; i < f->pairs; i++) {
        if (i == f->pairs / PARTS)
            f->first = elapsed_since(start).cpu;
        if (i == f->pairs - f->pairs / PARTS)
            before = elapsed_since(start).cpu;
        ssh_ends_open(&ends[i], setup);
    }
    f->opened = elapsed_since(start).cpu;
    f->last = f->opened - before;
}

static struct figures measure(size_t pairs)
{
    static const uint8_t text[ECHO_SIZE] = "hello";
    struct figures f = {.pairs = pairs};
    struct ssh_setup setup;
    struct ssh_ends *ends = calloc(pairs, sizeof *ends);
    struct elapsed start;
    double before;

    must(ends != NULL);
    ssh_setup_make(&setup, &(struct ssh_choice){"curve25519-sha256", "aes128-gcm@openssh.com", NULL, 1});
    ssh_ends_open(&ends[0], &setup); /* what is made once */
    ssh_ends_close(&ends[0]);
    memset(ends, 1, pairs * sizeof *ends); /* touch it: it is the benchmark's own */
    before = resident();
    open_all(ends, &setup, &f);
    f.resident = resident() - before;
    start = elapsed_since((struct elapsed){0, 0});
    for (size_t i = 0; i < pairs; i++)
        echo(&ends[i], text);
    f.echoed = elapsed_since(start).cpu;
    f.after = resident() - before;
    for (size_t i = 0; i < pairs; i++)
        ssh_ends_close(&ends[i]);
    ssh_setup_free(&setup);
    free(ends);
    return f;
}

static void print_figures(const struct figures *f)
{
    double pairs = (double)f->pairs;

    printf("%zu authenticated pairs alive in one process, aes128-gcm, by CPU time\n\n", f->pairs);
    printf("opened     %10.1f us each; the last tenth to the first %.2f\n", f->opened / pairs * 1e6,
           f->last / f->first);
    printf("resident   %10.0f bytes a pair, both ends; %.2f GiB in all\n", f->resident / pairs,
           f->resident / (1024.0 * 1024 * 1024));
    printf("echo       %10.1f us each: a channel, a command, %d bytes there and back, the channel's end\n",
           f->echoed / pairs * 1e6, ECHO_SIZE);
    printf("afterwards %10.0f bytes a pair\n", f->after / pairs);
}

static void write_json(const char *path, const struct figures *f)
{
    FILE *file = open_json(path);
    double pairs = (double)f->pairs;

    fprintf(file,
            "{\n  \"pairs\": %zu,\n  \"open_us\": %.2f,\n  \"open_last_to_first\": %.3f,\n  \"resident_bytes\": %.0f,\n"
            "  \"echo_us\": %.2f,\n  \"resident_afterwards_bytes\": %.0f\n}\n",
            f->pairs, f->opened / pairs * 1e6, f->last / f->first, f->resident / pairs, f->echoed / pairs * 1e6,
            f->after / pairs);
    must(fclose(file) == 0);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"pairs", required_argument, NULL, 'p'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    size_t pairs = PAIRS_DEFAULT;
    const char *json = NULL;
    struct figures figures;
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'p')
            pairs = read_number(optarg, PAIRS_MOST);
        else if (option == 'j')
            json = optarg;
        else {
            fputs(help, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    figures = measure(pairs < PARTS ? PARTS : pairs);
    print_figures(&figures);
    if (json)
        write_json(json, &figures);
    return 0;
}
