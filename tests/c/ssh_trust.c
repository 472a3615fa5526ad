/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and certificates for tests of trust files. */
#include "ssh_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/writer.h"
#include "harness.h"

#define KEYS_MAX 32

static struct made {
    char name[32];
    sessile_key *key;
    char *line;
} made[KEYS_MAX];

static void must(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "ssh_trust.c: %s: %s\n", what, sessile_error_name(result));
    abort();
}

static void make(struct made *m, const char *name)
{
    const char *type = strncmp(name, "ecdsa", 5) == 0 ? "ecdsa-sha2-nistp256"
                       : strncmp(name, "rsa", 3) == 0 ? "ssh-rsa"
                                                      : "ssh-ed25519";
    char line[2048];
    int size;

    snprintf(m->name, sizeof m->name, "%s", name);
    must(sessile_key_generate(type, strcmp(type, "ssh-rsa") == 0 ? 2048 : 0, NULL, &m->key), name);
    size = sessile_key_write_public(m->key, SESSILE_KEY_LINE, line, sizeof line - 1);
    must(size, "line");
    line[size] = 0;
    m->line = need_memory(strdup(line));
    m->line[strcspn(m->line, "\n")] = 0;
    if (m->line[strlen(m->line) - 1] == ' ')
        m->line[strlen(m->line) - 1] = 0;
}

static struct made *find(const char *name)
{
    size_t i = 0;

    while (i < KEYS_MAX && made[i].key && strcmp(made[i].name, name) != 0)
        i++;
    if (i == KEYS_MAX)
        abort();
    if (!made[i].key)
        make(&made[i], name);
    return &made[i];
}

sessile_key *trust_key(const char *name)
{
    return find(name)->key;
}

const char *trust_line(const char *name)
{
    return find(name)->line;
}

void trust_free(void)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        sessile_key_free(made[i].key);
        free(made[i].line);
        memset(&made[i], 0, sizeof made[i]);
    }
}

static void put_option(struct writer *w, const char *name, const char *value)
{
    size_t data;

    put_text32(w, name);
    data = put_begin32(w);
    if (value)
        put_text32(w, value);
    put_end32(w, data);
}

sessile_key *trust_certificate(const char *key, const char *authority, struct trust_terms terms)
{
    const char *principal = terms.principal ? terms.principal : "alice";
    struct writer critical = {0};
    struct writer extensions = {0};
    sessile_key *certificate;

    if (terms.command)
        put_option(&critical, "force-command", terms.command);
    if (terms.address)
        put_option(&critical, "source-address", terms.address);
    if (terms.verify)
        put_option(&critical, "verify-required", NULL);
    for (size_t i = 0; i < 8 && terms.extensions[i]; i++)
        put_option(&extensions, terms.extensions[i], NULL);
    must(sessile_certificate_sign(trust_key(key), trust_key(authority), NULL,
                                  terms.kind ? terms.kind : SESSILE_CERTIFICATE_USER, terms.serial ? terms.serial : 1,
                                  terms.id ? terms.id : "id", &principal, terms.nobody ? 0 : 1, 0,
                                  terms.before ? terms.before : UINT64_MAX, critical.data, critical.size,
                                  extensions.data, extensions.size, &certificate),
         "certificate");
    writer_free(&critical);
    writer_free(&extensions);
    return certificate;
}

char *trust_text(const char *text)
{
    char name[32];
    char *result;
    size_t size = 0;
    char *at;

    result = need_memory(malloc(65536));
    for (; *text; text++) {
        if (*text != '{') {
            result[size++] = *text;
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text + 1, "}"), text + 1);
        at = result + size;
        size += (size_t)snprintf(at, 65536 - size, "%s", trust_line(name));
        text += strcspn(text, "}");
    }
    result[size] = 0;
    return result;
}

uint8_t *trust_mutate(const void *data, size_t *size, uint32_t *state)
{
    uint8_t *copy = need_memory(malloc(*size * 2 + 1));
    size_t changes = random_next(state) % 8 + 1;
    size_t from;

    memcpy(copy, data, *size);
    for (size_t i = 0; i < changes && *size; i++)
        copy[random_next(state) % *size] = (uint8_t)(random_next(state) >> (random_next(state) % 24));
    if (random_next(state) % 4 == 0)
        *size = random_next(state) % (*size + 1);
    if (random_next(state) % 8 == 0) {
        from = random_next(state) % (*size + 1);
        memcpy(copy + *size, copy + from, *size - from);
        *size += *size - from;
    }
    return copy;
}
