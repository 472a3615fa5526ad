# SPDX-License-Identifier: Apache-2.0
"""SFTP servers on asyncio: a directory and nothing outside it, or a handler whose methods are coroutines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from .. import _sessile
from .._base import Text
from ..constants import Role, SFTPFlag, SFTPNumber, SFTPOperation, SFTPStatus
from ..errors import CallerError, Error, LimitError, SFTPError, error_for
from ..sftp import SFTP, SFTPAttrs
from ..sftp_server import SFTPJob

if TYPE_CHECKING:
    from ..stream import Channel
    from .server import SSHServerConnection

Over = Callable[["Error | None"], None]


class SFTPService(Protocol):
    """What serves a client's files."""

    def serve(self, connection: SSHServerConnection, channel: Channel, over: Over) -> object:
        """Begin, at once: what the client says first may come right behind. ``over(error)`` is to be called at the end.
        What is returned is held until then."""


class SFTPDirectory:
    """A directory, and nothing outside it, whatever paths and links there are: the client's "/". It is safe against
    what others change at the same moment, too. Calls go straight to the file system, on the event loop's thread. Any
    number of clients may use one."""

    def __init__(self, root: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self._files = _sessile.Files(root, read_only)

    def serve(self, connection: SSHServerConnection, channel: Channel, over: Over) -> object:
        """Serve a client."""
        guest = _Guest(channel, over)
        with channel._lent(guest):
            guest.held = self._files.serve(guest.slot, channel._handle)
        return guest


class _Guest:
    """Hears of the end."""

    held: object = None

    def __init__(self, channel: Channel, over: Over) -> None:
        self.slot = _sessile.Slot(self)
        self._channel, self._over = channel, over

    def _closed(self, code: int) -> None:
        self._channel._carries_no_more()
        self._over(error_for(code) if code < 0 else None)


class SFTPHandler:
    """A server's files, made up by its methods: override what is to be there; each may take its time, and many run at
    once. What they return or raise is the answer: an OSError, an :class:`SFTPError`; anything else that is raised is
    STATUS_FAILURE, and goes to the loop's exception handler. Paths are the client's bytes, as it sent them. What
    ``open`` and ``opendir`` return stands for the file in the other calls."""

    connection: SSHServerConnection

    async def open(self, path: bytes, flags: SFTPFlag, attrs: SFTPAttrs) -> object:
        """Open a file."""
        raise NotImplementedError

    async def close(self, file: Any) -> None:
        """Close a file or a directory, once each: also where the client has gone without it."""

    async def read(self, file: Any, offset: int, size: int) -> bytes:
        """1 to ``size`` bytes from there; b"" at the end."""
        raise NotImplementedError

    async def write(self, file: Any, offset: int, data: bytes) -> None:
        """Write all of it there."""
        raise NotImplementedError

    async def opendir(self, path: bytes) -> object:
        """Open a directory."""
        raise NotImplementedError

    async def readdir(self, directory: Any) -> list[tuple[Text, SFTPAttrs]]:
        """Some names with their attributes, as many as come at once; [] after the last."""
        raise NotImplementedError

    async def stat(self, path: bytes) -> SFTPAttrs:
        """Attributes."""
        raise NotImplementedError

    async def lstat(self, path: bytes) -> SFTPAttrs:
        """The same, of a link itself."""
        return await self.stat(path)

    async def fstat(self, file: Any) -> SFTPAttrs:
        """The same, of an open file."""
        raise NotImplementedError

    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Set attributes."""
        raise NotImplementedError

    async def lsetstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """The same, of a link itself."""
        raise NotImplementedError

    async def fsetstat(self, file: Any, attrs: SFTPAttrs) -> None:
        """The same, of an open file."""
        raise NotImplementedError

    async def remove(self, path: bytes) -> None:
        """Remove a file."""
        raise NotImplementedError

    async def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Make a directory."""
        raise NotImplementedError

    async def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        raise NotImplementedError

    async def realpath(self, path: bytes) -> Text:
        """The path from the root on."""
        kept: list[bytes] = []
        for name in path.split(b"/"):
            if name == b"..":
                del kept[-1:]
            elif name not in (b"", b"."):
                kept.append(name)
        return b"/" + b"/".join(kept)

    async def rename(self, old: bytes, new: bytes) -> None:
        """Rename, and fail where there is something at ``new``."""
        raise NotImplementedError

    async def posix_rename(self, old: bytes, new: bytes) -> None:
        """Rename, in the place of what is there."""
        raise NotImplementedError

    async def readlink(self, path: bytes) -> Text:
        """Where a link leads."""
        raise NotImplementedError

    async def symlink(self, target: bytes, path: bytes) -> None:
        """Make ``path`` a link to ``target``."""
        raise NotImplementedError

    async def hardlink(self, old: bytes, new: bytes) -> None:
        """Give a file another name."""
        raise NotImplementedError

    async def fsync(self, file: Any) -> None:
        """Have a file's bytes reach the medium."""
        raise NotImplementedError

    async def statvfs(self, path: bytes) -> dict[SFTPNumber, int]:
        """About the file system."""
        raise NotImplementedError

    async def fstatvfs(self, file: Any) -> dict[SFTPNumber, int]:
        """The same, by an open file."""
        raise NotImplementedError

    async def expand_path(self, path: bytes) -> Text:
        """As realpath, where "~" is understood."""
        raise NotImplementedError

    async def home_directory(self, user: bytes) -> Text:
        """Where a user is at home; b"" is whoever is logged in."""
        raise NotImplementedError

    async def copy_data(self, source: Any, offset: int, size: int, target: Any, target_offset: int) -> None:
        """Copy between open files; ``size`` 0 is all to the end."""
        raise NotImplementedError

    async def users_groups(self, users: list[int], groups: list[int]) -> tuple[list[Text], list[Text]]:
        """Their names; "" for unknown ones."""
        raise NotImplementedError

    # ---- Serving ----

    read_only = False
    """Whether what would change a file is refused before it comes here."""

    def serve(self, connection: SSHServerConnection, channel: Channel, over: Over) -> object:
        """Serve a client with this object."""
        self.connection = connection
        return _Served(self, connection, channel, over)


# What each extension's method is called: those that are overridden are offered.
_EXTENSIONS = {
    operation: operation.name.lower() for operation in SFTPOperation
    if operation >= SFTPOperation.POSIX_RENAME and operation is not SFTPOperation.LIMITS
}


class _Served:
    """One client of a handler's. Open files are kept by number."""

    def __init__(self, handler: SFTPHandler, connection: SSHServerConnection, channel: Channel, over: Over) -> None:
        self._handler, self._connection, self._channel, self._over = handler, connection, channel, over
        self._files: dict[int, object] = {}
        # Names of a directory that did not fit into an answer.
        self._rest: dict[int, list[tuple[Text, SFTPAttrs]]] = {}
        # The last write to each file: OpenSSH's clients cut a file short whose writes are answered out of order.
        self._writes: dict[int, asyncio.Future[None]] = {}
        self._given = 0
        self._tasks: dict[SFTPJob, asyncio.Task[None]] = {}
        self._sftp = SFTP(Role.SERVER)
        for operation, name in _EXTENSIONS.items():
            if getattr(type(handler), name) is not getattr(SFTPHandler, name):
                self._sftp.serve(operation)
        self._sftp.set_read_only(handler.read_only)
        self._sftp.on_job = self._do
        self._sftp.on_withdrawn = self._withdrawn
        self._sftp.on_release = self._released
        self._sftp.on_closed = self._closed
        self._sftp.attach(channel)

    # ---- From the library ----

    def _do(self, job: SFTPJob) -> None:
        task = self._tasks[job] = self._connection.spawn(self._answer(job))
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def _withdrawn(self, job: SFTPJob) -> None:
        task = self._tasks.get(job)
        # A file is to be closed whatever becomes of the client.
        if task is not None and job.operation is not SFTPOperation.CLOSE:
            task.cancel()

    def _released(self, number: int) -> None:
        self._rest.pop(number, None)
        self._writes.pop(number, None)
        file = self._files.pop(number, None)
        if file is not None:
            self._connection.spawn(self._handler.close(file))

    def _closed(self, error: Error | None) -> None:
        self._over(error)

    # ---- Answers ----

    async def _answer(self, job: SFTPJob) -> None:
        try:
            await self._work(job)
        except asyncio.CancelledError:
            raise
        except CallerError:
            # It was withdrawn meanwhile.
            pass
        except Exception as error:
            status, words = _status_of(error)
            try:
                job.answer_status(status, words)
            except CallerError:
                pass
            if not isinstance(error, (Error, OSError, EOFError, NotImplementedError)):
                raise

    async def _work(self, job: SFTPJob) -> None:
        kind = job.operation
        if kind in (SFTPOperation.OPEN, SFTPOperation.OPENDIR):
            await self._open(job, kind)
        elif kind is SFTPOperation.CLOSE:
            await self._handler.close(self._files.pop(job.file(), None))
            job.answer_status(SFTPStatus.OK)
        elif kind is SFTPOperation.READDIR:
            await self._readdir(job)
        elif kind is SFTPOperation.WRITE:
            await self._write(job)
        elif kind is SFTPOperation.USERS_GROUPS:
            users, groups = await self._handler.users_groups(job.ids(False), job.ids(True))
            for name in (*users, *groups):
                job.add_name(name)
            job.answer_names()
        else:
            _ANSWERS[kind](job, await _CALLS[kind](self._handler, job, self._files))

    async def _open(self, job: SFTPJob, kind: SFTPOperation) -> None:
        if kind is SFTPOperation.OPEN:
            file = await self._handler.open(job.path(), job.flags, job.attrs)
        else:
            file = await self._handler.opendir(job.path())
        self._given += 1
        self._files[self._given] = file
        try:
            job.answer_handle(self._given)
        except Error as error:
            # Too many are open, or the client has gone.
            await self._handler.close(self._files.pop(self._given, None))
            if not isinstance(error, LimitError):
                raise

    async def _write(self, job: SFTPJob) -> None:
        """Many at once, answered in the order in which they came."""
        number = job.file()
        before = self._writes.get(number)
        mine = self._writes[number] = asyncio.get_running_loop().create_future()
        try:
            try:
                await self._handler.write(self._files[number], job.offset(), job.data)
            finally:
                if before is not None:
                    await before
            job.answer_status(SFTPStatus.OK)
        finally:
            # Behind the answer, be it one that says no.
            mine.get_loop().call_soon(_settle, mine)

    async def _readdir(self, job: SFTPJob) -> None:
        number = job.file()
        names = self._rest.pop(number, None) or list(await self._handler.readdir(self._files[number]))
        added = 0
        try:
            for name, attrs in names:
                job.add_name(name, b"", attrs)
                added += 1
        except LimitError:
            if not added:
                raise
            self._rest[number] = names[added:]
        job.answer_names()


Call = Callable[[SFTPHandler, SFTPJob, "dict[int, Any]"], Awaitable[Any]]

_CALLS: dict[SFTPOperation, Call] = {
    SFTPOperation.READ: lambda h, j, f: h.read(f[j.file()], j.offset(), j.length),
    SFTPOperation.STAT: lambda h, j, f: h.stat(j.path()),
    SFTPOperation.LSTAT: lambda h, j, f: h.lstat(j.path()),
    SFTPOperation.FSTAT: lambda h, j, f: h.fstat(f[j.file()]),
    SFTPOperation.SETSTAT: lambda h, j, f: h.setstat(j.path(), j.attrs),
    SFTPOperation.LSETSTAT: lambda h, j, f: h.lsetstat(j.path(), j.attrs),
    SFTPOperation.FSETSTAT: lambda h, j, f: h.fsetstat(f[j.file()], j.attrs),
    SFTPOperation.REMOVE: lambda h, j, f: h.remove(j.path()),
    SFTPOperation.MKDIR: lambda h, j, f: h.mkdir(j.path(), j.attrs),
    SFTPOperation.RMDIR: lambda h, j, f: h.rmdir(j.path()),
    SFTPOperation.REALPATH: lambda h, j, f: h.realpath(j.path()),
    SFTPOperation.RENAME: lambda h, j, f: h.rename(j.path(), j.path(1)),
    SFTPOperation.POSIX_RENAME: lambda h, j, f: h.posix_rename(j.path(), j.path(1)),
    SFTPOperation.READLINK: lambda h, j, f: h.readlink(j.path()),
    SFTPOperation.SYMLINK: lambda h, j, f: h.symlink(j.path(), j.path(1)),
    SFTPOperation.HARDLINK: lambda h, j, f: h.hardlink(j.path(), j.path(1)),
    SFTPOperation.FSYNC: lambda h, j, f: h.fsync(f[j.file()]),
    SFTPOperation.STATVFS: lambda h, j, f: h.statvfs(j.path()),
    SFTPOperation.FSTATVFS: lambda h, j, f: h.fstatvfs(f[j.file()]),
    SFTPOperation.EXPAND_PATH: lambda h, j, f: h.expand_path(j.path()),
    SFTPOperation.HOME_DIRECTORY: lambda h, j, f: h.home_directory(j.path()),
    SFTPOperation.COPY_DATA: lambda h, j, f: h.copy_data(f[j.file()], j.offset(), j.length, f[j.file(1)], j.offset(1)),
}


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _done(job: SFTPJob, _: object) -> None:
    job.answer_status(SFTPStatus.OK)


_BRING: dict[SFTPOperation, Callable[[SFTPJob, Any], None]] = {
    SFTPOperation.READ: SFTPJob.answer_data,
    SFTPOperation.STAT: SFTPJob.answer_attrs,
    SFTPOperation.LSTAT: SFTPJob.answer_attrs,
    SFTPOperation.FSTAT: SFTPJob.answer_attrs,
    SFTPOperation.REALPATH: SFTPJob.answer_name,
    SFTPOperation.READLINK: SFTPJob.answer_name,
    SFTPOperation.EXPAND_PATH: SFTPJob.answer_name,
    SFTPOperation.HOME_DIRECTORY: SFTPJob.answer_name,
    SFTPOperation.STATVFS: SFTPJob.answer_numbers,
    SFTPOperation.FSTATVFS: SFTPJob.answer_numbers,
}
_ANSWERS = {kind: _BRING.get(kind, _done) for kind in _CALLS}


def _status_of(error: Exception) -> tuple[SFTPStatus, str | None]:
    """What an error is to the client. Nothing of this side's paths is told."""
    if isinstance(error, SFTPError):
        status = error.status if error.status in set(SFTPStatus) else SFTPStatus.FAILURE
        return SFTPStatus(status), _words(error.text)
    if isinstance(error, EOFError):
        return SFTPStatus.EOF, None
    if isinstance(error, FileNotFoundError):
        return SFTPStatus.NO_SUCH_FILE, None
    if isinstance(error, PermissionError):
        return SFTPStatus.PERMISSION_DENIED, None
    if isinstance(error, NotImplementedError):
        return SFTPStatus.UNSUPPORTED, None
    if isinstance(error, OSError):
        return SFTPStatus.FAILURE, _words(error.strerror or "")
    return SFTPStatus.FAILURE, None


def _words(text: str) -> str | None:
    """What there is room for."""
    return text.replace("\0", "").encode("utf-8", "replace")[:256].decode("utf-8", "ignore") or None
