/* SPDX-License-Identifier: Apache-2.0
 *
 * Resumption. A client's session leaves as a blob that is bound to the host and to the content of its config; a
 * server's tickets are sealed with the keys of the config that was chosen, and carry its digest (the session id
 * context), so that no session resumes under another.
 *
 * The blob: magic, version, config digest, host, libssl's own form of the session. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "session/guard.h"
#include "session/memory.h"
#include "tls/tls.h"

#define BLOB_MAGIC 0x53537331 /* "SSs1" */
#define BLOB_LIMIT 131072
/* The most tickets of one record that are told. */
#define TICKETS_LIMIT 16

static const char *resume_host(const struct tls *t)
{
    return t->host ? t->host : "";
}

int tls_new_session_callback(SSL *ssl, SSL_SESSION *ticket)
{
    struct tls *t = tls_of(ssl);
    struct writer blob = {0};
    unsigned char *at;
    int size;

    /* One record may have a thousand tickets, and each brings the server's certificate. */
    if (t->tickets >= TICKETS_LIMIT || !SSL_SESSION_is_resumable(ticket) || (size = i2d_SSL_SESSION(ticket, NULL)) <= 0)
        return 0;
    t->tickets++;
    put_u32(&blob, BLOB_MAGIC);
    put_bytes(&blob, t->config->digest, TLS_DIGEST_SIZE);
    put_sized16(&blob, resume_host(t), strlen(resume_host(t)));
    put_u32(&blob, (uint32_t)size);
    at = put_room(&blob, (size_t)size);
    if (at && i2d_SSL_SESSION(ticket, &at) == size && blob.size <= BLOB_LIMIT)
        tls_note(t, SESSILE_NOTICE_TLS_TICKET, blob.data, blob.size);
    writer_free(&blob);
    return 0; /* libssl keeps its own reference */
}

struct blob {
    const uint8_t *digest;
    struct reader host;
    struct reader ticket;
};

static int blob_read(struct blob *blob, const void *data, size_t size)
{
    struct reader r = reader_of(data, size);
    uint32_t magic = get_u32(&r);

    blob->digest = get_bytes(&r, TLS_DIGEST_SIZE);
    blob->host = get_sub16(&r);
    blob->ticket = get_sub32(&r);
    return reader_done(&r) && magic == BLOB_MAGIC ? SESSILE_OK : SESSILE_ERR_ARGUMENT;
}

int sessile_tls_resume(sessile_session *session, const void *data, size_t size)
{
    struct guard g;
    struct blob blob;
    struct tls *t;
    int result;

    if (!session || !data || size > BLOB_LIMIT || blob_read(&blob, data, size) < 0)
        return SESSILE_ERR_ARGUMENT;
    result = guard_enter_live(&g, session);
    if (result < 0)
        return result;
    result = tls_prepare(session, &t);
    if (result == SESSILE_OK) {
        mem_wipe_free(t->resume, t->resume_size);
        t->resume = mem_copy(data, size);
        t->resume_size = t->resume ? size : 0;
        result = t->resume ? SESSILE_OK : SESSILE_ERR_MEMORY;
    }
    return guard_leave(&g, result);
}

int tls_resume_offer(struct tls *t)
{
    struct blob blob;
    const unsigned char *at;
    SSL_SESSION *ticket;
    int offered = 1;

    if (!t->resume)
        return SESSILE_OK;
    if (blob_read(&blob, t->resume, t->resume_size) == SESSILE_OK &&
        !memcmp(blob.digest, t->config->digest, TLS_DIGEST_SIZE) && blob.host.left == strlen(resume_host(t)) &&
        !memcmp(blob.host.data, resume_host(t), blob.host.left)) {
        at = blob.ticket.data;
        ticket = d2i_SSL_SESSION(NULL, &at, (long)blob.ticket.left);
        offered = !ticket || SSL_set_session(t->ssl, ticket);
        SSL_SESSION_free(ticket);
        ERR_clear_error();
    }
    mem_wipe_free(t->resume, t->resume_size);
    t->resume = NULL;
    t->resume_size = 0;
    return offered ? SESSILE_OK : SESSILE_ERR_MEMORY;
}

int tls_ticket_key_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                            int sealing)
{
    const struct tls *t = tls_of(ssl);
    int result;

    /* TLS 1.2 sends its ticket within the handshake: none before the application's yes. */
    if (t->config->ticket_count == 0 || (sealing && t->confirm))
        return 0;
    result = tls_tickets_key(t->config->tickets, name, iv, cipher, mac, sealing);
    /* RFC 8446, section C.4: a ticket is used once, so that another takes its place. */
    return result == 1 && !sealing && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : result;
}
