# SPDX-License-Identifier: Apache-2.0
"""Files and trees between here and an SFTP server.

Local files are read and written on the event loop's thread, as the bytes come and go. A tree is copied file by file,
many at once. What a server calls its files is checked before it is a local name: the library has refused names that
lead elsewhere, and no link is ever made here."""

from __future__ import annotations

import asyncio
import errno
import glob
import os
import posixpath
import stat as _stat
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._base import Text
from ..constants import SFTPFlag
from ..errors import Error
from ..sftp import SFTPAttrs, SFTPRequest, SFTPTransfer
from .sftp_file import as_text, move

if TYPE_CHECKING:
    from .sftp import SFTPClient, SFTPEntry

# How many files of a tree are under way at once, and how deep a tree may be.
AT_ONCE = 32
DEEPEST = 256

LocalPath = str | os.PathLike[str]
Progress = Callable[[str, int, int | None], object]
OnError = Callable[[str, Exception], object]


@dataclass(frozen=True)
class _How:
    """What a copy was asked for."""

    preserve: bool
    resume: bool
    follow: bool
    progress: Progress | None
    on_error: OnError | None

    def report(self, path: str, done: int, size: int | None) -> None:
        """To whoever wants to know."""
        if self.progress is not None:
            self.progress(path, done, size)


class Download:
    """One file from there to here."""

    def __init__(self, remote: str, local: Path, attrs: SFTPAttrs, how: _How) -> None:
        self._remote, self._local, self._how = remote, local, how
        self._expected = attrs.size
        # What others may not read there is not for them here.
        self._mode = 0o666 if attrs.permissions is None else attrs.permissions & 0o777 | 0o200
        self._trouble: OSError | None = None

    def _open(self) -> tuple[int, int]:
        """The local file's descriptor, and where to begin."""
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | (0 if self._how.resume else os.O_TRUNC)
        descriptor = os.open(self._local, flags, self._mode)
        return descriptor, os.fstat(descriptor).st_size if self._how.resume else 0

    async def run(self, client: SFTPClient) -> None:
        """Fetch it."""
        handle = await client.open_handle(self._remote, SFTPFlag.READ)
        try:
            descriptor, start = self._open()
            try:
                self._how.report(self._remote, start, self._expected)
                moved = await move(client, lambda transfer: self._begin(transfer, handle, descriptor, start))
                self._how.report(self._remote, moved.position, self._expected)
            except Error:
                if self._trouble is not None:
                    raise self._trouble from None
                raise
            finally:
                os.close(descriptor)
        finally:
            await client._let_go(handle)

    def _begin(self, transfer: SFTPTransfer, handle: bytes, descriptor: int, start: int) -> None:
        def sink(offset: int, data: bytes) -> int:
            try:
                _write_all(descriptor, data, offset)
            except OSError as error:
                # Raised from here, it would be the end of the whole connection.
                error.filename = str(self._local)
                self._trouble = error
                transfer.stop()
            return 0

        transfer.on_sink = sink
        if self._how.progress is not None:
            transfer.on_progress = lambda: self._how.report(self._remote, transfer.position, self._expected)
        if self._expected is not None:
            transfer.set_expected(self._expected)
        transfer.get(handle, start)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)


