/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting memory: what libsessile and libcrypto hold and ask for, by what the C library really gave
 * (malloc_usable_size). What a benchmark itself keeps is not in it.
 */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

enum owner { COUNT_SESSILE, COUNT_OPENSSL, COUNT_OWNERS };

struct count {
    long long live[COUNT_OWNERS]; /* bytes */
    long long peak;               /* of both together, since it was last set */
    unsigned long long allocations[COUNT_OWNERS];
};

extern struct count count;

/* Before anything else is called. */
void count_begin(void);
/* What both hold now. */
long long count_live(void);

#endif
