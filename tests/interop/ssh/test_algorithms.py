# SPDX-License-Identifier: Apache-2.0
"""Algorithms: each that both sides know, at least once with each peer; with OpenSSH, any two of them together. Both
sides are told to use it, as far as they can be: what is used is what was meant, or nothing."""

import re
from pathlib import Path

import algorithms
import pytest
from algorithms import CLIENTS, SERVERS, Suite, cover, pairs
from checks import COMMAND, check_refused, check_talk
from clients import Openssh
from matrix import matrix, trusting

MODULI = Path("/etc/ssh/moduli")

# ---- Lists as they are ----

@pytest.mark.interop("default lists; a command, its stderr and its exit status")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_client_talks_to_our_server(client, serve, children, keys):
    ours = serve(host_keys=tuple(keys.host.values()))
    job = ours.job(children, keys, key=keys.user["ecdsa256"], command=COMMAND)
    check_talk(client, client.run(children, job, b"input\n"), b"input\n")


@pytest.mark.interop("default lists; a command, its stderr and its exit status")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_talks_to_server(server, ours, children, keys):
    theirs = server()
    job = theirs.job(children, keys, key=keys.user["ecdsa256"], command=COMMAND)
    check_talk(ours, ours.run(children, job, b"input\n"), b"input\n")


# ---- Each at least once ----

@pytest.mark.interop("each key exchange, cipher, MAC, host key, user key, compression")
@pytest.mark.parametrize(("client", "suite"), matrix(CLIENTS, cover), indirect=["client"])
def test_client_meets_our_server(client, suite, serve, children, keys):
    ours = serve(suite=suite)
    check_talk(client, client.run(children, trusting(ours, children, keys, suite), b"input\n"), b"input\n")


@pytest.mark.interop("each key exchange, cipher, MAC, host key, user key, compression")
@pytest.mark.parametrize(("server", "suite"), matrix(SERVERS, cover), indirect=["server"])
def test_our_client_meets_server(server, suite, ours, children, keys):
    theirs = server(suite=suite)
    check_talk(ours, ours.run(children, trusting(theirs, children, keys, suite), b"input\n"), b"input\n")


# ---- All pairs ----

@pytest.mark.interop("any two of a key exchange, a cipher with its MAC, a host key and a user key")
@pytest.mark.parametrize(("client", "suite"), matrix({"OpenSSH": CLIENTS["OpenSSH"]}, pairs), indirect=["client"])
def test_openssh_meets_our_server_in_all_pairs(client, suite, serve, children, keys):
    ours = serve(suite=suite)
    check_talk(client, client.run(children, trusting(ours, children, keys, suite), b"input\n"), b"input\n")


@pytest.mark.interop("any two of a key exchange, a cipher with its MAC, a host key and a user key")
@pytest.mark.parametrize(("server", "suite"), matrix({"OpenSSH": SERVERS["OpenSSH"]}, pairs), indirect=["server"])
def test_our_client_meets_openssh_in_all_pairs(server, suite, ours, children, keys):
    theirs = server(suite=suite)
    check_talk(ours, ours.run(children, trusting(theirs, children, keys, suite), b"input\n"), b"input\n")


@pytest.mark.interop("a group of the server's own for the group exchange")
def test_our_server_has_groups_of_its_own(serve, children, keys):
    """Without them it would give one of 8192 bits, which is what ssh prefers."""
    client = Openssh(level="DEBUG2")
    lines = [line for line in MODULI.read_text().splitlines() if re.match(r"\d+ 2 6 \d+ 3071 ", line)]
    ours = serve("--moduli", keys.write("moduli", lines[:1]), kex="diffie-hellman-group-exchange-sha256")
    outcome = client.run(children, ours.job(children, keys, key=keys.user["ed25519"], command="echo in"))
    assert (outcome.status, outcome.out) == (0, b"in\n"), outcome.log
    assert re.search(rb"bits set: \d+/3072", outcome.err), outcome.log


# ---- Nothing in common ----

APART = {
    "kex": ("curve25519-sha256", "ecdh-sha2-nistp256"),
    "cipher": ("aes128-ctr", "aes256-ctr"),
    "mac": ("hmac-sha2-256", "hmac-sha2-512"),
    "host_key": ("ssh-ed25519", "ecdsa-sha2-nistp256"),
}
# A MAC counts beside a cipher that needs one.
WITH = {"mac": {"cipher": "aes128-ctr"}}


