/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions. One way to ask and one to answer for every kind. A question belongs to its session while it is open, and
 * to whoever kept it; whatever goes wrong on the way to an answer is a refusal. */
#include <stdio.h>
#include <string.h>

#include "session/core.h"
#include "session/guard.h"
#include "session/memory.h"

/* What may be given with one answer: items, and bytes in all. */
#define GIVEN_LIMIT 256
#define GIVEN_BYTES_LIMIT ((size_t)1 << 20)

sessile_question *question_new(sessile_session *s, const struct question_kind *kind, sessile_stream *stream)
{
    sessile_question *q;

    if (s->over || s->open_questions >= QUESTIONS_OPEN_LIMIT || !(q = mem_zalloc(sizeof *q)))
        return NULL;
    atomic_init(&q->refs, 1);
    atomic_init(&q->kept, 0);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    q->session = s;
    q->kind = kind;
    q->stream = sessile_stream_keep(stream);
    q->outcome = QUESTION_OPEN;
    return q;
}

static void items_free(struct question_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        mem_wipe_free(items->list[i].data, items->list[i].size);
    mem_free(items->list);
}

static void question_unref(sessile_question *q)
{
    if (atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) != 1)
        return;
    items_free(&q->items);
    items_free(&q->given);
    if (q->release)
        q->release(q->answer);
    sessile_stream_free(q->stream);
    session_unref(q->session);
    mem_free(q);
}

void question_discard(sessile_question *q)
{
    if (q)
        question_unref(q);
}

static int items_add(struct question_items *items, int item, const void *data, size_t size)
{
    unsigned capacity = items->capacity ? items->capacity * 2 : 4;
    struct question_item *list = items->list;

    if (items->count == items->capacity) {
        if (!(list = mem_realloc(list, capacity * sizeof *list)))
            return SESSILE_ERR_MEMORY;
        items->list = list;
        items->capacity = capacity;
    }
    list[items->count].item = item;
    list[items->count].size = size;
    if (!(list[items->count].data = mem_copy(data, size)))
        return SESSILE_ERR_MEMORY;
    items->count++;
    return SESSILE_OK;
}

static size_t items_bytes(const struct question_items *items)
{
    size_t bytes = 0;

    for (size_t i = 0; i < items->count; i++)
        bytes += items->list[i].size;
    return bytes;
}

static size_t items_count(const struct question_items *items, int item)
{
    size_t count = 0;

    for (size_t i = 0; i < items->count; i++)
        count += items->list[i].item == item;
    return count;
}

static const struct question_item *items_find(const struct question_items *items, int item, size_t index)
{
    for (size_t i = 0; i < items->count; i++)
        if (items->list[i].item == item && index-- == 0)
            return &items->list[i];
    return NULL;
}

void question_add(sessile_question *q, int item, const void *data, size_t size)
{
    if (q && items_add(&q->items, item, data, size) < 0)
        q->broken = 1;
}

void question_add_text(sessile_question *q, int item, const char *text)
{
    question_add(q, item, text, strlen(text));
}

void question_add_number(sessile_question *q, int item, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    question_add_text(q, item, text);
}

void question_set_note(sessile_question *q, uintptr_t note)
{
    if (q)
        q->note = note;
}

uintptr_t question_note(const sessile_question *q)
{
    return q ? q->note : 0;
}

void question_set_answer(sessile_question *q, void *answer, void (*release)(void *))
{
    if (q->release)
        q->release(q->answer);
    q->answer = answer;
    q->release = release;
}

void *question_answer(const sessile_question *q)
{
    return q ? q->answer : NULL;
}

const void *question_given(const sessile_question *q, int item, size_t *size)
{
    return question_given_at(q, item, 0, size);
}

const void *question_given_at(const sessile_question *q, int item, size_t index, size_t *size)
{
    const struct question_item *found = q ? items_find(&q->given, item, index) : NULL;

    *size = found ? found->size : 0;
    return found ? found->data : NULL;
}

