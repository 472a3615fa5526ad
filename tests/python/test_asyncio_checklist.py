# SPDX-License-Identifier: Apache-2.0
"""What asyncio's and uvloop's own TLS are known to get wrong at times: ends of every kind, pauses, upgrades."""

import asyncio
import socket
import sys

import pytest
from loops import quiet
from test_asyncio_tls import (  # noqa: F401
    BULK,
    Buffered,
    Recorder,
    Serving,
    client,
    close,
    echo,
    server,
    ssl_client,
    ssl_server,
)

import sessile
import sessile.asyncio as aio

NAME = "server.test"
GONE = (OSError, sessile.Error)


class Half(Recorder):
    """A protocol that stays open when the peer has ended."""

    def eof_received(self):
        super().eof_received()
        return True


async def pair(client, server, near=Recorder, far=Recorder, **options):  # noqa: F811
    """Two protocols that are connected, and the listener between them, which is closed."""
    loop = asyncio.get_running_loop()
    accepted = loop.create_future()

    def factory():
        protocol = far()
        plain = protocol.connection_made

        def made(transport):
            plain(transport)
            protocol.transport = transport
            accepted.set_result(protocol)

        protocol.connection_made = made
        return protocol

    listener = await aio.create_server(factory, "127.0.0.1", 0, ssl=server, **options)
    port = listener.sockets[0].getsockname()[1]
    transport, protocol = await aio.create_connection(near, "127.0.0.1", port, ssl=client, server_hostname=NAME,
                                                      **options)
    protocol.transport = transport
    listener.close()
    return protocol, await accepted


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


async def test_half_close_both_ways(client, server):  # noqa: F811
    near, far = await pair(client, server, Half, Half)
    near.transport.write_eof()
    await until(lambda: "eof" in far.events)
    far.transport.write(BULK)
    await until(lambda: len(near.data) == len(BULK))
    assert near.events == ["made"]
    far.transport.write_eof()
    far.transport.write_eof()
    assert await near.lost is None and await far.lost is None
    assert near.events == ["made", "eof", "lost"] and far.events[-1] == "lost"


async def test_a_write_after_close_is_dropped_and_one_after_the_end_too(client, server):  # noqa: F811
    near, far = await pair(client, server)
    near.transport.write(b"before")
    near.transport.close()
    near.transport.close()
    near.transport.write(b"after")
    assert await near.lost is None and await far.lost is None and far.data == b"before"
    near.transport.write(b"late")
    near.transport.close()
    near.transport.abort()
    await asyncio.sleep(0)
    assert near.events.count("lost") == far.events.count("lost") == 1


async def test_closing_while_reading_is_paused(client, server):  # noqa: F811
    near, far = await pair(client, server)
    near.transport.pause_reading()
    far.transport.write(4 * BULK)
    await until(lambda: "pause" in far.events)
    near.transport.write(b"last words")
    near.transport.close()
    assert await near.lost is None and not near.data
    await far.lost
    assert far.data == b"last words"


async def test_the_peer_closes_while_reading_is_paused(client, server):  # noqa: F811
    near, far = await pair(client, server)
    near.transport.pause_reading()
    far.transport.write(b"trailing data")
    far.transport.close()
    assert "lost" not in await quiet(lambda: list(near.events))
    near.transport.resume_reading()
    assert await near.lost is None and near.data == b"trailing data" and near.events[-2:] == ["eof", "lost"]
    assert await far.lost is None


async def test_data_behind_our_goodbye_is_taken_and_dropped(client, ssl_server):  # noqa: F811
    """The peer writes on when we have closed: that is no error of anybody's."""
    async def talkative(reader, writer):
        writer.write(BULK)
        assert await reader.read() == b"x"
        writer.write(BULK)

    async with Serving(talkative, ssl_server, asyncio.start_server) as serving:
        reader, writer = await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname=NAME)
        writer.write(b"x")
        await close(writer)


async def test_pausing_reaches_the_peer_and_memory_is_bounded(client, server):  # noqa: F811
    near, far = await pair(client, server)
    near.transport.pause_reading()
    written = 0
    for _ in range(200):
        if "pause" in far.events and far.events[-1] == "pause":
            if await quiet(lambda: far.events[-1]) == "pause":
                break
        far.transport.write(BULK[:500_000])
        written += 500_000
        await asyncio.sleep(0)
    assert written < 100_000_000, "the peer was never stopped"
    kept = sum(len(piece) for piece in near.transport._unread)
    assert kept < 2_000_000, kept
    near.transport.resume_reading()
    await until(lambda: len(near.data) == written)
    assert far.events[-1] == "resume"
    near.transport.close()
    await asyncio.gather(near.lost, far.lost)


