/* SPDX-License-Identifier: Apache-2.0
 *
 * The record header (RFC 8446, section 5.1; RFC 5246, section 6.2.1), read before libssl sees it: libssl gets whole
 * records only, and what cannot be one fails at its first byte instead of waiting for a length that never comes. */
#include <string.h>

#include "session/error.h"
#include "tls/tls.h"

#define HEADER 5

static int starts_with(const uint8_t *data, size_t size, const char *word)
{
    size_t length = strlen(word);

    return size < length ? size > 0 && !memcmp(data, word, size) : !memcmp(data, word, length);
}

static const char *guess_protocol(const uint8_t *data, size_t size)
{
    static const char *const http[] = {"GET ",     "HEAD ",    "POST ", "PUT ", "DELETE ",
                                       "OPTIONS ", "CONNECT ", "PRI ",  "HTTP/"};

    for (size_t i = 0; i < sizeof http / sizeof http[0]; i++)
        if (size >= 3 && starts_with(data, size, http[i]))
            return "it looks like plain HTTP";
    if (size >= 3 && starts_with(data, size, "SSH-"))
        return "it looks like SSH";
    if (size >= 3 && (data[0] & 0x80) && data[2] == 1)
        return "it looks like an SSLv2 ClientHello";
    return "not a TLS record";
}

static int record_fail(struct tls *t, const uint8_t *data, size_t size, const char *what)
{
    char text[4 * 16 + 6];

    t->dead = 1;
    return session_fail(t->session, SESSILE_ERR_PROTOCOL, "%s: the peer sent '%s'", what,
                        text_escape(text, sizeof text, data, size < 16 ? size : 16));
}

/* Before there are keys a record is plaintext. */
static size_t record_limit(const struct tls *t)
{
    return t->phase == TLS_HANDSHAKE && !SSL_get_current_cipher(t->ssl) ? SSL3_RT_MAX_PLAIN_LENGTH
                                                                        : SSL3_RT_MAX_ENCRYPTED_LENGTH;
}

int tls_record(struct tls *t, const uint8_t *data, size_t size)
{
    size_t length;
    size_t limit;

    session_need(t->session, HEADER);
    if (data[0] < SSL3_RT_CHANGE_CIPHER_SPEC || data[0] > SSL3_RT_APPLICATION_DATA || (size >= 2 && data[1] != 3))
        return record_fail(t, data, size, guess_protocol(data, size));
    if (size < HEADER)
        return 0;
    length = (size_t)(data[3] << 8 | data[4]);
    limit = record_limit(t);
    if (length > limit) {
        tls_refuse_header(t, data, HEADER);
        return session_fail(t->session, SESSILE_ERR_PROTOCOL,
                            "the peer sent a record of %zu bytes, more than the limit of %zu", length, limit);
    }
    if (size < HEADER + length) {
        session_need(t->session, HEADER + length);
        return 0;
    }
    return (int)(HEADER + length);
}
