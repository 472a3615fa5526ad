#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SSH over loopback from Python: Sessile against asyncssh and paramiko, with aes128-gcm@openssh.com, curve25519-sha256
and Ed25519 keys everywhere.

`sshd upload`, `sshd download`: a command's input and output in bulk with OpenSSH's sshd as the server, on a connection
that stays open, by each library's own way to run a command; wall time and the client's CPU time. `own ...`: the same
with the library's own server in the same process and on the same event loop, where all of the time is its own.
`... login`: connecting, logging in and closing. paramiko's own server is not measured: it has threads of its own.
"""
import asyncio
import contextlib
import getpass
import pathlib
import sys
import tempfile

import rounds as r

sys.path.insert(0, str(r.TREE / "bench"))
from ssh_loopback import HOST, run as run_program, start_server as start_sshd  # noqa: E402

CIPHER, KEX = "aes128-gcm@openssh.com", "curve25519-sha256"
GOALS = {"asyncssh": 5.0}


class Sessile:
    name = "Sessile"

    def __init__(self, folder):
        import sessile
        import sessile.asyncio as aio

        self.sessile, self.aio, self.folder = sessile, aio, folder
        self.key = sessile.Key.read((folder / "user").read_bytes())
        self.host_key = sessile.Key.read((folder / "host").read_bytes())

    def config(self, role):
        config = self.sessile.SSHConfig(role)
        config.set_algorithms(self.sessile.Algorithms.CIPHERS, CIPHER)
        config.set_algorithms(self.sessile.Algorithms.KEX, KEX)
        return config

    async def connect(self, port):
        host = (self.folder / "host.pub").read_text()
        return await self.aio.connect(HOST, port, username=getpass.getuser(), client_keys=[self.key],
                                      known_hosts=self.sessile.KnownHosts(f"[{HOST}]:{port} {host}"),
                                      config=self.config(self.sessile.Role.CLIENT))

    async def close(self, connection):
        connection.close()
        await connection.wait_closed()

    async def run(self, connection, command, given):
        result = await connection.run(command, input=given, check=True)
        return len(result.stdout)

    async def listen(self):
        allowed = self.key.fingerprint()

        class Handler(self.aio.SSHServerHandler):
            async def public_key(self, user, key):
                return key.fingerprint() == allowed

        async def serve(process):
            words = process.command.split()
            if words[0] == b"cat":
                while await process.stdin.read(1 << 18):
                    pass
            elif words[0] == b"head":
                await pour(process.stdout, int(words[2]))
            return 0

        server = await self.aio.listen(HOST, 0, server_host_keys=[self.host_key], handler=Handler,
                                       process_factory=serve, config=self.config(self.sessile.Role.SERVER))
        return server, server.port


class AsyncSSH:
    name = "asyncssh"

    def __init__(self, folder):
        import asyncssh

        self.asyncssh, self.folder = asyncssh, folder
        self.options = {"encryption_algs": [CIPHER], "kex_algs": [KEX]}

    async def connect(self, port):
        host = (self.folder / "host.pub").read_text()
        return await self.asyncssh.connect(
            HOST, port, username=getpass.getuser(), client_keys=[str(self.folder / "user")], agent_path=None,
            config=None, known_hosts=self.asyncssh.import_known_hosts(f"[{HOST}]:{port} {host}"), **self.options)

    async def close(self, connection):
        connection.close()
        await connection.wait_closed()

    async def run(self, connection, command, given):
        result = await connection.run(command, input=given, encoding=None, check=True)
        return len(result.stdout)

    async def listen(self):
        async def serve(process):
            words = process.command.split()
            if words[0] == "cat":
                while await process.stdin.read(1 << 18):
                    pass
            elif words[0] == "head":
                await pour(process.stdout, int(words[2]))
            process.exit(0)

        server = await self.asyncssh.listen(HOST, 0, server_host_keys=[str(self.folder / "host")], encoding=None,
                                            authorized_client_keys=str(self.folder / "user.pub"),
                                            process_factory=serve, **self.options)
        return server, server.sockets[0].getsockname()[1]


class Paramiko:
    """Blocks: its threads do the work meanwhile."""

    name = "paramiko"

    def __init__(self, folder):
        import paramiko

        self.paramiko, self.folder = paramiko, folder
        self.key = paramiko.Ed25519Key.from_private_key_file(str(folder / "user"))

    async def connect(self, port):
        transport = self.paramiko.Transport((HOST, port))
        options = transport.get_security_options()
        options.ciphers, options.kex = [CIPHER], ["curve25519-sha256@libssh.org"]
        host = self.paramiko.Ed25519Key(filename=str(self.folder / "host"))
        transport.connect(hostkey=host, username=getpass.getuser(), pkey=self.key)
        return transport

    async def close(self, connection):
        connection.close()

    async def run(self, connection, command, given):
        channel = connection.open_session()
        channel.exec_command(command)
        if given:
            channel.sendall(given)
        channel.shutdown_write()
        count = 0
        while data := channel.recv(1 << 18):
            count += len(data)
        if channel.recv_exit_status() != 0:
            raise SystemExit(f"paramiko: {command} failed")
        channel.close()
        return count


def make_keys(folder):
    for name in ("host", "user"):
        run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)


async def pour(writer, size):
    piece = bytes(1 << 16)
    while size:
        writer.write(piece[:size])
        size -= min(size, len(piece))
        await writer.drain()


# ---- Rows ----


def bulk(loop, way, connection, row, size):
    command, given, expected = f"head -c {size} /dev/zero", b"", size
    if row.endswith("upload"):
        command, given, expected = "cat >/dev/null", bytes(size), 0

    def run(count):
        for _ in range(count):
            if loop.run_until_complete(way.run(connection, command, given)) != expected:
                raise SystemExit(f"{way.name}: not all has arrived")

    return run


def login(loop, way, port):
    async def once():
        await way.close(await way.connect(port))

    def run(count):
        for _ in range(count):
            loop.run_until_complete(once())

    return run


def measure(loop, ways, ports, row, given):
    opened = {}
    if row.endswith("login"):
        runs = {way.name: login(loop, way, ports[way.name]) for way in ways}
    else:
        opened = {way: loop.run_until_complete(way.connect(ports[way.name])) for way in ways}
        runs = {way.name: bulk(loop, way, opened[way], row, given.mb * 1000000) for way in ways}
    times = r.alternate(runs, given.rounds, given.ms / 1000)
    for way, connection in opened.items():
        loop.run_until_complete(way.close(connection))
    return times


def tell(row, times, size):
    ways = {}
    for name in times:
        wall, cpu = r.median_of(times, name, 0), r.median_of(times, name, 1)
        figures = {"wall_s": wall, "cpu_s": cpu}
        line = f"{row:14} {name:9} {wall * 1000:9.1f} ms {cpu * 1000:9.1f} ms CPU"
        if not row.endswith("login"):
            line += f" {size / wall / 1e6:7.0f} MB/s"
        if name != "Sessile":
            figures["sessile_to_this"] = ratio = r.compare(times, "Sessile", name)
            figures["goal"] = goal = None if row.endswith("login") else GOALS.get(name)
            line += f"   wall {ratio['wall']['median']:6.2f}, CPU {ratio['cpu']['median']:6.2f}"
            line += r.tell_goal(ratio["cpu"]["median"], goal)
        print(line, flush=True)
        ways[name] = figures
    return {"row": row, "ways": ways}


def available(folder):
    for kind in (Sessile, AsyncSSH, Paramiko):
        try:
            yield kind(folder)
        except ImportError:
            print(f"{kind.name} is not there; left out")


def run(given, folder, loop):
    sshd, port = start_sshd(folder)
    servers = []
    try:
        ways = list(available(folder))
        of_sshd = {way.name: port for way in ways}
        own = {}
        for way in ways[:2]:
            server, own[way.name] = loop.run_until_complete(way.listen())
            servers.append(server)
        print(f"SSH over loopback, {given.mb} MB each way; medians of {given.rounds} alternating rounds")
        print("and how many times faster Sessile is than this\n")
        rows = []
        for row in ("sshd upload", "sshd download", "sshd login", "own upload", "own download", "own login"):
            if given.only in row:
                chosen, ports = (ways, of_sshd) if row.startswith("sshd") else (ways[:2], own)
                rows.append(tell(row, measure(loop, chosen, ports, row, given), given.mb * 1000000))
        return rows
    finally:
        for server in servers:
            server.close()
        sshd.terminate()
        sshd.wait()


def main():
    parser = r.arguments(__doc__, rounds=5)
    parser.add_argument("--mb", type=int, default=30)
    given = r.parse(parser)
    with tempfile.TemporaryDirectory() as made, contextlib.closing(asyncio.new_event_loop()) as loop:
        rows = run(given, pathlib.Path(made), loop)
    r.write_json(given.json, {"mb": given.mb, "rounds": given.rounds, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
