# SPDX-License-Identifier: Apache-2.0
"""How a client on asyncio answers what its config leaves open: the host's key, and how the user is authenticated. Keys
of the config are tried before anything is asked; then comes keyboard-interactive or the password, each once."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from .. import _sessile
from ..constants import Item, QuestionKind
from ..errors import Error, error_for
from ..keys import Key
from ..question import Question
from ..trust import KnownHosts
from .agent import AgentClient
from .connection import SSHConnection, answer

T = TypeVar("T")
AcceptHostKey = Callable[[str, int, Key], bool | Awaitable[bool]]
Password = str | Callable[[], str | None | Awaitable[str | None]]
Prompt = tuple[str, bool]
Prompts = Callable[[str, str, list[Prompt]], Sequence[str] | None | Awaitable[Sequence[str] | None]]
ClientKey = Key | str | os.PathLike[str]


async def settled(value: T | Awaitable[T]) -> T:
    """A value, or what is awaited for it."""
    return await value if inspect.isawaitable(value) else value


def known_hosts_of(value: KnownHosts | str | os.PathLike[str] | None) -> KnownHosts:
    """Host keys, or a file of them; None: no host is known."""
    if isinstance(value, KnownHosts):
        return value
    return KnownHosts(b"" if value is None else Path(value).expanduser().read_bytes())


def keys_of(values: Iterable[ClientKey], passphrase: str | bytes | None) -> list[Key]:
    """Keys, or files of them, with the certificate that lies beside a file."""
    return [value if isinstance(value, Key) else _read(Path(value).expanduser(), passphrase) for value in values]


def _read(path: Path, passphrase: str | bytes | None) -> Key:
    key = Key.read(path.read_bytes(), passphrase)
    beside = path.with_name(path.name + "-cert.pub")
    return key.with_certificate(Key.read_public(beside.read_bytes())) if beside.exists() else key


class Answers:
    """A client's answers. One that has to be awaited is given by a task of the connection."""

    def __init__(self, accept_host_key: AcceptHostKey | None, password: Password | None, prompts: Prompts | None,
                 agent: AgentClient | None) -> None:
        self._accept_host_key = accept_host_key
        self._password = password
        self._prompts = prompts
        self._agent = agent
        self._shown: set[str] = set()

    def question(self, connection: SSHConnection, question: Question) -> None:
        """Answer now, or begin to."""
        kind = question.kind
        if kind is QuestionKind.SSH_HOST_KEY:
            connection.spawn(self._host_key(connection, question))
        elif kind is QuestionKind.SSH_AUTHENTICATE:
            connection.spawn(self._authenticate(question))
        elif kind is QuestionKind.SSH_PROMPTS:
            connection.spawn(self._answer_prompts(question))
        elif kind is QuestionKind.SSH_SIGN and self._agent is not None:
            self._agent.answer(question)
        else:
            question.refuse()

    async def _host_key(self, connection: SSHConnection, question: Question) -> None:
        key = question.key
        accept = self._accept_host_key
        if accept is not None and key is not None and await settled(accept(question.host, question.port, key)):
            answer(question, True)
            return
        where = f"{question.host}, port {question.port}"
        connection.fail(
            error_for(_sessile.ERR_VERIFY, f"the host key of {where} is not known: {question.fingerprint}")
        )

    async def _authenticate(self, question: Question) -> None:
        for method in question.methods:
            if method in self._shown or not self._has(method):
                continue
            self._shown.add(method)
            items = {"method": method}
            if method == "password":
                password = await self._tell_password()
                if password is None:
                    continue
                items["password"] = password
            _accept(question, **items)
            return
        answer(question, False)

    def _has(self, method: str) -> bool:
        if method == "keyboard-interactive":
            return self._prompts is not None or self._password is not None
        return method == "password" and self._password is not None

    async def _tell_password(self) -> str | None:
        password = self._password
        return await settled(password()) if callable(password) else password

    async def _answer_prompts(self, question: Question) -> None:
        responses: Sequence[str] | None = None
        prompts = question.prompts
        if self._prompts is not None:
            called = self._prompts(question.text(Item.NAME), question.text(Item.INSTRUCTION), prompts)
            responses = await settled(called)
        elif not prompts:
            responses = []
        elif len(prompts) == 1 and not prompts[0][1]:
            password = await self._tell_password()
            responses = None if password is None else [password]
        if responses is None:
            answer(question, False)
        else:
            _accept(question, response=list(responses))


def _accept(question: Question, **items: str | list[str]) -> None:
    try:
        question.accept(**items)
    except Error:
        pass
