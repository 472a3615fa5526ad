/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking a host up. All lines that are about it count together, in the order of the files: a revoked mark anywhere
 * outweighs whatever else is there. */
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>

#include "session/memory.h"
#include "ssh/key/base64.h"
#include "ssh/key/certificate.h"
#include "ssh/trust/pattern.h"
#include "ssh/trust/trust.h"

/* ---- which lines are about a host ---- */

static int decode_hash(struct span text, uint8_t out[HOST_HASH_SIZE])
{
    uint8_t room[HOST_HASH_SIZE + 4];
    struct writer w = writer_in(room, sizeof room);
    int result = base64_get(&w, text.at, text.size) == 0 && !w.failed && w.size == HOST_HASH_SIZE ? SESSILE_OK
                                                                                                  : SESSILE_ERR_MEMORY;

    if (result == SESSILE_OK)
        memcpy(out, w.data, HOST_HASH_SIZE);
    writer_free(&w);
    return result;
}

static int hashed_match(struct span hosts, struct span name)
{
    uint8_t salt[HOST_HASH_SIZE];
    uint8_t said[HOST_HASH_SIZE];
    uint8_t made[HOST_HASH_SIZE];
    int result;

    span_skip(&hosts, "|1|");
    if ((result = decode_hash(span_take(&hosts, '|'), salt)) < 0 || (result = decode_hash(hosts, said)) < 0 ||
        (result = host_name_hash(salt, name, made)) < 0)
        return result;
    return CRYPTO_memcmp(said, made, HOST_HASH_SIZE) == 0;
}

/* 1, 0, or an error. */
static int entry_is_about(const struct known_host *entry, struct span name)
{
    if (entry->hosts.at[0] == '|')
        return hashed_match(entry->hosts, name);
    return pattern_list_match(entry->hosts, name) == PATTERN_MATCH;
}

typedef int (*entry_visitor)(void *visit, const sessile_known_hosts *file, const struct known_host *entry);

/* Call visit for each line about a host, until it returns other than 0. Returns that, 0, or an error. */
static int known_hosts_visit(const sessile_known_hosts *known, struct span name, entry_visitor call, void *visit)
{
    const sessile_known_hosts *files[KNOWN_HOSTS_FILES];
    size_t count = 0;
    int result = 0;

    for (; known; known = known->before)
        files[count++] = known;
    while (count--)
        for (size_t i = 0; i < files[count]->count; i++) {
            result = entry_is_about(files[count]->list[i], name);
            if (result > 0)
                result = call(visit, files[count], files[count]->list[i]);
            if (result != 0)
                return result;
        }
    return 0;
}

/* ---- what they say about a key ---- */

struct place {
    size_t file;
    size_t line;
};

struct judgement {
    const sessile_key *key;
    const sessile_key *authority; /* of its certificate, or NULL */
    struct place revoked;
    struct place known;
    struct place changed;
    struct place other;
    struct place trusted; /* by its authority */
};

static void place_note(struct place *place, const sessile_known_hosts *file, const struct known_host *entry)
{
    if (place->line)
        return;
    place->file = file->number;
    place->line = entry->line;
}

static int entry_has(const struct known_host *entry, const sessile_key *key)
{
    return key && entry->blob_size == key->blob_size && memcmp(entry->blob, key->blob, key->blob_size) == 0;
}

static int judge(void *visit, const sessile_known_hosts *file, const struct known_host *entry)
{
    struct judgement *j = visit;
    int is_key = entry_has(entry, j->key);
    int is_authority = entry_has(entry, j->authority);

    if (entry->mark == HOST_MARK_REVOKED && (is_key || is_authority))
        place_note(&j->revoked, file, entry);
    else if (entry->mark == HOST_MARK_AUTHORITY && is_authority)
        place_note(&j->trusted, file, entry);
    else if (entry->mark == HOST_MARK_NONE)
        place_note(is_key ? &j->known : entry->type == j->key->type ? &j->changed : &j->other, file, entry);
    return 0;
}

static int found_as(struct host_found *found, int status, const struct place *place)
{
    found->status = status;
    found->file = place->file;
    found->line = place->line;
    return SESSILE_OK;
}

/* A host's certificate may have patterns for names, which are without a port. */
static int certificate_names(const struct certificate *certificate, const char *host)
{
    for (size_t i = 0; i < certificate->principal_count; i++)
        if (pattern_match(span_of(certificate->principals[i]), span_of(host), 1))
            return 1;
    return 0;
}

static int certificate_is_good(const struct judgement *j, const char *host, int64_t now, struct key_error *error)
{
    if (!j->trusted.line)
        return key_fail(error, SESSILE_ERR_VERIFY, "the certificate's authority is not trusted for this host");
    if (!certificate_names(j->key->certificate, host))
        return key_fail(error, SESSILE_ERR_VERIFY, "the certificate is not for this host");
    return certificate_check(j->key, SESSILE_CERTIFICATE_HOST, NULL, NULL, now, error);
}

