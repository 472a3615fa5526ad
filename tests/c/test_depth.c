/* SPDX-License-Identifier: Apache-2.0
 *
 * Two TLS sessions whose send callbacks call each other's receive, with nothing in between, finish a handshake and play
 * ping-pong a million times inside one call, on a stack of 64 KiB: no send is ever inside a send of the same session.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <sessile/sessile.h>

#include "sanitized.h"
#include "tls_configs.h"

#define KEPT (64 * 1024)

#ifdef SANITIZED
#define STACK (512 * 1024) /* theirs is another layout, with much around every variable */
#define MESSAGES 100000
#else
#define STACK (64 * 1024)
#define MESSAGES 1000000
#endif

struct side {
    struct side *other;
    sessile_session *session;
    uint8_t kept[KEPT]; /* what was not taken */
    size_t kept_size;
    int sending;
    int nested; /* sends inside a send: none may be */
    int ready;
    int closed;
    int error;
    uint32_t next; /* the number of the message that is due */
};

static struct side sides[2];

static void keep(struct side *side, const void *data, size_t size)
{
    if (side->kept_size + size > sizeof side->kept)
        abort();
    memcpy(side->kept + side->kept_size, data, size);
    side->kept_size += size;
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct side *side = handle;
    struct side *other = side->other;
    int taken = 0;

    side->nested += side->sending;
    side->sending = 1;
    if (!other->kept_size)
        taken = sessile_session_receive(other->session, buffer, size);
    if (taken >= 0)
        keep(other, (uint8_t *)buffer + taken, size - (size_t)taken);
    side->sending = 0;
    return 0;
}

static void on_resume(void *handle)
{
    struct side *side = handle;
    static uint8_t offered[KEPT];
    size_t size = side->kept_size;
    int taken;

    memcpy(offered, side->kept, size);
    side->kept_size = 0;
    taken = sessile_session_receive(side->session, offered, size);
    if (taken >= 0)
        keep(side, offered + taken, size - (size_t)taken);
}

static int on_ready(sessile_session *session, void *app)
{
    (void)session;
    ((struct side *)app)->ready = 1;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct side *side = app;
    uint32_t number;

    if (size != sizeof number)
        return -1;
    memcpy(&number, data, sizeof number);
    if (number != side->next)
        return -1;
    side->next = number + 2;
    number++;
    if (number == MESSAGES)
        return 0;
    return sessile_stream_write(stream, &number, sizeof number) == sizeof number ? 0 : -1;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct side *side = app;

    (void)session;
    side->closed = 1;
    side->error = error;
}

static sessile_callbacks *callbacks;
static sessile_tls_config *client;
static sessile_tls_config *server;

static void *play(void *unused)
{
    uint32_t first = 0;

    (void)unused;
    MUST(sessile_tls_accept(sides[1].session, server, callbacks, &sides[1]));
    MUST(sessile_tls_connect(sides[0].session, client, HOST, callbacks, &sides[0]));
    MUST(sessile_stream_write(sessile_session_stream(sides[0].session), &first, sizeof first));
    return NULL;
}

/* Returns how deep the stack was used. */
static size_t run_on_a_small_stack(void)
{
    size_t page = 4096;
    uint8_t *memory = mmap(NULL, page + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t untouched = 0;

    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory, page, PROT_NONE), 0);
    memset(memory + page, 0xa5, STACK);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, memory + page, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, play, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    while (untouched < STACK && memory[page + untouched] == 0xa5)
        untouched++;
    munmap(memory, page + STACK);
    return STACK - untouched;
}

static void open_sides(void)
{
    for (int i = 0; i < 2; i++) {
        memset(&sides[i], 0, sizeof sides[i]);
        sides[i].other = &sides[!i];
        sides[i].next = i ? 0 : 1;
        sides[i].session = sessile_session_create(&sides[i], on_send, NULL);
        assert_non_null(sides[i].session);
        assert_int_equal(sessile_session_set_resume(sides[i].session, on_resume), SESSILE_OK);
    }
}

static void a_million_messages_need_a_bounded_stack(void **state)
{
    size_t used;

    (void)state;
    configs_make(&client, &server, 0);
    callbacks = sessile_callbacks_new();
    assert_non_null(callbacks);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_closed(callbacks, on_closed);
    open_sides();
    used = run_on_a_small_stack();
    print_message("%d messages, %zu bytes of stack\n", MESSAGES, used);
    for (int i = 0; i < 2; i++) {
        assert_true(sides[i].ready && !sides[i].closed);
        assert_int_equal(sides[i].nested, 0);
        assert_int_equal(sides[i].kept_size, 0);
        assert_int_equal(sides[i].next, MESSAGES + (i ? 0 : 1));
        sessile_session_free(sides[i].session);
    }
    sessile_callbacks_free(callbacks);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_messages_need_a_bounded_stack),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
