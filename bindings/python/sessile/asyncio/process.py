# SPDX-License-Identifier: Apache-2.0
"""A command, a shell or a subsystem on the other end of an SSH connection."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from .._base import Text
from ..errors import Error
from ..stream import Channel
from .channel import ChannelTransport, SideFlow, channel_streams
from .endpoints import LIMIT

if TYPE_CHECKING:
    from .client import SSHClient


@dataclass(frozen=True)
class CompletedProcess:
    """How a command ended, and what it wrote. ``exit_status``: None where it was ended by a signal, ``exit_signal``
    (without SIG, "" for none), or where the server has not told."""

    command: Text | None
    exit_status: int | None
    exit_signal: str
    stdout: bytes
    stderr: bytes

    @property
    def returncode(self) -> int | None:
        """As in the module subprocess: the status, or a signal's number below zero; None for neither."""
        return returncode(self.exit_status, self.exit_signal)


class ProcessError(Exception):
    """A command that was to be checked has failed. ``result`` is a :class:`CompletedProcess`."""

    def __init__(self, result: CompletedProcess) -> None:
        how = f"signal {result.exit_signal}" if result.exit_signal else f"status {result.exit_status}"
        super().__init__(f"the command {result.command!r} ended with {how}")
        self.result = result


def returncode(status: int | None, name: str) -> int | None:
    """A status, or the negative number of a signal."""
    if not name:
        return status
    number = getattr(signal, f"SIG{name}", None)
    return -int(number) if isinstance(number, signal.Signals) else -1


class Collector(asyncio.Protocol):
    """All that a command writes, in the pieces that it came in: a buffer that grows costs more than the decryption."""

    def __init__(self) -> None:
        self.stdout: list[bytes] = []
        self.stderr: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """As asyncio's."""
        self.stdout.append(data)

    def stderr_received(self, channel: Channel, data: bytes) -> None:
        """The second flow."""
        self.stderr.append(data)
        channel.consumed(len(data))

    def eof_received(self) -> bool:
        """As asyncio's: the end is the channel's."""
        return True


@dataclass(frozen=True)
class Terminal:
    """A terminal to ask for: TERM's value, columns and rows in characters; encoded modes (RFC 4254, section 8)."""

    term: str = "xterm-256color"
    columns: int = 80
    rows: int = 24
    modes: bytes | None = None


async def launch(transport: ChannelTransport, command: Text | None, subsystem: str | None,
                 env: Mapping[str, str] | None, terminal: Terminal | None) -> None:
    """Ask for everything, and start it; an error where the server will not. It decides about a variable alone."""
    from .. import _sessile
    from ..errors import error_for

    channel = transport.channel
    for name, value in (env or {}).items():
        await transport.ask(channel.request_env, name, value)
    if terminal is not None and not await transport.ask(
        channel.request_pty, terminal.term, terminal.columns, terminal.rows, 0, 0, terminal.modes
    ):
        raise error_for(_sessile.ERR_REFUSED, "the server gives no terminal")
    if subsystem is not None:
        started = await transport.ask(channel.request_subsystem, subsystem)
    elif command is not None:
        started = await transport.ask(channel.request_exec, command)
    else:
        started = await transport.ask(channel.request_shell)
    if not started:
        raise transport.error or error_for(_sessile.ERR_REFUSED, f"the server does not start {subsystem or command!r}")


class Process:
    """A process that runs. ``stdin`` is a StreamWriter (``write_eof`` ends the input), ``stdout`` and ``stderr`` are
    StreamReaders: read both, since they share the channel's window. ``async with`` closes it."""

    def __init__(self, client: SSHClient, channel: Channel, command: Text | None) -> None:
        loop = asyncio.get_running_loop()
        self.command = command
        self.channel = channel
        self.transport, self.stdout, self.stdin = channel_streams(loop, client, channel)
        self.stderr = asyncio.StreamReader(LIMIT, loop)
        SideFlow(channel, self.stderr)
        self.transport.closed.add_done_callback(lambda _: self.stderr.feed_eof())

    @property
    def exit_status(self) -> int | None:
        """Its status, once the server has told."""
        return self.channel.exit_status

    @property
    def exit_signal(self) -> str:
        """The signal that ended it, without SIG; "" for none."""
        return self.channel.exit_signal

    @property
    def returncode(self) -> int | None:
        """As in the module subprocess."""
        return returncode(self.exit_status, self.exit_signal)

    async def wait(self) -> int | None:
        """Wait until its channel is closed, and return the code. What it writes must be read meanwhile."""
        await asyncio.shield(self.transport.closed)
        if self.transport.error is not None and self.returncode is None:
            raise self.transport.error
        return self.returncode

    def send_signal(self, name: str) -> None:
        """Send a signal, named without SIG."""
        self.channel.send_signal(name)

    def terminate(self) -> None:
        """Send TERM."""
        self.send_signal("TERM")

    def kill(self) -> None:
        """Send KILL."""
        self.send_signal("KILL")

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal's new size."""
        self.channel.window_change(columns, rows)

    def close(self) -> None:
        """Be done with it, whether or not it runs."""
        self.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the channel is closed."""
        await asyncio.shield(self.transport.closed)

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Error:
            pass
        await self.wait_closed()
