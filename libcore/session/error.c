/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes: their names and what they mean. The escape for bytes of a peer's in a text. */
#include "session/error.h"

#include <stdio.h>
#include <string.h>

#include <sessile/error.h>

static const struct {
    int code;
    const char *name;
    const char *text;
} errors[] = {
    {SESSILE_OK, "OK", "no error"},
    {SESSILE_ERR_FAILED, "ERR_FAILED", "the session has failed"},
    {SESSILE_ERR_MISUSE, "ERR_MISUSE", "the call is not allowed in this state"},
    {SESSILE_ERR_ARGUMENT, "ERR_ARGUMENT", "a parameter is not usable"},
    {SESSILE_ERR_MEMORY, "ERR_MEMORY", "there is no memory"},
    {SESSILE_ERR_BUSY, "ERR_BUSY", "another thread is inside the session"},
    {SESSILE_ERR_GONE, "ERR_GONE", "what the handle stood for is gone"},
    {SESSILE_ERR_CLOSED, "ERR_CLOSED", "it has ended already"},
    {SESSILE_ERR_LIMIT, "ERR_LIMIT", "a limit was reached"},
    {SESSILE_ERR_CALLBACK, "ERR_CALLBACK", "a callback of the application failed"},
    {SESSILE_ERR_COMM, "ERR_COMM", "the comms layer could not send"},
    {SESSILE_ERR_PROTOCOL, "ERR_PROTOCOL", "the peer broke the protocol"},
    {SESSILE_ERR_PEER, "ERR_PEER", "the peer ended the session with an error"},
    {SESSILE_ERR_NEGOTIATION, "ERR_NEGOTIATION", "the peers have nothing in common to agree on"},
    {SESSILE_ERR_VERIFY, "ERR_VERIFY", "the peer did not prove to be who it must be"},
    {SESSILE_ERR_REFUSED, "ERR_REFUSED", "a question was refused"},
    {SESSILE_ERR_DROPPED, "ERR_DROPPED", "the wire closed between two units"},
    {SESSILE_ERR_TRUNCATED, "ERR_TRUNCATED", "the wire closed before the end"},
    {SESSILE_ERR_ABORTED, "ERR_ABORTED", "aborted by this side"},
    {SESSILE_ERR_CRYPTO, "ERR_CRYPTO", "libcrypto failed"},
    {SESSILE_ERR_UNSUPPORTED, "ERR_UNSUPPORTED", "not available here"},
    {SESSILE_ERR_PASSPHRASE, "ERR_PASSPHRASE", "the passphrase is missing or wrong"},
};

#define ERROR_COUNT (sizeof errors / sizeof errors[0])

const char *sessile_error_name(int code)
{
    for (size_t i = 0; i < ERROR_COUNT; i++)
        if (errors[i].code == code)
            return errors[i].name;
    return "ERR_UNKNOWN";
}

const char *sessile_error_describe(int code)
{
    for (size_t i = 0; i < ERROR_COUNT; i++)
        if (errors[i].code == code)
            return errors[i].text;
    return "an error of no known code";
}

const char *text_escape(char *out, size_t room, const void *data, size_t size)
{
    const unsigned char *at = data;
    size_t used = 0;

    for (size_t i = 0; i < size && used + 5 < room; i++) {
        int plain = at[i] >= ' ' && at[i] < 127 && at[i] != '\\' && at[i] != '\'';

        used += (size_t)snprintf(out + used, room - used, plain ? "%c" : "\\x%02x", at[i]);
    }
    out[used] = 0;
    return out;
}
