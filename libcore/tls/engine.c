/* SPDX-License-Identifier: Apache-2.0
 *
 * The TLS engine: the session core's table of functions over libssl, and how a session becomes one. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "session/guard.h"
#include "session/memory.h"
#include "tls/tls.h"

/* A record this small is decrypted on the stack. */
#define SMALL_DATA 1280
/* More than any record adds to its plaintext. */
#define RECORD_OVERHEAD 128

static struct tls *tls_of_stream(const sessile_stream *stream)
{
    return session_state(stream_session(stream));
}

/* ---- in ---- */

static uint8_t *tls_scratch(struct tls *t)
{
    if (!t->scratch && !(t->scratch = mem_alloc(SSL3_RT_MAX_PLAIN_LENGTH)))
        session_fail(t->session, SESSILE_ERR_MEMORY, "no memory for %d bytes of data", SSL3_RT_MAX_PLAIN_LENGTH);
    return t->scratch;
}

/* Whether libssl stopped for want of bytes. It must have asked for them in this very call: what it says that it wants
 * outlives an error. */
static int tls_starved(const struct tls *t)
{
    return SSL_want_read(t->ssl) && BIO_should_read(SSL_get_rbio(t->ssl));
}

/* A message that follows the handshake has arrived in part. libssl writes nothing before it has the rest. */
static int tls_within_message(const struct tls *t)
{
    return SSL_in_init(t->ssl);
}

static void tls_got_close(struct tls *t)
{
    t->got_close = 1;
    if (!session_ending(t->session))
        stream_deliver_end(t->stream);
    if (t->sent_close && !session_over(t->session))
        session_finish(t->session);
}

/* One record has one kind of content, and its data fits where its own bytes would: one call reads it. */
static void tls_read(struct tls *t, size_t record)
{
    uint8_t small[SMALL_DATA];
    uint8_t *data = record <= sizeof small ? small : tls_scratch(t);
    size_t size = 0;
    int got;

    if (!data)
        return;
    BIO_clear_retry_flags(SSL_get_rbio(t->ssl));
    got = SSL_read_ex(t->ssl, data, record <= sizeof small ? sizeof small : SSL3_RT_MAX_PLAIN_LENGTH, &size);
    t->window = NULL;
    t->window_left = 0;
    if (data == t->scratch && size > t->scratch_used)
        t->scratch_used = size;
    t->buffered |= !got;
    if (!got && !tls_starved(t) && (SSL_in_init(t->ssl) || !(SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN)))
        tls_fail(t, "receiving");
    if ((t->notes || session_traced(t->session)) && tls_tell(t) < 0)
        return;
    if (session_over(t->session))
        return;
    if (t->owes_close && !tls_within_message(t) && tls_send_close(t) < 0)
        return;
    if (got) {
        stream_deliver(t->stream, data, size);
        if (data == small)
            mem_wipe(small, size);
    } else if (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN)
        tls_got_close(t);
}

void tls_refuse_header(struct tls *t, const uint8_t *header, size_t size)
{
    uint8_t none[1];
    size_t got;

    t->window = header;
    t->window_left = size;
    (void)SSL_read_ex(t->ssl, none, sizeof none, &got); /* goes on with a handshake too */
    t->window = NULL;
    t->window_left = 0;
    t->dead = 1;
    ERR_clear_error();
}

static int tls_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    struct tls *t = session_state(session);
    int record = tls_record(t, data, size);

    if (record <= 0)
        return record;
    if (tls_hello_keep(t, data, (size_t)record) < 0)
        return SESSILE_ERR_FAILED;
    t->heard = 1;
    t->window = data;
    t->window_left = (size_t)record;
    if (t->phase == TLS_OPEN)
        tls_read(t, (size_t)record);
    else
        tls_handshake(t);
    t->window = NULL;
    t->window_left = 0;
    return record;
}

static int tls_full(const sessile_session *session)
{
    const struct tls *t = session_state(session);

    if (t->got_close)
        return ENGINE_DONE;
    return !session_ending(session) && stream_unread(t->stream) >= STREAM_UNREAD_LIMIT ? ENGINE_FULL : 0;
}

/* ---- out ---- */

static int tls_writable(const sessile_stream *stream)
{
    const struct tls *t = tls_of_stream(stream);

    return t->phase == TLS_OPEN && !t->dead && !t->sent_close && !t->owes_close && !tls_within_message(t)
               ? ENGINE_WRITABLE
               : ENGINE_WAITS;
}

