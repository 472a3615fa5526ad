# SPDX-License-Identifier: Apache-2.0
"""TLS 1.2 and 1.3: what a session may do (:class:`TLSConfig`) and what it has negotiated (:class:`TLS`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from . import _sessile
from ._base import Buffer, Owner, Text, names, octets
from .constants import Role

if TYPE_CHECKING:
    from .session import Session

Path = str | bytes | os.PathLike[str]


class ClientCertificate(IntEnum):
    """Whether a server has clients show a certificate."""

    NONE = _sessile.TLS_CLIENT_NONE
    REQUEST = _sessile.TLS_CLIENT_REQUEST
    REQUIRE = _sessile.TLS_CLIENT_REQUIRE


class AskPeer(IntEnum):
    """When the application is asked about the peer's certificate."""

    NEVER = _sessile.TLS_ASK_NEVER
    UNTRUSTED = _sessile.TLS_ASK_UNTRUSTED
    ALWAYS = _sessile.TLS_ASK_ALWAYS


class OCSP(IntEnum):
    """Whether a client asks for a stapled OCSP response, and insists on it."""

    NONE = _sessile.TLS_OCSP_NONE
    REQUEST = _sessile.TLS_OCSP_REQUEST
    REQUIRE = _sessile.TLS_OCSP_REQUIRE


class TLSVersion(IntEnum):
    """Protocol versions."""

    TLS_1_2 = _sessile.TLS_1_2
    TLS_1_3 = _sessile.TLS_1_3


class ChannelBinding(IntEnum):
    """Kinds of channel bindings (RFC 5929, RFC 9266)."""

    UNIQUE = _sessile.TLS_BINDING_UNIQUE
    EXPORTER = _sessile.TLS_BINDING_EXPORTER
    SERVER_END_POINT = _sessile.TLS_BINDING_SERVER_END_POINT


class TicketKeys(Owner):
    """Session ticket keys of servers, rotated while in use and shared by configs. Safe on any thread."""

    def __init__(self) -> None:
        self._handle = _sessile.tls_tickets_new()

    def rotate(self) -> None:
        """New tickets are sealed with a new random key; the last 3 before still open."""
        _sessile.tls_tickets_rotate(self._handle)

    def add(self, key: Buffer) -> None:
        """The same with a key of the caller's: 80 random bytes, secret."""
        _sessile.tls_tickets_add(self._handle, key)


