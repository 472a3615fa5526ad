#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A chat over SSH: everybody who logs in is in one room, under the name that he logs in with.

    ssh_chat.py --host-key host.key --listen 127.0.0.1:2222
    ssh -p 2222 alice@127.0.0.1

On a terminal there is a line to type in, with backspace, ^U (empty it) and ^C or ^D (leave); without one, a line in is
a line said. /who lists who is there. Anybody may come in, or, with --authorized-keys, whoever has one of the keys."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import sessile
from sessile.asyncio import ServerProcess, SSHServerHandler, listen

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,15}")
LONGEST_LINE = 500
MOST_UNREAD = 64 * 1024
CLEAR = "\r\x1b[K"


class Leave(Exception):
    """A member has had enough."""


class Lines:
    """What comes without a terminal: lines."""

    prompt = ""

    def __init__(self) -> None:
        self.line = ""

    def feed(self, text: str) -> Iterator[str]:
        """The lines that are whole now."""
        *whole, self.line = (self.line + text).split("\n")
        self.line = self.line[:LONGEST_LINE]
        yield from whole

    def show(self, text: str) -> str:
        """How a line is shown that somebody says."""
        return f"{text}\n"


class Editor(Lines):
    """What is typed on a terminal, key by key."""

    escape = ""

    @property
    def prompt(self) -> str:  # type: ignore[override]
        """The line that is being typed."""
        return f"{CLEAR}> {self.line}"

    def feed(self, text: str) -> Iterator[str]:
        """The lines that are whole now; :class:`Leave` where that is what was typed."""
        for character in text:
            if character == "\r":
                line, self.line = self.line, ""
                yield line
            elif self.escape or character == "\x1b":
                self.skip(character)
            else:
                self.press(character)

    def press(self, character: str) -> None:
        """A key that means something."""
        if character in "\x03\x04":
            raise Leave
        if character in "\x7f\b":
            self.line = self.line[:-1]
        elif character == "\x15":
            self.line = ""
        elif character.isprintable() and len(self.line) < LONGEST_LINE:
            self.line += character

    def skip(self, character: str) -> None:
        """Arrows and the like send ESC, then [ or O, then what ends with a letter: they mean nothing here."""
        self.escape += character
        if len(self.escape) > 2 and "@" <= character <= "~" or len(self.escape) == 2 and character not in "[O":
            self.escape = ""

    def show(self, text: str) -> str:
        """Above the line that is being typed."""
        return f"{CLEAR}{text}\r\n{self.prompt}"


class Member:
    """Somebody in the room."""

    def __init__(self, process: ServerProcess) -> None:
        self.name = process.user
        self.process = process
        self.keyboard = Editor() if process.term else Lines()

    def write(self, text: str) -> None:
        """Whoever does not read is shown out: nobody keeps for him what is said."""
        stdout = self.process.stdout
        if stdout.transport.get_write_buffer_size() > MOST_UNREAD:
            stdout.transport.abort()
        else:
            stdout.write(text.encode())

    def hear(self, text: str) -> None:
        self.write(self.keyboard.show(text))

    async def lines(self) -> AsyncIterator[str]:
        """What is said, with nothing in it that another's terminal would obey."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while data := await self.process.stdin.read(1024):
            try:
                for line in self.keyboard.feed(decoder.decode(data)):
                    yield "".join(filter(str.isprintable, line[:LONGEST_LINE])).strip()
            except Leave:
                self.write("\r\n")
                return
            self.write(self.keyboard.prompt)


class Room:
    """Who is there, and what they hear."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def say(self, text: str) -> None:
        for member in tuple(self.members.values()):
            member.hear(text)

    async def visit(self, process: ServerProcess) -> int:
        """Somebody's stay, from a shell's start to its end."""
        if process.user in self.members or process.command is not None or process.subsystem is not None:
            process.stderr.write(b"This is a chat, and everybody is in it once.\r\n")
            return 1
        member = self.members[process.user] = Member(process)
        self.say(f"* {member.name} is here, which makes {len(self.members)}")
        try:
            async for line in member.lines():
                self.take(member, line)
        finally:
            del self.members[member.name]
            self.say(f"* {member.name} has left")
        return 0

    def take(self, member: Member, line: str) -> None:
        if line == "/who":
            member.hear("* " + ", ".join(sorted(self.members)))
        elif line:
            self.say(f"{member.name}: {line}")


class Door(SSHServerHandler):
    """Who may come in: anybody, or whoever has one of the keys."""

    def __init__(self, keys: sessile.AuthorizedKeys | None) -> None:
        self.keys = keys

    async def none(self, user: str) -> bool:
        return self.keys is None and NAME.fullmatch(user) is not None

    async def public_key(self, user: str, key: sessile.Key) -> bool:
        if self.keys is None or not NAME.fullmatch(user):
            return False
        try:
            self.keys.match(key, user, address=self.connection.get_extra_info("peername")[0])
        except sessile.VerificationError:
            return False
        return True


def place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A chat over SSH: ssh in, and talk.")
    parser.add_argument("--listen", type=place, default=("127.0.0.1", 2222), metavar="HOST:PORT",
                        help="where (127.0.0.1:2222; port 0: any, told on stdout)")
    parser.add_argument("--host-key", type=content, required=True, metavar="FILE", help="this host's private key")
    parser.add_argument("--authorized-keys", type=content, metavar="FILE", help="who may come in; without: anybody")
    return parser.parse_args()


async def serve(options: argparse.Namespace) -> None:
    room, stop = Room(), asyncio.Event()
    keys = None if options.authorized_keys is None else sessile.AuthorizedKeys(options.authorized_keys)
    config = sessile.SSHConfig.server().set_auth_methods("none" if keys is None else "publickey")
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await listen(
        *options.listen, server_host_keys=[sessile.Key.read(options.host_key)], handler=lambda: Door(keys),
        process_factory=room.visit, config=config, keepalive_interval=60,
    ) as server:
        print(f"listening on port {server.port}", flush=True)
        await stop.wait()


def main() -> int:
    options = arguments()
    try:
        asyncio.run(serve(options))
    except (OSError, sessile.Error) as error:
        print(f"ssh_chat: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
