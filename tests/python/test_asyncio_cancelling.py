# SPDX-License-Identifier: Apache-2.0
"""Each call of sessile.asyncio is cancelled at every step of the loop in turn, until it gets to its end uncancelled.
Nothing may be left of it: no task, no socket, nothing raised that nobody hears of; and what it ran on must go on."""

import asyncio
import gc

import pytest
from loops import other_tasks, settle, sockets
from test_asyncio_ssh import connect, listen  # noqa: F401
from test_asyncio_sshd import Target
from test_asyncio_tls import Serving, client, server  # noqa: F401

import sessile
import sessile.asyncio as aio

STEPS = 400


class Counting:
    """Cancels a task at its n-th step: at the n-th turn of the loop after it began."""

    def __init__(self, loop, work, at):
        self.task = loop.create_task(work)
        self.left, self.struck = at, False
        loop.call_soon(self.turn, loop)

    def turn(self, loop):
        if self.task.done():
            return
        if self.left == 0:
            self.struck = self.task.cancel()
            return
        self.left -= 1
        loop.call_soon(self.turn, loop)


async def at_every_step(scenario, trouble, still_good=None):
    """Run it, cancelled one step later each time. It has to take several steps, and to succeed in the end."""
    loop = asyncio.get_running_loop()
    before, tasks = set(sockets()), other_tasks()
    for step in range(STEPS):
        counting = Counting(loop, scenario(), step)
        result, = await asyncio.gather(counting.task, return_exceptions=True)
        if not counting.struck:
            assert not isinstance(result, BaseException), f"without a cancellation it failed: {result!r}"
            assert step > 1, "it has no steps to be cancelled at"
            return step
        assert isinstance(result, (asyncio.CancelledError, type(None))), f"cancelled at {step}: {result!r}"
        del counting, result
        gone = await settle(lambda: not (other_tasks() - tasks) and not (set(sockets()) - before), 2000)
        assert gone, f"cancelled at {step}, it left {other_tasks() - tasks} and {set(sockets()) - before}"
        gc.collect(0)
        assert not trouble, f"cancelled at {step}: {trouble}"
        if still_good is not None and step % 5 == 0:
            await still_good()
    raise AssertionError(f"it has not come to its end within {STEPS} steps")


