# SPDX-License-Identifier: Apache-2.0
"""What an application, an agent or a peer does wrong on asyncio is told at once, by its own name, to whoever waits."""

import asyncio
import os
import socket
import stat

import pytest
from loops import quiet, settle
from test_asyncio_ssh import Handler, connect, listen  # noqa: F401
from test_asyncio_sshd import Target

import sessile
import sessile.asyncio as aio
from sessile.asyncio import certificate


class Mistake(Exception):
    """The application's."""


def mistaken(*_):
    raise Mistake


async def mistaken_later(*_):
    await asyncio.sleep(0)
    raise Mistake


@pytest.mark.parametrize("call", [mistaken, mistaken_later])
@pytest.mark.parametrize("option", ["accept_host_key", "password", "prompts"])
async def test_what_the_application_raises_comes_out_of_connect(listen, connect, option, call):  # noqa: F811
    options = {"known_hosts": None} if option == "accept_host_key" else {}
    async with await listen() as server:
        with pytest.raises(Mistake):
            await connect(server, client_keys=[], **{option: call}, **options)


async def test_what_a_passphrase_prompt_raises_comes_out_of_connect(listen, connect, user_key, tmp_path):  # noqa: F811
    (tmp_path / "key").write_bytes(user_key.write(passphrase="secret", rounds=1))
    async with await listen() as server:
        with pytest.raises(Mistake):
            await connect(server, client_keys=[tmp_path / "key"], passphrase=mistaken_later)


@pytest.mark.parametrize("options", [
    {"username": "a\0b"}, {"username": "x" * 100_000}, {"host_key_alias": "a\0b"},
    {"config": sessile.SSHConfig(sessile.Role.SERVER)},
], ids=["zero", "long", "alias", "role"])
async def test_a_connect_that_cannot_begin_says_why(listen, connect, options):  # noqa: F811
    async with await listen() as server:
        with pytest.raises((sessile.Error, ValueError)) as caught:
            await connect(server, **options)
        assert not isinstance(caught.value, (sessile.AbortedError, sessile.ClosedError))


@pytest.mark.parametrize("name", ["a\0b", "x" * 100_000], ids=["zero", "long"])
async def test_tls_that_cannot_begin_says_why(name):
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((sessile.Error, ValueError)) as caught:
            await aio.open_connection("127.0.0.1", port, ssl=sessile.TLSConfig(sessile.Role.CLIENT),
                                      server_hostname=name)
        assert not isinstance(caught.value, (sessile.AbortedError, sessile.ClosedError))


class Recorder(asyncio.Protocol):
    def __init__(self):
        self.calls = []

    def connection_made(self, transport):
        self.calls.append("made")

    def data_received(self, data):
        self.calls.append(data)

    def eof_received(self):
        self.calls.append("eof")

    def connection_lost(self, exc):
        self.calls.append("lost")


class Early(aio.SSHServerConnection):
    """Sends, and ends, right behind its confirmation."""

    def _channel(self, question):
        def take(channel):
            channel.on_data = lambda _: None
            channel.write(b"early")
            channel.end()

        self.take_channel(question, take)


async def test_a_protocol_has_its_transport_before_its_data(listen, connect, monkeypatch):  # noqa: F811
    monkeypatch.setattr(aio.SSHServerConnection, "_channel", Early._channel)
    async with await listen() as server, connect(server) as client:
        transport, recorder = await client.create_connection(Recorder, "host", 1)
        assert await settle(lambda: "eof" in recorder.calls)
        assert recorder.calls[:3] == ["made", b"early", "eof"]
        transport.abort()


async def test_a_protocol_that_is_refused_hears_nothing(listen, connect):  # noqa: F811
    recorder = Recorder()
    async with await listen() as server, connect(server) as client:
        with pytest.raises(sessile.RefusedError):
            await client.create_connection(lambda: recorder, "elsewhere", 1)
    assert recorder.calls == []


async def test_a_request_of_the_callers_own_leaves_the_connection_alone(listen, connect):  # noqa: F811
    async with await listen() as server, connect(server) as client:
        async with await client.create_process("cat") as process:
            replied, plain = asyncio.Event(), process.channel.on_reply
            process.channel.on_reply = lambda accepted: (replied.set(), plain(accepted))
            process.channel.request_env("TEST_A", "b")
            await replied.wait()
            process.stdin.write(b"on")
            assert await process.stdout.readexactly(2) == b"on"


async def test_stderr_that_nobody_reads_holds_the_server_back(listen, connect):  # noqa: F811
    finished = asyncio.Event()

    async def talk(process):
        for _ in range(200):
            process.stderr.write(bytes(200_000))
            await process.stderr.drain()
        finished.set()

    async with await listen(process_factory=talk) as server, connect(server) as client:
        async with await client.create_process("talk") as process:
            while not process.stderr._buffer:
                await asyncio.sleep(0)
            assert await quiet(lambda: len(process.stderr._buffer)) < 10_000_000 and not finished.is_set()
            assert len(await process.stderr.read()) == 40_000_000 and finished.is_set()


def late_channels(told):
    """A server's connection that uses a forwarding once more when it is being cancelled."""
    original = aio.SSHServerConnection._forward

    async def forward(self, question):
        if question.type.startswith("cancel-"):
            path = question.text(sessile.Item.PATH)
            channel = (self.ssh.open_forwarded_unix(path) if path else
                       self.ssh.open_forwarded_tcp(question.host, question.port, "127.0.0.1", 1))
            channel.on_data = lambda _: None
            channel.on_open = lambda: told.append("open")
            channel.on_closed = told.append
        await original(self, question)

    return forward


