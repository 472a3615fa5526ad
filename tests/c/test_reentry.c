/* SPDX-License-Identifier: Apache-2.0
 *
 * When send is called, with how much, and what happens when calls come from inside callbacks: flights, batches, nested
 * receives, and sessions that drive each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "toy.h"

#define CALL_LIMIT 262144  /* what one call may produce */
#define FLUSH_LIMIT 131072 /* from where on a receive sends between two units */
#define MEGABYTE 1048576

static int whole_units_only(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    const uint8_t *data = buffer;
    size_t at = 0;

    if (strcmp(callback, "send") != 0)
        return 0;
    while (size - at >= TOY_HEADER && size - at - TOY_HEADER >= (size_t)(data[at + 1] << 8 | data[at + 2]))
        at += TOY_HEADER + (size_t)(data[at + 1] << 8 | data[at + 2]);
    if (at != size)
        wire->fault = "a send that does not end where a unit ends";
    return 0;
}

static sessile_stream *stream_of(struct side *side)
{
    return sessile_session_stream(side->wire.session);
}

/* ---- flights ---- */

static void a_call_sends_all_that_it_produced_at_once(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open(&side, SESSILE_SERVER);
    toy_add(&script, TOY_HELLO, "");
    toy_add_echo(&script, 500);
    toy_add_echo(&script, 1000);
    toy_add(&script, TOY_ASK, "?");
    wire_arrive(&side.wire, script.data, script.size);
    assert_string_equal(journal_text(&side.wire_journal), "send(1512)");
    assert_null(side_done(&side));
}

/* The payloads of the units in what was sent, moved together. */
static size_t unpack(uint8_t *sent, size_t size)
{
    size_t at = 0;
    size_t out = 0;
    size_t length;

    for (; at < size; at += TOY_HEADER + length) {
        length = (size_t)(sent[at + 1] << 8 | sent[at + 2]);
        memmove(sent + out, sent + at + TOY_HEADER, length);
        out += length;
    }
    return out;
}

static void a_large_write_is_sent_in_bounded_pieces_of_whole_units(void **state)
{
    static uint8_t data[MEGABYTE];
    struct side side;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 >> 8);
    toy_open_ready(&side, 0);
    side.wire.hook = whole_units_only;
    assert_int_equal(sessile_stream_write(stream_of(&side), data, sizeof data), sizeof data);
    assert_true(side.wire.largest <= CALL_LIMIT);
    assert_true(side.wire.largest > CALL_LIMIT / 2);
    assert_int_equal(side.wire.sends, 5);
    assert_int_equal(unpack(side.wire.sent, side.wire.sent_size), sizeof data);
    assert_memory_equal(side.wire.sent, data, sizeof data);
    assert_null(side_done(&side));
}

static void a_receive_with_many_replies_sends_between_units(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 0);
    side.wire.hook = whole_units_only;
    for (int i = 0; i < 500; i++)
        toy_add_echo(&script, 8000);
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), script.size);
    assert_int_equal(side.wire.sent_size, 500 * 8003);
    assert_true(side.wire.largest <= FLUSH_LIMIT + 8003);
    assert_int_equal(side.wire.resumes, 0);
    assert_null(side_done(&side));
}

/* ---- batches ---- */

