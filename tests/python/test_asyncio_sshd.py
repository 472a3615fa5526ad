# SPDX-License-Identifier: Apache-2.0
"""The SSH client on asyncio against OpenSSH's sshd, which is started on each connection's socket."""

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess

import pytest

import sessile
import sessile.asyncio as aio

SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
USER = getpass.getuser()
BULK = bytes(range(256)) * 8192
# Runs until its connection has ended, and no longer.
LASTING = "exec tail --pid=$PPID -s 0.1 -f /dev/null"


class Sshd:
    """Starts an sshd for each connection to a port of loopback."""

    def __init__(self, folder, host_key, user_key):
        self.folder, self.host_key, self.user_key = folder, host_key, user_key
        self.processes = []
        (folder / "host").write_bytes(host_key.write())
        (folder / "host").chmod(0o600)
        (folder / "user").write_bytes(user_key.write())
        (folder / "user").chmod(0o600)
        (folder / "authorized").write_text(user_key.write_public() + "\n")
        (folder / "config").write_text(
            f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            "PidFile none\nPermitRootLogin prohibit-password\nAcceptEnv TEST_*\nAllowStreamLocalForwarding yes\n")

    async def __aenter__(self):
        os.makedirs("/run/sshd", exist_ok=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.accepting = asyncio.ensure_future(self.accept())
        self.known = sessile.KnownHosts(sessile.KnownHosts.line("127.0.0.1", self.port, self.host_key))
        return self

    async def accept(self):
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self.socket)
            with connection:
                self.processes.append(self.start(connection))

    def start(self, connection):
        connection.setblocking(True)
        log = open(self.folder / "log", "ab")
        with log:
            return subprocess.Popen([SSHD, "-i", "-e", "-f", str(self.folder / "config")], stdin=connection,
                                    stdout=connection, stderr=log)

    async def __aexit__(self, *_):
        self.accepting.cancel()
        await asyncio.wait([self.accepting])
        self.socket.close()
        for process in self.processes:
            process.terminate()
            process.wait(10)

    def connect(self, **options):
        options = {"username": USER, "known_hosts": self.known, "client_keys": [self.user_key], **options}
        return aio.connect("127.0.0.1", self.port, **options)


@pytest.fixture
def sshd(tmp_path, host_key, user_key):
    assert SSHD, "there is no sshd"
    return Sshd(tmp_path, host_key, user_key)


async def test_commands(sshd):
    async with sshd, sshd.connect() as connection:
        result = await connection.run("echo out; echo err >&2; exit 3")
        assert (result.stdout, result.stderr, result.exit_status, result.returncode) == (b"out\n", b"err\n", 3, 3)
        assert (await connection.run("cat", input=BULK)).stdout == BULK
        killed = await connection.run("kill -TERM $$")
        assert killed.exit_signal == "TERM" and killed.exit_status is None and killed.returncode == -signal.SIGTERM
        with pytest.raises(aio.ProcessError) as failed:
            await connection.run("false", check=True)
        assert failed.value.result.exit_status == 1
        assert (await connection.run("echo $TEST_A", env={"TEST_A": "b", "REFUSED": "c"})).stdout == b"b\n"
        with pytest.raises(asyncio.TimeoutError):
            await connection.run(LASTING, timeout=0.2)
        assert (await connection.run("true", check=True)).stdout == b""
    assert connection.error is None


async def test_many_commands_at_once(sshd):
    async with sshd, sshd.connect() as connection:
        results = await asyncio.gather(*(connection.run(f"echo {number}") for number in range(8)))
        assert [int(result.stdout) for result in results] == list(range(8))


async def test_a_process_with_streams(sshd):
    async with sshd, sshd.connect() as connection:
        async with await connection.create_process("cat; echo done >&2") as process:
            process.stdin.write(b"line\n")
            assert await process.stdout.readline() == b"line\n"
            process.stdin.write_eof()
            assert await process.stdout.read() == b"" and await process.stderr.read() == b"done\n"
            assert await process.wait() == 0 and process.exit_status == 0


async def test_an_interactive_shell_on_a_terminal(sshd):
    async with sshd, sshd.connect() as connection:
        async with await connection.create_process(terminal=aio.Terminal("xterm", 91, 33)) as process:
            process.stdin.write(b"stty size; exit 5\n")
            shown = await process.stdout.read()
            assert b"33 91" in shown and await process.wait() == 5


async def test_bulk_whose_reader_waits_is_held_back_and_comes_whole(sshd):
    async with sshd, sshd.connect() as connection:
        async with await connection.create_process("head -c 50000000 /dev/zero") as process:
            transport = process.transport
            while transport.is_reading():
                await asyncio.sleep(0.001)
            for _ in range(1000):
                await asyncio.sleep(0)
            # The window bounds what has come.
            assert len(process.stdout._buffer) + sum(map(len, transport._unread)) < 5_000_000
            count = 0
            while data := await process.stdout.read(1 << 20):
                count += len(data)
            assert count == 50_000_000 and await process.wait() == 0


async def test_who_is_not_known_is_refused(sshd, host_key):
    async with sshd:
        with pytest.raises(sessile.VerificationError, match="is not known: SHA256:"):
            await sshd.connect(known_hosts=None)
        asked = []

        async def accept(host, port, key):
            await asyncio.sleep(0)
            asked.append((host, port, key))
            return True

        async with sshd.connect(known_hosts=None, accept_host_key=accept) as connection:
            assert (await connection.run("echo hello")).stdout == b"hello\n"
        assert asked == [("127.0.0.1", sshd.port, host_key)]
        other = sessile.KnownHosts(
            sessile.KnownHosts.line("127.0.0.1", sshd.port, sessile.Key.generate("ssh-ed25519")))
        with pytest.raises(sessile.VerificationError):
            await sshd.connect(known_hosts=other, accept_host_key=accept)
        assert len(asked) == 1


