# SPDX-License-Identifier: Apache-2.0
"""What both ends of an SSH connection on asyncio share: its tasks, which end with it, its end, its sign of life, and
channels that are joined to connections of this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..constants import Notice
from ..errors import ClosedError, Error
from ..question import Question
from ..ssh import SSH
from ..stream import Channel, Stream
from .channel import ChannelTransport, Relay, splice
from .wire import Wire

CLOSE_TIMEOUT = 10.0
KEEPALIVES = 3
CONNECT_FAILED = 2  # RFC 4254, section 5.1

T = TypeVar("T")
Connect = Callable[[Callable[[], Relay]], Awaitable[object]]

logger = logging.getLogger("sessile.asyncio")


class SSHConnection(Wire):
    """An SSH connection. ``error``: why it ended, None for a clean end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, keepalive_interval: float = 0) -> None:
        super().__init__(loop, CLOSE_TIMEOUT)
        self.error: Exception | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self._why: Exception | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._incoming: dict[Channel, Callable[[Channel], object]] = {}
        self._keepalive_interval = keepalive_interval
        self._unanswered = 0
        self._heart: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        session = self.session
        session.on_ready, session.on_question, session.on_stream = self._ready, self._question, self._stream
        session.on_notice = self._notice

    @property
    def ssh(self) -> SSH:
        """What was negotiated, and what only SSH can do."""
        return self.session.ssh

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As a transport's: "peername" and the like, of the transport below."""
        return self.below.get_extra_info(name, default)

    # ---- Tasks ----

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine that ends with the connection at the latest."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        if self._done:
            task.cancel()
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler(
                {"message": "a task of an SSH connection raised", "exception": error, "task": task}
            )

    # ---- Ending ----

    def fail(self, error: Exception) -> None:
        """End at once, for a reason of ours."""
        if self._why is None:
            self._why = error
        self.abort()

    def close(self) -> None:
        """End gracefully; :meth:`wait_closed` waits for it."""
        self.shutdown()
        try:
            self.session.end()
        except ClosedError:
            pass

    async def wait_closed(self) -> None:
        """Wait until the connection is over and all that belongs to it has come to its end."""
        try:
            await asyncio.shield(self._closed)
        except asyncio.CancelledError:
            self.abort()
            raise
        others = [task for task in self._tasks if task is not asyncio.current_task()]
        if others:
            await asyncio.wait(others)

    def _finished(self, error: Exception | None) -> None:
        self.error = self._why or error
        self._rest()
        for timer in (self._heart, self._patience):
            if timer is not None:
                timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        if not self._closed.done():
            self._closed.set_result(None)

    def _rest(self) -> None:
        """The connection is over."""

    # ---- From the session ----

    def _ready(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._keepalive_interval:
            self._heart = self._loop.call_later(self._keepalive_interval, self._beat)

    def _beat(self) -> None:
        if self.session.over:
            return
        if self._unanswered >= KEEPALIVES:
            self.fail(TimeoutError(f"the peer has not answered {KEEPALIVES} keepalives"))
            return
        self._unanswered += 1
        self.ssh.keepalive()
        self._heart = self._loop.call_later(self._keepalive_interval, self._beat)

    def _notice(self, notice: Notice, data: bytes) -> None:
        if notice is Notice.SSH_ALIVE:
            self._unanswered = 0

    def _question(self, question: Question) -> None:
        raise NotImplementedError

    def _stream(self, stream: Stream) -> None:
        assert isinstance(stream, Channel)
        take = self._incoming.pop(stream, None)
        if take is None:
            stream.on_data = lambda _: None
            stream.abort()
        else:
            self.guard(take, stream)

    # ---- Channels ----

    def take_channel(self, question: Question, take: Callable[[Channel], object]) -> bool:
        """Accept a channel, and have it taken; False where it is gone."""
        channel = question.stream
        if channel is None:
            return False
        self._incoming[channel] = take
        try:
            question.accept()
        except Error:
            self._incoming.pop(channel, None)
            return False
        return True

    async def join_channel(self, question: Question, connect: Connect, near_side: Callable[[], Relay] = Relay,
                           far_side: Callable[[], Relay] = Relay) -> None:
        """Answer for a channel by connecting somewhere, and let the two feed each other: relays of the caller's, where
        one of them is to look at what passes. The far side is the channel's."""
        near: list[Relay] = []

        def factory() -> Relay:
            near.append(near_side())
            return near[-1]

        try:
            await connect(factory)
        except OSError as error:
            logger.debug("a forwarded connection failed: %s", error)
            answer(question, False, CONNECT_FAILED)
            return
        if not self.take_channel(question, lambda channel: self.relay(channel, near[-1], far_side())):
            near[-1].drop()

    async def join_relay(self, near: Relay, open_channel: Callable[[], Channel]) -> None:
        """Open a channel for a connection that came in here, and let the two feed each other."""
        far = Relay()
        try:
            transport = ChannelTransport(self._loop, self, open_channel(), far)
            transport.start()
            await transport.opened()
        except Error:
            near.drop()
            return
        except BaseException:
            near.drop()
            raise
        splice(near, far)

    def relay(self, channel: Channel, near: Relay, far: Relay) -> ChannelTransport:
        """Join a channel that is open, with a relay for it, to a connection."""
        transport = ChannelTransport(self._loop, self, channel, far)
        transport.start()
        splice(near, far)
        return transport


def answer(question: Question, yes: bool, reason: int = 0) -> None:
    """Answer a question that may be gone by now."""
    try:
        question.accept() if yes else question.refuse(reason)
    except Error:
        pass
