/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream joined to descriptors: what arrives on the stream is written to a sink, its second flow to another; what a
 * source has to read is written to the stream. In bounded memory both ways: the stream is in manual credit, and a
 * source is not read while the stream takes nothing.
 *
 * A pump lives from pump_new() until its stream is closed, or was never there, and its sinks are written out; then it
 * frees itself.
 */
#ifndef COMMON_PUMP_H
#define COMMON_PUMP_H

#include <sessile/session.h>
#include <sessile/stream.h>

#include "common/loop.h"

struct pump;

/* A descriptor that is read for the stream. */
struct source {
    struct pump *pump;
    struct watch watch;
    char *rest; /* what the stream did not take yet */
    size_t start;
    size_t size;
    unsigned second : 1; /* for the second flow */
    unsigned open : 1;
};

/* A descriptor that the stream's bytes are written to. */
struct sink {
    struct pump *pump;
    struct watch watch;
    char *queue;
    size_t start;
    size_t size;
    size_t capacity;
    unsigned open : 1;
    unsigned ending : 1; /* closed once the queue is out */
    unsigned broken : 1;
};

/* What the owner wants to know; each may be NULL. */
struct pump_hooks {
    /* Something of sessile_on_request's. */
    void (*request)(struct pump *pump, int request);
    /* All that the sources had to say was taken by the stream. NULL: the stream is ended then. */
    void (*drained)(struct pump *pump);
    /* The stream is closed. The sinks may have more to write. */
    void (*closed)(struct pump *pump, int error);
    /* The last call; the descriptors are closed. */
    void (*gone)(struct pump *pump);
};

struct pump {
    struct loop *loop;
    sessile_stream *stream; /* NULL: none yet, or not any more */
    const struct pump_hooks *hooks;
    void *owner;
    struct source sources[2];
    struct sink sinks[2];
    unsigned drained : 1;
    unsigned over : 1;
    unsigned joined : 1; /* both ways to one socket */
};

struct pump *pump_new(struct loop *loop, const struct pump_hooks *hooks, void *owner);
/* For calls that open a stream; the pump is their app. */
sessile_callbacks *pump_callbacks(void);
/* Give back what pump_callbacks() made, at the end of the program. */
void pump_forget_callbacks(void);
/* The stream that was opened with the pump's callbacks. NULL: it could not be, and the pump goes. */
void pump_attach(struct pump *pump, sessile_stream *stream);
/* The same for a stream that has other callbacks: it gets the pump's. */
void pump_take(struct pump *pump, sessile_stream *stream);

/* Descriptors are the pump's from here on. flow: 0, or 1 for the second. */
void pump_read_from(struct pump *pump, int fd, int flow);
void pump_write_to(struct pump *pump, int fd, int flow);
/* A socket, both ways. */
void pump_join(struct pump *pump, int fd);
/* Bytes to go to the stream, once it is open, before what the sources have. */
void pump_say(struct pump *pump, const void *data, size_t size);
/* It is open. */
void pump_begin(struct pump *pump);
/* Read no more. What was read still goes out. */
void pump_stop_reading(struct pump *pump);
/* Drop what waits to be written, and close the sinks. */
void pump_cut(struct pump *pump);

#endif
