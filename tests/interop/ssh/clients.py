# SPDX-License-Identifier: Apache-2.0
"""Clients behind one way to use each: a Job says what is to be done, run() does it, an Outcome says what came of it.

A peer that has no option for an algorithm ignores that part of a Job: the other side settles it.
"""

import os
import shlex
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import TimeoutExpired

import build
from algorithms import Suite
from child import TIMEOUT, connected
from keys import HOST, USER, Key

LIMIT = 60


@dataclass(frozen=True)
class Job:
    """What a client is to do. key or password (a file) authenticate; known_hosts: a file, None: any key is taken."""

    port: int
    user: str = USER
    key: Key | None = None
    password: Path | None = None
    # The key of this machine, as whose user it logs in (hostbased).
    machine: Key | None = None
    known_hosts: Path | None = None
    known_keys: tuple = ()
    # Whose certificates of hosts are trusted; known_hosts says so too.
    authority: Key | None = None
    command: str | None = None
    subsystem: str | None = None
    direct: tuple | None = None
    local: str | None = None
    remote: str | None = None
    socks: str | None = None
    # user@host:port of a server on the way; or a job of the same peer's that leads there.
    jump: str | None = None
    through: "Job | None" = None
    pty: bool = False
    rekey: int = 0
    suite: Suite | None = None
    kex: str | None = None
    cipher: str | None = None
    mac: str | None = None
    host_key: str | None = None
    user_key: str | None = None
    compression: str | None = None

    @property
    def idle(self):
        """Nothing but forwarding."""
        return bool(self.local or self.remote or self.socks) and not self.command and not self.subsystem

    def of_suite(self):
        """The algorithms of the suite one by one, where there is one."""
        if not self.suite:
            return self
        return replace(self, kex=self.suite.kex, cipher=self.suite.cipher, mac=self.suite.mac,
                       host_key=self.suite.host_key, user_key=self.suite.user_key,
                       compression=self.suite.compression, suite=None)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: bytes
    err: bytes
    log: str


def feed(child, data):
    """What a program does not want to read any more is its own affair."""
    with suppress(OSError, ValueError):
        child.write(data)
        child.end_input()


def give(child, data):
    """Its input, and the end of that, from a thread: what it says meanwhile is read."""
    threading.Thread(target=feed, args=(child, data), daemon=True).start()


def finish(child, data=b"", limit=LIMIT):
    """Give a program its input, and wait for its end."""
    give(child, data)
    try:
        status = child.process.wait(limit)
    except TimeoutExpired:
        raise AssertionError(f"does not end within {limit} s\n{child.log()}") from None
    child.out.thread.join(limit)
    child.err.thread.join(limit)
    return Outcome(status, bytes(child.out.data), bytes(child.err.data), child.log())


def wait_for_port(port, child):
    """Until a program listens there, or is no more."""
    end = time.monotonic() + TIMEOUT
    while True:
        with suppress(ConnectionRefusedError), connected(port):
            return
        assert child.process.poll() is None and time.monotonic() < end, child.log()
        time.sleep(0.01)


