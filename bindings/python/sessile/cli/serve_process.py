# SPDX-License-Identifier: Apache-2.0
"""What a test server runs for a client: a command or a shell, on pipes or on a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import signal
import struct
import termios
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from ..asyncio import ServerProcess
from ..errors import Error
from . import fds

PIECE = 65536
MOST = 65535  # Of columns and rows.
SIGNALS = {"HUP", "INT", "QUIT", "KILL", "TERM", "USR1", "USR2", "ALRM"}
GRACE = 2.0  # Seconds from HUP to KILL.


def _command(process: ServerProcess) -> tuple[str, list[str]]:
    """The shell, and its words."""
    shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    if process.command is not None and b"\0" in process.command:
        raise ValueError("a command with a zero byte")
    if process.command is None:
        return shell, ["-" + os.path.basename(shell)]
    return shell, [os.path.basename(shell), "-c", os.fsdecode(process.command)]


def _environment(process: ServerProcess) -> dict[str, str]:
    env = {**os.environ, **process.env}
    if process.term:
        env["TERM"] = process.term
    return env


async def run_process(process: ServerProcess) -> int:
    """Run it to its end; its status, or 128 and the number of the signal that ended it."""
    try:
        shell, words = _command(process)
    except ValueError as error:
        process.stderr.write(f"{error} cannot be run\n".encode())
        return 126
    options: dict[str, Any] = {"executable": shell, "env": _environment(process), "start_new_session": True,
                               "cwd": os.path.expanduser("~")}
    status = await (_on_terminal if process.term else _on_pipes)(process, words, options)
    return status if status >= 0 else 128 - status


def _hear_signals(process: ServerProcess, child: asyncio.subprocess.Process) -> None:
    def deliver(name: str) -> None:
        if name in SIGNALS:
            _kill(child, getattr(signal, f"SIG{name}"))

    process.on_signal = deliver


def _kill(child: asyncio.subprocess.Process, number: int) -> None:
    """Signal it and what it has started."""
    if child.returncode is None:
        # It may be gone, and the loop not have heard of it yet.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)


async def _end(child: asyncio.subprocess.Process) -> None:
    """End what nobody is connected to any more. There is no time for it where this is cancelled."""
    _kill(child, signal.SIGHUP)
    try:
        await asyncio.wait_for(child.wait(), GRACE)
    except (asyncio.TimeoutError, asyncio.CancelledError):
        _kill(child, signal.SIGKILL)
        await child.wait()


async def _together(child: asyncio.subprocess.Process, feeding: Coroutine[Any, Any, None],
                    *reading: Coroutine[Any, Any, None]) -> int:
    """Feed it and read it until it has ended, and end it with what runs it."""
    tasks = [asyncio.ensure_future(work) for work in reading]
    feeder = asyncio.ensure_future(feeding)
    try:
        await asyncio.gather(*tasks)
        return await child.wait()
    finally:
        for task in (feeder, *tasks):
            task.cancel()
        await asyncio.gather(feeder, *tasks, return_exceptions=True)
        await _end(child)


# ---- On pipes ----


async def _on_pipes(process: ServerProcess, words: list[str], options: dict[str, Any]) -> int:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe, **options)
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    _hear_signals(process, child)
    return await _together(child, _feed(process, child.stdin), _bring(child.stdout, process.stdout),
                           _bring(child.stderr, process.stderr))


async def _feed(process: ServerProcess, stdin: asyncio.StreamWriter) -> None:
    try:
        while data := await process.stdin.read(PIECE):
            stdin.write(data)
            await stdin.drain()
    except (ConnectionError, Error):
        pass
    stdin.close()


async def _bring(reader: asyncio.StreamReader, writer: Any) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()


# ---- On a terminal ----


def _resize(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", min(rows, MOST), min(columns, MOST), 0, 0))


def _take_terminal() -> None:
    """In the child: standard input becomes its controlling terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _on_terminal(process: ServerProcess, words: list[str], options: dict[str, Any]) -> int:
    near, far = os.openpty()
    try:
        try:
            _resize(near, *process.size)
            child = await asyncio.create_subprocess_exec(
                *words, stdin=far, stdout=far, stderr=far, preexec_fn=_take_terminal, **options)
        finally:
            os.close(far)
        process.on_resize = lambda columns, rows: _resize(near, columns, rows)
        _hear_signals(process, child)
        return await _together(child, _type(process, near), _show(near, process))
    finally:
        process.on_resize = None
        os.close(near)


async def _type(process: ServerProcess, fd: int) -> None:
    while data := await process.stdin.read(PIECE):
        await fds.write(fd, data)
    await fds.write(fd, b"\x04")


async def _show(fd: int, process: ServerProcess) -> None:
    while data := await fds.read(fd):
        process.stdout.write(data)
        await process.stdout.drain()
