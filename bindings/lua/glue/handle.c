/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles: one kind of userdata for all objects of the library. A handle holds one reference; freeing it twice, using
 * it afterwards or handing it to a function of another kind is an error. */
#include "glue.h"

#define KIND(name, text)                                                                                               \
    static void release_##name(void *object)                                                                           \
    {                                                                                                                  \
        sessile_##name##_free(object);                                                                                 \
    }                                                                                                                  \
    const struct kind kind_##name = {#name, release_##name, text}

static const char *tls_config_text(void *object)
{
    return sessile_tls_config_error_text(object);
}

static const char *ssh_config_text(void *object)
{
    return sessile_ssh_config_error_text(object);
}

KIND(session, NULL);
KIND(stream, NULL);
KIND(question, NULL);
KIND(callbacks, NULL);
KIND(key, NULL);
KIND(known_hosts, NULL);
KIND(authorized_keys, NULL);
KIND(principals, NULL);
KIND(grant, NULL);
KIND(krl, NULL);
KIND(tls_config, tls_config_text);
KIND(tls_tickets, NULL);
KIND(ssh_config, ssh_config_text);

Handle *handle_make(lua_State *L, const struct kind *kind)
{
    Handle *self = lua_newuserdata(L, sizeof *self);

    *self = (Handle){.kind = kind};
    home_push(L);
    lua_rawgeti(L, -1, HOME_METATABLE);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    return self;
}

struct made {
    const struct kind *kind;
    void *object;
};

static void make_filled(lua_State *L, void *data)
{
    struct made *made = data;

    handle_make(L, made->kind)->object = made->object;
}

int handle_push(lua_State *L, const struct kind *kind, void *object)
{
    struct made made = {kind, object};
    struct call call;
    int raised;

    if (!object) {
        lua_pushnil(L);
        return 0;
    }
    call_enter_finaliser(L, &call);
    raised = call_protected(&call, make_filled, &made, 0, 1);
    if (raised)
        kind->release(object);
    call_leave_finaliser(&call);
    return raised ? -1 : 0;
}

Handle *handle_at(lua_State *L, int index)
{
    Handle *self = lua_touserdata(L, index);
    int ours;

    if (!self || lua_islightuserdata(L, index) || !lua_getmetatable(L, index))
        return NULL;
    home_push(L);
    lua_rawgeti(L, -1, HOME_METATABLE);
    ours = lua_rawequal(L, -1, -3);
    lua_pop(L, 3);
    return ours ? self : NULL;
}

void *handle_peek(lua_State *L, int index, const struct kind *kind)
{
    Handle *self = handle_at(L, index);

    return self && self->kind == kind ? self->object : NULL;
}

void *handle_pin(lua_State *L, int index, const struct kind *kind, Handle **held)
{
    Handle *self = handle_at(L, index);

    *held = NULL;
    if (!self || self->kind != kind)
        return NULL;
    self->pins++;
    *held = self;
    return self->freed ? NULL : self->object;
}

/* A session is freed at once, also from inside its own callbacks: the library waits for what must end first. All else
 * waits until no call uses it. Freeing a session may call back. */
static void handle_free(lua_State *L, Handle *self)
{
    void *object = self->object;
    struct call call;

    self->freed = 1;
    if (!object || (self->pins && self->kind != &kind_session))
        return;
    self->object = NULL;
    if (self->lent)
        return;
    call_enter_finaliser(L, &call);
    self->kind->release(object);
    call_leave_finaliser(&call);
}

void handle_unpin(lua_State *L, Handle *held)
{
    if (held && --held->pins == 0 && held->freed)
        handle_free(L, held);
}

/* ---- The metatable ---- */

static int handle_gc(lua_State *L)
{
    Handle *self = handle_at(L, 1);

    if (self) {
        self->pins = 0;
        handle_free(L, self);
    }
    return 0;
}

static int handle_tostring(lua_State *L)
{
    Handle *self = handle_at(L, 1);

    if (!self)
        lua_pushliteral(L, "no handle");
    else if (!self->object || self->freed)
        lua_pushfstring(L, "freed handle of a %s", self->kind->name);
    else
        lua_pushfstring(L, "handle of a %s: %p", self->kind->name, self->object);
    return 1;
}

void handle_metatable(lua_State *L)
{
    lua_createtable(L, 0, 4);
    lua_pushcfunction(L, handle_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, handle_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "sessile.handle");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "sessile.handle");
    lua_setfield(L, -2, "__metatable");
}

/* ---- Functions that no header has ---- */

static Handle *handle_check(lua_State *L)
{
    Handle *self = handle_at(L, 1);

    if (!self)
        luaL_argerror(L, 1, "a handle expected");
    return self;
}

static int own_free(lua_State *L)
{
    Handle *self = handle_check(L);
    struct call call;

    if (call_enter(L, &call) < 0)
        return lua_error(L);
    handle_free(L, self);
    if (call_leave(&call) < 0)
        return lua_error(L);
    return 0;
}

/* Whether the question may be held on to after its callback. */
static int question_keep(Handle *self)
{
    if (self->lent && !sessile_question_keep(self->object))
        return -1;
    self->lent = 0;
    return 0;
}

static int own_keep(lua_State *L)
{
    Handle *self = handle_check(L);

    if (self->kind != &kind_question)
        return luaL_argerror(L, 1, "a handle of a question expected");
    if (!self->object || self->freed)
        return error_push_gone(L);
    if (question_keep(self) < 0)
        return error_push(L, SESSILE_ERR_MISUSE);
    lua_settop(L, 1);
    return 1;
}

static int own_freed(lua_State *L)
{
    Handle *self = handle_check(L);

    lua_pushboolean(L, !self->object || self->freed);
    return 1;
}

static int own_address(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)(uintptr_t)handle_check(L)->object);
    return 1;
}

static int own_kind(lua_State *L)
{
    lua_pushstring(L, handle_check(L)->kind->name);
    return 1;
}

static int own_taken(lua_State *L)
{
    lua_pushinteger(L, handle_check(L)->taken);
    return 1;
}

const luaL_Reg handle_functions[] = {
    {"free", own_free}, {"keep", own_keep},   {"freed", own_freed}, {"address", own_address},
    {"kind", own_kind}, {"taken", own_taken}, {NULL, NULL},
};
