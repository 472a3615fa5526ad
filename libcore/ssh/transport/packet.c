/* SPDX-License-Identifier: Apache-2.0
 *
 * The two directions of a session's packets: their keys, what the keys have been used for, and when there have to be
 * new ones (RFC 4253, section 9; RFC 4344, section 3). Sealing is in seal.c, opening in open.c. */
#include "ssh/transport/packet.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/ssh.h"

#define BLOCK_MIN 8

static struct direction *direction_of(struct ssh *ssh, int direction)
{
    return direction == DIRECTION_IN ? &ssh->transport.in : &ssh->transport.out;
}

enum protection protection_of(const struct direction *d)
{
    if (!d->cipher)
        return PROTECTION_NONE;
    if (!d->mac)
        return PROTECTION_AEAD;
    return d->mac->etm ? PROTECTION_ETM : PROTECTION_EAM;
}

size_t packet_block(const struct direction *d)
{
    return d->cipher ? d->cipher->block_size : BLOCK_MIN;
}

size_t packet_tag(const struct direction *d)
{
    return !d->cipher ? 0 : d->mac ? d->mac->tag_size : d->cipher->tag_size;
}

size_t packet_counted(const struct direction *d)
{
    return protection_of(d) == PROTECTION_NONE || protection_of(d) == PROTECTION_EAM ? LENGTH_SIZE : 0;
}

/* ---- keys ---- */

static void direction_release(struct direction *d)
{
    if (d->cipher)
        d->cipher->functions->release(d->cipher_state);
    mac_release(d->mac_state);
    zip_release(d->zip);
    OPENSSL_cleanse(d->first, sizeof d->first);
    d->cipher = NULL;
    d->cipher_state = NULL;
    d->mac = NULL;
    d->mac_state = NULL;
    d->compression = NULL;
    d->zip = NULL;
    d->remembered = 0;
}

static int direction_make(struct direction *d, int direction, const struct packet_material *material, int compress)
{
    int result = d->cipher->functions->make(&d->cipher_state, d->cipher, material, direction);

    if (result == SESSILE_OK && d->mac)
        result = mac_make(&d->mac_state, d->mac, material->mac_key);
    if (result == SESSILE_OK && compress)
        result = zip_make(&d->zip, direction);
    return result;
}

/* Whether libcrypto's complaint, which is dropped, is one about memory. */
static int crypto_code(int code)
{
    unsigned long error;

    while ((error = ERR_get_error()))
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            code = SESSILE_ERR_MEMORY;
    return code;
}

int packet_failed(struct ssh *ssh, int code, const char *doing)
{
    ssh->transport.disconnected = 1;
    code = crypto_code(code);
    return session_fail(ssh->session, code, code == SESSILE_ERR_MEMORY ? "no memory %s" : "libcrypto failed %s", doing);
}

int packet_use(struct ssh *ssh, int direction, const struct cipher *cipher, const struct mac *mac,
               const struct compression *compression, const struct packet_material *material)
{
    struct direction *d = direction_of(ssh, direction);
    int result;

    direction_release(d);
    d->cipher = cipher;
    d->mac = cipher->tag_size ? NULL : mac;
    d->compression = compression;
    d->packets = 0;
    d->bytes = 0;
    if (ssh->transport.strict)
        d->sequence = 0;
    result = direction_make(d, direction, material,
                            !compression->none && (!compression->delayed || ssh->transport.authenticated));
    return result < 0 ? packet_failed(ssh, result, "for new keys") : SESSILE_OK;
}

int packet_authenticated(struct ssh *ssh)
{
    ssh->transport.authenticated = 1;
    for (int direction = DIRECTION_IN; direction <= DIRECTION_OUT; direction++) {
        struct direction *d = direction_of(ssh, direction);

        if (d->compression && d->compression->delayed && !d->zip && zip_make(&d->zip, direction) < 0)
            return packet_failed(ssh, SESSILE_ERR_MEMORY, "for compression");
    }
    return SESSILE_OK;
}

/* ---- what keys may be used for ---- */

int packet_wants_rekey(const struct ssh *ssh, int direction)
{
    const struct direction *d = direction == DIRECTION_IN ? &ssh->transport.in : &ssh->transport.out;

    if (!d->cipher)
        return 0;
    return d->packets >= ssh->config->rekey_packets || d->bytes >= ssh->config->rekey_bytes ||
           (d->cipher->max_blocks && d->bytes >= d->cipher->max_blocks * d->cipher->block_size);
}

int packet_may(struct ssh *ssh, int direction)
{
    const struct direction *d = direction_of(ssh, direction);

    if (d->packets < PACKETS_MOST)
        return SESSILE_OK;
    ssh->transport.disconnected = 1;
    return session_fail(ssh->session, SESSILE_ERR_LIMIT, "%llu packets were %s with the same keys",
                        (unsigned long long)d->packets, direction == DIRECTION_IN ? "received" : "sent");
}

int packet_count(struct ssh *ssh, int direction, size_t size)
{
    struct direction *d = direction_of(ssh, direction);

    d->packets++;
    d->bytes += size;
    if (++d->sequence == 0 && !d->cipher) {
        ssh->transport.disconnected = 1;
        return session_fail(ssh->session, SESSILE_ERR_LIMIT,
                            "the sequence number of packets %s passed 2^32 before keys",
                            direction == DIRECTION_IN ? "received" : "sent");
    }
    if (!ssh->transport.kex && packet_wants_rekey(ssh, direction))
        ssh->transport.want_rekey = 1;
    return SESSILE_OK;
}

/* ---- memory ---- */

void packet_rest(struct ssh *ssh)
{
    struct transport *t = &ssh->transport;

    if (t->scratch) {
        mem_wipe_free(t->scratch, t->scratch_used);
        t->scratch = NULL;
        t->scratch_size = t->scratch_used = 0;
    }
    if (t->inflated) {
        mem_wipe_free(t->inflated, t->inflated_used);
        t->inflated = NULL;
        t->inflated_used = 0;
    }
}

void packet_free(struct ssh *ssh)
{
    packet_rest(ssh);
    direction_release(&ssh->transport.in);
    direction_release(&ssh->transport.out);
}
