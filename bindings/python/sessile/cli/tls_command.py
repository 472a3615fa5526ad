# SPDX-License-Identifier: Apache-2.0
"""``sessile tls``: a TLS server's parameters and its chain; on request, data both ways."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click
from rich.text import Text

from ..asyncio.endpoints import LIMIT, StreamProtocol
from ..asyncio.tls import TLSWire
from ..constants import QuestionKind
from ..errors import Error
from ..question import Question
from ..tls import AskPeer, TLSConfig, TLSVersion
from . import fds, starttls
from .common import CONTEXT, Failure, err, escaped, out, place, reason, run, split_place
from .selfsigned import pem
from .tls_report import render, summary

VERSIONS = {"1.2": TLSVersion.TLS_1_2, "1.3": TLSVersion.TLS_1_3}


@dataclass
class Wanted:
    """What the command line asks for."""

    host: str
    port: int
    config: TLSConfig
    servername: str | None
    insecure: bool
    starttls: str | None
    data: bool
    timeout: float


@dataclass
class Finding:
    """What was found."""

    address: str = ""
    connect_seconds: float = 0
    handshake_seconds: float = 0
    trusted: bool = True
    code: int = 0
    verdict: str = "ok"
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    chain: list[bytes] = field(default_factory=list[bytes])


class Probe(TLSWire):
    """A connection whose certificate is judged here: what is not trusted is noted, and gets no data."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reader: asyncio.StreamReader, wanted: Wanted,
                 finding: Finding) -> None:
        super().__init__(loop, StreamProtocol(reader, loop=loop), wanted.config, server_hostname=wanted.servername,
                         handshake_timeout=wanted.timeout, ready=loop.create_future(), shutdown_timeout=3)
        self._finding = finding
        self.session.on_question = self._judge

    def _judge(self, question: Question) -> None:
        if question.kind is not QuestionKind.TLS_PEER:
            question.refuse()
            return
        self._finding.trusted = False
        self._finding.code, self._finding.verdict = question.verify_code, question.verify_text
        self._finding.chain = question.certificates
        question.accept()

    def note(self) -> None:
        """Take down what was negotiated."""
        tls = self.session.tls
        finding = self._finding
        finding.chain = tls.peer_certificates
        finding.code, finding.verdict = tls.verify_code, tls.verify_text
        finding.facts = {"protocol": tls.version, "cipher": tls.cipher, "group": tls.group, "alpn": tls.alpn or None}


async def _reach(wanted: Wanted, finding: Finding, reader: asyncio.StreamReader) -> Probe:
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    probe = Probe(loop, reader, wanted, finding)
    assert probe.ready is not None
    plain = await asyncio.wait_for(asyncio.open_connection(wanted.host, wanted.port), wanted.timeout)
    transport = cast(asyncio.Transport, plain[1].transport)
    try:
        peer = transport.get_extra_info("peername")
        finding.address = place(peer[0], peer[1])
        if wanted.starttls:
            await asyncio.wait_for(starttls.begin(wanted.starttls, plain), wanted.timeout)
        finding.connect_seconds, began = time.monotonic() - began, time.monotonic()
        transport.pause_reading()
        transport.set_protocol(probe)
        probe.kept = plain[1]
        probe.connection_made(transport)
        transport.resume_reading()
        await probe.ready
    except BaseException:
        probe.ready.cancel()
        transport.abort()
        raise
    finding.handshake_seconds = time.monotonic() - began
    probe.note()
    return probe


async def _talk(probe: Probe, reader: asyncio.StreamReader) -> None:
    """Standard input to the server, and what it says to standard output, until it ends."""
    loop = asyncio.get_running_loop()
    writer = asyncio.StreamWriter(probe.transport, probe._protocol, reader, loop)

    async def pump_in() -> None:
        while data := await fds.read(0):
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    sending = loop.create_task(pump_in())
    try:
        await fds.pump_out(reader, 1)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()


