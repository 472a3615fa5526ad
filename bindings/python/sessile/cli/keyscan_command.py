# SPDX-License-Identifier: Apache-2.0
"""``sessile keyscan``: the host keys of many servers at once, as lines for known_hosts."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TextIO

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..asyncio import connect
from ..constants import Role
from ..errors import Error, NegotiationError, VerificationError
from ..keys import Key
from ..ssh import Algorithms, SSHConfig
from ..trust import KnownHosts
from .common import CONTEXT, bars, err, escaped, place, reason, run, split_place

TYPES = {
    "ed25519": ("ssh-ed25519",), "rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ecdsa": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
}
AT_ONCE = 64


@dataclass
class Host:
    """A host, and what it has shown."""

    name: str
    port: int
    keys: list[Key] = field(default_factory=list[Key])
    error: str = ""


async def _scan(host: Host, kind: str, timeout: float) -> None:
    """One key. Nothing is proven to be anybody's: that is for whoever uses the lines to find out."""
    config = SSHConfig(Role.CLIENT)
    config.set_algorithms(Algorithms.HOST_KEYS, TYPES[kind])
    shown: list[Key] = []

    def take(name: str, port: int, key: Key) -> bool:
        shown.append(key)
        return False

    try:
        connection = await connect(host.name, host.port, username="keyscan", accept_host_key=take, config=config,
                                   connect_timeout=timeout, login_timeout=timeout)
        connection.abort()
    except NegotiationError:
        return
    except (Error, OSError, asyncio.TimeoutError) as error:
        if not (shown and isinstance(error, VerificationError)):
            host.error = reason(error)
            return
    host.keys += [key for key in shown if key not in host.keys]


async def _scan_all(hosts: list[Host], kinds: list[str], timeout: float) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    columns = TextColumn("keyscan"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=bars, transient=True) as progress:
        bar = progress.add_task("scan", total=len(hosts) * len(kinds))

        async def scan(host: Host, kind: str) -> None:
            async with limit:
                await _scan(host, kind, timeout)
            progress.advance(bar)

        await asyncio.gather(*(scan(host, kind) for host in hosts for kind in kinds))


def _hosts(targets: tuple[str, ...], file: TextIO | None, port: int) -> list[Host]:
    named = list(targets)
    for line in file or ():
        named += line.partition("#")[0].split()
    if not named:
        raise click.UsageError("no host is named")
    return [Host(*split_place(target, port)) for target in named]


def _kinds(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    wanted = value.split(",")
    for kind in wanted:
        if kind not in TYPES:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(TYPES)}")
    return list(dict.fromkeys(wanted))


@click.command("keyscan", context_settings=CONTEXT, short_help="Collect SSH host keys as known_hosts lines.")
@click.argument("targets", metavar="HOST[:PORT]...", nargs=-1)
@click.option("-f", "file", metavar="FILE", type=click.File(lazy=False),
              help="Read more hosts from a file; '-' for standard input.")
@click.option("-p", "port", metavar="PORT", type=click.IntRange(1, 65535), default=22, show_default=True,
              help="The port of hosts without one.")
@click.option("-t", "kinds", metavar="TYPES", default=",".join(TYPES), show_default=True, callback=_kinds,
              help="Which types of keys, with commas between.")
@click.option("-T", "timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), default=5.0,
              show_default=True, help="Seconds for each connection.")
@click.option("-H", "--hash", "hashed", is_flag=True, help="Hash the names: they cannot be read from the lines.")
@click.option("-l", "fingerprints", is_flag=True, help="Show fingerprints, and not the lines.")
def command(targets: tuple[str, ...], file: TextIO | None, port: int, kinds: list[str], timeout: float,
            hashed: bool, fingerprints: bool) -> None:
    """Ask SSH servers for their host keys, all at once, and print them as lines for known_hosts.

    The keys are what the network says they are: compare them with what the hosts' owners say before you trust them.
    The exit status is 1 where a host has shown none.

    \b
      sessile keyscan example.org 192.0.2.1:2222 [2001:db8::1]:22 >> ~/.ssh/known_hosts
    """
    hosts = _hosts(targets, file, port)
    run(_scan_all(hosts, kinds, timeout))
    for host in hosts:
        for key in host.keys:
            if fingerprints:
                sys.stdout.write(f"{key.bits} {key.fingerprint()} {place(host.name, host.port)} ({key.type})\n")
            else:
                sys.stdout.write(KnownHosts.line(host.name, host.port, key, hashed=hashed))
        if not host.keys:
            why = host.error or "it has no key of these types"
            err.print(Text(f"{escaped(place(host.name, host.port))}: {escaped(why)}", "yellow"))
    sys.exit(0 if all(host.keys for host in hosts) else 1)
