/* SPDX-License-Identifier: Apache-2.0
 *
 * From SFTP's callbacks to functions in the owner's table. Bytes are copied on their way: what Lua holds on to is its
 * own. */
#include "sftp.h"

#include <string.h>

#include "callback.h"

/* ---- An end ---- */

int on_sftp_ready(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    return callback_run((struct callback){.number = app, .name = READY});
}

int on_sftp_resume(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    return callback_run((struct callback){.number = app, .name = RESUME});
}

void on_sftp_closed(sessile_sftp *sftp, int error, void *app)
{
    (void)sftp;
    callback_run((struct callback){.number = app, .name = CLOSED, .push = callback_push_code, .code = error});
}

/* A count says how much was taken. false, nil with something behind it, and a negative number say no; all else is all
 * of it. */
static void judge_taken(lua_State *L, struct callback *callback)
{
    int no = lua_isnil(L, -2) ? !lua_isnil(L, -1) : !lua_toboolean(L, -2);
    lua_Number taken = (lua_Number)callback->size;

    if (lua_type(L, -2) == LUA_TNUMBER) {
        taken = lua_tonumber(L, -2);
        no = taken < 0;
        if (!no && !(taken <= (lua_Number)callback->size))
            luaL_error(L, "on_send took %f of %f bytes", taken, (lua_Number)callback->size);
    }
    callback->result = no ? -1 : (int)taken;
}

int on_sftp_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    (void)sftp;
    return callback_run((struct callback){
        .number = app, .name = SEND, .push = callback_push_data, .judge = judge_taken, .data = data, .size = size});
}

static int push_number(lua_State *L, const struct callback *callback)
{
    push_uint64(L, callback->offset);
    return 1;
}

void on_sftp_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    (void)sftp;
    callback_run((struct callback){.number = app, .name = RELEASE, .push = push_number, .offset = file});
}

/* ---- A client ---- */

int on_sftp_reply(sessile_sftp_request *request, void *app)
{
    (void)request;
    return callback_run((struct callback){.number = app, .name = REPLY});
}

int on_sftp_done(sessile_sftp_transfer *transfer, void *app)
{
    (void)transfer;
    return callback_run((struct callback){.number = app, .name = DONE});
}

int on_sftp_progress(sessile_sftp_transfer *transfer, void *app)
{
    (void)transfer;
    return callback_run((struct callback){.number = app, .name = PROGRESS});
}

static int push_bytes_at(lua_State *L, const struct callback *callback)
{
    return push_number(L, callback) + callback_push_data(L, callback);
}

/* What is true is to pause. */
static void judge_sink(lua_State *L, struct callback *callback)
{
    callback->result = lua_toboolean(L, -2) ? SESSILE_SFTP_PAUSE : 0;
}

int on_sftp_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    (void)transfer;
    return callback_run((struct callback){.number = app,
                                          .name = SINK,
                                          .push = push_bytes_at,
                                          .judge = judge_sink,
                                          .offset = offset,
                                          .data = data,
                                          .size = size});
}

static int push_room_at(lua_State *L, const struct callback *callback)
{
    push_number(L, callback);
    lua_pushnumber(L, (lua_Number)callback->size);
    return 2;
}

/* nil: nothing for now. No bytes: the end. */
static void judge_source(lua_State *L, struct callback *callback)
{
    size_t length = 0;
    const char *bytes = IS_STRING(L, -2) ? lua_tolstring(L, -2, &length) : NULL;

    if (lua_isnil(L, -2)) {
        callback->result = SESSILE_ERR_BUSY;
        return;
    }
    if (!bytes)
        luaL_error(L, "a source returned a %s: neither a string nor nil", luaL_typename(L, -2));
    if (length > callback->size)
        luaL_error(L, "a source returned %f bytes, and %f were asked for", (lua_Number)length,
                   (lua_Number)callback->size);
    memcpy(callback->object, bytes, length);
    callback->result = (int)length;
}

int on_sftp_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    (void)transfer;
    return callback_run((struct callback){.number = app,
                                          .name = SOURCE,
                                          .push = push_room_at,
                                          .judge = judge_source,
                                          .offset = offset,
                                          .object = data,
                                          .size = size});
}

/* ---- A server ---- */

int on_sftp_job(sessile_sftp_job *job, void *app)
{
    return callback_lend((struct callback){.number = app, .name = JOB, .kind = &kind_sftp_job, .object = job});
}

int on_sftp_withdrawn(sessile_sftp_job *job, void *app)
{
    return callback_run(
        (struct callback){.number = app, .name = WITHDRAWN, .push = callback_push_address, .object = job});
}
