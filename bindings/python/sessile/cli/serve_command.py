# SPDX-License-Identifier: Apache-2.0
"""``sessile serve``: test servers that are up at once, with keys made for them."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime
from pathlib import Path

import click
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .common import CONTEXT, ENDING, escaped, out, run


def log(who: str, text: str, style: str = "") -> None:
    """A line about what happens. Words of the peer are escaped here. The server goes on where nobody reads it."""
    try:
        out.print(Text.assemble((f"{datetime.now():%H:%M:%S}  ", "dim"), (f"{escaped(who):<21}  ", "cyan"),
                                (escaped(text), style)))
    except (OSError, SystemExit):
        # rich makes the latter of a pipe that is closed.
        out.quiet = True


def announce(title: str, facts: list[tuple[str, str]], commands: list[str]) -> None:
    """What runs, and how to get at it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(name, Text(value))
    out.print(Panel(Group(grid), title=Text(title, "bold"), title_align="left", border_style="green", padding=(1, 2)),
              soft_wrap=False)
    out.print(Text("Try:", "dim"))
    for command_line in commands:
        out.print(Text(f"  {command_line}"))
    out.print(Text("Ctrl-C ends it.\n", "dim"))


class Stop:
    """Ctrl-C, TERM, or the end of the terminal. It is made before anything that has to be put away."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, *ENDING):
            loop.add_signal_handler(number, self._event.set)
        if signal.SIGHUP not in ENDING:
            # What is started here would ignore it as well: a handler is not inherited.
            loop.add_signal_handler(signal.SIGHUP, lambda: None)

    async def wait(self) -> None:
        """Until then."""
        await self._event.wait()
        out.print()


@click.group("serve", context_settings=CONTEXT, short_help="Start a test server for SSH or TLS.")
def command() -> None:
    """Start a test server: on this machine alone, unless --host says otherwise, and with keys made for it."""


@command.command("ssh", context_settings=CONTEXT)
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
              help="The address to listen on; '' for all.")
@click.option("-p", "--port", metavar="PORT", type=click.IntRange(0, 65535), default=2222, show_default=True,
              help="The port; 0: a free one.")
@click.option("--user", metavar="NAME", help="Let this user in only.")
@click.option("--password", metavar="TEXT",
              help="The password, which others may see while this runs; without this, one is made up.")
@click.option("--authorized-keys", "authorized", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Let the keys of this file in, in place of a password and a new key.")
@click.option("--host-key", type=click.Path(dir_okay=False, path_type=Path),
              help="The host's private key; it is made where the file is missing.")
@click.option("--echo", is_flag=True, help="Run nothing: send back what comes in.")
@click.option("--forward", is_flag=True, help="Forward connections, in all directions.")
@click.option("--sftp", "folder", metavar="DIRECTORY", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Serve this directory's files, and nothing outside it.")
@click.option("--read-only", is_flag=True, help="Let nobody change them.")
def serve_ssh(host: str, port: int, user: str | None, password: str | None, authorized: Path | None,
              host_key: Path | None, echo: bool, forward: bool, folder: Path | None, read_only: bool) -> None:
    """Be an SSH server. Whoever gets in runs commands as you, unless --echo."""
    from .serve_ssh import Service, serve

    if read_only and folder is None:
        raise click.UsageError("--read-only goes with --sftp")
    run(serve(Service(host, port, user, password, authorized, host_key, echo, forward, folder, read_only)))


@command.command("tls", context_settings=CONTEXT)
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
              help="The address to listen on; '' for all.")
@click.option("-p", "--port", metavar="PORT", type=click.IntRange(0, 65535), default=8443, show_default=True,
              help="The port; 0: a free one.")
@click.option("--name", "names", multiple=True, help="What the certificate is for; localhost without this.")
@click.option("--cert", "certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A certificate with its chain, PEM, in place of a new one.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its private key.")
@click.option("--days", metavar="N", type=click.IntRange(1, 3650), default=30, show_default=True,
              help="How long a new one lasts.")
@click.option("--alpn", metavar="NAMES", help="Application protocols, with commas between.")
@click.option("--echo", is_flag=True, help="Send back what comes in, in place of an answer in HTTP.")
def serve_tls(host: str, port: int, names: tuple[str, ...], certificate: Path | None, key: Path | None, days: int,
              alpn: str | None, echo: bool) -> None:
    """Be a TLS server, which answers HTTP requests with a short text."""
    from .serve_tls import Service, serve

    if key is not None and certificate is None:
        raise click.UsageError("--key goes with --cert")
    run(serve(Service(host, port, names or ("localhost", "127.0.0.1", "::1"), certificate, key, days, alpn, echo)))
