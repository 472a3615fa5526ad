/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles: one kind of userdata for all objects of the library. A handle holds one reference; freeing it twice, using
 * it afterwards or handing it to a function of another kind is an error. */
#include "glue.h"

/* Further members may follow the name. */
#define KIND(object_name, ...)                                                                                         \
    static void release_##object_name(void *object)                                                                    \
    {                                                                                                                  \
        sessile_##object_name##_free(object);                                                                          \
    }                                                                                                                  \
    const struct kind kind_##object_name = {.name = #object_name, .release = release_##object_name, __VA_ARGS__}

static const char *tls_config_text(void *object)
{
    return sessile_tls_config_error_text(object);
}

static const char *ssh_config_text(void *object)
{
    return sessile_ssh_config_error_text(object);
}

static void *keep_question(void *object)
{
    return sessile_question_keep(object);
}

static void *keep_job(void *object)
{
    return sessile_sftp_job_keep(object);
}

KIND(session, .at_once = 1);
KIND(stream, .keep = NULL);
KIND(question, .keep = keep_question);
KIND(callbacks, .keep = NULL);
KIND(key, .keep = NULL);
KIND(known_hosts, .keep = NULL);
KIND(authorized_keys, .keep = NULL);
KIND(principals, .keep = NULL);
KIND(grant, .keep = NULL);
KIND(krl, .keep = NULL);
KIND(tls_config, .error_text = tls_config_text);
KIND(tls_tickets, .keep = NULL);
KIND(ssh_config, .error_text = ssh_config_text);
KIND(sftp, .at_once = 1);
KIND(sftp_request, .at_once = 1);
KIND(sftp_attrs, .keep = NULL);
KIND(sftp_transfer, .at_once = 1);
KIND(sftp_job, .keep = keep_job);

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

/* Some, such as a session, are freed at once, also from inside their own callbacks: the library waits for what must end
 * first. All else waits until no call uses it. Freeing may call back. */
static void handle_free(lua_State *L, Handle *self)
{
    void *object = self->object;
    struct call call;

    self->freed = 1;
    if (!object || (self->pins && !self->kind->at_once))
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

/* Whether it may be held on to after its callback. */
static int lent_keep(Handle *self)
{
    if (self->lent && !self->kind->keep(self->object))
        return -1;
    self->lent = 0;
    return 0;
}

static int own_keep(lua_State *L)
{
    Handle *self = handle_check(L);

    if (!self->kind->keep)
        return luaL_argerror(L, 1, "a handle of a question or a job expected");
    if (!self->object || self->freed)
        return error_push_gone(L);
    if (lent_keep(self) < 0)
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
