# SPDX-License-Identifier: Apache-2.0
"""Who is let in, and who is not: passwords, keys, both one after the other, and hosts that are not what they were."""

import time

import pytest
from algorithms import CLIENTS, SERVERS
from checks import check_refused
from child import TIMEOUT
from clients import Openssh, finish
from keys import PASSWORD

IN = "echo in"
# Those that have it: OpenSSH's server only by way of PAM, dropbear's not at all.
ASKED_CLIENTS = ("OpenSSH", "dropbear", "PuTTY", "libssh", "libssh2", "paramiko", "asyncssh", "Go x/crypto/ssh")
ASKING_SERVERS = ("libssh", "paramiko", "asyncssh", "Go x/crypto/ssh")


def check_in(outcome):
    assert (outcome.status, outcome.out) == (0, b"in\n"), outcome.log


@pytest.mark.interop("password; a wrong one is refused")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_our_server_takes_a_password(client, serve, children, keys):
    ours = serve(authorized=None, passwords=keys.passwords)
    check_in(client.run(children, ours.job(children, keys, password=keys.password, command=IN)))
    bad = client.run(children, ours.job(children, keys, password=keys.wrong_password, command=IN))
    check_refused(client, bad, client.denied)


@pytest.mark.interop("password; a wrong one is refused")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_gives_a_password(server, ours, children, keys):
    theirs = server(authorized=None, passwords=keys.passwords)
    check_in(ours.run(children, theirs.job(children, keys, password=keys.password, command=IN)))
    bad = ours.run(children, theirs.job(children, keys, password=keys.wrong_password, command=IN))
    check_refused(ours, bad, ours.denied)


@pytest.mark.interop("key of a stranger: refused")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_our_server_refuses_another_key(client, serve, children, keys):
    ours = serve()
    check_refused(client, client.run(children, ours.job(children, keys, key=keys.stranger, command=IN)), client.denied)


@pytest.mark.interop("key of a stranger: refused")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_is_refused_with_another_key(server, ours, children, keys):
    theirs = server()
    check_refused(ours, ours.run(children, theirs.job(children, keys, key=keys.stranger, command=IN)), ours.denied)


@pytest.mark.interop("another host key than the known: refused")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_client_refuses_our_server(client, serve, children, keys):
    ours = serve()
    wrong = (keys.other_host,)
    known = keys.known_hosts(children.path(".known_hosts"), ours.port, wrong)
    job = ours.job(children, keys, key=keys.user["ed25519"], command=IN, known_keys=wrong, known_hosts=known)
    check_refused(client, client.run(children, job), client.distrusts)


@pytest.mark.interop("another host key than the known: refused")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_refuses_a_changed_host(server, ours, children, keys):
    theirs = server()
    known = keys.known_hosts(children.path(".known_hosts"), theirs.port, (keys.other_host,))
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=IN, known_hosts=known)
    check_refused(ours, ours.run(children, job), ours.distrusts)


@pytest.mark.interop("a host that is not known: refused")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_refuses_an_unknown_host(server, ours, children, keys):
    theirs = server()
    known = keys.write("known_nothing", [])
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=IN, known_hosts=known)
    check_refused(ours, ours.run(children, job), ours.distrusts)


@pytest.mark.interop("a host key revoked: refused")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_refuses_a_revoked_host(server, ours, children, keys):
    theirs = server()
    known = keys.known_hosts(children.path(".known_hosts"), theirs.port, theirs.service.host_keys)
    known.write_text(f"{known.read_text()}@revoked * {keys.host['ed25519'].line}\n")
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=IN, known_hosts=known)
    check_refused(ours, ours.run(children, job), ours.distrusts)


class Learning(Openssh):
    """ssh that adds what further host keys the server proves to have."""

    def common(self, job):
        return ["-o", "UpdateHostKeys=yes", *super().common(job)]


@pytest.mark.interop("further host keys, proven and then known")
def test_client_learns_our_servers_keys(serve, children, keys):
    ours = serve(host_keys=(keys.host["ed25519"], keys.host["rsa"], keys.host["ecdsa384"]))
    job = ours.job(children, keys, key=keys.user["ed25519"], command="cat", known_keys=(keys.host["ed25519"],))
    known = keys.known_hosts(job.known_hosts, ours.port, job.known_keys)
    child = Learning().start(children, job)
    end = time.monotonic() + TIMEOUT
    while not all(keys.host[name].line in known.read_text() for name in ("ed25519", "rsa", "ecdsa384")):
        assert child.process.poll() is None and time.monotonic() < end, f"{known.read_text()}\n{child.log()}"
        time.sleep(0.01)
    assert finish(child).status == 0


@pytest.mark.interop("any host key, where the client asks for none in particular")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_takes_any_host(server, ours, children, keys):
    theirs = server()
    check_in(ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command=IN, known_hosts=None)))