static void a_batch_is_one_send(void **state)
{
    struct side side;
    sessile_session *session;

    (void)state;
    toy_open_ready(&side, 1);
    session = side.wire.session;
    assert_int_equal(sessile_session_leave(session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_session_enter(session), 0);
    assert_int_equal(sessile_session_enter(session), 0);
    assert_int_equal(sessile_stream_write(stream_of(&side), "abc", 3), 3);
    assert_int_equal(sessile_session_leave(session), 0);
    assert_int_equal(toy_arrive(&side, TOY_ASK, "?"), 4);
    assert_int_equal(sessile_stream_write(stream_of(&side), "defg", 4), 4);
    assert_string_equal(journal_text(&side.journal), "question(101,1)");
    assert_int_equal(sessile_session_leave(session), 0);
    assert_string_equal(journal_text(&side.journal), "question(101,1) send(16)");
    assert_memory_equal(side.wire.sent, "D\0\3abcY\0\0D\0\4defg", 16);
    assert_int_equal(sessile_session_leave(session), SESSILE_ERR_MISUSE);
    assert_null(side_done(&side));
}

static int open_batch(struct recorder *recorder, const char *callback)
{
    if (strcmp(callback, "data") == 0) {
        sessile_session_enter(sessile_stream_session(recorder->stream));
        sessile_stream_write(recorder->stream, "kept", 4);
    }
    return 0;
}

static void a_batch_outlives_the_callback_that_opened_it(void **state)
{
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    side.recorder.hook = open_batch;
    toy_add_echo(&script, 5);
    toy_add(&script, TOY_DATA, "x");
    wire_arrive(&side.wire, script.data, script.size);
    assert_string_equal(journal_text(&side.journal), "data(1)");
    assert_int_equal(sessile_session_leave(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "data(1) send(15)");
    assert_memory_equal(side.wire.sent, "A\0\5\0\0\0\0\0D\0\4kept", 15);
    assert_null(side_done(&side));
}

static void a_batch_is_bounded_and_writable_follows(void **state)
{
    static uint8_t data[MEGABYTE];
    struct toy_script script = {.size = 0};
    struct side side;
    int taken;

    (void)state;
    toy_open_ready(&side, 0);
    assert_int_equal(sessile_session_enter(side.wire.session), 0);
    taken = sessile_stream_write(stream_of(&side), data, sizeof data);
    assert_in_range(taken, CALL_LIMIT - 1000, CALL_LIMIT);
    assert_int_equal(sessile_stream_write(stream_of(&side), data, sizeof data), 0);
    toy_add(&script, TOY_DATA, "abc");
    assert_int_equal(wire_arrive(&side.wire, script.data, script.size), 0);
    assert_string_equal(journal_text(&side.journal), "");
    assert_int_equal(sessile_session_leave(side.wire.session), 0);
    assert_string_equal(journal_text(&side.journal), "writable data(3)");
    assert_int_equal(side.wire.resumes, 1);
    assert_int_equal(side.wire.largest, side.wire.sent_size);
    assert_true(side.wire.largest <= CALL_LIMIT);
    assert_null(side_done(&side));
}

static void the_end_inside_a_batch_is_told_when_it_is_left(void **state)
{
    struct side side;

    (void)state;
    toy_open_ready(&side, 1);
    sessile_session_enter(side.wire.session);
    sessile_stream_write(stream_of(&side), "abc", 3);
    assert_int_equal(toy_arrive(&side, TOY_FAIL, ""), -1);
    assert_string_equal(journal_text(&side.journal), "");
    sessile_session_leave(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "send(6) close stream_closed(ERR_PROTOCOL) closed(ERR_PROTOCOL)");
    assert_null(side_done(&side));
    toy_open_ready(&side, 1);
    sessile_session_enter(side.wire.session);
    sessile_stream_write(stream_of(&side), "abc", 3);
    sessile_session_free(side.wire.session);
    assert_string_equal(journal_text(&side.journal), "close release");
    assert_null(side_done(&side));
}

/* ---- nested receives ---- */

static int receive_once(struct wire *wire, int *result)
{
    static const uint8_t unit[] = "D\0\5inner";

    if (*result != -2)
        return 0;
    *result = wire_arrive_nested(wire, unit, 8);
    return 0;
}

struct nesting {
    struct wire *wire;
    const char *where;
    int result; /* -2: not called yet */
};

static int nest_in_recorder(struct recorder *recorder, const char *callback)
{
    struct nesting *nesting = recorder->app;

    return strcmp(callback, nesting->where) == 0 ? receive_once(nesting->wire, &nesting->result) : 0;
}

static int nest_in_wire(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    struct nesting *nesting = wire->app;

    (void)buffer, (void)size;
    return strcmp(callback, nesting->where) == 0 ? receive_once(wire, &nesting->result) : 0;
}

static void nest(struct side *side, struct nesting *nesting)
{
    toy_open_ready(side, 1);
    side->recorder.hook = nest_in_recorder;
    side->recorder.app = nesting;
    side->wire.hook = nest_in_wire;
    side->wire.app = nesting;
    nesting->wire = &side->wire;
    nesting->result = -2;
}

static void a_receive_inside_a_receive_that_is_not_done_takes_nothing_and_resume_follows(void **state)
{
    struct nesting nesting = {.where = "data"};
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add(&script, TOY_DATA, "outer");
    toy_add(&script, TOY_NOTICE, "outer");
    nest(&side, &nesting);
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(nesting.result, 0);
    assert_string_equal(journal_text(&side.journal), "data(5) notice(7,5) resume data(5)");
    assert_int_equal(side.wire.kept_size, 0);
    assert_null(side_done(&side));
}

static void a_receive_inside_send_takes_its_units_where_the_outer_one_took_everything(void **state)
{
    struct nesting nesting = {.where = "send"};
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add_echo(&script, 5);
    nest(&side, &nesting);
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(nesting.result, 8);
    assert_string_equal(journal_text(&side.journal), "send(8) data(5)");
    assert_null(side_done(&side));
}

static void a_receive_inside_send_takes_nothing_where_the_outer_one_left_something(void **state)
{
    struct nesting nesting = {.where = "send"};
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add_echo(&script, 5);
    toy_add(&script, TOY_DATA, "the rest is missing");
    script.size -= 8; /* what arrives inside is exactly what is missing */
    nest(&side, &nesting);
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(nesting.result, 0);
    assert_string_equal(journal_text(&side.journal), "send(8) resume data(19)");
    assert_null(side_done(&side));
}

static void a_receive_inside_the_sends_between_units_takes_nothing(void **state)
{
    struct nesting nesting = {.where = "send"};
    struct toy_script script = {.size = 0};
    struct side side;

    (void)state;
    toy_add_echo(&script, FLUSH_LIMIT);
    toy_add(&script, TOY_NOTICE, "outer");
    nest(&side, &nesting);
    wire_arrive(&side.wire, script.data, script.size);
    assert_int_equal(nesting.result, 0);
    assert_string_equal(journal_text(&side.journal), "send(131081) notice(7,5) resume data(5)");
    assert_null(side_done(&side));
}

/* The engine goes on with what it was doing when it asked: the next unit comes after that. */
static void a_receive_inside_what_an_answer_leads_to_takes_nothing(void **state)
{
    struct nesting nesting = {.where = "trace"};
    struct side side;

    (void)state;
    nest(&side, &nesting);
    side.recorder.answer = ANSWER_KEEP;
    toy_arrive(&side, TOY_ASK, "?");
    sessile_session_set_trace(side.wire.session, recorder_trace, &side.recorder);
    sessile_question_accept(side.recorder.question);
    assert_int_equal(nesting.result, 0);
    assert_string_equal(journal_text(&side.journal),
                        "question(101,1) >ANSWERED(3,open) send(3) resume <DATA(8,open) data(5)");
    sessile_question_free(side.recorder.question);
    assert_null(side_done(&side));
}

/* A comms layer that offers at once where it should note and wait. */
struct eager {
    sessile_session *session;
    int resumes;
    int results;
    int started;
};

static int eager_send(void *handle, void *buffer, size_t size)
{
    (void)handle, (void)buffer, (void)size;
    return 0;
}

static void eager_resume(void *handle)
{
    struct eager *eager = handle;

    eager->resumes++;
    if (eager->resumes < 1000)
        eager->results |= sessile_session_receive(eager->session, "D\0\1x", 4);
}

static int eager_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct eager *eager = app;

    (void)stream, (void)data, (void)size;
    if (!eager->started++)
        eager->results |= sessile_session_receive(eager->session, "D\0\1x", 4);
    return 0;
}

static void resume_is_not_repeated_to_a_receive_that_cannot_take_anything(void **state)
{
    struct eager eager = {.results = 0};
    sessile_callbacks *callbacks = sessile_callbacks_new();

    (void)state;
    sessile_callbacks_set_data(callbacks, eager_data);
    eager.session = sessile_session_create(&eager, eager_send, NULL);
    sessile_session_set_resume(eager.session, eager_resume);
    assert_int_equal(toy_start(eager.session, SESSILE_SERVER, callbacks, &eager), 0);
    assert_int_equal(sessile_session_receive(eager.session, "H\0\0D\0\1xD\0", 9), 7);
    assert_int_equal(eager.results, 0);
    assert_int_equal(eager.resumes, 1);
    sessile_session_free(eager.session);
    sessile_callbacks_free(callbacks);
}

struct arrivals {
    struct wire *wire;
    const uint8_t *data;
    size_t size;
    size_t done;
    uint32_t seed;
};

static void more_arrives(struct arrivals *a)
{
    size_t size = random_next(&a->seed) % 30;

    if (size > a->size - a->done)
        size = a->size - a->done;
    a->done += size;
    if (random_next(&a->seed) % 2)
        wire_arrive(a->wire, a->data + a->done - size, size);
    else
        wire_arrive_nested(a->wire, a->data + a->done - size, size);
}

static int arrive_in_recorder(struct recorder *recorder, const char *callback)
{
    (void)callback;
    more_arrives(recorder->app);
    return 0;
}

static int arrive_in_wire(struct wire *wire, const char *callback, void *buffer, size_t size)
{
    (void)callback, (void)buffer, (void)size;
    more_arrives(wire->app);
    return 0;
}

static void however_receives_are_nested_units_are_taken_in_order(void **state)
{
    struct toy_script script = {.size = 0};
    struct arrivals arrivals = {.data = script.data};
    struct side side;
    char text[8];

    (void)state;
    for (char c = 'a'; c <= 'z'; c++) {
        memset(text, c, sizeof text);
        text[c % 7 + 1] = 0;
        toy_add(&script, TOY_DATA, text);
        toy_add_echo(&script, 3);
    }
    arrivals.size = script.size;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        toy_open_ready(&side, 0);
        arrivals.seed = seed;
        arrivals.done = 0;
        arrivals.wire = &side.wire;
        side.recorder.hook = arrive_in_recorder;
        side.recorder.app = &arrivals;
        side.wire.hook = arrive_in_wire;
        side.wire.app = &arrivals;
        while (arrivals.done < arrivals.size)
            more_arrives(&arrivals);
        wire_offer(&side.wire);
        assert_int_equal(side.wire.kept_size, 0);
        for (size_t i = 1; i < side.recorder.size; i++)
            assert_in_range(side.recorder.data[i] - side.recorder.data[i - 1], 0, 1);
        assert_int_equal(side.recorder.data[side.recorder.size - 1], 'z');
        assert_int_equal(side.wire.sent_size, 26 * 6);
        assert_null(side_done(&side));
    }
}

