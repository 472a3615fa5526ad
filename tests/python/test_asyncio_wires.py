# SPDX-License-Identifier: Apache-2.0
"""Sessions on transports that are no sockets: messages in memory, and the pipes of a subprocess."""

import asyncio
import sys

import pytest
from test_asyncio_ssh import connect, listen  # noqa: F401
from test_asyncio_sshd import BULK, SSHD, sshd  # noqa: F401

import sessile
import sessile.asyncio as aio

CONNECT = """
import os, socket, sys, threading
wire = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while data := os.read(0, 65536):
        wire.sendall(data)
    wire.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := wire.recv(65536):
    os.write(1, data)
"""


class Messages(asyncio.Transport):
    """One end of a wire that carries messages, as a WebSocket does: it knows no buffers, no half close and no pausing,
    and hands over what was written piece by piece."""

    def __init__(self, protocol):
        super().__init__()
        self.protocol, self.peer, self.closing = protocol, None, False
        self.loop = asyncio.get_running_loop()

    def set_protocol(self, protocol):
        self.protocol = protocol

    def get_protocol(self):
        return self.protocol

    def write(self, data):
        for at in range(0, len(data), 1000):
            self.loop.call_soon(self.peer.deliver, bytes(data[at:at + 1000]))

    def deliver(self, message):
        if not self.closing:
            self.protocol.data_received(message)

    def is_closing(self):
        return self.closing

    def close(self):
        if not self.closing:
            self.closing = True
            self.loop.call_soon(self.protocol.connection_lost, None)
            self.loop.call_soon(self.peer.close)

    abort = close


def joined(one, other):
    """Two ends, with these protocols."""
    ends = Messages(one), Messages(other)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    return ends


async def test_tls_over_messages(identity):
    near, far = joined(asyncio.Protocol(), asyncio.Protocol())
    streams = []
    for end, config, options in (
        (near, sessile.TLSConfig.client(trust=identity.certificate), {"server_hostname": "server.test"}),
        (far, sessile.TLSConfig.server(identity.certificate, identity.key), {"server_side": True}),
    ):
        reader = asyncio.StreamReader()
        protocol = aio.endpoints.StreamProtocol(reader)
        streams.append((reader, protocol, aio.start_tls(end, protocol, config, call_connection_made=True, **options)))
    near, far = await asyncio.gather(*(start for _, _, start in streams))
    near.write(BULK)
    near.write_eof()
    assert await streams[1][0].read() == BULK
    far.write(b"reply")
    far.close()
    assert await streams[0][0].read() == b"reply"
    near.close()
    for _, protocol, _ in streams:
        await protocol._get_close_waiter(None)


async def test_ssh_through_a_subprocess(listen, connect):  # noqa: F811
    def over(factory, host, port):
        return aio.connect_process(factory, sys.executable, "-c", CONNECT, str(port))

    async with await listen() as server, connect(server, over=over) as client:
        assert (await client.run("cat", input=BULK)).stdout == BULK
        async with connect(server, over=over) as other:
            assert (await other.run("cat", input=b"x")).stdout == b"x"


async def test_sshd_on_the_pipes_of_a_subprocess(sshd):  # noqa: F811
    def over(factory, host, port):
        return aio.connect_process(factory, SSHD, "-i", "-f", str(sshd.folder / "config"))

    async with sshd, sshd.connect(over=over) as client:
        assert (await client.run("cat", input=BULK)).stdout == BULK


async def test_a_subprocess_that_ends_ends_the_session(listen, connect):  # noqa: F811
    def over(factory, host, port):
        return aio.connect_process(factory, "true")

    async with await listen() as server:
        with pytest.raises((sessile.PeerFaultError, OSError)):
            await connect(server, over=over)
