/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that embeds Lua and the module, for the tests: host [-s] [-f FIRST STEP] SCRIPT
 *
 * SCRIPT is run with the module there from package.preload. -s: in a state that has no io, os, debug and package, where
 * require() knows this module alone, and whose sources are read by this program. -f: run it again and again in new
 * states whose memory fails at the FIRST allocation, at FIRST + STEP and so on, until it once runs through; whatever
 * fails must fail as Lua's memory error, or as an error of the script's own, and leave nothing behind. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int luaopen_sessile_core(lua_State *L);

/* ---- Memory ---- */

struct memory {
    unsigned long count; /* of allocations so far */
    unsigned long fail;  /* the one that fails; 0: none */
    long blocks;         /* that are there */
    int once;            /* whether later ones work again */
};

static void *allocate(void *user, void *block, size_t old, size_t size)
{
    struct memory *memory = user;
    void *grown;

    if (!size) {
        memory->blocks -= block != NULL;
        free(block);
        return NULL;
    }
    if (!block || size > old) {
        memory->count++;
        if (memory->fail && (memory->once ? memory->count == memory->fail : memory->count >= memory->fail))
            return NULL;
    }
    grown = realloc(block, size);
    memory->blocks += !block && grown;
    return grown;
}

/* ---- States ---- */

static void preload(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_sessile_core);
    lua_setfield(L, -2, "sessile.core");
    lua_pop(L, 1);
}

static const char *sources_folder(void)
{
    const char *folder = getenv("SESSILE_LUA_SOURCES");

    return folder ? folder : "bindings/lua";
}

/* require() of a state without package: what is loaded stands in its first upvalue. */
static int require_bare(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1), *rest = strncmp(name, "sessile", 7) == 0 ? name + 7 : NULL;
    char path[1024];

    lua_getfield(L, lua_upvalueindex(1), name);
    if (!lua_isnil(L, -1))
        return 1;
    if (!rest || (*rest && *rest != '.') || strpbrk(*rest ? rest + 1 : rest, "./"))
        return luaL_error(L, "there is no module %s here", name);
    if (strcmp(name, "sessile.core") == 0) {
        lua_pushcfunction(L, luaopen_sessile_core);
    } else {
        snprintf(path, sizeof path, "%s/sessile/%s.lua", sources_folder(), *rest ? rest + 1 : "init");
        if (luaL_loadfile(L, path) != LUA_OK)
            return lua_error(L);
    }
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, lua_upvalueindex(1), name);
    return 1;
}

static void open_bare(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_TABLIBNAME, luaopen_table},    {LUA_STRLIBNAME, luaopen_string},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_COLIBNAME, luaopen_coroutine},
    };
    static const char *const absent[] = {"dofile", "loadfile", "load"};

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        lua_pushnil(L);
        lua_setglobal(L, absent[i]);
    }
    lua_newtable(L);
    lua_pushcclosure(L, require_bare, 1);
    lua_setglobal(L, "require");
}

struct task {
    const char *script;
    int bare;
    char *const *arguments;
};

static int run(lua_State *L)
{
    const struct task *task = lua_touserdata(L, 1);
    int count = 0;

    if (task->bare) {
        open_bare(L);
    } else {
        luaL_openlibs(L);
        preload(L);
    }
    if (luaL_loadfile(L, task->script) != LUA_OK)
        return lua_error(L);
    while (task->arguments[count])
        lua_pushstring(L, task->arguments[count++]);
    lua_call(L, count, 0);
    return 0;
}

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* Returns Lua's status; -1 where not even a state could be made. */
static int run_in_new_state(const struct task *task, struct memory *memory, int quiet)
{
    lua_State *L = lua_newstate(allocate, memory);
    int status;

    if (!L)
        return -1;
    lua_pushcfunction(L, quiet ? run : traceback);
    if (!quiet)
        lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, (void *)task);
    status = lua_pcall(L, 1, 0, quiet ? 0 : 1);
    if (status != LUA_OK && !quiet)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    if (memory->blocks) {
        fprintf(stderr, "%ld blocks are left\n", memory->blocks);
        exit(1);
    }
    return status;
}

static int run_with_failures(const struct task *task, unsigned long first, unsigned long step)
{
    unsigned long runs = 0;

    for (int once = 0; once < 2; once++) {
        for (unsigned long fail = first;; fail += step, runs++) {
            struct memory memory = {.fail = fail, .once = once};

            run_in_new_state(task, &memory, 1);
            if (memory.count < fail)
                break;
        }
    }
    printf("%s: %lu runs with memory that failed\n", task->script, runs);
    return runs > 10 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct task task = {0};
    struct memory memory = {0};
    unsigned long first = 0, step = 1;
    int i = 1;

    if (i < argc && strcmp(argv[i], "-s") == 0) {
        task.bare = 1;
        i++;
    }
    if (i + 2 < argc && strcmp(argv[i], "-f") == 0) {
        first = strtoul(argv[i + 1], NULL, 10);
        step = strtoul(argv[i + 2], NULL, 10);
        i += 3;
    }
    if (i >= argc || (first && !step)) {
        fprintf(stderr, "usage: host [-s] [-f FIRST STEP] SCRIPT [ARGUMENT...]\n");
        return 2;
    }
    task.script = argv[i];
    task.arguments = argv + i + 1;
    if (first)
        return run_with_failures(&task, first, step);
    return run_in_new_state(&task, &memory, 0) == LUA_OK ? 0 : 1;
}
