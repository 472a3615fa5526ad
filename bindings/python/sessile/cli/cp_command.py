# SPDX-License-Identifier: Apache-2.0
"""``sessile cp``: files between here and another machine, over SFTP."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from ..asyncio import SFTPClient
from ..errors import SFTPError
from ..openssh import ConfigError
from .common import CONTEXT, Failure, LoginFailure, reason, run, until_ended
from .copy_bars import CopyBars
from .login_options import LoginOptions, logged_in, login_options


@dataclass(frozen=True)
class Place:
    """A path, here (``target`` is "") or on a host."""

    target: str
    port: int | None
    path: str


def parse(text: str) -> Place:
    """[USER@]HOST:PATH, sftp://[USER@]HOST[:PORT]/PATH, or a path here: one with a "/" before any ":" is."""
    if text.startswith("sftp://"):
        url = urlsplit(text)
        if not url.hostname:
            raise click.BadParameter(f"{text!r} names no host")
        user = f"{unquote(url.username)}@" if url.username else ""
        return Place(user + url.hostname, url.port, unquote(url.path) or ".")
    found = re.match(r"((?:[^/:@]*@)?(?:\[[^\]/]+\]|[^/:\[]+)):(.*)\Z", text, re.S)
    if found is None:
        return Place("", None, text)
    target = found.group(1)
    return Place(target.replace("[", "").replace("]", ""), None, found.group(2) or ".")


@dataclass(frozen=True)
class Wanted:
    """What is to be copied, and how."""

    sources: list[Place]
    target: Place
    recursive: bool
    preserve: bool
    resume: bool

    @property
    def host(self) -> Place:
        """The other machine."""
        return self.target if self.target.target else self.sources[0]


def _check(sources: list[Place], target: Place) -> None:
    remote = {(place.target, place.port) for place in sources}
    if target.target and any(name for name, _ in remote):
        raise click.UsageError("from one host to another: copy it here first")
    if not target.target and remote == {("", None)}:
        raise click.UsageError("nothing of this is on another machine: HOST:PATH")
    if len(remote) > 1:
        raise click.UsageError("all the sources are on one machine")


async def _copy(wanted: Wanted, login: LoginOptions) -> int:
    host = wanted.host
    config = login.config(host.target, port=host.port)
    async with logged_in(config, login.quiet) as client, client.sftp() as sftp:
        with CopyBars(login.quiet) as shown:
            await _move(sftp, wanted, shown)
        return 1 if shown.failures else 0


async def _move(sftp: SFTPClient, wanted: Wanted, shown: CopyBars) -> None:
    how: dict[str, Any] = {"recursive": wanted.recursive, "preserve": wanted.preserve, "resume": wanted.resume,
           "progress": shown.progress, "on_error": shown.failed}
    if wanted.target.target:
        await sftp.put([place.path for place in wanted.sources], wanted.target.path, **how)
        return
    paths = [path for place in wanted.sources for path in await _fitting(sftp, place.path)]
    await sftp.get(paths[0] if len(paths) == 1 else paths, wanted.target.path, **how)


async def _fitting(sftp: SFTPClient, path: str) -> list[str]:
    """What a pattern fits; a name that is there is itself."""
    if not set("*?[") & set(path):
        return [path]
    try:
        await sftp.lstat(path)
        return [path]
    except SFTPError:
        found = await sftp.glob(path)
    if not found:
        raise Failure(f"nothing fits {path!r}")
    return found


@click.command("cp", context_settings=CONTEXT, short_help="Copy files to or from another machine.")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.argument("target", metavar="TARGET")
@click.option("-r", "recursive", is_flag=True, help="Directories, with all that is in them.")
@click.option("-p", "preserve", is_flag=True, help="Keep permissions and times.")
@click.option("-c", "--continue", "resume", is_flag=True, help="Go on with what is there in part.")
@login_options
def command(sources: tuple[str, ...], target: str, recursive: bool, preserve: bool, resume: bool, port: int | None,
            identities: tuple[str, ...], jump: str | None, options: tuple[str, ...], file: str | None,
            quiet: bool) -> None:
    """Copy files between here and another machine, over SFTP.

    A place there is [USER@]HOST:PATH, or sftp://[USER@]HOST[:PORT]/PATH; "~/.ssh" is heeded as by `sessile ssh`. In a
    path there, "*", "?" and "[...]" are patterns. The exit status is 1 where something could not be copied.

    \b
      sessile cp -r site example.org:/srv/www
      sessile cp 'example.org:logs/*.gz' .
    """
    wanted = Wanted([parse(source) for source in sources], parse(target), recursive, preserve, resume)
    _check(wanted.sources, wanted.target)
    login = LoginOptions(port, identities, jump, options, file, quiet)
    try:
        status = run(until_ended(_copy(wanted, login)))
    except (ConfigError, OSError) as error:
        raise LoginFailure(reason(error)) from None
    sys.exit(status)
