/* SPDX-License-Identifier: Apache-2.0
 *
 * The handshake: libssl set up from a config, and driven one record at a time until it is complete and the peer is
 * believed. */
#include <string.h>

#include <openssl/err.h>

#include "session/memory.h"
#include "tls/tls.h"

/* ---- libssl's callbacks that belong to no other file ---- */

static int tls_alpn_callback(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                             unsigned int in_size, void *unused)
{
    const struct tls *t = tls_of(ssl);
    unsigned char *chosen = NULL;

    (void)unused;
    if (t->alpn) { /* given with the answer to the hello question, and offered by the client: checked there */
        for (unsigned int i = 0; i < in_size && in[i] < in_size - i; i += 1u + in[i])
            if (in[i] == strlen(t->alpn) && !memcmp(in + i + 1, t->alpn, in[i])) {
                *out = in + i + 1;
                *out_size = in[i];
                return SSL_TLSEXT_ERR_OK;
            }
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (!t->config->alpn)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&chosen, out_size, t->config->alpn, (unsigned int)t->config->alpn_size, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int tls_name_callback(SSL *ssl, int *alert, void *unused)
{
    (void)alert, (void)unused;
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static unsigned int tls_psk_client_callback(SSL *ssl, const char *hint, char *identity, unsigned int identity_room,
                                            unsigned char *key, unsigned int key_room)
{
    const struct tls_psk *psk = &tls_of(ssl)->config->psks[0];
    size_t length = strlen(psk->identity);

    (void)hint;
    if (length >= identity_room || psk->key_size > key_room)
        return 0;
    memcpy(identity, psk->identity, length + 1);
    memcpy(key, psk->key, psk->key_size);
    return (unsigned int)psk->key_size;
}

static unsigned int tls_psk_server_callback(SSL *ssl, const char *identity, unsigned char *key, unsigned int key_room)
{
    const struct tls_psk *psk = tls_config_find_psk(tls_of(ssl)->config, identity);

    if (!psk || psk->key_size > key_room)
        return 0;
    memcpy(key, psk->key, psk->key_size);
    return (unsigned int)psk->key_size;
}

void tls_engine_install(SSL_CTX *ctx, int role)
{
    /* An idle session holds no buffer: libssl gives its own back after each record of data, and the engine takes what
     * other records leave (tls_rest). SSL_free_buffers() at every rest would do it too, at twice the cost. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cert_verify_callback(ctx, tls_verify_callback, NULL);
    SSL_CTX_set_tlsext_status_cb(ctx, tls_status_callback);
    if (role == SESSILE_CLIENT) {
        SSL_CTX_sess_set_new_cb(ctx, tls_new_session_callback);
        return;
    }
    SSL_CTX_set_client_hello_cb(ctx, tls_hello_callback, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, tls_alpn_callback, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, tls_name_callback);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_ticket_key_callback);
}

void tls_engine_install_keylog(SSL_CTX *ctx)
{
    SSL_CTX_set_keylog_callback(ctx, tls_keylog_callback);
}

/* ---- setting libssl up ---- */

/* Who is asked for. Who must answer is verified elsewhere (verify.c). */
static int tls_set_name(struct tls *t, SSL *ssl)
{
    ASN1_OCTET_STRING *address = NULL;
    int is_name;

    if (t->host && tls_address_of(t->host, &address) < 0)
        return 0;
    is_name = t->host && !address;
    ASN1_OCTET_STRING_free(address);
    return !is_name || SSL_set_tlsext_host_name(ssl, t->host);
}

static int tls_set_client(struct tls *t, SSL *ssl)
{
    SSL_set_connect_state(ssl);
    if (t->config->psk_count)
        SSL_set_psk_client_callback(ssl, tls_psk_client_callback);
    if (t->config->ocsp != SESSILE_TLS_OCSP_NONE && !SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp))
        return 0;
    /* The one call of libssl's that returns 0 for success. */
    if (t->config->alpn && SSL_set_alpn_protos(ssl, t->config->alpn, (unsigned int)t->config->alpn_size) != 0)
        return 0;
    return tls_set_name(t, ssl);
}

/* A server that asks about its clients sends no ticket before the yes: tls_ready() does. */
static int tls_withholds_tickets(const struct tls *t)
{
    return t->role == SESSILE_SERVER && t->config->ask_peer != SESSILE_TLS_ASK_NEVER &&
           t->config->client_mode != SESSILE_TLS_CLIENT_NONE;
}

static int tls_set_server(struct tls *t, SSL *ssl)
{
    SSL_set_accept_state(ssl);
    if (t->config->psk_count)
        SSL_set_psk_server_callback(ssl, tls_psk_server_callback);
    return !tls_withholds_tickets(t) || SSL_set_num_tickets(ssl, 0);
}

static SSL *tls_ssl_new(struct tls *t)
{
    SSL *ssl = SSL_new(t->config->ctx);
    BIO *bio = ssl ? tls_bio_new(t) : NULL;

    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    if (session_traced(t->session))
        SSL_set_msg_callback(ssl, tls_message_callback);
    if (t->role == SESSILE_CLIENT ? tls_set_client(t, ssl) : tls_set_server(t, ssl))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

int tls_start(struct tls *t)
{
    SSL *old = t->ssl;

    if (!(t->ssl = tls_ssl_new(t))) {
        t->ssl = old;
        ERR_clear_error();
        return SESSILE_ERR_MEMORY;
    }
    SSL_free(old);
    t->phase = TLS_HANDSHAKE;
    return SESSILE_OK;
}

/* ---- driving it ---- */

static int tls_note_alpn(struct tls *t)
{
    const unsigned char *name;
    unsigned int size;

    mem_free(t->alpn);
    t->alpn = NULL;
    SSL_get0_alpn_selected(t->ssl, &name, &size);
    if (size && !(t->alpn = mem_copy(name, size)))
        return session_fail(t->session, SESSILE_ERR_MEMORY, "no memory for the application protocol's name");
    return SESSILE_OK;
}

static int tls_send_tickets(struct tls *t)
{
    int count = tls_withholds_tickets(t) && SSL_version(t->ssl) >= TLS1_3_VERSION ? t->config->ticket_count : 0;

    if (!count)
        return SESSILE_OK;
    if (SSL_session_reused(t->ssl)) /* one for the one that was used, as libssl does */
        count = 1;
    for (int i = 0; i < count; i++)
        if (!SSL_new_session_ticket(t->ssl))
            return tls_fail(t, "session tickets");
    if (SSL_do_handshake(t->ssl) != 1)
        return tls_fail(t, "session tickets");
    return tls_tell(t);
}

static int tls_ready(struct tls *t)
{
    t->confirm = 0;
    if (tls_send_tickets(t) < 0 || tls_note_alpn(t) < 0)
        return SESSILE_ERR_FAILED;
    t->phase = TLS_OPEN;
    t->buffered = 1;
    tls_hello_free(t);
    if (session_call_ready(t->session) < 0)
        return SESSILE_ERR_CLOSED;
    return tls_tell(t);
}

static int tls_handshake_done(struct tls *t)
{
    if (tls_peer_check(t) < 0)
        return SESSILE_ERR_FAILED;
    if (!t->confirm)
        return tls_ready(t);
    t->phase = TLS_CONFIRMING;
    return tls_peer_ask(t);
}

/* What libssl wants next, SSL_ERROR_*. Its own word on that outlives an error: the error queue comes first, and the BIO
 * must have been asked in vain in this very call. */
static int tls_enter_handshake(struct tls *t)
{
    BIO_clear_retry_flags(SSL_get_rbio(t->ssl));
    return SSL_get_error(t->ssl, SSL_do_handshake(t->ssl));
}

int tls_handshake(struct tls *t)
{
    int want = tls_enter_handshake(t);

    t->window = NULL;
    t->window_left = 0;
    if (want != SSL_ERROR_NONE && want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_CLIENT_HELLO_CB &&
        want != SSL_ERROR_WANT_RETRY_VERIFY)
        tls_fail(t, "handshake");
    if (tls_tell(t) < 0)
        return SESSILE_ERR_CLOSED;
    if (want == SSL_ERROR_NONE)
        return tls_handshake_done(t);
    if (want == SSL_ERROR_WANT_CLIENT_HELLO_CB)
        return tls_hello_ask(t);
    if (want == SSL_ERROR_WANT_RETRY_VERIFY) {
        t->phase = TLS_ASKING_PEER;
        return tls_peer_ask(t);
    }
    return SESSILE_OK;
}

void tls_answered(sessile_session *session, sessile_question *question)
{
    struct tls *t = session_state(session);

    if (t->phase == TLS_ASKING_HELLO)
        tls_hello_answered(t, question);
    else if (t->phase == TLS_ASKING_PEER) {
        tls_peer_answered(t, question);
        t->phase = TLS_HANDSHAKE;
        tls_handshake(t);
    } else if (t->phase == TLS_CONFIRMING && tls_peer_answered(t, question) == QUESTION_ACCEPTED)
        tls_ready(t);
}
