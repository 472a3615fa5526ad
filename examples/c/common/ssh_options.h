/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line options of an SSH config, for both roles, and what is told of a session.
 */
#ifndef COMMON_SSH_OPTIONS_H
#define COMMON_SSH_OPTIONS_H

#include <getopt.h>
#include <stdio.h>

#include <sessile/ssh.h>

struct ssh_options {
    const char *preset;
    const char *lists[SESSILE_SSH_CA_SIGNATURES + 1];
    unsigned long rekey_bytes;
    const char *keylog;
    int verbose;
};

enum {
    SSH_OPTION_PRESET = 1000,
    SSH_OPTION_REKEY,
    SSH_OPTION_KEYLOG,
    SSH_OPTION_LISTS = 1100 /* and the kind of the list */
};

/* Rows for getopt_long(). */
#define SSH_LONG_OPTIONS                                                                                               \
    {"preset", required_argument, NULL, SSH_OPTION_PRESET},                                                            \
        {"kex", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_KEX},                                          \
        {"host-key-algorithms", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_HOST_KEYS},                    \
        {"ciphers", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_CIPHERS},                                  \
        {"macs", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_MACS},                                        \
        {"compression", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_COMPRESSION},                          \
        {"user-key-algorithms", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_USER_KEYS},                    \
        {"ca-signatures", required_argument, NULL, SSH_OPTION_LISTS + SESSILE_SSH_CA_SIGNATURES},                      \
        {"rekey-bytes", required_argument, NULL, SSH_OPTION_REKEY},                                                    \
        {"keylog", required_argument, NULL, SSH_OPTION_KEYLOG},                                                        \
    {                                                                                                                  \
        "verbose", no_argument, NULL, 'v'                                                                              \
    }

#define SSH_HELP                                                                                                       \
    "  --preset NAME        default, hardened, or compatible (with what is insecure, for old peers)\n"                 \
    "  --kex LIST, --ciphers LIST, --macs LIST, --compression LIST, --host-key-algorithms LIST,\n"                     \
    "  --user-key-algorithms LIST, --ca-signatures LIST\n"                                                             \
    "                       names separated by commas; +LIST adds, -LIST removes, ^LIST puts first\n"                  \
    "  --rekey-bytes N      new keys after N bytes in one direction\n"                                                 \
    "  --keylog FILE        append the keys there, for Wireshark: whoever has them can read everything\n"              \
    "  -v, --verbose        tell what happened, on stderr; -vv: and every message\n"

/* Take one option that getopt_long() found. Returns 0 where it is none of these. Arguments are borrowed. */
int ssh_option(struct ssh_options *options, int option, const char *argument);
/* Set them; dies with what is wrong. */
void ssh_options_apply(const struct ssh_options *options, sessile_ssh_config *config);
/* Die where a setter failed. option: its name, and the argument it came from. */
void ssh_config_need(int result, sessile_ssh_config *config, const char *option, const char *argument);
/* Tell every message of a session's, where that was asked for; set its time. */
void ssh_session_prepare(const struct ssh_options *options, sessile_session *session);
/* One line of what was agreed on. */
void ssh_facts(FILE *file, sessile_session *session);
/* A private key from a file: dies where there is none. With a passphrase that is NULL for none. *passphrase_needed is
 * set where that is why; NULL is returned then. */
sessile_key *ssh_key_load(const char *path, const char *passphrase, int *passphrase_needed);
/* A public key or certificate from a file. NULL where there is no such file. */
sessile_key *ssh_public_key_load(const char *path);
/* What a peer says, for a terminal: nothing in it can be taken for a command. */
void print_escaped(FILE *file, const void *data, size_t size);

#endif
