# SPDX-License-Identifier: Apache-2.0
"""An SSH peer on asyncssh."""

import asyncio
import getpass
import os
import socket
import subprocess
import sys

import asyncssh
from peer_options import fail, parse, passwords, place, shell

PIECE = 65536


def algorithms(options, **more):
    """A certificate's signature is named like that of the key in it."""
    signatures = [name.removesuffix("-cert-v01@openssh.com") for name in options.user_key_algorithms]
    given = {"kex_algs": options.kex, "encryption_algs": options.ciphers, "mac_algs": options.macs,
             "compression_algs": options.compression, "signature_algs": signatures,
             "rekey_bytes": options.rekey_bytes, **more}
    return {name: value for name, value in given.items() if value}


# ---- client ----


async def pump(read, write):
    while data := await read(PIECE):
        await write(data)


def write_all(number):
    async def write(data):
        while data:
            data = data[os.write(number, data):]
    return write


def to_channel(writer):
    async def write(data):
        writer.write(data)
        await writer.drain()
    return write


async def stdin_to(writer):
    """A thread reads: a pipe or a file alike."""
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.run_in_executor(None, os.read, 0, PIECE):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass  # it has ended


async def connected(options):
    trust = {"known_hosts": options.known_hosts if options.host_key_check == "yes" else None}
    if options.key:
        trust["client_keys"] = [options.key]
    elif options.hostbased:
        trust.update(client_keys=None, client_host_keys=[options.hostbased], client_host=socket.gethostname(),
                     client_username=options.user)
    else:
        trust["password"] = options.password_file.read_text().rstrip("\n")
        trust["client_keys"] = None
    try:
        return await asyncssh.connect(options.host, options.port, username=options.user, agent_path=None, config=None,
                                      **trust, **algorithms(options, server_host_key_algs=options.host_key_algorithms))
    except asyncssh.PermissionDenied as error:
        fail("denied", error)
    except asyncssh.HostKeyNotVerifiable as error:
        fail("host key", error)
    except (asyncssh.Error, OSError) as error:
        fail("connect", error)


async def run(connection, options):
    pty = {"term_type": "vt100", "term_size": (80, 24)} if options.pty else {}
    process = await connection.create_process(options.command, encoding=None, **pty)
    given = asyncio.ensure_future(stdin_to(process.stdin))
    await asyncio.gather(pump(process.stdout.read, write_all(1)), pump(process.stderr.read, write_all(2)))
    await process.wait_closed()
    given.cancel()
    return process.exit_status


async def relay(connection, options):
    reader, writer = await connection.open_connection(*options.direct, encoding=None)
    given = asyncio.ensure_future(stdin_to(writer))
    await pump(reader.read, write_all(1))
    await given
    return 0


async def client(options):
    connection = await connected(options)
    if options.direct:
        return await relay(connection, options)
    if options.remote:
        port, target = options.remote.split(":", 1)
        await connection.forward_remote_port("127.0.0.1", int(port), *place(target))
        await connection.wait_closed()
        return 0
    return await run(connection, options)


# ---- server ----


class Host(asyncssh.SSHServer):
    def __init__(self, options):
        self.options = options
        self.passwords = passwords(options.password_file) if options.password_file else {}
        self.asks = options.auth_methods == ["keyboard-interactive"]

    def password_auth_supported(self):
        return bool(self.passwords) and not self.asks

    def kbdint_auth_supported(self):
        return self.asks

    def get_kbdint_challenge(self, _username, _language, _submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return responses == [self.passwords.get(username)]

    def validate_host_based_user(self, _username, _client_host, client_username):
        return client_username == getpass.getuser()

    def validate_password(self, username, password):
        return self.passwords.get(username) == password

    def connection_requested(self, _host, _port, _origin, _origin_port):
        return self.options.allow_forward

    def server_requested(self, _host, _port):
        return self.options.allow_forward

    def unix_connection_requested(self, _path):
        return self.options.allow_forward

    def unix_server_requested(self, _path):
        return self.options.allow_forward


async def from_channel(reader, pipe):
    try:
        while data := await reader.read(PIECE):
            pipe.write(data)
            await pipe.drain()
    except (OSError, asyncssh.Error):
        pass  # the program reads no more
    finally:
        pipe.close()


async def execute(process):
    size = process.term_size[1::-1] if process.term_type else None
    child = await asyncio.create_subprocess_exec(*shell(process.command, size), stdin=subprocess.PIPE,
                                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    given = asyncio.ensure_future(from_channel(process.stdin, child.stdin))
    await asyncio.gather(pump(child.stdout.read, to_channel(process.stdout)),
                         pump(child.stderr.read, to_channel(process.stderr)))
    process.exit(await child.wait())
    given.cancel()


async def server(options):
    hosts = {"known_client_hosts": options.hostbased, "trust_client_host": True} if options.hostbased else {}
    listener = await asyncssh.listen(
        "127.0.0.1", options.port, server_factory=lambda: Host(options), server_host_keys=options.host_key,
        authorized_client_keys=options.authorized_keys, process_factory=execute, encoding=None, line_editor=False,
        allow_scp=False, config=None, **hosts, **algorithms(options))
    print(f"listening on 127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await listener.wait_closed()


if __name__ == "__main__":
    chosen = parse()
    status = asyncio.run(client(chosen) if chosen.role == "client" else server(chosen))
    sys.stdout.flush()
    os._exit(status or 0)
