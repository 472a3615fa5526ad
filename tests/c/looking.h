/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocators, libsessile's and libcrypto's, that look at each block when it goes: whether a piece of a secret is still
 * in it. One thread.
 */
#ifndef LOOKING_H
#define LOOKING_H

#include <stddef.h>

/* As much of a secret as nothing else has by accident. */
#define LOOKING_PIECE 16

/* Before anything is allocated. Ends the program where an allocator cannot be set any more. */
void looking_install(void);
/* No pieces any more, and none found. */
void looking_forget(void);
/* From now on for LOOKING_PIECE bytes, too. */
void looking_for(const void *piece);
/* Look in memory that is no block. */
void looking_in(const void *memory, size_t size);
/* How many pieces have been found. */
size_t looking_found(void);

void *looking_alloc(size_t size);
void *looking_realloc(void *memory, size_t size);
void looking_free(void *memory);

#endif
