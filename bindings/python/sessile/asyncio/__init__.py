# SPDX-License-Identifier: Apache-2.0
"""Sessions on asyncio: TLS in asyncio's own forms, and SSH, client and server, on any transport."""

from .agent import AgentClient
from .auth import LockedKey
from .channel import ChannelTransport, Listener
from .client import SSHClient, connect
from .connection import SSHConnection
from .endpoints import (
    create_connection,
    create_server,
    create_unix_connection,
    create_unix_server,
    open_connection,
    open_unix_connection,
    start_server,
    start_tls,
    start_tls_streams,
    start_unix_server,
)
from .pipes import ProcessPipes, connect_process
from .process import CompletedProcess, Process, ProcessError, Terminal
from .server import Ask, ServerProcess, SSHServer, SSHServerConnection, SSHServerHandler, listen
from .sftp import SFTPClient, SFTPEntry, SFTPOpening
from .sftp_file import SFTPFile
from .sftp_path import SFTPPath
from .sftp_server import SFTPDirectory, SFTPHandler, SFTPService
from .tls import TLSInfo, TLSTransport
from .transport import StreamTransport
from .wire import Wire
from .x11 import X11Offer

__all__ = [
    "AgentClient", "Ask", "ChannelTransport", "CompletedProcess", "Listener", "LockedKey", "Process",
    "ProcessError", "ProcessPipes", "SFTPClient", "SFTPDirectory", "SFTPEntry", "SFTPFile", "SFTPHandler",
    "SFTPOpening", "SFTPPath", "SFTPService", "SSHClient", "SSHConnection", "SSHServer", "SSHServerConnection",
    "SSHServerHandler", "ServerProcess", "StreamTransport", "TLSInfo", "TLSTransport", "Terminal", "Wire",
    "X11Offer", "connect", "connect_process", "create_connection", "create_server", "create_unix_connection",
    "create_unix_server", "listen", "open_connection", "open_unix_connection", "start_server", "start_tls",
    "start_tls_streams", "start_unix_server",
]
