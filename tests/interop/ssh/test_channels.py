# SPDX-License-Identifier: Apache-2.0
"""What goes through a session besides a command: terminals, forwarded connections, subsystems, jumps."""

import socket
import struct

import clients
import pytest
from algorithms import CLIENTS, SERVERS
from build import NO_HALF_CLOSE
from checks import COMMAND, DATA, TERMINAL, check_answer, check_talk, check_terminal
from child import TIMEOUT, connected, free_port
from keys import HOST
from wire import ask, ask_when_up

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


# ---- Terminals ----

@pytest.mark.interop("terminal")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_our_server_gives_a_terminal(client, serve, children, keys):
    ours = serve()
    job = ours.job(children, keys, key=keys.user["ed25519"], command=TERMINAL, pty=True)
    check_terminal(client.run(children, job))


@pytest.mark.interop("terminal")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_has_a_terminal(server, ours, children, keys):
    theirs = server()
    job = theirs.job(children, keys, key=keys.user["ed25519"], command=TERMINAL, pty=True)
    check_terminal(ours.run(children, job))


@pytest.mark.interop("no terminal where none was asked for")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_gives_no_terminal(client, serve, children, keys):
    ours = serve()
    outcome = client.run(children, ours.job(children, keys, key=keys.user["ed25519"], command=TERMINAL))
    assert (outcome.status, outcome.out) == (3, b""), outcome.log


@pytest.mark.interop("no terminal where none was asked for")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_has_no_terminal(server, ours, children, keys):
    theirs = server()
    outcome = ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command=TERMINAL))
    assert (outcome.status, outcome.out) == (3, b""), outcome.log


@pytest.mark.interop("a shell on a terminal: what is typed, and its end")
@pytest.mark.parametrize("client", ["OpenSSH", "PuTTY"], indirect=True)
def test_our_server_runs_a_shell(client, serve, children, keys):
    ours = serve()
    child = client.start(children, ours.job(children, keys, key=keys.user["ed25519"], pty=True))
    child.write(b"echo one$((1 + 1))three\n")
    child.wait_for("one2three")
    child.write(b"exit 5\n")
    assert child.status() == 5, child.log()


@pytest.mark.interop("a shell on a terminal: what is typed, and its end")
@pytest.mark.parametrize("server", ["OpenSSH", "dropbear"], indirect=True)
def test_our_client_runs_a_shell(server, ours, children, keys):
    theirs = server()
    child = ours.start(children, theirs.job(children, keys, key=keys.user["ed25519"], pty=True))
    child.write(b"echo one$((1 + 1))three\n")
    child.wait_for("one2three")
    child.write(b"exit 5\n")
    assert child.status() == 5, child.log()


@pytest.mark.interop("a command that a signal ends: not a success")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_tells_of_a_signal(client, serve, children, keys):
    ours = serve()
    outcome = client.run(children, ours.job(children, keys, key=keys.user["ed25519"], command="kill -TERM $$"))
    assert outcome.status == 255, outcome.log


@pytest.mark.interop("a command that a signal ends: not a success")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_hears_of_a_signal(server, ours, children, keys):
    theirs = server()
    outcome = ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], command="kill -TERM $$"))
    assert outcome.status == 255, outcome.log


# ---- Forwarded connections ----

@pytest.mark.interop("connection forwarded by the server, with its end of sending")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_our_server_connects(client, serve, children, keys, echo):
    ours = serve(forward=True)
    job = ours.job(children, keys, key=keys.user["ed25519"], direct=(HOST, echo.port))
    check_answer(client, client.start(children, job))


@pytest.mark.interop("connection forwarded by the server, with its end of sending")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_connects_for_us(server, ours, children, keys, echo):
    theirs = server(forward=True)
    job = theirs.job(children, keys, key=keys.user["ed25519"], direct=(HOST, echo.port))
    check_answer(ours, ours.start(children, job))


