# SPDX-License-Identifier: Apache-2.0
"""SFTP version 3 (draft-ietf-secsh-filexfer-02) as a reaction to bytes, over a stream or over bytes of the caller's.

:class:`SFTP` is one end. A client's requests are :class:`SFTPRequest` objects, whole files go by
:class:`SFTPTransfer`; a server answers an :class:`SFTPJob` each (:mod:`sessile.sftp_server`). Names are bytes, and what
a server says of them is its own word: escape it before it reaches a terminal."""

from __future__ import annotations

import stat as _stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from . import _sessile
from ._base import Buffer, Owner, Text, existing, octets
from .constants import Role, SFTPAttr, SFTPFlag, SFTPLimit, SFTPNumber, SFTPOperation
from .errors import Error, error_for, sftp_error

if TYPE_CHECKING:
    from ._sessile import Handle
    from .sftp_server import SFTPJob
    from .stream import Stream

PAUSE = _sessile.SFTP_PAUSE
"""What on_sink returns to be given no more."""
UNKNOWN_SIZE = 2**64 - 1
"""The length of what goes up to its end, whatever that is."""


@dataclass(frozen=True)
class SFTPAttrs:
    """What is known or wanted of a file; None is not told. ``permissions`` are as st_mode, with the file's type;
    ``atime`` and ``mtime`` are seconds since 1970. Owners travel in pairs, and so do the times: the other one of a pair
    is 0 where it is not given."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    atime: int | None = None
    mtime: int | None = None

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return _stat.S_ISDIR(self.permissions or 0)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return _stat.S_ISREG(self.permissions or 0)

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return _stat.S_ISLNK(self.permissions or 0)

    @classmethod
    def of_stat(cls, facts: object) -> SFTPAttrs:
        """Of an os.stat_result, or what looks like one."""
        values = (getattr(facts, name) for name in ("st_size", "st_uid", "st_gid", "st_mode", "st_atime", "st_mtime"))
        size, uid, gid, mode, atime, mtime = (int(value) for value in values)
        return cls(size, uid, gid, mode, _time(atime), _time(mtime))


def _time(seconds: int) -> int:
    """What the protocol has room for."""
    return min(max(seconds, 0), 2**32 - 1)


_NAMES = tuple((attr, attr.name.lower()) for attr in SFTPAttr)


def attrs_handle(attrs: SFTPAttrs | None) -> Handle | None:
    """An object of the library's with the same in it."""
    if attrs is None:
        return None
    handle = existing(_sessile.sftp_attrs_new())
    for attr, name in _NAMES:
        value = getattr(attrs, name)
        if value is not None:
            _sessile.sftp_attrs_set(handle, attr, value)
    return handle


def attrs_of(fill: Callable[[Handle], object]) -> SFTPAttrs:
    """What a call writes into an object of the library's."""
    handle = existing(_sessile.sftp_attrs_new())
    fill(handle)
    return SFTPAttrs(*(_sessile.sftp_attrs_get(handle, attr) if _sessile.sftp_attrs_has(handle, attr) else None
                       for attr, _ in _NAMES))


@dataclass(frozen=True)
class SFTPName:
    """An entry of a directory: its name, a line as of ``ls -l`` in the server's words, and its attributes."""

    name: bytes
    longname: bytes
    attrs: SFTPAttrs


