/* SPDX-License-Identifier: Apache-2.0
 *
 * What the SSH targets share: keys made once, in the same way in every process; configs by number; and answers to every
 * kind of question.
 */
#ifndef FUZZ_SSH_SETUP_H
#define FUZZ_SSH_SETUP_H

#include "support.h"

enum { SSH_KEY_HOST, SSH_KEY_HOST_P256, SSH_KEY_USER, SSH_KEY_USER_P256, SSH_KEY_AUTHORITY, SSH_KEYS };

/* fuzz_begin(), and the keys: randomness stands where it does after fuzz_begin() alone. */
void ssh_fuzz_begin(void);
/* Host and user keys have a certificate by the authority. Borrowed. */
sessile_key *ssh_fuzz_key(unsigned index);

/* Bits of a config's number. The first three: how packets are protected. */
#define SSH_SETUP_SUITE 0x07u
#define SSH_SETUP_TRUST 0x08u /* a client has known hosts and a revocation list; a server has its certificate only */
/* A client has user keys, of which one only others can sign with; a server two host keys, one so unless SETUP_KEX. */
#define SSH_SETUP_KEYS 0x10u
#define SSH_SETUP_SMALL 0x20u   /* small windows, few channels, new keys every 64 packets; nobody tells the time */
#define SSH_SETUP_METHODS 0x40u /* a client asks for new host keys; a server wants two methods, and has a banner */
#define SSH_SETUP_KEX 0x80u     /* every key exchange there is, but for the slow ones */
sessile_ssh_config *ssh_setup(int role, unsigned number);

/* What a session may hold between calls before its user is authenticated. */
#define SSH_EARLY_MOST ((size_t)64 * 1024)

#define SSH_FUZZ_HOST "a.test"
#define SSH_FUZZ_USER "alice"
#define SSH_FUZZ_TIME 1700000000

/* Put with the answer what the question asks for, and accept. how: chooses among what can be given. */
int ssh_fuzz_accept(sessile_question *question, unsigned how);
/* Read every item that there can be. */
void ssh_fuzz_read(sessile_question *question);

#endif
