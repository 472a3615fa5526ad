/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets: addresses as text, listening, and connecting without waiting.
 */
#ifndef COMMON_NET_H
#define COMMON_NET_H

#include <stddef.h>

#include "common/loop.h"

#define NET_HOST_SIZE 256
#define NET_ERROR_SIZE 320

/* A host and a port, or a path. */
struct address {
    char *host; /* "": all addresses; NULL: a path */
    int port;
    char *path;
};

void address_free(struct address *address);
/* The address of a socket's other end, or of its own; a path's name and port are "" and 0. */
void socket_peer(int fd, char *host, size_t size, int *port);
void socket_name(int fd, char *host, size_t size, int *port);

#define NET_SOCKETS_MOST 8

/* What listens for one name: a socket for each of its addresses. */
struct sockets {
    int fds[NET_SOCKETS_MOST];
    int count;
};

/* Listen on all addresses of a name, or as many as can be had; the descriptors do not block. port 0: the system's
 * choice. -1: there is none, and error says why. */
int net_listen(struct sockets *sockets, const char *host, int port, char *error, size_t size);
int net_listen_unix(struct sockets *sockets, const char *path, char *error, size_t size);
/* Print "listening on ADDRESS:PORT" for each, and write the port's number to a file, NULL for none. Dies where it
 * cannot. */
void net_announce(const struct sockets *sockets, const char *port_file);
/* Connect, and wait for it: for a program that has nothing else to do yet. -1: error says why. */
int net_connect(const char *host, int port, char *error, size_t size);

/* Takes connections. */
struct listener {
    struct watch watches[NET_SOCKETS_MOST];
    int count;
    struct address bound; /* the listener's */
    void (*taken)(struct listener *listener, int fd);
    void *owner;
    struct timer timer;    /* not listening for a moment: the system has no more descriptors */
    struct listener *next; /* in its owner's list */
};

struct listener *listener_open(struct loop *loop, const struct sockets *sockets,
                               void (*taken)(struct listener *listener, int fd), void *owner);
/* Closes the sockets. A socket's path is removed. NULL is ignored. */
void listener_close(struct listener *listener);

/* Connect to one address after the other, with a limit of time. done is called once, from the loop: fd, or -1 and why.
 * Looking up a name does wait; an example may. */
typedef void (*dial_done)(void *owner, int fd, const char *error);
void dial(struct loop *loop, const char *host, int port, dial_done done, void *owner);
void dial_unix(struct loop *loop, const char *path, dial_done done, void *owner);

#endif