class SFTP(Owner):
    """One end of a conversation. Callbacks are attributes:

    - ``on_ready()``: a client has the server's version and extensions, a server the client's.
    - ``on_closed(error)``: it is over, after the answers to what was under way: None for a clean end.
    - ``on_resume()``: a call raised :class:`LimitError` before, and there is room again; over bytes, :attr:`room` is
      not 0 any more.
    - ``on_send(data)``: over bytes: send them. Returns how many were taken, None for all; what was not is given again
      after :meth:`writable`.
    - ``on_job(job)``: a server: a request of the client's, to be answered now, or held on to and answered later.
    - ``on_withdrawn(job)``: one that was held is no longer of interest.
    - ``on_release(file)``: a server: the number that was given for an open file is of no use any more.

    A conversation that is under way lives as long as this object."""

    on_ready: Callable[[], object] | None = None
    on_closed: Callable[[Error | None], object] | None = None
    on_resume: Callable[[], object] | None = None
    on_send: Callable[[bytes], int | None] | None = None
    on_job: Callable[[SFTPJob], object] | None = None
    on_withdrawn: Callable[[SFTPJob], object] | None = None
    on_release: Callable[[int], object] | None = None

    def __init__(self, role: Role) -> None:
        self._slot = _sessile.Slot(self)
        self._handle = existing(_sessile.sftp_new(role, self._slot))
        self._busy: set[Owner] = set()
        self._jobs: WeakValueDictionary[int, SFTPJob] = WeakValueDictionary()
        self._stream: Stream | None = None
        _sessile.sftp_set_ready(self._handle, True)
        _sessile.sftp_set_closed(self._handle, True)
        _sessile.sftp_set_resume(self._handle, True)
        if role == Role.SERVER:
            _sessile.sftp_set_job(self._handle, True)
            _sessile.sftp_set_withdrawn(self._handle, True)
            _sessile.sftp_set_release(self._handle, True)

    # ---- What carries it ----

    def attach(self, stream: Stream) -> None:
        """Run over a stream, whose callbacks and credit it takes over, and which it ends; a client begins at once. The
        stream's session needs ``on_resume``."""
        with stream._lent(self):
            _sessile.sftp_attach(self._handle, stream._handle)
        self._stream = stream

    def start(self) -> None:
        """Run over bytes: ``on_send`` sends, :meth:`receive` takes what arrives."""
        _sessile.sftp_start(self._handle, True)

    def receive(self, data: Buffer) -> None:
        """Bytes that arrived: all are taken. More than :attr:`room` is a :class:`LimitError`, and none is."""
        _sessile.sftp_receive(self._handle, data)

    @property
    def room(self) -> int:
        """How many bytes can be handed in now; 0: stop reading until ``on_resume``."""
        return _sessile.sftp_room(self._handle)

    def receive_end(self) -> None:
        """No more will arrive."""
        _sessile.sftp_receive_end(self._handle)

    def writable(self) -> None:
        """``on_send`` took less than it was given before, and can take more."""
        _sessile.sftp_writable(self._handle)

    def end(self) -> None:
        """End: nothing more is asked or answered; what was produced still goes out. Requests under way are over."""
        _sessile.sftp_end(self._handle)

    @property
    def error(self) -> Error | None:
        """What made it fail, or None."""
        code = _sessile.sftp_error(self._handle)
        return error_for(code, _sessile.sftp_error_text(self._handle)) if code else None

    # ---- What the peer can ----

    @property
    def extensions(self) -> dict[bytes, bytes]:
        """What the peer said with its version: names, and what is behind each."""
        count = _sessile.sftp_extension_count(self._handle)
        return {_sessile.sftp_extension_name(self._handle, index): _sessile.sftp_extension_value(self._handle, index)
                for index in range(count)}

    def supports(self, operation: SFTPOperation) -> bool:
        """Whether it can be asked of the server, or is served."""
        return bool(_sessile.sftp_supports(self._handle, operation))

    def limit(self, limit: SFTPLimit) -> int:
        """A limit of the server's, or a safe value."""
        return _sessile.sftp_limit(self._handle, limit)

    # ---- Before a server runs ----

    def serve(self, operation: SFTPOperation) -> None:
        """Offer an extension, from POSIX_RENAME on: those that are not offered are no jobs."""
        _sessile.sftp_serve(self._handle, operation)

    def serve_extended(self, name: str, value: str = "") -> None:
        """Offer an extension that is not known here: its jobs are EXTENDED."""
        _sessile.sftp_serve_extended(self._handle, name, value)

    def set_read_only(self, on: bool = True) -> None:
        """Refuse whatever would change a file, before it is a job."""
        _sessile.sftp_set_read_only(self._handle, on)

    def set_limits(self, files: int = 256, jobs: int = 64) -> None:
        """How many files may be open, and how many jobs without an answer; then no more is taken."""
        _sessile.sftp_set_limits(self._handle, files, jobs)

    # ---- From the library ----

    def _closed(self, code: int) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream._carries_no_more()
        if self.on_closed is not None:
            self.on_closed(self._explain(code) if code < 0 else None)

    def _explain(self, code: int) -> Error:
        error = self.error
        return error if error is not None and error.code == code else error_for(code)

    def _job(self, handle: Handle) -> None:
        from .sftp_server import SFTPJob

        if self.on_job is not None:
            job = SFTPJob(self, handle)
            if self.on_withdrawn is not None:
                self._jobs[handle.address] = job
            self.on_job(job)

    def _withdrawn(self, handle: Handle) -> None:
        job = self._jobs.get(handle.address)
        if job is not None and self.on_withdrawn is not None:
            self.on_withdrawn(job)

    def _release(self, file: int) -> None:
        if self.on_release is not None:
            self.on_release(file)


