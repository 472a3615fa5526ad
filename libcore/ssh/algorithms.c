/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of algorithms: what there is, presets, and OpenSSH's way to change a list (ssh_config(5)). */
#include "ssh/algorithms.h"

#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/config.h"
#include "ssh/key/key.h"
#include "ssh/ssh.h"
#include "ssh/transport/kex.h"
#include "ssh/trust/pattern.h"

#define LIST_MAX 4096

static const char *const kind_names[SSH_LISTS] = {
    "", "key exchange", "host key", "cipher", "MAC", "compression", "user key signature", "authority signature",
};

/* ---- what there is ---- */

static const char *key_algorithm_name(size_t index, int kind)
{
    for (size_t i = 0;; i++) {
        const struct key_algorithm *algorithm = key_algorithm_at(i);

        if (!algorithm)
            return NULL;
        if (kind == SESSILE_SSH_CA_SIGNATURES && algorithm->certificate)
            continue;
        if (kind == SESSILE_SSH_HOST_KEYS && algorithm->type->security_key)
            continue;
        if (index-- == 0)
            return algorithm->name;
    }
}

const char *algorithm_at(int kind, size_t index)
{
    const struct kex_method *method;
    const struct cipher *cipher;
    const struct mac *mac;
    const struct compression *compression;

    switch (kind) {
    case SESSILE_SSH_KEX:
        return (method = kex_method_at(index)) ? method->name : NULL;
    case SESSILE_SSH_CIPHERS:
        return (cipher = cipher_at(index)) ? cipher->name : NULL;
    case SESSILE_SSH_MACS:
        return (mac = mac_at(index)) ? mac->name : NULL;
    case SESSILE_SSH_COMPRESSION:
        return (compression = compression_at(index)) ? compression->name : NULL;
    case SESSILE_SSH_HOST_KEYS:
    case SESSILE_SSH_USER_KEYS:
    case SESSILE_SSH_CA_SIGNATURES:
        return key_algorithm_name(index, kind);
    default:
        return NULL;
    }
}

int algorithm_known(int kind, const char *name, size_t size)
{
    const char *other;

    for (size_t i = 0; (other = algorithm_at(kind, i)); i++)
        if (strlen(other) == size && memcmp(other, name, size) == 0)
            return 1;
    return 0;
}

/* ---- making lists ---- */

struct list {
    char text[LIST_MAX];
    size_t size;
    int full;
};

/* Append a name, unless it is there. */
static void list_add(struct list *list, const char *name, size_t size)
{
    if (names_have(list->text, name, size))
        return;
    if (list->size + size + 2 > sizeof list->text) {
        list->full = 1;
        return;
    }
    if (list->size)
        list->text[list->size++] = ',';
    memcpy(list->text + list->size, name, size);
    list->size += size;
    list->text[list->size] = 0;
}

static void list_add_all(struct list *list, const char *names)
{
    const char *name;
    size_t at = 0, size;

    while ((name = names_next(names, &at, &size)))
        list_add(list, name, size);
}

/* Append what matches no pattern. */
static void list_add_unless(struct list *list, const char *names, const char *patterns)
{
    const char *name;
    size_t at = 0, size;

    while ((name = names_next(names, &at, &size))) {
        struct span span = {name, size};

        if (pattern_list_match(span_of(patterns), span) != PATTERN_MATCH)
            list_add(list, name, size);
    }
}

static int list_set(sessile_ssh_config *config, int kind, const struct list *list)
{
    char *copy;

    if (list->full)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "a list of %s algorithms has at most %d bytes",
                               kind_names[kind], LIST_MAX);
    if (!list->size)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "no %s algorithm is left", kind_names[kind]);
    if (!(copy = mem_string(list->text)))
        return ssh_config_fail(config, SESSILE_ERR_MEMORY, "no memory");
    mem_free(config->lists[kind]);
    config->lists[kind] = copy;
    return SESSILE_OK;
}

static int check_names(sessile_ssh_config *config, int kind, const char *names)
{
    char escaped[ESCAPED_ROOM];
    const char *name;
    size_t at = 0, size;

    while ((name = names_next(names, &at, &size)))
        if (!algorithm_known(kind, name, size))
            return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "\"%s\" is no %s algorithm of this build",
                                   text_escape(escaped, sizeof escaped, name, size), kind_names[kind]);
    return SESSILE_OK;
}

