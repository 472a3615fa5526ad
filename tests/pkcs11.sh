#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A server whose key is in a PKCS#11 token and never leaves it. Needs softhsm2 and pkcs11-provider, which Debian has
# from 13 on: run by tests/trixie.sh. Usage: tests/pkcs11.sh FOLDER, where tls_server and tls_client are.
set -eu

programs=$1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir "$work/tokens" "$work/files"
export SOFTHSM2_CONF="$work/softhsm2.conf" OPENSSL_CONF="$work/openssl.cnf"
echo "directories.tokendir = $work/tokens" >"$SOFTHSM2_CONF"
module=/usr/lib/softhsm/libsofthsm2.so
softhsm2-util --init-token --free --label sessile --pin 1234 --so-pin 5678 >/dev/null
OPENSSL_CONF=/dev/null openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$work/key.pem" \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 1 -out "$work/certificate.pem" 2>/dev/null
OPENSSL_CONF=/dev/null softhsm2-util --import "$work/key.pem" --token sessile --pin 1234 --label server --id 01 >/dev/null
rm "$work/key.pem"
cat >"$OPENSSL_CONF" <<CONF
openssl_conf = init
[init]
providers = providers
[providers]
default = default_section
pkcs11 = pkcs11_section
[default_section]
activate = 1
[pkcs11_section]
pkcs11-module-path = $module
activate = 1
CONF
key="pkcs11:token=sessile;object=server;type=private?pin-value=1234"
echo "signed in a token" >"$work/files/word"
mkfifo "$work/said"
"$programs/tls_server" --listen 127.0.0.1:0 --cert "$work/certificate.pem" --key "$key" --files "$work/files" \
    >"$work/said" &
server=$!
read -r _ _ address <"$work/said"
for version in 1.2 1.3; do
    OPENSSL_CONF=/dev/null "$programs/tls_client" "$address" --name localhost --ca "$work/certificate.pem" \
        --tls $version --get word -o "$work/got"
    cmp "$work/files/word" "$work/got"
done
echo "pkcs11: a key in a token served TLS 1.2 and 1.3"
