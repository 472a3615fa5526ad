# SPDX-License-Identifier: Apache-2.0
"""The SSH server on asyncio, with the client on asyncio and with OpenSSH's ssh."""

import asyncio
import os
import signal

import pytest
from test_asyncio_sshd import BULK, Target, ask

import sessile
import sessile.asyncio as aio


async def run(process):
    """The commands of the test server."""
    command = (process.command or b"").decode()
    if command == "cat":
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
        return 0
    if command.startswith("both "):
        for _ in range(int(command[5:])):
            process.stdout.write(bytes(10000))
            process.stderr.write(b"e" * 10000)
            await process.stdout.drain()
            await process.stderr.drain()
        return 7
    if command == "describe":
        process.stdout.write(repr((process.user, process.term, process.size, sorted(process.env.items()))).encode())
        return 0
    if command == "wait":
        signalled = asyncio.get_running_loop().create_future()
        process.on_signal = signalled.set_result
        process.stdout.write(b"waiting")
        process.exit_signal(await signalled, "as asked")
        return 0
    if command == "raise":
        raise ValueError("a program's mistake")
    process.stderr.write(f"{process.subsystem or command}?".encode())
    return 127


class Handler(aio.SSHServerHandler):
    """Lets everybody in who shows something, after a while."""

    keys, seen = [], []

    async def password(self, user, password):
        await asyncio.sleep(0)
        return (user, password) == ("alice", "secret")

    async def public_key(self, user, key):
        await asyncio.sleep(0)
        return key in self.keys

    async def keyboard_interactive(self, user, responses):
        await asyncio.sleep(0)
        return aio.Ask([("PIN: ", False), ("Colour: ", True)]) if responses is None else responses == ["12", "blue"]

    async def variable(self, name, value):
        await asyncio.sleep(0.01)
        return name.startswith("TEST_")

    async def open_tcp(self, host, port, origin):
        await asyncio.sleep(0)
        return host == "127.0.0.1"

    async def open_unix(self, path):
        return True

    async def listen_tcp(self, host, port):
        return host != "0.0.0.0"

    async def listen_unix(self, path):
        return True


@pytest.fixture
def listen(host_key, user_key):
    Handler.keys = [user_key]

    def start(**options):
        options = {"handler": Handler, "process_factory": run, "server_host_keys": [host_key], **options}
        return aio.listen("127.0.0.1", 0, **options)

    return start


@pytest.fixture
def connect(host_key, user_key):
    def start(server, **options):
        known = sessile.KnownHosts(sessile.KnownHosts.line("127.0.0.1", server.port, host_key))
        options = {"username": "alice", "known_hosts": known, "client_keys": [user_key], **options}
        return aio.connect("127.0.0.1", server.port, **options)

    return start


async def test_commands_run_and_say_how_they_ended(listen, connect):
    async with await listen() as server, connect(server) as client:
        assert (await client.run("cat", input=BULK)).stdout == BULK
        both = await client.run("both 1000")
        assert (len(both.stdout), len(both.stderr), both.exit_status) == (10_000_000, 10_000_000, 7)
        unknown = await client.run("nonsense")
        assert (unknown.stderr, unknown.exit_status) == (b"nonsense?", 127)
        described = await client.run("describe", env={"TEST_B": "2", "OTHER": "3"},
                                     terminal=aio.Terminal("vt100", 91, 33))
        assert described.stdout == b"('alice', 'vt100', (91, 33), [('TEST_B', '2')])"
        async with await client.create_process(subsystem="sftp") as process:
            assert await process.stderr.read() == b"sftp?" and await process.wait() == 127
        async with await client.create_process("wait") as process:
            assert await process.stdout.readexactly(7) == b"waiting"
            process.terminate()
            assert await process.wait() == -signal.SIGTERM and process.channel.exit_message == "as asked"
    assert client.error is None and server.connections == ()


async def test_a_program_that_raises_ends_with_1_and_is_told(listen, connect, trouble):
    async with await listen() as server, connect(server) as client:
        assert (await client.run("raise")).exit_status == 1
        assert (await client.run("cat", input=b"on")).stdout == b"on"
    context, = trouble
    assert isinstance(context["exception"], ValueError)
    trouble.clear()


@pytest.mark.parametrize("options", [
    {"password": "secret"},
    {"password": lambda: "secret"},
    {"prompts": lambda name, instruction, prompts: ["12", "blue"] if prompts[0] == ("PIN: ", False) else None},
])
async def test_users_get_in(listen, connect, options):
    async with await listen() as server, connect(server, client_keys=[], **options) as client:
        assert client.ssh.user == "alice"


async def test_coroutines_answer_too(listen, connect):
    async def password():
        await asyncio.sleep(0)
        return "secret"

    async with await listen() as server, connect(server, client_keys=[], password=password):
        pass


@pytest.mark.parametrize("options", [
    {}, {"password": "guess"}, {"prompts": lambda *_: ["12", "red"]}, {"prompts": lambda *_: None},
    {"client_keys": [sessile.Key.generate("ssh-ed25519")]},
])
async def test_users_do_not_get_in(listen, connect, options):
    async with await listen() as server:
        with pytest.raises((sessile.RefusedError, sessile.PeerFaultError)):
            await connect(server, **{"client_keys": [], **options})


