# SPDX-License-Identifier: Apache-2.0
"""Lua with Python and with C, both protocols in both roles, over a socketpair.

interop.py LUA...: what runs Lua, with the environment that its modules are found by; SESSILE_PYTHON: the folder that
has the Python module; SESSILE_C: the one with the example programs in C; SESSILE_TEST_IDENTITY: certificates and keys.
interop.py --end PROTOCOL ROLE: one end in Python, whose wire is file descriptor 0.
interop.py --c PROTOCOL ROLE: one end in C, a program for TCP, to which that wire is joined.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = b"0123456789abcdef" * 65536
HERE = Path(__file__).parent
IDENTITY = Path(os.environ["SESSILE_TEST_IDENTITY"])
SECONDS = 60


async def python_end(protocol: str, role: str) -> None:
    import sessile
    import sessile.asyncio

    wire = socket.socket(fileno=os.dup(0))
    loop = asyncio.get_running_loop()

    async def connect(factory, *_):
        return await loop.create_connection(factory, sock=wire)

    if (protocol, role) == ("tls", "client"):
        config = sessile.TLSConfig(sessile.Role.CLIENT)
        config.trust_file(str(IDENTITY / "server.crt"))
        reader, writer = await sessile.asyncio.open_connection(sock=wire, ssl=config, server_hostname="server.test")
        writer.write(DATA)
        writer.write_eof()
        assert await reader.read() == DATA
        writer.close()
        await writer.wait_closed()
    elif protocol == "tls":
        config = sessile.TLSConfig(sessile.Role.SERVER)
        config.set_certificate_file(str(IDENTITY / "server.crt"))
        config.set_key_file(str(IDENTITY / "server.key"))
        reader, writer = await asyncio.open_connection(sock=wire)
        reader, writer = await sessile.asyncio.start_tls_streams(reader, writer, config, server_side=True)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
    elif role == "server":
        await ssh_server(wire)
    elif protocol == "sftp":
        await sftp_client(connect)
    else:
        key = sessile.Key.read_public((IDENTITY / "host.pub").read_bytes())
        async with sessile.asyncio.connect(
            "server.test", username="alice", client_keys=[IDENTITY / "user"], over=connect,
            accept_host_key=lambda host, port, shown: shown == key,
        ) as client:
            result = await client.run("cat", input=DATA, timeout=SECONDS)
            assert (result.stdout, result.exit_status) == (DATA, 5)


async def sftp_client(connect) -> None:
    import sessile
    import sessile.asyncio

    key = sessile.Key.read_public((IDENTITY / "host.pub").read_bytes())
    async with sessile.asyncio.connect(
        "server.test", username="alice", client_keys=[IDENTITY / "user"], over=connect,
        accept_host_key=lambda host, port, shown: shown == key,
    ) as client, client.sftp() as sftp:
        await sftp.mkdir("d")
        await sftp.write_bytes("d/a", DATA)
        assert await sftp.read_bytes("d/a") == DATA
        assert [(entry.name, entry.attrs.size) async for entry in sftp.scandir("d")] == [("a", len(DATA))]
        await sftp.symlink("a", "d/l")
        assert await sftp.readlink("d/l") == "a"
        await sftp.rmtree("d")
        assert not await sftp.exists("d")


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side has ended. What is said behind a goodbye may reset the connection; whether all has come, the ends
    say."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def ssh_server(wire: socket.socket) -> None:
    """A server listens: what arrives at the wire is handed on to it."""
    import sessile
    import sessile.asyncio

    class Handler(sessile.asyncio.SSHServerHandler):
        async def public_key(self, user, key):
            return key == sessile.Key.read_public((IDENTITY / "user.pub").read_bytes())

    async def run(process):
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
        return 5

    key = sessile.Key.read((IDENTITY / "host").read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        files = sessile.asyncio.SFTPDirectory(folder)
        async with await sessile.asyncio.listen(
            "127.0.0.1", 0, server_host_keys=[key], handler=Handler, process_factory=run,
            sftp_factory=lambda connection: files,
        ) as server:
            await carry(wire, server.port)


async def carry(wire: socket.socket, port: int) -> None:
    near = await asyncio.open_connection(sock=wire)
    far = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(near[0], far[1]), copy(far[0], near[1]))


# ---- Ends in C ----


async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Descriptor 0 and a connection, both ways until both have ended."""
    near = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(0)))
    await asyncio.gather(copy(near[0], writer), copy(reader, near[1]))


