#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS and SSH over a serial line, or any other terminal device.

    serial_wire.py tls --ca ca.pem --name meter.example /dev/ttyUSB0
    serial_wire.py tls --certificate meter.pem --key meter.key /dev/ttyS1
    serial_wire.py ssh --known-hosts known --key id_ed25519 admin@router /dev/ttyUSB0 'show version'

"tls" joins stdin and stdout to a session over the line; with a certificate it is the server. "ssh" runs a command where
an SSH server has the other end of the line. SerialTransport, at the top, is all that asyncio lacks for this: sessions
run over it as they do over TCP."""

from __future__ import annotations

import argparse
import asyncio
import errno
import getpass
import os
import sys
import termios
import tty
from collections.abc import Callable
from pathlib import Path

import sessile
import sessile.asyncio

PIECE = 65536


class SerialTransport(asyncio.Transport):
    """A terminal device as asyncio's protocols know transports. It reads and writes whatever the line takes, has no
    half close, and owns the descriptor."""

    def __init__(self, fd: int, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"fd": fd})
        self._loop = asyncio.get_running_loop()
        self._fd, self._protocol = fd, protocol
        self._waiting = bytearray()
        self._high, self._low = PIECE, PIECE // 4
        self._held = self._closing = False
        os.set_blocking(fd, False)
        self._loop.call_soon(protocol.connection_made, self)
        self._loop.call_soon(self.resume_reading)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    # ---- Reading ----

    def pause_reading(self) -> None:
        if not self._closing:
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        if not self._closing:
            self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(None if error.errno == errno.EIO else error)
            return
        if data:
            self._protocol.data_received(data)  # type: ignore[attr-defined]
        else:
            self._lose(None)

    # ---- Writing ----

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing:
            return
        self._waiting += data
        self._writable()
        if self._waiting:
            self._loop.add_writer(self._fd, self._writable)
        if len(self._waiting) > self._high and not self._held:
            self._held = True
            self._protocol.pause_writing()

    def _writable(self) -> None:
        try:
            del self._waiting[: os.write(self._fd, self._waiting)]
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not self._waiting:
            self._loop.remove_writer(self._fd)
        if self._held and len(self._waiting) <= self._low:
            self._held = False
            self._protocol.resume_writing()
        if self._closing and not self._waiting:
            self._lose(None)

    def get_write_buffer_size(self) -> int:
        return len(self._waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = PIECE if high is None else high
        self._low = self._high // 4 if low is None else low

    def can_write_eof(self) -> bool:
        return False

    # ---- The end ----

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._fd)
            if not self._waiting:
                self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        """The line was hung up, has failed with an error, or is not wanted any more."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        self._closing = True
        self._waiting.clear()
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)
        os.close(fd)
        self._loop.call_soon(self._protocol.connection_lost, error)


def open_line(path: str, speed: int) -> int:
    """A device, made to carry bytes as they are. What has arrived already is kept: it may be the peer's first word."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(fd, termios.TCSANOW)
        attributes = termios.tcgetattr(fd)
        attributes[4] = attributes[5] = getattr(termios, f"B{speed}")
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except termios.error as error:
        os.close(fd)
        raise OSError(error.args[0], f"{path} is no serial line: {error.args[1]}") from error
    return fd


# ---- TLS ----


def tls_config(options: argparse.Namespace) -> sessile.TLSConfig:
    if options.certificate:
        return sessile.TLSConfig.server().set_certificate_file(options.certificate).set_key_file(options.key)
    config = sessile.TLSConfig.client()
    return config.trust_file(options.ca) if options.ca else config


async def standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def send(source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await source.read(PIECE):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def join(options: argparse.Namespace) -> int:
    """stdin to the session, and the session to stdout: each until its end."""
    config, loop = tls_config(options), asyncio.get_running_loop()
    plain = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(plain)
    line = asyncio.StreamWriter(SerialTransport(open_line(options.device, options.speed), protocol),
                                protocol, plain, loop)
    reader, writer = await sessile.asyncio.start_tls_streams(
        plain, line, config, server_side=bool(options.certificate), server_hostname=options.name)
    tls = writer.get_extra_info("sessile_session").tls
    print(f"serial_wire: {tls.version}, {tls.cipher}", file=sys.stderr, flush=True)
    sending = asyncio.ensure_future(send(await standard_input(), writer))
    try:
        while data := await reader.read(PIECE):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        await sending
    finally:
        sending.cancel()
        writer.close()
    await writer.wait_closed()
    return 0


# ---- SSH ----


async def run(options: argparse.Namespace) -> int:
    """A command on the other end; its status is ours."""
    user, _, host = options.target.rpartition("@")

    async def over(factory: Callable[[], asyncio.BaseProtocol], *_: object) -> asyncio.Transport:
        return SerialTransport(open_line(options.device, options.speed), factory())

    async with sessile.asyncio.connect(
        host, username=user or getpass.getuser(), known_hosts=options.known_hosts, client_keys=options.key, over=over
    ) as connection:
        result = await connection.run(options.command)
    sys.stdout.buffer.write(result.stdout)
    sys.stderr.buffer.write(result.stderr)
    return 255 if result.exit_status is None else result.exit_status


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="TLS and SSH over a serial line.")
    parser.add_argument("--speed", type=int, default=115200, metavar="BAUD", help="of the line (115200)")
    modes = parser.add_subparsers(metavar="tls|ssh", required=True)

    tls = modes.add_parser("tls", help="join stdin and stdout to a TLS session")
    tls.add_argument("device", help="such as /dev/ttyUSB0")
    tls.add_argument("--name", help="client: whom the server's certificate has to name")
    tls.add_argument("--ca", metavar="FILE", help="client: trust these certificates (PEM), not the system's")
    tls.add_argument("--certificate", metavar="FILE", help="be the server, with this certificate (PEM)")
    tls.add_argument("--key", metavar="FILE", help="server: the certificate's key (PEM)")
    tls.set_defaults(run=join)

    ssh = modes.add_parser("ssh", help="run a command by SSH")
    ssh.add_argument("target", metavar="[USER@]HOST", help="HOST: by which name known_hosts knows it")
    ssh.add_argument("device", help="such as /dev/ttyUSB0")
    ssh.add_argument("command", help="what to run")
    ssh.add_argument("--known-hosts", type=Path, default="~/.ssh/known_hosts", metavar="FILE")
    ssh.add_argument("--key", type=Path, action="append", default=[], metavar="FILE", help="a private key of ours")
    ssh.set_defaults(run=run)

    options = parser.parse_args()
    if options.run is join and not (options.certificate and options.key or options.name):
        tls.error("a client needs --name, a server --certificate and --key")
    if not hasattr(termios, f"B{options.speed}"):
        parser.error(f"there is no speed {options.speed}")
    return options


def main() -> int:
    options = arguments()
    try:
        status: int = asyncio.run(options.run(options))
    except (sessile.Error, OSError, ValueError) as error:
        print(f"serial_wire: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
