#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sftp.sh DRIVER LUA...: SFTP in Lua over a driver, with OpenSSH at the other end: its sshd with internal-sftp
# (sftp_peer.lua), and its sftp with the server in Lua (serve.lua). run.sh calls it, with the environment that modules
# are found by. Exits with a status other than 0 where one of them is not content.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
driver=$1
shift
work=$(mktemp -d)
sshd= server=
cleanup()
{
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$sshd" ] || kill "$sshd" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

check()
{
    [ "$1" = "$2" ] || { printf 'sftp.sh: %s: expected "%s", found "%s"\n' "$3" "$2" "$1" >&2; exit 1; }
}

# ---- The client in Lua, OpenSSH's server ----

[ -x /usr/sbin/sshd ] || { echo "sftp.sh: there is no sshd" >&2; exit 1; }
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
cat >"$work/sshd_config" <<CONFIG
HostKey $SESSILE_TEST_IDENTITY/host
AuthorizedKeysFile $SESSILE_TEST_IDENTITY/user.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
PrintLastLog no
PrintMotd no
LogLevel ERROR
Subsystem sftp internal-sftp
CONFIG
mkfifo "$work/port" "$work/stop"
"$@" "$here/sshd.lua" "$work" "$work/port" <"$work/stop" 2>"$work/sshd.log" &
sshd=$!
exec 9>"$work/stop"
port=$(timeout 20 head -n 1 "$work/port") && [ "$port" ] || { cat "$work/sshd.log" >&2; exit 1; }
mkdir "$work/files"
timeout 120 "$@" "$here/sftp_peer.lua" "$driver" "$port" "$(id -un)" "$work/files" ||
    { cat "$work/sshd.log" >&2; exit 1; }
exec 9>&-
wait "$sshd" || { cat "$work/sshd.log" >&2; exit 1; }
sshd=

# ---- OpenSSH's client, the server in Lua ----

mkfifo "$work/ports"
"$@" "$here/serve.lua" "$driver" "$work/ports" &
server=$!
ports=$(timeout 20 head -n 1 "$work/ports") && [ "$ports" ] || { echo "the servers did not start" >&2; exit 1; }
ssh=${ports##* }
printf '[127.0.0.1]:%s %s\n' "$ssh" "$(cut -d' ' -f1,2 "$SESSILE_TEST_IDENTITY/host.pub")" >"$work/known_hosts"

# with PROGRAM PORT_OPTION ARGUMENT...
with()
{
    program=$1 port_option=$2
    shift 2
    timeout 60 "$program" -F none "$port_option" "$ssh" -i "$SESSILE_TEST_IDENTITY/user" -o IdentitiesOnly=yes \
        -o BatchMode=yes -o UserKnownHostsFile="$work/known_hosts" -o GlobalKnownHostsFile=/dev/null \
        -o LogLevel=ERROR "$@"
}

head -c 5000000 /dev/urandom >"$work/data"
cat >"$work/batch" <<BATCH
mkdir d
cd d
pwd
put $work/data x
chmod 600 x
ln -s x l
ls -l
ls -n
get l $work/copy
rename x y
get y $work/again
-get none $work/none
rm y
rm l
cd ..
rmdir d
df
ls
BATCH
with sftp -P -q -b "$work/batch" alice@127.0.0.1 >"$work/said" 2>"$work/errors" ||
    { cat "$work/said" "$work/errors" >&2; exit 1; }
cmp "$work/data" "$work/copy"
cmp "$work/data" "$work/again"
check "$(grep -c '^Remote working directory: /d$' "$work/said")" 1 "sftp: pwd"
check "$(grep -c '^-rw------- .* 5000000 .* x$' "$work/said")" 2 "sftp: a file in ls -l and ls -n"
check "$(grep -c '^l.* l$' "$work/said")" 2 "sftp: a link in ls -l and ls -n"
check "$(grep -c 'none' "$work/errors")" 1 "sftp: a file that is not there"
[ ! -e "$work/none" ] || { echo "sftp.sh: a file that is not there was made here" >&2; exit 1; }

# New scp speaks SFTP.
with scp -P -q "$work/data" alice@127.0.0.1:/s
with scp -P -q alice@127.0.0.1:/s "$work/by_scp"
cmp "$work/data" "$work/by_scp"
check "$(with ssh -p alice@127.0.0.1 stop)" stopping "ssh: the last command"
wait "$server" || { echo "sftp.sh: the server failed" >&2; exit 1; }
server=
echo "sftp and scp are content"
