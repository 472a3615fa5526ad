# SPDX-License-Identifier: Apache-2.0
"""The command line, ``sessile`` or ``python -m sessile``. It needs click and rich: ``pip install 'sessile[cli]'``."""

import os
import sys

NEEDED = ("click", "rich")


def main() -> None:
    """Run it, and exit."""
    for descriptor in range(3):
        _hold(descriptor)
    try:
        from .app import cli
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        sys.exit(f"sessile: the command line needs {error.name}: pip install 'sessile[cli]'")
    cli(prog_name="sessile")


def _hold(descriptor: int) -> None:
    """A standard descriptor that was closed becomes /dev/null, or it would be the next socket."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)
