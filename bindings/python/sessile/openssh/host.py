# SPDX-License-Identifier: Apache-2.0
"""What OpenSSH's files say about one host, as ``sessile.asyncio.connect`` takes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..constants import Role
from ..errors import Error
from ..keys import Key
from ..ssh import Algorithms, SSHConfig, algorithms
from ..trust import KnownHosts
from .identities import read_identities
from .text import ConfigError

if TYPE_CHECKING:
    from ..asyncio.client import Connecting
    from ..asyncio.auth import LockedKey

JUMPS = 8
More = Callable[["HostConfig"], Mapping[str, Any]]
Jump = Callable[[], "HostConfig"]


@dataclass(frozen=True)
class HostConfig:
    """A host's settings. ``name``: what was asked for; ``hostname``: what to connect to. ``where``: for an option, in
    small letters, the file and the line that it is from. ``warnings``: what was left out, and why."""

    name: str
    hostname: str
    port: int
    username: str
    identity_files: tuple[Path, ...] = ()
    certificate_files: tuple[Path, ...] = ()
    explicit_identities: bool = False
    identities_only: bool = False
    identity_agent: str | None = None
    proxy_jump: str | None = None
    proxy_command: str | None = None
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    hash_known_hosts: bool = False
    host_key_alias: str | None = None
    strict_host_key_checking: str = "ask"
    visual_host_key: bool = False
    algorithms: Mapping[Algorithms, str] = field(default_factory=dict[Algorithms, str])
    connect_timeout: int = 0
    keepalive_interval: int = 0
    batch_mode: bool = False
    public_keys: bool = True
    passwords: bool = True
    keyboard_interactive: bool = True
    password_prompts: int = 3
    request_tty: str = "auto"
    remote_command: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    local_forwards: tuple[tuple[str, ...], ...] = ()
    remote_forwards: tuple[tuple[str, ...], ...] = ()
    dynamic_forwards: tuple[str, ...] = ()
    exit_on_forward_failure: bool = False
    warnings: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    jumps: tuple[Jump, ...] = ()

    @property
    def known_as(self) -> tuple[str, int]:
        """The name and the port by which the host is known."""
        return (self.host_key_alias, 22) if self.host_key_alias else (self.hostname, self.port)

    # ---- Trust ----

    def known_hosts(self) -> KnownHosts:
        """The host keys of the files that there are: the user's first, then the machine's."""
        known: KnownHosts | None = None
        for path in self.known_hosts_files():
            known = KnownHosts(path.read_bytes(), known)
        return known or KnownHosts(b"")

    def known_hosts_files(self) -> list[Path]:
        """Those of the files that there are."""
        return [path for path in (*self.user_known_hosts, *self.global_known_hosts) if path.is_file()]

    def remember(self, host: str, port: int, key: Key) -> Path | None:
        """Add a host's key to the user's file, which is made where it is missing; None where there is no such file."""
        if not self.user_known_hosts:
            return None
        path = self.user_known_hosts[0]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = KnownHosts.line(host, port, key, hashed=self.hash_known_hosts)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "r+b") as opened:
            size = opened.seek(0, os.SEEK_END)
            if size:
                opened.seek(size - 1)
                line = line if opened.read(1) == b"\n" else "\n" + line
            opened.write(line.encode())
        return path

    def _accept_new(self, host: str, port: int, key: Key) -> bool:
        self.remember(host, port, key)
        return True

    # ---- The user's keys ----

    def agent_path(self) -> str | None:
        """The socket of an agent that answers; None for none."""
        path = self.identity_agent
        if path is None or not self.public_keys:
            return None
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect(path)
            except OSError:
                return None
        return path

    def identities(self) -> list[Key | LockedKey]:
        """The keys of the files that there are, with their certificates; those that are encrypted are locked."""
        if not self.public_keys:
            return []
        return read_identities(self.identity_files, self.certificate_files, self.explicit_identities)

    # ---- Connecting ----

    def ssh_config(self) -> SSHConfig:
        """The algorithms. Those that this build does not have are left out."""
        config = SSHConfig(Role.CLIENT)
        for kind, text in self.algorithms.items():
            try:
                config.set_algorithms(kind, text)
            except Error as error:
                raise ConfigError(f"{self.name}: {error.text}") from None
        return config

    def connect_arguments(self, more: More | None = None) -> dict[str, Any]:
        """What to hand to :func:`sessile.asyncio.connect`. ``more(config)``: further arguments, asked for each
        connection: that to the host, and those to its jump hosts. Reads the files; where the agent does not answer,
        there is none. ConfigError, or OSError for a file that cannot be read."""
        from ..asyncio import connect

        tunnel: Connecting | None = None
        for jump in self.jumps:
            arguments = jump().connect_arguments(more)
            if tunnel is not None:
                arguments["tunnel"] = tunnel
            tunnel = connect(**arguments)
        return {**self._own_arguments(), "tunnel": tunnel, **(more(self) if more else {})}

    def _own_arguments(self) -> dict[str, Any]:
        accept = self._accept_new if self.strict_host_key_checking in ("no", "off", "accept-new") else None
        return {
            "host": self.hostname, "port": self.port, "username": self.username, "config": self.ssh_config(),
            "host_key_alias": self.host_key_alias, "known_hosts": self.known_hosts(), "accept_host_key": accept,
            "client_keys": self.identities(), "agent": self.agent_path() or False,
            "identities_only": self.identities_only, "connect_timeout": self.connect_timeout or None,
            "keepalive_interval": self.keepalive_interval, "over": self._over(),
        }

    def _over(self) -> Callable[..., Any] | None:
        if self.proxy_command is None:
            return None
        from ..asyncio import connect_process

        command = self.proxy_command

        def start(factory: Callable[[], Any], host: str, port: int) -> Awaitable[object]:
            return connect_process(factory, "/bin/sh", "-c", f"exec {command}")

        return start


def supported(kind: Algorithms, text: str) -> str:
    """A list of OpenSSH's, without what this build does not have. ValueError where nothing is left."""
    sign = text[:1] if text[:1] in ("+", "-", "^") else ""
    have = algorithms(kind)
    names = text.removeprefix(sign).split(",")
    if sign != "-":
        names = [name for name in names if name in have]
    if not names and not sign:
        raise ValueError(f"none of {text} is in this build")
    return sign + ",".join(names) if names else ""
