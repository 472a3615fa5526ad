#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nginx.sh BUILD ROOT LUA...: nginx with its Lua module, whose locations fetch over TLS, run commands over SSH and move
# files by SFTP, over cosockets (sessile.ngx), from servers in Lua (serve.lua, run by LUA with libuv). ROOT: where the
# packages of nginx are unpacked, or / where they are installed. run.sh calls this, with the environment that modules are
# found by.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
root=$(cd "$2" && pwd)
root=${root%/}
shift 2
work=$(mktemp -d)
server=
cleanup()
{
    [ ! -s "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap cleanup EXIT
# The worker of an nginx that root starts is another user's.
chmod 755 "$work" "$SESSILE_TEST_IDENTITY"

mkfifo "$work/ports"
"$@" "$here/serve.lua" luv "$work/ports" &
server=$!
ports=$(timeout 20 head -n 1 "$work/ports") && [ "$ports" ] || { echo "the servers did not start" >&2; exit 1; }
read -r tls https ssh <<PORTS
$ports
PORTS

libraries=$(dirname "$(find "$root/usr/lib" -name 'libluajit-5.1.so.2' | head -n 1)")
resty=$root/usr/share/lua/5.1
sed -e "s#@work@#$work#g; s#@here@#$here#g; s#@modules@#$root/usr/lib/nginx/modules#g" \
    -e "s#@lua_path@#$resty/?.lua;$resty/?/init.lua;$tree/bindings/lua/?.lua;$tree/bindings/lua/?/init.lua;;#" \
    -e "s#@lua_cpath@#$build/lua/5.1/?.so;;#" "$here/nginx/nginx.conf" >"$work/nginx.conf"
# It returns when it listens.
LD_LIBRARY_PATH=$libraries "$root/usr/sbin/nginx" -p "$work" -c "$work/nginx.conf" -e "$work/error.log" ||
    { cat "$work/error.log" >&2; exit 1; }

get()
{
    curl -sS --noproxy '*' --max-time 40 --unix-socket "$work/http.sock" "http://local/$1"
}

check()
{
    [ "$1" = "$2" ] && return
    printf 'nginx.sh: %s: expected "%s", found "%s"\n' "$3" "$2" "$1" >&2
    cat "$work/error.log" >&2
    exit 1
}

check "$(get "fetch?port=$https&path=4000000" | cksum)" \
    "$(yes 0123456789abcdef | tr -d '\n' | head -c 4000000 | cksum)" "a fetch over TLS"
check "$(get "fetch?port=$https&path=16&host=other.test" | grep -o "hostname mismatch")" "hostname mismatch" "a certificate for somebody else"
check "$(get "run?port=$ssh&command=cat&input=hello")" "hellostatus 0" "a command"
check "$(get "run?port=$ssh&command=fail")" "status 7" "a command that fails"
check "$(get "timeout?port=$ssh")" "timeout 7" "a timeout"

check "$(get "files?port=$ssh&name=one" | head -c 1000000 | cksum)" \
    "$(yes 0123456789abcdef | tr -d '\n' | head -c 1000000 | cksum)" "a file by SFTP"
seq 8 | xargs -P 4 -I{} curl -sS --noproxy '*' --max-time 40 --unix-socket "$work/http.sock" -o "$work/file.{}" \
    "http://local/files?port=$ssh&name=file{}"
check "$(tail -q -c +1000001 "$work"/file.*)" \
    "$(printf 'file%s file 1000000 no_such_file No such file' 1 2 3 4 5 6 7 8)" "eight files by SFTP, four at once"

check "$(get "patient?port=$ssh&tls=$tls")" "16777216 met" "patience"

check "$(timeout 30 "$@" "$here/upgrade.lua" "$work/http.sock")" reversed "TLS on a request's connection"

# A client of nginx's that goes away, and a location that raises: what they have connected is closed.
mkfifo "$work/held"
curl -sSN --noproxy '*' --max-time 40 --unix-socket "$work/http.sock" "http://local/hold?port=$ssh" >"$work/held" &
client=$!
read -r found <"$work/held" || true
check "$found" held "a client that waits"
kill "$client"
wait "$client" || true
check "$(get "run?port=$ssh&command=released")" "released
status 0" "what a client had that has gone"
check "$(get "raise?port=$ssh" | grep -c "500 Internal")" 2 "a location that raises"
check "$(get "run?port=$ssh&command=released")" "released
status 0" "what a location had that has raised"

# Four at once, of which none ends before all are there.
for number in 1 2 3 4; do
    get "run?port=$ssh&command=meet" >"$work/met.$number" &
    eval "request$number=\$!"
done
# shellcheck disable=SC2154
wait "$request1" "$request2" "$request3" "$request4"
check "$(cat "$work"/met.*)" "$(printf 'met\nstatus 0\n%.0s' 1 2 3 4)" "four commands at once"
seq 40 | xargs -P 8 -I{} curl -sS --noproxy '*' --unix-socket "$work/http.sock" -o "$work/body.{}" \
    "http://local/fetch?port=$https&path=160000"
check "$(cat "$work"/body.* | wc -c)" 6400000 "forty fetches, eight at once"
check "$(grep -E '\[(error|crit|alert|emerg)\]' "$work/error.log" | grep -v 'raised on purpose' || true)" "" "nginx's log"
check "$(grep -c 'raised on purpose' "$work/error.log")" 1 "what was raised, in nginx's log"
check "$(get "run?port=$ssh&command=stop")" "stopping
status 0" "the last command"
wait "$server" || { echo "nginx.sh: the server failed" >&2; exit 1; }
server=
echo "nginx is content"
