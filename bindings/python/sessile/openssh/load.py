# SPDX-License-Identifier: Apache-2.0
"""From settings that were read to a host's configuration: defaults, tokens, paths."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..ssh import Algorithms
from .host import JUMPS, HostConfig, Jump, supported
from .identities import DEFAULT_IDENTITIES
from .options import read_port
from .reader import Reader, Settings
from .text import ConfigError, any_matches, expand_home, expand_tokens, expand_variables

SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_ALGORITHMS = {
    "ciphers": Algorithms.CIPHERS, "macs": Algorithms.MACS, "kexalgorithms": Algorithms.KEX,
    "hostkeyalgorithms": Algorithms.HOST_KEYS, "pubkeyacceptedalgorithms": Algorithms.USER_KEYS,
    "casignaturealgorithms": Algorithms.CA_SIGNATURES,
}
# Tokens that whoever names a host chooses, and what a shell sees more in than a part of a name.
_FOREIGN = "hjknr"
_SHELL = re.compile(r"""[\s\x00-\x1f\x7f'"`$\\;&<>|(){}]""")


@dataclass(frozen=True)
class _Source:
    """Where settings are from; jump hosts have the same."""

    config: str | os.PathLike[str] | None
    home: str
    depth: int = 0


def load(
    host: str,
    *,
    username: str | None = None,
    port: int | None = None,
    config: str | os.PathLike[str] | None = None,
    options: Iterable[str] = (),
    home: str | os.PathLike[str] | None = None,
) -> HostConfig:
    """What OpenSSH's files say about a host, a name of ~/.ssh/config's or another. ``host`` may have a user before
    it ("user@host"). ``username`` and ``port``: in place of those of the files. ``config``: a file in place of
    ~/.ssh/config and /etc/ssh/ssh_config, "none" for neither. ``options``: "Name=value" each, which come before the
    files. ``home``: the folder that "~" stands for, None for the user's own.

    :class:`ConfigError`, which names the file and the line, for what cannot be used; OSError for a file that cannot be
    read. No command is run: a block under ``Match exec`` does not apply, and ``warnings`` says so."""
    source = _Source(config, os.fspath(home) if home is not None else os.path.expanduser("~"))
    return _load(host, username, port, tuple(options), source)


def _load(host: str, username: str | None, port: int | None, options: Iterable[str], source: _Source) -> HostConfig:
    user, at, name = host.rpartition("@")
    if not name or name.startswith("-"):
        raise ConfigError(f"{host!r} is no host")
    settings = Settings(name, getpass.getuser(), source.home)
    username = username or (user if at else None)
    if username:
        settings.take("user", [username], "command line")
    if port is not None:
        settings.take("port", [str(read_port(str(port)))], "command line")
    for option in options:
        Reader(settings, source.home).line(option, "command line")
    _read_files(settings, source)
    if settings.wants_final:
        settings.final = True
        settings.values["hostname"] = [settings.current_host()]
        _read_files(settings, source)
    return _Maker(settings, source).make()


def _read_files(settings: Settings, source: _Source) -> None:
    folder = os.path.join(source.home, ".ssh")
    if source.config is None:
        for path, base, check in (
            (os.path.join(folder, "config"), folder, True), (SYSTEM_CONFIG, os.path.dirname(SYSTEM_CONFIG), False)
        ):
            try:
                Reader(settings, base, check_owner=check).file(path)
            except FileNotFoundError:
                pass
    elif source.config != "none":
        Reader(settings, folder).file(os.path.expanduser(source.config))


class _Maker:
    """Makes the configuration."""

    def __init__(self, settings: Settings, source: _Source) -> None:
        self._settings = settings
        self._source = source
        self._hostname = self._expand("hostname", settings.get("hostname") or settings.host, {"h": settings.host})
        self._hostname = self._hostname.lower()
        self._user = settings.get("user") or settings.local_user
        self._port = int(settings.get("port") or 22)
        self._tokens = self._make_tokens()

    def _make_tokens(self) -> Mapping[str, str]:
        local = socket.gethostname()
        jump = self._settings.get("proxyjump") or ""
        mixed = f"{local}{self._hostname}{self._port}{self._user}{'' if jump.lower() == 'none' else jump}"
        return {
            "C": hashlib.sha1(mixed.encode(), usedforsecurity=False).hexdigest(), "d": self._source.home,
            "h": self._hostname, "i": str(os.getuid()), "j": jump, "L": local.split(".")[0], "l": local,
            "k": self._settings.get("hostkeyalias") or self._hostname, "n": self._settings.host,
            "p": str(self._port), "r": self._user, "u": self._settings.local_user,
        }

    def _expand(self, name: str, text: str, tokens: Mapping[str, str]) -> str:
        try:
            return expand_tokens(text, tokens)
        except ValueError as error:
            raise ConfigError(f"{self._settings.where.get(name, name)}: {name}: {error}") from None

    def _path(self, name: str, text: str) -> Path:
        try:
            return Path(expand_tokens(expand_variables(expand_home(text, self._source.home)), self._tokens))
        except ValueError as error:
            raise ConfigError(f"{self._settings.where.get(name, name)}: {name}: {error}") from None

    # ---- Reading settings ----

    def _is(self, name: str, usual: bool) -> bool:
        value = self._settings.get(name)
        return usual if value is None else value != "no"

    def _number(self, name: str, usual: int = 0) -> int:
        return int(self._settings.get(name) or usual)

    def _unless_none(self, name: str) -> str | None:
        value = self._settings.get(name)
        return None if value is None or value.lower() == "none" else value

    def _paths(self, name: str, usual: Iterable[str]) -> tuple[Path, ...]:
        words = self._settings.values.get(name, list(usual))
        return () if [word.lower() for word in words] == ["none"] else tuple(self._path(name, word) for word in words)

    def _files(self, name: str) -> tuple[Path, ...]:
        words = [words[0] for words in self._settings.lists.get(name, [])]
        return tuple(self._path(name, word) for word in words if word.lower() != "none")

    def make(self) -> HostConfig:
        """The configuration."""
        settings = self._settings
        made = HostConfig(
            settings.host, self._hostname, self._port, self._user,
            user_known_hosts=self._paths("userknownhostsfile", ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")),
            global_known_hosts=self._paths(
                "globalknownhostsfile", ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")),
            hash_known_hosts=self._is("hashknownhosts", False),
            host_key_alias=settings.get("hostkeyalias"),
            strict_host_key_checking=settings.get("stricthostkeychecking") or "ask",
            visual_host_key=self._is("visualhostkey", False),
            algorithms=self._algorithms(),
            connect_timeout=self._number("connecttimeout"), keepalive_interval=self._number("serveraliveinterval"),
            warnings=tuple(settings.warnings), where=dict(settings.where),
        )
        return self._with_session(self._with_login(self._with_proxy(made)))

    def _with_login(self, made: HostConfig) -> HostConfig:
        explicit = "identityfile" in self._settings.lists
        usual = tuple(Path(self._source.home, ".ssh", name) for name in DEFAULT_IDENTITIES)
        return replace(
            made, identity_files=self._files("identityfile") if explicit else usual, explicit_identities=explicit,
            certificate_files=self._files("certificatefile"), identities_only=self._is("identitiesonly", False),
            identity_agent=self._agent(), batch_mode=self._is("batchmode", False),
            public_keys=self._is("pubkeyauthentication", True), passwords=self._is("passwordauthentication", True),
            keyboard_interactive=self._is("kbdinteractiveauthentication", True),
            password_prompts=self._number("numberofpasswordprompts", 3),
        )

    def _with_session(self, made: HostConfig) -> HostConfig:
        lists = self._settings.lists
        return replace(
            made, request_tty=self._settings.get("requesttty") or "auto",
            remote_command=self._unless_none("remotecommand"), environment=self._environment(),
            local_forwards=tuple(map(tuple, lists.get("localforward", ()))),
            remote_forwards=tuple(map(tuple, lists.get("remoteforward", ()))),
            dynamic_forwards=tuple(words[0] for words in lists.get("dynamicforward", ())),
            exit_on_forward_failure=self._is("exitonforwardfailure", False),
        )

    def _agent(self) -> str | None:
        value = self._settings.get("identityagent") or "SSH_AUTH_SOCK"
        if value.lower() == "none":
            return None
        if value == "SSH_AUTH_SOCK":
            return os.environ.get("SSH_AUTH_SOCK") or None
        if value.startswith("$") and not value.startswith("${"):
            return os.environ.get(value[1:]) or None
        return str(self._path("identityagent", value))

    def _environment(self) -> dict[str, str]:
        patterns = [pattern for words in self._settings.lists.get("sendenv", ()) for pattern in words]
        sent = {name: value for name, value in os.environ.items() if any_matches(name, patterns)}
        for word in self._settings.values.get("setenv", ()):
            name, _, value = word.partition("=")
            sent[name] = value
        return sent

    def _algorithms(self) -> dict[Algorithms, str]:
        found: dict[Algorithms, str] = {}
        for name, kind in _ALGORITHMS.items():
            text = self._settings.get(name)
            try:
                known = supported(kind, text) if text else ""
            except ValueError as error:
                raise ConfigError(f"{self._settings.where[name]}: {name}: {error}") from None
            if known:
                found[kind] = known
        if self._is("compression", False):
            found[Algorithms.COMPRESSION] = "zlib@openssh.com,none"
        return found

    # ---- Ways there ----

    def _with_proxy(self, made: HostConfig) -> HostConfig:
        jump, command = self._unless_none("proxyjump"), self._unless_none("proxycommand")
        if jump is not None:
            hops = [self._hop(hop, first=index == 0) for index, hop in enumerate(jump.split(","))]
            return replace(made, proxy_jump=jump, jumps=tuple(hop for hop in hops if hop is not None))
        if command is not None:
            self._refuse_shell_words(command)
            return replace(made, proxy_command=self._expand("proxycommand", command, self._tokens))
        return made

    def _refuse_shell_words(self, command: str) -> None:
        """A shell reads the command: a host or a user, from whoever named it, must not put words of its own there."""
        for name, value in self._tokens.items():
            if f"%{name}" in command and name in _FOREIGN and (value.startswith("-") or _SHELL.search(value)):
                where = self._settings.where["proxycommand"]
                raise ConfigError(f"{where}: proxycommand: {value!r} has what a shell would take for more than a name")

    def _hop(self, text: str, first: bool) -> Jump | None:
        user, host, port = parse_jump(text)
        if (host.lower(), port or 22) == (self._hostname, self._port) and user in (None, self._user):
            return None
        source = replace(self._source, depth=self._source.depth + 1)
        if source.depth > JUMPS:
            where = self._settings.where.get("proxyjump")
            raise ConfigError(f"{where}: more than {JUMPS} jump hosts lead to each other")
        # The first is reached as its own settings say; the others through the one before.
        options = () if first else ("ProxyJump=none", "ProxyCommand=none")
        return lambda: _load(host, user, port, options, source)


def parse_jump(text: str) -> tuple[str | None, str, int | None]:
    """User, host and port of "[user@]host[:port]", or of the same as ssh://. ConfigError for anything else."""
    rest = text.removeprefix("ssh://")
    user, at, place = rest.rpartition("@")
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        port = port.removeprefix(":")
        wrong = not closed
    else:
        host, colon, port = place.partition(":")
        wrong = bool(colon and not port) or ":" in port
    try:
        number = read_port(port) if port else None
    except ValueError as error:
        raise ConfigError(f"{text!r}: {error}") from None
    if wrong or not host or (at and not user):
        raise ConfigError(f"{text!r} is no [user@]host[:port]")
    return user if at else None, host, number
