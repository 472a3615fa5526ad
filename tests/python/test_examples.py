# SPDX-License-Identifier: Apache-2.0
"""The programs in examples/python, each in a process of its own, with the real ssh, sshd and openssl at the other
end."""

import asyncio
import contextlib
import os
import pty
import subprocess
import sys
import tty
from pathlib import Path

import pytest
from test_asyncio_sshd import SSHD, USER, Sshd

import sessile

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples/python").glob("*.py"))
FOLDER = EXAMPLES[0].parent
LIMIT = 25
pytestmark = pytest.mark.loops("asyncio")


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def example(name, *arguments, **options):
    return asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-W", "error", str(FOLDER / name), *map(str, arguments), env=environment(),
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


async def ended(process, input=None):
    """The status, and what went to stdout and stderr."""
    try:
        out, errors = await asyncio.wait_for(process.communicate(input), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    # Debug mode tells of steps that take long, as they do on a busy machine.
    lines = (errors or b"").decode().splitlines(keepends=True)
    return process.returncode, out, "".join(line for line in lines if not line.startswith("Executing <"))


async def run_example(name, *arguments, **options):
    return await ended(await example(name, *arguments, **options))


@contextlib.asynccontextmanager
async def running(process, *, ends=False):
    """A server, stopped at the end. One of ours has nothing to say but its log, and ends well."""
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        status, _, errors = await ended(process)
    if ends:
        assert status == 0 and "Traceback" not in errors and "Warning" not in errors, errors


async def port_of(process):
    line = await asyncio.wait_for(process.stdout.readline(), LIMIT)
    assert line.startswith(b"listening on port "), await ended(process)
    return int(line.split()[-1])


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
async def test_each_explains_itself(path):
    status, out, errors = await run_example(path.name, "--help")
    assert status == 0 and out.startswith(b"usage: ") and errors == ""
    status, out, errors = await run_example(path.name, "--no-such-option")
    assert status == 2 and out == b"" and "Traceback" not in errors
    assert os.access(path, os.X_OK)


def test_their_types_are_clean():
    package = Path(__file__).resolve().parents[2] / "bindings/python"
    result = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "/dev/null", *map(str, EXAMPLES)],
                            capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(package)})
    assert result.returncode == 0, result.stdout + result.stderr


# ---- HTTPS ----


@contextlib.asynccontextmanager
async def s_server(identity, folder, *options):
    """openssl s_server on a free port, which it tells."""
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(identity.certificate_file), "-key",
        str(identity.key_file), *options, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    async with running(process):
        while not (line := await asyncio.wait_for(process.stdout.readline(), LIMIT)).startswith(b"ACCEPT "):
            assert line, "openssl s_server does not start"
        yield int(line.rpartition(b":")[2])


async def test_https_client_fetches_a_file_from_openssl(identity, tmp_path):
    body = os.urandom(1_000_000)
    (tmp_path / "file.bin").write_bytes(body)
    async with s_server(identity, tmp_path, "-WWW") as port:
        arguments = ["--connect-to", "127.0.0.1", "--ca", identity.certificate_file]
        url = f"https://server.test:{port}/file.bin"
        assert await run_example("https_client.py", url, *arguments) == (0, body, "")
        status, out, told = await run_example(
            "https_client.py", url, *arguments, "-v", "--chain", "-o", tmp_path / "copy")
        assert (status, out, (tmp_path / "copy").read_bytes()) == (0, b"", body)
        assert "* TLSv1.3, " in told and "* 0: server.test; by server.test; until " in told
        assert "* HTTP/1.0 200 ok" in told

        status, out, told = await run_example("https_client.py", url.replace("server", "other"), *arguments)
        assert (status, out) == (1, b"") and told.startswith("https_client: other.test: ") and told.count("\n") == 1


@pytest.mark.parametrize("answer, told", [
    (b"HTTP/1.0 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", "HTTP/1.0 404 Not Found"),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\ngone", "6 of 10 bytes are missing"),
    (b"HTTP/1.0 200 OK\r\nContent-", "0 bytes"),
])
async def test_https_client_tells_a_bad_answer(identity, answer, told):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    config = sessile.TLSConfig.server(identity.certificate, identity.key)
    async with await sessile.asyncio.start_server(serve, "127.0.0.1", 0, ssl=config) as server:
        port = server.sockets[0].getsockname()[1]
        status, _, errors = await run_example(
            "https_client.py", f"https://server.test:{port}/", "--connect-to", "127.0.0.1", "--ca",
            identity.certificate_file)
    assert status == 1 and errors.startswith("https_client: server.test: ") and errors.count("\n") == 1
    assert told in errors or told == "0 bytes" and "bytes read" in errors


# ---- SSH ----


@pytest.fixture
def keys(tmp_path, host_key, user_key):
    """A folder with keys: the host's, a user's, a stranger's."""
    for name, key in {"host": host_key, "user": user_key, "stranger": sessile.Key.generate()}.items():
        (tmp_path / name).write_bytes(key.write())
        (tmp_path / name).chmod(0o600)
        (tmp_path / f"{name}.pub").write_text(key.write_public() + "\n")
    return tmp_path


