# SPDX-License-Identifier: Apache-2.0
"""What can be typed in ``sessile sftp``: a coroutine for each word."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from ..asyncio import SFTPClient, SFTPEntry
from ..constants import SFTPNumber
from ..errors import SFTPError
from ..sftp import SFTPAttrs
from .common import escaped, out
from .copy_bars import CopyBars


class Wrong(Exception):
    """What was typed makes no sense; the text says why."""


class Verbs:
    """One conversation: where it is, there and here."""

    def __init__(self, sftp: SFTPClient, there: str, quiet: bool) -> None:
        self.sftp, self.there, self.quiet = sftp, there, quiet

    def path(self, text: str) -> str:
        """A path there."""
        return posixpath.normpath(posixpath.join(self.there, text)) if text else self.there

    async def fitting(self, text: str) -> list[str]:
        """The paths there that a pattern fits."""
        path = self.path(text)
        if not set("*?[") & set(text):
            return [path]
        found = await self.sftp.glob(path)
        if not found:
            raise Wrong(f"nothing fits {text!r}")
        return found

    # ---- Where ----

    async def pwd(self) -> None:
        """Tell the directory there."""
        out.print(Text(escaped(self.there)))

    async def lpwd(self) -> None:
        """Tell the directory here."""
        out.print(Text(escaped(os.getcwd())))

    async def cd(self, path: str = "") -> None:
        """Go to a directory there; without one, to where it began."""
        found = await self.sftp.realpath(self.path(path) if path else ".")
        if not (await self.sftp.stat(found)).is_dir:
            raise Wrong(f"{path} is no directory")
        self.there = found

    async def lcd(self, path: str = "~") -> None:
        """Go to a directory here."""
        os.chdir(os.path.expanduser(path))

    # ---- What is there ----

    async def ls(self, *words: str) -> None:
        """List: -l with details, -a with hidden names, -1 a name to a line."""
        options, paths = _options(words, "la1")
        for path in paths or [""]:
            for found in await self.fitting(path):
                _show([entry for entry in await self._entries(found) if "a" in options or entry.name[0] != "."],
                      "l" in options, "1" in options)

    async def _entries(self, path: str) -> list[SFTPEntry]:
        attrs = await self.sftp.stat(path)
        if attrs.is_dir:
            return sorted([entry async for entry in self.sftp.scandir(path)], key=lambda entry: entry.name)
        return [SFTPEntry(posixpath.basename(path), path, attrs, b"")]

    async def lls(self, path: str = ".") -> None:
        """List here."""
        for name in sorted(os.listdir(os.path.expanduser(path))):
            if name[0] != ".":
                out.print(Text(escaped(name)))

    async def stat(self, path: str) -> None:
        """Tell all about a file."""
        attrs = await self.sftp.lstat(self.path(path))
        facts = [("size", f"{attrs.size:,}" if attrs.size is not None else ""), ("mode", _mode(attrs)),
                 ("owner", f"{attrs.uid}:{attrs.gid}" if attrs.uid is not None else ""), ("changed", _when(attrs))]
        for name, value in facts:
            out.print(Text.assemble((f"{name:>8}  ", "dim"), value))

    async def df(self, path: str = "") -> None:
        """Tell how much room there is."""
        numbers = await self.sftp.statvfs(self.path(path))
        unit = numbers[SFTPNumber.FRSIZE] or numbers[SFTPNumber.BSIZE]
        total, free = numbers[SFTPNumber.BLOCKS] * unit, numbers[SFTPNumber.BAVAIL] * unit
        out.print(Text(f"{decimal(free)} of {decimal(total)} are free"))

    # ---- Copies ----

    async def get(self, *words: str) -> None:
        """Fetch: -r directories, -p keep permissions and times, -c go on with what is here in part. The last of several
        words is where to, if it is a directory here."""
        options, paths = _options(words, "rpca")
        paths, target = _split(paths, lambda path: os.path.isdir(os.path.expanduser(path)))
        found = [each for path in paths for each in await self.fitting(path)]
        await self._copy(lambda how: self.sftp.get(found[0] if len(found) == 1 else found,
                                                   os.path.expanduser(target or "."), **how), options)

    async def put(self, *words: str) -> None:
        """Send, in the same way."""
        options, paths = _options(words, "rpca")
        paths, target = _split(paths, lambda _: False)
        found = [each for path in paths for each in _here(path)]
        await self._copy(lambda how: self.sftp.put(found, self.path(target or ""), **how), options)

    async def _copy(self, work: Callable[[dict[str, Any]], Awaitable[None]], options: str) -> None:
        with CopyBars(self.quiet) as shown:
            await work({"recursive": "r" in options, "preserve": "p" in options,
                        "resume": bool(set("ca") & set(options)), "progress": shown.progress,
                        "on_error": shown.failed})
        if shown.failures:
            raise Wrong(f"{shown.failures} could not be copied")

    async def cat(self, path: str) -> None:
        """Show a file's text."""
        out.print(Text(escaped((await self.sftp.read_bytes(self.path(path))).decode("utf-8", "replace"), "\n\t")))

    # ---- Changes ----

    async def mkdir(self, *words: str) -> None:
        """Make directories: -p with those above them."""
        options, paths = _options(words, "p")
        for path in _some(paths):
            await (self.sftp.makedirs(self.path(path), exist_ok=True) if options else self.sftp.mkdir(self.path(path)))

    async def rmdir(self, *paths: str) -> None:
        """Remove empty directories."""
        for path in _some(paths):
            await self.sftp.rmdir(self.path(path))

    async def rm(self, *words: str) -> None:
        """Remove files: -r directories, with all that is in them."""
        options, paths = _options(words, "r")
        for path in _some(paths):
            for found in await self.fitting(path):
                folder = options and (await self.sftp.lstat(found)).is_dir
                await (self.sftp.rmtree(found) if folder else self.sftp.remove(found))

    async def rename(self, old: str, new: str) -> None:
        """Give a file another name; what has it already is replaced where the server can."""
        await self._replace(self.path(old), self.path(new))

    async def _replace(self, old: str, new: str) -> None:
        from ..constants import SFTPOperation

        replacing = self.sftp.supports(SFTPOperation.POSIX_RENAME)
        await (self.sftp.replace(old, new) if replacing else self.sftp.rename(old, new))

    async def ln(self, *words: str) -> None:
        """Give a file a second name; -s: make a link that leads to it."""
        options, paths = _options(words, "s")
        if len(paths) != 2:
            raise Wrong("two names: what there is, and the new one")
        await (self.sftp.symlink(paths[0], self.path(paths[1])) if options
               else self.sftp.link(self.path(paths[0]), self.path(paths[1])))

    async def chmod(self, mode: str, *paths: str) -> None:
        """Set permissions, an octal number."""
        try:
            number = int(mode, 8)
        except ValueError:
            raise Wrong(f"{mode!r} is no octal number") from None
        for path in _some(paths):
            for found in await self.fitting(path):
                await self.sftp.chmod(found, number)

    async def chown(self, owner: str, *paths: str) -> None:
        """Set the owner, UID or UID:GID."""
        uid, colon, gid = owner.partition(":")
        if not uid.isdigit() or colon and not gid.isdigit():
            raise Wrong(f"{owner!r} is no UID:GID")
        for path in _some(paths):
            for found in await self.fitting(path):
                now = await self.sftp.stat(found)
                await self.sftp.chown(found, int(uid), int(gid) if colon else now.gid or 0)


