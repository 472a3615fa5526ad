# SPDX-License-Identifier: Apache-2.0
"""``sessile ssh`` against sshd, and ``sessile serve ssh`` against OpenSSH's ssh; and what both sides have of files."""

import asyncio
import socket
import subprocess
import threading

import pytest

import sessile
import sessile.asyncio as aio
from clitools import COMMAND, TIME, Program, Sshd, environment, home, run, sessile_program, sshd  # noqa: F401
from sessile import openssh
from sessile.cli.ssh_escape import Disconnect, Keys
from sessile.cli.ssh_forward import End, parse_forward

BULK = bytes(range(256)) * 8192


def ssh(home, *words, **options):  # noqa: F811
    return run("ssh", *words, home=home, **options)


def test_a_command_with_its_output_and_its_status(sshd, home):  # noqa: F811
    sshd.know(home)
    assert ssh(home, "target", "echo", "out;", "echo err >&2; exit 7", code=7) == ("out\n", "err\n")
    assert ssh(home, "target", "true") == ("", "")
    # What looks like an option behind the host is the command's.
    assert ssh(home, "target", "echo", "-n", "-p", "x") == ("-p x", "")
    assert "ended by the signal KILL" in ssh(home, "target", "kill -9 $$", code=255)[1]


def test_input_goes_in_and_comes_back_whole(sshd, home, tmp_path):  # noqa: F811
    sshd.know(home)
    command = [*COMMAND, "ssh", "target", "cat"]
    done = subprocess.run(command, input=BULK, capture_output=True, env=environment(home), timeout=TIME)
    assert done.stdout == BULK and done.returncode == 0 and done.stderr == b""
    (tmp_path / "in").write_bytes(BULK)
    with open(tmp_path / "in", "rb") as given, open(tmp_path / "out", "wb") as taken:
        subprocess.run(command, stdin=given, stdout=taken, env=environment(home), timeout=TIME, check=True)
    assert (tmp_path / "out").read_bytes() == BULK


def test_whoever_stops_reading_ends_it(sshd, home):  # noqa: F811
    sshd.know(home)
    command = " ".join(COMMAND)
    done = subprocess.run(["sh", "-c", f"{command} ssh target 'yes' | head -n 2"], capture_output=True,
                          env=environment(home), timeout=TIME)
    assert done.stdout == b"y\ny\n" and b"Traceback" not in done.stderr


def test_failures_of_its_own_are_255(sshd, home):  # noqa: F811
    sshd.know(home)
    assert "255" not in ssh(home, "-p", "1", "target", "true", code=255)[1]
    _, told = ssh(home, "-F", "none", "-p", sshd.port, "-i", sshd.folder / "user", "127.0.0.1", "true", code=0)
    assert told == ""
    (home / ".ssh" / "config").write_text("Nonsense\n")
    _, told = ssh(home, "target", "true", code=255)
    assert told == f"sessile: {home}/.ssh/config:1: Nonsense: there is no such option\n"


def test_a_host_that_is_not_known_is_refused_where_nobody_can_be_asked(sshd, home):  # noqa: F811
    sshd.know(home)
    (home / ".ssh" / "known_hosts").unlink()
    _, told = ssh(home, "target", "true", code=255)
    assert "is not known, and there is nobody to ask" in told and not (home / ".ssh" / "known_hosts").exists()
    _, told = ssh(home, "-o", "StrictHostKeyChecking=yes", "target", "true", code=255)
    assert "StrictHostKeyChecking is on" in told
    _, told = ssh(home, "-o", "StrictHostKeyChecking=accept-new", "target", "true")
    assert "Added the ED25519 key" in told and (home / ".ssh" / "known_hosts").exists()
    assert ssh(home, "target", "true") == ("", "")


def test_a_host_with_another_key_is_refused_and_told_of(sshd, home):  # noqa: F811
    sshd.know(home)
    # Longer than a line of the terminal, and with a space in it.
    known = home / f"a {'long' * 30}" / "known_hosts"
    known.parent.mkdir()
    known.write_text("# one line\n" + sessile.KnownHosts.line("127.0.0.1", sshd.port, sessile.Key.generate()))
    for policy in ("ask", "no", "accept-new"):
        _, told = ssh(home, "-o", f"StrictHostKeyChecking={policy}", "-o", f'UserKnownHostsFile="{known}"', "target",
                      "true", code=255)
        assert "IS NOT THE ONE THAT IS KNOWN" in told and "no login was tried" in told
        assert f"  {known}:2" in told.split("\n")


