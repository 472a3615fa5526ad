/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: a growing buffer of big-endian fields. A failed allocation sticks, so that an encoder checks once, at its
 * end. Its memory is wiped when it grows and when it is freed.
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
};

void put_u8(struct writer *w, uint8_t value);
void put_u16(struct writer *w, uint16_t value);
void put_u32(struct writer *w, uint32_t value);
void put_bytes(struct writer *w, const void *data, size_t size);
/* A length of 2 or 4 bytes, then the bytes; fails where the length does not fit. */
void put_sized16(struct writer *w, const void *data, size_t size);
void put_sized32(struct writer *w, const void *data, size_t size);
/* Room for size bytes to be filled by the caller, or NULL. */
uint8_t *put_room(struct writer *w, size_t size);
void writer_free(struct writer *w);

#endif