class Upload:
    """One file from here to there."""

    def __init__(self, local: Path, remote: str, how: _How) -> None:
        self._local, self._remote, self._how = local, remote, how
        self._trouble: OSError | None = None

    async def run(self, client: SFTPClient) -> None:
        """Send it."""
        descriptor = os.open(self._local, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            facts = os.fstat(descriptor)
            if not _stat.S_ISREG(facts.st_mode):
                raise OSError(None, "not a regular file", str(self._local))
            await self._send(client, descriptor, facts)
        finally:
            os.close(descriptor)

    async def _send(self, client: SFTPClient, descriptor: int, facts: os.stat_result) -> None:
        flags = SFTPFlag.WRITE | SFTPFlag.CREATE
        if not self._how.resume:
            flags |= SFTPFlag.TRUNCATE
        handle = await client.open_handle(self._remote, flags, SFTPAttrs(permissions=facts.st_mode & 0o777))
        try:
            start = 0
            if self._how.resume:
                start = (await client.ask(SFTPRequest.fstat, handle, take=lambda request: request.attrs)).size or 0
            source = _Source(descriptor, facts.st_size)
            await self._move(client, handle, source, start, facts.st_size)
            if source.ends_in_hole:
                await client.ask(SFTPRequest.fsetstat, handle, SFTPAttrs(size=facts.st_size))
            if self._how.preserve:
                await client.ask(SFTPRequest.fsetstat, handle, _kept(facts))
        except BaseException:
            await client._let_go(handle)
            raise
        # What a server says now may be that a write has failed.
        await client.close_handle(handle)

    async def _move(self, client: SFTPClient, handle: bytes, source: _Source, start: int, total: int) -> None:
        path = str(self._local)

        def begin(transfer: SFTPTransfer) -> None:
            def give(offset: int, size: int) -> bytes:
                try:
                    return source.read(transfer, offset, size)
                except OSError as error:
                    error.filename = path
                    self._trouble = error
                    transfer.stop()
                    return b""

            transfer.on_source = give
            if self._how.progress is not None:
                transfer.on_progress = lambda: self._how.report(path, transfer.position, total)
            transfer.put(handle, start)

        try:
            self._how.report(path, start, total)
            await move(client, begin)
            self._how.report(path, total, total)
        except Error:
            if self._trouble is not None:
                raise self._trouble from None
            raise


class _Source:
    """A local file, its holes left out."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size = descriptor, size
        # Where the data around the position ends; -1: not known yet.
        self._data_end = -1
        self.ends_in_hole = False

    def read(self, transfer: SFTPTransfer, offset: int, size: int) -> bytes:
        """What the transfer writes next."""
        if offset >= self._data_end and offset < self._size:
            offset = self._next_data(transfer, offset)
        return os.pread(self._descriptor, size, offset) if offset < self._size else b""

    def _next_data(self, transfer: SFTPTransfer, offset: int) -> int:
        try:
            begins = os.lseek(self._descriptor, offset, os.SEEK_DATA)
            self._data_end = os.lseek(self._descriptor, begins, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                # A file system that knows no holes.
                self._data_end = self._size
                return offset
            self.ends_in_hole = True
            return self._size
        if begins > offset:
            transfer.skip(begins - offset)
        return begins


class Copies:
    """The part of a client that copies files and trees."""

    async def get(self, remote: Text | Iterable[Text], local: LocalPath = ".", *, recursive: bool = False,
                  preserve: bool = False, resume: bool = False, follow_symlinks: bool = False,
                  progress: Progress | None = None, on_error: OnError | None = None) -> None:
        """Fetch files into a directory, or one file under another name.

        ``recursive``: directories as well; links in them are left out, unless ``follow_symlinks``. ``preserve``:
        permissions and times. ``resume``: go on behind what is here already. ``progress(path, done, size)``: called
        when a file begins, as it goes and when it is there; ``size`` is None where the server has not told.
        ``on_error(path, error)``: called for what could not be fetched, and the rest goes on; else the first error is
        raised, and what was under way ends."""
        how = _How(preserve, resume, follow_symlinks, progress, on_error)
        await _Tree(cast("SFTPClient", self), how).get(_list(remote), Path(local), recursive)

    async def put(self, local: LocalPath | Iterable[LocalPath], remote: Text = ".", *, recursive: bool = False,
                  preserve: bool = False, resume: bool = False, follow_symlinks: bool = False,
                  progress: Progress | None = None, on_error: OnError | None = None) -> None:
        """Send files, in the same way."""
        how = _How(preserve, resume, follow_symlinks, progress, on_error)
        paths = [Path(local)] if isinstance(local, (str, os.PathLike)) else [Path(path) for path in local]
        await _Tree(cast("SFTPClient", self), how).put(paths, as_text(remote), recursive)

    async def mget(self, pattern: Text, local: LocalPath = ".", **options: Any) -> None:
        """Fetch what a pattern fits; FileNotFoundError where that is nothing."""
        found = await cast("SFTPClient", self).glob(pattern)
        if not found:
            raise FileNotFoundError(f"nothing fits {as_text(pattern)!r}")
        await self.get(found, local, **options)

    async def mput(self, pattern: str, remote: Text = ".", **options: Any) -> None:
        """The same from here to there."""
        found = sorted(glob.glob(pattern))
        if not found:
            raise FileNotFoundError(f"nothing fits {pattern!r}")
        await self.put(found, remote, **options)


class _Tree:
    """A copy of files and directories, many at once. An error ends what is under way."""

    def __init__(self, client: SFTPClient, how: _How) -> None:
        self._client, self._how = client, how
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None
        self._later: list[tuple[Path, SFTPAttrs]] = []

    async def get(self, remotes: list[Text], local: Path, recursive: bool) -> None:
        """Fetch all of these."""
        into = local.is_dir()
        if len(remotes) > 1 and not into:
            raise NotADirectoryError(f"{local} is no directory, and there is more than one file")
        async with self._all():
            for remote in map(as_text, remotes):
                name = posixpath.basename(remote.rstrip("/"))
                target = local / name if into and name not in ("", ".", "..") else local
                await self._tell(remote, self._get(remote, target, recursive, 0))
        for folder, attrs in reversed(self._later):
            _restore(folder, attrs)

    async def _get(self, remote: str, local: Path, recursive: bool, depth: int) -> None:
        attrs = await self._client.stat(remote)
        if attrs.is_dir:
            if not recursive:
                raise IsADirectoryError(f"{remote} is a directory, and the copy is not recursive")
            await self._get_folder(remote, local, attrs, depth)
        else:
            await self._get_file(remote, local, attrs)

    async def _get_file(self, remote: str, local: Path, attrs: SFTPAttrs) -> None:
        await self._start(remote, lambda: self._fetch(remote, local, attrs))

    async def _fetch(self, remote: str, local: Path, attrs: SFTPAttrs) -> None:
        await Download(remote, local, attrs, self._how).run(self._client)
        if self._how.preserve:
            _restore(local, attrs)

    async def _get_folder(self, remote: str, local: Path, attrs: SFTPAttrs, depth: int) -> None:
        if depth > DEEPEST:
            raise OSError(None, f"directories are more than {DEEPEST} deep", remote)
        local.mkdir(0o777 if attrs.permissions is None else attrs.permissions & 0o777 | 0o700, exist_ok=True)
        if self._how.preserve:
            # Its time changes as files come into it, and it may be for reading only.
            self._later.append((local, attrs))
        taken: set[str] = set()
        async for entry in self._client.scandir(remote):
            if entry.name in taken:
                raise OSError(None, "the server has listed a name twice", entry.path)
            taken.add(entry.name)
            await self._tell(entry.path, self._get_entry(entry, local / entry.name, depth))

    async def _get_entry(self, entry: SFTPEntry, local: Path, depth: int) -> None:
        if entry.is_symlink:
            if self._how.follow:
                await self._get(entry.path, local, True, depth + 1)
        elif entry.is_dir:
            await self._get_folder(entry.path, local, entry.attrs, depth + 1)
        elif entry.is_file or entry.attrs.permissions is None:
            await self._get_file(entry.path, local, entry.attrs)

    async def put(self, locals_: list[Path], remote: str, recursive: bool) -> None:
        """Send all of these."""
        into = await self._client.is_dir(remote)
        if len(locals_) > 1 and not into:
            raise NotADirectoryError(f"{remote} is no directory, and there is more than one file")
        async with self._all():
            for local in locals_:
                name = local.name if local.name not in ("", "..") else local.resolve().name
                target = posixpath.join(remote, as_text(os.fsencode(name))) if into else remote
                await self._tell(str(local), self._put(local, target, recursive, 0))

    async def _put(self, local: Path, remote: str, recursive: bool, depth: int) -> None:
        if local.is_dir():
            if not recursive:
                raise IsADirectoryError(f"{local} is a directory, and the copy is not recursive")
            await self._put_folder(local, remote, depth)
        else:
            await self._start(str(local), lambda: Upload(local, remote, self._how).run(self._client))

    async def _put_folder(self, local: Path, remote: str, depth: int) -> None:
        if depth > DEEPEST:
            raise OSError(None, f"directories are more than {DEEPEST} deep", str(local))
        await self._client.makedirs(remote, exist_ok=True)
        for entry in sorted(local.iterdir()):
            if entry.is_symlink() and not self._how.follow or not (entry.is_dir() or entry.is_file()):
                continue
            target = posixpath.join(remote, as_text(os.fsencode(entry.name)))
            await self._tell(str(entry), self._put(entry, target, True, depth + 1))
        if self._how.preserve:
            await self._settle()
            await self._client.setstat(remote, _kept(local.stat()))

    # ---- Many at once ----

    async def _tell(self, path: str, work: Awaitable[None]) -> None:
        """Await; an error is told, or raised."""
        try:
            await work
        except (Error, OSError) as error:
            # Where the conversation itself is over, so is the copy.
            if self._how.on_error is None or self._client._error is not None:
                raise
            self._how.on_error(path, error)

    async def _start(self, path: str, work: Callable[[], Awaitable[None]]) -> None:
        """Have it done beside the rest, as soon as there is room."""
        await self._turns.acquire()
        if self._failed is not None:
            self._turns.release()
            raise self._failed

        async def run() -> None:
            try:
                await self._tell(path, work())
            except BaseException as error:
                self._failed = self._failed or error
            finally:
                self._turns.release()

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._failed is not None:
            raise self._failed

    @asynccontextmanager
    async def _all(self) -> AsyncGenerator[None, None]:
        """Everything that was started has ended when this is left."""
        try:
            yield
            await self._settle()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _list(paths: Text | Iterable[Text]) -> list[Text]:
    return [paths] if isinstance(paths, (str, bytes)) else list(paths)


def _kept(facts: os.stat_result) -> SFTPAttrs:
    """What is preserved of a local file."""
    attrs = SFTPAttrs.of_stat(facts)
    return SFTPAttrs(permissions=_stat.S_IMODE(facts.st_mode), atime=attrs.atime, mtime=attrs.mtime)


def _restore(local: Path, attrs: SFTPAttrs) -> None:
    """The same of a remote one. Never who it belongs to, and no set-user-id."""
    if attrs.permissions is not None:
        os.chmod(local, attrs.permissions & 0o777)
    if attrs.mtime is not None:
        os.utime(local, (attrs.atime or attrs.mtime, attrs.mtime))