async def test_what_is_cancelled_is_forwarded_no_more(listen, connect, monkeypatch, tmp_path):  # noqa: F811
    told = []
    monkeypatch.setattr(aio.SSHServerConnection, "_forward", late_channels(told))
    async with Target() as target, await listen() as server, connect(server) as client:
        await client.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port)  # Goes on.
        for listener in (await client.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port),
                         await client.forward_remote_unix(str(tmp_path / "socket"), "/nowhere")):
            listener.close()
            assert await settle(lambda: told, 10_000)
            error = told.pop()
            assert isinstance(error, sessile.RefusedError) and error.reason == 1 and not told
        assert not target.done


class Changing(Handler):
    """Old passwords have to be changed."""

    changed = []

    async def password(self, user, password):
        return (user, password) == ("alice", "old")


class MayChange(Changing):
    async def change_password(self, user, password, new):
        self.changed.append((user, password, new))
        return True


def change_password(self, connection, question):
    """A client that shows its old password once, and then the new one as it is asked to."""
    if question.kind is sessile.QuestionKind.SSH_AUTHENTICATE and not self._shown:
        self._shown["password"] += 1
        question.accept(method="password", password="old")
    elif question.kind is sessile.QuestionKind.SSH_AUTHENTICATE:
        question.refuse()
    elif question.kind is sessile.QuestionKind.SSH_PASSWORD_CHANGE:
        question.accept(password="old", new_password="new")
    else:
        question.accept()


@pytest.mark.parametrize("handler, allowed", [(Changing, False), (MayChange, True)])
async def test_a_change_of_password_is_no_login(listen, connect, monkeypatch, handler, allowed):  # noqa: F811
    asked, original = [], aio.SSHServerConnection._user

    async def expired(self, question):
        if question.method == "password" and not asked:
            asked.append(question.put(sessile.Item.PROMPT, "it has expired"))
            question.refuse()
        else:
            await original(self, question)

    monkeypatch.setattr(aio.SSHServerConnection, "_user", expired)
    monkeypatch.setattr("sessile.asyncio.auth.Answers.question", change_password)
    async with await listen(handler=handler) as server:
        if allowed:
            async with connect(server, client_keys=[]):
                assert Changing.changed == [("alice", "old", "new")]
        else:
            with pytest.raises(sessile.RefusedError):
                await connect(server, client_keys=[])
            assert Changing.changed == []
    Changing.changed.clear()


async def forwarded(client, kind, path):
    """Have a Unix socket listen: here, or the server."""
    if kind == "local":
        return await client.forward_local_unix(path, "/nowhere")
    return await client.forward_remote_unix(path, "/nowhere")


@pytest.mark.parametrize("kind", ["local", "remote"])
async def test_unix_sockets_are_private_and_take_nobodys_place(listen, connect, tmp_path, kind):  # noqa: F811
    path = str(tmp_path / "socket")
    async with await listen() as server, connect(server) as client:
        listener = await forwarded(client, kind, path)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with pytest.raises((OSError, sessile.RefusedError, sessile.ArgumentError)):
            await forwarded(client, kind, path)
        listener.close()
        assert await settle(lambda: not os.path.exists(path), 10_000)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            with pytest.raises((OSError, sessile.RefusedError, sessile.ArgumentError)):
                await forwarded(client, kind, path)
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(path)
        assert os.path.exists(path)


async def test_a_unix_socket_in_its_place_stays(listen, connect, tmp_path):  # noqa: F811
    path = str(tmp_path / "socket")
    async with await listen() as server, connect(server) as client:
        async with await client.forward_local_unix(path, "/nowhere"):
            os.unlink(path)
            (tmp_path / "socket").write_text("another")
        assert (tmp_path / "socket").read_text() == "another"


async def test_the_unix_sockets_of_a_connection_go_with_it(listen, connect, tmp_path):  # noqa: F811
    path = str(tmp_path / "socket")
    async with await listen() as server:
        async with connect(server) as client:
            await client.forward_remote_unix(path, "/nowhere")
            assert os.path.exists(path)
        assert await settle(lambda: not os.path.exists(path), 10_000)


async def test_an_agent_that_never_answers_is_told_of(listen, connect, tmp_path):  # noqa: F811
    path = str(tmp_path / "agent")
    agent = await asyncio.get_running_loop().create_unix_server(asyncio.Protocol, path)
    async with await listen() as server:
        with pytest.raises(TimeoutError, match="the agent has not answered within 0.05 seconds"):
            await connect(server, agent=path, connect_timeout=0.05)
    agent.close()
    await agent.wait_closed()


async def test_stderr_that_drains_often_keeps_nothing(listen, connect):  # noqa: F811
    counts = []

    async def many(process):
        before = len(process._transport.closed._callbacks)
        for _ in range(50):
            process.stderr.write(bytes(200_000))
            await process.stderr.drain()
        counts.append(len(process._transport.closed._callbacks) - before)

    async with await listen(process_factory=many) as server, connect(server) as client:
        assert len((await client.run("many")).stderr) == 10_000_000
    assert counts and counts[0] <= 1


@pytest.mark.parametrize("option", [asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT])
async def test_standard_error_is_no_part_of_a_wire(option):
    with pytest.raises(ValueError, match="stderr"):
        await aio.connect_process(Recorder, "cat", stderr=option)


@pytest.mark.parametrize("der", [
    b"", b"\x30", b"\x30\x00", b"\x30\x02\x30\x00", b"\x30\x82", b"\x30\x06\x30\x04\xa0\x00\x02\x00",
    bytes.fromhex("301430123010a0030201020201013000300030003000"),
])
def test_a_certificate_that_cannot_be_read_is_a_value_error(der):
    with pytest.raises(ValueError):
        certificate.decode(der)


def test_alternative_names_that_are_empty():
    with pytest.raises(ValueError, match="empty"):
        certificate._alternatives(bytes.fromhex("300930070603551d110400"))
