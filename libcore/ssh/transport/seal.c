/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing: a payload becomes a packet in the outbox. Nothing is allocated but the outbox, and a body of any size is
 * encrypted from where it is: what comes before it is filled up to a block of the cipher's from its beginning, so that
 * the rest runs at full speed.
 *
 * Padding is zeros. Under a stream cipher or an AEAD it is as unreadable as random bytes, which cost more than the rest
 * of a small packet; in the clear it would hide nothing. */
#include <string.h>

#include "session/memory.h"
#include "ssh/ssh.h"
#include "ssh/transport/packet.h"

/* A smaller body is copied into its place, which is cheaper than two more calls of libcrypto's. */
#define COPY_MOST 4096
/* No cipher has larger blocks, and ChaCha20's are as large. */
#define ALIGN 64
/* What carries passwords comes in sizes that are multiples of this, so that a length tells little (RFC 4252, section
 * 8): a multiple of every cipher's block that padding can reach. */
#define SECRET_UNIT 240

/* ---- the four protections ---- */

static int crypt_all(struct direction *d, const struct sealing *s, size_t counted)
{
    int (*crypt)(void *, const uint8_t *, size_t, uint8_t *) = d->cipher->functions->crypt;
    uint8_t *lead = s->packet + LENGTH_SIZE - counted;
    uint8_t *bulk = s->packet + LENGTH_SIZE + s->lead;
    uint8_t *trail = bulk + s->bulk_size;
    int result = crypt(d->cipher_state, lead, counted + s->lead, lead);

    if (result == SESSILE_OK)
        result = crypt(d->cipher_state, s->bulk, s->bulk_size, bulk);
    if (result == SESSILE_OK)
        result = crypt(d->cipher_state, trail, s->trail, trail);
    return result;
}

static int put_tag(struct direction *d, const struct span *spans, size_t count, uint8_t *to)
{
    uint8_t tag[TAG_MAX];
    int result = mac_sum(d->mac_state, d->sequence, spans, count, tag);

    if (result == SESSILE_OK)
        memcpy(to, tag, d->mac->tag_size);
    return result;
}

static int seal_none(struct direction *d, const struct sealing *s)
{
    (void)d;
    if (s->bulk_size)
        memcpy(s->packet + LENGTH_SIZE + s->lead, s->bulk, s->bulk_size);
    return SESSILE_OK;
}

static int seal_aead(struct direction *d, const struct sealing *s)
{
    return d->cipher->functions->seal(d->cipher_state, d->sequence, s);
}

static int seal_etm(struct direction *d, const struct sealing *s)
{
    const struct span packet = {s->packet, LENGTH_SIZE + sealing_size(s)};
    int result = crypt_all(d, s, 0);

    return result < 0 ? result : put_tag(d, &packet, 1, s->packet + packet.size);
}

static int seal_eam(struct direction *d, const struct sealing *s)
{
    uint8_t *end = s->packet + LENGTH_SIZE + sealing_size(s);
    const struct span spans[] = {
        {s->packet, LENGTH_SIZE + s->lead}, {s->bulk, s->bulk_size}, {end - s->trail, s->trail}};
    int result = put_tag(d, spans, 3, end);

    return result < 0 ? result : crypt_all(d, s, LENGTH_SIZE);
}

static int (*const sealers[])(struct direction *, const struct sealing *) = {
    [PROTECTION_NONE] = seal_none,
    [PROTECTION_AEAD] = seal_aead,
    [PROTECTION_ETM] = seal_etm,
    [PROTECTION_EAM] = seal_eam,
};

/* ---- the packet ---- */

/* size: all but the padding. */
static size_t padding_for(const struct direction *d, size_t size, int number)
{
    int secret = d->cipher && (number == MSG_USERAUTH_REQUEST || number == MSG_USERAUTH_INFO_RESPONSE);
    size_t unit = secret ? SECRET_UNIT : packet_block(d);
    size_t padding = unit - (packet_counted(d) + size) % unit;

    return padding < PADDING_MIN ? padding + unit : padding;
}

