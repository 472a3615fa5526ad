# SPDX-License-Identifier: Apache-2.0
"""TLS on asyncio, against itself and against the module ssl in both roles."""

import asyncio
import ssl
import subprocess

import pytest
from loops import quiet

import sessile
import sessile.asyncio as aio

TAKEN = object()
BULK = bytes(range(256)) * 8192


@pytest.fixture
def client(identity):
    return sessile.TLSConfig.client(trust=identity.certificate)


@pytest.fixture
def server(identity):
    return sessile.TLSConfig.server(identity.certificate, identity.key)


@pytest.fixture
def ssl_client(identity):
    return ssl.create_default_context(cafile=str(identity.certificate_file))


@pytest.fixture
def ssl_server(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    return context


async def close(writer):
    writer.close()
    await writer.wait_closed()


class Serving:
    """A server on loopback whose handlers are waited for; what they raise is raised here."""

    def __init__(self, handler, config, start=aio.start_server, **options):
        self.handler, self.start, self.options = handler, start, {"ssl": config, **options}
        self.tasks = []

    async def __aenter__(self):
        self.server = await self.start(self.connected, "127.0.0.1", 0, **self.options)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def connected(self, reader, writer):
        self.tasks.append(asyncio.ensure_future(self.handle(reader, writer)))

    async def handle(self, reader, writer):
        """A handler that returns TAKEN has passed its transport on to another protocol."""
        taken = None
        try:
            taken = await self.handler(reader, writer)
        finally:
            if taken is TAKEN:
                return
            writer.close()
            try:
                await writer.wait_closed()
            except (OSError, sessile.Error):
                pass

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.gather(*self.tasks)
        await self.server.wait_closed()


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def talk(reader, writer, data=BULK):
    """Send and receive at once, half close, and expect everything back, then the end."""

    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.ensure_future(send())
    assert await reader.read() == data
    await sending
    await close(writer)


async def test_streams_carry_bulk_both_ways_and_half_close(client, server):
    async with Serving(echo, server) as serving:
        await talk(*await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test"))


async def test_a_client_of_the_module_ssl(ssl_client, server):
    async def answer(reader, writer):
        writer.write(await reader.readexactly(len(BULK)))

    async with Serving(answer, server) as serving:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", serving.port, ssl=ssl_client, server_hostname="server.test")
        writer.write(BULK)
        assert await reader.readexactly(len(BULK)) == BULK
        assert await reader.read() == b""
        await close(writer)


async def test_a_server_of_the_module_ssl(client, ssl_server):
    async with Serving(echo, ssl_server, asyncio.start_server) as serving:
        reader, writer = await aio.open_connection(
            "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        writer.write(BULK)
        assert await reader.readexactly(len(BULK)) == BULK
        await close(writer)


async def test_the_extra_information_is_in_the_terms_of_ssl(client, server, ssl_client, identity):
    async with Serving(echo, server) as serving:
        theirs = await asyncio.open_connection("127.0.0.1", serving.port, ssl=ssl_client, server_hostname="server.test")
        mine = await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        told, expected = (each[1].get_extra_info for each in (mine, theirs))
        for name in ("peercert", "cipher", "compression"):
            assert told(name) == expected(name), name
        assert told("peername") == ("127.0.0.1", serving.port) and told("sockname") and told("socket")
        assert told("sslcontext") is client and told("nonsense", 3) == 3
        info, model = told("ssl_object"), expected("ssl_object")
        assert info.getpeercert(True) == model.getpeercert(True) and info.version() == model.version()
        assert info.server_hostname == "server.test" and info.selected_alpn_protocol() is None
        for _, writer in (mine, theirs):
            await close(writer)


def test_certificates_read_as_the_module_ssl_reads_them(tmp_path):
    from sessile.asyncio.certificate import decode

    san = "DNS:a.test,DNS:*.b.test,IP:10.0.0.1,IP:2001:db8::1,email:x@y.test,URI:https://a.test/"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "20000", "-utf8", "-subj", "/C=DE/O=Österreich & Söhne/CN=a.test/emailAddress=x@y.test",
                    "-addext", f"subjectAltName={san}", "-addext", "keyUsage=digitalSignature", "-keyout",
                    tmp_path / "key", "-out", tmp_path / "crt"], check=True, capture_output=True)
    expected = ssl._ssl._test_decode_cert(str(tmp_path / "crt"))
    assert decode(ssl.PEM_cert_to_DER_cert((tmp_path / "crt").read_text())) == expected


@pytest.mark.parametrize("name", ["other.test", None])
async def test_a_server_that_is_not_who_it_must_be(client, server, name):
    config = client if name else sessile.TLSConfig.client()
    async with Serving(echo, server) as serving:
        with pytest.raises(sessile.VerificationError):
            await aio.open_connection("127.0.0.1", serving.port, ssl=config, server_hostname=name or "server.test")
        assert serving.tasks == []


async def test_a_peer_that_speaks_no_tls_and_one_that_says_nothing(client):
    async def babble(reader, writer):
        writer.write(b"220 hello\r\n")
        await reader.read()

    async with Serving(babble, None, asyncio.start_server) as serving:
        with pytest.raises(sessile.ProtocolError):
            await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test")

    async with Serving(lambda reader, _: reader.read(), None, asyncio.start_server) as serving:
        with pytest.raises(ConnectionAbortedError):
            await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test",
                                      ssl_handshake_timeout=0.05)


