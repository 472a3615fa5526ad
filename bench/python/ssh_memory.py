#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an SSH connection that is logged in costs in memory: Sessile and asyncssh, as server and as client.

A process with one role keeps --sessions connections; its resident memory before and after, divided by them. The other
end is always Sessile, in this process. Keys and algorithms are those of ssh_peers.py.
"""
import argparse
import asyncio
import pathlib
import resource
import subprocess
import sys
import tempfile

import rounds as r
import ssh_peers as peers

WARM = 20
GOAL = 0.1
WAYS = {"Sessile": peers.Sessile, "asyncssh": peers.AsyncSSH}


def resident():
    """In bytes."""
    fields = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


async def connect_all(way, port, count):
    """So many connections, a few at a time."""
    made = []
    while len(made) < count:
        made += await asyncio.gather(*(way.connect(port) for _ in range(min(20, count - len(made)))))
    return made


async def told(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def listened():
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def child(role, way, port, count):
    """Tell the port, and the memory each time a line comes. A client makes its connections between the lines."""
    if role == "server":
        kept, port = await way.listen()
    await told(port)
    kept = [] if role == "client" else kept
    for number in (WARM, count):
        await listened()
        if role == "client":
            kept += await connect_all(way, port, number)
        await told(resident())
    await listened()


async def measure(role, name, folder, given):
    """Bytes for each session in a process of that role."""
    near = peers.Sessile(folder)
    server, port = await near.listen() if role == "client" else (None, 0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--build", str(given.build), "--child", role, name, str(folder), str(port),
        str(given.sessions), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = int(await process.stdout.readline())
    kept, sizes = [], []
    for number in (WARM, given.sessions):
        if role == "server":
            kept += await connect_all(near, port, number)
        process.stdin.write(b"\n")
        sizes.append(int(await process.stdout.readline()))
    process.kill()
    await process.wait()
    for connection in kept:
        connection.abort()
        await connection.wait_closed()
    if server is not None:
        server.close()
    return (sizes[1] - sizes[0]) / given.sessions


async def measure_all(folder, given):
    print(f"Resident memory for each of {given.sessions} SSH connections that are logged in, in KiB\n")
    rows = []
    for role in ("server", "client"):
        cost = {name: await measure(role, name, folder, given) for name in WAYS}
        ratio = cost["Sessile"] / cost["asyncssh"]
        print(f"{role:8} " + "   ".join(f"{name} {size / 1024:7.1f}" for name, size in cost.items()) +
              f"   Sessile's part {ratio:.2f}  goal {GOAL}: {'met' if ratio <= GOAL else 'MISSED'}", flush=True)
        rows.append({"role": role, "bytes": cost, "ratio": ratio, "goal": GOAL})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=r.TREE / "build/python")
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="few sessions, to see that everything runs")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    r.use_build(given.build)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if given.child:
        role, name, folder, port, count = given.child
        return asyncio.run(child(role, WAYS[name](pathlib.Path(folder)), int(port), int(count)))
    if given.quick:
        given.sessions = 100
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        peers.make_keys(folder)
        rows = asyncio.run(measure_all(folder, given))
    r.write_json(given.json, {"sessions": given.sessions, "rows": rows})


if __name__ == "__main__":
    sys.exit(main())
