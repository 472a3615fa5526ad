# SPDX-License-Identifier: Apache-2.0
"""SSH channels on asyncio: a transport on each, the streams of a process, and two transports that feed each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from .._base import Buffer
from ..errors import AbortedError, Error, RefusedError
from ..stream import Channel
from .endpoints import LIMIT, StreamProtocol
from .transport import StreamTransport
from .wire import Wire


class ChannelTransport(StreamTransport):
    """A transport on an SSH channel. ``closed`` is done when the channel is closed, whether or not everything has been
    read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: Wire, channel: Channel, protocol: asyncio.BaseProtocol,
                 extra: dict[str, Any] | None = None) -> None:
        self.channel = channel
        self.closed: asyncio.Future[None] = loop.create_future()
        self.error: Error | None = None
        self._opened: asyncio.Future[None] = loop.create_future()
        self._asked: deque[asyncio.Future[bool]] = deque()
        self._extra_info = {"channel": channel, **(extra or {})}
        self._expected: asyncio.BaseProtocol | None = None
        self.also_flush: Callable[[], object] | None = None
        super().__init__(loop, wire, channel, protocol)

    def _take_stream(self) -> None:
        super()._take_stream()
        self.channel.on_open = self._confirmed
        self.channel.on_reply = self._replied
        self.channel.on_closed = self._channel_closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's: "channel", "peername" where the channel leads somewhere; the rest is the connection's."""
        return self._extra_info[name] if name in self._extra_info else super().get_extra_info(name, default)

    def start(self) -> None:
        """Tell the protocol of its transport."""
        self._wire.guard(self._protocol.connection_made, self)

    def expect(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the transport to this protocol as soon as the channel is open; never, where that does not come about."""
        self._expected = protocol

    def _confirmed(self) -> None:
        if self._expected is not None:
            self.set_protocol(self._expected)
            self.start()
        _resolve(self._opened, None)

    async def opened(self) -> None:
        """Wait until the peer has opened the channel; a :class:`RefusedError` where it has not."""
        try:
            await self._opened
        except BaseException:
            self.abort()
            raise

    async def ask(self, request: Callable[..., object], *arguments: object) -> bool:
        """Make a request, and wait for the answer. Requests that are made otherwise have none that is waited for, and
        must not be mixed with these."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        request(*arguments)
        self._asked.append(answer)
        return await answer

    def _replied(self, accepted: bool) -> None:
        if self._asked:
            _resolve(self._asked.popleft(), accepted)

    def _channel_closed(self, error: Error | None) -> None:
        self.error = error
        if not self._opened.done():
            self._opened.set_exception(error or RefusedError(0, "the channel was closed before it was open"))
            self._opened.exception()
        while self._asked:
            _resolve(self._asked.popleft(), False)
        _resolve(self.closed, None)
        # Who closed it himself, as asyncio has it, did not lose it.
        self._is_over(None if self._closing and isinstance(error, AbortedError) else error)

    def _flush(self) -> None:
        super()._flush()
        if self.also_flush is not None:
            self.also_flush()

    def _shut(self) -> None:
        self._end_stream()
        self._drop()

    def _drop(self) -> None:
        try:
            self.channel.abort()
        except Error:
            pass


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


class SideFlow(asyncio.Transport):
    """What a StreamReader for stderr takes for its transport: while it does not read, what arrives is not consumed."""

    def __init__(self, channel: Channel, reader: asyncio.StreamReader) -> None:
        super().__init__()
        self._channel, self._reader = channel, reader
        self._paused = False
        self._owed = 0
        reader.set_transport(self)
        channel.on_stderr = self._arrived

    def _arrived(self, data: bytes) -> None:
        self._owed += len(data)
        self._reader.feed_data(data)
        self._pay()

    def _pay(self) -> None:
        if not self._paused and self._owed and not self._channel.over:
            owed, self._owed = self._owed, 0
            self._channel.consumed(owed)

    def pause_reading(self) -> None:
        """As asyncio's."""
        self._paused = True

    def resume_reading(self) -> None:
        """As asyncio's."""
        self._paused = False
        self._pay()


