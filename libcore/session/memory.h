/* SPDX-License-Identifier: Apache-2.0
 *
 * All memory that libsessile allocates comes from here, so that a test can fail each allocation.
 */
#ifndef SESSION_MEMORY_H
#define SESSION_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* NULL where there is none. mem_zalloc zeroes. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *memory, size_t size);
void mem_free(void *memory);
/* Free after wiping size bytes. */
void mem_wipe_free(void *memory, size_t size);
void mem_wipe(void *memory, size_t size);
/* A copy with a NUL byte behind it, which size does not count. */
void *mem_copy(const void *data, size_t size);
char *mem_string(const char *text);

#endif
