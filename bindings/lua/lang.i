/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library's functions look in Lua: sessile.core, the flat layer.
 *
 * Bytes in are strings, read in place. Bytes out are strings. Handles are userdata, callbacks are switched on with true
 * and go to the owner whose slot's number is given as handle or app. A negative result is nil, a text, a code. An
 * argument of the wrong type raises. */

%{
#include "glue.h"

/* Room for a result that fills a buffer, and the most keying material that there is, in bytes. */
#define BUFFER_ROOM 4096
#define KEYING_MAX 8160
%}

/* ---- The module: the generated functions and constants, without what else SWIG would put into the state ---- */

%wrapper %{
/* Where a wrapper fails it raises what is on the top of the stack, once its arguments are let go of. A handle that is
 * freed is no such error: three values are returned, and a mark on top of them says so. */
static const char gone_mark;

static void push_gone(lua_State *L)
{
    error_push_gone(L);
    lua_pushlightuserdata(L, (void *)&gone_mark);
}

static int wrapper_failed(lua_State *L)
{
    if (lua_touserdata(L, -1) != &gone_mark)
        return lua_error(L);
    lua_pop(L, 1);
    return 3;
}

#define lua_error(L) return wrapper_failed(L)

static swig_lua_namespace swig_SwigModule;

static void core_set_functions(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name; functions++) {
        lua_pushcfunction(L, functions->func);
        lua_setfield(L, -2, functions->name);
    }
}

__attribute__((visibility("default"))) int luaopen_sessile_core(lua_State *L)
{
    const swig_lua_const_info *constant;

    home_open(L);
    lua_newtable(L);
    core_set_functions(L, swig_SwigModule.ns_methods);
    core_set_functions(L, handle_functions);
    core_set_functions(L, slot_functions);
    for (constant = swig_SwigModule.ns_constants; constant->name; constant++) {
        lua_pushinteger(L, (lua_Integer)constant->lvalue);
        lua_setfield(L, -2, constant->name);
    }
    return 1;
}
%}

/* ---- Calls ---- */

/* again: what fills a buffer is called once more with one that suffices. */
%exception {
    struct call call;
again:
    if (call_enter(L, &call) < 0)
        SWIG_fail;
    $action
    if (call_leave(&call) < 0)
        SWIG_fail;
}

%exception sessile_session_receive {
    struct call call;

    if (call_enter(L, &call) < 0)
        SWIG_fail;
    $action
    held1->taken = result;
    if (call_leave(&call) < 0)
        SWIG_fail;
}

/* Too small a room is an error there, and no room asks for the length. */
%exception sessile_tls_peer_certificate {
    struct call call;
again:
    if (call_enter(L, &call) < 0)
        SWIG_fail;
    result = sessile_tls_peer_certificate(arg1, arg2, arg3, 0);
    if (result >= 0 && (size_t)result <= arg4)
        $action
    if (call_leave(&call) < 0)
        SWIG_fail;
}

/* ---- Numbers ---- */

%define SESSILE_NUMBER(type, take, push)
%typemap(in) type {
    if (take(L, $input, &$1) < 0)
        SWIG_fail;
}
%typemap(out) type {
    push;
    SWIG_arg++;
}
%enddef
SESSILE_NUMBER(size_t, argument_size, lua_pushnumber(L, (lua_Number)$1))
SESSILE_NUMBER(uint64_t, argument_uint64, push_uint64(L, $1))

%typemap(in) int {
    if (argument_int(L, $input, &$1) < 0)
        SWIG_fail;
}
%typemap(out) int {
    if ($1 < 0) {
        SWIG_arg += error_push(L, $1);
    } else {
        lua_pushinteger(L, $1);
        SWIG_arg++;
    }
}
%typemap(out) int sessile_session_receive {
    if ($1 < 0) {
        SWIG_arg += error_push_receive(L);
    } else {
        lua_pushinteger(L, $1);
        SWIG_arg++;
    }
}

/* Codes that are told. */
%define SESSILE_PLAIN(function)
%typemap(out) int function {
    lua_pushinteger(L, $1);
    SWIG_arg++;
}
%enddef
SESSILE_PLAIN(sessile_session_error)
SESSILE_PLAIN(sessile_constant_value)
SESSILE_PLAIN(sessile_agent_result)

%typemap(in) int64_t {
    if (argument_int64(L, $input, &$1) < 0)
        SWIG_fail;
}
%typemap(out) int64_t {
    if ($1 < 0) {
        SWIG_arg += error_push(L, (int)$1);
    } else {
        push_int64(L, $1);
        SWIG_arg++;
    }
}

/* ---- Text ---- */

%typemap(in) const char * {
    const char *text;

    if (argument_text(L, $input, &text) < 0)
        SWIG_fail;
    $1 = (char *)text;
}
%typemap(out) const char * {
    lua_pushstring(L, $1);
    SWIG_arg++;
}

