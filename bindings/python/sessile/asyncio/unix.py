# SPDX-License-Identifier: Apache-2.0
"""Unix sockets that listen for what is forwarded: for this user alone, never in the place of something that is there
already, and gone from the file system when they are closed (as OpenSSH's StreamLocalBindMask and -Unlink have it)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

from .wire import listening


class UnixListener:
    """One of them."""

    def __init__(self, server: asyncio.AbstractServer, path: str) -> None:
        self._server = server
        self._path = path
        self._mark = _mark(path)

    def close(self) -> None:
        """Listen no more, and remove the file, unless another has taken its place."""
        self._server.close()
        if self._mark is not None and _mark(self._path) == self._mark:
            os.unlink(self._path)
        self._mark = None


def _mark(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def listening_unix(
    loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.BaseProtocol], path: str
) -> UnixListener:
    """Listen there; OSError where something is there, or it cannot be made."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made = False
    try:
        bound.bind(path)
        made = True
        os.chmod(path, 0o600)  # Before it listens: until then nobody gets in.
        create: Any = loop.create_unix_server
        return UnixListener(await listening(create, factory, sock=bound), path)
    except BaseException:
        bound.close()
        if made:
            os.unlink(path)
        raise