class TLSConfig(Owner):
    """What TLS sessions have in common. Filled once, shared by any number of sessions and threads, and immutable once
    it is used: setters raise :class:`MisuseError` then. Each setter returns the config, so that they can be chained.

    A client verifies the server against the system's trust unless told otherwise."""

    def __init__(self, role: Role) -> None:
        self._handle = _sessile.tls_config_new(role)
        self._slot = _sessile.Slot(self)
        self.on_passphrase: Callable[[], Buffer | None] | None = None

    @classmethod
    def client(
        cls,
        *,
        trust: Text | None = None,
        alpn: str | Iterable[str] = (),
        certificate: Text | None = None,
        key: Text | None = None,
    ) -> TLSConfig:
        """A client's. ``trust``: CA certificates in PEM, in place of the system's; ``alpn``: application protocols by
        preference; ``certificate`` and ``key``: its own, in PEM."""
        config = cls(Role.CLIENT)
        if trust is not None:
            config.trust(trust)
        return config._with(alpn, certificate, key)

    @classmethod
    def server(
        cls,
        certificate: Text | None = None,
        key: Text | None = None,
        *,
        alpn: str | Iterable[str] = (),
    ) -> TLSConfig:
        """A server's. ``certificate``: PEM with the chain, its own first; ``key``: PEM."""
        return cls(Role.SERVER)._with(alpn, certificate, key)

    def _with(self, alpn: str | Iterable[str], certificate: Text | None, key: Text | None) -> TLSConfig:
        if certificate is not None:
            self.set_certificate(certificate)
        if key is not None:
            self.set_key(key)
        if names(alpn):
            self.set_alpn(alpn)
        return self

    def check(self) -> TLSConfig:
        """Raise what is missing (a server's certificate), and make it immutable. Connecting does this too."""
        _sessile.tls_config_check(self._handle)
        return self

    # ---- Own certificate and key ----

    def set_certificate(self, data: Text | Buffer) -> TLSConfig:
        """PEM with the chain in order, own first, or one certificate in DER. A server may have one of each key type:
        set each certificate, then its key."""
        _sessile.tls_config_set_certificate(self._handle, octets(data))
        return self

    def set_certificate_file(self, path: Path) -> TLSConfig:
        """The same from a file."""
        _sessile.tls_config_set_certificate_file(self._handle, os.fsencode(path))
        return self

    def set_key(self, data: Text | Buffer) -> TLSConfig:
        """A private key in PEM, encrypted or not, or DER: the one of the certificate set last."""
        _sessile.tls_config_set_key(self._handle, octets(data))
        return self

    def set_key_file(self, path: Path) -> TLSConfig:
        """The same from a file."""
        _sessile.tls_config_set_key_file(self._handle, os.fsencode(path))
        return self

    def set_pkcs12(self, data: Buffer) -> TLSConfig:
        """A PKCS#12 bundle: key, certificate, chain."""
        _sessile.tls_config_set_pkcs12(self._handle, data)
        return self

    def set_uri(self, uri: str) -> TLSConfig:
        """Key and certificates from an OSSL_STORE URI: file:, or pkcs11: where a provider for it is loaded."""
        _sessile.tls_config_set_uri(self._handle, uri)
        return self

    def set_passphrase(self, passphrase: Text | Buffer | Callable[[], Buffer | None] | None) -> TLSConfig:
        """For what is loaded next: a passphrase, or what returns one (None to give up) when it is needed."""
        if callable(passphrase):
            self.on_passphrase = passphrase
            _sessile.tls_config_set_passphrase_callback(self._handle, True, self._slot)
        else:
            _sessile.tls_config_set_passphrase(self._handle, octets(passphrase or b""))
        return self

    # ---- Trust ----

    def trust_system(self) -> TLSConfig:
        """Believe whom the system believes. Calls of this kind add up."""
        _sessile.tls_config_trust_system(self._handle)
        return self

    def trust(self, data: Text | Buffer) -> TLSConfig:
        """CA certificates in PEM, or one in DER."""
        _sessile.tls_config_trust(self._handle, octets(data))
        return self

    def trust_file(self, path: Path) -> TLSConfig:
        """The same from a file."""
        _sessile.tls_config_trust_file(self._handle, os.fsencode(path))
        return self

    def trust_dir(self, path: Path) -> TLSConfig:
        """A directory in openssl rehash's form, read when a certificate is verified."""
        _sessile.tls_config_trust_dir(self._handle, os.fsencode(path))
        return self

    def add_crl(self, data: Text | Buffer, *, all_levels: bool = False) -> TLSConfig:
        """A revocation list, and check against them: the peer's own certificate, or the whole chain."""
        _sessile.tls_config_add_crl(self._handle, octets(data), all_levels)
        return self

    def set_verify_depth(self, depth: int) -> TLSConfig:
        """The largest number of certificates between the peer's own and the trusted one, 0 to 100."""
        _sessile.tls_config_set_verify_depth(self._handle, depth)
        return self

    def set_client_certificate(self, mode: ClientCertificate) -> TLSConfig:
        """Server: whether clients show a certificate."""
        _sessile.tls_config_set_client_certificate(self._handle, mode)
        return self

    def ask_peer(self, when: AskPeer) -> TLSConfig:
        """Ask about the peer's certificate (:attr:`QuestionKind.TLS_PEER`)."""
        _sessile.tls_config_ask_peer(self._handle, when)
        return self

    def ask_hello(self, on: bool = True) -> TLSConfig:
        """Server: ask about each client hello (:attr:`QuestionKind.TLS_HELLO`)."""
        _sessile.tls_config_ask_hello(self._handle, on)
        return self

    # ---- What is spoken ----

    def set_versions(self, lowest: TLSVersion, highest: TLSVersion) -> TLSConfig:
        """Protocol versions, inclusive."""
        _sessile.tls_config_set_versions(self._handle, lowest, highest)
        return self

    def set_ciphers(self, ciphers: str) -> TLSConfig:
        """TLS 1.2 ciphers, in openssl's list syntax, as are the three below."""
        _sessile.tls_config_set_ciphers(self._handle, ciphers)
        return self

    def set_ciphersuites(self, suites: str) -> TLSConfig:
        """TLS 1.3 cipher suites."""
        _sessile.tls_config_set_ciphersuites(self._handle, suites)
        return self

    def set_groups(self, groups: str) -> TLSConfig:
        """Key exchange groups."""
        _sessile.tls_config_set_groups(self._handle, groups)
        return self

    def set_sigalgs(self, sigalgs: str) -> TLSConfig:
        """Signature algorithms."""
        _sessile.tls_config_set_sigalgs(self._handle, sigalgs)
        return self

    def set_alpn(self, protocols: str | Iterable[str]) -> TLSConfig:
        """Application protocols by preference. A server refuses a client that offers none of them."""
        _sessile.tls_config_set_alpn(self._handle, names(protocols))
        return self

    def add_host(self, name: str, other: TLSConfig) -> TLSConfig:
        """Server: use another config where the client asks for this name; "*." stands for one label."""
        _sessile.tls_config_add_host(self._handle, name, other._handle)
        return self

    def require_host(self, on: bool = True) -> TLSConfig:
        """Server: refuse a client that asks for no name or for one that was not added."""
        _sessile.tls_config_require_host(self._handle, on)
        return self

    def set_tickets(self, tickets: TicketKeys) -> TLSConfig:
        """Server: the ticket keys to use."""
        _sessile.tls_config_set_tickets(self._handle, tickets._handle)
        return self

    def set_ticket_count(self, count: int) -> TLSConfig:
        """Server: how many tickets follow a TLS 1.3 handshake, 0 to 16; 0 turns resumption off."""
        _sessile.tls_config_set_ticket_count(self._handle, count)
        return self

    def set_ocsp_response(self, data: Buffer) -> TLSConfig:
        """Server: a DER OCSPResponse to show."""
        _sessile.tls_config_set_ocsp_response(self._handle, data)
        return self

    def set_ocsp(self, mode: OCSP) -> TLSConfig:
        """Client: ask for a stapled OCSP response."""
        _sessile.tls_config_set_ocsp(self._handle, mode)
        return self

    def add_psk(self, identity: str, key: Buffer) -> TLSConfig:
        """A pre-shared key of 16 to 256 bytes. A client offers the first; a server knows all."""
        _sessile.tls_config_add_psk(self._handle, identity, key)
        return self

    def set_max_send_fragment(self, size: int) -> TLSConfig:
        """The largest plaintext of a record that is sent, 512 to 16384 bytes."""
        _sessile.tls_config_set_max_send_fragment(self._handle, size)
        return self

    def set_max_fragment(self, size: int) -> TLSConfig:
        """Client: negotiate a smaller largest record both ways: 512, 1024, 2048 or 4096 bytes."""
        _sessile.tls_config_set_max_fragment(self._handle, size)
        return self

    # ---- Danger ----

    def insecure_no_verify(self) -> TLSConfig:
        """Client: believe any certificate. Anyone on the path can read and change everything."""
        _sessile.tls_config_insecure_no_verify(self._handle)
        return self

    def insecure_no_host_check(self) -> TLSConfig:
        """Client: verify the chain, but not whom it names."""
        _sessile.tls_config_insecure_no_host_check(self._handle)
        return self

    def insecure_keylog(self) -> TLSConfig:
        """Let sessions that ask for it give key log lines (:attr:`Notice.TLS_KEYLOG`)."""
        _sessile.tls_config_insecure_keylog(self._handle)
        return self


