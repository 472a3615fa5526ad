/* SPDX-License-Identifier: Apache-2.0
 *
 * Channel numbers. A dense array, so that a number is an index; a free slot holds the number of the next free one,
 * marked by its lowest bit, which no channel's address has. The array is gone when the last channel is. */
#include "session/memory.h"
#include "ssh/connection/channel.h"

#define TABLE_FIRST 4
#define NO_SLOT UINT32_MAX

static int slot_is_free(const struct channel *slot)
{
    return !slot || (uintptr_t)slot & 1;
}

static struct channel *slot_free(uint32_t next)
{
    return (struct channel *)((uintptr_t)next << 1 | 1); /* NO_SLOT is cut on 32-bit machines: see slot_next() */
}

static uint32_t slot_next(const struct connection *c, const struct channel *slot)
{
    uintptr_t next = (uintptr_t)slot >> 1;

    return next < c->capacity ? (uint32_t)next : NO_SLOT;
}

static int table_grow(struct connection *c)
{
    uint32_t capacity = c->capacity ? c->capacity * 2 : TABLE_FIRST;
    struct channel **slots = mem_realloc(c->slots, capacity * sizeof(struct channel *));

    if (!slots)
        return SESSILE_ERR_MEMORY;
    for (uint32_t i = c->capacity; i < capacity; i++)
        slots[i] = slot_free(i + 1 < capacity ? i + 1 : NO_SLOT);
    c->free_slot = c->capacity;
    c->slots = slots;
    c->capacity = capacity;
    return SESSILE_OK;
}

int table_add(struct connection *c, struct channel *channel)
{
    if (c->count == c->capacity && table_grow(c) < 0)
        return SESSILE_ERR_MEMORY;
    channel->id = c->free_slot;
    c->free_slot = slot_next(c, c->slots[channel->id]);
    c->slots[channel->id] = channel;
    c->count++;
    channel->listed = 1;
    return SESSILE_OK;
}

struct channel *table_find(const struct connection *c, uint32_t id)
{
    return id < c->capacity && !slot_is_free(c->slots[id]) ? c->slots[id] : NULL;
}

static void table_drop(struct connection *c)
{
    mem_free(c->slots);
    c->slots = NULL;
    c->capacity = 0;
}

void table_remove(struct connection *c, struct channel *channel)
{
    if (!channel->listed)
        return;
    window_release(channel);
    channel->listed = 0;
    c->slots[channel->id] = slot_free(c->free_slot);
    c->free_slot = channel->id;
    if (--c->count == 0)
        table_drop(c);
}

struct channel *table_next(const struct connection *c, uint32_t *at)
{
    while (*at < c->capacity)
        if (!slot_is_free(c->slots[(*at)++]))
            return c->slots[*at - 1];
    return NULL;
}

void table_free(struct connection *c)
{
    struct channel *channel;
    uint32_t at = 0;

    while (c->slots && (channel = table_next(c, &at))) {
        channel->listed = 0;
        channel_release(channel);
    }
    table_drop(c);
}
