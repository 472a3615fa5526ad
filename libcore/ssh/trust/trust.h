/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust, for the SSH engine and for the files of this folder. The public header says what the files mean; what is here
 * is how they are kept.
 */
#ifndef SSH_TRUST_TRUST_H
#define SSH_TRUST_TRUST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <sessile/error.h>
#include <sessile/trust.h>

#include "ssh/key/key.h"
#include "ssh/trust/options.h"
#include "ssh/trust/text.h"

/* ---- known_hosts ---- */

#define KNOWN_HOSTS_FILES 64

#define HOST_MARK_NONE 0
#define HOST_MARK_AUTHORITY 1
#define HOST_MARK_REVOKED 2

struct known_host {
    const struct key_type *type;
    int mark;
    size_t line;
    struct span hosts;   /* patterns, or "|1|salt|hash"; in the same block */
    const uint8_t *blob; /* in the same block */
    size_t blob_size;
};

struct sessile_known_hosts {
    atomic_size_t refs;
    sessile_known_hosts *before; /* held */
    size_t number;               /* of this file, from 1 */
    struct known_host **list;
    size_t count;
    size_t capacity;
    struct bad_lines *bad;
};

/* What a look-up found. */
struct host_found {
    int status; /* SESSILE_HOST_* */
    size_t file;
    size_t line;
};
/* As sessile_known_hosts_check(). 0, ERR_ARGUMENT, ERR_MEMORY or ERR_CRYPTO: then status is UNKNOWN. */
int known_hosts_check(const sessile_known_hosts *known_hosts, const char *host, int port, sessile_key *key, int64_t now,
                      struct host_found *found, struct key_error *error);

/* A host and a port as they stand in a file, in small letters: PATTERN_NAME_MAX + 1 bytes. 0 or ERR_ARGUMENT. */
int host_name_make(const char *host, int port, char *name);
/* "|1|salt|hash" of a name with 20 bytes of salt. 0, ERR_MEMORY or ERR_CRYPTO. */
#define HOST_HASH_SIZE 20
int host_name_hash(const uint8_t *salt, struct span name, uint8_t hash[HOST_HASH_SIZE]);

/* ---- authorized_keys and principals ---- */

/* One line: a key or a name, and what its bearer may do. */
struct authorized {
    size_t line;
    unsigned bare : 1; /* without options */
    uint8_t *blob;     /* the key's; NULL: a name */
    size_t blob_size;
    char *name;
    struct options options;
};

struct authorized_list {
    struct authorized *list;
    size_t count;
    size_t capacity;
    int zone; /* seconds east of UTC */
    struct bad_lines *bad;
};
/* Room for one more, zeroed and not counted yet; NULL where there is no memory. */
struct authorized *authorized_next(struct authorized_list *list);
void authorized_free(struct authorized *authorized);
void authorized_list_free(struct authorized_list *list);

struct sessile_authorized_keys {
    atomic_size_t refs;
    struct authorized_list lines;
};

struct sessile_principals {
    atomic_size_t refs;
    struct authorized_list lines;
};

/* Who asks. */
struct applicant {
    sessile_key *key;
    const char *user;
    const char *address; /* or NULL */
    const char *host;    /* or NULL */
    int64_t now;
};

struct sessile_grant {
    atomic_size_t refs;
    sessile_authorized_keys *keys; /* one of these holds options; both NULL where there are none */
    sessile_principals *principals;
    const struct options *options;
    size_t line;
    char *command; /* the certificate's */
    unsigned allows;
    unsigned no_touch : 1;
    unsigned verify : 1;
};

/* Whether what a line demands is met but for its key. 0, or ERR_VERIFY with why filled. */
int applicant_meets(const struct applicant *applicant, const struct options *options, struct line_error *why);
/* Check the certificate, for principal (NULL: any), and merge its options with the line's. *grant: zeroed before.
 * 0, ERR_VERIFY with why filled, ERR_MEMORY. */
int grant_merge_certificate(sessile_grant *grant, const struct applicant *applicant, const char *principal,
                            struct line_error *why);
/* A grant of a line's options. NULL: no memory. */
sessile_grant *grant_new(const struct options *options, size_t line);

#endif
