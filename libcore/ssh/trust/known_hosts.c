/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading known_hosts, and writing a line for it. Of each line the hosts and the key's wire form are kept: a look-up
 * compares, and needs no key object. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/base64.h"
#include "ssh/trust/pattern.h"
#include "ssh/trust/trust.h"

#define DEFAULT_PORT 22

/* ---- names of hosts ---- */

int host_name_make(const char *host, int port, char *name)
{
    struct span span = span_of(host);
    size_t size;

    if (!span.size || span.size > PATTERN_HOST_MAX || port < 0 || port > 65535)
        return SESSILE_ERR_ARGUMENT;
    for (size_t i = 0; i < span.size; i++)
        if (host[i] <= ' ' || host[i] > '~' || strchr(",*?!|#", host[i]))
            return SESSILE_ERR_ARGUMENT;
    if (port == 0 || port == DEFAULT_PORT)
        size = (size_t)snprintf(name, PATTERN_NAME_MAX + 1, "%s", host);
    else
        size = (size_t)snprintf(name, PATTERN_NAME_MAX + 1, "[%s]:%d", host, port);
    for (size_t i = 0; i < size; i++)
        name[i] = ascii_lower(name[i]);
    return SESSILE_OK;
}

int host_name_hash(const uint8_t *salt, struct span name, uint8_t hash[HOST_HASH_SIZE])
{
    unsigned size = 0;

    if (HMAC(EVP_sha1(), salt, HOST_HASH_SIZE, (const unsigned char *)name.at, name.size, hash, &size) &&
        size == HOST_HASH_SIZE)
        return SESSILE_OK;
    ERR_clear_error();
    return SESSILE_ERR_CRYPTO;
}

/* ---- reading ---- */

static int hash_part_is_good(struct span text)
{
    uint8_t room[HOST_HASH_SIZE + 4];
    struct writer w = writer_in(room, sizeof room);
    int good = text.size <= 32 && base64_get(&w, text.at, text.size) == 0 && !w.failed && w.size == HOST_HASH_SIZE;

    writer_free(&w);
    return good;
}

static int hosts_check(struct span hosts, struct line_error *why)
{
    if (hosts.at[0] != '|')
        return SESSILE_OK;
    if (!span_skip(&hosts, "|1|"))
        return line_fail(why, "the host's name is hashed in a way that is not known");
    if (!hash_part_is_good(span_take(&hosts, '|')) || !hash_part_is_good(hosts))
        return line_fail(why, "the salt and the hash of the host's name are not 20 bytes of base64 each");
    return SESSILE_OK;
}

static int mark_read(struct span *line, int *mark, struct line_error *why)
{
    struct span word;
    char shown[64];

    *mark = HOST_MARK_NONE;
    if (line->at[0] != '@')
        return SESSILE_OK;
    word = span_take_word(line);
    if (span_is(word, "@cert-authority"))
        *mark = HOST_MARK_AUTHORITY;
    else if (span_is(word, "@revoked"))
        *mark = HOST_MARK_REVOKED;
    else
        return line_fail(why, "the marker '%s' is not known", text_escape(shown, sizeof shown, word.at, word.size));
    return line->size && line->at[0] == '@' ? line_fail(why, "there are two markers") : SESSILE_OK;
}

static struct known_host *known_host_new(struct span hosts, const struct line_key *key)
{
    struct known_host *entry = mem_alloc(sizeof *entry + key->blob.size + hosts.size);
    uint8_t *behind;

    if (!entry)
        return NULL;
    behind = (uint8_t *)(entry + 1);
    memcpy(behind, key->blob.data, key->blob.size);
    memcpy(behind + key->blob.size, hosts.at, hosts.size);
    entry->type = key->type;
    entry->blob = behind;
    entry->blob_size = key->blob.size;
    entry->hosts = (struct span){(const char *)behind + key->blob.size, hosts.size};
    return entry;
}

static int known_hosts_add(sessile_known_hosts *known, struct known_host *entry)
{
    size_t capacity = known->capacity ? known->capacity * 2 : 16;
    struct known_host **list = known->list;

    if (known->count == known->capacity) {
        if (!(list = mem_realloc(list, capacity * sizeof(struct known_host *))))
            return SESSILE_ERR_MEMORY;
        known->list = list;
        known->capacity = capacity;
    }
    list[known->count++] = entry;
    return SESSILE_OK;
}

static int known_host_take(sessile_known_hosts *known, struct span hosts, int mark, size_t number,
                           const struct line_key *key)
{
    struct known_host *entry = known_host_new(hosts, key);
    int result;

    if (!entry)
        return SESSILE_ERR_MEMORY;
    entry->mark = mark;
    entry->line = number;
    if ((result = known_hosts_add(known, entry)) < 0)
        mem_free(entry);
    return result;
}

