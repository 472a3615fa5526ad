# SPDX-License-Identifier: Apache-2.0
"""The command line of the Python peers: that of examples/c/ssh_client and ssh_server, and what both peers share."""

import argparse
import sys
from pathlib import Path

FAILURE = 255


def names(text):
    return text.split(",") if text else []


def place(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def parse():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    client, server = roles.add_parser("client"), roles.add_parser("server")
    for role in (client, server):
        for name in ("kex", "ciphers", "macs", "host-key-algorithms", "user-key-algorithms", "compression"):
            role.add_argument(f"--{name}", type=names, default=[])
        role.add_argument("--rekey-bytes", type=int, default=0)
        role.add_argument("--password-file", type=Path)
        role.add_argument("--hostbased")
    client.add_argument("-p", dest="port", type=int)
    client.add_argument("-l", dest="user")
    client.add_argument("-i", dest="key")
    client.add_argument("--known-hosts")
    client.add_argument("--host-key-check", default="yes")
    client.add_argument("-W", dest="direct", type=place)
    client.add_argument("-R", dest="remote")
    client.add_argument("-N", dest="idle", action="store_true")
    client.add_argument("-t", dest="pty", action="store_true")
    client.add_argument("host")
    client.add_argument("command", nargs="?")
    server.add_argument("--port", type=int, default=0)
    server.add_argument("--host-key", action="append", default=[])
    server.add_argument("--authorized-keys")
    server.add_argument("--auth-methods", type=names, default=[])
    server.add_argument("--allow-forward", action="store_true")
    return parser.parse_args()


def passwords(path):
    """user and password of each line."""
    return dict(line.split(":", 1) for line in path.read_text().splitlines())


def shell(command, terminal=None):
    """What runs a command; with a terminal (rows, columns), in a pty of that size."""
    if not terminal:
        return ["sh", "-c", command]
    return ["script", "-qec", f"stty rows {terminal[0]} cols {terminal[1]}; {command}", "/dev/null"]


def fail(what, error):
    print(f"{what}: {error}", file=sys.stderr, flush=True)
    sys.exit(FAILURE)
