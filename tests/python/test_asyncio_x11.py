# SPDX-License-Identifier: Apache-2.0
"""X11 forwarded, from asyncio's client and to its server: with OpenSSH's ssh and sshd, and with each other. The display
and the programs are of the tests' own: they speak the first message, and capitals; as with X11,
neither half closes."""

import asyncio
import os
import socket

import pytest
from loops import settle
from test_asyncio_ssh import Handler, connect, listen  # noqa: F401
from test_asyncio_sshd import Sshd, sshd  # noqa: F401

import sessile
import sessile.asyncio as aio
from sessile.asyncio import x11

REAL = bytes(range(16))
NAME = b"MIT-MAGIC-COOKIE-1"


def counted(*fields, order="big"):
    return b"".join(len(field).to_bytes(2, order) + field for field in fields)


def entry(family, address, number, name=NAME, cookie=REAL):
    return family.to_bytes(2, "big") + counted(address, number, name, cookie)


def setup(cookie, name=NAME, order="little"):
    """A program's first message."""
    sizes = b"".join(size.to_bytes(2, order) for size in (11, 0, len(name), len(cookie), 0))
    return (b"l\0" if order == "little" else b"B\0") + sizes + b"".join(
        part + bytes(-len(part) % 4) for part in (name, cookie))


class Display:
    """A display that answers programs in capitals, and keeps how they began."""

    async def __aenter__(self):
        self.begun, self.done = [], []

        async def handle(reader, writer):
            self.done.append(asyncio.current_task())
            try:
                head = await reader.readexactly(12)
                sizes = (int.from_bytes(head[at : at + 2], "little") for at in (6, 8))
                self.begun.append(head + await reader.readexactly(sum((size + 3) & ~3 for size in sizes)))
                writer.write((await reader.readexactly(5)).upper())
            except asyncio.IncompleteReadError:
                self.begun.append(None)
            writer.close()
            await writer.wait_closed()

        self.server = await asyncio.start_server(handle, "127.0.0.1", 0)
        self.name = f"127.0.0.1:{self.server.sockets[0].getsockname()[1] - 6000}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.gather(*self.done)
        await self.server.wait_closed()


@pytest.fixture(autouse=True)
def authority(tmp_path, monkeypatch):
    """The cookies of this user."""
    file = tmp_path / "authority"
    file.write_bytes(entry(0, b"\x7f\0\0\1", b""))
    monkeypatch.setenv("XAUTHORITY", str(file))
    return file


