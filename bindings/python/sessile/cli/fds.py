# SPDX-License-Identifier: Apache-2.0
"""This process's standard input, output and error in coroutines. Their flags stay as they are: other processes share
them. So no more is written at once than a pipe that is writable takes without blocking."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from .common import OutputGone

ROOM = 65536
PIECE = 4096  # PIPE_BUF


async def _until(watch: Callable[..., object], stop: Callable[[int], object], fd: int) -> None:
    """Wait for a descriptor. One that cannot be waited for, such as a file's, is always ready."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        watch(fd, _resolve, ready)
    except PermissionError:
        await asyncio.sleep(0)
        return
    try:
        await ready
    finally:
        stop(fd)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def read(fd: int) -> bytes:
    """What there is; b"" at the end."""
    loop = asyncio.get_running_loop()
    while True:
        await _until(loop.add_reader, loop.remove_reader, fd)
        try:
            return os.read(fd, ROOM)
        except BlockingIOError:
            # Somebody else has made it so, or has been faster.
            continue
        except OSError:
            # A terminal that is gone.
            return b""


async def write(fd: int, data: bytes) -> None:
    """Write all of it; :class:`OutputGone` where nobody reads."""
    loop = asyncio.get_running_loop()
    with memoryview(data) as view:
        at = 0
        while at < len(view):
            await _until(loop.add_writer, loop.remove_writer, fd)
            try:
                at += os.write(fd, view[at : at + PIECE])
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise OutputGone from None


async def pump_out(reader: asyncio.StreamReader, fd: int) -> None:
    """Write what a reader brings."""
    while data := await reader.read(ROOM):
        await write(fd, data)