def test_the_wrong_key_and_nobody_to_ask_for_a_password(sshd, home, tmp_path):  # noqa: F811
    sshd.know(home)
    other = tmp_path / "other"
    other.write_bytes(sessile.Key.generate().write())
    _, told = ssh(home, "-F", "none", "-p", sshd.port, "-i", other, "127.0.0.1", "true", code=255)
    assert told.startswith("sessile: ") and told.count("\n") == 1
    assert "no_such: " in ssh(home, "-F", home / "no_such", "target", "true", code=255)[1]


def test_the_environment_and_verbose(sshd, home):  # noqa: F811
    sshd.know(home, "  SetEnv TEST_A=b", "  RemoteCommand echo $TEST_A")
    shown, told = ssh(home, "-v", "target")
    assert shown == "b\n" and "curve25519" in told and sshd.host_key.fingerprint() in told


def test_a_banner_is_harmless_and_can_be_silenced(tmp_path, home, host_key, user_key):  # noqa: F811
    (tmp_path / "banner").write_text("Welcome\x1b]0;title\x07\nall\n")
    folder = tmp_path / "with-banner"
    folder.mkdir()
    with Sshd(folder, host_key, user_key, f"Banner {tmp_path}/banner") as server:
        server.know(home)
        # sshd itself makes it visible; what it has left of it is shown as it is.
        assert "Welcome" in ssh(home, "target", "true")[1] and "\x1b" not in ssh(home, "target", "true")[1]
        assert ssh(home, "-q", "target", "true")[1] == ""


def test_forwarding(sshd, home):  # noqa: F811
    sshd.know(home)
    with socket.create_server(("127.0.0.1", 0)) as echo:
        thread = threading.Thread(target=answer, args=(echo, 3))
        thread.start()
        there = echo.getsockname()[1]
        with sessile_program("ssh", "-v", "-N", "-L", f"0:127.0.0.1:{there}", "-R", f"0:127.0.0.1:{there}", "-D", "0",
                             "target", home=home) as running:
            for option in ("-L", "-R"):
                port = int(running.wait_for(rf"{option} \S+ listening on \S+:(\d+)").group(1))
                assert ask(port, b"hello") == b"HELLO"
            port = int(running.wait_for(r"-D 0: listening on \S+:(\d+)").group(1))
            assert ask_socks(port, there, b"proxied") == b"PROXIED"
            # A port at which nobody is.
            with pytest.raises(ConnectionError):
                ask_socks(port, 1, b"x")
        thread.join(TIME)
    assert "Traceback" not in running.said


def answer(listener, times):
    for _ in range(times):
        connection, _ = listener.accept()
        with connection:
            said = b""
            while data := connection.recv(1000):
                said += data
            connection.sendall(said.upper())


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return tell(connection, data)


def tell(connection, data):
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    said = b""
    while more := connection.recv(1000):
        said += more
    return said


def ask_socks(port, there, data):
    with socket.create_connection(("127.0.0.1", port), timeout=TIME) as connection, connection.makefile("rb") as reads:
        connection.sendall(b"\5\1\0")
        assert reads.read(2) == b"\5\0"
        connection.sendall(b"\5\1\0\3\x09127.0.0.1" + there.to_bytes(2, "big"))
        if reads.read(10)[1] != 0:
            raise ConnectionError
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return reads.read()


def test_a_port_that_is_taken(sshd, home):  # noqa: F811
    sshd.know(home)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        spec = f"{taken.getsockname()[1]}:127.0.0.1:1"
        assert "-L" in ssh(home, "-L", spec, "target", "true")[1]
        ssh(home, "-L", spec, "-o", "ExitOnForwardFailure=yes", "target", "true", code=255)
    assert "forwarding 'nonsense'" in ssh(home, "-L", "nonsense", "target", "true", code=255)[1]


def test_a_jump_host(sshd, home, tmp_path, user_key):  # noqa: F811
    folder = tmp_path / "inner"
    folder.mkdir()
    with Sshd(folder, sessile.Key.generate(), user_key) as inner:
        sshd.know(home, "Host inner", "  HostName 127.0.0.1", f"  Port {inner.port}",
                  f"  IdentityFile {sshd.folder}/user", "  HostKeyAlias inner-alias",
                  "Host through", "  ProxyJump target",
                  "  HostName 127.0.0.1", f"  Port {inner.port}", f"  IdentityFile {sshd.folder}/user",
                  "  HostKeyAlias inner-alias")
        with open(home / ".ssh" / "known_hosts", "a") as known:
            known.write(sessile.KnownHosts.line("inner-alias", 22, inner.host_key))
        assert ssh(home, "-J", "target", "inner", "echo $SSH_CONNECTION")[0].split()[3] == str(inner.port)
        assert ssh(home, "through", "cat", stdin=None, input=BULK)[0].encode("utf-8", "surrogateescape") == BULK
        assert ssh(home, "-J", "target,target", "inner", "echo far")[0] == "far\n"
        assert len(sshd.processes) >= 3


