/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH config: filled by setters, sealed by its first use, then only read, by any number of threads.
 */
#ifndef SSH_CONFIG_H
#define SSH_CONFIG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/crypto.h>

#include <sessile/ssh.h>

#define SSH_LISTS 8 /* indexed by SESSILE_SSH_KEX ... SESSILE_SSH_CA_SIGNATURES */
#define SSH_HOST_KEYS_MAX 16
#define SSH_USER_KEYS_MAX 64
#define SSH_TEXT_SIZE 320
#define SSH_SOFTWARE_MAX 100
#define SSH_BANNER_MAX 16384
#define SSH_MODULI_MAX 4194304
#define SSH_LIMITS 5

struct sessile_ssh_config {
    atomic_size_t refs;
    int role;
    atomic_int sealed;
    CRYPTO_RWLOCK *lock; /* around sealing, so that two threads may be the first */
    char *lists[SSH_LISTS];
    char *host_key_offer; /* server: the host key algorithms that its keys can do, made when sealed */
    char *software;
    int require_strict;
    uint64_t rekey_bytes;
    uint64_t rekey_packets;
    int group_minimum;
    int group_preferred;
    int group_maximum;
    char *moduli;
    size_t moduli_size;
    sessile_key *host_keys[SSH_HOST_KEYS_MAX];
    size_t host_key_count;
    char *banner;
    size_t banner_size;
    char *auth_methods;
    int auth_tries;
    int no_touch;
    int user_verification;
    sessile_known_hosts *known_hosts;
    int any_host_key;
    sessile_key *user_keys[SSH_USER_KEYS_MAX];
    size_t user_key_count;
    int ask_new_host_keys;
    sessile_krl *krl;
    uint64_t limits[SSH_LIMITS];
    int keylog;
    char text[SSH_TEXT_SIZE];
    /* Goes before text where it is not NULL. A sealed config belongs to many threads: only this is set then. */
    _Atomic(const char *) note;
};

sessile_ssh_config *ssh_config_keep(sessile_ssh_config *config);
/* Seal for a role; thread-safe. 0 or an error with the text set. */
int ssh_config_seal(sessile_ssh_config *config, int role);
/* Begin a setter: ERR_ARGUMENT for NULL, ERR_MISUSE where sealed; clears the text. */
int ssh_config_open(sessile_ssh_config *config);
/* Fail a setter: format the text, return code. */
int ssh_config_fail(sessile_ssh_config *config, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The server's key for a host key algorithm, or NULL. */
sessile_key *ssh_config_host_key(const sessile_ssh_config *config, const char *algorithm, size_t size);

#endif
