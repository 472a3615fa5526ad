#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# peers.sh DRIVER LUA...: servers in Lua over a driver (serve.lua), met by openssl s_client, curl and ssh. run.sh calls it,
# with the environment that modules are found by. Exits with a status other than 0 where one of them is not content.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
driver=$1
shift
work=$(mktemp -d)
server=
cleanup()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

ca=$SESSILE_TEST_IDENTITY/server.crt
mkfifo "$work/ports"
"$@" "$here/serve.lua" "$driver" "$work/ports" &
server=$!
# Whoever cannot start has not opened the pipe: the timeout is for that.
ports=$(timeout 20 head -n 1 "$work/ports") && [ "$ports" ] || { echo "the servers did not start" >&2; exit 1; }
read -r tls https ssh <<PORTS
$ports
PORTS
printf '[127.0.0.1]:%s %s\n' "$ssh" "$(cut -d' ' -f1,2 "$SESSILE_TEST_IDENTITY/host.pub")" >"$work/known_hosts"

check()
{
    [ "$1" = "$2" ] || { printf 'peers.sh: %s: expected "%s", found "%s"\n' "$3" "$2" "$1" >&2; exit 1; }
}

log_in()
{
    timeout 30 ssh -F none -p "$ssh" -i "$SESSILE_TEST_IDENTITY/user" -o IdentitiesOnly=yes -o BatchMode=yes \
        -o UserKnownHostsFile="$work/known_hosts" -o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR alice@127.0.0.1 "$@"
}

found=$(printf 'one\ntwo\nquit\n' | timeout 20 openssl s_client -quiet -verify_return_error -CAfile "$ca" \
    -servername server.test -connect "127.0.0.1:$tls" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
check "$found" "one
two" "openssl s_client"

for version in 1.2 1.3; do
    found=$(timeout 20 curl -sS --noproxy '*' --tlsv$version --tls-max $version --cacert "$ca" \
        --connect-to "server.test:$https:127.0.0.1:$https" "https://server.test:$https/8000000" | cksum)
    check "$found" "$(yes 0123456789abcdef | tr -d '\n' | head -c 8000000 | cksum)" "curl, TLS $version"
done

head -c 5000000 /dev/urandom >"$work/data"
log_in cat <"$work/data" >"$work/copy"
cmp "$work/data" "$work/copy"
status=0
found=$(log_in fail 2>&1) || status=$?
check "$status $found" "7 it fails" "ssh: status and errors"
found=$(log_in -tt size </dev/null | tr -d '\r' | cut -d' ' -f1)
check "$found" "${TERM:-dumb}" "ssh: a terminal"
status=0
timeout 20 ssh -F none -p "$ssh" -o IdentitiesOnly=yes -o IdentityFile=none -o BatchMode=yes -o LogLevel=ERROR \
    -o UserKnownHostsFile="$work/known_hosts" alice@127.0.0.1 cat </dev/null 2>/dev/null || status=$?
check "$status" 255 "ssh: without a key"
check "$(log_in stop)" stopping "ssh: the last command"
wait "$server" || { echo "peers.sh: the server failed" >&2; exit 1; }
server=
echo "openssl s_client, curl and ssh are content"
