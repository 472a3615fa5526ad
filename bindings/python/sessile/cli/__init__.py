# SPDX-License-Identifier: Apache-2.0
"""The command line, ``sessile`` or ``python -m sessile``. It needs click and rich: ``pip install 'sessile[cli]'``."""

import sys

NEEDED = ("click", "rich")


def main() -> None:
    """Run it, and exit."""
    try:
        from .app import cli
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        sys.exit(f"sessile: the command line needs {error.name}: pip install 'sessile[cli]'")
    cli(prog_name="sessile")
