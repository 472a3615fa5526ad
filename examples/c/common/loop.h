/* SPDX-License-Identifier: Apache-2.0
 *
 * A small event loop on epoll: descriptors that become ready, things to do later, one kind of timer, and signals that
 * stop it. The sessions know nothing of it.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_BATCH 64
#define LOOP_SCRATCH 65536

struct loop;
struct later;

/* A descriptor that is watched. Embedded in what owns it; container and fd stay the owner's. */
struct watch {
    struct loop *loop;
    int fd;
    uint32_t events; /* asked for: EPOLLIN, EPOLLOUT */
    int always;      /* a regular file, which epoll does not take: always ready */
    void (*ready)(struct watch *watch, uint32_t events, void *owner);
    void *owner;
    struct watch *next; /* among those that are always ready */
};

/* Something to be done at a time, or never. Embedded in what owns it. */
struct timer {
    double at; /* seconds_now() */
    void (*ring)(void *owner);
    void *owner;
    struct timer *next;
};

struct loop {
    int epoll;
    int stop;
    struct epoll_event batch[LOOP_BATCH];
    int batch_size;
    struct watch *always;
    struct timer *timers;
    struct later *later;
    struct watch signals;
    uint8_t scratch[LOOP_SCRATCH]; /* for whoever reads, until it returns to the loop */
};

/* Dies where the system has no more descriptors. SIGPIPE is ignored from here on. */
void loop_init(struct loop *loop);
void loop_free(struct loop *loop);
/* SIGTERM and SIGINT stop the loop. */
void loop_stop_on_signals(struct loop *loop);
/* Watch a signal, which is blocked from here on. ready begins with watch_signal_take(); the owner closes the watch and
 * its descriptor. */
void watch_signal(struct watch *watch, struct loop *loop, int number, void (*ready)(struct watch *, uint32_t, void *),
                  void *owner);
void watch_signal_take(struct watch *watch);
/* In a child process, before it becomes another program: no signal is blocked or ignored. */
void loop_forget_signals(void);
/* Until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Call once the event at hand is done with, when none of its frames is on the stack. */
void loop_later(struct loop *loop, void (*call)(void *owner), void *owner);
/* Call what waits for that now, for the end of a program. */
void loop_drain(struct loop *loop);

/* Watches nothing yet. */
void watch_open(struct watch *watch, struct loop *loop, int fd, void (*ready)(struct watch *, uint32_t, void *),
                void *owner);
/* Ask for events from now on: EPOLLIN, EPOLLOUT, both or 0. */
void watch_want(struct watch *watch, uint32_t events);
/* ready is not called any more. Does not close the descriptor. */
void watch_close(struct watch *watch);

void timer_start(struct timer *timer, struct loop *loop, double seconds, void (*ring)(void *owner), void *owner);
void timer_stop(struct timer *timer, struct loop *loop);

#endif
