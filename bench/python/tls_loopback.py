#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS 1.3 on asyncio over loopback: Sessile against the event loops' own ssl and against aiofastnet.

Client and server are in one process and on one event loop, protocols on both sides, with the same certificate (P-256)
and cipher suite. `echo N`: the client sends N bytes, and sends again when as many have come back. `bulk`: 64 KiB at a
time in one direction, as the transport's flow control lets it. Connections stay open from round to round.

aiofastnet brings sockets of its own along with its TLS; the row "Sessile on aiofastnet" is Sessile's TLS on those. "no
TLS" is the event loop's plain connection: what is left of the others' time when that is taken off is their TLS.
Ratios are by CPU time, which is all of the time where nothing else runs; the JSON has wall time too.
"""
import asyncio
import contextlib
import pathlib
import ssl
import sys
import tempfile

import rounds as r

HOST = "127.0.0.1"
CHUNK = 64 * 1024
BULK = 4 * 1024 * 1024
PLAIN = "no TLS"
GOALS = {"asyncio": {"ssl": 2.0, "aiofastnet": 1.0}, "uvloop": {"ssl": 1.6, "aiofastnet": 1.0}}


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Sink(asyncio.Protocol):
    """One byte back for each BULK bytes."""

    def connection_made(self, transport):
        self.transport = transport
        self.left = BULK

    def data_received(self, data):
        self.left -= len(data)
        while self.left <= 0:
            self.left += BULK
            self.transport.write(b"!")


class Asker(asyncio.Protocol):
    """Sends a message, and sends it again when as much has come back."""

    def connection_made(self, transport):
        self.transport = transport

    def run(self, loop, message, count):
        self.done = loop.create_future()
        self.message, self.count, self.missing = message, count, len(message)
        self.transport.write(message)
        return self.done

    def data_received(self, data):
        self.missing -= len(data)
        if self.missing:
            return
        self.count -= 1
        if self.count:
            self.missing = len(self.message)
            self.transport.write(self.message)
        else:
            self.done.set_result(None)


class Source(asyncio.Protocol):
    """Sends as fast as it may."""

    def connection_made(self, transport):
        self.transport = transport
        self.may_write = True

    def run(self, loop, message, count):
        self.done = loop.create_future()
        self.message, self.missing = message, count
        self.left = count * BULK
        self.pour()
        return self.done

    def pour(self):
        while self.left and self.may_write:
            self.left -= len(self.message)
            self.transport.write(self.message)

    def pause_writing(self):
        self.may_write = False

    def resume_writing(self):
        self.may_write = True
        self.pour()

    def data_received(self, data):
        self.missing -= len(data)
        if not self.missing:
            self.done.set_result(None)


ROWS = {
    "echo 256": (Echo, Asker, bytes(256)),
    "echo 4096": (Echo, Asker, bytes(4096)),
    "echo 65536": (Echo, Asker, bytes(65536)),
    "bulk": (Sink, Source, bytes(CHUNK)),
}


# ---- The ways: each a server and a client's connection ----


class Ways:
    """How each library makes a server and a connection, by name."""

    def __init__(self, certificate, key):
        import sessile
        import sessile.asyncio as aio

        self.sessile_server = sessile.TLSConfig.server(certificate.read_text(), key.read_text())
        self.sessile_client = sessile.TLSConfig.client(trust=certificate.read_text())
        self.ssl_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ssl_server.load_cert_chain(certificate, key)
        self.ssl_client = ssl.create_default_context(cafile=certificate)
        self.aio = aio
        try:
            import aiofastnet
        except ImportError:
            aiofastnet = None
            print("aiofastnet is not there; left out")
        self.fast = aiofastnet

    def names(self):
        return ["Sessile", "ssl"] + (["aiofastnet", "Sessile on aiofastnet"] if self.fast else []) + [PLAIN]

    async def sessile(self, loop, server, client):
        made = await self.aio.create_server(server, HOST, 0, ssl=self.sessile_server)
        connection = await self.aio.create_connection(client, HOST, port_of(made), ssl=self.sessile_client,
                                                      server_hostname="localhost")
        return made, connection

    async def plain(self, loop, server, client):
        made = await loop.create_server(server, HOST, 0)
        return made, await loop.create_connection(client, HOST, port_of(made))

    async def loops_own(self, loop, server, client):
        made = await loop.create_server(server, HOST, 0, ssl=self.ssl_server)
        connection = await loop.create_connection(client, HOST, port_of(made), ssl=self.ssl_client,
                                                  server_hostname="localhost")
        return made, connection

    async def aiofastnet(self, loop, server, client):
        made = await self.fast.create_server(loop, server, HOST, 0, ssl=self.ssl_server)
        connection = await self.fast.create_connection(loop, client, HOST, port_of(made), ssl=self.ssl_client,
                                                       server_hostname="localhost")
        return made, connection

    async def sessile_on_aiofastnet(self, loop, server, client):
        """A plain connection of aiofastnet's on both sides, then TLS on it."""
        accepted = loop.create_future()

        class Taken(asyncio.Protocol):
            def connection_made(self, transport):
                transport.pause_reading()
                accepted.set_result(transport)

        made = await self.fast.create_server(loop, Taken, HOST, 0)
        below, _ = await self.fast.create_connection(loop, asyncio.Protocol, HOST, port_of(made))
        near, far = client(), server()
        transport, _ = await asyncio.gather(
            self.aio.start_tls(below, near, self.sessile_client, server_hostname="localhost",
                               call_connection_made=True),
            self.aio.start_tls(await accepted, far, self.sessile_server, server_side=True, call_connection_made=True))
        return made, (transport, near)

    async def open(self, name, loop, server, client):
        make = {"Sessile": self.sessile, "ssl": self.loops_own, "aiofastnet": self.aiofastnet,
                "Sessile on aiofastnet": self.sessile_on_aiofastnet, PLAIN: self.plain}[name]
        made, (transport, protocol) = await make(loop, server, client)
        cipher, version, _ = transport.get_extra_info("cipher", ("no cipher", "no TLS", 0))
        if name != PLAIN and (cipher, version) != (r.SUITE, "TLSv1.3"):
            raise SystemExit(f"{name} runs with {version}, {cipher}")
        return made, transport, protocol


