/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: a growing buffer of big-endian fields. A failed allocation sticks, so that an encoder checks once, at its
 * end. Its memory is wiped when it grows and when it is freed. It may start in room of its caller's, such as an array
 * on the stack, and moves to the heap when that is full.
 */
#ifndef CODEC_WRITER_H
#define CODEC_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct writer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    int failed;
    int borrowed; /* data is its caller's room */
};

/* An empty writer in room of the caller's, which outlives it. */
struct writer writer_in(void *room, size_t size);

void put_u8(struct writer *w, uint8_t value);
void put_u16(struct writer *w, uint16_t value);
void put_u32(struct writer *w, uint32_t value);
void put_u64(struct writer *w, uint64_t value);
void put_bytes(struct writer *w, const void *data, size_t size);
/* A length of 2 or 4 bytes, then the bytes; fails where the length does not fit. */
void put_sized16(struct writer *w, const void *data, size_t size);
void put_sized32(struct writer *w, const void *data, size_t size);
/* Text behind its length of 4 bytes. */
void put_text32(struct writer *w, const char *text);
/* A number that is not negative as an mpint (RFC 4251, section 5). data, size: big-endian magnitude. */
void put_mpint(struct writer *w, const void *data, size_t size);
/* A length of 4 bytes that is not known yet: put_end32() sets it, for all that was put since. */
size_t put_begin32(struct writer *w);
void put_end32(struct writer *w, size_t begin);
/* Room for size bytes to be filled by the caller, or NULL. */
uint8_t *put_room(struct writer *w, size_t size);
void writer_free(struct writer *w);

#endif
