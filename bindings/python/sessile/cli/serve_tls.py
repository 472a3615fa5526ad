# SPDX-License-Identifier: Apache-2.0
"""``sessile serve tls``"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..asyncio import start_server
from ..errors import Error
from ..tls import TLSConfig
from .common import place, reason
from .selfsigned import self_signed
from .serve_command import Stop, announce, log

MOST_HEADERS = 100
PIECE = 65536


@dataclass(frozen=True)
class Service:
    """What is to be served."""

    host: str
    port: int
    names: tuple[str, ...]
    certificate: Path | None
    key: Path | None
    days: int
    alpn: str | None
    echo: bool


class Handler:
    """Answers connections."""

    def __init__(self, echo: bool) -> None:
        self._echo = echo

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its handshake to its end."""
        peer = writer.get_extra_info("peername")
        who = place(peer[0], peer[1])
        info = writer.get_extra_info("ssl_object")
        log(who, f"{info.version()}, {info.cipher()[0]}"
                 + (f", {info.selected_alpn_protocol()}" if info.selected_alpn_protocol() else ""))
        try:
            await (self._send_back(reader, writer, who) if self._echo else self._answer(reader, writer, who))
            writer.close()
            await writer.wait_closed()
        except (Error, OSError, ValueError, asyncio.IncompleteReadError) as error:
            log(who, reason(error), "yellow")
            writer.close()

    async def _send_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        size = 0
        while data := await reader.read(PIECE):
            size += len(data)
            writer.write(data)
            await writer.drain()
        log(who, f"sent {size} bytes back", "green")

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        request = (await reader.readline()).decode("latin-1").rstrip("\r\n")
        for _ in range(MOST_HEADERS):
            if (await reader.readline()).strip() == b"":
                break
        info = writer.get_extra_info("ssl_object")
        body = f"Hello from sessile.\n\n{info.version()} {info.cipher()[0]}\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        log(who, request, "green")


def _identity(service: Service, folder: Path) -> tuple[Path, Path]:
    """The certificate's file and the key's."""
    if service.certificate is not None:
        return service.certificate, service.key or service.certificate
    certificate, key = self_signed(list(service.names), service.days)
    paths = folder / "certificate.pem", folder / "key.pem"
    for path, text in zip(paths, (certificate, key)):
        path.touch(mode=0o600)
        path.write_text(text)
    return paths


async def serve(service: Service) -> None:
    """Until it is stopped. What was made for it is in a folder that goes with it."""
    stop = Stop()
    with tempfile.TemporaryDirectory(prefix="sessile-") as name:
        certificate, key = _identity(service, Path(name))
        config = TLSConfig.server(alpn=service.alpn.split(",") if service.alpn else ())
        config.set_certificate_file(certificate).set_key_file(key)
        server = await start_server(Handler(service.echo).serve, service.host or None, service.port, ssl=config)
        port = server.sockets[0].getsockname()[1]
        _tell(service, port, certificate)
        try:
            await stop.wait()
        finally:
            server.close()


def _tell(service: Service, port: int, certificate: Path) -> None:
    where = place(service.host or "*", port)
    target = place(service.names[0] if service.certificate is None else service.host or "localhost", port)
    pem = certificate.read_text()
    end = "-----END CERTIFICATE-----"
    sha256 = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") : pem.index(end)] + end + "\n"))
    announce(f"TLS on {where}", [
        ("answers", "what it is sent" if service.echo else "HTTP, with a short text"),
        ("certificate", str(certificate)), ("SHA-256", sha256.hexdigest()),
    ], [
        f"sessile tls {target} --ca {certificate}",
        f"openssl s_client -connect {target} -CAfile {certificate}",
        *([] if service.echo else [f"curl --cacert {certificate} https://{target}/"]),
    ])