static int known_hosts_judge(const sessile_known_hosts *known, const char *host, int port, sessile_key *key,
                             int64_t now, struct host_found *found, struct key_error *error)
{
    struct judgement j = {.key = key, .authority = sessile_certificate_authority(key)};
    const struct place nowhere = {0, 0};
    char name[PATTERN_NAME_MAX + 1];
    int result;

    if (host_name_make(host, port, name) < 0)
        return SESSILE_ERR_ARGUMENT;
    if ((result = known_hosts_visit(known, span_of(name), judge, &j)) < 0)
        return result;
    if (j.revoked.line)
        return found_as(found, SESSILE_HOST_REVOKED, &j.revoked);
    if (j.authority) {
        result = certificate_is_good(&j, host, now, error);
        if (result == SESSILE_OK)
            return found_as(found, SESSILE_HOST_KNOWN, &j.trusted);
        if (result != SESSILE_ERR_VERIFY)
            return result;
    }
    if (j.known.line)
        return found_as(found, SESSILE_HOST_KNOWN, &j.known);
    if (j.changed.line)
        return found_as(found, SESSILE_HOST_CHANGED, &j.changed);
    return j.other.line ? found_as(found, SESSILE_HOST_OTHER, &j.other)
                        : found_as(found, SESSILE_HOST_UNKNOWN, &nowhere);
}

static int port_is_default(int port)
{
    return port == 0 || port == 22;
}

int known_hosts_check(const sessile_known_hosts *known, const char *host, int port, sessile_key *key, int64_t now,
                      struct host_found *found, struct key_error *error)
{
    struct host_found without = {SESSILE_HOST_UNKNOWN, 0, 0};
    int result;

    *found = without;
    result = known_hosts_judge(known, host, port, key, now, found, error);
    if (result < 0 || found->status != SESSILE_HOST_UNKNOWN || port_is_default(port))
        return result;
    /* Another key at another port says nothing about this one. */
    result = known_hosts_judge(known, host, 0, key, now, &without, error);
    if (result == SESSILE_OK && (without.status == SESSILE_HOST_KNOWN || without.status == SESSILE_HOST_REVOKED))
        *found = without;
    return result;
}

int sessile_known_hosts_check(sessile_known_hosts *known, const char *host, int port, sessile_key *key, int64_t now,
                              size_t *file, size_t *line, char *error, size_t error_size)
{
    struct key_error report = key_error_of(error, error_size);
    struct host_found found = {0, 0, 0};
    int result =
        known && host && key ? known_hosts_check(known, host, port, key, now, &found, &report) : SESSILE_ERR_ARGUMENT;

    if (file)
        *file = found.file;
    if (line)
        *line = found.line;
    return result < 0 ? key_done(&report, result) : found.status;
}

/* ---- what is known of a host ---- */

struct survey {
    const struct key_type *types[32]; /* of its keys, each once */
    size_t count;
    int authority;
    size_t index; /* how many keys to skip until the one looked for */
    const struct known_host *entry;
};

static int survey_note(void *visit, const sessile_known_hosts *file, const struct known_host *entry)
{
    struct survey *s = visit;

    (void)file;
    s->authority |= entry->mark == HOST_MARK_AUTHORITY;
    if (entry->mark != HOST_MARK_NONE)
        return 0;
    if (s->index-- == 0)
        s->entry = entry;
    for (size_t i = 0; i < s->count; i++)
        if (s->types[i] == entry->type)
            return 0;
    if (s->count < sizeof s->types / sizeof s->types[0])
        s->types[s->count++] = entry->type;
    return 0;
}

/* Where nothing stands there for the port, what stands there without one. */
static int known_hosts_survey(const sessile_known_hosts *known, const char *host, int port, size_t index,
                              struct survey *survey)
{
    char name[PATTERN_NAME_MAX + 1];

    *survey = (struct survey){.index = index};
    if (!known || !host || host_name_make(host, port, name) < 0)
        return SESSILE_ERR_ARGUMENT;
    return known_hosts_visit(known, span_of(name), survey_note, survey);
}

static int survey_has(const struct survey *survey, const struct key_algorithm *algorithm)
{
    if (algorithm->certificate && survey->authority)
        return 1;
    for (size_t i = 0; i < survey->count; i++)
        if (survey->types[i] == algorithm->type)
            return 1;
    return 0;
}

int sessile_known_hosts_algorithms(sessile_known_hosts *known, const char *host, int port, void *data, size_t size)
{
    const struct key_algorithm *algorithm;
    struct writer w = {0};
    struct survey survey;
    int result = !data && size ? SESSILE_ERR_ARGUMENT : known_hosts_survey(known, host, port, 0, &survey);

    if (result >= 0 && !survey.count && !survey.authority && !port_is_default(port)) /* as when it is checked */
        result = known_hosts_survey(known, host, 0, 0, &survey);
    for (size_t i = 0; result >= 0 && (algorithm = key_algorithm_at(i)); i++) {
        if (!survey_has(&survey, algorithm))
            continue;
        if (w.size)
            put_u8(&w, ',');
        put_bytes(&w, algorithm->name, strlen(algorithm->name));
    }
    return key_give(&w, result, data, size);
}

int sessile_known_hosts_key(sessile_known_hosts *known, const char *host, int port, size_t index, sessile_key **key)
{
    struct survey survey;
    int result;

    if (!key)
        return SESSILE_ERR_ARGUMENT;
    *key = NULL;
    result = known_hosts_survey(known, host, port, index, &survey);
    if (result < 0)
        return result;
    if (!survey.entry)
        return SESSILE_ERR_ARGUMENT;
    return sessile_key_from_blob(survey.entry->blob, survey.entry->blob_size, key, NULL, 0);
}
