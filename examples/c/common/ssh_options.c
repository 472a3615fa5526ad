/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that become an SSH config.
 */
#include "common/ssh_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "common/util.h"

int ssh_option(struct ssh_options *options, int option, const char *argument)
{
    if (option > SSH_OPTION_LISTS && option <= SSH_OPTION_LISTS + SESSILE_SSH_CA_SIGNATURES) {
        options->lists[option - SSH_OPTION_LISTS] = argument;
        return 1;
    }
    switch (option) {
    case SSH_OPTION_PRESET:
        options->preset = argument;
        return 1;
    case SSH_OPTION_REKEY:
        options->rekey_bytes = number_parse("--rekey-bytes", argument, 1, 1UL << 40);
        return 1;
    case SSH_OPTION_KEYLOG:
        options->keylog = argument;
        return 1;
    case 'v':
        options->verbose++;
        return 1;
    default:
        return 0;
    }
}

void ssh_config_need(int result, sessile_ssh_config *config, const char *option, const char *argument)
{
    if (result < 0) {
        const char *text = sessile_ssh_config_error_text(config);
        die("%s %s: %s", option, argument, *text != 0 ? text : sessile_error_describe(result));
    }
}

static void apply_preset(const char *preset, sessile_ssh_config *config)
{
    static const struct {
        const char *name;
        int (*use)(sessile_ssh_config *config);
    } presets[] = {
        {"default", sessile_ssh_config_use_default},
        {"hardened", sessile_ssh_config_use_hardened},
        {"compatible", sessile_ssh_config_insecure_compatible},
    };
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(preset, presets[i].name) == 0) {
            ssh_config_need(presets[i].use(config), config, "--preset", preset);
            return;
        }
    }
    die("--preset %s: default, hardened or compatible is expected", preset);
}

void ssh_options_apply(const struct ssh_options *options, sessile_ssh_config *config)
{
    static const struct option names[] = {SSH_LONG_OPTIONS};
    char option[64];
    if (options->preset != NULL) {
        apply_preset(options->preset, config);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int kind = names[i].val - SSH_OPTION_LISTS;
        const char *list = kind > 0 && kind <= SESSILE_SSH_CA_SIGNATURES ? options->lists[kind] : NULL;
        if (list != NULL) {
            snprintf(option, sizeof option, "--%s", names[i].name);
            ssh_config_need(sessile_ssh_config_set_algorithms(config, kind, list), config, option, list);
        }
    }
    if (options->rekey_bytes > 0) {
        ssh_config_need(sessile_ssh_config_set_rekey(config, options->rekey_bytes, 0), config, "--rekey-bytes", "");
    }
    if (options->keylog != NULL) {
        sessile_ssh_config_insecure_keylog(config, 1);
    }
}

/* ---- sessions ---- */

static void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase,
                     void *app)
{
    (void)session;
    (void)app;
    fprintf(stderr, "  %s %s, %zu bytes (%s)\n", direction != 0 ? "sent" : "got ", message, size, phase);
}

void ssh_session_prepare(const struct ssh_options *options, sessile_session *session)
{
    sessile_session_set_time(session, (int64_t)time(NULL));
    if (options->verbose > 1) {
        sessile_session_set_trace(session, on_trace, NULL);
    }
}

void ssh_facts(FILE *file, sessile_session *session)
{
    static const struct {
        const char *name;
        int info;
    } facts[] = {
        {"peer", SESSILE_SSH_INFO_PEER},
        {"kex", SESSILE_SSH_INFO_KEX},
        {"host-key", SESSILE_SSH_INFO_HOST_KEY},
        {"cipher-out", SESSILE_SSH_INFO_CIPHER_OUT},
        {"cipher-in", SESSILE_SSH_INFO_CIPHER_IN},
        {"mac-out", SESSILE_SSH_INFO_MAC_OUT},
        {"mac-in", SESSILE_SSH_INFO_MAC_IN},
        {"compression-out", SESSILE_SSH_INFO_COMPRESSION_OUT},
        {"compression-in", SESSILE_SSH_INFO_COMPRESSION_IN},
        {"strict", SESSILE_SSH_INFO_STRICT},
        {"user", SESSILE_SSH_INFO_USER},
        {"methods", SESSILE_SSH_INFO_METHODS},
    };
    fprintf(file, "%s:", program_name);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        const char *value = sessile_ssh_info(session, facts[i].info);
        fprintf(file, " %s=", facts[i].name);
        print_escaped(file, value, strlen(value));
    }
    fputc('\n', file);
}

/* ---- keys ---- */

sessile_key *ssh_key_load(const char *path, const char *passphrase, int *passphrase_needed)
{
    char error[256] = "";
    size_t size;
    sessile_key *key = NULL;
    char *text = (char *)file_load(path, &size);
    int r = sessile_key_read(text, size, passphrase, passphrase == NULL ? 0 : strlen(passphrase), &key, error,
                             sizeof error);
    explicit_bzero(text, size);
    free(text);
    *passphrase_needed = r == SESSILE_ERR_PASSPHRASE;
    if (r < 0 && !*passphrase_needed) {
        die("%s: %s", path, error[0] != 0 ? error : sessile_error_describe(r));
    }
    return key;
}

sessile_key *ssh_public_key_load(const char *path)
{
    char error[256] = "";
    size_t size;
    sessile_key *key = NULL;
    if (access(path, F_OK) != 0) {
        return NULL;
    }
    char *text = (char *)file_load(path, &size);
    int r = sessile_key_read_public(text, size, &key, error, sizeof error);
    free(text);
    if (r < 0) {
        die("%s: %s", path, error[0] != 0 ? error : sessile_error_describe(r));
    }
    return key;
}

/* ---- text ---- */

void print_escaped(FILE *file, const void *data, size_t size)
{
    const char *text = data;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    while (size > 0) {
        wchar_t character = 0;
        size_t n = mbrtowc(&character, text, size, &state);
        if (n != 0 && n <= size && (iswprint((wint_t)character) || *text == '\n' || *text == '\t')) {
            fwrite(text, 1, n, file);
        } else {
            n = 1;
            memset(&state, 0, sizeof state);
            fprintf(file, "\\x%02x", (unsigned)(unsigned char)*text);
        }
        text += n;
        size -= n;
    }
}
