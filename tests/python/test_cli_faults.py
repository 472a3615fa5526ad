# SPDX-License-Identifier: Apache-2.0
"""The command line where others ask for too much, send what makes no sense, or end it from outside."""

import asyncio
import getpass
import os
import re
import select
import shlex
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

import sessile
import sessile.asyncio as aio
from clitools import (  # noqa: F401
    COMMAND, TIME, Program, environment, home, run, sessile_program, sshd, terminal,
)
from sessile.cli import selfsigned, x509
from test_asyncio_sshd import Target, ask

USER = getpass.getuser().encode()


class Served:
    """``sessile serve ssh`` with a line of authorized_keys, and connections to it with that key."""

    def __init__(self, folder, key, options, *words, **more):
        (folder / "authorized").write_text(options + key.write_public())
        self.key = key
        self.program = sessile_program("serve", "ssh", "-p", "0", "--authorized-keys", str(folder / "authorized"),
                                       *words, home=folder, **more)
        self.port = int(self.program.wait_for(r"SSH on 127\.0\.0\.1:(\d+)").group(1))
        self.program.wait_for("Ctrl-C")

    def connect(self, user="alice"):
        return aio.connect("127.0.0.1", self.port, username=user, client_keys=[self.key],
                           accept_host_key=lambda *_: True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stop()
        assert "Traceback" not in self.program.said, self.program.said


async def test_what_a_key_may_not_is_refused(tmp_path, user_key):
    with Served(tmp_path, user_key, "restrict ", "--forward") as server:
        async with Target() as target, server.connect() as client:
            with pytest.raises(sessile.Error):
                await client.run("tty", terminal=aio.Terminal())
            assert (await client.run("echo on")).stdout == b"on\n"
            with pytest.raises(sessile.RefusedError):
                await client.open_connection("127.0.0.1", target.port)
            with pytest.raises(sessile.RefusedError):
                await client.open_unix_connection(str(tmp_path / "socket"))
            with pytest.raises(sessile.RefusedError):
                await client.forward_remote("127.0.0.1", 0, "127.0.0.1", 1)
            with pytest.raises(sessile.RefusedError):
                await client.forward_remote_unix(str(tmp_path / "socket"), "/nowhere")
        for what in (f"may not connect to 127.0.0.1:{target.port}", "may not listen on 127.0.0.1:0",
                     f"may not connect to {tmp_path}/socket", f"may not listen on {tmp_path}/socket",
                     "may not have a terminal"):
            server.program.wait_for(re.escape(what))


async def test_a_key_that_may_connect_to_one_place_only(tmp_path, user_key):
    async with Target() as allowed, Target() as other:
        with Served(tmp_path, user_key, f'permitopen="127.0.0.1:{allowed.port}" ', "--forward") as server:
            async with server.connect() as client:
                await ask(*await client.open_connection("127.0.0.1", allowed.port))
                with pytest.raises(sessile.RefusedError):
                    await client.open_connection("127.0.0.1", other.port)
                assert b"/dev/pts/" in (await client.run("tty", terminal=aio.Terminal())).stdout


async def test_nothing_is_forwarded_unless_it_is_said(tmp_path, user_key):
    with Served(tmp_path, user_key, "") as server:
        async with Target() as target, server.connect() as client:
            with pytest.raises(sessile.RefusedError):
                await client.open_connection("127.0.0.1", target.port)


@pytest.mark.parametrize("options", ['command="true" ', "verify-required ", 'from="10.9.8.7" '])
async def test_a_line_that_wants_what_is_not_done_lets_nobody_in(tmp_path, user_key, options):
    with Served(tmp_path, user_key, options) as server:
        with pytest.raises(sessile.RefusedError):
            await server.connect()
        server.program.wait_for("alice: ")


async def test_another_user_is_refused_and_told_of(tmp_path, user_key):
    with Served(tmp_path, user_key, "", "--user", "alice") as server:
        with pytest.raises(sessile.RefusedError):
            await server.connect("bob")
        server.program.wait_for("bob: not the user who may come in")


async def test_what_makes_no_sense_leaves_the_server_well(tmp_path, user_key):
    with Served(tmp_path, user_key, "") as server:
        async with server.connect() as client:
            wide = await client.run("stty size", terminal=aio.Terminal("vt100", 70_000, 70_000))
            assert wide.stdout.split() == [b"65535", b"65535"]
            described = await client.run("env", env={"LC_ALL": "C", "LC_A=B": "x", "LC_\x01": "x", "HOME": "x"})
            assert b"LC_ALL=C\n" in described.stdout and b"=x\n" not in described.stdout
            zero = await client.run(b"echo a\0b")
            told = (zero.stdout, zero.stderr, zero.exit_status)
            assert told == (b"", b"a command with a zero byte cannot be run\n", 126)
            async with await client.create_process("cat", terminal=aio.Terminal()) as process:
                process.resize(100_000, 100_000)
                process.stdin.write(b"on\n")
                assert await process.stdout.readline() == b"on\r\n"


@pytest.mark.parametrize("how", ["it ends", "both end", "the server ends after it"])
async def test_what_runs_ends_with_its_connection(tmp_path, user_key, how):
    commands = {"heeds": "trap 'sleep 0.5; echo so >heeded; exit' HUP; echo $$; sleep 100 & wait",
                "ignores": "trap '' HUP; echo $$; exec sleep 100"}
    with Served(tmp_path, user_key, "") as server:
        async with server.connect() as client:
            running = [await client.create_process(command) for command in commands.values()]
            ends = [os.pidfd_open(int(await process.stdout.readline())) for process in running]
            if how == "both end":
                await asyncio.to_thread(server.program.stop)
        if how == "the server ends after it":
            server.program.stop()
        for end in ends:
            assert select.select([end], [], [], TIME)[0]
            os.close(end)
    assert (tmp_path / "heeded").read_text() == "so\n"


async def test_what_runs_can_be_hung_up_where_the_server_cannot(tmp_path, user_key):
    def as_by_nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with Served(tmp_path, user_key, "", preexec_fn=as_by_nohup) as server:
        server.program.process.send_signal(signal.SIGHUP)
        async with server.connect() as client:
            told = await client.run("trap 'echo heeded' HUP; kill -HUP $$")
            assert told.stdout == b"heeded\n"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_server_takes_its_keys_with_it(tmp_path, number):
    def as_usual():
        for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL if each != signal.SIGINT else signal.default_int_handler)

    with Program([*COMMAND, "serve", "ssh", "-p", "0"], env=environment(tmp_path), preexec_fn=as_usual) as server:
        key = Path(server.wait_for(r"-i (\S+/id_ed25519)").group(1))
        server.wait_for("Ctrl-C")
        assert key.exists()
        server.process.send_signal(number)
        assert server.process.wait(TIME) == 0
    assert not key.parent.exists()