async def test_the_marks_of_the_write_buffer_pause_and_resume(client, server):  # noqa: F811
    near, far = await pair(client, server)
    far.transport.pause_reading()
    near.transport.set_write_buffer_limits(high=10, low=5)
    assert near.transport.get_write_buffer_limits() == (5, 10)
    with pytest.raises(ValueError):
        near.transport.set_write_buffer_limits(high=1, low=2)
    while near.events[-1] != "pause":
        near.transport.write(BULK)
        await asyncio.sleep(0)
    assert near.events == ["made", "pause"]
    far.transport.resume_reading()
    await until(lambda: near.events[-1] == "resume")
    assert near.transport.get_write_buffer_size() <= 5
    near.transport.set_write_buffer_limits()
    assert near.transport.get_write_buffer_limits() == (16384, 65536)
    near.transport.abort()
    assert await near.lost is None
    assert isinstance(await far.lost, GONE)


async def test_aborting_tells_each_side_once(client, server):  # noqa: F811
    near, far = await pair(client, server)
    near.transport.write(BULK)
    near.transport.abort()
    near.transport.abort()
    assert await near.lost is None and isinstance(await far.lost, GONE)
    assert near.events.count("lost") == far.events.count("lost") == 1 and near.transport.is_closing()


async def test_a_protocol_can_be_switched(client, server):  # noqa: F811
    near, far = await pair(client, server)
    far.transport.write(b"one")
    await until(lambda: near.data == b"one")
    buffered = Buffered()
    near.transport.set_protocol(buffered)
    far.transport.write(BULK)
    await until(lambda: len(buffered.data) == len(BULK))
    assert buffered.data == BULK and near.data == b"one"
    far.transport.close()
    assert await buffered.lost is None and await far.lost is None and "lost" not in near.events


async def test_buffered_protocols_on_both_sides(client, server):  # noqa: F811
    near, far = await pair(client, server, Buffered, Buffered)
    near.transport.write(BULK)
    await until(lambda: far.data == BULK)
    near.transport.close()
    assert await near.lost is None and await far.lost is None


@pytest.mark.parametrize("bad", ["empty", "raise"])
async def test_a_buffered_protocol_that_gives_no_room(client, server, trouble, bad):  # noqa: F811
    class Bad(Buffered):
        def get_buffer(self, sizehint):
            if bad == "raise":
                raise ValueError("no")
            return bytearray()

    near, far = await pair(client, server, Bad)
    far.transport.write(b"x")
    assert isinstance(await near.lost, sessile.AbortedError) and isinstance(await far.lost, GONE)
    assert isinstance(trouble.pop()["exception"], ValueError if bad == "raise" else RuntimeError)


# ---- Handshakes that come to nothing ----


@pytest.mark.parametrize("how", ["close", "abort", "half"])
async def test_the_peer_goes_in_the_handshake(client, how):  # noqa: F811
    async def go(reader, writer):
        if how == "half":
            writer.write_eof()
            await reader.read()
        else:
            await reader.read(10)
            writer.transport.abort() if how == "abort" else None

    async with Serving(go, None, asyncio.start_server) as serving:
        with pytest.raises(GONE):
            await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname=NAME)


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n"])
async def test_a_server_forgets_clients_that_do_not_shake_hands(server, data):  # noqa: F811
    made = []
    listener = await aio.create_server(lambda: made.append(Recorder()) or made[-1], "127.0.0.1", 0, ssl=server,
                                       ssl_handshake_timeout=0.1)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    writer.write(data)
    try:
        await reader.read()
    except ConnectionResetError:
        pass
    await close(writer)
    assert made[0].events == []
    listener.close()
    await listener.wait_closed()


async def test_a_refused_connection(client):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await aio.open_connection("127.0.0.1", port, ssl=client, server_hostname=NAME)


async def test_closing_is_bounded_on_a_server_too(ssl_client, server):  # noqa: F811
    async with Serving(lambda reader, _: reader.read(1), server, ssl_shutdown_timeout=0.1) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port, ssl=ssl_client, server_hostname=NAME)
        writer.transport.pause_reading()
        writer.write(b"x")
        await asyncio.wait_for(asyncio.gather(*serving.tasks), 5)
        writer.transport.abort()


# ---- Servers ----