# ---- The table ----


@dataclass(frozen=True)
class Verb:
    """``there``, ``here``: whether its words are paths of that side, for completion."""

    call: Callable[..., Awaitable[None]]
    usage: str
    there: bool = False
    here: bool = False


VERBS = {
    "ls": Verb(Verbs.ls, "ls [-la1] [PATH]...", there=True),
    "cd": Verb(Verbs.cd, "cd [PATH]", there=True),
    "pwd": Verb(Verbs.pwd, "pwd"),
    "get": Verb(Verbs.get, "get [-rpc] PATH... [HERE]", there=True),
    "put": Verb(Verbs.put, "put [-rpc] HERE... [PATH]", here=True),
    "cat": Verb(Verbs.cat, "cat PATH", there=True),
    "stat": Verb(Verbs.stat, "stat PATH", there=True),
    "df": Verb(Verbs.df, "df [PATH]", there=True),
    "mkdir": Verb(Verbs.mkdir, "mkdir [-p] PATH...", there=True),
    "rmdir": Verb(Verbs.rmdir, "rmdir PATH...", there=True),
    "rm": Verb(Verbs.rm, "rm [-r] PATH...", there=True),
    "rename": Verb(Verbs.rename, "rename OLD NEW", there=True),
    "ln": Verb(Verbs.ln, "ln [-s] OLD NEW", there=True),
    "chmod": Verb(Verbs.chmod, "chmod MODE PATH...", there=True),
    "chown": Verb(Verbs.chown, "chown UID[:GID] PATH...", there=True),
    "lcd": Verb(Verbs.lcd, "lcd [HERE]", here=True),
    "lls": Verb(Verbs.lls, "lls [HERE]", here=True),
    "lpwd": Verb(Verbs.lpwd, "lpwd"),
}
ALIASES = {"dir": "ls", "mget": "get", "mput": "put", "mv": "rename", "symlink": "ln -s", "reget": "get -c",
           "reput": "put -c", "chdir": "cd"}