/* ---- two sessions whose send callbacks call each other's receive ---- */

#define MESSAGES 1000000

struct player {
    sessile_session *session;
    struct player *other;
    long received;
    int fault;
};

static int player_send(void *handle, void *buffer, size_t size)
{
    struct player *player = handle;

    if (sessile_session_receive(player->other->session, buffer, size) != (int)size)
        player->fault = 1;
    return 0;
}

static int player_ready(sessile_session *session, void *app)
{
    struct player *player = app;

    (void)player;
    return sessile_stream_write(sessile_session_stream(session), "ball", 4) == 4 ? 0 : -1;
}

static int player_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct player *player = app;

    if (++player->received == MESSAGES)
        return 0;
    return sessile_stream_write(stream, data, size) == (int)size ? 0 : -1;
}

static void *play(void *unused)
{
    static struct player players[2];
    sessile_callbacks *serving = sessile_callbacks_new();
    sessile_callbacks *returning = sessile_callbacks_new();

    (void)unused;
    sessile_callbacks_set_ready(serving, player_ready);
    sessile_callbacks_set_data(serving, player_data);
    sessile_callbacks_set_data(returning, player_data);
    for (int i = 0; i < 2; i++) {
        players[i].other = &players[1 - i];
        players[i].session = sessile_session_create(&players[i], player_send, NULL);
    }
    toy_start(players[1].session, SESSILE_SERVER, returning, &players[1]);
    toy_start(players[0].session, SESSILE_CLIENT, serving, &players[0]);
    for (int i = 0; i < 2; i++)
        players[i].fault |= sessile_session_error(players[i].session);
    for (int i = 0; i < 2; i++)
        sessile_session_free(players[i].session);
    sessile_callbacks_free(serving);
    sessile_callbacks_free(returning);
    return players;
}

