# SPDX-License-Identifier: Apache-2.0
"""Serving SFTP: what a client asks for is a job, answered at once or later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _sessile
from ._base import Buffer, Owner, Text, octets
from .constants import SFTPFlag, SFTPNumber, SFTPOperation, SFTPStatus
from .sftp import SFTPAttrs, attrs_handle, attrs_of

if TYPE_CHECKING:
    from ._sessile import Handle
    from .sftp import SFTP


class SFTPJob(Owner):
    """A request of a client's. One that is neither answered nor held on to is answered with STATUS_FAILURE. Open files
    are numbers of the application's, given with the answer to OPEN or OPENDIR; what the client has of them cannot be
    forged. Answers raise :class:`GoneError` where the job was answered or withdrawn, :class:`MisuseError` where they
    are none to it."""

    def __init__(self, sftp: SFTP, handle: Handle) -> None:
        self._sftp = sftp
        self._handle = handle

    @property
    def sftp(self) -> SFTP:
        """The end that it came to."""
        return self._sftp

    # ---- What is asked ----

    @property
    def operation(self) -> SFTPOperation:
        """What is to be done."""
        return SFTPOperation(_sessile.sftp_job_operation(self._handle))

    def path(self, index: int = 0) -> bytes:
        """A path: the client's bytes, without a NUL. Index 1: where to, of what has two; of SYMLINK the link, and index
        0 its target. The user of HOME_DIRECTORY, the name of EXTENDED."""
        return _sessile.sftp_job_path(self._handle, index)

    def file(self, index: int = 0) -> int:
        """The number of the open file; index 1: where to, of COPY_DATA."""
        return _sessile.sftp_job_file(self._handle, index)

    def offset(self, index: int = 0) -> int:
        """Where to read or write; index 1: where to, of COPY_DATA."""
        return _sessile.sftp_job_offset(self._handle, index)

    @property
    def length(self) -> int:
        """How much to read; of COPY_DATA, 0 is all."""
        return _sessile.sftp_job_length(self._handle)

    @property
    def flags(self) -> SFTPFlag:
        """How to open."""
        return SFTPFlag(_sessile.sftp_job_flags(self._handle))

    @property
    def data(self) -> bytes:
        """What to write; what followed the name of EXTENDED."""
        return _sessile.sftp_job_data(self._handle)

    @property
    def attrs(self) -> SFTPAttrs:
        """Attributes of what is to be made, or to be set."""
        return attrs_of(lambda handle: _sessile.sftp_job_attrs(self._handle, handle))

    def ids(self, groups: bool) -> list[int]:
        """Which users, or groups, USERS_GROUPS asks about."""
        count = _sessile.sftp_job_id_count(self._handle, groups)
        return [_sessile.sftp_job_id(self._handle, groups, index) for index in range(count)]

    # ---- Answers ----

    def answer_status(self, status: SFTPStatus, words: str | None = None) -> None:
        """Any job, but OK is no answer to what brings something. ``words``: for the client, 256 bytes at most."""
        _sessile.sftp_answer_status(self._handle, status, words)

    def answer_handle(self, file: int) -> None:
        """OPEN, OPENDIR: the number that stands for the file. :class:`LimitError` where too many are open: the client
        was told, and the number is not given."""
        _sessile.sftp_answer_handle(self._handle, file)

    def answer_data(self, data: Buffer) -> None:
        """READ: 1 byte to what was asked for; none is the end of the file. EXTENDED: up to 32 KiB."""
        _sessile.sftp_answer_data(self._handle, data)

    def add_name(self, name: Text, longname: Text = b"", attrs: SFTPAttrs | None = None) -> None:
        """What brings names: add one. :class:`LimitError` where the answer is full: it goes into the next."""
        _sessile.sftp_answer_add_name(self._handle, octets(name), octets(longname), attrs_handle(attrs))

    def answer_names(self) -> None:
        """Answer with the names that were added; none, for READDIR, is the end."""
        _sessile.sftp_answer_names(self._handle)

    def answer_name(self, name: Text) -> None:
        """Answer with one name."""
        self.add_name(name)
        self.answer_names()

    def answer_attrs(self, attrs: SFTPAttrs) -> None:
        """STAT, LSTAT, FSTAT."""
        _sessile.sftp_answer_attrs(self._handle, attrs_handle(attrs))

    def answer_numbers(self, numbers: dict[SFTPNumber, int]) -> None:
        """STATVFS, FSTATVFS."""
        for number, value in numbers.items():
            _sessile.sftp_answer_set_vfs(self._handle, number, value)
        _sessile.sftp_answer_vfs(self._handle)
