# SPDX-License-Identifier: Apache-2.0
"""The client side of an SSH agent: a session of its own over any wire, such as the socket of SSH_AUTH_SOCK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import _sessile
from ._base import Buffer, filled
from .errors import Error
from .keys import Key
from .question import Question
from .session import _CALLBACKS, Session


@dataclass(frozen=True)
class AgentKey:
    """A key that an agent has. ``key``: None for one of a type that is not known here. ``comment``: the agent's bytes
    as they are: escape them before they reach a terminal."""

    key: Key | None
    blob: bytes
    comment: bytes


@dataclass(frozen=True)
class AgentReply:
    """An agent's answer: the number of the request, whether it said yes, and what was asked for."""

    request: int
    accepted: bool
    keys: list[AgentKey] = field(default_factory=list[AgentKey])
    signature: bytes = b""


class Agent(Session):
    """A session with an agent. Requests return their number at once; ``on_reply(reply)`` is called for each, in
    order."""

    on_reply: Callable[[AgentReply], object] | None = None

    def connect(self) -> None:
        """Begin."""
        _sessile.agent_connect(self._handle, _CALLBACKS, self._slot)
        self._begun = True

    def list(self) -> int:
        """Which keys it has."""
        return _sessile.agent_list(self._handle)

    def sign(self, key: Key, message: Buffer, *, algorithm: str | None = None, certificate: bool = False) -> int:
        """Sign. ``certificate``: the agent lists the key by its certificate."""
        return _sessile.agent_sign(self._handle, key._handle, certificate, algorithm, message)

    def bind(self, host_key: Key, session_id: Buffer, signature: Buffer, *, forwarding: bool = False) -> int:
        """Bind this connection to an SSH session (session-bind@openssh.com)."""
        return _sessile.agent_bind(self._handle, host_key._handle, session_id, signature, forwarding)

    def remove(self, key: Key, *, certificate: bool = False) -> int:
        """Have it forget a key."""
        return _sessile.agent_remove(self._handle, key._handle, certificate)

    def remove_all(self) -> int:
        """Have it forget all keys."""
        return _sessile.agent_remove_all(self._handle)

    def answer(self, question: Question) -> None:
        """Have it answer an open question for a signature (:attr:`QuestionKind.SSH_SIGN`) of another session, which is
        accepted or refused when the agent has spoken. There is no reply of its own."""
        _sessile.agent_answer(self._handle, question._handle)

    def _notice(self, kind: int, data: bytes) -> None:
        if kind != _sessile.NOTICE_AGENT_REPLY:
            super()._notice(kind, data)
        elif self.on_reply is not None:
            self.on_reply(self._read_reply(data))

    def _read_reply(self, data: bytes) -> AgentReply:
        count = _sessile.agent_key_count(self._handle)
        return AgentReply(
            _sessile.agent_request(self._handle),
            _sessile.agent_result(self._handle) == 0,
            [self._read_key(index) for index in range(count)],
            data,
        )

    def _read_key(self, index: int) -> AgentKey:
        try:
            key = Key(_sessile.agent_key(self._handle, index))
        except Error:
            key = None
        return AgentKey(
            key,
            filled(_sessile.agent_key_blob, self._handle, index),
            filled(_sessile.agent_key_comment, self._handle, index),
        )