def test_a_command_in_between(sshd, home):  # noqa: F811
    relay = ("import socket,sys,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
             "t=threading.Thread(target=lambda:[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')],daemon=True);"
             "t.start();[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')]")
    (home / "relay.py").write_text(relay)
    sshd.know(home, f"  ProxyCommand {COMMAND[0]} {home}/relay.py %h %p")
    assert ssh(home, "target", "echo hello")[0] == "hello\n"


def test_an_agent(sshd, home, tmp_path):  # noqa: F811
    path = str(tmp_path / "agent")
    with Program(["ssh-agent", "-D", "-a", path]) as agent:
        agent.wait_for("SSH_AUTH_SOCK")
        env = environment(home, SSH_AUTH_SOCK=path)
        sshd.know(home)
        subprocess.run(["ssh-add", "-q", sshd.folder / "user"], check=True, env=env)
        (sshd.folder / "user").unlink()
        assert ssh(home, "target", "echo hello", env=env)[0] == "hello\n"
        ssh(home, "-o", "IdentitiesOnly=yes", "target", "true", env=env, code=255)
        (sshd.folder / "user.pub").write_text(sshd.user_key.write_public())
        assert ssh(home, "-o", "IdentitiesOnly=yes", "target", "echo hello", env=env)[0] == "hello\n"
        ssh(home, "-o", "IdentityAgent=none", "target", "true", env=env, code=255)
    # One that is gone does not matter.
    (sshd.folder / "user").write_bytes(sshd.user_key.write())
    assert ssh(home, "target", "echo hello", env=env)[0] == "hello\n"


# ---- The same from Python ----


async def test_the_files_feed_connect(sshd, home):  # noqa: F811
    sshd.know(home)
    path = home / ".ssh" / "config"
    async with aio.connect(**openssh.load("target", config=path, home=home).connect_arguments()) as connection:
        assert (await connection.run("echo hello")).stdout == b"hello\n"
    through = openssh.load("target", config=path, home=home, options=["ProxyJump=me@target:22"])
    assert through.jumps and through.proxy_jump == "me@target:22"


async def test_a_jump_host_ends_with_the_connection_through_it(sshd, home):  # noqa: F811
    sshd.know(home, "Host second", "  HostName localhost", f"  Port {sshd.port}", "  ProxyJump target",
              f"  IdentityFile {sshd.folder}/user", "  HostKeyAlias [127.0.0.1]:" + str(sshd.port))
    config = openssh.load("second", config=home / ".ssh" / "config", home=home)
    async with aio.connect(**config.connect_arguments()) as connection:
        jump = connection.tunnel
        assert jump is not None and (await connection.run("echo hello")).stdout == b"hello\n"
    assert jump.session.over and connection.error is None
    with pytest.raises(sessile.VerificationError):
        await aio.connect(**{**config.connect_arguments(), "host_key_alias": "somebody else"})


async def test_encrypted_keys_are_unlocked_when_they_are_wanted(sshd, home, user_key):  # noqa: F811
    sshd.know(home)
    path = sshd.folder / "user"
    path.write_bytes(user_key.write(passphrase="secret"))
    other = sshd.folder / "other"
    other.write_bytes(sessile.Key.generate().write(passphrase="never asked for"))
    asked = []

    async def passphrase(file):
        await asyncio.sleep(0)
        asked.append(file)
        return "secret" if len(asked) > 1 else "wrong"

    config = openssh.load("target", config=home / ".ssh" / "config", home=home, options=[f"IdentityFile {other}"])
    arguments = config.connect_arguments(lambda _: {"passphrase": passphrase, "attempts": 2})
    async with aio.connect(**arguments) as connection:
        assert (await connection.run("echo hello")).stdout == b"hello\n"
    assert asked == [path, path]
    asked.clear()
    with pytest.raises(sessile.RefusedError):
        await aio.connect(**config.connect_arguments(lambda _: {"passphrase": passphrase}))
    assert asked == [path]
    with pytest.raises(sessile.RefusedError):
        await aio.connect(**config.connect_arguments())


# ---- A server ----


