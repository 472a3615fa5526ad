# SPDX-License-Identifier: Apache-2.0
"""The user's key files, as OpenSSH finds them: private, or public where an agent has the rest; with certificates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Error, PassphraseError
from ..keys import Key
from .text import ConfigError

if TYPE_CHECKING:
    from ..asyncio.auth import LockedKey

DEFAULT_IDENTITIES = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")


def read_identities(
    paths: Sequence[Path], certificates: Sequence[Path], explicit: bool
) -> list[Key | LockedKey]:
    """The keys of those of the files that there are. ``explicit``: one that cannot be read is an error; else it is left
    out."""
    signed = [Key.read_public(path.read_bytes()) for path in certificates if path.is_file()]
    found: list[Key | LockedKey] = []
    for path in paths:
        try:
            key = _read(path)
        except (Error, OSError) as error:
            if explicit:
                raise ConfigError(f"{path}: {getattr(error, 'text', None) or error}") from None
            continue
        if key is not None:
            found += _with_certificates(path, key, signed)
    return found


def _read(path: Path) -> Key | LockedKey | None:
    public = path.with_name(path.name + ".pub")
    if not path.is_file():
        return Key.read_public(public.read_bytes()) if public.is_file() else None
    data = path.read_bytes()
    if not data.lstrip().startswith(b"-----BEGIN"):
        return Key.read_public(data)
    try:
        return Key.read(data)
    except PassphraseError:
        from ..asyncio.auth import LockedKey

        return LockedKey.read(path)


def _with_certificates(path: Path, key: Key | LockedKey, signed: Sequence[Key]) -> list[Key | LockedKey]:
    """The key with each of its certificates, then alone."""
    beside = path.with_name(path.name + "-cert.pub")
    all_signed = [*signed, *([Key.read_public(beside.read_bytes())] if beside.is_file() else [])]
    public = key if isinstance(key, Key) else key.public
    found: list[Key | LockedKey] = [
        key.with_certificate(certificate) for certificate in all_signed if certificate == public
    ]
    return [*found, key]
