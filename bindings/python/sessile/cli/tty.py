# SPDX-License-Identifier: Apache-2.0
"""The user's terminal: questions on it, whatever standard input is, and its raw mode."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from . import fds
from .common import escaped


class Terminal:
    """The terminal that controls this process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._ahead = b""
        # One question at a time; whoever is asked no more puts the terminal back before the next.
        self._turn = asyncio.Lock()

    @classmethod
    def open(cls) -> Terminal | None:
        """None where there is none."""
        try:
            return cls(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        except OSError:
            return None

    async def close(self) -> None:
        """Be done with it, when no question is open any more."""
        async with self._turn:
            os.close(self._fd)

    def say(self, text: str) -> None:
        """Write a text of our own."""
        os.write(self._fd, text.encode("utf-8", "backslashreplace"))

    async def ask(self, question: str, echo: bool) -> str | None:
        """Ask, and return the line that is typed; None at the end of the input. What is not to be seen is not shown."""
        async with self._turn:
            line = await self._ask(question, echo)
        return None if line is None else line.decode("utf-8", "surrogateescape")

    async def _ask(self, question: str, echo: bool) -> bytes | None:
        with _echo(self._fd, echo):
            self.say(question)
            try:
                return await self._line()
            finally:
                if not echo:
                    self.say("\n")

    async def _line(self) -> bytes | None:
        while b"\n" not in self._ahead:
            data = await fds.read(self._fd)
            if not data:
                return None
            self._ahead += data
        line, _, self._ahead = self._ahead.partition(b"\n")
        return line


@contextmanager
def _echo(fd: int, on: bool) -> Generator[None, None, None]:
    """A terminal that works by lines. What was typed before a secret is asked for does not count."""
    before = termios.tcgetattr(fd)
    mode = termios.tcgetattr(fd)
    mode[3] |= termios.ICANON | termios.ISIG
    mode[3] = mode[3] | termios.ECHO if on else mode[3] & ~termios.ECHO
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN if on else termios.TCSAFLUSH, mode)
        yield
    finally:
        _restore(fd, before)


def _restore(fd: int, mode: list[Any]) -> None:
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, mode)
    except termios.error:
        # The terminal is gone.
        pass


@contextmanager
def raw(fd: int) -> Generator[None, None, None]:
    """A terminal whose every key goes through as it is."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)
        yield
    finally:
        _restore(fd, before)


def size(fd: int) -> tuple[int, int]:
    """Columns and rows."""
    try:
        found = os.get_terminal_size(fd)
    except OSError:
        return 80, 24
    return found.columns or 80, found.lines or 24


def words(text: str) -> str:
    """A peer's words, harmless, whose lines stay lines."""
    return escaped(text.replace("\r\n", "\n"), "\n\t")
