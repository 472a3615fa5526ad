/* SPDX-License-Identifier: Apache-2.0
 *
 * Two Sessile sessions whose send callbacks call each other's receive: no queue and no copy between them. */
#include <stdlib.h>
#include <string.h>

#include <sessile/sessile.h>

#include "ways.h"

struct end {
    sessile_session *session;
    sessile_stream *stream;
    struct end *peer;
    struct flight *held; /* where its bytes go instead of to the peer, or NULL */
    uint64_t received;
    int ready;
    int echo;
};

struct pair {
    struct end ends[2];
    struct flight held;
};

static sessile_tls_config *configs[2];
static sessile_callbacks *callbacks;
static struct flight ticket;

static int comm_send(void *handle, void *buffer, size_t size)
{
    struct end *end = handle;

    if (end->held) {
        memcpy(flight_extend(end->held, size), buffer, size);
        return 0;
    }
    return sessile_session_receive(end->peer->session, buffer, size) == (int)size ? 0 : -1;
}

static int on_ready(sessile_session *session, void *app)
{
    struct end *end = app;

    end->ready = 1;
    end->stream = sessile_session_stream(session);
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct end *end = app;

    end->received += size;
    if (end->echo)
        must(sessile_stream_write(stream, data, size) == (int)size);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    (void)session, (void)app;
    must(kind == SESSILE_NOTICE_TLS_TICKET);
    ticket.size = 0;
    memcpy(flight_extend(&ticket, size), data, size);
    return 0;
}

static sessile_tls_config *make_config(int role, const struct identity *identity)
{
    sessile_tls_config *config = sessile_tls_config_new(role);

    must(sessile_tls_config_set_versions(config, SESSILE_TLS_1_3, SESSILE_TLS_1_3) == 0);
    must(sessile_tls_config_set_ciphersuites(config, CIPHER) == 0);
    if (role == SESSILE_CLIENT) {
        must(sessile_tls_config_trust(config, identity->authority, strlen(identity->authority)) == 0);
    } else {
        must(sessile_tls_config_set_certificate(config, identity->chain, strlen(identity->chain)) == 0);
        must(sessile_tls_config_set_key(config, identity->key, strlen(identity->key)) == 0);
    }
    must(sessile_tls_config_check(config) == 0);
    return config;
}

static void set_up(const struct way *way, const struct identity *identity)
{
    (void)way;
    configs[CLIENT] = make_config(SESSILE_CLIENT, identity);
    configs[SERVER] = make_config(SESSILE_SERVER, identity);
    must((callbacks = sessile_callbacks_new()) != NULL);
    must(sessile_callbacks_set_ready(callbacks, on_ready) == 0);
    must(sessile_callbacks_set_data(callbacks, on_data) == 0);
    must(sessile_callbacks_set_notice(callbacks, on_notice) == 0);
}

static struct pair *open_pair(const struct way *way, int resume)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct end *ends = pair->ends;

    (void)way;
    for (int i = 0; i < 2; i++) {
        ends[i].peer = &ends[!i];
        must((ends[i].session = sessile_session_create(&ends[i], comm_send, NULL)) != NULL);
    }
    if (resume)
        must(sessile_tls_resume(ends[CLIENT].session, ticket.data, ticket.size) == 0);
    must(sessile_tls_accept(ends[SERVER].session, configs[SERVER], callbacks, &ends[SERVER]) == 0);
    must(sessile_tls_connect(ends[CLIENT].session, configs[CLIENT], HOST, callbacks, &ends[CLIENT]) == 0);
    must(ends[CLIENT].ready && ends[SERVER].ready);
    must(sessile_tls_resumed(ends[CLIENT].session) == resume);
    return pair;
}

static void close_end(struct pair *pair, int end)
{
    sessile_session_free(pair->ends[end].session);
    pair->ends[end].session = NULL;
}

static void close_pair(struct pair *pair)
{
    close_end(pair, CLIENT);
    close_end(pair, SERVER);
    free(pair->held.data);
    free(pair);
}

static void push(struct pair *pair, int end, const void *data, size_t size)
{
    must(sessile_stream_write(pair->ends[end].stream, data, size) == (int)size);
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
    pair->held.size = 0;
    pair->ends[CLIENT].held = &pair->held;
}

/* A comms layer that reads step bytes at a time, and keeps and offers again what was not taken. */
static size_t feed(struct pair *pair, size_t step)
{
    const struct flight *held = &pair->held;
    sessile_session *server = pair->ends[SERVER].session;
    size_t start = 0;
    size_t end = 0;
    int taken;

    pair->ends[CLIENT].held = NULL;
    while (end < held->size) {
        end = step < held->size - end ? end + step : held->size;
        taken = sessile_session_receive(server, held->data + start, end - start);
        must(taken >= 0);
        start += (size_t)taken;
    }
    must(start == held->size);
    return held->size;
}

const struct way way_sessile = {
    .name = "sessile",
    .what = "two Sessile sessions, wired send to receive",
    .set_up = set_up,
    .open = open_pair,
    .close_end = close_end,
    .close = close_pair,
    .push = push,
    .set_echo = set_echo,
    .received = received,
    .hold = hold,
    .feed = feed,
};
