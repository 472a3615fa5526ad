# SPDX-License-Identifier: Apache-2.0
"""Where the peers are that peers/build.sh made: programs of ours on other implementations, with one command line.

SESSILE_PEERS names their folder, build/peers by default. The command line is that of examples/c/ssh_client and
ssh_server, as far as each implementation goes.
"""

import functools
import os
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
TREE = HERE.parents[2]
FOLDER = Path(os.environ.get("SESSILE_PEERS", TREE / "build" / "peers")).absolute()

# Warnings of their libraries' would stand in what the tests compare.
PYTHON = (FOLDER / "venv" / "bin" / "python", "-W", "ignore")
# They have no setting for it, or none that they keep to; JSch can be asked to, and stalls then, with OpenSSH as well.
NO_REKEY = ("libssh2", "paramiko", "Node ssh2", "JSch")
# They end a connection forwarded from the server's side both ways where its other end has ended its sending.
NO_HALF_CLOSE = {"client": ("JSch",), "server": ("Apache MINA",)}


@functools.cache
def go_crypto():
    """The version of golang.org/x/crypto in the Go peer: build.sh takes an old one for an old Go. Zeros where the peer
    is not there, which the tests that need it will say."""
    if not (FOLDER / "go_peer").exists():
        return 0, 0, 0
    done = subprocess.run(["go", "version", "-m", FOLDER / "go_peer"], capture_output=True, text=True, check=True)
    return tuple(map(int, re.search(r"golang\.org/x/crypto\s+v(\d+)\.(\d+)\.(\d+)", done.stdout).groups()))


def clients():
    return {
        "libssh": [FOLDER / "libssh_client"],
        "libssh2": [FOLDER / "libssh2_client"],
        "paramiko": [*PYTHON, HERE / "peers" / "paramiko_peer.py", "client"],
        "asyncssh": [*PYTHON, HERE / "peers" / "asyncssh_peer.py", "client"],
        "Go x/crypto/ssh": [FOLDER / "go_peer", "client"],
        "russh": [FOLDER / "russh_peer", "client"],
        "Node ssh2": [FOLDER / "node_peer", "client"],
        "JSch": [FOLDER / "java_peer", "jsch-client"],
        "Apache MINA": [FOLDER / "java_peer", "mina-client"],
    }


def servers():
    return {
        "libssh": [FOLDER / "libssh_server"],
        "paramiko": [*PYTHON, HERE / "peers" / "paramiko_peer.py", "server"],
        "asyncssh": [*PYTHON, HERE / "peers" / "asyncssh_peer.py", "server"],
        "Go x/crypto/ssh": [FOLDER / "go_peer", "server"],
        "russh": [FOLDER / "russh_peer", "server"],
        "Node ssh2": [FOLDER / "node_peer", "server"],
        "Apache MINA": [FOLDER / "java_peer", "mina-server"],
    }


def ready(command):
    """The command, if its program is there."""
    path = Path(command[0])
    assert FOLDER not in path.parents or path.exists(), f"{path} is not there: ./run peers makes it"
    return command