def test_a_client_that_is_ended_leaves_the_terminal_as_it_was(sshd, home, terminal):  # noqa: F811
    sshd.know(home)
    for name, status in (("TERM", 143), ("HUP", 129)):
        terminal.fresh("stty -a >~/before; sessile ssh -t target 'echo up; cat'; echo status $?; stty -a >~/after")
        terminal.wait_for(r"^up$")
        found = subprocess.run(["pgrep", "-f", "m sessile ssh -t target echo up"], capture_output=True, text=True,
                               check=True)
        for number in found.stdout.split():
            os.kill(int(number), getattr(signal, f"SIG{name}"))
        terminal.wait_for(rf"^status {status}$")
        terminal.wait_for(r"ready>\Z")
        assert (home / "after").read_text() == (home / "before").read_text()


def test_descriptors_that_are_closed(sshd, home):  # noqa: F811
    sshd.know(home)
    command = shlex.join([*COMMAND, "ssh", "target"])
    for closed, asked in (("<&-", "echo x >&2"), (">&-", "echo x; echo x >&2"), ("<&- >&-", "echo x >&2"),
                          ("2>&1 <&- >&2", "echo x >&2")):
        done = subprocess.run(["sh", "-c", f"{command} '{asked}' {closed}"], capture_output=True, timeout=TIME,
                              env=environment(home))
        assert done.returncode == 0 and b"x\n" in done.stdout + done.stderr, (closed, done)
    done = subprocess.run(["sh", "-c", f"{command} 'exit 3' <&- >&- 2>&-"], timeout=TIME, env=environment(home))
    assert done.returncode == 3
    # Without a command a terminal is looked for.
    alone = [*COMMAND, "ssh", "-p", "1", "127.0.0.1"]
    done = subprocess.run(["sh", "-c", f"{shlex.join(alone)} <&- >&-"], capture_output=True, timeout=TIME,
                          env=environment(home))
    assert done.returncode == 255 and done.stderr == b"sessile: %s@127.0.0.1:1: Connection refused\n" % USER
    made = shlex.join([*COMMAND, "bench", "tls", "--seconds", "0.01", "--json"])
    done = subprocess.run(["sh", "-c", f"{made} >&-"], capture_output=True, timeout=TIME, env=environment(home))
    assert done.returncode == 0 and done.stderr == b""


