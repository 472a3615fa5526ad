# SPDX-License-Identifier: Apache-2.0
"""Writing key files: never readable by others, not for a moment, and never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """A file that must not be there yet: FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as opened:
        opened.write(data)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """A file that is there or not: it has the old content or all of the new."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
            os.fchmod(opened.fileno(), mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
