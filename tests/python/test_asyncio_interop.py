# SPDX-License-Identifier: Apache-2.0
"""SSH on asyncio against the other implementations in Python, in both roles: asyncssh, and paramiko in threads."""

import asyncio
import socket
import threading

import asyncssh
import paramiko
import pytest
from test_asyncio_ssh import BULK, Target, listen  # noqa: F401

import sessile
import sessile.asyncio as aio

PART = BULK[:500_000]


@pytest.fixture
def files(tmp_path, host_key, user_key):
    """The keys, as the others read them."""
    (tmp_path / "host").write_bytes(host_key.write())
    (tmp_path / "user").write_bytes(user_key.write())
    (tmp_path / "user.pub").write_text(user_key.write_public() + "\n")
    return tmp_path


def known(port, host_key):
    return sessile.KnownHosts.line("127.0.0.1", port, host_key)


# ---- asyncssh's client ----


def asyncssh_client(files, server, host_key, **options):
    (files / "known").write_text(known(server.port, host_key))
    options = {"username": "alice", "client_keys": [str(files / "user")], **options}
    return asyncssh.connect("127.0.0.1", server.port, known_hosts=str(files / "known"), config=None, agent_path=None,
                            **options)


async def test_asyncsshs_client_runs_commands(listen, files, host_key):  # noqa: F811
    async with await listen() as server, asyncssh_client(files, server, host_key) as client:
        assert (await client.run("cat", input=PART, encoding=None)).stdout == PART
        both = await client.run("both 20", encoding=None)
        assert (len(both.stdout), len(both.stderr), both.exit_status) == (200_000, 200_000, 7)
        described = await client.run("describe", env={"TEST_B": "2"}, term_type="vt100", term_size=(91, 33))
        assert "'vt100', (91, 33), [('TEST_B', '2')]" in described.stdout
        async with client.create_process("wait") as process:
            assert await process.stdout.readexactly(7) == "waiting"
            process.send_signal("TERM")
            assert (await process.wait()).exit_signal[0] == "TERM"


@pytest.mark.parametrize("options", [
    {"client_keys": None, "password": "secret", "preferred_auth": "password"},
    {"client_keys": None, "preferred_auth": "keyboard-interactive", "client_factory": lambda: Answering()},
])
async def test_asyncsshs_client_logs_in(listen, files, host_key, options):  # noqa: F811
    async with await listen() as server, asyncssh_client(files, server, host_key, **options) as client:
        assert (await client.run("cat", input="in")).stdout == "in"


