# SPDX-License-Identifier: Apache-2.0
"""A session on an asyncio transport, of whatever kind: what arrives is offered to the session, what it sends is
written, and back pressure goes through both ways.

The transport reads into a buffer of the Intake's, which offers it to the session and keeps what that has not taken. The
transport is told to read no more while the session takes nothing. A wire is finished once: when the session is over and
the transport has lost its connection, in whichever order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .. import _sessile
from ..errors import ClosedError, Error
from ..session import Session


async def listening(
    create: Callable[..., Awaitable[asyncio.Server]], *arguments: object, start_serving: bool = True, **options: Any
) -> asyncio.Server:
    """Await one of the event loop's functions that make servers, in two steps: cancelled while it starts, it would
    leave behind a server that listens and that nobody has."""
    server = await create(*arguments, start_serving=False, **options)
    if start_serving:
        try:
            await server.start_serving()
        except BaseException:
            server.close()
            raise
    return server


class Wire(_sessile.Intake, asyncio.BufferedProtocol):  # pyright: ignore[reportIncompatibleMethodOverride]
    """The protocol of the transport below. It is a buffered one, and takes ``data_received`` as well, for transports
    that know nothing else. Subclasses say what runs over it: ``_connected``, ``_held`` and ``_finished``."""

    # A connection has so many attributes that a dictionary of all of them would cost more than a kibibyte.
    __slots__ = ("session", "kept", "_loop", "_close_timeout", "_below", "_lost", "_done", "_resuming", "_lost_error",
                 "_refusal", "_timer")

    session: Session

    def __init__(
        self, loop: asyncio.AbstractEventLoop, close_timeout: float, kind: type[Session] = Session
    ) -> None:
        self._loop = loop
        self._close_timeout = close_timeout
        self._below: asyncio.Transport | None = None
        self._lost = self._done = self._resuming = False
        self._lost_error: Exception | None = None
        self._refusal: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.kept: object = None
        self.session = kind(self._send, self._close, self.offer)
        self.attach(self.session._handle)
        self.session.on_closed = self._session_closed

    # ---- What runs over it ----

    def _connected(self) -> None:
        """The transport is there."""

    def _held(self, on: bool) -> None:
        """The transport's buffer is over its mark, or has drained."""

    def _finished(self, error: Exception | None) -> None:
        """Session and transport are over; nothing follows."""

    @property
    def below(self) -> asyncio.Transport:
        """The transport that carries it."""
        if self._below is None:
            raise RuntimeError("there is no connection yet")
        return self._below

    def guard(self, call: Callable[..., Any], *arguments: object) -> Any:
        """Call the application's code. What it raises goes to the loop's exception handler, and ends the session."""
        try:
            return call(*arguments)
        except Exception as error:
            self.raised(error)
            return None

    def raised(self, error: Exception) -> None:
        """The application's code has raised: to the loop's exception handler, and end the session."""
        self._loop.call_exception_handler(
            {"message": "an application's callback raised", "exception": error, "protocol": self}
        )
        self.abort()

    def shutdown(self, timeout: float | None = None) -> None:
        """From now on, the connection must come to its end within ``timeout`` seconds; None: the usual."""
        if self._timer is None and not self._lost:
            self._timer = self._loop.call_later(self._close_timeout if timeout is None else timeout, self.abort)

    def abort(self) -> None:
        """End session and transport at once."""
        try:
            self.session.abort()
        except ClosedError:
            pass
        if self._below is not None:
            self._part(self._below.abort)

    # ---- From the session ----

    def _send(self, data: bytes) -> None:
        if self._below is not None and not self._below.is_closing():
            self._below.write(data)

    def _close(self) -> None:
        if self._below is not None and not self._lost:
            self._part(self._below.close)
            self.shutdown()

    def _part(self, how: Callable[[], None]) -> None:
        """Close the transport. Not while it resumes this protocol's writing: asyncio's would then tell of its end
        twice."""
        if self._resuming:
            self._loop.call_soon(self._part, how)
        elif not self._lost:
            how()

    def _session_closed(self, error: Error | None) -> None:
        self._close()
        if self._lost:
            self._finish()

    def _finish(self) -> None:
        if self._done:
            return
        self._done = True
        error: Exception | None = self._refusal or self.session.error
        if self._lost_error is not None and (error is None or isinstance(error, EOFError)):
            error = self._lost_error
        self._finished(error)

    # ---- From the transport ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport's call."""
        self._below = transport  # type: ignore[assignment]
        if self.session.over:
            # Whoever wanted it has gone while it was being made.
            self.below.abort()
            return
        try:
            self._connected()
        except Exception as error:
            # A wrong name, or another role's config: that is what whoever connects is to be told.
            self._refusal = error
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport's call."""
        self._lost, self._lost_error = True, exc
        self.release()
        if self._timer is not None:
            self._timer.cancel()
        if not self.session.over:
            self.session.wire_closed()
        if self.session.over:
            self._finish()

    def eof_received(self) -> bool:
        """The transport's call. The session says when the wire is to be closed."""
        self.release()
        if not self.session.over:
            self.session.wire_ended()
        return not self.session.over

    def pause_writing(self) -> None:
        """The transport's call."""
        self.session.hold(True)
        self._held(True)

    def resume_writing(self) -> None:
        """The transport's call."""
        self._resuming = True
        try:
            self.session.hold(False)
            self._held(False)
        finally:
            self._resuming = False

    # ---- Between them ----

    def _balance(self) -> None:
        """The intake's call: bytes wait that the session does not want, or the transport has been stopped."""
        if self.session.over:
            self.forget()
        self._listen(not self.waiting or self.session.want > 0)

    def _listen(self, on: bool) -> None:
        if self.deaf != on or self._lost or self._below is None or self._below.is_closing():
            return
        try:
            self._below.resume_reading() if on else self._below.pause_reading()
        except NotImplementedError:
            return
        self.deaf = not on