async def until_end(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except (OSError, sessile.Error):
        pass


async def finish(writer):
    writer.close()
    await writer.wait_closed()


class Patient(Serving):
    """A server whose handlers count as part of what is to go away."""

    def connected(self, reader, writer):
        task = asyncio.ensure_future(self.handle(reader, writer))
        self.tasks.append(task)
        task.add_done_callback(self.tasks.remove)


async def test_a_tls_conversation(client, server, trouble):  # noqa: F811
    async with Patient(until_end, server) as serving:

        async def scenario():
            reader, writer = await aio.open_connection(
                "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
            try:
                writer.write(b"a line\n" * 1000)
                await writer.drain()
                writer.write_eof()
                assert len(await reader.read()) == 7000
                await finish(writer)
            except BaseException:
                writer.transport.abort()
                raise

        await at_every_step(scenario, trouble)


async def test_a_tls_protocol(client, server, trouble):  # noqa: F811
    async with Patient(until_end, server) as serving:

        async def scenario():
            closed = asyncio.get_running_loop().create_future()

            class Closed(asyncio.Protocol):
                def connection_lost(self, error):
                    if not closed.done():
                        closed.set_result(error)

            transport, _ = await aio.create_connection(
                Closed, "127.0.0.1", serving.port, ssl=client, server_hostname="server.test")
            try:
                transport.close()
                assert await closed is None
            except BaseException:
                transport.abort()
                raise

        await at_every_step(scenario, trouble)


async def test_a_tls_handshake_that_fails(server, trouble):  # noqa: F811
    async with Patient(until_end, server) as serving:

        async def scenario():
            with pytest.raises(sessile.VerificationError):
                await aio.open_connection("127.0.0.1", serving.port, ssl=sessile.TLSConfig.client(),
                                          server_hostname="server.test")

        await at_every_step(scenario, trouble)


async def test_starting_tls_in_the_middle(client, server, trouble):  # noqa: F811
    async def upgrade(reader, writer):
        try:
            writer.write(await reader.readexactly(1))
            reader, writer = await aio.start_tls_streams(reader, writer, server, server_side=True)
        except (OSError, EOFError, sessile.Error):
            return
        await until_end(reader, writer)
        writer.transport.abort()

    async with Patient(upgrade, None, asyncio.start_server) as serving:

        async def scenario():
            plain_reader, plain = await asyncio.open_connection("127.0.0.1", serving.port)
            try:
                plain.write(b"!")
                await plain_reader.readexactly(1)
                reader, writer = await aio.start_tls_streams(
                    plain_reader, plain, client, server_hostname="server.test")
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
                await finish(writer)
            except BaseException:
                plain.transport.abort()
                raise

        await at_every_step(scenario, trouble)


async def test_listening(server, trouble, listen):  # noqa: F811
    async def tcp():
        listener = await aio.start_server(until_end, "127.0.0.1", 0, ssl=server)
        try:
            await asyncio.sleep(0)
        finally:
            listener.close()
        await listener.wait_closed()

    async def ssh():
        async with await listen():
            await asyncio.sleep(0)

    await at_every_step(tcp, trouble)
    await at_every_step(ssh, trouble)


LOGINS = {
    "publickey": {},
    "password": {"client_keys": [], "password": "secret"},
    "prompts": {"client_keys": [], "prompts": lambda *_: ["12", "blue"]},
}


@pytest.mark.parametrize("how", LOGINS)
async def test_logging_in(listen, connect, trouble, how):  # noqa: F811
    async with await listen() as serving:

        async def scenario():
            async with connect(serving, **LOGINS[how]):
                pass

        async def await_it():
            made = await connect(serving, **LOGINS[how])
            try:
                await asyncio.sleep(0)
            finally:
                made.abort()

        await at_every_step(scenario, trouble)
        await at_every_step(await_it, trouble)


async def test_a_command(listen, connect, trouble):  # noqa: F811
    async with await listen() as serving, connect(serving) as connection:

        async def scenario():
            assert (await connection.run("cat", input=b"in" * 1000, env={"TEST_A": "b"})).stdout == b"in" * 1000

        await at_every_step(scenario, trouble, scenario)


async def test_a_process(listen, connect, trouble):  # noqa: F811
    async with await listen() as serving, connect(serving) as connection:

        async def scenario():
            async with await connection.create_process("wait", terminal=aio.Terminal()) as process:
                assert await process.stdout.readexactly(7) == b"waiting"
                process.terminate()
                assert await process.wait() == -15

        await at_every_step(scenario, trouble, scenario)


async def test_connections_through_the_server(listen, connect, trouble, tmp_path):  # noqa: F811
    path = str(tmp_path / "s")
    async with Target() as target, Target(path), await listen() as serving, connect(serving) as connection:

        async def ask(opening):
            reader, writer = await opening
            try:
                writer.write(b"quiet")
                writer.write_eof()
                assert await reader.read() == b"QUIET"
                await finish(writer)
            except BaseException:
                writer.transport.abort()
                raise

        await at_every_step(lambda: ask(connection.open_connection("127.0.0.1", target.port)), trouble)
        await at_every_step(lambda: ask(connection.open_unix_connection(path)), trouble)


async def test_forwarding(listen, connect, trouble):  # noqa: F811
    async with Target() as target, await listen() as serving, connect(serving) as connection:

        async def local():
            async with await connection.forward_local("127.0.0.1", 0, "127.0.0.1", target.port):
                await asyncio.sleep(0)

        async def remote():
            async with await connection.forward_remote("127.0.0.1", 0, "127.0.0.1", target.port) as listener:
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
                try:
                    writer.write(b"quiet")
                    writer.write_eof()
                    assert await reader.read() == b"QUIET"
                    await finish(writer)
                except BaseException:
                    writer.transport.abort()
                    raise

        await at_every_step(local, trouble)
        await at_every_step(remote, trouble)


async def test_a_jump(listen, connect, trouble):  # noqa: F811
    async with await listen() as serving, connect(serving) as one:

        async def scenario():
            async with connect(serving, tunnel=one) as two:
                assert (await two.run("cat", input=b"far")).stdout == b"far"

        await at_every_step(scenario, trouble)
