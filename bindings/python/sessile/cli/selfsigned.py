# SPDX-License-Identifier: Apache-2.0
"""A self-signed certificate for a test server: the DER is written here, the key and the signature are the library's."""

from __future__ import annotations

import base64
import ipaddress
import secrets
from datetime import datetime, timedelta, timezone

from ..keys import Key, KeyFormat

_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_EC_P256 = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")
_COMMON_NAME, _SAN, _BASIC = bytes.fromhex("0603550403"), bytes.fromhex("0603551d11"), bytes.fromhex("0603551d13")
_INTEGER, _BITS, _OCTETS, _SEQUENCE, _SET, _UTF8 = 0x02, 0x03, 0x04, 0x30, 0x31, 0x0C
_TRUE = b"\x01\x01\xff"


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _number(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _strings(blob: bytes) -> list[bytes]:
    """The strings of an SSH blob."""
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "big")
        found.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return _der(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def _alternative(name: str) -> bytes:
    try:
        return _der(0x87, ipaddress.ip_address(name).packed)
    except ValueError:
        return _der(0x82, name.encode("idna"))


def _extensions(names: list[str]) -> bytes:
    san = _der(_SEQUENCE, _SAN, _der(_OCTETS, _der(_SEQUENCE, *map(_alternative, names))))
    basic = _der(_SEQUENCE, _BASIC, _TRUE, _der(_OCTETS, _der(_SEQUENCE, _TRUE)))
    return _der(0xA3, _der(_SEQUENCE, basic, san))


def self_signed(names: list[str], days: int) -> tuple[str, str]:
    """A certificate for host names and addresses, and its key, both in PEM: ECDSA on P-256."""
    key = Key.generate("ecdsa-sha2-nistp256")
    name = _der(_SEQUENCE, _der(_SET, _der(_SEQUENCE, _COMMON_NAME, _der(_UTF8, names[0].encode()))))
    now = datetime.now(timezone.utc)
    validity = _der(_SEQUENCE, _time(now - timedelta(hours=1)), _time(now + timedelta(days=days)))
    point = _strings(key.blob())[2]
    spki = _der(_SEQUENCE, _der(_SEQUENCE, _EC_P256), _der(_BITS, b"\0", point))
    algorithm = _der(_SEQUENCE, _ECDSA_SHA256)
    version = _der(0xA0, _number(2))
    body = _der(_SEQUENCE, version, _number(secrets.randbits(120) | 1), algorithm, name, validity, name, spki,
                _extensions(names))
    numbers = _strings(_strings(key.sign(body))[1])
    signature = _der(_SEQUENCE, *(_number(int.from_bytes(number, "big")) for number in numbers))
    certificate = _der(_SEQUENCE, body, algorithm, _der(_BITS, b"\0", signature))
    return pem(certificate), key.write(KeyFormat.PKCS8).decode()


def pem(der: bytes) -> str:
    """A certificate in PEM."""
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))
