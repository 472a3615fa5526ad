# SPDX-License-Identifier: Apache-2.0
"""Servers behind one way to start each: a Service says what it is to be, start() gives one that listens.

All of them run what they are asked to by the shell, as the user that runs the tests. OpenSSH, dropbear and Sessile look
users up in the system's list; nss_wrapper shows them one with a user of the test's own.
"""

import os
import re
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from getpass import getuser
from pathlib import Path
from socket import gethostname

import build
from algorithms import Suite
from child import free_port
from clients import Job, environment
from keys import HOST, PASSWORD, USER

WRAPPER = "libnss_wrapper.so"
TRIES = 5


@dataclass(frozen=True)
class Service:
    """host_keys: of keys.Key. authorized: a file of keys; passwords: one of lines user:password. Any may be missing."""

    host_keys: tuple
    authorized: Path | None = None
    passwords: Path | None = None
    # A file of machines whose users are trusted.
    machines: Path | None = None
    forward: bool = False
    # What it wants one after the other, or the one that it takes.
    methods: str | None = None
    # Of OpenSSH's alone: how much it says.
    log: str = "VERBOSE"
    rekey: int = 0
    suite: Suite | None = None
    kex: str | None = None
    cipher: str | None = None
    mac: str | None = None
    host_key: str | None = None
    user_key: str | None = None
    compression: str | None = None

    def of_suite(self):
        if not self.suite:
            return self
        return replace(self, **{name: getattr(self.suite, name) for name in (
            "kex", "cipher", "mac", "host_key", "user_key", "compression")}, suite=None)


class Running:
    """A server that listens. job(): what a client that trusts it is to do."""

    def __init__(self, child, port, service):
        self.child = child
        self.port = port
        self.service = service

    def job(self, children, keys, **what):
        path = keys.known_hosts(children.path(".known_hosts"), self.port, self.service.host_keys)
        return Job(self.port, **{"known_hosts": path, "known_keys": self.service.host_keys, **what})


@cache
def hash_of(password):
    done = subprocess.run(["openssl", "passwd", "-6", password], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def wrapper():
    found = subprocess.run(["sh", "-c", f"ls /usr/lib*/{WRAPPER} /usr/lib/*/{WRAPPER} 2>/dev/null"],
                           capture_output=True, text=True, check=False).stdout.split()
    assert found, f"{WRAPPER} is not installed, and OpenSSH's and dropbear's servers need it"
    return found[0]


def users(children):
    """The test's own user, with the uid of whoever runs this, and the system's: variables for nss_wrapper."""
    line = f"{USER}:{hash_of(PASSWORD)}:{os.getuid()}:{os.getgid()}:tester:{children.folder}:/bin/sh\n"
    passwd, group = children.folder / "passwd", children.folder / "group"
    passwd.write_text(line + Path("/etc/passwd").read_text())
    group.write_text(Path("/etc/group").read_text())
    return {"LD_PRELOAD": wrapper(), "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


class Server:
    # Only OpenSSH's and libraries' can be told a list; with the others, the client settles what is used.
    def __init__(self, name):
        self.name = name

    def start(self, children, service):
        raise NotImplementedError


def on_free_port(children, service, command, says, **more):
    """Start what must be told a port, and tell it another one where somebody was faster."""
    for _ in range(TRIES):
        port = free_port()
        child = children.start(*command(port), env=environment(children, **users(children)), **more)
        if child.err.wait(lambda data: re.search(says.encode(), data)):
            return Running(child, port, service)
    raise AssertionError(child.log())


class Openssh(Server):
    def trust_machines(self, children, service):
        """Settings for hostbased: it looks in the user's own files, for the machine and for its user."""
        if not service.machines:
            return {}
        folder = children.folder / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "known_hosts").write_text(service.machines.read_text())
        (children.folder / ".shosts").write_text(f"{gethostname()} {getuser()}\n")
        return {"HostbasedAuthentication": "yes", "HostbasedUsesNameFromPacketOnly": "yes", "IgnoreRhosts": "no",
                "IgnoreUserKnownHosts": "no"}

    def config(self, children, service, port):
        keys = [line for key in service.host_keys for line in (
            f"HostKey {key.path}", *([f"HostCertificate {key.certificate}"] if key.certificate.exists() else []))]
        given = {
            "ListenAddress": HOST, "Port": port, "PidFile": "none", "UsePAM": "no", "StrictModes": "no",
            "PermitRootLogin": "yes", "LogLevel": service.log, "UseDNS": "no", "PrintMotd": "no", "PrintLastLog": "no",
            "AuthorizedKeysFile": service.authorized or "none", "MaxStartups": 100, "Subsystem": "sftp internal-sftp",
            "PasswordAuthentication": "yes" if service.passwords else "no", "KbdInteractiveAuthentication": "no",
            "AllowTcpForwarding": "yes" if service.forward else "no", "Compression": "delayed",
            "RekeyLimit": service.rekey or None, "AuthenticationMethods": service.methods,
            "KexAlgorithms": service.kex, "Ciphers": service.cipher,
            "MACs": service.mac, "HostKeyAlgorithms": service.host_key,
            "PubkeyAcceptedAlgorithms": service.user_key, **self.trust_machines(children, service)}
        path = children.path(".sshd_config")
        lines = [f"{name} {value}" for name, value in given.items() if value is not None]
        path.write_text("".join(f"{line}\n" for line in (*lines, *keys)))
        return path

    def start(self, children, service):
        service = service.of_suite()
        if os.getuid() == 0:
            # Where the compiled-in folder for its unprivileged part is only made at boot.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        return on_free_port(children, service, lambda port: (
            "/usr/sbin/sshd", "-D", "-e", "-f", self.config(children, service, port)), "Server listening on")