static void a_million_messages_between_two_sessions_need_64_kib_of_stack(void **state)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;
    struct player *players;

    (void)state;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 65536), 0);
    assert_int_equal(pthread_create(&thread, &attributes, play, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    pthread_attr_destroy(&attributes);
    players = result;
    assert_int_equal(players[0].fault, 0);
    assert_int_equal(players[1].fault, 0);
    assert_int_equal(players[1].received, MESSAGES);
    assert_int_equal(players[0].received, MESSAGES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_sends_all_that_it_produced_at_once),
        cmocka_unit_test(a_large_write_is_sent_in_bounded_pieces_of_whole_units),
        cmocka_unit_test(a_receive_with_many_replies_sends_between_units),
        cmocka_unit_test(a_batch_is_one_send),
        cmocka_unit_test(a_batch_outlives_the_callback_that_opened_it),
        cmocka_unit_test(a_batch_is_bounded_and_writable_follows),
        cmocka_unit_test(the_end_inside_a_batch_is_told_when_it_is_left),
        cmocka_unit_test(a_receive_inside_a_receive_that_is_not_done_takes_nothing_and_resume_follows),
        cmocka_unit_test(a_receive_inside_send_takes_its_units_where_the_outer_one_took_everything),
        cmocka_unit_test(a_receive_inside_send_takes_nothing_where_the_outer_one_left_something),
        cmocka_unit_test(a_receive_inside_the_sends_between_units_takes_nothing),
        cmocka_unit_test(a_receive_inside_what_an_answer_leads_to_takes_nothing),
        cmocka_unit_test(resume_is_not_repeated_to_a_receive_that_cannot_take_anything),
        cmocka_unit_test(however_receives_are_nested_units_are_taken_in_order),
        cmocka_unit_test(a_million_messages_between_two_sessions_need_64_kib_of_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
