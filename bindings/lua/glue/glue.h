/* SPDX-License-Identifier: Apache-2.0
 *
 * What the generated code of sessile.core stands on: handles, slots, calls and the errors that wait in them. One source
 * for Lua 5.1, 5.3, 5.4 and LuaJIT.
 *
 * - A handle is a full userdata that holds one reference to one object of the library.
 * - A slot is a number that stands for the table that owns a session or a stream. The library is given the number; a
 *   weak table finds the owner. No reference to a Lua object is stored in C between calls.
 * - A call brackets each entry into the library. Callbacks run on the coroutine that made the innermost call that is
 *   under way, each in a protected call whose function needs no memory to be pushed: nothing is ever thrown through the
 *   library. What a callback raises waits in the home, a value of any type, until the outermost call of the Lua state
 *   has left the library, and is raised there. */
#ifndef SESSILE_LUA_GLUE_H
#define SESSILE_LUA_GLUE_H

#include <lauxlib.h>
#include <lua.h>

#include <sessile/sessile.h>

/* ---- The home: what one Lua state has of this module, a table in its registry ---- */

/* Names of the owners' functions, in the order of the callbacks' table in callbacks.c. */
#define NAME_COUNT 24

/* What stands in the home table, by index. */
enum {
    HOME_STRUCT = 1, /* struct home */
    HOME_METATABLE,  /* of handles */
    HOME_OWNERS,     /* slot -> owner, weakly */
    HOME_PARKED,     /* the error that waits; false while there is none */
    HOME_LOST,       /* whom errors are told to that cannot be raised; false for nobody */
    HOME_NAMES,      /* the first of NAME_COUNT */
    HOME_SIZE = HOME_NAMES + NAME_COUNT - 1
};

struct home {
    int table;      /* the home table's number in the registry */
    int trampoline; /* the trampoline's */
    unsigned depth; /* calls that are under way */
    int parked;     /* whether an error waits */
    lua_Number next_slot;
};

/* Push the home's table. */
void home_push(lua_State *L);
struct home *home_of(lua_State *L);
/* Make the home, where there is none yet. */
void home_open(lua_State *L);

/* ---- Calls ---- */

typedef void (*call_job)(lua_State *L, void *data);

struct call {
    lua_State *L;
    struct home *home;
    struct call *outer; /* of this thread, maybe of another Lua state */
    call_job job;       /* for the trampoline */
    void *data;
};

/* Returns 0, or -1 with an error pushed where calls are nested too deeply. */
int call_enter(lua_State *L, struct call *call);
/* Returns 0, or -1 with the error pushed that waited for the end of the outermost call. */
int call_leave(struct call *call);
/* For finalisers: they may go any depth, and tell what waited to whom errors are told that cannot be raised. */
void call_enter_finaliser(lua_State *L, struct call *call);
void call_leave_finaliser(struct call *call);
/* Inside a call: run a job, which may raise, protected. Returns 0, or -1: then its error waits. */
int call_run(call_job job, void *data);
/* The same for that call, which is the innermost: takes arguments from the stack, and leaves there what the job pushed
 * (results values), or what was raised. Returns 0, or another number where it raised. */
int call_protected(struct call *call, call_job job, void *data, int arguments, int results);
int trampoline(lua_State *L);

/* ---- Handles ---- */

struct kind {
    const char *name;
    void (*release)(void *object);
    const char *(*error_text)(void *object); /* of the last error; NULL: it has none */
    void *(*keep)(void *object);             /* of what callbacks lend: NULL where it cannot be kept */
    int at_once;                             /* freed also while a call uses it: the library waits where it has to */
};

extern const struct kind kind_session, kind_stream, kind_question, kind_callbacks, kind_key, kind_known_hosts,
    kind_authorized_keys, kind_principals, kind_grant, kind_krl, kind_tls_config, kind_tls_tickets, kind_ssh_config,
    kind_sftp, kind_sftp_request, kind_sftp_attrs, kind_sftp_transfer, kind_sftp_job;