# ---- Words ----


def _options(words: tuple[str, ...], known: str) -> tuple[str, list[str]]:
    """The letters of words like -la, and the rest; "--" ends them."""
    found, paths = "", list(words)
    while paths and paths[0].startswith("-") and paths[0] != "-":
        word = paths.pop(0)
        if word == "--":
            break
        if unknown := set(word[1:]) - set(known):
            raise Wrong(f"no such option: -{sorted(unknown)[0]}")
        found += word[1:]
    return found, paths


def _some(paths: list[str] | tuple[str, ...]) -> list[str]:
    if not paths:
        raise Wrong("no path is named")
    return list(paths)


def _split(paths: list[str], is_folder: Callable[[str], bool]) -> tuple[list[str], str | None]:
    """Sources and target: of two words the second is the target, of more the last one where it is a directory."""
    _some(paths)
    if len(paths) == 2 or len(paths) > 2 and is_folder(paths[-1]):
        return paths[:-1], paths[-1]
    return paths, None


def _here(path: str) -> list[Path]:
    """The files here that a pattern fits."""
    import glob

    expanded = os.path.expanduser(path)
    found = [expanded] if os.path.lexists(expanded) else sorted(glob.glob(expanded))
    if not found:
        raise Wrong(f"{path}: no such file here")
    return [Path(each) for each in found]


# ---- What is shown ----


def _show(entries: list[SFTPEntry], details: bool, single: bool) -> None:
    if not details:
        names = [Text(escaped(entry.name) + ("/" if entry.is_dir else ""), "blue" if entry.is_dir else "")
                 for entry in entries]
        if single or not out.is_terminal:
            for name in names:
                out.print(name)
        elif names:
            from rich.columns import Columns

            out.print(Columns(names, padding=(0, 2), column_first=True), soft_wrap=False)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for justify in ("left", "right", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for entry in entries:
        attrs = entry.attrs
        owner = "" if attrs.uid is None else f"{attrs.uid}:{attrs.gid}"
        table.add_row(_mode(attrs), owner, f"{attrs.size or 0:,}", _when(attrs), Text(escaped(entry.name)))
    out.print(table)


def _mode(attrs: SFTPAttrs) -> str:
    return stat.filemode(attrs.permissions) if attrs.permissions is not None else "?"


def _when(attrs: SFTPAttrs) -> str:
    return "" if attrs.mtime is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(attrs.mtime))


async def names_there(verbs: Verbs, start: str) -> list[tuple[str, bool]]:
    """The paths that begin like that, and whether each is a directory: for completion."""
    folder, name = posixpath.split(start)
    try:
        return sorted([(posixpath.join(folder, entry.name), entry.is_dir)
                       async for entry in verbs.sftp.scandir(verbs.path(folder))
                       if entry.name.startswith(name) and entry.name.isprintable()])
    except SFTPError:
        return []


def names_here(start: str) -> list[tuple[str, bool]]:
    """The same here."""
    folder, name = os.path.split(start)
    try:
        found = sorted(os.listdir(os.path.expanduser(folder) or "."))
    except OSError:
        return []
    return [(path, os.path.isdir(os.path.expanduser(path)))
            for path in (os.path.join(folder, each) for each in found if each.startswith(name))]
