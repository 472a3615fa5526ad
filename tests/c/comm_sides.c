/* SPDX-License-Identifier: Apache-2.0
 *
 * See comm_sides.h.
 */
#include "comm_sides.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pki.h"

#define HOST "comm.example"

/* ---- both ends of a session, as an application ---- */

static sessile_tls_config *client_config;
static sessile_tls_config *server_config;
static sessile_callbacks *callbacks;
uint8_t *big;

/* writable may come before a short write has returned. */
void side_write(struct side *side)
{
    side->again = 1;
    while (side->again && !side->writing && side->out_size > 0) {
        side->again = 0;
        side->writing = 1;
        int taken = sessile_stream_write(side->stream, side->out, side->out_size);
        side->writing = 0;
        side->out += taken > 0 ? taken : 0;
        side->out_size -= taken > 0 ? (size_t)taken : 0;
    }
}

void side_send(struct side *side, const void *data, size_t size)
{
    side->out = data;
    side->out_size = size;
    side_write(side);
}

static int on_ready(sessile_session *session, void *app)
{
    struct side *side = app;
    (void)session;
    side->ready++;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct side *side = app;
    (void)stream;
    side->got = realloc(side->got, side->got_size + size);
    assert_non_null(side->got);
    memcpy(side->got + side->got_size, data, size);
    side->got_size += size;
    return side->on_data != NULL ? side->on_data(side) : 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    struct side *side = app;
    side->ended++;
    if (side->end_with_peer) {
        sessile_stream_end(stream);
    }
    return 0;
}

static int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    side_write(app);
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct side *side = app;
    (void)session;
    side->closed++;
    side->error = error;
}

int side_start(struct side *side, int role)
{
    side->end_with_peer = 1;
    side->error = 1;
    int r = role == SESSILE_SERVER ? sessile_tls_accept(side->session, server_config, callbacks, side)
                                   : sessile_tls_connect(side->session, client_config, HOST, callbacks, side);
    side->stream = sessile_stream_keep(sessile_session_stream(side->session));
    return r;
}

void side_free(struct side *side)
{
    sessile_session_free(side->session);
    side->session = NULL;
    sessile_stream_free(side->stream);
    side->stream = NULL;
    free(side->got);
    side->got = NULL;
    side->got_size = 0;
}

void assert_got(const struct side *side, const void *data, size_t size)
{
    assert_int_equal(side->got_size, size);
    assert_memory_equal(side->got, data, size);
}

int make_configs(void **state)
{
    (void)state;
    struct pki *ca = pki_new("ec");
    struct pki *server = pki_server(ca, "ec", HOST);
    char *ca_pem = pki_certificate_pem(ca);
    char *chain = pki_chain_pem(server);
    char *key = pki_key_pem(server, NULL);
    client_config = sessile_tls_config_new(SESSILE_CLIENT);
    server_config = sessile_tls_config_new(SESSILE_SERVER);
    assert_int_equal(sessile_tls_config_trust(client_config, ca_pem, strlen(ca_pem)), 0);
    assert_int_equal(sessile_tls_config_set_certificate(server_config, chain, strlen(chain)), 0);
    assert_int_equal(sessile_tls_config_set_key(server_config, key, strlen(key)), 0);
    assert_int_equal(sessile_tls_config_set_ticket_count(server_config, 0), 0);
    assert_int_equal(sessile_tls_config_check(client_config), 0);
    assert_int_equal(sessile_tls_config_check(server_config), 0);
    free(ca_pem);
    free(chain);
    free(key);
    pki_free(server);
    pki_free(ca);
    callbacks = sessile_callbacks_new();
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_writable(callbacks, on_writable);
    sessile_callbacks_set_closed(callbacks, on_closed);
    big = malloc(BIG);
    assert_non_null(big);
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (uint8_t)(i * 31 + (i >> 9));
    }
    return 0;
}

int free_configs(void **state)
{
    (void)state;
    sessile_callbacks_free(callbacks);
    sessile_tls_config_free(client_config);
    sessile_tls_config_free(server_config);
    free(big);
    return 0;
}

/* ---- two inboxes and the bytes between them ---- */

int port_send(void *handle, void *buffer, size_t size)
{
    struct port *port = handle;
    port->queue = realloc(port->queue, port->queue_size + size);
    assert_non_null(port->queue);
    memcpy(port->queue + port->queue_size, buffer, size);
    memset(buffer, 0xdd, size); /* which is allowed */
    port->queue_size += size;
    return 0;
}

static void port_close(void *handle)
{
    ((struct port *)handle)->closes++;
}

static void port_release(void *handle)
{
    struct port *port = handle;
    port->releases++;
    port->side.session = NULL;
    port->inbox = NULL;
}

static void port_room(void *handle)
{
    ((struct port *)handle)->rooms++;
}

int port_open(struct port *port, struct port *other)
{
    memset(port, 0, sizeof *port);
    port->side.other = &other->side;
    port->side.extra = port;
    port->inbox = sessile_inbox_create(port, port_send, port_close, &port->side.session);
    if (port->inbox == NULL) {
        return -1;
    }
    sessile_inbox_set_release(port->inbox, port_release);
    sessile_inbox_set_room(port->inbox, port_room);
    return 0;
}

int port_feed(struct port *port, struct port *from, size_t piece)
{
    uint8_t *data = from->queue;
    size_t size = from->queue_size;
    from->queue = NULL;
    from->queue_size = 0;
    for (size_t at = 0; at < size && port->inbox != NULL; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(n); /* its end is where a sanitizer sees it */
        assert_non_null(copy);
        memcpy(copy, data + at, n);
        port->received = sessile_inbox_receive(port->inbox, copy, n);
        free(copy);
    }
    free(data);
    return size > 0;
}

void link_pump(struct link *link, size_t piece)
{
    while (port_feed(&link->server, &link->client, piece) || port_feed(&link->client, &link->server, piece)) {
    }
}

void link_open(struct link *link)
{
    assert_int_equal(port_open(&link->client, &link->server), 0);
    assert_int_equal(port_open(&link->server, &link->client), 0);
}

void link_shake_hands(struct link *link, size_t piece)
{
    link_open(link);
    assert_int_equal(side_start(&link->server.side, SESSILE_SERVER), 0);
    assert_int_equal(side_start(&link->client.side, SESSILE_CLIENT), 0);
    link_pump(link, piece);
    assert_int_equal(link->client.side.ready, 1);
    assert_int_equal(link->server.side.ready, 1);
}

void link_free(struct link *link)
{
    side_free(&link->client.side);
    side_free(&link->server.side);
    assert_int_equal(link->client.releases, 1);
    assert_int_equal(link->server.releases, 1);
    free(link->client.queue);
    free(link->server.queue);
}

void two_shake_hands(struct two *two)
{
    memset(two, 0, sizeof *two);
    two->client.other = &two->server;
    two->server.other = &two->client;
    assert_int_equal(sessile_pair(&two->client.session, &two->server.session), 0);
    assert_int_equal(side_start(&two->client, SESSILE_CLIENT), 0);
    assert_int_equal(side_start(&two->server, SESSILE_SERVER), 0);
    assert_int_equal(two->client.ready, 1);
    assert_int_equal(two->server.ready, 1);
}

void two_free(struct two *two)
{
    side_free(&two->client);
    side_free(&two->server);
}
