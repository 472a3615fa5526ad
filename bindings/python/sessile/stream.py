# SPDX-License-Identifier: Apache-2.0
"""Streams: ordered flows of bytes inside a session. A TLS session has one; an SSH session one per channel."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import _sessile
from ._base import Buffer, Owner, Text, existing, octets
from .constants import ChannelEvent
from .errors import Error, RefusedError, error_for

if TYPE_CHECKING:
    from ._sessile import Handle
    from .session import Session

_write = _sessile.stream_write

# Callbacks objects by what they have beside the usual: (end, stderr).
_callbacks: dict[tuple[bool, bool], "Handle"] = {}


def _callbacks_with(end: bool, stderr: bool) -> Handle:
    found = _callbacks.get((end, stderr))
    if found is None:
        found = _sessile.callbacks_new()
        _sessile.callbacks_set_data(found, True)
        _sessile.callbacks_set_writable(found, True)
        _sessile.callbacks_set_request(found, True)
        _sessile.callbacks_set_stream_closed(found, True)
        _sessile.callbacks_set_end(found, end)
        _sessile.callbacks_set_stderr(found, stderr)
        _callbacks[end, stderr] = found
    return found


@_sessile.quicken
class Stream(Owner):
    """A flow of bytes both ways. Sessions make them. Callbacks are attributes:

    - ``on_data(data)``: bytes arrived. Without it, arriving bytes raise: nothing may be lost.
    - ``on_end()``: the peer will send no more. Without it, this side is ended too, when no short write waits.
    - ``on_writable()``: after a short write, more can be taken.
    - ``on_closed(error)``: the stream is over: None for a clean end."""

    on_writable: Callable[[], object] | None = None
    on_closed: Callable[[Error | None], object] | None = None

    def __init__(self, session: Session, handle: Handle) -> None:
        self._session = session
        self._handle = handle
        self._slot = _sessile.Slot(self)
        self._over = False
        self._on_end: Callable[[], object] | None = None
        self._on_stderr: Callable[[bytes], object] | None = None
        self._inner: object = None
        self._listen()

    def _listen(self) -> None:
        callbacks = _callbacks_with(self._on_end is not None, self._on_stderr is not None)
        _sessile.stream_set_callbacks(self._handle, callbacks, self._slot)

    def _relisten(self) -> None:
        if not self._over and self._inner is None:
            self._listen()

    @property
    def session(self) -> Session:
        """The session that it is a stream of."""
        return self._session

    @property
    def over(self) -> bool:
        """Whether it is closed."""
        return self._over

    @property
    def on_data(self) -> Callable[[bytes], object]:
        """Called with what arrives."""
        return self._on_data

    @on_data.setter
    def on_data(self, call: Callable[[bytes], object] | None) -> None:
        # The extension looks for _on_data: a property would be a call more for each piece of data.
        if call is None:
            self.__dict__.pop("_on_data", None)
        else:
            self.__dict__["_on_data"] = call

    def _on_data(self, data: bytes) -> object:
        raise error_for(_sessile.ERR_MISUSE, f"{len(data)} bytes arrived on a stream that has no on_data")

    @property
    def on_end(self) -> Callable[[], object] | None:
        """Called when the peer will send no more."""
        return self._on_end

    @on_end.setter
    def on_end(self, call: Callable[[], object] | None) -> None:
        changed = (call is None) != (self._on_end is None)
        self._on_end = call
        if changed:
            self._relisten()

    def write(self, data: Buffer) -> int:
        """Send bytes. Returns how many were taken: less than all where the session is not ready, is held, or has
        reached the bound of one call. The caller keeps the rest, and ``on_writable`` says when to go on. What was
        taken has been handed to ``on_send`` when the outermost call returns."""
        return _write(self._handle, data)

    def end(self) -> None:
        """Half close: nothing more will be written; data still arrives."""
        _sessile.stream_end(self._handle)

    def abort(self) -> None:
        """End it at once. With TLS that is the session."""
        _sessile.stream_abort(self._handle)

    def set_manual(self, on: bool = True) -> None:
        """Credit by hand: what was delivered counts as unread until :meth:`consumed`, and with too much unread the
        peer has to wait. Needs the session's ``on_resume``."""
        _sessile.stream_set_manual(self._handle, on)

    def consumed(self, size: int) -> None:
        """The application is done with so many bytes."""
        _sessile.stream_consumed(self._handle, size)

    def over_this(self) -> Session:
        """A new session whose wire is this stream, which then has no callbacks of its own any more. Its own session
        needs ``on_resume``. The stream holds the new session until that is over."""
        from .session import Session

        inner = Session._adopt(existing(_sessile.over_stream(self._handle)))
        inner._wire = self
        self._inner = inner
        return inner

    @contextmanager
    def _lent(self, inner: object) -> Generator[None, None, None]:
        """From here on the stream's callbacks are another's, unless this raises."""
        self._inner = inner
        try:
            yield
        except BaseException:
            self._inner = None
            raise

    def _carries_no_more(self) -> None:
        self._inner = None
        self._session._forget(self)

    # ---- From the library ----

    def _request(self, kind: int) -> None:
        """Only channels have requests."""

    def _stream_closed(self, code: int) -> None:
        self._over = True
        self._session._forget(self)
        if self.on_closed is not None:
            self.on_closed(self._explain(code) if code < 0 else None)

    def _explain(self, code: int) -> Error:
        error = self._session.error
        return error if error is not None and error.code == code else error_for(code)


