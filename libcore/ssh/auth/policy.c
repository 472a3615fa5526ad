/* SPDX-License-Identifier: Apache-2.0
 *
 * Which methods together authenticate a user: alternatives separated by blanks, each a list of methods separated by
 * commas that are to succeed in order. What has succeeded so far is such a list as well. */
#include <string.h>

#include "ssh/auth/method.h"

/* What follows in an alternative when done has succeeded: NULL where it does not begin so; size 0 where it is met. */
static const char *rest_of(const char *alternative, size_t size, const char *done, size_t *rest)
{
    size_t begun = strlen(done);

    if (begun > size || memcmp(alternative, done, begun) != 0)
        return NULL;
    if (begun == size || begun == 0) {
        *rest = size - begun;
        return alternative + begun;
    }
    *rest = size - begun - 1;
    return alternative[begun] == ',' ? alternative + begun + 1 : NULL;
}

/* Walk the alternatives: *at is 0 at first; NULL at the end. */
static const char *next_alternative(const char *policy, size_t *at, size_t *size)
{
    const char *alternative;

    *at += strspn(policy + *at, " ");
    alternative = policy + *at;
    *size = strcspn(alternative, " ");
    *at += *size;
    return *size ? alternative : NULL;
}

static int list_has(const struct writer *w, const char *name, size_t size)
{
    struct reader r = reader_of(w->data, w->size);
    size_t begin = 0;

    for (size_t i = 0; i <= w->size; i++)
        if (i == w->size || w->data[i] == ',') {
            if (i - begin == size && memcmp(r.data + begin, name, size) == 0)
                return 1;
            begin = i + 1;
        }
    return 0;
}

int policy_next(const char *policy, const char *done, struct writer *w)
{
    const char *alternative, *rest;
    size_t at = 0, size, left, name;

    while ((alternative = next_alternative(policy, &at, &size))) {
        if (!(rest = rest_of(alternative, size, done, &left)))
            continue;
        if (!left && *done)
            return 0;
        name = left ? strcspn(rest, ", ") : 0;
        if (name > left)
            name = left;
        if (!name || (w->size && list_has(w, rest, name)))
            continue;
        put_bytes(w, ",", w->size ? 1 : 0);
        put_bytes(w, rest, name);
    }
    return 1;
}

int policy_allows(const char *policy, const char *done, const char *method)
{
    struct writer w = {0};
    int allowed = policy_next(policy, done, &w) && !w.failed && w.size && list_has(&w, method, strlen(method));

    writer_free(&w);
    return allowed;
}
