# SPDX-License-Identifier: Apache-2.0
"""The command line, ``sessile`` or ``python -m sessile``. It needs click and rich: ``pip install 'sessile[cli]'``."""

import os
import sys

NEEDED = ("click", "rich")


def main() -> None:
    """Run it, and exit."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        _hold(descriptor, name, mode)
    try:
        from .app import cli
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        sys.exit(f"sessile: the command line needs {error.name}: pip install 'sessile[cli]'")
    try:
        try:
            cli(prog_name="sessile")
        finally:
            # Not at the very end, where a failure would be told by Python, and in its words.
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141 if isinstance(error, BrokenPipeError) else f"sessile: {error.strerror or error}")


def _hold(descriptor: int, name: str, mode: str) -> None:
    """A standard descriptor that was closed becomes /dev/null, or it would be the next socket."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)
    if getattr(sys, name) is None:
        setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))