int sessile_ssh_config_set_algorithms(sessile_ssh_config *config, int kind, const char *text)
{
    struct list list = {.size = 0};
    int result = ssh_config_open(config);
    char how;

    if (result < 0)
        return result;
    if (kind < SESSILE_SSH_KEX || kind >= SSH_LISTS || !text)
        return ssh_config_fail(config, SESSILE_ERR_ARGUMENT, "there is no list of kind %d", kind);
    how = '=';
    if (*text && strchr("+-^", *text))
        how = *text++;
    if (how == '-') {
        list_add_unless(&list, config->lists[kind], text);
        return list_set(config, kind, &list);
    }
    if ((result = check_names(config, kind, text)) < 0)
        return result;
    if (how == '+')
        list_add_all(&list, config->lists[kind]);
    list_add_all(&list, text);
    if (how == '^')
        list_add_all(&list, config->lists[kind]);
    return list_set(config, kind, &list);
}

const char *sessile_ssh_config_algorithms(sessile_ssh_config *config, int kind)
{
    return config && kind >= SESSILE_SSH_KEX && kind < SSH_LISTS ? config->lists[kind] : "";
}

int sessile_ssh_algorithms(int kind, void *data, size_t size)
{
    struct list list = {.size = 0};
    const char *name;

    if (kind < SESSILE_SSH_KEX || kind >= SSH_LISTS || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    for (size_t i = 0; (name = algorithm_at(kind, i)); i++)
        list_add(&list, name, strlen(name));
    if (data && list.size <= size)
        memcpy(data, list.text, list.size);
    return (int)list.size;
}

/* ---- presets ---- */

#define ED25519 "ssh-ed25519"
#define ECDSA "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"
#define RSA "rsa-sha2-512,rsa-sha2-256"
#define SK_ED25519 "sk-ssh-ed25519@openssh.com"
#define SK_ECDSA "sk-ecdsa-sha2-nistp256@openssh.com"
#define ED25519_CERT "ssh-ed25519-cert-v01@openssh.com"
#define ECDSA_CERT                                                                                                     \
    "ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,"                               \
    "ecdsa-sha2-nistp521-cert-v01@openssh.com"
#define RSA_CERT "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com"
#define SK_ED25519_CERT "sk-ssh-ed25519-cert-v01@openssh.com"
#define SK_ECDSA_CERT "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"
#define SAFE_KEX "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org"
#define AEAD "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com"
#define CTR "aes128-ctr,aes192-ctr,aes256-ctr"
#define ETM "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"

static const char *const presets[3][SSH_LISTS] = {
    {
        "",
        SAFE_KEX ",ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,"
                 "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256",
        ED25519_CERT "," ECDSA_CERT "," RSA_CERT "," ED25519 "," ECDSA "," RSA,
        AEAD "," CTR,
        ETM ",hmac-sha2-256,hmac-sha2-512",
        "none",
        ED25519_CERT "," ECDSA_CERT "," SK_ED25519_CERT "," SK_ECDSA_CERT "," RSA_CERT "," ED25519 "," ECDSA
                     "," SK_ED25519 "," SK_ECDSA "," RSA,
        ED25519 "," ECDSA "," SK_ED25519 "," SK_ECDSA "," RSA,
    },
    {
        "",
        SAFE_KEX ",diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
        ED25519_CERT "," RSA_CERT "," ED25519 "," RSA,
        AEAD "," CTR,
        ETM,
        "none",
        ED25519_CERT "," SK_ED25519_CERT "," RSA_CERT "," ED25519 "," SK_ED25519 "," RSA,
        ED25519 "," SK_ED25519 "," RSA,
    },
    /* What it has more than the default. */
    {
        "",
        "diffie-hellman-group14-sha1",
        "ssh-rsa",
        "",
        "hmac-sha1-etm@openssh.com,hmac-sha1",
        "",
        "ssh-rsa",
        "",
    },
};

/* Put what this build has of a preset behind what there is, or in its place. */
static int use_preset(sessile_ssh_config *config, const char *const *preset, int add)
{
    const char *name;
    int result = SESSILE_OK;

    for (int kind = SESSILE_SSH_KEX; kind < SSH_LISTS && result == SESSILE_OK; kind++) {
        struct list list = {.size = 0};
        size_t at = 0, size;

        if (add)
            list_add_all(&list, config->lists[kind]);
        while ((name = names_next(preset[kind], &at, &size)))
            if (algorithm_known(kind, name, size))
                list_add(&list, name, size);
        result = list_set(config, kind, &list);
    }
    return result;
}

int sessile_ssh_config_use_default(sessile_ssh_config *config)
{
    int result = ssh_config_open(config);

    return result < 0 ? result : use_preset(config, presets[0], 0);
}

int sessile_ssh_config_use_hardened(sessile_ssh_config *config)
{
    int result = ssh_config_open(config);

    return result < 0 ? result : use_preset(config, presets[1], 0);
}

int sessile_ssh_config_insecure_compatible(sessile_ssh_config *config)
{
    int result = sessile_ssh_config_use_default(config);

    return result < 0 ? result : use_preset(config, presets[2], 1);
}
