/* SPDX-License-Identifier: Apache-2.0
 *
 * libssl's wire: a BIO that reads from the caller's bytes and writes to the outbox. It never has half a record: at the
 * end of one, libssl is told to come again. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "tls/tls.h"

static BIO_METHOD *method;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static int tls_bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct tls *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *got = 0;
    if (!t->window_left) {
        BIO_set_retry_read(bio);
        return 0;
    }
    if (size > t->window_left)
        size = t->window_left;
    memcpy(data, t->window, size);
    t->window += size;
    t->window_left -= size;
    *got = size;
    return 1;
}

static int tls_bio_write(BIO *bio, const char *data, size_t size, size_t *put)
{
    struct tls *t = BIO_get_data(bio);
    uint8_t *room;

    BIO_clear_retry_flags(bio);
    *put = size;
    if (t->sent_close) /* libssl answers key updates all the same, and what follows may be plain text */
        return 1;
    *put = 0;
    if (!(room = outbox_extend(t->session, size))) {
        tls_why(t, SESSILE_ERR_MEMORY, "no memory for what is to be sent");
        return -1; /* libssl 3.5 takes 0 for a success */
    }
    memcpy(room, data, size);
    *put = size;
    return 1;
}

static long tls_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void tls_bio_make_method(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "sessile");

    if (made && BIO_meth_set_read_ex(made, tls_bio_read) && BIO_meth_set_write_ex(made, tls_bio_write) &&
        BIO_meth_set_ctrl(made, tls_bio_ctrl))
        method = made;
    else
        BIO_meth_free(made);
}

__attribute__((destructor)) static void tls_bio_free_method(void)
{
    BIO_meth_free(method);
    method = NULL;
}

BIO *tls_bio_new(struct tls *t)
{
    BIO *bio;

    if (!CRYPTO_THREAD_run_once(&once, tls_bio_make_method) || !method || !(bio = BIO_new(method)))
        return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* The reading side is never wrapped by libssl, so that it leads back without a slot in the SSL object. */
struct tls *tls_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
