/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: a packet of the peer's becomes a payload. It is decrypted from where the caller has it to the stack, or to
 * scratch where it is large; nothing of it is kept while it is not complete, but for the first block where its length
 * is encrypted in it.
 *
 * A length that cannot be and a tag that is wrong are the same error, in the same words: whoever tampers with packets
 * learns nothing from which it was. Lengths are checked as soon as they are there, and before they are told to anybody.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "session/memory.h"
#include "ssh/ssh.h"
#include "ssh/transport/packet.h"

/* The padding's length, one byte of payload, and the padding. */
#define LENGTH_MIN (1 + 1 + PADDING_MIN)
/* Scratch comes in multiples of this. */
#define SCRATCH_UNIT 4096

static int open_corrupt(struct ssh *ssh)
{
    ERR_clear_error();
    return ssh_fail(ssh, DISCONNECT_MAC_ERROR, SESSILE_ERR_PROTOCOL, "packet %lu: bad length or authentication",
                    (unsigned long)ssh->transport.in.sequence);
}

/* ---- the length ---- */

/* The smallest packet there is. */
static size_t open_least(const struct direction *d)
{
    size_t least = packet_counted(d) + LENGTH_MIN;

    least += packet_block(d) - 1;
    return LENGTH_SIZE - packet_counted(d) + least - least % packet_block(d) + packet_tag(d);
}

void packet_need(struct ssh *ssh)
{
    session_need(ssh->session, open_least(&ssh->transport.in));
}

/* How many bytes the length is learned from. */
static size_t open_first(const struct direction *d)
{
    return protection_of(d) == PROTECTION_EAM ? d->cipher->block_size : LENGTH_SIZE;
}

static uint32_t number_of(const uint8_t *data)
{
    struct reader r = reader_of(data, LENGTH_SIZE);

    return get_u32(&r);
}

static int decrypt_length(struct direction *d, const uint8_t *data)
{
    const struct cipher_functions *cipher = d->cipher->functions;
    int result;

    if (d->mac)
        result = cipher->crypt(d->cipher_state, data, d->cipher->block_size, d->first);
    else
        result = cipher->length(d->cipher_state, d->sequence, data, d->first);
    d->remembered = number_of(d->first);
    return result;
}

static int length_is_hidden(const struct direction *d)
{
    return protection_of(d) == PROTECTION_EAM || (protection_of(d) == PROTECTION_AEAD && d->cipher->functions->length);
}

static int length_fits(const struct direction *d, uint32_t length)
{
    return length >= LENGTH_MIN && length <= PACKET_MAX - LENGTH_SIZE - packet_tag(d) &&
           (packet_counted(d) + length) % packet_block(d) == 0;
}

/* *length of a packet whose first bytes are here. 0 or a negative code. */
static int open_length(struct ssh *ssh, const uint8_t *data, uint32_t *length)
{
    struct direction *d = &ssh->transport.in;

    if (!length_is_hidden(d))
        *length = number_of(data);
    else if (!d->remembered && decrypt_length(d, data) < 0)
        return packet_failed(ssh, SESSILE_ERR_CRYPTO, "to decrypt a length");
    else
        *length = d->remembered;
    if (length_fits(d, *length))
        return SESSILE_OK;
    if (d->cipher)
        return open_corrupt(ssh);
    return ssh_protocol(ssh,
                        "packet %lu, in the clear: packet_length is %lu, and must be 4 less than a multiple of %zu, "
                        "at least %d and at most %d",
                        (unsigned long)d->sequence, (unsigned long)*length, packet_block(d), LENGTH_MIN,
                        PACKET_MAX - LENGTH_SIZE);
}

/* ---- the four protections: ERR_VERIFY where the tag is wrong ---- */

static int check_tag(struct direction *d, const uint8_t *data, size_t size, const uint8_t *tag)
{
    const struct span span = {data, size};
    uint8_t sum[TAG_MAX];
    int result = mac_sum(d->mac_state, d->sequence, &span, 1, sum);

    if (result == SESSILE_OK && CRYPTO_memcmp(sum, tag, d->mac->tag_size) != 0)
        result = SESSILE_ERR_VERIFY;
    return result;
}

static int open_aead(struct direction *d, const uint8_t *packet, size_t length, uint8_t *out)
{
    return d->cipher->functions->open(d->cipher_state, d->sequence, packet, length, out);
}

static int open_etm(struct direction *d, const uint8_t *packet, size_t length, uint8_t *out)
{
    int result = check_tag(d, packet, LENGTH_SIZE + length, packet + LENGTH_SIZE + length);

    if (result == SESSILE_OK)
        result = d->cipher->functions->crypt(d->cipher_state, packet + LENGTH_SIZE, length, out);
    return result;
}

/* out: with room for the length field in front. */
static int open_eam(struct direction *d, const uint8_t *packet, size_t length, uint8_t *out)
{
    size_t first = d->cipher->block_size;
    size_t size = LENGTH_SIZE + length;
    uint8_t *plain = out - LENGTH_SIZE;
    int result;

    memcpy(plain, d->first, first);
    result = d->cipher->functions->crypt(d->cipher_state, packet + first, size - first, plain + first);
    return result < 0 ? result : check_tag(d, plain, size, packet + size);
}

static int (*const openers[])(struct direction *, const uint8_t *, size_t, uint8_t *) = {
    [PROTECTION_AEAD] = open_aead,
    [PROTECTION_ETM] = open_etm,
    [PROTECTION_EAM] = open_eam,
};

/* ---- the payload ---- */

