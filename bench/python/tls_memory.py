#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS 1.3 in memory, without any I/O: a pair of Sessile's sessions against a pair of ssl.SSLObjects over MemoryBIOs.

`write N`: one end writes N bytes at a time, the other reads all of them before the next write. `handshake`: both ends
are made, shake hands, deliver two tickets, exchange one byte, and are dropped. The same certificate (P-256) and cipher
suite on both. Of the module ssl, the bytes move from one end's output BIO to the other end's input BIO, since there
is a wire in between; of Sessile, one end's on_send is the other end's receive. Ratios are by CPU time.
"""
import pathlib
import ssl
import sys
import tempfile

import rounds as r

GOALS = {"write 64": 1.0, "write 65536": 1.3}
SIZES = (64, 1024, 16384, 65536)
RECORD = 16384


class SessilePair:
    def __init__(self, certificate, key):
        import sessile

        self.sessile = sessile
        self.server_config = sessile.TLSConfig.server(certificate.read_text(), key.read_text())
        self.client_config = sessile.TLSConfig.client(trust=certificate.read_text())

    def open(self):
        """A client's stream and a server's, and what the server's has brought. A hello may be sent while its receiver
        is still being made, so the client comes last."""
        server = self.sessile.Session(lambda data: client.receive(data))
        client = self.sessile.Session(server.receive)
        far, brought = server.tls_accept(self.server_config), []
        far.on_data = brought.append
        near = client.tls_connect(self.client_config, "localhost")
        if client.tls.cipher != r.SUITE:
            raise SystemExit(f"Sessile runs with {client.tls.cipher}")
        return near, far, brought

    def writer(self, message):
        near, far, _ = self.open()
        arrived = 0

        def take(data):
            nonlocal arrived
            arrived += len(data)

        def run(count):
            nonlocal arrived
            arrived = 0
            for _ in range(count):
                near.write(message)
            if arrived != count * len(message):
                raise SystemExit("not all has arrived")

        far.on_data = take
        return run

    def handshakes(self, count):
        for _ in range(count):
            near, _, brought = self.open()
            near.write(b"!")
            if brought != [b"!"]:
                raise SystemExit("nothing has arrived")


class SSLPair:
    def __init__(self, certificate, key):
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.load_cert_chain(certificate, key)
        self.client_context = ssl.create_default_context(cafile=certificate)

    def open(self):
        """A client and a server, and how the client's bytes get to the server."""
        one_in, one_out, other_in, other_out = (ssl.MemoryBIO() for _ in range(4))
        client = self.client_context.wrap_bio(one_in, one_out, server_hostname="localhost")
        server = self.server_context.wrap_bio(other_in, other_out, server_side=True)
        waiting = [client, server]
        while waiting:
            for end in tuple(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    pass
            other_in.write(one_out.read())
            one_in.write(other_out.read())
        if client.cipher()[0] != r.SUITE:
            raise SystemExit(f"ssl runs with {client.cipher()[0]}")
        return client, server, one_out, other_in

    def writer(self, message):
        client, server, out, into = self.open()
        size = len(message)

        def run(count):
            for _ in range(count):
                client.write(message)
                into.write(out.read())
                left = size
                while left:
                    left -= len(server.read(RECORD))

        return run

    def handshakes(self, count):
        for _ in range(count):
            client, server, out, into = self.open()
            try:
                client.read(1)  # It takes the tickets.
            except ssl.SSLWantReadError:
                pass
            client.write(b"!")
            into.write(out.read())
            if server.read(1) != b"!":
                raise SystemExit("nothing has arrived")


def measure(row, pairs, given):
    if row == "handshake":
        ways = {name: pair.handshakes for name, pair in pairs.items()}
    else:
        ways = {name: pair.writer(bytes(int(row.split()[1]))) for name, pair in pairs.items()}
    return r.alternate(ways, given.rounds, given.ms / 1000)


def tell(row, times):
    ratio = r.compare(times, "Sessile", "ssl")
    ours, theirs = (r.median_of(times, name, 1) * 1e6 for name in ("Sessile", "ssl"))
    cpu, goal = ratio["cpu"], GOALS.get(row)
    print(f"{row:12} {ours:10.2f} us {theirs:10.2f} us   {cpu['median']:5.2f} ({cpu['min']:.2f} to {cpu['max']:.2f})"
          f"{r.tell_goal(cpu['median'], goal)}", flush=True)
    return {"row": row, "us": ours, "ssl_us": theirs, "sessile_to_ssl": ratio, "goal": goal}


def main():
    given = r.parse(r.arguments(__doc__, rounds=41))
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        r.with_openssl_config(folder)
        files = r.certificate(folder)
        pairs = {"Sessile": SessilePair(*files), "ssl": SSLPair(*files)}
        print(f"TLS in memory; medians of {given.rounds} alternating rounds; how many times faster Sessile is")
        print(f"\n{'':12} {'Sessile':>13} {'ssl':>13}   ratio")
        rows = [f"write {size}" for size in SIZES] + ["handshake"]
        told = [tell(row, measure(row, pairs, given)) for row in rows if given.only in row]
    r.write_json(given.json, {"rounds": given.rounds, "rows": told})


if __name__ == "__main__":
    sys.exit(main())
