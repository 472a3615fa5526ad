# SPDX-License-Identifier: Apache-2.0
"""How far a copy is: a line for each file that is on its way, and one for all of them."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from .common import bars, err, escaped, reason

# Files whose bars are shown at once, and how much of a name is.
SHOWN = 5
NAME = 30


class CopyBars:
    """A progress display, as ``progress`` of a copy, and what went wrong, as its ``on_error``."""

    def __init__(self, quiet: bool) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(binary_units=True),
                   TransferSpeedColumn(), TimeRemainingColumn(elapsed_when_finished=True))
        self._bars = Progress(*columns, console=bars, transient=True, disable=quiet)
        self._total = self._bars.add_task("in all", total=0)
        self._files: dict[str, TaskID] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self.failures = 0
        self._done = self._size = 0

    def __enter__(self) -> CopyBars:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._bars.stop()

    def progress(self, path: str, done: int, size: int | None) -> None:
        """A file is so far."""
        before, expected = self._seen.get(path, (0, 0))
        now = max(size or 0, done)
        self._done += done - before
        self._size += now - expected
        self._seen[path] = (done, now)
        self._show(path, done, now)
        self._bars.update(self._total, completed=self._done, total=self._size)

    def _show(self, path: str, done: int, size: int) -> None:
        task = self._files.get(path)
        if task is None and len(self._files) < SHOWN and done < size:
            task = self._files[path] = self._bars.add_task(_short(path), total=size)
        if done >= size:
            self._forget(path)
        elif task is not None:
            self._bars.update(task, completed=done, total=size)

    @property
    def files(self) -> int:
        """How many were begun."""
        return len(self._seen)

    def _forget(self, path: str) -> None:
        task = self._files.pop(path, None)
        if task is not None:
            self._bars.remove_task(task)

    def failed(self, path: str, error: Exception) -> None:
        """A file is not."""
        self.failures += 1
        self._forget(path)
        err.print(Text(f"sessile: {escaped(path)}: {escaped(reason(error))}", "red"))


def _short(path: str) -> str:
    """The end of a path, which says more than its beginning."""
    text = escaped(path)
    return text if len(text) <= NAME else "…" + text[1 - NAME:]
