/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of the examples. Small messages go out at once (TCP_NODELAY): a session's flight is one write already.
 */
#include "common/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/util.h"

#define DIAL_SECONDS 20.0
#define PAUSE_SECONDS 0.2

/* ---- addresses ---- */

void address_free(struct address *address)
{
    free(address->host);
    free(address->path);
    memset(address, 0, sizeof *address);
}

static void sockaddr_text(const struct sockaddr_storage *address, socklen_t address_size, char *host, size_t size,
                          int *port)
{
    char service[NI_MAXSERV] = "0";
    if (address->ss_family == AF_UNIX ||
        getnameinfo((const struct sockaddr *)address, address_size, host, (socklen_t)size, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        host[0] = 0;
    }
    *port = number_of(service);
}

void socket_peer(int fd, char *host, size_t size, int *port)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    socklen_t address_size = sizeof address;
    (void)getpeername(fd, (struct sockaddr *)&address, &address_size);
    sockaddr_text(&address, address_size, host, size, port);
}

void socket_name(int fd, char *host, size_t size, int *port)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    socklen_t address_size = sizeof address;
    (void)getsockname(fd, (struct sockaddr *)&address, &address_size);
    sockaddr_text(&address, address_size, host, size, port);
}

static struct addrinfo *resolve(const char *host, int port, int flags, char *error, size_t size)
{
    struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    int r = getaddrinfo(*host != 0 ? host : NULL, service, &hints, &addresses);
    if (r != 0) {
        snprintf(error, size, "%s port %d: %s", host, port, r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        return NULL;
    }
    return addresses;
}

/* ---- listening ---- */

static int socket_listen(int fd, const struct sockaddr *address, socklen_t size)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); /* IPv4 has a socket of its own */
    }
    if (bind(fd, address, size) == 0 && listen(fd, SOMAXCONN) == 0) {
        return fd;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

/* Where the system chooses a port, all addresses get the one that it chose for the first. */
static void set_port(struct sockaddr *address, int port)
{
    if (address->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    } else if (address->sa_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
    }
}

static void listen_at(struct sockets *sockets, const struct addrinfo *at)
{
    char host[NET_HOST_SIZE];
    int port;
    if (sockets->count > 0) {
        socket_name(sockets->fds[0], host, sizeof host, &port);
        set_port(at->ai_addr, port);
    }
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    fd = fd < 0 ? -1 : socket_listen(fd, at->ai_addr, at->ai_addrlen);
    if (fd >= 0) {
        sockets->fds[sockets->count++] = fd;
    }
}

int net_listen(struct sockets *sockets, const char *host, int port, char *error, size_t size)
{
    struct addrinfo *addresses = resolve(strcmp(host, "*") == 0 ? "" : host, port, AI_PASSIVE, error, size);
    sockets->count = 0;
    if (addresses == NULL) {
        return -1;
    }
    for (const struct addrinfo *at = addresses; at != NULL && sockets->count < NET_SOCKETS_MOST; at = at->ai_next) {
        listen_at(sockets, at);
    }
    if (sockets->count == 0) {
        snprintf(error, size, "%s port %d: %s", host, port, strerror(errno));
    }
    freeaddrinfo(addresses);
    return sockets->count > 0 ? 0 : -1;
}

void net_announce(const struct sockets *sockets, const char *port_file)
{
    char host[NET_HOST_SIZE];
    char text[16];
    int port;
    socket_name(sockets->fds[0], host, sizeof host, &port);
    snprintf(text, sizeof text, "%d", port);
    if (port_file != NULL && file_store(port_file, text, strlen(text)) != 0) {
        die("%s: %s", port_file, strerror(errno));
    }
    for (int i = 0; i < sockets->count; i++) {
        socket_name(sockets->fds[i], host, sizeof host, &port);
        printf(strchr(host, ':') != NULL ? "listening on [%s]:%d\n" : "listening on %s:%d\n", host, port);
    }
    fflush(stdout);
}

static int unix_address(struct sockaddr_un *address, const char *path, char *error, size_t size)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) {
        snprintf(error, size, "%s: too long for a socket's path", path);
        return -1;
    }
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

int net_listen_unix(struct sockets *sockets, const char *path, char *error, size_t size)
{
    struct sockaddr_un address;
    sockets->count = 0;
    if (unix_address(&address, path, error, size) != 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0077); /* for its owner alone */
    fd = fd < 0 ? -1 : socket_listen(fd, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (fd < 0) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
        return -1;
    }
    sockets->fds[sockets->count++] = fd;
    return 0;
}

static void on_pause_over(void *owner)
{
    struct listener *listener = owner;
    for (int i = 0; i < listener->count; i++) {
        watch_want(&listener->watches[i], EPOLLIN);
    }
}

static void on_listener(struct watch *watch, uint32_t events, void *owner)
{
    struct listener *listener = owner;
    int on = 1;
    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        listener->taken(listener, fd);
    } else if (errno == EMFILE || errno == ENFILE) {
        watch_want(watch, 0);
        timer_start(&listener->timer, watch->loop, PAUSE_SECONDS, on_pause_over, listener);
    }
}

