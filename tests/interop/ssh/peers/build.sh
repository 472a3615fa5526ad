#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Make the SSH peers that no Debian package brings ready: programs of ours on other implementations, and those that the
# Python tools need. A part whose inputs are the same as the last time is left as it is. Usage: build.sh FOLDER [PART...]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
out=$(mkdir -p "${1:?a folder is needed}" && readlink -f "$1")
shift

PARTS="libssh libssh2 python go"

c_program()
{
    # shellcheck disable=SC2046
    cc -std=gnu11 -O1 -Wall -Wextra -o "$out/$1" "$here/$1.c" "$here/peer.c" $(pkg-config --cflags --libs "$2")
}

make_libssh()
{
    c_program libssh_client libssh
    c_program libssh_server libssh
}

make_libssh2()
{
    c_program libssh2_client libssh2
}

make_python()
{
    rm -rf "$out/venv"
    /usr/bin/python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install -q --disable-pip-version-check --no-deps -r "$here/requirements.txt"
}

# The module file for the Go that is there: go.mod, or for one that is older than that wants, the one of older modules.
module_file()
{
    local wanted
    wanted=$(sed -n 's/^go //p' "$here/go/go.mod")
    if printf '%s\n' "$wanted" "$(go env GOVERSION | sed 's/^go//')" | sort -V -C; then
        echo go.mod
    else
        echo go-1.19.mod
    fi
}

make_go()
{
    (cd "$here/go" && GOTOOLCHAIN=local go build -modfile="$(module_file)" -o "$out/go_peer" .)
}

# ---- What a part is made from ----

inputs()
{
    case $1 in
        libssh | libssh2) echo "$here/$1"_*.c "$here"/peer.[ch] ;;
        python) echo "$here/requirements.txt" ;;
        *) find "$here/$1" -type f | sort ;;
    esac
}

tools()
{
    case $1 in
        libssh | libssh2) pkg-config --modversion "$1" ;;
        python) /usr/bin/python3 --version ;;
        go) go version ;;
        *) : ;;
    esac
}

stamp()
{
    # shellcheck disable=SC2046
    { cat "$here/build.sh" $(inputs "$1"); tools "$1"; } | sha256sum | cut -d' ' -f1
}

[ $# -gt 0 ] || set -- $PARTS
status=0
for part; do
    new=$(stamp "$part")
    [ "$(cat "$out/$part.stamp" 2>/dev/null || true)" = "$new" ] && continue
    echo "SSH peers: $part"
    # In a shell of its own, and not as a condition, so that set -e holds inside.
    set +e
    (set -e; "make_$part") >"$out/$part.log" 2>&1
    made=$?
    set -e
    if [ $made = 0 ]; then
        echo "$new" >"$out/$part.stamp"
    else
        rm -f "$out/$part.stamp"
        tail -n 40 "$out/$part.log" >&2
        echo "SSH peers: $part could not be made" >&2
        status=1
    fi
done
exit $status
