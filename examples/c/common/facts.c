/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of facts, three ways to print it.
 */
#include "common/facts.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509.h>

#include <sessile/tls.h>

#define CERTIFICATE_SIZE 65536

/* The subject of the peer's certificate, in RFC 2253's form; valid until the next call. */
static const char *peer_subject(sessile_session *session)
{
    static char text[256];
    unsigned char der[CERTIFICATE_SIZE];
    const unsigned char *at = der;
    text[0] = 0;
    int size = sessile_tls_peer_certificate(session, 0, der, sizeof der);
    X509 *certificate = size > 0 ? d2i_X509(NULL, &at, size) : NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    if (certificate != NULL && memory != NULL &&
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(memory, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
    }
    BIO_free(memory);
    X509_free(certificate);
    return text;
}

struct text_fact {
    const char *name;
    const char *(*get)(sessile_session *session);
};

static const struct text_fact texts[] = {
    {"version", sessile_tls_version}, {"cipher", sessile_tls_cipher},
    {"group", sessile_tls_group},     {"alpn", sessile_tls_alpn},
    {"sni", sessile_tls_sni},         {"verify", sessile_tls_verify_text},
    {"peer", peer_subject},           {"text", sessile_session_error_text},
};

struct number_fact {
    const char *name;
    int counter;
};

static const struct number_fact numbers[] = {
    {"offered", SESSILE_COUNT_OFFERED},   {"taken", SESSILE_COUNT_TAKEN}, {"units", SESSILE_COUNT_UNITS},
    {"sent", SESSILE_COUNT_SENT},         {"sends", SESSILE_COUNT_SENDS}, {"data_in", SESSILE_COUNT_DATA_IN},
    {"data_out", SESSILE_COUNT_DATA_OUT},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void print_quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(file, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
    fputc('"', file);
}

void facts_line(FILE *file, sessile_session *session, int error)
{
    fprintf(file, "closed how=%s", error == 0 ? "clean" : sessile_error_name(error));
    for (size_t i = 0; i < COUNT(texts); i++) {
        fprintf(file, " %s=", texts[i].name);
        print_quoted(file, texts[i].get(session));
    }
    fprintf(file, " resumed=%d verify_code=%d", sessile_tls_resumed(session), sessile_tls_verify_code(session));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        fprintf(file, " %s=%llu", numbers[i].name,
                (unsigned long long)sessile_session_counter(session, numbers[i].counter));
    }
    fputc('\n', file);
    fflush(file);
}

void facts_list(FILE *file, sessile_session *session, int error)
{
    fprintf(file, "  %-10s %s\n", "ended", error == 0 ? "clean" : sessile_error_name(error));
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *text = texts[i].get(session);
        if (*text != 0) {
            fprintf(file, "  %-10s %s\n", texts[i].name, text);
        }
    }
    fprintf(file, "  %-10s %s\n", "resumed", sessile_tls_resumed(session) ? "yes" : "no");
    for (size_t i = 0; i < COUNT(numbers); i++) {
        fprintf(file, "  %-10s %llu\n", numbers[i].name,
                (unsigned long long)sessile_session_counter(session, numbers[i].counter));
    }
}

void facts_json(FILE *file, sessile_session *session, int error, int status, unsigned long long bytes, double seconds)
{
    fprintf(file, "{\"status\": %d, \"error\": \"%s\"", status, error == 0 ? "OK" : sessile_error_name(error));
    for (size_t i = 0; i < COUNT(texts); i++) {
        fprintf(file, ", \"%s\": ", texts[i].name);
        print_quoted(file, texts[i].get(session));
    }
    fprintf(file, ", \"resumed\": %d, \"verify_code\": %d", sessile_tls_resumed(session),
            sessile_tls_verify_code(session));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        fprintf(file, ", \"%s\": %llu", numbers[i].name,
                (unsigned long long)sessile_session_counter(session, numbers[i].counter));
    }
    fprintf(file, ", \"bytes\": %llu, \"seconds\": %.6f}\n", bytes, seconds);
    fflush(file);
}
