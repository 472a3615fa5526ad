# SPDX-License-Identifier: Apache-2.0
"""A certificate as ssl.SSLSocket.getpeercert() tells it, read from its DER (RFC 5280). For showing and comparing only:
libcrypto has verified it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

PeerCertificate = dict[str, Any]

_OID, _SAN = 0x06, b"\x55\x1d\x11"  # The type and the object identifier 2.5.29.17.
_UTC_TIME = 0x17
_BMP, _UNIVERSAL = 0x1E, 0x1C
_NAMES = {
    "2.5.4.3": "commonName", "2.5.4.4": "surname", "2.5.4.5": "serialNumber", "2.5.4.6": "countryName",
    "2.5.4.7": "localityName", "2.5.4.8": "stateOrProvinceName", "2.5.4.9": "streetAddress",
    "2.5.4.10": "organizationName", "2.5.4.11": "organizationalUnitName", "2.5.4.12": "title",
    "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode", "2.5.4.42": "givenName",
    "2.5.4.97": "organizationIdentifier", "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.1": "userId", "0.9.2342.19200300.100.1.25": "domainComponent",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionLocalityName",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionStateOrProvinceName",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionCountryName",
}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the content of each element, in order."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("a certificate's element is cut short")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + length > len(data):
            raise ValueError("a certificate's element is longer than what it is in")
        yield tag, data[at : at + length]
        at += length


def _inner(data: bytes) -> bytes:
    """The content of the first element."""
    for _, content in _elements(data):
        return content
    raise ValueError("a certificate's element is empty")


def _oid(data: bytes) -> str:
    numbers: list[int] = []
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _text(tag: int, data: bytes) -> str:
    encoding = {_BMP: "utf-16-be", _UNIVERSAL: "utf-32-be"}.get(tag, "utf-8")
    return data.decode(encoding, "backslashreplace")


def _name(data: bytes) -> tuple[tuple[tuple[str, str], ...], ...]:
    sets: list[tuple[tuple[str, str], ...]] = []
    for _, relative in _elements(data):
        pairs: list[tuple[str, str]] = []
        for _, pair in _elements(relative):
            (_, oid), (tag, value) = _elements(pair)
            dotted = _oid(oid)
            pairs.append((_NAMES.get(dotted, dotted), _text(tag, value)))
        sets.append(tuple(pairs))
    return tuple(sets)


def _time(tag: int, data: bytes) -> str:
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    moment = datetime.strptime(data.decode("ascii"), form).replace(tzinfo=timezone.utc)
    if tag == _UTC_TIME and moment.year >= 2050:
        moment = moment.replace(year=moment.year - 100)
    return f"{_MONTHS[moment.month - 1]} {moment.day:2d} {moment:%H:%M:%S} {moment.year} GMT"


def _alternative(tag: int, data: bytes) -> tuple[str, Any]:
    plain = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
    if tag in plain:
        return plain[tag], _text(0, data)
    if tag == 0x87:
        return "IP Address", _address(data)
    if tag == 0xA4:
        return "DirName", _name(_inner(data))
    if tag == 0x88:
        return "Registered ID", _oid(data)
    return "othername", "<unsupported>"


def _address(data: bytes) -> str:
    try:
        address = ipaddress.ip_address(data)
    except ValueError:
        return "<invalid>"
    # The module ssl writes IPv6 out in full, without leading zeros.
    if address.version == 4:
        return str(address)
    return ":".join(f"{int.from_bytes(data[at : at + 2], 'big'):X}" for at in range(0, 16, 2))


def _alternatives(extensions: bytes) -> tuple[tuple[str, Any], ...]:
    for _, extension in _elements(_inner(extensions)):
        parts = list(_elements(extension))
        if parts[0] == (_OID, _SAN):
            return tuple(_alternative(*each) for each in _elements(_inner(parts[-1][1])))
    return ()


def decode(der: bytes) -> PeerCertificate:
    """Subject, issuer, version, serial number, validity and alternative names. ValueError where they cannot be read."""
    try:
        return _decode(der)
    except LookupError:
        raise ValueError("a certificate's element is empty") from None


def _decode(der: bytes) -> PeerCertificate:
    (_, certificate), = _elements(der)
    parts = list(_elements(_inner(certificate)))
    version = 1
    if parts[0][0] == 0xA0:
        version = 1 + int.from_bytes(_inner(parts.pop(0)[1]), "big")
    (_, serial), _, (_, issuer), (_, validity), (_, subject) = parts[:5]
    (before_tag, before), (after_tag, after) = _elements(validity)
    digits = f"{int.from_bytes(serial, 'big', signed=True):X}"
    result: PeerCertificate = {
        "subject": _name(subject), "issuer": _name(issuer), "version": version,
        "serialNumber": digits if len(digits) % 2 == 0 else "0" + digits,
        "notBefore": _time(before_tag, before), "notAfter": _time(after_tag, after),
    }
    for tag, content in parts[5:]:
        if tag == 0xA3 and (names := _alternatives(content)):
            result["subjectAltName"] = names
    return result