class Answering(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return ""

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        return ["12", "blue"] if prompts else []


async def test_asyncsshs_client_is_refused(listen, files, host_key):  # noqa: F811
    async with await listen() as server:
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh_client(files, server, host_key, client_keys=None, password="wrong")


async def talk(opening, data=PART):
    reader, writer = await opening
    writer.write(data)
    writer.write_eof()
    assert await reader.read() == data.upper()
    writer.close()
    await writer.wait_closed()


async def test_asyncsshs_client_forwards(listen, files, host_key, tmp_path):  # noqa: F811
    path, there = str(tmp_path / "s"), str(tmp_path / "t")
    async with Target() as target, Target(path), await listen() as server:
        async with asyncssh_client(files, server, host_key) as client:
            await talk(client.open_connection("127.0.0.1", target.port))
            await talk(client.open_unix_connection(path))
            with pytest.raises(asyncssh.ChannelOpenError):
                await client.open_connection("127.0.0.1", 1)
            async with client.forward_remote_port("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
                await talk(asyncio.open_connection("127.0.0.1", listener.get_port()))
            async with client.forward_remote_path(there, path):
                await talk(asyncio.open_unix_connection(there))
            async with client.forward_local_port("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
                await talk(asyncio.open_connection("127.0.0.1", listener.get_port()))


# ---- asyncssh's server ----


class TheirServer(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("alice", "secret")

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return ("name", "do", "", [("PIN: ", False), ("Colour: ", True)])

    def validate_kbdint_response(self, username, responses):
        return responses == ["12", "blue"]

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return dest_port != 1

    def server_requested(self, listen_host, listen_port):
        return True

    def unix_connection_requested(self, dest_path):
        return True


async def their_process(process):
    if process.command == "cat":
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
        process.stdout.write_eof()
        process.exit(0)
    elif process.command == "describe":
        process.stdout.write(repr((process.term_type, process.term_size[:2], dict(process.env))).encode())
        process.exit(3)
    elif process.command == "wait":
        process.stdout.write(b"waiting")
        try:
            await process.stdin.read()
        except asyncssh.SignalReceived as signal:
            process.exit_with_signal(signal.signal)
    else:
        process.stderr.write(b"what?")
        process.exit(127)


@pytest.fixture
def their_server(files, user_key):
    return lambda: asyncssh.listen("127.0.0.1", 0, server_factory=TheirServer, server_host_keys=[str(files / "host")],
                                   authorized_client_keys=str(files / "user.pub"), process_factory=their_process,
                                   encoding=None, config=None)


def our_client(server, host_key, user_key, **options):
    port = server.sockets[0].getsockname()[1] if hasattr(server, "sockets") else server
    options = {"username": "alice", "client_keys": [user_key], **options}
    return aio.connect("127.0.0.1", port, known_hosts=sessile.KnownHosts(known(port, host_key)), **options)


async def test_asyncsshs_server_runs_commands(their_server, host_key, user_key):
    async with await their_server() as server, our_client(server, host_key, user_key) as client:
        assert (await client.run("cat", input=PART)).stdout == PART
        described = await client.run("describe", env={"TEST_A": "b"}, terminal=aio.Terminal("vt100", 91, 33))
        assert described.stdout == b"('vt100', (91, 33), {'TEST_A': 'b'})" and described.exit_status == 3
        unknown = await client.run("nonsense")
        assert (unknown.stderr, unknown.exit_status) == (b"what?", 127)
        async with await client.create_process("wait") as process:
            assert await process.stdout.readexactly(7) == b"waiting"
            process.terminate()
            assert await process.wait() == -15
    await server.wait_closed()


@pytest.mark.parametrize("options", [
    {"client_keys": [], "password": "secret"},
    {"client_keys": [], "prompts": lambda *_: ["12", "blue"]},
])
async def test_asyncsshs_server_lets_in(their_server, host_key, user_key, options):
    async with await their_server() as server, our_client(server, host_key, user_key, **options) as client:
        assert (await client.run("cat", input=b"in")).stdout == b"in"
    await server.wait_closed()


async def test_asyncsshs_server_refuses(their_server, host_key, user_key):
    async with await their_server() as server:
        with pytest.raises(sessile.RefusedError):
            await our_client(server, host_key, user_key, client_keys=[], password="wrong")
        with pytest.raises(sessile.VerificationError):
            await our_client(server, user_key, user_key)
    await server.wait_closed()


# On uvloop a server of asyncssh that forwards to itself says nothing, to its own client as well.
@pytest.mark.loops("asyncio")
async def test_asyncsshs_server_forwards(their_server, host_key, user_key, tmp_path):
    path = str(tmp_path / "s")
    async with Target() as target, Target(path), await their_server() as server:
        async with our_client(server, host_key, user_key) as client:
            await talk(client.open_connection("127.0.0.1", target.port))
            await talk(client.open_unix_connection(path))
            with pytest.raises(sessile.RefusedError):
                await client.open_connection("127.0.0.1", 1)
            async with await client.forward_local("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
                await talk(asyncio.open_connection("127.0.0.1", listener.port))
            async with await client.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
                await talk(asyncio.open_connection("127.0.0.1", listener.port))
            async with our_client(server, host_key, user_key, tunnel=client) as far:
                assert (await far.run("cat", input=b"far")).stdout == b"far"
    await server.wait_closed()


# ---- paramiko's client, in a thread ----


def paramiko_client(files, port, host_key, **options):
    client = paramiko.SSHClient()
    (files / "known").write_text(known(port, host_key))
    client.load_host_keys(str(files / "known"))
    options = {"key_filename": str(files / "user"), **options}
    client.connect("127.0.0.1", port, "alice", allow_agent=False, look_for_keys=False, timeout=20, **options)
    return client


def paramiko_session(files, port, host_key):
    """All that is asked of a server."""
    with paramiko_client(files, port, host_key) as client:
        stdin, stdout, _ = client.exec_command("cat")
        feeding = threading.Thread(target=feed, args=(stdin,))
        feeding.start()
        assert stdout.read() == PART and stdout.channel.recv_exit_status() == 0
        feeding.join()
        _, stdout, stderr = client.exec_command("nonsense")
        assert stderr.read() == b"nonsense?" and stdout.channel.recv_exit_status() == 127
        channel = client.get_transport().open_session()
        channel.get_pty("vt100", 91, 33)
        channel.exec_command("describe")
        assert b"'vt100', (91, 33)" in channel.recv(1000)
        channel.close()


def feed(stdin):
    stdin.write(PART)
    stdin.channel.shutdown_write()


def paramiko_forwarding(files, port, host_key, target):
    with paramiko_client(files, port, host_key) as client:
        channel = client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", target), ("127.0.0.1", 1))
        channel.sendall(b"quiet")
        channel.shutdown_write()
        assert channel.makefile("rb").read() == b"QUIET"
        channel.close()
        bound = client.get_transport().request_port_forward("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", bound), timeout=20) as far:
            channel = client.get_transport().accept(20)
            channel.sendall(b"hello")
            assert far.recv(5) == b"hello"
            channel.close()
        client.get_transport().cancel_port_forward("127.0.0.1", bound)


def paramiko_logins(files, port, host_key):
    with paramiko_client(files, port, host_key, key_filename=None, password="secret"):
        pass
    with pytest.raises(paramiko.AuthenticationException):
        paramiko_client(files, port, host_key, key_filename=None, password="wrong")
    with paramiko.Transport(("127.0.0.1", port)) as transport:
        transport.start_client(timeout=20)
        transport.auth_interactive("alice", lambda *_: ["12", "blue"])
        assert transport.is_authenticated()


def join_paramiko():
    """Its threads close their sockets when they end, a while after they were told to."""
    for thread in threading.enumerate():
        if isinstance(thread, paramiko.Transport):
            thread.join(20)


async def test_paramikos_client(listen, files, host_key):  # noqa: F811
    async with Target() as target, await listen() as server:
        await asyncio.to_thread(paramiko_session, files, server.port, host_key)
        await asyncio.to_thread(paramiko_forwarding, files, server.port, host_key, target.port)
        await asyncio.to_thread(paramiko_logins, files, server.port, host_key)
    await asyncio.to_thread(join_paramiko)


# ---- paramiko's server, in threads ----


class ParamikoServer(paramiko.ServerInterface):
    def __init__(self, user_key):
        self.user_key = user_key

    def get_allowed_auths(self, username):
        return "publickey,password,keyboard-interactive"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.asbytes() == self.user_key.blob() else paramiko.AUTH_FAILED

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == "secret" else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        return paramiko.InteractiveQuery("name", "do", ("PIN: ", False))

    def check_auth_interactive_response(self, responses):
        return paramiko.AUTH_SUCCESSFUL if responses == ["12"] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_):
        return True

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self.run, args=(channel, command)).start()
        return True

    def run(self, channel, command):
        with channel:
            if command == b"cat":
                while data := channel.recv(65536):
                    channel.sendall(data)
                channel.send_exit_status(0)
            else:
                # The input's end comes behind the request's answer, which this thread must not overtake.
                while channel.recv(65536):
                    pass
                channel.sendall_stderr(command + b"?")
                channel.send_exit_status(127)


class ParamikoListener:
    """Serves one connection after the other in a thread."""

    def __init__(self, files, user_key):
        self.key, self.user_key = paramiko.Ed25519Key.from_private_key_file(str(files / "host")), user_key
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def serve(self):
        connection, _ = self.socket.accept()
        with connection, paramiko.Transport(connection) as transport:
            transport.add_server_key(self.key)
            try:
                transport.start_server(server=ParamikoServer(self.user_key))
            except (paramiko.SSHException, EOFError):
                return
            transport.join(20)

    async def one(self, work):
        """Serve a connection that ``work`` makes."""
        serving = asyncio.ensure_future(asyncio.to_thread(self.serve))
        try:
            await work()
        finally:
            await serving


@pytest.mark.parametrize("options", [
    {}, {"client_keys": [], "password": "secret"}, {"client_keys": [], "prompts": lambda *_: ["12"]}])
async def test_paramikos_server(files, host_key, user_key, options):
    listener = ParamikoListener(files, user_key)

    async def work():
        async with our_client(listener.port, host_key, user_key, **options) as client:
            assert (await client.run("cat", input=PART)).stdout == PART
            unknown = await client.run("nonsense", terminal=aio.Terminal())
            assert (unknown.stderr, unknown.exit_status) == (b"nonsense?", 127)

    with listener.socket:
        await listener.one(work)


async def test_paramikos_server_refuses(files, host_key, user_key):
    listener = ParamikoListener(files, user_key)

    async def work():
        with pytest.raises(sessile.RefusedError):
            await our_client(listener.port, host_key, user_key, client_keys=[], password="wrong")

    with listener.socket:
        await listener.one(work)
