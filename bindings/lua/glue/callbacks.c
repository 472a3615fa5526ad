/* SPDX-License-Identifier: Apache-2.0
 *
 * From the library's callbacks to functions in the owner's table, which are called as its methods. A field that is nil
 * is nobody; an owner that is gone fails what expects an answer. What is raised waits for the outermost call. */
#include <string.h>

#include "callback.h"

/* Those that begin with an underscore are the package's own, and wrap what they are given first. */
static const char *const spelled[NAME_COUNT] = {
    "on_send",       "on_close", "on_resume",  "on_ready",  "_question", "_withdrawn",  "_stream",        "_notice",
    "_closed",       "on_data",  "_on_stderr", "_request",  "_on_end",   "on_writable", "_stream_closed", "_trace",
    "on_passphrase", "_reply",   "_done",      "_progress", "_sink",     "_source",     "_job",           "_release",
};

void callbacks_names(lua_State *L)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        lua_pushstring(L, spelled[i]);
        lua_rawseti(L, -2, HOME_NAMES + i);
    }
}

/* Push the owner's function and the owner: 0; else the result stands for nobody. */
static int push_method(lua_State *L, struct callback *callback)
{
    callback->result = -1;
    slot_push_owner(L, callback->number);
    if (lua_isnil(L, -1))
        return -1;
    home_push(L);
    lua_rawgeti(L, -1, HOME_NAMES + (int)callback->name);
    lua_replace(L, -2);
    lua_gettable(L, -2);
    lua_insert(L, -2);
    if (!lua_isnil(L, -2))
        return 0;
    callback->result = 0;
    return -1;
}

static void call_method(lua_State *L, void *data)
{
    struct callback *callback = data;
    int arguments = 1;

    luaL_checkstack(L, 16, "sessile");
    if (push_method(L, callback) == 0) {
        arguments += callback->push ? callback->push(L, callback) : 0;
        lua_call(L, arguments, callback->judge ? 2 : 0);
        callback->result = 0;
        if (callback->judge)
            callback->judge(L, callback);
    }
    lua_settop(L, 0);
}

int callback_run(struct callback callback)
{
    callback.result = -1;
    return call_run(call_method, &callback) < 0 ? -1 : callback.result;
}

int callback_push_data(lua_State *L, const struct callback *callback)
{
    lua_pushlstring(L, callback->data, callback->size);
    return 1;
}

int callback_push_code(lua_State *L, const struct callback *callback)
{
    lua_pushinteger(L, callback->code);
    return 1;
}

/* ---- The wire ---- */

/* As functions that write in Lua have it: false, nil with something behind it, and a negative number say no; a count
 * must be that of all bytes; all else is yes. */
static void judge_send(lua_State *L, struct callback *callback)
{
    int no = lua_isnil(L, -2) ? !lua_isnil(L, -1) : !lua_toboolean(L, -2);

    if (lua_type(L, -2) == LUA_TNUMBER) {
        lua_Number taken = lua_tonumber(L, -2);

        no = taken < 0;
        if (taken > 0 && taken < (lua_Number)callback->size)
            luaL_error(L, "on_send took %f of %f bytes: it has to take all of them", taken, (lua_Number)callback->size);
    }
    callback->result = no ? -1 : 0;
}

int on_comm_send(void *handle, void *buffer, size_t size)
{
    return callback_run((struct callback){
        .number = handle, .name = SEND, .push = callback_push_data, .judge = judge_send, .data = buffer, .size = size});
}

void on_comm_close(void *handle)
{
    callback_run((struct callback){.number = handle, .name = CLOSE});
}

void on_comm_resume(void *handle)
{
    callback_run((struct callback){.number = handle, .name = RESUME});
}

/* ---- Sessions ---- */

int on_ready(sessile_session *session, void *app)
{
    (void)session;
    return callback_run((struct callback){.number = app, .name = READY});
}

