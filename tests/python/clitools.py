# SPDX-License-Identifier: Apache-2.0
"""The command line as a program, what it talks to, and a real terminal around it. All of it is of the tests' own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import sessile

SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
TMUX = shutil.which("tmux")
TIME = 30
ROOT = str(Path(sessile.__file__).parents[1])
COMMAND = [sys.executable, "-W", "error", "-m", "sessile"]


def environment(home=None, **more):
    """Without this machine's agent and settings."""
    env = {name: value for name, value in os.environ.items() if name not in ("SSH_AUTH_SOCK", "COLUMNS", "LINES")}
    return {**env, "PYTHONPATH": ROOT, "COLUMNS": "100", **({"HOME": str(home)} if home else {}), **more}


def run(*words, home=None, code=0, env=None, **options):
    """Run it to its end, and return its output: (stdout, stderr). No warning of Python's may be among it."""
    done = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, timeout=TIME, cwd=home,
                          env=env or environment(home), **{"stdin": subprocess.DEVNULL, **options},
                          start_new_session=True)
    told = done.stderr.decode()
    assert done.returncode == code, (done.returncode, done.stdout, told)
    assert "Traceback" not in told and "Warning" not in told, told
    return done.stdout.decode("utf-8", "surrogateescape"), told


class Program:
    """A program that goes on running; what it says is kept."""

    def __init__(self, command, **options):
        self.said = ""
        self.changed = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **options})
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self.changed:
                self.said += data.decode("utf-8", "replace")
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, pattern):
        with self.changed:
            self.changed.wait_for(lambda: re.search(pattern, self.said) or self.ended, TIME)
            found = re.search(pattern, self.said)
            assert found, f"{pattern!r} was not said:\n{self.said}"
            return found

    def stop(self):
        self.process.terminate()
        self.process.wait(TIME)
        self.thread.join(TIME)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def sessile_program(*words, home=None, **options):
    return Program([*COMMAND, *words], env=environment(home), **options)


class Sshd:
    """An sshd for each connection to a port of loopback, until it is closed."""

    def __init__(self, folder, host_key, user_key, *settings):
        self.folder, self.host_key, self.user_key = folder, host_key, user_key
        for name, key in (("host", host_key), ("user", user_key)):
            (folder / name).write_bytes(key.write())
            (folder / name).chmod(0o600)
        (folder / "authorized").write_text(user_key.write_public())
        text = [f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/authorized", "StrictModes no", "UsePAM no",
                "PidFile none", "PermitRootLogin yes", "PasswordAuthentication no", "AcceptEnv TEST_*",
                "PrintLastLog no", "PrintMotd no", *settings]
        (folder / "sshd_config").write_text("".join(f"{line}\n" for line in text))
        self.processes = []

    def __enter__(self):
        assert SSHD, "there is no sshd"
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, open(self.folder / "log", "ab") as log:
                self.processes.append(subprocess.Popen(
                    [SSHD, "-i", "-e", "-f", self.folder / "sshd_config"], stdin=connection, stdout=connection,
                    stderr=log))

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(TIME)
        for process in self.processes:
            process.terminate()
            process.wait(TIME)

    def know(self, home, *more):
        """A home whose ~/.ssh knows this host as "target"."""
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "known_hosts").write_text(sessile.KnownHosts.line("127.0.0.1", self.port, self.host_key))
        # The machine's own file may want them hashed.
        lines = ["HashKnownHosts no", "Host target", "  HostName 127.0.0.1", f"  Port {self.port}",
                 f"  IdentityFile {self.folder}/user", *more]
        (ssh / "config").write_text("\n".join(lines) + "\n")
        return home


class Tmux:
    """A terminal of 100 columns and 30 rows with a shell in it."""

    def __init__(self, folder, home):
        assert TMUX, "there is no tmux"
        self.socket = str(folder / "tmux")
        run_it = " ".join(COMMAND)
        (folder / "shellrc").write_text(f"PS1='ready> '\nsessile() {{ {run_it} \"$@\"; }}\n")
        env = environment(home, ENV=str(folder / "shellrc"), TERM="xterm-256color", LC_ALL="C.UTF-8")
        env.pop("COLUMNS")
        env.pop("TMUX", None)
        self.env = env
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "sh -i")
        self.wait_for(r"ready>$")

    def tmux(self, *words):
        done = subprocess.run([TMUX, "-u", "-S", self.socket, *words], capture_output=True, text=True, env=self.env,
                              timeout=TIME)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")

    def fresh(self, text):
        """The same at a prompt on an empty screen: nothing from before is taken for what is to come."""
        self.wait_for(r"(ready|far)>\Z")
        self.tmux("send-keys", "-R")
        self.type(text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p", "-J").splitlines()).rstrip()

    def wait_for(self, pattern):
        """Until the screen shows it, or the time is over."""
        end = time.monotonic() + TIME
        while time.monotonic() < end:
            shown = self.screen()
            if found := re.search(pattern, shown, re.M):
                return found
        raise AssertionError(f"{pattern!r} is not on the screen:\n{shown}")

    def close(self):
        self.tmux("kill-server")


@pytest.fixture
def sshd(tmp_path, host_key, user_key):
    folder = tmp_path / "sshd"
    folder.mkdir()
    with Sshd(folder, host_key, user_key) as running:
        yield running


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def terminal(tmp_path, home):
    made = Tmux(tmp_path, home)
    yield made
    made.close()
