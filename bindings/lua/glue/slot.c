/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: numbers for owners, in a table that holds them weakly. A number is never used again, so one whose owner is
 * gone finds nobody, whenever the library may come with it. And the few functions of the module's own. */
#include <time.h>

#include "glue.h"

static int own_slot(lua_State *L)
{
    struct home *home = home_of(L);

    luaL_checktype(L, 1, LUA_TTABLE);
    home_push(L);
    lua_rawgeti(L, -1, HOME_OWNERS);
    lua_pushnumber(L, home->next_slot);
    lua_pushvalue(L, 1);
    lua_rawset(L, -3);
    lua_pushnumber(L, home->next_slot++);
    return 1;
}

void slot_push_owner(lua_State *L, void *number)
{
    home_push(L);
    lua_rawgeti(L, -1, HOME_OWNERS);
    lua_pushnumber(L, (lua_Number)(uintptr_t)number);
    lua_rawget(L, -2);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* function or nil: whom errors are told to that cannot be raised. */
static int own_on_lost(lua_State *L)
{
    if (!lua_isnil(L, 1))
        luaL_checktype(L, 1, LUA_TFUNCTION);
    home_push(L);
    if (lua_isnil(L, 1))
        lua_pushboolean(L, 0);
    else
        lua_pushvalue(L, 1);
    lua_rawseti(L, -2, HOME_LOST);
    return 0;
}

static int own_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)time(NULL));
    return 1;
}

const luaL_Reg slot_functions[] = {{"slot", own_slot}, {"on_lost", own_on_lost}, {"now", own_now}, {NULL, NULL}};
