# SPDX-License-Identifier: Apache-2.0
"""``sessile ssh``: a command, a shell or forwarding on another machine, with the defaults of ~/.ssh."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

import click
from rich.text import Text

from ..asyncio import Listener, Process, SSHClient, Terminal, connect
from ..errors import Error, VerificationError
from ..openssh import ConfigError, HostConfig, load
from ..ssh import SSHInfo
from . import fds
from .common import CONTEXT, LoginFailure, err, escaped, place, reason, run, until_ended
from .ssh_escape import Disconnect, Keys
from .ssh_forward import forward_dynamic, forward_local, forward_remote, parse_forward
from .ssh_login import Login
from .tty import raw, size
from .tty_modes import modes_of


@dataclass
class Wanted:
    """What the command line asks for, beside what the files say."""

    config: HostConfig
    command: str | None
    terminal: bool
    no_command: bool
    verbose: bool
    quiet: bool
    forwards: tuple[tuple[str, str], ...]
    escapes: bool


_FORWARD = {"-L": forward_local, "-R": forward_remote, "-D": forward_dynamic}


async def _main(wanted: Wanted) -> int:
    login = Login(quiet=wanted.quiet)
    try:
        connecting = connect(**wanted.config.connect_arguments(login.arguments))
        async with connecting as client:
            return await _use(client, wanted)
    except VerificationError as error:
        if "is not the one that is known" in error.text:
            raise login.explain_host_key(error.text) from None
        raise
    finally:
        await login.close()


async def _use(client: SSHClient, wanted: Wanted) -> int:
    if wanted.verbose:
        _tell(client)
    async with AsyncExitStack() as stack:
        for option, text in wanted.forwards:
            listener = await _forward(client, wanted, option, text)
            if listener is not None:
                await stack.enter_async_context(listener)
        if wanted.no_command:
            await client.wait_closed()
            if client.error is not None:
                raise client.error
            return 0
        return await _session(client, wanted)


async def _forward(client: SSHClient, wanted: Wanted, option: str, text: str) -> Listener | None:
    try:
        listener = await _FORWARD[option](client, text)
    except (Error, OSError) as error:
        if wanted.config.exit_on_forward_failure:
            raise
        err.print(Text(f"sessile: {option} {text}: {escaped(reason(error))}", "yellow"))
        return None
    if wanted.verbose or listener.port and option == "-R":
        err.print(Text(f"{option} {text}: listening on {listener.host or '*'}:{listener.port}", "dim"))
    return listener


def _tell(client: SSHClient) -> None:
    ssh = client.ssh
    key = ssh.host_key
    facts = [("server", ssh.info(SSHInfo.PEER)), ("key exchange", ssh.info(SSHInfo.KEX)),
             ("host key", f"{ssh.info(SSHInfo.HOST_KEY)} {key.fingerprint() if key else ''}"),
             ("cipher", ssh.info(SSHInfo.CIPHER_OUT)), ("MAC", ssh.info(SSHInfo.MAC_OUT) or "the cipher's own"),
             ("user", ssh.user)]
    for name, value in facts:
        err.print(Text.assemble((f"{name:>14}  ", "dim"), escaped(value)))


# ---- A session ----


async def _session(client: SSHClient, wanted: Wanted) -> int:
    term, (columns, rows) = os.environ.get("TERM") or "vt100", size(0)
    terminal = Terminal(term, columns, rows, modes_of(0)) if wanted.terminal else None
    async with await client.create_process(
        wanted.command, env=wanted.config.environment, terminal=terminal
    ) as process:
        if terminal is not None and os.isatty(0):
            with raw(0):
                status = await _interact(process, Keys(wanted.escapes))
        else:
            status = await _interact(process, Keys(False))
    return _exit_status(client, process, status)


def _exit_status(client: SSHClient, process: Process, status: int | None) -> int:
    if process.exit_signal:
        err.print(Text(f"sessile: ended by the signal {escaped(process.exit_signal)}", "yellow"))
        return 255
    if status is None:
        err.print(Text(f"sessile: the connection to {escaped(client.host)} is closed", "yellow"))
        return 255
    return status


async def _interact(process: Process, keys: Keys) -> int | None:
    """Let the process and this one's standard streams feed each other until it has ended."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, _resize, process)
    writing = [loop.create_task(fds.pump_out(process.stdout, 1)), loop.create_task(fds.pump_out(process.stderr, 2))]
    reading = loop.create_task(_type(process, keys))
    try:
        await _first_failure([reading, *writing], process)
        return await process.wait()
    except Disconnect:
        return None
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
        for task in (reading, *writing):
            task.cancel()
        await asyncio.gather(reading, *writing, return_exceptions=True)


def _resize(process: Process) -> None:
    if not process.transport.closed.done():
        process.resize(*size(0))


async def _first_failure(tasks: list[asyncio.Task[None]], process: Process) -> None:
    """Wait until all that is written has been; what fails before that is raised."""
    reading, *writing = tasks
    pending = {*writing, reading}
    while not all(task.done() for task in writing):
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _type(process: Process, keys: Keys) -> None:
    while data := await fds.read(0):
        process.stdin.write(keys.pressed(data))
        try:
            await process.stdin.drain()
        except (ConnectionError, Error):
            return
    process.stdin.write_eof()


# ---- The command line ----


