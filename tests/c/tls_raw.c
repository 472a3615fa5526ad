/* SPDX-License-Identifier: Apache-2.0
 *
 * libssl over two memory BIOs. */
#include "tls_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls_configs.h"

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct raw *raw = SSL_get_app_data(ssl);

    if (!SSL_SESSION_is_resumable(session))
        return 0;
    raw->tickets++;
    SSL_SESSION_free(raw->session);
    raw->session = session;
    return 1;
}

static void on_info(const SSL *ssl, int where, int value)
{
    struct raw *raw = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        raw->alert = value & 0xff;
}

static void show(SSL_CTX *ctx, const struct pki *pki)
{
    char *pem = pki_chain_pem(pki);
    char *key = pki_key_pem(pki, NULL);
    BIO *certificate = BIO_new_mem_buf(pem, -1);
    BIO *secret = BIO_new_mem_buf(key, -1);
    X509 *x509 = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(secret, NULL, NULL, NULL);

    assert_int_equal(SSL_CTX_use_certificate(ctx, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    BIO_free(certificate);
    BIO_free(secret);
    free(pem);
    free(key);
}

void raw_init(struct raw *raw, int role, sessile_tls_config *config)
{
    int server = role == SESSILE_SERVER;

    memset(raw, 0, sizeof *raw);
    pair_init(&raw->pair, server ? config : NULL, server ? NULL : config);
    raw->end = server ? &raw->pair.client : &raw->pair.server;
    raw->role = role;
    raw->alert = -1;
    raw->ctx = SSL_CTX_new(TLS_method());
    assert_non_null(raw->ctx);
    SSL_CTX_sess_set_new_cb(raw->ctx, on_new_session);
    SSL_CTX_set_session_cache_mode(raw->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_info_callback(raw->ctx, on_info);
    show(raw->ctx, server ? configs_pki.ed25519 : configs_pki.client);
}

void raw_prepare(struct raw *raw, const char *name, SSL_SESSION *session)
{
    raw->ssl = SSL_new(raw->ctx);
    assert_non_null(raw->ssl);
    SSL_set_app_data(raw->ssl, raw);
    SSL_set_bio(raw->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (raw->role == SESSILE_SERVER)
        SSL_set_accept_state(raw->ssl);
    else
        SSL_set_connect_state(raw->ssl);
    if (name)
        assert_int_equal(SSL_set_tlsext_host_name(raw->ssl, name), 1);
    if (session)
        assert_int_equal(SSL_set_session(raw->ssl, session), 1);
    assert_int_equal(pair_start(&raw->pair), SESSILE_OK);
}

static void raw_stopped(struct raw *raw, int result)
{
    int error = SSL_get_error(raw->ssl, result);

    if (error == SSL_ERROR_WANT_READ)
        return;
    raw->closed = 1;
    raw->reason = error == SSL_ERROR_SSL ? ERR_GET_REASON(ERR_peek_last_error()) : 0;
    ERR_clear_error();
}

static void raw_read(struct raw *raw)
{
    uint8_t data[16384];
    size_t size;
    int result = SSL_do_handshake(raw->ssl);

    if (result == 1) {
        raw->ready = 1;
        while ((result = SSL_read_ex(raw->ssl, data, sizeof data, &size)) == 1)
            bytes_add(&raw->data, data, size);
    }
    raw_stopped(raw, result);
}

static size_t raw_take_out(struct raw *raw)
{
    char *data;
    long size = BIO_get_mem_data(SSL_get_wbio(raw->ssl), &data);

    if (size <= 0)
        return 0;
    end_inject(raw->end, data, (size_t)size);
    (void)BIO_reset(SSL_get_wbio(raw->ssl));
    return (size_t)size;
}

void raw_run(struct raw *raw)
{
    struct tls_bytes *sent = &raw->end->peer->wire;
    size_t in;
    size_t out;

    do {
        pair_run(&raw->pair);
        in = sent->size - raw->moved;
        if (in)
            BIO_write(SSL_get_rbio(raw->ssl), sent->data + raw->moved, (int)in);
        raw->moved = sent->size;
        if (!raw->closed)
            raw_read(raw);
        out = raw_take_out(raw);
    } while (in || out);
}

void raw_flush(struct raw *raw)
{
    raw_take_out(raw);
    pair_run(&raw->pair);
}

void raw_write(struct raw *raw, const void *data, size_t size)
{
    size_t written;

    assert_int_equal(SSL_write_ex(raw->ssl, data, size, &written), 1);
}

void raw_start(struct raw *raw, const char *name, SSL_SESSION *session)
{
    raw_prepare(raw, name, session);
    raw_run(raw);
}

void raw_free(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_SESSION_free(raw->session);
    SSL_CTX_free(raw->ctx);
    bytes_clear(&raw->data);
    pair_free(&raw->pair);
    ERR_clear_error();
}