class TLS:
    """What a TLS session has negotiated, from ``on_ready`` on. ``session.tls`` is it."""

    def __init__(self, session: Session) -> None:
        self._handle = session._handle

    @property
    def version(self) -> str:
        """Such as "TLSv1.3"."""
        return _sessile.tls_version(self._handle)

    @property
    def cipher(self) -> str:
        """The standard name, such as "TLS_AES_256_GCM_SHA384"."""
        return _sessile.tls_cipher(self._handle)

    @property
    def group(self) -> str:
        """The key exchange group."""
        return _sessile.tls_group(self._handle)

    @property
    def alpn(self) -> str:
        """The application protocol; "" for none."""
        return _sessile.tls_alpn(self._handle)

    @property
    def sni(self) -> str:
        """The name that the client asked for."""
        return _sessile.tls_sni(self._handle)

    @property
    def resumed(self) -> bool:
        """Whether an earlier session was resumed."""
        return bool(_sessile.tls_resumed(self._handle))

    @property
    def verify_code(self) -> int:
        """The outcome of verifying the peer's certificate: X509_V_*, 0 for success, 1 where it showed none."""
        return _sessile.tls_verify_code(self._handle)

    @property
    def verify_text(self) -> str:
        """The same in words."""
        return _sessile.tls_verify_text(self._handle)

    @property
    def peer_certificates(self) -> list[bytes]:
        """The certificates that the peer sent, in DER, its own first."""
        return [self._certificate(index) for index in range(_sessile.tls_peer_count(self._handle))]

    def _certificate(self, index: int) -> bytes:
        buffer = bytearray(_sessile.tls_peer_certificate(self._handle, index, bytearray()))
        _sessile.tls_peer_certificate(self._handle, index, buffer)
        return bytes(buffer)

    def export(self, label: str, size: int, context: Buffer | None = None) -> bytes:
        """Keying material for a protocol above (RFC 5705), at most 8160 bytes."""
        buffer = bytearray(size)
        _sessile.tls_export(self._handle, label, context, buffer)
        return bytes(buffer)

    def channel_binding(self, kind: ChannelBinding = ChannelBinding.EXPORTER) -> bytes:
        """A channel binding."""
        buffer = bytearray(64)
        size = _sessile.tls_channel_binding(self._handle, kind, buffer)
        return bytes(buffer[:size])

    def key_update(self, request_peer: bool = False) -> None:
        """Change the keys (TLS 1.3), and have the peer change its own where ``request_peer``."""
        _sessile.tls_key_update(self._handle, request_peer)
