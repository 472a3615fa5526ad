# SPDX-License-Identifier: Apache-2.0
"""Megabytes each way, with new keys many times on the way; checksums compared."""

import re

import clients
import pytest
from algorithms import CIPHERS, CLIENTS, SERVERS
from checks import digest, noise

MB = 1024 * 1024
SIZES = {"OpenSSH": 32 * MB}
SLOW = 4 * MB
# So often that it happens several times in each direction.
OFTEN = 8


def size_of(name):
    return SIZES.get(name, SLOW)


def check_upload(client, children, job, data):
    outcome = client.run(children, job, data)
    assert outcome.status == 0, outcome.log
    assert outcome.out.split()[:1] == [digest(data).encode()], outcome.log


def check_download(client, children, job, data):
    outcome = client.run(children, job)
    assert (outcome.status, digest(outcome.out)) == (0, digest(data)), outcome.err


def check_echo(client, children, job, data):
    outcome = client.run(children, job, data)
    assert (outcome.status, digest(outcome.out)) == (0, digest(data)), outcome.err


WAYS = {"up": ("sha256sum", check_upload), "down": ("cat '{path}'", check_download), "both": ("cat", check_echo)}
# asyncssh counts what it sends, so that it asks for no new keys while it receives.
SILENT = {"client": ("asyncssh", "down"), "server": ("asyncssh", "up")}


def transfer(way, client, running, children, keys, name, **what):
    data = noise(size_of(name))
    path = children.folder / "data"
    path.write_bytes(data)
    command, check = WAYS[way]
    job = running.job(children, keys, key=keys.user["ed25519"], command=command.format(path=path), **what)
    check(client, children, job, data)


def ways(peers):
    """libssh's client stalls where new keys meet data of both directions, with OpenSSH's server as well."""
    return [(peer, way) for peer in peers for way in WAYS if (peer, way) != ("libssh", "both")]


def server_ways(peers):
    """libssh's server stalls where it is asked for new keys while it sends, or mixes the data up, also with OpenSSH."""
    return [(peer, way) for peer in peers for way in WAYS if peer != "libssh" or way == "up"]


def check_rekeyed(program):
    """The example program's own words, with -v. How often depends on how much is under way when a receiver asks for
    new keys: windows are a good part of the data. Where it is OpenSSH that is met, it is counted below."""
    assert re.search(rb"^ssh_(?:server|client): [^ ]+: new keys$", program.err.data, re.M), program.log()


# ---- New keys that Sessile asks for ----

@pytest.mark.interop("megabytes, with new keys that Sessile asks for")
@pytest.mark.parametrize(("client", "way"), ways(CLIENTS), indirect=["client"])
def test_our_server_rekeys(client, way, serve, children, keys):
    ours = serve("-v", rekey=size_of(client.name) // OFTEN)
    transfer(way, client, ours, children, keys, client.name)
    check_rekeyed(ours.child)


@pytest.mark.interop("megabytes, with new keys that Sessile asks for")
@pytest.mark.parametrize(("server", "way"), server_ways(SERVERS), indirect=["server"])
def test_our_client_rekeys(server, way, telling, children, keys):
    theirs = server()
    transfer(way, telling, theirs, children, keys, server.name, rekey=size_of(server.name) // OFTEN)
    check_rekeyed(children.all[-1])


# ---- New keys that the peer asks for ----

REKEYING = [name for name, client in clients.clients().items() if name in CLIENTS and client.rekeys]
REKEYING_SERVERS = [name for name in SERVERS if name not in ("dropbear", "libssh", "Node ssh2")]


@pytest.mark.interop("megabytes, with new keys that the peer asks for")
@pytest.mark.parametrize(("client", "way"), [one for one in ways(REKEYING) if one != SILENT["client"]],
                         indirect=["client"])
def test_client_rekeys(client, way, serve, children, keys):
    ours = serve("-v")
    transfer(way, client, ours, children, keys, client.name, rekey=size_of(client.name) // OFTEN)
    check_rekeyed(ours.child)


@pytest.mark.interop("megabytes, with new keys that the peer asks for")
@pytest.mark.parametrize(("server", "way"), [(peer, way) for peer in REKEYING_SERVERS for way in WAYS
                                             if (peer, way) != SILENT["server"]], indirect=["server"])
def test_server_rekeys(server, way, telling, children, keys):
    theirs = server(rekey=size_of(server.name) // OFTEN)
    transfer(way, telling, theirs, children, keys, server.name)
    check_rekeyed(children.all[-1])


@pytest.mark.interop("megabytes, with new keys that both ask for")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_both_rekey_with_our_server(client, cipher, serve, children, keys):
    ours = serve(rekey=size_of(client.name) // OFTEN, cipher=cipher)
    transfer("both", client, ours, children, keys, client.name, rekey=size_of(client.name) // OFTEN)


@pytest.mark.interop("megabytes, with new keys that both ask for")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_both_rekey_with_our_client(server, cipher, ours, children, keys):
    theirs = server(rekey=size_of(server.name) // OFTEN)
    transfer("both", ours, theirs, children, keys, server.name, cipher=cipher, rekey=size_of(server.name) // OFTEN)


# ---- That it happens at all ----

@pytest.mark.interop("new keys as often as was asked for")
@pytest.mark.parametrize("often", [1, OFTEN])
def test_our_server_has_rekeyed(often, serve, children, keys):
    """With the limit at the size of all data, no new keys come: the packets' frames alone do not reach it."""
    size = size_of("OpenSSH")
    ours = serve(rekey=2 * size if often == 1 else size // often)
    job = ours.job(children, keys, key=keys.user["ed25519"], command="sha256sum")
    outcome = clients.Openssh(level="DEBUG1").run(children, job, noise(size))
    assert outcome.status == 0, outcome.log
    count = len(re.findall(b"SSH2_MSG_NEWKEYS received", outcome.err))
    assert count == 1 if often == 1 else often - 1 <= count <= often + 2, outcome.log


@pytest.mark.interop("new keys as often as was asked for")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("often", [1, OFTEN])
def test_our_client_has_rekeyed(often, server, ours, children, keys):
    size = size_of("OpenSSH")
    theirs = server(log="DEBUG1")
    job = theirs.job(children, keys, key=keys.user["ed25519"], command="sha256sum",
                     rekey=2 * size if often == 1 else size // often)
    check_upload(ours, children, job, noise(size))
    count = len(re.findall(b"SSH2_MSG_NEWKEYS received", theirs.child.err.data))
    assert count == 1 if often == 1 else often - 1 <= count <= often + 2, theirs.child.log()


@pytest.mark.interop("compressed megabytes")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_our_server_compresses(client, way, serve, children, keys):
    ours = serve(compression="zlib@openssh.com", rekey=size_of(client.name) // OFTEN)
    transfer(way, client, ours, children, keys, client.name, compression="zlib@openssh.com")


@pytest.mark.interop("compressed megabytes")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_our_client_compresses(server, way, ours, children, keys):
    theirs = server()
    transfer(way, ours, theirs, children, keys, server.name, compression="zlib@openssh.com",
             rekey=size_of(server.name) // OFTEN)
