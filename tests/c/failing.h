/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocators that count, and fail where they are told to: one for libsessile, one for libssl and libcrypto. For tests
 * of what happens without memory, and of what is held.
 */
#ifndef TESTS_FAILING_H
#define TESTS_FAILING_H

#include <stddef.h>

#define FAILING_OURS 0
#define FAILING_OPENSSL 1

/* Install both. The first thing that main does: libcrypto accepts no allocator once it has allocated. */
void failing_install(void);

/* Let the allocation of this index fail, counted from now, and with forever those after it too. which: FAILING_*. */
void failing_at(int which, size_t index, int forever);
/* No more failures. */
void failing_off(void);
/* How many allocations there were since failing_at() or failing_off(), and whether one was made to fail. */
size_t failing_count(int which);
int failing_hit(void);

/* Held at the moment: blocks and bytes. */
size_t failing_blocks(int which);
size_t failing_bytes(int which);
/* The most bytes that were held since failing_peak_reset(). */
size_t failing_peak(int which);
void failing_peak_reset(void);

#endif
