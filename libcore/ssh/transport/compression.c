/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression: none, and zlib@openssh.com (RFC 1950; OpenSSH's PROTOCOL, section 1.2), which begins when the user is
 * authenticated, so that zlib never reads a stranger's bytes. One zlib stream goes through all payloads of a set of
 * keys; each is flushed, so that it can be read at once. What a payload becomes is bounded: a bomb ends as it goes off.
 *
 * zlib's memory holds plaintext: each block is wiped when it is freed. */
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "session/memory.h"
#include "ssh/transport/packet.h"

/* 64 KiB for sending, where zlib's own choice takes four times that for a few hundredths of size. A peer may use the
 * whole window of 32 KiB. */
#define DEFLATE_WINDOW_BITS 13
#define DEFLATE_MEMORY 6
#define INFLATE_WINDOW_BITS 15

static const struct compression compressions[] = {
    {"none", 0, 1},
    {"zlib@openssh.com", 1, 0},
};

#define COMPRESSIONS (sizeof compressions / sizeof compressions[0])

const struct compression *compression_find(const char *name, size_t size)
{
    for (size_t i = 0; i < COMPRESSIONS; i++)
        if (strlen(compressions[i].name) == size && memcmp(compressions[i].name, name, size) == 0)
            return &compressions[i];
    return NULL;
}

const struct compression *compression_at(size_t index)
{
    return index < COMPRESSIONS ? &compressions[index] : NULL;
}

struct zip {
    z_stream stream;
    int direction;
};

/* A block of zlib's, with its size in front. */
union block {
    size_t size;
    max_align_t align;
};

static voidpf zip_alloc(voidpf opaque, uInt items, uInt size)
{
    union block *block;
    size_t bytes;

    (void)opaque;
    if (size && items > (SIZE_MAX - sizeof *block) / size)
        return Z_NULL;
    bytes = (size_t)items * size;
    if (!(block = mem_alloc(sizeof *block + bytes)))
        return Z_NULL;
    block->size = bytes;
    return block + 1;
}

static void zip_free(voidpf opaque, voidpf memory)
{
    union block *block = memory;

    (void)opaque;
    if (block)
        mem_wipe_free(block - 1, sizeof *block + block[-1].size);
}

int zip_make(void **zip, int direction)
{
    struct zip *z = mem_zalloc(sizeof *z);
    int result;

    if (!z)
        return SESSILE_ERR_MEMORY;
    z->direction = direction;
    z->stream.zalloc = zip_alloc;
    z->stream.zfree = zip_free;
    if (direction == DIRECTION_OUT)
        result = deflateInit2(&z->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW_BITS, DEFLATE_MEMORY,
                              Z_DEFAULT_STRATEGY);
    else
        result = inflateInit2(&z->stream, INFLATE_WINDOW_BITS);
    if (result != Z_OK) {
        mem_free(z);
        return SESSILE_ERR_MEMORY;
    }
    *zip = z;
    return SESSILE_OK;
}

void zip_release(void *zip)
{
    struct zip *z = zip;

    if (!z)
        return;
    if (z->direction == DIRECTION_OUT)
        deflateEnd(&z->stream);
    else
        inflateEnd(&z->stream);
    mem_wipe_free(z, sizeof *z);
}

/* What does not compress is stored: 5 bytes for each block, of which each takes at least 2 KiB here; and the stream's
 * header and the flush. */
size_t zip_bound(size_t size)
{
    return size + size / 256 + 64;
}

int zip_deflate(void *zip, const struct span *spans, size_t count, uint8_t *out, size_t room, size_t *size)
{
    z_stream *stream = &((struct zip *)zip)->stream;
    int result = Z_OK;

    stream->next_out = out;
    stream->avail_out = (uInt)room;
    for (size_t i = 0; i < count && result == Z_OK; i++) {
        stream->next_in = spans[i].data;
        stream->avail_in = (uInt)spans[i].size;
        if (stream->avail_in || i + 1 == count)
            result = deflate(stream, i + 1 == count ? Z_PARTIAL_FLUSH : Z_NO_FLUSH);
        if (stream->avail_in)
            result = Z_BUF_ERROR;
    }
    *size = room - stream->avail_out;
    stream->next_in = NULL;
    stream->next_out = NULL;
    return result == Z_OK && *size < room ? SESSILE_OK : SESSILE_ERR_LIMIT;
}

int zip_inflate(void *zip, const uint8_t *data, size_t data_size, uint8_t *out, size_t room, size_t *size)
{
    z_stream *stream = &((struct zip *)zip)->stream;
    int result;

    stream->next_in = data;
    stream->avail_in = (uInt)data_size;
    stream->next_out = out;
    stream->avail_out = (uInt)room;
    result = inflate(stream, Z_SYNC_FLUSH);
    *size = room - stream->avail_out;
    stream->next_in = NULL;
    stream->next_out = NULL;
    if (result == Z_MEM_ERROR)
        return SESSILE_ERR_MEMORY;
    if (result != Z_OK && result != Z_BUF_ERROR)
        return SESSILE_ERR_PROTOCOL;
    return *size < room ? SESSILE_OK : SESSILE_ERR_LIMIT; /* there may be more of it */
}
