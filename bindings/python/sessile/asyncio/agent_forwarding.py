# SPDX-License-Identifier: Apache-2.0
"""Agent forwarding: on a client, the way from a channel of the server's to the agent here; on a server, a Unix socket
that leads to the client's agent."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..ssh import SSH
from .channel import Relay
from .unix import UnixListener, listening_unix

AGENT_CHANNEL, AGENT_REQUEST = "auth-agent@openssh.com", "auth-agent-req@openssh.com"

_EXTENSION, _BIND = 27, b"session-bind@openssh.com"
_ANSWER_MAX = 256 * 1024


def agent_path(agent: str | bool) -> str:
    """The socket of an agent; True stands for that of SSH_AUTH_SOCK, and FileNotFoundError says that there is none."""
    path = os.environ.get("SSH_AUTH_SOCK") if agent is True else agent
    if not path:
        raise FileNotFoundError("there is no SSH_AUTH_SOCK")
    return path


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def binding(ssh: SSH) -> bytes:
    """The request that tells an agent to which server its connection is forwarded (OpenSSH's PROTOCOL.agent, 1): it
    then holds back the keys that are not for there."""
    host_key = ssh.host_key
    assert host_key is not None
    parts = (_BIND, host_key.blob(), ssh.session_id, ssh.host_signature)
    return _string(bytes([_EXTENSION]) + b"".join(map(_string, parts)) + b"\1")


class BoundAgent(Relay):
    """The connection to the agent here. It is bound to the session before anything of the server's gets there; what the
    agent says to that, which may be that it knows of no such thing, is not the server's to see."""

    def __init__(self, request: bytes) -> None:
        super().__init__()
        self._request = request
        self._answer: bytearray | None = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio's."""
        super().connection_made(transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """As asyncio's."""
        if self._answer is None:
            super().data_received(data)
            return
        self._answer += data
        size = 4 + int.from_bytes(self._answer[:4], "big")
        if len(self._answer) >= 4 and size > _ANSWER_MAX:
            self.transport.abort()
        elif len(self._answer) >= max(size, 4):
            rest, self._answer = bytes(self._answer[size:]), None
            if rest:
                super().data_received(rest)


class AgentSocket:
    """A Unix socket in a folder of its own, which nobody else may enter. Whoever connects to it is joined to the
    client's agent by ``joined``."""

    def __init__(self, folder: str, path: str, listener: UnixListener) -> None:
        self.path = path
        self._folder = folder
        self._listener = listener

    @classmethod
    async def listen(cls, loop: asyncio.AbstractEventLoop, joined: Callable[[Relay], object]) -> AgentSocket:
        """Listen; OSError where that cannot be."""
        folder = tempfile.mkdtemp(prefix="sessile-agent-")
        path = str(Path(folder) / "socket")
        try:
            return cls(folder, path, await listening_unix(loop, lambda: Relay(joined), path))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def close(self) -> None:
        """Listen no more, and remove the folder. What is connected stays."""
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)
