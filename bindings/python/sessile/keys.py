# SPDX-License-Identifier: Apache-2.0
"""SSH keys, public and private, with their certificates. A key is immutable; any number of threads, configs and
sessions may share it. Nothing here opens a file: read it, and hand in what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from . import _sessile
from ._base import Buffer, Owner, Text, filled, filled_text, octets
from .errors import Error, VerificationError

if TYPE_CHECKING:
    from ._sessile import Handle

FOREVER = 2**64 - 1
"""Seconds: a certificate's end that never comes."""


class KeyFormat(IntEnum):
    """Formats of private keys."""

    OPENSSH = _sessile.KEY_OPENSSH
    PKCS8 = _sessile.KEY_PKCS8
    PEM = _sessile.KEY_PEM


class PublicFormat(IntEnum):
    """Formats of public keys."""

    LINE = _sessile.KEY_LINE
    RFC4716 = _sessile.KEY_RFC4716
    PEM = _sessile.KEY_PUBLIC_PEM


class Hash(IntEnum):
    """Hashes of fingerprints."""

    SHA256 = _sessile.FINGERPRINT_SHA256
    MD5 = _sessile.FINGERPRINT_MD5


class CertificateKind(IntEnum):
    """Whom a certificate is for."""

    USER = _sessile.CERTIFICATE_USER
    HOST = _sessile.CERTIFICATE_HOST


class Key(Owner):
    """An SSH key. :meth:`generate`, :meth:`read`, :meth:`read_public` and :meth:`from_blob` make them. Two keys are
    equal where their public halves are; certificates do not matter for that."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @classmethod
    def _maybe(cls, handle: Handle | None) -> Key | None:
        return None if handle is None else cls(handle)

    @classmethod
    def generate(cls, type: str = "ssh-ed25519", *, bits: int = 0, comment: str = "") -> Key:
        """A new private key: "ssh-ed25519", "ecdsa-sha2-nistp256" (384, 521), or "ssh-rsa" with ``bits``, 2048 to
        16384, 0 for 3072. Other threads go on meanwhile."""
        return cls(_sessile.key_generate(type, bits, comment))

    @classmethod
    def read(cls, data: Text | Buffer, passphrase: Text | Buffer | None = None) -> Key:
        """A private key, from the text of a file: OpenSSH's or PEM, encrypted or not. :class:`PassphraseError` where
        the passphrase is missing or wrong. Other threads go on meanwhile."""
        return cls(_sessile.key_read(octets(data), None if passphrase is None else octets(passphrase)))

    @classmethod
    def read_public(cls, data: Text | Buffer) -> Key:
        """A public key or certificate: a line of an id_*.pub file, RFC 4716, or PEM; the first in the text."""
        return cls(_sessile.key_read_public(octets(data)))

    @classmethod
    def from_blob(cls, data: Buffer) -> Key:
        """A public key or certificate, from its SSH wire form."""
        return cls(_sessile.key_from_blob(data))

    def with_certificate(self, certificate: Key) -> Key:
        """This key with the certificate of another, of the same public key."""
        return Key(_sessile.key_with_certificate(self._handle, certificate._handle))

    def write(
        self,
        format: KeyFormat = KeyFormat.OPENSSH,
        passphrase: Text | Buffer | None = None,
        *,
        cipher: str | None = None,
        rounds: int = 0,
    ) -> bytes:
        """The private key as the text of a file, encrypted where there is a passphrase. ``rounds``: of bcrypt_pbkdf."""
        secret = None if passphrase is None else octets(passphrase)
        return filled(_sessile.key_write, self._handle, format, secret, cipher, rounds, room=32768)

    def write_public(self, format: PublicFormat = PublicFormat.LINE) -> str:
        """The public key, or the certificate where it has one, as text."""
        return filled_text(_sessile.key_write_public, self._handle, format)

    def blob(self, *, certificate: bool = True) -> bytes:
        """The wire form of the certificate, where it has one and that is asked for; else of the public key."""
        return filled(_sessile.key_blob, self._handle, certificate)

    # ---- What it is ----

    @property
    def type(self) -> str:
        """Its type's name, such as "ssh-ed25519"."""
        return _sessile.key_type(self._handle)

    @property
    def bits(self) -> int:
        """Its size."""
        return _sessile.key_bits(self._handle)

    @property
    def comment(self) -> str:
        """Its comment; "" where there is none."""
        return _sessile.key_comment(self._handle)

    @property
    def is_private(self) -> bool:
        """Whether the private half is here."""
        return bool(_sessile.key_is_private(self._handle))

    @property
    def certificate(self) -> Certificate | None:
        """What its certificate says, or None where it has none."""
        return Certificate(self._handle) if _sessile.key_has_certificate(self._handle) else None

    def fingerprint(self, hash: Hash = Hash.SHA256) -> str:
        """"SHA256:..." or "MD5:..."."""
        return filled_text(_sessile.key_fingerprint, self._handle, hash)

    def randomart(self, hash: Hash = Hash.SHA256) -> str:
        """The picture of 11 lines that ssh-keygen -lv shows."""
        return filled_text(_sessile.key_randomart, self._handle, hash)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return bool(_sessile.key_equal(self._handle, other._handle))

    def __hash__(self) -> int:
        return hash(self.blob(certificate=False))

    def __repr__(self) -> str:
        if self.freed:
            return "<Key freed>"
        return f"<Key {self.type} {self.fingerprint()}{' private' if self.is_private else ''}>"

    # ---- Signatures ----

    def sign(self, message: Buffer, algorithm: str | None = None) -> bytes:
        """The whole signature blob (RFC 4253, section 6.6). ``algorithm``: None for the type's best."""
        return filled(_sessile.key_sign, self._handle, algorithm, message)

    def verify(self, message: Buffer, signature: Buffer, algorithm: str | None = None) -> None:
        """Raise :class:`VerificationError` unless the signature is good. ``algorithm``: None takes any but SHA-1's."""
        _sessile.key_verify(self._handle, algorithm, message, signature)

    def sshsig(self, message: Buffer, namespace: str, hash: str | None = None) -> str:
        """An armored signature, as ssh-keygen -Y sign makes it. ``hash``: "sha512" (None) or "sha256"."""
        return filled_text(_sessile.key_sshsig, self._handle, namespace, hash, message)

    @staticmethod
    def sshsig_verify(signature: Text, message: Buffer, namespace: str) -> Key:
        """The key that made an armored signature, to be looked up among those that may; raises where it is not good."""
        return Key(_sessile.sshsig_verify(octets(signature), namespace, message))

    def sign_certificate(
        self,
        key: Key,
        kind: CertificateKind,
        principals: Sequence[str],
        *,
        valid_after: int,
        valid_before: int,
        serial: int = 0,
        key_id: str = "",
        critical: Mapping[str, str] | None = None,
        extensions: Mapping[str, str] | None = None,
        algorithm: str | None = None,
    ) -> Key:
        """A certificate for another key, by this one as the authority. ``valid_after``, ``valid_before``: seconds since
        1970. ``critical`` and ``extensions``: options by name, such as {"force-command": "uptime"}, {"permit-pty":
        ""}. TypeError where ``principals`` is one text and not a sequence of them."""
        if isinstance(principals, (str, bytes)):
            raise TypeError("principals: a sequence of names, not one")
        return Key(
            _sessile.certificate_sign(
                key._handle,
                self._handle,
                algorithm,
                kind,
                serial,
                key_id,
                tuple(principals),
                valid_after,
                valid_before,
                _options(critical or {}),
                _options(extensions or {}),
            )
        )


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _options(options: Mapping[str, str]) -> bytes:
    """Options in SSH wire form: in the order of their names, a value as a string within the string."""
    return b"".join(
        _string(name.encode()) + _string(_string(value.encode()) if value else b"")
        for name, value in sorted(options.items())
    )


