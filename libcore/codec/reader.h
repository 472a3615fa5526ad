/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader: the only code that walks bytes that came from elsewhere. A failed read leaves zeroed outputs and a failed
 * reader, from which every later read fails too, so that a decoder may check once, at its end.
 */
#ifndef CODEC_READER_H
#define CODEC_READER_H

#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *data;
    size_t left;
    int failed;
};

struct reader reader_of(const void *data, size_t size);

uint8_t get_u8(struct reader *r);
uint16_t get_u16(struct reader *r);
uint32_t get_u32(struct reader *r);
uint64_t get_u64(struct reader *r);
/* size bytes, borrowed; NULL where there are fewer. */
const uint8_t *get_bytes(struct reader *r, size_t size);
/* What follows a length of 1, 2 or 4 bytes, as a reader of its own. */
struct reader get_sub8(struct reader *r);
struct reader get_sub16(struct reader *r);
struct reader get_sub32(struct reader *r);
/* The magnitude of an mpint (RFC 4251, section 5), without leading zeros. A negative number, or one with a needless
 * zero byte in front, fails the reader. */
struct reader get_mpint(struct reader *r);
/* Nothing failed and nothing is left. */
int reader_done(const struct reader *r);

#endif