def test_output_that_is_not_taken(home):  # noqa: F811
    for words in (["--help"], ["bench", "tls", "--seconds", "0.01"], ["bench", "tls", "--seconds", "0.01", "--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, env=environment(home),
                                  timeout=TIME)
        assert (done.returncode, done.stderr) == (1, b"sessile: No space left on device\n")
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as nobody:
            done = subprocess.run([*COMMAND, *words], stdout=nobody, stderr=subprocess.PIPE, env=environment(home),
                                  timeout=TIME)
        assert done.returncode in (1, 141) and done.stderr == b""


def test_a_server_goes_on_where_nobody_reads_what_it_says(tmp_path):
    with subprocess.Popen([*COMMAND, "serve", "ssh", "-p", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(tmp_path)) as server:
        said = b""
        while b"Ctrl-C" not in said:
            said += os.read(server.stdout.fileno(), 65536)
        server.stdout.close()
        words = re.search(rb"sessile ssh (.*) uname", said).group(1).decode().split()
        for _ in range(2):
            assert run("ssh", "-F", "none", *words, "echo on", home=tmp_path) == ("on\n", "")
        server.terminate()
        assert (server.stderr.read(), server.wait(TIME)) == (b"", 0)


def test_what_is_wrong_is_told_with_its_place(tmp_path):
    text = tmp_path / "text"
    text.write_text("one line\nanother\n")
    no_key = f"sessile: {text}: this is no private key: it has no line that begins with '-----BEGIN'\n"
    assert run("serve", "ssh", "-p", "0", "--host-key", text, home=tmp_path, code=1)[1] == no_key
    assert run("keygen", "-l", "-f", text, home=tmp_path, code=1)[1].startswith(f"sessile: {text}: 'one")
    _, told = run("keygen", "-t", "rsa", "-b", "1024", "-N", "", "-f", tmp_path / "key", home=tmp_path, code=1)
    assert told == "sessile: rsa keys have 2048 to 16384 bits\n" and not (tmp_path / "key").exists()


def test_what_is_wrong_is_told_before_anybody_is_asked(home, user_key):  # noqa: F811
    alone = ("ssh", "-F", "none", "-p", "1")
    for option in ("-L", "-R"):
        _, told = run(*alone, option, "1:2", "127.0.0.1", home=home, code=255)
        assert told.startswith("sessile: forwarding '1:2': ")
    refused = f"sessile: {USER.decode()}@127.0.0.1:1: Connection refused\n"
    warned = "sessile: ~/nothing: no such file\n"
    assert run(*alone, "-i", "~/nothing", "127.0.0.1", home=home, code=255)[1] == warned + refused
    assert run(*alone, "-q", "-i", "~/nothing", "127.0.0.1", home=home, code=255)[1] == refused
    (home / "nothing.pub").write_text(user_key.write_public())
    assert run(*alone, "-i", "~/nothing", "127.0.0.1", home=home, code=255)[1] == refused
    assert run(*alone, "-i", "%d/x", "127.0.0.1", home=home, code=255)[1] == refused


def test_times_that_are_none(home):  # noqa: F811
    for words in (["tls", "--timeout", "0"], ["tls", "--timeout", "-1"], ["keyscan", "-T", "0"]):
        assert "is not in the range" in run(*words, "localhost:1", home=home, code=2)[1]


def test_a_certificate_with_nothing_in_its_alternative_names(tmp_path, monkeypatch):
    def nothing(_):
        return selfsigned._der(0xA3, selfsigned._der(0x30, selfsigned._der(0x30, selfsigned._SAN, selfsigned._der(4))))

    monkeypatch.setattr(selfsigned, "_extensions", nothing)
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    texts = selfsigned.self_signed(["localhost"], 3)
    certificate.write_text(texts[0])
    key.write_text(texts[1])
    with pytest.raises(ValueError, match="the certificate cannot be read"):
        x509.show(ssl.PEM_cert_to_DER_cert(texts[0]))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    server = Program(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", key, "-cert", certificate,
                      "-quiet"])
    with server:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert not server.ended, server.said
        for words in ((), ("--json",)):
            shown, told = run("tls", *words, f"127.0.0.1:{port}", code=1)
            assert "cannot be read" in shown + told


def test_this_file_runs_on_the_module_that_is_tested():
    assert sessile.__file__.startswith(environment()["PYTHONPATH"]) and sys.executable in COMMAND
