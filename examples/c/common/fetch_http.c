/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 9112 from a client's side: a line at a time for the head and around chunks, whole spans for the body.
 */
#include "common/fetch_http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINES_MOST 200

static void http_head_done(struct http_reader *reader)
{
    if (reader->status / 100 == 1) {
        memset(reader, 0, sizeof *reader);
        return;
    }
    if (reader->chunked) {
        reader->state = HTTP_CHUNK_SIZE;
    } else if (reader->status == 204 || reader->status == 304 || (reader->has_length && reader->left == 0)) {
        reader->state = HTTP_DONE;
    } else {
        reader->state = HTTP_BODY;
    }
}

/* "HTTP/1.1 200 OK" */
static void http_status_line(struct http_reader *reader)
{
    const char *line = reader->line;
    char *end = NULL;
    if (strncmp(line, "HTTP/1.1 ", 9) == 0 || strncmp(line, "HTTP/1.0 ", 9) == 0) {
        reader->status = (int)strtol(line + 9, &end, 10);
    }
    if (end != line + 12 || reader->status < 100) {
        reader->state = HTTP_FAILED;
    }
}

static void http_head_line(struct http_reader *reader)
{
    char *line = reader->line;
    if (reader->lines++ == 0) {
        http_status_line(reader);
    } else if (line[0] == 0) {
        http_head_done(reader);
    } else if (strncasecmp(line, "Content-Length:", 15) == 0) {
        reader->has_length = 1;
        reader->left = strtoull(line + 15, NULL, 10);
    } else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
        reader->chunked = strcasecmp(line + 18 + strspn(line + 18, " \t"), "chunked") == 0;
        reader->state = reader->chunked ? HTTP_HEAD : HTTP_FAILED;
    } else if (reader->lines > LINES_MOST) {
        reader->state = HTTP_FAILED;
    }
}

static void http_chunk_size(struct http_reader *reader)
{
    char *end;
    reader->left = strtoull(reader->line, &end, 16);
    if (end == reader->line || (*end != 0 && *end != ';' && *end != ' ')) {
        reader->state = HTTP_FAILED;
    } else {
        reader->state = reader->left > 0 ? HTTP_CHUNK : HTTP_TRAILER;
    }
}

static void http_line(struct http_reader *reader)
{
    switch (reader->state) {
    case HTTP_HEAD:
        http_head_line(reader);
        break;
    case HTTP_CHUNK_SIZE:
        http_chunk_size(reader);
        break;
    case HTTP_CHUNK_END:
        reader->state = reader->line[0] == 0 ? HTTP_CHUNK_SIZE : HTTP_FAILED;
        break;
    default:
        reader->state = reader->line[0] == 0 ? HTTP_DONE : HTTP_TRAILER;
    }
}

static size_t http_read_line(struct http_reader *reader, const char *data, size_t size)
{
    const char *end = memchr(data, '\n', size);
    size_t used = end == NULL ? size : (size_t)(end - data) + 1;
    if (reader->line_size + used >= sizeof reader->line) {
        reader->state = HTTP_FAILED;
        return used;
    }
    memcpy(reader->line + reader->line_size, data, used);
    reader->line_size += used;
    if (end != NULL) {
        size_t n = reader->line_size - 1;
        n -= n > 0 && reader->line[n - 1] == '\r';
        reader->line[n] = 0;
        reader->line_size = 0;
        http_line(reader);
    }
    return used;
}

size_t http_read(struct http_reader *reader, const char *data, size_t size, const char **body, size_t *body_size)
{
    *body = NULL;
    *body_size = 0;
    if (reader->state == HTTP_DONE || reader->state == HTTP_FAILED) {
        return size;
    }
    if (reader->state != HTTP_BODY && reader->state != HTTP_CHUNK) {
        return http_read_line(reader, data, size);
    }
    int counted = reader->state == HTTP_CHUNK || reader->has_length;
    *body = data;
    *body_size = counted && reader->left < size ? (size_t)reader->left : size;
    if (counted) {
        reader->left -= *body_size;
        if (reader->left == 0) {
            reader->state = reader->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_DONE;
        }
    }
    return *body_size;
}

void http_end(struct http_reader *reader)
{
    if (reader->state == HTTP_BODY && !reader->has_length) {
        reader->state = HTTP_DONE;
    }
}
