# SPDX-License-Identifier: Apache-2.0
"""``sessile keygen``: SSH keys are made, shown, and given another passphrase."""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.text import Text

from ..errors import Error, PassphraseError
from ..keys import Hash, Key, PublicFormat
from . import keyfiles
from .common import CONTEXT, Failure, err, escaped, out, reason

T = TypeVar("T")
ECDSA = {0: "ecdsa-sha2-nistp256", 256: "ecdsa-sha2-nistp256", 384: "ecdsa-sha2-nistp384",
         521: "ecdsa-sha2-nistp521"}
TRIES = 3


def _told(call: Callable[..., T], *arguments: object) -> T:
    """A call whose errors are for the user to read."""
    try:
        return call(*arguments)
    except (Error, OSError, ValueError) as error:
        raise Failure(reason(error)) from None


def _secret(question: str, *, confirm: bool = False) -> str:
    told: str = click.prompt(question, hide_input=True, default="", show_default=False, err=True,
                             confirmation_prompt="The same again" if confirm else False)
    return told


def _read_private(path: Path, passphrase: str | None) -> Key:
    """A private key, whose passphrase is asked for where it has one."""
    data = _told(path.read_bytes)
    try:
        return Key.read(data, passphrase)
    except PassphraseError:
        if passphrase:
            raise Failure("the passphrase is wrong") from None
    except Error as error:
        raise Failure(f"{path}: {error.text}") from None
    for _ in range(TRIES):
        try:
            return Key.read(data, _secret(f"Passphrase of {path}"))
        except PassphraseError:
            err.print("That is not it.")
    raise Failure("the passphrase is wrong")


def _read_any(path: Path) -> Key:
    """The public half of a file of either kind, without its passphrase."""
    beside = path.with_name(path.name + ".pub")
    data = _told(path.read_bytes)
    try:
        return Key.read_public(data)
    except Error:
        pass
    try:
        return Key.read(data)
    except PassphraseError:
        if beside.is_file():
            return _told(Key.read_public, beside.read_bytes())
        return _read_private(path, None)
    except Error as error:
        raise Failure(f"{path}: {error.text}") from None


def _face(key: Key, hash: Hash, art: bool) -> None:
    comment = escaped(key.comment) or "no comment"
    out.print(f"{key.bits} {key.fingerprint(hash)} {comment} ({_short(key.type)})")
    if art:
        out.print(key.randomart(hash).rstrip())


def _short(type: str) -> str:
    return {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}.get(type, "ECDSA" if type.startswith("ecdsa") else type)


def _make(kind: str, bits: int, comment: str) -> Key:
    if kind == "ed25519":
        if bits not in (0, 256):
            raise Failure("ed25519 keys have 256 bits")
        return Key.generate(comment=comment)
    if kind == "ecdsa":
        if bits not in ECDSA:
            raise Failure("ecdsa keys have 256, 384 or 521 bits")
        return Key.generate(ECDSA[bits], comment=comment)
    if bits and not 2048 <= bits <= 16384:
        raise Failure("rsa keys have 2048 to 16384 bits")
    with err.status("looking for large primes ..."):
        return _told(lambda: Key.generate("ssh-rsa", bits=bits, comment=comment))


def _put(path: Path, data: bytes, force: bool, mode: int = 0o600) -> None:
    if force:
        _told(keyfiles.replace, path, data, mode)
    else:
        _told(keyfiles.write_new, path, data, mode)


def _may_write(path: Path) -> bool:
    """Whether a file that is there is to be replaced."""
    for each in (path, path.with_name(path.name + ".pub")):
        if each.exists() or each.is_symlink():
            if not click.confirm(f"{each} is there already. Replace it?", err=True):
                raise Failure(f"{each} stays as it is")
            return True
    return False


