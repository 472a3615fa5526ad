# SPDX-License-Identifier: Apache-2.0
"""What there is to show of an X.509 certificate, read from its DER. For showing only: libcrypto has verified it."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..asyncio.certificate import _elements, _inner, _oid, decode

_CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}
_KEYS = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448", "1.2.840.113549.1.1.10": "RSA-PSS",
         "2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
         "2.16.840.1.101.3.4.3.19": "ML-DSA-87"}
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_SIGNATURES = {
    "1.2.840.113549.1.1.5": "RSA with SHA-1", "1.2.840.113549.1.1.11": "RSA with SHA-256",
    "1.2.840.113549.1.1.12": "RSA with SHA-384", "1.2.840.113549.1.1.13": "RSA with SHA-512",
    "1.2.840.113549.1.1.10": "RSA-PSS", "1.2.840.10045.4.3.2": "ECDSA with SHA-256",
    "1.2.840.10045.4.3.3": "ECDSA with SHA-384", "1.2.840.10045.4.3.4": "ECDSA with SHA-512", **_KEYS,
}
_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
          "localityName": "L", "stateOrProvinceName": "ST", "domainComponent": "DC", "emailAddress": "E"}
DAY = 86400


@dataclass(frozen=True)
class Shown:
    """A certificate's face."""

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    names: list[str]
    key: str
    signature: str
    sha256: str

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative where it has ended."""
        return int((self.not_after - now).total_seconds() // DAY)


def show(der: bytes) -> Shown:
    """Read a certificate. ValueError where it cannot be read."""
    try:
        return _show(der)
    except (LookupError, ValueError) as error:
        raise ValueError(f"the certificate cannot be read: {error}") from None


def _show(der: bytes) -> Shown:
    said = decode(der)
    (_, certificate), = _elements(der)
    (_, body), (_, algorithm), _ = _elements(certificate)
    parts = list(_elements(body))
    spki = parts[6 if parts[0][0] == 0xA0 else 5][1]
    signature = _oid(_inner(algorithm))
    return Shown(
        _name(said["subject"]), _name(said["issuer"]), said["serialNumber"], _moment(said["notBefore"]),
        _moment(said["notAfter"]), [_alternative(*pair) for pair in said.get("subjectAltName", ())], _key(spki),
        _SIGNATURES.get(signature, signature), hashlib.sha256(der).hexdigest(),
    )


def _name(sets: Any) -> str:
    return ", ".join(f"{_SHORT.get(kind, kind)}={value}" for pairs in reversed(sets) for kind, value in pairs) or "-"


def _alternative(kind: str, value: object) -> str:
    if kind == "DirName":
        return _name(value)
    try:
        return str(ipaddress.ip_address(str(value))) if kind == "IP Address" else str(value)
    except ValueError:
        return str(value)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)


def _key(spki: bytes) -> str:
    (_, algorithm), (_, bits) = _elements(spki)
    parts = list(_elements(algorithm))
    kind = _oid(parts[0][1])
    if kind == _RSA:
        modulus = _inner(_inner(bits[1:]))
        return f"RSA {int.from_bytes(modulus, 'big').bit_length()} bits"
    if kind == _EC:
        curve = _oid(parts[1][1])
        return f"EC {_CURVES.get(curve, curve)}"
    return _KEYS.get(kind, kind)
