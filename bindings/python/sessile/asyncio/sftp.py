# SPDX-License-Identifier: Apache-2.0
"""The SFTP client on asyncio. :meth:`SSHClient.sftp` makes them."""

from __future__ import annotations

import asyncio
import fnmatch
import posixpath
import stat as _stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _sessile
from .._base import Text
from ..constants import Role, SFTPFlag, SFTPNumber, SFTPOperation
from ..errors import ClosedError, Error, LimitError, SFTPEOFError, SFTPError, SFTPNotFoundError, error_for
from ..sftp import SFTP, SFTPAttrs, SFTPName, SFTPRequest
from .opening import Opening
from .sftp_copy import Copies
from .sftp_file import SFTPFile, as_text, flags_of
from .sftp_path import SFTPPath

if TYPE_CHECKING:
    from ..stream import Channel
    from .client import SSHClient

T = TypeVar("T")
# Requests that are kept to be used again.
SPARE = 64


@dataclass(frozen=True)
class SFTPEntry:
    """An entry of a directory. ``name`` is the server's word: escape it before it reaches a terminal."""

    name: str
    path: str
    attrs: SFTPAttrs
    longname: bytes

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory, and no link to one."""
        return self.attrs.is_dir

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, and no link to one."""
        return self.attrs.is_file

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self.attrs.is_symlink