def test_a_server_for_ssh(tmp_path):
    with sessile_program("serve", "ssh", "-p", "0", "--password", "right", home=tmp_path) as server:
        words = server.wait_for(r"\n  ssh (.*)\n").group(1).split()
        client = ["ssh", "-F", "none", "-o", "BatchMode=yes", *words]
        done = subprocess.run([*client, "echo out; echo err >&2; exit 3"], capture_output=True, timeout=TIME,
                              env=environment(tmp_path))
        assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)
        done = subprocess.run([*client, "cat"], input=BULK, capture_output=True, timeout=TIME,
                              env=environment(tmp_path))
        assert done.stdout == BULK and done.returncode == 0
        done = subprocess.run([*client, "kill -TERM $$"], timeout=TIME, env=environment(tmp_path))
        assert done.returncode == 128 + 15
        server.wait_for("is in, by the key SHA256:")
        done = subprocess.run([*client, "-tt", "stty size; tty"], capture_output=True, timeout=TIME,
                              stdin=subprocess.DEVNULL, env=environment(tmp_path))
        assert b"/dev/pts/" in done.stdout and done.returncode == 0
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        words[words.index("-i") + 1] = str(other)
        done = subprocess.run(["ssh", "-F", "none", "-o", "BatchMode=yes", *words, "true"], capture_output=True,
                              timeout=TIME, env=environment(tmp_path))
        assert done.returncode == 255 and b"Permission denied" in done.stderr
    assert server.process.returncode == 0 and "Traceback" not in server.said


def test_a_server_that_runs_nothing_and_lets_only_listed_keys_in(tmp_path, user_key):
    (tmp_path / "authorized").write_text(user_key.write_public())
    (tmp_path / "user").write_bytes(user_key.write())
    (tmp_path / "user").chmod(0o600)
    with sessile_program("serve", "ssh", "-p", "0", "--echo", "--authorized-keys", str(tmp_path / "authorized"),
                         "--user", "alice", "--host-key", str(tmp_path / "host")) as server:
        port = server.wait_for(r"SSH on 127\.0\.0\.1:(\d+)").group(1)
        server.wait_for("Ctrl-C")
        assert (tmp_path / "host").stat().st_mode & 0o777 == 0o600
        options = ["-F", "none", "-p", port, "-i", str(tmp_path / "user"), "-o", "StrictHostKeyChecking=no",
                   "-o", f"UserKnownHostsFile={tmp_path}/known"]
        shown, _ = run("ssh", *options, "alice@127.0.0.1", "touch made", stdin=None, input=b"back\n", home=tmp_path)
        assert shown == "back\n" and not (tmp_path / "made").exists()
        run("ssh", *options, "bob@127.0.0.1", "x", home=tmp_path, code=255)
        done = subprocess.run(["ssh", *options, "-o", "BatchMode=yes", "alice@127.0.0.1", "x"], input=b"also\n",
                              capture_output=True, timeout=TIME)
        assert done.stdout == b"also\n"


# ---- Parts ----


@pytest.mark.parametrize("text, expected", [
    ("80:host:81", (End("127.0.0.1", 80), End("host", 81))), ("*:80:host:81", (End("", 80), End("host", 81))),
    ("[::1]:80:[::2]:81", (End("::1", 80), End("::2", 81))), (":80:host:81", (End("", 80), End("host", 81))),
    ("/a:/b", (End(path="/a"), End(path="/b"))), ("80:/b", (End("127.0.0.1", 80), End(path="/b"))),
    ("h:80:/b", (End("h", 80), End(path="/b"))), ("/a:host:81", (End(path="/a"), End("host", 81))),
])
def test_what_is_to_be_forwarded(text, expected):
    assert parse_forward(text) == expected


@pytest.mark.parametrize("text", ["", "80", "80:host", "x:host:81", "80:host:x", "0:host:1", "a:b:c:d:e", "80::81"])
def test_what_cannot_be_forwarded(text):
    with pytest.raises(openssh.ConfigError, match="forwarding"):
        parse_forward(text)


@pytest.mark.parametrize("pieces, expected", [
    ([b"ab~.c"], b"ab~.c"), ([b"\r~~x"], b"\r~x"), ([b"~", b"x"], b"~x"), ([b"a\r", b"~", b"~"], b"a\r~"),
])
def test_keys_that_go_through(pieces, expected):
    keys = Keys(True)
    assert b"".join(map(keys.pressed, pieces)) == expected


@pytest.mark.parametrize("pieces", [[b"~."], [b"ls\r~."], [b"ls\r", b"~", b"."]])
def test_keys_that_end_the_connection(pieces):
    keys = Keys(True)
    with pytest.raises(Disconnect):
        for piece in pieces:
            keys.pressed(piece)
    assert b"".join(map(Keys(False).pressed, pieces)) == b"".join(pieces)
