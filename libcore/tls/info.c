/* SPDX-License-Identifier: Apache-2.0
 *
 * What was negotiated, who the peer is, and what a protocol above may derive from it. */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "session/guard.h"
#include "tls/tls.h"

#define EXPORT_LIMIT 8160
#define BINDING_ROOM 64
/* More than a key update takes on the wire. */
#define KEY_UPDATE_ROOM 128
/* RFC 9266, section 4.2 */
#define EXPORTER_LABEL "EXPORTER-Channel-Binding"
#define EXPORTER_SIZE 32

size_t tls_peer_count(const struct tls *t)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);
    size_t count = chain ? (size_t)sk_X509_num(chain) : 0;

    if (t->role == SESSILE_CLIENT && count)
        return count;
    return count + (SSL_get0_peer_certificate(t->ssl) ? 1 : 0);
}

/* A server's chain is without the peer's own certificate. */
X509 *tls_peer(const struct tls *t, size_t index)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);

    if (t->role == SESSILE_CLIENT && chain && sk_X509_num(chain))
        return sk_X509_value(chain, (int)index);
    return index ? sk_X509_value(chain, (int)index - 1) : SSL_get0_peer_certificate(t->ssl);
}

/* The TLS state of a session whose handshake is complete: 0, or why there is none. Quiet: nothing here calls back. */
static int info_try(struct guard *g, sessile_session *session, struct tls **t)
{
    int result = guard_enter_quiet(g, session);

    *t = NULL;
    if (result < 0)
        return result;
    if (session_engine(session) == &tls_engine)
        *t = session_state(session);
    if (*t && (*t)->ssl && (*t)->phase == TLS_OPEN)
        return SESSILE_OK;
    *t = NULL;
    guard_leave(g, 0);
    return SESSILE_ERR_MISUSE;
}

static struct tls *info_enter(struct guard *g, sessile_session *session)
{
    struct tls *t;

    (void)info_try(g, session, &t);
    return t;
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

const char *sessile_tls_version(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = t ? SSL_get_version(t->ssl) : "";

    if (t)
        guard_leave(&g, 0);
    return text;
}

const char *sessile_tls_cipher(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = t ? SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl)) : "";

    if (t)
        guard_leave(&g, 0);
    return text_or_empty(text);
}

const char *sessile_tls_group(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = "";
    int group;

    if (!t)
        return text;
    group = (int)SSL_get_negotiated_group(t->ssl);
    if (group != NID_undef)
        text = SSL_group_to_name(t->ssl, group);
    guard_leave(&g, 0);
    return text_or_empty(text);
}

const char *sessile_tls_alpn(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = t ? t->alpn : "";

    if (t)
        guard_leave(&g, 0);
    return text_or_empty(text);
}

const char *sessile_tls_sni(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = t ? SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name) : "";

    if (t)
        guard_leave(&g, 0);
    return text_or_empty(text);
}

int sessile_tls_resumed(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    int resumed = t ? SSL_session_reused(t->ssl) : 0;

    if (t)
        guard_leave(&g, 0);
    return resumed;
}

int sessile_tls_verify_code(sessile_session *session)
{
    struct guard g;
    struct tls *t;
    int result = info_try(&g, session, &t);

    if (result < 0)
        return result;
    return guard_leave(&g, tls_peer_count(t) ? t->verify_code : X509_V_ERR_UNSPECIFIED);
}

const char *sessile_tls_verify_text(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    const char *text = "";

    if (!t)
        return text;
    text = tls_peer_count(t) ? X509_verify_cert_error_string(t->verify_code) : "no certificate";
    guard_leave(&g, 0);
    return text;
}

size_t sessile_tls_peer_count(sessile_session *session)
{
    struct guard g;
    struct tls *t = info_enter(&g, session);
    size_t count = t ? tls_peer_count(t) : 0;

    if (t)
        guard_leave(&g, 0);
    return count;
}

int sessile_tls_peer_certificate(sessile_session *session, size_t index, void *data, size_t size)
{
    struct guard g;
    struct tls *t;
    unsigned char *at = data;
    int length = info_try(&g, session, &t);

    if (length < 0)
        return length;
    if (index >= tls_peer_count(t))
        return guard_leave(&g, SESSILE_ERR_ARGUMENT);
    length = i2d_X509(tls_peer(t, index), NULL);
    if (length <= 0)
        length = SESSILE_ERR_CRYPTO;
    else if (size && (!data || size < (size_t)length))
        length = SESSILE_ERR_ARGUMENT;
    else if (size && i2d_X509(tls_peer(t, index), &at) != length)
        length = SESSILE_ERR_CRYPTO;
    return guard_leave(&g, length);
}

int sessile_tls_export(sessile_session *session, const char *label, const void *context, size_t context_size,
                       void *data, size_t size)
{
    struct guard g;
    struct tls *t;
    int result = SESSILE_OK;

    if (!label || !data || !size || size > EXPORT_LIMIT || (!context && context_size) || context_size > UINT16_MAX)
        return SESSILE_ERR_ARGUMENT;
    if ((result = info_try(&g, session, &t)) < 0)
        return result;
    if (t->dead)
        result = SESSILE_ERR_CLOSED;
    else if (SSL_export_keying_material(t->ssl, data, size, label, strlen(label), context, context_size,
                                        context != NULL) != 1)
        result = SESSILE_ERR_CRYPTO;
    ERR_clear_error();
    return guard_leave(&g, result);
}

