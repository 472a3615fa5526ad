/* SPDX-License-Identifier: Apache-2.0
 *
 * Key log lines as Wireshark's SSH dissector reads them: the cookie of one side's KEXINIT, "SHARED_SECRET", and K,
 * all in hexadecimal. K is written without leading zeros: the dissector puts one in front where an mpint needs it. */
#include <string.h>

#include "ssh/config.h"
#include "ssh/transport/kex.h"

static void put_hex(struct writer *w, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        put_u8(w, (uint8_t)digits[data[i] >> 4]);
        put_u8(w, (uint8_t)digits[data[i] & 15]);
    }
}

int keylog_tell(struct ssh *ssh, const struct kex *kex)
{
    static const char label[] = " SHARED_SECRET ";
    const struct writer *secret = &kex->secret;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);
    size_t zeros = 0;
    int result;

    if (!ssh->config->keylog)
        return SESSILE_OK;
    while (!kex->method->secret_is_string && zeros < secret->size && secret->data[zeros] == 0)
        zeros++;
    put_hex(&w, kex->cookie, sizeof kex->cookie);
    put_bytes(&w, label, strlen(label));
    put_hex(&w, secret->data + zeros, secret->size - zeros);
    if (w.failed)
        result = ssh_no_memory(ssh, "a key log line");
    else
        result = session_call_notice(ssh->session, SESSILE_NOTICE_SSH_KEYLOG, w.data, w.size);
    writer_free(&w);
    if (result < 0)
        return result;
    return session_over(ssh->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}