def _load(target: str, login: str | None, port: int | None, identities: tuple[str, ...], jump: str | None,
          file: str | None, options: tuple[str, ...]) -> HostConfig:
    given = [*(f'IdentityFile "{path}"' for path in identities), *([f"ProxyJump {jump}"] if jump else []), *options]
    if target.startswith("ssh://"):
        target = target[6:].rstrip("/")
        name, colon, number = target.rpartition(":")
        if colon and number.isdigit():
            target, port = name, port or int(number)
    return load(target, username=login, port=port, config=file, options=given)


def _missing(identities: tuple[str, ...]) -> list[str]:
    """Keys that were asked for and are not there; the agent may have one whose public half is."""
    return [f"{path}: no such file" for path in identities if not {"%", "$"} & set(path)
            and not any(os.path.exists(os.path.expanduser(path) + end) for end in ("", ".pub"))]


def _forwards(config: HostConfig, given: dict[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    own = [(option, text) for option, texts in given.items() for text in texts]
    for option, text in own:
        if option != "-D":
            parse_forward(text, listen_zero=True)
    filed = [("-L", ":".join(words)) for words in config.local_forwards]
    filed += [("-R", ":".join(words)) for words in config.remote_forwards]
    return (*own, *filed, *(("-D", text) for text in config.dynamic_forwards))


def _wants_terminal(config: HostConfig, terminal: int, no_terminal: bool, command: str | None) -> bool:
    if no_terminal or config.request_tty == "no":
        return False
    if terminal > 1 or config.request_tty == "force":
        return True
    wanted = terminal == 1 or config.request_tty == "yes" or command is None
    return wanted and sys.stdin.isatty()


@click.command("ssh", context_settings={**CONTEXT, "allow_interspersed_args": False},
               short_help="Log in to an SSH server: a command, a shell, forwarding.")
@click.argument("target", metavar="[USER@]HOST")
@click.argument("command_words", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
@click.option("-p", "port", metavar="PORT", type=click.IntRange(1, 65535), help="The server's port.")
@click.option("-l", "login", metavar="USER", help="The user to log in as.")
@click.option("-i", "identities", metavar="FILE", multiple=True, help="A private key.")
@click.option("-J", "jump", metavar="HOSTS", help="Jump hosts, [USER@]HOST[:PORT], with commas between.")
@click.option("-L", "local", metavar="HERE:THERE", multiple=True,
              help="Listen here ([BIND:]PORT, or a path), and have the server connect there (HOST:PORT, or a path).")
@click.option("-R", "remote", metavar="THERE:HERE", multiple=True,
              help="Have the server listen there, and connect here. Port 0: one of its choice.")
@click.option("-D", "dynamic", metavar="[BIND:]PORT", multiple=True, help="Be a SOCKS 5 proxy here.")
@click.option("-N", "no_command", is_flag=True, help="No command and no shell: for forwarding.")
@click.option("-t", "terminal", count=True, help="On a terminal, with a command as well; twice: without one here too.")
@click.option("-T", "no_terminal", is_flag=True, help="Without a terminal.")
@click.option("-o", "options", metavar="NAME=VALUE", multiple=True, help="An option of ssh_config.")
@click.option("-F", "file", metavar="FILE", help="A file in place of ~/.ssh/config and the machine's; none: neither.")
@click.option("-q", "quiet", is_flag=True, help="Without warnings, and without what the server says before the login.")
@click.option("-v", "verbose", is_flag=True, help="Tell what was negotiated.")
def command(target: str, command_words: tuple[str, ...], port: int | None, login: str | None,
            identities: tuple[str, ...], jump: str | None, local: tuple[str, ...], remote: tuple[str, ...],
            dynamic: tuple[str, ...], no_command: bool, terminal: int, no_terminal: bool, options: tuple[str, ...],
            file: str | None, quiet: bool, verbose: bool) -> None:
    """Log in to an SSH server, and run a command there, or a shell on a terminal.

    What OpenSSH's files say holds here too: ~/.ssh/config, ~/.ssh/known_hosts, the keys of ~/.ssh and the agent of
    SSH_AUTH_SOCK. A host that is not known is asked about, and remembered. The exit status is the command's; 255 says
    that there is none. In a shell, "~." at the beginning of a line ends the connection.

    \b
      sessile ssh example.org uptime
      sessile ssh -J bastion -L 8080:intranet:80 -N me@inner
    """
    try:
        config = _load(target, login, port, identities, jump, file, options)
        for warning in () if quiet else (*config.warnings, *_missing(identities)):
            err.print(Text(f"sessile: {warning}", "yellow"))
        text = " ".join(command_words) or config.remote_command
        wanted = Wanted(
            config, text, _wants_terminal(config, terminal, no_terminal, text), no_command, verbose, quiet,
            _forwards(config, {"-L": local, "-R": remote, "-D": dynamic}), escapes=True)
        where = f"{config.username}@{place(config.hostname, config.port)}"
    except (ConfigError, OSError) as error:
        raise LoginFailure(reason(error)) from None
    sys.exit(run(until_ended(_main_told(wanted, where)), LoginFailure))


async def _main_told(wanted: Wanted, where: str) -> int:
    """Say who did not let us in."""
    try:
        return await _main(wanted)
    except ConfigError:
        raise
    except (Error, OSError, asyncio.TimeoutError) as error:
        raise LoginFailure(f"{where}: {reason(error)}") from None
