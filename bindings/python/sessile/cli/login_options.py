# SPDX-License-Identifier: Apache-2.0
"""Logging in for files: the options that ``sessile cp`` and ``sessile sftp`` share, and the connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from rich.text import Text

from ..asyncio import SSHClient, connect
from ..errors import Error, VerificationError
from ..openssh import HostConfig, load
from .common import LoginFailure, err, escaped, place, reason
from .ssh_login import Login

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class LoginOptions:
    """As they were given."""

    port: int | None
    identities: tuple[str, ...]
    jump: str | None
    options: tuple[str, ...]
    file: str | None
    quiet: bool

    def config(self, target: str, username: str | None = None, port: int | None = None) -> HostConfig:
        """What they and the files say about a host. ``port``: one that is named with the host."""
        given = [*(f'IdentityFile "{path}"' for path in self.identities),
                 *([f"ProxyJump {self.jump}"] if self.jump else []), *self.options]
        found = load(target, username=username, port=port or self.port, config=self.file, options=given)
        for warning in () if self.quiet else found.warnings:
            err.print(Text(f"sessile: {escaped(warning)}", "yellow"))
        return found


def login_options(command: F) -> F:
    """Give a command these options: it is called with ``login``."""
    for option in reversed((
        click.option("-P", "port", metavar="PORT", type=click.IntRange(1, 65535), help="The server's port."),
        click.option("-i", "identities", metavar="FILE", multiple=True, help="A private key."),
        click.option("-J", "jump", metavar="HOSTS", help="Jump hosts, [USER@]HOST[:PORT], with commas between."),
        click.option("-o", "options", metavar="NAME=VALUE", multiple=True, help="An option of ssh_config."),
        click.option("-F", "file", metavar="FILE",
                     help="A file in place of ~/.ssh/config and the machine's; none: neither."),
        click.option("-q", "quiet", is_flag=True, help="Without progress, and without warnings."),
    )):
        command = option(command)
    return command


@asynccontextmanager
async def logged_in(config: HostConfig, quiet: bool) -> AsyncGenerator[SSHClient, None]:
    """A client of a host's. What cannot be is a LoginFailure."""
    login = Login(quiet=quiet)
    where = f"{config.username}@{place(config.hostname, config.port)}"
    try:
        client = await connect(**config.connect_arguments(login.arguments))
    except VerificationError as error:
        if "is not the one that is known" in error.text:
            raise login.explain_host_key(error.text) from None
        raise LoginFailure(f"{where}: {reason(error)}") from None
    except (Error, OSError, TimeoutError) as error:
        raise LoginFailure(f"{where}: {reason(error)}") from None
    finally:
        await login.close()
    async with client:
        yield client
