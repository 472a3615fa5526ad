# SPDX-License-Identifier: Apache-2.0
"""How a client on asyncio answers what its config leaves open: the host's key, and how the user is authenticated. Keys
of the config are tried before anything is asked; then come keyboard-interactive and the password, each once, or as many
times as is allowed where somebody is asked for them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import inspect
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from .. import _sessile
from ..constants import Item, QuestionKind
from ..errors import Error, PassphraseError, error_for
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
Passphrase = str | bytes | None | Callable[[Path], str | bytes | None | Awaitable[str | bytes | None]]

_ARMOR, _END, _MAGIC = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END", b"openssh-key-v1\0"


class LockedKey:
    """An encrypted key file. ``public`` is offered to servers; the passphrase is asked for only where one would take
    it."""

    def __init__(self, path: Path, public: Key) -> None:
        self.path, self.public = path, public

    @classmethod
    def read(cls, path: Path) -> LockedKey:
        """A file whose public half is readable in it, or lies beside it; :class:`PassphraseError` where neither is."""
        beside = path.with_name(path.name + ".pub")
        blob = _public_blob(path.read_bytes())
        if blob is not None:
            return cls(path, Key.from_blob(blob))
        if beside.is_file():
            return cls(path, Key.read_public(beside.read_bytes()))
        raise PassphraseError(_sessile.ERR_PASSPHRASE, f"{path} is encrypted, and {beside.name} is not there")

    def with_certificate(self, certificate: Key) -> LockedKey:
        """This key with a certificate of it."""
        return LockedKey(self.path, self.public.with_certificate(certificate))

    def unlock(self, passphrase: str | bytes) -> Key:
        """The private key; :class:`PassphraseError` for a wrong passphrase."""
        return Key.read(self.path.read_bytes(), passphrase)


def _public_blob(data: bytes) -> bytes | None:
    """The public key in a private one of OpenSSH's format, which keeps it in the clear."""
    armor, found, rest = data.partition(_ARMOR)
    try:
        body = base64.b64decode(b"".join(rest.partition(_END)[0].split()), validate=True)
    except binascii.Error:
        return None
    if not found or armor.strip() or not body.startswith(_MAGIC):
        return None
    at = len(_MAGIC)
    for _ in range(3):  # The cipher, the key derivation and its options.
        at += 4 + int.from_bytes(body[at : at + 4], "big")
    at += 4
    size = int.from_bytes(body[at : at + 4], "big")
    blob = body[at + 4 : at + 4 + size]
    return blob if len(blob) == size > 0 else None


ClientKey = Key | LockedKey | str | os.PathLike[str]


async def settled(value: T | Awaitable[T]) -> T:
    """A value, or what is awaited for it."""
    if inspect.isawaitable(value):
        awaited: T = await cast("Awaitable[T]", value)
        return awaited
    return value


def known_hosts_of(value: KnownHosts | str | os.PathLike[str] | None) -> KnownHosts:
    """Host keys, or a file of them; None: no host is known."""
    if isinstance(value, KnownHosts):
        return value
    return KnownHosts(b"" if value is None else Path(value).expanduser().read_bytes())


def keys_of(values: Iterable[ClientKey], passphrase: Passphrase) -> list[Key | LockedKey]:
    """Keys, or files of them, with the certificate that lies beside a file."""
    return [
        value if isinstance(value, (Key, LockedKey)) else _read(Path(value).expanduser(), passphrase)
        for value in values
    ]


def _read(path: Path, passphrase: Passphrase) -> Key | LockedKey:
    key: Key | LockedKey
    try:
        key = Key.read(path.read_bytes(), None if callable(passphrase) else passphrase)
    except PassphraseError:
        if not callable(passphrase):
            raise
        key = LockedKey.read(path)
    beside = path.with_name(path.name + "-cert.pub")
    return key.with_certificate(Key.read_public(beside.read_bytes())) if beside.exists() else key


class Answers:
    """A client's answers. One that has to be awaited is given by a task of the connection."""

    def __init__(self, accept_host_key: AcceptHostKey | None, password: Password | None, prompts: Prompts | None,
                 agent: AgentClient | None, passphrase: Passphrase = None, attempts: int = 1) -> None:
        self._accept_host_key = accept_host_key
        self._password = password
        self._prompts = prompts
        self._agent = agent
        self._passphrase = passphrase
        self._attempts = attempts
        self._shown: Counter[str] = Counter()
        self.locked: dict[Key, LockedKey] = {}

    def question(self, connection: SSHConnection, question: Question) -> None:
        """Answer now, or begin to."""
        kind = question.kind
        if kind is QuestionKind.SSH_HOST_KEY:
            self._begin(connection, question, lambda: self._host_key(connection, question))
        elif kind is QuestionKind.SSH_AUTHENTICATE:
            self._begin(connection, question, lambda: self._authenticate(question))
        elif kind is QuestionKind.SSH_PROMPTS:
            self._begin(connection, question, lambda: self._answer_prompts(question))
        elif kind is QuestionKind.SSH_SIGN:
            self._sign(connection, question)
        else:
            question.refuse()

    def _begin(self, connection: SSHConnection, question: Question, work: Callable[[], Awaitable[None]]) -> None:
        """Have a task answer. What the application raises in it is why the login fails."""

        async def answering() -> None:
            try:
                await work()
            except Exception as error:
                connection.fail(error)
            except BaseException:
                answer(question, False)
                raise

        connection.spawn(answering())

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

    def _sign(self, connection: SSHConnection, question: Question) -> None:
        key = question.key
        locked = self.locked.get(key) if key is not None else None
        if locked is not None:
            self._begin(connection, question, lambda: self._sign_with(locked, question))
        elif self._agent is not None:
            try:
                self._agent.answer(question, connection.ssh)
            except Error:
                answer(question, False)
        else:
            question.refuse()

    async def _sign_with(self, locked: LockedKey, question: Question) -> None:
        key = await self._unlock(locked)
        data = question.get(Item.DATA)
        if key is None or data is None:
            answer(question, False)
            return
        try:
            question.put(Item.SIGNATURE, key.sign(data, question.text(Item.ALGORITHM)))
        except Error:
            answer(question, False)
            return
        answer(question, True)

    async def _unlock(self, locked: LockedKey) -> Key | None:
        """The private key; None where nobody tells the passphrase."""
        passphrase = self._passphrase
        for _ in range(self._attempts if callable(passphrase) else 1):
            told = await settled(passphrase(locked.path)) if callable(passphrase) else passphrase
            if not told:
                return None
            try:
                return await asyncio.to_thread(locked.unlock, told)
            except PassphraseError:
                continue
        return None

    async def _authenticate(self, question: Question) -> None:
        for method in question.methods:
            if self._shown[method] >= self._allowed(method) or not self._has(method):
                continue
            self._shown[method] += 1
            items = {"method": method}
            if method == "password":
                password = await self._tell_password()
                if password is None:
                    continue
                items["password"] = password
            _accept(question, **items)
            return
        answer(question, False)

    def _allowed(self, method: str) -> int:
        """How often a method is tried: once with what never changes."""
        asks = callable(self._password) or (method == "keyboard-interactive" and self._prompts is not None)
        return self._attempts if asks else 1

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
