#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An SSH bastion: it lets known users in, and connects them to the inner hosts that it was told of. Nothing else.

    ssh_bastion.py --host-key host.key --user alice=alice.pub --allow '*.inner:22' --listen 127.0.0.1:2222
    ssh -J alice@bastion:2222 db.inner

A user's file is in the form of authorized_keys; its options (from=, permitopen=, expiry-time=, ...) hold. There is no
shell: whoever asks for one is told what this is. Each login and each connection is logged."""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import logging
import signal
import sys
from pathlib import Path

import sessile
from sessile.asyncio import ServerProcess, SSHServerHandler, listen

log = logging.getLogger("bastion")
Place = tuple[str, int]


def place(text: str) -> Place:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def user(text: str) -> tuple[str, sessile.AuthorizedKeys]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=FILE")
    try:
        return name, sessile.AuthorizedKeys(Path(path).read_bytes())
    except (OSError, sessile.Error) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from error


def key(path: str) -> sessile.Key:
    try:
        return sessile.Key.read(Path(path).read_bytes())
    except (OSError, sessile.Error) as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from error


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An SSH server that forwards to inner hosts, and does nothing else.")
    parser.add_argument("--listen", type=place, default=("127.0.0.1", 2222), metavar="HOST:PORT",
                        help="where (127.0.0.1:2222; port 0: any, told on stdout)")
    parser.add_argument("--host-key", type=key, action="append", required=True, metavar="FILE",
                        help="a private key of this host; may be repeated")
    parser.add_argument("--user", type=user, action="append", required=True, metavar="NAME=FILE",
                        help="a user, and the keys that let him in; may be repeated")
    parser.add_argument("--allow", type=place, action="append", required=True, metavar="HOST:PORT",
                        help="an inner host, * and ? stand for what they do in a shell; may be repeated")
    return parser.parse_args()


class Bastion(SSHServerHandler):
    """One connection. ``users``: whose keys are which; ``inner``: where one may go."""

    def __init__(self, users: dict[str, sessile.AuthorizedKeys], inner: list[Place]) -> None:
        self.users, self.inner = users, inner
        self.grants: dict[bytes, sessile.Grant] = {}

    @property
    def address(self) -> str:
        return str(self.connection.get_extra_info("peername")[0])

    @property
    def who(self) -> str:
        return f"{self.connection.ssh.user}@{self.address}"

    @property
    def grant(self) -> sessile.Grant:
        """What the key may do that the user has logged in with."""
        used = self.connection.ssh.user_key
        assert used is not None
        return self.grants[used.blob()]

    async def public_key(self, user: str, key: sessile.Key) -> bool:
        keys = self.users.get(user)
        if keys is None:
            log.warning("%s: there is no user %r", self.address, user)
            return False
        try:
            self.grants[key.blob()] = keys.match(key, user, address=self.address)
        except sessile.VerificationError as error:
            log.warning("%s: %r with %s: %s", self.address, user, key.fingerprint(), error.text)
            return False
        return True

    async def open_tcp(self, host: str, port: int, origin: tuple[str, int]) -> bool:
        known = any(fnmatch.fnmatchcase(host, pattern) and port == at for pattern, at in self.inner)
        allowed = known and self.grant.allows(sessile.Allow.PORT_FORWARDING) and self.grant.allows_open(host, port)
        log.info("%s: to %s:%d, %s", self.who, host, port, "allowed" if allowed else "refused")
        return allowed

    async def terminal(self, term: str, columns: int, rows: int) -> bool:
        return False

    def connected(self) -> None:
        used = self.connection.ssh.user_key
        log.info("%s: logged in with %s", self.who, used.fingerprint() if used else "no key")

    def disconnected(self, error: Exception | None) -> None:
        log.info("%s: gone%s", self.address, f": {error}" if error else "")


async def explain(process: ServerProcess) -> int:
    process.stdout.write(b"This host has no shell. It leads to others: ssh -J.\n")
    return 1


async def serve(options: argparse.Namespace) -> None:
    users, stop = dict(options.user), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with await listen(
        *options.listen, server_host_keys=options.host_key, handler=lambda: Bastion(users, options.allow),
        process_factory=explain, config=sessile.SSHConfig.server().set_auth_methods("publickey"),
        login_timeout=30, keepalive_interval=60,
    ) as server:
        print(f"listening on port {server.port}", flush=True)
        await stop.wait()


def main() -> int:
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        asyncio.run(serve(options))
    except (OSError, sessile.Error) as error:
        print(f"ssh_bastion: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
