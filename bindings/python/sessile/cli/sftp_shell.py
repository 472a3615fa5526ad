# SPDX-License-Identifier: Apache-2.0
"""The loop of ``sessile sftp``: lines are read on the main thread, where an interrupt can end them; the connection
lives on a thread of its own, so that it answers the server meanwhile."""

from __future__ import annotations

import asyncio
import inspect
import shlex
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TextIO, TypeVar

from rich.text import Text

from ..errors import Error
from .common import err, escaped, out, reason
from .sftp_verbs import ALIASES, VERBS, Verb, Verbs, Wrong, names_here, names_there

T = TypeVar("T")
PROMPT = "sftp> "


class Behind:
    """An event loop on a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have it done there. An interrupt cancels it, and comes out when it has put everything away."""
        tasks: list[asyncio.Task[T]] = []
        over = threading.Event()

        def begin() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda _: over.set())

        self._loop.call_soon_threadsafe(begin)
        try:
            over.wait()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            over.wait()
            raise
        return tasks[0].result()

    def stop(self) -> None:
        """The loop belongs to this thread again."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class Shell:
    """Reads lines, and does what they say."""

    def __init__(self, behind: Behind, verbs: Verbs) -> None:
        self._behind, self._verbs = behind, verbs

    def interactive(self) -> int:
        """From the terminal, until it ends."""
        _Completion(self._behind, self._verbs).install()
        while True:
            try:
                line = input(PROMPT)
            except EOFError:
                out.print()
                return 0
            except KeyboardInterrupt:
                out.print()
                continue
            if line.strip() in ("exit", "quit", "bye"):
                return 0
            try:
                self._told(line)
            except KeyboardInterrupt:
                err.print(Text("interrupted", "yellow"))
            if self._verbs.sftp.over:
                return 255

    def batch(self, lines: Iterable[str]) -> int:
        """From a file: the first line that fails ends it, unless it begins with "-"."""
        for line in lines:
            line = line.rstrip("\n")
            out.print(Text(PROMPT + escaped(line), "dim"))
            if line.strip() in ("exit", "quit", "bye"):
                return 0
            heedless = line.lstrip().startswith("-")
            if not self._told(line.lstrip()[1:] if heedless else line) and not heedless:
                return 1
        return 0

    def _told(self, line: str) -> bool:
        """Do it, and tell what went wrong: whether that was nothing."""
        try:
            self.do(line)
            return True
        except Wrong as wrong:
            err.print(Text(escaped(str(wrong)), "yellow"))
        except (Error, OSError, ValueError) as error:
            err.print(Text(escaped(reason(error)), "red"))
        return False

    def do(self, line: str) -> None:
        """One line: words as a shell's, a comment, or !COMMAND for the shell here."""
        if line.lstrip().startswith("!"):
            subprocess.run(line.lstrip()[1:].strip() or "sh", shell=True, check=False)
            return
        words = shlex.split(line, comments=True)
        if not words:
            return
        words = [*ALIASES.get(words[0], words[0]).split(), *words[1:]]
        if words[0] in ("help", "?"):
            _help()
            return
        verb = VERBS.get(words[0])
        if verb is None:
            raise Wrong(f"{words[0]!r} is no command; \"help\" lists them")
        _count(verb, words[1:])
        self._behind.run(_done(verb, self._verbs, words[1:]))


async def _done(verb: Verb, verbs: Verbs, words: list[str]) -> None:
    await verb.call(verbs, *words)


def _count(verb: Verb, words: list[str]) -> None:
    """Whether it takes so many words."""
    try:
        inspect.signature(verb.call).bind(None, *words)
    except TypeError:
        raise Wrong(f"usage: {verb.usage}") from None


def _help() -> None:
    for verb in VERBS.values():
        text = " ".join((verb.call.__doc__ or "").split())
        out.print(Text.assemble((f"{verb.usage:<28}", "bold"), text))
    out.print(Text.assemble((f"{'!COMMAND':<28}", "bold"), "Run something here."))
    out.print(Text.assemble((f"{'exit':<28}", "bold"), "End it."))


class _Completion:
    """Completes words with the tabulator: commands, and paths of either side."""

    def __init__(self, behind: Behind, verbs: Verbs) -> None:
        self._behind, self._verbs = behind, verbs
        self._found: list[str] = []

    def install(self) -> None:
        """For input()."""
        import readline

        readline.set_completer(self._complete)
        readline.set_completer_delims(" \t\n")
        readline.parse_and_bind("tab: complete")

    def _complete(self, text: str, state: int) -> str | None:
        import readline

        if state == 0:
            line = readline.get_line_buffer()[:readline.get_endidx()]
            self._found = self.completions(line, readline.get_begidx())
        return self._found[state] if state < len(self._found) else None

    def completions(self, line: str, begin: int) -> list[str]:
        """What may stand in a line from ``begin`` on. A word that has escaped spaces began before that."""
        start = len(line) - len(_last_word(line))
        before = line[:start].split()
        if not before:
            return [name + " " for name in sorted([*VERBS, *ALIASES, "help", "exit"]) if name.startswith(line.strip())]
        verb = VERBS.get(ALIASES.get(before[0], before[0]).split()[0])
        if verb is None:
            return []
        word = _unescaped(line[start:])
        first = len([each for each in before[1:] if not each.startswith("-")]) == 0
        remote = verb.there and (first or not verb.call.__name__ == "get") or verb.here and not first
        found = self._behind.run(names_there(self._verbs, word)) if remote else names_here(word)
        whole = [_escaped(path) + ("/" if folder else " ") for path, folder in found]
        return [each[begin - start:] for each in whole]


def _last_word(line: str) -> str:
    """What is behind the last space that no backslash stands before."""
    at = len(line)
    while at and not (line[at - 1] in " \t" and (at < 2 or line[at - 2] != "\\")):
        at -= 1
    return line[at:]


def _escaped(path: str) -> str:
    return "".join("\\" + letter if letter in " \t\\'\"*?[#" else letter for letter in path)


def _unescaped(word: str) -> str:
    return word.replace("\\", "")


def lines_of(file: TextIO | None) -> Iterable[str] | None:
    """What a batch is read from: a file, or standard input where that is no terminal; None: there is somebody."""
    if file is not None:
        return file
    return None if sys.stdin.isatty() else sys.stdin