def _generate(path: Path, kind: str, bits: int, comment: str | None, passphrase: str | None, rounds: int,
              quiet: bool) -> None:
    force = _may_write(path)
    key = _make(kind, bits, f"{getpass.getuser()}@{socket.gethostname()}" if comment is None else comment)
    if passphrase is None:
        passphrase = _secret("A passphrase for it (none: nothing protects the file)", confirm=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(path, _told(lambda: key.write(passphrase=passphrase or None, rounds=rounds)), force)
    _put(path.with_name(path.name + ".pub"), key.write_public().encode(), force, 0o644)
    if not quiet:
        out.print(Text.assemble("The private key is in ", (str(path), "bold"), ", the public one in ",
                                (f"{path}.pub", "bold"), "."))
        _face(key, Hash.SHA256, True)


def _change_passphrase(path: Path, old: str | None, new: str | None, rounds: int) -> None:
    key = _read_private(path, old)
    if new is None:
        new = _secret("The new passphrase (none: nothing protects the file)", confirm=True)
    _put(path, _told(lambda: key.write(passphrase=new or None, rounds=rounds)), True)
    err.print("The passphrase is another one now." if new else "The key has no passphrase now.")


def _public(path: Path, passphrase: str | None, format: str) -> None:
    key = _read_private(path, passphrase)
    sys.stdout.write(key.write_public({"line": PublicFormat.LINE, "rfc4716": PublicFormat.RFC4716,
                                       "pem": PublicFormat.PEM}[format]))


def _shown(path: Path, hash: Hash, art: bool) -> None:
    """Each key of a file, which may be one of many lines."""
    data = _told(path.read_bytes)
    lines = [line for line in data.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    if data.lstrip().startswith(b"--") or len(lines) < 2:
        _face(_read_any(path), hash, art)
        return
    for line in lines:
        try:
            _face(Key.read_public(line), hash, art)
        except Error as error:
            raise Failure(f"{path}: {error.text}") from None


@click.command("keygen", context_settings=CONTEXT, short_help="Make, show and change SSH keys.")
@click.option("-t", "kind", type=click.Choice(["ed25519", "ecdsa", "rsa"]), default="ed25519", show_default=True,
              help="The type of a new key.")
@click.option("-b", "bits", metavar="BITS", type=int, default=0,
              help="Its size: ecdsa 256, 384, 521; rsa 2048 and more, 3072 else.")
@click.option("-C", "comment", metavar="TEXT", help="Its comment.")
@click.option("-f", "path", type=click.Path(dir_okay=False, path_type=Path), help="The file of the private key.")
@click.option("-N", "new", metavar="TEXT", help="The new passphrase; others may see it while this runs.")
@click.option("-P", "old", metavar="TEXT", help="The passphrase that the key has.")
@click.option("-a", "rounds", metavar="N", type=click.IntRange(0, 1000), default=0,
              help="Rounds of the key derivation.")
@click.option("-l", "list_it", is_flag=True, help="Show a key's fingerprint.")
@click.option("-y", "public", is_flag=True, help="Print the public key of a private one.")
@click.option("-p", "change", is_flag=True, help="Give a key another passphrase.")
@click.option("-m", "format", type=click.Choice(["line", "rfc4716", "pem"]), default="line", show_default=True,
              help="The format for -y.")
@click.option("-E", "hash_name", type=click.Choice(["sha256", "md5"]), default="sha256", show_default=True,
              help="The fingerprint's hash.")
@click.option("-v", "art", is_flag=True, help="Show the fingerprint as a picture too.")
@click.option("-q", "quiet", is_flag=True, help="Say nothing of a new key.")
def command(kind: str, bits: int, comment: str | None, path: Path | None, new: str | None, old: str | None, rounds: int,
            list_it: bool, public: bool, change: bool, format: str, hash_name: str, art: bool, quiet: bool) -> None:
    """Make an SSH key, ~/.ssh/id_TYPE and its .pub unless -f says otherwise. What is there is not replaced without
    asking.

    \b
      sessile keygen -t ed25519 -C me@home
      sessile keygen -l -v -f ~/.ssh/id_ed25519.pub
      sessile keygen -y -f ~/.ssh/id_ed25519
    """
    if list_it + public + change > 1:
        raise click.UsageError("-l, -y and -p exclude each other")
    path = path.expanduser() if path else Path.home() / ".ssh" / f"id_{kind}"
    if list_it:
        _shown(path, Hash[hash_name.upper()], art)
    elif public:
        _public(path, old, format)
    elif change:
        _change_passphrase(path, old, new, rounds)
    else:
        _generate(path, kind, bits, comment, new, rounds, quiet)