def port_of(server):
    return server.sockets[0].getsockname()[1]


# ---- Rounds ----


def measure(loop, ways, row, given):
    """Open a connection for each way, let them alternate, and close them."""
    server, client, message = ROWS[row]
    opened = {name: loop.run_until_complete(ways.open(name, loop, server, client)) for name in ways.names()}

    def runner(protocol):
        return lambda count: loop.run_until_complete(protocol.run(loop, message, count))

    runs = {name: runner(protocol) for name, (_, _, protocol) in opened.items()}
    times = r.alternate(runs, given.rounds, given.ms / 1000)
    for made, transport, _ in opened.values():
        made.close()
        transport.abort()
    loop.run_until_complete(asyncio.sleep(0.05))
    return times


def tell(kind, row, times, size):
    """One line for each way, and what the JSON has."""
    ways = {}
    for name in times:
        seconds = r.median_of(times, name, 1)
        figures = {"us": seconds * 1e6, "us_wall": r.median_of(times, name, 0) * 1e6, "mb_per_s": size / seconds / 1e6}
        goal = GOALS[kind].get(name)
        line = f"{kind:8} {row:11} {name:22} {figures['us']:10.1f} us {figures['mb_per_s']:8.0f} MB/s"
        if name != "Sessile":
            figures["sessile_to_this"] = ratio = r.compare(times, "Sessile", name)
            figures["goal"] = goal
            cpu = ratio["cpu"]
            line += f"   {cpu['median']:5.2f} ({cpu['min']:.2f} to {cpu['max']:.2f}){r.tell_goal(cpu['median'], goal)}"
        print(line, flush=True)
        ways[name] = figures
    return {"loop": kind, "row": row, "ways": ways}


@contextlib.contextmanager
def event_loop(kind):
    if kind == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        yield loop
    finally:
        loop.close()


def run(given, folder):
    ways = Ways(*r.certificate(folder))
    print(f"TLS over loopback, one process; medians of {given.rounds} alternating rounds; ratios by CPU time: how many")
    print("times faster Sessile is than this\n")
    rows = []
    for kind in given.loops.split(","):
        with event_loop(kind) as loop:
            for row, (_, _, message) in ROWS.items():
                if given.only in row:
                    size = BULK if row == "bulk" else 2 * len(message)
                    rows.append(tell(kind, row, measure(loop, ways, row, given), size))
    return rows


def main():
    parser = r.arguments(__doc__, rounds=21)
    parser.add_argument("--loops", default="asyncio,uvloop", help="event loops, by name")
    given = r.parse(parser)
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        r.with_openssl_config(folder)
        rows = run(given, folder)
    r.write_json(given.json, {"rounds": given.rounds, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
