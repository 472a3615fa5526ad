# SPDX-License-Identifier: Apache-2.0
"""``sessile sftp``: another machine's files, by hand or from a batch."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TextIO

import click

from ..asyncio import SFTPClient
from ..errors import Error
from ..openssh import ConfigError
from .common import CONTEXT, LoginFailure, reason
from .cp_command import Place, parse
from .login_options import LoginOptions, logged_in, login_options
from .sftp_shell import Behind, Shell, lines_of
from .sftp_verbs import Verbs


async def _begin(stack: AsyncExitStack, host: Place, login: LoginOptions) -> SFTPClient:
    config = login.config(host.target, port=host.port)
    client = await stack.enter_async_context(logged_in(config, login.quiet))
    return await stack.enter_async_context(client.sftp())


def _converse(loop: asyncio.AbstractEventLoop, sftp: SFTPClient, host: Place, file: TextIO | None,
              quiet: bool) -> int:
    behind = Behind(loop)
    try:
        verbs = Verbs(sftp, behind.run(sftp.realpath(".")), quiet)
        shell = Shell(behind, verbs)
        if host.path != "." and not _arrive(behind, shell, verbs, host.path):
            return 0
        lines = lines_of(file)
        return shell.interactive() if lines is None else shell.batch(lines)
    finally:
        behind.stop()


def _arrive(behind: Behind, shell: Shell, verbs: Verbs, path: str) -> bool:
    """A path behind the host: a directory to begin in, or a file, which is fetched, and that is all."""
    if behind.run(verbs.sftp.is_dir(path)):
        behind.run(verbs.cd(path))
        return True
    behind.run(verbs.get("--", path))
    return False


@click.command("sftp", context_settings=CONTEXT, short_help="Files of another machine, by hand or from a batch.")
@click.argument("target", metavar="[USER@]HOST[:PATH]")
@click.option("-b", "batch", metavar="FILE", type=click.File(lazy=False), help="Read commands from a file; '-': input.")
@login_options
def command(target: str, batch: TextIO | None, port: int | None, identities: tuple[str, ...], jump: str | None,
            options: tuple[str, ...], file: str | None, quiet: bool) -> None:
    """Look at another machine's files, fetch and send them. "help" lists what can be typed; the tabulator completes.

    With a PATH that is a file, it is fetched, and that is all. From a batch, the first command that fails ends it with
    status 1, unless it begins with "-". "~/.ssh" is heeded as by `sessile ssh`.
    """
    host = parse(target if ":" in target else target + ":")
    if not host.target:
        raise click.BadParameter(f"{target!r} is no [USER@]HOST[:PATH]")
    login = LoginOptions(port, identities, jump, options, file, quiet)
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    try:
        sftp = loop.run_until_complete(_begin(stack, host, login))
        status = _converse(loop, sftp, host, batch, quiet)
    except (ConfigError, Error, OSError) as error:
        raise LoginFailure(reason(error)) from None
    finally:
        loop.run_until_complete(stack.aclose())
        loop.close()
    sys.exit(status)
