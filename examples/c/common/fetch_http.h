/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads one HTTP/1.1 answer as it arrives: status, and a body with a length, in chunks, or up to the end.
 */
#ifndef COMMON_FETCH_HTTP_H
#define COMMON_FETCH_HTTP_H

#include <stddef.h>

enum http_state {
    HTTP_HEAD,
    HTTP_BODY,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_DONE,
    HTTP_FAILED
};

struct http_reader {
    enum http_state state;
    int status;
    int has_length;
    int chunked;
    unsigned long long left; /* of the body, or of the chunk */
    char line[8192];
    size_t line_size;
    int lines;
};

/* Returns how many bytes were used, at least one. *body, *body_size: the part of data that belongs to the body, or NULL
 * and 0. */
size_t http_read(struct http_reader *reader, const char *data, size_t size, const char **body, size_t *body_size);
/* The connection has ended: a body without a length is complete. */
void http_end(struct http_reader *reader);

#endif