@pytest.mark.interop("connection forwarded to the client, with its end of sending")
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_our_server_listens(client, serve, children, keys, echo):
    ours = serve(forward=True)
    port = free_port()
    job = ours.job(children, keys, key=keys.user["ed25519"], remote=f"{port}:{HOST}:{echo.port}")
    assert ask_when_up(port, DATA, client.start(children, job), client.name in NO_HALF_CLOSE["client"]) == DATA


@pytest.mark.interop("forwarded ports on the loopback alone, or where the client says")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("options, elsewhere", [((), False), (("--gateway-ports",), True)], ids=["loopback", "anywhere"])
def test_our_server_listens_where_it_may(client, options, elsewhere, serve, children, keys, echo):
    ours = serve(*options, forward=True)
    port = free_port()
    job = ours.job(children, keys, key=keys.user["ed25519"], remote=f"*:{port}:{HOST}:{echo.port}")
    assert ask_when_up(port, DATA, client.start(children, job)) == DATA
    with socket.socket() as wire:
        assert (wire.connect_ex(("127.0.0.2", port)) == 0) is elsewhere


@pytest.mark.interop("connection forwarded to the client, with its end of sending")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_server_listens_for_us(server, ours, children, keys, echo):
    theirs = server(forward=True)
    port = free_port()
    job = theirs.job(children, keys, key=keys.user["ed25519"], remote=f"{port}:{HOST}:{echo.port}")
    assert ask_when_up(port, DATA, ours.start(children, job), server.name in NO_HALF_CLOSE["server"]) == DATA


@pytest.mark.interop("connections from a port of the client's, several at once")
@pytest.mark.parametrize("client", ["OpenSSH", "dropbear", "PuTTY"], indirect=True)
def test_client_listens_before_our_server(client, serve, children, keys, echo):
    ours = serve(forward=True)
    check_local(client, ours, children, keys, echo)


@pytest.mark.interop("connections from a port of the client's, several at once")
@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_our_client_listens(server, ours, children, keys, echo):
    theirs = server(forward=True)
    check_local(ours, theirs, children, keys, echo)


def check_local(client, running, children, keys, echo):
    port = free_port()
    child = client.start(children, running.job(children, keys, key=keys.user["ed25519"],
                                               local=f"{port}:{HOST}:{echo.port}"))
    assert ask_when_up(port, DATA, child) == DATA
    several = [connected(port) for _ in range(5)]
    for number, wire in enumerate(several):
        wire.sendall(f"connection {number}\n".encode())
    for number, wire in reversed(list(enumerate(several))):
        with wire:
            assert ask(wire, DATA) == f"connection {number}\n".encode() + DATA


@pytest.mark.interop("sockets in the file system, forwarded each way")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
@pytest.mark.parametrize("way", ["local", "remote"])
def test_our_server_forwards_paths(client, way, serve, children, keys, short_folder, echo_at):
    ours = serve(forward=True)
    check_path(client, ours, way, children, keys, short_folder / "near", echo_at)


@pytest.mark.interop("sockets in the file system, forwarded each way")
@pytest.mark.parametrize("server", ["OpenSSH", "asyncssh"], indirect=True)
@pytest.mark.parametrize("way", ["local", "remote"])
def test_our_client_has_paths_forwarded(server, way, ours, children, keys, short_folder, echo_at):
    theirs = server(forward=True)
    check_path(ours, theirs, way, children, keys, short_folder / "near", echo_at)


def check_path(client, running, way, children, keys, near, far):
    job = running.job(children, keys, key=keys.user["ed25519"], **{way: f"{near}:{far}"})
    assert ask_when_up(near, DATA, client.start(children, job)) == DATA


@pytest.mark.interop("sockets in the file system that are not allowed: refused")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_refuses_paths(client, serve, children, keys, short_folder, echo_at):
    ours = serve()
    near = short_folder / "near"
    job = ours.job(children, keys, key=keys.user["ed25519"], remote=f"{near}:{echo_at}")
    assert client.run(children, job).status == 255
    assert not near.exists()


@pytest.mark.interop("SOCKS")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_connects_for_socks(client, serve, children, keys, echo):
    ours = serve(forward=True)
    check_socks(client, ours, children, keys, echo)


