# SPDX-License-Identifier: Apache-2.0
"""TLS on an asyncio transport: the handshake, the transport for the application's protocol, and what it tells in the
terms of the module ssl."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from ..errors import ClosedError
from ..session import Session
from ..tls import ChannelBinding, TLSConfig
from .certificate import PeerCertificate, decode
from .transport import StreamTransport
from .wire import Wire

HANDSHAKE_TIMEOUT = 60.0
SHUTDOWN_TIMEOUT = 30.0

logger = logging.getLogger("sessile.asyncio")


class TLSInfo:
    """What ``get_extra_info("ssl_object")`` gives: the questions that ssl.SSLObject answers, and its words."""

    def __init__(self, session: Session, config: TLSConfig, server_side: bool, server_hostname: str | None) -> None:
        self._tls = session.tls
        self.context = config
        self.server_side = server_side
        self.server_hostname = server_hostname
        self.session_reused = self._tls.resumed
        self._version, self._cipher = self._tls.version, self._tls.cipher
        self._alpn = self._tls.alpn or None
        self._certificates = self._tls.peer_certificates

    def version(self) -> str:
        """Such as "TLSv1.3"."""
        return self._version

    def cipher(self) -> tuple[str, str, int]:
        """The cipher's standard name, the version, and the secret bits."""
        bits = re.search(r"_(128|256)_|_(3DES)_", self._cipher)
        return self._cipher, self._version, int(bits.group(1) or 112) if bits else 256

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol, or None."""
        return self._alpn

    def compression(self) -> None:
        """There is none."""

    def getpeercert(self, binary_form: bool = False) -> PeerCertificate | bytes | None:
        """The peer's certificate, in DER or as the module ssl has it; None where it has shown none."""
        if not self._certificates:
            return None
        return self._certificates[0] if binary_form else decode(self._certificates[0])

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """A channel binding by its registered name."""
        kinds = {"tls-unique": ChannelBinding.UNIQUE, "tls-exporter": ChannelBinding.EXPORTER,
                 "tls-server-end-point": ChannelBinding.SERVER_END_POINT}
        if cb_type not in kinds:
            raise ValueError(f"{cb_type} is no channel binding")
        return self._tls.channel_binding(kinds[cb_type])


class TLSTransport(StreamTransport):
    """The transport of a protocol that runs over TLS."""

    _wire: TLSWire

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As ssl's transports: "peercert", "cipher", "compression", "sslcontext" (the config), "ssl_object"; the rest
        is the transport's below."""
        info = self._wire.info
        if name == "ssl_object":
            return info
        if name == "sslcontext":
            return info.context
        if name == "peercert":
            return info.getpeercert()
        if name == "cipher":
            return info.cipher()
        if name == "compression":
            return None
        return super().get_extra_info(name, default)

    def _wire_shutdown(self) -> None:
        self._wire.shutdown()

    def _shut(self) -> None:
        try:
            self._wire.session.end()
        except ClosedError:
            pass

    def _drop(self) -> None:
        self._wire.abort()


class TLSWire(Wire):
    """One TLS connection. ``ready``: done when the handshake is, and the protocol has been told of its transport."""

    transport: TLSTransport
    info: TLSInfo

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        config: TLSConfig,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        handshake_timeout: float | None = None,
        shutdown_timeout: float | None = None,
        ready: asyncio.Future[None] | None = None,
        call_made: bool = True,
    ) -> None:
        super().__init__(loop, _seconds(shutdown_timeout, SHUTDOWN_TIMEOUT, "ssl_shutdown_timeout"))
        self._handshake_timeout = _seconds(handshake_timeout, HANDSHAKE_TIMEOUT, "ssl_handshake_timeout")
        self._protocol = protocol
        self._config = config
        self._server_side = server_side
        self._server_hostname = server_hostname
        self._call_made = call_made
        self._patience: asyncio.TimerHandle | None = None
        self._is_ready = self._too_late = False
        self.ready = ready
        self.session.on_ready = self._shaken

    def _connected(self) -> None:
        self._patience = self._loop.call_later(self._handshake_timeout, self._give_up)
        session = self.session
        # A transport below may hand over and answer inside its write, and be ready before that returns.
        with session.batch():
            if self._server_side:
                stream = session.tls_accept(self._config)
            else:
                stream = session.tls_connect(self._config, self._server_hostname)
            self.transport = TLSTransport(self._loop, self, stream, self._protocol)
        self.offer()

    def _give_up(self) -> None:
        self._too_late = True
        self.abort()

    def _shaken(self) -> None:
        self._is_ready = True
        if self._patience is not None:
            self._patience.cancel()
        hostname = self.session.tls.sni or None if self._server_side else self._server_hostname
        self.info = TLSInfo(self.session, self._config, self._server_side, hostname)
        if self._call_made:
            self.guard(self._protocol.connection_made, self.transport)
        if self.ready is not None and not self.ready.done():
            self.ready.set_result(None)

    def _held(self, on: bool) -> None:
        self.transport._hold(on)

    def _finished(self, error: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._is_ready:
            self.transport._is_over(None if self.transport._closing and _of_closing(error) else error)
            return
        if self._too_late:
            error = ConnectionAbortedError(f"no TLS handshake within {self._handshake_timeout} seconds")
        if self.ready is None:
            logger.debug("%s: the TLS handshake failed: %s", self.below.get_extra_info("peername"), error)
        elif not self.ready.done():
            self.ready.set_exception(error or ConnectionResetError("the connection was closed in the TLS handshake"))


def _of_closing(error: Exception | None) -> bool:
    """Whether an error is what may follow a close of ours: the peer has not waited, or we have not."""
    from ..errors import AbortedError

    return isinstance(error, (AbortedError, EOFError, ConnectionError))


def _seconds(value: float | None, usual: float, name: str) -> float:
    if value is None:
        return usual
    if value <= 0:
        raise ValueError(f"{name} should be a positive number, got {value}")
    return value
