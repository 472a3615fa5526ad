/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages, files, numbers, time. An example program gives up where memory or a file is missing; the library never
 * does.
 */
#include "common/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sessile/error.h>

const char *program_name = "sessile";
int failure_status = STATUS_USAGE;

void *need_alloc(size_t size)
{
    return need_realloc(NULL, size);
}

void *need_realloc(void *memory, size_t size)
{
    memory = realloc(memory, size > 0 ? size : 1);
    if (memory == NULL) {
        die("no memory for %zu bytes", size);
    }
    return memory;
}

char *need_string(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(need_alloc(size), text, size);
}

void secret_free(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

/* NULL where it cannot be read to its end. */
static uint8_t *read_all(FILE *file, size_t *size)
{
    size_t capacity = 4096;
    size_t n = 0;
    uint8_t *data = need_alloc(capacity);
    *size = 0;
    while ((n = fread(data + *size, 1, capacity - *size - 1, file)) > 0) {
        *size += n;
        if (capacity - *size < 2) {
            capacity *= 2;
            data = need_realloc(data, capacity);
        }
    }
    data[*size] = 0;
    if (ferror(file)) {
        free(data);
        return NULL;
    }
    return data;
}

uint8_t *file_load(const char *path, size_t *size)
{
    uint8_t *data = NULL;
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        data = read_all(file, size);
        fclose(file);
    }
    if (data == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    return data;
}

int write_all(int fd, const void *data, size_t size)
{
    const uint8_t *rest = data;
    while (size > 0) {
        ssize_t n = write(fd, rest, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        rest += n;
        size -= (size_t)n;
    }
    return 0;
}

static int file_write(const char *path, int flags, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0) {
        return -1;
    }
    int r = write_all(fd, data, size);
    return close(fd) == 0 ? r : -1;
}

int file_store(const char *path, const void *data, size_t size)
{
    return file_write(path, O_TRUNC, data, size);
}

int file_append_line(const char *path, const void *line, size_t size)
{
    char *text = need_alloc(size + 1);
    memcpy(text, line, size);
    text[size] = '\n';
    int r = file_write(path, O_APPEND, text, size + 1);
    free(text);
    return r;
}

unsigned long number_parse(const char *option, const char *text, unsigned long lowest, unsigned long highest)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || *text == '-' || value < lowest || value > highest) {
        die("%s: \"%s\" is not a number from %lu to %lu", option, text, lowest, highest);
    }
    return value;
}

int number_of(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int status_of(int error)
{
    switch (error) {
    case 0:
        return STATUS_OK;
    case SESSILE_ERR_VERIFY:
    case SESSILE_ERR_REFUSED:
        return STATUS_VERIFY;
    case SESSILE_ERR_DROPPED:
    case SESSILE_ERR_TRUNCATED:
        return STATUS_TRUNCATED;
    case SESSILE_ERR_PEER:
        return STATUS_PEER;
    default:
        return STATUS_SESSION;
    }
}
