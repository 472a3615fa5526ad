/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the peer is: libcrypto's verification, the application's say in it, stapled OCSP, and a last check that fails
 * closed.
 *
 * A client's libssl waits in the verification callback for an answer. A server's cannot: there the certificate is let
 * through, the handshake completes, and nothing of it is believed (no ready, no data, no ticket) until the answer is
 * there. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

static const struct question_kind peer_kind = {SESSILE_QUESTION_TLS_PEER, 1, 0};

static int tls_must_ask(const struct tls *t, int code)
{
    return t->config->ask_peer == SESSILE_TLS_ASK_ALWAYS ||
           (t->config->ask_peer == SESSILE_TLS_ASK_UNTRUSTED && code != X509_V_OK);
}

/* The X509 error whose alert comes closest to the one that a refusal asked for. */
static int refusal_error(int alert)
{
    switch (alert) {
    case SSL_AD_CERTIFICATE_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case SSL_AD_CERTIFICATE_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case SSL_AD_UNKNOWN_CA:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return X509_V_ERR_INVALID_PURPOSE;
    default:
        return X509_V_ERR_CERT_REJECTED;
    }
}

/* The second time round, with the answer. */
static int verify_with_answer(const struct tls *t, X509_STORE_CTX *store)
{
    if (t->peer_outcome == QUESTION_ACCEPTED) {
        X509_STORE_CTX_set_error(store, t->verify_code);
        return 1;
    }
    X509_STORE_CTX_set_error(store, refusal_error(t->alert));
    return 0;
}

int tls_address_of(const char *host, ASN1_OCTET_STRING **address)
{
    int no_memory;

    ERR_clear_error();
    *address = a2i_IPADDRESS(host);
    no_memory = !*address && ERR_peek_error(); /* a name leaves no word there */
    ERR_clear_error();
    return no_memory ? SESSILE_ERR_MEMORY : SESSILE_OK;
}

/* Whom the certificate must be for, and when. Not left to libssl, which copies it from its SSL object to where it
 * counts and goes on without where there is no memory for that. */
static int verify_prepare(const struct tls *t, X509_STORE_CTX *store)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    ASN1_OCTET_STRING *address;
    int ok;

    if (session_time(t->session) >= 0)
        X509_VERIFY_PARAM_set_time(param, (time_t)session_time(t->session));
    if (!t->host || !t->config->host_check)
        return 1;
    if (tls_address_of(t->host, &address) < 0)
        return 0;
    if (address)
        ok = X509_VERIFY_PARAM_set1_ip(param, ASN1_STRING_get0_data(address), (size_t)ASN1_STRING_length(address));
    else
        ok = X509_VERIFY_PARAM_set1_host(param, t->host, 0);
    ASN1_OCTET_STRING_free(address);
    return ok;
}

int tls_verify_callback(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = tls_of(ssl);
    int ok;

    (void)unused;
    if (t->peer_outcome != QUESTION_OPEN)
        return verify_with_answer(t, store);
    if (!verify_prepare(t, store)) {
        t->verify_code = X509_V_ERR_OUT_OF_MEM;
        X509_STORE_CTX_set_error(store, t->verify_code);
        return 0;
    }
    ok = X509_verify_cert(store);
    if (ok < 0 && X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    t->verify_code = X509_STORE_CTX_get_error(store);
    if (ok > 0 && t->verify_code != X509_V_OK) /* nobody but us lets an error pass */
        ok = 0;
    if (ok > 0 || (t->role == SESSILE_CLIENT && !t->config->verify))
        ok = 1;
    if (!tls_must_ask(t, t->verify_code))
        return ok > 0;
    ERR_clear_error();
    if (t->role == SESSILE_CLIENT)
        SSL_set_retry_verify(ssl);
    else
        t->confirm = 1;
    return 1;
}

/* ---- OCSP (RFC 6066, section 8) ---- */

static int status_show(struct tls *t, SSL *ssl)
{
    const sessile_tls_config *config = t->config;
    unsigned char *copy;

    if (!config->ocsp_response)
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(config->ocsp_response, config->ocsp_response_size);
    if (!copy)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)config->ocsp_response_size);
    return SSL_TLSEXT_ERR_OK;
}