struct listener *listener_open(struct loop *loop, const struct sockets *sockets,
                               void (*taken)(struct listener *listener, int fd), void *owner)
{
    struct listener *listener = need_alloc(sizeof *listener);
    memset(listener, 0, sizeof *listener);
    listener->taken = taken;
    listener->owner = owner;
    listener->count = sockets->count;
    for (int i = 0; i < listener->count; i++) {
        watch_open(&listener->watches[i], loop, sockets->fds[i], on_listener, listener);
        watch_want(&listener->watches[i], EPOLLIN);
    }
    return listener;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL) {
        return;
    }
    timer_stop(&listener->timer, listener->watches[0].loop);
    for (int i = 0; i < listener->count; i++) {
        watch_close(&listener->watches[i]);
        close(listener->watches[i].fd);
    }
    if (listener->bound.path != NULL) {
        unlink(listener->bound.path);
    }
    address_free(&listener->bound);
    free(listener);
}

/* ---- connecting ---- */

int net_connect(const char *host, int port, char *error, size_t size)
{
    int on = 1;
    struct addrinfo *addresses = resolve(host, port, 0, error, size);
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            freeaddrinfo(addresses);
            return fd;
        }
        snprintf(error, size, "%s port %d: %s", host, port, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
    if (addresses != NULL) {
        freeaddrinfo(addresses);
    }
    return -1;
}

struct dialing {
    struct loop *loop;
    struct watch watch;
    struct timer timer;
    struct addrinfo *addresses;
    const struct addrinfo *next;
    dial_done done;
    void *owner;
    int fd; /* what done is told */
    char error[NET_ERROR_SIZE];
};

static void dialing_tell(void *owner)
{
    struct dialing *dialing = owner;
    dialing->done(dialing->owner, dialing->fd, dialing->error);
    if (dialing->addresses != NULL) {
        freeaddrinfo(dialing->addresses);
    }
    free(dialing);
}

static void dialing_end(struct dialing *dialing, int fd)
{
    timer_stop(&dialing->timer, dialing->loop);
    dialing->fd = fd;
    loop_later(dialing->loop, dialing_tell, dialing);
}

static void dialing_failed(struct dialing *dialing, int reason)
{
    snprintf(dialing->error, sizeof dialing->error, "%s", strerror(reason));
}

static void dialing_next(struct dialing *dialing);

static void on_dialed(struct watch *watch, uint32_t events, void *owner)
{
    struct dialing *dialing = owner;
    int reason = 0;
    socklen_t size = sizeof reason;
    (void)events;
    int fd = watch->fd;
    watch_close(watch);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &size) == 0 && reason == 0) {
        dialing_end(dialing, fd);
        return;
    }
    close(fd);
    dialing_failed(dialing, reason);
    dialing_next(dialing);
}

static int dialing_try(struct dialing *dialing, int family, const struct sockaddr *address, socklen_t size)
{
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        dialing_failed(dialing, errno);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, address, size) == 0) {
        dialing_end(dialing, fd);
        return 0;
    }
    if (errno != EINPROGRESS) {
        dialing_failed(dialing, errno);
        close(fd);
        return -1;
    }
    watch_open(&dialing->watch, dialing->loop, fd, on_dialed, dialing);
    watch_want(&dialing->watch, EPOLLOUT);
    return 0;
}

static void dialing_next(struct dialing *dialing)
{
    while (dialing->next != NULL) {
        const struct addrinfo *at = dialing->next;
        dialing->next = at->ai_next;
        if (dialing_try(dialing, at->ai_family, at->ai_addr, at->ai_addrlen) == 0) {
            return;
        }
    }
    dialing_end(dialing, -1);
}

static void on_dial_timeout(void *owner)
{
    struct dialing *dialing = owner;
    watch_close(&dialing->watch);
    close(dialing->watch.fd);
    dialing_failed(dialing, ETIMEDOUT);
    dialing_end(dialing, -1);
}

static struct dialing *dialing_new(struct loop *loop, dial_done done, void *owner)
{
    struct dialing *dialing = need_alloc(sizeof *dialing);
    memset(dialing, 0, sizeof *dialing);
    dialing->loop = loop;
    dialing->done = done;
    dialing->owner = owner;
    timer_start(&dialing->timer, loop, DIAL_SECONDS, on_dial_timeout, dialing);
    return dialing;
}

void dial(struct loop *loop, const char *host, int port, dial_done done, void *owner)
{
    struct dialing *dialing = dialing_new(loop, done, owner);
    dialing->addresses = resolve(host, port, 0, dialing->error, sizeof dialing->error);
    dialing->next = dialing->addresses;
    dialing_next(dialing);
}

void dial_unix(struct loop *loop, const char *path, dial_done done, void *owner)
{
    struct sockaddr_un address;
    struct dialing *dialing = dialing_new(loop, done, owner);
    if (unix_address(&address, path, dialing->error, sizeof dialing->error) != 0 ||
        dialing_try(dialing, AF_UNIX, (struct sockaddr *)&address, sizeof address) != 0) {
        dialing_end(dialing, -1);
    }
}
