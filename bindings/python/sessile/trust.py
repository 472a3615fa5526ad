# SPDX-License-Identifier: Apache-2.0
"""Who is trusted: known_hosts, authorized_keys and principals files, and key revocation lists, as OpenSSH has them.
What is read is immutable, and any number of threads may share it. Nothing here opens a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from . import _sessile
from ._base import Buffer, Owner, Text, filled_text, octets
from .constants import HostStatus
from .errors import ArgumentError
from .keys import Key

if TYPE_CHECKING:
    from ._sessile import Handle


class BadLine(NamedTuple):
    """A line that was skipped, from 1, and what is wrong with it."""

    line: int
    reason: str


def _bad_lines(
    handle: Handle, line: Callable[[Handle, int], int], reason: Callable[[Handle, int], str | None]
) -> list[BadLine]:
    """The first hundred: beyond, the library tells no more."""
    found: list[BadLine] = []
    while number := line(handle, len(found)):
        found.append(BadLine(number, reason(handle, len(found)) or ""))
    return found


def _seconds(now: int | None) -> int:
    return int(time.time()) if now is None else now


class HostCheck(NamedTuple):
    """What known hosts say about a key: the file, in the order they are looked at, and the line that decided, both from
    1 (0: none); and why a certificate was not good enough, or ""."""

    status: HostStatus
    file: int
    line: int
    reason: str


class KnownHosts(Owner):
    """The host keys that a client knows, from a file's text. ``before``: files that are looked at first."""

    def __init__(self, data: Text | Buffer, before: KnownHosts | None = None) -> None:
        self._handle = _sessile.known_hosts_read(octets(data), None if before is None else before._handle)

    def __len__(self) -> int:
        return _sessile.known_hosts_count(self._handle)

    def __bool__(self) -> bool:
        return True

    @property
    def bad_lines(self) -> list[BadLine]:
        """Lines of this file that were skipped."""
        return _bad_lines(self._handle, _sessile.known_hosts_bad_line, _sessile.known_hosts_bad_reason)

    def check(self, host: str, port: int, key: Key, now: int | None = None) -> HostCheck:
        """Look a host key up. ``now``: seconds since 1970, for certificates; None for the present."""
        status, file, line, reason = _sessile.known_hosts_check(self._handle, host, port, key._handle, _seconds(now))
        return HostCheck(HostStatus(status), file, line, reason)

    def algorithms(self, host: str, port: int = 22) -> list[str]:
        """The host key algorithms by which the host can be known: offer them first, and nobody is asked."""
        text = filled_text(_sessile.known_hosts_algorithms, self._handle, host, port)
        return text.split(",") if text else []

    def keys(self, host: str, port: int = 22) -> list[Key]:
        """The keys that are known for a host, authorities and revoked keys apart."""
        found: list[Key] = []
        while True:
            try:
                found.append(Key(_sessile.known_hosts_key(self._handle, host, port, len(found))))
            except ArgumentError:
                return found

    @staticmethod
    def line(host: str, port: int, key: Key, *, hashed: bool = False) -> str:
        """A line for the file, with its newline; ``hashed``: the host's name cannot be read from it."""
        return filled_text(_sessile.known_hosts_line, host, port, key._handle, hashed)


class Allow(IntEnum):
    """What a grant may allow."""

    PTY = _sessile.GRANT_PTY
    PORT_FORWARDING = _sessile.GRANT_PORT_FORWARDING
    AGENT_FORWARDING = _sessile.GRANT_AGENT_FORWARDING
    X11_FORWARDING = _sessile.GRANT_X11_FORWARDING
    USER_RC = _sessile.GRANT_USER_RC


