/* SPDX-License-Identifier: Apache-2.0
 *
 * What a key may do: the options of its line, and those of its certificate, which may only take away from them. A
 * certificate allows nothing that it does not name (PROTOCOL.certkeys). */
#include <string.h>

#include "session/memory.h"
#include "ssh/trust/pattern.h"
#include "ssh/trust/trust.h"

#define COMMAND_MAX 65536

sessile_grant *grant_new(const struct options *options, size_t line)
{
    sessile_grant *grant = mem_zalloc(sizeof *grant);

    if (!grant)
        return NULL;
    atomic_init(&grant->refs, 1);
    grant->options = options;
    grant->line = line;
    grant->allows = options ? options->allows : OPTIONS_ALL;
    grant->no_touch = options && options->no_touch;
    grant->verify = options && options->verify;
    return grant;
}

sessile_grant *sessile_grant_keep(sessile_grant *grant)
{
    if (grant)
        atomic_fetch_add_explicit(&grant->refs, 1, memory_order_relaxed);
    return grant;
}

void sessile_grant_free(sessile_grant *grant)
{
    if (!grant || atomic_fetch_sub_explicit(&grant->refs, 1, memory_order_acq_rel) != 1)
        return;
    sessile_authorized_keys_free(grant->keys);
    sessile_principals_free(grant->principals);
    mem_free(grant->command);
    mem_free(grant);
}

/* ---- whether a line's demands are met ---- */

static int applicant_comes_from(const struct applicant *a, const char *list, struct line_error *why)
{
    if (!a->address)
        return line_fail(why, "from= is there, and the peer's address is not known");
    switch (pattern_peer_match(span_of(list), a->address, a->host)) {
    case PATTERN_MATCH:
        return SESSILE_OK;
    case PATTERN_BAD:
        return line_fail(why, "from= or the peer's address cannot be understood");
    default:
        return line_fail(why, "from= does not have the peer's address or name");
    }
}

int applicant_meets(const struct applicant *a, const struct options *options, struct line_error *why)
{
    int result = SESSILE_OK;

    if (options->expires && a->now < 0)
        result = line_fail(why, "expiry-time= is there, and the time is not known");
    else if (options->expires && options->expires < a->now)
        result = line_fail(why, "expiry-time= has passed");
    if (result == SESSILE_OK && options->from)
        result = applicant_comes_from(a, options->from, why);
    return result == SESSILE_OK ? result : SESSILE_ERR_VERIFY;
}

/* ---- certificates ---- */

static const struct {
    const char *extension;
    int what;
} extensions[] = {
    {"permit-pty", SESSILE_GRANT_PTY},
    {"permit-port-forwarding", SESSILE_GRANT_PORT_FORWARDING},
    {"permit-agent-forwarding", SESSILE_GRANT_AGENT_FORWARDING},
    {"permit-X11-forwarding", SESSILE_GRANT_X11_FORWARDING},
    {"permit-user-rc", SESSILE_GRANT_USER_RC},
};

static int certificate_has(sessile_key *key, int critical, const char *name)
{
    return sessile_certificate_option(key, critical, name, NULL, 0) >= 0;
}

static unsigned certificate_allows(sessile_key *key)
{
    unsigned allows = 0;

    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (certificate_has(key, 0, extensions[i].extension))
            allows |= OPTIONS_BIT(extensions[i].what);
    return allows;
}

/* *command: the caller's; NULL where the certificate forces none. */
static int certificate_command(sessile_key *key, char **command, struct line_error *why)
{
    int size = sessile_certificate_option(key, 1, "force-command", NULL, 0);

    *command = NULL;
    if (size < 0)
        return size == SESSILE_ERR_ARGUMENT ? SESSILE_OK : size;
    if (size > COMMAND_MAX)
        return line_fail(why, "the certificate's force-command has %d bytes, and the limit is %d", size, COMMAND_MAX);
    if (!(*command = mem_zalloc((size_t)size + 1)))
        return SESSILE_ERR_MEMORY;
    if (sessile_certificate_option(key, 1, "force-command", *command, (size_t)size) == size &&
        strlen(*command) == (size_t)size)
        return SESSILE_OK;
    mem_free(*command);
    *command = NULL;
    return line_fail(why, "the certificate's force-command has a NUL byte in it");
}

static int grant_merge_command(sessile_grant *grant, sessile_key *key, struct line_error *why)
{
    int result = certificate_command(key, &grant->command, why);

    if (result == SESSILE_OK && grant->command && grant->options && grant->options->command &&
        strcmp(grant->command, grant->options->command) != 0)
        result = line_fail(why, "the line's command= and the certificate's force-command differ");
    return result == SESSILE_ERR_ARGUMENT ? SESSILE_ERR_VERIFY : result;
}

int grant_merge_certificate(sessile_grant *grant, const struct applicant *a, const char *principal,
                            struct line_error *why)
{
    int result;

    if (a->now < 0) {
        line_fail(why, "the time is not known, so no certificate is good");
        return SESSILE_ERR_VERIFY;
    }
    result = sessile_certificate_check(a->key, SESSILE_CERTIFICATE_USER, principal, a->address, a->now, why->text,
                                       sizeof why->text);
    if (result < 0)
        return result;
    grant->allows &= certificate_allows(a->key);
    grant->no_touch &= certificate_has(a->key, 0, "no-touch-required") ? 1u : 0u;
    grant->verify |= certificate_has(a->key, 1, "verify-required") ? 1u : 0u;
    return grant_merge_command(grant, a->key, why);
}

/* ---- asking it ---- */

size_t sessile_grant_line(sessile_grant *grant)
{
    return grant ? grant->line : 0;
}

const char *sessile_grant_command(sessile_grant *grant)
{
    if (!grant)
        return NULL;
    return grant->command || !grant->options ? grant->command : grant->options->command;
}

int sessile_grant_allows(sessile_grant *grant, int what)
{
    return grant && what >= SESSILE_GRANT_PTY && what <= SESSILE_GRANT_USER_RC &&
           (grant->allows & OPTIONS_BIT(what)) != 0;
}

int sessile_grant_needs_touch(sessile_grant *grant)
{
    return !grant || !grant->no_touch;
}

int sessile_grant_needs_verification(sessile_grant *grant)
{
    return !grant || grant->verify;
}

static int port_is_usable(const char *host, int port)
{
    return host && port >= 0 && port <= 65535;
}

int sessile_grant_allows_open(sessile_grant *grant, const char *host, int port)
{
    return sessile_grant_allows(grant, SESSILE_GRANT_PORT_FORWARDING) && port_is_usable(host, port) &&
           (!grant->options || permits_open(&grant->options->open, host, port));
}

int sessile_grant_allows_listen(sessile_grant *grant, const char *host, int port)
{
    return sessile_grant_allows(grant, SESSILE_GRANT_PORT_FORWARDING) && port_is_usable(host, port) &&
           (!grant->options || permits_listen(&grant->options->listen, host, port));
}

size_t sessile_grant_environment_count(sessile_grant *grant)
{
    return grant && grant->options ? grant->options->environment_count : 0;
}

const char *sessile_grant_environment(sessile_grant *grant, size_t index)
{
    return index < sessile_grant_environment_count(grant) ? grant->options->environment[index] : NULL;
}
