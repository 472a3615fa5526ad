#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SFTP over loopback from Python: Sessile against asyncssh and paramiko, with OpenSSH's sshd as the server, the same
algorithms everywhere, and each library's own way to copy files.

`put`, `get`: one large file. `put small`, `get small`: many of a kibibyte, as a tree. `far ...`: through a proxy, a
process of its own, that holds back what passes by half of --rtt each way. Wall time and the client's CPU time.
"""
import asyncio
import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import rounds as r
import ssh_peers as peers

GOALS = {"asyncssh": 4.0, "paramiko": 5.0}
GOALS_SMALL = {"paramiko": 2.0}


class Sessile(peers.Sessile):
    async def files(self, connection):
        return await connection.sftp()

    async def copy(self, sftp, row, here, there):
        if row.endswith("put"):
            await sftp.put(here / "large", f"{there}/large")
        elif row.endswith("get"):
            await sftp.get(f"{there}/large", here / "back")
        elif row.endswith("put small"):
            await sftp.put(here / "small", f"{there}/small", recursive=True)
        else:
            await sftp.get(f"{there}/small", here / "back", recursive=True)


class AsyncSSH(peers.AsyncSSH):
    async def files(self, connection):
        return await connection.start_sftp_client()

    async def copy(self, sftp, row, here, there):
        if row.endswith("put"):
            await sftp.put(str(here / "large"), f"{there}/large")
        elif row.endswith("get"):
            await sftp.get(f"{there}/large", str(here / "back"))
        elif row.endswith("put small"):
            await sftp.put(str(here / "small"), f"{there}/small", recurse=True)
        else:
            await sftp.get(f"{there}/small", str(here / "back"), recurse=True)


class Paramiko(peers.Paramiko):
    async def files(self, connection):
        return self.paramiko.SFTPClient.from_transport(connection)

    async def copy(self, sftp, row, here, there):
        if row.endswith("put"):
            sftp.put(str(here / "large"), f"{there}/large")
        elif row.endswith("get"):
            sftp.get(f"{there}/large", str(here / "back"))
        elif row.endswith("put small"):
            sftp.mkdir(f"{there}/small")
            for path in (here / "small").iterdir():
                sftp.put(str(path), f"{there}/small/{path.name}")
        else:
            (here / "back").mkdir()
            for name in sftp.listdir(f"{there}/small"):
                sftp.get(f"{there}/small/{name}", str(here / "back" / name))


def clear(*paths):
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def copier(loop, way, sftp, row, here, there):
    def run(count):
        for _ in range(count):
            clear(here / "back", *([there / "small"] if row.endswith("put small") else []))
            loop.run_until_complete(way.copy(sftp, row, here, there))

    return run


def measure(loop, ways, port, row, here, there, given):
    opened = {way: loop.run_until_complete(way.connect(port)) for way in ways}
    files = {way: loop.run_until_complete(way.files(opened[way])) for way in ways}
    if row.endswith("get small") and not (there / "small").exists():
        shutil.copytree(here / "small", there / "small")
    runs = {way.name: copier(loop, way, files[way], row, here, there) for way in ways}
    times = r.alternate(runs, given.rounds, 0)
    for way, connection in opened.items():
        loop.run_until_complete(way.close(connection))
    return times


def tell(row, times):
    ways = {}
    goals = GOALS_SMALL if row.endswith("small") else GOALS
    for name in times:
        wall, cpu = r.median_of(times, name, 0), r.median_of(times, name, 1)
        ways[name] = figures = {"wall_s": wall, "cpu_s": cpu}
        line = f"{row:14} {name:9} {wall * 1000:9.1f} ms {cpu * 1000:9.1f} ms CPU"
        if name != "Sessile":
            figures["sessile_to_this"] = ratio = r.compare(times, "Sessile", name)
            figures["goal"] = goal = goals.get(name)
            line += f"   wall {ratio['wall']['median']:6.2f}, CPU {ratio['cpu']['median']:6.2f}"
            line += r.tell_goal(ratio["wall"]["median"], goal)
        print(line, flush=True)
    return {"row": row, "ways": ways}


# ---- A wire that is slow ----


async def carry(reader, writer, seconds):
    """What comes goes on, so much later, however much it is."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        loop.call_later(seconds, writer.write, data)
    loop.call_later(seconds, writer.close)


async def proxy(listening, port, seconds):
    async def joined(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(peers.HOST, port)
        await asyncio.gather(carry(reader, far_writer, seconds), carry(far_reader, writer, seconds))

    server = await asyncio.start_server(joined, sock=listening)
    await server.serve_forever()


@contextlib.contextmanager
def far(port, rtt):
    """The port of a proxy that leads to another."""
    with socket.create_server((peers.HOST, 0)) as listening:
        words = [sys.executable, __file__, "--proxy", str(listening.fileno()), str(port), str(rtt / 2000)]
        process = subprocess.Popen(words, pass_fds=[listening.fileno()])
        try:
            yield listening.getsockname()[1]
        finally:
            process.terminate()
            process.wait()


# ---- All of it ----


def make_files(folder, given):
    here, there = folder / "here", folder / "there"
    (here / "small").mkdir(parents=True)
    there.mkdir()
    (here / "large").write_bytes(bytes(range(256)) * (given.mb * 4096))
    (there / "large").write_bytes((here / "large").read_bytes())
    for number in range(given.files):
        (here / "small" / str(number)).write_bytes(bytes(1024))
    return here, there


def available(folder):
    for kind in (Sessile, AsyncSSH, Paramiko):
        try:
            yield kind(folder)
        except ImportError:
            print(f"{kind.name} is not there; left out")


def run(given, folder, loop):
    here, there = make_files(folder, given)
    sshd, port = peers.start_sshd(folder)
    try:
        ways = list(available(folder))
        print(f"SFTP over loopback: {given.mb} MiB, or {given.files} files of 1 KiB; medians of {given.rounds} "
              "alternating rounds\nand how many times faster Sessile is than this\n")
        rows = []
        with far(port, given.rtt) as distant:
            for row in ("put", "get", "put small", "get small", "far put", "far get"):
                if given.only in row:
                    at = distant if row.startswith("far") else port
                    rows.append(tell(row, measure(loop, ways, at, row, here, there, given)))
        return rows
    finally:
        sshd.terminate()
        sshd.wait()


def main():
    if sys.argv[1:2] == ["--proxy"]:
        asyncio.run(proxy(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])))
    parser = r.arguments(__doc__, rounds=5)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rtt", type=float, default=50, help="milliseconds")
    given = r.parse(parser)
    if given.quick:
        given.mb, given.files = min(given.mb, 10), min(given.files, 100)
    with tempfile.TemporaryDirectory() as made, contextlib.closing(asyncio.new_event_loop()) as loop:
        rows = run(given, pathlib.Path(made), loop)
    r.write_json(given.json, {"mb": given.mb, "files": given.files, "rounds": given.rounds, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
