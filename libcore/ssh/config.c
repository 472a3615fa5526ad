/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH config's life and setters. A setter prepares everything that can fail before it changes anything. The lists
 * of algorithms are algorithms.c's. */
#include "ssh/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/algorithms.h"
#include "ssh/key/key.h"
#include "ssh/ssh.h"

#define REKEY_BYTES_DEFAULT (UINT64_C(1) << 30)
#define REKEY_PACKETS_DEFAULT (UINT64_C(1) << 31)
#define REKEY_BYTES_MIN 1024
#define GROUP_MIN 2048
#define GROUP_MAX 8192
#define GROUP_PREFERRED 3072
#define TRIES_DEFAULT 6
#define TRIES_MAX 100
#define METHODS_MAX 1024
#define DEFAULT_METHODS "publickey password keyboard-interactive"
#define WINDOW_MIN 32768
#define WINDOW_MAX 0x7fffffff

sessile_ssh_config *sessile_ssh_config_new(int role)
{
    sessile_ssh_config *config = NULL;

    if ((role != SESSILE_CLIENT && role != SESSILE_SERVER) || !(config = mem_zalloc(sizeof *config)))
        return NULL;
    config->role = role;
    atomic_init(&config->refs, 1);
    atomic_init(&config->sealed, 0);
    atomic_init(&config->note, NULL);
    config->lock = CRYPTO_THREAD_lock_new();
    config->rekey_bytes = REKEY_BYTES_DEFAULT;
    config->rekey_packets = REKEY_PACKETS_DEFAULT;
    config->group_minimum = GROUP_MIN;
    config->group_preferred = GROUP_PREFERRED;
    config->group_maximum = GROUP_MAX;
    config->auth_tries = TRIES_DEFAULT;
    config->limits[SESSILE_SSH_LIMIT_MEMORY] = UINT64_C(64) << 20;
    config->limits[SESSILE_SSH_LIMIT_CHANNELS] = 1024;
    config->limits[SESSILE_SSH_LIMIT_WINDOW] = UINT64_C(16) << 20;
    config->limits[SESSILE_SSH_LIMIT_EARLY_PACKETS] = 1000;
    config->software = mem_string("Sessile_" SESSILE_VERSION);
    config->auth_methods = mem_string(DEFAULT_METHODS);
    if (!config->lock || !config->software || !config->auth_methods || sessile_ssh_config_use_default(config) < 0) {
        sessile_ssh_config_free(config);
        return NULL;
    }
    return config;
}

sessile_ssh_config *ssh_config_keep(sessile_ssh_config *config)
{
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void sessile_ssh_config_free(sessile_ssh_config *config)
{
    if (!config || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < SSH_LISTS; i++)
        mem_free(config->lists[i]);
    for (size_t i = 0; i < config->host_key_count; i++)
        sessile_key_free(config->host_keys[i]);
    for (size_t i = 0; i < config->user_key_count; i++)
        sessile_key_free(config->user_keys[i]);
    sessile_known_hosts_free(config->known_hosts);
    sessile_krl_free(config->krl);
    mem_free(config->host_key_offer);
    mem_free(config->software);
    mem_free(config->moduli);
    mem_free(config->banner);
    mem_free(config->auth_methods);
    CRYPTO_THREAD_lock_free(config->lock);
    mem_free(config);
}

const char *sessile_ssh_config_error_text(sessile_ssh_config *config)
{
    const char *note;

    if (!config)
        return "";
    note = atomic_load(&config->note);
    return note ? note : config->text;
}

int ssh_config_fail(sessile_ssh_config *config, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(config->text, sizeof config->text, format, arguments);
    va_end(arguments);
    return code;
}

int ssh_config_open(sessile_ssh_config *config)
{
    if (!config)
        return SESSILE_ERR_ARGUMENT;
    if (atomic_load(&config->sealed)) {
        atomic_store(&config->note, "the config is in use and cannot be changed any more");
        return SESSILE_ERR_MISUSE;
    }
    config->text[0] = 0;
    return SESSILE_OK;
}

static int no_memory(sessile_ssh_config *config)
{
    return ssh_config_fail(config, SESSILE_ERR_MEMORY, "no memory");
}

static int replace(sessile_ssh_config *config, char **at, char *value)
{
    if (!value)
        return no_memory(config);
    mem_free(*at);
    *at = value;
    return SESSILE_OK;
}

/* ---- switches and numbers ---- */

static int set_switch(sessile_ssh_config *config, int *at, int on)
{
    int result = ssh_config_open(config);

    if (result == SESSILE_OK)
        *at = on != 0;
    return result;
}

int sessile_ssh_config_require_strict_kex(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->require_strict : NULL, on);
}

int sessile_ssh_config_insecure_no_touch(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->no_touch : NULL, on);
}

int sessile_ssh_config_require_user_verification(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->user_verification : NULL, on);
}

