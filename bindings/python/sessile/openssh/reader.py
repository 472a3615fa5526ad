# SPDX-License-Identifier: Apache-2.0
"""Reading ssh_config: Host and Match blocks, Include, and of each option the first value that applies.

Nothing is run: a block under ``Match exec`` does not apply, and a warning says so."""

from __future__ import annotations

import glob
import os
import re
import stat
from dataclasses import dataclass, field

from . import options
from .text import ConfigError, any_matches, expand_home, expand_tokens, split_words

DEPTH = 16
_KEYWORD = re.compile(r"""["']?([A-Za-z0-9]+)["']?[ \t]*=?[ \t]*""")
_SIMPLE = ("host", "originalhost", "user", "localuser")


@dataclass
class Settings:
    """What the files and the command line have said so far."""

    host: str
    local_user: str
    home: str
    values: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    lists: dict[str, list[list[str]]] = field(default_factory=dict[str, list[list[str]]])
    where: dict[str, str] = field(default_factory=dict[str, str])
    warnings: list[str] = field(default_factory=list[str])
    wants_final: bool = False
    final: bool = False

    def warn(self, text: str) -> None:
        """Note something, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def get(self, name: str) -> str | None:
        """An option's only word."""
        words = self.values.get(name)
        return words[0] if words else None

    def current_host(self) -> str:
        """The name that would be connected to, by what is known so far."""
        name = self.get("hostname")
        return expand_tokens(name, {"h": self.host}) if name else self.host

    def _has_rival(self, name: str) -> bool:
        """Of a jump host and a command in between, the first counts."""
        if name == "proxycommand":
            return (self.get("proxyjump") or "none").lower() != "none"
        return name == "proxyjump" and "proxycommand" in self.values

    def take(self, name: str, words: list[str], where: str) -> None:
        """An option that applies."""
        if name in options.ADDING:
            entries = self.lists.setdefault(name, [])
            self.where.setdefault(name, where)
            if words not in entries:
                entries.append(words)
        elif name not in self.values and not self._has_rival(name):
            self.values[name], self.where[name] = words, where


class Reader:
    """Reads files and lines into settings. ``folder``: what a relative Include is relative to."""

    def __init__(self, settings: Settings, folder: str, *, check_owner: bool = False) -> None:
        self._settings = settings
        self._folder = folder
        self._check_owner = check_owner
        self._active = self._live = True

    def file(self, path: str, depth: int = 0) -> None:
        """A file; OSError where it cannot be read."""
        if depth > DEPTH:
            raise ConfigError(f"{path}: more than {DEPTH} files include each other")
        with open(path, encoding="utf-8", errors="surrogateescape") as opened:
            if self._check_owner:
                _check_owner(path, os.fstat(opened.fileno()))
            for number, line in enumerate(opened, 1):
                self.line(line, f"{path}:{number}", depth)

    def line(self, line: str, where: str, depth: int = 0) -> None:
        """One line, or one option of the command line."""
        line = line.strip(" \t\r\n\f")
        if not line or line.startswith("#"):
            return
        found = _KEYWORD.match(line)
        if not found:
            raise ConfigError(f"{where}: {line!r} begins with no keyword")
        keyword, rest = found.group(1), line[found.end() :]
        try:
            self._option(keyword, rest, where, depth)
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(f"{where}: {keyword}: {error}") from None

    def _option(self, keyword: str, rest: str, where: str, depth: int) -> None:
        name = keyword.lower()
        name = options.ALIASES.get(name, name)
        if name in options.WHOLE:
            words = [rest] if rest else []
            if not words:
                raise ValueError("a value is missing")
        else:
            words = split_words(rest)
        if name == "host":
            self._host(words)
        elif name == "match":
            self._match(words, where)
        elif name == "include":
            self._include(options.READERS[name](words), where, depth)
        elif name in options.READERS or name in options.WHOLE:
            self._set(name, words, where)
        elif name not in options.IDLE and not self._ignored(keyword):
            raise ValueError("there is no such option")

    def _set(self, name: str, words: list[str], where: str) -> None:
        if name in options.READERS:
            words = options.READERS[name](words)
        if self._active and self._live:
            self._settings.take(name, words, where)

    def _ignored(self, keyword: str) -> bool:
        patterns = self._settings.get("ignoreunknown") or ""
        return any_matches(keyword.lower(), patterns.lower().split(","))

    # ---- Blocks ----

    def _host(self, patterns: list[str]) -> None:
        if not patterns:
            raise ValueError("a pattern is missing")
        self._active = any_matches(self._settings.host, patterns)

    def _match(self, words: list[str], where: str) -> None:
        if not words:
            raise ValueError("a criterion is missing")
        left = [part for word in words for part in (word.split("=", 1) if _is_pair(word) else [word])]
        result = True
        while left:
            name = left.pop(0)
            negated, name = name.startswith("!"), name.removeprefix("!").lower()
            if name == "all":
                if left or negated or len(words) > 2 or (len(words) == 2 and words[0].lower() not in _PASSES):
                    raise ValueError("\"all\" must stand alone")
                continue
            met: bool | None
            if name in _PASSES:
                met = self._pass_matches(name)
            elif left:
                met = self._meets(name, left.pop(0), where)
            else:
                raise ValueError(f"{name!r} needs a value")
            result = result and met is not None and met != negated
        self._active = result

    def _pass_matches(self, name: str) -> bool:
        self._settings.wants_final |= name == "final"
        return self._settings.final

    def _meets(self, name: str, value: str, where: str) -> bool | None:
        """Whether a criterion is met; None where that is not found out."""
        if name not in _SIMPLE:
            if name not in ("exec", "localnetwork", "tagged", "sessiontype", "command", "version"):
                raise ValueError(f"{name!r} is no criterion")
            self._settings.warn(f"{where}: \"Match {name}\" is not looked at, and its block does not apply")
            return None
        settings = self._settings
        actual = {"host": lambda: settings.current_host().lower(), "originalhost": lambda: settings.host,
                  "user": lambda: settings.get("user") or settings.local_user,
                  "localuser": lambda: settings.local_user}[name]()
        return any_matches(actual, value.split(","))

    # ---- Include ----

    def _include(self, patterns: list[str], where: str, depth: int) -> None:
        for pattern in patterns:
            path = expand_home(pattern, self._settings.home)
            if not os.path.isabs(path):
                path = os.path.join(self._folder, path)
            for found in sorted(glob.glob(path)):
                inner = Reader(self._settings, self._folder, check_owner=self._check_owner)
                inner._live = self._live and self._active
                try:
                    inner.file(found, depth + 1)
                except OSError as error:
                    raise ConfigError(f"{where}: cannot include {found}: {error.strerror}") from None


_PASSES = ("canonical", "final")


def _is_pair(word: str) -> bool:
    name, found, _ = word.partition("=")
    return bool(found) and name.removeprefix("!").lower() in (*_SIMPLE, "exec")


def _check_owner(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{path}: it belongs to somebody else, or others may write to it")