async def test_a_server_allows_nothing_unless_told(listen, connect):
    class Strict(aio.SSHServerHandler):
        async def public_key(self, user, key):
            return True

    async with await listen(handler=Strict, process_factory=None) as server, connect(server) as client:
        with pytest.raises(sessile.RefusedError):
            await client.run("true")
        with pytest.raises(sessile.RefusedError):
            await client.open_connection("127.0.0.1", 1)
        with pytest.raises(sessile.RefusedError):
            await client.open_unix_connection("/nowhere")
        with pytest.raises(sessile.RefusedError):
            await client.forward_remote("127.0.0.1", 0, "127.0.0.1", 1)


async def test_forwarding_in_all_directions(listen, connect, tmp_path):
    here, there, path = (str(tmp_path / name) for name in ("here", "there", "target"))
    async with Target() as target, Target(path), await listen() as server, connect(server) as client:
        await ask(*await client.open_connection("127.0.0.1", target.port), BULK)
        await ask(*await client.open_unix_connection(path))
        with pytest.raises(sessile.RefusedError) as refused:
            await client.open_connection("127.0.0.1", 1)
        assert refused.value.reason == 2
        with pytest.raises(sessile.RefusedError) as refused:
            await client.open_connection("127.0.0.2", target.port)
        assert refused.value.reason == 1
        async with await client.forward_local("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
            await asyncio.gather(*[
                ask(*await asyncio.open_connection("127.0.0.1", listener.port), BULK) for _ in range(4)])
        async with await client.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
            await ask(*await asyncio.open_connection("127.0.0.1", listener.port), BULK)
        async with await client.forward_remote_unix(there, path):
            await ask(*await asyncio.open_unix_connection(there))
        async with await client.forward_local_unix(here, path):
            await ask(*await asyncio.open_unix_connection(here))
        with pytest.raises(sessile.RefusedError):
            await client.forward_remote("0.0.0.0", 0, "127.0.0.1", target.port)


async def test_a_jump_through_two_hosts_and_tls_through_ssh(listen, connect, identity):
    async with await listen() as server, connect(server) as one:
        async with connect(server, tunnel=one) as two, connect(server, tunnel=two) as three:
            assert (await three.run("cat", input=b"far")).stdout == b"far"

        async def hello(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()
            await writer.wait_closed()

        config = sessile.TLSConfig.server(identity.certificate, identity.key)
        inner = await aio.start_server(hello, "127.0.0.1", 0, ssl=config)
        reader, writer = await one.open_connection("127.0.0.1", inner.sockets[0].getsockname()[1])
        reader, writer = await aio.start_tls_streams(
            reader, writer, sessile.TLSConfig.client(trust=identity.certificate), server_hostname="server.test")
        writer.write(b"through\n")
        assert await reader.read() == b"THROUGH\n"
        writer.close()
        await writer.wait_closed()
        inner.close()
        await inner.wait_closed()


async def test_cancelling_leaves_nothing(listen, connect):
    async with await listen() as server, connect(server) as client:
        for start in (lambda: client.run("cat x"), lambda: client.run("wait"), lambda: client.create_process("wait"),
                      lambda: client.open_connection("127.0.0.1", 1),
                      lambda: client.forward_remote("127.0.0.1", 0, "127.0.0.1", 1)):
            for turns in (0, 1, 2, 5):
                task = asyncio.ensure_future(start())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                result, = await asyncio.gather(task, return_exceptions=True)
                if isinstance(result, aio.Process):
                    result.close()
        assert (await client.run("cat", input=b"on")).stdout == b"on"


@pytest.mark.parametrize("turns", [*range(10), 15, 20, 30, 40])
async def test_connecting_can_be_cancelled_at_any_moment(listen, connect, turns):
    async with await listen() as server:
        connecting = asyncio.ensure_future(connect(server)._begin())
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        result, = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(result, aio.SSHClient):
            result.close()
            await result.wait_closed()


async def test_a_client_that_stays_away_is_given_up(listen):
    async with await listen(login_timeout=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert (await reader.read()).startswith(b"SSH-2.0-")
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_is_dead_is_noticed(listen, connect):
    lost = asyncio.get_running_loop().create_future()

    class Watching(Handler):
        def disconnected(self, error):
            if not lost.done():
                lost.set_result(error)

    async with await listen(handler=Watching, keepalive_interval=0.02) as server:
        client = await connect(server)
        client.below.pause_reading()
        assert isinstance(await lost, TimeoutError)
        client.abort()
        await client.wait_closed()


async def test_openssh_as_the_client(listen, host_key, user_key, tmp_path):
    (tmp_path / "user").write_bytes(user_key.write())
    (tmp_path / "user").chmod(0o600)
    async with Target() as target, await listen() as server:
        line = sessile.KnownHosts.line("127.0.0.1", server.port, host_key)
        (tmp_path / "known").write_text(line)

        async def ssh(*arguments, data=b""):
            process = await asyncio.create_subprocess_exec(
                "ssh", "-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "BatchMode=yes", "-i",
                str(tmp_path / "user"), "-p", str(server.port), "alice@127.0.0.1", *arguments,
                stdin=-1, stdout=-1, stderr=-1, env={**os.environ, "SSH_AUTH_SOCK": ""})
            output, errors = await process.communicate(data)
            return output, errors, process.returncode

        assert await ssh("cat", data=BULK) == (BULK, b"", 0)
        assert await ssh("nonsense") == (b"", b"nonsense?", 127)
        output, errors, status = await ssh("both 20")
        assert (len(output), len(errors), status) == (200_000, 200_000, 7)
        output, errors, status = await ssh("-W", f"127.0.0.1:{target.port}", data=b"quiet")
        assert (output, status) == (b"QUIET", 0), errors
