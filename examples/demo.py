#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's Python act: an asyncio server that has HTTPS and SSH in one loop, and a client of both.

    demo.py serve FOLDER          server.pem, server.key, host.key, user.key.pub; tells its two ports
    demo.py visit FOLDER HTTPS_PORT SSH_PORT USER FILE
                                  ca.pem, known, user.key; fetches served/FILE, sends it by SSH, and gets it back

What was agreed on goes to stderr, a line of JSON for each session."""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path

import sessile
import sessile.asyncio


def tell(**facts):
    print(json.dumps(facts), file=sys.stderr, flush=True)


# ---- The server ----


class Door(sessile.asyncio.SSHServerHandler):
    """Lets one key in."""

    def __init__(self, key):
        self.key = key

    async def public_key(self, user, key):
        return key == self.key


class Shelf:
    """Gives its one file by HTTPS and by SSH, and tells the sum of what it is given."""

    def __init__(self, path):
        self.data = path.read_bytes()

    async def https(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.data))
        writer.write(self.data)
        writer.close()
        await writer.wait_closed()

    async def ssh(self, process):
        ssh = process.connection.ssh
        tell(kex=ssh.info(sessile.SSHInfo.KEX), cipher=ssh.info(sessile.SSHInfo.CIPHER_OUT),
             peer=ssh.info(sessile.SSHInfo.PEER))
        if process.command == b"give":
            process.stdout.write(self.data)
            return 0
        taken = hashlib.sha256()
        while data := await process.stdin.read(1 << 18):
            taken.update(data)
        process.stdout.write(taken.hexdigest().encode())
        return 0


async def serve(folder):
    shelf = Shelf(folder / "served/parcel")
    guest = sessile.Key.read_public((folder / "user.key.pub").read_bytes())
    config = sessile.TLSConfig.server().set_certificate_file(folder / "server.pem").set_key_file(folder / "server.key")
    https = await sessile.asyncio.start_server(shelf.https, "127.0.0.1", 0, ssl=config)
    ssh = await sessile.asyncio.listen(
        "127.0.0.1", 0, server_host_keys=[sessile.Key.read((folder / "host.key").read_bytes())],
        handler=lambda: Door(guest), process_factory=shelf.ssh)
    print(f"https at 127.0.0.1:{https.sockets[0].getsockname()[1]}", flush=True)
    print(f"ssh at 127.0.0.1:{ssh.port}", flush=True)
    await asyncio.Event().wait()


# ---- The client ----


async def fetch(folder, port, name):
    config = sessile.TLSConfig.client(alpn="http/1.1").trust_file(folder / "ca.pem")
    reader, writer = await sessile.asyncio.open_connection(
        "127.0.0.1", port, ssl=config, server_hostname="localhost", limit=1 << 20)
    writer.write(f"GET /{name} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    (folder / "python.copy").write_bytes(await reader.read())
    tls = writer.get_extra_info("sessile_session").tls
    writer.close()
    await writer.wait_closed()
    return {"version": tls.version, "cipher": tls.cipher, "group": tls.group, "alpn": tls.alpn}


async def there_and_back(folder, port, user, data):
    there = folder / "python.there"
    async with sessile.asyncio.connect(
        "127.0.0.1", port, username=user, known_hosts=folder / "known", client_keys=[folder / "user.key"]
    ) as connection:
        await connection.run(f"cat > '{there}'", input=data, check=True)
        result = await connection.run(f"cat '{there}'", check=True)
        (folder / "python.back").write_bytes(result.stdout)
        info = connection.ssh.info
        return {"kex": info(sessile.SSHInfo.KEX), "cipher": info(sessile.SSHInfo.CIPHER_OUT),
                "peer": info(sessile.SSHInfo.PEER)}


async def visit(folder, https_port, ssh_port, user, name):
    begin = time.perf_counter()
    facts = await fetch(folder, https_port, name)
    tell(**facts, https_seconds=time.perf_counter() - begin)
    data, begin = (folder / "python.copy").read_bytes(), time.perf_counter()
    facts = await there_and_back(folder, ssh_port, user, data)
    tell(**facts, ssh_seconds=time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("serve").add_argument("folder", type=Path)
    visitor = modes.add_parser("visit")
    for name, kind in {"folder": Path, "https_port": int, "ssh_port": int, "user": str, "file": str}.items():
        visitor.add_argument(name, type=kind)
    options = parser.parse_args()
    if options.mode == "serve":
        asyncio.run(serve(options.folder))
    else:
        asyncio.run(visit(options.folder, options.https_port, options.ssh_port, options.user, options.file))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
