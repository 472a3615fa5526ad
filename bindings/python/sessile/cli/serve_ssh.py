# SPDX-License-Identifier: Apache-2.0
"""``sessile serve ssh``"""

from __future__ import annotations

import asyncio
import getpass
import hmac
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..asyncio import ServerProcess, SFTPDirectory, SSHServerConnection, SSHServerHandler, listen
from ..errors import Error, VerificationError
from ..keys import Key
from ..trust import Allow, AuthorizedKeys, Grant, KnownHosts
from .common import Failure, place, reason
from .keyfiles import write_new
from .serve_command import Stop, announce, log
from .serve_process import run_process

VARIABLE = re.compile(r"(LANG|LC_|TERM)[A-Z0-9_]*")


@dataclass(frozen=True)
class Service:
    """What is to be served."""

    host: str
    port: int
    user: str | None
    password: str | None
    authorized: Path | None
    host_key: Path | None
    echo: bool
    forward: bool
    folder: Path | None
    read_only: bool


@dataclass(frozen=True)
class Door:
    """Who gets in."""

    user: str | None
    password: str | None
    keys: AuthorizedKeys


class Handler(SSHServerHandler):
    """Decides about one connection, and tells what happens."""

    def __init__(self, door: Door, forward: bool) -> None:
        self._door = door
        self._forward = forward
        self._grant: Grant | None = None

    @property
    def who(self) -> str:
        """Where it is from."""
        peer = self.connection.get_extra_info("peername")
        return place(peer[0], peer[1])

    def _is_welcome(self, user: str) -> bool:
        return self._door.user is None or user == self._door.user

    async def password(self, user: str, password: str) -> bool:
        """As the base class has it."""
        right = self._door.password
        good = right is not None and hmac.compare_digest(right.encode(), password.encode())
        log(self.who, f"{user}: the password is {'right' if good else 'wrong'}", "" if good else "yellow")
        return good and self._is_welcome(user)

    async def public_key(self, user: str, key: Key) -> bool:
        """As the base class has it."""
        try:
            grant = self._match(user, key)
        except VerificationError as error:
            log(self.who, f"{user}: {error.text}", "yellow")
            return False
        if grant.command is not None or grant.needs_verification:
            # What these take away would not be taken away here: such a line is none.
            log(self.who, f"{user}: line {grant.line} has what is not done here, command= or verify-required", "yellow")
            return False
        if not self._is_welcome(user):
            log(self.who, f"{user}: not the user who may come in", "yellow")
        return self._is_welcome(user)

    def _match(self, user: str, key: Key) -> Grant:
        return self._door.keys.match(key, user, address=self.connection.get_extra_info("peername")[0])

    def _allows(self, what: Allow) -> bool:
        return self._grant is None or self._grant.allows(what)

    async def terminal(self, term: str, columns: int, rows: int) -> bool:
        """As the base class has it."""
        allowed = bool(term) and term.isprintable() and self._allows(Allow.PTY)
        return allowed or self._told(False, "have", "a terminal")

    async def variable(self, name: str, value: str) -> bool:
        """As the base class has it."""
        return VARIABLE.fullmatch(name) is not None and "\0" not in value

    def _told(self, allowed: bool, what: str, where: str) -> bool:
        log(self.who, f"{'may' if allowed else 'may not'} {what} {where}", "" if allowed else "yellow")
        return allowed

    async def open_tcp(self, host: str, port: int, origin: tuple[str, int]) -> bool:
        """As the base class has it."""
        allowed = self._forward and (self._grant is None or self._grant.allows_open(host, port))
        return self._told(allowed, "connect to", f"{host}:{port}")

    async def open_unix(self, path: str) -> bool:
        """As the base class has it."""
        return self._told(self._forward and self._allows(Allow.PORT_FORWARDING), "connect to", path)

    async def listen_tcp(self, host: str, port: int) -> bool:
        """As the base class has it."""
        allowed = self._forward and (self._grant is None or self._grant.allows_listen(host or "localhost", port))
        return self._told(allowed, "listen on", f"{host or '*'}:{port}")

    async def listen_unix(self, path: str) -> bool:
        """As the base class has it."""
        return self._told(self._forward and self._allows(Allow.PORT_FORWARDING), "listen on", path)

    def connected(self) -> None:
        """As the base class has it."""
        key = self.connection.ssh.user_key
        if key is not None:
            self._grant = self._match(self.connection.ssh.user, key)
        how = f"the key {key.fingerprint()}" if key is not None else "a password"
        log(self.who, f"{self.connection.ssh.user} is in, by {how}", "green")

    def disconnected(self, error: Exception | None) -> None:
        """As the base class has it."""
        log(self.who, "is gone" if error is None else f"is gone: {reason(error)}", "dim")


