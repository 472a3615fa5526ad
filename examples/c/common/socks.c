/* SPDX-License-Identifier: Apache-2.0
 *
 * A SOCKS request as it arrives, at most 600 bytes of it. A client says nothing more before it has its answer, which is
 * written at once: it is shorter than any socket's buffer.
 */
#include "common/socks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"

#define SOCKS_SECONDS 30.0

struct asker {
    struct loop *loop;
    sessile_session *session;
    struct watch watch;
    struct timer timer;
    forward_failed failed;
    uint8_t data[600];
    size_t size;
    unsigned greeted : 1;
    struct asker *next;
};

static struct asker *askers;

/* What a parser says. */
enum { SOCKS_MORE = 0, SOCKS_BAD = -1 }; /* else: how many bytes were used */

static void asker_free(struct asker *asker)
{
    struct asker **link = &askers;
    while (*link != asker) {
        link = &(*link)->next;
    }
    *link = asker->next;
    timer_stop(&asker->timer, asker->loop);
    watch_close(&asker->watch);
    free(asker);
}

static void asker_close(void *owner)
{
    struct asker *asker = owner;
    int fd = asker->watch.fd;
    asker_free(asker);
    close(fd);
}

/* ---- answers ---- */

static void answer_4(int fd, int opened)
{
    const uint8_t answer[8] = {0, opened ? 90 : 91};
    (void)!write(fd, answer, sizeof answer);
}

static void answer_5(int fd, int opened)
{
    const uint8_t answer[10] = {5, opened ? 0 : 5, 0, 1};
    (void)!write(fd, answer, sizeof answer);
}

/* ---- requests ---- */

static int port_at(const uint8_t *data)
{
    return data[0] << 8 | data[1];
}

/* The size with its NUL byte of a text that begins at an offset; 0 while its end is not there. */
static size_t text_size(const struct asker *asker, size_t at)
{
    const uint8_t *end = at < asker->size ? memchr(asker->data + at, 0, asker->size - at) : NULL;
    return end == NULL ? 0 : (size_t)(end - asker->data) - at + 1;
}

static int parse_4(const struct asker *asker, char host[256], int *port)
{
    const uint8_t *data = asker->data;
    size_t user = text_size(asker, 8);
    if (asker->size < 9 || user == 0) {
        return SOCKS_MORE;
    }
    *port = port_at(data + 2);
    int named = data[4] == 0 && data[5] == 0 && data[6] == 0 && data[7] != 0;
    if (!named) {
        inet_ntop(AF_INET, data + 4, host, 256);
        return (int)(8 + user);
    }
    size_t name = text_size(asker, 8 + user);
    if (name == 0) {
        return SOCKS_MORE;
    }
    if (name > 256) {
        return SOCKS_BAD;
    }
    memcpy(host, data + 8 + user, name);
    return (int)(8 + user + name);
}

static int parse_5(const struct asker *asker, char host[256], int *port)
{
    const uint8_t *data = asker->data;
    size_t size = asker->size < 5 ? 0 : data[3] == 1 ? 4U : data[3] == 4 ? 16U : data[3] == 3 ? data[4] + 1U : 0U;
    if (asker->size < 5) {
        return SOCKS_MORE;
    }
    if (size == 0 || data[1] != 1) {
        return SOCKS_BAD;
    }
    if (asker->size < 4 + size + 2) {
        return SOCKS_MORE;
    }
    if (data[3] == 3) {
        memcpy(host, data + 5, size - 1);
        host[size - 1] = 0;
    } else {
        inet_ntop(data[3] == 1 ? AF_INET : AF_INET6, data + 4, host, 256);
    }
    *port = port_at(data + 4 + size);
    return (int)(4 + size + 2);
}

/* The greeting of version 5: methods, of which "none" must be one. */
static int greet(struct asker *asker)
{
    uint8_t answer[2] = {5, 0xff};
    size_t size = asker->size < 2 ? 2 : 2U + asker->data[1];
    if (asker->size < size) {
        return SOCKS_MORE;
    }
    if (memchr(asker->data + 2, 0, size - 2) != NULL) {
        answer[1] = 0;
    }
    (void)!write(asker->watch.fd, answer, sizeof answer);
    if (answer[1] != 0) {
        return SOCKS_BAD;
    }
    asker->greeted = 1;
    asker->size -= size;
    memmove(asker->data, asker->data + size, asker->size);
    return (int)size;
}

static int parse(struct asker *asker, char host[256], int *port)
{
    if (asker->size == 0) {
        return SOCKS_MORE;
    }
    if (asker->data[0] == 4) {
        return asker->size > 1 && asker->data[1] != 1 ? SOCKS_BAD : parse_4(asker, host, port);
    }
    if (asker->data[0] != 5) {
        return SOCKS_BAD;
    }
    if (!asker->greeted) {
        int r = greet(asker);
        return r > 0 ? parse(asker, host, port) : r;
    }
    return parse_5(asker, host, port);
}

static void asker_go(struct asker *asker, char *host, int port, size_t used)
{
    struct target target = {.kind = TARGET_TCP, .address = {.host = host, .port = port}};
    struct asker copy = *asker;
    asker_free(asker);
    forward_connection(copy.loop, copy.session, &target, copy.watch.fd, copy.data + used, copy.size - used,
                       copy.data[0] == 4 ? answer_4 : answer_5, copy.failed);
}

static void on_asker(struct watch *watch, uint32_t events, void *owner)
{
    struct asker *asker = owner;
    char host[256] = "";
    int port = 0;
    (void)events;
    ssize_t n = read(watch->fd, asker->data + asker->size, sizeof asker->data - asker->size);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    asker->size += n > 0 ? (size_t)n : 0;
    int r = n > 0 ? parse(asker, host, &port) : SOCKS_BAD;
    if (r > 0 && port > 0 && *host != 0) {
        asker_go(asker, host, port, (size_t)r);
    } else if (r != SOCKS_MORE || asker->size == sizeof asker->data) {
        asker_close(asker);
    }
}

void socks_take(struct loop *loop, sessile_session *session, int fd, forward_failed failed)
{
    struct asker *asker = need_alloc(sizeof *asker);
    memset(asker, 0, sizeof *asker);
    asker->loop = loop;
    asker->session = session;
    asker->failed = failed;
    asker->next = askers;
    askers = asker;
    watch_open(&asker->watch, loop, fd, on_asker, asker);
    watch_want(&asker->watch, EPOLLIN);
    timer_start(&asker->timer, loop, SOCKS_SECONDS, asker_close, asker);
}

void socks_end(sessile_session *session)
{
    struct asker *next;
    for (struct asker *asker = askers; asker != NULL; asker = next) {
        next = asker->next;
        if (asker->session == session) {
            asker_close(asker);
        }
    }
}