async def c_client(protocol: str) -> None:
    """A client that is sent to a port of ours, and is content with what comes back."""
    done = asyncio.get_running_loop().create_future()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await joined(reader, writer)
        done.set_result(None)

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(*C_CLIENTS[protocol](port), stdin=asyncio.subprocess.PIPE,
                                                       stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate(DATA)
        assert printed == DATA, f"{len(printed)} bytes came back"
        assert process.returncode == (5 if protocol == "ssh" else 0), process.returncode
        await done


def tls_client(port: int) -> list[str]:
    return [f"{C}/tls_client", f"server.test:{port}", "--connect-to", f"127.0.0.1:{port}", "--ca",
            str(IDENTITY / "server.crt"), "--send-stdin"]


def ssh_client(port: int) -> list[str]:
    known = IDENTITY / f"known_hosts.{port}"
    known.write_text(f"[127.0.0.1]:{port} " + (IDENTITY / "host.pub").read_text())
    return [f"{C}/ssh_client", "-p", str(port), "-i", str(IDENTITY / "user"), "--known-hosts", str(known),
            "alice@127.0.0.1", "cat; exit 5"]


async def c_ssh_server() -> None:
    """A server that runs what it is asked to, for one connection."""
    process = await asyncio.create_subprocess_exec(
        f"{C}/ssh_server", "--host-key", str(IDENTITY / "host"), "--authorized-keys", str(IDENTITY / "user.pub"),
        "--once", stdout=asyncio.subprocess.PIPE)
    try:
        port = int((await process.stdout.readline()).rpartition(b":")[2])
        await joined(*await asyncio.open_connection("127.0.0.1", port))
        assert await process.wait() == 0, process.returncode
    finally:
        if process.returncode is None:
            process.kill()


C = os.environ.get("SESSILE_C")
C_CLIENTS = {"tls": tls_client, "ssh": ssh_client}


# ---- Pairs ----


def pair(one: list[str], other: list[str], needed: str) -> None:
    """Run two programs whose descriptors 0 and 1 are the ends of a socketpair; both must be content."""
    left, right = socket.socketpair()
    programs = []
    for command, end in ((one, left), (other, right)):
        programs.append(subprocess.Popen(command, stdin=end, stdout=end))
        end.close()
    statuses = [program.wait(SECONDS) for program in programs]
    if any(statuses):
        sys.exit(f"interop: {needed}: statuses {statuses}")
    print("interop:", needed)


def main(lua: list[str]) -> None:
    def in_lua(protocol: str, role: str) -> list[str]:
        return [*lua, str(HERE / "interop.lua"), protocol, role]

    def in_python(protocol: str, role: str) -> list[str]:
        return [sys.executable, str(HERE / "interop.py"), "--end", protocol, role]

    def in_c(protocol: str, role: str) -> list[str]:
        return [sys.executable, str(HERE / "interop.py"), "--c", protocol, role]

    echo = [f"{C}/tls_pipe", "--server", "--echo", "--cert", str(IDENTITY / "server.crt"), "--key",
            str(IDENTITY / "server.key")]
    pair(in_lua("tls", "client"), in_lua("tls", "server"), "TLS, Lua to Lua")
    pair(in_lua("tls", "client"), in_python("tls", "server"), "TLS, Lua to Python")
    pair(in_python("tls", "client"), in_lua("tls", "server"), "TLS, Python to Lua")
    pair(in_lua("tls", "client"), echo, "TLS, Lua to C")
    pair(in_c("tls", "client"), in_lua("tls", "server"), "TLS, C to Lua")
    pair(in_lua("ssh", "client"), in_lua("ssh", "server"), "SSH, Lua to Lua")
    pair(in_lua("ssh", "client"), in_python("ssh", "server"), "SSH, Lua to Python")
    pair(in_python("ssh", "client"), in_lua("ssh", "server"), "SSH, Python to Lua")
    pair([*in_lua("ssh", "client"), "cat; exit 5"], in_c("ssh", "server"), "SSH, Lua to C")
    pair(in_c("ssh", "client"), in_lua("ssh", "server"), "SSH, C to Lua")
    pair(in_lua("sftp", "client"), in_lua("sftp", "server"), "SFTP, Lua to Lua")
    pair(in_lua("sftp", "client"), in_python("sftp", "server"), "SFTP, Lua to Python")
    pair(in_python("sftp", "client"), in_lua("sftp", "server"), "SFTP, Python to Lua")


if __name__ == "__main__":
    if sys.argv[1] == "--end":
        sys.path.insert(0, os.environ["SESSILE_PYTHON"])
        asyncio.run(python_end(*sys.argv[2:]))
    elif sys.argv[1] == "--c":
        asyncio.run(c_ssh_server() if sys.argv[3] == "server" else c_client(sys.argv[2]))
    else:
        main(sys.argv[1:])