@pytest.mark.interop("SOCKS")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_speaks_socks(server, ours, children, keys, echo):
    theirs = server(forward=True)
    check_socks(ours, theirs, children, keys, echo)


def check_socks(client, running, children, keys, echo):
    port = free_port()
    child = client.start(children, running.job(children, keys, key=keys.user["ed25519"], socks=str(port)))
    clients.wait_for_port(port, child)
    for name in (socket.inet_aton(HOST), b"localhost"):
        with connected(port) as wire:
            socks_connect(wire, name, echo.port)
            assert ask(wire, DATA) == DATA


def socks_connect(wire, name, port):
    """RFC 1928: no authentication; an address of four bytes, or a name."""
    with wire.makefile("rb") as file:
        wire.sendall(b"\x05\x01\x00")
        assert file.read(2) == b"\x05\x00"
        address = b"\x01" + name if len(name) == 4 else bytes([3, len(name)]) + name
        wire.sendall(b"\x05\x01\x00" + address + struct.pack(">H", port))
        reply = file.read(4)
        assert reply[:3] == b"\x05\x00\x00", reply
        file.read({1: 4, 4: 16}[reply[3]] + 2)


@pytest.mark.interop("forwarding that is not allowed, or leads nowhere: refused")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_refuses_to_forward(client, serve, children, keys, echo):
    ours = serve()
    user = keys.user["ed25519"]
    outcome = client.run(children, ours.job(children, keys, key=user, direct=(HOST, echo.port)), DATA)
    assert (outcome.status, outcome.out, echo.count) == (255, b"", 0), outcome.log
    job = ours.job(children, keys, key=user, remote=f"{free_port()}:{HOST}:{echo.port}")
    assert client.run(children, job).status == 255
    nowhere = serve(forward=True)
    outcome = client.run(children, nowhere.job(children, keys, key=user, direct=(HOST, free_port())), DATA)
    assert (outcome.status, outcome.out) == (255, b""), outcome.log


@pytest.mark.interop("forwarding that is not allowed, or leads nowhere: refused")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_is_refused_to_forward(server, ours, children, keys, echo):
    theirs = server()
    user = keys.user["ed25519"]
    outcome = ours.run(children, theirs.job(children, keys, key=user, direct=(HOST, echo.port)), DATA)
    assert (outcome.status, outcome.out, echo.count) == (255, b"", 0), outcome.log
    job = theirs.job(children, keys, key=user, remote=f"{free_port()}:{HOST}:{echo.port}")
    assert ours.run(children, job).status == 255
    nowhere = server(forward=True)
    outcome = ours.run(children, nowhere.job(children, keys, key=user, direct=(HOST, free_port())), DATA)
    assert (outcome.status, outcome.out) == (255, b""), outcome.log


# ---- Jumps ----

@pytest.mark.interop("a session in a session")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_jumps(server, ours, children, keys):
    """By one server to another; both hosts' keys are checked."""
    first, second = server(forward=True), server()
    known = children.path(".known_hosts")
    known.write_text("".join(f"[{HOST}]:{one.port} {one.service.host_keys[0].line}\n" for one in (first, second)))
    job = second.job(children, keys, key=keys.user["ed25519"], command=COMMAND, known_hosts=known,
                     jump=f"tester@{HOST}:{first.port}")
    check_talk(ours, ours.run(children, job, DATA))


@pytest.mark.interop("a session in a session")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_servers_are_jumped(client, serve, children, keys):
    first, second = serve(forward=True), serve()
    outer = first.job(children, keys, key=keys.user["ed25519"], direct=(HOST, second.port))
    job = second.job(children, keys, key=keys.user["ed25519"], command=COMMAND, through=outer)
    check_talk(client, client.run(children, job, DATA))


# ---- Subsystems ----

