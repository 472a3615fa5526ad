# SPDX-License-Identifier: Apache-2.0
"""Keys that are meant for the client: "~." at the beginning of a line ends the connection, "~~" is a tilde."""

from __future__ import annotations


class Disconnect(Exception):
    """The user wants to go."""


class Keys:
    """Looks for them in what is typed, however it comes in pieces."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._at_start = True
        self._tilde = False

    def pressed(self, data: bytes) -> bytes:
        """What goes to the other end; :class:`Disconnect` where the connection is to end."""
        return b"".join(self._key(data[at : at + 1]) for at in range(len(data))) if self._on else data

    def _key(self, key: bytes) -> bytes:
        if self._tilde:
            self._tilde = False
            if key == b".":
                raise Disconnect
            key = key if key == b"~" else b"~" + key
        elif key == b"~" and self._at_start:
            self._tilde = True
            return b""
        self._at_start = key[-1:] in (b"\r", b"\n")
        return key
