# SPDX-License-Identifier: Apache-2.0
"""The proposal's three calls by their own names, for comms layers that are written against its page.

``handle`` is the comms layer's own and comes back as the first argument of its two callbacks:
``send_func(handle, buffer, size)`` returns 0, or -1 where the wire is unusable, and ``close_func(handle)`` closes
it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ._base import Buffer
from .session import Session

H = TypeVar("H")


def session_create(
    handle: H, send_func: Callable[[H, bytes, int], object], close_func: Callable[[H], object] | None
) -> Session:
    """Create a session from a newly created comms channel."""
    return Session(
        lambda data: send_func(handle, data, len(data)),
        None if close_func is None else lambda: close_func(handle),
    )


def session_receive(handle: Session, data: Buffer, size: int | None = None) -> int:
    """Process data received over the wire. Returns how much of it was taken, or -1 on error."""
    return handle.receive(data if size is None else memoryview(data)[:size])


def session_close(handle: Session) -> None:
    """The comms channel has been closed by the other side."""
    handle.wire_closed()
