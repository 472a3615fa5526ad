# SPDX-License-Identifier: Apache-2.0
"""TLS in asyncio's own forms: the functions have the names and the arguments of the event loop's and of its streams,
with a TLSConfig where ssl.SSLContext would be. What is not named here goes on to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from ..tls import TLSConfig
from .tls import TLSTransport, TLSWire
from .wire import listening

P = TypeVar("P", bound=asyncio.BaseProtocol)
ClientConnected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]
LIMIT = 64 * 1024


class StreamProtocol(asyncio.StreamReaderProtocol):
    """asyncio's streams, which half close over TLS as well."""

    def eof_received(self) -> bool:
        """Stay open for writing."""
        super().eof_received()
        return True


async def _ready(wire: TLSWire, connecting: Awaitable[object] | None = None) -> None:
    """Connect, where that is still to be done, and wait until hands are shaken; else leave nothing behind."""
    assert wire.ready is not None
    try:
        if connecting is not None:
            await connecting
        await wire.ready
    except BaseException:
        wire.ready.cancel()
        wire.abort()
        raise


def _client(
    protocol: asyncio.BaseProtocol,
    config: TLSConfig | None,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> TLSWire:
    loop = asyncio.get_running_loop()
    return TLSWire(
        loop,
        protocol,
        config or TLSConfig.client(),
        server_hostname=server_hostname or None,
        handshake_timeout=handshake_timeout,
        shutdown_timeout=shutdown_timeout,
        ready=loop.create_future(),
    )


async def create_connection(
    protocol_factory: Callable[[], P],
    host: str | None = None,
    port: int | None = None,
    *,
    ssl: TLSConfig | None = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    **options: Any,
) -> tuple[TLSTransport, P]:
    """Connect over TCP and shake hands; the transport and the protocol. ``ssl``: None for a client that trusts whom the
    system trusts; ``server_hostname``: whom the certificate must be for, None for ``host``, "" for nobody, which the
    config has to let."""
    protocol = protocol_factory()
    if server_hostname is None:
        if host is None:
            raise ValueError("server_hostname is needed where there is no host")
        server_hostname = host
    wire = _client(protocol, ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
    connect: Any = asyncio.get_running_loop().create_connection
    await _ready(wire, connect(lambda: wire, host, port, **options))
    return wire.transport, protocol


async def create_unix_connection(
    protocol_factory: Callable[[], P],
    path: str | None = None,
    *,
    ssl: TLSConfig | None = None,
    server_hostname: str,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    **options: Any,
) -> tuple[TLSTransport, P]:
    """The same over a Unix socket."""
    protocol = protocol_factory()
    wire = _client(protocol, ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
    await _ready(wire, asyncio.get_running_loop().create_unix_connection(lambda: wire, path, **options))
    return wire.transport, protocol


def _server(
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    config: TLSConfig,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> Callable[[], TLSWire]:
    config.check()
    loop = asyncio.get_running_loop()
    return lambda: TLSWire(
        loop,
        protocol_factory(),
        config,
        server_side=True,
        handshake_timeout=handshake_timeout,
        shutdown_timeout=shutdown_timeout,
    )


async def create_server(
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    host: str | None = None,
    port: int | None = None,
    *,
    ssl: TLSConfig,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    **options: Any,
) -> asyncio.Server:
    """Listen on TCP. A protocol is told of its transport when hands are shaken; a client that does not get there is
    logged at the level debug."""
    factory = _server(protocol_factory, ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    listen: Any = asyncio.get_running_loop().create_server
    return await listening(listen, factory, host, port, **options)


async def create_unix_server(
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    path: str | None = None,
    *,
    ssl: TLSConfig,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    **options: Any,
) -> asyncio.Server:
    """The same on a Unix socket."""
    factory = _server(protocol_factory, ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    return await listening(asyncio.get_running_loop().create_unix_server, factory, path, **options)


async def start_tls(
    transport: asyncio.BaseTransport,
    protocol: asyncio.BaseProtocol,
    sslcontext: TLSConfig,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    call_connection_made: bool = False,
    received: bytes = b"",
    received_eof: bool = False,
) -> TLSTransport:
    """Go on with TLS on a transport that is open, of any kind, and return the protocol's new one. ``received``: bytes
    of TLS that have arrived already and that the protocol has seen; ``received_eof``: that it has seen their end as
    well. The protocol is not told of the new transport unless ``call_connection_made``."""
    # uvloop's transports are no subclasses of asyncio's.
    if not all(hasattr(transport, name) for name in ("write", "pause_reading", "set_protocol")):
        raise TypeError(f"{transport!r} is no transport for streams")
    below = cast(asyncio.Transport, transport)
    if below.is_closing():
        # Its end has been told to the protocol that was there before, and nobody would tell it again.
        raise ConnectionResetError("the connection was closed before TLS was started")
    loop = asyncio.get_running_loop()
    wire = TLSWire(
        loop, protocol, sslcontext,
        server_side=server_side, server_hostname=server_hostname or None, handshake_timeout=ssl_handshake_timeout,
        shutdown_timeout=ssl_shutdown_timeout, ready=loop.create_future(), call_made=call_connection_made,
    )
    wire.preload(received)
    _resume_after(below, wire)
    if received_eof:
        wire.eof_received()
    await _ready(wire)
    return wire.transport


def _resume_after(transport: asyncio.Transport, wire: TLSWire) -> None:
    """Let no byte go to the protocol that was there before."""
    try:
        transport.pause_reading()
    except NotImplementedError:
        transport.set_protocol(wire)
        wire.connection_made(transport)
        return
    transport.set_protocol(wire)
    wire.connection_made(transport)
    if not wire.deaf:
        transport.resume_reading()


# ---- Streams ----


async def open_connection(
    host: str | None = None, port: int | None = None, *, limit: int = LIMIT, **options: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect over TCP and shake hands; a reader and a writer. The options are those of :func:`create_connection`."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit, loop)
    transport, protocol = await create_connection(lambda: StreamProtocol(reader, loop=loop), host, port, **options)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def open_unix_connection(
    path: str | None = None, *, limit: int = LIMIT, server_hostname: str, **options: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same over a Unix socket."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit, loop)
    transport, protocol = await create_unix_connection(
        lambda: StreamProtocol(reader, loop=loop), path, server_hostname=server_hostname, **options
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _stream_factory(connected: ClientConnected, limit: int) -> Callable[[], StreamProtocol]:
    loop = asyncio.get_running_loop()
    return lambda: StreamProtocol(asyncio.StreamReader(limit, loop), cast(Any, connected), loop=loop)


async def start_server(
    client_connected_cb: ClientConnected,
    host: str | None = None,
    port: int | None = None,
    *,
    ssl: TLSConfig,
    limit: int = LIMIT,
    **options: Any,
) -> asyncio.Server:
    """Listen on TCP, and have ``client_connected_cb(reader, writer)`` called for each client that has shaken hands."""
    return await create_server(_stream_factory(client_connected_cb, limit), host, port, ssl=ssl, **options)


async def start_unix_server(
    client_connected_cb: ClientConnected,
    path: str | None = None,
    *,
    ssl: TLSConfig,
    limit: int = LIMIT,
    **options: Any,
) -> asyncio.Server:
    """The same on a Unix socket."""
    return await create_unix_server(_stream_factory(client_connected_cb, limit), path, ssl=ssl, **options)


async def start_tls_streams(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sslcontext: TLSConfig, *, limit: int = LIMIT,
    **options: Any,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Go on with TLS in the middle of a connection; a new reader and a new writer, and the old ones are done with: do
    not close them. What the old reader has read ahead belongs to TLS. The options are those of :func:`start_tls`."""
    loop = asyncio.get_running_loop()
    await writer.drain()
    old: asyncio.BaseProtocol = cast(asyncio.Transport, writer.transport).get_protocol()
    fresh = asyncio.StreamReader(limit, loop)
    protocol = StreamProtocol(fresh, loop=loop)
    ahead = cast(bytearray, cast(Any, reader)._buffer)
    received = bytes(ahead)
    ahead.clear()
    try:
        transport = await start_tls(
            writer.transport, protocol, sslcontext, received=received,
            received_eof=reader._eof, call_connection_made=True, **options,  # type: ignore[attr-defined]
        )
    finally:
        # Whoever waits for the old writer to be closed waits for this; the transport will not tell it any more.
        if cast(asyncio.Transport, writer.transport).get_protocol() is not old:
            cast(asyncio.Protocol, old).connection_lost(None)
    # A writer that is collected closes its transport, and that is in use below.
    transport._wire.kept = writer
    return fresh, asyncio.StreamWriter(transport, protocol, fresh, loop)