async def program(display, cookie):
    """Draw something on a display: what it answers."""
    host, _, number = display.partition(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", 6000 + int(number.partition(".")[0]))
    try:
        writer.write(setup(cookie) + b"quiet")
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionResetError:
            pass


class Trusting(Handler):
    async def x11(self, offer):
        return offer.protocol == "MIT-MAGIC-COOKIE-1"


async def draw(process):
    """The server's command: a program on the client's display."""
    cookie = bytes(16) if process.command == b"wrong" else bytes.fromhex(process.x11.cookie)
    process.stdout.write(await program(await process.x11_display(), cookie))
    return 0


async def test_a_program_draws_here_with_a_cookie_that_it_was_never_told(listen, connect):  # noqa: F811
    told = []

    async def tell(process):
        told.append((process.x11, await process.x11_display()))
        return await draw(process)

    async with Display() as display, await listen(handler=Trusting, process_factory=tell) as server:
        async with connect(server) as client:
            drawn = await client.run("draw", x11_forwarding=display.name + ".3")
            assert drawn.stdout == b"QUIET" and display.begun == [setup(REAL)]
            (offer, name), = told
            assert bytes.fromhex(offer.cookie) != REAL and (offer.screen, offer.single) == (3, False)
            assert name.startswith("localhost:") and name.endswith(".3")
            port = 6000 + int(name[10:-2])
            assert await settle(lambda: not listens(port), 1000) and not client._displays


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_wrong_cookie_draws_nothing(listen, connect):  # noqa: F811
    async with Display() as display, await listen(handler=Trusting, process_factory=draw) as server:
        async with connect(server) as client:
            assert (await client.run("wrong", x11_forwarding=display.name)).stdout == b""
            assert (await client.run("draw", x11_forwarding=display.name)).stdout == b"QUIET"
    assert setup(REAL) in display.begun and set(display.begun) <= {setup(REAL), None}


async def test_a_display_that_asks_for_no_cookie(listen, connect, authority):  # noqa: F811
    authority.unlink()
    async with Display() as display, await listen(handler=Trusting, process_factory=draw) as server:
        async with connect(server) as client:
            assert (await client.run("draw", x11_forwarding=display.name)).stdout == b"QUIET"
    assert display.begun == [setup(b"", b"")]


async def test_sshd_is_lent_a_display(sshd, tmp_path):  # noqa: F811
    """sshd's xauth is one that keeps what it is told."""
    (tmp_path / "xauth").write_text(f"#!/bin/sh\nexec cat > {tmp_path}/told\n")
    (tmp_path / "xauth").chmod(0o700)
    with open(tmp_path / "config", "a") as config:
        config.write(f"X11Forwarding yes\nXAuthLocation {tmp_path}/xauth\n")
    async with Display() as display, sshd, sshd.connect() as client:
        async with await client.create_process("echo $DISPLAY; exec cat", x11_forwarding=display.name) as process:
            name = (await process.stdout.readline()).decode().strip()
            cookie = bytes.fromhex((tmp_path / "told").read_text().split()[-1])
            assert cookie != REAL
            assert await program(name, bytes(16)) == b""
            assert await program(name, cookie) == b"QUIET"
        assert setup(REAL) in display.begun


async def test_openssh_lends_its_display(listen, host_key, user_key, tmp_path):  # noqa: F811
    (tmp_path / "user").write_bytes(user_key.write())
    (tmp_path / "user").chmod(0o600)
    async with Display() as display, await listen(handler=Trusting, process_factory=draw) as server:
        (tmp_path / "known").write_text(sessile.KnownHosts.line("127.0.0.1", server.port, host_key))
        (tmp_path / "xauth").write_text(f"#!/bin/sh\necho x MIT-MAGIC-COOKIE-1 {REAL.hex()}\n")
        (tmp_path / "xauth").chmod(0o700)
        ssh = await asyncio.create_subprocess_exec(
            "ssh", "-Y", "-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "BatchMode=yes", "-o",
            f"XAuthLocation={tmp_path}/xauth", "-i", str(tmp_path / "user"), "-p", str(server.port), "alice@127.0.0.1",
            "draw", stdin=-3, stdout=-1, stderr=-1, env={**os.environ, "SSH_AUTH_SOCK": "", "DISPLAY": display.name})
        output, errors = await ssh.communicate()
        assert (output, ssh.returncode) == (b"QUIET", 0), errors
    assert display.begun == [setup(REAL)]


async def test_a_server_takes_no_display_unless_told(listen, connect):  # noqa: F811
    caught = []

    async def grab(process):
        for attempt in (process.x11_display, lambda: asyncio.sleep(0, process.connection.ssh.open_x11("here", 1))):
            with pytest.raises((sessile.RefusedError, sessile.MisuseError)) as refused:
                await attempt()
            caught.append(type(refused.value))

    async with await listen(process_factory=grab) as server, connect(server) as client:
        with pytest.raises(sessile.RefusedError, match="takes no display"):
            await client.run("true", x11_forwarding=":0")
        await client.run("true")
        assert caught == [sessile.RefusedError, sessile.MisuseError] and client._displays == {}


async def test_one_display_at_a_time(listen, connect):  # noqa: F811
    gone = asyncio.Event()

    async def keep(_):
        await gone.wait()

    async with await listen(handler=Trusting, process_factory=keep) as server, connect(server) as client:
        async with await client.create_process("first", x11_forwarding=":1"):
            with pytest.raises(ValueError, match="one display at a time"):
                await client.run("second", x11_forwarding=":2")
        gone.set()


@pytest.mark.parametrize("name", [":0", ":1.2", "unix:3", "host:10.0", "127.0.0.1:11", "[::1]:12"])
def test_the_names_of_displays(name):
    display = x11.Display.read(name)
    assert display.host == {"unix:3": "", "[::1]:12": "::1"}.get(name, name.rpartition(":")[0])
    assert (display.number, display.screen) == tuple(map(int, (name.rpartition(":")[2] + ".0").split(".")[:2]))


@pytest.mark.parametrize("name", ["", "nonsense", ":", ":x", "/path:0", "host:59536", ":1.2.3", ":-1", "a:1\n"])
def test_no_names_of_displays(name, monkeypatch):
    with pytest.raises(ValueError, match="is no display"):
        x11.Display.read(name)
    monkeypatch.setenv("DISPLAY", name)
    with pytest.raises(ValueError, match="is no display"):
        x11.Display.read(True)


@pytest.mark.parametrize("name, data, known", [
    (":0", entry(256, socket.gethostname().encode(), b"0"), True),
    (":0", entry(256, socket.gethostname().encode(), b""), True),
    (":0", entry(256, socket.gethostname().encode(), b"1"), False),
    (":0", entry(256, b"another", b"0"), False),
    (":0", entry(65535, b"", b""), True),
    (":0", entry(65535, b"", b"", b"XDM-AUTHORIZATION-1"), False),
    ("localhost:0", entry(256, socket.gethostname().encode(), b"0"), True),
    ("10.0.0.1:0", entry(0, b"\x0a\0\0\1", b"0"), True),
    ("10.0.0.1:0", entry(6, b"\x0a\0\0\1", b"0"), False),
    ("[::1]:0", entry(6, bytes(15) + b"\1", b"0"), True),
    ("host:0", entry(0, b"\x0a\0\0\1", b"0"), False),
    (":0", entry(256, b"another", b"0", cookie=b"another") + entry(65535, b"", b""), True),
    (":0", entry(65535, b"", b"")[:-1], False),
    (":0", b"\0", False),
])
def test_cookies_are_found_where_they_belong(authority, name, data, known):
    authority.write_bytes(data)
    assert x11.Display.read(name).cookie() == (REAL if known else b"")


@pytest.mark.parametrize("order", ["little", "big"])
def test_one_cookie_takes_anothers_place(order):
    shown = bytes(reversed(REAL))
    whole = setup(shown, order=order)
    assert x11.exchange(whole + b"more", shown, REAL) == setup(REAL, order=order) + b"more"
    assert x11.exchange(whole, shown, b"") == setup(b"", b"", order)
    assert x11.exchange(whole, shown, b"odd") == setup(b"odd", order=order)
    assert all(x11.exchange(whole[:size], shown, REAL) is None for size in range(len(whole)))


@pytest.mark.parametrize("head", [
    setup(REAL), setup(b"", b""), setup(bytes(reversed(REAL)), b"MIT-MAGIC-COOKIE-2"), b"x" + setup(REAL)[1:],
    setup(bytes(reversed(REAL)) + b"\0"), setup(bytes(reversed(REAL))[:-1]), setup(bytes(300))[:12],
])
def test_another_cookie_is_none(head):
    with pytest.raises(ValueError):
        x11.exchange(head, bytes(reversed(REAL)), REAL)