/* What is lent is dead after the callback, unless it was kept. */
static void lend(lua_State *L, void *data)
{
    struct callback *callback = data;
    Handle *lent;
    int raised;

    if (push_method(L, callback) < 0)
        return;
    lent = handle_make(L, callback->kind);
    lent->lent = 1;
    lent->object = callback->object;
    lua_pushvalue(L, -1);
    lua_insert(L, 1);
    raised = lua_pcall(L, 2, 0, 0);
    if (lent->lent)
        lent->object = NULL;
    lent->lent = 0;
    if (raised)
        lua_error(L);
    callback->result = 0;
    lua_settop(L, 0);
}

int callback_lend(struct callback callback)
{
    callback.result = -1;
    return call_run(lend, &callback) < 0 ? -1 : callback.result;
}

int on_question(sessile_question *question, void *app)
{
    return callback_lend(
        (struct callback){.number = app, .name = QUESTION, .kind = &kind_question, .object = question});
}

int callback_push_address(lua_State *L, const struct callback *callback)
{
    lua_pushnumber(L, (lua_Number)(uintptr_t)callback->object);
    return 1;
}

int on_withdrawn(sessile_question *question, void *app)
{
    return callback_run(
        (struct callback){.number = app, .name = WITHDRAWN, .push = callback_push_address, .object = question});
}

static int push_stream(lua_State *L, const struct callback *callback)
{
    handle_make(L, &kind_stream)->object = sessile_stream_keep(callback->object);
    return 1;
}

int on_stream(sessile_stream *stream, void *app)
{
    return callback_run((struct callback){.number = app, .name = STREAM, .push = push_stream, .object = stream});
}

static int push_code_and_data(lua_State *L, const struct callback *callback)
{
    return callback_push_code(L, callback) + callback_push_data(L, callback);
}

int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    (void)session;
    return callback_run((struct callback){
        .number = app, .name = NOTICE, .push = push_code_and_data, .code = kind, .data = data, .size = size});
}

void on_closed(sessile_session *session, int error, void *app)
{
    (void)session;
    callback_run((struct callback){.number = app, .name = CLOSED, .push = callback_push_code, .code = error});
}

/* ---- Streams: the owner is the stream's ---- */

int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream;
    return callback_run(
        (struct callback){.number = app, .name = DATA, .push = callback_push_data, .data = data, .size = size});
}

int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream;
    return callback_run(
        (struct callback){.number = app, .name = STDERR, .push = callback_push_data, .data = data, .size = size});
}

int on_request(sessile_stream *stream, int request, void *app)
{
    (void)stream;
    return callback_run((struct callback){.number = app, .name = REQUEST, .push = callback_push_code, .code = request});
}

int on_end(sessile_stream *stream, void *app)
{
    (void)stream;
    return callback_run((struct callback){.number = app, .name = END});
}

int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    return callback_run((struct callback){.number = app, .name = WRITABLE});
}

void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    (void)stream;
    callback_run((struct callback){.number = app, .name = STREAM_CLOSED, .push = callback_push_code, .code = error});
}

/* ---- The rest ---- */

static int push_trace(lua_State *L, const struct callback *callback)
{
    lua_pushinteger(L, callback->code);
    lua_pushstring(L, callback->message);
    lua_pushnumber(L, (lua_Number)callback->size);
    lua_pushstring(L, callback->phase);
    return 4;
}

void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app)
{
    (void)session;
    callback_run((struct callback){.number = app,
                                   .name = TRACE,
                                   .push = push_trace,
                                   .code = direction,
                                   .message = message,
                                   .size = size,
                                   .phase = phase});
}

static void judge_passphrase(lua_State *L, struct callback *callback)
{
    size_t length = 0;
    const char *text = IS_STRING(L, -2) ? lua_tolstring(L, -2, &length) : NULL;

    callback->result = -1;
    if (!text || length > callback->size)
        return;
    memcpy(callback->object, text, length);
    callback->result = (int)length;
}

int on_passphrase(void *buffer, size_t size, void *app)
{
    return callback_run((struct callback){
        .number = app, .name = PASSPHRASE, .judge = judge_passphrase, .object = buffer, .size = size});
}
