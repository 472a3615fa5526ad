/* SPDX-License-Identifier: Apache-2.0
 *
 * One session from beginning to end, with something of everything in it: three steps of authentication, a command with
 * both its outputs, a forwarding and a channel that comes of it, requests without an answer, new keys in the midst of
 * it, and a clean end. Each step follows from what arrived, whatever portions it arrived in: so it can be told with the
 * wire cut anywhere, without memory, by a replay, in a thread, and under a filter of system calls.
 */
#ifndef TESTS_SSH_STORY_H
#define TESTS_SSH_STORY_H

#include "ssh_pair.h"

/* Configs for it; the caller's. cipher: may be NULL; "cipher mac" where the cipher takes one. */
sessile_ssh_config *ssh_story_server(const char *cipher);
sessile_ssh_config *ssh_story_client(const char *cipher);
/* ssh_pair_init() with the hooks that tell it. */
void ssh_story_init(struct ssh_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server);
/* The client's and the server's hook, for tests that have one of their own around it. */
int ssh_story_hook(struct ssh_peer *peer, enum ssh_event event);
/* What is wrong with it, now that it should be over; NULL: all is as it should be. */
const char *ssh_story_fault(const struct ssh_pair *pair);
/* Start, run, and check that it was told to its end. */
void ssh_story_tell(struct ssh_pair *pair);

#endif
