# SPDX-License-Identifier: Apache-2.0
"""A service to forward connections to: an echo on loopback, which says how many came."""

import contextlib
import socket
import threading
import time

from child import TIMEOUT, connected

PIECE = 65536


def reach(place):
    """A socket connected to a port, or to a path."""
    if isinstance(place, int):
        return connected(place)
    wire = socket.socket(socket.AF_UNIX)
    wire.settimeout(TIMEOUT)
    wire.connect(str(place))
    return wire


def listen_at(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


class Echo:
    """On a port of the system's choice, or at a path."""

    def __init__(self, path=None):
        self.listener = listen_at(path) if path else socket.create_server(("127.0.0.1", 0))
        self.port = None if path else self.listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self.listener.accept()
                self.count += 1
                threading.Thread(target=self.answer, args=(wire,), daemon=True).start()

    def answer(self, wire):
        with wire, contextlib.suppress(OSError):
            while data := wire.recv(PIECE):
                wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)

    def stop(self):
        # A thread that waits in accept() is not woken by close() alone.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(wire, data, patient=False):
    """Send data, end the sending half (where patient, when as much has come back), and read to the end."""
    threading.Thread(target=send, args=(wire, data, not patient), daemon=True).start()
    received = bytearray()
    while piece := wire.recv(PIECE):
        received += piece
        if patient and len(received) >= len(data):
            wire.shutdown(socket.SHUT_WR)
    return bytes(received)


def send(wire, data, end):
    with contextlib.suppress(OSError):
        wire.sendall(data)
        if end:
            wire.shutdown(socket.SHUT_WR)


def ask_when_up(place, data, child, patient=False):
    """As ask, of a port or path that a program is about to have forwarded: until something answers, or the program is no more.

    A server listens before the client has read that it does, and a connection which comes in between is refused.
    """
    end = time.monotonic() + TIMEOUT
    while True:
        with contextlib.suppress(ConnectionError, FileNotFoundError), reach(place) as wire:
            if received := ask(wire, data, patient):
                return received
        assert child.process.poll() is None and time.monotonic() < end, child.log()
        time.sleep(0.01)