def know(folder, host_key, *ports):
    lines = [sessile.KnownHosts.line("127.0.0.1", port, host_key) for port in ports]
    (folder / "known").write_text("".join(lines))
    (folder / "ssh.config").write_text(
        f"UserKnownHostsFile {folder}/known\nGlobalKnownHostsFile none\nIdentityAgent none\nIdentitiesOnly yes\n"
        f"BatchMode yes\nStrictHostKeyChecking yes\n")


def ssh(folder, *arguments, key="user"):
    """OpenSSH's, which reads nothing but our file. A jump host is logged in to by the same one."""
    config = folder / f"{key}.config"
    config.write_text((folder / "ssh.config").read_text() + f"IdentityFile {folder}/{key}\n")
    return asyncio.create_subprocess_exec(
        "ssh", "-F", str(config), *map(str, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)


async def test_ssh_bastion_leads_known_users_to_allowed_hosts(keys, host_key, user_key):
    (keys / "inner").mkdir()
    async with Sshd(keys / "inner", host_key, user_key) as inner, Sshd(keys / "inner", host_key, user_key) as other:
        bastion = await example(
            "ssh_bastion.py", "--listen", "127.0.0.1:0", "--host-key", keys / "host", "--user",
            f"alice={keys}/user.pub", "--allow", f"127.0.0.?:{inner.port}")
        async with running(bastion):
            port = await port_of(bastion)
            know(keys, host_key, port, inner.port, other.port)
            jump = f"alice@127.0.0.1:{port}"
            through = await ended(await ssh(keys, "-J", jump, "-p", inner.port, f"{USER}@127.0.0.1", "echo through"))
            assert through == (0, b"through\n", "")
            status, out, errors = await ended(
                await ssh(keys, "-J", jump, "-p", other.port, f"{USER}@127.0.0.1", "echo through"))
            assert (status, out) == (255, b"") and "prohibited" in errors
            for key, user in (("stranger", "alice"), ("user", "mallory")):
                status, out, errors = await ended(await ssh(keys, "-p", port, f"{user}@127.0.0.1", key=key))
                assert (status, out) == (255, b"") and "Permission denied" in errors
            status, out, _ = await ended(await ssh(keys, "-p", port, "alice@127.0.0.1", "id"))
            assert status == 1 and out.startswith(b"This host has no shell.")
            bastion.terminate()
            status, _, log = await ended(bastion)
    assert status == 0 and "Traceback" not in log
    for said in (f"to 127.0.0.1:{inner.port}, allowed", f"to 127.0.0.1:{other.port}, refused", "no user 'mallory'",
                 f"alice@127.0.0.1: logged in with {user_key.fingerprint()}"):
        assert said in log


async def test_ssh_bastion_keeps_to_the_options_of_a_key(keys, host_key, user_key):
    (keys / "user.pub").write_text(f'permitopen="elsewhere:1" {user_key.write_public()}\n')
    bastion = await example("ssh_bastion.py", "--listen", "127.0.0.1:0", "--host-key", keys / "host", "--user",
                            f"alice={keys}/user.pub", "--allow", "127.0.0.1:9")
    async with running(bastion, ends=True):
        port = await port_of(bastion)
        know(keys, host_key, port)
        status, _, errors = await ended(await ssh(keys, "-p", port, "-W", "127.0.0.1:9", "alice@127.0.0.1"))
    assert status == 255 and "prohibited" in errors


async def hears(process, text):
    return await asyncio.wait_for(process.stdout.readuntil(text.encode()), LIMIT)


async def test_ssh_chat_is_one_room(keys, host_key):
    chat = await example("ssh_chat.py", "--listen", "127.0.0.1:0", "--host-key", keys / "host")
    async with running(chat, ends=True):
        port = await port_of(chat)
        know(keys, host_key, port)
        alice = await ssh(keys, "-T", "-p", port, "alice@127.0.0.1")
        await hears(alice, "* alice is here, which makes 1\n")
        bob = await ssh(keys, "-tt", "-p", port, "bob@127.0.0.1")
        await hears(alice, "* bob is here, which makes 2\n")
        await hears(bob, "which makes 2\r\n\r\x1b[K> ")

        alice.stdin.write("hello \x1b[31mBob\n".encode())
        await hears(bob, "\r\x1b[Kalice: hello [31mBob\r\n\r\x1b[K> ")
        bob.stdin.write("oops\x15grüßt!x\x7f\x1b[A".encode())
        await hears(bob, "> grüßt!")
        bob.stdin.write(b"\r")
        await hears(alice, "bob: grüßt!\n")
        await hears(bob, "bob: grüßt!\r\n")

        twice = await ssh(keys, "-T", "-p", port, "alice@127.0.0.1")
        assert await ended(twice, b"") == (1, b"", "This is a chat, and everybody is in it once.\r\n")
        alice.stdin.write(b"/who\n")
        await hears(alice, "* alice, bob\n")
        bob.stdin.write(b"\x04")
        assert (await ended(bob))[0] == 0
        await hears(alice, "* bob has left\n")
        status, out, _ = await ended(alice, b"bye\n")
        assert status == 0 and out.startswith(b"alice: bye\n")
        status, _, errors = await ended(await ssh(keys, "-T", "-p", port, "no.name@127.0.0.1"))
        assert status == 255 and "Permission denied" in errors


async def test_ssh_chat_lets_in_by_key_where_it_is_told_to(keys, host_key):
    chat = await example("ssh_chat.py", "--listen", "127.0.0.1:0", "--host-key", keys / "host", "--authorized-keys",
                         keys / "user.pub")
    async with running(chat, ends=True):
        port = await port_of(chat)
        know(keys, host_key, port)
        let_in = await ssh(keys, "-T", "-p", port, "alice@127.0.0.1")
        await hears(let_in, "* alice is here, which makes 1\n")
        status, _, errors = await ended(await ssh(keys, "-T", "-p", port, "bob@127.0.0.1", key="stranger"))
        assert status == 255 and "Permission denied" in errors
        assert (await ended(let_in, b""))[0] == 0


# ---- A serial line ----


@contextlib.contextmanager
def line():
    """Both ends of a terminal that passes bytes on as they are: a descriptor, and a device's name."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def sshd_on(end, settings):
    """An sshd whose wire is a descriptor."""
    command = [SSHD, "-i", "-e", "-f", str(settings.folder / "config")]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def test_serial_wire_runs_a_command_on_sshd(keys, host_key, user_key):
    (keys / "inner").mkdir()
    inner = Sshd(keys / "inner", host_key, user_key)
    (keys / "known").write_text("router " + " ".join(host_key.write_public().split()[:2]) + "\n")
    os.makedirs("/run/sshd", exist_ok=True)
    arguments = ["--known-hosts", keys / "known", "--key", keys / "user", f"{USER}@router"]
    for command, expected in (("echo over a line; echo err >&2; exit 3", (3, b"over a line\n", "err\n")),
                              ("head -c 300000 /dev/zero", (0, bytes(300000), ""))):
        with line() as (end, device), sshd_on(end, inner):
            assert await run_example("serial_wire.py", "ssh", *arguments, device, command) == expected
    (keys / "known").write_text("")
    with line() as (end, device), sshd_on(end, inner):
        status, _, errors = await run_example("serial_wire.py", "ssh", *arguments, device, "true")
        assert status == 1 and errors.startswith("serial_wire: ") and "host key" in errors


async def carry(end, reader, writer):
    """Join a line to a TCP connection, until that ends."""
    loop = asyncio.get_running_loop()
    os.set_blocking(end, False)
    loop.add_reader(end, lambda: writer.write(os.read(end, 65536)))
    try:
        while data := await reader.read(1024):
            os.write(end, data)
    finally:
        loop.remove_reader(end)
        writer.close()


@contextlib.asynccontextmanager
async def carrying(end, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    task = asyncio.ensure_future(carry(end, reader, writer))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_serial_wire_talks_tls_to_openssl(identity, tmp_path):
    async with s_server(identity, tmp_path, "-rev") as port:
        for name, trusted in (("server.test", True), ("other.test", False)):
            with line() as (end, device):
                async with carrying(end, port):
                    client = await example("serial_wire.py", "tls", "--name", name, "--ca", identity.certificate_file,
                                           device, stdin=subprocess.PIPE)
                    if trusted:
                        client.stdin.write(b"over a line\n")
                        assert await hears(client, "\n") == b"enil a revo\n"
                        status, _, errors = await ended(client, b"")
                        assert status == 0 and errors.startswith("serial_wire: TLSv1.3, ")
                    else:
                        status, out, errors = await ended(client, b"")
                        assert (status, out) == (1, b"") and errors.startswith("serial_wire: ")


async def test_serial_wire_talks_tls_to_itself(identity):
    with line() as (one, device), line() as (other, device_other):
        loop = asyncio.get_running_loop()
        for end, to in ((one, other), (other, one)):
            os.set_blocking(end, False)
            loop.add_reader(end, lambda end=end, to=to: os.write(to, os.read(end, 4096)))
        try:
            server, client = await asyncio.gather(
                example("serial_wire.py", "tls", "--certificate", identity.certificate_file, "--key",
                        identity.key_file, device, stdin=subprocess.PIPE),
                example("serial_wire.py", "tls", "--name", "server.test", "--ca", identity.certificate_file,
                        device_other, stdin=subprocess.PIPE))
            results = await asyncio.gather(ended(server, b"from the server\n"), ended(client, b"from the client\n"))
        finally:
            loop.remove_reader(one)
            loop.remove_reader(other)
    assert [result[:2] for result in results] == [(0, b"from the client\n"), (0, b"from the server\n")], results


async def test_serial_wire_says_what_is_no_line(tmp_path):
    (tmp_path / "file").write_text("")
    for device, said in ((tmp_path / "file", "is no serial line"), (tmp_path / "none", "No such file")):
        status, _, errors = await run_example("serial_wire.py", "tls", "--name", "a.test", device)
        assert status == 1 and said in errors and "Traceback" not in errors