@pytest.mark.interop("subsystem")
@pytest.mark.parametrize("client", ["OpenSSH", "dropbear", "PuTTY"], indirect=True)
def test_our_server_has_a_subsystem(client, serve, children, keys):
    ours = serve("--subsystem", "echo=cat")
    job = ours.job(children, keys, key=keys.user["ed25519"], subsystem="echo")
    outcome = client.run(children, job, DATA)
    assert (outcome.status, outcome.out) == (0, DATA), outcome.log


@pytest.mark.interop("subsystem")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_asks_for_a_subsystem(server, ours, children, keys):
    """SFTP's first message and its answer; then the end of input, and so of it."""
    theirs = server()
    child = ours.start(children, theirs.job(children, keys, key=keys.user["ed25519"], subsystem="sftp"))
    child.write(struct.pack(">IBI", 5, 1, 3))
    assert child.wait_bytes(9)[4:] == struct.pack(">BI", 2, 3)
    assert clients.finish(child).status == 0, child.log()


@pytest.mark.interop("subsystem that there is not: refused")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_refuses_a_subsystem(client, serve, children, keys):
    ours = serve("--subsystem", "echo=cat")
    outcome = client.run(children, ours.job(children, keys, key=keys.user["ed25519"], subsystem="other"), DATA)
    assert (outcome.status, outcome.out) == (255, b""), outcome.log


@pytest.mark.interop("subsystem that there is not: refused")
@pytest.mark.parametrize("server", ["OpenSSH"], indirect=True)
def test_our_client_is_refused_a_subsystem(server, ours, children, keys):
    theirs = server()
    outcome = ours.run(children, theirs.job(children, keys, key=keys.user["ed25519"], subsystem="other"), DATA)
    assert (outcome.status, outcome.out) == (255, b""), outcome.log


@pytest.mark.interop("a file up and down by SFTP, with OpenSSH's sftp-server behind")
@pytest.mark.parametrize("client", ["OpenSSH", "PuTTY"], indirect=True)
def test_our_server_carries_sftp(client, serve, children, keys):
    ours = serve("--subsystem", f"sftp={SFTP_SERVER}")
    source, there, back = (children.folder / name for name in ("source", "there", "back"))
    source.write_bytes(DATA * 8)
    commands = children.path(".batch")
    commands.write_text(f"put {source} {there}\nget {there} {back}\nquit\n")
    child = client.start_sftp(children, ours.job(children, keys, key=keys.user["ed25519"]), commands)
    assert child.status() == 0, child.log()
    assert back.read_bytes() == there.read_bytes() == source.read_bytes()


@pytest.mark.interop("a file copied by pscp")
@pytest.mark.parametrize("client", ["PuTTY"], indirect=True)
def test_our_server_carries_pscp(client, serve, children, keys):
    ours = serve("--subsystem", f"sftp={SFTP_SERVER}")
    source, there = children.folder / "source", children.folder / "there"
    source.write_bytes(DATA * 8)
    child = client.start_pscp(children, ours.job(children, keys, key=keys.user["ed25519"]), source, there)
    assert child.status() == 0, child.log()
    assert there.read_bytes() == source.read_bytes()


# ---- Ends ----

@pytest.mark.interop("the peer is killed: noticed at once")
@pytest.mark.parametrize("client", ["OpenSSH"], indirect=True)
def test_our_server_outlives_a_client(client, serve, children, keys):
    ours = serve()
    user = keys.user["ed25519"]
    child = client.start(children, ours.job(children, keys, key=user, command="echo up; cat"))
    child.wait_for("up")
    child.kill()
    check_talk(client, client.run(children, ours.job(children, keys, key=user, command=COMMAND), DATA))


@pytest.mark.interop("the peer is killed: noticed at once")
@pytest.mark.parametrize("server", ["Go x/crypto/ssh"], indirect=True)
def test_our_client_notices_a_dead_server(server, ours, children, keys):
    theirs = server()
    child = ours.start(children, theirs.job(children, keys, key=keys.user["ed25519"], command="echo up; cat"))
    child.wait_for("up")
    theirs.child.kill()
    assert clients.finish(child, limit=TIMEOUT).status == 255
