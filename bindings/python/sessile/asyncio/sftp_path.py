# SPDX-License-Identifier: Apache-2.0
"""Paths of an SFTP server's, in the manner of pathlib: ``client.path("logs") / "today"``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..sftp import SFTPAttrs
from .sftp_file import SFTPFile, as_text

if TYPE_CHECKING:
    from .sftp import SFTPClient


class SFTPPath:
    """A path there. Whatever it is asked to do is done by the client's method of that kind."""

    def __init__(self, client: SFTPClient, *parts: str | bytes | os.PathLike[str]) -> None:
        self.client = client
        self.pure = PurePosixPath(*(as_text(os.fspath(part)) for part in parts))
        """The path alone: its ``parts``, ``suffix``, ``match`` and so on."""

    def __str__(self) -> str:
        return str(self.pure)

    def __repr__(self) -> str:
        return f"SFTPPath({str(self.pure)!r})"

    def __fspath__(self) -> str:
        return str(self.pure)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SFTPPath) and (self.client, self.pure) == (other.client, other.pure)

    def __hash__(self) -> int:
        return hash((id(self.client), self.pure))

    def __truediv__(self, part: str | os.PathLike[str]) -> SFTPPath:
        return SFTPPath(self.client, self.pure, part)

    @property
    def name(self) -> str:
        """The last name."""
        return self.pure.name

    @property
    def parent(self) -> SFTPPath:
        """The directory that it is in."""
        return SFTPPath(self.client, self.pure.parent)

    async def resolve(self) -> SFTPPath:
        """The path from the root on, links followed."""
        return SFTPPath(self.client, await self.client.realpath(str(self)))

    # ---- What is there ----

    async def stat(self, *, follow_symlinks: bool = True) -> SFTPAttrs:
        """Attributes."""
        return await self.client.stat(str(self), follow_symlinks=follow_symlinks)

    async def exists(self) -> bool:
        """Whether there is something."""
        return await self.client.exists(str(self))

    async def is_dir(self) -> bool:
        """Whether it is a directory."""
        return await self.client.is_dir(str(self))

    async def is_file(self) -> bool:
        """Whether it is a regular file."""
        try:
            return (await self.stat()).is_file
        except FileNotFoundError:
            return False

    async def iterdir(self) -> AsyncIterator[SFTPPath]:
        """What is in it."""
        async for entry in self.client.scandir(str(self)):
            yield self / entry.name

    async def glob(self, pattern: str) -> list[SFTPPath]:
        """What of it a pattern fits."""
        return [SFTPPath(self.client, found) for found in await self.client.glob(str(self.pure / pattern))]

    async def readlink(self) -> SFTPPath:
        """Where it leads."""
        return SFTPPath(self.client, await self.client.readlink(str(self)))

    # ---- Content ----

    async def open(self, mode: str = "rb") -> SFTPFile:
        """Open it."""
        return await self.client.open(str(self), mode)

    async def read_bytes(self) -> bytes:
        """All that is in it."""
        return await self.client.read_bytes(str(self))

    async def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The same, as text."""
        return (await self.read_bytes()).decode(encoding, errors)

    async def write_bytes(self, data: bytes) -> None:
        """Replace what is in it."""
        await self.client.write_bytes(str(self), data)

    async def write_text(self, text: str, encoding: str = "utf-8", errors: str = "strict") -> None:
        """The same, as text."""
        await self.write_bytes(text.encode(encoding, errors))

    # ---- Changes ----

    async def mkdir(self, mode: int | None = None, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Make the directory."""
        if parents or exist_ok:
            await self.client.makedirs(str(self), mode, exist_ok=exist_ok)
        else:
            await self.client.mkdir(str(self), mode)

    async def rmdir(self) -> None:
        """Remove the directory, which is empty."""
        await self.client.rmdir(str(self))

    async def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        try:
            await self.client.remove(str(self))
        except FileNotFoundError:
            if not missing_ok:
                raise

    async def rename(self, new: str | os.PathLike[str]) -> SFTPPath:
        """Rename it; what is there stays, and this raises."""
        await self.client.rename(str(self), os.fspath(new))
        return SFTPPath(self.client, new)

    async def replace(self, new: str | os.PathLike[str]) -> SFTPPath:
        """Rename it, in the place of what is there."""
        await self.client.replace(str(self), os.fspath(new))
        return SFTPPath(self.client, new)

    async def symlink_to(self, target: str | os.PathLike[str]) -> None:
        """Make it a link."""
        await self.client.symlink(os.fspath(target), str(self))

    async def chmod(self, mode: int) -> None:
        """Set permissions."""
        await self.client.chmod(str(self), mode)