@pytest.mark.interop("nothing in common: refused by its name")
@pytest.mark.parametrize("kind", APART)
def test_openssh_finds_nothing_in_common_with_our_server(kind, serve, children, keys):
    client = Openssh(level="INFO")
    mine, other = APART[kind]
    ours = serve(**{kind: mine}, **WITH.get(kind, {}))
    job = ours.job(children, keys, key=keys.user["ed25519"], command="echo in", **{kind: other}, **WITH.get(kind, {}))
    check_refused(client, client.run(children, job), "no matching .* found")


@pytest.mark.interop("nothing in common: refused by its name")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("kind", APART)
def test_our_client_finds_nothing_in_common_with_openssh(server, kind, ours, children, keys):
    mine, other = APART[kind]
    theirs = server(host_keys=(keys.host["ed25519"], keys.host["ecdsa256"]), **{kind: other}, **WITH.get(kind, {}))
    job = theirs.job(children, keys, key=keys.user["ed25519"], command="echo in", **{kind: mine}, **WITH.get(kind, {}))
    check_refused(ours, ours.run(children, job), mine)


@pytest.mark.interop("a user's key of a type that is not taken: refused")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_refuses_a_type_of_user_key(client, serve, children, keys):
    ours = serve(user_key="ecdsa-sha2-nistp256")
    job = ours.job(children, keys, key=keys.user["ed25519"], command="echo in")
    check_refused(client, client.run(children, job), client.denied)
    good = client.run(children, ours.job(children, keys, key=keys.user["ecdsa256"], command=COMMAND))
    check_talk(client, good, b"")


# ---- Presets ----

OLD = Suite("diffie-hellman-group14-sha1", "aes128-ctr", "hmac-sha2-256", "ssh-rsa", "ssh-rsa")


@pytest.mark.interop("preset for old gear: group14 and RSA with SHA-1")
@pytest.mark.parametrize("client", ["OpenSSH", "libssh2"], indirect=True)
def test_old_client_meets_our_server(client, serve, children, keys):
    ours = serve("--preset", "compatible", host_keys=(keys.host["rsa"],))
    job = trusting(ours, children, keys, OLD)
    check_talk(client, client.run(children, job, b"input\n"), b"input\n")


@pytest.mark.interop("preset for old gear: group14 and RSA with SHA-1")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_meets_old_server(server, old, children, keys):
    theirs = server(suite=OLD)
    job = trusting(theirs, children, keys, OLD)
    check_talk(old, old.run(children, job, b"input\n"), b"input\n")


@pytest.mark.interop("SHA-1 without that preset: refused")
@pytest.mark.parametrize("client", ["OpenSSH", "libssh2"], indirect=True)
@pytest.mark.parametrize("kind", ["kex", "host_key"])
def test_our_server_refuses_old_algorithms(client, kind, serve, children, keys):
    ours = serve(host_keys=(keys.host["rsa"],))
    job = ours.job(children, keys, key=keys.user["ed25519"], command="echo in", **{kind: getattr(OLD, kind)})
    outcome = client.run(children, job)
    assert outcome.status in client.failure, outcome.log
    assert outcome.out == b"", outcome.log


@pytest.mark.interop("SHA-1 without that preset: refused")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("kind", ["kex", "host_key"])
def test_our_client_refuses_old_algorithms(server, kind, ours, children, keys):
    theirs = server(host_keys=(keys.host["rsa"],), **{kind: getattr(OLD, kind)})
    outcome = ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command="echo in"))
    assert outcome.status in ours.failure, outcome.log
    assert outcome.out == b"", outcome.log


@pytest.mark.interop("hardened preset")
@pytest.mark.parametrize("client", algorithms.without(CLIENTS, "libssh2"), indirect=True)
def test_client_meets_our_hardened_server(client, serve, children, keys):
    ours = serve("--preset", "hardened")
    job = ours.job(children, keys, key=keys.user["ed25519"], command=COMMAND)
    check_talk(client, client.run(children, job, b"input\n"), b"input\n")


@pytest.mark.interop("hardened preset")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_hardened_client_meets_server(server, hardened, children, keys):
    theirs = server()
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=COMMAND)
    check_talk(hardened, hardened.run(children, job, b"input\n"), b"input\n")
