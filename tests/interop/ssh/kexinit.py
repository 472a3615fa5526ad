# SPDX-License-Identifier: Apache-2.0
"""What a peer offers: the lists of its KEXINIT (RFC 4253, 7.1), read from a plain socket before any key exchange."""

import socket
import struct
from dataclasses import dataclass

from child import TIMEOUT, connected

IDENTIFICATION = b"SSH-2.0-Interop_1\r\n"
KEXINIT = 20
NAMES = ("kex", "host_keys", "ciphers", "ciphers_back", "macs", "macs_back", "compression", "compression_back")


@dataclass(frozen=True)
class Offer:
    identification: str
    kex: tuple
    host_keys: tuple
    ciphers: tuple
    macs: tuple
    compression: tuple


def read_offer(wire):
    """The first packet behind the identification, however many lines stand before that."""
    wire.settimeout(TIMEOUT)
    wire.sendall(IDENTIFICATION)
    with wire.makefile("rb") as file:
        while not (line := file.readline()).startswith(b"SSH-"):
            assert line, "the peer closed before it said who it is"
        length, padding = struct.unpack(">IB", file.read(5))
        payload = file.read(length - 1)[:length - 1 - padding]
    assert payload[0] == KEXINIT, payload
    at, lists = 17, {}
    for name in NAMES:
        size, = struct.unpack_from(">I", payload, at)
        lists[name] = tuple(payload[at + 4:at + 4 + size].decode().split(","))
        at += 4 + size
    for name in ("ciphers", "macs", "compression"):
        assert lists.pop(f"{name}_back") == lists[name]
    return Offer(line.decode().strip(), **lists)


def offer_of_server(port):
    with connected(port) as wire:
        return read_offer(wire)


def offer_of_client(start):
    """start(port) starts the client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        start(listener.getsockname()[1])
        wire, _ = listener.accept()
        with wire:
            return read_offer(wire)
