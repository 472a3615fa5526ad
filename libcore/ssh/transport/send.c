/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending messages: at once, or, for what may not go out between our KEXINIT and our NEWKEYS (RFC 4253, section 7.1),
 * in order after it. What waits is bounded, and its memory is given back when it has gone out. */
#include "session/memory.h"
#include "ssh/ssh.h"
#include "ssh/transport/packet.h"

static int message_waits(const struct ssh *ssh, int number)
{
    if (number != MSG_SERVICE_REQUEST && number != MSG_SERVICE_ACCEPT && number < MSG_USERAUTH_REQUEST)
        return 0;
    return !ssh_sends_data(ssh);
}

static int queue_message(struct ssh *ssh, const uint8_t *payload, size_t size)
{
    struct writer *waiting = &ssh->transport.waiting;

    if (size > WAITING_MAX || waiting->size + 4 + size > WAITING_MAX)
        return ssh_fail(ssh, DISCONNECT_BY_APPLICATION, SESSILE_ERR_LIMIT,
                        "more than %d bytes of messages wait for the end of a key exchange, the last of them %s (%d)",
                        WAITING_MAX, message_name(payload[0]), payload[0]);
    put_sized32(waiting, payload, size);
    return waiting->failed ? ssh_no_memory(ssh, "a message that waits for a key exchange") : SESSILE_OK;
}

int ssh_send(struct ssh *ssh, const void *payload, size_t size)
{
    const uint8_t *bytes = payload;

    if (ssh->transport.disconnected)
        return SESSILE_OK;
    if (message_waits(ssh, bytes[0]))
        return queue_message(ssh, bytes, size);
    return packet_seal(ssh, payload, size, NULL, 0);
}

int ssh_send_message(struct ssh *ssh, struct writer *w)
{
    int result = w->failed ? ssh_no_memory(ssh, "a message") : ssh_send(ssh, w->data, w->size);

    writer_free(w);
    return result;
}

int ssh_send_data(struct ssh *ssh, const void *head, size_t head_size, const void *body, size_t body_size)
{
    int result = packet_seal(ssh, head, head_size, body, body_size);

    /* A side that only sends would otherwise wait for something to arrive. */
    if (result == SESSILE_OK && ssh->transport.want_rekey && !ssh->transport.kex)
        result = kex_begin(ssh);
    return result;
}

int ssh_sends_data(const struct ssh *ssh)
{
    return !kex_sending(ssh) && !ssh->transport.waiting.size;
}

size_t ssh_data_room(const struct ssh *ssh, size_t head_size)
{
    size_t room = outbox_room(ssh->session);
    size_t around = packet_size(ssh, head_size);
    size_t most;

    if (!ssh_sends_data(ssh) || room <= around)
        return 0;
    most = room - around;
    if (ssh->transport.out.zip)
        most -= most / 128;
    return most < PAYLOAD_MAX - head_size ? most : PAYLOAD_MAX - head_size;
}

int ssh_send_waiting(struct ssh *ssh)
{
    struct writer waiting = ssh->transport.waiting;
    struct reader r = reader_of(waiting.data, waiting.size);
    int result = SESSILE_OK;

    ssh->transport.waiting = (struct writer){0};
    while (r.left && result == SESSILE_OK) {
        struct reader message = get_sub32(&r);

        result = packet_seal(ssh, message.data, message.left, NULL, 0);
    }
    writer_free(&waiting);
    return result;
}