size_t question_given_count(const sessile_question *q, int item)
{
    return q ? items_count(&q->given, item) : 0;
}

int question_outcome(const sessile_question *q)
{
    return q ? q->outcome : QUESTION_REFUSED;
}

int question_reason(const sessile_question *q)
{
    return q ? q->reason : 0;
}

sessile_session *question_session(const sessile_question *q)
{
    return q->session;
}

sessile_stream *question_stream(const sessile_question *q)
{
    return q->stream;
}

/* One whose stream is closed waits only to be withdrawn, which may be while another one's withdrawal is told. */
int question_is_open(const sessile_question *q)
{
    return !q->session->over && q->outcome == QUESTION_OPEN && !(q->stream && q->stream->closed);
}

/* ---- asking ---- */

static void question_list(sessile_question *q)
{
    sessile_session *s = q->session;

    q->listed = 1;
    q->next = s->questions;
    s->questions = q;
    s->open_questions++;
    if (q->kind->blocks)
        s->blocking++;
}

/* Take it off its session's list; the caller then holds the session's reference. */
static void question_unlist(sessile_question *q)
{
    sessile_session *s = q->session;
    sessile_question **at = &s->questions;

    if (!q->listed)
        return;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    q->listed = 0;
    s->open_questions--;
    if (q->kind->blocks)
        s->blocking--;
}

static void question_conclude(sessile_question *q)
{
    sessile_session *s = q->session;
    unsigned receiving = s->receiving;

    question_unlist(q);
    if (!s->over) {
        s->receiving = 1; /* the engine goes on where a unit left it: no other may come in between */
        s->engine->answered(s, q);
        s->receiving = receiving & 1u;
    }
    question_unref(q);
}

void session_ask(sessile_session *s, sessile_question *q)
{
    sessile_on_question call = s->callbacks ? s->callbacks->question : NULL;

    if (!q) {
        if (!s->over)
            s->engine->answered(s, NULL);
        return;
    }
    question_list(q);
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed); /* the callback may free the session */
    q->asking = 1;
    if (call && !q->broken)
        session_result(s, call(q, s->app), "question");
    q->asking = 0;
    if (q->listed && q->outcome == QUESTION_OPEN && !atomic_load_explicit(&q->kept, memory_order_acquire))
        q->outcome = QUESTION_REFUSED;
    if (q->listed && q->outcome != QUESTION_OPEN)
        question_conclude(q);
    question_unref(q);
}

/* ---- answering ---- */

static int question_answer_with(sessile_question *q, int outcome, int reason)
{
    struct guard g;
    int result;

    if (!q)
        return SESSILE_ERR_ARGUMENT;
    result = guard_enter_live(&g, q->session);
    if (result < 0)
        return result;
    if (!question_is_open(q))
        return guard_leave(&g, SESSILE_ERR_GONE);
    if (outcome == QUESTION_ACCEPTED && q->lacking)
        return guard_leave(&g, q->lacking);
    q->outcome = outcome;
    q->reason = reason;
    if (!q->asking)
        question_conclude(q);
    return guard_leave(&g, SESSILE_OK);
}

int sessile_question_accept(sessile_question *q)
{
    return question_answer_with(q, QUESTION_ACCEPTED, 0);
}

int sessile_question_refuse(sessile_question *q, int reason)
{
    return question_answer_with(q, QUESTION_REFUSED, reason);
}

sessile_question *sessile_question_keep(sessile_question *q)
{
    struct guard g;

    if (!q || guard_enter_quiet(&g, q->session) < 0)
        return NULL;
    if (q->kind->blocks && !q->session->resume && !q->session->freed) {
        guard_leave(&g, 0);
        return NULL;
    }
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&q->kept, 1, memory_order_relaxed);
    guard_leave(&g, 0);
    return q;
}

void sessile_question_free(sessile_question *q)
{
    if (!q)
        return;
    /* This may be any thread: the session refuses it when it next comes to rest. */
    if (atomic_fetch_sub_explicit(&q->kept, 1, memory_order_acq_rel) == 1)
        atomic_store_explicit(&q->session->question_dropped, 1, memory_order_release);
    question_unref(q);
}

