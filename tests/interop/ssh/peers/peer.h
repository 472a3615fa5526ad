/* SPDX-License-Identifier: Apache-2.0
 *
 * What the peers in C share: the command line of examples/c/ssh_client and ssh_server, and small things around it.
 */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>

#define FAILURE 255
#define PIECE 32768
#define MOST_KEYS 8

struct options {
    const char *host, *command, *user, *key, *known_hosts, *check, *passwords, *authorized, *methods;
    const char *kex, *ciphers, *macs, *host_algorithms, *user_algorithms, *compression, *direct, *remote;
    const char *host_keys[MOST_KEYS];
    unsigned host_key_count;
    unsigned long long rekey;
    int port, pty, forward;
};

void options_parse(struct options *options, int argc, char **argv);
/* Say "what: text" on stderr, and exit with FAILURE. */
_Noreturn void fail(const char *what, const char *text);
/* The first line of a file. Freed by the caller. */
char *first_line(const char *path);
/* A socket connected to a port of this host. */
int connect_to(const char *host, int port);
/* "HOST:PORT" in two. */
int split_place(const char *text, char *host, size_t room);
void write_all(int fd, const void *data, size_t size);

#endif