int sessile_ssh_config_insecure_any_host_key(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->any_host_key : NULL, on);
}

int sessile_ssh_config_ask_new_host_keys(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->ask_new_host_keys : NULL, on);
}

int sessile_ssh_config_insecure_keylog(sessile_ssh_config *config, int on)
{
    return set_switch(config, config ? &config->keylog : NULL, on);
}

int sessile_ssh_config_set_rekey(sessile_ssh_config *config, uint64_t bytes, uint64_t packets)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (bytes && bytes < REKEY_BYTES_MIN)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "new keys after %llu bytes: the least is %d",
                               (unsigned long long)bytes, REKEY_BYTES_MIN);
    config->rekey_bytes = bytes ? bytes : REKEY_BYTES_DEFAULT;
    config->rekey_packets = packets && packets < REKEY_PACKETS_DEFAULT ? packets : REKEY_PACKETS_DEFAULT;
    return SESSILE_OK;
}

int sessile_ssh_config_set_group_sizes(sessile_ssh_config *config, int minimum, int preferred, int maximum)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (minimum < GROUP_MIN || minimum > preferred || preferred > maximum || maximum > GROUP_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "group sizes %d, %d, %d: they go up, from %d to %d bits",
                               minimum, preferred, maximum, GROUP_MIN, GROUP_MAX);
    config->group_minimum = minimum;
    config->group_preferred = preferred;
    config->group_maximum = maximum;
    return SESSILE_OK;
}

int sessile_ssh_config_set_auth_tries(sessile_ssh_config *config, int tries)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (tries < 1 || tries > TRIES_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "%d tries: 1 to %d", tries, TRIES_MAX);
    config->auth_tries = tries;
    return SESSILE_OK;
}

int sessile_ssh_config_set_limit(sessile_ssh_config *config, int limit, uint64_t value)
{
    static const struct {
        uint64_t least;
        uint64_t most;
    } bounds[SSH_LIMITS] = {
        [SESSILE_SSH_LIMIT_MEMORY] = {1 << 20, UINT64_C(1) << 40},
        [SESSILE_SSH_LIMIT_CHANNELS] = {1, 1 << 20},
        [SESSILE_SSH_LIMIT_WINDOW] = {WINDOW_MIN, WINDOW_MAX},
        [SESSILE_SSH_LIMIT_EARLY_PACKETS] = {20, UINT32_MAX},
    };
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (limit < 1 || limit >= SSH_LIMITS)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "there is no limit %d", limit);
    if (value < bounds[limit].least || value > bounds[limit].most)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "limit %d: %llu is not within %llu and %llu", limit,
                               (unsigned long long)value, (unsigned long long)bounds[limit].least,
                               (unsigned long long)bounds[limit].most);
    config->limits[limit] = value;
    return SESSILE_OK;
}

/* ---- texts ---- */

int sessile_ssh_config_set_software(sessile_ssh_config *config, const char *software)
{
    int result = ssh_config_open(config);
    size_t size = software ? strlen(software) : 0;

    if (result < 0)
        return result;
    for (size_t i = 0; i < size; i++)
        if (software[i] <= 0x20 || software[i] >= 0x7f || software[i] == '-')
            return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "the software's name has the byte 0x%02x at %zu",
                                   (unsigned char)software[i], i);
    if (!size || size > SSH_SOFTWARE_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "the software's name has %zu bytes: 1 to %d", size,
                               SSH_SOFTWARE_MAX);
    return replace(config, &config->software, mem_string(software));
}

static int set_bytes(sessile_ssh_config *config, char **at, size_t *at_size, const void *data, size_t size, size_t most)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if ((!data && size) || size > most)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "a text of %zu bytes: at most %zu", size, most);
    if ((result = replace(config, at, mem_copy(data ? data : "", size))) == SESSILE_OK)
        *at_size = size;
    return result;
}

int sessile_ssh_config_set_moduli(sessile_ssh_config *config, const void *data, size_t size)
{
    return set_bytes(config, config ? &config->moduli : NULL, config ? &config->moduli_size : NULL, data, size,
                     SSH_MODULI_MAX);
}

int sessile_ssh_config_set_banner(sessile_ssh_config *config, const void *data, size_t size)
{
    return set_bytes(config, config ? &config->banner : NULL, config ? &config->banner_size : NULL, data, size,
                     SSH_BANNER_MAX);
}

static int method_known(const char *name, size_t size)
{
    return names_have("none,password,publickey,keyboard-interactive,hostbased", name, size);
}

