#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD [INTERPRETER...]: the tests of the Lua modules in a build folder, with each Lua that is there (lua5.4,
# luajit, lua5.3, lua5.1), or with those that are named. A test that fails fails the run; so does a Lua that is named
# and missing. Where the build has the program that embeds Lua, and no Lua is named, that is tested too: with all tests,
# in a sandbox, and with memory that fails (at every 61st allocation; SESSILE_FAIL_STEP). TESTS: files, in place of all.
# The examples run as well, that of Neovim where it is installed; nginx.sh where SESSILE_NGINX says where nginx is;
# interop.py where SESSILE_PYTHON and SESSILE_C say where the Python module and the examples in C are.
# Servers over each driver are met by openssl s_client, curl and ssh (peers.sh), and SFTP in both roles by OpenSSH
# (sftp.sh).
# An interpreter may have words before it: "valgrind -q --error-exitcode=9 BUILD/lua/sessile_lua_host".
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
shift
# More descriptors than select() has room for.
ulimit -S -n 2048
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=server.test \
    -addext subjectAltName=DNS:server.test -keyout "$work/server.key" -out "$work/server.crt" 2>/dev/null
for name in host user; do
    ssh-keygen -q -t ed25519 -N "" -C "$name" -f "$work/$name"
done
openssl pkcs8 -topk8 -in "$work/server.key" -out "$work/encrypted.key" -passout pass:secret -v2 aes-256-cbc

export SESSILE_TEST_IDENTITY="$work" SESSILE_TREE="$tree" SESSILE_LUA_SOURCES="$tree/bindings/lua"
sources="$tree/bindings/lua/?.lua;$tree/bindings/lua/?/init.lua;$here/?.lua;;"

version_of()
{
    "$1" -e 'io.write((_VERSION:gsub("Lua ", "")))'
}

host=
if [ $# = 0 ]; then
    if [ -x "$build/lua/sessile_lua_host" ]; then
        host=$build/lua/sessile_lua_host
        set -- "$host"
    fi
    for lua in lua5.4 luajit lua5.3 lua5.1; do
        if command -v "$lua" >/dev/null && [ -e "$build/lua/$(version_of "$lua")/sessile/core.so" ]; then
            set -- "$@" "$lua"
        fi
    done
fi
[ $# -gt 0 ] || [ "$host" ] || { echo "run.sh: there is no Lua to test" >&2; exit 1; }

failed=0
for lua; do
    case $lua in
        */sessile_lua_host) version=5.4 ;;
        *) version=$(version_of "${lua##* }") || exit 1 ;;
    esac
    for file in ${TESTS:-"$here"/test_*.lua}; do
        echo "== $lua ${file##*/}"
        LUA_PATH="$sources" LUA_CPATH="$build/lua/$version/?.so;;" LUA_PATH_5_4="$sources" \
            $lua "$file" || { failed=$((failed + 1)); echo "FAILED: $lua ${file##*/}"; }
    done
    [ "${TESTS:-}" ] && continue
    for driver in luv socket cqueues; do
        echo "== $lua peers of sessile.$driver"
        LUA_PATH="$sources" LUA_CPATH="$build/lua/$version/?.so;;" LUA_PATH_5_4="$sources" \
            "$here/peers.sh" $driver $lua || { failed=$((failed + 1)); echo "FAILED: $lua peers of $driver"; }
        LUA_PATH="$sources" LUA_CPATH="$build/lua/$version/?.so;;" LUA_PATH_5_4="$sources" \
            "$here/sftp.sh" $driver $lua || { failed=$((failed + 1)); echo "FAILED: $lua SFTP over $driver"; }
    done
done
mkdir "$work/embedded"
cp "$tree/examples/lua/driver.lua" "$here/embedded.lua" "$work/embedded"
for example in host_lua54 host_luajit; do
    [ -x "$build/lua/$example" ] && [ -z "${TESTS:-}" ] || continue
    for script in "$tree/examples/lua/script.lua" "$work/embedded/embedded.lua"; do
        echo "== example $example ${script##*/}"
        "$build/lua/$example" "$tree/bindings/lua" "$script" ||
            { failed=$((failed + 1)); echo "FAILED: example $example ${script##*/}"; }
    done
done
if [ -e "$build/lua/5.1/sessile/core.so" ] && command -v nvim >/dev/null && [ -z "${TESTS:-}" ]; then
    echo "== example in Neovim"
    LUA_PATH="$sources" LUA_CPATH="$build/lua/5.1/?.so;;" timeout 60 nvim --headless -u NONE -i NONE -n \
        -c "luafile $here/neovim.lua" </dev/null || { failed=$((failed + 1)); echo "FAILED: example in Neovim"; }
fi
if [ "${SESSILE_NGINX:-}" ] && [ -z "${TESTS:-}" ]; then
    echo "== nginx"
    LUA_PATH="$sources" LUA_PATH_5_4="$sources" LUA_CPATH="$build/lua/5.4/?.so;;" \
        "$here/nginx.sh" "$build" "$SESSILE_NGINX" lua5.4 || { failed=$((failed + 1)); echo "FAILED: nginx"; }
fi
if [ "${SESSILE_PYTHON:-}" ] && [ "${SESSILE_C:-}" ] && [ -z "${TESTS:-}" ]; then
    for lua in lua5.4 luajit; do
        echo "== $lua with Python and C"
        LUA_PATH="$sources" LUA_PATH_5_4="$sources" LUA_CPATH="$build/lua/$(version_of $lua)/?.so;;" \
            "${SESSILE_PYTHON_PROGRAM:-python3}" -B "$here/interop.py" $lua ||
            { failed=$((failed + 1)); echo "FAILED: $lua with Python and C"; }
    done
fi
if [ "$host" ]; then
    export LUA_PATH_5_4="$sources"
    for arguments in "-s $here/sandbox.lua" "$here/failing.lua" "-f 1 ${SESSILE_FAIL_STEP:-61} $here/failing.lua"; do
        echo "== host $arguments"
        $host $arguments || { failed=$((failed + 1)); echo "FAILED: host $arguments"; }
    done
fi
[ $failed = 0 ] || { echo "$failed failed" >&2; exit 1; }
echo "all passed"
