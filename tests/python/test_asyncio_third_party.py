# SPDX-License-Identifier: Apache-2.0
"""Protocols that others have written for asyncio, unchanged over our transports: h11, aiohttp and websockets; and ours
over theirs: sessions through a WebSocket."""

import asyncio
import contextlib

import aiohttp
import h11
import pytest
import websockets
from aiohttp import web
from loops import sockets
from test_asyncio_ssh import BULK, connect, listen  # noqa: F401
from test_asyncio_tls import client, server, ssl_client, ssl_server  # noqa: F401
from test_asyncio_wires import joined

import sessile
import sessile.asyncio as aio

NAME = "server.test"
BODY = BULK[:1_000_000]  # aiohttp warns of more than a mebibyte.


# ---- HTTP, by h11 ----


class HttpServer(asyncio.Protocol):
    """Answers each request with what it was."""

    def connection_made(self, transport):
        self.transport, self.http = transport, h11.Connection(h11.SERVER)
        self.request, self.body = None, b""

    def data_received(self, data):
        self.http.receive_data(data)
        self.events()

    def eof_received(self):
        self.http.receive_data(b"")
        self.events()

    def events(self):
        while (event := self.http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self.request, self.body = event, b""
            elif isinstance(event, h11.Data):
                self.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.answer()
            elif isinstance(event, h11.ConnectionClosed):
                self.transport.close()
                return

    def answer(self):
        content = self.request.method + b" " + self.request.target + b" " + self.body
        self.send(h11.Response(status_code=200, headers=[("content-length", str(len(content)))]))
        self.send(h11.Data(data=content))
        self.send(h11.EndOfMessage())
        if self.http.our_state is h11.MUST_CLOSE:
            self.transport.close()
        else:
            self.http.start_next_cycle()

    def send(self, event):
        self.transport.write(self.http.send(event))


async def http_request(reader, writer, http, method, target, body=b"", *headers):
    """One request and its answer's body."""
    headers = [("host", NAME), ("content-length", str(len(body))), *headers]
    for event in (h11.Request(method=method, target=target, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
        writer.write(http.send(event))
    content = b""
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(1000))
        elif isinstance(event, h11.Data):
            content += bytes(event.data)
    return content


@pytest.mark.parametrize("ours", ["both", "client", "server"])
async def test_https_by_h11(client, server, ssl_client, ssl_server, ours):  # noqa: F811
    if ours == "client":
        listener = await asyncio.get_running_loop().create_server(HttpServer, "127.0.0.1", 0, ssl=ssl_server)
    else:
        listener = await aio.create_server(HttpServer, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    start, config = (asyncio.open_connection, ssl_client) if ours == "server" else (aio.open_connection, client)
    reader, writer = await start("127.0.0.1", port, ssl=config, server_hostname=NAME)
    http = h11.Connection(h11.CLIENT)
    assert await http_request(reader, writer, http, "GET", "/one") == b"GET /one "
    http.start_next_cycle()
    assert await http_request(reader, writer, http, "POST", "/two", BULK) == b"POST /two " + BULK
    http.start_next_cycle()
    assert await http_request(reader, writer, http, "GET", "/three", b"", ("connection", "close")) == b"GET /three "
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    listener.close()
    await listener.wait_closed()


# ---- aiohttp ----


class Connector(aiohttp.TCPConnector):
    """Makes its connections with our create_connection."""

    def __init__(self, config):
        super().__init__()
        self.config = config

    async def _wrap_create_connection(self, factory, *_, addr_infos, **options):
        host, port = addr_infos[0][4][:2]
        return await aio.create_connection(factory, host, port, ssl=self.config, server_hostname=NAME)


async def handle(request):
    """The server's one handler: a WebSocket's echo, a stream, or the body back."""
    if request.path == "/socket":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket
    if request.path == "/stream":
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(bytes(65536))
        await response.write_eof()
        return response
    return web.Response(body=await request.read(), headers={"x-scheme": request.scheme})


@contextlib.asynccontextmanager
async def aiohttp_server(config):
    http = web.Server(handle)
    listener = await aio.create_server(http, "127.0.0.1", 0, ssl=config)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await http.shutdown(1)
        await listener.wait_closed()


async def test_aiohttp_as_client_and_server(client, server):  # noqa: F811
    async with aiohttp_server(server) as port, aiohttp.ClientSession(connector=Connector(client)) as session:
        url = f"https://127.0.0.1:{port}"
        async with session.post(url + "/", data=BODY) as response:
            assert response.status == 200 and await response.read() == BODY
            assert response.headers["x-scheme"] == "https"
        async with session.get(url + "/stream") as response:
            assert len(await response.read()) == 64 * 65536
        async with session.ws_connect(url + "/socket") as socket:
            for word in ("one", "two"):
                await socket.send_str(word)
                assert (await socket.receive()).data == word.upper()
        answers = await asyncio.gather(*(read(session, url, number) for number in range(20)))
        assert answers == [b"%d" % number for number in range(20)]


async def read(session, url, number):
    async with session.post(url + "/", data=b"%d" % number) as response:
        return await response.read()


async def test_a_client_of_aiohttps_own(ssl_client, server):  # noqa: F811
    before = sockets()
    async with aiohttp_server(server) as port, aiohttp.ClientSession() as session:
        async with session.post(f"https://127.0.0.1:{port}/", data=BODY, ssl=ssl_client,
                                server_hostname=NAME) as response:
            assert await response.read() == BODY
    # aiohttp's session has closed its transports, and ssl says goodbye in turns of the loop that are still to come.
    while len(sockets()) > len(before):
        await asyncio.sleep(0.001)


# ---- WebSockets ----


@contextlib.contextmanager
def ours_where_ssl_is_ours():
    """The running loop makes connections and servers of ours for a TLSConfig."""
    loop = asyncio.get_running_loop()
    plain_connection, plain_server = loop.create_connection, loop.create_server

    def create_connection(*arguments, ssl=None, **options):
        if isinstance(ssl, sessile.TLSConfig):
            return aio.create_connection(*arguments, ssl=ssl, **options)
        return plain_connection(*arguments, **options)

    def create_server(*arguments, ssl=None, **options):
        if isinstance(ssl, sessile.TLSConfig):
            return aio.create_server(*arguments, ssl=ssl, **options)
        return plain_server(*arguments, **options)

    loop.create_connection, loop.create_server = create_connection, create_server
    try:
        yield
    finally:
        loop.create_connection, loop.create_server = plain_connection, plain_server


async def echo_messages(socket):
    async for message in socket:
        await socket.send(message)


@pytest.fixture
def web_sockets(client, server):  # noqa: F811
    """A server of WebSockets over our TLS, and how to connect to it."""

    def serve(handler):
        return websockets.serve(handler, "127.0.0.1", 0, ssl=server, max_size=None)

    def open_one(listening):
        port = next(iter(listening.sockets)).getsockname()[1]
        return websockets.connect(f"wss://127.0.0.1:{port}", ssl=client, server_hostname=NAME, max_size=None,
                                  proxy=None)

    return serve, open_one


async def test_websockets_as_client_and_server(web_sockets):
    serve, open_one = web_sockets
    with ours_where_ssl_is_ours():
        async with serve(echo_messages) as listening, open_one(listening) as socket:
            assert isinstance(socket.transport, aio.TLSTransport)
            for message in ("text", b"bytes", BULK, ""):
                await socket.send(message)
                assert await socket.recv() == message
            assert await (await socket.ping()) >= 0
        assert socket.close_code == 1000


class OnWebSocket(asyncio.Transport):
    """A transport made of a WebSocket's messages."""

    def __init__(self, socket, protocol):
        super().__init__()
        self.socket, self.protocol, self.closing = socket, protocol, False
        self.queue, self.open = asyncio.Queue(), asyncio.Event()
        self.open.set()
        self.task = asyncio.ensure_future(self.carry())
        protocol.connection_made(self)

    async def carry(self):
        sending = asyncio.ensure_future(self.send())
        try:
            async for message in self.socket:
                await self.open.wait()
                self.protocol.data_received(message)
            self.queue.put_nowait(None)
            await sending
        finally:
            sending.cancel()
            self.closing = True
            self.protocol.connection_lost(None)

    async def send(self):
        while (data := await self.queue.get()) is not None:
            await self.socket.send(data)
        await self.socket.close()

    def set_protocol(self, protocol):
        self.protocol = protocol

    def get_protocol(self):
        return self.protocol

    def write(self, data):
        self.queue.put_nowait(bytes(data))

    def pause_reading(self):
        self.open.clear()

    def resume_reading(self):
        self.open.set()

    def is_closing(self):
        return self.closing

    def close(self):
        if not self.closing:
            self.closing = True
            self.open.set()
            self.queue.put_nowait(None)

    def abort(self):
        self.close()


async def test_ssh_through_a_websocket_over_tls(web_sockets, listen, connect):  # noqa: F811
    serve, open_one = web_sockets
    opened = []

    async def forward(socket):
        """Joins a WebSocket to the server behind it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", behind.port)

        async def up():
            async for message in socket:
                writer.write(message)
            writer.write_eof()

        going = asyncio.ensure_future(up())
        while data := await reader.read(65536):
            await socket.send(data)
        await socket.close()
        await going
        writer.close()
        await writer.wait_closed()

    with ours_where_ssl_is_ours():
        async with await listen() as behind, serve(forward) as listening:

            async def over(factory, host, port):
                protocol = factory()
                opened.append(OnWebSocket(await open_one(listening), protocol))
                return opened[-1], protocol

            async with connect(behind, over=over) as connection:
                assert (await connection.run("cat", input=BULK)).stdout == BULK
            for each in opened:
                await each.task


async def test_ssh_over_messages(host_key, user_key):
    """Client and server on the two ends of a wire of messages, without a socket."""
    loop = asyncio.get_running_loop()

    class Open(aio.SSHServerHandler):
        async def public_key(self, user, key):
            return True

    async def run(process):
        process.stdout.write(await process.stdin.read())

    made = []

    async def over(factory, host, port):
        client = factory()
        config = sessile.SSHConfig.server([host_key])
        far = aio.SSHServerConnection(loop, config, Open(), run, 10, 0, aio.server.Connections())
        made.append(far)
        near, other = joined(client, far)
        far.connection_made(other)
        client.connection_made(near)
        return near, client

    known = sessile.KnownHosts(sessile.KnownHosts.line("server.test", 22, host_key))
    async with aio.connect("server.test", username="alice", known_hosts=known, client_keys=[user_key],
                           over=over) as connection:
        assert (await connection.run("anything", input=BULK[:300_000])).stdout == BULK[:300_000]
    await made[0].wait_closed()
    assert made[0].error is None