/* ---- channel bindings ---- */

/* RFC 5929, section 3: the first Finished of the handshake, which is the server's where a session was resumed. */
static int binding_unique(const struct tls *t, unsigned char *data)
{
    int mine_is_first = (t->role == SESSILE_CLIENT) != SSL_session_reused(t->ssl);

    if (SSL_version(t->ssl) >= TLS1_3_VERSION || !SSL_get_extms_support(t->ssl))
        return SESSILE_ERR_UNSUPPORTED; /* without the extended master secret it is not unique: RFC 7627, section 1 */
    return (int)(mine_is_first ? SSL_get_finished(t->ssl, data, BINDING_ROOM)
                               : SSL_get_peer_finished(t->ssl, data, BINDING_ROOM));
}

static int binding_exporter(const struct tls *t, unsigned char *data)
{
    /* RFC 9266, section 4.2: without the extended master secret the binding would not be unique. */
    if (SSL_version(t->ssl) < TLS1_3_VERSION && !SSL_get_extms_support(t->ssl))
        return SESSILE_ERR_UNSUPPORTED;
    if (SSL_export_keying_material(t->ssl, data, EXPORTER_SIZE, EXPORTER_LABEL, strlen(EXPORTER_LABEL), NULL, 0, 1) !=
        1)
        return SESSILE_ERR_CRYPTO;
    return EXPORTER_SIZE;
}

/* What a server with several certificates showed before a resumption is not in the ticket. */
static X509 *server_certificate(const struct tls *t)
{
    int resumed = SSL_session_reused(t->ssl); /* so is what an external PSK made, in TLS 1.3 */

    if (t->role == SESSILE_CLIENT)
        return tls_peer_count(t) ? tls_peer(t, 0) : NULL;
    if (resumed && (t->config->identity_count > 1 || t->config->psk_count))
        return NULL;
    return SSL_get_certificate(t->ssl);
}

/* RFC 5929, section 4.1: the hash of the certificate's signature, but SHA-256 for MD5 and SHA-1. */
static int binding_end_point(const struct tls *t, unsigned char *data)
{
    X509 *certificate = server_certificate(t);
    const EVP_MD *digest;
    unsigned int size = 0;
    int nid = NID_undef;

    if (!certificate || !X509_get_signature_info(certificate, &nid, NULL, NULL, NULL) || nid == NID_undef)
        return SESSILE_ERR_UNSUPPORTED; /* a signature without a hash of its own, such as Ed25519, has no such binding
                                         */
    if (nid == NID_md5 || nid == NID_sha1)
        nid = NID_sha256;
    digest = EVP_get_digestbynid(nid);
    if (!digest || !X509_digest(certificate, digest, data, &size))
        return SESSILE_ERR_CRYPTO;
    return (int)size;
}

int sessile_tls_channel_binding(sessile_session *session, int kind, void *data, size_t size)
{
    struct guard g;
    struct tls *t;
    int result;

    if (!data || size < BINDING_ROOM)
        return SESSILE_ERR_ARGUMENT;
    if ((result = info_try(&g, session, &t)) < 0)
        return result;
    if (t->dead)
        result = SESSILE_ERR_CLOSED;
    else if (kind == SESSILE_TLS_BINDING_UNIQUE)
        result = binding_unique(t, data);
    else if (kind == SESSILE_TLS_BINDING_EXPORTER)
        result = binding_exporter(t, data);
    else if (kind == SESSILE_TLS_BINDING_SERVER_END_POINT)
        result = binding_end_point(t, data);
    else
        result = SESSILE_ERR_ARGUMENT;
    ERR_clear_error();
    return guard_leave(&g, result);
}

int sessile_tls_key_update(sessile_session *session, int request_peer)
{
    struct guard g;
    struct tls *t;
    int result = guard_enter_live(&g, session);

    if (result < 0)
        return result;
    t = session_engine(session) == &tls_engine ? session_state(session) : NULL;
    if (!t || t->phase != TLS_OPEN)
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if (session_over(session) || t->dead || t->sent_close || t->owes_close)
        return guard_leave(&g, SESSILE_ERR_CLOSED);
    if (SSL_in_init(t->ssl)) /* a message of the peer's has arrived in part */
        return guard_leave(&g, SESSILE_ERR_MISUSE);
    if (SSL_version(t->ssl) < TLS1_3_VERSION)
        return guard_leave(&g, SESSILE_ERR_UNSUPPORTED);
    if (outbox_room(session) < KEY_UPDATE_ROOM || session_owes_too_much(session))
        return guard_leave(&g, SESSILE_ERR_LIMIT);
    if (!SSL_key_update(t->ssl, request_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) ||
        SSL_do_handshake(t->ssl) != 1)
        result = tls_fail(t, "key update");
    t->buffered = 1;
    if (session_traced(session))
        session_trace_flush(session);
    return guard_leave(&g, result);
}
