/* SPDX-License-Identifier: Apache-2.0
 *
 * libssl without Sessile, as a program would use it that knows its wire, with buffers kept from call to call:
 *
 * - over a bare custom BIO, which reads from a span and writes to a buffer that is handed over whole;
 * - over memory BIOs, two at each end: what is in the one is written into the other end's, as a wire would bring it;
 * - over memory BIOs of which each is one end's output and the other end's input at once. There is no wire in between
 *   then, so that this can be done in a test only; it is the fastest that memory BIOs can be.
 *
 * A writer hands over after each PIECE: less would cost calls, more would leave the cache. */
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ways.h"

#define PIECE 65536

struct end {
    SSL *ssl;
    struct end *peer;
    const uint8_t *window; /* custom BIO: what may be read now */
    size_t window_left;
    struct flight out; /* custom BIO: what was written */
    uint64_t received;
    int echo;
    uint8_t data[RECORD_SIZE];
};

struct pair {
    const struct way *way;
    int held;
    struct end ends[2];
};

/* The last ticket that came, in the form in which a program keeps it; for all of these ways: they are the same to a
 * server. */
static struct flight ticket;
static SSL_CTX *contexts[2];
static BIO_METHOD *method;

/* ---- the custom BIO ---- */

static int span_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct end *end = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *got = 0;
    if (!end->window_left) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *got = size < end->window_left ? size : end->window_left;
    memcpy(data, end->window, *got);
    end->window += *got;
    end->window_left -= *got;
    return 1;
}

static int span_write(BIO *bio, const char *data, size_t size, size_t *put)
{
    struct end *end = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    memcpy(flight_extend(&end->out, size), data, size);
    *put = size;
    return 1;
}

static long span_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* ---- set up ---- */

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    unsigned char *at;

    (void)ssl;
    ticket.size = 0;
    at = flight_extend(&ticket, (size_t)i2d_SSL_SESSION(session, NULL));
    must(i2d_SSL_SESSION(session, &at) == (int)ticket.size);
    return 0; /* libssl keeps its reference */
}

static void resume_from_ticket(SSL *ssl)
{
    const unsigned char *at = ticket.data;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)ticket.size);

    must(session && SSL_set_session(ssl, session));
    SSL_SESSION_free(session);
}

static X509 *read_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    must(certificate != NULL);
    BIO_free(bio);
    return certificate;
}

static void set_up_client(SSL_CTX *context, const struct identity *identity)
{
    X509 *authority = read_certificate(identity->authority);

    must(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority));
    X509_free(authority);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
}

static void set_up_server(SSL_CTX *context, const struct identity *identity)
{
    X509 *certificate = read_certificate(identity->chain);
    BIO *bio = BIO_new_mem_buf(identity->key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    must(SSL_CTX_use_certificate(context, certificate) && SSL_CTX_use_PrivateKey(context, key));
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    EVP_PKEY_free(key);
    BIO_free(bio);
    X509_free(certificate);
}

static void set_up(const struct way *way, const struct identity *identity)
{
    (void)way;
    if (method)
        return;
    for (int i = 0; i < 2; i++) {
        must((contexts[i] = SSL_CTX_new(TLS_method())) != NULL);
        must(SSL_CTX_set_min_proto_version(contexts[i], TLS1_3_VERSION));
        must(SSL_CTX_set_ciphersuites(contexts[i], CIPHER));
    }
    set_up_client(contexts[CLIENT], identity);
    set_up_server(contexts[SERVER], identity);
    must((method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 126, "span")) != NULL);
    BIO_meth_set_read_ex(method, span_read);
    BIO_meth_set_write_ex(method, span_write);
    BIO_meth_set_ctrl(method, span_ctrl);
}

/* ---- carrying ---- */

static void hand_over(struct pair *pair, struct end *from);

static int has_input(const struct pair *pair, const struct end *end)
{
    return pair->way->wire == SPAN ? end->window_left != 0 : BIO_pending(SSL_get_rbio(end->ssl)) != 0;
}

/* What has arrived, at an end that has shaken hands or now does. */
static void read_all(struct pair *pair, struct end *end)
{
    size_t size;

    while (has_input(pair, end)) {
        if (!SSL_read_ex(end->ssl, end->data, sizeof end->data, &size)) {
            must(SSL_want_read(end->ssl));
            continue;
        }
        end->received += size;
        if (end->echo)
            must(SSL_write_ex(end->ssl, end->data, size, &size));
    }
    hand_over(pair, end);
}

static void hand_over_span(struct end *from)
{
    from->peer->window = from->out.data;
    from->peer->window_left = from->out.size;
    from->out.size = 0;
}

static void hand_over_memory(struct end *from)
{
    BIO *out = SSL_get_wbio(from->ssl);
    char *data;
    long size = BIO_get_mem_data(out, &data);

    if (!size)
        return;
    must(BIO_write(SSL_get_rbio(from->peer->ssl), data, (int)size) == size);
    BIO_reset(out);
}

static void hand_over(struct pair *pair, struct end *from)
{
    if (pair->held)
        return;
    if (pair->way->wire == SPAN && from->out.size)
        hand_over_span(from);
    else if (pair->way->wire == MEMORY)
        hand_over_memory(from);
    if (has_input(pair, from->peer))
        read_all(pair, from->peer);
}

