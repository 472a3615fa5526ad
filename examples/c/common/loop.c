/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop. A watch that is closed while its event waits in the batch at hand is taken out of it, so that its
 * owner may be freed at any time.
 */
#include "common/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/util.h"

struct later {
    void (*call)(void *owner);
    void *owner;
    struct later *next;
};

void loop_init(struct loop *loop)
{
    memset(loop, 0, sizeof *loop);
    loop->signals.fd = -1;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        die("epoll: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
}

void loop_drain(struct loop *loop)
{
    while (loop->later != NULL) {
        struct later *later = loop->later;
        loop->later = later->next;
        later->call(later->owner);
        free(later);
    }
}

void loop_free(struct loop *loop)
{
    loop_drain(loop);
    if (loop->signals.fd >= 0) {
        watch_close(&loop->signals);
        close(loop->signals.fd);
    }
    close(loop->epoll);
}

static void on_signal(struct watch *watch, uint32_t events, void *owner)
{
    struct signalfd_siginfo info;
    (void)events;
    if (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        loop_stop(owner);
    }
}

void loop_stop_on_signals(struct loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        die("signalfd: %s", strerror(errno));
    }
    watch_open(&loop->signals, loop, fd, on_signal, loop);
    watch_want(&loop->signals, EPOLLIN);
}

void watch_signal(struct watch *watch, struct loop *loop, int number, void (*ready)(struct watch *, uint32_t, void *),
                  void *owner)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        die("signalfd: %s", strerror(errno));
    }
    watch_open(watch, loop, fd, ready, owner);
    watch_want(watch, EPOLLIN);
}

void watch_signal_take(struct watch *watch)
{
    struct signalfd_siginfo info;
    while (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info) {
    }
}

void loop_forget_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL); /* what cannot be set is not ours to ignore either */
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void loop_stop(struct loop *loop)
{
    loop->stop = 1;
}

void loop_later(struct loop *loop, void (*call)(void *owner), void *owner)
{
    struct later *later = need_alloc(sizeof *later);
    later->call = call;
    later->owner = owner;
    later->next = loop->later;
    loop->later = later;
}

/* Milliseconds until the next timer, rounded up; -1: none. */
static int loop_patience(const struct loop *loop)
{
    if (loop->stop || loop->later != NULL) {
        return 0;
    }
    for (const struct watch *watch = loop->always; watch != NULL; watch = watch->next) {
        if (watch->events != 0) {
            return 0;
        }
    }
    double at = -1;
    for (const struct timer *timer = loop->timers; timer != NULL; timer = timer->next) {
        at = at < 0 || timer->at < at ? timer->at : at;
    }
    if (at < 0) {
        return -1;
    }
    double left = at - seconds_now();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

static void loop_ring(struct loop *loop)
{
    double now = seconds_now();
    struct timer *timer = loop->timers;
    while (timer != NULL) {
        if (timer->at > now) {
            timer = timer->next;
            continue;
        }
        timer_stop(timer, loop);
        timer->ring(timer->owner);
        timer = loop->timers; /* The list may be another one now. */
    }
}

static void loop_do_always(struct loop *loop)
{
    for (struct watch *watch = loop->always; watch != NULL; watch = watch->next) {
        if (watch->events != 0) {
            watch->ready(watch, watch->events, watch->owner);
            return; /* The list may be another one now; the next turn is at once. */
        }
    }
}

void loop_run(struct loop *loop)
{
    while (!loop->stop) {
        int n = epoll_wait(loop->epoll, loop->batch, LOOP_BATCH, loop_patience(loop));
        if (n < 0 && errno != EINTR) {
            die("epoll: %s", strerror(errno));
        }
        loop->batch_size = n > 0 ? n : 0;
        for (int i = 0; i < loop->batch_size; i++) {
            struct watch *watch = loop->batch[i].data.ptr;
            if (watch != NULL) {
                watch->ready(watch, loop->batch[i].events, watch->owner);
            }
        }
        loop->batch_size = 0;
        loop_do_always(loop);
        loop_ring(loop);
        loop_drain(loop);
    }
}

void watch_open(struct watch *watch, struct loop *loop, int fd, void (*ready)(struct watch *, uint32_t, void *),
                void *owner)
{
    memset(watch, 0, sizeof *watch);
    watch->loop = loop;
    watch->fd = fd;
    watch->ready = ready;
    watch->owner = owner;
}

static void watch_always(struct watch *watch)
{
    watch->always = 1;
    watch->next = watch->loop->always;
    watch->loop->always = watch;
}

/* Not registered while nothing is asked for: epoll would report a hang-up again and again. */
void watch_want(struct watch *watch, uint32_t events)
{
    if (watch->loop == NULL || watch->events == events) {
        return;
    }
    int operation = watch->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};
    watch->events = events;
    if (watch->always || epoll_ctl(watch->loop->epoll, operation, watch->fd, &event) == 0) {
        return;
    }
    if (errno != EPERM) {
        die("epoll: %s", strerror(errno));
    }
    watch_always(watch);
}

void watch_close(struct watch *watch)
{
    struct loop *loop = watch->loop;
    if (loop == NULL) {
        return;
    }
    watch_want(watch, 0);
    for (int i = 0; i < loop->batch_size; i++) {
        if (loop->batch[i].data.ptr == watch) {
            loop->batch[i].data.ptr = NULL;
        }
    }
    struct watch **link = &loop->always;
    while (*link != NULL && *link != watch) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = watch->next;
    }
    watch->loop = NULL;
}

void timer_start(struct timer *timer, struct loop *loop, double seconds, void (*ring)(void *owner), void *owner)
{
    timer->at = seconds_now() + seconds;
    timer->ring = ring;
    timer->owner = owner;
    timer->next = loop->timers;
    loop->timers = timer;
}

void timer_stop(struct timer *timer, struct loop *loop)
{
    struct timer **link = &loop->timers;
    while (*link != NULL && *link != timer) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = timer->next;
    }
}
