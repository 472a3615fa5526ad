/* SPDX-License-Identifier: Apache-2.0
 *
 * What libssl's callbacks learn and the application wants to know: new sessions, key log lines, messages. Noted while
 * libssl is on the stack, told when it is not. */
#include <string.h>

#include "session/memory.h"
#include "tls/tls.h"

struct tls_note {
    struct tls_note *next;
    int kind;
    size_t size;
    uint8_t data[];
};

void tls_note(struct tls *t, int kind, const void *data, size_t size)
{
    struct tls_note **at = &t->notes;
    struct tls_note *note = mem_alloc(sizeof *note + size);

    if (!note)
        return;
    note->next = NULL;
    note->kind = kind;
    note->size = size;
    memcpy(note->data, data, size);
    while (*at)
        at = &(*at)->next;
    *at = note;
}

static void tls_note_free_first(struct tls *t)
{
    struct tls_note *note = t->notes;

    t->notes = note->next;
    mem_wipe_free(note, sizeof *note + note->size);
}

void tls_notes_free(struct tls *t)
{
    while (t->notes)
        tls_note_free_first(t);
}

/* What the peer said of a session to resume is told when the peer is believed. */
static int tls_tellable(const struct tls *t)
{
    return t->notes && (t->notes->kind != SESSILE_NOTICE_TLS_TICKET || t->phase == TLS_OPEN);
}

int tls_tell(struct tls *t)
{
    if (session_traced(t->session))
        session_trace_flush(t->session);
    while (tls_tellable(t)) {
        struct tls_note *note = t->notes;

        if (session_over(t->session))
            return SESSILE_ERR_CLOSED;
        t->notes = note->next;
        session_call_notice(t->session, note->kind, note->data, note->size);
        mem_wipe_free(note, sizeof *note + note->size);
    }
    if (!t->notes)
        t->tickets = 0;
    return session_over(t->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

void tls_keylog_callback(const SSL *ssl, const char *line)
{
    struct tls *t = tls_of(ssl);

    if (t->keylog)
        tls_note(t, SESSILE_NOTICE_TLS_KEYLOG, line, strlen(line));
}

static const char *handshake_name(int type)
{
    static const struct {
        int type;
        const char *name;
    } names[] = {
        {SSL3_MT_HELLO_REQUEST, "hello_request"},
        {SSL3_MT_CLIENT_HELLO, "client_hello"},
        {SSL3_MT_SERVER_HELLO, "server_hello"},
        {SSL3_MT_NEWSESSION_TICKET, "new_session_ticket"},
        {SSL3_MT_ENCRYPTED_EXTENSIONS, "encrypted_extensions"},
        {SSL3_MT_CERTIFICATE, "certificate"},
        {SSL3_MT_SERVER_KEY_EXCHANGE, "server_key_exchange"},
        {SSL3_MT_CERTIFICATE_REQUEST, "certificate_request"},
        {SSL3_MT_SERVER_DONE, "server_hello_done"},
        {SSL3_MT_CERTIFICATE_VERIFY, "certificate_verify"},
        {SSL3_MT_CLIENT_KEY_EXCHANGE, "client_key_exchange"},
        {SSL3_MT_FINISHED, "finished"},
        {SSL3_MT_CERTIFICATE_STATUS, "certificate_status"},
        {SSL3_MT_KEY_UPDATE, "key_update"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].type == type)
            return names[i].name;
    return "handshake message";
}

static const char *message_name(int type, const uint8_t *data, size_t size)
{
    switch (type) {
    case SSL3_RT_CHANGE_CIPHER_SPEC:
        return "change_cipher_spec";
    case SSL3_RT_ALERT:
        return size >= 2 ? tls_alert_name(data[1]) : "alert";
    case SSL3_RT_HANDSHAKE:
        return size ? handshake_name(data[0]) : "handshake message";
    default:
        return "application_data";
    }
}

void tls_message_callback(int sent, int version, int type, const void *data, size_t size, SSL *ssl, void *unused)
{
    struct tls *t = tls_of(ssl);

    (void)version, (void)unused;
    if (type == SSL3_RT_HEADER || type == SSL3_RT_INNER_CONTENT_TYPE || t->replaying)
        return;
    session_trace(t->session, sent != 0, message_name(type, data, size), size,
                  t->phase == TLS_OPEN ? "open" : "handshake");
}
