/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments, taken strictly: a string is a string, a number is a whole one in range. Nothing here runs code of the
 * program's, so that a handle that was looked at stays what it was until the call is made. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "glue.h"

/* Whole numbers that a double tells from their neighbours. */
#define EXACT_MAX 9007199254740992.0

int argument_wrong(lua_State *L, int index, const char *expected)
{
    Handle *handle = handle_at(L, index);

    luaL_where(L, 1);
    if (handle)
        lua_pushfstring(L, "bad argument #%d (%s expected, got a handle of a %s)", index, expected, handle->kind->name);
    else
        lua_pushfstring(L, "bad argument #%d (%s expected, got %s)", index, expected, luaL_typename(L, index));
    lua_concat(L, 2);
    return -1;
}

static int out_of_range(lua_State *L, int index)
{
    luaL_where(L, 1);
    lua_pushfstring(L, "bad argument #%d (number out of range)", index);
    lua_concat(L, 2);
    return -1;
}

/* Whole numbers of 64 bits where the Lua has such, else of 53. */
static int argument_whole(lua_State *L, int index, int64_t *value)
{
    lua_Number number = lua_tonumber(L, index);

    if (lua_type(L, index) != LUA_TNUMBER)
        return argument_wrong(L, index, "integer");
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index)) {
        *value = lua_tointeger(L, index);
        return 0;
    }
#endif
    if (number != floor(number) || number < -EXACT_MAX || number > EXACT_MAX)
        return out_of_range(L, index);
    *value = (int64_t)number;
    return 0;
}

int argument_int64(lua_State *L, int index, int64_t *value)
{
    return argument_whole(L, index, value);
}

int argument_int(lua_State *L, int index, int *value)
{
    int64_t whole = 0;

    if (lua_isboolean(L, index)) {
        *value = lua_toboolean(L, index);
        return 0;
    }
    if (argument_whole(L, index, &whole) < 0)
        return -1;
    if (whole < INT_MIN || whole > INT_MAX)
        return out_of_range(L, index);
    *value = (int)whole;
    return 0;
}

int argument_size(lua_State *L, int index, size_t *value)
{
    int64_t whole = 0;

    if (argument_whole(L, index, &whole) < 0)
        return -1;
    if (whole < 0 || (uint64_t)whole > SIZE_MAX)
        return out_of_range(L, index);
    *value = (size_t)whole;
    return 0;
}

static int decimal(const char *text, size_t length, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)((unsigned char)text[i] - '0');

        if (digit > 9 || *value > (UINT64_MAX - digit) / 10)
            return -1;
        *value = *value * 10 + digit;
    }
    return length ? 0 : -1;
}

int argument_uint64(lua_State *L, int index, uint64_t *value)
{
    int64_t whole = 0;
    size_t length = 0;

    if (IS_STRING(L, index)) {
        const char *text = lua_tolstring(L, index, &length);

        return decimal(text, length, value) < 0 ? argument_wrong(L, index, "integer or decimal text") : 0;
    }
    if (lua_type(L, index) == LUA_TNUMBER && lua_tonumber(L, index) == HUGE_VAL) {
        *value = UINT64_MAX;
        return 0;
    }
    if (argument_whole(L, index, &whole) < 0)
        return -1;
    *value = (uint64_t)whole;
    return whole < 0 ? out_of_range(L, index) : 0;
}

void push_uint64(lua_State *L, uint64_t value)
{
    char text[24], *digit = text + sizeof text;

#if LUA_VERSION_NUM >= 503
    if (value <= LUA_MAXINTEGER) {
        lua_pushinteger(L, (lua_Integer)value);
        return;
    }
#endif
    if (value <= (uint64_t)EXACT_MAX || value == UINT64_MAX) {
        lua_pushnumber(L, value == UINT64_MAX ? (lua_Number)HUGE_VAL : (lua_Number)value);
        return;
    }
    for (*--digit = '\0'; value; value /= 10)
        *--digit = (char)('0' + value % 10);
    lua_pushstring(L, digit);
}

void push_int64(lua_State *L, int64_t value)
{
#if LUA_VERSION_NUM >= 503
    lua_pushinteger(L, (lua_Integer)value);
#else
    lua_pushnumber(L, (lua_Number)value);
#endif
}

int argument_text(lua_State *L, int index, const char **text)
{
    size_t length = 0;

    *text = NULL;
    if (lua_isnil(L, index))
        return 0;
    if (!IS_STRING(L, index))
        return argument_wrong(L, index, "string or nil");
    *text = lua_tolstring(L, index, &length);
    if (strlen(*text) != length)
        return argument_wrong(L, index, "string without NUL bytes");
    return 0;
}

int argument_slot(lua_State *L, int index, void **number)
{
    size_t slot = 0;

    *number = NULL;
    if (lua_isnil(L, index))
        return 0;
    if (argument_size(L, index, &slot) < 0)
        return -1;
    *number = (void *)(uintptr_t)slot;
    return 0;
}

static int text_in_list(lua_State *L, int index, size_t i, const char **text)
{
    size_t length = 0;

    lua_rawgeti(L, index, (int)i);
    *text = IS_STRING(L, -1) ? lua_tolstring(L, -1, &length) : NULL;
    lua_pop(L, 1);
    if (!*text || strlen(*text) != length)
        return argument_wrong(L, index, "list of strings without NUL bytes");
    return 0;
}

int argument_texts(lua_State *L, int index, const char *const **texts, size_t *count)
{
    const char **list;

    if (!lua_istable(L, index))
        return argument_wrong(L, index, "list of strings");
#if LUA_VERSION_NUM >= 502
    *count = (size_t)lua_rawlen(L, index);
#else
    *count = lua_objlen(L, index);
#endif
    if (*count > 65536)
        return argument_wrong(L, index, "list of at most 65536 strings");
    list = lua_newuserdata(L, (*count + 1) * sizeof *list);
    for (size_t i = 1; i <= *count; i++)
        if (text_in_list(L, index, i, &list[i - 1]) < 0)
            return -1;
    *texts = (const char *const *)list;
    return 0;
}

void buffer_wipe(void *buffer, size_t size)
{
    volatile unsigned char *byte = buffer;

    while (size--)
        *byte++ = 0;
}