int sessile_ssh_config_set_auth_methods(sessile_ssh_config *config, const char *methods)
{
    char escaped[ESCAPED_ROOM];
    int result = ssh_config_open(config);
    size_t found = 0;

    if (result < 0)
        return result;
    if (!methods || strlen(methods) > METHODS_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "a list of methods has at most %d bytes", METHODS_MAX);
    for (const char *at = methods + strspn(methods, " "); *at; found++) {
        size_t size = strcspn(at, " ,");

        if (!method_known(at, size))
            return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "\"%s\" is no authentication method",
                                   text_escape(escaped, sizeof escaped, at, size));
        at += size;
        if (*at == ',' && (!at[1] || strchr(" ,", at[1]))) /* else what is asked for would be less than was meant */
            return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "a method must follow the comma at %zu",
                                   (size_t)(at - methods));
        at += *at == ',' ? 1 : strspn(at, " ");
    }
    if (!found)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "no authentication method is left");
    return replace(config, &config->auth_methods, mem_string(methods));
}

/* ---- keys and what is trusted ---- */

int sessile_ssh_config_add_host_key(sessile_ssh_config *config, sessile_key *key)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (!key || key->type->security_key)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "%s",
                               key ? "a host key cannot be a security key" : "there is no key");
    for (size_t i = 0; i < config->host_key_count; i++)
        if (config->host_keys[i]->type == key->type)
            return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "there is a host key of type %s already",
                                   key->type->name);
    if (sessile_key_has_certificate(key) && sessile_certificate_kind(key) != SESSILE_CERTIFICATE_HOST)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "the certificate of the %s key is not a host's",
                               key->type->name);
    if (config->host_key_count == SSH_HOST_KEYS_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "at most %d host keys", SSH_HOST_KEYS_MAX);
    config->host_keys[config->host_key_count++] = sessile_key_keep(key);
    return SESSILE_OK;
}

int sessile_ssh_config_add_user_key(sessile_ssh_config *config, sessile_key *key)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    if (!key || config->user_key_count == SSH_USER_KEYS_MAX)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "a key, and at most %d of them", SSH_USER_KEYS_MAX);
    config->user_keys[config->user_key_count++] = sessile_key_keep(key);
    return SESSILE_OK;
}

int sessile_ssh_config_set_known_hosts(sessile_ssh_config *config, sessile_known_hosts *known_hosts)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    sessile_known_hosts_keep(known_hosts);
    sessile_known_hosts_free(config->known_hosts);
    config->known_hosts = known_hosts;
    return SESSILE_OK;
}

int sessile_ssh_config_set_krl(sessile_ssh_config *config, sessile_krl *krl)
{
    int result = ssh_config_open(config);

    if (result < 0)
        return result;
    sessile_krl_keep(krl);
    sessile_krl_free(config->krl);
    config->krl = krl;
    return SESSILE_OK;
}

/* ---- sealing ---- */

sessile_key *ssh_config_host_key(const sessile_ssh_config *config, const char *algorithm, size_t size)
{
    const struct key_algorithm *found = key_algorithm_find(algorithm, size);

    for (size_t i = 0; found && i < config->host_key_count; i++)
        if (key_algorithm_fits(found, config->host_keys[i]))
            return config->host_keys[i];
    return NULL;
}

/* The host key algorithms of the list that the keys can do. */
static int make_offer(sessile_ssh_config *config)
{
    const char *list = config->lists[SESSILE_SSH_HOST_KEYS];
    const char *name;
    struct writer w = {0};
    size_t at = 0, size;
    char *offer;

    while ((name = names_next(list, &at, &size)))
        if (ssh_config_host_key(config, name, size)) {
            put_bytes(&w, ",", w.size ? 1 : 0);
            put_bytes(&w, name, size);
        }
    offer = w.failed || !w.size ? NULL : mem_copy(w.data, w.size);
    if (!offer) {
        int failed = w.failed || w.size;

        writer_free(&w);
        return failed ? no_memory(config)
                      : ssh_config_fail(config, SESSILE_ERR_ARGUMENT,
                                        "a server needs a host key that the host key algorithms allow");
    }
    writer_free(&w);
    mem_free(config->host_key_offer);
    config->host_key_offer = offer;
    return SESSILE_OK;
}

int ssh_config_seal(sessile_ssh_config *config, int role)
{
    int result = SESSILE_OK;

    if (config->role != role) {
        atomic_store(&config->note, role == SESSILE_CLIENT ? "the config is a server's, and is used for a client"
                                                           : "the config is a client's, and is used for a server");
        return SESSILE_ERR_MISUSE;
    }
    if (atomic_load(&config->sealed))
        return SESSILE_OK;
    if (!CRYPTO_THREAD_write_lock(config->lock))
        return SESSILE_ERR_CRYPTO;
    if (!atomic_load(&config->sealed) && role == SESSILE_SERVER)
        result = make_offer(config);
    if (result == SESSILE_OK)
        atomic_store(&config->sealed, 1);
    CRYPTO_THREAD_unlock(config->lock);
    return result;
}

int sessile_ssh_config_check(sessile_ssh_config *config)
{
    return config ? ssh_config_seal(config, config->role) : SESSILE_ERR_ARGUMENT;
}