class StderrWriter:
    """The writer of a channel's second flow: ``write`` and ``drain`` as a StreamWriter's."""

    def __init__(self, transport: ChannelTransport) -> None:
        self._transport = transport
        self._pending = bytearray()
        self._waiters: list[asyncio.Future[None]] = []
        transport.also_flush = self.flush
        transport.closed.add_done_callback(lambda _: self._wake())

    def write(self, data: Buffer) -> None:
        """Send bytes, or keep them until they can be sent."""
        if not self._transport.closed.done():
            self._pending += data
            self.flush()

    def flush(self) -> None:
        """Send what the channel takes."""
        try:
            while self._pending and (taken := self._transport.channel.write_stderr(self._pending)):
                del self._pending[:taken]
        except Error:
            self._pending.clear()
        if len(self._pending) <= LIMIT:
            self._wake()

    def _wake(self) -> None:
        while self._waiters:
            _resolve(self._waiters.pop(), None)

    @property
    def empty(self) -> bool:
        """Whether everything has been sent."""
        return not self._pending

    async def drain(self) -> None:
        """Wait until there is room."""
        if len(self._pending) > LIMIT and not self._transport.closed.done():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter


def channel_streams(
    loop: asyncio.AbstractEventLoop, wire: Wire, channel: Channel, extra: dict[str, Any] | None = None
) -> tuple[ChannelTransport, asyncio.StreamReader, asyncio.StreamWriter]:
    """A transport with asyncio's streams on it."""
    reader = asyncio.StreamReader(LIMIT, loop)
    protocol = StreamProtocol(reader, loop=loop)
    transport = ChannelTransport(loop, wire, channel, protocol, extra)
    transport.start()
    return transport, reader, asyncio.StreamWriter(transport, protocol, reader, loop)


class Relay(asyncio.Protocol):
    """One of two protocols that hand each other what arrives: data, ends, back pressure. Before :func:`splice` it asks
    its transport not to read, and keeps what comes nevertheless. ``on_made``: called with the relay when it has its
    transport."""

    transport: asyncio.Transport

    def __init__(self, on_made: Callable[[Relay], object] | None = None) -> None:
        self._on_made = on_made
        self._early = bytearray()
        self.other: Relay | None = None
        self.ended = self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio's."""
        self.transport = transport  # type: ignore[assignment]
        self.transport.pause_reading()
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """As asyncio's."""
        if self.other is None:
            self._early += data
        else:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """As asyncio's: the other direction goes on."""
        self.ended = True
        return self.other is None or self._pass_end(self.other)

    def _pass_end(self, other: Relay) -> bool:
        """Whether this side stays open."""
        if other.transport.can_write_eof() and not other.transport.is_closing():
            try:
                other.transport.write_eof()
            except OSError:
                # Its peer has reset it; the loop has yet to notice.
                other.transport.abort()
        return not other.ended

    def pause_writing(self) -> None:
        """As asyncio's."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """As asyncio's."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio's."""
        self.lost = True
        other, self.other = self.other, None
        if other is not None:
            other.transport.close()

    def drop(self) -> None:
        """There will be no other."""
        self.transport.abort()

    def join(self, other: Relay) -> None:
        """Hand on what came early, and begin."""
        self.other = other
        if self._early:
            other.transport.write(bytes(self._early))
            self._early.clear()
        if self.lost:
            other.transport.close()
        elif self.ended and not self._pass_end(other):
            self.transport.close()
        elif not self.ended:
            self.transport.resume_reading()


def splice(one: Relay, other: Relay) -> None:
    """Let two relays, which have their transports, feed each other."""
    one.join(other)
    other.join(one)


class Listener:
    """Something that listens until it is closed: ``async with`` closes it."""

    def __init__(self, host: str, port: int, close: Callable[[], object]) -> None:
        self.host, self.port = host, port
        self._close = close

    def close(self) -> None:
        """Stop listening; what is connected stays."""
        self._close()

    async def wait_closed(self) -> None:
        """Wait until nothing listens here any more. asyncio's servers would wait for what is connected as well."""
        await asyncio.sleep(0)

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self.wait_closed()
