# SPDX-License-Identifier: Apache-2.0
"""Forwarding as the command line has it: -L, -R and -D."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from dataclasses import dataclass

from ..asyncio import Listener, SSHClient
from ..errors import Error
from ..openssh import ConfigError
from ..openssh.options import read_port

_PART = re.compile(r"\[([^\]]*)\](?=:|$)|([^:]*)")
PIECE = 65536
SOCKS_VERSION, SOCKS_CONNECT = 5, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_DONE, _FAILED, _NO_COMMAND, _NO_ADDRESS = 0, 1, 7, 8


@dataclass(frozen=True)
class End:
    """A host and a port, or a path."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host or '*'}:{self.port}"


def _parts(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while True:
        match = _PART.match(text, at)
        assert match is not None
        found.append(match.group(1) if match.group(1) is not None else match.group(2))
        at = match.end()
        if at >= len(text):
            return found
        at += 1


def parse_forward(text: str, listen_zero: bool = False) -> tuple[End, End]:
    """Where to listen and where to connect, of "[bind:]port:host:port" with paths in place of either."""
    parts = _parts(text)
    try:
        return _ends(parts, listen_zero)
    except ValueError as error:
        raise ConfigError(f"forwarding {text!r}: {error}") from None


def _ends(parts: list[str], listen_zero: bool) -> tuple[End, End]:
    near: End
    if parts[0].startswith("/"):
        near, rest = End(path=parts[0]), parts[1:]
    elif len(parts) in (2, 3) and (len(parts) == 3 or parts[1].startswith("/")) and not parts[-1].startswith("/"):
        near, rest = _listening("127.0.0.1", parts[0], listen_zero), parts[1:]
    elif parts[-1].startswith("/"):
        bind = parts[0] if len(parts) == 3 else "127.0.0.1"
        near, rest = _listening(bind, parts[-2], listen_zero), parts[-1:]
    else:
        near, rest = _listening(parts[0], parts[1] if len(parts) > 1 else "", listen_zero), parts[2:]
    if len(rest) == 1 and rest[0].startswith("/"):
        return near, End(path=rest[0])
    if len(rest) != 2 or not rest[0]:
        raise ValueError("where to connect is wanted as HOST:PORT or as a path")
    return near, End(rest[0], read_port(rest[1]))


def _listening(bind: str, port: str, zero: bool) -> End:
    host = {"*": "", "localhost": "127.0.0.1"}.get(bind, bind)
    return End(host, 0 if zero and port == "0" else read_port(port))


async def forward_local(client: SSHClient, text: str) -> Listener:
    """-L"""
    near, far = parse_forward(text, listen_zero=True)
    if near.path and far.path:
        return await client.forward_local_unix(near.path, far.path)
    if near.path or far.path:
        raise ConfigError(f"forwarding {text!r}: a path leads to a path, and a port to a port")
    return await client.forward_local(near.host, near.port, far.host, far.port)


async def forward_remote(client: SSHClient, text: str) -> Listener:
    """-R"""
    near, far = parse_forward(text, listen_zero=True)
    if near.path and far.path:
        return await client.forward_remote_unix(near.path, far.path)
    if near.path or far.path:
        raise ConfigError(f"forwarding {text!r}: a path leads to a path, and a port to a port")
    return await client.forward_remote(near.host, near.port, far.host, far.port)


# ---- SOCKS (RFC 1928) ----


class Socks:
    """-D: a proxy whose connections are the server's. Nobody has to say who they are."""

    def __init__(self, client: SSHClient) -> None:
        self._client = client

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            far = await self._greet(reader, writer)
            if far is not None:
                await join((reader, writer), far)
        except (asyncio.IncompleteReadError, ConnectionError, Error):
            pass
        finally:
            writer.close()

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        if version != SOCKS_VERSION or 0 not in methods:
            writer.write(bytes([SOCKS_VERSION, 0xFF]))
            return None
        writer.write(bytes([SOCKS_VERSION, 0]))
        _, request, _, kind = await reader.readexactly(4)
        host = await self._host(reader, kind)
        port = int.from_bytes(await reader.readexactly(2), "big")
        if request != SOCKS_CONNECT or host is None:
            self._answer(writer, _NO_ADDRESS if host is None else _NO_COMMAND)
            return None
        try:
            far = await self._client.open_connection(host, port)
        except Error:
            self._answer(writer, _FAILED)
            return None
        self._answer(writer, _DONE)
        return far

    async def _host(self, reader: asyncio.StreamReader, kind: int) -> str | None:
        if kind == _NAME:
            size, = await reader.readexactly(1)
            return (await reader.readexactly(size)).decode("ascii", "replace")
        if kind not in (_IPV4, _IPV6):
            return None
        return str(ipaddress.ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))

    def _answer(self, writer: asyncio.StreamWriter, code: int) -> None:
        writer.write(bytes([SOCKS_VERSION, code, 0, _IPV4]) + bytes(6))


async def forward_dynamic(client: SSHClient, text: str) -> Listener:
    """-D"""
    parts = _parts(text)
    try:
        near = _listening(parts[0] if len(parts) == 2 else "127.0.0.1", parts[-1], True)
        if len(parts) > 2:
            raise ValueError("[bind:]port is wanted")
    except ValueError as error:
        raise ConfigError(f"forwarding {text!r}: {error}") from None
    server = await asyncio.start_server(Socks(client).serve, near.host, near.port)
    return Listener(near.host, server.sockets[0].getsockname()[1], server.close)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def join(one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
               other: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Let two connections feed each other until both have ended."""
    tasks = [asyncio.ensure_future(_copy(one[0], other[1])), asyncio.ensure_future(_copy(other[0], one[1]))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        other[1].close()