async def _probe(wanted: Wanted) -> Finding:
    finding = Finding()
    reader = asyncio.StreamReader(LIMIT)
    probe = await _reach(wanted, finding, reader)
    try:
        if wanted.data:
            if not finding.trusted and not wanted.insecure:
                raise Failure(f"the server is not trusted, and gets no data: {finding.verdict} ({finding.code})")
            await _talk(probe, reader)
        probe.transport.close()
    except BaseException:
        probe.abort()
        raise
    finally:
        # What comes before the end is of no interest, and nor is how it ends.
        await asyncio.gather(_drained(reader), return_exceptions=True)
    return finding


async def _drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(LIMIT):
        pass


def _config(ca: tuple[Path, ...], insecure: bool, alpn: str | None, certificate: Path | None, key: Path | None,
            only: str | None) -> TLSConfig:
    config = TLSConfig.client(alpn=alpn.split(",") if alpn else ())
    for path in ca:
        config.trust_dir(path) if path.is_dir() else config.trust_file(path)
    config.ask_peer(AskPeer.UNTRUSTED)
    if certificate is not None:
        config.set_certificate_file(certificate).set_key_file(key or certificate)
    if only:
        config.set_versions(VERSIONS[only], VERSIONS[only])
    return config


@click.command("tls", context_settings=CONTEXT, short_help="Connect to a TLS server, and show who it is.")
@click.argument("target", metavar="HOST[:PORT]")
@click.option("--ca", type=click.Path(exists=True, path_type=Path), multiple=True,
              help="Trust these CA certificates, a PEM file or a directory of openssl rehash, and not the system's.")
@click.option("-k", "--insecure", is_flag=True, help="Go on with a server that is not trusted.")
@click.option("--servername", metavar="NAME", help="Ask for this name, and check for it, in place of HOST.")
@click.option("--alpn", metavar="NAMES", help="Offer these application protocols, such as h2,http/1.1.")
@click.option("--starttls", "before", type=click.Choice(list(starttls.PROTOCOLS)),
              help="Begin in the clear, as this protocol has it.")
@click.option("--tls", "only", type=click.Choice(list(VERSIONS)), help="This protocol version only.")
@click.option("--cert", "certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Show this certificate, PEM.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Its private key, where that is in another file.")
@click.option("--data", is_flag=True, help="Then send standard input, and write what comes to standard output.")
@click.option("--pem", "as_pem", is_flag=True, help="Print the chain that the server sends in PEM, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), default=15.0,
              show_default=True, help="Seconds for connecting, and for shaking hands.")
def command(target: str, ca: tuple[Path, ...], insecure: bool, servername: str | None, alpn: str | None,
            before: str | None, only: str | None, certificate: Path | None, key: Path | None, data: bool, as_pem: bool,
            as_json: bool, timeout: float) -> None:
    """Connect to a TLS server, and show what was negotiated, its chain of certificates, and whether it is trusted.

    The port is 443, or the one of --starttls. The exit status is 0 for a server that is trusted (or with --insecure), 1
    for one that is not, or that cannot be reached. With --data the report goes to standard error.

    \b
      sessile tls example.org
      sessile tls mail.example.org --starttls smtp
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sessile tls example.org --data
    """
    host, port = split_place(target, starttls.PROTOCOLS[before][0] if before else 443)
    try:
        config = _config(ca, insecure, alpn, certificate, key, only)
    except ValueError as error:
        raise Failure(reason(error)) from None
    wanted = Wanted(host, port, config, servername or host, insecure, before, data, timeout)
    finding = run(_probe_told(wanted))
    if as_pem:
        sys.stdout.write("".join(map(pem, finding.chain)))
    elif as_json:
        sys.stdout.write(json.dumps(summary(wanted, finding), indent=2) + "\n")
    else:
        render(err if data else out, wanted, finding)
    sys.exit(0 if finding.trusted or insecure else 1)


async def _probe_told(wanted: Wanted) -> Finding:
    """Say what did not work, and with whom."""
    try:
        with err.status(Text(f"connecting to {escaped(wanted.host)} ...")):
            return await _probe(wanted)
    except (Error, OSError, asyncio.TimeoutError, ValueError) as error:
        raise Failure(f"{place(wanted.host, wanted.port)}: {reason(error)}") from None
