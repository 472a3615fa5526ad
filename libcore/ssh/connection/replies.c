/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of owed replies. */
#include "ssh/connection/replies.h"

#include <string.h>

#include "session/memory.h"

struct reply *replies_add(struct replies *replies, const void *type, int wanted)
{
    struct reply **at = &replies->first;
    size_t count = 0;

    for (; *at; at = &(*at)->next)
        count++;
    if (count >= REPLIES_MAX || !(*at = mem_zalloc(sizeof **at)))
        return NULL;
    (*at)->type = type;
    (*at)->outcome = QUESTION_OPEN;
    (*at)->wanted = wanted != 0;
    memset((*at)->keys, REPLY_NO_KEY, sizeof(*at)->keys);
    return *at;
}

int replies_refuse(struct replies *replies, int wanted, reply_sender send, void *owner)
{
    struct reply *last = replies->first;

    if (!wanted)
        return SESSILE_OK;
    if (!last)
        return send(owner, NULL);
    while (last->next)
        last = last->next;
    if (last->behind >= REPLIES_BEHIND_MAX)
        return SESSILE_ERR_LIMIT;
    last->behind++;
    return SESSILE_OK;
}

static int reply_send(const struct reply *reply, reply_sender send, void *owner)
{
    int result = SESSILE_OK;

    if (reply->wanted)
        result = send(owner, reply->outcome == QUESTION_ACCEPTED ? reply : NULL);
    for (unsigned i = 0; result == SESSILE_OK && i < reply->behind; i++)
        result = send(owner, NULL);
    return result;
}

int replies_send(struct replies *replies, reply_sender send, void *owner)
{
    struct reply *first;
    int result = SESSILE_OK;

    while (result == SESSILE_OK && (first = replies->first) && first->outcome != QUESTION_OPEN) {
        replies->first = first->next;
        result = reply_send(first, send, owner);
        mem_free(first);
    }
    return result;
}

void replies_free(struct replies *replies)
{
    struct reply *first;

    while ((first = replies->first)) {
        replies->first = first->next;
        mem_free(first);
    }
}