class SFTPRequest(Owner):
    """A client's request, which can be submitted again when it is answered. ``on_reply()`` is called for each answer;
    what the answer brought is to be read while it runs. Paths are text or bytes without a NUL, 4,096 bytes at most;
    handles are what ``open`` and ``opendir`` brought. A call raises :class:`LimitError` where too much is under way,
    and ``on_resume`` says when that is over."""

    on_reply: Callable[[], object] | None = None

    def __init__(self, sftp: SFTP, on_reply: Callable[[], object] | None = None) -> None:
        if on_reply is not None:
            self.on_reply = on_reply
        self._sftp = sftp
        self._slot = _sessile.Slot(self)
        self._handle = existing(_sessile.sftp_request_new(sftp._handle, True, self._slot))

    def _submit(self, call: Callable[..., int], *arguments: object) -> None:
        call(self._handle, *arguments)
        # Until it is answered, somebody has to hold it.
        self._sftp._busy.add(self)

    def _reply(self) -> None:
        self._sftp._busy.discard(self)
        if self.on_reply is not None:
            self.on_reply()

    def free(self) -> None:
        """Forget it, and what is under way: a file that it opens is closed, and no callback follows."""
        self._sftp._busy.discard(self)
        super().free()

    # ---- Submitting ----

    def open(self, path: Text, flags: SFTPFlag, attrs: SFTPAttrs | None = None) -> None:
        """Open a file: brings a handle."""
        self._submit(_sessile.sftp_open, octets(path), flags, attrs_handle(attrs))

    def close(self, handle: Buffer) -> None:
        """Close a file or a directory."""
        self._submit(_sessile.sftp_close, handle)

    def read(self, handle: Buffer, offset: int, length: int) -> None:
        """Read up to LIMIT_READ bytes: brings at least one, or STATUS_EOF."""
        self._submit(_sessile.sftp_read, handle, offset, length)

    def write(self, handle: Buffer, offset: int, data: Buffer) -> None:
        """Write up to LIMIT_WRITE bytes."""
        self._submit(_sessile.sftp_write, handle, offset, data)

    def stat(self, path: Text) -> None:
        """Attributes of what a path leads to."""
        self._submit(_sessile.sftp_stat, octets(path))

    def lstat(self, path: Text) -> None:
        """The same, of a link itself."""
        self._submit(_sessile.sftp_lstat, octets(path))

    def fstat(self, handle: Buffer) -> None:
        """The same, of an open file."""
        self._submit(_sessile.sftp_fstat, handle)

    def setstat(self, path: Text, attrs: SFTPAttrs) -> None:
        """Set attributes."""
        self._submit(_sessile.sftp_setstat, octets(path), attrs_handle(attrs))

    def lsetstat(self, path: Text, attrs: SFTPAttrs) -> None:
        """The same, of a link itself."""
        self._submit(_sessile.sftp_lsetstat, octets(path), attrs_handle(attrs))

    def fsetstat(self, handle: Buffer, attrs: SFTPAttrs) -> None:
        """The same, of an open file."""
        self._submit(_sessile.sftp_fsetstat, handle, attrs_handle(attrs))

    def opendir(self, path: Text) -> None:
        """Open a directory: brings a handle."""
        self._submit(_sessile.sftp_opendir, octets(path))

    def readdir(self, handle: Buffer) -> None:
        """Some of its names, "." and ".." among them; STATUS_EOF after the last."""
        self._submit(_sessile.sftp_readdir, handle)

    def remove(self, path: Text) -> None:
        """Remove a file."""
        self._submit(_sessile.sftp_remove, octets(path))

    def mkdir(self, path: Text, attrs: SFTPAttrs | None = None) -> None:
        """Make a directory."""
        self._submit(_sessile.sftp_mkdir, octets(path), attrs_handle(attrs))

    def rmdir(self, path: Text) -> None:
        """Remove an empty directory."""
        self._submit(_sessile.sftp_rmdir, octets(path))

    def realpath(self, path: Text) -> None:
        """The path from the root on: brings a name."""
        self._submit(_sessile.sftp_realpath, octets(path))

    def rename(self, old: Text, new: Text) -> None:
        """Rename; what is at ``new`` stays, and the request fails."""
        self._submit(_sessile.sftp_rename, octets(old), octets(new))

    def posix_rename(self, old: Text, new: Text) -> None:
        """Rename, in the place of what is at ``new``."""
        self._submit(_sessile.sftp_posix_rename, octets(old), octets(new))

    def readlink(self, path: Text) -> None:
        """What a link says: brings a name."""
        self._submit(_sessile.sftp_readlink, octets(path))

    def symlink(self, target: Text, path: Text) -> None:
        """Make ``path`` a link to ``target``."""
        self._submit(_sessile.sftp_symlink, octets(target), octets(path))

    def hardlink(self, old: Text, new: Text) -> None:
        """Give a file another name."""
        self._submit(_sessile.sftp_hardlink, octets(old), octets(new))

    def fsync(self, handle: Buffer) -> None:
        """Have a file's bytes reach its medium."""
        self._submit(_sessile.sftp_fsync, handle)

    def statvfs(self, path: Text) -> None:
        """About the file system: brings numbers."""
        self._submit(_sessile.sftp_statvfs, octets(path))

    def fstatvfs(self, handle: Buffer) -> None:
        """The same, by an open file."""
        self._submit(_sessile.sftp_fstatvfs, handle)

    def expand_path(self, path: Text) -> None:
        """As realpath, where "~" is understood."""
        self._submit(_sessile.sftp_expand_path, octets(path))

    def home_directory(self, user: Text) -> None:
        """Where a user is at home: brings a name."""
        self._submit(_sessile.sftp_home_directory, octets(user))

    def copy_data(self, handle: Buffer, offset: int, length: int, to: Buffer, to_offset: int) -> None:
        """Copy between open files, or in one; ``length`` 0: all to the end."""
        self._submit(_sessile.sftp_copy_data, handle, offset, length, to, to_offset)

    def users_groups(self, users: list[int], groups: list[int]) -> None:
        """The names of users and groups: brings one for each, in that order; b"" for an unknown one."""
        ids = b"".join(number.to_bytes(4, "big") for number in [*users, *groups])
        self._submit(_sessile.sftp_users_groups, ids, len(users))

    def extended(self, name: str, data: Buffer) -> None:
        """An extension that is not known here. Brings data, or a status."""
        self._submit(_sessile.sftp_extended, name, data)

    # ---- The answer ----

    @property
    def error(self) -> Error | None:
        """None, an :class:`SFTPError` with what the server said, EOF included, or why there is no answer."""
        result = _sessile.sftp_request_result(self._handle)
        if result >= 0:
            return None
        if result == _sessile.ERR_REFUSED:
            return sftp_error(self.status, self.text)
        return self._sftp._explain(result)

    @property
    def status(self) -> int:
        """A :class:`SFTPStatus`, or another number of the server's."""
        return _sessile.sftp_request_status(self._handle)

    @property
    def text(self) -> str:
        """The server's words, escaped."""
        return _sessile.sftp_request_text(self._handle)

    @property
    def operation(self) -> SFTPOperation:
        """What was asked for last."""
        return SFTPOperation(_sessile.sftp_request_operation(self._handle))

    @property
    def handle(self) -> bytes:
        """The handle that the answer brought."""
        return _sessile.sftp_request_handle(self._handle)

    @property
    def data(self) -> bytes:
        """The data."""
        return _sessile.sftp_request_data(self._handle)

    @property
    def names(self) -> list[SFTPName]:
        """The names."""
        return [SFTPName(_sessile.sftp_request_name(self._handle, index),
                         _sessile.sftp_request_longname(self._handle, index), self._attrs(index))
                for index in range(_sessile.sftp_request_name_count(self._handle))]

    @property
    def name(self) -> bytes:
        """The first of them."""
        return _sessile.sftp_request_name(self._handle, 0)

    @property
    def attrs(self) -> SFTPAttrs:
        """The attributes."""
        return self._attrs(0)

    def _attrs(self, index: int) -> SFTPAttrs:
        return attrs_of(lambda handle: _sessile.sftp_request_attrs(self._handle, index, handle))

    @property
    def numbers(self) -> dict[SFTPNumber, int]:
        """What statvfs brought."""
        return {number: _sessile.sftp_request_vfs(self._handle, number) for number in SFTPNumber}


