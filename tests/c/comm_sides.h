/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the helpers for comms layers share: TLS sessions as an application has them, two inboxes with byte
 * queues between them that a test pumps in pieces of any size, and two sessions back to back.
 */
#ifndef TESTS_COMM_SIDES_H
#define TESTS_COMM_SIDES_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sessile.h>

#define BIG (3 * 1024 * 1024)

/* BIG bytes that do not repeat soon, from make_configs() to free_configs(). */
extern uint8_t *big;
/* Group fixtures. */
int make_configs(void **state);
int free_configs(void **state);

/* One end of a session, as an application sees it. */
struct side {
    sessile_session *session;
    sessile_stream *stream;
    uint8_t *got;
    size_t got_size;
    const uint8_t *out; /* written as the stream takes it */
    size_t out_size;
    int ready;
    int ended;
    int closed;
    int error;
    int end_with_peer;
    int writing;
    int again;
    int (*on_data)(struct side *side); /* after each piece */
    struct side *other;
    void *extra;
};

/* Connect or accept with side->session. Returns the library's answer. */
int side_start(struct side *side, int role);
/* Write, now and as the stream takes it. data is borrowed. */
void side_send(struct side *side, const void *data, size_t size);
void side_write(struct side *side);
/* May be called again. */
void side_free(struct side *side);
void assert_got(const struct side *side, const void *data, size_t size);

/* A comms layer with an inbox; what its session sends waits in a queue. */
struct port {
    struct side side;
    sessile_inbox *inbox;
    uint8_t *queue; /* sent by this side */
    size_t queue_size;
    int closes;
    int releases;
    int rooms;
    int received; /* what the last receive returned */
};

struct link {
    struct port client;
    struct port server;
};

/* 0, or -1 where there is no memory. */
int port_open(struct port *port, struct port *other);
/* Hand in what the other side has sent, in pieces. Returns whether there was anything. */
int port_feed(struct port *port, struct port *from, size_t piece);
/* The send callback. */
int port_send(void *handle, void *buffer, size_t size);
void link_open(struct link *link);
void link_shake_hands(struct link *link, size_t piece);
/* Until both queues are empty. */
void link_pump(struct link *link, size_t piece);
void link_free(struct link *link);

/* A pair. */
struct two {
    struct side client;
    struct side server;
};

void two_shake_hands(struct two *two);
void two_free(struct two *two);

#endif
