/* SPDX-License-Identifier: Apache-2.0
 *
 * A C application that embeds Lua (5.4, 5.3, 5.1 or LuaJIT), owns the event loop, and lets a script be the comms layer:
 *
 *     host FOLDER SCRIPT [ARGUMENT...]     FOLDER: where the module's sources in Lua are; SCRIPT: such as script.lua
 *
 * Scripts are in a sandbox: no io, os, debug, package or load; require() knows the modules sessile and sessile.*, and
 * driver, which stands beside SCRIPT. What they have instead is the table "host": sockets that never block, and wait(),
 * which gives the coroutine back to the loop below, until poll() says that its socket is ready, its time is over, or
 * another coroutine has woken it. All that waits is a row of tasks. */
#define _POSIX_C_SOURCE 200809L

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int luaopen_sessile_core(lua_State *L);

enum { TASKS = 256, CHUNK = 65536, SOCKETS = 4096 };

struct task {
    lua_State *thread; /* NULL: a free row */
    int reference;     /* what keeps the collector from it */
    int fd;            /* that it waits for; -1: for none */
    short events;
    double due; /* when it waits no longer; negative: never */
    int woken;
};

static struct task tasks[TASKS];
static char ours[SOCKETS]; /* by descriptor: a script has no other than those that it was given here */
static const char *folder, *script_folder;
static int failures;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- Sockets ---- */

static int failure(lua_State *L)
{
    const char *text = strerror(errno);

    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS)
        text = "again";
    lua_pushnil(L);
    lua_pushstring(L, text);
    return 2;
}