async def test_a_server_takes_sockets_and_options(client, server):  # noqa: F811
    listening = socket.create_server(("127.0.0.1", 0))
    async with Serving(echo, server) as serving:
        assert serving.port
    listener = await aio.start_server(echo_and_close, sock=listening, ssl=server, backlog=5, start_serving=False)
    assert not listener.is_serving()
    await listener.start_serving()
    mine = socket.create_connection(listening.getsockname())
    mine.setblocking(False)
    reader, writer = await aio.open_connection(sock=mine, ssl=client, server_hostname=NAME)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    await close(writer)
    listener.close()
    await listener.wait_closed()
    reused = await aio.start_server(echo_and_close, "127.0.0.1", 0, ssl=server, reuse_port=True)
    again = await aio.start_server(echo_and_close, *reused.sockets[0].getsockname(), ssl=server, reuse_port=True)
    for each in (reused, again):
        each.close()
        await each.wait_closed()


async def echo_and_close(reader, writer):
    await echo(reader, writer)
    await close(writer)


async def test_a_server_that_closes_leaves_its_connections(client, server):  # noqa: F811
    async with Serving(echo, server) as serving:
        reader, writer = await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname=NAME)
        serving.server.close()
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", serving.port)
        await close(writer)


# ---- Upgrades ----


@pytest.mark.parametrize("kinds", ["ours", "ssl client", "ssl server"])
async def test_start_tls_with_data_right_behind(client, server, ssl_client, ssl_server, kinds):  # noqa: F811
    """Each side writes as soon as it may."""
    async def upgrade(reader, writer):
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(b"go ahead\r\n")
        if kinds == "ssl server":
            await start_ssl(writer, ssl_server, server_side=True)
        else:
            kept.append(writer)
            reader, writer = await aio.start_tls_streams(reader, writer, server, server_side=True)
        writer.write(b"first of all\n")
        assert await reader.readexactly(len(BULK)) == BULK
        writer.write(b"got it")
        await writer.drain()
        await close(writer)

    kept = []
    async with Serving(upgrade, None, asyncio.start_server) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(b"STARTTLS\r\n")
        assert await reader.readline() == b"go ahead\r\n"
        if kinds == "ssl client":
            await start_ssl(writer, ssl_client, server_hostname=NAME)
        else:
            kept.append(writer)
            reader, writer = await aio.start_tls_streams(reader, writer, client, server_hostname=NAME)
        writer.write(BULK)
        assert await reader.readexactly(19) == b"first of all\ngot it"
        await close(writer)


async def start_ssl(writer, context, **options):
    """What StreamWriter.start_tls does, which Python 3.10 does not have."""
    loop, protocol = asyncio.get_running_loop(), writer.transport.get_protocol()
    await writer.drain()
    transport = await loop.start_tls(writer.transport, protocol, context, **options)
    protocol._transport = writer._transport = protocol._stream_reader._transport = transport
    protocol._over_ssl = True


async def test_start_tls_on_a_connection_that_is_closed(client):  # noqa: F811
    async with Serving(lambda reader, _: reader.read(), None, asyncio.start_server) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.close()
        with pytest.raises(ConnectionResetError):
            await aio.start_tls_streams(reader, writer, client, server_hostname=NAME)
        await writer.wait_closed()


async def test_start_tls_behind_the_peers_end(client):  # noqa: F811
    async with Serving(lambda reader, writer: writer.write_eof() or reader.read(), None,
                       asyncio.start_server) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        assert await reader.read() == b""
        with pytest.raises(sessile.TruncatedError):
            await aio.start_tls_streams(reader, writer, client, server_hostname=NAME)
        writer.close()
        await writer.wait_closed()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@pytest.mark.loops("asyncio")
async def test_eager_tasks(client, server, host_key, user_key):  # noqa: F811
    from test_asyncio_ssh import Handler, run

    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with Serving(echo, server) as serving:
        reader, writer = await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname=NAME)
        writer.write(b"eager")
        assert await reader.readexactly(5) == b"eager"
        await close(writer)
    Handler.keys = [user_key]
    async with await aio.listen("127.0.0.1", 0, handler=Handler, process_factory=run,
                                server_host_keys=[host_key]) as serving:
        known = sessile.KnownHosts(sessile.KnownHosts.line("127.0.0.1", serving.port, host_key))
        async with aio.connect("127.0.0.1", serving.port, username="alice", known_hosts=known,
                               client_keys=[user_key]) as connection:
            assert (await connection.run("cat", input=BULK)).stdout == BULK
            assert (await connection.run("both 10")).exit_status == 7
            async with await connection.create_process("wait") as process:
                assert await process.stdout.readexactly(7) == b"waiting"
                process.terminate()
                assert await process.wait() == -15