static int tls_write(sessile_stream *stream, int flow, const uint8_t *data, size_t size)
{
    struct tls *t = tls_of_stream(stream);
    size_t room = outbox_room(t->session);
    size_t fragment = t->config->max_send_fragment;
    size_t done = 0;
    size_t piece;

    (void)flow; /* there is one */
    outbox_reserve(t->session, size + (size / fragment + 1) * RECORD_OVERHEAD < room
                                   ? size + (size / fragment + 1) * RECORD_OVERHEAD
                                   : room);
    while (done < size && (room = outbox_room(t->session)) > RECORD_OVERHEAD) {
        piece = size - done < fragment ? size - done : fragment;
        if (piece > room - RECORD_OVERHEAD)
            piece = room - RECORD_OVERHEAD;
        if (!SSL_write_ex(t->ssl, data + done, piece, &piece))
            return tls_fail(t, "sending");
        done += piece;
    }
    if (session_traced(t->session))
        session_trace_flush(t->session);
    return (int)done;
}

int tls_send_close(struct tls *t)
{
    int sent;

    if (t->sent_close || t->dead)
        return SESSILE_OK;
    t->owes_close = tls_within_message(t) ? 1 : 0;
    if (t->owes_close)
        return SESSILE_OK;
    sent = SSL_shutdown(t->ssl);
    t->sent_close = 1;
    if (sent < 0)
        return tls_fail(t, "ending");
    if (session_traced(t->session))
        session_trace_flush(t->session);
    return session_over(t->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

static int tls_end_stream(sessile_stream *stream)
{
    struct tls *t = tls_of_stream(stream);
    int result;

    if (t->phase != TLS_OPEN)
        return SESSILE_ERR_MISUSE;
    result = tls_send_close(t);
    if (result == SESSILE_OK && t->got_close)
        session_finish(t->session);
    return result;
}

static int tls_abort_stream(sessile_stream *stream)
{
    struct tls *t = tls_of_stream(stream);

    session_fail(t->session, SESSILE_ERR_ABORTED, "aborted by this side");
    outbox_clear(t->session);
    return SESSILE_OK;
}

static int tls_end(sessile_session *session, int detach)
{
    struct tls *t = session_state(session);

    if (session_over(session))
        return SESSILE_ERR_CLOSED;
    if (t->phase == TLS_OPEN)
        return tls_end_stream(t->stream);
    if (detach)
        return SESSILE_ERR_MISUSE;
    session_fail(session, SESSILE_ERR_ABORTED, "ended by this side before it was ready");
    return SESSILE_OK;
}

/* ---- the end ---- */

static void tls_wire_gone(sessile_session *session, size_t left)
{
    struct tls *t = session_state(session);

    if (t->got_close && t->sent_close)
        session_finish(session);
    else if (t->got_close)
        session_fail(session, SESSILE_ERR_DROPPED,
                     "the wire closed after the peer's close_notify, before this side ended");
    else if (left)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed in the middle of a record, after %zu bytes of it",
                     left);
    else if (t->phase != TLS_OPEN && t->role == SESSILE_SERVER && !t->heard)
        session_fail(session, SESSILE_ERR_DROPPED, "the wire closed before the client said anything");
    else if (t->phase != TLS_OPEN)
        session_fail(session, SESSILE_ERR_TRUNCATED, "the wire closed in the middle of the handshake");
    else if (session_ending(session))
        session_fail(session, SESSILE_ERR_DROPPED, "the wire closed after close_notify without one from the peer");
    else
        session_fail(session, SESSILE_ERR_TRUNCATED,
                     "the wire closed without close_notify: data of the peer's may be missing");
}

/* What the peer had to say is complete with its close_notify, whatever becomes of the rest. */
static int tls_stream_verdict(const sessile_stream *stream, int error)
{
    return tls_of_stream(stream)->got_close && (error == SESSILE_ERR_DROPPED || error == SESSILE_ERR_TRUNCATED) ? 0
                                                                                                                : error;
}

/* SSL_free_buffers() of the versions before these frees what is still read from (CVE-2024-4741). */
static int free_buffers_is_safe(void)
{
    static const unsigned int fixed[] = {14, 6, 2, 1}; /* 3.0.14, 3.1.6, 3.2.2, 3.3.1 */
    unsigned int minor = OPENSSL_version_minor();

    if (OPENSSL_version_major() > 3 || minor > 3)
        return 1;
    return OPENSSL_version_patch() >= fixed[minor];
}

static void tls_rest(sessile_session *session)
{
    struct tls *t = session_state(session);

    if (t->scratch) {
        mem_wipe(t->scratch, t->scratch_used);
        mem_free(t->scratch);
        t->scratch = NULL;
        t->scratch_used = 0;
    }
    if (t->buffered && t->phase == TLS_OPEN && !t->dead) {
        t->buffered = 0;
        if (free_buffers_is_safe())
            SSL_free_buffers(t->ssl);
    }
}

static void tls_traced(sessile_session *session)
{
    struct tls *t = session_state(session);

    if (t->ssl && !t->dead)
        SSL_set_msg_callback(t->ssl, tls_message_callback);
}

static void tls_destroy(sessile_session *session)
{
    struct tls *t = session_state(session);

    SSL_free(t->ssl);
    tls_notes_free(t);
    tls_hello_free(t);
    mem_wipe_free(t->resume, t->resume_size);
    mem_wipe_free(t->scratch, t->scratch_used);
    mem_free(t->host);
    mem_free(t->alpn);
    sessile_tls_config_free(t->config);
    sessile_stream_free(t->stream);
    mem_free(t);
}

const struct engine tls_engine = {
    .name = "TLS",
    .unit = tls_unit,
    .full = tls_full,
    .answered = tls_answered,
    .write = tls_write,
    .writable = tls_writable,
    .end_stream = tls_end_stream,
    .abort_stream = tls_abort_stream,
    .end = tls_end,
    .wire_gone = tls_wire_gone,
    .stream_verdict = tls_stream_verdict,
    .traced = tls_traced,
    .rest = tls_rest,
    .destroy = tls_destroy,
    .want_max = TLS_RECORD_MAX,
    .single_stream = 1,
};

/* ---- the beginning ---- */

int tls_prepare(sessile_session *session, struct tls **result)
{
    struct tls *t = session_engine(session) == &tls_engine ? session_state(session) : NULL;

    *result = t;
    if (session_over(session) || (session_engine(session) && !t) || (t && t->phase != TLS_PREPARED))
        return SESSILE_ERR_MISUSE;
    if (t)
        return SESSILE_OK;
    if (!(t = mem_zalloc(sizeof *t)) || !(t->stream = stream_new(session, NULL))) {
        mem_free(t);
        return SESSILE_ERR_MEMORY;
    }
    t->session = session;
    sessile_stream_keep(t->stream);
    session_set_engine(session, &tls_engine, t);
    *result = t;
    return SESSILE_OK;
}

static int tls_host_is_usable(const char *host)
{
    size_t size = strlen(host);

    for (size_t i = 0; i < size; i++)
        if (host[i] <= ' ' || host[i] > '~')
            return 0;
    /* libcrypto reads a leading dot as "any name below". */
    return size >= 1 && size <= 253 && host[0] != '.';
}

static int tls_take_host(struct tls *t, const char *host)
{
    size_t size;

    if (!host)
        return t->config->verify && t->config->host_check ? SESSILE_ERR_ARGUMENT : SESSILE_OK;
    if (!tls_host_is_usable(host))
        return SESSILE_ERR_ARGUMENT;
    size = strlen(host);
    t->host = mem_copy(host, host[size - 1] == '.' ? size - 1 : size); /* an absolute name is the same name */
    return t->host ? SESSILE_OK : SESSILE_ERR_MEMORY;
}

/* What can fail, before anything of it shows. */
static int tls_equip(struct tls *t, int role, sessile_tls_config *config, const char *host)
{
    int result = SESSILE_OK;

    t->role = role;
    t->config = tls_config_keep(config);
    if (role == SESSILE_CLIENT)
        result = tls_take_host(t, host);
    else
        result = tls_hello_prepare(t);
    if (result == SESSILE_OK)
        result = tls_start(t);
    if (result == SESSILE_OK && role == SESSILE_CLIENT)
        result = tls_resume_offer(t);
    if (result == SESSILE_OK)
        return result;
    SSL_free(t->ssl);
    t->ssl = NULL;
    t->phase = TLS_PREPARED;
    tls_hello_free(t);
    mem_free(t->host);
    t->host = NULL;
    sessile_tls_config_free(t->config);
    t->config = NULL;
    return result;
}

static int tls_begin(sessile_session *session, int role, sessile_tls_config *config, const char *host,
                     sessile_callbacks *callbacks, void *app)
{
    struct guard g;
    struct tls *t;
    int result = config ? tls_config_seal(config, role) : SESSILE_ERR_ARGUMENT;

    if (result < 0 || (result = guard_enter_live(&g, session)) < 0)
        return result;
    result = tls_prepare(session, &t);
    if (result == SESSILE_OK && t->keylog && !config->keylog)
        result = SESSILE_ERR_MISUSE;
    if (result == SESSILE_OK)
        result = tls_equip(t, role, config, host);
    if (result == SESSILE_OK) {
        session_start(session, callbacks, app);
        session_need(session, 5);
        if (role == SESSILE_CLIENT)
            tls_handshake(t);
    }
    return guard_leave(&g, result);
}

int sessile_tls_connect(sessile_session *session, sessile_tls_config *config, const char *host,
                        sessile_callbacks *callbacks, void *app)
{
    return tls_begin(session, SESSILE_CLIENT, config, host, callbacks, app);
}

int sessile_tls_accept(sessile_session *session, sessile_tls_config *config, sessile_callbacks *callbacks, void *app)
{
    return tls_begin(session, SESSILE_SERVER, config, NULL, callbacks, app);
}

int sessile_tls_insecure_keylog(sessile_session *session, int on)
{
    struct guard g;
    struct tls *t;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    result = tls_prepare(session, &t);
    if (result == SESSILE_OK)
        t->keylog = on != 0;
    return guard_leave(&g, result);
}
