# SPDX-License-Identifier: Apache-2.0
"""Errors, as a tree: whose fault it was decides the branch, the code decides the leaf.

``Error`` has a branch for what the caller did (``CallerError``), one for what the peer did (``PeerFaultError``) and
one for what happened on this side (``LocalError``)."""

from __future__ import annotations

import errno
import re

from . import _sessile

# How a text ends that a certificate of TLS is the subject of: libcrypto's words, and its number.
_VERDICT = re.compile(r": ([^:]+) \((\d+)\)$")


class Error(_sessile.Error):
    """Something failed. ``code`` is one of the library's numbers, ``text`` a sentence about what happened: what the
    peer or the caller did, the message, the value and the limit, with the peer's bytes escaped."""

    code: int
    text: str

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.text} ({_sessile.error_name(self.code)})"


class CallerError(Error):
    """A call that cannot be: the object is as it was."""


class MisuseError(CallerError):
    """The call is not allowed in this state."""


class ArgumentError(CallerError, ValueError):
    """An argument is not usable."""


class BusyError(CallerError):
    """Another thread is inside this session at the moment."""


class GoneError(CallerError):
    """A stream, a question or a handle has outlived what it belonged to."""


class ClosedError(CallerError):
    """This direction, or the whole session, has ended already."""


class PeerFaultError(Error):
    """The peer did what it must not, or did not do what it must."""


class ProtocolError(PeerFaultError):
    """The peer sent what the protocol forbids."""


class PeerError(PeerFaultError):
    """The peer ended the session with an error of its own, such as a fatal TLS alert."""


class NegotiationError(PeerFaultError):
    """The peers have no version, cipher, group, signature or application protocol in common."""


class VerificationError(PeerFaultError):
    """The peer did not prove to be who it must be. ``reason`` says why in a few words; ``verify_code`` is libcrypto's
    number for it (X509_V_*) where a certificate of TLS was at fault, else 0."""

    reason: str
    verify_code: int

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        said = _VERDICT.search(text)
        self.reason = said.group(1) if said else text
        self.verify_code = int(said.group(2)) if said else 0


class TruncatedError(PeerFaultError, EOFError):
    """The wire closed where the protocol had more to say. Data may be missing."""


class DroppedError(PeerFaultError, EOFError):
    """The wire closed between two units with nothing open."""


class LocalError(Error):
    """Something on this side."""


class FailedError(LocalError):
    """The session has failed before."""


class OutOfMemoryError(LocalError, MemoryError):
    """The allocator returned nothing."""


class LimitError(LocalError):
    """A limit of ours was reached; the text names it."""


class CallbackError(LocalError):
    """A callback raised: what it raised came out of the call that led to it."""


class CommError(LocalError):
    """The comms layer's send failed."""


class RefusedError(LocalError):
    """A question was refused, or the peer refused what was asked of it. ``reason`` is the peer's number where a channel
    was not opened (RFC 4254, section 5.1), else 0."""

    reason: int = 0


class SFTPError(RefusedError, OSError):
    """An SFTP server did not do what it was asked to. ``status``: an :class:`SFTPStatus`, or another number of the
    server's. ``errno`` is the system's number for it, where there is one."""

    status: int

    def __init__(self, code: int, text: str, status: int = 0) -> None:
        super().__init__(code, text)
        self.status = status
        self.errno = _ERRNO.get(status)
        self.strerror = text
        self.filename = self.filename2 = None


class SFTPNotFoundError(SFTPError, FileNotFoundError):
    """There is no such file (STATUS_NO_SUCH_FILE)."""


class SFTPPermissionError(SFTPError, PermissionError):
    """The server does not permit it (STATUS_PERMISSION_DENIED)."""


class SFTPEOFError(SFTPError, EOFError):
    """The end of a file or a directory (STATUS_EOF)."""


class SFTPUnsupportedError(SFTPError):
    """The server does not know how (STATUS_OP_UNSUPPORTED)."""


class AbortedError(LocalError):
    """The session was aborted on this side, or ended before it was ready."""


class CryptoError(LocalError):
    """libssl or libcrypto failed for a reason that is not the peer's."""


class UnsupportedError(LocalError):
    """This build, or the libcrypto it runs on, does not have what was asked for."""


class PassphraseError(LocalError, ValueError):
    """A key file is encrypted, and the passphrase is missing or wrong."""


_CLASSES: dict[int, type[Error]] = {
    _sessile.ERR_FAILED: FailedError,
    _sessile.ERR_MISUSE: MisuseError,
    _sessile.ERR_ARGUMENT: ArgumentError,
    _sessile.ERR_MEMORY: OutOfMemoryError,
    _sessile.ERR_BUSY: BusyError,
    _sessile.ERR_GONE: GoneError,
    _sessile.ERR_CLOSED: ClosedError,
    _sessile.ERR_LIMIT: LimitError,
    _sessile.ERR_CALLBACK: CallbackError,
    _sessile.ERR_COMM: CommError,
    _sessile.ERR_PROTOCOL: ProtocolError,
    _sessile.ERR_PEER: PeerError,
    _sessile.ERR_NEGOTIATION: NegotiationError,
    _sessile.ERR_VERIFY: VerificationError,
    _sessile.ERR_REFUSED: RefusedError,
    _sessile.ERR_DROPPED: DroppedError,
    _sessile.ERR_TRUNCATED: TruncatedError,
    _sessile.ERR_ABORTED: AbortedError,
    _sessile.ERR_CRYPTO: CryptoError,
    _sessile.ERR_UNSUPPORTED: UnsupportedError,
    _sessile.ERR_PASSPHRASE: PassphraseError,
}
_sessile.error_classes.update(_CLASSES)


_ERRNO = {
    _sessile.SFTP_STATUS_NO_SUCH_FILE: errno.ENOENT,
    _sessile.SFTP_STATUS_PERMISSION_DENIED: errno.EACCES,
    _sessile.SFTP_STATUS_UNSUPPORTED: errno.EOPNOTSUPP,
}
_SFTP_CLASSES: dict[int, type[SFTPError]] = {
    _sessile.SFTP_STATUS_EOF: SFTPEOFError,
    _sessile.SFTP_STATUS_NO_SUCH_FILE: SFTPNotFoundError,
    _sessile.SFTP_STATUS_PERMISSION_DENIED: SFTPPermissionError,
    _sessile.SFTP_STATUS_UNSUPPORTED: SFTPUnsupportedError,
}


def sftp_error(status: int, text: str) -> SFTPError:
    """The exception for a status of an SFTP server's. ``text``: its words; "" for the usual ones."""
    words = text or _sessile.sftp_status_text(status)
    return _SFTP_CLASSES.get(status, SFTPError)(_sessile.ERR_REFUSED, words, status)


def error_for(code: int, text: str = "") -> Error:
    """The exception that stands for a negative code. ``text``: what happened; "" for the code's own sentence."""
    return _CLASSES.get(code, Error)(code, text or _sessile.error_describe(code))