class Dropbear(Server):
    def start(self, children, service):
        service = service.of_suite()
        folder = children.folder / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "authorized_keys").write_text(service.authorized.read_text() if service.authorized else "")
        keys = [word for key in service.host_keys for word in ("-r", key.dropbear())]
        limits = [*([] if service.passwords else ["-s"]), *([] if service.forward else ["-j", "-k"])]
        return on_free_port(children, service, lambda port: (
            "/usr/sbin/dropbear", "-F", "-E", "-m", "-P", children.folder / "pid", "-p", f"{HOST}:{port}", *limits,
            *keys), "Not backgrounding")


class Own(Server):
    """A program with the command line of examples/c/ssh_server: Sessile's own, and the peers of the folder peers."""

    def __init__(self, name, *program):
        super().__init__(name)
        self.program = program

    def key_words(self, key):
        """The peers take a certificate that lies beside a key; they have no option for it."""
        return ("--host-key", key.path)

    def variables(self, children):
        return {}

    def words(self, service):
        given = {"--authorized-keys": service.authorized, "--password-file": service.passwords, "--kex": service.kex,
                 "--ciphers": service.cipher, "--macs": service.mac, "--host-key-algorithms": service.host_key,
                 "--user-key-algorithms": service.user_key, "--compression": service.compression,
                 "--rekey-bytes": service.rekey or None, "--hostbased": service.machines,
                 "--auth-methods": service.methods}
        return [*(word for key in service.host_keys for word in self.key_words(key)),
                *(word for name, value in given.items() if value for word in (name, value)),
                *(["--allow-forward"] if service.forward else [])]

    def start(self, children, service, *more):
        service = service.of_suite()
        command = build.ready([*self.program, "--port", 0, *self.words(service), *more])
        child = children.start(*command, env=environment(children, **self.variables(children)))
        port = int(child.wait_for(r"^listening on 127\.0\.0\.1:(\d+)\n").group(1))
        return Running(child, port, service)


class Sessile(Own):
    def key_words(self, key):
        certificate = ("--host-certificate", key.certificate) if key.certificate.exists() else ()
        return (*super().key_words(key), *certificate)

    def variables(self, children):
        return users(children)


def servers():
    """Each peer's server by its name."""
    return {server.name: server for server in (
        Openssh("OpenSSH"), Dropbear("dropbear"), *(Own(name, *command) for name, command in build.servers().items()))}
