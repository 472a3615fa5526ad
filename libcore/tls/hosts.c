/* SPDX-License-Identifier: Apache-2.0
 *
 * Which config serves which name. Names are lower case, without a trailing dot, and sorted. A host's config is sealed
 * when it is added, so that none can come to hold itself.
 */
#include <string.h>

#include "session/memory.h"
#include "tls/config.h"

#define NAME_MAX_SIZE 253
#define LABEL_MAX_SIZE 63

/* ---- names ---- */

static int is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int is_label(const char *label, size_t size)
{
    if (!size || size > LABEL_MAX_SIZE || label[0] == '-' || label[size - 1] == '-')
        return 0;
    for (size_t i = 0; i < size; i++)
        if (!is_letter_or_digit(label[i]) && label[i] != '-')
            return 0;
    return 1;
}

static int is_host_name(const char *name)
{
    size_t size;

    for (;;) {
        size = strcspn(name, ".");
        if (!is_label(name, size))
            return 0;
        name += size;
        if (!*name++)
            return 1;
    }
}

/* The form in which names are kept. 0 where it is too long or has a NUL byte in it. */
static int normalise(char out[NAME_MAX_SIZE + 1], const char *name, size_t size)
{
    if (size && name[size - 1] == '.')
        size--;
    if (!size || size > NAME_MAX_SIZE || memchr(name, 0, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    out[size] = 0;
    return 1;
}

/* ---- looking up ---- */

/* Where name is, or belongs. */
static size_t find_place(const sessile_tls_config *config, const char *name, int *found)
{
    size_t low = 0, high = config->host_count, middle;
    int order;

    *found = 0;
    while (low < high) {
        middle = low + (high - low) / 2;
        order = strcmp(config->hosts[middle].name, name);
        if (!order) {
            *found = 1;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

sessile_tls_config *tls_config_find_host(const sessile_tls_config *config, const char *name, size_t size)
{
    char plain[NAME_MAX_SIZE + 1] = {0};
    char *dot;
    size_t place;
    int found;

    if (!config->host_count || !name || !normalise(plain, name, size) || !is_host_name(plain))
        return NULL;
    place = find_place(config, plain, &found);
    if (!found && (dot = strchr(plain, '.')) != NULL && dot > plain) {
        dot[-1] = '*';
        place = find_place(config, dot - 1, &found);
    }
    return found ? config->hosts[place].config : NULL;
}

/* ---- adding ---- */

static int insert(sessile_tls_config *config, size_t place, const char *name, sessile_tls_config *other)
{
    struct tls_host *hosts;
    char *copy = mem_string(name);

    if (!copy)
        return tls_config_no_memory(config);
    if (!(hosts = mem_realloc(config->hosts, (config->host_count + 1) * sizeof *hosts))) {
        mem_free(copy);
        return tls_config_no_memory(config);
    }
    config->hosts = hosts;
    memmove(&hosts[place + 1], &hosts[place], (config->host_count - place) * sizeof *hosts);
    hosts[place] = (struct tls_host){copy, tls_config_keep(other)};
    config->host_count++;
    return 0;
}

static int add_host(sessile_tls_config *config, const char *name, sessile_tls_config *other)
{
    char plain[NAME_MAX_SIZE + 1] = {0};
    const char *labels = plain;
    size_t place;
    int found, r;

    if (name && normalise(plain, name, strlen(name)) && plain[0] == '*' && plain[1] == '.')
        labels += 2;
    if (!is_host_name(labels))
        return tls_config_fail(
            config, SESSILE_ERR_ARGUMENT,
            "a host's name is labels of letters, digits and hyphens with dots between, at most %d bytes in "
            "all and %d in a label; only the first may be a *",
            NAME_MAX_SIZE, LABEL_MAX_SIZE);
    place = find_place(config, plain, &found);
    if (found)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "%s was added already", plain);
    if ((r = tls_config_seal(other, SESSILE_SERVER)) != 0)
        return tls_config_fail(config, r, "%s: %s", plain, sessile_tls_config_error_text(other));
    return insert(config, place, plain, other);
}

int sessile_tls_config_add_host(sessile_tls_config *config, const char *name, sessile_tls_config *other)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    if (!other)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "the host's config is NULL");
    if (other == config)
        return tls_config_fail(config, SESSILE_ERR_ARGUMENT, "a config cannot be a host of its own");
    return add_host(config, name, other);
}

int sessile_tls_config_require_host(sessile_tls_config *config, int on)
{
    int r = tls_config_open_role(config, SESSILE_SERVER);

    if (r)
        return r;
    config->require_host = on != 0;
    return 0;
}

void tls_hosts_free(sessile_tls_config *config)
{
    for (size_t i = 0; i < config->host_count; i++) {
        mem_free(config->hosts[i].name);
        sessile_tls_config_free(config->hosts[i].config);
    }
    mem_free(config->hosts);
}
