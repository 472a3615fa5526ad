/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's errors, as Lua has them: nil, a text, a code. The text is the most precise that there is: what the call
 * wrote, what made the session fail, what a config says is wrong, or what the code means in general. */
#include "glue.h"

static _Thread_local char told[ERROR_TEXT_SIZE];

char *error_text(void)
{
    told[0] = '\0';
    return told;
}

static int push(lua_State *L, const char *text, int code)
{
    lua_pushnil(L);
    lua_pushstring(L, text && text[0] ? text : sessile_error_describe(code));
    lua_pushinteger(L, code);
    told[0] = '\0';
    return 3;
}

static sessile_session *session_at(lua_State *L, int index)
{
    sessile_stream *stream = handle_peek(L, index, &kind_stream);

    return stream ? sessile_stream_session(stream) : handle_peek(L, index, &kind_session);
}

static const char *config_text(lua_State *L, int index)
{
    Handle *handle = handle_at(L, index);

    return handle && handle->object && handle->kind->error_text ? handle->kind->error_text(handle->object) : NULL;
}

/* Only what a config is the first argument of has set its text: a second one's is from a check on the way. */
static const char *text_of_config(lua_State *L, int code)
{
    const char *text = config_text(L, 1);

    if (!text && code != SESSILE_ERR_MISUSE && code != SESSILE_ERR_BUSY)
        text = config_text(L, 2);
    return text;
}

int error_push(lua_State *L, int code)
{
    sessile_session *session = code == SESSILE_ERR_FAILED ? session_at(L, 1) : NULL;
    sessile_sftp *sftp = code == SESSILE_ERR_FAILED ? handle_peek(L, 1, &kind_sftp) : NULL;

    if (told[0])
        return push(L, told, code);
    if (sftp && sessile_sftp_error(sftp) < 0)
        return push(L, sessile_sftp_error_text(sftp), sessile_sftp_error(sftp));
    if (session && sessile_session_error(session) < 0)
        return push(L, sessile_session_error_text(session), sessile_session_error(session));
    return push(L, text_of_config(L, code), code);
}

int error_push_receive(lua_State *L)
{
    return error_push(L, SESSILE_ERR_FAILED);
}

int error_push_gone(lua_State *L)
{
    return push(L, NULL, SESSILE_ERR_GONE);
}
