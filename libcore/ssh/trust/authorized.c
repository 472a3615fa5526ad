/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading authorized_keys and principals files, and the lists that are made of them. */
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/trust/trust.h"

/* ---- lists ---- */

struct authorized *authorized_next(struct authorized_list *list)
{
    size_t capacity = list->capacity ? list->capacity * 2 : 8;
    struct authorized *grown = list->list;

    if (list->count == list->capacity) {
        if (!(grown = mem_realloc(grown, capacity * sizeof *grown)))
            return NULL;
        list->list = grown;
        list->capacity = capacity;
    }
    memset(&grown[list->count], 0, sizeof *grown);
    options_init(&grown[list->count].options);
    return &grown[list->count];
}

void authorized_free(struct authorized *authorized)
{
    mem_free(authorized->blob);
    mem_free(authorized->name);
    options_free(&authorized->options);
}

void authorized_list_free(struct authorized_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        authorized_free(&list->list[i]);
    mem_free(list->list);
    bad_lines_free(list->bad);
}

static int authorized_read(struct span text, struct authorized_list *list, line_reader read, struct key_error *error)
{
    if (text.size > TRUST_TEXT_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the text has %zu bytes, and the limit is %u", text.size,
                        TRUST_TEXT_MAX);
    if (list->zone < -86400 || list->zone > 86400)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "no time zone is %d seconds from UTC", list->zone);
    return key_done(error, text_read_lines(text, read, list, &list->bad));
}

/* ---- authorized_keys ---- */

static int begins_with_key_type(struct span line)
{
    struct span word = span_take_word(&line);
    int certificate;

    return key_type_find(word.at, word.size, &certificate) != NULL;
}

static int take_options(struct span *line, struct authorized *authorized, int zone, struct line_error *why)
{
    int unended;
    struct span options = span_take_options(line, &unended);

    if (unended)
        return line_fail(why, "a double quote in the options does not end");
    return options_read(&authorized->options, options, zone, why);
}

static int take_blob(struct span *line, struct authorized *authorized, struct line_error *why)
{
    struct line_key key;
    int result = line_take_plain_key(line, &key, why);

    if (result == SESSILE_OK && !(authorized->blob = mem_copy(key.blob.data, key.blob.size)))
        result = SESSILE_ERR_MEMORY;
    authorized->blob_size = key.blob.size;
    writer_free(&key.blob);
    return result;
}

static int authorized_key_line(void *object, struct span line, size_t number, struct line_error *why)
{
    struct authorized_list *list = object;
    struct authorized *authorized = authorized_next(list);
    int result = line_check(line, why);

    if (!authorized)
        return SESSILE_ERR_MEMORY;
    authorized->line = number;
    authorized->bare = begins_with_key_type(line) ? 1 : 0;
    if (result == SESSILE_OK && !authorized->bare)
        result = take_options(&line, authorized, list->zone, why);
    if (result == SESSILE_OK)
        result = take_blob(&line, authorized, why);
    if (result == SESSILE_OK && authorized->options.principals && !authorized->options.authority)
        result = line_fail(why, "principals= stands on a line without cert-authority");
    if (result < 0)
        authorized_free(authorized);
    else
        list->count++;
    return result;
}

int sessile_authorized_keys_read(const void *data, size_t size, int zone, sessile_authorized_keys **result, char *error,
                                 size_t error_size)
{
    struct key_error report = key_error_of(error, error_size);
    sessile_authorized_keys *keys;
    int code;

    if (!result || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    *result = NULL;
    if (!(keys = mem_zalloc(sizeof *keys)))
        return key_done(&report, SESSILE_ERR_MEMORY);
    atomic_init(&keys->refs, 1);
    keys->lines.zone = zone;
    code = authorized_read((struct span){data, size}, &keys->lines, authorized_key_line, &report);
    if (code < 0)
        sessile_authorized_keys_free(keys);
    else
        *result = keys;
    return code;
}

sessile_authorized_keys *sessile_authorized_keys_keep(sessile_authorized_keys *keys)
{
    if (keys)
        atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    return keys;
}

void sessile_authorized_keys_free(sessile_authorized_keys *keys)
{
    if (!keys || atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) != 1)
        return;
    authorized_list_free(&keys->lines);
    mem_free(keys);
}