static int known_host_line(void *object, struct span line, size_t number, struct line_error *why)
{
    struct line_key key;
    struct span hosts;
    int mark;
    int result = mark_read(&line, &mark, why);

    if (result < 0)
        return result;
    hosts = span_take_word(&line);
    if (!hosts.size)
        return line_fail(why, "the host and its key are missing");
    if ((result = line_check(hosts, why)) < 0 || (result = hosts_check(hosts, why)) < 0)
        return result;
    result = line_take_plain_key(&line, &key, why);
    if (result == SESSILE_OK)
        result = known_host_take(object, hosts, mark, number, &key);
    writer_free(&key.blob);
    return result;
}

int sessile_known_hosts_read(const void *data, size_t size, sessile_known_hosts *before, sessile_known_hosts **result,
                             char *error, size_t error_size)
{
    struct key_error report = key_error_of(error, error_size);
    sessile_known_hosts *known;
    int code;

    if (!result || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    *result = NULL;
    if (size > TRUST_TEXT_MAX)
        return key_fail(&report, SESSILE_ERR_ARGUMENT, "the text has %zu bytes, and the limit is %u", size,
                        TRUST_TEXT_MAX);
    if (before && before->number >= KNOWN_HOSTS_FILES)
        return key_fail(&report, SESSILE_ERR_ARGUMENT, "there are more than %d files", KNOWN_HOSTS_FILES);
    if (!(known = mem_zalloc(sizeof *known)))
        return key_done(&report, SESSILE_ERR_MEMORY);
    atomic_init(&known->refs, 1);
    known->before = sessile_known_hosts_keep(before);
    known->number = before ? before->number + 1 : 1;
    code = key_done(&report, text_read_lines((struct span){data, size}, known_host_line, known, &known->bad));
    if (code < 0)
        sessile_known_hosts_free(known);
    else
        *result = known;
    return code;
}

/* ---- life ---- */

sessile_known_hosts *sessile_known_hosts_keep(sessile_known_hosts *known)
{
    if (known)
        atomic_fetch_add_explicit(&known->refs, 1, memory_order_relaxed);
    return known;
}

void sessile_known_hosts_free(sessile_known_hosts *known)
{
    sessile_known_hosts *before;

    while (known && atomic_fetch_sub_explicit(&known->refs, 1, memory_order_acq_rel) == 1) {
        before = known->before;
        for (size_t i = 0; i < known->count; i++)
            mem_free(known->list[i]);
        mem_free(known->list);
        bad_lines_free(known->bad);
        mem_free(known);
        known = before;
    }
}

size_t sessile_known_hosts_count(sessile_known_hosts *known)
{
    return known ? known->count : 0;
}

size_t sessile_known_hosts_bad_count(sessile_known_hosts *known)
{
    return known ? bad_lines_count(known->bad) : 0;
}

size_t sessile_known_hosts_bad_line(sessile_known_hosts *known, size_t index)
{
    return known ? bad_lines_line(known->bad, index) : 0;
}

const char *sessile_known_hosts_bad_reason(sessile_known_hosts *known, size_t index)
{
    return known ? bad_lines_reason(known->bad, index) : NULL;
}

/* ---- writing ---- */

static int put_hashed(struct writer *w, struct span name)
{
    uint8_t salt[HOST_HASH_SIZE];
    uint8_t hash[HOST_HASH_SIZE];
    int result;

    if (RAND_bytes(salt, sizeof salt) != 1) {
        ERR_clear_error();
        return SESSILE_ERR_CRYPTO;
    }
    if ((result = host_name_hash(salt, name, hash)) < 0)
        return result;
    put_bytes(w, "|1|", 3);
    base64_put(w, salt, sizeof salt, 0);
    put_u8(w, '|');
    base64_put(w, hash, sizeof hash, 0);
    return SESSILE_OK;
}

int sessile_known_hosts_line(const char *host, int port, sessile_key *key, int hashed, void *data, size_t size)
{
    char name[PATTERN_NAME_MAX + 1];
    struct writer w = {0};
    int result;

    if (!host || !key || (!data && size) || host_name_make(host, port, name) < 0)
        return SESSILE_ERR_ARGUMENT;
    result = hashed ? put_hashed(&w, span_of(name)) : SESSILE_OK;
    if (!hashed)
        put_bytes(&w, name, strlen(name));
    put_u8(&w, ' ');
    put_bytes(&w, key->type->name, strlen(key->type->name));
    put_u8(&w, ' ');
    base64_put(&w, key->blob, key->blob_size, 0);
    put_u8(&w, '\n');
    return key_give(&w, result, data, size);
}
