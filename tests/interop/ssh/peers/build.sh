#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Make the SSH peers that no Debian package brings ready: programs of ours on other implementations, and those that the
# Python tools need. A part whose inputs are the same as the last time is left as it is. Usage: build.sh FOLDER [PART...]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
out=$(mkdir -p "${1:?a folder is needed}" && readlink -f "$1")
shift

PARTS="libssh libssh2 python go russh node java"

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

# The first cargo may be too old for russh (its Cargo.toml says what it takes), and Debian's not.
make_russh()
{
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/russh/Cargo.toml")
    printf '%s\n' "$wanted" "$(cargo --version | cut -d' ' -f2)" | sort -V -C || PATH=/usr/bin:$PATH
    cargo build --release --locked --manifest-path "$here/russh/Cargo.toml" --target-dir "$out/russh"
    cp --remove-destination "$out/russh/release/russh_peer" "$out"
}

launcher()
{
    printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$out/$1"
    chmod +x "$out/$1"
}

make_node()
{
    rm -rf "$out/node"
    cp -r "$here/node" "$out"
    # What is optional would be compiled, and is not needed.
    (cd "$out/node" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund)
    launcher node_peer "node '$out/node/main.js'"
}

# Many short runs: a quick start counts. Bouncy Castle is there for ML-KEM alone, which does without its provider.
make_java()
{
    local java="java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.apache.sshd.security.provider.BC.enabled=false"
    rm -rf "$out/java"
    mvn -B -q -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$out/java/lib"
    javac -Xlint:all -cp "$out/java/lib/*" -d "$out/java/classes" "$here"/java/*.java
    launcher java_peer "$java -cp '$out/java/lib/*:$out/java/classes' Peer"
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
        russh) cargo --version ;;
        node) node --version ;;
        java) java -version 2>&1 ;;
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