def environment(children, **more):
    """A home of the test's own: nothing of the user's is read or written."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "JAVA_HOME", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(children.folder), "TERM": "dumb", **more}


class Client:
    """start() gives the running program; run() its end."""

    # What it says where it is not let in, and where it refuses the host's key.
    denied = "denied"
    distrusts = "host key"
    # Can be told to look for new keys after some bytes.
    rekeys = True
    # It ends when what it relays has ended (job.direct).
    ends = True
    # Messages of its own stand in what it shows of the other side's stderr.
    stderr_is_exact = True
    # Its own statuses for that.
    failure = (255,)

    def __init__(self, name):
        self.name = name

    def start(self, children, job):
        job = job.of_suite()
        command = build.ready(self.command(children, job))
        return children.start(*command, env=environment(children, **self.variables(children, job)))

    def run(self, children, job, data=b"", limit=LIMIT):
        return finish(self.start(children, job), data, limit)

    def variables(self, children, job):
        return {}


def options(flag, *values):
    return [word for value in values if value for word in (flag, str(value))]


def settings(**given):
    return [word for name, value in given.items() if value is not None for word in ("-o", f"{name}={value}")]


def askpass(children, password):
    """A program that says a password, for those that will not read a file."""
    path = children.folder / "askpass"
    path.write_text(f'#!/bin/sh\ncat "{password}"\n')
    path.chmod(0o700)
    return str(path)


class Openssh(Client):
    denied = "Permission denied"
    distrusts = "Host key verification failed"

    def __init__(self, name="OpenSSH", level="ERROR", methods=None):
        super().__init__(name)
        self.level = level
        self.methods = methods

    def common(self, job):
        """What ssh and sftp share."""
        methods = self.methods or ("password" if job.password else "publickey")
        key = settings(IdentityFile=job.key.path) if job.key else []
        return ["-F", "none", *key, *settings(
            User=job.user, IdentitiesOnly="yes", IdentityAgent="none", PreferredAuthentications=methods,
            NumberOfPasswordPrompts=1, LogLevel=self.level, GlobalKnownHostsFile="none", UpdateHostKeys="no",
            UserKnownHostsFile=job.known_hosts or "/dev/null", StrictHostKeyChecking="yes" if job.known_hosts else "no",
            ConnectTimeout=20, ExitOnForwardFailure="yes", PubkeyAcceptedAlgorithms=job.user_key,
            KexAlgorithms=job.kex, Ciphers=job.cipher, MACs=job.mac, HostKeyAlgorithms=job.host_key,
            Compression="yes" if job.compression == "zlib@openssh.com" else "no",
            RekeyLimit=f"{job.rekey}" if job.rekey else None)]

    def command(self, children, job):
        what = ["-W", "%s:%d" % job.direct] if job.direct else [*options("-L", job.local), *options("-R", job.remote)]
        what += options("-D", job.socks)
        if job.through:
            what += settings(ProxyCommand=shlex.join(map(str, self.command(children, job.through))))
        what += ["-tt"] if job.pty else ["-T"]
        last = ["-s", HOST, job.subsystem] if job.subsystem else [HOST, job.command] if job.command else [HOST]
        what += ["-N"] if job.idle else []
        return ["ssh", *self.common(job), "-p", job.port, *what, *last]

    def start_sftp(self, children, job, commands):
        return children.start("sftp", *self.common(job.of_suite()), "-P", job.port, "-b", commands, HOST,
                              env=environment(children))

    def variables(self, children, job):
        return {"SSH_ASKPASS": askpass(children, job.password), "SSH_ASKPASS_REQUIRE": "force"} if job.password else {}


# The output of a command goes to a file first, and then where it is to go.
SPOOL = '"$@" >"$0"; status=$?; cat "$0"; exit $status'


class Dropbear(Client):
    """Where a pipe for its output is full as the channel ends, it looks for the end before it writes the rest, and then
    waits for what never comes, whoever the server is. A file is never full."""

    denied = "[Nn]o auth methods could be used|Permission denied|[Pp]assword auth failed|exited: Disconnect received"
    distrusts = "[Hh]ost.?key|Host is not in the trusted hosts file|known_hosts"
    rekeys = False
    # For that reason.
    ends = False
    stderr_is_exact = False
    # 0 where the server has had enough of the same password: it goes on giving that until it is thrown out.
    failure = (0, 1)

    def command(self, children, job):
        if job.known_hosts:
            folder = children.folder / ".ssh"
            folder.mkdir(exist_ok=True)
            # It looks hosts up by name alone, without a port.
            lines = [f"{HOST} {key.line}\n" for key in job.known_keys]
            (folder / "known_hosts").write_text("".join(lines))
        what = ["-B", "%s:%d" % job.direct] if job.direct else [*options("-L", job.local), *options("-R", job.remote)]
        what += ["-t"] if job.pty else ["-T"]
        what += ["-N"] if job.idle else []
        last = ["-s", job.subsystem] if job.subsystem else [job.command] if job.command else []
        words = ["dbclient", "-p", job.port, "-l", job.user, *([] if job.known_hosts else ["-y", "-y"]),
                 *(["-i", job.key.dropbear()] if job.key else []), *options("-c", job.cipher), *options("-m", job.mac)]
        words = [*words, *what, *([last[0]] if job.subsystem else []), HOST, *last[-1:]]
        # It asks for a terminal only where it has one itself.
        return ["script", "-qec", shlex.join(map(str, words)), "/dev/null"] if job.pty else words

    def run(self, children, job, data=b"", limit=LIMIT):
        job = job.of_suite()
        words = self.command(children, job)
        if not job.pty:
            words = ["sh", "-c", SPOOL, children.path(".out"), *words]
        return finish(children.start(*words, env=environment(children, **self.variables(children, job))), data, limit)

    def variables(self, children, job):
        # Without a terminal it has nobody to ask; where the host's key is unknown it would.
        return {"DROPBEAR_PASSWORD": job.password.read_text().rstrip("\n")} if job.password else {}


class Putty(Client):
    denied = "denied|No supported authentication methods|Unable to authenticate|FATAL ERROR: .*auth"
    distrusts = "[Hh]ost key"
    stderr_is_exact = False
    failure = (1,)

    def session(self, children, job):
        """A saved session is the only place for some of its settings."""
        folder = children.folder / "putty" / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"RekeyBytes={job.rekey or '1G'}", f"Compression={int(job.compression == 'zlib@openssh.com')}"]
        (folder / "peer").write_text("".join(f"{line}\n" for line in lines))

    def trust(self, children, authority):
        folder = children.folder / "putty" / "sshhostcas"
        folder.mkdir(exist_ok=True)
        (folder / "interop").write_text(f"PublicKey={authority.line.split()[1]}\nValidity=*\n")

    def common(self, children, job):
        self.session(children, job)
        # It never takes an unknown key without asking, so that None has to be told as what the server has.
        known = options("-hostkey", *(key.fingerprint for key in job.known_keys))
        if job.authority:
            self.trust(children, job.authority)
            known = []
        return ["-batch", "-load", "peer", "-P", job.port, "-l", job.user, "-noagent", *known,
                *(["-i", job.key.putty()] if job.key else []), *options("-pwfile", job.password)]

    def command(self, children, job):
        what = ["-nc", "%s:%d" % job.direct] if job.direct else [*options("-L", job.local), *options("-R", job.remote)]
        what += ["-t"] if job.pty else ["-T"]
        what += ["-N"] if job.idle else []
        last = ["-s", HOST, job.subsystem] if job.subsystem else [HOST, *([job.command] if job.command else [])]
        return ["plink", "-ssh", "-no-antispoof", "-no-sanitise-stdout", "-no-sanitise-stderr",
                *self.common(children, job), *what, *last]

    def start_sftp(self, children, job, commands):
        return children.start("psftp", *self.common(children, job), "-be", "-b", commands, HOST,
                              env=environment(children, **self.variables(children, job)))

    def start_pscp(self, children, job, source, target):
        return children.start("pscp", *self.common(children, job), source, f"{HOST}:{target}",
                              env=environment(children, **self.variables(children, job)))

    def variables(self, children, job):
        return {"PUTTYDIR": str(children.folder / "putty")}


class Own(Client):
    """A program with the command line of examples/c/ssh_client: Sessile's own, and the peers of the folder peers."""

    denied = "[Dd]enied|[Aa]uthenticat"
    distrusts = "[Hh]ost key"

    def __init__(self, name, *program, rekeys=True):
        super().__init__(name)
        self.program = program
        self.rekeys = rekeys

    def command(self, children, job):
        words = [*self.program, *options("-p", job.port), *options("-l", job.user)]
        words += options("-i", job.key and job.key.path)
        words += options("--password-file", job.password)
        words += options("--hostbased", job.machine and job.machine.path)
        words += options("--known-hosts", job.known_hosts)
        words += ["--host-key-check", "yes" if job.known_hosts else "no"]
        words += [*options("--kex", job.kex), *options("--ciphers", job.cipher), *options("--macs", job.mac),
                  *options("--host-key-algorithms", job.host_key), *options("--user-key-algorithms", job.user_key),
                  *options("--compression", job.compression), *options("--rekey-bytes", job.rekey)]
        words += ["-t"] if job.pty else []
        words += ["-W", "%s:%d" % job.direct] if job.direct else []
        words += [*options("-L", job.local), *options("-R", job.remote), *options("-s", job.subsystem)]
        words += [*options("-D", job.socks), *options("-J", job.jump), *(["-N"] if job.idle else [])]
        return [*words, HOST, *([job.command] if job.command else [])]


def clients():
    """Each peer's client by its name."""
    return {client.name: client for client in (
        Openssh(), Dropbear("dropbear"), Putty("PuTTY"),
        *(Own(name, *command, rekeys=name not in build.NO_REKEY) for name, command in build.clients().items()))}


