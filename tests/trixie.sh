#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Build and test in a Debian 13 folder, which has OpenSSL 3.5. The folder is made once, from the mirror that apt uses
# here; the tree is copied in each time. Needs root. Usage: tests/trixie.sh FOLDER
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

root=${1:?a folder for the Debian 13 root is needed}
packages=build-essential,cmake,ninja-build,pkg-config,libssl-dev,zlib1g-dev,libcmocka-dev,libseccomp-dev
packages=$packages,openssl,ca-certificates,gnutls-bin,curl,golang-go,python3,python3-pytest,procps
packages=$packages,softhsm2,pkcs11-provider,openssh-server,openssh-client,openssh-sftp-server
packages=$packages,libnss-wrapper,python3-pytest-xdist,tshark

mirror()
{
    local release
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' |
        awk -v release="$release" '$1 == release && !found { print $2; found = 1 }'
}

make_root()
{
    local site http_proxy=""
    site=$(mirror)
    [ -n "$site" ] || { echo "trixie: apt names no Debian mirror here" >&2; return 1; }
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    [ -z "$http_proxy" ] || export http_proxy
    echo "Making a Debian 13 folder in $root (once) ..."
    rm -rf "$root.partial"
    mkdir -p "$root.partial"
    if ! debootstrap --variant=minbase --include="$packages" trixie "$root.partial" "$site" >"$root.log" 2>&1; then
        tail -n 20 "$root.log" "$root.partial/debootstrap/debootstrap.log" >&2 || true
        return 1
    fi
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root.partial/etc/hosts"
    rm -f "$root.partial"/var/cache/apt/archives/*.deb
    echo "$packages" >"$root.partial/packages"
    rm -rf "$root"
    mv "$root.partial" "$root"
}

# A mount namespace of its own: nothing stays mounted afterwards.
inside()
{
    unshare --mount --pid --fork --kill-child sh -euc '
        mount -t proc proc "$0/proc"
        mount --rbind /dev "$0/dev"
        exec chroot "$0" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 sh -euc "$1"
    ' "$root" "$1"
}

mkdir -p "$(dirname "$root")"
[ "$(cat "$root/packages" 2>/dev/null || true)" = "$packages" ] || make_root
rm -rf "$root/src"
mkdir "$root/src"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$root/src"

# The SSH tests with Debian's OpenSSH and tshark: the other peers are made by ./run peers, which is not for a folder.
inside '
    cd /src
    openssl version
    cmake --preset dev -B /build -DSESSILE_VALGRIND=OFF >/build.log 2>&1 && cmake --build /build >>/build.log 2>&1 ||
        { grep -vE "^\[[0-9]+/[0-9]+\] (Building|Linking)|^-- " /build.log; exit 1; }
    ctest --test-dir /build --output-on-failure --no-tests=error -j "$(nproc)"
    SESSILE_BUILD=/build python3 -m pytest -p no:cacheprovider tests/interop
    ssh -V
    SESSILE_BUILD=/build python3 -m pytest -p no:cacheprovider -n "$(nproc)" tests/interop/ssh \
        --ignore=tests/interop/ssh/test_peers.py \
        -k "([OpenSSH or -OpenSSH] or with_its_key_log) and not client_writes_a_key_log"
    sh tests/pkcs11.sh /build/examples/c
'