%typemap(in) (const char *const *principals, size_t principal_count) {
    if (argument_texts(L, $input, (const char *const **)&$1, &$2) < 0)
        SWIG_fail;
}

/* ---- Buffers ---- */

%typemap(in) (const void *data, size_t size) {
    if (!IS_STRING(L, $input)) {
        argument_wrong(L, $input, "string");
        SWIG_fail;
    }
    $1 = (void *)lua_tolstring(L, $input, &$2);
}
%apply (const void *data, size_t size) {
    (const void *message, size_t message_size),
    (const void *signature, size_t signature_size),
    (const void *session_id, size_t session_id_size),
    (const void *text, size_t text_size),
    (const void *command, size_t size)
}

/* Where nil is none. */
%typemap(in) (const void *context, size_t context_size) {
    $2 = 0;
    if (IS_STRING(L, $input)) {
        $1 = (void *)lua_tolstring(L, $input, &$2);
    } else if (!lua_isnil(L, $input)) {
        argument_wrong(L, $input, "string or nil");
        SWIG_fail;
    }
}
%apply (const void *context, size_t context_size) {
    (const void *passphrase, size_t passphrase_size),
    (const void *modes, size_t modes_size),
    (const void *critical, size_t critical_size),
    (const void *extensions, size_t extensions_size)
}

/* What the function writes is its result. It tells the length, and writes nothing where that is more than the room. */
%typemap(in, numinputs=0) (void *data, size_t size) (char room[BUFFER_ROOM]) {
    $1 = room;
    $2 = sizeof room;
}
%typemap(argout) (void *data, size_t size) {
    if (result >= 0 && (size_t)result > $2) {
        lua_pop(L, SWIG_arg);
        SWIG_arg = 0;
        $2 = (size_t)result;
        $1 = lua_newuserdata(L, $2);
        goto again;
    }
    if (result >= 0) {
        lua_pushlstring(L, $1, (size_t)result);
        lua_replace(L, -2);
    }
    buffer_wipe($1, $2);
    buffer_wipe(room$argnum, sizeof room$argnum);
}

/* Keying material: as much as is asked for. */
%typemap(in) (void *keying, size_t keying_size) {
    if (argument_size(L, $input, &$2) < 0)
        SWIG_fail;
    if ($2 > KEYING_MAX) {
        argument_wrong(L, $input, "size of at most 8160 bytes");
        SWIG_fail;
    }
    $1 = lua_newuserdata(L, $2 + 1);
}
%typemap(argout) (void *keying, size_t keying_size) {
    if (result >= 0) {
        lua_pushlstring(L, $1, $2);
        lua_replace(L, -2);
    }
    buffer_wipe($1, $2);
}

/* A question's item. */
%typemap(in, numinputs=0) (const void **data, size_t *size) (const void *item = NULL, size_t item_size = 0) {
    $1 = (void **)&item;
    $2 = &item_size;
}
%typemap(argout) (const void **data, size_t *size) {
    if (result >= 0) {
        lua_pushlstring(L, item$argnum, item_size$argnum);
        lua_replace(L, -2);
    }
}

%typemap(in, numinputs=0) (char *error, size_t error_size) {
    $1 = error_text();
    $2 = ERROR_TEXT_SIZE;
}

/* sessile_known_hosts_check(): what it found, the file, the line, and why a certificate would not do. */
%typemap(in, numinputs=0) (size_t *file, size_t *line, char *error, size_t error_size)
    (size_t file = 0, size_t line = 0, char why[ERROR_TEXT_SIZE] = "") {
    $1 = &file;
    $2 = &line;
    $3 = why;
    $4 = sizeof why;
}
%typemap(argout) (size_t *file, size_t *line, char *error, size_t error_size) {
    if (result >= 0) {
        lua_pushnumber(L, (lua_Number)file$argnum);
        lua_pushnumber(L, (lua_Number)line$argnum);
        lua_pushstring(L, why$argnum);
        SWIG_arg += 3;
    }
}

/* ---- Handles ---- */