async def test_a_wrong_key_and_keys_and_hosts_from_files(sshd, tmp_path):
    async with sshd:
        with pytest.raises(sessile.RefusedError):
            await sshd.connect(client_keys=[sessile.Key.generate("ssh-ed25519")])
        (tmp_path / "known").write_text(sessile.KnownHosts.line("127.0.0.1", sshd.port, sshd.host_key))
        async with sshd.connect(client_keys=[tmp_path / "user"], known_hosts=tmp_path / "known") as connection:
            assert connection.ssh.user == USER


async def test_an_agent_signs(sshd, tmp_path):
    path = str(tmp_path / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(path):
            await asyncio.sleep(0.01)
        environment = {**os.environ, "SSH_AUTH_SOCK": path}
        subprocess.run(["ssh-add", "-q", str(tmp_path / "user")], check=True, env=environment)
        async with sshd, sshd.connect(client_keys=[], agent=path) as connection:
            assert (await connection.run("echo hello")).stdout == b"hello\n"
    finally:
        agent.terminate()
        agent.wait()


async def upper(reader, writer):
    writer.write((await reader.read()).upper())
    writer.close()
    await writer.wait_closed()


class Target:
    """A server that this machine has: it answers in capitals."""

    def __init__(self, path=None):
        self.path = path

    async def __aenter__(self):
        self.done = []

        async def handle(reader, writer):
            self.done.append(asyncio.current_task())
            await upper(reader, writer)

        if self.path:
            self.server = await asyncio.start_unix_server(handle, self.path)
        else:
            self.server = await asyncio.start_server(handle, "127.0.0.1", 0)
            self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.gather(*self.done)
        await self.server.wait_closed()


async def ask(reader, writer, data=b"quiet"):
    writer.write(data)
    writer.write_eof()
    assert await reader.read() == data.upper()
    writer.close()
    await writer.wait_closed()


async def test_connections_from_the_server(sshd, tmp_path):
    path = str(tmp_path / "target")
    async with Target() as target, Target(path), sshd, sshd.connect() as connection:
        reader, writer = await connection.open_connection("127.0.0.1", target.port)
        assert writer.get_extra_info("peername") == ("127.0.0.1", target.port)
        await ask(reader, writer)
        await ask(*await connection.open_unix_connection(path), BULK)
        with pytest.raises(sessile.RefusedError) as refused:
            await connection.open_connection("127.0.0.1", 1)
        assert refused.value.reason == 2


async def test_forwarding_in_all_directions(sshd, tmp_path):
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    async with Target() as target, Target(str(tmp_path / "target")) as unix, sshd, sshd.connect() as connection:
        async with await connection.forward_local("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
            await ask(*await asyncio.open_connection("127.0.0.1", listener.port), BULK)
        async with await connection.forward_local_unix(here, unix.path):
            await ask(*await asyncio.open_unix_connection(here))
        async with await connection.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
            await ask(*await asyncio.open_connection("127.0.0.1", listener.port), BULK)
        async with await connection.forward_remote_unix(there, unix.path):
            await ask(*await asyncio.open_unix_connection(there))
        async with await connection.forward_local("127.0.0.1", 0, "127.0.0.1", 1) as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        with pytest.raises(sessile.RefusedError):
            await connection.forward_remote("127.0.0.1", target.port, "127.0.0.1", 1)


async def test_a_jump_host(sshd):
    async with sshd, sshd.connect() as jump:
        async with sshd.connect(tunnel=jump) as connection:
            assert (await connection.run("cat", input=BULK)).stdout == BULK
        assert (await jump.run("echo still here")).stdout == b"still here\n"


async def test_timeouts_and_cancelling(sshd):
    connected = asyncio.Queue()

    class Silent(asyncio.Protocol):
        def connection_made(self, transport):
            connected.put_nowait(transport)

    silent = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(TimeoutError):
        await aio.connect("127.0.0.1", port, username=USER, login_timeout=0.05)
    await connected.get()
    connecting = asyncio.ensure_future(aio.connect("127.0.0.1", port, username=USER)._begin())
    await connected.get()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    silent.close()
    await silent.wait_closed()
    async with sshd, sshd.connect(keepalive_interval=0.3) as connection:
        running = asyncio.ensure_future(connection.run(LASTING))
        notice, answers = connection.session.on_notice, []
        connection.session.on_notice = lambda kind, data: (answers.append(kind), notice(kind, data))
        while answers.count(sessile.Notice.SSH_ALIVE) < 5:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await connection.run("echo on")).stdout == b"on\n"


async def test_a_connection_that_breaks_ends_everything_with_the_reason(sshd):
    async with sshd:
        connection = await sshd.connect()
        running = asyncio.ensure_future(connection.run(LASTING))
        process = await connection.create_process("cat")
        for each in sshd.processes:
            each.kill()
        connection.below.abort()
        with pytest.raises((sessile.PeerFaultError, OSError)):
            await running
        with pytest.raises((sessile.PeerFaultError, OSError)):
            await process.wait()
        await connection.wait_closed()
        assert connection.error is not None
        process.stdin.close()