int tls_status_callback(SSL *ssl, void *unused)
{
    struct tls *t = tls_of(ssl);
    const unsigned char *der = NULL;
    const char *why = NULL;
    long size;
    int code;

    (void)unused;
    if (t->role == SESSILE_SERVER)
        return status_show(t, ssl);
    if (SSL_session_reused(ssl)) /* no certificate is shown, and so nothing about it: it was checked when it was */
        return 1;
    size = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    if (!der || size <= 0) {
        if (t->config->ocsp != SESSILE_TLS_OCSP_REQUIRE)
            return 1;
        tls_why(t, SESSILE_ERR_VERIFY, "the peer showed no OCSP response, and one is required");
        return 0;
    }
    code = tls_ocsp_check(der, (size_t)size, SSL_get_peer_cert_chain(ssl), SSL_CTX_get_cert_store(t->config->ctx),
                          session_time(t->session), &why);
    if (code == SESSILE_OK)
        return 1;
    tls_why(t, code, why);
    return 0;
}

/* ---- asking ---- */

static void add_certificate(sessile_question *question, X509 *certificate)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);

    /* Without memory an item too few stands here: the question is then refused. */
    question_add(question, SESSILE_ITEM_CERTIFICATE, der, size > 0 ? (size_t)size : SIZE_MAX);
    OPENSSL_free(der);
}

static void add_number(sessile_question *question, int item, int number)
{
    char text[16];
    int size = snprintf(text, sizeof text, "%d", number);

    question_add(question, item, text, (size_t)size);
}

static sessile_question *peer_question(struct tls *t)
{
    sessile_question *question = question_new(t->session, &peer_kind, NULL);
    const char *text = X509_verify_cert_error_string(t->verify_code);

    if (!question)
        return NULL;
    for (size_t i = 0; i < tls_peer_count(t); i++)
        add_certificate(question, tls_peer(t, i));
    if (t->host)
        question_add(question, SESSILE_ITEM_HOST, t->host, strlen(t->host));
    add_number(question, SESSILE_ITEM_VERIFY_CODE, t->verify_code);
    question_add(question, SESSILE_ITEM_VERIFY_TEXT, text, strlen(text));
    add_number(question, SESSILE_ITEM_RESUMED, SSL_session_reused(t->ssl));
    return question;
}

int tls_peer_ask(struct tls *t)
{
    session_ask(t->session, peer_question(t));
    return session_over(t->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

/* The handshake is complete, and libssl knows no way to send an alert of ours: the wire closes without one. */
static int peer_refused(struct tls *t)
{
    t->dead = 1;
    return session_fail(t->session, SESSILE_ERR_REFUSED,
                        "handshake: the application refused the peer's certificate (%s)",
                        X509_verify_cert_error_string(t->verify_code));
}

int tls_peer_answered(struct tls *t, sessile_question *question)
{
    t->peer_outcome = question_outcome(question);
    t->alert = question_reason(question);
    if (t->phase == TLS_CONFIRMING && t->peer_outcome != QUESTION_ACCEPTED)
        peer_refused(t);
    return t->peer_outcome;
}

/* ---- the last check ---- */

/* Without a certificate, only a pre-shared key can have proved anything. */
static int proved_by_psk(const struct tls *t)
{
    if (SSL_version(t->ssl) >= TLS1_3_VERSION)
        return SSL_session_reused(t->ssl);
    return SSL_CIPHER_get_auth_nid(SSL_get_current_cipher(t->ssl)) == NID_auth_psk;
}

static int check_without_certificate(struct tls *t)
{
    int needed = t->role == SESSILE_CLIENT ? t->config->verify : t->config->client_mode == SESSILE_TLS_CLIENT_REQUIRE;

    if (!needed || (t->role == SESSILE_CLIENT && proved_by_psk(t)))
        return SESSILE_OK;
    t->dead = 1;
    return session_fail(t->session, SESSILE_ERR_VERIFY,
                        "handshake: the peer showed no certificate, and one is required");
}

int tls_peer_check(struct tls *t)
{
    if (t->peer_outcome == QUESTION_REFUSED) /* libssl goes on all the same where verification is off */
        return peer_refused(t);
    if (!tls_peer_count(t))
        return check_without_certificate(t);
    if (SSL_session_reused(t->ssl)) {
        t->verify_code = (int)SSL_get_verify_result(t->ssl);
        t->confirm = tls_must_ask(t, t->verify_code) ? 1 : 0;
    }
    if (t->verify_code == X509_V_OK || t->confirm || t->peer_outcome == QUESTION_ACCEPTED ||
        (t->role == SESSILE_CLIENT && !t->config->verify))
        return SESSILE_OK;
    t->dead = 1;
    return session_fail(t->session, SESSILE_ERR_VERIFY, "handshake: the peer's certificate is not trusted: %s (%d)",
                        X509_verify_cert_error_string(t->verify_code), t->verify_code);
}