typedef struct {
    void *object; /* NULL: freed, or never filled */
    const struct kind *kind;
    unsigned pins; /* calls that use it now: what is freed meanwhile goes when the last one ends */
    char freed;
    char lent; /* a question or a job inside its callback: holds no reference */
    int taken; /* a session: how many bytes the last receive took */
} Handle;

/* Push a handle that holds nothing. Raises where there is no memory. */
Handle *handle_make(lua_State *L, const struct kind *kind);
/* Push a handle that takes over the caller's reference; nil for NULL. Returns 0, or -1 with an error pushed, and then
 * the reference has been given back. */
int handle_push(lua_State *L, const struct kind *kind, void *object);
/* The handle at an index, of any kind; NULL where there is none. */
Handle *handle_at(lua_State *L, int index);
/* The live object of the handle at an index, pinned until handle_unpin(). NULL: *held is NULL where it is none of that
 * kind; else it is freed. */
void *handle_pin(lua_State *L, int index, const struct kind *kind, Handle **held);
void handle_unpin(lua_State *L, Handle *held);
/* The live object of a handle of that kind, or NULL. */
void *handle_peek(lua_State *L, int index, const struct kind *kind);
/* Push the metatable of handles. */
void handle_metatable(lua_State *L);

/* ---- Arguments: 0, or -1 with an error pushed ---- */

#define IS_STRING(L, index) (lua_type(L, index) == LUA_TSTRING)

int argument_wrong(lua_State *L, int index, const char *expected);
int argument_int(lua_State *L, int index, int *value);
int argument_int64(lua_State *L, int index, int64_t *value);
/* Also math.huge for UINT64_MAX, and a decimal text. */
int argument_uint64(lua_State *L, int index, uint64_t *value);
int argument_size(lua_State *L, int index, size_t *value);
/* A string without NUL bytes, or nil. */
int argument_text(lua_State *L, int index, const char **text);
/* A slot's number, or nil for 0. */
int argument_slot(lua_State *L, int index, void **number);
/* A list of strings, which pushes one value that the texts stand in. */
int argument_texts(lua_State *L, int index, const char *const **texts, size_t *count);
/* Zero what a secret may have stood in. */
void buffer_wipe(void *buffer, size_t size);
void push_uint64(lua_State *L, uint64_t value);
void push_int64(lua_State *L, int64_t value);

/* ---- Errors ---- */

/* Room for the sentence that some functions write beside their code. */
#define ERROR_TEXT_SIZE 1024
char *error_text(void);
/* Push nil, what a negative result means, and the code: three values. The wrapper's arguments stand from index 1. */
int error_push(lua_State *L, int code);
/* The same for a receive that returned -1. */
int error_push_receive(lua_State *L);
/* For the use of a handle that is freed. */
int error_push_gone(lua_State *L);

/* ---- Functions that no header has ---- */

extern const luaL_Reg handle_functions[], slot_functions[];

/* Push whom a number stands for, or nil. */
void slot_push_owner(lua_State *L, void *number);

/* ---- Callbacks ---- */

void callbacks_names(lua_State *L);

int on_comm_send(void *handle, void *buffer, size_t size);
void on_comm_close(void *handle);
void on_comm_resume(void *handle);
int on_ready(sessile_session *session, void *app);
int on_question(sessile_question *question, void *app);
int on_withdrawn(sessile_question *question, void *app);
int on_stream(sessile_stream *stream, void *app);
int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app);
void on_closed(sessile_session *session, int error, void *app);
int on_data(sessile_stream *stream, const void *data, size_t size, void *app);
int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app);
int on_request(sessile_stream *stream, int request, void *app);
int on_end(sessile_stream *stream, void *app);
int on_writable(sessile_stream *stream, void *app);
void on_stream_closed(sessile_stream *stream, int error, void *app);
void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app);
int on_passphrase(void *buffer, size_t size, void *app);

#endif