@pytest.mark.interop("certificate for another user, or expired: refused")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("options", [("-n", "somebody"), ("-n", "tester", "-V", "-2h:-1h")], ids=["name", "time"])
def test_our_server_refuses_certificates(client, options, serve, children, keys, tmp_path):
    ours = serve(authorized=keys.authorized_authority)
    key = keys.certified_copy(tmp_path, keys.user["ed25519"], keys.user_authority, *options)
    check_refused(client, client.run(children, ours.job(children, keys, key=key, command=IN)), client.denied)


@pytest.mark.interop("certificate of a host for another name, or expired: refused")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("options", [("-n", "somewhere"), ("-n", "127.0.0.1", "-V", "-2h:-1h")], ids=["name", "time"])
def test_our_client_refuses_certificates(server, options, ours, children, keys, tmp_path):
    key = keys.certified_copy(tmp_path, keys.host["ed25519"], keys.host_authority, "-h", *options)
    theirs = server(host_keys=(key,))
    known = keys.known_hosts(children.path(".known_hosts"), theirs.port, [keys.host_authority], True)
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=IN, known_hosts=known,
                     host_key="ssh-ed25519-cert-v01@openssh.com")
    check_refused(ours, ours.run(children, job), ours.distrusts)


@pytest.mark.interop("key and password, one after the other")
@pytest.mark.parametrize(("key", "password", "good"), [("user", "good", True), ("user", "wrong", False),
                                                       ("stranger", "good", False)])
def test_our_server_wants_both(serve, children, keys, key, password, good):
    client = Openssh(methods="publickey,password")
    ours = serve("--auth-methods", "publickey,password", passwords=keys.passwords)
    job = ours.job(children, keys, command=IN, key=keys.user["ed25519"] if key == "user" else keys.stranger,
                   password=keys.password if password == "good" else keys.wrong_password)
    outcome = client.run(children, job)
    if good:
        check_in(outcome)
    else:
        check_refused(client, outcome, client.denied)


@pytest.mark.interop("key and password, one after the other")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("good", [True, False])
def test_our_client_gives_both(server, ours, children, keys, good):
    theirs = server(passwords=keys.passwords, methods="publickey,password")
    job = theirs.job(children, keys, command=IN, key=keys.user["ed25519"],
                     password=keys.password if good else keys.wrong_password)
    outcome = ours.run(children, job)
    if good:
        check_in(outcome)
    else:
        check_refused(ours, outcome, ours.denied)


@pytest.mark.interop("keyboard-interactive; a wrong answer is refused")
@pytest.mark.parametrize("client", ASKED_CLIENTS, indirect=True)
def test_our_server_asks(client, serve, children, keys):
    if client.name == "OpenSSH":
        client = Openssh(methods="keyboard-interactive")
    ours = serve(methods="keyboard-interactive", authorized=None, passwords=keys.passwords)
    check_in(client.run(children, ours.job(children, keys, password=keys.password, command=IN)))
    bad = client.run(children, ours.job(children, keys, password=keys.wrong_password, command=IN))
    check_refused(client, bad, client.denied)


@pytest.mark.interop("keyboard-interactive; a wrong answer is refused")
@pytest.mark.parametrize("server", ASKING_SERVERS, indirect=True)
def test_our_client_answers(server, ours, children, keys):
    theirs = server(methods="keyboard-interactive", authorized=None, passwords=keys.passwords)
    check_in(ours.run(children, theirs.job(children, keys, password=keys.password, command=IN)))
    bad = ours.run(children, theirs.job(children, keys, password=keys.wrong_password, command=IN))
    check_refused(ours, bad, ours.denied)


# ---- Machines ----
# OpenSSH's client signs by a program that reads the system's own host keys alone, and so is not here.

@pytest.mark.interop("hostbased; another machine is refused")
@pytest.mark.parametrize("client", ["asyncssh"], indirect=True)
def test_our_server_trusts_a_machine(client, serve, children, keys):
    ours = serve(authorized=None, machines=keys.machines(keys.other_host))
    check_in(client.run(children, ours.job(children, keys, machine=keys.other_host, command=IN)))
    bad = client.run(children, ours.job(children, keys, machine=keys.stranger, command=IN))
    check_refused(client, bad, client.denied)


@pytest.mark.interop("hostbased; another machine is refused")
@pytest.mark.parametrize("server", ["OpenSSH", "asyncssh"], indirect=True)
def test_our_client_speaks_for_its_machine(server, ours, children, keys):
    theirs = server(authorized=None, machines=keys.machines(keys.other_host))
    check_in(ours.run(children, theirs.job(children, keys, machine=keys.other_host, command=IN)))
    bad = ours.run(children, theirs.job(children, keys, machine=keys.stranger, command=IN))
    check_refused(ours, bad, ours.denied)


@pytest.mark.interop("a password is nowhere in what the client says")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_keeps_the_password(server, ours, children, keys):
    theirs = server(authorized=None, passwords=keys.passwords)
    child = ours.start(children, theirs.job(children, keys, password=keys.password, command=IN))
    outcome = finish(child)
    check_in(outcome)
    assert PASSWORD.encode() not in outcome.err