class SFTPClient(Copies):
    """Files of a server. ``async with`` ends it. Paths are text (UTF-8, other bytes kept by surrogateescape) or bytes,
    relative to where the server begins. What the server refuses raises an :class:`SFTPError`, which is an OSError, too:
    FileNotFoundError, PermissionError. Any number of calls may be under way at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sftp = SFTP(Role.CLIENT)
        self._sftp.on_closed = self._closed
        self._sftp.on_resume = self._resumed
        self._sftp.on_ready = self._ready
        self._opened: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._error: Error | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._spare: list[SFTPRequest] = []

    # ---- Life ----

    @classmethod
    async def start(cls, client: SSHClient, subsystem: str = "sftp", command: Text | None = None) -> SFTPClient:
        """Start the server's subsystem, or the command that speaks the protocol, and wait until it is ready."""
        sftp = cls(asyncio.get_running_loop())
        channel = client.ssh.open_session()
        try:
            sftp._ask_for(channel, subsystem, command)
            await sftp._opened
        except BaseException:
            sftp.abort()
            if not channel.over:
                channel.abort()
            raise
        return sftp

    def _ask_for(self, channel: Channel, subsystem: str, command: Text | None) -> None:
        """The conversation takes over in the callback: what comes right behind the answer is its own."""

        def opened() -> None:
            if command is None:
                channel.request_subsystem(subsystem)
            else:
                channel.request_exec(command)

        def answered(accepted: bool) -> None:
            if accepted:
                self._sftp.attach(channel)
                return
            self._fail(error_for(_sessile.ERR_REFUSED, f"the server does not start {command or subsystem!r}"))
            channel.abort()

        channel.on_open, channel.on_reply = opened, answered
        channel.on_closed = lambda error: self._fail(error or error_for(_sessile.ERR_DROPPED))

    def _ready(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _fail(self, error: Error) -> None:
        """It is over, before or after it was ready."""
        self._error = self._error or error
        if not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()
        if not self._over.done():
            self._over.set_result(None)
        self._resumed()

    def _closed(self, error: Error | None) -> None:
        self._fail(error or error_for(_sessile.ERR_CLOSED, "the SFTP conversation has ended"))

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._error is not None

    def close(self) -> None:
        """End it: what is under way is over."""
        try:
            self._sftp.end()
        except Error:
            pass

    def abort(self) -> None:
        """Be done with it at once."""
        self.close()
        self._fail(error_for(_sessile.ERR_ABORTED))

    async def wait_closed(self) -> None:
        """Wait until it is over."""
        await asyncio.shield(self._over)

    async def __aenter__(self) -> SFTPClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()

    # ---- Requests ----

    def _resumed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def room(self) -> None:
        """Wait until requests are taken again."""
        if self._error is not None:
            raise self._error
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future

    async def ask(self, submit: Callable[..., None], *arguments: object,
                  take: Callable[[SFTPRequest], T] | None = None) -> T:
        """Submit a request, and return what ``take`` makes of the answer. ``submit``: a method of
        :class:`SFTPRequest`, as a function."""
        request = self._spare.pop() if self._spare else self._request()
        future: asyncio.Future[Any] = self._loop.create_future()

        def reply() -> None:
            if future.done():
                return
            error = request.error
            try:
                if error is not None:
                    raise error
                future.set_result(take(request) if take is not None else None)
            except Error as raised:
                future.set_exception(raised)

        request.on_reply = reply
        try:
            await self._submit(submit, request, arguments)
            result: T = await future
        except BaseException:
            request.free()
            raise
        if len(self._spare) < SPARE:
            self._spare.append(request)
        return result

    def _request(self) -> SFTPRequest:
        if self._error is not None:
            raise self._error
        return SFTPRequest(self._sftp)

    async def _submit(self, submit: Callable[..., None], request: SFTPRequest, arguments: tuple[object, ...]) -> None:
        while True:
            try:
                submit(request, *arguments)
                return
            except LimitError:
                await self.room()
            except ClosedError:
                raise self._error or error_for(_sessile.ERR_CLOSED) from None

    def supports(self, operation: SFTPOperation) -> bool:
        """Whether the server offers an extension."""
        return self._sftp.supports(operation)

    @property
    def extensions(self) -> dict[bytes, bytes]:
        """The extensions that the server named, and what is behind each."""
        return self._sftp.extensions

    # ---- Files ----

    def path(self, *parts: str | bytes) -> SFTPPath:
        """A path in the manner of pathlib."""
        return SFTPPath(self, *parts)

    async def open(self, path: Text, mode: str = "rb", attrs: SFTPAttrs | None = None) -> SFTPFile:
        """Open a file: ``mode`` as the builtin open's, "b" in it, for what goes through here is bytes."""
        flags = flags_of(mode)
        handle = await self.open_handle(path, flags, attrs)
        return SFTPFile(self, handle, flags)

    async def open_handle(self, path: Text, flags: SFTPFlag, attrs: SFTPAttrs | None = None) -> bytes:
        """The server's handle of a file."""
        return await self.ask(SFTPRequest.open, path, flags, attrs, take=lambda request: request.handle)

    async def close_handle(self, handle: bytes) -> None:
        """Close a handle."""
        await self.ask(SFTPRequest.close, handle)

    async def read_bytes(self, path: Text) -> bytes:
        """All of a file."""
        async with await self.open(path) as file:
            return await file.read()

    async def write_bytes(self, path: Text, data: bytes) -> None:
        """Make a file, or replace what is in it."""
        async with await self.open(path, "wb") as file:
            await file.write(data)

    # ---- What is there ----

    async def stat(self, path: Text, *, follow_symlinks: bool = True) -> SFTPAttrs:
        """Attributes."""
        submit = SFTPRequest.stat if follow_symlinks else SFTPRequest.lstat
        return await self.ask(submit, path, take=lambda request: request.attrs)

    async def lstat(self, path: Text) -> SFTPAttrs:
        """The same, of a link itself."""
        return await self.stat(path, follow_symlinks=False)

    async def exists(self, path: Text) -> bool:
        """Whether there is something."""
        try:
            await self.stat(path)
        except SFTPNotFoundError:
            return False
        return True

    async def is_dir(self, path: Text) -> bool:
        """Whether there is a directory."""
        try:
            return (await self.stat(path)).is_dir
        except SFTPNotFoundError:
            return False

    async def scandir(self, path: Text = ".") -> AsyncIterator[SFTPEntry]:
        """The entries of a directory, without "." and ".."."""
        handle = await self.ask(SFTPRequest.opendir, path, take=lambda request: request.handle)
        start = as_text(path)
        try:
            while True:
                try:
                    names: list[SFTPName] = await self.ask(
                        SFTPRequest.readdir, handle, take=lambda request: request.names)
                except SFTPEOFError:
                    return
                for found in names:
                    if found.name not in (b".", b".."):
                        name = as_text(found.name)
                        yield SFTPEntry(name, posixpath.join(start, name), found.attrs, found.longname)
        finally:
            await self._let_go(handle)

    async def _let_go(self, handle: bytes) -> None:
        """Close what only a reader has, whatever has happened: nothing is lost."""
        if self._error is None:
            try:
                SFTPRequest(self._sftp).close(handle)
            except Error:
                pass

    async def listdir(self, path: Text = ".") -> list[str]:
        """The names in a directory, without "." and ".."."""
        return [entry.name async for entry in self.scandir(path)]

    async def walk(self, path: Text = ".") -> AsyncIterator[tuple[str, list[SFTPEntry], list[SFTPEntry]]]:
        """As os.walk, from the top: a directory, the directories in it, and all else. Links are not followed; take
        directories out of the list, and they are not entered."""
        waiting = [as_text(path)]
        while waiting:
            here = waiting.pop()
            entries = [entry async for entry in self.scandir(here)]
            folders = [entry for entry in entries if entry.is_dir]
            yield here, folders, [entry for entry in entries if not entry.is_dir]
            waiting += [entry.path for entry in reversed(folders)]

    async def glob(self, pattern: Text) -> list[str]:
        """The paths that a pattern fits, sorted: ``*``, ``?``, ``[...]`` in any of its names. Names that begin with a
        dot are fitted by a dot alone."""
        text = as_text(pattern)
        found = ["/"] if text.startswith("/") else [""]
        for name in (part for part in text.split("/") if part):
            found = [path for start in found for path in await self._fitting(start, name)]
        return sorted(found)

    async def _fitting(self, start: str, name: str) -> list[str]:
        if not any(mark in name for mark in "*?["):
            path = posixpath.join(start, name)
            return [path] if await self._is_there(path) else []
        try:
            entries = [entry async for entry in self.scandir(start or ".")]
        except SFTPError:
            return []
        return [posixpath.join(start, entry.name) for entry in entries
                if fnmatch.fnmatchcase(entry.name, name) and (name[0] == "." or entry.name[0] != ".")]

    async def _is_there(self, path: str) -> bool:
        try:
            await self.lstat(path)
        except SFTPError:
            return False
        return True

    async def statvfs(self, path: Text = ".") -> dict[SFTPNumber, int]:
        """About the file system that a path is on, as statvfs(3)."""
        return await self.ask(SFTPRequest.statvfs, path, take=lambda request: request.numbers)

    async def realpath(self, path: Text = ".") -> str:
        """The path from the root on, links followed."""
        return as_text(await self.ask(SFTPRequest.realpath, path, take=lambda request: request.name))

    async def expand(self, path: Text) -> str:
        """The same where "~" is understood, if the server can (expand-path@openssh.com)."""
        return as_text(await self.ask(SFTPRequest.expand_path, path, take=lambda request: request.name))

    async def home(self, user: Text | None = None) -> str:
        """Where a user is at home, if the server can (home-directory). None: where the conversation began, which for
        most servers is the home of whoever is logged in."""
        if user is None:
            return await self.realpath(".")
        return as_text(await self.ask(SFTPRequest.home_directory, user, take=lambda request: request.name))

    async def readlink(self, path: Text) -> str:
        """Where a link leads."""
        return as_text(await self.ask(SFTPRequest.readlink, path, take=lambda request: request.name))

    async def names_of(self, users: list[int], groups: list[int]) -> tuple[list[str], list[str]]:
        """The names of users and groups by their numbers, "" for unknown ones (users-groups-by-id@openssh.com)."""
        found = await self.ask(SFTPRequest.users_groups, users, groups,
                               take=lambda request: [as_text(each.name) for each in request.names])
        return found[:len(users)], found[len(users):]

    # ---- Changes ----

    async def setstat(self, path: Text, attrs: SFTPAttrs, *, follow_symlinks: bool = True) -> None:
        """Set attributes."""
        await self.ask(SFTPRequest.setstat if follow_symlinks else SFTPRequest.lsetstat, path, attrs)

    async def chmod(self, path: Text, mode: int) -> None:
        """Set permissions."""
        await self.setstat(path, SFTPAttrs(permissions=_stat.S_IMODE(mode)))

    async def chown(self, path: Text, uid: int, gid: int) -> None:
        """Set owner and group."""
        await self.setstat(path, SFTPAttrs(uid=uid, gid=gid))

    async def utime(self, path: Text, atime: int, mtime: int) -> None:
        """Set the times, in seconds since 1970."""
        await self.setstat(path, SFTPAttrs(atime=atime, mtime=mtime))

    async def truncate(self, path: Text, size: int) -> None:
        """Set a file's size."""
        await self.setstat(path, SFTPAttrs(size=size))

    async def remove(self, path: Text) -> None:
        """Remove a file."""
        await self.ask(SFTPRequest.remove, path)

    async def mkdir(self, path: Text, mode: int | None = None) -> None:
        """Make a directory."""
        await self.ask(SFTPRequest.mkdir, path, None if mode is None else SFTPAttrs(permissions=mode))

    async def makedirs(self, path: Text, mode: int | None = None, *, exist_ok: bool = False) -> None:
        """Make a directory, and those above it that are not there."""
        name = as_text(path)
        above = posixpath.dirname(name.rstrip("/"))
        if above not in ("", "/") and not await self.exists(above):
            await self.makedirs(above, mode, exist_ok=True)
        try:
            await self.mkdir(name, mode)
        except SFTPError:
            # The protocol has no status of its own for what is there already.
            if not (exist_ok and await self.is_dir(name)):
                raise

    async def rmdir(self, path: Text) -> None:
        """Remove an empty directory."""
        await self.ask(SFTPRequest.rmdir, path)

    async def rmtree(self, path: Text) -> None:
        """Remove a directory and all that is in it. Links are removed, not followed."""
        inside = [entry async for entry in self.scandir(path)]
        for entry in inside:
            await (self.rmtree(entry.path) if entry.is_dir else self.remove(entry.path))
        await self.rmdir(path)

    async def rename(self, old: Text, new: Text) -> None:
        """Rename; what is at ``new`` stays, and this raises."""
        await self.ask(SFTPRequest.rename, old, new)

    async def replace(self, old: Text, new: Text) -> None:
        """Rename, in the place of what is at ``new`` (posix-rename@openssh.com)."""
        await self.ask(SFTPRequest.posix_rename, old, new)

    async def symlink(self, target: Text, path: Text) -> None:
        """Make ``path`` a link to ``target``. They are sent as OpenSSH's server takes them; asyncssh's server expects
        them the other way round from clients that are not OpenSSH's."""
        await self.ask(SFTPRequest.symlink, target, path)

    async def link(self, old: Text, new: Text) -> None:
        """Give a file another name (hardlink@openssh.com)."""
        await self.ask(SFTPRequest.hardlink, old, new)

    async def copy(self, source: Text, target: Text) -> None:
        """Copy a file on the server (copy-data)."""
        async with await self.open(source) as one, await self.open(target, "wb") as other:
            await self.ask(SFTPRequest.copy_data, one.handle, 0, 0, other.handle, 0)


class SFTPOpening(Opening[SFTPClient]):
    """An SFTP client that is being started: ``await`` it, or ``async with`` it."""
