# SPDX-License-Identifier: Apache-2.0
"""The conversation in the clear that comes before TLS in SMTP, IMAP and POP3. What a server says in the clear behind
its consent would be taken for what it says under TLS: that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .common import Failure

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
MOST_LINES = 100


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readline()
    except ValueError:
        raise Failure("the server says a line that is too long") from None
    if not line.endswith(b"\n"):
        raise Failure("the server has closed the connection before TLS")
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")


async def _smtp_reply(reader: asyncio.StreamReader, wanted: str) -> None:
    for _ in range(MOST_LINES):
        line = await _line(reader)
        if not line.startswith(wanted):
            raise Failure(f"the server says {line!r}")
        if line[3:4] != "-":
            return
    raise Failure("the server's greeting has no end")


async def _smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _smtp_reply(reader, "220")
    writer.write(b"EHLO localhost\r\n")
    await _smtp_reply(reader, "250")
    writer.write(b"STARTTLS\r\n")
    await _smtp_reply(reader, "220")


async def _imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    greeting = await _line(reader)
    if not greeting.upper().startswith(("* OK", "* PREAUTH")):
        raise Failure(f"the server says {greeting!r}")
    writer.write(b"a STARTTLS\r\n")
    for _ in range(MOST_LINES):
        line = await _line(reader)
        if line.upper().startswith("A OK"):
            return
        if not line.startswith("*"):
            raise Failure(f"the server says {line!r}")
    raise Failure("the server does not answer STARTTLS")


async def _pop3(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for words in (b"", b"STLS\r\n"):
        writer.write(words)
        line = await _line(reader)
        if not line.startswith("+OK"):
            raise Failure(f"the server says {line!r}")


PROTOCOLS: dict[str, tuple[int, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]]] = {
    "smtp": (25, _smtp), "imap": (143, _imap), "pop3": (110, _pop3),
}


async def begin(protocol: str, streams: Streams) -> None:
    """Talk until TLS can begin."""
    reader, writer = streams
    await PROTOCOLS[protocol][1](reader, writer)
    if reader._buffer:  # type: ignore[attr-defined]
        raise Failure("the server goes on in the clear behind its consent to TLS")
