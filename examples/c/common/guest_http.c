/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HTTP/1.1 service (RFC 9110, RFC 9112): GET and HEAD of files, one request after another on a connection. A
 * request is answered when its head is complete; what follows it waits unread until the answer is out.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/guest.h"

#define REQUEST_LIMIT 16384
#define PATH_LIMIT 2048

struct request {
    char method[16];
    char target[PATH_LIMIT];
    int minor;
    int close;
    int body;
};

static int hex_value(char c)
{
    const char *digits = "0123456789abcdefABCDEF";
    const char *found = c == 0 ? NULL : strchr(digits, c);
    int value = found == NULL ? -1 : (int)(found - digits);
    return value < 16 ? value : value - 6;
}

/* The path below the root of an origin-form target, without its query; percent-encoding is undone in place. 0 or -1. */
static int target_path(char *target)
{
    char *to = target;
    const char *from = target + 1;
    if (target[0] != '/') {
        return -1;
    }
    while (*from != 0 && *from != '?') {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        int high = hex_value(from[1]);
        int low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || high * 16 + low == 0) {
            return -1;
        }
        *to++ = (char)(high * 16 + low);
        from += 3;
    }
    *to = 0;
    return 0;
}

static void request_field(struct request *request, const char *line)
{
    const char *value = strchr(line, ':');
    if (value == NULL) {
        return;
    }
    size_t size = (size_t)(value - line);
    value += 1 + strspn(value + 1, " \t");
    if (size == 10 && strncasecmp(line, "Connection", size) == 0) {
        request->close = strcasecmp(value, "keep-alive") == 0 ? 0 : request->close || strcasecmp(value, "close") == 0;
    } else if (size == 14 && strncasecmp(line, "Content-Length", size) == 0) {
        request->body = strcmp(value, "0") != 0;
    } else if (size == 17 && strncasecmp(line, "Transfer-Encoding", size) == 0) {
        request->body = 1;
    }
}

/* text: the head, which is changed. 0, or the status to answer with. */
static int request_parse(struct request *request, char *text)
{
    char *rest = NULL;
    char *line = strtok_r(text, "\r\n", &rest);
    char version;
    int used = 0;
    memset(request, 0, sizeof *request);
    if (line == NULL ||
        sscanf(line, "%15[A-Z] %2047s HTTP/1.%c%n", request->method, request->target, &version, &used) != 3 ||
        line[used] != 0 || (version != '0' && version != '1')) {
        return 400;
    }
    request->minor = version - '0';
    request->close = request->minor == 0;
    while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
        request_field(request, line);
    }
    if (target_path(request->target) != 0) {
        return 400;
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        return 405;
    }
    return request->body ? 400 : 0;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed\r\nAllow: GET, HEAD";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Bad Request";
    }
}

/* The head of an answer; where it is not about a file, a word to go with it. */
static void answer(struct guest *guest, int status, int head_only)
{
    char word[64] = "";
    if (status != 200) {
        snprintf(word, sizeof word, "%d\n", status);
    }
    long long size = status == 200 ? (long long)guest->file_left : (long long)strlen(word);
    int n =
        snprintf(guest->head, sizeof guest->head,
                 "HTTP/1.1 %d %s\r\nServer: sessile-example\r\nContent-Type: %s\r\nContent-Length: %lld\r\n%s\r\n%s",
                 status, reason_of(status), status == 200 ? "application/octet-stream" : "text/plain", size,
                 guest->last ? "Connection: close\r\n" : "", head_only ? "" : word);
    guest->head_start = 0;
    guest->head_size = (size_t)n;
    if (head_only) {
        guest->file_left = 0;
    }
}

static void answer_request(struct guest *guest, char *text)
{
    struct request request;
    int status = request_parse(&request, text);
    /* After a request that is not understood, where the next one begins is not known either. */
    guest->last = status != 0 || request.close;
    if (status == 0) {
        status = guest_open(guest, request.target) == 0 ? 200 : 404;
    }
    answer(guest, status, strcmp(request.method, "HEAD") == 0);
}

/* The size of the head with its empty line, or 0. */
static size_t head_size(const struct guest *guest)
{
    const uint8_t *end = guest->input_size < 4 ? NULL : memmem(guest->input, guest->input_size, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - guest->input) + 4;
}

int guest_http(struct guest *guest)
{
    char text[REQUEST_LIMIT];
    if (guest->last) {
        guest_end(guest);
        return 0;
    }
    size_t size = head_size(guest);
    if (size >= sizeof text || (size == 0 && guest->input_size >= sizeof text)) {
        guest->last = 1;
        answer(guest, 431, 0);
        return 1;
    }
    if (size == 0) {
        if (guest->peer_ended) {
            guest_end(guest);
        }
        return 0;
    }
    memcpy(text, guest->input, size);
    text[size] = 0;
    guest_used(guest, size);
    answer_request(guest, text);
    return 1;
}