class Certificate:
    """What a key's certificate says. ``key.certificate`` is it."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def kind(self) -> CertificateKind:
        """Whom it is for."""
        return CertificateKind(_sessile.certificate_kind(self._handle))

    @property
    def serial(self) -> int:
        """Its number."""
        return _sessile.certificate_serial(self._handle)

    @property
    def key_id(self) -> str:
        """What the authority calls it."""
        return _sessile.certificate_key_id(self._handle)

    @property
    def valid_after(self) -> int:
        """Seconds since 1970."""
        return _sessile.certificate_valid_after(self._handle)

    @property
    def valid_before(self) -> int:
        """Seconds since 1970; :data:`FOREVER`: no end."""
        return _sessile.certificate_valid_before(self._handle)

    @property
    def principals(self) -> list[str]:
        """The users or hosts that it is for."""
        count = _sessile.certificate_principal_count(self._handle)
        return [_sessile.certificate_principal(self._handle, index) or "" for index in range(count)]

    def option(self, name: str, *, critical: bool) -> bytes | None:
        """A critical option's or an extension's value, such as "force-command"; None where there is none."""
        try:
            return filled(_sessile.certificate_option, self._handle, critical, name)
        except Error as error:
            if error.code != _sessile.ERR_ARGUMENT:
                raise
            return None

    @property
    def authority(self) -> Key:
        """Whoever signed it: its public key."""
        key = Key._maybe(_sessile.certificate_authority(self._handle))
        assert key is not None
        return key

    def check(
        self, kind: CertificateKind, principal: str | None, now: int, address: str | None = None
    ) -> VerificationError | None:
        """Everything but trust in the authority: signature, kind, time, principal (None: one is not asked for),
        critical options. ``address``: the peer's, for source-address. Returns what is wrong with it, or None."""
        try:
            _sessile.certificate_check(self._handle, kind, principal, address, now)
        except VerificationError as error:
            return error
        return None
