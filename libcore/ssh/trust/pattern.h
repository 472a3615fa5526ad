/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns as in ssh_config(5), PATTERNS: * stands for any number of characters, ? for one, and a list separated by
 * commas may have negated ones, with ! in front. One pattern costs at most its length times the text's, whatever it is.
 */
#ifndef SSH_TRUST_PATTERN_H
#define SSH_TRUST_PATTERN_H

#include "ssh/trust/text.h"

#define PATTERN_MATCH 1
#define PATTERN_NONE 0
#define PATTERN_NEGATED -1
/* The list itself is not usable. */
#define PATTERN_BAD -2

/* Longer patterns match nothing. */
#define PATTERN_MAX 1024
/* The longest name that is looked up: a host name, with brackets and a port. */
#define PATTERN_HOST_MAX 253
#define PATTERN_NAME_MAX (PATTERN_HOST_MAX + 8)

/* Whether the whole text matches; letters of any case match each other where nocase is not 0. */
int pattern_match(struct span pattern, struct span text, int nocase);
/* PATTERN_MATCH, _NONE or, where a negated pattern matches, _NEGATED. */
int pattern_list_match(struct span list, struct span text);
/* A peer against the list of from=: its address by block (CIDR) or pattern, its name, where there is one, by pattern.
 * Returns PATTERN_MATCH, _NONE, _NEGATED, or _BAD: an entry is empty, or is a block with bits set beyond its length, or
 * the address is none. */
int pattern_peer_match(struct span list, const char *address, const char *host);

#endif
