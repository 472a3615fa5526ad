/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may log in. The first line that lets the key in decides; what kept the others from it is told where none does. */
#include <string.h>

#include "session/memory.h"
#include "ssh/trust/pattern.h"
#include "ssh/trust/trust.h"

static int has_key(const struct authorized *line, const sessile_key *key)
{
    return line->blob && line->blob_size == key->blob_size && memcmp(line->blob, key->blob, key->blob_size) == 0;
}

/* Whether a name of the certificate's is on the list of principals=: names, not patterns. */
static int names_one_of(sessile_key *key, struct span list)
{
    const char *principal;
    struct span one;

    while (list.size) {
        one = span_take(&list, ',');
        for (size_t i = 0; one.size && (principal = sessile_certificate_principal(key, i)); i++)
            if (span_is(one, principal))
                return 1;
    }
    return 0;
}

static int names(sessile_key *key, const char *name)
{
    const char *principal;

    for (size_t i = 0; (principal = sessile_certificate_principal(key, i)); i++)
        if (strcmp(principal, name) == 0)
            return 1;
    return 0;
}

/* A line that has the key, or the certificate's authority. 0 with a grant, ERR_VERIFY with why filled, ERR_MEMORY. */
static int line_grants(const struct authorized *line, const struct applicant *a, sessile_grant **grant,
                       struct line_error *why)
{
    const char *list = line->options.principals;
    int result = applicant_meets(a, &line->options, why);

    if (result < 0)
        return result;
    if (line->options.authority && list && !names_one_of(a->key, span_of(list))) {
        line_fail(why, "principals= has none of the certificate's names");
        return SESSILE_ERR_VERIFY;
    }
    if (!(*grant = grant_new(&line->options, line->line)))
        return SESSILE_ERR_MEMORY;
    if (line->options.authority)
        result = grant_merge_certificate(*grant, a, list ? NULL : a->user, why);
    if (result < 0) {
        sessile_grant_free(*grant);
        *grant = NULL;
    }
    return result;
}

/* What is asked for on behalf of a certificate is asked of its authority. */
static const sessile_key *key_to_find(sessile_key *key)
{
    return key->certificate ? sessile_certificate_authority(key) : key;
}

static int arguments_are_good(const struct applicant *a, sessile_grant **grant)
{
    if (grant)
        *grant = NULL;
    return grant && a->key && a->user;
}

int sessile_authorized_keys_match(sessile_authorized_keys *keys, sessile_key *key, const char *user,
                                  const char *address, const char *host, int64_t now, sessile_grant **grant,
                                  char *error, size_t error_size)
{
    const struct applicant applicant = {key, user, address, host, now};
    struct key_error report = key_error_of(error, error_size);
    struct line_error why;
    const struct authorized *line;
    const sessile_key *sought;
    size_t number = 0;
    int result = SESSILE_ERR_VERIFY;

    if (!arguments_are_good(&applicant, grant) || !keys)
        return SESSILE_ERR_ARGUMENT;
    sought = key_to_find(key);
    for (size_t i = 0; i < keys->lines.count && result == SESSILE_ERR_VERIFY; i++) {
        line = &keys->lines.list[i];
        if (line->options.authority != (key->certificate != NULL) || !has_key(line, sought))
            continue;
        number = line->line;
        result = line_grants(line, &applicant, grant, &why);
    }
    if (result == SESSILE_OK)
        (*grant)->keys = sessile_authorized_keys_keep(keys);
    else if (result == SESSILE_ERR_VERIFY && number)
        key_say(&report, "line %zu has the key, but does not let it in: %s", number, why.text);
    else if (result == SESSILE_ERR_VERIFY)
        key_say(&report, "no line has the %s", key->certificate ? "certificate's authority" : "key");
    return key_done(&report, result);
}

/* ---- authorities of all users ---- */

static int is_trusted(const sessile_authorized_keys *authorities, const sessile_key *authority)
{
    for (size_t i = 0; i < authorities->lines.count; i++)
        if (authorities->lines.list[i].bare && has_key(&authorities->lines.list[i], authority))
            return 1;
    return 0;
}

static int principal_grants(const struct authorized *line, const struct applicant *a, sessile_grant **grant,
                            struct line_error *why)
{
    int result = applicant_meets(a, &line->options, why);

    if (result < 0)
        return result;
    if (!(*grant = grant_new(&line->options, line->line)))
        return SESSILE_ERR_MEMORY;
    result = grant_merge_certificate(*grant, a, line->name, why);
    if (result < 0) {
        sessile_grant_free(*grant);
        *grant = NULL;
    }
    return result;
}

static int principals_grant(sessile_principals *principals, const struct applicant *a, sessile_grant **grant,
                            struct line_error *why)
{
    const struct authorized *line;
    int result = SESSILE_ERR_VERIFY;

    line_fail(why, "the certificate names none of the user's principals");
    for (size_t i = 0; i < principals->lines.count && result == SESSILE_ERR_VERIFY; i++) {
        line = &principals->lines.list[i];
        if (names(a->key, line->name))
            result = principal_grants(line, a, grant, why);
    }
    if (result == SESSILE_OK)
        (*grant)->principals = sessile_principals_keep(principals);
    return result;
}

static int user_grants(const struct applicant *a, sessile_grant **grant, struct line_error *why)
{
    int result;

    if (!(*grant = grant_new(NULL, 0)))
        return SESSILE_ERR_MEMORY;
    result = grant_merge_certificate(*grant, a, a->user, why);
    if (result < 0) {
        sessile_grant_free(*grant);
        *grant = NULL;
    }
    return result;
}

int sessile_authorities_match(sessile_authorized_keys *authorities, sessile_principals *principals, sessile_key *key,
                              const char *user, const char *address, const char *host, int64_t now,
                              sessile_grant **grant, char *error, size_t error_size)
{
    const struct applicant applicant = {key, user, address, host, now};
    struct key_error report = key_error_of(error, error_size);
    struct line_error why;
    int result;

    if (!arguments_are_good(&applicant, grant) || !authorities)
        return SESSILE_ERR_ARGUMENT;
    if (!key->certificate)
        return key_fail(&report, SESSILE_ERR_VERIFY, "the key has no certificate");
    if (!is_trusted(authorities, sessile_certificate_authority(key)))
        return key_fail(&report, SESSILE_ERR_VERIFY, "the certificate's authority is not trusted");
    result = principals ? principals_grant(principals, &applicant, grant, &why) : user_grants(&applicant, grant, &why);
    if (result == SESSILE_ERR_VERIFY)
        key_say(&report, "%s", why.text);
    return key_done(&report, result);
}
