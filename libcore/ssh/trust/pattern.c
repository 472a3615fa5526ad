/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching with * and ?. Only the last * is ever gone back to: what an earlier one took cannot help a later one, so
 * there is no recursion and nothing to blow up. */
#include "ssh/trust/pattern.h"

#include <stdio.h>
#include <string.h>

#include "ssh/key/address.h"

static int same_char(char pattern, char text, int nocase)
{
    return pattern == '?' || pattern == text || (nocase && ascii_lower(pattern) == ascii_lower(text));
}

int pattern_match(struct span pattern, struct span text, int nocase)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* where the last * stands, and what of the text it does not cover yet */
    size_t star_text = 0;

    if (pattern.size > PATTERN_MAX)
        return 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.at[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size && same_char(pattern.at[p], text.at[t], nocase)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_text;
        } else
            return 0;
    }
    while (p < pattern.size && pattern.at[p] == '*')
        p++;
    return p == pattern.size;
}

int pattern_list_match(struct span list, struct span text)
{
    int result = PATTERN_NONE;
    struct span one;
    int negated;

    while (list.size) {
        one = span_take(&list, ',');
        negated = span_skip(&one, "!");
        /* What is not excluded for being too long would be let in. */
        if (negated && (one.size > PATTERN_MAX || pattern_match(one, text, 1)))
            return PATTERN_NEGATED;
        if (!negated && one.size && pattern_match(one, text, 1))
            result = PATTERN_MATCH;
    }
    return result;
}

/* ---- peers ---- */

/* An address as it is written: IPv4 that came in IPv6 is looked for by its own name. */
struct peer {
    struct address address;
    struct span text;
    char dotted[16];
};

static int peer_read(struct peer *peer, const char *address)
{
    struct span zone = span_of(address);

    peer->text = span_take(&zone, '%');
    if (address_read(&peer->address, address, strlen(address)) < 0)
        return -1;
    if (peer->address.bits == 32 && memchr(address, ':', peer->text.size)) {
        snprintf(peer->dotted, sizeof peer->dotted, "%u.%u.%u.%u", peer->address.bytes[0], peer->address.bytes[1],
                 peer->address.bytes[2], peer->address.bytes[3]);
        peer->text = span_of(peer->dotted);
    }
    return 0;
}

/* What is no block is a pattern; but no pattern of a host has a slash in it. */
static int peer_match_entry(const struct peer *peer, struct span entry)
{
    int in = entry.size ? address_in_block(&peer->address, entry.at, entry.size) : -1;

    if (in >= 0)
        return in;
    if (!entry.size || memchr(entry.at, '/', entry.size))
        return PATTERN_BAD;
    return pattern_match(entry, peer->text, 1);
}

static int peer_match_list(const struct peer *peer, struct span list)
{
    int result = PATTERN_NONE;
    struct span entry;
    int negated;
    int matched;

    do {
        entry = span_take(&list, ',');
        negated = span_skip(&entry, "!");
        matched = peer_match_entry(peer, entry);
        if (matched == PATTERN_BAD)
            return PATTERN_BAD;
        if (negated && (matched || entry.size > PATTERN_MAX)) /* what cannot be read may have meant this one */
            return PATTERN_NEGATED;
        if (matched)
            result = PATTERN_MATCH;
    } while (list.size);
    return result;
}

int pattern_peer_match(struct span list, const char *address, const char *host)
{
    struct peer peer;
    int by_address;
    int by_host;

    if (peer_read(&peer, address) < 0)
        return PATTERN_BAD;
    by_address = peer_match_list(&peer, list);
    if (by_address == PATTERN_BAD || by_address == PATTERN_NEGATED)
        return by_address;
    by_host = host ? pattern_list_match(list, span_of(host)) : PATTERN_NONE;
    return by_host == PATTERN_NONE ? by_address : by_host;
}
