# SPDX-License-Identifier: Apache-2.0
"""Sessile: secure sessions, TLS and SSH, that never touch the wire.

A :class:`Session` is handed the bytes that arrived and hands back the bytes to send; what carries them is the
program's. :mod:`sessile.proposal` has the three calls of the interface it all began with."""

from ._sessile import abi_version as abi_version
from ._sessile import version as _version
from .agent import Agent, AgentKey, AgentReply
from .constants import (
    ChannelEvent,
    Counter,
    HostStatus,
    Item,
    Notice,
    QuestionKind,
    Role,
    SFTPAttr,
    SFTPFlag,
    SFTPLimit,
    SFTPNumber,
    SFTPOperation,
    SFTPStatus,
)
from .errors import (
    AbortedError,
    ArgumentError,
    BusyError,
    CallbackError,
    CallerError,
    ClosedError,
    CommError,
    CryptoError,
    DroppedError,
    Error,
    FailedError,
    GoneError,
    LimitError,
    LocalError,
    MisuseError,
    NegotiationError,
    OutOfMemoryError,
    PassphraseError,
    PeerError,
    PeerFaultError,
    ProtocolError,
    RefusedError,
    SFTPEOFError,
    SFTPError,
    SFTPNotFoundError,
    SFTPPermissionError,
    SFTPUnsupportedError,
    TruncatedError,
    UnsupportedError,
    VerificationError,
    error_for,
)
from .keys import FOREVER, Certificate, CertificateKind, Hash, Key, KeyFormat, PublicFormat
from .question import Question
from .session import Session, pair
from .sftp import SFTP, SFTPAttrs, SFTPName, SFTPRequest, SFTPTransfer
from .sftp_server import SFTPJob
from .ssh import SSH, Algorithms, Limit, SSHConfig, SSHInfo, algorithms
from .stream import Channel, Stream
from .tls import (
    OCSP,
    TLS,
    AskPeer,
    ChannelBinding,
    ClientCertificate,
    TicketKeys,
    TLSConfig,
    TLSVersion,
)
from .trust import KRL, Allow, AuthorizedKeys, BadLine, Grant, HostCheck, KnownHosts, Principals

__version__: str = _version()

__all__ = [
    "AbortedError", "Agent", "AgentKey", "AgentReply", "Algorithms", "Allow", "ArgumentError", "AskPeer",
    "AuthorizedKeys", "BadLine", "BusyError", "CallbackError", "CallerError", "Certificate", "CertificateKind",
    "Channel", "ChannelBinding", "ChannelEvent", "ClientCertificate", "ClosedError", "CommError", "Counter",
    "CryptoError", "DroppedError", "Error", "FOREVER", "FailedError", "GoneError", "Grant", "Hash", "HostCheck",
    "HostStatus", "Item", "KRL", "Key", "KeyFormat", "KnownHosts", "Limit", "LimitError", "LocalError",
    "MisuseError", "NegotiationError", "Notice", "OCSP", "OutOfMemoryError", "PassphraseError", "PeerError",
    "PeerFaultError", "Principals", "ProtocolError", "PublicFormat", "Question", "QuestionKind", "RefusedError",
    "Role", "SFTP", "SFTPAttr", "SFTPAttrs", "SFTPEOFError", "SFTPError", "SFTPFlag", "SFTPJob", "SFTPLimit",
    "SFTPName", "SFTPNotFoundError", "SFTPNumber", "SFTPOperation", "SFTPPermissionError", "SFTPRequest",
    "SFTPStatus", "SFTPTransfer", "SFTPUnsupportedError", "SSH", "SSHConfig", "SSHInfo", "Session", "Stream", "TLS",
    "TLSConfig", "TLSVersion", "TicketKeys", "TruncatedError", "UnsupportedError", "VerificationError",
    "abi_version", "algorithms", "error_for", "pair",
]
