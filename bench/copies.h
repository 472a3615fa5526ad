/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting copies: functions that stand in for memcpy and memmove in the whole process, libssl and libcrypto included.
 * Short copies that the compiler expands in place do not show, and neither does a cipher's own pass over the data. To
 * be included by one file of a program, which is slower for it.
 */
#ifndef BENCH_COPIES_H
#define BENCH_COPIES_H

#include <stddef.h>
#include <string.h>

#include "ways.h"

static size_t copied;

/* The work itself is done by functions that nobody else calls, through pointers that the compiler must read: else it
 * would make calls of memcpy out of them. */
static void *(*const volatile do_copy)(void *, const void *, size_t) = mempcpy;
static void (*const volatile do_move)(const void *, void *, size_t) = bcopy;

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copied += size;
    do_copy(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    copied += size;
    do_move(from, to, size);
    return to;
}

/* What a library that was built with _FORTIFY_SOURCE calls. */
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room);
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room)
{
    must(size <= room);
    return memcpy(to, from, size);
}

void *__memmove_chk(void *to, const void *from, size_t size, size_t room);
void *__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
    must(size <= room);
    return memmove(to, from, size);
}

#endif
