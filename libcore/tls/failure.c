/* SPDX-License-Identifier: Apache-2.0
 *
 * libssl's errors in the library's words: whose fault it was, and what it was about. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls.h"

const char *tls_alert_name(int alert)
{
    static const struct {
        int alert;
        const char *name;
    } names[] = {
        /* RFC 8446, section 6, and the registry */
        {SSL_AD_CLOSE_NOTIFY, "close_notify"},
        {SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
        {SSL_AD_BAD_RECORD_MAC, "bad_record_mac"},
        {SSL_AD_RECORD_OVERFLOW, "record_overflow"},
        {SSL_AD_HANDSHAKE_FAILURE, "handshake_failure"},
        {SSL_AD_BAD_CERTIFICATE, "bad_certificate"},
        {SSL_AD_UNSUPPORTED_CERTIFICATE, "unsupported_certificate"},
        {SSL_AD_CERTIFICATE_REVOKED, "certificate_revoked"},
        {SSL_AD_CERTIFICATE_EXPIRED, "certificate_expired"},
        {SSL_AD_CERTIFICATE_UNKNOWN, "certificate_unknown"},
        {SSL_AD_ILLEGAL_PARAMETER, "illegal_parameter"},
        {SSL_AD_UNKNOWN_CA, "unknown_ca"},
        {SSL_AD_ACCESS_DENIED, "access_denied"},
        {SSL_AD_DECODE_ERROR, "decode_error"},
        {SSL_AD_DECRYPT_ERROR, "decrypt_error"},
        {SSL_AD_PROTOCOL_VERSION, "protocol_version"},
        {SSL_AD_INSUFFICIENT_SECURITY, "insufficient_security"},
        {SSL_AD_INTERNAL_ERROR, "internal_error"},
        {SSL_AD_INAPPROPRIATE_FALLBACK, "inappropriate_fallback"},
        {SSL_AD_USER_CANCELLED, "user_canceled"},
        {SSL_AD_NO_RENEGOTIATION, "no_renegotiation"},
        {SSL_AD_MISSING_EXTENSION, "missing_extension"},
        {SSL_AD_UNSUPPORTED_EXTENSION, "unsupported_extension"},
        {SSL_AD_UNRECOGNIZED_NAME, "unrecognized_name"},
        {SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE, "bad_certificate_status_response"},
        {SSL_AD_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity"},
        {SSL_AD_CERTIFICATE_REQUIRED, "certificate_required"},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "no_application_protocol"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].alert == alert)
            return names[i].name;
    return "unknown alert";
}

static int code_of_reason(int reason)
{
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_INVALID_STATUS_RESPONSE:
        return SESSILE_ERR_VERIFY;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_CIPHER_MATCH:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return SESSILE_ERR_NEGOTIATION;
    default:
        return SESSILE_ERR_PROTOCOL;
    }
}

/* The library's last word on it; no_memory: whether any of the words was that. */
static unsigned long drain_errors(int *no_memory)
{
    unsigned long error;
    unsigned long last = 0;

    *no_memory = 0;
    while ((error = ERR_get_error())) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            *no_memory = 1;
        if (!last || ERR_GET_LIB(error) == ERR_LIB_SSL)
            last = error;
    }
    return last;
}

static int fail_verify(struct tls *t, const char *doing, int reason)
{
    const char *why = X509_verify_cert_error_string(t->verify_code);

    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return session_fail(t->session, SESSILE_ERR_VERIFY, "%s: the peer showed no certificate, and one is required",
                            doing);
    if (t->peer_outcome == QUESTION_REFUSED)
        return session_fail(t->session, SESSILE_ERR_REFUSED, "%s: the application refused the peer's certificate (%s)",
                            doing, why);
    return session_fail(t->session, SESSILE_ERR_VERIFY, "%s: the peer's certificate is not trusted%s%s: %s (%d)", doing,
                        t->host ? " for " : "", t->host ? t->host : "", why, t->verify_code);
}

void tls_why(struct tls *t, int code, const char *why)
{
    t->why = why;
    t->why_code = code;
}

int tls_fail(struct tls *t, const char *doing)
{
    int no_memory;
    unsigned long error = drain_errors(&no_memory);
    int reason = ERR_GET_REASON(error);
    int code;

    t->dead = 1;
    if (t->why)
        return session_fail(t->session, t->why_code, "%s: %s", doing, t->why);
    if (no_memory)
        return session_fail(t->session, SESSILE_ERR_MEMORY, "%s: libssl had no memory", doing);
    if (error && ERR_GET_LIB(error) == ERR_LIB_SSL) {
        if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
            return session_fail(t->session, SESSILE_ERR_PEER, "%s: the peer sent the fatal alert %s (%d)", doing,
                                tls_alert_name(reason - SSL_AD_REASON_OFFSET), reason - SSL_AD_REASON_OFFSET);
        code = code_of_reason(reason);
        if (code == SESSILE_ERR_VERIFY)
            return fail_verify(t, doing, reason);
        return session_fail(t->session, code, "%s: %s", doing, ERR_reason_error_string(error));
    }
    if (!error && SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN)
        return session_fail(t->session, SESSILE_ERR_PEER, "%s: the peer sent close_notify in the middle of it", doing);
    return session_fail(t->session, SESSILE_ERR_CRYPTO, "%s: %s", doing,
                        error && ERR_reason_error_string(error) ? ERR_reason_error_string(error) : "libssl failed");
}