async def test_a_client_that_is_refused_leaves_the_server_going(client, server):
    async with Serving(echo, server) as serving:
        _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await close(writer)
        await talk(*await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test"),
                   data=b"x")


async def test_cancelling_a_handshake_closes_the_connection(client):
    gone = asyncio.Event()

    async def silent(reader, writer):
        await reader.read(1)
        try:
            await reader.read()
        except ConnectionError:
            pass
        gone.set()

    async with Serving(silent, None, asyncio.start_server) as serving:
        connecting = asyncio.ensure_future(
            aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test"))
        while not serving.tasks:
            await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await gone.wait()


@pytest.mark.parametrize("turns", range(12))
async def test_connecting_can_be_cancelled_at_any_moment(client, server, turns):
    async def until_end(reader, writer):
        try:
            await reader.read()
        except (OSError, sessile.Error):
            pass

    async with Serving(until_end, server) as serving:
        connecting = asyncio.ensure_future(
            aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test"))
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        result, = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(result, tuple):
            result[1].transport.abort()
        for _ in range(10):
            await asyncio.sleep(0)


async def test_a_reader_that_does_not_read_stops_the_writer_and_loses_nothing(client, server):
    read = asyncio.Event()

    async def slow(reader, writer):
        await read.wait()
        assert await reader.read() == 16 * BULK

    async with Serving(slow, server) as serving:
        reader, writer = await aio.open_connection(
            "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")

        async def send():
            for _ in range(16):
                writer.write(BULK)
                await writer.drain()
            writer.write_eof()

        sending = asyncio.ensure_future(send())
        await quiet(lambda: (sending.done(), writer.transport.get_write_buffer_size()))
        assert not sending.done(), "the peer's credit has no end"
        # What is kept is bounded: one write, and the marks.
        assert writer.transport.get_write_buffer_size() <= len(BULK) + 65536
        read.set()
        await sending
        assert await reader.read() == b""
        await close(writer)


async def test_close_sends_what_was_written_and_drops_what_arrives(client, server):
    got = []

    async def collect(reader, writer):
        writer.write(BULK)
        got.append(await reader.read())

    async with Serving(collect, server) as serving:
        _, writer = await aio.open_connection(
            "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        writer.write(BULK)
        await close(writer)
    assert got == [BULK]


async def test_a_peer_that_does_not_say_goodbye_is_not_waited_for_for_ever(client, ssl_server):
    stay = asyncio.Event()

    async def deaf(reader, writer):
        writer.transport.pause_reading()
        await stay.wait()
        writer.transport.abort()

    async with Serving(deaf, ssl_server, asyncio.start_server) as serving:
        _, writer = await aio.open_connection("127.0.0.1", serving.port, ssl=client, server_hostname="server.test",
                                              ssl_shutdown_timeout=0.1)
        await close(writer)
        stay.set()


async def test_an_end_without_goodbye_is_an_error(client, server):
    async def cut(reader, writer):
        writer.write(b"half of it")
        await writer.drain()
        writer.transport.abort()

    async with Serving(cut, server) as serving:
        reader, writer = await aio.open_connection(
            "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        with pytest.raises((sessile.TruncatedError, ConnectionResetError)):
            await reader.read()
        writer.close()
        with pytest.raises((sessile.TruncatedError, ConnectionResetError)):
            await writer.wait_closed()


class Recorder(asyncio.Protocol):
    def __init__(self, fail=False):
        self.events, self.data, self.fail = [], bytearray(), fail
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.events.append("made")

    def data_received(self, data):
        if self.fail:
            raise ValueError("an application's mistake")
        self.data += data

    def eof_received(self):
        self.events.append("eof")

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, error):
        self.events.append("lost")
        self.lost.set_result(error)


class Buffered(asyncio.BufferedProtocol):
    """A protocol that brings a small buffer of its own."""

    def __init__(self):
        self.buffer, self.data = bytearray(1000), bytearray()
        self.lost = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, size):
        self.data += self.buffer[:size]

    def connection_lost(self, error):
        self.lost.set_result(error)


async def test_protocols_are_called_in_asyncios_order(client, server):
    servers = []

    def factory():
        servers.append(Buffered())
        return servers[-1]

    listener = await aio.create_server(factory, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    transport, protocol = await aio.create_connection(Recorder, "127.0.0.1", port, ssl=client,
                                                      server_hostname="server.test")
    assert protocol.transport is transport and transport.get_protocol() is protocol and transport.is_reading()
    assert transport.get_write_buffer_limits() == (16384, 65536) and transport.can_write_eof()
    transport.writelines([b"one ", bytearray(b"two "), memoryview(b"three")])
    transport.write(10 * BULK)
    transport.write_eof()
    with pytest.raises(RuntimeError):
        transport.write(b"more")
    with pytest.raises(TypeError):
        transport.write("text")
    assert await protocol.lost is None
    assert protocol.events[0] == "made" and protocol.events[-2:] == ["eof", "lost"] and transport.is_closing()
    pauses = [event for event in protocol.events if event in ("pause", "resume")]
    assert pauses[:2] == ["pause", "resume"]
    assert servers[0].data == b"one two three" + 10 * BULK and await servers[0].lost is None
    listener.close()
    await listener.wait_closed()


async def test_a_protocol_that_raises_loses_its_connection(client, server, trouble):
    async with Serving(echo, server) as serving:
        transport, protocol = await aio.create_connection(
            lambda: Recorder(fail=True), "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        transport.write(b"x")
        assert isinstance(await protocol.lost, sessile.AbortedError)
        with pytest.raises((OSError, sessile.Error)):
            await serving.tasks.pop()
    context, = trouble
    assert isinstance(context["exception"], ValueError)
    trouble.clear()


async def test_pause_reading_delivers_nothing_and_keeps_the_order(client, server):
    async def send(reader, writer):
        for number in range(100):
            writer.write(b"%04d" % number)
            await writer.drain()

    async with Serving(send, server) as serving:
        transport, protocol = await aio.create_connection(
            Recorder, "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        transport.pause_reading()
        assert not transport.is_reading()
        held = len(protocol.data)
        assert await quiet(lambda: (len(protocol.data), "lost" in protocol.events)) == (held, False)
        transport.resume_reading()
        assert await protocol.lost is None
        assert protocol.data == b"".join(b"%04d" % number for number in range(100))


async def test_start_tls_in_the_middle_loses_no_byte(client, server):
    async def upgrade(reader, writer):
        assert await reader.readline() == b"STARTTLS\r\n"
        while not reader._buffer:  # The client's hello.
            await asyncio.sleep(0)
        writer.write(b"go ahead\r\n")
        reader, writer = await aio.start_tls_streams(reader, writer, server, server_side=True)
        await echo(reader, writer)
        writer.close()
        await writer.wait_closed()

    async with Serving(upgrade, None, asyncio.start_server) as serving:
        _, plain = await asyncio.open_connection("127.0.0.1", serving.port)
        plain.write(b"STARTTLS\r\n")
        # The client does not wait for the answer: its hello comes right behind the command.
        await talk(*await first_line_then_tls(plain.transport, client))


async def first_line_then_tls(transport, config):
    """A client whose hello is on its way before the plain answer is."""
    line = bytearray()

    class Skipping(aio.tls.TLSWire):
        room = bytearray(65536)

        def get_buffer(self, sizehint):
            return self.room

        def buffer_updated(self, size):
            arrived = bytes(self.room[:size])
            end = 0 if line.endswith(b"\n") else arrived.find(b"\n") + 1 or size
            line.extend(arrived[:end])
            self.data_received(arrived[end:])

    loop = asyncio.get_running_loop()
    fresh = asyncio.StreamReader()
    protocol = aio.endpoints.StreamProtocol(fresh)
    wire = Skipping(loop, protocol, config, server_hostname="server.test", ready=loop.create_future())
    transport.set_protocol(wire)
    wire.connection_made(transport)
    await wire.ready
    assert line == b"go ahead\r\n"
    return fresh, asyncio.StreamWriter(wire.transport, protocol, fresh, loop)


@pytest.mark.parametrize("outer", ["ours", "ssl"])
async def test_tls_in_tls(client, server, ssl_client, outer):
    async def inner(reader, writer):
        reader, writer = await aio.start_tls_streams(reader, writer, server, server_side=True)
        await echo(reader, writer)
        await close(writer)

    async with Serving(inner, server) as serving:
        start, config = (aio.open_connection, client) if outer == "ours" else (asyncio.open_connection, ssl_client)
        reader, writer = await start("127.0.0.1", serving.port, ssl=config, server_hostname="server.test")
        await talk(*await aio.start_tls_streams(reader, writer, client, server_hostname="server.test"))


@pytest.mark.loops("asyncio")  # uvloop's start_tls is for its own transports only.
async def test_the_loops_start_tls_over_our_transport(client, ssl_client, server, ssl_server):
    async def inner(reader, writer):
        loop = asyncio.get_running_loop()
        protocol = Recorder()
        transport = await loop.start_tls(writer.transport, protocol, ssl_server, server_side=True)
        while protocol.data != b"ping":
            await asyncio.sleep(0)
        transport.write(b"pong")
        transport.close()
        await protocol.lost
        return TAKEN

    async with Serving(inner, server) as serving:
        reader, writer = await aio.open_connection(
            "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
        protocol = Recorder()
        transport = await asyncio.get_running_loop().start_tls(
            writer.transport, protocol, ssl_client, server_hostname="server.test")
        transport.write(b"ping")
        await protocol.lost
        assert protocol.data == b"pong"
        transport.close()


async def test_unix_sockets(client, server, tmp_path):
    done = asyncio.Event()

    async def handle(reader, writer):
        await echo(reader, writer)
        await close(writer)
        done.set()

    listener = await aio.start_unix_server(handle, str(tmp_path / "s"), ssl=server)
    await talk(*await aio.open_unix_connection(str(tmp_path / "s"), ssl=client, server_hostname="server.test"))
    await done.wait()
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize("bad", [0, -1])
async def test_timeouts_must_be_positive(client, bad):
    with pytest.raises(ValueError):
        await aio.open_connection("127.0.0.1", 1, ssl=client, ssl_handshake_timeout=bad)
