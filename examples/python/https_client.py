#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetch a URL by HTTPS, and show on request who answered.

The certificate has to be one that the system trusts, or --ca, and to name the URL's host. What is printed beside the
body goes to stderr. The exit status is 0 when the whole body has arrived and the server did not call it an error."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

import sessile
import sessile.asyncio
from sessile.asyncio.certificate import decode

PIECE = 65536


class FetchError(Exception):
    """The server answered, but not with what was asked for."""


def https_url(text: str) -> SplitResult:
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is no https URL")
    return url


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fetch a URL by HTTPS.")
    parser.add_argument("url", type=https_url, help="https://HOST[:PORT]/PATH")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the body there, not to stdout")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was agreed on, and the answer's head")
    parser.add_argument("--chain", action="store_true", help="show the server's certificates")
    parser.add_argument("--ca", metavar="FILE", help="trust these certificates (PEM) and no others")
    parser.add_argument("--connect-to", metavar="ADDRESS", help="connect there, whatever the URL's host resolves to")
    parser.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help="for all of it (30)")
    return parser.parse_args()


def tell(line: str) -> None:
    print(f"* {line}", file=sys.stderr)


def show_chain(tls: sessile.TLS) -> None:
    for depth, der in enumerate(tls.peer_certificates):
        certificate = decode(der)
        subject, issuer = (
            ", ".join(value for part in certificate[field] for _, value in part) for field in ("subject", "issuer")
        )
        tell(f"{depth}: {subject}; by {issuer}; until {certificate['notAfter']}")


def request(url: SplitResult) -> bytes:
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.netloc.rpartition("@")[2]
    return f"GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: sessile\r\n\r\n".encode("ascii")


async def head_of(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """The status line, and the fields by their names in lower case."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines[1:] if line)
    return lines[0], {name.lower(): value.strip() for name, _, value in fields}


async def body_of(reader: asyncio.StreamReader, length: int | None) -> AsyncIterator[bytes]:
    """So many bytes, or all until the server says that this was all: an end without TLS's goodbye raises."""
    missing = length
    while missing is None or missing > 0:
        data = await reader.read(PIECE if missing is None else min(missing, PIECE))
        if not data and missing:
            raise FetchError(f"{missing} of {length} bytes are missing")
        if not data:
            return
        missing = None if missing is None else missing - len(data)
        yield data


async def fetch(options: argparse.Namespace, output: BinaryIO) -> None:
    url = options.url
    config = sessile.TLSConfig.client(alpn="http/1.1")
    if options.ca:
        config.trust_file(options.ca)
    reader, writer = await sessile.asyncio.open_connection(
        options.connect_to or url.hostname, url.port or 443, ssl=config, server_hostname=url.hostname,
        ssl_shutdown_timeout=5,
    )
    try:
        tls = writer.get_extra_info("sessile_session").tls
        if options.verbose:
            tell(f"{tls.version}, {tls.cipher}, {tls.group}")
        if options.chain:
            show_chain(tls)
        writer.write(request(url))
        status, fields = await head_of(reader)
        if options.verbose:
            tell(status)
        length = fields.get("content-length")
        async for data in body_of(reader, None if length is None else int(length)):
            output.write(data)
        if status.split(" ")[1:2] != ["200"]:
            raise FetchError(status)
    finally:
        writer.close()
        with suppress(OSError, sessile.Error):
            await writer.wait_closed()


async def run(options: argparse.Namespace) -> None:
    output: BinaryIO
    with open(options.output, "wb") if options.output else nullcontext(sys.stdout.buffer) as output:
        await asyncio.wait_for(fetch(options, output), options.timeout)


def main() -> int:
    options = arguments()
    try:
        asyncio.run(run(options))
    except asyncio.TimeoutError:
        print(f"https_client: not done within {options.timeout:g} seconds", file=sys.stderr)
    except (FetchError, sessile.Error, OSError, EOFError, ValueError) as error:
        print(f"https_client: {options.url.hostname}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
