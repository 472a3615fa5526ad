# SPDX-License-Identifier: Apache-2.0
"""An asyncio transport on a stream of a session, so that any asyncio protocol runs over it unchanged.

What a stream does not take is kept, and the protocol is paused by asyncio's own rules; what arrives while the protocol
does not read is kept too, and counts as unread, so that the peer has to wait. Everything that has arrived is delivered
before the connection is lost, unless this side has closed.

Where nothing waits in a direction, the Flow takes the short way between stream and protocol: ``write`` is its own, and
only what is out of the ordinary comes here. Whatever changes what is ordinary calls ``_tune``."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from .. import _sessile
from .._base import Buffer
from ..errors import Error
from ..stream import Stream
from .wire import Wire

HIGH = 64 * 1024


class StreamTransport(asyncio.Transport):
    """A transport on a stream. Subclasses say how it ends: ``_shut`` and ``_drop``."""

    # loop.start_tls() asks for this.
    _start_tls_compatible = True

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: Wire, stream: Stream,
                 protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._loop = loop
        self._wire = wire
        self._stream = stream
        self._protocol = protocol
        self._fills = isinstance(protocol, asyncio.BufferedProtocol)
        self._flow = _sessile.Flow(self, stream._handle)
        self.write = self._flow.write  # type: ignore[method-assign, assignment]
        self._pending: deque[Buffer] = deque()
        self._pending_size = 0
        self._high, self._low = HIGH, HIGH // 4
        self._wire_held = self._told_to_wait = False
        self._unread: deque[bytes] = deque()
        self._reading = True
        self._scheduled = False
        self._ended = self._ended_told = False
        self._write_ended = self._closing = self._lost = False
        self._over = False
        self._error: Exception | None = None
        self._take_stream()
        self._tune()

    def _take_stream(self) -> None:
        self._stream.on_data = self._flow.arrived
        self._stream.on_end = self._end_arrived
        self._stream.on_writable = self._flush
        self._stream.set_manual()

    def _tune(self) -> None:
        """Say whether the short ways are open."""
        flow, here = self._flow, not self._closing and not self._lost
        flow.writing = here and not self._pending and not self._write_ended
        flow.reading = here and not self._unread and self._reading and not self._fills
        flow.protocol = self._protocol

    def _shut(self) -> None:
        """Nothing waits any more: end gracefully."""
        raise NotImplementedError

    def _drop(self) -> None:
        """End at once."""
        raise NotImplementedError

    # ---- The protocol ----

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """As asyncio's."""
        self._protocol = protocol
        self._fills = isinstance(protocol, asyncio.BufferedProtocol)
        self._tune()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """As asyncio's."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's: what the transport below has, and "sessile_session"."""
        if name == "sessile_session":
            return self._wire.session
        return self._wire.below.get_extra_info(name, default)

    # ---- Writing ----

    def _write(self, data: Buffer) -> None:
        """The flow's call: there is something to say against it, or to do before it."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}")
        if self._write_ended:
            raise RuntimeError("write() after write_eof()")
        if self._closing or self._lost or not data:
            return
        self._pending.append(bytes(data))
        self._pending_size += len(self._pending[-1])
        self._weigh()
        self._flush()

    def _left(self, data: Buffer, taken: int) -> None:
        """The flow's call: the stream has taken a part, and may have asked for more already. What was written while it
        took that comes later."""
        rest = memoryview(bytes(data))[taken:]
        if rest:
            self._pending.appendleft(rest)
            self._pending_size += len(rest)
            self._weigh()
        self._flush()

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """As asyncio's."""
        self.write(b"".join(list_of_data))

    def _flush(self) -> None:
        if self._flow.busy:
            self._flow.again = True
            return
        while self._pending:
            head = self._pending[0]
            taken = self._flow.put(head)
            self._pending_size -= taken
            if taken < len(head):
                self._pending[0] = memoryview(head)[taken:]
                if not self._flow.again:
                    break
            else:
                self._pending.popleft()
        self._weigh()
        self._tune()
        self._go_on()

    def _go_on(self) -> None:
        """What was asked for behind what was pending."""
        if self._pending or self._over:
            return
        if self._closing:
            self._shut()
        elif self._write_ended:
            self._end_stream()

    def _end_stream(self) -> None:
        try:
            self._stream.end()
        except Error:
            pass

    def _hold(self, on: bool) -> None:
        """The wire's buffer is over its mark, or has drained."""
        self._wire_held = on
        self._weigh()

    def _weigh(self) -> None:
        if self._lost or self._over:
            return
        size = self._pending_size
        if not self._told_to_wait and (self._wire_held or size > self._high):
            self._told_to_wait = True
            self._wire.guard(self._protocol.pause_writing)
        elif self._told_to_wait and not self._wire_held and size <= self._low:
            self._told_to_wait = False
            self._wire.guard(self._protocol.resume_writing)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's."""
        if high is None:
            high = HIGH if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._weigh()

    def get_write_buffer_size(self) -> int:
        """As asyncio's."""
        return self._pending_size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """As asyncio's: low and high."""
        return self._low, self._high

    def can_write_eof(self) -> bool:
        """Both protocols can half close."""
        return True

    def write_eof(self) -> None:
        """As asyncio's: nothing more will be written, data still arrives."""
        if not self._write_ended and not self._closing:
            self._write_ended = True
            self._tune()
            self._go_on()

    # ---- Reading ----

    def is_reading(self) -> bool:
        """As asyncio's."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """As asyncio's. When some more has arrived, the peer cannot send on."""
        self._reading = False
        self._tune()

    def resume_reading(self) -> None:
        """As asyncio's."""
        if not self._reading and not self._closing:
            self._reading = True
            self._soon()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._catch_up)

    def _arrived(self, data: bytes) -> None:
        if self._closing:
            self._consumed(len(data))
        elif self._reading and not self._unread:
            self._deliver(data)
        else:
            self._unread.append(data)
            self._tune()

    def _end_arrived(self) -> None:
        self._ended = True
        self._catch_up_now()

    def _catch_up(self) -> None:
        self._scheduled = False
        self._catch_up_now()

    def _catch_up_now(self) -> None:
        while self._unread and self._reading and not self._closing:
            self._deliver(self._unread.popleft())
        self._tune()
        if self._unread and not self._closing:
            return
        if self._ended and not self._ended_told and not self._closing and not self._lost:
            self._ended_told = True
            if not self._wire.guard(self._protocol.eof_received):  # type: ignore[attr-defined]
                self.close()
        if self._over:
            self._lose()

    def _deliver(self, data: bytes) -> None:
        if self._fills:
            self._wire.guard(_fill, self._protocol, data)
        else:
            self._wire.guard(self._protocol.data_received, data)  # type: ignore[attr-defined]
        self._consumed(len(data))

    def _raised(self, error: Exception) -> None:
        """The flow's call: the protocol has, or something on the way of a write."""
        self._wire.raised(error)

    def _consumed(self, size: int) -> None:
        if not self._over:
            try:
                self._stream.consumed(size)
            except Error:
                pass

    # ---- Ending ----

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self._closing or self._lost

    def close(self) -> None:
        """As asyncio's: what was written goes out, what arrives is dropped."""
        if self._closing or self._lost:
            return
        self._closing = True
        self._tune()
        self._forget_unread()
        self._wire_shutdown()
        if self._over:
            self._soon()
        else:
            self._go_on()

    def _wire_shutdown(self) -> None:
        """Bound what follows."""

    def _forget_unread(self) -> None:
        while self._unread:
            self._consumed(len(self._unread.popleft()))

    def abort(self) -> None:
        """As asyncio's."""
        self._closing = True
        self._tune()
        self._pending.clear()
        self._pending_size = 0
        self._forget_unread()
        if self._over:
            self._soon()
        else:
            self._drop()

    def _is_over(self, error: Exception | None) -> None:
        """The stream is over. The protocol learns it behind what it has not read."""
        if self._over:
            return
        self._over, self._error = True, error
        if not self._unread or self._closing:
            self._soon()

    def _lose(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._tune()
        self._pending.clear()
        self._pending_size = 0
        self._wire.guard(self._protocol.connection_lost, self._error)


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Hand data to a protocol that brings its own buffers."""
    rest = memoryview(data)
    while rest:
        room = memoryview(protocol.get_buffer(len(rest)))
        if not room:
            raise RuntimeError("get_buffer() returned an empty buffer")
        size = min(len(room), len(rest))
        room[:size] = rest[:size]
        rest = rest[size:]
        protocol.buffer_updated(size)