class Grant(Owner):
    """What a key that was let in may do: its line's options and its certificate's, where both must agree."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def line(self) -> int:
        """The line that let it in, from 1."""
        return _sessile.grant_line(self._handle)

    @property
    def command(self) -> str | None:
        """What to run in place of whatever is asked for, or None."""
        return _sessile.grant_command(self._handle)

    def allows(self, what: Allow) -> bool:
        """Whether the key may have it."""
        return bool(_sessile.grant_allows(self._handle, what))

    @property
    def needs_touch(self) -> bool:
        """Whether a security key must have been touched."""
        return bool(_sessile.grant_needs_touch(self._handle))

    @property
    def needs_verification(self) -> bool:
        """Whether a security key must have verified its user."""
        return bool(_sessile.grant_needs_verification(self._handle))

    def allows_open(self, host: str, port: int) -> bool:
        """Whether it may have the server connect there."""
        return bool(_sessile.grant_allows_open(self._handle, host, port))

    def allows_listen(self, host: str, port: int) -> bool:
        """Whether it may have the server listen there."""
        return bool(_sessile.grant_allows_listen(self._handle, host, port))

    @property
    def environment(self) -> list[str]:
        """"NAME=value" each. Whoever may write the file may set any variable: sshd ignores them by default."""
        count = _sessile.grant_environment_count(self._handle)
        return [_sessile.grant_environment(self._handle, index) or "" for index in range(count)]


class Principals(Owner):
    """The names that a certificate must carry one of to log in as one user, from a file's text. ``zone``: seconds east
    of UTC, for times in it."""

    def __init__(self, data: Text | Buffer, *, zone: int = 0) -> None:
        self._handle = _sessile.principals_read(octets(data), zone)

    def __len__(self) -> int:
        return _sessile.principals_count(self._handle)

    def __bool__(self) -> bool:
        return True

    @property
    def bad_lines(self) -> list[BadLine]:
        """Lines that were skipped."""
        return _bad_lines(self._handle, _sessile.principals_bad_line, _sessile.principals_bad_reason)


class AuthorizedKeys(Owner):
    """The keys that may log in as one user, from a file's text."""

    def __init__(self, data: Text | Buffer, *, zone: int = 0) -> None:
        self._handle = _sessile.authorized_keys_read(octets(data), zone)

    def __len__(self) -> int:
        return _sessile.authorized_keys_count(self._handle)

    def __bool__(self) -> bool:
        return True

    @property
    def bad_lines(self) -> list[BadLine]:
        """Lines that were skipped."""
        return _bad_lines(self._handle, _sessile.authorized_keys_bad_line, _sessile.authorized_keys_bad_reason)

    def match(
        self, key: Key, user: str, *, address: str | None = None, host: str | None = None, now: int | None = None
    ) -> Grant:
        """What the key may do as ``user``; :class:`VerificationError` where no line lets it in, with a text that is for
        this side's log only. ``address`` and ``host``: the peer's. The signature is not looked at here."""
        return Grant(_sessile.authorized_keys_match(self._handle, key._handle, user, address, host, _seconds(now)))

    def match_authority(
        self,
        key: Key,
        user: str,
        *,
        principals: Principals | None = None,
        address: str | None = None,
        host: str | None = None,
        now: int | None = None,
    ) -> Grant:
        """The same where these are authorities that are trusted for all users (TrustedUserCAKeys). ``principals``: the
        user's; None: the certificate must name the user."""
        listed = None if principals is None else principals._handle
        return Grant(
            _sessile.authorities_match(self._handle, listed, key._handle, user, address, host, _seconds(now))
        )


class KRL(Owner):
    """A key revocation list, as ssh-keygen -k makes it, or a text of public key lines."""

    def __init__(self, data: Text | Buffer) -> None:
        self._handle = _sessile.krl_read(octets(data))

    @property
    def version(self) -> int:
        """Its version; 0 where it is a text."""
        return _sessile.krl_version(self._handle)

    @property
    def generated(self) -> int:
        """The second it was made in, since 1970."""
        return _sessile.krl_generated(self._handle)

    @property
    def comment(self) -> str:
        """Its comment, escaped."""
        return _sessile.krl_comment(self._handle)

    def revokes(self, key: Key) -> bool:
        """Whether the key, its certificate, or the certificate's authority is revoked. Raises where it cannot be told:
        then the key must not be trusted."""
        return bool(_sessile.krl_revokes(self._handle, key._handle))
