/* SPDX-License-Identifier: Apache-2.0
 *
 * The callbacks object: reference counted, immutable once used. */
#include "session/core.h"
#include "session/memory.h"

sessile_callbacks *sessile_callbacks_new(void)
{
    sessile_callbacks *callbacks = mem_zalloc(sizeof *callbacks);

    if (callbacks) {
        atomic_init(&callbacks->refs, 1);
        atomic_init(&callbacks->used, 0);
    }
    return callbacks;
}

void callbacks_use(sessile_callbacks *callbacks)
{
    atomic_fetch_add_explicit(&callbacks->refs, 1, memory_order_relaxed);
    if (!atomic_load_explicit(&callbacks->used, memory_order_relaxed))
        atomic_store_explicit(&callbacks->used, 1, memory_order_relaxed);
}

void sessile_callbacks_free(sessile_callbacks *callbacks)
{
    if (callbacks && atomic_fetch_sub_explicit(&callbacks->refs, 1, memory_order_acq_rel) == 1)
        mem_free(callbacks);
}

static int callbacks_changeable(const sessile_callbacks *callbacks)
{
    if (!callbacks)
        return SESSILE_ERR_ARGUMENT;
    return atomic_load_explicit(&callbacks->used, memory_order_relaxed) ? SESSILE_ERR_MISUSE : SESSILE_OK;
}

#define SETTER(name, field, type)                                                                                      \
    int sessile_callbacks_set_##name(sessile_callbacks *callbacks, type call)                                          \
    {                                                                                                                  \
        int result = callbacks_changeable(callbacks);                                                                  \
                                                                                                                       \
        if (result == SESSILE_OK)                                                                                      \
            callbacks->field = call;                                                                                   \
        return result;                                                                                                 \
    }

SETTER(ready, ready, sessile_on_session)
SETTER(question, question, sessile_on_question)
SETTER(withdrawn, withdrawn, sessile_on_question)
SETTER(notice, notice, sessile_on_notice)
SETTER(closed, closed, sessile_on_closed)
SETTER(stream, stream, sessile_on_stream)
SETTER(data, data, sessile_on_data)
SETTER(stderr, error_data, sessile_on_data)
SETTER(request, request, sessile_on_request)
SETTER(end, end, sessile_on_stream)
SETTER(writable, writable, sessile_on_stream)
SETTER(stream_closed, stream_closed, sessile_on_stream_closed)