int question_refuse_dropped(sessile_session *s)
{
    sessile_question *q;

    atomic_exchange_explicit(&s->question_dropped, 0, memory_order_acquire);
    for (q = s->questions; q; q = q->next)
        if (!q->asking && q->outcome == QUESTION_OPEN && !atomic_load_explicit(&q->kept, memory_order_acquire))
            break;
    if (!q)
        return 0;
    atomic_store_explicit(&s->question_dropped, 1, memory_order_relaxed); /* there may be more */
    q->outcome = QUESTION_REFUSED;
    question_conclude(q);
    return 1;
}

/* ---- withdrawing ---- */

static void question_take_back(sessile_question *q, int tell)
{
    sessile_session *s = q->session;
    sessile_on_question call = s->callbacks ? s->callbacks->withdrawn : NULL;
    int open = q->outcome == QUESTION_OPEN;

    question_unlist(q);
    if (open)
        q->outcome = QUESTION_REFUSED;
    if (tell && open && !s->freed && call && atomic_load_explicit(&q->kept, memory_order_acquire))
        call(q, s->app);
    question_unref(q);
}

void question_withdraw(sessile_question *q)
{
    if (q && q->listed)
        question_take_back(q, 1);
}

void question_withdraw_all(sessile_session *s, int tell)
{
    while (s->questions)
        question_take_back(s->questions, tell);
}

/* Few are open at any time: to look at each is no work. What a callback may do to the list, the next look sees. */
void question_withdraw_stream(const sessile_stream *stream)
{
    sessile_question *q;

    do {
        for (q = stream->session->questions; q && q->stream != stream;)
            q = q->next;
        question_withdraw(q);
    } while (q);
}

/* ---- reading and giving ---- */

int sessile_question_kind(sessile_question *q)
{
    return q ? q->kind->kind : 0;
}

sessile_session *sessile_question_session(sessile_question *q)
{
    struct guard g;
    sessile_session *session;

    if (!q || guard_enter_quiet(&g, q->session) < 0)
        return NULL;
    session = q->session->freed ? NULL : q->session;
    guard_leave(&g, 0);
    return session;
}

sessile_stream *sessile_question_stream(sessile_question *q)
{
    return q ? q->stream : NULL;
}

size_t sessile_question_count(sessile_question *q, int item)
{
    return q ? items_count(&q->items, item) : 0;
}

int sessile_question_get(sessile_question *q, int item, size_t index, const void **data, size_t *size)
{
    const struct question_item *found = q ? items_find(&q->items, item, index) : NULL;

    if (!data || !size)
        return SESSILE_ERR_ARGUMENT;
    *data = found ? found->data : NULL;
    *size = found ? found->size : 0;
    return found ? SESSILE_OK : SESSILE_ERR_ARGUMENT;
}

static int question_give(sessile_question *q, int item, const void *data, size_t size)
{
    if ((!data && size) || item < 0 || item > 63 || !(q->kind->puts >> item & 1))
        return SESSILE_ERR_ARGUMENT;
    if (q->given.count >= GIVEN_LIMIT || size > GIVEN_BYTES_LIMIT - items_bytes(&q->given))
        return SESSILE_ERR_LIMIT;
    return items_add(&q->given, item, data, size);
}

int sessile_question_put(sessile_question *q, int item, const void *data, size_t size)
{
    struct guard g;
    int result;

    if (!q)
        return SESSILE_ERR_ARGUMENT;
    if ((result = guard_enter_live(&g, q->session)) < 0)
        return result;
    if (!question_is_open(q))
        return guard_leave(&g, SESSILE_ERR_GONE);
    result = question_give(q, item, data, size);
    if (result == SESSILE_ERR_MEMORY || result == SESSILE_ERR_LIMIT)
        q->lacking = result;
    return guard_leave(&g, result);
}
