/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call costs in a session with very many streams: as much as in one with few. What is counted is how many pages
 * of the streams' memory a call touches: they are taken away before it, and given back one by one as it faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "toy_many.h"

#define FEW 10
#define MANY 100000
/* The stream's own page, its neighbours' in two lists, each of which may lie across two pages. */
#define PAGES 12

/* ---- memory that knows who looks at it ---- */

#define ARENA ((size_t)1 << 26)
#define BEFORE 16 /* bytes in front of a block, for its size */

static struct {
    uint8_t *start;
    size_t used;
    size_t page;
    int on; /* small blocks come from here */
    volatile size_t faults;
} arena;

static int in_arena(const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)arena.start < ARENA;
}

static void *arena_take(size_t size)
{
    uint8_t *block;

    size = (size + 15) & ~(size_t)15;
    if (ARENA - arena.used < BEFORE + size)
        return NULL;
    block = arena.start + arena.used + BEFORE;
    memcpy(block - BEFORE, &size, sizeof size);
    arena.used += BEFORE + size;
    return block;
}

static void *take(size_t size)
{
    return arena.on && size <= 512 ? arena_take(size) : malloc(size);
}

static void *retake(void *memory, size_t size)
{
    size_t had;
    void *block;

    if (!memory || !in_arena(memory))
        return realloc(memory, size);
    memcpy(&had, (uint8_t *)memory - BEFORE, sizeof had);
    if ((block = take(size)))
        memcpy(block, memory, had < size ? had : size);
    return block;
}

static void give(void *memory)
{
    if (!memory || !in_arena(memory))
        free(memory);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;

    (void)context;
    if (!in_arena(info->si_addr)) {
        signal(number, SIG_DFL); /* not ours: it faults again */
        return;
    }
    arena.faults++;
    mprotect((void *)(at & ~(arena.page - 1)), arena.page, PROT_READ | PROT_WRITE);
}

static void arena_install(void)
{
    arena.page = (size_t)sysconf(_SC_PAGESIZE);
    arena.start = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena.start == MAP_FAILED || sessile_set_allocator(take, retake, give) != 0)
        abort();
}

/* Between the two, each page of the arena that is touched is counted. */
static void watch(struct sigaction *before)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, before);
    arena.faults = 0;
    mprotect(arena.start, ARENA, PROT_NONE);
}

static void unwatch(const struct sigaction *before)
{
    mprotect(arena.start, ARENA, PROT_READ | PROT_WRITE);
    sigaction(SIGSEGV, before, NULL);
}

/* ---- calls that are measured ---- */

struct herd {
    struct side side;
    size_t count;
    uint32_t next; /* a stream that no call was about yet */
};

static sessile_stream *pick(struct herd *herd)
{
    return many_of(herd->side.wire.session)->streams[herd->next]->stream;
}

static void data_arrives(struct herd *herd)
{
    many_arrive(&herd->side, MANY_DATA, herd->next, "abc");
}

static void room_comes(struct herd *herd)
{
    many_arrive(&herd->side, MANY_GRANT, herd->next, "abcdef");
    assert_int_equal(sessile_stream_write(pick(herd), "abcdefgh", 8), 6);
}

static void hold_goes(struct herd *herd)
{
    sessile_session_hold(herd->side.wire.session, 1);
    assert_int_equal(sessile_stream_write(pick(herd), "abc", 3), 0);
    sessile_session_hold(herd->side.wire.session, 0);
}

static void a_question_is_asked_and_withdrawn(struct herd *herd)
{
    many_arrive(&herd->side, MANY_ASK, herd->next, "?");
    many_arrive(&herd->side, MANY_CLOSE, herd->next, "");
    sessile_question_free(herd->side.recorder.question);
}

static void one_opens_and_closes(struct herd *herd)
{
    sessile_stream *stream = many_open(herd->side.wire.session, 0);

    assert_non_null(stream);
    assert_int_equal(sessile_stream_write(stream, "abc", 3), 0);
    assert_int_equal(sessile_stream_abort(stream), 0);
}

static void the_application_ends_one(struct herd *herd)
{
    assert_int_equal(sessile_stream_end(pick(herd)), 0);
    assert_int_equal(sessile_stream_abort(pick(herd)), 0);
}

static void nothing_happens(struct herd *herd)
{
    sessile_session_enter(herd->side.wire.session);
    sessile_session_leave(herd->side.wire.session);
    assert_int_equal(sessile_session_want(herd->side.wire.session), TOY_HEADER);
}

static void (*const calls[])(struct herd *herd) = {
    nothing_happens,
    data_arrives,
    room_comes,
    hold_goes,
    a_question_is_asked_and_withdrawn,
    one_opens_and_closes,
    the_application_ends_one,
};

#define CALLS (sizeof calls / sizeof calls[0])

static void herd_open(struct herd *herd, size_t count, int waiting)
{
    memset(herd, 0, sizeof *herd);
    herd->count = count;
    many_side(&herd->side, 0);
    herd->side.recorder.answer = ANSWER_KEEP;
    herd->side.wire.forget = 1;
    arena.used = 0;
    arena.on = 1;
    for (size_t i = 0; i < count; i++) {
        sessile_stream *stream = many_open(herd->side.wire.session, 0);

        assert_non_null(stream);
        if (waiting)
            assert_int_equal(sessile_stream_write(stream, "abc", 3), 0);
    }
    arena.on = 0;
}

/* Pages that one call touches, and looks at streams that it makes the engine take. */
static void measure(struct herd *herd, void (*call)(struct herd *herd), size_t *pages, size_t *looks)
{
    struct many *many = many_of(herd->side.wire.session);
    struct sigaction before;

    *looks = many->looks;
    watch(&before);
    call(herd);
    unwatch(&before);
    *pages = arena.faults;
    *looks = many->looks - *looks;
}

static void a_call_costs_the_same_with_few_streams_and_with_many(void **state)
{
    static const size_t counts[] = {FEW, MANY};
    struct herd herd;
    size_t pages;
    size_t looks[2][CALLS];

    (void)state;
    for (int waiting = 0; waiting <= 1; waiting++) {
        for (size_t i = 0; i < 2; i++) {
            herd_open(&herd, counts[i], waiting);
            for (size_t j = 0; j < CALLS; j++) {
                herd.next = (uint32_t)(counts[i] / 4 + j);
                measure(&herd, calls[j], &pages, &looks[i][j]);
                assert_in_range(pages, 0, PAGES);
            }
            assert_null(side_done(&herd.side));
        }
        for (size_t j = 0; j < CALLS; j++)
            assert_int_equal(looks[0][j], looks[1][j]);
    }
}

/* The measure itself: what does look at each stream is seen. */
static void the_end_of_a_session_is_seen_to_look_at_all_of_them(void **state)
{
    struct sigaction before;
    struct herd herd;

    (void)state;
    herd_open(&herd, MANY, 0);
    watch(&before);
    sessile_session_end(herd.side.wire.session);
    unwatch(&before);
    assert_in_range(arena.faults, arena.used / arena.page, arena.used / arena.page + 1);
    assert_int_equal(herd.side.recorder.streams_closed, MANY);
    assert_null(side_done(&herd.side));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_costs_the_same_with_few_streams_and_with_many),
        cmocka_unit_test(the_end_of_a_session_is_seen_to_look_at_all_of_them),
    };

    arena_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
