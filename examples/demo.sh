#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# TLS: one file, three kinds of wire: TCP (fetched by three different clients), a pipe, memory. SSH: a larger file, with
# the system's own client and server at the other end. Python: both, from asyncio. Lua: both, from LuaSocket. Go: both,
# from net/http and goroutines. Checks every copy by SHA-256 and tells what went through each session.
#
# Usage: demo.sh [BINDIR [MODULE [PYTHON [LUA_MODULES [GO_PROGRAM]]]]]
#   BINDIR: where the example programs are; else $SESSILE_BUILD/examples/c
#   MODULE: the folder that Python's module is imported from; else build/python/python; PYTHON: what it is built for
#   LUA_MODULES: the folder with those of Lua; else build/lua/lua
#   GO_PROGRAM: examples/go/demo, built; else build/go/demo
set -euo pipefail
export LC_NUMERIC=C

here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-${SESSILE_BUILD:-$here/../build/release}/examples/c}
[ -x "$bin/tls_server" ] || { echo "demo: $bin has no example programs: run \"./run build\" first" >&2; exit 1; }
bin=$(cd "$bin" && pwd)
module=${2:-$here/../build/python/python}
[ -e "$module/sessile/__init__.py" ] || { echo "demo: $module has no module: run \"./run demo\"" >&2; exit 1; }
module=$(cd "$module" && pwd)
python=${3:-python3}
lua_modules=${4:-$here/../build/lua/lua}
[ -e "$lua_modules/5.4/sessile/core.so" ] ||
    { echo "demo: $lua_modules has no module: run \"./run demo\"" >&2; exit 1; }
lua_modules=$(cd "$lua_modules" && pwd)
sources=$here/../bindings/lua
in_go=${5:-$here/../build/go/demo}
[ -x "$in_go" ] || { echo "demo: there is no $in_go: run \"./run demo\"" >&2; exit 1; }
in_go=$(cd "$(dirname "$in_go")" && pwd)/$(basename "$in_go")
for tool in "$python" lua5.4 luajit go openssl curl sha256sum tar ssh ssh-keygen; do
    command -v $tool >/dev/null || { echo "demo: $tool is not installed" >&2; exit 1; }
done

sshd=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || { echo "demo: sshd is not installed" >&2; exit 1; }

