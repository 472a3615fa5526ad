/* SPDX-License-Identifier: Apache-2.0
 *
 * What ssh_pair.c and ssh_peer.c know of each other.
 */
#ifndef TESTS_SSH_PEER_H
#define TESTS_SSH_PEER_H

#include "ssh_pair.h"

/* Callbacks whose app is a struct ssh_peer. NULL: no memory. */
sessile_callbacks *ssh_peer_callbacks(void);
int ssh_peer_hook(struct ssh_peer *peer, enum ssh_event event);

#endif
