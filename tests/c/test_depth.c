/* SPDX-License-Identifier: Apache-2.0
 *
 * Two sessions, of TLS or of SSH, whose send callbacks call each other's receive, with nothing in between, finish a
 * handshake and play ping-pong a million times inside one call, on a stack of 64 KiB: no send is ever inside a send of
 * the same session.
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

#include "ssh_pair.h"

#define KEPT (64 * 1024)

#ifdef SANITIZED
#define STACK (512 * 1024) /* theirs is another layout, with much around every variable */
#define MESSAGES 100000
#else
#define STACK (64 * 1024)
#define MESSAGES 1000000
#endif

struct player {
    struct player *other;
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

static struct player players[2];

static void keep(struct player *player, const void *data, size_t size)
{
    if (player->kept_size + size > sizeof player->kept)
        abort();
    memcpy(player->kept + player->kept_size, data, size);
    player->kept_size += size;
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct player *player = handle;
    struct player *other = player->other;
    int taken = 0;

    player->nested += player->sending;
    player->sending = 1;
    if (!other->kept_size)
        taken = sessile_session_receive(other->session, buffer, size);
    if (taken >= 0)
        keep(other, (uint8_t *)buffer + taken, size - (size_t)taken);
    player->sending = 0;
    return 0;
}

static void on_resume(void *handle)
{
    struct player *player = handle;
    static uint8_t offered[KEPT];
    size_t size = player->kept_size;
    int taken;

    memcpy(offered, player->kept, size);
    player->kept_size = 0;
    taken = sessile_session_receive(player->session, offered, size);
    if (taken >= 0)
        keep(player, offered + taken, size - (size_t)taken);
}

static int on_ready(sessile_session *session, void *app)
{
    (void)session;
    ((struct player *)app)->ready = 1;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct player *player = app;
    uint32_t number;

    if (size != sizeof number)
        return -1;
    memcpy(&number, data, sizeof number);
    if (number != player->next)
        return -1;
    player->next = number + 2;
    number++;
    if (number == MESSAGES)
        return 0;
    return sessile_stream_write(stream, &number, sizeof number) == sizeof number ? 0 : -1;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct player *player = app;

    (void)session;
    player->closed = 1;
    player->error = error;
}

static int on_question(sessile_question *question, void *app)
{
    (void)app;
    return sessile_question_accept(question);
}

static sessile_callbacks *callbacks;
static sessile_tls_config *client;
static sessile_tls_config *server;

static void *play_tls(void *unused)
{
    uint32_t first = 0;

    (void)unused;
    MUST(sessile_tls_accept(players[1].session, server, callbacks, &players[1]));
    MUST(sessile_tls_connect(players[0].session, client, HOST, callbacks, &players[0]));
    MUST(sessile_stream_write(sessile_session_stream(players[0].session), &first, sizeof first));
    return NULL;
}

static sessile_ssh_config *ssh_client;
static sessile_ssh_config *ssh_server;

static void *play_ssh(void *unused)
{
    uint32_t first = 0;
    sessile_stream *stream;

    (void)unused;
    MUST(sessile_ssh_accept(players[1].session, ssh_server, callbacks, &players[1]));
    MUST(sessile_ssh_connect(players[0].session, ssh_client, "host.example", 22, "alice", callbacks, &players[0]));
    stream = sessile_ssh_open_session(players[0].session, NULL, NULL);
    MUST(stream ? SESSILE_OK : SESSILE_ERR_MEMORY);
    MUST(sessile_ssh_request_shell(stream));
    MUST(sessile_stream_write(stream, &first, sizeof first));
    return NULL;
}

/* Returns how deep the stack was used. */
static size_t run_on_a_small_stack(void *(*play)(void *))
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

static void open_players(void)
{
    for (int i = 0; i < 2; i++) {
        memset(&players[i], 0, sizeof players[i]);
        players[i].other = &players[!i];
        players[i].next = i ? 0 : 1;
        players[i].session = sessile_session_create(&players[i], on_send, NULL);
        assert_non_null(players[i].session);
        assert_int_equal(sessile_session_set_resume(players[i].session, on_resume), SESSILE_OK);
    }
}

static void assert_bounded(void *(*play)(void *))
{
    size_t used;

    callbacks = sessile_callbacks_new();
    assert_non_null(callbacks);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_closed(callbacks, on_closed);
    open_players();
    used = run_on_a_small_stack(play);
    print_message("%d messages, %zu bytes of stack\n", MESSAGES, used);
    for (int i = 0; i < 2; i++) {
        assert_true(players[i].ready && !players[i].closed);
        assert_int_equal(players[i].nested, 0);
        assert_int_equal(players[i].kept_size, 0);
        assert_int_equal(players[i].next, MESSAGES + (i ? 0 : 1));
        sessile_session_free(players[i].session);
    }
    sessile_callbacks_free(callbacks);
}

static void a_million_messages_need_a_bounded_stack(void **state)
{
    (void)state;
    configs_make(&client, &server, 0);
    assert_bounded(play_tls);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void a_million_messages_of_ssh_need_a_bounded_stack(void **state)
{
    (void)state;
    ssh_client = ssh_client_config(NULL);
    ssh_server = ssh_server_config(NULL);
    MUST(sessile_ssh_config_set_auth_methods(ssh_server, "none"));
    assert_bounded(play_ssh);
    sessile_ssh_config_free(ssh_client);
    sessile_ssh_config_free(ssh_server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_messages_need_a_bounded_stack),
        cmocka_unit_test(a_million_messages_of_ssh_need_a_bounded_stack),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
