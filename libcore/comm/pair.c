/* SPDX-License-Identifier: Apache-2.0
 *
 * pair: two inboxes, crossed. What one end sends is the other's to receive, within send.
 *
 * An end whose session does not keep up holds the sender once what it has kept passes a mark. Everything that was sent
 * is taken in all the same: the core bounds what a held session may still send. The pair lives until both sessions are
 * freed and no send is on the stack.
 */
#include <sessile/error.h>
#include <sessile/inbox.h>
#include <sessile/pair.h>
#include <sessile/session.h>

#include <limits.h>

#include "session/memory.h"

#define PAIR_MARK ((size_t)64 * 1024)

struct pair;

struct end {
    struct pair *pair;
    struct end *other;
    sessile_session *session; /* NULL once it is freed */
    sessile_inbox *inbox;
    unsigned holding : 1; /* the other end is held, since this one does not keep up */
    unsigned shut : 1;    /* the wire of this end is gone */
};

struct pair {
    struct end ends[2];
    unsigned refs;
};

static void pair_drop(struct pair *pair)
{
    if (--pair->refs == 0) {
        mem_free(pair);
    }
}

static void end_shut(struct end *end)
{
    if (end->session == NULL || end->shut) {
        return;
    }
    end->shut = 1;
    sessile_inbox_close(end->inbox);
}

/* The limit is lifted for what was sent, and then shows whether this end still keeps up. */
static void end_take(struct end *end, const void *data, size_t size)
{
    sessile_inbox_set_limit(end->inbox, INT_MAX);
    sessile_inbox_receive(end->inbox, data, size);
    if (end->session == NULL || end->shut) {
        return;
    }
    sessile_inbox_set_limit(end->inbox, PAIR_MARK);
    if (sessile_inbox_room(end->inbox) == 0 && !end->holding && end->other->session != NULL) {
        end->holding = 1;
        sessile_session_hold(end->other->session, 1);
    }
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct end *end = handle;
    struct pair *pair = end->pair;
    if (end->other->session == NULL || end->other->shut) {
        return -1;
    }
    pair->refs++;
    end_take(end->other, buffer, size);
    pair_drop(pair);
    return 0;
}

static void on_room(void *handle)
{
    struct end *end = handle;
    if (!end->holding || sessile_inbox_kept(end->inbox, NULL) >= PAIR_MARK) {
        return;
    }
    end->holding = 0;
    if (end->other->session != NULL) {
        sessile_session_hold(end->other->session, 0);
    }
}

static void on_close(void *handle)
{
    struct end *end = handle;
    end->shut = 1;
    end_shut(end->other);
}

static void on_release(void *handle)
{
    struct end *end = handle;
    struct pair *pair = end->pair;
    end->session = NULL;
    end_shut(end->other);
    pair_drop(pair);
}

static int end_open(struct end *end, struct pair *pair, struct end *other)
{
    end->pair = pair;
    end->other = other;
    end->inbox = sessile_inbox_create(end, on_send, on_close, &end->session);
    if (end->inbox == NULL) {
        return SESSILE_ERR_MEMORY;
    }
    sessile_inbox_set_room(end->inbox, on_room);
    sessile_inbox_set_release(end->inbox, on_release);
    pair->refs++;
    return 0;
}

int sessile_pair(sessile_session **first, sessile_session **second)
{
    if (first != NULL) {
        *first = NULL;
    }
    if (second != NULL) {
        *second = NULL;
    }
    if (first == NULL || second == NULL) {
        return SESSILE_ERR_ARGUMENT;
    }
    struct pair *pair = mem_zalloc(sizeof *pair);
    if (pair == NULL) {
        return SESSILE_ERR_MEMORY;
    }
    pair->refs = 1;
    int r = end_open(&pair->ends[0], pair, &pair->ends[1]);
    if (r == 0) {
        r = end_open(&pair->ends[1], pair, &pair->ends[0]);
    }
    if (r != 0) {
        sessile_session_free(pair->ends[0].session);
    } else {
        *first = pair->ends[0].session;
        *second = pair->ends[1].session;
    }
    pair_drop(pair);
    return r;
}