work=$(mktemp -d)
servers=()
cleanup()
{
    local pid
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$work"

# ---- How it looks ----

bold="" dim="" good="" bad="" off=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' good=$'\e[32m' bad=$'\e[31m' off=$'\e[0m'
fi
yes="ok" no="FAILED"
case $(locale charmap 2>/dev/null) in UTF-8) yes="✓" no="✗" ;; esac

failures=0
section() { printf '\n%s%s%s\n' "$bold" "$1" "$off"; }
line() { printf '  %-12s %s\n' "$1" "$2"; }
note() { printf '  %s%s%s\n' "$dim" "$1" "$off"; }
grouped() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }
rate()
{
    awk -v b="$1" -v s="$2" 'BEGIN { printf "%.1f MB in %.3f s, %.0f MB/s", b / 1e6, s, (s > 0 ? b / 1e6 / s : 0) }'
}

check()
{
    if [ "$1" = "$2" ]; then
        printf '  %s%s%s %s\n' "$good" "$yes" "$off" "$3"
    else
        printf '  %s%s %s%s (%s, and not %s)\n' "$bad" "$no" "$3" "$off" "$1" "$2"
        failures=$((failures + 1))
    fi
}

# A program that fails shows what it said.
attempt()
{
    local what=$1 status=0
    shift
    "$@" 2>attempt.err || status=$?
    if [ $status != 0 ]; then
        sed 's/^/  /' attempt.err
        printf '  %s%s %s ended with status %s%s\n' "$bad" "$no" "$what" "$status" "$off"
        failures=$((failures + 1))
    fi
    return 0
}

# ---- Facts: one line of JSON with known names ----

fact() { sed -nE "s/^\{.*\"$1\": \"?([^\",}]*).*/\1/p" "$2" | tail -n 1; }
number() { local value; value=$(fact "$1" "$2"); echo "${value:-0}"; }
# The same for a person: by thousands.
count() { grouped "$(number "$1" "$2")"; }
bytes() { printf '%12s bytes%s' "$(count "$1" "$2")" "${3:-}"; }

facts()
{
    local alpn
    alpn=$(fact alpn "$1")
    line "agreed on" "$(fact version "$1"), $(fact cipher "$1"), $(fact group "$1")${alpn:+, $alpn}"
    line "peer" "$(fact peer "$1"): $(fact verify "$1")"
    line "handed in" "$(bytes offered "$1" ", what was not taken counted again")"
    line "taken" "$(bytes taken "$1" " in $(count units "$1") records")"
    line "sent" "$(bytes sent "$1" " in $(count sends "$1") sends")"
}

sum_of() { sha256sum "$1" 2>/dev/null | cut -c 1-64; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

# ---- What it is about ----

make_certificate()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
        -subj "/CN=Sessile demo CA" -addext keyUsage=critical,keyCertSign
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key \
        -out server.csr -subj "/CN=localhost"
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
        -out server.pem
}

# About 8 MB of what this machine has: licences, and the program itself as often as it takes.
make_file()
{
    mkdir served
    tar -chf served/parcel -C / usr/share/common-licenses 2>/dev/null || tar -cf served/parcel -C "$here" .
    while [ "$(size_of served/parcel)" -lt 8000000 ]; do
        cat "$bin/tls_server" >>served/parcel
    done
    sum=$(sum_of served/parcel)
    size=$(size_of served/parcel)
}

# Start a server and wait for its first line. Sets port.
start()
{
    local name=$1 first=""
    shift
    mkfifo "$name.fifo"
    "$@" >"$name.fifo" &
    servers+=($!)
    exec {output}<"$name.fifo"
    read -r -t 10 first <&"$output" || true
    port=${first##*:}
    case $port in "" | *[!0-9]*) echo "demo: the server did not start" >&2; exit 1 ;; esac
}

serve()
{
    local name=$1
    shift
    start "$name" "$bin/tls_server" --listen 127.0.0.1:0 --cert server.pem --key server.key --alpn http/1.1 "$@"
}

# ---- SSH ----

me=$(id -un)

make_keys()
{
    ssh-keygen -q -t ed25519 -N "" -C "demo host" -f host.key
    ssh-keygen -q -t ed25519 -N "" -C "demo user" -f user.key
    chmod 600 user.key.pub
    while [ "$(size_of ssh.file)" -lt 100000000 ]; do
        cat served/parcel >>ssh.file
    done
    truncate -s 100000000 ssh.file
    ssh_sum=$(sum_of ssh.file)
}

# A host key that is known before: nobody is asked.
know() { printf '[127.0.0.1]:%s %s\n' "$1" "$(cut -d' ' -f1-2 host.key.pub)" >>known; }

# The system's server, as this user. Sets port, or leaves it empty where the first that is tried is not free.
try_sshd()
{
    local said
    port=$((20000 + RANDOM % 12000))
    rm -f sshd.fifo
    mkfifo sshd.fifo
    "$sshd" -D -e -f "$work/sshd.config" -p "$port" 2>sshd.fifo &
    servers+=($!)
    exec {log}<sshd.fifo
    while read -r -t 10 said <&"$log"; do
        case $said in "Server listening"*) return ;; esac
        echo "$said" >>sshd.log
    done
    port=""
}

serve_sshd()
{
    local try
    printf '%s\n' "HostKey $work/host.key" "AuthorizedKeysFile $work/user.key.pub" "ListenAddress 127.0.0.1" \
        "StrictModes no" "UsePAM no" "PidFile none" "PasswordAuthentication no" \
        "PermitRootLogin prohibit-password" >sshd.config
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd # what the system does at its start
    for try in {1..10}; do
        try_sshd
        [ -z "$port" ] || return 0
    done
    cat sshd.log >&2
    echo "demo: sshd did not start in $try attempts" >&2
    exit 1
}

their_ssh()
{
    ssh -F none -o UserKnownHostsFile="$work/known" -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes \
        -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -i "$work/user.key" -p "$1" "$me@127.0.0.1" "$2"
}

our_ssh()
{
    "$bin/ssh_client" -v --known-hosts known --host-key-check yes -i user.key -p "$1" "${@:3}" "$me@127.0.0.1" "$2"
}

# A file goes to the other end, and comes back. Usage: there_and_back NAME their_ssh|our_ssh PORT [OPTION...]
there_and_back()
{
    local name=$1 begin
    shift
    rm -f "$name.there" "$name.back"
    begin=$EPOCHREALTIME
    attempt "$name, there" run_with "cat > '$work/$name.there'" "$@" <ssh.file
    line "there" "$(rate "$(size_of "$name.there")" "$(seconds_since "$begin")")"
    check "$(sum_of "$name.there")" "$ssh_sum" "the same file"
    begin=$EPOCHREALTIME
    attempt "$name, back" run_with "cat '$work/$name.there'" "$@" </dev/null >"$name.back"
    line "back" "$(rate "$(size_of "$name.back")" "$(seconds_since "$begin")")"
    check "$(sum_of "$name.back")" "$ssh_sum" "the same file"
}

run_with() { "$2" "$3" "$1" "${@:4}"; }
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'; }

# What a program of ours said with -v, in the last line of it.
ssh_fact() { sed -nE "s/^ssh_(client|server): .* ?$1=([^ ]*).*/\2/p" "$2" | tail -n 1; }
ssh_facts()
{
    line "peer" "$(sed -nE 's/^ssh_(client|server): peer=(.*) kex=.*/\2/p' "$1" | tail -n 1)"
    line "agreed on" "$(ssh_fact kex "$1"), $(ssh_fact cipher-out "$1"), $(ssh_fact host-key "$1")"
    line "logged in" "$me, by $(ssh_fact methods "$1")"
}

# ---- Python ----

# No function: a server's process is the one that is stopped at the end.
our_python=(env PYTHONPATH="$module" PYTHONDONTWRITEBYTECODE=1 "$python" "$here/demo.py")

# What the act said of a session that has this fact, for a person.
python_facts()
{
    grep "\"$1\"" "$2" >one.session || true
    line "agreed on" "$(fact "$1" one.session), $(fact cipher one.session), $(fact "$3" one.session)"
}

printf '%sSessile: secure sessions that never touch the wire%s\n' "$bold" "$off"

section "Made for the occasion"
make_certificate >openssl.log 2>&1 || { cat openssl.log; echo "demo: openssl failed" >&2; exit 1; }
make_file
issuer=$(openssl x509 -in server.pem -noout -issuer -nameopt RFC2253)
line "certificate" "CN=localhost, by ${issuer#issuer=}"
line "file" "licences and the program itself, $(grouped "$size") bytes"
line "SHA-256" "$sum"

section "TCP: a server of ours, a client of ours"
serve files --files served
note "tls_server on epoll at 127.0.0.1:$port"
attempt tls_client "$bin/tls_client" "localhost:$port" --connect-to "127.0.0.1:$port" --ca ca.pem --alpn http/1.1 \
    --get parcel -o tcp.copy --stats-json
facts attempt.err
line "moved" "$(rate "$(size_of tcp.copy)" "$(number seconds attempt.err)")"
check "$(sum_of tcp.copy)" "$sum" "the same file"

section "The same, handed in one byte at a time"
attempt tls_client "$bin/tls_client" "localhost:$port" --connect-to "127.0.0.1:$port" --ca ca.pem --buffer 1 \
    --get parcel -o byte.copy --stats-json
line "taken" "$(bytes taken attempt.err " in $(count units attempt.err) records")"
line "moved" "$(rate "$(size_of byte.copy)" "$(number seconds attempt.err)")"
check "$(sum_of byte.copy)" "$sum" "the same file"

section "TCP: openssl s_client"
note "openssl $(openssl version | cut -d' ' -f2)"
begin=$EPOCHREALTIME
attempt "openssl s_client" openssl s_client -connect "127.0.0.1:$port" -servername localhost \
    -verify_hostname localhost -CAfile ca.pem -verify_return_error -quiet >s_client.copy <<<parcel
line "moved" "$(rate "$(size_of s_client.copy)" "$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')")"
check "$(sum_of s_client.copy)" "$sum" "the same file"

section "TCP: curl, by https"
serve http --http served
https_port=$port
note "$(curl --version | cut -d' ' -f1-2 | head -n 1), HTTP/1.1 at 127.0.0.1:$port"
attempt curl curl --silent --show-error --fail --cacert ca.pem --resolve "localhost:$port:127.0.0.1" \
    -o curl.copy -w '%{stderr}{"seconds": %{time_total}}\n' "https://localhost:$port/parcel"
line "moved" "$(rate "$(size_of curl.copy)" "$(number seconds attempt.err)")"
check "$(sum_of curl.copy)" "$sum" "the same file"

section "A pipe: the wire is a child process's stdin and stdout"
attempt tls_pipe "$bin/tls_pipe" --client --name localhost --ca ca.pem --get parcel -o pipe.copy --stats-json \
    --exec "exec '$bin/tls_pipe' --server --cert server.pem --key server.key --files served"
facts attempt.err
line "moved" "$(rate "$(size_of pipe.copy)" "$(number seconds attempt.err)")"
check "$(sum_of pipe.copy)" "$sum" "the same file"

section "Memory: both ends in one process, no descriptor at all"
attempt tls_memory "$bin/tls_memory" --cert server.pem --key server.key --ca ca.pem --name localhost --megabytes 256 \
    --stats-json >memory.out
line "handshake" "$(sed -n 's/^handshake *//p' memory.out)"
line "agreed on" "$(fact version attempt.err), $(fact cipher attempt.err), $(fact group attempt.err)"
line "sent" "$(bytes sent attempt.err " in $(count sends attempt.err) sends")"
line "moved" "$(rate "$(number bytes attempt.err)" "$(number seconds attempt.err)"), sealed and opened"
check "$(number bytes attempt.err)" $((256 * 1024 * 1024)) "every byte"

section "The proposal's page: a comms layer typed from its five names"
attempt proposal_comm "$bin/proposal_comm" >proposal.out
sed 's/^/  /' proposal.out
check "$(grep -c heard proposal.out || true)" 2 "a line each way"

section "SSH: the system's own ssh logs in to a server of ours"
make_keys
start ssh "$bin/ssh_server" --port 0 --host-key host.key --authorized-keys user.key.pub --allow-forward -v 2>server.err
ssh_port=$port
know "$ssh_port"
note "$(ssh -V 2>&1 | cut -d, -f1), ssh_server on epoll at 127.0.0.1:$ssh_port, $(grouped "$(size_of ssh.file)") bytes"
there_and_back ssh their_ssh "$ssh_port"
ssh_facts server.err

section "SSH: a client of ours logs in to the system's own sshd"
serve_sshd
sshd_port=$port
know "$sshd_port"
note "sshd at 127.0.0.1:$sshd_port"
there_and_back sshd our_ssh "$sshd_port"
ssh_facts attempt.err

section "SSH in SSH: to sshd by way of our server"
there_and_back jump our_ssh "$sshd_port" -J "$me@127.0.0.1:$ssh_port"
ssh_facts attempt.err

section "Python: one asyncio server of https and ssh; curl and ssh come"
start python "${our_python[@]}" serve "$work" 2>python.err
python_port=$port
read -r -t 10 said <&"$output"
ssh_port=${said##*:}
know "$ssh_port"
note "$("$python" --version), sessile.asyncio, https at 127.0.0.1:$python_port, ssh at 127.0.0.1:$ssh_port"
attempt curl curl --silent --show-error --fail --cacert ca.pem --resolve "localhost:$python_port:127.0.0.1" \
    -o python.curl -w '%{stderr}{"seconds": %{time_total}}\n' "https://localhost:$python_port/parcel"
line "curl" "$(rate "$(size_of python.curl)" "$(number seconds attempt.err)")"
check "$(sum_of python.curl)" "$sum" "the same file"
begin=$EPOCHREALTIME
attempt ssh their_ssh "$ssh_port" give </dev/null >python.ssh
line "ssh, back" "$(rate "$(size_of python.ssh)" "$(seconds_since "$begin")")"
check "$(sum_of python.ssh)" "$sum" "the same file"
begin=$EPOCHREALTIME
attempt ssh their_ssh "$ssh_port" take <ssh.file >python.sum
line "ssh, there" "$(rate "$(size_of ssh.file)" "$(seconds_since "$begin")")"
check "$(cat python.sum)" "$ssh_sum" "the same file"
python_facts kex python.err peer

section "Python: one asyncio client of our server in C, and of the system's sshd"
attempt demo.py "${our_python[@]}" visit "$work" "$https_port" "$sshd_port" "$me" parcel
line "https" "$(rate "$(size_of python.copy)" "$(number https_seconds attempt.err)")"
python_facts version attempt.err group
check "$(sum_of python.copy)" "$sum" "the same file"
line "ssh" "$(rate $((2 * size)) "$(number ssh_seconds attempt.err)"), there and back"
python_facts kex attempt.err peer
check "$(sum_of python.there) $(sum_of python.back)" "$sum $sum" "the same file, twice"

section "Lua: plain code on LuaSocket, at our server in C and the system's sshd"
for lua in lua5.4:5.4 luajit:5.1; do
    rm -f lua.copy lua.there lua.back
    note "$("${lua%:*}" -v 2>&1 | cut -d' ' -f1-2)"
    attempt demo.lua env LUA_PATH="$sources/?.lua;$sources/?/init.lua;;" LUA_CPATH="$lua_modules/${lua#*:}/?.so;;" \
        "${lua%:*}" "$here/demo.lua" "$work" "$https_port" "$sshd_port" "$me" parcel
    line "https" "$(rate "$(size_of lua.copy)" "$(number https_seconds attempt.err)")"
    python_facts version attempt.err group
    check "$(sum_of lua.copy)" "$sum" "the same file"
    line "ssh" "$(rate $((2 * size)) "$(number ssh_seconds attempt.err)"), there and back"
    python_facts kex attempt.err peer
    check "$(sum_of lua.there) $(sum_of lua.back)" "$sum $sum" "the same file, twice"
done

section "Go: net/http over TLS, and SSH, at the same two servers"
note "$(go version | cut -d' ' -f1-3)"
attempt demo "$in_go" "$work" "$https_port" "$sshd_port" "$me" parcel
line "https" "$(rate "$(size_of go.copy)" "$(number https_seconds attempt.err)")"
python_facts version attempt.err group
check "$(sum_of go.copy)" "$sum" "the same file"
line "ssh" "$(rate $((2 * size)) "$(number ssh_seconds attempt.err)"), there and back"
python_facts kex attempt.err peer
check "$(sum_of go.there) $(sum_of go.back)" "$sum $sum" "the same file, twice"

echo
if [ $failures = 0 ]; then
    printf '%s%s Everything matched%s, in %d s.\n' "$good" "$yes" "$off" "$SECONDS"
else
    printf '%s%s %d checks failed%s\n' "$bad" "$no" "$failures" "$off"
    exit 1
fi
