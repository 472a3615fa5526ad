# SPDX-License-Identifier: Apache-2.0
"""A transport on the pipes of a subprocess: what a proxy command is to ssh."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .._base import Buffer

P = TypeVar("P", bound=asyncio.Protocol)


class ProcessPipes(asyncio.Transport):
    """Writes to a subprocess's input, and reads from its output. Closing closes the input; aborting kills."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._process: asyncio.SubprocessTransport | None = None
        self._closing = self._ended = False

    def _pipe(self, number: int) -> Any:
        assert self._process is not None
        return self._process.get_pipe_transport(number)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """As asyncio's."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """As asyncio's."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's: what the subprocess's transport has."""
        return default if self._process is None else self._process.get_extra_info(name, default)

    def write(self, data: Buffer) -> None:
        """As asyncio's: once the subprocess reads no more, what is written is nobody's."""
        if not self._closing and not self._pipe(0).is_closing():
            self._pipe(0).write(data)

    def can_write_eof(self) -> bool:
        """As asyncio's."""
        return True

    def write_eof(self) -> None:
        """As asyncio's."""
        self._pipe(0).close()

    def get_write_buffer_size(self) -> int:
        """As asyncio's."""
        return cast(int, self._pipe(0).get_write_buffer_size())

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's."""
        self._pipe(0).set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        """As asyncio's."""
        if not self._ended and not self._pipe(1).is_closing():
            self._pipe(1).pause_reading()

    def resume_reading(self) -> None:
        """As asyncio's."""
        if not self._ended and not self._pipe(1).is_closing():
            self._pipe(1).resume_reading()

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self._closing

    def close(self) -> None:
        """As asyncio's: over when the subprocess has ended."""
        if not self._closing:
            self._closing = True
            self._pipe(0).close()

    def abort(self) -> None:
        """As asyncio's."""
        self._closing = True
        assert self._process is not None
        if self._process.get_returncode() is None:
            self._process.kill()
        self._pipe(0).abort()


class _Events(asyncio.SubprocessProtocol):
    """Passes on what happens to the subprocess."""

    def __init__(self, pipes: ProcessPipes) -> None:
        self._pipes = pipes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._pipes._process = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        cast(asyncio.Protocol, self._pipes._protocol).data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and not self._pipes._ended:
            self._pipes._ended = True
            if not cast(asyncio.Protocol, self._pipes._protocol).eof_received():
                self._pipes.close()

    def pause_writing(self) -> None:
        self._pipes._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._pipes._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipes._closing = True
        assert self._pipes._process is not None
        self._pipes._process.close()
        self._pipes._protocol.connection_lost(exc)


async def connect_process(protocol_factory: Callable[[], P], *command: str, **options: Any) -> tuple[ProcessPipes, P]:
    """Start a command, and talk to it by its standard input and output: the transport and the protocol. The options
    are those of the event loop's subprocess_exec; stderr is this process's, or what it is given, but no part of the
    wire."""
    if options.setdefault("stderr", None) in (subprocess.PIPE, subprocess.STDOUT):
        raise ValueError("stderr: neither PIPE nor STDOUT, which would mix it into the wire")
    protocol = protocol_factory()
    pipes = ProcessPipes(protocol)
    await asyncio.get_running_loop().subprocess_exec(
        lambda: _Events(pipes), *command, **options, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    protocol.connection_made(pipes)
    return pipes, protocol
