/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of names, separated by commas (RFC 4251, section 5). An empty list, and empty names at either end of one, occur
 * on the wire: they are no names. */
#include <string.h>

#include "ssh/ssh.h"

static const char *next_name(const char *list, size_t list_size, size_t *at, size_t *size)
{
    const char *name, *end;

    while (*at < list_size && list[*at] == ',')
        ++*at;
    if (*at >= list_size)
        return NULL;
    name = list + *at;
    end = memchr(name, ',', list_size - *at);
    *size = end ? (size_t)(end - name) : list_size - *at;
    *at += *size;
    return name;
}

const char *names_next(const char *list, size_t *at, size_t *size)
{
    return next_name(list, strlen(list), at, size);
}

static int list_has(const char *list, size_t list_size, const char *name, size_t size)
{
    const char *other;
    size_t at = 0, other_size;

    while ((other = next_name(list, list_size, &at, &other_size)))
        if (other_size == size && memcmp(other, name, size) == 0)
            return 1;
    return 0;
}

int names_have(const char *list, const char *name, size_t size)
{
    return list_has(list, strlen(list), name, size);
}

const char *names_first_common(const char *ours, const char *theirs, size_t theirs_size, size_t *size)
{
    const char *name;
    size_t at = 0;

    while ((name = names_next(ours, &at, size)))
        if (list_has(theirs, theirs_size, name, *size))
            return name;
    *size = 0;
    return NULL;
}
