# SPDX-License-Identifier: Apache-2.0
"""An SSH agent's client on asyncio: which keys it has, and signatures for sessions that ask for one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import TypeVar, cast

from ..agent import Agent, AgentKey, AgentReply
from ..question import Question
from ..ssh import SSH
from .wire import Wire

CLOSE_TIMEOUT = 5.0

T = TypeVar("T")


async def _within(timeout: float | None, work: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(work, timeout)
    except asyncio.TimeoutError:
        raise TimeoutError(f"the agent has not answered within {timeout} seconds") from None


class AgentClient(Wire):
    """A connection to an agent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float | None = None) -> None:
        super().__init__(loop, CLOSE_TIMEOUT, Agent)
        self._timeout = timeout
        self._bound = False
        self._replies: dict[int, asyncio.Future[AgentReply]] = {}
        self._agent = cast(Agent, self.session)
        self._agent.on_reply = self._replied

    @classmethod
    async def connect(cls, path: str | None = None, timeout: float | None = None) -> AgentClient:
        """Connect to a socket; None for the one of SSH_AUTH_SOCK. ``timeout``: TimeoutError where it takes longer than
        so many seconds to connect, or to list its keys."""
        path = path or os.environ.get("SSH_AUTH_SOCK")
        if not path:
            raise FileNotFoundError("there is no SSH_AUTH_SOCK")
        loop = asyncio.get_running_loop()
        made = loop.create_unix_connection(lambda: cls(loop, timeout), path)
        _, client = await _within(timeout, made)
        return client

    def _connected(self) -> None:
        self._agent.connect()

    async def keys(self) -> list[AgentKey]:
        """The keys that it has."""
        reply: asyncio.Future[AgentReply] = self._loop.create_future()
        self._replies[self._agent.list()] = reply
        return (await _within(self._timeout, reply)).keys

    def _replied(self, reply: AgentReply) -> None:
        future = self._replies.pop(reply.request, None)
        if future is not None and not future.done():
            future.set_result(reply)

    def answer(self, question: Question, ssh: SSH) -> None:
        """Have it sign what a session asks for. It is told which session that is, for keys that are for some hosts
        alone."""
        host_key = ssh.host_key
        if host_key is not None and not self._bound:
            self._bound = True
            self._agent.bind(host_key, ssh.session_id, ssh.host_signature)
        self._agent.answer(question)

    def _finished(self, error: Exception | None) -> None:
        for future in self._replies.values():
            if not future.done():
                future.set_exception(error or ConnectionResetError("the agent has closed the connection"))
        self._replies.clear()

    def close(self) -> None:
        """Be done with it."""
        self.abort()
