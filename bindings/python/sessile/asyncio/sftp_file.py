# SPDX-License-Identifier: Apache-2.0
"""An open file of an SFTP server's."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from .._base import Buffer, Text
from ..constants import SFTPFlag, SFTPNumber
from ..errors import Error
from ..sftp import UNKNOWN_SIZE, SFTPAttrs, SFTPRequest, SFTPTransfer

if TYPE_CHECKING:
    from .sftp import SFTPClient

_MODES = {
    "r": SFTPFlag.READ,
    "w": SFTPFlag.WRITE | SFTPFlag.CREATE | SFTPFlag.TRUNCATE,
    "a": SFTPFlag.WRITE | SFTPFlag.CREATE | SFTPFlag.APPEND,
    "x": SFTPFlag.WRITE | SFTPFlag.CREATE | SFTPFlag.EXCLUSIVE,
}


def as_text(path: Text) -> str:
    """A path or a name as text; bytes that are no UTF-8 are kept: it goes back the same."""
    return path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")


def flags_of(mode: str) -> SFTPFlag:
    """What a mode such as "rb" or "r+b" asks for."""
    letters = set(mode)
    kinds = letters & set(_MODES)
    if len(letters) != len(mode) or len(kinds) != 1 or not letters <= {*_MODES, "b", "+"}:
        raise ValueError(f"no such mode: {mode!r}")
    if "b" not in letters:
        raise ValueError(f"SFTP moves bytes: the mode is {mode + 'b'!r}, not {mode!r}")
    flags = _MODES[kinds.pop()]
    return flags | SFTPFlag.READ | SFTPFlag.WRITE if "+" in letters else flags


async def move(client: SFTPClient, begin: Callable[[SFTPTransfer], None]) -> SFTPTransfer:
    """Have a transfer run to its end, and return it; its error is raised. ``begin`` sets it up and starts it. What
    cancels this stops it."""
    transfer = SFTPTransfer(client._sftp)
    future: asyncio.Future[None] = client._loop.create_future()

    def done() -> None:
        if not future.done():
            future.set_result(None)

    transfer.on_done = done
    begin(transfer)
    try:
        await future
    except BaseException:
        transfer.free()
        raise
    if transfer.error is not None:
        raise transfer.error
    return transfer


class SFTPFile:
    """An open file, with a position as a local one has. ``async with`` closes it, and tells what has gone wrong by
    then."""

    def __init__(self, client: SFTPClient, handle: bytes, flags: SFTPFlag) -> None:
        self._client = client
        self.handle = handle
        """The server's handle."""
        self._flags = flags
        self._position = 0
        self._closed = False

    def __del__(self) -> None:
        if not self._closed and not self._client.over:
            warnings.warn(f"an SFTP file was not closed: {self!r}", ResourceWarning, source=self)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._closed

    def _alive(self) -> None:
        if self._closed:
            raise ValueError("the file is closed")

    async def read(self, size: int = -1, offset: int | None = None) -> bytes:
        """Read ``size`` bytes, or all that is left: fewer at the end. ``offset``: from there, and the position stays.
        What does not fit into one request is read by many at once."""
        self._alive()
        start = self._position if offset is None else offset
        pieces: list[bytes] = []

        def begin(transfer: SFTPTransfer) -> None:
            transfer.on_sink = lambda _, data: pieces.append(data)
            transfer.get(self.handle, start, UNKNOWN_SIZE if size < 0 else size)

        if size != 0:
            await move(self._client, begin)
        data = b"".join(pieces)
        if offset is None:
            self._position = start + len(data)
        return data

    async def write(self, data: Buffer, offset: int | None = None) -> int:
        """Write all of it. ``offset``: there, and the position stays."""
        self._alive()
        start = self._position if offset is None else offset
        view = memoryview(data).cast("B")

        def begin(transfer: SFTPTransfer) -> None:
            transfer.on_source = lambda at, size: view[at - start:at - start + size]
            transfer.put(self.handle, start)

        if len(view):
            await move(self._client, begin)
        if offset is None:
            self._position = start + len(view)
        return len(view)

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, from the beginning, from where it is, or from the end."""
        self._alive()
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += (await self.stat()).size or 0
        elif whence != os.SEEK_SET:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        if offset < 0:
            raise ValueError(f"a position of {offset}")
        self._position = offset
        return offset

    def tell(self) -> int:
        """The position."""
        return self._position

    async def stat(self) -> SFTPAttrs:
        """Its attributes."""
        self._alive()
        return await self._client.ask(SFTPRequest.fstat, self.handle, take=lambda request: request.attrs)

    async def setstat(self, attrs: SFTPAttrs) -> None:
        """Set attributes."""
        self._alive()
        await self._client.ask(SFTPRequest.fsetstat, self.handle, attrs)

    async def truncate(self, size: int | None = None) -> None:
        """Set its size: to the position, where none is given."""
        await self.setstat(SFTPAttrs(size=self._position if size is None else size))

    async def fsync(self) -> None:
        """Have its bytes reach the medium (fsync@openssh.com)."""
        self._alive()
        await self._client.ask(SFTPRequest.fsync, self.handle)

    async def statvfs(self) -> dict[SFTPNumber, int]:
        """About the file system that it is on."""
        self._alive()
        return await self._client.ask(SFTPRequest.fstatvfs, self.handle, take=lambda request: request.numbers)

    async def close(self) -> None:
        """Close it. Some servers tell only now that a write has failed."""
        if not self._closed:
            self._closed = True
            await self._client.close_handle(self.handle)

    async def __aenter__(self) -> SFTPFile:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except Error:
            if error is None:
                raise
