/* SPDX-License-Identifier: Apache-2.0
 *
 * Two SSH sessions in memory, in one thread, authenticated by an Ed25519 key (or by nothing), under an Ed25519 host
 * key. While they shake hands, what one sends waits for the other; then each send is the other's receive, with no queue
 * and no copy between them.
 */
#ifndef BENCH_SSH_ENDS_H
#define BENCH_SSH_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#include "ways.h"

struct ssh_setup {
    sessile_ssh_config *configs[2];
    sessile_callbacks *callbacks;
};

struct ssh_end {
    sessile_session *session;
    sessile_stream *stream;
    struct ssh_end *peer;
    struct flight wire; /* to this end, while it is not direct */
    size_t taken;
    uint64_t received;
    int direct;
    int ready;
    int echo;
};

struct ssh_ends {
    struct ssh_end ends[2];
};

/* Each NULL: the library's default, or none. */
struct ssh_choice {
    const char *kex;
    const char *cipher;
    const char *mac;
    int no_key; /* the user is let in by the method none */
};
void ssh_setup_make(struct ssh_setup *setup, const struct ssh_choice *choice);
void ssh_setup_free(struct ssh_setup *setup);

/* Begin both; nothing has been taken yet. */
void ssh_ends_begin(struct ssh_ends *ends, const struct ssh_setup *setup);
/* Hand over what waits for one end. 0: nothing does. */
int ssh_ends_take(struct ssh_end *end);
/* Begin, and shake hands until both are ready and direct. */
void ssh_ends_open(struct ssh_ends *ends, const struct ssh_setup *setup);
/* A session channel that runs a command: each end has its stream then. */
void ssh_ends_channel(struct ssh_ends *ends);
/* Close that channel, both ways. */
void ssh_ends_channel_close(struct ssh_ends *ends);
/* Write from one end; the other has got all of it when this returns. */
void ssh_ends_push(struct ssh_ends *ends, int end, const void *data, size_t size);
void ssh_end_close(struct ssh_end *end);
void ssh_ends_close(struct ssh_ends *ends);

#endif
