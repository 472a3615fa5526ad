/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's choice by client hello: by the name that is asked for (SNI), or by a question.
 *
 * libssl stops in its client hello callback; the choice is made when it has been left. Another config gets a fresh SSL
 * object which reads the hello again, so that everything of that config applies: verification, trust, versions,
 * ciphers, application protocols. Changing the SSL_CTX of a running SSL object brings along only its certificate. */
#include <string.h>

#include <openssl/ssl.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "session/guard.h"
#include "session/memory.h"
#include "tls/tls.h"

/* What is kept of a hello that is not complete. */
#define HELLO_LIMIT 65536
#define NAME_LIMIT 255
/* How many of a kind a question tells: libssl judges the hello itself, later. */
#define LIST_LIMIT 256

struct tls_hello {
    struct writer records;
    sessile_tls_config *chosen;
    int seen;
    int decided;
    int refused;
    char sni[NAME_LIMIT + 1];
    size_t sni_size;
    struct writer alpn;     /* extension 16, its list */
    struct writer versions; /* two bytes each */
    struct writer ciphers;  /* two bytes each */
};

static const struct question_kind hello_kind = {SESSILE_QUESTION_TLS_HELLO, 1, 1u << SESSILE_ITEM_ALPN};

/* ---- inside libssl's callback: note what is asked for ---- */

static struct reader hello_extension(SSL *ssl, unsigned int type)
{
    const unsigned char *data = NULL;
    size_t size = 0;

    if (!SSL_client_hello_get0_ext(ssl, type, &data, &size))
        return reader_of(NULL, 0);
    return reader_of(data, size);
}

/* Empty where there is none, or none that counts: libssl judges what is malformed. */
static struct reader hello_name(SSL *ssl)
{
    struct reader ext = hello_extension(ssl, TLSEXT_TYPE_server_name);
    struct reader list = get_sub16(&ext);
    int type = get_u8(&list);
    struct reader name = get_sub16(&list);

    if (list.failed || type != TLSEXT_NAMETYPE_host_name || name.left > NAME_LIMIT)
        return reader_of(NULL, 0);
    return name;
}

static void hello_note_name(struct tls_hello *h, SSL *ssl)
{
    struct reader name = hello_name(ssl);

    h->sni_size = name.left;
    if (name.left)
        memcpy(h->sni, name.data, name.left);
}

/* RFC 8446, section 4.1.2: what is said again, when asked to, is the same. Else a client could be served by the config
 * of one name and pass for one that asked for another. */
static int hello_keeps_name(const struct tls_hello *h, SSL *ssl)
{
    struct reader name = hello_name(ssl);

    return name.left == h->sni_size && (!name.left || !memcmp(name.data, h->sni, name.left));
}

static void hello_note_lists(struct tls_hello *h, SSL *ssl)
{
    struct reader ext = hello_extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation);
    struct reader alpn = get_sub16(&ext);
    struct reader versions;
    const unsigned char *ciphers;
    size_t size;

    put_bytes(&h->alpn, alpn.data, alpn.left);
    ext = hello_extension(ssl, TLSEXT_TYPE_supported_versions);
    versions = get_sub8(&ext);
    if (versions.left)
        put_bytes(&h->versions, versions.data, versions.left);
    else
        put_u16(&h->versions, (uint16_t)SSL_client_hello_get0_legacy_version(ssl));
    size = SSL_client_hello_get0_ciphers(ssl, &ciphers);
    put_bytes(&h->ciphers, ciphers, size);
}

