# SPDX-License-Identifier: Apache-2.0
"""The peers without Sessile: each against OpenSSH, so that what fails elsewhere is not theirs; and what each offers."""

import dataclasses

import algorithms
import clients
import pytest
import servers
from algorithms import cover
from build import NO_HALF_CLOSE
from checks import COMMAND, DATA, TERMINAL, check_answer, check_refused, check_talk, check_terminal
from child import free_port
from clients import Job
from kexinit import offer_of_client, offer_of_server
from matrix import matrix, trusting
from wire import ask_when_up

pytestmark = pytest.mark.peers
CLIENTS = tuple(clients.clients())
SERVERS = tuple(servers.servers())


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_runs_a_command(client, server, children, keys):
    theirs = server()
    outcome = client.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command=COMMAND), DATA)
    check_talk(client, outcome)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_runs_a_command(server, children, keys):
    theirs = server()
    openssh = clients.Openssh()
    outcome = openssh.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command=COMMAND), DATA)
    check_talk(openssh, outcome)


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_uses_a_password(client, server, children, keys):
    theirs = server(passwords=keys.passwords, authorized=None)
    good = client.run(children, theirs.job(children, keys, password=keys.password, command="echo in"))
    assert (good.status, good.out) == (0, b"in\n"), good.log
    bad = client.run(children, theirs.job(children, keys, password=keys.wrong_password, command="echo in"))
    check_refused(client, bad, client.denied)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_takes_a_password(server, children, keys):
    theirs = server(passwords=keys.passwords, authorized=None)
    openssh = clients.Openssh()
    good = openssh.run(children, theirs.job(children, keys, password=keys.password, command="echo in"))
    assert (good.status, good.out) == (0, b"in\n"), good.log
    bad = openssh.run(children, theirs.job(children, keys, password=keys.wrong_password, command="echo in"))
    check_refused(openssh, bad, openssh.denied)


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_is_refused_with_another_key(client, server, children, keys):
    theirs = server()
    outcome = client.run(children, theirs.job(children, keys, key=keys.stranger, command="echo in"))
    check_refused(client, outcome, client.denied)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_refuses_another_key(server, children, keys):
    theirs = server()
    openssh = clients.Openssh()
    outcome = openssh.run(children, theirs.job(children, keys, key=keys.stranger, command="echo in"))
    check_refused(openssh, outcome, openssh.denied)


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_refuses_an_unknown_host(client, server, children, keys):
    theirs = server()
    wrong = (keys.other_host,)
    job = theirs.job(children, keys, key=keys.user["ed25519"], command="echo in", known_keys=wrong,
                     known_hosts=keys.known_hosts(children.path(".known_hosts"), theirs.port, wrong))
    check_refused(client, client.run(children, job), client.distrusts)


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_has_a_terminal(client, server, children, keys):
    theirs = server()
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=TERMINAL, pty=True)
    check_terminal(client.run(children, job))


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_gives_a_terminal(server, children, keys):
    theirs = server()
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=TERMINAL, pty=True)
    check_terminal(clients.Openssh().run(children, job))


@pytest.mark.parametrize("client", CLIENTS, indirect=True)
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_forwards(client, server, children, keys, echo):
    theirs = server(forward=True)
    check_direct(client, theirs, children, keys, echo)
    check_remote(client, theirs, children, keys, echo, client.name in NO_HALF_CLOSE["client"])


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_forwards(server, children, keys, echo):
    theirs = server(forward=True)
    openssh = clients.Openssh()
    check_direct(openssh, theirs, children, keys, echo)
    check_remote(openssh, theirs, children, keys, echo, server.name in NO_HALF_CLOSE["server"])


def check_direct(client, theirs, children, keys, echo):
    job = theirs.job(children, keys, key=keys.user["ed25519"], direct=("127.0.0.1", echo.port))
    check_answer(client, client.start(children, job))


def check_remote(client, theirs, children, keys, echo, patient=False):
    port = free_port()
    child = client.start(children, theirs.job(children, keys, key=keys.user["ed25519"],
                                              remote=f"{port}:127.0.0.1:{echo.port}"))
    assert ask_when_up(port, DATA, child, patient) == DATA


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_refuses_to_forward(server, children, keys, echo):
    theirs = server(forward=False)
    openssh = clients.Openssh()
    job = theirs.job(children, keys, key=keys.user["ed25519"], direct=("127.0.0.1", echo.port))
    outcome = openssh.run(children, job, DATA)
    assert (outcome.status, outcome.out, echo.count) == (255, b"", 0), outcome.log


# ---- What they know ----

@pytest.mark.parametrize(("client", "suite"), matrix(algorithms.CLIENTS, cover), indirect=["client"])
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_client_knows_what_is_declared(client, suite, server, children, keys):
    if client.name == "PuTTY":
        # It goes by server-sig-algs, where this OpenSSH names more than it was told to take.
        suite = dataclasses.replace(suite, user_key=suite.user_key.replace("rsa-sha2-256", "rsa-sha2-512"))
    theirs = server(suite=suite)
    check_talk(client, client.run(children, trusting(theirs, children, keys, suite), DATA))


@pytest.mark.parametrize(("server", "suite"), matrix(algorithms.SERVERS, cover), indirect=["server"])
def test_server_knows_what_is_declared(server, suite, children, keys):
    theirs = server(suite=suite)
    openssh = clients.Openssh()
    check_talk(openssh, openssh.run(children, trusting(theirs, children, keys, suite), DATA))


# ---- What they offer ----

KINDS = {"kex": (*algorithms.KEX, algorithms.HYBRID), "ciphers": algorithms.CIPHERS, "macs": algorithms.MACS,
         "host_keys": algorithms.PLAIN_KEYS, "compression": algorithms.COMPRESSION}


def check_offer(declared, plain, told):
    """plain: what the peer offers of itself; told: where it is told to offer what is declared, as far as it can be."""
    for kind, ours in KINDS.items():
        offered = {*getattr(plain, kind), *getattr(told, kind)} & {*ours}
        assert offered - {algorithms.HYBRID} == ({*getattr(declared, kind)} & {*ours}) - {algorithms.HYBRID}, kind


def all_of(declared):
    return {"kex": ",".join(declared.kex), "cipher": ",".join(declared.ciphers), "mac": ",".join(declared.macs)}


@pytest.mark.parametrize("name", CLIENTS)
def test_client_offers_what_is_declared(name, children, keys):
    client, declared = clients.clients()[name], algorithms.CLIENTS[name]

    def offer(**what):
        return offer_of_client(lambda port: client.start(children, Job(
            port, key=keys.user["ed25519"], command="true", **what)))
    check_offer(declared, offer(), offer(**all_of(declared), compression=declared.compression[-1]))


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_offers_what_is_declared(server, children, keys):
    declared = algorithms.SERVERS[server.name]

    def offer(key, **what):
        return offer_of_server(server(host_keys=(key,), **what).port)
    plain = offer(keys.host["ed25519"])
    each = [offer(key).host_keys for key in keys.host.values()]
    plain = dataclasses.replace(plain, host_keys=tuple(name for names in each for name in names))
    told = {} if server.name == "dropbear" else all_of(declared)
    check_offer(declared, plain, offer(keys.host["ed25519"], **told))
