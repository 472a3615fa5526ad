/* SPDX-License-Identifier: Apache-2.0
 *
 * What callbacks are made of: a function of the owner's by its name, what it is given, and what its results mean. */
#ifndef SESSILE_LUA_CALLBACK_H
#define SESSILE_LUA_CALLBACK_H

#include "glue.h"

/* In the order of the names in callbacks.c. */
enum name {
    SEND,
    CLOSE,
    RESUME,
    READY,
    QUESTION,
    WITHDRAWN,
    STREAM,
    NOTICE,
    CLOSED,
    DATA,
    STDERR,
    REQUEST,
    END,
    WRITABLE,
    STREAM_CLOSED,
    TRACE,
    PASSPHRASE,
    REPLY,
    DONE,
    PROGRESS,
    SINK,
    SOURCE,
    JOB,
    RELEASE
};

struct callback {
    void *number;
    enum name name;
    int (*push)(lua_State *L, const struct callback *callback); /* arguments: how many were pushed */
    void (*judge)(lua_State *L, struct callback *callback);     /* two results, on the top; NULL: all are well */
    const void *data;
    size_t size;
    void *object;
    const struct kind *kind; /* of an object that is lent */
    int code;
    uint64_t offset;
    const char *message, *phase;
    int result;
};

/* Returns what judge() has put into result, 0 without one or where there is no such function; negative where the owner
 * is gone, and where it raised. */
int callback_run(struct callback callback);
/* The same with one argument, a handle of the object, which holds it during the call and no longer. */
int callback_lend(struct callback callback);

int callback_push_data(lua_State *L, const struct callback *callback);
int callback_push_code(lua_State *L, const struct callback *callback);
/* What tells objects apart. */
int callback_push_address(lua_State *L, const struct callback *callback);

#endif