static void push(struct pair *pair, int end, const void *data, size_t size)
{
    struct end *from = &pair->ends[end];
    const uint8_t *at = data;
    size_t piece;

    for (; size; at += piece, size -= piece) {
        must(SSL_write_ex(from->ssl, at, size < PIECE ? size : PIECE, &piece));
        hand_over(pair, from);
    }
}

/* ---- a connection ---- */

static BIO *new_bio(const BIO_METHOD *kind)
{
    BIO *bio = BIO_new(kind);

    must(bio != NULL);
    return bio;
}

static void wire_span(struct end *end)
{
    BIO *bio = new_bio(method);

    BIO_set_data(bio, end);
    BIO_set_init(bio, 1);
    SSL_set_bio(end->ssl, bio, bio);
}

static void wire_shared_memory(struct end *from)
{
    BIO *bio = new_bio(BIO_s_mem());

    BIO_up_ref(bio);
    SSL_set0_wbio(from->ssl, bio);
    SSL_set0_rbio(from->peer->ssl, bio);
}

static void wire_end(struct pair *pair, int i)
{
    struct end *end = &pair->ends[i];

    if (pair->way->wire == SPAN)
        wire_span(end);
    else if (pair->way->wire == SHARED_MEMORY)
        wire_shared_memory(end);
    else
        SSL_set_bio(end->ssl, new_bio(BIO_s_mem()), new_bio(BIO_s_mem()));
}

static struct pair *open_pair(const struct way *way, int resume)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct end *ends = pair->ends;

    pair->way = way;
    for (int i = 0; i < 2; i++) {
        ends[i].peer = &ends[!i];
        must((ends[i].ssl = SSL_new(contexts[i])) != NULL);
        SSL_set_mode(ends[i].ssl, way->mode);
    }
    wire_end(pair, CLIENT);
    wire_end(pair, SERVER);
    must(SSL_set_tlsext_host_name(ends[CLIENT].ssl, HOST) && SSL_set1_host(ends[CLIENT].ssl, HOST));
    if (resume)
        resume_from_ticket(ends[CLIENT].ssl);
    SSL_set_connect_state(ends[CLIENT].ssl);
    SSL_set_accept_state(ends[SERVER].ssl);
    must(SSL_do_handshake(ends[CLIENT].ssl) < 0 && SSL_want_read(ends[CLIENT].ssl));
    hand_over(pair, &ends[CLIENT]);
    must(SSL_is_init_finished(ends[CLIENT].ssl) && SSL_is_init_finished(ends[SERVER].ssl));
    must(SSL_session_reused(ends[CLIENT].ssl) == resume);
    return pair;
}

static void close_end(struct pair *pair, int end)
{
    SSL_free(pair->ends[end].ssl);
    pair->ends[end].ssl = NULL;
    free(pair->ends[end].out.data);
    pair->ends[end].out.data = NULL;
}

static void close_pair(struct pair *pair)
{
    close_end(pair, CLIENT);
    close_end(pair, SERVER);
    free(pair);
}

static void set_echo(struct pair *pair, int on)
{
    pair->ends[SERVER].echo = on;
}

static uint64_t received(const struct pair *pair, int end)
{
    return pair->ends[end].received;
}

static void hold(struct pair *pair)
{
    pair->held = 1;
}

static size_t feed(struct pair *pair, size_t step)
{
    struct end *server = &pair->ends[SERVER];
    struct flight *held = &pair->ends[CLIENT].out;
    size_t size = held->size;
    size_t done = 0;

    pair->held = 0;
    held->size = 0;
    for (; done < size; done += step < size - done ? step : size - done) {
        server->window = held->data + done;
        server->window_left = step < size - done ? step : size - done;
        read_all(pair, server);
    }
    return size;
}

#define COMMON                                                                                                         \
    .set_up = set_up, .open = open_pair, .close_end = close_end, .close = close_pair, .push = push,                    \
    .set_echo = set_echo, .received = received

const struct way way_raw = {COMMON,       .name = "raw", .what = "libssl over a bare custom BIO",
                            .wire = SPAN, .hold = hold,  .feed = feed};
const struct way way_raw_released = {COMMON,
                                     .name = "raw_released",
                                     .what = "the same with SSL_MODE_RELEASE_BUFFERS",
                                     .wire = SPAN,
                                     .hold = hold,
                                     .feed = feed,
                                     .mode = SSL_MODE_RELEASE_BUFFERS};
const struct way way_memory = {COMMON, .name = "memory", .what = "libssl over memory BIOs (BIO_s_mem), two at each end",
                               .wire = MEMORY};
const struct way way_memory_shared = {COMMON, .name = "memory_shared", .what = "the same without a wire: two in all",
                                      .wire = SHARED_MEMORY};
const struct way way_memory_released = {COMMON, .name = "memory_released",
                                        .what = "the same with SSL_MODE_RELEASE_BUFFERS", .wire = MEMORY,
                                        .mode = SSL_MODE_RELEASE_BUFFERS};
