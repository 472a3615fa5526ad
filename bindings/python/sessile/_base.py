# SPDX-License-Identifier: Apache-2.0
"""What the objects of this package share: one handle each, and how bytes come out of the flat layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import _sessile
from ._sessile import Handle
from .errors import MisuseError

Buffer = bytes | bytearray | memoryview
Text = str | bytes


class Owner:
    """An object of the library: it holds the handle, and lets go of it when it is collected."""

    _handle: Handle

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name[0] == "_" != name[1:2] and "_handle" not in self.__dict__:
                raise MisuseError(_sessile.ERR_MISUSE, f"{type(self).__name__}: __init__ of its base was not called")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def free(self) -> None:
        """Let go of the object now. Whatever is called on it afterwards raises :class:`GoneError`."""
        _sessile.free(self._handle)

    @property
    def freed(self) -> bool:
        """Whether it is freed."""
        return not self._handle.address


def existing(handle: Handle | None) -> Handle:
    """The handle that a function made; None where there was no memory for it."""
    if handle is None:
        raise MemoryError
    return handle


def filled(call: Callable[..., int], *arguments: object, room: int = 4096) -> bytes:
    """What call(*arguments, buffer) writes: it tells the length, and writes nothing where there is not enough room.
    ``room``: bytes to begin with."""
    buffer = bytearray(room)
    while (size := call(*arguments, buffer)) > len(buffer):
        buffer = bytearray(size)
    result = bytes(memoryview(buffer)[:size])
    wipe(buffer)
    return result


def filled_text(call: Callable[..., int], *arguments: object) -> str:
    """The same, as text."""
    return filled(call, *arguments).decode("utf-8", "replace")


def wipe(buffer: bytearray) -> None:
    """Zero a buffer that is done with. What Python has copied from it is out of reach."""
    buffer[:] = bytes(len(buffer))


def octets(text: Text | Buffer) -> bytes | bytearray | memoryview:
    """Text as UTF-8, with the bytes that the system's own text could not be made of; bytes as they are."""
    if not isinstance(text, str):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # It would have the text in it, which may be a secret.
        raise ValueError("text that has no form in UTF-8") from None


def names(value: str | Iterable[str]) -> str:
    """Names as the library's lists have them: separated by commas."""
    return value if isinstance(value, str) else ",".join(value)
