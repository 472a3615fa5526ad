# SPDX-License-Identifier: Apache-2.0
"""README's clients and servers in Python, as they stand there but for their addresses, each in a process of its own and
with somebody else's program at the other end."""

import asyncio
import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import sessile
from test_asyncio_sshd import USER, Sshd

README = Path(__file__).resolve().parents[2] / "README.md"
FETCH, SERVE, RUN, LISTEN = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.M | re.S)

# A server of README's says nothing: its port is told here, as soon as it listens.
TELL = """
import asyncio
create = asyncio.BaseEventLoop.create_server
async def told(*arguments, **options):
    server = await create(*arguments, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    return server
asyncio.BaseEventLoop.create_server = told
"""


def replaced(code, old, new):
    assert code.count(old) == 1
    return code.replace(old, new)


def start(code, folder, **environment):
    path = os.pathsep.join(sys.path)
    return subprocess.Popen([sys.executable, "-X", "dev", "-c", code], cwd=folder, text=True,
                            env={**os.environ, "PYTHONPATH": path, "HOME": str(folder), **environment},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    try:
        return process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def serving(code, folder):
    """README's server on a free port of 127.0.0.1, stopped at the end; nothing may have gone wrong."""
    with start(TELL + code, folder) as process:
        try:
            yield int(process.stdout.readline() or finish(process)[1])
            assert process.poll() is None
        finally:
            process.terminate()
            _, errors = finish(process)
    assert errors == ""


@pytest.mark.parametrize("name", ["server.test", "elsewhere.test"])
def test_the_https_client_fetches_from_whom_it_should(identity, tmp_path, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    seen = []

    def serve(listener):
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as peer:
                seen.append(peer.recv(1000))
                peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello from afar\n")
                peer.unwrap()
        except ssl.SSLError as error:
            seen.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)  # Where the client fails before it connects, that is what is to be told.
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        code = replaced(FETCH, "(host, 443)", f"('127.0.0.1', {listener.getsockname()[1]}, server_hostname=host)")
        with start(replaced(code, "example.org", name), tmp_path,
                   SSL_CERT_FILE=str(identity.certificate_file)) as client:
            printed, errors = finish(client)
        thread.join()
    if name == "server.test":
        assert (client.returncode, errors) == (0, "") and printed.endswith("hello from afar\n\n")
        assert seen == [b"GET / HTTP/1.0\r\nHost: server.test\r\n\r\n"]
    else:
        assert client.returncode == 1 and "VerificationError" in errors and "hello" not in printed


def test_the_https_server_serves_curl(identity, tmp_path):
    (tmp_path / "server.pem").write_text(identity.certificate)
    (tmp_path / "server.key").write_text(identity.key)
    with serving(replaced(SERVE, '"localhost", 8443', '"127.0.0.1", 0'), tmp_path) as port:
        for _ in range(2):
            answer = subprocess.run(
                ["curl", "--silent", "--show-error", "--fail", "--cacert", str(identity.certificate_file),
                 "--resolve", f"server.test:{port}:127.0.0.1", f"https://server.test:{port}/"],
                capture_output=True, text=True, timeout=30)
            assert (answer.returncode, answer.stdout, answer.stderr) == (0, "hello\n", "")


@pytest.fixture
def home(tmp_path, host_key, user_key):
    """A folder with what README's two programs for SSH read."""
    (tmp_path / ".ssh").mkdir()
    for name, text in {"host.key": host_key.write(), ".ssh/id_ed25519": user_key.write(),
                       "guest.pub": user_key.write_public().encode()}.items():
        (tmp_path / name).write_bytes(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


@pytest.mark.loops("asyncio")
async def test_the_ssh_client_runs_a_command_on_sshd(home, host_key, user_key):
    async with Sshd(home, host_key, user_key) as sshd:
        (home / ".ssh/known_hosts").write_text(sessile.KnownHosts.line("127.0.0.1", sshd.port, host_key))
        code = replaced(replaced(RUN, '"example.org"', f'"127.0.0.1", {sshd.port}'), '"alice"', repr(USER))
        with start(code, home) as client:
            printed, errors = await asyncio.to_thread(finish, client)
        assert (client.returncode, errors) == (0, "") and printed.startswith(os.uname().sysname)

        (home / ".ssh/known_hosts").write_text("")
        with start(code, home) as client:
            printed, errors = await asyncio.to_thread(finish, client)
        assert client.returncode == 1 and printed == "" and "host key" in errors


def test_the_ssh_server_greets_ssh(home, host_key):
    with serving(replaced(LISTEN, '"localhost", 8022', '"127.0.0.1", 0'), home) as port:
        (home / "known").write_text(sessile.KnownHosts.line("127.0.0.1", port, host_key))
        (home / "other").write_bytes(sessile.Key.generate().write())
        (home / "other").chmod(0o600)
        let_in, kept_out = (
            subprocess.run(
                ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={home}/known", "-o", "IdentitiesOnly=yes",
                 "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-i", str(home / key), "-p", str(port),
                 "alice@127.0.0.1", "greet"], capture_output=True, text=True, timeout=30)
            for key in (".ssh/id_ed25519", "other"))
    assert (let_in.returncode, let_in.stdout) == (0, "hello alice\n"), let_in.stderr
    assert kept_out.returncode == 255 and "Permission denied" in kept_out.stderr and kept_out.stdout == ""
