/* SPDX-License-Identifier: Apache-2.0
 *
 * The home of a Lua state, and calls into the library.
 *
 * Between call_enter() and call_leave() nothing may be thrown: a call is a variable of the C function that made it.
 * Inside, only call_run() touches Lua, by means that need no memory: a function from the registry, and an error's move
 * into a place that the home's table has had from the start. */
#include "glue.h"

/* How deep calls may be nested: each level takes some KiB of the C stack, and not every Lua has a limit of its own. */
#define DEPTH_MAX 100

static const char home_key;

/* The innermost call of this thread. */
static _Thread_local struct call *innermost;

void home_push(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&home_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

struct home *home_of(lua_State *L)
{
    struct home *home;

    home_push(L);
    lua_rawgeti(L, -1, HOME_STRUCT);
    home = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return home;
}

static void push_weak_table(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

/* The table has all that it will ever have: what is set later finds its place there. */
static void home_fill(lua_State *L)
{
    struct home *home = lua_newuserdata(L, sizeof *home);

    *home = (struct home){.next_slot = 1};
    lua_rawseti(L, -2, HOME_STRUCT);
    handle_metatable(L);
    lua_rawseti(L, -2, HOME_METATABLE);
    push_weak_table(L);
    lua_rawseti(L, -2, HOME_OWNERS);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, HOME_PARKED);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, HOME_LOST);
    callbacks_names(L);
    lua_pushvalue(L, -1);
    home->table = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, trampoline);
    home->trampoline = luaL_ref(L, LUA_REGISTRYINDEX);
}

void home_open(lua_State *L)
{
    home_push(L);
    if (lua_isnil(L, -1)) {
        lua_createtable(L, HOME_SIZE, 0);
        home_fill(L);
        lua_pushlightuserdata(L, (void *)&home_key);
        lua_pushvalue(L, -2);
        lua_rawset(L, LUA_REGISTRYINDEX);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* ---- Calls ---- */

static void enter(lua_State *L, struct call *call, struct home *home)
{
    *call = (struct call){.L = L, .home = home, .outer = innermost};
    home->depth++;
    error_text();
    innermost = call;
}

void call_enter_finaliser(lua_State *L, struct call *call)
{
    enter(L, call, home_of(L));
}

int call_enter(lua_State *L, struct call *call)
{
    struct home *home = home_of(L);

    if (home->depth >= DEPTH_MAX || !lua_checkstack(L, 16)) {
        lua_pushliteral(L, "stack overflow (calls of sessile inside its callbacks are nested too deeply)");
        return -1;
    }
    enter(L, call, home);
    return 0;
}

/* Push what waits, and have nothing wait. */
static void unpark(struct call *call)
{
    lua_State *L = call->L;

    call->home->parked = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->home->table);
    lua_rawgeti(L, -1, HOME_PARKED);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -3, HOME_PARKED);
    lua_remove(L, -2);
}

int call_leave(struct call *call)
{
    innermost = call->outer;
    if (--call->home->depth || !call->home->parked)
        return 0;
    unpark(call);
    return -1;
}

/* ---- Protected calls inside calls ---- */

int trampoline(lua_State *L)
{
    struct call *call = innermost;

    int arguments = lua_gettop(L);

    if (call && call->L == L && call->job)
        call->job(L, call->data);
    return lua_gettop(L) - arguments;
}

int call_protected(struct call *call, call_job job, void *data, int arguments, int results)
{
    int status;

    lua_rawgeti(call->L, LUA_REGISTRYINDEX, call->home->trampoline);
    lua_insert(call->L, -1 - arguments);
    call->job = job;
    call->data = data;
    status = lua_pcall(call->L, arguments, results, 0);
    call->job = NULL;
    return status;
}

static void warn_of_lost(lua_State *L)
{
#if LUA_VERSION_NUM >= 504
    lua_warning(L, "sessile: an error that could not be raised: ", 1);
    lua_warning(L, luaL_tolstring(L, 1, NULL), 0);
#else
    (void)L;
#endif
}

static void tell_lost(lua_State *L, void *unused)
{
    (void)unused;
    home_push(L);
    lua_rawgeti(L, -1, HOME_LOST);
    if (lua_toboolean(L, -1)) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 0);
    } else {
        warn_of_lost(L);
    }
    lua_settop(L, 1);
}

/* What was raised is on the stack, and cannot be raised again. */
static void lose(struct call *call)
{
    if (call_protected(call, tell_lost, NULL, 1, 0))
        lua_pop(call->L, 1);
}

/* What was raised is on the stack: it waits, unless something does already. */
static void park(struct call *call)
{
    lua_State *L = call->L;

    if (call->home->parked) {
        lose(call);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->home->table);
    lua_insert(L, -2);
    lua_rawseti(L, -2, HOME_PARKED);
    lua_pop(L, 1);
    call->home->parked = 1;
}

int call_run(call_job job, void *data)
{
    struct call *call = innermost;

    if (!call)
        return -1;
    if (!call_protected(call, job, data, 0, 0))
        return 0;
    park(call);
    return -1;
}

void call_leave_finaliser(struct call *call)
{
    if (call->home->depth == 1 && call->home->parked) {
        unpark(call);
        lose(call);
    }
    if (call_leave(call) < 0)
        lua_pop(call->L, 1);
}