class Channel(Stream):
    """A stream of an SSH session. Beside what streams have:

    - ``on_stderr(data)``: bytes of the second flow arrived. Without it they are dropped.
    - ``on_open()``: the channel that this side opened is open: until then it takes no data and no request.
    - ``on_reply(accepted)``: the answer to the oldest request without one.
    - ``on_event(event)``: something else came: an exit status, a signal, a new terminal size. The properties have
      it."""

    on_open: Callable[[], object] | None = None
    on_reply: Callable[[bool], object] | None = None
    on_event: Callable[[ChannelEvent], object] | None = None

    @property
    def on_stderr(self) -> Callable[[bytes], object] | None:
        """Called with what arrives on the second flow."""
        return self._on_stderr

    @on_stderr.setter
    def on_stderr(self, call: Callable[[bytes], object] | None) -> None:
        changed = (call is None) != (self._on_stderr is None)
        self._on_stderr = call
        if changed:
            self._relisten()

    @property
    def type(self) -> str:
        """The channel's type, such as "session"."""
        return _sessile.ssh_stream_type(self._handle)

    def write_stderr(self, data: Buffer) -> int:
        """As :meth:`write`, on the second flow."""
        return _sessile.ssh_write_stderr(self._handle, data)

    # ---- Requests of a client: each is answered by on_reply, in order ----

    def request_pty(
        self, term: str, columns: int, rows: int, width: int = 0, height: int = 0, modes: Buffer | None = None
    ) -> None:
        """Ask for a terminal: ``columns`` and ``rows`` in characters, ``width`` and ``height`` in pixels; ``modes``
        encoded as RFC 4254, section 8 has it."""
        _sessile.ssh_request_pty(self._handle, term, columns, rows, width, height, modes)

    def request_env(self, name: str, value: str) -> None:
        """Set an environment variable."""
        _sessile.ssh_request_env(self._handle, name, value)

    def request_shell(self) -> None:
        """Start the user's shell."""
        _sessile.ssh_request_shell(self._handle)

    def request_exec(self, command: Text) -> None:
        """Run a command."""
        _sessile.ssh_request_exec(self._handle, octets(command))

    def request_subsystem(self, name: str) -> None:
        """Start a subsystem, such as "sftp"."""
        _sessile.ssh_request_subsystem(self._handle, name)

    def request_agent(self) -> None:
        """Ask for the agent to be forwarded."""
        _sessile.ssh_request_agent(self._handle)

    def request_x11(self, protocol: str, cookie: str, screen: int = 0, single: bool = False) -> None:
        """Ask for X11 forwarding."""
        _sessile.ssh_request_x11(self._handle, single, protocol, cookie, screen)

    def window_change(self, columns: int, rows: int, width: int = 0, height: int = 0) -> None:
        """Tell the terminal's new size. There is no answer."""
        _sessile.ssh_window_change(self._handle, columns, rows, width, height)

    def send_signal(self, name: str) -> None:
        """Send a signal, named without SIG. There is no answer."""
        _sessile.ssh_send_signal(self._handle, name)

    def send_break(self, milliseconds: int) -> None:
        """Send a break (RFC 4335)."""
        _sessile.ssh_send_break(self._handle, milliseconds)

    def send_end_of_write(self) -> None:
        """Tell that nothing more will be read (eow@openssh.com)."""
        _sessile.ssh_send_end_of_write(self._handle)

    # ---- Of a server ----

    def send_exit_status(self, status: int) -> None:
        """How the command ended. When the stream is ended too, the channel is closed."""
        _sessile.ssh_send_exit_status(self._handle, status)

    def send_exit_signal(self, name: str, core_dumped: bool = False, message: str = "") -> None:
        """Which signal ended the command, named without SIG."""
        _sessile.ssh_send_exit_signal(self._handle, name, core_dumped, message)

    def send_xon_xoff(self, client_can_do: bool) -> None:
        """Whether the client may do flow control with ^S and ^Q."""
        _sessile.ssh_send_xon_xoff(self._handle, client_can_do)

    # ---- What came ----

    # How the command ended, once the peer has told. These stay when the channel is closed.
    exit_status: int | None = None
    exit_signal: str = ""
    """Which signal ended it, without SIG; "" for none."""
    exit_message: str = ""
    """What was said of that, escaped."""
    exit_core_dumped: bool = False

    @property
    def signal(self) -> str:
        """The last signal that arrived, without SIG."""
        return _sessile.ssh_signal(self._handle)

    @property
    def break_length(self) -> int:
        """The length of the last break that arrived, in milliseconds."""
        return _sessile.ssh_break_length(self._handle)

    @property
    def xon_xoff(self) -> bool:
        """Whether flow control with ^S and ^Q may be done here."""
        return bool(_sessile.ssh_xon_xoff(self._handle))

    @property
    def terminal(self) -> tuple[int, int, int, int]:
        """The terminal's columns, rows, width and height; 0 while unknown."""
        columns, rows, width, height = (
            _sessile.ssh_terminal(self._handle, dimension)
            for dimension in (_sessile.SSH_COLUMNS, _sessile.SSH_ROWS, _sessile.SSH_WIDTH, _sessile.SSH_HEIGHT)
        )
        return columns, rows, width, height

    # ---- From the library ----

    def _request(self, kind: int) -> None:
        event = ChannelEvent(kind)
        if event is ChannelEvent.EXIT_STATUS:
            self.exit_status = _sessile.ssh_exit_status(self._handle)
        elif event is ChannelEvent.EXIT_SIGNAL:
            self.exit_signal = _sessile.ssh_exit_signal(self._handle)
            self.exit_message = _sessile.ssh_exit_message(self._handle)
            self.exit_core_dumped = bool(_sessile.ssh_exit_core_dumped(self._handle))
        self._tell(event)

    def _tell(self, event: ChannelEvent) -> None:
        if event is ChannelEvent.OPENED:
            if self.on_open is not None:
                self.on_open()
        elif event in (ChannelEvent.ACCEPTED, ChannelEvent.REFUSED):
            if self.on_reply is not None:
                self.on_reply(event is ChannelEvent.ACCEPTED)
        elif self.on_event is not None:
            self.on_event(event)

    def _explain(self, code: int) -> Error:
        if code != _sessile.ERR_REFUSED:
            return super()._explain(code)
        reason = _sessile.ssh_open_reason(self._handle)
        text = _sessile.ssh_open_text(self._handle)
        error = error_for(code, f"the peer did not open the channel: {reason}: {text}" if reason else "")
        assert isinstance(error, RefusedError)
        error.reason = reason
        return error
