# SPDX-License-Identifier: Apache-2.0
"""X11 forwarding (RFC 4254, section 6.3): on a client, the way from a channel of the server's to the display here; on a
server, a display that leads to the client's.

The server is never told the display's own cookie. It is given one that was made for the connection, and a program must
show that one; the display's takes its place on the way."""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .channel import Relay
from .wire import listening

X11_CHANNEL, X11_REQUEST = "x11", "x11-req"
X11_PROTOCOL = "MIT-MAGIC-COOKIE-1"

_BASE_PORT, _LAST_PORT = 6000, 65535
_FIRST, _LAST = 10, 1000  # The displays that a server takes.
_LOCAL, _WILD = 256, 65535
_FAMILIES = {4: 0, 6: 6}
_SETUP, _SHOWN_MAX = 12, 256


@dataclass(frozen=True)
class X11Offer:
    """What a client asked for: how programs show that they may, a cookie in hexadecimal, the screen, and whether it is
    for one connection only."""

    protocol: str
    cookie: str
    screen: int
    single: bool


@dataclass(frozen=True)
class Display:
    """A display by its name: a host ("" for this one, by a Unix socket), its number and its screen."""

    host: str
    number: int
    screen: int = 0

    @classmethod
    def read(cls, display: str | bool) -> Display:
        """From text such as ":0" or "host:10.0"; True stands for that of DISPLAY, and ValueError says that there is
        none."""
        text = os.environ.get("DISPLAY", "") if display is True else str(display)
        match = re.fullmatch(r"(?:unix|\[?([^\[\]/]*)\]?):(\d{1,5})(?:\.(\d{1,3}))?", text)
        if match is None or int(match[2]) > _LAST_PORT - _BASE_PORT:
            raise ValueError(f"{text!r} is no display")
        return cls(match[1] or "", int(match[2]), int(match[3] or 0))

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> object:
        """Connect to it; OSError where that cannot be."""
        loop = asyncio.get_running_loop()
        if not self.host:
            return await loop.create_unix_connection(factory, f"/tmp/.X11-unix/X{self.number}")
        return await loop.create_connection(factory, self.host, _BASE_PORT + self.number)

    def cookie(self) -> bytes:
        """The cookie that it asks for, from the file of XAUTHORITY or ~/.Xauthority; none where nothing is known."""
        file = Path(os.environ.get("XAUTHORITY") or "~/.Xauthority").expanduser()
        try:
            data = file.read_bytes()
        except OSError:
            return b""
        for family, address, number, name, cookie in _entries(data):
            if name == X11_PROTOCOL.encode() and number in (b"", b"%d" % self.number) and self._is_at(family, address):
                return cookie
        return b""

    def _is_at(self, family: int, address: bytes) -> bool:
        if family == _WILD:
            return True
        if self.host in ("", "localhost", "127.0.0.1", "::1") and family == _LOCAL:
            return address == os.fsencode(socket.gethostname())
        try:
            known = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return family == _FAMILIES[known.version] and address == known.packed


def _entries(data: bytes) -> Iterator[tuple[int, bytes, bytes, bytes, bytes]]:
    """What an Xauthority file has: family, address, number, name and cookie. What is cut short is left out."""
    at = 0
    while at + 2 <= len(data):
        family, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        fields: list[bytes] = []
        for _ in range(4):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            fields.append(data[at + 2 : end])
            at = end
        if at <= len(data):
            yield family, fields[0], fields[1], fields[2], fields[3]


class LentDisplay:
    """A display that a connection lends, and the cookie that was made for it."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self.shown = secrets.token_bytes(16)
        self._real = display.cookie()

    def relay(self) -> Relay:
        """The channel's side of a connection to it."""
        return _Checked(self.shown, self._real)


class _Checked(Relay):
    """Looks at a program's first message, and lets it pass with the display's cookie in the place of what was shown;
    where that is wrong, the channel is closed."""

    def __init__(self, shown: bytes, real: bytes) -> None:
        super().__init__()
        self._shown, self._real = shown, real
        self._head: bytearray | None = bytearray()

    def data_received(self, data: bytes) -> None:
        """As asyncio's."""
        if self._head is None:
            super().data_received(data)
            return
        self._head += data
        try:
            message = exchange(bytes(self._head), self._shown, self._real)
        except ValueError:
            self.transport.abort()
            return
        if message is not None:
            self._head = None
            super().data_received(message)


def exchange(head: bytes, shown: bytes, real: bytes) -> bytes | None:
    """The beginning of an X11 connection, with one cookie in the place of another; None where it is not whole yet, and
    ValueError where that is not what it shows."""
    if len(head) < _SETUP:
        return None
    order = {b"B": "big", b"l": "little"}.get(head[:1])
    if order is None:
        raise ValueError("no X11 connection begins so")
    big = order == "big"
    name_size, cookie_size = (int.from_bytes(head[at : at + 2], "big" if big else "little") for at in (6, 8))
    if max(name_size, cookie_size) > _SHOWN_MAX:
        raise ValueError("an X11 connection's cookie is too long")
    cookie_at = _SETUP + _padded(name_size)
    end = cookie_at + _padded(cookie_size)
    if len(head) < end:
        return None
    name, cookie = head[_SETUP : _SETUP + name_size], head[cookie_at : cookie_at + cookie_size]
    if name != X11_PROTOCOL.encode() or not hmac.compare_digest(cookie, shown):
        raise ValueError("an X11 connection shows another cookie")
    name = name if real else b""
    sizes = b"".join(len(part).to_bytes(2, "big" if big else "little") for part in (name, real))
    return head[:6] + sizes + head[10:_SETUP] + _pad(name) + _pad(real) + head[end:]


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _pad(data: bytes) -> bytes:
    return data + bytes(_padded(len(data)) - len(data))


class DisplaySocket:
    """A display on this machine's loopback. Whoever connects to it is joined to the client's display by ``joined``."""

    def __init__(self, server: asyncio.Server, number: int, screen: int) -> None:
        self.name = f"localhost:{number}.{screen}"
        self._server = server

    @classmethod
    async def listen(cls, joined: Callable[[Relay], object], screen: int) -> DisplaySocket:
        """Listen as the first display that is free, from the tenth; OSError where there is none."""
        loop = asyncio.get_running_loop()
        for number in range(_FIRST, _LAST):
            try:
                server = await listening(loop.create_server, lambda: Relay(joined), "127.0.0.1", _BASE_PORT + number)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            return cls(server, number, screen)
        raise OSError("there is no display left")

    def close(self) -> None:
        """Listen no more; what is connected stays."""
        self._server.close()