static int adopt(int fd)
{
    if (fd >= SOCKETS) {
        close(fd);
        errno = EMFILE;
        return -1;
    }
    if (fd >= 0) {
        ours[fd] = 1;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

static void let_go(int fd)
{
    int number = errno;

    ours[fd] = 0;
    close(fd);
    errno = number;
}

static int socket_at(lua_State *L, int index)
{
    lua_Integer fd = luaL_checkinteger(L, index);

    luaL_argcheck(L, fd >= 0 && fd < SOCKETS && ours[fd], index, "a socket of the host's expected");
    return (int)fd;
}

static int new_socket(lua_State *L, struct sockaddr_in *address)
{
    int fd, one = 1;

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((unsigned short)luaL_checkinteger(L, 2));
    if (inet_pton(AF_INET, luaL_checkstring(L, 1), &address->sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    fd = adopt(socket(AF_INET, SOCK_STREAM, 0));
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

/* host.connect(address, port) -> fd: it is connected when it is writable and check(fd) says so. */
static int host_connect(lua_State *L)
{
    struct sockaddr_in address;
    int fd = new_socket(L, &address);

    if (fd < 0)
        return failure(L);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        let_go(fd);
        return failure(L);
    }
    lua_pushinteger(L, fd);
    return 1;
}

/* host.check(fd) -> true, or nil and "again" while it is not connected, or what has gone wrong with it. */
static int host_check(lua_State *L)
{
    struct pollfd polled = {.fd = socket_at(L, 1), .events = POLLOUT};
    int number = 0;
    socklen_t size = sizeof number;

    if (poll(&polled, 1, 0) == 0)
        number = EAGAIN;
    else if (getsockopt(polled.fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    if (number) {
        errno = number;
        return failure(L);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* host.listen(address, port) -> fd, port */
static int host_listen(lua_State *L)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = new_socket(L, &address);

    if (fd < 0)
        return failure(L);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        let_go(fd);
        return failure(L);
    }
    lua_pushinteger(L, fd);
    lua_pushinteger(L, ntohs(address.sin_port));
    return 2;
}

/* host.accept(fd) -> fd, address */
static int host_accept(lua_State *L)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char text[INET_ADDRSTRLEN] = "";
    int fd = adopt(accept(socket_at(L, 1), (struct sockaddr *)&address, &size));

    if (fd < 0)
        return failure(L);
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    lua_pushinteger(L, fd);
    lua_pushstring(L, text);
    return 2;
}

/* host.receive(fd) -> bytes, "" at the end, or nil and "again" or what went wrong */
static int host_receive(lua_State *L)
{
    static char chunk[CHUNK];
    ssize_t size = recv(socket_at(L, 1), chunk, sizeof chunk, 0);

    if (size < 0)
        return failure(L);
    lua_pushlstring(L, chunk, (size_t)size);
    return 1;
}

/* host.send(fd, data, from) -> how many of the bytes behind from were sent, or nil and "again" or what went wrong */
static int host_send(lua_State *L)
{
    size_t size, from = (size_t)luaL_optinteger(L, 3, 0);
    const char *data = luaL_checklstring(L, 2, &size);
    ssize_t sent;

    if (from > size)
        from = size;
    sent = send(socket_at(L, 1), data + from, size - from, MSG_NOSIGNAL);
    if (sent < 0)
        return failure(L);
    lua_pushinteger(L, (lua_Integer)sent);
    return 1;
}

static int host_close(lua_State *L)
{
    int fd = socket_at(L, 1);

    /* Whoever waits for it is woken: the number may be another socket's soon. */
    for (struct task *task = tasks; task < tasks + TASKS; task++) {
        if (task->thread && task->fd == fd) {
            task->fd = -1;
            task->woken = 1;
        }
    }
    let_go(fd);
    return 0;
}

/* ---- Tasks ---- */

static struct task *task_of(lua_State *thread)
{
    for (struct task *task = tasks; task < tasks + TASKS; task++) {
        if (task->thread == thread)
            return task;
    }
    return NULL;
}

/* host.spawn(function) -> thread: it begins when the loop has its turn. */
static int host_spawn(lua_State *L)
{
    struct task *task = task_of(NULL);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (!task)
        return luaL_error(L, "there are too many tasks");
    task->thread = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, task->thread, 1);
    lua_pushvalue(L, -1);
    task->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    task->fd = -1;
    task->due = -1;
    task->woken = 1;
    return 1;
}

/* host.wait(fd or nil, "r" or "w", seconds or nil): resumed when it is ready, when it is late, or by host.wake(). */
static int host_wait(lua_State *L)
{
    struct task *task = task_of(L);

    if (!task)
        return luaL_error(L, "only a task can wait, and no coroutine inside of one");
    if (task->woken) {
        /* Woken before it waits: it does not, but others have their turn. */
        return lua_yield(L, 0);
    }
    task->fd = lua_isnoneornil(L, 1) ? -1 : socket_at(L, 1);
    task->events = *luaL_optstring(L, 2, "r") == 'w' ? POLLOUT : POLLIN;
    task->due = lua_isnoneornil(L, 3) ? -1 : now() + luaL_checknumber(L, 3);
    return lua_yield(L, 0);
}

static int host_wake(lua_State *L)
{
    struct task *task = task_of(lua_tothread(L, 1));

    if (task)
        task->woken = 1;
    return 0;
}

static int host_now(lua_State *L)
{
    lua_pushnumber(L, now());
    return 1;
}

static int host_print(lua_State *L)
{
    printf("%s\n", luaL_checkstring(L, 1));
    return 0;
}

static int go_on(lua_State *thread)
{
#if LUA_VERSION_NUM >= 504
    int results;

    return lua_resume(thread, NULL, 0, &results);
#elif LUA_VERSION_NUM >= 502
    return lua_resume(thread, NULL, 0);
#else
    return lua_resume(thread, 0);
#endif
}

static void run_task(lua_State *L, struct task *task)
{
    int status;

    task->fd = -1;
    task->due = -1;
    task->woken = 0;
    status = go_on(task->thread);
    if (status == LUA_YIELD)
        return;
    if (status) {
        const char *text = lua_tostring(task->thread, -1);

        fprintf(stderr, "host: %s\n", text ? text : "a task raised what is no text");
        failures++;
    }
    luaL_unref(L, LUA_REGISTRYINDEX, task->reference);
    task->thread = NULL;
}

/* What the tasks wait for, for poll(). Returns the number of rows, and in milliseconds how long there is time. */
static nfds_t gather(struct pollfd *polled, struct task **whose, int *patience)
{
    double soonest = -1, time = now();
    nfds_t count = 0;

    for (struct task *task = tasks; task < tasks + TASKS; task++) {
        if (!task->thread)
            continue;
        if (task->woken)
            soonest = time;
        else if (task->due >= 0 && (soonest < 0 || task->due < soonest))
            soonest = task->due;
        whose[count] = task;
        polled[count++] = (struct pollfd){.fd = task->fd, .events = task->events};
    }
    *patience = soonest < 0 ? -1 : soonest <= time ? 0 : (int)((soonest - time) * 1000) + 1;
    return count;
}

static int run_loop(lua_State *L)
{
    static struct pollfd polled[TASKS];
    static struct task *whose[TASKS];
    int patience;
    nfds_t count;

    while ((count = gather(polled, whose, &patience)) > 0) {
        if (poll(polled, count, patience) < 0 && errno != EINTR)
            return -1;
        for (nfds_t i = 0; i < count; i++) {
            struct task *task = whose[i];
            int late = task->due >= 0 && task->due <= now();

            if (task->thread && (task->woken || late || (task->fd >= 0 && polled[i].revents)))
                run_task(L, task);
        }
    }
    return failures ? -1 : 0;
}

/* ---- The sandbox ---- */

static int is_name(const char *text)
{
    return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")];
}

/* require(): what is loaded stands in its upvalue. */
static int host_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    char path[1024];

    lua_getfield(L, lua_upvalueindex(1), name);
    if (!lua_isnil(L, -1))
        return 1;
    if (strcmp(name, "sessile.core") == 0) {
        lua_pushcfunction(L, luaopen_sessile_core);
    } else {
        if (strcmp(name, "driver") == 0)
            snprintf(path, sizeof path, "%s/driver.lua", script_folder);
        else if (strcmp(name, "sessile") == 0)
            snprintf(path, sizeof path, "%s/sessile/init.lua", folder);
        else if (strncmp(name, "sessile.", 8) == 0 && is_name(name + 8))
            snprintf(path, sizeof path, "%s/sessile/%s.lua", folder, name + 8);
        else
            return luaL_error(L, "there is no module %s here", name);
        if (luaL_loadfile(L, path))
            return lua_error(L);
    }
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, lua_upvalueindex(1), name);
    return 1;
}

static void open_library(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
#if LUA_VERSION_NUM >= 502
    lua_setglobal(L, name);
#else
    lua_pop(L, 1);
#endif
}

static void open_sandbox(lua_State *L)
{
    static const char *const absent[] = {"dofile", "loadfile", "load", "loadstring", "print"};
    static const luaL_Reg functions[] = {
        {"connect", host_connect}, {"check", host_check}, {"listen", host_listen}, {"accept", host_accept},
        {"receive", host_receive}, {"send", host_send},   {"close", host_close},   {"spawn", host_spawn},
        {"wait", host_wait},       {"wake", host_wake},   {"now", host_now},       {"print", host_print},
    };

    open_library(L, "_G", luaopen_base);
    open_library(L, "table", luaopen_table);
    open_library(L, "string", luaopen_string);
    open_library(L, "math", luaopen_math);
#if LUA_VERSION_NUM >= 502
    open_library(L, "coroutine", luaopen_coroutine);
#endif
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        lua_pushnil(L);
        lua_setglobal(L, absent[i]);
    }
    lua_newtable(L);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushcfunction(L, functions[i].func);
        lua_setfield(L, -2, functions[i].name);
    }
    lua_setglobal(L, "host");
    lua_newtable(L);
    lua_pushcclosure(L, host_require, 1);
    lua_setglobal(L, "require");
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    char *slash, *beside;
    int result = 1;

    if (!L || argc < 3) {
        fprintf(stderr, "usage: host FOLDER SCRIPT [ARGUMENT...]\n");
        return 2;
    }
    folder = argv[1];
    beside = strdup(argv[2]);
    slash = beside ? strrchr(beside, '/') : NULL;
    if (slash)
        *slash = 0;
    script_folder = slash ? beside : ".";
    open_sandbox(L);
    if (luaL_loadfile(L, argv[2])) {
        fprintf(stderr, "host: %s\n", lua_tostring(L, -1));
    } else {
        lua_newtable(L);
        for (int i = 3; i < argc; i++) {
            lua_pushstring(L, argv[i]);
            lua_rawseti(L, -2, i - 2);
        }
        lua_setglobal(L, "arg");
        lua_pushcfunction(L, host_spawn);
        lua_insert(L, -2);
        lua_call(L, 1, 0);
        result = run_loop(L) < 0;
    }
    lua_close(L);
    free(beside);
    return result;
}
