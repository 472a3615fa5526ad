# SPDX-License-Identifier: Apache-2.0
"""Questions: every decision that the config leaves open, answered on the spot or later.

``on_question`` accepts or refuses, or holds on to the question, and it is answered later. One that nobody holds any
more is refused. Which kind brings which items, and what may be given with the answer, is in the library's question.h;
the properties here read what is asked for most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _sessile
from ._base import Owner, Text, octets
from .constants import Item, QuestionKind

if TYPE_CHECKING:
    from ._sessile import Handle
    from .keys import Key
    from .session import Session
    from .stream import Channel
    from .tls import TLSConfig


class Question(Owner):
    """A decision to make. Sessions make them. One that is dropped without an answer is refused at the next call into
    its session, not at once."""

    def __init__(self, session: Session, handle: Handle) -> None:
        self._session = session
        self._handle = handle

    def __repr__(self) -> str:
        return "<Question freed>" if self.freed else f"<Question {self.kind.name}>"

    @property
    def kind(self) -> QuestionKind:
        """What it is about."""
        return QuestionKind(_sessile.question_kind(self._handle))

    @property
    def session(self) -> Session:
        """The session that asks."""
        return self._session

    @property
    def stream(self) -> Channel | None:
        """The channel that it is about, or None."""
        handle = _sessile.question_stream(self._handle)
        return None if handle is None else self._session._channel_of(handle)

    # ---- Reading ----

    def all(self, item: Item) -> list[bytes]:
        """Every occurrence of an item."""
        count = _sessile.question_count(self._handle, item)
        return [_sessile.question_get(self._handle, item, index) for index in range(count)]

    def get(self, item: Item, index: int = 0) -> bytes | None:
        """An item, or None where it is absent."""
        if index >= _sessile.question_count(self._handle, item):
            return None
        return _sessile.question_get(self._handle, item, index)

    def text(self, item: Item, index: int = 0) -> str:
        """An item as text; "" where it is absent. What is no UTF-8 is replaced. Peers' words: escape them before they
        reach a terminal."""
        return (self.get(item, index) or b"").decode("utf-8", "replace")

    def texts(self, item: Item) -> list[str]:
        """Every occurrence, as text."""
        return [value.decode("utf-8", "replace") for value in self.all(item)]

    def number(self, item: Item) -> int:
        """An item as a number; 0 where it is absent."""
        return int(self.get(item) or 0)

    @property
    def host(self) -> str:
        """The name or address that it is about."""
        return self.text(Item.HOST)

    @property
    def port(self) -> int:
        """The port."""
        return self.number(Item.PORT)

    @property
    def user(self) -> str:
        """Who is being authenticated."""
        return self.text(Item.USER)

    @property
    def method(self) -> str:
        """The authentication method, on a server."""
        return self.text(Item.METHOD)

    @property
    def methods(self) -> list[str]:
        """The methods that can continue, on a client."""
        return self.texts(Item.METHOD)

    @property
    def tried(self) -> list[str]:
        """The methods that were refused, each time, on a client."""
        return self.texts(Item.TRIED)

    @property
    def password(self) -> str:
        """The password that a client shows. Secret."""
        return self.text(Item.PASSWORD)

    @property
    def responses(self) -> list[str]:
        """The answers to prompts, on a server. Secret."""
        return self.texts(Item.RESPONSE)

    @property
    def prompts(self) -> list[tuple[str, bool]]:
        """The server's prompts, and of each whether what is typed may be seen."""
        return [(text, echo == "1") for text, echo in zip(self.texts(Item.PROMPT), self.texts(Item.ECHO))]

    @property
    def key(self) -> Key | None:
        """The public key, or certificate, that it is about."""
        from .keys import Key

        blob = self.get(Item.KEY)
        return None if blob is None else Key.from_blob(blob)

    @property
    def fingerprint(self) -> str:
        """That key's, "SHA256:..."."""
        return self.text(Item.FINGERPRINT)

    @property
    def verified(self) -> bool:
        """Whether the key's signature was there and good; else it is asked whether the key would do."""
        return self.get(Item.VERIFIED) == b"1"

    @property
    def certificates(self) -> list[bytes]:
        """The peer's certificates in DER, its own first."""
        return self.all(Item.CERTIFICATE)

    @property
    def verify_code(self) -> int:
        """The outcome of verifying them: X509_V_*, 0 for success."""
        return self.number(Item.VERIFY_CODE)

    @property
    def verify_text(self) -> str:
        """The same in words."""
        return self.text(Item.VERIFY_TEXT)

    @property
    def sni(self) -> str:
        """The name that a TLS client asks for."""
        return self.text(Item.SNI)

    @property
    def alpn(self) -> list[str]:
        """The application protocols that it offers."""
        return self.texts(Item.ALPN)

    @property
    def type(self) -> str:
        """The type of the channel or request."""
        return self.text(Item.TYPE)

    @property
    def command(self) -> bytes:
        """The command of an exec request."""
        return self.get(Item.COMMAND) or b""

    # ---- Answering ----

    def put(self, item: Item, value: Text) -> None:
        """Give an item with the answer."""
        _sessile.question_put(self._handle, item, octets(value))

    def use_config(self, config: TLSConfig) -> None:
        """Answer a client's hello with another config; then accept."""
        _sessile.tls_question_use_config(self._handle, config._handle)

    def use_key(self, key: Key) -> None:
        """Answer how to authenticate with a key; then accept."""
        _sessile.ssh_question_use_key(self._handle, key._handle)

    def accept(self, **items: Text | Sequence[Text]) -> None:
        """Yes, with items by their names in small letters: ``accept(password="...")``,
        ``accept(response=["...", "..."])``. The session goes on at once, or when ``on_question`` returns."""
        for name, value in items.items():
            try:
                item = Item[name.upper()]
            except KeyError:
                raise TypeError(f"there is no item {name!r}") from None
            for each in (value,) if isinstance(value, (str, bytes)) else value:
                self.put(item, each)
        _sessile.question_accept(self._handle)

    def refuse(self, reason: int = 0, **items: Text | Sequence[Text]) -> None:
        """No. ``reason``: a TLS alert's number, or why a channel is not opened (RFC 4254, section 5.1)."""
        for name, value in items.items():
            for each in (value,) if isinstance(value, (str, bytes)) else value:
                self.put(Item[name.upper()], each)
        _sessile.question_refuse(self._handle, reason)