class SFTPTransfer(Owner):
    """One whole file on its way, and then another; many reads or writes are under way at once. Callbacks are
    attributes:

    - ``on_sink(offset, data)``: bytes of a get, in their order. PAUSE: no more until :meth:`resume`.
    - ``on_source(offset, size)``: what a put is to write next, ``size`` bytes at most; b"" at the end, None where there
      is nothing for now, until :meth:`resume`. It may call :meth:`skip`, resume and stop, and nothing else.
    - ``on_progress()``: :attr:`position` has moved.
    - ``on_done()``: it is over: :attr:`error` says how."""

    on_sink: Callable[[int, bytes], object] | None = None
    on_source: Callable[[int, int], Buffer | None] | None = None
    on_done: Callable[[], object] | None = None
    _on_progress: Callable[[], object] | None = None

    def __init__(self, sftp: SFTP) -> None:
        self._sftp = sftp
        self._slot = _sessile.Slot(self)
        self._handle = existing(_sessile.sftp_transfer_new(sftp._handle, True, self._slot))

    @property
    def on_progress(self) -> Callable[[], object] | None:
        """Called when the position has moved."""
        return self._on_progress

    @on_progress.setter
    def on_progress(self, call: Callable[[], object] | None) -> None:
        self._on_progress = call
        _sessile.sftp_transfer_set_progress(self._handle, call is not None)

    def set_window(self, window: int) -> None:
        """How many bytes may be under way at once: 32 KiB to 1 GiB."""
        _sessile.sftp_transfer_set_window(self._handle, window)

    def set_expected(self, size: int) -> None:
        """The size that a file is expected to have: a get does not ask far beyond it."""
        _sessile.sftp_transfer_set_expected(self._handle, size)

    def get(self, handle: Buffer, offset: int = 0, length: int = UNKNOWN_SIZE) -> None:
        """Fetch an open file, from offset on."""
        _sessile.sftp_get(self._handle, handle, offset, length, True)
        self._sftp._busy.add(self)

    def put(self, handle: Buffer, offset: int = 0) -> None:
        """Write an open file, from offset on."""
        _sessile.sftp_put(self._handle, handle, offset, True)
        self._sftp._busy.add(self)

    def resume(self) -> None:
        """The sink takes more, or the source has more."""
        _sessile.sftp_transfer_resume(self._handle)

    def skip(self, size: int) -> None:
        """In ``on_source``: a hole; what it then returns comes behind it."""
        _sessile.sftp_transfer_skip(self._handle, size)

    def stop(self) -> None:
        """End it at once; ``on_done`` is called."""
        _sessile.sftp_transfer_stop(self._handle)

    def free(self) -> None:
        """Forget it; no callback follows."""
        self._sftp._busy.discard(self)
        super().free()

    @property
    def position(self) -> int:
        """Up to where the file is done: what one that broke off goes on from."""
        return _sessile.sftp_transfer_position(self._handle)

    @property
    def error(self) -> Error | None:
        """How it ended: None, an :class:`SFTPError`, or what else happened."""
        result = _sessile.sftp_transfer_result(self._handle)
        if result >= 0:
            return None
        if result == _sessile.ERR_REFUSED:
            return sftp_error(_sessile.sftp_transfer_status(self._handle), _sessile.sftp_transfer_text(self._handle))
        return self._sftp._explain(result)

    # ---- From the library ----

    def _done(self) -> None:
        self._sftp._busy.discard(self)
        if self.on_done is not None:
            self.on_done()

    def _progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress()

    def _sink(self, offset: int, data: bytes) -> object:
        if self.on_sink is None:
            raise error_for(_sessile.ERR_MISUSE, "a get without on_sink")
        return self.on_sink(offset, data)

    def _source(self, offset: int, size: int) -> Buffer | None:
        if self.on_source is None:
            raise error_for(_sessile.ERR_MISUSE, "a put without on_source")
        return self.on_source(offset, size)