async def _echo(process: ServerProcess) -> int:
    log(_of(process), "gets back what it sends")
    while data := await process.stdin.read(65536):
        process.stdout.write(data)
        await process.stdout.drain()
    return 0


class Runner:
    """Runs what clients ask for."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[int]] = set()

    async def run(self, process: ServerProcess) -> int:
        """One process, to its end."""
        running = asyncio.ensure_future(_run(process))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await running

    async def ended(self) -> None:
        """Until all of them have ended, whose connections are over."""
        if self._running:
            await asyncio.wait(self._running)


async def _run(process: ServerProcess) -> int:
    if process.subsystem is not None:
        log(_of(process), f"wants the subsystem {process.subsystem}, which is not there", "yellow")
        return 127
    what = "a shell" if process.command is None else process.command.decode("utf-8", "backslashreplace")
    log(_of(process), f"runs {what}" + (f" on a terminal, {process.term}" if process.term else ""))
    status = await run_process(process)
    log(_of(process), f"{what}: status {status}")
    return status


def _of(process: ServerProcess) -> str:
    peer = process.connection.get_extra_info("peername")
    return place(peer[0], peer[1])


def _host_key(path: Path | None) -> Key:
    if path is None:
        return Key.generate(comment="sessile serve")
    if not path.exists():
        key = Key.generate(comment="sessile serve")
        write_new(path, key.write())
        return key
    try:
        return Key.read(path.read_bytes())
    except Error as error:
        raise Failure(f"{path}: {error.text}") from None


def _door(service: Service, folder: Path) -> tuple[Door, Path | None]:
    """Who gets in, and the file of a key that was made for it."""
    if service.authorized is not None:
        return Door(service.user, service.password, AuthorizedKeys(service.authorized.read_bytes())), None
    key = Key.generate(comment="for sessile serve")
    write_new(folder / "id_ed25519", key.write())
    password = service.password or secrets.token_urlsafe(9)
    return Door(service.user, password, AuthorizedKeys(key.write_public())), folder / "id_ed25519"


async def serve(service: Service) -> None:
    """Until it is stopped. What was made for it is in a folder that goes with it."""
    stop = Stop()
    with tempfile.TemporaryDirectory(prefix="sessile-") as name:
        folder = Path(name)
        key = _host_key(service.host_key)
        door, identity = _door(service, folder)
        runner = Runner()
        files = SFTPDirectory(service.folder, read_only=service.read_only) if service.folder else None

        def serve_files(connection: SSHServerConnection) -> SFTPDirectory | None:
            peer = connection.get_extra_info("peername")
            log(place(peer[0], peer[1]), "gets files" if files else "wants files, and there are none")
            return files

        async with await listen(
            service.host or None, service.port, server_host_keys=[key],
            process_factory=_echo if service.echo else runner.run, sftp_factory=serve_files,
            handler=lambda: Handler(door, service.forward),
        ) as server:
            known = folder / "known_hosts"
            shown = service.host or "localhost"
            known.write_text(KnownHosts.line(shown, server.port, key))
            _tell(service, server.port, key, door, identity, known)
            await stop.wait()
        await runner.ended()


def _tell(service: Service, port: int, key: Key, door: Door, identity: Path | None, known: Path) -> None:
    user, host = service.user or getpass.getuser(), service.host or "localhost"
    common = f"-p {port} -o UserKnownHostsFile={known}" + (f" -i {identity}" if identity else "")
    facts = [
        ("host key", f"{key.type} {key.fingerprint()}"), ("user", service.user or "any"),
        ("password", door.password or "none"), ("key", str(identity or service.authorized)),
        ("runs", "nothing: it sends back what comes in" if service.echo else "commands and shells, as you"),
        ("forwards", "everything" if service.forward else "nothing"), ("files", _files(service)),
    ]
    announce(f"SSH on {place(service.host or '*', port)}", facts, [
        f"ssh {common} {user}@{host}", f"sessile ssh {common} {user}@{host} uname -a",
    ])


def _files(service: Service) -> str:
    if service.folder is None:
        return "none"
    return f"those in {service.folder}" + (", to be read" if service.read_only else "")