/* Lay the packet out, with as little of body in it as needs to be. */
static struct sealing lay_out(const struct direction *d, uint8_t *packet, size_t padding, const struct span *head,
                              const struct span *body)
{
    static const uint8_t zeros[PADDING_MAX];
    size_t size = 1 + head->size + body->size + padding;
    size_t begin = (ALIGN - (packet_counted(d) + 1 + head->size) % ALIGN) % ALIGN;
    size_t bulk = body->size < COPY_MOST ? 0 : (body->size - begin) / ALIGN * ALIGN;
    struct writer w = writer_in(packet, LENGTH_SIZE + size);
    struct sealing s = {.packet = packet, .bulk_size = bulk};

    if (!bulk)
        begin = body->size;
    put_u32(&w, (uint32_t)size);
    put_u8(&w, (uint8_t)padding);
    put_bytes(&w, head->data, head->size);
    put_bytes(&w, body->data, begin);
    s.lead = bulk ? w.size - LENGTH_SIZE : size;
    if (bulk) {
        s.bulk = body->data + begin;
        put_room(&w, bulk);
        put_bytes(&w, s.bulk + bulk, body->size - begin - bulk);
    }
    put_bytes(&w, zeros, padding);
    s.trail = size - s.lead - bulk;
    return s;
}

static int seal_payload(struct ssh *ssh, int number, const struct span *head, const struct span *body)
{
    struct direction *d = &ssh->transport.out;
    size_t padding = padding_for(d, 1 + head->size + body->size, number);
    size_t size = LENGTH_SIZE + 1 + head->size + body->size + padding;
    uint8_t *packet = outbox_extend(ssh->session, size + packet_tag(d));
    struct sealing s;
    int result;

    if (!packet)
        return packet_failed(ssh, SESSILE_ERR_MEMORY, "for a packet");
    s = lay_out(d, packet, padding, head, body);
    result = sealers[protection_of(d)](d, &s);
    if (result < 0) {
        mem_wipe(packet, size); /* of which some may be plaintext */
        outbox_clear(ssh->session);
        return packet_failed(ssh, result, "to seal a packet");
    }
    return packet_count(ssh, DIRECTION_OUT, size);
}

static int seal_compressed(struct ssh *ssh, int number, const struct span *head, const struct span *body)
{
    const struct span spans[] = {*head, *body};
    const struct span none = {NULL, 0};
    uint8_t small[PACKET_SMALL];
    size_t room = zip_bound(head->size + body->size);
    uint8_t *zipped = room <= sizeof small ? small : mem_alloc(room);
    struct span payload = {zipped, 0};
    int result;

    if (!zipped)
        return packet_failed(ssh, SESSILE_ERR_MEMORY, "to compress a packet");
    result = zip_deflate(ssh->transport.out.zip, spans, 2, zipped, room, &payload.size);
    if (result < 0) {
        ssh->transport.disconnected = 1;
        session_fail(ssh->session, result, "a payload of %zu bytes did not compress to %zu", head->size + body->size,
                     room);
    } else {
        result = seal_payload(ssh, number, &payload, &none);
    }
    mem_wipe(zipped, payload.size);
    if (zipped != small)
        mem_free(zipped);
    return result;
}

int packet_seal(struct ssh *ssh, const void *head, size_t head_size, const void *body, size_t body_size)
{
    const struct span first = {head, head_size};
    const struct span second = {body, body_size};
    int number = first.data[0];
    int result;

    if (ssh->transport.disconnected)
        return SESSILE_OK;
    if (session_over(ssh->session))
        return session_fail(ssh->session, SESSILE_ERR_CLOSED, "%s", "");
    if (head_size + body_size > PAYLOAD_MAX)
        return session_fail(ssh->session, SESSILE_ERR_LIMIT, "%s (%d) would have %zu bytes, and at most %d are sent",
                            message_name(number), number, head_size + body_size, PAYLOAD_MAX);
    if ((result = packet_may(ssh, DIRECTION_OUT)) < 0)
        return result;
    if (session_traced(ssh->session))
        session_trace(ssh->session, 1, message_name(number), head_size + body_size, phase_name(ssh->phase));
    if (ssh->transport.out.zip)
        return seal_compressed(ssh, number, &first, &second);
    return seal_payload(ssh, number, &first, &second);
}

size_t packet_size(const struct ssh *ssh, size_t payload_size)
{
    const struct direction *d = &ssh->transport.out;

    if (d->zip)
        payload_size = zip_bound(payload_size);
    return LENGTH_SIZE + 1 + payload_size + packet_block(d) - 1 + PADDING_MIN + packet_tag(d);
}