int tls_hello_callback(SSL *ssl, int *alert, void *unused)
{
    struct tls *t = tls_of(ssl);
    struct tls_hello *h = t->hello;

    (void)unused;
    if (!h)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (h->refused) {
        *alert = t->alert;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (h->decided && hello_keeps_name(h, ssl))
        return SSL_CLIENT_HELLO_SUCCESS;
    if (h->decided) {
        tls_why(t, SESSILE_ERR_PROTOCOL, "the client asks for another name when it says hello again");
        *alert = SSL_AD_ILLEGAL_PARAMETER;
        return SSL_CLIENT_HELLO_ERROR;
    }
    h->seen = 1;
    hello_note_name(h, ssl);
    hello_note_lists(h, ssl);
    if (h->alpn.failed || h->versions.failed || h->ciphers.failed) {
        tls_why(t, SESSILE_ERR_MEMORY, "no memory for the client hello");
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_RETRY;
}

/* ---- outside: choose ---- */

int tls_hello_keep(struct tls *t, const uint8_t *record, size_t size)
{
    struct writer *records;

    if (!t->hello || t->hello->seen)
        return SESSILE_OK;
    records = &t->hello->records;
    if (records->size + size > HELLO_LIMIT) {
        t->dead = 1;
        return session_fail(t->session, SESSILE_ERR_PROTOCOL,
                            "the peer's client hello is not complete after the limit of %d bytes", HELLO_LIMIT);
    }
    put_bytes(records, record, size);
    if (records->failed)
        return session_fail(t->session, SESSILE_ERR_MEMORY, "no memory for the client hello");
    return SESSILE_OK;
}

static int hello_go_on(struct tls *t)
{
    struct tls_hello *h = t->hello;
    int result;

    h->decided = 1;
    t->phase = TLS_HANDSHAKE;
    if (h->chosen && h->chosen != t->config) {
        sessile_tls_config_free(t->config);
        t->config = h->chosen;
        h->chosen = NULL;
        if (tls_start(t) < 0)
            return session_fail(t->session, SESSILE_ERR_MEMORY, "no memory to begin with the chosen config");
        t->window = h->records.data;
        t->window_left = h->records.size;
        t->replaying = 1;
    }
    result = tls_handshake(t);
    t->replaying = 0;
    return result;
}

static int hello_refuse(struct tls *t, int alert, int code, const char *why)
{
    t->hello->refused = 1;
    t->alert = alert;
    tls_why(t, code, why);
    t->phase = TLS_HANDSHAKE;
    return tls_handshake(t);
}

static const char *version_name(unsigned int version)
{
    switch (version) {
    case TLS1_3_VERSION:
        return "TLSv1.3";
    case TLS1_2_VERSION:
        return "TLSv1.2";
    case TLS1_1_VERSION:
        return "TLSv1.1";
    case TLS1_VERSION:
        return "TLSv1";
    default:
        return NULL;
    }
}

static void hello_add_text(sessile_question *question, int item, const char *text)
{
    if (text)
        question_add(question, item, text, strlen(text));
}

static sessile_question *hello_question(struct tls *t)
{
    struct tls_hello *h = t->hello;
    sessile_question *question = question_new(t->session, &hello_kind, NULL);
    struct reader list;
    struct reader name;
    const uint8_t *id;
    const SSL_CIPHER *cipher;

    if (h->sni_size)
        question_add(question, SESSILE_ITEM_SNI, h->sni, h->sni_size);
    list = reader_of(h->alpn.data, h->alpn.size);
    for (int i = 0; i < LIST_LIMIT && (name = get_sub8(&list)).left; i++) /* no name is empty: RFC 7301, section 3.1 */
        question_add(question, SESSILE_ITEM_ALPN, name.data, name.left);
    list = reader_of(h->versions.data, h->versions.size);
    for (int i = 0; i < LIST_LIMIT && list.left > 1; i++)
        hello_add_text(question, SESSILE_ITEM_VERSION, version_name(get_u16(&list)));
    list = reader_of(h->ciphers.data, h->ciphers.size);
    for (int i = 0; i < LIST_LIMIT && (id = get_bytes(&list, 2)); i++) {
        cipher = SSL_CIPHER_find(t->ssl, id);
        hello_add_text(question, SESSILE_ITEM_CIPHER, cipher ? SSL_CIPHER_standard_name(cipher) : NULL);
    }
    return question;
}

int tls_hello_ask(struct tls *t)
{
    struct tls_hello *h = t->hello;
    sessile_tls_config *chosen = h->sni_size ? tls_config_find_host(t->config, h->sni, h->sni_size) : NULL;

    if (!chosen && t->config->require_host)
        return hello_refuse(t, SSL_AD_UNRECOGNIZED_NAME, SESSILE_ERR_NEGOTIATION,
                            h->sni_size ? "the client asks for a name that is not served here"
                                        : "the client asks for no name, and one is required");
    h->chosen = chosen ? tls_config_keep(chosen) : NULL;
    if (!t->config->ask_hello && !(chosen && chosen->ask_hello))
        return hello_go_on(t);
    t->phase = TLS_ASKING_HELLO;
    session_ask(t->session, hello_question(t));
    return session_over(t->session) ? SESSILE_ERR_CLOSED : SESSILE_OK;
}

int tls_hello_answered(struct tls *t, sessile_question *question)
{
    sessile_tls_config *config = question_answer(question);
    const char *alpn;
    size_t size;

    if (question_outcome(question) != QUESTION_ACCEPTED)
        return hello_refuse(t, question_reason(question) ? question_reason(question) : SSL_AD_ACCESS_DENIED,
                            SESSILE_ERR_REFUSED, "the application refused the client hello");
    if (config) {
        sessile_tls_config_free(t->hello->chosen);
        t->hello->chosen = tls_config_keep(config);
    }
    alpn = question_given(question, SESSILE_ITEM_ALPN, &size);
    if (alpn && !(t->alpn = mem_copy(alpn, size)))
        return session_fail(t->session, SESSILE_ERR_MEMORY, "no memory for the application protocol's name");
    return hello_go_on(t);
}

void tls_hello_free(struct tls *t)
{
    struct tls_hello *h = t->hello;

    if (!h)
        return;
    writer_free(&h->records);
    writer_free(&h->alpn);
    writer_free(&h->versions);
    writer_free(&h->ciphers);
    sessile_tls_config_free(h->chosen);
    mem_free(h);
    t->hello = NULL;
}

int tls_hello_prepare(struct tls *t)
{
    const sessile_tls_config *config = t->config;

    if (!config->host_count && !config->ask_hello && !config->require_host)
        return SESSILE_OK;
    t->hello = mem_zalloc(sizeof *t->hello);
    return t->hello ? SESSILE_OK : SESSILE_ERR_MEMORY;
}

static void config_release(void *config)
{
    sessile_tls_config_free(config);
}

int sessile_tls_question_use_config(sessile_question *question, sessile_tls_config *config)
{
    struct guard g;
    int result;

    if (!question || !config || sessile_question_kind(question) != SESSILE_QUESTION_TLS_HELLO)
        return SESSILE_ERR_ARGUMENT;
    result = tls_config_seal(config, SESSILE_SERVER);
    if (result < 0 || (result = guard_enter_live(&g, question_session(question))) < 0)
        return result;
    if (!question_is_open(question))
        return guard_leave(&g, SESSILE_ERR_GONE);
    question_set_answer(question, tls_config_keep(config), config_release);
    return guard_leave(&g, SESSILE_OK);
}
