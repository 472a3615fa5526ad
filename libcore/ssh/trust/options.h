/* SPDX-License-Identifier: Apache-2.0
 *
 * The options in front of a key in authorized_keys, or of a name in a principals file.
 */
#ifndef SSH_TRUST_OPTIONS_H
#define SSH_TRUST_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "ssh/trust/text.h"

#define OPTIONS_ENVIRONMENT_MAX 1024
#define OPTIONS_PERMITS_MAX 4096

/* SESSILE_GRANT_* as a bit. */
#define OPTIONS_BIT(what) (1u << (what))
#define OPTIONS_ALL                                                                                                    \
    (OPTIONS_BIT(SESSILE_GRANT_PTY) | OPTIONS_BIT(SESSILE_GRANT_PORT_FORWARDING) |                                     \
     OPTIONS_BIT(SESSILE_GRANT_AGENT_FORWARDING) | OPTIONS_BIT(SESSILE_GRANT_X11_FORWARDING) |                         \
     OPTIONS_BIT(SESSILE_GRANT_USER_RC))

/* A place that may be connected to or listened at. */
struct permit {
    char *host;
    int port; /* 0: any */
};

struct permits {
    struct permit *list;
    size_t count;
    size_t capacity;
};

struct options {
    unsigned allows; /* OPTIONS_BIT() */
    unsigned authority : 1;
    unsigned no_touch : 1;
    unsigned verify : 1;
    int64_t expires; /* seconds since 1970; 0: never */
    char *command;   /* NULL: none, as below */
    char *from;
    char *principals;
    char **environment;
    size_t environment_count;
    struct permits open;
    struct permits listen;
};

/* What a line without options allows. */
void options_init(struct options *options);
/* Read options separated by commas. zone: seconds east of UTC. 0, ERR_ARGUMENT with why filled, ERR_MEMORY. */
int options_read(struct options *options, struct span text, int zone, struct line_error *why);
void options_free(struct options *options);
/* YYYYMMDD[hhmm[ss]][Z]. 0, or -1 where it is no time. */
int options_time(struct span text, int zone, int64_t *seconds);

/* Whether a list of permits has a place; 1 where it is empty. Hosts to connect to are compared as they are, but for
 * "*"; hosts to listen at are patterns. */
int permits_open(const struct permits *permits, const char *host, int port);
int permits_listen(const struct permits *permits, const char *host, int port);

#endif