static uint8_t *scratch_room(struct transport *t, size_t size)
{
    if (size > t->scratch_size) {
        mem_wipe_free(t->scratch, t->scratch_used);
        t->scratch_size = (size + SCRATCH_UNIT - 1) / SCRATCH_UNIT * SCRATCH_UNIT;
        t->scratch_used = 0;
        t->scratch = mem_alloc(t->scratch_size);
    }
    if (!t->scratch)
        t->scratch_size = 0;
    else if (size > t->scratch_used)
        t->scratch_used = size;
    return t->scratch;
}

static uint8_t *open_room(struct ssh *ssh, struct opened *opened, size_t size)
{
    if (size > sizeof opened->small)
        return scratch_room(&ssh->transport, size);
    opened->used = size;
    return opened->small;
}

/* Decrypt what follows the length field: *body. */
static int open_body(struct ssh *ssh, const uint8_t *packet, size_t length, struct opened *opened, const uint8_t **body)
{
    struct direction *d = &ssh->transport.in;
    uint8_t *room;
    int result;

    if (protection_of(d) == PROTECTION_NONE) {
        *body = packet + LENGTH_SIZE;
        return SESSILE_OK;
    }
    if (!(room = open_room(ssh, opened, LENGTH_SIZE + length)))
        return packet_failed(ssh, SESSILE_ERR_MEMORY, "to open a packet");
    *body = room + LENGTH_SIZE;
    result = openers[protection_of(d)](d, packet, length, room + LENGTH_SIZE);
    if (result == SESSILE_ERR_VERIFY)
        return open_corrupt(ssh);
    return result < 0 ? packet_failed(ssh, result, "to open a packet") : SESSILE_OK;
}

/* The payload in what follows the length field. */
static int open_payload(struct ssh *ssh, const uint8_t *body, size_t length, struct opened *opened)
{
    struct reader r = reader_of(body, length);
    size_t padding = get_u8(&r);

    if (padding < PADDING_MIN || padding >= r.left)
        return ssh_protocol(ssh,
                            "packet %lu of %zu bytes has %zu bytes of padding, and must have %d or more, and a payload",
                            (unsigned long)(ssh->transport.in.sequence - 1), length, padding, PADDING_MIN);
    opened->size = r.left - padding;
    opened->payload = get_bytes(&r, opened->size);
    return SESSILE_OK;
}

static int inflate_payload(struct ssh *ssh, struct opened *opened)
{
    struct transport *t = &ssh->transport;
    size_t size = 0;
    int result;

    if (!t->inflated && !(t->inflated = mem_alloc(PACKET_MAX)))
        return packet_failed(ssh, SESSILE_ERR_MEMORY, "to decompress a packet");
    result = zip_inflate(t->in.zip, opened->payload, opened->size, t->inflated, PACKET_MAX, &size);
    if (size > t->inflated_used)
        t->inflated_used = size;
    if (result == SESSILE_ERR_MEMORY)
        return packet_failed(ssh, result, "to decompress a packet");
    if (result < 0 || size == 0)
        return ssh_fail(ssh, DISCONNECT_COMPRESSION_ERROR, result < 0 ? result : SESSILE_ERR_PROTOCOL,
                        "packet %lu: its payload of %zu bytes %s", (unsigned long)(t->in.sequence - 1), opened->size,
                        result == SESSILE_ERR_LIMIT ? "decompresses to too much"
                        : result < 0                ? "is no compressed data"
                                                    : "decompresses to nothing");
    opened->payload = t->inflated;
    opened->size = size;
    return SESSILE_OK;
}

/* ---- the packet ---- */

static int open_complete(struct ssh *ssh, const uint8_t *data, uint32_t length, struct opened *opened)
{
    struct direction *d = &ssh->transport.in;
    const uint8_t *body = NULL;
    int result = open_body(ssh, data, length, opened, &body);

    if (result < 0)
        return result;
    if (d->remembered) {
        mem_wipe(d->first, sizeof d->first);
        d->remembered = 0;
    }
    if ((result = packet_count(ssh, DIRECTION_IN, LENGTH_SIZE + length)) < 0 ||
        (result = open_payload(ssh, body, length, opened)) < 0)
        return result;
    return d->zip ? inflate_payload(ssh, opened) : SESSILE_OK;
}

int packet_open(struct ssh *ssh, const uint8_t *data, size_t size, struct opened *opened)
{
    struct direction *d = &ssh->transport.in;
    size_t total;
    uint32_t length = 0;
    int result;

    opened->payload = NULL;
    opened->size = opened->used = 0;
    if (size < open_first(d)) {
        packet_need(ssh);
        return 0;
    }
    if ((result = packet_may(ssh, DIRECTION_IN)) < 0 || (result = open_length(ssh, data, &length)) < 0)
        return result;
    total = LENGTH_SIZE + length + packet_tag(d);
    if (size < total) {
        session_need(ssh->session, total);
        return 0;
    }
    result = open_complete(ssh, data, length, opened);
    return result < 0 ? result : (int)total;
}

void opened_done(struct opened *opened)
{
    mem_wipe(opened->small, opened->used);
}

int packet_unit(struct ssh *ssh, const uint8_t *data, size_t size)
{
    struct opened opened;
    int taken = packet_open(ssh, data, size, &opened);
    int result = taken > 0 ? message_dispatch(ssh, opened.payload, opened.size) : SESSILE_OK;

    opened_done(&opened);
    if (result < 0)
        return result;
    if (taken > 0)
        packet_need(ssh);
    return taken;
}
