# SPDX-License-Identifier: Apache-2.0
"""A session: one secure conversation over one wire, which it never touches.

Whoever owns the wire hands in what arrived (:meth:`Session.receive`) and is handed what is to be sent (``on_send``).

Callbacks are attributes: given to the constructor, assigned later, or methods of a subclass. Anything may be called
from inside any of them. What a callback raises comes out of the outermost call on the stack, with its traceback; the
session whose callback it was has failed then, another one has not. One thread at a time: a second one gets
:class:`~sessile.BusyError`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from . import _sessile
from ._base import Buffer, Owner
from .constants import Counter, Notice
from .errors import Error, error_for
from .question import Question
from .stream import Channel, Stream

if TYPE_CHECKING:
    from ._sessile import Handle
    from .ssh import SSH, SSHConfig
    from .tls import TLS, TLSConfig

_receive = _sessile.session_receive


def _make_callbacks() -> Handle:
    callbacks = _sessile.callbacks_new()
    for set_callback in (
        _sessile.callbacks_set_ready,
        _sessile.callbacks_set_question,
        _sessile.callbacks_set_withdrawn,
        _sessile.callbacks_set_stream,
        _sessile.callbacks_set_notice,
        _sessile.callbacks_set_closed,
    ):
        set_callback(callbacks, True)
    return callbacks


_CALLBACKS = _make_callbacks()


@_sessile.quicken
class Session(Owner):
    """A session for a wire that is open. It sends nothing until a protocol is chosen: :meth:`tls_connect`,
    :meth:`tls_accept`, :meth:`ssh_connect`, :meth:`ssh_accept`.

    The comms layer's callbacks:

    - ``on_send(data)``: have all of ``data`` sent. Raising, or returning -1, ends the session. A returned count must
      be all of it.
    - ``on_close()``: the session is done with the wire. Close it, when what was given to ``on_send`` has gone out.
    - ``on_resume()``: offer again what :meth:`receive` did not take. Where it comes while a receive of this session is
      on the stack, note it, and offer once that has returned. Without it (it counts only when it is there from the
      start) sessions cannot be paused, nor questions that block be answered later.

    The application's:

    - ``on_ready()``: the peer is authenticated as far as the config asks for.
    - ``on_question(question)``: answer it now, or hold on to it and answer later; else it is refused.
    - ``on_withdrawn(question)``: one that was held is no longer of interest.
    - ``on_stream(stream)``: the peer opened a stream, with a question's consent.
    - ``on_notice(notice, data)``: something to know: a session ticket, a banner.
    - ``on_closed(error)``: the session is over: None for a clean end, else what happened."""

    on_send: Callable[[bytes], object] | None = None
    on_close: Callable[[], object] | None = None
    on_resume: Callable[[], object] | None = None
    on_ready: Callable[[], object] | None = None
    on_question: Callable[[Question], object] | None = None
    on_withdrawn: Callable[[Question], object] | None = None
    on_stream: Callable[[Stream], object] | None = None
    on_notice: Callable[[Notice, bytes], object] | None = None
    on_closed: Callable[[Error | None], object] | None = None
    on_trace: Callable[[int, str, int, str], object] | None = None

    def __init__(
        self,
        on_send: Callable[[bytes], object] | None = None,
        on_close: Callable[[], object] | None = None,
        on_resume: Callable[[], object] | None = None,
    ) -> None:
        if on_send is not None:
            self.on_send = on_send
        if on_close is not None:
            self.on_close = on_close
        if on_resume is not None:
            self.on_resume = on_resume
        if self.on_send is None:
            raise TypeError("a session needs on_send")
        self._slot = _sessile.Slot(self)
        self._begin(_sessile.session_create(self._slot))
        if self.on_resume is not None:
            _sessile.session_set_resume(self._handle, True)

    def _begin(self, handle: Handle) -> None:
        self._handle = handle
        self._error: Error | None = None
        self._over = False
        self._begun = False
        self._streams: dict[int, Stream] = {}
        self._wire: Stream | None = None

    # Not there before they are needed: most sessions have no questions and no channels most of the time.

    @cached_property
    def _known(self) -> WeakValueDictionary[int, Stream]:
        return WeakValueDictionary()

    @cached_property
    def _questions(self) -> WeakValueDictionary[int, Question]:
        return WeakValueDictionary()

    @classmethod
    def _adopt(cls, handle: Handle) -> Session:
        """A session that the library has made together with its wire."""
        session = Session.__new__(cls)
        session._slot = _sessile.Slot(session)
        session._begin(handle)
        return session

    # ---- The wire ----

    def receive(self, data: Buffer) -> int:
        """Process bytes that arrived: all that were not taken yet, in order. They are only lent, and never written to.

        Returns how many bytes were taken, whole units from the start; the rest is to be offered again with more
        behind it. -1 once the session has failed: ``on_closed`` and :attr:`error` say how. There is no need to call it
        until it takes 0.

        An exception that comes out of it has an attribute ``taken`` with that same number: where another session's
        callback raised, this one goes on."""
        return _receive(self._handle, data)

    def wire_closed(self) -> None:
        """The wire is gone: the other side closed it, or it broke. ``on_closed`` tells a clean end, dropped and
        truncated apart."""
        _sessile.session_close(self._handle)
        self._settle()

    def wire_ended(self) -> None:
        """Nothing more will arrive, but the wire may still take bytes (TCP's FIN)."""
        _sessile.session_receive_end(self._handle)

    @property
    def want(self) -> int:
        """How many bytes, from the start of what was not taken, make progress possible. 0: it takes nothing now."""
        return _sessile.session_want(self._handle)

    @property
    def want_max(self) -> int:
        """The largest :attr:`want` of this session's life, in bytes. 0 before the protocol is chosen."""
        return _sessile.session_want_max(self._handle)

    def hold(self, on: bool = True) -> None:
        """Say that the queue behind ``on_send`` is over its mark, or, with False, has drained."""
        _sessile.session_hold(self._handle, on)

    def detach(self) -> None:
        """End without ever calling ``on_close``: what follows the peer's goodbye on the wire is left untaken."""
        _sessile.session_detach(self._handle)

    # ---- The protocol ----

    def tls_connect(
        self,
        config: TLSConfig,
        host: str | None = None,
        *,
        ticket: Buffer | None = None,
        insecure_keylog: bool = False,
    ) -> Stream:
        """Begin as a TLS client, and return the session's stream; ``on_ready`` follows.

        ``host``: the name or address that the certificate must be for; None only with a config that does not check
        it. ``ticket``: what :attr:`Notice.TLS_TICKET` brought, to resume that session."""
        self._now()
        if ticket is not None:
            _sessile.tls_resume(self._handle, ticket)
        if insecure_keylog:
            _sessile.tls_insecure_keylog(self._handle, True)
        with self.batch():
            _sessile.tls_connect(self._handle, config._handle, host, _CALLBACKS, self._slot)
            self._begun = True
            return self._only_stream()

    def tls_accept(self, config: TLSConfig, *, insecure_keylog: bool = False) -> Stream:
        """Begin as a TLS server, and return the session's stream; ``on_ready`` follows."""
        self._now()
        if insecure_keylog:
            _sessile.tls_insecure_keylog(self._handle, True)
        with self.batch():
            _sessile.tls_accept(self._handle, config._handle, _CALLBACKS, self._slot)
            self._begun = True
            return self._only_stream()

    def ssh_connect(self, config: SSHConfig, host: str, user: str, port: int = 22) -> None:
        """Begin as an SSH client; ``on_ready`` follows when the user is authenticated.

        ``host``, ``port``: what the host key is looked up by."""
        self._now()
        _sessile.ssh_connect(self._handle, config._handle, host, port, user, _CALLBACKS, self._slot)
        self._begun = True

    def ssh_accept(self, config: SSHConfig, *, peer_address: str | None = None) -> None:
        """Begin as an SSH server; ``on_ready`` follows when a user is authenticated.

        ``peer_address``: the client's address as text, for certificates that are bound to one."""
        self._now()
        with self.batch():
            _sessile.ssh_accept(self._handle, config._handle, _CALLBACKS, self._slot)
            self._begun = True
            if peer_address is not None:
                _sessile.ssh_set_peer_address(self._handle, peer_address)

    def _now(self) -> None:
        _sessile.session_set_time(self._handle, int(time.time()))

    def _only_stream(self) -> Stream:
        handle = _sessile.session_stream(self._handle)
        if handle is None:
            raise self.error or MemoryError()
        stream = Stream(self, handle)
        self._open(stream)
        return stream

    @property
    def tls(self) -> TLS:
        """What TLS has negotiated, and what only TLS can do."""
        from .tls import TLS

        return TLS(self)

    @property
    def ssh(self) -> SSH:
        """What SSH has negotiated, and what only SSH can do: channels, forwarding, new keys."""
        from .ssh import SSH

        return SSH(self)

    # ---- Both ----

    @property
    def stream(self) -> Stream | None:
        """The one stream of a TLS session, while it is open; None else."""
        return next(iter(self._streams.values()), None) if _sessile.session_stream(self._handle) else None

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that are open."""
        return tuple(self._streams.values())

    def batch(self) -> Batch:
        """A context in which calls add up: what they produce is sent at its end, in one piece."""
        return Batch(self)

    def pause(self, on: bool = True) -> None:
        """Stop taking bytes, or, with False, go on: ``on_resume`` follows then. Needs ``on_resume``."""
        _sessile.session_pause(self._handle, on)

    def end(self) -> None:
        """End gracefully: say goodbye, and wait for the peer's, as long as the comms layer lets it."""
        _sessile.session_end(self._handle)
        self._settle()

    def abort(self) -> None:
        """End at once: nothing more is sent, and the wire is closed."""
        _sessile.session_abort(self._handle)
        self._settle()

    def _settle(self) -> None:
        """The library has nobody to tell of an end before a protocol is chosen."""
        if not self._begun and not self._over:
            self._closed(_sessile.session_error(self._handle))

    @property
    def over(self) -> bool:
        """Whether ``on_closed`` has been called, or would have been."""
        return self._over

    @property
    def error(self) -> Error | None:
        """The first fatal error, which never changes; None while there is none."""
        if self._error is None and not self.freed:
            code = _sessile.session_error(self._handle)
            if code == _sessile.ERR_BUSY:
                raise error_for(code)
            if code < 0:
                self._error = self._explain(code)
        return self._error

    def _explain(self, code: int) -> Error:
        return error_for(code, _sessile.session_error_text(self._handle))

    def set_time(self, unix_seconds: int) -> None:
        """Tell the time by which certificates are judged; connecting and accepting tell the present one."""
        _sessile.session_set_time(self._handle, unix_seconds)

    def set_counters(self, on: bool = True) -> None:
        """Count from zero on, or stop counting."""
        _sessile.session_set_counters(self._handle, on)

    def counter(self, counter: Counter) -> int:
        """A counter's value; 0 while nothing is counted."""
        return _sessile.session_counter(self._handle, counter)

    def set_trace(self, on_trace: Callable[[int, str, int, str], object] | None) -> None:
        """Have ``on_trace(direction, message, size, phase)`` called for each protocol message: direction 0 is received,
        1 is sent. None turns it off."""
        self.on_trace = on_trace
        _sessile.session_set_trace(self._handle, on_trace is not None, self._slot)

    # ---- From the library ----

    def _question(self, handle: Handle) -> None:
        if self.on_question is not None:
            question = Question(self, handle)
            self._questions[handle.address] = question
            self.on_question(question)

    def _withdrawn(self, handle: Handle) -> None:
        question = self._questions.get(handle.address)
        if question is not None and self.on_withdrawn is not None:
            self.on_withdrawn(question)

    def _channel_of(self, handle: Handle) -> Channel:
        channel = self._known.get(handle.address)
        if not isinstance(channel, Channel) or channel.freed:
            channel = Channel(self, handle)
            self._known[handle.address] = channel
        return channel

    def _open(self, stream: Stream) -> None:
        self._known[stream._handle.address] = stream
        self._streams[stream._handle.address] = stream

    def _stream(self, handle: Handle) -> None:
        channel = self._channel_of(handle)
        self._open(channel)
        if self.on_stream is not None:
            self.on_stream(channel)

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream._handle.address, None)

    def _notice(self, kind: int, data: bytes) -> None:
        if self.on_notice is not None:
            self.on_notice(Notice(kind), data)

    def _closed(self, code: int) -> None:
        self._over = True
        self._streams.clear()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire._carries_no_more()
        error = self.error
        if code >= 0 or error is None or error.code != code:
            error = self._explain(code) if code < 0 else None
        if self.on_closed is not None:
            self.on_closed(error)


class Batch:
    """Between entering and leaving nothing is sent, and nothing that waits for rest is called back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> None:
        _sessile.session_enter(self._session._handle)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._session.freed:
            _sessile.session_leave(self._session._handle)


def pair(cls: type[Session] = Session) -> tuple[Session, Session]:
    """Two sessions in memory whose wires are each other: what one sends, the other has received."""
    one, other = _sessile.pair()
    return cls._adopt(one), cls._adopt(other)
