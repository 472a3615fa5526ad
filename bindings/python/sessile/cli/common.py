# SPDX-License-Identifier: Apache-2.0
"""What the commands share: where they write, how they fail, and how a peer's words are made harmless."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Coroutine
from typing import IO, Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from ..errors import Error

T = TypeVar("T")

# A str is shown as it is: what a peer says is no markup of rich's. Styles are Text's.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

# For progress: where standard error is no terminal, nothing is shown of it, in any version of rich.
bars = err if err.is_terminal else Console(quiet=True)

# What ends a program from outside; nohup has HUP ignored.
ENDING = [signal.SIGTERM] + ([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else [])

CONTEXT = {"help_option_names": ["-h", "--help"]}


def escaped(text: str, keep: str = "") -> str:
    """A peer's words for a terminal: whatever is not printed as itself becomes visible, but for what is in ``keep``."""
    return "".join(letter if letter.isprintable() or letter in keep else _visible(letter) for letter in text)


def _visible(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


class Failure(click.ClickException):
    """What went wrong, for the user to read."""

    def show(self, file: IO[Any] | None = None) -> None:
        """To stderr."""
        err.print(Text.assemble(("sessile: ", "bold red"), escaped(self.message, "\n")))


class LoginFailure(Failure):
    """The same where the exit status is for the other end's command."""

    exit_code = 255


class OutputGone(Exception):
    """Nobody reads standard output any more."""


# As asyncio has it, once for each of a host's addresses.
_NOT_CONNECTED = re.compile(r"\[Errno (\d+)\] Connect call failed")


def reason(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, Error):
        return error.text
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return str(error) or "it took too long"
    if refusals := {os.strerror(int(number)) for number in _NOT_CONNECTED.findall(str(error))}:
        return ", ".join(sorted(refusals))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def run(work: Coroutine[Any, Any, T], failure: type[Failure] = Failure) -> T:
    """Run a coroutine to its end. ``failure``: what becomes of errors."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        sys.exit(130)
    except OutputGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except (Error, OSError, asyncio.TimeoutError, ValueError) as error:
        raise failure(reason(error)) from None


async def until_ended(work: Coroutine[Any, Any, int]) -> int:
    """Await a status. TERM and HUP end the work in good order, so that a terminal is left as it was; the status is then
    128 and the signal's number."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    came: list[int] = []

    def end(number: int) -> None:
        came.append(number)
        task.cancel()

    for number in ENDING:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not came:
            raise
        return 128 + came[0]
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)


def split_place(text: str, usual: int) -> tuple[str, int]:
    """HOST, HOST:PORT, [HOST]:PORT, or an address of IPv6 alone."""
    host, port = text, ""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise click.BadParameter(f"{text!r} is no HOST:PORT")
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise click.BadParameter(f"{text!r} is no HOST:PORT")
    return host, int(port) if port else usual


def place(host: str, port: int) -> str:
    """HOST:PORT."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
