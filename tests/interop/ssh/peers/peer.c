/* SPDX-License-Identifier: Apache-2.0
 *
 * What the peers in C share: see peer.h.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct option_name {
    const char *name;
    size_t at;
    int kind;
};

enum { TEXT, NUMBER, SIZE, FLAG, HOST_KEY, IGNORED };

#define OPTION(name, field, kind)                                                                                      \
    {                                                                                                                  \
        name, offsetof(struct options, field), kind                                                                    \
    }

static const struct option_name NAMES[] = {
    OPTION("-p", port, NUMBER),
    OPTION("--port", port, NUMBER),
    OPTION("-l", user, TEXT),
    OPTION("-i", key, TEXT),
    OPTION("--known-hosts", known_hosts, TEXT),
    OPTION("--host-key-check", check, TEXT),
    OPTION("--password-file", passwords, TEXT),
    OPTION("--authorized-keys", authorized, TEXT),
    OPTION("--auth-methods", methods, TEXT),
    OPTION("--host-key", host_keys, HOST_KEY),
    OPTION("--kex", kex, TEXT),
    OPTION("--ciphers", ciphers, TEXT),
    OPTION("--macs", macs, TEXT),
    OPTION("--host-key-algorithms", host_algorithms, TEXT),
    OPTION("--user-key-algorithms", user_algorithms, TEXT),
    OPTION("--compression", compression, TEXT),
    OPTION("--rekey-bytes", rekey, SIZE),
    OPTION("-W", direct, TEXT),
    OPTION("-R", remote, TEXT),
    OPTION("-t", pty, FLAG),
    OPTION("-N", pty, IGNORED),
    OPTION("--allow-forward", forward, FLAG),
};

static const struct option_name *name_find(const char *word)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].name, word) == 0)
            return &NAMES[i];
    }
    fail("unknown option", word);
}

static void option_set(struct options *options, const struct option_name *name, const char *value)
{
    char *field = (char *)options + name->at;

    if (name->kind != FLAG && name->kind != IGNORED && !value)
        fail("a value is missing for", name->name);
    switch (name->kind) {
    case TEXT:
        memcpy(field, &value, sizeof value);
        break;
    case NUMBER:
        *(int *)(void *)field = atoi(value);
        break;
    case SIZE:
        *(unsigned long long *)(void *)field = strtoull(value, NULL, 10);
        break;
    case FLAG:
        *(int *)(void *)field = 1;
        break;
    case HOST_KEY:
        if (options->host_key_count == MOST_KEYS)
            fail("host keys", "too many");
        options->host_keys[options->host_key_count++] = value;
        break;
    default:
        break;
    }
}

void options_parse(struct options *options, int argc, char **argv)
{
    int i = 1;

    memset(options, 0, sizeof *options);
    for (; i < argc && argv[i][0] == '-'; i++) {
        const struct option_name *name = name_find(argv[i]);
        int alone = name->kind == FLAG || name->kind == IGNORED;
        option_set(options, name, alone ? NULL : argv[i + 1]);
        i += !alone;
    }
    options->host = i < argc ? argv[i] : NULL;
    options->command = i + 1 < argc ? argv[i + 1] : NULL;
}

void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    fflush(stderr);
    _exit(FAILURE);
}

char *first_line(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;

    if (!file || getline(&line, &room, file) < 0)
        fail("cannot read", path);
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

int connect_to(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

int split_place(const char *text, char *host, size_t room)
{
    const char *colon = strrchr(text, ':');

    if (!colon || (size_t)(colon - text) >= room)
        fail("not a HOST:PORT", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return atoi(colon + 1);
}

void write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size) {
        ssize_t written = write(fd, at, size);
        if (written <= 0)
            return;
        at += written;
        size -= (size_t)written;
    }
}