%define SESSILE_HANDLE(type, kind_name)
%typemap(in) type * (Handle *held = NULL) {
    $1 = handle_pin(L, $input, &kind_ ## kind_name, &held);
    if (!held) {
        argument_wrong(L, $input, "handle of a " #kind_name);
        SWIG_fail;
    }
    if (!$1) {
        push_gone(L);
        SWIG_fail;
    }
}
%typemap(freearg) type * {
    handle_unpin(L, held$argnum);
}
/* A new object, or, of what is not counted as new below, one that is borrowed. */
%typemap(out) type * {
    if (handle_push(L, &kind_ ## kind_name, $1) < 0)
        SWIG_fail;
    SWIG_arg++;
}
%typemap(in, numinputs=0) type ** (type *made = NULL) {
    $1 = &made;
}
%typemap(argout) type ** {
    if (result >= 0) {
        if (handle_push(L, &kind_ ## kind_name, made$argnum) < 0)
            SWIG_fail;
        lua_replace(L, -2);
    }
}
%enddef

SESSILE_HANDLE(sessile_session, session)
SESSILE_HANDLE(sessile_stream, stream)
SESSILE_HANDLE(sessile_question, question)
SESSILE_HANDLE(sessile_callbacks, callbacks)
SESSILE_HANDLE(sessile_key, key)
SESSILE_HANDLE(sessile_known_hosts, known_hosts)
SESSILE_HANDLE(sessile_authorized_keys, authorized_keys)
SESSILE_HANDLE(sessile_principals, principals)
SESSILE_HANDLE(sessile_grant, grant)
SESSILE_HANDLE(sessile_krl, krl)
SESSILE_HANDLE(sessile_tls_config, tls_config)
SESSILE_HANDLE(sessile_tls_tickets, tls_tickets)
SESSILE_HANDLE(sessile_ssh_config, ssh_config)

/* Streams and keys that a function returns are borrowed. */
%typemap(out) sessile_stream * {
    if (handle_push(L, &kind_stream, sessile_stream_keep($1)) < 0)
        SWIG_fail;
    SWIG_arg++;
}
%typemap(out) sessile_key * {
    if (handle_push(L, &kind_key, sessile_key_keep($1)) < 0)
        SWIG_fail;
    SWIG_arg++;
}

%define SESSILE_OPTIONAL(type, kind_name, name)
%typemap(in) type *name (Handle *held = NULL) {
    $1 = NULL;
    if (!lua_isnil(L, $input)) {
        $1 = handle_pin(L, $input, &kind_ ## kind_name, &held);
        if (!held) {
            argument_wrong(L, $input, "handle of a " #kind_name " or nil");
            SWIG_fail;
        }
        if (!$1) {
            push_gone(L);
            SWIG_fail;
        }
    }
}
%enddef
SESSILE_OPTIONAL(sessile_callbacks, callbacks, callbacks)
SESSILE_OPTIONAL(sessile_known_hosts, known_hosts, before)
SESSILE_OPTIONAL(sessile_principals, principals, principals)

/* sessile_pair() */
%typemap(in, numinputs=0) (sessile_session **first, sessile_session **second)
    (sessile_session *one = NULL, sessile_session *other = NULL) {
    $1 = &one;
    $2 = &other;
}
%typemap(argout) (sessile_session **first, sessile_session **second) {
    if (result >= 0) {
        lua_pop(L, 1);
        if (handle_push(L, &kind_session, one$argnum) < 0) {
            sessile_session_free(other$argnum);
            SWIG_fail;
        }
        if (handle_push(L, &kind_session, other$argnum) < 0)
            SWIG_fail;
        SWIG_arg++;
    }
}

/* ---- Callbacks ---- */

%typemap(in) void *app {
    if (argument_slot(L, $input, &$1) < 0)
        SWIG_fail;
}

%typemap(in) (void *handle, sessile_comm_send send, sessile_comm_close close) {
    if (argument_slot(L, $input, &$1) < 0)
        SWIG_fail;
    $2 = on_comm_send;
    $3 = on_comm_close;
}

%define SESSILE_CALLBACK(parameter, function)
%typemap(in) parameter {
    $1 = lua_toboolean(L, $input) ? function : NULL;
}
%enddef
SESSILE_CALLBACK(sessile_comm_resume resume, on_comm_resume)
SESSILE_CALLBACK(sessile_on_session ready, on_ready)
SESSILE_CALLBACK(sessile_on_question question, on_question)
SESSILE_CALLBACK(sessile_on_question withdrawn, on_withdrawn)
SESSILE_CALLBACK(sessile_on_notice notice, on_notice)
SESSILE_CALLBACK(sessile_on_closed closed, on_closed)
SESSILE_CALLBACK(sessile_on_data data, on_data)
SESSILE_CALLBACK(sessile_on_stream stream, on_stream)
SESSILE_CALLBACK(sessile_on_data call, on_stderr)
SESSILE_CALLBACK(sessile_on_request request, on_request)
SESSILE_CALLBACK(sessile_on_stream end, on_end)
SESSILE_CALLBACK(sessile_on_stream writable, on_writable)
SESSILE_CALLBACK(sessile_on_stream_closed closed, on_stream_closed)
SESSILE_CALLBACK(sessile_on_trace trace, on_trace)
SESSILE_CALLBACK(sessile_tls_passphrase passphrase, on_passphrase)

/* The header's own, with a buffer of another name, which the typemap above goes by. */
%warnfilter(302) sessile_tls_export;
int sessile_tls_export(sessile_session *session, const char *label, const void *context, size_t context_size,
                       void *keying, size_t keying_size);

%include "sftp.i"