size_t sessile_authorized_keys_count(sessile_authorized_keys *keys)
{
    return keys ? keys->lines.count : 0;
}

size_t sessile_authorized_keys_bad_count(sessile_authorized_keys *keys)
{
    return keys ? bad_lines_count(keys->lines.bad) : 0;
}

size_t sessile_authorized_keys_bad_line(sessile_authorized_keys *keys, size_t index)
{
    return keys ? bad_lines_line(keys->lines.bad, index) : 0;
}

const char *sessile_authorized_keys_bad_reason(sessile_authorized_keys *keys, size_t index)
{
    return keys ? bad_lines_reason(keys->lines.bad, index) : NULL;
}

/* ---- principals ---- */

/* The last word is the name; a comment may follow it. */
static void name_split(struct span *line, struct span *name)
{
    struct span whole = span_trim(span_take(line, '#'));
    size_t at = whole.size;

    while (at && whole.at[at - 1] != ' ' && whole.at[at - 1] != '\t')
        at--;
    *name = (struct span){whole.at + at, whole.size - at};
    *line = span_trim((struct span){whole.at, at});
}

static int principal_line(void *object, struct span line, size_t number, struct line_error *why)
{
    struct authorized_list *list = object;
    struct authorized *authorized = authorized_next(list);
    struct span name;
    int result = line_check(line, why);

    if (!authorized)
        return SESSILE_ERR_MEMORY;
    name_split(&line, &name);
    authorized->line = number;
    if (result == SESSILE_OK && line.size)
        result = take_options(&line, authorized, list->zone, why);
    if (result == SESSILE_OK && (line.size || !name.size))
        result = line_fail(why, "the line is not options and a name");
    if (result == SESSILE_OK && (authorized->options.authority || authorized->options.principals))
        result = line_fail(why, "cert-authority and principals= mean nothing here");
    if (result == SESSILE_OK && !(authorized->name = span_copy(name)))
        result = SESSILE_ERR_MEMORY;
    if (result < 0)
        authorized_free(authorized);
    else
        list->count++;
    return result;
}

int sessile_principals_read(const void *data, size_t size, int zone, sessile_principals **result, char *error,
                            size_t error_size)
{
    struct key_error report = key_error_of(error, error_size);
    sessile_principals *principals;
    int code;

    if (!result || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    *result = NULL;
    if (!(principals = mem_zalloc(sizeof *principals)))
        return key_done(&report, SESSILE_ERR_MEMORY);
    atomic_init(&principals->refs, 1);
    principals->lines.zone = zone;
    code = authorized_read((struct span){data, size}, &principals->lines, principal_line, &report);
    if (code < 0)
        sessile_principals_free(principals);
    else
        *result = principals;
    return code;
}

sessile_principals *sessile_principals_keep(sessile_principals *principals)
{
    if (principals)
        atomic_fetch_add_explicit(&principals->refs, 1, memory_order_relaxed);
    return principals;
}

void sessile_principals_free(sessile_principals *principals)
{
    if (!principals || atomic_fetch_sub_explicit(&principals->refs, 1, memory_order_acq_rel) != 1)
        return;
    authorized_list_free(&principals->lines);
    mem_free(principals);
}

size_t sessile_principals_count(sessile_principals *principals)
{
    return principals ? principals->lines.count : 0;
}

size_t sessile_principals_bad_count(sessile_principals *principals)
{
    return principals ? bad_lines_count(principals->lines.bad) : 0;
}

size_t sessile_principals_bad_line(sessile_principals *principals, size_t index)
{
    return principals ? bad_lines_line(principals->lines.bad, index) : 0;
}

const char *sessile_principals_bad_reason(sessile_principals *principals, size_t index)
{
    return principals ? bad_lines_reason(principals->lines.bad, index) : NULL;
}
