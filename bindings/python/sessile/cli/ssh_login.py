# SPDX-License-Identifier: Apache-2.0
"""Logging in from a terminal: hosts that are new, passwords, passphrases and a server's own questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.panel import Panel
from rich.text import Text

from ..constants import HostStatus
from ..keys import Key
from ..openssh import HostConfig
from ..trust import KnownHosts
from .common import LoginFailure, err, escaped
from .tty import Terminal, words

PATIENCE = 600.0
_SHORT = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}


def kind_of(key: Key) -> str:
    """A key's type, as people call it."""
    return _SHORT.get(key.type, "ECDSA" if key.type.startswith("ecdsa-") else key.type)


class Login:
    """Answers what connecting to a host, and to those before it, asks. Nothing is asked in batch mode."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._terminal = Terminal.open()
        self._quiet = quiet
        self._configs: list[HostConfig] = []

    async def close(self) -> None:
        """Be done with the terminal."""
        if self._terminal is not None:
            await self._terminal.close()

    def arguments(self, config: HostConfig) -> dict[str, Any]:
        """For connect()."""
        self._configs.append(config)
        asker = _Asker(config, None if config.batch_mode else self._terminal)
        asks = not config.batch_mode and self._terminal is not None
        return {
            "accept_host_key": asker.host_key, "passphrase": asker.passphrase if asks else None,
            "password": asker.password if asks and config.passwords else None,
            "prompts": asker.prompts if asks and config.keyboard_interactive else None,
            "attempts": max(1, config.password_prompts), "login_timeout": PATIENCE,
            "on_banner": None if self._quiet else _show_banner,
        }

    def explain_host_key(self, text: str) -> LoginFailure:
        """The failure of one of the hosts, which shows another key than the known one."""
        named = [config for config in self._configs if f'"{escaped(config.known_as[0])}"' in text]
        return _explain_host_key((named or self._configs)[-1], text)


def _show_banner(text: str) -> None:
    err.print(Text(words(text)), end="")


class _Asker:
    """For one host."""

    def __init__(self, config: HostConfig, terminal: Terminal | None) -> None:
        self._config = config
        self._terminal = terminal
        self._who = f"{escaped(config.username)}@{escaped(config.name)}"

    async def _ask(self, question: str, echo: bool = False) -> str | None:
        return None if self._terminal is None else await self._terminal.ask(question, echo)

    async def passphrase(self, path: Path) -> str | None:
        """Of an encrypted key."""
        return await self._ask(f"Passphrase of the key {escaped(str(path))}: ")

    async def password(self) -> str | None:
        """The user's."""
        return await self._ask(f"{self._who}'s password: ")

    async def prompts(self, name: str, instruction: str, prompts: list[tuple[str, bool]]) -> list[str] | None:
        """What the server asks, in its words."""
        for text in (name, instruction):
            if text and self._terminal is not None:
                self._terminal.say(words(text).rstrip("\n") + "\n")
        answers: list[str] = []
        for prompt, echo in prompts:
            told = await self._ask(f"({self._who}) {words(prompt)}", echo)
            if told is None:
                return None
            answers.append(told)
        return answers

    # ---- The host ----

    async def host_key(self, host: str, port: int, key: Key) -> bool:
        """A host that is not known."""
        policy = self._config.strict_host_key_checking
        if policy == "yes":
            err.print(Text(f"{self._place} is not known, and StrictHostKeyChecking is on.", "red"))
            return False
        if policy == "ask":
            if self._terminal is None:
                err.print(Text(f"{self._place} is not known, and there is nobody to ask.", "red"))
                return False
            if not await self._consents(key):
                return False
        self._remember(host, port, key)
        return True

    @property
    def _place(self) -> str:
        name, port = self._config.known_as
        return f"The host '{escaped(name)}'" + (f", port {port}," if port != 22 else "")

    async def _consents(self, key: Key) -> bool:
        assert self._terminal is not None
        self._terminal.say(f"{self._place} is not known here.\n"
                           f"Its {kind_of(key)} key has the fingerprint {key.fingerprint()}.\n")
        if self._config.visual_host_key:
            self._terminal.say(key.randomart() + "\n")
        question = "Is that the right host? Go on connecting (yes/no/fingerprint)? "
        while (told := await self._ask(question, echo=True)) is not None:
            if told.strip() == key.fingerprint() or told.strip().lower() == "yes":
                return True
            if told.strip().lower() == "no":
                return False
            question = "Type 'yes', 'no', or the fingerprint: "
        return False

    def _remember(self, host: str, port: int, key: Key) -> None:
        try:
            path = self._config.remember(host, port, key)
        except OSError as error:
            err.print(Text(f"The host's key cannot be kept: {error}", "yellow"))
            return
        if path is not None:
            err.print(Text(f"Added the {kind_of(key)} key of '{escaped(host)}' to {path}.", "dim"))


def _explain_host_key(config: HostConfig, text: str) -> LoginFailure:
    """The failure of a host that shows another key than the known one."""
    name, port = config.known_as
    known = list(_known_lines(config, name, port))
    lines = [Text("It may be that somebody sits between you and the host. It may also be that it has a new key: ask "
                  "whoever runs it before you go on."), Text(""), Text(escaped(text))]
    title = Text(f"THE KEY OF {escaped(name)} IS NOT THE ONE THAT IS KNOWN", "bold red")
    err.print(Panel(Text("\n").join(lines), title=title, border_style="red", padding=(1, 2)), soft_wrap=False)
    if known:
        # Outside the frame, where a long path stays in one piece.
        err.print(Text("The key that is known stands in"))
    for path, line in known:
        err.print(Text(f"  {escaped(str(path))}:{line}", "cyan"))
    return LoginFailure("the host is not who it was; no login was tried")


def _known_lines(config: HostConfig, name: str, port: int) -> list[tuple[Path, int]]:
    """Where the host is known by other keys."""
    found: list[tuple[Path, int]] = []
    for path in config.known_hosts_files():
        known = KnownHosts(path.read_bytes())
        check = known.check(name, port, Key.generate())
        if check.status in (HostStatus.OTHER, HostStatus.CHANGED) and check.line:
            found.append((path, check.line))
    return found
